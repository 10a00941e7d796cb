#include "common/metrics_render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The text is built in one pass. Whatever does not fit sets `full`, and the caller gets no
 * half page. */
struct text {
	char *chars;
	size_t chars_max;
	size_t used;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void print(struct text *out, const char *format, ...)
{
	size_t left = out->chars_max - out->used;
	va_list arguments;
	int written;

	if (out->full) {
		return;
	}
	va_start(arguments, format);
	written = vsnprintf(out->chars + out->used, left, format, arguments);
	va_end(arguments);
	if (written < 0 || (size_t)written >= left) {
		out->full = true;
		return;
	}
	out->used += (size_t)written;
}

/* Microseconds as seconds, without trailing zeros. OpenMetrics wants `le` as a float. */
static void print_micros(struct text *out, uint64_t micros, bool as_float)
{
	char fraction[8];
	size_t digits = 6;

	(void)snprintf(fraction, sizeof fraction, "%06" PRIu64, micros % 1000000);
	while (digits > 0 && fraction[digits - 1] == '0') {
		digits--;
	}
	print(out, "%" PRIu64, micros / 1000000);
	if (digits > 0) {
		print(out, ".%.*s", (int)digits, fraction);
	} else if (as_float) {
		print(out, ".0");
	}
}

static void print_value(struct text *out, uint8_t unit, uint64_t value)
{
	if (unit == METRIC_UNIT_MICROS) {
		print_micros(out, value, false);
	} else {
		print(out, "%" PRIu64, value);
	}
}

/* A label is escaped as both formats want it. */
static void print_label(struct text *out, const char *name, const char *value)
{
	print(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"') {
			print(out, "\\%c", *value);
		} else if (*value == '\n') {
			print(out, "\\n");
		} else {
			print(out, "%c", *value);
		}
	}
	print(out, "\"");
}

/* {service,outer,inner,le}: whichever there are. */
struct series {
	const struct metrics_row *row;
	const char *service; /* NULL: none */
	size_t label;
};

static void print_pair(struct text *out, const char *pair, bool *any)
{
	if (pair[0] != '\0') {
		print(out, "%s%s", *any ? "," : "{", pair);
		*any = true;
	}
}

/* Leaves the braces open for `le`; true if they are. */
static bool print_labels(struct text *out, const struct series *series)
{
	bool any = false;

	if (series->service != NULL) {
		print(out, "{service=\"%s\"", series->service);
		any = true;
	}
	print_pair(out, metrics_label_outer_text(series->row->labels, series->label), &any);
	print_pair(out, metrics_label_inner_text(series->row->labels, series->label), &any);
	return any;
}

static void print_name(struct text *out, const struct series *series, const char *suffix)
{
	print(out, "%s%s", series->row->name, suffix);
	if (print_labels(out, series)) {
		print(out, "}");
	}
	print(out, " ");
}

/* "# {trace_id="..."} 0.0123 1700000000.123", behind a bucket. */
static void print_exemplar(
	struct text *out, const struct series *series, const struct metrics_exemplar *exemplar)
{
	print(out, " # {trace_id=\"%016" PRIx64 "%016" PRIx64 "\"} ", exemplar->trace_high,
		exemplar->trace_low);
	print_value(out, series->row->unit, exemplar->value);
	print(out, " %" PRIu64 ".%03" PRIu64, exemplar->unix_ms / 1000, exemplar->unix_ms % 1000);
}

/* exemplar: one that fell into this bucket, or NULL. */
static void print_bucket(struct text *out, const struct series *series, size_t bucket,
	uint64_t count, enum metrics_format format, const struct metrics_exemplar *exemplar)
{
	enum metric metric = (enum metric)(series->row - metrics_rows);
	bool openmetrics = format == METRICS_OPENMETRICS;
	bool any;

	print(out, "%s_bucket", series->row->name);
	any = print_labels(out, series);
	print(out, "%cle=\"", any ? ',' : '{');
	if (bucket == series->row->series_slots - 2u) {
		print(out, "+Inf");
	} else if (series->row->unit == METRIC_UNIT_MICROS) {
		print_micros(out, metrics_bounds(metric)[bucket], openmetrics);
	} else {
		print(out, "%" PRIu64 "%s", metrics_bounds(metric)[bucket],
			openmetrics ? ".0" : "");
	}
	print(out, "\"} %" PRIu64, count);
	if (exemplar != NULL) {
		print_exemplar(out, series, exemplar);
	}
	print(out, "\n");
}

static uint64_t slot_value(const struct metrics_page *page, size_t slot)
{
	const _Atomic uint64_t *slots = (const _Atomic uint64_t *)&page->slots;

	return atomic_load_explicit(&slots[slot], memory_order_relaxed);
}

#define SUMS_MAX (METRIC_BOUNDS_MAX + 2u)

static bool counts(
	const struct metrics_source *source, const struct metrics_row *row, unsigned process)
{
	unsigned writer = source->process.process;

	return (row->writers >> writer & 1) != 0 && (process == PROCESS_COUNT || process == writer);
}

/* Adds up one series over the pages of `process`, or of all (PROCESS_COUNT). What a page
 * says wraps at worst; it cannot break anything. True if it was ever set. */
static bool add_up(const struct metrics_view *view, unsigned process, const struct series *series,
	uint64_t sums[SUMS_MAX])
{
	const struct metrics_row *row = series->row;
	size_t first = row->slot + series->label * row->series_slots;
	bool shifted = row->kind == METRIC_KIND_GAUGE && row->shown == METRIC_SHOWN_WHEN_SET;
	bool set = false;

	memset(sums, 0, SUMS_MAX * sizeof sums[0]);
	for (size_t i = 0; i < view->source_count; i++) {
		if (!counts(&view->sources[i], row, process)) {
			continue;
		}
		for (size_t slot = 0; slot < row->series_slots; slot++) {
			uint64_t value = slot_value(view->sources[i].page, first + slot);

			set = set || value != 0;
			sums[slot] += value - (shifted && value != 0 ? 1 : 0);
		}
	}
	return set;
}

/* The newest of those that were written about this series; unix_ms 0: there is none. */
static struct metrics_exemplar newest_exemplar(
	const struct metrics_view *view, unsigned process, const struct series *series)
{
	enum metric_exemplar which = metrics_exemplar_of((enum metric)(series->row - metrics_rows));
	struct metrics_exemplar newest = { .unix_ms = 0 }, found;

	if (which == METRIC_EXEMPLAR_COUNT || view->format != METRICS_OPENMETRICS) {
		return newest;
	}
	for (size_t i = 0; i < view->source_count; i++) {
		unsigned writer = view->sources[i].process.process;

		if ((metrics_exemplar_writers(which) >> writer & 1) != 0 &&
			(process == PROCESS_COUNT || process == writer) &&
			metrics_exemplar_read(
				view->sources[i].page, which, series->label, &found) &&
			found.unix_ms > newest.unix_ms) {
			newest = found;
		}
	}
	return newest;
}

static size_t bucket_of(const struct metrics_row *row, uint64_t value)
{
	const uint64_t *bounds = metrics_bounds((enum metric)(row - metrics_rows));
	size_t bucket = 0;

	while (bucket < row->series_slots - 2u && value > bounds[bucket]) {
		bucket++;
	}
	return bucket;
}

static void print_buckets(struct text *out, const struct metrics_view *view, unsigned process,
	const struct series *series, const uint64_t *sums)
{
	struct metrics_exemplar exemplar = newest_exemplar(view, process, series);
	size_t marked = exemplar.unix_ms == 0 ? SIZE_MAX : bucket_of(series->row, exemplar.value);
	uint64_t count = 0;

	for (size_t bucket = 0; bucket < series->row->series_slots - 1u; bucket++) {
		count += sums[bucket];
		print_bucket(out, series, bucket, count, view->format,
			bucket == marked ? &exemplar : NULL);
	}
	print_name(out, series, "_sum");
	print_value(out, series->row->unit, sums[series->row->series_slots - 1u]);
	print(out, "\n");
	print_name(out, series, "_count");
	print(out, "%" PRIu64 "\n", count);
}

static void print_series(struct text *out, const struct metrics_view *view, unsigned process,
	const struct series *series, const uint64_t *sums)
{
	if (series->row->kind == METRIC_KIND_HISTOGRAM) {
		print_buckets(out, view, process, series, sums);
		return;
	}
	print_name(out, series, "");
	print_value(out, series->row->unit, sums[0]);
	print(out, "\n");
}

static void print_label_sets(struct text *out, const struct metrics_view *view,
	const struct metrics_row *row, unsigned process)
{
	struct series series = { .row = row };
	uint64_t sums[SUMS_MAX];

	if (process != PROCESS_COUNT) {
		series.service = process_name(process);
	}
	for (series.label = 0; series.label < row->label_count; series.label++) {
		bool set = add_up(view, process, &series, sums);

		if (metrics_label_outer_text(row->labels, series.label) == NULL) {
			continue;
		}
		if (set || row->shown == METRIC_SHOWN_ALWAYS) {
			print_series(out, view, process, &series, sums);
		}
	}
}

static bool has_source(
	const struct metrics_view *view, const struct metrics_row *row, unsigned process)
{
	for (size_t i = 0; i < view->source_count; i++) {
		if (counts(&view->sources[i], row, process)) {
			return true;
		}
	}
	return false;
}

static const char *const kind_names[] = { "counter", "gauge", "histogram" };

/* OpenMetrics names a counter's family without _total. */
static void print_head(struct text *out, const char *name, uint8_t kind, const char *help,
	enum metrics_format format)
{
	size_t name_chars = strlen(name);

	if (format == METRICS_OPENMETRICS && kind == METRIC_KIND_COUNTER) {
		assert(name_chars > 6 && strcmp(name + name_chars - 6, "_total") == 0);
		name_chars -= 6;
	}
	print(out, "# HELP %.*s %s\n", (int)name_chars, name, help);
	print(out, "# TYPE %.*s %s\n", (int)name_chars, name, kind_names[kind]);
}

static void print_family(
	struct text *out, const struct metrics_view *view, const struct metrics_row *row)
{
	print_head(out, row->name, row->kind, row->text, view->format);
	if (row->spread == METRIC_SPREAD_SUM) {
		print_label_sets(out, view, row, PROCESS_COUNT);
		return;
	}
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		if (has_source(view, row, process)) {
			print_label_sets(out, view, row, process);
		}
	}
}

/* What is known without a page. */
static void print_node(struct text *out, const struct metrics_view *view)
{
	print_head(
		out, "build_info", METRIC_KIND_GAUGE, "The running build; always 1.", view->format);
	print(out, "build_info{");
	print_label(out, "version", view->build.version);
	print(out, ",");
	print_label(out, "git_sha", view->build.git_sha);
	print(out, ",");
	print_label(out, "toolchain", view->build.toolchain);
	print(out, "} 1\n");
	print_head(out, "process_uptime_seconds", METRIC_KIND_GAUGE, "Time since the node started.",
		view->format);
	print(out, "process_uptime_seconds ");
	print_micros(out, (uint64_t)view->uptime.us, false);
	print(out, "\n");
}

const char *metrics_render_content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

enum err metrics_render(
	const struct metrics_view *view, char *chars, size_t chars_max, size_t *ret_chars_used)
{
	struct text out = { .chars = chars, .chars_max = chars_max };

	assert(view->uptime.us >= 0);
	print_node(&out, view);
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		print_family(&out, view, &metrics_rows[i]);
	}
	if (view->format == METRICS_OPENMETRICS) {
		print(&out, "# EOF\n");
	}
	if (out.full) {
		return ERR_TOO_LARGE;
	}
	*ret_chars_used = out.used;
	return ERR_OK;
}
