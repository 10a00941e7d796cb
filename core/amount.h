#ifndef CORE_AMOUNT_H
#define CORE_AMOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/check.h"
#include "common/types.h"

/* Amounts: minor units of one asset, 0 .. 2^128 - 1, written as canonical decimal: "0", or
 * digits without a leading zero; no sign, point, space or separator. Whether zero is
 * allowed is the caller's matter. */

#define AMOUNT_DIGITS_MAX     39u
#define AMOUNT_TEXT_BYTES_MAX (AMOUNT_DIGITS_MAX + 1u) /* with the final NUL */

/* Checked in this order: a text that is wrong in two ways has the first one's name. */
enum amount_error {
	AMOUNT_OK,
	AMOUNT_EMPTY,
	AMOUNT_NOT_A_DIGIT,
	AMOUNT_LEADING_ZERO,
	AMOUNT_TOO_LARGE,
};

/* text needs no NUL; any length. */
MUST_CHECK enum amount_error amount_parse(const char *text, size_t text_bytes, u128 *ret_amount);

/* Returns the number of digits; a NUL follows them. */
size_t amount_print(u128 amount, char ret_text[AMOUNT_TEXT_BYTES_MAX]);

/* False, and *ret untouched, if the result is not 0 .. 2^128 - 1. */
MUST_CHECK bool amount_add(u128 augend, u128 addend, u128 *ret_sum);
MUST_CHECK bool amount_sub(u128 minuend, u128 subtrahend, u128 *ret_difference);

#endif
