/* What the policy of the wallet does to operations under /v1, in the ledger, where it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/ledger_world.h"

#define CHECK(truth) assert_true(truth)

static struct policy policy;
static uint64_t debit_nonce, issue_nonce;

/* An empty ledger under a policy that allows all operations and has one row, for "ron". */
static int setup(void **state)
{
	struct world *world = malloc(sizeof *world);
	struct policy_asset row = {
		.name_bytes = 3,
		.name = { 'r', 'o', 'n' },
		.op_amount_max = U128_MAX,
		.daily_ceiling = U128_MAX,
		.may_issue = true,
		.issuance_cap = 100,
		.issuance_expires_unix_ms = WORLD_NOW + 1000,
	};

	assert_non_null(world);
	policy_init(&policy);
	assert_true(policy_add(&policy, &row));
	debit_nonce = issue_nonce = 1;
	world_create(world, UINT64_MAX);
	world->limits.policy = &policy;
	ledger_set_limits(world->ledger, &world->limits);
	*state = world;
	return 0;
}

/* However strict the policy is by now, the store brings back the same state. */
static int teardown(void **state)
{
	struct world *world = *state;

	policy.ops = 0;
	policy.assets[0].issuance_cap = policy.assets[0].op_amount_max = 0;
	assert_true(world_replays(world));
	world_destroy(world);
	free(world);
	return 0;
}

static struct draft v1(struct draft draft)
{
	draft.entry.source = SOURCE_V1;
	draft.lane = draft.entry.kind == ENTRY_MINT ? LANE_ISSUE : LANE_DEBIT;
	draft.lane_nonce = draft.entry.kind == ENTRY_MINT ? issue_nonce : debit_nonce;
	draft.receipt = world_text("{\"txid\":\"x\"");
	memset(&draft.entry.receipt_hash, 3, sizeof draft.entry.receipt_hash);
	return draft;
}

static enum detail operate(struct world *world, struct draft draft)
{
	struct draft operation = v1(draft);
	enum detail detail = world_do(world, operation);

	if (detail == DETAIL_NONE) {
		*(draft.entry.kind == ENTRY_MINT ? &issue_nonce : &debit_nonce) += 1;
	}
	return detail;
}

static enum detail issue(struct world *world, u128 amount)
{
	return operate(world, world_draft(world, ENTRY_MINT, "alice", amount));
}

static enum detail transfer(struct world *world, u128 amount)
{
	return operate(world, world_transfer(world, "alice", "bob", amount));
}

static void nothing_is_issued_without_an_approval(void **state)
{
	struct world *world = *state;
	struct draft other = world_draft(world, ENTRY_MINT, "alice", 1);

	other.entry.asset = world_text("usd");
	CHECK(operate(world, other) == DETAIL_ISSUANCE);
	policy.assets[0].may_issue = false;
	CHECK(issue(world, 1) == DETAIL_ISSUANCE);
	CHECK(world_mint(world, "alice", 1) == DETAIL_NONE); /* gov.mint has its own approval */
	policy.assets[0].may_issue = true;
	CHECK(issue(world, 1) == DETAIL_NONE);
}

static void an_approval_ends_with_the_time_of_the_batch(void **state)
{
	struct world *world = *state;

	world->now = WORLD_NOW + 999;
	CHECK(issue(world, 1) == DETAIL_NONE);
	world->now = WORLD_NOW + 1000;
	CHECK(issue(world, 1) == DETAIL_ISSUANCE);
	world->now = WORLD_NOW; /* batches do not go back with a clock */
	CHECK(issue(world, 1) == DETAIL_ISSUANCE);
}

static void a_cap_is_of_what_is_outstanding(void **state)
{
	struct world *world = *state;

	CHECK(world_mint(world, "bob", 30) == DETAIL_NONE); /* whoever issued it */
	CHECK(issue(world, 71) == DETAIL_ISSUANCE_CAP);
	CHECK(issue(world, 70) == DETAIL_NONE);
	CHECK(issue(world, 1) == DETAIL_ISSUANCE_CAP);
	CHECK(operate(world, world_draft(world, ENTRY_BURN, "alice", 1)) == DETAIL_NONE);
	CHECK(issue(world, 1) == DETAIL_NONE); /* what was destroyed is not outstanding */
	CHECK(world_mint(world, "bob", 1) == DETAIL_NONE);
	policy.assets[0].issuance_cap = 50; /* and one that is below it lets nothing more */
	CHECK(issue(world, 1) == DETAIL_ISSUANCE_CAP);
}

static void operations_that_are_not_allowed_are_refused(void **state)
{
	struct world *world = *state;
	struct draft hold = world_draft(world, ENTRY_HOLD, "alice", 10);

	CHECK(issue(world, 100) == DETAIL_NONE);
	hold = v1(hold);
	CHECK(operate(world, hold) == DETAIL_NONE);
	policy.ops = POLICY_OP_BIT(OPERATION_TRANSFER);
	CHECK(issue(world, 1) == DETAIL_POLICY);
	CHECK(operate(world, world_draft(world, ENTRY_BURN, "alice", 1)) == DETAIL_POLICY);
	CHECK(operate(world, world_draft(world, ENTRY_HOLD, "alice", 1)) == DETAIL_POLICY);
	CHECK(operate(world, world_capture(world, &hold, "bob", 1)) == DETAIL_POLICY);
	CHECK(operate(world, world_reverse(world, &hold, 1)) == DETAIL_POLICY);
	CHECK(transfer(world, 1) == DETAIL_NONE);
	policy.ops = POLICY_OP_BIT(OPERATION_CAPTURE) | POLICY_OP_BIT(OPERATION_RELEASE);
	CHECK(transfer(world, 1) == DETAIL_POLICY);
	CHECK(operate(world, world_capture(world, &hold, "bob", 1)) == DETAIL_NONE);
	CHECK(operate(world, world_reverse(world, &hold, 9)) == DETAIL_NONE);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_NONE);
}

static void the_smaller_of_two_limits_holds(void **state)
{
	struct world *world = *state;
	struct draft other = world_draft(world, ENTRY_MINT, "alice", 100);

	other.entry.asset = world_text("usd");
	CHECK(world_do(world, other) == DETAIL_NONE);
	CHECK(issue(world, 50) == DETAIL_NONE);
	policy.assets[0].op_amount_max = 10;
	policy.assets[0].daily_ceiling = 25;
	CHECK(transfer(world, 11) == DETAIL_PER_OP_MAX);
	CHECK(transfer(world, 10) == DETAIL_NONE);
	CHECK(operate(world, world_draft(world, ENTRY_HOLD, "alice", 10)) == DETAIL_NONE);
	CHECK(transfer(world, 6) == DETAIL_DAILY_CEILING);
	CHECK(transfer(world, 5) == DETAIL_NONE);
	other = world_transfer(world, "alice", "bob", 90); /* another asset has no row */
	other.entry.asset = world_text("usd");
	CHECK(operate(world, other) == DETAIL_NONE);
	world->now += 86400000;
	world->limits.op_amount_max = 3;
	world->limits.daily_ceiling = 5;
	ledger_set_limits(world->ledger, &world->limits);
	CHECK(transfer(world, 4) == DETAIL_PER_OP_MAX);
	CHECK(transfer(world, 3) == DETAIL_NONE);
	CHECK(transfer(world, 3) == DETAIL_DAILY_CEILING);
	CHECK(transfer(world, 2) == DETAIL_NONE);
}

static void a_repeat_is_answered_whatever_the_policy_is_by_then(void **state)
{
	struct world *world = *state;
	struct draft first = v1(world_draft(world, ENTRY_MINT, "alice", 100));

	CHECK(operate(world, first) == DETAIL_NONE);
	policy.ops = 0;
	policy.assets[0].may_issue = false;
	CHECK(world_do(world, first) == DETAIL_NONE && world->results[0].is_repeat);
	CHECK(issue(world, 1) == DETAIL_POLICY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_issued_without_an_approval),
		TEST(an_approval_ends_with_the_time_of_the_batch),
		TEST(a_cap_is_of_what_is_outstanding),
		TEST(operations_that_are_not_allowed_are_refused),
		TEST(the_smaller_of_two_limits_holds),
		TEST(a_repeat_is_answered_whatever_the_policy_is_by_then),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
