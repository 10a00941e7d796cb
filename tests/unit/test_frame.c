#include "proto/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hex.h"

#define GOLDEN_BYTES 111u
#define GOLDEN_TEXT \
	"{\"addr\":\"b3:d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24\"}"

static const struct frame_head golden_head = {
	.flags = FRAME_REQ,
	.verb = 7, /* OBJ_GET */
	.tenant_id = 0,
	.corr_id = 42,
	.payload_bytes = 78,
};

/* A file of tests/vectors, whole. */
static size_t read_vector(const char *name, char *text, size_t text_bytes)
{
	const char *folder = getenv("MACRONODE_VECTORS");
	char path[4096];
	FILE *file;
	size_t count;

	assert_non_null(folder);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	count = fread(text, 1, text_bytes, file);
	fclose(file);
	return count;
}

static void golden_read(uint8_t ret_bytes[GOLDEN_BYTES])
{
	char text[2 * GOLDEN_BYTES + 1];

	assert_int_equal(read_vector("oap1_obj_get_roundtrip.hex", text, sizeof text), sizeof text);
	assert_int_equal(text[2 * GOLDEN_BYTES], '\n');
	assert_int_equal(hex_decode(text, 2 * GOLDEN_BYTES, ret_bytes, GOLDEN_BYTES), ERR_OK);
}

static enum frame_verdict decode(const uint8_t *bytes, size_t count, struct frame_head *ret_head)
{
	return frame_decode((struct slice){ bytes, count }, ret_head);
}

static void assert_heads_equal(const struct frame_head *a, const struct frame_head *b)
{
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->verb, b->verb);
	assert_true(a->tenant_id == b->tenant_id);
	assert_true(a->corr_id == b->corr_id);
	assert_int_equal(a->payload_bytes, b->payload_bytes);
}

/* A frame without payload whose len says `len`. */
static void head_with_len(uint32_t len, uint8_t ret_bytes[FRAME_HEAD_BYTES])
{
	struct frame_head head = { .flags = FRAME_REQ, .verb = 1 };

	frame_encode(&head, ret_bytes);
	for (unsigned i = 0; i < 4; i++) {
		ret_bytes[i] = (uint8_t)(len >> (8 * i));
	}
}

static void the_golden_frame_decodes_and_encodes_to_the_same_bytes(void **state)
{
	uint8_t golden[GOLDEN_BYTES], again[FRAME_HEAD_BYTES];
	struct frame_head head = { 0 };

	(void)state;
	golden_read(golden);
	assert_int_equal(decode(golden, sizeof golden, &head), FRAME_OK);
	assert_heads_equal(&head, &golden_head);
	assert_memory_equal(golden + FRAME_HEAD_BYTES, GOLDEN_TEXT, strlen(GOLDEN_TEXT));
	assert_int_equal(FRAME_HEAD_BYTES + head.payload_bytes, sizeof golden);

	frame_encode(&head, again);
	assert_memory_equal(again, golden, sizeof again);
}

/* Goal: the JSON form, which other implementations read, tells the same as the bytes. */
static void the_golden_frame_is_described_as_it_decodes(void **state)
{
	char text[512], wanted[512];
	size_t count = read_vector("oap1_obj_get_roundtrip.json", text, sizeof text - 1);

	(void)state;
	text[count] = '\0';
	snprintf(wanted, sizeof wanted,
		"{\n\t\"ver\": %u,\n\t\"flags\": [\"REQ\"],\n\t\"tenant_id\": \"0\",\n"
		"\t\"corr_id\": %llu,\n\t\"verb\": \"OBJ_GET\",\n\t\"payload_len\": %u\n}\n",
		FRAME_VERSION, (unsigned long long)golden_head.corr_id, golden_head.payload_bytes);
	assert_string_equal(text, wanted);
}

static void a_cut_header_asks_for_more_and_writes_nothing(void **state)
{
	uint8_t golden[GOLDEN_BYTES];
	const struct frame_head untouched = { 0xffff, 0xffff, U128_MAX, UINT64_MAX, UINT32_MAX };

	(void)state;
	golden_read(golden);
	for (size_t cut = 0; cut <= sizeof golden; cut++) {
		struct frame_head head = untouched;
		bool whole = cut >= FRAME_HEAD_BYTES;
		assert_int_equal(decode(golden, cut, &head), whole ? FRAME_OK : FRAME_SHORT);
		assert_heads_equal(&head, whole ? &golden_head : &untouched);
	}
}

static void every_version_but_one_is_refused_as_soon_as_it_is_there(void **state)
{
	uint8_t bytes[FRAME_HEAD_BYTES];
	struct frame_head head;

	(void)state;
	head_with_len(FRAME_LEN_MIN, bytes);
	for (unsigned version = 0; version <= UINT8_MAX; version++) {
		enum frame_verdict wanted = version == 1 ? FRAME_OK : FRAME_BAD_VERSION;
		bytes[4] = (uint8_t)version;
		assert_int_equal(decode(bytes, sizeof bytes, &head), wanted);
		assert_int_equal(decode(bytes, 5, &head), version == 1 ? FRAME_SHORT : wanted);
		assert_int_equal(decode(bytes, 4, &head), FRAME_SHORT);
	}
}

static void length_is_judged_from_its_four_bytes_alone(void **state)
{
	static const struct {
		uint32_t len;
		enum frame_verdict whole, alone;
	} rows[] = {
		{ 0, FRAME_LEN_BELOW_HEAD, FRAME_LEN_BELOW_HEAD },
		{ 28, FRAME_LEN_BELOW_HEAD, FRAME_LEN_BELOW_HEAD },
		{ 29, FRAME_OK, FRAME_SHORT },
		{ 1048576, FRAME_OK, FRAME_SHORT },
		{ 1048577, FRAME_TOO_LARGE, FRAME_TOO_LARGE },
		{ UINT32_MAX, FRAME_TOO_LARGE, FRAME_TOO_LARGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t bytes[FRAME_HEAD_BYTES];
		struct frame_head head = { 0 };
		head_with_len(rows[i].len, bytes);
		assert_int_equal(decode(bytes, sizeof bytes, &head), rows[i].whole);
		assert_int_equal(decode(bytes, 4, &head), rows[i].alone);
		assert_int_equal(decode(bytes, 3, &head), FRAME_SHORT);
		if (rows[i].whole == FRAME_OK) {
			assert_int_equal(head.payload_bytes, rows[i].len - 29);
		}
	}
}

/* Goal: whoever speaks another length and another version is told of the length, which
 * decides whether the stream can be followed at all. */
static void a_wrong_length_is_told_before_a_wrong_version(void **state)
{
	uint8_t bytes[FRAME_HEAD_BYTES];
	struct frame_head head;

	(void)state;
	head_with_len(FRAME_LEN_MAX + 1, bytes);
	bytes[4] = 2;
	assert_int_equal(decode(bytes, sizeof bytes, &head), FRAME_TOO_LARGE);
}

static void any_header_decodes_and_encodes_to_the_same_bytes(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15u;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t bytes[FRAME_HEAD_BYTES], again[FRAME_HEAD_BYTES];
		struct frame_head head;
		for (size_t i = 0; i < sizeof bytes; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(seed >> 56);
		}
		uint32_t len = FRAME_LEN_MIN + (uint32_t)(seed % (FRAME_PAYLOAD_BYTES_MAX + 1));
		memcpy(bytes,
			(uint8_t[]){ (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
				(uint8_t)(len >> 24), FRAME_VERSION },
			5);
		assert_int_equal(decode(bytes, sizeof bytes, &head), FRAME_OK);
		frame_encode(&head, again);
		assert_memory_equal(again, bytes, sizeof bytes);
	}
}

static void flags_that_nobody_knows_survive(void **state)
{
	struct frame_head head = { .flags = UINT16_MAX & ~FRAME_FLAGS_KNOWN }, got;
	uint8_t bytes[FRAME_HEAD_BYTES];

	(void)state;
	frame_encode(&head, bytes);
	assert_int_equal(decode(bytes, sizeof bytes, &got), FRAME_OK);
	assert_int_equal(got.flags, 0xffc0);
}

static void a_client_is_told_the_names_of_the_specification(void **state)
{
	(void)state;
	assert_string_equal(frame_verdict_name(FRAME_OK), "");
	assert_string_equal(frame_verdict_name(FRAME_SHORT), "");
	assert_string_equal(frame_verdict_name(FRAME_BAD_VERSION), "BadVersion");
	assert_string_equal(frame_verdict_name(FRAME_TOO_LARGE), "FrameTooLarge");
	assert_string_equal(frame_verdict_name(FRAME_LEN_BELOW_HEAD), "BadRequest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_golden_frame_decodes_and_encodes_to_the_same_bytes),
		cmocka_unit_test(the_golden_frame_is_described_as_it_decodes),
		cmocka_unit_test(a_cut_header_asks_for_more_and_writes_nothing),
		cmocka_unit_test(every_version_but_one_is_refused_as_soon_as_it_is_there),
		cmocka_unit_test(length_is_judged_from_its_four_bytes_alone),
		cmocka_unit_test(a_wrong_length_is_told_before_a_wrong_version),
		cmocka_unit_test(any_header_decodes_and_encodes_to_the_same_bytes),
		cmocka_unit_test(flags_that_nobody_knows_survive),
		cmocka_unit_test(a_client_is_told_the_names_of_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
