/* The start: the committer streams what is on disk, the ledger loads and replays it, and from
 * then on nobody else's word counts (DESIGN-LEDGER.md sections 1 and 5).
 *
 * The same stream comes again at once when the disk was too full for a batch: the state had run
 * ahead of the store, and going back to what is on disk by reading it needs no code that could take
 * back anything else than what was done. From then on it is read, and written again when the
 * committer has found room. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "services/sequencer/sequencer.h"

void state_report(struct sequencer *self, enum worker_phase phase, const char *text)
{
	self->phase = phase;
	worker_report(self->worker, phase, self->size, batches_oldest_ms(self), &self->root, text);
}

bool state_is_readable(const struct sequencer *self)
{
	return self->phase == PHASE_SERVING ||
	       (self->phase == PHASE_SAFE_MODE && self->disk_full && self->ledger != NULL);
}

static void enter_disk_full(struct sequencer *self)
{
	self->disk_full = true;
	state_report(self, PHASE_SAFE_MODE, SAFE_MODE_DISK_FULL);
}

/* Our state is ahead of the disk, and nothing is told of it any more. */
static void drop_state(struct sequencer *self)
{
	ledger_destroy(self->ledger);
	self->ledger = NULL;
}

enum err state_refused(struct sequencer *self, const struct oap_not_committed *msg)
{
	enum detail detail = msg->disk_full == 1 && self->phase != PHASE_SAFE_MODE
				     ? DETAIL_DISK_FULL
				     : DETAIL_SAFE_MODE;

	if (msg->disk_full > 1) {
		return ERR_MALFORMED;
	}
	if (!batches_is_in_flight(self, msg->batch_no)) {
		return ERR_OK; /* it was failed with the one before it */
	}
	batches_fail_all(self, detail);
	if (self->phase == PHASE_SAFE_MODE) {
		return ERR_OK; /* for a graver reason */
	}
	drop_state(self);
	if (detail == DETAIL_DISK_FULL) {
		enter_disk_full(self);
	} else {
		state_report(self, PHASE_SAFE_MODE, "the committer takes no batch");
	}
	log_event(LOG_SAFE_MODE_ENTERED, &(struct log_fields){ .text = detail_text(detail) });
	requests_refuse_all(self, detail);
	return ERR_OK;
}

/* It appends nothing any more, and explains to whoever asks how to recover. */
static void tell_committer(struct sequencer *self, uint64_t seq, const char *text)
{
	struct oap_state_bad msg = {
		.seq = seq,
		.text = { (const uint8_t *)text, strlen(text) },
	};

	(void)!oap_send_state_bad(mesh_peer(&self->worker->mesh, PROCESS_COMMITTER, 0), 0, &msg);
}

void state_contradicted(struct sequencer *self, uint64_t seq, const char *what)
{
	char text[VERB_TEXT_BYTES_MAX];

	snprintf(text, sizeof text, "store_corrupt at seq %llu: %s", (unsigned long long)seq, what);
	log_event(LOG_SAFE_MODE_ENTERED, &(struct log_fields){ .seq = seq, .text = text });
	tell_committer(self, seq, text);
	self->disk_full = false;
	state_report(self, PHASE_SAFE_MODE, text);
	requests_refuse_all(self, DETAIL_SAFE_MODE);
}

/* What the store says cannot be: nothing is repaired in silence. Reads go on. */
static enum err bad(struct sequencer *self, uint64_t seq, const char *what)
{
	char text[VERB_TEXT_BYTES_MAX];

	snprintf(text, sizeof text, "replay_mismatch at seq %llu: %s", (unsigned long long)seq,
		what);
	log_event(LOG_REPLAY_MISMATCH, &(struct log_fields){ .seq = seq, .text = what });
	tell_committer(self, seq, text);
	drop_state(self);
	self->disk_full = false;
	state_report(self, PHASE_SAFE_MODE, text);
	return ERR_OK;
}

enum err state_begin(struct sequencer *self, const struct oap_state_begin *msg)
{
	batches_fail_all(self, DETAIL_OUTCOME_UNKNOWN);
	requests_refuse_all(self, DETAIL_STARTING);
	ledger_destroy(self->ledger);
	self->ledger = ledger_create(&self->memory, &self->limits, msg->fingerprint_key.bytes);
	assert(self->ledger != NULL); /* an empty one is small */
	self->state_loaded = false;
	self->state_no = msg->state_no;
	self->fence = msg->fence;
	self->size = msg->size;
	self->root = msg->root;
	self->low_water = msg->low_water;
	self->batch_ts_unix_ms = msg->batch_ts_unix_ms;
	self->txid_ts_unix_ms = msg->txid_ts_unix_ms;
	self->replayed = msg->low_water; /* numbers of batches go on: none is used twice */
	memset(self->recent, 0, sizeof self->recent);
	self->recent[0] = (struct commit){ UINT64_MAX, 0, { { 0 } } };
	log_event(LOG_REPLAY_STARTED,
		&(struct log_fields){ .size = msg->size, .seq = msg->low_water });
	state_report(self, PHASE_LOADING, "replaying");
	return ERR_OK;
}

static enum err load_rows(struct sequencer *self, struct slice records)
{
	struct byte_reader in = byte_reader_of(records);
	struct batch_record record;

	while (batch_next(&in, &record)) {
		if (ledger_load(self->ledger, &record) != ERR_OK) {
			return bad(self, 0, "a stored state row contradicts the others");
		}
	}
	return byte_reader_done(&in) ? ERR_OK : ERR_MALFORMED;
}

static enum err load_fingerprints(struct sequencer *self, struct slice records)
{
	struct byte_reader in = byte_reader_of(records);
	uint64_t first_seq = byte_get_u64(&in);
	struct slice fingerprints = byte_get_view(&in, in.left);

	if (in.failed) {
		return ERR_MALFORMED;
	}
	if (ledger_load_fingerprints(self->ledger, first_seq, fingerprints) != ERR_OK) {
		return bad(self, first_seq, "the stored fingerprints do not join");
	}
	return ERR_OK;
}

/* The rows are all there once the first entry comes, or none does. */
static bool finish_loading(struct sequencer *self)
{
	if (self->state_loaded) {
		return true;
	}
	self->state_loaded = true;
	return ledger_load_finished(
		       self->ledger, self->low_water, self->size, self->batch_ts_unix_ms) == ERR_OK;
}

static enum err replay_entries(struct sequencer *self, struct slice records)
{
	struct byte_reader in = byte_reader_of(records);

	if (!finish_loading(self)) {
		return bad(self, self->low_water, "the stored state does not reach low_water");
	}
	while (in.left > 0) {
		uint64_t batch_ts_unix_ms = byte_get_u64(&in);
		struct batch_record record;
		struct batch_entry entry;

		if (in.failed || !batch_next(&in, &record) || record.type != BATCH_ENTRY ||
			batch_get_entry(record.body, &entry) != ERR_OK) {
			return ERR_MALFORMED;
		}
		if (ledger_replay(self->ledger, &entry, batch_ts_unix_ms) != ERR_OK) {
			return bad(self, self->replayed + 1,
				"the state does not allow what was once allowed");
		}
		self->replayed++;
	}
	worker_progress(self->worker, self->replayed, self->size);
	return ERR_OK;
}

enum err state_piece(struct sequencer *self, const struct oap_state_piece *msg)
{
	if (self->phase == PHASE_SAFE_MODE) {
		return ERR_OK; /* the rest of a stream that was already found bad */
	}
	if (self->ledger == NULL || self->phase != PHASE_LOADING) {
		return ERR_CONFLICT;
	}
	if (self->state_loaded && msg->piece != STATE_ENTRIES) {
		return ERR_CONFLICT; /* entries are replayed on top of all that was loaded */
	}
	switch (msg->piece) {
	case STATE_ROWS:
		return load_rows(self, msg->records);
	case STATE_FINGERPRINTS:
		return load_fingerprints(self, msg->records);
	case STATE_ENTRIES:
		return replay_entries(self, msg->records);
	default:
		return ERR_MALFORMED;
	}
}

static void go_on(struct sequencer *self, bool is_full)
{
	if (is_full) {
		enter_disk_full(self);
	} else {
		self->disk_full = false;
		state_report(self, PHASE_SERVING, "");
	}
	operations_tell_serving(self);
}

enum err state_end(struct sequencer *self, const struct oap_state_end *msg)
{
	bool is_again = state_is_readable(self) && self->disk_full;

	if (self->phase == PHASE_SAFE_MODE && !is_again) {
		return ERR_OK;
	}
	if (self->ledger == NULL || (self->phase != PHASE_LOADING && !is_again) ||
		msg->size != self->size || msg->disk_full > 1) {
		return ERR_CONFLICT;
	}
	if (is_again) {
		go_on(self, msg->disk_full == 1);
		return ERR_OK;
	}
	if (!finish_loading(self) || self->replayed != self->size ||
		ledger_replay_finished(self->ledger) != ERR_OK) {
		return bad(self, self->replayed, "the replayed state does not add up");
	}
	log_event(LOG_REPLAY_DONE, &(struct log_fields){ .size = self->size, .root = &self->root });
	go_on(self, msg->disk_full == 1);
	return ERR_OK;
}
