#ifndef SUPERVISOR_TRACES_H
#define SUPERVISOR_TRACES_H

#include "common/clock.h"
#include "common/log_record.h"
#include "common/trace.h"

/* Spans of all workers, joined by their ticket, in a ring of the last traces: `macronode trace`
 * looks there, and the exporter is fed from it. What is in a record is a worker's word, and is
 * believed as far as a picture of a request goes, no further. */

/* At the usual share of a busy node the last minutes; 1.5 MiB if all are used. */
#define TRACES_MAX 512u

/* The longest way has 8; an object or a run may be asked for in other words. */
#define TRACE_SPANS_MAX 24u

#define TRACE_TEXT_BYTES_MAX 47u

struct trace_part {
	uint8_t kind; /* enum trace_kind */
	struct process_id by;
	uint16_t status; /* 0: none */
	int64_t began_us, ended_us;
	uint64_t seq, count, nonce; /* 0: none */
	char reason[TRACE_TEXT_BYTES_MAX + 1];
};

struct trace {
	uint64_t ticket; /* 0: free */
	uint64_t no;     /* from 1 */
	bool has_root;   /* the edge told its part, and so the next five */
	bool is_settled;
	bool was_taken; /* by the exporter */
	bool is_cut;    /* there were more than TRACE_SPANS_MAX */
	struct id128 trace_id;
	uint64_t parent_span;
	int64_t unix_us_of_zero; /* of the monotonic clock */
	char corr_id[TRACE_TEXT_BYTES_MAX + 1];
	char route[TRACE_TEXT_BYTES_MAX + 1];
	struct instant since; /* its first, then its root's record came */
	size_t part_count;
	struct trace_part parts[TRACE_SPANS_MAX];
};

struct traces {
	bool has_exporter;
	uint64_t no_last;
	struct trace ring[TRACES_MAX]; /* no % TRACES_MAX */
};

struct traces *traces_create(bool has_exporter); /* NULL: no memory */
void traces_destroy(struct traces *traces);

/* context: struct traces */
void traces_take(void *context, struct process_id by, const struct log_record *record);

/* The newest of that correlation id, or trace id in hex; NULL: there is none. */
const struct trace *traces_find(const struct traces *traces, struct slice id);

/* Marks those whose last records must have come. */
void traces_settle(struct traces *traces, struct instant now);
/* The oldest that is settled and was not taken; it is, now. NULL: there is none. */
const struct trace *traces_next(struct traces *traces);

/* The part that it lies in; NULL: it lies in none. */
const struct trace_part *traces_parent(const struct trace *trace, const struct trace_part *part);
uint64_t traces_span_id(const struct trace *trace, const struct trace_part *part);

/* trace_json.c: the bytes written; 0: not found, or it does not fit. */
size_t trace_json_list(const struct traces *traces, char *buffer, size_t buffer_bytes);
size_t trace_json_show(
	const struct traces *traces, struct slice id, char *buffer, size_t buffer_bytes);
/* Its spans as OTLP/JSON, with commas between them. */
size_t trace_json_spans(const struct trace *trace, char *buffer, size_t buffer_bytes);

#endif
