#ifndef STORE_FINGERPRINT_H
#define STORE_FINGERPRINT_H

#include <stdint.h>

#include "common/types.h"
#include "core/batch.h"
#include "core/entry.h"
#include "store/reader.h"
#include "store/schema.h"

/* The fingerprints of exactly-once (DESIGN-LEDGER.md section 4), computed again from stored
 * entries: SipHash-2-4 under the store's key of
 *   key   source u8 | nonce 16 | account
 *   id    id 16
 * 0 means none and becomes 1; entries of source sys are not looked up by id and have 0. */

uint64_t fingerprint_of_key(const uint8_t key[FINGERPRINT_KEY_BYTES], const struct entry *entry);
uint64_t fingerprint_of_id(const uint8_t key[FINGERPRINT_KEY_BYTES], const struct entry *entry);

/* A stored entry as the record that it came in. ERR_CORRUPT: its leaf does not decode.
 * Borrows from row. */
MUST_CHECK enum err fingerprint_record(const uint8_t key[FINGERPRINT_KEY_BYTES],
	const struct reader_entry *row, struct batch_entry *ret_record);

#endif
