#include "cli/audit_line.h"

#include <string.h>

#include "cli/json_in.h"
#include "core/audit.h"
#include "core/base64.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "core/uuid.h"

#define BASE64_ROOM BASE64_TEXT_BYTES(8192u)

static const char *const type_names[AUDIT_TYPE_COUNT] = {
	[AUDIT_LEDGER] = "ledger",
	[AUDIT_COMMIT] = "commit",
	[AUDIT_ENTRY] = "entry",
	[AUDIT_AUDIT] = "audit",
	[AUDIT_CHECKPOINT] = "checkpoint",
	[AUDIT_NOTE] = "audit_note",
};

/* ---- printing ---- */

static void put_u64(struct json_out *out, const char *name, uint64_t value)
{
	json_out_key(out, name);
	json_out_u64(out, value);
}

static void put_hash(struct json_out *out, const char *name, const struct hash *hash)
{
	json_out_key(out, name);
	json_out_hex(out, (struct slice){ hash->bytes, HASH_BYTES });
}

static void put_text(struct json_out *out, const char *name, struct slice text)
{
	json_out_key(out, name);
	json_out_string(out, text);
}

static void put_word(struct json_out *out, const char *name, const char *word)
{
	json_out_key(out, name);
	json_out_text(out, word);
}

static void put_base64(struct json_out *out, const char *name, struct slice bytes)
{
	char text[BASE64_ROOM + 1];

	json_out_key(out, name);
	json_out_string(out, (struct slice){ (const uint8_t *)text,
				     base64_encode(bytes.bytes, bytes.bytes_count, text) });
}

/* Texts of clients: one with a NUL cannot be read back as text. */
static void put_free_text(
	struct json_out *out, const char *name, const char *name_base64, struct slice text)
{
	if (text.bytes_count == 0) {
		return;
	}
	if (memchr(text.bytes, 0, text.bytes_count) != NULL) {
		put_base64(out, name_base64, text);
	} else {
		put_text(out, name, text);
	}
}

static void put_uuid(struct json_out *out, const char *name, const struct id128 *id)
{
	char text[UUID_TEXT_BYTES + 1];

	uuid_print(id, text);
	put_word(out, name, text);
}

static void put_ledger(struct json_out *out, const struct audit_line *line)
{
	put_u64(out, "first_seq", line->first_seq);
	put_word(out, "hash", line->head.hash == MERKLE_BLAKE3 ? "blake3" : "sha256");
	put_u64(out, "last_seq", line->last_seq);
	put_word(out, "origin", line->head.origin);
	put_hash(out, "root", &line->head.root);
	put_u64(out, "size", line->head.size);
	put_word(out, "type", "ledger");
	put_u64(out, "version", 1);
}

static void put_commit(struct json_out *out, const struct schema_root *commit)
{
	put_u64(out, "batch_ts", (uint64_t)commit->batch_ts_unix_ms);
	put_u64(out, "fence", commit->fence);
	put_u64(out, "first_seq", commit->first_seq);
	put_u64(out, "last_seq", commit->last_seq);
	put_hash(out, "prev_root", &commit->prev_root);
	put_hash(out, "root", &commit->root);
	put_word(out, "type", "commit");
}

static void put_optional_u64(struct json_out *out, const char *name, uint64_t value)
{
	if (value != 0) {
		put_u64(out, name, value);
	}
}

/* The first half of its members, by name. */
static void put_entry_parties(struct json_out *out, const struct entry *entry)
{
	put_text(out, "account", entry->account);
	json_out_key(out, "amount");
	json_out_u128(out, entry->amount);
	put_text(out, "asset", entry->asset);
	put_text(out, "capability_ref", entry->capability_ref);
	if (entry->counter_account.bytes_count > 0) {
		put_text(out, "counter_account", entry->counter_account);
	}
	put_word(out, "effect", entry_effect_name(entry->effect));
	put_optional_u64(out, "expires_ts", entry->expires_unix_ms);
	put_optional_u64(out, "group_count", entry->group_count);
	put_optional_u64(out, "group_first", entry->group_first);
	put_uuid(out, "id", &entry->id);
}

static bool put_entry(struct json_out *out, const struct batch_entry *record)
{
	struct entry entry;

	if (entry_decode(record->leaf, &entry) != ERR_OK) {
		return false;
	}
	put_entry_parties(out, &entry);
	put_free_text(out, "idem_id", "idem_id_base64", record->idem_id);
	put_u64(out, "kid", entry.kid);
	put_word(out, "kind", entry_kind_name(entry.kind));
	put_optional_u64(out, "lane", record->lane);
	put_optional_u64(out, "lane_nonce", record->lane_nonce);
	put_base64(out, "leaf", record->leaf);
	put_free_text(out, "memo", "memo_base64", record->memo);
	put_base64(out, "nonce", (struct slice){ entry.nonce.bytes, ID_BYTES });
	if (entry.original_seq != 0) {
		put_uuid(out, "original_id", &entry.original_id);
	}
	put_optional_u64(out, "original_seq", entry.original_seq);
	put_u64(out, "prev_account_seq", record->prev_account_seq);
	put_u64(out, "prev_counter_seq", record->prev_counter_seq);
	put_free_text(out, "receipt", "receipt_base64", record->receipt);
	if (record->has_memo) {
		put_base64(out, "salt", (struct slice){ record->salt, ENTRY_SALT_BYTES });
	}
	put_u64(out, "seq", entry.seq);
	put_word(out, "source", entry_source_name(entry.source));
	put_u64(out, "ts", entry.ts_unix_ms);
	put_word(out, "type", "entry");
	return true;
}

static bool put_audit(struct json_out *out, const struct audit_line *line)
{
	struct batch_audit audit;
	const char *name;

	if (batch_get_audit(line->record, &audit) != ERR_OK) {
		return false;
	}
	name = audit_kind_name(audit.kind);
	put_free_text(out, "bytes", "bytes_base64", audit.bytes);
	put_hash(out, "hash", &line->hash);
	put_u64(out, "index", line->index);
	put_u64(out, "kind", audit.kind);
	put_word(out, "name", name == NULL ? "" : name);
	put_base64(out, "record", line->record);
	put_u64(out, "ts", audit.ts_unix_ms);
	put_word(out, "type", "audit");
	return true;
}

size_t audit_line_print(const struct audit_line *line, uint8_t *bytes, size_t bytes_max)
{
	size_t bytes_count = 0;
	struct json_out out;
	bool good = true;

	json_out_init(&out, bytes, bytes_max - 1);
	json_out_object_begin(&out);
	switch (line->type) {
	case AUDIT_LEDGER:
		put_ledger(&out, line);
		break;
	case AUDIT_COMMIT:
		put_commit(&out, &line->commit);
		break;
	case AUDIT_ENTRY:
		good = put_entry(&out, &line->entry);
		break;
	case AUDIT_AUDIT:
		good = put_audit(&out, line);
		break;
	case AUDIT_CHECKPOINT:
	case AUDIT_NOTE:
		put_text(&out, "note", line->note);
		put_word(&out, "type", type_names[line->type]);
		break;
	case AUDIT_TYPE_COUNT:
		good = false;
		break;
	}
	json_out_object_end(&out);
	if (!good || json_out_finish(&out, &bytes_count) != ERR_OK) {
		return 0;
	}
	bytes[bytes_count] = '\n';
	return bytes_count + 1;
}

/* ---- the way back ---- */

/* Room for what was base64, one behind the other. */
struct unpacking {
	const struct json_in *root;
	uint8_t *next;
	size_t left;
	bool failed;
};

static struct slice get_base64(struct unpacking *unpacking, const char *name)
{
	const char *text = json_in_text_of(unpacking->root, name);
	size_t count = 0;

	if (base64_decode(text, strlen(text), unpacking->next, unpacking->left, &count) != ERR_OK) {
		unpacking->failed = true;
		return (struct slice){ NULL, 0 };
	}
	unpacking->next += count;
	unpacking->left -= count;
	return (struct slice){ unpacking->next - count, count };
}

static struct slice get_free_text(
	struct unpacking *unpacking, const char *name, const char *name_base64)
{
	const char *text = json_in_text_of(unpacking->root, name);

	if (text[0] != '\0') {
		return (struct slice){ (const uint8_t *)text, strlen(text) };
	}
	return get_base64(unpacking, name_base64);
}

static void get_hash(struct unpacking *unpacking, const char *name, struct hash *ret_hash)
{
	const char *text = json_in_text_of(unpacking->root, name);

	if (strlen(text) != HEX_TEXT_BYTES(HASH_BYTES) ||
		hex_decode(text, strlen(text), ret_hash->bytes, HASH_BYTES) != ERR_OK) {
		unpacking->failed = true;
	}
}

static void get_ledger(struct unpacking *unpacking, struct audit_line *line)
{
	const char *origin = json_in_text_of(unpacking->root, "origin");

	if (strlen(origin) > SCHEMA_ORIGIN_BYTES_MAX) {
		unpacking->failed = true;
		return;
	}
	memcpy(line->head.origin, origin, strlen(origin) + 1);
	line->first_seq = json_in_u64_of(unpacking->root, "first_seq");
	line->last_seq = json_in_u64_of(unpacking->root, "last_seq");
	line->head.size = json_in_u64_of(unpacking->root, "size");
	line->head.hash = strcmp(json_in_text_of(unpacking->root, "hash"), "blake3") == 0
				  ? MERKLE_BLAKE3
				  : MERKLE_SHA256;
	get_hash(unpacking, "root", &line->head.root);
}

static void get_commit(struct unpacking *unpacking, struct schema_root *commit)
{
	commit->batch_ts_unix_ms = (int64_t)json_in_u64_of(unpacking->root, "batch_ts");
	commit->fence = json_in_u64_of(unpacking->root, "fence");
	commit->first_seq = json_in_u64_of(unpacking->root, "first_seq");
	commit->last_seq = json_in_u64_of(unpacking->root, "last_seq");
	get_hash(unpacking, "prev_root", &commit->prev_root);
	get_hash(unpacking, "root", &commit->root);
}

static void get_entry(struct unpacking *unpacking, struct batch_entry *entry)
{
	struct slice salt;

	entry->leaf = get_base64(unpacking, "leaf");
	entry->idem_id = get_free_text(unpacking, "idem_id", "idem_id_base64");
	entry->memo = get_free_text(unpacking, "memo", "memo_base64");
	entry->receipt = get_free_text(unpacking, "receipt", "receipt_base64");
	entry->lane = (uint8_t)json_in_u64_of(unpacking->root, "lane");
	entry->lane_nonce = json_in_u64_of(unpacking->root, "lane_nonce");
	entry->prev_account_seq = json_in_u64_of(unpacking->root, "prev_account_seq");
	entry->prev_counter_seq = json_in_u64_of(unpacking->root, "prev_counter_seq");
	salt = get_base64(unpacking, "salt");
	entry->has_memo = salt.bytes_count == ENTRY_SALT_BYTES;
	if (entry->has_memo) {
		memcpy(entry->salt, salt.bytes, ENTRY_SALT_BYTES);
	}
}

static void get_line(struct unpacking *unpacking, struct audit_line *line)
{
	const char *note = json_in_text_of(unpacking->root, "note");

	switch (line->type) {
	case AUDIT_LEDGER:
		get_ledger(unpacking, line);
		break;
	case AUDIT_COMMIT:
		get_commit(unpacking, &line->commit);
		break;
	case AUDIT_ENTRY:
		get_entry(unpacking, &line->entry);
		break;
	case AUDIT_AUDIT:
		line->index = json_in_u64_of(unpacking->root, "index");
		line->record = get_base64(unpacking, "record");
		get_hash(unpacking, "hash", &line->hash);
		break;
	case AUDIT_CHECKPOINT:
	case AUDIT_NOTE:
		line->note = (struct slice){ (const uint8_t *)note, strlen(note) };
		break;
	case AUDIT_TYPE_COUNT:
		break;
	}
}

const char *audit_line_parse(
	struct slice text, struct audit_line *ret_line, struct audit_line_room *room)
{
	static uint8_t again[AUDIT_LINE_BYTES_MAX];
	struct unpacking unpacking = { .next = room->bytes, .left = sizeof room->bytes };
	const char *type;
	unsigned number = 0;
	size_t bytes;

	room->root = json_in_parse(text);
	if (room->root == NULL) {
		return "is no JSON";
	}
	unpacking.root = room->root;
	type = json_in_text_of(room->root, "type");
	while (number < AUDIT_TYPE_COUNT && strcmp(type, type_names[number]) != 0) {
		number++;
	}
	memset(ret_line, 0, sizeof *ret_line);
	ret_line->type = (enum audit_type)number;
	get_line(&unpacking, ret_line);
	if (number == AUDIT_TYPE_COUNT || unpacking.failed) {
		return "does not have the members of its type";
	}
	bytes = audit_line_print(ret_line, again, sizeof again);
	if (bytes != text.bytes_count + 1 || memcmp(again, text.bytes, text.bytes_count) != 0) {
		return "does not say what the bytes in it say: it was changed";
	}
	return NULL;
}
