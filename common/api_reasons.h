#ifndef COMMON_API_REASONS_H
#define COMMON_API_REASONS_H

#include <stdint.h>

#include "common/api_errors.h"

/* Why exactly a request under /v1 is refused: `details.reason` of an ApiError (spec/wallet.md
 * section 4, W-O12), a stable string; and the error that follows from it. Order is the wire id of
 * the inside verbs: append only. A reason stands here when somebody says it.
 *
 * NAME, name, error */
#define API_REASONS(R)                                                  \
	/* form: found by the prevalidator */                           \
	R(SCHEMA, "schema", BAD_REQUEST)                                \
	R(UNKNOWN_FIELD, "unknown_field", BAD_REQUEST)                  \
	R(ACCOUNT_FORMAT, "account_format", BAD_REQUEST)                \
	R(ASSET_FORMAT, "asset_format", BAD_REQUEST)                    \
	R(AMOUNT_FORMAT, "amount_format", BAD_REQUEST)                  \
	R(NONCE_FORMAT, "nonce_format", BAD_REQUEST)                    \
	R(EXPIRES_TS, "expires_ts", BAD_REQUEST)                        \
	R(MEMO, "memo", BAD_REQUEST)                                    \
	R(TXID_FORMAT, "txid_format", BAD_REQUEST)                      \
	R(IDEM_KEY_MISSING, "idem_key_missing", BAD_REQUEST)            \
	R(IDEM_KEY_FORMAT, "idem_key_format", BAD_REQUEST)              \
	R(SELF_TRANSFER, "self_transfer", BAD_REQUEST)                  \
	/* HTTP: found by the edge */                                   \
	R(ROUTE, "route", NOT_FOUND)                                    \
	R(METHOD, "method", BAD_REQUEST)                                \
	R(MEDIA_TYPE, "media_type", BAD_REQUEST)                        \
	R(HTTP, "http", BAD_REQUEST)                                    \
	R(BODY_TOO_LARGE, "body_too_large", TOO_LARGE)                  \
	/* authority */                                                 \
	R(TOKEN, "token", UNAUTHORIZED)                                 \
	R(TOKEN_TIME, "token_time", UNAUTHORIZED)                       \
	R(REVOKED, "revoked", UNAUTHORIZED)                             \
	R(SCOPE, "scope", FORBIDDEN)                                    \
	R(SYS_ACCOUNT, "sys_account", FORBIDDEN)                        \
	/* limits */                                                    \
	R(TOKEN_CEILING, "token_ceiling", LIMITS_EXCEEDED)              \
	R(PER_OP_MAX, "per_op_max", LIMITS_EXCEEDED)                    \
	R(DAILY_CEILING, "daily_ceiling", LIMITS_EXCEEDED)              \
	R(ACCOUNT_TOTAL, "account_total", LIMITS_EXCEEDED)              \
	R(SUPPLY, "supply", LIMITS_EXCEEDED)                            \
	/* exactly once */                                              \
	R(NONCE_USED, "nonce_used", NONCE_CONFLICT)                     \
	R(NONCE_GAP, "nonce_gap", NONCE_GAP)                            \
	R(IDEM_MISMATCH, "idem_mismatch", IDEM_MISMATCH)                \
	R(IN_PROGRESS, "in_progress", IN_PROGRESS)                      \
	/* money */                                                     \
	R(INSUFFICIENT_FUNDS, "insufficient_funds", INSUFFICIENT_FUNDS) \
	R(HOLD_NOT_FOUND, "hold_not_found", NOT_FOUND)                  \
	R(HOLD_CLOSED, "hold_closed", INSUFFICIENT_FUNDS)               \
	R(HOLD_EXPIRED, "hold_expired", INSUFFICIENT_FUNDS)             \
	R(NOT_FOUND, "not_found", NOT_FOUND)                            \
	/* room */                                                      \
	R(QUEUE_FULL, "queue_full", BUSY)                               \
	R(RATE_LIMITED, "rate_limited", BUSY)                           \
	R(AUTH_FAILURES, "auth_failures", BUSY)                         \
	R(CAPACITY, "capacity", BUSY)                                   \
	/* the node */                                                  \
	R(NOT_READY, "not_ready", RETRY_LATER)                          \
	R(DRAINING, "draining", RETRY_LATER)                            \
	R(FROZEN, "frozen", RETRY_LATER)                                \
	R(SAFE_MODE, "safe_mode", RETRY_LATER)                          \
	R(DISK_FULL, "disk_full", RETRY_LATER)                          \
	R(LEDGER_DOWN, "ledger_down", RETRY_LATER)                      \
	R(TIMEOUT, "timeout", TIMEOUT)                                  \
	R(OUTCOME_UNKNOWN, "outcome_unknown", UPSTREAM_UNAVAILABLE)     \
	R(INTERNAL, "internal", INTERNAL_ERROR)                         \
	/* a packed body: found by the prevalidator */                  \
	R(DECOMPRESS_RATIO, "decompress_ratio", BAD_REQUEST)            \
	R(DECOMPRESS_ERROR, "decompress_error", BAD_REQUEST)            \
	/* the policy of the wallet */                                  \
	R(POLICY, "policy", FORBIDDEN)                                  \
	R(ISSUANCE_NOT_APPROVED, "issuance_not_approved", FORBIDDEN)    \
	R(ISSUANCE_CAP, "issuance_cap", LIMITS_EXCEEDED)                \
	R(QUOTA, "quota", LIMITS_EXCEEDED)

enum api_reason {
	API_REASON_NONE = 0,
#define AS_ENUM(NAME, name, error) API_REASON_##NAME,
	API_REASONS(AS_ENUM)
#undef AS_ENUM
		API_REASON_COUNT
};

/* Both take any value: "internal" and INTERNAL_ERROR for one that is not a reason. */
const char *api_reasons_name(unsigned reason);
enum api_error api_reasons_error(unsigned reason);

/* For a status of which nothing more is known. */
enum api_reason api_reasons_of_status(uint16_t status);

#endif
