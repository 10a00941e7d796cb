#include "core/segments.h"

void segments_init(struct segments *segments, const struct memory *memory, size_t item_bytes)
{
	segments->memory = memory;
	segments->item_bytes = item_bytes;
	segments->reserved = 0;
}

void segments_finish(struct segments *segments)
{
	segments_trim(segments, 0);
}

void segments_trim(struct segments *segments, uint32_t count)
{
	while (segments->reserved > 0 && segments->reserved - SEGMENTS_PIECE >= count) {
		uint32_t piece = segments->reserved / SEGMENTS_PIECE - 1;

		memory_give(segments->memory, segments->pieces[piece],
			SEGMENTS_PIECE * segments->item_bytes);
		segments->pieces[piece] = NULL;
		segments->reserved -= SEGMENTS_PIECE;
	}
}

bool segments_reserve(struct segments *segments, uint64_t count)
{
	while (segments->reserved < count) {
		uint32_t piece = segments->reserved / SEGMENTS_PIECE;

		if (piece == SEGMENTS_PIECES_MAX) {
			return false;
		}
		segments->pieces[piece] =
			memory_take(segments->memory, SEGMENTS_PIECE * segments->item_bytes);
		if (segments->pieces[piece] == NULL) {
			return false;
		}
		segments->reserved += SEGMENTS_PIECE;
	}
	return true;
}
