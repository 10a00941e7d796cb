/* An operation from its frame to its result. Whatever happens to others meanwhile, it ends once:
 * with the ledger's word, with a refusal before the ledger was asked, or, when the sequencer is
 * lost, with "unknown", which the same request resolves when it comes again. */
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/trace.h"
#include "core/amount.h"
#include "core/grant.h"
#include "core/hex.h"
#include "core/sha256.h"
#include "core/ulid.h"
#include "services/wallet/wallet.h"

#define SLOT_MASK ((UINT64_C(1) << OPERATIONS_SLOT_BITS) - 1)

/* --- slots --- */

static struct op *take_slot(struct wallet *self)
{
	uint32_t slot = self->op_free;

	if (slot == UINT32_MAX) {
		assert(self->op_used < OPERATIONS_MAX); /* the credit windows are no larger */
		slot = self->op_used++;
	} else {
		self->op_free = self->ops[slot].next_free;
	}
	self->id_last++;
	self->ops[slot] = (struct op){ .id = self->id_last << OPERATIONS_SLOT_BITS | slot };
	self->op_count++;
	return &self->ops[slot];
}

/* NULL: it ended meanwhile. */
static struct op *find(struct wallet *self, uint64_t id, enum op_state state)
{
	uint64_t slot = id & SLOT_MASK;

	if (slot >= self->op_used || self->ops[slot].id != id || self->ops[slot].state != state) {
		return NULL;
	}
	return &self->ops[slot];
}

static void count_under_way(struct wallet *self, enum operation_kind kind, bool begins)
{
	self->under_way[kind] += begins ? 1u : (uint32_t)-1;
	metrics_set(METRIC_WALLET_INFLIGHT, (size_t)kind - 1, self->under_way[kind]);
}

static void give_slot(struct wallet *self, struct op *op)
{
	op->state = OP_FREE;
	op->next_free = self->op_free;
	self->op_free = (uint32_t)(op->id & SLOT_MASK);
	self->op_count--;
	count_under_way(self, op->kind, false);
}

/* --- ends --- */

_Static_assert((int)TRACE_ISSUE == (int)TRACE_TRANSFER - (int)OPERATION_TRANSFER + 1 &&
		       (int)TRACE_RELEASE - (int)TRACE_ISSUE + 1 == (int)OPERATION_RELEASE,
	"each operation has its span");

static void trace(const struct op *op, const struct oap_wallet_result *result)
{
	const struct trace_work work = { op->from.corr_id, { op->from.came_us } };
	enum api_reason reason = (enum api_reason)result->api_reason;

	if (op->from.came_us != 0) {
		trace_done((enum trace_kind)(TRACE_ISSUE + op->kind - 1), &work,
			&(struct log_fields){ .seq = op->seq,
				.nonce = op->nonce,
				.reason = reason == API_REASON_NONE ? NULL
								    : api_reasons_name(reason) });
	}
}

static void tell(struct wallet *self, const struct op *op, const struct oap_wallet_result *result)
{
	struct mesh *mesh = &self->worker->mesh;

	trace(op, result);
	mesh_give_back(mesh, &op->from);
	if (oap_send_wallet_result(
		    mesh_peer_of(mesh, op->edge_process, op->edge_instance, op->edge_generation),
		    op->from.corr_id, result) != ERR_OK) {
		metrics_inc(METRIC_LATE_REPLIES, METRIC_PLAIN);
		log_event(LOG_LATE_REPLY, &(struct log_fields){ .about = op->edge_process,
						  .instance_of = op->edge_instance,
						  .generation = op->edge_generation,
						  .ticket = op->from.corr_id });
	}
}

static void note(const struct op *op, enum log_event event, const char *reason)
{
	char txid[OPERATION_TXID_BYTES + 1], key[OPERATION_KEY_BYTES_MAX + 1];
	char asset[ASSET_BYTES_MAX + 1], amount[AMOUNT_TEXT_BYTES_MAX];

	operation_txid_print(&op->txid, txid);
	memcpy(key, op->key, op->key_bytes);
	key[op->key_bytes] = '\0';
	memcpy(asset, op->asset, op->asset_bytes);
	asset[op->asset_bytes] = '\0';
	(void)amount_print(op->amount, amount);
	log_event(event, &(struct log_fields){ .ticket = op->from.corr_id,
				 .seq = op->seq,
				 .reason = reason,
				 .op = operation_name(op->kind),
				 .asset = asset,
				 .amount_minor = amount,
				 .nonce = op->nonce,
				 .idem = key,
				 .txid = op->seq == 0 ? NULL : txid });
}

/* Before its result is told: who reads then reads what was done. The ledger told nothing from
 * before the operation that is still on its way to us (services/sequencer/asks.c). */
static void forget_balances(struct wallet *self, const struct op *op)
{
	for (size_t i = 0; i < COUNT_OF(op->touched); i++) {
		view_forget(&self->balances.view, op->touched[i]);
	}
}

static void succeed(struct wallet *self, struct op *op, struct slice receipt, bool replayed)
{
	struct oap_wallet_result result = { .replayed = replayed, .receipt = receipt };

	keys_done(&self->keys, op->key_place, clock_unix_ms());
	forget_balances(self, op);
	if (replayed) {
		metrics_inc(METRIC_WALLET_IDEM_REPLAYS, METRIC_PLAIN);
	} else {
		note(op, LOG_OPERATION_ACCEPTED, NULL);
	}
	tell(self, op, &result);
	give_slot(self, op);
}

/* What is busy or not ready is only counted: an overloaded node must not also log. */
static bool is_worth_a_line(enum api_reason reason)
{
	uint16_t status = api_errors_row(api_reasons_error(reason))->status;

	return status != 429 && status != 503;
}

static void count_conflict(enum api_reason reason)
{
	if (reason == API_REASON_NONCE_USED || reason == API_REASON_NONCE_GAP) {
		metrics_inc(METRIC_WALLET_NONCE_CONFLICTS, METRIC_PLAIN);
		metrics_inc(METRIC_WALLET_CONFLICTS, METRIC_PLAIN);
	}
}

static void refuse(struct wallet *self, struct op *op, enum api_reason reason)
{
	struct oap_wallet_result result = {
		.api_reason = (uint8_t)reason,
		.has_lane_last = op->has_lane_last,
		.lane_last = op->lane_last,
	};

	keys_refused(&self->keys, op->key_place, verdicts_is_settled(reason));
	count_conflict(reason);
	if (is_worth_a_line(reason)) {
		note(op, LOG_OPERATION_REFUSED, api_reasons_name(reason));
	}
	tell(self, op, &result);
	give_slot(self, op);
}

/* It may have been done. Its key stays with it. */
static void leave_unknown(struct wallet *self, struct op *op)
{
	struct oap_wallet_result result = { .api_reason = API_REASON_OUTCOME_UNKNOWN };

	keys_unknown(&self->keys, op->key_place, clock_unix_ms());
	forget_balances(self, op);
	note(op, LOG_OPERATION_UNKNOWN, NULL);
	tell(self, op, &result);
	give_slot(self, op);
}

/* --- from the prevalidator --- */

/* Before there is an operation: nothing was asked of anybody. */
static void turn_away(struct wallet *self, const struct oap_from *from,
	const struct oap_wallet_op *msg, enum api_reason reason)
{
	struct op op = {
		.from = *from,
		.kind = (enum operation_kind)msg->op,
		.edge_process = msg->edge_process,
		.edge_instance = msg->edge_instance,
		.edge_generation = msg->edge_generation,
	};

	if (reason == API_REASON_IDEM_MISMATCH) {
		metrics_inc(METRIC_WALLET_CONFLICTS, METRIC_PLAIN);
	}
	metrics_inc(METRIC_REJECTED,
		metrics_label_reason(
			reason == API_REASON_IDEM_MISMATCH ? REASON_POLICY_DENIED : REASON_BUSY));
	tell(self, &op, &(struct oap_wallet_result){ .api_reason = (uint8_t)reason });
}

static struct operation operation_of(const struct oap_wallet_op *msg)
{
	return (struct operation){
		.kind = (enum operation_kind)msg->op,
		.from = msg->from,
		.to = msg->to,
		.asset = msg->asset,
		.amount = msg->amount,
		.nonce = msg->nonce,
		.hold = msg->hold,
		.expires_unix_ms = msg->expires_unix_ms,
		.has_memo = msg->has_memo == 1,
		.memo = msg->memo,
	};
}

static enum api_reason claim(struct wallet *self, const struct operation *operation,
	struct slice key, uint32_t *ret_place)
{
	struct hash fingerprint;

	operation_fingerprint(operation, &fingerprint);
	switch (keys_claim(&self->keys, operation_principal(operation), key, &fingerprint,
		clock_unix_ms(), ret_place)) {
	case KEYS_CLAIM_NEW:
	case KEYS_CLAIM_SAME:
		break;
	case KEYS_CLAIM_BUSY:
		return API_REASON_IN_PROGRESS;
	case KEYS_CLAIM_OTHER:
		return API_REASON_IDEM_MISMATCH;
	case KEYS_CLAIM_FULL:
		return API_REASON_QUEUE_FULL;
	}
	return API_REASON_NONE;
}

static struct op *begin(struct wallet *self, const struct oap_from *from,
	const struct oap_wallet_op *msg, uint32_t key_place)
{
	struct op *op = take_slot(self);

	op->state = OP_SUBMITTED;
	op->from = *from;
	op->edge_process = msg->edge_process;
	op->edge_instance = msg->edge_instance;
	op->edge_generation = msg->edge_generation;
	op->deadline_mono_ms = msg->deadline_mono_ms;
	op->key_place = key_place;
	op->kind = (enum operation_kind)msg->op;
	op->nonce = msg->nonce;
	op->amount = msg->amount;
	op->asset_bytes = (uint8_t)msg->asset.bytes_count;
	memcpy(op->asset, msg->asset.bytes, msg->asset.bytes_count);
	op->key_bytes = (uint8_t)msg->idem_key.bytes_count;
	memcpy(op->key, msg->idem_key.bytes, msg->idem_key.bytes_count);
	op->touched[0] = view_name(&self->balances.view, msg->from, msg->asset);
	op->touched[1] = view_name(&self->balances.view, msg->to, msg->asset);
	count_under_way(self, op->kind, true);
	return op;
}

/* Those of one millisecond follow each other: the system is not asked for each. */
static struct id128 next_txid(struct wallet *self)
{
	uint8_t random[ULID_RANDOM_BYTES] = { 0 };
	int64_t now_unix_ms = clock_unix_ms();

	if (ulid_takes_random(&self->txid_last, now_unix_ms)) {
		random_fill(random, sizeof random);
	}
	ulid_advance(&self->txid_last, now_unix_ms, random);
	return self->txid_last;
}

static void salt_memo(struct draft *draft)
{
	struct slice parts[2] = { { draft->salt, sizeof draft->salt }, draft->memo };

	if (draft->has_memo) {
		random_fill(draft->salt, sizeof draft->salt);
		sha256_hash_parts(parts, COUNT_OF(parts), &draft->entry.memo_hash);
	}
}

static enum err submit(struct wallet *self, struct op *op, const struct operation *operation,
	const struct oap_wallet_op *msg, const struct grant *grant)
{
	uint8_t bytes[DRAFT_BYTES_MAX], receipt[DRAFT_RECEIPT_BYTES_MAX];
	char capability[HEX_TEXT_BYTES(ID_BYTES) + 1];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct oap_op_submit frame = {
		.ticket = op->from.corr_id,
		.deadline_mono_ms = msg->deadline_mono_ms,
	};
	struct draft draft;

	op->txid = next_txid(self);
	operation_draft(operation, &draft);
	draft.entry.id = op->txid;
	draft.entry.ts_unix_ms = ulid_unix_ms(&op->txid); /* which never goes back */
	hex_encode(grant->capability_id.bytes, ID_BYTES, capability);
	draft.entry.kid = grant->key_id;
	draft.entry.capability_ref =
		(struct slice){ (const uint8_t *)capability, sizeof capability - 1 };
	salt_memo(&draft);
	draft.receipt = (struct slice){ receipt,
		receipt_print(operation, &op->txid, msg->idem_key, draft.entry.ts_unix_ms, receipt,
			&draft.entry.receipt_hash) };
	draft_encode(&out, &draft);
	assert(!out.failed); /* DRAFT_BYTES_MAX is any draft's bound */
	frame.draft = (struct slice){ bytes, out.used };
	frame.grant = msg->grant;
	return oap_send_op_submit(
		mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0), op->id, &frame);
}

static bool is_late(uint64_t deadline_mono_ms)
{
	return deadline_mono_ms <= (uint64_t)clock_now().monotonic_us / 1000;
}

static enum api_reason why_not_now(const struct wallet *self, const struct oap_wallet_op *msg)
{
	if (self->draining) {
		return API_REASON_DRAINING;
	}
	if (!self->is_serving) {
		return API_REASON_LEDGER_DOWN;
	}
	return is_late(msg->deadline_mono_ms) ? API_REASON_TIMEOUT : API_REASON_NONE;
}

enum err operations_accept(
	struct wallet *self, const struct oap_from *from, const struct oap_wallet_op *msg)
{
	struct operation operation = operation_of(msg);
	enum api_reason reason = why_not_now(self, msg);
	uint32_t key_place = KEYS_NONE;
	struct grant grant;
	struct op *op;
	enum err err;

	if (msg->has_memo > 1 || !operation_is_sound(&operation) ||
		!operation_key_is_valid(msg->idem_key) ||
		grant_read(msg->grant, &grant) != ERR_OK) {
		return ERR_MALFORMED; /* the prevalidator looked at all of that */
	}
	if (reason == API_REASON_NONE) {
		reason = claim(self, &operation, msg->idem_key, &key_place);
	}
	if (reason != API_REASON_NONE) {
		turn_away(self, from, msg, reason);
		return ERR_OK;
	}
	op = begin(self, from, msg, key_place);
	err = submit(self, op, &operation, msg, &grant);
	if (err != ERR_OK) {
		refuse(self, op, err == ERR_BUSY ? API_REASON_QUEUE_FULL : API_REASON_LEDGER_DOWN);
	}
	return ERR_OK;
}

/* --- from the sequencer --- */

static void ask_archive(struct wallet *self, struct op *op)
{
	struct oap_read_receipt read = { .seq = op->seq };
	enum err err = oap_send_read_receipt(
		mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0), op->id, &read);

	op->state = err == ERR_OK ? OP_READING : OP_WAITING;
}

enum err operations_judged(
	struct wallet *self, const struct oap_from *from, const struct oap_op_verdict *msg)
{
	struct op *op = find(self, from->corr_id, OP_SUBMITTED);
	bool is_new = msg->detail == DETAIL_NONE && msg->is_repeat == 0;

	if (msg->is_repeat > 1 || msg->has_lane_last > 1 ||
		(msg->detail == DETAIL_NONE) != (msg->seq != 0) ||
		is_new != (msg->receipt.bytes_count > 0)) {
		return ERR_MALFORMED;
	}
	if (op == NULL) {
		return ERR_OK; /* it was given up with the sequencer before */
	}
	op->seq = msg->seq;
	op->has_lane_last = msg->has_lane_last == 1;
	op->lane_last = msg->lane_last;
	if (is_new) {
		succeed(self, op, msg->receipt, false);
	} else if (msg->detail == DETAIL_NONE) {
		ask_archive(self, op);
	} else if (verdicts_is_unknown(msg->detail)) {
		leave_unknown(self, op);
	} else {
		refuse(self, op, verdicts_reason(msg->detail));
	}
	return ERR_OK;
}

void operations_ledger_lost(struct wallet *self)
{
	for (uint32_t i = 0; i < self->op_used; i++) {
		if (self->ops[i].state == OP_SUBMITTED) {
			leave_unknown(self, &self->ops[i]);
		}
	}
}

/* --- from archive --- */

/* The ledger said: the same operation, by this lane and nonce. Of the same key it is a replay, of
 * another one the nonce was used before. */
static void take_receipt(struct wallet *self, struct op *op, struct slice receipt)
{
	struct slice key = receipt_key(receipt);

	if (key.bytes_count == op->key_bytes && memcmp(key.bytes, op->key, op->key_bytes) == 0) {
		succeed(self, op, receipt, true);
	} else {
		op->seq = 0; /* is not its own */
		refuse(self, op, API_REASON_NONCE_USED);
	}
}

enum err operations_read(
	struct wallet *self, const struct oap_from *from, const struct oap_receipt *msg)
{
	struct op *op = find(self, from->corr_id, OP_READING);

	if (op == NULL) {
		return ERR_OK;
	}
	if (msg->status != ERR_OK && msg->status != ERR_CORRUPT) {
		op->state = OP_WAITING; /* while a committer starts, its log can be unreadable */
	} else if (msg->status != ERR_OK || msg->receipt.bytes_count == 0) {
		refuse(self, op, API_REASON_INTERNAL); /* it was committed with a receipt */
	} else {
		take_receipt(self, op, msg->receipt);
	}
	return ERR_OK;
}

void operations_archive_lost(struct wallet *self)
{
	for (uint32_t i = 0; i < self->op_used; i++) {
		if (self->ops[i].state == OP_READING) {
			self->ops[i].state = OP_WAITING;
		}
	}
}

/* It was done, only its receipt cannot be had now: "unknown" says to ask again. */
void operations_tick(struct wallet *self)
{
	for (uint32_t i = 0; i < self->op_used; i++) {
		struct op *op = &self->ops[i];

		if (op->state != OP_WAITING) {
			continue;
		}
		if (is_late(op->deadline_mono_ms)) {
			leave_unknown(self, op);
		} else {
			ask_archive(self, op);
		}
	}
}
