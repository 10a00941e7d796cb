#include "cli/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/processes.h"
#include "supervisor/processes.h"

bool data_dir_look(const struct cli *cli, const char *data_dir, bool *ret_running)
{
	char path[DATA_DIR_PATH_BYTES];
	int fd;

	(void)snprintf(path, sizeof path, "%s/lock", data_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == EACCES) {
		*ret_running = true; /* not ours to see: the node will be asked */
		return true;
	}
	if (fd < 0) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", path,
			errno == ENOENT ? "no node ever ran on this data directory"
					: strerror(errno));
		return false;
	}
	*ret_running = flock(fd, LOCK_EX | LOCK_NB) == -1;
	if (*ret_running) {
		(void)close(fd);
	}
	return true; /* the descriptor, and with it the lock, lives as long as we do */
}

static bool owner_of(const struct cli *cli, const char *dir, struct stat *ret_found)
{
	if (stat(dir, ret_found) == -1) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", dir, strerror(errno));
		return false;
	}
	return true;
}

bool data_dir_become_owner(const struct cli *cli, const char *dir)
{
	struct stat found;

	if (!owner_of(cli, dir, &found)) {
		return false;
	}
	if (geteuid() != 0 || found.st_uid == 0) {
		return true;
	}
	if (setgroups(0, NULL) == -1 || setresgid(found.st_gid, found.st_gid, found.st_gid) == -1 ||
		setresuid(found.st_uid, found.st_uid, found.st_uid) == -1) {
		(void)cli_fail(
			cli, CLI_CANNOT, "%s: cannot become its owner: %s", dir, strerror(errno));
		return false;
	}
	return true;
}

bool data_dir_enter(const struct cli *cli, const char *dir)
{
	struct stat found;

	if (!owner_of(cli, dir, &found)) {
		return false;
	}
	if (geteuid() != 0 || found.st_uid == 0) {
		return true;
	}
	if (setegid(found.st_gid) == -1 || seteuid(found.st_uid) == -1) {
		(void)cli_fail(
			cli, CLI_CANNOT, "%s: cannot become its owner: %s", dir, strerror(errno));
		data_dir_leave();
		return false;
	}
	return true;
}

/* Back to who started us; whoever did not change before changes nothing. */
void data_dir_leave(void)
{
	(void)!seteuid(getuid());
	(void)!setegid(getgid());
}

bool data_dir_owner_of_store(
	const struct cli *cli, const struct config *config, struct data_dir_owner *ret_owner)
{
	const char *user = process_plan(PROCESS_COMMITTER)->user;
	uint64_t base = config->node_uid_base;
	const struct passwd *committer;
	const struct group *group;

	*ret_owner = (struct data_dir_owner){ geteuid(), getegid(), 0700 };
	if (geteuid() != 0) {
		return true;
	}
	ret_owner->mode = 02750;
	if (base != 0) {
		ret_owner->uid = (uid_t)(base + PROCESS_COMMITTER);
		ret_owner->gid = (gid_t)(base + STORE_GROUP_OFFSET);
		return true;
	}
	committer = getpwnam(user);
	group = getgrnam("mn-store");
	if (committer == NULL || group == NULL) {
		(void)cli_fail(cli, CLI_CANNOT,
			"there is no user %s or no group mn-store to own the store: install the "
			"package's sysusers file, or set node.uid_base",
			user);
		return false;
	}
	ret_owner->uid = committer->pw_uid;
	ret_owner->gid = group->gr_gid;
	return true;
}
