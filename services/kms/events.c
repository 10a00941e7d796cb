/* The keyring as the audit log shows it: one JSON object an event, members in the order of their
 * names, as the committer will store it. */
#include <string.h>

#include "core/audit.h"
#include "core/batch.h"
#include "core/json_out.h"
#include "core/sha256.h"
#include "services/kms/kms.h"

#define ROW_HEAD_BYTES (2u + 8u + 2u)

_Static_assert(ROW_HEAD_BYTES + BATCH_AUDIT_BYTES_MAX <= VERB_REPLY_BYTES_MAX, "a row fits a page");

struct row {
	enum audit_kind kind;
	uint64_t at_unix_s;
	uint8_t json[BATCH_AUDIT_BYTES_MAX];
	size_t json_bytes;
};

static void put_number(struct json_out *out, const char *key, uint64_t number)
{
	json_out_key(out, key);
	json_out_u64(out, number);
}

static void put_hex(struct json_out *out, const char *key, const uint8_t *bytes, size_t count)
{
	json_out_key(out, key);
	json_out_hex(out, (struct slice){ bytes, count });
}

static void put_text(struct json_out *out, const char *key, const char *text)
{
	json_out_key(out, key);
	json_out_text(out, text);
}

static void put_origin(
	struct row *row, struct json_out *out, uint64_t event, const struct keys_origin *origin)
{
	struct slice name = { (const uint8_t *)origin->name, strlen(origin->name) };
	struct note_vkey vkey = note_vkey_of(name, origin->public_key.bytes);
	char text[NOTE_VKEY_BYTES_MAX];

	row->kind = AUDIT_KEY_CREATED;
	row->at_unix_s = origin->at_unix_s;
	(void)note_vkey_print(&vkey, text);
	put_number(out, "event", event);
	put_text(out, "key", "node");
	put_text(out, "origin", origin->name);
	put_text(out, "vkey", text);
}

static void put_root_key(
	struct row *row, struct json_out *out, uint64_t event, const struct keys_item *item)
{
	row->kind = item->kid == 1 ? AUDIT_KEY_CREATED : AUDIT_ROTATED;
	row->at_unix_s = item->iat_unix_s;
	put_number(out, "event", event);
	put_text(out, "key", "root");
	put_number(out, "kid", item->kid);
}

static void put_revoked(
	struct row *row, struct json_out *out, uint64_t event, const struct keys_item *item)
{
	static const struct id128 root_key;

	row->kind = AUDIT_REVOKED;
	row->at_unix_s = item->revoked_unix_s;
	if (memcmp(&item->capability, &root_key, sizeof root_key) != 0) {
		put_hex(out, "capability", item->capability.bytes, ID_BYTES);
	}
	put_number(out, "event", event);
	put_number(out, "kid", item->kid);
}

/* whole: with the caveats themselves; else, for they are longer than a record, their hash. */
static void put_minted(struct row *row, struct json_out *out, uint64_t event,
	const struct keys_item *item, struct slice caveats, bool whole)
{
	struct hash hash;

	row->kind = AUDIT_MINTED;
	row->at_unix_s = item->iat_unix_s;
	put_hex(out, "capability", item->capability.bytes, ID_BYTES);
	if (whole) {
		kms_put_caveats(out, caveats);
	} else {
		sha256_hash(caveats.bytes, caveats.bytes_count, &hash);
		put_hex(out, "caveats_sha256", hash.bytes, HASH_BYTES);
	}
	put_number(out, "event", event);
	put_number(out, "exp", item->exp_unix_s);
	put_number(out, "kid", item->kid);
}

static enum err render(struct kms *kms, uint64_t event, bool whole, struct row *row)
{
	const struct keys_event *what = &kms->keys.events[event - 1];
	const struct keys_item *item = &kms->keys.items[what->index];
	uint8_t caveats[VERB_CAVEATS_BYTES_MAX];
	struct json_out out;

	json_out_init(&out, row->json, sizeof row->json);
	json_out_object_begin(&out);
	switch ((enum keys_file_type)what->type) {
	case KEYS_FILE_ORIGIN:
		put_origin(row, &out, event, &kms->keys.origins[what->index]);
		break;
	case KEYS_FILE_ROOT:
		put_root_key(row, &out, event, item);
		break;
	case KEYS_FILE_REVOKED:
		put_revoked(row, &out, event, item);
		break;
	case KEYS_FILE_MINTED:
		if (keys_read_caveats(&kms->keys, item, caveats) != ERR_OK) {
			return ERR_IO;
		}
		put_minted(row, &out, event, item, (struct slice){ caveats, item->caveats_bytes },
			whole);
		break;
	case KEYS_FILE_NODE:
		assert(false); /* no event */
		break;
	}
	json_out_object_end(&out);
	return json_out_finish(&out, &row->json_bytes);
}

enum err kms_event_rows(struct kms *kms, uint64_t after, struct slice *ret_rows)
{
	struct byte_writer out = byte_writer_of(kms->list, sizeof kms->list);
	struct row row;
	enum err err = ERR_OK;

	while (after < kms->keys.event_count &&
		out.left >= ROW_HEAD_BYTES + BATCH_AUDIT_BYTES_MAX) {
		err = render(kms, ++after, true, &row);
		if (err == ERR_TOO_LARGE) {
			err = render(kms, after, false, &row);
		}
		if (err != ERR_OK) {
			return err;
		}
		byte_put_u16(&out, (uint16_t)row.kind);
		byte_put_u64(&out, row.at_unix_s * 1000);
		byte_put_slice16(&out, (struct slice){ row.json, row.json_bytes });
	}
	*ret_rows = (struct slice){ kms->list, out.used };
	return ERR_OK;
}
