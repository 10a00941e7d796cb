#ifndef SERVICES_OTEL_REPLY_H
#define SERVICES_OTEL_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* The head of an HTTP/1.1 answer, as far as its status and Retry-After go, and the end of its body,
 * which nobody reads: a collector that speaks anything else, or without end, is one that did not
 * answer. */

#define REPLY_HEAD_BYTES_MAX 8192u
#define REPLY_BODY_BYTES_MAX 65536u

/* A collector that asks for more is asked again earlier. */
#define REPLY_RETRY_AFTER_S_MAX 60u

enum reply_state {
	REPLY_HEAD, /* more bytes are awaited */
	REPLY_BODY, /* the status is known, the body is still coming */
	REPLY_DONE,
	REPLY_BAD, /* it is no answer */
};

struct reply {
	enum reply_state state;
	uint16_t status; /* from REPLY_BODY on */
	uint32_t retry_after_s;
	uint64_t body_left; /* UINT64_MAX: until the end of the connection */
	uint64_t body_seen;
	size_t head_bytes;
	uint8_t head[REPLY_HEAD_BYTES_MAX];
};

void reply_init(struct reply *reply);

/* The next bytes of it. */
void reply_take(struct reply *reply, struct slice bytes);

/* The connection is at its end. */
void reply_end(struct reply *reply);

#endif
