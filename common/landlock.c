#include "common/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's ruleset grew; our headers may be older than the kernel that we run on. The
 * size of the struct tells the kernel how much of it we mean, so it is cut to the ABI. */
struct ruleset {
	uint64_t fs;
	uint64_t net;    /* ABI 4 */
	uint64_t scoped; /* ABI 6 */
};

#define FS_REFER     (UINT64_C(1) << 13) /* ABI 2 */
#define FS_TRUNCATE  (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_ALL      UINT64_C(3)         /* bind and connect of TCP */
#define SCOPED_ALL   UINT64_C(3)         /* abstract UNIX sockets, signals */

#define RIGHTS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE (RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
#define RIGHTS_CREATE                                                               \
	(RIGHTS_WRITE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | FS_REFER)

/* What makes sense beneath a rule for a single file. */
#define RIGHTS_OF_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* Everything that this kernel can take away. */
static struct ruleset ruleset_whole(int abi, size_t *ret_bytes)
{
	struct ruleset ruleset = { .fs = FS_REFER - 1 };

	*ret_bytes = sizeof ruleset.fs;
	if (abi >= 2) {
		ruleset.fs |= FS_REFER;
	}
	if (abi >= 3) {
		ruleset.fs |= FS_TRUNCATE;
	}
	if (abi >= 4) {
		ruleset.net = NET_ALL;
		*ret_bytes = sizeof ruleset.fs + sizeof ruleset.net;
	}
	if (abi >= 5) {
		ruleset.fs |= FS_IOCTL_DEV;
	}
	if (abi >= 6) {
		ruleset.scoped = SCOPED_ALL;
		*ret_bytes = sizeof ruleset;
	}
	return ruleset;
}

static uint64_t rights_of(enum landlock_rights rights)
{
	switch (rights) {
	case LANDLOCK_RIGHTS_WRITE:
		return RIGHTS_WRITE;
	case LANDLOCK_RIGHTS_CREATE:
		return RIGHTS_CREATE;
	case LANDLOCK_RIGHTS_READ:
	default:
		return RIGHTS_READ;
	}
}

static bool allow_fd(int ruleset_fd, uint64_t handled, int fd, enum landlock_rights rights)
{
	struct landlock_path_beneath_attr beneath = { .parent_fd = fd };
	uint64_t access = rights_of(rights) & handled;
	struct stat info;

	if (fstat(fd, &info) != 0) {
		return false;
	}
	if (!S_ISDIR(info.st_mode)) {
		access &= RIGHTS_OF_FILE;
	}
	beneath.allowed_access = access;
	return syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &beneath,
		       0) == 0;
}

static bool allow_path(int ruleset_fd, uint64_t handled, const struct landlock_path *path)
{
	bool allowed = false;
	int saved_errno, fd;

	if (path->path == NULL) {
		return allow_fd(ruleset_fd, handled, path->fd, path->rights);
	}
	fd = open(path->path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		return false;
	}
	allowed = allow_fd(ruleset_fd, handled, fd, path->rights);
	saved_errno = errno;
	(void)close(fd);
	errno = saved_errno;
	return allowed;
}

enum landlock_result landlock_enter(
	const struct landlock_path *paths, size_t path_count, const char **failed)
{
	enum landlock_result result = LANDLOCK_FAILED;
	size_t ruleset_bytes = 0;
	int abi = landlock_abi();
	struct ruleset ruleset;
	int fd, saved_errno;

	if (abi < 1) {
		*failed = "the kernel has no Landlock";
		return LANDLOCK_MISSING;
	}
	ruleset = ruleset_whole(abi, &ruleset_bytes);
	*failed = "ruleset";
	fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, ruleset_bytes, 0);
	if (fd == -1) {
		return LANDLOCK_FAILED;
	}
	for (size_t i = 0; i < path_count; i++) {
		*failed = paths[i].path != NULL ? paths[i].path : "path by fd";
		if (!allow_path(fd, ruleset.fs, &paths[i])) {
			goto out;
		}
	}
	*failed = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		goto out;
	}
	*failed = "restrict_self";
	if (syscall(SYS_landlock_restrict_self, fd, 0) == 0) {
		result = LANDLOCK_ENFORCED;
	}
out:
	saved_errno = errno;
	(void)close(fd);
	errno = saved_errno;
	return result;
}
