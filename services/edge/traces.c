/* Which requests are traced, and what the edge itself tells of them (common/trace.h). A client's
 * word counts (traceparent), a part of the others is drawn, and in safe mode everybody is traced;
 * all of that within a number a second, so that no client makes the node talk to itself. What fails
 * or is slow and was not traced has at least the edge's part; but not what the edge answers by
 * itself, as a probe of readiness, which may say 503 all day. */
#include "services/edge/edge.h"

#include "common/trace.h"
#include "core/traceparent.h"

/* A request that lasts so long should be looked into: budgets end far below. */
#define SLOW_US INT64_C(1000000)

#define DRAW_BITS 32u

void traces_open(struct edge *edge, const struct config *config)
{
	edge->trace_below = (config->otel_sample_ratio << DRAW_BITS) / 1000000u;
	edge->trace_rate = limiter_share(config->otel_traces_per_second_max, 0, 1);
}

static bool is_drawn(struct edge *edge)
{
	uint32_t draw;

	if (edge->trace_below == 0) {
		return false;
	}
	edge_random(edge, &draw, sizeof draw);
	return draw < edge->trace_below;
}

static bool take_in(struct exchange *exchange)
{
	struct edge *edge = exchange->client->edge;

	if (!limiter_take(&edge->traces, edge->trace_rate, edge_now_us())) {
		return false;
	}
	metrics_inc(METRIC_TRACES_SAMPLED, METRIC_PLAIN);
	if (!exchange->has_parent) {
		edge_random(edge, exchange->trace_id.bytes, ID_BYTES);
	}
	exchange->is_traced = true;
	return true;
}

void traces_decide(struct exchange *exchange, struct slice parent)
{
	struct edge *edge = exchange->client->edge;
	struct traceparent told;
	bool is_wanted = edge->readiness.now.safe_mode != 0;

	if (traceparent_parse(parent, &told)) {
		exchange->has_parent = true;
		exchange->trace_id = told.trace_id;
		exchange->parent_span = told.parent_id;
		is_wanted |= told.is_sampled;
	} else {
		is_wanted |= is_drawn(edge);
	}
	if (is_wanted) {
		(void)take_in(exchange);
	}
}

/* Later tickets of the same request, for the next pieces of its answer, are not traced: one trace
 * is known by one ticket. */
uint64_t traces_mark(struct exchange *exchange, uint64_t random)
{
	bool is_traced = exchange->is_traced && exchange->trace_ticket == 0;

	return (random & ~TRACE_SAMPLED_BIT) | (is_traced ? TRACE_SAMPLED_BIT : 0);
}

void traces_keep_ticket(struct exchange *exchange, uint64_t number)
{
	if (exchange->trace_ticket == 0 && trace_is_sampled(number)) {
		exchange->trace_ticket = number;
	}
}

/* A stream and an answer in pieces last as long as the client wants. */
static bool is_slow(const struct exchange *exchange, int64_t now_us)
{
	return exchange->events == NULL && exchange->watch == NULL && exchange->pull == NULL &&
	       now_us - exchange->first_byte_us >= SLOW_US;
}

static void tell(const struct exchange *exchange, uint16_t status, int64_t now_us)
{
	trace_span(TRACE_REQUEST, exchange->trace_ticket,
		(struct instant){ exchange->first_byte_us }, (struct instant){ now_us },
		&(struct log_fields){
			.corr_id = exchange->corr_id,
			.route = routes_template(exchange->route),
			.status = status,
			.trace_id = &exchange->trace_id,
			.parent_span = exchange->parent_span,
		});
}

void traces_answered(struct exchange *exchange, uint16_t status, int64_t now_us)
{
	bool is_ours = route_table_owner((enum route)exchange->route) == PROCESS_COUNT;
	bool is_odd = !is_ours && (status >= 500 || is_slow(exchange, now_us));

	if (!exchange->is_traced && (!is_odd || !take_in(exchange))) {
		return;
	}
	if (exchange->trace_ticket ==
		0) { /* it never was in other hands, or was not traced there */
		edge_random(exchange->client->edge, &exchange->trace_ticket,
			sizeof exchange->trace_ticket);
		exchange->trace_ticket |= TRACE_SAMPLED_BIT;
	}
	metrics_exemplar(METRIC_EXEMPLAR_HTTP_REQUEST_DURATION, exchange->route,
		&exchange->trace_id, (uint64_t)(now_us - exchange->first_byte_us));
	metrics_exemplar(METRIC_EXEMPLAR_REQUEST_LATENCY, exchange->route, &exchange->trace_id,
		(uint64_t)(now_us - exchange->head_us));
	tell(exchange, status, now_us);
}
