/* GET /events of the admin plane: what happens to the node (common/node_events.h), as
 * text/event-stream.
 *
 * The supervisor tells; the last NODE_EVENTS_KEPT are kept once for all clients, and where a client
 * is is one number here. So a slow reader costs nothing, and who is farther behind than what is
 * kept is told how much is lost. The token is looked at again with each heartbeat, and ends the
 * stream when it is not good any more; while it cannot be looked at (kms is away) the stream goes
 * on, for that is what it is there to tell. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/edge/edge.h"

/* Something is sent at least so often. */
#define HEARTBEAT_US INT64_C(5000000)
/* As pull.c. */
#define UNSENT_BYTES_LOW VERB_REPLY_BYTES_MAX
/* "event: ", "id: ", "data: " with a topic and a number. */
#define AROUND_BYTES_MAX 128u
#define PIECE_BYTES_MAX  VERB_REPLY_BYTES_MAX
_Static_assert(VERB_NODE_EVENT_BYTES_MAX + 2 * AROUND_BYTES_MAX <= PIECE_BYTES_MAX, "one fits");
_Static_assert(PIECE_BYTES_MAX <= METRICS_TEXT_BYTES_MAX, "the scratch holds it");

struct told_event {
	uint64_t id;
	uint8_t topic;
	size_t json_bytes;
	uint8_t *json; /* owned */
};

struct told_events {
	uint64_t count;    /* their numbers are below */
	uint64_t kept;     /* so many of the last */
	uint64_t id_first; /* of number 0 */
	struct told_event ring[NODE_EVENTS_KEPT];
};

struct watch {
	bool has_begun;
	bool has_cursor;
	uint64_t cursor; /* id of the last event that the client has seen */
	int64_t due_us;  /* of the heartbeat */
	size_t token_bytes;
	uint8_t token[];
};

/* --- a client --- */

bool watch_keep(struct exchange *exchange, const struct ask *ask, bool has_cursor, uint64_t cursor)
{
	struct edge *edge = exchange->client->edge;
	struct watch *watch;

	if (exchange->route != ROUTE_ADMIN_EVENTS || exchange->method == HTTP_METHOD_HEAD) {
		return true;
	}
	if (edge->watch_count == EDGE_WATCHES_MAX) {
		return false;
	}
	watch = malloc(sizeof *watch + ask->token.bytes_count);
	if (watch == NULL) {
		return false;
	}
	*watch = (struct watch){
		.has_cursor = has_cursor,
		.cursor = cursor,
		.token_bytes = ask->token.bytes_count,
	};
	if (watch->token_bytes > 0) {
		memcpy(watch->token, ask->token.bytes, watch->token_bytes);
	}
	exchange->watch = watch;
	edge->watch_count++;
	return true;
}

void watch_forget(struct exchange *exchange)
{
	if (exchange->watch != NULL) {
		explicit_bzero(exchange->watch->token, exchange->watch->token_bytes);
		free(exchange->watch);
		exchange->watch = NULL;
		exchange->client->edge->watch_count--;
	}
}

/* --- what is sent --- */

static uint64_t last_id(const struct told_events *told)
{
	return told == NULL || told->count == 0 ? 0 : told->id_first + told->count - 1;
}

/* Of the oldest that is there. */
static uint64_t id_kept(const struct told_events *told)
{
	return told->id_first + told->count - told->kept;
}

static const char *topic_of(unsigned topic)
{
	static const char *const topics[NODE_EVENT_COUNT] = {
#define AS_TOPIC(NAME, topic, members, text) [NODE_EVENT_##NAME] = topic,
		NODE_EVENTS(AS_TOPIC)
#undef AS_TOPIC
	};

	return topics[topic];
}

/* What the client cannot be told any more: so many, or, of a node that was started since, nobody
 * knows how many. Nothing, if it has missed none. */
static size_t put_lost(const struct told_events *told, struct watch *watch, uint8_t *bytes)
{
	bool is_of_this_life =
		watch->cursor + 1 >= told->id_first && watch->cursor <= last_id(told);
	char missed[24] = "null";

	if (is_of_this_life && watch->cursor + 1 >= id_kept(told)) {
		return 0;
	}
	if (is_of_this_life) {
		(void)snprintf(
			missed, sizeof missed, "%" PRIu64, id_kept(told) - watch->cursor - 1);
	}
	watch->cursor = id_kept(told) - 1;
	return (size_t)snprintf((char *)bytes, AROUND_BYTES_MAX,
		"event: %s\nid: %" PRIu64 "\ndata: {\"missed\":%s}\n\n",
		topic_of(NODE_EVENT_LAGGED), watch->cursor, missed);
}

static size_t put_event(const struct told_event *event, uint8_t *bytes)
{
	size_t used = (size_t)snprintf((char *)bytes, AROUND_BYTES_MAX,
		"event: %s\nid: %" PRIu64 "\ndata: ", topic_of(event->topic), event->id);

	memcpy(bytes + used, event->json, event->json_bytes);
	memcpy(bytes + used + event->json_bytes, "\n\n", 2);
	return used + event->json_bytes + 2;
}

/* As many as fit one piece. */
static size_t put_events(const struct told_events *told, struct watch *watch, uint8_t *bytes)
{
	size_t used;

	if (told == NULL || told->count == 0) {
		return 0;
	}
	if (!watch->has_cursor) {
		/* from now on; or all, when nothing had happened before it began */
		watch->has_cursor = true;
		watch->cursor = watch->has_begun ? id_kept(told) - 1 : last_id(told);
	}
	used = put_lost(told, watch, bytes);
	while (watch->cursor < last_id(told) &&
		used + VERB_NODE_EVENT_BYTES_MAX + AROUND_BYTES_MAX <= PIECE_BYTES_MAX) {
		uint64_t number = watch->cursor + 1 - told->id_first;

		used += put_event(&told->ring[number % NODE_EVENTS_KEPT], bytes + used);
		watch->cursor++;
	}
	return used;
}

/* An id without data, which a client keeps as its Last-Event-ID. */
static size_t put_heartbeat(const struct watch *watch, uint8_t *bytes)
{
	if (!watch->has_cursor) {
		return (size_t)snprintf((char *)bytes, AROUND_BYTES_MAX, ": heartbeat\n\n");
	}
	return (size_t)snprintf(
		(char *)bytes, AROUND_BYTES_MAX, ": heartbeat\nid: %" PRIu64 "\n\n", watch->cursor);
}

static void answer(struct exchange *exchange, size_t bytes_count, bool is_last)
{
	struct watch *watch = exchange->watch;
	bool is_first = !watch->has_begun;
	struct answer answer = {
		.status = 200,
		.content_type = "text/event-stream",
		.cache = READ_CACHE_NEVER,
		.until_close = true,
		.body = { exchange->client->edge->scratch, bytes_count },
	};

	exchange->close = true;
	watch->has_begun = true;
	exchange_answer_piece(exchange, &answer, is_first, is_last); /* may forget watch */
}

/* --- the token --- */

static void ask_again(struct exchange *exchange, int64_t now_us)
{
	const struct watch *watch = exchange->watch;
	struct ask ask = {
		.token = { watch->token, watch->token_bytes },
		.deadline_mono_ms =
			(uint64_t)now_us / 1000 + exchange->client->edge->limits.req_timeout_ms,
	};

	(void)!dispatch_request(exchange, &ask); /* or with the next heartbeat */
}

void watch_allowed(struct exchange *exchange)
{
	struct edge *edge = exchange->client->edge;
	struct watch *watch = exchange->watch;
	size_t used;

	if (watch == NULL) { /* HEAD */
		exchange_answer(exchange,
			&(struct answer){ .status = 200, .content_type = "text/event-stream" });
		return;
	}
	if (watch->has_begun) {
		dispatch_end(exchange);
		client_mark(exchange->client); /* what happened meanwhile */
		return;
	}
	used = put_events(edge->told, watch, edge->scratch);
	used += put_heartbeat(watch, edge->scratch + used);
	watch->due_us = edge_now_us() + HEARTBEAT_US;
	answer(exchange, used, false);
	client_mark(exchange->client);
}

bool watch_refused(struct exchange *exchange, uint16_t status)
{
	if (exchange->watch == NULL || !exchange->watch->has_begun) {
		return false;
	}
	dispatch_end(exchange);
	if (status == 429 || status == 503) {
		client_mark(exchange->client);
	} else {
		answer(exchange, 0, true); /* the client hears why when it comes again */
	}
	return true;
}

/* --- going on --- */

/* The eldest of a connection, when it has begun and nobody is asked about it. */
static struct exchange *idle_of(struct client *client)
{
	struct exchange *exchange = &client->ring[client->ring_first];

	if (client->ring_count == 0 || client->is_broken || exchange->answered ||
		exchange->watch == NULL || !exchange->watch->has_begun || exchange->ticket != 0) {
		return NULL;
	}
	return exchange;
}

static bool has_news(const struct edge *edge, const struct watch *watch)
{
	return edge->told != NULL && edge->told->count > 0 &&
	       (!watch->has_cursor || watch->cursor != last_id(edge->told));
}

void watch_step(struct client *client)
{
	struct edge *edge = client->edge;
	struct exchange *exchange = idle_of(client);
	int64_t now_us = edge_now_us();
	size_t used;

	if (exchange == NULL || client_unsent(client) > UNSENT_BYTES_LOW) {
		return;
	}
	if (has_news(edge, exchange->watch)) {
		used = put_events(edge->told, exchange->watch, edge->scratch);
		if (used > 0) {
			answer(exchange, used, false);
			client_mark(client); /* there may be more */
			return;
		}
	}
	if (edge->is_draining) {
		answer(exchange, 0, true);
	} else if (now_us >= exchange->watch->due_us) {
		exchange->watch->due_us = now_us + HEARTBEAT_US;
		answer(exchange, put_heartbeat(exchange->watch, edge->scratch), false);
		ask_again(exchange, now_us);
	}
}

bool watch_is_due(struct client *client, int64_t now_us)
{
	const struct exchange *exchange = idle_of(client);

	return exchange != NULL &&
	       (now_us >= exchange->watch->due_us || client->edge->is_draining ||
		       has_news(client->edge, exchange->watch));
}

/* --- what the supervisor tells --- */

enum err watch_told(struct edge *edge, const struct oap_node_event *msg)
{
	struct told_events *told = edge->told;
	struct told_event *event;

	if (told == NULL) {
		told = edge->told = calloc(1, sizeof *told);
		assert(told != NULL); /* an edge without memory for this is started again */
		told->count = msg->number;
		told->id_first = msg->id - msg->number;
	}
	if (msg->topic >= NODE_EVENT_COUNT || msg->number != told->count ||
		msg->id != told->id_first + msg->number || msg->json.bytes_count == 0) {
		return ERR_MALFORMED;
	}
	event = &told->ring[msg->number % NODE_EVENTS_KEPT];
	free(event->json);
	*event = (struct told_event){
		.id = msg->id,
		.topic = msg->topic,
		.json_bytes = msg->json.bytes_count,
		.json = malloc(msg->json.bytes_count),
	};
	assert(event->json != NULL);
	memcpy(event->json, msg->json.bytes, msg->json.bytes_count);
	told->count++;
	told->kept += told->kept < NODE_EVENTS_KEPT;
	for (struct client *client = edge->clients; client != NULL; client = client->next) {
		if (watch_is_due(client, 0)) {
			client_mark(client);
		}
	}
	return ERR_OK;
}
