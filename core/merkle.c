#include "core/merkle.h"

#include <assert.h>
#include <string.h>

#include "common/slice.h"
#include "core/blake3.h"
#include "core/sha256.h"

_Static_assert(MERKLE_SIZE_MAX >> (MERKLE_LEVELS_MAX - 1) == 0, "a level is missing");

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

void merkle_empty(enum merkle_hash hash, struct hash *ret_root)
{
	switch (hash) {
	case MERKLE_SHA256:
		sha256_hash(NULL, 0, ret_root);
		break;
	case MERKLE_BLAKE3:
		blake3_hash(NULL, 0, ret_root);
		break;
	}
}

void merkle_leaf(
	enum merkle_hash hash, const void *entry, size_t entry_bytes, struct hash *ret_leaf)
{
	static const uint8_t prefix = LEAF_PREFIX;
	const struct slice parts[] = { { &prefix, 1 }, { entry, entry_bytes } };
	struct blake3 stream;

	switch (hash) {
	case MERKLE_SHA256:
		sha256_hash_parts(parts, COUNT_OF(parts), ret_leaf);
		break;
	case MERKLE_BLAKE3:
		blake3_start(&stream);
		blake3_add(&stream, &prefix, 1);
		blake3_add(&stream, entry, entry_bytes);
		blake3_finish(&stream, ret_leaf);
		break;
	}
}

void merkle_node(enum merkle_hash hash, const struct hash *left, const struct hash *right,
	struct hash *ret_node)
{
	uint8_t bytes[1 + 2 * HASH_BYTES] = { NODE_PREFIX };

	memcpy(bytes + 1, left->bytes, HASH_BYTES);
	memcpy(bytes + 1 + HASH_BYTES, right->bytes, HASH_BYTES);
	switch (hash) {
	case MERKLE_SHA256:
		sha256_hash(bytes, sizeof bytes, ret_node);
		break;
	case MERKLE_BLAKE3:
		blake3_hash(bytes, sizeof bytes, ret_node);
		break;
	}
}

void merkle_fold(
	enum merkle_hash hash, struct hash *hashes, size_t hash_count, struct hash *ret_root)
{
	assert(hash_count > 0 && (hash_count & (hash_count - 1)) == 0);
	for (size_t count = hash_count / 2; count > 0; count /= 2) {
		for (size_t i = 0; i < count; i++) {
			merkle_node(hash, &hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
		}
	}
	*ret_root = hashes[0];
}

void merkle_frontier_init(struct merkle_frontier *frontier, enum merkle_hash hash)
{
	memset(frontier, 0, sizeof *frontier);
	frontier->hash = hash;
}

void merkle_frontier_append(struct merkle_frontier *frontier, const struct hash *leaf)
{
	struct hash made = *leaf;
	unsigned level = 0;

	assert(frontier->size < MERKLE_SIZE_MAX);
	for (; (frontier->size >> level & 1) != 0; level++) {
		struct hash left = frontier->last[level];

		frontier->last[level] = made;
		merkle_node(frontier->hash, &left, &made, &made);
	}
	frontier->last[level] = made;
	frontier->size++;
}

void merkle_frontier_root(const struct merkle_frontier *frontier, struct hash *ret_root)
{
	struct hash root;
	bool started = false;

	for (unsigned level = 0; level < MERKLE_LEVELS_MAX; level++) {
		if ((frontier->size >> level & 1) == 0) {
			continue;
		}
		if (started) {
			merkle_node(frontier->hash, &frontier->last[level], &root, &root);
		} else {
			root = frontier->last[level];
			started = true;
		}
	}
	if (!started) {
		merkle_empty(frontier->hash, &root);
	}
	*ret_root = root;
}

enum err merkle_frontier_restore(struct merkle_frontier *frontier, enum merkle_hash hash,
	uint64_t size, const struct hash *roots, size_t root_count)
{
	size_t bit_count = 0;
	size_t used = 0;

	if (size > MERKLE_SIZE_MAX) {
		return ERR_TOO_LARGE;
	}
	for (uint64_t rest = size; rest != 0; rest &= rest - 1) {
		bit_count++;
	}
	if (root_count != bit_count) {
		return ERR_MALFORMED;
	}
	merkle_frontier_init(frontier, hash);
	frontier->size = size;
	for (unsigned level = MERKLE_LEVELS_MAX; level > 0; level--) {
		if ((size >> (level - 1) & 1) != 0) {
			frontier->last[level - 1] = roots[used];
			used++;
		}
	}
	assert(used == root_count);
	return ERR_OK;
}

/* The root over leaves [index << level, size), fewer than 1 << level: the right edge, made
 * of one complete node for each low bit of size, the smallest rightmost. */
static enum err edge_root(enum merkle_hash hash, unsigned level, uint64_t size,
	merkle_node_get *get, void *context, struct hash *ret_root)
{
	bool started = false;

	for (unsigned low = 0; low < level; low++) {
		struct hash node;
		enum err err;

		if ((size >> low & 1) == 0) {
			continue;
		}
		err = get(context, low, (size >> low) - 1, &node);
		if (err != ERR_OK) {
			return err;
		}
		if (started) {
			merkle_node(hash, &node, ret_root, ret_root);
		} else {
			*ret_root = node;
			started = true;
		}
	}
	assert(started);
	return ERR_OK;
}

/* Appends the siblings on the way from the complete node (level, index) to the root. A sibling
 * that would begin past the end does not exist: its would-be brother moves up as it is. */
static enum err add_path(enum merkle_hash hash, unsigned level, uint64_t index, uint64_t size,
	merkle_node_get *get, void *context, struct merkle_proof *proof)
{
	for (; (size - 1) >> level > 0; level++, index >>= 1) {
		uint64_t sibling = index ^ 1;
		struct hash *hash_next = &proof->hashes[proof->hash_count];
		enum err err;

		if (sibling > (size - 1) >> level) {
			continue;
		}
		assert(proof->hash_count < MERKLE_PROOF_HASHES_MAX);
		if (sibling < size >> level) {
			err = get(context, level, sibling, hash_next);
		} else {
			err = edge_root(hash, level, size, get, context, hash_next);
		}
		if (err != ERR_OK) {
			return err;
		}
		proof->hash_count++;
	}
	return ERR_OK;
}

enum err merkle_prove_inclusion(enum merkle_hash hash, uint64_t index, uint64_t size,
	merkle_node_get *get, void *context, struct merkle_proof *ret_proof)
{
	struct merkle_proof proof;
	enum err err;

	if (size > MERKLE_SIZE_MAX) {
		return ERR_TOO_LARGE;
	}
	if (index >= size) {
		return ERR_NOT_FOUND;
	}
	proof.hash_count = 0;
	err = add_path(hash, 0, index, size, get, context, &proof);
	if (err != ERR_OK) {
		return err;
	}
	*ret_proof = proof;
	return ERR_OK;
}

/* The proof is the way up from the old tree's last complete node, and that node itself,
 * unless it is the whole old tree, whose root the verifier knows. */
enum err merkle_prove_consistency(enum merkle_hash hash, uint64_t old_size, uint64_t new_size,
	merkle_node_get *get, void *context, struct merkle_proof *ret_proof)
{
	struct merkle_proof proof;
	unsigned level;
	uint64_t index;
	enum err err;

	if (new_size > MERKLE_SIZE_MAX) {
		return ERR_TOO_LARGE;
	}
	if (old_size > new_size) {
		return ERR_NOT_FOUND;
	}
	if (old_size == 0 || old_size == new_size) {
		ret_proof->hash_count = 0;
		return ERR_OK;
	}
	proof.hash_count = 0;
	level = (unsigned)__builtin_ctzll(old_size);
	index = (old_size >> level) - 1;
	if (index > 0) {
		err = get(context, level, index, &proof.hashes[0]);
		if (err != ERR_OK) {
			return err;
		}
		proof.hash_count = 1;
	}
	err = add_path(hash, level, index, new_size, get, context, &proof);
	if (err != ERR_OK) {
		return err;
	}
	*ret_proof = proof;
	return ERR_OK;
}

static bool same(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, HASH_BYTES) == 0;
}

/* Where a verifier stands: a node of the smaller tree (or the leaf) and the last node of
 * the larger tree, both as indexes at the same level (fn and sn of RFC 9162). */
struct climb {
	uint64_t node;
	uint64_t last;
};

/* The next hash of the proof is our left brother (else the right one). Moves to the level
 * above the one where that brother is. */
static bool climb_from_right(struct climb *climb)
{
	bool is_right = (climb->node & 1) != 0 || climb->node == climb->last;

	if (is_right) {
		while ((climb->node & 1) == 0 && climb->node != 0) {
			climb->node >>= 1;
			climb->last >>= 1;
		}
	}
	climb->node >>= 1;
	climb->last >>= 1;
	return is_right;
}

bool merkle_verify_inclusion(enum merkle_hash hash, const struct hash *leaf, uint64_t index,
	uint64_t size, const struct hash *hashes, size_t hash_count, const struct hash *root)
{
	struct climb climb = { index, size - 1 };
	struct hash reached = *leaf;

	if (size > MERKLE_SIZE_MAX || index >= size || hash_count > MERKLE_PROOF_HASHES_MAX) {
		return false;
	}
	for (size_t i = 0; i < hash_count; i++) {
		if (climb.last == 0) {
			return false; /* longer than the tree is high */
		}
		if (climb_from_right(&climb)) {
			merkle_node(hash, &hashes[i], &reached, &reached);
		} else {
			merkle_node(hash, &reached, &hashes[i], &reached);
		}
	}
	return climb.last == 0 && same(&reached, root);
}

/* 0 < old_size < new_size: rebuilds both roots from the same hashes. */
static bool verify_growth(enum merkle_hash hash, uint64_t old_size, const struct hash *old_root,
	uint64_t new_size, const struct hash *new_root, const struct hash *hashes,
	size_t hash_count)
{
	unsigned level = (unsigned)__builtin_ctzll(old_size);
	struct climb climb = { (old_size - 1) >> level, (new_size - 1) >> level };
	bool old_is_one_node = climb.node == 0;
	struct hash old_reached, new_reached;

	if (hash_count == 0) {
		return false;
	}
	old_reached = old_is_one_node ? *old_root : hashes[0];
	new_reached = old_reached;
	for (size_t i = old_is_one_node ? 0 : 1; i < hash_count; i++) {
		if (climb.last == 0) {
			return false; /* longer than the tree is high */
		}
		if (climb_from_right(&climb)) {
			merkle_node(hash, &hashes[i], &old_reached, &old_reached);
			merkle_node(hash, &hashes[i], &new_reached, &new_reached);
		} else {
			merkle_node(hash, &new_reached, &hashes[i], &new_reached);
		}
	}
	return climb.last == 0 && same(&old_reached, old_root) && same(&new_reached, new_root);
}

bool merkle_verify_consistency(enum merkle_hash hash, uint64_t old_size,
	const struct hash *old_root, uint64_t new_size, const struct hash *new_root,
	const struct hash *hashes, size_t hash_count)
{
	struct hash empty;

	if (new_size > MERKLE_SIZE_MAX || old_size > new_size ||
		hash_count > MERKLE_PROOF_HASHES_MAX) {
		return false;
	}
	if (old_size == new_size && !same(old_root, new_root)) {
		return false;
	}
	if (old_size == 0) {
		merkle_empty(hash, &empty);
		return hash_count == 0 && same(old_root, &empty);
	}
	if (old_size == new_size) {
		return hash_count == 0;
	}
	return verify_growth(hash, old_size, old_root, new_size, new_root, hashes, hash_count);
}
