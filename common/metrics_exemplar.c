#include "common/metrics.h"

/* A reader may look while a page's one writer writes, and neither waits for the other: what was
 * torn is seen by `turn`, and left out of this answer. */

static const struct exemplar_row {
	size_t slot; /* of label 0 */
	uint16_t label_count;
	uint16_t writers;
	uint16_t metric; /* enum metric */
} rows[METRIC_EXEMPLAR_COUNT] = {
#define AS_ROW(NAME, labels, writers)                                                \
	[METRIC_EXEMPLAR_##NAME] = { offsetof(struct metrics_exemplar_slots, NAME) / \
					     sizeof(struct metrics_exemplar_slot),   \
		METRIC_LABELS_##labels##_COUNT, writers, METRIC_##NAME },
	METRIC_EXEMPLARS(AS_ROW)
#undef AS_ROW
};

static struct metrics_exemplar_slot *slot_of(
	struct metrics_page *page, enum metric_exemplar which, size_t label)
{
	assert(label < rows[which].label_count);
	return (struct metrics_exemplar_slot *)&page->exemplars + rows[which].slot + label;
}

static uint64_t read_be(const uint8_t *bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < sizeof number; i++) {
		number = number << 8 | bytes[i];
	}
	return number;
}

static void put(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

void metrics_exemplar(
	enum metric_exemplar which, size_t label, const struct id128 *trace_id, uint64_t value)
{
	struct metrics_exemplar_slot *slot = slot_of(metrics_own, which, label);
	uint64_t turn = (get(&slot->turn) | 1) + 1; /* even again, whatever a dead writer left */

	put(&slot->turn, turn - 1);
	atomic_thread_fence(memory_order_release);
	put(&slot->trace_high, read_be(trace_id->bytes));
	put(&slot->trace_low, read_be(trace_id->bytes + sizeof(uint64_t)));
	put(&slot->value, value);
	put(&slot->unix_ms, (uint64_t)clock_unix_ms());
	atomic_store_explicit(&slot->turn, turn, memory_order_release);
}

enum metric_exemplar metrics_exemplar_of(enum metric metric)
{
	unsigned which = 0;

	while (which < METRIC_EXEMPLAR_COUNT && rows[which].metric != metric) {
		which++;
	}
	return (enum metric_exemplar)which;
}

uint16_t metrics_exemplar_writers(enum metric_exemplar which)
{
	return rows[which].writers;
}

bool metrics_exemplar_read(const struct metrics_page *page, enum metric_exemplar which,
	size_t label, struct metrics_exemplar *ret_exemplar)
{
	/* slot_of is for writers, too; nothing is written here */
	const struct metrics_exemplar_slot *slot =
		slot_of((struct metrics_page *)(uintptr_t)page, which, label);
	uint64_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
	struct metrics_exemplar exemplar = {
		.trace_high = get(&slot->trace_high),
		.trace_low = get(&slot->trace_low),
		.value = get(&slot->value),
		.unix_ms = get(&slot->unix_ms),
	};

	atomic_thread_fence(memory_order_acquire);
	if (turn == 0 || turn % 2 != 0 || get(&slot->turn) != turn) {
		return false;
	}
	*ret_exemplar = exemplar;
	return true;
}
