/* The quotas of the policy, in the ledger: what an account and a tenant may do on a UTC day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/ledger_world.h"

#define CHECK(truth) assert_true(truth)
#define DAY_MS       86400000u

static struct policy policy;

/* alice, bob and carol have 1000 of ron, and alice as much of usd; none of it through /v1. */
static int setup(void **state)
{
	static const char *const names[] = { "alice", "bob", "carol" };
	struct world *world = malloc(sizeof *world);
	struct draft other;

	assert_non_null(world);
	policy_init(&policy);
	world_create(world, UINT64_MAX);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		CHECK(world_mint(world, names[i], 1000) == DETAIL_NONE);
	}
	other = world_draft(world, ENTRY_MINT, "alice", 1000);
	other.entry.asset = world_text("usd");
	CHECK(world_do(world, other) == DETAIL_NONE);
	world->limits.policy = &policy;
	ledger_set_limits(world->ledger, &world->limits);
	*state = world;
	return 0;
}

/* However strict the policy is by now, the store brings back the same state. */
static int teardown(void **state)
{
	struct world *world = *state;

	policy.per_account = policy.per_tenant =
		(struct policy_quota){ .ops = 1, .spend_minor = 1 };
	assert_true(world_replays(world));
	world_destroy(world);
	free(world);
	return 0;
}

/* Through /v1, with the nonce that is next. */
static struct draft v1(struct world *world, struct draft draft)
{
	uint64_t debit, issue;

	ledger_lanes(world->ledger, draft.entry.account, &debit, &issue);
	draft.entry.source = SOURCE_V1;
	draft.lane = draft.entry.kind == ENTRY_MINT ? LANE_ISSUE : LANE_DEBIT;
	draft.lane_nonce = 1 + (draft.entry.kind == ENTRY_MINT ? issue : debit);
	draft.receipt = world_text("{\"txid\":\"x\"");
	memset(&draft.entry.receipt_hash, 3, sizeof draft.entry.receipt_hash);
	return draft;
}

static enum detail operate(struct world *world, struct draft draft)
{
	return world_do(world, v1(world, draft));
}

static enum detail pay(struct world *world, const char *from, u128 amount)
{
	return operate(world, world_transfer(world, from, "zoe", amount));
}

static enum detail pay_usd(struct world *world, u128 amount)
{
	struct draft draft = world_transfer(world, "alice", "zoe", amount);

	draft.entry.asset = world_text("usd");
	return operate(world, draft);
}

/* As a token of that tenant, which kms made out. */
static void become(struct world *world, const char *tenant)
{
	world->grant.tenant = world_text(tenant);
}

static uint32_t counters(struct world *world)
{
	return ledger_counters(world->ledger);
}

static void an_account_makes_so_many_operations_of_any_kind(void **state)
{
	struct world *world = *state;
	struct draft hold = v1(world, world_draft(world, ENTRY_HOLD, "alice", 10));

	policy.per_account.ops = 5;
	CHECK(world_do(world, hold) == DETAIL_NONE);
	CHECK(operate(world, world_capture(world, &hold, "bob", 4)) == DETAIL_NONE);
	CHECK(operate(world, world_reverse(world, &hold, 1)) == DETAIL_NONE);
	CHECK(operate(world, world_draft(world, ENTRY_BURN, "alice", 1)) == DETAIL_NONE);
	CHECK(pay_usd(world, 1) == DETAIL_NONE); /* of any asset */
	CHECK(pay(world, "alice", 1) == DETAIL_QUOTA);
	CHECK(operate(world, world_reverse(world, &hold, 1)) == DETAIL_QUOTA);
	CHECK(pay(world, "bob", 1) == DETAIL_NONE); /* each account for itself */
	/* what is no operation of the wallet is under no policy of it */
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_NONE);
	world_restart(world);
	CHECK(pay(world, "alice", 1) == DETAIL_QUOTA);
	world->now += DAY_MS;
	CHECK(pay(world, "alice", 1) == DETAIL_NONE);
	world->now -= DAY_MS; /* batches do not go back with a clock */
	for (unsigned i = 0; i < 4; i++) {
		CHECK(pay(world, "alice", 1) == DETAIL_NONE);
	}
	CHECK(pay(world, "alice", 1) == DETAIL_QUOTA);
}

static void an_account_spends_so_much_of_each_asset(void **state)
{
	struct world *world = *state;
	struct draft hold = v1(world, world_draft(world, ENTRY_HOLD, "alice", 30));

	policy.per_account.spend_minor = 100;
	CHECK(world_do(world, hold) == DETAIL_NONE);
	CHECK(pay(world, "alice", 50) == DETAIL_NONE);
	CHECK(pay(world, "alice", 21) == DETAIL_QUOTA);
	CHECK(operate(world, world_draft(world, ENTRY_BURN, "alice", 20)) == DETAIL_NONE);
	CHECK(pay(world, "alice", 1) == DETAIL_QUOTA);
	/* it was spent when it was held */
	CHECK(operate(world, world_capture(world, &hold, "bob", 20)) == DETAIL_NONE);
	CHECK(operate(world, world_reverse(world, &hold, 10)) == DETAIL_NONE);
	CHECK(pay(world, "alice", 1) == DETAIL_QUOTA); /* and giving it back gives nothing back */
	CHECK(pay_usd(world, 100) == DETAIL_NONE && pay_usd(world, 1) == DETAIL_QUOTA);
	CHECK(pay(world, "bob", 100) == DETAIL_NONE);
	world->limits.daily_ceiling = 10; /* the smaller of the two holds */
	ledger_set_limits(world->ledger, &world->limits);
	CHECK(pay(world, "carol", 11) == DETAIL_DAILY_CEILING);
	world->limits.daily_ceiling = 1000;
	ledger_set_limits(world->ledger, &world->limits);
	CHECK(pay(world, "carol", 101) == DETAIL_QUOTA);
	world_restart(world);
	CHECK(pay(world, "alice", 1) == DETAIL_QUOTA);
	world->now += DAY_MS;
	CHECK(pay(world, "alice", 100) == DETAIL_NONE);
}

static void a_tenant_is_all_accounts_of_its_tokens(void **state)
{
	struct world *world = *state;

	policy.per_tenant = (struct policy_quota){ .ops = 4, .spend_minor = 100 };
	CHECK(pay(world, "alice", 60) == DETAIL_NONE);
	CHECK(pay(world, "bob", 41) == DETAIL_QUOTA); /* of amounts */
	CHECK(pay(world, "bob", 40) == DETAIL_NONE);
	CHECK(pay_usd(world, 100) == DETAIL_NONE); /* each asset for itself */
	/* issuing is an operation, and spends nothing; it has an approval of its own */
	CHECK(operate(world, world_draft(world, ENTRY_MINT, "alice", 1)) == DETAIL_ISSUANCE);
	CHECK(pay(world, "carol", 1) == DETAIL_QUOTA);
	world_restart(world);
	CHECK(pay(world, "carol", 1) == DETAIL_QUOTA);
	become(world, "acme");
	for (unsigned i = 0; i < 4; i++) {
		CHECK(pay(world, "alice", 1) == DETAIL_NONE);
	}
	CHECK(pay(world, "bob", 1) == DETAIL_QUOTA); /* of operations */
	become(world, CAVEAT_TENANT_DEFAULT);
	world->now += DAY_MS;
	CHECK(pay(world, "alice", 100) == DETAIL_NONE);
	CHECK(pay(world, "alice", 1) == DETAIL_QUOTA);
}

static void issuing_is_an_operation_that_spends_nothing(void **state)
{
	struct world *world = *state;
	struct policy_asset row = {
		.name_bytes = 3,
		.name = { 'r', 'o', 'n' },
		.op_amount_max = U128_MAX,
		.daily_ceiling = U128_MAX,
		.may_issue = true,
		.issuance_cap = U128_MAX,
		.issuance_expires_unix_ms = UINT64_MAX,
	};

	CHECK(policy_add(&policy, &row));
	policy.per_account = policy.per_tenant =
		(struct policy_quota){ .ops = 2, .spend_minor = 5 };
	CHECK(operate(world, world_draft(world, ENTRY_MINT, "alice", 500)) == DETAIL_NONE);
	CHECK(pay(world, "alice", 5) == DETAIL_NONE);
	CHECK(operate(world, world_draft(world, ENTRY_MINT, "alice", 1)) == DETAIL_QUOTA);
}

/* Goal: what was refused, was only tried or was done before takes nothing of a quota. */
static void only_what_is_new_and_admitted_counts(void **state)
{
	struct world *world = *state;
	struct draft first = v1(world, world_transfer(world, "alice", "zoe", 10)), draft;
	struct ledger_request request;

	policy.per_account = policy.per_tenant =
		(struct policy_quota){ .ops = 2, .spend_minor = 20 };
	CHECK(world_do(world, first) == DETAIL_NONE);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(world_do(world, first) == DETAIL_NONE && world->results[0].is_repeat);
		CHECK(pay(world, "alice", 100000) == DETAIL_INSUFFICIENT);
		CHECK(pay(world, "alice", 11) == DETAIL_QUOTA);
		draft = v1(world, world_transfer(world, "alice", "zoe", 10));
		request = world_request(world, &draft, 1);
		request.dry_run = true;
		world_run(world, &request);
		CHECK(world->results[0].detail == DETAIL_NONE);
	}
	CHECK(pay(world, "alice", 10) == DETAIL_NONE);
	CHECK(pay(world, "alice", 1) == DETAIL_QUOTA);
	/* and a repeat succeeds when all is used up, also of an account that has used up nothing */
	CHECK(world_do(world, first) == DETAIL_NONE && world->results[0].is_repeat);
	CHECK(pay(world, "bob", 1) == DETAIL_QUOTA);
}

/* Goal: what a quota needs is bounded like all that is counted on a day, and told as room. */
static void counters_of_a_day_have_a_bound(void **state)
{
	struct world *world = *state;
	char name[16];

	policy.per_account.ops = 10;
	world->limits.counters_max = 2;
	ledger_set_limits(world->ledger, &world->limits);
	CHECK(pay(world, "alice", 1) == DETAIL_NONE && pay(world, "bob", 1) == DETAIL_NONE);
	CHECK(pay(world, "carol", 1) == DETAIL_CAPACITY);
	CHECK(pay(world, "alice", 1) == DETAIL_NONE && counters(world) == 2);
	for (unsigned day = 1; day < 4; day++) { /* places of days that are over are used again */
		world->now += DAY_MS;
		(void)snprintf(name, sizeof name, "new-%u", day);
		CHECK(world_mint(world, name, 10) == DETAIL_NONE);
		CHECK(pay(world, name, 1) == DETAIL_NONE && pay(world, "carol", 1) == DETAIL_NONE);
		CHECK(pay(world, "alice", 1) == DETAIL_CAPACITY);
		CHECK(world->store.tables[BATCH_COUNTER].count == 2 && world_replays(world));
	}
}

static void without_quotas_nothing_is_counted(void **state)
{
	struct world *world = *state;

	CHECK(pay(world, "alice", 1) == DETAIL_NONE);
	policy.per_account.spend_minor = 100; /* accounts remember that themselves */
	CHECK(pay(world, "alice", 1) == DETAIL_NONE);
	CHECK(counters(world) == 0);
	policy.per_account.ops = 10;
	CHECK(pay(world, "alice", 1) == DETAIL_NONE && counters(world) == 1);
	policy.per_tenant = (struct policy_quota){ .ops = 10, .spend_minor = 100 };
	CHECK(pay(world, "alice", 1) == DETAIL_NONE && counters(world) == 3);
	CHECK(pay(world, "bob", 1) == DETAIL_NONE && counters(world) == 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_account_makes_so_many_operations_of_any_kind),
		TEST(an_account_spends_so_much_of_each_asset),
		TEST(a_tenant_is_all_accounts_of_its_tokens),
		TEST(issuing_is_an_operation_that_spends_nothing),
		TEST(only_what_is_new_and_admitted_counts),
		TEST(counters_of_a_day_have_a_bound),
		TEST(without_quotas_nothing_is_counted),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
