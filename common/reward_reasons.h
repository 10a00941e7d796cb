#ifndef COMMON_REWARD_REASONS_H
#define COMMON_REWARD_REASONS_H

#include <stdint.h>

#include "common/reward_errors.h"

/* Why exactly a request under /rewarder is refused: `details.reason` of its error
 * (spec/rewarder.md section 4), the error that follows from it, and what rejected_total counts it
 * under. Rows may share a name: then the sentence tells more than the contract's word does. Order
 * is the wire id of the inside verbs: append only.
 *
 * NAME, name, error, label, sentence for a human: what was expected, and what can be done. Who
 * found it may have a better one. */
#define REWARD_REASONS(R)                                                                         \
	/* form: found by the prevalidator */                                                     \
	R(SCHEMA, "schema", BAD_REQUEST, SCHEMA,                                                  \
		"the request is not of the form that this route has")                             \
	R(UNKNOWN_FIELD, "schema", BAD_REQUEST, SCHEMA,                                           \
		"the request names something that this route does not have")                      \
	R(EPOCH_FORM, "schema", BAD_REQUEST, SCHEMA,                                              \
		"epoch: expected a day or minute that there is: 2025-10-13 or 2025-10-13T00:00Z") \
	R(CID_FORM, "schema", BAD_REQUEST, SCHEMA,                                                \
		"inputs_cid, policy_hash: expected b3: and 64 of 0-9 a-f")                        \
	R(POLICY_ID_FORM, "schema", BAD_REQUEST, SCHEMA,                                          \
		"policy_id: expected 1 to 128 of A-Z a-z 0-9 . _ : -")                            \
	R(NOTES, "schema", BAD_REQUEST, SCHEMA,                                                   \
		"notes: expected a string of at most 1024 characters")                            \
	R(DECOMPRESS_CAP, "decompress_cap", BAD_REQUEST, DECOMPRESS_CAP,                          \
		"the body is not one whole gzip member, or unpacks to more than is allowed")      \
	/* HTTP: found by the edge */                                                             \
	R(ROUTE, "route", NOT_FOUND, SCHEMA, "there is nothing at this path")                     \
	R(METHOD, "method", BAD_REQUEST, SCHEMA,                                                  \
		"this path does not have this method; Allow names those that it has")             \
	R(MEDIA_TYPE, "media_type", BAD_REQUEST, SCHEMA,                                          \
		"expected Content-Type: application/json, as it is or with Content-Encoding: "    \
		"gzip")                                                                           \
	R(HTTP, "http", BAD_REQUEST, SCHEMA, "the request is not HTTP as it is spoken here")      \
	R(BODY_TOO_LARGE, "oversize", TOO_LARGE, OVERSIZE,                                        \
		"payload too large: limits.max_body_bytes is the bound")                          \
	/* authority */                                                                           \
	R(UNAUTH, "unauth", UNAUTHENTICATED, UNAUTH,                                              \
		"a valid token is needed: Authorization: Bearer TOKEN")                           \
	R(SCOPE, "scope", UNAUTHORIZED, UNAUTH,                                                   \
		"the token does not allow this; get one that does")                               \
	R(CAVEAT, "caveat", UNAUTHORIZED, UNAUTH,                                                 \
		"a caveat of the token does not hold for this request")                           \
	R(TENANT, "caveat", UNAUTHORIZED, UNAUTH,                                                 \
		"the token names no single tenant: it needs the caveat tenant=NAME")              \
	/* inputs: found by the rewarder */                                                       \
	R(STALE, "stale", BAD_REQUEST, STALE,                                                     \
		"policy_hash is not the hash of the policy of this id")                           \
	R(POLICY_INVALID, "policy_invalid", BAD_REQUEST, POLICY_INVALID,                          \
		"the document is no policy of rewards that this node can pay by")                 \
	R(POLICY_UNSIGNED, "policy_invalid", BAD_REQUEST, POLICY_INVALID,                         \
		"no key of rewarder.trust_keys signed the policy")                                \
	R(POLICY_UNKNOWN, "policy_unknown", BAD_REQUEST, POLICY_INVALID,                          \
		"there is no policy of this id; put it first")                                    \
	R(INPUTS_NOT_FOUND, "inputs_not_found", BAD_REQUEST, SCHEMA,                              \
		"one of the inputs is no object of this node; put it first")                      \
	R(INPUTS_MISMATCH, "inputs_mismatch", BAD_REQUEST, SCHEMA,                                \
		"the bytes of an input are not those of its cid")                                 \
	R(INPUTS_OVERSIZE, "oversize", BAD_REQUEST, OVERSIZE,                                     \
		"one of the inputs is larger than it may be")                                     \
	R(EPOCH_NOT_CLOSED, "epoch_not_closed", BAD_REQUEST, SCHEMA,                              \
		"the epoch's window has not ended yet")                                           \
	R(COST_CAP, "cost_cap", BAD_REQUEST, COST_CAP,                                            \
		"the run would cost more than rewarder.max_epoch_cost_ms")                        \
	R(MEMORY_CAP, "cost_cap", BAD_REQUEST, COST_CAP,                                          \
		"the run would need more memory than rewarder.run_memory_max")                    \
	/* what was computed before */                                                            \
	R(COMMITMENT, "commitment", CONFLICT, NONE,                                               \
		"the epoch of this tenant was computed from other inputs or by another policy")   \
	R(INVARIANT, "invariant", QUARANTINED, INVARIANT,                                         \
		"the run is quarantined: its sealed inputs break an invariant")                   \
	R(LATCHED, "invariant", QUARANTINED, INVARIANT,                                           \
		"a run was quarantined; nothing is paid until an operator releases it")           \
	/* reads */                                                                               \
	R(NOT_FOUND, "not_found", NOT_FOUND, NONE,                                                \
		"there is no such thing, or none that you may see")                               \
	/* room */                                                                                \
	R(QUOTA, "quota", RATE_LIMITED, QUOTA,                                                    \
		"busy: more requests a second than are allowed; repeat the request later")        \
	R(BUSY, "backpressure", BACKPRESSURE, BACKPRESSURE,                                       \
		"busy: too much waits already; repeat the request later")                         \
	/* the node */                                                                            \
	R(DEP_OUTAGE, "dep_outage", DEPENDENCY, NONE,                                             \
		"a part of the node that this needs does not answer; repeat the request later")   \
	R(DRAINING, "draining", DEPENDENCY, NONE,                                                 \
		"the node is shutting down; repeat the request later")                            \
	R(CAP_TIMEOUT, "cap_timeout", DEPENDENCY, NONE,                                           \
		"the token could not be checked in time; repeat the request later")               \
	R(STORAGE, "dep_outage", DEPENDENCY, NONE,                                                \
		"the rewarder cannot write its directory; repeat the request later")              \
	R(INTERNAL, "internal", INTERNAL, NONE,                                                   \
		"the node failed; the same request may be sent again")                            \
	R(POLICY_EXISTS, "policy", CONFLICT, NONE,                                                \
		"there is another policy of this id, and a policy is never changed; give it a "   \
		"new id")                                                                         \
	R(RUNS_KEPT, "quota", BACKPRESSURE, QUOTA,                                                \
		"the node keeps as many runs of this tenant as it may have; repeat the request "  \
		"when the oldest of them are past rewarder.retain_runs")                          \
	R(DISK_FULL, "dep_outage", DEPENDENCY, NONE,                                              \
		"the disk is nearly full; repeat the request later")                              \
	R(POLICIES_KEPT, "quota", BACKPRESSURE, QUOTA,                                            \
		"the node keeps 1024 policies, and needs each for a run that it keeps or one "    \
		"that may come; repeat the request when the oldest of them are past "             \
		"rewarder.retain_runs")

enum reward_reason {
	REWARD_REASON_NONE = 0,
#define AS_ENUM(NAME, name, error, label, text) REWARD_REASON_##NAME,
	REWARD_REASONS(AS_ENUM)
#undef AS_ENUM
		REWARD_REASON_COUNT
};

/* The closed label set of rejected_total; what has NONE is no rejection.
 * NAME, name */
#define REWARD_LABELS(L)                    \
	L(NONE, "none")                     \
	L(UNAUTH, "unauth")                 \
	L(OVERSIZE, "oversize")             \
	L(DECOMPRESS_CAP, "decompress_cap") \
	L(SCHEMA, "schema")                 \
	L(STALE, "stale")                   \
	L(INVARIANT, "invariant")           \
	L(COST_CAP, "cost_cap")             \
	L(QUOTA, "quota")                   \
	L(BACKPRESSURE, "backpressure")     \
	L(POLICY_INVALID, "policy_invalid")

enum reward_label_id {
#define AS_ENUM(NAME, name) REWARD_LABEL_##NAME,
	REWARD_LABELS(AS_ENUM)
#undef AS_ENUM
		REWARD_LABEL_COUNT
};

/* All take any value: what INTERNAL has for one that is not a reason. */
const char *reward_reasons_name(unsigned reason);
enum reward_error reward_reasons_error(unsigned reason);
enum reward_label_id reward_reasons_label(unsigned reason);
const char *reward_reasons_text(unsigned reason);

/* For a status of which nothing more is known. */
enum reward_reason reward_reasons_of_status(uint16_t status);

#endif
