#include "core/ledger_state.h"

/* All memory of the ledger: an arena for names, which are never given back one by one, and what a
 * request may need of the rest, reserved before it is judged. */

static bool arena_reserve(struct ledger *ledger, size_t bytes)
{
	uint8_t *piece;

	assert(bytes <= LEDGER_ARENA_BYTES - sizeof(void *));
	if (ledger->arena_left >= bytes) {
		return true;
	}
	piece = memory_take(ledger->memory, LEDGER_ARENA_BYTES);
	if (piece == NULL) {
		return false;
	}
	memcpy(piece, &ledger->arenas, sizeof ledger->arenas);
	ledger->arenas = piece;
	ledger->arena_next = piece + sizeof ledger->arenas;
	ledger->arena_left = LEDGER_ARENA_BYTES - sizeof ledger->arenas;
	return true;
}

const uint8_t *ledger_name_copy(struct ledger *ledger, struct slice text)
{
	uint8_t *copy = ledger->arena_next;

	assert(ledger->arena_left >= text.bytes_count);
	if (text.bytes_count > 0) {
		memcpy(copy, text.bytes, text.bytes_count);
	}
	ledger->arena_next += text.bytes_count;
	ledger->arena_left -= text.bytes_count;
	return copy;
}

/* Accounts an entry can bring: its two and a lane, sys:issuance among them. */
#define ACCOUNTS_PER_ENTRY 3u

bool ledger_reserve_entry(struct ledger *ledger)
{
	return arena_reserve(ledger, ACCOUNTS_PER_ENTRY * ACCOUNT_BYTES_MAX) &&
	       (ledger->journal_depth == 0 ||
		       segments_reserve(&ledger->notes,
			       (uint64_t)ledger->note_count + LEDGER_NOTES_PER_ENTRY));
}

bool ledger_reserve(struct ledger *ledger, uint64_t entry_count, size_t charge_count)
{
	uint64_t accounts = ledger->account_count + ACCOUNTS_PER_ENTRY * entry_count;
	uint64_t counters = entry_count * charge_count;

	return segments_reserve(&ledger->accounts, accounts) &&
	       segments_reserve(&ledger->chunk_seqs, accounts / BATCH_CHUNK_ACCOUNTS + 1) &&
	       segments_reserve(&ledger->chunk_dirty, accounts / BATCH_CHUNK_ACCOUNTS / 64 + 1) &&
	       table_reserve(&ledger->account_table, ACCOUNTS_PER_ENTRY * entry_count) &&
	       table_reserve(&ledger->asset_table, entry_count) &&
	       table_reserve(&ledger->key_table, entry_count) &&
	       table_reserve(&ledger->id_table, entry_count) &&
	       segments_reserve(&ledger->claims, ledger->claim_count + entry_count) &&
	       segments_reserve(&ledger->heap, ledger->claim_count + entry_count) &&
	       table_reserve(&ledger->claim_table, entry_count) &&
	       segments_reserve(&ledger->dirty_claims, ledger->dirty_claim_count + entry_count) &&
	       segments_reserve(&ledger->counters, ledger->counter_count + counters) &&
	       table_reserve(&ledger->counter_table, 2 * counters) && /* made and taken back */
	       segments_reserve(&ledger->dirty_counters, ledger->dirty_counter_count + counters) &&
	       segments_reserve(&ledger->rules, ledger->rule_count + 1) &&
	       table_reserve(&ledger->rule_table, 1) &&
	       segments_reserve(&ledger->settled, ledger->settled_count + 1) &&
	       table_reserve(&ledger->settled_table, 3) &&
	       segments_reserve(&ledger->offsets, ledger->batch.offset_count + entry_count);
}
