/* The result of a run, from its calculator to what is kept of it: run.json, commitment.txt, the
 * allocations as the ledger will read them, and what kms says of it. */
#include "services/rewarder/rewarder.h"

#include <stdio.h>
#include <string.h>

#include "core/attestation.h"
#include "core/base64.h"
#include "core/hex.h"
#include "core/reward_text.h"

/* rewarder.run_memory_max at its largest: it may have been another when the run began. */
#define MANIFEST_BYTES_MAX (UINT64_C(1024) << 20)

_Static_assert(ARTEFACTS_PIECE_BYTES == VERB_BODY_CHUNK_BYTES_MAX, "a piece is a piece");

void sealing_release(struct rewarder *self, struct run *run)
{
	const struct oap_compute_drop drop = { .why = 0 };

	if (run->calculator < 0) {
		return;
	}
	(void)!oap_send_compute_drop(
		mesh_peer(&self->worker->mesh, PROCESS_COMPUTE, (unsigned)run->calculator), run->id,
		&drop);
	self->calculators[run->calculator] = NULL;
	run->calculator = -1;
}

static void fail_to_write(struct rewarder *self, struct run *run, enum err err)
{
	log_event(LOG_ARTEFACTS_UNWRITABLE, &(struct log_fields){ .fault = err });
	runs_fail(self, run, err == ERR_NO_SPACE ? REWARD_REASON_DISK_FULL : REWARD_REASON_STORAGE,
		NULL);
}

/* --- the parts --- */

static void read_next(struct rewarder *self, struct run *run)
{
	const struct oap_compute_read question = {
		.part = run->step == RUN_MANIFEST ? COMPUTE_PART_MANIFEST
						  : COMPUTE_PART_ALLOCATIONS,
		.offset = run->read_upto,
	};

	if (oap_send_compute_read(
		    mesh_peer(&self->worker->mesh, PROCESS_COMPUTE, (unsigned)run->calculator),
		    run->id, &question) != ERR_OK) {
		inputs_lost(self, run);
	}
}

static void read_part(struct rewarder *self, struct run *run, enum run_step step, const char *name)
{
	struct artefacts_run files = rewarder_files(run);
	enum err err = artefacts_begin(&self->artefacts, &files, name, &run->writer);

	if (err != ERR_OK) {
		fail_to_write(self, run, err);
		return;
	}
	run->step = step;
	run->read_upto = 0;
	read_next(self, run);
}

static enum err write_commitment(struct rewarder *self, const struct run *run)
{
	struct artefacts_run files = rewarder_files(run);
	char text[REWARD_CID_BYTES + 2];

	reward_text_print_cid(&run->row->commitment, text);
	text[REWARD_CID_BYTES] = '\n';
	return artefacts_write(&self->artefacts, &files, "commitment.txt",
		(struct slice){ (const uint8_t *)text, REWARD_CID_BYTES + 1 });
}

static void print_attestation(
	struct rewarder *self, const struct registry_row *row, size_t *ret_bytes)
{
	char signature[BASE64_TEXT_BYTES(VERB_SIGNATURE_BYTES) + 8] = "base64:";
	struct json_out out;

	(void)base64_encode(row->signature, sizeof row->signature, signature + 7);
	json_out_init(&out, self->page, sizeof self->page);
	json_out_object_begin(&out);
	json_out_key(&out, "public_key");
	json_out_hex(&out, (struct slice){ row->public_key.bytes, HASH_BYTES });
	json_out_key(&out, "sig_ed25519");
	json_out_text(&out, signature);
	json_out_key(&out, "signed_at_unix_s");
	json_out_u64(&out, row->signed_at_unix_s);
	json_out_object_end(&out);
	if (json_out_finish(&out, ret_bytes) != ERR_OK) {
		assert(!"an attestation fits a page");
	}
}

/* As kms said it, now or when the run was sealed first: the same bytes each time. */
static enum err write_attestation(struct rewarder *self, const struct run *run)
{
	struct artefacts_run files = rewarder_files(run);
	size_t bytes;

	print_attestation(self, run->row, &bytes);
	return artefacts_write(
		&self->artefacts, &files, "attestation.json", (struct slice){ self->page, bytes });
}

static void observe(const struct registry_row *row, const struct run *run)
{
	runs_trace(run, TRACE_PREPARE, run->began_mono_ms, run->prepared_mono_ms);
	metrics_observe(METRIC_REWARD_COMPUTE_LATENCY, METRIC_PLAIN,
		(rewarder_now_mono_ms() - run->began_mono_ms) * 1000);
	metrics_observe(METRIC_REWARD_PREPARE, METRIC_PLAIN,
		(run->prepared_mono_ms > run->began_mono_ms
				? run->prepared_mono_ms - run->began_mono_ms
				: 0) *
			1000);
	report_run(LOG_RUN_COMPUTED, row,
		(struct log_fields){
			.root = &row->commitment, .count = row->count, .latency_ms = row->cpu_us });
}

/* All of it is on disk. */
static void end_parts(struct rewarder *self, struct run *run)
{
	enum err err = write_commitment(self, run);

	if (err == ERR_OK && run->is_mended) {
		err = write_attestation(self, run);
	}
	if (err != ERR_OK) {
		fail_to_write(self, run, err);
		return;
	}
	sealing_release(self, run);
	observe(run->row, run);
	if (run->is_dry) {
		runs_end(self, run);
		return;
	}
	if (run->is_mended) { /* kms is not asked again: what it said is in the row */
		run->row->is_swept = false;
		settlement_begin(self, run);
		return;
	}
	run->step = RUN_SIGNING;
	sealing_sign(self, run);
}

static uint64_t part_bytes(const struct run *run)
{
	return run->step == RUN_MANIFEST ? run->row->manifest_bytes : run->row->allocations_bytes;
}

/* False: it has failed. */
static bool write_piece(struct rewarder *self, struct run *run, struct slice bytes)
{
	bool is_last;
	enum err err;

	run->read_upto += bytes.bytes_count;
	is_last = run->read_upto == part_bytes(run);
	err = artefacts_add(&self->artefacts, &run->writer, bytes, is_last);
	if (err == ERR_OK && is_last) {
		err = artefacts_end(&self->artefacts, &run->writer);
	}
	if (err != ERR_OK) {
		fail_to_write(self, run, err);
	}
	return err == ERR_OK;
}

enum err sealing_take(
	struct rewarder *self, const struct oap_from *from, const struct oap_compute_piece *msg)
{
	struct run *run = runs_find(self, from->corr_id);
	uint64_t left;

	if (run == NULL || run->calculator != from->instance ||
		(run->step != RUN_MANIFEST && run->step != RUN_ALLOCATIONS)) {
		return ERR_OK;
	}
	left = part_bytes(run) - run->read_upto;
	if (msg->offset != run->read_upto ||
		msg->bytes.bytes_count !=
			(left < ARTEFACTS_PIECE_BYTES ? left : ARTEFACTS_PIECE_BYTES)) {
		return ERR_MALFORMED;
	}
	if (!write_piece(self, run, msg->bytes)) {
		return ERR_OK;
	}
	if (run->read_upto < part_bytes(run)) {
		read_next(self, run);
	} else if (run->step == RUN_MANIFEST && !run->is_dry && run->row->count > 0) {
		read_part(self, run, RUN_ALLOCATIONS, "allocations");
	} else {
		end_parts(self, run);
	}
	return ERR_OK;
}

/* --- the result --- */

static enum reward_reason reason_of(enum reward_refusal refusal)
{
	switch (refusal) {
	case REWARD_REFUSAL_STALE:
		return REWARD_REASON_STALE;
	case REWARD_REFUSAL_POLICY_INVALID:
		return REWARD_REASON_POLICY_INVALID;
	case REWARD_REFUSAL_INPUTS_MISMATCH:
		return REWARD_REASON_INPUTS_MISMATCH;
	case REWARD_REFUSAL_OVERSIZE:
		return REWARD_REASON_INPUTS_OVERSIZE;
	case REWARD_REFUSAL_EPOCH_NOT_CLOSED:
		return REWARD_REASON_EPOCH_NOT_CLOSED;
	case REWARD_REFUSAL_COST_CAP:
		return REWARD_REASON_COST_CAP;
	case REWARD_REFUSAL_SCHEMA:
		return REWARD_REASON_SCHEMA;
	case REWARD_REFUSAL_NONE:
	case REWARD_REFUSAL_COUNT:
		break;
	}
	return REWARD_REASON_INTERNAL;
}

static void set_name(struct reward_name *name, struct slice text)
{
	name->bytes_count = (uint8_t)text.bytes_count;
	if (text.bytes_count > 0) {
		memcpy(name->bytes, text.bytes, text.bytes_count);
	}
}

static void take_result(struct registry_row *row, const struct oap_computed *msg)
{
	bool is_quarantined = msg->verdict == REWARD_QUARANTINED;
	size_t text_bytes = is_quarantined ? msg->detail.bytes_count : 0;

	row->kind = is_quarantined ? msg->kind : REWARD_KIND_NONE;
	row->commitment = msg->commitment;
	row->allocations_cid = msg->allocations_cid;
	row->payout = msg->payout;
	row->residual = msg->residual;
	row->count = is_quarantined ? 0 : msg->allocation_count;
	row->cpu_us = msg->cpu_us;
	row->cost_ms = msg->cost_estimate_ms;
	row->manifest_bytes = msg->manifest_bytes;
	row->allocations_bytes = msg->allocations_bytes;
	set_name(&row->asset, msg->asset);
	set_name(&row->pool, msg->pool);
	text_bytes = text_bytes < sizeof row->text ? text_bytes : sizeof row->text - 1;
	if (text_bytes > 0) {
		memcpy(row->text, msg->detail.bytes, text_bytes);
	}
	row->text[text_bytes] = '\0';
}

/* rewarder.on_cost_exceed: what is too dear to be paid is shown all the same. */
static void make_dry_if_dear(struct rewarder *self, struct run *run, const struct oap_computed *msg)
{
	if (run->is_dry || run->is_again ||
		msg->cost_estimate_ms <= self->worker->config.rewarder_max_epoch_cost_ms) {
		return;
	}
	run->is_dry = true;
	(void)!registry_forget(&self->registry, runs_detach(run)); /* else it is computed again */
}

/* Prometheus counts no further exactly. */
#define STEP_MAX (UINT64_C(1) << 53)

static uint64_t smaller(u128 amount, uint64_t amount_max)
{
	return amount > amount_max ? amount_max : (uint64_t)amount;
}

static void count_capped(const struct oap_computed *msg)
{
	metrics_add(METRIC_REWARD_CAPPED, METRIC_CAP_EPOCH, smaller(msg->capped_epoch, STEP_MAX));
	metrics_add(METRIC_REWARD_CAPPED, METRIC_CAP_ACTOR, smaller(msg->capped_actor, STEP_MAX));
	metrics_add(
		METRIC_REWARD_CAPPED, METRIC_CAP_CATEGORY, smaller(msg->capped_category, STEP_MAX));
}

static void gauge_totals(const struct oap_computed *msg)
{
	metrics_set(
		METRIC_REWARD_POOL, METRIC_PLAIN, smaller(msg->payout + msg->residual, UINT64_MAX));
	metrics_set(METRIC_REWARD_PAYOUT, METRIC_PLAIN, smaller(msg->payout, UINT64_MAX));
	metrics_set(METRIC_REWARD_DELTA, METRIC_PLAIN, smaller(msg->residual, UINT64_MAX));
}

static void count_result(const struct oap_computed *msg)
{
	if (msg->verdict == REWARD_OK) {
		gauge_totals(msg);
	}
	count_capped(msg);
	metrics_observe(METRIC_REWARD_COST_ESTIMATE, METRIC_PLAIN, msg->cost_estimate_ms);
	metrics_add(METRIC_REWARD_DUST, METRIC_PLAIN, smaller(msg->dust, STEP_MAX));
}

/* One that was sealed keeps the key that it had, whatever the salt is by now. */
static bool has_same_key(const struct run *run, const struct oap_computed *msg)
{
	return memcmp(&run->row->idempotency_key, &msg->idempotency_key,
		       sizeof msg->idempotency_key) == 0;
}

/* False: it does not go on, for what only now can be known. */
static bool may_be_sealed(struct rewarder *self, struct run *run, const struct oap_computed *msg)
{
	const char *text;

	if (run->is_mended && !has_same_key(run, msg)) {
		runs_fail(self, run, REWARD_REASON_STORAGE,
			"rewarder.idempotency_salt is not what it was when the run was sealed, so "
			"its artefacts cannot be made anew; put it back");
		return false;
	}
	if (run->is_dry || run->is_again || msg->verdict != REWARD_OK || msg->payout == 0) {
		return true;
	}
	text = authority_falls_short(run->row, msg->payout, msg->largest, msg->asset);
	if (text != NULL) {
		runs_fail(self, run, REWARD_REASON_CAVEAT, text);
	}
	return text == NULL;
}

/* False: it does not go on. */
static bool judge_result(struct rewarder *self, struct run *run, const struct oap_computed *msg)
{
	char text[VERB_TEXT_BYTES_MAX];

	(void)snprintf(text, sizeof text, "%.*s", (int)msg->detail.bytes_count,
		(const char *)msg->detail.bytes);
	if (msg->verdict == REWARD_REFUSED) {
		runs_fail(self, run, reason_of(msg->refusal), text);
		return false;
	}
	if (msg->verdict == REWARD_NO_MEMORY) {
		runs_fail(self, run, REWARD_REASON_MEMORY_CAP, NULL);
		return false;
	}
	if (run->is_again &&
		memcmp(&run->row->commitment, &msg->commitment, sizeof msg->commitment) != 0) {
		quarantine_run(self, run, REWARD_KIND_IDEMPOTENCY,
			"computed again, the run has another commitment");
		return false;
	}
	return may_be_sealed(self, run, msg);
}

/* No more than a calculator can hold, nor than the ledger would read: it is written as it comes. */
static bool is_within_bounds(const struct rewarder *self, const struct oap_computed *msg)
{
	uint64_t count = msg->allocation_count;

	return msg->manifest_bytes <= MANIFEST_BYTES_MAX &&
	       (msg->verdict != REWARD_OK ||
		       (count <= self->worker->config.rewarder_intent_max_entries &&
			       msg->allocations_bytes >= count * INTENT_ALLOCATION_BYTES_MIN &&
			       msg->allocations_bytes <= count * INTENT_ALLOCATION_BYTES_MAX));
}

static bool is_well_formed(
	const struct rewarder *self, const struct run *run, const struct oap_computed *msg)
{
	bool is_sealed = msg->verdict == REWARD_OK || msg->verdict == REWARD_QUARANTINED;

	return msg->verdict <= REWARD_NO_MEMORY && msg->kind < REWARD_KIND_COUNT &&
	       (!is_sealed || msg->manifest_bytes > 0) && is_within_bounds(self, msg) &&
	       memcmp(&run->row->run_key, &msg->run_key, sizeof msg->run_key) == 0 &&
	       (run->is_again || has_same_key(run, msg));
}

enum err sealing_computed(
	struct rewarder *self, const struct oap_from *from, const struct oap_computed *msg)
{
	struct run *run = runs_find(self, from->corr_id);

	if (run == NULL || run->calculator != from->instance || run->step < RUN_STARTED ||
		run->step > RUN_COMPUTING) {
		return ERR_OK;
	}
	if (!is_well_formed(self, run, msg)) {
		return ERR_MALFORMED;
	}
	if (!judge_result(self, run, msg)) {
		return ERR_OK;
	}
	count_result(msg);
	if (run->is_again && !run->is_mended) { /* as it was: its artefacts are there */
		sealing_release(self, run);
		settlement_begin(self, run);
		return ERR_OK;
	}
	make_dry_if_dear(self, run, msg);
	take_result(run->row, msg);
	read_part(self, run, RUN_MANIFEST, "run.json");
	return ERR_OK;
}

/* --- the attestation --- */

/* 0 for what does not fit: the sealed text is in run.json. */
static u128 pool_of(const struct registry_row *row)
{
	u128 pool = 0;

	if (reward_number_parse(reward_name_view(&row->pool), REWARD_AMOUNT_MAX, &pool) !=
		REWARD_NUMBER_OK) {
		pool = 0;
	}
	return pool;
}

void sealing_sign(struct rewarder *self, struct run *run)
{
	const struct registry_row *row = run->row;
	bool is_quarantined = row->kind != REWARD_KIND_NONE;
	u128 pool = pool_of(row);
	const struct oap_sign_attestation question = {
		.run_status = is_quarantined ? ATTESTATION_QUARANTINED : ATTESTATION_OK,
		.run_key = row->run_key,
		.idempotency_key = row->idempotency_key,
		.commitment = row->commitment,
		.policy_hash = row->policy_hash,
		.pool = pool,
		.payout = row->payout,
		.residual = row->residual,
		.tenant = reward_name_view(&row->tenant),
		.epoch = reward_name_view(&row->epoch),
	};

	/* Without kms, or credit, it is asked when there is. */
	run->asked_count = oap_send_sign_attestation(
				   rewarder_peer(self, PROCESS_KMS), run->id, &question) == ERR_OK;
}

/* It is whole. A quarantined one ends here. */
static void end_sealing(struct rewarder *self, struct run *run)
{
	if (run->row->kind != REWARD_KIND_NONE) {
		quarantine_run(self, run, run->row->kind, run->row->text);
		return;
	}
	metrics_inc(METRIC_REWARD_RUNS, METRIC_RUN_OK);
	if (rewarder_put(self, run, REGISTRY_SEALED)) {
		settlement_begin(self, run);
	}
}

enum err sealing_signed(struct rewarder *self, const struct oap_from *from,
	const struct oap_signed_attestation *msg)
{
	struct run *run = runs_find(self, from->corr_id);
	enum err err;

	if (run == NULL || run->step != RUN_SIGNING) {
		return ERR_OK;
	}
	if (msg->status != ERR_OK) {
		runs_fail(self, run, REWARD_REASON_INTERNAL, "kms does not sign this run");
		return ERR_OK;
	}
	if (msg->signature.bytes_count != VERB_SIGNATURE_BYTES) {
		return ERR_MALFORMED;
	}
	memcpy(run->row->signature, msg->signature.bytes, VERB_SIGNATURE_BYTES);
	run->row->public_key = msg->public_key;
	run->row->signed_at_unix_s = msg->signed_at_unix_s;
	err = write_attestation(self, run);
	if (err != ERR_OK) {
		fail_to_write(self, run, err);
		return ERR_OK;
	}
	end_sealing(self, run);
	return ERR_OK;
}
