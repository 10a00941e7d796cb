#include "core/toml_scalar.h"

#include <string.h>

/* A token is taken whole and then judged, so that "1.2.3" is one wrong value and not a
 * right one with something behind it. Each judge looks at the token through a small
 * cursor of its own; what it does not use up makes it say no. */
struct token {
	const uint8_t *bytes;
	size_t bytes_count;
	size_t at;
};

const char *toml_scalar_type_name(enum toml_type type)
{
	switch (type) {
	case TOML_TABLE:
		return "a table";
	case TOML_ARRAY:
		return "an array";
	case TOML_STRING:
		return "a string";
	case TOML_INTEGER:
		return "an integer";
	case TOML_FLOAT:
		return "a float";
	case TOML_BOOLEAN:
		return "a boolean";
	case TOML_DATETIME:
		return "a date or time";
	}
	return "nothing";
}

static bool is_digit(int byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_token_byte(int byte)
{
	return is_digit(byte) || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
	       byte == '+' || byte == '-' || byte == '_' || byte == '.' || byte == ':';
}

static int peek(const struct token *token)
{
	return token->at < token->bytes_count ? token->bytes[token->at] : TOML_SCAN_END;
}

static bool take(struct token *token, char byte)
{
	if (peek(token) != byte) {
		return false;
	}
	token->at++;
	return true;
}

static bool take_either(struct token *token, char one, char other)
{
	return take(token, one) || take(token, other);
}

static bool at_end(const struct token *token)
{
	return token->at == token->bytes_count;
}

static bool is_word(struct token token, const char *word)
{
	return token.bytes_count == strlen(word) &&
	       memcmp(token.bytes, word, token.bytes_count) == 0;
}

/* ---- integers ---- */

enum verdict { NO, YES, TOO_LARGE };

static int digit_of(int byte, unsigned base)
{
	int digit = is_digit(byte)               ? byte - '0'
		    : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
		    : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
						 : -1;

	return digit >= 0 && (unsigned)digit < base ? digit : -1;
}

/* Digits with single underscores between them. A number past magnitude_max is read to its
 * end all the same: the sentence about it should be the right one. */
static enum verdict take_digits(
	struct token *token, unsigned base, uint64_t magnitude_max, uint64_t *ret_magnitude)
{
	enum verdict verdict = YES;
	uint64_t magnitude = 0;

	do {
		if (digit_of(peek(token), base) < 0) {
			return NO; /* nothing, or an underscore that is not between digits */
		}
		while (digit_of(peek(token), base) >= 0) {
			unsigned digit = (unsigned)digit_of(peek(token), base);

			if (magnitude > (magnitude_max - digit) / base) {
				verdict = TOO_LARGE;
			} else {
				magnitude = magnitude * base + digit;
			}
			token->at++;
		}
	} while (take(token, '_'));
	*ret_magnitude = magnitude;
	return verdict;
}

static unsigned take_base(struct token *token)
{
	static const struct {
		uint8_t letter;
		unsigned base;
	} bases[] = { { 'x', 16 }, { 'o', 8 }, { 'b', 2 } };

	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		if (token->bytes_count > 2 && token->bytes[0] == '0' &&
			token->bytes[1] == bases[i].letter) {
			token->at = 2;
			return bases[i].base;
		}
	}
	return 10;
}

/* "0" may begin a decimal number only if it is all of its integer part. */
static bool has_leading_zero(const struct token *token)
{
	return token->at + 1 < token->bytes_count && token->bytes[token->at] == '0' &&
	       (is_digit(token->bytes[token->at + 1]) || token->bytes[token->at + 1] == '_');
}

static enum verdict judge_integer(struct token token, int64_t *ret_number)
{
	unsigned base = take_base(&token);
	bool negative = base == 10 && take(&token, '-');
	uint64_t magnitude = 0;
	enum verdict verdict;

	if (base == 10 && !negative) {
		(void)take(&token, '+');
	}
	if (base == 10 && has_leading_zero(&token)) {
		return NO;
	}
	verdict = take_digits(&token, base, (uint64_t)INT64_MAX + negative, &magnitude);
	if (!at_end(&token)) {
		return NO;
	}
	if (verdict == YES) {
		*ret_number = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	}
	return verdict;
}

/* ---- floats ---- */

static bool judge_float(struct token token)
{
	uint64_t unused;
	bool has_part = false;

	(void)take_either(&token, '+', '-');
	if (token.bytes_count - token.at == 3 &&
		(memcmp(token.bytes + token.at, "inf", 3) == 0 ||
			memcmp(token.bytes + token.at, "nan", 3) == 0)) {
		return true;
	}
	if (has_leading_zero(&token) || take_digits(&token, 10, UINT64_MAX, &unused) == NO) {
		return false;
	}
	if (take(&token, '.')) {
		has_part = true;
		if (take_digits(&token, 10, UINT64_MAX, &unused) == NO) {
			return false;
		}
	}
	if (take_either(&token, 'e', 'E')) {
		has_part = true;
		(void)take_either(&token, '+', '-');
		if (take_digits(&token, 10, UINT64_MAX, &unused) == NO) {
			return false;
		}
	}
	return has_part && at_end(&token);
}

/* ---- dates and times (RFC 3339) ---- */

static bool take_fixed(struct token *token, unsigned digits, unsigned *ret_value)
{
	unsigned value = 0;

	for (; digits > 0; digits--) {
		if (!is_digit(peek(token))) {
			return false;
		}
		value = value * 10 + (unsigned)(peek(token) - '0');
		token->at++;
	}
	*ret_value = value;
	return true;
}

static bool take_date(struct token *token)
{
	static const uint8_t month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day;

	if (!take_fixed(token, 4, &year) || !take(token, '-') || !take_fixed(token, 2, &month) ||
		!take(token, '-') || !take_fixed(token, 2, &day)) {
		return false;
	}
	if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1]) {
		return false;
	}
	return month != 2 || day != 29 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

static bool take_time(struct token *token)
{
	unsigned hour, minute, second;

	if (!take_fixed(token, 2, &hour) || !take(token, ':') || !take_fixed(token, 2, &minute) ||
		!take(token, ':') || !take_fixed(token, 2, &second)) {
		return false;
	}
	if (take(token, '.')) {
		if (!is_digit(peek(token))) {
			return false;
		}
		while (is_digit(peek(token))) {
			token->at++;
		}
	}
	return hour <= 23 && minute <= 59 && second <= 60; /* 60: a leap second */
}

static bool take_offset(struct token *token)
{
	unsigned hours, minutes;

	if (take_either(token, 'Z', 'z')) {
		return true;
	}
	return take_either(token, '+', '-') && take_fixed(token, 2, &hours) && take(token, ':') &&
	       take_fixed(token, 2, &minutes) && hours <= 23 && minutes <= 59;
}

static bool judge_datetime(struct token token)
{
	struct token time = token;

	if (take_time(&time)) {
		return at_end(&time);
	}
	if (!take_date(&token)) {
		return false;
	}
	if (at_end(&token)) {
		return true;
	}
	if (!take_either(&token, 'T', 't') && !take(&token, ' ')) {
		return false;
	}
	if (!take_time(&token)) {
		return false;
	}
	return at_end(&token) || (take_offset(&token) && at_end(&token));
}

/* ---- the token ---- */

static bool is_date_with_space(const struct toml_scan *scan, struct token token)
{
	return take_date(&token) && at_end(&token) && toml_scan_peek(scan) == ' ' &&
	       is_digit(toml_scan_peek_at(scan, 1));
}

static struct token take_token(struct toml_scan *scan)
{
	struct token token = { .bytes = scan->text.bytes + scan->here.at };
	size_t first = scan->here.at;

	while (is_token_byte(toml_scan_peek(scan))) {
		toml_scan_step(scan);
	}
	token.bytes_count = scan->here.at - first;
	if (is_date_with_space(scan, token)) {
		toml_scan_step(scan);
		while (is_token_byte(toml_scan_peek(scan))) {
			toml_scan_step(scan);
		}
		token.bytes_count = scan->here.at - first;
	}
	return token;
}

bool toml_scalar_read(struct toml_scan *scan, struct toml_value *ret_value)
{
	struct toml_value value = { .type = TOML_INTEGER };
	struct toml_mark first = scan->here;
	enum verdict integer;
	struct token token;

	if (!is_token_byte(toml_scan_peek(scan))) {
		return toml_scan_expected(scan, "a value, for example \"text\", 1024 or true");
	}
	token = take_token(scan);
	value.text = (struct slice){ .bytes = token.bytes, .bytes_count = token.bytes_count };
	integer = judge_integer(token, &value.number);
	if (integer == TOO_LARGE) {
		return toml_scan_refuse_piece(scan, first, value.text,
			" does not fit: expected an integer of 64 bits with sign");
	}
	if (integer == YES) {
		value.type = TOML_INTEGER;
	} else if (is_word(token, "true") || is_word(token, "false")) {
		value.type = TOML_BOOLEAN;
		value.number = token.bytes[0] == 't';
	} else if (judge_datetime(token)) {
		value.type = TOML_DATETIME;
	} else if (judge_float(token)) {
		value.type = TOML_FLOAT;
	} else {
		return toml_scan_refuse_piece(scan, first, value.text,
			" is no value: expected a \"string\" in quotes, a number, true or false");
	}
	*ret_value = value;
	return true;
}
