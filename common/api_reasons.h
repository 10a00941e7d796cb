#ifndef COMMON_API_REASONS_H
#define COMMON_API_REASONS_H

#include <stdint.h>

#include "common/api_errors.h"

/* Why exactly a request under /v1 is refused: `details.reason` of an ApiError (spec/wallet.md
 * section 4, W-O12), a stable string; and the error that follows from it. Order is the wire id of
 * the inside verbs: append only. A reason stands here when somebody says it.
 *
 * NAME, name, error, sentence for a human: what was expected, and what can be done. Who found it
 * may have a better one. */
#define API_REASONS(R)                                                                             \
	/* form: found by the prevalidator */                                                      \
	R(SCHEMA, "schema", BAD_REQUEST, "the request is not of the form that this route has")     \
	R(UNKNOWN_FIELD, "unknown_field", BAD_REQUEST,                                             \
		"the request names something that this route does not have")                       \
	R(ACCOUNT_FORMAT, "account_format", BAD_REQUEST,                                           \
		"account: expected 1 to 128 of A-Z a-z 0-9 _ . : -")                               \
	R(ASSET_FORMAT, "asset_format", BAD_REQUEST,                                               \
		"asset: expected 1 to 32 of a-z 0-9 . _ -, a letter or digit first")               \
	R(AMOUNT_FORMAT, "amount_format", BAD_REQUEST,                                             \
		"amount_minor: expected a string of decimal digits, from 1 to 2^128-1")            \
	R(NONCE_FORMAT, "nonce_format", BAD_REQUEST,                                               \
		"nonce: expected an integer from 1 to 2^63-1")                                     \
	R(EXPIRES_TS, "expires_ts", BAD_REQUEST,                                                   \
		"expires_ts: expected milliseconds since 1970 of a time to come")                  \
	R(MEMO, "memo", BAD_REQUEST, "memo: expected a string of at most 256 bytes")               \
	R(TXID_FORMAT, "txid_format", BAD_REQUEST,                                                 \
		"txid: expected tx_ and 26 characters of Crockford's base32")                      \
	R(IDEM_KEY_MISSING, "idem_key_missing", BAD_REQUEST,                                       \
		"the field Idempotency-Key is missing")                                            \
	R(IDEM_KEY_FORMAT, "idem_key_format", BAD_REQUEST,                                         \
		"Idempotency-Key: expected 1 to 64 of A-Z a-z 0-9 . _ : -")                        \
	R(SELF_TRANSFER, "self_transfer", BAD_REQUEST, "from and to are one account")              \
	/* HTTP: found by the edge */                                                              \
	R(ROUTE, "route", NOT_FOUND, "there is nothing at this path")                              \
	R(METHOD, "method", BAD_REQUEST,                                                           \
		"this path does not have this method; Allow names those that it has")              \
	R(MEDIA_TYPE, "media_type", BAD_REQUEST,                                                   \
		"expected Content-Type: application/json, as it is or with Content-Encoding: "     \
		"gzip")                                                                            \
	R(HTTP, "http", BAD_REQUEST, "the request is not HTTP as it is spoken here")               \
	R(BODY_TOO_LARGE, "body_too_large", TOO_LARGE,                                             \
		"payload too large: limits.max_body_bytes is the bound, also of what is unpacked") \
	/* authority */                                                                            \
	R(TOKEN, "token", UNAUTHORIZED, "a valid token is needed: Authorization: Bearer TOKEN")    \
	R(TOKEN_TIME, "token_time", UNAUTHORIZED,                                                  \
		"the token is not valid at this time; get another")                                \
	R(REVOKED, "revoked", UNAUTHORIZED, "the token was revoked; get another")                  \
	R(SCOPE, "scope", FORBIDDEN, "the token does not allow this; get one that does")           \
	R(SYS_ACCOUNT, "sys_account", FORBIDDEN,                                                   \
		"accounts that begin with sys: belong to the ledger")                              \
	/* limits */                                                                               \
	R(TOKEN_CEILING, "token_ceiling", LIMITS_EXCEEDED,                                         \
		"this is more than the token may move at once, or on this day (UTC)")              \
	R(PER_OP_MAX, "per_op_max", LIMITS_EXCEEDED, "this is more than one operation may move")   \
	R(DAILY_CEILING, "daily_ceiling", LIMITS_EXCEEDED,                                         \
		"with this the account would spend more of the asset than it may on one day "      \
		"(UTC)")                                                                           \
	R(ACCOUNT_TOTAL, "account_total", LIMITS_EXCEEDED,                                         \
		"with this the receiver would have more of the asset than an account may")         \
	R(SUPPLY, "supply", LIMITS_EXCEEDED,                                                       \
		"with this there would be more of the asset than 2^128-1")                         \
	/* exactly once */                                                                         \
	R(NONCE_USED, "nonce_used", NONCE_CONFLICT,                                                \
		"nonce conflict: this one was used; take the next")                                \
	R(NONCE_GAP, "nonce_gap", NONCE_GAP,                                                       \
		"nonce conflict: one before it is missing; send that first")                       \
	R(IDEM_MISMATCH, "idem_mismatch", IDEM_MISMATCH,                                           \
		"this Idempotency-Key stands for another request; take a new one for a new wish")  \
	R(IN_PROGRESS, "in_progress", IN_PROGRESS,                                                 \
		"the same request is under way; repeat it for its outcome")                        \
	/* money */                                                                                \
	R(INSUFFICIENT_FUNDS, "insufficient_funds", INSUFFICIENT_FUNDS,                            \
		"insufficient funds: less is available, or left of the hold, than the amount")     \
	R(HOLD_NOT_FOUND, "hold_not_found", NOT_FOUND, "there is no such hold of this account")    \
	R(HOLD_CLOSED, "hold_closed", INSUFFICIENT_FUNDS,                                          \
		"nothing is left of the hold: it was captured or released, or it expired")         \
	R(HOLD_EXPIRED, "hold_expired", INSUFFICIENT_FUNDS,                                        \
		"the hold expired; it can only be released")                                       \
	R(NOT_FOUND, "not_found", NOT_FOUND, "there is no such thing, or none that you may see")   \
	/* room */                                                                                 \
	R(QUEUE_FULL, "queue_full", BUSY,                                                          \
		"busy: too much waits already; repeat the request later")                          \
	R(RATE_LIMITED, "rate_limited", BUSY,                                                      \
		"busy: more requests a second than limits.rps allows; repeat the request later")   \
	R(AUTH_FAILURES, "auth_failures", BUSY,                                                    \
		"too many requests of your network had no valid token; repeat the request later")  \
	R(CAPACITY, "capacity", BUSY,                                                              \
		"busy: the ledger has no room for this at the moment; repeat the request later")   \
	/* the node */                                                                             \
	R(NOT_READY, "not_ready", RETRY_LATER,                                                     \
		"service not ready: a part of the node is starting; repeat the request later")     \
	R(DRAINING, "draining", RETRY_LATER,                                                       \
		"the node is shutting down; repeat the request later")                             \
	R(FROZEN, "frozen", RETRY_LATER,                                                           \
		"the account is frozen by the operator; repeat the request when it is released")   \
	R(SAFE_MODE, "safe_mode", RETRY_LATER,                                                     \
		"the node is in safe mode and takes no writes now; its /readyz says why")          \
	R(DISK_FULL, "disk_full", RETRY_LATER,                                                     \
		"the node's disk is full; repeat the request later")                               \
	R(LEDGER_DOWN, "ledger_down", RETRY_LATER,                                                 \
		"the ledger does not answer at the moment; repeat the request later")              \
	R(TIMEOUT, "timeout", TIMEOUT,                                                             \
		"the time was up; repeat the request, a write with the same key and nonce")        \
	R(OUTCOME_UNKNOWN, "outcome_unknown", UPSTREAM_UNAVAILABLE,                                \
		"the outcome is unknown; repeat the request with the same key and nonce")          \
	R(INTERNAL, "internal", INTERNAL_ERROR,                                                    \
		"the node failed; nobody but its operator can help")                               \
	/* a packed body: found by the prevalidator */                                             \
	R(DECOMPRESS_RATIO, "decompress_ratio", BAD_REQUEST,                                       \
		"the body unpacks to more than ten times its size")                                \
	R(DECOMPRESS_ERROR, "decompress_error", BAD_REQUEST,                                       \
		"the body is not one whole gzip member")                                           \
	/* the policy of the wallet */                                                             \
	R(POLICY, "policy", FORBIDDEN, "the node's policy does not have this operation")           \
	R(ISSUANCE_NOT_APPROVED, "issuance_not_approved", FORBIDDEN,                               \
		"nobody approved the issuance of this asset, or the approval ended")               \
	R(ISSUANCE_CAP, "issuance_cap", LIMITS_EXCEEDED,                                           \
		"with this more of the asset would be issued than was approved")                   \
	R(QUOTA, "quota", LIMITS_EXCEEDED,                                                         \
		"with this the account or the tenant would do or spend more than it may on one "   \
		"day (UTC)")                                                                       \
	/* proofs */                                                                               \
	R(NOT_SIGNED_YET, "not_signed_yet", RETRY_LATER,                                           \
		"no signed tree has this yet; repeat the request in a few seconds")

enum api_reason {
	API_REASON_NONE = 0,
#define AS_ENUM(NAME, name, error, text) API_REASON_##NAME,
	API_REASONS(AS_ENUM)
#undef AS_ENUM
		API_REASON_COUNT
};

/* All three take any value: what INTERNAL has for one that is not a reason. */
const char *api_reasons_name(unsigned reason);
enum api_error api_reasons_error(unsigned reason);
const char *api_reasons_text(unsigned reason);

/* For a status of which nothing more is known. */
enum api_reason api_reasons_of_status(uint16_t status);

#endif
