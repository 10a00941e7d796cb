/* A whole run over an accounting snapshot that somebody sealed. The first byte says by which policy
 * and how the others are cut. Whatever they are: the same run.json from other pieces and tables; of
 * what is paid every unit of the pool is told; of what is not paid nothing. */
#include "tests/reward_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

#define POLICY(rounding, caps)                                                                     \
	"{\"body\":{\"asset\":\"ron\",\"caps\":{" caps                                             \
	"\"epoch_cap\":\"900\"},\"emission_curve\":"                                               \
	"{\"base_per_epoch\":\"1000\",\"kind\":\"halving\",\"period_epochs\":1},\"rounding\":"     \
	"\"" rounding "\",\"weights\":{\"subs\":0.7,\"views\":0.3}},\"id\":\"rev42\",\"version\":" \
	"\"1.0.0\"}"
#define WIDE   "\"actor_cap\":\"1000\","
#define NARROW "\"actor_cap\":\"400\",\"category_cap\":{\"\":\"1\",\"music\":\"390\"},"

static const char *const policies[] = { POLICY("floor", WIDE), POLICY("bankers", WIDE),
	POLICY("floor", NARROW), POLICY("bankers", NARROW) };

static const char ledger[] =
	"{\"asset\":\"ron\",\"epoch_id\":\"2025-10-01\",\"kind\":\"ron.ledger.snapshot\","
	"\"pool_account\":\"sys:reward_pool:acme:ron\",\"pool_total_minor\":\"997\",\"root\":"
	"\"0000000000000000000000000000000000000000000000000000000000000000\",\"seq\":1,"
	"\"tenant\":\"acme\",\"v\":1}";

static void check_totals(const struct reward_alloc *alloc)
{
	const struct reward_totals *totals = &alloc->totals;
	u128 paid = 0;

	for (uint32_t place = 0; place < alloc->actor_count; place++) {
		paid += reward_alloc_actor(alloc, place).amount;
	}
	assert(paid == totals->payout && totals->payout <= totals->pool_total);
	assert(totals->clamp + totals->idle + totals->dust + totals->category_excess +
			totals->actor_excess ==
		totals->pool_total - totals->payout);
}

static struct reward_kept run(const struct reward_case *given)
{
	static struct reward_world world;
	struct reward_kept kept = { 0 };
	bool good = reward_world_run(&world, given);
	enum reward_verdict verdict = world.run.facts.outcome.verdict;

	assert(good == (verdict == REWARD_OK));
	if (good) {
		check_totals(world.run.facts.alloc);
	} else {
		assert(verdict == REWARD_QUARANTINED && world.run.facts.outcome.detail[0] != '\0');
	}
	kept = reward_manifest_of(&world.run.facts);
	assert(good || strstr(kept.bytes, "{\"allocations\":[],") == kept.bytes);
	reward_world_finish(&world);
	return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct reward_case given = { .ledger = ledger };
	struct reward_kept whole, cut;

	if (bytes_count < 2) {
		return 0;
	}
	given.policy = policies[bytes[0] % COUNT_OF(policies)];
	given.accounting = (struct slice){ bytes + 1, bytes_count - 1 };
	whole = run(&given);
	given.piece_bytes = 1 + (size_t)(bytes[0] / COUNT_OF(policies));
	given.key = bytes[0];
	cut = run(&given);
	assert(strcmp(whole.bytes, cut.bytes) == 0);
	free(whole.bytes);
	free(cut.bytes);
	return 0;
}
