#include "store/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "store/witness.h"
#include "tests/store_dir.h"

#define ENTRIES        4300u /* one full block of fingerprints, sixteen full tiles */
#define LOW_WATER      2000u
#define COMMIT_ENTRIES 50u
#define CONTROLS       (ENTRIES / 100) /* one each other commit, with its audit record */
#define COUNTERS       3u

/* A ledger with a row in every table, in commits of COMMIT_ENTRIES. */
static int fill(void **state)
{
	struct store_dir *dir;
	struct batch_counter counter = { .spent = 5, .asset = { (const uint8_t *)"ron", 3 } };
	struct store_commit commit;
	struct maker maker;

	if (store_dir_setup(state) != 0) {
		return -1;
	}
	dir = *state;
	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	maker_accounts(&maker);
	while (maker.size < ENTRIES) {
		uint64_t first = maker.size + 1;
		struct store_batch batch;

		maker_entries(&maker, COMMIT_ENTRIES);
		for (uint32_t i = 0; i < maker_chunk_count() && maker.size < 3000; i++) {
			maker_chunk(&maker, i);
		}
		if (first % 100 == 1) {
			counter.number = (uint32_t)(first / 100) % COUNTERS;
			batch_put_counter(&maker.out, &counter);
			maker_control(&maker, "acct-00003");
			maker_audit(&maker, "something was done");
		}
		batch = maker_batch(&maker, first);
		batch.low_water = maker.size > LOW_WATER ? LOW_WATER : 0;
		if (store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why) !=
			ERR_OK) {
			return -1;
		}
		maker.root = commit.root;
		maker.out = byte_writer_of(maker.bytes, MAKER_BYTES_MAX);
	}
	maker_finish(&maker);
	store_dir_close(dir);
	return 0;
}

/* What an auditor kept; not there unless a test says so. */
static struct witness kept;

static struct verify_result verify(struct store_dir *dir)
{
	struct reader_config reader_config = { .dir = dir->path };
	struct verify_config config = { .live = false, .dir = dir->path, .kept = kept };
	struct verify_result result = { .good = false };
	enum err err = reader_open(&reader_config, &config.reader, &dir->why);

	if (err == ERR_CORRUPT) { /* what everybody needs is damaged already */
		result.bad = VERIFY_HEAD;
		return result;
	}
	assert_int_equal(err, ERR_OK);
	assert_int_equal(verify_store(&config, &result, &dir->why), ERR_OK);
	reader_close(config.reader);
	return result;
}

static void sql(const struct store_dir *dir, const char *text)
{
	sqlite3 *db = NULL;
	char path[160];

	store_dir_file(dir, SCHEMA_DATABASE, path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_good_store_is_good_and_everything_in_it_was_counted(void **state)
{
	struct store_dir *dir = *state;
	struct verify_result result = verify(dir);

	assert_string_equal(result.what.text, "");
	assert_true(result.good);
	assert_int_equal(result.size, ENTRIES);
	assert_int_equal(result.checked[VERIFY_ENTRY], ENTRIES);
	assert_int_equal(result.checked[VERIFY_ROOT], ENTRIES / COMMIT_ENTRIES);
	assert_int_equal(result.checked[VERIFY_TILE], ENTRIES / 256);
	assert_int_equal(result.checked[VERIFY_FINGERPRINT], 1);
	assert_int_equal(result.checked[VERIFY_ACCOUNT], MAKER_BALANCES);
	assert_true(result.checked[VERIFY_CHUNK] >= maker_chunk_count());
	assert_true(result.checked[VERIFY_CLAIM] > 40); /* reversed transfers stay */
	assert_int_equal(result.checked[VERIFY_COUNTER], COUNTERS);
	assert_true(result.checked[VERIFY_CONTROL] > 10);
	assert_int_equal(result.checked[VERIFY_AUDIT], result.checked[VERIFY_CONTROL]);
	assert_true(result.checked[VERIFY_TXID] > 1000);
}

/* One bit in the middle of a column. */
struct flip {
	const char *table;
	const char *column;
	const char *where;
	enum verify_check check;
	uint64_t seq;
};

static const struct flip flips[] = {
	{ "meta", "hash", "id=1", VERIFY_HEAD, 0 },
	{ "meta", "fence", "id=1", VERIFY_HEAD, 0 },
	{ "meta", "born_ts", "id=1", VERIFY_HEAD, 0 },
	{ "meta", "batch_ts", "id=1", VERIFY_HEAD, 0 },
	{ "meta", "low_water", "id=1", VERIFY_HEAD, 0 },
	{ "meta", "fingerprint_key", "id=1", VERIFY_HEAD, 0 },
	{ "meta", "sum", "id=1", VERIFY_HEAD, 0 },
	{ "meta", "origin", "id=1", VERIFY_HEAD, 0 },
	{ "entries", "leaf", "seq=2222", VERIFY_ENTRY, 2222 },
	{ "entries", "prev_account_seq", "seq=2222", VERIFY_ENTRY, 2222 },
	{ "entries", "prev_counter_seq", "seq=2222", VERIFY_ENTRY, 2222 },
	{ "entries", "memo", "seq=2225", VERIFY_BALANCE, 2225 },
	{ "entries", "salt", "seq=2225", VERIFY_BALANCE, 2225 },
	{ "entries", "receipt", "seq=2223", VERIFY_ENTRY, 2223 },
	{ "entries", "idem_id", "seq=2226", VERIFY_ENTRY, 2226 },
	{ "entries", "lane", "seq=2223", VERIFY_ENTRY, 2223 },
	{ "entries", "lane_nonce", "seq=2223", VERIFY_ENTRY, 2223 },
	{ "entries", "sum", "seq=2222", VERIFY_ENTRY, 2222 },
	{ "txids", "txid", "seq=2223", VERIFY_TXID, 2223 },
	{ "txids", "seq", "seq=2223", VERIFY_TXID, 2223 },
	{ "roots", "first_seq", "last_seq=2150", VERIFY_ROOT, 2101 },
	{ "roots", "root", "last_seq=2150", VERIFY_ROOT, 2101 },
	{ "roots", "prev_root", "last_seq=2150", VERIFY_ROOT, 2101 },
	{ "roots", "batch_ts", "last_seq=2150", VERIFY_ROOT, 2101 },
	{ "roots", "fence", "last_seq=2150", VERIFY_ROOT, 2101 },
	{ "roots", "sum", "last_seq=2150", VERIFY_ROOT, 2101 },
	{ "tiles", "hashes", "key=8", VERIFY_TILE, 2049 },
	{ "fingerprints", "pairs", "block=0", VERIFY_FINGERPRINT, 1 },
	{ "accounts", "record", "key=7", VERIFY_ACCOUNT, 7 },
	{ "accounts", "sum", "key=7", VERIFY_ACCOUNT, 7 },
	{ "chunks", "record", "key=1", VERIFY_CHUNK, 1 },
	{ "chunks", "sum", "key=1", VERIFY_CHUNK, 1 },
	{ "claims", "record", "key=2239", VERIFY_CLAIM, 2239 },
	{ "claims", "sum", "key=2239", VERIFY_CLAIM, 2239 },
	{ "counters", "record", "key=0", VERIFY_COUNTER, 0 },
	{ "counters", "sum", "key=0", VERIFY_COUNTER, 0 },
	{ "controls", "record", "idx=3", VERIFY_CONTROL, 3 },
	{ "controls", "sum", "idx=3", VERIFY_CONTROL, 3 },
	{ "audits", "record", "idx=3", VERIFY_AUDIT, 3 },
	{ "audits", "hash", "idx=3", VERIFY_AUDIT, 3 },
};

static void a_flip_in_any_column_of_any_table_is_found_and_named(void **state)
{
	struct store_dir *dir = *state;

	sql(dir, "PRAGMA journal_mode = DELETE");
	for (size_t i = 0; i < COUNT_OF(flips); i++) {
		const struct flip *flip = &flips[i];
		struct store_dir_copy good = store_dir_save(dir, SCHEMA_DATABASE);
		struct verify_result result;
		char text[512];

		(void)snprintf(text, sizeof text,
			"UPDATE %s SET %s = CASE typeof(%s) WHEN 'integer' THEN %s + 1 "
			"WHEN 'text' THEN 'another' ELSE CAST(substr(%s,1,length(%s)/2) || "
			"char(unicode('~')) || "
			"substr(%s,length(%s)/2+2) AS BLOB) END WHERE %s",
			flip->table, flip->column, flip->column, flip->column, flip->column,
			flip->column, flip->column, flip->column, flip->where);
		sql(dir, text);
		result = verify(dir);
		if (result.good || result.bad != flip->check || result.bad_seq != flip->seq) {
			print_message("# %s.%s: %s %llu: %s\n", flip->table, flip->column,
				verify_check_name(result.bad), (unsigned long long)result.bad_seq,
				result.what.text);
		}
		assert_false(result.good);
		assert_int_equal(result.bad, flip->check);
		assert_int_equal(result.bad_seq, flip->seq);
		assert_true(result.bad == VERIFY_HEAD || result.what.text[0] != '\0');
		store_dir_restore(dir, SCHEMA_DATABASE, &good);
	}
	assert_true(verify(dir).good);
}

static void a_missing_or_surplus_row_is_found_and_named(void **state)
{
	static const struct {
		const char *text;
		enum verify_check check;
		uint64_t seq;
	} changes[] = {
		{ "DELETE FROM entries WHERE seq = 2222", VERIFY_ENTRY, 2222 },
		{ "DELETE FROM entries WHERE seq = 4300", VERIFY_ENTRY, 4300 },
		{ "DELETE FROM entries WHERE seq = 1", VERIFY_ENTRY, 1 },
		{ "INSERT INTO entries SELECT 4301, leaf, 0, 0, NULL, NULL, NULL, NULL, NULL, "
		  "NULL, "
		  "1 FROM entries WHERE seq = 4300",
			VERIFY_ENTRY, 4301 },
		{ "DELETE FROM roots WHERE last_seq = 2150", VERIFY_ROOT, 2101 },
		{ "DELETE FROM roots WHERE last_seq = 4300", VERIFY_TAIL, 4251 },
		{ "DELETE FROM txids WHERE seq = 2223", VERIFY_TXID, 2223 },
		{ "INSERT INTO txids VALUES(x'00112233445566778899aabbccddeeff', 5)", VERIFY_TXID,
			0 },
		{ "DELETE FROM tiles WHERE key = 8", VERIFY_TILE, 2049 },
		{ "INSERT INTO tiles SELECT 99, hashes FROM tiles WHERE key = 8", VERIFY_TILE, 0 },
		{ "DELETE FROM fingerprints", VERIFY_FINGERPRINT, 1 },
		{ "INSERT INTO fingerprints SELECT 9, pairs FROM fingerprints", VERIFY_FINGERPRINT,
			0 },
		{ "DELETE FROM accounts WHERE key = 7", VERIFY_ACCOUNT, 8 },
		{ "DELETE FROM chunks WHERE key = 1", VERIFY_CHUNK, LOW_WATER },
		{ "DELETE FROM claims WHERE key = 2239", VERIFY_CLAIM, 0 },
		{ "DELETE FROM controls WHERE idx = 3", VERIFY_CONTROL, 3 },
		{ "DELETE FROM audits WHERE idx = 3", VERIFY_AUDIT, 3 },
		{ "DELETE FROM controls WHERE idx = (SELECT max(idx) FROM controls)",
			VERIFY_CONTROL, CONTROLS },
		{ "DELETE FROM audits WHERE idx = (SELECT max(idx) FROM audits)", VERIFY_AUDIT,
			CONTROLS },
		{ "DELETE FROM counters WHERE key = 1", VERIFY_COUNTER, 1 },
	};
	struct store_dir *dir = *state;

	sql(dir, "PRAGMA journal_mode = DELETE");
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		struct store_dir_copy good = store_dir_save(dir, SCHEMA_DATABASE);
		struct verify_result result;

		sql(dir, changes[i].text);
		result = verify(dir);
		if (result.bad != changes[i].check || result.bad_seq != changes[i].seq) {
			print_message("# %s: %s %llu: %s\n", changes[i].text,
				verify_check_name(result.bad), (unsigned long long)result.bad_seq,
				result.what.text);
		}
		assert_false(result.good);
		assert_int_equal(result.bad, changes[i].check);
		assert_int_equal(result.bad_seq, changes[i].seq);
		store_dir_restore(dir, SCHEMA_DATABASE, &good);
	}
}

static void swapped_rows_are_found_and_named(void **state)
{
	static const struct {
		const char *table, *key;
		unsigned a, b;
		enum verify_check check;
		uint64_t seq;
	} swaps[] = {
		{ "entries", "seq", 2222, 2223, VERIFY_ENTRY, 2222 },
		{ "roots", "last_seq", 2100, 2150, VERIFY_ROOT, 2051 },
		{ "audits", "idx", 3, 4, VERIFY_AUDIT, 3 },
		{ "controls", "idx", 3, 4, VERIFY_CONTROL, 3 },
		{ "tiles", "key", 3, 4, VERIFY_TILE, 769 },
		{ "chunks", "key", 1, 2, VERIFY_CHUNK, 1 },
		{ "accounts", "key", 7, 8, VERIFY_ACCOUNT, 7 },
	};
	struct store_dir *dir = *state;

	sql(dir, "PRAGMA journal_mode = DELETE");
	for (size_t i = 0; i < COUNT_OF(swaps); i++) {
		struct store_dir_copy good = store_dir_save(dir, SCHEMA_DATABASE);
		struct verify_result result;
		char text[512];

		(void)snprintf(text, sizeof text,
			"UPDATE %s SET %s = 999999 WHERE %s = %u; UPDATE %s SET %s = %u WHERE "
			"%s = %u; UPDATE %s SET %s = %u WHERE %s = 999999",
			swaps[i].table, swaps[i].key, swaps[i].key, swaps[i].a, swaps[i].table,
			swaps[i].key, swaps[i].a, swaps[i].key, swaps[i].b, swaps[i].table,
			swaps[i].key, swaps[i].b, swaps[i].key);
		sql(dir, text);
		result = verify(dir);
		if (result.bad != swaps[i].check || result.bad_seq != swaps[i].seq) {
			print_message("# %s: %s %llu: %s\n", swaps[i].table,
				verify_check_name(result.bad), (unsigned long long)result.bad_seq,
				result.what.text);
		}
		assert_int_equal(result.bad, swaps[i].check);
		assert_int_equal(result.bad_seq, swaps[i].seq);
		store_dir_restore(dir, SCHEMA_DATABASE, &good);
	}
}

/* Whoever writes a balance knows how to write its sum, too. */
static void a_balance_that_no_entry_made_is_found(void **state)
{
	struct store_dir *dir = *state;
	struct reader_config reader_config = { .dir = dir->path };
	struct verify_result result;
	struct reader_head head;
	struct reader *reader = NULL;
	sqlite3 *db = NULL;
	sqlite3_stmt *row = NULL;
	uint8_t record[BATCH_CHUNK_BYTES_MAX];
	struct slice body = { record, 0 };
	uint64_t key = 1;
	char path[160];

	sql(dir, "PRAGMA journal_mode = DELETE");
	assert_int_equal(reader_open(&reader_config, &reader, &dir->why), ERR_OK);
	assert_int_equal(reader_head(reader, &head), ERR_OK);
	reader_close(reader);
	store_dir_file(dir, SCHEMA_DATABASE, path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT record FROM chunks WHERE key = 1", -1, &row, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	body.bytes_count = (size_t)sqlite3_column_bytes(row, 0);
	memcpy(record, sqlite3_column_blob(row, 0), body.bytes_count);
	assert_int_equal(sqlite3_finalize(row), SQLITE_OK);
	record[13] ^= 1; /* available of account 64, one unit more or less */
	assert_int_equal(
		sqlite3_prepare_v2(db, "UPDATE chunks SET record = ?1, sum = ?2 WHERE key = 1", -1,
			&row, NULL),
		SQLITE_OK);
	assert_int_equal(
		sqlite3_bind_blob(row, 1, record, (int)body.bytes_count, SQLITE_STATIC), SQLITE_OK);
	assert_int_equal(sqlite3_bind_int64(row, 2,
				 (int64_t)schema_sum(head.meta.fingerprint_key, &key, 1, &body, 1)),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(row), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	result = verify(dir);
	assert_int_equal(result.bad, VERIFY_CHUNK);
	assert_int_equal(result.bad_seq, 1);
	assert_non_null(strstr(result.what.text, "account 64 in chunk 1 is not what the entries"));
}

/* Goal: the last commits can be cut away so that all that is left agrees; the tail knows. */
static void a_ledger_cut_at_a_commit_is_found_and_both_sizes_named(void **state)
{
	struct store_dir *dir = *state;
	struct verify_result result;

	sql(dir, "PRAGMA journal_mode = DELETE");
	sql(dir, "DELETE FROM entries WHERE seq > 4250; DELETE FROM roots WHERE last_seq > 4250;"
		 "DELETE FROM txids WHERE seq > 4250");
	result = verify(dir);
	assert_int_equal(result.bad, VERIFY_TAIL);
	assert_int_equal(result.bad_seq, 4251);
	assert_string_equal(
		result.what.text, "tail: says that there are 4300 entries, the store ends at 4250");
}

static struct hash root_at(struct store_dir *dir, uint64_t seq)
{
	struct reader_config config = { .dir = dir->path };
	struct schema_root root;
	struct reader *reader = NULL;

	assert_int_equal(reader_open(&config, &reader, &dir->why), ERR_OK);
	assert_int_equal(reader_root_at(reader, seq, &root), ERR_OK);
	reader_close(reader);
	return root.root;
}

static void a_kept_checkpoint_must_be_on_the_way(void **state)
{
	struct store_dir *dir = *state;
	struct verify_result result;

	kept = (struct witness){ true, 2150, root_at(dir, 2150) };
	result = verify(dir);
	assert_true(result.good);
	assert_int_equal(result.checked[VERIFY_KEPT], 1);
	kept.root.bytes[0] ^= 1;
	result = verify(dir);
	assert_int_equal(result.bad, VERIFY_KEPT);
	assert_int_equal(result.bad_seq, 2150);
	kept.size = ENTRIES + 1;
	result = verify(dir);
	assert_int_equal(result.bad, VERIFY_KEPT);
	assert_int_equal(result.bad_seq, ENTRIES + 1);
	kept.there = false;
}

/* A note as kms makes it, but for its signature, which nobody looks at without a key. */
static size_t print_note(const char *origin, const char *text, char ret_note[NOTE_SIGNED_BYTES_MAX])
{
	uint8_t signature[NOTE_SIGNATURE_BYTES] = { 0 };
	struct slice name = { (const uint8_t *)origin, strlen(origin) };

	return note_print((struct slice){ (const uint8_t *)text, strlen(text) }, name, 1, signature,
		ret_note);
}

static void store_notes_of(struct store_dir *dir, const char *origin, uint64_t size,
	const struct hash *root, uint64_t audit_count, const struct hash *audit_head)
{
	struct slice name = { (const uint8_t *)origin, strlen(origin) };
	struct note_checkpoint checkpoint = { .origin = name, .size = size, .root = *root };
	struct note_audit audit = { .origin = name, .count = audit_count, .head = *audit_head };
	char text[NOTE_TEXT_BYTES_MAX], first[NOTE_SIGNED_BYTES_MAX], second[NOTE_SIGNED_BYTES_MAX];
	struct schema_checkpoint row = {
		.size = size, .root = *root, .audit_count = audit_count, .audit_head = *audit_head
	};

	(void)note_checkpoint_print(&checkpoint, text);
	row.checkpoint = (struct slice){ (uint8_t *)first, print_note(origin, text, first) };
	(void)note_audit_print(&audit, text);
	row.audit = (struct slice){ (uint8_t *)second, print_note(origin, text, second) };
	store_dir_open(dir);
	assert_int_equal(store_checkpoint_keep(dir->store, &row), ERR_OK);
	assert_int_equal(
		store_checkpoint_flush(dir->store, (struct instant){ 0 }, &dir->why), ERR_OK);
	store_dir_close(dir);
}

static void store_notes(struct store_dir *dir, uint64_t size, const struct hash *root,
	uint64_t audit_count, const struct hash *audit_head)
{
	store_notes_of(dir, dir->state.head.meta.origin, size, root, audit_count, audit_head);
}

static bool refuse_signature(const uint8_t public_key[NOTE_PUBLIC_KEY_BYTES], struct slice message,
	const uint8_t signature[NOTE_SIGNATURE_BYTES])
{
	(void)public_key;
	(void)message;
	(void)signature;
	return false;
}

/* Between a new name and its first checkpoint the notes are those of the name before. */
static void the_key_of_a_name_is_not_asked_about_notes_of_another(void **state)
{
	static const struct {
		const char *origin, *signer;
		enum err err;
	} cases[] = {
		{ "ledger.example/3", "ledger.example/3", ERR_CORRUPT },
		{ "ledger.example/3", "ledger.example/2", ERR_OK },
		{ "ledger.example/3", "ledger.example", ERR_OK },
	};
	struct store_dir *dir = *state;
	struct hash root = root_at(dir, 2150);
	struct hash nothing = { { 0 } };
	uint8_t public_key[NOTE_PUBLIC_KEY_BYTES] = { 1 };
	struct reader_config reader_config = { .dir = dir->path };
	struct verify_config config = { .public_key = public_key,
		.verify_signature = refuse_signature };
	struct schema_meta meta;
	struct witness_notes notes;
	struct verify_result result;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		(void)snprintf(meta.origin, sizeof meta.origin, "%s", cases[i].origin);
		store_notes_of(dir, cases[i].signer, 2150, &root, 0, &nothing);
		assert_int_equal(reader_open(&reader_config, &config.reader, &dir->why), ERR_OK);
		assert_int_equal(witness_notes(config.reader, &meta, public_key, refuse_signature,
					 &notes, &dir->why),
			cases[i].err);
		reader_close(config.reader);
	}
	store_notes(dir, 2150, &root, 0, &nothing);
	for (unsigned restored = 0; restored < 2; restored++) {
		config.public_key_origin = restored == 1 ? "ledger.example/9" : NULL;
		assert_int_equal(reader_open(&reader_config, &config.reader, &dir->why), ERR_OK);
		assert_int_equal(verify_store(&config, &result, &dir->why), ERR_OK);
		assert_int_equal(result.bad, restored == 1 ? VERIFY_NONE : VERIFY_CHECKPOINT);
		reader_close(config.reader);
	}
}

static void what_was_signed_must_come_out(void **state)
{
	struct store_dir *dir = *state;
	struct reader_config reader_config = { .dir = dir->path };
	uint8_t public_key[NOTE_PUBLIC_KEY_BYTES] = { 1 };
	struct verify_config config = { .public_key = public_key,
		.verify_signature = refuse_signature };
	struct hash root = root_at(dir, 2150);
	struct reader_head head;
	struct reader *reader = NULL;
	struct verify_result result;

	assert_int_equal(reader_open(&reader_config, &reader, &dir->why), ERR_OK);
	assert_int_equal(reader_head(reader, &head), ERR_OK);
	reader_close(reader);
	store_notes(dir, 2150, &root, head.audit_count, &head.audit_head);
	result = verify(dir);
	assert_string_equal(result.what.text, "");
	assert_true(result.good);
	assert_int_equal(result.checked[VERIFY_CHECKPOINT], 1);
	/* with a key that did not sign it */
	assert_int_equal(reader_open(&reader_config, &config.reader, &dir->why), ERR_OK);
	assert_int_equal(verify_store(&config, &result, &dir->why), ERR_OK);
	reader_close(config.reader);
	assert_int_equal(result.bad, VERIFY_CHECKPOINT);
	/* another root, another chain, more than there is */
	root.bytes[5] ^= 1;
	store_notes(dir, 2150, &root, head.audit_count, &head.audit_head);
	result = verify(dir);
	assert_int_equal(result.bad, VERIFY_CHECKPOINT);
	assert_int_equal(result.bad_seq, 2150);
	assert_non_null(strstr(result.what.text, "says that the root of 2150 entries is"));
	root.bytes[5] ^= 1;
	head.audit_head.bytes[0] ^= 1;
	store_notes(dir, 2150, &root, head.audit_count, &head.audit_head);
	result = verify(dir);
	assert_int_equal(result.bad, VERIFY_AUDIT);
	assert_int_equal(result.bad_seq, head.audit_count);
	head.audit_head.bytes[0] ^= 1;
	store_notes(dir, ENTRIES + 50, &root, head.audit_count, &head.audit_head);
	result = verify(dir);
	assert_int_equal(result.bad, VERIFY_CHECKPOINT);
	assert_int_equal(result.bad_seq, ENTRIES + 1);
}

/* Nothing but the name says whose a note is when its key is not known. */
static void a_note_of_another_ledger_is_refused(void **state)
{
	static const char *const names[] = { "ledger.example", "ledger.example/1",
		"ledger.example/2", "ledger.example/3", "ledger.example/0", "ledger.example/01",
		"ledger.example/x", "ledger.example/1/1", "ledger.exampl", "ledger.example2" };
	struct store_dir *dir = *state;
	struct hash root = root_at(dir, 2150);
	struct hash nothing = { { 0 } };
	struct reader_config reader_config = { .dir = dir->path };
	struct reader *reader = NULL;
	struct schema_meta meta = { .origin = "ledger.example/2" };
	struct witness_notes notes;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		store_notes_of(dir, names[i], 2150, &root, 0, &nothing);
		assert_int_equal(reader_open(&reader_config, &reader, &dir->why), ERR_OK);
		assert_int_equal(witness_notes(reader, &meta, NULL, NULL, &notes, &dir->why),
			i < 3 ? ERR_OK : ERR_CORRUPT);
		reader_close(reader);
	}
	/* a name that was made up at genesis, and a neighbour's */
	store_notes_of(dir, "macronode.local/d44dfb73d96a32d6", 2150, &root, 0, &nothing);
	(void)snprintf(meta.origin, sizeof meta.origin, "macronode.local/1234567812345678");
	assert_int_equal(reader_open(&reader_config, &reader, &dir->why), ERR_OK);
	assert_int_equal(witness_notes(reader, &meta, NULL, NULL, &notes, &dir->why), ERR_CORRUPT);
	reader_close(reader);
}

/* A bit in any column of the row. */
static void a_flip_in_a_signed_note_is_found(void **state)
{
	static const char *const columns[] = { "size", "root", "audit_count", "audit_head",
		"checkpoint", "audit", "sum" };
	struct store_dir *dir = *state;
	struct hash root = root_at(dir, 2150);
	struct hash nothing = { { 0 } };

	store_notes(dir, 2150, &root, 0, &nothing);
	sql(dir, "PRAGMA journal_mode = DELETE");
	for (size_t i = 0; i < COUNT_OF(columns); i++) {
		struct store_dir_copy good = store_dir_save(dir, SCHEMA_DATABASE);
		char text[512];

		(void)snprintf(text, sizeof text,
			"UPDATE checkpoints SET %s = CASE typeof(%s) WHEN 'integer' THEN %s + 1 "
			"ELSE CAST(substr(%s,1,length(%s)/2) || char(126) || "
			"substr(%s,length(%s)/2+2) AS BLOB) END",
			columns[i], columns[i], columns[i], columns[i], columns[i], columns[i],
			columns[i]);
		sql(dir, text);
		assert_int_equal(verify(dir).bad, VERIFY_CHECKPOINT);
		store_dir_restore(dir, SCHEMA_DATABASE, &good);
	}
	assert_true(verify(dir).good);
}

static void an_erased_memo_is_no_damage(void **state)
{
	struct store_dir *dir = *state;

	sql(dir, "UPDATE entries SET memo = NULL, salt = NULL WHERE seq = 2225");
	assert_true(verify(dir).good);
}

struct going_on {
	struct store_dir *dir;
	struct maker maker;
	unsigned page_count;
};

static void go_on(void *context, uint64_t done, uint64_t total)
{
	struct going_on *going_on = context;
	uint64_t first = going_on->maker.size + 1;

	assert_true(done <= total);
	if (going_on->page_count++ == 0) {
		maker_entries(&going_on->maker, COMMIT_ENTRIES);
		assert_int_equal(maker_send(&going_on->maker, going_on->dir->store, first,
					 &going_on->dir->why),
			ERR_OK);
	}
}

/* Goal: a node that commits meanwhile makes no good store look bad. */
static void a_running_store_is_checked_up_to_where_it_was(void **state)
{
	struct going_on going_on = { .dir = *state };
	struct reader_config reader_config = { .dir = going_on.dir->path };
	struct verify_config config = { .progress = go_on, .context = &going_on, .live = true };
	struct verify_result result;

	store_dir_open(going_on.dir);
	maker_init(&going_on.maker, &going_on.dir->state);
	maker_accounts(&going_on.maker);
	maker_entries(&going_on.maker, 3000);
	assert_int_equal(
		maker_send(&going_on.maker, going_on.dir->store, 1, &going_on.dir->why), ERR_OK);
	assert_int_equal(reader_open(&reader_config, &config.reader, &going_on.dir->why), ERR_OK);
	assert_int_equal(verify_store(&config, &result, &going_on.dir->why), ERR_OK);
	assert_string_equal(result.what.text, "");
	assert_true(result.good && result.claims_moved);
	assert_int_equal(result.size, 3000);
	assert_true(going_on.page_count >= 3);
	reader_close(config.reader);
	maker_finish(&going_on.maker);
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, fill, store_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(a_good_store_is_good_and_everything_in_it_was_counted),
		FILLED(a_flip_in_any_column_of_any_table_is_found_and_named),
		FILLED(a_missing_or_surplus_row_is_found_and_named),
		FILLED(swapped_rows_are_found_and_named),
		FILLED(a_balance_that_no_entry_made_is_found),
		FILLED(a_ledger_cut_at_a_commit_is_found_and_both_sizes_named),
		FILLED(a_kept_checkpoint_must_be_on_the_way),
		FILLED(what_was_signed_must_come_out),
		FILLED(a_note_of_another_ledger_is_refused),
		FILLED(the_key_of_a_name_is_not_asked_about_notes_of_another),
		FILLED(a_flip_in_a_signed_note_is_found),
		FILLED(an_erased_memo_is_no_damage),
		cmocka_unit_test_setup_teardown(a_running_store_is_checked_up_to_where_it_was,
			store_dir_setup, store_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
