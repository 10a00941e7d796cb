/* What others say: the supervisor about the node, prevalidators and owners about requests. A
 * reply counts only with its whole ticket, from the process that was asked, for a request that
 * can be answered so; what comes too late is dropped and counted. */
#include "core/detail.h"
#include "services/edge/edge.h"

#include <string.h>

#include "common/log.h"

static void drop_late(const struct oap_from *from)
{
	metrics_inc(METRIC_LATE_REPLIES, METRIC_PLAIN);
	log_event(LOG_LATE_REPLY, &(struct log_fields){ .ticket = from->corr_id,
					  .about = from->process,
					  .instance_of = from->instance,
					  .verb = from->verb });
}

/* NULL, counted: there is no such ticket any more, or it was sent elsewhere. */
static struct exchange *find(struct edge *edge, const struct oap_from *from)
{
	struct ticket *ticket = tickets_find(&edge->tickets, from->corr_id);

	if (ticket != NULL && from->process == PROCESS_PREVALIDATOR &&
		(ticket->checker != from->instance ||
			ticket->checker_generation != from->generation)) {
		ticket = NULL;
	}
	if (ticket == NULL) {
		drop_late(from);
		return NULL;
	}
	return ticket->holder;
}

static enum err on_readiness(
	void *self, const struct oap_from *from, const struct oap_readiness *msg)
{
	struct edge *edge = self;

	(void)from;
	replies_readiness_keep(&edge->readiness, msg);
	edge->readiness.is_told = true;
	return ERR_OK;
}

static enum err on_proceed(void *self, const struct oap_from *from, const struct oap_proceed *msg)
{
	struct exchange *exchange = find(self, from);
	struct client *client;

	if (exchange == NULL) {
		return ERR_OK;
	}
	client = exchange->client;
	if (client->current != exchange || client->input != INPUT_PROCEED ||
		msg->body_bytes != client->body_bytes) {
		return ERR_CONFLICT;
	}
	intake_proceed(client);
	return ERR_OK;
}

/* As what it was, a 401, the prevalidator has counted it. */
static void refuse_guess(struct exchange *exchange)
{
	static const char text[] = "auth_failures";
	struct refusal refusal = {
		.status = 429,
		.reason = REASON_BUSY,
		.api_reason = API_REASON_AUTH_FAILURES,
		.text = { (const uint8_t *)text, sizeof text - 1 },
	};

	metrics_inc(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN);
	metrics_inc(METRIC_RATE_LIMITED, METRIC_RATE_LIMIT_AUTH);
	exchange->close =
		exchange->client->current == exchange || exchange->client->ring_count == 1;
	exchange_refuse_as(exchange, &refusal, (struct answer){ .status = 429 });
}

static enum err on_refused(void *self, const struct oap_from *from, const struct oap_refused *msg)
{
	struct exchange *exchange = find(self, from);
	struct refusal refusal = {
		.status = msg->status,
		.index = msg->entry_index,
		.reason = (enum reason)msg->reason,
		.api_reason = (enum api_reason)msg->api_reason,
		.reward_reason = (enum reward_reason)msg->reward_reason,
		.text = msg->detail,
	};

	if (msg->rate_limit > 0) {
		refusal.code = "QuotaExceeded"; /* spec/node.md section 4.1 */
	}
	if (replies_check_refused(msg) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (exchange->route == ROUTE_PROBE) {
		return ERR_CONFLICT;
	}
	if (msg->status == 401 && !peers_may_fail(exchange->client)) {
		refuse_guess(exchange);
		return ERR_OK;
	}
	if (msg->rate_limit > 0) {
		exchange->left = (struct limiter_left){ .limit = msg->rate_limit,
			.reset_s = msg->rate_reset_s };
	}
	exchange_refuse_as(exchange, &refusal, (struct answer){ .status = msg->status });
	return ERR_OK;
}

static void answer_body(struct exchange *exchange, uint16_t status, size_t bytes_count)
{
	struct edge *edge = exchange->client->edge;
	struct answer answer = {
		.status = status,
		.body = { edge->scratch, bytes_count },
	};

	if (status == 429 || status == 503) {
		answer.retry_after_s = status == 429 ? 1 : replies_retry_after_s(&edge->readiness);
	}
	exchange_answer(exchange, &answer);
}

/* The sequencer knows accounts and no client; here the line gets the client's id. What is busy, or
 * ours to mend, is only counted, as everywhere. */
static void note_verdict(const struct exchange *exchange, const struct oap_verdict *msg)
{
	unsigned detail = replies_verdict_detail(msg);

	if (detail == DETAIL_NONE || msg->status == 429 || msg->status == 503) {
		return;
	}
	log_event(LOG_REQUEST_REFUSED,
		&(struct log_fields){ .ticket = exchange->ticket,
			.corr_id = exchange->corr_id,
			.route = routes_template((enum route)exchange->route),
			.status = msg->status,
			.count = msg->reasons.bytes_count / REPLIES_REASON_BYTES,
			.reason = reason_name(detail_reason(detail)),
			.text = detail_text(detail) });
}

static enum err on_verdict(void *self, const struct oap_from *from, const struct oap_verdict *msg)
{
	struct edge *edge = self;
	struct exchange *exchange = find(edge, from);
	size_t bytes_count = 0;

	if (exchange != NULL && exchange->route != ROUTE_INGEST) {
		return ERR_CONFLICT;
	}
	if (replies_verdict(edge->scratch, msg, &bytes_count) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (exchange != NULL) {
		note_verdict(exchange, msg);
		answer_body(exchange, msg->status, bytes_count);
	}
	return ERR_OK;
}

static void refuse_operation(struct exchange *exchange, const struct oap_wallet_result *msg)
{
	struct refusal refusal = {
		.status = api_errors_row(api_reasons_error(msg->api_reason))->status,
		.api_reason = (enum api_reason)msg->api_reason,
		.has_lane_last =
			msg->has_lane_last == 1 && (msg->api_reason == API_REASON_NONCE_USED ||
							   msg->api_reason == API_REASON_NONCE_GAP),
		.lane_last = msg->lane_last,
	};

	exchange_refuse_as(exchange, &refusal, (struct answer){ .status = refusal.status });
}

static enum err on_wallet_result(
	void *self, const struct oap_from *from, const struct oap_wallet_result *msg)
{
	struct exchange *exchange = find(self, from);

	if (replies_check_wallet_result(msg) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (routes_operation(exchange->route) == 0) {
		return ERR_CONFLICT;
	}
	if (msg->api_reason != API_REASON_NONE) {
		refuse_operation(exchange, msg);
	} else {
		exchange_answer(exchange, &(struct answer){ .status = 200,
						  .body = msg->receipt,
						  .replayed = msg->replayed == 1 });
	}
	return ERR_OK;
}

static enum err on_balance(void *self, const struct oap_from *from, const struct oap_balance *msg)
{
	struct edge *edge = self;
	struct exchange *exchange = find(edge, from);
	size_t bytes_count = 0;

	if (replies_balance(edge->scratch, msg, &bytes_count) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (exchange->route != ROUTE_BALANCE) {
		return ERR_CONFLICT;
	}
	if (msg->api_reason != API_REASON_NONE) {
		exchange_refuse_api(exchange,
			api_errors_row(api_reasons_error(msg->api_reason))->status, REASON_NONE,
			(enum api_reason)msg->api_reason, "");
	} else {
		answer_body(exchange, 200, bytes_count);
	}
	return ERR_OK;
}

/* Archive does not count them. */
static void refuse_read(struct exchange *exchange, uint16_t status)
{
	exchange_refuse(exchange, status, REASON_NONE,
		status == 404 ? "there is no such entry, or none that you may see"
			      : "the store cannot be read now");
}

static enum err on_roots(void *self, const struct oap_from *from, const struct oap_roots *msg)
{
	struct edge *edge = self;
	struct exchange *exchange = find(edge, from);
	size_t bytes_count = 0;

	if (exchange != NULL && exchange->route != ROUTE_ROOTS) {
		return ERR_CONFLICT;
	}
	if (replies_roots(edge->scratch, msg, &bytes_count) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (exchange != NULL && msg->next != 0) {
		answer_body(exchange, 200, bytes_count);
	} else if (exchange != NULL) {
		refuse_read(exchange, 503);
	}
	return ERR_OK;
}

static enum err on_entry(void *self, const struct oap_from *from, const struct oap_entry *msg)
{
	struct edge *edge = self;
	struct exchange *exchange = find(edge, from);
	size_t bytes_count = 0;

	if (exchange != NULL && exchange->route != ROUTE_ENTRY) {
		return ERR_CONFLICT;
	}
	if (msg->status == 200 ? replies_entry(edge->scratch, msg, &bytes_count) != ERR_OK
			       : !replies_is_refusal(msg->status)) {
		return ERR_MALFORMED;
	}
	if (exchange != NULL && msg->status == 200) {
		answer_body(exchange, 200, bytes_count);
	} else if (exchange != NULL) {
		refuse_read(exchange, msg->status);
	}
	return ERR_OK;
}

static bool is_sound(const struct oap_blob *msg)
{
	if (msg->fault != READ_FAULT_NONE) {
		return msg->fault < READ_FAULT_COUNT && msg->bytes.bytes_count == 0;
	}
	return msg->content < READ_CONTENT_COUNT && msg->cache < READ_CACHE_COUNT &&
	       msg->total <= READS_BYTES_MAX && msg->offset <= msg->total &&
	       msg->bytes.bytes_count <= msg->total - msg->offset &&
	       (msg->bytes.bytes_count > 0 || msg->total == 0);
}

static bool is_blobs(enum route route)
{
	return route == ROUTE_TLOG_CHECKPOINT || route == ROUTE_TLOG_TILE ||
	       route == ROUTE_PROOF_ENTRY || route == ROUTE_PROOF_CONSISTENCY ||
	       route == ROUTE_BALANCE || route == ROUTE_EXPORT || route == ROUTE_SIGN_SNAPSHOT ||
	       route == ROUTE_TX || route == ROUTE_TX_PROOF || route == ROUTE_HISTORY;
}

static void answer_blob(struct exchange *exchange, const struct oap_blob *msg)
{
	static const char *const types[READ_CONTENT_COUNT] = {
		[READ_CONTENT_JSON] = NULL,
		[READ_CONTENT_TEXT] = "text/plain; charset=utf-8",
		[READ_CONTENT_BYTES] = "application/octet-stream",
	};
	struct answer answer = {
		.status = 200,
		.content_type = types[msg->content],
		.cache = (enum read_cache)msg->cache,
		.total_bytes = msg->total,
		.body = msg->bytes,
	};
	bool is_first = !pull_has_begun(exchange);
	bool is_last = pull_note(exchange, msg);

	exchange_answer_piece(exchange, &answer, is_first, is_last);
}

static void refuse_fault(struct exchange *exchange, unsigned fault)
{
	exchange_refuse_api(exchange, reads_fault_status(fault), reads_fault_reason(fault),
		reads_fault_api_reason(fault), reads_fault_text(fault));
}

static enum err on_blob(void *self, const struct oap_from *from, const struct oap_blob *msg)
{
	struct edge *edge = self;
	struct exchange *exchange = find(edge, from);

	if (!is_sound(msg)) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (!is_blobs((enum route)exchange->route)) {
		return ERR_CONFLICT;
	}
	if (msg->fault != READ_FAULT_NONE) {
		refuse_fault(exchange, msg->fault);
		return ERR_OK;
	}
	if (!pull_fits(exchange, msg)) {
		return ERR_CONFLICT;
	}
	answer_blob(exchange, msg);
	return ERR_OK;
}

static enum err on_events(void *self, const struct oap_from *from, const struct oap_events *msg)
{
	struct exchange *exchange = find(self, from);

	if (msg->fault >= READ_FAULT_COUNT ||
		(msg->fault != READ_FAULT_NONE && msg->lines.bytes_count > 0)) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (exchange->events == NULL) {
		return ERR_CONFLICT;
	}
	if (msg->fault != READ_FAULT_NONE) {
		refuse_fault(exchange, msg->fault);
		return ERR_OK;
	}
	return events_take(exchange, msg);
}

static enum err on_grew(void *self, const struct oap_from *from, const struct oap_grew *msg)
{
	(void)from;
	events_grew(self, msg->size);
	return ERR_OK;
}

static enum err on_object(void *self, const struct oap_from *from, const struct oap_object *msg)
{
	return objects_take(find(self, from), msg);
}

static enum err on_put_want(void *self, const struct oap_from *from, const struct oap_put_want *msg)
{
	return objects_put_want(find(self, from), msg);
}

static enum err on_put_done(void *self, const struct oap_from *from, const struct oap_put_done *msg)
{
	return objects_put_done(find(self, from), msg);
}

static enum err on_verified(void *self, const struct oap_from *from, const struct oap_verified *msg)
{
	struct edge *edge = self;
	struct exchange *exchange = find(edge, from);
	struct ticket *ticket = tickets_find(&edge->tickets, from->corr_id);

	if (exchange == NULL) {
		return ERR_OK;
	}
	if (exchange->route != ROUTE_VERIFY || msg->done > 1) {
		return ERR_CONFLICT;
	}
	if (msg->done) {
		exchange_answer(exchange, &(struct answer){ .status = 200, .body = msg->text });
		return ERR_OK;
	}
	ticket->due_mono_ms = (uint64_t)edge_now_us() / 1000 + edge->limits.req_timeout_ms +
			      EDGE_GRACE_MS; /* it is at work */
	oap_client_event(
		exchange, (struct slice){ edge->scratch, replies_progress(edge->scratch, msg) });
	return ERR_OK;
}

static void answer_pong(struct exchange *exchange, bool echoed)
{
	struct edge *edge = exchange->client->edge;
	struct answer pong = {
		.status = 200,
		.oap_verb = OAP_PUBLIC_HEALTH_PONG,
		.body = { edge->scratch, replies_pong(edge->scratch, &edge->readiness, echoed) },
	};

	exchange_answer(exchange, &pong);
}

static enum err on_probe_echo(
	void *self, const struct oap_from *from, const struct oap_probe_echo *msg)
{
	struct exchange *exchange = find(self, from);

	if (exchange == NULL) {
		return ERR_OK;
	}
	if (exchange->route != ROUTE_PROBE || msg->nonce != exchange->probe_nonce) {
		return ERR_CONFLICT;
	}
	answer_pong(exchange, true);
	return ERR_OK;
}

static enum err on_probe_refused(
	void *self, const struct oap_from *from, const struct oap_probe_refused *msg)
{
	struct exchange *exchange = find(self, from);

	(void)msg;
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (exchange->route != ROUTE_PROBE) {
		return ERR_CONFLICT;
	}
	answer_pong(exchange, false);
	return ERR_OK;
}

static enum err on_run_reply(
	void *self, const struct oap_from *from, const struct oap_run_reply *msg)
{
	return rewards_take(find(self, from), msg);
}

/* Both come on the link that tls_signer.c reads. */
static enum err on_signed_tls(
	void *self, const struct oap_from *from, const struct oap_signed_tls *msg)
{
	struct edge *edge = self;

	return tls_signer_take(&edge->tls->signer, from, msg);
}

static enum err on_ticket_key(
	void *self, const struct oap_from *from, const struct oap_ticket_key *msg)
{
	(void)from;
	return tls_take_ticket_key(self, msg);
}

static enum err on_admin_answer(
	void *self, const struct oap_from *from, const struct oap_admin_answer *msg)
{
	return administration_take(find(self, from), msg);
}

static enum err on_node_event(
	void *self, const struct oap_from *from, const struct oap_node_event *msg)
{
	(void)from;
	return watch_told(self, msg);
}

#define HANDLERS_OF_EVERY                                                                    \
	.signed_tls = on_signed_tls, .ticket_key = on_ticket_key, .readiness = on_readiness, \
	.proceed = on_proceed, .refused = on_refused, .verdict = on_verdict,                 \
	.wallet_result = on_wallet_result, .run_reply = on_run_reply, .balance = on_balance, \
	.roots = on_roots, .entry = on_entry, .verified = on_verified, .blob = on_blob,      \
	.events = on_events, .grew = on_grew, .object = on_object, .put_want = on_put_want,  \
	.put_done = on_put_done, .probe_echo = on_probe_echo, .probe_refused = on_probe_refused

const struct oap_handlers edge_handlers = { HANDLERS_OF_EVERY };

const struct oap_handlers edge_admin_handlers = {
	HANDLERS_OF_EVERY,
	.admin_answer = on_admin_answer,
	.node_event = on_node_event,
};
