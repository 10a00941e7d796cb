#include "core/macaroon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE_BYTES_MAX 65536u

/* A vector of tests/vectors/macaroon.txt, taken apart. */
struct vector {
	uint8_t bytes[LINE_BYTES_MAX]; /* what the views below borrow from */
	size_t used;
	const char *name;
	struct slice key;
	struct slice location;
	struct slice identifier;
	struct slice caveats[TOKEN_CAVEATS_MAX + 1];
	size_t caveat_count;
	struct slice binary;
	struct slice text;
	struct slice running[TOKEN_CAVEATS_MAX + 1];
	struct slice counters[TOKEN_CAVEATS_MAX + 1];
};

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static bool same(struct slice a, struct slice b)
{
	return a.bytes_count == b.bytes_count &&
	       (a.bytes_count == 0 || memcmp(a.bytes, b.bytes, a.bytes_count) == 0);
}

static struct slice from_hex(struct vector *vector, const char *hex)
{
	struct slice bytes = { vector->bytes + vector->used, strlen(hex) / 2 };

	if (strcmp(hex, "-") == 0) {
		return (struct slice){ NULL, 0 };
	}
	assert_true(strlen(hex) % 2 == 0);
	for (size_t i = 0; i < bytes.bytes_count; i++) {
		unsigned byte = 0;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		vector->bytes[vector->used++] = (uint8_t)byte;
	}
	return bytes;
}

static size_t list_from_hex(struct vector *vector, char *list, struct slice *ret_items)
{
	char *rest = NULL;
	size_t count = 0;

	if (strcmp(list, "-") == 0) {
		return 0;
	}
	for (char *item = strtok_r(list, ",", &rest); item != NULL;
		item = strtok_r(NULL, ",", &rest)) {
		assert_true(count < TOKEN_CAVEATS_MAX);
		ret_items[count++] = from_hex(vector, item);
	}
	return count;
}

static void read_vector(char *line, struct vector *ret_vector)
{
	char *fields[9];
	char *rest = NULL;

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		fields[i] = strtok_r(i == 0 ? line : NULL, " \n", &rest);
		assert_non_null(fields[i]);
	}
	ret_vector->used = 0;
	ret_vector->name = fields[0];
	ret_vector->key = from_hex(ret_vector, fields[1]);
	ret_vector->location = from_hex(ret_vector, fields[2]);
	ret_vector->identifier = from_hex(ret_vector, fields[3]);
	ret_vector->caveat_count = list_from_hex(ret_vector, fields[4], ret_vector->caveats);
	ret_vector->binary = from_hex(ret_vector, fields[5]);
	ret_vector->text = slice_of(fields[6]);
	list_from_hex(ret_vector, fields[7], ret_vector->running);
	list_from_hex(ret_vector, fields[8], ret_vector->counters);
}

/* Calls check for each vector; the file must have some. */
static void each_vector(void (*check)(const struct vector *vector))
{
	static struct vector vector;
	static char line[LINE_BYTES_MAX];
	const char *folder = getenv("MACRONODE_VECTORS");
	char path[4096];
	size_t count = 0;
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/macaroon.txt", folder == NULL ? "." : folder);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		if (line[0] != '#') {
			read_vector(line, &vector);
			check(&vector);
			count++;
		}
	}
	(void)fclose(file);
	assert_true(count >= 8);
}

static struct macaroon build(const struct vector *vector)
{
	struct macaroon macaroon;

	assert_int_equal(
		macaroon_create(vector->key, vector->identifier, vector->location, &macaroon),
		ERR_OK);
	for (size_t i = 0; i < vector->caveat_count; i++) {
		assert_int_equal(macaroon_add_caveat(&macaroon, vector->caveats[i]), ERR_OK);
	}
	return macaroon;
}

static void check_written(const struct vector *vector)
{
	struct macaroon macaroon = build(vector);
	uint8_t buffer[MACAROON_BYTES_MAX * 2];
	char text[TOKEN_BYTES_MAX * 2];
	size_t bytes = 0;

	for (size_t room = 0; room < vector->binary.bytes_count; room++) {
		assert_int_equal(
			macaroon_serialise(&macaroon, buffer, room, &bytes), ERR_TOO_LARGE);
	}
	assert_int_equal(
		macaroon_serialise(&macaroon, buffer, vector->binary.bytes_count, &bytes), ERR_OK);
	assert_true(same((struct slice){ buffer, bytes }, vector->binary));
	assert_int_equal(
		macaroon_text_encode(vector->binary, text, vector->text.bytes_count, &bytes),
		ERR_TOO_LARGE);
	assert_int_equal(
		macaroon_text_encode(vector->binary, text, vector->text.bytes_count + 1, &bytes),
		ERR_OK);
	assert_true(same((struct slice){ (uint8_t *)text, bytes }, vector->text));
}

static void writes_what_others_write(void **state)
{
	(void)state;
	each_vector(check_written);
}

static void check_read(const struct vector *vector)
{
	struct macaroon macaroon;
	struct hash running[TOKEN_CAVEATS_MAX];
	struct id128 counter;
	uint8_t buffer[MACAROON_BYTES_MAX];
	size_t bytes = 0;

	assert_int_equal(
		macaroon_text_decode(vector->text, buffer, sizeof buffer, &bytes), MACAROON_OK);
	assert_true(same((struct slice){ buffer, bytes }, vector->binary));
	assert_int_equal(macaroon_parse((struct slice){ buffer, bytes }, &macaroon), MACAROON_OK);
	assert_true(same(macaroon.location, vector->location));
	assert_true(same(macaroon.identifier, vector->identifier));
	assert_int_equal(macaroon.caveat_count, vector->caveat_count);
	assert_int_equal(macaroon_verify(&macaroon, vector->key, running), ERR_OK);
	assert_int_equal(macaroon_verify(&macaroon, vector->key, NULL), ERR_OK);
	assert_int_equal(macaroon_verify(&macaroon, slice_of("another key"), NULL), ERR_DENIED);
	for (size_t i = 0; i < macaroon.caveat_count; i++) {
		assert_true(same(macaroon.caveats[i], vector->caveats[i]));
		assert_memory_equal(running[i].bytes, vector->running[i].bytes, HASH_BYTES);
		counter = macaroon_counter_id(&running[i]);
		assert_memory_equal(counter.bytes, vector->counters[i].bytes, ID_BYTES);
	}
}

static void reads_and_verifies_what_others_wrote(void **state)
{
	(void)state;
	each_vector(check_read);
}

/* Every cut is one, whatever it cuts; and so is one byte more. */
static void check_cuts(const struct vector *vector)
{
	uint8_t longer[MACAROON_BYTES_MAX + 1] = { 0 };
	struct macaroon macaroon;

	for (size_t cut = 0; cut < vector->binary.bytes_count; cut++) {
		assert_int_equal(
			macaroon_parse((struct slice){ vector->binary.bytes, cut }, &macaroon),
			MACAROON_CUT);
	}
	memcpy(longer, vector->binary.bytes, vector->binary.bytes_count);
	assert_int_equal(
		macaroon_parse((struct slice){ longer, vector->binary.bytes_count + 1 }, &macaroon),
		MACAROON_TRAILING);
}

static void refuses_every_cut_and_a_byte_more(void **state)
{
	(void)state;
	each_vector(check_cuts);
}

/* The location is not signed: a hint for people. All else is. */
static void check_flips(const struct vector *vector)
{
	uint8_t flipped[MACAROON_BYTES_MAX];
	struct slice bytes = { flipped, vector->binary.bytes_count };
	struct macaroon macaroon;

	memcpy(flipped, vector->binary.bytes, bytes.bytes_count);
	for (size_t bit = 0; bit < bytes.bytes_count * 8; bit++) {
		flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (macaroon_parse(bytes, &macaroon) == MACAROON_OK &&
			macaroon_verify(&macaroon, vector->key, NULL) == ERR_OK) {
			assert_true(macaroon.location.bytes_count == vector->location.bytes_count);
			assert_false(same(macaroon.location, vector->location));
		}
		flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void refuses_every_flipped_bit_but_of_the_location(void **state)
{
	(void)state;
	each_vector(check_flips);
}

/* A macaroon around one part that is in question: head, then caveats, then signature. */
static enum macaroon_fault parse_parts(struct slice head, struct slice caveats, size_t repeats)
{
	uint8_t bytes[MACAROON_BYTES_MAX * 2];
	size_t used = 0;
	struct macaroon macaroon;

	memcpy(bytes, head.bytes, head.bytes_count);
	used += head.bytes_count;
	for (size_t i = 0; i < repeats; i++) {
		memcpy(bytes + used, caveats.bytes, caveats.bytes_count);
		used += caveats.bytes_count;
	}
	memcpy(bytes + used, "\x00\x06\x20", 3);
	memset(bytes + used + 3, 0xaa, HASH_BYTES);
	return macaroon_parse((struct slice){ bytes, used + 3 + HASH_BYTES }, &macaroon);
}

#define BYTES(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })
#define HEAD        BYTES("\x02\x02\x01i\x00")
#define NOTHING     BYTES("")

static void names_what_is_wrong_with_a_packet(void **state)
{
	const struct {
		struct slice head;
		struct slice caveat;
		enum macaroon_fault fault;
	} rows[] = {
		{ HEAD, NOTHING, MACAROON_OK },
		{ HEAD,
			BYTES("\x02\x01"
			      "c\x00"),
			MACAROON_OK },
		{ BYTES("\x01\x02\x01i\x00"), NOTHING, MACAROON_VERSION },
		{ BYTES("\x03\x02\x01i\x00"), NOTHING, MACAROON_VERSION },
		{ BYTES("{\x02\x01i\x00"), NOTHING, MACAROON_VERSION },
		/* head: no identifier, empty, twice, location after it or twice, unknown field */
		{ BYTES("\x02\x00"), NOTHING, MACAROON_FIELD },
		{ BYTES("\x02\x02\x00\x00"), NOTHING, MACAROON_FIELD },
		{ BYTES("\x02\x01\x00\x02\x01i\x00"), NOTHING, MACAROON_FIELD },
		{ BYTES("\x02\x02\x01i\x02\x01i\x00"), NOTHING, MACAROON_FIELD },
		{ BYTES("\x02\x02\x01i\x01\x01l\x00"), NOTHING, MACAROON_FIELD },
		{ BYTES("\x02\x01\x01l\x01\x01l\x02\x01i\x00"), NOTHING, MACAROON_FIELD },
		{ BYTES("\x02\x03\x01x\x02\x01i\x00"), NOTHING, MACAROON_FIELD },
		/* third party: with vid, with location, with both */
		{ HEAD,
			BYTES("\x02\x01"
			      "c\x04\x01v\x00"),
			MACAROON_THIRD_PARTY },
		{ HEAD,
			BYTES("\x01\x01l\x02\x01"
			      "c\x00"),
			MACAROON_THIRD_PARTY },
		{ HEAD,
			BYTES("\x01\x01l\x02\x01"
			      "c\x04\x01v\x00"),
			MACAROON_THIRD_PARTY },
		/* caveats: empty, twice, unknown field, signature inside */
		{ HEAD, BYTES("\x02\x00\x00"), MACAROON_FIELD },
		{ HEAD,
			BYTES("\x02\x01"
			      "c\x02\x01"
			      "c\x00"),
			MACAROON_FIELD },
		{ HEAD, BYTES("\x04\x01v\x00"), MACAROON_FIELD },
		{ HEAD, BYTES("\x06\x01s\x00"), MACAROON_FIELD },
		/* lengths and types that are longer than they must be, or absurd */
		{ HEAD,
			BYTES("\x02\x81\x00"
			      "c\x00"),
			MACAROON_VARINT },
		{ HEAD,
			BYTES("\x82\x00\x01"
			      "c\x00"),
			MACAROON_VARINT },
		{ BYTES("\x02\x02\x81\x00i\x00"), NOTHING, MACAROON_VARINT },
		{ BYTES("\x02\x02\x81\x80\x00i\x00"), NOTHING, MACAROON_VARINT },
		{ BYTES("\x02\x02\xff\xff\xff\xff\x0fi\x00"), NOTHING, MACAROON_TOO_LARGE },
		{ BYTES("\x02\x02\xff\xff\xff\x7fi\x00"), NOTHING, MACAROON_CUT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum macaroon_fault fault = parse_parts(rows[i].head, rows[i].caveat, 1);

		if (fault != rows[i].fault) {
			fail_msg("row %zu: %s", i, macaroon_fault_text(fault));
		}
	}
}

static void takes_32_caveats_and_no_33rd(void **state)
{
	struct slice caveat = BYTES("\x02\x01"
				    "c\x00");
	struct macaroon macaroon;

	(void)state;
	assert_int_equal(parse_parts(HEAD, caveat, TOKEN_CAVEATS_MAX), MACAROON_OK);
	assert_int_equal(parse_parts(HEAD, caveat, TOKEN_CAVEATS_MAX + 1), MACAROON_CAVEAT_COUNT);
	assert_int_equal(macaroon_create(slice_of("k"), slice_of("i"), NOTHING, &macaroon), ERR_OK);
	for (size_t i = 0; i < TOKEN_CAVEATS_MAX; i++) {
		assert_int_equal(macaroon_add_caveat(&macaroon, slice_of("c")), ERR_OK);
	}
	assert_int_equal(macaroon_add_caveat(&macaroon, slice_of("c")), ERR_TOO_LARGE);
}

static void bounds_names_and_caveats(void **state)
{
	static uint8_t long_name[MACAROON_NAME_BYTES_MAX + 1];
	static uint8_t packet[5 + 3 + CAVEAT_BYTES_MAX + 1];
	struct slice fits = { long_name, MACAROON_NAME_BYTES_MAX };
	struct slice too_long = { long_name, MACAROON_NAME_BYTES_MAX + 1 };
	struct slice key = slice_of("k");
	struct macaroon macaroon;

	(void)state;
	assert_int_equal(macaroon_create(key, fits, fits, &macaroon), ERR_OK);
	assert_int_equal(macaroon_create(key, too_long, fits, &macaroon), ERR_TOO_LARGE);
	assert_int_equal(macaroon_create(key, fits, too_long, &macaroon), ERR_TOO_LARGE);
	assert_int_equal(macaroon_create(key, NOTHING, fits, &macaroon), ERR_MALFORMED);
	assert_int_equal(macaroon_add_caveat(&macaroon, fits), ERR_OK);
	assert_int_equal(macaroon_add_caveat(&macaroon, too_long), ERR_TOO_LARGE);
	assert_int_equal(macaroon_add_caveat(&macaroon, NOTHING), ERR_MALFORMED);

	memcpy(packet, "\x02\x81\x02", 3); /* 257 bytes: a caveat, or an identifier */
	assert_int_equal(
		parse_parts(HEAD, (struct slice){ packet, 3 + 257 + 1 }, 1), MACAROON_CAVEAT_BYTES);
	memmove(packet + 1, packet, 3);
	assert_int_equal(
		parse_parts((struct slice){ packet, 4 + 257 + 1 }, NOTHING, 0), MACAROON_TOO_LARGE);
}

static void refuses_a_signature_of_another_length(void **state)
{
	uint8_t bytes[64] = "\x02\x02\x01i\x00\x00\x06";
	struct macaroon macaroon;

	(void)state;
	for (uint8_t length = 0; length < 50; length++) {
		bytes[7] = length;
		assert_int_equal(macaroon_parse((struct slice){ bytes, 8u + length }, &macaroon),
			length == HASH_BYTES ? MACAROON_OK : MACAROON_SIGNATURE);
	}
	bytes[6] = 5; /* another field where the signature must be */
	assert_int_equal(macaroon_parse((struct slice){ bytes, 40 }, &macaroon), MACAROON_FIELD);
}

/* A token as long as allowed, and one byte longer, as binary and as text. */
static void takes_no_more_than_token_bytes_max(void **state)
{
	static uint8_t bytes[MACAROON_BYTES_MAX + 3];
	static char text[TOKEN_BYTES_MAX + 4];
	struct macaroon macaroon;
	size_t count = 0;

	(void)state;
	bytes[0] = 2;
	assert_int_equal(macaroon_parse((struct slice){ bytes, MACAROON_BYTES_MAX }, &macaroon),
		MACAROON_FIELD);
	assert_int_equal(macaroon_parse((struct slice){ bytes, MACAROON_BYTES_MAX + 1 }, &macaroon),
		MACAROON_TOO_LARGE);
	memset(text, 'A', sizeof text);
	assert_int_equal(macaroon_text_decode((struct slice){ (uint8_t *)text, TOKEN_BYTES_MAX },
				 bytes, sizeof bytes, &count),
		MACAROON_OK);
	assert_int_equal(count, MACAROON_BYTES_MAX);
	assert_int_equal(
		macaroon_text_decode((struct slice){ (uint8_t *)text, TOKEN_BYTES_MAX + 1 }, bytes,
			sizeof bytes, &count),
		MACAROON_TOO_LARGE);
	assert_int_equal(macaroon_text_encode((struct slice){ bytes, MACAROON_BYTES_MAX + 1 }, text,
				 sizeof text, &count),
		ERR_TOO_LARGE);
}

static void takes_only_unpadded_base64url(void **state)
{
	static const char *const refused[] = { "A", "AgI=", "Ag==", "Ag ", "Ag\n", "+gI", "/gI",
		"AgJ" };
	uint8_t bytes[8];
	size_t count = 0;

	(void)state;
	assert_int_equal(
		macaroon_text_decode(slice_of("AgI"), bytes, sizeof bytes, &count), MACAROON_OK);
	assert_int_equal(count, 2);
	assert_int_equal(
		macaroon_text_decode(slice_of("-_8"), bytes, sizeof bytes, &count), MACAROON_OK);
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		assert_int_equal(
			macaroon_text_decode(slice_of(refused[i]), bytes, sizeof bytes, &count),
			MACAROON_TEXT);
	}
}

static void narrows_without_the_root_key(void **state)
{
	struct slice key = slice_of("root");
	struct macaroon minted;
	struct macaroon child;
	struct macaroon sibling;
	struct hash running[2];
	struct hash child_running[2];

	(void)state;
	assert_int_equal(macaroon_create(key, slice_of("id"), NOTHING, &minted), ERR_OK);
	assert_int_equal(macaroon_add_caveat(&minted, slice_of("daily<=5")), ERR_OK);
	child = minted;
	sibling = minted;
	assert_int_equal(macaroon_add_caveat(&child, slice_of("daily<=5")), ERR_OK);
	assert_int_equal(macaroon_add_caveat(&sibling, slice_of("daily<=4")), ERR_OK);

	assert_int_equal(macaroon_verify(&child, key, child_running), ERR_OK);
	assert_int_equal(macaroon_verify(&sibling, key, running), ERR_OK);
	/* what both inherited they share, what each added they do not */
	assert_memory_equal(running[0].bytes, child_running[0].bytes, HASH_BYTES);
	assert_memory_not_equal(running[1].bytes, child_running[1].bytes, HASH_BYTES);
	/* and a caveat cannot be taken off again */
	child.caveat_count = 1;
	assert_int_equal(macaroon_verify(&child, key, NULL), ERR_DENIED);
}

static void identifier_comes_back_and_only_whole(void **state)
{
	struct macaroon_identifier identifier = { .key_id = 0x01020304, .iat_unix_s = 1800000000 };
	struct macaroon_identifier back;
	uint8_t bytes[MACAROON_IDENTIFIER_BYTES + 1] = { 0 };

	(void)state;
	identifier.node_hash = macaroon_node_hash(slice_of("macronode.local/0123456789abcdef"));
	memset(identifier.capability_id.bytes, 0xc1, ID_BYTES);
	macaroon_identifier_encode(&identifier, bytes);
	assert_memory_equal(bytes, "\x01\x04\x03\x02\x01\xc1", 6);
	for (size_t cut = 0; cut <= sizeof bytes; cut++) {
		assert_int_equal(macaroon_identifier_decode((struct slice){ bytes, cut }, &back),
			cut == MACAROON_IDENTIFIER_BYTES ? ERR_OK : ERR_MALFORMED);
	}
	assert_int_equal(back.key_id, identifier.key_id);
	assert_int_equal(back.iat_unix_s, identifier.iat_unix_s);
	assert_memory_equal(back.capability_id.bytes, identifier.capability_id.bytes, ID_BYTES);
	assert_memory_equal(back.node_hash.bytes, identifier.node_hash.bytes, ID_BYTES);

	bytes[28] = 1; /* the highest byte of iat: beyond all time */
	assert_int_equal(
		macaroon_identifier_decode((struct slice){ bytes, 45 }, &back), ERR_MALFORMED);
	bytes[28] = 0;
	bytes[0] = 2;
	assert_int_equal(
		macaroon_identifier_decode((struct slice){ bytes, 45 }, &back), ERR_MALFORMED);
}

static void each_fault_has_a_sentence(void **state)
{
	(void)state;
	for (unsigned fault = 0; fault < MACAROON_FAULT_COUNT; fault++) {
		assert_string_not_equal(macaroon_fault_text(fault), "unknown fault");
	}
	assert_string_equal(macaroon_fault_text(MACAROON_FAULT_COUNT), "unknown fault");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_what_others_write),
		cmocka_unit_test(reads_and_verifies_what_others_wrote),
		cmocka_unit_test(refuses_every_cut_and_a_byte_more),
		cmocka_unit_test(refuses_every_flipped_bit_but_of_the_location),
		cmocka_unit_test(names_what_is_wrong_with_a_packet),
		cmocka_unit_test(takes_32_caveats_and_no_33rd),
		cmocka_unit_test(bounds_names_and_caveats),
		cmocka_unit_test(refuses_a_signature_of_another_length),
		cmocka_unit_test(takes_no_more_than_token_bytes_max),
		cmocka_unit_test(takes_only_unpadded_base64url),
		cmocka_unit_test(narrows_without_the_root_key),
		cmocka_unit_test(identifier_comes_back_and_only_whole),
		cmocka_unit_test(each_fault_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
