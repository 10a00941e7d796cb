/* The end, in order (DESIGN-WALL.md section 6): edges stop accepting, then whoever feeds the
 * ledger, then the ledger, then whoever reads it, and admin last. A stage is over when each of
 * its workers said DRAINED and is reaped, or died. */
#include "supervisor/supervisor.h"

#include "common/log.h"

static bool in_stage(const struct child *child, unsigned stage)
{
	return child->plan->drain_stage == stage;
}

/* Those before the ledger wait for clients, and clients may wait for ever: each of these stages
 * has at most a quarter of node.drain_timeout, so that the ledger always keeps one to seal and to
 * close the store in order. */
#define STAGE_OF_THE_LEDGER 4u
#define SHARE_OF_A_STAGE    4

static int64_t share_ms_of(const struct supervisor *self)
{
	return self->config.node_drain_timeout_ms / SHARE_OF_A_STAGE;
}

static int64_t left_ms_of(const struct supervisor *self)
{
	int64_t left_ms = (self->drain_until.monotonic_us - clock_now().monotonic_us) / 1000;

	return left_ms > 0 ? left_ms : 0;
}

static int64_t stage_limit_ms(const struct supervisor *self)
{
	int64_t left_ms = left_ms_of(self), share_ms = share_ms_of(self);

	return self->drain_stage < STAGE_OF_THE_LEDGER && share_ms < left_ms ? share_ms : left_ms;
}

/* 4 in 5 for the worker, the rest for its last words. */
static uint64_t deadline_mono_ms(const struct supervisor *self)
{
	return (uint64_t)(clock_now().monotonic_us / 1000 + stage_limit_ms(self) * 4 / 5);
}

static void on_stage_limit(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct supervisor *self = watcher->data;

	(void)loop;
	(void)events;
	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		if (child->pid > 0 && in_stage(child, self->drain_stage)) {
			life_kill(child, "its requests did not end in time");
			life_signal_kill(child); /* one that was dismissed and stays, too */
		}
	}
}

static void tell_stage(struct supervisor *self)
{
	struct oap_drain drain = { deadline_mono_ms(self) };

	ev_timer_stop(self->loop, &self->stage_limit);
	if (self->drain_stage < STAGE_OF_THE_LEDGER) {
		ev_timer_set(&self->stage_limit, (double)stage_limit_ms(self) / 1000.0, 0.0);
		ev_timer_start(self->loop, &self->stage_limit);
	}

	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		if (!in_stage(child, self->drain_stage)) {
			continue;
		}
		if (child->state == CHILD_UP) {
			(void)!oap_send_drain(mesh_peer_of(&self->mesh, child->process,
						      child->instance, child->generation),
				0, &drain);
		} else if (child->state == CHILD_STARTING) {
			life_kill(child, "the node stops");
		}
	}
}

/* What was done to the node is on record before the store closes, as long as that has the quarter
 * that it may need itself. */
static bool waits_for_records(struct supervisor *self)
{
	return self->drain_stage + 1 == process_plan(PROCESS_COMMITTER)->drain_stage &&
	       audits_are_moving(self) && left_ms_of(self) > share_ms_of(self);
}

static bool stage_is_over(struct supervisor *self)
{
	for (size_t i = 0; i < self->child_count; i++) {
		const struct child *child = &self->children[i];
		if (in_stage(child, self->drain_stage) && child->pid > 0) {
			return false;
		}
	}
	return !waits_for_records(self);
}

/* Closing fd 3 is how a worker is told to leave. */
static void dismiss_drained(struct supervisor *self)
{
	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		if (child->drained && child->state == CHILD_UP) {
			child->state = CHILD_ENDING;
			peer_destroy(mesh_peer_of(
				&self->mesh, child->process, child->instance, child->generation));
		}
	}
}

void drain_step(struct supervisor *self)
{
	if (self->drain_stage == 0) {
		return;
	}
	dismiss_drained(self);
	while (self->drain_stage <= DRAIN_STAGES && stage_is_over(self)) {
		if (self->drain_stage == process_plan(PROCESS_INGRESS)->drain_stage) {
			listen_api_close(self);
		}
		self->drain_stage++;
		tell_stage(self);
	}
	if (self->drain_stage > DRAIN_STAGES) {
		ev_break(self->loop, EVBREAK_ALL);
	}
}

static void on_limit(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct supervisor *self = watcher->data;

	(void)loop;
	(void)events;
	self->drain_forced = true;
	for (size_t i = 0; i < self->child_count; i++) {
		life_kill(&self->children[i], "the node did not stop in time");
		life_signal_kill(&self->children[i]);
	}
}

void drain_begin(struct supervisor *self, const char *why)
{
	if (self->drain_stage > 0) {
		return;
	}
	log_event(LOG_STOPPING, &(struct log_fields){ .text = why });
	events_draining(self, why);
	self->drain_stage = 1;
	reload_stopping(self);
	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		ev_timer_stop(self->loop, &child->restart);
		if (child->state == CHILD_WAITING || child->state == CHILD_ABSENT) {
			child->state = CHILD_GONE;
		}
	}
	self->drain_until =
		instant_after(clock_now(), duration_ms(self->config.node_drain_timeout_ms));
	ev_timer_init(&self->stage_limit, on_stage_limit, 0.0, 0.0);
	self->stage_limit.data = self;
	ev_timer_init(&self->drain_limit, on_limit,
		(double)self->config.node_drain_timeout_ms / 1000.0, 0.0);
	self->drain_limit.data = self;
	ev_timer_start(self->loop, &self->drain_limit);
	notify_stopping(self);
	readiness_update(self);
	tell_stage(self);
	drain_step(self);
}
