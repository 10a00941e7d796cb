#ifndef CORE_REWARD_ALLOC_H
#define CORE_REWARD_ALLOC_H

/* Who gets how much of a pool, and why (spec/rewarder.md 9.6):
 *
 *   P = min(pool, epoch_cap); what that cuts is `clamp`.
 *   For each metric m by name: P_m = floor(P * w_m / 10^9), T_m = the sum of its counts.
 *   T_m = 0: P_m is `idle`. Else a cell with the count c has P_m * c / T_m, rounded.
 *   bankers: half to even; while that gives more than P_m, the cells that were rounded up by the
 *   most, then the first by actor and category, lose a unit.
 *   category_cap bounds the sum of a cell, actor_cap the sum of an actor; what they cut is
 *   category_excess and actor_excess. What rounding lost is `dust`.
 *
 * Nothing of what was cut is given to others. What an actor gets follows from the cells, which are
 * sums: the order and the cut of the rows are forgotten. The product of P_m and c has 256 bits.
 *
 * A share is not kept, but made again from count, P_m and T_m when it is asked for; so the memory
 * is 24 bytes an actor, 4 and a bit a metric for a cell, and while it runs 44 a cell. */

#include "core/reward_policy.h"
#include "core/reward_rows.h"

struct reward_totals {
	u128 pool_total;
	u128 payout;
	u128 clamp;
	u128 idle;
	u128 dust;
	u128 category_excess;
	u128 actor_excess;
	uint64_t
		share_count; /* counts above 0 of (actor, category, metric): each may lose a unit */
	uint32_t metric_count;
};

struct reward_metric_total {
	u128 pool;  /* P_m */
	u128 count; /* T_m */
	u128 paid;  /* the sum of its shares, before caps */
};

struct reward_alloc {
	const struct memory *memory; /* borrowed, like the two below */
	const struct reward_policy *policy;
	const struct reward_rows *rows;
	struct reward_totals totals;
	struct reward_metric_total metrics[REWARD_METRICS_MAX];
	uint32_t actor_count;
	uint32_t cell_count;
	uint32_t allocation_count; /* actors that get more than 0 */
	uint32_t *actors;          /* owned; numbers of names, by their bytes */
	uint32_t *cells;           /* owned; numbers of cells, by actor, then category */
	uint32_t *actor_cells; /* owned; where the cells of each actor begin, and one end more */
	u128 *amounts;         /* owned; of the actors in that order */
	uint64_t *repaired;    /* owned; a bit for each cell and metric, in that order; or NULL */
};

/* False: quarantined (conservation: the pool is above what the curve gives; what the check below
 * finds) or no memory. What the check found can be looked at; otherwise nothing was computed, and
 * there is no actor. To be finished in any case. */
MUST_CHECK bool reward_alloc_run(struct reward_alloc *alloc, const struct memory *memory,
	const struct reward_policy *policy, const struct reward_rows *rows, u128 pool_total,
	uint64_t epoch_index, struct reward_outcome *outcome);
void reward_alloc_finish(struct reward_alloc *alloc); /* also of one that is all zeros */

/* The invariants that an allocation keeps whatever its inputs (9.2, 9.14): no more is paid than
 * there is, the parts of the residual add up, and no more is lost to rounding than a unit for each
 * share and metric. False: quarantined. */
MUST_CHECK bool reward_alloc_check(
	const struct reward_totals *totals, struct reward_outcome *outcome);

/* ---- to look at it ---- */

/* An actor by its place in the order of the names. */
struct reward_actor {
	struct slice name;
	uint32_t cell_first; /* places of cells */
	uint32_t cell_end;
	u128 amount;
};

struct reward_actor reward_alloc_actor(const struct reward_alloc *alloc, uint32_t place);

/* UINT32_MAX: it is not there. */
uint32_t reward_alloc_find(const struct reward_alloc *alloc, struct slice name);

/* Where a number comes from: pool * count / total = quotient + remainder / total, exactly. */
struct reward_share {
	u128 pool;
	u128 count;
	u128 total; /* 0: idle, and there is no share */
	u128 quotient;
	u128 remainder;
	bool is_rounded_up;
	bool is_repaired; /* and given back */
	u128 amount;
};

struct reward_share reward_alloc_share(
	const struct reward_alloc *alloc, uint32_t cell_place, uint32_t metric);

/* A cell: its category, the sum of its shares, and what the cap of the category took. */
struct reward_part {
	struct slice category;
	u128 sum;
	u128 cut;
};

struct reward_part reward_alloc_part(const struct reward_alloc *alloc, uint32_t cell_place);

/* An actor again: the sums of each metric, and what caps took. sum of metrics = amount + cuts. */
struct reward_reasons {
	u128 metrics[REWARD_METRICS_MAX];
	u128 category_cut;
	u128 actor_cut;
};

void reward_alloc_reasons(
	const struct reward_alloc *alloc, uint32_t place, struct reward_reasons *ret_reasons);

#endif
