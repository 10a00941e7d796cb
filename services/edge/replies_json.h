#ifndef SERVICES_EDGE_REPLIES_JSON_H
#define SERVICES_EDGE_REPLIES_JSON_H

/* What the files of replies.h share: members by name, and the end of a document. */

#include <string.h>

#include "common/check.h"
#include "core/json_out.h"
#include "services/edge/replies.h"

static inline void put_text(struct json_out *out, const char *key, const char *text)
{
	json_out_key(out, key);
	json_out_text(out, text);
}

static inline void put_bool(struct json_out *out, const char *key, bool value)
{
	json_out_key(out, key);
	json_out_bool(out, value);
}

static inline void put_u64(struct json_out *out, const char *key, uint64_t number)
{
	json_out_key(out, key);
	json_out_u64(out, number);
}

static inline void put_slice(struct json_out *out, const char *key, struct slice text)
{
	json_out_key(out, key);
	json_out_string(out, text);
}

static inline void put_hash(struct json_out *out, const char *key, const struct hash *hash)
{
	json_out_key(out, key);
	json_out_hex(out, (struct slice){ hash->bytes, HASH_BYTES });
}

static inline struct json_out begin_document(uint8_t *bytes)
{
	struct json_out out;

	json_out_init(&out, bytes, REPLIES_BYTES_MAX);
	json_out_object_begin(&out);
	return out;
}

/* All that is written is bounded by what it was made of: it always fits. */
static inline size_t end_document(struct json_out *out)
{
	size_t bytes_count = 0;
	enum err err;

	json_out_object_end(out);
	err = json_out_finish(out, &bytes_count);
	assert(err == ERR_OK);
	return bytes_count;
}

#endif
