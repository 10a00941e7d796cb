/* Operations of the wallet: requests of one entry, whose answer is a receipt. Everything between
 * their frame and their answer is that of any request. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "core/caveat_set.h"
#include "core/receipt.h"
#include "core/ulid.h"
#include "services/sequencer/sequencer.h"

_Static_assert(BATCH_RECEIPT_BYTES_MAX <= VERB_RECEIPT_BYTES_MAX, "a receipt fits its verdict");

/* A receipt is on record for ever, so it is held to its entry before there is one. */
bool operations_are_sound(struct slice draft_bytes)
{
	struct byte_reader in = byte_reader_of(draft_bytes);
	struct draft draft;

	return draft_decode(&in, SOURCE_V1, &draft) == ERR_OK && byte_reader_done(&in) &&
	       receipt_is_of(&draft.entry, draft.lane_nonce, draft.receipt) &&
	       ulid_unix_ms(&draft.entry.id) == draft.entry.ts_unix_ms;
}

/* The wallet's clock went back, that of batches did not. It need not hear the same time again. */
static void tell_newer_time(struct sequencer *self)
{
	if (state_is_readable(self) && ledger_batch_ts(self->ledger) > self->told_ts_unix_ms) {
		operations_tell_serving(self);
	}
}

void operations_send(struct sequencer *self, const struct reply_route *route,
	const struct oap_op_verdict *verdict)
{
	struct peer *wallet = mesh_peer_of(
		&self->worker->mesh, route->process, route->instance, route->generation);

	if (verdict->detail == DETAIL_TS_SKEW) {
		tell_newer_time(self);
	}
	if (oap_send_op_verdict(wallet, route->ticket, verdict) != ERR_OK) {
		metrics_inc(METRIC_LATE_REPLIES, METRIC_PLAIN); /* a later wallet looks it up */
		log_event(LOG_LATE_REPLY, &(struct log_fields){ .about = route->process,
						  .instance_of = route->instance,
						  .generation = route->generation,
						  .ticket = route->ticket });
	}
}

/* Whoever may not read the account is not told how far its lane is. */
static bool may_read(const struct request *request, const struct draft *draft)
{
	struct caveat_entry facts = {
		.actions = CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_READ),
		.asset = draft->entry.asset,
		.accounts = &draft->entry.account,
		.account_count = 1,
	};

	return caveat_set_check_entry(&request->grant.caveats, &facts).result == CAVEAT_HOLDS;
}

struct answer *operations_answer(const struct request *request, const struct ledger_result *result,
	const struct draft *draft)
{
	struct answer *answer = calloc(1, sizeof *answer + result->receipt.bytes_count);

	assert(answer != NULL);                /* the credit windows bound what we hold */
	if (result->receipt.bytes_count > 0) { /* it lies in the batch, which is used again */
		memcpy(answer->bytes, result->receipt.bytes, result->receipt.bytes_count);
	}
	answer->from = request->from;
	answer->route = request->route;
	answer->work = request->work;
	answer->kind = ANSWER_OPERATION;
	answer->op = (struct oap_op_verdict){
		.detail = (uint8_t)result->detail,
		.is_repeat = result->is_repeat,
		.has_lane_last = may_read(request, draft),
		.seq = result->seq,
		.receipt = { answer->bytes, result->receipt.bytes_count },
	};
	if (answer->op.has_lane_last) {
		answer->op.lane_last = result->lane_last;
	}
	if (result->detail != DETAIL_NONE) {
		metrics_inc(METRIC_REJECTED, metrics_label_reason(detail_reason(result->detail)));
	}
	if (result->detail == DETAIL_QUOTA) {
		metrics_inc(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN);
	}
	return answer;
}

/* Nothing of its batch is on disk. */
void operations_fail(struct answer *answer, enum detail detail)
{
	answer->op = (struct oap_op_verdict){ .detail = (uint8_t)detail };
}

void operations_tell_serving(struct sequencer *self)
{
	if (state_is_readable(self)) {
		uint64_t batch_ts_unix_ms = ledger_batch_ts(self->ledger);
		struct oap_serving serving = { .latest_ts_unix_ms = batch_ts_unix_ms };

		self->told_ts_unix_ms = batch_ts_unix_ms;
		if (serving.latest_ts_unix_ms < self->txid_ts_unix_ms) {
			serving.latest_ts_unix_ms = self->txid_ts_unix_ms;
		}
		(void)!oap_send_serving(
			mesh_peer(&self->worker->mesh, PROCESS_WALLET, 0), 0, &serving);
	}
}
