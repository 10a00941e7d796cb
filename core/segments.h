#ifndef CORE_SEGMENTS_H
#define CORE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "core/memory.h"

/* An array that grows by pieces and never moves, so that growth costs one region and no copy.
 * Items are zero until they are written. */

#define SEGMENTS_PIECES_MAX 4096u
#define SEGMENTS_PIECE_LOG2 14u
#define SEGMENTS_PIECE      (1u << SEGMENTS_PIECE_LOG2) /* items */
#define SEGMENTS_ITEMS_MAX  (SEGMENTS_PIECES_MAX * SEGMENTS_PIECE)

struct segments {
	const struct memory *memory; /* borrowed */
	size_t item_bytes;
	uint32_t reserved;                    /* items that may be used */
	uint8_t *pieces[SEGMENTS_PIECES_MAX]; /* owned */
};

/* item_bytes: a multiple of the item's alignment. */
void segments_init(struct segments *segments, const struct memory *memory, size_t item_bytes);
void segments_finish(struct segments *segments);

/* Makes items 0 ... count - 1 usable. False, with what there was, if there is no memory. */
MUST_CHECK bool segments_reserve(struct segments *segments, uint64_t count);

/* Gives back what is beyond item `count`. */
void segments_trim(struct segments *segments, uint32_t count);

static inline void *segments_at(const struct segments *segments, uint32_t index)
{
	assert(index < segments->reserved);
	return segments->pieces[index >> SEGMENTS_PIECE_LOG2] +
	       (index & (SEGMENTS_PIECE - 1)) * segments->item_bytes;
}

#endif
