#include "core/ledger_state.h"

/* Legs that stand and fall together (DESIGN-LEDGER.md section 3): all Debits and Credits of one
 * asset in a request, and all Reverses of legs of one group. A group is judged at the place of
 * its smallest leg. Its legs are numbered and applied one after another, so that each sees those
 * before it, and taken back together if one is refused or the sum is wrong. */

static bool is_sided(const struct draft *draft)
{
	return draft->entry.kind == ENTRY_CREDIT || draft->entry.kind == ENTRY_DEBIT;
}

/* ---- which legs belong together ---- */

static bool same_group(const struct ledger_request *request, const struct ledger_work *work,
	uint32_t a, uint32_t b)
{
	const struct draft *left = &request->drafts[a];
	const struct draft *right = &request->drafts[b];

	/* the key of reversed legs is their group's seq and exact, that of an asset a hash */
	return work[a].group_key == work[b].group_key && is_sided(left) == is_sided(right) &&
	       (!is_sided(left) || entry_views_equal(left->entry.asset, right->entry.asset));
}

/* The head of the group in the open-addressed heads, or the free place for it. */
static uint32_t *head_place(
	struct ledger *ledger, const struct ledger_request *request, uint32_t leg, uint32_t mask)
{
	uint64_t mixed = ledger->work[leg].group_key * 0x9e3779b97f4a7c15u;
	uint32_t place = (uint32_t)(mixed >> 32) & mask;

	while (ledger->heads[place] != LEDGER_NONE &&
		!same_group(request, ledger->work, ledger->heads[place], leg)) {
		place = (place + 1) & mask;
	}
	return &ledger->heads[place];
}

static void join(struct ledger *ledger, uint32_t *head, uint32_t leg)
{
	struct ledger_work *work = ledger->work;

	work[leg].is_leg = true;
	work[leg].next_leg = LEDGER_NONE;
	if (*head == LEDGER_NONE) {
		*head = leg;
	} else {
		work[work[*head].last_leg].next_leg = leg;
	}
	work[*head].last_leg = leg;
	work[*head].leg_count++;
}

/* The key of the group that a draft is a leg of; 0 = it stands alone. A Reverse whose original
 * is numbered in this very request is not known yet, and will be refused. */
static uint64_t group_key(struct ledger *ledger, const struct ledger_request *request, uint32_t leg)
{
	const struct draft *draft = &request->drafts[leg];
	struct ledger_original original;

	if (is_sided(draft)) {
		return ledger_fingerprint(
			ledger, draft->entry.asset.bytes, draft->entry.asset.bytes_count);
	}
	if (draft->entry.kind != ENTRY_REVERSE) {
		return 0;
	}
	ledger_original_find(ledger, request, draft, &ledger->work[leg], &original);
	return original.group_first;
}

/* A leg that was refused before it came here spoils the group that it would belong to. */
static void poison(struct ledger *ledger, const struct ledger_request *request, uint32_t refused,
	uint32_t mask)
{
	uint32_t *head;

	ledger->work[refused].group_key = group_key(ledger, request, refused);
	head = head_place(ledger, request, refused, mask);
	if (*head != LEDGER_NONE) {
		ledger->work[*head].is_poisoned = true;
	}
}

/* Of a leg whose asset nobody could read, every group may be the one. */
static void poison_refused(
	struct ledger *ledger, const struct ledger_request *request, uint32_t mask)
{
	bool is_any = false;

	for (uint32_t i = 0; i < request->draft_count; i++) {
		const struct draft *draft = &request->drafts[i];

		if (!ledger->work[i].is_judged || !is_sided(draft)) {
			continue;
		}
		if (draft->entry.asset.bytes_count == 0) {
			is_any = true;
		} else {
			poison(ledger, request, i, mask);
		}
	}
	for (uint32_t i = 0; i < request->draft_count && is_any; i++) {
		ledger->work[i].is_poisoned |= is_sided(&request->drafts[i]);
	}
}

void ledger_group_link(
	struct ledger *ledger, const struct ledger_request *request, size_t judgeable)
{
	uint32_t mask = 15;
	bool has_groups = false;

	for (size_t i = 0; i < request->draft_count && !has_groups; i++) {
		has_groups = is_sided(&request->drafts[i]) ||
			     request->drafts[i].entry.kind == ENTRY_REVERSE;
	}
	if (!has_groups) {
		return;
	}
	while (mask < 2 * request->draft_count) {
		mask = 2 * mask + 1;
	}
	assert(mask < ledger->heads_count);
	memset(ledger->heads, 0xff, (mask + 1) * sizeof *ledger->heads);
	for (size_t k = 0; k < judgeable; k++) {
		uint32_t leg = ledger->order[k];

		if (ledger->work[leg].is_judged) {
			continue;
		}
		ledger->work[leg].group_key = group_key(ledger, request, leg);
		if (ledger->work[leg].group_key != 0) {
			join(ledger, head_place(ledger, request, leg, mask), leg);
		}
	}
	poison_refused(ledger, request, mask);
}

/* ---- judging a group ---- */

struct group {
	struct ledger *ledger;
	const struct ledger_request *request;
	struct ledger_result *results;
	uint32_t first;
	uint32_t leg_count;
	uint64_t first_seq;
	uint32_t repeat_count;
	uint32_t original_legs; /* of a reversed group; 0 otherwise */
	u128 rising;
	u128 falling;
	bool is_refused;
};

static bool leg_rises(const struct entry *entry)
{
	return entry->kind == ENTRY_CREDIT || entry->effect == EFFECT_GROUP_DEBIT;
}

/* A leg of a reversed group is taken back whole, and once. */
static enum detail judge_reversed_leg(
	struct group *group, const struct entry *entry, const struct ledger_original *original)
{
	if (entry->kind != ENTRY_REVERSE) {
		return DETAIL_NONE;
	}
	group->original_legs = original->group_count;
	if (original->taken != 0) {
		return DETAIL_ORIGINAL_SPENT; /* also by a leg before this one */
	}
	return entry->amount == original->amount ? DETAIL_NONE : DETAIL_REVERSE_GROUP;
}

/* Sums and balances stay inside of u128, so that ledger_apply() cannot fail on a leg. */
static enum detail judge_leg_sum(struct group *group, const struct entry *entry)
{
	struct ledger *ledger = group->ledger;
	bool rises = leg_rises(entry);
	u128 *sum = rises ? &group->rising : &group->falling;
	uint32_t index = ledger_account_find(ledger, entry->account, entry->asset);

	if (entry->amount > U128_MAX - *sum) {
		return DETAIL_GROUP_UNBALANCED;
	}
	if (rises && index != LEDGER_NONE) {
		const struct ledger_account *account = ledger_account_at(ledger, index);

		if (!account->in_debt && entry->amount > U128_MAX - account->available) {
			return DETAIL_ACCOUNT_TOTAL;
		}
	}
	*sum += entry->amount;
	return DETAIL_NONE;
}

static enum detail judge_leg(
	struct group *group, uint32_t leg, struct entry *ret_entry, uint64_t *ret_repeat_seq)
{
	struct ledger *ledger = group->ledger;
	struct ledger_original original = { 0 };
	enum detail detail;

	*ret_repeat_seq = 0;
	ledger_account_expect(ledger, ledger->work[leg].expected);
	if (!ledger_reserve_entry(ledger)) {
		return DETAIL_CAPACITY;
	}
	detail = ledger_judge_entry(ledger, group->request, &group->request->drafts[leg],
		&ledger->work[leg], ret_entry, &original, ret_repeat_seq);
	if (detail != DETAIL_NONE || *ret_repeat_seq != 0) {
		return detail;
	}
	detail = judge_reversed_leg(group, ret_entry, &original);
	if (detail == DETAIL_NONE) {
		detail = judge_leg_sum(group, ret_entry);
	}
	if (detail == DETAIL_NONE && ledger_asset_find(ledger, ret_entry->asset) == LEDGER_NONE) {
		detail = DETAIL_INSUFFICIENT; /* nobody can have an asset that was never minted */
	}
	if (detail == DETAIL_NONE && ret_entry->original_seq != 0 &&
		ledger->claims_live >= ledger->limits.claims_max) {
		detail = DETAIL_CAPACITY;
	}
	return detail == DETAIL_NONE ? ledger_days_judge(ledger, group->request, ret_entry)
				     : detail;
}

static void admit_leg(struct group *group, uint32_t leg)
{
	struct ledger *ledger = group->ledger;
	struct ledger_result *result = &group->results[leg];
	struct entry entry;
	uint64_t repeat_seq;
	enum detail detail = judge_leg(group, leg, &entry, &repeat_seq);
	enum err err;

	if (detail != DETAIL_NONE) {
		*result = (struct ledger_result){ .detail = detail };
		group->is_refused = true;
		return;
	}
	if (repeat_seq != 0) {
		*result = (struct ledger_result){ .is_repeat = true, .seq = repeat_seq };
		group->repeat_count++;
		return;
	}
	entry.group_first = group->first_seq;
	entry.group_count = group->leg_count;
	err = ledger_number(ledger, &entry, &group->request->drafts[leg], &ledger->work[leg],
		group->request->idem_id, result);
	assert(err == ERR_OK);
	ledger_days_charge(ledger, group->request, &entry);
}

static enum detail judge_leg_balance(const struct group *group, uint32_t leg)
{
	struct ledger *ledger = group->ledger;
	const struct entry *wish = &group->request->drafts[leg].entry;
	uint32_t index = ledger_account_find(ledger, wish->account, wish->asset);
	const struct ledger_account *account = ledger_account_at(ledger, index);
	const struct ledger_result *result = &group->results[leg];
	u128 ceiling = ledger->limits.account_total_max;

	if (account->in_debt) {
		return DETAIL_INSUFFICIENT;
	}
	if (result->balance_after > result->balance_before &&
		(account->available > ceiling || account->held > ceiling - account->available)) {
		return DETAIL_ACCOUNT_TOTAL;
	}
	return DETAIL_NONE;
}

/* All legs are new and stand: does the whole? */
static void judge_whole(struct group *group)
{
	const struct ledger_work *work = group->ledger->work;
	enum detail whole = DETAIL_NONE;

	if (group->original_legs != 0 && group->original_legs != group->leg_count) {
		whole = DETAIL_REVERSE_GROUP;
	} else if (group->rising != group->falling) {
		whole = DETAIL_GROUP_UNBALANCED;
	}
	for (uint32_t leg = group->first; leg != LEDGER_NONE; leg = work[leg].next_leg) {
		enum detail detail = whole != DETAIL_NONE ? whole : judge_leg_balance(group, leg);

		if (detail != DETAIL_NONE) {
			group->results[leg].detail = detail;
			group->is_refused = true;
		}
	}
}

static void refuse_rest(struct group *group)
{
	const struct ledger_work *work = group->ledger->work;

	for (uint32_t leg = group->first; leg != LEDGER_NONE; leg = work[leg].next_leg) {
		enum detail detail = group->results[leg].detail;

		if (group->results[leg].is_repeat) {
			detail = DETAIL_IDEM_CONFLICT; /* it was a leg of another group */
		}
		group->results[leg] = (struct ledger_result){
			.detail = detail == DETAIL_NONE ? DETAIL_GROUP_REFUSED : detail,
		};
	}
}

void ledger_group_admit(struct ledger *ledger, const struct ledger_request *request, uint32_t first,
	struct ledger_result *results)
{
	struct ledger_mark mark = ledger_mark(ledger);
	struct group group = {
		.ledger = ledger,
		.request = request,
		.results = results,
		.first = first,
		.leg_count = ledger->work[first].leg_count,
		.first_seq = ledger->next_seq,
	};

	for (uint32_t leg = first; leg != LEDGER_NONE; leg = ledger->work[leg].next_leg) {
		ledger->work[leg].is_judged = true;
		admit_leg(&group, leg);
		group.is_refused = group.is_refused || ledger->work[leg].is_poisoned;
	}
	if (group.repeat_count > 0 && group.repeat_count < group.leg_count) {
		group.is_refused = true;
	}
	if (!group.is_refused && group.repeat_count == 0) {
		judge_whole(&group);
	}
	if (group.is_refused) {
		refuse_rest(&group);
		ledger_mark_undo(ledger, &mark);
	} else {
		ledger_mark_keep(ledger);
	}
	assert(ledger->debts == 0);
}
