/* The runs that are under way: how one begins, is taken up again, waits and ends; and who waits for
 * what becomes of it. */
#include "services/rewarder/rewarder.h"

#include <stdlib.h>
#include <string.h>

#include "core/reward_keys.h"

/* --- names --- */

static void set_name(struct reward_name *name, struct slice text)
{
	name->bytes_count = (uint8_t)text.bytes_count;
	memcpy(name->bytes, text.bytes, text.bytes_count);
}

void runs_name(const struct rewarder *self, struct registry_row *row)
{
	const char *salt = self->worker->config.rewarder_idempotency_salt;
	struct reward_request request = { .policy_hash = row->policy_hash,
		.inputs_cid = row->inputs_cid,
		.tenant = row->tenant,
		.epoch_id = row->epoch,
		.policy_id = row->policy_id };

	set_name(&request.salt, (struct slice){ (const uint8_t *)salt, strlen(salt) });
	reward_keys_of_request(&request, &row->run_key, &row->idempotency_key);
}

static bool is_at_rest(const struct registry_row *row)
{
	return row->state == REGISTRY_SETTLED || row->state == REGISTRY_QUARANTINED;
}

/* --- the list --- */

struct run *runs_find(struct rewarder *self, uint64_t id)
{
	struct run *run = self->runs;

	while (run != NULL && run->id != id) {
		run = run->next;
	}
	return run;
}

struct run *runs_of_row(struct rewarder *self, const struct registry_row *row)
{
	struct run *run = self->runs;

	while (run != NULL && run->row != row) {
		run = run->next;
	}
	return run;
}

struct run *runs_find_dry(struct rewarder *self, const struct registry_row *wanted)
{
	struct run *run = self->runs;

	while (run != NULL &&
		(!run->is_dry || memcmp(&run->own.idempotency_key, &wanted->idempotency_key,
					 sizeof run->own.idempotency_key) != 0)) {
		run = run->next;
	}
	return run;
}

struct run *runs_begin(struct rewarder *self, struct registry_row *row, enum run_step step)
{
	struct run *run = calloc(1, sizeof *run);
	struct run **last = &self->runs;

	if (run == NULL) {
		return NULL;
	}
	run->id = ++self->id_last;
	run->is_dry = row == NULL;
	run->row = row == NULL ? &run->own : row;
	run->row->has_run = true;
	run->step = step;
	run->calculator = -1;
	run->writer.fd = -1;
	run->began_mono_ms = rewarder_now_mono_ms();
	while (*last != NULL) {
		last = &(*last)->next;
	}
	*last = run;
	self->run_count++;
	return run;
}

static void destroy(struct rewarder *self, struct run *run)
{
	struct run **link = &self->runs;

	run->row->has_run = false;
	/* whoever asks for it again brings another; an audit record says under which it was */
	if (is_at_rest(run->row) && !registry_row_is_unaudited(run->row)) {
		(void)!registry_row_keep(
			&run->row->grant, &run->row->grant_bytes, (struct slice){ NULL, 0 });
	}
	sealing_release(self, run);
	settlement_forget(self, run);
	artefacts_drop(&self->artefacts, &run->writer);
	while (*link != run) {
		link = &(*link)->next;
	}
	*link = run->next;
	self->run_count--;
	assert(run->waiters == NULL);
	free(run->own.grant);
	free(run->own.notes);
	free(run);
}

bool runs_are_damaged(const struct registry_row *row)
{
	return row->state == REGISTRY_POSTPONED &&
	       (row->detail == DETAIL_ALLOCATIONS || row->detail == DETAIL_ALLOCATIONS_CID);
}

struct run *runs_resume(struct rewarder *self, struct registry_row *row, enum run_step step)
{
	struct run *run = runs_begin(self, row, step);

	if (run == NULL) {
		return NULL;
	}
	run->is_again = step == RUN_QUEUED && row->state != REGISTRY_ADMITTED;
	if (row->state ==
		REGISTRY_ADMITTED) { /* by one before us, whose salt may have been another */
		runs_name(self, row);
	}
	run->is_mended = run->is_again && runs_are_damaged(row);
	if (step == RUN_SEALED) {
		settlement_begin(self, run);
	}
	return run;
}

void runs_mend(struct run *run)
{
	run->step = RUN_QUEUED;
	run->is_again = true;
	run->is_mended = true;
	run->began_mono_ms = rewarder_now_mono_ms();
}

void runs_requeue(struct rewarder *self, struct run *run)
{
	sealing_release(self, run);
	artefacts_drop(&self->artefacts, &run->writer);
	run->id = ++self->id_last;
	run->step = RUN_QUEUED;
	run->asked_count = 0;
}

struct registry_row *runs_detach(struct run *run)
{
	struct registry_row *row = run->row;

	row->has_run = false;
	run->own = *row;
	run->own.grant = NULL;
	run->own.notes = NULL;
	run->row = &run->own;
	return row;
}

/* --- who waits --- */

bool runs_wait_for(struct run *run, const struct oap_from *from, const struct oap_run_compute *msg)
{
	struct waiter *waiter = malloc(sizeof *waiter);

	if (waiter == NULL) {
		return false;
	}
	*waiter = (struct waiter){ run->waiters, *from, msg->edge_process, msg->edge_instance,
		msg->edge_generation, msg->wait_until_mono_ms };
	run->waiters = waiter;
	return true;
}

static struct answer_route route_of(const struct waiter *waiter)
{
	return (struct answer_route){ &waiter->from, waiter->edge_process, waiter->edge_instance,
		waiter->edge_generation };
}

void runs_end(struct rewarder *self, struct run *run)
{
	while (run->waiters != NULL) {
		struct waiter *waiter = run->waiters;

		run->waiters = waiter->next;
		answers_result(self, route_of(waiter), run->row, run->is_dry, run->is_replay);
		free(waiter);
	}
	destroy(self, run);
}

static void refuse_all(struct rewarder *self, struct run *run, enum reward_reason reason,
	const char *text, const struct registry_row *row)
{
	while (run->waiters != NULL) {
		struct waiter *waiter = run->waiters;

		run->waiters = waiter->next;
		answers_refuse(self, route_of(waiter), reason, text, row);
		free(waiter);
	}
}

/* A request that does not fit leaves nothing behind; what the node failed in may run again. What
 * cannot be written stays admitted: it is computed once more when there is room, or at a restart.
 */
static void keep_failure(struct rewarder *self, struct registry_row *row, enum reward_reason reason)
{
	if (reward_errors_row(reward_reasons_error(reason))->status < 500) {
		(void)!registry_forget(&self->registry, row);
		return;
	}
	row->state = REGISTRY_FAILED;
	if (registry_put(&self->registry, row) != ERR_OK) {
		row->state = REGISTRY_ADMITTED;
		pressure_stall(self);
	}
}

void runs_fail(struct rewarder *self, struct run *run, enum reward_reason reason, const char *text)
{
	const struct registry_row *row = run->row;

	report_run(LOG_RUN_FAILED, row,
		(struct log_fields){ .reason = reward_reasons_name(reason),
			.text = text == NULL ? reward_reasons_text(reason) : text });
	metrics_inc(METRIC_REWARD_RUNS, METRIC_RUN_FAIL);
	if (!run->is_dry && row->state == REGISTRY_ADMITTED) {
		keep_failure(self, runs_detach(run), reason);
	}
	refuse_all(self, run, reason, text, run->row);
	destroy(self, run);
}

void runs_leave(struct rewarder *self, struct run *run, enum reward_reason reason, const char *text)
{
	refuse_all(self, run, reason, text, NULL);
	destroy(self, run);
}

/* Who came when it had begun already sees what was left of it. */
void runs_trace(
	const struct run *run, enum trace_kind kind, uint64_t began_mono_ms, uint64_t ended_mono_ms)
{
	for (const struct waiter *waiter = run->waiters; waiter != NULL; waiter = waiter->next) {
		int64_t came_us = waiter->from.came_us;
		int64_t began_us = (int64_t)began_mono_ms * 1000;
		int64_t ended_us = (int64_t)ended_mono_ms * 1000;

		began_us = began_us < came_us ? came_us : began_us;
		if (came_us != 0 && ended_us >= began_us) {
			trace_span(kind, waiter->from.corr_id, (struct instant){ began_us },
				(struct instant){ ended_us }, NULL);
		}
	}
}

/* --- time --- */

static void tell_late(struct rewarder *self, struct run *run, uint64_t now_mono_ms)
{
	struct waiter **link = &run->waiters;

	while (*link != NULL) {
		struct waiter *waiter = *link;

		if (waiter->wait_until_mono_ms > now_mono_ms) {
			link = &waiter->next;
			continue;
		}
		*link = waiter->next;
		answers_pending(self, route_of(waiter), run->row);
		free(waiter);
	}
}

static bool has_computed(const struct run *run)
{
	return run->step >= RUN_SIGNING;
}

void runs_tick(struct rewarder *self, uint64_t now_mono_ms)
{
	struct run *next;

	for (struct run *run = self->runs; run != NULL; run = next) {
		next = run->next;
		tell_late(self, run, now_mono_ms);
		if (run->step == RUN_QUEUED) { /* for as long as it takes: whoever waits is told */
			inputs_begin(self, run);
		} else if (!has_computed(run) && run->deadline_mono_ms <= now_mono_ms) {
			runs_fail(self, run, REWARD_REASON_INTERNAL,
				"the run took longer than half of rewarder.epoch_duration");
		}
	}
}

/* What a rewarder before us left, oldest first as far as one can tell. */
void runs_resume_all(struct rewarder *self)
{
	for (uint32_t i = 0; i < self->registry.count; i++) {
		struct registry_row *row = self->registry.rows[i];

		if (runs_of_row(self, row) != NULL) {
			continue;
		}
		if (row->state == REGISTRY_ADMITTED) {
			(void)runs_resume(self, row, RUN_QUEUED);
		} else if (row->state == REGISTRY_SEALED || row->state == REGISTRY_EMITTING) {
			(void)runs_resume(self, row, RUN_SEALED);
		}
	}
}
