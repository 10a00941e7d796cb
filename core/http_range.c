#include "core/http_range.h"

#include <string.h>

#include "core/http.h"

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static void skip_blanks(struct slice *text)
{
	while (text->bytes_count > 0 && is_blank(text->bytes[0])) {
		text->bytes++;
		text->bytes_count--;
	}
}

static bool take_byte(struct slice *text, uint8_t byte)
{
	if (text->bytes_count == 0 || text->bytes[0] != byte) {
		return false;
	}
	text->bytes++;
	text->bytes_count--;
	return true;
}

/* Digits; what is beyond 2^64 is beyond every object, too. */
static bool take_number(struct slice *text, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t digits = 0;

	while (text->bytes_count > 0 && text->bytes[0] >= '0' && text->bytes[0] <= '9') {
		unsigned digit = text->bytes[0] - (unsigned)'0';

		number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
		text->bytes++;
		text->bytes_count--;
		digits++;
	}
	*ret_number = number;
	return digits > 0;
}

static bool take_unit(struct slice *text)
{
	static const char unit[] = "bytes";
	struct slice found = { text->bytes, sizeof unit - 1 };

	if (text->bytes_count < sizeof unit - 1 || !http_equals_nocase(found, unit)) {
		return false;
	}
	text->bytes += sizeof unit - 1;
	text->bytes_count -= sizeof unit - 1;
	return take_byte(text, '=');
}

static struct http_range parse_one(struct slice text)
{
	struct http_range range = { .form = HTTP_RANGE_BAD };
	bool has_first = take_number(&text, &range.first);
	bool has_dash = take_byte(&text, '-');
	bool has_last = take_number(&text, &range.last);

	skip_blanks(&text);
	if (!has_dash || text.bytes_count > 0 || (!has_first && !has_last) ||
		(has_first && has_last && range.last < range.first)) {
		return (struct http_range){ .form = HTTP_RANGE_BAD };
	}
	range.form = !has_first  ? HTTP_RANGE_SUFFIX
		     : !has_last ? HTTP_RANGE_FROM
				 : HTTP_RANGE_BETWEEN;
	return range;
}

struct http_range http_range_parse(struct slice field)
{
	if (field.bytes_count == 0 || !take_unit(&field) ||
		(field.bytes_count > 0 && memchr(field.bytes, ',', field.bytes_count) != NULL)) {
		return (struct http_range){ .form = HTTP_RANGE_WHOLE };
	}
	skip_blanks(&field);
	return parse_one(field);
}

bool http_range_resolve(
	struct http_range range, uint64_t size, uint64_t *ret_first, uint64_t *ret_count)
{
	uint64_t first = range.first;
	uint64_t last = size - 1; /* not used of none */

	switch (range.form) {
	case HTTP_RANGE_WHOLE:
		*ret_first = 0;
		*ret_count = size;
		return true;
	case HTTP_RANGE_BETWEEN:
		last = range.last < last ? range.last : last;
		break;
	case HTTP_RANGE_SUFFIX:
		first = range.last < size ? size - range.last : 0;
		break;
	case HTTP_RANGE_FROM:
		break;
	case HTTP_RANGE_BAD:
		return false;
	}
	if (first >= size) {
		return false;
	}
	*ret_first = first;
	*ret_count = last - first + 1;
	return true;
}

/* Strong or weak; false when there is none. */
static bool take_tag(struct slice *text, struct slice *ret_tag)
{
	const uint8_t *end;

	if (text->bytes_count >= 2 && memcmp(text->bytes, "W/", 2) == 0) {
		text->bytes += 2;
		text->bytes_count -= 2;
	}
	if (!take_byte(text, '"') || text->bytes_count == 0) {
		return false;
	}
	end = memchr(text->bytes, '"', text->bytes_count);
	if (end == NULL) {
		return false;
	}
	*ret_tag = (struct slice){ text->bytes, (size_t)(end - text->bytes) };
	text->bytes_count -= ret_tag->bytes_count + 1;
	text->bytes = end + 1;
	return true;
}

static bool is_tag(struct slice found, struct slice tag)
{
	return found.bytes_count == tag.bytes_count &&
	       memcmp(found.bytes, tag.bytes, tag.bytes_count) == 0;
}

bool http_range_has_tag(struct slice field, struct slice tag)
{
	struct slice found;
	bool has = false;

	if (field.bytes_count == 1 && field.bytes[0] == '*') {
		return true;
	}
	while (field.bytes_count > 0) {
		skip_blanks(&field);
		if (take_byte(&field, ',')) {
			continue; /* an empty element (RFC 9110 section 5.6.1) */
		}
		if (!take_tag(&field, &found)) {
			return false;
		}
		has |= is_tag(found, tag);
		skip_blanks(&field);
		if (field.bytes_count > 0 && !take_byte(&field, ',')) {
			return false;
		}
	}
	return has;
}

bool http_range_may_apply(struct slice if_range, struct slice tag)
{
	struct slice found;

	if (if_range.bytes_count == 0) {
		return true;
	}
	return if_range.bytes[0] == '"' && take_tag(&if_range, &found) &&
	       if_range.bytes_count == 0 && is_tag(found, tag);
}
