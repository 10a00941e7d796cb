#include "core/ledger_state.h"

#include "core/hex.h"

/* May this entry be? In this order: form (draft_check, done when the request was prepared), what
 * it refers to, authority, exactly once, nonce lane, time, freezes, money, and then the limits of
 * a day (ledger_days.c). The look-up
 * of exactly-once comes before the skew of ts, or an honest late retry would be refused, and
 * after authority, or a stranger could learn what was done. */

/* ---- the request ---- */

static enum detail judge_grant(struct ledger *ledger, const struct ledger_request *request)
{
	const struct grant *grant = request->grant;
	struct slice capability = { grant->capability_id.bytes, ID_BYTES };
	uint8_t key[sizeof grant->key_id];
	struct byte_writer out = byte_writer_of(key, sizeof key);
	struct caveat_request facts = {
		.now_unix_s = ledger->batch_ts_unix_ms / 1000,
		.tenant = request->tenant.bytes_count > 0 ? request->tenant : grant->tenant,
		.epoch = request->epoch,
	};
	struct caveat_verdict verdict;

	byte_put_u32(&out, grant->key_id);
	if (ledger_rule_is_on(ledger, SCOPE_CAPABILITY, capability) ||
		ledger_rule_is_on(ledger, SCOPE_KEY, (struct slice){ key, sizeof key })) {
		return DETAIL_REVOKED;
	}
	verdict = caveat_set_check_request(
		&grant->caveats, caveat_kinds(CAVEAT_WHERE_LEDGER), &facts);
	if (verdict.result == CAVEAT_HOLDS) {
		return DETAIL_NONE;
	}
	return caveat_is_about_time(verdict.kind) ? DETAIL_GRANT_EXPIRED : DETAIL_CAVEAT;
}

uint32_t ledger_entries_max(const struct ledger *ledger, const struct ledger_request *request)
{
	return request->intent != NULL ? ledger->limits.intent_entries_max
				       : ledger->limits.request_entries_max;
}

enum detail ledger_judge_request(struct ledger *ledger, const struct ledger_request *request)
{
	if (request->draft_count > ledger_entries_max(ledger, request)) {
		return DETAIL_TOO_MANY_ENTRIES;
	}
	if (request->grant == NULL) {
		return DETAIL_GRANT;
	}
	hex_encode(request->grant->capability_id.bytes, ID_BYTES, ledger->capability_ref);
	return judge_grant(ledger, request);
}

/* ---- originals ---- */

static enum entry_effect effect_of_reversing(const struct ledger_original *original)
{
	switch (original->kind) {
	case ENTRY_CREDIT:
		return EFFECT_GROUP_CREDIT;
	case ENTRY_DEBIT:
		return EFFECT_GROUP_DEBIT;
	case ENTRY_TRANSFER:
		return original->effect == EFFECT_CAPTURE ? EFFECT_CAPTURE : EFFECT_TRANSFER;
	case ENTRY_MINT:
		return EFFECT_MINT;
	case ENTRY_BURN:
		return EFFECT_BURN;
	case ENTRY_HOLD:
		return EFFECT_HOLD_RELEASE;
	case ENTRY_REVERSE:
		return EFFECT_NONE;
	}
	return EFFECT_NONE;
}

/* Sets what an entry takes from its original. Whether there is enough is judged later: a repeat
 * of the very entry that used it up is no refusal. */
static enum detail judge_original(struct entry *entry, const struct ledger_original *original)
{
	if (!original->is_found) {
		return DETAIL_ORIGINAL_NOT_FOUND;
	}
	if (!entry_views_equal(entry->account, original->account) ||
		!entry_views_equal(entry->asset, original->asset)) {
		return DETAIL_ORIGINAL_MISMATCH;
	}
	entry->effect =
		entry->kind == ENTRY_TRANSFER ? EFFECT_CAPTURE : effect_of_reversing(original);
	/* of what is no Hold /v1 takes nothing back, whatever else the token allows */
	if (entry->effect == EFFECT_NONE ||
		(original->kind != ENTRY_HOLD &&
			(entry->kind == ENTRY_TRANSFER || entry->source == SOURCE_V1))) {
		return DETAIL_ORIGINAL_KIND;
	}
	entry->original_seq = original->seq;
	if (entry->kind == ENTRY_REVERSE) {
		entry->counter_account = original->counter_account;
	}
	return DETAIL_NONE;
}

/* ---- authority ---- */

static uint32_t actions_for(enum entry_source source, const struct entry *entry)
{
	uint32_t mint_or_burn = CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_MINT);
	uint32_t other = CAVEAT_ACTION_BIT(CAVEAT_ACTION_LEDGER_INGEST);

	if (source == SOURCE_REWARD) {
		return CAVEAT_ACTION_BIT(CAVEAT_ACTION_REWARDER_RUN);
	}
	if (entry->kind == ENTRY_REVERSE) {
		return CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_REVERSE);
	}
	if (source == SOURCE_V1) {
		mint_or_burn = entry->kind == ENTRY_MINT
				       ? CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_ISSUE)
				       : CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_BURN);
		other = entry->kind == ENTRY_HOLD || entry->effect == EFFECT_CAPTURE
				? CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_HOLD)
				: CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_TRANSFER);
	}
	if (entry->kind == ENTRY_MINT || entry->kind == ENTRY_BURN) {
		return mint_or_burn;
	}
	/* filling a reward pool is as good as minting rewards */
	return entry_account_is_sys(entry->counter_account)
		       ? other | CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_MINT)
		       : other;
}

static uint32_t actions_for_release(enum entry_source source)
{
	return source == SOURCE_V1 ? CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_HOLD)
				   : CAVEAT_ACTION_BIT(CAVEAT_ACTION_LEDGER_INGEST);
}

static bool holds(const struct grant *grant, const struct entry *entry, uint32_t actions)
{
	/* the account that falls; of Mint, Credit and what undoes a fall, the one that rises */
	bool counter_falls = entry->kind == ENTRY_REVERSE && entry->counter_account.bytes_count > 0;
	struct caveat_entry facts = {
		.actions = actions,
		.kind = (uint8_t)entry->kind,
		.has_amount = true,
		.amount = entry->amount,
		.asset = entry->asset,
		.accounts = counter_falls ? &entry->counter_account : &entry->account,
		.account_count = 1,
	};

	return caveat_set_check_entry(&grant->caveats, &facts).result == CAVEAT_HOLDS;
}

/* Whether the token could have anything to do with that account, as for the original of `entry`. */
static bool could_touch(
	const struct ledger_request *request, const struct entry *entry, struct slice account)
{
	struct entry asked = *entry;

	asked.account = account;
	asked.counter_account = (struct slice){ 0 };
	return holds(request->grant, &asked, actions_for(request->source, &asked)) ||
	       (asked.kind == ENTRY_REVERSE &&
		       holds(request->grant, &asked, actions_for_release(request->source)));
}

/* Why an original does not fit is told to those whose it may be. For all others there is none,
 * or they could try out whose it is. */
static enum detail hide_original(const struct ledger_request *request, const struct entry *entry,
	const struct ledger_original *original, enum detail detail)
{
	if (!could_touch(request, entry, entry->account)) {
		return DETAIL_CAVEAT;
	}
	return !original->is_found || could_touch(request, entry, original->account)
		       ? detail
		       : DETAIL_ORIGINAL_NOT_FOUND;
}

static enum detail judge_authority(
	struct ledger *ledger, const struct ledger_request *request, const struct entry *entry)
{
	const struct grant *grant = request->grant;
	struct slice capability = { (const uint8_t *)ledger->capability_ref, 2 * ID_BYTES };
	bool is_own_release = entry->effect == EFFECT_HOLD_RELEASE;

	if (entry->kid != grant->key_id || !entry_views_equal(entry->capability_ref, capability)) {
		return DETAIL_CAPABILITY_MISMATCH;
	}
	/* whoever could have made the hold may release it; others need gov.reverse */
	if (is_own_release && holds(grant, entry, actions_for_release(request->source))) {
		return DETAIL_NONE;
	}
	return holds(grant, entry, actions_for(request->source, entry)) ? DETAIL_NONE
									: DETAIL_CAVEAT;
}

/* ---- time, order, freezes ---- */

static enum detail judge_lane(struct ledger *ledger, const struct draft *draft)
{
	uint64_t debit, issue, last;

	if (draft->lane == LANE_NONE) {
		return DETAIL_NONE;
	}
	ledger_lanes(ledger, draft->entry.account, &debit, &issue);
	last = draft->lane == LANE_DEBIT ? debit : issue;
	if (draft->lane_nonce <= last) {
		return DETAIL_NONCE_USED;
	}
	return draft->lane_nonce == last + 1 ? DETAIL_NONE : DETAIL_NONCE_GAP;
}

static enum detail judge_time(struct ledger *ledger, const struct entry *entry)
{
	uint64_t now = ledger->batch_ts_unix_ms;
	uint64_t skew = entry->ts_unix_ms > now ? entry->ts_unix_ms - now : now - entry->ts_unix_ms;

	if (skew > ledger->limits.ts_skew_ms_max) {
		return DETAIL_TS_SKEW;
	}
	if (entry->expires_unix_ms != 0 && entry->expires_unix_ms <= now) {
		return DETAIL_EXPIRES_PAST;
	}
	return DETAIL_NONE;
}

/* Outgoing and holds stop, incoming goes on, and so does the release of a hold. For a frozen
 * asset or ledger a Mint is outgoing too, from sys:issuance. Rewards come to nobody who is frozen
 * (DESIGN-LEDGER.md section 7). */
static enum detail judge_freeze(struct ledger *ledger, const struct entry *entry)
{
	struct ledger_move moves[2];
	size_t move_count = ledger_moves(entry, moves);

	if (entry->effect == EFFECT_HOLD_RELEASE) {
		return DETAIL_NONE;
	}
	if (ledger_rule_is_on(ledger, SCOPE_GLOBAL, (struct slice){ 0 }) ||
		ledger_rule_is_on(ledger, SCOPE_ASSET, entry->asset) ||
		(entry->source == SOURCE_REWARD &&
			ledger_rule_is_on(ledger, SCOPE_REWARDS, (struct slice){ 0 }))) {
		return DETAIL_FROZEN;
	}
	for (size_t i = 0; i < move_count; i++) {
		bool counts = !moves[i].rises || entry->source == SOURCE_REWARD;

		if (counts && ledger_rule_is_on(ledger, SCOPE_ACCOUNT, moves[i].account)) {
			return DETAIL_FROZEN;
		}
	}
	return DETAIL_NONE;
}

static enum detail judge_once(struct ledger *ledger, const struct ledger_request *request,
	const struct draft *draft, const struct ledger_work *work, uint64_t *ret_repeat_seq)
{
	switch (ledger_once(ledger, request, draft, work, ret_repeat_seq)) {
	case ONCE_NEW:
	case ONCE_REPEAT:
		break;
	case ONCE_CONFLICT:
		*ret_repeat_seq = 0;
		return DETAIL_IDEM_CONFLICT;
	case ONCE_ID_USED:
		return DETAIL_ID_USED;
	}
	return DETAIL_NONE;
}

enum detail ledger_judge_entry(struct ledger *ledger, const struct ledger_request *request,
	const struct draft *draft, const struct ledger_work *work, struct entry *ret_entry,
	struct ledger_original *ret_original, uint64_t *ret_repeat_seq)
{
	enum detail detail = DETAIL_NONE;

	*ret_repeat_seq = 0;
	*ret_entry = draft->entry;
	if (work->original_fingerprint != 0) {
		ledger_original_find(ledger, request, draft, work, ret_original);
		detail = judge_original(ret_entry, ret_original);
		if (detail != DETAIL_NONE) {
			return hide_original(request, ret_entry, ret_original, detail);
		}
	}
	detail = judge_authority(ledger, request, ret_entry);
	if (detail == DETAIL_NONE) {
		detail = judge_once(ledger, request, draft, work, ret_repeat_seq);
	}
	if (detail != DETAIL_NONE || *ret_repeat_seq != 0) {
		return detail;
	}
	if (ledger->key_table.count >= ledger->limits.dedupe_entries_max) {
		return DETAIL_DEDUPE_CAPACITY;
	}
	/* new ones alone: a repeat is answered as it once was */
	detail = ledger_policy_operation(ledger, ret_entry);
	if (detail == DETAIL_NONE) {
		detail = judge_lane(ledger, draft);
	}
	if (detail == DETAIL_NONE) {
		detail = judge_time(ledger, ret_entry);
	}
	return detail == DETAIL_NONE ? judge_freeze(ledger, ret_entry) : detail;
}

/* ---- money ---- */

/* What is left of the original. */
static enum detail judge_rest(
	struct ledger *ledger, const struct entry *entry, const struct ledger_original *original)
{
	if (original->kind == ENTRY_HOLD) {
		if (!original->is_hold_open) {
			return DETAIL_HOLD_CLOSED;
		}
		if (entry->effect == EFFECT_CAPTURE && original->expires_unix_ms != 0 &&
			original->expires_unix_ms <= ledger->batch_ts_unix_ms) {
			return DETAIL_HOLD_EXPIRED;
		}
		return entry->amount <= original->amount - original->taken ? DETAIL_NONE
									   : DETAIL_INSUFFICIENT;
	}
	return entry->amount <= original->amount - original->taken ? DETAIL_NONE
								   : DETAIL_ORIGINAL_SPENT;
}

static enum detail judge_fall(
	const struct ledger_account *account, const struct ledger_move *move, u128 amount)
{
	u128 balance = 0;

	if (account != NULL) {
		balance = move->is_held ? account->held : account->available;
	}
	return amount <= balance ? DETAIL_NONE : DETAIL_INSUFFICIENT;
}

/* Available and held together have one ceiling; moving between them changes nothing. */
static enum detail judge_rise(const struct ledger *ledger, const struct ledger_account *account,
	const struct ledger_move *move, const struct entry *entry)
{
	u128 total = account == NULL ? 0 : account->available + account->held;
	u128 amount = entry->amount;

	if (move->is_issuance) {
		return amount <= U128_MAX - total ? ledger_policy_issuance(ledger, entry, total)
						  : DETAIL_SUPPLY;
	}
	return total <= ledger->limits.account_total_max &&
			       amount <= ledger->limits.account_total_max - total
		       ? DETAIL_NONE
		       : DETAIL_ACCOUNT_TOTAL;
}

/* A Mint is the one entry that can bring an asset into being. */
static bool has_asset_room(struct ledger *ledger, const struct entry *entry)
{
	return ledger->asset_count < LEDGER_ASSETS_MAX ||
	       ledger_asset_find(ledger, entry->asset) != LEDGER_NONE;
}

static bool is_within_account(const struct entry *entry)
{
	return entry->kind == ENTRY_HOLD || entry->effect == EFFECT_HOLD_RELEASE;
}

enum detail ledger_judge_money(
	struct ledger *ledger, const struct entry *entry, const struct ledger_original *original)
{
	struct ledger_move moves[2];
	size_t move_count = ledger_moves(entry, moves);
	enum detail detail = DETAIL_NONE;

	if (entry->original_seq != 0) {
		detail = judge_rest(ledger, entry, original);
	}
	if (detail == DETAIL_NONE && !has_asset_room(ledger, entry)) {
		detail = DETAIL_CAPACITY;
	}
	if (detail == DETAIL_NONE && (entry->kind == ENTRY_HOLD || entry->original_seq != 0) &&
		ledger->claims_live >= ledger->limits.claims_max &&
		ledger_claim_find(ledger, entry->original_seq) == NULL) {
		detail = DETAIL_CAPACITY;
	}
	for (size_t i = 0; i < move_count && detail == DETAIL_NONE; i++) {
		uint32_t index = ledger_account_find(ledger, moves[i].account, entry->asset);
		const struct ledger_account *account =
			index == LEDGER_NONE ? NULL : ledger_account_at(ledger, index);

		if (!moves[i].rises) {
			detail = judge_fall(account, &moves[i], entry->amount);
		} else if (!is_within_account(entry)) {
			detail = judge_rise(ledger, account, &moves[i], entry);
		}
	}
	return detail;
}
