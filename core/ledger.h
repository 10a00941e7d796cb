#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/reasons.h"
#include "common/types.h"
#include "core/batch.h"
#include "core/draft.h"
#include "core/grant.h"
#include "core/intent.h"
#include "core/memory.h"
#include "core/policy.h"
#include "core/siphash.h"

/* The ledger's state machine (DESIGN.md section 5; DESIGN-LEDGER.md sections 1-4, 7).
 *
 * One owner, the sequencer, drives it:
 *
 *   start   ledger_create; ledger_load for each state row, control and fingerprint block;
 *           ledger_load_finished; ledger_replay for each entry after low_water, in order;
 *           ledger_replay_finished.
 *   batch   ledger_batch_begin (appends Reverses of expired holds); ledger_control and
 *           ledger_admit, requests in the order of core/order.h; ledger_batch_end.
 *
 * Admission decides, application does: ledger_admit() reads clock, limits, freezes and tokens;
 * what it then calls, and what replay calls alone, is a function of state and entry that can
 * find corruption but refuse nothing. So a limit set later never re-judges history.
 *
 * Exactly once: a hit in the tables of fingerprints is a candidate. The ledger asks request->row
 * for its leaf: entries of the open batch it has itself, those in flight and those fetched from
 * the store the caller must know. What the caller does not have, the request is PARKED for,
 * before anything was judged; ledger_lookups() lists it, and the same call says on arrival
 * what to fetch. A candidate that turns out to be another entry is a false hit.
 *
 * A batch that fails leaves a state that is ahead of the store: destroy the ledger and load
 * again. There is no undo across requests. */

struct ledger;

struct ledger_limits {
	u128 account_total_max; /* wallet.max_account_total: available + held */
	u128 daily_ceiling;     /* wallet.daily_ceiling; U128_MAX = none */
	u128 op_amount_max;     /* wallet.max_amount_per_op, of source v1; U128_MAX = none */
	uint64_t ts_skew_ms_max;
	uint64_t dedupe_entries_max;  /* engine.dedupe_ram_entries */
	uint32_t request_entries_max; /* fixed at create */
	uint32_t intent_entries_max;  /* likewise; 0 = there are no intents */
	uint32_t settled_max;         /* intents that are kept, for ever */
	uint32_t claims_max;          /* open holds and reversed originals */
	uint32_t counters_max;        /* sums of `daily<=` and quotas that counted on one day */
	uint64_t fingerprint_mask;    /* UINT64_MAX; tests truncate */
	/* borrowed: of source v1, besides the limits above; NULL = none is asked */
	const struct policy *policy;
};

/* The names of limits in control records. */
#define LEDGER_LIMIT_ACCOUNT_TOTAL ENTRY_VIEW("account_total_max")
#define LEDGER_LIMIT_DAILY         ENTRY_VIEW("daily_ceiling")

/* NULL without memory. `memory` is borrowed for the ledger's life. */
struct ledger *ledger_create(const struct memory *memory, const struct ledger_limits *limits,
	const uint8_t fingerprint_key[SIPHASH_KEY_BYTES]);
void ledger_destroy(struct ledger *ledger);

/* Of a reload; request_entries_max and fingerprint_mask stay as they are. */
void ledger_set_limits(struct ledger *ledger, const struct ledger_limits *limits);

/* ---- start ---- */

/* A record of ACCOUNT, CHUNK, CLAIM, COUNTER or CONTROL, as it was stored: accounts by index,
 * before chunks and claims. ERR_MALFORMED, ERR_CORRUPT, ERR_BUSY (no memory). */
MUST_CHECK enum err ledger_load(struct ledger *ledger, const struct batch_record *record);

/* Fingerprints of entry_count consecutive entries from first_seq on: key u64, id u64 each. */
MUST_CHECK enum err ledger_load_fingerprints(
	struct ledger *ledger, uint64_t first_seq, struct slice fingerprints);

/* Rows are in; replay begins behind low_water. ERR_CORRUPT: fingerprints or chunks do not
 * reach as far as they must. */
MUST_CHECK enum err ledger_load_finished(
	struct ledger *ledger, uint64_t low_water, uint64_t last_seq, uint64_t batch_ts_unix_ms);

/* An ENTRY as it was stored, and the time of the commit that carried it. ERR_CORRUPT: seq is
 * not the next one, or the state does not allow what was once allowed. */
MUST_CHECK enum err ledger_replay(
	struct ledger *ledger, const struct batch_entry *row, uint64_t batch_ts_unix_ms);

/* All of last_seq was replayed, and every asset adds up to zero. ERR_CORRUPT. */
MUST_CHECK enum err ledger_replay_finished(struct ledger *ledger);

/* ---- a batch ---- */

/* Opens a batch whose records go to `out` (borrowed until ledger_batch_end) and appends the
 * Reverses of up to LEDGER_EXPIRIES_MAX expired holds. batch_ts is made not to fall behind the
 * last one; ledger_batch_ts() tells. */
#define LEDGER_EXPIRIES_MAX 64u
void ledger_batch_begin(struct ledger *ledger, struct byte_writer *out, uint64_t now_unix_ms);

struct ledger_batch {
	uint64_t first_seq;
	uint64_t entry_count; /* may be 0: with controls or chunks alone */
	uint64_t low_water;   /* once this batch is in */
	uint64_t batch_ts_unix_ms;
};

/* Appends claims, counters and the chunks that are due, and at least chunks_min if so many
 * are dirty (for an idle node and for a clean stop; 0 otherwise). */
void ledger_batch_end(struct ledger *ledger, uint32_t chunks_min, struct ledger_batch *ret_batch);

/* Room of `out` that the records at the end may need; above BATCH_BYTES_MAX - BATCH_FILL_BYTES
 * never, whatever requests of ordinary size are admitted. */
size_t ledger_batch_end_bytes(const struct ledger *ledger);

uint64_t ledger_next_seq(const struct ledger *ledger);
uint64_t ledger_batch_ts(const struct ledger *ledger);
uint32_t ledger_dirty_chunks(const struct ledger *ledger);
uint32_t ledger_claims(const struct ledger *ledger);   /* of limits.claims_max */
uint32_t ledger_counters(const struct ledger *ledger); /* of limits.counters_max, newest day */
/* How many freezes of that scope are in force; of SCOPE_GLOBAL and SCOPE_REWARDS 1 at most. */
uint32_t ledger_freezes(const struct ledger *ledger, enum batch_control_scope scope);

/* ---- requests ---- */

/* A committed or in-flight entry, for comparison. */
struct ledger_row {
	struct slice leaf;
	bool has_salt; /* memo and salt may have been erased */
	uint8_t salt[ENTRY_SALT_BYTES];
};

/* False: not at hand (never "there is none": the ledger knows that there is one). */
typedef bool ledger_row_get(void *owner, uint64_t seq, struct ledger_row *ret_row);

/* Everything borrowed until ledger_admit returns. */
struct ledger_request {
	const struct draft *drafts; /* in the client's order */
	size_t draft_count;
	enum entry_source source; /* of the link that it came in on */
	bool atomic;
	bool dry_run;
	struct slice idem_id;        /* recorded only */
	const struct grant *grant;   /* opened: its tag was good; NULL = every entry is refused */
	struct slice tenant;         /* of an intent; empty = the grant's */
	struct slice epoch;          /* for epoch=; empty = lacks */
	const struct intent *intent; /* NULL for all others; then atomic, and of source reward */
	ledger_row_get *row;
	void *row_owner;
};

/* One for each draft, in the same place. */
struct ledger_result {
	enum detail detail; /* DETAIL_NONE = accepted */
	bool is_repeat;
	uint64_t seq;        /* 0 = none: refused, dry run, or an atomic request failed */
	u128 balance_before; /* available of `account`, when new */
	u128 balance_after;
	uint64_t lane_last;   /* v1: the last nonce of the lane, also with NONCE_* */
	struct slice receipt; /* v1, new: complete; borrows from the batch */
};

enum ledger_outcome {
	LEDGER_JUDGED,
	LEDGER_PARKED, /* rows are missing: ledger_lookups(), fetch, admit again */
	LEDGER_FULL,   /* no room in this batch: close it, admit again in the next one */
};

struct ledger_verdict {
	enum ledger_outcome outcome; /* the rest is of JUDGED only */
	uint32_t accepted_count;     /* new and repeated */
	uint32_t refused_count;
	uint32_t new_count;
	enum detail first_refusal; /* by the client's order; DETAIL_NONE = all accepted */
	uint64_t seq_start; /* of new entries; if all are repeats, of their originals; 0 = none */
	uint64_t seq_end;
	bool is_settled_before; /* an intent that was settled: seq_start and seq_end are its */
	uint64_t wait_seq;      /* the answer may leave once this seq is committed */
	uint64_t root_seq; /* it carries the root of the commit with this seq; 0 = the newest */
};

/* The HTTP status: 200, 207, or that of the first refusal. */
static inline uint16_t ledger_verdict_status(const struct ledger_verdict *verdict)
{
	if (verdict->refused_count == 0) {
		return 200;
	}
	return verdict->accepted_count > 0 ? 207
					   : reason_status(detail_reason(verdict->first_refusal));
}

/* Up to seq_max candidates of the request that request->row does not have; 0 = admit will not
 * park it for now. */
size_t ledger_lookups(struct ledger *ledger, const struct ledger_request *request,
	uint64_t *ret_seqs, size_t seq_max);

/* Judges one request in the open batch. results: draft_count of them. */
void ledger_admit(struct ledger *ledger, const struct ledger_request *request,
	struct ledger_result *results, struct ledger_verdict *ret_verdict);

/* ---- intents (DESIGN-LEDGER.md section 7) ---- */

/* Whether its (tenant, epoch), run and key are new, all of one intent with this commitment that was
 * settled as these entries, or anything else. */
enum ledger_settled { LEDGER_SETTLED_NEVER, LEDGER_SETTLED_SAME, LEDGER_SETTLED_OTHERWISE };
enum ledger_settled ledger_settled(const struct ledger *ledger, const struct intent *intent,
	uint64_t *ret_seq_start, uint64_t *ret_seq_end);
uint32_t ledger_settled_count(const struct ledger *ledger);

/* The Transfers that pay the allocations, in their order: so many drafts as the intent counts, of
 * allocations that intent_check_allocations() found good. They borrow from all that is given. */
void ledger_intent_drafts(const struct ledger *ledger, const struct intent *intent,
	struct slice allocations, uint32_t kid, struct slice capability_ref, uint64_t ts_unix_ms,
	struct draft *ret_drafts);

/* Room for a batch with nothing but them. */
size_t ledger_intent_bytes(const struct intent *intent, size_t allocations_bytes);

/* Freeze, unfreeze, revoke, limit: in force at once, recorded in the open batch; after_seq is
 * filled in. ERR_BUSY: no room. ERR_MALFORMED: kind, scope and value do not fit. */
MUST_CHECK enum err ledger_control(struct ledger *ledger, const struct batch_control *control);

/* ---- questions ---- */

/* False: there is no such account. Includes what is in flight. */
bool ledger_balance(struct ledger *ledger, struct slice account, struct slice asset,
	struct batch_balance *ret_balance);

/* Last nonces of /v1 (0 = none yet). */
void ledger_lanes(
	struct ledger *ledger, struct slice account, uint64_t *ret_debit, uint64_t *ret_issue);

bool ledger_is_frozen(
	const struct ledger *ledger, enum batch_control_scope scope, struct slice value);

/* A hash of everything that admission reads and that is stored (tests compare replays). */
void ledger_digest(const struct ledger *ledger, struct hash *ret_digest);

#endif
