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

/* ---- exactly once ---- */

static void a_repeat_gets_the_original_seq(void **state)
{
	struct world *world = *state;
	struct draft draft = world_draft(world, ENTRY_MINT, "alice", 10);

	CHECK(world_do(world, draft) == DETAIL_NONE);
	(void)world_mint(world, "bob", 1);
	draft.entry.id.bytes[9] = 1; /* not part of the content */
	draft.entry.ts_unix_ms += 5;
	CHECK(world_do(world, draft) == DETAIL_NONE);
	CHECK(world->results[0].is_repeat && world->results[0].seq == 1);
	CHECK(world->verdict.seq_start == 1 && world->verdict.seq_end == 1);
	CHECK(world->verdict.root_seq == 1 && world->verdict.new_count == 0);
	CHECK(ledger_verdict_status(&world->verdict) == 200);
	CHECK(world_available(world, "alice") == 10 && world_size(world) == 2);
}

static void the_same_key_with_other_content_is_a_conflict(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 10);
	struct draft other = mint;

	CHECK(world_do(world, mint) == DETAIL_NONE);
	other.entry.amount = 11;
	CHECK(world_do(world, other) == DETAIL_IDEM_CONFLICT);
	CHECK(ledger_verdict_status(&world->verdict) == 403);
	other = mint;
	other.entry.kind = ENTRY_BURN;
	CHECK(world_do(world, other) == DETAIL_IDEM_CONFLICT);
	other = mint;
	other.entry.asset = world_text("gold");
	CHECK(world_do(world, other) == DETAIL_IDEM_CONFLICT);
	other = mint;
	other.has_memo = true;
	memset(&other.entry.memo_hash, 1, sizeof other.entry.memo_hash);
	CHECK(world_do(world, other) == DETAIL_IDEM_CONFLICT);
	CHECK(world_size(world) == 1);
}

static void the_key_has_source_and_account_in_it(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 10);
	struct draft other = mint;

	CHECK(world_do(world, mint) == DETAIL_NONE);
	other.entry.account = world_text("bob");
	CHECK(world_do(world, other) == DETAIL_ID_USED); /* another key, but the id is taken */
	other.entry.id.bytes[8] = 1;
	CHECK(world_do(world, other) == DETAIL_NONE);
	other = mint;
	other.entry.id.bytes[8] = 2;
	other.entry.source = SOURCE_V1;
	other.lane = LANE_ISSUE;
	other.lane_nonce = 1;
	CHECK(world_do(world, other) == DETAIL_NONE);
}

static void set_memo(struct draft *draft, uint8_t salt, const char *memo)
{
	struct slice parts[2];

	memset(draft->salt, salt, sizeof draft->salt);
	draft->has_memo = true;
	draft->memo = world_text(memo);
	parts[0] = (struct slice){ draft->salt, sizeof draft->salt };
	parts[1] = draft->memo;
	sha256_hash_parts(parts, 2, &draft->entry.memo_hash);
}

static void memos_are_compared_under_the_first_salt(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 10);

	set_memo(&mint, 1, "rent");
	CHECK(world_do(world, mint) == DETAIL_NONE);
	set_memo(&mint, 2, "rent");
	CHECK(world_do(world, mint) == DETAIL_NONE && world->results[0].is_repeat);
	set_memo(&mint, 2, "food");
	CHECK(world_do(world, mint) == DETAIL_IDEM_CONFLICT);
	mint.has_memo = false;
	memset(&mint.entry.memo_hash, 0, sizeof mint.entry.memo_hash);
	CHECK(world_do(world, mint) == DETAIL_IDEM_CONFLICT);
}

static void a_repeat_inside_of_a_request_counts_once(void **state)
{
	struct world *world = *state;
	struct draft drafts[2];
	struct ledger_request request;

	drafts[0] = world_draft(world, ENTRY_MINT, "alice", 10);
	drafts[1] = drafts[0];
	request = world_request(world, drafts, 2);
	world_run(world, &request);
	CHECK(world->verdict.accepted_count == 2 && world->verdict.new_count == 1);
	CHECK(world->results[0].seq == 1 && world->results[1].seq == 1);
	CHECK(world->results[0].is_repeat != world->results[1].is_repeat);
}

static void a_late_retry_is_not_judged_by_its_age(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 10);
	struct draft late;

	CHECK(world_do(world, mint) == DETAIL_NONE);
	world->now += 10 * 86400000;
	CHECK(world_do(world, mint) == DETAIL_NONE && world->results[0].is_repeat);
	late = world_draft(world, ENTRY_MINT, "bob", 1);
	late.entry.ts_unix_ms = world->now - 86400001;
	CHECK(world_do(world, late) == DETAIL_TS_SKEW);
	late.entry.ts_unix_ms++;
	CHECK(world_do(world, late) == DETAIL_NONE);
	late = world_draft(world, ENTRY_MINT, "bob", 1);
	late.entry.ts_unix_ms = world->now + 86400001;
	CHECK(world_do(world, late) == DETAIL_TS_SKEW);
}

/* Goal: a hit is a candidate; a request without its rows waits, and nothing happened. */
static void a_request_parks_until_its_candidates_are_at_hand(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 10);
	struct ledger_request request = world_request(world, &mint, 1);
	uint64_t seqs[4];

	CHECK(ledger_lookups(world->ledger, &request, seqs, 4) == 0);
	CHECK(world_do(world, mint) == DETAIL_NONE);
	world->store_is_silent = true;
	CHECK(ledger_lookups(world->ledger, &request, seqs, 4) == 1 && seqs[0] == 1);
	world_run(world, &request);
	CHECK(world->verdict.outcome == LEDGER_PARKED);
	world->store_is_silent = false;
	CHECK(ledger_lookups(world->ledger, &request, seqs, 4) == 0);
	world_run(world, &request);
	CHECK(world->verdict.outcome == LEDGER_JUDGED && world->results[0].is_repeat);
}

static void a_repeat_of_an_entry_of_the_open_batch_waits_for_it(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 10);
	struct ledger_request request = world_request(world, &mint, 1);

	world->store_is_silent = true;
	world_begin(world);
	world_admit(world, &request);
	CHECK(world->verdict.seq_end == 1 && world->verdict.wait_seq == 1);
	world_admit(world, &request);
	CHECK(world->results[0].is_repeat && world->verdict.wait_seq == 1);
	(void)world_end(world, 0);
	world->store_is_silent = false;
}

static void writes_stop_when_the_table_of_fingerprints_is_full(void **state)
{
	struct world *world = *state;
	struct ledger_limits limits = world->limits;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 10);

	limits.dedupe_entries_max = 1;
	ledger_set_limits(world->ledger, &limits);
	CHECK(world_do(world, mint) == DETAIL_NONE);
	CHECK(world_mint(world, "alice", 1) == DETAIL_DEDUPE_CAPACITY);
	CHECK(world_do(world, mint) == DETAIL_NONE && world->results[0].is_repeat);
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

/* ---- requests ---- */

static void partial_takes_what_is_good_and_names_the_first_refusal(void **state)
{
	struct world *world = *state;
	struct draft drafts[3];

	(void)world_mint(world, "alice", 10);
	drafts[0] = world_transfer(world, "alice", "bob", 11);
	drafts[1] = world_transfer(world, "alice", "bob", 4);
	drafts[2] = world_transfer(world, "alice", "alice", 4);
	run_group(world, drafts, 3, false);
	CHECK(world->verdict.accepted_count == 1 && world->verdict.refused_count == 2);
	CHECK(world->verdict.first_refusal == DETAIL_INSUFFICIENT);
	CHECK(world->verdict.seq_start == 2 && world->verdict.seq_end == 2);
}

static void atomic_takes_all_or_nothing(void **state)
{
	struct world *world = *state;
	struct draft drafts[3];
	struct hash before, after;

	(void)world_mint(world, "alice", 10);
	ledger_digest(world->ledger, &before);
	drafts[0] = world_transfer(world, "alice", "bob", 4);
	drafts[1] = world_draft(world, ENTRY_HOLD, "alice", 2);
	drafts[2] = world_transfer(world, "alice", "carol", 5);
	run_group(world, drafts, 3, true);
	CHECK(world->verdict.accepted_count == 0 && world->verdict.seq_start == 0);
	CHECK(world->results[0].seq == 0 && world->results[0].detail == DETAIL_NONE);
	ledger_digest(world->ledger, &after);
	assert_memory_equal(&before, &after, sizeof before);
	drafts[2].entry.amount = 4;
	run_group(world, drafts, 3, true);
	CHECK(world->verdict.new_count == 3 && world_size(world) == 4);
	drafts[0].refused = DETAIL_NONCE; /* the prevalidator's refusal counts */
	drafts[1] = world_draft(world, ENTRY_MINT, "alice", 2);
	run_group(world, drafts, 2, true);
	CHECK(world->verdict.accepted_count == 0);
	CHECK(ledger_verdict_status(&world->verdict) == 400);
}

static void a_dry_run_judges_alike_and_leaves_nothing(void **state)
{
	struct world *world = *state;
	struct draft drafts[4];
	struct ledger_request request;
	struct hash before, after;

	(void)world_mint(world, "alice", 10);
	ledger_digest(world->ledger, &before);
	drafts[0] = world_draft(world, ENTRY_MINT, "dave", 4);
	drafts[0].entry.asset = world_text("gold"); /* would make an asset and two accounts */
	drafts[1] = world_draft(world, ENTRY_HOLD, "alice", 10);
	drafts[2] = world_capture(world, &drafts[1], "shop", 10);
	drafts[3] = world_transfer(world, "alice", "bob", 1);
	request = world_request(world, drafts, 4);
	request.dry_run = true;
	world_run(world, &request);
	CHECK(world->verdict.accepted_count == 3 && world->verdict.refused_count == 1);
	CHECK(world->results[3].detail == DETAIL_INSUFFICIENT);
	CHECK(world->results[0].seq == 0 && world->verdict.seq_start == 0);
	ledger_digest(world->ledger, &after);
	assert_memory_equal(&before, &after, sizeof before);
	request.dry_run = false;
	world_run(world, &request);
	CHECK(world->verdict.accepted_count == 3 && world->verdict.new_count == 3);
}

static void entries_are_numbered_by_ts_and_id_whatever_their_place(void **state)
{
	struct world *world = *state;
	struct draft drafts[3];

	drafts[2] = world_draft(world, ENTRY_MINT, "alice", 1);
	drafts[0] = world_draft(world, ENTRY_MINT, "alice", 2);
	drafts[1] = world_draft(world, ENTRY_MINT, "alice", 3);
	drafts[1].entry.ts_unix_ms = drafts[0].entry.ts_unix_ms; /* then by id */
	run_group(world, drafts, 3, false);
	CHECK(world->results[2].seq == 1 && world->results[0].seq == 2);
	CHECK(world->results[1].seq == 3);
}

static void too_many_entries_are_refused(void **state)
{
	struct world *world = *state;
	struct draft draft = world_draft(world, ENTRY_MINT, "alice", 1);
	struct ledger_limits limits = world->limits;
	struct draft many[2] = { draft, draft };
	struct ledger_request request = world_request(world, many, 2);

	ledger_destroy(world->ledger);
	limits.request_entries_max = 1;
	world->ledger = ledger_create(&world->memory.memory, &limits, world_key);
	world_run(world, &request);
	CHECK(ledger_verdict_status(&world->verdict) == 413 && world_size(world) == 0);
}

/* Goal: a request for which the batch is too small is not started, or taken back whole. */
static void a_full_batch_is_closed_and_nothing_is_lost(void **state)
{
	struct world *world = *state;
	struct draft drafts[100];
	struct ledger_request request;

	for (size_t i = 0; i < 100; i++) {
		drafts[i] = world_draft(world, ENTRY_MINT, "alice", 1);
	}
	request = world_request(world, drafts, 100);
	world->out = byte_writer_of(world->buffer, 50000);
	ledger_batch_begin(world->ledger, &world->out, world->now);
	request.draft_count = 10;
	world_admit(world, &request);
	CHECK(world->verdict.new_count == 10);
	request.drafts = drafts + 10;
	request.draft_count = 90;
	world_admit(world, &request);
	CHECK(world->verdict.outcome == LEDGER_FULL && world_available(world, "alice") == 10);
	CHECK(world_end(world, 0).entry_count == 10);
	/* alone it is refused, for it would never fit */
	world->out = byte_writer_of(world->buffer, 40000);
	ledger_batch_begin(world->ledger, &world->out, world->now);
	world_admit(world, &request);
	CHECK(world->verdict.outcome == LEDGER_JUDGED);
	CHECK(world->results[0].detail == DETAIL_TOO_MANY_ENTRIES);
	(void)world_end(world, 0);
	world_run(world, &request);
	CHECK(world->verdict.new_count == 90);
}

static void without_memory_writes_are_refused_and_reads_go_on(void **state)
{
	struct world *world = *state;

	(void)world_mint(world, "alice", 10);
	world->memory.bytes_max = 1;
	for (uint32_t i = 0; i < 40000; i++) {
		if (world_mint(world, "alice", 1) == DETAIL_CAPACITY) {
			break;
		}
	}
	CHECK(world->results[0].detail == DETAIL_CAPACITY);
	CHECK(ledger_verdict_status(&world->verdict) == 429);
	CHECK(world_available(world, "alice") >= 10);
	world->memory.bytes_max = 0;
	CHECK(world_mint(world, "alice", 1) == DETAIL_NONE);
}

/* ---- authority ---- */

static void add_caveat(struct world *world, const char *text)
{
	struct caveat caveat;
	struct id128 counter = { { 5 } };

	assert_int_equal(caveat_parse(world_text(text), &caveat), CAVEAT_FAULT_OK);
	assert_int_equal(caveat_set_add(&world->grant.caveats, &caveat, 0, &counter), ERR_OK);
}

static void without_a_grant_nothing_is_written(void **state)
{
	struct world *world = *state;
	struct draft draft = world_draft(world, ENTRY_MINT, "alice", 1);
	struct ledger_request request = world_request(world, &draft, 1);

	request.grant = NULL;
	world_run(world, &request);
	CHECK(world->results[0].detail == DETAIL_GRANT && world_size(world) == 0);
	world->grant.exp_unix_ms = world->now;
	CHECK(world_mint(world, "alice", 1) == DETAIL_GRANT_EXPIRED);
	world->grant.exp_unix_ms = UINT64_MAX;
	draft.entry.kid = 8;
	CHECK(world_do(world, draft) == DETAIL_CAPABILITY_MISMATCH);
	draft.entry.kid = 7;
	draft.entry.capability_ref = world_text("ff");
	CHECK(world_do(world, draft) == DETAIL_CAPABILITY_MISMATCH);
}

static void each_kind_needs_its_action(void **state)
{
	struct world *world = *state;
	struct draft mint = world_draft(world, ENTRY_MINT, "alice", 100);
	struct draft hold;

	(void)world_do(world, mint);
	add_caveat(world, "action=ledger.ingest");
	CHECK(world_mint(world, "alice", 1) == DETAIL_CAVEAT);
	CHECK(world_do(world, world_draft(world, ENTRY_BURN, "alice", 1)) == DETAIL_CAVEAT);
	CHECK(world_do(world, world_reverse(world, &mint, 1)) == DETAIL_CAVEAT);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_NONE);
	CHECK(world_do(world, world_transfer(world, "alice", "sys:reward_pool:a:ron", 1)) ==
		DETAIL_CAVEAT); /* needs gov.mint too */
	hold = world_draft(world, ENTRY_HOLD, "alice", 5);
	CHECK(world_do(world, hold) == DETAIL_NONE);
	CHECK(world_do(world, world_reverse(world, &hold, 1)) == DETAIL_NONE); /* one's own */
	world_open_grant(world);
	add_caveat(world, "action=ledger.ingest");
	add_caveat(world, "account=bob");
	CHECK(world_do(world, world_reverse(world, &hold, 1)) == DETAIL_CAVEAT);
	CHECK(world_do(world, world_capture(world, &hold, "bob", 1)) == DETAIL_CAVEAT);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_CAVEAT);
	CHECK(world_do(world, world_transfer(world, "bob", "alice", 1)) == DETAIL_NONE);
	world_open_grant(world);
	add_caveat(world, "action=gov.reverse");
	CHECK(world_do(world, world_reverse(world, &hold, 1)) == DETAIL_NONE);
	CHECK(world_do(world, world_reverse(world, &mint, 1)) == DETAIL_NONE);
}

static void a_reversal_is_judged_by_who_pays_it(void **state)
{
	struct world *world = *state;
	struct draft transfer;

	(void)world_mint(world, "alice", 100);
	transfer = world_transfer(world, "alice", "bob", 10);
	(void)world_do(world, transfer);
	add_caveat(world, "account=alice");
	CHECK(world_do(world, world_reverse(world, &transfer, 1)) == DETAIL_CAVEAT);
	world_open_grant(world);
	add_caveat(world, "account=bob");
	CHECK(world_do(world, world_reverse(world, &transfer, 1)) == DETAIL_NONE);
}

static void a_day_limit_counts_over_batches_and_restarts_and_ends_with_the_day(void **state)
{
	struct world *world = *state;

	(void)world_mint(world, "alice", 100);
	add_caveat(world, "daily<=50");
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 30)) == DETAIL_NONE);
	CHECK(world_do(world, world_draft(world, ENTRY_HOLD, "alice", 15)) == DETAIL_NONE);
	CHECK(world_replays(world));
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 6)) == DETAIL_DAILY_LIMIT);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 5)) == DETAIL_NONE);
	CHECK(world_do(world, world_draft(world, ENTRY_BURN, "alice", 1)) == DETAIL_DAILY_LIMIT);
	CHECK(world_mint(world, "alice", 1) == DETAIL_DAILY_LIMIT);
	world->now += 86400000;
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 50)) == DETAIL_NONE);
}

static void a_refused_entry_uses_up_no_day_limit(void **state)
{
	struct world *world = *state;
	struct draft drafts[2];

	(void)world_mint(world, "alice", 100);
	add_caveat(world, "daily<=50");
	drafts[0] = world_transfer(world, "alice", "bob", 40);
	drafts[1] = world_transfer(world, "alice", "bob", 11);
	run_group(world, drafts, 2, true);
	CHECK(world->results[1].detail == DETAIL_DAILY_LIMIT && world_size(world) == 1);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 50)) == DETAIL_NONE);
}

/* ---- controls ---- */

static enum err control(struct world *world, enum batch_control_kind kind,
	enum batch_control_scope scope, struct slice value, u128 amount)
{
	enum err err;

	world_begin(world);
	err = ledger_control(world->ledger, &(struct batch_control){
						    .kind = kind,
						    .scope = scope,
						    .value = value,
						    .amount = amount,
						    .actor = world_text("operator"),
						    .reason = world_text("test"),
					    });
	(void)world_end(world, 0);
	return err;
}

static void a_frozen_account_pays_nothing_and_still_receives(void **state)
{
	struct world *world = *state;
	struct draft hold, transfer;

	(void)world_mint(world, "alice", 100);
	(void)world_mint(world, "bob", 100);
	hold = world_draft(world, ENTRY_HOLD, "alice", 10);
	(void)world_do(world, hold);
	transfer = world_transfer(world, "bob", "alice", 1);
	(void)world_do(world, transfer);
	CHECK(control(world, CONTROL_FREEZE, SCOPE_ACCOUNT, world_text("alice"), 0) == ERR_OK);
	CHECK(world_replays(world));
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_draft(world, ENTRY_HOLD, "alice", 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_draft(world, ENTRY_BURN, "alice", 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_capture(world, &hold, "bob", 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_reverse(world, &transfer, 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_reverse(world, &hold, 1)) == DETAIL_NONE); /* release */
	CHECK(world_do(world, world_transfer(world, "bob", "alice", 1)) == DETAIL_NONE);
	CHECK(world_mint(world, "alice", 1) == DETAIL_NONE);
	CHECK(control(world, CONTROL_UNFREEZE, SCOPE_ACCOUNT, world_text("alice"), 0) == ERR_OK);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_NONE);
}

static void a_frozen_asset_or_ledger_stands_still_but_for_releases(void **state)
{
	struct world *world = *state;
	struct draft hold;

	(void)world_mint(world, "alice", 100);
	hold = world_draft(world, ENTRY_HOLD, "alice", 10);
	hold.entry.expires_unix_ms = world->now + 10;
	(void)world_do(world, hold);
	CHECK(control(world, CONTROL_FREEZE, SCOPE_ASSET, world_text("ron"), 0) == ERR_OK);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_FROZEN);
	CHECK(world_mint(world, "alice", 1) == DETAIL_FROZEN);
	CHECK(control(world, CONTROL_FREEZE, SCOPE_GLOBAL, (struct slice){ 0 }, 0) == ERR_OK);
	CHECK(control(world, CONTROL_UNFREEZE, SCOPE_ASSET, world_text("ron"), 0) == ERR_OK);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_FROZEN);
	CHECK(ledger_is_frozen(world->ledger, SCOPE_GLOBAL, (struct slice){ 0 }));
	world->now += 10;
	world_begin(world);
	CHECK(world_end(world, 0).entry_count == 1); /* expiry goes on */
}

static void a_revoked_capability_or_key_writes_nothing(void **state)
{
	struct world *world = *state;
	const uint8_t key[4] = { 7, 0, 0, 0 };
	struct slice capability = { world->grant.capability_id.bytes, ID_BYTES };

	CHECK(control(world, CONTROL_REVOKE, SCOPE_CAPABILITY, capability, 0) == ERR_OK);
	CHECK(world_mint(world, "alice", 1) == DETAIL_REVOKED);
	CHECK(world_replays(world));
	CHECK(world_mint(world, "alice", 1) == DETAIL_REVOKED);
	world->grant.capability_id.bytes[0] ^= 1;
	hex_encode(world->grant.capability_id.bytes, ID_BYTES, world->capability_ref);
	CHECK(world_mint(world, "alice", 1) == DETAIL_NONE);
	CHECK(control(world, CONTROL_REVOKE, SCOPE_KEY, (struct slice){ key, 4 }, 0) == ERR_OK);
	CHECK(world_mint(world, "alice", 1) == DETAIL_REVOKED);
}

static void controls_that_make_no_sense_are_refused(void **state)
{
	struct world *world = *state;

	CHECK(control(world, CONTROL_FREEZE, SCOPE_GLOBAL, world_text("x"), 0) == ERR_MALFORMED);
	CHECK(control(world, CONTROL_FREEZE, SCOPE_ACCOUNT, world_text(""), 0) == ERR_MALFORMED);
	CHECK(control(world, CONTROL_FREEZE, SCOPE_KEY, world_text("abcd"), 0) == ERR_MALFORMED);
	CHECK(control(world, CONTROL_REVOKE, SCOPE_ACCOUNT, world_text("a"), 0) == ERR_MALFORMED);
	CHECK(control(world, CONTROL_LIMIT, SCOPE_GLOBAL, world_text("x"), 1) == ERR_MALFORMED);
	CHECK(control(world, CONTROL_SETTLED, SCOPE_GLOBAL, world_text(""), 1) == ERR_MALFORMED);
	CHECK(world->store.tables[BATCH_CONTROL].count == 0);
}

static void a_limit_set_later_does_not_judge_history(void **state)
{
	struct world *world = *state;

	(void)world_mint(world, "alice", 100);
	CHECK(control(world, CONTROL_LIMIT, SCOPE_GLOBAL, LEDGER_LIMIT_ACCOUNT_TOTAL, 10) ==
		ERR_OK);
	CHECK(world_replays(world));
	CHECK(world_mint(world, "bob", 11) == DETAIL_ACCOUNT_TOTAL);
	CHECK(world_available(world, "alice") == 100);
}

/* ---- /v1 ---- */

static struct draft v1_transfer(struct world *world, u128 amount, uint64_t nonce)
{
	struct draft draft = world_transfer(world, "alice", "bob", amount);

	draft.entry.source = SOURCE_V1;
	draft.lane = LANE_DEBIT;
	draft.lane_nonce = nonce;
	draft.receipt = world_text("{\"txid\":\"x\"");
	memset(&draft.entry.receipt_hash, 3, sizeof draft.entry.receipt_hash);
	return draft;
}

static void nonces_of_a_lane_rise_by_one(void **state)
{
	struct world *world = *state;

	(void)world_mint(world, "alice", 100);
	CHECK(world_do(world, v1_transfer(world, 1, 2)) == DETAIL_NONCE_GAP);
	CHECK(world->results[0].lane_last == 0);
	CHECK(world_do(world, v1_transfer(world, 1, 1)) == DETAIL_NONE);
	CHECK(world_replays(world));
	CHECK(world_do(world, v1_transfer(world, 1, 1)) == DETAIL_NONCE_USED);
	CHECK(world->results[0].lane_last == 1);
	CHECK(world_do(world, v1_transfer(world, 1000, 2)) == DETAIL_INSUFFICIENT);
	CHECK(world_do(world, v1_transfer(world, 1, 2)) == DETAIL_NONE); /* none consumed */
}

static void a_receipt_is_completed_with_seq_and_balances(void **state)
{
	struct world *world = *state;
	static const char whole[] =
		"{\"txid\":\"x\",\"seq\":2,\"balance_before\":\"100\",\"balance_after\":\"99\"}";
	struct batch_entry row;

	(void)world_mint(world, "alice", 100);
	CHECK(world_do(world, v1_transfer(world, 1, 1)) == DETAIL_NONE);
	row = world_entry_row(world, 2);
	CHECK(entry_views_equal(row.receipt, world_text(whole)));
	CHECK(entry_views_equal(world->results[0].receipt, world_text(whole)));
	CHECK(row.lane == LANE_DEBIT && row.lane_nonce == 1 && row.prev_account_seq == 1);
}

static void a_daily_ceiling_bounds_v1_debits(void **state)
{
	struct world *world = *state;

	world->limits.daily_ceiling = 50;
	ledger_set_limits(world->ledger, &world->limits);
	(void)world_mint(world, "alice", 200);
	CHECK(world_do(world, v1_transfer(world, 40, 1)) == DETAIL_NONE);
	CHECK(world_replays(world));
	CHECK(world_do(world, v1_transfer(world, 11, 2)) == DETAIL_DAILY_LIMIT);
	CHECK(world_do(world, v1_transfer(world, 10, 2)) == DETAIL_NONE);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 50)) == DETAIL_NONE);
	world->now += 86400000;
	CHECK(world_do(world, v1_transfer(world, 50, 3)) == DETAIL_NONE);
}

/* ---- intents ---- */

static void an_intent_settles_once(void **state)
{
	struct world *world = *state;
	struct ledger_settlement settlement = {
		.tenant = world_text("acme"),
		.epoch = world_text("2025-10-01"),
		.run_key = { { 1 } },
		.idempotency_key = { { 2 } },
		.commitment = { { 3 } },
	};
	struct draft drafts[2];
	struct ledger_request request;

	(void)world_mint(world, "sys:reward_pool:acme:ron", 50);
	for (size_t i = 0; i < 2; i++) {
		drafts[i] = world_transfer(
			world, "sys:reward_pool:acme:ron", i == 0 ? "a" : "b", 26 - i);
		drafts[i].entry.source = SOURCE_REWARD;
	}
	request = world_request(world, drafts, 2);
	request.atomic = true;
	request.settlement = &settlement;
	world_run(world, &request);
	CHECK(world->verdict.accepted_count == 0); /* 51 of 50: postponed, never trimmed */
	drafts[0].entry.amount = 25;
	world_run(world, &request);
	CHECK(world->verdict.new_count == 2 && world->verdict.seq_start == 2);
	CHECK(world_replays(world));
	world_run(world, &request);
	CHECK(world->verdict.is_settled_before && world->verdict.seq_end == 3);
	settlement.commitment.bytes[0] = 4;
	world_run(world, &request);
	CHECK(world->verdict.first_refusal == DETAIL_SETTLED_OTHERWISE);
	settlement.commitment.bytes[0] = 3;
	settlement.epoch = world_text("2025-10-02");
	world_run(world, &request);
	CHECK(world->verdict.first_refusal == DETAIL_SETTLED_OTHERWISE);
}

/* ---- the way back ---- */

static void previous_seqs_walk_back_through_an_account(void **state)
{
	struct world *world = *state;

	(void)world_mint(world, "alice", 100);
	(void)world_mint(world, "bob", 100);
	(void)world_do(world, world_transfer(world, "alice", "bob", 1));
	CHECK(world_entry_row(world, 1).prev_account_seq == 0);
	CHECK(world_entry_row(world, 2).prev_counter_seq == 1); /* sys:issuance */
	CHECK(world_entry_row(world, 3).prev_account_seq == 1);
	CHECK(world_entry_row(world, 3).prev_counter_seq == 2);
	CHECK(world_replays(world));
	(void)world_do(world, world_transfer(world, "bob", "carol", 1));
	CHECK(world_entry_row(world, 4).prev_account_seq == 3);
}

static void an_idle_node_flushes_every_chunk(void **state)
{
	struct world *world = *state;
	char name[24];
	struct ledger_batch batch;

	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof name, "account%d", i);
		CHECK(world_mint(world, name, 1) == DETAIL_NONE);
	}
	CHECK(ledger_dirty_chunks(world->ledger) > 0);
	world_begin(world);
	batch = world_end(world, UINT32_MAX);
	CHECK(ledger_dirty_chunks(world->ledger) == 0 && batch.low_water == 200);
}

static void a_store_that_contradicts_itself_is_not_replayed(void **state)
{
	struct world *world = *state;
	enum err err;
	struct world_blob *blob;

	(void)world_mint(world, "alice", 100);
	(void)world_do(world, world_transfer(world, "alice", "bob", 60));
	blob = &world->store.tables[BATCH_ENTRY].blobs[1];
	/* the lowest byte of the amount, behind head, seq, id, ts, kind, source and names */
	blob->bytes[35 + 2 + 8 + 16 + 8 + 2 + 6 + 4] = 101;
	CHECK(world_load(world, &err) == NULL && err == ERR_CORRUPT);
	blob->bytes[35 + 2 + 8 + 16 + 8 + 2 + 6 + 4] = 60;
	world->store.tables[BATCH_ENTRY].count--;
	world->store.low_water = 2;
	CHECK(world_load(world, &err) == NULL && err == ERR_CORRUPT);
	world->store.tables[BATCH_ENTRY].count++;
	world->store.low_water = 0;
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
		TEST(a_repeat_gets_the_original_seq),
		TEST(the_same_key_with_other_content_is_a_conflict),
		TEST(the_key_has_source_and_account_in_it),
		TEST(memos_are_compared_under_the_first_salt),
		TEST(a_repeat_inside_of_a_request_counts_once),
		TEST(a_late_retry_is_not_judged_by_its_age),
		TEST(a_request_parks_until_its_candidates_are_at_hand),
		TEST(a_repeat_of_an_entry_of_the_open_batch_waits_for_it),
		TEST(writes_stop_when_the_table_of_fingerprints_is_full),
		TEST(a_hold_is_captured_in_parts_and_released),
		TEST(an_open_hold_needs_no_row),
		TEST(the_repeat_of_the_capture_that_closed_a_hold_is_a_repeat),
		TEST(an_expired_hold_is_released_by_the_ledger),
		TEST(at_most_64_holds_expire_in_a_batch_and_the_oldest_first),
		TEST(a_hold_can_be_captured_in_the_request_that_made_it),
		TEST(a_transfer_is_reversed_in_parts_up_to_the_whole),
		TEST(a_reversal_needs_the_money_to_be_there),
		TEST(mint_burn_and_capture_can_be_reversed),
		TEST(what_cannot_be_reversed_is_refused_by_name),
		TEST(a_group_nets_to_zero_or_is_refused),
		TEST(a_group_is_judged_as_a_whole),
		TEST(a_lone_leg_is_refused_and_others_go_on),
		TEST(groups_of_two_assets_stand_alone),
		TEST(a_leg_refused_elsewhere_spoils_its_group),
		TEST(the_same_leg_twice_in_a_group_is_refused),
		TEST(a_group_is_reversed_whole_or_not_at_all),
		TEST(partial_takes_what_is_good_and_names_the_first_refusal),
		TEST(atomic_takes_all_or_nothing),
		TEST(a_dry_run_judges_alike_and_leaves_nothing),
		TEST(entries_are_numbered_by_ts_and_id_whatever_their_place),
		TEST(too_many_entries_are_refused),
		TEST(a_full_batch_is_closed_and_nothing_is_lost),
		TEST(without_memory_writes_are_refused_and_reads_go_on),
		TEST(without_a_grant_nothing_is_written),
		TEST(each_kind_needs_its_action),
		TEST(a_reversal_is_judged_by_who_pays_it),
		TEST(a_day_limit_counts_over_batches_and_restarts_and_ends_with_the_day),
		TEST(a_refused_entry_uses_up_no_day_limit),
		TEST(a_frozen_account_pays_nothing_and_still_receives),
		TEST(a_frozen_asset_or_ledger_stands_still_but_for_releases),
		TEST(a_revoked_capability_or_key_writes_nothing),
		TEST(controls_that_make_no_sense_are_refused),
		TEST(a_limit_set_later_does_not_judge_history),
		TEST(nonces_of_a_lane_rise_by_one),
		TEST(a_receipt_is_completed_with_seq_and_balances),
		TEST(a_daily_ceiling_bounds_v1_debits),
		TEST(an_intent_settles_once),
		TEST(previous_seqs_walk_back_through_an_account),
		TEST(an_idle_node_flushes_every_chunk),
		TEST(a_store_that_contradicts_itself_is_not_replayed),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
