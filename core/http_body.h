#ifndef CORE_HTTP_BODY_H
#define CORE_HTTP_BODY_H

#include "core/http.h"
#include "core/http_head.h"
#include "core/http_scan.h"

/* Where a request's body ends (RFC 9112 sections 6 and 7): Content-Length, or chunks and
 * trailers. Hands out views of what is body in the bytes that came in, copies nothing. */

enum http_body_state {
	HTTP_BODY_LENGTH,
	HTTP_BODY_SIZE,
	HTTP_BODY_SIZE_LF,
	HTTP_BODY_DATA,
	HTTP_BODY_DATA_CR,
	HTTP_BODY_DATA_LF,
	HTTP_BODY_TRAILERS,
	HTTP_BODY_DONE,
};

struct http_body {
	uint64_t left_bytes; /* of the announced length, or of the current chunk */
	uint64_t room_bytes; /* what later chunks may still bring */
	struct http_scan trailers;
	uint8_t digits_count; /* of the chunk size that is being read */
	enum http_body_state state;
};

/* DESIGN-WALL.md section 5: what is left of a refused body is read only up to here. */
#define HTTP_BODY_DRAIN_BYTES_MAX 65536u

/* HTTP_OK: there is no body; HTTP_MORE: feed it; HTTP_BODY_TOO_LARGE: the announced length is
 * over bytes_max (body is set up all the same, for a drain). */
MUST_CHECK enum http_decision http_body_begin(
	struct http_body *body, const struct http_head *head, uint64_t bytes_max);

/* Takes up to one run of body bytes. HTTP_OK: the body ends behind the *ret_used bytes taken;
 * HTTP_MORE: not yet; feed the rest of the input, if any, and what comes later. *ret_data is the
 * run, perhaps empty, in both cases. Anything else is the refusal, and the body is over. */
MUST_CHECK enum http_decision http_body_feed(struct http_body *body,
	const struct http_limits *limits, struct slice more, size_t *ret_used,
	struct slice *ret_data);

/* Whether what is left is known, and small enough to be read and thrown away. */
bool http_body_drainable(const struct http_body *body);

#endif
