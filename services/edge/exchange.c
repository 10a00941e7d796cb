/* A request of a connection, from its first byte to its answer. Answers go out in the order of
 * the requests: one that is ready before its elders waits in its exchange. */
#include "services/edge/edge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

/* A head of ours: status line, date, two correlation ids, Allow. */
#define HEAD_BYTES_MAX 1024u

/* --- begin --- */

bool exchange_is_write(const struct exchange *exchange)
{
	return routes_is_write(exchange->route);
}

static uint32_t answer_bytes_of(enum route route)
{
	if (route == ROUTE_TLOG_TILE || route == ROUTE_EXPORT || route == ROUTE_HISTORY ||
		route == ROUTE_EVENTS || route == ROUTE_OBJECT || route == ROUTE_REWARD_MANIFEST ||
		route == ROUTE_REWARD_RUNS || route == ROUTE_REWARD_POLICY ||
		admin_acts_of(route) != ADMIN_ACT_COUNT) { /* a piece of it, or all */
		return VERB_REPLY_BYTES_MAX + HEAD_BYTES_MAX;
	}
	if (route == ROUTE_OPENAPI || route == ROUTE_SCHEMAS || route == ROUTE_SCHEMA) {
		return (uint32_t)documents_openapi().bytes_count + HEAD_BYTES_MAX; /* the largest */
	}
	return route == ROUTE_ROOTS ? REPLIES_ROOTS_BYTES_MAX : EDGE_ANSWER_BYTES_USUAL;
}

bool exchange_may_begin(struct client *client, enum route route, bool is_write)
{
	size_t promised = client_unsent(client) + client->reserved_bytes + answer_bytes_of(route);
	bool alone = client->ring_count == 0;

	if (client->ring_count == EDGE_PIPELINE_MAX || client->barrier || (is_write && !alone) ||
		(promised > EDGE_OUT_BYTES_MAX && (!alone || client_unsent(client) > 0))) {
		client->is_blocked = true;
		return false;
	}
	return true;
}

/* One that came in without id gets a random one (RFC 9562 version 4). */
static void make_corr_id(struct exchange *exchange)
{
	struct id128 id;

	edge_random(exchange->client->edge, id.bytes, sizeof id.bytes);
	id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0fu) | 0x40u);
	id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3fu) | 0x80u);
	uuid_print(&id, exchange->corr_id);
	exchange->corr_id_bytes = UUID_TEXT_BYTES;
}

static void count_in_flight(struct edge *edge, enum route route, bool begins)
{
	edge->in_flight[route] += begins ? 1 : (uint32_t)-1;
	edge->exchange_count += begins ? 1 : (uint32_t)-1;
	metrics_set(METRIC_INFLIGHT_REQUESTS, route, edge->in_flight[route]);
}

struct exchange *exchange_begin(struct client *client, enum route route, enum http_method method)
{
	unsigned at = (client->ring_first + client->ring_count) % EDGE_PIPELINE_MAX;
	struct exchange *exchange = &client->ring[at];
	struct buffer early = exchange->early;

	assert(client->ring_count < EDGE_PIPELINE_MAX);
	client->ring_count++;
	*exchange = (struct exchange){
		.client = client,
		.first_byte_us = client->first_byte_us,
		.head_us = edge_now_us(),
		.route = (uint8_t)route,
		.method = (uint8_t)method,
		.is_oap = client->wire == WIRE_OAP,
		.is_v1 = routes_is_v1(route),
		.is_reward = routes_is_reward(route),
		.close = client->edge->is_draining,
		.reserved_bytes = answer_bytes_of(route),
		.config_generation = client->edge->worker->config_generation,
		.early = early,
	};
	make_corr_id(exchange);
	client->reserved_bytes += exchange->reserved_bytes;
	client->barrier |= exchange_is_write(exchange);
	count_in_flight(client->edge, route, true);
	return exchange;
}

/* --- answers --- */

static const char *date_now(struct edge *edge)
{
	uint64_t now_unix_s = (uint64_t)clock_unix_ms() / 1000;

	if (edge->date_unix_s != now_unix_s) {
		edge->date_unix_s = now_unix_s;
		http_reply_date(now_unix_s, edge->date);
	}
	return edge->date;
}

/* Of most answers the next may differ already. */
static struct http_reply_field cache_field(enum read_cache cache)
{
	static const char *const texts[READ_CACHE_COUNT] = {
		[READ_CACHE_NEVER] = "no-store",
		[READ_CACHE_ASK] = "no-cache",
		[READ_CACHE_FOREVER] = "public, max-age=31536000, immutable",
		[READ_CACHE_FOREVER_OWN] = "private, max-age=31536000, immutable",
	};

	return (struct http_reply_field){
		"Cache-Control",
		{ (const uint8_t *)texts[cache], strlen(texts[cache]) },
	};
}

static struct http_reply_field replayed_field(void)
{
	return (struct http_reply_field){
		"Idempotency-Replayed",
		{ (const uint8_t *)"true", sizeof "true" - 1 },
	};
}

/* Of an answer: the cache's, three of a rate, and at most one or three more. */
#define FIELDS_MAX 8u

/* X-RateLimit-Limit and so on: a client that reads them need not hear a 429. */
#define RATE_FIELDS     3u
#define RATE_DIGITS_MAX 11u

static size_t put_rate_fields(const struct limiter_left *left,
	char digits[RATE_FIELDS][RATE_DIGITS_MAX], struct http_reply_field *fields)
{
	static const char *const names[RATE_FIELDS] = {
		"X-RateLimit-Limit",
		"X-RateLimit-Remaining",
		"X-RateLimit-Reset",
	};
	const uint32_t values[RATE_FIELDS] = { left->limit, left->remaining, left->reset_s };

	if (left->limit == 0) {
		return 0;
	}
	for (size_t i = 0; i < RATE_FIELDS; i++) {
		(void)snprintf(digits[i], RATE_DIGITS_MAX, "%" PRIu32, values[i]);
		fields[i] = (struct http_reply_field){
			names[i],
			{ (const uint8_t *)digits[i], strlen(digits[i]) },
		};
	}
	return RATE_FIELDS;
}

static void write_http(
	struct buffer *to, const struct exchange *exchange, const struct answer *answer)
{
	struct http_reply_field fields[FIELDS_MAX] = { cache_field(answer->cache) };
	char digits[RATE_FIELDS][RATE_DIGITS_MAX];
	size_t fields_count = 1;
	struct client *client = exchange->client;
	bool has_type = answer->status != 204 && answer->status != 304;
	struct http_reply reply = {
		.status = answer->status,
		.date = date_now(client->edge),
		.content_type = !has_type                      ? NULL
				: answer->content_type == NULL ? replies_content_type(REPLY_ERROR)
							       : answer->content_type,
		.content_length =
			answer->total_bytes > 0 ? answer->total_bytes : answer->body.bytes_count,
		.until_close = answer->until_close,
		.close = exchange->close,
		.retry_after_s = answer->retry_after_s,
		.allow = answer->allow,
		.corr_id = { (const uint8_t *)exchange->corr_id, exchange->corr_id_bytes },
		.www_authenticate = answer->authenticate ? "Bearer" : NULL,
		.fields = fields,
	};
	uint8_t *bytes = client_reserve(client, to, HEAD_BYTES_MAX + answer->body.bytes_count);
	size_t head_bytes = 0;

	if (bytes == NULL) {
		return;
	}
	if (answer->replayed) {
		fields[fields_count++] = replayed_field();
	}
	fields_count += put_rate_fields(&exchange->left, digits, fields + fields_count);
	assert(fields_count + answer->fields_count <= FIELDS_MAX);
	for (size_t i = 0; i < answer->fields_count; i++) {
		fields[fields_count++] = answer->fields[i];
	}
	reply.fields_count = fields_count;
	enum err err = http_reply_write(&reply, bytes, HEAD_BYTES_MAX, &head_bytes);
	assert(err == ERR_OK);
	to->tail += head_bytes;
	if (http_reply_has_content((enum http_method)exchange->method, answer->status)) {
		memcpy(to->bytes + to->tail, answer->body.bytes, answer->body.bytes_count);
		to->tail += answer->body.bytes_count;
	}
}

/* The line that joins ticket and correlation id: for each request only on demand, but for what
 * others refused always, for their lines have the ticket alone. */
static bool is_worth_a_line(const struct exchange *exchange, uint16_t status)
{
	if (exchange->client->edge->logs_requests) {
		return true;
	}
	return exchange->ticket != 0 && status != 200 && status != 429 && status != 503;
}

static void account(struct exchange *exchange, uint16_t status)
{
	int64_t now_us = edge_now_us();
	enum route route = (enum route)exchange->route;
	unsigned operation = routes_operation(route);

	if (operation != 0) {
		metrics_inc(METRIC_WALLET_REQUESTS, operation - 1);
	} else if (route == ROUTE_BALANCE) {
		metrics_inc(METRIC_WALLET_REQUESTS, METRIC_OP_BALANCE);
	} else if (route == ROUTE_TX) {
		metrics_inc(METRIC_WALLET_REQUESTS, METRIC_OP_RECEIPT);
	}
	metrics_inc(METRIC_HTTP_REQUESTS, metrics_label_route_status(route, status));
	metrics_observe(
		METRIC_HTTP_REQUEST_DURATION, route, (uint64_t)(now_us - exchange->first_byte_us));
	metrics_observe(METRIC_REQUEST_LATENCY, route, (uint64_t)(now_us - exchange->head_us));
	traces_answered(exchange, status, now_us);
	if (is_worth_a_line(exchange, status)) {
		log_event(LOG_REQUEST_ANSWERED,
			&(struct log_fields){ .ticket = exchange->ticket,
				.corr_id = exchange->corr_id,
				.route = routes_template(route),
				.status = status,
				.latency_ms = (uint64_t)(now_us - exchange->first_byte_us),
				.trace_id = exchange->is_traced ? &exchange->trace_id : NULL });
	}
}

/* What it held of the node, from now on free. */
static void release(struct exchange *exchange)
{
	struct client *client = exchange->client;

	dispatch_end(exchange);
	pull_forget(exchange);
	events_forget(exchange);
	watch_forget(exchange);
	client->edge->bodies_bytes -= exchange->body_reserved;
	exchange->body_reserved = 0;
	count_in_flight(client->edge, (enum route)exchange->route, false);
	if (exchange_is_write(exchange)) {
		client->barrier = false;
	}
}

static void append_early(struct client *client, struct exchange *exchange)
{
	size_t bytes_count = exchange->early.tail - exchange->early.head;
	uint8_t *to;

	if (bytes_count == 0) {
		return;
	}
	to = client_reserve(client, &client->out, bytes_count);
	if (to != NULL) {
		memcpy(to, exchange->early.bytes + exchange->early.head, bytes_count);
		client->out.tail += bytes_count;
	}
	exchange->early.head = exchange->early.tail = 0;
}

static void pop_answered(struct client *client)
{
	while (client->ring_count > 0 && client->ring[client->ring_first].answered) {
		struct exchange *exchange = &client->ring[client->ring_first];

		append_early(client, exchange);
		if (exchange->close) {
			client->is_closing = true;
			if (client->input == INPUT_HEAD) {
				intake_next(client, true);
			}
		}
		client->reserved_bytes -= exchange->reserved_bytes;
		client->ring_first = (client->ring_first + 1) % EDGE_PIPELINE_MAX;
		client->ring_count--;
	}
	if (client->ring_count > 0) { /* what is there of an answer in pieces */
		append_early(client, &client->ring[client->ring_first]);
	}
}

static void write_more(struct client *client, struct buffer *to, struct slice bytes)
{
	uint8_t *room = client_reserve(client, to, bytes.bytes_count);

	if (room != NULL) {
		memcpy(room, bytes.bytes, bytes.bytes_count);
		to->tail += bytes.bytes_count;
	}
}

/* Nobody gets it without a good token. */
static bool is_for_few(const struct exchange *exchange)
{
	return exchange_is_write(exchange) ||
	       route_table_owner((enum route)exchange->route) == PROCESS_WALLET;
}

void exchange_answer_piece(
	struct exchange *exchange, const struct answer *answer, bool is_first, bool is_last)
{
	struct client *client = exchange->client;
	bool is_eldest = exchange == &client->ring[client->ring_first];
	struct buffer *to = is_eldest ? &client->out : &exchange->early;

	assert(!exchange->answered);
	if (client->current == exchange) {
		intake_settle(client, exchange);
	}
	if (answer->status < 300 && is_for_few(exchange)) {
		client->is_known = true;
	}
	if (is_last) {
		account(exchange, answer->status);
		release(exchange);
	} else {
		dispatch_end(exchange);
	}
	if (exchange->is_oap && answer->replayed) {
		oap_client_replayed(client, to, exchange);
	}
	if (exchange->is_oap) {
		oap_client_answer(client, to, exchange, answer->oap_verb, answer->body, is_last);
	} else if (is_first) {
		write_http(to, exchange, answer);
	} else {
		write_more(client, to, answer->body);
	}
	if (is_last) {
		objects_forget(exchange); /* whose fields were just written */
	}
	exchange->answered = is_last;
	pop_answered(client);
	client_mark(client);
}

void exchange_answer(struct exchange *exchange, const struct answer *answer)
{
	exchange_answer_piece(exchange, answer, true, true);
}

void exchange_cancel(struct exchange *exchange)
{
	struct client *client = exchange->client;
	unsigned newest = (client->ring_first + client->ring_count - 1) % EDGE_PIPELINE_MAX;

	assert(exchange == &client->ring[newest]);
	if (!exchange->answered) {
		if (client->current == exchange) {
			dispatch_abandon(exchange);
			client->current = NULL;
		}
		release(exchange);
		objects_forget(exchange);
	}
	exchange->early.head = exchange->early.tail = 0;
	client->reserved_bytes -= exchange->reserved_bytes;
	client->ring_count--;
}

/* --- refusals --- */

static enum reply_style style_of(const struct exchange *exchange)
{
	if (exchange->route == ROUTE_INGEST) {
		return REPLY_INGEST;
	}
	if (exchange->is_v1 && exchange->client->edge->plane == PLANE_API) {
		return REPLY_API;
	}
	if (exchange->is_reward && exchange->client->edge->plane == PLANE_API) {
		return REPLY_REWARD;
	}
	return exchange->client->edge->plane == PLANE_ADMIN ? REPLY_PROBLEM : REPLY_ERROR;
}

/* Each, whoever found it; and when the client may come again. */
static void count_api(const struct refusal *refusal, uint32_t *retry_after_s)
{
	const struct api_error_row *row = api_errors_row(api_reasons_error(refusal->api_reason));

	metrics_inc(METRIC_WALLET_REJECTS, row->label);
	if (*retry_after_s == 0) {
		*retry_after_s = row->retry_after_s;
	}
}

static void count_reward(const struct refusal *refusal, uint32_t *retry_after_s)
{
	enum reward_label_id label = reward_reasons_label(refusal->reward_reason);

	if (label != REWARD_LABEL_NONE) {
		metrics_inc(METRIC_REWARD_REJECTS, label);
	}
	if (*retry_after_s == 0) {
		*retry_after_s = reward_errors_row(reward_reasons_error(refusal->reward_reason))
					 ->retry_after_s;
	}
}

void exchange_refuse_as(
	struct exchange *exchange, const struct refusal *refusal, struct answer answer)
{
	struct edge *edge = exchange->client->edge;
	struct refusal told = *refusal;
	enum reply_style style = style_of(exchange);

	if (events_refused(exchange, told.status) || watch_refused(exchange, told.status)) {
		return;
	}
	if (pull_has_begun(exchange)) {
		if (!pull_may_wait(exchange, told.status)) {
			account(exchange, told.status);
			pull_break(exchange);
		}
		return;
	}
	told.corr_id =
		(struct slice){ (const uint8_t *)exchange->corr_id, exchange->corr_id_bytes };
	if (told.reason == REASON_NONE) {
		told.reason = replies_reason(told.status);
	}
	if (style == REPLY_API) {
		told.api_reason = replies_api_reason(&told);
		count_api(&told, &answer.retry_after_s);
	} else if (style == REPLY_REWARD) {
		told.reward_reason = replies_reward_reason(&told);
		count_reward(&told, &answer.retry_after_s);
	}
	if (exchange->is_oap && told.code == NULL && (told.status == 401 || told.status == 403)) {
		told.code = "AuthFailed"; /* its name on this wire */
	}
	if ((told.status == 503 || told.status == 429) && answer.retry_after_s == 0) {
		answer.retry_after_s =
			told.status == 429 ? 1 : replies_retry_after_s(&edge->readiness);
	}
	if (exchange->is_oap) {
		told.retry_after_s = answer.retry_after_s;
		told.limit = exchange->left;
	}
	answer.status = told.status;
	answer.authenticate = told.status == 401;
	answer.content_type = replies_content_type(style);
	answer.body = (struct slice){ edge->scratch, replies_refusal(edge->scratch, style, &told) };
	exchange_answer(exchange, &answer);
}

/* An overloaded node must not also log: what is busy, or ours to mend, is only counted. */
void exchange_note_refusal(
	const struct exchange *exchange, uint16_t status, enum reason reason, const char *text)
{
	metrics_inc(METRIC_REJECTED, metrics_label_reason(reason));
	if (reason == REASON_BUSY || status == 503) {
		return;
	}
	log_event(LOG_REQUEST_REFUSED, &(struct log_fields){ .corr_id = exchange->corr_id,
					       .route = routes_template(exchange->route),
					       .status = status,
					       .reason = reason_name(reason),
					       .text = text });
}

void exchange_refuse_api(struct exchange *exchange, uint16_t status, enum reason reason,
	enum api_reason api_reason, const char *text)
{
	struct refusal refusal = {
		.status = status,
		.reason = reason == REASON_NONE ? replies_reason(status) : reason,
		.api_reason = api_reason,
		.code = reason == REASON_TIMEOUT ? "Timeout" : NULL,
		.text = { (const uint8_t *)text, strlen(text) },
	};

	exchange_note_refusal(exchange, status, refusal.reason, text);
	exchange_refuse_as(exchange, &refusal, (struct answer){ .status = status });
}

void exchange_refuse(
	struct exchange *exchange, uint16_t status, enum reason reason, const char *text)
{
	exchange_refuse_api(exchange, status, reason, API_REASON_NONE, text);
}

void exchange_fail(struct exchange *exchange, const char *text)
{
	enum api_reason api_reason = API_REASON_TIMEOUT;

	if (exchange_is_write(exchange)) {
		log_event(LOG_REQUEST_UNKNOWN, &(struct log_fields){ .ticket = exchange->ticket,
						       .corr_id = exchange->corr_id,
						       .route = routes_template(exchange->route),
						       .text = text });
		text = "outcome_unknown";
		api_reason = API_REASON_OUTCOME_UNKNOWN;
	}
	exchange_refuse_api(exchange, 503, REASON_TIMEOUT, api_reason, text);
}
