#include "core/ulid.h"

#include <assert.h>
#include <string.h>

#define RANDOM_BITS 80u
#define TIME_MS_MAX ((INT64_C(1) << 48) - 1)

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static u128 load(const struct id128 *id)
{
	u128 value = 0;

	for (size_t i = 0; i < ID_BYTES; i++) {
		value = value << 8 | id->bytes[i];
	}
	return value;
}

static void store(u128 value, struct id128 *ret_id)
{
	for (size_t i = 0; i < ID_BYTES; i++) {
		ret_id->bytes[ID_BYTES - 1 - i] = (uint8_t)(value >> (8 * i));
	}
}

enum err ulid_parse(const char *text, size_t text_bytes, struct id128 *ret_id)
{
	u128 value = 0;

	if (text_bytes != ULID_TEXT_BYTES || text[0] > '7') {
		return ERR_MALFORMED; /* 26 digits hold 130 bits: the first is at most 7 */
	}
	for (size_t i = 0; i < ULID_TEXT_BYTES; i++) {
		const char *digit = memchr(digits, text[i], sizeof digits - 1);

		if (digit == NULL) {
			return ERR_MALFORMED;
		}
		value = value << 5 | (u128)(size_t)(digit - digits);
	}
	store(value, ret_id);
	return ERR_OK;
}

void ulid_print(const struct id128 *id, char ret_text[ULID_TEXT_BYTES + 1])
{
	u128 value = load(id);

	for (size_t i = ULID_TEXT_BYTES; i > 0; i--) {
		ret_text[i - 1] = digits[(unsigned)value & 31];
		value >>= 5;
	}
	ret_text[ULID_TEXT_BYTES] = '\0';
}

/* A clock before 1970 or past the year 10889 is wrong, but no reason to stop. */
static u128 time_of(int64_t unix_ms)
{
	return (u128)(unix_ms < 0 ? 0 : unix_ms > TIME_MS_MAX ? TIME_MS_MAX : unix_ms);
}

bool ulid_takes_random(const struct id128 *last, int64_t unix_ms)
{
	return time_of(unix_ms) > load(last) >> RANDOM_BITS;
}

void ulid_advance(struct id128 *last, int64_t unix_ms, const uint8_t random[ULID_RANDOM_BYTES])
{
	u128 value = load(last);

	assert(value < U128_MAX);
	if (!ulid_takes_random(last, unix_ms)) {
		store(value + 1, last);
		return;
	}
	value = time_of(unix_ms);
	for (size_t i = 0; i < ULID_RANDOM_BYTES; i++) {
		value = value << 8 | random[i];
	}
	store(value, last);
}

uint64_t ulid_unix_ms(const struct id128 *id)
{
	uint64_t ms = 0;

	for (size_t i = 0; i < ID_BYTES - ULID_RANDOM_BYTES; i++) {
		ms = ms << 8 | id->bytes[i];
	}
	return ms;
}
