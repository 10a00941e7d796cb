#ifndef CLI_REWARD_TABLE_H
#define CLI_REWARD_TABLE_H

/* What actors did, as a table: from a CSV file to the accounting snapshot (spec/rewarder.md 9.4).
 * Pure but for memory.
 *
 * The snapshot is canonical, with its rows by actor, then category: so it has the same bytes, and
 * the same name, in whatever order the lines and the columns of the file are. */

#include <stdbool.h>

#include "cli/csv.h"
#include "core/reward_policy.h"
#include "core/reward_text.h"

#define REWARD_TABLE_ERROR_BYTES 512u

/* A metric, and the column that counts it. */
struct reward_table_metric {
	struct reward_label name;
	const char *column; /* borrowed, not ended by a NUL */
	size_t column_bytes;
	size_t column_index;
};

struct reward_table {
	const char *actor_column;
	const char *actor_prefix;    /* "" for none */
	const char *category_column; /* NULL: every row has the same one */
	const char *category;
	uint32_t metric_count;
	struct reward_table_metric metrics[REWARD_METRICS_MAX]; /* by name */
	size_t actor_index;
	size_t category_index;
	struct reward_table_row *rows; /* owned, each and all */
	size_t row_count;
	size_t row_room;
	uint64_t actor_count;
	uint64_t line_bad; /* 0: not about a line of the file */
	char error[REWARD_TABLE_ERROR_BYTES];
};

/* columns: "views,likes" or "views=seen,likes": the names of metrics, and of their columns where
 * these have others. All of these: false with error. */
bool reward_table_init(struct reward_table *table, const char *metrics);
bool reward_table_read(struct reward_table *table, struct slice csv);
void reward_table_free(struct reward_table *table);

void reward_table_write(const struct reward_table *table, struct slice tenant,
	struct slice epoch_id, struct reward_text *out);

#endif
