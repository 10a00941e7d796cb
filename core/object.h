#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

/* Content objects (spec/node.md section 9.2): bytes under the BLAKE3 of them. What names and
 * describes one: its address, its chunks and its media type. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/hex.h"

/* Fixed by the contract: every chunk but the last is this long, and has an id of its own, so that
 * a piece can be verified before it is served with no more in memory than itself. */
#define OBJECT_CHUNK_BYTES 65536u

/* The most that objects.max_object_bytes may say: the ids of its chunks are half a MiB. */
#define OBJECT_BYTES_MAX  (1024u * 1024u * 1024u)
#define OBJECT_CHUNKS_MAX (OBJECT_BYTES_MAX / OBJECT_CHUNK_BYTES)

/* A media type with its parameters (RFC 6838 has names of at most 127 characters). */
#define OBJECT_TYPE_BYTES_MAX 127u

/* "b3:" and 64 hexadecimal digits; and with "@" and a size. */
#define OBJECT_ADDRESS_BYTES     67u
#define OBJECT_ADDRESS_BYTES_MAX (OBJECT_ADDRESS_BYTES + 1u + 20u)

struct object_address {
	struct hash id;
	bool has_size;
	uint64_t size;
};

/* "b3:<hex>" or "b3:<hex>@<size>", each in its one spelling; else ERR_MALFORMED. */
MUST_CHECK enum err object_address_parse(struct slice text, struct object_address *ret_address);

/* OBJECT_ADDRESS_BYTES characters and a NUL. */
void object_address_print(const struct hash *id, char ret_text[OBJECT_ADDRESS_BYTES + 1]);

/* Chunks of so many bytes. */
uint32_t object_chunk_count(uint64_t size);

/* type "/" subtype, then nothing or ";" and parameters, in visible ASCII and blanks between; of at
 * most OBJECT_TYPE_BYTES_MAX bytes. */
bool object_type_is_valid(struct slice type);

#endif
