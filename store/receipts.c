#include "store/receipts.h"

#include <string.h>

#include "core/batch.h"
#include "core/hex.h"
#include "core/receipt.h"

/* A member with the longest account, and its name. */
#define MEMBER_TEXT_BYTES (ACCOUNT_BYTES_MAX + 24u)

/* The last of those that the wallet prints. */
#define HASH_MEMBER_BYTES (sizeof ",\"receipt_hash\":\"b3:\"" - 1 + HEX_TEXT_BYTES(HASH_BYTES))

static enum err corrupt(struct why *why, const struct entry *entry, const char *what)
{
	why_say(why, "entry %llu: %s", (unsigned long long)entry->seq, what);
	return ERR_CORRUPT;
}

/* --- the first difference, as whole members ----------------------------------------------------
 */

static size_t differ_at(struct slice a, struct slice b)
{
	size_t at = 0;

	while (at < a.bytes_count && at < b.bytes_count && a.bytes[at] == b.bytes[at]) {
		at++;
	}
	return at;
}

/* No value has a comma in it. */
static size_t member_begin(struct slice receipt, size_t at)
{
	while (at > 0 && receipt.bytes[at - 1] != ',' && receipt.bytes[at - 1] != '{') {
		at--;
	}
	return at;
}

/* Stored bytes may be any. */
static void member_text(struct slice receipt, size_t begin, char ret_text[MEMBER_TEXT_BYTES])
{
	size_t count = 0;

	for (size_t at = begin; at < receipt.bytes_count && receipt.bytes[at] != ',' &&
				receipt.bytes[at] != '}' && count + 1 < MEMBER_TEXT_BYTES;
		at++) {
		bool is_plain = receipt.bytes[at] > 0x20 && receipt.bytes[at] < 0x7f;

		ret_text[count++] = is_plain ? (char)receipt.bytes[at] : '?';
	}
	ret_text[count] = '\0';
}

static enum err compare(
	const struct entry *entry, struct slice expected, struct slice found, struct why *why)
{
	char expected_text[MEMBER_TEXT_BYTES], found_text[MEMBER_TEXT_BYTES];
	size_t at = differ_at(expected, found);
	size_t begin;

	if (at == expected.bytes_count && at == found.bytes_count) {
		return ERR_OK;
	}
	begin = member_begin(expected, at);
	member_text(expected, begin, expected_text);
	member_text(found, begin, found_text);
	if (strcmp(expected_text, found_text) == 0) { /* they differ behind the last member */
		why_say(why, "entry %llu: its receipt should have %zu bytes, and has %zu",
			(unsigned long long)entry->seq, expected.bytes_count, found.bytes_count);
	} else {
		why_say(why, "entry %llu: its receipt should say %s, and says %s",
			(unsigned long long)entry->seq, expected_text,
			found_text[0] == '\0' ? "nothing" : found_text);
	}
	return ERR_CORRUPT;
}

/* --- what belongs there -------------------------------------------------------------------------
 */

static enum err compare_hash(const struct entry *entry, const struct hash *found, struct why *why)
{
	char leaf_text[HEX_TEXT_BYTES(HASH_BYTES) + 1], found_text[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	if (memcmp(&entry->receipt_hash, found, sizeof *found) == 0) {
		return ERR_OK;
	}
	hex_encode(entry->receipt_hash.bytes, HASH_BYTES, leaf_text);
	hex_encode(found->bytes, HASH_BYTES, found_text);
	why_say(why, "entry %llu: its leaf has the receipt_hash %s, its receipt hashes to %s",
		(unsigned long long)entry->seq, leaf_text, found_text);
	return ERR_CORRUPT;
}

static struct slice first_of(struct slice bytes, size_t bytes_max)
{
	return (struct slice){ bytes.bytes,
		bytes.bytes_count < bytes_max ? bytes.bytes_count : bytes_max };
}

static enum err check_v1(const struct entry *entry, const struct reader_entry *row,
	u128 balance_before, u128 balance_after, struct why *why)
{
	uint8_t bytes[BATCH_RECEIPT_BYTES_MAX];
	struct byte_writer out;
	struct slice whole;
	struct slice key = receipt_key(row->receipt);
	struct operation operation;
	struct hash hash;
	size_t hashed_bytes;
	enum err err;

	if (row->receipt.bytes_count == 0) {
		return corrupt(why, entry, "came in through /v1, and its receipt is missing");
	}
	if (!operation_of_entry(entry, row->lane_nonce, &operation) ||
		row->lane != (uint8_t)operation_lane(&operation)) {
		return corrupt(why, entry,
			"came in through /v1, and is no operation with the nonce of its row");
	}
	if (entry->ts_unix_ms > RECEIPT_UNIX_MS_MAX) {
		return corrupt(why, entry, "came in through /v1, at a time that is none");
	}
	if (!operation_key_is_valid(key)) {
		return corrupt(why, entry, "its receipt has no idempotency key");
	}
	hashed_bytes = receipt_print(&operation, &entry->id, key, entry->ts_unix_ms, bytes, &hash);
	out = byte_writer_of(bytes + hashed_bytes, sizeof bytes - hashed_bytes);
	receipt_complete(&out, entry->seq, balance_before, balance_after);
	assert(!out.failed); /* as when it was made */
	whole = (struct slice){ bytes, hashed_bytes + out.used };
	/* which member is wrong says more than that the hash is; of the key only the hash knows */
	err = compare(entry, first_of(whole, hashed_bytes - HASH_MEMBER_BYTES),
		first_of(row->receipt, hashed_bytes - HASH_MEMBER_BYTES), why);
	if (err == ERR_OK) {
		err = compare_hash(entry, &hash, why);
	}
	return err == ERR_OK ? compare(entry, whole, row->receipt, why) : err;
}

enum err receipts_check(const struct entry *entry, const struct reader_entry *row,
	u128 balance_before, u128 balance_after, struct why *why)
{
	if (entry->source == SOURCE_V1) {
		return check_v1(entry, row, balance_before, balance_after, why);
	}
	return row->receipt.bytes_count == 0 && entry_hash_is_none(&entry->receipt_hash)
		       ? ERR_OK
		       : corrupt(why, entry, "has a receipt, and did not come in through /v1");
}
