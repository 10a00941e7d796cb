#include "common/sandbox_base.h"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* What every worker may do: talk on fds that it holds, wait, take memory, know the time,
 * and die. None of it opens, makes or reaches anything new. What a role needs beyond it
 * stands in that role's sandbox.c.
 *
 * Not here, on purpose: socket, connect, bind, listen, accept (ingress and admin have
 * accept4), open*, clone, fork, execve, kill, ptrace, process_vm_*, pidfd_*, io_uring_*,
 * bpf, userfaultfd, keyctl, prctl, memfd_create, ioctl, setsockopt. */
static const struct sandbox_rule base[] = {
	/* Links, the log pipe, libev's wake-up eventfd. */
	{ .syscall = SCMP_SYS(read), .reason = "eventfd, pipes" },
	{ .syscall = SCMP_SYS(write), .reason = "log records, eventfd" },
	{ .syscall = SCMP_SYS(writev), .reason = "many frames in one call; assert's last words" },
	{ .syscall = SCMP_SYS(recvfrom), .reason = "links are read with recv()" },
	/* With MSG_FASTOPEN a TCP socket that is closed would connect, to wherever. */
	{ .syscall = SCMP_SYS(sendto),
		.when = { { SANDBOX_MASKED, .argument = 3, .mask = MSG_FASTOPEN, .value = 0 } },
		.reason = "send() with MSG_NOSIGNAL" },
	{ .syscall = SCMP_SYS(sendmsg),
		.when = { { SANDBOX_MASKED, .argument = 2, .mask = MSG_FASTOPEN, .value = 0 } },
		.reason = "many frames in one call with MSG_NOSIGNAL" },
	{ .syscall = SCMP_SYS(recvmsg), .reason = "LINK brings fds on fd 3, at any time" },
	{ .syscall = SCMP_SYS(close), .reason = "a link was replaced; libev's old epoll fd" },

	/* Waiting. libev makes its epoll fd anew when a closed fd lives on as a dup elsewhere. */
	{ .syscall = SCMP_SYS(epoll_create1), .reason = "libev, see above" },
	{ .syscall = SCMP_SYS(epoll_ctl), .reason = "watchers come and go" },
	{ .syscall = SCMP_SYS(epoll_wait), .reason = "the loop" },
	{ .syscall = SCMP_SYS(epoll_pwait), .reason = "the loop, where epoll_wait is no syscall" },
	{ .syscall = SCMP_SYS(restart_syscall), .reason = "after SIGSTOP and SIGCONT" },

	/* An fd that arrives in a LINK is made non-blocking; nothing else of fcntl. */
	{ .syscall = SCMP_SYS(fcntl),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = F_GETFL } },
		.reason = "read flags before F_SETFL" },
	{ .syscall = SCMP_SYS(fcntl),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = F_SETFL } },
		.reason = "O_NONBLOCK on a link" },
	{ .syscall = SCMP_SYS(fcntl),
		.when = { { SANDBOX_EQUALS, .argument = 1, .value = F_SETFD } },
		.reason = "libev marks its epoll fd close-on-exec" },

	/* Memory, never executable: injected bytes stay bytes. */
	{ .syscall = SCMP_SYS(brk), .reason = "malloc" },
	{ .syscall = SCMP_SYS(mmap),
		.when = { { SANDBOX_MASKED, .argument = 2, .mask = PROT_EXEC, .value = 0 } },
		.reason = "malloc; stdio's and assert's buffers" },
	{ .syscall = SCMP_SYS(mprotect),
		.when = { { SANDBOX_MASKED, .argument = 2, .mask = PROT_EXEC, .value = 0 } },
		.reason = "malloc's arenas; guard pages of secrets" },
	{ .syscall = SCMP_SYS(mremap), .reason = "realloc of a large block" },
	{ .syscall = SCMP_SYS(munmap), .reason = "free" },
	{ .syscall = SCMP_SYS(madvise), .reason = "free gives pages back" },

	{ .syscall = SCMP_SYS(sysinfo), .reason = "qsort of over 1 KiB asks how much there is" },

	/* Time and chance. */
	{ .syscall = SCMP_SYS(clock_gettime), .reason = "where the vDSO has no clock" },
	{ .syscall = SCMP_SYS(gettimeofday), .reason = "the same, for ev_time and libraries" },
	{ .syscall = SCMP_SYS(getrandom), .reason = "tickets; gnutls and libsodium reseed late" },

	/* Dying in order: abort() raises in its own thread only, so no sibling can be hit. */
	{ .syscall = SCMP_SYS(getpid), .reason = "abort" },
	{ .syscall = SCMP_SYS(gettid), .reason = "abort" },
	{ .syscall = SCMP_SYS(tgkill),
		.when = { { SANDBOX_SELF_PID, .argument = 0 } },
		.reason = "abort" },
	{ .syscall = SCMP_SYS(rt_sigprocmask), .reason = "abort; libev's signal watchers" },
	{ .syscall = SCMP_SYS(rt_sigaction), .reason = "abort puts SIGABRT back to default" },
	{ .syscall = SCMP_SYS(rt_sigreturn), .reason = "back from a handler" },
	{ .syscall = SCMP_SYS(exit), .reason = "a thread ends" },
	{ .syscall = SCMP_SYS(exit_group), .reason = "the process ends" },
};

const struct sandbox_policy sandbox_base = { base, COUNT_OF(base) };

#ifdef MACRONODE_SANITIZED

/* The sanitizers read /proc/self/maps, map shadow memory and symbolize what they found. Such
 * a build is for tests: it shows that the code is right, not that the wall is high. */
static const struct sandbox_rule sanitized[] = {
	{ .syscall = SCMP_SYS(sigaltstack), .reason = "sanitizer: report on its own stack" },
	{ .syscall = SCMP_SYS(sched_yield), .reason = "sanitizer: spin locks" },
	{ .syscall = SCMP_SYS(sched_getaffinity), .reason = "sanitizer: allocator caches" },
	{ .syscall = SCMP_SYS(futex), .reason = "sanitizer: locks" },
	{ .syscall = SCMP_SYS(openat), .reason = "sanitizer: /proc/self/maps, symbols" },
	{ .syscall = SCMP_SYS(open), .reason = "sanitizer: the same" },
	{ .syscall = SCMP_SYS(newfstatat), .reason = "sanitizer: the same" },
	{ .syscall = SCMP_SYS(fstat), .reason = "sanitizer: the same" },
	{ .syscall = SCMP_SYS(stat), .reason = "sanitizer: the same" },
	{ .syscall = SCMP_SYS(lseek), .reason = "sanitizer: the same" },
	{ .syscall = SCMP_SYS(readlink), .reason = "sanitizer: its own path" },
	{ .syscall = SCMP_SYS(readlinkat), .reason = "sanitizer: its own path" },
	{ .syscall = SCMP_SYS(prctl), .reason = "sanitizer: names its mappings" },
	{ .syscall = SCMP_SYS(prlimit64), .reason = "sanitizer: size of the stack" },
	{ .syscall = SCMP_SYS(ioctl), .reason = "sanitizer: colour on a terminal" },
	{ .syscall = SCMP_SYS(pipe2), .reason = "sanitizer: probes whether memory is readable" },
	{ .syscall = SCMP_SYS(pipe), .reason = "sanitizer: the same" },
	{ .syscall = SCMP_SYS(getppid), .reason = "sanitizer: symbolizer" },
};

const struct sandbox_policy sandbox_base_sanitized = { sanitized, COUNT_OF(sanitized) };

#else

const struct sandbox_policy sandbox_base_sanitized = { NULL, 0 };

#endif
