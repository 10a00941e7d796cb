#ifndef CLI_REWARD_BUFFER_H
#define CLI_REWARD_BUFFER_H

/* A text of core/reward_text.h that is kept as a whole. */

#include <stdbool.h>

#include "core/reward_text.h"

struct reward_buffer {
	uint8_t *bytes; /* owned */
	size_t bytes_count;
	size_t room;
	bool failed; /* no memory: what came then is missing */
};

/* A reward_text_taker; owner: a struct reward_buffer, zeros at first. */
void reward_buffer_put(void *owner, struct slice bytes);
void reward_buffer_free(struct reward_buffer *buffer);

static inline struct slice reward_buffer_view(const struct reward_buffer *buffer)
{
	return (struct slice){ buffer->bytes, buffer->bytes_count };
}

#endif
