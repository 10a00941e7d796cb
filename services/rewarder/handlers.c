/* Who asks what, and the life of the process. */
#include "services/rewarder/rewarder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define TICK_S 0.02

uint64_t rewarder_now_mono_ms(void)
{
	return (uint64_t)clock_now().monotonic_us / 1000;
}

struct peer *rewarder_peer(struct rewarder *self, unsigned process)
{
	return mesh_peer(&self->worker->mesh, process, 0);
}

struct artefacts_run rewarder_files(const struct run *run)
{
	return (struct artefacts_run){ run->is_dry, &run->row->tenant, &run->row->epoch,
		&run->row->run_key };
}

bool rewarder_put(struct rewarder *self, struct run *run, enum registry_state state)
{
	struct registry_row *row = run->row;
	uint8_t before = row->state;
	uint32_t grant_bytes = row->grant_bytes;

	row->state = (uint8_t)state;
	if (state == REGISTRY_SETTLED) {
		row->grant_bytes = 0; /* whoever asks for it again brings another */
	}
	if (run->is_dry || registry_put(&self->registry, row) == ERR_OK) {
		return true;
	}
	row->state = before;
	row->grant_bytes = grant_bytes;
	log_event(LOG_ARTEFACTS_UNWRITABLE, &(struct log_fields){ .fault = ERR_NO_SPACE });
	pressure_stall(self);
	runs_fail(self, run, REWARD_REASON_DISK_FULL, NULL);
	return false;
}

/* --- requests --- */

static enum err on_run_compute(
	void *self, const struct oap_from *from, const struct oap_run_compute *msg)
{
	admission_request(self, from, msg);
	return ERR_OK;
}

static enum err on_run_show(void *self, const struct oap_from *from, const struct oap_run_show *msg)
{
	if (msg->part >= RUN_PART_COUNT) {
		return ERR_MALFORMED;
	}
	answers_show(self, from, msg);
	return ERR_OK;
}

static enum err on_run_list(void *self, const struct oap_from *from, const struct oap_run_list *msg)
{
	answers_list(self, from, msg);
	return ERR_OK;
}

static enum err on_quarantine_release(
	void *self, const struct oap_from *from, const struct oap_quarantine_release *msg)
{
	quarantine_release(self, from, msg);
	return ERR_OK;
}

static enum err on_policy_put(
	void *owner, const struct oap_from *from, const struct oap_policy_put *msg)
{
	struct rewarder *self = owner;
	struct answer_route route = ANSWER_ROUTE(from, msg);
	const struct policies_row *row = NULL;
	struct reward_outcome outcome = { 0 };
	enum reward_reason reason = policies_put(&self->policies, msg->document, &row, &outcome);

	if (reason == REWARD_REASON_POLICIES_KEPT && policies_room_make(self)) {
		reason = policies_put(&self->policies, msg->document, &row, &outcome);
	}
	if (reason != REWARD_REASON_NONE) {
		answers_refuse(self, route, reason,
			reason == REWARD_REASON_POLICY_INVALID ? outcome.detail : NULL, NULL);
		return ERR_OK;
	}
	log_event(LOG_POLICY_PUT, &(struct log_fields){ .root = &row->hash,
					  .capability_ref = &self->gate.capability });
	answers_policy(self, route, row, 200);
	return ERR_OK;
}

static enum err on_policy_show(
	void *owner, const struct oap_from *from, const struct oap_policy_show *msg)
{
	struct rewarder *self = owner;
	struct answer_route route = ANSWER_ROUTE(from, msg);
	const struct policies_row *row = policies_find(&self->policies, msg->policy_id);

	if (row == NULL) {
		answers_refuse(self, route, REWARD_REASON_NOT_FOUND, NULL, NULL);
	} else {
		answers_policy(self, route, row, 200);
	}
	return ERR_OK;
}

/* --- answers of others --- */

static enum err on_intent_result(
	void *self, const struct oap_from *from, const struct oap_intent_result *msg)
{
	return brownout_pong(self, from->corr_id) ? ERR_OK : settlement_told(self, from, msg);
}

static enum err on_judged_grant(
	void *self, const struct oap_from *from, const struct oap_judged_grant *msg)
{
	return gate_judged(self, from, msg);
}

static enum err on_recorded_run(
	void *self, const struct oap_from *from, const struct oap_recorded_run *msg)
{
	return audits_recorded(self, from, msg);
}

static enum err on_payments(void *self, const struct oap_from *from, const struct oap_payments *msg)
{
	(void)from;
	if (msg->is_frozen > 1) {
		return ERR_MALFORMED;
	}
	brownout_frozen(self, msg->is_frozen != 0);
	return ERR_OK;
}

static enum err on_signed_attestation(
	void *self, const struct oap_from *from, const struct oap_signed_attestation *msg)
{
	return sealing_signed(self, from, msg);
}

static enum err on_artefact_key(
	void *owner, const struct oap_from *from, const struct oap_artefact_key *msg)
{
	struct rewarder *self = owner;

	(void)from;
	if (msg->key_id == 0) {
		return ERR_MALFORMED;
	}
	self->artefacts.key_id = msg->key_id;
	self->artefacts.key = msg->key;
	self->life = msg->life;
	report_tell(self);
	return ERR_OK;
}

static enum err on_object_piece(
	void *self, const struct oap_from *from, const struct oap_object_piece *msg)
{
	return inputs_take(self, from, msg);
}

static enum err on_compute_wants(
	void *self, const struct oap_from *from, const struct oap_compute_wants *msg)
{
	return inputs_wanted(self, from, msg);
}

static enum err on_computed(void *self, const struct oap_from *from, const struct oap_computed *msg)
{
	return sealing_computed(self, from, msg);
}

static enum err on_compute_piece(
	void *self, const struct oap_from *from, const struct oap_compute_piece *msg)
{
	return sealing_take(self, from, msg);
}

const struct oap_handlers rewarder_behind_gate = {
	.run_compute = on_run_compute,
	.run_show = on_run_show,
	.run_list = on_run_list,
	.quarantine_release = on_quarantine_release,
	.policy_put = on_policy_put,
	.policy_show = on_policy_show,
};

const struct oap_handlers rewarder_handlers = {
	.run_compute = gate_run_compute,
	.run_show = gate_run_show,
	.run_list = gate_run_list,
	.quarantine_release = gate_quarantine_release,
	.policy_put = gate_policy_put,
	.policy_show = gate_policy_show,
	.judged_grant = on_judged_grant,
	.recorded_run = on_recorded_run,
	.intent_result = on_intent_result,
	.payments = on_payments,
	.signed_attestation = on_signed_attestation,
	.artefact_key = on_artefact_key,
	.object_piece = on_object_piece,
	.compute_wants = on_compute_wants,
	.computed = on_computed,
	.compute_piece = on_compute_piece,
};

/* --- links --- */

void rewarder_link_up(void *owner, const struct oap_from *whom)
{
	struct rewarder *self = owner;

	if (whom->process == PROCESS_COMPUTE && whom->instance < COMPUTE_MAX) {
		self->calculators[whom->instance] = NULL;
	}
	report_tell(self);
}

/* Archive is gone: those that read begin anew when it is back. */
static void archive_lost(struct rewarder *self)
{
	for (struct run *run = self->runs; run != NULL; run = run->next) {
		if (run->step == RUN_BUNDLE || run->step == RUN_LEDGER || run->step == RUN_ROWS) {
			runs_requeue(self, run);
		}
	}
}

void rewarder_link_lost(void *owner, const struct oap_from *whom)
{
	struct rewarder *self = owner;

	if (whom->process == PROCESS_COMPUTE && whom->instance < COMPUTE_MAX) {
		if (self->calculators[whom->instance] != NULL) {
			inputs_lost(self, self->calculators[whom->instance]);
		}
	} else if (whom->process == PROCESS_ARCHIVE) {
		archive_lost(self);
	} else if (whom->process == PROCESS_SEQUENCER) {
		self->brownout.is_told = false;
		settlement_ledger_lost(self);
		audits_ledger_lost(self);
		gate_refuse_all(self, REWARD_REASON_CAP_TIMEOUT);
	} else if (whom->process == PROCESS_KMS) {
		for (struct run *run = self->runs; run != NULL; run = run->next) {
			run->asked_count = run->step == RUN_SIGNING ? 0 : run->asked_count;
		}
	}
	report_tell(self);
}

/* --- life --- */

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct rewarder *self = timer->data;
	uint64_t now = rewarder_now_mono_ms();

	(void)loop;
	(void)events;
	gate_tick(self, now);
	brownout_tick(self, now);
	pressure_tick(self, now);
	sweeper_tick(self, now);
	report_tick(self);
}

size_t rewarder_paths(
	void *owner, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX])
{
	struct rewarder *self = owner;

	(void)snprintf(self->dir, sizeof self->dir, "%s/artifacts", worker->config.node_data_dir);
	ret_paths[0] = (struct landlock_path){ self->dir, -1, LANDLOCK_RIGHTS_CREATE };
	return 1;
}

void rewarder_open(void *owner, struct worker *worker)
{
	struct rewarder *self = owner;

	self->worker = worker;
	self->dir_fd = open(self->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (self->dir_fd < 0) {
		worker_fail(
			worker, "the directory of artefacts %s: %s", self->dir, strerror(errno));
	}
	artefacts_open(&self->artefacts, worker, self->dir_fd);
	registry_open(&self->registry, worker, self->dir_fd);
	policies_open(&self->policies, worker, self->dir_fd);
}

void rewarder_ready(void *owner, struct worker *worker)
{
	struct rewarder *self = owner;

	self->id_last = random_u64() >> 8; /* late answers to one before us meet nobody */
	gate_init(&self->gate);
	brownout_open(self);
	self->brownout.ping_due_mono_ms =
		rewarder_now_mono_ms() + (uint64_t)worker->config.brownout_ping_ms;
	ev_timer_init(&self->tick, on_tick, TICK_S, TICK_S);
	self->tick.data = self;
	ev_timer_start(worker->loop, &self->tick);
	report_tell(self);
}

void rewarder_commit(void *owner, struct worker *worker)
{
	struct rewarder *self = owner;

	(void)worker;
	artefacts_set_reserve(&self->artefacts);
}

void rewarder_drain(void *owner, uint64_t deadline_mono_ms)
{
	struct rewarder *self = owner;

	(void)deadline_mono_ms; /* the supervisor keeps it */
	self->is_draining = true;
	gate_refuse_all(self, REWARD_REASON_DRAINING);
	audits_refuse_releases(self, REWARD_REASON_DRAINING);
}

static void sign_those_that_wait(struct rewarder *self)
{
	for (struct run *run = self->runs; run != NULL; run = run->next) {
		if (run->step == RUN_SIGNING && run->asked_count == 0 &&
			rewarder_peer(self, PROCESS_KMS) != NULL) {
			sealing_sign(self, run);
		}
	}
}

/* What is not done is in the registry, and goes on at the next start. */
static void end_drained(struct rewarder *self)
{
	if (self->worker->phase != PHASE_DRAINED && self->emitter.run == NULL) {
		while (self->runs != NULL) {
			runs_leave(self, self->runs, REWARD_REASON_DRAINING, NULL);
		}
		worker_drained(self->worker, 0);
	}
}

void rewarder_turn(void *owner)
{
	struct rewarder *self = owner;
	uint64_t now = rewarder_now_mono_ms();

	if (self->is_draining) {
		settlement_finish(self, now);
		end_drained(self);
		return;
	}
	if (!self->is_resumed && self->worker->phase == PHASE_SERVING) {
		self->is_resumed = true;
		runs_resume_all(self);
	}
	runs_tick(self, now);
	inputs_turn(self);
	sign_those_that_wait(self);
	settlement_turn(self, now);
	audits_turn(self, now);
}
