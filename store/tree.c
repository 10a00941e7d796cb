#include "store/tree.h"

enum err tree_append(struct tile_builder *builder, const void *entry, size_t entry_bytes,
	tree_put *put, void *context)
{
	struct hash leaf;
	unsigned full_count;

	assert(tile_builder_size(builder) < MERKLE_SIZE_MAX);
	merkle_leaf(builder->frontier.hash, entry, entry_bytes, &leaf);
	full_count = tile_builder_append(builder, &leaf);
	for (unsigned level = 0; level < full_count; level++) {
		uint64_t index = tile_full_count(level, tile_builder_size(builder)) - 1;
		enum err err = put(context, level, index, builder->rows[level]);

		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}
