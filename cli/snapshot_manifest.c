#include "cli/snapshot_manifest.h"

#include <string.h>

#include "cli/json_in.h"
#include "core/hex.h"
#include "core/json_out.h"

const char *snapshot_manifest_name(unsigned member)
{
	static const char *const names[MEMBER_COUNT] = {
#define AS_NAME(NAME, name, what) [MEMBER_##NAME] = name,
		SNAPSHOT_MEMBERS(AS_NAME)
#undef AS_NAME
	};

	return names[member];
}

enum export_what snapshot_manifest_what(unsigned member)
{
	static const enum export_what kinds[MEMBER_COUNT] = {
#define AS_KIND(NAME, name, what) [MEMBER_##NAME] = (what),
		SNAPSHOT_MEMBERS(AS_KIND)
#undef AS_KIND
	};

	return kinds[member];
}

static void put_u64(struct json_out *out, const char *name, uint64_t value)
{
	json_out_key(out, name);
	json_out_u64(out, value);
}

static void put_text(struct json_out *out, const char *name, const char *text)
{
	json_out_key(out, name);
	json_out_text(out, text);
}

static void put_hash(struct json_out *out, const char *name, const struct hash *hash)
{
	json_out_key(out, name);
	json_out_hex(out, (struct slice){ hash->bytes, HASH_BYTES });
}

static void put_members(struct json_out *out, const struct manifest *manifest)
{
	json_out_key(out, "members");
	json_out_array_begin(out);
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		const struct manifest_member *member = &manifest->members[i];

		if (!member->there) {
			continue;
		}
		json_out_object_begin(out);
		put_text(out, "name", snapshot_manifest_name(i));
		put_u64(out, "records", member->record_count);
		put_hash(out, "sha256", &member->sha256);
		put_u64(out, "size", member->bytes_count);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

size_t snapshot_manifest_print(const struct manifest *manifest, uint8_t *bytes, size_t bytes_max)
{
	const struct source_head *head = &manifest->head;
	size_t bytes_count = 0;
	struct json_out out;

	json_out_init(&out, bytes, bytes_max - 1);
	json_out_object_begin(&out); /* members in the order of their names */
	put_hash(&out, "audit_head", &manifest->audit_head);
	put_u64(&out, "audits", head->audit_count);
	put_u64(&out, "batch_ts", (uint64_t)head->batch_ts_unix_ms);
	put_u64(&out, "born_ts", (uint64_t)head->born_unix_ms);
	put_u64(&out, "controls", head->control_count);
	put_u64(&out, "created_ts", (uint64_t)manifest->created_unix_ms);
	put_u64(&out, "first_seq", head->size == 0 ? 0 : 1);
	put_text(&out, "hash", head->hash == MERKLE_BLAKE3 ? "blake3" : "sha256");
	put_u64(&out, "last_seq", head->size);
	put_members(&out, manifest);
	put_text(&out, "origin", head->origin);
	put_hash(&out, "root", &head->root);
	put_text(&out, "signature", manifest->is_signed ? "kms" : "none");
	put_u64(&out, "size", head->size);
	put_u64(&out, "version", MANIFEST_VERSION);
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes_count) != ERR_OK) {
		return 0;
	}
	bytes[bytes_count] = '\n';
	return bytes_count + 1;
}

/* ---- the way back ---- */

static bool get_hash(const struct json_in *object, const char *name, struct hash *ret_hash)
{
	const char *text = json_in_text_of(object, name);

	return strlen(text) == HEX_TEXT_BYTES(HASH_BYTES) &&
	       hex_decode(text, strlen(text), ret_hash->bytes, HASH_BYTES) == ERR_OK;
}

static bool get_members(const struct json_in *root, struct manifest *manifest)
{
	const struct json_in *list = json_in_member(root, "members");
	size_t count = json_in_count(list);
	unsigned at = 0;

	for (size_t i = 0; i < count; i++, at++) {
		const struct json_in *item = json_in_item(list, i);
		const char *name = json_in_text_of(item, "name");
		struct manifest_member *member;

		while (at < MEMBER_COUNT && strcmp(name, snapshot_manifest_name(at)) != 0) {
			at++;
		}
		if (at >= MEMBER_COUNT) {
			return false;
		}
		member = &manifest->members[at];
		member->there = true;
		member->bytes_count = json_in_u64_of(item, "size");
		member->record_count = json_in_u64_of(item, "records");
		if (!get_hash(item, "sha256", &member->sha256)) {
			return false;
		}
	}
	/* The notes come together; without the rest there is no ledger. */
	for (at = MEMBER_COMMITS; at < MEMBER_COUNT; at++) {
		if (!manifest->members[at].there) {
			return false;
		}
	}
	return manifest->members[MEMBER_CHECKPOINT].there ==
	       manifest->members[MEMBER_AUDIT_NOTE].there;
}

static const char *take(const struct json_in *root, struct manifest *manifest)
{
	struct source_head *head = &manifest->head;
	const char *origin = json_in_text_of(root, "origin");
	const char *hash = json_in_text_of(root, "hash");

	if (json_in_u64_of(root, "version") > MANIFEST_VERSION) {
		return "it is of a newer version of this program";
	}
	if (origin[0] == '\0' || strlen(origin) > SCHEMA_ORIGIN_BYTES_MAX) {
		return "it names no origin";
	}
	memcpy(head->origin, origin, strlen(origin) + 1);
	head->hash = strcmp(hash, "blake3") == 0 ? MERKLE_BLAKE3 : MERKLE_SHA256;
	head->size = json_in_u64_of(root, "size");
	head->born_unix_ms = (int64_t)json_in_u64_of(root, "born_ts");
	head->batch_ts_unix_ms = (int64_t)json_in_u64_of(root, "batch_ts");
	head->control_count = json_in_u64_of(root, "controls");
	head->audit_count = json_in_u64_of(root, "audits");
	manifest->created_unix_ms = (int64_t)json_in_u64_of(root, "created_ts");
	manifest->is_signed = strcmp(json_in_text_of(root, "signature"), "kms") == 0;
	if (head->size > MERKLE_SIZE_MAX || head->control_count > MERKLE_SIZE_MAX ||
		head->audit_count > MERKLE_SIZE_MAX || head->born_unix_ms < 0 ||
		head->batch_ts_unix_ms < 0 || !get_hash(root, "root", &head->root) ||
		!get_hash(root, "audit_head", &manifest->audit_head) ||
		!get_members(root, manifest)) {
		return "it does not have the members of a manifest";
	}
	return NULL;
}

const char *snapshot_manifest_parse(struct slice text, struct manifest *ret_manifest)
{
	struct manifest manifest = { .created_unix_ms = 0 };
	struct json_in *root = json_in_parse(text);
	uint8_t again[MANIFEST_BYTES_MAX];
	const char *wrong = root == NULL ? "it is no JSON" : take(root, &manifest);
	size_t bytes_count;

	json_in_free(root);
	if (wrong != NULL) {
		return wrong;
	}
	bytes_count = snapshot_manifest_print(&manifest, again, sizeof again);
	if (bytes_count != text.bytes_count || memcmp(again, text.bytes, bytes_count) != 0) {
		return "it is not the text of a manifest: a byte was changed or added";
	}
	*ret_manifest = manifest;
	return NULL;
}
