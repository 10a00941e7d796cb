#ifndef CLIENT_MEMBERS_H
#define CLIENT_MEMBERS_H

/* The members of a JSON object, as a node answers it: enough to read a receipt or an error without
 * a library for JSON, and without believing that what came is what was meant. Values are looked up
 * by name and stay where they are; of two with one name the first counts. No recursion, no memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"

/* What is nested deeper is no answer of a node. */
#define MEMBERS_DEPTH_MAX 32u

/* The value as it is written, without blanks around it. False: no such member, or `object` is no
 * object up to there. */
MUST_CHECK bool members_find(struct slice object, const char *name, struct slice *ret_value);

/* A member that is text, decoded, with a zero behind it. False, and "": it is not there, no text,
 * has a zero in it or does not fit. */
MUST_CHECK bool members_text(
	struct slice object, const char *name, char *ret_text, size_t bytes_max);

/* A member that is a number without sign, point and exponent. */
MUST_CHECK bool members_u64(struct slice object, const char *name, uint64_t *ret_number);

bool members_is_true(struct slice object, const char *name);

#endif
