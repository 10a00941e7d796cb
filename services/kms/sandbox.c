#include "services/kms/kms.h"

#include <seccomp.h>

/* The keyring and what was signed are the only files, open before the filter: nothing can be
 * opened behind it. */
static const struct sandbox_rule rules[] = {
	{ .syscall = SCMP_SYS(pwrite64),
		.reason = "a record is added to the keyring; a mark of what is signed" },
	{ .syscall = SCMP_SYS(fdatasync), .reason = "it is on disk before it is answered" },
	{ .syscall = SCMP_SYS(ftruncate), .reason = "half a record is taken back: disk full" },
	{ .syscall = SCMP_SYS(pread64), .reason = "caveats are read again to be listed" },
};

const struct sandbox_policy kms_sandbox = { rules, COUNT_OF(rules) };
