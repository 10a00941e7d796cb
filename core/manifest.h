#ifndef CORE_MANIFEST_H
#define CORE_MANIFEST_H

/* ObjectManifestV2 (spec/node.md section 9.2) as canonical DAG-CBOR, which is how it lies on disk:
 *
 *   { "id": "b3:<hex>", "meta": {text: text}, "size": n, "chunks": [...], "content_type": text }
 *   a chunk: { "id": "b3:<hex>", "len": n, "offset": n }
 *
 * Keys are ordered by length, then by their bytes; "meta" and "content_type" are left out when
 * there are none. One manifest has one encoding: whatever decodes is what encoding it again gives.
 * Chunks cover the object from 0 on without a gap, each OBJECT_CHUNK_BYTES long except the last,
 * so that of each only the id has to be kept. */

#include "core/bytes.h"
#include "core/object.h"

/* NG-05. */
#define MANIFEST_META_MAX             32u
#define MANIFEST_META_KEY_BYTES_MAX   64u
#define MANIFEST_META_VALUE_BYTES_MAX 1024u

/* What encodes the largest: a chunk takes at most 95 bytes. */
#define MANIFEST_HEAD_BYTES_MAX         \
	(256u + OBJECT_TYPE_BYTES_MAX + \
		MANIFEST_META_MAX *     \
			(MANIFEST_META_KEY_BYTES_MAX + MANIFEST_META_VALUE_BYTES_MAX + 5u))
#define MANIFEST_CHUNK_BYTES_MAX  95u
#define MANIFEST_BYTES_OF(chunks) (MANIFEST_HEAD_BYTES_MAX + (chunks)*MANIFEST_CHUNK_BYTES_MAX)

struct manifest_meta {
	struct slice key, value;
};

/* Views borrow; content_type.bytes is NULL when there is none. */
struct manifest {
	struct hash id;
	uint64_t size; /* at most OBJECT_BYTES_MAX */
	struct slice content_type;
	uint32_t meta_count; /* ordered like keys */
	struct manifest_meta metas[MANIFEST_META_MAX];
};

/* chunk_ids: object_chunk_count(size) of them. ERR_TOO_LARGE: there is no room for it. */
MUST_CHECK enum err manifest_encode(
	const struct manifest *manifest, const struct hash *chunk_ids, struct byte_writer *out);

/* ERR_MALFORMED: it is none, or not in its one spelling. ERR_TOO_LARGE: it has more chunks than
 * chunk_ids has room for; *ret_manifest is written then, too, to say how many. */
MUST_CHECK enum err manifest_decode(struct slice bytes, struct manifest *ret_manifest,
	struct hash *ret_chunk_ids, uint32_t chunk_ids_max);

#endif
