#ifndef CORE_MERKLE_H
#define CORE_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"
#include "common/types.h"

/* The Merkle tree of RFC 6962, section 2.1 (proof algorithms as in RFC 9162, section 2.1):
 *
 *     empty = H("")    leaf = H(0x00 || entry)    node = H(0x01 || left || right)
 *
 * A tree of n > 1 leaves splits at the largest power of two below n. A node is named by
 * (level, index): level 0 are the leaves, node (l, i) covers leaves [i << l, (i + 1) << l).
 * Only complete nodes have a name; they never change once they exist, and every tree and
 * proof is made of them. */

/* engine.hash; fixed when the ledger is created. */
enum merkle_hash { MERKLE_SHA256, MERKLE_BLAKE3 };

/* Sizes fit SQLite's signed rowid; so no arithmetic on sizes here can overflow. */
#define MERKLE_SIZE_MAX   ((uint64_t)INT64_MAX)
#define MERKLE_LEVELS_MAX 64u

void merkle_empty(enum merkle_hash hash, struct hash *ret_root);
void merkle_leaf(
	enum merkle_hash hash, const void *entry, size_t entry_bytes, struct hash *ret_leaf);
/* ret_node may be one of the two children. */
void merkle_node(enum merkle_hash hash, const struct hash *left, const struct hash *right,
	struct hash *ret_node);
/* The root of the complete subtree over 2^k hashes. Destroys hashes[]. */
void merkle_fold(
	enum merkle_hash hash, struct hash *hashes, size_t hash_count, struct hash *ret_root);

/* The right edge of a growing tree: all that is needed to append and to know the root.
 * last[l] is the last complete node of level l; where bit l of size is set, it is one of
 * the subtrees that make up the tree. The others may be unset after a restore. */
struct merkle_frontier {
	enum merkle_hash hash;
	uint64_t size;
	struct hash last[MERKLE_LEVELS_MAX];
};

void merkle_frontier_init(struct merkle_frontier *frontier, enum merkle_hash hash);
/* size < MERKLE_SIZE_MAX is the caller's to keep. One node hash per leaf on average. */
void merkle_frontier_append(struct merkle_frontier *frontier, const struct hash *leaf);
void merkle_frontier_root(const struct merkle_frontier *frontier, struct hash *ret_root);

/* From a size and its subtree roots, the largest (leftmost) first, one for each bit set in
 * size. ERR_TOO_LARGE: size; ERR_MALFORMED: root_count does not fit size. */
MUST_CHECK enum err merkle_frontier_restore(struct merkle_frontier *frontier, enum merkle_hash hash,
	uint64_t size, const struct hash *roots, size_t root_count);

/* An inclusion proof has at most 63 hashes, a consistency proof at most 64. */
#define MERKLE_PROOF_HASHES_MAX 64u

struct merkle_proof {
	struct hash hashes[MERKLE_PROOF_HASHES_MAX];
	size_t hash_count;
};

/* Hands out one complete node. Whatever it returns but ERR_OK ends the proof and is passed on. */
typedef enum err merkle_node_get(
	void *context, unsigned level, uint64_t index, struct hash *ret_node);

/* ERR_NOT_FOUND: index >= size. ERR_TOO_LARGE: size. */
MUST_CHECK enum err merkle_prove_inclusion(enum merkle_hash hash, uint64_t index, uint64_t size,
	merkle_node_get *get, void *context, struct merkle_proof *ret_proof);
/* ERR_NOT_FOUND: old_size > new_size. Empty when old_size is 0 or new_size. */
MUST_CHECK enum err merkle_prove_consistency(enum merkle_hash hash, uint64_t old_size,
	uint64_t new_size, merkle_node_get *get, void *context, struct merkle_proof *ret_proof);

/* True only if the proof proves it. Takes any values; does at most 128 node hashes. */
MUST_CHECK bool merkle_verify_inclusion(enum merkle_hash hash, const struct hash *leaf,
	uint64_t index, uint64_t size, const struct hash *hashes, size_t hash_count,
	const struct hash *root);
MUST_CHECK bool merkle_verify_consistency(enum merkle_hash hash, uint64_t old_size,
	const struct hash *old_root, uint64_t new_size, const struct hash *new_root,
	const struct hash *hashes, size_t hash_count);

#endif
