#include "core/tlog_proof.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base64.h"

#define TREE_SIZE_MAX 40u

#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define START "c2sp.org/tlog-proof@v1\n"
#define NOTE  "not looked at\n"

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static enum tlog_proof_fault parse(struct slice text)
{
	uint8_t extra[8];
	struct tlog_proof proof;

	return tlog_proof_parse(text, extra, sizeof extra, &proof);
}

/* The leaf of index i is the byte i. Complete nodes by definition, from the leaves. */
static enum err leaves_node(void *context, unsigned level, uint64_t index, struct hash *ret_node)
{
	struct hash hashes[TREE_SIZE_MAX];
	size_t count = (size_t)1 << level;

	(void)context;
	assert_true((index + 1) << level <= TREE_SIZE_MAX);
	for (size_t i = 0; i < count; i++) {
		uint8_t leaf = (uint8_t)((index << level) + i);

		merkle_leaf(MERKLE_SHA256, &leaf, 1, &hashes[i]);
	}
	merkle_fold(MERKLE_SHA256, hashes, count, ret_node);
	return ERR_OK;
}

static struct hash root_of(uint64_t size)
{
	struct merkle_frontier frontier;
	struct hash hash;

	merkle_frontier_init(&frontier, MERKLE_SHA256);
	for (uint64_t i = 0; i < size; i++) {
		uint8_t leaf = (uint8_t)i;

		merkle_leaf(MERKLE_SHA256, &leaf, 1, &hash);
		merkle_frontier_append(&frontier, &hash);
	}
	merkle_frontier_root(&frontier, &hash);
	return hash;
}

/* Goal: print, parse and verify agree for each entry of each small tree, and a proof proves
 * nothing else: no other leaf, index, size or root. */
static void each_proof_comes_back_and_proves_that_one_thing(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= TREE_SIZE_MAX; size++) {
		struct hash root = root_of(size), other = root_of(size - 1);

		for (uint64_t index = 0; index < size; index++) {
			uint8_t leaf = (uint8_t)index, wrong = (uint8_t)(index + 1), extra[4];
			struct tlog_proof proof = {
				.extra = { &leaf, 1 },
				.index = index,
				.checkpoint = slice_of(NOTE),
			};
			struct tlog_proof got;
			char text[TLOG_PROOF_BYTES_MAX(1, sizeof NOTE)];
			size_t text_bytes;

			assert_int_equal(merkle_prove_inclusion(MERKLE_SHA256, index, size,
						 leaves_node, NULL, &proof.path),
				ERR_OK);
			text_bytes = tlog_proof_print(&proof, text);
			assert_int_equal(text_bytes, strlen(text));
			assert_int_equal(
				tlog_proof_parse(slice_of(text), extra, sizeof extra, &got),
				TLOG_PROOF_OK);
			assert_int_equal(got.index, index);
			assert_int_equal(got.extra.bytes_count, 1);
			assert_int_equal(got.checkpoint.bytes_count, strlen(NOTE));
			assert_true(tlog_proof_verify(&got, got.extra, size, &root));
			assert_false(
				tlog_proof_verify(&got, (struct slice){ &wrong, 1 }, size, &root));
			assert_false(tlog_proof_verify(&got, got.extra, size, &other));
			got.index++;
			assert_false(tlog_proof_verify(&got, got.extra, size, &root));
		}
	}
}

static void the_longest_proof_fits_its_bound(void **state)
{
	static uint8_t leaf[TLOG_PROOF_EXTRA_BYTES_MAX], back[TLOG_PROOF_EXTRA_BYTES_MAX];
	static char text[TLOG_PROOF_BYTES_MAX(TLOG_PROOF_EXTRA_BYTES_MAX, sizeof NOTE - 1)];
	static struct tlog_proof proof, got;

	(void)state;
	proof.extra = (struct slice){ leaf, sizeof leaf };
	proof.index = MERKLE_SIZE_MAX;
	proof.path.hash_count = MERKLE_PROOF_HASHES_MAX;
	proof.checkpoint = slice_of(NOTE);
	assert_true(tlog_proof_print(&proof, text) < sizeof text);
	assert_int_equal(tlog_proof_parse(slice_of(text), back, sizeof back, &got), TLOG_PROOF_OK);
	assert_int_equal(got.extra.bytes_count, sizeof leaf);
	assert_int_equal(got.index, MERKLE_SIZE_MAX);
	assert_int_equal(got.path.hash_count, MERKLE_PROOF_HASHES_MAX);
	/* Less room than the extra needs is a fault, not an overrun. */
	assert_int_equal(
		tlog_proof_parse(slice_of(text), back, sizeof back - 1, &got), TLOG_PROOF_EXTRA);
}

static void without_extra_there_is_no_line_for_it(void **state)
{
	struct tlog_proof proof = { .index = 0, .checkpoint = slice_of(NOTE) };
	char text[TLOG_PROOF_BYTES_MAX(0, sizeof NOTE)];

	(void)state;
	(void)tlog_proof_print(&proof, text);
	assert_string_equal(text, START "index 0\n\n" NOTE);
}

static void what_is_no_proof_is_told_what_it_lacks(void **state)
{
	static const struct {
		const char *text;
		enum tlog_proof_fault fault;
	} cases[] = {
		{ START "index 0\n\n" NOTE, TLOG_PROOF_OK },
		{ START "extra AAAA\nindex 0\n" ZEROS ZEROS "\n" NOTE, TLOG_PROOF_OK },
		{ START "index 0\n\n\n" NOTE, TLOG_PROOF_OK }, /* the note's own matter */
		{ "", TLOG_PROOF_HEADER },
		{ "c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE, TLOG_PROOF_HEADER },
		{ "c2sp.org/tlog-proof@v1\r\nindex 0\n\n" NOTE, TLOG_PROOF_HEADER },
		{ START "extra \nindex 0\n\n" NOTE, TLOG_PROOF_EXTRA },
		{ START "extra AAA\nindex 0\n\n" NOTE, TLOG_PROOF_EXTRA },
		{ START "extra AAAA", TLOG_PROOF_EXTRA },
		{ START "extra AAAAAAAAAAAA\nindex 0\n\n" NOTE, TLOG_PROOF_EXTRA }, /* 9 bytes */
		{ START "extra AAAA\nextra AAAA\nindex 0\n\n" NOTE, TLOG_PROOF_INDEX },
		{ START "extra\nindex 0\n\n" NOTE, TLOG_PROOF_INDEX },
		{ START "index\n\n" NOTE, TLOG_PROOF_INDEX },
		{ START "index \n\n" NOTE, TLOG_PROOF_INDEX },
		{ START "index 00\n\n" NOTE, TLOG_PROOF_INDEX },
		{ START "index -1\n\n" NOTE, TLOG_PROOF_INDEX },
		{ START "index 9223372036854775808\n\n" NOTE, TLOG_PROOF_INDEX },
		{ START "\nindex 0\n\n" NOTE, TLOG_PROOF_INDEX },
		{ START "index 0\nextra AAAA\n\n" NOTE, TLOG_PROOF_HASH },
		{ START "index 0\nAAAA\n\n" NOTE, TLOG_PROOF_HASH },
		{ START "index 0\n" NOTE, TLOG_PROOF_HASH },
		{ START "index 0\n", TLOG_PROOF_CUT },
		{ START "index 0\n" ZEROS, TLOG_PROOF_CUT },
		{ START "index 0\n" ZEROS "\n", TLOG_PROOF_CUT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(parse(slice_of(cases[i].text)), cases[i].fault);
	}
}

static void more_hashes_than_any_tree_is_high_are_refused(void **state)
{
	char text[TLOG_PROOF_FIXED_BYTES_MAX + sizeof ZEROS + sizeof NOTE];

	(void)state;
	for (size_t count = MERKLE_PROOF_HASHES_MAX; count <= MERKLE_PROOF_HASHES_MAX + 1;
		count++) {
		size_t used = strlen(START "index 0\n");

		memcpy(text, START "index 0\n", used);
		for (size_t i = 0; i < count; i++) {
			memcpy(text + used, ZEROS, strlen(ZEROS));
			used += strlen(ZEROS);
		}
		memcpy(text + used, "\n" NOTE, sizeof "\n" NOTE);
		assert_int_equal(parse(slice_of(text)),
			count == MERKLE_PROOF_HASHES_MAX ? TLOG_PROOF_OK : TLOG_PROOF_HASH_COUNT);
	}
}

static void each_fault_has_a_sentence(void **state)
{
	(void)state;
	for (enum tlog_proof_fault fault = TLOG_PROOF_OK; fault < TLOG_PROOF_FAULT_COUNT; fault++) {
		assert_true(strlen(tlog_proof_fault_text(fault)) > 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_proof_comes_back_and_proves_that_one_thing),
		cmocka_unit_test(the_longest_proof_fits_its_bound),
		cmocka_unit_test(without_extra_there_is_no_line_for_it),
		cmocka_unit_test(what_is_no_proof_is_told_what_it_lacks),
		cmocka_unit_test(more_hashes_than_any_tree_is_high_are_refused),
		cmocka_unit_test(each_fault_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
