#include "store/reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "core/tile.h"
#include "store/sql.h"

/* Every statement that a reader can run, prepared when it is opened. */
#define ENTRY_COLUMNS                                                                         \
	"seq, leaf, prev_account_seq, prev_counter_seq, memo, salt, receipt, idem_id, lane, " \
	"lane_nonce, sum"
#define ROOT_COLUMNS "first_seq, last_seq, root, prev_root, batch_ts, fence, sum"
#define PAGE_LIMIT   " LIMIT 1000"
_Static_assert(READER_PAGE_ROWS == 1000, "PAGE_LIMIT says it as text");

#define STATEMENTS(S)                                                                              \
	S(begin, "BEGIN")                                                                          \
	S(end, "COMMIT")                                                                           \
	S(meta_moving, "SELECT batch_ts, low_water, fence, sum FROM meta WHERE id = 1")            \
	S(root_last, "SELECT " ROOT_COLUMNS " FROM roots ORDER BY last_seq DESC LIMIT 1")          \
	S(entry_last, "SELECT coalesce(max(seq), 0) FROM entries")                                 \
	S(control_last, "SELECT coalesce(max(idx), 0) FROM controls")                              \
	S(audit_last, "SELECT idx, hash FROM audits ORDER BY idx DESC LIMIT 1")                    \
	S(entry, "SELECT " ENTRY_COLUMNS " FROM entries WHERE seq = ?1")                           \
	S(txid, "SELECT seq FROM txids WHERE txid = ?1")                                           \
	S(txid_last, "SELECT txid FROM txids ORDER BY txid DESC LIMIT 1")                          \
	S(root_at, "SELECT " ROOT_COLUMNS                                                          \
		   " FROM roots WHERE last_seq >= ?1 ORDER BY last_seq LIMIT 1")                   \
	S(tile, "SELECT hashes FROM tiles WHERE key = ?1")                                         \
	S(fingerprints, "SELECT pairs FROM fingerprints WHERE block = ?1")                         \
	S(counts, "SELECT (SELECT count(*) FROM txids), (SELECT count(*) FROM tiles),"             \
		  " (SELECT count(*) FROM fingerprints)")                                          \
	S(entries_page, "SELECT " ENTRY_COLUMNS                                                    \
			" FROM entries WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq" PAGE_LIMIT)     \
	S(roots_page, "SELECT " ROOT_COLUMNS " FROM roots WHERE last_seq >= ?1 AND last_seq <= ?2" \
		      " ORDER BY last_seq" PAGE_LIMIT)                                             \
	S(accounts_page, "SELECT key, record, sum FROM accounts WHERE key >= ?1 AND key <= ?2"     \
			 " ORDER BY key" PAGE_LIMIT)                                               \
	S(chunks_page, "SELECT key, record, sum FROM chunks WHERE key >= ?1 AND key <= ?2"         \
		       " ORDER BY key" PAGE_LIMIT)                                                 \
	S(claims_page, "SELECT key, record, sum FROM claims WHERE key >= ?1 AND key <= ?2"         \
		       " ORDER BY key" PAGE_LIMIT)                                                 \
	S(counters_page, "SELECT key, record, sum FROM counters WHERE key >= ?1 AND key <= ?2"     \
			 " ORDER BY key" PAGE_LIMIT)                                               \
	S(controls_page, "SELECT idx, record, sum FROM controls WHERE idx >= ?1 AND idx <= ?2"     \
			 " ORDER BY idx" PAGE_LIMIT)                                               \
	S(audits_page, "SELECT idx, record, hash FROM audits WHERE idx >= ?1 AND idx <= ?2"        \
		       " ORDER BY idx" PAGE_LIMIT)                                                 \
	S(checkpoint, "SELECT size, root, audit_count, audit_head, checkpoint, audit, sum"         \
		      " FROM checkpoints WHERE id = 1")

struct reader {
	sqlite3 *db;
	bool borrowed; /* db is the writer's */
	struct schema_meta meta;
	uint8_t *copy; /* owned; the row that the last call gave out */
	size_t copy_bytes_max;
#define AS_MEMBER(name, text) sqlite3_stmt *name;
	STATEMENTS(AS_MEMBER)
#undef AS_MEMBER
};

void reader_close(struct reader *reader)
{
	if (reader == NULL) {
		return;
	}
#define AS_FINALIZE(name, text) (void)sqlite3_finalize(reader->name); /* NULL is fine */
	STATEMENTS(AS_FINALIZE)
#undef AS_FINALIZE
	if (!reader->borrowed) {
		(void)sqlite3_close(reader->db);
	}
	free(reader->copy);
	free(reader);
}

static enum err prepare_all(struct reader *reader)
{
	enum err err = ERR_OK;

#define AS_PREPARE(name, text)                                      \
	if (err == ERR_OK) {                                        \
		err = sql_prepare(reader->db, text, &reader->name); \
	}
	STATEMENTS(AS_PREPARE)
#undef AS_PREPARE
	return err;
}

/* An SQLite URI takes any byte but three literally. */
static bool uri_print(const struct reader_config *config, char *uri, size_t uri_bytes_max)
{
	static const char hex[] = "0123456789abcdef";
	const char *tail = config->shm_readonly ? "?readonly_shm=1" : "";
	const char *parts[] = { "file:", config->dir, "/" SCHEMA_DATABASE, tail };
	size_t used = 0;

	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		for (const char *c = parts[i]; *c != '\0'; c++) {
			bool quote = i == 1 && strchr("?#%", *c) != NULL;

			if (uri_bytes_max - used < 4) {
				return false;
			}
			uri[used++] = quote ? '%' : *c;
			if (quote) {
				uri[used++] = hex[(unsigned char)*c >> 4];
				uri[used++] = hex[(unsigned char)*c & 15];
			}
		}
	}
	uri[used] = '\0';
	return true;
}

static enum err connect(const struct reader_config *config, sqlite3 **ret_db, struct why *why)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
			  SQLITE_OPEN_PRIVATECACHE;
	char uri[4096 * 3];
	int code;

	if (!uri_print(config, uri, sizeof uri)) {
		why_say(why, "%s: the path is too long", config->dir);
		return ERR_TOO_LARGE;
	}
	code = sqlite3_open_v2(uri, ret_db, flags, NULL);
	if (code != SQLITE_OK) {
		sql_say(why, *ret_db, config->dir, "open it for reading");
		return code == SQLITE_CANTOPEN ? ERR_NOT_FOUND : sql_err(*ret_db, code);
	}
	(void)sqlite3_extended_result_codes(*ret_db, 1);
	(void)sqlite3_db_config(*ret_db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return sql_exec(*ret_db, "PRAGMA query_only = ON; PRAGMA temp_store = memory;"
				 "PRAGMA mmap_size = 0; PRAGMA cache_size = -8192;");
}

static enum err start(struct reader *reader, const char *dir, struct why *why)
{
	enum err err = schema_read(reader->db, dir, &reader->meta, why);

	if (err != ERR_OK) {
		if (err == ERR_NOT_FOUND) {
			why_say(why, "%s/%s: is empty, no ledger was created in it", dir,
				SCHEMA_DATABASE);
		}
		return err;
	}
	err = prepare_all(reader);
	if (err != ERR_OK) {
		sql_say(why, reader->db, dir, "read its tables");
	}
	return err;
}

enum err reader_open(
	const struct reader_config *config, struct reader **ret_reader, struct why *why)
{
	struct reader *reader = calloc(1, sizeof *reader);
	enum err err = ERR_IO;

	if (reader == NULL) {
		why_say(why, "%s: out of memory", config->dir);
		goto out;
	}
	err = connect(config, &reader->db, why);
	if (err != ERR_OK) {
		goto out;
	}
	err = start(reader, config->dir, why);
	if (err != ERR_OK) {
		goto out;
	}
	*ret_reader = reader;
	reader = NULL; /* handed over */
out:
	reader_close(reader);
	return err;
}

enum err reader_borrow(sqlite3 *db, const char *dir, struct reader **ret_reader, struct why *why)
{
	struct reader *reader = calloc(1, sizeof *reader);
	enum err err;

	if (reader == NULL) {
		why_say(why, "%s: out of memory", dir);
		return ERR_IO;
	}
	reader->db = db;
	reader->borrowed = true;
	err = start(reader, dir, why);
	if (err != ERR_OK) {
		reader_close(reader);
		return err;
	}
	*ret_reader = reader;
	return ERR_OK;
}

void reader_renamed(struct reader *reader, const char *origin)
{
	assert(strlen(origin) <= SCHEMA_ORIGIN_BYTES_MAX);
	strncpy(reader->meta.origin, origin, SCHEMA_ORIGIN_BYTES_MAX);
}

/* Who may not mend the index of the log cannot tell one that is half written from one that nobody
 * will finish; when it asks whether somebody writes, the writer has usually just finished. */
#define INDEX_LOOKS_MAX 8u

static int step(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	for (unsigned i = 1; i < INDEX_LOOKS_MAX && code == SQLITE_READONLY_RECOVERY; i++) {
		(void)sqlite3_reset(statement);
		code = sqlite3_step(statement);
	}
	return code;
}

/* One row or ERR_NOT_FOUND. The statement stays on the row; finish with release(). */
static enum err one_row(struct reader *reader, sqlite3_stmt *statement)
{
	int code = step(statement);
	enum err err;

	if (code == SQLITE_ROW) {
		return ERR_OK;
	}
	err = code == SQLITE_DONE ? ERR_NOT_FOUND : sql_err(reader->db, code);
	(void)sqlite3_reset(statement);
	return err;
}

/* Ends the read transaction: a row that is kept would hold back the folding of the log. */
static enum err release(sqlite3_stmt *statement, bool ok)
{
	(void)sqlite3_reset(statement);
	return ok ? ERR_OK : ERR_CORRUPT;
}

static struct schema_root root_take(const struct reader *reader, sqlite3_stmt *row, bool *ok)
{
	struct schema_root root;

	root.first_seq = sql_get_u64(row, 0, ok);
	root.last_seq = sql_get_u64(row, 1, ok);
	root.root = sql_get_hash(row, 2, ok);
	root.prev_root = sql_get_hash(row, 3, ok);
	root.batch_ts_unix_ms = (int64_t)sql_get_u64(row, 4, ok);
	root.fence = sql_get_u64(row, 5, ok);
	*ok = *ok && schema_root_sum(reader->meta.fingerprint_key, &root) == sql_get_sum(row, 6);
	return root;
}

static uint64_t entry_sum(const struct reader *reader, const struct reader_entry *entry)
{
	const uint64_t numbers[] = { entry->seq, entry->prev_account_seq, entry->prev_counter_seq,
		entry->lane, entry->lane_nonce };
	const struct slice parts[] = { entry->receipt, entry->idem_id };

	return schema_sum(
		reader->meta.fingerprint_key, numbers, COUNT_OF(numbers), parts, COUNT_OF(parts));
}

static struct reader_entry entry_view(const struct reader *reader, sqlite3_stmt *row, bool *ok)
{
	struct reader_entry entry;

	entry.seq = sql_get_u64(row, 0, ok);
	entry.leaf = sql_get_bytes(row, 1);
	entry.prev_account_seq = sql_get_u64(row, 2, ok);
	entry.prev_counter_seq = sql_get_u64(row, 3, ok);
	entry.memo = sql_get_bytes(row, 4);
	entry.salt = sql_get_bytes(row, 5);
	entry.receipt = sql_get_bytes(row, 6);
	entry.idem_id = sql_get_bytes(row, 7);
	entry.lane = (uint8_t)sqlite3_column_int(row, 8); /* NULL is 0 */
	entry.lane_nonce = sql_get_sum(row, 9);
	*ok = *ok && entry_sum(reader, &entry) == sql_get_sum(row, 10);
	return entry;
}

/* Copies the slices behind one another into the reader's own memory. */
static enum err keep(struct reader *reader, struct slice *const *slices, size_t slice_count)
{
	size_t used = 0;
	size_t total = 0;

	for (size_t i = 0; i < slice_count; i++) {
		total += slices[i]->bytes_count;
	}
	if (total > reader->copy_bytes_max) {
		uint8_t *larger = realloc(reader->copy, total);

		if (larger == NULL) {
			return ERR_IO;
		}
		reader->copy = larger;
		reader->copy_bytes_max = total;
	}
	for (size_t i = 0; i < slice_count; i++) {
		if (slices[i]->bytes_count > 0) {
			memcpy(reader->copy + used, slices[i]->bytes, slices[i]->bytes_count);
			slices[i]->bytes = reader->copy + used;
			used += slices[i]->bytes_count;
		}
	}
	return ERR_OK;
}

static enum err head_read(struct reader *reader, struct reader_head *ret_head)
{
	struct reader_head head = { .meta = reader->meta };
	bool ok = true;
	enum err err = one_row(reader, reader->meta_moving);

	if (err != ERR_OK) {
		return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
	}
	head.batch_ts_unix_ms = (int64_t)sql_get_u64(reader->meta_moving, 0, &ok);
	head.low_water = sql_get_u64(reader->meta_moving, 1, &ok);
	head.meta.fence = sql_get_u64(reader->meta_moving, 2, &ok);
	ok = ok && schema_meta_sum(&head.meta, head.batch_ts_unix_ms, head.low_water) ==
			   sql_get_sum(reader->meta_moving, 3);
	err = release(reader->meta_moving, ok);
	if (err == ERR_OK) {
		err = one_row(reader, reader->root_last);
	}
	if (err == ERR_OK) {
		struct schema_root last = root_take(reader, reader->root_last, &ok);

		head.size = last.last_seq;
		head.root = last.root;
		if (last.batch_ts_unix_ms > head.batch_ts_unix_ms) {
			head.batch_ts_unix_ms = last.batch_ts_unix_ms;
		}
		err = release(reader->root_last, ok);
	} else if (err == ERR_NOT_FOUND) {
		merkle_empty(head.meta.hash, &head.root);
		err = ERR_OK;
	}
	if (err == ERR_OK) {
		err = one_row(reader, reader->audit_last);
	}
	if (err == ERR_OK) {
		head.audit_count = sql_get_u64(reader->audit_last, 0, &ok);
		head.audit_head = sql_get_hash(reader->audit_last, 1, &ok);
		err = release(reader->audit_last, ok);
	} else if (err == ERR_NOT_FOUND) {
		err = ERR_OK;
	}
	if (err == ERR_OK) {
		err = one_row(reader, reader->control_last);
	}
	if (err == ERR_OK) {
		head.control_count = sql_get_u64(reader->control_last, 0, &ok);
		err = release(reader->control_last, ok);
	}
	if (err == ERR_OK) {
		err = one_row(reader, reader->entry_last);
	}
	if (err == ERR_OK) {
		head.entry_last = sql_get_u64(reader->entry_last, 0, &ok);
		err = release(reader->entry_last, ok);
	}
	if (err == ERR_OK) {
		*ret_head = head;
	}
	return err;
}

enum err reader_head(struct reader *reader, struct reader_head *ret_head)
{
	enum err err;

	if (sqlite3_get_autocommit(reader->db) == 0) {
		return head_read(reader, ret_head); /* inside the writer's transaction */
	}
	err = sql_run(reader->begin);
	if (err != ERR_OK) {
		return err;
	}
	err = head_read(reader, ret_head);
	sql_try(reader->end);
	return err;
}

enum err reader_entry(struct reader *reader, uint64_t seq, struct reader_entry *ret_entry)
{
	struct reader_entry entry;
	struct slice *const slices[] = { &entry.leaf, &entry.memo, &entry.salt, &entry.receipt,
		&entry.idem_id };
	bool ok = true;
	enum err err;

	if (seq > MERKLE_SIZE_MAX) {
		return ERR_NOT_FOUND;
	}
	sql_bind_u64(reader->entry, 1, seq);
	err = one_row(reader, reader->entry);
	if (err != ERR_OK) {
		return err;
	}
	entry = entry_view(reader, reader->entry, &ok);
	err = keep(reader, slices, COUNT_OF(slices));
	if (err != ERR_OK || !ok) {
		(void)sqlite3_reset(reader->entry);
		return ok ? err : ERR_CORRUPT;
	}
	*ret_entry = entry;
	return release(reader->entry, true);
}

enum err reader_txid(struct reader *reader, const struct id128 *txid, uint64_t *ret_seq)
{
	bool ok = true;
	uint64_t seq;
	enum err err;

	sql_bind_bytes(reader->txid, 1, (struct slice){ txid->bytes, ID_BYTES });
	err = one_row(reader, reader->txid);
	if (err != ERR_OK) {
		return err;
	}
	seq = sql_get_u64(reader->txid, 0, &ok);
	err = release(reader->txid, ok);
	if (err == ERR_OK) {
		*ret_seq = seq;
	}
	return err;
}

enum err reader_txid_last(struct reader *reader, struct id128 *ret_txid)
{
	enum err err = one_row(reader, reader->txid_last);
	struct slice bytes;

	if (err != ERR_OK) {
		return err;
	}
	bytes = sql_get_bytes(reader->txid_last, 0);
	if (bytes.bytes_count == ID_BYTES) {
		memcpy(ret_txid->bytes, bytes.bytes, ID_BYTES);
	}
	return release(reader->txid_last, bytes.bytes_count == ID_BYTES);
}

enum err reader_root_at(struct reader *reader, uint64_t seq, struct schema_root *ret_root)
{
	struct schema_root root;
	bool ok = true;
	enum err err;

	if (seq > MERKLE_SIZE_MAX) {
		return ERR_NOT_FOUND;
	}
	sql_bind_u64(reader->root_at, 1, seq);
	err = one_row(reader, reader->root_at);
	if (err != ERR_OK) {
		return err;
	}
	root = root_take(reader, reader->root_at, &ok);
	err = release(reader->root_at, ok);
	if (err == ERR_OK) {
		*ret_root = root;
	}
	return err;
}

static enum err blob(struct reader *reader, sqlite3_stmt *statement, uint64_t key,
	size_t bytes_count, struct slice *ret_bytes)
{
	struct slice bytes;
	struct slice *const slices[] = { &bytes };
	enum err err;

	sql_bind_u64(statement, 1, key);
	err = one_row(reader, statement);
	if (err != ERR_OK) {
		return err;
	}
	bytes = sql_get_bytes(statement, 0);
	err = bytes.bytes_count == bytes_count ? keep(reader, slices, 1) : ERR_CORRUPT;
	(void)sqlite3_reset(statement);
	if (err == ERR_OK) {
		*ret_bytes = bytes;
	}
	return err;
}

enum err reader_tile(struct reader *reader, unsigned level, uint64_t index, struct slice *ret_tile)
{
	if (level >= TILE_LEVELS_MAX || index > SCHEMA_TILE_INDEX_MAX) {
		return ERR_NOT_FOUND;
	}
	return blob(reader, reader->tile, schema_tile_key(level, index), TILE_WIDTH * HASH_BYTES,
		ret_tile);
}

enum err reader_fingerprints(struct reader *reader, uint64_t block, struct slice *ret_block)
{
	if (block > MERKLE_SIZE_MAX) {
		return ERR_NOT_FOUND;
	}
	return blob(reader, reader->fingerprints, block,
		(size_t)FINGERPRINT_BLOCK_ENTRIES * FINGERPRINT_BYTES, ret_block);
}

enum merkle_hash reader_hash(const struct reader *reader)
{
	return reader->meta.hash;
}

enum err reader_counts(struct reader *reader, struct reader_counts *ret_counts)
{
	struct reader_counts counts;
	bool ok = true;
	enum err err = one_row(reader, reader->counts);

	if (err != ERR_OK) {
		return err;
	}
	counts.txids = sql_get_u64(reader->counts, 0, &ok);
	counts.tiles = sql_get_u64(reader->counts, 1, &ok);
	counts.fingerprints = sql_get_u64(reader->counts, 2, &ok);
	err = release(reader->counts, ok);
	if (err == ERR_OK) {
		*ret_counts = counts;
	}
	return err;
}

enum err reader_checkpoint(struct reader *reader, struct schema_checkpoint *ret_checkpoint)
{
	sqlite3_stmt *row = reader->checkpoint;
	struct schema_checkpoint found;
	struct slice *const slices[] = { &found.checkpoint, &found.audit };
	bool ok = true;
	enum err err = one_row(reader, row);

	if (err != ERR_OK) {
		return err;
	}
	found.size = sql_get_u64(row, 0, &ok);
	found.root = sql_get_hash(row, 1, &ok);
	found.audit_count = sql_get_u64(row, 2, &ok);
	found.audit_head = sql_get_hash(row, 3, &ok);
	found.checkpoint = sql_get_bytes(row, 4);
	found.audit = sql_get_bytes(row, 5);
	ok = ok && found.checkpoint.bytes_count <= SCHEMA_NOTE_BYTES_MAX &&
	     found.audit.bytes_count <= SCHEMA_NOTE_BYTES_MAX &&
	     schema_checkpoint_sum(reader->meta.fingerprint_key, &found) == sql_get_sum(row, 6);
	err = ok ? keep(reader, slices, COUNT_OF(slices)) : ERR_CORRUPT;
	(void)sqlite3_reset(row);
	if (err == ERR_OK) {
		*ret_checkpoint = found;
	}
	return err;
}

/* A walk: one statement, one page, one function that makes a callback of a row. */
struct page {
	const struct reader *reader;
	sqlite3_stmt *statement;
	uint64_t *key; /* the caller's cursor */
	uint64_t key_max;
	bool (*take)(struct page *page, uint64_t *ret_key, bool *ok); /* false: enough */
	void *callback; /* the address of a function pointer of take()'s kind */
	void *context;
};

static enum err page_run(struct reader *reader, struct page *page, bool *ret_done)
{
	struct instant due = instant_after(clock_now(), duration_ms(READER_PAGE_MS));
	unsigned row_count = 0;
	bool more = true;
	bool ok = true;
	int code = SQLITE_DONE;

	if (*page->key > page->key_max) {
		*ret_done = true;
		return ERR_OK;
	}
	sql_bind_u64(page->statement, 1, *page->key);
	sql_bind_u64(page->statement, 2, page->key_max);
	while (more && ok && (code = step(page->statement)) == SQLITE_ROW) {
		uint64_t key = 0;

		more = page->take(page, &key, &ok);
		*page->key = ok ? key + 1 : key;
		row_count++;
		if (row_count % 32 == 0 && instant_reached(due, clock_now())) {
			more = false;
		}
	}
	(void)sqlite3_reset(page->statement);
	if (!ok) {
		return ERR_CORRUPT;
	}
	if (code != SQLITE_ROW && code != SQLITE_DONE) {
		return sql_err(reader->db, code);
	}
	*ret_done = code == SQLITE_DONE && row_count < READER_PAGE_ROWS;
	return ERR_OK;
}

static bool take_entry(struct page *page, uint64_t *ret_key, bool *ok)
{
	reader_on_entry *const *on_entry = page->callback;
	struct reader_entry entry = entry_view(page->reader, page->statement, ok);

	*ret_key = entry.seq;
	return *ok && (*on_entry)(page->context, &entry);
}

static bool take_root(struct page *page, uint64_t *ret_key, bool *ok)
{
	reader_on_root *const *on_root = page->callback;
	struct schema_root root = root_take(page->reader, page->statement, ok);

	*ret_key = root.last_seq;
	return *ok && (*on_root)(page->context, &root);
}

static bool take_row(struct page *page, uint64_t *ret_key, bool *ok)
{
	reader_on_row *const *on_row = page->callback;

	const struct slice record = sql_get_bytes(page->statement, 1);
	uint64_t sum;

	*ret_key = sql_get_u64(page->statement, 0, ok);
	sum = schema_sum(page->reader->meta.fingerprint_key, ret_key, 1, &record, 1);
	*ok = *ok && sum == sql_get_sum(page->statement, 2);
	return *ok && (*on_row)(page->context, *ret_key, record);
}

static bool take_audit(struct page *page, uint64_t *ret_key, bool *ok)
{
	reader_on_audit *const *on_audit = page->callback;
	struct hash hash = sql_get_hash(page->statement, 2, ok);

	*ret_key = sql_get_u64(page->statement, 0, ok);
	return *ok &&
	       (*on_audit)(page->context, *ret_key, sql_get_bytes(page->statement, 1), &hash);
}

enum err reader_entries(struct reader *reader, uint64_t *key, uint64_t last_seq,
	reader_on_entry *on_entry, void *context, bool *ret_done)
{
	struct page page = { reader, reader->entries_page, key, last_seq, take_entry, &on_entry,
		context };

	return page_run(reader, &page, ret_done);
}

enum err reader_roots(struct reader *reader, uint64_t *key, uint64_t last_seq,
	reader_on_root *on_root, void *context, bool *ret_done)
{
	struct page page = { reader, reader->roots_page, key, last_seq, take_root, &on_root,
		context };

	return page_run(reader, &page, ret_done);
}

enum err reader_rows(struct reader *reader, enum schema_table table, uint64_t *key,
	reader_on_row *on_row, void *context, bool *ret_done)
{
	sqlite3_stmt *const statements[SCHEMA_TABLE_COUNT] = {
#define AS_STATEMENT(NAME, name) [SCHEMA_##NAME] = reader->name##_page,
		SCHEMA_STATE_TABLES(AS_STATEMENT)
#undef AS_STATEMENT
	};
	struct page page = { reader, statements[table], key, INT64_MAX, take_row, &on_row,
		context };

	return page_run(reader, &page, ret_done);
}

enum err reader_controls(
	struct reader *reader, uint64_t *key, reader_on_row *on_row, void *context, bool *ret_done)
{
	struct page page = { reader, reader->controls_page, key, INT64_MAX, take_row, &on_row,
		context };

	return page_run(reader, &page, ret_done);
}

enum err reader_audits(struct reader *reader, uint64_t *key, reader_on_audit *on_audit,
	void *context, bool *ret_done)
{
	struct page page = { reader, reader->audits_page, key, INT64_MAX, take_audit, &on_audit,
		context };

	return page_run(reader, &page, ret_done);
}

struct roots_list {
	struct schema_root *roots;
	size_t limit;
	size_t count;
};

static bool list_root(void *context, const struct schema_root *root)
{
	struct roots_list *list = context;

	list->roots[list->count++] = *root;
	return list->count < list->limit;
}

enum err reader_roots_since(struct reader *reader, uint64_t since, struct schema_root *ret_roots,
	size_t limit, size_t *ret_count)
{
	struct roots_list list = { .roots = ret_roots, .limit = limit };
	uint64_t key = since + 1;
	bool done = false;
	enum err err = ERR_OK;

	if (limit > 0 && since < MERKLE_SIZE_MAX) {
		err = reader_roots(reader, &key, MERKLE_SIZE_MAX, list_root, &list, &done);
	}
	if (err == ERR_CORRUPT && list.count > 0) {
		err = ERR_OK;
	}
	if (err == ERR_OK) {
		*ret_count = list.count;
	}
	return err;
}
