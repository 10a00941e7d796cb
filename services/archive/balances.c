/* What an account has, or had as of an entry. Nobody writes old balances down: the sequencer knows
 * the newest, and the rest is taking back entry by entry (walks.c), until the deadline. */
#include "services/archive/archive.h"

#include "core/entry.h"
#include "core/http_reply.h"

static enum read_fault fault_of_send(enum err err)
{
	return err == ERR_BUSY ? READ_FAULT_BUSY : READ_FAULT_NO_STATE;
}

static void finish(struct archive *self, struct balance_job *job, const struct oap_blob *blob)
{
	struct oap_from from = job->from;
	struct read_route route = job->route;

	job->state = BALANCE_FREE;
	reads_send(self, &from, &route, blob);
}

static void fail(struct archive *self, struct balance_job *job, enum read_fault fault)
{
	finish(self, job, &(struct oap_blob){ .fault = (uint8_t)fault });
}

/* --- the answer --- */

static void put_text(struct json_out *json, const char *name, struct slice text)
{
	json_out_key(json, name);
	json_out_string(json, text);
}

static void put_u128(struct json_out *json, const char *name, u128 number)
{
	json_out_key(json, name);
	json_out_u128(json, number);
}

/* Now, or the time of the commit that the entry was in, or of the ledger's birth. */
static enum err as_of_unix_ms(struct archive *self, const struct balance_job *job, uint64_t *ret_ms)
{
	struct schema_root commit;
	struct reader_head head;
	enum err err = ERR_OK;

	if (job->at == READS_NEWEST) {
		*ret_ms = (uint64_t)clock_unix_ms();
	} else if (job->at > 0) {
		err = reader_root_at(self->reader, job->at, &commit);
		*ret_ms = err == ERR_OK ? (uint64_t)commit.batch_ts_unix_ms : 0;
	} else {
		err = reader_head(self->reader, &head);
		*ret_ms = err == ERR_OK ? (uint64_t)head.meta.born_unix_ms : 0;
	}
	return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static void tell(struct archive *self, struct balance_job *job)
{
	char as_of[HTTP_REPLY_TIMESTAMP_BYTES];
	struct oap_blob blob = { .fault = READ_FAULT_NONE };
	struct json_out json;
	uint64_t unix_ms;
	enum err err = as_of_unix_ms(self, job, &unix_ms);

	if (err != ERR_OK) {
		fail(self, job, reads_fault_of(err, job->at));
		return;
	}
	http_reply_timestamp(unix_ms / 1000, as_of);
	json_out_init(&json, self->page, sizeof self->page);
	json_out_object_begin(&json);
	put_text(&json, "account", job->balance.account);
	put_text(&json, "asset", job->balance.asset);
	put_u128(&json, "amount_minor", job->balance.available);
	put_u128(&json, "held_minor", job->balance.held);
	json_out_key(&json, "as_of");
	json_out_text(&json, as_of);
	json_out_key(&json, "as_of_seq");
	json_out_u64(&json, job->at == READS_NEWEST ? job->newest_seq : job->at);
	json_out_key(&json, "stale_ms");
	json_out_u64(&json, 0);
	reads_put_json(&blob, &json);
	finish(self, job, &blob);
}

/* --- the walk --- */

static void walk(struct archive *self, struct balance_job *job)
{
	struct walk_turn turn = walks_turn();

	while (job->seq > job->at && walks_go_on(&turn)) {
		struct walk_row row;
		enum err err = walks_back(self, job->seq, &job->balance, &row, &job->seq);

		if (err != ERR_OK) {
			fail(self, job, reads_fault_of(err, job->seq));
			return;
		}
	}
	if (job->seq <= job->at) {
		tell(self, job);
	}
}

/* --- jobs --- */

/* The next that walks, behind the last one's place; NULL: none does. */
static struct balance_job *next_walking(struct balances *balances)
{
	for (size_t i = 0; i < BALANCE_JOBS_MAX; i++) {
		balances->turn = (balances->turn + 1) % BALANCE_JOBS_MAX;
		if (balances->jobs[balances->turn].state == BALANCE_WALKS) {
			return &balances->jobs[balances->turn];
		}
	}
	return NULL;
}

static bool any(const struct balances *balances, enum balance_state state)
{
	for (size_t i = 0; i < BALANCE_JOBS_MAX; i++) {
		if (balances->jobs[i].state == state) {
			return true;
		}
	}
	return false;
}

static void arrange(struct archive *self)
{
	struct balances *balances = &self->balances;

	walks_arrange(
		self, &balances->timer, any(balances, BALANCE_WALKS), any(balances, BALANCE_WAITS));
}

void balances_on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct archive *self = watcher->data;
	struct instant now = clock_now();
	struct balance_job *job;

	(void)loop;
	(void)events;
	for (size_t i = 0; i < BALANCE_JOBS_MAX; i++) {
		job = &self->balances.jobs[i];
		if (job->state != BALANCE_FREE && walks_are_late(job->deadline_mono_ms, now)) {
			fail(self, job, READ_FAULT_DEADLINE);
		}
	}
	job = next_walking(&self->balances);
	if (job != NULL) {
		walk(self, job);
	}
	arrange(self);
}

static struct balance_job *find(struct balances *balances, enum balance_state state, uint64_t id)
{
	for (size_t i = 0; i < BALANCE_JOBS_MAX; i++) {
		struct balance_job *job = &balances->jobs[i];

		if (job->state == state && (state == BALANCE_FREE || job->id == id)) {
			return job;
		}
	}
	return NULL;
}

void balances_fail(struct archive *self, bool waiting_only, enum read_fault fault)
{
	for (size_t i = 0; i < BALANCE_JOBS_MAX; i++) {
		struct balance_job *job = &self->balances.jobs[i];

		if (job->state == BALANCE_WAITS || (job->state == BALANCE_WALKS && !waiting_only)) {
			fail(self, job, fault);
		}
	}
}

/* --- a question --- */

static bool may_read(const struct grant *grant, struct slice account, struct slice asset)
{
	return archive_may(grant, CAVEAT_ACTION_WALLET_READ, account, asset) ||
	       archive_may(grant, CAVEAT_ACTION_AUDIT_READ, account, asset);
}

/* A group counts as a whole: inside of it no balance is one that ever was. */
static enum err leave_group(struct archive *self, uint64_t *at)
{
	struct walk_row row;
	enum err err = *at == 0 || *at == READS_NEWEST ? ERR_OK : walks_read(self, *at, &row);

	if (err != ERR_OK || *at == 0 || *at == READS_NEWEST) {
		return err;
	}
	if (row.entry.group_count > 0 && *at < row.entry.group_first + row.entry.group_count - 1) {
		*at = row.entry.group_first - 1;
	}
	return ERR_OK;
}

static enum read_fault begin(struct archive *self, struct balance_job *job)
{
	struct oap_locate locate = { .account = job->balance.account, .asset = job->balance.asset };
	enum err err = leave_group(self, &job->at);

	if (err != ERR_OK) {
		return reads_fault_of(err, job->at);
	}
	job->id = self->balances.id_last + 1;
	err = oap_send_locate(
		mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0), job->id, &locate);
	if (err != ERR_OK) {
		return fault_of_send(err);
	}
	self->balances.id_last++;
	job->state = BALANCE_WAITS;
	arrange(self);
	return READ_FAULT_NONE;
}

enum err balances_accept(struct archive *self, const struct oap_from *from,
	const struct oap_read_tlog *msg, const struct grant *grant, enum read_fault *ret_fault)
{
	struct balance_job *job = find(&self->balances, BALANCE_FREE, 0);

	if (job == NULL) {
		*ret_fault = READ_FAULT_BUSY;
		return ERR_OK;
	}
	if (!walks_names(msg->text, job->names, &job->balance) || msg->offset != 0) {
		return ERR_MALFORMED;
	}
	job->from = *from;
	job->route =
		(struct read_route){ msg->edge_process, msg->edge_instance, msg->edge_generation };
	job->deadline_mono_ms = msg->deadline_mono_ms;
	job->at = msg->a;
	if (grant == NULL || !may_read(grant, job->balance.account, job->balance.asset)) {
		*ret_fault = READ_FAULT_NOT_ALLOWED;
	} else if (job->at != READS_NEWEST && job->at > self->size) {
		*ret_fault = READ_FAULT_NOT_THERE;
	} else {
		*ret_fault = begin(self, job);
	}
	return ERR_OK;
}

/* The newest balance, of what is committed: TREE was told before. */
void balances_located(
	struct archive *self, const struct oap_from *from, const struct oap_located *msg)
{
	struct balance_job *job = find(&self->balances, BALANCE_WAITS, from->corr_id);

	if (job == NULL) {
		return; /* its deadline passed */
	}
	archive_catch_up(self);
	if (job->state != BALANCE_WAITS) {
		return; /* the store was closed meanwhile */
	}
	if (!msg->known || msg->last_seq > self->size) {
		fail(self, job, READ_FAULT_NO_STATE);
		return;
	}
	job->balance.available = msg->available;
	job->balance.held = msg->held;
	job->newest_seq = msg->as_of_seq;
	job->seq = msg->last_seq;
	job->state = BALANCE_WALKS;
	if (job->at == READS_NEWEST || job->seq <= job->at) {
		tell(self, job);
	} else {
		walk(self, job);
	}
	arrange(self);
}
