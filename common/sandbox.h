#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"

/* What a worker may ask of the kernel: an allow-list of syscalls, each with its reason.
 * Everything else kills the process; clone3 alone answers ENOSYS. Every worker may do
 * what common/sandbox_base.c lists; a role's sandbox.c lists what it needs beyond that:
 *
 *	#include <seccomp.h>
 *	static const struct sandbox_rule rules[] = {
 *		{ .syscall = SCMP_SYS(pread64), .reason = "SQLite reads pages" },
 *		{ .syscall = SCMP_SYS(shutdown),
 *			.when = { { SANDBOX_EQUALS, .argument = 1, .value = SHUT_WR } },
 *			.reason = "SHUT_RD would stop a listener that others share" },
 *	};
 *	const struct sandbox_policy committer_sandbox = { rules, COUNT_OF(rules) };
 *
 * Rules of one syscall are alternatives; the conditions of one rule hold together. */
enum sandbox_condition_kind {
	SANDBOX_ANY,      /* no condition: the zero value */
	SANDBOX_EQUALS,   /* argument == value */
	SANDBOX_MASKED,   /* (argument & mask) == value */
	SANDBOX_SELF_PID, /* argument == getpid() */
};

struct sandbox_condition {
	enum sandbox_condition_kind kind;
	unsigned argument; /* 0..5 */
	uint64_t mask;
	uint64_t value;
};

#define SANDBOX_CONDITIONS_MAX 2u

struct sandbox_rule {
	int syscall; /* SCMP_SYS(name) of <seccomp.h> */
	struct sandbox_condition when[SANDBOX_CONDITIONS_MAX];
	const char *reason; /* why it cannot happen before the filter */
};

struct sandbox_policy {
	const struct sandbox_rule *rules;
	size_t rule_count;
};

/* SANDBOX_REPORT names the syscall on stderr, then exits with SANDBOX_REPORT_STATUS. It
 * exists only in a build with -Dsandbox_report=true: a production binary cannot be told. */
enum sandbox_mode { SANDBOX_KILL, SANDBOX_REPORT };

#define SANDBOX_REPORT_STATUS 159

/* From here on only the base and `policy` are allowed (NULL: the base alone). Sets
 * NO_NEW_PRIVS. process_name must live as long as the process.
 *
 * ERR_CONFLICT: already inside. ERR_DENIED: this build has no report mode. ERR_MALFORMED:
 * a rule makes no sense. ERR_IO: the kernel refused (errno). On failure *failed names the
 * step, and nothing is filtered. */
MUST_CHECK enum err sandbox_enter(const struct sandbox_policy *policy, enum sandbox_mode mode,
	const char *process_name, const char **failed);

#endif
