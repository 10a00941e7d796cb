#ifndef CORE_REWARD_WIDE_H
#define CORE_REWARD_WIDE_H

/* The one product that does not fit in 128 bits (R-O44). */

#include "common/types.h"

/* whole * part / total with 256 bits between, rounded down. part <= total, total > 0, so that the
 * quotient is at most `whole`. *ret_remainder < total. */
u128 reward_wide_share(u128 whole, u128 part, u128 total, u128 *ret_remainder);

#endif
