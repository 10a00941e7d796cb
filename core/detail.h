#ifndef CORE_DETAIL_H
#define CORE_DETAIL_H

#include "common/reasons.h"

/* Why exactly an entry was refused: the `details` of a refusal (spec/ledger.md section 1.3).
 * The text is a stable string that clients may match; the reason is the class it belongs to.
 * Order is the wire id inside: append only.
 *
 * NAME, text, reason */
#define DETAILS(D)                                                 \
	/* form: found by the prevalidator, or by entry_check() */ \
	D(MALFORMED, "malformed", UNKNOWN_KIND)                    \
	D(UNKNOWN_FIELD, "unknown_field", UNKNOWN_KIND)            \
	D(MISSING_FIELD, "missing_field", UNKNOWN_KIND)            \
	D(ID, "id", UNKNOWN_KIND)                                  \
	D(TS, "ts", UNKNOWN_KIND)                                  \
	D(KIND, "kind", UNKNOWN_KIND)                              \
	D(ACCOUNT, "account", UNKNOWN_KIND)                        \
	D(ASSET, "asset", UNKNOWN_KIND)                            \
	D(AMOUNT, "amount", UNKNOWN_KIND)                          \
	D(NONCE, "nonce", UNKNOWN_KIND)                            \
	D(CAPABILITY_REF, "capability_ref", UNKNOWN_KIND)          \
	D(VERSION, "v", UNKNOWN_KIND)                              \
	D(COUNTER_ACCOUNT, "counter_account", UNKNOWN_KIND)        \
	D(ORIGINAL_ID, "original_id", UNKNOWN_KIND)                \
	D(EXPIRES_TS, "expires_ts", UNKNOWN_KIND)                  \
	D(MEMO, "memo", UNKNOWN_KIND)                              \
	D(SELF_TRANSFER, "self_transfer", POLICY_DENIED)           \
	D(SYS_ACCOUNT, "sys_account", POLICY_DENIED)               \
	/* authority */                                            \
	D(GRANT, "grant", CAP_INVALID)                             \
	D(GRANT_EXPIRED, "grant_expired", CAP_INVALID)             \
	D(REVOKED, "revoked", CAP_INVALID)                         \
	D(CAVEAT, "caveat", CAP_INVALID)                           \
	D(CAPABILITY_MISMATCH, "capability_mismatch", CAP_INVALID) \
	D(DAILY_LIMIT, "daily_limit", POLICY_DENIED)               \
	D(POLICY, "policy", POLICY_DENIED)                         \
	/* exactly once */                                         \
	D(IDEM_CONFLICT, "idem_conflict", POLICY_DENIED)           \
	D(ID_USED, "id_used", POLICY_DENIED)                       \
	D(NONCE_USED, "nonce_used", POLICY_DENIED)                 \
	D(NONCE_GAP, "nonce_gap", POLICY_DENIED)                   \
	D(TS_SKEW, "ts_skew", POLICY_DENIED)                       \
	/* money */                                                \
	D(INSUFFICIENT, "insufficient", POLICY_DENIED)             \
	D(ACCOUNT_TOTAL, "account_total", POLICY_DENIED)           \
	D(SUPPLY, "supply", POLICY_DENIED)                         \
	D(FROZEN, "frozen", POLICY_DENIED)                         \
	D(GROUP_UNBALANCED, "group_unbalanced", POLICY_DENIED)     \
	D(GROUP_REFUSED, "group_refused", POLICY_DENIED)           \
	/* originals */                                            \
	D(ORIGINAL_NOT_FOUND, "original_not_found", POLICY_DENIED) \
	D(ORIGINAL_MISMATCH, "original_mismatch", POLICY_DENIED)   \
	D(ORIGINAL_KIND, "original_kind", POLICY_DENIED)           \
	D(ORIGINAL_SPENT, "original_spent", POLICY_DENIED)         \
	D(REVERSE_GROUP, "reverse_group", POLICY_DENIED)           \
	D(HOLD_CLOSED, "hold_closed", POLICY_DENIED)               \
	D(HOLD_EXPIRED, "hold_expired", POLICY_DENIED)             \
	D(EXPIRES_PAST, "expires_past", POLICY_DENIED)             \
	/* intents */                                              \
	D(SETTLED_OTHERWISE, "settled_otherwise", POLICY_DENIED)   \
	D(POOL, "pool", POLICY_DENIED)                             \
	/* room and time */                                        \
	D(TOO_MANY_ENTRIES, "too_many_entries", TOO_LARGE)         \
	D(CAPACITY, "capacity", BUSY)                              \
	D(DEDUPE_CAPACITY, "dedupe_capacity", BUSY)                \
	D(DEADLINE, "deadline", TIMEOUT)                           \
	D(OUTCOME_UNKNOWN, "outcome_unknown", TIMEOUT)             \
	/* the node */                                             \
	D(STARTING, "starting", INTERNAL)                          \
	D(SAFE_MODE, "safe_mode", INTERNAL)                        \
	D(DISK_FULL, "disk_full", INTERNAL)                        \
	D(GRANT_STALE, "grant_stale", BUSY)                        \
	D(DRAINING, "draining", INTERNAL)                          \
	/* form of a whole request: found by the prevalidator */   \
	D(BATCH, "batch", UNKNOWN_KIND)                            \
	D(IDEM_ID, "idem_id", UNKNOWN_KIND)                        \
	D(MODE, "mode", UNKNOWN_KIND)                              \
	D(DRY_RUN, "dry_run", UNKNOWN_KIND)                        \
	D(TOO_MANY_BYTES, "too_many_bytes", TOO_LARGE)             \
	/* limits of /v1 */                                        \
	D(PER_OP_MAX, "per_op_max", POLICY_DENIED)                 \
	D(DAILY_CEILING, "daily_ceiling", POLICY_DENIED)           \
	/* a packed body: found by the prevalidator */             \
	D(DECOMPRESS_RATIO, "decompress_ratio", DECOMPRESS)        \
	D(DECOMPRESS_ERROR, "decompress_error", DECOMPRESS)        \
	/* the policy of the wallet */                             \
	D(ISSUANCE, "issuance_not_approved", POLICY_DENIED)        \
	D(ISSUANCE_CAP, "issuance_cap", POLICY_DENIED)             \
	D(QUOTA, "quota", POLICY_DENIED)                           \
	/* intents again */                                        \
	D(INTENT, "intent", UNKNOWN_KIND)                          \
	D(ALLOCATIONS, "allocations", UNKNOWN_KIND)                \
	D(ALLOCATIONS_CID, "allocations_cid", UNKNOWN_KIND)        \
	D(INTENT_BUSY, "intent_busy", BUSY)

enum detail {
	DETAIL_NONE = 0,
#define AS_ENUM(NAME, text, reason) DETAIL_##NAME,
	DETAILS(AS_ENUM)
#undef AS_ENUM
		DETAIL_COUNT
};

/* Both take any value: "" and REASON_NONE for none, "internal" and REASON_INTERNAL for one
 * that is not in the table. */
const char *detail_text(unsigned detail);
enum reason detail_reason(unsigned detail);

#endif
