/* libev first: <seccomp.h> brings elf.h, whose EV_NONE is a macro. */
#include "services/edge/edge.h"

#include <linux/futex.h>
#include <seccomp.h>
#include <sys/socket.h>

/* Over the base: clients. It opens, binds and connects nothing. */
static const struct sandbox_rule rules[] = {
	{ .syscall = SCMP_SYS(accept4), .reason = "clients come at any time" },
	{ .syscall = SCMP_SYS(getsockopt),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = SOL_SOCKET },
			{ SANDBOX_EQUALS, .argument = 2, .value = SO_PEERCRED } },
		.reason = "who connected to the local socket" },
	{ .syscall = SCMP_SYS(setsockopt),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = SOL_SOCKET },
			{ SANDBOX_EQUALS, .argument = 2, .value = SO_RCVTIMEO } },
		.reason = "how long a signature of kms is waited for, on a link that came anew" },
	{ .syscall = SCMP_SYS(futex),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = FUTEX_WAKE_PRIVATE } },
		.reason = "pthread_once() of GnuTLS, which is called late; nobody waits" },
	{ .syscall = SCMP_SYS(pread64), .reason = "the files of TLS that a reload brings" },
	{ .syscall = SCMP_SYS(shutdown),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = SHUT_WR } },
		.reason = "our last word; SHUT_RD would stop a listener that others share" },
};

const struct sandbox_policy edge_sandbox = { rules, COUNT_OF(rules) };
