#include "core/json.h"

#include <string.h>

#include "core/utf8.h"

/* What may come next. */
enum expect {
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* behind [ */
	EXPECT_NAME_OR_END,  /* behind { */
	EXPECT_NAME,         /* behind a comma in an object */
	EXPECT_COLON,
	EXPECT_COMMA_OR_END,
	EXPECT_NOTHING,
};

static const char *const expectations[] = {
	[EXPECT_VALUE] = "a value",
	[EXPECT_VALUE_OR_END] = "a value or ]",
	[EXPECT_NAME_OR_END] = "a member's name or }",
	[EXPECT_NAME] = "a member's name",
	[EXPECT_COLON] = "a colon",
	[EXPECT_COMMA_OR_END] = "a comma or the end of the list",
	[EXPECT_NOTHING] = "nothing behind the value",
};

enum token {
	TOKEN_NONE,
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_WORD,
};

enum byte_class {
	PLAIN = 1 << 0,   /* inside of a string nothing but itself */
	NUMERIC = 1 << 1, /* of a number */
	LETTER = 1 << 2,  /* of true, false and null */
};

/* clang-format off */
#define P PLAIN
#define N (PLAIN | NUMERIC)
#define L (PLAIN | LETTER)
#define E (PLAIN | LETTER | NUMERIC)
static const uint8_t classes[128] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	P, P, 0, P, P, P, P, P, P, P, P, N, P, N, N, P,
	N, N, N, N, N, N, N, N, N, N, P, P, P, P, P, P,
	P, P, P, P, P, N, P, P, P, P, P, P, P, P, P, P,
	P, P, P, P, P, P, P, P, P, P, P, P, 0, P, P, P,
	P, L, L, L, L, E, L, L, L, L, L, L, L, L, L, L,
	L, L, L, L, L, L, L, L, L, L, L, P, P, P, P, P,
};
#undef P
#undef N
#undef L
#undef E
/* clang-format on */

static bool is_of(uint8_t byte, enum byte_class wanted)
{
	return byte < sizeof classes && (classes[byte] & wanted) != 0;
}

void json_init(struct json *in)
{
	memset(in, 0, offsetof(struct json, kept));
	in->fault = (struct json_fault){ 0 };
}

void json_feed(struct json *in, struct slice piece, bool is_last)
{
	assert(!in->is_last && in->next == in->end);
	in->piece_at += (uint64_t)(in->end - in->piece);
	in->piece = piece.bytes;
	in->next = piece.bytes;
	in->end = piece.bytes_count == 0 ? piece.bytes : piece.bytes + piece.bytes_count;
	in->is_last = is_last;
}

static uint64_t at_of(const struct json *in, const uint8_t *byte)
{
	return in->piece_at + (uint64_t)(byte - in->piece);
}

static enum json_event fail_at(struct json *in, uint64_t at, const char *expected)
{
	if (in->fault.expected == NULL) {
		in->fault = (struct json_fault){ .at = at, .expected = expected };
	}
	in->next = in->end;
	return JSON_FAULT;
}

bool json_fail(struct json *in, const char *expected, const char *name)
{
	bool is_first = in->fault.expected == NULL;

	(void)fail_at(in, in->token_at, expected);
	if (is_first) {
		in->fault.name = name;
	}
	return false;
}

/* ---- strings ---- */

static bool hex_digits(const uint8_t *text, uint32_t *ret_unit)
{
	uint32_t unit = 0;

	for (size_t i = 0; i < 4; i++) {
		uint8_t byte = text[i];
		uint8_t lower = byte | 0x20;

		if (byte >= '0' && byte <= '9') {
			unit = unit << 4 | (uint32_t)(byte - '0');
		} else if (lower >= 'a' && lower <= 'f') {
			unit = unit << 4 | (uint32_t)(lower - 'a' + 10);
		} else {
			return false;
		}
	}
	*ret_unit = unit;
	return true;
}

/* The code point of the \u that stands at `from`, and behind a high surrogate of two of them.
 * Returns the bytes it took; 0: it is none. */
static size_t unescape_unit(const uint8_t *from, size_t left, uint32_t *ret_point)
{
	uint32_t high = 0, low = 0;

	if (left < 6 || !hex_digits(from + 2, &high)) {
		return 0;
	}
	*ret_point = high;
	if (high < 0xd800 || high > 0xdfff) {
		return 6;
	}
	if (high > 0xdbff || left < 12 || from[6] != '\\' || from[7] != 'u' ||
		!hex_digits(from + 8, &low) || low < 0xdc00 || low > 0xdfff) {
		return 0;
	}
	*ret_point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return 12;
}

static size_t put_point(uint8_t *to, uint32_t point)
{
	if (point < 0x80) {
		to[0] = (uint8_t)point;
		return 1;
	}
	if (point < 0x800) {
		to[0] = (uint8_t)(0xc0 | point >> 6);
		to[1] = (uint8_t)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		to[0] = (uint8_t)(0xe0 | point >> 12);
		to[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (point & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | point >> 18);
	to[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (point & 0x3f));
	return 4;
}

/* Undoes the escapes of the kept string where it lies: no escape is shorter than what it means. */
static bool unescape(struct json *in)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	size_t from = 0, to = 0, count = in->kept_bytes;

	while (from < count) {
		const char *letter;
		uint32_t point = 0;
		size_t taken;

		if (in->kept[from] != '\\') {
			in->kept[to++] = in->kept[from++];
			continue;
		}
		assert(from + 1 < count); /* or the string would not have ended here */
		letter = memchr(letters, in->kept[from + 1], sizeof letters - 1);
		if (letter != NULL) {
			in->kept[to++] = (uint8_t)meanings[letter - letters];
			from += 2;
			continue;
		}
		taken = in->kept[from + 1] == 'u'
				? unescape_unit(in->kept + from, count - from, &point)
				: 0;
		if (taken == 0) {
			in->token_at += 1 + from;
			return json_fail(in, "an escape of JSON", NULL);
		}
		to += put_point(in->kept + to, point);
		from += taken;
	}
	in->kept_bytes = to;
	return true;
}

/* Scans from in->next to the closing quote, or to the end of the piece or of the room. */
static const uint8_t *scan_string(struct json *in)
{
	size_t room = JSON_TOKEN_BYTES_MAX - in->kept_bytes;
	const uint8_t *stop = (size_t)(in->end - in->next) > room ? in->next + room : in->end;
	const uint8_t *at = in->next;

	while (at < stop) {
		if (in->after_backslash) {
			in->after_backslash = false;
		} else if (is_of(*at, PLAIN)) {
			at++;
			continue;
		} else if (*at == '"') {
			break;
		} else if (*at == '\\') {
			in->after_backslash = true;
			in->has_escapes = true;
		}
		if (*at < 0x20) {
			break;
		}
		in->is_ascii = in->is_ascii && *at < 0x80;
		at++;
	}
	return at;
}

/* ---- what a piece may cut ---- */

/* Keeps what the piece has of a token; the room was minded while it was scanned. */
static void keep(struct json *in, const uint8_t *end)
{
	size_t count = (size_t)(end - in->next);

	assert(count <= sizeof in->kept - in->kept_bytes);
	if (count > 0) {
		memcpy(in->kept + in->kept_bytes, in->next, count);
	}
	in->kept_bytes += count;
	in->next = end;
}

/* The token ends before `end`: a view of the piece if it lies there whole. */
static struct slice whole(struct json *in, const uint8_t *end)
{
	struct slice text = { in->next, (size_t)(end - in->next) };

	if (in->kept_bytes > 0 || in->has_escapes) {
		keep(in, end);
		return (struct slice){ in->kept, in->kept_bytes };
	}
	in->next = end;
	return text;
}

static enum json_event end_value(struct json *in, enum json_event event)
{
	in->token = TOKEN_NONE;
	in->expect = in->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
	return event;
}

static enum json_event read_string(struct json *in, struct slice *ret_text)
{
	const uint8_t *at = scan_string(in);

	if (at == in->end) {
		keep(in, at);
		return in->is_last ? fail_at(in, at_of(in, at), "the end of the string")
				   : JSON_MORE;
	}
	if (*at != '"' || in->after_backslash) {
		return *at < 0x20 ? fail_at(in, at_of(in, at), "no control character in a string")
				  : fail_at(in, in->token_at, "a string of at most 1024 bytes");
	}
	*ret_text = whole(in, at);
	in->next = at + 1;
	if (!in->is_ascii && !utf8_valid(ret_text->bytes, ret_text->bytes_count)) {
		return fail_at(in, in->token_at, "a string in UTF-8");
	}
	if (in->has_escapes) {
		if (!unescape(in)) {
			return JSON_FAULT;
		}
		*ret_text = (struct slice){ in->kept, in->kept_bytes };
	}
	if (in->expect == EXPECT_NAME) {
		in->token = TOKEN_NONE;
		in->expect = EXPECT_COLON;
		return JSON_NAME;
	}
	return end_value(in, JSON_STRING);
}

static size_t digits_from(struct slice text, size_t at)
{
	size_t count = 0;

	while (at + count < text.bytes_count && text.bytes[at + count] >= '0' &&
		text.bytes[at + count] <= '9') {
		count++;
	}
	return count;
}

static bool is_number(struct slice text)
{
	size_t at = text.bytes_count > 0 && text.bytes[0] == '-' ? 1 : 0;
	size_t count = digits_from(text, at);

	if (count == 0 || (count > 1 && text.bytes[at] == '0')) {
		return false;
	}
	at += count;
	if (at < text.bytes_count && text.bytes[at] == '.') {
		count = digits_from(text, at + 1);
		at += 1 + count;
		if (count == 0) {
			return false;
		}
	}
	if (at < text.bytes_count && (text.bytes[at] == 'e' || text.bytes[at] == 'E')) {
		at++;
		at += at < text.bytes_count && (text.bytes[at] == '+' || text.bytes[at] == '-');
		count = digits_from(text, at);
		at += count;
		if (count == 0) {
			return false;
		}
	}
	return at == text.bytes_count;
}

static enum json_event word_of(struct slice text)
{
	static const struct {
		const char *word;
		enum json_event event;
	} words[] = { { "true", JSON_TRUE }, { "false", JSON_FALSE }, { "null", JSON_NULL } };

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (text.bytes_count == strlen(words[i].word) &&
			memcmp(text.bytes, words[i].word, text.bytes_count) == 0) {
			return words[i].event;
		}
	}
	return JSON_FAULT;
}

/* Numbers and words end where something else begins, so at the end of a piece nobody knows. */
static enum json_event read_bare(struct json *in, struct slice *ret_text)
{
	enum byte_class wanted = in->token == TOKEN_NUMBER ? NUMERIC : LETTER;
	const uint8_t *at = in->next;
	struct slice text;
	enum json_event event;

	while (at < in->end && is_of(*at, wanted)) {
		at++;
	}
	if ((size_t)(at - in->next) > JSON_TOKEN_BYTES_MAX - in->kept_bytes) {
		return fail_at(in, in->token_at, "a value of at most 1024 bytes");
	}
	if (at == in->end && !in->is_last) {
		keep(in, at);
		return JSON_MORE;
	}
	text = whole(in, at);
	if (in->token == TOKEN_NUMBER) {
		*ret_text = text;
		event = is_number(text) ? JSON_NUMBER : JSON_FAULT;
	} else {
		event = word_of(text);
	}
	if (event == JSON_FAULT) {
		return fail_at(in, in->token_at,
			in->token == TOKEN_NUMBER ? "a number of JSON" : "a value");
	}
	return end_value(in, event);
}

static enum json_event go_on(struct json *in, struct slice *ret_text)
{
	return in->token == TOKEN_STRING ? read_string(in, ret_text) : read_bare(in, ret_text);
}

static enum json_event begin_token(struct json *in, enum token token, struct slice *ret_text)
{
	in->token = (uint8_t)token;
	in->kept_bytes = 0;
	in->after_backslash = false;
	in->has_escapes = false;
	in->is_ascii = true;
	return go_on(in, ret_text);
}

/* ---- structure ---- */

static enum json_event open_list(struct json *in, bool is_object)
{
	uint32_t bit = UINT32_C(1) << in->depth;

	if (in->depth == JSON_DEPTH_MAX) {
		return fail_at(in, in->token_at, "at most 16 levels");
	}
	in->objects = is_object ? in->objects | bit : in->objects & ~bit;
	in->depth++;
	in->expect = is_object ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
	in->next++;
	return is_object ? JSON_OBJECT : JSON_ARRAY;
}

static bool in_object(const struct json *in)
{
	return in->depth > 0 && (in->objects >> (in->depth - 1) & 1) != 0;
}

static enum json_event close_list(struct json *in)
{
	bool is_object = in_object(in);

	in->depth--;
	in->next++;
	return end_value(in, is_object ? JSON_OBJECT_END : JSON_ARRAY_END);
}

static enum json_event begin_value(struct json *in, uint8_t byte, struct slice *ret_text)
{
	switch (byte) {
	case '{':
		return open_list(in, true);
	case '[':
		return open_list(in, false);
	case '"':
		in->next++;
		return begin_token(in, TOKEN_STRING, ret_text);
	default:
		if (byte == '-' || (byte >= '0' && byte <= '9')) {
			return begin_token(in, TOKEN_NUMBER, ret_text);
		}
		if (is_of(byte, LETTER)) {
			return begin_token(in, TOKEN_WORD, ret_text);
		}
		return fail_at(in, in->token_at, expectations[in->expect]);
	}
}

static enum json_event begin_name(struct json *in, uint8_t byte, struct slice *ret_text)
{
	if (byte != '"') {
		return fail_at(in, in->token_at, expectations[in->expect]);
	}
	in->expect = EXPECT_NAME;
	in->next++;
	return begin_token(in, TOKEN_STRING, ret_text);
}

/* One byte of structure, or the begin of a token. JSON_MORE: go on with the next byte. */
static enum json_event step(struct json *in, struct slice *ret_text)
{
	uint8_t byte = *in->next;

	in->token_at = at_of(in, in->next);
	switch ((enum expect)in->expect) {
	case EXPECT_VALUE_OR_END:
		return byte == ']' ? close_list(in) : begin_value(in, byte, ret_text);
	case EXPECT_VALUE:
		return begin_value(in, byte, ret_text);
	case EXPECT_NAME_OR_END:
		return byte == '}' ? close_list(in) : begin_name(in, byte, ret_text);
	case EXPECT_NAME:
		return begin_name(in, byte, ret_text);
	case EXPECT_COLON:
		if (byte == ':') {
			in->expect = EXPECT_VALUE;
			in->next++;
			return JSON_MORE;
		}
		break;
	case EXPECT_COMMA_OR_END:
		if (byte == ',') {
			in->expect = in_object(in) ? EXPECT_NAME : EXPECT_VALUE;
			in->next++;
			return JSON_MORE;
		}
		if (byte == (in_object(in) ? '}' : ']')) {
			return close_list(in);
		}
		break;
	case EXPECT_NOTHING:
		break;
	}
	return fail_at(in, in->token_at, expectations[in->expect]);
}

enum json_event json_next(struct json *in, struct slice *ret_text)
{
	if (in->fault.expected != NULL) {
		in->next = in->end;
		return JSON_FAULT;
	}
	if (in->token != TOKEN_NONE) {
		return go_on(in, ret_text);
	}
	while (in->next < in->end) {
		uint8_t byte = *in->next;
		enum json_event event;

		if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
			in->next++;
			continue;
		}
		event = step(in, ret_text);
		if (event != JSON_MORE || in->token != TOKEN_NONE) {
			return event;
		}
	}
	if (!in->is_last) {
		return JSON_MORE;
	}
	return in->expect == EXPECT_NOTHING
		       ? JSON_END
		       : fail_at(in, at_of(in, in->end), expectations[in->expect]);
}

/* ---- closed objects ---- */

uint32_t json_member(struct json *in, struct slice name, const char *const *names,
	uint32_t name_count, uint32_t *seen)
{
	assert(name_count <= 32);
	for (uint32_t place = 0; place < name_count; place++) {
		uint32_t bit = UINT32_C(1) << place;

		if (name.bytes_count != strlen(names[place]) ||
			memcmp(name.bytes, names[place], name.bytes_count) != 0) {
			continue;
		}
		if ((*seen & bit) != 0) {
			(void)json_fail(in, "once only the member", names[place]);
			return JSON_NO_MEMBER;
		}
		*seen |= bit;
		return place;
	}
	(void)json_fail(in, "no member but those of this object", NULL);
	return JSON_NO_MEMBER;
}

bool json_members_whole(struct json *in, const char *const *names, uint32_t seen, uint32_t wanted)
{
	uint32_t missing = wanted & ~seen;

	return missing == 0 || json_fail(in, "the member", names[(unsigned)__builtin_ctz(missing)]);
}
