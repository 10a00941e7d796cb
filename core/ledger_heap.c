#include "core/ledger_state.h"

/* A binary heap of claim indexes; each claim knows its place, so that a hold that closes early
 * leaves at once. (expiry, seq) is a total order: what expires first never depends on how the
 * heap came to be, so replay expires the same. */

static uint32_t *place_at(const struct ledger *ledger, uint32_t place)
{
	return segments_at(&ledger->heap, place);
}

static struct ledger_claim *claim_at(const struct ledger *ledger, uint32_t place)
{
	return segments_at(&ledger->claims, *place_at(ledger, place));
}

static bool is_before(const struct ledger *ledger, uint32_t a, uint32_t b)
{
	const struct batch_claim *left = &claim_at(ledger, a)->record;
	const struct batch_claim *right = &claim_at(ledger, b)->record;

	if (left->expires_unix_ms != right->expires_unix_ms) {
		return left->expires_unix_ms < right->expires_unix_ms;
	}
	return left->original_seq < right->original_seq;
}

static void swap(struct ledger *ledger, uint32_t a, uint32_t b)
{
	uint32_t index = *place_at(ledger, a);

	*place_at(ledger, a) = *place_at(ledger, b);
	*place_at(ledger, b) = index;
	claim_at(ledger, a)->heap_place = a;
	claim_at(ledger, b)->heap_place = b;
}

static void rise(struct ledger *ledger, uint32_t place)
{
	while (place > 0 && is_before(ledger, place, (place - 1) / 2)) {
		swap(ledger, place, (place - 1) / 2);
		place = (place - 1) / 2;
	}
}

static void sink(struct ledger *ledger, uint32_t place)
{
	while (true) {
		uint32_t child = 2 * place + 1;

		if (child >= ledger->heap_count) {
			return;
		}
		if (child + 1 < ledger->heap_count && is_before(ledger, child + 1, child)) {
			child++;
		}
		if (!is_before(ledger, child, place)) {
			return;
		}
		swap(ledger, place, child);
		place = child;
	}
}

void ledger_heap_push(struct ledger *ledger, uint32_t claim_index)
{
	struct ledger_claim *claim = segments_at(&ledger->claims, claim_index);
	uint32_t place = ledger->heap_count++;

	assert(claim->heap_place == LEDGER_NONE);
	*place_at(ledger, place) = claim_index;
	claim->heap_place = place;
	rise(ledger, place);
}

void ledger_heap_remove(struct ledger *ledger, uint32_t claim_index)
{
	struct ledger_claim *claim = segments_at(&ledger->claims, claim_index);
	uint32_t place = claim->heap_place;
	uint32_t last = ledger->heap_count - 1;

	assert(place < ledger->heap_count);
	if (place != last) {
		swap(ledger, place, last);
	}
	ledger->heap_count--;
	claim->heap_place = LEDGER_NONE;
	if (place != last) {
		rise(ledger, place);
		sink(ledger, place);
	}
}

struct ledger_claim *ledger_heap_first(const struct ledger *ledger)
{
	return ledger->heap_count == 0 ? NULL : claim_at(ledger, 0);
}
