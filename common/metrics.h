#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/errors.h"
#include "common/metrics_labels.h"
#include "common/types.h"
#include "proto/processes.h"

enum {
#define AS_BIT(NAME, ...) BY_##NAME = 1 << PROCESS_##NAME,
	PROCESSES(AS_BIT)
#undef AS_BIT
		BY_ANYONE = (1 << PROCESS_COUNT) - 1
};

/* Every metric is a row: name (as in spec/ledger.md and spec/node.md section 5), the closed
 * set of its labels (common/metrics_labels.h), its unit, who may write it, a sentence.
 *
 * Each process has one page, a memfd made and sealed by the supervisor, so counts survive a
 * restart. A page has room for every metric and exactly one writer: an increment is a
 * relaxed load and store, no lock. Readers map it read-only and believe nothing in it but
 * numbers: who wrote a page they know from whoever gave it to them, and what is not among
 * the writers of a metric is not counted: a captured parser cannot end safe mode on a graph.
 *
 * SUM adds up all pages; SERVICE shows a series per role (label `service`), summed over its
 * instances. ALWAYS shows every label value from the start; WHEN_SET only what was written
 * (for gauges that includes a written 0).
 *
 * NAME, name, labels, unit, spread, shown, writers (BY_<PROCESS>), sentence, when to act
 * HISTOGRAM has its bounds (METRIC_BOUNDS) in place of the unit. When to act is told to the
 * operator in docs/metrics.md; "" says that the metric is there to be looked at. */
#define METRICS(COUNTER, GAUGE, HISTOGRAM)                                                         \
	/* Edges. */                                                                               \
	COUNTER(HTTP_REQUESTS, http_requests_total, ROUTE_STATUS, ONE, SERVICE, WHEN_SET,          \
		BY_INGRESS | BY_ADMIN, "HTTP requests answered.",                                  \
		"more than 0.1 % of status 500 and above, or more than 1 % of 429 and "            \
		"503, at a normal load.")                                                          \
	HISTOGRAM(HTTP_REQUEST_DURATION, http_request_duration_seconds, ROUTE, HTTP, SERVICE,      \
		WHEN_SET, BY_INGRESS | BY_ADMIN,                                                   \
		"First byte of a request to last byte of its answer.",                             \
		"the 99th percentile stays above 0.25 s; see where in the latencies "              \
		"below.")                                                                          \
	HISTOGRAM(REQUEST_LATENCY, request_latency_seconds, ROUTE, REQUEST, SERVICE, WHEN_SET,     \
		BY_INGRESS | BY_ADMIN, "Head of a request read to its answer ready.",              \
		"the 95th percentile of writes stays above 0.15 s.")                               \
	GAUGE(INFLIGHT_REQUESTS, inflight_requests, ROUTE, ONE, SUM, WHEN_SET,                     \
		BY_INGRESS | BY_ADMIN, "Requests that have no answer yet.", "")                    \
	GAUGE(CONNECTIONS, connections, NONE, ONE, SERVICE, ALWAYS, BY_INGRESS | BY_ADMIN,         \
		"Client connections.",                                                             \
		"it grows at the same load: clients do not close what they opened.")               \
	COUNTER(CONNECTIONS_REFUSED, connections_refused_total, CONN_REFUSAL, ONE, SERVICE,        \
		ALWAYS, BY_INGRESS | BY_ADMIN,                                                     \
		"Connections turned away, by why: also in busy_rejections_total.",                 \
		"reason=full rises: max_conns is too low, or clients leave connections open. "     \
		"reason=peer: one peer has as many as it may, reason=rate: it comes too often; "   \
		"the log names it. reason=files: "                                                 \
		"raise LimitNOFILE.")                                                              \
	COUNTER(BYTES_IN, bytes_in_total, NONE, ONE, SUM, ALWAYS, BY_INGRESS | BY_ADMIN,           \
		"Bytes read from clients.", "")                                                    \
	COUNTER(BYTES_OUT, bytes_out_total, NONE, ONE, SUM, ALWAYS, BY_INGRESS | BY_ADMIN,         \
		"Bytes written to clients.", "")                                                   \
	COUNTER(UDS_DENIED, uds_denied_total, NONE, ONE, SUM, ALWAYS, BY_INGRESS,                  \
		"Local connections refused for the peer's uid.",                                   \
		"it rises: a local user whom uds.allow_uids does not name tries.")                 \
	COUNTER(LATE_REPLIES, late_replies_dropped_total, NONE, ONE, SUM, ALWAYS,                  \
		BY_INGRESS | BY_ADMIN | BY_PREVALIDATOR | BY_SEQUENCER | BY_COMMITTER |            \
			BY_ARCHIVE | BY_KMS | BY_WALLET,                                           \
		"Replies dropped because their request was gone.",                                 \
		"it keeps rising: answers come after their deadline, so the node is "              \
		"overloaded.")                                                                     \
	/* The wall. */                                                                            \
	COUNTER(REJECTED, rejected_total, REASON, ONE, SUM, ALWAYS,                                \
		BY_INGRESS | BY_ADMIN | BY_PREVALIDATOR | BY_SEQUENCER | BY_WALLET,                \
		"Requests and entries refused.",                                                   \
		"a reason rises that is not the clients' daily business, such as "                 \
		"cap_invalid or internal.")                                                        \
	COUNTER(AUTH_FAILURES, auth_failures_total, PEER, ONE, SUM, ALWAYS,                        \
		BY_INGRESS | BY_PREVALIDATOR | BY_KMS | BY_ADMIN,                                  \
		"Capabilities and client certificates that failed.",                               \
		"more than 10 a minute: an expired token in use, or somebody trying.")             \
	COUNTER(QUOTA_EXHAUSTIONS, quota_exhaustions_total, NONE, ONE, SUM, ALWAYS,                \
		BY_INGRESS | BY_ADMIN | BY_PREVALIDATOR | BY_SEQUENCER,                            \
		"Requests and operations over a quota or rate.",                                   \
		"more than 100 a minute: a client out of hand, or a quota too small.")             \
	COUNTER(RATE_LIMITED, rate_limited_total, RATE_LIMIT, ONE, SUM, ALWAYS,                    \
		BY_INGRESS | BY_ADMIN | BY_PREVALIDATOR,                                           \
		"Requests refused by a rate, by whose: also in quota_exhaustions_total.",          \
		"limit=auth rises: somebody guesses tokens. limit=node: limits.rps is too low "    \
		"for the load, or a peer needs limits.peer_rps. The log names peer or tenant.")    \
	HISTOGRAM(PREVALIDATOR_DURATION, prevalidator_duration_seconds, NONE, LATENCY, SUM,        \
		ALWAYS, BY_PREVALIDATOR, "Time a prevalidator spent on a request.",                \
		"the 99th percentile stays above 10 ms: add concurrency.prevalidators.")           \
	COUNTER(GRANT_CACHE_HITS, grant_cache_hits_total, NONE, ONE, SUM, ALWAYS, BY_PREVALIDATOR, \
		"Tokens whose grant was still in the cache.", "")                                  \
	COUNTER(GRANT_CACHE_MISSES, grant_cache_misses_total, NONE, ONE, SUM, ALWAYS,              \
		BY_PREVALIDATOR, "Tokens that kms had to verify.",                                 \
		"nearly every request is one: clients use a new token each time.")                 \
	/* Flow. */                                                                                \
	GAUGE(QUEUE_DEPTH, queue_depth, QUEUE, ONE, SUM, ALWAYS,                                   \
		BY_INGRESS | BY_ADMIN | BY_PREVALIDATOR | BY_SEQUENCER | BY_COMMITTER |            \
			BY_REWARDER,                                                               \
		"Requests waiting in a queue.", "it stays above 0.8 of queue_capacity.")           \
	GAUGE(QUEUE_CAPACITY, queue_capacity, QUEUE, ONE, SUM, ALWAYS,                             \
		BY_SUPERVISOR | BY_REWARDER, "Requests that fit a queue.", "")                     \
	GAUGE(LEDGER_BACKLOG, ledger_backlog_gauge, NONE, ONE, SUM, ALWAYS, BY_SEQUENCER,          \
		"Entries accepted and not yet durable.",                                           \
		"it stays ten times above its usual value: the disk does not keep up.")            \
	COUNTER(BUSY_REJECTIONS, busy_rejections_total, BUSY_QUEUE, ONE, SUM, ALWAYS,              \
		BY_INGRESS | BY_ADMIN | BY_SEQUENCER | BY_PREVALIDATOR | BY_REWARDER,              \
		"Requests refused because a queue was full.",                                      \
		"more than 50 a second: clients are told to come back, and must slow "             \
		"down.")                                                                           \
	COUNTER(IO_TIMEOUTS, io_timeouts_total, IO, ONE, SUM, ALWAYS,                              \
		BY_INGRESS | BY_ADMIN | BY_PREVALIDATOR | BY_REWARDER,                             \
		"Waits for clients, kms or the ledger given up.",                                  \
		"op=kms rises: kms hangs. op=ledger: intents of rewards are not "                  \
		"answered. read and write are slow clients.")                                      \
	/* Ledger. */                                                                              \
	COUNTER(LEDGER_COMMITS, ledger_commits_total, NONE, ONE, SUM, ALWAYS, BY_COMMITTER,        \
		"Batches durable in the store.",                                                   \
		"it stands still while ledger_backlog_gauge is not 0.")                            \
	COUNTER(LEDGER_ENTRIES, ledger_entries_total, NONE, ONE, SUM, ALWAYS, BY_COMMITTER,        \
		"Entries durable in the store.", "")                                               \
	HISTOGRAM(LEDGER_COMMIT_LATENCY, ledger_commit_latency_seconds, NONE, COMMIT, SUM, ALWAYS, \
		BY_SEQUENCER, "Batch sent to the committer to its entries durable.",               \
		"the 95th percentile is above 80 ms, or the 99th above 150 ms, for 5 "             \
		"minutes.")                                                                        \
	HISTOGRAM(COMMITTER_BATCH_LATENCY, committer_batch_latency_seconds, NONE, COMMIT, SUM,     \
		ALWAYS, BY_COMMITTER, "Batch received to batch durable.",                          \
		"as ledger_commit_latency_seconds; then it is the disk, not the load.")            \
	HISTOGRAM(SEQUENCER_BATCH_SIZE, sequencer_batch_size, NONE, BATCH, SUM, ALWAYS,            \
		BY_SEQUENCER, "Entries in a batch.", "")                                           \
	COUNTER(LEDGER_ROOTS_PUBLISHED, ledger_roots_published_total, NONE, ONE, SUM, ALWAYS,      \
		BY_ARCHIVE, "Roots made visible.",                                                 \
		"it falls behind ledger_commits_total: archive does not keep up.")                 \
	COUNTER(LEDGER_SEQ_GAP_DETECTED, ledger_seq_gap_detected_total, NONE, ONE, SUM, ALWAYS,    \
		BY_COMMITTER, "Gaps found in seq; must stay 0.",                                   \
		"it is not 0, at once: stop, and run macronode verify.")                           \
	GAUGE(LEDGER_SAFE_MODE, ledger_safe_mode, NONE, ONE, SUM, ALWAYS,                          \
		BY_SUPERVISOR | BY_SEQUENCER, "1 while writes are refused.",                       \
		"it is 1, at once: macronode recover says why and what helps.")                    \
	GAUGE(LEDGER_TREE_SIZE, ledger_tree_size, NONE, ONE, SUM, ALWAYS, BY_COMMITTER,            \
		"Entries in the tree.", "it ever falls.")                                          \
	COUNTER(LEDGER_CHECKPOINTS_SIGNED, ledger_checkpoints_signed_total, NONE, ONE, SUM,        \
		ALWAYS, BY_COMMITTER, "Checkpoints signed by kms and kept.",                       \
		"it stands still while ledger_tree_size grows.")                                   \
	GAUGE(LEDGER_CHECKPOINT_SIZE, ledger_checkpoint_size, NONE, ONE, SUM, ALWAYS,              \
		BY_COMMITTER, "Entries under the last signed checkpoint.",                         \
		"it stays far below ledger_tree_size: new entries cannot be proved.")              \
	GAUGE(LEDGER_DEDUPE_ENTRIES, ledger_dedupe_entries, NONE, ONE, SUM, ALWAYS, BY_SEQUENCER,  \
		"Entries in memory for exactly once; ledger.dedupe_ram_entries is the end.",       \
		"it reaches 80 % of that end, at which writes are refused; raise it, "             \
		"memory permitting.")                                                              \
	GAUGE(LEDGER_CLAIMS, ledger_claims, NONE, ONE, SUM, ALWAYS, BY_SEQUENCER,                  \
		"Open holds and reversed entries in memory; 4194304 is the end.",                  \
		"it nears that end: writes are refused there.")                                    \
	GAUGE(LEDGER_COUNTERS, ledger_counters, NONE, ONE, SUM, ALWAYS, BY_SEQUENCER,              \
		"Day limits of tokens that counted today; 4194304 is the end.",                    \
		"it nears that end: fewer tokens with daily=.")                                    \
	GAUGE(GOVERNANCE_FREEZES, governance_freezes, FREEZE, ONE, SUM, ALWAYS, BY_SEQUENCER,      \
		"Freezes in force.",                                                               \
		"global or asset is not 0 and nobody knows why, or for hours.")                    \
	COUNTER(WAL_FSYNC_FAIL, wal_fsync_fail_total, NONE, ONE, SUM, ALWAYS, BY_COMMITTER,        \
		"Syncs of the store that failed.",                                                 \
		"it rises, at once: the disk lost a write; replace it, then macronode "            \
		"recover.")                                                                        \
	GAUGE(DISK_PRESSURE, disk_pressure, NONE, ONE, SUM, ALWAYS, BY_COMMITTER,                  \
		"1 while free space is below the reserve.",                                        \
		"it is 1, at once: make room; writes go on by themselves then.")                   \
	/* Objects. */                                                                             \
	GAUGE(OBJECTS, objects, NONE, ONE, SUM, ALWAYS, BY_ARCHIVE, "Objects on disk.", "")        \
	GAUGE(OBJECT_BYTES, object_bytes, NONE, ONE, SUM, ALWAYS, BY_ARCHIVE,                      \
		"Disk that objects take and that uploads have reserved; objects.quota_bytes is "   \
		"the end.",                                                                        \
		"it nears that end: puts are refused there.")                                      \
	GAUGE(OBJECTS_UNWRITABLE, objects_unwritable, NONE, ONE, SUM, ALWAYS, BY_ARCHIVE,          \
		"1 while objects cannot be written.",                                              \
		"it is 1: see the log of archive; room, owner or mode of the directory.")          \
	COUNTER(OBJECT_PUTS, object_puts_total, NONE, ONE, SUM, ALWAYS, BY_ARCHIVE,                \
		"Objects put and durable, those that were there before included.", "")             \
	COUNTER(CHUNKS_WRITTEN, chunks_written_total, NONE, ONE, SUM, ALWAYS, BY_ARCHIVE,          \
		"Chunks of objects written, of 64 KiB or the last of one.", "")                    \
	COUNTER(INTEGRITY_FAIL, integrity_fail_total, NONE, ONE, SUM, ALWAYS, BY_ARCHIVE,          \
		"Reads of objects whose bytes on disk were not what their address says.",          \
		"it rises, at once: a disk or somebody changed an object; put it again.")          \
	/* The wallet. */                                                                          \
	COUNTER(WALLET_REQUESTS, wallet_requests_total, WALLET_OP, ONE, SUM, ALWAYS, BY_INGRESS,   \
		"Operations, and reads of balances and receipts, under /v1 answered.", "")         \
	COUNTER(WALLET_REJECTS, wallet_rejects_total, API_LABEL, ONE, SUM, ALWAYS, BY_INGRESS,     \
		"Requests under /v1 refused.",                                                     \
		"a reason rises that is not the clients' daily business.")                         \
	COUNTER(WALLET_IDEM_REPLAYS, wallet_idem_replays_total, NONE, ONE, SUM, ALWAYS, BY_WALLET, \
		"Operations that were done before and answered by their receipt.",                 \
		"it rises sharply: clients retry, so find out what they do not hear.")             \
	COUNTER(WALLET_NONCE_CONFLICTS, wallet_nonce_conflicts_total, NONE, ONE, SUM, ALWAYS,      \
		BY_WALLET, "Operations refused because their nonce was not the next.",             \
		"more than 10 a minute: two clients pay from one account without asking "          \
		"for the nonce.")                                                                  \
	COUNTER(WALLET_CONFLICTS, wallet_conflicts_total, NONE, ONE, SUM, ALWAYS, BY_WALLET,       \
		"Operations refused because of their nonce or key.",                               \
		"more than 10 a minute, as above; or keys are used twice for different "           \
		"wishes.")                                                                         \
	GAUGE(WALLET_INFLIGHT, wallet_inflight, WALLET_OP, ONE, SUM, ALWAYS, BY_WALLET,            \
		"Operations under way.", "")                                                       \
	COUNTER(WALLET_VIEW_MISSES, wallet_view_misses_total, NONE, ONE, SUM, ALWAYS, BY_WALLET,   \
		"Balances that the ledger was asked for, because none was known or too old.", "")  \
	COUNTER(WALLET_STALE_READS, wallet_stale_reads_total, NONE, ONE, SUM, ALWAYS, BY_WALLET,   \
		"Balances told as they were, because the ledger could not be asked.",              \
		"it rises: the sequencer does not answer in time.")                                \
	/* The rewarder. */                                                                        \
	COUNTER(REWARD_RUNS, reward_runs_total, RUN_STATUS, ONE, SUM, ALWAYS, BY_REWARDER,         \
		"Runs of rewards by how they ended.",                                              \
		"status=fail or quarantined rises: macronode reward runs --held.")                 \
	HISTOGRAM(REWARD_COMPUTE_LATENCY, reward_compute_latency_seconds, NONE, REQUEST, SUM,      \
		ALWAYS, BY_REWARDER, "A run admitted to its result on disk.",                      \
		"the 95th percentile stays above 0.5 s.")                                          \
	HISTOGRAM(REWARD_PREPARE, reward_prepare_seconds, NONE, REQUEST, SUM, ALWAYS, BY_REWARDER, \
		"A run admitted to its inputs read.",                                              \
		"it is most of reward_compute_latency_seconds: reading inputs is slow.")           \
	COUNTER(REWARD_INVARIANT_FAIL, reward_invariant_fail_total, REWARD_KIND, ONE, SUM, ALWAYS, \
		BY_REWARDER, "Runs quarantined because an invariant does not hold.",               \
		"it rises, at once: nobody was paid; macronode reward show says what "             \
		"does not hold.")                                                                  \
	COUNTER(QUARANTINE, quarantine_total, REWARD_KIND, ONE, SUM, ALWAYS, BY_REWARDER,          \
		"Runs quarantined, malformed sealed inputs included.",                             \
		"it rises, at once: nobody was paid; mend the inputs, then macronode "             \
		"reward release.")                                                                 \
	HISTOGRAM(REWARD_COST_ESTIMATE, reward_cost_estimate_ms, NONE, COST, SUM, ALWAYS,          \
		BY_REWARDER, "Estimated cost of runs, in milliseconds.", "")                       \
	COUNTER(REWARD_DUST, reward_dust_residual_minor_units_total, NONE, ONE, SUM, ALWAYS,       \
		BY_REWARDER, "What rounding left in pools, in minor units of whatever asset.",     \
		"it grows by more than a unit per actor and metric of a run.")                     \
	GAUGE(REWARD_POOL, reward_pool_total_minor, NONE, ONE, SUM, ALWAYS, BY_REWARDER,           \
		"Pool of the last good run, in minor units; 2^64 - 1 stands for more.", "")        \
	GAUGE(REWARD_PAYOUT, reward_payout_total_minor, NONE, ONE, SUM, ALWAYS, BY_REWARDER,       \
		"Payout of that run, likewise.", "it is above reward_pool_total_minor, at once.")  \
	GAUGE(REWARD_DELTA, reward_conservation_delta_minor, NONE, ONE, SUM, ALWAYS, BY_REWARDER,  \
		"What that run left in its pool, likewise.", "")                                   \
	COUNTER(REWARD_CAPPED, reward_capped_minor_units_total, REWARD_CAP, ONE, SUM, ALWAYS,      \
		BY_REWARDER, "What caps of policies left in pools, in minor units.",               \
		"it is much of the pools: the caps are too low for the activity.")                 \
	COUNTER(REWARD_RUNS_IDEMPOTENT, reward_runs_idempotent_total, NONE, ONE, SUM, ALWAYS,      \
		BY_REWARDER, "Requests for runs that were paid before.",                           \
		"it is more than a few of all requests: a caller does not remember its "           \
		"answers.")                                                                        \
	COUNTER(REWARD_RUNS_CONFLICT, reward_runs_conflict_total, NONE, ONE, SUM, ALWAYS,          \
		BY_REWARDER, "Requests for an epoch that was computed from something else.",       \
		"it rises: somebody computes a paid epoch from other inputs.")                     \
	COUNTER(LEDGER_INTENTS, ledger_intents_total, INTENT_RESULT, ONE, SUM, ALWAYS,             \
		BY_REWARDER, "Intents by what the ledger answered.",                               \
		"result=error rises: the ledger refuses to pay; see the log of the "               \
		"rewarder.")                                                                       \
	HISTOGRAM(LEDGER_EMIT_LATENCY, ledger_emit_latency_seconds, NONE, REQUEST, SUM, ALWAYS,    \
		BY_REWARDER, "An intent begun to its payments durable.",                           \
		"the 99th percentile stays above 0.25 s for intents of usual size.")               \
	COUNTER(LEDGER_RETRY, ledger_retry_total, INTENT_RETRY, ONE, SUM, ALWAYS, BY_REWARDER,     \
		"Intents sent again.", "it keeps rising: the ledger is not ready, or refuses.")    \
	COUNTER(LEDGER_EGRESS_ERRORS, ledger_egress_errors_total, NONE, ONE, SUM, ALWAYS,          \
		BY_REWARDER, "Intents that the ledger refused, or did not answer.",                \
		"more than 1 a minute: there is one intent at a time.")                            \
	COUNTER(REWARDER_EMISSIONS, rewarder_emissions_total, EMISSION, ONE, SUM, ALWAYS,          \
		BY_REWARDER, "Runs by what became of their payment.", "")                          \
	GAUGE(READYZ_DEGRADED, readyz_degraded, DEGRADED, ONE, SUM, ALWAYS, BY_REWARDER,           \
		"1 while the rewarder is degraded by that cause.",                                 \
		"it is 1 for 10 minutes: payments wait for the ledger.")                           \
	GAUGE(WORK_QUEUE_DEPTH, work_queue_depth, NONE, ONE, SUM, ALWAYS, BY_REWARDER,             \
		"Runs under way.", "it stays near its bound: callers are told to come back.")      \
	GAUGE(REWARD_AUDITS_MISSING, reward_audits_missing, NONE, ONE, SUM, ALWAYS, BY_REWARDER,   \
		"Quarantines and drains that the audit log does not have yet.",                    \
		"it stays above 0: the ledger takes no records, and no quarantine can be "         \
		"released.")                                                                       \
	GAUGE(REWARD_POLICIES_NEEDED, reward_policies_needed, NONE, ONE, SUM, ALWAYS, BY_REWARDER, \
		"Policies that a run which is kept, or one that may come, needs.",                 \
		"it nears 1024: then no new policy is taken.")                                     \
	COUNTER(REWARD_REJECTS, reward_rejects_total, REWARD_LABEL, ONE, SUM, ALWAYS, BY_INGRESS,  \
		"Requests under /rewarder refused.",                                               \
		"a reason rises that is not the callers' daily business.")                         \
	/* The house. */                                                                           \
	COUNTER(SERVICE_RESTARTS, service_restarts_total, ROLE, ONE, SUM, ALWAYS, BY_SUPERVISOR,   \
		"Workers restarted.",                                                              \
		"more than 5 in 5 minutes; macronode status shows the last deaths and "            \
		"their cause.")                                                                    \
	COUNTER(ACCUSATIONS, accusations_total, ROLE, ONE, SUM, ALWAYS, BY_SUPERVISOR,             \
		"Times a role was accused of breaking the protocol.",                              \
		"it rises, at once: a worker is broken, or captured. Keep the log.")               \
	GAUGE(READYZ_STATE, readyz_state, ROLE, ONE, SUM, WHEN_SET, BY_SUPERVISOR,                 \
		"0 unready, 1 degraded, 2 ready.",                                                 \
		"it is below 2 for a role; /readyz says what is missing.")                         \
	GAUGE(READY_STATE, ready_state, BOOL, ONE, SUM, ALWAYS, BY_SUPERVISOR,                     \
		"Whether the node is ready, one-hot.",                                             \
		"state=false for 2 minutes; /readyz says what is missing.")                        \
	COUNTER(CONFIG_APPLY, config_apply_total, OUTCOME, ONE, SUM, ALWAYS, BY_SUPERVISOR,        \
		"Configurations applied, that of the start included.",                             \
		"status=failed rises: the log says which key, and the old one stays.")             \
	GAUGE(CONFIG_GENERATION, config_generation, NONE, ONE, SUM, ALWAYS, BY_SUPERVISOR,         \
		"The configuration in force; 1 is that of the start.", "")                         \
	GAUGE(CONFIG_RELOADED_AT, config_last_reload_timestamp_seconds, NONE, ONE, SUM, ALWAYS,    \
		BY_SUPERVISOR, "When the configuration was read last, refused or not.", "")        \
	GAUGE(CONFIG_RELOAD_OK, config_last_reload_successful, NONE, ONE, SUM, ALWAYS,             \
		BY_SUPERVISOR, "Whether the last reload was taken.",                               \
		"it is 0: the file and the node disagree, and a restart may fail.")                \
	COUNTER(LOG_DROPPED, log_dropped_total, NONE, ONE, SERVICE, ALWAYS, BY_ANYONE,             \
		"Log records dropped because the pipe was full.",                                  \
		"it rises: the log is incomplete; raise log.level or find who talks so "           \
		"much.")                                                                           \
	COUNTER(LOG_SUPPRESSED, log_suppressed_total, ROLE, ONE, SUM, WHEN_SET, BY_SUPERVISOR,     \
		"Log records left out: over the rate of a worker, or repeats of what clients are " \
		"refused.",                                                                        \
		"it rises: log_repeated or log_suppressed in the log says what was left out.")     \
	COUNTER(PROCESS_CPU, process_cpu_seconds_total, PROCESS, MICROS, SUM, WHEN_SET,            \
		BY_SUPERVISOR, "User and system CPU time.",                                        \
		"the committer stays above 0.7 of a core.")                                        \
	GAUGE(PROCESS_RESIDENT, process_resident_memory_bytes, PROCESS, ONE, SUM, WHEN_SET,        \
		BY_SUPERVISOR, "Resident memory.",                                                 \
		"it grows without end, or all together near the memory of the machine.")           \
	GAUGE(PROCESS_OPEN_FDS, process_open_fds, PROCESS, ONE, SUM, WHEN_SET, BY_SUPERVISOR,      \
		"Open file descriptors.", "it grows without end.")                                 \
	/* Traces. */                                                                              \
	COUNTER(TRACES_SAMPLED, traces_sampled_total, NONE, ONE, SUM, ALWAYS,                      \
		BY_INGRESS | BY_ADMIN, "Requests that were traced.", "")                           \
	COUNTER(TRACES_DROPPED, traces_dropped_total, NONE, ONE, SUM, ALWAYS, BY_SUPERVISOR,       \
		"Traces that the exporter did not fetch in time, or that were too long.",          \
		"it rises: the collector is slow or gone, or otel.sample_ratio is too high.")      \
	COUNTER(OTEL_SPANS, otel_spans_total, SPAN_RESULT, ONE, SUM, ALWAYS, BY_OTEL,              \
		"Spans by what became of them at the collector.",                                  \
		"result=dropped or refused rises: the collector is gone, or takes nothing; see "   \
		"the log of otel.")                                                                \
	COUNTER(OTEL_EXPORT_FAILURES, otel_export_failures_total, NONE, ONE, SUM, ALWAYS, BY_OTEL, \
		"Batches that the collector did not take the first time.",                         \
		"it keeps rising: the collector is gone or overloaded.")                           \
	GAUGE(AMNESIA_ENABLED, amnesia_enabled, NONE, ONE, SUM, ALWAYS, BY_SUPERVISOR,             \
		"1 while everything is held in memory and ends with the node.",                    \
		"it is not what you meant: with 1 nothing outlives the node.")                     \
	/* TLS. */                                                                                 \
	COUNTER(TLS_HANDSHAKES, tls_handshakes_total, TLS_RESULT, ONE, SERVICE, ALWAYS,            \
		BY_INGRESS | BY_ADMIN, "TLS handshakes, by how they ended.",                       \
		"result=signer rises: kms does not sign. late or left: somebody holds "            \
		"connections open; the other failures are clients' mistakes. full grows like "     \
		"http_requests_total: clients open a connection for each request.")                \
	COUNTER(TLS_HANDSHAKE_FAILURES, tls_handshake_failures_total, NONE, ONE, SUM, ALWAYS,      \
		BY_INGRESS | BY_ADMIN, "TLS handshakes that failed.",                              \
		"it rises by more than 20 a minute: tls_handshakes_total says why.")               \
	GAUGE(TLS_CERTIFICATE_EXPIRY, tls_certificate_expiry_timestamp_seconds, NONE, ONE, SUM,    \
		WHEN_SET, BY_SUPERVISOR, "When the server's certificate ends, in Unix time.",      \
		"it is less than 21 days away: renew it, then macronode reload.")                  \
	COUNTER(CONFIG_ROLLBACK, config_rollback_total, NONE, ONE, SUM, ALWAYS, BY_SUPERVISOR,     \
		"Configurations that workers had been asked about, and were refused.", "")         \
	COUNTER(CONFIG_COALESCED, config_coalesced_total, NONE, ONE, SUM, ALWAYS, BY_SUPERVISOR,   \
		"Reloads that were folded into one that ran already.", "")                         \
	/* Post-quantum posture: always there, zero while off (spec/ledger.md section 5). */       \
	COUNTER(PQ_HANDSHAKE, pq_handshake_total, KEX_SIDE, ONE, SUM, ALWAYS,                      \
		BY_INGRESS | BY_ADMIN, "TLS key exchanges by algorithm.", "")                      \
	COUNTER(PQ_HANDSHAKE_FAILURES, pq_handshake_failures_total, KEX_FAILURE, ONE, SUM, ALWAYS, \
		BY_INGRESS | BY_ADMIN, "TLS key exchanges refused by policy or lack.", "")         \
	COUNTER(PQ_SIGNATURE, pq_signature_total, SIGNATURE_OP, ONE, SUM, ALWAYS,                  \
		BY_KMS | BY_PREVALIDATOR, "Signatures made and verified.", "")                     \
	GAUGE(PQ_POLICY_MODE, pq_policy_mode, PQ_MODE, ONE, SUM, ALWAYS, BY_SUPERVISOR,            \
		"The post-quantum policy, one-hot.", "")                                           \
	COUNTER(PQ_DOWNGRADE_DETECTED, pq_downgrade_detected_total, NONE, ONE, SUM, ALWAYS,        \
		BY_INGRESS | BY_ADMIN, "Peers that offered post-quantum and got classical.", "")

/* Upper bounds of the buckets, in microseconds or plain counts; +Inf comes by itself. */
#define METRIC_BOUNDS(B)                                                                        \
	B(HTTP, MICROS, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,    \
		5000000, 10000000)                                                              \
	B(REQUEST, MICROS, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, \
		5000000)                                                                        \
	B(LATENCY, MICROS, 100, 500, 1000, 5000, 10000, 25000, 50000, 100000)                   \
	B(COMMIT, MICROS, 5000, 10000, 20000, 40000, 80000, 150000, 300000, 600000)             \
	B(BATCH, ONE, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)                              \
	B(COST, ONE, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)

enum metric_bounds {
#define AS_ENUM(NAME, unit, ...) METRIC_BOUNDS_##NAME,
	METRIC_BOUNDS(AS_ENUM)
#undef AS_ENUM
};

#define METRIC_BOUNDS_MAX 12u

_Static_assert(PROCESS_COUNT <= 16, "writers are 16 bits");

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_HISTOGRAM };
enum metric_unit { METRIC_UNIT_ONE, METRIC_UNIT_MICROS }; /* MICROS is shown in seconds */
enum metric_spread { METRIC_SPREAD_SUM, METRIC_SPREAD_SERVICE };
enum metric_shown { METRIC_SHOWN_ALWAYS, METRIC_SHOWN_WHEN_SET };

/* Slots of one series: a value, or buckets, the +Inf bucket and the sum. */
enum {
#define AS_ENUM(NAME, unit, ...) \
	METRIC_SLOTS_##NAME = sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t) + 2,
	METRIC_BOUNDS(AS_ENUM)
#undef AS_ENUM
};

enum {
#define AS_ENUM(NAME, unit, ...) METRIC_UNIT_OF_##NAME = METRIC_UNIT_##unit,
	METRIC_BOUNDS(AS_ENUM)
#undef AS_ENUM
};

struct metrics_slots {
#define AS_ONE(NAME, name, labels, ...) _Atomic uint64_t name[METRIC_LABELS_##labels##_COUNT];
#define AS_MANY(NAME, name, labels, bounds, ...) \
	_Atomic uint64_t name[METRIC_LABELS_##labels##_COUNT][METRIC_SLOTS_##bounds];
	METRICS(AS_ONE, AS_ONE, AS_MANY)
#undef AS_MANY
#undef AS_ONE
};

enum metric {
#define AS_ENUM(NAME, ...) METRIC_##NAME,
	METRICS(AS_ENUM, AS_ENUM, AS_ENUM)
#undef AS_ENUM
		METRIC_COUNT
};

/* Histograms of which /metrics shows a request that was traced, so that a graph leads to it: of
 * each series the last one. NAME of METRICS, labels there, who writes it */
#define METRIC_EXEMPLARS(E)                                    \
	E(HTTP_REQUEST_DURATION, ROUTE, BY_INGRESS | BY_ADMIN) \
	E(REQUEST_LATENCY, ROUTE, BY_INGRESS | BY_ADMIN)       \
	E(LEDGER_COMMIT_LATENCY, NONE, BY_SUPERVISOR)

enum metric_exemplar {
#define AS_ENUM(NAME, ...) METRIC_EXEMPLAR_##NAME,
	METRIC_EXEMPLARS(AS_ENUM)
#undef AS_ENUM
		METRIC_EXEMPLAR_COUNT
};

/* Its words change together: `turn` is odd meanwhile, and another afterwards. */
struct metrics_exemplar_slot {
	_Atomic uint64_t turn; /* 0: there was none */
	_Atomic uint64_t trace_high, trace_low, value, unix_ms;
};

struct metrics_exemplar_slots {
#define AS_MEMBER(NAME, labels, ...) \
	struct metrics_exemplar_slot NAME[METRIC_LABELS_##labels##_COUNT];
	METRIC_EXEMPLARS(AS_MEMBER)
#undef AS_MEMBER
};

struct metrics_exemplar {
	uint64_t trace_high, trace_low;
	uint64_t value;
	uint64_t unix_ms;
};

#define METRICS_MAGIC UINT64_C(0x31656761706e6d00) /* "\0mnpage1" */

/* process, pid and start are the supervisor's note for a debugger; no reader uses them. */
struct metrics_page {
	uint64_t magic;
	uint64_t table_hash;
	struct process_id process;
	uint32_t pid;
	int64_t start_monotonic_us;
	uint8_t reserved[32];
	struct metrics_slots slots;
	struct metrics_exemplar_slots exemplars;
};

struct metrics_row {
	uint32_t slot; /* of label 0, counted from slots */
	uint16_t label_count;
	uint8_t series_slots; /* 1, or those of the bounds */
	uint8_t bounds;       /* enum metric_bounds; histograms only */
	uint8_t kind;         /* enum metric_kind */
	uint8_t labels;       /* enum metric_labels */
	uint8_t unit;         /* enum metric_unit */
	uint8_t spread;       /* enum metric_spread */
	uint8_t shown;        /* enum metric_shown */
	uint16_t writers;     /* BY_* */
	const char *name;
	const char *text;
	const char *act_when;
};

extern const struct metrics_row metrics_rows[METRIC_COUNT];

/* This process's page: a private one that nobody reads until metrics_open. */
extern struct metrics_page *metrics_own;

/* The supervisor makes pages. *ret_page is mapped writable for the supervisor's own page
 * and for metrics_page_begin; *ret_fd goes to the writer, *ret_reader_fd is a read-only
 * description of the same memory, for admin. The caller owns all three. */
MUST_CHECK enum err metrics_create(
	struct process_id process, int *ret_fd, int *ret_reader_fd, struct metrics_page **ret_page);

/* Notes a new process on an old page; counters stay, gauges begin again at 0. */
void metrics_begin(struct metrics_page *page, uint32_t pid, struct instant start);

/* A worker's start: fd is the one that the supervisor made for it; it can be closed
 * afterwards. ERR_CORRUPT: not such a page. ERR_STALE: of another build. */
MUST_CHECK enum err metrics_open(int fd);

/* The supervisor writes its own metrics to a page that it made. */
void metrics_use(struct metrics_page *page);

/* A reader's mapping. Errors as metrics_open. */
MUST_CHECK enum err metrics_map(int reader_fd, const struct metrics_page **ret_page);
void metrics_unmap(const struct metrics_page *page); /* NULL is fine */

/* Names, labels, bounds and layout in 64 bits, for READY. */
uint64_t metrics_tables_hash(void);

/* The upper bounds of a histogram: series_slots - 2 of them. */
const uint64_t *metrics_bounds(enum metric metric);

/* Microseconds for MICROS bounds. */
void metrics_observe(enum metric metric, size_t label, uint64_t value);

/* A traced request of that value, which was observed. */
void metrics_exemplar(
	enum metric_exemplar which, size_t label, const struct id128 *trace_id, uint64_t value);

/* METRIC_EXEMPLAR_COUNT: it has none. */
enum metric_exemplar metrics_exemplar_of(enum metric metric);
uint16_t metrics_exemplar_writers(enum metric_exemplar which);

/* False: there is none, or it is being written. */
bool metrics_exemplar_read(const struct metrics_page *page, enum metric_exemplar which,
	size_t label, struct metrics_exemplar *ret_exemplar);

static inline _Atomic uint64_t *metrics_slot(enum metric metric, size_t label)
{
	const struct metrics_row *row = &metrics_rows[metric];

	assert(label < row->label_count);
	return (_Atomic uint64_t *)&metrics_own->slots + row->slot + label * row->series_slots;
}

/* Counters. The page has one writer: load and store need not be one step. */
static inline void metrics_add(enum metric metric, size_t label, uint64_t count)
{
	_Atomic uint64_t *slot = metrics_slot(metric, label);
	uint64_t before = atomic_load_explicit(slot, memory_order_relaxed);

	atomic_store_explicit(slot, before + count, memory_order_relaxed);
}

static inline void metrics_inc(enum metric metric, size_t label)
{
	metrics_add(metric, label, 1);
}

/* Gauges, and counters that someone else counts (CPU time). A gauge that is shown only when
 * set holds value + 1. */
static inline void metrics_set(enum metric metric, size_t label, uint64_t value)
{
	const struct metrics_row *row = &metrics_rows[metric];
	bool shifted = row->kind == METRIC_KIND_GAUGE && row->shown == METRIC_SHOWN_WHEN_SET;

	assert(row->kind != METRIC_KIND_HISTOGRAM);
	atomic_store_explicit(
		metrics_slot(metric, label), value + (shifted ? 1 : 0), memory_order_relaxed);
}

/* The series of a WHEN_SET gauge disappears. */
static inline void metrics_clear(enum metric metric, size_t label)
{
	atomic_store_explicit(metrics_slot(metric, label), 0, memory_order_relaxed);
}

#endif
