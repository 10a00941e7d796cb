/* Into other hands: which prevalidator, under which ticket, and what if they are lost. */
#include "services/edge/edge.h"

#include <string.h>

#include "common/log.h"

/* ABANDON says why; nobody acts on it but a reader of logs. */
#define ABANDON_CLIENT_GONE 1u

/* Of a balance with `at`, which is in the past, it is archive. */
static unsigned owner_of(const struct exchange *exchange)
{
	return exchange->is_past ? (unsigned)PROCESS_ARCHIVE
				 : route_table_owner((enum route)exchange->route);
}

static bool owner_is_linked(const struct exchange *exchange)
{
	return mesh_peer(&exchange->client->edge->worker->mesh, owner_of(exchange), 0) != NULL;
}

/* The linked prevalidator with the fewest of our requests that was not tried yet; -1: none. */
static int least_busy(const struct edge *edge, uint32_t tried)
{
	int least = -1;

	for (size_t i = 0; i < COUNT_OF(edge->checkers); i++) {
		if (edge->checkers[i].generation == 0 || (tried & 1u << i) != 0) {
			continue;
		}
		if (least < 0 || edge->checkers[i].in_flight < edge->checkers[least].in_flight) {
			least = (int)i;
		}
	}
	return least;
}

static struct peer *peer_of(struct edge *edge, unsigned checker)
{
	return mesh_peer_of(&edge->worker->mesh, PROCESS_PREVALIDATOR, checker,
		edge->checkers[checker].generation);
}

/* From here on a request waits for others. */
static void note_depth(const struct edge *edge)
{
	metrics_set(METRIC_QUEUE_DEPTH, METRIC_QUEUE_INGRESS, edge->tickets.count);
}

static struct ticket *open_ticket(struct exchange *exchange, uint64_t deadline_mono_ms)
{
	struct edge *edge = exchange->client->edge;
	struct ticket plan = {
		.holder = exchange,
		.due_mono_ms = deadline_mono_ms + EDGE_GRACE_MS,
		.owner = (uint8_t)owner_of(exchange),
	};
	uint64_t random;

	edge_random(edge, &random, sizeof random);
	return tickets_open(&edge->tickets, &plan, traces_mark(exchange, random));
}

/* Sends to the first that has credit, in the order of their load. */
typedef enum err (*send_fn)(struct peer *peer, uint64_t number, const void *msg);

static enum err send_least_busy(
	struct exchange *exchange, uint64_t deadline_mono_ms, send_fn send_to, const void *msg)
{
	struct edge *edge = exchange->client->edge;
	uint32_t tried = 0;
	int checker = least_busy(edge, tried);
	struct ticket *ticket;

	if (checker < 0 || !owner_is_linked(exchange)) {
		return ERR_STALE;
	}
	ticket = open_ticket(exchange, deadline_mono_ms);
	if (ticket == NULL) {
		return ERR_BUSY;
	}
	for (; checker >= 0; checker = least_busy(edge, tried)) {
		tried |= 1u << checker;
		if (send_to(peer_of(edge, (unsigned)checker), ticket->number, msg) == ERR_OK) {
			ticket->checker = (uint8_t)checker;
			ticket->checker_generation = edge->checkers[checker].generation;
			edge->checkers[checker].in_flight++;
			exchange->ticket = ticket->number;
			traces_keep_ticket(exchange, ticket->number);
			note_depth(edge);
			return ERR_OK;
		}
	}
	tickets_close(&edge->tickets, ticket);
	return ERR_BUSY;
}

static enum err send_request(struct peer *peer, uint64_t number, const void *msg)
{
	return oap_send_request(peer, number, msg);
}

static enum err send_probe(struct peer *peer, uint64_t number, const void *msg)
{
	return oap_send_probe(peer, number, msg);
}

/* Whether the query has the parameter `at`; whether it is sound is for the prevalidator to say. */
static bool has_at(struct slice query)
{
	static const char name[] = "at=";
	const uint8_t *at = query.bytes;
	size_t left = query.bytes_count;

	while (left >= sizeof name - 1) {
		const uint8_t *next = memchr(at, '&', left);

		if (memcmp(at, name, sizeof name - 1) == 0) {
			return true;
		}
		if (next == NULL) {
			return false;
		}
		left -= (size_t)(next - at) + 1;
		at = next + 1;
	}
	return false;
}

/* For whoever keeps a record of it. */
static struct slice corr_id_of(const struct exchange *exchange)
{
	if (route_table_owner((enum route)exchange->route) != PROCESS_SUPERVISOR) {
		return (struct slice){ NULL, 0 };
	}
	return (struct slice){ (const uint8_t *)exchange->corr_id, exchange->corr_id_bytes };
}

enum err dispatch_request(struct exchange *exchange, const struct ask *ask)
{
	const struct client *client = exchange->client;
	const struct hash *certificate =
		client->tls != NULL ? tls_stream_certificate(client->tls) : NULL;
	struct oap_request request = {
		.deadline_mono_ms = ask->deadline_mono_ms,
		.config_generation = exchange->config_generation,
		.route = exchange->route,
		.is_oap = exchange->is_oap,
		.peer_class = (uint8_t)client->peer,
		.peer_uid = client->peer_uid,
		.body_bytes = ask->body_bytes,
		.offset = ask->offset,
		.is_gzip = exchange->is_gzip,
		.is_again = exchange->was_asked,
		.wait_ms = exchange->wait_ms,
		.query = exchange_is_write(exchange)
				 ? (struct slice){ exchange->variable, exchange->variable_bytes }
				 : ask->query,
		.corr_id = corr_id_of(exchange),
		.idem_key = { exchange->idem_key, exchange->idem_key_bytes },
		.token = ask->token,
		.body = ask->body,
	};
	enum err err;

	if (certificate != NULL) {
		request.certificate = *certificate;
	}
	exchange->is_past = exchange->route == ROUTE_BALANCE && has_at(ask->query);
	err = send_least_busy(exchange, ask->deadline_mono_ms, send_request, &request);
	exchange->was_asked |= err == ERR_OK;
	return err;
}

enum err dispatch_probe(struct exchange *exchange, uint64_t deadline_mono_ms)
{
	struct oap_probe probe = { .deadline_mono_ms = deadline_mono_ms };

	edge_random(exchange->client->edge, &probe.nonce, sizeof probe.nonce);
	exchange->probe_nonce = probe.nonce;
	return send_least_busy(exchange, deadline_mono_ms, send_probe, &probe);
}

static struct peer *checker_of(const struct exchange *exchange)
{
	struct edge *edge = exchange->client->edge;
	const struct ticket *ticket = tickets_find(&edge->tickets, exchange->ticket);

	return ticket == NULL ? NULL
			      : mesh_peer_of(&edge->worker->mesh, PROCESS_PREVALIDATOR,
					ticket->checker, ticket->checker_generation);
}

bool dispatch_body(const struct exchange *exchange, uint32_t offset, struct slice bytes)
{
	struct oap_body body = { .offset = offset, .bytes = bytes };

	if (exchange->route == ROUTE_OBJECT_PUT) {
		return objects_send(exchange, offset, bytes);
	}
	return bytes.bytes_count == 0 ||
	       oap_send_body(checker_of(exchange), exchange->ticket, &body) == ERR_OK;
}

void dispatch_abandon(struct exchange *exchange)
{
	struct oap_abandon abandon = { .why = ABANDON_CLIENT_GONE };

	if (exchange->ticket != 0) {
		/* a prevalidator that is gone has nothing to abandon */
		(void)!oap_send_abandon(checker_of(exchange), exchange->ticket, &abandon);
	}
	if (exchange->ticket != 0 && exchange->route == ROUTE_OBJECT_PUT) {
		objects_drop(exchange); /* whichever of the two has it */
	}
}

void dispatch_end(struct exchange *exchange)
{
	struct edge *edge = exchange->client->edge;
	struct ticket *ticket = tickets_find(&edge->tickets, exchange->ticket);

	if (ticket == NULL) {
		return;
	}
	struct edge_checker *checker = &edge->checkers[ticket->checker];
	if (checker->generation == ticket->checker_generation) {
		assert(checker->in_flight > 0);
		checker->in_flight--;
	}
	tickets_close(&edge->tickets, ticket);
	note_depth(edge);
	exchange->ticket = 0;
}

/* --- refusals of the moment --- */

void dispatch_refuse(struct exchange *exchange, enum err err)
{
	if (exchange->route == ROUTE_PROBE) {
		struct edge *edge = exchange->client->edge;
		struct answer pong = {
			.status = 503,
			.oap_verb = OAP_PUBLIC_HEALTH_PONG,
			.body = { edge->scratch,
				replies_pong(edge->scratch, &edge->readiness, false) },
		};
		exchange_answer(exchange, &pong);
	} else if (err == ERR_BUSY) {
		metrics_inc(METRIC_BUSY_REJECTIONS, METRIC_BUSY_INGRESS);
		exchange_refuse(exchange, 429, REASON_BUSY, "busy");
	} else {
		exchange_refuse_api(
			exchange, 503, REASON_INTERNAL, API_REASON_NOT_READY, "starting");
	}
}

/* Writes fail closed, reads may fail open (spec/ledger.md section 7). */
static enum api_reason why_not(const struct edge *edge, bool is_write)
{
	if (edge->is_draining || edge->readiness.now.draining) {
		return API_REASON_DRAINING;
	}
	if (!is_write || edge->readiness.now.ready) {
		return API_REASON_NONE;
	}
	if (edge->readiness.now.disk_full) {
		return API_REASON_DISK_FULL;
	}
	return edge->readiness.now.safe_mode ? API_REASON_SAFE_MODE : API_REASON_NOT_READY;
}

bool dispatch_gate(struct exchange *exchange)
{
	struct edge *edge = exchange->client->edge;
	enum api_reason why = why_not(edge, exchange_is_write(exchange));

	if (edge->plane == PLANE_ADMIN) {
		return false; /* it is there above all when the ledger is not */
	}
	if (exchange->is_reward && edge->readiness.is_told && !edge->readiness.now.rewarder_used) {
		exchange_refuse(exchange, 404, REASON_UNKNOWN_KIND,
			"this node pays no epochs: rewarder.enabled is off");
		return true;
	}
	if (why != API_REASON_NONE) {
		exchange_refuse_api(exchange, 503, REASON_INTERNAL, why, api_reasons_name(why));
		return true;
	}
	return !peers_admit(exchange);
}

/* --- losses --- */

static bool is_of(const struct ticket *ticket, const void *context)
{
	const struct oap_from *whom = context;

	if (whom->process == PROCESS_PREVALIDATOR) {
		return ticket->checker == whom->instance &&
		       ticket->checker_generation == whom->generation;
	}
	return ticket->owner == whom->process;
}

static bool is_overdue(const struct ticket *ticket, const void *context)
{
	return ticket->due_mono_ms <= *(const uint64_t *)context;
}

/* A ticket that ends in a body still being read takes the prevalidator's part with it. */
static void fail(struct exchange *exchange, const char *text)
{
	if (exchange->route == ROUTE_PROBE) {
		dispatch_refuse(exchange, ERR_STALE);
		return;
	}
	if (exchange->client->current == exchange) {
		dispatch_abandon(exchange);
	}
	exchange_fail(exchange, text);
}

static void fail_all(struct edge *edge, tickets_ends ends, const void *context, const char *text)
{
	struct ticket *ticket;
	uint32_t at = 0;

	for (ticket = tickets_next(&edge->tickets, &at, ends, context); ticket != NULL;
		ticket = tickets_next(&edge->tickets, &at, ends, context)) {
		fail(ticket->holder, text);
	}
}

void dispatch_lost(struct edge *edge, const struct oap_from *whom)
{
	fail_all(edge, is_of, whom, "a part of the node was lost on the way; repeat the request");
}

void dispatch_overdue(struct edge *edge, int64_t now_us)
{
	uint64_t now_ms = (uint64_t)now_us / 1000;

	if (edge->tickets.count > 0) {
		fail_all(edge, is_overdue, &now_ms, "the time was up; repeat the request");
	}
}
