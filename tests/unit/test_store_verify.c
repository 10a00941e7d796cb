#include "store/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "tests/store_dir.h"

#define ENTRIES        4300u /* one full block of fingerprints, sixteen full tiles */
#define LOW_WATER      2000u
#define COMMIT_ENTRIES 50u

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

static struct verify_result verify(struct store_dir *dir)
{
	struct reader_config reader_config = { .dir = dir->path };
	struct verify_config config = { .live = false };
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
	assert_int_equal(result.checked[VERIFY_COUNTER], 1);
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
			"UPDATE %s SET %s = CASE typeof(%s) WHEN 'integer' THEN %s + 1 ELSE "
			"CAST(substr(%s,1,length(%s)/2) || char(unicode('~')) || "
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
		{ "DELETE FROM roots WHERE last_seq = 4300", VERIFY_ENTRY, 4251 },
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
		FILLED(an_erased_memo_is_no_damage),
		cmocka_unit_test_setup_teardown(a_running_store_is_checked_up_to_where_it_was,
			store_dir_setup, store_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
