/* Rows of the store: a fingerprint that was seen before makes a candidate, and only its leaf
 * tells whether it is the same entry (DESIGN-LEDGER.md section 4). Those of batches in flight are
 * compared in memory; for others the request is parked and archive is asked. A seq that was
 * numbered has a row: one that is missing, or is not what it must be, ends all writing, because
 * "new" would be a guess about money. */
#include <stdlib.h>
#include <string.h>

#include "services/sequencer/sequencer.h"

struct row {
	uint64_t seq, commit_last_seq;
	struct hash root;
	struct ledger_row row; /* its leaf borrows from the frame that was kept */
};

/* One ROWS frame. */
struct fetched {
	struct fetched *next;
	struct row *rows; /* owned, by seq */
	size_t row_count;
	uint8_t bytes[];
};

#define ROW_BYTES_MIN (8u + 8u + HASH_BYTES + 1u + ENTRY_SALT_BYTES + 2u)

void rows_forget(struct request *request)
{
	struct fetched *next;

	for (struct fetched *fetched = request->fetched; fetched != NULL; fetched = next) {
		next = fetched->next;
		free(fetched->rows);
		free(fetched);
	}
	request->fetched = NULL;
}

/* --- asking --- */

void rows_park(struct sequencer *self, struct request *request)
{
	request->fetch_due = true;
	requests_append(&self->parked, request);
}

static const struct draft *drafts_of(struct sequencer *self, const struct request *request)
{
	struct byte_reader in = byte_reader_of(request->drafts);

	if (request->intent != NULL) {
		return request->intent->drafts;
	}
	for (size_t i = 0; i < request->draft_count; i++) {
		enum err err = draft_decode(&in, request->source, &self->drafts[i]);
		assert(err == ERR_OK); /* it was decoded when the request was first judged */
	}
	return self->drafts;
}

static size_t list_missing(struct sequencer *self, struct request *request, uint64_t *seqs)
{
	struct ledger_request question = {
		.draft_count = request->draft_count,
		.source = request->source,
		.row = rows_find,
		.row_owner = request,
	};

	if (request->intent != NULL && request->intent->root_seq != 0) {
		seqs[0] = request->intent->root_seq;
		return 1;
	}
	question.drafts = drafts_of(self, request);
	question.intent = request->intent == NULL ? NULL : &request->intent->header;
	return ledger_lookups(
		self->ledger, &question, seqs, VERB_SEQS_BYTES_MAX / sizeof(uint64_t));
}

static void ask_archive(struct sequencer *self, struct request *request, struct peer *archive)
{
	uint64_t seqs[VERB_SEQS_BYTES_MAX / sizeof(uint64_t)];
	uint8_t bytes[VERB_SEQS_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct oap_fetch fetch;
	size_t count;

	if (!peer_has_credit(archive, VERB_SEQS_BYTES_MAX + 4)) {
		return; /* a later turn */
	}
	count = list_missing(self, request, seqs);
	request->fetch_due = false;
	if (count == 0) {
		request->fetch_id = FETCH_DONE;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		byte_put_u64(&out, seqs[i]);
	}
	request->fetch_id = ++self->fetch_last;
	fetch.seqs = (struct slice){ bytes, out.used };
	enum err err = oap_send_fetch(archive, request->fetch_id, &fetch);
	assert(err == ERR_OK || err == ERR_STALE); /* its loss will be told */
}

/* Those that need nothing more go to the front of the queue, in their order. */
static void release_fetched(struct sequencer *self)
{
	struct request_list still, ready;
	struct request *request;

	requests_init(&still);
	requests_init(&ready);
	while ((request = requests_take(&self->parked)) != NULL) {
		bool is_done = request->fetch_id == FETCH_DONE;

		request->fetch_id = is_done ? FETCH_NONE : request->fetch_id;
		requests_append(is_done ? &ready : &still, request);
	}
	while ((request = requests_take(&self->waiting)) != NULL) {
		requests_append(&ready, request);
	}
	while ((request = requests_take(&ready)) != NULL) {
		requests_append(&self->waiting, request);
	}
	while ((request = requests_take(&still)) != NULL) {
		requests_append(&self->parked, request);
	}
}

bool rows_fetch_due(struct sequencer *self)
{
	struct peer *archive = mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0);
	bool any_done = false;

	if (self->phase != PHASE_SERVING || archive == NULL) {
		return false;
	}
	for (struct request *request = self->parked.first; request != NULL;
		request = request->next) {
		if (request->fetch_due) {
			ask_archive(self, request, archive);
			any_done = any_done || request->fetch_id == FETCH_DONE;
		}
	}
	if (any_done) {
		release_fetched(self);
	}
	return any_done;
}

void rows_archive_lost(struct sequencer *self)
{
	for (struct request *request = self->parked.first; request != NULL;
		request = request->next) {
		request->fetch_due = true;
		request->fetch_id = FETCH_NONE;
	}
}

void rows_ask_again(struct sequencer *self)
{
	for (struct request *request = self->parked.first; request != NULL;
		request = request->next) {
		request->fetch_due = request->fetch_due || request->fetch_id == FETCH_NONE;
	}
}

/* --- what archive says --- */

static bool next_row(struct byte_reader *in, struct row *ret_row)
{
	struct slice salt;

	ret_row->seq = byte_get_u64(in);
	ret_row->commit_last_seq = byte_get_u64(in);
	ret_row->root = byte_get_hash(in);
	ret_row->row.has_salt = byte_get_u8(in) != 0;
	salt = byte_get_view(in, ENTRY_SALT_BYTES);
	ret_row->row.leaf = byte_get_slice16(in, ENTRY_LEAF_BYTES_MAX);
	if (in->failed) {
		return false;
	}
	assert(salt.bytes != NULL);
	memcpy(ret_row->row.salt, salt.bytes, ENTRY_SALT_BYTES);
	return true;
}

static int compare_rows(const void *a, const void *b)
{
	uint64_t left = ((const struct row *)a)->seq, right = ((const struct row *)b)->seq;

	return (left > right) - (left < right);
}

/* NULL: the bytes do not parse. */
static struct fetched *keep_rows(struct slice bytes)
{
	struct fetched *fetched = calloc(1, sizeof *fetched + bytes.bytes_count);
	struct byte_reader in;

	assert(fetched != NULL); /* a window of FETCH is what we hold at most */
	fetched->rows = calloc(bytes.bytes_count / ROW_BYTES_MIN + 1, sizeof *fetched->rows);
	assert(fetched->rows != NULL);
	memcpy(fetched->bytes, bytes.bytes, bytes.bytes_count);
	in = byte_reader_of((struct slice){ fetched->bytes, bytes.bytes_count });
	while (in.left > 0 && next_row(&in, &fetched->rows[fetched->row_count])) {
		fetched->row_count++;
	}
	if (in.failed) {
		free(fetched->rows);
		free(fetched);
		return NULL;
	}
	qsort(fetched->rows, fetched->row_count, sizeof *fetched->rows, compare_rows);
	return fetched;
}

/* 0: every row is the entry that it says. */
static uint64_t first_wrong_row(const struct fetched *fetched)
{
	for (size_t i = 0; i < fetched->row_count; i++) {
		const struct row *row = &fetched->rows[i];
		struct entry entry;

		if (entry_decode(row->row.leaf, &entry) != ERR_OK || entry.seq != row->seq) {
			return row->seq;
		}
	}
	return 0;
}

static struct request *parked_for(struct sequencer *self, uint64_t fetch_id)
{
	struct request *request = self->parked.first;

	while (request != NULL && request->fetch_id != fetch_id) {
		request = request->next;
	}
	return request;
}

enum err rows_take(struct sequencer *self, const struct oap_from *from, const struct oap_rows *msg)
{
	struct request *request = parked_for(self, from->corr_id);
	struct fetched *fetched;
	uint64_t wrong_seq;

	if (request == NULL || from->corr_id == FETCH_NONE) {
		return ERR_OK; /* its request was refused meanwhile */
	}
	if (msg->rows.bytes_count ==
		0) { /* no store is open there: asked again with the next tick */
		request->fetch_id = FETCH_NONE;
		return ERR_OK;
	}
	fetched = keep_rows(msg->rows);
	if (fetched == NULL) {
		return ERR_MALFORMED;
	}
	fetched->next = request->fetched;
	request->fetched = fetched;
	wrong_seq = first_wrong_row(fetched);
	if (wrong_seq != 0) {
		state_contradicted(self, wrong_seq, "a committed entry is not in the store");
		return ERR_OK;
	}
	request->fetch_id = FETCH_DONE;
	release_fetched(self);
	return ERR_OK;
}

/* --- finding --- */

static const struct row *find_fetched(const struct request *request, uint64_t seq)
{
	const struct row key = { .seq = seq };

	for (const struct fetched *fetched = request->fetched; fetched != NULL;
		fetched = fetched->next) {
		const struct row *row = bsearch(&key, fetched->rows, fetched->row_count,
			sizeof *fetched->rows, compare_rows);
		if (row != NULL) {
			return row;
		}
	}
	return NULL;
}

bool rows_root_of(const struct request *request, uint64_t seq, struct hash *ret_root)
{
	const struct row *row = find_fetched(request, seq);

	if (row == NULL) {
		return false;
	}
	*ret_root = row->root;
	return true;
}

static bool find_in_batch(const struct batch *batch, uint64_t seq, struct ledger_row *ret_row)
{
	uint32_t offset = batch->offsets[seq - batch->first_seq];
	struct byte_reader in = byte_reader_of(
		(struct slice){ batch->records + offset, batch->records_bytes - offset });
	struct batch_record record;
	struct batch_entry entry;
	bool is_there = batch_next(&in, &record) && batch_get_entry(record.body, &entry) == ERR_OK;

	assert(is_there); /* we wrote it */
	ret_row->leaf = entry.leaf;
	ret_row->has_salt = entry.has_memo;
	memcpy(ret_row->salt, entry.salt, ENTRY_SALT_BYTES);
	return true;
}

bool rows_find(void *owner, uint64_t seq, struct ledger_row *ret_row)
{
	const struct request *request = owner;
	const struct sequencer *self = request->sequencer;
	const struct row *row;

	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		const struct batch *batch = &self->batches[i];

		if (batch->state == BATCH_IN_FLIGHT && seq >= batch->first_seq &&
			seq - batch->first_seq < batch->entry_count) {
			return find_in_batch(batch, seq, ret_row);
		}
	}
	row = find_fetched(request, seq);
	if (row == NULL) {
		return false;
	}
	*ret_row = row->row;
	return true;
}
