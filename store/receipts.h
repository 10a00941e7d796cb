#ifndef STORE_RECEIPTS_H
#define STORE_RECEIPTS_H

#include "common/check.h"
#include "common/errors.h"
#include "core/entry.h"
#include "store/reader.h"
#include "store/why.h"

/* Whether the receipt that lies beside an entry is the one that belongs there: it is printed again
 * from the leaf, the nonce of the lane and what the entries make of the principal's balance, and
 * must come out byte for byte, with the hash that the leaf holds (spec/wallet.md section 9.5).
 * Of its own it has nothing but the idempotency key, which the hash covers. What did not come in
 * through /v1 has none.
 *
 * ERR_CORRUPT: `why` says which member, what was expected and what found. */
MUST_CHECK enum err receipts_check(const struct entry *entry, const struct reader_entry *row,
	u128 balance_before, u128 balance_after, struct why *why);

#endif
