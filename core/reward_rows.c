#include "core/reward_rows.h"

#include <string.h>

void reward_rows_init(struct reward_rows *rows, const struct memory *memory,
	const uint8_t key[SIPHASH_KEY_BYTES], uint32_t metric_count)
{
	assert(metric_count > 0 && metric_count <= REWARD_METRICS_MAX);
	memcpy(rows->key, key, sizeof rows->key);
	rows->metric_count = metric_count;
	rows->cell_count = 0;
	reward_names_init(&rows->actors, memory, key);
	reward_names_init(&rows->categories, memory, key);
	table_init(&rows->table, memory);
	segments_init(&rows->cells, memory, sizeof(struct reward_cell));
	segments_init(&rows->counts, memory, metric_count * sizeof(u128));
}

void reward_rows_finish(struct reward_rows *rows)
{
	reward_names_finish(&rows->actors);
	reward_names_finish(&rows->categories);
	table_finish(&rows->table);
	segments_finish(&rows->cells);
	segments_finish(&rows->counts);
}

/* REWARD_NAMES_NONE: no memory. */
static uint32_t find_or_add(struct reward_rows *rows, struct reward_cell cell)
{
	uint64_t key = siphash_24(rows->key, &cell, sizeof cell);
	struct table_scan scan = table_find(&rows->table, key);
	uint64_t found = 0;
	uint32_t number = rows->cell_count;

	while (table_next(&scan, &found)) {
		const struct reward_cell *other = reward_rows_cell(rows, (uint32_t)found - 1);

		if (other->actor == cell.actor && other->category == cell.category) {
			return (uint32_t)found - 1;
		}
	}
	if (!segments_reserve(&rows->cells, (uint64_t)number + 1) ||
		!segments_reserve(&rows->counts, (uint64_t)number + 1) ||
		!table_reserve(&rows->table, 1)) {
		return REWARD_NAMES_NONE;
	}
	*(struct reward_cell *)segments_at(&rows->cells, number) = cell;
	table_insert(&rows->table, key, (uint64_t)number + 1);
	rows->cell_count++;
	return number;
}

bool reward_rows_add(
	struct reward_rows *rows, struct slice actor, struct slice category, const uint64_t *counts)
{
	struct reward_cell cell = { 0 };
	uint32_t number;
	u128 *sums;

	cell.actor = reward_names_add(&rows->actors, actor);
	cell.category = reward_names_add(&rows->categories, category);
	if (cell.actor == REWARD_NAMES_NONE || cell.category == REWARD_NAMES_NONE) {
		return false;
	}
	number = find_or_add(rows, cell);
	if (number == REWARD_NAMES_NONE) {
		return false;
	}
	sums = segments_at(&rows->counts, number);
	for (uint32_t i = 0; i < rows->metric_count; i++) {
		sums[i] += counts[i]; /* at most REWARD_ROWS_MAX * REWARD_COUNT_MAX < 2^87 */
	}
	return true;
}
