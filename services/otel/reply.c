#include "services/otel/reply.h"

#include <string.h>

#include "core/http.h"

#define STATUS_LINE_BYTES_MIN 12u /* HTTP/1.1 200 */

void reply_init(struct reply *reply)
{
	*reply = (struct reply){ .state = REPLY_HEAD, .body_left = UINT64_MAX };
}

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* "HTTP/1.0 200 ..." */
static bool read_status(struct slice line, uint16_t *ret_status)
{
	const uint8_t *byte = line.bytes;

	if (line.bytes_count < STATUS_LINE_BYTES_MIN || memcmp(byte, "HTTP/1.", 7) != 0 ||
		(byte[7] != '0' && byte[7] != '1') || byte[8] != ' ' || !is_digit(byte[9]) ||
		!is_digit(byte[10]) || !is_digit(byte[11]) || byte[9] == '0' ||
		(line.bytes_count > STATUS_LINE_BYTES_MIN && byte[12] != ' ')) {
		return false;
	}
	*ret_status = (uint16_t)((byte[9] - '0') * 100 + (byte[10] - '0') * 10 + (byte[11] - '0'));
	return true;
}

/* Digits alone; of anything else, a date among it, nothing is taken. */
static bool read_number(struct slice text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (text.bytes_count == 0 || text.bytes_count > 18) {
		return false;
	}
	for (size_t i = 0; i < text.bytes_count; i++) {
		if (!is_digit(text.bytes[i])) {
			return false;
		}
		number = number * 10 + (uint64_t)(text.bytes[i] - '0');
	}
	*ret_number = number;
	return true;
}

static struct slice trim(struct slice text)
{
	while (text.bytes_count > 0 && (text.bytes[0] == ' ' || text.bytes[0] == '\t')) {
		text.bytes++;
		text.bytes_count--;
	}
	while (text.bytes_count > 0 && (text.bytes[text.bytes_count - 1] == ' ' ||
					       text.bytes[text.bytes_count - 1] == '\r')) {
		text.bytes_count--;
	}
	return text;
}

static void read_field(struct reply *reply, struct slice line)
{
	const uint8_t *colon = memchr(line.bytes, ':', line.bytes_count);
	struct slice name = line, value = line;
	uint64_t number = 0;

	if (colon == NULL) {
		return;
	}
	name.bytes_count = (size_t)(colon - line.bytes);
	value = trim((struct slice){ colon + 1, line.bytes_count - name.bytes_count - 1 });
	if (!read_number(value, &number)) {
		return;
	}
	if (http_equals_nocase(name, "content-length")) {
		reply->body_left = number;
	} else if (http_equals_nocase(name, "retry-after")) {
		reply->retry_after_s = number < REPLY_RETRY_AFTER_S_MAX ? (uint32_t)number
									: REPLY_RETRY_AFTER_S_MAX;
	}
}

static struct slice take_line(struct slice *rest)
{
	const uint8_t *end = memchr(rest->bytes, '\n', rest->bytes_count);
	struct slice line = *rest;

	if (end != NULL) {
		line.bytes_count = (size_t)(end - rest->bytes);
		rest->bytes_count -= line.bytes_count + 1;
		rest->bytes = end + 1;
	} else {
		rest->bytes_count = 0;
	}
	return trim(line);
}

static void read_head(struct reply *reply)
{
	struct slice rest = { reply->head, reply->head_bytes };

	if (!read_status(take_line(&rest), &reply->status)) {
		reply->state = REPLY_BAD;
		return;
	}
	if (reply->status < 200) { /* the real one follows */
		reply_init(reply);
		return;
	}
	while (rest.bytes_count > 0) {
		read_field(reply, take_line(&rest));
	}
	reply->state = reply->body_left == 0 || reply->status == 204 ? REPLY_DONE : REPLY_BODY;
}

/* The end of the head: an empty line. */
static bool head_is_whole(const struct reply *reply)
{
	size_t count = reply->head_bytes;
	const uint8_t *end = reply->head + count;

	return count >= 2 && end[-1] == '\n' &&
	       (end[-2] == '\n' || (count >= 3 && end[-2] == '\r' && end[-3] == '\n'));
}

void reply_take(struct reply *reply, struct slice bytes)
{
	while (reply->state == REPLY_HEAD && bytes.bytes_count > 0) {
		if (reply->head_bytes == REPLY_HEAD_BYTES_MAX) {
			reply->state = REPLY_BAD;
			return;
		}
		reply->head[reply->head_bytes++] = *bytes.bytes++;
		bytes.bytes_count--;
		if (head_is_whole(reply)) {
			read_head(reply);
		}
	}
	if (reply->state == REPLY_BODY) {
		reply->body_seen += bytes.bytes_count;
		if (reply->body_seen >= reply->body_left ||
			reply->body_seen >= REPLY_BODY_BYTES_MAX) {
			reply->state = REPLY_DONE;
		}
	}
}

void reply_end(struct reply *reply)
{
	reply->state = reply->state == REPLY_HEAD   ? REPLY_BAD
		       : reply->state == REPLY_BODY ? REPLY_DONE
						    : reply->state;
}
