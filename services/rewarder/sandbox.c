#include "services/rewarder/rewarder.h"

#include <seccomp.h>

/* Within the one directory that Landlock lets it write. */
#define ARTEFACTS "artefacts and policies come at any time"

static const struct sandbox_rule rules[] = {
	{ .syscall = SCMP_SYS(openat), .reason = ARTEFACTS },
	{ .syscall = SCMP_SYS(mkdirat), .reason = ARTEFACTS },
	{ .syscall = SCMP_SYS(pwrite64), .reason = ARTEFACTS },
	{ .syscall = SCMP_SYS(pread64), .reason = "they are sent on, and shown" },
	{ .syscall = SCMP_SYS(fstat), .reason = "how long they are, how old" },
	{ .syscall = SCMP_SYS(newfstatat), .reason = "the same" },
	{ .syscall = SCMP_SYS(fstatfs), .reason = "free space before each artefact" },
	{ .syscall = SCMP_SYS(fsync), .reason = "what was told is on disk" },
	{ .syscall = SCMP_SYS(fdatasync), .reason = "each step of a run, before what follows" },
	{ .syscall = SCMP_SYS(ftruncate), .reason = "half a record is taken back: disk full" },
	{ .syscall = SCMP_SYS(renameat), .reason = "no part of an artefact is ever seen" },
	{ .syscall = SCMP_SYS(renameat2), .reason = "the same, as newer systems call it" },
	{ .syscall = SCMP_SYS(unlinkat), .reason = "what is too old goes" },
	{ .syscall = SCMP_SYS(getdents64), .reason = "dry runs are looked for" },
};

const struct sandbox_policy rewarder_sandbox = { rules, COUNT_OF(rules) };
