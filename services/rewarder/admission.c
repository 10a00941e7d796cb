/* Who asks for a run, and what he meets: nobody has asked for the epoch before, or for something
 * else; it is under way, was computed, is held, or failed. */
#include "services/rewarder/rewarder.h"

#include <string.h>

#include "core/entry.h"

/* --- the request --- */

static void set_name(struct reward_name *name, struct slice text)
{
	name->bytes_count = (uint8_t)text.bytes_count;
	memcpy(name->bytes, text.bytes, text.bytes_count);
}

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
	runs_name(self, wanted);
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

/* --- a new one --- */

static void start_dry(struct rewarder *self, const struct oap_from *from,
	const struct oap_run_compute *msg, const struct registry_row *wanted)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);
	struct run *run = runs_find_dry(self, wanted);
	enum reward_reason reason = judge_policy(self, msg); /* also of whoever joins */

	if (reason == REWARD_REASON_NONE && run == NULL) {
		reason = judge_room(self);
	}
	if (reason != REWARD_REASON_NONE) {
		answers_refuse(self, route, reason, NULL, NULL);
		return;
	}
	if (run == NULL) {
		run = runs_begin(self, NULL, RUN_QUEUED);
		if (run != NULL) {
			run->own.state = REGISTRY_ADMITTED;
			run->own.tenant = wanted->tenant;
			run->own.epoch = wanted->epoch;
			take_names(&run->own, wanted);
		}
	}
	if (run == NULL || !runs_wait_for(run, from, msg)) {
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
	run = reason == REWARD_REASON_NONE ? runs_begin(self, row, RUN_QUEUED) : NULL;
	if (run == NULL && is_new && reason == REWARD_REASON_NONE) {
		(void)!registry_forget(&self->registry, row);
	} else if (run == NULL && is_new) {
		registry_remove(&self->registry, row);
	} else if (run == NULL) {
		row->state = REGISTRY_FAILED;
	}
	if (run == NULL || !runs_wait_for(run, from, msg)) {
		answers_refuse(self, route,
			reason == REWARD_REASON_NONE ? REWARD_REASON_STORAGE : reason, NULL, NULL);
		return;
	}
	report_run(LOG_RUN_ADMITTED, row, (struct log_fields){ .ticket = from->corr_id });
}

/* --- one that there is --- */

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
	run = runs_are_damaged(row) ? runs_resume(self, row, RUN_QUEUED)
				    : runs_begin(self, row, RUN_SEALED);
	if (run == NULL || !runs_wait_for(run, from, msg)) {
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
	if (!runs_wait_for(run, from, msg)) {
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

void admission_request(
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
