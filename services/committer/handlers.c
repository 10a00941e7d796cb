#include "services/committer/committer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/metrics.h"
#include "common/trace.h"
#include "core/conserve.h"
#include "store/lock.h"

void committer_report(struct committer *self, enum worker_phase phase, const char *text)
{
	struct reader_head *head = &self->state.head;

	if (phase == PHASE_SERVING && self->was_in_trouble) {
		self->was_in_trouble = false;
		log_event(LOG_SAFE_MODE_LEFT, NULL);
	}
	self->phase = phase;
	self->told_size = head->size;
	worker_report(self->worker, phase, head->size, 0, &head->root, text);
}

void committer_tell_archive(struct committer *self)
{
	struct peer *archive = mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0);
	struct oap_tree tree = {
		.open = self->store != NULL || self->is_readable_closed,
		.size = self->state.head.size,
		.root = self->state.head.root,
		.batch_ts_unix_ms = (uint64_t)self->state.head.batch_ts_unix_ms,
	};

	if (archive != NULL) {
		(void)!oap_send_tree(archive, 0, &tree);
	}
}

void committer_stream(struct committer *self)
{
	struct peer *sequencer = mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0);

	bool is_readable = self->trouble == TROUBLE_NONE || self->trouble == TROUBLE_DISK_FULL;

	if (self->store != NULL && is_readable && sequencer != NULL && !self->is_draining) {
		stream_begin(self);
	}
}

void committer_lose_trust(struct committer *self, const char *format, ...)
{
	struct suspect_mark mark = {
		.size = self->state.head.size,
		.root = self->state.head.root,
		.ts_unix_ms = (uint64_t)clock_unix_ms(),
	};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(mark.reason, sizeof mark.reason, format, arguments);
	va_end(arguments);
	(void)!suspect_write(self->dir, &mark); /* on the disk that has just failed us */
	self->worker->fault = WORKER_FAULT_STORE;
	worker_fail(self->worker, "%s", mark.reason);
}

void committer_disk_full(struct committer *self, const char *why)
{
	metrics_set(METRIC_DISK_PRESSURE, METRIC_PLAIN, 1);
	log_event(LOG_DISK_PRESSURE, &(struct log_fields){ .text = why });
	trouble_enter(self, TROUBLE_DISK_FULL, "%s", trouble_word(TROUBLE_DISK_FULL));
}

void committer_fork(struct committer *self, const char *why)
{
	trouble_enter(self, TROUBLE_FORK, "%s", why);
}

/* --- what kms says --- */

static void copy_text(char to[SCHEMA_ORIGIN_BYTES_MAX + 1], struct slice text)
{
	assert(text.bytes_count <= SCHEMA_ORIGIN_BYTES_MAX); /* the verb's bound */
	if (text.bytes_count > 0) {
		memcpy(to, text.bytes, text.bytes_count);
	}
	to[text.bytes_count] = '\0';
}

/* Of a kms that was started again; the store has had its name since birth. */
static void hear_again(struct committer *self)
{
	char why[VERB_TEXT_BYTES_MAX];

	if (self->trouble != TROUBLE_FORK && !checkpoint_agrees(self, why, sizeof why)) {
		committer_fork(self, why);
	}
}

static enum err on_origin(void *self, const struct oap_from *from, const struct oap_origin *msg)
{
	struct committer *committer = self;

	(void)from;
	if (msg->in_use > 1 || msg->origin.bytes_count == 0 || msg->signed_size > MERKLE_SIZE_MAX) {
		return ERR_MALFORMED;
	}
	checkpoint_told(committer, msg->signed_size, &msg->signed_root);
	committer->audits.asked = false;
	if (committer->store != NULL) {
		audits_told(committer, msg->key_event_count);
		hear_again(committer);
		return ERR_OK;
	}
	copy_text(committer->told.origin, msg->origin);
	copy_text(committer->told.before, msg->origin_before);
	committer->told.abandoned_size = msg->abandoned_size;
	committer->told.abandoned_root = msg->abandoned_root;
	committer->in_use = msg->in_use == 1;
	opening_try(committer);
	audits_told(committer, msg->key_event_count);
	committer_tell_archive(committer);
	committer_stream(committer);
	return ERR_OK;
}

static enum err on_key_events(
	void *self, const struct oap_from *from, const struct oap_key_events *msg)
{
	(void)from;
	audits_told(self, msg->count);
	return ERR_OK;
}

static enum err on_key_event_rows(
	void *self, const struct oap_from *from, const struct oap_key_event_rows *msg)
{
	return audits_take(self, from->corr_id, msg->rows);
}

static enum err on_signed_checkpoint(
	void *self, const struct oap_from *from, const struct oap_signed_checkpoint *msg)
{
	return checkpoint_take(self, from->corr_id, msg);
}

/* --- appending --- */

static void refuse_batch(struct committer *self, const struct oap_from *from, uint64_t batch_no)
{
	struct oap_not_committed msg = {
		.batch_no = batch_no,
		.disk_full = self->trouble == TROUBLE_DISK_FULL,
	};

	mesh_give_back(&self->worker->mesh, from);
	(void)!oap_send_not_committed(
		mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0), batch_no, &msg);
}

/* Archive first, so that a read that follows an answer finds what was answered. COMMITTED is
 * on its way before the log is folded: nobody waits for a checkpoint. */
static void acknowledge(struct committer *self, const struct oap_from *from,
	const struct oap_batch *msg, const struct store_commit *commit)
{
	struct mesh *mesh = &self->worker->mesh;
	struct oap_committed committed = {
		.batch_no = msg->batch_no,
		.last_seq = commit->size,
		.root = commit->root,
	};

	self->state.head.size = commit->size;
	self->state.head.root = commit->root;
	self->state.head.batch_ts_unix_ms = (int64_t)msg->batch_ts_unix_ms;
	committer_tell_archive(self);
	mesh_flush(mesh);
	mesh_give_back(mesh, from);
	(void)!oap_send_committed(mesh_peer(mesh, PROCESS_SEQUENCER, 0), msg->batch_no, &committed);
	mesh_flush(mesh);
}

static void count_commit(const struct store_commit *commit, struct instant started)
{
	metrics_inc(METRIC_LEDGER_COMMITS, METRIC_PLAIN);
	metrics_add(METRIC_LEDGER_ENTRIES, METRIC_PLAIN, commit->entry_count);
	metrics_set(METRIC_LEDGER_TREE_SIZE, METRIC_PLAIN, commit->size);
	metrics_observe(METRIC_COMMITTER_BATCH_LATENCY, METRIC_PLAIN,
		(uint64_t)instant_since(started, clock_now()).us);
}

/* What the disk took for each request of the batch that is traced. */
static void trace_commit(
	const struct oap_batch *msg, const struct store_commit *commit, struct instant started)
{
	const struct log_fields fields = { .seq = commit->size, .count = msg->entry_count };
	struct byte_reader in = byte_reader_of(msg->traced);
	struct instant now = clock_now();

	while (in.left > 0) {
		uint64_t ticket = byte_get_u64(&in);

		trace_span(TRACE_APPEND, ticket, started, now, &fields);
		if (!commit->repeated) {
			trace_span(TRACE_SYNC, ticket, commit->sync_began, now, NULL);
		}
	}
}

/* A reader that reads without end keeps the log from beginning anew. */
static void keep_log_short(struct committer *self)
{
	struct mesh *mesh = &self->worker->mesh;
	struct peer *archive = mesh_peer(mesh, PROCESS_ARCHIVE, 0);
	uint64_t wal_bytes = store_wal_bytes(self->store);
	struct oap_tree let_go = { .open = 0 };

	if (wal_bytes < WAL_BYTES_HIGH) {
		self->wal_bytes_due = WAL_BYTES_HIGH;
		return;
	}
	if (wal_bytes < self->wal_bytes_due || archive == NULL) {
		return;
	}
	self->wal_bytes_due = wal_bytes + WAL_BYTES_HIGH;
	if (wal_bytes >= WAL_BYTES_MAX) {
		struct oap_from whom = {
			.process = PROCESS_ARCHIVE,
			.generation = peer_generation(archive),
		};
		mesh->hooks.accuse(mesh->self, &whom, ERR_TOO_LARGE);
		return;
	}
	(void)!oap_send_tree(archive, 0, &let_go);
	committer_tell_archive(self);
}

/* What is not on disk, and why; does not return when nobody knows. */
static enum err not_appended(struct committer *self, const struct oap_from *from, uint64_t batch_no,
	enum err err, const struct why *why)
{
	if (err == ERR_NO_SPACE) {
		committer_disk_full(self, why->text);
		refuse_batch(self, from, batch_no);
		committer_stream(self);
		return ERR_OK;
	}
	if (err == ERR_MALFORMED || err == ERR_CONFLICT) {
		return err;
	}
	metrics_inc(METRIC_WAL_FSYNC_FAIL, METRIC_PLAIN);
	log_event(LOG_BATCH_FAILED, &(struct log_fields){ .fault = err, .text = why->text });
	committer_lose_trust(self, "%s: outcome unknown: %s",
		err == ERR_CORRUPT ? trouble_word(TROUBLE_CORRUPT) : "sync_failed", why->text);
}

/* The log has what was acknowledged, so a database that finds no room for it is no lost trust. */
static void fold_log(struct committer *self)
{
	struct why why = { "" };
	enum err err = store_maintain(self->store, &why);

	if (err == ERR_NO_SPACE) {
		committer_disk_full(self, why.text);
	} else if (err != ERR_OK) {
		metrics_inc(METRIC_WAL_FSYNC_FAIL, METRIC_PLAIN);
		committer_lose_trust(self, "sync_failed: the log cannot be folded: %s", why.text);
	}
}

/* Our second opinion on the sequencer's arithmetic, then the disk. */
static enum err append(struct committer *self, const struct oap_from *from,
	const struct oap_batch *msg, struct slice records)
{
	struct instant started = clock_now();
	struct store_batch batch = {
		.fence = msg->fence,
		.first_seq = msg->first_seq,
		.prev_root = self->state.head.root,
		.batch_ts_unix_ms = (int64_t)msg->batch_ts_unix_ms,
		.low_water = msg->low_water,
		.records = records,
	};
	struct store_commit commit;
	struct why why = { "" };
	enum err err = conserve_batch(msg->first_seq, records);

	if (msg->first_seq > self->state.head.size + 1) {
		metrics_inc(METRIC_LEDGER_SEQ_GAP_DETECTED, METRIC_PLAIN);
	}
	if (err != ERR_OK) {
		return err; /* value from nowhere: the sequencer is wrong or owned */
	}
	err = store_append(self->store, &batch, started, &commit, &why);
	if (err != ERR_OK) {
		return not_appended(self, from, msg->batch_no, err, &why);
	}
	trace_commit(msg, &commit, started);
	acknowledge(self, from, msg, &commit);
	count_commit(&commit, started);
	fold_log(self);
	keep_log_short(self);
	return ERR_OK;
}

static enum err on_batch(void *self, const struct oap_from *from, const struct oap_batch *msg)
{
	struct committer *committer = self;
	struct slice records;
	enum err err;

	if (committer->store == NULL || msg->sequencer_generation != from->generation) {
		return ERR_CONFLICT;
	}
	if (msg->traced.bytes_count % sizeof(uint64_t) != 0) {
		return ERR_MALFORMED;
	}
	err = pieces_records(committer, msg, &records);
	if (err != ERR_OK) {
		return err;
	}
	if (msg->state_no != committer->stream.no) { /* on its way when that ended */
		refuse_batch(committer, from, msg->batch_no);
	} else if (committer->trouble != TROUBLE_NONE || committer->stream.stage != STREAM_DONE) {
		refuse_batch(committer, from, msg->batch_no);
		committer_stream(committer); /* the sequencer's state is ahead of the disk */
	} else {
		err = append(committer, from, msg, records);
	}
	pieces_drop(committer);
	return err;
}

static enum err on_batch_piece(
	void *self, const struct oap_from *from, const struct oap_batch_piece *msg)
{
	return pieces_take(self, from, msg);
}

/* The sequencer cannot go on from what is on disk. It has told the supervisor why, too. */
static enum err on_state_bad(
	void *self, const struct oap_from *from, const struct oap_state_bad *msg)
{
	struct committer *committer = self;

	(void)from;
	committer->bad_seq = msg->seq;
	trouble_enter(self, TROUBLE_REPLAY, "%.*s", (int)msg->text.bytes_count,
		(const char *)msg->text.bytes);
	return ERR_OK;
}

/* What the supervisor does is told by it; nothing else of the chain is. */
static enum err on_audit(void *self, const struct oap_from *from, const struct oap_audit *msg)
{
	struct committer *committer = self;
	struct oap_audited answer;

	if (msg->kind != AUDIT_RELOAD && msg->kind != AUDIT_ADMIN) {
		return ERR_MALFORMED;
	}
	answer.status = (uint8_t)audits_supervisor(committer, msg);
	mesh_give_back(&committer->worker->mesh, from);
	return oap_send_audited(
		mesh_peer(&committer->worker->mesh, PROCESS_SUPERVISOR, 0), from->corr_id, &answer);
}

const struct oap_handlers committer_handlers = {
	.origin = on_origin,
	.signed_checkpoint = on_signed_checkpoint,
	.key_events = on_key_events,
	.key_event_rows = on_key_event_rows,
	.batch = on_batch,
	.batch_piece = on_batch_piece,
	.state_bad = on_state_bad,
	.recover = recover_ask,
	.audit = on_audit,
};

/* --- the loop --- */

void committer_link_up(void *self, const struct oap_from *whom)
{
	struct committer *committer = self;

	if (whom->process == PROCESS_SEQUENCER) {
		committer_stream(committer);
	}
	if (whom->process == PROCESS_ARCHIVE) {
		committer_tell_archive(committer);
	}
}

void committer_link_lost(void *self, const struct oap_from *whom)
{
	struct committer *committer = self;

	if (whom->process == PROCESS_KMS) {
		committer->audits.asked = false;
		checkpoint_lost(committer);
	}
}

void committer_turn(void *self)
{
	stream_pump(self);
	audits_turn(self);
	checkpoint_turn(self);
}

/* What is late under a shorter audit.root_emit_interval is asked for in this turn. */
void committer_commit(void *self, struct worker *worker)
{
	struct committer *committer = self;

	if (committer->store != NULL) {
		store_set_reserve(committer->store, worker->config.engine_disk_reserve_bytes);
	}
	ev_timer_stop(worker->loop, &committer->signing.due);
}

/* The sequencer has sealed its last batch. The end of this life is recorded, signed and kept. */
void committer_drain(void *self, uint64_t deadline_mono_ms)
{
	struct committer *committer = self;
	bool serves = committer->store != NULL && committer->phase == PHASE_SERVING;

	committer->stream.stage = STREAM_IDLE;
	ev_timer_stop(committer->worker->loop, &committer->tick);
	committer->is_draining = true;
	if (!serves) {
		committer_drained(committer);
		return;
	}
	audits_stop(committer);
	checkpoint_drain(committer, deadline_mono_ms);
}

void committer_drained(struct committer *self)
{
	store_close(self->store);
	self->reader = NULL;
	self->store = NULL;
	worker_drained(self->worker, 0);
}

static void on_tick(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct committer *self = watcher->data;

	(void)loop;
	(void)events;
	if (self->trouble != TROUBLE_NONE) {
		opening_tick(self);
	}
	if (self->phase == PHASE_SERVING && self->told_size != self->state.head.size) {
		committer_report(self, PHASE_SERVING, "");
	}
}

/* --- birth --- */

size_t committer_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX])
{
	struct committer *committer = self;

	snprintf(committer->dir, sizeof committer->dir, "%s/store", worker->config.node_data_dir);
	ret_paths[0] = (struct landlock_path){
		.path = committer->dir,
		.fd = -1,
		.rights = LANDLOCK_RIGHTS_CREATE,
	};
	return 1;
}

void committer_open(void *self, struct worker *worker)
{
	struct committer *committer = self;
	struct why why = { "" };
	struct stat dir = { 0 };

	if (stat(committer->dir, &dir) == 0) {
		committer->dir_dev = dir.st_dev;
		committer->dir_ino = dir.st_ino;
	}
	committer->worker = worker;
	committer->lock_fd = worker_fd(worker, SETUP_FD_LOCK, 0);
	if (lock_confirm(committer->lock_fd, worker->config.node_data_dir, &why) != ERR_OK) {
		worker_fail(worker, "the data directory is not locked for us: %s", why.text);
	}
	committer->stream.piece = malloc(VERB_STATE_BYTES_MAX);
	if (committer->stream.piece == NULL) {
		worker_fail(worker, "no memory for the stream of the state");
	}
}

void committer_ready(void *self, struct worker *worker)
{
	struct committer *committer = self;

	committer->phase = PHASE_LOADING;
	committer->wal_bytes_due = WAL_BYTES_HIGH;
	checkpoint_ready(committer);
	ev_timer_init(&committer->tick, on_tick, TICK_S, TICK_S);
	committer->tick.data = committer;
	ev_timer_start(worker->loop, &committer->tick);
}
