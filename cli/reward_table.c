#include "cli/reward_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names come first, then the counts in the order of the metrics. */
struct reward_table_row {
	uint64_t line;
	uint8_t actor_bytes;
	uint8_t category_bytes;
	uint8_t actor[REWARD_ACTOR_BYTES_MAX];
	uint8_t category[REWARD_CATEGORY_BYTES];
	uint64_t counts[REWARD_METRICS_MAX];
};

/* For %.*s; what others wrote is cut, and the sentence still fits. */
#define QUOTED_BYTES_MAX 48
#define AS_TEXT(slice)                                                                          \
	(int)((slice).bytes_count < QUOTED_BYTES_MAX ? (slice).bytes_count : QUOTED_BYTES_MAX), \
		(const char *)(slice).bytes

__attribute__((format(printf, 3, 4))) static bool refuse(
	struct reward_table *table, uint64_t line, const char *format, ...)
{
	va_list args;

	table->line_bad = line;
	va_start(args, format);
	(void)vsnprintf(table->error, sizeof table->error, format, args);
	va_end(args);
	return false;
}

/* ---- the columns ---- */

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static bool add_metric(struct reward_table *table, struct slice name, struct slice column)
{
	struct reward_table_metric metric = { .column = (const char *)column.bytes,
		.column_bytes = column.bytes_count };
	uint32_t at = table->metric_count;

	if (!reward_is_metric(name)) {
		return refuse(table, 0,
			"metric '%.*s': expected 1 to 32 characters [a-z0-9_-]; another name of "
			"the column goes behind =",
			AS_TEXT(name));
	}
	if (at == REWARD_METRICS_MAX) {
		return refuse(table, 0, "at most %u metrics", REWARD_METRICS_MAX);
	}
	metric.name.bytes_count = (uint8_t)name.bytes_count;
	memcpy(metric.name.bytes, name.bytes, name.bytes_count);
	for (; at > 0; at--) {
		struct slice above = reward_label_view(&table->metrics[at - 1].name);
		int order = reward_policy_compare(above, name);

		if (order == 0) {
			return refuse(table, 0, "metric '%.*s' is there twice", AS_TEXT(name));
		}
		if (order < 0) {
			break;
		}
		table->metrics[at] = table->metrics[at - 1];
	}
	table->metrics[at] = metric;
	table->metric_count++;
	return true;
}

bool reward_table_init(struct reward_table *table, const char *metrics)
{
	memset(table, 0, sizeof *table);
	table->actor_prefix = "";
	table->category = "";
	for (;;) {
		size_t bytes = strcspn(metrics, ","), name_bytes = strcspn(metrics, ",=");
		size_t column_at = name_bytes < bytes ? name_bytes + 1 : 0;
		struct slice name = { (const uint8_t *)metrics, name_bytes };
		struct slice column = { (const uint8_t *)metrics + column_at, bytes - column_at };

		if (!add_metric(table, name, column)) {
			return false;
		}
		if (metrics[bytes] == '\0') {
			return true;
		}
		metrics += bytes + 1;
	}
}

static bool find_column(
	struct reward_table *table, const struct csv *csv, struct slice name, size_t *ret_index)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < csv->field_count; i++) {
		if (reward_policy_compare(csv->fields[i], name) == 0) {
			if (found != SIZE_MAX) {
				return refuse(
					table, 1, "column '%.*s' is there twice", AS_TEXT(name));
			}
			found = i;
		}
	}
	*ret_index = found;
	return found != SIZE_MAX || refuse(table, 1, "there is no column '%.*s'", AS_TEXT(name));
}

static bool find_columns(struct reward_table *table, const struct csv *csv)
{
	if (!find_column(table, csv, slice_of(table->actor_column), &table->actor_index) ||
		(table->category_column != NULL &&
			!find_column(table, csv, slice_of(table->category_column),
				&table->category_index))) {
		return false;
	}
	for (uint32_t i = 0; i < table->metric_count; i++) {
		struct reward_table_metric *metric = &table->metrics[i];
		struct slice column = { (const uint8_t *)metric->column, metric->column_bytes };

		if (!find_column(table, csv, column, &metric->column_index)) {
			return false;
		}
	}
	return true;
}

/* ---- a row ---- */

static bool set_actor(
	struct reward_table *table, const struct csv *csv, struct reward_table_row *row)
{
	struct slice field = csv->fields[table->actor_index];
	size_t prefix_bytes = strlen(table->actor_prefix);
	struct slice actor = { row->actor, prefix_bytes + field.bytes_count };

	if (actor.bytes_count <= sizeof row->actor) {
		memcpy(row->actor, table->actor_prefix, prefix_bytes);
		if (field.bytes_count > 0) {
			memcpy(row->actor + prefix_bytes, field.bytes, field.bytes_count);
		}
		row->actor_bytes = (uint8_t)actor.bytes_count;
	}
	return (field.bytes_count > 0 && actor.bytes_count <= sizeof row->actor &&
		       reward_is_actor(actor)) ||
	       refuse(table, csv->line,
		       "column '%s': expected an actor of 1 to 128 characters [A-Za-z0-9._:-], not "
		       "sys:, found '%.*s'",
		       table->actor_column, AS_TEXT(field));
}

static bool set_category(
	struct reward_table *table, const struct csv *csv, struct reward_table_row *row)
{
	struct slice category = table->category_column != NULL ? csv->fields[table->category_index]
							       : slice_of(table->category);

	if (!reward_is_category(category)) {
		return refuse(table, csv->line,
			"column '%s': expected a category of at most 32 characters [a-z0-9_-], "
			"found '%.*s'",
			table->category_column != NULL ? table->category_column : "",
			AS_TEXT(category));
	}
	row->category_bytes = (uint8_t)category.bytes_count;
	if (category.bytes_count > 0) {
		memcpy(row->category, category.bytes, category.bytes_count);
	}
	return true;
}

static bool set_counts(
	struct reward_table *table, const struct csv *csv, struct reward_table_row *row)
{
	for (uint32_t i = 0; i < table->metric_count; i++) {
		const struct reward_table_metric *metric = &table->metrics[i];
		struct slice field = csv->fields[metric->column_index];
		enum reward_number number;
		u128 count = 0;

		number = reward_number_parse(field, REWARD_COUNT_MAX, &count);
		if (number != REWARD_NUMBER_OK) {
			return refuse(table, csv->line,
				"column '%.*s': expected a count of 0 to 2^63 - 1 without leading "
				"zeros, found '%.*s'%s",
				(int)metric->column_bytes, metric->column, AS_TEXT(field),
				number == REWARD_NUMBER_NEGATIVE    ? ", which is below 0"
				: number == REWARD_NUMBER_TOO_LARGE ? ", which is more"
								    : "");
		}
		row->counts[i] = (uint64_t)count;
	}
	return true;
}

static bool add_row(struct reward_table *table, const struct csv *csv)
{
	struct reward_table_row *row;

	if (table->row_count == REWARD_ROWS_MAX) {
		return refuse(table, csv->line, "at most %u rows", REWARD_ROWS_MAX);
	}
	if (table->row_count == table->row_room) {
		size_t room = table->row_room == 0 ? 1024 : 2 * table->row_room;
		struct reward_table_row *grown = realloc(table->rows, room * sizeof *grown);

		if (grown == NULL) {
			return refuse(table, csv->line, "no memory for the rows");
		}
		table->rows = grown;
		table->row_room = room;
	}
	row = &table->rows[table->row_count++];
	row->line = csv->line;
	return set_actor(table, csv, row) && set_category(table, csv, row) &&
	       set_counts(table, csv, row);
}

/* ---- all of them ---- */

static struct slice actor_of(const struct reward_table_row *row)
{
	return (struct slice){ row->actor, row->actor_bytes };
}

static struct slice category_of(const struct reward_table_row *row)
{
	return (struct slice){ row->category, row->category_bytes };
}

static int compare_names(const struct reward_table_row *a, const struct reward_table_row *b)
{
	int order = reward_policy_compare(actor_of(a), actor_of(b));

	return order != 0 ? order : reward_policy_compare(category_of(a), category_of(b));
}

static int compare(const void *left, const void *right)
{
	const struct reward_table_row *a = left, *b = right;
	int order = compare_names(a, b);

	return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

/* A row that is there twice is a mistake of the file: the sum of both may be meant, or one. */
static bool sort(struct reward_table *table)
{
	if (table->row_count > 0) {
		qsort(table->rows, table->row_count, sizeof *table->rows, compare);
	}
	table->actor_count = table->row_count > 0 ? 1 : 0;
	for (size_t i = 1; i < table->row_count; i++) {
		const struct reward_table_row *row = &table->rows[i], *above = row - 1;

		if (compare_names(above, row) == 0) {
			return refuse(table, row->line,
				"column '%s': '%.*s' is there already, in line %" PRIu64
				"; an actor has one row%s",
				table->actor_column, AS_TEXT(actor_of(row)), above->line,
				table->category_column != NULL ? " a category" : "");
		}
		table->actor_count +=
			reward_policy_compare(actor_of(above), actor_of(row)) != 0 ? 1 : 0;
	}
	return true;
}

bool reward_table_read(struct reward_table *table, struct slice text)
{
	static struct csv csv;
	enum csv_result result;

	csv_init(&csv, text);
	result = csv_next(&csv);
	if (result == CSV_END) {
		return refuse(table, 1, "the file is empty: expected a line of column names");
	}
	if (result == CSV_RECORD && !find_columns(table, &csv)) {
		return false;
	}
	while (result == CSV_RECORD && (result = csv_next(&csv)) == CSV_RECORD) {
		if (!add_row(table, &csv)) {
			return false;
		}
	}
	if (result == CSV_BAD) {
		return refuse(table, csv.line_bad, "%s", csv.fault);
	}
	return sort(table);
}

void reward_table_free(struct reward_table *table)
{
	free(table->rows);
	table->rows = NULL;
	table->row_count = table->row_room = 0;
}

/* ---- the snapshot ---- */

static void write_row(const struct reward_table *table, const struct reward_table_row *row,
	struct reward_text *out)
{
	reward_text_put(out, "{\"actor\":");
	reward_text_put_string(out, actor_of(row));
	reward_text_put(out, ",\"category\":");
	reward_text_put_string(out, category_of(row));
	reward_text_put(out, ",\"counts\":{");
	for (uint32_t i = 0; i < table->metric_count; i++) {
		reward_text_put(out, i > 0 ? "," : "");
		reward_text_put_string(out, reward_label_view(&table->metrics[i].name));
		reward_text_put(out, ":");
		reward_text_put_amount(out, row->counts[i]);
	}
	reward_text_put(out, "}}");
}

void reward_table_write(const struct reward_table *table, struct slice tenant,
	struct slice epoch_id, struct reward_text *out)
{
	reward_text_put(out, "{\"actors\":");
	reward_text_put_number(out, table->actor_count);
	reward_text_put(out, ",\"epoch_id\":");
	reward_text_put_string(out, epoch_id);
	reward_text_put(out, ",\"events\":");
	reward_text_put_number(out, table->row_count);
	reward_text_put(out, ",\"kind\":\"ron.accounting.snapshot\",\"rows\":[");
	for (size_t i = 0; i < table->row_count; i++) {
		reward_text_put(out, i > 0 ? "," : "");
		write_row(table, &table->rows[i], out);
	}
	reward_text_put(out, "],\"tenant\":");
	reward_text_put_string(out, tenant);
	reward_text_put(out, ",\"v\":1}");
}
