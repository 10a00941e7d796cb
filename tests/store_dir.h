#ifndef TESTS_STORE_DIR_H
#define TESTS_STORE_DIR_H

/* A store in a directory of its own that is gone when the test is over. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/store_maker.h"

struct store_dir {
	char path[128];
	struct store *store;
	struct store_state state;
	struct why why;
};

static inline int store_dir_setup(void **state)
{
	struct store_dir *dir = calloc(1, sizeof *dir);

	if (dir == NULL) {
		return -1;
	}
	(void)snprintf(dir->path, sizeof dir->path, "/tmp/mn-test-store-XXXXXX");
	if (mkdtemp(dir->path) == NULL) {
		free(dir);
		return -1;
	}
	*state = dir;
	return 0;
}

static inline int store_dir_teardown(void **state)
{
	struct store_dir *dir = *state;
	DIR *listing;
	struct dirent *item;

	store_close(dir->store);
	listing = opendir(dir->path);
	while (listing != NULL && (item = readdir(listing)) != NULL) {
		(void)unlinkat(dirfd(listing), item->d_name, 0);
	}
	if (listing != NULL) {
		(void)closedir(listing);
	}
	(void)rmdir(dir->path);
	free(dir);
	return 0;
}

static inline struct store_config store_dir_config(const struct store_dir *dir)
{
	struct store_config config = { .dir = dir->path, .now_unix_ms = MAKER_TS_UNIX_MS };

	memset(config.random, 0xab, sizeof config.random);
	return config;
}

static inline enum err store_dir_try(struct store_dir *dir)
{
	struct store_config config = store_dir_config(dir);

	store_close(dir->store);
	dir->store = NULL;
	return store_open(&config, &dir->store, &dir->state, &dir->why);
}

static inline void store_dir_open(struct store_dir *dir)
{
	enum err err = store_dir_try(dir);

	if (err != ERR_OK) {
		(void)fprintf(stderr, "# %s: %s\n", err_name(err), dir->why.text);
	}
	assert(err == ERR_OK);
}

static inline void store_dir_close(struct store_dir *dir)
{
	store_close(dir->store);
	dir->store = NULL;
}

static inline void store_dir_file(const struct store_dir *dir, const char *name, char ret_path[160])
{
	(void)snprintf(ret_path, 160, "%s/%s", dir->path, name);
}

/* A whole small file as it is. */
struct store_dir_copy {
	uint8_t *bytes;
	size_t bytes_count;
};

static inline struct store_dir_copy store_dir_save(const struct store_dir *dir, const char *name)
{
	struct store_dir_copy copy = { NULL, 0 };
	struct stat status;
	char path[160];
	int fd;

	store_dir_file(dir, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert(fd >= 0 && fstat(fd, &status) == 0);
	copy.bytes_count = (size_t)status.st_size;
	copy.bytes = malloc(copy.bytes_count + 1);
	assert(copy.bytes != NULL);
	assert(read(fd, copy.bytes, copy.bytes_count) == (ssize_t)copy.bytes_count);
	(void)close(fd);
	return copy;
}

static inline void store_dir_restore(
	const struct store_dir *dir, const char *name, struct store_dir_copy *copy)
{
	char path[160];
	int fd;

	store_dir_file(dir, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	assert(fd >= 0);
	assert(write(fd, copy->bytes, copy->bytes_count) == (ssize_t)copy->bytes_count);
	(void)close(fd);
	free(copy->bytes);
	copy->bytes = NULL;
}

#endif
