#include "services/compute/compute.h"

#include <string.h>

_Static_assert(REWARD_POLICY_BYTES_MAX <= VERB_REWARD_POLICY_BYTES_MAX, "a policy fits its frame");
_Static_assert(REWARD_BUNDLE_BYTES_MAX <= VERB_REWARD_INPUT_BYTES_MAX, "so a bundle");
_Static_assert(REWARD_LEDGER_BYTES_MAX <= VERB_REWARD_INPUT_BYTES_MAX, "so a ledger snapshot");
_Static_assert(REWARD_DETAIL_BYTES <= VERB_TEXT_BYTES_MAX, "so a sentence");
_Static_assert(sizeof(struct id128) == SIPHASH_KEY_BYTES, "");

static struct peer *rewarder_of(struct compute *self)
{
	return mesh_peer(&self->worker->mesh, PROCESS_REWARDER, 0);
}

static void forget(struct compute *self)
{
	if (!self->has_run) {
		return;
	}
	for (size_t i = 0; i < COMPUTE_PART_COUNT; i++) {
		output_finish(&self->parts[i], &self->arena.memory);
	}
	reward_run_finish(&self->run);
	assert(self->arena.used_bytes == 0);
	self->has_run = false;
	budget_end();
}

/* --- the result --- */

/* Bytes of what is sealed; false with an outcome that is none. */
static bool put_out(struct compute *self)
{
	struct reward_facts *facts = &self->run.facts;
	const struct memory *memory = &self->arena.memory;
	bool is_paid = facts->outcome.verdict == REWARD_OK;

	if (is_paid && facts->alloc->allocation_count > self->allocations_max) {
		(void)reward_refuse(
			&facts->outcome, REWARD_REFUSAL_COST_CAP, "allocations: expected at most ");
		reward_add_number(&facts->outcome, self->allocations_max);
		reward_add_text(&facts->outcome, " actors that are paid, there are ");
		reward_add_number(&facts->outcome, facts->alloc->allocation_count);
		return false;
	}
	if (!output_manifest(&self->parts[COMPUTE_PART_MANIFEST], memory, facts) ||
		(is_paid && !output_allocations(&self->parts[COMPUTE_PART_ALLOCATIONS], memory,
				    facts->alloc))) {
		facts->outcome = (struct reward_outcome){ 0 };
		return reward_no_memory(&facts->outcome);
	}
	return true;
}

static u128 largest_of(const struct reward_alloc *alloc)
{
	u128 largest = 0;

	for (uint32_t i = 0; i < alloc->actor_count; i++) {
		largest = alloc->amounts[i] > largest ? alloc->amounts[i] : largest;
	}
	return largest;
}

static void put_totals(const struct reward_facts *facts, struct oap_computed *computed)
{
	const struct reward_totals *totals;

	computed->payout = reward_keys_payout(facts);
	computed->residual = reward_keys_delta(facts);
	if (facts->alloc == NULL) {
		return;
	}
	totals = &facts->alloc->totals;
	computed->dust = totals->dust;
	computed->capped_epoch = totals->clamp;
	computed->capped_actor = totals->actor_excess;
	computed->capped_category = totals->category_excess;
	computed->largest = largest_of(facts->alloc);
	computed->allocation_count = facts->alloc->allocation_count;
}

static void tell_result(struct compute *self)
{
	struct reward_facts *facts = &self->run.facts;
	struct oap_computed computed = { .cost_estimate_ms = self->run.cost_estimate_ms };
	bool is_sealed =
		facts->outcome.verdict == REWARD_OK || facts->outcome.verdict == REWARD_QUARANTINED;

	if (is_sealed && put_out(self)) {
		put_totals(facts, &computed);
		computed.commitment = facts->commitment;
		computed.asset = reward_name_view(&facts->asset);
		computed.pool = reward_name_view(&facts->pool_text);
		computed.manifest_bytes = self->parts[COMPUTE_PART_MANIFEST].bytes_count;
		computed.allocations_bytes = self->parts[COMPUTE_PART_ALLOCATIONS].bytes_count;
		if (facts->outcome.verdict == REWARD_OK) {
			reward_keys_allocations_cid(facts->alloc, &computed.allocations_cid);
		}
	}
	computed.verdict = (uint8_t)facts->outcome.verdict;
	computed.kind = (uint8_t)facts->outcome.kind;
	computed.refusal = (uint8_t)facts->outcome.refusal;
	computed.run_key = facts->run_key;
	computed.idempotency_key = facts->idempotency_key;
	computed.detail = (struct slice){ (const uint8_t *)facts->outcome.detail,
		strlen(facts->outcome.detail) };
	computed.cpu_us = budget_used_us() - self->began_cpu_us;
	budget_end();
	self->is_done = true;
	(void)!oap_send_computed(rewarder_of(self), self->run_id, &computed);
}

/* --- a run --- */

static bool name_of(struct slice text, struct reward_name *ret_name)
{
	if (text.bytes_count == 0 || text.bytes_count > sizeof ret_name->bytes) {
		return false;
	}
	ret_name->bytes_count = (uint8_t)text.bytes_count;
	memcpy(ret_name->bytes, text.bytes, text.bytes_count);
	return true;
}

static bool config_of(const struct oap_compute *msg, struct reward_run_config *ret_config)
{
	struct reward_request *request = &ret_config->request;

	memset(ret_config, 0, sizeof *ret_config);
	memcpy(ret_config->key, msg->siphash_key.bytes, sizeof ret_config->key);
	ret_config->cost =
		(struct reward_cost){ msg->cost_base_us, msg->cost_actor_us, msg->cost_event_us };
	ret_config->cost_ms_max = msg->cost_ms_max;
	ret_config->now_unix_s = (int64_t)msg->now_unix_s;
	ret_config->epoch_skew_s = msg->epoch_skew_s;
	request->policy_hash = msg->policy_hash;
	request->inputs_cid = msg->inputs_cid;
	return name_of(msg->tenant, &request->tenant) && name_of(msg->epoch, &request->epoch_id) &&
	       name_of(msg->policy_id, &request->policy_id) && name_of(msg->salt, &request->salt);
}

static enum err on_compute(void *owner, const struct oap_from *from, const struct oap_compute *msg)
{
	struct compute *self = owner;
	struct oap_compute_wants wants;
	struct reward_run_config config;

	if (!config_of(msg, &config) || msg->now_unix_s > INT64_MAX / 2) {
		return ERR_MALFORMED;
	}
	forget(self);
	self->has_run = true;
	self->is_done = false;
	self->run_id = from->corr_id;
	self->allocations_max = msg->allocations_max;
	self->began_cpu_us = budget_used_us();
	budget_begin(msg->budget_cpu_ms);
	arena_init(&self->arena, msg->memory_bytes_max);
	reward_run_init(&self->run, &self->arena.memory, &config);
	mesh_give_back(&self->worker->mesh, from);
	if (!reward_run_policy(&self->run, msg->policy) ||
		!reward_run_bundle(&self->run, msg->bundle)) {
		tell_result(self);
		return ERR_OK;
	}
	wants.ledger_cid = self->run.bundle.ledger_cid;
	wants.accounting_cid = self->run.bundle.accounting_cid;
	return oap_send_compute_wants(rewarder_of(self), self->run_id, &wants);
}

/* Of the run that is under way, and in its turn. */
static bool is_due(struct compute *self, const struct oap_from *from)
{
	mesh_give_back(&self->worker->mesh, from);
	return self->has_run && from->corr_id == self->run_id && !self->is_done;
}

static enum err on_compute_ledger(
	void *owner, const struct oap_from *from, const struct oap_compute_ledger *msg)
{
	struct compute *self = owner;

	if (!is_due(self, from)) {
		return ERR_OK;
	}
	if (self->run.has_rows) {
		return ERR_CONFLICT;
	}
	if (!reward_run_ledger(&self->run, msg->bytes)) {
		tell_result(self);
	}
	return ERR_OK;
}

static enum err on_compute_rows(
	void *owner, const struct oap_from *from, const struct oap_compute_rows *msg)
{
	struct compute *self = owner;

	if (!is_due(self, from)) {
		return ERR_OK;
	}
	if (!self->run.has_rows) {
		return ERR_CONFLICT;
	}
	if (!reward_run_rows(&self->run, msg->bytes) ||
		(msg->is_last && !reward_run_compute(&self->run)) || msg->is_last) {
		tell_result(self);
	}
	return ERR_OK;
}

static enum err on_compute_read(
	void *owner, const struct oap_from *from, const struct oap_compute_read *msg)
{
	struct compute *self = owner;
	struct oap_compute_piece piece = { .part = msg->part, .offset = msg->offset };
	const struct output *part;
	size_t left;

	mesh_give_back(&self->worker->mesh, from);
	if (msg->part >= COMPUTE_PART_COUNT) {
		return ERR_MALFORMED;
	}
	if (!self->has_run || from->corr_id != self->run_id || !self->is_done) {
		return ERR_OK;
	}
	part = &self->parts[msg->part];
	if (msg->offset > part->bytes_count) {
		return ERR_MALFORMED;
	}
	left = part->bytes_count - (size_t)msg->offset;
	piece.bytes = (struct slice){ left == 0 ? NULL : part->bytes + msg->offset,
		left < VERB_BODY_CHUNK_BYTES_MAX ? left : VERB_BODY_CHUNK_BYTES_MAX };
	return oap_send_compute_piece(rewarder_of(self), self->run_id, &piece);
}

static enum err on_compute_drop(
	void *owner, const struct oap_from *from, const struct oap_compute_drop *msg)
{
	struct compute *self = owner;

	(void)msg;
	if (self->has_run && from->corr_id == self->run_id) {
		forget(self);
	}
	return ERR_OK;
}

const struct oap_handlers compute_handlers = {
	.compute = on_compute,
	.compute_ledger = on_compute_ledger,
	.compute_rows = on_compute_rows,
	.compute_read = on_compute_read,
	.compute_drop = on_compute_drop,
};

/* --- life --- */

void compute_open(void *owner, struct worker *worker)
{
	struct compute *self = owner;

	self->worker = worker;
}

/* Whoever comes after it begins anew. */
void compute_link_lost(void *owner, const struct oap_from *whom)
{
	(void)whom;
	forget(owner);
}

void compute_turn(void *owner)
{
	struct compute *self = owner;

	if (self->worker->phase == PHASE_STARTING) {
		worker_report(self->worker, PHASE_SERVING, 0, 0, NULL, "");
	}
}
