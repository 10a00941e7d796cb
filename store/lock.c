#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "lock"

static enum err dir_open(const char *data_dir, int *ret_fd, struct why *why)
{
	int fd = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* to search is enough */

	if (fd < 0) {
		why_say(why, "%s: cannot open the data directory: %s", data_dir, strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
	}
	*ret_fd = fd;
	return ERR_OK;
}

static enum err hold(int fd, const char *data_dir, struct why *why)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		return ERR_OK;
	}
	if (errno == EWOULDBLOCK) {
		why_say(why, "%s/%s: another macronode runs on this data directory", data_dir,
			LOCK_NAME);
		return ERR_BUSY;
	}
	why_say(why, "%s/%s: cannot lock: %s", data_dir, LOCK_NAME, strerror(errno));
	return ERR_IO;
}

enum err lock_take(const char *data_dir, int *ret_fd, struct why *why)
{
	int dir_fd = -1;
	int fd = -1;
	enum err err = dir_open(data_dir, &dir_fd, why);

	if (err != ERR_OK) {
		return err;
	}
	fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	(void)close(dir_fd);
	if (fd < 0) {
		why_say(why, "%s/%s: cannot open: %s", data_dir, LOCK_NAME, strerror(errno));
		return ERR_IO;
	}
	err = hold(fd, data_dir, why);
	if (err != ERR_OK) {
		(void)close(fd);
		return err;
	}
	*ret_fd = fd;
	return ERR_OK;
}

enum err lock_confirm(int fd, const char *data_dir, struct why *why)
{
	struct stat ours, theirs;
	int dir_fd = -1;
	enum err err = dir_open(data_dir, &dir_fd, why);

	if (err != ERR_OK) {
		return err;
	}
	if (fstat(fd, &ours) != 0 ||
		fstatat(dir_fd, LOCK_NAME, &theirs, AT_SYMLINK_NOFOLLOW) != 0) {
		why_say(why, "%s/%s: cannot look at it: %s", data_dir, LOCK_NAME, strerror(errno));
		err = ERR_IO;
	} else if (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino) {
		why_say(why, "%s/%s: is not the file that was locked", data_dir, LOCK_NAME);
		err = ERR_DENIED;
	} else {
		err = hold(fd, data_dir, why);
	}
	(void)close(dir_fd);
	return err;
}
