#ifndef SERVICES_EDGE_OAP_REQUEST_H
#define SERVICES_EDGE_OAP_REQUEST_H

/* What a local client says in OAP/1 (spec/node.md section 9.1, DESIGN-WALL.md section 7). Pure:
 * bytes in, a request or a refusal out.
 *
 *   id      name         payload
 *   0x0001  HEALTH_PING  empty, or JSON that is not looked at; answered by HEALTH_PONG 0x0002
 *   0x0007  OBJ_GET      token, then an address: "b3:<hex>" or "b3:<hex>@<size>". Answered by
 *                        OBJ_DATA 0x0008: an event {"size":n,"content_type":t or null}, then bytes
 *   0x0009  OBJ_PUT      token, u64 size, u16 length, content type (may be empty), then the bytes:
 *                        in this frame alone, or in frames behind it. Answered by OBJ_ACK 0x000A
 *   0x0010  INGEST       token, then the JSON body of POST /ingest
 *   0x0011  ROOTS        the query of GET /roots, as text: "since=17"
 *   0x0012  ENTRY        token, then a seq in decimal
 *   0x0013  VERIFY       token
 *   0x0014  CHECKPOINT   empty
 *   0x0015  TILE         token, then what stands behind /tlog/tile/ in the path
 *   0x0016  PROOF        token, then what stands behind /proofs/ in the path, with its query
 *   0x0017  EXPORT       token, then what=...&after=N: one page
 *   0x0018  BALANCE      token, then the query of GET /v1/balance
 *   0x0019  SIGN_SNAPSHOT  token, then size=N&manifest=<SHA-256, 64 hex digits>
 *   0x0020  ISSUE        token, then the JSON body of POST /v1/issue, with one member more,
 *   0x0021  TRANSFER     "idempotency_key"; CAPTURE and RELEASE with another, "hold", which is in
 *   0x0022  BURN         the path over HTTP. A replay is told by an event before the answer:
 *   0x0023  HOLD         {"replayed":true}
 *   0x0024  CAPTURE
 *   0x0025  RELEASE
 *   0x0026  TX           token, then the txid, or the txid and "/proof"
 *   0x0027  HISTORY      token, then account?asset=...&before=N&limit=N
 *   0x0028  EVENTS       token, then the query of GET /v1/events: one page
 *   0x0030  REWARD_COMPUTE  token, then the JSON body of POST /rewarder/epochs/{epoch_id}/compute,
 *                        with one member more, "epoch_id"
 *   0x0031  REWARD_EPOCH  token, then the epoch
 *   0x0032  REWARD_MANIFEST  likewise
 *   0x0033  REWARD_RUNS  token, then the query of GET /rewarder/runs
 *   0x0034  REWARD_RELEASE  token, then {"epoch_id":...,"reason":...}
 *   0x0035  REWARD_POLICY_PUT  token, then the signed policy
 *   0x0036  REWARD_POLICY  token, then its id
 *
 * A token is a u16 length and that many bytes; of what HTTP tells everybody it may be empty. A
 * request is one frame with the flag REQ, and END if the client likes; its corr_id comes back, its
 * tenant_id is 0, because there are no tenants. Only OBJ_PUT may be several: REQ and CONT, the last
 * REQ and END, each with at most 64 KiB of the object and nothing else before it than the first
 * has. The answer is one frame of the same verb with RESP
 * and END, or several of at most 64 KiB of which all but the last have CONT instead of END. VERIFY
 * sends frames with EVENT before it, one a second. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/routes.h"
#include "common/slice.h"
#include "proto/frame.h"
#include "proto/verbs.h"

#define OAP_PUBLIC_VERBS(V)                                   \
	V(0x0001, HEALTH_PING, PROBE, false)                  \
	V(0x0007, OBJ_GET, OBJECT, true)                      \
	V(0x0009, OBJ_PUT, OBJECT_PUT, true)                  \
	V(0x0010, INGEST, INGEST, true)                       \
	V(0x0011, ROOTS, ROOTS, false)                        \
	V(0x0012, ENTRY, ENTRY, true)                         \
	V(0x0013, VERIFY, VERIFY, true)                       \
	V(0x0014, CHECKPOINT, TLOG_CHECKPOINT, false)         \
	V(0x0015, TILE, TLOG_TILE, true)                      \
	V(0x0016, PROOF, PROOF_ENTRY, true)                   \
	V(0x0017, EXPORT, EXPORT, true)                       \
	V(0x0018, BALANCE, BALANCE, true)                     \
	V(0x0019, SIGN_SNAPSHOT, SIGN_SNAPSHOT, true)         \
	V(0x0020, ISSUE, ISSUE, true)                         \
	V(0x0021, TRANSFER, TRANSFER, true)                   \
	V(0x0022, BURN, BURN, true)                           \
	V(0x0023, HOLD, HOLD, true)                           \
	V(0x0024, CAPTURE, CAPTURE, true)                     \
	V(0x0025, RELEASE, RELEASE, true)                     \
	V(0x0026, TX, TX, true)                               \
	V(0x0027, HISTORY, HISTORY, true)                     \
	V(0x0028, EVENTS, EVENTS, true)                       \
	V(0x0030, REWARD_COMPUTE, REWARD_COMPUTE, true)       \
	V(0x0031, REWARD_EPOCH, REWARD_EPOCH, true)           \
	V(0x0032, REWARD_MANIFEST, REWARD_MANIFEST, true)     \
	V(0x0033, REWARD_RUNS, REWARD_RUNS, true)             \
	V(0x0034, REWARD_RELEASE, REWARD_RELEASE, true)       \
	V(0x0035, REWARD_POLICY_PUT, REWARD_POLICY_PUT, true) \
	V(0x0036, REWARD_POLICY, REWARD_POLICY, true)

#define OAP_PUBLIC_HEALTH_PONG 0x0002u
#define OAP_PUBLIC_OBJ_DATA    0x0008u
#define OAP_PUBLIC_OBJ_ACK     0x000Au

enum oap_public_verb {
#define AS_ENUM(id, NAME, route, has_token) OAP_PUBLIC_##NAME = (id),
	OAP_PUBLIC_VERBS(AS_ENUM)
#undef AS_ENUM
};

/* Payload of a verb that has no body: whole before it is looked at. */
#define OAP_REQUEST_SMALL_BYTES_MAX (2u + VERB_TOKEN_BYTES_MAX + VERB_QUERY_BYTES_MAX)

/* What the client is told before its connection is closed: what follows cannot be trusted or is
 * not wanted. NAME, code, sentence */
#define OAP_REQUEST_VERDICTS(V)                                                             \
	V(OK, "", "")                                                                       \
	V(MORE, "", "")                                                                     \
	V(SKIP, "", "") /* unknown flags: the frame is dropped and counted */               \
	V(VERSION, "BadVersion", "only version 1 is spoken here")                           \
	V(TOO_LARGE, "FrameTooLarge", "a frame has at most 1 MiB")                          \
	V(LENGTH, "BadRequest", "a frame has at least its header")                          \
	V(COMPRESSED, "NotImplemented", "compressed frames are not built")                  \
	V(FLAGS, "BadRequest", "a request is one frame, with the flag REQ")                 \
	V(TENANT, "BadRequest", "there are no tenants: tenant_id is 0")                     \
	V(VERB, "NotImplemented", "there is no such verb for clients")                      \
	V(PAYLOAD, "FrameTooLarge", "the payload is longer than this verb's can be")        \
	V(TOKEN, "BadRequest", "the payload begins with a token behind its u16 length")     \
	V(PROOF, "BadRequest", "a proof is asked for by what follows /proofs/ in its path") \
	V(OBJECT, "BadRequest",                                                             \
		"behind the token stand a u64 size and a u16 length and media type")        \
	V(CHUNK, "ChunkTooLarge", "a frame of a stream has at most 64 KiB of the object")   \
	V(SIZE, "BadRequest",                                                               \
		"the frame with END makes the object as long as its size, which is at most 1 GiB")

enum oap_request_verdict {
#define AS_ENUM(NAME, code, text) OAP_REQUEST_##NAME,
	OAP_REQUEST_VERDICTS(AS_ENUM)
#undef AS_ENUM
		OAP_REQUEST_VERDICT_COUNT
};

const char *oap_request_code(enum oap_request_verdict verdict);
const char *oap_request_text(enum oap_request_verdict verdict);

struct oap_request_head {
	uint64_t corr_id;
	uint16_t verb;
	enum route route;
	struct slice token;    /* borrowed */
	struct slice query;    /* borrowed; what PAYLOAD_REQUEST says */
	uint32_t head_bytes;   /* of the frame, up to where its body begins */
	uint32_t body_bytes;   /* behind them: the body of a write, or what SKIP skips */
	uint32_t object_bytes; /* of OBJ_PUT, of which body_bytes are in this frame */
	bool goes_on;          /* in more frames */
};

/* Looks at the first bytes of a stream. OK: the request is whole but for body_bytes. corr_id and
 * verb are written whenever the header was there (zero before), the rest on OK and SKIP. */
MUST_CHECK enum oap_request_verdict oap_request_decode(
	struct slice bytes, struct oap_request_head *ret_head);

#endif
