#ifndef TESTS_INTENT_MAKER_H
#define TESTS_INTENT_MAKER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/entry.h"
#include "core/intent.h"

/* Intents for tests: an epoch of tenant acme that pays `count` actors, the i-th i + 1 units. The
 * letters that names are made of lie in the maker. */

struct intent_maker {
	struct intent intent;
	char epoch[INTENT_EPOCH_BYTES_MAX];
	uint8_t *allocations; /* owned */
	size_t allocations_bytes;
};

static inline struct slice intent_maker_text(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static inline struct slice intent_maker_allocations(const struct intent_maker *maker)
{
	return (struct slice){ maker->allocations, maker->allocations_bytes };
}

static inline void intent_maker_finish(struct intent_maker *maker)
{
	free(maker->allocations);
	maker->allocations = NULL;
}

/* Totals, count and cid from the allocations. */
static inline void intent_maker_seal(struct intent_maker *maker)
{
	struct byte_reader in = byte_reader_of(intent_maker_allocations(maker));
	struct intent_allocation each;
	struct intent_cid cid;

	maker->intent.count = 0;
	maker->intent.payout_total = 0;
	intent_cid_init(&cid);
	while (intent_next(&in, &each)) {
		maker->intent.count++;
		maker->intent.payout_total += each.amount;
		intent_cid_add(&cid, &each);
	}
	intent_cid_finish(&cid, &maker->intent.allocations_cid);
	maker->intent.pool_total = maker->intent.payout_total + 1; /* a residual */
}

/* `run` tells one run from another. */
static inline void intent_maker_init(
	struct intent_maker *maker, const char *epoch, uint64_t run, uint32_t count)
{
	struct byte_writer out;

	memset(maker, 0, sizeof *maker);
	(void)snprintf(maker->epoch, sizeof maker->epoch, "%s", epoch);
	maker->allocations = malloc(count * (size_t)INTENT_ALLOCATION_BYTES_MAX);
	if (maker->allocations == NULL) {
		abort();
	}
	out = byte_writer_of(maker->allocations, count * (size_t)INTENT_ALLOCATION_BYTES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		char actor[32];

		(void)snprintf(actor, sizeof actor, "did:ron:actor%06u", i);
		intent_put_allocation(
			&out, &(struct intent_allocation){ intent_maker_text(actor), (u128)i + 1 });
	}
	maker->allocations_bytes = out.used;
	maker->intent = (struct intent){
		.tenant = ENTRY_VIEW("acme"),
		.epoch = intent_maker_text(maker->epoch),
		.policy_id = ENTRY_VIEW("rev42"),
		.asset = ENTRY_VIEW("ron"),
		.pool_account = ENTRY_VIEW("sys:reward_pool:acme:ron"),
	};
	memcpy(maker->intent.run_key.bytes, &run, sizeof run);
	memcpy(maker->intent.idempotency_key.bytes + 8, &run, sizeof run);
	memcpy(maker->intent.commitment.bytes + 16, &run, sizeof run);
	intent_maker_seal(maker);
}

#endif
