#include "client/members.h"

#include <string.h>

struct cursor {
	const uint8_t *at, *end;
};

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void skip_blanks(struct cursor *in)
{
	while (in->at < in->end && is_blank(*in->at)) {
		in->at++;
	}
}

static bool take(struct cursor *in, uint8_t byte)
{
	skip_blanks(in);
	if (in->at == in->end || *in->at != byte) {
		return false;
	}
	in->at++;
	return true;
}

/* *ret_inner: what stands between its quotes, escapes and all. */
static bool take_string(struct cursor *in, struct slice *ret_inner)
{
	const uint8_t *begin;

	if (!take(in, '"')) {
		return false;
	}
	for (begin = in->at; in->at < in->end && *in->at != '"'; in->at++) {
		if (*in->at == '\\' && ++in->at == in->end) {
			return false;
		}
	}
	if (in->at == in->end) {
		return false;
	}
	*ret_inner = (struct slice){ begin, (size_t)(in->at - begin) };
	in->at++;
	return true;
}

/* A number, true, false, null: whether it is one, its reader decides. */
static bool take_word(struct cursor *in)
{
	const uint8_t *begin = in->at;

	while (in->at < in->end && !is_blank(*in->at) && strchr(",:]}[{\"", *in->at) == NULL) {
		in->at++;
	}
	return in->at > begin;
}

/* Containers are skipped by counting: of what is inside, only strings matter. */
static bool take_value(struct cursor *in, struct slice *ret_value)
{
	struct slice inner;
	unsigned depth = 0;
	const uint8_t *begin;

	skip_blanks(in);
	begin = in->at;
	do {
		skip_blanks(in);
		if (in->at == in->end || depth > MEMBERS_DEPTH_MAX) {
			return false;
		}
		if (*in->at == '"') {
			if (!take_string(in, &inner)) {
				return false;
			}
		} else if (*in->at == '{' || *in->at == '[') {
			depth++;
			in->at++;
		} else if (depth > 0 && strchr("}],:", *in->at) != NULL) {
			depth -= *in->at == '}' || *in->at == ']';
			in->at++;
		} else if (!take_word(in)) {
			return false;
		}
	} while (depth > 0);
	*ret_value = (struct slice){ begin, (size_t)(in->at - begin) };
	return true;
}

bool members_find(struct slice object, const char *name, struct slice *ret_value)
{
	struct cursor in = { object.bytes, object.bytes + object.bytes_count };
	size_t name_bytes = strlen(name);
	struct slice key, value;

	if (object.bytes_count == 0 || !take(&in, '{')) {
		return false;
	}
	do {
		if (!take_string(&in, &key) || !take(&in, ':') || !take_value(&in, &value)) {
			return false;
		}
		if (key.bytes_count == name_bytes && memcmp(key.bytes, name, name_bytes) == 0) {
			*ret_value = value;
			return true;
		}
	} while (take(&in, ','));
	return false;
}

/* --- text --- */

static bool take_hex4(struct cursor *in, uint32_t *ret_unit)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t unit = 0;

	if (in->end - in->at < 4) {
		return false;
	}
	for (int i = 0; i < 4; i++, in->at++) {
		uint8_t byte = *in->at >= 'A' && *in->at <= 'F' ? *in->at + 32 : *in->at;
		const char *digit = byte == 0 ? NULL : strchr(digits, byte);

		if (digit == NULL) {
			return false;
		}
		unit = unit << 4 | (uint32_t)(digit - digits);
	}
	*ret_unit = unit;
	return true;
}

/* Behind "\u"; a pair of surrogates is one character. */
static bool take_code_point(struct cursor *in, uint32_t *ret_point)
{
	uint32_t low;

	if (!take_hex4(in, ret_point)) {
		return false;
	}
	if (*ret_point < 0xd800 || *ret_point > 0xdfff) {
		return *ret_point != 0;
	}
	if (*ret_point > 0xdbff || in->end - in->at < 2 || in->at[0] != '\\' || in->at[1] != 'u') {
		return false;
	}
	in->at += 2;
	if (!take_hex4(in, &low) || low < 0xdc00 || low > 0xdfff) {
		return false;
	}
	*ret_point = 0x10000 + ((*ret_point - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

static size_t put_utf8(uint32_t point, uint8_t ret_bytes[4])
{
	static const uint8_t marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t count = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	for (size_t i = count - 1; i > 0; i--) {
		ret_bytes[i] = (uint8_t)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	ret_bytes[0] = (uint8_t)(marks[count] | point);
	return count;
}

/* Behind the backslash. Returns how many bytes it stands for, 0 if it is no escape. */
static size_t take_escape(struct cursor *in, uint8_t ret_bytes[4])
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	uint8_t byte = *in->at++; /* take_string saw to it that there is one */
	const char *name = byte == 0 ? NULL : strchr(names, byte);
	uint32_t point;

	if (name != NULL) {
		ret_bytes[0] = (uint8_t)values[name - names];
		return 1;
	}
	return byte == 'u' && take_code_point(in, &point) ? put_utf8(point, ret_bytes) : 0;
}

static bool decode(struct slice inner, char *ret_text, size_t bytes_max)
{
	struct cursor in = { inner.bytes, inner.bytes + inner.bytes_count };
	size_t used = 0;

	while (in.at < in.end) {
		uint8_t bytes[4] = { *in.at++ };
		size_t count = bytes[0] == '\\' ? take_escape(&in, bytes) : 1;

		if (count == 0 || bytes[0] == 0 || count >= bytes_max - used) {
			return false;
		}
		memcpy(ret_text + used, bytes, count);
		used += count;
	}
	ret_text[used] = '\0';
	return true;
}

bool members_text(struct slice object, const char *name, char *ret_text, size_t bytes_max)
{
	struct slice value, inner;
	struct cursor in;

	assert(bytes_max > 0);
	ret_text[0] = '\0';
	if (!members_find(object, name, &value)) {
		return false;
	}
	in = (struct cursor){ value.bytes, value.bytes + value.bytes_count };
	if (!take_string(&in, &inner) || !decode(inner, ret_text, bytes_max)) {
		ret_text[0] = '\0';
		return false;
	}
	return true;
}

bool members_u64(struct slice object, const char *name, uint64_t *ret_number)
{
	struct slice value;
	uint64_t number = 0;

	if (!members_find(object, name, &value)) {
		return false;
	}
	for (size_t i = 0; i < value.bytes_count; i++) {
		uint64_t digit = (uint64_t)value.bytes[i] - '0';

		if (digit > 9 || number > (UINT64_MAX - digit) / 10) {
			return false;
		}
		number = number * 10 + digit;
	}
	*ret_number = number;
	return true;
}

bool members_is_true(struct slice object, const char *name)
{
	struct slice value;

	return members_find(object, name, &value) && value.bytes_count == 4 &&
	       memcmp(value.bytes, "true", 4) == 0;
}
