#ifndef SERVICES_EDGE_TICKETS_H
#define SERVICES_EDGE_TICKETS_H

/* Requests that are in other hands (DESIGN-WALL.md section 3). A ticket is the corr_id of a
 * request inside: its slot (20 bits) above 44 random ones, all of which a reply must show. So a
 * late reply never reaches another client, and no sibling can guess its way to one.
 *
 * A ticket ends with its reply, its deadline, or with one of the two processes that it is in the
 * hands of: the prevalidator that it was sent to, and the owner of its route. Which of them has
 * it the edge cannot know, so either's end is the ticket's. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"

#define TICKETS_SLOT_BITS   20u
#define TICKETS_RANDOM_BITS 44u

struct ticket {
	uint64_t number; /* 0: free */
	void *holder;    /* whoever waits; borrowed */
	uint64_t due_mono_ms;
	uint32_t checker_generation; /* of the prevalidator */
	uint32_t next_free;
	uint8_t checker; /* its instance */
	uint8_t owner;   /* enum process */
};

struct tickets {
	struct ticket *slots; /* borrowed */
	uint32_t slots_count; /* at most 2^20 */
	uint32_t used_end;    /* no slot from here on was ever used */
	uint32_t free_first;
	uint32_t count; /* open now */
};

void tickets_init(struct tickets *tickets, struct ticket *slots, uint32_t slots_count);

/* Opens one with everything but `number` taken from *plan; NULL when all slots are taken.
 * random: fresh from the kernel. */
MUST_CHECK struct ticket *tickets_open(
	struct tickets *tickets, const struct ticket *plan, uint64_t random);
void tickets_close(struct tickets *tickets, struct ticket *ticket);

/* NULL when there is no such ticket, or no longer. */
struct ticket *tickets_find(const struct tickets *tickets, uint64_t number);

/* The first open one at or behind *at for which `ends` is true, with *at behind it; NULL at the
 * end. The ticket may be closed before the next call. */
typedef bool (*tickets_ends)(const struct ticket *ticket, const void *context);
struct ticket *tickets_next(
	const struct tickets *tickets, uint32_t *at, tickets_ends ends, const void *context);

#endif
