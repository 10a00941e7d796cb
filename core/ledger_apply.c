#include "core/ledger_state.h"

/* What an entry does to the state: a function of both and nothing else. Live, after judgement,
 * and in replay it is the same code; all it can find is corruption.
 *
 * Replay: balances come back in chunks that are true at different seqs, so an entry changes
 * only the accounts whose chunk is older than it. Everything else that was stored (claims,
 * counters, controls) is exact at the last commit and is not touched again.
 *
 * Groups: legs are applied one by one, but only their sum must be possible. An account whose
 * debits come before its credits is in debt meanwhile: its available wraps modulo 2^128, which
 * the credits undo. ledger->debts is zero again at the end of a good group. */

static struct ledger_move move_of(struct slice account, bool is_held, bool rises)
{
	return (struct ledger_move){ .account = account, .is_held = is_held, .rises = rises };
}

static struct ledger_move move_of_issuance(bool rises) /* its magnitude */
{
	return (struct ledger_move){
		.account = ENTRY_ISSUANCE_ACCOUNT, .is_issuance = true, .rises = rises
	};
}

static size_t moves_of_reverse(const struct entry *entry, struct ledger_move ret_moves[2])
{
	switch (entry->effect) {
	case EFFECT_NONE: /* entry_decode and judgement know none */
		return 0;
	case EFFECT_TRANSFER:
	case EFFECT_CAPTURE:
		ret_moves[0] = move_of(entry->counter_account, false, false);
		ret_moves[1] = move_of(entry->account, false, true);
		return 2;
	case EFFECT_MINT:
		ret_moves[0] = move_of(entry->account, false, false);
		ret_moves[1] = move_of_issuance(false);
		return 2;
	case EFFECT_BURN:
		ret_moves[0] = move_of(entry->account, false, true);
		ret_moves[1] = move_of_issuance(true);
		return 2;
	case EFFECT_HOLD_RELEASE:
		ret_moves[0] = move_of(entry->account, true, false);
		ret_moves[1] = move_of(entry->account, false, true);
		return 2;
	case EFFECT_GROUP_DEBIT:
		ret_moves[0] = move_of(entry->account, false, true);
		return 1;
	case EFFECT_GROUP_CREDIT:
		ret_moves[0] = move_of(entry->account, false, false);
		return 1;
	}
	return 0;
}

size_t ledger_moves(const struct entry *entry, struct ledger_move ret_moves[2])
{
	switch (entry->kind) {
	case ENTRY_CREDIT:
		ret_moves[0] = move_of(entry->account, false, true);
		return 1;
	case ENTRY_DEBIT:
		ret_moves[0] = move_of(entry->account, false, false);
		return 1;
	case ENTRY_TRANSFER:
		ret_moves[0] = move_of(entry->account, entry->effect == EFFECT_CAPTURE, false);
		ret_moves[1] = move_of(entry->counter_account, false, true);
		return 2;
	case ENTRY_MINT:
		ret_moves[0] = move_of(entry->account, false, true);
		ret_moves[1] = move_of_issuance(true);
		return 2;
	case ENTRY_BURN:
		ret_moves[0] = move_of(entry->account, false, false);
		ret_moves[1] = move_of_issuance(false);
		return 2;
	case ENTRY_HOLD:
		ret_moves[0] = move_of(entry->account, false, false);
		ret_moves[1] = move_of(entry->account, true, true);
		return 2;
	case ENTRY_REVERSE:
		return moves_of_reverse(entry, ret_moves);
	}
	return 0;
}

/* In a group, beyond zero and back. */
static void move_leg(struct ledger *ledger, struct ledger_account *account, u128 amount, bool rises)
{
	if (!rises) {
		bool was_in_debt = account->in_debt;

		account->in_debt = was_in_debt || amount > account->available;
		ledger->debts += account->in_debt && !was_in_debt ? 1u : 0u;
		account->available -= amount;
		return;
	}
	account->available += amount;
	if (account->in_debt && account->available < amount) {
		account->in_debt = false;
		ledger->debts--;
	}
}

static enum err move(struct ledger *ledger, uint32_t index, const struct ledger_move *move,
	u128 amount, bool is_leg)
{
	struct ledger_account *account = ledger_account_at(ledger, index);
	u128 *balance = move->is_held ? &account->held : &account->available;

	ledger_note_balance(ledger, index);
	if (is_leg) {
		if (move->rises && !account->in_debt && amount > U128_MAX - *balance) {
			return ERR_CORRUPT;
		}
		move_leg(ledger, account, amount, move->rises);
	} else if (move->rises) {
		if (amount > U128_MAX - *balance) {
			return ERR_CORRUPT;
		}
		*balance += amount;
	} else {
		if (amount > *balance) {
			return ERR_CORRUPT;
		}
		*balance -= amount;
	}
	return ERR_OK;
}

/* In replay an entry may be older than what its account's chunk already says. */
static bool is_due(const struct ledger *ledger, uint32_t index, uint64_t seq)
{
	const uint64_t *true_at;

	if (!ledger->is_replaying) {
		return true;
	}
	true_at = segments_at(&ledger->chunk_seqs, index / BATCH_CHUNK_ACCOUNTS);
	return seq > *true_at;
}

/* Replay makes no account: every one that an entry names was stored with it. */
static uint32_t account_for(
	struct ledger *ledger, struct slice name, struct slice asset, bool may_make)
{
	return may_make && !ledger->is_replaying ? ledger_account_make(ledger, name, asset)
						 : ledger_account_find(ledger, name, asset);
}

static void set_last_seq(
	struct ledger *ledger, uint32_t index, uint64_t seq, uint64_t *ret_previous)
{
	struct ledger_account *account = ledger_account_at(ledger, index);

	if (is_due(ledger, index, seq)) {
		*ret_previous = account->last_seq;
		account->last_seq = seq;
		ledger_chunk_touch(ledger, index);
	}
}

static enum err apply_moves(
	struct ledger *ledger, const struct entry *entry, struct ledger_applied *applied)
{
	struct ledger_move moves[2];
	size_t move_count = ledger_moves(entry, moves);
	bool is_leg = entry->group_count > 0;
	uint32_t previous = LEDGER_NONE;

	for (size_t i = 0; i < move_count; i++) {
		bool is_own = entry_views_equal(moves[i].account, entry->account);
		/* a leg may debit an account that another leg of its group creates */
		uint32_t index = account_for(
			ledger, moves[i].account, entry->asset, moves[i].rises || is_leg);
		struct ledger_account *account;
		enum err err;

		if (index == LEDGER_NONE) {
			return ERR_CORRUPT;
		}
		if (!is_due(ledger, index, entry->seq)) {
			continue;
		}
		account = ledger_account_at(ledger, index);
		if (is_own && index != previous) {
			applied->balance_before = account->available;
		}
		err = move(ledger, index, &moves[i], entry->amount, is_leg);
		if (err != ERR_OK) {
			return err;
		}
		if (is_own) {
			applied->balance_after = account->available;
		}
		if (index != previous) {
			set_last_seq(ledger, index, entry->seq,
				is_own ? &applied->prev_account_seq : &applied->prev_counter_seq);
			*(is_own ? &applied->account_moved : &applied->counter_moved) = true;
		}
		previous = index;
	}
	return ERR_OK;
}

/* Claims are stored exactly: replay has them already. */
static enum err apply_claims(struct ledger *ledger, const struct entry *entry)
{
	struct ledger_claim *claim;
	bool takes_from_hold = entry->effect == EFFECT_HOLD_RELEASE ||
			       (entry->kind == ENTRY_TRANSFER && entry->effect == EFFECT_CAPTURE);

	if (entry->kind == ENTRY_HOLD) {
		(void)ledger_claim_make(ledger, &(struct batch_claim){
							.original_seq = entry->seq,
							.original_id = entry->id,
							.account_index = ledger_account_find(ledger,
								entry->account, entry->asset),
							.amount = entry->amount,
							.expires_unix_ms = entry->expires_unix_ms,
						});
		return ERR_OK;
	}
	if (entry->original_seq == 0) {
		return ERR_OK;
	}
	claim = ledger_claim_find(ledger, entry->original_seq);
	if (takes_from_hold &&
		(claim == NULL || claim->record.effect != EFFECT_NONE ||
			entry->amount > claim->record.amount - claim->record.taken)) {
		return ERR_CORRUPT;
	}
	if (claim == NULL) {
		claim = ledger_claim_make(ledger,
			&(struct batch_claim){
				.original_seq = entry->original_seq,
				.original_id = entry->original_id,
				.effect = entry->effect,
				.account_index =
					ledger_account_find(ledger, entry->account, entry->asset),
			});
	}
	if (entry->amount > U128_MAX - claim->record.taken) {
		return ERR_CORRUPT;
	}
	ledger_claim_take(ledger, claim, entry->amount);
	return ERR_OK;
}

/* The lanes of an account are an account of their own, in no asset. */
static enum err apply_lane(
	struct ledger *ledger, const struct entry *entry, uint8_t lane, uint64_t lane_nonce)
{
	uint32_t index = account_for(ledger, entry->account, (struct slice){ 0 }, true);
	struct ledger_account *account;
	uint64_t previous;

	if (index == LEDGER_NONE) {
		return ERR_CORRUPT;
	}
	if (!is_due(ledger, index, entry->seq)) {
		return ERR_OK;
	}
	account = ledger_account_at(ledger, index);
	ledger_note_balance(ledger, index);
	if (lane == LANE_DEBIT) {
		account->available = lane_nonce;
	} else {
		account->held = lane_nonce;
	}
	set_last_seq(ledger, index, entry->seq, &previous);
	return ERR_OK;
}

/* What counts towards wallet.daily_ceiling: debits through /v1, of a Hold its making and not its
 * capture. Reverse gives nothing back. */
static void apply_spent(struct ledger *ledger, const struct entry *entry)
{
	uint32_t day = ledger_day(ledger->batch_ts_unix_ms);
	uint32_t index;
	struct ledger_account *account;

	if (entry->source != SOURCE_V1 ||
		(entry->kind != ENTRY_BURN && entry->kind != ENTRY_HOLD &&
			(entry->kind != ENTRY_TRANSFER || entry->effect != EFFECT_NONE))) {
		return;
	}
	index = ledger_account_find(ledger, entry->account, entry->asset);
	if (index == LEDGER_NONE || !is_due(ledger, index, entry->seq)) {
		return;
	}
	account = ledger_account_at(ledger, index);
	if (account->day != day) {
		account->day = day;
		account->spent = 0;
	}
	account->spent += entry->amount > U128_MAX - account->spent ? U128_MAX - account->spent
								    : entry->amount;
}

enum err ledger_apply(struct ledger *ledger, const struct entry *entry, uint8_t lane,
	uint64_t lane_nonce, struct ledger_applied *ret_applied)
{
	enum err err;

	*ret_applied = (struct ledger_applied){ 0 };
	err = apply_moves(ledger, entry, ret_applied);
	if (err == ERR_OK && !ledger->is_replaying) {
		err = apply_claims(ledger, entry);
	}
	if (err == ERR_OK) {
		apply_spent(ledger, entry); /* the balance was noted by its move */
	}
	if (err == ERR_OK && lane != LANE_NONE) {
		err = apply_lane(ledger, entry, lane, lane_nonce);
	}
	return err;
}
