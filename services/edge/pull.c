/* Answers that are longer than one piece are pulled from their owner as the client takes them
 * (DESIGN-WALL.md section 3): nobody but the client's own buffer holds more than 64 KiB of one.
 * The question is kept, and asked again for the piece behind the last. Once the first piece is
 * out its end cannot be told otherwise than by the end of the connection. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "services/edge/edge.h"

/* The next piece is asked for when this little of the last ones is left. */
#define UNSENT_BYTES_LOW VERB_REPLY_BYTES_MAX

struct pull {
	bool has_begun;     /* its head is out */
	uint64_t first;     /* where the answer begins, of a part of an object */
	uint64_t got_bytes; /* of the answer */
	uint64_t total_bytes;
	int64_t due_us; /* of the piece that is wanted next; 0: none is */
	size_t token_bytes, query_bytes;
	uint8_t bytes[]; /* token, query */
};

/* Entry bundles, objects and manifests; everything else fits one piece. */
static bool may_be_long(const struct exchange *exchange)
{
	return (exchange->route == ROUTE_TLOG_TILE || exchange->route == ROUTE_OBJECT ||
		       exchange->route == ROUTE_REWARD_MANIFEST) &&
	       exchange->method != HTTP_METHOD_HEAD;
}

bool pull_keep(struct exchange *exchange, const struct ask *ask)
{
	struct pull *pull;

	if (!may_be_long(exchange)) {
		return true;
	}
	pull = malloc(sizeof *pull + ask->token.bytes_count + ask->query.bytes_count);
	if (pull == NULL) {
		return false;
	}
	*pull = (struct pull){
		.token_bytes = ask->token.bytes_count,
		.query_bytes = ask->query.bytes_count,
	};
	if (pull->token_bytes > 0) {
		memcpy(pull->bytes, ask->token.bytes, pull->token_bytes);
	}
	if (pull->query_bytes > 0) {
		memcpy(pull->bytes + pull->token_bytes, ask->query.bytes, pull->query_bytes);
	}
	exchange->pull = pull;
	return true;
}

void pull_forget(struct exchange *exchange)
{
	if (exchange->pull != NULL) {
		explicit_bzero(exchange->pull->bytes, exchange->pull->token_bytes);
		free(exchange->pull);
		exchange->pull = NULL;
	}
}

bool pull_has_begun(const struct exchange *exchange)
{
	return exchange->pull != NULL && exchange->pull->has_begun;
}

bool pull_begin(struct exchange *exchange, uint64_t first, uint64_t count, size_t there)
{
	struct pull *pull = exchange->pull;

	assert(!pull->has_begun && there <= count);
	pull->has_begun = true;
	pull->first = first;
	pull->got_bytes = there;
	pull->total_bytes = count;
	return there == count;
}

bool pull_is_at(const struct exchange *exchange, uint64_t offset)
{
	return offset == exchange->pull->first + exchange->pull->got_bytes;
}

bool pull_take(struct exchange *exchange, struct slice *bytes)
{
	struct pull *pull = exchange->pull;
	uint64_t left = pull->total_bytes - pull->got_bytes;

	if (bytes->bytes_count > left) {
		bytes->bytes_count = (size_t)left;
	}
	pull->got_bytes += bytes->bytes_count;
	pull->due_us = 0;
	return pull->got_bytes == pull->total_bytes;
}

bool pull_fits(const struct exchange *exchange, const struct oap_blob *msg)
{
	const struct pull *pull = exchange->pull;
	uint64_t got_bytes = pull == NULL ? 0 : pull->got_bytes;

	if (msg->offset != got_bytes || (got_bytes > 0 && msg->total != pull->total_bytes)) {
		return false;
	}
	return msg->bytes.bytes_count == msg->total || may_be_long(exchange) ||
	       exchange->method == HTTP_METHOD_HEAD;
}

bool pull_note(struct exchange *exchange, const struct oap_blob *msg)
{
	struct pull *pull = exchange->pull;

	if (pull == NULL) {
		return true;
	}
	pull->has_begun = true;
	pull->got_bytes += msg->bytes.bytes_count;
	pull->total_bytes = msg->total;
	pull->due_us = 0;
	return pull->got_bytes == pull->total_bytes;
}

/* --- the next piece --- *
 * Who is busy now may have room at the next tick, but not for ever. */

/* The eldest of a connection, whose last piece came and is nearly gone. */
static struct exchange *wants_more(struct client *client)
{
	struct exchange *exchange = &client->ring[client->ring_first];

	if (client->ring_count == 0 || client->is_broken || exchange->answered ||
		!pull_has_begun(exchange) || exchange->ticket != 0) {
		return NULL;
	}
	return exchange;
}

static bool has_room(const struct client *client)
{
	return client_unsent(client) <= UNSENT_BYTES_LOW &&
	       client_unsent(client) + client->reserved_bytes <= EDGE_OUT_BYTES_MAX;
}

static enum err ask_again(struct exchange *exchange, int64_t now_us)
{
	const struct pull *pull = exchange->pull;
	struct ask ask = {
		.token = { pull->bytes, pull->token_bytes },
		.query = { pull->bytes + pull->token_bytes, pull->query_bytes },
		.offset = pull->first + pull->got_bytes,
		.deadline_mono_ms =
			(uint64_t)now_us / 1000 + exchange->client->edge->limits.req_timeout_ms,
	};

	return dispatch_request(exchange, &ask);
}

bool pull_may_wait(struct exchange *exchange, uint16_t status)
{
	if (status != 429 || edge_now_us() >= exchange->pull->due_us) {
		return false;
	}
	dispatch_end(exchange);
	return true;
}

void pull_step(struct client *client)
{
	struct exchange *exchange = wants_more(client);
	int64_t now_us;
	enum err err;

	if (exchange == NULL || !has_room(client)) {
		return;
	}
	now_us = edge_now_us();
	if (exchange->pull->due_us == 0) {
		exchange->pull->due_us =
			now_us + (int64_t)client->edge->limits.req_timeout_ms * 1000;
	}
	err = ask_again(exchange, now_us);
	if (err != ERR_OK) {
		dispatch_refuse(exchange, err);
	}
}

bool pull_is_waiting(struct client *client)
{
	struct exchange *exchange = wants_more(client);

	return exchange != NULL && exchange->pull->due_us != 0;
}

/* Its head said how long it is, and it will not be. */
void pull_break(struct exchange *exchange)
{
	log_event(LOG_REQUEST_REFUSED,
		&(struct log_fields){ .ticket = exchange->ticket,
			.corr_id = exchange->corr_id,
			.route = routes_template(exchange->route),
			.status = 503,
			.reason = reason_name(REASON_INTERNAL),
			.text = "the rest of a long answer could not be had" });
	exchange->client->is_broken = true;
	client_mark(exchange->client);
}
