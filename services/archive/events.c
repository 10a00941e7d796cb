/* What happens in the ledger, in order, for whoever may see it, with what the accounts had behind
 * each entry. A page is made in three steps, a few rows a turn: entries are read onward until
 * enough may be seen; what each account had before the page is found; the lines are printed, each
 * balance from the one before it.
 *
 * What an account had before its first entry is nothing. What it had behind the last entry that was
 * told is kept for whoever reads on. Anybody else's is walked back to, from a bookmark or from the
 * newest balance, which the sequencer tells of all accounts of a page at once. Nothing is kept for
 * a reader: it says itself where it is. */
#include <string.h>

#include "common/random.h"
#include "core/ledger_state.h"
#include "services/archive/archive.h"
#include "services/archive/items.h"

/* Entries that one page looks at, whether they may be seen or not. */
#define SCAN_ROWS_MAX 20000u

/* A line with two accounts of 128 bytes, thrice. */
#define LINE_BYTES_MAX 1536u

/* The edges hear of commits at most so often. */
#define TELL_PAUSE_S 0.01

/* --- answers --- */

static void send(struct archive *self, const struct oap_from *from, const struct read_route *route,
	const struct oap_events *page)
{
	mesh_give_back(&self->worker->mesh, from);
	(void)!oap_send_events(archive_edge(self, route->edge_process, route->edge_instance,
				       route->edge_generation),
		from->corr_id, page);
}

static void fail(struct archive *self, struct events_job *job, enum read_fault fault)
{
	job->state = EVENTS_FREE;
	send(self, &job->from, &job->route, &(struct oap_events){ .fault = (uint8_t)fault });
}

/* --- balances that were told --- */

static struct event_recent *recent_of(struct events *events, const struct balance *balance)
{
	uint8_t names[ACCOUNT_BYTES_MAX + ASSET_BYTES_MAX];
	size_t account_bytes = balance->account.bytes_count;
	uint64_t hash;

	memcpy(names, balance->account.bytes, account_bytes);
	memcpy(names + account_bytes, balance->asset.bytes, balance->asset.bytes_count);
	hash = siphash_24(events->key, names, account_bytes + balance->asset.bytes_count);
	return &events->recent[hash % EVENTS_RECENT_MAX];
}

static bool is_recent(
	const struct event_recent *recent, const struct balance *balance, uint64_t seq)
{
	return recent->seq == seq && recent->account_bytes == balance->account.bytes_count &&
	       recent->asset_bytes == balance->asset.bytes_count &&
	       memcmp(recent->names, balance->account.bytes, recent->account_bytes) == 0 &&
	       memcmp(recent->names + recent->account_bytes, balance->asset.bytes,
		       recent->asset_bytes) == 0;
}

static void keep_recent(struct events *events, const struct balance *balance, uint64_t seq)
{
	struct event_recent *recent = recent_of(events, balance);

	*recent = (struct event_recent){
		.seq = seq,
		.available = balance->available,
		.held = balance->held,
		.account_bytes = (uint8_t)balance->account.bytes_count,
		.asset_bytes = (uint8_t)balance->asset.bytes_count,
	};
	memcpy(recent->names, balance->account.bytes, recent->account_bytes);
	memcpy(recent->names + recent->account_bytes, balance->asset.bytes, recent->asset_bytes);
}

/* --- the accounts of a page --- */

static struct event_account *find_account(
	struct events_job *job, struct slice account, struct slice asset)
{
	for (size_t i = 0; i < job->account_count; i++) {
		struct event_account *at = &job->accounts[i];

		if (entry_views_equal(at->balance.account, account) &&
			entry_views_equal(at->balance.asset, asset)) {
			return at;
		}
	}
	return NULL;
}

static bool is_found(const struct event_account *at)
{
	return at->has_start && at->seq == at->target;
}

/* Where what it had before the page is known from. */
static void find_start(struct archive *self, struct event_account *at)
{
	const struct event_recent *recent = recent_of(&self->events, &at->balance);
	const struct bookmark *mark;

	if (at->target == 0) {
		at->has_start = true;
		return;
	}
	if (is_recent(recent, &at->balance, at->target)) {
		at->balance.available = recent->available;
		at->balance.held = recent->held;
		at->seq = at->target;
		at->has_start = true;
		return;
	}
	mark = bookmarks_find(&self->bookmarks, &at->balance, at->target + 1);
	if (mark != NULL) {
		at->balance.available = mark->available;
		at->balance.held = mark->held;
		at->seq = mark->seq;
		at->upper = mark->upper;
		at->has_start = true;
	}
}

static void add_account(struct archive *self, struct events_job *job, struct slice account,
	struct slice asset, uint64_t previous)
{
	struct event_account *at;

	if (!archive_may_see_account(&job->grant, account, asset) ||
		find_account(job, account, asset) != NULL) {
		return;
	}
	assert(job->account_count < EVENTS_ACCOUNTS_MAX); /* two of each item */
	at = &job->accounts[job->account_count++];
	*at = (struct event_account){ .target = previous };
	memcpy(at->names, account.bytes, account.bytes_count);
	memcpy(at->names + account.bytes_count, asset.bytes, asset.bytes_count);
	at->balance.account = (struct slice){ at->names, account.bytes_count };
	at->balance.asset = (struct slice){ at->names + account.bytes_count, asset.bytes_count };
	find_start(self, at);
}

/* --- the lines --- */

static void apply(struct balance *balance, const struct entry *entry)
{
	struct ledger_move moves[2];
	size_t move_count = ledger_moves(entry, moves);

	for (size_t i = 0; i < move_count; i++) {
		u128 *side = moves[i].is_held ? &balance->held : &balance->available;

		if (entry_views_equal(moves[i].account, balance->account)) {
			*side += moves[i].rises ? entry->amount : (u128)0 - entry->amount;
		}
	}
}

static void put_balance(struct archive *self, struct events_job *job, struct json_out *json,
	const struct entry *entry, struct slice account)
{
	struct event_account *at =
		account.bytes_count == 0 ? NULL : find_account(job, account, entry->asset);

	if (at == NULL) {
		return;
	}
	apply(&at->balance, entry);
	keep_recent(&self->events, &at->balance, entry->seq);
	json_out_object_begin(json);
	items_put_slice(json, "account", account);
	items_put_available(json, "amount_minor", at->balance.available, entry);
	json_out_key(json, "held_minor");
	json_out_u128(json, at->balance.held);
	json_out_object_end(json);
}

static size_t put_line(struct archive *self, struct events_job *job, const struct reader_entry *row,
	const struct entry *entry, uint8_t *bytes)
{
	struct json_out json;
	size_t bytes_count = 0;
	enum err err;

	json_out_init(&json, bytes, LINE_BYTES_MAX - 1);
	json_out_object_begin(&json);
	items_put_head(&json, row, entry);
	items_put_slice(&json, "asset", entry->asset);
	items_put_slice(&json, "account", entry->account);
	if (entry->counter_account.bytes_count > 0) {
		items_put_slice(&json, "counter_account", entry->counter_account);
	}
	json_out_key(&json, "balances");
	json_out_array_begin(&json);
	put_balance(self, job, &json, entry, entry->account);
	put_balance(self, job, &json, entry, entry->counter_account);
	json_out_array_end(&json);
	json_out_object_end(&json);
	err = json_out_finish(&json, &bytes_count);
	assert(err == ERR_OK); /* LINE_BYTES_MAX is any line's bound */
	bytes[bytes_count] = '\n';
	return bytes_count + 1;
}

/* As many as fit. */
static void tell(struct archive *self, struct events_job *job)
{
	struct oap_events page = { .next = job->next, .size = self->size };
	size_t used = 0;

	for (size_t i = 0; i < job->item_count; i++) {
		struct walk_row at;
		enum err err = walks_read(self, job->items[i], &at);

		if (err != ERR_OK) {
			fail(self, job, reads_fault_of(err, job->items[i]));
			return;
		}
		if (sizeof self->page - used < LINE_BYTES_MAX) {
			page.next = job->items[i] - 1;
			break;
		}
		used += put_line(self, job, &at.row, &at.entry, self->page + used);
	}
	page.lines = (struct slice){ self->page, used };
	job->state = EVENTS_FREE;
	send(self, &job->from, &job->route, &page);
}

/* --- the walk back --- */

static enum err step_back(struct archive *self, struct event_account *at)
{
	struct walk_row row;
	uint64_t previous;
	enum err err = walks_back(self, at->seq, &at->balance, &row, &previous);

	if (err != ERR_OK) {
		return err;
	}
	at->upper = at->seq;
	at->seq = previous;
	return previous < at->target ? ERR_CORRUPT : ERR_OK;
}

static void walk(struct archive *self, struct events_job *job)
{
	struct walk_turn turn = walks_turn();

	while (job->walked < job->account_count && walks_go_on(&turn)) {
		struct event_account *at = &job->accounts[job->walked];
		enum err err = is_found(at) ? ERR_OK : step_back(self, at);

		if (err != ERR_OK) {
			fail(self, job, reads_fault_of(err, at->seq));
			return;
		}
		job->walked += is_found(at) ? 1 : 0;
	}
	if (job->walked == job->account_count) {
		tell(self, job);
	}
}

/* --- newest balances --- */

static enum err ask(struct archive *self, struct events_job *job)
{
	static uint8_t names[VERB_NAMES_BYTES_MAX]; /* one question at a time */
	struct byte_writer out = byte_writer_of(names, sizeof names);
	enum err err;

	for (size_t i = 0; i < job->account_count; i++) {
		const struct event_account *at = &job->accounts[i];

		if (at->has_start) {
			continue;
		}
		byte_put_u32(&out, (uint32_t)i);
		byte_put_u8(&out, (uint8_t)at->balance.account.bytes_count);
		byte_put_bytes(&out, at->balance.account.bytes, at->balance.account.bytes_count);
		byte_put_u8(&out, (uint8_t)at->balance.asset.bytes_count);
		byte_put_bytes(&out, at->balance.asset.bytes, at->balance.asset.bytes_count);
	}
	job->id = ++self->events.id_last;
	err = oap_send_ask_balance(mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0), job->id,
		&(struct oap_ask_balance){ { names, out.used } });
	if (err == ERR_OK) {
		job->state = EVENTS_WAITS;
	}
	return err;
}

static struct events_job *find_job(struct events *events, uint64_t id)
{
	for (size_t i = 0; i < EVENTS_JOBS_MAX; i++) {
		if (events->jobs[i].state == EVENTS_WAITS && events->jobs[i].id == id) {
			return &events->jobs[i];
		}
	}
	return NULL;
}

static enum err take_told(struct archive *self, struct events_job *job, struct byte_reader *in)
{
	uint32_t number = byte_get_u32(in);
	struct event_account *at;

	if (number >= job->account_count) {
		return ERR_MALFORMED;
	}
	at = &job->accounts[number];
	at->seq = byte_get_u64(in);
	at->balance.available = byte_get_u128(in);
	at->balance.held = byte_get_u128(in);
	at->upper = READS_NEWEST;
	at->has_start = true;
	return in->failed || at->seq < at->target || at->seq > self->size ? ERR_MALFORMED : ERR_OK;
}

static void arrange(struct archive *self);

/* Of what is committed: TREE was told before. */
enum err events_told(
	struct archive *self, const struct oap_from *from, const struct oap_told_balance *msg)
{
	struct events_job *job = find_job(&self->events, from->corr_id);
	struct byte_reader in = byte_reader_of(msg->balances);

	if (msg->known > 1) {
		return ERR_MALFORMED;
	}
	if (job == NULL) {
		return ERR_OK;
	}
	archive_catch_up(self);
	if (job->state != EVENTS_WAITS) {
		return ERR_OK; /* the store was closed meanwhile */
	}
	if (msg->known == 0 || msg->as_of_seq > self->size) {
		fail(self, job, READ_FAULT_NO_STATE);
		return ERR_OK;
	}
	while (in.left > 0) {
		if (take_told(self, job, &in) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	job->state = EVENTS_WALKS;
	walk(self, job);
	arrange(self);
	return ERR_OK;
}

/* --- the way onward --- */

static enum err scan_one(struct archive *self, struct events_job *job)
{
	struct walk_row at;
	const struct entry *entry = &at.entry;
	enum err err = walks_read(self, job->next + 1, &at);

	if (err != ERR_OK) {
		return err;
	}
	job->next++;
	job->scanned++;
	if (archive_may_see(&job->grant, entry)) {
		job->items[job->item_count++] = entry->seq;
		add_account(self, job, entry->account, entry->asset, at.row.prev_account_seq);
		if (entry->counter_account.bytes_count > 0) {
			add_account(self, job, entry->counter_account, entry->asset,
				at.row.prev_counter_seq);
		}
	}
	return ERR_OK;
}

static bool is_scanned(const struct archive *self, const struct events_job *job)
{
	return job->item_count == job->limit || job->next >= self->size ||
	       job->scanned == SCAN_ROWS_MAX;
}

static void look_up(struct archive *self, struct events_job *job)
{
	enum err err = ERR_OK;

	job->state = EVENTS_WALKS;
	for (size_t i = 0; i < job->account_count; i++) {
		if (!job->accounts[i].has_start) {
			err = ask(self, job);
			break;
		}
	}
	if (err != ERR_OK) {
		fail(self, job, err == ERR_BUSY ? READ_FAULT_BUSY : READ_FAULT_NO_STATE);
	} else if (job->state == EVENTS_WALKS) {
		walk(self, job);
	}
}

static void scan(struct archive *self, struct events_job *job)
{
	struct walk_turn turn = walks_turn();

	while (!is_scanned(self, job) && walks_go_on(&turn)) {
		enum err err = scan_one(self, job);

		if (err != ERR_OK) {
			fail(self, job, reads_fault_of(err, job->next + 1));
			return;
		}
	}
	if (is_scanned(self, job)) {
		look_up(self, job);
	}
}

/* --- jobs --- */

/* What was walked is not walked again. */
static void give_up(struct archive *self, struct events_job *job)
{
	for (size_t i = 0; job->state == EVENTS_WALKS && i < job->account_count; i++) {
		const struct event_account *at = &job->accounts[i];

		if (at->has_start && at->upper > 0) {
			bookmarks_put(&self->bookmarks, &at->balance, at->seq, at->upper);
		}
	}
	fail(self, job, READ_FAULT_DEADLINE);
}

static void step(struct archive *self, struct events_job *job)
{
	if (job->state == EVENTS_SCANS) {
		scan(self, job);
	} else {
		walk(self, job);
	}
}

static struct events_job *next_at_work(struct events *events)
{
	for (size_t i = 0; i < EVENTS_JOBS_MAX; i++) {
		struct events_job *job;

		events->turn = (events->turn + 1) % EVENTS_JOBS_MAX;
		job = &events->jobs[events->turn];
		if (job->state == EVENTS_SCANS || job->state == EVENTS_WALKS) {
			return job;
		}
	}
	return NULL;
}

static void arrange(struct archive *self)
{
	struct events *events = &self->events;
	bool any_walks = false, any_waits = false;

	for (size_t i = 0; i < EVENTS_JOBS_MAX; i++) {
		enum events_state state = events->jobs[i].state;

		any_walks = any_walks || state == EVENTS_SCANS || state == EVENTS_WALKS;
		any_waits = any_waits || state == EVENTS_WAITS;
	}
	walks_arrange(self, &events->timer, any_walks, any_waits);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int revents)
{
	struct archive *self = watcher->data;
	struct instant now = clock_now();
	struct events_job *job;

	(void)loop;
	(void)revents;
	for (size_t i = 0; i < EVENTS_JOBS_MAX; i++) {
		job = &self->events.jobs[i];
		if (job->state != EVENTS_FREE && walks_are_late(job->deadline_mono_ms, now)) {
			give_up(self, job);
		}
	}
	job = next_at_work(&self->events);
	if (job != NULL) {
		step(self, job);
	}
	arrange(self);
}

void events_fail(struct archive *self, bool waiting_only, enum read_fault fault)
{
	for (size_t i = 0; i < EVENTS_JOBS_MAX; i++) {
		struct events_job *job = &self->events.jobs[i];

		if (job->state == EVENTS_WAITS || (job->state != EVENTS_FREE && !waiting_only)) {
			fail(self, job, fault);
		}
	}
}

/* --- a question --- */

static struct events_job *free_job(struct events *events)
{
	for (size_t i = 0; i < EVENTS_JOBS_MAX; i++) {
		if (events->jobs[i].state == EVENTS_FREE) {
			return &events->jobs[i];
		}
	}
	return NULL;
}

static enum read_fault why_not(
	const struct archive *self, const struct oap_read_tlog *msg, enum err grant_err)
{
	if (grant_err == ERR_STALE) {
		return READ_FAULT_STALE;
	}
	if (self->reader == NULL) {
		return READ_FAULT_CLOSED;
	}
	return msg->a > self->size ? READ_FAULT_NOT_THERE : READ_FAULT_NONE;
}

enum err events_accept(
	struct archive *self, const struct oap_from *from, const struct oap_read_tlog *msg)
{
	struct read_route route = { msg->edge_process, msg->edge_instance, msg->edge_generation };
	struct events_job *job = free_job(&self->events);
	enum read_fault fault;
	struct grant grant;
	enum err err = grant_keys_open(&self->keys, msg->grant, &grant);

	if ((err != ERR_OK && err != ERR_STALE) || msg->b == 0 || msg->b > READS_EVENTS_LIMIT_MAX) {
		return err == ERR_OK || err == ERR_STALE ? ERR_MALFORMED : err;
	}
	archive_catch_up(self);
	fault = why_not(self, msg, err);
	if (fault == READ_FAULT_NONE && job == NULL) {
		fault = READ_FAULT_BUSY;
	}
	if (fault != READ_FAULT_NONE) {
		send(self, from, &route, &(struct oap_events){ .fault = (uint8_t)fault });
		return ERR_OK;
	}
	job->state = EVENTS_SCANS;
	job->from = *from;
	job->route = route;
	memcpy(job->sealed, msg->grant.bytes, msg->grant.bytes_count);
	err = grant_read((struct slice){ job->sealed, msg->grant.bytes_count }, &job->grant);
	assert(err == ERR_OK); /* it was opened */
	job->deadline_mono_ms = msg->deadline_mono_ms;
	job->limit = msg->b;
	job->next = msg->a;
	job->scanned = 0;
	job->item_count = job->account_count = job->walked = 0;
	scan(self, job);
	arrange(self);
	return ERR_OK;
}

/* --- the edges hear of growth --- */

static void tell_edges(struct archive *self)
{
	struct oap_grew grew = { .size = self->size };

	self->events.told_size = self->size;
	for (unsigned i = 0; i < INGRESS_MAX; i++) {
		(void)!oap_send_grew(mesh_peer(&self->worker->mesh, PROCESS_INGRESS, i), 0, &grew);
	}
}

static void on_tell(struct ev_loop *loop, ev_timer *watcher, int revents)
{
	struct archive *self = watcher->data;

	(void)loop;
	(void)revents;
	if (self->events.told_size != self->size) {
		tell_edges(self);
		ev_timer_set(&self->events.tell, TELL_PAUSE_S, 0.0);
		ev_timer_start(self->worker->loop, &self->events.tell);
	}
}

void events_grew(struct archive *self)
{
	if (!ev_is_active(&self->events.tell) && self->events.told_size != self->size) {
		tell_edges(self);
		ev_timer_set(&self->events.tell, TELL_PAUSE_S, 0.0);
		ev_timer_start(self->worker->loop, &self->events.tell);
	}
}

void events_ready(struct archive *self)
{
	struct events *events = &self->events;

	events->id_last = random_u64() >> 1; /* no reply of a former life fits */
	random_fill(events->key, sizeof events->key);
	ev_timer_init(&events->timer, on_timer, 0.0, 0.0);
	events->timer.data = self;
	ev_timer_init(&events->tell, on_tell, 0.0, 0.0);
	events->tell.data = self;
}
