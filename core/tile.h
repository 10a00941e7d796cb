#ifndef CORE_TILE_H
#define CORE_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/merkle.h"

/* The tree of core/merkle.h cut into tiles (C2SP tlog-tiles): tile (level, index) holds
 * the nodes (8 * level, 256 * index ...), 256 of them when full. Only full tiles are
 * stored. What is not in a full tile yet, at most 255 hashes a level, is in the tile
 * builder's rows; so store and builder together hand out every node there is. */

#define TILE_WIDTH      256u
#define TILE_LEVELS_MAX 8u /* 8 levels of 8 bits cover MERKLE_SIZE_MAX */

/* width 1..256; less than 256 names a partial tile. entries: the bundle of the entries
 * themselves under the hashes of (0, index), level is 0. */
struct tile {
	uint64_t index;
	uint16_t width;
	uint8_t level;
	bool entries;
};

/* How many hashes of a level are in a tree of that size, and so how many tiles of the
 * level are full, and how wide the partial one is (0: there is none). */
uint64_t tile_hash_count(unsigned level, uint64_t size);
uint64_t tile_full_count(unsigned level, uint64_t size);
uint16_t tile_partial_width(unsigned level, uint64_t size);
/* All of the tile's hashes are in a tree of that size (a narrower partial tile than the
 * widest one is there too, as is a partial view of a full one). */
bool tile_exists(struct tile tile, uint64_t size);

/* The part of the path after "tile/": "0/x001/x234/067", "1/003.p/66", "entries/000.p/8".
 * print returns the length without the final NUL; parse takes only what print makes
 * (ERR_MALFORMED), so that a tile has one name. */
#define TILE_PATH_BYTES_MAX 64u
size_t tile_path_print(struct tile tile, char ret_path[TILE_PATH_BYTES_MAX]);
MUST_CHECK enum err tile_path_parse(const char *path, size_t path_bytes, struct tile *ret_tile);

/* Where the node (level, index) of the tree comes from: it is the merkle_fold() of
 * hash_count hashes from hash_first on in a tile. */
struct tile_place {
	uint64_t index;
	uint8_t level;
	uint16_t hash_first;
	uint16_t hash_count; /* a power of two, at most 128 */
};

struct tile_place tile_place_of_node(unsigned level, uint64_t index);

/* 64 KiB; lives in the state of its process. rows[l] holds the hashes of the level's
 * partial tile; right after an append that made it full, the full tile. */
struct tile_builder {
	struct merkle_frontier frontier;
	struct hash rows[TILE_LEVELS_MAX][TILE_WIDTH];
};

void tile_builder_init(struct tile_builder *builder, enum merkle_hash hash);

/* Appends a leaf hash (merkle_leaf). Returns n: the tiles of levels 0 .. n - 1 are full now,
 * nearly always 0. Before the next append the caller stores builder->rows[l] as tile
 * (l, tile_full_count(l, size) - 1) for each of them. size < MERKLE_SIZE_MAX. */
unsigned tile_builder_append(struct tile_builder *builder, const struct hash *leaf);

uint64_t tile_builder_size(const struct tile_builder *builder);
void tile_builder_root(const struct tile_builder *builder, struct hash *ret_root);

/* Reads a full tile from where the caller stored it, all 256 hashes. */
typedef enum err tile_load(
	void *store, unsigned level, uint64_t index, struct hash ret_hashes[TILE_WIDTH]);

/* The builder of a tree of `size` leaves from its stored full tiles and the leaf hashes
 * that are in no full tile, size % 256 of them. Loads at most 255 tiles a level. Then
 * compare the root. ERR_TOO_LARGE: size; else what load returned; the builder is unusable. */
MUST_CHECK enum err tile_builder_resume(struct tile_builder *builder, enum merkle_hash hash,
	uint64_t size, const struct hash *leaves, tile_load *load, void *store);

/* All nodes of the builder's tree. Proofs for any smaller size come from it too. */
struct tile_view {
	const struct tile_builder *builder;
	tile_load *load;
	void *store;
};

/* The hashes of a tile, tile.width of them, as it is served. ERR_NOT_FOUND: not in the tree, or
 * a bundle of entries, which is not made of hashes; else what load returned. */
MUST_CHECK enum err tile_view_read(
	const struct tile_view *view, struct tile tile, struct hash ret_hashes[TILE_WIDTH]);

/* A merkle_node_get; context is a struct tile_view. ERR_NOT_FOUND: not a complete node. */
MUST_CHECK enum err tile_view_node(
	void *context, unsigned level, uint64_t index, struct hash *ret_node);

#endif
