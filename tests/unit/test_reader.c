#include "store/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/store_dir.h"

#define ENTRIES 2600u

static void send(struct store_dir *dir, struct maker *maker, uint64_t count)
{
	uint64_t first = maker->size + 1;

	maker_entries(maker, count);
	assert_int_equal(maker_send(maker, dir->store, first, &dir->why), ERR_OK);
}

static struct reader *open_reader(struct store_dir *dir, bool shm_readonly)
{
	struct reader_config config = { .dir = dir->path, .shm_readonly = shm_readonly };
	struct reader *reader = NULL;

	assert_int_equal(reader_open(&config, &reader, &dir->why), ERR_OK);
	return reader;
}

static void a_directory_without_a_ledger_is_said_to_be_one(void **state)
{
	struct store_dir *dir = *state;
	struct reader_config config = { .dir = dir->path };
	struct reader *reader = NULL;

	assert_int_equal(reader_open(&config, &reader, &dir->why), ERR_NOT_FOUND);
	assert_non_null(strstr(dir->why.text, dir->path));
	assert_null(reader);
}

/* Goal: what the writer committed is there at once, for a connection opened before. */
static void a_reader_follows_the_writer(void **state)
{
	struct store_dir *dir = *state;
	struct reader_head head;
	struct reader *reader;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	reader = open_reader(dir, true);
	for (unsigned i = 0; i < 30; i++) {
		send(dir, &maker, 50);
		assert_int_equal(reader_head(reader, &head), ERR_OK);
		assert_int_equal(head.size, maker.size);
		assert_int_equal(head.entry_last, maker.size);
		assert_memory_equal(&head.root, &maker.root, sizeof head.root);
		assert_int_equal(store_maintain(dir->store, &dir->why), ERR_OK);
	}
	assert_true(store_wal_bytes(dir->store) < 1000 * 4096); /* nothing is pinned */
	reader_close(reader);
	maker_finish(&maker);
}

static void an_entry_comes_back_as_it_went_in(void **state)
{
	static const char receipt_begin[] = "{\"txid\":\"tx_";
	struct store_dir *dir = *state;
	struct reader_entry row;
	struct entry entry;
	struct reader *reader;
	struct maker maker;
	struct id128 last;
	uint64_t seq = 0;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	reader = open_reader(dir, false);
	assert_int_equal(reader_txid_last(reader, &last), ERR_NOT_FOUND);
	reader_close(reader);
	send(dir, &maker, 300);
	reader = open_reader(dir, false);
	assert_int_equal(reader_entry(reader, 285, &row), ERR_OK); /* 3 x 5 x 19 */
	assert_int_equal(row.seq, 285);
	assert_int_equal(entry_decode(row.leaf, &entry), ERR_OK);
	assert_int_equal(entry.seq, 285);
	assert_int_equal(row.memo.bytes_count, 11);
	assert_memory_equal(row.memo.bytes, "for the tea", 11);
	assert_int_equal(row.salt.bytes_count, ENTRY_SALT_BYTES);
	assert_memory_equal(row.receipt.bytes, receipt_begin, sizeof receipt_begin - 1);
	assert_int_equal(row.receipt.bytes[row.receipt.bytes_count - 1], '}');
	assert_int_equal(row.lane, LANE_DEBIT);
	assert_int_equal(row.idem_id.bytes_count, 0);
	assert_true(row.prev_account_seq > 0 && row.prev_account_seq < 285);
	assert_int_equal(reader_txid(reader, &entry.id, &seq), ERR_OK);
	assert_int_equal(seq, 285);
	assert_int_equal(reader_txid_last(reader, &last), ERR_OK);
	assert_int_equal(reader_txid(reader, &last, &seq), ERR_OK);
	assert_int_equal(seq, 300);
	entry.id.bytes[15] ^= 1;
	assert_int_equal(reader_txid(reader, &entry.id, &seq), ERR_NOT_FOUND);
	assert_int_equal(reader_entry(reader, 0, &row), ERR_NOT_FOUND);
	assert_int_equal(reader_entry(reader, 301, &row), ERR_NOT_FOUND);
	assert_int_equal(reader_entry(reader, UINT64_MAX, &row), ERR_NOT_FOUND);
	reader_close(reader);
	maker_finish(&maker);
}

/* Goal: /roots: one row a commit, the root of an entry is that of the commit that carried it. */
static void roots_are_found_by_seq_and_listed_in_order(void **state)
{
	struct store_dir *dir = *state;
	struct schema_root root, roots[4];
	struct hash expected[10];
	struct reader *reader;
	struct maker maker;
	size_t count = 0;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	for (unsigned i = 0; i < 10; i++) {
		send(dir, &maker, 10);
		expected[i] = maker.root;
	}
	reader = open_reader(dir, false);
	for (uint64_t seq = 1; seq <= 100; seq++) {
		size_t commit = (seq - 1) / 10;

		assert_int_equal(reader_root_at(reader, seq, &root), ERR_OK);
		assert_int_equal(root.first_seq, commit * 10 + 1);
		assert_int_equal(root.last_seq, commit * 10 + 10);
		assert_memory_equal(&root.root, &expected[commit], sizeof root.root);
		if (commit > 0) {
			assert_memory_equal(
				&root.prev_root, &expected[commit - 1], sizeof root.root);
		}
	}
	assert_int_equal(reader_root_at(reader, 101, &root), ERR_NOT_FOUND);

	assert_int_equal(reader_roots_since(reader, 0, roots, 4, &count), ERR_OK);
	assert_int_equal(count, 4);
	assert_int_equal(roots[0].last_seq, 10);
	assert_int_equal(roots[3].last_seq, 40);
	assert_int_equal(reader_roots_since(reader, 80, roots, 4, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(reader_roots_since(reader, 79, roots, 4, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_int_equal(reader_roots_since(reader, 100, roots, 4, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(reader_roots_since(reader, UINT64_MAX, roots, 4, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(reader_roots_since(reader, 0, roots, 0, &count), ERR_OK);
	assert_int_equal(count, 0);
	reader_close(reader);
	maker_finish(&maker);
}

struct walk {
	uint64_t seq;
	uint64_t stop_after;
};

static bool on_entry(void *context, const struct reader_entry *entry)
{
	struct walk *walk = context;

	assert_int_equal(entry->seq, walk->seq + 1);
	walk->seq = entry->seq;
	return walk->seq != walk->stop_after;
}

static void a_walk_goes_page_by_page_to_a_fixed_end(void **state)
{
	struct store_dir *dir = *state;
	struct walk walk = { .seq = 0 };
	struct reader *reader;
	struct maker maker;
	uint64_t key = 0;
	unsigned page_count = 0;
	bool done = false;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, ENTRIES);
	reader = open_reader(dir, false);
	while (!done) {
		uint64_t before = walk.seq;

		assert_int_equal(
			reader_entries(reader, &key, ENTRIES - 1, on_entry, &walk, &done), ERR_OK);
		assert_true(walk.seq - before <= READER_PAGE_ROWS);
		assert_int_equal(key, walk.seq + 1);
		page_count++;
	}
	assert_int_equal(walk.seq, ENTRIES - 1);
	assert_true(page_count >= 3);

	walk = (struct walk){ .seq = 99, .stop_after = 150 };
	key = 100;
	assert_int_equal(reader_entries(reader, &key, ENTRIES, on_entry, &walk, &done), ERR_OK);
	assert_int_equal(walk.seq, 150);
	assert_int_equal(key, 151);
	assert_false(done);
	key = ENTRIES + 1;
	assert_int_equal(reader_entries(reader, &key, ENTRIES, on_entry, &walk, &done), ERR_OK);
	assert_true(done);
	reader_close(reader);
	maker_finish(&maker);
}

static void full_tiles_and_blocks_are_there_and_no_others(void **state)
{
	struct store_dir *dir = *state;
	struct slice bytes;
	struct reader *reader;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, FINGERPRINT_BLOCK_ENTRIES - 1);
	reader = open_reader(dir, false);
	assert_int_equal(reader_tile(reader, 0, 14, &bytes), ERR_OK);
	assert_int_equal(bytes.bytes_count, 8192);
	assert_int_equal(reader_tile(reader, 0, 15, &bytes), ERR_NOT_FOUND);
	assert_int_equal(reader_tile(reader, 8, 0, &bytes), ERR_NOT_FOUND);
	assert_int_equal(reader_tile(reader, 0, UINT64_MAX, &bytes), ERR_NOT_FOUND);
	assert_int_equal(reader_fingerprints(reader, 0, &bytes), ERR_NOT_FOUND);
	assert_int_equal(store_fingerprint_tail(dir->store).bytes_count, 4095 * 16);
	send(dir, &maker, 1);
	assert_int_equal(reader_tile(reader, 0, 15, &bytes), ERR_OK);
	assert_int_equal(reader_fingerprints(reader, 0, &bytes), ERR_OK);
	assert_int_equal(bytes.bytes_count, 65536);
	assert_int_equal(store_fingerprint_tail(dir->store).bytes_count, 0);
	reader_close(reader);
	maker_finish(&maker);
}

#define IN_A_DIR(test) cmocka_unit_test_setup_teardown(test, store_dir_setup, store_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_DIR(a_directory_without_a_ledger_is_said_to_be_one),
		IN_A_DIR(a_reader_follows_the_writer),
		IN_A_DIR(an_entry_comes_back_as_it_went_in),
		IN_A_DIR(roots_are_found_by_seq_and_listed_in_order),
		IN_A_DIR(a_walk_goes_page_by_page_to_a_fixed_end),
		IN_A_DIR(full_tiles_and_blocks_are_there_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
