/* Receipts and operations: the vectors of spec/wallet.md sections 9.3 and 9.5, and what an
 * operation asks the ledger for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/caveat.h"
#include "core/hex.h"
#include "core/receipt.h"

static struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static struct id128 txid_of(const char *text)
{
	struct id128 id;

	assert_true(operation_txid_parse(text_of(text), &id));
	return id;
}

static struct operation operation_of(
	enum operation_kind kind, const char *from, const char *to, uint64_t amount, uint64_t nonce)
{
	return (struct operation){
		.kind = kind,
		.from = from == NULL ? (struct slice){ 0 } : text_of(from),
		.to = to == NULL ? (struct slice){ 0 } : text_of(to),
		.asset = text_of("ron"),
		.amount = amount,
		.nonce = nonce,
	};
}

/* 2025-10-16T16:00:00Z and so many seconds. */
#define AT_MS(seconds) ((1760630400u + (seconds)) * UINT64_C(1000))

static void expect_receipt(const struct operation *operation, const char *txid, const char *key,
	uint64_t unix_ms, const char *wanted)
{
	uint8_t bytes[DRAFT_RECEIPT_BYTES_MAX];
	struct id128 id = txid_of(txid);
	struct hash hash;
	size_t bytes_count;

	assert_true(operation_is_sound(operation));
	bytes_count = receipt_print(operation, &id, text_of(key), unix_ms, bytes, &hash);
	assert_int_equal(bytes_count, strlen(wanted));
	assert_memory_equal(bytes, wanted, bytes_count);
}

static void a_transfer_has_the_receipt_of_the_contract(void **state)
{
	struct operation operation =
		operation_of(OPERATION_TRANSFER, "acc_src", "acc_dst", 250000, 42);

	(void)state;
	expect_receipt(&operation, "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X", "01JFA1KQ2Q9G2VE8W7",
		AT_MS(11 * 60 + 2) + 999,
		"{\"txid\":\"tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X\",\"op\":\"transfer\","
		"\"from\":\"acc_src\",\"to\":\"acc_dst\",\"asset\":\"ron\","
		"\"amount_minor\":\"250000\",\"nonce\":42,\"idem\":\"01JFA1KQ2Q9G2VE8W7\","
		"\"ts\":\"2025-10-16T16:11:02Z\",\"receipt_hash\":\"b3:"
		"3860510f6d5587472dfac9dc1c9da050d816e3b4ae79c0d4d408d6dacbeaa824\"");
}

static void an_issue_has_no_from(void **state)
{
	struct operation operation = operation_of(OPERATION_ISSUE, NULL, "acc_dst", 1000000, 1);

	(void)state;
	expect_receipt(&operation, "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1Y", "01JFA-ISSUE-KEY", AT_MS(300),
		"{\"txid\":\"tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1Y\",\"op\":\"issue\",\"to\":\"acc_dst\","
		"\"asset\":\"ron\",\"amount_minor\":\"1000000\",\"nonce\":1,"
		"\"idem\":\"01JFA-ISSUE-KEY\",\"ts\":\"2025-10-16T16:05:00Z\","
		"\"receipt_hash\":\"b3:"
		"3de1ca6a8996a3e2ff5eb23ae4b3578a4ef8e5f756d591d4d3b5970277421e44\"");
}

static void a_burn_has_no_to(void **state)
{
	struct operation operation = operation_of(OPERATION_BURN, "acc_src", NULL, 50000, 43);

	(void)state;
	expect_receipt(&operation, "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1Z", "01JFA-BURN-KEY", AT_MS(360),
		"{\"txid\":\"tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1Z\",\"op\":\"burn\","
		"\"from\":\"acc_src\",\"asset\":\"ron\",\"amount_minor\":\"50000\",\"nonce\":43,"
		"\"idem\":\"01JFA-BURN-KEY\",\"ts\":\"2025-10-16T16:06:00Z\","
		"\"receipt_hash\":\"b3:"
		"8eacb87a77c938121cf9ce9d67542afb3cabeefc616df1bf33227b0906b9c68e\"");
}

/* Goal: every member at its longest fits what the ledger keeps of a receipt. */
static void the_longest_receipt_fits(void **state)
{
	char from[ACCOUNT_BYTES_MAX + 1], to[ACCOUNT_BYTES_MAX + 1], asset[ASSET_BYTES_MAX + 1];
	char key[OPERATION_KEY_BYTES_MAX + 1];
	uint8_t bytes[DRAFT_RECEIPT_BYTES_MAX];
	struct id128 id = txid_of("tx_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	struct operation operation;
	struct hash hash;
	size_t bytes_count;

	(void)state;
	memset(from, 'f', sizeof from);
	memset(to, 't', sizeof to);
	memset(asset, 'a', sizeof asset);
	memset(key, 'k', sizeof key);
	from[ACCOUNT_BYTES_MAX] = to[ACCOUNT_BYTES_MAX] = asset[ASSET_BYTES_MAX] = '\0';
	key[OPERATION_KEY_BYTES_MAX] = '\0';
	operation = operation_of(OPERATION_CAPTURE, from, to, 1, OPERATION_NONCE_MAX);
	operation.asset = text_of(asset);
	operation.amount = U128_MAX;
	operation.hold = id;
	assert_true(operation_is_sound(&operation));
	bytes_count = receipt_print(&operation, &id, text_of(key), AT_MS(0), bytes, &hash);
	assert_in_range(bytes_count, 600, 900);
	assert_int_equal(receipt_key((struct slice){ bytes, bytes_count }).bytes_count,
		OPERATION_KEY_BYTES_MAX);
}

static void the_key_of_a_receipt_is_found(void **state)
{
	(void)state;
	assert_int_equal(
		receipt_key(text_of("{\"nonce\":1,\"idem\":\"k1\",\"ts\"")).bytes_count, 2);
	assert_int_equal(receipt_key(text_of("")).bytes_count, 0);
	assert_int_equal(receipt_key(text_of("{\"nonce\":1,\"idem\":\"k1")).bytes_count, 0);
	assert_int_equal(receipt_key(text_of("{\"nonce\":1}")).bytes_count, 0);
}

static void the_fingerprint_is_that_of_the_contract(void **state)
{
	struct operation operation =
		operation_of(OPERATION_TRANSFER, "acc_src", "acc_dst", 250000, 42);
	struct hash fingerprint;
	char text[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	(void)state;
	operation_fingerprint(&operation, &fingerprint);
	hex_encode(fingerprint.bytes, HASH_BYTES, text);
	assert_string_equal(
		text, "a43a75ef21bc42b46732aa5869739f87a373c15d00d2456857da43c0e5a30d46");
}

static bool differs(const struct operation *a, const struct operation *b)
{
	struct hash left, right;

	operation_fingerprint(a, &left);
	operation_fingerprint(b, &right);
	return memcmp(&left, &right, sizeof left) != 0;
}

static void each_member_changes_the_fingerprint(void **state)
{
	const struct operation base = operation_of(OPERATION_HOLD, "a", NULL, 5, 1);
	struct operation other = base;

	(void)state;
	assert_false(differs(&base, &other));
	other.amount = 6;
	assert_true(differs(&base, &other));
	other = base;
	other.nonce = 2;
	assert_true(differs(&base, &other));
	other = base;
	other.from = text_of("b");
	assert_true(differs(&base, &other));
	other = base;
	other.asset = text_of("eur");
	assert_true(differs(&base, &other));
	other = base;
	other.expires_unix_ms = 1;
	assert_true(differs(&base, &other));
	other = base;
	other.has_memo = true;
	assert_true(differs(&base, &other)); /* an empty memo is one */
	other = base;
	other.kind = OPERATION_BURN;
	assert_true(differs(&base, &other));
}

static void the_longest_memo_has_a_fingerprint(void **state)
{
	struct operation operation = operation_of(OPERATION_BURN, "a", NULL, 5, 1);
	uint8_t memo[MEMO_BYTES_MAX];
	struct hash fingerprint;

	(void)state;
	memset(memo, 1, sizeof memo); /* six bytes each in JSON */
	operation.has_memo = true;
	operation.memo = (struct slice){ memo, sizeof memo };
	operation_fingerprint(&operation, &fingerprint);
}

/* Goal: lanes, principals and nonces never share a key of the ledger. */
static void a_nonce_of_the_ledger_is_of_one_lane(void **state)
{
	struct operation debit = operation_of(OPERATION_BURN, "a", NULL, 5, 1);
	struct operation issue = operation_of(OPERATION_ISSUE, NULL, "a", 5, 1);
	struct operation same = operation_of(OPERATION_TRANSFER, "a", "b", 7, 1);
	struct operation next = operation_of(OPERATION_BURN, "a", NULL, 5, 2);
	struct id128 a, b, c, d;

	(void)state;
	operation_ledger_nonce(&debit, &a);
	operation_ledger_nonce(&issue, &b);
	operation_ledger_nonce(&same, &c);
	operation_ledger_nonce(&next, &d);
	assert_memory_not_equal(&a, &b, sizeof a);
	assert_memory_equal(&a, &c, sizeof a); /* so another wish with one nonce is found out */
	assert_memory_not_equal(&a, &d, sizeof a);
}

static void each_kind_is_one_entry_that_the_ledger_takes(void **state)
{
	static const struct {
		enum operation_kind kind;
		const char *from, *to;
		enum entry_kind entry;
		enum draft_lane lane;
	} rows[] = {
		{ OPERATION_ISSUE, NULL, "b", ENTRY_MINT, LANE_ISSUE },
		{ OPERATION_TRANSFER, "a", "b", ENTRY_TRANSFER, LANE_DEBIT },
		{ OPERATION_BURN, "a", NULL, ENTRY_BURN, LANE_DEBIT },
		{ OPERATION_HOLD, "a", NULL, ENTRY_HOLD, LANE_DEBIT },
		{ OPERATION_CAPTURE, "a", "b", ENTRY_TRANSFER, LANE_DEBIT },
		{ OPERATION_RELEASE, "a", NULL, ENTRY_REVERSE, LANE_DEBIT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct operation operation =
			operation_of(rows[i].kind, rows[i].from, rows[i].to, 5, 1);
		struct draft draft;

		if (operation_has_hold(rows[i].kind)) {
			assert_false(operation_is_sound(&operation));
			operation.hold = txid_of("tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X");
		}
		assert_true(operation_is_sound(&operation));
		operation_draft(&operation, &draft);
		assert_int_equal(draft.entry.kind, rows[i].entry);
		assert_int_equal(draft.lane, rows[i].lane);
		assert_true(entry_views_equal(
			draft.entry.account, text_of(rows[i].from == NULL ? "b" : "a")));
		draft.entry.capability_ref = text_of("c");
		assert_int_equal(draft_check(&draft), DETAIL_NONE);
	}
}

static void what_is_not_sound_is_refused(void **state)
{
	struct operation operation = operation_of(OPERATION_TRANSFER, "a", "b", 1, 1);

	(void)state;
	operation.nonce = 0;
	assert_false(operation_is_sound(&operation));
	operation.nonce = OPERATION_NONCE_MAX + 1;
	assert_false(operation_is_sound(&operation));
	operation.nonce = OPERATION_NONCE_MAX;
	assert_true(operation_is_sound(&operation));
	operation.amount = 0;
	assert_false(operation_is_sound(&operation));
	operation = operation_of(OPERATION_BURN, "a", "b", 1, 1);
	assert_false(operation_is_sound(&operation));
	operation = operation_of(OPERATION_ISSUE, "a", "b", 1, 1);
	assert_false(operation_is_sound(&operation));
	operation = operation_of(OPERATION_BURN, "a", NULL, 1, 1);
	operation.expires_unix_ms = 1;
	assert_false(operation_is_sound(&operation));
	operation.expires_unix_ms = 0;
	operation.kind = (enum operation_kind)7;
	assert_false(operation_is_sound(&operation));
}

static void keys_are_of_a_small_alphabet(void **state)
{
	char key[OPERATION_KEY_BYTES_MAX + 2];

	(void)state;
	memset(key, 'k', sizeof key);
	key[OPERATION_KEY_BYTES_MAX + 1] = '\0';
	assert_false(operation_key_is_valid(text_of(key)));
	key[OPERATION_KEY_BYTES_MAX] = '\0';
	assert_true(operation_key_is_valid(text_of(key)));
	assert_true(operation_key_is_valid(text_of("AZaz09._:-")));
	assert_false(operation_key_is_valid(text_of("")));
	assert_false(operation_key_is_valid(text_of("a b")));
	assert_false(operation_key_is_valid(text_of("a\"b")));
	assert_false(operation_key_is_valid(text_of("\xc3\xa4")));
}

static void txids_are_read_as_they_are_printed(void **state)
{
	static const char *const wrong[] = { "", "tx_", "01JFA7Z2A7YQ4QW3EJ7N3N6D1X",
		"tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1", "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1XX",
		"tx_01jfa7z2a7yq4qw3ej7n3n6d1x", "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1U",
		"TX_01JFA7Z2A7YQ4QW3EJ7N3N6D1X", "tx_00000000000000000000000000" };
	char text[OPERATION_TXID_BYTES + 1];
	struct id128 id;

	(void)state;
	id = txid_of("tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X");
	operation_txid_print(&id, text);
	assert_string_equal(text, "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X");
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		assert_false(operation_txid_parse(text_of(wrong[i]), &id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transfer_has_the_receipt_of_the_contract),
		cmocka_unit_test(an_issue_has_no_from),
		cmocka_unit_test(a_burn_has_no_to),
		cmocka_unit_test(the_longest_receipt_fits),
		cmocka_unit_test(the_key_of_a_receipt_is_found),
		cmocka_unit_test(the_fingerprint_is_that_of_the_contract),
		cmocka_unit_test(each_member_changes_the_fingerprint),
		cmocka_unit_test(the_longest_memo_has_a_fingerprint),
		cmocka_unit_test(a_nonce_of_the_ledger_is_of_one_lane),
		cmocka_unit_test(each_kind_is_one_entry_that_the_ledger_takes),
		cmocka_unit_test(what_is_not_sound_is_refused),
		cmocka_unit_test(keys_are_of_a_small_alphabet),
		cmocka_unit_test(txids_are_read_as_they_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
