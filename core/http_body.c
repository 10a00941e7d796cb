#include "core/http_body.h"

/* chunked (RFC 9112 section 7.1), without extensions, which nobody uses but smugglers:
 *
 *   ( size CR LF data CR LF )*  0 CR LF  trailers  CR LF
 *
 * The size is at most eight hex digits, so it is never near an overflow, and is held against
 * the room before a byte of its data is taken. Trailers obey the grammar and the bounds of a
 * head, and are dropped. */

#define SIZE_DIGITS_MAX 8u

enum http_decision http_body_begin(
	struct http_body *body, const struct http_head *head, uint64_t bytes_max)
{
	assert(!head->chunked || !head->content_length_known);
	*body = (struct http_body){ .room_bytes = bytes_max };
	if (head->chunked) {
		body->state = HTTP_BODY_SIZE;
		return HTTP_MORE;
	}
	if (head->content_length == 0) {
		body->state = HTTP_BODY_DONE;
		return HTTP_OK;
	}
	body->state = HTTP_BODY_LENGTH;
	body->left_bytes = head->content_length;
	return head->content_length > bytes_max ? HTTP_BODY_TOO_LARGE : HTTP_MORE;
}

/* The value of a hex digit, 16 for what is none. */
static unsigned hex_value(uint8_t byte)
{
	uint8_t letter = byte | 0x20u;

	if (byte >= '0' && byte <= '9') {
		return (unsigned)(byte - '0');
	}
	return letter >= 'a' && letter <= 'f' ? (unsigned)(letter - 'a') + 10u : 16u;
}

static enum http_decision step_size(struct http_body *body, uint8_t byte)
{
	unsigned value = hex_value(byte);

	if (value < 16) {
		if (body->digits_count == SIZE_DIGITS_MAX) {
			return HTTP_CHUNK_SIZE;
		}
		body->digits_count++;
		body->left_bytes = body->left_bytes * 16 + value;
		return HTTP_MORE;
	}
	if (byte == ';') {
		return HTTP_CHUNK_EXTENSION;
	}
	if (byte != '\r' || body->digits_count == 0) {
		return HTTP_CHUNK_SIZE;
	}
	body->digits_count = 0;
	body->state = HTTP_BODY_SIZE_LF;
	return HTTP_MORE;
}

static enum http_decision step_size_lf(struct http_body *body, uint8_t byte)
{
	if (byte != '\n') {
		return HTTP_CHUNK_SIZE;
	}
	if (body->left_bytes > body->room_bytes) {
		return HTTP_BODY_TOO_LARGE;
	}
	body->room_bytes -= body->left_bytes;
	if (body->left_bytes > 0) {
		body->state = HTTP_BODY_DATA;
	} else {
		body->state = HTTP_BODY_TRAILERS;
		http_scan_trailers(&body->trailers);
	}
	return HTTP_MORE;
}

static enum http_decision step_data_end(struct http_body *body, uint8_t byte)
{
	bool at_cr = body->state == HTTP_BODY_DATA_CR;

	if (byte != (at_cr ? '\r' : '\n')) {
		return HTTP_CHUNK_END;
	}
	body->state = at_cr ? HTTP_BODY_DATA_LF : HTTP_BODY_SIZE;
	return HTTP_MORE;
}

/* Takes what is there of the announced bytes. */
static struct slice take_run(struct http_body *body, struct slice more)
{
	struct slice run = more;

	if (run.bytes_count > body->left_bytes) {
		run.bytes_count = (size_t)body->left_bytes;
	}
	body->left_bytes -= run.bytes_count;
	if (body->left_bytes == 0) {
		body->state = body->state == HTTP_BODY_DATA ? HTTP_BODY_DATA_CR : HTTP_BODY_DONE;
	}
	return run;
}

/* Takes a byte of framing, or the trailers as far as they are there. */
static enum http_decision step(struct http_body *body, const struct http_limits *limits,
	struct slice more, size_t *ret_used)
{
	enum http_decision decision;

	assert(more.bytes_count > 0);
	*ret_used = 1;
	switch (body->state) {
	case HTTP_BODY_SIZE:
		return step_size(body, more.bytes[0]);
	case HTTP_BODY_SIZE_LF:
		return step_size_lf(body, more.bytes[0]);
	case HTTP_BODY_DATA_CR:
	case HTTP_BODY_DATA_LF:
		return step_data_end(body, more.bytes[0]);
	case HTTP_BODY_TRAILERS:
		decision = http_scan(&body->trailers, limits, more, ret_used);
		if (decision == HTTP_OK) {
			body->state = HTTP_BODY_DONE;
		}
		return decision;
	case HTTP_BODY_LENGTH:
	case HTTP_BODY_DATA:
	case HTTP_BODY_DONE:
		break;
	}
	assert(false); /* feed takes data itself, and nothing follows DONE */
	return HTTP_CHUNK_SIZE;
}

enum http_decision http_body_feed(struct http_body *body, const struct http_limits *limits,
	struct slice more, size_t *ret_used, struct slice *ret_data)
{
	enum http_decision decision = HTTP_MORE;
	struct slice data = { more.bytes, 0 };
	size_t used = 0;

	assert(body->state != HTTP_BODY_DONE);
	while (decision == HTTP_MORE && data.bytes_count == 0 && used < more.bytes_count) {
		struct slice rest = { more.bytes + used, more.bytes_count - used };

		if (body->state == HTTP_BODY_LENGTH || body->state == HTTP_BODY_DATA) {
			data = take_run(body, rest);
			used += data.bytes_count;
			decision = body->state == HTTP_BODY_DONE ? HTTP_OK : HTTP_MORE;
		} else {
			size_t step_used = 0;

			decision = step(body, limits, rest, &step_used);
			used += step_used;
		}
	}
	if (decision == HTTP_OK || decision == HTTP_MORE) {
		*ret_used = used;
		*ret_data = data;
	}
	return decision;
}

bool http_body_drainable(const struct http_body *body)
{
	if (body->state == HTTP_BODY_DONE) {
		return true;
	}
	return body->state == HTTP_BODY_LENGTH && body->left_bytes <= HTTP_BODY_DRAIN_BYTES_MAX;
}
