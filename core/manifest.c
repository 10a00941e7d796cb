#include "core/manifest.h"

#include "core/cbor.h"

#define CHUNK_MEMBERS 3u

/* --- writing --- */

static void put_id(struct byte_writer *out, const struct hash *id)
{
	char text[OBJECT_ADDRESS_BYTES + 1];

	object_address_print(id, text);
	cbor_put_key(out, "id");
	cbor_put_text(out, (struct slice){ (const uint8_t *)text, OBJECT_ADDRESS_BYTES });
}

static uint32_t chunk_bytes(uint64_t size, uint64_t offset)
{
	uint64_t left = size - offset;

	return left < OBJECT_CHUNK_BYTES ? (uint32_t)left : OBJECT_CHUNK_BYTES;
}

static void put_chunks(struct byte_writer *out, uint64_t size, const struct hash *ids)
{
	cbor_put_key(out, "chunks");
	cbor_put(out, CBOR_ARRAY, object_chunk_count(size));
	for (uint64_t offset = 0; offset < size; offset += OBJECT_CHUNK_BYTES) {
		cbor_put(out, CBOR_MAP, CHUNK_MEMBERS);
		put_id(out, &ids[offset / OBJECT_CHUNK_BYTES]);
		cbor_put_key(out, "len");
		cbor_put(out, CBOR_UINT, chunk_bytes(size, offset));
		cbor_put_key(out, "offset");
		cbor_put(out, CBOR_UINT, offset);
	}
}

static void put_meta(struct byte_writer *out, const struct manifest *manifest)
{
	cbor_put_key(out, "meta");
	cbor_put(out, CBOR_MAP, manifest->meta_count);
	for (uint32_t i = 0; i < manifest->meta_count; i++) {
		cbor_put_text(out, manifest->metas[i].key);
		cbor_put_text(out, manifest->metas[i].value);
	}
}

enum err manifest_encode(
	const struct manifest *manifest, const struct hash *chunk_ids, struct byte_writer *out)
{
	bool has_meta = manifest->meta_count > 0;
	bool has_type = manifest->content_type.bytes != NULL;

	cbor_put(out, CBOR_MAP, CHUNK_MEMBERS + has_meta + has_type);
	put_id(out, &manifest->id);
	if (has_meta) {
		put_meta(out, manifest);
	}
	cbor_put_key(out, "size");
	cbor_put(out, CBOR_UINT, manifest->size);
	put_chunks(out, manifest->size, chunk_ids);
	if (has_type) {
		cbor_put_key(out, "content_type");
		cbor_put_text(out, manifest->content_type);
	}
	return out->failed ? ERR_TOO_LARGE : ERR_OK;
}

/* --- reading --- */

static void need_key(struct byte_reader *in, const char *key)
{
	if (!cbor_get_key(in, key)) {
		in->failed = true;
	}
}

static void get_id(struct byte_reader *in, struct hash *ret_id)
{
	struct object_address address = { .has_size = true };
	struct slice text;

	need_key(in, "id");
	text = cbor_get_text(in, OBJECT_ADDRESS_BYTES);
	if (in->failed || object_address_parse(text, &address) != ERR_OK) {
		in->failed = true;
		return;
	}
	*ret_id = address.id;
}

/* Of two keys the shorter one stands first, of two as long the lesser. */
static bool is_in_order(struct slice before, struct slice behind)
{
	if (before.bytes_count != behind.bytes_count) {
		return before.bytes_count < behind.bytes_count;
	}
	return before.bytes_count > 0 && memcmp(before.bytes, behind.bytes, before.bytes_count) < 0;
}

static void get_meta(struct byte_reader *in, struct manifest *manifest)
{
	manifest->meta_count = (uint32_t)cbor_get(in, CBOR_MAP, MANIFEST_META_MAX);
	in->failed |= manifest->meta_count == 0; /* none is left out */
	for (uint32_t i = 0; i < manifest->meta_count && !in->failed; i++) {
		struct manifest_meta *meta = &manifest->metas[i];

		meta->key = cbor_get_text(in, MANIFEST_META_KEY_BYTES_MAX);
		meta->value = cbor_get_text(in, MANIFEST_META_VALUE_BYTES_MAX);
		if (!in->failed && i > 0 && !is_in_order(meta[-1].key, meta->key)) {
			in->failed = true;
		}
	}
}

static void get_chunks(
	struct byte_reader *in, uint64_t size, struct hash *ret_ids, uint32_t ids_max)
{
	uint32_t count = object_chunk_count(size);

	need_key(in, "chunks");
	in->failed |= cbor_get(in, CBOR_ARRAY, OBJECT_CHUNKS_MAX) != count;
	for (uint32_t i = 0; i < count && !in->failed; i++) {
		uint64_t offset = (uint64_t)i * OBJECT_CHUNK_BYTES;
		struct hash id;

		in->failed |= cbor_get(in, CBOR_MAP, CHUNK_MEMBERS) != CHUNK_MEMBERS;
		get_id(in, &id);
		need_key(in, "len");
		in->failed |=
			cbor_get(in, CBOR_UINT, OBJECT_CHUNK_BYTES) != chunk_bytes(size, offset);
		need_key(in, "offset");
		in->failed |= cbor_get(in, CBOR_UINT, OBJECT_BYTES_MAX) != offset;
		if (!in->failed && i < ids_max) {
			ret_ids[i] = id;
		}
	}
}

enum err manifest_decode(struct slice bytes, struct manifest *ret_manifest,
	struct hash *ret_chunk_ids, uint32_t chunk_ids_max)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct manifest manifest = { .meta_count = 0 };
	uint64_t members = cbor_get(&in, CBOR_MAP, CHUNK_MEMBERS + 2);
	uint64_t found = CHUNK_MEMBERS;

	get_id(&in, &manifest.id);
	if (cbor_get_key(&in, "meta")) {
		get_meta(&in, &manifest);
		found++;
	}
	need_key(&in, "size");
	manifest.size = cbor_get(&in, CBOR_UINT, OBJECT_BYTES_MAX);
	get_chunks(&in, in.failed ? 0 : manifest.size, ret_chunk_ids, chunk_ids_max);
	if (cbor_get_key(&in, "content_type")) {
		manifest.content_type = cbor_get_text(&in, OBJECT_TYPE_BYTES_MAX);
		in.failed |= !object_type_is_valid(manifest.content_type);
		found++;
	}
	if (!byte_reader_done(&in) || found != members) {
		return ERR_MALFORMED;
	}
	*ret_manifest = manifest;
	return object_chunk_count(manifest.size) > chunk_ids_max ? ERR_TOO_LARGE : ERR_OK;
}
