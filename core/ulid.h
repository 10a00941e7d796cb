#ifndef CORE_ULID_H
#define CORE_ULID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"
#include "common/types.h"

/* ULID (github.com/ulid/spec): 48 bits of Unix milliseconds, 80 random bits, big-endian;
 * as text 26 digits of Crockford's base 32. Only the upper-case digits that print writes
 * are read: neither lower case nor the aliases I, L, O. */

#define ULID_TEXT_BYTES   26u
#define ULID_RANDOM_BYTES 10u

MUST_CHECK enum err ulid_parse(const char *text, size_t text_bytes, struct id128 *ret_id);
/* A NUL follows. */
void ulid_print(const struct id128 *id, char ret_text[ULID_TEXT_BYTES + 1]);

/* Turns *last, the greatest id so far (zeros: none), into the next one, always greater: of
 * unix_ms and random if that millisecond is later than last's, else last plus one. So ids
 * never go back when the clock does, and a start goes on from the last stored id. */
void ulid_advance(struct id128 *last, int64_t unix_ms, const uint8_t random[ULID_RANDOM_BYTES]);

/* Will that take the random bytes? Whoever makes many in a millisecond can save drawing them. */
MUST_CHECK bool ulid_takes_random(const struct id128 *last, int64_t unix_ms);

/* The time in it. */
uint64_t ulid_unix_ms(const struct id128 *id);

#endif
