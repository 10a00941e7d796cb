#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"

/* A log event is a row with a stable id and name; its facts are typed fields, never text
 * glued together, so that a line can be searched and joined, and so that there is no field
 * that a token, key, body or raw account would fit in.
 *
 *	log_event(LOG_LINK_LOST, &(struct log_fields){ .ticket = ticket, .seq = seq });
 *
 * The record goes to the supervisor in one non-blocking write (common/log_record.h has the
 * format). A full pipe drops it and counts log_dropped_total: the ledger never waits for
 * its log. Levels: error = someone must act. */
#define LOG_LEVELS(L)     \
	L(ERROR, "ERROR") \
	L(WARN, "WARN")   \
	L(INFO, "INFO")   \
	L(DEBUG, "DEBUG")

enum log_level {
#define AS_ENUM(NAME, text) LOG_LEVEL_##NAME,
	LOG_LEVELS(AS_ENUM)
#undef AS_ENUM
		LOG_LEVEL_COUNT
};

/* Ids are stable: append, never reuse; a gap is one that was never used.
 * id, NAME, name, level, sentence */
#define LOG_EVENTS(E)                                                                             \
	/* Birth and death. */                                                                    \
	E(1, STARTED, started, INFO, "process started")                                           \
	E(2, READY, ready, INFO, "ready for work")                                                \
	E(3, STOPPING, stopping, INFO, "asked to stop, draining")                                 \
	E(4, STOPPED, stopped, INFO, "stopped in order")                                          \
	E(5, START_FAILED, start_failed, ERROR, "could not start")                                \
	E(6, WORKER_STARTED, worker_started, INFO, "worker started")                              \
	E(7, WORKER_DIED, worker_died, ERROR, "worker died")                                      \
	E(8, WORKER_RESTARTED, worker_restarted, WARN, "worker restarted")                        \
	E(9, WORKER_HUNG, worker_hung, ERROR, "worker did not answer in time and was killed")     \
	E(10, WORKER_STDERR, worker_stderr, WARN, "worker wrote to its standard error")           \
	E(11, WORKER_MISMATCH, worker_mismatch, ERROR, "worker is of another build")              \
	E(12, DEGRADED, degraded, ERROR, "a worker dies too often")                               \
	E(13, RECOVERED, recovered, INFO, "no longer degraded")                                   \
	E(14, DRAIN_CUT, drain_cut, WARN, "requests were cut off at the end of the drain")        \
	E(15, AMNESIA, amnesia, INFO, "everything is held in memory and ends with the node")      \
	E(16, AMNESIA_COVERS, amnesia_covers, WARN,                                               \
		"what lies in the data directory is covered, and stays as it is")                 \
	E(17, NOTIFY_FAILED, notify_failed, WARN, "the service manager cannot be told")           \
	/* Walls. */                                                                              \
	E(20, SANDBOX_WEAKER, sandbox_weaker, WARN, "a wall is missing on this system")           \
	E(22, ACCUSED, accused, ERROR, "a peer sent what the verb table forbids")                 \
	E(23, ACCUSATION_DROPPED, accusation_dropped, WARN, "an accusation came too late")        \
	E(24, UDS_DENIED, uds_denied, WARN, "a local peer's uid is not allowed")                  \
	E(25, AUTH_FAILED, auth_failed, WARN, "authentication failed")                            \
	/* Links. */                                                                              \
	E(30, LINK_UP, link_up, DEBUG, "link is up")                                              \
	E(31, LINK_LOST, link_lost, WARN, "link is lost")                                         \
	E(32, LATE_REPLY, late_reply, DEBUG, "a reply came too late and was dropped")             \
	E(33, CREDIT_EXHAUSTED, credit_exhausted, DEBUG, "no credit left on a link")              \
	/* Requests. */                                                                           \
	E(41, REQUEST_ANSWERED, request_answered, INFO, "request answered")                       \
	E(42, REQUEST_REFUSED, request_refused, WARN, "request refused")                          \
	E(43, REQUEST_UNKNOWN, request_unknown, WARN, "the outcome of a request is unknown")      \
	E(44, LISTENER_OPENED, listener_opened, INFO, "listening")                                \
	E(46, LISTENER_FAILED, listener_failed, ERROR, "could not listen")                        \
	E(47, CONNECTIONS_FULL, connections_full, WARN, "no room for another connection")         \
	E(48, TLS_FAILED, tls_failed, DEBUG, "a TLS handshake failed")                            \
	E(49, TLS_UNSIGNED, tls_unsigned, WARN, "kms did not sign a TLS handshake")               \
	E(50, TLS_LOADED, tls_loaded, INFO, "TLS certificate and key are in force")               \
	E(51, TLS_DATES, tls_dates, WARN, "the TLS certificate is not good at this time")         \
	E(52, TLS_REFUSED, tls_refused, ERROR, "the files of TLS cannot be used")                 \
	E(53, PEER_FULL, peer_full, WARN, "a peer has as many connections as it may")             \
	E(54, RATE_LIMITED, rate_limited, WARN, "more requests a second than are allowed")        \
	E(55, FILES_FEW, files_few, WARN, "fewer open files than connections are configured")     \
	/* Configuration. */                                                                      \
	E(60, CONFIG_APPLIED, config_applied, INFO, "the configuration was read again")           \
	E(61, CONFIG_CHANGED, config_changed, INFO, "a key has another value now")                \
	E(62, CONFIG_REFUSED, config_refused, ERROR, "the old configuration stays")               \
	E(63, CONFIG_NEEDS_RESTART, config_needs_restart, WARN, "a changed key needs a restart")  \
	E(64, AUDIT_LOST, audit_lost, ERROR, "an audit record could not be appended")             \
	/* Ledger and store. */                                                                   \
	E(80, STORE_OPENED, store_opened, INFO, "store opened")                                   \
	E(81, STORE_FAILED, store_failed, ERROR, "the store refused")                             \
	E(82, REPLAY_STARTED, replay_started, INFO, "replay started")                             \
	E(84, REPLAY_DONE, replay_done, INFO, "replay agrees with the store")                     \
	E(85, REPLAY_MISMATCH, replay_mismatch, ERROR, "replay contradicts the store")            \
	E(87, BATCH_FAILED, batch_failed, ERROR, "batch failed, its outcome is unknown")          \
	E(88, SAFE_MODE_ENTERED, safe_mode_entered, ERROR, "safe mode: writes are refused")       \
	E(89, SAFE_MODE_LEFT, safe_mode_left, INFO, "safe mode left")                             \
	E(90, DISK_PRESSURE, disk_pressure, ERROR, "free space is below the reserve")             \
	E(91, DISK_RELIEVED, disk_relieved, INFO, "free space is above the reserve again")        \
	E(92, CAPACITY_LOW, capacity_low, WARN, "a table of the ledger fills up")                 \
	E(93, CAPACITY_REACHED, capacity_reached, ERROR, "a table of the ledger is full")         \
	E(95, CHECKPOINT_SIGNED, checkpoint_signed, DEBUG, "checkpoint signed")                   \
	E(96, CHECKPOINT_REFUSED, checkpoint_refused, ERROR, "a checkpoint was not signed")       \
	E(97, CHECKPOINT_SKIPPED, checkpoint_skipped, WARN, "stopped without a last checkpoint")  \
	E(98, STORE_ACKNOWLEDGED, store_acknowledged, WARN, "going on with what is on disk")      \
	/* Keys and capabilities. */                                                              \
	E(110, KEYS_CREATED, keys_created, INFO, "keys created at genesis")                       \
	E(111, KEYS_LOADED, keys_loaded, INFO, "keys loaded")                                     \
	E(112, KEY_ROTATED, key_rotated, INFO, "key rotated")                                     \
	E(113, CAPABILITY_MINTED, capability_minted, INFO, "capability minted")                   \
	E(114, CAPABILITY_REVOKED, capability_revoked, INFO, "capability revoked")                \
	E(115, KEYRING_CUT, keyring_cut, WARN, "an unfinished record was cut off the keyring")    \
	E(116, ORIGIN_CHANGED, origin_changed, WARN, "the ledger has a new name and a new key")   \
	E(117, KEYRING_BEHIND, keyring_behind, ERROR, "the keyring is older than the audit log")  \
	/* The log about itself. */                                                               \
	E(130, LOG_SUPPRESSED, log_suppressed, WARN, "too many records a second, some left out")  \
	E(131, LOG_MALFORMED, log_malformed, ERROR, "a log record does not parse")                \
	E(132, LOG_LINES_DROPPED, log_lines_dropped, WARN, "the log's reader was too slow")       \
	E(133, LOG_REOPENED, log_reopened, INFO, "log file reopened")                             \
	E(134, LOG_REOPEN_FAILED, log_reopen_failed, ERROR, "the old log file stays")             \
	E(135, LOG_REPEATED, log_repeated, WARN, "lines alike were left out in the last minute")  \
	/* The admin plane. */                                                                    \
	E(190, ADMIN_ASKED, admin_asked, WARN, "an administrator wants something changed")        \
	E(191, ADMIN_READ, admin_read, DEBUG, "an administrator wants to know something")         \
	/* The wallet. */                                                                         \
	E(140, OPERATION_ACCEPTED, operation_accepted, DEBUG, "an operation under /v1 is done")   \
	E(141, OPERATION_REFUSED, operation_refused, WARN, "an operation under /v1 is refused")   \
	E(142, OPERATION_UNKNOWN, operation_unknown, WARN,                                        \
		"the outcome of an operation under /v1 is unknown")                               \
	/* Objects. */                                                                            \
	E(150, OBJECT_STORED, object_stored, DEBUG, "an object is on disk")                       \
	E(151, OBJECT_DAMAGED, object_damaged, ERROR, "an object is not what its address says")   \
	E(152, OBJECTS_UNWRITABLE, objects_unwritable, ERROR, "objects cannot be written")        \
	E(153, OBJECTS_WRITABLE, objects_writable, INFO, "objects can be written again")          \
	E(154, OBJECTS_COUNTED, objects_counted, INFO, "the objects on disk were counted")        \
	/* The rewarder. */                                                                       \
	E(160, INTENT_SETTLED, intent_settled, INFO, "an epoch is paid")                          \
	E(161, RUN_ADMITTED, compute_start, INFO, "a run of rewards begins")                      \
	E(162, RUN_COMPUTED, compute_done, INFO, "a run of rewards is computed")                  \
	E(163, RUN_FAILED, compute_failed, WARN, "a run of rewards failed, or was refused")       \
	E(164, RUN_QUARANTINED, invariant_fail, ERROR, "a run is quarantined, and never paid")    \
	E(165, RUN_RELEASED, quarantine_released, WARN, "a quarantine was released")              \
	E(166, RUN_SETTLED, ledger_emit, INFO, "the ledger has the payments of a run")            \
	E(167, RUN_POSTPONED, run_postponed, WARN, "a run is not paid now")                       \
	E(168, INTENT_REFUSED, intent_refused, ERROR, "the ledger refuses to pay a run")          \
	E(169, BROWNOUT_ENTERED, brownout_enter, ERROR, "runs are computed, but not paid")        \
	E(170, BROWNOUT_LEFT, brownout_exit, INFO, "runs are paid again")                         \
	E(171, BROWNOUT_DRAINED, brownout_drained, INFO, "what was postponed was taken up again") \
	E(172, ARTEFACTS_UNWRITABLE, artefacts_unwritable, ERROR, "artefacts cannot be written")  \
	E(173, ARTEFACT_DAMAGED, artefact_damaged, ERROR, "an artefact cannot be read")           \
	E(174, POLICY_PUT, policy_put, INFO, "a policy of rewards is there")                      \
	E(175, AUDIT_DEFERRED, audit_deferred, WARN,                                              \
		"what is quarantined cannot be put into the audit log now, and will be later")    \
	E(176, POLICY_FORGOTTEN, policy_forgotten, INFO,                                          \
		"a policy of rewards that no run needs made room for another")                    \
	E(184, REWARDS_FROZEN, rewards_frozen, ERROR, "rewards are frozen: runs are not paid")    \
	E(185, REWARDS_RELEASED, rewards_released, INFO, "rewards are not frozen any more")       \
	/* Traces. A span is no line of the log: the supervisor joins them (common/trace.h). */   \
	E(195, SPAN, span, INFO, "a part of a traced request")                                    \
	E(196, OTEL_LOST, otel_lost, WARN, "the collector of traces cannot be reached")           \
	E(197, OTEL_BACK, otel_back, INFO, "traces are taken again")                              \
	E(198, OTEL_REFUSED, otel_refused, WARN, "the collector of traces refused spans")

enum log_event {
#define AS_ENUM(id, NAME, name, level, sentence) LOG_##NAME = (id),
	LOG_EVENTS(AS_ENUM)
#undef AS_ENUM
};

/* Field kinds, and how each is rendered:
 * NUMBER u64 in decimal; SIGNED i64; HEX u64 as 16 digits; MILLIS u64 microseconds as
 * milliseconds; ROLE enum process; ERRNO; FAULT enum err; TEXT at most LOG_TEXT_BYTES_MAX
 * of a string; BYTES the same of a slice; PREFIX the first 8 bytes of a hash; ID 16 bytes.
 *
 * Wire ids are stable: append, never reuse.
 * id, KIND, member and JSON name */
#define LOG_FIELDS(F)              \
	F(1, HEX, ticket)          \
	F(2, TEXT, corr_id)        \
	F(4, NUMBER, seq)          \
	F(5, NUMBER, size)         \
	F(6, NUMBER, count)        \
	F(7, NUMBER, bytes)        \
	F(8, MILLIS, latency_ms)   \
	F(10, NUMBER, kid)         \
	F(11, ID, capability_ref)  \
	F(13, PREFIX, root)        \
	F(14, TEXT, route)         \
	F(15, NUMBER, status)      \
	F(16, TEXT, reason)        \
	F(18, TEXT, peer)          \
	F(19, ROLE, about)         \
	F(20, NUMBER, instance_of) \
	F(21, NUMBER, pid_of)      \
	F(22, NUMBER, generation)  \
	F(23, NUMBER, verb)        \
	F(24, FAULT, fault)        \
	F(25, ERRNO, os_error)     \
	F(26, NUMBER, signal)      \
	F(27, SIGNED, exit_status) \
	F(28, NUMBER, uid)         \
	F(29, TEXT, key)           \
	F(30, TEXT, path)          \
	F(31, TEXT, text)          \
	F(32, BYTES, excerpt)      \
	F(33, NUMBER, fence)       \
	F(34, TEXT, outcome)       \
	F(35, TEXT, tenant)        \
	F(36, TEXT, op)            \
	F(37, TEXT, asset)         \
	F(38, TEXT, amount_minor)  \
	F(39, NUMBER, nonce)       \
	F(40, TEXT, idem)          \
	F(41, TEXT, txid)          \
	F(42, PREFIX, object)      \
	F(43, PREFIX, run_key)     \
	F(44, TEXT, event_of)      \
	F(50, NUMBER, span)        \
	F(51, NUMBER, began_us)    \
	F(52, NUMBER, ended_us)    \
	F(53, ID, trace_id)        \
	F(54, HEX, parent_span)

#define LOG_TEXT_BYTES_MAX 256u

/* about, instance_of and pid_of name the process that is spoken of (the speaker is stamped
 * by the supervisor). A zero or NULL member is absent; `zeros` shows it nevertheless:
 * .zeros = LOG_ZERO(seq). */
struct log_fields {
#define LOG_AS_NUMBER(member)       uint64_t member;
#define LOG_AS_HEX(member)          uint64_t member;
#define LOG_AS_MILLIS(member)       uint64_t member;
#define LOG_AS_SIGNED(member)       int64_t member;
#define LOG_AS_ROLE(member)         unsigned member;
#define LOG_AS_FAULT(member)        enum err member;
#define LOG_AS_ERRNO(member)        int member;
#define LOG_AS_TEXT(member)         const char *member;
#define LOG_AS_BYTES(member)        struct slice member;
#define LOG_AS_PREFIX(member)       const struct hash *member;
#define LOG_AS_ID(member)           const struct id128 *member;
#define AS_MEMBER(id, KIND, member) LOG_AS_##KIND(member)
	LOG_FIELDS(AS_MEMBER)
#undef AS_MEMBER
#undef LOG_AS_ID
#undef LOG_AS_PREFIX
#undef LOG_AS_BYTES
#undef LOG_AS_TEXT
#undef LOG_AS_ERRNO
#undef LOG_AS_FAULT
#undef LOG_AS_ROLE
#undef LOG_AS_SIGNED
#undef LOG_AS_MILLIS
#undef LOG_AS_HEX
#undef LOG_AS_NUMBER
	uint64_t zeros;
};

enum log_field {
#define AS_ENUM(id, KIND, member) LOG_FIELD_##member = (id),
	LOG_FIELDS(AS_ENUM)
#undef AS_ENUM
		LOG_FIELDS_END = 64 /* ids are bits of `zeros` */
};

#define LOG_ZERO(member) (UINT64_C(1) << LOG_FIELD_##member)

/* fd: the write end of this process's log pipe, non-blocking; it stays the caller's.
 * Before log_open, and with fd -1, events are dropped uncounted. */
void log_open(int fd, enum log_level level);

/* The supervisor has no pipe to itself: its records go to a function. */
typedef void (*log_take)(void *context, const uint8_t *record, size_t record_bytes);
void log_open_local(log_take take, void *context, enum log_level level);

void log_set_level(enum log_level level);

/* fields may be NULL. errno is left as it was. */
void log_always(enum log_event event, const struct log_fields *fields); /* whatever log.level is */
void log_event(enum log_event event, const struct log_fields *fields);

#endif
