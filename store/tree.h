#ifndef STORE_TREE_H
#define STORE_TREE_H

#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/types.h"
#include "core/tile.h"

/* The tile builder of core/tile.h fed entry by entry, with each tile handed on at the moment
 * at which it is full: to the tiles table by the writer, to a comparison by verify.
 * The root depends on the entries alone, never on where a batch ended. */

typedef enum err tree_put(
	void *context, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH]);

/* Appends the leaf of these entry bytes. What put returns but ERR_OK is passed on; then the
 * builder is ahead of what was put and must be resumed or dropped. */
MUST_CHECK enum err tree_append(struct tile_builder *builder, const void *entry, size_t entry_bytes,
	tree_put *put, void *context);

#endif
