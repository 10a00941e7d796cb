#include "core/ledger_state.h"

/* What has been taken of originals: open holds, and what was reversed. One claim an original. */

uint32_t ledger_claim_index(const struct ledger *ledger, const struct ledger_claim *claim)
{
	struct table_scan scan = table_find(&ledger->claim_table, claim->record.original_seq);
	uint64_t value = 0;
	bool is_there = table_next(&scan, &value);

	assert(is_there); /* one claim an original */
	return (uint32_t)value - 1;
}

static void claim_touch(struct ledger *ledger, struct ledger_claim *claim, uint32_t index)
{
	if (!claim->is_dirty) {
		*(uint32_t *)segments_at(&ledger->dirty_claims, ledger->dirty_claim_count++) =
			index;
		claim->is_dirty = true;
	}
}

struct ledger_claim *ledger_claim_find(const struct ledger *ledger, uint64_t original_seq)
{
	struct table_scan scan = table_find(&ledger->claim_table, original_seq);
	uint64_t value;

	return table_next(&scan, &value) ? segments_at(&ledger->claims, (uint32_t)value - 1) : NULL;
}

/* Outside of a batch, when claims are loaded, nothing is dirty. */
struct ledger_claim *ledger_claim_make(struct ledger *ledger, const struct batch_claim *record)
{
	uint32_t index = ledger->claim_free;
	struct ledger_claim *claim;

	if (index != LEDGER_NONE) {
		claim = segments_at(&ledger->claims, index);
		ledger->claim_free = claim->next_free;
	} else {
		index = ledger->claim_count++;
		claim = segments_at(&ledger->claims, index);
	}
	*claim = (struct ledger_claim){ .record = *record, .heap_place = LEDGER_NONE };
	table_insert(&ledger->claim_table, record->original_seq, (uint64_t)index + 1);
	ledger->claims_live++;
	if (ledger->journal_depth > 0) {
		(void)ledger_note(ledger, NOTE_CLAIM_MADE, index);
	}
	if (ledger->batch.out != NULL) {
		claim_touch(ledger, claim, index);
	}
	return claim;
}

void ledger_claim_take(struct ledger *ledger, struct ledger_claim *claim, u128 amount)
{
	uint32_t index = ledger_claim_index(ledger, claim);

	if (ledger->journal_depth > 0) {
		ledger_note(ledger, NOTE_CLAIM_TAKEN, index)->amount = claim->record.taken;
	}
	claim->record.taken += amount;
	claim_touch(ledger, claim, index);
}

void ledger_claim_drop(struct ledger *ledger, struct ledger_claim *claim)
{
	uint32_t index = ledger_claim_index(ledger, claim);

	if (claim->heap_place != LEDGER_NONE) {
		ledger_heap_remove(ledger, index);
	}
	table_remove(&ledger->claim_table, claim->record.original_seq, (uint64_t)index + 1);
	*claim = (struct ledger_claim){
		.heap_place = LEDGER_NONE,
		.next_free = ledger->claim_free,
	};
	ledger->claim_free = index;
	ledger->claims_live--;
}
