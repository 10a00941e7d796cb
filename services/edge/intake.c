/* The body of a write, from the client to a prevalidator.
 *
 *   none, or at most 16 KiB   goes with the request, out of the buffer that it came into
 *   longer, of known length   the head goes first; the body is read when the prevalidator says
 *                             PROCEED, and passed on in pieces as it comes
 *   of an object, known       as one that is longer, to archive, which says itself how far
 *   chunked                   its length is known only at its end, so it is decoded into a store
 *                             of our own first, and then goes one of these ways
 *
 * So a long body is read only for who was let in, or, chunked, within the budget of bodies. */
#include <string.h>

#include "common/object_faults.h"
#include "services/edge/edge.h"

static uint64_t plain_deadline_ms(const struct edge *edge)
{
	return (uint64_t)edge_now_us() / 1000 + edge->limits.req_timeout_ms;
}

/* Until when so many bytes of a body may come in: never past the request's whole. */
static int64_t body_due_us(const struct client *client, uint64_t bytes_count)
{
	const struct edge_limits *limits = &client->edge->limits;
	int64_t more_us = (int64_t)(bytes_count / EDGE_BODY_STEP_BYTES) * 1000000;
	int64_t now_us = edge_now_us();
	int64_t due_us = now_us + limits->read_us + more_us;
	int64_t whole_us = client->first_byte_us + 2 * limits->read_us;

	due_us = due_us < whole_us ? due_us : whole_us;
	return due_us > now_us ? due_us : now_us;
}

static struct slice token_of(const struct client *client)
{
	const uint8_t *bytes = client->input == INPUT_CHUNKS ? client->store.bytes : client->in;

	return (struct slice){ bytes + client->token_at, client->token_bytes };
}

static void say_continue(struct client *client)
{
	struct slice text = http_reply_continue();
	uint8_t *to;

	if (!client->wants_continue || client->in_tail > client->in_head) {
		client->wants_continue = false; /* it did not wait for us */
		return;
	}
	client->wants_continue = false;
	to = client_reserve(client, &client->out, text.bytes_count);
	if (to != NULL) {
		memcpy(to, text.bytes, text.bytes_count);
		client->out.tail += text.bytes_count;
	}
}

void intake_next(struct client *client, bool close)
{
	client->current = NULL;
	client->scan = (struct http_scan){ .bytes_count = 0 };
	client->input = close ? INPUT_DISCARD : INPUT_HEAD;
	client->input_due_us = 0;
}

/* The body is with us, or with the prevalidator, to its last byte. */
static void taken(struct client *client)
{
	client->body.state = HTTP_BODY_DONE;
	client->store.head = client->store.tail = 0;
	intake_next(client, client->current->close);
}

static bool is_object(const struct exchange *exchange)
{
	return exchange->route == ROUTE_OBJECT_PUT;
}

static void send_inline(struct client *client, struct slice body)
{
	struct exchange *exchange = client->current;
	struct ask ask = {
		.token = token_of(client),
		.body = body,
		.body_bytes = (uint32_t)body.bytes_count,
		.deadline_mono_ms = plain_deadline_ms(client->edge),
	};
	enum err err = dispatch_request(exchange, &ask);

	if (client->input != INPUT_CHUNKS) {
		client->in_head += body.bytes_count;
	}
	taken(client);
	if (err != ERR_OK) {
		dispatch_refuse(exchange, err);
	}
}

static void send_head(struct client *client, uint32_t body_bytes)
{
	struct exchange *exchange = client->current;
	int64_t body_us = body_due_us(client, body_bytes) - edge_now_us();
	struct ask ask = {
		.token = token_of(client),
		.body_bytes = body_bytes,
		.deadline_mono_ms = plain_deadline_ms(client->edge) +
				    (body_us > 0 ? (uint64_t)body_us / 1000 : 0),
	};
	enum err err = dispatch_request(exchange, &ask);

	client->input = INPUT_PROCEED;
	client->input_due_us = 0; /* now it is the prevalidator's turn */
	client->body_bytes = body_bytes;
	client->body_sent = 0;
	client->body_upto = is_object(exchange) ? 0 : body_bytes;
	if (err != ERR_OK) {
		dispatch_refuse(exchange, err);
	}
}

static bool reserve_body(struct client *client, uint64_t bytes_count)
{
	struct edge *edge = client->edge;

	if (bytes_count > EDGE_BODIES_BYTES_MAX - edge->bodies_bytes) {
		dispatch_refuse(client->current, ERR_BUSY);
		return false;
	}
	edge->bodies_bytes += bytes_count;
	client->current->body_reserved = (uint32_t)bytes_count;
	return true;
}

static void begin_chunks(struct client *client, struct slice token)
{
	uint8_t *to;

	if (!reserve_body(client, client->edge->limits.body_bytes_max)) {
		return;
	}
	to = client_reserve(client, &client->store, token.bytes_count);
	if (to == NULL) {
		return;
	}
	if (token.bytes_count > 0) {
		memcpy(to, token.bytes, token.bytes_count);
	}
	client->store.tail = token.bytes_count;
	client->token_at = 0;
	client->input = INPUT_CHUNKS;
	client->input_due_us = body_due_us(client, client->edge->limits.body_bytes_max);
	say_continue(client);
}

void intake_begin(
	struct client *client, struct exchange *exchange, struct slice token, bool wants_continue)
{
	client->current = exchange;
	client->wants_continue = wants_continue;
	client->token_bytes = (uint32_t)token.bytes_count;
	client->token_at = token.bytes_count == 0 ? 0 : (uint32_t)(token.bytes - client->in);
	client->input = INPUT_BODY;
	if (token.bytes_count > VERB_TOKEN_BYTES_MAX) {
		exchange_refuse(exchange, 401, REASON_UNAUTH, "token");
	} else if (client->body.state == HTTP_BODY_SIZE) {
		begin_chunks(client, token);
	} else if (is_object(exchange)) {
		if (reserve_body(client, OBJECT_WINDOW_BYTES)) {
			send_head(client, exchange->is_oap ? client->body_bytes
							   : (uint32_t)client->body.left_bytes);
		}
	} else if (client->body.left_bytes > VERB_BODY_INLINE_BYTES_MAX) {
		if (reserve_body(client, client->body.left_bytes)) {
			send_head(client, (uint32_t)client->body.left_bytes);
		}
	} else {
		client->input_due_us = body_due_us(client, client->body.left_bytes);
	}
}

static bool body_step(struct client *client)
{
	size_t bytes_count = (size_t)client->body.left_bytes;

	if (client->in_tail - client->in_head >= bytes_count) {
		send_inline(client, (struct slice){ client->in + client->in_head, bytes_count });
		return true;
	}
	/* From here on what was read stays where it is, and all of it finds room. */
	size_t from = client->token_bytes == 0 ? client->in_head : client->token_at;
	client_pull(client, from);
	client->token_at = 0;
	say_continue(client);
	return false;
}

/* To the prevalidator what was decoded beforehand. */
static void send_store(struct client *client)
{
	while (client->body_sent < client->body_upto) {
		size_t at = client->token_bytes + client->body_sent;
		size_t bytes_count = client->body_upto - client->body_sent;

		bytes_count = bytes_count > VERB_BODY_CHUNK_BYTES_MAX ? VERB_BODY_CHUNK_BYTES_MAX
								      : bytes_count;
		if (!dispatch_body(client->current, client->body_sent,
			    (struct slice){ client->store.bytes + at, bytes_count })) {
			return; /* its end is told by the link */
		}
		client->body_sent += (uint32_t)bytes_count;
	}
	if (client->body_sent == client->body_bytes) {
		taken(client);
	}
}

static void chunks_done(struct client *client)
{
	size_t body_bytes = client->store.tail - client->token_bytes;
	struct slice body = { client->store.bytes + client->token_bytes, body_bytes };

	if (body_bytes <= VERB_BODY_INLINE_BYTES_MAX && !is_object(client->current)) {
		send_inline(client, body);
	} else {
		send_head(client, (uint32_t)body_bytes);
	}
}

static void refuse_framing(struct client *client, enum http_decision decision)
{
	const struct http_answer *answer = http_answer(decision);

	client->current->close = true;
	exchange_refuse(client->current, answer->status, REASON_NONE, answer->text);
}

static bool chunks_step(struct client *client)
{
	struct slice more = { client->in + client->in_head, client->in_tail - client->in_head };
	struct slice data = { NULL, 0 };
	size_t used = 0;
	enum http_decision decision;
	uint8_t *to;

	if (more.bytes_count == 0) {
		return false;
	}
	decision = http_body_feed(&client->body, &http_limits_default, more, &used, &data);
	if (decision != HTTP_OK && decision != HTTP_MORE) {
		refuse_framing(client, decision);
		return true;
	}
	client->in_head += used;
	to = client_reserve(client, &client->store, data.bytes_count);
	if (to == NULL) {
		return false;
	}
	if (data.bytes_count > 0) {
		memcpy(to, data.bytes, data.bytes_count);
	}
	client->store.tail += data.bytes_count;
	if (decision == HTTP_OK) {
		chunks_done(client);
	}
	return true;
}

void intake_passed(struct client *client)
{
	if (client->body_sent == client->body_bytes) {
		taken(client);
	} else if (client->body_sent == client->body_upto) {
		client->input = INPUT_PROCEED;
		client->input_due_us = 0; /* it is not the client that is waited for */
	}
}

/* Passes on what is there, or throws it away. */
static bool stream_step(struct client *client)
{
	struct slice more = { client->in + client->in_head, client->in_tail - client->in_head };
	struct slice data = { NULL, 0 };
	size_t used = 0;
	enum http_decision decision;

	if (client->input == INPUT_STREAM && is_object(client->current)) {
		if (client->current->is_oap) {
			return oap_upload_step(client);
		}
		if (more.bytes_count > client->body_upto - client->body_sent) {
			more.bytes_count = client->body_upto - client->body_sent;
		}
	}
	if (more.bytes_count == 0) {
		return false;
	}
	decision = http_body_feed(&client->body, &http_limits_default, more, &used, &data);
	assert(decision == HTTP_OK || decision == HTTP_MORE); /* its length is known */
	client->in_head += used;
	if (client->input == INPUT_STREAM) {
		(void)dispatch_body(client->current, client->body_sent, data);
		client->body_sent += (uint32_t)data.bytes_count;
		assert((decision == HTTP_OK) == (client->body_sent == client->body_bytes));
		intake_passed(client);
	} else if (decision == HTTP_OK) {
		intake_next(client, client->is_closing);
	}
	return true;
}

bool intake_step(struct client *client)
{
	switch (client->input) {
	case INPUT_BODY:
		return body_step(client);
	case INPUT_CHUNKS:
		return chunks_step(client);
	case INPUT_STREAM:
	case INPUT_DRAIN:
		return stream_step(client);
	case INPUT_HEAD:
	case INPUT_PROCEED:
	case INPUT_DISCARD:
		break;
	}
	return false;
}

void intake_proceed(struct client *client)
{
	bool is_oap = client->current->is_oap && is_object(client->current);

	assert(client->input == INPUT_PROCEED);
	if (client->body.state == HTTP_BODY_DONE && !is_oap) {
		send_store(client);
	} else {
		client->input = INPUT_STREAM;
		client->input_due_us = is_oap ? edge_now_us() + client->edge->limits.read_us
					      : body_due_us(client, client->body_bytes);
		say_continue(client);
	}
	client_mark(client);
}

void intake_settle(struct client *client, struct exchange *exchange)
{
	bool waits = client->wants_continue; /* whether its body will come, nobody knows */

	if (exchange->is_oap && is_object(exchange)) {
		client->body = (struct http_body){
			.state = client->frame_left == 0 ? HTTP_BODY_DONE : HTTP_BODY_LENGTH,
			.left_bytes = client->frame_left,
		};
		exchange->close |= !client->frame_is_last; /* frames may come that go on with it */
	}
	client->store.head = client->store.tail = 0;
	if (client->body.state == HTTP_BODY_DONE) {
		intake_next(client, exchange->close);
	} else if (!exchange->close && !waits && http_body_drainable(&client->body)) {
		intake_next(client, false);
		client->input = INPUT_DRAIN;
		client->input_due_us = edge_now_us() + EDGE_DISCARD_US;
	} else {
		exchange->close = true;
		intake_next(client, true);
	}
}
