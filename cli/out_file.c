#include "cli/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two that write the same file would mix their bytes, and the first rename would call that whole.
 * The name must still be that of the file: another may have finished since we opened it. */
static bool own_part(const struct out_file *file)
{
	struct stat opened, named;

	return flock(file->fd, LOCK_EX | LOCK_NB) == 0 && fstat(file->fd, &opened) == 0 &&
	       stat(file->part, &named) == 0 && opened.st_ino == named.st_ino &&
	       opened.st_dev == named.st_dev && ftruncate(file->fd, 0) == 0;
}

bool out_file_open(const struct cli *cli, const char *path, mode_t mode, struct out_file *ret_file)
{
	*ret_file = (struct out_file){ .fd = -1, .is_stdout = strcmp(path, "-") == 0 };
	if (ret_file->is_stdout) {
		ret_file->fd = STDOUT_FILENO;
		return true;
	}
	if (strlen(path) >= sizeof ret_file->path) {
		(void)cli_fail(cli, CLI_CANNOT, "the path is too long");
		return false;
	}
	(void)snprintf(ret_file->path, sizeof ret_file->path, "%s", path);
	(void)snprintf(ret_file->part, sizeof ret_file->part, "%s.part", path);
	ret_file->fd = open(ret_file->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
	if (ret_file->fd < 0) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", ret_file->part, strerror(errno));
		return false;
	}
	if (!own_part(ret_file)) {
		(void)cli_fail(
			cli, CLI_CANNOT, "%s: another macronode is writing it", ret_file->part);
		(void)close(ret_file->fd); /* without removing what is the other's */
		ret_file->fd = -1;
		return false;
	}
	return true;
}

bool out_file_put(const struct cli *cli, struct out_file *file, struct slice bytes)
{
	while (bytes.bytes_count > 0) {
		ssize_t wrote = write(file->fd, bytes.bytes, bytes.bytes_count);

		if (wrote < 0 && errno == EINTR) {
			continue;
		}
		if (wrote <= 0) {
			(void)cli_fail(cli, CLI_CANNOT, "%s: %s",
				file->is_stdout ? "standard output" : file->part, strerror(errno));
			return false;
		}
		bytes.bytes += wrote;
		bytes.bytes_count -= (size_t)wrote;
	}
	return true;
}

bool out_file_sync_dir(const char *path)
{
	char dir[OUT_FILE_PATH_BYTES];
	const char *slash = strrchr(path, '/');
	size_t bytes = slash == NULL ? 0 : (size_t)(slash - path);
	bool good;
	int fd;

	if (bytes >= sizeof dir) {
		return false;
	}
	(void)snprintf(dir, sizeof dir, "%.*s", (int)bytes, path);
	fd = open(slash == NULL ? "." : bytes == 0 ? "/" : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	good = fsync(fd) == 0;
	(void)close(fd);
	return good;
}

bool out_file_finish(const struct cli *cli, struct out_file *file)
{
	bool good;

	if (file->is_stdout) {
		return true;
	}
	good = fsync(file->fd) == 0 && rename(file->part, file->path) == 0 &&
	       out_file_sync_dir(file->path);
	if (!good) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", file->path, strerror(errno));
		return false;
	}
	(void)close(file->fd);
	file->fd = -1;
	return true;
}

void out_file_drop(struct out_file *file)
{
	if (file->fd >= 0 && !file->is_stdout) {
		(void)close(file->fd);
		(void)unlink(file->part);
	}
	file->fd = -1;
}

bool out_file_write(const struct cli *cli, const char *path, mode_t mode, struct slice bytes)
{
	struct out_file file;
	bool good = out_file_open(cli, path, mode, &file) && out_file_put(cli, &file, bytes) &&
		    out_file_finish(cli, &file);

	out_file_drop(&file);
	return good;
}
