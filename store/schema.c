#include "store/schema.h"

#include <string.h>

#include "core/bytes.h"
#include "core/sha256.h"
#include "core/siphash.h"
#include "store/sql.h"

/* "mnld": another program's database is refused before its tables are looked at. */
#define APPLICATION_ID      0x6d6e6c64
#define APPLICATION_ID_TEXT "1835953252"

#define CHECKPOINTS_COLUMNS                                                            \
	"checkpoints(id INTEGER PRIMARY KEY CHECK(id = 1), size INTEGER NOT NULL,"     \
	" root BLOB NOT NULL, audit_count INTEGER NOT NULL, audit_head BLOB NOT NULL," \
	" checkpoint BLOB NOT NULL, audit BLOB NOT NULL, sum INTEGER NOT NULL) STRICT;"

static const char tables_sql[] =
	"PRAGMA application_id = " APPLICATION_ID_TEXT ";"
	"CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), version INTEGER NOT NULL,"
	" hash INTEGER NOT NULL, fence INTEGER NOT NULL, born_ts INTEGER NOT NULL,"
	" fingerprint_key BLOB NOT NULL, origin TEXT NOT NULL, batch_ts INTEGER NOT NULL,"
	" low_water INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;"
	"CREATE TABLE entries(seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL,"
	" prev_account_seq INTEGER NOT NULL, prev_counter_seq INTEGER NOT NULL,"
	" memo BLOB, salt BLOB, receipt BLOB, idem_id BLOB,"
	" lane INTEGER, lane_nonce INTEGER, sum INTEGER NOT NULL) STRICT;"
	"CREATE TABLE txids(txid BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE roots(last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL,"
	" root BLOB NOT NULL, prev_root BLOB NOT NULL, batch_ts INTEGER NOT NULL,"
	" fence INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;"
	"CREATE TABLE tiles(key INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;"
	"CREATE TABLE fingerprints(block INTEGER PRIMARY KEY, pairs BLOB NOT NULL) STRICT;"
#define AS_TABLE(NAME, name)  \
	"CREATE TABLE " #name \
	"(key INTEGER PRIMARY KEY, record BLOB NOT NULL, sum INTEGER NOT NULL) STRICT;"
	SCHEMA_STATE_TABLES(AS_TABLE)
#undef AS_TABLE
		"CREATE TABLE controls(idx INTEGER PRIMARY KEY, record BLOB NOT NULL,"
		" sum INTEGER NOT NULL) STRICT;"
		"CREATE TABLE audits(idx INTEGER PRIMARY KEY, record BLOB NOT NULL,"
		" hash BLOB NOT NULL) STRICT;"
		"CREATE TABLE " CHECKPOINTS_COLUMNS;

uint64_t schema_sum(const uint8_t key[FINGERPRINT_KEY_BYTES], const uint64_t *numbers,
	size_t number_count, const struct slice *parts, size_t part_count)
{
	uint8_t bytes[SCHEMA_SUM_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	uint64_t sum;

	for (size_t i = 0; i < number_count; i++) {
		byte_put_u64(&out, numbers[i]);
	}
	for (size_t i = 0; i < part_count; i++) {
		byte_put_slice32(&out, parts[i]);
	}
	if (out.failed) {
		return 0;
	}
	sum = siphash_24(key, bytes, out.used);
	return sum == 0 ? 1 : sum;
}

uint64_t schema_root_sum(const uint8_t key[FINGERPRINT_KEY_BYTES], const struct schema_root *root)
{
	const uint64_t numbers[] = { root->first_seq, root->last_seq,
		(uint64_t)root->batch_ts_unix_ms, root->fence };
	const struct slice parts[] = { { root->root.bytes, HASH_BYTES },
		{ root->prev_root.bytes, HASH_BYTES } };

	return schema_sum(key, numbers, COUNT_OF(numbers), parts, COUNT_OF(parts));
}

uint64_t schema_checkpoint_sum(
	const uint8_t key[FINGERPRINT_KEY_BYTES], const struct schema_checkpoint *checkpoint)
{
	const uint64_t numbers[] = { checkpoint->size, checkpoint->audit_count };
	const struct slice parts[] = { { checkpoint->root.bytes, HASH_BYTES },
		{ checkpoint->audit_head.bytes, HASH_BYTES }, checkpoint->checkpoint,
		checkpoint->audit };

	return schema_sum(key, numbers, COUNT_OF(numbers), parts, COUNT_OF(parts));
}

uint64_t schema_meta_sum(
	const struct schema_meta *meta, int64_t batch_ts_unix_ms, uint64_t low_water)
{
	const uint64_t numbers[] = { meta->version, meta->hash, meta->fence,
		(uint64_t)meta->born_unix_ms, (uint64_t)batch_ts_unix_ms, low_water };
	const struct slice origin = { (const uint8_t *)meta->origin, strlen(meta->origin) };

	return schema_sum(meta->fingerprint_key, numbers, COUNT_OF(numbers), &origin, 1);
}

void schema_audit_link(const struct hash *before, struct slice record, struct hash *ret_hash)
{
	const struct slice parts[] = { { before->bytes, HASH_BYTES }, record };

	sha256_hash_parts(parts, COUNT_OF(parts), ret_hash);
}

enum err schema_create(sqlite3 *db, const struct schema_meta *meta)
{
	const struct slice key = { meta->fingerprint_key, FINGERPRINT_KEY_BYTES };
	sqlite3_stmt *insert = NULL;
	enum err err = sql_exec(db, tables_sql);

	if (err == ERR_OK) {
		err = sql_prepare(db,
			"INSERT INTO meta VALUES(1, ?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7)", &insert);
	}
	if (err != ERR_OK) {
		return err;
	}
	sql_bind_u64(insert, 1, meta->version);
	sql_bind_u64(insert, 2, meta->hash);
	sql_bind_u64(insert, 3, meta->fence);
	sql_bind_u64(insert, 4, (uint64_t)meta->born_unix_ms);
	sql_bind_bytes(insert, 5, key);
	(void)sqlite3_bind_text(insert, 6, meta->origin, -1, SQLITE_STATIC);
	sql_bind_sum(insert, 7, schema_meta_sum(meta, 0, 0));
	err = sql_run(insert);
	(void)sqlite3_finalize(insert);
	return err;
}

enum err schema_complete(sqlite3 *db)
{
	return sql_exec(db, "CREATE TABLE IF NOT EXISTS " CHECKPOINTS_COLUMNS);
}

static enum err application_check(sqlite3 *db, const char *dir, struct why *why)
{
	int64_t id = 0;
	int64_t table_count = 0;
	enum err err = sql_int(db, "PRAGMA application_id", &id);

	if (err == ERR_OK) {
		err = sql_int(db, "SELECT count(*) FROM sqlite_schema", &table_count);
	}
	if (err != ERR_OK) {
		sql_say(why, db, dir, "read");
		return err;
	}
	if (id == 0 && table_count == 0) {
		return ERR_NOT_FOUND;
	}
	if (id != APPLICATION_ID) {
		why_say(why, "%s/%s: is a database, but not a ledger of macronode", dir,
			SCHEMA_DATABASE);
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

static enum err meta_take(sqlite3_stmt *row, struct schema_meta *ret_meta)
{
	struct schema_meta meta = { .version = SCHEMA_VERSION };
	struct slice key = sql_get_bytes(row, 3);
	struct slice origin = sql_get_bytes(row, 4);
	bool ok = true;
	uint64_t hash = sql_get_u64(row, 0, &ok);
	uint64_t batch_ts, low_water;

	meta.fence = sql_get_u64(row, 1, &ok);
	meta.born_unix_ms = (int64_t)sql_get_u64(row, 2, &ok);
	batch_ts = sql_get_u64(row, 5, &ok);
	low_water = sql_get_u64(row, 6, &ok);
	if (!ok || (hash != MERKLE_SHA256 && hash != MERKLE_BLAKE3) ||
		key.bytes_count != FINGERPRINT_KEY_BYTES || origin.bytes_count == 0 ||
		origin.bytes_count > SCHEMA_ORIGIN_BYTES_MAX) {
		return ERR_CORRUPT;
	}
	meta.hash = (enum merkle_hash)hash;
	memcpy(meta.fingerprint_key, key.bytes, FINGERPRINT_KEY_BYTES);
	memcpy(meta.origin, origin.bytes, origin.bytes_count);
	if (schema_meta_sum(&meta, (int64_t)batch_ts, low_water) != sql_get_sum(row, 7)) {
		return ERR_CORRUPT;
	}
	*ret_meta = meta;
	return ERR_OK;
}

enum err schema_read(sqlite3 *db, const char *dir, struct schema_meta *ret_meta, struct why *why)
{
	sqlite3_stmt *select = NULL;
	int64_t version = 0;
	int code;
	enum err err = application_check(db, dir, why);

	if (err != ERR_OK) {
		return err;
	}
	/* The version stands alone in its look-up: the other columns may be of the future. */
	err = sql_int(db, "SELECT version FROM meta WHERE id = 1", &version);
	if (err == ERR_OK && version > SCHEMA_VERSION) {
		why_say(why,
			"%s/%s: has schema version %lld, this macronode knows up to %u; "
			"run the newer one or restore a snapshot",
			dir, SCHEMA_DATABASE, (long long)version, SCHEMA_VERSION);
		return ERR_STALE;
	}
	if (err == ERR_OK) {
		err = sql_prepare(db,
			"SELECT hash, fence, born_ts, fingerprint_key, origin, batch_ts, low_water,"
			" sum FROM meta"
			" WHERE id = 1 AND version = 1",
			&select);
	}
	if (err != ERR_OK) {
		sql_say(why, db, dir, "read its meta row");
		return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
	}
	code = sqlite3_step(select);
	err = code == SQLITE_ROW ? meta_take(select, ret_meta)
				 : (code == SQLITE_DONE ? ERR_CORRUPT : sql_err(db, code));
	(void)sqlite3_finalize(select);
	if (err != ERR_OK) {
		why_say(why, "%s/%s: its meta row is damaged", dir, SCHEMA_DATABASE);
	}
	return err;
}
