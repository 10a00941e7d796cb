#ifndef SERVICES_REWARDER_H
#define SERVICES_REWARDER_H

/* The rewarder: pays out epochs. A run goes
 *
 *   admitted -> computed -> sealed -> emitting -> settled | postponed
 *                        -> quarantined                        (sealed too, never paid)
 *            -> failed
 *
 * and every step is in the registry before what follows from it happens, so that a rewarder that
 * died goes on where it was: what was admitted is computed again, what was sealed or emitting is
 * asked about, header first (DESIGN-LEDGER.md section 9). The ledger alone makes that nothing is
 * paid twice; the registry makes that nothing is forgotten.
 *
 *   handlers.c     who asks what; life
 *   gate.c         whether his grant covers it, as the sequencer says
 *   admission.c    who asks for a run, and what he meets: a new one, a replay, a conflict
 *   runs.c         those under way; the queue; who waits for an answer
 *   inputs.c       the sealed inputs, from archive to a calculator
 *   sealing.c      the result, from the calculator to artefacts; its attestation
 *   settlement.c   the intent, to the ledger, until it is answered
 *   authority.c    whether the token could pay it
 *   quarantine.c   what is held, and its release
 *   audits.c       both, and what became of the postponed, in the audit log
 *   brownout.c     how fast the ledger answers, and what follows
 *   pressure.c     a disk that is full, and what waits for room
 *   report.c       what supervisor and /metrics are told
 *   sweeper.c      what is too old to be kept
 *   answers.c      what clients are told
 *   registry.c, artefacts.c, policies.c   what is on disk
 *   policies_room.c                       which policies may go
 *   registry_row.c, registry_room.c       a row of it; how many one tenant may have
 *   journal.c                             the registry's file
 *
 * It holds no money and no signing key. */

#include <dirent.h>
#include <ev.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/reward_reasons.h"
#include "common/trace.h"
#include "common/worker.h"
#include "core/detail.h"
#include "core/grant.h"
#include "core/intent.h"
#include "core/json_out.h"
#include "services/rewarder/artefacts.h"
#include "services/rewarder/policies.h"
#include "services/rewarder/registry.h"
#include "services/rewarder/registry_room.h"

/* Runs that wait for a calculator (spec/rewarder.md section 8: work). */
#define RUNS_QUEUED_MAX 512u
/* And all that are under way; what is postponed is a row of the registry, which has bounds of its
 * own (registry_room.h). */
#define RUNS_UNFINISHED_MAX 4096u
/* From here on balancers should know (spec/rewarder.md section 7: 80 %). */
#define RUNS_UNFINISHED_SOFT (RUNS_UNFINISHED_MAX / 5 * 4)

/* What a body that is on its way leaves of the window to the sequencer, for grants and records. */
#define SETTLEMENT_LEFT_BYTES (512u * 1024u)

/* Who asked, and is answered once. Its request's credit is held until then. */
struct waiter {
	struct waiter *next;
	struct oap_from from;
	uint8_t edge_process, edge_instance;
	uint32_t edge_generation;
	uint64_t wait_until_mono_ms;
};

enum run_step {
	RUN_QUEUED,      /* for a calculator */
	RUN_BUNDLE,      /* is read from archive */
	RUN_STARTED,     /* the calculator has policy and bundle */
	RUN_LEDGER,      /* the ledger snapshot is read */
	RUN_ROWS,        /* the accounting snapshot is on its way */
	RUN_COMPUTING,   /* all of it is there */
	RUN_MANIFEST,    /* is written */
	RUN_ALLOCATIONS, /* are written */
	RUN_SIGNING,     /* kms has it */
	RUN_SEALED,      /* in the emitter's queue */
	RUN_EMITTING,    /* the emitter has it */
};

/* One that is under way. */
struct run {
	struct run *next;
	uint64_t id;              /* corr_id of all that is asked for it */
	struct registry_row *row; /* of the registry, or &own of a dry run or one that has failed */
	struct registry_row own;
	enum run_step step;
	bool is_dry;
	bool is_again;       /* computed before: must come out the same */
	bool is_mended;      /* again, and its artefacts are written anew */
	bool is_replay;      /* settled before: the ledger is asked whether it knows */
	int calculator;      /* -1: none */
	unsigned lost_count; /* calculators that were lost with it */
	uint64_t began_mono_ms, deadline_mono_ms, prepared_mono_ms;
	uint64_t started_mono_ms; /* its calculator has CPU time since then */
	struct waiter *waiters;
	/* inputs */
	struct hash input;
	struct hash accounting;
	uint64_t input_total, asked_upto, got_upto;
	uint32_t asked_count;
	/* result */
	uint64_t read_upto;
	struct artefacts_writer writer;
};

/* The one intent that is with the ledger. */
struct emitter {
	struct run *run;
	bool is_body;          /* the body is on its way, or there */
	unsigned attempt;      /* 1: the first */
	uint64_t id;           /* of this attempt */
	uint64_t sent_mono_ms; /* 0: it waits for due_mono_ms */
	uint64_t due_mono_ms;  /* to be sent, or given up */
	uint64_t began_mono_ms;
	bool is_question; /* without a grant: the answer is no more than whether it is settled */
	uint64_t body_upto;
};

/* Room on the disk. */
struct pressure {
	bool is_on;
	bool is_stalled; /* something waits for room that is no run any more */
	uint64_t due_mono_ms;
};

/* {runs,dry}/<tenant>/<epoch>/<run key>/, each open while what is in it is looked at. */
#define SWEEP_DEPTH 4u
struct sweep {
	enum sweep_step { SWEEP_RESTS, SWEEP_ROWS, SWEEP_RUNS, SWEEP_DRY } step;
	bool is_dry;
	unsigned depth; /* 0: nothing is open */
	uint64_t begun_mono_ms, before_unix_s;
	struct sweep_level {
		DIR *dir;
		bool is_old; /* nothing was made in it, or went, since before_unix_s */
		char name[REWARD_NAME_BYTES_MAX + 1];
	} levels[SWEEP_DEPTH];
};

/* A request whose grant the sequencer has. */
struct gate_request {
	struct gate_request *next;
	struct oap_from from;
	uint64_t id;
	uint8_t edge_process, edge_instance;
	uint32_t edge_generation;
	uint64_t deadline_mono_ms;
	uint8_t payload[];
};

struct gate {
	struct gate_request *first, **last; /* owned */
	struct id128 capability;            /* of the request that passes now */
};

/* A record on its way into the audit log. */
struct recording {
	struct recording *next;
	uint64_t id; /* 0: none */
	struct reward_name tenant, epoch;
	struct hash run_key;
	struct waiter asker; /* of a release, like its reason */
	char reason[VERB_TEXT_BYTES_MAX + 1];
};

struct audits {
	struct recording entered;   /* one of those that the registry lacks */
	uint64_t drained_id;        /* 0: none is under way */
	struct recording *releases; /* owned */
	uint64_t due_mono_ms;       /* not before is another tried */
	bool is_deferred;           /* and that was logged */
};

/* How fast the ledger answered lately. */
#define SAMPLES_MAX 1024u
struct brownout {
	bool is_on;       /* one of these two */
	bool is_slow;     /* the ledger was, or did not answer */
	bool is_frozen;   /* somebody froze rewards: the ledger refuses them */
	bool is_told;     /* by this sequencer whether it is frozen */
	bool is_draining; /* postponed runs are paid one after the other */
	size_t next, count;
	struct sample {
		uint64_t at_mono_ms;
		uint32_t took_ms;
	} samples[SAMPLES_MAX];
	uint64_t slow_since_mono_ms; /* 0: it is not */
	uint64_t entered_mono_ms;
	uint64_t ping_id, ping_sent_mono_ms, ping_due_mono_ms; /* sent 0: none is under way */
	uint64_t judged_mono_ms;
	uint64_t drained_count; /* taken up, and the audit log does not tell what became of them */
};

struct rewarder {
	struct worker *worker;
	char dir[CONFIG_TEXT_BYTES_MAX + 32];
	int dir_fd;
	struct artefacts artefacts;
	struct registry registry;
	struct policies policies;
	struct run *runs; /* all that are under way, oldest first */
	size_t run_count;
	struct run *calculators[COMPUTE_MAX]; /* NULL: free, or not there */
	struct gate gate;
	struct audits audits;
	struct emitter emitter;
	struct brownout brownout;
	uint64_t id_last;
	struct id128 life; /* of the kms that is there now */
	bool is_resumed;   /* what a rewarder before us left is under way again */
	bool is_draining;
	uint8_t troubles_told; /* by which report_tell said something last */
	struct pressure pressure;
	struct sweep sweep;
	ev_timer tick;
	uint8_t page[ARTEFACTS_PIECE_BYTES]; /* one at a time */
};

extern const struct oap_handlers rewarder_handlers;
extern const struct oap_handlers rewarder_behind_gate; /* of requests that passed it */
extern const struct sandbox_policy rewarder_sandbox;
size_t rewarder_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX]);
void rewarder_open(void *self, struct worker *worker);
void rewarder_ready(void *self, struct worker *worker);
void rewarder_commit(void *self, struct worker *worker);
void rewarder_link_up(void *self, const struct oap_from *whom);
void rewarder_link_lost(void *self, const struct oap_from *whom);
void rewarder_turn(void *self);
void rewarder_drain(void *self, uint64_t deadline_mono_ms);

uint64_t rewarder_now_mono_ms(void);
struct peer *rewarder_peer(struct rewarder *self, unsigned process);
struct artefacts_run rewarder_files(const struct run *run);
/* The row is on disk, or the run has failed and is gone: false. */
MUST_CHECK bool rewarder_put(struct rewarder *self, struct run *run, enum registry_state state);

/* --- gate.c --- */

void gate_init(struct gate *gate);
void gate_tick(struct rewarder *self, uint64_t now_mono_ms);
void gate_refuse_all(struct rewarder *self, enum reward_reason reason);
MUST_CHECK enum err gate_judged(
	struct rewarder *self, const struct oap_from *from, const struct oap_judged_grant *msg);
MUST_CHECK enum err gate_run_compute(
	void *self, const struct oap_from *from, const struct oap_run_compute *msg);
MUST_CHECK enum err gate_run_show(
	void *self, const struct oap_from *from, const struct oap_run_show *msg);
MUST_CHECK enum err gate_run_list(
	void *self, const struct oap_from *from, const struct oap_run_list *msg);
MUST_CHECK enum err gate_quarantine_release(
	void *self, const struct oap_from *from, const struct oap_quarantine_release *msg);
MUST_CHECK enum err gate_policy_put(
	void *self, const struct oap_from *from, const struct oap_policy_put *msg);
MUST_CHECK enum err gate_policy_show(
	void *self, const struct oap_from *from, const struct oap_policy_show *msg);

/* --- admission.c --- */

void admission_request(
	struct rewarder *self, const struct oap_from *from, const struct oap_run_compute *msg);

/* --- runs.c --- */

/* Its keys, which follow from its other names and the salt. */
void runs_name(const struct rewarder *self, struct registry_row *row);
/* row: NULL: a dry one of its own. NULL: no memory. */
struct run *runs_begin(struct rewarder *self, struct registry_row *row, enum run_step step);
/* False: no memory. */
MUST_CHECK bool runs_wait_for(
	struct run *run, const struct oap_from *from, const struct oap_run_compute *msg);
/* A dry one of the same names. */
struct run *runs_find_dry(struct rewarder *self, const struct registry_row *wanted);
/* What the ledger would be sent of it cannot be read, or is not what was sealed: a bad disk, or a
 * key of artefacts that has changed. It is in nobody's hands, and can be made again. */
bool runs_are_damaged(const struct registry_row *row);
/* NULL: it is not under way. */
struct run *runs_find(struct rewarder *self, uint64_t id);
struct run *runs_of_row(struct rewarder *self, const struct registry_row *row);
/* Tells those who wait for the run, and are traced, when a part of it was done. */
void runs_trace(const struct run *run, enum trace_kind kind, uint64_t began_mono_ms,
	uint64_t ended_mono_ms);

/* Takes up again what is in the registry; RUN_QUEUED: from the beginning, RUN_SEALED: to be paid.
 * NULL: no memory. */
struct run *runs_resume(struct rewarder *self, struct registry_row *row, enum run_step step);
/* It is postponed for what the ledger would be sent of it, which is computed anew. */
void runs_mend(struct run *run);
/* It waits for a calculator again, under another id: what is under way for it meets nobody. */
void runs_requeue(struct rewarder *self, struct run *run);
/* It goes on with a copy of its row, which is returned and free to go. */
struct registry_row *runs_detach(struct run *run);
/* All that wait are told what its row says now; it is gone. */
void runs_end(struct rewarder *self, struct run *run);
/* All that wait are refused; of a run that was computed for the first time the row is gone if the
 * request was at fault, else it has failed. It is gone. */
void runs_fail(struct rewarder *self, struct run *run, enum reward_reason reason, const char *text);
/* All that wait are refused, and its row stays as it is. It is gone. */
void runs_leave(
	struct rewarder *self, struct run *run, enum reward_reason reason, const char *text);
void runs_tick(struct rewarder *self, uint64_t now_mono_ms);
void runs_resume_all(struct rewarder *self);

/* --- inputs.c --- */

void inputs_begin(struct rewarder *self, struct run *run);
MUST_CHECK enum err inputs_take(
	struct rewarder *self, const struct oap_from *from, const struct oap_object_piece *msg);
MUST_CHECK enum err inputs_wanted(
	struct rewarder *self, const struct oap_from *from, const struct oap_compute_wants *msg);

void inputs_turn(struct rewarder *self);
/* There is a calculator, idle or not. */
bool inputs_may_begin(struct rewarder *self);
/* Its calculator is gone. */
void inputs_lost(struct rewarder *self, struct run *run);

/* --- sealing.c --- */

MUST_CHECK enum err sealing_computed(
	struct rewarder *self, const struct oap_from *from, const struct oap_computed *msg);
MUST_CHECK enum err sealing_take(
	struct rewarder *self, const struct oap_from *from, const struct oap_compute_piece *msg);
void sealing_sign(struct rewarder *self, struct run *run);
MUST_CHECK enum err sealing_signed(struct rewarder *self, const struct oap_from *from,
	const struct oap_signed_attestation *msg);
/* The calculator is free again. */
void sealing_release(struct rewarder *self, struct run *run);

/* --- settlement.c --- */

/* It is sealed: paid, postponed or done. */
void settlement_begin(struct rewarder *self, struct run *run);
MUST_CHECK enum err settlement_told(
	struct rewarder *self, const struct oap_from *from, const struct oap_intent_result *msg);
void settlement_turn(struct rewarder *self, uint64_t now_mono_ms);
/* As settlement_turn, but nothing new is begun. */
void settlement_finish(struct rewarder *self, uint64_t now_mono_ms);
/* Its grant may be one that the kms which is there sealed. One of another boot of the node would
 * look forged to the ledger. */
bool settlement_has_grant(const struct rewarder *self, const struct registry_row *row);
/* Neither is its tenant held, nor is there a brownout. */
bool settlement_may_pay(const struct rewarder *self, const struct registry_row *row);
void settlement_ledger_lost(struct rewarder *self);
void settlement_forget(struct rewarder *self, const struct run *run);

/* --- authority.c --- */

/* A sentence: the token will never pay runs of that tenant by that policy. NULL: it may. */
const char *authority_lacks(
	const struct rewarder *self, const struct registry_row *wanted, struct slice sealed);
/* Likewise, of one that was computed. */
const char *authority_falls_short(
	const struct registry_row *row, u128 payout, u128 largest, struct slice asset);

/* --- quarantine.c --- */

/* NULL: nothing keeps the tenant from being paid; else one of those that do. */
const struct registry_row *quarantine_holder(
	const struct rewarder *self, const struct registry_row *row);
/* What an operator may release: another run may then take its place. */
bool quarantine_may_end(const struct registry_row *row);
/* It is sealed, or was: never paid from now on. The run is gone. */
void quarantine_run(
	struct rewarder *self, struct run *run, enum reward_kind kind, const char *text);
void quarantine_release(struct rewarder *self, const struct oap_from *from,
	const struct oap_quarantine_release *msg);

/* --- audits.c --- */

void audits_turn(struct rewarder *self, uint64_t now_mono_ms);
/* The row is quarantined, and that is recorded. */
void audits_release(struct rewarder *self, const struct oap_from *from,
	const struct oap_quarantine_release *msg, const struct registry_row *row);
MUST_CHECK enum err audits_recorded(
	struct rewarder *self, const struct oap_from *from, const struct oap_recorded_run *msg);
void audits_refuse_releases(struct rewarder *self, enum reward_reason reason);
void audits_ledger_lost(struct rewarder *self);
/* How many the audit log lacks, of quarantines and drains. */
uint64_t audits_missing(const struct rewarder *self);

/* --- brownout.c --- */

void brownout_sample(struct rewarder *self, uint64_t took_ms);
void brownout_enter(struct rewarder *self, const char *why);
/* What is postponed is taken up, unless there is one. */
void brownout_drain(struct rewarder *self);
/* Payments are frozen by somebody, or go on. */
void brownout_frozen(struct rewarder *self, bool is_frozen);
void brownout_open(struct rewarder *self); /* takes up what one before us postponed */
void brownout_tick(struct rewarder *self, uint64_t now_mono_ms);
/* False: it was no ping of ours. */
bool brownout_pong(struct rewarder *self, uint64_t id);

/* --- pressure.c --- */

void pressure_tick(struct rewarder *self, uint64_t now_mono_ms);
/* A run could not take its next step, and is to be taken up again. */
void pressure_stall(struct rewarder *self);
bool pressure_is_on(const struct rewarder *self);

/* --- report.c --- */

/* Whether it serves, and what keeps it from serving well. */
void report_tell(struct rewarder *self);
/* That, if it has changed; and what waits where. */
void report_tick(struct rewarder *self);
/* A line of the log about a run, which says whose it is. */
void report_run(enum log_event event, const struct registry_row *row, struct log_fields fields);

/* --- sweeper.c --- */

void sweeper_tick(struct rewarder *self, uint64_t now_mono_ms);

/* --- policies_room.c --- */

/* How many are needed, for /metrics. */
void policies_room_look(struct rewarder *self);
/* False: all of them are needed. */
MUST_CHECK bool policies_room_make(struct rewarder *self);

/* --- answers.c --- */

/* Whom an answer goes to. */
struct answer_route {
	const struct oap_from *from;
	uint8_t edge_process, edge_instance;
	uint32_t edge_generation;
};
#define ANSWER_ROUTE(from, msg)                                                           \
	(struct answer_route)                                                             \
	{                                                                                 \
		(from), (msg)->edge_process, (msg)->edge_instance, (msg)->edge_generation \
	}

void answers_send(struct rewarder *self, struct answer_route route, struct oap_run_reply *reply);
/* text: NULL: that of the reason. row: whose names may be told, or NULL. */
void answers_refuse(struct rewarder *self, struct answer_route route, enum reward_reason reason,
	const char *text, const struct registry_row *row);
/* What has become of a run; is_dry: of one that is not paid. */
void answers_result(struct rewarder *self, struct answer_route route,
	const struct registry_row *row, bool is_dry, bool is_replay);
void answers_summary(
	struct rewarder *self, struct answer_route route, const struct registry_row *row);
void answers_pending(
	struct rewarder *self, struct answer_route route, const struct registry_row *row);
void answers_show(
	struct rewarder *self, const struct oap_from *from, const struct oap_run_show *msg);
void answers_list(
	struct rewarder *self, const struct oap_from *from, const struct oap_run_list *msg);
void answers_policy(struct rewarder *self, struct answer_route route,
	const struct policies_row *row, uint16_t status);

#endif
