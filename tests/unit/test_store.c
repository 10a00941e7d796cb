#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "store/reader.h"
#include "tests/skip.h"
#include "tests/store_dir.h"

/* --- opening ----------------------------------------------------------------------------- */

static void a_genesis_draws_an_origin_and_every_start_raises_the_fence(void **state)
{
	struct store_dir *dir = *state;
	struct hash empty;

	store_dir_open(dir);
	assert_true(dir->state.born);
	assert_string_equal(dir->state.head.meta.origin, "macronode.local/abababababababab");
	assert_int_equal(dir->state.head.meta.fence, 1);
	assert_int_equal(dir->state.head.size, 0);
	merkle_empty(MERKLE_SHA256, &empty);
	assert_memory_equal(&dir->state.head.root, &empty, sizeof empty);

	store_dir_open(dir);
	assert_false(dir->state.born);
	assert_string_equal(dir->state.head.meta.origin, "macronode.local/abababababababab");
	assert_int_equal(dir->state.head.meta.fence, 2);
	assert_int_equal(dir->state.head.meta.born_unix_ms, MAKER_TS_UNIX_MS);
}

static void expect_refusal(struct store_dir *dir, struct store_config config, enum err expected,
	const char *sentence_part)
{
	enum err err = store_open(&config, &dir->store, &dir->state, &dir->why);

	assert_string_equal(err_name(err), err_name(expected));
	assert_null(dir->store);
	assert_non_null(strstr(dir->why.text, sentence_part));
	assert_non_null(strstr(dir->why.text, config.dir));
}

static void a_start_refuses_what_is_not_its_ledger_and_says_which_path(void **state)
{
	struct store_dir *dir = *state;
	struct store_config config = store_dir_config(dir);
	char path[160];
	int fd;

	config.dir = "/tmp/mn-test-store-nowhere";
	expect_refusal(dir, config, ERR_NOT_FOUND, "cannot open the store directory");
	config = store_dir_config(dir);
	config.in_use = true;
	expect_refusal(dir, config, ERR_NOT_FOUND, "there is no ledger in it");

	store_dir_open(dir);
	store_dir_close(dir);
	config = store_dir_config(dir);
	config.hash = MERKLE_BLAKE3;
	expect_refusal(dir, config, ERR_CONFLICT, "engine.hash is sha256");
	config = store_dir_config(dir);
	config.origin = "ledger.example";
	expect_refusal(dir, config, ERR_CONFLICT, "is the ledger of macronode.local/");

	store_dir_file(dir, SCHEMA_DATABASE, path);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0 && write(fd, "no database, by no means", 24) == 24);
	(void)close(fd);
	expect_refusal(dir, store_dir_config(dir), ERR_CORRUPT, "not a database");
}

static void sql(const struct store_dir *dir, const char *text)
{
	sqlite3 *db = NULL;
	char path[160];

	store_dir_file(dir, SCHEMA_DATABASE, path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_schema_and_a_foreign_database_are_refused(void **state)
{
	struct store_dir *dir = *state;

	store_dir_open(dir);
	store_dir_close(dir);
	sql(dir, "UPDATE meta SET version = 2");
	expect_refusal(dir, store_dir_config(dir), ERR_STALE, "has schema version 2");
	sql(dir, "PRAGMA application_id = 7");
	expect_refusal(dir, store_dir_config(dir), ERR_CORRUPT, "not a ledger of macronode");
}

static void files_of_another_user_are_refused(void **state)
{
	struct store_dir *dir = *state;
	char path[160];

	if (geteuid() != 0) {
		SKIP_ALOUD("only root can give files away");
	}
	store_dir_open(dir);
	store_dir_close(dir);
	store_dir_file(dir, SCHEMA_DATABASE, path);
	assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
	expect_refusal(dir, store_dir_config(dir), ERR_DENIED, "belongs to uid 12345");
	assert_int_equal(chown(dir->path, 12345, (gid_t)-1), 0);
	expect_refusal(dir, store_dir_config(dir), ERR_DENIED, "belongs to uid 12345");
	assert_int_equal(chown(dir->path, 0, (gid_t)-1), 0);
}

/* --- appending --------------------------------------------------------------------------- */

static void send(struct store_dir *dir, struct maker *maker, uint64_t count)
{
	uint64_t first = maker->size + 1;

	maker_entries(maker, count);
	assert_int_equal(maker_send(maker, dir->store, first, &dir->why), ERR_OK);
}

/* Goal: what was appended is there after a reopen, and the tree goes on from rows alone. */
static void appending_and_reopening_give_the_same_root(void **state)
{
	static const uint64_t counts[] = { 1, 254, 1, 1, 4000, 700, 3 };
	struct store_dir *dir = *state;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		send(dir, &maker, counts[i]);
		store_dir_open(dir);
		assert_int_equal(dir->state.head.size, maker.size);
		assert_memory_equal(&dir->state.head.root, &maker.root, sizeof maker.root);
		assert_int_equal(
			dir->state.head.batch_ts_unix_ms, MAKER_TS_UNIX_MS + (int64_t)maker.size);
		assert_int_equal(dir->state.tail_finding, STORE_TAIL_GOOD);
		assert_int_equal(dir->state.tail.size, maker.size);
		maker.fence = dir->state.head.meta.fence;
	}
	maker_finish(&maker);
}

static void expect_slice(struct slice slice, struct slice wanted)
{
	assert_int_equal(slice.bytes_count, wanted.bytes_count);
	if (wanted.bytes_count > 0) {
		assert_memory_equal(slice.bytes, wanted.bytes, wanted.bytes_count);
	}
}

static void expect_row(struct store_dir *dir, uint64_t seq, const struct batch_entry *sent)
{
	struct slice salt = { sent->salt, sent->has_memo ? ENTRY_SALT_BYTES : 0 };
	struct reader_entry row;

	assert_int_equal(reader_entry(store_reader(dir->store), seq, &row), ERR_OK);
	expect_slice(row.leaf, sent->leaf);
	expect_slice(row.memo, sent->memo);
	expect_slice(row.salt, salt);
	expect_slice(row.receipt, sent->receipt);
	expect_slice(row.idem_id, sent->idem_id);
	assert_int_equal(row.prev_account_seq, sent->prev_account_seq);
	assert_int_equal(row.prev_counter_seq, sent->prev_counter_seq);
	assert_int_equal(row.lane, sent->lane);
	assert_int_equal(row.lane_nonce, sent->lane_nonce);
}

/* Goal: rows are inserted some at a time, and none takes anything from its neighbours or from
 * who was in its place before, wherever a batch ends. */
static void each_row_is_the_record_that_was_sent(void **state)
{
	static const uint64_t counts[] = { 120, 1, 15, 16, 17, 32, 33, 100 };
	struct store_dir *dir = *state;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		uint64_t first = maker.size + 1;
		struct slice records = { maker.bytes, 0 };

		maker_entries(&maker, counts[i]);
		records.bytes_count = maker.out.used;
		assert_int_equal(maker_send(&maker, dir->store, first, &dir->why), ERR_OK);
		for (uint64_t seq = first; seq <= maker.size; seq++) {
			struct batch_entry sent;

			assert_int_equal(batch_find_entry(records, seq, &sent), ERR_OK);
			expect_row(dir, seq, &sent);
		}
	}
	maker_finish(&maker);
}

static void the_same_entries_in_other_batches_give_the_same_root(void **state)
{
	static const uint64_t sizes[] = { 1, 7, 255, 256, 257, 1100 };
	const uint64_t total = 1100;
	struct hash first_root = { { 0 } };

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct store_dir *dir = NULL;
		void *own = NULL;
		struct maker maker;

		(void)state;
		assert_int_equal(store_dir_setup(&own), 0);
		dir = own;
		store_dir_open(dir);
		maker_init(&maker, &dir->state);
		while (maker.size < total) {
			uint64_t left = total - maker.size;

			send(dir, &maker, left < sizes[i] ? left : sizes[i]);
		}
		if (i == 0) {
			first_root = maker.root;
		}
		assert_memory_equal(&maker.root, &first_root, sizeof first_root);
		maker_finish(&maker);
		assert_int_equal(store_dir_teardown(&own), 0);
	}
}

/* Goal: a batch that is no exact continuation changes nothing. */
static void only_an_exact_continuation_is_appended(void **state)
{
	struct store_dir *dir = *state;
	struct store_commit commit;
	struct maker maker;
	struct store_batch good, bad;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 300);
	maker_entries(&maker, 5);
	good = maker_batch(&maker, 301);

#define REFUSED(member, value)                                                             \
	bad = good;                                                                        \
	bad.member = (value);                                                              \
	assert_int_equal(                                                                  \
		store_append(dir->store, &bad, (struct instant){ 0 }, &commit, &dir->why), \
		ERR_CONFLICT)
	REFUSED(first_seq, 302);
	REFUSED(first_seq, 300);
	REFUSED(first_seq, 0);
	REFUSED(fence, good.fence + 1);
	REFUSED(fence, good.fence - 1);
	REFUSED(prev_root.bytes[0], (uint8_t)(good.prev_root.bytes[0] ^ 1));
	REFUSED(batch_ts_unix_ms, MAKER_TS_UNIX_MS + 299);
#undef REFUSED

	assert_int_equal(store_size(dir->store), 300);
	assert_int_equal(maker_send(&maker, dir->store, 301, &dir->why), ERR_OK);
	assert_int_equal(store_size(dir->store), 305);
	maker_finish(&maker);
}

/* Goal: rolled back whole, and the memory of the tree with it, also across a full tile. */
static void a_batch_that_breaks_in_the_middle_leaves_nothing(void **state)
{
	struct store_dir *dir = *state;
	struct store_commit commit;
	struct maker maker, other;
	struct store_batch batch;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 250);
	other = maker;
	maker_entries(&maker, 20);
	batch = maker_batch(&maker, 251);
	batch.records.bytes_count -= 1;
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_MALFORMED);

	maker.size++; /* a gap inside the batch */
	maker_entries(&maker, 1);
	batch = maker_batch(&maker, 251);
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_CONFLICT);

	maker = other;
	maker.out = byte_writer_of(maker.bytes, MAKER_BYTES_MAX);
	send(dir, &maker, 4200);
	store_dir_open(dir); /* rebuilds the root from the rows, or refuses */
	assert_int_equal(dir->state.head.size, 4450);
	maker_finish(&maker);
}

static void a_batch_that_is_there_already_is_done(void **state)
{
	struct store_dir *dir = *state;
	struct store_commit commit;
	struct maker maker;
	struct store_batch batch;
	struct hash root_before;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 10);
	root_before = maker.root;
	maker_entries(&maker, 10);
	batch = maker_batch(&maker, 11);
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_OK);
	assert_false(commit.repeated);
	assert_int_equal(commit.entry_count, 10);
	maker.root = commit.root;

	store_dir_open(dir); /* as after a commit of unknown outcome: under a new fence */
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_OK);
	assert_true(commit.repeated);
	assert_int_equal(commit.size, 20);
	assert_memory_equal(&commit.root, &maker.root, sizeof commit.root);
	assert_int_equal(store_size(dir->store), 20);

	maker.bytes[50] ^= 1; /* the same seqs, another id in the first leaf */
	assert_int_not_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_OK);
	maker.bytes[50] ^= 1;
	batch.prev_root = root_before;
	batch.first_seq = 10;
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_CONFLICT);
	maker_finish(&maker);
}

/* Goal: of two writers the older one is the one that stops. */
static void a_second_writer_fences_off_the_first(void **state)
{
	struct store_dir *dir = *state;
	struct store_config config = store_dir_config(dir);
	struct store *second = NULL;
	struct store_state second_state;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 3);
	assert_int_equal(store_open(&config, &second, &second_state, &dir->why), ERR_OK);
	maker_entries(&maker, 1);
	assert_int_equal(maker_send(&maker, dir->store, 4, &dir->why), ERR_CONFLICT);
	maker.fence = second_state.head.meta.fence;
	assert_int_equal(maker_send(&maker, second, 4, &dir->why), ERR_OK);
	store_close(second);
	maker_finish(&maker);
}

static bool count_row(void *context, uint64_t key, struct slice record)
{
	unsigned *count = context;

	(void)key;
	(void)record;
	(*count)++;
	return true;
}

static unsigned row_count(struct reader *reader, enum schema_table table)
{
	unsigned count = 0;
	uint64_t key = 0;
	bool done = false;

	while (!done) {
		assert_int_equal(
			reader_rows(reader, table, &key, count_row, &count, &done), ERR_OK);
	}
	return count;
}

static void state_rows_replace_and_a_closed_claim_is_deleted(void **state)
{
	struct store_dir *dir = *state;
	struct reader_config config = { .dir = dir->path };
	struct reader *reader = NULL;
	struct batch_claim claim = {
		.original_seq = 1, .effect = EFFECT_NONE, .amount = 5, .taken = 2
	};
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	maker_entries(&maker, 2);
	maker_accounts(&maker);
	maker_chunk(&maker, 0);
	maker_chunk(&maker, 1);
	maker_chunk(&maker, 1);
	batch_put_claim(&maker.out, &claim);
	assert_int_equal(maker_send(&maker, dir->store, 1, &dir->why), ERR_OK);
	assert_int_equal(reader_open(&config, &reader, &dir->why), ERR_OK);
	assert_int_equal(row_count(reader, SCHEMA_ACCOUNT), MAKER_BALANCES);
	assert_int_equal(row_count(reader, SCHEMA_CHUNK), 2);
	assert_int_equal(row_count(reader, SCHEMA_CLAIM), 1);

	claim.taken = 5;
	batch_put_claim(&maker.out, &claim);
	assert_int_equal(maker_send(&maker, dir->store, 3, &dir->why), ERR_OK);
	assert_int_equal(row_count(reader, SCHEMA_CLAIM), 0);
	reader_close(reader);
	maker_finish(&maker);
}

/* Goal: a batch without entries moves controls, audits, low water and time, and no root. */
static void a_batch_without_entries_leaves_the_tree_alone(void **state)
{
	struct store_dir *dir = *state;
	struct store_commit commit;
	struct store_batch batch;
	struct hash link = { { 0 } };
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 2);
	maker_control(&maker, "acct-00001");
	maker_audit(&maker, "frozen");
	maker_audit(&maker, "and seen");
	batch = maker_batch(&maker, 3);
	batch.low_water = 2;
	batch.batch_ts_unix_ms += 1000;
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_OK);
	assert_memory_equal(&commit.root, &maker.root, sizeof commit.root);
	assert_int_equal(commit.control_count, 1);
	assert_int_equal(commit.audit_count, 2);

	store_dir_open(dir);
	assert_int_equal(dir->state.head.size, 2);
	assert_int_equal(dir->state.head.low_water, 2);
	assert_int_equal(dir->state.head.batch_ts_unix_ms, MAKER_TS_UNIX_MS + 1002);
	assert_int_equal(dir->state.head.control_count, 1);
	assert_int_equal(dir->state.head.audit_count, 2);
	assert_memory_equal(&dir->state.head.audit_head, &commit.audit_head, sizeof link);
	assert_memory_not_equal(&dir->state.head.audit_head, &link, sizeof link);
	maker_finish(&maker);
}

static void any_earlier_size_is_proved_to_be_a_prefix(void **state)
{
	static const uint64_t olds[] = { 1, 255, 256, 300, 511, 512, 600 };
	struct store_dir *dir = *state;
	struct hash roots[COUNT_OF(olds)];
	struct merkle_proof proof;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	for (size_t i = 0; i < COUNT_OF(olds); i++) {
		send(dir, &maker, olds[i] - maker.size);
		roots[i] = maker.root;
	}
	send(dir, &maker, 100);
	for (size_t i = 0; i < COUNT_OF(olds); i++) {
		assert_int_equal(store_prove_consistency(dir->store, olds[i], &proof), ERR_OK);
		assert_true(merkle_verify_consistency(MERKLE_SHA256, olds[i], &roots[i], maker.size,
			&maker.root, proof.hashes, proof.hash_count));
	}
	assert_int_equal(
		store_prove_consistency(dir->store, maker.size + 1, &proof), ERR_NOT_FOUND);
	maker_finish(&maker);
}

static void maintenance_keeps_the_log_short(void **state)
{
	struct store_dir *dir = *state;
	struct maker maker;
	uint64_t wal_bytes_max = 0;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	for (unsigned i = 0; i < 100; i++) {
		send(dir, &maker, 100);
		if (store_wal_bytes(dir->store) > wal_bytes_max) {
			wal_bytes_max = store_wal_bytes(dir->store);
		}
		assert_int_equal(store_maintain(dir->store, &dir->why), ERR_OK);
	}
	assert_true(wal_bytes_max > 500 * 4096);
	assert_true(wal_bytes_max < 1000 * 4096);
	maker_finish(&maker);
}

#define IN_A_DIR(test) cmocka_unit_test_setup_teardown(test, store_dir_setup, store_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_DIR(a_genesis_draws_an_origin_and_every_start_raises_the_fence),
		IN_A_DIR(a_start_refuses_what_is_not_its_ledger_and_says_which_path),
		IN_A_DIR(a_newer_schema_and_a_foreign_database_are_refused),
		IN_A_DIR(files_of_another_user_are_refused),
		IN_A_DIR(appending_and_reopening_give_the_same_root),
		IN_A_DIR(each_row_is_the_record_that_was_sent),
		cmocka_unit_test(the_same_entries_in_other_batches_give_the_same_root),
		IN_A_DIR(only_an_exact_continuation_is_appended),
		IN_A_DIR(a_batch_that_breaks_in_the_middle_leaves_nothing),
		IN_A_DIR(a_batch_that_is_there_already_is_done),
		IN_A_DIR(a_second_writer_fences_off_the_first),
		IN_A_DIR(state_rows_replace_and_a_closed_claim_is_deleted),
		IN_A_DIR(a_batch_without_entries_leaves_the_tree_alone),
		IN_A_DIR(any_earlier_size_is_proved_to_be_a_prefix),
		IN_A_DIR(maintenance_keeps_the_log_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
