#ifndef CORE_LEDGER_STATE_H
#define CORE_LEDGER_STATE_H

/* Inside of core/ledger: the state and how its files share it. Nobody else includes this.
 *
 *   ledger.c          life, admission of a request, verdict, questions
 *   ledger_once.c      exactly once: look-ups by key and id, originals
 *   ledger_judge.c     may this entry be? form, authority, time, freezes, money
 *   ledger_days.c      what may be done on a day
 *   ledger_group.c     legs that stand and fall together
 *   ledger_apply.c     what an entry does; the only file that changes a balance
 *   ledger_batch.c     begin, expiry, number, sweep, end, controls
 *   ledger_load.c      rows and replay
 *   ledger_accounts.c  _claims.c _heap.c _counters.c _rules.c _settle.c: a kind of state each
 *   ledger_journal.c   taking back; ledger_room.c memory
 *
 * The journal: while it is on, whatever changes is noted first, so that a dry run, an atomic
 * request and a group can be taken back. Claims that are used up stay in place until the batch
 * ends, for the same reason. */

#include "core/ledger.h"
#include "core/order.h"
#include "core/segments.h"
#include "core/table.h"

#define LEDGER_NONE        UINT32_MAX
#define LEDGER_NO_ASSET    0u /* of a counter: of operations, whatever their asset */
#define LEDGER_ASSETS_MAX  4096u
#define LEDGER_ARENA_BYTES (256u * 1024u)
#define LEDGER_DAY_MS      86400000u

/* Sums of a day that one entry can add to: each `daily<=` of its token, and under the policy
 * operations of the account, operations and debits of the tenant. */
#define LEDGER_QUOTAS_MAX  3u
#define LEDGER_CHARGES_MAX (TOKEN_CAVEATS_MAX + LEDGER_QUOTAS_MAX)

/* Notes that one entry can make: two balances and a lane, each perhaps a new account, an asset,
 * a claim, two fingerprints, the counters, each perhaps a new one. */
#define LEDGER_NOTES_PER_ENTRY (12u + 2u * LEDGER_CHARGES_MAX)

/* Notes whose memory is kept when nothing needs them: what a large request makes. An intent makes
 * ten times as many, once in a while. */
#define LEDGER_NOTES_KEPT (4u * SEGMENTS_PIECE)

struct ledger_account {
	u128 available; /* of sys:issuance the magnitude; of lanes the last debit nonce */
	u128 held;      /* of lanes the last issue nonce */
	u128 spent;
	uint64_t last_seq;
	const uint8_t *name; /* in the arena */
	uint32_t day;        /* of spent */
	uint16_t asset;      /* 0 = nonce lanes */
	uint8_t name_bytes;
	bool in_debt; /* inside a group only: available is 2^128 less what is missing */
};

struct ledger_asset {
	uint8_t name[ASSET_BYTES_MAX];
	uint8_t name_bytes;
	uint32_t issuance; /* account; LEDGER_NONE until the first Mint */
};

struct ledger_claim {
	struct batch_claim record; /* original_seq 0 = free */
	uint32_t heap_place;       /* LEDGER_NONE = not waiting to expire */
	uint32_t next_free;
	bool is_dirty; /* in the open batch's list */
};

struct ledger_counter {
	struct id128 id;
	u128 spent; /* or how many operations */
	uint32_t day;
	uint16_t asset;
	bool is_dirty;
};

/* What an entry adds to a counter, and what that may come to. */
struct ledger_charge {
	struct id128 counter_id;
	uint32_t asset; /* LEDGER_NONE: not known yet, so there is no counter */
	u128 amount;
	u128 limit;
	enum detail detail; /* if it is too much */
};

/* A freeze or a revocation. */
struct ledger_rule {
	const uint8_t *value; /* in the arena */
	uint16_t value_bytes;
	uint8_t scope;
	bool is_on;
};

struct ledger_settlement {
	struct hash names[3]; /* of (tenant, epoch), (tenant, run_key), idempotency_key */
	struct hash commitment;
	uint64_t seq_start;
	uint64_t seq_end;
};

enum ledger_note_kind {
	NOTE_BALANCE,
	NOTE_ACCOUNT_MADE,
	NOTE_ASSET_MADE,
	NOTE_CLAIM_MADE,
	NOTE_CLAIM_TAKEN,
	NOTE_COUNTER_MADE,
	NOTE_COUNTER_REUSED,
	NOTE_COUNTER_SPENT,
	NOTE_KEY,
	NOTE_ID,
};

struct ledger_note {
	union {
		struct ledger_account account;
		struct ledger_counter counter;
		u128 amount;
		struct {
			uint64_t key;
			uint64_t value;
		} pair;
	};
	enum ledger_note_kind kind;
	uint32_t index;
	uint32_t day;
};

/* Where to go back to. */
struct ledger_mark {
	uint32_t note_count;
	uint32_t dirty_claim_count;
	uint32_t dirty_counter_count;
	uint32_t counter_next;
	uint32_t offset_count;
	uint64_t next_seq;
	struct byte_writer out;
};

/* What is known of a draft while its request is judged. */
struct ledger_work {
	uint64_t key_fingerprint;
	uint64_t id_fingerprint;
	uint64_t original_fingerprint; /* 0 = no original */
	uint64_t group_key;            /* of legs: fingerprint of the asset, or seq of the group */
	uint64_t warm[2];              /* fingerprints of the two accounts */
	uint32_t expected[2];          /* which accounts these may be; LEDGER_NONE = none yet */
	uint32_t next_leg;             /* LEDGER_NONE = last */
	uint32_t last_leg;             /* the first leg knows these three */
	uint32_t leg_count;
	bool is_poisoned;
	bool is_leg;
	bool is_judged;
};

/* An entry that something else refers to. */
struct ledger_original {
	bool is_found;
	bool is_hold_open;
	enum entry_kind kind;
	enum entry_effect effect;
	uint64_t seq;
	struct slice account;
	struct slice counter_account;
	struct slice asset;
	u128 amount;
	u128 taken;
	uint64_t expires_unix_ms;
	uint64_t group_first;
	uint32_t group_count;
};

struct ledger_open_batch {
	struct byte_writer *out; /* NULL = no batch is open */
	uint8_t *out_start;
	uint64_t first_seq;
	uint32_t offset_count;
};

struct ledger {
	const struct memory *memory;
	struct ledger_limits limits;
	uint8_t key[SIPHASH_KEY_BYTES];

	/* accounts, by dense index */
	struct segments accounts;
	uint32_t account_count;
	struct table account_table;
	struct ledger_asset *assets; /* owned; LEDGER_ASSETS_MAX; 0 is "" */
	uint32_t asset_count;
	struct table asset_table;
	uint32_t asset_last;  /* found last time */
	uint32_t expected[2]; /* accounts that are looked up next, perhaps */
	uint8_t *arena_next;
	size_t arena_left;
	void *arenas;   /* owned; each piece begins with the address of the one before */
	uint32_t debts; /* accounts that are in debt: 0 outside of groups */

	/* exactly once */
	struct table key_table;
	struct table id_table;

	/* claims and the heap of holds by (expiry, seq) */
	struct segments claims;
	uint32_t claim_count; /* slots ever used */
	uint32_t claim_free;  /* head of the free list */
	uint32_t claims_live;
	struct table claim_table;
	struct segments heap;
	uint32_t heap_count;

	struct segments counters;
	uint32_t counter_count;
	uint32_t counter_next;   /* where to look for one of a day that is over */
	uint32_t counters_day;   /* the newest */
	uint32_t counters_today; /* of that day */
	struct table counter_table;

	struct segments rules;
	uint32_t rule_count;
	struct table rule_table;
	uint32_t frozen_accounts;
	uint32_t frozen_assets;
	uint32_t revoked;
	bool is_frozen, rewards_frozen;

	struct segments settled;
	uint32_t settled_count;
	struct table settled_table;

	/* the state checkpoint: 64 accounts are a chunk */
	struct segments chunk_seqs;  /* u64: true at, as loaded */
	struct segments chunk_dirty; /* u64: a bit a chunk */
	uint32_t chunks_dirty;
	uint32_t sweep_next;
	uint64_t sweep_started_seq;
	uint64_t low_water;
	uint32_t batches_since_chunk;

	uint64_t next_seq;
	uint64_t batch_ts_unix_ms;

	struct ledger_open_batch batch;
	struct segments offsets; /* u32: where the batch's entries are in its records */
	struct segments dirty_claims;
	uint32_t dirty_claim_count;
	struct segments dirty_counters;
	uint32_t dirty_counter_count;

	struct segments notes;
	uint32_t note_count;
	uint32_t journal_depth; /* 0 = off */

	/* the request that is being judged */
	struct ledger_work *work; /* owned; as many as the largest request or intent has, each */
	uint32_t *order;          /* owned */
	uint32_t *scratch;        /* owned */
	uint32_t *heads;          /* owned; a power of two, at least twice as many as a request's */
	uint32_t heads_count;
	char capability_ref[2 * ID_BYTES + 1];

	bool is_replaying;
	uint64_t replay_last_seq;
};

static inline uint32_t ledger_day(uint64_t unix_ms)
{
	return (uint32_t)(unix_ms / LEDGER_DAY_MS);
}

static inline struct ledger_account *ledger_account_at(const struct ledger *ledger, uint32_t index)
{
	return segments_at(&ledger->accounts, index);
}

static inline struct slice ledger_account_name(const struct ledger_account *account)
{
	return (struct slice){ account->name, account->name_bytes };
}

static inline struct slice ledger_asset_name(const struct ledger *ledger, uint32_t asset)
{
	return (struct slice){ ledger->assets[asset].name, ledger->assets[asset].name_bytes };
}

/* ---- ledger_accounts.c ---- */

uint64_t ledger_fingerprint(const struct ledger *ledger, const void *bytes, size_t bytes_count);
uint64_t ledger_key_fingerprint(const struct ledger *ledger, enum entry_source source,
	const struct id128 *nonce, struct slice account);
uint64_t ledger_id_fingerprint(const struct ledger *ledger, const struct id128 *id);

/* LEDGER_NONE: there is none. */
uint32_t ledger_asset_find(struct ledger *ledger, struct slice name);
uint32_t ledger_account_find(struct ledger *ledger, struct slice name, struct slice asset);
/* Ahead of ledger_account_find: asks for the slot of the table (and says under which fingerprint;
 * 0 = none), then for the account that stands there (LEDGER_NONE = none), then for its name. */
uint64_t ledger_account_warm_slot(struct ledger *ledger, struct slice name, struct slice asset);
uint32_t ledger_account_warm(struct ledger *ledger, uint64_t fingerprint);
void ledger_account_warm_name(struct ledger *ledger, uint32_t index);
/* Look at these two first: a guess that saves the table, compared like what the table says. */
void ledger_account_expect(struct ledger *ledger, const uint32_t accounts[2]);
/* Found or made; memory was reserved. LEDGER_NONE: too many assets. */
uint32_t ledger_asset_make(struct ledger *ledger, struct slice name);
uint32_t ledger_account_make(struct ledger *ledger, struct slice name, struct slice asset);
/* At the index that comes next; for ledger_load and ledger_account_make. */
uint32_t ledger_account_append(struct ledger *ledger, struct slice name, uint32_t asset);
void ledger_account_undo(struct ledger *ledger, uint32_t index);
void ledger_asset_undo(struct ledger *ledger, uint32_t index);

/* ---- ledger_policy.c ---- */

/* May this new entry be at all, and of that amount? */
enum detail ledger_policy_operation(const struct ledger *ledger, const struct entry *entry);
/* Of the policy, or without end. */
const struct policy_quota *ledger_policy_account_quota(const struct ledger *ledger);
/* Most that its account may spend on a day; U128_MAX = no end. */
u128 ledger_policy_ceiling(const struct ledger *ledger, const struct entry *entry);
enum detail ledger_policy_issuance(
	const struct ledger *ledger, const struct entry *entry, u128 outstanding);

/* ---- ledger_claims.c ---- */

struct ledger_claim *ledger_claim_find(const struct ledger *ledger, uint64_t original_seq);
struct ledger_claim *ledger_claim_make(struct ledger *ledger, const struct batch_claim *record);
uint32_t ledger_claim_index(const struct ledger *ledger, const struct ledger_claim *claim);
void ledger_claim_take(struct ledger *ledger, struct ledger_claim *claim, u128 amount);
void ledger_claim_drop(struct ledger *ledger, struct ledger_claim *claim);

/* ---- ledger_counters.c ---- */

/* What was spent on this day; 0 when nothing. */
u128 ledger_counter_spent(
	const struct ledger *ledger, const struct id128 *id, uint32_t asset, uint32_t day);
void ledger_counter_add(
	struct ledger *ledger, const struct id128 *id, uint32_t asset, uint32_t day, u128 amount);
void ledger_counter_load(struct ledger *ledger, const struct ledger_counter *counter);
void ledger_counter_undo_made(struct ledger *ledger, uint32_t index);
void ledger_counter_undo_reused(
	struct ledger *ledger, uint32_t index, const struct ledger_counter *before);
void ledger_counter_undo_spent(struct ledger *ledger, uint32_t index, uint32_t day, u128 spent);
/* Whether there is, or can be, a counter for each of the charges on this day. */
bool ledger_counters_fit(const struct ledger *ledger, const struct ledger_charge *charges,
	size_t charge_count, uint32_t day);

/* ---- ledger_rules.c ---- */

bool ledger_rule_is_on(
	const struct ledger *ledger, enum batch_control_scope scope, struct slice value);
void ledger_rule_set(
	struct ledger *ledger, enum batch_control_scope scope, struct slice value, bool is_on);

/* ---- ledger_room.c ---- */

/* Memory for so many entries more, with all that they may bring but names and notes; those are
 * reserved entry by entry. */
MUST_CHECK bool ledger_reserve(struct ledger *ledger, uint64_t entry_count, size_t charge_count);
MUST_CHECK bool ledger_reserve_entry(struct ledger *ledger);
const uint8_t *ledger_name_copy(struct ledger *ledger, struct slice text);

/* ---- ledger_journal.c ---- */

/* Only while the journal is on; room was reserved. */
struct ledger_note *ledger_note(struct ledger *ledger, enum ledger_note_kind kind, uint32_t index);
/* Nothing while it is off. */
void ledger_note_balance(struct ledger *ledger, uint32_t index);
void ledger_note_pair(
	struct ledger *ledger, enum ledger_note_kind kind, uint64_t key, uint64_t value);
struct ledger_mark ledger_mark(struct ledger *ledger); /* turns the journal on */
void ledger_mark_keep(struct ledger *ledger);
void ledger_mark_undo(struct ledger *ledger, const struct ledger_mark *mark);

/* ---- ledger_heap.c: open holds by (expiry, seq) ---- */

void ledger_heap_push(struct ledger *ledger, uint32_t claim_index);
void ledger_heap_remove(struct ledger *ledger, uint32_t claim_index);
struct ledger_claim *ledger_heap_first(const struct ledger *ledger); /* NULL = empty */

/* ---- ledger_once.c ---- */

/* False: the row is not at hand. */
bool ledger_row(const struct ledger *ledger, const struct ledger_request *request, uint64_t seq,
	struct ledger_row *ret_row);

enum ledger_once { ONCE_NEW, ONCE_REPEAT, ONCE_CONFLICT, ONCE_ID_USED };
enum ledger_once ledger_once(const struct ledger *ledger, const struct ledger_request *request,
	const struct draft *draft, const struct ledger_work *work, uint64_t *ret_seq);
void ledger_original_find(const struct ledger *ledger, const struct ledger_request *request,
	const struct draft *draft, const struct ledger_work *work,
	struct ledger_original *ret_original);
size_t ledger_missing(const struct ledger *ledger, const struct ledger_request *request,
	uint64_t *ret_seqs, size_t seq_max);

/* ---- ledger_judge.c ---- */

/* Entries that one of its kind may have. */
uint32_t ledger_entries_max(const struct ledger *ledger, const struct ledger_request *request);

/* Once for a request: whether it may be here at all. */
enum detail ledger_judge_request(struct ledger *ledger, const struct ledger_request *request);

/* All but money: fills in effect, original and accounts of *ret_entry. *ret_repeat_seq is set
 * and nothing else judged if the entry is there already. */
enum detail ledger_judge_entry(struct ledger *ledger, const struct ledger_request *request,
	const struct draft *draft, const struct ledger_work *work, struct entry *ret_entry,
	struct ledger_original *ret_original, uint64_t *ret_repeat_seq);
enum detail ledger_judge_money(
	struct ledger *ledger, const struct entry *entry, const struct ledger_original *original);

/* ---- ledger_days.c ---- */

/* Counters that an entry of the request adds to, at most. */
size_t ledger_days_charges_max(const struct ledger *ledger, const struct ledger_request *request);
enum detail ledger_days_judge(
	struct ledger *ledger, const struct ledger_request *request, const struct entry *entry);
/* After it was numbered. */
void ledger_days_charge(
	struct ledger *ledger, const struct ledger_request *request, const struct entry *entry);

/* ---- ledger_apply.c ---- */

/* What an entry moves, in this order. */
struct ledger_move {
	struct slice account;
	bool is_issuance;
	bool is_held;
	bool rises;
};
size_t ledger_moves(const struct entry *entry, struct ledger_move ret_moves[2]);

struct ledger_applied {
	uint64_t prev_account_seq;
	uint64_t prev_counter_seq;
	bool account_moved; /* not when a chunk of replay has it already */
	bool counter_moved;
	u128 balance_before;
	u128 balance_after;
};

/* ERR_CORRUPT: the state does not allow it, and nobody may have let it come here. */
MUST_CHECK enum err ledger_apply(struct ledger *ledger, const struct entry *entry, uint8_t lane,
	uint64_t lane_nonce, struct ledger_applied *ret_applied);

/* ---- ledger_batch.c ---- */

/* Numbers, applies and records an entry that was judged. draft and work are NULL for entries of
 * the ledger's own making. ERR_CORRUPT: as of ledger_apply(). */
MUST_CHECK enum err ledger_number(struct ledger *ledger, struct entry *entry,
	const struct draft *draft, const struct ledger_work *work, struct slice idem_id,
	struct ledger_result *ret_result);
void ledger_chunk_touch(struct ledger *ledger, uint32_t account_index);
/* What a control record says, without the record. ERR_MALFORMED, ERR_BUSY. */
MUST_CHECK enum err ledger_control_apply(
	struct ledger *ledger, const struct batch_control *control);
/* The records at the end still fit. */
bool ledger_batch_fits(const struct ledger *ledger);

/* ---- ledger_settle.c ---- */

/* True: it was settled before, in this way or another, and this is all there is to say. */
bool ledger_settle_judge(struct ledger *ledger, const struct ledger_request *request,
	struct ledger_result *results, struct ledger_verdict *verdict);
void ledger_settle_record(
	struct ledger *ledger, const struct intent *intent, uint64_t seq_start, uint64_t seq_end);
MUST_CHECK enum err ledger_settle_load(struct ledger *ledger, struct slice value);

/* ---- ledger_group.c ---- */

void ledger_group_link(
	struct ledger *ledger, const struct ledger_request *request, size_t judgeable);
/* Judges the group whose first leg this is, and numbers it or refuses all of it. */
void ledger_group_admit(struct ledger *ledger, const struct ledger_request *request, uint32_t first,
	struct ledger_result *results);

#endif
