#ifndef CORE_REWARD_ROWS_H
#define CORE_REWARD_ROWS_H

/* What the rows of an accounting snapshot add up to: a cell for each (actor, category) that there
 * is, with the sum of each metric that the policy weighs. Sums are exact: 5 M counts below 2^63.
 *
 * Memory follows what was really added, never what a snapshot says of itself: of an actor and a
 * category see reward_names.h; a cell has 8 bytes, 24 to 64 of its table, and 16 a metric. */

#include "core/reward.h"
#include "core/reward_names.h"

struct reward_cell {
	uint32_t actor; /* numbers of reward_names */
	uint32_t category;
};

struct reward_rows {
	uint8_t key[SIPHASH_KEY_BYTES];
	uint32_t metric_count;
	uint32_t cell_count;
	struct reward_names actors;
	struct reward_names categories;
	struct table table;
	struct segments cells;
	struct segments counts;
};

void reward_rows_init(struct reward_rows *rows, const struct memory *memory,
	const uint8_t key[SIPHASH_KEY_BYTES], uint32_t metric_count);
void reward_rows_finish(struct reward_rows *rows);

/* Adds one row: a count for each metric in the policy's order, 0 for what it does not have.
 * False: no memory. */
MUST_CHECK bool reward_rows_add(struct reward_rows *rows, struct slice actor, struct slice category,
	const uint64_t *counts);

static inline const struct reward_cell *reward_rows_cell(
	const struct reward_rows *rows, uint32_t number)
{
	return segments_at(&rows->cells, number);
}

static inline const u128 *reward_rows_counts(const struct reward_rows *rows, uint32_t number)
{
	return segments_at(&rows->counts, number);
}

#endif
