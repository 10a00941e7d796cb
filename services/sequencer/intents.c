/* Reward intents (DESIGN-LEDGER.md section 7). A header asks whether its run was settled. If it was
 * not, the body follows in pieces and is checked as soon as it is whole; then the intent waits its
 * turn like any request, and is judged in a batch of its own. Its answers leave like all others:
 * when what was numbered before is on disk.
 *
 * The grant is that of the run, and a run may last: what a grant's own end is for, that nobody
 * goes on with a token that was taken back, is asked here of the ledger, which knows what was
 * revoked and what has expired. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "core/hex.h"
#include "services/sequencer/sequencer.h"

_Static_assert(INTENT_HEADER_BYTES_MAX <= VERB_INTENT_BYTES_MAX, "a header fits its frame");

/* A body that does not move for so long gives its place to whoever asks next: there is one, and
 * another tenant's epoch is not to wait for a rewarder that cannot read its disk. A piece is read
 * within a millisecond; a rewarder that was only slow sends its header again. */
#define BODY_STALLS_MS 500u

/* ledger_intent_bytes() of the longest names. */
#define LARGEST_ENTRY_BYTES                                                                   \
	(BATCH_HEAD_BYTES + 33u + 2u + ENTRY_LEAF_FIXED_BYTES + 2u * ACCOUNT_BYTES_MAX +      \
		ASSET_BYTES_MAX + 2u * ID_BYTES + BATCH_HEAD_BYTES + 6u + ACCOUNT_BYTES_MAX + \
		ASSET_BYTES_MAX)
_Static_assert(INTENT_ENTRIES_MAX *(uint64_t)LARGEST_ENTRY_BYTES + BATCH_BYTES_MAX <=
		       VERB_LARGE_BATCH_BYTES_MAX,
	"the largest intent is a batch");

void intents_forget(struct request *request)
{
	struct intent_job *job = request->intent;

	if (job == NULL) {
		return;
	}
	if (request->sequencer->intent == request) {
		request->sequencer->intent = NULL;
	}
	free(job->allocations);
	free(job->drafts);
	free(job->results);
	free(job);
	request->intent = NULL;
}

/* --- what is told --- */

void intents_send(struct sequencer *self, const struct reply_route *route,
	const struct oap_intent_result *result)
{
	struct peer *rewarder = mesh_peer_of(
		&self->worker->mesh, route->process, route->instance, route->generation);

	if (result->status == INTENT_ACCEPTED) {
		log_event(LOG_INTENT_SETTLED,
			&(struct log_fields){ .seq = result->seq_end,
				.count = result->seq_end - result->seq_start + 1,
				.root = &result->root });
	}
	if (oap_send_intent_result(rewarder, route->ticket, result) != ERR_OK) {
		metrics_inc(METRIC_LATE_REPLIES, METRIC_PLAIN); /* the next one asks again */
		log_event(LOG_LATE_REPLY, &(struct log_fields){ .about = route->process,
						  .instance_of = route->instance,
						  .generation = route->generation,
						  .ticket = route->ticket });
	}
}

static struct answer *answer_of(const struct request *request, enum intent_status status)
{
	struct answer *answer = calloc(1, sizeof *answer);

	assert(answer != NULL); /* the credit windows bound what we hold */
	answer->from = request->from;
	answer->route = request->route;
	answer->kind = ANSWER_INTENT;
	answer->intent.status = (uint8_t)status;
	return answer;
}

/* Nothing of its batch is on disk, or nobody knows. What was settled before stays so. */
void intents_fail(struct answer *answer, enum detail detail)
{
	answer->intent =
		(struct oap_intent_result){ .status = INTENT_ERROR, .detail = (uint8_t)detail };
}

/* --- a header --- */

static bool is_whole(const struct intent_job *job)
{
	return job->filled == job->allocations_bytes;
}

/* The one whose body is still coming is in no list. */
static struct request *assembled(const struct sequencer *self)
{
	return self->intent != NULL && !is_whole(self->intent->intent) ? self->intent : NULL;
}

/* Whoever asks for a run again has given up the body that it began to send for it. */
static void drop_earlier(struct sequencer *self, const struct request *request)
{
	struct request *earlier = assembled(self);

	if (earlier != NULL && request->grant_good &&
		memcmp(&earlier->intent->header.idempotency_key,
			&request->intent->header.idempotency_key, HASH_BYTES) == 0) {
		answers_refuse(self, earlier, DETAIL_INTENT_BUSY);
	}
}

/* What it brings borrows from the request's own bytes, for as long as the body takes. */
static enum err accept(struct sequencer *self, const struct oap_from *from,
	const struct oap_intent *msg, struct request **ret_request)
{
	struct request *request = requests_create(self, from, msg->deadline_mono_ms,
		msg->header.bytes_count + msg->grant.bytes_count);
	size_t used = 0;
	enum err err;

	request->intent = calloc(1, sizeof *request->intent);
	assert(request->intent != NULL); /* the credit windows bound what we hold */
	request->source = SOURCE_REWARD;
	request->atomic = true;
	request->route = (struct reply_route){ from->process, from->instance, from->generation,
		from->corr_id };
	request->intent->has_grant = msg->grant.bytes_count > 0;
	err = intent_decode(requests_keep(request, &used, msg->header), &request->intent->header);
	if (err == ERR_OK && request->intent->has_grant) {
		err = requests_open_grant(self, request, requests_keep(request, &used, msg->grant));
	}
	if (err != ERR_OK) {
		requests_destroy(request);
		return err;
	}
	*ret_request = request;
	return ERR_OK;
}

/* Of an intent that was never settled: may its body come? */
static enum detail judge_header(
	const struct sequencer *self, const struct request *request, uint32_t allocations_bytes)
{
	const struct intent_job *job = request->intent;
	uint64_t count = job->header.count;

	if (!request->grant_good) {
		return job->has_grant ? DETAIL_GRANT_STALE : DETAIL_GRANT;
	}
	if (!entry_views_equal(request->grant.tenant, job->header.tenant)) {
		return DETAIL_CAVEAT; /* a token that names no tenant pays for none */
	}
	if (count > self->limits.intent_entries_max) {
		return DETAIL_TOO_MANY_ENTRIES;
	}
	if (allocations_bytes < count * INTENT_ALLOCATION_BYTES_MIN ||
		allocations_bytes > count * INTENT_ALLOCATION_BYTES_MAX) {
		return DETAIL_ALLOCATIONS;
	}
	return self->intent == NULL ? DETAIL_NONE : DETAIL_INTENT_BUSY;
}

static void drop_stalled(struct sequencer *self)
{
	struct request *request = assembled(self);

	if (request != NULL &&
		requests_now_mono_ms() - request->intent->moved_mono_ms >= BODY_STALLS_MS) {
		answers_refuse(self, request, DETAIL_DEADLINE);
	}
}

static void ask_for_body(
	struct sequencer *self, struct request *request, uint32_t allocations_bytes)
{
	struct intent_job *job = request->intent;

	job->allocations = malloc(allocations_bytes);
	if (job->allocations == NULL) {
		answers_refuse(self, request, DETAIL_CAPACITY);
		return;
	}
	job->allocations_bytes = allocations_bytes;
	job->moved_mono_ms = requests_now_mono_ms();
	self->intent = request;
	intents_send(
		self, &request->route, &(struct oap_intent_result){ .status = INTENT_NEED_BODY });
}

enum err intents_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_intent *msg)
{
	struct request *request;
	enum detail detail;
	uint64_t start, end;
	enum err err = accept(self, from, msg, &request);

	if (err != ERR_OK) {
		return err;
	}
	detail = requests_why_not(self);
	if (detail == DETAIL_NONE) {
		detail = intent_check(&request->intent->header);
	}
	if (detail == DETAIL_NONE && ledger_settled(self->ledger, &request->intent->header, &start,
					     &end) != LEDGER_SETTLED_NEVER) {
		requests_append(&self->waiting, request); /* it may be in flight: in its turn */
		return ERR_OK;
	}
	if (detail == DETAIL_NONE) {
		drop_earlier(self, request);
		drop_stalled(self);
		detail = judge_header(self, request, msg->allocations_bytes);
	}
	if (detail != DETAIL_NONE) {
		answers_refuse(self, request, detail);
	} else {
		ask_for_body(self, request, msg->allocations_bytes);
	}
	return ERR_OK;
}

/* --- a body --- */

/* To the queue, or refused at once. */
static void enqueue(struct sequencer *self, struct request *request)
{
	struct intent_job *job = request->intent;
	enum detail detail = requests_why_not(self);

	if (detail == DETAIL_NONE) {
		detail = intent_check_allocations(
			&job->header, (struct slice){ job->allocations, job->allocations_bytes });
	}
	if (detail == DETAIL_NONE) {
		job->drafts = calloc(job->header.count, sizeof *job->drafts);
		job->results = calloc(job->header.count, sizeof *job->results);
		detail =
			job->drafts == NULL || job->results == NULL ? DETAIL_CAPACITY : DETAIL_NONE;
	}
	if (detail != DETAIL_NONE) {
		answers_refuse(self, request, detail);
		return;
	}
	hex_encode(request->grant.capability_id.bytes, ID_BYTES, job->capability_ref);
	request->draft_count = job->header.count;
	requests_append(&self->waiting, request);
}

enum err intents_take_body(
	struct sequencer *self, const struct oap_from *from, const struct oap_intent_body *msg)
{
	struct request *request = self->intent;
	struct intent_job *job;

	mesh_give_back(&self->worker->mesh, from);
	if (request == NULL || request->route.generation != from->generation ||
		request->route.ticket != from->corr_id) {
		return ERR_OK; /* of one that was refused meanwhile */
	}
	job = request->intent;
	if (msg->bytes.bytes_count == 0 || msg->offset != job->filled ||
		msg->bytes.bytes_count > job->allocations_bytes - job->filled) {
		return ERR_MALFORMED;
	}
	memcpy(job->allocations + job->filled, msg->bytes.bytes, msg->bytes.bytes_count);
	job->filled += (uint32_t)msg->bytes.bytes_count;
	job->moved_mono_ms = requests_now_mono_ms();
	if (is_whole(job)) {
		enqueue(self, request);
	}
	return ERR_OK;
}

void intents_drop_late(struct sequencer *self)
{
	struct request *request = assembled(self);

	if (request != NULL && request->deadline_mono_ms <= requests_now_mono_ms()) {
		answers_refuse(self, request, DETAIL_DEADLINE);
	}
}

/* What was whole goes on: whoever asks again is told. */
void intents_rewarder_lost(struct sequencer *self)
{
	requests_destroy(assembled(self));
}

void intents_drain(struct sequencer *self)
{
	struct request *request = assembled(self);

	if (request != NULL) {
		answers_refuse(self, request, DETAIL_DRAINING);
	}
}

/* --- judgement --- */

static bool is_in_flight(const struct sequencer *self, uint64_t seq)
{
	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		const struct batch *batch = &self->batches[i];

		if (batch->state == BATCH_IN_FLIGHT && seq >= batch->first_seq &&
			seq - batch->first_seq < batch->entry_count) {
			return true;
		}
	}
	return false;
}

/* NULL: parked until archive has told the root. */
static struct answer *answer_settled(
	struct sequencer *self, struct request *request, uint64_t seq_start, uint64_t seq_end)
{
	struct answer *answer;
	struct hash root = { { 0 } };
	bool is_known = rows_root_of(request, seq_end, &root);

	if (!is_known && !is_in_flight(self, seq_end) &&
		!answers_recent_root(self, seq_end, &root)) {
		request->intent->root_seq = seq_end;
		rows_park(self, request);
		return NULL;
	}
	answer = answer_of(request, INTENT_DUP);
	answer->intent.seq_start = seq_start;
	answer->intent.seq_end = seq_end;
	answer->intent.root = root;
	answer->root_source = is_known ? ROOT_KNOWN : ROOT_OF_SEQ;
	answer->root_seq = seq_end;
	requests_destroy(request);
	return answer;
}

static struct answer *answer_judged(struct request *request, const struct ledger_verdict *verdict)
{
	bool is_paid = verdict->refused_count == 0;
	struct answer *answer = answer_of(request, is_paid ? INTENT_ACCEPTED : INTENT_ERROR);

	answer->intent.detail = (uint8_t)verdict->first_refusal;
	answer->intent.seq_start = verdict->seq_start;
	answer->intent.seq_end = verdict->seq_end;
	answer->root_source = ROOT_OF_SEQ;
	answer->root_seq = verdict->seq_end;
	if (!is_paid) {
		metrics_inc(METRIC_REJECTED,
			metrics_label_reason(detail_reason(verdict->first_refusal)));
	}
	requests_destroy(request);
	return answer;
}

static struct answer *admit(struct sequencer *self, struct request *request)
{
	struct intent_job *job = request->intent;
	struct ledger_request question = {
		.drafts = job->drafts,
		.draft_count = job->header.count,
		.source = SOURCE_REWARD,
		.atomic = true,
		.grant = &request->grant,
		.tenant = job->header.tenant,
		.epoch = job->header.epoch,
		.intent = &job->header,
		.row = rows_find,
		.row_owner = request,
	};
	struct ledger_verdict verdict;

	ledger_intent_drafts(self->ledger, &job->header,
		(struct slice){ job->allocations, job->allocations_bytes }, request->grant.key_id,
		(struct slice){ (const uint8_t *)job->capability_ref, 2 * ID_BYTES },
		ledger_batch_ts(self->ledger), job->drafts);
	ledger_admit(self->ledger, &question, job->results, &verdict);
	switch (verdict.outcome) {
	case LEDGER_PARKED:
		rows_park(self, request);
		return NULL;
	case LEDGER_FULL: /* its batch was made for it, and controls have taken the room */
		answers_refuse(self, request, DETAIL_CAPACITY);
		return NULL;
	case LEDGER_JUDGED:
		break;
	}
	return answer_judged(request, &verdict);
}

struct answer *intents_judge(struct sequencer *self, struct request *request)
{
	const struct intent *header = &request->intent->header;
	uint64_t seq_start = 0, seq_end = 0;
	struct answer *answer;

	switch (ledger_settled(self->ledger, header, &seq_start, &seq_end)) {
	case LEDGER_SETTLED_NEVER:
		assert(request->intent->drafts != NULL); /* what was settled stays settled */
		return admit(self, request);
	case LEDGER_SETTLED_SAME:
		return answer_settled(self, request, seq_start, seq_end);
	case LEDGER_SETTLED_OTHERWISE:
		break;
	}
	answer = answer_of(request, INTENT_CONFLICT);
	answer->intent.detail = DETAIL_SETTLED_OTHERWISE;
	requests_destroy(request);
	return answer;
}
