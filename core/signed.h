#ifndef CORE_SIGNED_H
#define CORE_SIGNED_H

/* <data>/keys/signed: the largest tree that the node's key ever signed, outside of the database,
 * so that no older or other copy of the store can be signed as if it were the continuation
 * (DESIGN-LEDGER.md section 6). Written and synced before the signature is made.
 *
 * Two sectors, used in turn, so that a torn write costs the newer one only; and what that one
 * remembered was not signed yet. Each, little-endian, at 0 and 4096:
 *
 *   0 8 "mnsign" 0 1 | 8 8 count | 16 8 size | 24 32 root | 56 32 public key | 88 32 SHA-256 of
 * 0-87
 *
 * The larger count is the newer one. Not the larger size: under a new origin, with a new key, the
 * tree may be smaller. Size 0: this key has signed nothing yet. The file is made whole with its
 * first key, count 1 in the first sector and zeros in the second. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/types.h"

#define SIGNED_SECTOR_BYTES 4096u
#define SIGNED_FILE_BYTES   (2u * SIGNED_SECTOR_BYTES)
#define SIGNED_MARK_BYTES   120u

struct signed_mark {
	uint64_t count; /* of all marks ever written; the next one goes to sector count % 2 */
	uint64_t size;
	struct hash root;
	struct hash public_key;
};

/* What stands in sector (mark->count - 1) % 2. */
void signed_mark_encode(const struct signed_mark *mark, uint8_t ret_bytes[SIGNED_MARK_BYTES]);

/* The newest whole mark of a whole file. ERR_CORRUPT: there is none, or the two contradict each
 * other: that is no torn write. */
MUST_CHECK enum err signed_newest(
	const uint8_t file[SIGNED_FILE_BYTES], struct signed_mark *ret_mark);

#endif
