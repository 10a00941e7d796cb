#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

/* The configuration of a running node, read again: two phases over all workers (DESIGN-WALL.md
 * section 6).
 *
 *   IDLE --asked, read, opened--> JUDGING --> PREPARING --all can go by it--> COMMITTING --> IDLE
 *                                    +------------+--refused, dead, silent, stopping--> IDLE
 *
 * In JUDGING mn-tls-check looks at the files of TLS, if there are any, for RELOAD_ANSWER_MS at
 * most; no worker knows of it yet. In PREPARING nothing is in force: who cannot, dies or is silent
 * for RELOAD_ANSWER_MS makes all drop it. In COMMITTING the configuration is the new one for
 * everybody; who dies now comes back with it. To be asked meanwhile is to be asked once more
 * afterwards. */

#include <ev.h>

#include "common/config.h"
#include "core/policy.h"
#include "supervisor/rebind.h"
#include "supervisor/reload_result.h"

/* DESIGN-WALL.md section 6. */
#define RELOAD_ANSWER_MS 5000

/* Who may wait for one: the questions of the control socket, and HUP. */
#define RELOAD_WAITERS_MAX 40u

struct supervisor;
struct child;
struct log_sink;
struct oap_from;

/* Called once, when it is over. */
typedef void (*reload_done)(
	struct supervisor *self, uint64_t id, const struct reload_result *result);

enum reload_step { RELOAD_IDLE, RELOAD_JUDGING, RELOAD_PREPARING, RELOAD_COMMITTING };

struct reload_waiters {
	size_t count;
	struct {
		reload_done done;
		uint64_t id;
	} who[RELOAD_WAITERS_MAX];
	bool is_asked; /* HUP waits for nothing */
	char actor[VERB_NAME_BYTES_MAX + 1];
};

struct reload {
	enum reload_step step;
	uint64_t generation;      /* of the configuration in force; 1 is that of the start */
	uint64_t generation_next; /* of the one that is tried; no number is tried twice */
	struct config next;
	struct policy policy; /* in force, and shown to workers that start */
	struct policy policy_next;
	struct rebind rebind;
	struct log_sink *log_next; /* owned; NULL: log.file stays */
	bool is_out_of_fds;        /* somebody was not passed what he is to go by */
	ev_timer limit;
	struct reload_waiters waiters, waiters_next;
	struct reload_result now, last;
};

/* Reads the configuration and puts it in force, or says why not. `actor` is who asked, for log and
 * audit; `done` may be NULL. */
void reload_request(struct supervisor *self, const char *actor, reload_done done, uint64_t id);

/* What life.c tells. */
void reload_worker_ready(struct child *child);
void reload_worker_lost(struct child *child);
void reload_stopping(struct supervisor *self);

/* What secure.c tells. */
void reload_files_judged(struct supervisor *self);

/* What workers tell. */
MUST_CHECK enum err reload_prepared(
	void *self, const struct oap_from *from, const struct oap_config_prepared *msg);
MUST_CHECK enum err reload_applied(
	void *self, const struct oap_from *from, const struct oap_config_applied *msg);

#endif
