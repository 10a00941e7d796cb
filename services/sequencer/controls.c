/* Control records: freezes asked over the control socket, revocations of kms. Each goes into
 * the next batch with its audit record, is in force from there, and is answered when that
 * batch is on disk (DESIGN-LEDGER.md section 3). */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "core/audit.h"
#include "core/json_out.h"
#include "core/utf8.h"
#include "services/sequencer/sequencer.h"

static void copy_text(char *to, size_t to_bytes, struct slice text)
{
	size_t count = text.bytes_count < to_bytes - 1 ? text.bytes_count : to_bytes - 1;

	if (count > 0) {
		memcpy(to, text.bytes, count);
	}
	to[count] = '\0';
}

static struct slice view(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static struct control_ask *append_ask(struct sequencer *self, const struct oap_from *from)
{
	struct control_ask *ask = calloc(1, sizeof *ask);

	assert(ask != NULL); /* the windows allow a few dozen */
	ask->from = *from;
	*self->controls_last = ask;
	self->controls_last = &ask->next;
	return ask;
}

enum err controls_govern(
	struct sequencer *self, const struct oap_from *from, const struct oap_govern *msg)
{
	struct control_ask *ask;

	if (self->phase != PHASE_SERVING || self->draining) {
		struct oap_govern_answer answer = {
			.status = ERR_BUSY,
			.text = view(self->disk_full ? "the disk is full: nothing was recorded"
						     : "the ledger does not take writes right now"),
		};
		mesh_give_back(&self->worker->mesh, from);
		return oap_send_govern_answer(mesh_peer(&self->worker->mesh, PROCESS_SUPERVISOR, 0),
			from->corr_id, &answer);
	}
	ask = append_ask(self, from);
	ask->kind = msg->act;
	ask->scope = msg->scope;
	ask->value_bytes = msg->name.bytes_count;
	copy_text(ask->value, sizeof ask->value, msg->name);
	copy_text(ask->reason, sizeof ask->reason, msg->reason);
	copy_text(ask->actor, sizeof ask->actor, msg->actor);
	if ((msg->act != CONTROL_FREEZE && msg->act != CONTROL_UNFREEZE) ||
		!utf8_valid(msg->reason.bytes, msg->reason.bytes_count) ||
		!utf8_valid(msg->actor.bytes, msg->actor.bytes_count)) {
		ask->status = ERR_MALFORMED;
	}
	return ERR_OK;
}

/* A capability by its id, or with id zero the whole root key. */
enum err controls_revoke(
	struct sequencer *self, const struct oap_from *from, const struct oap_revoked *msg)
{
	struct control_ask *ask = append_ask(self, from);
	struct byte_writer out = byte_writer_of(ask->value, sizeof ask->value);

	ask->kind = CONTROL_REVOKE;
	if (entry_id_is_none(&msg->capability)) {
		ask->scope = SCOPE_KEY;
		byte_put_u32(&out, msg->kid);
	} else {
		ask->scope = SCOPE_CAPABILITY;
		byte_put_id128(&out, &msg->capability);
	}
	ask->value_bytes = out.used;
	copy_text(ask->actor, sizeof ask->actor, ENTRY_VIEW("kms"));
	return ERR_OK;
}

/* ERR_TOO_LARGE: escaped, its texts fit no record. */
static enum err write_audit(
	const struct control_ask *ask, uint8_t json[BATCH_AUDIT_BYTES_MAX], size_t *ret_bytes)
{
	struct json_out writer;

	json_out_init(&writer, json, BATCH_AUDIT_BYTES_MAX);
	json_out_object_begin(&writer); /* members in the order of their names */
	json_out_key(&writer, "act");
	json_out_text(&writer, batch_control_kind_name(ask->kind));
	json_out_key(&writer, "actor");
	json_out_text(&writer, ask->actor);
	json_out_key(&writer, "after_seq");
	json_out_u64(&writer, ask->after_seq);
	json_out_key(&writer, "name");
	if (ask->kind == CONTROL_REVOKE) {
		json_out_hex(
			&writer, (struct slice){ (const uint8_t *)ask->value, ask->value_bytes });
	} else {
		json_out_text(&writer, ask->value);
	}
	json_out_key(&writer, "reason");
	json_out_text(&writer, ask->reason);
	json_out_key(&writer, "scope");
	json_out_text(&writer, batch_control_scope_name(ask->scope));
	json_out_object_end(&writer);
	return json_out_finish(&writer, ret_bytes);
}

/* The control and its audit record, or neither. */
static enum err record(
	struct sequencer *self, const struct control_ask *ask, struct byte_writer *out)
{
	uint8_t json[BATCH_AUDIT_BYTES_MAX];
	struct batch_control control = {
		.kind = ask->kind,
		.scope = ask->scope,
		.ts_unix_ms = ledger_batch_ts(self->ledger),
		.value = { (const uint8_t *)ask->value, ask->value_bytes },
		.actor = view(ask->actor),
		.reason = view(ask->reason),
	};
	struct batch_audit audit = {
		.ts_unix_ms = control.ts_unix_ms,
		.kind = ask->kind == CONTROL_REVOKE ? AUDIT_REVOCATION : AUDIT_GOVERNANCE,
	};
	size_t bytes = 0;
	enum err err;

	/* kms tells all of them after each link up: those that are in force need no record more */
	if (ask->kind == CONTROL_REVOKE &&
		ledger_is_frozen(self->ledger, control.scope, control.value)) {
		return ERR_OK;
	}
	err = write_audit(ask, json, &bytes);
	if (err == ERR_OK) {
		err = ledger_control(self->ledger, &control);
	}
	if (err == ERR_OK) {
		audit.bytes = (struct slice){ json, bytes };
		batch_put_audit(out, &audit);
	}
	return err;
}

void controls_apply(struct sequencer *self, struct batch *batch, struct byte_writer *out)
{
	for (struct control_ask *ask = self->controls; ask != NULL; ask = ask->next) {
		ask->after_seq = ledger_next_seq(self->ledger) - 1;
		if (ask->status == ERR_OK) {
			ask->status = record(self, ask, out);
		}
	}
	batch->controls = self->controls;
	self->controls = NULL;
	self->controls_last = &self->controls;
}

static const char *sentence_of(enum err status)
{
	if (status == ERR_OK) {
		return "in force";
	}
	if (status == ERR_MALFORMED) {
		return "the act, its scope and its name do not fit together";
	}
	if (status == ERR_TOO_LARGE) {
		return "the reason does not fit the audit record";
	}
	if (status == ERR_NO_SPACE) {
		return "the disk is full: nothing was recorded";
	}
	if (status == ERR_UNKNOWN) {
		return "whether it was recorded is not known: look, and try again";
	}
	return "nothing was recorded; try again";
}

static void answer(struct sequencer *self, const struct control_ask *ask, enum err status)
{
	struct mesh *mesh = &self->worker->mesh;

	mesh_give_back(mesh, &ask->from);
	if (ask->from.process == PROCESS_KMS) {
		struct oap_revoked_done done = { .after_seq = ask->after_seq };
		(void)!oap_send_revoked_done(mesh_peer_of(mesh, ask->from.process,
						     ask->from.instance, ask->from.generation),
			ask->from.corr_id, &done);
		return;
	}
	struct oap_govern_answer msg = {
		.status = (uint8_t)status,
		.after_seq = ask->after_seq,
		.text = view(sentence_of(status)),
	};
	(void)!oap_send_govern_answer(
		mesh_peer(mesh, PROCESS_SUPERVISOR, 0), ask->from.corr_id, &msg);
}

/* A revocation is never given up: what could not be recorded goes into a later batch. */
static void keep(struct sequencer *self, struct control_ask *ask)
{
	ask->status = ERR_OK;
	ask->next = NULL;
	*self->controls_last = ask;
	self->controls_last = &ask->next;
}

/* status: what became of their batch; ERR_OK: each has its own. */
static void answer_all(struct sequencer *self, struct control_ask *asks, enum err status)
{
	struct control_ask *next;

	for (struct control_ask *ask = asks; ask != NULL; ask = next) {
		enum err outcome = status != ERR_OK ? status : ask->status;

		next = ask->next;
		if (outcome != ERR_OK && ask->from.process == PROCESS_KMS) {
			keep(self, ask);
			continue;
		}
		answer(self, ask, outcome);
		free(ask);
	}
}

void controls_answer(struct sequencer *self, struct control_ask *asks)
{
	answer_all(self, asks, ERR_OK);
}

void controls_fail(struct sequencer *self, struct control_ask *asks, enum detail detail)
{
	enum err status = ERR_BUSY;

	if (detail == DETAIL_DISK_FULL) {
		status = ERR_NO_SPACE;
	} else if (detail == DETAIL_OUTCOME_UNKNOWN) {
		status = ERR_UNKNOWN;
	}
	answer_all(self, asks, status);
}

/* As soon as it is in force, which may be a moment before it is on disk: nothing is decided by it,
 * for the ledger refuses by itself. */
void controls_tell_payments(struct sequencer *self)
{
	struct peer *rewarder = mesh_peer(&self->worker->mesh, PROCESS_REWARDER, 0);
	struct oap_payments payments;
	uint8_t told;

	if (self->phase != PHASE_SERVING || rewarder == NULL) {
		return;
	}
	payments.is_frozen = ledger_freezes(self->ledger, SCOPE_REWARDS) > 0;
	told = payments.is_frozen ? PAYMENTS_TOLD_FROZEN : PAYMENTS_TOLD_FREE;
	if (self->payments_told != told && oap_send_payments(rewarder, 0, &payments) == ERR_OK) {
		self->payments_told = told;
	}
}

/* For /metrics. */
void controls_count(const struct sequencer *self)
{
	metrics_set(METRIC_GOVERNANCE_FREEZES, METRIC_FREEZE_GLOBAL,
		ledger_freezes(self->ledger, SCOPE_GLOBAL));
	metrics_set(METRIC_GOVERNANCE_FREEZES, METRIC_FREEZE_ASSET,
		ledger_freezes(self->ledger, SCOPE_ASSET));
	metrics_set(METRIC_GOVERNANCE_FREEZES, METRIC_FREEZE_ACCOUNT,
		ledger_freezes(self->ledger, SCOPE_ACCOUNT));
	metrics_set(METRIC_GOVERNANCE_FREEZES, METRIC_FREEZE_REWARDS,
		ledger_freezes(self->ledger, SCOPE_REWARDS));
}
