/* GET /v1/events: pages of archive's, one after the other. Without a stream a request is answered
 * by one page, when there is something in it or the client has waited long enough; as a stream
 * (text/event-stream) it goes on until somebody ends it.
 *
 * Nobody keeps events for a client: where it is is one number here, and the next page is asked for
 * when the last one is nearly taken, so a slow reader is slow and nothing is lost (DESIGN-WALL.md
 * section 3). Each page is a request of its own with the client's token, so that one that is
 * revoked ends a stream. Archive tells when the ledger has grown; until then nobody is asked. Then
 * all want to ask at once, and archive makes a few pages at a time: so they stand in a line, and
 * each answer lets the next one ask. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/edge/edge.h"

/* Something is sent at least so often. */
#define HEARTBEAT_US INT64_C(5000000)
/* What went wrong meanwhile is tried again after. */
#define RETRY_US INT64_C(200000)
/* As pull.c. */
#define UNSENT_BYTES_LOW VERB_REPLY_BYTES_MAX
/* Pages that are asked for again at once: archive makes 8 at a time (EVENTS_JOBS_MAX), for all
 * edges and for who comes anew. */
#define PAGES_ASKED_MAX 4u

/* "id: ", "data: " and so on around each line; a line has at least so many bytes. */
#define AROUND_BYTES_MAX 40u
#define LINE_BYTES_MIN   64u
#define PAGE_BYTES_MAX \
	(VERB_REPLY_BYTES_MAX / LINE_BYTES_MIN * AROUND_BYTES_MAX + VERB_REPLY_BYTES_MAX)
#define TAIL_BYTES_MAX 128u
_Static_assert(PAGE_BYTES_MAX + TAIL_BYTES_MAX <= METRICS_TEXT_BYTES_MAX, "the scratch holds it");

struct events {
	struct exchange *exchange;
	struct events *line_next, *line_previous;
	bool is_stream, has_begun;
	bool is_in_line;
	bool has_turn;   /* is one of edge->pages_asked */
	bool is_waiting; /* for the ledger to grow beyond next, until due_us */
	uint64_t next;   /* all up to it was looked at */
	bool has_next;
	int64_t due_us;   /* of the heartbeat, or of what is tried again */
	int64_t since_us; /* the client has got nothing */
	size_t token_bytes, query_bytes;
	uint8_t bytes[]; /* token, query */
};

bool events_keep(struct exchange *exchange, const struct ask *ask, bool is_stream)
{
	struct events *events;

	if (exchange->route != ROUTE_EVENTS) {
		return true;
	}
	events = malloc(sizeof *events + ask->token.bytes_count + ask->query.bytes_count);
	if (events == NULL) {
		return false;
	}
	*events = (struct events){
		.exchange = exchange,
		.is_stream = is_stream && exchange->method != HTTP_METHOD_HEAD,
		.next = ask->offset,
		.since_us = edge_now_us(),
		.token_bytes = ask->token.bytes_count,
		.query_bytes = ask->query.bytes_count,
	};
	if (events->token_bytes > 0) {
		memcpy(events->bytes, ask->token.bytes, events->token_bytes);
	}
	if (events->query_bytes > 0) {
		memcpy(events->bytes + events->token_bytes, ask->query.bytes, events->query_bytes);
	}
	exchange->events = events;
	return true;
}

/* --- the line --- */

static void join_line(struct edge *edge, struct events *events)
{
	events->is_in_line = true;
	events->line_next = NULL;
	events->line_previous = edge->line_last;
	if (edge->line_last != NULL) {
		edge->line_last->line_next = events;
	} else {
		edge->line_first = events;
	}
	edge->line_last = events;
}

static void leave_line(struct edge *edge, struct events *events)
{
	*(events->line_previous == NULL ? &edge->line_first : &events->line_previous->line_next) =
		events->line_next;
	*(events->line_next == NULL ? &edge->line_last : &events->line_next->line_previous) =
		events->line_previous;
	events->is_in_line = false;
}

/* Its page is here, or not wanted any more: the next one's turn. */
static void end_turn(struct edge *edge, struct events *events)
{
	struct events *next = edge->line_first;

	if (!events->has_turn) {
		return;
	}
	events->has_turn = false;
	edge->pages_asked--;
	if (next != NULL) {
		leave_line(edge, next);
		next->has_turn = true;
		edge->pages_asked++;
		client_mark(next->exchange->client);
	}
}

/* False: not yet; it is in the line. */
static bool take_turn(struct edge *edge, struct events *events)
{
	if (!events->has_turn &&
		(edge->line_first != NULL || edge->pages_asked == PAGES_ASKED_MAX)) {
		join_line(edge, events);
		return false;
	}
	edge->pages_asked += !events->has_turn;
	events->has_turn = true;
	return true;
}

void events_forget(struct exchange *exchange)
{
	if (exchange->events != NULL) {
		struct edge *edge = exchange->client->edge;

		end_turn(edge, exchange->events);
		if (exchange->events->is_in_line) {
			leave_line(edge, exchange->events);
		}
		explicit_bzero(exchange->events->bytes, exchange->events->token_bytes);
		free(exchange->events);
		exchange->events = NULL;
	}
}

/* --- what is sent --- */

static size_t put(uint8_t *bytes, const void *from, size_t bytes_count)
{
	memcpy(bytes, from, bytes_count);
	return bytes_count;
}

/* A line begins with {"seq":N, */
static bool line_seq(const uint8_t *line, size_t line_bytes, struct slice *ret_digits)
{
	static const char prefix[] = "{\"seq\":";
	size_t at = sizeof prefix - 1;

	if (line_bytes < at || memcmp(line, prefix, at) != 0) {
		return false;
	}
	while (at < line_bytes && line[at] >= '0' && line[at] <= '9') {
		at++;
	}
	*ret_digits = (struct slice){ line + sizeof prefix - 1, at - (sizeof prefix - 1) };
	return ret_digits->bytes_count > 0 && ret_digits->bytes_count <= 20;
}

/* Lines as events whose id is the seq. False: they are no lines of events. */
static bool put_stream(struct slice lines, uint8_t *bytes, size_t *ret_used)
{
	size_t used = 0;

	for (size_t at = 0; at < lines.bytes_count;) {
		const uint8_t *line = lines.bytes + at;
		const uint8_t *end = memchr(line, '\n', lines.bytes_count - at);
		size_t line_bytes = end == NULL ? 0 : (size_t)(end - line);
		struct slice digits;

		if (line_bytes < LINE_BYTES_MIN || !line_seq(line, line_bytes, &digits)) {
			return false;
		}
		used += put(bytes + used, "id: ", 4);
		used += put(bytes + used, digits.bytes, digits.bytes_count);
		used += put(bytes + used, "\ndata: ", 7);
		used += put(bytes + used, line, line_bytes);
		used += put(bytes + used, "\n\n", 2);
		at += line_bytes + 1;
	}
	*ret_used = used;
	return true;
}

/* What is behind the lines: where to go on. In a stream it is a comment, and an id without data,
 * which a client keeps as its Last-Event-ID. */
static size_t put_tail(const struct events *events, uint64_t size, uint8_t *bytes)
{
	if (events->is_stream) {
		return (size_t)snprintf((char *)bytes, TAIL_BYTES_MAX,
			": heartbeat\nid: %" PRIu64 "\n\n", events->next);
	}
	return (size_t)snprintf((char *)bytes, TAIL_BYTES_MAX,
		"{\"next\":%" PRIu64 ",\"size\":%" PRIu64 "}\n", events->next, size);
}

static void answer(struct exchange *exchange, size_t bytes_count, bool is_last)
{
	struct events *events = exchange->events;
	struct edge *edge = exchange->client->edge;
	bool is_first = !events->has_begun;
	struct answer answer = {
		.status = 200,
		.content_type = events->is_stream ? "text/event-stream" : "application/x-ndjson",
		.cache = READ_CACHE_NEVER,
		.until_close = events->is_stream,
		.body = { edge->scratch, bytes_count },
	};

	exchange->close |= events->is_stream;
	events->has_begun = true;
	events->due_us = edge_now_us() + HEARTBEAT_US;
	exchange_answer_piece(exchange, &answer, is_first, is_last); /* may forget events */
}

/* --- pages --- */

static void wait_until(struct events *events, int64_t due_us)
{
	events->is_waiting = true;
	events->due_us = due_us;
}

static enum err take_stream(struct exchange *exchange, const struct oap_events *msg)
{
	struct events *events = exchange->events;
	uint8_t *bytes = exchange->client->edge->scratch;
	size_t used = 0;

	if (!put_stream(msg->lines, bytes, &used)) {
		return ERR_MALFORMED;
	}
	if (used == 0 && (!events->has_begun || edge_now_us() >= events->due_us)) {
		used = put_tail(events, msg->size, bytes);
	}
	events->is_waiting = msg->next >= exchange->client->edge->ledger_size;
	if (used > 0) {
		answer(exchange, used, false);
	} else {
		dispatch_end(exchange);
	}
	client_mark(exchange->client);
	return ERR_OK;
}

/* One page, unless there is nothing in it and the client has not waited long. */
static enum err take_page(struct exchange *exchange, const struct oap_events *msg)
{
	struct events *events = exchange->events;
	struct edge *edge = exchange->client->edge;
	bool is_over = edge->is_draining || edge_now_us() - events->since_us >= HEARTBEAT_US;
	size_t used = msg->lines.bytes_count;

	if (used == 0 && !is_over) {
		dispatch_end(exchange);
		events->is_waiting = msg->next >= edge->ledger_size;
		events->due_us = events->since_us + HEARTBEAT_US;
		client_mark(exchange->client);
		return ERR_OK;
	}
	if (used > 0) {
		memcpy(edge->scratch, msg->lines.bytes, used);
	}
	used += put_tail(events, msg->size, edge->scratch + used);
	answer(exchange, used, true);
	return ERR_OK;
}

enum err events_take(struct exchange *exchange, const struct oap_events *msg)
{
	struct events *events = exchange->events;
	struct edge *edge = exchange->client->edge;

	if (msg->next > msg->size || (events->has_next && msg->next < events->next)) {
		return ERR_MALFORMED;
	}
	end_turn(edge, events);
	events->next = msg->next;
	events->has_next = true;
	if (msg->size > edge->ledger_size) {
		edge->ledger_size = msg->size;
	}
	return events->is_stream ? take_stream(exchange, msg) : take_page(exchange, msg);
}

/* Whoever waits for the ledger to grow is woken up together with all others that do, and there is
 * not room for all of them at once: that is nothing to tell him. */
static bool waits_for_growth(const struct exchange *exchange, int64_t now_us)
{
	const struct events *events = exchange->events;

	return events->has_next && now_us - events->since_us < HEARTBEAT_US &&
	       !exchange->client->edge->is_draining;
}

/* What may go over is tried again; a token that is not good any more ends the stream, and the
 * client hears why when it comes again. */
bool events_refused(struct exchange *exchange, uint16_t status)
{
	struct events *events = exchange->events;
	bool may_go_over = status == 429 || status == 503;
	int64_t now_us = edge_now_us();

	if (events == NULL ||
		(!events->has_begun && !(may_go_over && waits_for_growth(exchange, now_us)))) {
		return false;
	}
	dispatch_end(exchange);
	end_turn(exchange->client->edge, events);
	if (may_go_over) {
		wait_until(events, now_us + RETRY_US);
	} else {
		answer(exchange, 0, true);
	}
	return true;
}

/* --- the next page --- */

/* The eldest of a connection, when nobody has it in hand. */
static struct exchange *idle_of(struct client *client)
{
	struct exchange *exchange = &client->ring[client->ring_first];

	if (client->ring_count == 0 || client->is_broken) {
		return NULL;
	}
	return exchange->answered || exchange->events == NULL || exchange->ticket != 0 ? NULL
										       : exchange;
}

static bool has_room(const struct client *client)
{
	return client_unsent(client) <= UNSENT_BYTES_LOW;
}

static bool is_time(const struct exchange *exchange, int64_t now_us)
{
	const struct events *events = exchange->events;

	return !events->is_waiting || now_us >= events->due_us ||
	       exchange->client->edge->ledger_size > events->next ||
	       exchange->client->edge->is_draining;
}

static void ask_again(struct exchange *exchange, int64_t now_us)
{
	struct events *events = exchange->events;
	struct ask ask = {
		.token = { events->bytes, events->token_bytes },
		.query = { events->bytes + events->token_bytes, events->query_bytes },
		.offset = events->next,
		.deadline_mono_ms =
			(uint64_t)now_us / 1000 + exchange->client->edge->limits.req_timeout_ms,
	};
	enum err err = dispatch_request(exchange, &ask);

	events->is_waiting = false;
	if (err != ERR_OK) {
		end_turn(exchange->client->edge, events);
	}
	if (err != ERR_OK && events->has_begun) {
		wait_until(events, now_us + RETRY_US);
	} else if (err != ERR_OK) {
		dispatch_refuse(exchange, err);
	}
}

void events_step(struct client *client)
{
	struct exchange *exchange = idle_of(client);
	int64_t now_us;

	if (exchange == NULL || exchange->events->is_in_line) {
		return;
	}
	now_us = edge_now_us();
	if (exchange->events->is_stream && client->edge->is_draining) {
		answer(exchange, 0, true);
	} else if (!has_room(client) || !is_time(exchange, now_us)) {
		end_turn(client->edge, exchange->events);
	} else if (take_turn(client->edge, exchange->events)) {
		ask_again(exchange, now_us);
	}
}

bool events_is_due(struct client *client, int64_t now_us)
{
	const struct exchange *exchange = idle_of(client);

	return exchange != NULL && !exchange->events->is_in_line && is_time(exchange, now_us);
}

void events_grew(struct edge *edge, uint64_t size)
{
	edge->ledger_size = size;
	for (struct client *client = edge->clients; client != NULL; client = client->next) {
		if (events_is_due(client, 0)) {
			client_mark(client);
		}
	}
}
