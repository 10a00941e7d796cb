#ifndef COMMON_WORKER_H
#define COMMON_WORKER_H

/* A worker's main is a declaration; the order of its birth is written once, in worker.c:
 *
 *   name, no ptrace, no core, death with the supervisor    (identity was dropped before exec)
 *   configuration and fds from fd 3
 *   Landlock -> open -> syscall filter -> ready -> READY -> the loop
 *
 * Links come later, inside the loop, one LINK at a time, at start and at restart alike. */

#include <stdnoreturn.h>

#include "common/config.h"
#include "common/landlock.h"
#include "common/peer.h"
#include "common/sandbox.h"
#include "core/policy.h"

/* What an fd of SETUP_FD is for. */
enum setup_fd {
	SETUP_FD_LOG,        /* write end of the log pipe */
	SETUP_FD_METRICS,    /* our own page, read and write */
	SETUP_FD_PAGE,       /* admin: the page of process << 8 | instance, read only */
	SETUP_FD_LISTEN_TCP, /* the plane's TCP listener */
	SETUP_FD_LISTEN_UDS, /* API: the UNIX listener */
	SETUP_FD_LOCK,       /* committer: the lock of the data directory */
	SETUP_FD_TLS_CHAIN,  /* edges: the server's certificates */
	SETUP_FD_TLS_ROOTS,  /* edges: authorities of client certificates */
	SETUP_FD_TLS_OCSP,   /* edges: the response to staple */
	SETUP_FD_TLS_KEY,    /* kms alone */
	SETUP_FD_HEADERS,    /* otel: the file of otel.headers_file */
	SETUP_FD_CLOCK,      /* of a test_hooks build: the file of clock_adopt_hook */
	SETUP_FD_KIND_COUNT
};

/* How far a worker is, as it tells the supervisor, and from there readiness and status. */
enum worker_phase {
	PHASE_STARTING, /* no READY yet */
	PHASE_LOADING,  /* in the loop, waiting for others or replaying */
	PHASE_SERVING,
	PHASE_SAFE_MODE, /* reads only; the text says why */
	PHASE_DRAINED,
};

/* The text of the one safe mode that clients are told by its name: it ends with room. */
#define SAFE_MODE_DISK_FULL "disk_full"

/* What FAILED says about the world beyond the process. */
enum worker_fault {
	WORKER_FAULT_NONE,
	WORKER_FAULT_STORE, /* a failed sync, write or read: what is on disk is not known */
	WORKER_FAULT_COUNT
};

#define WORKER_PATHS_MAX 4u

/* A reload brings at most so many: each listener anew, and what TLS will want. */
#define WORKER_STAGED_FDS_MAX 8u

struct worker;

struct worker_spec {
	unsigned process;
	void *self; /* the process's whole state; nothing else is global */
	const struct oap_handlers *handlers;
	const struct sandbox_policy *sandbox; /* beyond the base; NULL: nothing */

	/* What may be opened from here on; how many. NULL: nothing. */
	size_t (*paths)(void *self, const struct worker *worker,
		struct landlock_path ret_paths[WORKER_PATHS_MAX]);
	/* Before the filter: open files, map memory. Ends with worker_fail when it cannot. */
	void (*open)(void *self, struct worker *worker);
	/* Behind the filter: everything else. May be NULL. */
	void (*ready)(void *self, struct worker *worker);

	/* A link that the role reads by itself: true, and the fd is its own. May be NULL. */
	bool (*take_link)(void *self, const struct oap_from *whom, int fd);
	void (*link_up)(void *self, const struct oap_from *whom);   /* may be NULL */
	void (*link_lost)(void *self, const struct oap_from *whom); /* may be NULL */
	void (*turn)(void *self);                                   /* may be NULL */
	/* A reload: worker->staged has what is to come. NULL, or the sentence that says why this
	 * process cannot go by it; nothing is changed yet. May be NULL: it can by anything. */
	const char *(*prepare)(void *self, struct worker *worker);
	/* worker->config and worker->policy are the new ones; fds are still worker->staged's
	 * (worker_reload_fd). Cannot fail. May be NULL when both are read where they are used. */
	void (*commit)(void *self, struct worker *worker);
	/* What was prepared is dropped. May be NULL. */
	void (*abort)(void *self, struct worker *worker);
	/* No new work; worker_drained() when the last answer is out. NULL: at once. */
	void (*drain)(void *self, uint64_t deadline_mono_ms);
};

struct worker_fd {
	uint8_t what;
	uint16_t index;
	int fd;
};

/* What a reload brought, until it is in force or dropped. */
struct worker_staged {
	uint64_t generation; /* 0: CONFIG_PREPARE has not come */
	struct config config;
	bool has_policy;
	struct policy policy;
	uint16_t closes; /* bits 1 << enum setup_fd */
	struct worker_fd fds[WORKER_STAGED_FDS_MAX];
	size_t fd_count;
};

struct worker {
	const struct worker_spec *spec;
	struct ev_loop *loop;
	struct mesh mesh;
	struct config config;
	struct policy policy; /* of those who judge by it; the others have that of no document */
	uint8_t instance;
	uint32_t generation;        /* of this process: new with each restart, never 0 */
	uint64_t config_generation; /* of `config`: new with each reload, never 0 */
	struct worker_staged staged;
	uint8_t sandbox_mode;
	bool suspect;  /* committer: one before it failed with WORKER_FAULT_STORE */
	uint8_t fault; /* enum worker_fault, which worker_fail will tell */
	bool setup_done;
	bool runs; /* in the loop */
	struct worker_fd fds[PEER_FDS_MAX];
	size_t fd_count;
	uint64_t ticket_in_hand; /* for the supervisor's log, should we die of it */
	uint8_t phase;
};

int worker_run(const struct worker_spec *spec, int argc, char *argv[]);

/* -1 when the supervisor gave none. Stays the worker's. */
int worker_fd(const struct worker *worker, enum setup_fd what, unsigned index);

/* --- worker_reload.c --- */

/* In `commit`. Does another fd take the place of that one, or none? */
bool worker_reload_replaces(const struct worker *worker, enum setup_fd what);
int worker_reload_fd(const struct worker *worker, enum setup_fd what); /* -1: none */

/* For worker.c: what the supervisor says about a reload, and what belongs to one. */
MUST_CHECK enum err worker_reload_take_fd(
	struct worker *worker, const struct oap_setup_fd *msg, int fd);
MUST_CHECK enum err worker_reload_take_policy(struct worker *worker, struct slice policy);
MUST_CHECK enum err worker_reload_prepare(
	struct worker *worker, const struct oap_config_prepare *msg);
MUST_CHECK enum err worker_reload_commit(struct worker *worker, uint64_t generation);
void worker_reload_abort(struct worker *worker, uint64_t generation);

/* --- worker.c --- */
/* All of a file that came as an fd, wherever others who hold it have read; needs pread64 behind
 * the filter. False: it cannot be read, or is longer. */
MUST_CHECK bool worker_read_fd(int fd, uint8_t *bytes, size_t bytes_max, size_t *ret_bytes);

/* Tells the supervisor; text is for an operator and may be "". */
void worker_report(struct worker *worker, enum worker_phase phase, uint64_t seq, uint64_t lag_ms,
	const struct hash *root, const char *text);
void worker_progress(struct worker *worker, uint64_t done, uint64_t total);
void worker_drained(struct worker *worker, uint64_t left_over);

/* Ends the process with a sentence that reaches the log and `status`. */
noreturn void worker_fail(struct worker *worker, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* One hash over the tables of verbs, keys and metrics that this executable was built with. */
uint64_t worker_tables_hash(void);

#endif
