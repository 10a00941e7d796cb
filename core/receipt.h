#ifndef CORE_RECEIPT_H
#define CORE_RECEIPT_H

/* Receipts (spec/wallet.md sections 1.4 and 9.5): one line of compact JSON, stored with its entry
 * and replayed byte for byte, whose members stand in this order:
 *
 *   txid, op, from?, to?, hold?, asset, amount_minor, expires_ts?, nonce, idem, ts, receipt_hash
 *   seq, balance_before, balance_after
 *
 * The wallet writes the first line of them, the ledger the second when it numbers the entry; these
 * three are outside of receipt_hash. The hash is BLAKE3 over the same members as canonical JSON,
 * itself left out; the leaf of the entry holds it, so the entry's inclusion proves the receipt.
 * `hold` (of capture and release) and `expires_ts` (of hold) are ours. */

#include "core/http_reply.h"
#include "core/operation.h"

/* A later time is none that a receipt can tell. */
#define RECEIPT_UNIX_MS_MAX (HTTP_REPLY_UNIX_S_MAX * 1000 + 999)

/* Up to and without the closing brace; returns the number of bytes written. `key` is the
 * idempotency key. A sound operation fits, and its time (asserted). */
size_t receipt_print(const struct operation *operation, const struct id128 *txid, struct slice key,
	uint64_t unix_ms, uint8_t ret_bytes[DRAFT_RECEIPT_BYTES_MAX], struct hash *ret_hash);

/* Whether these are the bytes that receipt_print() makes of an operation whose entry this is, and
 * their hash is in it. */
MUST_CHECK bool receipt_is_of(const struct entry *entry, uint64_t lane_nonce, struct slice receipt);

/* What the ledger goes on with, behind the bytes that the wallet printed, up to the end. */
void receipt_complete(
	struct byte_writer *out, uint64_t seq, u128 balance_before, u128 balance_after);

/* The idempotency key in a whole receipt of ours; empty: it is none. */
struct slice receipt_key(struct slice receipt);

#endif
