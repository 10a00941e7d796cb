#include "core/ledger_state.h"

/* While the journal is on, whatever changes is noted first; undone in reverse, every place, slot
 * and count is what it was. See core/ledger_state.h for when it is on. */

struct ledger_note *ledger_note(struct ledger *ledger, enum ledger_note_kind kind, uint32_t index)
{
	struct ledger_note *slot = segments_at(&ledger->notes, ledger->note_count++);

	slot->kind = kind;
	slot->index = index;
	return slot;
}

void ledger_note_balance(struct ledger *ledger, uint32_t index)
{
	if (ledger->journal_depth > 0) {
		ledger_note(ledger, NOTE_BALANCE, index)->account =
			*ledger_account_at(ledger, index);
	}
}

void ledger_note_pair(
	struct ledger *ledger, enum ledger_note_kind kind, uint64_t key, uint64_t value)
{
	if (ledger->journal_depth > 0) {
		struct ledger_note *slot = ledger_note(ledger, kind, 0);

		slot->pair.key = key;
		slot->pair.value = value;
	}
}

struct ledger_mark ledger_mark(struct ledger *ledger)
{
	ledger->journal_depth++;
	return (struct ledger_mark){
		.note_count = ledger->note_count,
		.dirty_claim_count = ledger->dirty_claim_count,
		.dirty_counter_count = ledger->dirty_counter_count,
		.counter_next = ledger->counter_next,
		.offset_count = ledger->batch.offset_count,
		.next_seq = ledger->next_seq,
		.out = *ledger->batch.out,
	};
}

void ledger_mark_keep(struct ledger *ledger)
{
	assert(ledger->journal_depth > 0);
	ledger->journal_depth--;
	if (ledger->journal_depth == 0) {
		ledger->note_count = 0;
		segments_trim(&ledger->notes, LEDGER_NOTES_KEPT);
	}
}

static void undo(struct ledger *ledger, const struct ledger_note *slot)
{
	struct ledger_account *account;
	struct ledger_claim *claim;
	bool was_there = true;

	switch (slot->kind) {
	case NOTE_BALANCE:
		account = ledger_account_at(ledger, slot->index);
		ledger->debts += slot->account.in_debt ? 1u : 0u;
		ledger->debts -= account->in_debt ? 1u : 0u;
		*account = slot->account;
		break;
	case NOTE_ACCOUNT_MADE:
		ledger_account_undo(ledger, slot->index);
		break;
	case NOTE_ASSET_MADE:
		ledger_asset_undo(ledger, slot->index);
		break;
	case NOTE_CLAIM_MADE:
		ledger_claim_drop(ledger, segments_at(&ledger->claims, slot->index));
		break;
	case NOTE_CLAIM_TAKEN:
		claim = segments_at(&ledger->claims, slot->index);
		claim->record.taken = slot->amount;
		break;
	case NOTE_COUNTER_MADE:
		ledger_counter_undo_made(ledger, slot->index);
		break;
	case NOTE_COUNTER_REUSED:
		ledger_counter_undo_reused(ledger, slot->index, &slot->counter);
		break;
	case NOTE_COUNTER_SPENT:
		ledger_counter_undo_spent(ledger, slot->index, slot->day, slot->amount);
		break;
	case NOTE_KEY:
		was_there = table_remove(&ledger->key_table, slot->pair.key, slot->pair.value);
		break;
	case NOTE_ID:
		was_there = table_remove(&ledger->id_table, slot->pair.key, slot->pair.value);
		break;
	}
	assert(was_there);
}

void ledger_mark_undo(struct ledger *ledger, const struct ledger_mark *mark)
{
	/* the lists first: what they name may be gone below */
	while (ledger->dirty_claim_count > mark->dirty_claim_count) {
		uint32_t *index = segments_at(&ledger->dirty_claims, --ledger->dirty_claim_count);
		struct ledger_claim *claim = segments_at(&ledger->claims, *index);

		claim->is_dirty = false;
	}
	while (ledger->dirty_counter_count > mark->dirty_counter_count) {
		uint32_t *index =
			segments_at(&ledger->dirty_counters, --ledger->dirty_counter_count);
		struct ledger_counter *counter = segments_at(&ledger->counters, *index);

		counter->is_dirty = false;
	}
	while (ledger->note_count > mark->note_count) {
		undo(ledger, segments_at(&ledger->notes, --ledger->note_count));
	}
	ledger->counter_next = mark->counter_next;
	ledger->batch.offset_count = mark->offset_count;
	ledger->next_seq = mark->next_seq;
	*ledger->batch.out = mark->out;
	ledger_mark_keep(ledger);
}
