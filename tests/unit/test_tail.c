#include "store/tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/space.h"
#include "store/lock.h"
#include "tests/store_dir.h"

static struct tail_mark mark_of(uint64_t size)
{
	struct tail_mark mark = { .size = size };

	memset(mark.root.bytes, (int)(size & 0xff), sizeof mark.root.bytes);
	return mark;
}

static int dir_fd(const struct store_dir *dir)
{
	int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void write_marks(const struct store_dir *dir, uint64_t last)
{
	struct tail_mark found;
	struct tail tail;
	int fd = dir_fd(dir);

	assert_int_equal(tail_open(&tail, fd, dir->path, true, &found, NULL), ERR_OK);
	for (uint64_t size = found.size + 1; size <= last; size++) {
		struct tail_mark mark = mark_of(size);

		assert_int_equal(tail_write(&tail, &mark), ERR_OK);
	}
	tail_close(&tail);
	(void)close(fd);
}

static enum err read_mark(const struct store_dir *dir, struct tail_mark *ret_mark)
{
	int fd = dir_fd(dir);
	enum err err = tail_read(fd, dir->path, ret_mark, NULL);

	(void)close(fd);
	return err;
}

static void the_newest_mark_is_read_back_also_after_a_reopen(void **state)
{
	struct store_dir *dir = *state;
	struct tail_mark mark = { .size = 7 };

	assert_int_equal(read_mark(dir, &mark), ERR_NOT_FOUND);
	write_marks(dir, 0);
	assert_int_equal(read_mark(dir, &mark), ERR_OK);
	assert_int_equal(mark.size, 0);
	for (uint64_t last = 1; last <= 5; last++) {
		struct tail_mark expected = mark_of(last);

		write_marks(dir, last);
		assert_int_equal(read_mark(dir, &mark), ERR_OK);
		assert_memory_equal(&mark, &expected, sizeof mark);
	}
}

/* Goal: any one broken byte of the newer sector costs that mark and no more; of both, all. */
static void a_torn_sector_leaves_the_mark_before_it(void **state)
{
	struct store_dir *dir = *state;
	struct tail_mark mark;
	char path[160];
	uint8_t *bytes;
	int fd;

	write_marks(dir, 4); /* 3 is in the first sector, 4 in the second */
	store_dir_file(dir, "tail", path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	bytes = mmap(NULL, 2 * TAIL_SECTOR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(bytes != MAP_FAILED);
	for (size_t at = 0; at < 80; at++) {
		bytes[TAIL_SECTOR_BYTES + at] ^= 1;
		assert_int_equal(read_mark(dir, &mark), ERR_OK);
		assert_int_equal(mark.size, 3);
		bytes[at] ^= 1;
		assert_int_equal(read_mark(dir, &mark), ERR_CORRUPT);
		bytes[TAIL_SECTOR_BYTES + at] ^= 1;
		assert_int_equal(read_mark(dir, &mark), ERR_OK);
		assert_int_equal(mark.size, 4);
		bytes[at] ^= 1;
	}
	(void)munmap(bytes, 2 * TAIL_SECTOR_BYTES);
	(void)close(fd);
}

static void only_one_description_holds_the_lock(void **state)
{
	struct store_dir *dir = *state;
	struct why why = { "" };
	char path[160];
	int fd = -1, second_fd = -1, other_fd;

	assert_int_equal(lock_take("/tmp/mn-test-store-nowhere", &fd, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "/tmp/mn-test-store-nowhere"));
	assert_int_equal(lock_take(dir->path, &fd, &why), ERR_OK);
	assert_int_equal(lock_take(dir->path, &second_fd, &why), ERR_BUSY);
	assert_non_null(strstr(why.text, dir->path));
	assert_int_equal(lock_confirm(fd, dir->path, &why), ERR_OK);

	store_dir_file(dir, "lock", path);
	other_fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(lock_confirm(other_fd, dir->path, &why), ERR_BUSY);
	(void)close(other_fd);
	store_dir_file(dir, "not-the-lock", path);
	other_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(lock_confirm(other_fd, dir->path, &why), ERR_DENIED);
	(void)close(other_fd);

	(void)close(fd);
	assert_int_equal(lock_take(dir->path, &fd, &why), ERR_OK);
	(void)close(fd);
}

/* Goal: an orphan that inherited the lock keeps a second node out. */
static void an_heir_of_the_lock_keeps_it(void **state)
{
	struct store_dir *dir = *state;
	int fd = -1, second_fd = -1;
	int to_child[2];
	int status = 0;
	char byte;
	pid_t child;

	assert_int_equal(lock_take(dir->path, &fd, NULL), ERR_OK);
	assert_int_equal(pipe2(to_child, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(to_child[1]);
		_exit(read(to_child[0], &byte, 1) == 0 ? 0 : 1); /* until our parent lets go */
	}
	(void)close(to_child[0]);
	(void)close(fd);
	assert_int_equal(lock_take(dir->path, &second_fd, NULL), ERR_BUSY);
	(void)close(to_child[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(lock_take(dir->path, &second_fd, NULL), ERR_OK);
	(void)close(second_fd);
}

static void space_is_free_minus_reserve_minus_two_logs(void **state)
{
	struct instant now = { 5000000 };
	struct space space;

	(void)state;
	/* Asked a moment ago, so that the numbers are ours. */
	space = (struct space){
		.dir_fd = -1, .reserve_bytes = 1000, .free_bytes = 5000, .asked = true
	};
	space.asked_at = now;
	assert_int_equal(space_check(&space, now, 2001, 1000), ERR_NO_SPACE);
	assert_int_equal(space_check(&space, now, 2000, 1000), ERR_OK);
	assert_int_equal(space_check(&space, now, 1, 1000), ERR_NO_SPACE); /* it was let in */
	assert_int_equal(space_check(&space, now, 0, 1000), ERR_OK);
	assert_int_equal(space_check(&space, now, 0, 1001), ERR_NO_SPACE);
	assert_int_equal(space_check(&space, now, 0, UINT64_MAX), ERR_NO_SPACE);
	assert_int_equal(space_check(&space, now, UINT64_MAX, 0), ERR_NO_SPACE);
	space.reserve_bytes = 3001;
	assert_int_equal(space_check(&space, now, 0, 0), ERR_NO_SPACE);

	/* Trusted up to the last microsecond, then asked again, which fails here. */
	space.reserve_bytes = 0;
	now.monotonic_us += SPACE_CACHE_MS * 1000 - 1;
	assert_int_equal(space_check(&space, now, 0, 0), ERR_OK);
	now.monotonic_us += 1;
	assert_int_equal(space_check(&space, now, 0, 0), ERR_IO);
}

#define IN_A_DIR(test) cmocka_unit_test_setup_teardown(test, store_dir_setup, store_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_DIR(the_newest_mark_is_read_back_also_after_a_reopen),
		IN_A_DIR(a_torn_sector_leaves_the_mark_before_it),
		IN_A_DIR(only_one_description_holds_the_lock),
		IN_A_DIR(an_heir_of_the_lock_keeps_it),
		cmocka_unit_test(space_is_free_minus_reserve_minus_two_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
