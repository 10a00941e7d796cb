#include "store/receipts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "store/verify.h"
#include "tests/store_dir.h"

/* --- one entry and its row -----------------------------------------------------------------------
 */

#define BEFORE 900u
#define AFTER  650u

/* An operation as it lies in the ledger. */
struct lying {
	struct entry entry;
	struct reader_entry row;
	uint8_t receipt[BATCH_RECEIPT_BYTES_MAX];
};

static struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void lay(enum operation_kind kind, struct lying *ret_lying)
{
	struct operation operation = {
		.kind = kind,
		.asset = text_of("ron"),
		.amount = 250,
		.nonce = 42,
		.expires_unix_ms = kind == OPERATION_HOLD ? 1700000100000 : 0,
	};
	struct byte_writer out;
	struct draft draft;
	size_t hashed_bytes;

	if (operation_has_from(kind)) {
		operation.from = text_of("acc_src");
	}
	if (operation_has_to(kind)) {
		operation.to = text_of("acc_dst");
	}
	if (operation_has_hold(kind)) {
		maker_id(3, 0x11, &operation.hold);
	}
	operation_draft(&operation, &draft);
	*ret_lying = (struct lying){ .entry = draft.entry };
	maker_id(9, 0x11, &ret_lying->entry.id);
	ret_lying->entry.seq = 9;
	ret_lying->entry.ts_unix_ms = (uint64_t)MAKER_TS_UNIX_MS;
	ret_lying->entry.effect = kind == OPERATION_CAPTURE   ? EFFECT_CAPTURE
				  : kind == OPERATION_RELEASE ? EFFECT_HOLD_RELEASE
							      : EFFECT_NONE;
	hashed_bytes = receipt_print(&operation, &ret_lying->entry.id, text_of("k-1"),
		ret_lying->entry.ts_unix_ms, ret_lying->receipt, &ret_lying->entry.receipt_hash);
	out = byte_writer_of(
		ret_lying->receipt + hashed_bytes, sizeof ret_lying->receipt - hashed_bytes);
	receipt_complete(&out, 9, BEFORE, AFTER);
	ret_lying->row = (struct reader_entry){ .seq = 9,
		.lane = (uint8_t)draft.lane,
		.lane_nonce = draft.lane_nonce,
		.receipt = { ret_lying->receipt, hashed_bytes + out.used } };
}

static struct why why;

static enum err check(const struct lying *lying)
{
	why.text[0] = '\0';
	return receipts_check(&lying->entry, &lying->row, BEFORE, AFTER, &why);
}

static void expect_found(const struct lying *lying, const char *what)
{
	assert_int_equal(check(lying), ERR_CORRUPT);
	if (strstr(why.text, what) == NULL) {
		print_message("# %s, and not %s\n", why.text, what);
	}
	assert_non_null(strstr(why.text, what));
	assert_non_null(strstr(why.text, "entry 9: "));
}

static void the_receipt_of_every_operation_is_known_again(void **state)
{
	struct lying lying;

	(void)state;
	for (unsigned kind = OPERATION_ISSUE; kind <= OPERATION_KIND_MAX; kind++) {
		lay((enum operation_kind)kind, &lying);
		assert_int_equal(check(&lying), ERR_OK);
		assert_string_equal(why.text, "");
	}
}

/* Goal: no byte of a receipt can be another, and none can be missing or too many. */
static void every_byte_of_a_receipt_is_held_to(void **state)
{
	struct lying good, lying;
	char length[64];

	(void)state;
	for (unsigned kind = OPERATION_ISSUE; kind <= OPERATION_KIND_MAX; kind++) {
		lay((enum operation_kind)kind, &good);
		for (size_t at = 0; at < good.row.receipt.bytes_count; at++) {
			lying = good;
			lying.receipt[at] ^= 1;
			lying.row.receipt.bytes = lying.receipt;
			assert_int_equal(check(&lying), ERR_CORRUPT);
			assert_string_not_equal(why.text, "");
			lying = good;
			lying.row.receipt.bytes_count = at;
			assert_int_equal(check(&lying), ERR_CORRUPT);
			assert_string_not_equal(why.text, "");
		}
		lying = good;
		lying.receipt[lying.row.receipt.bytes_count++] = ' ';
		lying.row.receipt.bytes = lying.receipt;
		(void)snprintf(length, sizeof length, "should have %zu bytes, and has %zu",
			good.row.receipt.bytes_count, lying.row.receipt.bytes_count);
		expect_found(&lying, length);
	}
}

/* What the entry says, and what is found when the receipt says something else. */
static void the_member_that_differs_is_named_with_both_values(void **state)
{
	static const struct {
		enum operation_kind kind;
		const char *from, *to, *what;
	} rows[] = {
		{ OPERATION_TRANSFER, "tx_0", "tx_1",
			"should say \"txid\":\"tx_0000000000004H248H248H248H\"" },
		{ OPERATION_BURN, "\"burn\"", "\"hold\"",
			"should say \"op\":\"burn\", and says \"op\":\"hold\"" },
		{ OPERATION_TRANSFER, "acc_src", "acc_srd",
			"should say \"from\":\"acc_src\", and says \"from\":\"acc_srd\"" },
		{ OPERATION_ISSUE, "acc_dst", "bcc_dst",
			"should say \"to\":\"acc_dst\", and says \"to\":\"bcc_dst\"" },
		{ OPERATION_HOLD, "\"ron\"", "\"eur\"",
			"should say \"asset\":\"ron\", and says \"asset\":\"eur\"" },
		{ OPERATION_CAPTURE, "\"hold\":\"tx_0", "\"hold\":\"tx_1", "should say \"hold\":" },
		{ OPERATION_TRANSFER, "\"250\"", "\"350\"",
			"should say \"amount_minor\":\"250\", and says \"amount_minor\":\"350\"" },
		{ OPERATION_HOLD, "1700000100000", "1700000100001",
			"should say \"expires_ts\":1700000100000, and says "
			"\"expires_ts\":1700000100001" },
		{ OPERATION_RELEASE, "\"nonce\":42", "\"nonce\":43",
			"should say \"nonce\":42, and says \"nonce\":43" },
		{ OPERATION_TRANSFER, "2023-11-14", "2023-11-15",
			"should say \"ts\":\"2023-11-14T" },
		{ OPERATION_TRANSFER, "\"b3:", "\"b4:", "should say \"receipt_hash\":\"b3:" },
		{ OPERATION_TRANSFER, "\"seq\":9", "\"seq\":8",
			"should say \"seq\":9, and says \"seq\":8" },
		{ OPERATION_TRANSFER, "\"900\"", "\"901\"",
			"should say \"balance_before\":\"900\", and says "
			"\"balance_before\":\"901\"" },
		{ OPERATION_TRANSFER, "\"650\"", "\"651\"",
			"should say \"balance_after\":\"650\", and says "
			"\"balance_after\":\"651\"" },
		{ OPERATION_TRANSFER, "\"k-1\"", "\"k-2\"", "its leaf has the receipt_hash " },
		{ OPERATION_TRANSFER, "\"k-1\"", "\"k 1\"", "has no idempotency key" },
	};
	struct lying lying;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t *member;

		lay(rows[i].kind, &lying);
		member = memmem(lying.receipt, lying.row.receipt.bytes_count, rows[i].from,
			strlen(rows[i].from));
		assert_non_null(member);
		memcpy(member, rows[i].to, strlen(rows[i].to));
		expect_found(&lying, rows[i].what);
	}
}

static void what_the_row_and_the_leaf_say_is_held_to(void **state)
{
	struct lying good, lying;

	(void)state;
	lay(OPERATION_TRANSFER, &good);
	lying = good;
	lying.row.lane_nonce = 43;
	expect_found(&lying, "no operation with the nonce of its row");
	lying = good;
	lying.row.lane = LANE_ISSUE;
	expect_found(&lying, "no operation with the nonce of its row");
	lying = good;
	lying.entry.nonce.bytes[15] ^= 1;
	expect_found(&lying, "no operation with the nonce of its row");
	lying = good;
	lying.entry.receipt_hash.bytes[31] ^= 1;
	expect_found(&lying, "its leaf has the receipt_hash ");
	lying = good;
	lying.entry.kind = ENTRY_DEBIT;
	expect_found(&lying, "no operation");
	lay(OPERATION_RELEASE, &lying);
	lying.entry.effect = EFFECT_TRANSFER;
	expect_found(&lying, "no operation");
	lying = good;
	lying.entry.ts_unix_ms = UINT64_MAX;
	expect_found(&lying, "at a time that is none");
	lying.entry.ts_unix_ms = RECEIPT_UNIX_MS_MAX;
	expect_found(&lying, "should say \"ts\":\"9999-12-31T23:59:59Z\"");
	lying = good;
	lying.row.receipt.bytes_count = 0;
	expect_found(&lying, "its receipt is missing");
}

static void what_did_not_come_through_the_wallet_has_no_receipt(void **state)
{
	static const enum entry_source sources[] = { SOURCE_INGEST, SOURCE_SYS, SOURCE_REWARD };
	struct lying lying;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		lay(OPERATION_TRANSFER, &lying);
		lying.entry.source = sources[i];
		expect_found(&lying, "has a receipt, and did not come in through /v1");
		lying.row.receipt.bytes_count = 0;
		expect_found(&lying, "has a receipt, and did not come in through /v1");
		memset(&lying.entry.receipt_hash, 0, sizeof lying.entry.receipt_hash);
		assert_int_equal(check(&lying), ERR_OK);
	}
}

/* --- a store -------------------------------------------------------------------------------------
 */

#define ENTRIES  400u
#define TRANSFER 111u /* through /v1, as is TRANSFER + 3 */
#define CAPTURE  330u
#define INGESTED 112u

static int fill(void **state)
{
	struct store_dir *dir;
	struct maker maker;
	enum err err;

	if (store_dir_setup(state) != 0) {
		return -1;
	}
	dir = *state;
	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	maker_accounts(&maker);
	maker_entries(&maker, ENTRIES);
	err = maker_send(&maker, dir->store, 1, &dir->why);
	maker_finish(&maker);
	store_dir_close(dir);
	return err == ERR_OK ? 0 : -1;
}

static sqlite3 *open_database(const struct store_dir *dir)
{
	sqlite3 *db = NULL;
	char path[160];

	store_dir_file(dir, SCHEMA_DATABASE, path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static struct slice blob_of(sqlite3_stmt *row, int column)
{
	return (struct slice){ sqlite3_column_blob(row, column),
		(size_t)sqlite3_column_bytes(row, column) };
}

/* Whoever can write a receipt can write the sum of its row, too. */
static void sum_again(sqlite3 *db, const uint8_t key[FINGERPRINT_KEY_BYTES], uint64_t seq)
{
	uint64_t numbers[5];
	struct slice parts[2];
	sqlite3_stmt *row = NULL, *update = NULL;

	assert_int_equal(
		sqlite3_prepare_v2(db,
			"SELECT seq, prev_account_seq, prev_counter_seq, lane, lane_nonce, "
			"receipt, idem_id FROM entries WHERE seq = ?1",
			-1, &row, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_bind_int64(row, 1, (int64_t)seq), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	for (int i = 0; i < 5; i++) {
		numbers[i] = (uint64_t)sqlite3_column_int64(row, i);
	}
	parts[0] = blob_of(row, 5);
	parts[1] = blob_of(row, 6);
	assert_int_equal(sqlite3_prepare_v2(db, "UPDATE entries SET sum = ?1 WHERE seq = ?2", -1,
				 &update, NULL),
		SQLITE_OK);
	assert_int_equal(
		sqlite3_bind_int64(update, 1, (int64_t)schema_sum(key, numbers, 5, parts, 2)),
		SQLITE_OK);
	assert_int_equal(sqlite3_bind_int64(update, 2, (int64_t)seq), SQLITE_OK);
	assert_int_equal(sqlite3_finalize(row), SQLITE_OK);
	assert_int_equal(sqlite3_step(update), SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(update), SQLITE_OK);
}

static struct verify_result verify(struct store_dir *dir, bool live)
{
	struct reader_config reader_config = { .dir = dir->path };
	struct verify_config config = { .live = live, .dir = live ? NULL : dir->path };
	struct verify_result result;

	assert_int_equal(reader_open(&reader_config, &config.reader, &dir->why), ERR_OK);
	assert_int_equal(verify_store(&config, &result, &dir->why), ERR_OK);
	reader_close(config.reader);
	return result;
}

/* Changes rows and sums them again; the first bad thing must be this, stopped or running. */
static void expect_bad(struct store_dir *dir, const char *change, uint64_t seq, const char *what)
{
	struct reader_config reader_config = { .dir = dir->path };
	struct store_dir_copy good = store_dir_save(dir, SCHEMA_DATABASE);
	struct reader *reader = NULL;
	struct reader_head head;
	struct verify_result result;
	sqlite3 *db;

	assert_int_equal(reader_open(&reader_config, &reader, &dir->why), ERR_OK);
	assert_int_equal(reader_head(reader, &head), ERR_OK);
	reader_close(reader);
	db = open_database(dir);
	assert_int_equal(sqlite3_exec(db, change, NULL, NULL, NULL), SQLITE_OK);
	assert_true(sqlite3_changes(db) >= 1);
	for (uint64_t each = 1; each <= ENTRIES; each++) {
		sum_again(db, head.meta.fingerprint_key, each);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (unsigned live = 0; live < 2; live++) {
		result = verify(dir, live == 1);
		if (result.bad != VERIFY_RECEIPT || strstr(result.what.text, what) == NULL) {
			print_message("# %s: %s %llu: %s\n", change, verify_check_name(result.bad),
				(unsigned long long)result.bad_seq, result.what.text);
		}
		assert_false(result.good);
		assert_int_equal(result.bad, VERIFY_RECEIPT);
		assert_int_equal(result.bad_seq, seq);
		assert_non_null(strstr(result.what.text, what));
	}
	store_dir_restore(dir, SCHEMA_DATABASE, &good);
}

static void a_store_whose_receipts_are_right_is_good(void **state)
{
	struct verify_result result = verify(*state, false);

	assert_string_equal(result.what.text, "");
	assert_true(result.good);
	assert_true(result.checked[VERIFY_RECEIPT] > 90);
	assert_int_equal(result.checked[VERIFY_RECEIPT], result.checked[VERIFY_TXID]);
}

#define REPLACED(from, to)                                                                  \
	"UPDATE entries SET receipt = CAST(replace(CAST(receipt AS TEXT), '" from "', '" to \
	"') AS BLOB) WHERE seq = 111"

static void a_changed_receipt_is_found_and_its_member_named(void **state)
{
	struct store_dir *dir = *state;
	sqlite3 *db = open_database(dir);

	assert_int_equal(
		sqlite3_exec(db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	expect_bad(dir, REPLACED("\"amount_minor\":\"1\"", "\"amount_minor\":\"2\""), TRANSFER,
		"should say \"amount_minor\":\"1\", and says \"amount_minor\":\"2\"");
	expect_bad(dir, REPLACED("acct-00011", "acct-00012"), TRANSFER,
		"should say \"from\":\"acct-00011\", and says \"from\":\"acct-00012\"");
	expect_bad(dir, REPLACED("\"balance_after\":\"", "\"balance_after\":\"1"), TRANSFER,
		"should say \"balance_after\":");
	expect_bad(dir, REPLACED("\"idem\":\"key\"", "\"idem\":\"kez\""), TRANSFER,
		"its leaf has the receipt_hash ");
	expect_bad(dir, "UPDATE entries SET receipt = NULL WHERE seq = 111", TRANSFER,
		"its receipt is missing");
	expect_bad(dir, "UPDATE entries SET receipt = NULL WHERE seq = 330", CAPTURE,
		"its receipt is missing");
	expect_bad(dir,
		"UPDATE entries SET receipt = (SELECT receipt FROM entries WHERE seq = 111) "
		"WHERE seq = 112",
		INGESTED, "has a receipt, and did not come in through /v1");
	expect_bad(dir,
		"UPDATE entries SET receipt = (SELECT other.receipt FROM entries AS other WHERE "
		"other.seq = 225 - entries.seq) WHERE seq IN (111, 114)",
		TRANSFER, "entry 111: its receipt should say \"txid\":");
	assert_true(verify(dir, false).good);
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, fill, store_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_receipt_of_every_operation_is_known_again),
		cmocka_unit_test(every_byte_of_a_receipt_is_held_to),
		cmocka_unit_test(the_member_that_differs_is_named_with_both_values),
		cmocka_unit_test(what_the_row_and_the_leaf_say_is_held_to),
		cmocka_unit_test(what_did_not_come_through_the_wallet_has_no_receipt),
		FILLED(a_store_whose_receipts_are_right_is_good),
		FILLED(a_changed_receipt_is_found_and_its_member_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
