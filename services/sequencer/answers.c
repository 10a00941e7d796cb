/* Verdicts on their way out. Whoever waited for one may be gone by then: an edge of another
 * generation never gets it. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "services/sequencer/sequencer.h"

#define REASON_BYTES 5u /* u32 index, u8 enum detail */

_Static_assert(REQUEST_ENTRIES_MAX *REASON_BYTES <= VERB_REASONS_BYTES_MAX, "reasons fit");

static void send_verdict(
	struct sequencer *self, const struct reply_route *route, const struct oap_verdict *verdict)
{
	struct peer *edge = mesh_peer_of(
		&self->worker->mesh, route->process, route->instance, route->generation);

	if (oap_send_verdict(edge, route->ticket, verdict) != ERR_OK) {
		metrics_inc(METRIC_LATE_REPLIES, METRIC_PLAIN);
		log_event(LOG_LATE_REPLY, &(struct log_fields){ .about = route->process,
						  .instance_of = route->instance,
						  .generation = route->generation,
						  .ticket = route->ticket });
	}
}

/* Of the whole request, before it was judged: one reason with index 0 (spec/ledger.md 4.3). */
void answers_refuse(struct sequencer *self, struct request *request, enum detail detail)
{
	uint8_t reason[REASON_BYTES];
	struct byte_writer out = byte_writer_of(reason, sizeof reason);
	struct oap_verdict verdict = {
		.status = reason_status(detail_reason(detail)),
		.dry_run = request->dry_run,
		.root_known = state_is_readable(self),
		.root = self->root,
	};

	byte_put_u32(&out, 0);
	byte_put_u8(&out, (uint8_t)detail);
	verdict.reasons = (struct slice){ reason, out.used };
	metrics_inc(METRIC_REJECTED, metrics_label_reason(detail_reason(detail)));
	trace_done(TRACE_ASSIGN, &request->work,
		&(struct log_fields){ .reason = detail_text(detail) });
	if (request->source == SOURCE_V1) {
		operations_send(self, &request->route,
			&(struct oap_op_verdict){ .detail = (uint8_t)detail });
	} else if (request->source == SOURCE_REWARD) {
		intents_send(self, &request->route,
			&(struct oap_intent_result){
				.status = INTENT_ERROR, .detail = (uint8_t)detail });
	} else {
		send_verdict(self, &request->route, &verdict);
	}
	mesh_give_back(&self->worker->mesh, &request->from);
	requests_destroy(request);
}

struct answer *answers_create(const struct request *request, const struct ledger_verdict *verdict,
	const struct ledger_result *results, const struct draft *drafts)
{
	size_t reasons_bytes = verdict->refused_count * REASON_BYTES;
	struct answer *answer = calloc(1, sizeof *answer + reasons_bytes);
	struct byte_writer out;

	assert(answer != NULL); /* the credit windows bound what we hold */
	out = byte_writer_of(answer->bytes, reasons_bytes);
	for (size_t i = 0; i < request->draft_count; i++) {
		if (results[i].detail != DETAIL_NONE) {
			byte_put_u32(&out, drafts[i].idx);
			byte_put_u8(&out, (uint8_t)results[i].detail);
			metrics_inc(METRIC_REJECTED,
				metrics_label_reason(detail_reason(results[i].detail)));
		}
	}
	answer->from = request->from;
	answer->route = request->route;
	answer->work = request->work;
	answer->verdict = (struct oap_verdict){
		.status = ledger_verdict_status(verdict),
		.accepted = verdict->refused_count == 0,
		.dry_run = request->dry_run,
		.seq_start = verdict->seq_start,
		.seq_end = verdict->seq_end,
		.reasons = { answer->bytes, out.used },
	};
	answer->root_seq = verdict->root_seq;
	answer->root_source = verdict->root_seq == 0 ? ROOT_NEWEST : ROOT_OF_SEQ;
	if (verdict->root_seq != 0 &&
		rows_root_of(request, verdict->root_seq, &answer->verdict.root)) {
		answer->root_source = ROOT_KNOWN;
	}
	return answer;
}

bool answers_recent_root(const struct sequencer *self, uint64_t seq, struct hash *ret_root)
{
	for (size_t i = 0; i < RECENT_COMMITS; i++) {
		const struct commit *commit = &self->recent[i];
		if (commit->first_seq <= seq && seq <= commit->last_seq) {
			*ret_root = commit->root;
			return true;
		}
	}
	return false;
}

static void set_root(
	const struct sequencer *self, const struct answer *answer, struct hash *ret_root)
{
	switch (answer->root_source) {
	case ROOT_NEWEST:
		*ret_root = self->root;
		break;
	case ROOT_OF_SEQ:
		if (!answers_recent_root(self, answer->root_seq, ret_root)) {
			*ret_root = self->root;
		}
		break;
	case ROOT_KNOWN:
		break;
	}
}

static void trace(const struct answer *answer)
{
	bool is_op = answer->kind == ANSWER_OPERATION;
	struct log_fields fields = {
		.seq = is_op ? answer->op.seq : answer->verdict.seq_start,
		.status = answer->verdict.status, /* 0 of an operation */
		.reason = is_op && answer->op.detail != DETAIL_NONE
				  ? detail_text((enum detail)answer->op.detail)
				  : NULL,
	};

	if (answer->work.ticket != 0) {
		trace_span(TRACE_QUEUE, answer->work.ticket, answer->work.since, answer->judged_at,
			NULL);
		trace_done(TRACE_ASSIGN, &answer->work, &fields);
	}
}

void answers_send(struct sequencer *self, struct answer *answer)
{
	trace(answer);
	switch (answer->kind) {
	case ANSWER_OPERATION:
		operations_send(self, &answer->route, &answer->op);
		break;
	case ANSWER_SUBMISSION:
		set_root(self, answer, &answer->verdict.root);
		answer->verdict.root_known = 1;
		send_verdict(self, &answer->route, &answer->verdict);
		break;
	case ANSWER_INTENT:
		if (answer->intent.seq_end != 0) {
			set_root(self, answer, &answer->intent.root);
		}
		intents_send(self, &answer->route, &answer->intent);
		break;
	}
	mesh_give_back(&self->worker->mesh, &answer->from);
	free(answer);
}
