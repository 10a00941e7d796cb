#ifndef SERVICES_WALLET_H
#define SERVICES_WALLET_H

/* The wallet: between a client's operation under /v1 and its entry. It decides no money and no
 * authority; the sequencer does, and owns nonces and limits. What is the wallet's is what a key
 * stands for, the id and time of an operation, its receipt, and how its end is told.
 *
 *   WALLET_OP -> does its key stand for something else? is it under way? -> a txid and a receipt
 *             -> OP_SUBMIT -> OP_VERDICT: new, with the receipt, which is on disk by now
 *                                       : refused
 *                                       : done before -> READ_RECEIPT -> the bytes of then
 *             -> WALLET_RESULT to the edge
 *
 * A repeat goes the whole way: what was done, the ledger knows for ever, and whether the token
 * may hear of it is judged there. So nothing is lost with this process, nor with a key.
 *
 *   handlers.c    what others say
 *   operations.c  an operation, from its frame to its result
 *   keys.c        idempotency keys
 *   view.c        balances as the ledger told them last
 *   balances.c    who asks for one, and how it is told
 *   verdicts.c    what the ledger's words are called under /v1 */

#include <ev.h>

#include "common/api_reasons.h"
#include "common/clock.h"
#include "common/worker.h"
#include "core/batch.h"
#include "core/receipt.h"
#include "services/wallet/keys.h"
#include "services/wallet/view.h"

/* All that prevalidators may have under way here (proto/verbs.h); a slot's number is the low end
 * of an operation's id. */
#define OPERATIONS_MAX       8704u
#define OPERATIONS_SLOT_BITS 14u
_Static_assert((PREVALIDATORS_MAX + 1) * 512u <= OPERATIONS_MAX, "");
_Static_assert(OPERATIONS_MAX <= 1u << OPERATIONS_SLOT_BITS, "");
_Static_assert(DRAFT_BYTES_MAX <= VERB_DRAFT_BYTES_MAX, "a draft fits its frame");
_Static_assert(BATCH_RECEIPT_BYTES_MAX <= VERB_RECEIPT_BYTES_MAX, "a receipt fits its frame");
_Static_assert(
	OPERATION_KEY_BYTES_MAX < VERB_KEY_BYTES_MAX, "a key that is too long is seen to be");

/* Receipts that archive could not read are asked for again, and old keys are forgotten. */
#define TICK_S 0.1

enum op_state {
	OP_FREE,
	OP_SUBMITTED, /* the sequencer has it */
	OP_READING,   /* done before: archive reads its receipt */
	OP_WAITING,   /* it could not; with the next tick */
};

/* An operation under way. */
struct op {
	enum op_state state;
	uint64_t id;          /* of our questions about it */
	struct oap_from from; /* whose credit it holds, and the ticket */
	uint8_t edge_process, edge_instance;
	uint32_t edge_generation;
	uint64_t deadline_mono_ms;
	uint32_t key_place;
	enum operation_kind kind;
	struct id128 txid;
	uint64_t nonce;
	uint64_t seq;
	bool has_lane_last;
	uint64_t lane_last;
	u128 amount;
	uint8_t asset_bytes, key_bytes;
	uint8_t asset[ASSET_BYTES_MAX];
	uint8_t key[OPERATION_KEY_BYTES_MAX];
	uint64_t touched[2]; /* view_name of what its accounts have */
	uint32_t next_free;
};

/* Who waits for a balance, until the ledger has told it. */
struct balance_read {
	struct oap_from from;
	uint8_t edge_process, edge_instance;
	uint32_t edge_generation;
	uint64_t deadline_mono_ms, since_mono_ms;
	uint32_t place; /* of the view */
	uint32_t next;  /* who waits for the same, or the next free one; VIEW_NONE */
	bool waits;     /* false: it was answered without the ledger's word */
};

/* As many wait as operations may be under way: their credit is the same. */
#define BALANCE_READS_MAX OPERATIONS_MAX

/* The ledger has not told for so long: it stands still, and what it told last has to do. */
#define BALANCE_PATIENCE_MS 1000u

struct balances {
	struct view view;
	uint32_t read_count; /* that wait */
	uint32_t read_used, read_free;
	uint32_t asked_count; /* places to be asked for at the end of this turn */
	uint32_t asked[BALANCE_READS_MAX];
	struct balance_read reads[BALANCE_READS_MAX];
};

struct wallet {
	struct worker *worker;
	ev_timer tick;
	struct keys keys;
	struct id128 txid_last;
	bool is_serving; /* the sequencer does */
	bool draining;
	uint64_t id_last; /* without its slot */
	uint32_t under_way[OPERATION_KIND_MAX + 1];
	struct balances balances;
	uint32_t op_count;
	uint32_t op_used; /* slots that were ever taken */
	uint32_t op_free; /* UINT32_MAX: none */
	struct op ops[OPERATIONS_MAX];
};

/* --- handlers.c --- */

extern const struct oap_handlers wallet_handlers;
extern const struct sandbox_policy wallet_sandbox;
void wallet_open(void *self, struct worker *worker);
void wallet_ready(void *self, struct worker *worker);
void wallet_commit(void *self, struct worker *worker);
void wallet_link_up(void *self, const struct oap_from *whom);
void wallet_link_lost(void *self, const struct oap_from *whom);
void wallet_turn(void *self);
void wallet_drain(void *self, uint64_t deadline_mono_ms);

/* --- operations.c --- */

MUST_CHECK enum err operations_accept(
	struct wallet *self, const struct oap_from *from, const struct oap_wallet_op *msg);
MUST_CHECK enum err operations_judged(
	struct wallet *self, const struct oap_from *from, const struct oap_op_verdict *msg);
MUST_CHECK enum err operations_read(
	struct wallet *self, const struct oap_from *from, const struct oap_receipt *msg);
void operations_ledger_lost(struct wallet *self);  /* what became of them nobody here knows */
void operations_archive_lost(struct wallet *self); /* its successor is asked */
void operations_tick(struct wallet *self);

/* --- balances.c --- */

MUST_CHECK bool balances_init(struct balances *balances);
MUST_CHECK enum err balances_accept(
	struct wallet *self, const struct oap_from *from, const struct oap_read_balance *msg);
MUST_CHECK enum err balances_told(
	struct wallet *self, const struct oap_from *from, const struct oap_told_balance *msg);
void balances_ask(struct wallet *self); /* at the end of a turn */
void balances_ledger_lost(struct wallet *self);
void balances_tick(struct wallet *self);

/* --- verdicts.c --- */

/* What a refusal of the ledger is called. NONE for DETAIL_NONE. */
enum api_reason verdicts_reason(unsigned detail);

/* It may have been done all the same. */
bool verdicts_is_unknown(unsigned detail);

/* Who is refused so has not done it before either: the ledger looked. */
bool verdicts_is_settled(enum api_reason reason);

#endif
