#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "services/sequencer/sequencer.h"

/* --- lists --- */

void requests_init(struct request_list *list)
{
	*list = (struct request_list){ .last = &list->first };
}

void requests_append(struct request_list *list, struct request *request)
{
	request->next = NULL;
	*list->last = request;
	list->last = &request->next;
	list->count++;
	list->entry_count += request->draft_count;
}

void requests_prepend(struct request_list *list, struct request *request)
{
	request->next = list->first;
	if (list->first == NULL) {
		list->last = &request->next;
	}
	list->first = request;
	list->count++;
	list->entry_count += request->draft_count;
}

struct request *requests_take(struct request_list *list)
{
	struct request *request = list->first;

	if (request == NULL) {
		return NULL;
	}
	list->first = request->next;
	if (list->first == NULL) {
		list->last = &list->first;
	}
	list->count--;
	list->entry_count -= request->draft_count;
	return request;
}

void requests_destroy(struct request *request)
{
	if (request == NULL) {
		return;
	}
	free(request->rows);
	free(request);
}

/* --- arriving --- */

static struct slice keep(struct request *request, size_t *used, struct slice bytes)
{
	uint8_t *to = request->bytes + *used;

	if (bytes.bytes_count > 0) {
		memcpy(to, bytes.bytes, bytes.bytes_count);
	}
	*used += bytes.bytes_count;
	return (struct slice){ to, bytes.bytes_count };
}

/* The tag is checked here and by nobody before us: a forged grant accuses the prevalidator. A
 * grant of a kms that we don't know of is late, or we are new: the client tries again. */
static enum err open_grant(
	const struct sequencer *self, struct request *request, struct slice sealed)
{
	uint32_t generation;
	enum err err = grant_generation(sealed, &generation);

	if (err != ERR_OK) {
		return err;
	}
	for (size_t i = 0; i < COUNT_OF(self->keys); i++) {
		if (self->keys[i].generation == generation && generation != 0) {
			err = grant_open(sealed, &self->keys[i].key, &request->grant);
			request->grant_good = err == ERR_OK;
			return err;
		}
	}
	request->grant_good = false;
	return ERR_OK;
}

enum err requests_accept(
	struct sequencer *self, const struct oap_from *from, const struct oap_submit *msg)
{
	size_t bytes_count =
		msg->idem_id.bytes_count + msg->grant.bytes_count + msg->drafts.bytes_count;
	struct request *request;
	size_t used = 0;
	enum err err;

	if (msg->draft_count == 0 || msg->draft_count > self->limits.request_entries_max ||
		msg->mode > 1 || msg->dry_run > 1) {
		return ERR_MALFORMED;
	}
	request = calloc(1, sizeof *request + bytes_count);
	assert(request != NULL); /* the credit windows bound what we hold */
	request->sequencer = self;
	request->from = *from;
	request->route = (struct reply_route){ msg->edge_process, msg->edge_instance,
		msg->edge_generation, from->corr_id };
	request->deadline_mono_ms = msg->deadline_mono_ms;
	request->atomic = msg->mode == 1;
	request->dry_run = msg->dry_run == 1;
	request->draft_count = msg->draft_count;
	request->bytes_count = bytes_count;
	request->idem_id = keep(request, &used, msg->idem_id);
	request->drafts = keep(request, &used, msg->drafts);
	err = open_grant(self, request, keep(request, &used, msg->grant));
	if (err != ERR_OK) {
		requests_destroy(request);
		return err;
	}
	if (!request->grant_good) {
		answers_refuse(self, request, DETAIL_GRANT_STALE);
	} else if (self->phase == PHASE_SAFE_MODE) {
		answers_refuse(
			self, request, self->disk_pressure ? DETAIL_DISK_FULL : DETAIL_SAFE_MODE);
	} else if (self->phase != PHASE_SERVING) {
		answers_refuse(self, request, DETAIL_STARTING);
	} else {
		requests_append(&self->waiting, request);
	}
	return ERR_OK;
}

/* --- rows of the store --- */

void requests_park(struct sequencer *self, struct request *request)
{
	request->fetch_due = true;
	requests_append(&self->parked, request);
}

static void ask_archive(struct sequencer *self, struct request *request, struct peer *archive)
{
	uint64_t seqs[VERB_SEQS_BYTES_MAX / sizeof(uint64_t)];
	uint8_t bytes[VERB_SEQS_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct byte_reader in = byte_reader_of(request->drafts);
	struct ledger_request question = {
		.drafts = self->drafts,
		.draft_count = request->draft_count,
		.source = SOURCE_INGEST,
		.row = requests_row,
		.row_owner = request,
	};
	struct oap_fetch fetch;
	size_t count;

	for (size_t i = 0; i < request->draft_count; i++) {
		enum err err = draft_decode(&in, SOURCE_INGEST, &self->drafts[i]);
		assert(err == ERR_OK); /* it was decoded when the request was first judged */
	}
	count = ledger_lookups(self->ledger, &question, seqs, COUNT_OF(seqs));
	for (size_t i = 0; i < count; i++) {
		byte_put_u64(&out, seqs[i]);
	}
	if (count == 0) { /* what it waited for was committed or came in meanwhile */
		request->fetch_due = false;
		request->fetch_id = FETCHED;
		return;
	}
	fetch.seqs = (struct slice){ bytes, out.used };
	if (oap_send_fetch(archive, self->fetch_last + 1, &fetch) == ERR_OK) {
		request->fetch_id = ++self->fetch_last;
		request->fetch_due = false;
	}
}

/* Those that need nothing more go back to the front of the queue. */
static void release_fetched(struct sequencer *self)
{
	struct request_list still;

	requests_init(&still);
	for (struct request *request = requests_take(&self->parked); request != NULL;
		request = requests_take(&self->parked)) {
		if (request->fetch_id == FETCHED) {
			request->fetch_id = 0;
			requests_prepend(&self->waiting, request);
		} else {
			requests_append(&still, request);
		}
	}
	requests_init(&self->parked);
	for (struct request *request = requests_take(&still); request != NULL;
		request = requests_take(&still)) {
		requests_append(&self->parked, request);
	}
}

void requests_fetch_due(struct sequencer *self)
{
	struct peer *archive = mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0);
	bool any_released = false;

	if (self->phase != PHASE_SERVING) {
		return;
	}
	for (struct request *request = self->parked.first; request != NULL;
		request = request->next) {
		if (request->fetch_due) {
			ask_archive(self, request, archive);
			any_released |= request->fetch_id == FETCHED;
		}
	}
	if (any_released) {
		release_fetched(self);
	}
}

enum err requests_on_rows(
	struct sequencer *self, const struct oap_from *from, const struct oap_rows *msg)
{
	for (struct request *request = self->parked.first; request != NULL;
		request = request->next) {
		if (request->fetch_id != from->corr_id) {
			continue;
		}
		uint8_t *rows = realloc(request->rows, request->rows_bytes + msg->rows.bytes_count);
		assert(rows != NULL || request->rows_bytes + msg->rows.bytes_count == 0);
		if (msg->rows.bytes_count > 0) {
			memcpy(rows + request->rows_bytes, msg->rows.bytes, msg->rows.bytes_count);
		}
		request->rows = rows;
		request->rows_bytes += msg->rows.bytes_count;
		request->fetch_id = FETCHED;
		release_fetched(self);
		return ERR_OK;
	}
	return ERR_OK; /* its request was dropped meanwhile */
}

void requests_archive_lost(struct sequencer *self)
{
	for (struct request *request = self->parked.first; request != NULL;
		request = request->next) {
		request->fetch_due = true;
		request->fetch_id = 0;
	}
}

struct row {
	uint64_t seq, commit_last_seq;
	struct hash root;
	struct ledger_row row;
};

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
	memcpy(ret_row->row.salt, salt.bytes, ENTRY_SALT_BYTES);
	return true;
}

static bool find_row(const struct request *request, uint64_t seq, struct row *ret_row)
{
	struct byte_reader in =
		byte_reader_of((struct slice){ request->rows, request->rows_bytes });

	while (in.left > 0 && next_row(&in, ret_row)) {
		if (ret_row->seq == seq && ret_row->row.leaf.bytes_count > 0) {
			return true;
		}
	}
	return false;
}

bool requests_root_of(const struct request *request, uint64_t seq, struct hash *ret_root)
{
	struct row row;

	if (!find_row(request, seq, &row)) {
		return false;
	}
	*ret_root = row.root;
	return true;
}

static bool find_in_flight(const struct sequencer *self, uint64_t seq, struct ledger_row *ret_row)
{
	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		const struct batch *batch = &self->batches[i];
		struct batch_entry entry;

		if (batch->state != BATCH_IN_FLIGHT || seq < batch->first_seq ||
			seq - batch->first_seq >= batch->entry_count) {
			continue;
		}
		if (batch_find_entry((struct slice){ batch->records, batch->records_bytes }, seq,
			    &entry) != ERR_OK) {
			return false;
		}
		ret_row->leaf = entry.leaf;
		ret_row->has_salt = entry.has_memo;
		memcpy(ret_row->salt, entry.salt, ENTRY_SALT_BYTES);
		return true;
	}
	return false;
}

bool requests_row(void *owner, uint64_t seq, struct ledger_row *ret_row)
{
	const struct request *request = owner;
	struct row row;

	if (find_in_flight(request->sequencer, seq, ret_row)) {
		return true;
	}
	if (!find_row(request, seq, &row)) {
		return false;
	}
	*ret_row = row.row;
	return true;
}

/* --- ending --- */

static uint64_t now_mono_ms(void)
{
	return (uint64_t)(clock_now().monotonic_us / 1000);
}

static void drop_late_of(struct sequencer *self, struct request_list *list)
{
	struct request_list still;
	uint64_t now = now_mono_ms();

	requests_init(&still);
	for (struct request *request = requests_take(list); request != NULL;
		request = requests_take(list)) {
		if (request->deadline_mono_ms <= now) {
			answers_refuse(self, request, DETAIL_DEADLINE);
		} else {
			requests_append(&still, request);
		}
	}
	requests_init(list);
	for (struct request *request = requests_take(&still); request != NULL;
		request = requests_take(&still)) {
		requests_append(list, request);
	}
}

/* Before admission, never after: what was judged is answered however late it is. */
void requests_drop_late(struct sequencer *self)
{
	drop_late_of(self, &self->waiting);
	drop_late_of(self, &self->parked);
}

void requests_refuse_all(struct sequencer *self, enum detail detail)
{
	struct request *request;

	while ((request = requests_take(&self->waiting)) != NULL) {
		answers_refuse(self, request, detail);
	}
	while ((request = requests_take(&self->parked)) != NULL) {
		answers_refuse(self, request, detail);
	}
}
