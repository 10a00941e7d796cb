#ifndef TESTS_SIM_WALLET_MODEL_H
#define TESTS_SIM_WALLET_MODEL_H

/* Money under /v1 once more, as plainly as can be: numbers for names, a whole copy of the state
 * after each entry, and for each reason of a refusal the question whether it was true. A verdict
 * was judged on the state after some entry between what was there when the request was sent and
 * what is there when it is told: a refusal must have been true of one of those, and an entry must
 * be allowed by the one before it. Included by sim_wallet.c alone. */

#include <time.h>

#include "common/api_reasons.h"
#include "core/receipt.h"
#include "core/ulid.h"
#include "tests/ledger_world.h"
#include "tests/sim/nights.h"

enum {
	ACCOUNTS = 5,
	ASSETS = 2,
	KEYS = 90, /* of a principal: few, so that they are used again */
	WISHES_MAX = 600,
	ENTRIES_MAX = 400,
	JUMPS_MAX = 64,
	OP_MAX = 120,    /* wallet.max_amount_per_op */
	CEILING = 150,   /* wallet.daily_ceiling */
	TOTAL_MAX = 500, /* wallet.max_account_total */
	NOBODY = -1,
};

#define DAY_MS 86400000

static const char *const account_names[ACCOUNTS] = { "alice", "bob", "carol", "dave", "erin" };
static const char *const asset_names[ASSETS + 1] = { "ron", "gold", NULL };

/* What a client asks for. Its identity is all of these: another key is another wish. */
struct wish {
	enum operation_kind kind;
	int from, to; /* NOBODY: has none */
	int asset;
	uint32_t amount;
	uint64_t nonce;
	int key;
	int memo;      /* 0: none */
	uint64_t hold; /* seq of the entry whose txid it names */
	uint64_t expires;
};

/* What the entries up to one have made. */
struct state {
	int64_t available[ACCOUNTS][ASSETS], held[ACCOUNTS][ASSETS];
	int64_t issued[ASSETS];
	uint64_t lanes[ACCOUNTS][2]; /* debit, issue */
	int64_t spent[ACCOUNTS][ASSETS], day[ACCOUNTS][ASSETS];
	uint32_t taken[ENTRIES_MAX + 1]; /* of the hold that is this entry */
};

struct fact {
	int wish; /* NOBODY: the hold's expiry */
	struct id128 id;
	int64_t batch_ts;
};

struct model {
	uint64_t size;
	struct state states[ENTRIES_MAX + 1]; /* after so many entries */
	struct fact facts[ENTRIES_MAX + 1];   /* by seq */
	struct wish wishes[WISHES_MAX];
	uint64_t seqs[WISHES_MAX]; /* of each wish; 0: not in the store */
	int wish_count;
};

static int principal(const struct wish *wish)
{
	return wish->kind == OPERATION_ISSUE ? wish->to : wish->from;
}

static int lane(const struct wish *wish)
{
	return wish->kind == OPERATION_ISSUE ? 1 : 0;
}

static bool is_same_wish(const struct wish *a, const struct wish *b)
{
	return a->kind == b->kind && a->from == b->from && a->to == b->to && a->asset == b->asset &&
	       a->amount == b->amount && a->nonce == b->nonce && a->key == b->key &&
	       a->memo == b->memo && a->hold == b->hold && a->expires == b->expires;
}

/* The wish that is like it, or a new one; NOBODY: no room. */
static int wish_number(struct model *model, const struct wish *wish)
{
	for (int i = 0; i < model->wish_count; i++) {
		if (is_same_wish(&model->wishes[i], wish)) {
			return i;
		}
	}
	if (model->wish_count == WISHES_MAX) {
		return NOBODY;
	}
	model->wishes[model->wish_count] = *wish;
	return model->wish_count++;
}

/* ---- judging ---- */

static const struct wish *wish_of(const struct model *model, uint64_t seq)
{
	int wish = model->facts[seq].wish;

	return wish == NOBODY ? NULL : &model->wishes[wish];
}

/* The hold that it names, if it is one of its account, in the first `size` entries. */
static const struct wish *hold_of(const struct model *model, uint64_t size, const struct wish *wish)
{
	const struct wish *hold;

	if (wish->hold == 0 || wish->hold > size) {
		return NULL;
	}
	hold = wish_of(model, wish->hold);
	return hold != NULL && hold->kind == OPERATION_HOLD && hold->from == wish->from &&
			       hold->asset == wish->asset
		       ? hold
		       : NULL;
}

static bool is_short_of_money(const struct model *model, uint64_t size, const struct wish *wish)
{
	const struct state *state = &model->states[size];
	const struct wish *hold = hold_of(model, size, wish);

	switch (wish->kind) {
	case OPERATION_ISSUE:
		return false;
	case OPERATION_TRANSFER:
	case OPERATION_BURN:
	case OPERATION_HOLD:
		return wish->amount > state->available[wish->from][wish->asset];
	case OPERATION_CAPTURE:
	case OPERATION_RELEASE:
		return hold != NULL && wish->amount > hold->amount - state->taken[wish->hold];
	}
	return false;
}

static bool counts_for_day(const struct wish *wish)
{
	return wish->kind == OPERATION_TRANSFER || wish->kind == OPERATION_BURN ||
	       wish->kind == OPERATION_HOLD;
}

static bool is_over_ceiling(const struct state *state, const struct wish *wish, int64_t now_unix_ms)
{
	int64_t spent = 0;

	if (!counts_for_day(wish)) {
		return false;
	}
	if (state->day[wish->from][wish->asset] == now_unix_ms / DAY_MS) {
		spent = state->spent[wish->from][wish->asset];
	}
	return spent + wish->amount > CEILING;
}

static bool is_over_total(const struct state *state, const struct wish *wish)
{
	return wish->to != NOBODY && state->available[wish->to][wish->asset] +
						     state->held[wish->to][wish->asset] +
						     wish->amount >
					     TOTAL_MAX;
}

/* Would this reason be true of the state after `size` entries, at that time? A wish that is done
 * there is refused for no reason at all. */
static bool is_reason_true(const struct model *model, uint64_t size, int number,
	enum api_reason reason, int64_t now_unix_ms)
{
	const struct wish *wish = &model->wishes[number];
	const struct state *state = &model->states[size];
	const struct wish *hold = hold_of(model, size, wish);
	uint64_t last = state->lanes[principal(wish)][lane(wish)];
	bool has_hold = operation_has_hold(wish->kind);

	if (model->seqs[number] != 0 && model->seqs[number] <= size) {
		return false;
	}
	switch ((int)reason) {
	case API_REASON_NONCE_USED:
		return wish->nonce <= last;
	case API_REASON_NONCE_GAP:
		return wish->nonce > last + 1;
	case API_REASON_INSUFFICIENT_FUNDS:
		return is_short_of_money(model, size, wish);
	case API_REASON_HOLD_NOT_FOUND:
		return has_hold && hold == NULL;
	case API_REASON_HOLD_CLOSED:
		return hold != NULL && state->taken[wish->hold] == hold->amount;
	case API_REASON_HOLD_EXPIRED:
		return wish->kind == OPERATION_CAPTURE && hold != NULL && hold->expires != 0 &&
		       (int64_t)hold->expires <= now_unix_ms;
	case API_REASON_EXPIRES_TS:
		return wish->expires != 0 && (int64_t)wish->expires <= now_unix_ms;
	case API_REASON_PER_OP_MAX:
		return wish->amount > OP_MAX && wish->kind != OPERATION_RELEASE;
	case API_REASON_DAILY_CEILING:
		return is_over_ceiling(state, wish, now_unix_ms);
	case API_REASON_ACCOUNT_TOTAL:
		return is_over_total(state, wish);
	default:
		return false;
	}
}

/* Those that the state decides. */
static const enum api_reason judged_reasons[] = { API_REASON_NONCE_USED, API_REASON_NONCE_GAP,
	API_REASON_INSUFFICIENT_FUNDS, API_REASON_HOLD_NOT_FOUND, API_REASON_HOLD_CLOSED,
	API_REASON_HOLD_EXPIRED, API_REASON_EXPIRES_TS, API_REASON_PER_OP_MAX,
	API_REASON_DAILY_CEILING, API_REASON_ACCOUNT_TOTAL };

static bool is_judged(enum api_reason reason)
{
	for (size_t i = 0; i < COUNT_OF(judged_reasons); i++) {
		if (judged_reasons[i] == reason) {
			return true;
		}
	}
	return false;
}

/* NONE: it may be the entry after the first `size`. */
static enum api_reason why_not(
	const struct model *model, uint64_t size, int number, int64_t batch_ts)
{
	for (size_t i = 0; i < COUNT_OF(judged_reasons); i++) {
		if (is_reason_true(model, size, number, judged_reasons[i], batch_ts)) {
			return judged_reasons[i];
		}
	}
	return API_REASON_NONE;
}

/* ---- applying ---- */

static void move(struct state *state, const struct wish *wish)
{
	int from = wish->from, to = wish->to, asset = wish->asset;
	int64_t amount = wish->amount;

	switch (wish->kind) {
	case OPERATION_ISSUE:
		state->issued[asset] += amount;
		state->available[to][asset] += amount;
		break;
	case OPERATION_TRANSFER:
		state->available[from][asset] -= amount;
		state->available[to][asset] += amount;
		break;
	case OPERATION_BURN:
		state->available[from][asset] -= amount;
		state->issued[asset] -= amount;
		break;
	case OPERATION_HOLD:
		state->available[from][asset] -= amount;
		state->held[from][asset] += amount;
		break;
	case OPERATION_CAPTURE:
		state->held[from][asset] -= amount;
		state->available[to][asset] += amount;
		state->taken[wish->hold] += wish->amount;
		break;
	case OPERATION_RELEASE:
		state->held[from][asset] -= amount;
		state->available[from][asset] += amount;
		state->taken[wish->hold] += wish->amount;
		break;
	}
}

static void count_day(struct state *state, const struct wish *wish, int64_t batch_ts)
{
	if (!counts_for_day(wish)) {
		return;
	}
	if (state->day[wish->from][wish->asset] != batch_ts / DAY_MS) {
		state->day[wish->from][wish->asset] = batch_ts / DAY_MS;
		state->spent[wish->from][wish->asset] = 0;
	}
	state->spent[wish->from][wish->asset] += wish->amount;
}

static struct state *next_state(struct model *model, struct fact fact)
{
	struct state *next = &model->states[model->size + 1];

	memcpy(next, &model->states[model->size], sizeof *next);
	model->size++;
	model->facts[model->size] = fact;
	return next;
}

static void add_wish(struct model *model, struct fact fact)
{
	const struct wish *wish = &model->wishes[fact.wish];
	struct state *next = next_state(model, fact);

	move(next, wish);
	count_day(next, wish, fact.batch_ts);
	next->lanes[principal(wish)][lane(wish)]++;
	model->seqs[fact.wish] = model->size;
}

static void add_expiry(struct model *model, struct fact fact, uint64_t hold_seq)
{
	const struct wish *hold = wish_of(model, hold_seq);
	struct state *next = next_state(model, fact);
	int64_t rest = hold->amount - next->taken[hold_seq];

	next->held[hold->from][hold->asset] -= rest;
	next->available[hold->from][hold->asset] += rest;
	next->taken[hold_seq] = hold->amount;
}

static bool is_sound(const struct state *state)
{
	for (int asset = 0; asset < ASSETS; asset++) {
		int64_t sum = 0;

		for (int account = 0; account < ACCOUNTS; account++) {
			int64_t available = state->available[account][asset];
			int64_t held = state->held[account][asset];

			if (available < 0 || held < 0) {
				return false;
			}
			sum += available + held;
		}
		if (sum != state->issued[asset]) {
			return false;
		}
	}
	return true;
}

/* ---- receipts ---- */

static void print_time(uint64_t unix_ms, char ret_text[32])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm utc;

	(void)gmtime_r(&seconds, &utc);
	(void)strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* What the receipt of the entry `seq` must be, byte for byte; time and hash are the leaf's. */
static size_t print_receipt(
	const struct model *model, uint64_t seq, const struct entry *entry, char text[2048])
{
	const struct wish *wish = wish_of(model, seq);
	int who = principal(wish);
	char txid[64], hold[64], ts[32], hash[2 * HASH_BYTES + 1], expires[48] = "";
	char names[200] = "";
	size_t used = 0;

	operation_txid_print(&entry->id, txid);
	print_time(entry->ts_unix_ms, ts);
	hex_encode(entry->receipt_hash.bytes, HASH_BYTES, hash);
	if (wish->from != NOBODY) {
		used = (size_t)snprintf(
			names, sizeof names, "\"from\":\"%s\",", account_names[wish->from]);
	}
	if (wish->to != NOBODY) {
		used += (size_t)snprintf(names + used, sizeof names - used, "\"to\":\"%s\",",
			account_names[wish->to]);
	}
	if (wish->hold != 0) {
		operation_txid_print(&model->facts[wish->hold].id, hold);
		(void)snprintf(names + used, sizeof names - used, "\"hold\":\"%s\",", hold);
	}
	if (wish->expires != 0) {
		(void)snprintf(expires, sizeof expires, "\"expires_ts\":%llu,",
			(unsigned long long)wish->expires);
	}
	return (size_t)snprintf(text, 2048,
		"{\"txid\":\"%s\",\"op\":\"%s\",%s\"asset\":\"%s\",\"amount_minor\":\"%u\",%s"
		"\"nonce\":%llu,\"idem\":\"k%d\",\"ts\":\"%s\",\"receipt_hash\":\"b3:%s\","
		"\"seq\":%llu,\"balance_before\":\"%lld\",\"balance_after\":\"%lld\"}",
		txid, operation_name(wish->kind), names, asset_names[wish->asset], wish->amount,
		expires, (unsigned long long)wish->nonce, wish->key, ts, hash,
		(unsigned long long)seq,
		(long long)model->states[seq - 1].available[who][wish->asset],
		(long long)model->states[seq].available[who][wish->asset]);
}

#endif
