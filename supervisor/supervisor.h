#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

/* The supervisor: forks, watches, links and ends the workers. It parses no network byte and
 * knows no economics. Its whole state is `struct supervisor`; each file below has one reason:
 *
 *   run.c       start to end of the node; signals
 *   spawn.c     from a plan to a running process: pipes, fork, identity, execveat, set-up
 *   amnesia.c   a data directory in memory, of our own namespace
 *   life.c      READY, death, ping, accusation
 *   restart.c   who is started again, when, and together with whom
 *   deaths.c    how often a worker died; back-off
 *   drain.c     the end, in order
 *   advice.c    what to do next about a reason of readiness
 *   readiness.c what /readyz and status say, and who is told
 *   control.c   the control socket: status, stop, cap, gov
 *   admin.c     what administrators ask for over the admin plane
 *   events.c    what happens to the node, for GET /events
 *   status.c    the JSON of status
 *   reload.c    the configuration read again, in two phases over all workers
 *   rebind.c    listening sockets in a reload
 *   audits.c    what we did, on its way to the audit records
 *   listen.c    listening sockets
 *   material.c  the files of TLS
 *   secure.c    which of them are in force
 *   inherit.c   listening sockets that a service manager passed
 *   notify.c    what a service manager is told
 *   dirs.c      data and run directories, the lock
 *   filesystem.c which kinds of file system no ledger should lie on
 *   logs.c      pipes of workers into the one log
 *   traces.c    spans of workers into traces
 *   trace_json.c a trace as JSON
 *   otel.c      what the exporter of traces is given
 */

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/admin_acts.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/metrics.h"
#include "common/node_events.h"
#include "common/peer.h"
#include "common/worker.h"
#include "core/audit.h"
#include "supervisor/deaths.h"
#include "supervisor/log_sink.h"
#include "supervisor/log_source.h"
#include "supervisor/material.h"
#include "supervisor/notify.h"
#include "supervisor/processes.h"
#include "supervisor/reload.h"
#include "supervisor/traces.h"

/* The last deaths, for `status`. A page of them; older ones are in the log. */
#define DEATHS_KEPT 16u

enum child_state {
	CHILD_ABSENT,   /* not wanted, or not yet */
	CHILD_STARTING, /* forked, no READY */
	CHILD_UP,
	CHILD_ENDING,  /* killed or told to leave; its pid is not reaped */
	CHILD_WAITING, /* reaped; a timer will fork the next one */
	CHILD_GONE,    /* drained and reaped */
};

struct supervisor;

struct death {
	int64_t unix_ms; /* 0: there was none */
	struct process_id who;
	pid_t pid;
	char cause[VERB_TEXT_BYTES_MAX + 128];
};

struct child {
	struct supervisor *supervisor;
	const struct process_plan *plan;
	uint8_t process;
	uint8_t instance;
	bool wanted;
	bool was_ready; /* once, ever */
	bool degraded;
	bool drained;
	enum child_state state;
	uint32_t generation;
	pid_t pid;
	int pidfd; /* owned, -1 */
	struct instant started_at;
	struct instant heard_at; /* last pong, progress or report */
	uint64_t restarts;
	struct deaths deaths;
	struct death death_last; /* also when others have died so often that the ring forgot it */
	bool ended_with_partner; /* not a death of its own making */
	char last_words[VERB_TEXT_BYTES_MAX + 1]; /* FAILED, or why we killed it */
	uint64_t ticket_in_hand;

	/* generations of configurations that it was asked about, and said that it could go by, and
	 * that it did; 0: none since its birth */
	uint64_t config_asked, config_prepared, config_applied;

	uint8_t phase; /* enum worker_phase, from REPORT */
	uint64_t seq;
	uint64_t lag_ms;
	struct hash root;
	char text[VERB_TEXT_BYTES_MAX + 1];

	int page_fd;        /* owned: the writer's */
	int page_reader_fd; /* owned */
	struct metrics_page *page;

	int log_fd, stderr_fd; /* owned: read ends; -1 */
	struct log_source log;
	ev_io exited, log_readable, stderr_readable;
	ev_timer restart, ready_limit;
};

/* One client of the control socket, and the question that waits for a worker. */
struct control_client {
	bool used;
	uint32_t generation;
	uid_t uid;
	struct instant asked_at; /* or came in */
};

/* As many as admin's prevalidator has credit for. */
#define ADMIN_ASKS_MAX 16u

/* What an administrator asked for, until it is answered. */
struct admin_ask {
	uint64_t id;     /* 0: free; of the question to a worker */
	uint8_t process; /* of that worker: kms, then whoever knows */
	enum admin_act act;
	struct oap_from from; /* of the prevalidator; its corr_id is the ticket */
	uint32_t edge_generation;
	uint32_t kid; /* 0: kms has not said yet whose it is */
	struct id128 capability;
	char corr_id[VERB_CORR_ID_BYTES_MAX + 1];
	char reason[VERB_TEXT_BYTES_MAX + 1];
};

struct admin {
	struct admin_ask asks[ADMIN_ASKS_MAX];
	struct instant act_after; /* no change before then */
	struct instant reads_until;
	unsigned reads; /* until then */
};

struct kept_event {
	uint8_t *json; /* owned */
	size_t json_bytes;
	uint64_t number;
	uint8_t topic; /* enum node_event */
};

struct events {
	struct kept_event kept[NODE_EVENTS_KEPT]; /* ring */
	uint64_t count;                           /* there were */
	uint64_t id_first;                        /* of number 0 */
	char safe_mode_reason[VERB_TEXT_BYTES_MAX + 1];
};

struct supervisor_options {
	const char *libexec_dir; /* where mn-<role> are */
	bool report_syscalls;    /* -Dsandbox_report builds only */
	bool log_colour;
	int ready_fd; /* gets a line when the node is ready; -1: nobody waits. Becomes ours. */
	const struct policy *policy; /* of policy.file, or of none */
	/* Reads both again, as at the start. NULL after a sentence; else it is the caller's until
	 * the next time, and ours to change. */
	struct config_load *(*read_again)(
		void *context, struct policy *ret_policy, char *ret_why, size_t why_bytes);
	void *read_context;
};

/* DESIGN-WALL.md section 6. */
#define AUDITS_WAITING_MAX 256u

struct audit_waiting {
	uint16_t kind; /* enum audit_kind */
	uint64_t ts_unix_ms;
	uint8_t *json; /* owned */
	size_t json_bytes;
};

struct audits {
	struct audit_waiting waiting[AUDITS_WAITING_MAX]; /* ring, oldest first */
	size_t first, count;
	uint64_t id_last, asked_id; /* 0: the first of them is not asked for */
	bool is_refused;            /* it was, and not taken */
};

/* What the exporter has room for, and when it was last given a socket. */
struct otel {
	uint32_t traces_wanted;
	struct instant dialled_at;
};

struct supervisor {
	struct config config;
	struct supervisor_options options;
	struct ev_loop *loop;
	struct mesh mesh;     /* its peers: fd 3 of each worker, and control clients */
	bool privileged;      /* started as root */
	bool own_namespaces;  /* each worker leaves ours */
	unsigned drain_stage; /* 0: not draining */
	bool drain_forced;
	struct instant drain_until;
	uint32_t generation_last;
	int executables[PROCESS_COUNT];                            /* owned */
	int lock_fd, admin_fd, api_tcp_fd, api_uds_fd, control_fd; /* owned; -1 */
	/* bound by whoever started us, who has the name of the last */
	bool admin_is_inherited, api_is_inherited, uds_is_inherited;
	int tls_checker;                 /* owned: the executable of mn-tls-check; -1 */
	struct material material;        /* owned: the files of TLS that are in force */
	struct material material_next;   /* owned: of a reload that is tried */
	struct material_check tls_check; /* owned: who judges material_next */
	ev_io tls_output;
	int clock_fd; /* owned; the clock of a test (-Dtest_hooks builds only), else -1 */
	uid_t uids[PROCESS_COUNT];
	gid_t gids[PROCESS_COUNT];
	gid_t store_gid;
	gid_t uds_gid; /* of uds.group; -1: none */

	struct child *children; /* owned */
	size_t child_count;
	struct death deaths[DEATHS_KEPT]; /* ring */
	uint64_t death_total;

	struct traces *traces; /* owned */
	struct otel otel;
	struct log_sink *sink; /* owned */
	struct log_source own_log;
	struct metrics_page *own_page;
	int own_page_fd, own_page_reader_fd;

	struct control_client clients[PREVALIDATORS_MAX + 1];
	uint64_t asked_last; /* ids of questions to workers */
	struct {
		uint64_t id;
		uint8_t process; /* of the one worker that may answer it */
		struct oap_from whom;
	} asked[32];

	struct admin admin;
	struct events events;

	/* A committer died of a failed sync, write or read. Kept until one says that an operator
	 * has acknowledged what is on disk: the mark in the store may not have been written. */
	bool store_suspect;
	char store_suspect_text[VERB_TEXT_BYTES_MAX + 1];

	struct reload reload;
	struct audits audits;
	struct notify notify;
	bool ready_told;
	struct oap_readiness readiness;
	char readiness_reason[VERB_TEXT_BYTES_MAX + 1];
	struct instant started_at;
	struct instant tick_at;
	ev_signal on_term, on_int, on_hup, on_usr1;
	ev_timer tick, stage_limit, drain_limit;
	ev_io control_readable, sink_writable;
};

/* Runs the node in the foreground until it is told to stop. Exit code of DESIGN.md section 10:
 * 0 stopped in order, 3 could not start or was forced. */
int supervisor_run(const struct config *config, const struct supervisor_options *options);

/* --- between the files of this folder --- */

struct process_id supervisor_id(const struct child *child);
struct child *supervisor_child(struct supervisor *self, unsigned process, unsigned instance);
struct child *supervisor_child_of(
	struct supervisor *self, unsigned process, unsigned instance, uint32_t generation);

/* amnesia.c: false after a log line that says what was wrong. */
MUST_CHECK bool amnesia_begin(struct supervisor *self);

/* spawn.c */
MUST_CHECK bool spawn_open_executables(struct supervisor *self);
MUST_CHECK bool spawn_identities(struct supervisor *self);
MUST_CHECK bool spawn_group(const char *name, gid_t *ret_gid); /* "": -1. False: errno */
MUST_CHECK bool spawn_plan_children(struct supervisor *self);
void spawn_child(struct child *child);
struct identity_plan spawn_identity_of(const struct supervisor *self,
	const struct process_plan *plan, unsigned process, gid_t *store_gid);

/* life.c */
extern const struct oap_handlers life_handlers;
void life_start_due(struct supervisor *self); /* whoever is wanted, absent and may start */
void life_kill(struct child *child, const char *why);
void life_on_exit(struct ev_loop *loop, ev_io *watcher, int events);
void life_on_ready_limit(struct ev_loop *loop, ev_timer *watcher, int events);
void life_signal_kill(const struct child *child);
void life_stillborn(struct child *child, const char *what); /* it could not be forked: errno */
void life_commit(struct supervisor *self);                  /* node.ping_timeout is another one */
void life_tick(struct supervisor *self); /* pings, once a fraction of node.ping_timeout */
void life_lost(struct supervisor *self, const struct oap_from *whom);
void life_accuse(struct supervisor *self, const struct oap_from *from, enum err err);

/* restart.c */
void restart_after_death(struct child *child);
void restart_end_partners(struct child *child);
void restart_judge(struct child *child); /* degraded, or no longer */
void restart_on_timer(struct ev_loop *loop, ev_timer *watcher, int events);

/* drain.c */
void drain_begin(struct supervisor *self, const char *why);
void drain_step(struct supervisor *self); /* after anything that may have ended a stage */

/* readiness.c */
void readiness_update(struct supervisor *self);
const char *readiness_safe_mode_reason(struct supervisor *self); /* "": not in safe mode */
void readiness_tell(struct supervisor *self, struct child *edge);

/* control.c */
extern const struct oap_handlers control_handlers;
MUST_CHECK bool control_open(struct supervisor *self);
void control_close(struct supervisor *self);
void control_tick(struct supervisor *self);
void control_lost(struct supervisor *self, const struct oap_from *whom);
void control_worker_lost(struct supervisor *self, unsigned process);

/* audits.c */
void audits_add(struct supervisor *self, enum audit_kind kind, struct slice json);
void audits_step(struct supervisor *self); /* after anything that may let the next one go */
MUST_CHECK enum err audits_answered(
	struct supervisor *self, const struct oap_from *from, const struct oap_audited *msg);
bool audits_are_moving(struct supervisor *self);   /* onto the disk, one after the other */
bool audits_are_deferred(struct supervisor *self); /* the ledger takes none of them now */
void audits_committer_lost(struct supervisor *self);
void audits_finish(struct supervisor *self);

/* admin.c */
struct admin_deed {
	const char *actor, *reason, *request_id, *outcome; /* "": there is none */
	uint32_t kid;                                      /* 0: it was no capability */
};
void admin_audit(struct supervisor *self, enum admin_act act, const struct admin_deed *deed);
MUST_CHECK enum err admin_ask(
	void *self, const struct oap_from *from, const struct oap_admin_ask *msg);
MUST_CHECK enum err admin_grant_checked(
	void *self, const struct oap_from *from, const struct oap_grant_checked *msg);
/* False: it was another's question. */
bool admin_recover_answer(
	struct supervisor *self, const struct oap_from *from, const struct oap_recover_answer *msg);
void admin_worker_lost(struct supervisor *self, unsigned process);

/* events.c */
void events_readiness(struct supervisor *self, const struct oap_readiness *now,
	const struct oap_readiness *before);
void events_death(struct child *child);
void events_restart(struct child *child);
void events_degraded(struct child *child); /* or no longer */
void events_draining(struct supervisor *self, const char *why);
void events_reload(struct supervisor *self, const struct reload_result *result);
void events_to_admin(struct supervisor *self); /* a new one: all that are kept */
void events_finish(struct supervisor *self);

/* status.c: JSON into the buffer; its bytes, or 0 when it does not fit. explained: the committer's
 * JSON object, or empty. */
size_t status_write(struct supervisor *self, char *buffer, size_t buffer_bytes);
size_t status_write_recovery(
	struct supervisor *self, struct slice explained, char *buffer, size_t buffer_bytes);

/* listen.c: -1 after a log line that says what was wrong. */
int listen_tcp(const struct config_address *address, const char *what);
int listen_unix(const char *path, unsigned mode, gid_t gid);
/* Nobody is there any more to accept: whoever waited, or comes, is told so at once, if the sockets
 * are not a service manager's, where he waits for the next node. */
void listen_api_close(struct supervisor *self);
/* Opening in two steps, for a reload: bound and not listening yet; errno. */
struct listen_unix_plan {
	const char *path;
	unsigned mode;
	gid_t gid;          /* -1: ours */
	bool replaces_ours; /* so that there is no need to ask who answers there */
};
int listen_tcp_bind(const struct config_address *address, bool shares_port);
MUST_CHECK bool listen_tcp_begin(int fd, const char *what);
int listen_unix_bind(const struct listen_unix_plan *plan);
MUST_CHECK bool listen_unix_begin(int fd, const char *path);
void listen_unix_drop(const char *path); /* what was bound there and never listened */
void listen_share_port(int fd, bool shares_port);
bool listen_has_port(int fd, uint16_t port);
/* Port 0 of the configuration is any port. */
bool listen_is_at(int fd, const struct config_address *address);

/* secure.c: false after a log line that says what was wrong. */
MUST_CHECK bool secure_open(struct supervisor *self);
void secure_send(const struct child *child, struct peer *peer); /* what of it is his */
/* Reads the files again; false: self->material_next.why says why not. What is in them is judged
 * meanwhile: then reload_files_judged is told, and why says "" or why not. Those with other
 * contents are marked as changed. */
MUST_CHECK bool secure_prepare(struct supervisor *self, const struct config *next);
bool secure_is_judging(const struct supervisor *self);
/* False: no descriptor is left. *closes: what is gone without another in its place. */
MUST_CHECK bool secure_stage(const struct child *child, struct peer *peer, uint16_t *closes);
void secure_commit(struct supervisor *self);
void secure_abort(struct supervisor *self);

/* inherit.c: those that were passed to us; false after a log line that says what was wrong. */
MUST_CHECK bool inherit_listeners(struct supervisor *self);

/* notify.c: what a service manager is told */
void notify_open(struct supervisor *self, int ready_fd);
void notify_update(struct supervisor *self); /* after anything that may have changed readiness */
void notify_tick(struct supervisor *self);
void notify_reloading(struct supervisor *self);
void notify_reloaded(struct supervisor *self);
void notify_stopping(struct supervisor *self);
void notify_close(struct supervisor *self);

/* otel.c */
MUST_CHECK enum err otel_on_want(
	void *self, const struct oap_from *from, const struct oap_otel_want *msg);
void otel_feed(struct supervisor *self);
void otel_lost(struct supervisor *self);

/* dirs.c */
MUST_CHECK bool dirs_prepare(struct supervisor *self);
/* The run directory for that group, or for us alone; false: errno. */
MUST_CHECK bool dirs_share_run(struct supervisor *self, gid_t gid);
MUST_CHECK bool dirs_lock(struct supervisor *self);

/* logs.c */
MUST_CHECK bool logs_open(struct supervisor *self);
void logs_close(struct supervisor *self);
void logs_attach(struct child *child, int log_fd, int stderr_fd);
void logs_detach(struct child *child); /* reads what is left, then closes */
void logs_tick(struct supervisor *self);
void logs_reopen(struct supervisor *self);
/* In a reload; false: errno. */
MUST_CHECK bool logs_prepare(struct supervisor *self, const struct config *next);
void logs_commit(struct supervisor *self);
void logs_abort(struct supervisor *self);

#endif
