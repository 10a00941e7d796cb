#include "services/archive/archive.h"

#include <fcntl.h>
#include <seccomp.h>

#define FILES "the store is opened anew whenever the committer has opened it"

/* Within the one directory that Landlock lets it write. */
#define OBJECTS "bytes and manifests of objects"

static const struct sandbox_rule rules[] = {
	{ .syscall = SCMP_SYS(openat), .reason = FILES },
	{ .syscall = SCMP_SYS(open), .reason = FILES },
	{ .syscall = SCMP_SYS(newfstatat), .reason = FILES },
	{ .syscall = SCMP_SYS(stat), .reason = FILES },
	{ .syscall = SCMP_SYS(fstat), .reason = FILES },
	{ .syscall = SCMP_SYS(lstat), .reason = FILES },
	{ .syscall = SCMP_SYS(access), .reason = FILES },
	{ .syscall = SCMP_SYS(faccessat), .reason = FILES },
	{ .syscall = SCMP_SYS(faccessat2), .reason = FILES },
	{ .syscall = SCMP_SYS(getcwd), .reason = FILES },
	{ .syscall = SCMP_SYS(readlink), .reason = "SQLite resolves links in the path" },
	{ .syscall = SCMP_SYS(geteuid), .reason = "SQLite" },
	{ .syscall = SCMP_SYS(fcntl),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = F_SETLK } },
		.reason = "locks of SQLite" },
	{ .syscall = SCMP_SYS(fcntl),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = F_GETLK } },
		.reason = "SQLite looks whether its index is in use" },
	{ .syscall = SCMP_SYS(lseek), .reason = "SQLite" },
	{ .syscall = SCMP_SYS(pread64), .reason = "pages" },
	{ .syscall = SCMP_SYS(statfs), .reason = "SQLite asks for the file system" },
	{ .syscall = SCMP_SYS(fstatfs), .reason = "SQLite asks for the file system" },
	{ .syscall = SCMP_SYS(nanosleep),
		.reason = "long walks pause, so that the log can be folded" },
	{ .syscall = SCMP_SYS(clock_nanosleep), .reason = "the same, as glibc calls it" },
	{ .syscall = SCMP_SYS(pwrite64), .reason = OBJECTS },
	{ .syscall = SCMP_SYS(sync_file_range),
		.reason = "large objects go to the disk as they come" },
	{ .syscall = SCMP_SYS(fdatasync), .reason = "an object that was acknowledged is on disk" },
	{ .syscall = SCMP_SYS(fsync), .reason = "and so is its name" },
	{ .syscall = SCMP_SYS(renameat), .reason = "no part of an object is ever seen" },
	{ .syscall = SCMP_SYS(renameat2), .reason = "the same, as newer systems call it" },
	{ .syscall = SCMP_SYS(unlinkat), .reason = "uploads that were given up" },
	{ .syscall = SCMP_SYS(getdents64), .reason = "objects are counted at a start" },
};

const struct sandbox_policy archive_sandbox = {
	.rules = rules,
	.rule_count = COUNT_OF(rules),
};
