#include "core/ledger_state.h"

/* What was spent on a UTC day under a `daily<=`, by counter and asset. */

static uint64_t counter_fingerprint(
	const struct ledger *ledger, const struct id128 *id, uint32_t asset)
{
	uint8_t bytes[2 + ID_BYTES];

	bytes[0] = (uint8_t)asset;
	bytes[1] = (uint8_t)(asset >> 8);
	memcpy(bytes + 2, id->bytes, ID_BYTES);
	return ledger_fingerprint(ledger, bytes, sizeof bytes);
}

static uint32_t counter_find(const struct ledger *ledger, const struct id128 *id, uint32_t asset)
{
	struct table_scan scan =
		table_find(&ledger->counter_table, counter_fingerprint(ledger, id, asset));
	uint64_t value;

	while (table_next(&scan, &value)) {
		const struct ledger_counter *counter =
			segments_at(&ledger->counters, (uint32_t)value - 1);

		if (counter->asset == asset && memcmp(&counter->id, id, sizeof *id) == 0) {
			return (uint32_t)value - 1;
		}
	}
	return LEDGER_NONE;
}

u128 ledger_counter_spent(
	const struct ledger *ledger, const struct id128 *id, uint32_t asset, uint32_t day)
{
	uint32_t index = counter_find(ledger, id, asset);
	const struct ledger_counter *counter;

	if (index == LEDGER_NONE) {
		return 0;
	}
	counter = segments_at(&ledger->counters, index);
	return counter->day == day ? counter->spent : 0;
}

void ledger_counter_load(struct ledger *ledger, const struct ledger_counter *counter)
{
	uint32_t index = ledger->counter_count++;

	*(struct ledger_counter *)segments_at(&ledger->counters, index) = *counter;
	table_insert(&ledger->counter_table,
		counter_fingerprint(ledger, &counter->id, counter->asset), (uint64_t)index + 1);
}

void ledger_counter_add(
	struct ledger *ledger, const struct id128 *id, uint32_t asset, uint32_t day, u128 amount)
{
	uint32_t index = counter_find(ledger, id, asset);
	struct ledger_counter *counter;

	if (index == LEDGER_NONE) {
		index = ledger->counter_count;
		ledger_counter_load(
			ledger, &(struct ledger_counter){
					.id = *id, .asset = (uint16_t)asset, .day = day });
		if (ledger->journal_depth > 0) {
			(void)ledger_note(ledger, NOTE_COUNTER_MADE, index);
		}
	}
	counter = segments_at(&ledger->counters, index);
	if (ledger->journal_depth > 0) {
		struct ledger_note *slot = ledger_note(ledger, NOTE_COUNTER_SPENT, index);

		slot->amount = counter->spent;
		slot->day = counter->day;
	}
	counter->spent = (counter->day == day ? counter->spent : 0) + amount;
	counter->day = day;
	if (!counter->is_dirty) {
		*(uint32_t *)segments_at(&ledger->dirty_counters, ledger->dirty_counter_count++) =
			index;
		counter->is_dirty = true;
	}
}

void ledger_counter_undo(struct ledger *ledger, uint32_t index)
{
	struct ledger_counter *counter = segments_at(&ledger->counters, index);

	assert(index == ledger->counter_count - 1);
	table_remove(&ledger->counter_table,
		counter_fingerprint(ledger, &counter->id, counter->asset), (uint64_t)index + 1);
	memset(counter, 0, sizeof *counter);
	ledger->counter_count--;
}
