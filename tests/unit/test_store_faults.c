#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>

#include "tests/skip.h"
#include "tests/store_dir.h"

/* --- a file system whose syncs fail on demand -------------------------------------------- */

static sqlite3_vfs faulty_vfs;
static sqlite3_io_methods faulty_methods[2]; /* the database has locks, other files none */
static int (*real_sync)(sqlite3_file *, int);
static unsigned syncs_to_pass; /* before one fails; UINT_MAX: never */

static int faulty_sync(sqlite3_file *file, int flags)
{
	if (syncs_to_pass != UINT_MAX && syncs_to_pass-- == 0) {
		syncs_to_pass = UINT_MAX;
		return SQLITE_IOERR_FSYNC;
	}
	return real_sync(file, flags);
}

static int faulty_open(
	sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	int code = real->xOpen(real, name, file, flags, ret_flags);

	if (code == SQLITE_OK) {
		sqlite3_io_methods *methods = &faulty_methods[(flags & SQLITE_OPEN_MAIN_DB) != 0];

		*methods = *file->pMethods;
		real_sync = methods->xSync;
		methods->xSync = faulty_sync;
		file->pMethods = methods;
	}
	return code;
}

static int faulty_setup(void **state)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	faulty_vfs = *real;
	faulty_vfs.zName = "faulty";
	faulty_vfs.pAppData = real;
	faulty_vfs.xOpen = faulty_open;
	syncs_to_pass = UINT_MAX;
	return sqlite3_vfs_register(&faulty_vfs, 1) == SQLITE_OK ? store_dir_setup(state) : -1;
}

static int faulty_teardown(void **state)
{
	int failed = store_dir_teardown(state);

	(void)sqlite3_vfs_unregister(&faulty_vfs);
	return failed;
}

static void send(struct store_dir *dir, struct maker *maker, uint64_t count)
{
	uint64_t first = maker->size + 1;

	maker_entries(maker, count);
	assert_int_equal(maker_send(maker, dir->store, first, &dir->why), ERR_OK);
}

/* --- what is lost, and what is not known -------------------------------------------------- */

static void acknowledged_entries_that_are_gone_stop_all_appends(void **state)
{
	struct store_dir *dir = *state;
	struct store_dir_copy database, log;
	struct store_commit commit;
	struct store_batch batch;
	struct maker maker, early;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 10);
	early = maker;
	database = store_dir_save(dir, SCHEMA_DATABASE);
	log = store_dir_save(dir, SCHEMA_DATABASE "-wal");
	send(dir, &maker, 10);
	store_dir_close(dir);
	store_dir_restore(dir, SCHEMA_DATABASE, &database);
	store_dir_restore(dir, SCHEMA_DATABASE "-wal", &log);

	store_dir_open(dir);
	assert_true(dir->state.tail_missing);
	assert_int_equal(dir->state.head.size, 10);
	assert_int_equal(dir->state.tail.size, 20);
	maker = early;
	maker.fence = dir->state.head.meta.fence;
	maker_entries(&maker, 1);
	batch = maker_batch(&maker, 11);
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_DENIED);

	assert_int_equal(store_acknowledge(dir->store, 20, &early.root, &dir->why), ERR_CONFLICT);
	assert_int_equal(store_acknowledge(dir->store, 10, &early.root, &dir->why), ERR_OK);
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_OK);
	store_dir_open(dir);
	assert_false(dir->state.tail_missing);
	maker_finish(&maker);
}

/* Goal: the one that SQLite would not notice: a flipped bit in the log drops commits. */
static void a_flipped_bit_in_the_log_is_noticed(void **state)
{
	struct store_dir *dir = *state;
	struct store_dir_copy log;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 5);
	send(dir, &maker, 5);
	log = store_dir_save(dir, SCHEMA_DATABASE "-wal");
	store_dir_close(dir);
	log.bytes[32 + 24 + 100] ^= 1; /* in the first frame's page */
	store_dir_restore(dir, SCHEMA_DATABASE "-wal", &log);
	store_dir_open(dir);
	assert_true(dir->state.tail_missing);
	assert_int_equal(dir->state.head.size, 0);
	maker_finish(&maker);
}

static void a_failed_sync_leaves_an_unknown_outcome_and_a_deaf_handle(void **state)
{
	struct store_dir *dir = *state;
	struct hash root_after;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 5);
	maker_entries(&maker, 5);
	syncs_to_pass = 0;
	assert_int_equal(maker_send(&maker, dir->store, 6, &dir->why), ERR_UNKNOWN);
	assert_int_equal(maker_send(&maker, dir->store, 6, &dir->why), ERR_UNKNOWN);
	assert_int_equal(store_maintain(dir->store, &dir->why), ERR_UNKNOWN);

	store_dir_open(dir);
	assert_false(dir->state.tail_missing);
	assert_true(dir->state.head.size == 5 || dir->state.head.size == 10);
	maker.fence = dir->state.head.meta.fence;
	assert_int_equal(maker_send(&maker, dir->store, 6, &dir->why), ERR_OK); /* or repeated */
	root_after = maker.root;
	store_dir_open(dir);
	assert_int_equal(dir->state.head.size, 10);
	assert_memory_equal(&dir->state.head.root, &root_after, sizeof root_after);
	maker_finish(&maker);
}

/* Goal: nothing of the store is believed before its log was folded with a sync. */
static void a_start_whose_syncs_fail_is_no_start(void **state)
{
	struct store_dir *dir = *state;
	struct maker maker;
	unsigned syncs = 0;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	do {
		syncs_to_pass = UINT_MAX;
		store_dir_open(dir);
		maker.fence = dir->state.head.meta.fence;
		send(dir, &maker, 5);
		syncs_to_pass = syncs++;
	} while (store_dir_try(dir) != ERR_OK);
	assert_true(syncs > 4); /* log, database, zeros, fence */
	maker_finish(&maker);
}

static void fill(const char *path)
{
	static const char bytes[65536];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	size_t step = sizeof bytes;

	assert_true(fd >= 0);
	while (step > 0) {
		if (write(fd, bytes, step) != (ssize_t)step) {
			step /= 2;
		}
	}
	(void)close(fd);
}

static void a_full_disk_refuses_before_and_during_an_append_and_heals(void **state)
{
	struct store_dir *dir = *state;
	struct store_commit commit;
	struct store_batch batch;
	struct maker maker;
	struct instant now = { 0 };
	char path[160];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("none", dir->path, "tmpfs", 0, "size=16m") != 0) {
		SKIP_ALOUD("no right to mount a tmpfs");
	}
	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 10);
	store_dir_file(dir, "ballast", path);
	maker_entries(&maker, 20000); /* more than the 8 MiB that the log has already */
	batch = maker_batch(&maker, 11);

	/* Asked now, and refused before a byte is written. */
	now.monotonic_us = 1000000000;
	assert_int_equal(store_append(dir->store, &batch, now, &commit, &dir->why), ERR_NO_SPACE);

	/* The answer of a moment ago lets a small one in; then the disk is full. */
	maker_finish(&maker);
	maker_init(&maker, &dir->state);
	store_dir_open(dir);
	maker.size = 10;
	maker.root = dir->state.head.root;
	maker.fence = dir->state.head.meta.fence;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t first = maker.size + 1;
		enum err err;

		maker_entries(&maker, 300);
		if (i == 1) {
			fill(path);
		}
		batch = maker_batch(&maker, first);
		err = store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why);
		if (err != ERR_OK) {
			assert_string_equal(err_name(err), "NO_SPACE");
			break;
		}
		maker.root = commit.root;
		maker.out = byte_writer_of(maker.bytes, MAKER_BYTES_MAX);
		assert_true(i < 99);
	}
	assert_int_equal(unlink(path), 0);
	now.monotonic_us = 2000000000;
	assert_int_equal(store_append(dir->store, &batch, now, &commit, &dir->why), ERR_OK);
	assert_int_equal(commit.size, maker.size);
	store_dir_open(dir);
	assert_int_equal(dir->state.head.size, maker.size);
	maker_finish(&maker);
	store_dir_close(dir);
	assert_int_equal(umount2(dir->path, MNT_DETACH), 0);
}

#define IN_A_DIR(test)    cmocka_unit_test_setup_teardown(test, store_dir_setup, store_dir_teardown)
#define WITH_FAULTS(test) cmocka_unit_test_setup_teardown(test, faulty_setup, faulty_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_DIR(acknowledged_entries_that_are_gone_stop_all_appends),
		IN_A_DIR(a_flipped_bit_in_the_log_is_noticed),
		WITH_FAULTS(a_failed_sync_leaves_an_unknown_outcome_and_a_deaf_handle),
		WITH_FAULTS(a_start_whose_syncs_fail_is_no_start),
		IN_A_DIR(a_full_disk_refuses_before_and_during_an_append_and_heals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
