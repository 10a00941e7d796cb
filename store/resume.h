#ifndef STORE_RESUME_H
#define STORE_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "core/entry.h"
#include "core/tile.h"
#include "store/reader.h"
#include "store/why.h"

/* What the writer keeps in memory between batches, made again from rows at a start and after
 * a rolled-back batch: the right edge of the tree and the fingerprints that do not fill a
 * block yet. Inside store/. */
struct resume_memory {
	struct tile_builder builder;
	uint8_t fingerprints[FINGERPRINT_BLOCK_ENTRIES * FINGERPRINT_BYTES];
};

/* Reads at most 255 tiles a level and 4095 entries. ERR_CORRUPT: the root that comes out is
 * not head's; the sentence says so. */
MUST_CHECK enum err resume_all(struct reader *reader, const char *dir,
	const struct reader_head *head, struct resume_memory *ret_memory, struct why *why);

/* Notes the pair of seq; true: the block is full now and must be written before the next. */
bool resume_fingerprint(struct resume_memory *memory, uint64_t seq, uint64_t key, uint64_t id);

/* A tile_load over a struct reader. */
enum err resume_tile_load(
	void *reader, unsigned level, uint64_t index, struct hash ret_hashes[TILE_WIDTH]);

#endif
