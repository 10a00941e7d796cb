#include "core/balance.h"

#include "core/ledger_state.h"

bool balance_undo(struct balance *balance, const struct entry *entry, bool *ret_is_counter)
{
	struct ledger_move moves[2];
	size_t move_count = ledger_moves(entry, moves);
	bool is_about = false;

	if (!entry_views_equal(balance->asset, entry->asset)) {
		return false;
	}
	for (size_t i = 0; i < move_count; i++) {
		u128 *side = moves[i].is_held ? &balance->held : &balance->available;

		if (entry_views_equal(moves[i].account, balance->account)) {
			*side += moves[i].rises ? (u128)0 - entry->amount : entry->amount;
			is_about = true;
		}
	}
	*ret_is_counter = !entry_views_equal(balance->account, entry->account);
	return is_about;
}
