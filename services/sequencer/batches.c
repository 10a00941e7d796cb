/* When a batch is formed, of what, and what COMMITTED means (DESIGN-LEDGER.md section 2).
 * Without anything at the committer a batch is formed as soon as somebody waits; with one there
 * a second from SECOND_BATCH_ENTRIES_MIN entries on. There is no timer: while the committer
 * syncs, requests gather. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "core/order.h"
#include "services/sequencer/sequencer.h"

/* Requests of one batch: each has an entry at least, and some may all be refused. */
#define GATHERED_MAX 2048u

/* A queue of drafts is read up to here; the rest of the frame belongs to the records at the
 * end of the batch. */
#define GATHERED_BYTES_MAX BATCH_FILL_BYTES

/* All of a BATCH's payload: its fixed fields and its records. A BATCH_PIECE has fewer. */
#define BATCH_FRAME_BYTES_MAX (BATCH_BYTES_MAX + VERB_TRACED_BYTES_MAX + 64u)

struct gathered {
	size_t count;
	size_t entry_count;
	struct request *requests[GATHERED_MAX];
	const struct draft *drafts[GATHERED_MAX];   /* of each request */
	const struct draft *smallest[GATHERED_MAX]; /* of each request */
	uint32_t order[GATHERED_MAX], scratch[GATHERED_MAX];
};

static struct batch *slot_in(struct sequencer *self, enum batch_state state)
{
	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		if (self->batches[i].state == state) {
			return &self->batches[i];
		}
	}
	return NULL;
}

void batches_init(struct sequencer *self)
{
	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		struct batch *batch = &self->batches[i];

		batch->own_records = malloc(BATCH_BYTES_MAX);
		batch->own_offsets = calloc(BATCH_ENTRIES_MAX, sizeof *batch->own_offsets);
		batch->answers_last = &batch->answers;
		if (batch->own_records == NULL || batch->own_offsets == NULL) {
			worker_fail(self->worker, "no memory for batches");
		}
	}
}

static struct peer *committer_of(struct sequencer *self)
{
	return mesh_peer(&self->worker->mesh, PROCESS_COMMITTER, 0);
}

/* Two batches in flight are the window, too, but the committer gives credit back, not we. */
bool batches_may_send(struct sequencer *self)
{
	return self->phase == PHASE_SERVING && self->in_flight < BATCHES_IN_FLIGHT_MAX &&
	       self->sending == NULL && peer_has_credit(committer_of(self), BATCH_FRAME_BYTES_MAX);
}

bool batches_due(struct sequencer *self)
{
	if (!batches_may_send(self)) {
		return false;
	}
	if (self->in_flight == 0) {
		return self->waiting.count > 0 || self->controls != NULL ||
		       self->quarantines != NULL || self->more_expired;
	}
	return self->waiting.entry_count >= self->second_batch_entries;
}

uint64_t batches_oldest_ms(const struct sequencer *self)
{
	struct instant now = clock_now();
	int64_t oldest_us = 0;

	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		const struct batch *batch = &self->batches[i];
		if (batch->state == BATCH_IN_FLIGHT &&
			instant_since(batch->sent_at, now).us > oldest_us) {
			oldest_us = instant_since(batch->sent_at, now).us;
		}
	}
	return (uint64_t)(oldest_us / 1000);
}

/* --- gathering and judging --- */

static bool decode_drafts(const struct request *request, struct draft *drafts)
{
	struct byte_reader in = byte_reader_of(request->drafts);

	for (size_t i = 0; i < request->draft_count; i++) {
		if (draft_decode(&in, request->source, &drafts[i]) != ERR_OK) {
			return false;
		}
	}
	return in.left == 0;
}

/* Drafts that don't decode: who sent them made them, and is accused. */
static void accuse_sender(struct sequencer *self, struct request *request)
{
	struct oap_from from = request->from;

	from.verb = request->source == SOURCE_V1 ? OAP_OP_SUBMIT : OAP_SUBMIT;
	self->worker->mesh.hooks.accuse(self->worker->mesh.self, &from, ERR_MALFORMED);
	answers_refuse(self, request, DETAIL_MALFORMED);
}

/* In arrival order until the batch is full; the one that does not fit stays, and an intent. */
static void gather(struct sequencer *self, struct gathered *into)
{
	size_t bytes = 0;

	into->count = 0;
	into->entry_count = 0;
	while (self->waiting.first != NULL && into->count < GATHERED_MAX) {
		struct request *request = self->waiting.first;
		struct draft *drafts = self->drafts + into->entry_count;

		if (request->intent != NULL) {
			return;
		}
		if (into->count > 0 &&
			(into->entry_count + request->draft_count >
					self->limits.request_entries_max ||
				bytes + request->drafts.bytes_count > GATHERED_BYTES_MAX)) {
			return;
		}
		(void)requests_take(&self->waiting);
		if (!decode_drafts(request, drafts)) {
			accuse_sender(self, request);
			continue;
		}
		into->requests[into->count] = request;
		into->drafts[into->count] = drafts;
		into->smallest[into->count] = order_smallest(drafts, request->draft_count);
		into->count++;
		into->entry_count += request->draft_count;
		bytes += request->drafts.bytes_count;
	}
}

/* So that the committer tells how long the disk took for it. */
static void note_traced(struct batch *batch, struct answer *answer)
{
	struct byte_writer out = byte_writer_of(
		batch->traced + batch->traced_bytes, sizeof batch->traced - batch->traced_bytes);

	answer->judged_at = clock_now();
	if (sizeof batch->traced - batch->traced_bytes >= sizeof answer->work.ticket) {
		byte_put_u64(&out, answer->work.ticket);
		batch->traced_bytes += out.used;
	}
}

static void attach(struct sequencer *self, struct batch *batch, struct answer *answer)
{
	(void)self;
	if (answer->work.ticket != 0) {
		note_traced(batch, answer);
	}
	answer->next = NULL;
	*batch->answers_last = answer;
	batch->answers_last = &answer->next;
}

/* False: it does not fit this batch any more. */
static bool judge(struct sequencer *self, struct batch *batch, struct request *request,
	const struct draft *drafts)
{
	struct ledger_request question = {
		.drafts = drafts,
		.draft_count = request->draft_count,
		.source = request->source,
		.atomic = request->atomic,
		.dry_run = request->dry_run,
		.idem_id = request->idem_id,
		.grant = &request->grant,
		.row = rows_find,
		.row_owner = request,
	};
	struct ledger_verdict verdict;

	ledger_admit(self->ledger, &question, self->results, &verdict);
	switch (verdict.outcome) {
	case LEDGER_PARKED:
		rows_park(self, request);
		return true;
	case LEDGER_FULL:
		return false;
	case LEDGER_JUDGED:
		break;
	}
	if (request->source == SOURCE_V1 && verdict.new_count > 0 &&
		self->txid_ts_unix_ms < drafts[0].entry.ts_unix_ms) {
		self->txid_ts_unix_ms = drafts[0].entry.ts_unix_ms;
	}
	attach(self, batch,
		request->source == SOURCE_V1
			? operations_answer(request, &self->results[0], &drafts[0])
			: answers_create(request, &verdict, self->results, drafts));
	requests_destroy(request);
	return true;
}

static void judge_all(
	struct sequencer *self, struct batch *batch, struct gathered *gathered, bool is_empty)
{
	order_requests(gathered->smallest, gathered->count, gathered->order, gathered->scratch);
	for (size_t i = 0; i < gathered->count; i++) {
		size_t at = gathered->order[i];

		if (!judge(self, batch, gathered->requests[at], gathered->drafts[at])) {
			if (i == 0 && is_empty) { /* it will fit no batch */
				answers_refuse(
					self, gathered->requests[at], DETAIL_TOO_MANY_ENTRIES);
				continue;
			}
			/* the whole rest waits for the next batch, in the same order */
			for (size_t j = gathered->count; j > i; j--) {
				requests_prepend(
					&self->waiting, gathered->requests[gathered->order[j - 1]]);
			}
			return;
		}
	}
}

/* --- sending --- */

static void send_answers(struct sequencer *self, struct batch *batch)
{
	struct answer *next;

	for (struct answer *answer = batch->answers; answer != NULL; answer = next) {
		next = answer->next;
		answers_send(self, answer);
	}
	batch->answers = NULL;
	batch->answers_last = &batch->answers;
}

/* All that waited for the batch is answered. */
static void finish_batch(struct sequencer *self, struct batch *batch)
{
	struct control_ask *controls = batch->controls;

	batch->controls = NULL;
	send_answers(self, batch);
	locates_answer(self, batch, true);
	asks_answer(self, batch, true);
	quarantines_answer(self, batch, true);
	controls_answer(self, controls);
}

struct batch *batches_newest(struct sequencer *self)
{
	struct batch *newest = NULL;

	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		struct batch *batch = &self->batches[i];
		if (batch->state == BATCH_IN_FLIGHT && (newest == NULL || batch->no > newest->no)) {
			newest = batch;
		}
	}
	return newest;
}

static void hand_over(struct batch *from, struct batch *to)
{
	struct control_ask **last = &to->controls;

	if (from->answers != NULL) {
		*to->answers_last = from->answers;
		to->answers_last = from->answers_last;
		from->answers = NULL;
		from->answers_last = &from->answers;
	}
	while (*last != NULL) {
		last = &(*last)->next;
	}
	*last = from->controls;
	from->controls = NULL;
}

static void set_free(struct batch *batch)
{
	if (batch->records != batch->own_records) {
		free(batch->records);
		free(batch->offsets);
	}
	batch->records = batch->own_records;
	batch->offsets = batch->own_offsets;
	batch->state = BATCH_FREE;
}

/* Nothing to commit: the answers wait for what was numbered before they were judged. */
static void close_empty(struct sequencer *self, struct batch *batch)
{
	struct batch *newest = batches_newest(self);

	if (newest != NULL) {
		hand_over(batch, newest);
	}
	set_free(batch);
	finish_batch(self, batch);
}

/* So that a repeat of an entry in flight is found without a walk over the batch. */
static void note_offsets(struct batch *batch)
{
	struct byte_reader in =
		byte_reader_of((struct slice){ batch->records, batch->records_bytes });
	struct batch_record record;
	size_t offset = 0, count = 0;

	while (batch_next(&in, &record)) {
		if (record.type == BATCH_ENTRY) {
			assert(count < batch->offsets_max);
			batch->offsets[count++] = (uint32_t)offset;
		}
		offset = batch->records_bytes - in.left;
	}
	assert(count == batch->entry_count);
}

/* The frame that completes a batch: with its records, or behind their pieces. */
static void send_head(struct sequencer *self, struct batch *batch)
{
	bool is_large = batch->records_bytes > BATCH_BYTES_MAX;
	struct oap_batch msg = {
		.sequencer_generation = self->worker->generation,
		.fence = self->fence,
		.state_no = self->state_no,
		.batch_no = batch->no,
		.first_seq = batch->closed.first_seq,
		.entry_count = (uint32_t)batch->closed.entry_count,
		.batch_ts_unix_ms = batch->closed.batch_ts_unix_ms,
		.low_water = batch->closed.low_water,
		.pieces_bytes = is_large ? (uint32_t)batch->records_bytes : 0,
		.traced = { batch->traced, batch->traced_bytes },
		.records = { batch->records, is_large ? 0 : batch->records_bytes },
	};
	enum err err = oap_send_batch(committer_of(self), msg.batch_no, &msg);

	assert(err == ERR_OK || err == ERR_STALE); /* there was credit; its loss will be told */
}

void batches_send_pieces(struct sequencer *self)
{
	struct batch *batch = self->sending;

	while (batch != NULL && peer_has_credit(committer_of(self), BATCH_FRAME_BYTES_MAX)) {
		size_t left = batch->records_bytes - batch->sent_bytes;
		size_t count = left < VERB_BATCH_BYTES_MAX ? left : VERB_BATCH_BYTES_MAX;
		struct oap_batch_piece msg = {
			.batch_no = batch->no,
			.total_bytes = (uint32_t)batch->records_bytes,
			.offset = (uint32_t)batch->sent_bytes,
			.bytes = { batch->records + batch->sent_bytes, count },
		};

		if (left == 0) {
			self->sending = NULL;
			send_head(self, batch);
			return;
		}
		(void)!oap_send_batch_piece(committer_of(self), batch->no, &msg); /* as above */
		batch->sent_bytes += count;
	}
}

static void send_batch(struct sequencer *self, struct batch *batch)
{
	batch->no = ++self->batch_no_last;
	batch->first_seq = batch->closed.first_seq;
	batch->entry_count = batch->closed.entry_count;
	note_offsets(batch);
	batch->sent_at = clock_now();
	batch->state = BATCH_IN_FLIGHT;
	self->in_flight++;
	if (batch->records_bytes > BATCH_BYTES_MAX) {
		batch->sent_bytes = 0;
		self->sending = batch;
		batches_send_pieces(self);
	} else {
		send_head(self, batch);
	}
	metrics_observe(METRIC_SEQUENCER_BATCH_SIZE, METRIC_PLAIN, batch->entry_count);
	metrics_set(METRIC_QUEUE_DEPTH, METRIC_QUEUE_COMMIT, self->in_flight);
}

/* NULL: an ordinary batch is due, or an intent's question, which needs no room. */
static const struct intent_job *intent_due(const struct sequencer *self)
{
	const struct request *request = self->waiting.first;

	return request == NULL || request->intent == NULL || request->intent->drafts == NULL
		       ? NULL
		       : request->intent;
}

/* Room for what will be in it. False: there is no memory for an intent. */
static bool open_batch(struct sequencer *self, struct batch *batch, struct byte_writer *ret_out)
{
	const struct intent_job *intent = intent_due(self);
	size_t bytes_max = BATCH_BYTES_MAX;

	batch->state = BATCH_OPEN;
	batch->traced_bytes = 0;
	batch->answers = NULL;
	batch->answers_last = &batch->answers;
	batch->controls = NULL;
	batch->records = batch->own_records;
	batch->offsets = batch->own_offsets;
	batch->offsets_max = BATCH_ENTRIES_MAX;
	if (intent != NULL) {
		bytes_max = ledger_intent_bytes(&intent->header, intent->allocations_bytes);
		batch->offsets_max = intent->header.count + LEDGER_EXPIRIES_MAX;
		batch->records = malloc(bytes_max);
		batch->offsets = calloc(batch->offsets_max, sizeof *batch->offsets);
	}
	*ret_out = byte_writer_of(batch->records, bytes_max);
	return batch->records != NULL && batch->offsets != NULL;
}

/* One intent, or requests of ordinary size. */
static void fill_batch(struct sequencer *self, struct batch *batch, bool is_empty)
{
	static struct gathered gathered; /* some 100 KiB: not for a stack */
	struct answer *answer;

	if (self->waiting.first == NULL || self->waiting.first->intent == NULL) {
		gather(self, &gathered);
		judge_all(self, batch, &gathered, is_empty);
		return;
	}
	answer = intents_judge(self, requests_take(&self->waiting));
	if (answer != NULL) {
		attach(self, batch, answer);
	}
}

bool batches_form(struct sequencer *self, uint32_t chunks_min)
{
	struct batch *batch = slot_in(self, BATCH_FREE);
	struct byte_writer out;
	uint64_t first_seq = ledger_next_seq(self->ledger);

	assert(batch != NULL); /* batches_due saw to it */
	requests_drop_late(self);
	if (!open_batch(self, batch, &out)) {
		set_free(batch);
		answers_refuse(self, requests_take(&self->waiting), DETAIL_CAPACITY);
		return false;
	}
	ledger_batch_begin(self->ledger, &out, (uint64_t)clock_unix_ms());
	/* a full share of expired holds: there may be more, and nobody else gives reason for
	 * the next batch on an idle node */
	self->more_expired = ledger_next_seq(self->ledger) - first_seq == LEDGER_EXPIRIES_MAX;
	controls_apply(self, batch, &out);
	quarantines_apply(self, batch, &out);
	fill_batch(self, batch, out.used == 0);
	ledger_batch_end(self->ledger, chunks_min, &batch->closed);
	batch->records_bytes = out.used;
	if (out.used == 0) {
		close_empty(self, batch);
		return false;
	}
	send_batch(self, batch);
	return true;
}

/* Expired holds and stale chunks, when nobody else gives reason for a batch. */
void batches_idle(struct sequencer *self)
{
	if (batches_may_send(self) && self->in_flight == 0 && self->waiting.count == 0) {
		(void)batches_form(self, IDLE_CHUNKS);
	}
}

/* --- what became of them --- */

static struct batch *oldest_in_flight(struct sequencer *self)
{
	struct batch *oldest = NULL;

	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		struct batch *batch = &self->batches[i];
		if (batch->state == BATCH_IN_FLIGHT && (oldest == NULL || batch->no < oldest->no)) {
			oldest = batch;
		}
	}
	return oldest;
}

bool batches_is_in_flight(const struct sequencer *self, uint64_t batch_no)
{
	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		if (self->batches[i].state == BATCH_IN_FLIGHT && self->batches[i].no == batch_no) {
			return true;
		}
	}
	return false;
}

static void note_commit(const struct batch *batch, struct instant now)
{
	metrics_observe(METRIC_LEDGER_COMMIT_LATENCY, METRIC_PLAIN,
		(uint64_t)instant_since(batch->sent_at, now).us);
	for (const struct answer *answer = batch->traced_bytes > 0 ? batch->answers : NULL;
		answer != NULL; answer = answer->next) {
		trace_span(TRACE_COMMIT, answer->work.ticket, batch->sent_at, now,
			&(struct log_fields){ .count = batch->entry_count });
	}
}

enum err batches_on_committed(struct sequencer *self, const struct oap_committed *msg)
{
	struct batch *batch = oldest_in_flight(self);
	struct commit *commit = &self->recent[self->recent_next];

	if (msg->batch_no <= self->batch_no_last && !batches_is_in_flight(self, msg->batch_no)) {
		return ERR_OK; /* of a stream before this one; its clients were told "unknown" */
	}
	if (batch == NULL || batch->no != msg->batch_no ||
		msg->last_seq != batch->first_seq + batch->entry_count - 1) {
		return ERR_CONFLICT;
	}
	self->root = msg->root;
	self->size = msg->last_seq;
	if (batch->entry_count > 0) {
		*commit = (struct commit){ batch->first_seq, msg->last_seq, msg->root };
		self->recent_next = (self->recent_next + 1) % RECENT_COMMITS;
	}
	note_commit(batch, clock_now());
	set_free(batch);
	self->in_flight--;
	metrics_set(METRIC_QUEUE_DEPTH, METRIC_QUEUE_COMMIT, self->in_flight);
	finish_batch(self, batch);
	return ERR_OK;
}

static void fail_answer(struct answer *answer, enum detail detail, struct slice reason)
{
	switch (answer->kind) {
	case ANSWER_OPERATION:
		operations_fail(answer, detail);
		break;
	case ANSWER_INTENT:
		intents_fail(answer, detail);
		break;
	case ANSWER_SUBMISSION:
		answer->verdict.status = reason_status(detail_reason(detail));
		answer->verdict.accepted = 0;
		answer->verdict.seq_start = answer->verdict.seq_end = 0;
		answer->verdict.reasons = reason;
		answer->root_source = ROOT_NEWEST;
		break;
	}
}

/* Nothing of them is on disk, or nobody knows; either way nothing was answered. */
void batches_fail_all(struct sequencer *self, enum detail detail)
{
	uint8_t reason[5];
	struct byte_writer out = byte_writer_of(reason, sizeof reason);

	byte_put_u32(&out, 0);
	byte_put_u8(&out, (uint8_t)detail);
	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		struct batch *batch = &self->batches[i];
		for (struct answer *answer = batch->answers; answer != NULL;
			answer = answer->next) {
			fail_answer(answer, detail, (struct slice){ reason, out.used });
		}
		send_answers(self, batch);
		locates_answer(self, batch, false);
		asks_answer(self, batch, false);
		quarantines_answer(self, batch, false);
		controls_fail(self, batch->controls, detail);
		batch->controls = NULL;
		set_free(batch);
	}
	self->in_flight = 0;
	self->sending = NULL;
	metrics_set(METRIC_QUEUE_DEPTH, METRIC_QUEUE_COMMIT, 0);
}
