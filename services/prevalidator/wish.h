#ifndef SERVICES_PREVALIDATOR_WISH_H
#define SERVICES_PREVALIDATOR_WISH_H

/* The body of a POST under /v1, from JSON to an operation (spec/wallet.md section 1.3): a closed
 * object with the members of its route and no others, each at most once. The first thing that is
 * wrong is told, in the order of the document; then what is missing; then what is wrong with the
 * whole. Over OAP/1, which has neither fields nor a path, the key and the hold are members, too. */

#include <stdbool.h>

#include "common/api_reasons.h"
#include "core/operation.h"
#include "services/prevalidator/json.h"

/* Operations as bits of a set. */
#define WISH_BIT(NAME) (1u << OPERATION_##NAME)
#define WISH_ALL       (((1u << (OPERATION_KIND_MAX + 1)) - 1) & ~1u)
#define WISH_FROM      (WISH_ALL & ~WISH_BIT(ISSUE))
#define WISH_TO        (WISH_BIT(ISSUE) | WISH_BIT(TRANSFER) | WISH_BIT(CAPTURE))
#define WISH_OF_HOLD   (WISH_BIT(CAPTURE) | WISH_BIT(RELEASE))

/* NAME, name, operations that must have it, those that may, over OAP/1 alone, reason when its value
 * is wrong, what is expected of it */
#define WISH_MEMBERS(M)                                                                           \
	M(FROM, "from", WISH_FROM, 0, false, ACCOUNT_FORMAT,                                      \
		"from: expected an account, 1 to 128 of A-Z a-z 0-9 _ . : -")                     \
	M(TO, "to", WISH_TO, 0, false, ACCOUNT_FORMAT,                                            \
		"to: expected an account, 1 to 128 of A-Z a-z 0-9 _ . : -")                       \
	M(ASSET, "asset", WISH_ALL, 0, false, ASSET_FORMAT,                                       \
		"asset: expected 1 to 32 of a-z 0-9 . _ -, a letter or digit first")              \
	M(AMOUNT_MINOR, "amount_minor", WISH_ALL, 0, false, AMOUNT_FORMAT,                        \
		"amount_minor: expected a string of decimal digits, from 1 to 2^128-1")           \
	M(NONCE, "nonce", WISH_ALL, 0, false, NONCE_FORMAT,                                       \
		"nonce: expected an integer from 1 to 2^63-1")                                    \
	M(EXPIRES_TS, "expires_ts", 0, WISH_BIT(HOLD), false, EXPIRES_TS,                         \
		"expires_ts: expected milliseconds since 1970, an integer from 1")                \
	M(MEMO, "memo", 0, WISH_ALL, false, MEMO, "memo: expected a string of at most 256 bytes") \
	M(HOLD, "hold", WISH_OF_HOLD, 0, true, TXID_FORMAT,                                       \
		"hold: expected the txid of a hold, tx_ and 26 characters")                       \
	M(IDEMPOTENCY_KEY, "idempotency_key", WISH_ALL, 0, true, IDEM_KEY_FORMAT,                 \
		"idempotency_key: expected 1 to 64 of A-Z a-z 0-9 . _ : -")

enum wish_member {
#define AS_ENUM(NAME, name, required, optional, oap_only, reason, text) WISH_MEMBER_##NAME,
	WISH_MEMBERS(AS_ENUM)
#undef AS_ENUM
		WISH_MEMBER_COUNT
};

/* The reader's memory but for that of JSON, which it borrows. */
struct wish {
	struct operation operation;
	struct slice key;
	uint32_t kind_bit;
	bool is_oap;
	uint32_t members_seen;
	unsigned member; /* whose value comes next; COUNT: one that we don't know */
	unsigned depth;
	enum api_reason reason; /* the first fault */
	const char *text;
	uint8_t from[ACCOUNT_BYTES_MAX], to[ACCOUNT_BYTES_MAX], asset[ASSET_BYTES_MAX];
	uint8_t memo[MEMO_BYTES_MAX], key_bytes[OPERATION_KEY_BYTES_MAX];
};

/* What came beside the body over HTTP; both empty over OAP/1. */
struct wish_frame {
	bool is_oap;
	struct slice key;  /* the field Idempotency-Key; empty: there was none */
	struct slice hold; /* from the path */
};

/* NONE: wish->operation and wish->key are good until the next read. Else *ret_text says what is
 * wrong, and holds nothing of the client's. */
MUST_CHECK enum api_reason wish_read(struct wish *wish, struct json *json, struct slice body,
	enum operation_kind kind, const struct wish_frame *frame, const char **ret_text);

#endif
