/* A trace as JSON: spans as OTLP has them (opentelemetry-proto, JSON mapping), for the exporter and
 * for `macronode trace` alike. */
#include "supervisor/traces.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/json_out.h"

enum { OTLP_KIND_INTERNAL = 1, OTLP_KIND_SERVER = 2 };
enum { OTLP_STATUS_UNSET = 0, OTLP_STATUS_ERROR = 2 };

/* Traces that a list has; one line each. */
#define LIST_MAX 64u

static void key_text(struct json_out *out, const char *key, const char *text)
{
	json_out_key(out, key);
	json_out_text(out, text);
}

/* 64-bit numbers are strings in OTLP/JSON. */
static void key_number(struct json_out *out, const char *key, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRIu64, number);
	key_text(out, key, text);
}

static void key_span_id(struct json_out *out, const char *key, uint64_t id)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%016" PRIx64, id);
	key_text(out, key, text);
}

static void attribute_begin(struct json_out *out, const char *name)
{
	json_out_object_begin(out);
	key_text(out, "key", name);
	json_out_key(out, "value");
	json_out_object_begin(out);
}

static void attribute_end(struct json_out *out)
{
	json_out_object_end(out);
	json_out_object_end(out);
}

static void attribute_text(struct json_out *out, const char *name, const char *text)
{
	if (text[0] != '\0') {
		attribute_begin(out, name);
		key_text(out, "stringValue", text);
		attribute_end(out);
	}
}

static void attribute_number(struct json_out *out, const char *name, uint64_t number)
{
	if (number != 0) {
		attribute_begin(out, name);
		key_number(out, "intValue", number);
		attribute_end(out);
	}
}

static void write_attributes(
	struct json_out *out, const struct trace *trace, const struct trace_part *part)
{
	char process[48];

	(void)snprintf(process, sizeof process, "%s %u", process_name(part->by.process),
		part->by.instance);
	json_out_array_begin(out);
	attribute_text(out, "corr_id", trace->corr_id);
	attribute_text(out, "process", process);
	if (part->kind == TRACE_REQUEST) {
		attribute_text(out, "http.route", trace->route);
		attribute_number(out, "http.response.status_code", part->status);
	} else {
		attribute_number(out, "status", part->status);
	}
	attribute_number(out, "seq", part->seq);
	attribute_number(out, "batch_size", part->count);
	attribute_number(out, "nonce", part->nonce);
	attribute_text(out, "reason", part->reason);
	json_out_array_end(out);
}

static uint64_t unix_ns(const struct trace *trace, int64_t monotonic_us)
{
	return ((uint64_t)trace->unix_us_of_zero + (uint64_t)monotonic_us) * 1000;
}

static void write_span(
	struct json_out *out, const struct trace *trace, const struct trace_part *part)
{
	const struct trace_part *parent = traces_parent(trace, part);
	uint64_t parent_id = parent != NULL ? traces_span_id(trace, parent) : trace->parent_span;
	bool is_root = part->kind == TRACE_REQUEST;

	json_out_object_begin(out);
	json_out_key(out, "traceId");
	json_out_hex(out, (struct slice){ trace->trace_id.bytes, ID_BYTES });
	key_span_id(out, "spanId", traces_span_id(trace, part));
	if (parent_id != 0) {
		key_span_id(out, "parentSpanId", parent_id);
	}
	key_text(out, "name", trace_name(part->kind));
	json_out_key(out, "kind");
	json_out_u64(out, is_root ? OTLP_KIND_SERVER : OTLP_KIND_INTERNAL);
	key_number(out, "startTimeUnixNano", unix_ns(trace, part->began_us));
	key_number(out, "endTimeUnixNano", unix_ns(trace, part->ended_us));
	json_out_key(out, "attributes");
	write_attributes(out, trace, part);
	json_out_key(out, "status");
	json_out_object_begin(out);
	json_out_key(out, "code");
	json_out_u64(out, part->status >= 500 ? OTLP_STATUS_ERROR : OTLP_STATUS_UNSET);
	json_out_object_end(out);
	json_out_object_end(out);
}

static void write_spans(struct json_out *out, const struct trace *trace)
{
	json_out_array_begin(out);
	for (size_t i = 0; i < trace->part_count; i++) {
		write_span(out, trace, &trace->parts[i]);
	}
	json_out_array_end(out);
}

static size_t finish(const struct json_out *out)
{
	size_t bytes = 0;

	return json_out_finish(out, &bytes) == ERR_OK ? bytes : 0;
}

size_t trace_json_spans(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
	struct json_out out;
	size_t bytes;

	json_out_init(&out, (uint8_t *)buffer, buffer_bytes);
	write_spans(&out, trace);
	bytes = finish(&out);
	if (bytes < 2) {
		return 0;
	}
	memmove(buffer, buffer + 1, bytes - 2); /* without its brackets */
	return bytes - 2;
}

size_t trace_json_show(
	const struct traces *traces, struct slice id, char *buffer, size_t buffer_bytes)
{
	const struct trace *trace = traces_find(traces, id);
	struct json_out out;

	if (trace == NULL) {
		return 0;
	}
	json_out_init(&out, (uint8_t *)buffer, buffer_bytes);
	json_out_object_begin(&out);
	key_text(&out, "corr_id", trace->corr_id);
	json_out_key(&out, "trace_id");
	json_out_hex(&out, (struct slice){ trace->trace_id.bytes, ID_BYTES });
	key_text(&out, "route", trace->route);
	json_out_key(&out, "cut");
	json_out_bool(&out, trace->is_cut);
	json_out_key(&out, "spans");
	write_spans(&out, trace);
	json_out_object_end(&out);
	return finish(&out);
}

static void write_line(struct json_out *out, const struct trace *trace)
{
	for (size_t i = 0; i < trace->part_count; i++) {
		const struct trace_part *part = &trace->parts[i];

		if (part->kind == TRACE_REQUEST) {
			json_out_object_begin(out);
			json_out_key(out, "ts_ms");
			json_out_u64(out, unix_ns(trace, part->began_us) / 1000000);
			key_text(out, "corr_id", trace->corr_id);
			key_text(out, "route", trace->route);
			json_out_key(out, "status");
			json_out_u64(out, part->status);
			json_out_key(out, "us");
			json_out_u64(out, (uint64_t)(part->ended_us - part->began_us));
			json_out_object_end(out);
			return;
		}
	}
}

size_t trace_json_list(const struct traces *traces, char *buffer, size_t buffer_bytes)
{
	uint64_t oldest = traces->no_last < LIST_MAX ? 0 : traces->no_last - LIST_MAX;
	struct json_out out;

	json_out_init(&out, (uint8_t *)buffer, buffer_bytes);
	json_out_object_begin(&out);
	json_out_key(&out, "traces");
	json_out_array_begin(&out);
	for (uint64_t no = traces->no_last; no > oldest; no--) {
		write_line(&out, &traces->ring[no % TRACES_MAX]);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	return finish(&out);
}
