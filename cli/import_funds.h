#ifndef CLI_IMPORT_FUNDS_H
#define CLI_IMPORT_FUNDS_H

/* What the rows of a file take in all from each account, by asset. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"

/* Zeros: none yet. */
struct import_funds {
	void *root; /* owned */
	uint64_t count;
};

/* Copies the names, which are at most as long as names are. ERR_TOO_LARGE: the sum is over
 * 2^128 - 1. ERR_NO_SPACE: no memory. */
MUST_CHECK enum err import_funds_add(
	struct import_funds *funds, struct slice account, struct slice asset, u128 amount);

/* In the order of the names, so that two imports of a file send the same requests. False ends
 * the walk. */
typedef bool import_on_fund(void *context, struct slice account, struct slice asset, u128 amount);
void import_funds_walk(const struct import_funds *funds, import_on_fund *on_fund, void *context);

void import_funds_free(struct import_funds *funds);

#endif
