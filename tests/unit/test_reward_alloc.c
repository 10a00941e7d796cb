/* Small allocations whose every number stands in spec/rewarder.md (9.7, 9.12), and the edges. */
#include "tests/reward_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/reward_wide.h"

#define TEXT_BYTES 4096u
#define AMOUNT_MAX "170141183460469231731687303715884105727"

static struct reward_world world;

static const char *print(const char *form, ...) __attribute__((format(printf, 1, 2)));

/* One of a few buffers in turn. */
static const char *print(const char *form, ...)
{
	static char texts[8][TEXT_BYTES];
	static unsigned next;
	char *text = texts[next++ % COUNT_OF(texts)];
	va_list args;

	va_start(args, form);
	(void)vsnprintf(text, TEXT_BYTES, form, args);
	va_end(args);
	return text;
}

static const char *policy(const char *caps, const char *rounding, const char *weights)
{
	return print("{\"body\":{\"asset\":\"ron\",\"caps\":{%s},\"emission_curve\":"
		     "{\"base_per_epoch\":\"" AMOUNT_MAX
		     "u\",\"kind\":\"halving\",\"period_epochs\":100000},\"rounding\":\"%s\","
		     "\"weights\":{%s}},\"id\":\"rev42\",\"version\":\"1.2.0\"}",
		caps, rounding, weights);
}

static const char no_caps[] = "\"actor_cap\":\"" AMOUNT_MAX "u\",\"epoch_cap\":\"" AMOUNT_MAX "u\"";

static const char *ledger(const char *pool)
{
	return print(
		"{\"asset\":\"ron\",\"epoch_id\":\"2025-10-01\",\"kind\":\"ron.ledger.snapshot\","
		"\"pool_account\":\"sys:reward_pool:acme:ron\",\"pool_total_minor\":\"%s\","
		"\"root\":\"00000000000000000000000000000000"
		"00000000000000000000000000000000\",\"seq\":1,\"tenant\":\"acme\",\"v\":1}",
		pool);
}

static struct slice rows(unsigned actors, unsigned events, const char *text)
{
	return reward_slice(print("{\"actors\":%u,\"epoch_id\":\"2025-10-01\",\"events\":%u,"
				  "\"kind\":\"ron.accounting.snapshot\",\"rows\":[%s],"
				  "\"tenant\":\"acme\",\"v\":1}",
		actors, events, text));
}

static void assert_amount(u128 amount, u128 expected)
{
	assert_int_equal((uint64_t)(amount >> 64), (uint64_t)(expected >> 64));
	assert_int_equal((uint64_t)amount, (uint64_t)expected);
}

static void run(struct reward_case given)
{
	if (!reward_world_run(&world, &given)) {
		fail_msg("%s", world.run.facts.outcome.detail);
	}
}

#define ROW(actor, category, counts) \
	"{\"actor\":\"" actor "\",\"category\":\"" category "\",\"counts\":{" counts "}}"
#define GOLDEN_ROWS                                                                \
	ROW("did:ron:alice", "video", "\"subs\":\"3\",\"views\":\"10\"")           \
	"," ROW("did:ron:bob", "music", "\"subs\":\"1\",\"views\":\"5\"") "," ROW( \
		"did:ron:carol", "video", "\"subs\":\"3\",\"views\":\"2\"")
#define WEIGHTS "\"subs\":0.7,\"views\":0.3"

static void a_tie_is_rounded_down_by_floor(void **state)
{
	(void)state;
	run((struct reward_case){ .policy = policy(no_caps, "floor", "\"views\":1"),
		.ledger = ledger("3"),
		.accounting = rows(2, 2,
			ROW("a", "", "\"views\":\"1\"") "," ROW("b", "", "\"views\":\"1\"")) });
	assert_amount(reward_amount_of(&world, "a"), 1);
	assert_amount(reward_amount_of(&world, "b"), 1);
	assert_amount(world.run.alloc.totals.dust, 1);
	reward_world_finish(&world);
}

static void a_tie_of_bankers_is_repaired_at_the_first_actor(void **state)
{
	(void)state;
	run((struct reward_case){ .policy = policy(no_caps, "bankers", "\"views\":1"),
		.ledger = ledger("3"),
		.accounting = rows(2, 2,
			ROW("b", "", "\"views\":\"1\"") "," ROW("a", "", "\"views\":\"1\"")) });
	assert_amount(reward_amount_of(&world, "a"), 1);
	assert_amount(reward_amount_of(&world, "b"), 2);
	assert_amount(world.run.alloc.totals.dust, 0);
	struct reward_share share = reward_alloc_share(&world.run.alloc, 0, 0);

	assert_true(share.is_rounded_up && share.is_repaired);
	assert_amount(share.quotient, 1);
	assert_amount(share.remainder, 1);
	assert_false(reward_alloc_share(&world.run.alloc, 1, 0).is_repaired);
	reward_world_finish(&world);
}

static void bankers_round_a_half_to_even(void **state)
{
	(void)state;
	/* 4 * 1 / 8 = 0.5 -> 0; 4 * 3 / 8 = 1.5 -> 2; 4 * 4 / 8 = 2 */
	run((struct reward_case){ .policy = policy(no_caps, "bankers", "\"views\":1"),
		.ledger = ledger("4"),
		.accounting = rows(3, 3,
			ROW("a", "", "\"views\":\"1\"") "," ROW("b", "", "\"views\":\"3\"") "," ROW(
				"c", "", "\"views\":\"4\"")) });
	assert_amount(reward_amount_of(&world, "a"), 0);
	assert_amount(reward_amount_of(&world, "b"), 2);
	assert_amount(reward_amount_of(&world, "c"), 2);
	assert_int_equal(world.run.alloc.allocation_count, 2);
	reward_world_finish(&world);
}

static void caps_cut_and_tell_what_they_cut(void **state)
{
	const struct reward_totals *totals = &world.run.alloc.totals;
	struct reward_kept kept;

	(void)state;
	run((struct reward_case){
		.policy = policy("\"actor_cap\":\"400u\",\"category_cap\":{\"music\":\"400u\","
				 "\"video\":\"420u\"},\"epoch_cap\":\"900u\"",
			"floor", WEIGHTS),
		.ledger = ledger("1001"),
		.accounting = rows(3, 3, GOLDEN_ROWS) });
	assert_amount(reward_amount_of(&world, "did:ron:alice"), 400);
	assert_amount(reward_amount_of(&world, "did:ron:bob"), 169);
	assert_amount(reward_amount_of(&world, "did:ron:carol"), 301);
	assert_amount(totals->payout, 870);
	assert_amount(totals->clamp, 101);
	assert_amount(totals->dust, 2);
	assert_amount(totals->category_excess, 8);
	assert_amount(totals->actor_excess, 20);
	kept = reward_manifest_of(&world.run.facts);
	assert_non_null(strstr(kept.bytes, "weight:subs*rate=270;weight:views*rate=158;"
					   "cap:category=-8;cap:actor=-20\""));
	assert_non_null(strstr(kept.bytes, "\"residual\":{\"actor_excess\":\"20\",\"category_"
					   "excess\":\"8\",\"clamp\":\"101\",\"dust\":\"2\","
					   "\"idle\":\"0\"}"));
	free(kept.bytes);
	reward_world_finish(&world);
}

static void an_idle_metric_stays_in_the_pool(void **state)
{
	static const char *const roundings[] = { "floor", "bankers" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(roundings); i++) {
		run((struct reward_case){ .policy = policy(no_caps, roundings[i], WEIGHTS),
			.ledger = ledger("1000"),
			.accounting = rows(1, 1, ROW("a", "", "\"views\":\"5\",\"subs\":\"0\"")) });
		assert_amount(reward_amount_of(&world, "a"), 300);
		assert_amount(world.run.alloc.totals.idle, 700);
		reward_world_finish(&world);
	}
}

static void rows_of_one_actor_are_summed(void **state)
{
	(void)state;
	run((struct reward_case){ .policy = policy(no_caps, "floor", WEIGHTS),
		.ledger = ledger("100"),
		.accounting = rows(2, 3,
			ROW("a", "", "\"views\":\"2\",\"subs\":\"1\"") "," ROW(
				"b", "", "\"views\":\"1\",\"subs\":\"1\"") "," ROW("a", "",
				"\"views\":\"3\"")) });
	/* views 5:1 of 30 and subs 1:1 of 70 */
	assert_amount(reward_amount_of(&world, "a"), 60);
	assert_amount(reward_amount_of(&world, "b"), 40);
	assert_int_equal(world.run.rows.cell_count, 2);
	reward_world_finish(&world);
}

static void nobody_gets_nothing_and_that_is_ok(void **state)
{
	struct reward_kept kept;

	(void)state;
	run((struct reward_case){ .policy = policy(no_caps, "bankers", WEIGHTS),
		.ledger = ledger("1001"),
		.accounting = rows(0, 0, "") });
	assert_int_equal(world.run.alloc.actor_count, 0);
	assert_amount(world.run.alloc.totals.idle, 1000);
	assert_amount(world.run.alloc.totals.dust, 1);
	kept = reward_manifest_of(&world.run.facts);
	assert_non_null(strstr(kept.bytes, "{\"allocations\":[],"));
	assert_non_null(strstr(kept.bytes, "\"delta_minor\":\"1001\""));
	free(kept.bytes);
	reward_world_finish(&world);
}

/* Goal: the product that needs 256 bits. */
static void the_largest_pool_is_shared_exactly(void **state)
{
	(void)state;
	run((struct reward_case){ .policy = policy(no_caps, "bankers", "\"views\":1"),
		.ledger = ledger(AMOUNT_MAX),
		.accounting = rows(2, 2,
			ROW("a", "", "\"views\":\"9223372036854775807\"") "," ROW(
				"b", "", "\"views\":\"1\"")) });
	/* (2^127 - 1) / 2^63 = 2^64 - 2^-63 */
	assert_amount(reward_amount_of(&world, "b"), (u128)1 << 64);
	assert_amount(reward_amount_of(&world, "a"), (((u128)1 << 127) - 1) - ((u128)1 << 64));
	reward_world_finish(&world);
}

static void metrics_that_are_not_weighed_count_for_nothing(void **state)
{
	(void)state;
	run((struct reward_case){ .policy = policy(no_caps, "floor", "\"views\":1"),
		.ledger = ledger("10"),
		.accounting = rows(2, 2,
			ROW("a", "", "\"clicks\":\"99\",\"views\":\"1\"") "," ROW(
				"b", "", "\"clicks\":\"1\"")) });
	assert_amount(reward_amount_of(&world, "a"), 10);
	assert_amount(reward_amount_of(&world, "b"), 0);
	reward_world_finish(&world);
}

static void the_emission_is_halved_by_period(void **state)
{
	static const struct {
		uint64_t index;
		uint64_t budget;
	} examples[] = { { 0, 1000000 }, { 99999, 1000000 }, { 100000, 500000 }, { 200000, 250000 },
		{ 1900000, 1 }, { 2000000, 0 }, { 12700000, 0 }, { REWARD_EPOCH_INDEX_MAX, 0 } };
	static struct reward_policy curve = { .period_epochs = 100000,
		.base_per_epoch.minor = 1000000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		assert_amount(reward_policy_budget(&curve, examples[i].index), examples[i].budget);
	}
	curve.base_per_epoch.minor = REWARD_AMOUNT_MAX;
	assert_amount(reward_policy_budget(&curve, 12600000), 1);
	assert_amount(reward_policy_budget(&curve, 12700000), 0);
}

static void wide_shares_are_exact(void **state)
{
	const u128 max = REWARD_AMOUNT_MAX;
	u128 rest = 0;

	(void)state;
	assert_amount(reward_wide_share(max, max, max, &rest), max);
	assert_amount(rest, 0);
	assert_amount(reward_wide_share(max, max - 1, max, &rest), max - 1);
	assert_amount(rest, 0);
	assert_amount(reward_wide_share(U128_MAX, 1, U128_MAX, &rest), 1);
	assert_amount(rest, 0);
	assert_amount(reward_wide_share(U128_MAX, U128_MAX - 1, U128_MAX, &rest), U128_MAX - 1);
	assert_amount(rest, 0);
	assert_amount(reward_wide_share(7, 3, 10, &rest), 2);
	assert_amount(rest, 1);
	assert_amount(reward_wide_share(UINT64_MAX, UINT64_MAX, UINT64_MAX, &rest), UINT64_MAX);
	/* (2^100 + 1) * 2^50 = 2^150 + 2^50 = 3 * q + r */
	assert_amount(
		reward_wide_share(((u128)1 << 100) + 1, 2, 3, &rest), (((u128)1 << 101) + 2) / 3);
	assert_amount(rest, (((u128)1 << 101) + 2) % 3);
}

static void assert_kind(struct reward_totals totals, enum reward_kind kind)
{
	struct reward_outcome outcome = { 0 };

	assert_int_equal(reward_alloc_check(&totals, &outcome), kind == REWARD_KIND_NONE);
	assert_int_equal(outcome.kind, kind);
}

/* Goal: what no input can bring about is found all the same. */
static void the_invariants_are_held_against_a_wrong_result(void **state)
{
	const struct reward_totals good = { .pool_total = 100,
		.payout = 90,
		.clamp = 1,
		.idle = 2,
		.dust = 3,
		.category_excess = 2,
		.actor_excess = 2,
		.share_count = 2,
		.metric_count = 1 };
	struct reward_totals wrong = good;

	(void)state;
	assert_kind(good, REWARD_KIND_NONE);
	wrong.payout = 101;
	assert_kind(wrong, REWARD_KIND_CONSERVATION);
	wrong = good;
	wrong.idle = 1;
	assert_kind(wrong, REWARD_KIND_DUST_POLICY);
	wrong = good;
	wrong.share_count = 1; /* 3 units of dust from one share and one metric */
	assert_kind(wrong, REWARD_KIND_DUST_POLICY);
	wrong = good;
	wrong.clamp = U128_MAX;
	assert_kind(wrong, REWARD_KIND_OVERFLOW);
	wrong.clamp = REWARD_AMOUNT_MAX;
	assert_kind(wrong, REWARD_KIND_OVERFLOW);
}

/* Goal: every point at which memory can be used up ends in order, and leaves nothing. */
static void a_run_without_memory_says_so(void **state)
{
	struct reward_case given = { .policy = policy(no_caps, "bankers", WEIGHTS),
		.ledger = ledger("1001"),
		.accounting = rows(3, 3, GOLDEN_ROWS) };
	size_t refused = 0;

	(void)state;
	for (given.memory_max = 1;; given.memory_max += 32768) {
		bool good = reward_world_run(&world, &given);

		assert_int_equal(
			world.run.facts.outcome.verdict, good ? REWARD_OK : REWARD_NO_MEMORY);
		assert_true(good || world.run.facts.alloc == NULL);
		reward_world_finish(&world);
		if (good) {
			break;
		}
		refused++;
	}
	assert_true(refused > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tie_is_rounded_down_by_floor),
		cmocka_unit_test(a_tie_of_bankers_is_repaired_at_the_first_actor),
		cmocka_unit_test(bankers_round_a_half_to_even),
		cmocka_unit_test(caps_cut_and_tell_what_they_cut),
		cmocka_unit_test(an_idle_metric_stays_in_the_pool),
		cmocka_unit_test(rows_of_one_actor_are_summed),
		cmocka_unit_test(nobody_gets_nothing_and_that_is_ok),
		cmocka_unit_test(the_largest_pool_is_shared_exactly),
		cmocka_unit_test(metrics_that_are_not_weighed_count_for_nothing),
		cmocka_unit_test(the_emission_is_halved_by_period),
		cmocka_unit_test(wide_shares_are_exact),
		cmocka_unit_test(the_invariants_are_held_against_a_wrong_result),
		cmocka_unit_test(a_run_without_memory_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
