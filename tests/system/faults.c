/* Preloaded into a worker by faulty.c: system calls on files fail when a test says so. What is
 * tested is real down to the C library: SQLite, the sandbox, the file system below.
 *
 * The control file is mapped before the walls go up; a test writes into it at any time. For each
 * call of the table, in its order, three u32: the errno (0: it works), how many calls are let
 * through first, and how many fail after those (0: all); then, u64, the inode of the only file
 * that it is about (0: any). */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call { CALL_FDATASYNC, CALL_FSYNC, CALL_PWRITE, CALL_PREAD, CALL_COUNT };

struct fault {
	volatile uint32_t number;
	volatile uint32_t skip;
	volatile uint32_t count;
	uint32_t unused;
	volatile uint64_t inode;
};

static struct fault nothing[CALL_COUNT];
static struct fault *faults = nothing;

__attribute__((constructor)) static void faults_open(void)
{
	const char *path = getenv("MN_FAULTS");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *mapped;

	if (fd < 0) {
		return;
	}
	mapped = mmap(NULL, sizeof nothing, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped != MAP_FAILED) {
		faults = mapped;
	}
	(void)close(fd);
}

static int is_about(const struct fault *fault, int fd)
{
	struct stat file;

	return fault->inode == 0 || (fstat(fd, &file) == 0 && file.st_ino == fault->inode);
}

static int fails(enum call call, int fd)
{
	struct fault *fault = &faults[call];

	if (fault->number == 0 || !is_about(fault, fd)) {
		return 0;
	}
	if (fault->skip > 0) {
		fault->skip--;
		return 0;
	}
	errno = (int)fault->number;
	if (fault->count > 0 && --fault->count == 0) {
		fault->number = 0;
	}
	return 1;
}

int fdatasync(int fd)
{
	return fails(CALL_FDATASYNC, fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return fails(CALL_FSYNC, fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset)
{
	return fails(CALL_PWRITE, fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, count, offset);
}

ssize_t pread64(int fd, void *bytes, size_t count, off_t offset)
{
	return fails(CALL_PREAD, fd) ? -1 : syscall(SYS_pread64, fd, bytes, count, offset);
}
