#include "services/prevalidator/json.h"

#include <string.h>
#include <yajl/yajl_parse.h>

#include "core/utf8.h"

/* --- the scan before yajl --- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS  EACH(0x80u)

/* None of the eight is a control byte, a backslash or beyond ASCII. */
static bool eight_are_plain(const uint8_t *bytes)
{
	uint64_t eight;
	uint64_t low, backslash;

	memcpy(&eight, bytes, sizeof eight);
	low = (eight - EACH(0x20u)) & ~eight;
	backslash = eight ^ EACH('\\');
	backslash = (backslash - EACH(1u)) & ~backslash;
	return ((eight | low | backslash) & HIGH_BITS) == 0;
}

static int hex_digit(uint8_t byte)
{
	if (byte >= '0' && byte <= '9') {
		return byte - '0';
	}
	byte |= 0x20u;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The value of \uXXXX, or -1 when it is not that: then the grammar refuses it. */
static int unicode_escape(const uint8_t *bytes, size_t left)
{
	int value = 0;

	if (left < 6 || bytes[0] != '\\' || bytes[1] != 'u') {
		return -1;
	}
	for (size_t i = 2; i < 6; i++) {
		int digit = hex_digit(bytes[i]);

		if (digit < 0) {
			return -1;
		}
		value = value << 4 | digit;
	}
	return value;
}

/* Bytes of the escape that starts here; 0: a surrogate without its other half. In a text that
 * the grammar accepts, a backslash is always one of a string, so we need not know where we are. */
static size_t escape_bytes(const uint8_t *bytes, size_t left)
{
	int first = unicode_escape(bytes, left);

	if (first >= 0xdc00 && first <= 0xdfff) {
		return 0;
	}
	if (first >= 0xd800 && first <= 0xdbff) {
		int second = unicode_escape(bytes + 6, left - 6);

		return second >= 0xdc00 && second <= 0xdfff ? 12 : 0;
	}
	return left < 2 ? left : 2;
}

static bool is_white_space(uint8_t byte)
{
	return byte == '\t' || byte == '\n' || byte == '\r';
}

static bool scan(struct slice text)
{
	const uint8_t *bytes = text.bytes;
	size_t left = text.bytes_count;
	bool is_ascii = true;

	while (left > 0) {
		size_t step = 1;

		if (left >= 8 && eight_are_plain(bytes)) {
			step = 8;
		} else if (bytes[0] == '\\') {
			step = escape_bytes(bytes, left);
			if (step == 0) {
				return false;
			}
		} else if (bytes[0] < 0x20) {
			if (!is_white_space(bytes[0])) {
				return false;
			}
		} else if (bytes[0] >= 0x80) {
			is_ascii = false;
		}
		bytes += step;
		left -= step;
	}
	return is_ascii || utf8_valid(text.bytes, text.bytes_count);
}

/* --- the arena --- */

/* Each block stands behind its size. */
#define BLOCK_HEAD_BYTES 16u

static size_t rounded(size_t bytes)
{
	return (bytes + 15u) & ~(size_t)15u;
}

static void *arena_take(void *context, size_t bytes)
{
	struct json *json = context;
	uint8_t *block;

	assert(bytes <= JSON_ARENA_BYTES);
	bytes = rounded(bytes);
	assert(bytes + BLOCK_HEAD_BYTES <= JSON_ARENA_BYTES - json->arena_used);
	block = json->arena + json->arena_used + BLOCK_HEAD_BYTES;
	memcpy(block - BLOCK_HEAD_BYTES, &bytes, sizeof bytes);
	json->arena_used += bytes + BLOCK_HEAD_BYTES;
	return block;
}

static void *arena_grow(void *context, void *old, size_t bytes)
{
	struct json *json = context;
	size_t old_bytes = 0;
	void *block;

	if (old == NULL) {
		return arena_take(json, bytes);
	}
	memcpy(&old_bytes, (uint8_t *)old - BLOCK_HEAD_BYTES, sizeof old_bytes);
	if (bytes <= old_bytes) {
		return old;
	}
	block = arena_take(json, bytes);
	memcpy(block, old, old_bytes);
	return block;
}

static void arena_give(void *context, void *block)
{
	(void)context;
	(void)block; /* all of it at the next parse */
}

/* --- yajl --- */

static int tell(struct json *json, enum json_type type, const void *text, size_t text_bytes)
{
	json->listener->scalar(json->self, type, (struct slice){ text, text_bytes });
	return 1;
}

static int on_null(void *context)
{
	return tell(context, JSON_NULL, "null", 4);
}

static int on_boolean(void *context, int value)
{
	return tell(context, JSON_BOOLEAN, value ? "true" : "false", value ? 4 : 5);
}

static int on_number(void *context, const char *text, size_t text_bytes)
{
	return tell(context, JSON_NUMBER, text, text_bytes);
}

static int on_string(void *context, const unsigned char *text, size_t text_bytes)
{
	return tell(context, JSON_STRING, text, text_bytes);
}

static int on_member(void *context, const unsigned char *name, size_t name_bytes)
{
	struct json *json = context;

	json->listener->member(json->self, (struct slice){ name, name_bytes });
	return 1;
}

static int on_open(struct json *json, enum json_type type)
{
	if (json->depth == JSON_DEPTH_MAX) {
		return 0;
	}
	json->depth++;
	json->listener->open(json->self, type);
	return 1;
}

static int on_open_object(void *context)
{
	return on_open(context, JSON_OBJECT);
}

static int on_open_array(void *context)
{
	return on_open(context, JSON_ARRAY);
}

static int on_close(void *context)
{
	struct json *json = context;

	assert(json->depth > 0);
	json->depth--;
	json->listener->close(json->self);
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number, /* integer and double are never called then */
	.yajl_string = on_string,
	.yajl_start_map = on_open_object,
	.yajl_map_key = on_member,
	.yajl_end_map = on_close,
	.yajl_start_array = on_open_array,
	.yajl_end_array = on_close,
};

bool json_parse(
	struct json *json, struct slice text, const struct json_listener *listener, void *self)
{
	yajl_alloc_funcs memory = { arena_take, arena_grow, arena_give, json };
	yajl_handle handle;

	assert(text.bytes_count <= BODY_BYTES_MAX);
	if (!scan(text)) {
		return false;
	}
	json->listener = listener;
	json->self = self;
	json->depth = 0;
	json->arena_used = 0;
	handle = yajl_alloc(&callbacks, &memory, json);
	/* the scan saw to it */
	yajl_config(handle, yajl_dont_validate_strings, 1);
	return yajl_parse(handle, text.bytes, text.bytes_count) == yajl_status_ok &&
	       yajl_complete_parse(handle) == yajl_status_ok;
}
