#ifndef COMMON_METRICS_LABELS_H
#define COMMON_METRICS_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "common/api_errors.h"
#include "common/check.h"
#include "common/reasons.h"
#include "common/reward_reasons.h"
#include "common/routes.h"
#include "core/operation.h"
#include "core/reward.h"
#include "proto/processes.h"

/* Labels are closed sets: no client can make a series. A set is one dimension or the
 * product of two; a label is an index into it, made by the functions below or, for one
 * dimension, the enum itself (REASON: reason - 1, by metrics_label_reason).
 *
 * A dimension lists its values as the text that stands between the braces. */
enum metric_queue {
	METRIC_QUEUE_INGRESS,
	METRIC_QUEUE_PREVAL,
	METRIC_QUEUE_COMMIT,
	METRIC_QUEUE_WORK,    /* of the rewarder: runs for a calculator */
	METRIC_QUEUE_RESULTS, /* computed, not sealed yet */
	METRIC_QUEUE_INTENTS, /* sealed, to be paid */
};
enum metric_busy { METRIC_BUSY_INGRESS, METRIC_BUSY_COMMIT, METRIC_BUSY_WORK };
enum metric_peer { METRIC_PEER_HTTP, METRIC_PEER_UDS, METRIC_PEER_MTLS };
enum { METRIC_OP_BALANCE = OPERATION_KIND_MAX, METRIC_OP_RECEIPT, METRIC_OP_COUNT };
enum metric_bool { METRIC_BOOL_FALSE, METRIC_BOOL_TRUE };
enum metric_outcome { METRIC_OUTCOME_OK, METRIC_OUTCOME_FAILED };
enum metric_kex { METRIC_KEX_X25519, METRIC_KEX_ML_KEM, METRIC_KEX_HYBRID };
enum metric_side { METRIC_SIDE_CLIENT, METRIC_SIDE_SERVER };
enum metric_kex_failure {
	METRIC_KEX_FAILURE_NO_COMMON_ALGO,
	METRIC_KEX_FAILURE_POLICY_REFUSED,
	METRIC_KEX_FAILURE_INTERNAL,
};
enum metric_signature {
	METRIC_SIGNATURE_ED25519,
	METRIC_SIGNATURE_ML_DSA,
	METRIC_SIGNATURE_SLH_DSA,
};
enum metric_io {
	METRIC_IO_READ,
	METRIC_IO_WRITE,
	METRIC_IO_KMS,
	METRIC_IO_LEDGER,
	METRIC_IO_HANDSHAKE,
};
/* The last ones are why it failed. */
enum metric_tls {
	METRIC_TLS_FULL,
	METRIC_TLS_RESUMED,
	METRIC_TLS_NOT_TLS,
	METRIC_TLS_VERSION,
	METRIC_TLS_NOTHING_COMMON,
	METRIC_TLS_NO_CERTIFICATE,
	METRIC_TLS_BAD_CERTIFICATE,
	METRIC_TLS_REFUSED_US,
	METRIC_TLS_LATE,
	METRIC_TLS_LEFT,
	METRIC_TLS_SIGNER,
	METRIC_TLS_OTHER,
};
enum metric_rate_limit {
	METRIC_RATE_LIMIT_NODE,
	METRIC_RATE_LIMIT_PEER,
	METRIC_RATE_LIMIT_TENANT,
	METRIC_RATE_LIMIT_AUTH,
};
enum metric_conn_refusal {
	METRIC_CONN_REFUSAL_FULL,
	METRIC_CONN_REFUSAL_PEER,
	METRIC_CONN_REFUSAL_RATE,
	METRIC_CONN_REFUSAL_FILES,
};
enum metric_op { METRIC_OP_SIGN, METRIC_OP_VERIFY };
enum metric_freeze {
	METRIC_FREEZE_GLOBAL,
	METRIC_FREEZE_ASSET,
	METRIC_FREEZE_ACCOUNT,
	METRIC_FREEZE_REWARDS,
};
enum metric_pq_mode { METRIC_PQ_MODE_OFF, METRIC_PQ_MODE_HYBRID, METRIC_PQ_MODE_PQ_ONLY };

enum metric_run { METRIC_RUN_OK, METRIC_RUN_QUARANTINED, METRIC_RUN_FAIL };
enum metric_intent { METRIC_INTENT_ACCEPTED, METRIC_INTENT_DUP, METRIC_INTENT_ERROR };
enum metric_retry { METRIC_RETRY_TIMEOUT, METRIC_RETRY_REFUSED };
enum metric_emission {
	METRIC_EMISSION_ACCEPTED,
	METRIC_EMISSION_DUP,
	METRIC_EMISSION_ERROR,
	METRIC_EMISSION_QUARANTINE,
};
enum metric_cap { METRIC_CAP_EPOCH, METRIC_CAP_ACTOR, METRIC_CAP_CATEGORY };
enum metric_degraded {
	METRIC_DEGRADED_LEDGER,
	METRIC_DEGRADED_FROZEN,
	METRIC_DEGRADED_BACKPRESSURE,
	METRIC_DEGRADED_OUTAGE,
	METRIC_DEGRADED_DISK,
};
enum metric_span_result {
	METRIC_SPAN_RESULT_SENT,
	METRIC_SPAN_RESULT_DROPPED,
	METRIC_SPAN_RESULT_REFUSED,
};

#define METRIC_INSTANCES_MAX 17u

/* Dimensions: NAME, number of values. Their texts are in metrics_labels.c. */
#define METRIC_DIMENSIONS(D)              \
	D(NONE, 1)                        \
	D(ROUTE, ROUTE_COUNT)             \
	D(STATUS, METRIC_STATUS_COUNT)    \
	D(REASON, REASON_COUNT - 1)       \
	D(QUEUE, 6)                       \
	D(BUSY_QUEUE, 3)                  \
	D(PEER, 3)                        \
	D(BOOL, 2)                        \
	D(OUTCOME, 2)                     \
	D(ROLE, PROCESS_COUNT)            \
	D(INSTANCE, METRIC_INSTANCES_MAX) \
	D(KEX, 3)                         \
	D(SIDE, 2)                        \
	D(KEX_FAILURE, 3)                 \
	D(SIGNATURE, 3)                   \
	D(IO, 5)                          \
	D(TLS_RESULT, 12)                 \
	D(OP, 2)                          \
	D(RATE_LIMIT, 4)                  \
	D(CONN_REFUSAL, 4)                \
	D(PQ_MODE, 3)                     \
	D(FREEZE, 4)                      \
	D(WALLET_OP, METRIC_OP_COUNT)     \
	D(API_LABEL, API_LABEL_COUNT)     \
	D(RUN_STATUS, 3)                  \
	D(REWARD_KIND, REWARD_KIND_COUNT) \
	D(INTENT_RESULT, 3)               \
	D(INTENT_RETRY, 2)                \
	D(EMISSION, 4)                    \
	D(DEGRADED, 5)                    \
	D(REWARD_CAP, 3)                  \
	D(SPAN_RESULT, 3)                 \
	D(REWARD_LABEL, REWARD_LABEL_COUNT)

enum {
#define AS_ONE(status) +1
	METRIC_STATUS_COUNT = 1 STATUSES(AS_ONE), /* 0 is "any other" */
#undef AS_ONE
};

enum metric_dimension {
#define AS_ENUM(NAME, count) METRIC_DIMENSION_##NAME,
	METRIC_DIMENSIONS(AS_ENUM)
#undef AS_ENUM
		METRIC_DIMENSION_COUNT
};

enum {
#define AS_ENUM(NAME, count) METRIC_DIMENSION_##NAME##_COUNT = (count),
	METRIC_DIMENSIONS(AS_ENUM)
#undef AS_ENUM
};

/* Label sets: NAME, outer dimension, inner dimension */
#define METRIC_LABELS(L)                      \
	L(NONE, NONE, NONE)                   \
	L(ROUTE, ROUTE, NONE)                 \
	L(ROUTE_STATUS, ROUTE, STATUS)        \
	L(REASON, REASON, NONE)               \
	L(QUEUE, QUEUE, NONE)                 \
	L(BUSY_QUEUE, BUSY_QUEUE, NONE)       \
	L(PEER, PEER, NONE)                   \
	L(BOOL, BOOL, NONE)                   \
	L(OUTCOME, OUTCOME, NONE)             \
	L(IO, IO, NONE)                       \
	L(TLS_RESULT, TLS_RESULT, NONE)       \
	L(RATE_LIMIT, RATE_LIMIT, NONE)       \
	L(CONN_REFUSAL, CONN_REFUSAL, NONE)   \
	L(ROLE, ROLE, NONE)                   \
	L(PROCESS, ROLE, INSTANCE)            \
	L(KEX_SIDE, KEX, SIDE)                \
	L(KEX_FAILURE, KEX_FAILURE, NONE)     \
	L(SIGNATURE_OP, SIGNATURE, OP)        \
	L(PQ_MODE, PQ_MODE, NONE)             \
	L(FREEZE, FREEZE, NONE)               \
	L(WALLET_OP, WALLET_OP, NONE)         \
	L(API_LABEL, API_LABEL, NONE)         \
	L(RUN_STATUS, RUN_STATUS, NONE)       \
	L(REWARD_KIND, REWARD_KIND, NONE)     \
	L(INTENT_RESULT, INTENT_RESULT, NONE) \
	L(INTENT_RETRY, INTENT_RETRY, NONE)   \
	L(EMISSION, EMISSION, NONE)           \
	L(DEGRADED, DEGRADED, NONE)           \
	L(REWARD_CAP, REWARD_CAP, NONE)       \
	L(SPAN_RESULT, SPAN_RESULT, NONE)     \
	L(REWARD_LABEL, REWARD_LABEL, NONE)

enum metric_labels {
#define AS_ENUM(NAME, outer, inner) METRIC_LABELS_##NAME,
	METRIC_LABELS(AS_ENUM)
#undef AS_ENUM
};

enum {
#define AS_ENUM(NAME, outer, inner)    \
	METRIC_LABELS_##NAME##_COUNT = \
		(int)METRIC_DIMENSION_##outer##_COUNT * (int)METRIC_DIMENSION_##inner##_COUNT,
	METRIC_LABELS(AS_ENUM)
#undef AS_ENUM
};

/* The label of metrics that have none. */
#define METRIC_PLAIN 0u

/* Takes any status. */
size_t metrics_label_route_status(enum route route, unsigned status);

static inline size_t metrics_label_reason(enum reason reason)
{
	assert(reason != REASON_NONE);
	return (size_t)reason - 1;
}

static inline size_t metrics_label_process(struct process_id process)
{
	assert(process.instance < METRIC_INSTANCES_MAX);
	return (size_t)process.process * METRIC_INSTANCES_MAX + process.instance;
}

static inline size_t metrics_label_kex(enum metric_kex kex, enum metric_side side)
{
	return (size_t)kex * METRIC_DIMENSION_SIDE_COUNT + (size_t)side;
}

static inline size_t metrics_label_signature(enum metric_signature signature, enum metric_op op)
{
	return (size_t)signature * METRIC_DIMENSION_OP_COUNT + (size_t)op;
}

/* For the renderer: `reason="busy"`, or two pairs; "" when there are none, NULL for a value
 * that is never shown (CLIENT is no process of ours). */
const char *metrics_label_outer_text(enum metric_labels labels, size_t label);
const char *metrics_label_inner_text(enum metric_labels labels, size_t label);

#endif
