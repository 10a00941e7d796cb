#ifndef COMMON_PEER_QUEUE_H
#define COMMON_PEER_QUEUE_H

/* What waits to be written to one stream socket: frames, one behind the other, and fds, each
 * with its frame. The part of common/peer.c that knows nothing of verbs and credit. */

#include "common/peer.h"

struct peer_queue {
	uint8_t *bytes; /* owned */
	size_t capacity, head, tail;
	uint64_t position; /* in the stream, of bytes[head] */
	struct peer_queue_fd {
		uint64_t at; /* position of the first byte of its frame */
		int fd;      /* owned */
	} fds[PEER_FDS_MAX];
	size_t fds_count;
};

enum peer_queue_state {
	PEER_QUEUE_EMPTY,
	PEER_QUEUE_BLOCKED, /* the socket takes no more now */
	PEER_QUEUE_BROKEN,  /* it never will; nothing waits any more */
};

/* False when memory is short. A queue of zeros can be finished. */
MUST_CHECK bool peer_queue_init(struct peer_queue *queue);
void peer_queue_finish(struct peer_queue *queue);

bool peer_queue_is_empty(const struct peer_queue *queue);

/* Room for a frame, contiguous, until it is added; NULL when the queue is at its end. */
uint8_t *peer_queue_reserve(struct peer_queue *queue, size_t bytes_count);
void peer_queue_add(struct peer_queue *queue, size_t bytes_count);

/* The frame that is added next takes `fd` along, which is closed once it is sent. False, and it
 * stays the caller's, when as many wait as a worker can ever be handed. */
MUST_CHECK bool peer_queue_attach(struct peer_queue *queue, int fd);

enum peer_queue_state peer_queue_write(struct peer_queue *queue, int socket);

#endif
