#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool file_write(int fd, uint64_t offset, const void *bytes, size_t bytes_count)
{
	const uint8_t *next = bytes;

	while (bytes_count > 0) {
		ssize_t written = pwrite(fd, next, bytes_count, (off_t)offset);

		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written <= 0) {
			return false;
		}
		next += written;
		offset += (uint64_t)written;
		bytes_count -= (size_t)written;
	}
	return true;
}

bool file_read(int fd, uint64_t offset, void *buffer, size_t bytes_count, size_t *ret_bytes_count)
{
	uint8_t *bytes = buffer;
	size_t got_bytes = 0;

	while (got_bytes < bytes_count) {
		ssize_t got = pread(fd, bytes + got_bytes, bytes_count - got_bytes,
			(off_t)(offset + got_bytes));

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return false;
		}
		if (got == 0) {
			break;
		}
		got_bytes += (size_t)got;
	}
	*ret_bytes_count = got_bytes;
	return true;
}

int file_begin(int dir_fd, const char *temp)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

	if (unlinkat(dir_fd, temp, 0) != 0 && errno != ENOENT) {
		return -1;
	}
	return openat(dir_fd, temp, flags, 0600);
}

static bool sync_dir(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool is_synced = fd >= 0 && fsync(fd) == 0;
	int why = errno;

	if (fd >= 0) {
		(void)close(fd);
	}
	errno = why;
	return is_synced;
}

bool file_publish(int dir_fd, int fd, const char *temp, const char *path)
{
	char part[FILE_PATH_BYTES_MAX + 1];
	char *slash;

	assert(strlen(path) <= FILE_PATH_BYTES_MAX);
	if (fsync(fd) != 0 || renameat(dir_fd, temp, dir_fd, path) != 0) {
		return false;
	}
	(void)snprintf(part, sizeof part, "%s", path);
	while ((slash = strrchr(part, '/')) != NULL) {
		*slash = '\0';
		if (!sync_dir(dir_fd, part)) {
			return false;
		}
	}
	return fsync(dir_fd) == 0;
}

enum err file_err(int os_error)
{
	switch (os_error) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_NO_SPACE;
	default:
		return ERR_IO;
	}
}
