/* The end, in order (DESIGN-WALL.md section 6): edges stop accepting, then whoever feeds the
 * ledger, then the ledger, then whoever reads it, and admin last. A stage is over when each of
 * its workers said DRAINED and is reaped, or died. */
#include "supervisor/supervisor.h"

#include <signal.h>
#include <unistd.h>

#include "common/log.h"

static bool in_stage(const struct child *child, unsigned stage)
{
	return process_plan(child->process)->drain_stage == stage;
}

static uint64_t deadline_mono_ms(const struct supervisor *self)
{
	return (uint64_t)(clock_now().monotonic_us / 1000 + self->config.node_drain_timeout_ms);
}

static void tell_stage(struct supervisor *self)
{
	struct oap_drain drain = { deadline_mono_ms(self) };

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

static bool stage_is_over(struct supervisor *self)
{
	for (size_t i = 0; i < self->child_count; i++) {
		const struct child *child = &self->children[i];
		if (in_stage(child, self->drain_stage) && child->pid > 0) {
			return false;
		}
	}
	return true;
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
		if (self->children[i].pid > 0) {
			(void)kill(self->children[i].pid, SIGKILL);
		}
	}
}

void drain_begin(struct supervisor *self, const char *why)
{
	if (self->drain_stage > 0) {
		return;
	}
	log_event(LOG_STOPPING, &(struct log_fields){ .text = why });
	self->drain_stage = 1;
	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		ev_timer_stop(self->loop, &child->restart);
		if (child->state == CHILD_WAITING || child->state == CHILD_ABSENT) {
			child->state = CHILD_GONE;
		}
	}
	ev_timer_init(&self->drain_limit, on_limit,
		(double)self->config.node_drain_timeout_ms / 1000.0, 0.0);
	self->drain_limit.data = self;
	ev_timer_start(self->loop, &self->drain_limit);
	readiness_update(self);
	tell_stage(self);
	drain_step(self);
}
