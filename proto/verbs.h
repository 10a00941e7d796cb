#ifndef PROTO_VERBS_H
#define PROTO_VERBS_H

/* The wire protocol between our processes, whole. One row a verb; structs, codecs, dispatch,
 * the route check, the links themselves, size asserts and the table of macronode-oap(7) are
 * expanded from it, so that the line which a security reviewer reads is the line that runs.
 *
 * Flow (DESIGN-WALL.md section 3): only REQUESTs spend credit, and whoever finished with one
 * gives it back (CREDIT, common/peer.c). A REPLY always fits, because accepting its request
 * reserved the room. EVENTs are few, coalesce, and need no answer.
 *
 * The header's corr_id carries the ticket of the edge that a request came from, or the id that
 * its sender chose; it is therefore in no payload. */

#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/bytes.h"
#include "proto/processes.h"

/* Balances that one ASK_BALANCE asks for. */
#define BALANCE_NAMES_MAX      512u
#define BALANCE_NAME_BYTES_MAX (4u + 1u + ACCOUNT_BYTES_MAX + 1u + ASSET_BYTES_MAX)
#define BALANCE_TOLD_BYTES     (4u + 8u + 16u + 16u)

/* Bounds of payload fields, in bytes. */
#define VERB_CONFIG_BYTES_MAX 65536u /* every key of one process, strings included */
#define VERB_TEXT_BYTES_MAX   512u   /* a sentence for an operator */
#define VERB_NAME_BYTES_MAX   128u   /* an account, an asset, a capability in hex */
#define VERB_KEY_BYTES_MAX    65u    /* an idempotency key, or one that is too long */
#define VERB_TOKEN_BYTES_MAX  10924u /* TOKEN_BYTES_MAX as base64url */
/* A larger one waits for PROCEED (DESIGN-WALL.md section 3). */
#define VERB_BODY_INLINE_BYTES_MAX 16384u
#define VERB_BODY_CHUNK_BYTES_MAX  65536u
#define VERB_QUERY_BYTES_MAX       1024u    /* what a read asks for */
#define VERB_GRANT_BYTES_MAX       12288u   /* core/grant.h fits; asserted in services/kms */
#define VERB_DRAFTS_BYTES_MAX      1000000u /* DESIGN-LEDGER section 2: a larger request is 413 */
#define VERB_REASONS_BYTES_MAX     32768u   /* REQUEST_ENTRIES_MAX refusals of 5 bytes fit */
#define VERB_BATCH_BYTES_MAX       1000000u
/* All pieces of a batch that is larger: INTENT_ENTRIES_MAX Transfers with the longest names;
 * asserted in services/sequencer. */
#define VERB_LARGE_BATCH_BYTES_MAX 50331648u
#define VERB_TRACED_BYTES_MAX      256u    /* 32 tickets; of more, the disk's part is not told */
#define VERB_SPANS_BYTES_MAX       32768u  /* TRACE_SPANS_MAX of a trace; asserted in supervisor */
#define VERB_STATE_BYTES_MAX       524288u /* a piece of the state on its way to the sequencer */
#define VERB_SEQS_BYTES_MAX        32768u  /* seqs to fetch, 8 bytes each */
#define VERB_ROWS_BYTES_MAX        1000000u
#define VERB_REPLY_BYTES_MAX       65536u /* rendered by the edge; larger ones are pulled */
#define VERB_POLICY_BYTES_MAX      32768u /* POLICY_BYTES_MAX and room; asserted in supervisor */
#define VERB_INTENT_BYTES_MAX      1024u  /* INTENT_HEADER_BYTES_MAX; asserted there, too */
#define VERB_DRAFT_BYTES_MAX       4096u  /* one of core/draft.h; asserted in services/wallet */
#define VERB_RECEIPT_BYTES_MAX     1280u  /* BATCH_RECEIPT_BYTES_MAX, likewise */
#define VERB_NAMES_BYTES_MAX       86016u /* BALANCE_NAMES_MAX of account, asset and place */
#define VERB_TOLD_BYTES_MAX        22528u /* the same of balances */
#define VERB_CAVEATS_BYTES_MAX     8192u  /* caveats as lines of text, for minting */
#define VERB_PROOF_BYTES_MAX       2048u  /* MERKLE_PROOF_HASHES_MAX hashes */
#define VERB_TYPE_BYTES_MAX        127u   /* OBJECT_TYPE_BYTES_MAX; asserted in services/archive */
#define VERB_SIGNATURE_BYTES       64u    /* Ed25519 */
#define VERB_TLS_SIGNATURE_BYTES   512u   /* RSA of 4096 bits; asserted in services/kms */
#define VERB_TRANSCRIPT_BYTES_MAX  48u    /* SHA-384 */
#define VERB_TICKET_KEY_BYTES      64u    /* of GnuTLS; asserted in services/edge */
#define VERB_NOTE_BYTES_MAX        512u   /* a checkpoint or an audit note, with its signature */
#define VERB_AUDIT_BYTES_MAX       4096u  /* BATCH_AUDIT_BYTES_MAX; asserted in committer */
#define VERB_NODE_EVENT_BYTES_MAX  4096u  /* a reason or a cause, each byte of it escaped */
#define VERB_CORR_ID_BYTES_MAX     36u    /* a ULID or a UUID */
#define VERB_TENANT_BYTES_MAX      110u   /* INTENT_TENANT_BYTES_MAX */
#define VERB_EPOCH_BYTES_MAX       32u    /* INTENT_EPOCH_BYTES_MAX */
#define VERB_NOTES_BYTES_MAX       4096u  /* 1024 characters */
/* REWARD_POLICY_BYTES_MAX; of a bundle and a ledger snapshot REWARD_BUNDLE_BYTES_MAX. */
#define VERB_REWARD_POLICY_BYTES_MAX 65536u
#define VERB_REWARD_INPUT_BYTES_MAX  4096u

/* FIXED(kind, field)            a value whose size the kind decides
 * SIZED(field, bytes_max)       a view with a u32 length before it, and its bound
 *
 * C has no empty struct: what needs no payload has a field all the same (ABANDON's why,
 * CTL_STATUS's detail, FORGET_GRANTS's kms_generation), and nobody decides by it. */

/* Who waits for the answer: an edge process of that generation, by its ticket (corr_id). */
#define ROUTE_FIELDS(FIXED)         \
	FIXED(u8, edge_process)     \
	FIXED(u8, edge_instance)    \
	FIXED(u32, edge_generation) \
	FIXED(u64, deadline_mono_ms)

/* --- fd 3: the supervisor and a worker --- */

#define PAYLOAD_SETUP_CONFIG(FIXED, SIZED) SIZED(config, VERB_CONFIG_BYTES_MAX)
/* core/policy.h; to those who judge by it, behind their configuration */
#define PAYLOAD_SETUP_POLICY(FIXED, SIZED) SIZED(policy, VERB_POLICY_BYTES_MAX)
/* exactly one fd comes with it; what it is: enum setup_fd in common/worker.h */
#define PAYLOAD_SETUP_FD(FIXED, SIZED) \
	FIXED(u8, what)                \
	FIXED(u16, index)
/* suspect: a committer before this one died of a failed sync, write or read; config_generation:
 * of the configuration that came before, see CONFIG_PREPARE */
#define PAYLOAD_SETUP_END(FIXED, SIZED) \
	FIXED(u8, process)              \
	FIXED(u8, instance)             \
	FIXED(u32, generation)          \
	FIXED(u64, config_generation)   \
	FIXED(u8, sandbox_mode)         \
	FIXED(u8, suspect)              \
	FIXED(u64, tables_hash)
#define PAYLOAD_READY(FIXED, SIZED) FIXED(u64, tables_hash)
#define PAYLOAD_PROGRESS(FIXED, SIZED) \
	FIXED(u64, done)               \
	FIXED(u64, total)
#define PAYLOAD_PING(FIXED, SIZED) FIXED(u64, nonce)
#define PAYLOAD_PONG(FIXED, SIZED) \
	FIXED(u64, nonce)          \
	FIXED(u64, ticket_in_hand)
#define PAYLOAD_LINK(FIXED, SIZED) \
	FIXED(u8, process)         \
	FIXED(u8, instance)        \
	FIXED(u32, generation)
#define PAYLOAD_ACCUSE(FIXED, SIZED) \
	FIXED(u8, process)           \
	FIXED(u8, instance)          \
	FIXED(u32, generation)       \
	FIXED(u16, verb)             \
	FIXED(u8, err)
#define PAYLOAD_DRAIN(FIXED, SIZED)   FIXED(u64, deadline_mono_ms)
#define PAYLOAD_DRAINED(FIXED, SIZED) FIXED(u64, left_over)
/* phase: enum worker_phase in common/worker.h */
#define PAYLOAD_REPORT(FIXED, SIZED) \
	FIXED(u8, phase)             \
	FIXED(u64, seq)              \
	FIXED(u64, lag_ms)           \
	FIXED(hash, root)            \
	SIZED(text, VERB_TEXT_BYTES_MAX)
/* A reload (DESIGN-WALL.md section 6). What belongs to the configuration goes before it, as at a
 * start: SETUP_FD, SETUP_POLICY. The worker keeps all of it aside and says whether it can go by it;
 * then COMMIT puts it in force, or ABORT drops and closes it. closes: bits 1 << enum setup_fd of
 * fds that nothing takes the place of. status: enum err; text: why not, for an operator. */
#define PAYLOAD_CONFIG_PREPARE(FIXED, SIZED) \
	FIXED(u64, config_generation)        \
	FIXED(u16, closes)                   \
	SIZED(config, VERB_CONFIG_BYTES_MAX)
#define PAYLOAD_CONFIG_PREPARED(FIXED, SIZED) \
	FIXED(u64, config_generation)         \
	FIXED(u8, status)                     \
	SIZED(text, VERB_TEXT_BYTES_MAX)
#define PAYLOAD_CONFIG_COMMIT(FIXED, SIZED)  FIXED(u64, config_generation)
#define PAYLOAD_CONFIG_ABORT(FIXED, SIZED)   FIXED(u64, config_generation)
#define PAYLOAD_CONFIG_APPLIED(FIXED, SIZED) FIXED(u64, config_generation)
/* fault: enum worker_fault in common/worker.h */
#define PAYLOAD_FAILED(FIXED, SIZED) \
	FIXED(u8, fault)             \
	SIZED(text, VERB_TEXT_BYTES_MAX)
/* one link and direction: finished requests and their payload bytes */
#define PAYLOAD_CREDIT(FIXED, SIZED) \
	FIXED(u32, requests)         \
	FIXED(u32, bytes)

/* --- the supervisor and one role, also on fd 3 --- */

/* disk_full: why it is in safe mode */
#define PAYLOAD_READINESS(FIXED, SIZED) \
	FIXED(u8, ready)                \
	FIXED(u8, degraded)             \
	FIXED(u8, draining)             \
	FIXED(u8, safe_mode)            \
	FIXED(u8, disk_full)            \
	FIXED(u8, kms_ready)            \
	FIXED(u8, sequencer_ready)      \
	FIXED(u8, committer_ready)      \
	FIXED(u8, archive_ready)        \
	FIXED(u8, wallet_ready)         \
	FIXED(u8, rewarder_used)        \
	FIXED(u8, rewarder_ready)       \
	FIXED(u8, prevalidator_ready)   \
	FIXED(u64, lag_ms)              \
	SIZED(reason, VERB_TEXT_BYTES_MAX)
/* form: enum token_form */
enum token_form { TOKEN_FORM_MACAROON, TOKEN_FORM_SIGNED };
#define PAYLOAD_CAP_MINT(FIXED, SIZED) \
	FIXED(u8, form)                \
	SIZED(caveats, VERB_CAVEATS_BYTES_MAX)
#define PAYLOAD_CAP_REVOKE(FIXED, SIZED) \
	FIXED(u32, kid)                  \
	FIXED(id128, capability)
#define PAYLOAD_CAP_LIST(FIXED, SIZED) FIXED(u64, after)
/* active_kid: of the root key that its sender saw as the active one, so that asking twice
 * rotates once */
#define PAYLOAD_CAP_ROTATE(FIXED, SIZED) FIXED(u32, active_kid)
/* Answered by CAP_ANSWER with JSON: the node's own key, and what it signed last. */
#define PAYLOAD_KEY_SHOW(FIXED, SIZED) FIXED(u8, detail)
/* status: enum err; text: a token, JSON lines, or the sentence that says why not */
#define PAYLOAD_CAP_ANSWER(FIXED, SIZED) \
	FIXED(u8, status)                \
	FIXED(u64, next)                 \
	SIZED(text, VERB_REPLY_BYTES_MAX)
/* scope and act: enum control_scope and control_kind in core/batch.h */
#define PAYLOAD_GOVERN(FIXED, SIZED)       \
	FIXED(u8, act)                     \
	FIXED(u8, scope)                   \
	SIZED(name, VERB_NAME_BYTES_MAX)   \
	SIZED(reason, VERB_TEXT_BYTES_MAX) \
	SIZED(actor, VERB_NAME_BYTES_MAX)
#define PAYLOAD_GOVERN_ANSWER(FIXED, SIZED) \
	FIXED(u8, status)                   \
	FIXED(u64, after_seq)               \
	SIZED(text, VERB_TEXT_BYTES_MAX)
/* What keeps the store from being written, and going on in spite of it. act: enum recover_act;
 * size and root: with ACKNOWLEDGE, of what is on disk. status: enum err; left: 1 when there is
 * something to recover; text: JSON of services/committer/recover.c, or why not. cleared: the
 * supervisor need not remember the failed sync any more. */
enum recover_act { RECOVER_EXPLAIN, RECOVER_ACKNOWLEDGE };
#define PAYLOAD_RECOVER(FIXED, SIZED) \
	FIXED(u8, act)                \
	FIXED(u64, size)              \
	FIXED(hash, root)             \
	SIZED(actor, VERB_NAME_BYTES_MAX)
#define PAYLOAD_RECOVER_ANSWER(FIXED, SIZED) \
	FIXED(u8, status)                    \
	FIXED(u8, left)                      \
	FIXED(u8, cleared)                   \
	SIZED(text, VERB_REPLY_BYTES_MAX)
/* What the supervisor has done, for the chain of audit records; kind: enum audit_kind in
 * core/audit.h. status: enum err; ERR_BUSY: not now, it is asked again. */
#define PAYLOAD_AUDIT(FIXED, SIZED) \
	FIXED(u16, kind)            \
	FIXED(u64, ts_unix_ms)      \
	SIZED(json, VERB_AUDIT_BYTES_MAX)
#define PAYLOAD_AUDITED(FIXED, SIZED) FIXED(u8, status)

/* --- what administrators ask for: admin's prevalidator, the supervisor, kms, and admin --- */

/* act: enum admin_act of common/admin_acts.h. corr_id: the client's, for log and audit. reason: of
 * an act that changes something; may be empty. grant: the supervisor believes it when kms does. */
#define PAYLOAD_ADMIN_ASK(FIXED, SIZED)        \
	FIXED(u8, act)                         \
	FIXED(u32, edge_generation)            \
	FIXED(u64, deadline_mono_ms)           \
	SIZED(corr_id, VERB_CORR_ID_BYTES_MAX) \
	SIZED(reason, VERB_TEXT_BYTES_MAX)     \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* status: HTTP's. 200, 202: body is JSON, and of EVENTS empty: it may be told. Else text says why
 * not. */
#define PAYLOAD_ADMIN_ANSWER(FIXED, SIZED) \
	FIXED(u16, status)                 \
	FIXED(u32, retry_after_s)          \
	SIZED(text, VERB_TEXT_BYTES_MAX)   \
	SIZED(body, VERB_REPLY_BYTES_MAX)
/* action: enum caveat_action. */
#define PAYLOAD_CHECK_GRANT(FIXED, SIZED) \
	FIXED(u8, action)                 \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* status: enum err. DENIED, MALFORMED: kms never sealed it, and whoever brought it is to be
 * accused; STALE: of a kms before this one, or past its end. covers: the action is allowed now;
 * else text. */
#define PAYLOAD_GRANT_CHECKED(FIXED, SIZED) \
	FIXED(u8, status)                   \
	FIXED(u8, covers)                   \
	FIXED(u32, kid)                     \
	FIXED(id128, capability)            \
	SIZED(text, VERB_TEXT_BYTES_MAX)
/* topic: enum node_event of common/node_events.h. number: of this life of the node, from 0. id: the
 * same plus a constant that is higher with each start. A new admin hears those that are kept again.
 */
#define PAYLOAD_NODE_EVENT(FIXED, SIZED) \
	FIXED(u8, topic)                 \
	FIXED(u64, number)               \
	FIXED(u64, id)                   \
	SIZED(json, VERB_NODE_EVENT_BYTES_MAX)

/* --- the control socket: whoever is root or our own uid, and the supervisor --- */

#define PAYLOAD_CTL_STATUS(FIXED, SIZED)  FIXED(u8, detail)
#define PAYLOAD_CTL_STOP(FIXED, SIZED)    SIZED(reason, VERB_TEXT_BYTES_MAX)
#define PAYLOAD_CTL_MINT(FIXED, SIZED)    PAYLOAD_CAP_MINT(FIXED, SIZED)
#define PAYLOAD_CTL_REVOKE(FIXED, SIZED)  PAYLOAD_CAP_REVOKE(FIXED, SIZED)
#define PAYLOAD_CTL_LIST(FIXED, SIZED)    PAYLOAD_CAP_LIST(FIXED, SIZED)
#define PAYLOAD_CTL_ROTATE(FIXED, SIZED)  PAYLOAD_CAP_ROTATE(FIXED, SIZED)
#define PAYLOAD_CTL_GOVERN(FIXED, SIZED)  PAYLOAD_GOVERN(FIXED, SIZED)
#define PAYLOAD_CTL_RECOVER(FIXED, SIZED) PAYLOAD_RECOVER(FIXED, SIZED)
#define PAYLOAD_CTL_KEY(FIXED, SIZED)     PAYLOAD_KEY_SHOW(FIXED, SIZED)
#define PAYLOAD_CTL_RELOAD(FIXED, SIZED)  FIXED(u8, detail)
/* The trace of that correlation id, or with an empty one the newest of all. */
#define PAYLOAD_CTL_TRACE(FIXED, SIZED) SIZED(id, VERB_NAME_BYTES_MAX)
/* status: enum err; text: JSON, a token, or the sentence that says why not */
#define PAYLOAD_CTL_ANSWER(FIXED, SIZED) PAYLOAD_CAP_ANSWER(FIXED, SIZED)

/* --- edge and kms: TLS (tls/tls_key.h). The edge waits for the answer where it stands. --- */

/* What kms signs it builds itself, of the hash of a handshake so far: the CertificateVerify of a
 * server, nothing else. key: SHA-256 of the SubjectPublicKeyInfo of the certificate that the edge
 * showed, so that around a reload each gets the signature of its own key; scheme: of RFC 8446. */
#define PAYLOAD_SIGN_TLS(FIXED, SIZED) \
	FIXED(hash, key)               \
	FIXED(u16, scheme)             \
	SIZED(transcript, VERB_TRANSCRIPT_BYTES_MAX)
/* status: enum err; STALE: there is no such key */
#define PAYLOAD_SIGNED_TLS(FIXED, SIZED) \
	FIXED(u8, status)                \
	SIZED(signature, VERB_TLS_SIGNATURE_BYTES)
/* Seals the tickets of one plane, so that none of the other's opens there. */
#define PAYLOAD_TICKET_KEY(FIXED, SIZED) SIZED(key, VERB_TICKET_KEY_BYTES)

/* --- the exporter of traces --- */

/* It has room for so many more, and holds no socket, if it wants one. */
#define PAYLOAD_OTEL_WANT(FIXED, SIZED) \
	FIXED(u8, wants_socket)         \
	FIXED(u16, traces)
/* status: enum err; OK: the socket comes with it, of which the connection is being made. Else
 * os_error says why there is none. */
#define PAYLOAD_OTEL_SOCKET(FIXED, SIZED) \
	FIXED(u8, status)                 \
	FIXED(u32, os_error)
/* Spans of one trace: members of an array of OTLP/JSON, with commas between them. */
#define PAYLOAD_OTEL_SPANS(FIXED, SIZED) \
	FIXED(u16, count)                \
	SIZED(spans, VERB_SPANS_BYTES_MAX)

/* --- the diagnostic that crosses three roles (public verb HEALTH_PING) --- */

#define PAYLOAD_PROBE(FIXED, SIZED)  \
	FIXED(u64, deadline_mono_ms) \
	FIXED(u64, nonce)
#define PAYLOAD_PROBE_ORDER(FIXED, SIZED) \
	ROUTE_FIELDS(FIXED)               \
	FIXED(u64, nonce)
#define PAYLOAD_PROBE_ECHO(FIXED, SIZED)    FIXED(u64, nonce)
#define PAYLOAD_PROBE_REFUSED(FIXED, SIZED) FIXED(u8, reason)

/* --- edge and prevalidator --- */

/* route: enum route of common/routes.h, never one that the edge answers itself; is_oap: it came
 * as a public verb, so there is no method and no path for caveats; peer_class: enum grant_peer.
 * query: what follows the fixed part of the route's path, of ENTRY the decimal seq alone, of
 * routes without {name} the query string without its question mark. offset: of the answer, whose
 * beginning the edge has, of TLOG_TILE; of EVENTS the seq after which to go on; else 0. idem_key:
 * the field Idempotency-Key, of a longer one its beginning, which is too long, too. token: as text,
 * empty when there was none. is_gzip: the body is packed, over HTTP only. wait_ms: so long the
 * client waits for an epoch that is being computed; 0: it did not say. corr_id: of what is asked of
 * the supervisor, who keeps a record; else empty. body_bytes: of the whole
 * body; `body` is all of it, or empty when it is longer than fits: then it follows as BODY, after
 * PROCEED. Of OBJECT_PUT `query` is the content type, and the body never follows: it goes to
 * archive. config_generation: of what its head was judged by, and so it is to the end. certificate:
 * SHA-256 of the client's, of GRANT_PEER_MTLS; else zero. is_again: it goes on with an answer that
 * has begun, or asks once more for the client, and is not counted. */
#define PAYLOAD_REQUEST(FIXED, SIZED)          \
	FIXED(u64, deadline_mono_ms)           \
	FIXED(u64, config_generation)          \
	FIXED(u8, route)                       \
	FIXED(u8, is_oap)                      \
	FIXED(u8, peer_class)                  \
	FIXED(u32, peer_uid)                   \
	FIXED(hash, certificate)               \
	FIXED(u32, body_bytes)                 \
	FIXED(u64, offset)                     \
	FIXED(u8, is_gzip)                     \
	FIXED(u8, is_again)                    \
	FIXED(u32, wait_ms)                    \
	SIZED(query, VERB_QUERY_BYTES_MAX)     \
	SIZED(corr_id, VERB_CORR_ID_BYTES_MAX) \
	SIZED(idem_key, VERB_KEY_BYTES_MAX)    \
	SIZED(token, VERB_TOKEN_BYTES_MAX)     \
	SIZED(body, VERB_BODY_INLINE_BYTES_MAX)
#define PAYLOAD_BODY(FIXED, SIZED) \
	FIXED(u32, offset)         \
	SIZED(bytes, VERB_BODY_CHUNK_BYTES_MAX)
#define PAYLOAD_ABANDON(FIXED, SIZED) FIXED(u8, why)
#define PAYLOAD_PROCEED(FIXED, SIZED) FIXED(u32, body_bytes)
/* status: HTTP; reason: enum reason; api_reason: enum api_reason of a route under /v1,
 * reward_reason: enum reward_reason of one under /rewarder, 0 when the status says it all;
 * rate_limit: requests a second of a limit that is reached, and until it is whole again; 0: of
 * none; detail: a short stable string, no secret */
#define PAYLOAD_REFUSED(FIXED, SIZED) \
	FIXED(u16, status)            \
	FIXED(u8, reason)             \
	FIXED(u8, api_reason)         \
	FIXED(u8, reward_reason)      \
	FIXED(u16, entry_index)       \
	FIXED(u32, rate_limit)        \
	FIXED(u32, rate_reset_s)      \
	SIZED(detail, VERB_TEXT_BYTES_MAX)

/* --- prevalidator and kms --- */

/* ticket: of the request that it is asked for first; common/trace.h. actions: bits of core/caveat.h
 * that the client's certificate is good for; all without one. The grant has no other, so that who
 * checks it knows of certificates as well. */
#define PAYLOAD_VERIFY(FIXED, SIZED) \
	FIXED(u64, ticket)           \
	FIXED(u8, peer_class)        \
	FIXED(u32, peer_uid)         \
	FIXED(u32, actions)          \
	SIZED(token, TOKEN_BYTES_MAX)
/* api_reason: of a refusal under /v1, enum api_reason; 0: that of any token that is not good */
#define PAYLOAD_GRANT(FIXED, SIZED)        \
	FIXED(u16, status)                 \
	FIXED(u8, reason)                  \
	FIXED(u8, api_reason)              \
	SIZED(detail, VERB_TEXT_BYTES_MAX) \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
#define PAYLOAD_FORGET_GRANTS(FIXED, SIZED) FIXED(u32, kms_generation)

/* --- kms to those who check grants themselves --- */

#define PAYLOAD_GRANT_KEY(FIXED, SIZED) \
	FIXED(u32, kms_generation)      \
	FIXED(hash, key)
#define PAYLOAD_REVOKED(FIXED, SIZED) \
	FIXED(u32, kid)               \
	FIXED(id128, capability)
#define PAYLOAD_REVOKED_DONE(FIXED, SIZED) FIXED(u64, after_seq)
/* The name of the ledger, made at genesis and kept with the keys, because kms judges node= and
 * signs by it. Sent at link up: the committer opens the store only when it has it, and refuses
 * one whose meta.origin is another. in_use: tokens were minted for it, so there must be a store.
 * signed_*: the largest tree that kms signed for this origin (size 0: none), which the store must
 * hold. key_event_count: see KEY_EVENTS. origin_before: empty, or what the ledger was called until
 * it was restored under this name; abandoned_*: what had been signed last under that one. */
#define PAYLOAD_ORIGIN(FIXED, SIZED)           \
	FIXED(u8, in_use)                      \
	FIXED(u64, signed_size)                \
	FIXED(hash, signed_root)               \
	FIXED(hash, public_key)                \
	FIXED(u64, key_event_count)            \
	SIZED(origin, ORIGIN_BYTES_MAX)        \
	SIZED(origin_before, ORIGIN_BYTES_MAX) \
	FIXED(u64, abandoned_size)             \
	FIXED(hash, abandoned_root)

/* --- kms and committer: what is signed, and what happened to keys --- */

/* old_size: what kms remembers; proof: hashes from there to size (RFC 6962). Only a continuation of
 * what was signed is signed. audit_*: the chain of audit records, in a note of its own. */
#define PAYLOAD_SIGN_CHECKPOINT(FIXED, SIZED) \
	FIXED(u64, old_size)                  \
	FIXED(u64, size)                      \
	FIXED(hash, root)                     \
	FIXED(u64, audit_count)               \
	FIXED(hash, audit_head)               \
	SIZED(proof, VERB_PROOF_BYTES_MAX)
/* status: enum err; STALE: old_size is not what kms remembers, CONFLICT: the tree is no
 * continuation of it. signed_*: what it remembers now. The notes are whole (core/note.h). */
#define PAYLOAD_SIGNED_CHECKPOINT(FIXED, SIZED) \
	FIXED(u8, status)                       \
	FIXED(u64, size)                        \
	FIXED(u64, signed_size)                 \
	FIXED(hash, signed_root)                \
	SIZED(checkpoint, VERB_NOTE_BYTES_MAX)  \
	SIZED(audit, VERB_NOTE_BYTES_MAX)
/* A snapshot of the entries first_seq to size, of which archive holds the root; manifest_sha256 is
 * the caller's. status: enum err; CONFLICT: another root of that size was signed. */
#define PAYLOAD_SIGN_SNAPSHOT(FIXED, SIZED) \
	FIXED(u64, first_seq)               \
	FIXED(u64, size)                    \
	FIXED(hash, root)                   \
	FIXED(hash, manifest_sha256)
#define PAYLOAD_SIGNED_SNAPSHOT(FIXED, SIZED) \
	FIXED(u8, status)                     \
	SIZED(note, VERB_NOTE_BYTES_MAX)
/* The keyring is a log of keys made and replaced, capabilities minted and revoked. Its events are
 * numbered from 1; the committer mirrors each once among the audit records. count: so many there
 * are. after: the number of the last one that it has. rows: {u16 enum audit_kind, u64 Unix ms, u16
 * length, JSON} each, ascending without a gap. */
#define PAYLOAD_KEY_EVENTS(FIXED, SIZED)      FIXED(u64, count)
#define PAYLOAD_READ_KEY_EVENTS(FIXED, SIZED) FIXED(u64, after)
#define PAYLOAD_KEY_EVENT_ROWS(FIXED, SIZED)  SIZED(rows, VERB_REPLY_BYTES_MAX)

/* --- kms and archive --- */

/* Who signed the checkpoint that archive finds in the store: verify asks. */
#define PAYLOAD_SIGNER(FIXED, SIZED) \
	FIXED(hash, public_key)      \
	SIZED(origin, ORIGIN_BYTES_MAX)

/* --- prevalidator and sequencer, sequencer and edge --- */

/* mode: 0 partial, 1 atomic. drafts: core/entry.h, count of them first */
#define PAYLOAD_SUBMIT(FIXED, SIZED)       \
	ROUTE_FIELDS(FIXED)                \
	FIXED(u8, mode)                    \
	FIXED(u8, dry_run)                 \
	FIXED(u16, draft_count)            \
	SIZED(idem_id, IDEM_ID_BYTES_MAX)  \
	SIZED(grant, VERB_GRANT_BYTES_MAX) \
	SIZED(drafts, VERB_DRAFTS_BYTES_MAX)
/* reasons: {u32 index, u8 enum detail} each */
#define PAYLOAD_VERDICT(FIXED, SIZED) \
	FIXED(u16, status)            \
	FIXED(u8, accepted)           \
	FIXED(u8, dry_run)            \
	FIXED(u64, seq_start)         \
	FIXED(u64, seq_end)           \
	FIXED(u8, root_known)         \
	FIXED(hash, root)             \
	SIZED(reasons, VERB_REASONS_BYTES_MAX)

/* --- sequencer and committer --- */

/* state_no: of the STATE_BEGIN whose state it was judged on. pieces_bytes: of a batch that is too
 * large for a frame, which came before as BATCH_PIECEs; then `records` is empty. 0 of all others.
 * traced: tickets of requests in it, 8 bytes each (common/trace.h). */
#define PAYLOAD_BATCH(FIXED, SIZED)          \
	FIXED(u32, sequencer_generation)     \
	FIXED(u64, fence)                    \
	FIXED(u64, state_no)                 \
	FIXED(u64, batch_no)                 \
	FIXED(u64, first_seq)                \
	FIXED(u32, entry_count)              \
	FIXED(u64, batch_ts_unix_ms)         \
	FIXED(u64, low_water)                \
	FIXED(u32, pieces_bytes)             \
	SIZED(traced, VERB_TRACED_BYTES_MAX) \
	SIZED(records, VERB_BATCH_BYTES_MAX)
/* A part of the records of the batch that comes next, from offset on; the parts come in order. */
#define PAYLOAD_BATCH_PIECE(FIXED, SIZED) \
	FIXED(u64, batch_no)              \
	FIXED(u32, total_bytes)           \
	FIXED(u32, offset)                \
	SIZED(bytes, VERB_BATCH_BYTES_MAX)
#define PAYLOAD_COMMITTED(FIXED, SIZED) \
	FIXED(u64, batch_no)            \
	FIXED(u64, last_seq)            \
	FIXED(hash, root)
/* Nothing of the batch was written, and nothing of what was judged on the same state will be.
 * disk_full: 1: what is on disk is streamed next. 0: the committer tells another reason. */
#define PAYLOAD_NOT_COMMITTED(FIXED, SIZED) \
	FIXED(u64, batch_no)                \
	FIXED(u8, disk_full)
/* What is on disk, instead of whatever the sequencer has. state_no: of no state before it.
 * txid_ts_unix_ms: of the highest txid; 0: there is none */
#define PAYLOAD_STATE_BEGIN(FIXED, SIZED) \
	FIXED(u64, state_no)              \
	FIXED(u64, fence)                 \
	FIXED(u64, size)                  \
	FIXED(hash, root)                 \
	FIXED(u64, batch_ts_unix_ms)      \
	FIXED(u64, txid_ts_unix_ms)       \
	FIXED(u64, low_water)             \
	FIXED(id128, fingerprint_key)
/* A start in pieces, in the order of enum state_piece. ROWS: records of core/batch.h, accounts
 * by index, then chunks, claims, counters, controls. FINGERPRINTS: u64 first seq, then those of
 * consecutive entries, 16 bytes each. ENTRIES: {u64 batch_ts, one ENTRY record} each, from
 * low_water + 1 to size. */
enum state_piece { STATE_ROWS, STATE_FINGERPRINTS, STATE_ENTRIES };
#define PAYLOAD_STATE_PIECE(FIXED, SIZED) \
	FIXED(u8, piece)                  \
	SIZED(records, VERB_STATE_BYTES_MAX)
/* disk_full: 1: it is to be read, and no batch is taken until another STATE_END of the same size
 * says that there is room. */
#define PAYLOAD_STATE_END(FIXED, SIZED) \
	FIXED(u64, size)                \
	FIXED(u8, disk_full)
/* text: as REPORT of the sequencer has it */
#define PAYLOAD_STATE_BAD(FIXED, SIZED) \
	FIXED(u64, seq)                 \
	SIZED(text, VERB_TEXT_BYTES_MAX)

/* --- archive: told by the committer, asked by sequencer and prevalidator; asks the sequencer ---
 */

#define PAYLOAD_TREE(FIXED, SIZED) \
	FIXED(u8, open)            \
	FIXED(u64, size)           \
	FIXED(hash, root)          \
	FIXED(u64, batch_ts_unix_ms)
#define PAYLOAD_FETCH(FIXED, SIZED) SIZED(seqs, VERB_SEQS_BYTES_MAX)
/* rows: {u64 seq, u64 last seq of its commit, hash root of it, u8 has salt, salt 16, u16 leaf
 * bytes, leaf} each, in the order asked; fewer than asked when they do not fit: ask again for
 * the rest, of none at all somewhat later. A seq that is not there is a row with an empty leaf. */
#define PAYLOAD_ROWS(FIXED, SIZED) SIZED(rows, VERB_ROWS_BYTES_MAX)
#define PAYLOAD_READ_ROOTS(FIXED, SIZED) \
	ROUTE_FIELDS(FIXED)              \
	FIXED(u64, since)                \
	FIXED(u32, limit)
/* rows: {u64 last_seq, hash root, u64 ts} each; next: the seq after them, 0 if they cannot be
 * read now */
#define PAYLOAD_ROOTS(FIXED, SIZED) \
	FIXED(u64, next)            \
	SIZED(rows, VERB_REPLY_BYTES_MAX)
#define PAYLOAD_READ_ENTRY(FIXED, SIZED) \
	ROUTE_FIELDS(FIXED)              \
	FIXED(u64, seq)                  \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
#define PAYLOAD_ENTRY(FIXED, SIZED)  \
	FIXED(u16, status)           \
	FIXED(u64, batch_ts_unix_ms) \
	FIXED(hash, prev_root)       \
	FIXED(hash, new_root)        \
	SIZED(leaf, 2048u)           \
	SIZED(memo, MEMO_BYTES_MAX)
#define PAYLOAD_READ_VERIFY(FIXED, SIZED) \
	ROUTE_FIELDS(FIXED)               \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* One a second while it runs, the last with done set; text: JSON of the result then. */
#define PAYLOAD_VERIFIED(FIXED, SIZED) \
	FIXED(u8, done)                \
	FIXED(u64, entries_done)       \
	FIXED(u64, entries_total)      \
	SIZED(text, VERB_REPLY_BYTES_MAX)

/* what, a, b, text: common/reads.h. grant: empty when there was no token and none is needed */
#define PAYLOAD_READ_TLOG(FIXED, SIZED)   \
	ROUTE_FIELDS(FIXED)               \
	FIXED(u8, what)                   \
	FIXED(u64, a)                     \
	FIXED(u64, b)                     \
	FIXED(u64, offset)                \
	SIZED(text, VERB_QUERY_BYTES_MAX) \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* fault, content, cache: common/reads.h. bytes: of the `total` those from `offset` on; as long as
 * they are not all, the edge asks for the next when its client has taken these. */
#define PAYLOAD_BLOB(FIXED, SIZED) \
	FIXED(u8, fault)           \
	FIXED(u8, content)         \
	FIXED(u8, cache)           \
	FIXED(u64, total)          \
	FIXED(u64, offset)         \
	SIZED(bytes, VERB_REPLY_BYTES_MAX)

/* The newest balance of an account in an asset, once all up to as_of_seq is committed; last_seq: of
 * the last entry about it, 0 when there is none. Not known: the sequencer has no state now. */
#define PAYLOAD_LOCATE(FIXED, SIZED)        \
	SIZED(account, VERB_NAME_BYTES_MAX) \
	SIZED(asset, VERB_NAME_BYTES_MAX)
#define PAYLOAD_LOCATED(FIXED, SIZED) \
	FIXED(u8, known)              \
	FIXED(u64, as_of_seq)         \
	FIXED(u64, last_seq)          \
	FIXED(u128, available)        \
	FIXED(u128, held)

/* --- the wallet: asked by the prevalidator, asks sequencer and archive, tells the edge --- */

/* op: enum operation_kind; what the operation does not have is empty or zero (core/operation.h). */
#define PAYLOAD_WALLET_OP(FIXED, SIZED)     \
	ROUTE_FIELDS(FIXED)                 \
	FIXED(u8, op)                       \
	FIXED(u64, nonce)                   \
	FIXED(u128, amount)                 \
	FIXED(id128, hold)                  \
	FIXED(u64, expires_unix_ms)         \
	FIXED(u8, has_memo)                 \
	SIZED(idem_key, VERB_KEY_BYTES_MAX) \
	SIZED(from, ACCOUNT_BYTES_MAX)      \
	SIZED(to, ACCOUNT_BYTES_MAX)        \
	SIZED(asset, ASSET_BYTES_MAX)       \
	SIZED(memo, MEMO_BYTES_MAX)         \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* draft: one of core/draft.h */
#define PAYLOAD_OP_SUBMIT(FIXED, SIZED)    \
	FIXED(u64, ticket)                 \
	FIXED(u64, deadline_mono_ms)       \
	SIZED(draft, VERB_DRAFT_BYTES_MAX) \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* Like every answer of the sequencer it leaves when all that was numbered before is on disk.
 * detail: enum detail, 0: it is there. A repeat brings the seq of the original alone, what is new
 * its receipt. lane_last: the lane's newest nonce, if the token may read the account. */
#define PAYLOAD_OP_VERDICT(FIXED, SIZED) \
	FIXED(u8, detail)                \
	FIXED(u8, is_repeat)             \
	FIXED(u8, has_lane_last)         \
	FIXED(u64, lane_last)            \
	FIXED(u64, seq)                  \
	SIZED(receipt, VERB_RECEIPT_BYTES_MAX)
/* The sequencer serves. No txid is of a later time than this, nor any batch. */
#define PAYLOAD_SERVING(FIXED, SIZED)      FIXED(u64, latest_ts_unix_ms)
#define PAYLOAD_READ_RECEIPT(FIXED, SIZED) FIXED(u64, seq)
/* status: enum err. ERR_BUSY: the store cannot be read now. */
#define PAYLOAD_RECEIPT(FIXED, SIZED) \
	FIXED(u8, status)             \
	SIZED(receipt, VERB_RECEIPT_BYTES_MAX)
/* api_reason: enum api_reason, 0: it is done, and this is its receipt */
#define PAYLOAD_WALLET_RESULT(FIXED, SIZED) \
	FIXED(u8, api_reason)               \
	FIXED(u8, replayed)                 \
	FIXED(u8, has_lane_last)            \
	FIXED(u64, lane_last)               \
	SIZED(receipt, VERB_RECEIPT_BYTES_MAX)

#define PAYLOAD_READ_BALANCE(FIXED, SIZED) \
	ROUTE_FIELDS(FIXED)                \
	SIZED(account, ACCOUNT_BYTES_MAX)  \
	SIZED(asset, ASSET_BYTES_MAX)
/* names: {u32 place, u8 length, account, u8 length, asset} each, at most BALANCE_NAMES_MAX.
 * Answered like LOCATE, once all that was numbered before is on disk. balances: {u32 place, u64
 * last_seq, u128 available, u128 held} each, in the order asked; zeros of what there is not. Not
 * known: the sequencer has no state now. as_of_mono_ms: when they were looked up for the last time.
 */
#define PAYLOAD_ASK_BALANCE(FIXED, SIZED) SIZED(names, VERB_NAMES_BYTES_MAX)
#define PAYLOAD_TOLD_BALANCE(FIXED, SIZED) \
	FIXED(u8, known)                   \
	FIXED(u64, as_of_seq)              \
	FIXED(u64, as_of_mono_ms)          \
	SIZED(balances, VERB_TOLD_BYTES_MAX)
/* api_reason: enum api_reason, 0: the balance, as it was stale_ms ago */
#define PAYLOAD_BALANCE(FIXED, SIZED)     \
	FIXED(u8, api_reason)             \
	FIXED(u128, available)            \
	FIXED(u128, held)                 \
	FIXED(u64, as_of_seq)             \
	FIXED(u64, as_of_unix_ms)         \
	FIXED(u32, stale_ms)              \
	SIZED(account, ACCOUNT_BYTES_MAX) \
	SIZED(asset, ASSET_BYTES_MAX)

/* A page of events as lines of JSON, each with its seq first. fault: common/reads.h. next: all up
 * to it was looked at, and what may be seen of it is in this page; size: of the ledger. */
#define PAYLOAD_EVENTS(FIXED, SIZED) \
	FIXED(u8, fault)             \
	FIXED(u64, next)             \
	FIXED(u64, size)             \
	SIZED(lines, VERB_REPLY_BYTES_MAX)
/* The ledger has grown; told at most every few milliseconds. */
#define PAYLOAD_GREW(FIXED, SIZED) FIXED(u64, size)

/* --- objects: judged by the prevalidator, kept by archive, which the edge brings their bytes ---
 */

/* Whoever has that ticket brings `size` bytes: archive says with PUT_WANT how far it may go. */
#define PAYLOAD_PUT_OBJECT(FIXED, SIZED)         \
	ROUTE_FIELDS(FIXED)                      \
	FIXED(u64, size)                         \
	SIZED(content_type, VERB_TYPE_BYTES_MAX) \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
#define PAYLOAD_PUT_WANT(FIXED, SIZED) FIXED(u64, upto)
#define PAYLOAD_PUT_BYTES(FIXED, SIZED) \
	FIXED(u64, offset)              \
	SIZED(bytes, VERB_BODY_CHUNK_BYTES_MAX)
#define PAYLOAD_PUT_DROP(FIXED, SIZED) FIXED(u8, why)
/* fault: common/object_faults.h; without one it is on disk, to stay. */
#define PAYLOAD_PUT_DONE(FIXED, SIZED) \
	FIXED(u8, fault)               \
	FIXED(hash, id)                \
	FIXED(u64, size)               \
	FIXED(u32, chunks)
/* size: that it must have, with has_size. offset: from which on, or OBJECT_OFFSET_NONE. */
#define PAYLOAD_READ_OBJECT(FIXED, SIZED) \
	ROUTE_FIELDS(FIXED)               \
	FIXED(hash, id)                   \
	FIXED(u8, has_size)               \
	FIXED(u64, size)                  \
	FIXED(u64, offset)                \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* bytes: from offset to the end of its chunk, which is what its id says. */
#define PAYLOAD_OBJECT(FIXED, SIZED)             \
	FIXED(u8, fault)                         \
	FIXED(u64, total)                        \
	FIXED(u64, offset)                       \
	SIZED(content_type, VERB_TYPE_BYTES_MAX) \
	SIZED(bytes, VERB_REPLY_BYTES_MAX)

/* --- the rewarder: asks sequencer and kms --- */

/* header: one of core/intent.h. grant: of whoever asked for the run, sealed by kms; empty when all
 * that is asked is whether it was settled. allocations_bytes: of what will follow as INTENT_BODY
 * if the answer is NEED_BODY: the allocations of core/intent.h, in order, under the same corr_id. A
 * second INTENT_RESULT follows them. One intent is under way at a time. */
#define PAYLOAD_INTENT(FIXED, SIZED)         \
	FIXED(u64, deadline_mono_ms)         \
	FIXED(u32, allocations_bytes)        \
	SIZED(header, VERB_INTENT_BYTES_MAX) \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
#define PAYLOAD_INTENT_BODY(FIXED, SIZED) \
	FIXED(u32, offset)                \
	SIZED(bytes, VERB_BODY_CHUNK_BYTES_MAX)
/* ACCEPTED: its entries are on disk. DUP: they were before, as these. CONFLICT: one of its names
 * was settled otherwise. ERROR: nothing was committed, and detail (enum detail) says why; of
 * outcome_unknown alone nobody knows. root: of the commit that carried them. */
enum intent_status { INTENT_ACCEPTED, INTENT_DUP, INTENT_NEED_BODY, INTENT_CONFLICT, INTENT_ERROR };
#define PAYLOAD_INTENT_RESULT(FIXED, SIZED) \
	FIXED(u8, status)                   \
	FIXED(u8, detail)                   \
	FIXED(u64, seq_start)               \
	FIXED(u64, seq_end)                 \
	FIXED(hash, root)
/* Whether the grant covers what its bringer asks the rewarder for, who knows no key of grants.
 * action: enum caveat_action, one of rewarder.*; tenant and epoch: empty for what is about none. */
#define PAYLOAD_JUDGE_GRANT(FIXED, SIZED)    \
	FIXED(u8, action)                    \
	SIZED(tenant, VERB_TENANT_BYTES_MAX) \
	SIZED(epoch, VERB_EPOCH_BYTES_MAX)   \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* status: enum err; DENIED, MALFORMED: kms never sealed it, and whoever brought it is to be
 * accused. reason: enum reward_reason, 0: it covers it. Answered at once, and also while nothing is
 * written. */
#define PAYLOAD_JUDGED_GRANT(FIXED, SIZED) \
	FIXED(u8, status)                  \
	FIXED(u8, reason)                  \
	FIXED(id128, capability)
/* For the audit log. ENTERED: of a run that is never paid; grant: of whoever asked for it, or
 * empty, and believed only where it is good. RELEASED: an operator takes the blame; the grant must
 * cover it. ticket: of the request; 0: it is not known any more. kind: enum reward_kind. */
enum quarantine_act { QUARANTINE_ENTERED, QUARANTINE_RELEASED, QUARANTINE_ACT_COUNT };
#define PAYLOAD_RECORD_RUN(FIXED, SIZED)     \
	FIXED(u8, act)                       \
	FIXED(u8, kind)                      \
	FIXED(u64, ticket)                   \
	FIXED(hash, run_key)                 \
	FIXED(hash, commitment)              \
	SIZED(tenant, VERB_TENANT_BYTES_MAX) \
	SIZED(epoch, VERB_EPOCH_BYTES_MAX)   \
	SIZED(text, VERB_TEXT_BYTES_MAX)     \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* For the audit log: what was postponed was taken up again with nobody asking, and became this. */
#define PAYLOAD_RECORD_DRAIN(FIXED, SIZED) \
	FIXED(u32, paid)                   \
	FIXED(u32, quarantined)            \
	FIXED(u32, postponed)
/* As JUDGED_GRANT; without a reason it is on disk. */
#define PAYLOAD_RECORDED_RUN(FIXED, SIZED) \
	FIXED(u8, status)                  \
	FIXED(u8, reason)                  \
	FIXED(id128, capability)
/* Whether rewards are frozen (SCOPE_REWARDS of core/batch.h): told at link up and when it changes,
 * so that runs wait where they are seen instead of being refused one by one. */
#define PAYLOAD_PAYMENTS(FIXED, SIZED) FIXED(u8, is_frozen)
/* The fields of core/attestation.h but the time, which is the signer's. */
#define PAYLOAD_SIGN_ATTESTATION(FIXED, SIZED) \
	FIXED(u8, run_status)                  \
	FIXED(hash, run_key)                   \
	FIXED(hash, idempotency_key)           \
	FIXED(hash, commitment)                \
	FIXED(hash, policy_hash)               \
	FIXED(u128, pool)                      \
	FIXED(u128, payout)                    \
	FIXED(u128, residual)                  \
	SIZED(tenant, VERB_NAME_BYTES_MAX)     \
	SIZED(epoch, VERB_NAME_BYTES_MAX)
/* status: enum err; MALFORMED: the fields are none of a run. Ed25519 over the message that these
 * fields and this time make; 64 bytes, and the key that verifies them. */
#define PAYLOAD_SIGNED_ATTESTATION(FIXED, SIZED) \
	FIXED(u8, status)                        \
	FIXED(u64, signed_at_unix_s)             \
	FIXED(hash, public_key)                  \
	SIZED(signature, VERB_SIGNATURE_BYTES)
/* What artefacts are kept under, derived from the node's key and changing with it; key_id is in the
 * head of each artefact. Told at link up, to nobody else. life: of this kms; it is random, so that
 * a grant that was kept can be told from one that this kms may have sealed. */
#define PAYLOAD_ARTEFACT_KEY(FIXED, SIZED) \
	FIXED(u32, key_id)                 \
	FIXED(hash, key)                   \
	FIXED(id128, life)

/* --- the rewarder: asked by the prevalidator, tells the edge --- */

/* tenant: of the token's one tenant=. hashes: of the request, read. wait_until_mono_ms: from then
 * on a run that is not done is answered as pending. notes: empty when there are none. grant: sealed
 * by kms, as in all of these; this one goes along with the intent, too. */
#define PAYLOAD_RUN_COMPUTE(FIXED, SIZED)     \
	ROUTE_FIELDS(FIXED)                   \
	FIXED(u64, wait_until_mono_ms)        \
	FIXED(u8, dry_run)                    \
	FIXED(hash, inputs_cid)               \
	FIXED(hash, policy_hash)              \
	SIZED(tenant, VERB_TENANT_BYTES_MAX)  \
	SIZED(epoch, VERB_EPOCH_BYTES_MAX)    \
	SIZED(policy_id, VERB_NAME_BYTES_MAX) \
	SIZED(notes, VERB_NOTES_BYTES_MAX)    \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* What is kept of an epoch's run: what everybody who may inspect gets to see, or run.json with all
 * allocations, from `offset` on. */
enum run_part { RUN_PART_SUMMARY, RUN_PART_MANIFEST, RUN_PART_COUNT };
#define PAYLOAD_RUN_SHOW(FIXED, SIZED)       \
	ROUTE_FIELDS(FIXED)                  \
	FIXED(u8, part)                      \
	FIXED(u64, offset)                   \
	SIZED(tenant, VERB_TENANT_BYTES_MAX) \
	SIZED(epoch, VERB_EPOCH_BYTES_MAX)   \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* The runs of a tenant by their epochs, those behind `after`; with only_held those alone that keep
 * others from being paid. */
#define PAYLOAD_RUN_LIST(FIXED, SIZED)       \
	ROUTE_FIELDS(FIXED)                  \
	FIXED(u8, only_held)                 \
	SIZED(tenant, VERB_TENANT_BYTES_MAX) \
	SIZED(after, VERB_EPOCH_BYTES_MAX)   \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* An operator takes the blame: the epoch may be computed anew, and its tenant paid again. */
#define PAYLOAD_QUARANTINE_RELEASE(FIXED, SIZED) \
	ROUTE_FIELDS(FIXED)                      \
	SIZED(tenant, VERB_TENANT_BYTES_MAX)     \
	SIZED(epoch, VERB_EPOCH_BYTES_MAX)       \
	SIZED(reason, VERB_TEXT_BYTES_MAX)       \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* document: the signed policy as JSON. Never in place of another of that id: a policy is what it
 * was when an epoch was paid by it. */
#define PAYLOAD_POLICY_PUT(FIXED, SIZED)              \
	ROUTE_FIELDS(FIXED)                           \
	SIZED(document, VERB_REWARD_POLICY_BYTES_MAX) \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* grant: empty when there was no token and rewarder.policy_public_read lets everybody read. */
#define PAYLOAD_POLICY_SHOW(FIXED, SIZED)     \
	ROUTE_FIELDS(FIXED)                   \
	SIZED(policy_id, VERB_NAME_BYTES_MAX) \
	SIZED(grant, VERB_GRANT_BYTES_MAX)
/* Of all of them. status: HTTP. reason: enum reward_reason, 0: `body` is what was asked for, of the
 * `total` bytes of it those from `offset` on; as long as they are not all, the edge asks for the
 * next when its client has taken these. With a reason the edge writes the envelope: `text` is a
 * better sentence than that of the reason (empty: there is none), `details` are members behind
 * details.reason and `body` members beside "error", both without braces and maybe empty.
 * cache: enum run_cache. etag: without quotes, empty: none. location: of a run that is pending. */
enum run_cache { RUN_CACHE_NO_STORE, RUN_CACHE_IMMUTABLE };
#define PAYLOAD_RUN_REPLY(FIXED, SIZED)      \
	FIXED(u16, status)                   \
	FIXED(u8, reason)                    \
	FIXED(u8, cache)                     \
	FIXED(u8, retry_after_s)             \
	FIXED(u64, total)                    \
	FIXED(u64, offset)                   \
	SIZED(etag, VERB_NAME_BYTES_MAX)     \
	SIZED(location, VERB_NAME_BYTES_MAX) \
	SIZED(text, VERB_TEXT_BYTES_MAX)     \
	SIZED(details, VERB_TEXT_BYTES_MAX)  \
	SIZED(body, VERB_REPLY_BYTES_MAX)

/* --- the rewarder and archive --- */

/* From offset to the end of its chunk. No grant: a cid is as good as the bytes, and what a run was
 * asked for by is its own grant's business. */
#define PAYLOAD_FETCH_OBJECT(FIXED, SIZED) \
	FIXED(hash, id)                    \
	FIXED(u64, offset)
/* fault: common/object_faults.h */
#define PAYLOAD_OBJECT_PIECE(FIXED, SIZED) \
	FIXED(u8, fault)                   \
	FIXED(u64, total)                  \
	FIXED(u64, offset)                 \
	SIZED(bytes, VERB_BODY_CHUNK_BYTES_MAX)

/* --- the rewarder and its calculators --- */

/* A new run, in place of any that the calculator holds; corr_id is its name in all that follows.
 * Answered with WANTS, or with COMPUTED if it ends here. siphash_key: random. budget_cpu_ms: the
 * calculator is ended when it has used so much. allocations_max: of more it is refused. */
#define PAYLOAD_COMPUTE(FIXED, SIZED)               \
	FIXED(u64, now_unix_s)                      \
	FIXED(u32, epoch_skew_s)                    \
	FIXED(u64, cost_base_us)                    \
	FIXED(u64, cost_actor_us)                   \
	FIXED(u64, cost_event_us)                   \
	FIXED(u64, cost_ms_max)                     \
	FIXED(u64, memory_bytes_max)                \
	FIXED(u32, allocations_max)                 \
	FIXED(u64, budget_cpu_ms)                   \
	FIXED(id128, siphash_key)                   \
	FIXED(hash, policy_hash)                    \
	FIXED(hash, inputs_cid)                     \
	SIZED(tenant, VERB_TENANT_BYTES_MAX)        \
	SIZED(epoch, VERB_EPOCH_BYTES_MAX)          \
	SIZED(policy_id, VERB_NAME_BYTES_MAX)       \
	SIZED(salt, VERB_NAME_BYTES_MAX)            \
	SIZED(policy, VERB_REWARD_POLICY_BYTES_MAX) \
	SIZED(bundle, VERB_REWARD_INPUT_BYTES_MAX)
#define PAYLOAD_COMPUTE_WANTS(FIXED, SIZED) \
	FIXED(hash, ledger_cid)             \
	FIXED(hash, accounting_cid)
/* Whole; in front of the rows. */
#define PAYLOAD_COMPUTE_LEDGER(FIXED, SIZED) SIZED(bytes, VERB_REWARD_INPUT_BYTES_MAX)
/* Pieces of the accounting snapshot in order; behind the last one it is computed. */
#define PAYLOAD_COMPUTE_ROWS(FIXED, SIZED) \
	FIXED(u8, is_last)                 \
	SIZED(bytes, VERB_BODY_CHUNK_BYTES_MAX)
/* verdict, kind, refusal: of core/reward.h, as numbers. pool: as it is sealed, a decimal integer.
 * largest: of the allocations. Of OK and QUARANTINED the facts are whole, and manifest_bytes can be
 * read; of OK allocations_bytes, too. */
#define PAYLOAD_COMPUTED(FIXED, SIZED)   \
	FIXED(u8, verdict)               \
	FIXED(u8, kind)                  \
	FIXED(u8, refusal)               \
	FIXED(u64, cpu_us)               \
	FIXED(u64, cost_estimate_ms)     \
	FIXED(hash, run_key)             \
	FIXED(hash, idempotency_key)     \
	FIXED(hash, commitment)          \
	FIXED(hash, allocations_cid)     \
	FIXED(u128, payout)              \
	FIXED(u128, residual)            \
	FIXED(u128, largest)             \
	FIXED(u128, dust)                \
	FIXED(u128, capped_epoch)        \
	FIXED(u128, capped_actor)        \
	FIXED(u128, capped_category)     \
	FIXED(u32, allocation_count)     \
	FIXED(u64, manifest_bytes)       \
	FIXED(u64, allocations_bytes)    \
	SIZED(asset, ASSET_BYTES_MAX)    \
	SIZED(pool, VERB_NAME_BYTES_MAX) \
	SIZED(detail, VERB_TEXT_BYTES_MAX)
enum compute_part { COMPUTE_PART_MANIFEST, COMPUTE_PART_ALLOCATIONS, COMPUTE_PART_COUNT };
#define PAYLOAD_COMPUTE_READ(FIXED, SIZED) \
	FIXED(u8, part)                    \
	FIXED(u64, offset)
/* As much from offset on as fits. */
#define PAYLOAD_COMPUTE_PIECE(FIXED, SIZED) \
	FIXED(u8, part)                     \
	FIXED(u64, offset)                  \
	SIZED(bytes, VERB_BODY_CHUNK_BYTES_MAX)
/* Nobody wants the run any more. */
#define PAYLOAD_COMPUTE_DROP(FIXED, SIZED) FIXED(u8, why)

/* Senders and receivers are sets, because admin is an edge like ingress. */
#define BY(NAME)   (1u << PROCESS_##NAME)
#define BY_EDGE    (BY(INGRESS) | BY(ADMIN))
#define BY_VIEWER  (BY(WALLET) | BY(ARCHIVE)) /* of balances */
#define BY_WORKER  (((1u << PROCESS_COUNT) - 1) & ~(BY(CLIENT) | BY(SUPERVISOR)))
#define BY_PROCESS (BY_WORKER | BY(SUPERVISOR)) /* who gives credit: it asks workers as well */

/* id      NAME             name             sender            receiver          kind
 * An id is never reused (0x0233 was). 0x0100: fd 3. 0x0180: fd 3, one role. 0x0200: links.
 * 0x0400: the control socket. */
#define OAP_VERBS(VERB)                                                                      \
	VERB(0x0100, SETUP_CONFIG, setup_config, BY(SUPERVISOR), BY_WORKER, CONTROL)         \
	VERB(0x0101, SETUP_FD, setup_fd, BY(SUPERVISOR), BY_WORKER, CONTROL)                 \
	VERB(0x0102, SETUP_END, setup_end, BY(SUPERVISOR), BY_WORKER, CONTROL)               \
	VERB(0x0103, READY, ready, BY_WORKER, BY(SUPERVISOR), CONTROL)                       \
	VERB(0x0104, PROGRESS, progress, BY_WORKER, BY(SUPERVISOR), CONTROL)                 \
	VERB(0x0105, PING, ping, BY(SUPERVISOR), BY_WORKER, CONTROL)                         \
	VERB(0x0106, PONG, pong, BY_WORKER, BY(SUPERVISOR), CONTROL)                         \
	VERB(0x0107, LINK, link, BY(SUPERVISOR), BY_WORKER, CONTROL)                         \
	VERB(0x0108, ACCUSE, accuse, BY_WORKER, BY(SUPERVISOR), CONTROL)                     \
	VERB(0x0109, DRAIN, drain, BY(SUPERVISOR), BY_WORKER, CONTROL)                       \
	VERB(0x010A, DRAINED, drained, BY_WORKER, BY(SUPERVISOR), CONTROL)                   \
	VERB(0x010B, REPORT, report, BY_WORKER, BY(SUPERVISOR), CONTROL)                     \
	VERB(0x010C, FAILED, failed, BY_WORKER, BY(SUPERVISOR), CONTROL)                     \
	VERB(0x010D, CREDIT, credit, BY_PROCESS, BY_PROCESS, CONTROL)                        \
	VERB(0x010E, SETUP_POLICY, setup_policy, BY(SUPERVISOR), BY_WORKER, CONTROL)         \
	VERB(0x010F, CONFIG_PREPARE, config_prepare, BY(SUPERVISOR), BY_WORKER, CONTROL)     \
	VERB(0x0110, CONFIG_PREPARED, config_prepared, BY_WORKER, BY(SUPERVISOR), CONTROL)   \
	VERB(0x0111, CONFIG_COMMIT, config_commit, BY(SUPERVISOR), BY_WORKER, CONTROL)       \
	VERB(0x0112, CONFIG_ABORT, config_abort, BY(SUPERVISOR), BY_WORKER, CONTROL)         \
	VERB(0x0113, CONFIG_APPLIED, config_applied, BY_WORKER, BY(SUPERVISOR), CONTROL)     \
	VERB(0x0180, READINESS, readiness, BY(SUPERVISOR), BY_EDGE, EVENT)                   \
	VERB(0x0181, CAP_MINT, cap_mint, BY(SUPERVISOR), BY(KMS), REQUEST)                   \
	VERB(0x0182, CAP_REVOKE, cap_revoke, BY(SUPERVISOR), BY(KMS), REQUEST)               \
	VERB(0x0183, CAP_LIST, cap_list, BY(SUPERVISOR), BY(KMS), REQUEST)                   \
	VERB(0x0184, CAP_ANSWER, cap_answer, BY(KMS), BY(SUPERVISOR), REPLY)                 \
	VERB(0x0185, GOVERN, govern, BY(SUPERVISOR), BY(SEQUENCER), REQUEST)                 \
	VERB(0x0186, GOVERN_ANSWER, govern_answer, BY(SEQUENCER), BY(SUPERVISOR), REPLY)     \
	VERB(0x0187, CAP_ROTATE, cap_rotate, BY(SUPERVISOR), BY(KMS), REQUEST)               \
	VERB(0x0188, KEY_SHOW, key_show, BY(SUPERVISOR), BY(KMS), REQUEST)                   \
	VERB(0x018A, RECOVER, recover, BY(SUPERVISOR), BY(COMMITTER), REQUEST)               \
	VERB(0x018B, RECOVER_ANSWER, recover_answer, BY(COMMITTER), BY(SUPERVISOR), REPLY)   \
	VERB(0x018C, AUDIT, audit, BY(SUPERVISOR), BY(COMMITTER), REQUEST)                   \
	VERB(0x018D, AUDITED, audited, BY(COMMITTER), BY(SUPERVISOR), REPLY)                 \
	VERB(0x0190, ADMIN_ASK, admin_ask, BY(PREVALIDATOR), BY(SUPERVISOR), REQUEST)        \
	VERB(0x0191, ADMIN_ANSWER, admin_answer, BY(SUPERVISOR), BY(ADMIN), REPLY)           \
	VERB(0x0192, CHECK_GRANT, check_grant, BY(SUPERVISOR), BY(KMS), REQUEST)             \
	VERB(0x0193, GRANT_CHECKED, grant_checked, BY(KMS), BY(SUPERVISOR), REPLY)           \
	VERB(0x0194, NODE_EVENT, node_event, BY(SUPERVISOR), BY(ADMIN), EVENT)               \
	VERB(0x01A0, OTEL_WANT, otel_want, BY(OTEL), BY(SUPERVISOR), EVENT)                  \
	VERB(0x01A1, OTEL_SOCKET, otel_socket, BY(SUPERVISOR), BY(OTEL), EVENT)              \
	VERB(0x01A2, OTEL_SPANS, otel_spans, BY(SUPERVISOR), BY(OTEL), EVENT)                \
	VERB(0x0200, REQUEST, request, BY_EDGE, BY(PREVALIDATOR), REQUEST)                   \
	VERB(0x0201, BODY, body, BY_EDGE, BY(PREVALIDATOR), EVENT)                           \
	VERB(0x0202, ABANDON, abandon, BY_EDGE, BY(PREVALIDATOR), EVENT)                     \
	VERB(0x0203, PROCEED, proceed, BY(PREVALIDATOR), BY_EDGE, REPLY)                     \
	VERB(0x0204, REFUSED, refused, BY(PREVALIDATOR), BY_EDGE, REPLY)                     \
	VERB(0x0210, VERIFY, verify, BY(PREVALIDATOR), BY(KMS), REQUEST)                     \
	VERB(0x0211, GRANT, grant, BY(KMS), BY(PREVALIDATOR), REPLY)                         \
	VERB(0x0212, FORGET_GRANTS, forget_grants, BY(KMS), BY(PREVALIDATOR), EVENT)         \
	VERB(0x0213, GRANT_KEY, grant_key, BY(KMS), BY(SEQUENCER) | BY(ARCHIVE), EVENT)      \
	VERB(0x0214, REVOKED, revoked, BY(KMS), BY(SEQUENCER), REQUEST)                      \
	VERB(0x0215, REVOKED_DONE, revoked_done, BY(SEQUENCER), BY(KMS), REPLY)              \
	VERB(0x0216, ORIGIN, origin, BY(KMS), BY(COMMITTER), EVENT)                          \
	VERB(0x0217, SIGN_CHECKPOINT, sign_checkpoint, BY(COMMITTER), BY(KMS), REQUEST)      \
	VERB(0x0218, SIGNED_CHECKPOINT, signed_checkpoint, BY(KMS), BY(COMMITTER), REPLY)    \
	VERB(0x0219, KEY_EVENTS, key_events, BY(KMS), BY(COMMITTER), EVENT)                  \
	VERB(0x021A, READ_KEY_EVENTS, read_key_events, BY(COMMITTER), BY(KMS), REQUEST)      \
	VERB(0x021B, KEY_EVENT_ROWS, key_event_rows, BY(KMS), BY(COMMITTER), REPLY)          \
	VERB(0x021C, SIGNER, signer, BY(KMS), BY(ARCHIVE), EVENT)                            \
	VERB(0x021E, SIGN_SNAPSHOT, sign_snapshot, BY(ARCHIVE), BY(KMS), REQUEST)            \
	VERB(0x021F, SIGNED_SNAPSHOT, signed_snapshot, BY(KMS), BY(ARCHIVE), REPLY)          \
	VERB(0x0220, SUBMIT, submit, BY(PREVALIDATOR), BY(SEQUENCER), REQUEST)               \
	VERB(0x0221, VERDICT, verdict, BY(SEQUENCER), BY_EDGE, REPLY)                        \
	VERB(0x0230, BATCH, batch, BY(SEQUENCER), BY(COMMITTER), REQUEST)                    \
	VERB(0x0231, COMMITTED, committed, BY(COMMITTER), BY(SEQUENCER), REPLY)              \
	VERB(0x0232, NOT_COMMITTED, not_committed, BY(COMMITTER), BY(SEQUENCER), REPLY)      \
	VERB(0x0234, STATE_BEGIN, state_begin, BY(COMMITTER), BY(SEQUENCER), EVENT)          \
	VERB(0x0235, STATE_PIECE, state_piece, BY(COMMITTER), BY(SEQUENCER), REQUEST)        \
	VERB(0x0236, STATE_END, state_end, BY(COMMITTER), BY(SEQUENCER), EVENT)              \
	VERB(0x0237, STATE_BAD, state_bad, BY(SEQUENCER), BY(COMMITTER), EVENT)              \
	VERB(0x0238, BATCH_PIECE, batch_piece, BY(SEQUENCER), BY(COMMITTER), REQUEST)        \
	VERB(0x0240, TREE, tree, BY(COMMITTER), BY(ARCHIVE), EVENT)                          \
	VERB(0x0241, FETCH, fetch, BY(SEQUENCER), BY(ARCHIVE), REQUEST)                      \
	VERB(0x0242, ROWS, rows, BY(ARCHIVE), BY(SEQUENCER), REPLY)                          \
	VERB(0x0243, READ_ROOTS, read_roots, BY(PREVALIDATOR), BY(ARCHIVE), REQUEST)         \
	VERB(0x0244, ROOTS, roots, BY(ARCHIVE), BY_EDGE, REPLY)                              \
	VERB(0x0245, READ_ENTRY, read_entry, BY(PREVALIDATOR), BY(ARCHIVE), REQUEST)         \
	VERB(0x0246, ENTRY, entry, BY(ARCHIVE), BY_EDGE, REPLY)                              \
	VERB(0x0247, READ_VERIFY, read_verify, BY(PREVALIDATOR), BY(ARCHIVE), REQUEST)       \
	VERB(0x0248, VERIFIED, verified, BY(ARCHIVE), BY_EDGE, REPLY)                        \
	VERB(0x0249, READ_TLOG, read_tlog, BY(PREVALIDATOR), BY(ARCHIVE), REQUEST)           \
	VERB(0x024A, BLOB, blob, BY(ARCHIVE), BY_EDGE, REPLY)                                \
	VERB(0x024B, LOCATE, locate, BY(ARCHIVE), BY(SEQUENCER), REQUEST)                    \
	VERB(0x024C, LOCATED, located, BY(SEQUENCER), BY(ARCHIVE), REPLY)                    \
	VERB(0x0250, PROBE, probe, BY_EDGE, BY(PREVALIDATOR), REQUEST)                       \
	VERB(0x0251, PROBE_ORDER, probe_order, BY(PREVALIDATOR), BY(SEQUENCER), REQUEST)     \
	VERB(0x0252, PROBE_ECHO, probe_echo, BY(SEQUENCER), BY_EDGE, REPLY)                  \
	VERB(0x0253, PROBE_REFUSED, probe_refused, BY(PREVALIDATOR), BY_EDGE, REPLY)         \
	VERB(0x0254, SIGN_TLS, sign_tls, BY_EDGE, BY(KMS), REQUEST)                          \
	VERB(0x0255, SIGNED_TLS, signed_tls, BY(KMS), BY_EDGE, REPLY)                        \
	VERB(0x0256, TICKET_KEY, ticket_key, BY(KMS), BY_EDGE, EVENT)                        \
	VERB(0x0260, WALLET_OP, wallet_op, BY(PREVALIDATOR), BY(WALLET), REQUEST)            \
	VERB(0x0261, OP_SUBMIT, op_submit, BY(WALLET), BY(SEQUENCER), REQUEST)               \
	VERB(0x0262, OP_VERDICT, op_verdict, BY(SEQUENCER), BY(WALLET), REPLY)               \
	VERB(0x0263, READ_RECEIPT, read_receipt, BY(WALLET), BY(ARCHIVE), REQUEST)           \
	VERB(0x0264, RECEIPT, receipt, BY(ARCHIVE), BY(WALLET), REPLY)                       \
	VERB(0x0265, WALLET_RESULT, wallet_result, BY(WALLET), BY_EDGE, REPLY)               \
	VERB(0x0266, READ_BALANCE, read_balance, BY(PREVALIDATOR), BY(WALLET), REQUEST)      \
	VERB(0x0267, ASK_BALANCE, ask_balance, BY_VIEWER, BY(SEQUENCER), REQUEST)            \
	VERB(0x0268, TOLD_BALANCE, told_balance, BY(SEQUENCER), BY_VIEWER, REPLY)            \
	VERB(0x0269, BALANCE, balance, BY(WALLET), BY_EDGE, REPLY)                           \
	VERB(0x026C, EVENTS, events, BY(ARCHIVE), BY_EDGE, REPLY)                            \
	VERB(0x026D, SERVING, serving, BY(SEQUENCER), BY(WALLET), EVENT)                     \
	VERB(0x026E, GREW, grew, BY(ARCHIVE), BY_EDGE, EVENT)                                \
	VERB(0x0270, PUT_OBJECT, put_object, BY(PREVALIDATOR), BY(ARCHIVE), REQUEST)         \
	VERB(0x0271, PUT_WANT, put_want, BY(ARCHIVE), BY_EDGE, REPLY)                        \
	VERB(0x0272, PUT_BYTES, put_bytes, BY_EDGE, BY(ARCHIVE), EVENT)                      \
	VERB(0x0273, PUT_DROP, put_drop, BY_EDGE, BY(ARCHIVE), EVENT)                        \
	VERB(0x0274, PUT_DONE, put_done, BY(ARCHIVE), BY_EDGE, REPLY)                        \
	VERB(0x0275, READ_OBJECT, read_object, BY(PREVALIDATOR), BY(ARCHIVE), REQUEST)       \
	VERB(0x0276, OBJECT, object, BY(ARCHIVE), BY_EDGE, REPLY)                            \
	VERB(0x0280, INTENT, intent, BY(REWARDER), BY(SEQUENCER), REQUEST)                   \
	VERB(0x0281, INTENT_BODY, intent_body, BY(REWARDER), BY(SEQUENCER), REQUEST)         \
	VERB(0x0282, INTENT_RESULT, intent_result, BY(SEQUENCER), BY(REWARDER), REPLY)       \
	VERB(0x0283, SIGN_ATTESTATION, sign_attestation, BY(REWARDER), BY(KMS), REQUEST)     \
	VERB(0x0284, SIGNED_ATTESTATION, signed_attestation, BY(KMS), BY(REWARDER), REPLY)   \
	VERB(0x0285, ARTEFACT_KEY, artefact_key, BY(KMS), BY(REWARDER), EVENT)               \
	VERB(0x0286, JUDGE_GRANT, judge_grant, BY(REWARDER), BY(SEQUENCER), REQUEST)         \
	VERB(0x0287, JUDGED_GRANT, judged_grant, BY(SEQUENCER), BY(REWARDER), REPLY)         \
	VERB(0x0288, RECORD_RUN, record_run, BY(REWARDER), BY(SEQUENCER), REQUEST)           \
	VERB(0x0289, RECORDED_RUN, recorded_run, BY(SEQUENCER), BY(REWARDER), REPLY)         \
	VERB(0x028A, PAYMENTS, payments, BY(SEQUENCER), BY(REWARDER), EVENT)                 \
	VERB(0x028B, RECORD_DRAIN, record_drain, BY(REWARDER), BY(SEQUENCER), REQUEST)       \
	VERB(0x0290, RUN_COMPUTE, run_compute, BY(PREVALIDATOR), BY(REWARDER), REQUEST)      \
	VERB(0x0291, RUN_SHOW, run_show, BY(PREVALIDATOR), BY(REWARDER), REQUEST)            \
	VERB(0x0292, RUN_LIST, run_list, BY(PREVALIDATOR), BY(REWARDER), REQUEST)            \
	VERB(0x0293, QUARANTINE_RELEASE, quarantine_release, BY(PREVALIDATOR), BY(REWARDER), \
		REQUEST)                                                                     \
	VERB(0x0294, POLICY_PUT, policy_put, BY(PREVALIDATOR), BY(REWARDER), REQUEST)        \
	VERB(0x0295, POLICY_SHOW, policy_show, BY(PREVALIDATOR), BY(REWARDER), REQUEST)      \
	VERB(0x0296, RUN_REPLY, run_reply, BY(REWARDER), BY_EDGE, REPLY)                     \
	VERB(0x0298, FETCH_OBJECT, fetch_object, BY(REWARDER), BY(ARCHIVE), REQUEST)         \
	VERB(0x0299, OBJECT_PIECE, object_piece, BY(ARCHIVE), BY(REWARDER), REPLY)           \
	VERB(0x02A0, COMPUTE, compute, BY(REWARDER), BY(COMPUTE), REQUEST)                   \
	VERB(0x02A1, COMPUTE_WANTS, compute_wants, BY(COMPUTE), BY(REWARDER), REPLY)         \
	VERB(0x02A2, COMPUTE_LEDGER, compute_ledger, BY(REWARDER), BY(COMPUTE), REQUEST)     \
	VERB(0x02A3, COMPUTE_ROWS, compute_rows, BY(REWARDER), BY(COMPUTE), REQUEST)         \
	VERB(0x02A4, COMPUTED, computed, BY(COMPUTE), BY(REWARDER), REPLY)                   \
	VERB(0x02A5, COMPUTE_READ, compute_read, BY(REWARDER), BY(COMPUTE), REQUEST)         \
	VERB(0x02A6, COMPUTE_PIECE, compute_piece, BY(COMPUTE), BY(REWARDER), REPLY)         \
	VERB(0x02A7, COMPUTE_DROP, compute_drop, BY(REWARDER), BY(COMPUTE), EVENT)           \
	VERB(0x0400, CTL_STATUS, ctl_status, BY(CLIENT), BY(SUPERVISOR), REQUEST)            \
	VERB(0x0401, CTL_STOP, ctl_stop, BY(CLIENT), BY(SUPERVISOR), REQUEST)                \
	VERB(0x0402, CTL_MINT, ctl_mint, BY(CLIENT), BY(SUPERVISOR), REQUEST)                \
	VERB(0x0403, CTL_REVOKE, ctl_revoke, BY(CLIENT), BY(SUPERVISOR), REQUEST)            \
	VERB(0x0404, CTL_LIST, ctl_list, BY(CLIENT), BY(SUPERVISOR), REQUEST)                \
	VERB(0x0405, CTL_GOVERN, ctl_govern, BY(CLIENT), BY(SUPERVISOR), REQUEST)            \
	VERB(0x0406, CTL_ANSWER, ctl_answer, BY(SUPERVISOR), BY(CLIENT), REPLY)              \
	VERB(0x0407, CTL_ROTATE, ctl_rotate, BY(CLIENT), BY(SUPERVISOR), REQUEST)            \
	VERB(0x0408, CTL_RECOVER, ctl_recover, BY(CLIENT), BY(SUPERVISOR), REQUEST)          \
	VERB(0x0409, CTL_KEY, ctl_key, BY(CLIENT), BY(SUPERVISOR), REQUEST)                  \
	VERB(0x040A, CTL_RELOAD, ctl_reload, BY(CLIENT), BY(SUPERVISOR), REQUEST)            \
	VERB(0x040B, CTL_TRACE, ctl_trace, BY(CLIENT), BY(SUPERVISOR), REQUEST)

/* Credit of a link and direction: requests in the receiver's hands, and their payload bytes.
 * A direction without a row has none: no REQUEST goes that way. Why each is as large as it is:
 *   edge -> prevalidator   512 requests of spec/node.md section 8.3 (in flight), bodies of 16 KiB
 *   prevalidator -> kms    64: DESIGN-WALL.md section 4
 *   edge -> kms            one signature: the edge waits for it
 *   prevalidator -> sequencer  the same 512, and 256 clients with 256 entries each: at 4 MiB they
 *                          were told busy and came back after seconds
 *   sequencer -> committer two batches in flight (DESIGN.md section 3), each of any size
 *   committer -> kms       one checkpoint and one page of key events at a time
 *   committer -> sequencer eight pieces of state keep both busy during a start
 *   prevalidator -> wallet the same 512, of 1 KiB as a rule
 *   wallet -> sequencer    what eight prevalidators may have under way; with more of them at their
 *                          limit the rest is told busy
 *   wallet -> archive      repeats, which are few; each needs its row read
 *   rewarder -> sequencer  one intent, a question or two, and sixteen pieces of its body; and the
 *                          grants of 256 requests, which a body leaves 512 KiB to
 *   rewarder -> kms        an attestation at a time
 *   prevalidator -> rewarder  512 of spec/rewarder.md section 8, of 1 KiB as a rule
 *   rewarder -> archive    pieces of the inputs, four ahead for each run that is computed
 *   rewarder -> compute    the pieces of one run, sixteen ahead
 *   prevalidator -> supervisor  what administrators ask for: people, and what watches a node */
#define OAP_WINDOWS(WINDOW)                            \
	WINDOW(INGRESS, PREVALIDATOR, 512, 16777216)   \
	WINDOW(ADMIN, PREVALIDATOR, 64, 2097152)       \
	WINDOW(PREVALIDATOR, KMS, 64, 1048576)         \
	WINDOW(INGRESS, KMS, 4, 4096)                  \
	WINDOW(ADMIN, KMS, 4, 4096)                    \
	WINDOW(PREVALIDATOR, SEQUENCER, 512, 16777216) \
	WINDOW(PREVALIDATOR, ARCHIVE, 256, 4194304)    \
	WINDOW(KMS, SEQUENCER, 16, 65536)              \
	WINDOW(SEQUENCER, COMMITTER, 2, 2097152)       \
	WINDOW(COMMITTER, SEQUENCER, 8, 8388608)       \
	WINDOW(COMMITTER, KMS, 4, 16384)               \
	WINDOW(SEQUENCER, ARCHIVE, 64, 2097152)        \
	WINDOW(ARCHIVE, SEQUENCER, 64, 1048576)        \
	WINDOW(ARCHIVE, KMS, 4, 4096)                  \
	WINDOW(PREVALIDATOR, WALLET, 512, 8388608)     \
	WINDOW(WALLET, SEQUENCER, 4096, 33554432)      \
	WINDOW(WALLET, ARCHIVE, 512, 65536)            \
	WINDOW(REWARDER, SEQUENCER, 276, 2621440)      \
	WINDOW(REWARDER, KMS, 4, 4096)                 \
	WINDOW(PREVALIDATOR, REWARDER, 512, 8388608)   \
	WINDOW(REWARDER, ARCHIVE, 64, 4096)            \
	WINDOW(REWARDER, COMPUTE, 64, 1048576)         \
	WINDOW(CLIENT, SUPERVISOR, 4, 65536)           \
	WINDOW(PREVALIDATOR, SUPERVISOR, 16, 262144)   \
	WINDOW(SUPERVISOR, KMS, 16, 262144)            \
	WINDOW(SUPERVISOR, SEQUENCER, 16, 65536)       \
	WINDOW(SUPERVISOR, COMMITTER, 4, 16384)

enum oap_kind { OAP_KIND_CONTROL, OAP_KIND_REQUEST, OAP_KIND_REPLY, OAP_KIND_EVENT };

enum oap_verb {
#define AS_ENUM(id, NAME, name, senders, receivers, kind) OAP_##NAME = (id),
	OAP_VERBS(AS_ENUM)
#undef AS_ENUM
};

/* struct oap_submit { uint8_t edge_process; ... struct slice drafts; } and so on. Views borrow
 * from the frame's buffer and die when the handler returns. */
typedef uint8_t verb_u8;
typedef uint16_t verb_u16;
typedef uint32_t verb_u32;
typedef uint64_t verb_u64;
typedef u128 verb_u128;
typedef struct hash verb_hash;
typedef struct id128 verb_id128;
#define FIXED_MEMBER(kind, field)      verb_##kind field;
#define SIZED_MEMBER(field, bytes_max) struct slice field;
#define AS_STRUCT(id, NAME, name, senders, receivers, kind) \
	struct oap_##name {                                 \
		PAYLOAD_##NAME(FIXED_MEMBER, SIZED_MEMBER)  \
	};
OAP_VERBS(AS_STRUCT)
#undef AS_STRUCT
#undef SIZED_MEMBER
#undef FIXED_MEMBER

/* Where a frame came from. process, instance and generation are those of the socket that it
 * came in on, never of the wire. */
struct oap_from {
	uint64_t corr_id;
	int64_t came_us;     /* monotonic; of a request that is traced, else 0 (common/trace.h) */
	uint32_t generation; /* of the sender's process */
	uint32_t payload_bytes;
	uint16_t verb;
	uint8_t process;
	uint8_t instance;
};

/* One typed slot a verb: a handler is never handed bytes that it must parse. What it returns
 * is about the sender: ERR_OK, or an accusation. */
struct oap_handlers {
#define AS_SLOT(id, NAME, name, senders, receivers, kind) \
	enum err (*name)(void *self, const struct oap_from *from, const struct oap_##name *msg);
	OAP_VERBS(AS_SLOT)
#undef AS_SLOT
};

/* Encoders fail only when the buffer is too small. Decoders refuse a payload that is cut, that
 * is longer than its fields, or whose field is over its bound. */
#define AS_PROTOTYPE(id, NAME, name, senders, receivers, kind)                         \
	bool oap_encode_##name(struct byte_writer *out, const struct oap_##name *msg); \
	bool oap_decode_##name(struct byte_reader *in, struct oap_##name *ret_msg);
OAP_VERBS(AS_PROTOTYPE)
#undef AS_PROTOTYPE

const char *oap_verb_name(unsigned verb);   /* "UNKNOWN" for one that is not */
enum oap_kind oap_verb_kind(unsigned verb); /* of a verb that is one */
bool oap_verb_known(unsigned verb);
size_t oap_verb_payload_bytes_max(unsigned verb); /* 0 for one that is not */
bool oap_route_allows(unsigned verb, unsigned sender, unsigned receiver);

/* True when `handlers` has a slot filled for each verb that `receiver` is sent on its links
 * and on fd 3, control verbs apart, and for no other; else *ret_verb names the first wrong. */
bool oap_handlers_complete(
	const struct oap_handlers *handlers, unsigned receiver, const char **ret_verb);

/* Checks the route, decodes, calls. ERR_NOT_ROUTED and ERR_MALFORMED accuse the sender. */
MUST_CHECK enum err oap_dispatch(const struct oap_handlers *handlers, void *self, unsigned receiver,
	const struct oap_from *from, struct slice payload);

/* A number that changes with any row above: two builds that differ in it never talk. */
uint64_t oap_tables_hash(void);

#endif
