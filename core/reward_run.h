#ifndef CORE_REWARD_RUN_H
#define CORE_REWARD_RUN_H

/* One run, from a request to a result (spec/rewarder.md 1.8, steps 14 to 21, and 9.1): the policy,
 * the bundle, the ledger snapshot and the accounting snapshot are handed in one after the other,
 * each held to the hash by which it was asked for, and then it is computed.
 *
 *   reward_run_init, _policy, _bundle, _ledger, _rows ..., _compute, look, _finish
 *
 * The first false ends it: run->facts.outcome says how. A refusal is about the request and leaves
 * nothing behind. A quarantine is a result as much as an allocation is, sealed the same way: in
 * both cases facts is whole, with the keys and the commitment. Nothing else is kept or asked for:
 * no clock, no file, no allocation; `memory` gives regions of 64 KiB and more, and what L takes
 * (50 000 actors, 500 000 rows, three metrics) is below 64 MiB. */

#include "core/reward_accounting.h"
#include "core/reward_inputs.h"
#include "core/reward_manifest.h"

struct reward_run_config {
	struct reward_request request;
	uint8_t key[SIPHASH_KEY_BYTES]; /* random and secret; the result does not depend on it */
	struct reward_cost cost;
	uint64_t cost_ms_max;
	int64_t now_unix_s;
	uint32_t epoch_skew_s;
};

struct reward_run {
	struct memory memory;
	struct reward_run_config config;
	struct reward_facts facts;
	struct reward_policy policy;
	struct reward_bundle bundle;
	struct reward_ledger ledger;
	struct reward_rows rows;
	struct reward_accounting accounting;
	struct reward_outcome accounting_outcome; /* until the hash is known to be the right one */
	struct reward_alloc alloc;
	bool has_rows;
	uint64_t cost_estimate_ms; /* 0 until the snapshot declared its size */
};

void reward_run_init(struct reward_run *run, const struct memory *memory,
	const struct reward_run_config *config);
void reward_run_finish(struct reward_run *run);

/* The whole document each; false: it ends here. */
MUST_CHECK bool reward_run_policy(struct reward_run *run, struct slice text);
MUST_CHECK bool reward_run_bundle(struct reward_run *run, struct slice text);
MUST_CHECK bool reward_run_ledger(struct reward_run *run, struct slice text);

/* Bytes of the accounting snapshot, cut anywhere. True also behind a fault in it: only its end
 * tells whether these are the sealed bytes. */
MUST_CHECK bool reward_run_rows(struct reward_run *run, struct slice piece);

/* All was handed in. */
MUST_CHECK bool reward_run_compute(struct reward_run *run);

#endif
