/* Shows what is still reachable behind Landlock, in a directory that it was given:
 *
 *	try_landlock DIR
 *
 * DIR holds read/file, write/file, create/ and outside/file. Exit 0: exactly what the rules
 * say; 1: something else, named on stderr; 77: this kernel has no Landlock. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/landlock.h"

static int failures;

static void expect(bool allowed, bool happened, const char *what)
{
	if (allowed != happened) {
		(void)fprintf(stderr, "%s: %s\n", what, happened ? "was allowed" : "was refused");
		failures++;
	}
}

static bool can_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd != -1) {
		(void)close(fd);
	}
	return fd != -1;
}

static bool can_bind_tcp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool bound;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bound = fd != -1 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
	if (fd != -1) {
		(void)close(fd);
	}
	return bound;
}

static void try_paths(void)
{
	expect(true, can_open("read/file", O_RDONLY), "read in read/");
	expect(false, can_open("read/file", O_WRONLY), "write in read/");
	expect(false, can_open("read/new", O_WRONLY | O_CREAT), "create in read/");
	expect(true, can_open("write/file", O_RDWR), "write in write/");
	expect(false, can_open("write/new", O_WRONLY | O_CREAT), "create in write/");
	expect(false, unlink("write/file") == 0, "remove in write/");
	expect(true, can_open("create/new", O_RDWR | O_CREAT), "create in create/");
	expect(true, rename("create/new", "create/newer") == 0, "rename in create/");
	expect(true, unlink("create/newer") == 0, "remove in create/");
	expect(true, mkdir("create/dir", 0700) == 0, "mkdir in create/");
	expect(false, can_open("outside/file", O_RDONLY), "read outside");
	expect(true, can_open("single", O_RDONLY), "read a file listed by fd");
	expect(false, can_open("/etc/passwd", O_RDONLY), "read /etc/passwd");
	expect(false, can_open("/proc/self/status", O_RDONLY), "read /proc");
	expect(landlock_abi() < 4, can_bind_tcp(), "bind a TCP port");
}

int main(int argc, char *argv[])
{
	struct landlock_path paths[] = {
		{ .path = "read", .rights = LANDLOCK_RIGHTS_READ },
		{ .path = "write", .rights = LANDLOCK_RIGHTS_WRITE },
		{ .path = "create", .rights = LANDLOCK_RIGHTS_CREATE },
		{ .path = NULL, .rights = LANDLOCK_RIGHTS_READ },
	};
	const char *failed = NULL;
	int held;

	if (argc != 2 || chdir(argv[1]) != 0) {
		(void)fprintf(stderr, "usage: try_landlock DIR\n");
		return 2;
	}
	paths[3].fd = open("single", O_RDONLY | O_CLOEXEC);
	held = open("outside/file", O_RDONLY | O_CLOEXEC);
	switch (landlock_enter(paths, sizeof paths / sizeof paths[0], &failed)) {
	case LANDLOCK_ENFORCED:
		break;
	case LANDLOCK_MISSING:
		return 77;
	case LANDLOCK_FAILED:
	default:
		(void)fprintf(stderr, "%s: %s\n", failed, strerror(errno));
		return 1;
	}
	try_paths();
	expect(true, read(held, &(char){ 0 }, 1) == 1, "read an fd that was open before");
	if (landlock_enter(NULL, 0, &failed) != LANDLOCK_ENFORCED) {
		return 1;
	}
	expect(false, can_open("read/file", O_RDONLY), "read behind the empty ruleset");
	return failures == 0 ? 0 : 1;
}
