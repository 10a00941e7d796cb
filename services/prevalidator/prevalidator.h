#ifndef SERVICES_PREVALIDATOR_H
#define SERVICES_PREVALIDATOR_H

/* The prevalidator: the wall that every request of a client goes through, auth -> policy ->
 * handler. It reads what clients wrote, holds no key and no file, and nobody takes its word:
 * sequencer and archive check the grant themselves.
 *
 *   REQUEST -> grant in the cache? no: a job waits for VERIFY -> GRANT
 *           -> do the caveats hold for this request?
 *           -> is the body here? no: PROCEED, and a job waits for BODY...
 *           -> SUBMIT or READ_..., whose owner answers the edge itself; else REFUSED
 *
 * The common request (a token that we know, a small body) passes in one go and is never a job.
 *
 *   handlers.c  what others say
 *   wall.c      the way of a request
 *   reads.c     what reads ask archive for
 *   grants.c    the cache, and the VERIFYs under way
 *   tenants.c   how many requests a second a tenant may send
 *   jobs.c      requests that wait
 *   bodies.c    bodies in pieces
 *   ingest.c    IngestRequest, from events to drafts
 *   administration.c  what administrators ask for, to the supervisor
 *   objects.c   objects: whose bytes go from the edge to archive
 *   rewards.c   epochs that are paid, to the rewarder; compute.c: their bodies
 *   operations.c  operations under /v1, to the wallet; wish.c: their bodies
 *   inflate.c   packed bodies; alone knows zlib
 *   json.c      JSON, from bytes to events; alone knows yajl */

#include <ev.h>

#include "common/clock.h"
#include "common/reasons.h"
#include "common/reward_reasons.h"
#include "common/routes.h"
#include "common/worker.h"
#include "core/grant.h"
#include "core/limiter.h"
#include "core/siphash.h"
#include "services/prevalidator/administration.h"
#include "services/prevalidator/compute.h"
#include "services/prevalidator/inflate.h"
#include "services/prevalidator/ingest.h"
#include "services/prevalidator/wish.h"

/* Bytes of bodies in pieces at once: what one ingress collects for us at most
 * (DESIGN-WALL.md section 3). */
#define BODIES_BYTES_MAX (64u * 1024u * 1024u)

/* DESIGN-WALL.md section 4. Four places for each value of a few bits of the name, so that a
 * grant has its place without probing and without a list. */
#define GRANTS_MAX  4096u
#define GRANTS_WAYS 4u
#define GRANTS_SETS (GRANTS_MAX / GRANTS_WAYS)

/* The window to kms holds no more (proto/verbs.h). */
#define VERIFIES_MAX 64u

#define JOB_BUCKETS 1024u

/* Late requests are swept four times a second. */
#define SWEEP_S 0.25

#define ROOTS_LIMIT_MAX 1000u

/* A request as its edge sent it. Views borrow from the frame, or from the job. */
struct ask {
	struct oap_from from; /* whose credit it holds, and who waits for the answer */
	struct instant since;
	uint64_t deadline_mono_ms;
	enum route route;
	bool is_oap;     /* a public verb: no method, no path */
	bool is_gzip;    /* the body is packed */
	bool is_counted; /* by its tenant's rate */
	enum grant_peer peer_class;
	uint32_t peer_uid;
	uint32_t actions; /* that its client's certificate is good for; all without one */
	uint32_t body_bytes;
	uint64_t body_bytes_max; /* of the configuration that its edge judged the head by */
	uint64_t offset;         /* of a long answer that the edge asks for in pieces */
	uint32_t wait_ms;        /* 0: the client did not say */
	struct slice query, corr_id, idem_key, token;
	struct slice body; /* empty as long as it is not all here */
};

/* A request that waits. verify_id 0: for its body. */
struct job {
	struct job *next; /* of its bucket */
	struct ask ask;
	struct hash name; /* of its token */
	uint64_t verify_id;
	uint8_t *body; /* owned; a body in pieces */
	uint32_t body_used;
	uint8_t bytes[]; /* what the views of `ask` borrow */
};

struct jobs {
	struct job *buckets[JOB_BUCKETS]; /* owned */
	size_t count;
};

struct cached_grant {
	struct hash name; /* of the token and the way it came */
	uint8_t *sealed;  /* owned; NULL: the place is free */
	size_t sealed_bytes;
	struct instant until;
	struct grant grant; /* borrows from sealed */
};

struct verify {
	uint64_t id; /* 0: the place is free */
	struct instant due;
	struct hash name;
};

struct grants {
	uint8_t salt[ID_BYTES]; /* so that nobody can choose which grants share a place */
	uint64_t verify_id_last;
	struct verify verifies[VERIFIES_MAX];
	struct cached_grant cached[GRANTS_SETS][GRANTS_WAYS];
};

/* Of one generation of the configuration: what an edge judges, too. */
struct body_limit {
	uint64_t generation;
	uint64_t bytes_max;
};

struct prevalidator {
	struct worker *worker;
	struct body_limit body_limit, body_limit_before; /* in force, and until the last reload */
	ev_timer sweep;
	uint32_t caveats_judged; /* kinds that are about a request, and that we can judge */
	bool draining;
	size_t bodies_bytes; /* of all jobs */
	struct jobs jobs;
	struct grants grants;
	struct limiter_rate tenant_rate; /* our share */
	struct limiter_table tenants;
	int64_t told_us;      /* of a tenant over it */
	struct ingest ingest; /* its JSON is wish's, too */
	struct wish wish;
	struct compute compute;               /* likewise */
	struct administration administration; /* likewise */
	struct inflater inflater;
};

/* --- handlers.c --- */

extern const struct oap_handlers prevalidator_handlers;
extern const struct sandbox_policy prevalidator_sandbox;
/* It has another set of routes, and of all peers kms and admin alone. */
bool prevalidator_is_of_admin(const struct prevalidator *self);
void prevalidator_ready(void *self, struct worker *worker);
void prevalidator_commit(void *self, struct worker *worker);
void prevalidator_link_up(void *self, const struct oap_from *whom);
void prevalidator_link_lost(void *self, const struct oap_from *whom);
void prevalidator_turn(void *self);
void prevalidator_drain(void *self, uint64_t deadline_mono_ms);

/* --- wall.c --- */

/* A new request. */
void wall_enter(struct prevalidator *self, const struct ask *ask);

/* Goes on with the grant of its token; true when the job is finished. */
MUST_CHECK bool wall_resume(
	struct prevalidator *self, struct job *job, const struct cached_grant *cached);

/* Its body is whole: the token must be good still. True when the job is finished. */
MUST_CHECK bool wall_body_is_here(struct prevalidator *self, struct job *job);

/* The last word to the edge: REFUSED with the status of the reason, or one given. */
void wall_refuse(
	struct prevalidator *self, const struct ask *ask, enum reason reason, const char *detail);
void wall_refuse_with(struct prevalidator *self, const struct ask *ask, uint16_t status,
	enum reason reason, const char *detail);

/* 429: too many a second. */
void wall_refuse_rate(
	struct prevalidator *self, const struct ask *ask, const struct limiter_left *left);

/* It went to its owner, or could not. */
void wall_forwarded(struct prevalidator *self, const struct ask *ask, enum err err);

/* --- reads.c --- */

/* No token is needed, and none is looked at. */
bool reads_is_public(const struct ask *ask);

/* Forwards or refuses. cached: NULL for what is public. */
void reads_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached);

/* To archive: all but what every question has is in `read`. */
void reads_send(struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached,
	struct oap_read_tlog read);

/* The path as the client wrote it: paths are canonical (DESIGN-WALL.md section 5). Empty: it is
 * longer than that of any route. */
#define READS_PATH_BYTES_MAX 128u
struct slice reads_path(const struct ask *ask, char buffer[READS_PATH_BYTES_MAX]);

/* Of a route under /v1: the status is that of the reason's error. */
void wall_refuse_api(struct prevalidator *self, const struct ask *ask, enum api_reason api_reason,
	const char *detail);

/* Of one under /rewarder. */
void wall_refuse_reward(struct prevalidator *self, const struct ask *ask,
	enum reward_reason reward_reason, const char *detail);

/* --- rewards.c --- */

/* A policy that everybody may see. */
bool rewards_is_public(const struct prevalidator *self, const struct ask *ask);

/* Forwards or refuses. cached: NULL for what is public. */
void rewards_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached);

/* --- wallet_reads.c --- */

void wallet_reads_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached);

/* --- administration.c --- */

void administration_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached);

/* --- objects.c --- */

void objects_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached);

/* --- operations.c --- */

void operations_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached);

/* --- grants.c --- */

void grants_init(struct grants *grants);

/* A name that tells nothing of the token. */
struct hash grants_name(const struct grants *grants, const struct ask *ask);

/* NULL: not there, or no longer good. Good until the next call that may keep or forget. */
const struct cached_grant *grants_find(
	struct grants *grants, const struct hash *name, struct instant now);

/* The job waits for kms; false when it was refused instead. */
MUST_CHECK bool grants_ask(struct prevalidator *self, struct job *job);

/* What kms said. ERR_MALFORMED: no kms of ours says that. */
MUST_CHECK enum err grants_answered(
	struct prevalidator *self, uint64_t verify_id, const struct oap_grant *msg);

/* Those that kms did not answer in time, or all because it is gone. */
void grants_give_up_late(struct prevalidator *self, struct instant now);
void grants_kms_lost(struct prevalidator *self);

void grants_forget(struct grants *grants);

/* --- tenants.c --- */

void tenants_init(struct prevalidator *self);
void tenants_take_limits(struct prevalidator *self); /* those of the configuration in force */

/* False: it was refused. One that is counted already is let through. */
MUST_CHECK bool tenants_admit(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached);

/* --- jobs.c --- */

/* Copies what `ask` borrows, its inline body included. NULL: there is one of that ticket. */
MUST_CHECK struct job *jobs_add(struct prevalidator *self, const struct ask *ask);
struct job *jobs_find(struct prevalidator *self, const struct oap_from *from);
void jobs_remove(struct prevalidator *self, struct job *job);

/* Calls `finish` for each; removes those for which it returns true. */
void jobs_each(struct prevalidator *self,
	bool (*finish)(struct prevalidator *self, struct job *job, const void *context),
	const void *context);

/* --- bodies.c --- */

/* PROCEED is out and the body is awaited; false when the request was refused instead. */
MUST_CHECK bool bodies_begin(struct prevalidator *self, struct job *job);

/* The next piece; *ret_whole when it was the last. ERR_MALFORMED: it does not fit. */
MUST_CHECK enum err bodies_take(struct job *job, const struct oap_body *msg, bool *ret_whole);
void bodies_end(struct prevalidator *self, struct job *job);

#endif
