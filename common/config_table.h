#ifndef COMMON_CONFIG_TABLE_H
#define COMMON_CONFIG_TABLE_H

#include "common/limits.h"
#include "proto/processes.h"

/* The one table of configuration keys. The members of `struct config`, parsing, bounds,
 * `config print`, the example file, the manual page and the list of which process is told
 * what are expanded from it.
 *
 * Columns: member of struct config | type | key in the file | default, as it would be
 * written | min | max | who is told | what a reload does | environment names besides the
 * canonical one | flags | sentence for the manual.
 *
 * - min and max: the value (NUMBER, DURATION in ms, SIZE in bytes, each of NUMBERS), bytes of
 *   text (TEXT, PATH), elements (TEXTS, SIGNERS). A 0 as min of a text means that it may be empty.
 *   A CHOICE has its words instead of them, in the order of its enum.
 * - The canonical environment name is derived: MACRO_<SECTION>_<KEY>.
 * - HOT: whoever is told goes by the new value from the end of a reload on: it reads it where it is
 *   used, or takes it over in its `commit` (common/worker.h). REBIND: the same, by opening another
 *   socket. RESTART: it is named and stays, because memory, limits, directories or processes were
 *   made by it at the start.
 * - A key that no process obeys has no row: it is listed below the table, with the reason. */

#define CONFIG_FOR(NAME) (1u << PROCESS_##NAME)
#define CONFIG_FOR_EDGE  (CONFIG_FOR(ADMIN) | CONFIG_FOR(INGRESS))
#define CONFIG_FOR_ALL   ((1u << PROCESS_COUNT) - 1u - CONFIG_FOR(CLIENT))

/* The names that spec/{ledger,wallet,rewarder}.md give to one key of the API plane. */
#define CONFIG_ENV_API(NAME) "RON_LEDGER_" NAME " SVC_WALLET_" NAME " SVC_REWARDER_" NAME

#define CONFIG_UIDS_MAX       32u
#define CONFIG_HOST_NAMES_MAX 16u

/* A host name (RFC 1035). */
#define CONFIG_NAME_BYTES_MAX 253u

/* Room for a path with every directory of ours behind it below PATH_MAX. */
#define CONFIG_TEXT_BYTES_MAX 1023u

/* sun_path without its NUL, and without the ~ of the name that a socket has until it listens. */
#define CONFIG_UDS_PATH_BYTES_MAX 106u

/* A run directory leaves room for "/macronode.sock" in sun_path. */
#define CONFIG_RUN_DIR_BYTES_MAX 90u

/* A name that amnesia makes unique, with a slash and 16 digits, is still one of an origin. */
#define CONFIG_AMNESIA_NAME_BYTES_MAX (NODE_NAME_BYTES_MAX - 17u)

/* Of amnesia.size, besides engine.disk_reserve: an empty store with its log takes 10 MiB, and
 * twice the log is kept free (DESIGN-LEDGER.md section 5). */
#define CONFIG_AMNESIA_ROOM_BYTES (48u * CONFIG_MIB)

#define CONFIG_SECOND_MS 1000u
#define CONFIG_MINUTE_MS (60u * CONFIG_SECOND_MS)
#define CONFIG_HOUR_MS   (60u * CONFIG_MINUTE_MS)
#define CONFIG_KIB       1024u
#define CONFIG_MIB       (1024u * CONFIG_KIB)
#define CONFIG_TIB       (1024ull * 1024 * CONFIG_MIB)

/* core/limiter.h: LIMITER_RATE_MAX; asserted in services/edge. */
#define CONFIG_RATE_MAX 10000000u

/* core/object.h: OBJECT_BYTES_MAX; asserted in services/archive. */
#define CONFIG_OBJECT_BYTES_MAX (1024u * CONFIG_MIB)

/* clang-format off */
#define CONFIG_KEYS(K, CHOICE) \
	K(node_name, TEXT, "node.name", "", 0, 64, \
		CONFIG_FOR(KMS), RESTART, "", "", \
		"Name of the ledger, to which its tokens are bound. Fixed when the ledger is " \
		"made; empty chooses macronode.local/ and 16 random hexadecimal digits then.") \
	K(node_data_dir, PATH, "node.data_dir", "/var/lib/macronode", 1, CONFIG_TEXT_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(KMS) | CONFIG_FOR(COMMITTER) | \
		CONFIG_FOR(ARCHIVE) | CONFIG_FOR(REWARDER), RESTART, \
		"RON_LEDGER_DATA_DIR", "--data-dir", \
		"Directory of everything that lasts: store, keys, objects, artifacts.") \
	K(node_run_dir, PATH, "node.run_dir", "/run/macronode", 1, CONFIG_RUN_DIR_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR), RESTART, "", "--run-dir", \
		"Directory of what lasts as long as the node runs: the control socket.") \
	K(node_uid_base, NUMBER, "node.uid_base", "0", 0, 4294900000u, \
		CONFIG_FOR(SUPERVISOR), RESTART, "", "", \
		"Run each role as this uid plus the role's number, for a machine without our " \
		"users; 0 uses the users mn-*.") \
	K(node_restart_min_ms, DURATION, "node.restart_min", "100ms", 1, CONFIG_MINUTE_MS, \
		CONFIG_FOR(SUPERVISOR), HOT, "", "", \
		"Shortest wait before a worker that died again is started; the first restart is " \
		"immediate.") \
	K(node_restart_max_ms, DURATION, "node.restart_max", "500ms", 1, CONFIG_MINUTE_MS, \
		CONFIG_FOR(SUPERVISOR), HOT, "", "", \
		"Longest first wait; the wait is drawn between this and node.restart_min.") \
	K(node_restart_cap_ms, DURATION, "node.restart_cap", "5s", 1, 10u * CONFIG_MINUTE_MS, \
		CONFIG_FOR(SUPERVISOR), HOT, "", "", \
		"The wait grows with each death up to this; a node never gives up.") \
	K(node_ping_timeout_ms, DURATION, "node.ping_timeout", "5s", 100, 10u * CONFIG_MINUTE_MS, \
		CONFIG_FOR(SUPERVISOR), HOT, "", "", \
		"Kill and restart a worker that does not answer a ping for this long.") \
	K(node_ready_timeout_ms, DURATION, "node.ready_timeout", "10s", 100, 10u * \
		CONFIG_MINUTE_MS, \
		CONFIG_FOR(SUPERVISOR), HOT, "", "", \
		"Time for a worker to become ready; sequencer and committer report progress " \
		"instead.") \
	K(node_drain_timeout_ms, DURATION, "node.drain_timeout", "20s", 100, 10u * \
		CONFIG_MINUTE_MS, \
		CONFIG_FOR(SUPERVISOR), HOT, "", "--graceful-timeout", \
		"Time for requests in flight to finish when the node is stopped.") \
	\
	K(admin_bind_addr, ADDRESS, "admin.bind_addr", "127.0.0.1:8080", 0, 65535, \
		CONFIG_FOR(SUPERVISOR), REBIND, "MACRO_BIND_ADDR RON_HTTP_ADDR", "--http-addr", \
		"Where health, metrics and administration listen.") \
	K(admin_max_conns, NUMBER, "admin.max_conns", "1024", 1, 65536, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(ADMIN), RESTART, "MACRO_MAX_CONNS", "", \
		"Connections at once on the admin listener.") \
	K(admin_read_timeout_ms, DURATION, "admin.read_timeout", "5s", 10, CONFIG_HOUR_MS, \
		CONFIG_FOR(ADMIN), HOT, "MACRO_READ_TIMEOUT", "", \
		"Time for a request head, and for the first 256 KiB of a body, to arrive.") \
	K(admin_write_timeout_ms, DURATION, "admin.write_timeout", "5s", 10, CONFIG_HOUR_MS, \
		CONFIG_FOR(ADMIN), HOT, "MACRO_WRITE_TIMEOUT", "", \
		"Close a connection whose client takes nothing of its answer for this long.") \
	K(admin_idle_timeout_ms, DURATION, "admin.idle_timeout", "1m", 10, CONFIG_HOUR_MS, \
		CONFIG_FOR(ADMIN), HOT, "MACRO_IDLE_TIMEOUT", "", \
		"Close a connection that has had no request for this long.") \
	\
	K(api_bind_addr, ADDRESS, "api.bind_addr", "127.0.0.1:5082", 0, 65535, \
		CONFIG_FOR(SUPERVISOR), REBIND, CONFIG_ENV_API("BIND_ADDR"), "--bind", \
		"Where the API listens.") \
	K(api_max_conns, NUMBER, "api.max_conns", "1024", 1, 65536, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(INGRESS), RESTART, \
		CONFIG_ENV_API("MAX_CONNS"), "--max-conns", \
		"Connections at once on each ingress worker.") \
	K(api_read_timeout_ms, DURATION, "api.read_timeout", "5s", 10, CONFIG_HOUR_MS, \
		CONFIG_FOR(INGRESS), HOT, CONFIG_ENV_API("READ_TIMEOUT"), "--read-timeout", \
		"Time for a request head, and for the first 256 KiB of a body, to arrive.") \
	K(api_write_timeout_ms, DURATION, "api.write_timeout", "5s", 10, CONFIG_HOUR_MS, \
		CONFIG_FOR(INGRESS), HOT, CONFIG_ENV_API("WRITE_TIMEOUT"), "--write-timeout", \
		"Close a connection whose client takes nothing of its answer for this long.") \
	K(api_idle_timeout_ms, DURATION, "api.idle_timeout", "1m", 10, CONFIG_HOUR_MS, \
		CONFIG_FOR(INGRESS), HOT, CONFIG_ENV_API("IDLE_TIMEOUT"), "--idle-timeout", \
		"Close a connection that has had no request for this long.") \
	K(api_host_names, TEXTS, "api.host_names", "", 0, CONFIG_HOST_NAMES_MAX, \
		CONFIG_FOR_EDGE, HOT, "", "", \
		"Names that a Host header may carry besides localhost and IP addresses.") \
	\
	K(limits_max_body_bytes, SIZE, "limits.max_body_bytes", "1MiB", CONFIG_KIB, \
		BODY_BYTES_MAX, \
		CONFIG_FOR_EDGE | CONFIG_FOR(PREVALIDATOR), HOT, \
		"MACRO_MAX_BODY_BYTES MACRO_MAX_BODY " CONFIG_ENV_API("MAX_BODY_BYTES"), "", \
		"Largest request body.") \
	K(limits_req_timeout_ms, DURATION, "limits.req_timeout", "5s", 10, CONFIG_MINUTE_MS, \
		CONFIG_FOR_EDGE | CONFIG_FOR(KMS), HOT, \
		"SVC_WALLET_REQ_TIMEOUT", "", \
		"Deadline that a request carries through the node; an entry past it is refused " \
		"before admission, never after.") \
	K(limits_rps, NUMBER, "limits.rps", "0", 0, CONFIG_RATE_MAX, \
		CONFIG_FOR(INGRESS), HOT, "SVC_WALLET_RPS SVC_REWARDER_MAX_RPS", "", \
		"Requests per second that the API accepts, shared out over the ingress workers; " \
		"0 is no limit.") \
	K(limits_burst, NUMBER, "limits.burst", "0", 0, CONFIG_RATE_MAX, \
		CONFIG_FOR(INGRESS), HOT, "SVC_WALLET_BURST SVC_REWARDER_RPS_BURST", "", \
		"So many of them may come at once, likewise shared out; 0 is a second's worth of " \
		"limits.rps.") \
	K(limits_peer_rps, NUMBER, "limits.peer_rps", "0", 0, CONFIG_RATE_MAX, \
		CONFIG_FOR(INGRESS), HOT, "", "", \
		"Requests per second from one IPv4 address, or one /64 of IPv6, and so many new " \
		"connections, likewise shared out; 0 is no limit.") \
	K(limits_uid_rps, NUMBER, "limits.uid_rps", "0", 0, CONFIG_RATE_MAX, \
		CONFIG_FOR(INGRESS), HOT, "", "", \
		"Requests per second from one user of the local socket, and so many new " \
		"connections, likewise shared out; 0 is no limit.") \
	K(limits_peer_burst, NUMBER, "limits.peer_burst", "0", 0, CONFIG_RATE_MAX, \
		CONFIG_FOR(INGRESS), HOT, "", "", \
		"So many of either may come at once, likewise shared out; 0 is a second's worth.") \
	K(limits_peer_conns, NUMBER, "limits.peer_conns", "0", 0, 65536, \
		CONFIG_FOR_EDGE, HOT, "", "", \
		"Connections at once, on each worker of a listener, from one IPv4 address, one " \
		"/64 of IPv6 or one user of the local socket. 0 is three quarters of max_conns " \
		"for an address that is not loopback, so that nobody has them all, and no limit " \
		"else.") \
	K(limits_tenant_rps_max, NUMBER, "limits.tenant_rps_max", "0", 0, CONFIG_RATE_MAX, \
		CONFIG_FOR(PREVALIDATOR), HOT, "SVC_REWARDER_TENANT_RPS_MAX TENANT_RPS_MAX", "", \
		"Requests per second under the tokens of one tenant, shared out over the " \
		"prevalidators; 0 is no limit. Whose a token is, its first tenant= says that its " \
		"maker gave it; those without are one tenant's.") \
	K(limits_tenant_burst, NUMBER, "limits.tenant_burst", "0", 0, CONFIG_RATE_MAX, \
		CONFIG_FOR(PREVALIDATOR), HOT, "", "", \
		"So many of them may come at once, likewise shared out; 0 is a second's worth of " \
		"limits.tenant_rps_max.") \
	\
	K(tls_enabled, SWITCH, "tls.enabled", "false", 0, 1, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR_EDGE | CONFIG_FOR(KMS), RESTART, \
		"MACRO_TLS " CONFIG_ENV_API("TLS_ENABLED"), "--tls", \
		"Speak TLS 1.3 on the TCP listeners of tls.listeners, as every address that is " \
		"not loopback has to. The local socket never does.") \
	CHOICE(tls_listeners, "tls.listeners", "all", "all|api|admin", \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR_EDGE, RESTART, "", "", \
		"Which TCP listeners speak it: both, or that of api.bind_addr or " \
		"admin.bind_addr alone.") \
	K(tls_cert_path, PATH, "tls.cert_path", "", 0, CONFIG_TEXT_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR), REBIND, \
		CONFIG_ENV_API("TLS_CERT_PATH") " RON_LEDGER_TLS_CERT_FILE", "--tls-cert", \
		"The server's certificate and those of its issuers behind it, in PEM.") \
	K(tls_key_path, PATH, "tls.key_path", "", 0, CONFIG_TEXT_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR), REBIND, \
		CONFIG_ENV_API("TLS_KEY_PATH") " RON_LEDGER_TLS_KEY_FILE", "--tls-key", \
		"Its private key: PKCS#8 in PEM, not encrypted, Ed25519, P-256, P-384 or RSA. " \
		"Only kms ever reads it.") \
	K(tls_client_ca_path, PATH, "tls.client_ca_path", "", 0, CONFIG_TEXT_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR), REBIND, \
		"SVC_REWARDER_CLIENT_CA_PATH RON_LEDGER_TLS_CA_FILE", "", \
		"Authorities whose client certificates are good, in PEM. With it the admin " \
		"listener demands one, and the API takes one; writes need a token all the same.") \
	K(tls_ocsp_path, PATH, "tls.ocsp_path", "", 0, CONFIG_TEXT_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR), REBIND, "", "", \
		"OCSP response about the server's certificate, in DER, to staple to it.") \
	K(tls_mtls_required, SWITCH, "tls.mtls_required", "false", 0, 1, \
		CONFIG_FOR_EDGE, REBIND, "", "", \
		"The API, too, demands a client certificate.") \
	K(tls_handshake_timeout_ms, DURATION, "tls.handshake_timeout", "2s", 10, CONFIG_MINUTE_MS, \
		CONFIG_FOR_EDGE, HOT, "", "", \
		"Close a connection whose handshake takes longer than this.") \
	\
	CHOICE(pq_mode, "pq.mode", "off", "off|hybrid|pq-only", \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR_EDGE, RESTART, \
		CONFIG_ENV_API("PQ_MODE"), "--pq", \
		"Key exchange of TLS: off is classical, hybrid prefers X25519 with ML-KEM-768, " \
		"pq-only has nothing else. The node refuses to start where its TLS library lacks " \
		"what is asked for.") \
	\
	K(uds_path, PATH, "uds.path", "/run/macronode/macronode.sock", 0, \
		CONFIG_UDS_PATH_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR), REBIND, CONFIG_ENV_API("UDS_PATH"), "--uds", \
		"Local socket that speaks HTTP and OAP; empty is none.") \
	K(uds_allow_uids, NUMBERS, "uds.allow_uids", "", 0, 4294967294u, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(INGRESS), HOT, \
		CONFIG_ENV_API("UDS_ALLOW_UIDS"), "", \
		"Users that may connect to the local socket; empty allows only the node's own. " \
		"Writes need a token all the same.") \
	K(uds_group, TEXT, "uds.group", "", 0, 32, \
		CONFIG_FOR(SUPERVISOR), REBIND, "", "", \
		"Group that may reach the local socket (mode 0660 in a directory 0750); empty " \
		"keeps it to the owner.") \
	\
	K(concurrency_ingress_workers, NUMBER, "concurrency.ingress_workers", "0", 0, INGRESS_MAX, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(INGRESS), RESTART, "", "", \
		"Ingress workers; 0 is one for each four processors.") \
	K(concurrency_prevalidators, NUMBER, "concurrency.prevalidators", "0", 0, \
		PREVALIDATORS_MAX, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(PREVALIDATOR), RESTART, "", "", \
		"Prevalidators; 0 is one, and two from four processors on.") \
	K(rewarder_compute_workers, NUMBER, "concurrency.compute_workers", "0", 0, COMPUTE_MAX, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(REWARDER), RESTART, \
		"SVC_REWARDER_COMPUTE_WORKERS", "--compute-workers", \
		"Runs that are computed at once; 0 is one less than there are processors, at " \
		"least one.") \
	\
	CHOICE(engine_mode, "engine.mode", "persistent", "persistent|amnesia", \
		CONFIG_FOR(SUPERVISOR), RESTART, "RON_LEDGER_ENGINE", "--engine", \
		"Where the ledger lives: persistent is on disk, amnesia is amnesia.enabled.") \
	CHOICE(engine_hash, "engine.hash", "sha256", "sha256|blake3", \
		CONFIG_FOR(COMMITTER) | CONFIG_FOR(KMS), RESTART, "", "", \
		"Hash of the tree, fixed when the ledger is made. With sha256 the tools of " \
		"others can check it.") \
	K(engine_batch_max_entries, NUMBER, "engine.batch_max_entries", "1024", 1, \
		REQUEST_ENTRIES_MAX, \
		CONFIG_FOR(PREVALIDATOR) | CONFIG_FOR(SEQUENCER), RESTART, \
		"RON_LEDGER_BATCH_MAX", "--batch-max", \
		"Entries in one request, and in one commit, at most.") \
	K(engine_disk_reserve_bytes, SIZE, "engine.disk_reserve", "256MiB", CONFIG_MIB, \
		CONFIG_TIB, \
		CONFIG_FOR(COMMITTER) | CONFIG_FOR(ARCHIVE) | CONFIG_FOR(REWARDER), HOT, "", "", \
		"Free space below which nothing is appended, and below twice which no object is " \
		"put and no epoch computed; reads go on.") \
	\
	K(ledger_dedupe_ram_entries, NUMBER, "ledger.dedupe_ram_entries", "16777216", 1024, \
		4294967296u, \
		CONFIG_FOR(SEQUENCER), RESTART, "", "", \
		"Entries whose fingerprints are held in memory, at some 70 bytes each; at this " \
		"number writes are refused.") \
	K(ledger_ts_skew_ms, DURATION, "ledger.ts_skew", "24h", CONFIG_SECOND_MS, 8760ull * \
		CONFIG_HOUR_MS, \
		CONFIG_FOR(SEQUENCER), HOT, "", "", \
		"How far the ts of a new entry may be from the node's clock.") \
	\
	K(rewarder_enabled, SWITCH, "rewarder.enabled", "false", 0, 1, \
		CONFIG_FOR(SUPERVISOR), RESTART, "SVC_REWARDER_ENABLED", "", \
		"Run the process that pays out reward epochs.") \
	K(rewarder_intent_max_entries, NUMBER, "rewarder.intent_max_entries", "65536", 1, \
		INTENT_ENTRIES_MAX, \
		CONFIG_FOR(SEQUENCER) | CONFIG_FOR(REWARDER), RESTART, "", "", \
		"Accounts that one epoch may pay: they are all in one commit, or none is.") \
	K(rewarder_policy_public_read, SWITCH, "rewarder.policy_public_read", "false", 0, 1, \
		CONFIG_FOR(PREVALIDATOR) | CONFIG_FOR(REWARDER), HOT, \
		"SVC_REWARDER_POLICY_PUBLIC_READ", "", \
		"Show policies of rewards to whoever asks, without a token.") \
	K(rewarder_trust_keys, SIGNERS, "rewarder.trust_keys", "", 0, CONFIG_HOST_NAMES_MAX, \
		CONFIG_FOR(REWARDER), RESTART, "", "", \
		"Whose signature makes a policy of rewards one that is paid by: vkeys, as " \
		"macronode reward policy keygen prints them.") \
	K(rewarder_idempotency_salt, TEXT, "rewarder.idempotency_salt", "svc-rewarder|v1", 1, 128, \
		CONFIG_FOR(REWARDER), RESTART, "SVC_REWARDER_IDEMPOTENCY_SALT", "", \
		"Tells the idempotency keys of one service from those of another; it is no " \
		"secret.") \
	K(rewarder_epoch_duration_ms, DURATION, "rewarder.epoch_duration", "1h", \
		CONFIG_MINUTE_MS, 8760ull * CONFIG_HOUR_MS, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_EPOCH_DURATION", "--epoch-duration", \
		"How often there is an epoch; a run that takes longer than half of it has " \
		"failed.") \
	K(rewarder_max_epoch_skew_ms, DURATION, "rewarder.max_epoch_skew", "2m", 0, \
		24ull * CONFIG_HOUR_MS, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_MAX_EPOCH_SKEW", "--max-epoch-skew", \
		"How long before the end of its window an epoch may be computed; less than half " \
		"of rewarder.epoch_duration.") \
	K(rewarder_retain_runs_ms, DURATION, "rewarder.retain_runs", "24h", CONFIG_HOUR_MS, \
		90ull * 24 * CONFIG_HOUR_MS, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_RETAIN_RUNS", "--retain-runs", \
		"How long the manifest of a settled run is kept. What was paid stays in the " \
		"ledger.") \
	K(rewarder_max_epoch_cost_ms, NUMBER, "rewarder.max_epoch_cost_ms", "5000", 1, 3600000, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_MAX_EPOCH_COST_MS", "", \
		"Estimate of a run's cost above which it is refused; twice that of CPU time ends " \
		"it.") \
	CHOICE(rewarder_on_cost_exceed, "rewarder.on_cost_exceed", "reject", "reject|dry_run", \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_ON_COST_EXCEED", "", \
		"What becomes of a run above it.") \
	K(rewarder_cost_base_us, NUMBER, "rewarder.cost_base_us", "5000", 1, 1000000000, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_COST_BASE_US", "", \
		"Of the estimate: what any run costs.") \
	K(rewarder_cost_per_actor_us, NUMBER, "rewarder.cost_per_actor_us", "4", 1, 1000000, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_COST_PER_ACTOR_US", "", \
		"Of the estimate: what an actor adds.") \
	K(rewarder_cost_per_event_us, NUMBER, "rewarder.cost_per_event_us", "1", 1, 1000000, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_COST_PER_EVENT_US", "", \
		"Of the estimate: what a row adds.") \
	K(rewarder_max_snapshot_bytes, SIZE, "rewarder.max_snapshot_bytes", "64MiB", CONFIG_MIB, \
		64u * CONFIG_MIB, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_MAX_SNAPSHOT_BYTES", "", \
		"Largest accounting snapshot.") \
	K(rewarder_run_memory_max_bytes, SIZE, "rewarder.run_memory_max", "300MiB", \
		CONFIG_MIB, 1024u * CONFIG_MIB, \
		CONFIG_FOR(REWARDER), HOT, "", "", \
		"Memory that one run may take; the largest one of 50000 actors and 500000 rows " \
		"takes a third of it.") \
	K(rewarder_ledger_deadline_ms, NUMBER, "rewarder.ledger_deadline_ms", "1000", 10, 60000, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_LEDGER_DEADLINE_MS", "", \
		"How long the ledger may take to answer an intent's header.") \
	K(rewarder_ledger_max_retries, NUMBER, "rewarder.ledger_max_retries", "2", 0, 5, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_LEDGER_MAX_RETRIES", "", \
		"How often an intent is sent again that the ledger did not answer.") \
	K(rewarder_attempt_budget_ms, DURATION, "rewarder.attempt_budget", "10s", 100, \
		10u * CONFIG_MINUTE_MS, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_ATTEMPT_BUDGET", "", \
		"How long an intent with its body may take, and all its attempts together.") \
	CHOICE(rewarder_invariant_latch, "rewarder.invariant_latch", "tenant", \
		"run|tenant|service", \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_INVARIANT_LATCH", "", \
		"What is not paid any more, until it is released, when a run breaks an " \
		"invariant.") \
	\
	K(brownout_enter_p99_ms, NUMBER, "brownout.enter_p99_ms", "250", 1, 60000, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_BROWNOUT_ENTER_P99_MS", "", \
		"When the ledger's answers take longer than this (p99) for brownout.enter_for, " \
		"nothing is paid until it is faster.") \
	K(brownout_enter_for_ms, DURATION, "brownout.enter_for", "10m", 100, 24ull * \
		CONFIG_HOUR_MS, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_BROWNOUT_ENTER_FOR", "", \
		"See brownout.enter_p99_ms.") \
	K(brownout_exit_p95_ms, NUMBER, "brownout.exit_p95_ms", "100", 1, 60000, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_BROWNOUT_EXIT_P95_MS", "", \
		"When they take less than this (p95) over brownout.exit_window, runs are paid " \
		"again, the postponed ones first.") \
	K(brownout_exit_window_ms, DURATION, "brownout.exit_window", "10m", 100, 24ull * \
		CONFIG_HOUR_MS, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_BROWNOUT_EXIT_WINDOW", "", \
		"See brownout.exit_p95_ms.") \
	K(brownout_ping_ms, DURATION, "brownout.ping", "1s", 10, CONFIG_HOUR_MS, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_BROWNOUT_PING", "", \
		"How often the ledger is asked a question whose answer is timed.") \
	K(brownout_sample_window_ms, DURATION, "brownout.sample_window", "1m", 100, \
		CONFIG_HOUR_MS, \
		CONFIG_FOR(REWARDER), HOT, "SVC_REWARDER_BROWNOUT_SAMPLE_WINDOW", "", \
		"Age of the answers that are looked at for it.") \
	\
	K(wallet_max_amount_per_op, AMOUNT, "wallet.max_amount_per_op", \
		"100000000000000000000", 1, 0, \
		CONFIG_FOR(SEQUENCER), HOT, "SVC_WALLET_MAX_AMT", "--max-amount", \
		"Most that one operation under /v1 may move, in minor units.") \
	K(wallet_daily_ceiling, AMOUNT, "wallet.daily_ceiling", \
		"10000000000000000000000", 1, 0, \
		CONFIG_FOR(SEQUENCER), HOT, "SVC_WALLET_DAILY_CEIL", "--daily-ceiling", \
		"Most that operations under /v1 may take from one account on one UTC day, of one " \
		"asset, in minor units: transfers, burns and holds.") \
	K(wallet_max_account_total, AMOUNT, "wallet.max_account_total", \
		"340282366920938463463374607430768211455", 1, 0, \
		CONFIG_FOR(SEQUENCER), HOT, "SVC_WALLET_MAX_TOTAL", "", \
		"Most that an account may have of one asset, available and held together, in " \
		"minor units.") \
	K(wallet_idempotency_ttl_ms, DURATION, "wallet.idempotency_ttl", "24h", CONFIG_MINUTE_MS, \
		72ull * CONFIG_HOUR_MS, \
		CONFIG_FOR(WALLET), HOT, "SVC_WALLET_IDEM_TTL", "--idem-ttl", \
		"How long an idempotency key is known, so that another request with it is " \
		"refused; the same request is answered by its receipt for ever.") \
	K(wallet_idem_capacity, NUMBER, "wallet.idem_capacity", "1000000", 1024, 4194304, \
		CONFIG_FOR(WALLET), RESTART, "SVC_WALLET_IDEM_CAP", "", \
		"Idempotency keys that are known at most, at some 80 bytes each; then the oldest " \
		"are forgotten.") \
	K(wallet_staleness_window_ms, DURATION, "wallet.staleness_window", "250ms", 10, \
		5 * CONFIG_SECOND_MS, \
		CONFIG_FOR(WALLET), HOT, "SVC_WALLET_STALENESS", "--staleness", \
		"How old a balance may be that is told without asking the ledger again.") \
	K(wallet_degraded_stale_max_ms, DURATION, "wallet.degraded_stale_max", "5m", 10, \
		CONFIG_HOUR_MS, \
		CONFIG_FOR(WALLET), HOT, "SVC_WALLET_DEGRADED_STALE_MAX", "", \
		"How old it may be while the ledger cannot be asked.") \
	\
	K(policy_file, PATH, "policy.file", "", 0, CONFIG_TEXT_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR), HOT, \
		"SVC_WALLET_POLICY_FILE POLICY_FILE", "", \
		"JSON document with the policy of the wallet: which operations there are, limits " \
		"for each asset, and what may be issued. It can only lower what [wallet] says. " \
		"Empty is none: nothing can be issued through /v1 then.") \
	\
	K(audit_root_emit_interval_ms, DURATION, "audit.root_emit_interval", "5s", 100, \
		CONFIG_HOUR_MS, \
		CONFIG_FOR(COMMITTER), HOT, "RON_LEDGER_ROOT_INTERVAL", "--root-interval", \
		"Sign a checkpoint of the tree and of the audit records at most this often, when " \
		"they have grown; and once more at each orderly stop.") \
	\
	K(kms_cache_ttl_ms, DURATION, "kms.cache_ttl", "5s", 0, CONFIG_MINUTE_MS, \
		CONFIG_FOR(PREVALIDATOR) | CONFIG_FOR(KMS), HOT, "", "", \
		"How long the verdict about a token may be reused; for reads, how long a " \
		"revocation may take.") \
	K(kms_timeout_ms, DURATION, "kms.timeout", "1s", 10, CONFIG_MINUTE_MS, \
		CONFIG_FOR(PREVALIDATOR), HOT, "RON_LEDGER_KMS_TIMEOUT", "--kms-timeout", \
		"Time for kms to judge a token; past it the request is refused.") \
	\
	K(objects_quota_bytes, SIZE, "objects.quota_bytes", "10GiB", CONFIG_MIB, CONFIG_TIB, \
		CONFIG_FOR(ARCHIVE), RESTART, "", "", \
		"Most disk that all objects together may take; past it a put is refused.") \
	K(objects_max_object_bytes, SIZE, "objects.max_object_bytes", "64MiB", CONFIG_KIB, \
		CONFIG_OBJECT_BYTES_MAX, \
		CONFIG_FOR(PREVALIDATOR) | CONFIG_FOR(ARCHIVE), RESTART, "", "", \
		"Largest object. Over HTTP limits.max_body_bytes is the bound; larger ones are " \
		"put over the local socket.") \
	\
	K(amnesia_enabled, SWITCH, "amnesia.enabled", "false", 0, 1, \
		CONFIG_FOR_ALL, RESTART, \
		CONFIG_ENV_API("AMNESIA") " MACRO_AMNESIA RON_AMNESIA AMNESIA", "--amnesia", \
		"Hold everything in memory: a file system of the node's own covers " \
		"node.data_dir, nothing is written to a disk, and ledger, keys and tokens end " \
		"with the node. Each start makes a new ledger, whose name is node.name (or " \
		"macronode.local), a slash and 16 random hexadecimal digits; exactly-once " \
		"holds until the node ends.") \
	K(amnesia_size_bytes, SIZE, "amnesia.size", "1GiB", CONFIG_MIB, CONFIG_TIB, \
		CONFIG_FOR(SUPERVISOR), RESTART, "", "", \
		"Most memory that the store may take with amnesia.enabled, at some 400 bytes an " \
		"entry; engine.disk_reserve is a part of it.") \
	K(amnesia_allow_swap, SWITCH, "amnesia.allow_swap", "false", 0, 1, \
		CONFIG_FOR(SUPERVISOR), RESTART, "", "", \
		"Start with amnesia.enabled even where swap is active and memory cannot be kept " \
		"out of it.") \
	\
	CHOICE(log_level, "log.level", "info", "error|warn|info|debug", \
		CONFIG_FOR_ALL, HOT, "RON_LOG " CONFIG_ENV_API("LOG_LEVEL"), "--log-level", \
		"What is logged: this level and those before it.") \
	CHOICE(log_format, "log.format", "json", "json|text", \
		CONFIG_FOR(SUPERVISOR), HOT, CONFIG_ENV_API("LOG_FORMAT"), "--log-format", \
		"One JSON object on a line, or text for eyes.") \
	K(log_file, PATH, "log.file", "", 0, CONFIG_TEXT_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR), HOT, "", "--log-file", \
		"File to append the log to, opened again on USR1; empty is standard output.") \
	\
	K(otel_endpoint, TEXT, "otel.endpoint", "", 0, 255, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(OTEL), RESTART, \
		"OTEL_EXPORTER_OTLP_ENDPOINT", "", \
		"Where traces go: a collector of OTLP over HTTP, as http://127.0.0.1:4318. An IP " \
		"address, so that nobody waits for a name server; empty sends none.") \
	K(otel_sample_ratio, RATIO, "otel.sample_ratio", "0.01", 0, 1000000, \
		CONFIG_FOR(ADMIN) | CONFIG_FOR(INGRESS), RESTART, "OTEL_TRACES_SAMPLER_ARG", "", \
		"Which part of the requests is traced, from 0 to 1; besides those whose " \
		"traceparent says so, and in safe mode all.") \
	K(otel_traces_per_second_max, NUMBER, "otel.traces_per_second_max", "100", 1, 10000, \
		CONFIG_FOR(ADMIN) | CONFIG_FOR(INGRESS), RESTART, "", "", \
		"No more than so many are traced a second in each ingress, whoever asks for it.") \
	K(otel_environment, TEXT, "otel.environment", "production", 1, 64, \
		CONFIG_FOR(OTEL), RESTART, "", "", \
		"What the collector is told as deployment.environment.") \
	K(otel_headers_file, PATH, "otel.headers_file", "", 0, CONFIG_TEXT_BYTES_MAX, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(OTEL), RESTART, "", "", \
		"File with header fields for the collector, one `Name: value` on a line, such as " \
		"its key. Opened as the user that starts the node, whenever the exporter starts.") \
	K(otel_timeout_ms, DURATION, "otel.timeout", "10s", 100, CONFIG_MINUTE_MS, \
		CONFIG_FOR(OTEL), RESTART, "", "", \
		"Time for the collector to take a batch; then it is sent again, and dropped in " \
		"the end.") \
	\
	K(sandbox_require, SWITCH, "sandbox.require", "false", 0, 1, \
		CONFIG_FOR_ALL, RESTART, "", "", \
		"Refuse to start where a wall of the sandbox is missing, instead of running with " \
		"a warning.") \
	\
	K(readiness_committer_lag_ms_max, NUMBER, "readiness.committer_lag_ms_max", "1000", 188, \
		60000, \
		CONFIG_FOR(SUPERVISOR) | CONFIG_FOR(SEQUENCER), HOT, "", "", \
		"The node is not ready while its oldest batch waits longer than this for the disk.")

/* What the packaged file sets otherwise than the table. */
#define CONFIG_PACKAGED(P) \
	P("limits.rps", "1000") \
	P("sandbox.require", "true")

/* Names of spec/ that are known and refused. The key may end in .* for all of a section.
 *
 * key in the file ("" for none) | environment names | flags | why */
#define CONFIG_NO_PQ    "post-quantum signatures are not built yet"
#define CONFIG_NO_GOV   "the governance workflow is not built yet"
#define CONFIG_NO_UP    "the node has no upstream services"
#define CONFIG_NO_QUEUE "queues are credit windows, whose sizes are fixed"

#define CONFIG_DROPPED(D) \
	D("bind_addr", "", "", "every key stands in a section: write it under [api] or [admin]") \
	D("metrics_addr", CONFIG_ENV_API("METRICS_ADDR") " MACRO_METRICS_ADDR RON_METRICS_ADDR", \
		"--metrics --metrics-addr", \
		"metrics are on the admin listener: admin.bind_addr") \
	D("max_conns", "", "", "every key stands in a section: write it under [api] or [admin]") \
	D("read_timeout", "", "", "every key stands in a section: write it under [api] or " \
		"[admin]") \
	D("write_timeout", "", "", "every key stands in a section: write it under [api] or " \
		"[admin]") \
	D("idle_timeout", "", "", "every key stands in a section: write it under [api] or " \
		"[admin]") \
	D("drain_deadline", "SVC_WALLET_DRAIN_DEADLINE SVC_REWARDER_DRAIN_DEADLINE", "", "it is " \
		"node.drain_timeout") \
	D("policy_file", "", "", "it is policy.file") \
	D("profile", "RON_LEDGER_PROFILE SVC_REWARDER_PROFILE", "--profile", "there is one " \
		"profile") \
	D("max_frame_bytes", "", "", "OAP/1 fixes it at 1 MiB") \
	D("limits.decompress_ratio_cap", "MACRO_DECOMPRESS_RATIO_CAP SVC_WALLET_DECOMP_CAP " \
		"RON_LEDGER_DECOMPRESS_RATIO_CAP SVC_REWARDER_DECOMPRESS_RATIO_CAP", "", \
		"decompressed bodies may have 10 times their size and at most " \
		"limits.max_body_bytes") \
	D("limits.decompress_abs_bytes", "", "", "decompressed bodies may have at most " \
		"limits.max_body_bytes") \
	D("limits.post_inflate_max", "SVC_REWARDER_POST_INFLATE_MAX", "", "decompressed bodies " \
		"may have at most limits.max_body_bytes") \
	D("limits.max_inflight", "SVC_WALLET_MAX_INFLIGHT SVC_REWARDER_MAX_INFLIGHT", "", \
		CONFIG_NO_QUEUE) \
	D("limits.inflight", "", "", CONFIG_NO_QUEUE) \
	D("limits.rate_per_second", "", "", "it is limits.rps") \
	D("limits.max_rps", "", "", "it is limits.rps") \
	D("limits.rps_burst", "", "", "it is limits.burst") \
	D("limits.work_queue_max", "SVC_REWARDER_WORK_QUEUE_MAX", "", CONFIG_NO_QUEUE) \
	D("tls.min_version", "", "", "TLS 1.3 is the only one that is spoken") \
	D("tls.enable", "", "--no-tls", "it is tls.enabled, which is off by default") \
	D("tls.pq_hybrid", "", "", "it is pq.mode") \
	D("tls.pq_only", "", "", "it is pq.mode") \
	D("queues.*", "SVC_WALLET_QUEUE_WORK SVC_WALLET_QUEUE_EVENTS", "", CONFIG_NO_QUEUE) \
	D("backpressure.*", "RON_LEDGER_Q_HIGH RON_LEDGER_Q_REJECT", "", "without credit a " \
		"request is refused at once, there is no mark to set") \
	D("concurrency.io_inflight", "SVC_REWARDER_IO_INFLIGHT", "--io-inflight", CONFIG_NO_UP) \
	D("concurrency.workers", "SVC_WALLET_WORKERS", "", "there is one wallet; see " \
		"concurrency.ingress_workers and concurrency.prevalidators") \
	D("engine.data_dir", "", "", "one directory holds everything: node.data_dir") \
	D("engine.wal_dir", "RON_LEDGER_WAL_DIR", "--wal-dir", "the log of the store lies beside " \
		"it") \
	D("engine.checkpoint_interval", "RON_LEDGER_CHECKPOINT_INTERVAL", \
		"--checkpoint-interval", "a piece of the state is stored with every batch") \
	D("engine.retention_checkpoints", "RON_LEDGER_RETENTION_CHECKPOINTS", \
		"--retention-checkpoints", "there is one state, kept up to date in pieces") \
	D("engine.accumulator", "RON_LEDGER_ACCUMULATOR", "--accumulator", "the accumulator is " \
		"the Merkle tree of RFC 6962") \
	D("engine.queue_capacity", "RON_LEDGER_QUEUE_CAP", "--queue-cap", CONFIG_NO_QUEUE) \
	D("commit.batch_max_entries", "", "", "it is engine.batch_max_entries") \
	D("sequencer.*", "RON_LEDGER_SEQ_SOURCE RON_LEDGER_SEQ_ENDPOINT", "--seq-source " \
		"--seq-endpoint", "the sequencer is a part of the node") \
	D("wallet.nonce_window", "SVC_WALLET_NONCE_WINDOW", "", "nonces are strictly consecutive") \
	D("wallet.shards", "SVC_WALLET_SHARDS", "", "one process owns all accounts") \
	D("wallet.nonce_start", "SVC_WALLET_NONCE_START", "", "nonces begin with 1") \
	D("rewarder.policy_id", "SVC_REWARDER_POLICY_ID", "--policy-id", "policies are put; " \
		"whoever signs them stands in rewarder.trust_keys") \
	D("rewarder.artifact_dir", "SVC_REWARDER_ARTIFACT_DIR", "--artifact-dir", "it is " \
		"artifacts in node.data_dir") \
	D("rewarder.inputs_cache_ttl", "SVC_REWARDER_INPUTS_CACHE_TTL", "--inputs-cache-ttl", \
		"inputs are read from the node's own objects") \
	D("rewarder.enable_zk_proofs", "SVC_REWARDER_ENABLE_ZK_PROOFS", "--enable-zk-proofs", \
		"there are no zero-knowledge proofs") \
	D("rewarder.max_emits_per_run", "SVC_REWARDER_MAX_LEDGER_EMITS_PER_RUN", "", "a run is " \
		"paid once") \
	D("rewarder.connect_timeout", "SVC_REWARDER_CONNECT_TIMEOUT", "", CONFIG_NO_UP) \
	D("shard.*", "SVC_REWARDER_SHARD_STRATEGY SVC_REWARDER_SHARDS", "--shard-strategy " \
		"--shards", "one process owns all accounts") \
	D("kms.require_kid", "RON_LEDGER_REQUIRE_KID", "--require-kid", "every token names its " \
		"key, and the kid of an entry must always be that one") \
	D("policy.require_signatures", "", "", "signatures of policy documents are not built yet") \
	D("policy.deny_by_default", "", "", "there is no other way") \
	D("policy.*", "", "", "the one policy is the document of policy.file") \
	D("governance.*", "RON_LEDGER_REVERSIBLE", "--reversible", CONFIG_NO_GOV) \
	D("rotation.*", "", "", "keys are rotated by command: macronode cap rotate") \
	D("pq.sign_algo", "SVC_WALLET_PQ_SIGN_ALGO SVC_REWARDER_PQ_SIGN_ALGO", "", CONFIG_NO_PQ) \
	D("pq.only", "SVC_WALLET_PQ_ONLY", "--pq-mode", "it is pq.mode") \
	D("pq.require", "SVC_REWARDER_PQ_REQUIRE", "", "it is pq.mode") \
	D("observability.*", "RON_LEDGER_LAT_BUCKETS", "", "the buckets of a histogram are part " \
		"of its name's meaning and are fixed") \
	D("oap.*", "", "", "OAP/1 fixes its frame and chunk sizes") \
	D("security.*", "", "", "amnesia and pq have sections of their own") \
	D("services.*", "MACRO_SERVICES", "--services", "the node's roles are fixed") \
	D("facets.*", "MACRO_MEDIA_CHUNK", "", "there are no facets") \
	D("economics.*", "MACRO_ACC_FLUSH_MS MACRO_REWARDER", "", "the ledger is always on") \
	D("econ.*", "", "", "the ledger is always on") \
	D("zk.*", "", "", "there are no zero-knowledge proofs") \
	D("meta.*", "", "", "signed configuration bundles are not built yet") \
	D("server.*", "", "", "the listeners are admin.bind_addr and api.bind_addr") \
	D("upstreams.*", "SVC_WALLET_LEDGER_URL SVC_WALLET_AUTH_URL SVC_WALLET_POLICY_URL " \
		"SVC_WALLET_RPC_TIMEOUT", "--ledger --auth --policy", CONFIG_NO_UP) \
	D("ingress.*", "SVC_REWARDER_ACCOUNTING_BASE_URL SVC_REWARDER_LEDGER_BASE_URL " \
		"SVC_REWARDER_POLICY_BASE_URL SVC_REWARDER_INGRESS_MACAROON_PATH", "--accounting", \
		CONFIG_NO_UP) \
	D("auth.*", "MACRO_MACAROON_PATH SVC_REWARDER_MACAROON_PATH", "--macaroon", CONFIG_NO_UP) \
	D("retry.*", "SVC_WALLET_RETRY_BASE SVC_WALLET_RETRY_MAX SVC_WALLET_RETRY_FACTOR " \
		"SVC_WALLET_RETRY_JITTER SVC_WALLET_RETRY_TRIES", "", CONFIG_NO_UP) \
	D("retries.*", "", "", CONFIG_NO_UP) \
	D("circuit_breaker.*", "SVC_WALLET_CB_FAILS SVC_WALLET_CB_WINDOW SVC_WALLET_CB_OPEN " \
		"SVC_WALLET_CB_HALF", "", CONFIG_NO_UP) \
	D("timeouts.kms_ms", "", "", "it is kms.timeout") \
	D("timeouts.*", "", "", CONFIG_NO_UP) \
	D("readiness.required_services", "", "", "the node's roles are fixed")
/* clang-format on */

#endif
