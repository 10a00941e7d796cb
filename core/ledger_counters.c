#include "core/ledger_state.h"

/* What was spent on a UTC day under a `daily<=` or a quota, by counter and asset. One of a day that
 * is over says as much as none, so its place is taken by the next new one: holders narrow tokens
 * offline, for each request perhaps, and every `daily<=` of theirs is a counter. */

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

static struct ledger_counter *counter_at(const struct ledger *ledger, uint32_t index)
{
	return segments_at(&ledger->counters, index);
}

static void table_put(struct ledger *ledger, uint32_t index)
{
	const struct ledger_counter *counter = counter_at(ledger, index);

	table_insert(&ledger->counter_table,
		counter_fingerprint(ledger, &counter->id, counter->asset), (uint64_t)index + 1);
}

static void table_take(struct ledger *ledger, uint32_t index)
{
	const struct ledger_counter *counter = counter_at(ledger, index);

	table_remove(&ledger->counter_table,
		counter_fingerprint(ledger, &counter->id, counter->asset), (uint64_t)index + 1);
}

/* One more is of this day. */
static void count_day(struct ledger *ledger, uint32_t day)
{
	if (day > ledger->counters_day) {
		ledger->counters_day = day;
		ledger->counters_today = 0;
	}
	ledger->counters_today += day == ledger->counters_day ? 1u : 0u;
}

static uint32_t of_day(const struct ledger *ledger, uint32_t day)
{
	return day == ledger->counters_day ? ledger->counters_today : 0;
}

bool ledger_counters_fit(const struct ledger *ledger, const struct ledger_charge *charges,
	size_t charge_count, uint32_t day)
{
	uint32_t count = ledger->counter_count, max = ledger->limits.counters_max;
	uint32_t free = (max > count ? max - count : 0) + count - of_day(ledger, day);
	uint32_t wanted = 0;

	if (free >= charge_count) {
		return true; /* nobody has to be looked up */
	}
	for (size_t i = 0; i < charge_count; i++) {
		uint32_t index =
			charges[i].asset == LEDGER_NONE
				? LEDGER_NONE
				: counter_find(ledger, &charges[i].counter_id, charges[i].asset);

		wanted += index == LEDGER_NONE || counter_at(ledger, index)->day != day ? 1u : 0u;
	}
	return free >= wanted;
}

void ledger_counter_load(struct ledger *ledger, const struct ledger_counter *counter)
{
	uint32_t index = ledger->counter_count++;

	*counter_at(ledger, index) = *counter;
	table_put(ledger, index);
	count_day(ledger, counter->day);
}

/* LEDGER_NONE: all are of today. */
static uint32_t reuse(struct ledger *ledger, const struct ledger_counter *wanted)
{
	struct ledger_counter *counter;
	uint32_t index;

	if (of_day(ledger, wanted->day) == ledger->counter_count) {
		return LEDGER_NONE;
	}
	while (ledger->counter_next >= ledger->counter_count ||
		counter_at(ledger, ledger->counter_next)->day == wanted->day) {
		ledger->counter_next = ledger->counter_next + 1 < ledger->counter_count
					       ? ledger->counter_next + 1
					       : 0;
	}
	index = ledger->counter_next;
	counter = counter_at(ledger, index);
	assert(!counter->is_dirty); /* a batch has one day */
	if (ledger->journal_depth > 0) {
		ledger_note(ledger, NOTE_COUNTER_REUSED, index)->counter = *counter;
	}
	table_take(ledger, index);
	*counter = *wanted;
	table_put(ledger, index);
	count_day(ledger, counter->day);
	return index;
}

static uint32_t make(struct ledger *ledger, const struct id128 *id, uint32_t asset, uint32_t day)
{
	struct ledger_counter wanted = { .id = *id, .asset = (uint16_t)asset, .day = day };
	uint32_t index = reuse(ledger, &wanted);

	if (index == LEDGER_NONE) {
		index = ledger->counter_count;
		ledger_counter_load(ledger, &wanted);
		if (ledger->journal_depth > 0) {
			(void)ledger_note(ledger, NOTE_COUNTER_MADE, index);
		}
	}
	return index;
}

void ledger_counter_add(
	struct ledger *ledger, const struct id128 *id, uint32_t asset, uint32_t day, u128 amount)
{
	uint32_t index = counter_find(ledger, id, asset);
	struct ledger_counter *counter;

	if (index == LEDGER_NONE) {
		index = make(ledger, id, asset, day);
	}
	counter = counter_at(ledger, index);
	if (ledger->journal_depth > 0) {
		struct ledger_note *slot = ledger_note(ledger, NOTE_COUNTER_SPENT, index);

		slot->amount = counter->spent;
		slot->day = counter->day;
	}
	if (counter->day != day) {
		counter->day = day;
		counter->spent = 0;
		count_day(ledger, day);
	}
	counter->spent += amount;
	if (!counter->is_dirty) {
		*(uint32_t *)segments_at(&ledger->dirty_counters, ledger->dirty_counter_count++) =
			index;
		counter->is_dirty = true;
	}
}

/* ---- taking back: each was made or spent on the newest day ---- */

void ledger_counter_undo_made(struct ledger *ledger, uint32_t index)
{
	assert(index == ledger->counter_count - 1);
	table_take(ledger, index);
	memset(counter_at(ledger, index), 0, sizeof(struct ledger_counter));
	ledger->counter_count--;
	ledger->counters_today--;
}

void ledger_counter_undo_reused(
	struct ledger *ledger, uint32_t index, const struct ledger_counter *before)
{
	table_take(ledger, index);
	*counter_at(ledger, index) = *before;
	table_put(ledger, index);
	ledger->counters_today--;
}

void ledger_counter_undo_spent(struct ledger *ledger, uint32_t index, uint32_t day, u128 spent)
{
	struct ledger_counter *counter = counter_at(ledger, index);

	ledger->counters_today -= counter->day != day ? 1u : 0u;
	counter->day = day;
	counter->spent = spent;
}
