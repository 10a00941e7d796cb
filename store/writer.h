#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <sqlite3.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/types.h"
#include "core/batch.h"
#include "core/tile.h"
#include "store/schema.h"

/* The statements that write, each behind a function that binds and runs it. Inside store/.
 * All run inside the transaction of writer_begin ... writer_commit; bound bytes are borrowed
 * and nothing is copied or allocated for a row. */

struct writer;

/* key: of the sums. */
MUST_CHECK enum err writer_create(
	sqlite3 *db, const uint8_t key[FINGERPRINT_KEY_BYTES], struct writer **ret_writer);
void writer_destroy(struct writer *writer); /* NULL is fine */

MUST_CHECK enum err writer_begin(struct writer *writer);
/* ERR_OK: on disk. ERR_NO_SPACE: not there, rolled back. ERR_UNKNOWN: nobody knows. */
MUST_CHECK enum err writer_commit(struct writer *writer);
void writer_rollback(struct writer *writer);

MUST_CHECK enum err writer_fence_get(struct writer *writer, uint64_t *ret_fence);
/* What moves in meta: the fence, and what a commit without entries has no root row for. */
MUST_CHECK enum err writer_meta(struct writer *writer, const struct schema_meta *meta,
	int64_t batch_ts_unix_ms, uint64_t low_water);

/* Waits for its neighbours until writer_entries_end: some rows are inserted at once. */
MUST_CHECK enum err writer_entry(
	struct writer *writer, uint64_t seq, const struct batch_entry *entry);
MUST_CHECK enum err writer_entries_end(struct writer *writer);
MUST_CHECK enum err writer_txid(struct writer *writer, const struct id128 *txid, uint64_t seq);
MUST_CHECK enum err writer_tile(struct writer *writer, unsigned level, uint64_t index,
	const struct hash hashes[TILE_WIDTH]);
MUST_CHECK enum err writer_fingerprints(struct writer *writer, uint64_t block, struct slice pairs);

MUST_CHECK enum err writer_root(struct writer *writer, const struct schema_root *root);

MUST_CHECK enum err writer_row(
	struct writer *writer, enum schema_table table, uint64_t key, struct slice record);
MUST_CHECK enum err writer_claim_delete(struct writer *writer, uint64_t key);
MUST_CHECK enum err writer_control(struct writer *writer, uint64_t index, struct slice record);
MUST_CHECK enum err writer_audit(
	struct writer *writer, uint64_t index, struct slice record, const struct hash *hash);

/* In place of the one that is there. */
MUST_CHECK enum err writer_checkpoint(
	struct writer *writer, const struct schema_checkpoint *checkpoint);
/* The ledger's name; its sum is writer_meta's, which must follow. */
MUST_CHECK enum err writer_origin(struct writer *writer, const char *origin);

#endif
