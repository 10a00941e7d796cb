#ifndef CORE_BALANCE_H
#define CORE_BALANCE_H

#include <stdbool.h>

#include "common/check.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/entry.h"

/* The balance of one account in one asset as it was before an entry, from what it was after it.
 * Entries lead back from one to the next of the same account (prev_account_seq, prev_counter_seq
 * of their rows). Inside of a group of legs what is available wraps modulo 2^128, as it does in
 * the ledger; at the group's ends it does not. */

struct balance {
	struct slice account, asset; /* of sys:issuance, `available` is the magnitude */
	u128 available, held;
};

/* Takes back what the entry did to it. False, and nothing changed: the entry is not about this
 * account or asset. *ret_is_counter: it is the entry's other account, not its own. */
MUST_CHECK bool balance_undo(
	struct balance *balance, const struct entry *entry, bool *ret_is_counter);

#endif
