#ifndef SUPERVISOR_LOG_SINK_H
#define SUPERVISOR_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"

/* Where lines go: a file, or a stdout that may be a terminal, a pipe or journald's socket.
 * Nobody there can stop the supervisor's loop: lines wait in a ring, a full ring drops whole
 * lines and counts them, and a write happens only when it will not wait. Flags of a stdout
 * that we share with a shell are never touched. */
#define LOG_SINK_RING_BYTES (1024u * 1024u)

struct log_sink;

/* path NULL: stdout. ERR_IO: it could not be opened (errno). */
MUST_CHECK enum err log_sink_create(const char *path, struct log_sink **ret_sink);
void log_sink_destroy(struct log_sink *sink); /* writes what goes without waiting */

/* Takes the whole line or drops it. */
void log_sink_put(struct log_sink *sink, const char *line, size_t line_bytes);

/* Writes what goes without waiting. Call once a turn of the loop, and when the fd is
 * writable. True when nothing is left; false: wait until the fd is writable. SIGPIPE must be
 * ignored. */
bool log_sink_flush(struct log_sink *sink);

int log_sink_fd(const struct log_sink *sink); /* to watch while flush returns false */

/* USR1: opens the path anew, keeps the old file on failure. ERR_OK for stdout. */
MUST_CHECK enum err log_sink_reopen(struct log_sink *sink);

/* A reload: what comes from now on goes where `next` would have gone, which ends. */
void log_sink_take_over(struct log_sink *sink, struct log_sink *next);

/* Lines dropped since the last call. */
uint64_t log_sink_take_dropped(struct log_sink *sink);

#endif
