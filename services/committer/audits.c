/* The committer's own audit records: that the ledger started and stopped, that it has another
 * name, and what happened to the keys of kms. Each is a batch of audit records alone, under the
 * time of the last commit, so that whatever the sequencer sends next still continues it. */
#include <string.h>

#include "common/log.h"
#include "core/batch.h"
#include "core/json_out.h"
#include "services/committer/committer.h"

/* The newest records are looked at first, so many at a time. */
#define WINDOW_ROWS 256u

#define ROWS_BYTES_MAX (VERB_REPLY_BYTES_MAX + 1024u)

/* --- appending --- */

/* ERR_NO_SPACE: the disk is full, and that is told; nothing was appended. Ends the process when
 * the outcome is not known. */
static enum err append(struct committer *self, struct slice records, const char *origin)
{
	const struct reader_head *head = store_head(self->store);
	const struct store_batch batch = {
		.fence = head->meta.fence,
		.first_seq = head->size + 1,
		.prev_root = head->root,
		.batch_ts_unix_ms = head->batch_ts_unix_ms,
		.low_water = head->low_water,
		.records = records,
		.origin = origin,
	};
	struct store_commit commit;
	struct why why = { "" };
	enum err err = store_append(self->store, &batch, clock_now(), &commit, &why);

	if (err == ERR_NO_SPACE) {
		committer_disk_full(self, why.text);
		return err;
	}
	if (err != ERR_OK) {
		committer_lose_trust(
			self, "sync_failed: audit records cannot be appended: %s", why.text);
	}
	return ERR_OK;
}

static enum err append_record(
	struct committer *self, const struct batch_audit *audit, const char *origin)
{
	uint8_t bytes[BATCH_HEAD_BYTES + 16u + BATCH_AUDIT_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	batch_put_audit(&out, audit);
	assert(!out.failed);
	return append(self, (struct slice){ bytes, out.used }, origin);
}

static enum err append_one(
	struct committer *self, enum audit_kind kind, struct slice json, const char *origin)
{
	struct batch_audit audit = {
		.ts_unix_ms = (uint64_t)clock_unix_ms(),
		.kind = (uint16_t)kind,
		.bytes = json,
	};

	return append_record(self, &audit, origin);
}

_Static_assert(VERB_AUDIT_BYTES_MAX <= BATCH_AUDIT_BYTES_MAX, "a record fits a batch");

/* At the time when it was done, which may be before others that are there already. */
enum err audits_supervisor(struct committer *self, const struct oap_audit *msg)
{
	struct batch_audit audit = {
		.ts_unix_ms = msg->ts_unix_ms,
		.kind = msg->kind,
		.bytes = msg->json,
	};

	if (self->phase != PHASE_SERVING || self->store == NULL || self->is_draining) {
		return ERR_BUSY;
	}
	return append_record(self, &audit, NULL);
}

enum err audits_append(struct committer *self, enum audit_kind kind, struct slice json)
{
	return append_one(self, kind, json, NULL);
}

static void put_hash(struct json_out *out, const char *key, const struct hash *hash)
{
	json_out_key(out, key);
	json_out_hex(out, (struct slice){ hash->bytes, HASH_BYTES });
}

static void put_u64(struct json_out *out, const char *key, uint64_t number)
{
	json_out_key(out, key);
	json_out_u64(out, number);
}

static struct slice finish(const struct json_out *out)
{
	size_t bytes = 0;
	enum err err = json_out_finish(out, &bytes);

	assert(err == ERR_OK); /* a few numbers and names */
	(void)err;
	return (struct slice){ out->bytes, bytes };
}

/* Once a life, when the state was replayed and agrees. */
void audits_start(struct committer *self)
{
	const struct reader_head *head = store_head(self->store);
	uint8_t json[512];
	struct json_out out;

	if (self->audits.start_is_recorded) {
		return;
	}
	json_out_init(&out, json, sizeof json);
	json_out_object_begin(&out);
	json_out_key(&out, "after");
	json_out_text(&out, self->audits.after);
	put_u64(&out, "fence", head->meta.fence);
	json_out_key(&out, "origin");
	json_out_text(&out, head->meta.origin);
	put_hash(&out, "root", &head->root);
	put_u64(&out, "size", head->size);
	json_out_object_end(&out);
	self->audits.start_is_recorded = audits_append(self, AUDIT_START, finish(&out)) == ERR_OK;
}

void audits_stop(struct committer *self)
{
	const struct reader_head *head = store_head(self->store);
	uint8_t json[512];
	struct json_out out;

	json_out_init(&out, json, sizeof json);
	json_out_object_begin(&out);
	put_u64(&out, "fence", head->meta.fence);
	put_hash(&out, "root", &head->root);
	put_u64(&out, "size", head->size);
	json_out_object_end(&out);
	(void)!audits_append(self, AUDIT_STOP, finish(&out));
}

/* The new name and the record of it, at once: so it is recorded once. */
enum err audits_origin(struct committer *self, const struct origin_told *told)
{
	const struct reader_head *head = store_head(self->store);
	uint8_t json[1024];
	struct json_out out;

	json_out_init(&out, json, sizeof json);
	json_out_object_begin(&out);
	put_hash(&out, "abandoned_root", &told->abandoned_root);
	put_u64(&out, "abandoned_size", told->abandoned_size);
	json_out_key(&out, "new_origin");
	json_out_text(&out, told->origin);
	json_out_key(&out, "old_origin");
	json_out_text(&out, head->meta.origin);
	put_hash(&out, "root", &head->root);
	put_u64(&out, "size", head->size);
	json_out_object_end(&out);
	return append_one(self, AUDIT_ORIGIN_CHANGED, finish(&out), told->origin);
}

/* --- how far the records are --- */

struct look {
	uint64_t event; /* of the newest that mirrors one */
	uint16_t kind;  /* of the newest start or stop */
	bool bad;
};

/* "event":N of our own JSON, where no string can hold that spelling: quotes are escaped. */
static bool event_of(struct slice json, uint64_t *ret_event)
{
	static const char name[] = "\"event\":";
	const uint8_t *at = memmem(json.bytes, json.bytes_count, name, sizeof name - 1);
	uint64_t event = 0;

	if (at == NULL) {
		return false;
	}
	for (at += sizeof name - 1; at < json.bytes + json.bytes_count && *at >= '0' && *at <= '9';
		at++) {
		event = event * 10 + (uint64_t)(*at - '0');
	}
	*ret_event = event;
	return event > 0;
}

static bool on_record(void *context, uint64_t index, struct slice record, const struct hash *hash)
{
	struct look *look = context;
	struct batch_audit audit;

	(void)index;
	(void)hash;
	if (batch_get_audit(record, &audit) != ERR_OK) {
		look->bad = true;
		return false;
	}
	if (audit.kind >= AUDIT_KEY_EVENT_MIN && !event_of(audit.bytes, &look->event)) {
		look->bad = true;
		return false;
	}
	if (audit.kind == AUDIT_START || audit.kind == AUDIT_STOP) {
		look->kind = audit.kind;
	}
	return true;
}

static enum err look_at(struct reader *reader, uint64_t first, uint64_t last, struct look *look)
{
	uint64_t key = first;
	enum err err = ERR_OK;
	bool done = false;

	while (err == ERR_OK && !done && key <= last) {
		err = reader_audits(reader, &key, on_record, look, &done);
		err = look->bad ? ERR_CORRUPT : err;
	}
	return err;
}

enum err audits_resume(struct committer *self)
{
	struct look found = { .event = 0 };
	uint64_t last = store_head(self->store)->audit_count;
	enum err err = ERR_OK;

	while (last > 0 && err == ERR_OK && (found.event == 0 || found.kind == 0)) {
		uint64_t first = last > WINDOW_ROWS ? last - WINDOW_ROWS + 1 : 1;
		struct look look = { .event = 0 };

		err = look_at(self->reader, first, last, &look);
		found.event = found.event != 0 ? found.event : look.event;
		found.kind = found.kind != 0 ? found.kind : look.kind;
		last = first - 1;
	}
	self->audits.mirrored = found.event;
	self->audits.after = found.kind == 0            ? "genesis"
			     : found.kind == AUDIT_STOP ? "stop"
							: "crash";
	return err;
}

/* --- what happened to keys --- */

void audits_told(struct committer *self, uint64_t count)
{
	self->audits.told = count;
	if (count < self->audits.mirrored) {
		/* an older copy of the key directory: what it knows comes next, whatever was
		 * recorded before stays recorded */
		log_event(LOG_KEYRING_BEHIND,
			&(struct log_fields){ .count = count, .size = self->audits.mirrored });
		self->audits.mirrored = count;
	}
}

void audits_turn(struct committer *self)
{
	struct oap_read_key_events ask = { .after = self->audits.mirrored };
	struct peer *kms = mesh_peer(&self->worker->mesh, PROCESS_KMS, 0);

	if (self->audits.asked || self->audits.told <= self->audits.mirrored ||
		self->phase != PHASE_SERVING || self->is_draining || kms == NULL) {
		return;
	}
	self->audits.asked = oap_send_read_key_events(kms, ++self->audits.ask_no, &ask) == ERR_OK;
}

/* ERR_MALFORMED: kms does not keep to the form. */
static enum err take_rows(
	struct committer *self, struct slice rows, struct byte_writer *out, uint64_t *ret_last)
{
	struct byte_reader in = byte_reader_of(rows);
	uint64_t event = self->audits.mirrored;

	while (in.left > 0) {
		struct batch_audit audit;
		uint64_t number = 0;

		audit.kind = byte_get_u16(&in);
		audit.ts_unix_ms = byte_get_u64(&in);
		audit.bytes = byte_get_slice16(&in, BATCH_AUDIT_BYTES_MAX);
		if (in.failed || audit.kind < AUDIT_KEY_EVENT_MIN ||
			!event_of(audit.bytes, &number) || number != event + 1) {
			return ERR_MALFORMED;
		}
		batch_put_audit(out, &audit);
		event = number;
	}
	*ret_last = event;
	return out->failed ? ERR_MALFORMED : ERR_OK;
}

enum err audits_take(struct committer *self, uint64_t corr_id, struct slice rows)
{
	static uint8_t bytes[ROWS_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	uint64_t last = 0;
	enum err err;

	if (!self->audits.asked || corr_id != self->audits.ask_no) {
		return ERR_OK; /* of a kms that died since */
	}
	self->audits.asked = false;
	err = take_rows(self, rows, &out, &last);
	if (err != ERR_OK) {
		return err;
	}
	if (rows.bytes_count == 0) {
		self->audits.told = self->audits.mirrored; /* they cannot be read now */
		return ERR_OK;
	}
	if (self->phase == PHASE_SERVING && self->store != NULL && !self->is_draining &&
		append(self, (struct slice){ bytes, out.used }, NULL) == ERR_OK) {
		self->audits.mirrored = last;
	}
	return ERR_OK;
}
