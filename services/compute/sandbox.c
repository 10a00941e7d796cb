#include "services/compute/compute.h"

#include <seccomp.h>

static const struct sandbox_rule rules[] = {
	{ .syscall = SCMP_SYS(setitimer), .reason = "a run has a budget of CPU time" },
	{ .syscall = SCMP_SYS(clock_gettime), .reason = "its own CPU clock, which the vDSO lacks" },
};

const struct sandbox_policy compute_sandbox = { rules, COUNT_OF(rules) };
