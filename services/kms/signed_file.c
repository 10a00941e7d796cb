#include "services/kms/signed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/worker.h"
#include "services/kms/keys_file.h"

#define WHAT "keys/" SIGNED_FILE_NAME

enum err signed_file_open(struct signed_file *file, struct worker *worker, int dir_fd)
{
	static uint8_t bytes[SIGNED_FILE_BYTES];
	size_t bytes_count = 0;

	file->fd = openat(dir_fd, SIGNED_FILE_NAME, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (file->fd < 0 && errno == ENOENT) {
		return ERR_NOT_FOUND;
	}
	if (file->fd < 0) {
		worker_fail(worker, WHAT " cannot be opened: %s", strerror(errno));
	}
	keys_file_demand_ours(worker, file->fd, S_IFREG, WHAT);
	if (!file_read(file->fd, 0, bytes, sizeof bytes, &bytes_count)) {
		worker_fail(worker, WHAT " cannot be read: %s", strerror(errno));
	}
	if (bytes_count != sizeof bytes) {
		return ERR_CORRUPT;
	}
	return signed_newest(bytes, &file->mark);
}

void signed_file_create(
	struct signed_file *file, struct worker *worker, int dir_fd, struct signed_mark mark)
{
	static uint8_t bytes[SIGNED_FILE_BYTES];

	mark.count = 1;
	memset(bytes, 0, sizeof bytes);
	signed_mark_encode(&mark, bytes);
	if (file->fd >= 0) {
		(void)close(file->fd);
	}
	file->fd = file_begin(dir_fd, SIGNED_FILE_NAME_NEW);
	if (file->fd < 0 || !file_write(file->fd, 0, bytes, sizeof bytes) ||
		!file_publish(dir_fd, file->fd, SIGNED_FILE_NAME_NEW, SIGNED_FILE_NAME)) {
		worker_fail(worker, WHAT " cannot be made: %s", strerror(errno));
	}
	file->mark = mark;
}

void signed_file_remember(struct signed_file *file, struct worker *worker, struct signed_mark mark)
{
	uint8_t bytes[SIGNED_MARK_BYTES];
	uint64_t offset = file->mark.count % 2 * SIGNED_SECTOR_BYTES;

	mark.count = file->mark.count + 1;
	signed_mark_encode(&mark, bytes);
	if (!file_write(file->fd, offset, bytes, sizeof bytes) || fdatasync(file->fd) != 0) {
		/* Nothing was signed; what is on disk only a new start can tell. */
		worker_fail(worker, WHAT " cannot be written: %s", strerror(errno));
	}
	file->mark = mark;
}

bool signed_file_is_fresh(struct worker *worker, int dir_fd)
{
	struct signed_file file = { .fd = -1 };
	bool is_fresh = signed_file_open(&file, worker, dir_fd) == ERR_OK && file.mark.size == 0;

	if (file.fd >= 0) {
		(void)close(file.fd);
	}
	return is_fresh;
}
