#include "core/json_out.h"

#include <string.h>

#include "core/amount.h"
#include "core/utf8.h"

static const char digits[] = "0123456789abcdef";

void json_out_init(struct json_out *out, uint8_t *bytes, size_t bytes_max)
{
	*out = (struct json_out){ .bytes = bytes, .bytes_max = bytes_max };
}

static void put_bytes(struct json_out *out, const void *bytes, size_t bytes_count)
{
	if (out->overflow || bytes_count > out->bytes_max - out->bytes_count) {
		out->overflow = true;
		return;
	}
	if (bytes_count > 0) {
		memcpy(out->bytes + out->bytes_count, bytes, bytes_count);
		out->bytes_count += bytes_count;
	}
}

static void put_text(struct json_out *out, const char *text)
{
	put_bytes(out, text, strlen(text));
}

static bool in_object(const struct json_out *out)
{
	return (out->objects >> out->depth & 1u) != 0;
}

static void put_comma(struct json_out *out)
{
	uint32_t level = 1u << out->depth;

	assert(out->depth > 0 || (out->started & level) == 0); /* one value at the top */
	if ((out->started & level) != 0) {
		put_text(out, ",");
	}
	out->started |= level;
}

/* Before each value: behind its key in an object, behind a comma elsewhere. */
static void begin_value(struct json_out *out)
{
	assert(out->after_key == in_object(out));
	if (!out->after_key) {
		put_comma(out);
	}
	out->after_key = false;
}

static void begin_level(struct json_out *out, const char *bracket, bool is_object)
{
	uint32_t level;

	begin_value(out);
	put_text(out, bracket);
	assert(out->depth < JSON_OUT_DEPTH_MAX);
	out->depth++;
	level = 1u << out->depth;
	out->started &= ~level;
	out->objects = is_object ? out->objects | level : out->objects & ~level;
}

static void end_level(struct json_out *out, const char *bracket, bool is_object)
{
	assert(out->depth > 0 && in_object(out) == is_object && !out->after_key);
	out->depth--;
	put_text(out, bracket);
}

void json_out_object_begin(struct json_out *out)
{
	begin_level(out, "{", true);
}

void json_out_object_end(struct json_out *out)
{
	end_level(out, "}", true);
}

void json_out_array_begin(struct json_out *out)
{
	begin_level(out, "[", false);
}

void json_out_array_end(struct json_out *out)
{
	end_level(out, "]", false);
}

void json_out_key(struct json_out *out, const char *name)
{
	assert(in_object(out) && !out->after_key);
	for (const char *byte = name; *byte != '\0'; byte++) {
		assert(*byte >= ' ' && *byte <= '~' && *byte != '"' && *byte != '\\');
	}
	put_comma(out);
	put_text(out, "\"");
	put_text(out, name);
	put_text(out, "\":");
	out->after_key = true;
}

static void put_escape(struct json_out *out, uint8_t byte)
{
	static const char escaped[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *found = memchr(escaped, byte, sizeof escaped - 1);
	char text[6] = { '\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15u] };

	if (found == NULL) {
		put_bytes(out, text, sizeof text);
		return;
	}
	text[1] = letters[found - escaped];
	put_bytes(out, text, 2);
}

/* The bytes of the character that begins with `lead`, as it claims; 1 for what leads none. */
static size_t utf8_bytes(uint8_t lead)
{
	if (lead < 0xc0) {
		return 1;
	}
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Writes the character that stands at `at` and returns the bytes it took. */
static size_t put_character(struct json_out *out, struct slice text, size_t at)
{
	uint8_t lead = text.bytes[at];
	size_t bytes_count = utf8_bytes(lead);

	if (lead < 0x20 || lead == '"' || lead == '\\') {
		put_escape(out, lead);
		return 1;
	}
	if (bytes_count > text.bytes_count - at || !utf8_valid(text.bytes + at, bytes_count)) {
		put_text(out, "\xef\xbf\xbd"); /* U+FFFD */
		return 1;
	}
	put_bytes(out, text.bytes + at, bytes_count);
	return bytes_count;
}

static bool is_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

void json_out_string(struct json_out *out, struct slice text)
{
	size_t at = 0;

	begin_value(out);
	put_text(out, "\"");
	while (at < text.bytes_count && !out->overflow) {
		size_t start = at;

		while (at < text.bytes_count && is_plain(text.bytes[at])) {
			at++;
		}
		put_bytes(out, text.bytes + start, at - start);
		if (at < text.bytes_count) {
			at += put_character(out, text, at);
		}
	}
	put_text(out, "\"");
}

void json_out_text(struct json_out *out, const char *text)
{
	json_out_string(out, (struct slice){ (const uint8_t *)text, strlen(text) });
}

void json_out_hex(struct json_out *out, struct slice bytes)
{
	begin_value(out);
	put_text(out, "\"");
	for (size_t i = 0; i < bytes.bytes_count; i++) {
		char pair[2] = { digits[bytes.bytes[i] >> 4], digits[bytes.bytes[i] & 15u] };

		put_bytes(out, pair, sizeof pair);
	}
	put_text(out, "\"");
}

static void put_number(struct json_out *out, u128 number)
{
	char text[AMOUNT_TEXT_BYTES_MAX];

	put_bytes(out, text, amount_print(number, text));
}

void json_out_u64(struct json_out *out, uint64_t number)
{
	begin_value(out);
	put_number(out, number);
}

void json_out_i64(struct json_out *out, int64_t number)
{
	uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	begin_value(out);
	if (number < 0) {
		put_text(out, "-");
	}
	put_number(out, magnitude);
}

void json_out_u128(struct json_out *out, u128 number)
{
	begin_value(out);
	put_text(out, "\"");
	put_number(out, number);
	put_text(out, "\"");
}

void json_out_bool(struct json_out *out, bool value)
{
	begin_value(out);
	put_text(out, value ? "true" : "false");
}

void json_out_null(struct json_out *out)
{
	begin_value(out);
	put_text(out, "null");
}

void json_out_members(struct json_out *out, struct slice members)
{
	assert(in_object(out) && !out->after_key);
	if (members.bytes_count > 0) {
		put_comma(out);
		put_bytes(out, members.bytes, members.bytes_count);
	}
}

enum err json_out_finish(const struct json_out *out, size_t *ret_bytes_count)
{
	assert(out->depth == 0 && out->started != 0);
	if (out->overflow) {
		return ERR_TOO_LARGE;
	}
	*ret_bytes_count = out->bytes_count;
	return ERR_OK;
}
