#include "core/http_scan.h"

/* An automaton over single bytes that owns the grammar of a head (RFC 9112 section 2.1):
 *
 *   method SP target SP version CR LF  ( name ':' value CR LF )*  CR LF
 *
 * Behind HTTP_OK every line ends with CR LF, every field has a token for a name and its colon
 * directly behind, and no byte is a control byte other than HTAB. core/http_head.c relies on it
 * and gives the parts their meaning. */

#define METHOD_BYTES_MAX  32u /* longer than any registered method */
#define VERSION_BYTES_MAX 8u  /* HTTP/1.1 */

void http_scan_trailers(struct http_scan *scan)
{
	*scan = (struct http_scan){ .state = HTTP_SCAN_FIELD };
}

/* Names what is wrong with a byte that the grammar did not allow here. */
static enum http_decision refuse(uint8_t byte, enum http_decision otherwise)
{
	if (byte == '\n') {
		return HTTP_BARE_LF;
	}
	return http_is_value_byte(byte) || byte == '\r' ? otherwise : HTTP_BYTE;
}

static enum http_decision step_line(
	struct http_scan *scan, const struct http_limits *limits, uint8_t byte)
{
	bool visible = byte > 0x20 && byte < 0x7f;

	if (scan->state == HTTP_SCAN_METHOD) {
		if (byte == ' ' && scan->method_bytes > 0) {
			scan->state = HTTP_SCAN_TARGET;
			return HTTP_MORE;
		}
		if (!http_is_token_byte(byte) || scan->method_bytes == METHOD_BYTES_MAX) {
			return refuse(byte, HTTP_REQUEST_LINE);
		}
		scan->method_bytes++;
		return HTTP_MORE;
	}
	if (scan->state == HTTP_SCAN_TARGET) {
		if (byte == ' ' && scan->target_bytes > 0) {
			scan->state = HTTP_SCAN_VERSION;
			return HTTP_MORE;
		}
		if (!visible) {
			return refuse(byte, HTTP_REQUEST_LINE);
		}
		scan->target_bytes++;
		return scan->target_bytes > limits->target_bytes_max ? HTTP_TARGET_TOO_LONG
								     : HTTP_MORE;
	}
	if (byte == '\r') {
		scan->state = HTTP_SCAN_LINE_LF;
		return HTTP_MORE;
	}
	if (!visible || scan->version_bytes == VERSION_BYTES_MAX) {
		return refuse(byte, HTTP_REQUEST_LINE);
	}
	scan->version_bytes++;
	return HTTP_MORE;
}

static enum http_decision step_field_start(
	struct http_scan *scan, const struct http_limits *limits, uint8_t byte)
{
	if (byte == '\r') {
		scan->state = HTTP_SCAN_END_LF;
		return HTTP_MORE;
	}
	if (byte == ' ' || byte == '\t') {
		return HTTP_OBS_FOLD;
	}
	if (!http_is_token_byte(byte)) {
		return refuse(byte, HTTP_FIELD_NAME);
	}
	if (scan->fields_count == limits->fields_max) {
		return HTTP_FIELDS_TOO_MANY;
	}
	scan->fields_count++;
	scan->state = HTTP_SCAN_NAME;
	return HTTP_MORE;
}

static enum http_decision step_name(struct http_scan *scan, uint8_t byte)
{
	if (byte == ':') {
		scan->state = HTTP_SCAN_VALUE;
		return HTTP_MORE;
	}
	if (byte == ' ' || byte == '\t') {
		return HTTP_SPACE_BEFORE_COLON;
	}
	return http_is_token_byte(byte) ? HTTP_MORE : refuse(byte, HTTP_FIELD_NAME);
}

static enum http_decision step_value(struct http_scan *scan, uint8_t byte)
{
	if (byte == '\r') {
		scan->state = HTTP_SCAN_VALUE_LF;
		return HTTP_MORE;
	}
	return http_is_value_byte(byte) ? HTTP_MORE : refuse(byte, HTTP_BYTE);
}

static enum http_decision step_lf(struct http_scan *scan, uint8_t byte, enum http_scan_state next)
{
	if (byte != '\n') {
		return HTTP_BARE_CR;
	}
	scan->state = next;
	return next == HTTP_SCAN_DONE ? HTTP_OK : HTTP_MORE;
}

static enum http_decision step(
	struct http_scan *scan, const struct http_limits *limits, uint8_t byte)
{
	switch (scan->state) {
	case HTTP_SCAN_METHOD:
	case HTTP_SCAN_TARGET:
	case HTTP_SCAN_VERSION:
		return step_line(scan, limits, byte);
	case HTTP_SCAN_FIELD:
		return step_field_start(scan, limits, byte);
	case HTTP_SCAN_NAME:
		return step_name(scan, byte);
	case HTTP_SCAN_VALUE:
		return step_value(scan, byte);
	case HTTP_SCAN_LINE_LF:
	case HTTP_SCAN_VALUE_LF:
		return step_lf(scan, byte, HTTP_SCAN_FIELD);
	case HTTP_SCAN_END_LF:
		return step_lf(scan, byte, HTTP_SCAN_DONE);
	case HTTP_SCAN_DONE:
		break;
	}
	assert(false); /* http_scan saw to it */
	return HTTP_BYTE;
}

enum http_decision http_scan(struct http_scan *scan, const struct http_limits *limits,
	struct slice more, size_t *ret_used)
{
	enum http_decision decision = HTTP_MORE;
	size_t used = 0;

	assert(scan->state != HTTP_SCAN_DONE);
	while (used < more.bytes_count && decision == HTTP_MORE) {
		if (scan->bytes_count == limits->head_bytes_max) {
			return HTTP_HEAD_TOO_LARGE;
		}
		decision = step(scan, limits, more.bytes[used]);
		scan->bytes_count++;
		used++;
	}
	if (decision == HTTP_OK || decision == HTTP_MORE) {
		*ret_used = used;
	}
	return decision;
}
