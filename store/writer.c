#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

#include "store/sql.h"

/* Entries are the many rows: one statement takes so many at once, which saves its begin and end
 * and the way down the tree for all but the first. OR FAIL: a statement that fails leaves what it
 * did so far, so that SQLite need not keep each page as it was before; the transaction is rolled
 * back in any case. */
#define ENTRIES_PER_INSERT 16u
#define ENTRY_COLUMNS      11
#define ENTRY_ROW          "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define ENTRY_ROWS_4       ENTRY_ROW ", " ENTRY_ROW ", " ENTRY_ROW ", " ENTRY_ROW
#define ENTRY_ROWS_16      ENTRY_ROWS_4 ", " ENTRY_ROWS_4 ", " ENTRY_ROWS_4 ", " ENTRY_ROWS_4

#define STATEMENTS(S)                                                                             \
	S(begin, "BEGIN IMMEDIATE")                                                               \
	S(commit, "COMMIT")                                                                       \
	S(rollback, "ROLLBACK")                                                                   \
	S(fence_get, "SELECT fence FROM meta WHERE id = 1")                                       \
	S(meta, "UPDATE meta SET fence = ?1, batch_ts = ?2, low_water = ?3, sum = ?4 WHERE id = " \
		"1")                                                                              \
	S(entry, "INSERT INTO entries VALUES" ENTRY_ROW)                                          \
	S(entries, "INSERT OR FAIL INTO entries VALUES" ENTRY_ROWS_16)                            \
	S(txid, "INSERT INTO txids VALUES(?1, ?2)")                                               \
	S(tile, "INSERT INTO tiles VALUES(?1, ?2)")                                               \
	S(fingerprints, "INSERT INTO fingerprints VALUES(?1, ?2)")                                \
	S(root, "INSERT INTO roots VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")                           \
	S(accounts, "REPLACE INTO accounts VALUES(?1, ?2, ?3)")                                   \
	S(chunks, "REPLACE INTO chunks VALUES(?1, ?2, ?3)")                                       \
	S(claims, "REPLACE INTO claims VALUES(?1, ?2, ?3)")                                       \
	S(counters, "REPLACE INTO counters VALUES(?1, ?2, ?3)")                                   \
	S(claim_delete, "DELETE FROM claims WHERE key = ?1")                                      \
	S(control, "INSERT INTO controls VALUES(?1, ?2, ?3)")                                     \
	S(audit, "INSERT INTO audits VALUES(?1, ?2, ?3)")                                         \
	S(checkpoint, "REPLACE INTO checkpoints VALUES(1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)")           \
	S(origin, "UPDATE meta SET origin = ?1 WHERE id = 1")

_Static_assert(BATCH_CHUNK_BYTES_MAX + 64 <= SCHEMA_SUM_BYTES_MAX &&
		       BATCH_RECEIPT_BYTES_MAX + IDEM_ID_BYTES_MAX + 64 <= SCHEMA_SUM_BYTES_MAX,
	"a row of ours has a sum");

struct writer {
	sqlite3 *db;                        /* borrowed */
	uint8_t key[FINGERPRINT_KEY_BYTES]; /* of the sums */
	struct pending {
		uint64_t seq;
		struct batch_entry entry;
	} pending[ENTRIES_PER_INSERT]; /* borrowing from the batch that is being written */
	size_t pending_count;
	bool had_optional[ENTRIES_PER_INSERT]; /* the row in this place last time */
	bool single_had_optional;
#define AS_MEMBER(name, text) sqlite3_stmt *name;
	STATEMENTS(AS_MEMBER)
#undef AS_MEMBER
};

void writer_destroy(struct writer *writer)
{
	if (writer == NULL) {
		return;
	}
#define AS_FINALIZE(name, text) (void)sqlite3_finalize(writer->name);
	STATEMENTS(AS_FINALIZE)
#undef AS_FINALIZE
	free(writer);
}

enum err writer_create(
	sqlite3 *db, const uint8_t key[FINGERPRINT_KEY_BYTES], struct writer **ret_writer)
{
	struct writer *writer = calloc(1, sizeof *writer);
	enum err err = writer == NULL ? ERR_IO : ERR_OK;

	if (err == ERR_OK) {
		writer->db = db;
		memcpy(writer->key, key, sizeof writer->key);
	}
#define AS_PREPARE(name, text)                              \
	if (err == ERR_OK) {                                \
		err = sql_prepare(db, text, &writer->name); \
	}
	STATEMENTS(AS_PREPARE)
#undef AS_PREPARE
	if (err != ERR_OK) {
		writer_destroy(writer);
		return err;
	}
	*ret_writer = writer;
	return ERR_OK;
}

enum err writer_begin(struct writer *writer)
{
	writer->pending_count = 0; /* of a batch that was given up */
	return sql_run(writer->begin);
}

void writer_rollback(struct writer *writer)
{
	if (sqlite3_get_autocommit(writer->db) == 0) {
		sql_try(writer->rollback);
	}
}

/* A full disk fails the write of a frame, before the sync, and the commit mark is in the last
 * frame: nothing of it can come back. After any other failure the frames may be in the page
 * cache, and so in the next start's log, or not. */
enum err writer_commit(struct writer *writer)
{
	enum err err;

	assert(writer->pending_count == 0);
	err = sql_run(writer->commit);
	if (err == ERR_OK) {
		return ERR_OK;
	}
	writer_rollback(writer);
	return err == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_UNKNOWN;
}

enum err writer_fence_get(struct writer *writer, uint64_t *ret_fence)
{
	bool ok = true;
	int code = sqlite3_step(writer->fence_get);
	enum err err = sql_err(writer->db, code);
	uint64_t fence = 0;

	if (code == SQLITE_ROW) {
		fence = sql_get_u64(writer->fence_get, 0, &ok);
	} else if (err == ERR_OK) {
		err = ERR_CORRUPT;
	}
	(void)sqlite3_reset(writer->fence_get);
	if (err == ERR_OK && ok) {
		*ret_fence = fence;
	}
	return ok ? err : ERR_CORRUPT;
}

enum err writer_meta(struct writer *writer, const struct schema_meta *meta,
	int64_t batch_ts_unix_ms, uint64_t low_water)
{
	sql_bind_u64(writer->meta, 1, meta->fence);
	sql_bind_u64(writer->meta, 2, (uint64_t)batch_ts_unix_ms);
	sql_bind_u64(writer->meta, 3, low_water);
	sql_bind_sum(writer->meta, 4, schema_meta_sum(meta, batch_ts_unix_ms, low_water));
	return sql_run(writer->meta);
}

/* NULL where there is none. Most entries have nothing of it, and a parameter stays NULL. */
static void bind_optional(
	sqlite3_stmt *insert, int at, const struct batch_entry *entry, bool *had_optional)
{
	const struct slice salt = { entry->salt, entry->has_memo ? ENTRY_SALT_BYTES : 0 };
	const bool has_optional = entry->has_memo || entry->receipt.bytes_count > 0 ||
				  entry->idem_id.bytes_count > 0 || entry->lane != 0;

	if (!has_optional && !*had_optional) {
		return;
	}
	*had_optional = has_optional;
	sql_bind_bytes(insert, at, entry->memo);
	sql_bind_bytes(insert, at + 1, salt);
	sql_bind_bytes(insert, at + 2, entry->receipt);
	sql_bind_bytes(insert, at + 3, entry->idem_id);
	if (entry->lane == 0) {
		(void)sqlite3_bind_null(insert, at + 4);
		(void)sqlite3_bind_null(insert, at + 5);
	} else {
		(void)sqlite3_bind_int(insert, at + 4, entry->lane);
		sql_bind_sum(insert, at + 5, entry->lane_nonce);
	}
}

/* The row's columns from the statement's parameter `at` on. */
static void bind_entry(struct writer *writer, sqlite3_stmt *insert, int at,
	const struct pending *row, bool *had_optional)
{
	const struct batch_entry *entry = &row->entry;
	const uint64_t seq = row->seq;
	const uint64_t numbers[] = { seq, entry->prev_account_seq, entry->prev_counter_seq,
		entry->lane, entry->lane_nonce };
	const struct slice parts[] = { entry->receipt, entry->idem_id };

	sql_bind_u64(insert, at, seq);
	sql_bind_bytes(insert, at + 1, entry->leaf);
	sql_bind_u64(insert, at + 2, entry->prev_account_seq);
	sql_bind_u64(insert, at + 3, entry->prev_counter_seq);
	bind_optional(insert, at + 4, entry, had_optional);
	sql_bind_sum(insert, at + 10,
		schema_sum(writer->key, numbers, COUNT_OF(numbers), parts, COUNT_OF(parts)));
}

enum err writer_entry(struct writer *writer, uint64_t seq, const struct batch_entry *entry)
{
	writer->pending[writer->pending_count++] = (struct pending){ seq, *entry };
	if (writer->pending_count < ENTRIES_PER_INSERT) {
		return ERR_OK;
	}
	writer->pending_count = 0;
	for (size_t i = 0; i < ENTRIES_PER_INSERT; i++) {
		bind_entry(writer, writer->entries, (int)i * ENTRY_COLUMNS + 1, &writer->pending[i],
			&writer->had_optional[i]);
	}
	return sql_run(writer->entries);
}

enum err writer_entries_end(struct writer *writer)
{
	const size_t count = writer->pending_count;
	enum err err = ERR_OK;

	writer->pending_count = 0;
	for (size_t i = 0; i < count && err == ERR_OK; i++) {
		bind_entry(writer, writer->entry, 1, &writer->pending[i],
			&writer->single_had_optional);
		err = sql_run(writer->entry);
	}
	return err;
}

enum err writer_txid(struct writer *writer, const struct id128 *txid, uint64_t seq)
{
	sql_bind_bytes(writer->txid, 1, (struct slice){ txid->bytes, ID_BYTES });
	sql_bind_u64(writer->txid, 2, seq);
	return sql_run(writer->txid);
}

enum err writer_tile(
	struct writer *writer, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH])
{
	sql_bind_u64(writer->tile, 1, schema_tile_key(level, index));
	sql_bind_bytes(
		writer->tile, 2, (struct slice){ hashes[0].bytes, TILE_WIDTH * sizeof hashes[0] });
	return sql_run(writer->tile);
}

enum err writer_fingerprints(struct writer *writer, uint64_t block, struct slice pairs)
{
	sql_bind_u64(writer->fingerprints, 1, block);
	sql_bind_bytes(writer->fingerprints, 2, pairs);
	return sql_run(writer->fingerprints);
}

enum err writer_root(struct writer *writer, const struct schema_root *root)
{
	sql_bind_u64(writer->root, 1, root->last_seq);
	sql_bind_u64(writer->root, 2, root->first_seq);
	sql_bind_hash(writer->root, 3, &root->root);
	sql_bind_hash(writer->root, 4, &root->prev_root);
	sql_bind_u64(writer->root, 5, (uint64_t)root->batch_ts_unix_ms);
	sql_bind_u64(writer->root, 6, root->fence);
	sql_bind_sum(writer->root, 7, schema_root_sum(writer->key, root));
	return sql_run(writer->root);
}

enum err writer_row(
	struct writer *writer, enum schema_table table, uint64_t key, struct slice record)
{
	sqlite3_stmt *const statements[SCHEMA_TABLE_COUNT] = {
#define AS_STATEMENT(NAME, name) [SCHEMA_##NAME] = writer->name,
		SCHEMA_STATE_TABLES(AS_STATEMENT)
#undef AS_STATEMENT
	};

	sql_bind_u64(statements[table], 1, key);
	sql_bind_bytes(statements[table], 2, record);
	sql_bind_sum(statements[table], 3, schema_sum(writer->key, &key, 1, &record, 1));
	return sql_run(statements[table]);
}

enum err writer_claim_delete(struct writer *writer, uint64_t key)
{
	sql_bind_u64(writer->claim_delete, 1, key);
	return sql_run(writer->claim_delete);
}

enum err writer_control(struct writer *writer, uint64_t index, struct slice record)
{
	sql_bind_u64(writer->control, 1, index);
	sql_bind_bytes(writer->control, 2, record);
	sql_bind_sum(writer->control, 3, schema_sum(writer->key, &index, 1, &record, 1));
	return sql_run(writer->control);
}

enum err writer_audit(
	struct writer *writer, uint64_t index, struct slice record, const struct hash *hash)
{
	sql_bind_u64(writer->audit, 1, index);
	sql_bind_bytes(writer->audit, 2, record);
	sql_bind_hash(writer->audit, 3, hash);
	return sql_run(writer->audit);
}

enum err writer_checkpoint(struct writer *writer, const struct schema_checkpoint *checkpoint)
{
	sqlite3_stmt *replace = writer->checkpoint;

	sql_bind_u64(replace, 1, checkpoint->size);
	sql_bind_hash(replace, 2, &checkpoint->root);
	sql_bind_u64(replace, 3, checkpoint->audit_count);
	sql_bind_hash(replace, 4, &checkpoint->audit_head);
	sql_bind_bytes(replace, 5, checkpoint->checkpoint);
	sql_bind_bytes(replace, 6, checkpoint->audit);
	sql_bind_sum(replace, 7, schema_checkpoint_sum(writer->key, checkpoint));
	return sql_run(replace);
}

enum err writer_origin(struct writer *writer, const char *origin)
{
	(void)sqlite3_bind_text(writer->origin, 1, origin, -1, SQLITE_STATIC);
	return sql_run(writer->origin);
}
