#include "supervisor/traces.h"

#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"
#include "core/hex.h"

/* Records of one request come through several pipes: the edge's may be the first. */
#define SETTLE_MS 300

/* Above every deadline of a request: the edge has died, or its record was dropped. */
#define ORPHAN_MS 60000

struct traces *traces_create(bool has_exporter)
{
	struct traces *traces = calloc(1, sizeof *traces);

	if (traces != NULL) {
		traces->has_exporter = has_exporter;
	}
	return traces;
}

void traces_destroy(struct traces *traces)
{
	free(traces);
}

static void drop(const struct traces *traces, const struct trace *trace)
{
	if (traces->has_exporter && trace->ticket != 0 && !trace->was_taken) {
		metrics_inc(METRIC_TRACES_DROPPED, METRIC_PLAIN);
	}
}

/* The newest are the likeliest. */
static struct trace *find(struct traces *traces, uint64_t ticket)
{
	uint64_t oldest = traces->no_last < TRACES_MAX ? 0 : traces->no_last - TRACES_MAX;

	for (uint64_t no = traces->no_last; no > oldest; no--) {
		struct trace *trace = &traces->ring[no % TRACES_MAX];

		if (trace->ticket == ticket) {
			return trace;
		}
	}
	return NULL;
}

static struct trace *begin(struct traces *traces, uint64_t ticket)
{
	struct trace *trace = &traces->ring[++traces->no_last % TRACES_MAX];

	drop(traces, trace);
	*trace = (struct trace){
		.ticket = ticket,
		.no = traces->no_last,
		.since = clock_now(),
		.unix_us_of_zero = clock_unix_ms() * 1000 - clock_now().monotonic_us,
	};
	return trace;
}

static uint64_t number_of(const struct log_record *record, enum log_field field)
{
	return record->values[field].present ? record->values[field].number : 0;
}

/* Cut to what fits; what is no plain character is none of ours. */
static void keep_text(const struct log_record *record, enum log_field field,
	char ret_text[TRACE_TEXT_BYTES_MAX + 1])
{
	struct slice text = record->values[field].bytes;
	size_t count = 0;

	while (record->values[field].present && count < text.bytes_count &&
		count < TRACE_TEXT_BYTES_MAX) {
		uint8_t byte = text.bytes[count];

		ret_text[count++] = byte < ' ' || byte >= 0x7F ? '?' : (char)byte;
	}
	ret_text[count] = '\0';
}

static void take_root(struct trace *trace, const struct log_record *record)
{
	const struct log_value *id = &record->values[LOG_FIELD_trace_id];

	if (trace->has_root || !id->present) {
		return;
	}
	trace->has_root = true;
	trace->since = clock_now();
	memcpy(trace->trace_id.bytes, id->bytes.bytes, ID_BYTES);
	trace->parent_span = number_of(record, LOG_FIELD_parent_span);
	keep_text(record, LOG_FIELD_corr_id, trace->corr_id);
	keep_text(record, LOG_FIELD_route, trace->route);
}

void traces_take(void *context, struct process_id by, const struct log_record *record)
{
	struct traces *traces = context;
	uint64_t ticket = number_of(record, LOG_FIELD_ticket);
	uint64_t kind = number_of(record, LOG_FIELD_span);
	int64_t began_us = (int64_t)number_of(record, LOG_FIELD_began_us);
	int64_t ended_us = (int64_t)number_of(record, LOG_FIELD_ended_us);
	struct trace *trace;
	struct trace_part *part;

	if (ticket == 0 || began_us < 0 || ended_us < began_us ||
		trace_name((unsigned)(kind < TRACE_KIND_END ? kind : TRACE_NONE)) == NULL) {
		return;
	}
	trace = find(traces, ticket);
	if (trace == NULL) {
		trace = begin(traces, ticket);
	}
	if (trace->part_count == TRACE_SPANS_MAX) {
		trace->is_cut = true;
		return;
	}
	part = &trace->parts[trace->part_count++];
	*part = (struct trace_part){
		.kind = (uint8_t)kind,
		.by = by,
		.status = (uint16_t)number_of(record, LOG_FIELD_status),
		.began_us = began_us,
		.ended_us = ended_us,
		.seq = number_of(record, LOG_FIELD_seq),
		.count = number_of(record, LOG_FIELD_count),
		.nonce = number_of(record, LOG_FIELD_nonce),
	};
	keep_text(record, LOG_FIELD_reason, part->reason);
	if (kind == TRACE_REQUEST) {
		take_root(trace, record);
	}
}

static bool is_of(const struct trace *trace, struct slice id)
{
	char hex[HEX_TEXT_BYTES(ID_BYTES) + 1];

	hex_encode(trace->trace_id.bytes, ID_BYTES, hex);
	return (id.bytes_count == strlen(trace->corr_id) &&
		       memcmp(id.bytes, trace->corr_id, id.bytes_count) == 0) ||
	       (id.bytes_count == strlen(hex) && memcmp(id.bytes, hex, id.bytes_count) == 0);
}

const struct trace *traces_find(const struct traces *traces, struct slice id)
{
	const struct trace *found = NULL;

	for (size_t i = 0; i < TRACES_MAX; i++) {
		const struct trace *trace = &traces->ring[i];

		if (trace->has_root && is_of(trace, id) &&
			(found == NULL || trace->no > found->no)) {
			found = trace;
		}
	}
	return found;
}

/* --- for the exporter --- */

/* A graph of the commit leads to a request that was in it. */
static void show_commit(const struct trace *trace)
{
	for (size_t i = 0; i < trace->part_count; i++) {
		const struct trace_part *part = &trace->parts[i];

		if (part->kind == TRACE_COMMIT) {
			metrics_exemplar(METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN,
				&trace->trace_id, (uint64_t)(part->ended_us - part->began_us));
		}
	}
}

void traces_settle(struct traces *traces, struct instant now)
{
	for (size_t i = 0; i < TRACES_MAX; i++) {
		struct trace *trace = &traces->ring[i];
		int64_t wait_ms = trace->has_root ? SETTLE_MS : ORPHAN_MS;

		if (trace->ticket == 0 || trace->is_settled ||
			!instant_reached(instant_after(trace->since, duration_ms(wait_ms)), now)) {
			continue;
		}
		trace->is_settled = true;
		if (trace->has_root) {
			show_commit(trace);
		} else {
			trace->was_taken = true; /* nobody knows whose it is */
		}
	}
}

const struct trace *traces_next(struct traces *traces)
{
	struct trace *oldest = NULL;

	for (size_t i = 0; i < TRACES_MAX; i++) {
		struct trace *trace = &traces->ring[i];

		if (trace->ticket != 0 && trace->is_settled && !trace->was_taken &&
			(oldest == NULL || trace->no < oldest->no)) {
			oldest = trace;
		}
	}
	if (oldest != NULL) {
		oldest->was_taken = true;
	}
	return oldest;
}

/* --- what lies in what --- */

static const struct trace_part *part_of_kind(const struct trace *trace, enum trace_kind kind)
{
	for (size_t i = 0; i < trace->part_count; i++) {
		if (trace->parts[i].kind == kind) {
			return &trace->parts[i];
		}
	}
	return NULL;
}

/* A sequencer's work lies in a wallet's, if there is one. */
static const struct trace_part *operation_of(const struct trace *trace)
{
	for (unsigned kind = TRACE_ISSUE; kind <= TRACE_RELEASE; kind++) {
		const struct trace_part *part = part_of_kind(trace, (enum trace_kind)kind);

		if (part != NULL) {
			return part;
		}
	}
	return part_of_kind(trace, TRACE_REQUEST);
}

const struct trace_part *traces_parent(const struct trace *trace, const struct trace_part *part)
{
	enum trace_kind kind = (enum trace_kind)part->kind;

	while (kind != TRACE_REQUEST && kind != TRACE_ASSIGN && kind != TRACE_NONE) {
		const struct trace_part *parent;

		kind = trace_parent(kind);
		parent = part_of_kind(trace, kind);
		if (parent != NULL && parent != part) {
			return parent;
		}
	}
	return kind == TRACE_ASSIGN ? operation_of(trace) : NULL;
}

/* Other for each part of each trace, and the same whenever it is asked for. splitmix64. */
uint64_t traces_span_id(const struct trace *trace, const struct trace_part *part)
{
	uint64_t id =
		trace->ticket + (uint64_t)(part - trace->parts + 1) * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < ID_BYTES; i++) {
		id = (id << 8 | id >> 56) ^ trace->trace_id.bytes[i];
	}
	id = (id ^ id >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	id = (id ^ id >> 27) * UINT64_C(0x94d049bb133111eb);
	id ^= id >> 31;
	return id == 0 ? 1 : id;
}
