#ifndef TESTS_SIM_LEDGER_MODEL_H
#define TESTS_SIM_LEDGER_MODEL_H

/* The ledger once more, as plainly as can be: arrays, linear search, numbers for names, a copy of
 * everything instead of a journal. Included by sim_ledger.c alone. */

#include "tests/ledger_world.h"
#include "tests/sim/nights.h"

enum {
	ACCOUNTS = 7,
	ASSETS = 2,
	DRAFTS_MAX = 6,
	ENTRIES_MAX = 1500,
	SPREAD = 4,       /* chunks */
	REQUESTS_MAX = 4, /* of a batch */
	FLIGHT_MAX = 2,
	RETRIES_MAX = 32,
};

static const char *const account_names[ACCOUNTS] = { "a", "b", "c", "d", "e", "f", "g" };
static const char *const asset_names[ASSETS] = { "ron", "gold" };

/* ---- the model ---- */

/* What a client asks for, by numbers. */
struct wish {
	enum entry_kind kind;
	int account;
	int counter; /* -1 = none */
	int asset;
	uint32_t amount;
	uint32_t nonce;
	uint32_t id;
	uint32_t original_id; /* 0 = none */
	uint64_t ts;
	uint64_t expires;
};

struct fact {
	struct wish wish;
	uint64_t seq;
	int counter; /* of a Reverse: its original's */
	uint32_t taken;
	uint64_t group_first;
	uint32_t group_count;
	bool is_expiry;
};

struct model {
	int64_t available[ACCOUNTS][ASSETS];
	int64_t held[ACCOUNTS][ASSETS];
	int64_t issued[ASSETS];
	bool was_minted[ASSETS]; /* before that there is no such asset */
	bool is_frozen[ACCOUNTS];
	struct fact facts[ENTRIES_MAX];
	int fact_count;
};

enum answer { REFUSED, REPEATED, ACCEPTED };

static struct fact *fact_by_id(struct model *model, uint32_t id)
{
	for (int i = 0; i < model->fact_count; i++) {
		if (model->facts[i].wish.id == id && !model->facts[i].is_expiry) {
			return &model->facts[i];
		}
	}
	return NULL;
}

static struct fact *fact_by_key(struct model *model, const struct wish *wish)
{
	for (int i = 0; i < model->fact_count; i++) {
		struct fact *fact = &model->facts[i];

		if (!fact->is_expiry && fact->wish.nonce == wish->nonce &&
			fact->wish.account == wish->account) {
			return fact;
		}
	}
	return NULL;
}

static bool same_wish(const struct wish *a, const struct wish *b)
{
	return a->kind == b->kind && a->counter == b->counter && a->asset == b->asset &&
	       a->amount == b->amount && a->original_id == b->original_id &&
	       a->expires == b->expires;
}

static struct fact *add_fact(struct model *model, const struct wish *wish, int counter)
{
	struct fact *fact = &model->facts[model->fact_count++];

	WORLD_REQUIRE(model->fact_count < ENTRIES_MAX);
	*fact = (struct fact){
		.wish = *wish, .seq = (uint64_t)model->fact_count, .counter = counter
	};
	return fact;
}

/* All but groups. Legs are let through here and judged in sum. */
static enum answer judge(
	struct model *model, const struct wish *wish, uint64_t now, struct fact **ret_original)
{
	struct fact *before = fact_by_key(model, wish);
	struct fact *original = NULL;

	if (wish->original_id != 0) {
		original = fact_by_id(model, wish->original_id);
		if (original == NULL || original->wish.account != wish->account ||
			original->wish.asset != wish->asset ||
			original->wish.kind == ENTRY_REVERSE) {
			return REFUSED;
		}
		if (wish->kind == ENTRY_TRANSFER && original->wish.kind != ENTRY_HOLD) {
			return REFUSED;
		}
	}
	*ret_original = original;
	if (before != NULL) {
		return same_wish(&before->wish, wish) ? REPEATED : REFUSED;
	}
	if (fact_by_id(model, wish->id) != NULL) {
		return REFUSED;
	}
	if (wish->expires != 0 && wish->expires <= now) {
		return REFUSED;
	}
	if (original != NULL && original->group_count == 0 &&
		wish->amount > original->wish.amount - original->taken) {
		return REFUSED;
	}
	if (wish->kind == ENTRY_TRANSFER && original != NULL && original->wish.expires != 0 &&
		original->wish.expires <= now) {
		return REFUSED;
	}
	return ACCEPTED;
}

/* Who falls, -1 = nobody but the issuance or the held part. */
static int payer(const struct wish *wish, const struct fact *original)
{
	switch (wish->kind) {
	case ENTRY_MINT:
	case ENTRY_CREDIT:
		return -1;
	case ENTRY_DEBIT:
	case ENTRY_BURN:
	case ENTRY_HOLD:
	case ENTRY_TRANSFER:
		return wish->account;
	case ENTRY_REVERSE:
		break;
	}
	switch (original->wish.kind) {
	case ENTRY_TRANSFER:
		return original->wish.counter;
	case ENTRY_MINT:
	case ENTRY_CREDIT:
		return wish->account;
	case ENTRY_BURN:
	case ENTRY_DEBIT:
	case ENTRY_HOLD:
	case ENTRY_REVERSE:
		break;
	}
	return -1;
}

static void move_reverse(struct model *model, const struct wish *wish, const struct fact *original)
{
	int64_t amount = wish->amount;
	int64_t *own = &model->available[wish->account][wish->asset];

	switch (original->wish.kind) {
	case ENTRY_TRANSFER:
		*own += amount;
		model->available[original->wish.counter][wish->asset] -= amount;
		break;
	case ENTRY_MINT:
		*own -= amount;
		model->issued[wish->asset] -= amount;
		break;
	case ENTRY_BURN:
		*own += amount;
		model->issued[wish->asset] += amount;
		break;
	case ENTRY_HOLD:
		*own += amount;
		model->held[wish->account][wish->asset] -= amount;
		break;
	case ENTRY_DEBIT:
		*own += amount;
		break;
	case ENTRY_CREDIT:
		*own -= amount;
		break;
	case ENTRY_REVERSE:
		abort();
	}
}

static void move(struct model *model, const struct wish *wish, const struct fact *original)
{
	int64_t amount = wish->amount;
	int64_t *own = &model->available[wish->account][wish->asset];

	switch (wish->kind) {
	case ENTRY_MINT:
		*own += amount;
		model->issued[wish->asset] += amount;
		model->was_minted[wish->asset] = true;
		break;
	case ENTRY_BURN:
		*own -= amount;
		model->issued[wish->asset] -= amount;
		break;
	case ENTRY_HOLD:
		*own -= amount;
		model->held[wish->account][wish->asset] += amount;
		break;
	case ENTRY_TRANSFER:
		if (original != NULL) {
			own = &model->held[wish->account][wish->asset];
		}
		*own -= amount;
		model->available[wish->counter][wish->asset] += amount;
		break;
	case ENTRY_DEBIT:
		*own -= amount;
		break;
	case ENTRY_CREDIT:
		*own += amount;
		break;
	case ENTRY_REVERSE:
		move_reverse(model, wish, original);
		break;
	}
}

static bool none_below_zero(const struct model *model)
{
	for (int i = 0; i < ACCOUNTS; i++) {
		for (int k = 0; k < ASSETS; k++) {
			if (model->available[i][k] < 0 || model->held[i][k] < 0) {
				return false;
			}
		}
	}
	return true;
}

static bool is_stopped(
	const struct model *model, const struct wish *wish, const struct fact *original)
{
	int who = payer(wish, original);

	return who >= 0 && model->is_frozen[who];
}

static enum answer do_single(struct model *model, const struct wish *wish, uint64_t now)
{
	static struct model saved;
	struct fact *original = NULL;
	enum answer answer = judge(model, wish, now, &original);

	if (answer != ACCEPTED) {
		return answer;
	}
	if (is_stopped(model, wish, original) || (original != NULL && original->group_count > 0)) {
		return REFUSED;
	}
	memcpy(&saved, model, sizeof saved);
	move(model, wish, original);
	if (!none_below_zero(model)) {
		memcpy(model, &saved, sizeof saved);
		return REFUSED;
	}
	if (original != NULL) {
		original->taken += wish->amount;
	}
	(void)add_fact(model, wish, original != NULL ? original->wish.counter : wish->counter);
	return ACCEPTED;
}

/* ---- groups in the model ---- */

static bool is_sided(const struct wish *wish)
{
	return wish->kind == ENTRY_DEBIT || wish->kind == ENTRY_CREDIT;
}

/* Which group a wish belongs to: -1 none, an asset, or 1000 and a seq. */
static int64_t group_of(struct model *model, const struct wish *wish)
{
	const struct fact *original;

	if (is_sided(wish)) {
		return wish->asset;
	}
	original = wish->kind == ENTRY_REVERSE ? fact_by_id(model, wish->original_id) : NULL;
	return original != NULL && original->group_count > 0 ? 1000 + (int64_t)original->group_first
							     : -1;
}

static bool do_leg(struct model *model, const struct wish *wish, uint64_t now, int64_t *sum,
	uint32_t *original_count, enum answer *ret_answer)
{
	struct fact *original = NULL;
	bool rises;

	*ret_answer = judge(model, wish, now, &original);
	if (*ret_answer == REFUSED ||
		(*ret_answer == ACCEPTED && is_stopped(model, wish, original))) {
		return false;
	}
	if (*ret_answer == REPEATED) {
		return true;
	}
	rises = wish->kind == ENTRY_CREDIT ||
		(original != NULL && original->wish.kind == ENTRY_DEBIT);
	if (original != NULL) {
		*original_count = original->group_count;
		if (original->taken != 0 || wish->amount != original->wish.amount) {
			return false;
		}
		original->taken = wish->amount;
	}
	*sum += rises ? (int64_t)wish->amount : -(int64_t)wish->amount;
	move(model, wish, original);
	(void)add_fact(model, wish, -1);
	return true;
}

static void do_group(struct model *model, const struct wish *wishes, const int *legs, int leg_count,
	uint64_t now, enum answer *answers)
{
	static struct model saved;
	int first = model->fact_count;
	int64_t sum = 0;
	uint32_t original_count = 0;
	int repeats = 0;
	bool is_good = true;

	memcpy(&saved, model, sizeof saved);
	for (int i = 0; i < leg_count; i++) {
		is_good = do_leg(model, &wishes[legs[i]], now, &sum, &original_count,
				  &answers[legs[i]]) &&
			  is_good;
		repeats += answers[legs[i]] == REPEATED ? 1 : 0;
	}
	if (repeats == leg_count && is_good) {
		return;
	}
	is_good = is_good && repeats == 0 && sum == 0 && model->was_minted[wishes[legs[0]].asset] &&
		  none_below_zero(model) &&
		  (original_count == 0 || original_count == (uint32_t)leg_count);
	if (!is_good) {
		memcpy(model, &saved, sizeof saved);
	}
	for (int i = 0; i < leg_count; i++) {
		answers[legs[i]] = is_good ? ACCEPTED : REFUSED;
	}
	for (int i = first; i < model->fact_count; i++) {
		model->facts[i].group_first = (uint64_t)first + 1;
		model->facts[i].group_count = (uint32_t)leg_count;
	}
}

/* ---- requests ---- */

struct sim_request {
	struct wish wishes[DRAFTS_MAX];
	int wish_count;
	bool is_atomic;
	bool is_dry;
};

static void sort_wishes(const struct sim_request *request, int *order)
{
	for (int i = 0; i < request->wish_count; i++) {
		int place = i;

		for (; place > 0; place--) {
			const struct wish *left = &request->wishes[order[place - 1]];
			const struct wish *right = &request->wishes[i];

			if (left->ts < right->ts ||
				(left->ts == right->ts &&
					memcmp(&left->id, &right->id, sizeof left->id) <= 0)) {
				break;
			}
			order[place] = order[place - 1];
		}
		order[place] = i;
	}
}

static void do_request(
	struct model *model, const struct sim_request *request, uint64_t now, enum answer *answers)
{
	static struct model saved;
	int order[DRAFTS_MAX];
	int64_t groups[DRAFTS_MAX];
	bool is_done[DRAFTS_MAX] = { false };
	bool is_refused = false;

	memcpy(&saved, model, sizeof saved);
	sort_wishes(request, order);
	for (int i = 0; i < request->wish_count; i++) {
		groups[i] = group_of(model, &request->wishes[i]);
	}
	for (int k = 0; k < request->wish_count; k++) {
		int legs[DRAFTS_MAX];
		int leg_count = 0;
		int place = order[k];

		if (is_done[place]) {
			continue;
		}
		if (groups[place] < 0) {
			answers[place] = do_single(model, &request->wishes[place], now);
			continue;
		}
		for (int n = k; n < request->wish_count; n++) {
			if (groups[order[n]] == groups[place]) {
				legs[leg_count++] = order[n];
				is_done[order[n]] = true;
			}
		}
		do_group(model, request->wishes, legs, leg_count, now, answers);
	}
	for (int i = 0; i < request->wish_count; i++) {
		is_refused = is_refused || answers[i] == REFUSED;
	}
	if (request->is_dry || (request->is_atomic && is_refused)) {
		memcpy(model, &saved, sizeof saved);
	}
}

static void expire(struct model *model, uint64_t now)
{
	for (int round = 0; round < 64; round++) {
		struct fact *first = NULL;

		for (int i = 0; i < model->fact_count; i++) {
			struct fact *fact = &model->facts[i];

			if (fact->wish.kind == ENTRY_HOLD && fact->wish.expires != 0 &&
				fact->wish.expires <= now && fact->taken < fact->wish.amount &&
				(first == NULL || fact->wish.expires < first->wish.expires)) {
				first = fact;
			}
		}
		if (first == NULL) {
			return;
		}
		struct wish wish = first->wish;

		wish.kind = ENTRY_REVERSE;
		wish.amount = first->wish.amount - first->taken;
		wish.original_id = first->wish.id;
		move(model, &wish, first);
		first->taken = first->wish.amount;
		add_fact(model, &wish, -1)->is_expiry = true;
	}
}

#endif
