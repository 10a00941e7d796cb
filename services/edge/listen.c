/* Connections come in. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "services/edge/edge.h"

/* One turn takes at most so many, so that a flood of connections starves nobody; and fewer while
 * somebody who is here waits for another turn. */
#define ACCEPTS_PER_TURN      64u
#define ACCEPTS_PER_BUSY_TURN 8u

/* As many as wait in the kernel at most: the backlog of supervisor/listen.c, and one more. */
#define WAITING_MAX 1025u

/* Root, and who is listed; with an empty list the node's own user. That is ours when the node
 * runs unprivileged, and root when it does not. */
static bool uid_is_allowed(const struct edge *edge, uint32_t uid)
{
	const struct config_numbers *allowed = &edge->worker->config.uds_allow_uids;

	for (uint32_t i = 0; i < allowed->count; i++) {
		if (allowed->values[i] == uid) {
			return true;
		}
	}
	return uid == 0 || (allowed->count == 0 && uid == edge->own_uid);
}

static bool know_local(const struct edge *edge, int fd, uint32_t *ret_uid)
{
	struct ucred peer;
	socklen_t bytes = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) {
		return false;
	}
	if (!uid_is_allowed(edge, peer.uid)) {
		metrics_inc(METRIC_UDS_DENIED, METRIC_PLAIN);
		log_event(LOG_UDS_DENIED,
			&(struct log_fields){ .uid = peer.uid, .key = "uds.allow_uids" });
		return false;
	}
	*ret_uid = peer.uid;
	return true;
}

/* What no connection can be kept for is told so, as far as one write goes: that a probe hears
 * "busy" is worth more than that it waits. 503 when it is not the peer's doing. Counted first: who
 * has the answer finds it counted. Who would have to hear it in TLS is let go. */
static void turn_away(struct edge *edge, int fd, bool is_local, enum metric_conn_refusal why)
{
	static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
				   "Connection: close\r\nRetry-After: 1\r\n\r\n";
	static const char peer[] = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n"
				   "Connection: close\r\nRetry-After: 1\r\n\r\n";
	bool is_full = why == METRIC_CONN_REFUSAL_FULL;

	metrics_inc(METRIC_BUSY_REJECTIONS, METRIC_BUSY_INGRESS);
	metrics_inc(METRIC_REJECTED, metrics_label_reason(REASON_BUSY));
	metrics_inc(METRIC_CONNECTIONS_REFUSED, why);
	if (is_local || edge->tls == NULL) {
		(void)!send(fd, is_full ? full : peer, (is_full ? sizeof full : sizeof peer) - 1,
			MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	close(fd);
	if (is_full && !edge->was_full) {
		edge->was_full = true;
		log_event(LOG_CONNECTIONS_FULL,
			&(struct log_fields){ .count = edge->client_count,
				.key = edge->plane == PLANE_ADMIN ? "admin.max_conns"
								  : "api.max_conns" });
	}
}

/* What TCP leaves is the local socket's, and CONNECTIONS_LOCAL_MAX more. */
static bool has_room(const struct edge *edge, bool is_local)
{
	uint32_t most = edge->limits.conns_max;

	if (edge->client_count >= most + CONNECTIONS_LOCAL_MAX) {
		return false;
	}
	return is_local || edge->client_count - edge->local_count < most;
}

/* NULL with a fd that is still the caller's. */
static struct client *create(struct edge *edge, int fd, bool is_local)
{
	struct client *client;
	struct tls_stream *stream = NULL;

	if (!has_room(edge, is_local)) {
		return NULL;
	}
	if (edge->tls != NULL && !is_local) {
		stream = tls_stream_create(edge->tls, fd);
		if (stream == NULL) {
			return NULL;
		}
	}
	client = client_create(edge, fd, stream);
	if (client == NULL) {
		tls_stream_destroy(stream);
	}
	return client;
}

static void welcome(struct edge *edge, int fd, const struct sockaddr_storage *address)
{
	bool is_local = address->ss_family == AF_UNIX;
	uint32_t uid = 0;
	struct limiter_entry *allowance;
	enum metric_conn_refusal why;
	struct peer_name name;
	struct client *client;

	if (is_local && !know_local(edge, fd, &uid)) {
		close(fd);
		return;
	}
	name = peers_name(address, uid);
	allowance = peers_find(edge, &name);
	if (!peers_let_in(edge, &name, allowance, &why)) {
		turn_away(edge, fd, is_local, why);
		return;
	}
	client = create(edge, fd, is_local);
	if (client == NULL) {
		turn_away(edge, fd, is_local, METRIC_CONN_REFUSAL_FULL);
		return;
	}
	client->wire = is_local ? WIRE_UNDECIDED : WIRE_HTTP;
	client->peer = is_local ? GRANT_PEER_UNIX : GRANT_PEER_TCP;
	client->peer_uid = uid;
	peers_join(client, &name, allowance);
	edge->was_full = false;
}

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct edge *edge = watcher->data;
	bool is_busy = ev_is_active(&edge->awake);
	unsigned most = is_busy ? ACCEPTS_PER_BUSY_TURN : ACCEPTS_PER_TURN;

	(void)loop;
	(void)events;
	for (unsigned i = 0; i < most; i++) {
		struct sockaddr_storage address = { .ss_family = AF_UNIX };
		socklen_t bytes = sizeof address;
		int fd = accept4(watcher->fd, (struct sockaddr *)&address, &bytes,
			SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(edge, fd, &address);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			metrics_inc(METRIC_CONNECTIONS_REFUSED, METRIC_CONN_REFUSAL_FILES);
			listen_pause(edge); /* until the next tick; or the loop would spin */
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

static const enum setup_fd kinds[EDGE_LISTENERS_MAX] = { SETUP_FD_LISTEN_TCP, SETUP_FD_LISTEN_UDS };

/* fd: -1 is none. */
static void set_listener(struct edge *edge, size_t place, int fd)
{
	ev_io *io = &edge->listeners[place];

	ev_io_init(io, on_connection, fd, EV_READ);
	io->data = edge;
}

void listen_start(struct edge *edge)
{
	for (size_t i = 0; i < EDGE_LISTENERS_MAX; i++) {
		set_listener(edge, i, worker_fd(edge->worker, kinds[i], 0));
	}
	listen_resume(edge);
}

/* Who connected to the old address before the new one was there is not turned away. */
static void take_waiting(struct edge *edge, int fd)
{
	struct sockaddr_storage address = { .ss_family = AF_UNIX };
	socklen_t bytes = sizeof address;
	int client;

	for (unsigned i = 0; i < WAITING_MAX && fd >= 0 && !edge->is_draining; i++) {
		client = accept4(
			fd, (struct sockaddr *)&address, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client >= 0) {
			welcome(edge, client, &address);
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
		address = (struct sockaddr_storage){ .ss_family = AF_UNIX };
		bytes = sizeof address;
	}
}

/* In a reload, whose end closes the old ones: libev lets go of them first (FACTS). */
void listen_replace(struct edge *edge)
{
	bool listening = edge->listening;

	for (size_t i = 0; i < EDGE_LISTENERS_MAX; i++) {
		if (worker_reload_replaces(edge->worker, kinds[i])) {
			take_waiting(edge, edge->listeners[i].fd);
			ev_io_stop(edge->worker->loop, &edge->listeners[i]);
			set_listener(edge, i, worker_reload_fd(edge->worker, kinds[i]));
		}
	}
	edge->listening = false;
	if (listening) {
		listen_resume(edge);
	}
}

void listen_pause(struct edge *edge)
{
	for (size_t i = 0; i < EDGE_LISTENERS_MAX; i++) {
		ev_io_stop(edge->worker->loop, &edge->listeners[i]);
	}
	edge->listening = false;
}

void listen_resume(struct edge *edge)
{
	if (edge->listening || edge->is_draining) {
		return;
	}
	for (size_t i = 0; i < EDGE_LISTENERS_MAX; i++) {
		if (edge->listeners[i].fd >= 0) {
			ev_io_start(edge->worker->loop, &edge->listeners[i]);
		}
	}
	edge->listening = true;
}
