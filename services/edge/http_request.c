/* The head of an HTTP request, from its bytes to who answers it. Every case is a row of
 * DESIGN-WALL.md section 5; core/ knows those that follow from the bytes alone. */
#include "services/edge/edge.h"

#include <stdio.h>
#include <string.h>

#include "core/amount.h"
#include "core/http_range.h"

static void refuse(struct exchange *exchange, const struct http_answer *answer, uint32_t allow)
{
	struct refusal refusal = {
		.status = answer->status,
		.text = { (const uint8_t *)answer->text, strlen(answer->text) },
	};

	exchange_note_refusal(
		exchange, answer->status, replies_reason(answer->status), answer->text);
	exchange_refuse_as(exchange, &refusal, (struct answer){ .allow = allow });
}

/* A head that was not understood: one answer, and nothing behind it is looked at. */
static bool refuse_bytes(struct client *client, enum http_decision decision)
{
	struct exchange *exchange = exchange_begin(client, ROUTE_OTHER, HTTP_METHOD_UNKNOWN);

	exchange->close = true;
	http_request_classify(client, exchange);
	intake_next(client, true);
	refuse(exchange, http_answer(decision), 0);
	return true;
}

static bool has_body(const struct http_head *head)
{
	return head->chunked || head->content_length > 0;
}

/* Ours, then known, then found, then with a body that we take. */
static enum http_decision judge(const struct edge *edge, const struct http_head *head,
	enum http_decision parsed, struct route_match *ret_match)
{
	enum http_decision decision =
		http_head_check_host(head, edge->limits.host_names, edge->limits.host_name_count);
	enum http_decision found =
		route_table_find(edge->plane, head->path, head->method, ret_match);

	if (decision != HTTP_OK) {
		return decision;
	}
	if (parsed != HTTP_OK) {
		return parsed;
	}
	if (head->method == HTTP_METHOD_OPTIONS && head->path.bytes_count == 0) {
		ret_match->allow = route_table_methods(edge->plane);
		return HTTP_OK;
	}
	if (found == HTTP_OK && ret_match->route == ROUTE_OBJECT_PUT) {
		return http_head_check_object(head);
	}
	if (found == HTTP_OK && edge->plane == PLANE_ADMIN && !has_body(head)) {
		return HTTP_OK; /* a reason may be missing */
	}
	if (found == HTTP_OK && routes_is_write(ret_match->route)) {
		return http_head_check_json(head);
	}
	return found;
}

static bool begins_with(struct slice path, const char *prefix)
{
	return path.bytes_count >= strlen(prefix) &&
	       memcmp(path.bytes, prefix, strlen(prefix)) == 0;
}

static void classify(struct exchange *exchange, struct slice path)
{
	exchange->is_v1 = begins_with(path, "/v1/");
	exchange->is_reward = begins_with(path, "/rewarder/");
}

/* What the scanner found of the target, which is known before its head is. */
void http_request_classify(const struct client *client, struct exchange *exchange)
{
	const struct http_scan *scan = &client->scan;
	const uint8_t *target = client->in + client->in_head + scan->method_bytes + 1;

	if (scan->state >= HTTP_SCAN_TARGET) {
		classify(exchange, (struct slice){ target, scan->target_bytes });
	}
}

/* Of a longer one as much as shows that it is too long. */
static void keep_idem_key(struct exchange *exchange, const struct http_head *head)
{
	size_t bytes_count = head->idempotency_key.bytes_count;

	if (bytes_count > sizeof exchange->idem_key) {
		bytes_count = sizeof exchange->idem_key;
	}
	exchange->idem_key_bytes = (uint8_t)bytes_count;
	if (bytes_count > 0) {
		memcpy(exchange->idem_key, head->idempotency_key.bytes, bytes_count);
	}
}

static void keep_variable(struct exchange *exchange, struct slice variable)
{
	size_t bytes_count = variable.bytes_count;

	if (bytes_count > sizeof exchange->variable) {
		bytes_count = sizeof exchange->variable;
	}
	exchange->variable_bytes = (uint8_t)bytes_count;
	if (bytes_count > 0) {
		memcpy(exchange->variable, variable.bytes, bytes_count);
	}
}

static void keep_corr_id(struct exchange *exchange, const struct http_head *head)
{
	if (head->corr_id.bytes_count > 0 && head->corr_id.bytes_count <= UUID_TEXT_BYTES) {
		exchange->corr_id_bytes = (uint8_t)head->corr_id.bytes_count;
		memcpy(exchange->corr_id, head->corr_id.bytes, exchange->corr_id_bytes);
		exchange->corr_id[exchange->corr_id_bytes] = '\0';
	}
}

static void answer_json(struct exchange *exchange, uint16_t status, size_t bytes_count)
{
	struct edge *edge = exchange->client->edge;
	struct answer answer = {
		.status = status,
		.body = { edge->scratch, bytes_count },
		.retry_after_s = status == 503 ? replies_retry_after_s(&edge->readiness) : 0,
	};

	exchange_answer(exchange, &answer);
}

/* What it is changes with the version alone. Empty: there is none. */
static void answer_document(
	struct exchange *exchange, const struct http_head *head, struct slice document)
{
	char tag[DOCUMENTS_TAG_BYTES + 3];
	struct http_reply_field etag = { "ETag", { (const uint8_t *)tag, sizeof tag - 1 } };
	struct answer answer = {
		.status = 200,
		.cache = READ_CACHE_ASK,
		.body = document,
		.fields = &etag,
		.fields_count = 1,
	};

	if (document.bytes_count == 0) {
		exchange_refuse(exchange, 404, REASON_NONE,
			"there is no schema of that name; GET /schemas lists them");
		return;
	}
	(void)snprintf(tag, sizeof tag, "\"%s\"", documents_tag(document));
	if (http_range_has_tag(head->if_none_match,
		    (struct slice){ (const uint8_t *)tag + 1, DOCUMENTS_TAG_BYTES })) {
		answer.status = 304;
		answer.body = (struct slice){ NULL, 0 };
	}
	exchange_answer(exchange, &answer);
}

/* False: the route has none. */
static bool answer_with_document(
	struct exchange *exchange, const struct http_head *head, const struct route_match *match)
{
	struct slice document;

	if (match->route == ROUTE_OPENAPI) {
		document = documents_openapi();
	} else if (match->route == ROUTE_COMPUTE_SCHEMA) {
		document = documents_compute_schema();
	} else if (match->route == ROUTE_SCHEMAS) {
		document = documents_schemas();
	} else if (match->route == ROUTE_SCHEMA) {
		document = documents_schema(match->variable);
	} else {
		return false;
	}
	answer_document(exchange, head, document);
	return true;
}

/* What the edge knows itself. */
static void answer_here(struct exchange *exchange, const struct http_head *head)
{
	struct edge *edge = exchange->client->edge;
	const struct readiness *readiness = &edge->readiness;

	switch ((enum route)exchange->route) {
	case ROUTE_HEALTHZ:
		answer_json(exchange, 200, replies_health(edge->scratch));
		break;
	case ROUTE_READYZ:
		answer_json(exchange, readiness->now.ready ? 200 : 503,
			replies_readiness(edge->scratch, readiness));
		break;
	case ROUTE_VERSION:
		answer_json(exchange, 200, replies_version(edge->scratch, readiness));
		break;
	case ROUTE_METRICS:
		exposition_answer(exchange, head->accepts_openmetrics);
		break;
	case ROUTE_OPENAPI:
	case ROUTE_COMPUTE_SCHEMA:
	case ROUTE_SCHEMAS:
	case ROUTE_SCHEMA:
	case ROUTE_OTHER:
	case ROUTE_ADMIN_STATUS:
	case ROUTE_ADMIN_RECOVERY:
	case ROUTE_ADMIN_EVENTS:
	case ROUTE_ADMIN_RELOAD:
	case ROUTE_ADMIN_SHUTDOWN:
	case ROUTE_INGEST:
	case ROUTE_ROOTS:
	case ROUTE_ENTRY:
	case ROUTE_TLOG_CHECKPOINT:
	case ROUTE_TLOG_TILE:
	case ROUTE_PROOF_ENTRY:
	case ROUTE_PROOF_CONSISTENCY:
	case ROUTE_BALANCE:
	case ROUTE_TX:
	case ROUTE_TX_PROOF:
	case ROUTE_HISTORY:
	case ROUTE_EVENTS:
	case ROUTE_ISSUE:
	case ROUTE_TRANSFER:
	case ROUTE_BURN:
	case ROUTE_HOLD:
	case ROUTE_CAPTURE:
	case ROUTE_RELEASE:
	case ROUTE_OBJECT_PUT:
	case ROUTE_OBJECT:
	case ROUTE_REWARD_COMPUTE:
	case ROUTE_REWARD_RELEASE:
	case ROUTE_REWARD_EPOCH:
	case ROUTE_REWARD_MANIFEST:
	case ROUTE_REWARD_RUNS:
	case ROUTE_REWARD_POLICY_PUT:
	case ROUTE_REWARD_POLICY:
	case ROUTE_EXPORT:
	case ROUTE_SIGN_SNAPSHOT:
	case ROUTE_VERIFY:
	case ROUTE_PROBE:
	case ROUTE_COUNT:
		assert(false);
		break;
	}
}

/* PAYLOAD_REQUEST says what `query` is. */
static struct slice rest_of(const struct http_head *head, const struct route_match *match)
{
	const uint8_t *end;

	if (match->variable.bytes_count == 0) {
		return head->query;
	}
	if (head->query.bytes_count == 0) {
		return match->variable;
	}
	end = head->query.bytes + head->query.bytes_count;
	return (struct slice){ match->variable.bytes, (size_t)(end - match->variable.bytes) };
}

/* Decimal, canonical, at most 2^63 - 1. */
static bool parse_event_id(struct slice text, uint64_t *ret_seq)
{
	u128 seq;

	if (amount_parse((const char *)text.bytes, text.bytes_count, &seq) != AMOUNT_OK ||
		seq > INT64_MAX) {
		return false;
	}
	*ret_seq = (uint64_t)seq;
	return true;
}

/* The id of an event of the node; false: it was refused. */
static bool read_cursor(struct exchange *exchange, const struct http_head *head,
	bool *ret_has_cursor, uint64_t *ret_cursor)
{
	*ret_has_cursor = head->last_event_id.bytes != NULL;
	if (!*ret_has_cursor || parse_event_id(head->last_event_id, ret_cursor)) {
		return true;
	}
	exchange_refuse(exchange, 400, REASON_UNKNOWN_KIND,
		"Last-Event-ID: expected the id of an event, digits from 0 to 2^63-1");
	return false;
}

static void ask_read(
	struct exchange *exchange, const struct http_head *head, const struct route_match *match)
{
	struct edge *edge = exchange->client->edge;
	struct ask ask = {
		.query = rest_of(head, match),
		.deadline_mono_ms = (uint64_t)edge_now_us() / 1000 + edge->limits.req_timeout_ms,
	};
	bool has_cursor = false;
	uint64_t cursor = 0;
	enum err err;

	(void)!http_head_bearer(head, &ask.token);
	if (ask.token.bytes_count > VERB_TOKEN_BYTES_MAX) {
		exchange_refuse(
			exchange, 401, REASON_UNAUTH, "the token is longer than any can be");
		return;
	}
	if (ask.query.bytes_count > VERB_QUERY_BYTES_MAX) {
		exchange_refuse(exchange, 414, REASON_TOO_LARGE, "the query is too long");
		return;
	}
	if (dispatch_gate(exchange)) {
		return;
	}
	if (head->last_event_id.bytes != NULL && match->route == ROUTE_EVENTS &&
		!parse_event_id(head->last_event_id, &ask.offset)) {
		exchange_refuse(exchange, 400, REASON_UNKNOWN_KIND,
			"Last-Event-ID: expected a seq, digits from 0 to 2^63-1");
		return;
	}
	rewards_keep(exchange, head);
	if (match->route == ROUTE_ADMIN_EVENTS &&
		!read_cursor(exchange, head, &has_cursor, &cursor)) {
		return;
	}
	err = objects_keep(exchange, head, &ask) &&
			      watch_keep(exchange, &ask, has_cursor, cursor) &&
			      events_keep(exchange, &ask, head->accepts_events) &&
			      pull_keep(exchange, &ask)
		      ? dispatch_request(exchange, &ask)
		      : ERR_BUSY;
	if (err != ERR_OK) {
		dispatch_refuse(exchange, err);
	}
}

/* R-O22: how long a client waits for an epoch that is being computed. */
#define WAIT_MS_MAX 5000u

static bool keep_wait(struct exchange *exchange, struct slice text)
{
	u128 wait_ms;

	if (text.bytes == NULL || exchange->route != ROUTE_REWARD_COMPUTE) {
		return true;
	}
	if (amount_parse((const char *)text.bytes, text.bytes_count, &wait_ms) != AMOUNT_OK ||
		wait_ms == 0 || wait_ms > WAIT_MS_MAX) {
		return false;
	}
	exchange->wait_ms = (uint16_t)wait_ms;
	return true;
}

static void ask_write(struct exchange *exchange, const struct http_head *head, bool too_large)
{
	struct client *client = exchange->client;
	struct slice token = { NULL, 0 };

	client->current = exchange; /* whatever is said now is said before its body */
	client->wants_continue = head->expect_continue;
	if (too_large) {
		refuse(exchange, http_answer(HTTP_BODY_TOO_LARGE), 0);
		return;
	}
	if (head->query.bytes_count > 0) {
		exchange_refuse_api(exchange, 400, REASON_UNKNOWN_KIND, API_REASON_UNKNOWN_FIELD,
			"a write has no query");
		return;
	}
	if (!keep_wait(exchange, head->deadline_ms)) {
		exchange_refuse_api(exchange, 400, REASON_UNKNOWN_KIND, API_REASON_SCHEMA,
			"X-Request-Deadline-Ms: expected milliseconds, digits from 1 to 5000");
		return;
	}
	if (dispatch_gate(exchange)) {
		return;
	}
	(void)!http_head_bearer(head, &token);
	intake_begin(client, exchange, token, head->expect_continue);
}

/* Answers at once; the body, if any, is drained or ends the connection. */
static void answer_before_body(struct exchange *exchange, const struct http_head *head,
	enum http_decision decision, const struct route_match *match)
{
	struct client *client = exchange->client;

	client->current = exchange;
	client->wants_continue = head->expect_continue;
	if (decision == HTTP_OK) { /* OPTIONS */
		exchange_answer(exchange, &(struct answer){ .status = 204, .allow = match->allow });
		return;
	}
	const struct http_answer *answer = http_answer(decision);
	/* 405 names what would do, if it is only OPTIONS (RFC 9110 section 15.5.6) */
	refuse(exchange, answer,
		answer->status != 405 ? 0 : match->allow | HTTP_METHOD_BIT(HTTP_METHOD_OPTIONS));
}

static void begin(struct client *client, const struct http_head *head, enum http_decision decision,
	const struct route_match *match)
{
	struct exchange *exchange = exchange_begin(client, match->route, head->method);
	bool too_large = http_body_begin(&client->body, head,
				 client->edge->limits.body_bytes_max) == HTTP_BODY_TOO_LARGE;

	exchange->close |= head->close;
	classify(exchange, head->path);
	exchange->is_gzip = head->gzip;
	keep_corr_id(exchange, head);
	traces_decide(exchange, head->traceparent);
	keep_idem_key(exchange, head);
	client->in_head += client->scan.bytes_count;
	client->input_due_us = 0;
	if (decision != HTTP_OK || head->method == HTTP_METHOD_OPTIONS) {
		answer_before_body(exchange, head, decision, match);
	} else if (exchange_is_write(exchange)) {
		keep_variable(exchange,
			match->route == ROUTE_OBJECT_PUT ? head->content_type : match->variable);
		ask_write(exchange, head, too_large);
	} else {
		intake_next(client, exchange->close);
		if (route_table_owner(match->route) != PROCESS_COUNT) {
			ask_read(exchange, head, match);
		} else if (!answer_with_document(exchange, head, match)) {
			answer_here(exchange, head);
		}
	}
}

static bool parsed(struct client *client)
{
	struct slice bytes = { client->in + client->in_head, client->scan.bytes_count };
	struct http_head head;
	struct route_match match;
	enum http_decision decision = http_head_parse(bytes, &client->scan, &head);

	if (decision != HTTP_OK && http_answer(decision)->close) {
		return refuse_bytes(client, decision);
	}
	decision = judge(client->edge, &head, decision, &match);
	if (decision == HTTP_OK &&
		!exchange_may_begin(client, match.route, routes_is_write(match.route))) {
		return false; /* and parsed again when there is room: it lies where it lay */
	}
	begin(client, &head, decision, &match);
	return true;
}

bool http_request_step(struct client *client)
{
	size_t at = client->in_head + client->scan.bytes_count;
	struct slice more = { client->in + at, client->in_tail - at };
	enum http_decision decision;
	size_t used = 0;

	if (client->in_tail == client->in_head || !exchange_may_begin(client, ROUTE_OTHER, false)) {
		return false;
	}
	if (client->scan.state == HTTP_SCAN_DONE) {
		return parsed(client);
	}
	if (client->scan.bytes_count == 0) {
		client->first_byte_us = edge_now_us();
		client->input_due_us = client->first_byte_us + client->edge->limits.read_us;
	}
	decision = http_scan(&client->scan, &http_limits_default, more, &used);
	if (decision == HTTP_MORE) {
		return false;
	}
	return decision == HTTP_OK ? parsed(client) : refuse_bytes(client, decision);
}
