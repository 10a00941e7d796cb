/* The bodies of POST under /v1: every refusal by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/prevalidator/wish.h"

#define TXID "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X"
#define FROM "\"from\":\"acc_src\""
#define TO   "\"to\":\"acc_dst\""
#define REST "\"asset\":\"ron\",\"amount_minor\":\"250000\",\"nonce\":42"
#define GOOD "{" FROM "," TO "," REST "}"
#define KEY  "\"idempotency_key\":\"k-1\""

static struct json json;
static struct wish wish;
static const char *text;

static struct slice slice_of(const char *bytes)
{
	return (struct slice){ (const uint8_t *)bytes, strlen(bytes) };
}

/* An exact copy on the heap, so that a read past its end is seen by the sanitizer. */
static enum api_reason read_as(
	enum operation_kind kind, const char *body, const struct wish_frame *frame)
{
	size_t bytes_count = strlen(body);
	uint8_t *copy = malloc(bytes_count + 1);
	enum api_reason reason;

	assert_non_null(copy);
	memcpy(copy + 1, body, bytes_count);
	reason = wish_read(
		&wish, &json, (struct slice){ copy + 1, bytes_count }, kind, frame, &text);
	free(copy);
	assert_true((reason == API_REASON_NONE) == (text[0] == '\0'));
	return reason;
}

static enum api_reason read_http(enum operation_kind kind, const char *body)
{
	struct wish_frame frame = { .key = slice_of("k-1"), .hold = slice_of(TXID) };

	return read_as(kind, body, &frame);
}

static enum api_reason transfer(const char *body)
{
	return read_http(OPERATION_TRANSFER, body);
}

static void a_transfer_is_read(void **state)
{
	(void)state;
	assert_int_equal(transfer(GOOD), API_REASON_NONE);
	assert_true(operation_is_sound(&wish.operation));
	assert_true(entry_views_equal(wish.operation.from, slice_of("acc_src")));
	assert_true(entry_views_equal(wish.operation.to, slice_of("acc_dst")));
	assert_true(entry_views_equal(wish.key, slice_of("k-1")));
	assert_true(wish.operation.amount == 250000 && wish.operation.nonce == 42);
	assert_false(wish.operation.has_memo);
}

/* Goal: white space and the order of members mean nothing. */
static void the_order_of_members_means_nothing(void **state)
{
	(void)state;
	assert_int_equal(
		transfer(" {\n" REST " , \t" TO ",\"memo\":\"x\"," FROM "}\r\n"), API_REASON_NONE);
	assert_true(wish.operation.has_memo && wish.operation.memo.bytes_count == 1);
}

static void every_kind_has_its_members(void **state)
{
	static const struct {
		enum operation_kind kind;
		const char *body;
	} good[] = {
		{ OPERATION_ISSUE, "{" TO "," REST "}" },
		{ OPERATION_BURN, "{" FROM "," REST "}" },
		{ OPERATION_HOLD, "{" FROM "," REST "}" },
		{ OPERATION_HOLD, "{" FROM "," REST ",\"expires_ts\":1760630400000}" },
		{ OPERATION_CAPTURE, GOOD },
		{ OPERATION_RELEASE, "{" FROM "," REST "}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_int_equal(read_http(good[i].kind, good[i].body), API_REASON_NONE);
		assert_true(operation_is_sound(&wish.operation));
	}
}

static void members_of_other_kinds_are_unknown(void **state)
{
	(void)state;
	assert_int_equal(
		read_http(OPERATION_ISSUE, "{" FROM "," TO "," REST "}"), API_REASON_UNKNOWN_FIELD);
	assert_int_equal(read_http(OPERATION_BURN, GOOD), API_REASON_UNKNOWN_FIELD);
	assert_int_equal(read_http(OPERATION_HOLD, GOOD), API_REASON_UNKNOWN_FIELD);
	assert_int_equal(read_http(OPERATION_RELEASE, GOOD), API_REASON_UNKNOWN_FIELD);
	assert_int_equal(
		transfer("{" FROM "," TO "," REST ",\"expires_ts\":5}"), API_REASON_UNKNOWN_FIELD);
	assert_int_equal(transfer("{" FROM "," TO "," REST ",\"oops\":\"unexpected\"}"),
		API_REASON_UNKNOWN_FIELD);
	/* what HTTP says elsewhere */
	assert_int_equal(transfer("{" FROM "," TO "," REST "," KEY "}"), API_REASON_UNKNOWN_FIELD);
	assert_int_equal(read_http(OPERATION_RELEASE, "{" FROM "," REST ",\"hold\":\"" TXID "\"}"),
		API_REASON_UNKNOWN_FIELD);
}

static void what_is_missing_is_named(void **state)
{
	static const char *const bodies[] = {
		"{" TO "," REST "}",
		"{" FROM "," REST "}",
		"{" FROM "," TO ",\"amount_minor\":\"1\",\"nonce\":1}",
		"{" FROM "," TO ",\"asset\":\"ron\",\"nonce\":1}",
		"{" FROM "," TO ",\"asset\":\"ron\",\"amount_minor\":\"1\"}",
		"{}",
	};
	static const char *const names[] = { "from", "to", "asset", "amount_minor", "nonce",
		"from" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		assert_int_equal(transfer(bodies[i]), API_REASON_SCHEMA);
		assert_memory_equal(text, names[i], strlen(names[i]));
	}
}

static void what_is_no_object_is_refused(void **state)
{
	static const char *const bodies[] = { "", " ", "null", "[]", "\"\"", "1", "true", "{", "}",
		"{}{}", GOOD "x", "[" GOOD "]", "{" FROM "," FROM "," TO "," REST "}",
		"{\"from\":\"acc_src\",}", "{\"from\" \"acc_src\"}" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		assert_int_equal(transfer(bodies[i]), API_REASON_SCHEMA);
	}
}

static enum api_reason with(const char *name, const char *value)
{
	static const char *const names[] = { "from", "to", "asset", "amount_minor", "nonce" };
	static const char *const values[] = { "\"a\"", "\"b\"", "\"ron\"", "\"1\"", "1" };
	char body[1024] = "{";

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		bool is_it = strcmp(names[i], name) == 0;
		size_t used = strlen(body);

		(void)snprintf(body + used, sizeof body - used, "%s\"%s\":%s", i == 0 ? "" : ",",
			names[i], is_it ? value : values[i]);
	}
	body[strlen(body)] = '}'; /* zeros follow */
	return transfer(body);
}

static void amounts_are_canonical_strings(void **state)
{
	static const char *const bad[] = { "1", "1.0", "\"1.0\"", "\"\"", "\"0\"", "\"00\"",
		"\"01\"", "\"+1\"", "\"-1\"", "\" 1\"", "\"1 \"", "\"1_000\"", "\"1e3\"", "\"0x1\"",
		"null", "true", "[]", "{}", "\"340282366920938463463374607431768211456\"",
		"\"999999999999999999999999999999999999999\"" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(with("amount_minor", bad[i]), API_REASON_AMOUNT_FORMAT);
	}
	assert_int_equal(with("amount_minor", "\"340282366920938463463374607431768211455\""),
		API_REASON_NONE);
	assert_true(wish.operation.amount == U128_MAX);
}

static void nonces_are_integers_from_1(void **state)
{
	static const char *const bad[] = { "0", "-1", "1.0", "1e0", "\"1\"", "null", "{}",
		"9223372036854775808", "18446744073709551615", "18446744073709551616" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(with("nonce", bad[i]), API_REASON_NONCE_FORMAT);
	}
	assert_int_equal(with("nonce", "9223372036854775807"), API_REASON_NONE);
}

static void names_have_a_grammar(void **state)
{
	static const char *const bad[] = { "\"\"", "\"a b\"", "\"a/b\"", "\"\\u00e4\"", "7", "null",
		"[\"a\"]" };
	char account[ACCOUNT_BYTES_MAX + 4] = "\"";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(with("from", bad[i]), API_REASON_ACCOUNT_FORMAT);
		assert_int_equal(with("to", bad[i]), API_REASON_ACCOUNT_FORMAT);
		assert_int_equal(with("asset", bad[i]), API_REASON_ASSET_FORMAT);
	}
	assert_int_equal(with("asset", "\"Ron\""), API_REASON_ASSET_FORMAT);
	memset(account + 1, 'a', ACCOUNT_BYTES_MAX + 1);
	account[ACCOUNT_BYTES_MAX + 2] = '"';
	assert_int_equal(with("from", account), API_REASON_ACCOUNT_FORMAT);
	account[ACCOUNT_BYTES_MAX + 1] = '"';
	account[ACCOUNT_BYTES_MAX + 2] = '\0';
	assert_int_equal(with("from", account), API_REASON_NONE);
}

static void nobody_pays_himself(void **state)
{
	(void)state;
	assert_int_equal(with("to", "\"a\""), API_REASON_SELF_TRANSFER);
	assert_int_equal(read_http(OPERATION_CAPTURE, "{" FROM ",\"to\":\"acc_src\"," REST "}"),
		API_REASON_SELF_TRANSFER);
}

static void a_memo_is_short(void **state)
{
	char body[1024];

	(void)state;
	(void)snprintf(body, sizeof body, "{" FROM "," TO "," REST ",\"memo\":\"%0256d\"}", 0);
	assert_int_equal(transfer(body), API_REASON_NONE);
	(void)snprintf(body, sizeof body, "{" FROM "," TO "," REST ",\"memo\":\"%0257d\"}", 0);
	assert_int_equal(transfer(body), API_REASON_MEMO);
	assert_int_equal(transfer("{" FROM "," TO "," REST ",\"memo\":5}"), API_REASON_MEMO);
}

static void an_expiry_is_a_time(void **state)
{
	(void)state;
	assert_int_equal(read_http(OPERATION_HOLD, "{" FROM "," REST ",\"expires_ts\":0}"),
		API_REASON_EXPIRES_TS);
	assert_int_equal(read_http(OPERATION_HOLD, "{" FROM "," REST ",\"expires_ts\":\"5\"}"),
		API_REASON_EXPIRES_TS);
}

static void a_field_names_the_wish(void **state)
{
	struct wish_frame frame = { .hold = slice_of(TXID) };
	char key[OPERATION_KEY_BYTES_MAX + 2];

	(void)state;
	assert_int_equal(read_as(OPERATION_TRANSFER, GOOD, &frame), API_REASON_IDEM_KEY_MISSING);
	frame.key = slice_of("a b");
	assert_int_equal(read_as(OPERATION_TRANSFER, GOOD, &frame), API_REASON_IDEM_KEY_FORMAT);
	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	frame.key = slice_of(key);
	assert_int_equal(read_as(OPERATION_TRANSFER, GOOD, &frame), API_REASON_IDEM_KEY_FORMAT);
	key[OPERATION_KEY_BYTES_MAX] = '\0';
	frame.key = slice_of(key);
	assert_int_equal(read_as(OPERATION_TRANSFER, GOOD, &frame), API_REASON_NONE);
	frame.hold = slice_of("tx_1");
	assert_int_equal(read_as(OPERATION_TRANSFER, GOOD, &frame), API_REASON_NONE);
	assert_int_equal(read_as(OPERATION_CAPTURE, GOOD, &frame), API_REASON_TXID_FORMAT);
}

static void over_oap_all_of_it_is_members(void **state)
{
	struct wish_frame frame = { .is_oap = true };

	(void)state;
	assert_int_equal(read_as(OPERATION_TRANSFER, "{" FROM "," TO "," REST "," KEY "}", &frame),
		API_REASON_NONE);
	assert_true(entry_views_equal(wish.key, slice_of("k-1")));
	assert_int_equal(read_as(OPERATION_TRANSFER, GOOD, &frame), API_REASON_IDEM_KEY_MISSING);
	assert_int_equal(read_as(OPERATION_TRANSFER,
				 "{" FROM "," TO "," REST ",\"idempotency_key\":\"\"}", &frame),
		API_REASON_IDEM_KEY_FORMAT);
	assert_int_equal(read_as(OPERATION_RELEASE,
				 "{" FROM "," REST "," KEY ",\"hold\":\"" TXID "\"}", &frame),
		API_REASON_NONE);
	assert_true(operation_is_sound(&wish.operation));
	assert_int_equal(read_as(OPERATION_RELEASE, "{" FROM "," REST "," KEY "}", &frame),
		API_REASON_SCHEMA);
	assert_int_equal(
		read_as(OPERATION_RELEASE, "{" FROM "," REST "," KEY ",\"hold\":\"x\"}", &frame),
		API_REASON_TXID_FORMAT);
}

/* Goal: every cut of a good body is refused, and nothing is read behind it. */
static void every_cut_is_refused(void **state)
{
	char body[sizeof GOOD];

	(void)state;
	for (size_t cut = 0; cut < sizeof GOOD - 1; cut++) {
		memcpy(body, GOOD, cut);
		body[cut] = '\0';
		assert_int_equal(transfer(body), API_REASON_SCHEMA);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transfer_is_read),
		cmocka_unit_test(the_order_of_members_means_nothing),
		cmocka_unit_test(every_kind_has_its_members),
		cmocka_unit_test(members_of_other_kinds_are_unknown),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(amounts_are_canonical_strings),
		cmocka_unit_test(nonces_are_integers_from_1),
		cmocka_unit_test(names_have_a_grammar),
		cmocka_unit_test(nobody_pays_himself),
		cmocka_unit_test(a_memo_is_short),
		cmocka_unit_test(an_expiry_is_a_time),
		cmocka_unit_test(a_field_names_the_wish),
		cmocka_unit_test(over_oap_all_of_it_is_members),
		cmocka_unit_test(every_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
