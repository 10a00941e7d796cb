#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/macronode-file-XXXXXX";
static int dir_fd = -1;

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	assert_int_equal(mkdirat(dir_fd, "in", 0700), 0);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "new", "in/whole", "in/new", "whole", "other" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		(void)unlinkat(dir_fd, names[i], 0);
	}
	(void)unlinkat(dir_fd, "in", AT_REMOVEDIR);
	(void)close(dir_fd);
	return rmdir(dir);
}

static void put(const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_true(file_write(fd, 0, text, strlen(text)));
	(void)close(fd);
}

static void expect(const char *name, const char *text)
{
	char found[64];
	size_t bytes_count = 0;
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(file_read(fd, 0, found, sizeof found, &bytes_count));
	(void)close(fd);
	assert_int_equal(bytes_count, strlen(text));
	assert_memory_equal(found, text, bytes_count);
}

static void what_is_published_takes_the_place_of_another(void **state)
{
	struct stat info;
	int fd;

	(void)state;
	put("in/whole", "before");
	fd = file_begin(dir_fd, "in/new");
	assert_true(fd >= 0);
	assert_true(file_write(fd, 3, "er", 2) && file_write(fd, 0, "aft", 3));
	expect("in/whole", "before");
	assert_true(file_publish(dir_fd, fd, "in/new", "in/whole"));
	expect("in/whole", "after");
	assert_int_equal(faccessat(dir_fd, "in/new", F_OK, 0), -1);
	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	(void)close(fd);
}

/* Goal: half a file of a life before is no part of the next one, nor is what a link leads to. */
static void what_was_begun_before_is_gone(void **state)
{
	int fd;

	(void)state;
	put("new", "half of it");
	fd = file_begin(dir_fd, "new");
	assert_true(fd >= 0);
	(void)close(fd);
	expect("new", "");
	put("other", "of somebody else");
	assert_int_equal(unlinkat(dir_fd, "new", 0), 0);
	assert_int_equal(symlinkat("other", dir_fd, "new"), 0);
	fd = file_begin(dir_fd, "new");
	assert_true(fd >= 0);
	assert_true(file_write(fd, 0, "x", 1));
	(void)close(fd);
	expect("other", "of somebody else");
}

static void what_cannot_be_is_told(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(file_begin(dir_fd, "nowhere/new"), -1);
	assert_int_equal(file_err(errno), ERR_NOT_FOUND);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_false(file_write(fd, 0, "x", 1));
	assert_int_equal(file_err(errno), ERR_NO_SPACE);
	(void)close(fd);
	fd = file_begin(dir_fd, "new");
	assert_true(fd >= 0);
	assert_false(file_publish(dir_fd, fd, "new", "nowhere/whole"));
	(void)close(fd);
	assert_false(file_write(-1, 0, "x", 1));
	assert_int_equal(file_err(errno), ERR_IO);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_published_takes_the_place_of_another),
		CASE(what_was_begun_before_is_gone),
		CASE(what_cannot_be_is_told),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
