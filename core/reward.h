#ifndef CORE_REWARD_H
#define CORE_REWARD_H

/* What the parts of the calculation of rewards share (spec/rewarder.md): its bounds, the grammar of
 * its names, and how it ends. The parts are
 *
 *   reward_policy      the signed policy: weights, caps, emission curve; its hash
 *   reward_inputs      the bundle and the ledger snapshot
 *   reward_accounting  the accounting snapshot, while it streams in
 *   reward_rows        what that adds up to: counts of (actor, category, metric)
 *   reward_alloc       who gets what, and why
 *   reward_keys        run key, idempotency key, commitment, nonces
 *   reward_manifest    run.json, the message of the attestation
 *   reward_run         all of it, from a request to a result
 *
 * Amounts are minor units of one asset, 0 to REWARD_AMOUNT_MAX. The result follows from the bytes
 * of the inputs alone, and not from the order or the cut of the rows. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"

/* Signed 128-bit arithmetic is what the contract speaks of (9.3); the ledger's ends higher. */
#define REWARD_AMOUNT_MAX (((u128)1 << 127) - 1)

/* R-O02. */
#define REWARD_COUNT_MAX       INT64_MAX
#define REWARD_ROWS_MAX        5000000u
#define REWARD_SNAPSHOT_BYTES  (UINT64_C(64) << 20)
#define REWARD_ACTOR_BYTES_MAX ACCOUNT_BYTES_MAX
#define REWARD_CATEGORY_BYTES  32u
#define REWARD_METRIC_BYTES    32u
#define REWARD_ROW_COUNTS_MAX  32u

/* More than anybody can weigh against each other, and each is 16 bytes of each (actor, category).
 */
#define REWARD_METRICS_MAX 16u

#define REWARD_TENANT_BYTES_MAX 64u
#define REWARD_NAME_BYTES_MAX   128u /* policy_id (1.2), the salt, kid */

/* "2025-10-13T00:00Z" */
#define REWARD_EPOCH_BYTES_MAX 17u

/* "b3:" and 64 lower-case digits */
#define REWARD_CID_BYTES 67u

/* Exact in every reader of JSON. */
#define REWARD_EPOCH_INDEX_MAX ((UINT64_C(1) << 53) - 1)

enum reward_verdict {
	REWARD_OK,
	REWARD_QUARANTINED, /* the sealed inputs break an invariant: kind; never paid */
	REWARD_REFUSED,     /* the request does not fit what it names: refusal; nothing is kept */
	REWARD_NO_MEMORY,   /* the caller's memory is used up; nothing is kept */
};

/* 9.14. The names are on the wire and in sealed manifests. */
#define REWARD_KINDS(K)                 \
	K(NONE, "none")                 \
	K(CONSERVATION, "conservation") \
	K(OVERFLOW, "overflow")         \
	K(NEGATIVE, "negative")         \
	K(IDEMPOTENCY, "idempotency")   \
	K(DUST_POLICY, "dust_policy")   \
	K(SCHEMA, "schema")

enum reward_kind {
#define AS_ENUM(NAME, name) REWARD_KIND_##NAME,
	REWARD_KINDS(AS_ENUM)
#undef AS_ENUM
		REWARD_KIND_COUNT
};

/* The reasons of section 4 that need no look at a store, a token or a queue. */
#define REWARD_REFUSALS(R)                      \
	R(NONE, "none")                         \
	R(SCHEMA, "schema")                     \
	R(STALE, "stale")                       \
	R(POLICY_INVALID, "policy_invalid")     \
	R(INPUTS_MISMATCH, "inputs_mismatch")   \
	R(OVERSIZE, "oversize")                 \
	R(EPOCH_NOT_CLOSED, "epoch_not_closed") \
	R(COST_CAP, "cost_cap")

enum reward_refusal {
#define AS_ENUM(NAME, name) REWARD_REFUSAL_##NAME,
	REWARD_REFUSALS(AS_ENUM)
#undef AS_ENUM
		REWARD_REFUSAL_COUNT
};

const char *reward_kind_name(unsigned kind);       /* "?" for a number that is none */
const char *reward_refusal_name(unsigned refusal); /* likewise */

/* A sentence without a full stop: what was expected and where. It is sealed into run.json, so the
 * same inputs give the same one; it holds no byte of the inputs. */
#define REWARD_DETAIL_BYTES 192u

struct reward_outcome {
	enum reward_verdict verdict;
	enum reward_kind kind;
	enum reward_refusal refusal;
	char detail[REWARD_DETAIL_BYTES];
};

/* All return false, so that a failing function says and returns it in one line; the first of
 * several sayings stands. */
bool reward_quarantine(struct reward_outcome *outcome, enum reward_kind kind, const char *detail);
bool reward_refuse(struct reward_outcome *outcome, enum reward_refusal refusal, const char *detail);
bool reward_no_memory(struct reward_outcome *outcome);

/* More words for the sentence; what does not fit is cut. */
void reward_add_text(struct reward_outcome *outcome, const char *text);
void reward_add_number(struct reward_outcome *outcome, u128 number);

/* ---- names ---- */

bool reward_is_actor(struct slice name);    /* an account that is none of the ledger's own */
bool reward_is_category(struct slice name); /* [a-z0-9_-]{0,32} */
bool reward_is_metric(struct slice name);   /* [a-z0-9_-]{1,32} */
bool reward_is_tenant(
	struct slice name); /* [A-Za-z0-9_-][A-Za-z0-9._-]{0,63}: in accounts, no colon */
bool reward_is_name(struct slice name); /* [A-Za-z0-9._:-]{1,128} */
bool reward_is_cid(struct slice text);  /* R-O24 */

/* 1.1: 2025-10-13 or 2025-10-13T00:00Z, a day and minute that there is. */
bool reward_is_epoch(struct slice text);

/* 2025-10-01T00:00:00Z and no other spelling of RFC 3339; years 0001 to 9999, no leap second. */
MUST_CHECK bool reward_time_parse(struct slice text, int64_t *ret_unix_s);

/* ---- numbers ---- */

enum reward_number {
	REWARD_NUMBER_OK,
	REWARD_NUMBER_NO_DECIMAL, /* not one spelling of an integer */
	REWARD_NUMBER_NEGATIVE,
	REWARD_NUMBER_TOO_LARGE,
};

/* Decimal digits without a leading zero, with a minus only if they are below zero. */
MUST_CHECK enum reward_number reward_number_parse(
	struct slice text, u128 number_max, u128 *ret_number);

/* A decimal of JSON in its minimal spelling (R-O05), in units of 10^-9: 0.3 is
 * 300000000. At most 9 digits behind the point, above 0, at most 1. */
#define REWARD_WEIGHT_ONE 1000000000u
MUST_CHECK bool reward_weight_parse(struct slice text, uint32_t *ret_weight);

/* ---- cost (9.16, R-O25) ---- */

struct reward_cost {
	uint64_t base_us;
	uint64_t actor_us;
	uint64_t event_us;
};

/* Rounded up; UINT64_MAX if it is more than that. */
uint64_t reward_cost_ms(const struct reward_cost *cost, uint64_t actors, uint64_t events);

#endif
