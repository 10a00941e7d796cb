/* From a reaped worker to the next one. A worker that was reaped waits (CHILD_WAITING) for its
 * back-off, and for everybody whom it dies with: sequencer and committer are started again in
 * one go, committer first, when both are reaped and both have waited long enough. */
#include "supervisor/supervisor.h"

#include "common/log.h"
#include "common/random.h"

#define ROLE_OF(child) (1u << (child)->process)

static bool dies_with(const struct child *child, const struct child *other)
{
	return (child->plan->dies_with & ROLE_OF(other)) != 0;
}

/* In a drain nobody starts again: only those are ended that would wait for the dead. */
void restart_end_partners(struct child *child)
{
	struct supervisor *self = child->supervisor;
	unsigned stage = child->plan->drain_stage;

	for (size_t i = 0; i < self->child_count; i++) {
		struct child *other = &self->children[i];
		bool is_needed = self->drain_stage > 0 && other->plan->drain_stage > stage;
		if (dies_with(child, other) && !is_needed &&
			(other->state == CHILD_STARTING || other->state == CHILD_UP)) {
			other->ended_with_partner = true;
			life_kill(other, "its partner died");
		}
	}
}

static bool partners_hold_it_back(const struct child *child)
{
	struct supervisor *self = child->supervisor;

	for (size_t i = 0; i < self->child_count; i++) {
		struct child *other = &self->children[i];
		if (dies_with(child, other) &&
			(other->state == CHILD_ENDING ||
				(other->state == CHILD_WAITING && ev_is_active(&other->restart)))) {
			return true;
		}
	}
	return false;
}

static void start_again(struct child *child)
{
	child->restarts++;
	metrics_inc(METRIC_SERVICE_RESTARTS, child->process);
	spawn_child(child);
	log_event(LOG_WORKER_RESTARTED, &(struct log_fields){ .about = child->process,
						.instance_of = child->instance,
						.pid_of = (uint64_t)child->pid,
						.generation = child->generation,
						.count = child->restarts });
	if (child->pid > 0) {
		events_restart(child);
	}
}

/* Those of the group that come after another one of it are started in the second round. */
static void start_group(struct child *child)
{
	struct supervisor *self = child->supervisor;
	unsigned group = child->plan->dies_with | ROLE_OF(child);

	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < self->child_count; i++) {
			struct child *one = &self->children[i];
			bool comes_later = (one->plan->after & group) != 0;
			if ((one == child || dies_with(child, one)) &&
				one->state == CHILD_WAITING && !ev_is_active(&one->restart) &&
				comes_later == (round == 1)) {
				start_again(one);
			}
		}
	}
}

void restart_on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct child *child = watcher->data;

	(void)loop;
	(void)events;
	if (child->supervisor->drain_stage > 0 || child->state != CHILD_WAITING ||
		partners_hold_it_back(child)) {
		return; /* the last of the group to be ready starts all of it */
	}
	start_group(child);
}

/* A death by our own hand, because its partner died, says nothing about this worker. */
void restart_after_death(struct child *child)
{
	struct supervisor *self = child->supervisor;
	struct deaths_waits waits = {
		.min_ms = self->config.node_restart_min_ms,
		.max_ms = self->config.node_restart_max_ms,
		.cap_ms = self->config.node_restart_cap_ms,
	};
	int64_t wait_ms = 0;

	if (!child->ended_with_partner) {
		struct instant now = clock_now();
		deaths_add(&child->deaths, now);
		wait_ms = deaths_wait_ms(deaths_recent(&child->deaths, now), &waits, random_u64());
	}
	child->ended_with_partner = false;
	child->state = CHILD_WAITING;
	restart_end_partners(child);
	ev_timer_stop(self->loop, &child->restart);
	ev_timer_set(&child->restart, (double)wait_ms / 1000.0, 0.0);
	ev_timer_start(self->loop, &child->restart);
}

/* Says it once when it begins and once when it is over. */
void restart_judge(struct child *child)
{
	bool degraded = deaths_too_many(&child->deaths, clock_now());

	if (degraded != child->degraded) {
		child->degraded = degraded;
		log_event(degraded ? LOG_DEGRADED : LOG_RECOVERED,
			&(struct log_fields){
				.about = child->process, .instance_of = child->instance });
		events_degraded(child);
	}
}
