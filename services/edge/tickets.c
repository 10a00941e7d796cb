#include "services/edge/tickets.h"

#include <stddef.h>

#define NONE UINT32_MAX

void tickets_init(struct tickets *tickets, struct ticket *slots, uint32_t slots_count)
{
	assert(slots_count > 0 && slots_count <= 1u << TICKETS_SLOT_BITS);
	*tickets = (struct tickets){
		.slots = slots,
		.slots_count = slots_count,
		.free_first = NONE,
	};
}

/* A slot that was used before comes first, so that few are ever touched. */
static uint32_t take_slot(struct tickets *tickets)
{
	uint32_t slot = tickets->free_first;

	if (slot != NONE) {
		tickets->free_first = tickets->slots[slot].next_free;
		return slot;
	}
	return tickets->used_end < tickets->slots_count ? tickets->used_end++ : NONE;
}

struct ticket *tickets_open(struct tickets *tickets, const struct ticket *plan, uint64_t random)
{
	uint32_t slot = take_slot(tickets);
	uint64_t low = random & ((UINT64_C(1) << TICKETS_RANDOM_BITS) - 1);
	struct ticket *ticket;

	if (slot == NONE) {
		return NULL;
	}
	ticket = &tickets->slots[slot];
	*ticket = *plan;
	ticket->number = (uint64_t)slot << TICKETS_RANDOM_BITS | (low == 0 ? 2 : low);
	tickets->count++;
	return ticket;
}

void tickets_close(struct tickets *tickets, struct ticket *ticket)
{
	assert(ticket->number != 0 && tickets->count > 0);
	ticket->number = 0;
	ticket->holder = NULL;
	ticket->next_free = tickets->free_first;
	tickets->free_first = (uint32_t)(ticket - tickets->slots);
	tickets->count--;
}

struct ticket *tickets_find(const struct tickets *tickets, uint64_t number)
{
	uint64_t slot = number >> TICKETS_RANDOM_BITS;

	if (number == 0 || slot >= tickets->used_end || tickets->slots[slot].number != number) {
		return NULL;
	}
	return &tickets->slots[slot];
}

struct ticket *tickets_next(
	const struct tickets *tickets, uint32_t *at, tickets_ends ends, const void *context)
{
	while (*at < tickets->used_end) {
		struct ticket *ticket = &tickets->slots[(*at)++];

		if (ticket->number != 0 && ends(ticket, context)) {
			return ticket;
		}
	}
	return NULL;
}
