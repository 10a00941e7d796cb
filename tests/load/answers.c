#include "tests/load/answers.h"

#include <string.h>
#include <strings.h>

#define FRAME_HEAD_BYTES 33u
#define FRAME_LEN_MAX    (1u << 20)

/* The bytes behind `name` in text, or NULL. */
static const char *find(const char *text, size_t count, const char *name)
{
	const char *found = memmem(text, count, name, strlen(name));

	return found == NULL ? NULL : found + strlen(name);
}

/* Digits up to whatever is none of them; false when there is not one. */
static bool parse_number(const char *at, const char *end, uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *start = at;

	while (at < end && *at >= '0' && *at <= '9' && at - start < 19) {
		value = value * 10 + (uint64_t)(*at - '0');
		at++;
	}
	if (at == start) {
		return false;
	}
	*ret_value = value;
	return true;
}

/* The value of a header field, matched without case; our node writes one space behind it. */
static const char *find_field(const char *head, size_t head_bytes, const char *name)
{
	size_t name_bytes = strlen(name);

	for (size_t i = 0; i + name_bytes < head_bytes; i++) {
		if (head[i] == '\n' && i + 1 + name_bytes + 2 < head_bytes &&
			strncasecmp(head + i + 1, name, name_bytes) == 0) {
			return head + i + 1 + name_bytes;
		}
	}
	return NULL;
}

enum answers_parse answers_parse_http(
	const char *bytes, size_t count, struct answers_http *ret_http)
{
	const char *body = find(bytes, count, "\r\n\r\n");
	struct answers_http http = { .body = body };
	const char *field;
	uint64_t status, length;

	if (body == NULL) {
		return ANSWERS_MORE;
	}
	field = find(bytes, 9, "HTTP/1.1 ");
	if (field == NULL || !parse_number(field, body, &status)) {
		return ANSWERS_BROKEN;
	}
	field = find_field(bytes, (size_t)(body - bytes), "Content-Length: ");
	if (field == NULL || !parse_number(field, body, &length) || length > FRAME_LEN_MAX * 16) {
		return ANSWERS_BROKEN;
	}
	if (length > count - (size_t)(body - bytes)) {
		return ANSWERS_MORE;
	}
	http.status = (unsigned)status;
	http.body_bytes = (size_t)length;
	http.bytes = (size_t)(body - bytes) + http.body_bytes;
	field = find_field(bytes, (size_t)(body - bytes), "Connection: ");
	http.close = field != NULL && strncasecmp(field, "close", 5) == 0;
	field = find_field(bytes, (size_t)(body - bytes), "Idempotency-Replayed: ");
	http.replayed = field != NULL && strncasecmp(field, "true", 4) == 0;
	*ret_http = http;
	return ANSWERS_WHOLE;
}

bool answers_is_retryable(const char *body, size_t body_bytes)
{
	return find(body, body_bytes, "\"retryable\":true") != NULL;
}

bool answers_parse_commit(const char *body, size_t body_bytes, struct answers_commit *ret_commit)
{
	const char *end = body + body_bytes;
	const char *start = find(body, body_bytes, "\"seq_start\":");
	const char *last = find(body, body_bytes, "\"seq_end\":");
	const char *root = find(body, body_bytes, "\"new_root\":\"");
	struct answers_commit commit = { 0 };

	if (start == NULL || last == NULL || root == NULL || end - root < 64 ||
		!parse_number(start, end, &commit.seq_start) ||
		!parse_number(last, end, &commit.seq_end)) {
		return false;
	}
	memcpy(commit.root, root, 64);
	*ret_commit = commit;
	return true;
}

enum answers_parse answers_parse_frame(
	const char *bytes, size_t count, struct answers_frame *ret_frame)
{
	struct answers_frame frame = { 0 };
	uint32_t length;

	if (count < sizeof length) {
		return ANSWERS_MORE;
	}
	memcpy(&length, bytes, sizeof length); /* little-endian, as we are */
	if (length < FRAME_HEAD_BYTES - sizeof length || length > FRAME_LEN_MAX) {
		return ANSWERS_BROKEN;
	}
	if (count < sizeof length + length) {
		return ANSWERS_MORE;
	}
	frame.bytes = sizeof length + length;
	frame.payload = bytes + FRAME_HEAD_BYTES;
	frame.payload_bytes = frame.bytes - FRAME_HEAD_BYTES;
	memcpy(&frame.flags, bytes + 5, sizeof frame.flags);
	memcpy(&frame.corr_id, bytes + 23, sizeof frame.corr_id);
	memcpy(&frame.verb, bytes + 31, sizeof frame.verb);
	if (bytes[4] != 1) {
		return ANSWERS_BROKEN;
	}
	*ret_frame = frame;
	return ANSWERS_WHOLE;
}
