#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/ledger_world.h"

#define CHECK(truth) assert_true(truth)

/* Every test gets an empty ledger whose fingerprints are whole. */
static int setup(void **state)
{
	struct world *world = malloc(sizeof *world);

	assert_non_null(world);
	world_create(world, UINT64_MAX);
	*state = world;
	return 0;
}

/* Whatever a test did, the store brings back the same state. */
static int teardown(void **state)
{
	struct world *world = *state;

	assert_true(world_replays(world));
	world_destroy(world);
	free(world);
	return 0;
}

/* ---- groups ---- */

static void run_group(struct world *world, struct draft *drafts, size_t count, bool is_atomic)
{
	struct ledger_request request = world_request(world, drafts, count);

	request.atomic = is_atomic;
	world_run(world, &request);
}

static void a_group_nets_to_zero_or_is_refused(void **state)
{
	struct world *world = *state;
	struct draft legs[3];

	(void)world_mint(world, "alice", 100);
	legs[0] = world_draft(world, ENTRY_DEBIT, "alice", 70);
	legs[1] = world_draft(world, ENTRY_CREDIT, "bob", 30);
	legs[2] = world_draft(world, ENTRY_CREDIT, "carol", 39);
	run_group(world, legs, 3, false);
	CHECK(world->verdict.accepted_count == 0);
	CHECK(world->results[1].detail == DETAIL_GROUP_UNBALANCED && world_size(world) == 1);
	legs[2].entry.amount = 40;
	run_group(world, legs, 3, false);
	CHECK(world->verdict.refused_count == 0 && world_size(world) == 4);
	CHECK(world_available(world, "carol") == 40 && world_available(world, "alice") == 30);
	CHECK(world_entry(world, 3).group_first == 2 && world_entry(world, 3).group_count == 3);
	run_group(world, legs, 3, false);
	CHECK(world->verdict.new_count == 0 && world->verdict.seq_start == 2);
	CHECK(world->verdict.seq_end == 4);
}

static void a_group_is_judged_as_a_whole(void **state)
{
	struct world *world = *state;
	struct draft legs[4];

	(void)world_mint(world, "alice", 100);
	/* bob is in debt until the last leg, and that is nobody's matter */
	legs[0] = world_draft(world, ENTRY_DEBIT, "bob", 60);
	legs[1] = world_draft(world, ENTRY_CREDIT, "carol", 60);
	legs[2] = world_draft(world, ENTRY_DEBIT, "alice", 80);
	legs[3] = world_draft(world, ENTRY_CREDIT, "bob", 80);
	run_group(world, legs, 4, false);
	CHECK(world->verdict.refused_count == 0);
	CHECK(world_available(world, "bob") == 20 && world_available(world, "carol") == 60);
	CHECK(world_replays(world));
	for (size_t i = 0; i < 4; i++) {
		legs[i].entry.id.bytes[7] = 9;
		legs[i].entry.nonce.bytes[7] = 9;
	}
	run_group(world, legs, 4, false);
	CHECK(world->verdict.accepted_count == 0);
	CHECK(world->results[2].detail == DETAIL_INSUFFICIENT);
	CHECK(world->results[1].detail == DETAIL_GROUP_REFUSED);
}

static void a_lone_leg_is_refused_and_others_go_on(void **state)
{
	struct world *world = *state;
	struct draft drafts[2];

	(void)world_mint(world, "alice", 100);
	drafts[0] = world_draft(world, ENTRY_CREDIT, "bob", 1);
	drafts[1] = world_transfer(world, "alice", "bob", 1);
	run_group(world, drafts, 2, false);
	CHECK(world->results[0].detail == DETAIL_GROUP_UNBALANCED);
	CHECK(world->results[1].detail == DETAIL_NONE);
	CHECK(ledger_verdict_status(&world->verdict) == 207);
}

static void groups_of_two_assets_stand_alone(void **state)
{
	struct world *world = *state;
	struct draft legs[4];

	(void)world_mint(world, "alice", 100);
	legs[0] = world_draft(world, ENTRY_DEBIT, "alice", 10);
	legs[1] = world_draft(world, ENTRY_DEBIT, "alice", 10);
	legs[1].entry.asset = world_text("gold");
	legs[2] = world_draft(world, ENTRY_CREDIT, "bob", 10);
	legs[3] = world_draft(world, ENTRY_CREDIT, "bob", 10);
	legs[3].entry.asset = world_text("gold");
	run_group(world, legs, 4, false);
	CHECK(world->results[0].detail == DETAIL_NONE && world->results[2].detail == DETAIL_NONE);
	CHECK(world->results[0].seq == 2 && world->results[2].seq == 3); /* consecutive */
	CHECK(world->results[1].detail != DETAIL_NONE && world->results[3].detail != DETAIL_NONE);
}

static void a_leg_refused_elsewhere_spoils_its_group(void **state)
{
	struct world *world = *state;
	struct draft legs[3];

	(void)world_mint(world, "alice", 100);
	legs[0] = world_draft(world, ENTRY_DEBIT, "alice", 10);
	legs[1] = world_draft(world, ENTRY_CREDIT, "bob", 10);
	legs[2] = world_draft(world, ENTRY_CREDIT, "bob", 10);
	legs[2].refused = DETAIL_NONCE;
	run_group(world, legs, 3, false);
	CHECK(world->results[0].detail == DETAIL_GROUP_REFUSED);
	CHECK(world->results[2].detail == DETAIL_NONCE);
	CHECK(world->verdict.first_refusal == DETAIL_GROUP_REFUSED);
	legs[2].entry.asset = (struct slice){ 0 }; /* nobody could read it */
	run_group(world, legs, 3, false);
	CHECK(world->verdict.accepted_count == 0);
	legs[2].entry.asset = world_text("gold");
	run_group(world, legs, 3, false);
	CHECK(world->verdict.accepted_count == 2);
}

/* Goal: a full table of claims refuses what needs a claim, which new legs do not. */
static void a_group_needs_no_claim_but_to_be_reversed(void **state)
{
	struct world *world = *state;
	struct draft legs[2], reversals[2];
	struct ledger_limits limits = world->limits;

	(void)world_mint(world, "alice", 100);
	limits.claims_max = 1;
	ledger_set_limits(world->ledger, &limits);
	CHECK(world_do(world, world_draft(world, ENTRY_HOLD, "alice", 1)) == DETAIL_NONE);
	CHECK(world_do(world, world_draft(world, ENTRY_HOLD, "alice", 1)) == DETAIL_CAPACITY);
	legs[0] = world_draft(world, ENTRY_DEBIT, "alice", 10);
	legs[1] = world_draft(world, ENTRY_CREDIT, "bob", 10);
	run_group(world, legs, 2, false);
	CHECK(world->verdict.refused_count == 0);
	reversals[0] = world_reverse(world, &legs[0], 10);
	reversals[1] = world_reverse(world, &legs[1], 10);
	run_group(world, reversals, 2, false);
	CHECK(world->verdict.accepted_count == 0);
	CHECK(world->verdict.first_refusal == DETAIL_CAPACITY);
}

static void the_same_leg_twice_in_a_group_is_refused(void **state)
{
	struct world *world = *state;
	struct draft legs[4];

	(void)world_mint(world, "alice", 100);
	legs[0] = world_draft(world, ENTRY_DEBIT, "alice", 10);
	legs[1] = legs[0];
	legs[2] = world_draft(world, ENTRY_CREDIT, "bob", 10);
	legs[3] = world_draft(world, ENTRY_CREDIT, "bob", 10);
	run_group(world, legs, 4, false);
	CHECK(world->verdict.accepted_count == 0 && world_size(world) == 1);
}

static void a_group_is_reversed_whole_or_not_at_all(void **state)
{
	struct world *world = *state;
	struct draft legs[3], reverses[3];

	(void)world_mint(world, "alice", 100);
	legs[0] = world_draft(world, ENTRY_DEBIT, "alice", 70);
	legs[1] = world_draft(world, ENTRY_CREDIT, "bob", 30);
	legs[2] = world_draft(world, ENTRY_CREDIT, "carol", 40);
	run_group(world, legs, 3, false);
	for (size_t i = 0; i < 3; i++) {
		reverses[i] = world_reverse(world, &legs[i], legs[i].entry.amount);
	}
	run_group(world, reverses, 2, false);
	CHECK(world->results[0].detail == DETAIL_REVERSE_GROUP);
	reverses[1].entry.amount = 29;
	run_group(world, reverses, 3, false);
	CHECK(world->results[1].detail == DETAIL_REVERSE_GROUP);
	reverses[1].entry.amount = 30;
	reverses[2].entry.original_id = legs[1].entry.id; /* one leg twice */
	reverses[2].entry.account = legs[1].entry.account;
	reverses[2].entry.amount = 30;
	run_group(world, reverses, 3, false);
	CHECK(world->verdict.accepted_count == 0);
	reverses[2] = world_reverse(world, &legs[2], 40);
	run_group(world, reverses, 3, false);
	CHECK(world->verdict.new_count == 3 && world_available(world, "alice") == 100);
	CHECK(world_replays(world));
	for (size_t i = 0; i < 3; i++) {
		reverses[i] = world_reverse(world, &legs[i], legs[i].entry.amount);
	}
	run_group(world, reverses, 3, false);
	CHECK(world->results[0].detail == DETAIL_ORIGINAL_SPENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_group_nets_to_zero_or_is_refused),
		TEST(a_group_is_judged_as_a_whole),
		TEST(a_lone_leg_is_refused_and_others_go_on),
		TEST(groups_of_two_assets_stand_alone),
		TEST(a_leg_refused_elsewhere_spoils_its_group),
		TEST(a_group_needs_no_claim_but_to_be_reversed),
		TEST(the_same_leg_twice_in_a_group_is_refused),
		TEST(a_group_is_reversed_whole_or_not_at_all),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
