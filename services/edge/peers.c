/* How much one of many may have: requests and connections of the whole plane, of one address or
 * local user, and refusals for want of a good token.
 *
 * Each worker keeps its share of a rate (limits.* divided by the workers), for which connection
 * comes to which of them is the kernel's choice. A peer is asked before the plane, so that what is
 * refused to one is not taken from all. */
#include "services/edge/edge.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"

_Static_assert(CONFIG_RATE_MAX == LIMITER_RATE_MAX, "whatever can be configured can be kept");

/* A line about peers over their limits at most so often. */
#define TELL_US INT64_C(1000000)

#define PEER_TEXT_BYTES (INET6_ADDRSTRLEN + sizeof "/64")

static const struct limiter_rate failures = { EDGE_FAILURES_PER_SECOND, EDGE_FAILURES_PER_SECOND };

void peers_take_limits(struct edge *edge, const struct config *config)
{
	struct edge_limits *limits = &edge->limits;
	uint64_t workers = config->concurrency_ingress_workers;

	workers = workers == 0 ? 1 : workers;
	limits->peer_conns_max = (uint32_t)config->limits_peer_conns;
	if (edge->plane == PLANE_ADMIN) {
		return; /* never shed */
	}
	limits->rate = limiter_share(config->limits_rps, config->limits_burst, workers);
	limits->peer_rate =
		limiter_share(config->limits_peer_rps, config->limits_peer_burst, workers);
	limits->uid_rate =
		limiter_share(config->limits_uid_rps, config->limits_peer_burst, workers);
}

/* --- names --- */

/* An IPv4 address in IPv6 clothes is one of IPv4. */
struct peer_name peers_name(const struct sockaddr_storage *address, uint32_t uid)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct peer_name name = { .kind = 'u' };

	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
		name.kind = '4';
		memcpy(name.bytes, &in4->sin_addr.s_addr, 4);
	} else if (address->ss_family == AF_INET6) {
		const uint8_t *bytes = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
		bool is_mapped = memcmp(bytes, mapped, sizeof mapped) == 0;
		name.kind = is_mapped ? '4' : '6';
		memcpy(name.bytes, is_mapped ? bytes + 12 : bytes, is_mapped ? 4 : 8);
	} else {
		memcpy(name.bytes, &uid, sizeof uid);
	}
	return name;
}

/* The local socket, 127.0.0.0/8, and of ::1 its /64, in which nobody else lives. */
static bool is_local(const struct peer_name *name)
{
	static const uint8_t zeros[8];

	return name->kind == 'u' || (name->kind == '4' && name->bytes[0] == 127) ||
	       (name->kind == '6' && memcmp(name->bytes, zeros, sizeof zeros) == 0);
}

static void print_name(const struct peer_name *name, char text[PEER_TEXT_BYTES])
{
	struct in6_addr in6 = IN6ADDR_ANY_INIT;
	uint32_t uid;

	if (name->kind == '4') {
		(void)inet_ntop(AF_INET, name->bytes, text, PEER_TEXT_BYTES);
	} else if (name->kind == '6') {
		memcpy(&in6, name->bytes, sizeof name->bytes);
		(void)inet_ntop(AF_INET6, &in6, text, INET6_ADDRSTRLEN);
		memcpy(text + strlen(text), "/64", sizeof "/64");
	} else {
		memcpy(&uid, name->bytes, sizeof uid);
		(void)snprintf(text, PEER_TEXT_BYTES, "uid %u", uid);
	}
}

static void tell(struct edge *edge, enum log_event event, const struct peer_name *name,
	const char *key, uint64_t count)
{
	char text[PEER_TEXT_BYTES];
	int64_t now_us = edge_now_us();

	if (edge->told_us != 0 && now_us - edge->told_us < TELL_US) {
		return;
	}
	edge->told_us = now_us;
	print_name(name, text);
	log_event(event, &(struct log_fields){ .peer = text, .key = key, .count = count });
}

struct limiter_entry *peers_find(struct edge *edge, const struct peer_name *name)
{
	_Static_assert(sizeof *name == 9, "no byte of it is padding");
	return limiter_find(
		&edge->peers, (struct slice){ (const uint8_t *)name, sizeof *name }, edge_now_us());
}

/* --- connections --- */

static struct limiter_rate rate_of(const struct edge *edge, const struct peer_name *name)
{
	return name->kind == 'u' ? edge->limits.uid_rate : edge->limits.peer_rate;
}

static const char *rate_key(const struct peer_name *name)
{
	return name->kind == 'u' ? "limits.uid_rps" : "limits.peer_rps";
}

/* UINT32_MAX: as many as there are. */
static uint32_t conns_max_of(const struct edge *edge, const struct peer_name *name)
{
	if (edge->limits.peer_conns_max > 0) {
		return edge->limits.peer_conns_max;
	}
	return is_local(name) ? UINT32_MAX : edge->limits.conns_max - edge->limits.conns_max / 4;
}

bool peers_let_in(struct edge *edge, const struct peer_name *name, struct limiter_entry *allowance,
	enum metric_conn_refusal *ret_why)
{
	struct limiter_rate rate = rate_of(edge, name);

	if (allowance->conns >= conns_max_of(edge, name)) {
		*ret_why = METRIC_CONN_REFUSAL_PEER;
		tell(edge, LOG_PEER_FULL, name, "limits.peer_conns", allowance->conns);
		return false;
	}
	if (!limiter_take(&allowance->arrivals, rate, edge_now_us())) {
		*ret_why = METRIC_CONN_REFUSAL_RATE;
		tell(edge, LOG_RATE_LIMITED, name, rate_key(name), rate.per_second);
		return false;
	}
	return true;
}

void peers_join(
	struct client *client, const struct peer_name *name, struct limiter_entry *allowance)
{
	client->name = *name;
	client->allowance = allowance;
	allowance->conns++;
	client->edge->local_count += name->kind == 'u';
}

void peers_leave(struct client *client)
{
	assert(client->allowance->conns > 0);
	client->allowance->conns--;
	client->edge->local_count -= client->name.kind == 'u';
}

/* --- requests --- */

static void refuse(struct exchange *exchange, enum metric_rate_limit limit, const char *key)
{
	struct client *client = exchange->client;

	metrics_inc(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN);
	metrics_inc(METRIC_RATE_LIMITED, limit);
	tell(client->edge, LOG_RATE_LIMITED, &client->name, key, exchange->left.limit);
	exchange_refuse_api(exchange, 429, REASON_BUSY, API_REASON_RATE_LIMITED, "rate");
}

bool peers_admit(struct exchange *exchange)
{
	struct client *client = exchange->client;
	struct edge *edge = client->edge;
	struct limiter_rate own = rate_of(edge, &client->name);
	struct limiter_bucket *requests = &client->allowance->requests;
	int64_t now_us = edge_now_us();
	bool is_own_left = limiter_take(requests, own, now_us);
	bool is_left = is_own_left && limiter_take(&edge->rate, edge->limits.rate, now_us);
	struct limiter_left left = limiter_left_of(&edge->rate, edge->limits.rate, now_us);

	exchange->left = limiter_left_of(requests, own, now_us);
	if (exchange->left.limit == 0 ||
		(left.limit != 0 && is_own_left && left.remaining < exchange->left.remaining)) {
		exchange->left = left; /* whichever is reached first */
	}
	if (!is_own_left) {
		refuse(exchange, METRIC_RATE_LIMIT_PEER, rate_key(&client->name));
	} else if (!is_left) {
		refuse(exchange, METRIC_RATE_LIMIT_NODE, "limits.rps");
	}
	return is_left;
}

bool peers_may_fail(struct client *client)
{
	return client->peer == GRANT_PEER_UNIX ||
	       limiter_take(&client->allowance->failures, failures, edge_now_us());
}
