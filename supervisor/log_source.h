#ifndef SUPERVISOR_LOG_SOURCE_H
#define SUPERVISOR_LOG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/errors.h"
#include "common/slice.h"
#include "supervisor/log_render.h"
#include "supervisor/log_repeats.h"
#include "supervisor/log_sink.h"

/* A worker's two pipes, read by the supervisor: log records, and its standard error. Bytes
 * go in, stamped lines come out to the sink. At most LOG_SOURCE_RECORDS_PER_S a second of
 * each worker are rendered; what is over is counted and said once a second. Before that what
 * clients may repeat without end is summed up (log_repeats.h), so that it takes no room from
 * others.
 *
 * A record that does not parse cannot be told from what follows it, so the source ends:
 * the caller closes the pipe and treats the worker as accused.
 *
 * Spans (common/trace.h) come in the same pipe and are no lines: they go to the taker. */
#define LOG_SOURCE_RECORDS_PER_S    1000u
#define LOG_SOURCE_SPANS_PER_S      20000u /* above otel.traces_per_second_max: a wall */
#define LOG_SOURCE_STDERR_BYTES_MAX LOG_TEXT_BYTES_MAX

typedef void (*log_source_take_span)(
	void *context, struct process_id process, const struct log_record *record);

struct log_source {
	struct log_sink *sink;          /* borrowed */
	log_source_take_span take_span; /* NULL: spans are dropped */
	void *span_context;
	struct log_repeats repeats;
	bool tells_repeats; /* each of them: somebody wants to see everything */
	enum log_format format;
	struct process_id process;
	uint32_t pid;
	struct instant window_start;
	uint32_t window_records, window_spans;
	uint64_t suppressed; /* in this window */
	size_t record_bytes; /* of `record` that are there */
	size_t stderr_bytes;
	uint8_t record[LOG_RECORD_BYTES_MAX];
	uint8_t stderr_line[LOG_SOURCE_STDERR_BYTES_MAX];
};

void log_source_init(struct log_source *source, struct log_sink *sink, enum log_format format,
	struct process_id process, uint32_t pid);

/* Bytes as read from the log pipe, in any pieces. ERR_MALFORMED: log_malformed was written,
 * the pipe is to be closed. */
MUST_CHECK enum err log_source_take(struct log_source *source, struct slice bytes);

/* Bytes as read from the worker's stderr: each line becomes an event worker_stderr. */
void log_source_take_stderr(struct log_source *source, struct slice bytes);

/* Once a second: says what was suppressed, and at the end of a period what was repeated. */
void log_source_tick(struct log_source *source);

/* After EOF: an unfinished line of stderr and what was left out are written too. */
void log_source_finish(struct log_source *source);

#endif
