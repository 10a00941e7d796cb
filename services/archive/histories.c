/* What happened to an account in an asset, newest first, with what it had behind each entry. As in
 * balances.c the way is back (walks.c), but a page that goes on where another ended begins at that
 * one's bookmark. Jobs give up at their deadline, but not what they walked. */
#include <string.h>

#include "services/archive/archive.h"
#include "services/archive/items.h"

/* An item, and what comes behind the last. */
#define ITEM_BYTES_MAX 768u

static void finish(struct archive *self, struct history_job *job, const struct oap_blob *blob)
{
	struct oap_from from = job->from;
	struct read_route route = job->route;

	job->state = BALANCE_FREE;
	reads_send(self, &from, &route, blob);
}

static void fail(struct archive *self, struct history_job *job, enum read_fault fault)
{
	finish(self, job, &(struct oap_blob){ .fault = (uint8_t)fault });
}

/* --- the page --- */

static void begin_page(struct history_job *job)
{
	struct json_out *json = &job->json;

	json_out_init(json, job->page, sizeof job->page);
	json_out_object_begin(json);
	items_put_slice(json, "account", job->balance.account);
	items_put_slice(json, "asset", job->balance.asset);
	json_out_key(json, "items");
	json_out_array_begin(json);
	job->count = 0;
}

/* The next page is what is before the last item of this one. */
static void tell(struct archive *self, struct history_job *job)
{
	struct oap_blob blob = { .fault = READ_FAULT_NONE };

	json_out_array_end(&job->json);
	json_out_key(&job->json, "next");
	if (job->seq > 0 && job->count > 0) {
		json_out_u64(&job->json, job->upper);
		bookmarks_put(&self->bookmarks, &job->balance, job->seq, job->upper);
	} else {
		json_out_null(&job->json);
	}
	reads_put_json(&blob, &job->json);
	finish(self, job, &blob);
}

static bool is_full(const struct history_job *job)
{
	return job->count == job->limit ||
	       job->json.bytes_count + ITEM_BYTES_MAX > job->json.bytes_max;
}

/* What the entry did to one side of the balance, modulo 2^128 as in the ledger. */
static void put_item(struct history_job *job, const struct reader_entry *row,
	const struct entry *entry, const struct balance *before)
{
	struct json_out *json = &job->json;
	bool is_own = entry_views_equal(entry->account, job->balance.account);
	struct slice other = is_own ? entry->counter_account : entry->account;

	json_out_object_begin(json);
	items_put_head(json, row, entry);
	if (other.bytes_count > 0) {
		items_put_slice(json, "counterparty", other);
	}
	items_put_change(json, "change_minor", before->available, job->balance.available, entry);
	items_put_change(json, "held_change_minor", before->held, job->balance.held, entry);
	items_put_available(json, "balance_minor", job->balance.available, entry);
	json_out_key(json, "held_minor");
	json_out_u128(json, job->balance.held);
	json_out_object_end(json);
	job->count++;
}

/* --- the walk --- */

static enum err step_back(struct archive *self, struct history_job *job)
{
	struct balance before = job->balance;
	struct walk_row row;
	uint64_t previous;
	enum err err = walks_back(self, job->seq, &before, &row, &previous);

	if (err != ERR_OK) {
		return err;
	}
	if (job->seq < job->before) {
		put_item(job, &row.row, &row.entry, &before);
	}
	job->balance = before;
	job->upper = job->seq;
	job->seq = previous;
	return ERR_OK;
}

static void walk(struct archive *self, struct history_job *job)
{
	struct walk_turn turn = walks_turn();

	while (job->seq > 0 && !is_full(job) && walks_go_on(&turn)) {
		enum err err = step_back(self, job);

		if (err != ERR_OK) {
			fail(self, job, reads_fault_of(err, job->seq));
			return;
		}
	}
	if (job->seq == 0 || is_full(job)) {
		tell(self, job);
	}
}

/* --- jobs --- */

static struct history_job *next_walking(struct histories *histories)
{
	for (size_t i = 0; i < HISTORY_JOBS_MAX; i++) {
		histories->turn = (histories->turn + 1) % HISTORY_JOBS_MAX;
		if (histories->jobs[histories->turn].state == BALANCE_WALKS) {
			return &histories->jobs[histories->turn];
		}
	}
	return NULL;
}

static bool any(const struct histories *histories, enum balance_state state)
{
	for (size_t i = 0; i < HISTORY_JOBS_MAX; i++) {
		if (histories->jobs[i].state == state) {
			return true;
		}
	}
	return false;
}

static void arrange(struct archive *self)
{
	struct histories *histories = &self->histories;

	walks_arrange(self, &histories->timer, any(histories, BALANCE_WALKS),
		any(histories, BALANCE_WAITS));
}

/* Whoever asks again goes on from here. */
static void give_up(struct archive *self, struct history_job *job)
{
	if (job->state == BALANCE_WALKS) {
		bookmarks_put(&self->bookmarks, &job->balance, job->seq, job->upper);
	}
	fail(self, job, READ_FAULT_DEADLINE);
}

void histories_on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct archive *self = watcher->data;
	struct instant now = clock_now();
	struct history_job *job;

	(void)loop;
	(void)events;
	for (size_t i = 0; i < HISTORY_JOBS_MAX; i++) {
		job = &self->histories.jobs[i];
		if (job->state != BALANCE_FREE && walks_are_late(job->deadline_mono_ms, now)) {
			give_up(self, job);
		}
	}
	job = next_walking(&self->histories);
	if (job != NULL) {
		walk(self, job);
	}
	arrange(self);
}

static struct history_job *find(struct histories *histories, enum balance_state state, uint64_t id)
{
	for (size_t i = 0; i < HISTORY_JOBS_MAX; i++) {
		struct history_job *job = &histories->jobs[i];

		if (job->state == state && (state == BALANCE_FREE || job->id == id)) {
			return job;
		}
	}
	return NULL;
}

void histories_fail(struct archive *self, bool waiting_only, enum read_fault fault)
{
	for (size_t i = 0; i < HISTORY_JOBS_MAX; i++) {
		struct history_job *job = &self->histories.jobs[i];

		if (job->state == BALANCE_WAITS || (job->state == BALANCE_WALKS && !waiting_only)) {
			fail(self, job, fault);
		}
	}
}

/* --- a question --- */

static enum read_fault ask_sequencer(struct archive *self, struct history_job *job)
{
	struct oap_locate locate = { .account = job->balance.account, .asset = job->balance.asset };
	enum err err;

	job->id = self->histories.id_last + 1;
	err = oap_send_locate(
		mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0), job->id, &locate);
	if (err != ERR_OK) {
		return err == ERR_BUSY ? READ_FAULT_BUSY : READ_FAULT_NO_STATE;
	}
	self->histories.id_last++;
	job->state = BALANCE_WAITS;
	return READ_FAULT_NONE;
}

static enum read_fault begin(struct archive *self, struct history_job *job)
{
	const struct bookmark *mark =
		job->before == READS_NEWEST
			? NULL
			: bookmarks_find(&self->bookmarks, &job->balance, job->before);
	enum read_fault fault = READ_FAULT_NONE;

	begin_page(job);
	if (mark == NULL) {
		fault = ask_sequencer(self, job);
	} else {
		job->seq = mark->seq;
		job->upper = mark->upper;
		job->balance.available = mark->available;
		job->balance.held = mark->held;
		job->state = BALANCE_WALKS;
		walk(self, job);
	}
	arrange(self);
	return fault;
}

enum err histories_accept(struct archive *self, const struct oap_from *from,
	const struct oap_read_tlog *msg, const struct grant *grant, enum read_fault *ret_fault)
{
	struct history_job *job = find(&self->histories, BALANCE_FREE, 0);

	if (job == NULL) {
		*ret_fault = READ_FAULT_BUSY;
		return ERR_OK;
	}
	if (!walks_names(msg->text, job->names, &job->balance) || msg->offset != 0 || msg->b == 0 ||
		msg->b > READS_HISTORY_LIMIT_MAX) {
		return ERR_MALFORMED;
	}
	job->from = *from;
	job->route =
		(struct read_route){ msg->edge_process, msg->edge_instance, msg->edge_generation };
	job->deadline_mono_ms = msg->deadline_mono_ms;
	job->before = msg->a;
	job->limit = msg->b;
	if (grant == NULL ||
		!archive_may_see_account(grant, job->balance.account, job->balance.asset)) {
		*ret_fault = READ_FAULT_NOT_ALLOWED;
	} else {
		*ret_fault = begin(self, job);
	}
	return ERR_OK;
}

bool histories_located(
	struct archive *self, const struct oap_from *from, const struct oap_located *msg)
{
	struct history_job *job = find(&self->histories, BALANCE_WAITS, from->corr_id);

	if (job == NULL) {
		return false;
	}
	archive_catch_up(self);
	if (job->state != BALANCE_WAITS) {
		return true; /* the store was closed meanwhile */
	}
	if (!msg->known || msg->last_seq > self->size) {
		fail(self, job, READ_FAULT_NO_STATE);
		return true;
	}
	job->balance.available = msg->available;
	job->balance.held = msg->held;
	job->seq = msg->last_seq;
	job->upper = READS_NEWEST;
	job->state = BALANCE_WALKS;
	walk(self, job);
	arrange(self);
	return true;
}
