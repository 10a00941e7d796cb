/* Checkpoints: kms is asked to sign the committed tree and the audit chain when one of them has
 * grown, at most every audit.root_emit_interval, and once more at an orderly stop.
 *
 * No batch ever waits for kms: it is asked behind an answered batch, and its notes ride with the
 * next batch's transaction, or get one of their own when none comes for FLUSH_S. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "core/hex.h"
#include "services/committer/committer.h"

/* While there are batches, the next one takes the notes along long before that. */
#define FLUSH_S 0.05

/* --- the fork rule --- */

static enum err root_at(struct committer *self, uint64_t size, struct hash *ret_root)
{
	struct schema_root root;
	enum err err = reader_root_at(self->reader, size, &root);

	if (err == ERR_OK && root.last_seq != size) {
		err = ERR_NOT_FOUND; /* no commit ended there */
	}
	if (err == ERR_OK) {
		*ret_root = root.root;
	}
	return err;
}

bool checkpoint_agrees(struct committer *self, char *why, size_t why_bytes)
{
	const struct reader_head *head = store_head(self->store);
	char ours[2 * HASH_BYTES + 1] = "none", theirs[2 * HASH_BYTES + 1];
	struct hash root;

	if (self->signing.signed_size == 0) {
		return true;
	}
	hex_encode(self->signing.signed_root.bytes, HASH_BYTES, theirs);
	if (self->signing.signed_size > head->size) {
		hex_encode(head->root.bytes, HASH_BYTES, ours);
		(void)snprintf(why, why_bytes,
			"acknowledged_tail_missing: %llu entries with root %s were signed, "
			"%llu with root %s are there",
			(unsigned long long)self->signing.signed_size, theirs,
			(unsigned long long)head->size, ours);
		return false;
	}
	if (root_at(self, self->signing.signed_size, &root) == ERR_OK) {
		if (memcmp(&root, &self->signing.signed_root, sizeof root) == 0) {
			return true;
		}
		hex_encode(root.bytes, HASH_BYTES, ours);
	}
	(void)snprintf(why, why_bytes,
		"fork: root %s was signed at %llu entries, here it is %s, of %llu", theirs,
		(unsigned long long)self->signing.signed_size, ours,
		(unsigned long long)head->size);
	return false;
}

void checkpoint_told(struct committer *self, uint64_t signed_size, const struct hash *signed_root)
{
	self->signing.signed_size = signed_size;
	self->signing.signed_root = *signed_root;
	self->signing.asked = false; /* of the kms before */
}

void checkpoint_resume(struct committer *self)
{
	struct schema_checkpoint found;
	enum err err = reader_checkpoint(self->reader, &found);

	if (err == ERR_OK) {
		self->signing.is_noted = true;
		self->signing.noted_size = found.size;
		self->signing.noted_audits = found.audit_count;
		metrics_set(METRIC_LEDGER_CHECKPOINT_SIZE, METRIC_PLAIN, found.size);
	} else if (err != ERR_NOT_FOUND) {
		log_event(LOG_STORE_FAILED, /* the next one replaces it */
			&(struct log_fields){
				.fault = err, .text = "the kept checkpoint is damaged" });
	}
}

/* --- asking --- */

static bool has_grown(const struct committer *self)
{
	const struct reader_head *head = store_head(self->store);
	const struct signing *signing = &self->signing;

	return !signing->is_noted || head->size != signing->noted_size ||
	       head->audit_count != signing->noted_audits;
}

static void ask(struct committer *self, struct peer *kms)
{
	const struct reader_head *head = store_head(self->store);
	struct signing *signing = &self->signing;
	struct merkle_proof proof;
	struct oap_sign_checkpoint msg = {
		.old_size = signing->signed_size,
		.size = head->size,
		.root = head->root,
		.audit_count = head->audit_count,
		.audit_head = head->audit_head,
	};
	enum err err = store_prove_consistency(self->store, signing->signed_size, &proof);

	signing->asked_at = clock_now();
	if (err != ERR_OK) {
		log_event(LOG_CHECKPOINT_REFUSED,
			&(struct log_fields){ .fault = err,
				.size = head->size,
				.text = "the tree cannot be proven to continue what was signed" });
		return;
	}
	msg.proof = (struct slice){ proof.hashes[0].bytes, proof.hash_count * HASH_BYTES };
	signing->wanted = (struct schema_checkpoint){
		.size = msg.size,
		.root = msg.root,
		.audit_count = msg.audit_count,
		.audit_head = msg.audit_head,
	};
	signing->asked = oap_send_sign_checkpoint(kms, ++signing->ask_no, &msg) == ERR_OK;
}

static void on_due(struct ev_loop *loop, ev_timer *watcher, int events)
{
	(void)loop; /* the turn that follows asks */
	(void)watcher;
	(void)events;
}

void checkpoint_turn(struct committer *self)
{
	struct signing *signing = &self->signing;
	struct peer *kms = mesh_peer(&self->worker->mesh, PROCESS_KMS, 0);
	struct duration since;
	int64_t wait_us;

	if (self->store == NULL || self->phase != PHASE_SERVING || self->is_draining ||
		signing->asked || kms == NULL || ev_is_active(&signing->due) || !has_grown(self)) {
		return;
	}
	since = instant_since(signing->asked_at, clock_now());
	wait_us = (int64_t)self->worker->config.audit_root_emit_interval_ms * 1000 - since.us;
	if (signing->ask_no > 0 && wait_us > 0) {
		ev_timer_set(&signing->due, (double)wait_us / 1e6, 0.0);
		ev_timer_start(self->worker->loop, &signing->due);
		return;
	}
	ask(self, kms);
}

/* --- keeping --- */

static void flush(struct committer *self)
{
	struct why why = { "" };
	enum err err = store_checkpoint_flush(self->store, clock_now(), &why);

	if (err == ERR_NO_SPACE) {
		committer_disk_full(self, why.text);
	} else if (err != ERR_OK) {
		committer_lose_trust(
			self, "sync_failed: a checkpoint cannot be kept: %s", why.text);
	}
}

static void on_flush(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct committer *self = watcher->data;

	(void)loop;
	(void)events;
	if (self->store != NULL && self->trouble == TROUBLE_NONE) {
		flush(self);
	}
}

static enum err keep(struct committer *self, const struct oap_signed_checkpoint *msg)
{
	struct signing *signing = &self->signing;
	struct schema_checkpoint checkpoint = signing->wanted;

	if (msg->size != checkpoint.size || msg->signed_size != checkpoint.size) {
		return ERR_MALFORMED;
	}
	checkpoint.checkpoint = msg->checkpoint;
	checkpoint.audit = msg->audit;
	if (store_checkpoint_keep(self->store, &checkpoint) != ERR_OK) {
		return ERR_MALFORMED;
	}
	signing->is_noted = true;
	signing->noted_size = checkpoint.size;
	signing->noted_audits = checkpoint.audit_count;
	metrics_inc(METRIC_LEDGER_CHECKPOINTS_SIGNED, METRIC_PLAIN);
	metrics_set(METRIC_LEDGER_CHECKPOINT_SIZE, METRIC_PLAIN, checkpoint.size);
	log_event(LOG_CHECKPOINT_SIGNED,
		&(struct log_fields){ .size = checkpoint.size,
			.root = &checkpoint.root,
			.latency_ms = (uint64_t)instant_since(signing->asked_at, clock_now()).us });
	if (!self->is_draining) {
		ev_timer_set(&signing->flush, FLUSH_S, 0.0);
		ev_timer_start(self->worker->loop, &signing->flush);
	}
	return ERR_OK;
}

enum err checkpoint_take(
	struct committer *self, uint64_t corr_id, const struct oap_signed_checkpoint *msg)
{
	struct signing *signing = &self->signing;
	enum err err = ERR_OK;

	if (!signing->asked || corr_id != signing->ask_no || self->store == NULL) {
		return ERR_OK; /* of a kms that died since */
	}
	signing->asked = false;
	signing->signed_size = msg->signed_size;
	signing->signed_root = msg->signed_root;
	if (msg->status == ERR_OK) {
		err = keep(self, msg);
	} else if (msg->status == ERR_CONFLICT) {
		committer_fork(self,
			"fork: kms refuses to sign this tree, it is no continuation of "
			"what it signed");
	} /* else what kms remembers is known now: the next one is asked from there */
	if (self->is_draining) {
		checkpoint_drain_step(self);
	}
	return err;
}

/* --- the end --- */

static void end_drain(struct committer *self)
{
	ev_timer_stop(self->worker->loop, &self->signing.drain_limit);
	if (self->trouble == TROUBLE_NONE && self->phase == PHASE_SERVING) {
		flush(self);
		if (has_grown(self)) {
			log_event(LOG_CHECKPOINT_SKIPPED,
				&(struct log_fields){ .size = store_head(self->store)->size });
		}
	}
	committer_drained(self);
}

void checkpoint_drain_step(struct committer *self)
{
	struct peer *kms = mesh_peer(&self->worker->mesh, PROCESS_KMS, 0);

	if (self->signing.asked) {
		return; /* the answer, the loss of kms, or the limit brings us back */
	}
	if (self->phase == PHASE_SERVING && self->trouble == TROUBLE_NONE && kms != NULL &&
		has_grown(self) && self->signing.drain_asks < 2) {
		self->signing.drain_asks++; /* one that was under way, and the last */
		ask(self, kms);
	}
	if (!self->signing.asked) {
		end_drain(self);
	}
}

static void on_drain_limit(struct ev_loop *loop, ev_timer *watcher, int events)
{
	(void)loop;
	(void)events;
	end_drain(watcher->data);
}

void checkpoint_drain(struct committer *self, uint64_t deadline_mono_ms)
{
	int64_t left_ms = (int64_t)deadline_mono_ms - clock_now().monotonic_us / 1000;

	ev_timer_stop(self->worker->loop, &self->signing.due);
	ev_timer_stop(self->worker->loop, &self->signing.flush);
	ev_timer_set(&self->signing.drain_limit, left_ms > 0 ? (double)left_ms / 1e3 : 0.0, 0.0);
	ev_timer_start(self->worker->loop, &self->signing.drain_limit);
	checkpoint_drain_step(self);
}

void checkpoint_lost(struct committer *self)
{
	self->signing.asked = false;
	if (self->is_draining && self->store != NULL) {
		checkpoint_drain_step(self);
	}
}

void checkpoint_ready(struct committer *self)
{
	ev_timer_init(&self->signing.due, on_due, 0.0, 0.0);
	ev_timer_init(&self->signing.flush, on_flush, 0.0, 0.0);
	ev_timer_init(&self->signing.drain_limit, on_drain_limit, 0.0, 0.0);
	self->signing.flush.data = self;
	self->signing.drain_limit.data = self;
}
