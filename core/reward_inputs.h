#ifndef CORE_REWARD_INPUTS_H
#define CORE_REWARD_INPUTS_H

/* The small sealed inputs (spec/rewarder.md 9.4): the bundle, which names the others by the BLAKE3
 * of their exact bytes, and the ledger snapshot, which says how much there is to share.
 *
 * Closed objects; white space and the order of members are free, for a name is over bytes. That
 * the bytes are the ones that were named is checked before, by the caller: what is wrong here is
 * sealed, and so a quarantine (R-C77), not a mistake of the request. */

#include "core/reward_doc.h"

#define REWARD_BUNDLE_BYTES_MAX 4096u
#define REWARD_LEDGER_BYTES_MAX 4096u

struct reward_bundle {
	struct hash accounting_cid;
	struct hash ledger_cid;
	struct hash policy_cid;
	struct reward_name asset;
	struct reward_name epoch_id;
	struct reward_name tenant;
	uint64_t epoch_index;
	int64_t window_start_unix_s; /* whole minutes, start < end */
	int64_t window_end_unix_s;
};

struct reward_ledger {
	struct reward_name tenant;
	struct reward_name epoch_id;
	struct reward_name asset;
	struct reward_name pool_account; /* sys:reward_pool:<tenant>:<asset> */
	uint64_t seq;
	struct hash root;
	u128 pool_total;
};

MUST_CHECK bool reward_inputs_bundle(
	struct slice text, struct reward_bundle *ret_bundle, struct reward_outcome *outcome);

/* A pool that is a decimal integer, but none of 0 to 2^127 - 1, is a quarantine of its own kind.
 * *ret_pool_text (9.8): the pool as it is sealed if the document is in form, else "0"; set in any
 * case. So what is committed does not depend on the order of members. */
MUST_CHECK bool reward_inputs_ledger(struct slice text, struct reward_ledger *ret_ledger,
	struct reward_name *ret_pool_text, struct reward_outcome *outcome);

#endif
