/* What the rewarder quarantines, what an operator releases of it, and what became of runs that were
 * postponed, in the audit log: each is a record of the next batch, and is answered when that is on
 * disk. Nothing here changes the ledger. That a run is quarantined is the rewarder's word; a
 * release is recorded only under a grant that covers it, whoever brings it. */
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/json_out.h"
#include "core/reward.h"
#include "core/reward_text.h"
#include "core/utf8.h"
#include "services/sequencer/sequencer.h"

/* So many go into one batch, which has room for entries beside them. */
#define QUARANTINES_IN_BATCH 16u

/* Names and numbers of a record; a text of control characters is six times as long in JSON. */
#define RECORD_REST_BYTES (VERB_TENANT_BYTES_MAX + VERB_EPOCH_BYTES_MAX + 512u)
_Static_assert(6u * VERB_TEXT_BYTES_MAX + RECORD_REST_BYTES <= BATCH_AUDIT_BYTES_MAX,
	"the longest text fits its record");

static void put_hex(struct json_out *out, const char *key, const uint8_t *bytes, size_t count)
{
	json_out_key(out, key);
	json_out_hex(out, (struct slice){ bytes, count });
}

static void put_string(struct json_out *out, const char *key, struct slice text)
{
	json_out_key(out, key);
	json_out_string(out, text);
}

static void put_u64(struct json_out *out, const char *key, uint64_t number)
{
	json_out_key(out, key);
	json_out_u64(out, number);
}

static void put_commitment(struct json_out *out, const struct hash *commitment)
{
	char cid[REWARD_CID_BYTES + 1];

	reward_text_print_cid(commitment, cid);
	json_out_key(out, "commitment");
	json_out_text(out, cid);
}

/* Members in the order of their names. grant: NULL: whose run it was is not known. */
static size_t write_record(const struct oap_record_run *msg, const struct grant *grant,
	uint8_t json[BATCH_AUDIT_BYTES_MAX])
{
	bool is_release = msg->act == QUARANTINE_RELEASED;
	uint8_t ticket[sizeof msg->ticket];
	struct byte_writer ticket_out = byte_writer_of(ticket, sizeof ticket);
	struct json_out out;
	size_t bytes = 0;

	json_out_init(&out, json, BATCH_AUDIT_BYTES_MAX);
	json_out_object_begin(&out);
	if (grant != NULL) {
		put_hex(&out, "capability", grant->capability_id.bytes, ID_BYTES);
	}
	put_commitment(&out, &msg->commitment);
	if (!is_release) {
		put_string(&out, "detail", msg->text);
	}
	put_string(&out, "epoch_id", msg->epoch);
	if (grant != NULL) {
		put_u64(&out, "kid", grant->key_id);
	}
	json_out_key(&out, "kind");
	json_out_text(&out, reward_kind_name(msg->kind));
	if (is_release) {
		put_u64(&out, "peer_uid", grant->peer_uid);
		put_string(&out, "reason", msg->text);
	}
	put_hex(&out, "run_key", msg->run_key.bytes, HASH_BYTES);
	put_string(&out, "tenant", msg->tenant);
	if (msg->ticket != 0) { /* as logs print it */
		byte_put_u64(&ticket_out, __builtin_bswap64(msg->ticket));
		put_hex(&out, "ticket", ticket, sizeof ticket);
	}
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes) != ERR_OK) {
		assert(!"a record fits");
	}
	return bytes;
}

static void answer(struct sequencer *self, const struct oap_from *from,
	const struct oap_recorded_run *recorded)
{
	struct mesh *mesh = &self->worker->mesh;

	mesh_give_back(mesh, from);
	(void)!oap_send_recorded_run(
		mesh_peer_of(mesh, from->process, from->instance, from->generation), from->corr_id,
		recorded); /* or it is gone */
}

static void refuse(struct sequencer *self, const struct oap_from *from, enum err status,
	enum reward_reason reason)
{
	answer(self, from,
		&(struct oap_recorded_run){ .status = (uint8_t)status, .reason = (uint8_t)reason });
}

static bool is_sound(const struct oap_record_run *msg, const struct judged *what)
{
	bool may_be_none = msg->act == QUARANTINE_RELEASED; /* of a run that failed */

	return msg->act < QUARANTINE_ACT_COUNT && (may_be_none || msg->kind > REWARD_KIND_NONE) &&
	       msg->kind < REWARD_KIND_COUNT && what->tenant.bytes_count > 0 &&
	       what->epoch.bytes_count > 0 && judging_is_sound(what) &&
	       utf8_valid(msg->text.bytes, msg->text.bytes_count);
}

static struct quarantine_ask *append(struct sequencer *self, const struct oap_from *from,
	enum audit_kind kind, struct slice json)
{
	struct quarantine_ask *ask = malloc(sizeof *ask + json.bytes_count);

	assert(ask != NULL); /* the credit windows bound what we hold */
	*ask = (struct quarantine_ask){
		.from = *from, .kind = (uint16_t)kind, .json_bytes = json.bytes_count
	};
	memcpy(ask->json, json.bytes, json.bytes_count);
	*self->quarantines_last = ask;
	self->quarantines_last = &ask->next;
	return ask;
}

static void append_run(struct sequencer *self, const struct oap_from *from,
	const struct oap_record_run *msg, const struct grant *grant)
{
	uint8_t json[BATCH_AUDIT_BYTES_MAX];
	size_t json_bytes = write_record(msg, grant, json);
	struct quarantine_ask *ask = append(self, from,
		msg->act == QUARANTINE_RELEASED ? AUDIT_RELEASED : AUDIT_QUARANTINED,
		(struct slice){ json, json_bytes });

	if (grant != NULL) {
		ask->capability = grant->capability_id;
	}
}

enum err quarantines_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_record_run *msg)
{
	bool is_release = msg->act == QUARANTINE_RELEASED;
	const struct judged what = { is_release ? CAVEAT_ACTION_REWARDER_QUARANTINE
						: CAVEAT_ACTION_REWARDER_RUN,
		msg->tenant, msg->epoch };
	enum reward_reason reason = REWARD_REASON_UNAUTH;
	struct grant grant;
	enum err err = ERR_MALFORMED;

	if (!is_sound(msg, &what)) {
		return ERR_MALFORMED;
	}
	if (requests_why_not(self) != DETAIL_NONE) {
		refuse(self, from, ERR_OK, REWARD_REASON_DEP_OUTAGE);
		return ERR_OK;
	}
	if (msg->grant.bytes_count > 0) {
		err = judging_grant(self, msg->grant, &what, &grant, &reason);
	}
	if (is_release && reason != REWARD_REASON_NONE) {
		refuse(self, from, err, reason);
		return ERR_OK;
	}
	/* a run may have lasted longer than its grant: that it was sealed is enough */
	append_run(self, from, msg,
		err == ERR_OK && reason != REWARD_REASON_CAP_TIMEOUT ? &grant : NULL);
	return ERR_OK;
}

enum err quarantines_take_drain(
	struct sequencer *self, const struct oap_from *from, const struct oap_record_drain *msg)
{
	uint8_t json[BATCH_AUDIT_BYTES_MAX];
	struct json_out out;
	size_t bytes = 0;

	if (msg->paid == 0 && msg->quarantined == 0 && msg->postponed == 0) {
		return ERR_MALFORMED;
	}
	if (requests_why_not(self) != DETAIL_NONE) {
		refuse(self, from, ERR_OK, REWARD_REASON_DEP_OUTAGE);
		return ERR_OK;
	}
	json_out_init(&out, json, sizeof json);
	json_out_object_begin(&out);
	put_u64(&out, "paid", msg->paid);
	put_u64(&out, "postponed", msg->postponed);
	put_u64(&out, "quarantined", msg->quarantined);
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes) != ERR_OK) {
		assert(!"a record fits");
	}
	(void)append(self, from, AUDIT_DRAINED, (struct slice){ json, bytes });
	return ERR_OK;
}

void quarantines_apply(struct sequencer *self, struct batch *batch, struct byte_writer *out)
{
	struct quarantine_ask **last = &batch->quarantines;

	assert(batch->quarantines == NULL);
	for (size_t i = 0; i < QUARANTINES_IN_BATCH && self->quarantines != NULL; i++) {
		struct quarantine_ask *ask = self->quarantines;
		struct batch_audit audit = {
			.ts_unix_ms = ledger_batch_ts(self->ledger),
			.kind = ask->kind,
			.bytes = { ask->json, ask->json_bytes },
		};

		batch_put_audit(out, &audit);
		self->quarantines = ask->next;
		ask->next = NULL;
		*last = ask;
		last = &ask->next;
	}
	if (self->quarantines == NULL) {
		self->quarantines_last = &self->quarantines;
	}
}

static void answer_all(struct sequencer *self, struct quarantine_ask *asks, bool is_committed)
{
	struct quarantine_ask *next;

	for (struct quarantine_ask *ask = asks; ask != NULL; ask = next) {
		next = ask->next;
		if (is_committed) {
			answer(self, &ask->from,
				&(struct oap_recorded_run){ .capability = ask->capability });
		} else {
			refuse(self, &ask->from, ERR_OK, REWARD_REASON_DEP_OUTAGE);
		}
		free(ask);
	}
}

void quarantines_answer(struct sequencer *self, struct batch *batch, bool is_committed)
{
	struct quarantine_ask *asks = batch->quarantines;

	batch->quarantines = NULL;
	answer_all(self, asks, is_committed);
}

void quarantines_refuse_all(struct sequencer *self)
{
	struct quarantine_ask *asks = self->quarantines;

	self->quarantines = NULL;
	self->quarantines_last = &self->quarantines;
	answer_all(self, asks, false);
}
