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

static void run_group(struct world *world, struct draft *drafts, size_t count, bool is_atomic)
{
	struct ledger_request request = world_request(world, drafts, count);

	request.atomic = is_atomic;
	world_run(world, &request);
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

/* Goal: an id that somebody heard of does not tell him whose entry it is. */
static void a_stranger_does_not_learn_whose_an_original_is(void **state)
{
	struct world *world = *state;
	const char *const names[] = { "alice", "bob", "carol" };
	struct draft known, unknown = world_draft(world, ENTRY_HOLD, "alice", 1);

	(void)world_mint(world, "alice", 100);
	known = world_draft(world, ENTRY_HOLD, "alice", 10);
	(void)world_do(world, known);
	CHECK(world_do(world, world_capture(world, &unknown, "bob", 1)) ==
		DETAIL_ORIGINAL_NOT_FOUND);
	known.entry.account = world_text("bob");
	CHECK(world_do(world, world_reverse(world, &known, 1)) == DETAIL_ORIGINAL_MISMATCH);
	add_caveat(world, "action=ledger.ingest");
	add_caveat(world, "account=carol");
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		enum detail expected = i == 2 ? DETAIL_ORIGINAL_NOT_FOUND : DETAIL_CAVEAT;

		known.entry.account = unknown.entry.account = world_text(names[i]);
		CHECK(world_do(world, world_capture(world, &known, "dave", 1)) == expected);
		CHECK(world_do(world, world_capture(world, &unknown, "dave", 1)) == expected);
		CHECK(world_do(world, world_reverse(world, &known, 1)) == expected);
		CHECK(world_do(world, world_reverse(world, &unknown, 1)) == expected);
	}
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

static void add_daily(struct world *world, uint8_t which)
{
	struct id128 counter = { { which } };
	struct caveat caveat;

	assert_int_equal(caveat_parse(world_text("daily<=1000000"), &caveat), CAVEAT_FAULT_OK);
	assert_int_equal(caveat_set_add(&world->grant.caveats, &caveat, 0, &counter), ERR_OK);
}

static enum detail pay_under(struct world *world, uint8_t first, uint8_t limit_count)
{
	world_open_grant(world);
	for (uint8_t i = 0; i < limit_count; i++) {
		add_daily(world, (uint8_t)(first + i));
	}
	return world_do(world, world_transfer(world, "alice", "bob", 1));
}

/* Goal: who narrows tokens without end fills the table of one day, and no other. */
static void counters_of_days_that_are_over_make_room(void **state)
{
	struct world *world = *state;
	const struct world_rows *rows = &world->store.tables[BATCH_COUNTER];
	struct ledger_limits limits = world->limits;

	limits.counters_max = 8;
	ledger_set_limits(world->ledger, &limits);
	world->limits = limits;
	(void)world_mint(world, "alice", 1000);
	CHECK(pay_under(world, 0, 5) == DETAIL_NONE && pay_under(world, 5, 3) == DETAIL_NONE);
	CHECK(pay_under(world, 8, 1) == DETAIL_CAPACITY);
	CHECK(pay_under(world, 2, 4) == DETAIL_NONE && pay_under(world, 0, 0) == DETAIL_NONE);
	CHECK(ledger_counters(world->ledger) == 8 && rows->count == 8);
	for (uint8_t day = 1; day < 6; day++) {
		world->now += 86400000;
		CHECK(pay_under(world, (uint8_t)(16 * day), 6) == DETAIL_NONE);
		CHECK(ledger_counters(world->ledger) == 6 && rows->count == 8);
		CHECK(world_replays(world) && ledger_counters(world->ledger) == 6);
		/* two of today, and as many as there is room for */
		CHECK(pay_under(world, (uint8_t)(16 * day + 4), 5) == DETAIL_CAPACITY);
		CHECK(pay_under(world, (uint8_t)(16 * day + 4), 4) == DETAIL_NONE);
	}
}

static void a_counter_whose_place_was_taken_comes_back_with_what_is_taken_back(void **state)
{
	struct world *world = *state;
	struct draft draft;
	struct ledger_request request;
	struct hash before, after;

	(void)world_mint(world, "alice", 1000);
	CHECK(pay_under(world, 0, 20) == DETAIL_NONE);
	world->now += 86400000;
	CHECK(pay_under(world, 3, 1) == DETAIL_NONE);
	ledger_digest(world->ledger, &before);
	world_open_grant(world);
	for (uint8_t i = 0; i < 30; i++) {
		add_daily(world, (uint8_t)(10 + i)); /* ten old ones, twenty new ones */
	}
	draft = world_transfer(world, "alice", "bob", 1);
	request = world_request(world, &draft, 1);
	request.dry_run = true;
	world_run(world, &request);
	CHECK(world->results[0].detail == DETAIL_NONE);
	ledger_digest(world->ledger, &after);
	assert_memory_equal(&before, &after, sizeof before);
	CHECK(ledger_counters(world->ledger) == 1);
	CHECK(pay_under(world, 0, 30) == DETAIL_NONE && ledger_counters(world->ledger) == 30);
}

/* Goal: what may have to be taken back is noted, however many day limits an entry counts towards.
 * Notes lie in pieces of memory, so one piece is filled to each of its last places. */
static void a_dry_run_under_many_day_limits_is_taken_back(void **state)
{
	struct world *world = *state;
	struct draft drafts[WORLD_ENTRIES_MAX];
	char names[WORLD_ENTRIES_MAX][8];
	struct ledger_request request;
	struct hash before, after;

	(void)world_mint(world, "alice", 1);
	for (uint8_t i = 0; i < TOKEN_CAVEATS_MAX; i++) {
		add_daily(world, i);
	}
	for (size_t i = 0; i < WORLD_ENTRIES_MAX; i++) {
		drafts[i] = world_draft(world, ENTRY_MINT, "alice", 1);
	}
	ledger_digest(world->ledger, &before);
	for (size_t old_assets = 1; old_assets < 40; old_assets++) { /* make fewer notes */
		for (size_t i = 0; i < WORLD_ENTRIES_MAX; i++) {
			(void)snprintf(names[i], sizeof names[i], "a%zu", i < old_assets ? 0 : i);
			drafts[i].entry.asset = world_text(names[i]);
		}
		request = world_request(world, drafts, WORLD_ENTRIES_MAX);
		request.dry_run = true;
		world_run(world, &request);
		CHECK(world->verdict.refused_count == 0);
	}
	ledger_digest(world->ledger, &after);
	assert_memory_equal(&before, &after, sizeof before);
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
	CHECK(ledger_freezes(world->ledger, SCOPE_ACCOUNT) == 1);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_draft(world, ENTRY_HOLD, "alice", 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_draft(world, ENTRY_BURN, "alice", 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_capture(world, &hold, "bob", 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_reverse(world, &transfer, 1)) == DETAIL_FROZEN);
	CHECK(world_do(world, world_reverse(world, &hold, 1)) == DETAIL_NONE); /* release */
	CHECK(world_do(world, world_transfer(world, "bob", "alice", 1)) == DETAIL_NONE);
	CHECK(world_mint(world, "alice", 1) == DETAIL_NONE);
	CHECK(control(world, CONTROL_UNFREEZE, SCOPE_ACCOUNT, world_text("alice"), 0) == ERR_OK);
	CHECK(ledger_freezes(world->ledger, SCOPE_ACCOUNT) == 0);
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
	CHECK(ledger_freezes(world->ledger, SCOPE_GLOBAL) == 1);
	CHECK(ledger_freezes(world->ledger, SCOPE_ASSET) == 0);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
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
		TEST(a_stranger_does_not_learn_whose_an_original_is),
		TEST(a_day_limit_counts_over_batches_and_restarts_and_ends_with_the_day),
		TEST(a_refused_entry_uses_up_no_day_limit),
		TEST(counters_of_days_that_are_over_make_room),
		TEST(a_counter_whose_place_was_taken_comes_back_with_what_is_taken_back),
		TEST(a_dry_run_under_many_day_limits_is_taken_back),
		TEST(a_frozen_account_pays_nothing_and_still_receives),
		TEST(a_frozen_asset_or_ledger_stands_still_but_for_releases),
		TEST(a_revoked_capability_or_key_writes_nothing),
		TEST(controls_that_make_no_sense_are_refused),
		TEST(a_limit_set_later_does_not_judge_history),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
