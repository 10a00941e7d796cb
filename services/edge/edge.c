/* Birth, the turn of the loop, the tick, and the end. */
#include "services/edge/edge.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "common/random.h"

int64_t edge_now_us(void)
{
	return clock_now().monotonic_us;
}

void edge_random(struct edge *edge, void *bytes, size_t bytes_count)
{
	assert(bytes_count <= EDGE_RANDOM_BYTES);
	if (edge->random_left < bytes_count) {
		random_fill(edge->random, EDGE_RANDOM_BYTES);
		edge->random_left = EDGE_RANDOM_BYTES;
	}
	edge->random_left -= bytes_count;
	memcpy(bytes, edge->random + edge->random_left, bytes_count);
	memset(edge->random + edge->random_left, 0, bytes_count); /* nobody sees it twice */
}

/* --- birth --- */

static void take_limits(struct edge *edge, const struct config *config)
{
	struct edge_limits *limits = &edge->limits;
	bool admin = edge->plane == PLANE_ADMIN;

	limits->conns_max = (uint32_t)(admin ? config->admin_max_conns : config->api_max_conns);
	limits->read_us =
		(admin ? config->admin_read_timeout_ms : config->api_read_timeout_ms) * 1000;
	limits->write_us =
		(admin ? config->admin_write_timeout_ms : config->api_write_timeout_ms) * 1000;
	limits->idle_us =
		(admin ? config->admin_idle_timeout_ms : config->api_idle_timeout_ms) * 1000;
	limits->handshake_us = config->tls_handshake_timeout_ms * 1000;
	limits->req_timeout_ms = (uint64_t)config->limits_req_timeout_ms;
	limits->body_bytes_max = config->limits_max_body_bytes;
	limits->host_name_count = config->api_host_names.count;
	for (size_t i = 0; i < limits->host_name_count; i++) {
		const char *name = config->api_host_names.texts[i];
		limits->host_names[i] = (struct slice){ (const uint8_t *)name, strlen(name) };
	}
	peers_take_limits(edge, config);
	edge->logs_requests = config->log_level == CONFIG_LOG_LEVEL_DEBUG;
}

/* Whoever started the node may have given less than the supervisor wants for us: then accepting
 * will pause when they are used up, and an operator should know before. */
static void look_at_files(struct edge *edge)
{
	bool admin = edge->plane == PLANE_ADMIN;
	const struct config *config = &edge->worker->config;
	uint64_t conns_max = admin ? config->admin_max_conns : config->api_max_conns;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
		files.rlim_cur < conns_max + CONNECTIONS_LOCAL_MAX) {
		log_event(LOG_FILES_FEW,
			&(struct log_fields){ .count = files.rlim_cur,
				.key = admin ? "admin.max_conns" : "api.max_conns" });
	}
}

/* Before the filter, which knows neither getuid nor getrlimit. */
void edge_open(void *self, struct worker *worker)
{
	struct edge *edge = self;

	edge->worker = worker;
	edge->own_uid = (uint32_t)getuid();
	exposition_open(edge);
	tls_open(edge);
	look_at_files(edge);
}

static void on_tick(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct edge *edge = watcher->data;
	int64_t now_us = edge_now_us();

	(void)loop;
	(void)events;
	dispatch_overdue(edge, now_us);
	for (struct client *client = edge->clients; client != NULL; client = client->next) {
		client_expire(client, now_us);
	}
	listen_resume(edge);
}

static void on_awake(struct ev_loop *loop, ev_idle *watcher, int events)
{
	(void)loop;
	(void)watcher;
	(void)events;
}

void edge_ready(void *self, struct worker *worker)
{
	static const char untold[] = "starting:supervisor"; /* of DEGRADED_STARTING */
	struct edge *edge = self;
	const struct oap_readiness unknown = {
		.degraded = true,
		.reason = { (const uint8_t *)untold, sizeof untold - 1 },
	};

	take_limits(edge, &worker->config);
	edge->start_us = edge_now_us();
	traces_open(edge, &worker->config);
	edge_random(edge, edge->peers.key, sizeof edge->peers.key);
	tickets_init(&edge->tickets, edge->ticket_slots, EDGE_TICKETS_MAX);
	replies_readiness_keep(&edge->readiness, &unknown);
	edge->readiness.amnesia = worker->config.amnesia_enabled;
	edge->readiness.tls = worker->config.tls_enabled;
	edge->readiness.pq_mode = worker->config.pq_mode;
	ev_idle_init(&edge->awake, on_awake);
	ev_timer_init(&edge->tick, on_tick, EDGE_TICK_S, EDGE_TICK_S);
	edge->tick.data = edge;
	listen_start(edge);
	worker_report(worker, PHASE_SERVING, 0, 0, NULL, "");
}

const char *edge_prepare(void *self, struct worker *worker)
{
	(void)worker;
	return tls_prepare(self);
}

void edge_abort(void *self, struct worker *worker)
{
	(void)worker;
	tls_abort(self);
}

/* What has a deadline keeps it; the next head, body or answer has the new one. */
void edge_commit(void *self, struct worker *worker)
{
	struct edge *edge = self;

	take_limits(edge, &worker->config);
	tls_commit(edge);
	listen_replace(edge);
}

/* --- links --- */

bool edge_take_link(void *self, const struct oap_from *whom, int fd)
{
	return tls_takes_link(self, whom, fd);
}

void edge_link_up(void *self, const struct oap_from *whom)
{
	struct edge *edge = self;

	if (whom->process == PROCESS_PREVALIDATOR) {
		assert(whom->instance < COUNT_OF(edge->checkers));
		edge->checkers[whom->instance] =
			(struct edge_checker){ .generation = whom->generation };
	}
}

void edge_link_lost(void *self, const struct oap_from *whom)
{
	struct edge *edge = self;

	dispatch_lost(edge, whom);
	if (whom->process == PROCESS_PREVALIDATOR &&
		edge->checkers[whom->instance].generation == whom->generation) {
		edge->checkers[whom->instance].generation = 0;
	}
}

/* --- the turn --- */

static bool is_marked(const struct edge *edge)
{
	for (size_t rank = 0; rank < CLIENT_RANK_COUNT; rank++) {
		if (edge->marked[rank].first != NULL) {
			return true;
		}
	}
	return false;
}

/* Nothing that anyone waits for. */
static bool is_quiet(const struct edge *edge)
{
	if (edge->exchange_count > 0 || is_marked(edge)) {
		return false;
	}
	for (const struct client *client = edge->clients; client != NULL; client = client->next) {
		if (client_unsent(client) > 0) {
			return false;
		}
	}
	return true;
}

static void tell_drained(struct edge *edge)
{
	bool too_late = (uint64_t)edge_now_us() / 1000 >= edge->drain_deadline_ms;

	if (!edge->is_draining || edge->drain_told || (!too_late && !is_quiet(edge))) {
		return;
	}
	edge->drain_told = true;
	worker_drained(edge->worker, edge->exchange_count);
}

/* The tick runs while there is somebody whose time can run out. */
static void keep_tick(struct edge *edge)
{
	bool wanted = edge->clients != NULL || edge->is_draining || !edge->listening;

	if (wanted && !ev_is_active(&edge->tick)) {
		ev_timer_set(&edge->tick, EDGE_TICK_S, EDGE_TICK_S);
		ev_timer_start(edge->worker->loop, &edge->tick);
	} else if (!wanted && ev_is_active(&edge->tick)) {
		ev_timer_stop(edge->worker->loop, &edge->tick);
	}
}

/* A look at the clock costs something beside a small request; a client of a flood takes 100 us. */
#define CLIENTS_PER_LOOK 8u

/* Whom it had no time for comes first the next time. */
static void serve(struct edge *edge, struct client_queue *queue, int64_t share_us)
{
	int64_t since_us = queue->first == NULL ? 0 : edge_now_us();

	for (unsigned served = 1; queue->first != NULL; served++) {
		struct client *client = queue->first;

		queue->first = client->marked_next;
		client->is_marked = false;
		edge->turning = client;
		client_turn(client);
		edge->turning = NULL;
		if (served % CLIENTS_PER_LOOK == 0 && edge_now_us() - since_us >= share_us) {
			return;
		}
	}
}

static void keep_awake(struct edge *edge)
{
	bool wanted = is_marked(edge);

	if (wanted && !ev_is_active(&edge->awake)) {
		ev_idle_start(edge->worker->loop, &edge->awake);
	} else if (!wanted && ev_is_active(&edge->awake)) {
		ev_idle_stop(edge->worker->loop, &edge->awake);
	}
}

void edge_turn(void *self)
{
	struct edge *edge = self;

	serve(edge, &edge->marked[CLIENT_LOCAL], EDGE_TURN_LOCAL_US);
	serve(edge, &edge->marked[CLIENT_KNOWN], EDGE_TURN_KNOWN_US);
	serve(edge, &edge->marked[CLIENT_OTHER], EDGE_TURN_OTHER_US);
	tell_drained(edge);
	keep_tick(edge);
	keep_awake(edge);
}

void edge_drain(void *self, uint64_t deadline_mono_ms)
{
	struct edge *edge = self;

	edge->is_draining = true;
	edge->drain_deadline_ms = deadline_mono_ms;
	listen_pause(edge);
}
