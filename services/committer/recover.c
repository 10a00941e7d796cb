/* `macronode recover`: what an operator is told, and going on with what is on disk.
 *
 * An acknowledgement gives up what is missing, for good. It is therefore of an exact size and root,
 * it is an audit record, and it is refused where it would not mend anything. Its steps are in an
 * order that a crash between any two leaves a store which asks for it again: the mark of a suspect
 * store is written first and removed last. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "core/batch.h"
#include "core/json_out.h"
#include "core/utf8.h"
#include "services/committer/committer.h"

#define ANSWER_BYTES_MAX 8192u

struct known { /* a size and root that something vouches for */
	bool known;
	uint64_t size;
	struct hash root;
};

/* --- what is there, and what was --- */

static struct known on_disk(const struct committer *self)
{
	return (struct known){
		.known = self->store != NULL || self->is_readable_closed,
		.size = self->state.head.size,
		.root = self->state.head.root,
	};
}

/* The tail in the store, or the mark that the dying committer left: whichever knows of more. */
static struct known acknowledged(const struct committer *self)
{
	bool has_tail =
		self->store != NULL && (self->state.tail_finding == STORE_TAIL_GOOD ||
					       self->state.tail_finding == STORE_TAIL_SHORT);
	struct known last = { .known = has_tail };

	if (has_tail) {
		last.size = self->state.tail.size;
		last.root = self->state.tail.root;
	}
	if (self->suspect && self->mark.whole && self->mark.size > last.size) {
		last = (struct known){ true, self->mark.size, self->mark.root };
	}
	return last;
}

static struct known was_signed(const struct committer *self)
{
	return (struct known){
		.known = self->signing.signed_size > 0,
		.size = self->signing.signed_size,
		.root = self->signing.signed_root,
	};
}

static uint64_t missing(const struct known *there, const struct known *was)
{
	return there->known && was->known && was->size > there->size ? was->size - there->size : 0;
}

/* NULL: it may be acknowledged. */
static const char *why_not(const struct committer *self)
{
	if (self->trouble == TROUBLE_NONE) {
		return "there is nothing to acknowledge: the node is not in safe mode";
	}
	if (trouble_cure_of(self->trouble) != CURE_ACKNOWLEDGED || self->store == NULL) {
		return trouble_advice(self->trouble);
	}
	return NULL;
}

/* --- the document --- */

static void put_known(struct json_out *out, const char *name, const struct known *known)
{
	json_out_key(out, name);
	if (!known->known) {
		json_out_null(out);
		return;
	}
	json_out_object_begin(out);
	json_out_key(out, "height");
	json_out_u64(out, known->size);
	json_out_key(out, "root");
	json_out_hex(out, (struct slice){ known->root.bytes, HASH_BYTES });
	json_out_object_end(out);
}

static void put_text(struct json_out *out, const char *name, const char *text)
{
	json_out_key(out, name);
	json_out_text(out, text);
}

static size_t print_answer(const struct committer *self, uint8_t *bytes)
{
	struct known there = on_disk(self), was = acknowledged(self), held = was_signed(self);
	const char *refusal = why_not(self);
	struct json_out out;
	size_t count = 0;

	json_out_init(&out, bytes, ANSWER_BYTES_MAX);
	json_out_object_begin(&out);
	json_out_key(&out, "needed");
	json_out_bool(&out, self->trouble != TROUBLE_NONE);
	put_text(&out, "kind", trouble_word(self->trouble));
	put_text(&out, "reason", self->reason);
	json_out_key(&out, "failing_seq");
	if (self->trouble == TROUBLE_REPLAY) {
		json_out_u64(&out, self->bad_seq);
	} else {
		json_out_null(&out);
	}
	put_known(&out, "on_disk", &there);
	put_known(&out, "acknowledged", &was);
	put_known(&out, "signed", &held);
	json_out_key(&out, "missing");
	json_out_u64(&out, missing(&there, &was));
	json_out_key(&out, "failed_at_ms");
	if (self->suspect && self->mark.whole) {
		json_out_u64(&out, self->mark.ts_unix_ms);
	} else {
		json_out_null(&out);
	}
	json_out_key(&out, "may_acknowledge");
	json_out_bool(&out, refusal == NULL);
	put_text(&out, "advice", trouble_advice(self->trouble));
	json_out_object_end(&out);
	return json_out_finish(&out, &count) == ERR_OK ? count : 0;
}

static void answer(struct committer *self, const struct oap_from *from, enum err status,
	bool cleared, struct slice text)
{
	struct oap_recover_answer msg = {
		.status = (uint8_t)status,
		.left = self->trouble != TROUBLE_NONE,
		.cleared = cleared,
		.text = text,
	};

	mesh_give_back(&self->worker->mesh, from);
	(void)!oap_send_recover_answer(
		mesh_peer(&self->worker->mesh, PROCESS_SUPERVISOR, 0), from->corr_id, &msg);
}

static void refuse(
	struct committer *self, const struct oap_from *from, enum err status, const char *text)
{
	answer(self, from, status, false, (struct slice){ (const uint8_t *)text, strlen(text) });
}

static void explain(struct committer *self, const struct oap_from *from, bool cleared)
{
	uint8_t text[ANSWER_BYTES_MAX];

	answer(self, from, ERR_OK, cleared, (struct slice){ text, print_answer(self, text) });
}

/* --- acknowledging --- */

/* ERR_TOO_LARGE: escaped, its texts fit no record. */
static enum err print_audit(const struct committer *self, const struct oap_recover *msg,
	uint8_t bytes[BATCH_AUDIT_BYTES_MAX], size_t *ret_count)
{
	struct known there = on_disk(self), was = acknowledged(self);
	struct json_out out;

	json_out_init(&out, bytes, BATCH_AUDIT_BYTES_MAX);
	json_out_object_begin(&out); /* members in the order of their names */
	put_known(&out, "acknowledged_before", &was);
	json_out_key(&out, "actor");
	json_out_string(&out, msg->actor);
	json_out_key(&out, "given_up");
	json_out_u64(&out, missing(&there, &was));
	json_out_key(&out, "height");
	json_out_u64(&out, there.size);
	put_text(&out, "reason", self->reason);
	json_out_key(&out, "root");
	json_out_hex(&out, (struct slice){ there.root.bytes, HASH_BYTES });
	json_out_object_end(&out);
	return json_out_finish(&out, ret_count);
}

static enum err mark_first(struct committer *self, struct why *why)
{
	struct suspect_mark mark = self->mark;

	if (!self->suspect) {
		struct known was = acknowledged(self);

		mark = (struct suspect_mark){ .size = was.size, .root = was.root };
		mark.ts_unix_ms = (uint64_t)clock_unix_ms();
		(void)snprintf(mark.reason, sizeof mark.reason, "%s", self->reason);
	}
	if (suspect_write(self->dir, &mark) != ERR_OK) {
		why_say(why, "%s/%s: cannot be written", self->dir, SUSPECT_NAME);
		return ERR_IO;
	}
	self->mark = mark;
	self->mark.whole = true;
	self->suspect = true; /* until it is removed */
	return ERR_OK;
}

static enum err acknowledge(struct committer *self, const struct oap_recover *msg, struct why *why)
{
	uint8_t bytes[BATCH_AUDIT_BYTES_MAX];
	struct slice json = { bytes, 0 };
	enum err err = print_audit(self, msg, bytes, &json.bytes_count);

	if (err == ERR_OK) {
		err = mark_first(self, why);
	}
	if (err == ERR_OK) {
		err = store_acknowledge(self->store, msg->size, &msg->root, why);
	}
	if (err == ERR_OK) {
		err = audits_append(self, AUDIT_RECOVER, json);
	}
	return err == ERR_OK ? suspect_remove(self->dir, why) : err;
}

static bool is_there(const struct committer *self, const struct oap_recover *msg)
{
	return msg->size == self->state.head.size &&
	       memcmp(&msg->root, &self->state.head.root, sizeof msg->root) == 0;
}

static void go_on(struct committer *self)
{
	self->suspect = self->worker->suspect = false;
	self->state.tail_finding = STORE_TAIL_GOOD;
	self->state.tail.size = self->state.head.size;
	self->state.tail.root = self->state.head.root;
	log_event(LOG_STORE_ACKNOWLEDGED, &(struct log_fields){ .size = self->state.head.size,
						  .root = &self->state.head.root,
						  .text = self->reason });
	opening_judge(self);
	audits_told(self, self->audits.told);
	if (self->trouble == TROUBLE_NONE) {
		committer_report(self, PHASE_LOADING, "acknowledged");
	}
}

static void take_acknowledgement(
	struct committer *self, const struct oap_from *from, const struct oap_recover *msg)
{
	const char *refusal = why_not(self);
	struct why why = { "" };
	enum err err;

	if (refusal != NULL) {
		refuse(self, from, ERR_CONFLICT, refusal);
		return;
	}
	if (!is_there(self, msg)) {
		refuse(self, from, ERR_CONFLICT,
			"that is not the height and root on disk: ask again without --ack");
		return;
	}
	err = acknowledge(self, msg, &why);
	if (err == ERR_TOO_LARGE) {
		refuse(self, from, err, "who asks does not fit the audit record");
		return;
	}
	if (err == ERR_NO_SPACE) {
		refuse(self, from, err, "the disk is full: make room, then acknowledge again");
		return; /* the mark is there, and asks for it */
	}
	if (err != ERR_OK) {
		/* The disk has the word now; the mark, or the supervisor, keeps the next one. */
		refuse(self, from, ERR_IO, why.text);
		mesh_flush(&self->worker->mesh);
		committer_lose_trust(self, "sync_failed: the acknowledgement failed: %s", why.text);
	}
	go_on(self);
	explain(self, from, true);
	committer_tell_archive(self);
	committer_stream(self);
}

enum err recover_ask(void *self, const struct oap_from *from, const struct oap_recover *msg)
{
	struct committer *committer = self;

	if (msg->act > RECOVER_ACKNOWLEDGE ||
		!utf8_valid(msg->actor.bytes, msg->actor.bytes_count)) {
		refuse(committer, from, ERR_MALFORMED, "there is no such question about recovery");
		return ERR_OK; /* of a client of the supervisor, who only passes it on */
	}
	if (committer->store == NULL) {
		opening_again(committer); /* the operator may have mended it this moment */
	}
	if (msg->act == RECOVER_ACKNOWLEDGE) {
		take_acknowledgement(committer, from, msg);
	} else {
		explain(committer, from, false);
	}
	return ERR_OK;
}
