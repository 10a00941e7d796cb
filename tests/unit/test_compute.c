/* The body of POST /rewarder/epochs/{epoch_id}/compute: what it is, and every way not to be it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/prevalidator/compute.h"

#define HEX    "8a7efab2d047db37f228e34c7d7eb809d1929a701773322bf96e6fea47593817"
#define INPUTS "\"inputs_cid\":\"b3:" HEX "\""
#define POLICY "\"policy_id\":\"rev42\""
#define HASH   "\"policy_hash\":\"b3:" HEX "\""
#define NEEDED INPUTS "," POLICY "," HASH
#define EPOCH  "\"epoch_id\":\"2025-10-01\""

static struct json json;
static struct compute compute;

static struct slice slice_of(const char *bytes)
{
	return (struct slice){ (const uint8_t *)bytes, strlen(bytes) };
}

/* An exact copy on the heap, so that a read past its end is seen by the sanitizer. */
static const char *read_of(const char *body, const struct slice *epoch_id)
{
	size_t bytes_count = strlen(body);
	uint8_t *copy = malloc(bytes_count + 1);
	const char *fault;

	assert_non_null(copy);
	memcpy(copy + 1, body, bytes_count);
	fault = compute_read(&compute, &json, (struct slice){ copy + 1, bytes_count }, epoch_id);
	free(copy);
	return fault;
}

static const char *read_http(const char *body)
{
	struct slice epoch_id = slice_of("2025-10-01");

	return read_of(body, &epoch_id);
}

static void expect_text(struct slice got, const char *text)
{
	assert_int_equal(got.bytes_count, strlen(text));
	assert_memory_equal(got.bytes, text, strlen(text));
}

static void a_request_is_read(void **state)
{
	(void)state;
	assert_null(read_http("{" NEEDED "}"));
	expect_text(compute.epoch_id, "2025-10-01");
	expect_text(compute.policy_id, "rev42");
	assert_int_equal(compute.policy_hash.bytes[0], 0x8a);
	assert_int_equal(compute.inputs_cid.bytes[31], 0x17);
	assert_false(compute.dry_run);
	assert_int_equal(compute.notes.bytes_count, 0);
	assert_null(read_http(" {\n\"notes\":\"f\\u00fcr\",\"dry_run\":true," HASH "," POLICY
			      " ,\t" INPUTS "}\r\n"));
	assert_true(compute.dry_run);
	expect_text(compute.notes, "f\xc3\xbcr");
	assert_null(read_http("{" NEEDED ",\"dry_run\":false,\"notes\":\"\"}"));
	assert_false(compute.dry_run);
}

/* Goal: nothing of a request is left in the next. */
static void each_is_read_from_nothing(void **state)
{
	(void)state;
	assert_null(read_http("{" NEEDED ",\"dry_run\":true,\"notes\":\"x\"}"));
	assert_null(read_http("{" NEEDED "}"));
	assert_false(compute.dry_run);
	assert_int_equal(compute.notes.bytes_count, 0);
	assert_non_null(read_http("{" INPUTS "}"));
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	assert_string_equal(read_http("{" POLICY "," HASH "}"),
		"inputs_cid: expected b3: and 64 lower-case hex digits");
	assert_string_equal(read_http("{" INPUTS "," HASH "}"),
		"policy_id: expected 1 to 128 of A-Z a-z 0-9 . _ : -");
	assert_string_equal(read_http("{" INPUTS "," POLICY "}"),
		"policy_hash: expected b3: and 64 lower-case hex digits");
	assert_string_equal(
		read_http("{}"), "inputs_cid: expected b3: and 64 lower-case hex digits");
}

static void a_member_has_its_form(void **state)
{
	static const char *const inputs[] = { "\"\"", "\"b3:\"", "\"b3:00\"", "\"" HEX "\"",
		"\"B3:" HEX "\"", "\"b3:" HEX "0\"", "\"b3:" HEX " \"", "\"sha256:" HEX "\"",
		"\"b3:8A7efab2d047db37f228e34c7d7eb809d1929a701773322bf96e6fea47593817\"",
		"\"b3:" HEX "@5\"", "null", "5", "true", "[]", "{}", "[\"b3:" HEX "\"]" };
	static const char *const ids[] = { "\"\"", "\"a b\"", "\"a/b\"", "\"\\u00e9\"",
		"\"a\\u0000\"", "5", "null", "false", "{\"a\":1}" };
	static const char *const flags[] = { "0", "1", "\"true\"", "\"\"", "null", "[]", "{}",
		"[true]" };
	static const char *const notes[] = { "5", "null", "true", "[]", "{}" };
	static const struct {
		const char *name;
		const char *const *values;
		size_t count;
	} rows[] = {
		{ "inputs_cid", inputs, COUNT_OF(inputs) },
		{ "policy_hash", inputs, COUNT_OF(inputs) },
		{ "policy_id", ids, COUNT_OF(ids) },
		{ "dry_run", flags, COUNT_OF(flags) },
		{ "notes", notes, COUNT_OF(notes) },
	};
	char body[1024];

	(void)state;
	for (size_t row = 0; row < COUNT_OF(rows); row++) {
		for (size_t i = 0; i < rows[row].count; i++) {
			(void)snprintf(body, sizeof body, "{\"%s\":%s}", rows[row].name,
				rows[row].values[i]);
			const char *fault = read_http(body);
			assert_non_null(fault);
			assert_memory_equal(fault, rows[row].name, strlen(rows[row].name));
		}
	}
}

static void the_object_is_closed(void **state)
{
	static const char unknown[] = "the body has a member that this route does not";
	static const char twice[] = "a member of the body is given twice";

	(void)state;
	assert_string_equal(read_http("{" NEEDED ",\"oops\":1}"), unknown);
	assert_string_equal(read_http("{" NEEDED ",\"\":{\"a\":[1]}}"), unknown);
	assert_string_equal(read_http("{" NEEDED ",\"Notes\":\"x\"}"), unknown);
	assert_string_equal(read_http("{" NEEDED ",\"tenant\":\"acme\"}"), unknown);
	assert_string_equal(read_http("{" NEEDED "," EPOCH "}"), unknown); /* the path says it */
	assert_string_equal(read_http("{" NEEDED "," POLICY "}"), twice);
	assert_string_equal(read_http("{" NEEDED ",\"dry_run\":true,\"dry_run\":true}"), twice);
}

static void it_is_json_and_nothing_else(void **state)
{
	static const char *const bodies[] = { "", " ", "{", "[]", "\"x\"", "5", "null", "true",
		"{" NEEDED, "{" NEEDED "}x", "{" NEEDED "}{}", "[{" NEEDED "}]", "{" NEEDED ",}",
		"{" NEEDED ",\"notes\":\"\xff\"}", "{" NEEDED ",\"notes\":\"\\ud800\"}",
		"{" NEEDED ",\"notes\":\"a\nb\"}", "{" NEEDED ",\"dry_run\":TRUE}",
		"{" NEEDED ",\"x\":[[[[[[[[[1]]]]]]]]]}" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		assert_non_null(read_http(bodies[i]));
	}
}

static const char *with_notes(const char *character, size_t count)
{
	static char body[8192];
	size_t used = (size_t)snprintf(body, sizeof body, "{" NEEDED ",\"notes\":\"");

	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(body + used, sizeof body - used, "%s", character);
	}
	(void)snprintf(body + used, sizeof body - used, "\"}");
	return body;
}

/* Goal: characters are counted, not bytes. */
static void notes_end_at_their_bound(void **state)
{
	static const char *const characters[] = { "a", "\xc3\xbc", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(characters); i++) {
		assert_null(read_http(with_notes(characters[i], COMPUTE_NOTES_CHARS_MAX)));
		assert_int_equal(
			compute.notes.bytes_count, COMPUTE_NOTES_CHARS_MAX * strlen(characters[i]));
		assert_string_equal(
			read_http(with_notes(characters[i], COMPUTE_NOTES_CHARS_MAX + 1)),
			"notes: expected a string of at most 1024 characters");
	}
}

static void an_epoch_is_a_time_that_there_is(void **state)
{
	static const char *const good[] = { "2025-10-01", "2024-02-29", "2025-10-13T00:00Z",
		"2025-10-13T23:59Z" };
	static const char *const bad[] = { "", "demo", "2025-1-1", "2025-02-29", "2025-13-01",
		"2025-10-32", "2025-10-13T24:00Z", "2025-10-13T00:00", "2025-10-13T00:00:00Z",
		"2025-10-01 ", "2025-10-01Z" };
	char body[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct slice epoch_id = slice_of(good[i]);

		assert_null(read_of("{" NEEDED "}", &epoch_id));
		expect_text(compute.epoch_id, good[i]);
		(void)snprintf(body, sizeof body, "{" NEEDED ",\"epoch_id\":\"%s\"}", good[i]);
		assert_null(read_of(body, NULL));
		expect_text(compute.epoch_id, good[i]);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct slice epoch_id = slice_of(bad[i]);

		assert_string_equal(read_of("{" NEEDED "}", &epoch_id), COMPUTE_EPOCH_TEXT);
		(void)snprintf(body, sizeof body, "{" NEEDED ",\"epoch_id\":\"%s\"}", bad[i]);
		assert_string_equal(read_of(body, NULL), COMPUTE_EPOCH_TEXT);
	}
	assert_string_equal(read_of("{" NEEDED "}", NULL), COMPUTE_EPOCH_TEXT);
}

static const char *read_release(const char *body, const struct slice *epoch_id)
{
	return compute_read_release(&compute, &json, slice_of(body), epoch_id);
}

static void a_release_says_why(void **state)
{
	static const char expected[] = "reason: expected a string of 1 to 512 bytes, for the log";
	struct slice epoch_id = slice_of("2025-10-01");
	char body[1024];

	(void)state;
	assert_null(read_release("{\"reason\":\"compared\"}", &epoch_id));
	expect_text(compute.reason, "compared");
	assert_null(read_release("{" EPOCH ",\"reason\":\"compared\"}", NULL));
	expect_text(compute.epoch_id, "2025-10-01");
	assert_string_equal(read_release("{}", &epoch_id), expected);
	assert_string_equal(read_release("{\"reason\":\"\"}", &epoch_id), expected);
	assert_string_equal(read_release("{\"reason\":5}", &epoch_id), expected);
	assert_string_equal(read_release("{\"reason\":\"x\"}", NULL), COMPUTE_EPOCH_TEXT);
	assert_non_null(read_release("{\"reason\":\"x\",\"force\":true}", &epoch_id));
	(void)snprintf(
		body, sizeof body, "{\"reason\":\"%0*d\"}", (int)COMPUTE_REASON_BYTES_MAX, 0);
	assert_null(read_release(body, &epoch_id));
	(void)snprintf(
		body, sizeof body, "{\"reason\":\"%0*d\"}", (int)COMPUTE_REASON_BYTES_MAX + 1, 0);
	assert_string_equal(read_release(body, &epoch_id), expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read),
		cmocka_unit_test(each_is_read_from_nothing),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_member_has_its_form),
		cmocka_unit_test(the_object_is_closed),
		cmocka_unit_test(it_is_json_and_nothing_else),
		cmocka_unit_test(notes_end_at_their_bound),
		cmocka_unit_test(an_epoch_is_a_time_that_there_is),
		cmocka_unit_test(a_release_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
