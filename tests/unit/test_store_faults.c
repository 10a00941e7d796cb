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

#include "store/suspect.h"
#include "tests/skip.h"
#include "tests/store_dir.h"

/* --- a file system that fails on demand --------------------------------------------------- */

static sqlite3_vfs faulty_vfs;
static sqlite3_io_methods faulty_methods[2]; /* the database has locks, other files none */
static int (*real_sync)(sqlite3_file *, int);
static unsigned syncs_to_pass; /* before one fails; UINT_MAX: never */
static int (*real_write)(sqlite3_file *, const void *, int, sqlite3_int64);
static bool database_is_full; /* there is room for the log, and none for the database */

static int faulty_sync(sqlite3_file *file, int flags)
{
	if (syncs_to_pass != UINT_MAX && syncs_to_pass-- == 0) {
		syncs_to_pass = UINT_MAX;
		return SQLITE_IOERR_FSYNC;
	}
	return real_sync(file, flags);
}

static int database_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 at)
{
	return database_is_full ? SQLITE_FULL : real_write(file, bytes, count, at);
}

static int faulty_open(
	sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	int code = real->xOpen(real, name, file, flags, ret_flags);

	if (code == SQLITE_OK) {
		bool is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
		sqlite3_io_methods *methods = &faulty_methods[is_database];

		*methods = *file->pMethods;
		real_sync = methods->xSync;
		methods->xSync = faulty_sync;
		if (is_database) {
			real_write = methods->xWrite;
			methods->xWrite = database_write;
		}
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
	database_is_full = false;
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
	assert_int_equal(dir->state.tail_finding, STORE_TAIL_SHORT);
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
	assert_int_equal(dir->state.tail_finding, STORE_TAIL_GOOD);
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
	assert_int_equal(dir->state.tail_finding, STORE_TAIL_SHORT);
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
	assert_int_equal(dir->state.tail_finding, STORE_TAIL_GOOD);
	assert_true(dir->state.head.size == 5 || dir->state.head.size == 10);
	maker.fence = dir->state.head.meta.fence;
	assert_int_equal(maker_send(&maker, dir->store, 6, &dir->why), ERR_OK); /* or repeated */
	root_after = maker.root;
	store_dir_open(dir);
	assert_int_equal(dir->state.head.size, 10);
	assert_memory_equal(&dir->state.head.root, &root_after, sizeof root_after);
	maker_finish(&maker);
}

/* Goal: no room to fold the log into is no doubt about what the log has. */
static void a_database_without_room_loses_nothing_and_goes_on(void **state)
{
	struct store_dir *dir = *state;
	struct maker maker;
	enum err err = ERR_OK;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	database_is_full = true;
	while (err == ERR_OK) {
		send(dir, &maker, 100);
		err = store_maintain(dir->store, &dir->why);
	}
	assert_int_equal(err, ERR_NO_SPACE);
	send(dir, &maker, 100);
	assert_int_equal(store_maintain(dir->store, &dir->why), ERR_NO_SPACE);
	database_is_full = false;
	assert_int_equal(store_maintain(dir->store, &dir->why), ERR_OK);
	assert_int_equal(store_wal_bytes(dir->store), 0);
	send(dir, &maker, 100);
	store_dir_open(dir);
	assert_int_equal(dir->state.tail_finding, STORE_TAIL_GOOD);
	assert_int_equal(dir->state.head.size, maker.size);
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

/* --- a tail that does not say ------------------------------------------------------------- */

static void expect_locked(struct store_dir *dir, struct maker *maker, enum store_tail finding)
{
	struct store_commit commit;
	struct store_batch batch;
	struct maker before;

	assert_int_equal(dir->state.tail_finding, finding);
	assert_true(store_is_locked(dir->store));
	maker->fence = dir->state.head.meta.fence;
	before = *maker;
	maker_entries(maker, 1);
	batch = maker_batch(maker, maker->size);
	assert_int_equal(
		store_append(dir->store, &batch, (struct instant){ 0 }, &commit, &dir->why),
		ERR_DENIED);
	assert_non_null(strstr(dir->why.text, "macronode recover"));
	*maker = before;
}

static void go_on(struct store_dir *dir, struct maker *maker)
{
	assert_int_equal(
		store_acknowledge(dir->store, maker->size, &maker->root, &dir->why), ERR_OK);
	assert_false(store_is_locked(dir->store));
	send(dir, maker, 3);
	store_dir_open(dir);
	assert_int_equal(dir->state.tail_finding, STORE_TAIL_GOOD);
	assert_int_equal(dir->state.tail.size, maker->size);
	maker->fence = dir->state.head.meta.fence;
}

/* Goal: it is not made anew by the start that misses it, or the second start would go on. */
static void a_tail_that_is_gone_is_missed_until_it_is_acknowledged(void **state)
{
	struct store_dir *dir = *state;
	struct maker maker;
	char path[160];

	store_dir_open(dir);
	assert_int_equal(dir->state.tail_finding, STORE_TAIL_GOOD); /* of a genesis it is */
	maker_init(&maker, &dir->state);
	send(dir, &maker, 5);
	store_dir_close(dir);
	store_dir_file(dir, TAIL_NAME, path);
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < 3; i++) {
		store_dir_open(dir);
		expect_locked(dir, &maker, STORE_TAIL_GONE);
		assert_int_equal(access(path, F_OK), -1);
	}
	go_on(dir, &maker);
	maker_finish(&maker);
}

static void a_tail_without_a_whole_mark_is_not_believed(void **state)
{
	struct store_dir *dir = *state;
	struct store_dir_copy tail;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 5);
	send(dir, &maker, 5);
	store_dir_close(dir);
	tail = store_dir_save(dir, TAIL_NAME);
	tail.bytes[9] ^= 1;
	tail.bytes[TAIL_SECTOR_BYTES + 9] ^= 1;
	store_dir_restore(dir, TAIL_NAME, &tail);
	for (int i = 0; i < 3; i++) {
		store_dir_open(dir);
		expect_locked(dir, &maker, STORE_TAIL_BROKEN);
	}
	go_on(dir, &maker);
	maker_finish(&maker);
}

/* Goal: what was acknowledged last is not forgotten by a start that must not go on. */
static void a_suspect_store_is_locked_and_keeps_its_mark(void **state)
{
	struct store_dir *dir = *state;
	struct store_config config;
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	send(dir, &maker, 5);
	maker_entries(&maker, 5);
	syncs_to_pass = 0;
	assert_int_equal(maker_send(&maker, dir->store, 6, &dir->why), ERR_UNKNOWN);
	for (int i = 0; i < 3; i++) {
		store_dir_close(dir);
		config = store_dir_config(dir);
		config.suspect = true;
		assert_int_equal(store_open(&config, &dir->store, &dir->state, &dir->why), ERR_OK);
		assert_int_equal(
			dir->state.head.size, 10); /* back from the page cache, now synced */
		assert_int_equal(dir->state.tail.size, 5);
		maker.root = dir->state.head.root;
		maker.out = byte_writer_of(maker.bytes, MAKER_BYTES_MAX);
		expect_locked(dir, &maker, STORE_TAIL_GOOD);
	}
	go_on(dir, &maker);
	maker_finish(&maker);
}

/* --- files that are not ours alone --------------------------------------------------------- */

static void expect_denied(struct store_dir *dir, const char *words)
{
	assert_int_equal(store_dir_try(dir), ERR_DENIED);
	if (strncmp(dir->why.text, words, strlen(words)) != 0) {
		fail_msg("\"%s\" does not begin with \"%s\"", dir->why.text, words);
	}
}

static void files_that_others_may_write_are_not_opened(void **state)
{
	static const char *const names[] = { SCHEMA_DATABASE, SCHEMA_DATABASE "-wal",
		SCHEMA_DATABASE "-shm", TAIL_NAME };
	static const mode_t modes[] = { 0660, 0642, 0440, 0240, 0000 };
	struct store_dir *dir = *state;
	char path[160], other[160];

	store_dir_open(dir);
	store_dir_close(dir);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		store_dir_file(dir, names[i], path);
		if (access(path, F_OK) != 0) {
			continue; /* the index goes with the last connection */
		}
		for (size_t j = 0; j < sizeof modes / sizeof modes[0]; j++) {
			assert_int_equal(chmod(path, modes[j]), 0);
			expect_denied(dir, "wrong_mode: ");
			assert_non_null(strstr(dir->why.text, names[i]));
		}
		assert_int_equal(chmod(path, 0640), 0);
		store_dir_file(dir, "other", other);
		assert_int_equal(rename(path, other), 0);
		assert_int_equal(symlink(other, path), 0);
		expect_denied(dir, "wrong_type: ");
		assert_int_equal(rename(other, path), 0);
		if (geteuid() == 0) {
			assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
			expect_denied(dir, "wrong_owner: ");
			assert_non_null(strstr(dir->why.text, "belongs to uid 12345, expected 0"));
			assert_int_equal(chown(path, 0, (gid_t)-1), 0);
		}
	}
	store_dir_open(dir);
}

static void a_ledger_in_use_is_not_looked_for_with_a_file_of_our_own(void **state)
{
	struct store_dir *dir = *state;
	struct store_config config = store_dir_config(dir);
	char path[160];

	config.in_use = true;
	assert_int_equal(store_open(&config, &dir->store, &dir->state, &dir->why), ERR_NOT_FOUND);
	store_dir_file(dir, SCHEMA_DATABASE, path);
	assert_int_equal(access(path, F_OK), -1);
}

/* --- the mark of a suspect store ----------------------------------------------------------- */

static void the_first_mark_stays_and_any_file_is_one(void **state)
{
	static const char *const texts[] = { "", "x", "macronode suspect v1\n",
		"macronode suspect v1\nreason a\nsize -1\nroot 00\nts_ms 1\n" };
	struct store_dir *dir = *state;
	struct suspect_mark first = { .size = 7, .ts_unix_ms = 9, .reason = "one\nline" };
	struct suspect_mark second = { .size = 8, .reason = "later" }, found;
	char path[160];

	memset(&first.root, 0x5a, sizeof first.root);
	assert_int_equal(suspect_read(dir->path, &found), ERR_NOT_FOUND);
	assert_int_equal(suspect_remove(dir->path, &dir->why), ERR_OK);
	assert_int_equal(suspect_write(dir->path, &first), ERR_OK);
	assert_int_equal(suspect_write(dir->path, &second), ERR_OK);
	assert_int_equal(suspect_read(dir->path, &found), ERR_OK);
	assert_true(found.whole);
	assert_string_equal(found.reason, "one line");
	assert_int_equal(found.size, 7);
	assert_int_equal(found.ts_unix_ms, 9);
	assert_memory_equal(&found.root, &first.root, sizeof first.root);
	store_dir_file(dir, SUSPECT_NAME, path);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
		(void)close(fd);
		assert_int_equal(suspect_read(dir->path, &found), ERR_OK);
		assert_false(found.whole);
		assert_true(found.reason[0] != '\0');
	}
	assert_int_equal(suspect_remove(dir->path, &dir->why), ERR_OK);
	assert_int_equal(suspect_read(dir->path, &found), ERR_NOT_FOUND);
	assert_int_equal(suspect_write("/nowhere/at/all", &first), ERR_IO);
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
		IN_A_DIR(a_tail_that_is_gone_is_missed_until_it_is_acknowledged),
		IN_A_DIR(a_tail_without_a_whole_mark_is_not_believed),
		WITH_FAULTS(a_suspect_store_is_locked_and_keeps_its_mark),
		IN_A_DIR(files_that_others_may_write_are_not_opened),
		IN_A_DIR(a_ledger_in_use_is_not_looked_for_with_a_file_of_our_own),
		IN_A_DIR(the_first_mark_stays_and_any_file_is_one),
		IN_A_DIR(a_full_disk_refuses_before_and_during_an_append_and_heals),
		WITH_FAULTS(a_database_without_room_loses_nothing_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
