#include "store/fingerprint.h"

#include <string.h>

#include "core/bytes.h"
#include "core/siphash.h"

_Static_assert(SIPHASH_KEY_BYTES == FINGERPRINT_KEY_BYTES, "one key");

static uint64_t fingerprint(
	const uint8_t key[FINGERPRINT_KEY_BYTES], const void *bytes, size_t bytes_count)
{
	uint64_t print = siphash_24(key, bytes, bytes_count);

	return print == 0 ? 1 : print;
}

uint64_t fingerprint_of_key(const uint8_t key[FINGERPRINT_KEY_BYTES], const struct entry *entry)
{
	uint8_t bytes[1 + ID_BYTES + ACCOUNT_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	byte_put_u8(&out, (uint8_t)entry->source);
	byte_put_id128(&out, &entry->nonce);
	byte_put_bytes(&out, entry->account.bytes, entry->account.bytes_count);
	assert(!out.failed);
	return fingerprint(key, bytes, out.used);
}

uint64_t fingerprint_of_id(const uint8_t key[FINGERPRINT_KEY_BYTES], const struct entry *entry)
{
	return entry->source == SOURCE_SYS ? 0 : fingerprint(key, entry->id.bytes, ID_BYTES);
}

enum err fingerprint_record(const uint8_t key[FINGERPRINT_KEY_BYTES],
	const struct reader_entry *row, struct batch_entry *ret_record)
{
	struct batch_entry record = { .leaf = row->leaf,
		.prev_account_seq = row->prev_account_seq,
		.prev_counter_seq = row->prev_counter_seq,
		.has_memo = row->salt.bytes_count == ENTRY_SALT_BYTES,
		.memo = row->memo,
		.receipt = row->receipt,
		.idem_id = row->idem_id,
		.lane = row->lane,
		.lane_nonce = row->lane_nonce };
	struct entry entry;

	if (entry_decode(row->leaf, &entry) != ERR_OK || entry.seq != row->seq) {
		return ERR_CORRUPT;
	}
	if (record.has_memo) {
		memcpy(record.salt, row->salt.bytes, ENTRY_SALT_BYTES);
	}
	record.key_fingerprint = fingerprint_of_key(key, &entry);
	record.id_fingerprint = fingerprint_of_id(key, &entry);
	*ret_record = record;
	return ERR_OK;
}
