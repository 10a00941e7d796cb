#include "common/metrics.h"
#include "services/prevalidator/prevalidator.h"

/* --- an edge --- */

static bool is_ours(const struct prevalidator *self, unsigned route)
{
	bool is_of_admin = prevalidator_is_of_admin(self);

	switch ((enum route)route) {
	case ROUTE_INGEST:
	case ROUTE_ROOTS:
	case ROUTE_ENTRY:
	case ROUTE_TLOG_CHECKPOINT:
	case ROUTE_TLOG_TILE:
	case ROUTE_PROOF_ENTRY:
	case ROUTE_PROOF_CONSISTENCY:
	case ROUTE_BALANCE:
	case ROUTE_TX:
	case ROUTE_TX_PROOF:
	case ROUTE_HISTORY:
	case ROUTE_EVENTS:
	case ROUTE_ISSUE:
	case ROUTE_TRANSFER:
	case ROUTE_BURN:
	case ROUTE_HOLD:
	case ROUTE_CAPTURE:
	case ROUTE_RELEASE:
	case ROUTE_OBJECT_PUT:
	case ROUTE_OBJECT:
	case ROUTE_REWARD_COMPUTE:
	case ROUTE_REWARD_RELEASE:
	case ROUTE_REWARD_EPOCH:
	case ROUTE_REWARD_MANIFEST:
	case ROUTE_REWARD_RUNS:
	case ROUTE_REWARD_POLICY_PUT:
	case ROUTE_REWARD_POLICY:
	case ROUTE_EXPORT:
	case ROUTE_SIGN_SNAPSHOT:
	case ROUTE_VERIFY:
		return !is_of_admin;
	case ROUTE_ADMIN_STATUS:
	case ROUTE_ADMIN_RECOVERY:
	case ROUTE_ADMIN_EVENTS:
	case ROUTE_ADMIN_RELOAD:
	case ROUTE_ADMIN_SHUTDOWN:
		return is_of_admin;
	case ROUTE_OTHER:
	case ROUTE_HEALTHZ:
	case ROUTE_READYZ:
	case ROUTE_VERSION:
	case ROUTE_METRICS:
	case ROUTE_SCHEMAS:
	case ROUTE_SCHEMA:
	case ROUTE_OPENAPI:
	case ROUTE_COMPUTE_SCHEMA:
	case ROUTE_PROBE:
	case ROUTE_COUNT:
		break;
	}
	return false;
}

static bool may_have_offset(unsigned route)
{
	return route == ROUTE_TLOG_TILE || route == ROUTE_EVENTS || route == ROUTE_OBJECT ||
	       route == ROUTE_REWARD_MANIFEST;
}

/* The bytes of an object are none of ours. */
static bool is_body_sound(const struct oap_request *msg)
{
	return msg->body.bytes_count == 0 ||
	       (msg->body.bytes_count == msg->body_bytes && msg->route != ROUTE_OBJECT_PUT);
}

static struct body_limit limit_of(uint64_t generation, const struct config *config)
{
	return (struct body_limit){ generation, config->limits_max_body_bytes };
}

/* A request that was let in before a reload is not refused behind it. Its edge may be ahead of us,
 * too, by as much as a COMMIT is on its way. */
static uint64_t body_bytes_max(const struct prevalidator *self, uint64_t generation)
{
	const struct worker_staged *staged = &self->worker->staged;

	if (generation == self->body_limit_before.generation && generation != 0) {
		return self->body_limit_before.bytes_max;
	}
	if (generation == staged->generation && generation != 0) {
		return staged->config.limits_max_body_bytes;
	}
	return self->body_limit.bytes_max;
}

static enum err on_request(void *owner, const struct oap_from *from, const struct oap_request *msg)
{
	struct prevalidator *self = owner;
	struct ask ask = {
		.from = *from,
		.since = clock_now(),
		.deadline_mono_ms = msg->deadline_mono_ms,
		.route = (enum route)msg->route,
		.is_oap = msg->is_oap != 0,
		.is_gzip = msg->is_gzip != 0,
		.is_counted = msg->is_again != 0,
		.peer_class = (enum grant_peer)msg->peer_class,
		.peer_uid = msg->peer_class == GRANT_PEER_UNIX ? msg->peer_uid : 0,
		.actions = msg->peer_class == GRANT_PEER_MTLS
				   ? policy_actions_of(&self->worker->policy, &msg->certificate)
				   : CAVEAT_ACTIONS_ALL,
		.body_bytes = msg->body_bytes,
		.body_bytes_max = body_bytes_max(self, msg->config_generation),
		.offset = msg->offset,
		.wait_ms = msg->wait_ms,
		.query = msg->query,
		.corr_id = msg->corr_id,
		.idem_key = msg->idem_key,
		.token = msg->token,
		.body = msg->body,
	};

	if (!is_ours(self, msg->route) || (msg->offset != 0 && !may_have_offset(msg->route)) ||
		msg->is_oap > 1 || msg->is_gzip > 1 || msg->is_again > 1 ||
		(msg->is_oap == 1 && msg->is_gzip == 1) || msg->peer_class >= GRANT_PEER_COUNT ||
		!is_body_sound(msg) || (msg->is_gzip == 1 && msg->route == ROUTE_OBJECT_PUT)) {
		return ERR_MALFORMED;
	}
	if (jobs_find(self, from) != NULL) {
		return ERR_CONFLICT; /* a ticket is for one request */
	}
	self->worker->ticket_in_hand = from->corr_id;
	wall_enter(self, &ask);
	self->worker->ticket_in_hand = 0;
	return ERR_OK;
}

/* Of a request that was refused meanwhile, pieces may still be on their way. */
static enum err on_body(void *owner, const struct oap_from *from, const struct oap_body *msg)
{
	struct prevalidator *self = owner;
	struct job *job = jobs_find(self, from);
	bool whole = false;
	enum err err;

	if (job == NULL) {
		return ERR_OK;
	}
	err = bodies_take(job, msg, &whole);
	if (err != ERR_OK || !whole) {
		return err;
	}
	if (wall_body_is_here(self, job)) {
		jobs_remove(self, job);
	}
	return ERR_OK;
}

static enum err on_abandon(void *owner, const struct oap_from *from, const struct oap_abandon *msg)
{
	struct prevalidator *self = owner;
	struct job *job = jobs_find(self, from);

	(void)msg;
	if (job != NULL) {
		mesh_give_back(&self->worker->mesh, &job->ask.from);
		jobs_remove(self, job);
	}
	return ERR_OK;
}

static void refuse_probe(struct prevalidator *self, const struct oap_from *from, enum reason reason)
{
	struct oap_probe_refused refused = { .reason = (uint8_t)reason };
	struct peer *edge =
		mesh_peer_of(&self->worker->mesh, from->process, from->instance, from->generation);

	(void)!oap_send_probe_refused(edge, from->corr_id, &refused); /* or it is gone */
}

static enum err on_probe(void *owner, const struct oap_from *from, const struct oap_probe *msg)
{
	struct prevalidator *self = owner;
	struct oap_probe_order order = {
		.edge_process = from->process,
		.edge_instance = from->instance,
		.edge_generation = from->generation,
		.deadline_mono_ms = msg->deadline_mono_ms,
		.nonce = msg->nonce,
	};
	struct mesh *mesh = &self->worker->mesh;
	enum err err =
		oap_send_probe_order(mesh_peer(mesh, PROCESS_SEQUENCER, 0), from->corr_id, &order);

	if (err != ERR_OK) {
		refuse_probe(self, from, err == ERR_BUSY ? REASON_BUSY : REASON_INTERNAL);
	}
	mesh_give_back(mesh, from);
	return ERR_OK;
}

/* --- kms --- */

static enum err on_grant(void *owner, const struct oap_from *from, const struct oap_grant *msg)
{
	return grants_answered(owner, from->corr_id, msg);
}

static enum err on_forget_grants(
	void *owner, const struct oap_from *from, const struct oap_forget_grants *msg)
{
	struct prevalidator *self = owner;

	(void)from;
	(void)msg;
	grants_forget(&self->grants);
	return ERR_OK;
}

const struct oap_handlers prevalidator_handlers = {
	.request = on_request,
	.body = on_body,
	.abandon = on_abandon,
	.probe = on_probe,
	.grant = on_grant,
	.forget_grants = on_forget_grants,
};

/* --- time --- */

static bool finish_late(struct prevalidator *self, struct job *job, const void *context)
{
	const struct instant *now = context;

	if (job->ask.deadline_mono_ms > (uint64_t)now->monotonic_us / 1000) {
		return false;
	}
	wall_refuse(self, &job->ask, REASON_TIMEOUT, detail_text(DETAIL_DEADLINE));
	return true;
}

static void on_sweep(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct prevalidator *self = timer->data;
	struct instant now = clock_now();

	(void)loop;
	(void)events;
	grants_give_up_late(self, now);
	jobs_each(self, finish_late, &now);
	metrics_set(METRIC_QUEUE_DEPTH, METRIC_QUEUE_PREVAL, self->jobs.count);
}

/* --- life --- */

bool prevalidator_is_of_admin(const struct prevalidator *self)
{
	return self->worker->instance == PREVALIDATOR_OF_ADMIN;
}

void prevalidator_ready(void *owner, struct worker *worker)
{
	struct prevalidator *self = owner;

	self->worker = worker;
	self->body_limit = limit_of(worker->config_generation, &worker->config);
	self->caveats_judged =
		(caveat_kinds(CAVEAT_WHERE_EDGE) | caveat_kinds(CAVEAT_WHERE_LEDGER)) &
		~(1u << CAVEAT_NODE);
	grants_init(&self->grants);
	tenants_init(self);
	ev_timer_init(&self->sweep, on_sweep, SWEEP_S, SWEEP_S);
	self->sweep.data = self;
	ev_timer_start(worker->loop, &self->sweep);
}

/* kms.cache_ttl may be shorter now, and what a grant is kept for was counted by the old one. */
void prevalidator_commit(void *owner, struct worker *worker)
{
	struct prevalidator *self = owner;

	self->body_limit_before = self->body_limit;
	self->body_limit = limit_of(worker->config_generation, &worker->config);
	grants_forget(&self->grants);
	tenants_take_limits(self);
}

static void report(struct prevalidator *self)
{
	static const struct {
		unsigned process;
		const char *text;
	} needed[] = {
		{ PROCESS_KMS, "waiting for kms" },
		{ PROCESS_SEQUENCER, "waiting for the sequencer" },
		{ PROCESS_ARCHIVE, "waiting for archive" },
		{ PROCESS_WALLET, "waiting for the wallet" },
	};
	size_t needed_count = prevalidator_is_of_admin(self) ? 1 : COUNT_OF(needed);

	if (self->worker->phase == PHASE_DRAINED) {
		return;
	}
	for (size_t i = 0; i < needed_count; i++) {
		if (mesh_peer(&self->worker->mesh, needed[i].process, 0) == NULL) {
			worker_report(self->worker, PHASE_LOADING, 0, 0, NULL, needed[i].text);
			return;
		}
	}
	if (self->worker->phase != PHASE_SERVING) {
		worker_report(self->worker, PHASE_SERVING, 0, 0, NULL, "");
	}
}

void prevalidator_link_up(void *owner, const struct oap_from *whom)
{
	(void)whom;
	report(owner);
}

/* Nobody is left to answer. */
static bool finish_orphan(struct prevalidator *self, struct job *job, const void *context)
{
	const struct oap_from *whom = context;

	(void)self;
	return job->ask.from.process == whom->process && job->ask.from.instance == whom->instance;
}

void prevalidator_link_lost(void *owner, const struct oap_from *whom)
{
	struct prevalidator *self = owner;

	if (whom->process == PROCESS_KMS) {
		grants_kms_lost(self);
	} else if (whom->process == PROCESS_INGRESS || whom->process == PROCESS_ADMIN) {
		jobs_each(self, finish_orphan, whom);
	}
	report(self);
}

void prevalidator_drain(void *owner, uint64_t deadline_mono_ms)
{
	struct prevalidator *self = owner;

	(void)deadline_mono_ms;
	self->draining = true;
}

/* The edges have stopped before us: nothing new comes. */
void prevalidator_turn(void *owner)
{
	struct prevalidator *self = owner;

	if (self->draining && self->jobs.count == 0) {
		self->draining = false;
		worker_drained(self->worker, 0);
	}
}
