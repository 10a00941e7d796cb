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
	CHECK(world_do(world, v1_transfer(world, 11, 2)) == DETAIL_DAILY_CEILING);
	CHECK(world_do(world, v1_transfer(world, 10, 2)) == DETAIL_NONE);
	CHECK(world_do(world, world_transfer(world, "alice", "bob", 50)) == DETAIL_NONE);
	world->now += 86400000;
	CHECK(world_do(world, v1_transfer(world, 50, 3)) == DETAIL_NONE);
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

/* Goal: no money is gone in silence. Without chunks all balances are zero, and so is their sum. */
static void a_chunk_that_is_not_there_is_noticed(void **state)
{
	struct world *world = *state;
	size_t chunks;
	enum err err;

	CHECK(world_mint(world, "alice", 100) == DETAIL_NONE);
	world_begin(world);
	CHECK(world_end(world, UINT32_MAX).low_water == 1);
	chunks = world->store.tables[BATCH_CHUNK].count;
	world->store.tables[BATCH_CHUNK].count = 0;
	CHECK(world_load(world, &err) == NULL && err == ERR_CORRUPT);
	/* and when each of its accounts has moved since */
	(void)world_mint(world, "alice", 50);
	CHECK(world->store.tables[BATCH_CHUNK].count == 0 && world->store.low_water == 1);
	CHECK(world_load(world, &err) == NULL && err == ERR_CORRUPT);
	world->store.tables[BATCH_CHUNK].count = chunks;
	CHECK(world_replays(world));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_repeat_gets_the_original_seq),
		TEST(the_same_key_with_other_content_is_a_conflict),
		TEST(the_key_has_source_and_account_in_it),
		TEST(memos_are_compared_under_the_first_salt),
		TEST(a_repeat_inside_of_a_request_counts_once),
		TEST(a_late_retry_is_not_judged_by_its_age),
		TEST(a_request_parks_until_its_candidates_are_at_hand),
		TEST(a_repeat_of_an_entry_of_the_open_batch_waits_for_it),
		TEST(writes_stop_when_the_table_of_fingerprints_is_full),
		TEST(nonces_of_a_lane_rise_by_one),
		TEST(a_receipt_is_completed_with_seq_and_balances),
		TEST(a_daily_ceiling_bounds_v1_debits),
		TEST(previous_seqs_walk_back_through_an_account),
		TEST(an_idle_node_flushes_every_chunk),
		TEST(a_store_that_contradicts_itself_is_not_replayed),
		TEST(a_chunk_that_is_not_there_is_noticed),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
