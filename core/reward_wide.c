#include "core/reward_wide.h"

#include <stdbool.h>

#include "common/check.h"

struct wide {
	u128 high;
	u128 low;
};

static struct wide multiply(u128 a, u128 b)
{
	u128 a_low = (uint64_t)a, a_high = a >> 64;
	u128 b_low = (uint64_t)b, b_high = b >> 64;
	u128 low = a_low * b_low;
	u128 middle = a_high * b_low + (low >> 64); /* at most (2^64 - 1)^2 + 2^64 - 1: it fits */
	u128 cross = a_low * b_high + (uint64_t)middle;

	return (struct wide){
		.high = a_high * b_high + (middle >> 64) + (cross >> 64),
		.low = cross << 64 | (uint64_t)low,
	};
}

/* Schoolbook, a bit at a time: only pools beyond 2^64 come here, and not all of them. */
static u128 divide(struct wide dividend, u128 divisor, u128 *ret_remainder)
{
	u128 rest = dividend.high, quotient = 0;

	assert(rest < divisor); /* so the quotient fits */
	for (int bit = 127; bit >= 0; bit--) {
		bool carries = rest >> 127 != 0;

		rest = rest << 1 | (dividend.low >> bit & 1);
		quotient <<= 1;
		if (carries || rest >= divisor) {
			rest -= divisor;
			quotient |= 1;
		}
	}
	*ret_remainder = rest;
	return quotient;
}

u128 reward_wide_share(u128 whole, u128 part, u128 total, u128 *ret_remainder)
{
	struct wide product;

	assert(total > 0 && part <= total);
	if (whole <= UINT64_MAX && part <= UINT64_MAX) {
		product = (struct wide){ .low = whole * part };
	} else {
		product = multiply(whole, part);
	}
	if (product.high != 0) {
		return divide(product, total, ret_remainder);
	}
	if (product.low <= UINT64_MAX && total <= UINT64_MAX) {
		*ret_remainder = (uint64_t)product.low % (uint64_t)total;
		return (uint64_t)product.low / (uint64_t)total;
	}
	*ret_remainder = product.low % total;
	return product.low / total;
}
