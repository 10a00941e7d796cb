/* The sealed inputs on their way from archive to a calculator: the bundle, which names the others,
 * then the ledger snapshot, then the accounting snapshot in pieces, a few asked for ahead. Nothing
 * is parsed here; that bytes are those of their cid the calculator finds out. */
#include "services/rewarder/rewarder.h"

#include <stdio.h>
#include <string.h>

#include "common/object_faults.h"

#define PIECES_AHEAD 4u

/* A run with which so many calculators were lost is not given to another one. */
#define CALCULATORS_LOST_MAX 2u

#define ROWS_BYTES_MAX (VERB_BODY_CHUNK_BYTES_MAX + 64u)

static struct peer *calculator_of(struct rewarder *self, const struct run *run)
{
	return mesh_peer(&self->worker->mesh, PROCESS_COMPUTE, (unsigned)run->calculator);
}

/* -1: all are at work, some perhaps still on pieces of a run that has ended. */
static int find_calculator(struct rewarder *self)
{
	for (unsigned i = 0; i < COMPUTE_MAX; i++) {
		const struct peer *calculator = mesh_peer(&self->worker->mesh, PROCESS_COMPUTE, i);

		if (self->calculators[i] == NULL && calculator != NULL && peer_idle(calculator)) {
			return (int)i;
		}
	}
	return -1;
}

bool inputs_may_begin(struct rewarder *self)
{
	for (unsigned i = 0; i < COMPUTE_MAX; i++) {
		if (mesh_peer(&self->worker->mesh, PROCESS_COMPUTE, i) != NULL) {
			return true;
		}
	}
	return false;
}

/* False: no credit; asked again in a later turn. */
static bool ask(struct rewarder *self, struct run *run)
{
	const struct oap_fetch_object question = { .id = run->input, .offset = run->asked_upto };

	if (oap_send_fetch_object(rewarder_peer(self, PROCESS_ARCHIVE), run->id, &question) !=
		ERR_OK) {
		return false;
	}
	run->asked_count++;
	run->asked_upto += VERB_BODY_CHUNK_BYTES_MAX;
	return true;
}

static void ask_first(
	struct rewarder *self, struct run *run, const struct hash *input, enum run_step step)
{
	run->input = *input;
	run->step = step;
	run->input_total = UINT64_MAX; /* not known yet */
	run->asked_upto = 0;
	run->got_upto = 0;
	run->asked_count = 0;
	(void)ask(self, run);
}

/* Called in each turn for each that reads: goes on where there was no credit. What is asked for has
 * the calculator's credit when it comes, for there is nowhere to keep it: archive reads faster than
 * a calculator parses. */
static void ask_ahead(struct rewarder *self, struct run *run)
{
	unsigned ahead_max = run->step == RUN_ROWS ? PIECES_AHEAD : 1;

	if (run->input_total == UINT64_MAX) { /* the first tells how many there are */
		if (run->asked_count == 0) {
			(void)ask(self, run);
		}
		return;
	}
	while (run->asked_count < ahead_max && run->asked_upto < run->input_total &&
		peer_has_credit_for(
			calculator_of(self, run), run->asked_count + 1, ROWS_BYTES_MAX) &&
		ask(self, run)) {
	}
}

void inputs_begin(struct rewarder *self, struct run *run)
{
	int calculator = find_calculator(self);

	if (calculator < 0 || rewarder_peer(self, PROCESS_ARCHIVE) == NULL) {
		return;
	}
	run->calculator = calculator;
	run->deadline_mono_ms = /* the time in the queue is not its own */
		rewarder_now_mono_ms() +
		(uint64_t)self->worker->config.rewarder_epoch_duration_ms / 2;
	self->calculators[calculator] = run;
	ask_first(self, run, &run->row->inputs_cid, RUN_BUNDLE);
}

void inputs_turn(struct rewarder *self)
{
	for (unsigned i = 0; i < COMPUTE_MAX; i++) {
		struct run *run = self->calculators[i];

		if (run != NULL && (run->step == RUN_BUNDLE || run->step == RUN_LEDGER ||
					   run->step == RUN_ROWS)) {
			ask_ahead(self, run);
		}
	}
}

static uint64_t budget_cpu_ms(const struct rewarder *self)
{
	return 2 * self->worker->config.rewarder_max_epoch_cost_ms;
}

/* Nobody tells what it died of. Before its CPU time can be over it was something else: another one
 * gets the run, once, because that may be what broke it. */
void inputs_lost(struct rewarder *self, struct run *run)
{
	uint64_t took_ms = rewarder_now_mono_ms() - run->started_mono_ms;

	run->lost_count++;
	if (run->step >= RUN_STARTED &&
		(took_ms >= budget_cpu_ms(self) || run->lost_count >= CALCULATORS_LOST_MAX)) {
		runs_fail(self, run, REWARD_REASON_INTERNAL,
			"its calculator died: the inputs took more CPU time than they may, or "
			"broke it");
		return;
	}
	runs_requeue(self, run);
}

/* --- what comes --- */

static void start_calculator(struct rewarder *self, struct run *run, struct slice bundle)
{
	const struct config *config = &self->worker->config;
	const struct registry_row *row = run->row;
	const struct policies_row *policy =
		policies_find(&self->policies, reward_name_view(&row->policy_id));
	const char *salt = config->rewarder_idempotency_salt;
	bool may_cost = config->rewarder_on_cost_exceed == CONFIG_COST_EXCEED_DRY_RUN;
	struct oap_compute compute = {
		.now_unix_s = (uint64_t)clock_unix_ms() / 1000,
		.epoch_skew_s = (uint32_t)(config->rewarder_max_epoch_skew_ms / 1000),
		.cost_base_us = config->rewarder_cost_base_us,
		.cost_actor_us = config->rewarder_cost_per_actor_us,
		.cost_event_us = config->rewarder_cost_per_event_us,
		.cost_ms_max = may_cost ? UINT64_MAX : config->rewarder_max_epoch_cost_ms,
		.memory_bytes_max = config->rewarder_run_memory_max_bytes,
		.allocations_max = (uint32_t)config->rewarder_intent_max_entries,
		.budget_cpu_ms = budget_cpu_ms(self),
		.policy_hash = row->policy_hash,
		.inputs_cid = row->inputs_cid,
		.tenant = reward_name_view(&row->tenant),
		.epoch = reward_name_view(&row->epoch),
		.policy_id = reward_name_view(&row->policy_id),
		.salt = { (const uint8_t *)salt, strlen(salt) },
		.bundle = bundle,
	};

	if (policy == NULL || !policy->is_signed) { /* it was there, and trusted, once */
		runs_fail(self, run,
			policy == NULL ? REWARD_REASON_POLICY_UNKNOWN
				       : REWARD_REASON_POLICY_UNSIGNED,
			NULL);
		return;
	}
	compute.policy = (struct slice){ policy->document, policy->document_bytes };
	random_fill(&compute.siphash_key, sizeof compute.siphash_key);
	run->step = RUN_STARTED;
	run->started_mono_ms = rewarder_now_mono_ms();
	if (oap_send_compute(calculator_of(self, run), run->id, &compute) != ERR_OK) {
		inputs_lost(self, run);
	}
}

static void pass_rows(struct rewarder *self, struct run *run, const struct oap_object_piece *msg)
{
	struct oap_compute_rows rows = { .bytes = msg->bytes };

	run->got_upto += msg->bytes.bytes_count;
	rows.is_last = run->got_upto == run->input_total;
	if (oap_send_compute_rows(calculator_of(self, run), run->id, &rows) != ERR_OK) {
		inputs_lost(self, run);
		return;
	}
	if (rows.is_last) {
		run->step = RUN_COMPUTING;
		run->prepared_mono_ms = rewarder_now_mono_ms();
	}
}

static void pass_ledger(struct rewarder *self, struct run *run, const struct oap_object_piece *msg)
{
	const struct oap_compute_ledger ledger = { .bytes = msg->bytes };

	if (oap_send_compute_ledger(calculator_of(self, run), run->id, &ledger) != ERR_OK) {
		inputs_lost(self, run);
		return;
	}
	ask_first(self, run, &run->accounting, RUN_ROWS);
}

static enum reward_reason reason_of(enum object_fault fault)
{
	switch (fault) {
	case OBJECT_FAULT_NONE:
		return REWARD_REASON_NONE;
	case OBJECT_FAULT_NOT_THERE:
		return REWARD_REASON_INPUTS_NOT_FOUND;
	case OBJECT_FAULT_DAMAGED:
		return REWARD_REASON_INPUTS_MISMATCH;
	case OBJECT_FAULT_NOT_ALLOWED:
	case OBJECT_FAULT_STALE:
	case OBJECT_FAULT_CONFLICT:
	case OBJECT_FAULT_TOO_LARGE:
	case OBJECT_FAULT_QUOTA:
	case OBJECT_FAULT_NO_SPACE:
	case OBJECT_FAULT_COUNTING:
	case OBJECT_FAULT_BUSY:
	case OBJECT_FAULT_DEADLINE:
	case OBJECT_FAULT_IO:
	case OBJECT_FAULT_COUNT:
		break;
	}
	return REWARD_REASON_DEP_OUTAGE;
}

static const char *name_of(enum run_step step)
{
	return step == RUN_BUNDLE ? "inputs_cid"
				  : (step == RUN_LEDGER ? "ledger_cid" : "accounting_cid");
}

static void refuse_input(struct rewarder *self, struct run *run, enum reward_reason reason)
{
	char text[VERB_TEXT_BYTES_MAX];

	(void)snprintf(
		text, sizeof text, "%s: %s", name_of(run->step), reward_reasons_text(reason));
	runs_fail(self, run, reason, text);
}

static uint64_t bytes_max(const struct rewarder *self, enum run_step step)
{
	return step == RUN_ROWS ? self->worker->config.rewarder_max_snapshot_bytes
				: VERB_REWARD_INPUT_BYTES_MAX;
}

static bool is_in_order(const struct run *run, const struct oap_object_piece *msg)
{
	uint64_t left = msg->total - run->got_upto;

	return msg->offset == run->got_upto &&
	       msg->bytes.bytes_count ==
		       (left < VERB_BODY_CHUNK_BYTES_MAX ? left : VERB_BODY_CHUNK_BYTES_MAX);
}

enum err inputs_take(
	struct rewarder *self, const struct oap_from *from, const struct oap_object_piece *msg)
{
	struct run *run = runs_find(self, from->corr_id);
	enum reward_reason reason = reason_of(msg->fault);

	if (run == NULL || run->asked_count == 0 ||
		(run->step != RUN_BUNDLE && run->step != RUN_LEDGER && run->step != RUN_ROWS)) {
		return ERR_OK; /* of one that has ended */
	}
	run->asked_count--;
	if (reason == REWARD_REASON_NONE && msg->total > bytes_max(self, run->step)) {
		reason = REWARD_REASON_INPUTS_OVERSIZE;
	}
	if (reason != REWARD_REASON_NONE) {
		refuse_input(self, run, reason);
		return ERR_OK;
	}
	if (run->input_total == UINT64_MAX) {
		run->input_total = msg->total;
	}
	if (msg->total != run->input_total || !is_in_order(run, msg)) {
		return ERR_MALFORMED;
	}
	if (run->step == RUN_BUNDLE) {
		start_calculator(self, run, msg->bytes);
	} else if (run->step == RUN_LEDGER) {
		pass_ledger(self, run, msg);
	} else {
		pass_rows(self, run, msg);
	}
	return ERR_OK;
}

enum err inputs_wanted(
	struct rewarder *self, const struct oap_from *from, const struct oap_compute_wants *msg)
{
	struct run *run = runs_find(self, from->corr_id);

	if (run == NULL || run->calculator != from->instance || run->step != RUN_STARTED) {
		return ERR_OK;
	}
	run->accounting = msg->accounting_cid;
	ask_first(self, run, &msg->ledger_cid, RUN_LEDGER);
	return ERR_OK;
}
