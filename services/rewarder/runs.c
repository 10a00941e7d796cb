#include "services/rewarder/rewarder.h"

#include <stdlib.h>
#include <string.h>

#include "core/entry.h"
#include "core/reward_keys.h"

/* --- names --- */

static void set_name(struct reward_name *name, struct slice text)
{
	name->bytes_count = (uint8_t)text.bytes_count;
	memcpy(name->bytes, text.bytes, text.bytes_count);
}

/* What follows from its other names, and the salt. */
static void name_keys(const struct rewarder *self, struct registry_row *row)
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

static struct run *find_dry(struct rewarder *self, const struct registry_row *wanted)
{
	struct run *run = self->runs;

	while (run != NULL &&
		(!run->is_dry || memcmp(&run->own.idempotency_key, &wanted->idempotency_key,
					 sizeof run->own.idempotency_key) != 0)) {
		run = run->next;
	}
	return run;
}

/* row: NULL: a dry one of its own. */
static struct run *create(struct rewarder *self, struct registry_row *row, enum run_step step)
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

/* What the ledger would be sent of it cannot be read, or is not what was sealed: a bad disk, or a
 * key of artefacts that has changed. It is in nobody's hands, and can be made again. */
static bool is_damaged(const struct registry_row *row)
{
	return row->state == REGISTRY_POSTPONED &&
	       (row->detail == DETAIL_ALLOCATIONS || row->detail == DETAIL_ALLOCATIONS_CID);
}

struct run *runs_resume(struct rewarder *self, struct registry_row *row, enum run_step step)
{
	struct run *run = create(self, row, step);

	if (run == NULL) {
		return NULL;
	}
	run->is_again = step == RUN_QUEUED && row->state != REGISTRY_ADMITTED;
	if (row->state ==
		REGISTRY_ADMITTED) { /* by one before us, whose salt may have been another */
		name_keys(self, row);
	}
	run->is_mended = run->is_again && is_damaged(row);
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

static bool wait_for(
	struct run *run, const struct oap_from *from, const struct oap_run_compute *msg)
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

/* --- admission --- */

static bool is_of_a_run(const struct oap_run_compute *msg)
{
	return reward_is_tenant(msg->tenant) && reward_is_epoch(msg->epoch) &&
	       reward_is_name(msg->policy_id) && msg->dry_run <= 1;
}

/* The names of what is asked for; *wanted is of zeros. */
static void name_request(
	struct rewarder *self, const struct oap_run_compute *msg, struct registry_row *wanted)
{
	set_name(&wanted->tenant, msg->tenant);
	set_name(&wanted->epoch, msg->epoch);
	set_name(&wanted->policy_id, msg->policy_id);
	wanted->policy_hash = msg->policy_hash;
	wanted->inputs_cid = msg->inputs_cid;
	name_keys(self, wanted);
}

/* NONE: a run by this policy may be computed. */
static enum reward_reason judge_policy(
	const struct rewarder *self, const struct oap_run_compute *msg)
{
	const struct policies_row *policy = policies_find(&self->policies, msg->policy_id);

	if (policy == NULL) {
		return REWARD_REASON_POLICY_UNKNOWN;
	}
	if (memcmp(&policy->hash, &msg->policy_hash, sizeof policy->hash) != 0) {
		return REWARD_REASON_STALE;
	}
	return policy->is_signed ? REWARD_REASON_NONE : REWARD_REASON_POLICY_UNSIGNED;
}

static size_t count_queued(const struct rewarder *self)
{
	size_t count = 0;

	for (const struct run *run = self->runs; run != NULL; run = run->next) {
		count += run->step == RUN_QUEUED;
	}
	return count;
}

static enum reward_reason judge_room(struct rewarder *self)
{
	if (mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0) == NULL || !inputs_may_begin(self) ||
		self->artefacts.key_id == 0) {
		return REWARD_REASON_DEP_OUTAGE;
	}
	if (artefacts_check_space(&self->artefacts) == ERR_NO_SPACE) {
		return REWARD_REASON_DISK_FULL; /* before it is computed in vain */
	}
	return self->run_count >= RUNS_UNFINISHED_MAX || count_queued(self) >= RUNS_QUEUED_MAX
		       ? REWARD_REASON_BUSY
		       : REWARD_REASON_NONE;
}

static void take_names(struct registry_row *row, const struct registry_row *wanted)
{
	row->policy_id = wanted->policy_id;
	row->policy_hash = wanted->policy_hash;
	row->inputs_cid = wanted->inputs_cid;
	row->run_key = wanted->run_key;
	row->idempotency_key = wanted->idempotency_key;
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

static void start_dry(struct rewarder *self, const struct oap_from *from,
	const struct oap_run_compute *msg, const struct registry_row *wanted)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);
	struct run *run = find_dry(self, wanted);
	enum reward_reason reason = judge_policy(self, msg); /* also of whoever joins */

	if (reason == REWARD_REASON_NONE && run == NULL) {
		reason = judge_room(self);
	}
	if (reason != REWARD_REASON_NONE) {
		answers_refuse(self, route, reason, NULL, NULL);
		return;
	}
	if (run == NULL) {
		run = create(self, NULL, RUN_QUEUED);
		if (run != NULL) {
			run->own.state = REGISTRY_ADMITTED;
			run->own.tenant = wanted->tenant;
			run->own.epoch = wanted->epoch;
			take_names(&run->own, wanted);
		}
	}
	if (run == NULL || !wait_for(run, from, msg)) {
		answers_refuse(self, route, REWARD_REASON_BUSY, NULL, NULL);
	}
}

static enum reward_reason add_row(
	struct rewarder *self, const struct oap_run_compute *msg, struct registry_row **ret_row)
{
	switch (registry_room_make(&self->registry, msg->tenant)) {
	case REGISTRY_TENANT_FULL:
		return REWARD_REASON_RUNS_KEPT;
	case REGISTRY_FULL:
		return REWARD_REASON_BUSY;
	case REGISTRY_ROOM:
		break;
	}
	*ret_row = registry_add(&self->registry, msg->tenant, msg->epoch);
	return *ret_row == NULL ? REWARD_REASON_BUSY : REWARD_REASON_NONE;
}

static enum reward_reason put_request(
	struct rewarder *self, struct registry_row *row, const struct oap_run_compute *msg)
{
	if (!registry_row_keep(&row->grant, &row->grant_bytes, msg->grant) ||
		!registry_row_keep(&row->notes, &row->notes_bytes, msg->notes)) {
		return REWARD_REASON_STORAGE;
	}
	return registry_put(&self->registry, row) == ERR_OK ? REWARD_REASON_NONE
							    : REWARD_REASON_DISK_FULL;
}

static void refuse_new(struct rewarder *self, struct answer_route route, enum reward_reason reason,
	const char *text)
{
	if (reason == REWARD_REASON_BUSY) {
		metrics_inc(METRIC_BUSY_REJECTIONS, METRIC_BUSY_WORK);
	}
	answers_refuse(self, route, reason, text, NULL);
}

/* row: of a run that failed, or was released; NULL: there was none. */
static void start_new(struct rewarder *self, const struct oap_from *from,
	const struct oap_run_compute *msg, const struct registry_row *wanted,
	struct registry_row *row)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);
	const struct registry_row *holder = quarantine_holder(self, wanted);
	enum reward_reason reason = judge_policy(self, msg);
	bool is_new = row == NULL;
	const char *text = NULL;
	struct registry_row before;
	struct run *run;

	if (holder != NULL) {
		answers_refuse(self, route, REWARD_REASON_LATCHED, NULL, holder);
		return;
	}
	if (reason == REWARD_REASON_NONE) {
		text = authority_lacks(self, wanted, msg->grant);
		reason = text != NULL ? REWARD_REASON_CAVEAT : judge_room(self);
	}
	if (reason == REWARD_REASON_NONE && is_new) {
		reason = add_row(self, msg, &row);
	}
	if (reason != REWARD_REASON_NONE) {
		refuse_new(self, route, reason, text);
		return;
	}
	before = *row;
	*row = (struct registry_row){ .state = REGISTRY_ADMITTED,
		.tenant = wanted->tenant,
		.epoch = wanted->epoch,
		.counted = before.counted,
		.grant = before.grant,
		.grant_bytes = before.grant_bytes,
		.notes = before.notes,
		.notes_bytes = before.notes_bytes,
		.admitted_unix_ms = (uint64_t)clock_unix_ms() };
	take_names(row, wanted);
	row->life = self->life;
	reason = put_request(self, row, msg);
	run = reason == REWARD_REASON_NONE ? create(self, row, RUN_QUEUED) : NULL;
	if (run == NULL && is_new && reason == REWARD_REASON_NONE) {
		(void)!registry_forget(&self->registry, row);
	} else if (run == NULL && is_new) {
		registry_remove(&self->registry, row);
	} else if (run == NULL) {
		row->state = REGISTRY_FAILED;
	}
	if (run == NULL || !wait_for(run, from, msg)) {
		answers_refuse(self, route,
			reason == REWARD_REASON_NONE ? REWARD_REASON_STORAGE : reason, NULL, NULL);
		return;
	}
	report_run(LOG_RUN_ADMITTED, row, (struct log_fields){ .ticket = from->corr_id });
}

/* False: it was refused. One that could never pay does not take the place of one that may. */
static bool take_grant(struct rewarder *self, struct answer_route route,
	const struct oap_run_compute *msg, struct registry_row *row)
{
	const char *text = authority_lacks(self, row, msg->grant);

	if (text != NULL) {
		answers_refuse(self, route, REWARD_REASON_CAVEAT, text, NULL);
		return false;
	}
	if (!registry_row_keep(&row->grant, &row->grant_bytes, msg->grant)) {
		answers_refuse(self, route, REWARD_REASON_BUSY, NULL, NULL);
		return false;
	}
	row->life = self->life;
	return true;
}

/* The same triple again, which was computed. */
static void replay(struct rewarder *self, const struct oap_from *from,
	const struct oap_run_compute *msg, struct registry_row *row)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);
	bool is_settled = row->state == REGISTRY_SETTLED;
	struct run *run;

	if (is_settled) {
		metrics_inc(METRIC_REWARD_RUNS_IDEMPOTENT, METRIC_PLAIN);
	}
	if (msg->dry_run || row->state == REGISTRY_QUARANTINED ||
		(is_settled ? row->count == 0 : !settlement_may_pay(self, row))) {
		answers_result(self, route, row, msg->dry_run, is_settled);
		return;
	}
	if (!take_grant(self, route, msg, row)) {
		return;
	}
	run = is_damaged(row) ? runs_resume(self, row, RUN_QUEUED) : create(self, row, RUN_SEALED);
	if (run == NULL || !wait_for(run, from, msg)) {
		answers_refuse(self, route, REWARD_REASON_BUSY, NULL, NULL);
		return;
	}
	run->is_replay = is_settled;
	if (run->step == RUN_SEALED) {
		settlement_begin(self, run);
	}
}

static void join(struct rewarder *self, struct run *run, const struct oap_from *from,
	const struct oap_run_compute *msg)
{
	if (!wait_for(run, from, msg)) {
		answers_refuse(self, ANSWER_ROUTE(from, msg), REWARD_REASON_BUSY, NULL, NULL);
	}
}

/* There is a row of this epoch, of another triple. */
static void meet_other(struct rewarder *self, const struct oap_from *from,
	const struct oap_run_compute *msg, const struct registry_row *wanted,
	struct registry_row *row)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);

	if (quarantine_may_end(row) && row->is_released) {
		start_new(self, from, msg, wanted, row);
	} else if (row->state == REGISTRY_FAILED) {
		answers_refuse(self, route, REWARD_REASON_LATCHED,
			"the epoch's run failed; it may run again, or, when an operator has "
			"released it, another one in its place",
			row);
	} else if (row->state == REGISTRY_QUARANTINED) {
		answers_refuse(self, route, REWARD_REASON_LATCHED, NULL, row);
	} else {
		metrics_inc(METRIC_REWARD_RUNS_CONFLICT, METRIC_PLAIN);
		answers_refuse(self, route, REWARD_REASON_COMMITMENT, NULL, row);
	}
}

static void meet_row(struct rewarder *self, const struct oap_from *from,
	const struct oap_run_compute *msg, const struct registry_row *wanted,
	struct registry_row *row)
{
	bool is_same = memcmp(&row->run_key, &wanted->run_key, sizeof row->run_key) == 0;
	struct run *run = runs_of_row(self, row);

	if (is_same && !entry_views_equal(reward_name_view(&row->policy_id),
			       reward_name_view(&wanted->policy_id))) {
		/* a hash is of one id alone */
		answers_refuse(self, ANSWER_ROUTE(from, msg), REWARD_REASON_STALE, NULL, NULL);
	} else if (msg->dry_run && (!is_same || row->state == REGISTRY_FAILED)) {
		start_dry(self, from, msg, wanted);
	} else if (!is_same) {
		meet_other(self, from, msg, wanted, row);
	} else if (run != NULL) {
		join(self, run, from, msg);
	} else if (row->state == REGISTRY_FAILED || row->state == REGISTRY_ADMITTED) {
		start_new(self, from, msg, wanted, row);
	} else {
		replay(self, from, msg, row);
	}
}

void runs_request(
	struct rewarder *self, const struct oap_from *from, const struct oap_run_compute *msg)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);
	struct registry_row wanted = { 0 };
	struct registry_row *row;

	if (!is_of_a_run(msg)) {
		answers_refuse(self, route, REWARD_REASON_SCHEMA, NULL, NULL);
		return;
	}
	if (self->is_draining) {
		answers_refuse(self, route, REWARD_REASON_DRAINING, NULL, NULL);
		return;
	}
	name_request(self, msg, &wanted);
	row = registry_find(&self->registry, msg->tenant, msg->epoch);
	if (row != NULL) {
		meet_row(self, from, msg, &wanted, row);
		return;
	}
	if (msg->dry_run) {
		start_dry(self, from, msg, &wanted);
	} else {
		start_new(self, from, msg, &wanted, NULL);
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
