#ifndef STORE_EXPORT_H
#define STORE_EXPORT_H

#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "core/bytes.h"
#include "store/reader.h"

/* A store in pages of records, for snapshots and exports (docs/formats.md). Each call reads one
 * page of a walk from the record behind `after` on and appends what fits whole to `out`:
 *
 *   ENTRIES   ENTRY records of core/batch.h, their fingerprints zero      after = seq
 *   COMMITS   first u64 | last u64 | root 32 | prev root 32 | ts u64 | fence u64
 *                                                                         after = last seq
 *   CONTROLS, AUDITS, COUNTERS   u64 key | the record of core/batch.h     after = key
 *
 * The key of a counter is its number plus 1, so that 0 is before the first of everything.
 * *ret_after is where to go on; *ret_done: nothing up to `last` is left. */

#define EXPORTS(E)            \
	E(ENTRIES, entries)   \
	E(COMMITS, commits)   \
	E(CONTROLS, controls) \
	E(AUDITS, audits)     \
	E(COUNTERS, counters)

enum export_what {
#define AS_ENUM(NAME, name) EXPORT_##NAME,
	EXPORTS(AS_ENUM)
#undef AS_ENUM
		EXPORT_COUNT
};

#define EXPORT_COMMIT_BYTES 96u
/* More than any record takes, so that every page can hold one. */
#define EXPORT_PAGE_BYTES_MIN 8192u

/* ERR_CORRUPT: *ret_after is the last one that was good. */
MUST_CHECK enum err export_page(struct reader *reader, enum export_what what, uint64_t after,
	uint64_t last, struct byte_writer *out, uint64_t *ret_after, bool *ret_done);

/* The next commit of such a page; false at its end or at damage, as batch_next. */
MUST_CHECK bool export_next_commit(struct byte_reader *in, struct schema_root *ret_commit);

#endif
