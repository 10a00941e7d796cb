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

/* ---- kinds ---- */

static void mint_creates_and_burn_destroys(void **state)
{
	struct world *world = *state;

	CHECK(world_mint(world, "alice", 100) == DETAIL_NONE);
	CHECK(world_available(world, "alice") == 100);
	CHECK(world_available(world, "sys:issuance") == 100);
	CHECK(world_do(world, world_draft(world, ENTRY_BURN, "alice", 30)) == DETAIL_NONE);
	CHECK(world_available(world, "alice") == 70);
	CHECK(world_available(world, "sys:issuance") == 70);
	CHECK(world_do(world, world_draft(world, ENTRY_BURN, "alice", 71)) == DETAIL_INSUFFICIENT);
}

static void transfer_moves_what_is_there_and_no_more(void **state)
{
	struct world *world = *state;

	(void)world_mint(world, "alice", 100);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 101)) == DETAIL_INSUFFICIENT);
	CHECK(world_do(world, world_transfer(world, "nobody", "bob", 1)) == DETAIL_INSUFFICIENT);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 100)) == DETAIL_NONE);
	CHECK(world_available(world, "alice") == 0 && world_available(world, "bob") == 100);
	CHECK(world->results[0].balance_before == 100 && world->results[0].balance_after == 0);
}

static void supply_never_exceeds_128_bits(void **state)
{
	struct world *world = *state;

	CHECK(world_mint(world, "alice", U128_MAX) == DETAIL_NONE);
	CHECK(world_mint(world, "bob", 1) == DETAIL_SUPPLY);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", U128_MAX)) == DETAIL_NONE);
}

static void an_account_has_a_ceiling_over_available_and_held(void **state)
{
	struct world *world = *state;
	struct ledger_limits limits = world->limits;

	limits.account_total_max = 100;
	ledger_set_limits(world->ledger, &limits);
	CHECK(world_mint(world, "alice", 101) == DETAIL_ACCOUNT_TOTAL);
	CHECK(world_mint(world, "alice", 100) == DETAIL_NONE);
	CHECK(world_do(world, world_draft(world, ENTRY_HOLD, "alice", 60)) == DETAIL_NONE);
	CHECK(world_mint(world, "alice", 1) == DETAIL_ACCOUNT_TOTAL);
	CHECK(world_mint(world, "bob", 1) == DETAIL_NONE);
	CHECK(world_do(world, world_transfer(world, "bob", "alice", 1)) == DETAIL_ACCOUNT_TOTAL);
}

static void assets_are_apart(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 5);
	struct draft transfer = world_transfer(world, "alice", "bob", 5);

	mint.entry.asset = world_text("gold");
	CHECK(world_do(world, mint) == DETAIL_NONE);
	CHECK(world_do(world, transfer) == DETAIL_INSUFFICIENT); /* has no "ron" */
	transfer = world_transfer(world, "alice", "bob", 5);
	transfer.entry.asset = world_text("gold");
	CHECK(world_do(world, transfer) == DETAIL_NONE);
}

/* ---- form ---- */

static void clients_cannot_name_accounts_of_the_ledger(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "sys:reward_pool:acme:ron", 50);

	(void)world_mint(world, "alice", 100);
	CHECK(world_mint(world, "sys:issuance", 1) == DETAIL_SYS_ACCOUNT);
	CHECK(world_do(world, world_transfer(world, "alice", "sys:x", 1)) == DETAIL_SYS_ACCOUNT);
	CHECK(world_do(world, mint) == DETAIL_NONE);
	CHECK(world_do(world, world_transfer(world, "alice", "sys:reward_pool:acme:ron", 1)) ==
		DETAIL_NONE);
	CHECK(world_do(world, world_transfer(world, "alice", "sys:reward_pool:acme:gold", 1)) ==
		DETAIL_SYS_ACCOUNT);
	CHECK(world_do(world, world_transfer(world, "sys:reward_pool:acme:ron", "alice", 1)) ==
		DETAIL_SYS_ACCOUNT);
}

static void only_the_rewarder_lowers_a_pool(void **state)
{
	struct world *world = *state;
	struct draft out;

	(void)world_mint(world, "sys:reward_pool:acme:ron", 50);
	out = world_transfer(world, "sys:reward_pool:acme:ron", "actor", 20);
	out.entry.source = SOURCE_REWARD;
	CHECK(world_do(world, out) == DETAIL_NONE);
	out = world_transfer(world, "actor", "other", 1);
	out.entry.source = SOURCE_REWARD;
	CHECK(world_do(world, out) == DETAIL_POOL);
}

static void form_is_checked_again(void **state)
{
	struct world *world = *state;
	struct draft draft = world_transfer(world, "alice", "alice", 1);

	CHECK(world_do(world, draft) == DETAIL_SELF_TRANSFER);
	CHECK(world_mint(world, "a b", 1) == DETAIL_ACCOUNT);
	CHECK(world_mint(world, "alice", 0) == DETAIL_AMOUNT);
	draft = world_draft(world, ENTRY_MINT, "alice", 1);
	draft.entry.counter_account = world_text("bob");
	CHECK(world_do(world, draft) == DETAIL_COUNTER_ACCOUNT);
	draft = world_draft(world, ENTRY_MINT, "alice", 1);
	draft.entry.expires_unix_ms = world->now + 1;
	CHECK(world_do(world, draft) == DETAIL_EXPIRES_TS);
	CHECK(world_do(world, world_draft(world, ENTRY_TRANSFER, "alice", 1)) ==
		DETAIL_COUNTER_ACCOUNT);
	CHECK(world_do(world, world_draft(world, ENTRY_REVERSE, "alice", 1)) == DETAIL_ORIGINAL_ID);
	CHECK(world_size(world) == 0);
}

/* ---- holds ---- */

static void a_hold_is_captured_in_parts_and_released(void **state)
{
	struct world *world = *state;
	struct draft hold;

	(void)world_mint(world, "alice", 100);
	hold = world_draft(world, ENTRY_HOLD, "alice", 60);
	CHECK(world_do(world, hold) == DETAIL_NONE);
	CHECK(world_available(world, "alice") == 40 && world_held(world, "alice") == 60);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 41)) == DETAIL_INSUFFICIENT);
	CHECK(world_do(world, world_capture(world, &hold, "shop", 61)) == DETAIL_INSUFFICIENT);
	CHECK(world_do(world, world_capture(world, &hold, "shop", 20)) == DETAIL_NONE);
	CHECK(world_do(world, world_capture(world, &hold, "shop", 10)) == DETAIL_NONE);
	CHECK(world_available(world, "shop") == 30 && world_held(world, "alice") == 30);
	CHECK(world_do(world, world_reverse(world, &hold, 31)) == DETAIL_INSUFFICIENT);
	CHECK(world_do(world, world_reverse(world, &hold, 30)) == DETAIL_NONE);
	CHECK(world_available(world, "alice") == 70 && world_held(world, "alice") == 0);
	CHECK(world_do(world, world_capture(world, &hold, "shop", 1)) == DETAIL_HOLD_CLOSED);
	CHECK(world_do(world, world_reverse(world, &hold, 1)) == DETAIL_HOLD_CLOSED);
}

static void an_open_hold_needs_no_row(void **state)
{
	struct world *world = *state;
	struct draft hold;

	(void)world_mint(world, "alice", 100);
	hold = world_draft(world, ENTRY_HOLD, "alice", 60);
	(void)world_do(world, hold);
	world->store_is_silent = true;
	CHECK(world_do(world, world_capture(world, &hold, "shop", 1)) == DETAIL_NONE);
	world->store_is_silent = false;
}

static void the_repeat_of_the_capture_that_closed_a_hold_is_a_repeat(void **state)
{
	struct world *world = *state;
	struct draft hold, capture;

	(void)world_mint(world, "alice", 100);
	hold = world_draft(world, ENTRY_HOLD, "alice", 60);
	(void)world_do(world, hold);
	capture = world_capture(world, &hold, "shop", 60);
	CHECK(world_do(world, capture) == DETAIL_NONE);
	CHECK(world_do(world, capture) == DETAIL_NONE && world->results[0].is_repeat);
}

static void an_expired_hold_is_released_by_the_ledger(void **state)
{
	struct world *world = *state;
	struct draft hold;
	struct entry entry;

	(void)world_mint(world, "alice", 100);
	hold = world_draft(world, ENTRY_HOLD, "alice", 60);
	hold.entry.expires_unix_ms = world->now;
	CHECK(world_do(world, hold) == DETAIL_EXPIRES_PAST);
	hold.entry.expires_unix_ms = world->now + 1000;
	CHECK(world_do(world, hold) == DETAIL_NONE);
	CHECK(world_do(world, world_capture(world, &hold, "shop", 10)) == DETAIL_NONE);
	CHECK(world_replays(world)); /* the waiting hold too */
	world->now += 1000;
	world_begin(world);
	CHECK(world_end(world, 0).entry_count == 1);
	CHECK(world_available(world, "alice") == 90 && world_held(world, "alice") == 0);
	entry = world_entry(world, 4);
	CHECK(entry.kind == ENTRY_REVERSE && entry.source == SOURCE_SYS && entry.amount == 50);
	CHECK(entry.effect == EFFECT_HOLD_RELEASE && entry.original_seq == 2);
	CHECK(world_do(world, world_capture(world, &hold, "shop", 1)) == DETAIL_HOLD_CLOSED);
	world_begin(world);
	CHECK(world_end(world, 0).entry_count == 0); /* once */
}

static void a_clock_that_is_set_back_moves_neither_batches_nor_holds_back(void **state)
{
	struct world *world = *state;
	uint64_t now = world->now;
	struct draft hold;

	(void)world_mint(world, "alice", 100);
	hold = world_draft(world, ENTRY_HOLD, "alice", 60);
	hold.entry.expires_unix_ms = now + 1000;
	CHECK(world_do(world, hold) == DETAIL_NONE);
	world->now = now + 1000;
	world_begin(world);
	CHECK(world_end(world, 0).entry_count == 1); /* its release */
	world->now = now - 1000;
	world_begin(world);
	CHECK(ledger_batch_ts(world->ledger) == now + 1000);
	CHECK(world_end(world, 0).entry_count == 0);
	CHECK(world_do(world, world_capture(world, &hold, "shop", 1)) == DETAIL_HOLD_CLOSED);
	CHECK(world_replays(world));
}

static void at_most_64_holds_expire_in_a_batch_and_the_oldest_first(void **state)
{
	struct world *world = *state;
	struct draft holds[70];
	struct ledger_request request;

	(void)world_mint(world, "alice", 100);
	for (size_t i = 0; i < 70; i++) {
		holds[i] = world_draft(world, ENTRY_HOLD, "alice", 1);
		holds[i].entry.expires_unix_ms = world->now + 1000 - i;
	}
	request = world_request(world, holds, 70);
	world_run(world, &request);
	CHECK(world->verdict.new_count == 70);
	world->now += 5000;
	world_begin(world);
	/* the last six have not been released yet, and are past their time */
	CHECK(world_held(world, "alice") == 6);
	request = world_request(world, &(struct draft){ 0 }, 0);
	holds[0] = world_capture(world, &holds[0], "shop", 1);
	request = world_request(world, holds, 1);
	world_admit(world, &request);
	CHECK(world->results[0].detail == DETAIL_HOLD_EXPIRED);
	CHECK(world_end(world, 0).entry_count == 64);
	world_begin(world);
	CHECK(world_end(world, 0).entry_count == 6);
	CHECK(world_held(world, "alice") == 0 && world_available(world, "alice") == 100);
}

static void a_hold_can_be_captured_in_the_request_that_made_it(void **state)
{
	struct world *world = *state;
	struct draft drafts[3];
	struct ledger_request request;

	drafts[0] = world_draft(world, ENTRY_MINT, "alice", 10);
	drafts[1] = world_draft(world, ENTRY_HOLD, "alice", 10);
	drafts[2] = world_capture(world, &drafts[1], "shop", 10);
	request = world_request(world, drafts, 3);
	world_run(world, &request);
	CHECK(world->verdict.refused_count == 0 && world_available(world, "shop") == 10);
}

/* ---- reversal ---- */

static void a_transfer_is_reversed_in_parts_up_to_the_whole(void **state)
{
	struct world *world = *state;
	struct draft transfer;

	(void)world_mint(world, "alice", 100);
	transfer = world_transfer(world, "alice", "bob", 50);
	(void)world_do(world, transfer);
	CHECK(world_do(world, world_reverse(world, &transfer, 51)) == DETAIL_ORIGINAL_SPENT);
	CHECK(world_do(world, world_reverse(world, &transfer, 30)) == DETAIL_NONE);
	CHECK(world_replays(world));
	CHECK(world_do(world, world_reverse(world, &transfer, 21)) == DETAIL_ORIGINAL_SPENT);
	CHECK(world_do(world, world_reverse(world, &transfer, 20)) == DETAIL_NONE);
	CHECK(world_replays(world)); /* what is used up is remembered */
	CHECK(world_do(world, world_reverse(world, &transfer, 1)) == DETAIL_ORIGINAL_SPENT);
	CHECK(world_available(world, "alice") == 100 && world_available(world, "bob") == 0);
}

static void a_reversal_needs_the_money_to_be_there(void **state)
{
	struct world *world = *state;
	struct draft transfer;

	(void)world_mint(world, "alice", 100);
	transfer = world_transfer(world, "alice", "bob", 50);
	(void)world_do(world, transfer);
	(void)world_do(world, world_transfer(world, "bob", "carol", 50));
	CHECK(world_do(world, world_reverse(world, &transfer, 50)) == DETAIL_INSUFFICIENT);
}

static void mint_burn_and_capture_can_be_reversed(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 100);
	struct draft burn, hold, capture;

	(void)world_do(world, mint);
	burn = world_draft(world, ENTRY_BURN, "alice", 10);
	(void)world_do(world, burn);
	CHECK(world_do(world, world_reverse(world, &burn, 10)) == DETAIL_NONE);
	CHECK(world_do(world, world_reverse(world, &mint, 40)) == DETAIL_NONE);
	CHECK(world_available(world, "alice") == 60);
	CHECK(world_available(world, "sys:issuance") == 60);
	hold = world_draft(world, ENTRY_HOLD, "alice", 20);
	(void)world_do(world, hold);
	capture = world_capture(world, &hold, "shop", 20);
	(void)world_do(world, capture);
	CHECK(world_do(world, world_reverse(world, &capture, 5)) == DETAIL_NONE);
	CHECK(world_available(world, "shop") == 15 && world_available(world, "alice") == 45);
	CHECK(world_held(world, "alice") == 0); /* not back into the hold */
}

static void what_cannot_be_reversed_is_refused_by_name(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 100);
	struct draft reverse, other;

	(void)world_do(world, mint);
	reverse = world_reverse(world, &mint, 10);
	(void)world_do(world, reverse);
	CHECK(world_do(world, world_reverse(world, &reverse, 5)) == DETAIL_ORIGINAL_KIND);
	other = world_reverse(world, &mint, 1);
	other.entry.account = world_text("bob");
	CHECK(world_do(world, other) == DETAIL_ORIGINAL_MISMATCH);
	other = world_reverse(world, &mint, 1);
	other.entry.original_id.bytes[15] = 99;
	CHECK(world_do(world, other) == DETAIL_ORIGINAL_NOT_FOUND);
	other = world_capture(world, &mint, "bob", 1);
	CHECK(world_do(world, other) == DETAIL_ORIGINAL_KIND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(mint_creates_and_burn_destroys),
		TEST(transfer_moves_what_is_there_and_no_more),
		TEST(supply_never_exceeds_128_bits),
		TEST(an_account_has_a_ceiling_over_available_and_held),
		TEST(assets_are_apart),
		TEST(clients_cannot_name_accounts_of_the_ledger),
		TEST(only_the_rewarder_lowers_a_pool),
		TEST(form_is_checked_again),
		TEST(a_hold_is_captured_in_parts_and_released),
		TEST(an_open_hold_needs_no_row),
		TEST(the_repeat_of_the_capture_that_closed_a_hold_is_a_repeat),
		TEST(an_expired_hold_is_released_by_the_ledger),
		TEST(a_clock_that_is_set_back_moves_neither_batches_nor_holds_back),
		TEST(at_most_64_holds_expire_in_a_batch_and_the_oldest_first),
		TEST(a_hold_can_be_captured_in_the_request_that_made_it),
		TEST(a_transfer_is_reversed_in_parts_up_to_the_whole),
		TEST(a_reversal_needs_the_money_to_be_there),
		TEST(mint_burn_and_capture_can_be_reversed),
		TEST(what_cannot_be_reversed_is_refused_by_name),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
