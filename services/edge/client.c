/* A connection: bytes in, bytes out, and its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "services/edge/edge.h"

#define BUFFER_BYTES_FIRST 4096u
#define BUFFER_BYTES_KEPT  65536u /* of a buffer whose connection is gone */
#define IN_BYTES_WORTH     16384u /* less room than that: move what is unread to the front */

/* --- buffers --- */

size_t client_unsent(const struct client *client)
{
	return client->out.tail - client->out.head;
}

static bool grow(struct buffer *buffer, size_t bytes_count)
{
	size_t capacity = buffer->capacity == 0 ? BUFFER_BYTES_FIRST : buffer->capacity;
	uint8_t *bytes;

	while (capacity - buffer->tail < bytes_count) {
		capacity *= 2;
	}
	if (capacity == buffer->capacity) {
		return true;
	}
	bytes = realloc(buffer->bytes, capacity);
	if (bytes == NULL) {
		return false;
	}
	buffer->bytes = bytes;
	buffer->capacity = capacity;
	return true;
}

/* The clock of a slow reader starts with the first byte that there is for it. */
uint8_t *client_reserve(struct client *client, struct buffer *buffer, size_t bytes_count)
{
	if (buffer == &client->out && client_unsent(client) == 0) {
		client->out_moved_us = client->out_window_us = edge_now_us();
		client->out_window_bytes = 0;
	}
	if (buffer->head > 0) {
		memmove(buffer->bytes, buffer->bytes + buffer->head, buffer->tail - buffer->head);
		buffer->tail -= buffer->head;
		buffer->head = 0;
	}
	if (!grow(buffer, bytes_count)) {
		client->is_broken = true;
		return NULL;
	}
	return buffer->bytes + buffer->tail;
}

static void empty(struct buffer *buffer)
{
	buffer->head = buffer->tail = 0;
	if (buffer->capacity > BUFFER_BYTES_KEPT) {
		free(buffer->bytes);
		*buffer = (struct buffer){ .bytes = NULL };
	}
}

void client_pull(struct client *client, size_t from)
{
	assert(from <= client->in_head);
	if (from > 0) {
		memmove(client->in, client->in + from, client->in_tail - from);
		client->in_head -= from;
		client->in_tail -= from;
	}
}

/* --- the turn --- */

static enum client_rank rank_of(const struct client *client)
{
	if (client->peer == GRANT_PEER_UNIX) {
		return CLIENT_LOCAL;
	}
	return client->is_known ? CLIENT_KNOWN : CLIENT_OTHER;
}

static void line_up(struct client *client)
{
	struct client_queue *queue = &client->edge->marked[rank_of(client)];

	client->is_marked = true;
	client->marked_next = NULL;
	if (queue->first == NULL) {
		queue->first = client;
	} else {
		queue->last->marked_next = client;
	}
	queue->last = client;
}

/* One whose turn it is goes on until nothing more can be done: marking it would say nothing. */
void client_mark(struct client *client)
{
	if (!client->is_marked && client != client->edge->turning) {
		line_up(client);
	}
}

static void toggle(struct client *client, ev_io *watcher, bool wanted)
{
	if (wanted && !ev_is_active(watcher)) {
		ev_io_start(client->edge->worker->loop, watcher);
	} else if (!wanted && ev_is_active(watcher)) {
		ev_io_stop(client->edge->worker->loop, watcher);
	}
}

/* One write for all that is there; of TLS one a record. True: there is more, and room for it. */
static bool write_some(struct client *client)
{
	size_t unsent = client_unsent(client);
	const uint8_t *bytes;
	ssize_t sent;

	if (unsent == 0) {
		return false;
	}
	bytes = client->out.bytes + client->out.head;
	sent = client->tls != NULL ? tls_stream_write(client->tls, bytes, unsent)
				   : send(client->fd, bytes, unsent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0) {
		client->is_broken |= errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
		return false;
	}
	metrics_add(METRIC_BYTES_OUT, METRIC_PLAIN, (uint64_t)sent);
	client->out_moved_us = edge_now_us();
	client->out_window_bytes += (uint64_t)sent;
	client->out.head += (size_t)sent;
	if (client->out.head == client->out.tail) {
		empty(&client->out);
		return false;
	}
	return client->tls != NULL;
}

static void flush(struct client *client)
{
	while (write_some(client)) {
	}
}

static bool discard_step(struct client *client)
{
	size_t there = client->in_tail - client->in_head;

	client->discarded_bytes += there;
	client->in_head = client->in_tail = 0;
	client->is_broken |= client->discarded_bytes > EDGE_DISCARD_BYTES_MAX;
	return false;
}

/* The first bytes on the local socket say what is spoken there: of HTTP the method, and in OAP
 * the length, whose last byte is 0 because a frame has at most 1 MiB. */
static bool decide_wire(struct client *client)
{
	const uint8_t *bytes = client->in + client->in_head;
	size_t there = client->in_tail - client->in_head;

	if (there == 0) {
		return false;
	}
	if (client->input_due_us == 0) {
		client->first_byte_us = edge_now_us();
		client->input_due_us = client->first_byte_us + client->edge->limits.read_us;
	}
	if (bytes[0] < 'A' || bytes[0] > 'Z') {
		client->wire = WIRE_OAP;
	} else if (there >= 4) {
		client->wire = bytes[3] >= 0x20 ? WIRE_HTTP : WIRE_OAP;
	}
	return client->wire != WIRE_UNDECIDED;
}

static bool step(struct client *client)
{
	switch (client->input) {
	case INPUT_HEAD:
		if (client->wire == WIRE_UNDECIDED) {
			return decide_wire(client);
		}
		return client->wire == WIRE_HTTP ? http_request_step(client)
						 : oap_client_step(client);
	case INPUT_DISCARD:
		return client->is_shut ? discard_step(client) : false;
	case INPUT_BODY:
	case INPUT_CHUNKS:
	case INPUT_PROCEED:
	case INPUT_STREAM:
	case INPUT_DRAIN:
		return intake_step(client);
	}
	return false;
}

/* The client said its last, and what it began is not whole and never will be. */
static void end_of_input(struct client *client)
{
	if (client->current != NULL) {
		exchange_cancel(client->current);
	}
	client->input = INPUT_DISCARD;
	client->is_closing = true;
}

/* All is answered and sent: our last word, then a while for the client's. */
static void say_goodbye(struct client *client)
{
	if (client->at_end) {
		client->is_broken = true;
		return;
	}
	if (!client->is_shut) {
		if (client->tls != NULL) {
			tls_stream_farewell(client->tls);
		}
		(void)shutdown(client->fd, SHUT_WR);
		client->is_shut = true;
		client->input = INPUT_DISCARD;
		client->input_due_us = edge_now_us() + EDGE_DISCARD_US;
		(void)discard_step(client);
	}
}

static void watch(struct client *client)
{
	bool room = client->in_tail - client->in_head < EDGE_IN_BYTES;
	bool deaf = (client->input == INPUT_DISCARD && !client->is_shut) ||
		    (client->tls != NULL && tls_stream_waits(client->tls));

	toggle(client, &client->readable, !client->at_end && room && !deaf);
	toggle(client, &client->writable,
		client_unsent(client) > 0 ||
			(client->tls != NULL && tls_stream_wants_write(client->tls)));
	/* what GnuTLS has read already, the socket does not tell of */
	if (ev_is_active(&client->readable) && client->tls != NULL &&
		tls_stream_has_more(client->tls)) {
		client->has_input = true;
		line_up(client); /* for another turn */
	}
}

/* --- TLS --- */

/* To somebody who takes the port for one of plain HTTP; else our alert was the last word. */
static void tell_of_tls(struct client *client)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
				     "Content-Length: 36\r\nConnection: close\r\n\r\n"
				     "this port speaks TLS: ask https://\r\n";

	(void)!send(client->fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool is_shaking_hands(const struct client *client)
{
	return client->tls != NULL && !tls_stream_is_open(client->tls);
}

/* What the client still sends is thrown away: an end that is a reset would take our last words
 * with it. */
static void end_handshake(struct client *client)
{
	if (tls_stream_met_http(client->tls)) {
		tell_of_tls(client);
	}
	tls_stream_destroy(client->tls);
	client->tls = NULL;
	client->is_closing = true;
	say_goodbye(client);
}

static void shake_hands(struct client *client)
{
	switch (tls_stream_handshake(client->tls)) {
	case TLS_STEP_AGAIN:
		break;
	case TLS_STEP_FAILED:
		end_handshake(client);
		break;
	case TLS_STEP_DONE:
		client->input_due_us = 0;
		client->idle_since_us = edge_now_us();
		if (tls_stream_certificate(client->tls) != NULL) {
			client->peer = GRANT_PEER_MTLS;
		}
		break;
	}
}

/* Takes it as far as its bytes and its answers go; true when what was sent made room for more. */
static bool advance(struct client *client)
{
	size_t unsent;

	client->is_blocked = false;
	while (!client->is_broken && step(client)) {
	}
	if (client->at_end && !client->is_blocked && client->input != INPUT_DISCARD &&
		client->input != INPUT_PROCEED) {
		end_of_input(client);
	}
	unsent = client_unsent(client);
	if (!client->is_broken) {
		flush(client);
		pull_step(client);
		events_step(client);
		watch_step(client);
	}
	return client->is_blocked && unsent > 0 && client_unsent(client) == 0;
}

static void keep_or_end(struct client *client)
{
	if (client->is_broken) {
		client_destroy(client);
	} else {
		watch(client);
	}
}

static ssize_t read_some(struct client *client, uint8_t *bytes, size_t bytes_max)
{
	return client->tls != NULL ? tls_stream_read(client->tls, bytes, bytes_max)
				   : recv(client->fd, bytes, bytes_max, MSG_DONTWAIT);
}

/* Once a turn, however much there is. */
static void read_input(struct client *client)
{
	ssize_t got;

	if (client->in_head == client->in_tail && client->input != INPUT_BODY) {
		client->in_head = client->in_tail = 0;
	} else if (EDGE_IN_BYTES - client->in_tail < IN_BYTES_WORTH &&
		   client->input != INPUT_BODY) {
		client_pull(client, client->in_head);
	}
	if (client->in_tail == EDGE_IN_BYTES) {
		return; /* to read into nothing would look like its end */
	}
	got = read_some(client, client->in + client->in_tail, EDGE_IN_BYTES - client->in_tail);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		return;
	}
	if (got < 0) {
		client->is_broken = true;
	} else if (got == 0) {
		client->at_end = true;
	} else {
		metrics_add(METRIC_BYTES_IN, METRIC_PLAIN, (uint64_t)got);
		client->in_tail += (size_t)got;
	}
}

void client_turn(struct client *client)
{
	bool has_input = client->has_input;

	client->has_input = false;
	if (is_shaking_hands(client) && !client->is_broken) { /* else its time is up */
		shake_hands(client);
	}
	if (is_shaking_hands(client)) {
		keep_or_end(client);
		return;
	}
	if (has_input && !client->is_broken && !client->at_end) {
		read_input(client);
	}
	while (advance(client)) {
	}
	if (client->is_closing && client->ring_count == 0 && client_unsent(client) == 0) {
		say_goodbye(client);
	}
	if (client->ring_count == 0 && client_unsent(client) == 0) {
		client->idle_since_us = edge_now_us();
	}
	keep_or_end(client);
}

/* --- what the loop says --- */

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct client *client = watcher->data;

	(void)loop;
	(void)events;
	client->has_input = true;
	client_mark(client);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	client_mark(watcher->data);
}

/* Too slow a reader: no byte for a while, or hardly any. */
static bool is_stuck(struct client *client, int64_t now_us)
{
	if (client_unsent(client) == 0) {
		return false;
	}
	if (now_us - client->out_window_us >= EDGE_SLOW_US) {
		if (client->out_window_bytes < EDGE_SLOW_BYTES) {
			return true;
		}
		client->out_window_us = now_us;
		client->out_window_bytes = 0;
	}
	return now_us - client->out_moved_us >= client->edge->limits.write_us;
}

/* The head, or the body, did not come in time. */
static void refuse_late(struct client *client)
{
	struct exchange *exchange = client->current;
	enum http_decision decision = exchange == NULL ? HTTP_HEAD_LATE : HTTP_BODY_LATE;

	if (is_shaking_hands(client)) {
		tls_stream_give_up(client->tls);
		client->is_broken = true;
		return;
	}
	if (client->input == INPUT_DRAIN || client->input == INPUT_DISCARD) {
		client->is_broken = true;
		return;
	}
	metrics_inc(METRIC_IO_TIMEOUTS, METRIC_IO_READ);
	if (client->wire != WIRE_HTTP) {
		metrics_inc(METRIC_REJECTED, metrics_label_reason(REASON_TIMEOUT));
		log_event(LOG_REQUEST_REFUSED,
			&(struct log_fields){ .reason = reason_name(REASON_TIMEOUT),
				.text = "half a frame, then nothing" });
		client->is_broken = true;
		return;
	}
	if (exchange == NULL) {
		exchange = exchange_begin(client, ROUTE_OTHER, HTTP_METHOD_UNKNOWN);
		http_request_classify(client, exchange);
		intake_next(client, true);
	} else {
		dispatch_abandon(exchange);
	}
	exchange->close = true;
	exchange_refuse(exchange, 408, REASON_NONE, http_answer(decision)->text);
}

void client_expire(struct client *client, int64_t now_us)
{
	bool is_idle = client->ring_count == 0 && client_unsent(client) == 0 &&
		       client->in_head == client->in_tail;

	if (client->has_input) {
		return; /* it waits for us, not we for it */
	}
	if (is_stuck(client, now_us)) {
		metrics_inc(METRIC_IO_TIMEOUTS, METRIC_IO_WRITE);
		client->is_broken = true;
	} else if (client->input_due_us != 0 && now_us >= client->input_due_us &&
		   !client->is_blocked) {
		refuse_late(client);
	} else if (is_idle && client->input == INPUT_HEAD &&
		   now_us - client->idle_since_us >= client->edge->limits.idle_us) {
		client->is_broken = true;
	} else if (!pull_is_waiting(client) && !events_is_due(client, now_us) &&
		   !watch_is_due(client, now_us) && !is_shaking_hands(client)) {
		return;
	}
	client_mark(client);
}

/* --- life --- */

/* What is not written stays no memory: a connection that says nothing costs a tenth. */
static struct client *take_free(struct edge *edge)
{
	struct client *client = edge->free_clients;

	if (client != NULL) {
		edge->free_clients = client->next;
		return client;
	}
	client = malloc(sizeof *client);
	if (client != NULL) {
		memset(client, 0, offsetof(struct client, in));
	}
	return client;
}

static void join(struct edge *edge, struct client *client)
{
	client->edge = edge;
	client->previous = NULL;
	client->next = edge->clients;
	if (edge->clients != NULL) {
		edge->clients->previous = client;
	}
	edge->clients = client;
	edge->client_count++;
	metrics_set(METRIC_CONNECTIONS, METRIC_PLAIN, edge->client_count);
}

static void leave(struct edge *edge, struct client *client)
{
	if (client->previous != NULL) {
		client->previous->next = client->next;
	} else {
		edge->clients = client->next;
	}
	if (client->next != NULL) {
		client->next->previous = client->previous;
	}
	edge->client_count--;
	metrics_set(METRIC_CONNECTIONS, METRIC_PLAIN, edge->client_count);
	client->next = edge->free_clients;
	edge->free_clients = client;
}

/* A freed client is as a new one, but for the buffers that it keeps. */
struct client *client_create(struct edge *edge, int fd, struct tls_stream *tls)
{
	struct client *client = take_free(edge);

	if (client == NULL) {
		return NULL;
	}
	join(edge, client);
	client->fd = fd;
	client->tls = tls;
	if (tls != NULL) {
		client->input_due_us = edge_now_us() + edge->limits.handshake_us;
	}
	client->idle_since_us = edge_now_us();
	ev_io_init(&client->readable, on_readable, fd, EV_READ);
	ev_io_init(&client->writable, on_writable, fd, EV_WRITE);
	client->readable.data = client;
	client->writable.data = client;
	ev_io_start(edge->worker->loop, &client->readable);
	return client;
}

/* Everything but buffers and what links the client; the bytes that came in are left to be
 * written over. */
static void wipe(struct client *client)
{
	struct buffer out = client->out, store = client->store;
	struct buffer early[EDGE_PIPELINE_MAX];
	struct client *next = client->next, *previous = client->previous;

	for (unsigned i = 0; i < EDGE_PIPELINE_MAX; i++) {
		early[i] = client->ring[i].early;
	}
	memset(client, 0, offsetof(struct client, in));
	for (unsigned i = 0; i < EDGE_PIPELINE_MAX; i++) {
		empty(&early[i]);
		client->ring[i].early = early[i];
	}
	empty(&out);
	empty(&store);
	client->out = out;
	client->store = store;
	client->next = next;
	client->previous = previous;
}

void client_destroy(struct client *client)
{
	struct edge *edge = client->edge;

	assert(!client->is_marked); /* only its own turn ends it */
	while (client->ring_count > 0) {
		exchange_cancel(&client->ring[(client->ring_first + client->ring_count - 1) %
					      EDGE_PIPELINE_MAX]);
	}
	ev_io_stop(edge->worker->loop, &client->readable);
	ev_io_stop(edge->worker->loop, &client->writable);
	tls_stream_destroy(client->tls);
	close(client->fd);
	explicit_bzero(client->in, client->in_tail); /* tokens */
	peers_leave(client);
	wipe(client);
	leave(edge, client);
}
