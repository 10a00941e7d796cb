/* What a node answered, read; and when the same operation is sent again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/macronode.h"
#include "client/members.h"

#define RECEIPT                                                                             \
	"{\"txid\":\"tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X\",\"op\":\"transfer\",\"from\":\"a\","   \
	"\"to\":\"b\",\"asset\":\"ron\",\"amount_minor\":"                                  \
	"\"340282366920938463463374607431768211455\",\"nonce\":42,\"idem\":\"k:1\","        \
	"\"ts\":\"2025-10-16T16:11:02Z\",\"receipt_hash\":\"b3:3860510f6d5587472dfac9dc1c9" \
	"da050d816e3b4ae79c0d4d408d6dacbeaa824\",\"seq\":9,\"balance_before\":\"7\","       \
	"\"balance_after\":\"0\"}"

static struct mn_answer answer_of(const char *text)
{
	return (struct mn_answer){ text, strlen(text) };
}

static struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* --- members --- */

static void a_member_is_found_by_its_name_at_the_top(void **state)
{
	static const char object[] = " { \"a\" : { \"b\" : [ 1 , \"}\\\"\" ] } , \"b\" : 2 }";
	struct slice value;
	uint64_t number;

	(void)state;
	assert_true(members_find(text_of(object), "a", &value));
	assert_int_equal(value.bytes[0], '{');
	assert_true(members_u64(text_of(object), "b", &number));
	assert_int_equal(number, 2);
	assert_false(members_find(text_of(object), "c", &value));
}

static void text_is_decoded_or_not_there(void **state)
{
	static const struct {
		const char *object, *text;
	} rows[] = {
		{ "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t" },
		{ "{\"a\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}",
			"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "{\"a\":\"\"}", "" },
		{ "{\"a\":\"\\u0000\"}", NULL },
		{ "{\"a\":\"\\ud83d\"}", NULL },
		{ "{\"a\":\"\\ud83dx\"}", NULL },
		{ "{\"a\":\"\\ude00\"}", NULL },
		{ "{\"a\":\"\\u00g0\"}", NULL },
		{ "{\"a\":\"\\x\"}", NULL },
		{ "{\"a\":\"12345678901234567890\"}", NULL },
		{ "{\"a\":1}", NULL },
		{ "{\"a\":null}", NULL },
		{ "[\"a\"]", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[16] = "old";

		assert_int_equal(members_text(text_of(rows[i].object), "a", text, sizeof text),
			rows[i].text != NULL);
		assert_string_equal(text, rows[i].text != NULL ? rows[i].text : "");
	}
}

static void a_number_is_decimal_and_fits(void **state)
{
	uint64_t number = 5;

	(void)state;
	assert_true(members_u64(text_of("{\"a\":18446744073709551615}"), "a", &number));
	assert_true(number == UINT64_MAX);
	assert_false(members_u64(text_of("{\"a\":18446744073709551616}"), "a", &number));
	assert_false(members_u64(text_of("{\"a\":-1}"), "a", &number));
	assert_false(members_u64(text_of("{\"a\":1.5}"), "a", &number));
	assert_false(members_u64(text_of("{\"a\":\"1\"}"), "a", &number));
	assert_true(number == UINT64_MAX);
}

/* On the heap and without a zero behind it, so that a sanitizer sees a read too far. */
static void cut_anywhere_nothing_is_read_behind_it(void **state)
{
	struct mn_receipt receipt;
	struct mn_error error;

	(void)state;
	for (size_t cut = 0; cut < sizeof RECEIPT - 1; cut++) {
		char *bytes = malloc(cut + 1);
		struct mn_answer answer = { bytes, cut };

		assert_non_null(bytes);
		memcpy(bytes, RECEIPT, cut);
		if (mn_read_receipt(&answer, &receipt)) { /* what it needs stands before */
			assert_true(cut > strlen(RECEIPT) - 45);
		}
		assert_false(mn_read_error(&answer, &error));
		free(bytes);
	}
}

static void what_is_nested_without_end_is_given_up(void **state)
{
	static char text[300000];
	struct slice value;

	(void)state;
	memset(text, '[', sizeof text - 1);
	memcpy(text, "{\"a\":", 5);
	assert_false(members_find(text_of(text), "a", &value));
}

/* --- receipts and errors --- */

static void a_receipt_is_read(void **state)
{
	struct mn_answer answer = answer_of(RECEIPT);
	struct mn_receipt receipt;

	(void)state;
	assert_true(mn_read_receipt(&answer, &receipt));
	assert_string_equal(receipt.txid, "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X");
	assert_string_equal(receipt.op, "transfer");
	assert_string_equal(receipt.amount_minor, "340282366920938463463374607431768211455");
	assert_string_equal(receipt.hold, "");
	assert_string_equal(receipt.idempotency_key, "k:1");
	assert_string_equal(receipt.balance_after, "0");
	assert_int_equal(receipt.nonce, 42);
	assert_int_equal(receipt.seq, 9);
	assert_int_equal(strlen(receipt.receipt_hash), 67);
}

static void an_error_is_read(void **state)
{
	struct mn_answer conflict = answer_of(
		"{\"code\":\"NONCE_CONFLICT\",\"http\":409,\"message\":\"nonce conflict\","
		"\"retryable\":false,\"corr_id\":\"c-1\",\"details\":{\"reason\":\"nonce_used\","
		"\"last\":41,\"expected\":42}}");
	struct mn_answer busy = answer_of("{\"code\":\"BUSY\",\"http\":429,\"message\":\"busy\","
					  "\"retryable\":true,\"corr_id\":\"\",\"details\":{}}");
	struct mn_answer other = answer_of("{\"error\":{\"code\":\"NotFound\",\"message\":\"m\"}}");
	struct mn_answer none = answer_of("{\"codes\":1}");
	struct mn_error error;

	(void)state;
	assert_true(mn_read_error(&conflict, &error));
	assert_string_equal(error.code, "NONCE_CONFLICT");
	assert_string_equal(error.reason, "nonce_used");
	assert_string_equal(error.corr_id, "c-1");
	assert_int_equal(error.nonce_next, 42);
	assert_int_equal(error.http, 409);
	assert_int_equal(error.retryable, 0);
	assert_int_equal(error.retry_after_ms, 0);
	assert_true(mn_read_error(&busy, &error));
	assert_int_equal(error.retryable, 1);
	assert_int_equal(error.retry_after_ms, 1000);
	assert_true(mn_read_error(&other, &error));
	assert_string_equal(error.code, "NotFound");
	assert_false(mn_read_error(&none, &error));
	assert_string_equal(error.code, "");
}

/* --- again? --- */

static struct mn_error refusal(const char *code, int http, int retryable, int retry_after_ms)
{
	struct mn_error error = {
		.http = http, .retryable = retryable, .retry_after_ms = retry_after_ms
	};

	(void)snprintf(error.code, sizeof error.code, "%s", code);
	return error;
}

static void what_is_known_is_final(void **state)
{
	static const struct {
		enum mn_result result;
		const char *code;
		int http, is_final;
	} rows[] = {
		{ MN_OK, "", 0, 1 },
		{ MN_TOO_LARGE, "", 0, 1 },
		{ MN_REFUSED, "BAD_REQUEST", 400, 1 },
		{ MN_REFUSED, "INSUFFICIENT_FUNDS", 409, 1 },
		{ MN_REFUSED, "NONCE_CONFLICT", 409, 1 },
		{ MN_REFUSED, "FORBIDDEN", 403, 1 },
		{ MN_NO_NODE, "", 0, 0 },
		{ MN_TIMEOUT, "", 0, 0 },
		{ MN_CLOSED, "", 0, 0 },
		{ MN_PROTOCOL, "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct mn_retry retry = { .attempts = 0 };
		struct mn_error error = refusal(rows[i].code, rows[i].http, 0, 0);
		int wait_ms = mn_retry_wait(&retry, rows[i].result, &error, 100, 60100);

		assert_int_equal(wait_ms < 0, rows[i].is_final);
		assert_false(rows[i].is_final && retry.is_unknown);
	}
}

static void waits_double_up_to_two_seconds_half_of_them_by_chance(void **state)
{
	struct mn_retry retry = { .attempts = 0 };
	int most_ms = 50;

	(void)state;
	for (int i = 0; i < 12; i++) {
		int wait_ms = mn_retry_wait(&retry, MN_NO_NODE, NULL, 0, 60000);

		assert_in_range(wait_ms, most_ms / 2, most_ms);
		most_ms = most_ms < 1000 ? most_ms * 2 : 2000;
	}
	assert_false(retry.is_unknown); /* nothing ever reached a node */
}

static void a_node_that_asks_for_more_time_gets_it(void **state)
{
	struct mn_retry retry = { .attempts = 0 };
	struct mn_error error = refusal("RETRY_LATER", 503, 1, 2000);

	(void)state;
	assert_int_equal(mn_retry_wait(&retry, MN_REFUSED, &error, 0, 60000), 2000);
	assert_false(retry.is_unknown);
}

static void the_deadline_ends_it_and_tells_how_much_is_known(void **state)
{
	struct mn_retry retry = { .attempts = 0 };
	struct mn_error later = refusal("RETRY_LATER", 503, 1, 2000);

	(void)state;
	assert_int_equal(mn_retry_wait(&retry, MN_REFUSED, &later, 58000, 60000), -1);
	assert_false(retry.is_unknown);
	assert_true(mn_retry_wait(&retry, MN_CLOSED, NULL, 1000, 60000) > 0);
	assert_int_equal(mn_retry_wait(&retry, MN_REFUSED, &later, 59000, 60000), -1);
	assert_true(retry.is_unknown); /* the second attempt may be done */
}

/* Money may come in between: the attempt that was not answered could still be done with it. */
static void a_refusal_behind_an_unknown_attempt_waits_until_that_is_forgotten(void **state)
{
	struct mn_retry retry = { .attempts = 0 };
	struct mn_error poor = refusal("INSUFFICIENT_FUNDS", 409, 0, 0);

	(void)state;
	assert_true(mn_retry_wait(&retry, MN_TIMEOUT, NULL, 1000, 60000) > 0);
	assert_true(mn_retry_wait(&retry, MN_REFUSED, &poor, 1500, 60000) > 0);
	assert_true(mn_retry_wait(&retry, MN_REFUSED, &poor, 10999, 60000) > 0);
	assert_true(retry.is_unknown);
	assert_int_equal(mn_retry_wait(&retry, MN_REFUSED, &poor, 11000, 60000), -1);
	assert_false(retry.is_unknown);
}

static void a_nonce_that_another_took_ends_it_at_once(void **state)
{
	struct mn_retry retry = { .attempts = 0 };
	struct mn_error used = refusal("NONCE_CONFLICT", 409, 0, 0);
	struct mn_error gap = refusal("NONCE_CONFLICT", 409, 1, 0);

	(void)state;
	assert_true(mn_retry_wait(&retry, MN_CLOSED, NULL, 0, 60000) > 0);
	assert_true(mn_retry_wait(&retry, MN_REFUSED, &gap, 1, 60000) > 0);
	assert_int_equal(mn_retry_wait(&retry, MN_REFUSED, &used, 2, 60000), -1);
	assert_false(retry.is_unknown);
}

/* The first attempt was done, perhaps, and then the token ended: that is no answer about it. */
static void a_token_that_ends_behind_an_unknown_attempt_leaves_it_unknown(void **state)
{
	static const struct {
		const char *code;
		int http;
	} rows[] = { { "UNAUTHORIZED", 401 }, { "FORBIDDEN", 403 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct mn_retry retry = { .attempts = 0 };
		struct mn_error error = refusal(rows[i].code, rows[i].http, 0, 0);

		assert_true(mn_retry_wait(&retry, MN_CLOSED, NULL, 0, 60000) > 0);
		assert_int_equal(mn_retry_wait(&retry, MN_REFUSED, &error, 20000, 60000), -1);
		assert_true(retry.is_unknown);
	}
}

static void an_operation_under_way_may_be_done(void **state)
{
	struct mn_retry retry = { .attempts = 0 };
	struct mn_error error = refusal("IN_PROGRESS", 409, 1, 1000);

	(void)state;
	assert_int_equal(mn_retry_wait(&retry, MN_REFUSED, &error, 0, 60000), 1000);
	assert_true(retry.is_unknown);
	error = refusal("UPSTREAM_UNAVAILABLE", 503, 1, 2000);
	assert_int_equal(mn_retry_wait(&retry, MN_REFUSED, &error, 59000, 60000), -1);
	assert_true(retry.is_unknown);
	assert_int_equal(mn_retry_wait(&retry, MN_OK, NULL, 59000, 60000), -1);
	assert_false(retry.is_unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_is_found_by_its_name_at_the_top),
		cmocka_unit_test(text_is_decoded_or_not_there),
		cmocka_unit_test(a_number_is_decimal_and_fits),
		cmocka_unit_test(cut_anywhere_nothing_is_read_behind_it),
		cmocka_unit_test(what_is_nested_without_end_is_given_up),
		cmocka_unit_test(a_receipt_is_read),
		cmocka_unit_test(an_error_is_read),
		cmocka_unit_test(what_is_known_is_final),
		cmocka_unit_test(waits_double_up_to_two_seconds_half_of_them_by_chance),
		cmocka_unit_test(a_node_that_asks_for_more_time_gets_it),
		cmocka_unit_test(the_deadline_ends_it_and_tells_how_much_is_known),
		cmocka_unit_test(a_refusal_behind_an_unknown_attempt_waits_until_that_is_forgotten),
		cmocka_unit_test(a_nonce_that_another_took_ends_it_at_once),
		cmocka_unit_test(a_token_that_ends_behind_an_unknown_attempt_leaves_it_unknown),
		cmocka_unit_test(an_operation_under_way_may_be_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
