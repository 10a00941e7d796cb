#include "services/kms/signed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/worker.h"
#include "services/kms/keys_file.h"

#define WHAT "keys/" SIGNED_FILE_NAME

static bool read_whole(int fd, uint8_t file[SIGNED_FILE_BYTES], size_t *ret_bytes)
{
	size_t used = 0;

	while (used < SIGNED_FILE_BYTES) {
		ssize_t got = pread(fd, file + used, SIGNED_FILE_BYTES - used, (off_t)used);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return false;
		}
		if (got == 0) {
			break;
		}
		used += (size_t)got;
	}
	*ret_bytes = used;
	return true;
}

static bool write_whole(int fd, off_t offset, const uint8_t *bytes, size_t bytes_count)
{
	while (bytes_count > 0) {
		ssize_t written = pwrite(fd, bytes, bytes_count, offset);

		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written <= 0) {
			return false;
		}
		bytes += written;
		offset += written;
		bytes_count -= (size_t)written;
	}
	return true;
}

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
	if (!read_whole(file->fd, bytes, &bytes_count)) {
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
	const int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;

	mark.count = 1;
	memset(bytes, 0, sizeof bytes);
	signed_mark_encode(&mark, bytes);
	if (unlinkat(dir_fd, SIGNED_FILE_NAME_NEW, 0) != 0 && errno != ENOENT) {
		worker_fail(
			worker, "an unfinished " WHAT " cannot be removed: %s", strerror(errno));
	}
	if (file->fd >= 0) {
		(void)close(file->fd);
	}
	file->fd = openat(dir_fd, SIGNED_FILE_NAME_NEW, flags, 0600);
	if (file->fd < 0 || !write_whole(file->fd, 0, bytes, sizeof bytes) ||
		fsync(file->fd) != 0 ||
		renameat(dir_fd, SIGNED_FILE_NAME_NEW, dir_fd, SIGNED_FILE_NAME) != 0 ||
		fsync(dir_fd) != 0) {
		worker_fail(worker, WHAT " cannot be made: %s", strerror(errno));
	}
	file->mark = mark;
}

void signed_file_remember(struct signed_file *file, struct worker *worker, struct signed_mark mark)
{
	uint8_t bytes[SIGNED_MARK_BYTES];
	off_t offset = (off_t)(file->mark.count % 2) * (off_t)SIGNED_SECTOR_BYTES;

	mark.count = file->mark.count + 1;
	signed_mark_encode(&mark, bytes);
	if (!write_whole(file->fd, offset, bytes, sizeof bytes) || fdatasync(file->fd) != 0) {
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
