/* What the ledger holds in memory has an end, and who runs the node hears of it from four fifths
 * on, long before writes are refused (DESIGN-LEDGER.md section 4). */
#include "common/log.h"
#include "common/metrics.h"
#include "services/sequencer/sequencer.h"

struct table_room {
	const char *name; /* as the log says it */
	uint64_t used, max;
	enum metric gauge;
};

static enum room level_of(const struct table_room *table)
{
	if (table->used >= table->max) {
		return ROOM_NONE;
	}
	return table->used >= table->max - table->max / 5 ? ROOM_LITTLE : ROOM_PLENTY;
}

/* Once on the way up; again after it had been better. */
static void look_at(const struct table_room *table, enum room *told)
{
	enum room level = level_of(table);
	struct log_fields fields = {
		.text = table->name,
		.count = table->used,
		.size = table->max,
	};

	metrics_set(table->gauge, METRIC_PLAIN, table->used);
	if (level > *told) {
		log_event(level == ROOM_NONE ? LOG_CAPACITY_REACHED : LOG_CAPACITY_LOW, &fields);
	}
	*told = level;
}

void room_look(struct sequencer *self)
{
	const struct table_room tables[ROOM_TABLES] = {
		{ "ledger.dedupe_ram_entries", ledger_next_seq(self->ledger) - 1,
			self->limits.dedupe_entries_max, METRIC_LEDGER_DEDUPE_ENTRIES },
		{ "open holds and reversed entries", ledger_claims(self->ledger),
			self->limits.claims_max, METRIC_LEDGER_CLAIMS },
		{ "day limits of tokens", ledger_counters(self->ledger), self->limits.counters_max,
			METRIC_LEDGER_COUNTERS },
	};

	for (size_t i = 0; i < ROOM_TABLES; i++) {
		look_at(&tables[i], &self->room_told[i]);
	}
}
