#ifndef CORE_REWARD_ACCOUNTING_H
#define CORE_REWARD_ACCOUNTING_H

/* The accounting snapshot (spec/rewarder.md 9.4, R-O02), read while it streams in:
 *
 *   {"actors":3,"epoch_id":"2025-10-01","events":3,"kind":"ron.accounting.snapshot",
 *    "rows":[{"actor":"did:ron:alice","category":"video","counts":{"subs":"3","views":"10"}},...],
 *    "tenant":"acme","v":1}
 *
 * Closed, of any layout. Rows with the same actor and category are summed, so that no two rows are
 * one too many; a member that is there twice is. A metric that the policy does not weigh is read
 * like the others and counts for nothing. All bytes are hashed, also behind a fault: whether they
 * are the ones that were sealed is what the caller asks first, with reward_accounting_hash(). */

#include "core/blake3.h"
#include "core/json.h"
#include "core/reward_doc.h"
#include "core/reward_policy.h"
#include "core/reward_rows.h"

struct reward_accounting {
	const struct reward_policy *policy; /* borrowed; its metrics are those that count */
	struct reward_rows *rows;           /* borrowed; where it is added up */
	struct reward_outcome *outcome;     /* borrowed; what was wrong first */
	struct blake3 hash;
	uint64_t bytes_count;
	struct json in;
	uint8_t state;
	uint32_t seen;     /* members of the snapshot */
	uint32_t row_seen; /* members of the row */
	uint64_t actors;   /* as declared */
	uint64_t events;
	uint64_t row_count;
	struct reward_name tenant;
	struct reward_name epoch_id;
	/* The row that is being read. */
	struct reward_name actor;
	struct reward_label category;
	uint32_t metric;      /* whose count comes next; METRICS_MAX: one that does not count */
	uint32_t metric_next; /* where the next name is looked for first */
	uint32_t metric_seen;
	uint32_t other_count; /* metrics that do not count, kept to see one that is there twice */
	uint64_t counts[REWARD_METRICS_MAX];
	struct reward_label others[REWARD_ROW_COUNTS_MAX];
};

void reward_accounting_init(struct reward_accounting *accounting,
	const struct reward_policy *policy, struct reward_rows *rows,
	struct reward_outcome *outcome);

/* The next bytes, cut anywhere. False: the outcome says why; from then on nothing is read, but all
 * is hashed. */
bool reward_accounting_feed(struct reward_accounting *accounting, struct slice piece);

/* There are no more bytes: it is whole, and what it says of itself is so. */
MUST_CHECK bool reward_accounting_end(struct reward_accounting *accounting);

void reward_accounting_hash(const struct reward_accounting *accounting, struct hash *ret_hash);

/* What it says of itself, for the estimate of the cost; false: not read yet. */
bool reward_accounting_declares(
	const struct reward_accounting *accounting, uint64_t *ret_actors, uint64_t *ret_events);

#endif
