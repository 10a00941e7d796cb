#include "cli/import_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/import_funds.h"
#include "common/check.h"

static struct import_map map;
static struct import_row row;

static struct slice view(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* order_id, payer, payee, amount_minor, purpose */
static void setup(void)
{
	static const char *const names[] = { "order_id", "payer", "payee", "amount_minor",
		"purpose" };
	struct slice columns[COUNT_OF(names)];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		columns[i] = view(names[i]);
	}
	import_map_init(&map);
	assert_true(import_map_add(
		&map, "nonce=order_id,account=payer,counter_account=payee,amount=amount_minor"));
	assert_true(import_map_add(&map, "memo=purpose"));
	assert_true(import_map_bind(&map, columns, COUNT_OF(names)));
}

static bool make(const char *order, const char *payer, const char *payee, const char *amount,
	const char *purpose)
{
	struct slice fields[] = { view(order), view(payer), view(payee), view(amount),
		view(purpose) };

	return import_row_make(&map, fields, &row);
}

/* The derivation is a promise to whoever imported before: these numbers never change. Made
 * with: printf 'macronode import nonce v1\0007001' | sha256sum, and with
 * 'macronode import id v1\000alice\0007001', whose version and variant are then set. */
static void a_row_is_the_entry_that_it_always_was(void **state)
{
	uint8_t bytes[1024];
	struct json_out out;
	size_t bytes_count = 0;

	(void)state;
	setup();
	assert_true(make("7001", "alice", "ext_1", "120000", "RENT"));
	json_out_init(&out, bytes, sizeof bytes - 1);
	import_row_write(&row, 1800000000000, "00ff", &out);
	assert_int_equal(json_out_finish(&out, &bytes_count), ERR_OK);
	bytes[bytes_count] = '\0';
	assert_string_equal((char *)bytes,
		"{\"id\":\"a41deeeb-1baa-8c68-9c13-88c23f84043a\",\"ts\":1800000000000,"
		"\"kind\":\"Transfer\",\"account\":\"alice\",\"counter_account\":\"ext_1\","
		"\"amount\":\"120000\",\"nonce\":\"vg6TPvGrUc4ROKquHOlGzg==\","
		"\"capability_ref\":\"00ff\",\"v\":1,\"memo\":\"RENT\"}");
}

static void the_same_order_of_two_payers_is_two_ids_and_one_nonce(void **state)
{
	struct id128 id, nonce;

	(void)state;
	setup();
	assert_true(make("1", "alice", "x", "1", ""));
	id = row.id;
	nonce = row.nonce;
	assert_true(make("1", "bob", "x", "1", ""));
	assert_memory_equal(&row.nonce, &nonce, sizeof nonce);
	assert_memory_not_equal(&row.id, &id, sizeof id);
}

static void a_prefix_is_part_of_the_value(void **state)
{
	struct id128 bare;

	(void)state;
	setup();
	assert_true(make("1", "alice", "x", "1", ""));
	bare = row.nonce;
	assert_true(import_map_prefix(&map, "account=acct_"));
	assert_true(import_map_prefix(&map, "nonce=bank-"));
	assert_true(make("1", "alice", "x", "1", ""));
	assert_memory_equal(row.fields[IMPORT_ACCOUNT].bytes, "acct_alice", 10);
	assert_memory_not_equal(&row.nonce, &bare, sizeof bare);
}

static void fields_that_cannot_be_are_refused_by_name(void **state)
{
	static char memo[MEMO_BYTES_MAX + 2], account[ACCOUNT_BYTES_MAX + 2];
	static const char *const rows[][6] = {
		{ "1", "al ice", "x", "1", "", "account" },
		{ "1", "", "x", "1", "", "account" },
		{ "1", account, "x", "1", "", "account" },
		{ "1", "a", "", "1", "", "counter_account" },
		{ "1", "a", "x", "0", "", "amount" },
		{ "1", "a", "x", "01", "", "amount" },
		{ "1", "a", "x", "-1", "", "amount" },
		{ "1", "a", "x", "1.5", "", "amount" },
		{ "1", "a", "x", "", "", "amount" },
		{ "1", "a", "x", "340282366920938463463374607431768211456", "", "amount" },
		{ "", "a", "x", "1", "", "nonce" },
		{ "1", "a", "x", "1", memo, "memo" },
	};

	(void)state;
	setup();
	memset(memo, 'm', sizeof memo - 1);
	memset(account, 'a', sizeof account - 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *const *one = rows[i];

		assert_false(make(one[0], one[1], one[2], one[3], one[4]));
		assert_int_equal(strncmp(map.error, one[5], strlen(one[5])), 0);
	}
	memo[MEMO_BYTES_MAX] = '\0';
	account[ACCOUNT_BYTES_MAX] = '\0';
	assert_true(make("1", account, "x", "340282366920938463463374607431768211455", memo));
}

static void only_a_transfer_has_two_sides(void **state)
{
	static const char *const kinds[] = { "Mint", "Burn", "Hold" };
	static const char *const others[] = { "Reverse", "Debit", "Credit", "transfer", "x" };
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		setup();
		(void)snprintf(text, sizeof text, "kind=%s", kinds[i]);
		assert_true(import_map_set(&map, text));
		assert_true(make("1", "a", "", "1", ""));
		assert_false(make("1", "a", "x", "1", ""));
	}
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		setup();
		(void)snprintf(text, sizeof text, "kind=%s", others[i]);
		assert_true(import_map_set(&map, text));
		assert_false(make("1", "a", "", "1", ""));
	}
}

static void a_map_that_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = { "order_id=nonce", "account", "account=", "=payer",
		"account=payer,account=payee", "accounts=payer", "account=payer,,amount=x" };
	struct slice columns[] = { view("a"), view("b"), view("a") };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		import_map_init(&map);
		assert_false(import_map_add(&map, bad[i]));
	}
	import_map_init(&map);
	assert_false(import_map_set(&map, "nonce=1"));
	import_map_init(&map);
	assert_true(import_map_add(&map, "account=b,amount=b,nonce=missing"));
	assert_false(import_map_bind(&map, columns, 3));
	assert_non_null(strstr(map.error, "no column 'missing'"));
	import_map_init(&map);
	assert_true(import_map_add(&map, "account=b,amount=b,nonce=a"));
	assert_false(import_map_bind(&map, columns, 3));
	assert_non_null(strstr(map.error, "more than one column 'a'"));
	import_map_init(&map);
	assert_true(import_map_add(&map, "account=b,nonce=b"));
	assert_false(import_map_bind(&map, columns, 3));
	assert_non_null(strstr(map.error, "amount"));
}

static void a_funding_has_one_nonce_an_account_asset_and_label(void **state)
{
	struct id128 first;

	(void)state;
	import_row_fund(view("alice"), view("ron"), "", 5, &row);
	first = row.nonce;
	import_row_fund(view("alice"), view("ron"), "", 6, &row);
	assert_memory_equal(&row.nonce, &first, sizeof first); /* another total is a conflict */
	import_row_fund(view("alice"), view("ron"), "march", 5, &row);
	assert_memory_not_equal(&row.nonce, &first, sizeof first);
	import_row_fund(view("alice"), view("eur"), "", 5, &row);
	assert_memory_not_equal(&row.nonce, &first, sizeof first);
	import_row_fund(view("bob"), view("ron"), "", 5, &row);
	assert_memory_not_equal(&row.nonce, &first, sizeof first);
}

/* ---- the sums ---- */

static bool note_fund(void *context, struct slice account, struct slice asset, u128 amount)
{
	char *text = context;

	(void)snprintf(text + strlen(text), 256 - strlen(text), "%.*s/%.*s %u;",
		(int)account.bytes_count, (const char *)account.bytes, (int)asset.bytes_count,
		(const char *)asset.bytes, (unsigned)amount);
	return true;
}

static void sums_are_by_account_and_asset_in_the_order_of_names(void **state)
{
	struct import_funds funds = { 0 };
	char text[256] = "";

	(void)state;
	assert_int_equal(import_funds_add(&funds, view("bob"), view(""), 1), ERR_OK);
	assert_int_equal(import_funds_add(&funds, view("alice"), view("ron"), 2), ERR_OK);
	assert_int_equal(import_funds_add(&funds, view("bob"), view(""), 3), ERR_OK);
	assert_int_equal(import_funds_add(&funds, view("alice"), view(""), 4), ERR_OK);
	assert_int_equal(import_funds_add(&funds, view("al"), view(""), 5), ERR_OK);
	assert_int_equal(funds.count, 4);
	import_funds_walk(&funds, note_fund, text);
	assert_string_equal(text, "al/ 5;alice/ 4;alice/ron 2;bob/ 4;");
	assert_int_equal(import_funds_add(&funds, view("al"), view(""), U128_MAX), ERR_TOO_LARGE);
	import_funds_free(&funds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_the_entry_that_it_always_was),
		cmocka_unit_test(the_same_order_of_two_payers_is_two_ids_and_one_nonce),
		cmocka_unit_test(a_prefix_is_part_of_the_value),
		cmocka_unit_test(fields_that_cannot_be_are_refused_by_name),
		cmocka_unit_test(only_a_transfer_has_two_sides),
		cmocka_unit_test(a_map_that_cannot_be_is_refused),
		cmocka_unit_test(a_funding_has_one_nonce_an_account_asset_and_label),
		cmocka_unit_test(sums_are_by_account_and_asset_in_the_order_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
