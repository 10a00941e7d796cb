/* OAP/1 with a local client: frames in, frames out. What the frames mean: oap_request.h. */
#include "services/edge/edge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

/* --- answers --- */

static void put_frame(struct client *client, struct buffer *to, const struct frame_head *head,
	const uint8_t *payload)
{
	uint8_t *bytes = client_reserve(client, to, FRAME_HEAD_BYTES + head->payload_bytes);

	if (bytes == NULL) {
		return;
	}
	frame_encode(head, bytes);
	if (head->payload_bytes > 0) {
		memcpy(bytes + FRAME_HEAD_BYTES, payload, head->payload_bytes);
	}
	to->tail += FRAME_HEAD_BYTES + head->payload_bytes;
}

/* What HTTP says in a field comes as an event before the answer. */
void oap_client_replayed(struct client *client, struct buffer *to, const struct exchange *exchange)
{
	static const char text[] = "{\"replayed\":true}";
	struct frame_head head = {
		.flags = FRAME_EVENT,
		.verb = exchange->oap_verb,
		.corr_id = exchange->oap_corr_id,
		.payload_bytes = sizeof text - 1,
	};

	put_frame(client, to, &head, (const uint8_t *)text);
}

void oap_client_answer(struct client *client, struct buffer *to, const struct exchange *exchange,
	uint16_t verb, struct slice body, bool is_last)
{
	size_t done = 0;

	do {
		size_t left = body.bytes_count - done;
		bool is_rest = left <= FRAME_CHUNK_BYTES_MAX;
		struct frame_head head = {
			.flags = FRAME_RESP | (is_rest && is_last ? FRAME_END : FRAME_CONT),
			.verb = verb == 0 ? exchange->oap_verb : verb,
			.corr_id = exchange->oap_corr_id,
			.payload_bytes = is_rest ? (uint32_t)left : FRAME_CHUNK_BYTES_MAX,
		};

		put_frame(client, to, &head, body.bytes + done);
		done += head.payload_bytes;
	} while (done < body.bytes_count);
}

/* Only for the eldest: progress of a younger one is not worth waiting for. */
void oap_client_event(struct exchange *exchange, struct slice body)
{
	struct client *client = exchange->client;
	struct frame_head head = {
		.flags = FRAME_EVENT,
		.verb = exchange->oap_verb,
		.corr_id = exchange->oap_corr_id,
		.payload_bytes = (uint32_t)body.bytes_count,
	};

	if (exchange->is_oap && exchange == &client->ring[client->ring_first] &&
		client_unsent(client) == 0) {
		put_frame(client, &client->out, &head, body.bytes);
		client_mark(client);
	}
}

void oap_client_tell(struct exchange *exchange, uint16_t verb, struct slice body)
{
	struct client *client = exchange->client;
	bool is_eldest = exchange == &client->ring[client->ring_first];
	struct frame_head head = {
		.flags = FRAME_EVENT,
		.verb = verb,
		.corr_id = exchange->oap_corr_id,
		.payload_bytes = (uint32_t)body.bytes_count,
	};

	put_frame(client, is_eldest ? &client->out : &exchange->early, &head, body.bytes);
}

/* --- requests --- */

/* The client's own number is its correlation id, in decimal. */
static struct exchange *begin(struct client *client, const struct oap_request_head *head)
{
	struct exchange *exchange = exchange_begin(client, head->route, HTTP_METHOD_UNKNOWN);

	exchange->oap_corr_id = head->corr_id;
	exchange->oap_verb = head->verb;
	exchange->corr_id_bytes = (uint8_t)snprintf(
		exchange->corr_id, sizeof exchange->corr_id, "%" PRIu64, head->corr_id);
	traces_decide(exchange, (struct slice){ NULL, 0 });
	return exchange;
}

static void refuse(struct client *client, const struct oap_request_head *head,
	enum oap_request_verdict verdict)
{
	struct oap_request_head other = { .corr_id = head->corr_id, .verb = head->verb };
	struct exchange *exchange = begin(client, &other);
	const char *text = oap_request_text(verdict);
	struct refusal refusal = {
		.status = 400,
		.code = oap_request_code(verdict),
		.text = { (const uint8_t *)text, strlen(text) },
	};

	exchange->close = true;
	intake_next(client, true);
	exchange_note_refusal(exchange, refusal.status, REASON_UNKNOWN_KIND, text);
	exchange_refuse_as(exchange, &refusal, (struct answer){ .status = 400 });
}

static void ask(struct exchange *exchange, const struct oap_request_head *head)
{
	struct edge *edge = exchange->client->edge;
	struct ask ask = {
		.token = head->token,
		.query = head->query,
		.deadline_mono_ms = (uint64_t)edge_now_us() / 1000 + edge->limits.req_timeout_ms,
	};
	enum err err;

	if (head->route != ROUTE_PROBE && dispatch_gate(exchange)) {
		return;
	}
	if (head->route == ROUTE_PROBE) {
		err = dispatch_probe(exchange, ask.deadline_mono_ms);
	} else {
		err = events_keep(exchange, &ask, false) && pull_keep(exchange, &ask)
			      ? dispatch_request(exchange, &ask)
			      : ERR_BUSY;
	}
	if (err != ERR_OK) {
		dispatch_refuse(exchange, err);
	}
}

/* The first frame of an object, which may be the only one. */
static void take_object(
	struct client *client, struct exchange *exchange, const struct oap_request_head *head)
{
	client->frame_left = head->body_bytes;
	client->frame_is_last = !head->goes_on;
	client->body_bytes = (uint32_t)head->object_bytes;
	exchange->variable_bytes = (uint8_t)head->query.bytes_count;
	if (head->query.bytes_count > 0) {
		memcpy(exchange->variable, head->query.bytes, head->query.bytes_count);
	}
	if (!dispatch_gate(exchange)) {
		intake_begin(client, exchange, head->token, false);
	}
}

static void take(struct client *client, const struct oap_request_head *head)
{
	struct exchange *exchange = begin(client, head);

	client->in_head += head->head_bytes;
	client->input_due_us = 0;
	client->body = (struct http_body){
		.state = head->body_bytes == 0 ? HTTP_BODY_DONE : HTTP_BODY_LENGTH,
		.left_bytes = head->body_bytes,
	};
	if (!exchange_is_write(exchange)) {
		intake_next(client, exchange->close);
		ask(exchange, head);
		return;
	}
	client->current = exchange;
	client->wants_continue = false;
	if (head->route == ROUTE_OBJECT_PUT) {
		take_object(client, exchange, head);
	} else if (head->body_bytes > client->edge->limits.body_bytes_max) {
		exchange_refuse(
			exchange, 413, REASON_TOO_LARGE, http_answer(HTTP_BODY_TOO_LARGE)->text);
	} else if (!dispatch_gate(exchange)) {
		intake_begin(client, exchange, head->token, false);
	}
}

/* Flags that we don't know: perhaps a later version's; the frame is dropped and counted. */
static void skip(struct client *client, const struct oap_request_head *head)
{
	metrics_inc(METRIC_REJECTED, metrics_label_reason(REASON_UNKNOWN_KIND));
	log_event(LOG_REQUEST_REFUSED, &(struct log_fields){ .verb = head->verb,
					       .reason = reason_name(REASON_UNKNOWN_KIND),
					       .text = "a frame with unknown flags" });
	client->in_head += head->head_bytes;
	intake_next(client, false);
	if (head->body_bytes > 0) {
		client->body = (struct http_body){
			.state = HTTP_BODY_LENGTH,
			.left_bytes = head->body_bytes,
		};
		client->input = INPUT_DRAIN;
		client->input_due_us = edge_now_us() + client->edge->limits.read_us;
	}
}

bool oap_client_step(struct client *client)
{
	struct slice bytes = { client->in + client->in_head, client->in_tail - client->in_head };
	struct oap_request_head head;
	enum oap_request_verdict verdict;

	if (bytes.bytes_count == 0 || !exchange_may_begin(client, ROUTE_OTHER, false)) {
		return false;
	}
	if (client->input_due_us == 0) {
		client->first_byte_us = edge_now_us();
		client->input_due_us = client->first_byte_us + client->edge->limits.read_us;
	}
	verdict = oap_request_decode(bytes, &head);
	switch (verdict) {
	case OAP_REQUEST_MORE:
		return false;
	case OAP_REQUEST_SKIP:
		skip(client, &head);
		return true;
	case OAP_REQUEST_OK:
		if (!exchange_may_begin(client, head.route, routes_is_write(head.route))) {
			return false;
		}
		take(client, &head);
		return true;
	case OAP_REQUEST_VERSION:
	case OAP_REQUEST_TOO_LARGE:
	case OAP_REQUEST_LENGTH:
	case OAP_REQUEST_COMPRESSED:
	case OAP_REQUEST_FLAGS:
	case OAP_REQUEST_TENANT:
	case OAP_REQUEST_VERB:
	case OAP_REQUEST_PAYLOAD:
	case OAP_REQUEST_TOKEN:
	case OAP_REQUEST_PROOF:
	case OAP_REQUEST_OBJECT:
	case OAP_REQUEST_CHUNK:
	case OAP_REQUEST_SIZE:
	case OAP_REQUEST_VERDICT_COUNT:
		break;
	}
	refuse(client, &head, verdict);
	return true;
}
