#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/log.h"
#include "common/metrics.h"
#include "services/sequencer/sequencer.h"

/* A region of the ledger from here on is asked for in large pages; an empty ledger has none. */
#define LARGE_REGION_BYTES (1u << 20)

/* Open holds and reversed originals that are held in memory; some 100 bytes each. */
#define CLAIMS_MAX (4u * 1024u * 1024u)

/* Day limits of tokens that counted on one day; as many bytes each. */
#define COUNTERS_MAX (4u * 1024u * 1024u)

static enum err on_submit(void *self, const struct oap_from *from, const struct oap_submit *msg)
{
	return requests_accept(self, from, msg);
}

static enum err on_op_submit(
	void *self, const struct oap_from *from, const struct oap_op_submit *msg)
{
	return requests_accept_op(self, from, msg);
}

static enum err on_intent(void *self, const struct oap_from *from, const struct oap_intent *msg)
{
	return intents_take(self, from, msg);
}

static enum err on_intent_body(
	void *self, const struct oap_from *from, const struct oap_intent_body *msg)
{
	return intents_take_body(self, from, msg);
}

static enum err on_judge_grant(
	void *self, const struct oap_from *from, const struct oap_judge_grant *msg)
{
	return judging_take(self, from, msg);
}

static enum err on_record_run(
	void *self, const struct oap_from *from, const struct oap_record_run *msg)
{
	return quarantines_take(self, from, msg);
}

static enum err on_record_drain(
	void *self, const struct oap_from *from, const struct oap_record_drain *msg)
{
	return quarantines_take_drain(self, from, msg);
}

static enum err on_probe_order(
	void *self, const struct oap_from *from, const struct oap_probe_order *msg)
{
	struct sequencer *sequencer = self;
	struct mesh *mesh = &sequencer->worker->mesh;
	struct oap_probe_echo echo = { msg->nonce };

	mesh_give_back(mesh, from);
	(void)!oap_send_probe_echo(
		mesh_peer_of(mesh, msg->edge_process, msg->edge_instance, msg->edge_generation),
		from->corr_id, &echo);
	return ERR_OK;
}

static enum err on_grant_key(
	void *self, const struct oap_from *from, const struct oap_grant_key *msg)
{
	struct sequencer *sequencer = self;

	(void)from;
	return grant_keys_add(&sequencer->keys, msg->kms_generation, &msg->key);
}

static enum err on_revoked(void *self, const struct oap_from *from, const struct oap_revoked *msg)
{
	return controls_revoke(self, from, msg);
}

static enum err on_govern(void *self, const struct oap_from *from, const struct oap_govern *msg)
{
	return controls_govern(self, from, msg);
}

static enum err on_committed(
	void *self, const struct oap_from *from, const struct oap_committed *msg)
{
	(void)from;
	return batches_on_committed(self, msg);
}

static enum err on_not_committed(
	void *self, const struct oap_from *from, const struct oap_not_committed *msg)
{
	(void)from;
	return state_refused(self, msg);
}

static enum err on_state_begin(
	void *self, const struct oap_from *from, const struct oap_state_begin *msg)
{
	(void)from;
	return state_begin(self, msg);
}

static enum err on_state_piece(
	void *self, const struct oap_from *from, const struct oap_state_piece *msg)
{
	struct sequencer *sequencer = self;
	enum err err = state_piece(sequencer, msg);

	mesh_give_back(&sequencer->worker->mesh, from);
	return err;
}

static enum err on_state_end(
	void *self, const struct oap_from *from, const struct oap_state_end *msg)
{
	(void)from;
	return state_end(self, msg);
}

static enum err on_rows(void *self, const struct oap_from *from, const struct oap_rows *msg)
{
	return rows_take(self, from, msg);
}

static enum err on_locate(void *self, const struct oap_from *from, const struct oap_locate *msg)
{
	locates_take(self, from, msg);
	return ERR_OK;
}

static enum err on_ask_balance(
	void *self, const struct oap_from *from, const struct oap_ask_balance *msg)
{
	return asks_take(self, from, msg);
}

const struct oap_handlers sequencer_handlers = {
	.submit = on_submit,
	.op_submit = on_op_submit,
	.intent = on_intent,
	.intent_body = on_intent_body,
	.judge_grant = on_judge_grant,
	.record_run = on_record_run,
	.record_drain = on_record_drain,
	.probe_order = on_probe_order,
	.grant_key = on_grant_key,
	.revoked = on_revoked,
	.govern = on_govern,
	.committed = on_committed,
	.not_committed = on_not_committed,
	.state_begin = on_state_begin,
	.state_piece = on_state_piece,
	.state_end = on_state_end,
	.rows = on_rows,
	.locate = on_locate,
	.ask_balance = on_ask_balance,
};

/* --- links --- */

void sequencer_link_up(void *self, const struct oap_from *whom)
{
	struct sequencer *sequencer = self;

	if (whom->process == PROCESS_ARCHIVE) {
		rows_archive_lost(sequencer); /* what the old one was asked is asked again */
	}
	if (whom->process == PROCESS_WALLET) {
		operations_tell_serving(sequencer);
	}
	if (whom->process == PROCESS_REWARDER) {
		sequencer->payments_told = PAYMENTS_UNTOLD;
	}
}

/* What a lost prevalidator asked goes on: its client may still get the answer. What a lost wallet
 * asked is over, as nobody can tell its end: it comes again through the next one, and must not be
 * done after that one was told that it is refused. Without a committer there is no sequencer: the
 * supervisor ends both. */
void sequencer_link_lost(void *self, const struct oap_from *whom)
{
	struct sequencer *sequencer = self;

	if (whom->process == PROCESS_ARCHIVE) {
		rows_archive_lost(sequencer);
	}
	if (whom->process == PROCESS_WALLET) {
		requests_forget(sequencer, whom);
	}
	if (whom->process == PROCESS_REWARDER) {
		intents_rewarder_lost(sequencer);
	}
	if (whom->process == PROCESS_COMMITTER) {
		state_report(sequencer, PHASE_LOADING, "the committer is gone");
	}
}

/* --- the loop --- */

static void finish_draining(struct sequencer *self)
{
	bool is_idle = self->waiting.count == 0 && self->parked.count == 0 && self->in_flight == 0;
	/* revocations that cannot be recorded now are told again by kms after the next start */
	bool is_governed = self->phase != PHASE_SERVING ||
			   (self->controls == NULL && self->quarantines == NULL);

	if (!self->draining || self->drained || !is_idle || !is_governed) {
		return;
	}
	if (self->phase == PHASE_SERVING && ledger_dirty_chunks(self->ledger) > 0) {
		/* the next start is clean */
		if (!batches_may_send(self) ||
			batches_form(self, ledger_dirty_chunks(self->ledger))) {
			return;
		}
	}
	self->drained = true;
	worker_drained(self->worker, 0);
}

void sequencer_turn(void *self)
{
	struct sequencer *sequencer = self;

	/* A second batch may be due at once; one that came to nothing took requests away. What
	 * was parked is asked for in the same turn, or it would wait for the next event. */
	batches_send_pieces(sequencer);
	do {
		while (batches_due(sequencer) &&
			(batches_form(sequencer, 0) || sequencer->waiting.count > 0)) {
		}
	} while (rows_fetch_due(sequencer));
	controls_tell_payments(sequencer);
	finish_draining(sequencer);
}

static void on_tick(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct sequencer *self = watcher->data;
	bool is_lagging = batches_oldest_ms(self) >
			  (uint64_t)self->worker->config.readiness_committer_lag_ms_max;

	(void)loop;
	(void)events;
	requests_drop_late(self);
	rows_ask_again(self);
	if (self->phase == PHASE_SERVING && (is_lagging || self->lagging)) {
		self->lagging = is_lagging;
		state_report(self, PHASE_SERVING, "");
	}
	if (!self->draining) {
		batches_idle(self);
	}
	if (self->phase == PHASE_SERVING) {
		room_look(self);
		controls_count(self);
	}
	metrics_set(METRIC_LEDGER_BACKLOG, METRIC_PLAIN, self->waiting.entry_count);
}

void sequencer_drain(void *self, uint64_t deadline_mono_ms)
{
	struct sequencer *sequencer = self;

	(void)deadline_mono_ms; /* the supervisor keeps it */
	sequencer->draining = true;
	intents_drain(sequencer);
	finish_draining(sequencer);
}

/* --- birth --- */

/* Tables and accounts are touched at random places: in pages of 4 KiB nearly every touch would
 * be a miss of the TLB, too. Where the kernel has no large pages, or has none left, nothing but
 * speed is lost. */
static void *take_pages(void *owner, size_t bytes)
{
	void *region =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)owner;
	if (region == MAP_FAILED) {
		return NULL;
	}
	if (bytes >= LARGE_REGION_BYTES) {
		(void)madvise(region, bytes, MADV_HUGEPAGE);
	}
	return region;
}

static void give_pages(void *owner, void *region, size_t bytes)
{
	(void)owner;
	(void)munmap(region, bytes);
}

static struct ledger_limits limits_of(const struct worker *worker)
{
	const struct config *config = &worker->config;

	return (struct ledger_limits){
		.account_total_max = config->wallet_max_account_total,
		.daily_ceiling = config->wallet_daily_ceiling,
		.op_amount_max = config->wallet_max_amount_per_op,
		.ts_skew_ms_max = (uint64_t)config->ledger_ts_skew_ms,
		.dedupe_entries_max = config->ledger_dedupe_ram_entries,
		.request_entries_max = (uint32_t)config->engine_batch_max_entries,
		.intent_entries_max = (uint32_t)config->rewarder_intent_max_entries,
		.settled_max = SETTLED_MAX,
		.claims_max = CLAIMS_MAX,
		.counters_max = COUNTERS_MAX,
		.fingerprint_mask = UINT64_MAX,
		.policy = &worker->policy,
	};
}

void sequencer_open(void *self, struct worker *worker)
{
	struct sequencer *sequencer = self;
	const struct config *config = &worker->config;

	sequencer->worker = worker;
	sequencer->memory = (struct memory){ .take = take_pages, .give = give_pages };
	sequencer->limits = limits_of(worker);
	sequencer->second_batch_entries = SECOND_BATCH_ENTRIES_MIN;
	sequencer->scratch_entries = config->engine_batch_max_entries * 2;
	sequencer->drafts = calloc(sequencer->scratch_entries, sizeof *sequencer->drafts);
	sequencer->results = calloc(sequencer->scratch_entries, sizeof *sequencer->results);
	if (sequencer->drafts == NULL || sequencer->results == NULL) {
		worker_fail(worker, "no memory for a batch of engine.batch_max_entries");
	}
	batches_init(sequencer);
}

/* Between two turns: a batch that is being formed was judged by one configuration. */
void sequencer_commit(void *self, struct worker *worker)
{
	struct sequencer *sequencer = self;

	sequencer->limits = limits_of(worker);
	if (sequencer->ledger != NULL) {
		ledger_set_limits(sequencer->ledger, &sequencer->limits);
	}
}

void sequencer_ready(void *self, struct worker *worker)
{
	struct sequencer *sequencer = self;

	requests_init(&sequencer->waiting);
	requests_init(&sequencer->parked);
	sequencer->controls_last = &sequencer->controls;
	sequencer->quarantines_last = &sequencer->quarantines;
	sequencer->phase = PHASE_LOADING;
	ev_timer_init(&sequencer->tick, on_tick, TICK_MS / 1000.0, TICK_MS / 1000.0);
	sequencer->tick.data = sequencer;
	ev_timer_start(worker->loop, &sequencer->tick);
}
