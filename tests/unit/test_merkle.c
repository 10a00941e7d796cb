#include "core/merkle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/hex.h"

#define SIZE_MAX_TESTED 64u

static const enum merkle_hash hashes_all[] = { MERKLE_SHA256, MERKLE_BLAKE3 };
static struct hash leaves[SIZE_MAX_TESTED];

static void make_leaves(enum merkle_hash hash)
{
	for (uint8_t i = 0; i < SIZE_MAX_TESTED; i++) {
		merkle_leaf(hash, &i, 1, &leaves[i]);
	}
}

/* The definitions of RFC 6962, section 2.1, word for word, with their recursion. */

static uint64_t split_of(uint64_t size)
{
	uint64_t k = 1;

	while (2 * k < size) {
		k *= 2;
	}
	return k;
}

static struct hash naive_root(enum merkle_hash hash, uint64_t first, uint64_t size)
{
	struct hash left, right, root;
	uint64_t k = split_of(size);

	if (size == 0) {
		merkle_empty(hash, &root);
		return root;
	}
	if (size == 1) {
		return leaves[first];
	}
	left = naive_root(hash, first, k);
	right = naive_root(hash, first + k, size - k);
	merkle_node(hash, &left, &right, &root);
	return root;
}

static void add(struct merkle_proof *proof, struct hash hash)
{
	proof->hashes[proof->hash_count] = hash;
	proof->hash_count++;
}

static void naive_path(enum merkle_hash hash, uint64_t index, uint64_t first, uint64_t size,
	struct merkle_proof *proof)
{
	uint64_t k = split_of(size);

	if (size == 1) {
		return;
	}
	if (index < k) {
		naive_path(hash, index, first, k, proof);
		add(proof, naive_root(hash, first + k, size - k));
	} else {
		naive_path(hash, index - k, first + k, size - k, proof);
		add(proof, naive_root(hash, first, k));
	}
}

static void naive_subproof(enum merkle_hash hash, uint64_t old_size, uint64_t first, uint64_t size,
	bool known, struct merkle_proof *proof)
{
	uint64_t k = split_of(size);

	if (old_size == size) {
		if (!known) {
			add(proof, naive_root(hash, first, size));
		}
		return;
	}
	if (old_size <= k) {
		naive_subproof(hash, old_size, first, k, known, proof);
		add(proof, naive_root(hash, first + k, size - k));
	} else {
		naive_subproof(hash, old_size - k, first + k, size - k, false, proof);
		add(proof, naive_root(hash, first, k));
	}
}

/* Hands out nodes of the tree of tree_size leaves, only complete ones. */
struct tree {
	enum merkle_hash hash;
	uint64_t size;
};

static enum err get_node(void *context, unsigned level, uint64_t index, struct hash *ret_node)
{
	const struct tree *tree = context;

	assert_true(level < MERKLE_LEVELS_MAX);
	assert_true(index < tree->size >> level);
	*ret_node = naive_root(tree->hash, index << level, UINT64_C(1) << level);
	return ERR_OK;
}

static enum err refuse_node(void *context, unsigned level, uint64_t index, struct hash *ret_node)
{
	(void)context;
	(void)level;
	(void)index;
	(void)ret_node;
	return ERR_IO;
}

static void assert_same(const struct hash *a, const struct hash *b)
{
	assert_memory_equal(a->bytes, b->bytes, HASH_BYTES);
}

static void assert_same_proof(const struct merkle_proof *a, const struct merkle_proof *b)
{
	assert_int_equal(a->hash_count, b->hash_count);
	assert_memory_equal(a->hashes, b->hashes, a->hash_count * sizeof a->hashes[0]);
}

/* The inputs that Certificate Transparency's implementations test with, and their roots. */
static void the_known_roots_of_certificate_transparency_hold(void **state)
{
	static const struct {
		const char *entry_hex;
		const char *root_hex; /* of the tree that ends with this entry */
	} rows[] = {
		{ "", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ "00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
		{ "10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
		{ "2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
		{ "3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
		{ "40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
		{ "5051525354555657",
			"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
		{ "606162636465666768696a6b6c6d6e6f",
			"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
	};
	struct merkle_frontier frontier;
	struct hash leaf, root;
	char text[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	(void)state;
	merkle_frontier_init(&frontier, MERKLE_SHA256);
	merkle_frontier_root(&frontier, &root);
	hex_encode(root.bytes, HASH_BYTES, text);
	assert_string_equal(
		text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t entry[16];
		size_t entry_bytes = strlen(rows[i].entry_hex) / 2;

		assert_int_equal(
			hex_decode(rows[i].entry_hex, 2 * entry_bytes, entry, entry_bytes), ERR_OK);
		merkle_leaf(MERKLE_SHA256, entry, entry_bytes, &leaf);
		merkle_frontier_append(&frontier, &leaf);
		merkle_frontier_root(&frontier, &root);
		hex_encode(root.bytes, HASH_BYTES, text);
		assert_string_equal(text, rows[i].root_hex);
	}
}

static void the_frontier_has_the_defined_root_at_every_size(void **state)
{
	(void)state;
	for (size_t h = 0; h < COUNT_OF(hashes_all); h++) {
		struct merkle_frontier frontier;
		struct hash expected, root;

		make_leaves(hashes_all[h]);
		merkle_frontier_init(&frontier, hashes_all[h]);
		for (uint64_t size = 0; size <= SIZE_MAX_TESTED; size++) {
			assert_int_equal(frontier.size, size);
			merkle_frontier_root(&frontier, &root);
			expected = naive_root(hashes_all[h], 0, size);
			assert_same(&root, &expected);
			if (size < SIZE_MAX_TESTED) {
				merkle_frontier_append(&frontier, &leaves[size]);
			}
		}
	}
}

static void a_restored_frontier_goes_on_as_if_it_had_never_stopped(void **state)
{
	(void)state;
	make_leaves(MERKLE_SHA256);
	for (uint64_t stop = 0; stop <= SIZE_MAX_TESTED; stop++) {
		struct merkle_frontier frontier;
		struct hash roots[7], expected, root;
		size_t root_count = 0;
		uint64_t first = 0;

		for (uint64_t part = SIZE_MAX_TESTED; part > 0; part /= 2) {
			if ((stop & part) != 0) {
				roots[root_count++] = naive_root(MERKLE_SHA256, first, part);
				first += part;
			}
		}
		assert_int_equal(
			merkle_frontier_restore(&frontier, MERKLE_SHA256, stop, roots, root_count),
			ERR_OK);
		for (uint64_t size = stop; size < SIZE_MAX_TESTED; size++) {
			merkle_frontier_append(&frontier, &leaves[size]);
		}
		merkle_frontier_root(&frontier, &root);
		expected = naive_root(MERKLE_SHA256, 0, SIZE_MAX_TESTED);
		assert_same(&root, &expected);
	}
}

static void a_frontier_is_not_restored_from_what_does_not_fit(void **state)
{
	struct merkle_frontier frontier;
	struct hash roots[MERKLE_LEVELS_MAX] = { 0 };

	(void)state;
	assert_int_equal(
		merkle_frontier_restore(&frontier, MERKLE_SHA256, 7, roots, 2), ERR_MALFORMED);
	assert_int_equal(
		merkle_frontier_restore(&frontier, MERKLE_SHA256, 7, roots, 4), ERR_MALFORMED);
	assert_int_equal(
		merkle_frontier_restore(&frontier, MERKLE_SHA256, 0, roots, 1), ERR_MALFORMED);
	assert_int_equal(
		merkle_frontier_restore(&frontier, MERKLE_SHA256, MERKLE_SIZE_MAX + 1, roots, 1),
		ERR_TOO_LARGE);
	assert_int_equal(
		merkle_frontier_restore(&frontier, MERKLE_SHA256, MERKLE_SIZE_MAX, roots, 63),
		ERR_OK);
}

static void every_inclusion_proof_is_the_defined_one_and_holds(void **state)
{
	(void)state;
	for (size_t h = 0; h < COUNT_OF(hashes_all); h++) {
		enum merkle_hash hash = hashes_all[h];

		make_leaves(hash);
		for (uint64_t size = 1; size <= SIZE_MAX_TESTED; size++) {
			struct hash root = naive_root(hash, 0, size);
			struct tree tree = { hash, size };

			for (uint64_t index = 0; index < size; index++) {
				struct merkle_proof proof, expected = { .hash_count = 0 };

				assert_int_equal(merkle_prove_inclusion(hash, index, size, get_node,
							 &tree, &proof),
					ERR_OK);
				naive_path(hash, index, 0, size, &expected);
				assert_same_proof(&proof, &expected);
				assert_true(merkle_verify_inclusion(hash, &leaves[index], index,
					size, proof.hashes, proof.hash_count, &root));
			}
		}
	}
}

static void every_consistency_proof_is_the_defined_one_and_holds(void **state)
{
	(void)state;
	for (size_t h = 0; h < COUNT_OF(hashes_all); h++) {
		enum merkle_hash hash = hashes_all[h];

		make_leaves(hash);
		for (uint64_t new_size = 0; new_size <= SIZE_MAX_TESTED; new_size++) {
			struct hash new_root = naive_root(hash, 0, new_size);
			struct tree tree = { hash, new_size };

			for (uint64_t old_size = 0; old_size <= new_size; old_size++) {
				struct hash old_root = naive_root(hash, 0, old_size);
				struct merkle_proof proof, expected = { .hash_count = 0 };

				assert_int_equal(merkle_prove_consistency(hash, old_size, new_size,
							 get_node, &tree, &proof),
					ERR_OK);
				if (old_size > 0) {
					naive_subproof(
						hash, old_size, 0, new_size, true, &expected);
				}
				assert_same_proof(&proof, &expected);
				assert_true(merkle_verify_consistency(hash, old_size, &old_root,
					new_size, &new_root, proof.hashes, proof.hash_count));
			}
		}
	}
}

/* Goal: with its size and index given, a proof proves one leaf under one root. */
static void a_changed_inclusion_proof_is_refused(void **state)
{
	(void)state;
	make_leaves(MERKLE_SHA256);
	for (uint64_t size = 1; size <= 17; size++) {
		struct hash root = naive_root(MERKLE_SHA256, 0, size);
		struct tree tree = { MERKLE_SHA256, size };

		for (uint64_t index = 0; index < size; index++) {
			struct merkle_proof p;
			uint8_t *bytes = (uint8_t *)p.hashes;

			assert_int_equal(merkle_prove_inclusion(
						 MERKLE_SHA256, index, size, get_node, &tree, &p),
				ERR_OK);
			for (size_t bit = 0; bit < 8 * HASH_BYTES * p.hash_count; bit++) {
				bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
				assert_false(merkle_verify_inclusion(MERKLE_SHA256, &leaves[index],
					index, size, p.hashes, p.hash_count, &root));
				bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			}
			memset(&p.hashes[p.hash_count], 0, sizeof p.hashes[0]);
			for (size_t count = 0; count <= p.hash_count + 1; count++) {
				assert_int_equal(
					merkle_verify_inclusion(MERKLE_SHA256, &leaves[index],
						index, size, p.hashes, count, &root),
					count == p.hash_count);
			}
			for (uint64_t other = 0; other <= size; other++) {
				assert_int_equal(
					merkle_verify_inclusion(MERKLE_SHA256, &leaves[index],
						other, size, p.hashes, p.hash_count, &root),
					other == index);
			}
		}
	}
}

static void a_changed_consistency_proof_is_refused(void **state)
{
	(void)state;
	make_leaves(MERKLE_SHA256);
	for (uint64_t new_size = 1; new_size <= 17; new_size++) {
		struct hash new_root = naive_root(MERKLE_SHA256, 0, new_size);
		struct tree tree = { MERKLE_SHA256, new_size };

		for (uint64_t old_size = 0; old_size <= new_size; old_size++) {
			struct hash old_root = naive_root(MERKLE_SHA256, 0, old_size);
			struct hash bad_root = leaves[SIZE_MAX_TESTED - 1];
			struct merkle_proof p;
			uint8_t *bytes = (uint8_t *)p.hashes;

			assert_int_equal(merkle_prove_consistency(MERKLE_SHA256, old_size, new_size,
						 get_node, &tree, &p),
				ERR_OK);
			for (size_t bit = 0; bit < 8 * HASH_BYTES * p.hash_count; bit++) {
				bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
				assert_false(merkle_verify_consistency(MERKLE_SHA256, old_size,
					&old_root, new_size, &new_root, p.hashes, p.hash_count));
				bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			}
			memset(&p.hashes[p.hash_count], 0, sizeof p.hashes[0]);
			for (size_t count = 0; count <= p.hash_count + 1; count++) {
				assert_int_equal(
					merkle_verify_consistency(MERKLE_SHA256, old_size,
						&old_root, new_size, &new_root, p.hashes, count),
					count == p.hash_count);
			}
			assert_false(merkle_verify_consistency(MERKLE_SHA256, old_size, &bad_root,
				new_size, &new_root, p.hashes, p.hash_count));
			/* Every tree grows from the empty one: of size 0 only the old root says
			 * something. */
			assert_int_equal(
				merkle_verify_consistency(MERKLE_SHA256, old_size, &old_root,
					new_size, &bad_root, p.hashes, p.hash_count),
				old_size == 0);
		}
	}
}

static void sizes_and_indexes_out_of_range_are_refused(void **state)
{
	struct tree tree = { MERKLE_SHA256, 8 };
	struct merkle_proof proof = { .hash_count = 99 };
	struct hash root = { { 0 } };
	static const struct hash many[MERKLE_PROOF_HASHES_MAX + 1];

	(void)state;
	assert_int_equal(merkle_prove_inclusion(MERKLE_SHA256, 8, 8, get_node, &tree, &proof),
		ERR_NOT_FOUND);
	assert_int_equal(merkle_prove_inclusion(MERKLE_SHA256, 0, 0, get_node, &tree, &proof),
		ERR_NOT_FOUND);
	assert_int_equal(merkle_prove_inclusion(
				 MERKLE_SHA256, 0, MERKLE_SIZE_MAX + 1, get_node, &tree, &proof),
		ERR_TOO_LARGE);
	assert_int_equal(merkle_prove_consistency(MERKLE_SHA256, 9, 8, get_node, &tree, &proof),
		ERR_NOT_FOUND);
	assert_int_equal(merkle_prove_consistency(
				 MERKLE_SHA256, 1, MERKLE_SIZE_MAX + 1, get_node, &tree, &proof),
		ERR_TOO_LARGE);
	assert_int_equal(proof.hash_count, 99);
	assert_false(merkle_verify_inclusion(MERKLE_SHA256, &root, 0, 0, NULL, 0, &root));
	assert_false(merkle_verify_inclusion(
		MERKLE_SHA256, &root, UINT64_MAX, UINT64_MAX, many, COUNT_OF(many), &root));
	assert_false(merkle_verify_inclusion(
		MERKLE_SHA256, &root, 0, MERKLE_SIZE_MAX, many, COUNT_OF(many), &root));
	assert_false(merkle_verify_consistency(MERKLE_SHA256, 2, &root, 1, &root, many, 1));
	assert_false(merkle_verify_consistency(
		MERKLE_SHA256, UINT64_MAX, &root, UINT64_MAX, &root, many, 0));
	assert_false(merkle_verify_consistency(
		MERKLE_SHA256, 1, &root, MERKLE_SIZE_MAX, &root, many, COUNT_OF(many)));
}

static void an_error_of_the_store_ends_the_proof(void **state)
{
	struct merkle_proof proof = { .hash_count = 99 };

	(void)state;
	assert_int_equal(
		merkle_prove_inclusion(MERKLE_SHA256, 0, 5, refuse_node, NULL, &proof), ERR_IO);
	assert_int_equal(
		merkle_prove_inclusion(MERKLE_SHA256, 4, 7, refuse_node, NULL, &proof), ERR_IO);
	assert_int_equal(
		merkle_prove_consistency(MERKLE_SHA256, 3, 5, refuse_node, NULL, &proof), ERR_IO);
	assert_int_equal(proof.hash_count, 99);
}

/* Goal: the largest tree's longest proofs fit the proof and hold. All leaves are alike, so
 * each level has one hash. */
static struct hash uniform[MERKLE_LEVELS_MAX];

static enum err get_uniform(void *context, unsigned level, uint64_t index, struct hash *ret_node)
{
	(void)context;
	assert_true(index < MERKLE_SIZE_MAX >> level);
	*ret_node = uniform[level];
	return ERR_OK;
}

static void the_largest_tree_has_proofs_that_fit(void **state)
{
	static const uint64_t places[] = { 0, 1, UINT64_C(1) << 62, MERKLE_SIZE_MAX / 3,
		MERKLE_SIZE_MAX - 1 };
	struct merkle_frontier frontier;
	struct hash roots[MERKLE_LEVELS_MAX - 1], root;

	(void)state;
	merkle_leaf(MERKLE_SHA256, "x", 1, &uniform[0]);
	for (unsigned level = 1; level < MERKLE_LEVELS_MAX; level++) {
		merkle_node(
			MERKLE_SHA256, &uniform[level - 1], &uniform[level - 1], &uniform[level]);
	}
	for (size_t i = 0; i < COUNT_OF(roots); i++) {
		roots[i] = uniform[COUNT_OF(roots) - 1 - i];
	}
	assert_int_equal(merkle_frontier_restore(
				 &frontier, MERKLE_SHA256, MERKLE_SIZE_MAX, roots, COUNT_OF(roots)),
		ERR_OK);
	merkle_frontier_root(&frontier, &root);
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		struct merkle_frontier old;
		struct merkle_proof proof;
		struct hash old_root, old_roots[MERKLE_LEVELS_MAX];
		size_t old_count = 0;

		assert_int_equal(merkle_prove_inclusion(MERKLE_SHA256, places[i], MERKLE_SIZE_MAX,
					 get_uniform, NULL, &proof),
			ERR_OK);
		assert_true(merkle_verify_inclusion(MERKLE_SHA256, &uniform[0], places[i],
			MERKLE_SIZE_MAX, proof.hashes, proof.hash_count, &root));
		for (unsigned level = MERKLE_LEVELS_MAX; level > 0; level--) {
			if ((places[i] >> (level - 1) & 1) != 0) {
				old_roots[old_count++] = uniform[level - 1];
			}
		}
		assert_int_equal(merkle_frontier_restore(
					 &old, MERKLE_SHA256, places[i], old_roots, old_count),
			ERR_OK);
		merkle_frontier_root(&old, &old_root);
		assert_int_equal(merkle_prove_consistency(MERKLE_SHA256, places[i], MERKLE_SIZE_MAX,
					 get_uniform, NULL, &proof),
			ERR_OK);
		assert_true(merkle_verify_consistency(MERKLE_SHA256, places[i], &old_root,
			MERKLE_SIZE_MAX, &root, proof.hashes, proof.hash_count));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_roots_of_certificate_transparency_hold),
		cmocka_unit_test(the_frontier_has_the_defined_root_at_every_size),
		cmocka_unit_test(a_restored_frontier_goes_on_as_if_it_had_never_stopped),
		cmocka_unit_test(a_frontier_is_not_restored_from_what_does_not_fit),
		cmocka_unit_test(every_inclusion_proof_is_the_defined_one_and_holds),
		cmocka_unit_test(every_consistency_proof_is_the_defined_one_and_holds),
		cmocka_unit_test(a_changed_inclusion_proof_is_refused),
		cmocka_unit_test(a_changed_consistency_proof_is_refused),
		cmocka_unit_test(sizes_and_indexes_out_of_range_are_refused),
		cmocka_unit_test(an_error_of_the_store_ends_the_proof),
		cmocka_unit_test(the_largest_tree_has_proofs_that_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
