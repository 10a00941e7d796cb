#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/intent_maker.h"
#include "tests/ledger_world.h"

#define CHECK(truth) assert_true(truth)
#define POOL         "sys:reward_pool:acme:ron"

static struct draft drafts[WORLD_ENTRIES_MAX];

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

/* The intent, in the open batch. */
static void admit(struct world *world, const struct intent_maker *maker)
{
	struct ledger_request request = {
		.drafts = drafts,
		.draft_count = maker->intent.count,
		.source = SOURCE_REWARD,
		.atomic = true,
		.grant = &world->grant,
		.tenant = maker->intent.tenant,
		.epoch = maker->intent.epoch,
		.intent = &maker->intent,
		.row = world_row,
		.row_owner = world,
	};

	ledger_intent_drafts(world->ledger, &maker->intent, intent_maker_allocations(maker), 7,
		world_text(world->capability_ref), ledger_batch_ts(world->ledger), drafts);
	world_admit(world, &request);
}

static void settle(struct world *world, const struct intent_maker *maker)
{
	world_begin(world);
	admit(world, maker);
	(void)world_end(world, 0);
}

static void expect_refused(
	struct world *world, const struct intent_maker *maker, enum detail detail)
{
	struct hash before, after;
	uint64_t size = world_size(world);

	ledger_digest(world->ledger, &before);
	settle(world, maker);
	ledger_digest(world->ledger, &after);
	CHECK(world->verdict.outcome == LEDGER_JUDGED);
	assert_string_equal(detail_text(world->verdict.first_refusal), detail_text(detail));
	CHECK(world->verdict.accepted_count == 0 && world->verdict.new_count == 0);
	CHECK(world_size(world) == size);
	assert_memory_equal(&before, &after, sizeof before);
}

/* ---- settling ---- */

static void an_intent_pays_each_actor_in_the_order_of_names(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;

	intent_maker_init(&maker, "2025-10-01", 1, 200);
	(void)world_mint(world, POOL, 30000);
	settle(world, &maker);
	CHECK(world->verdict.new_count == 200 && world->verdict.refused_count == 0);
	CHECK(world->verdict.seq_start == 2 && world->verdict.seq_end == 201);
	for (uint64_t seq = 2; seq <= 201; seq++) {
		struct entry entry = world_entry(world, seq);
		struct id128 nonce;

		intent_nonce(&maker.intent.idempotency_key, entry.counter_account, &nonce);
		CHECK(entry.kind == ENTRY_TRANSFER && entry.source == SOURCE_REWARD);
		CHECK(entry_views_equal(entry.account, world_text(POOL)));
		CHECK(entry.amount == seq - 1);
		CHECK(memcmp(&entry.nonce, &nonce, sizeof nonce) == 0);
	}
	CHECK(world_available(world, POOL) == 30000 - 20100);
	CHECK(world_available(world, "did:ron:actor000199") == 200);
	CHECK(ledger_settled_count(world->ledger) == 1);
	intent_maker_finish(&maker);
}

static void it_is_settled_once_however_often_it_comes(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;

	intent_maker_init(&maker, "2025-10-01", 1, 3);
	(void)world_mint(world, POOL, 100);
	settle(world, &maker);
	CHECK(world->verdict.new_count == 3);
	for (int i = 0; i < 2; i++) {
		settle(world, &maker);
		CHECK(world->verdict.is_settled_before && world->verdict.new_count == 0);
		CHECK(world->verdict.seq_start == 2 && world->verdict.seq_end == 4);
		CHECK(world->verdict.root_seq == 4 && world_size(world) == 4);
		world_restart(world);
	}
	CHECK(world_available(world, POOL) == 94);
	intent_maker_finish(&maker);
}

static void each_of_its_names_is_used_once(void **state)
{
	struct world *world = *state;
	struct intent_maker maker, other;

	intent_maker_init(&maker, "2025-10-01", 1, 3);
	(void)world_mint(world, POOL, 100);
	settle(world, &maker);
	intent_maker_init(&other, "2025-10-01", 2, 3); /* another run of the epoch */
	expect_refused(world, &other, DETAIL_SETTLED_OTHERWISE);
	other.intent.epoch = world_text("2025-10-02");
	other.intent.run_key = maker.intent.run_key;
	expect_refused(world, &other, DETAIL_SETTLED_OTHERWISE);
	other.intent.run_key.bytes[31] = 9;
	other.intent.idempotency_key = maker.intent.idempotency_key;
	expect_refused(world, &other, DETAIL_SETTLED_OTHERWISE);
	other.intent = maker.intent;
	other.intent.commitment.bytes[0] ^= 1;
	expect_refused(world, &other, DETAIL_SETTLED_OTHERWISE);
	intent_maker_finish(&other);
	intent_maker_init(&other, "2025-10-02", 2, 3);
	settle(world, &other);
	CHECK(world->verdict.new_count == 3);
	intent_maker_finish(&maker);
	intent_maker_finish(&other);
}

/* ---- all or nothing ---- */

static void a_short_pool_pays_nobody(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;

	intent_maker_init(&maker, "2025-10-01", 1, 10);
	(void)world_mint(world, POOL, 54); /* of 55 */
	expect_refused(world, &maker, DETAIL_INSUFFICIENT);
	(void)world_mint(world, POOL, 1);
	settle(world, &maker);
	CHECK(world->verdict.new_count == 10 && world_available(world, POOL) == 0);
	intent_maker_finish(&maker);
}

static void one_actor_with_too_much_stops_all(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;

	intent_maker_init(&maker, "2025-10-01", 1, 10);
	(void)world_mint(world, POOL, 100);
	(void)world_mint(world, "did:ron:actor000009", 91);
	world->limits.account_total_max = 100;
	ledger_set_limits(world->ledger, &world->limits);
	expect_refused(world, &maker, DETAIL_ACCOUNT_TOTAL);
	intent_maker_finish(&maker);
}

static void freeze(struct world *world, enum batch_control_kind kind,
	enum batch_control_scope scope, const char *value)
{
	world_begin(world);
	CHECK(ledger_control(world->ledger, &(struct batch_control){ .kind = kind,
						    .scope = scope,
						    .value = world_text(value) }) == ERR_OK);
	(void)world_end(world, 0);
}

static void a_freeze_of_pool_actor_asset_or_ledger_stops_all(void **state)
{
	static const struct {
		enum batch_control_scope scope;
		const char *value;
	} cases[] = { { SCOPE_ACCOUNT, POOL }, { SCOPE_ACCOUNT, "did:ron:actor000005" },
		{ SCOPE_ASSET, "ron" }, { SCOPE_GLOBAL, "" }, { SCOPE_REWARDS, "" } };
	struct world *world = *state;
	struct intent_maker maker;

	intent_maker_init(&maker, "2025-10-01", 1, 10);
	(void)world_mint(world, POOL, 100);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		freeze(world, CONTROL_FREEZE, cases[i].scope, cases[i].value);
		expect_refused(world, &maker, DETAIL_FROZEN);
		freeze(world, CONTROL_UNFREEZE, cases[i].scope, cases[i].value);
	}
	settle(world, &maker);
	CHECK(world->verdict.new_count == 10);
	intent_maker_finish(&maker);
}

static void the_token_must_be_for_this_tenant_epoch_and_act(void **state)
{
	static const char *const caveats[] = { "action=ledger.ingest", "tenant=other",
		"epoch=2025-10-02", "account=alice", "asset=gold", "amount<=9", "daily<=54",
		"kind=Mint" };
	struct world *world = *state;
	struct intent_maker maker;

	intent_maker_init(&maker, "2025-10-01", 1, 10);
	(void)world_mint(world, POOL, 100);
	for (size_t i = 0; i < COUNT_OF(caveats); i++) {
		struct id128 counter = { { (uint8_t)(i + 1) } };
		struct caveat caveat;

		world_open_grant(world);
		CHECK(caveat_parse(world_text(caveats[i]), &caveat) == CAVEAT_FAULT_OK);
		CHECK(caveat_set_add(&world->grant.caveats, &caveat, 0, &counter) == ERR_OK);
		settle(world, &maker);
		CHECK(world->verdict.new_count == 0 && world->verdict.refused_count > 0);
	}
	world_open_grant(world);
	settle(world, &maker);
	CHECK(world->verdict.new_count == 10);
	intent_maker_finish(&maker);
}

static void more_than_the_bound_is_refused(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;

	(void)world_mint(world, POOL, 100);
	intent_maker_init(&maker, "2025-10-01", 1, WORLD_ENTRIES_MAX);
	maker.intent.count = 3;
	ledger_destroy(world->ledger);
	world->limits.intent_entries_max = 2;
	world->ledger = NULL;
	world_restart(world);
	expect_refused(world, &maker, DETAIL_TOO_MANY_ENTRIES);
	intent_maker_finish(&maker);
}

static void no_more_are_kept_than_there_is_room_for(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;

	(void)world_mint(world, POOL, 100);
	world->limits.settled_max = 1;
	ledger_set_limits(world->ledger, &world->limits);
	intent_maker_init(&maker, "2025-10-01", 1, 2);
	settle(world, &maker);
	CHECK(world->verdict.new_count == 2);
	settle(world, &maker);
	CHECK(world->verdict.is_settled_before);
	intent_maker_finish(&maker);
	intent_maker_init(&maker, "2025-10-02", 2, 2);
	expect_refused(world, &maker, DETAIL_CAPACITY);
	intent_maker_finish(&maker);
}

/* ---- never twice ---- */

/* Its entries are there and its record is not: no repeat of them is a payment. */
static void entries_without_their_intent_are_no_settlement(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;

	(void)world_mint(world, POOL, 100);
	intent_maker_init(&maker, "2025-10-01", 1, 2);
	settle(world, &maker);
	world_rows_free(&world->store.tables[BATCH_CONTROL]);
	world_restart(world);
	CHECK(ledger_settled_count(world->ledger) == 0);
	expect_refused(world, &maker, DETAIL_SETTLED_OTHERWISE);
	CHECK(world_available(world, POOL) == 97);
	intent_maker_finish(&maker);
}

static void a_client_cannot_stand_in_its_way(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;
	struct draft mint;

	(void)world_mint(world, POOL, 100);
	intent_maker_init(&maker, "2025-10-01", 1, 2);
	/* whoever knows key and actor can compute the nonce, and take it in the account's name */
	mint = world_draft(world, ENTRY_MINT, POOL, 1);
	intent_nonce(&maker.intent.idempotency_key, world_text("did:ron:actor000000"),
		&mint.entry.nonce);
	memcpy(&mint.entry.id, &mint.entry.nonce, sizeof mint.entry.id);
	CHECK(world_do(world, mint) == DETAIL_NONE);
	settle(world, &maker);
	CHECK(world->verdict.new_count == 2);
	intent_maker_finish(&maker);
}

static void a_settled_record_comes_back_once(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;
	struct world_rows *controls = &world->store.tables[BATCH_CONTROL];
	enum err err;

	(void)world_mint(world, POOL, 100);
	intent_maker_init(&maker, "2025-10-01", 1, 2);
	settle(world, &maker);
	world_rows_add(controls, 2, world_blob_slice(&controls->blobs[0]));
	CHECK(world_load(world, &err) == NULL && err == ERR_CORRUPT);
	world_rows_remove(controls, 2);
	intent_maker_finish(&maker);
}

/* ---- look-ups and room ---- */

static void it_parks_until_its_candidates_are_at_hand(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;

	world_destroy(world);
	world_create(world, 1); /* everything is a candidate for everything */
	(void)world_mint(world, POOL, 100);
	intent_maker_init(&maker, "2025-10-01", 1, 2);
	world->store_is_silent = true;
	settle(world, &maker);
	CHECK(world->verdict.outcome == LEDGER_PARKED && world_size(world) == 1);
	world->store_is_silent = false;
	settle(world, &maker);
	CHECK(world->verdict.new_count == 2);
	intent_maker_finish(&maker);
}

static void a_reward_can_be_reversed(void **state)
{
	struct world *world = *state;
	struct intent_maker maker;
	struct draft paid;

	(void)world_mint(world, POOL, 100);
	intent_maker_init(&maker, "2025-10-01", 1, 2);
	settle(world, &maker);
	paid = (struct draft){ .entry = world_entry(world, 3) };
	CHECK(world_do(world, world_reverse(world, &paid, 2)) == DETAIL_NONE);
	CHECK(world_available(world, POOL) == 99);
	CHECK(world_available(world, "did:ron:actor000001") == 0);
	intent_maker_finish(&maker);
}

/* The room that is asked for is enough, and what a full intent needs is given back. */
static void it_fits_the_room_that_it_asks_for(void **state)
{
	enum { COUNT = 5000 };
	struct world *world = *state;
	struct draft *many = malloc(COUNT * sizeof *many);
	struct ledger_result *results = malloc(COUNT * sizeof *results);
	struct ledger_request request = { .drafts = many,
		.draft_count = COUNT,
		.source = SOURCE_REWARD,
		.atomic = true,
		.row = world_row,
		.row_owner = world };
	struct ledger_batch batch;
	struct byte_writer out;
	struct intent_maker maker;
	uint8_t *records;
	size_t bytes;

	assert_true(many != NULL && results != NULL);
	ledger_destroy(world->ledger);
	world->limits.intent_entries_max = COUNT;
	world->ledger = NULL;
	world_restart(world);
	(void)world_mint(world, POOL, U128_MAX);
	intent_maker_init(&maker, "2025-10-01", 1, COUNT);
	bytes = ledger_intent_bytes(&maker.intent, maker.allocations_bytes);
	records = malloc(bytes);
	assert_non_null(records);
	request.grant = &world->grant;
	request.tenant = maker.intent.tenant;
	request.epoch = maker.intent.epoch;
	request.intent = &maker.intent;
	out = byte_writer_of(records, bytes);
	ledger_batch_begin(world->ledger, &out, world->now);
	ledger_intent_drafts(world->ledger, &maker.intent, intent_maker_allocations(&maker), 7,
		world_text(world->capability_ref), ledger_batch_ts(world->ledger), many);
	ledger_admit(world->ledger, &request, results, &world->verdict);
	CHECK(world->verdict.new_count == COUNT);
	ledger_batch_end(world->ledger, 0, &batch);
	CHECK(bytes - out.used < BATCH_BYTES_MAX); /* and not much more */
	world_commit(world, &batch, (struct slice){ records, out.used });
	free(records);
	free(many);
	free(results);
	intent_maker_finish(&maker);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_intent_pays_each_actor_in_the_order_of_names),
		TEST(it_is_settled_once_however_often_it_comes),
		TEST(each_of_its_names_is_used_once),
		TEST(a_short_pool_pays_nobody),
		TEST(one_actor_with_too_much_stops_all),
		TEST(a_freeze_of_pool_actor_asset_or_ledger_stops_all),
		TEST(the_token_must_be_for_this_tenant_epoch_and_act),
		TEST(more_than_the_bound_is_refused),
		TEST(no_more_are_kept_than_there_is_room_for),
		TEST(entries_without_their_intent_are_no_settlement),
		TEST(a_client_cannot_stand_in_its_way),
		TEST(a_settled_record_comes_back_once),
		TEST(it_parks_until_its_candidates_are_at_hand),
		TEST(a_reward_can_be_reversed),
		TEST(it_fits_the_room_that_it_asks_for),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
