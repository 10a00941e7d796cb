#include "services/committer/committer.h"

#include <fcntl.h>
#include <seccomp.h>

#define FILES "the store's files are opened behind the filter, once kms has named the ledger"

/* What SQLite does to a database and its log, within the one directory that Landlock leaves. */
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
	{ .syscall = SCMP_SYS(unlink), .reason = "SQLite removes a journal of its own" },
	{ .syscall = SCMP_SYS(unlinkat), .reason = "SQLite removes a journal of its own" },
	{ .syscall = SCMP_SYS(fchmod), .reason = "the log gets the mode of the database" },
	{ .syscall = SCMP_SYS(fchown), .reason = "the log gets the owner of the database" },
	{ .syscall = SCMP_SYS(geteuid), .reason = "SQLite asks before it calls fchown" },
	{ .syscall = SCMP_SYS(getuid), .reason = "the store must be ours" },
	{ .syscall = SCMP_SYS(fcntl),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = F_SETLK } },
		.reason = "locks of SQLite" },
	{ .syscall = SCMP_SYS(fcntl),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = F_GETLK } },
		.reason = "SQLite looks whether its index is in use" },
	{ .syscall = SCMP_SYS(flock), .reason = "the lock of the data directory is ours, too" },
	{ .syscall = SCMP_SYS(lseek), .reason = "SQLite" },
	{ .syscall = SCMP_SYS(pread64), .reason = "pages" },
	{ .syscall = SCMP_SYS(pwrite64), .reason = "pages, and the tail file" },
	{ .syscall = SCMP_SYS(ftruncate), .reason = "the log is preallocated and emptied" },
	{ .syscall = SCMP_SYS(fallocate), .reason = "the log is preallocated" },
	{ .syscall = SCMP_SYS(fdatasync), .reason = "acknowledged means on disk" },
	{ .syscall = SCMP_SYS(fsync), .reason = "acknowledged means on disk" },
	{ .syscall = SCMP_SYS(statfs), .reason = "SQLite asks for the file system" },
	{ .syscall = SCMP_SYS(fstatfs), .reason = "free space before each batch" },
};

const struct sandbox_policy committer_sandbox = {
	.rules = rules,
	.rule_count = COUNT_OF(rules),
};
