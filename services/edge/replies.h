#ifndef SERVICES_EDGE_REPLIES_H
#define SERVICES_EDGE_REPLIES_H

/* The JSON that clients are answered with (spec/ledger.md sections 1.3-1.5, spec/node.md
 * sections 1.2, 4.1, 7.3). Pure: what siblings sent goes in, bytes come out. What a sibling sent
 * is looked at in full before a byte of it reaches a client: ERR_MALFORMED accuses it. */

#include <stdbool.h>
#include <stddef.h>

#include "common/api_reasons.h"
#include "common/errors.h"
#include "common/reasons.h"
#include "common/reward_reasons.h"
#include "common/slice.h"
#include "core/limiter.h"
#include "proto/verbs.h"

/* The largest are a VERDICT that refuses REQUEST_ENTRIES_MAX entries, some 80 bytes each, and
 * the rows of ROOTS, of 48 bytes each. The buffer is the caller's, and this large. */
#define REPLIES_BYTES_MAX (512u * 1024u)

/* A row of ROOTS in JSON has at most 129 bytes; this is above what one answer can be. */
#define REPLIES_ROOTS_BYTES_MAX (VERB_REPLY_BYTES_MAX / 48u * 132u + 256u)

/* Of a manifest: INTENT_ENTRIES_MAX allocations, each with the longest explanation. */
#define REPLIES_RUN_BYTES_MAX (256u * 1024u * 1024u)

#define REPLIES_ROOT_ROW_BYTES 48u /* u64 last_seq, hash root, u64 ts */
#define REPLIES_REASON_BYTES   5u  /* u32 index, u8 enum detail */

/* What the supervisor says of the node; the text is ours. */
struct readiness {
	struct oap_readiness now; /* its `reason` is in reason */
	bool is_told;             /* by the supervisor; else nothing is known yet */
	char reason[VERB_TEXT_BYTES_MAX + 1];
	bool amnesia, tls; /* ours, like pq_mode: from the configuration */
	unsigned pq_mode;
};

void replies_readiness_keep(struct readiness *readiness, const struct oap_readiness *msg);

/* {"ok":true,...}; {"service":"macronode",...}; the ReadyzReport. Return the bytes written. */
size_t replies_health(uint8_t *bytes);
size_t replies_version(uint8_t *bytes, const struct readiness *readiness);
size_t replies_readiness(uint8_t *bytes, const struct readiness *readiness);
uint32_t replies_retry_after_s(const struct readiness *readiness);

/* HEALTH_PONG: ready only if the node says so and the probe came back. */
size_t replies_pong(uint8_t *bytes, const struct readiness *readiness, bool echoed);

/* How a refusal is said: the IngestResponse of POST /ingest, the API's error object, a problem
 * document (RFC 9457) on the admin plane, an ApiError under /v1 (spec/wallet.md section 1.4), or
 * the error of an epoch (spec/rewarder.md section 4). */
enum reply_style { REPLY_INGEST, REPLY_ERROR, REPLY_PROBLEM, REPLY_API, REPLY_REWARD };

struct refusal {
	uint16_t status; /* HTTP */
	uint16_t index;  /* of the entry; IngestResponse only */
	enum reason reason;
	enum api_reason api_reason; /* ApiError only */
	bool has_lane_last;         /* likewise; a nonce conflict that may be told */
	uint64_t lane_last;
	enum reward_reason reward_reason; /* of an epoch only; so: */
	struct slice details;             /* members behind details.reason, as JSON */
	struct slice members;             /* and beside "error" */
	const char *code;                 /* NULL: that of the status */
	struct slice text;                /* details or message */
	struct slice corr_id;
	uint32_t retry_after_s;    /* over OAP; HTTP says these in fields. 0: not told */
	struct limiter_left limit; /* likewise */
};

size_t replies_refusal(uint8_t *bytes, enum reply_style style, const struct refusal *refusal);
const char *replies_content_type(enum reply_style style);

/* "NotFound" and so on (spec/node.md section 4.1). */
const char *replies_code(uint16_t status);

/* Whether we ever refuse with that status. */
bool replies_is_refusal(uint16_t status);

/* The reason that stands for a refusal which only has a status. */
enum reason replies_reason(uint16_t status);

/* That of status and reason, when nothing more is known. */
enum api_reason replies_api_reason(const struct refusal *refusal);
enum reward_reason replies_reward_reason(const struct refusal *refusal);

/* Answers of siblings. */
MUST_CHECK enum err replies_check_wallet_result(const struct oap_wallet_result *msg);
/* Without api_reason; else only what that says is checked, and nothing written. */
MUST_CHECK enum err replies_balance(
	uint8_t *bytes, const struct oap_balance *msg, size_t *ret_bytes_count);
MUST_CHECK enum err replies_check_refused(const struct oap_refused *msg);
MUST_CHECK enum err replies_check_run(const struct oap_run_reply *msg);
MUST_CHECK enum err replies_verdict(
	uint8_t *bytes, const struct oap_verdict *msg, size_t *ret_bytes_count);
/* Of one that was found good: why its first entry was refused that was; DETAIL_NONE: none was. */
unsigned replies_verdict_detail(const struct oap_verdict *msg);
MUST_CHECK enum err replies_roots(
	uint8_t *bytes, const struct oap_roots *msg, size_t *ret_bytes_count);
/* For status 200. */
MUST_CHECK enum err replies_entry(
	uint8_t *bytes, const struct oap_entry *msg, size_t *ret_bytes_count);
size_t replies_progress(uint8_t *bytes, const struct oap_verified *msg);

#endif
