#ifndef SERVICES_SEQUENCER_H
#define SERVICES_SEQUENCER_H

/* The sequencer: owns the ledger's state, admits, numbers, and hands batches to the committer.
 *
 *   SUBMIT -> waiting -> (parked while archive fetches rows) -> judged in an open batch
 *          -> answer, which leaves when every batch numbered before its judgement is COMMITTED
 *
 *   handlers.c  what others say
 *   requests.c  requests from their frame to their judgement
 *   rows.c      rows of the store that exactly-once wants to see
 *   batches.c   when a batch is formed, of what, and what COMMITTED means
 *   answers.c   verdicts on their way out
 *   operations.c  those of the wallet
 *   intents.c   those of the rewarder: their bodies, and a batch of their own
 *   controls.c  freezes and revocations
 *   judging.c   grants of what is asked of the rewarder
 *   quarantines.c  what the rewarder wants in the audit log
 *   locates.c   where an account's newest balance is, for archive
 *   asks.c      the newest balances of many accounts, for wallet and archive
 *   room.c      how full the ledger's memory is
 *   state.c     the start: the committer streams, the ledger loads and replays
 *
 * It opens nothing, reads no clock but in common/, and all of its logic is core/ledger. */

#include <ev.h>

#include "common/clock.h"
#include "common/reward_reasons.h"
#include "common/trace.h"
#include "common/worker.h"
#include "core/ledger.h"

/* Two at the committer and one being filled (DESIGN.md section 3). */
#define BATCHES_IN_FLIGHT_MAX 2u
#define BATCH_SLOTS           (BATCHES_IN_FLIGHT_MAX + 1u)

/* With one batch at the committer a second is sent only from so many entries on
 * (DESIGN-LEDGER.md section 2). */
#define SECOND_BATCH_ENTRIES_MIN 256u

/* Roots of the newest commits, for repeats of entries that were in flight when judged. */
#define RECENT_COMMITS 8u

#define TICK_MS 250

/* request.fetch_id: nothing is being fetched; it may be judged again. */
#define FETCH_NONE UINT64_C(0)
#define FETCH_DONE UINT64_MAX

/* An idle node writes so many stale chunks a tick, so that the next start is quick. */
#define IDLE_CHUNKS 64u

/* More entries than this fit no batch: records without a single string. */
#define BATCH_ENTRIES_MAX \
	(BATCH_BYTES_MAX / (BATCH_HEAD_BYTES + 33u + 2u + ENTRY_LEAF_FIXED_BYTES) + 1u)

struct reply_route {
	uint8_t process, instance;
	uint32_t generation;
	uint64_t ticket;
};

struct sequencer;
struct fetched; /* rows.c */

/* Settled intents that are held in memory, for ever: a million is a hundred tenants for 28 years
 * of days, and 250 MiB. */
#define SETTLED_MAX (1024u * 1024u)

/* What a request of the rewarder has besides. */
struct intent_job {
	struct intent header; /* borrows from the request's bytes */
	bool has_grant;
	char capability_ref[2 * ID_BYTES + 1];
	uint32_t allocations_bytes, filled; /* of the body; there is none while it is a question */
	uint64_t moved_mono_ms;             /* when the body was asked for, or a piece came */
	uint8_t *allocations;               /* owned */
	struct draft *drafts;               /* owned; once the body is whole, like results */
	struct ledger_result *results;      /* owned */
	uint64_t root_seq; /* was settled up to there, and the root of that commit is fetched */
};

struct request {
	struct request *next;
	struct sequencer *sequencer;
	struct oap_from from; /* whose credit it holds */
	struct reply_route route;
	struct trace_work work;
	uint64_t deadline_mono_ms;
	enum entry_source source; /* of the link that it came in on */
	bool atomic, dry_run, fetch_due, grant_good;
	uint32_t draft_count;
	uint64_t fetch_id;
	struct grant grant;
	struct slice idem_id, drafts;
	struct intent_job *intent; /* owned; of the rewarder alone */
	struct fetched *fetched;   /* owned: what archive sent, newest first */
	size_t bytes_count;
	uint8_t bytes[]; /* what the views above borrow */
};

struct request_list {
	struct request *first, **last;
	size_t count;
	size_t entry_count;
	uint64_t deadline_first_ms; /* none of them is due before */
};

/* How full a table is that has an end. */
enum room { ROOM_PLENTY, ROOM_LITTLE, ROOM_NONE };
#define ROOM_TABLES 3u

enum root_source { ROOT_NEWEST, ROOT_KNOWN, ROOT_OF_SEQ };

enum answer_kind { ANSWER_SUBMISSION, ANSWER_OPERATION, ANSWER_INTENT };

struct answer {
	struct answer *next;
	struct oap_from from;
	struct reply_route route;
	struct trace_work work;
	struct instant judged_at; /* of one that is traced */
	enum answer_kind kind;
	struct oap_op_verdict op;        /* of an OPERATION; receipt borrows from bytes */
	struct oap_verdict verdict;      /* of a SUBMISSION; reasons borrow from bytes */
	struct oap_intent_result intent; /* of an INTENT */
	enum root_source root_source;
	uint64_t root_seq;
	uint8_t bytes[];
};

/* A freeze asked over the control socket, or a revocation of kms. */
struct control_ask {
	struct control_ask *next;
	struct oap_from from;
	uint8_t kind, scope;
	uint64_t after_seq;
	enum err status;
	char value[VERB_NAME_BYTES_MAX + 1];
	size_t value_bytes;
	char reason[VERB_TEXT_BYTES_MAX + 1];
	char actor[VERB_NAME_BYTES_MAX + 1];
};

/* A quarantine, a release or the end of a drain, on its way into the audit log. */
struct quarantine_ask {
	struct quarantine_ask *next;
	struct oap_from from;
	struct id128 capability; /* that it was done under; zeros: not known */
	uint16_t kind;           /* enum audit_kind */
	size_t json_bytes;
	uint8_t json[];
};

/* A balance that archive asked for, as of the batch that it waits for. */
struct locate {
	struct locate *next;
	struct oap_from from;
	struct oap_located located;
};

/* Likewise balances of many. */
struct ask {
	struct ask *next;
	struct oap_from from;
	struct oap_told_balance told; /* borrows from bytes */
	uint8_t bytes[];
};

enum batch_state { BATCH_FREE, BATCH_OPEN, BATCH_IN_FLIGHT };

struct batch {
	enum batch_state state;
	uint64_t no;
	uint64_t first_seq, entry_count;
	uint8_t traced[VERB_TRACED_BYTES_MAX]; /* tickets, 8 bytes each */
	size_t traced_bytes;
	struct instant sent_at;
	struct answer *answers, **answers_last;
	struct control_ask *controls;
	struct quarantine_ask *quarantines; /* owned */
	struct locate *locates;             /* owned */
	struct ask *asks;                   /* owned */
	struct ledger_batch closed;
	uint8_t *records; /* the next two, or of an intent: more, and owned until it is done */
	size_t records_bytes, sent_bytes;
	uint32_t *offsets; /* where each entry's record begins */
	size_t offsets_max;
	uint8_t *own_records;  /* owned, BATCH_BYTES_MAX */
	uint32_t *own_offsets; /* owned, BATCH_ENTRIES_MAX */
};

struct commit {
	uint64_t first_seq, last_seq;
	struct hash root;
};

enum payments_told { PAYMENTS_UNTOLD, PAYMENTS_TOLD_FREE, PAYMENTS_TOLD_FROZEN };

struct sequencer {
	struct worker *worker;
	struct memory memory;
	struct ledger *ledger; /* NULL until the committer streams */
	uint64_t state_no;     /* of the stream that it came in */
	struct ledger_limits limits;
	size_t second_batch_entries; /* SECOND_BATCH_ENTRIES_MIN; a test may set it lower */
	enum worker_phase phase;
	bool state_loaded; /* rows are in, entries are being replayed */
	bool draining, drained;
	bool disk_full;        /* no batch is taken until the committer has found room */
	bool more_expired;     /* holds, than the last batch had room for */
	uint8_t payments_told; /* to the rewarder: enum payments_told */
	bool lagging;          /* the supervisor was told that a batch is old */
	enum room room_told[ROOM_TABLES];

	uint64_t fence, size, low_water, batch_ts_unix_ms;
	uint64_t txid_ts_unix_ms; /* of the highest txid, also in flight */
	uint64_t told_ts_unix_ms; /* of batches: the wallet knows it */
	uint64_t replayed;
	struct hash root; /* of the newest commit */
	struct commit recent[RECENT_COMMITS];
	size_t recent_next;

	struct grant_keys keys;

	struct request_list waiting, parked;
	struct control_ask *controls, **controls_last;
	struct quarantine_ask *quarantines, **quarantines_last; /* owned */
	uint64_t fetch_last;

	struct batch batches[BATCH_SLOTS];
	uint64_t batch_no_last;
	size_t in_flight;
	struct batch *sending;  /* of which pieces are still to go; nothing overtakes it */
	struct request *intent; /* the one that is under way, in whichever list; NULL: none is */

	/* scratch of one batch; engine.batch_max_entries of each, and one request more */
	struct draft *drafts;
	struct ledger_result *results;
	size_t scratch_entries;
	ev_timer tick;
};

extern const struct oap_handlers sequencer_handlers;
extern const struct sandbox_policy sequencer_sandbox;
void sequencer_open(void *self, struct worker *worker);
void sequencer_ready(void *self, struct worker *worker);
void sequencer_commit(void *self, struct worker *worker);
void sequencer_turn(void *self);
void sequencer_link_up(void *self, const struct oap_from *whom);
void sequencer_link_lost(void *self, const struct oap_from *whom);
void sequencer_drain(void *self, uint64_t deadline_mono_ms);

/* requests.c */
void requests_init(struct request_list *list);
void requests_append(struct request_list *list, struct request *request);
void requests_prepend(struct request_list *list, struct request *request);
struct request *requests_take(struct request_list *list);
MUST_CHECK enum err requests_accept(
	struct sequencer *self, const struct oap_from *from, const struct oap_submit *msg);
MUST_CHECK enum err requests_accept_op(
	struct sequencer *self, const struct oap_from *from, const struct oap_op_submit *msg);
struct request *requests_create(struct sequencer *self, const struct oap_from *from,
	uint64_t deadline_mono_ms, size_t bytes_count);
/* Copies the bytes behind those that were kept before. */
struct slice requests_keep(struct request *request, size_t *used, struct slice bytes);
/* A forged grant accuses its sender; a stale one leaves grant_good unset. */
MUST_CHECK enum err requests_open_grant(
	const struct sequencer *self, struct request *request, struct slice sealed);
/* Why nothing at all is taken at present; DETAIL_NONE: it is. */
enum detail requests_why_not(const struct sequencer *self);
uint64_t requests_now_mono_ms(void);
void requests_drop_late(struct sequencer *self);
void requests_refuse_all(struct sequencer *self, enum detail detail);
/* All that process asked for and was not judged yet. */
void requests_forget(struct sequencer *self, const struct oap_from *whom);
void requests_destroy(struct request *request);

/* rows.c */
void rows_park(struct sequencer *self, struct request *request);
/* Asks archive for what is not yet asked; true when some of it is needed no more, and waits. */
bool rows_fetch_due(struct sequencer *self);
MUST_CHECK enum err rows_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_rows *msg);
void rows_archive_lost(struct sequencer *self);
void rows_ask_again(struct sequencer *self); /* what archive did not have at hand */
void rows_forget(struct request *request);
/* The row of that seq, from batches in flight or from what was fetched; false: not at hand. */
bool rows_find(void *owner, uint64_t seq, struct ledger_row *ret_row);
/* The root of the commit that carried a fetched row. */
bool rows_root_of(const struct request *request, uint64_t seq, struct hash *ret_root);

/* batches.c */
void batches_init(struct sequencer *self);
bool batches_may_send(struct sequencer *self);
/* Pieces of a batch that is larger than a frame, as far as credit goes. */
void batches_send_pieces(struct sequencer *self);
bool batches_due(struct sequencer *self);
bool batches_form(struct sequencer *self, uint32_t chunks_min); /* false: nothing to send */
void batches_idle(struct sequencer *self);
MUST_CHECK enum err batches_on_committed(struct sequencer *self, const struct oap_committed *msg);
bool batches_is_in_flight(const struct sequencer *self, uint64_t batch_no);
/* The last one that went to the committer and did not come back; NULL: all did. */
struct batch *batches_newest(struct sequencer *self);
void batches_fail_all(struct sequencer *self, enum detail detail);
uint64_t batches_oldest_ms(const struct sequencer *self);

/* answers.c */
void answers_refuse(struct sequencer *self, struct request *request, enum detail detail);
struct answer *answers_create(const struct request *request, const struct ledger_verdict *verdict,
	const struct ledger_result *results, const struct draft *drafts);
void answers_send(struct sequencer *self, struct answer *answer);
/* The root of the commit that carried this seq, if that was one of the newest. */
bool answers_recent_root(const struct sequencer *self, uint64_t seq, struct hash *ret_root);

/* operations.c */
bool operations_are_sound(struct slice draft_bytes);
void operations_send(struct sequencer *self, const struct reply_route *route,
	const struct oap_op_verdict *verdict);
struct answer *operations_answer(const struct request *request, const struct ledger_result *result,
	const struct draft *draft);
void operations_fail(struct answer *answer, enum detail detail);
void operations_tell_serving(struct sequencer *self); /* nothing while it does not serve */

/* intents.c */
MUST_CHECK enum err intents_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_intent *msg);
MUST_CHECK enum err intents_take_body(
	struct sequencer *self, const struct oap_from *from, const struct oap_intent_body *msg);
void intents_send(struct sequencer *self, const struct reply_route *route,
	const struct oap_intent_result *result);
/* In the open batch. NULL: the request was parked. */
struct answer *intents_judge(struct sequencer *self, struct request *request);
void intents_fail(struct answer *answer, enum detail detail);
void intents_drop_late(struct sequencer *self);
void intents_rewarder_lost(struct sequencer *self);
void intents_drain(struct sequencer *self);
void intents_forget(struct request *request); /* what it has besides */

/* locates.c */
void locates_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_locate *msg);
void locates_answer(struct sequencer *self, struct batch *batch, bool is_committed);

/* asks.c */
MUST_CHECK enum err asks_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_ask_balance *msg);
void asks_answer(struct sequencer *self, struct batch *batch, bool is_committed);

/* controls.c */
MUST_CHECK enum err controls_govern(
	struct sequencer *self, const struct oap_from *from, const struct oap_govern *msg);
MUST_CHECK enum err controls_revoke(
	struct sequencer *self, const struct oap_from *from, const struct oap_revoked *msg);
void controls_tell_payments(struct sequencer *self);
void controls_count(const struct sequencer *self);
void controls_apply(struct sequencer *self, struct batch *batch, struct byte_writer *out);
void controls_answer(struct sequencer *self, struct control_ask *asks); /* of a batch on disk */
void controls_fail(struct sequencer *self, struct control_ask *asks, enum detail detail);

/* judging.c */
struct judged {
	uint8_t action;      /* enum caveat_action */
	struct slice tenant; /* empty: of the node */
	struct slice epoch;  /* empty: of none */
};
bool judging_is_sound(const struct judged *what);
/* ERR_DENIED, ERR_MALFORMED: kms never sealed it. *ret_reason: NONE: it covers that, and *ret_grant
 * is it. */
MUST_CHECK enum err judging_grant(const struct sequencer *self, struct slice sealed,
	const struct judged *what, struct grant *ret_grant, enum reward_reason *ret_reason);
MUST_CHECK enum err judging_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_judge_grant *msg);

/* quarantines.c */
MUST_CHECK enum err quarantines_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_record_run *msg);
MUST_CHECK enum err quarantines_take_drain(
	struct sequencer *self, const struct oap_from *from, const struct oap_record_drain *msg);
void quarantines_apply(struct sequencer *self, struct batch *batch, struct byte_writer *out);
void quarantines_answer(struct sequencer *self, struct batch *batch, bool is_committed);
void quarantines_refuse_all(struct sequencer *self); /* those that are in no batch yet */

/* room.c */
void room_look(struct sequencer *self);

/* state.c */
MUST_CHECK enum err state_begin(struct sequencer *self, const struct oap_state_begin *msg);
MUST_CHECK enum err state_piece(struct sequencer *self, const struct oap_state_piece *msg);
MUST_CHECK enum err state_end(struct sequencer *self, const struct oap_state_end *msg);
void state_report(struct sequencer *self, enum worker_phase phase, const char *text);
/* It is all there, and of it nothing but what is in flight is not on disk. */
bool state_is_readable(const struct sequencer *self);
/* Nothing of what is in flight will be on disk. */
MUST_CHECK enum err state_refused(struct sequencer *self, const struct oap_not_committed *msg);
/* What was committed is not there: no more writes; what is in flight is still answered. */
void state_contradicted(struct sequencer *self, uint64_t seq, const char *what);

#endif
