#include "common/trace.h"

static const struct span_row {
	const char *name;
	uint8_t parent; /* enum trace_kind */
	uint16_t verb;
} rows[TRACE_KIND_END] = {
#define AS_ROW(id, NAME, name, parent, verb) [id] = { name, TRACE_##parent, verb },
	TRACE_SPANS(AS_ROW)
#undef AS_ROW
};

struct trace_work trace_work_of(uint64_t ticket)
{
	if (!trace_is_sampled(ticket)) {
		return (struct trace_work){ .ticket = 0 };
	}
	return (struct trace_work){ .ticket = ticket, .since = clock_now() };
}

void trace_span(enum trace_kind kind, uint64_t ticket, struct instant since, struct instant until,
	const struct log_fields *more)
{
	struct log_fields fields = { .zeros = 0 };

	if (!trace_is_sampled(ticket)) {
		return;
	}
	if (more != NULL) {
		fields = *more;
	}
	fields.ticket = ticket;
	fields.span = kind;
	fields.began_us = (uint64_t)since.monotonic_us;
	fields.ended_us = (uint64_t)until.monotonic_us;
	log_always(LOG_SPAN, &fields);
}

void trace_done(enum trace_kind kind, const struct trace_work *work, const struct log_fields *more)
{
	if (work->ticket != 0) {
		trace_span(kind, work->ticket, work->since, clock_now(), more);
	}
}

/* Of others the corr_id is a number of their own. */
static bool bears_ticket(unsigned receiver, unsigned sender)
{
	return sender == PROCESS_INGRESS || sender == PROCESS_ADMIN ||
	       (sender == PROCESS_PREVALIDATOR && receiver != PROCESS_KMS);
}

int64_t trace_request_came(unsigned receiver, const struct oap_from *from)
{
	bool is_traced = trace_is_sampled(from->corr_id) && bears_ticket(receiver, from->process);

	return is_traced ? clock_now().monotonic_us : 0;
}

void trace_request_done(const struct oap_from *from)
{
	const struct trace_work work = { from->corr_id, { from->came_us } };

	if (from->came_us == 0) {
		return;
	}
	for (unsigned kind = 1; kind < TRACE_KIND_END; kind++) {
		if (rows[kind].verb != 0 && rows[kind].verb == from->verb) {
			trace_done((enum trace_kind)kind, &work, NULL);
		}
	}
}

const char *trace_name(unsigned kind)
{
	return kind < TRACE_KIND_END ? rows[kind].name : NULL;
}

enum trace_kind trace_parent(unsigned kind)
{
	return kind < TRACE_KIND_END ? (enum trace_kind)rows[kind].parent : TRACE_NONE;
}
