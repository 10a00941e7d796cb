/* From sealed to settled: one intent at a time, header first. The ledger says whether it knows it;
 * if not, the body follows. What is not answered is sent again, header first, so that whatever
 * happened meanwhile is found out rather than done twice (spec/rewarder.md 9.13). */
#include "services/rewarder/rewarder.h"

#include <string.h>

#define RETRY_MIN_MS    100u
#define RETRY_SPREAD_MS 150u

/* How long a ledger that is not there is waited for between two looks. */
#define ABSENT_MS 50u

void settlement_forget(struct rewarder *self, const struct run *run)
{
	if (self->emitter.run == run) {
		self->emitter.run = NULL;
	}
}

bool settlement_may_pay(const struct rewarder *self, const struct registry_row *row)
{
	return quarantine_holder(self, row) == NULL && !self->brownout.is_on;
}

/* --- how it ends --- */

static void postpone(
	struct rewarder *self, struct run *run, enum registry_result result, enum detail detail)
{
	struct registry_row *row = run->row;

	settlement_forget(self, run);
	if (run->is_replay) { /* it was paid, and nobody says now that it still is */
		runs_leave(self, run, REWARD_REASON_DEP_OUTAGE,
			"the ledger does not answer whether this epoch is paid; repeat the request "
			"later");
		return;
	}
	row->result = (uint8_t)result;
	row->detail = (uint8_t)detail;
	if (!rewarder_put(self, run, REGISTRY_POSTPONED)) {
		return;
	}
	metrics_inc(METRIC_REWARDER_EMISSIONS,
		result == RESULT_ERROR ? METRIC_EMISSION_ERROR : METRIC_EMISSION_QUARANTINE);
	report_run(LOG_RUN_POSTPONED, row, (struct log_fields){ .reason = detail_text(detail) });
	runs_end(self, run);
}

static void settle(struct rewarder *self, struct run *run, const struct oap_intent_result *msg)
{
	struct registry_row *row = run->row;
	bool is_new = msg->status == INTENT_ACCEPTED;
	uint64_t took_ms = rewarder_now_mono_ms() - self->emitter.began_mono_ms;

	runs_trace(run, TRACE_EMIT, self->emitter.began_mono_ms, rewarder_now_mono_ms());
	settlement_forget(self, run);
	metrics_observe(METRIC_LEDGER_EMIT_LATENCY, METRIC_PLAIN, took_ms * 1000);
	metrics_inc(METRIC_LEDGER_INTENTS, is_new ? METRIC_INTENT_ACCEPTED : METRIC_INTENT_DUP);
	metrics_inc(
		METRIC_REWARDER_EMISSIONS, is_new ? METRIC_EMISSION_ACCEPTED : METRIC_EMISSION_DUP);
	report_run(LOG_RUN_SETTLED, row,
		(struct log_fields){ .outcome = is_new ? "accepted" : "dup",
			.seq = msg->seq_end,
			.count = row->count,
			.root = &msg->root });
	if (run->is_replay) {
		runs_end(self, run);
		return;
	}
	row->result = is_new ? RESULT_ACCEPTED : RESULT_DUP;
	row->detail = DETAIL_NONE;
	row->seq_start = msg->seq_start;
	row->seq_end = msg->seq_end;
	if (rewarder_put(self, run, REGISTRY_SETTLED)) {
		runs_end(self, run);
	}
}

static void fail_emit(struct rewarder *self, struct run *run, enum detail detail)
{
	bool is_replay = run->is_replay;

	metrics_inc(METRIC_LEDGER_INTENTS, METRIC_INTENT_ERROR);
	metrics_inc(METRIC_LEDGER_EGRESS_ERRORS, METRIC_PLAIN);
	postpone(self, run, RESULT_ERROR, detail);
	if (!is_replay &&
		detail != DETAIL_INTENT_BUSY) { /* that one was answered, and soon is over */
		brownout_enter(self, "an intent was not answered");
	}
}

/* --- sending --- */

void settlement_begin(struct rewarder *self, struct run *run)
{
	run->step = RUN_SEALED;
	if (run->row->count == 0) {
		run->row->result = RESULT_NONE;
		if (rewarder_put(self, run, REGISTRY_SETTLED)) {
			runs_end(self, run);
		}
		return;
	}
	if (run->is_replay) {
		return;
	}
	if (!settlement_may_pay(self, run->row)) {
		postpone(self, run, RESULT_NONE, DETAIL_NONE);
	}
}

static size_t put_header(const struct registry_row *row, uint8_t header[INTENT_HEADER_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(header, INTENT_HEADER_BYTES_MAX);
	char pool_account[ACCOUNT_BYTES_MAX];
	struct intent intent = {
		.tenant = reward_name_view(&row->tenant),
		.epoch = reward_name_view(&row->epoch),
		.policy_id = reward_name_view(&row->policy_id),
		.asset = reward_name_view(&row->asset),
		.run_key = row->run_key,
		.idempotency_key = row->idempotency_key,
		.commitment = row->commitment,
		.policy_hash = row->policy_hash,
		.allocations_cid = row->allocations_cid,
		.pool_total = row->payout + row->residual,
		.payout_total = row->payout,
		.count = row->count,
	};

	intent.pool_account.bytes = (const uint8_t *)pool_account;
	intent.pool_account.bytes_count =
		intent_pool_account(intent.tenant, intent.asset, pool_account);
	intent_encode(&out, &intent);
	assert(!out.failed);
	return out.used;
}

static void try_again(struct rewarder *self, enum detail detail)
{
	struct emitter *emitter = &self->emitter;
	const struct config *config = &self->worker->config;
	uint64_t now = rewarder_now_mono_ms();
	/* an intent that is under way ends, or its place is given up: that is only waited for */
	bool is_last = detail != DETAIL_INTENT_BUSY &&
		       emitter->attempt > config->rewarder_ledger_max_retries;

	if (is_last ||
		now - emitter->began_mono_ms >= (uint64_t)config->rewarder_attempt_budget_ms) {
		fail_emit(self, emitter->run, detail);
		return;
	}
	metrics_inc(METRIC_LEDGER_RETRY,
		detail == DETAIL_DEADLINE ? METRIC_RETRY_TIMEOUT : METRIC_RETRY_REFUSED);
	emitter->is_body = false;
	emitter->sent_mono_ms = 0;
	emitter->due_mono_ms = now + RETRY_MIN_MS + random_u64() % RETRY_SPREAD_MS;
}

bool settlement_has_grant(const struct rewarder *self, const struct registry_row *row)
{
	return row->grant_bytes > 0 && memcmp(&row->life, &self->life, sizeof row->life) == 0;
}

/* It was when the run was computed; what waited is paid by what is trusted now (R-O49). */
static bool is_policy_trusted(const struct rewarder *self, const struct registry_row *row)
{
	const struct policies_row *policy =
		policies_find(&self->policies, reward_name_view(&row->policy_id));

	return policy != NULL && policy->is_signed;
}

static bool may_be_paid(const struct rewarder *self, const struct registry_row *row)
{
	return settlement_has_grant(self, row) && is_policy_trusted(self, row);
}

/* Why an epoch was only asked about that the ledger does not know; NONE: it is held, or there is a
 * brownout. */
static enum detail why_asked(const struct rewarder *self, const struct registry_row *row)
{
	if (!is_policy_trusted(self, row)) {
		return DETAIL_POLICY;
	}
	return settlement_has_grant(self, row) ? DETAIL_NONE : DETAIL_GRANT_STALE;
}

/* Without a grant it is a question, whose answer is that it is settled, or that a grant is needed.
 */
static void send_header(struct rewarder *self)
{
	struct emitter *emitter = &self->emitter;
	const struct config *config = &self->worker->config;
	const struct registry_row *row = emitter->run->row;
	uint8_t header[INTENT_HEADER_BYTES_MAX];
	uint64_t now = rewarder_now_mono_ms();
	struct oap_intent intent = {
		.deadline_mono_ms = now + (uint64_t)config->rewarder_attempt_budget_ms,
		.allocations_bytes = (uint32_t)row->allocations_bytes,
	};

	emitter->is_question = !may_be_paid(self, row) || !settlement_may_pay(self, row);
	if (!emitter->is_question) {
		intent.grant = (struct slice){ row->grant, row->grant_bytes };
	}
	intent.header = (struct slice){ header, put_header(row, header) };
	emitter->id = ++self->id_last;
	if (oap_send_intent(rewarder_peer(self, PROCESS_SEQUENCER), emitter->id, &intent) !=
		ERR_OK) {
		emitter->due_mono_ms = now + ABSENT_MS;
		if (now - emitter->began_mono_ms >= (uint64_t)config->rewarder_attempt_budget_ms) {
			fail_emit(self, emitter->run, DETAIL_DEADLINE);
		}
		return;
	}
	emitter->attempt++;
	emitter->sent_mono_ms = now;
	emitter->due_mono_ms = now + config->rewarder_ledger_deadline_ms;
}

/* The next that is sealed, if the last one is done. */
static void begin_next(struct rewarder *self, uint64_t now_mono_ms)
{
	struct emitter *emitter = &self->emitter;
	struct run *run = self->runs;

	while (run != NULL && run->step != RUN_SEALED) {
		run = run->next;
	}
	if (run == NULL) {
		return;
	}
	/* since it was sealed; whether it is paid may be asked all the same */
	if (!run->is_replay && !settlement_may_pay(self, run->row)) {
		postpone(self, run, RESULT_NONE, DETAIL_NONE);
		return;
	}
	if (!run->is_replay && !rewarder_put(self, run, REGISTRY_EMITTING)) {
		return;
	}
	run->step = RUN_EMITTING;
	*emitter = (struct emitter){ .run = run, .began_mono_ms = now_mono_ms };
	send_header(self);
}

/* There is nothing to be sent, or not what was sealed. */
static void lack_body(struct rewarder *self, struct run *run, enum err err)
{
	if (run->row->is_swept) { /* once: what is made anew is there */
		settlement_forget(self, run);
		run->row->detail = DETAIL_ALLOCATIONS;
		if (rewarder_put(self, run, REGISTRY_POSTPONED)) {
			runs_mend(run);
		}
		return;
	}
	report_run(LOG_ARTEFACT_DAMAGED, run->row, (struct log_fields){ .fault = err });
	postpone(self, run, RESULT_ERROR, DETAIL_ALLOCATIONS);
}

/* As far as the ledger takes it. */
static void send_body(struct rewarder *self)
{
	struct emitter *emitter = &self->emitter;
	struct run *run = emitter->run;
	struct artefacts_run files = rewarder_files(run);
	struct peer *sequencer = rewarder_peer(self, PROCESS_SEQUENCER);

	while (emitter->body_upto < run->row->allocations_bytes &&
		peer_has_credit(sequencer, ARTEFACTS_PIECE_BYTES + SETTLEMENT_LEFT_BYTES)) {
		struct oap_intent_body body = { .offset = (uint32_t)emitter->body_upto };
		uint64_t total = 0;
		enum err err = artefacts_read(&self->artefacts, &files, "allocations",
			emitter->body_upto, self->page, &body.bytes, &total);

		if (err != ERR_OK || total != run->row->allocations_bytes) {
			lack_body(self, run, err);
			return;
		}
		if (oap_send_intent_body(sequencer, emitter->id, &body) != ERR_OK) {
			return; /* it is lost, and that is told */
		}
		emitter->body_upto += body.bytes.bytes_count;
	}
}

void settlement_turn(struct rewarder *self, uint64_t now_mono_ms)
{
	if (self->emitter.run == NULL) {
		begin_next(self, now_mono_ms);
	} else {
		settlement_finish(self, now_mono_ms);
	}
}

void settlement_finish(struct rewarder *self, uint64_t now_mono_ms)
{
	struct emitter *emitter = &self->emitter;

	if (emitter->run == NULL) {
		return;
	}
	if (emitter->is_body) {
		send_body(self);
	}
	if (emitter->run == NULL || now_mono_ms < emitter->due_mono_ms) {
		return;
	}
	if (emitter->sent_mono_ms == 0) {
		send_header(self);
		return;
	}
	metrics_inc(METRIC_IO_TIMEOUTS, METRIC_IO_LEDGER);
	brownout_sample(self, now_mono_ms - emitter->sent_mono_ms);
	try_again(self, DETAIL_DEADLINE);
}

void settlement_ledger_lost(struct rewarder *self)
{
	if (self->emitter.run != NULL && self->emitter.sent_mono_ms != 0) {
		try_again(self, DETAIL_OUTCOME_UNKNOWN);
	}
}

/* --- what the ledger says --- */

static bool is_passing(enum detail detail)
{
	enum reason reason = detail_reason(detail);

	return detail != DETAIL_GRANT_STALE &&
	       (reason == REASON_BUSY || reason == REASON_TIMEOUT || reason == REASON_INTERNAL);
}

/* What the ledger says of a header alone whose run it has not settled. */
static bool is_of_unsettled(enum detail detail)
{
	return detail == DETAIL_GRANT || detail == DETAIL_GRANT_STALE || detail == DETAIL_CAVEAT ||
	       detail == DETAIL_TOO_MANY_ENTRIES || detail == DETAIL_ALLOCATIONS;
}

static void take_error(struct rewarder *self, enum detail detail)
{
	struct run *run = self->emitter.run;

	if (is_of_unsettled(detail)) {
		run->is_replay = false;
	}
	if (is_passing(detail)) {
		try_again(self, detail);
		return;
	}
	if (detail == DETAIL_GRANT && self->emitter.is_question) { /* whoever wants it asks */
		postpone(self, run, RESULT_NONE, why_asked(self, run->row));
		return;
	}
	metrics_inc(METRIC_LEDGER_INTENTS, METRIC_INTENT_ERROR);
	metrics_inc(METRIC_LEDGER_EGRESS_ERRORS, METRIC_PLAIN);
	report_run(
		LOG_INTENT_REFUSED, run->row, (struct log_fields){ .reason = detail_text(detail) });
	postpone(self, run, RESULT_ERROR, detail);
}

static void start_body(struct rewarder *self)
{
	struct emitter *emitter = &self->emitter;
	bool was_settled = emitter->run->is_replay;

	/* A ledger that was restored may lack what it had: then it is a payment like any other,
	 * and nobody is told that it is made before it is. */
	emitter->run->is_replay = false;
	if (quarantine_holder(self, emitter->run->row) != NULL) { /* since it was asked about */
		postpone(self, emitter->run, RESULT_NONE, DETAIL_NONE);
		return;
	}
	if (was_settled && !rewarder_put(self, emitter->run, REGISTRY_EMITTING)) {
		return;
	}
	emitter->is_body = true;
	emitter->body_upto = 0;
	emitter->sent_mono_ms = rewarder_now_mono_ms();
	emitter->due_mono_ms =
		emitter->sent_mono_ms + (uint64_t)self->worker->config.rewarder_attempt_budget_ms;
	send_body(self);
}

enum err settlement_told(
	struct rewarder *self, const struct oap_from *from, const struct oap_intent_result *msg)
{
	struct emitter *emitter = &self->emitter;
	struct run *run;

	if (msg->status > INTENT_ERROR || msg->detail >= DETAIL_COUNT) {
		return ERR_MALFORMED;
	}
	if (emitter->run == NULL || from->corr_id != emitter->id || emitter->sent_mono_ms == 0) {
		return ERR_OK; /* of an attempt that was given up: the next one finds out */
	}
	if (!emitter->is_body) {
		brownout_sample(self, rewarder_now_mono_ms() - emitter->sent_mono_ms);
	}
	run = emitter->run;
	switch ((enum intent_status)msg->status) {
	case INTENT_NEED_BODY:
		if (emitter->is_body) {
			return ERR_CONFLICT;
		}
		start_body(self);
		break;
	case INTENT_ERROR:
		take_error(self, msg->detail);
		break;
	case INTENT_ACCEPTED:
	case INTENT_DUP:
		settle(self, run, msg);
		break;
	case INTENT_CONFLICT:
		settlement_forget(self, run);
		quarantine_run(self, run, REWARD_KIND_IDEMPOTENCY,
			"the ledger settled this epoch, or this key, otherwise");
		break;
	}
	return ERR_OK;
}
