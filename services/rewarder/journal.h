#ifndef SERVICES_REWARDER_JOURNAL_H
#define SERVICES_REWARDER_JOURNAL_H

/* Records behind each other in one file, each durable before what follows from it:
 *
 *   magic | {length u32, ~length u32, payload, BLAKE3 of the one before and the payload}...
 *
 * Half a record at its end is what a crash left, and is cut off; anything else that does not fit is
 * damage, with which nothing starts. A disk that is full, or has but engine.disk_reserve left,
 * takes no record: the file is as it was. One that fails ends the worker. */

#include "common/space.h"
#include "common/worker.h"
#include "core/bytes.h"

#define JOURNAL_HEAD_BYTES 8u

struct journal {
	struct worker *worker;
	int dir_fd;                 /* borrowed */
	int fd;                     /* -1: there is no file yet */
	uint64_t bytes, bytes_live; /* live: when it was written anew */
	struct hash chain;
	uint64_t synced_bytes; /* what comes behind is not promised yet */
	struct hash synced_chain;
	struct space space;
	size_t payload_bytes_max;
	uint8_t *scratch; /* owned; one record */
};

/* Before the filter, as all until the last record is read; ends the worker with a sentence when it
 * cannot. */
void journal_open(
	struct journal *journal, struct worker *worker, int dir_fd, size_t payload_bytes_max);
/* The next record's payload, in the scratch; empty: there are no more. */
struct slice journal_next(struct journal *journal);
noreturn void journal_damaged(const struct journal *journal, const char *what);

/* A payload is written to journal_payload, and then appended. Not synced. ERR_NO_SPACE. */
struct byte_writer journal_payload(struct journal *journal);
MUST_CHECK enum err journal_append(struct journal *journal, size_t payload_bytes);
/* ERR_NO_SPACE: what was appended since the last sync is not there. */
MUST_CHECK enum err journal_sync(struct journal *journal);

/* Puts one after the other, from number 0; false: there are no more. */
typedef bool journal_put(void *owner, uint32_t number, struct byte_writer *out);

/* Whether most of it is history. */
bool journal_is_old(const struct journal *journal);
/* All that is true, in a new file that takes the place of this one. ERR_NO_SPACE: it did not, and
 * nothing is lost. */
MUST_CHECK enum err journal_write_anew(struct journal *journal, journal_put *put, void *owner);

#endif
