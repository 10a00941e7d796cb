/* The notes that kms signed, and the ledger's name: what is written beside the batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/store_dir.h"

static void send(struct store_dir *dir, struct maker *maker, uint64_t count)
{
	uint64_t first = maker->size + 1;

	maker_entries(maker, count);
	assert_int_equal(maker_send(maker, dir->store, first, &dir->why), ERR_OK);
}

static struct reader *open_reader(struct store_dir *dir)
{
	struct reader_config config = { .dir = dir->path };
	struct reader *reader = NULL;

	assert_int_equal(reader_open(&config, &reader, &dir->why), ERR_OK);
	return reader;
}

static struct schema_checkpoint checkpoint_of(const struct store_dir *dir, const char *text)
{
	const struct reader_head *head = store_head(dir->store);

	return (struct schema_checkpoint){
		.size = head->size,
		.root = head->root,
		.audit_count = head->audit_count,
		.audit_head = head->audit_head,
		.checkpoint = { (const uint8_t *)text, strlen(text) },
		.audit = { (const uint8_t *)"audit note\n", 11 },
	};
}

static void assert_stored(struct reader *reader, uint64_t size, const char *text)
{
	struct schema_checkpoint found;

	assert_int_equal(reader_checkpoint(reader, &found), ERR_OK);
	assert_int_equal(found.size, size);
	assert_int_equal(found.checkpoint.bytes_count, strlen(text));
	assert_memory_equal(found.checkpoint.bytes, text, strlen(text));
	assert_int_equal(found.audit.bytes_count, 11);
	assert_memory_equal(found.audit.bytes, "audit note\n", 11);
}

/* Goal: no sync of its own while there are batches. */
static void notes_ride_with_the_next_batch(void **state)
{
	struct store_dir *dir = *state;
	struct schema_checkpoint checkpoint, found;
	struct reader *reader;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 10);
	reader = open_reader(dir);
	assert_int_equal(reader_checkpoint(reader, &found), ERR_NOT_FOUND);
	checkpoint = checkpoint_of(dir, "first\n");
	assert_int_equal(store_checkpoint_keep(dir->store, &checkpoint), ERR_OK);
	assert_true(store_checkpoint_waits(dir->store));
	assert_int_equal(reader_checkpoint(reader, &found), ERR_NOT_FOUND);
	send(dir, &maker, 5);
	assert_false(store_checkpoint_waits(dir->store));
	assert_stored(reader, 10, "first\n");
	reader_close(reader);
	maker_finish(&maker);
}

static void notes_alone_are_flushed_and_replace_each_other(void **state)
{
	struct store_dir *dir = *state;
	struct instant now = { 0 };
	struct schema_checkpoint checkpoint;
	struct hash root;
	struct reader *reader;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	assert_int_equal(store_checkpoint_flush(dir->store, now, &dir->why), ERR_OK); /* nothing */
	send(dir, &maker, 10);
	root = store_head(dir->store)->root;
	for (unsigned i = 0; i < 2; i++) {
		checkpoint = checkpoint_of(dir, i == 0 ? "first\n" : "second one\n");
		assert_int_equal(store_checkpoint_keep(dir->store, &checkpoint), ERR_OK);
		assert_int_equal(store_checkpoint_flush(dir->store, now, &dir->why), ERR_OK);
	}
	assert_int_equal(store_size(dir->store), 10);
	assert_memory_equal(&store_head(dir->store)->root, &root, sizeof root);
	store_dir_open(dir); /* anew */
	reader = open_reader(dir);
	assert_stored(reader, 10, "second one\n");
	reader_close(reader);
	maker_finish(&maker);
}

static void notes_that_fit_no_row_are_refused(void **state)
{
	static uint8_t large[SCHEMA_NOTE_BYTES_MAX + 1];
	struct store_dir *dir = *state;
	struct schema_checkpoint checkpoint;

	store_dir_open(dir);
	checkpoint = checkpoint_of(dir, "");
	assert_int_equal(store_checkpoint_keep(dir->store, &checkpoint), ERR_TOO_LARGE);
	checkpoint.checkpoint = (struct slice){ large, sizeof large };
	assert_int_equal(store_checkpoint_keep(dir->store, &checkpoint), ERR_TOO_LARGE);
	assert_false(store_checkpoint_waits(dir->store));
	checkpoint.checkpoint.bytes_count--;
	assert_int_equal(store_checkpoint_keep(dir->store, &checkpoint), ERR_OK);
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

/* Goal: a changed byte in any column of the row is found. */
static void a_changed_checkpoint_is_found(void **state)
{
	static const char *const changes[] = { "size = size + 1", "audit_count = audit_count + 1",
		"root = zeroblob(32)", "audit_head = randomblob(32)", "checkpoint = x'66'",
		"audit = x'66'", "sum = sum + 1", "root = x'00'" };
	struct store_dir *dir = *state;
	struct schema_checkpoint checkpoint, found;
	struct instant now = { 0 };

	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		struct reader *reader;
		char text[128];

		store_dir_open(dir);
		checkpoint = checkpoint_of(dir, "first\n");
		assert_int_equal(store_checkpoint_keep(dir->store, &checkpoint), ERR_OK);
		assert_int_equal(store_checkpoint_flush(dir->store, now, &dir->why), ERR_OK);
		store_dir_close(dir);
		(void)snprintf(text, sizeof text, "UPDATE checkpoints SET %s", changes[i]);
		sql(dir, text);
		reader = open_reader(dir);
		assert_int_equal(reader_checkpoint(reader, &found), ERR_CORRUPT);
		reader_close(reader);
	}
}

/* Goal: a ledger of an earlier build gets the table at the next start. */
static void a_ledger_without_the_table_gets_it(void **state)
{
	struct store_dir *dir = *state;
	struct schema_checkpoint found;

	store_dir_open(dir);
	store_dir_close(dir);
	sql(dir, "DROP TABLE checkpoints");
	store_dir_open(dir);
	assert_int_equal(reader_checkpoint(store_reader(dir->store), &found), ERR_NOT_FOUND);
}

static void remove_store(const struct store_dir *dir)
{
	static const char *const names[] = { SCHEMA_DATABASE, SCHEMA_DATABASE "-wal",
		SCHEMA_DATABASE "-shm", "tail" };
	char path[160];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		store_dir_file(dir, names[i], path);
		(void)unlink(path);
	}
}

static enum err rename_to(struct store_dir *dir, struct maker *maker, const char *origin)
{
	struct store_commit commit;
	struct store_batch batch;

	maker_audit(maker, "{}");
	batch = maker_batch(maker, maker->size + 1);
	batch.batch_ts_unix_ms = store_head(dir->store)->batch_ts_unix_ms;
	batch.low_water = store_head(dir->store)->low_water;
	batch.origin = origin;
	maker->out = byte_writer_of(maker->bytes, MAKER_BYTES_MAX);
	return store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why);
}

/* Goal: the new name and its audit record come together, and the old one is asked for no more. */
static void a_ledger_is_renamed_in_one_transaction(void **state)
{
	struct store_dir *dir = *state;
	struct store_config config = store_dir_config(dir);
	struct reader_head head;
	struct maker maker;

	config.origin = "ledger.example";
	assert_int_equal(store_open(&config, &dir->store, &dir->state, &dir->why), ERR_OK);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 3);
	assert_int_equal(rename_to(dir, &maker, "ledger.example/1"), ERR_OK);
	assert_int_equal(reader_head(store_reader(dir->store), &head), ERR_OK);
	assert_string_equal(head.meta.origin, "ledger.example/1");
	assert_int_equal(head.audit_count, 1);
	send(dir, &maker, 3);
	store_dir_close(dir);
	assert_int_equal(store_open(&config, &dir->store, &dir->state, &dir->why), ERR_CONFLICT);
	assert_non_null(strstr(dir->why.text, "is the ledger of ledger.example/1"));
	config.origin = "ledger.example/2";
	assert_int_equal(store_open(&config, &dir->store, &dir->state, &dir->why), ERR_CONFLICT);
	config.has_had_names = true;
	assert_int_equal(store_open(&config, &dir->store, &dir->state, &dir->why), ERR_OK);
	assert_int_equal(dir->state.head.size, 6);
	maker_finish(&maker);
}

/* Goal: any earlier name of the line is ours, and no other. */
static void earlier_names_of_the_line_are_ours(void **state)
{
	static const struct {
		const char *stored, *told;
		enum err err;
	} cases[] = {
		{ "a.example", "a.example/1", ERR_OK },
		{ "a.example", "a.example/12", ERR_OK },
		{ "a.example/1", "a.example/12", ERR_OK },
		{ "a.example/2", "a.example/12", ERR_OK },
		{ "a.example/12", "a.example/12", ERR_OK },
		{ "a.example/13", "a.example/12", ERR_CONFLICT },
		{ "a.example/2", "a.example/1", ERR_CONFLICT },
		{ "a.example/01", "a.example/12", ERR_CONFLICT },
		{ "a.example/1x", "a.example/12", ERR_CONFLICT },
		{ "a.example/", "a.example/12", ERR_CONFLICT },
		{ "a.example/1/1", "a.example/12", ERR_CONFLICT },
		{ "a.exampl", "a.example/1", ERR_CONFLICT },
		{ "a.example.org", "a.example/1", ERR_CONFLICT },
		{ "b.example", "a.example/1", ERR_CONFLICT },
		{ "local/0123456789abcdef", "local/0123456789abcdef/1", ERR_OK },
	};
	struct store_dir *dir = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct store_config config = store_dir_config(dir);

		config.origin = cases[i].stored;
		assert_int_equal(store_open(&config, &dir->store, &dir->state, &dir->why), ERR_OK);
		store_dir_close(dir);
		config.origin = cases[i].told;
		config.has_had_names = true;
		assert_int_equal(
			store_open(&config, &dir->store, &dir->state, &dir->why), cases[i].err);
		store_dir_close(dir);
		remove_store(dir);
	}
}

#define IN_A_DIR(test) cmocka_unit_test_setup_teardown(test, store_dir_setup, store_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_DIR(notes_ride_with_the_next_batch),
		IN_A_DIR(notes_alone_are_flushed_and_replace_each_other),
		IN_A_DIR(notes_that_fit_no_row_are_refused),
		IN_A_DIR(a_changed_checkpoint_is_found),
		IN_A_DIR(a_ledger_without_the_table_gets_it),
		IN_A_DIR(a_ledger_is_renamed_in_one_transaction),
		IN_A_DIR(earlier_names_of_the_line_are_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
