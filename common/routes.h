#ifndef COMMON_ROUTES_H
#define COMMON_ROUTES_H

#include <stdbool.h>

/* Every route: the closed label set of the http metrics and the `route` of a log line. HEAD
 * counts as its GET. What matches no route is OTHER, so that a client cannot make new series.
 * A route stands here when it works, not before.
 *
 * plane: which listeners answer it; EVERY: both. PUBLIC_VERB: no HTTP at all, a verb of OAP/1 on
 * the local socket only. In a template {name} stands for a part of the path without a slash,
 * {name...} for all of the rest. What begins with /v1/ is refused as an ApiError, what
 * begins with /rewarder/ as common/reward_reasons.h has it.
 * owner: who has it in hand at last (services/edge); EDGE: the edge itself. What the SUPERVISOR has
 * is in common/admin_acts.h, too.
 *
 * NAME, method, template, plane, owner */
#define ROUTES(R)                                                                        \
	R(OTHER, "other", "other", NONE, EDGE)                                           \
	R(HEALTHZ, "GET", "/healthz", EVERY, EDGE)                                       \
	R(READYZ, "GET", "/readyz", EVERY, EDGE)                                         \
	R(VERSION, "GET", "/version", EVERY, EDGE)                                       \
	R(METRICS, "GET", "/metrics", ADMIN, EDGE)                                       \
	R(ADMIN_STATUS, "GET", "/api/v1/status", ADMIN, SUPERVISOR)                      \
	R(ADMIN_RECOVERY, "GET", "/recovery", ADMIN, SUPERVISOR)                         \
	R(ADMIN_EVENTS, "GET", "/events", ADMIN, SUPERVISOR)                             \
	R(ADMIN_RELOAD, "POST", "/api/v1/reload", ADMIN, SUPERVISOR)                     \
	R(ADMIN_SHUTDOWN, "POST", "/api/v1/shutdown", ADMIN, SUPERVISOR)                 \
	R(SCHEMAS, "GET", "/schemas", EVERY, EDGE)                                       \
	R(SCHEMA, "GET", "/schemas/{name}.json", EVERY, EDGE)                            \
	R(INGEST, "POST", "/ingest", API, SEQUENCER)                                     \
	R(ROOTS, "GET", "/roots", API, ARCHIVE)                                          \
	R(ENTRY, "GET", "/entries/{seq}", API, ARCHIVE)                                  \
	R(TLOG_CHECKPOINT, "GET", "/tlog/checkpoint", API, ARCHIVE)                      \
	R(TLOG_TILE, "GET", "/tlog/tile/{path...}", API, ARCHIVE)                        \
	R(PROOF_ENTRY, "GET", "/proofs/entries/{seq}", API, ARCHIVE)                     \
	R(PROOF_CONSISTENCY, "GET", "/proofs/consistency", API, ARCHIVE)                 \
	R(BALANCE, "GET", "/v1/balance", API, WALLET)                                    \
	R(ISSUE, "POST", "/v1/issue", API, WALLET)                                       \
	R(TRANSFER, "POST", "/v1/transfer", API, WALLET)                                 \
	R(BURN, "POST", "/v1/burn", API, WALLET)                                         \
	R(HOLD, "POST", "/v1/holds", API, WALLET)                                        \
	R(CAPTURE, "POST", "/v1/holds/{txid}/capture", API, WALLET)                      \
	R(RELEASE, "POST", "/v1/holds/{txid}/release", API, WALLET)                      \
	R(TX, "GET", "/v1/tx/{txid}", API, ARCHIVE)                                      \
	R(TX_PROOF, "GET", "/v1/tx/{txid}/proof", API, ARCHIVE)                          \
	R(HISTORY, "GET", "/v1/accounts/{account}/history", API, ARCHIVE)                \
	R(EVENTS, "GET", "/v1/events", API, ARCHIVE)                                     \
	R(OBJECT_PUT, "POST", "/put", API, ARCHIVE)                                      \
	R(OBJECT, "GET", "/o/{addr}", API, ARCHIVE)                                      \
	R(REWARD_COMPUTE, "POST", "/rewarder/epochs/{epoch_id}/compute", API, REWARDER)  \
	R(REWARD_RELEASE, "POST", "/rewarder/epochs/{epoch_id}/release", API, REWARDER)  \
	R(REWARD_EPOCH, "GET", "/rewarder/epochs/{epoch_id}", API, REWARDER)             \
	R(REWARD_MANIFEST, "GET", "/rewarder/epochs/{epoch_id}/manifest", API, REWARDER) \
	R(REWARD_RUNS, "GET", "/rewarder/runs", API, REWARDER)                           \
	R(REWARD_POLICY_PUT, "POST", "/rewarder/policy", API, REWARDER)                  \
	R(REWARD_POLICY, "GET", "/rewarder/policy/{policy_id}", API, REWARDER)           \
	R(OPENAPI, "GET", "/openapi.json", API, EDGE)                                    \
	R(COMPUTE_SCHEMA, "GET", "/schema/compute.json", API, EDGE)                      \
	R(EXPORT, "OAP", "export", PUBLIC_VERB, ARCHIVE)                                 \
	R(SIGN_SNAPSHOT, "OAP", "sign_snapshot", PUBLIC_VERB, ARCHIVE)                   \
	R(VERIFY, "OAP", "verify", PUBLIC_VERB, ARCHIVE)                                 \
	R(PROBE, "OAP", "health_ping", PUBLIC_VERB, SEQUENCER)

enum route {
#define AS_ENUM(NAME, ...) ROUTE_##NAME,
	ROUTES(AS_ENUM)
#undef AS_ENUM
		ROUTE_COUNT
};

/* Statuses that we ever send; any other is counted as 0. */
#define STATUSES(S) \
	S(200)      \
	S(201)      \
	S(202)      \
	S(204)      \
	S(206)      \
	S(207)      \
	S(304)      \
	S(400)      \
	S(401)      \
	S(403)      \
	S(404)      \
	S(405)      \
	S(406)      \
	S(408)      \
	S(409)      \
	S(411)      \
	S(412)      \
	S(413)      \
	S(414)      \
	S(415)      \
	S(416)      \
	S(417)      \
	S(421)      \
	S(422)      \
	S(423)      \
	S(428)      \
	S(429)      \
	S(431)      \
	S(500)      \
	S(501)      \
	S(502)      \
	S(503)      \
	S(504)      \
	S(505)      \
	S(507)

/* Both take any value; that of one that is not a route is ROUTE_OTHER's. */
const char *routes_method(unsigned route);
const char *routes_template(unsigned route);

/* It has a body, and its answer may be that something was done. */
bool routes_is_write(unsigned route);
bool routes_is_v1(unsigned route);
bool routes_is_reward(unsigned route);
/* enum operation_kind of core/operation.h; 0 for a route that is none's. */
unsigned routes_operation(unsigned route);

#endif
