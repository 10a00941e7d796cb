#include "core/receipt.h"

#include "core/amount.h"
#include "core/blake3.h"
#include "core/hex.h"
#include "core/json_out.h"

#define HASH_PREFIX "b3:"

/* As text, what two orders of members share. */
struct parts {
	const struct operation *operation;
	struct slice key;
	char txid[OPERATION_TXID_BYTES + 1];
	char hold[OPERATION_TXID_BYTES + 1];
	char ts[HTTP_REPLY_TIMESTAMP_BYTES];
};

static void put_text(struct json_out *out, const char *name, const char *text)
{
	json_out_key(out, name);
	json_out_text(out, text);
}

static void put_slice(struct json_out *out, const char *name, struct slice text)
{
	if (text.bytes_count > 0) {
		json_out_key(out, name);
		json_out_string(out, text);
	}
}

static void put_amount(struct json_out *out, const struct parts *parts)
{
	json_out_key(out, "amount_minor");
	json_out_u128(out, parts->operation->amount);
}

static void put_expiry(struct json_out *out, const struct parts *parts)
{
	if (parts->operation->expires_unix_ms != 0) {
		json_out_key(out, "expires_ts");
		json_out_u64(out, parts->operation->expires_unix_ms);
	}
}

static void put_hold(struct json_out *out, const struct parts *parts)
{
	if (operation_has_hold(parts->operation->kind)) {
		put_text(out, "hold", parts->hold);
	}
}

static void put_nonce(struct json_out *out, const struct parts *parts)
{
	json_out_key(out, "nonce");
	json_out_u64(out, parts->operation->nonce);
}

/* Sorted bytewise. */
static void put_canonical(struct json_out *out, const struct parts *parts)
{
	const struct operation *operation = parts->operation;

	json_out_object_begin(out);
	put_amount(out, parts);
	put_slice(out, "asset", operation->asset);
	put_expiry(out, parts);
	put_slice(out, "from", operation->from);
	put_hold(out, parts);
	put_slice(out, "idem", parts->key);
	put_nonce(out, parts);
	put_text(out, "op", operation_name(operation->kind));
	put_slice(out, "to", operation->to);
	put_text(out, "ts", parts->ts);
	put_text(out, "txid", parts->txid);
	json_out_object_end(out);
}

static void put_receipt(
	struct json_out *out, const struct parts *parts, const struct hash *receipt_hash)
{
	const struct operation *operation = parts->operation;
	char hash[sizeof HASH_PREFIX + HEX_TEXT_BYTES(HASH_BYTES)] = HASH_PREFIX;

	hex_encode(receipt_hash->bytes, HASH_BYTES, hash + sizeof HASH_PREFIX - 1);
	json_out_object_begin(out);
	put_text(out, "txid", parts->txid);
	put_text(out, "op", operation_name(operation->kind));
	put_slice(out, "from", operation->from);
	put_slice(out, "to", operation->to);
	put_hold(out, parts);
	put_slice(out, "asset", operation->asset);
	put_amount(out, parts);
	put_expiry(out, parts);
	put_nonce(out, parts);
	put_slice(out, "idem", parts->key);
	put_text(out, "ts", parts->ts);
	put_text(out, "receipt_hash", hash);
	json_out_object_end(out);
}

static size_t finish(const struct json_out *out)
{
	size_t bytes_count = 0;
	enum err err = json_out_finish(out, &bytes_count);

	assert(err == ERR_OK); /* every member of a sound operation is bounded */
	return bytes_count;
}

size_t receipt_print(const struct operation *operation, const struct id128 *txid, struct slice key,
	uint64_t unix_ms, uint8_t ret_bytes[DRAFT_RECEIPT_BYTES_MAX], struct hash *ret_hash)
{
	struct parts parts = { .operation = operation, .key = key };
	struct json_out out;

	operation_txid_print(txid, parts.txid);
	operation_txid_print(&operation->hold, parts.hold);
	http_reply_timestamp(unix_ms / 1000, parts.ts);
	json_out_init(&out, ret_bytes, DRAFT_RECEIPT_BYTES_MAX);
	put_canonical(&out, &parts);
	blake3_hash(ret_bytes, finish(&out), ret_hash);
	json_out_init(&out, ret_bytes, DRAFT_RECEIPT_BYTES_MAX);
	put_receipt(&out, &parts, ret_hash);
	return finish(&out) - 1; /* the ledger goes on where the brace was */
}

static void put_last(struct byte_writer *out, const char *name, u128 value, const char *quote)
{
	char digits[AMOUNT_TEXT_BYTES_MAX];
	size_t digit_count = amount_print(value, digits);

	byte_put_bytes(out, name, strlen(name));
	byte_put_bytes(out, quote, strlen(quote));
	byte_put_bytes(out, digits, digit_count);
	byte_put_bytes(out, quote, strlen(quote));
}

void receipt_complete(
	struct byte_writer *out, uint64_t seq, u128 balance_before, u128 balance_after)
{
	put_last(out, ",\"seq\":", seq, "");
	put_last(out, ",\"balance_before\":", balance_before, "\"");
	put_last(out, ",\"balance_after\":", balance_after, "\"");
	byte_put_bytes(out, "}", 1);
}

bool receipt_is_of(const struct entry *entry, uint64_t lane_nonce, struct slice receipt)
{
	uint8_t bytes[DRAFT_RECEIPT_BYTES_MAX];
	struct slice key = receipt_key(receipt);
	struct operation operation;
	struct hash hash;

	if (!operation_key_is_valid(key) || entry->ts_unix_ms > RECEIPT_UNIX_MS_MAX ||
		!operation_of_entry(entry, lane_nonce, &operation)) {
		return false;
	}
	return receipt_print(&operation, &entry->id, key, entry->ts_unix_ms, bytes, &hash) ==
		       receipt.bytes_count &&
	       memcmp(bytes, receipt.bytes, receipt.bytes_count) == 0 &&
	       memcmp(&hash, &entry->receipt_hash, sizeof hash) == 0;
}

/* No value before it can hold a quotation mark: names, numbers and times have none. */
struct slice receipt_key(struct slice receipt)
{
	static const char name[] = ",\"idem\":\"";
	const size_t name_bytes = sizeof name - 1;
	const uint8_t *end;

	for (size_t at = 0; at + name_bytes < receipt.bytes_count; at++) {
		const uint8_t *value = receipt.bytes + at + name_bytes;

		if (memcmp(receipt.bytes + at, name, name_bytes) == 0) {
			end = memchr(value, '"', receipt.bytes_count - at - name_bytes);
			return (struct slice){ value, end == NULL ? 0 : (size_t)(end - value) };
		}
	}
	return (struct slice){ NULL, 0 };
}
