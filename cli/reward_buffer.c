#include "cli/reward_buffer.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096u

void reward_buffer_put(void *owner, struct slice bytes)
{
	struct reward_buffer *buffer = owner;
	size_t needed = buffer->bytes_count + bytes.bytes_count;

	if (buffer->failed || bytes.bytes_count == 0) {
		return;
	}
	if (needed > buffer->room) {
		size_t room = needed < ROOM_FIRST ? ROOM_FIRST : 2 * needed;
		uint8_t *grown = realloc(buffer->bytes, room);

		if (grown == NULL) {
			buffer->failed = true;
			return;
		}
		buffer->bytes = grown;
		buffer->room = room;
	}
	memcpy(buffer->bytes + buffer->bytes_count, bytes.bytes, bytes.bytes_count);
	buffer->bytes_count = needed;
}

void reward_buffer_free(struct reward_buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct reward_buffer){ 0 };
}
