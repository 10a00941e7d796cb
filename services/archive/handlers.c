#include "services/archive/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "core/caveat_set.h"
#include "core/entry.h"

#define ROOT_ROW_BYTES (8u + HASH_BYTES + 8u)
#define ROW_HEAD_BYTES (8u + 8u + HASH_BYTES + 1u + ENTRY_SALT_BYTES + 2u)

_Static_assert(ROOTS_PAGE *ROOT_ROW_BYTES <= VERB_REPLY_BYTES_MAX, "a page of roots fits");

struct peer *archive_edge(
	struct archive *self, unsigned process, unsigned instance, uint32_t generation)
{
	return mesh_peer_of(&self->worker->mesh, process, instance, generation);
}

/* --- the store comes and goes with the committer --- */

static void close_store(struct archive *self)
{
	self->check.stop = true; /* it reads over a connection of its own */
	reader_close(self->reader);
	self->reader = NULL;
	tiles_forget(self);
	balances_fail(self, false, READ_FAULT_CLOSED);
	histories_fail(self, false, READ_FAULT_CLOSED);
	events_fail(self, false, READ_FAULT_CLOSED);
	signs_fail(self, READ_FAULT_CLOSED);
	worker_report(self->worker, PHASE_LOADING, 0, 0, NULL, "waiting for the committer");
}

static bool open_store(struct archive *self)
{
	struct reader_config config = {
		.dir = self->dir,
		.shm_readonly = true,
	};
	struct why why = { "" };

	if (reader_open(&config, &self->reader, &why) != ERR_OK) {
		log_event(LOG_STORE_FAILED, &(struct log_fields){ .text = why.text });
		return false;
	}
	self->hash = reader_hash(self->reader);
	return true;
}

static enum err on_tree(void *self, const struct oap_from *from, const struct oap_tree *msg)
{
	struct archive *archive = self;
	bool is_new = archive->reader == NULL;

	(void)from;
	if (msg->open == 0) { /* the log has grown too long under what we read */
		if (archive->reader != NULL) {
			close_store(archive);
		}
		return ERR_OK;
	}
	if (archive->reader == NULL) {
		if (!open_store(archive)) {
			worker_report(archive->worker, PHASE_LOADING, 0, 0, NULL,
				"the store cannot be opened yet");
			return ERR_OK; /* the next TREE tries again */
		}
		worker_report(archive->worker, PHASE_SERVING, msg->size, 0, &msg->root,
			uploads_text(archive));
	}
	if (msg->size > archive->size) {
		metrics_inc(METRIC_LEDGER_ROOTS_PUBLISHED, METRIC_PLAIN);
	}
	archive->size = msg->size;
	archive->root = msg->root;
	events_grew(archive);
	if (is_new) {
		ev_timer_start(archive->worker->loop, &archive->warm);
	}
	return ERR_OK;
}

/* An open reader would keep a new committer from folding the log. */
void archive_link_lost(void *self, const struct oap_from *whom)
{
	struct archive *archive = self;

	if (whom->process == PROCESS_COMMITTER) {
		close_store(archive);
	} else if (whom->process == PROCESS_SEQUENCER) {
		balances_fail(archive, true, READ_FAULT_NO_STATE);
		histories_fail(archive, true, READ_FAULT_NO_STATE);
		events_fail(archive, true, READ_FAULT_NO_STATE);
	} else if (whom->process == PROCESS_KMS) {
		signs_fail(archive, READ_FAULT_CLOSED);
	} else if (whom->process == PROCESS_INGRESS || whom->process == PROCESS_ADMIN) {
		uploads_edge_lost(archive, whom);
	}
}

/* --- grants --- */

static enum err on_grant_key(
	void *self, const struct oap_from *from, const struct oap_grant_key *msg)
{
	struct archive *archive = self;

	(void)from;
	return grant_keys_add(&archive->keys, msg->kms_generation, &msg->key);
}

static enum err on_signer(void *self, const struct oap_from *from, const struct oap_signer *msg)
{
	struct archive *archive = self;

	(void)from;
	if (msg->origin.bytes_count == 0) {
		return ERR_MALFORMED;
	}
	memcpy(archive->signer.origin, msg->origin.bytes, msg->origin.bytes_count);
	archive->signer.origin[msg->origin.bytes_count] = '\0';
	archive->signer.public_key = msg->public_key;
	return ERR_OK;
}

bool archive_may(const struct grant *grant, enum caveat_action action, struct slice account,
	struct slice asset)
{
	struct caveat_request request = {
		.now_unix_s = (uint64_t)clock_unix_ms() / 1000,
		.tenant = grant->tenant,
	};
	struct caveat_entry entry = {
		.actions = CAVEAT_ACTION_BIT(action),
		.asset = asset,
		.accounts = &account,
		.account_count = account.bytes_count > 0 ? 1 : 0,
	};

	if (grant_is_expired(grant, (uint64_t)clock_now().monotonic_us / 1000)) {
		return false;
	}
	return caveat_set_check_request(
		       &grant->caveats, caveat_kinds(CAVEAT_WHERE_LEDGER), &request)
			       .result == CAVEAT_HOLDS &&
	       caveat_set_check_entry(&grant->caveats, &entry).result == CAVEAT_HOLDS;
}

bool archive_may_read(const struct grant *grant, struct slice account)
{
	return archive_may(grant, CAVEAT_ACTION_AUDIT_READ, account, (struct slice){ NULL, 0 });
}

bool archive_may_see_account(const struct grant *grant, struct slice account, struct slice asset)
{
	return account.bytes_count > 0 &&
	       (archive_may(grant, CAVEAT_ACTION_WALLET_READ, account, asset) ||
		       archive_may(grant, CAVEAT_ACTION_AUDIT_READ, account, asset));
}

bool archive_may_see(const struct grant *grant, const struct entry *entry)
{
	return archive_may_see_account(grant, entry->account, entry->asset) ||
	       archive_may_see_account(grant, entry->counter_account, entry->asset);
}

/* --- reads --- */

/* Who was told COMMITTED may ask for it at once. The committer told us before it told anybody
 * (it flushes TREE first), so that what we don't know yet waits in its socket. */
void archive_catch_up(struct archive *self)
{
	struct peer *committer = mesh_peer(&self->worker->mesh, PROCESS_COMMITTER, 0);

	if (committer != NULL) {
		(void)peer_read(committer); /* without it the store is closed, and that is told */
	}
}

static void put_roots(struct archive *self, const struct oap_read_roots *msg,
	struct byte_writer *out, uint64_t *ret_next)
{
	static struct schema_root roots[ROOTS_PAGE]; /* one answer at a time */
	size_t limit = msg->limit > 0 && msg->limit < ROOTS_PAGE ? msg->limit : ROOTS_PAGE;
	size_t count = 0;

	/* No roots would be a lie while no store is open: 0 says that they cannot be read now. */
	*ret_next = 0;
	if (self->reader == NULL ||
		reader_roots_since(self->reader, msg->since, roots, limit, &count) != ERR_OK) {
		return;
	}
	*ret_next = msg->since + 1;
	for (size_t i = 0; i < count && roots[i].last_seq <= self->size; i++) {
		byte_put_u64(out, roots[i].last_seq);
		byte_put_hash(out, &roots[i].root);
		byte_put_u64(out, (uint64_t)roots[i].batch_ts_unix_ms);
		*ret_next = roots[i].last_seq + 1;
	}
}

static enum err on_read_roots(
	void *self, const struct oap_from *from, const struct oap_read_roots *msg)
{
	struct archive *archive = self;
	uint8_t rows[VERB_REPLY_BYTES_MAX];
	struct byte_writer out = byte_writer_of(rows, sizeof rows);
	struct oap_roots reply;

	archive_catch_up(archive);
	put_roots(archive, msg, &out, &reply.next);
	reply.rows = (struct slice){ rows, out.used };
	mesh_give_back(&archive->worker->mesh, from);
	(void)!oap_send_roots(
		archive_edge(archive, msg->edge_process, msg->edge_instance, msg->edge_generation),
		from->corr_id, &reply);
	return ERR_OK;
}

/* 404 for what is not there and for what the token may not see: neither tells the other. */
static uint16_t find_entry(
	struct archive *self, uint64_t seq, const struct grant *grant, struct oap_entry *ret_entry)
{
	struct reader_entry row;
	struct schema_root commit;
	struct entry entry;
	enum err err;

	if (self->reader == NULL) {
		return 503;
	}
	if (seq == 0 || seq > self->size) {
		return 404;
	}
	err = reader_root_at(self->reader, seq, &commit);
	if (err == ERR_OK) {
		err = reader_entry(self->reader, seq, &row);
	}
	if (err == ERR_BUSY) {
		return 503; /* the log is being folded */
	}
	if (err != ERR_OK || entry_decode(row.leaf, &entry) != ERR_OK) {
		log_event(LOG_STORE_FAILED, &(struct log_fields){ .fault = err, .seq = seq });
		return 503; /* it was committed */
	}
	if (!archive_may_read(grant, entry.account)) {
		return 404;
	}
	ret_entry->batch_ts_unix_ms = (uint64_t)commit.batch_ts_unix_ms;
	ret_entry->prev_root = commit.prev_root;
	ret_entry->new_root = commit.root;
	ret_entry->leaf = row.leaf;
	ret_entry->memo = row.memo;
	return 200;
}

static enum err on_read_entry(
	void *self, const struct oap_from *from, const struct oap_read_entry *msg)
{
	struct archive *archive = self;
	struct oap_entry reply = { .status = 503 }; /* of a kms of before: the client tries again */
	struct grant grant;
	enum err err = grant_keys_open(&archive->keys, msg->grant, &grant);

	if (err != ERR_OK && err != ERR_STALE) {
		return err;
	}
	if (err == ERR_OK) {
		archive_catch_up(archive);
		reply.status = find_entry(archive, msg->seq, &grant, &reply);
	}
	mesh_give_back(&archive->worker->mesh, from);
	(void)!oap_send_entry(
		archive_edge(archive, msg->edge_process, msg->edge_instance, msg->edge_generation),
		from->corr_id, &reply);
	return ERR_OK;
}

static enum err on_read_verify(
	void *self, const struct oap_from *from, const struct oap_read_verify *msg)
{
	return check_accept(self, from, msg);
}

static enum err on_told_balance(
	void *self, const struct oap_from *from, const struct oap_told_balance *msg)
{
	return events_told(self, from, msg);
}

static enum err on_read_tlog(
	void *self, const struct oap_from *from, const struct oap_read_tlog *msg)
{
	return reads_answer(self, from, msg);
}

static enum err on_signed_snapshot(
	void *self, const struct oap_from *from, const struct oap_signed_snapshot *msg)
{
	signs_signed(self, from, msg);
	return ERR_OK;
}

static enum err on_located(void *self, const struct oap_from *from, const struct oap_located *msg)
{
	if (msg->known > 1) {
		return ERR_MALFORMED;
	}
	if (!histories_located(self, from, msg)) {
		balances_located(self, from, msg);
	}
	return ERR_OK;
}

/* --- receipts for the wallet, which were committed before it asks --- */

static enum err on_read_receipt(
	void *self, const struct oap_from *from, const struct oap_read_receipt *msg)
{
	struct archive *archive = self;
	struct mesh *mesh = &archive->worker->mesh;
	struct oap_receipt reply = { .status = ERR_BUSY };
	struct reader_entry row;
	enum err err = ERR_BUSY;

	archive_catch_up(archive);
	if (archive->reader != NULL && msg->seq <= archive->size) {
		err = reader_entry(archive->reader, msg->seq, &row);
		if (err != ERR_OK && err != ERR_BUSY) { /* the log is being folded */
			log_event(LOG_STORE_FAILED,
				&(struct log_fields){ .fault = err, .seq = msg->seq });
		}
	}
	reply.status = (uint8_t)err;
	if (err == ERR_OK) {
		reply.receipt = row.receipt;
	}
	mesh_give_back(mesh, from);
	(void)!oap_send_receipt(mesh_peer_of(mesh, from->process, from->instance, from->generation),
		from->corr_id, &reply);
	return ERR_OK;
}

/* --- rows for the sequencer --- */

/* What the sequencer asks for was committed, whether the committer told us yet or not. False:
 * the store cannot be read right now, which is no word about the row. */
static bool put_row(struct archive *self, uint64_t seq, struct byte_writer *out)
{
	static const uint8_t no_salt[ENTRY_SALT_BYTES];
	struct schema_root commit = { 0 };
	struct reader_entry row = { 0 };
	enum err err = reader_root_at(self->reader, seq, &commit);
	bool is_there, has_salt;

	if (err == ERR_OK) {
		err = reader_entry(self->reader, seq, &row);
	}
	is_there = err == ERR_OK;
	if (!is_there && err != ERR_NOT_FOUND && err != ERR_CORRUPT) {
		return false;
	}
	has_salt = is_there && row.salt.bytes_count == ENTRY_SALT_BYTES;
	byte_put_u64(out, seq);
	byte_put_u64(out, commit.last_seq);
	byte_put_hash(out, &commit.root);
	byte_put_u8(out, has_salt);
	byte_put_bytes(out, has_salt ? row.salt.bytes : no_salt, ENTRY_SALT_BYTES);
	byte_put_slice16(out, is_there ? row.leaf : (struct slice){ NULL, 0 });
	return true;
}

static enum err on_fetch(void *self, const struct oap_from *from, const struct oap_fetch *msg)
{
	static uint8_t rows[VERB_ROWS_BYTES_MAX]; /* one answer at a time */
	struct archive *archive = self;
	struct byte_writer out = byte_writer_of(rows, sizeof rows);
	struct byte_reader in = byte_reader_of(msg->seqs);
	bool is_readable = archive->reader != NULL;
	struct oap_rows reply;

	if (msg->seqs.bytes_count % 8 != 0) {
		return ERR_MALFORMED;
	}
	while (is_readable && in.left > 0 && out.left >= ROW_HEAD_BYTES + ENTRY_LEAF_BYTES_MAX) {
		is_readable = put_row(archive, byte_get_u64(&in), &out);
	}
	reply.rows = (struct slice){ rows, out.used };
	mesh_give_back(&archive->worker->mesh, from);
	(void)!oap_send_rows(mesh_peer_of(&archive->worker->mesh, from->process, from->instance,
				     from->generation),
		from->corr_id, &reply);
	return ERR_OK;
}

/* --- objects --- */

static enum err on_put_object(
	void *self, const struct oap_from *from, const struct oap_put_object *msg)
{
	return uploads_begin(self, from, msg);
}

static enum err on_put_bytes(
	void *self, const struct oap_from *from, const struct oap_put_bytes *msg)
{
	return uploads_take(self, from, msg);
}

static enum err on_put_drop(void *self, const struct oap_from *from, const struct oap_put_drop *msg)
{
	(void)msg;
	uploads_drop(self, from);
	return ERR_OK;
}

static enum err on_read_object(
	void *self, const struct oap_from *from, const struct oap_read_object *msg)
{
	return objects_answer(self, from, msg);
}

static enum err on_fetch_object(
	void *self, const struct oap_from *from, const struct oap_fetch_object *msg)
{
	return objects_fetch(self, from, msg);
}

const struct oap_handlers archive_handlers = {
	.tree = on_tree,
	.grant_key = on_grant_key,
	.signer = on_signer,
	.read_roots = on_read_roots,
	.read_entry = on_read_entry,
	.read_verify = on_read_verify,
	.read_receipt = on_read_receipt,
	.read_tlog = on_read_tlog,
	.located = on_located,
	.told_balance = on_told_balance,
	.signed_snapshot = on_signed_snapshot,
	.fetch = on_fetch,
	.put_object = on_put_object,
	.put_bytes = on_put_bytes,
	.put_drop = on_put_drop,
	.read_object = on_read_object,
	.fetch_object = on_fetch_object,
};

/* --- birth --- */

size_t archive_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX])
{
	struct archive *archive = self;

	snprintf(archive->dir, sizeof archive->dir, "%s/store", worker->config.node_data_dir);
	ret_paths[0] = (struct landlock_path){
		.path = archive->dir,
		.fd = -1,
		.rights = LANDLOCK_RIGHTS_READ,
	};
	snprintf(archive->objects_dir, sizeof archive->objects_dir, "%s/objects",
		worker->config.node_data_dir);
	ret_paths[1] = (struct landlock_path){
		.path = archive->objects_dir,
		.fd = -1,
		.rights = LANDLOCK_RIGHTS_CREATE,
	};
	return 2;
}

static uint64_t reserve_of(const struct worker *worker)
{
	return 2 * worker->config.engine_disk_reserve_bytes;
}

void archive_open(void *self, struct worker *worker)
{
	struct archive *archive = self;
	struct shelf_plan plan = {
		.dir = archive->objects_dir,
		.quota_bytes = worker->config.objects_quota_bytes,
		.reserve_bytes = reserve_of(worker),
	};

	archive->worker = worker;
	if (shelf_open(&archive->shelf, &plan) != ERR_OK) {
		worker_fail(worker, "cannot open %s: %s", plan.dir, strerror(errno));
	}
}

void archive_commit(void *self, struct worker *worker)
{
	struct archive *archive = self;

	space_set_reserve(&archive->shelf.space, reserve_of(worker));
}

void archive_ready(void *self, struct worker *worker)
{
	struct archive *archive = self;

	ev_timer_init(&archive->start_check, check_on_start, 0.0, 0.0);
	archive->start_check.data = archive;
	archive->balances.id_last = random_u64() >> 1; /* no reply of a former life fits */
	ev_timer_init(&archive->balances.timer, balances_on_timer, 0.0, 0.0);
	archive->balances.timer.data = archive;
	archive->histories.id_last = random_u64() >> 2 | UINT64_C(1) << 63; /* nor a balance's */
	ev_timer_init(&archive->histories.timer, histories_on_timer, 0.0, 0.0);
	archive->histories.timer.data = archive;
	events_ready(archive);
	uploads_ready(archive);
	ev_timer_init(&archive->warm, tiles_on_warm, 0.0, 0.0);
	archive->warm.data = archive;
	worker_report(worker, PHASE_LOADING, 0, 0, NULL, "waiting for the committer");
}
