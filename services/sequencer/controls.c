/* Control records: freezes asked over the control socket, revocations of kms. Each goes into
 * the next batch with its audit record, is in force from there, and is answered when that
 * batch is on disk (DESIGN-LEDGER.md section 3). */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "core/json_out.h"
#include "services/sequencer/sequencer.h"

/* Kinds of audit records; append only, they are in the store for ever. */
enum audit_kind { AUDIT_GOVERNANCE = 1, AUDIT_REVOCATION = 2 };

static void copy_text(char *to, size_t to_bytes, struct slice text)
{
	size_t count = text.bytes_count < to_bytes - 1 ? text.bytes_count : to_bytes - 1;

	if (count > 0) {
		memcpy(to, text.bytes, count);
	}
	to[count] = '\0';
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
		static const char text[] = "the ledger does not take writes right now";
		struct oap_govern_answer answer = {
			.status = ERR_BUSY,
			.text = { (const uint8_t *)text, sizeof text - 1 },
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

static struct slice view(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void put_audit(const struct control_ask *ask, uint64_t ts_unix_ms, struct byte_writer *out)
{
	uint8_t json[BATCH_AUDIT_BYTES_MAX];
	struct json_out writer;
	struct batch_audit audit = { .ts_unix_ms = ts_unix_ms };
	size_t bytes = 0;

	json_out_init(&writer, json, sizeof json);
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
	if (json_out_finish(&writer, &bytes) != ERR_OK) {
		return; /* its bounds are above those of its parts */
	}
	audit.kind = ask->kind == CONTROL_REVOKE ? AUDIT_REVOCATION : AUDIT_GOVERNANCE;
	audit.bytes = (struct slice){ json, bytes };
	batch_put_audit(out, &audit);
}

void controls_apply(struct sequencer *self, struct batch *batch, struct byte_writer *out)
{
	for (struct control_ask *ask = self->controls; ask != NULL; ask = ask->next) {
		struct batch_control control = {
			.kind = ask->kind,
			.scope = ask->scope,
			.ts_unix_ms = ledger_batch_ts(self->ledger),
			.value = { (const uint8_t *)ask->value, ask->value_bytes },
			.actor = view(ask->actor),
			.reason = view(ask->reason),
		};

		ask->after_seq = ledger_next_seq(self->ledger) - 1;
		ask->status = ledger_control(self->ledger, &control);
		if (ask->status == ERR_OK) {
			put_audit(ask, control.ts_unix_ms, out);
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
	return "nothing was recorded; try again";
}

static void answer(struct sequencer *self, const struct control_ask *ask, enum err status)
{
	struct mesh *mesh = &self->worker->mesh;

	mesh_give_back(mesh, &ask->from);
	if (ask->kind == CONTROL_REVOKE) {
		struct oap_revoked_done done = { .after_seq = ask->after_seq };
		if (status == ERR_OK) {
			(void)!oap_send_revoked_done(
				mesh_peer_of(mesh, ask->from.process, ask->from.instance,
					ask->from.generation),
				ask->from.corr_id, &done);
		}
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

void controls_answer(struct sequencer *self, struct control_ask *asks, enum err status)
{
	struct control_ask *next;

	for (struct control_ask *ask = asks; ask != NULL; ask = next) {
		next = ask->next;
		answer(self, ask, status != ERR_OK ? status : ask->status);
		free(ask);
	}
}
