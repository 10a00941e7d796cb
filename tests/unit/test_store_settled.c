#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"
#include "store/verify.h"
#include "tests/intent_maker.h"
#include "tests/ledger_world.h"
#include "tests/store_dir.h"

/* A settled intent in a store, with a record that says something else about its entries. */

#define POOL "sys:reward_pool:acme:ron"

static struct world world;
static struct intent_maker maker;
static struct hash root;

static int start(void **state)
{
	struct store_config config;
	struct store_dir *dir;

	if (store_dir_setup(state) != 0) {
		return -1;
	}
	dir = *state;
	world_create(&world, UINT64_MAX);
	config = store_dir_config(dir);
	memcpy(config.random, world_key, sizeof world_key);
	if (store_open(&config, &dir->store, &dir->state, &dir->why) != ERR_OK) {
		return -1;
	}
	root = dir->state.head.root;
	intent_maker_init(&maker, "2025-10-01", 1, 3);
	return 0;
}

static int end(void **state)
{
	intent_maker_finish(&maker);
	world_destroy(&world);
	return store_dir_teardown(state);
}

static void append(struct store_dir *dir, const struct ledger_batch *batch, struct slice records)
{
	struct store_commit commit;
	struct store_batch stored = {
		.fence = dir->state.head.meta.fence,
		.first_seq = batch->first_seq,
		.prev_root = root,
		.batch_ts_unix_ms = (int64_t)batch->batch_ts_unix_ms,
		.low_water = batch->low_water,
		.records = records,
	};

	if (store_append(dir->store, &stored, (struct instant){ 0 }, &commit, &dir->why) !=
		ERR_OK) {
		fail_msg("%s", dir->why.text);
	}
	root = commit.root;
}

static void fund(struct store_dir *dir)
{
	struct draft mint = world_draft(&world, ENTRY_MINT, POOL, 100);
	struct ledger_request request = world_request(&world, &mint, 1);
	struct ledger_batch batch;

	world_begin(&world);
	world_admit(&world, &request);
	ledger_batch_end(world.ledger, UINT32_MAX, &batch);
	append(dir, &batch, (struct slice){ world.buffer, world.out.used });
}

/* As the ledger does it; the records stay in the world's buffer. */
static struct ledger_batch settle(void)
{
	struct draft drafts[3];
	struct ledger_request request = {
		.drafts = drafts,
		.draft_count = 3,
		.source = SOURCE_REWARD,
		.atomic = true,
		.grant = &world.grant,
		.tenant = maker.intent.tenant,
		.epoch = maker.intent.epoch,
		.intent = &maker.intent,
	};
	struct ledger_batch batch;

	world_begin(&world);
	ledger_intent_drafts(world.ledger, &maker.intent, intent_maker_allocations(&maker), 7,
		world_text(world.capability_ref), ledger_batch_ts(world.ledger), drafts);
	world_admit(&world, &request);
	assert_int_equal(world.verdict.new_count, 3);
	ledger_batch_end(world.ledger, UINT32_MAX, &batch);
	return batch;
}

/* What a test changes of the record. */
struct settled_wish {
	struct intent intent;
	uint64_t seq_start, seq_end;
	uint32_t copies; /* of the record: 1 is right */
};

static void put_control(struct byte_writer *out, const struct settled_wish *wish)
{
	uint8_t value[INTENT_SETTLED_BYTES_MAX];
	struct byte_writer kept = byte_writer_of(value, sizeof value);

	intent_put_settled(&kept, &wish->intent, wish->seq_start, wish->seq_end);
	batch_put_control(out, &(struct batch_control){ .kind = CONTROL_SETTLED,
				       .scope = SCOPE_GLOBAL,
				       .after_seq = wish->seq_end,
				       .value = { value, kept.used } });
}

/* The batch with another record in place of the ledger's. */
static void append_settled(struct store_dir *dir, const struct settled_wish *wish)
{
	static uint8_t bytes[WORLD_BATCH_BYTES];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct ledger_batch batch = settle();
	struct byte_reader in = byte_reader_of((struct slice){ world.buffer, world.out.used });
	struct batch_record record;

	while (batch_next(&in, &record)) {
		if (record.type != BATCH_CONTROL) {
			byte_put_u8(&out, (uint8_t)record.type);
			byte_put_slice32(&out, record.body);
			continue;
		}
		for (uint32_t i = 0; i < wish->copies; i++) {
			put_control(&out, wish);
		}
	}
	assert_false(out.failed);
	append(dir, &batch, (struct slice){ bytes, out.used });
}

static void expect_bad(void **state, const struct settled_wish *wish, const char *words)
{
	struct store_dir *dir = *state;
	struct reader_config reader_config = { .dir = dir->path };
	struct verify_config config = { .dir = dir->path };
	struct verify_result result = { .good = false };

	fund(dir);
	append_settled(dir, wish);
	store_dir_close(dir);
	assert_int_equal(reader_open(&reader_config, &config.reader, &dir->why), ERR_OK);
	assert_int_equal(verify_store(&config, &result, &dir->why), ERR_OK);
	reader_close(config.reader);
	if (strstr(result.what.text, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", result.what.text, words);
	}
	assert_int_equal(result.good, words[0] == '\0');
	assert_int_equal(result.bad, words[0] == '\0' ? VERIFY_NONE : VERIFY_CONTROL);
	assert_true(words[0] != '\0' || result.checked[VERIFY_CONTROL] == 1);
}

static struct settled_wish right(void)
{
	return (struct settled_wish){
		.intent = maker.intent, .seq_start = 2, .seq_end = 4, .copies = 1
	};
}

static void what_the_ledger_settled_is_good(void **state)
{
	struct settled_wish wish = right();

	expect_bad(state, &wish, "");
}

static void rewards_without_an_intent_are_found(void **state)
{
	struct settled_wish wish = right();

	wish.copies = 0;
	expect_bad(state, &wish, "there are 3 rewards, and settled intents name 0");
}

static void entries_that_are_named_twice_are_found(void **state)
{
	struct settled_wish wish = right();

	wish.copies = 2;
	expect_bad(state, &wish, "are not behind those of the one before");
}

static void entries_that_are_not_named_are_found(void **state)
{
	struct settled_wish wish = right();

	wish.seq_end = 3;
	expect_bad(state, &wish, "are not what was settled");
}

static void entries_that_are_no_rewards_are_found(void **state)
{
	struct settled_wish wish = right();

	wish.seq_start = 1;
	expect_bad(state, &wish, "are of more than one commit");
}

static void entries_that_are_not_there_are_found(void **state)
{
	struct settled_wish wish = right();

	wish.seq_end = 9;
	expect_bad(state, &wish, "the commit of entry 9 cannot be read");
}

static void the_pool_of_another_tenant_is_found(void **state)
{
	struct settled_wish wish = right();

	wish.intent.tenant = world_text("other");
	expect_bad(state, &wish, "entry 2 does not come out of the tenant's pool");
}

static void another_key_is_found(void **state)
{
	struct settled_wish wish = right();

	wish.intent.idempotency_key.bytes[0] ^= 1;
	expect_bad(state, &wish, "entry 2 has not the nonce of its actor");
}

static void another_sum_is_found(void **state)
{
	struct settled_wish wish = right();

	wish.intent.payout_total--;
	expect_bad(state, &wish, "entry 4 pays more than was settled");
}

static void another_cid_is_found(void **state)
{
	struct settled_wish wish = right();

	wish.intent.allocations_cid.bytes[31] ^= 1;
	expect_bad(state, &wish, "are not what was settled");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(what_the_ledger_settled_is_good),
		TEST(rewards_without_an_intent_are_found),
		TEST(entries_that_are_named_twice_are_found),
		TEST(entries_that_are_not_named_are_found),
		TEST(entries_that_are_no_rewards_are_found),
		TEST(entries_that_are_not_there_are_found),
		TEST(the_pool_of_another_tenant_is_found),
		TEST(another_key_is_found),
		TEST(another_sum_is_found),
		TEST(another_cid_is_found),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
