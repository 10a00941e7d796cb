#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/receipt.h"
#include "store/fingerprint.h"
#include "store/verify.h"
#include "tests/ledger_world.h"
#include "tests/store_dir.h"

/* The real ledger's batches in the real store: what core/ledger made, store/replay must agree
 * with, and a second ledger loaded from the rows must be the first one. */

#define ACCOUNTS 150u /* three chunks of balances, and lanes */

struct bench {
	struct world world;
	struct store_dir *dir;
	struct hash root;
	uint64_t random;
	uint64_t lane_nonces[ACCOUNTS];
	struct draft holds[64]; /* a ring of the last ones that were admitted */
	struct draft moves[64];
	unsigned hold_count, move_count;
	char names[ACCOUNTS][16];
};

static struct bench *bench;

static uint64_t draw(uint64_t below)
{
	bench->random = bench->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (bench->random >> 33) % below;
}

static int start(void **state)
{
	struct store_config config;

	if (store_dir_setup(state) != 0) {
		return -1;
	}
	bench = calloc(1, sizeof *bench);
	if (bench == NULL) {
		return -1;
	}
	bench->random = 42;
	bench->dir = *state;
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		(void)snprintf(bench->names[i], sizeof bench->names[i], "account-%03u", i);
	}
	world_create(&bench->world, UINT64_MAX);
	config = store_dir_config(bench->dir);
	memcpy(config.random, world_key, sizeof world_key);
	if (store_open(&config, &bench->dir->store, &bench->dir->state, &bench->dir->why) !=
		ERR_OK) {
		return -1;
	}
	bench->root = bench->dir->state.head.root;
	return 0;
}

static int stop(void **state)
{
	world_destroy(&bench->world);
	free(bench);
	return store_dir_teardown(state);
}

/* --- a random life -------------------------------------------------------------------------- */

static struct draft any_draft(void)
{
	struct world *world = &bench->world;
	const char *from = bench->names[draw(ACCOUNTS)];
	const char *to = bench->names[draw(ACCOUNTS)];
	struct draft draft;

	switch (draw(10)) {
	case 0:
	case 1:
		return world_draft(world, ENTRY_MINT, from, 1 + draw(1000));
	case 2:
		return world_draft(world, ENTRY_BURN, from, 1 + draw(50));
	case 3:
		draft = world_draft(world, ENTRY_HOLD, from, 1 + draw(50));
		draft.entry.expires_unix_ms = world->now + draw(20000);
		return draft;
	case 4:
		if (bench->hold_count >= 64) {
			return world_capture(world, &bench->holds[draw(64)], to, 1 + draw(20));
		}
		return world_draft(world, ENTRY_MINT, from, 500);
	case 5:
		if (bench->hold_count >= 64) {
			return world_reverse(world, &bench->holds[draw(64)], 1 + draw(9));
		}
		return world_draft(world, ENTRY_MINT, from, 500);
	case 6:
		if (bench->move_count >= 64) {
			return world_reverse(world, &bench->moves[draw(64)], 1 + draw(3));
		}
		return world_draft(world, ENTRY_MINT, from, 500);
	default:
		return world_transfer(world, from, to, 1 + draw(60));
	}
}

static void remember(const struct draft *draft)
{
	if (draft->entry.kind == ENTRY_HOLD) {
		bench->holds[bench->hold_count++ % 64] = *draft;
	} else if (draft->entry.kind != ENTRY_REVERSE) {
		bench->moves[bench->move_count++ % 64] = *draft;
	}
}

static void admit_any(void)
{
	struct world *world = &bench->world;
	struct draft draft = any_draft();
	struct ledger_request request = world_request(world, &draft, 1);

	if (draw(4) == 0) {
		memset(draft.salt, 7, sizeof draft.salt);
		draft.has_memo = true;
		draft.memo = world_text("for the tea");
		sha256_hash_parts((struct slice[]){ { draft.salt, sizeof draft.salt }, draft.memo },
			2, &draft.entry.memo_hash);
	}
	world_admit(world, &request);
	if (world->results[0].detail == DETAIL_NONE) {
		remember(&draft);
	}
}

static void admit_group(void)
{
	struct world *world = &bench->world;
	const char *a = bench->names[draw(ACCOUNTS)];
	const char *b = bench->names[draw(ACCOUNTS)];
	struct draft legs[3] = {
		world_draft(world, ENTRY_DEBIT, a, 5),
		world_draft(world, ENTRY_CREDIT, b, 3),
		world_draft(world, ENTRY_CREDIT, a, 2),
	};
	struct ledger_request request = world_request(world, legs, 3);

	world_admit(world, &request);
}

static void admit_v1(void)
{
	struct world *world = &bench->world;
	unsigned from = (unsigned)draw(ACCOUNTS);
	struct draft draft =
		world_transfer(world, bench->names[from], bench->names[draw(ACCOUNTS)], 1);
	uint8_t receipt[DRAFT_RECEIPT_BYTES_MAX];
	struct operation operation;
	struct ledger_request request;

	operation = (struct operation){ .kind = OPERATION_TRANSFER,
		.from = draft.entry.account,
		.to = draft.entry.counter_account,
		.asset = draft.entry.asset,
		.amount = draft.entry.amount,
		.nonce = bench->lane_nonces[from] + 1 };
	draft.entry.source = SOURCE_V1;
	draft.lane = LANE_DEBIT;
	draft.lane_nonce = operation.nonce;
	operation_ledger_nonce(&operation, &draft.entry.nonce);
	draft.receipt = (struct slice){ receipt,
		receipt_print(&operation, &draft.entry.id, world_text("key"),
			draft.entry.ts_unix_ms, receipt, &draft.entry.receipt_hash) };
	request = world_request(world, &draft, 1);
	world_admit(world, &request);
	bench->lane_nonces[from] += world->results[0].detail == DETAIL_NONE ? 1 : 0;
}

static void commit(uint32_t chunks_min)
{
	struct world *world = &bench->world;
	struct ledger_batch made = world_end(world, chunks_min);
	struct store_batch batch = { .fence = bench->dir->state.head.meta.fence,
		.first_seq = made.first_seq,
		.prev_root = bench->root,
		.batch_ts_unix_ms = (int64_t)made.batch_ts_unix_ms,
		.low_water = made.low_water,
		.records = { world->buffer, world->out.used } };
	struct store_commit commit;
	struct hash root;
	enum err err = store_append(
		bench->dir->store, &batch, (struct instant){ 0 }, &commit, &bench->dir->why);

	if (err != ERR_OK) {
		print_message("# %s: %s\n", err_name(err), bench->dir->why.text);
	}
	assert_int_equal(err, ERR_OK);
	merkle_frontier_root(&world->store.tree, &root);
	assert_memory_equal(&commit.root, &root, sizeof root);
	bench->root = commit.root;
}

static void live(unsigned batches)
{
	for (unsigned i = 0; i < batches; i++) {
		bench->world.now += draw(5000);
		world_begin(&bench->world);
		for (uint64_t left = draw(60); left > 0; left--) {
			switch (draw(6)) {
			case 0:
				admit_group();
				break;
			case 1:
				admit_v1();
				break;
			default:
				admit_any();
				break;
			}
		}
		commit(0);
	}
}

/* --- a start, as the committer streams it ---------------------------------------------------- */

struct load {
	struct ledger *ledger;
	struct reader *reader;
	enum batch_type type;
	const uint8_t *key;
	enum err err;
};

static bool on_row(void *context, uint64_t key, struct slice record)
{
	struct load *load = context;
	struct batch_record row = { .type = load->type, .body = record };

	(void)key;
	load->err = ledger_load(load->ledger, &row);
	return load->err == ERR_OK;
}

static bool on_entry(void *context, const struct reader_entry *row)
{
	struct load *load = context;
	struct schema_root root;
	struct batch_entry record;

	load->err = fingerprint_record(load->key, row, &record);
	if (load->err == ERR_OK) {
		load->err = reader_root_at(load->reader, row->seq, &root);
	}
	if (load->err == ERR_OK) {
		load->err = ledger_replay(load->ledger, &record, (uint64_t)root.batch_ts_unix_ms);
	}
	return load->err == ERR_OK;
}

static void load_rows(struct load *load)
{
	static const enum batch_type types[SCHEMA_TABLE_COUNT] = {
		[SCHEMA_ACCOUNT] = BATCH_ACCOUNT,
		[SCHEMA_CHUNK] = BATCH_CHUNK,
		[SCHEMA_CLAIM] = BATCH_CLAIM,
		[SCHEMA_COUNTER] = BATCH_COUNTER,
	};
	bool done = false;
	uint64_t key = 0;

	for (unsigned table = 0; table < SCHEMA_TABLE_COUNT; table++) {
		key = 0;
		load->type = types[table];
		for (done = false; !done;) {
			assert_int_equal(reader_rows(load->reader, (enum schema_table)table, &key,
						 on_row, load, &done),
				ERR_OK);
			assert_int_equal(load->err, ERR_OK);
		}
	}
	key = 0;
	load->type = BATCH_CONTROL;
	for (done = false; !done;) {
		assert_int_equal(reader_controls(load->reader, &key, on_row, load, &done), ERR_OK);
		assert_int_equal(load->err, ERR_OK);
	}
}

static void load_fingerprints(struct load *load, uint64_t size)
{
	uint64_t blocks = size / FINGERPRINT_BLOCK_ENTRIES;
	struct slice pairs;

	for (uint64_t block = 0; block < blocks; block++) {
		assert_int_equal(reader_fingerprints(load->reader, block, &pairs), ERR_OK);
		assert_int_equal(ledger_load_fingerprints(load->ledger,
					 block * FINGERPRINT_BLOCK_ENTRIES + 1, pairs),
			ERR_OK);
	}
	assert_int_equal(
		ledger_load_fingerprints(load->ledger, blocks * FINGERPRINT_BLOCK_ENTRIES + 1,
			store_fingerprint_tail(bench->dir->store)),
		ERR_OK);
}

static struct ledger *load_again(void)
{
	struct world *world = &bench->world;
	struct reader_config config = { .dir = bench->dir->path };
	struct load load = { .key = world_key };
	struct reader_head head;
	uint64_t key;
	bool done = false;

	assert_int_equal(reader_open(&config, &load.reader, &bench->dir->why), ERR_OK);
	assert_int_equal(reader_head(load.reader, &head), ERR_OK);
	load.ledger = ledger_create(&world->memory.memory, &world->limits, world_key);
	assert_non_null(load.ledger);
	load_rows(&load);
	load_fingerprints(&load, head.size);
	assert_int_equal(ledger_load_finished(load.ledger, head.low_water, head.size,
				 (uint64_t)head.batch_ts_unix_ms),
		ERR_OK);
	key = head.low_water + 1;
	while (!done) {
		assert_int_equal(
			reader_entries(load.reader, &key, head.size, on_entry, &load, &done),
			ERR_OK);
		assert_int_equal(load.err, ERR_OK);
	}
	assert_int_equal(ledger_replay_finished(load.ledger), ERR_OK);
	reader_close(load.reader);
	return load.ledger;
}

static struct verify_result the_store_agrees(void)
{
	struct reader_config reader_config = { .dir = bench->dir->path };
	struct verify_config config = { .live = false };
	struct verify_result result;

	assert_int_equal(reader_open(&reader_config, &config.reader, &bench->dir->why), ERR_OK);
	assert_int_equal(verify_store(&config, &result, &bench->dir->why), ERR_OK);
	reader_close(config.reader);
	assert_string_equal(result.what.text, "");
	assert_true(result.good);
	return result;
}

static void a_ledgers_life_verifies_and_loads_again_after_any_batch(void **state)
{
	struct verify_result result;

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		struct hash before, after;
		struct ledger *again;

		live(20);
		(void)the_store_agrees();
		again = load_again();
		ledger_digest(bench->world.ledger, &before);
		ledger_digest(again, &after);
		assert_memory_equal(&before, &after, sizeof before);
		ledger_destroy(again);
	}
	world_begin(&bench->world); /* a clean stop flushes all chunks */
	commit(1000);
	result = the_store_agrees();
	assert_true(result.size > FINGERPRINT_BLOCK_ENTRIES);
	assert_true(result.checked[VERIFY_TXID] > 100);
	assert_true(result.checked[VERIFY_CLAIM] > 100);
	assert_true(result.checked[VERIFY_FINGERPRINT] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_ledgers_life_verifies_and_loads_again_after_any_batch, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
