/* Preloaded into a process: every file system says that it is NFS, which no test machine can be
 * asked to mount. All else is real. */
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int as_nfs(long done, struct statfs *found)
{
	found->f_type = NFS_SUPER_MAGIC;
	return (int)done;
}

int fstatfs(int fd, struct statfs *found)
{
	return as_nfs(syscall(SYS_fstatfs, fd, found), found);
}

int statfs(const char *path, struct statfs *found)
{
	return as_nfs(syscall(SYS_statfs, path, found), found);
}
