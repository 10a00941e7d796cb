/* Enters the base filter, or that of a role (built with -DROLE_SANDBOX=<role>_sandbox and the
 * role's sandbox.c), does one syscall and says whether it lived:
 *
 *	try_syscall kill|report|twice NAME
 *	try_syscall list
 *
 * Exit 0: the syscall was let through (its own result does not matter); death by SIGSYS: it
 * was not; 2: usage; 3: the filter could not be entered. `list` prints every NAME with what
 * the base is meant to do: "allowed" or "forbidden". */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/check.h"
#include "common/sandbox.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

#ifdef ROLE_SANDBOX
extern const struct sandbox_policy ROLE_SANDBOX;
#define POLICY (&ROLE_SANDBOX)
#else
#define POLICY NULL
#endif

/* Raw syscalls with arguments that fail harmlessly where the filter lets them through. */
#define FORBIDDEN(F)                                                                              \
	F(socket, syscall(SYS_socket, AF_INET, SOCK_STREAM, 0))                                   \
	F(socketpair, syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, scratch))                  \
	F(connect, syscall(SYS_connect, -1, scratch, 16))                                         \
	F(bind, syscall(SYS_bind, -1, scratch, 16))                                               \
	F(listen, syscall(SYS_listen, -1, 1))                                                     \
	F(accept, syscall(SYS_accept, -1, NULL, NULL))                                            \
	F(accept4, syscall(SYS_accept4, -1, NULL, NULL, 0))                                       \
	F(setsockopt, syscall(SYS_setsockopt, -1, 0, 0, scratch, 4))                              \
	F(setsockopt_rcvtimeo, syscall(SYS_setsockopt, -1, SOL_SOCKET, SO_RCVTIMEO, scratch, 16)) \
	F(futex_wake, syscall(SYS_futex, scratch, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0))          \
	F(getsockopt, syscall(SYS_getsockopt, -1, 0, 0, scratch, scratch))                        \
	F(shutdown_wr, syscall(SYS_shutdown, -1, SHUT_WR))                                        \
	F(shutdown_rd, syscall(SYS_shutdown, -1, SHUT_RD))                                        \
	F(shutdown_rdwr, syscall(SYS_shutdown, -1, SHUT_RDWR))                                    \
	F(clone, syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0))                                \
	F(fork, syscall(SYS_fork))                                                                \
	F(vfork, syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, 0))       \
	F(execve, syscall(SYS_execve, "/bin/true", NULL, NULL))                                   \
	F(execveat, syscall(SYS_execveat, -1, "", NULL, NULL, AT_EMPTY_PATH))                     \
	F(kill_parent, syscall(SYS_kill, getppid_before, 0))                                      \
	F(kill_self, syscall(SYS_kill, pid_before, 0))                                            \
	F(tkill, syscall(SYS_tkill, pid_before, 0))                                               \
	F(tgkill_parent, syscall(SYS_tgkill, getppid_before, getppid_before, 0))                  \
	F(rt_sigqueueinfo, syscall(SYS_rt_sigqueueinfo, pid_before, 0, scratch))                  \
	F(ptrace, syscall(SYS_ptrace, 0, 0, 0, 0))                                                \
	F(process_vm_readv, syscall(SYS_process_vm_readv, pid_before, NULL, 0, NULL, 0, 0))       \
	F(process_vm_writev, syscall(SYS_process_vm_writev, pid_before, NULL, 0, NULL, 0, 0))     \
	F(process_madvise, syscall(SYS_process_madvise, -1, NULL, 0, 0, 0))                       \
	F(pidfd_open, syscall(SYS_pidfd_open, pid_before, 0))                                     \
	F(pidfd_getfd, syscall(SYS_pidfd_getfd, -1, 0, 0))                                        \
	F(pidfd_send_signal, syscall(SYS_pidfd_send_signal, -1, 0, NULL, 0))                      \
	F(kcmp, syscall(SYS_kcmp, pid_before, pid_before, 0, 0, 0))                               \
	F(open_by_handle_at, syscall(SYS_open_by_handle_at, -1, NULL, 0))                         \
	F(openat2, syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0))                                  \
	F(creat, syscall(SYS_creat, "", 0))                                                       \
	F(unlinkat, syscall(SYS_unlinkat, AT_FDCWD, "", 0))                                       \
	F(renameat2, syscall(SYS_renameat2, AT_FDCWD, "", AT_FDCWD, "", 0))                       \
	F(mkdirat, syscall(SYS_mkdirat, AT_FDCWD, "", 0))                                         \
	F(linkat, syscall(SYS_linkat, AT_FDCWD, "", AT_FDCWD, "", 0))                             \
	F(symlinkat, syscall(SYS_symlinkat, "", AT_FDCWD, ""))                                    \
	F(fchmodat, syscall(SYS_fchmodat, AT_FDCWD, "", 0))                                       \
	F(fchownat, syscall(SYS_fchownat, AT_FDCWD, "", 0, 0, 0))                                 \
	F(truncate, syscall(SYS_truncate, "", 0))                                                 \
	F(ftruncate, syscall(SYS_ftruncate, -1, 0))                                               \
	F(pread64, syscall(SYS_pread64, -1, scratch, 1, 0))                                       \
	F(pwrite64, syscall(SYS_pwrite64, -1, scratch, 1, 0))                                     \
	F(flock, syscall(SYS_flock, -1, 0))                                                       \
	F(fsync, syscall(SYS_fsync, -1))                                                          \
	F(mlock, syscall(SYS_mlock, NULL, 0))                                                     \
	F(fdatasync, syscall(SYS_fdatasync, -1))                                                  \
	F(getdents64, syscall(SYS_getdents64, -1, scratch, sizeof scratch))                       \
	F(mount, syscall(SYS_mount, "", "", "", 0, NULL))                                         \
	F(umount2, syscall(SYS_umount2, "", 0))                                                   \
	F(pivot_root, syscall(SYS_pivot_root, "", ""))                                            \
	F(chroot, syscall(SYS_chroot, "/"))                                                       \
	F(unshare, syscall(SYS_unshare, CLONE_NEWUSER))                                           \
	F(setns, syscall(SYS_setns, -1, 0))                                                       \
	F(setuid, syscall(SYS_setuid, 0))                                                         \
	F(setresuid, syscall(SYS_setresuid, -1, -1, -1))                                          \
	F(setgroups, syscall(SYS_setgroups, 0, NULL))                                             \
	F(capset, syscall(SYS_capset, NULL, NULL))                                                \
	F(seccomp, syscall(SYS_seccomp, 0, 0, NULL))                                              \
	F(bpf, syscall(SYS_bpf, 0, NULL, 0))                                                      \
	F(io_uring_setup, syscall(SYS_io_uring_setup, 1, NULL))                                   \
	F(io_uring_enter, syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0))                      \
	F(io_uring_register, syscall(SYS_io_uring_register, -1, 0, NULL, 0))                      \
	F(userfaultfd, syscall(SYS_userfaultfd, 0))                                               \
	F(perf_event_open, syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0))                      \
	F(keyctl, syscall(SYS_keyctl, 0, 0, 0, 0, 0))                                             \
	F(add_key, syscall(SYS_add_key, "", "", NULL, 0, 0))                                      \
	F(init_module, syscall(SYS_init_module, NULL, 0, ""))                                     \
	F(kexec_load, syscall(SYS_kexec_load, 0, 0, NULL, 0))                                     \
	F(reboot, syscall(SYS_reboot, 0, 0, 0, NULL))                                             \
	F(memfd_create, syscall(SYS_memfd_create, "", 0))                                         \
	F(personality, syscall(SYS_personality, 0xffffffff))                                      \
	F(mmap_exec, syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC,                         \
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))                                 \
	F(mprotect_exec, syscall(SYS_mprotect, NULL, 0, PROT_READ | PROT_EXEC))                   \
	F(pkey_mprotect, syscall(SYS_pkey_mprotect, NULL, 0, PROT_EXEC, -1))                      \
	F(shmat, syscall(SYS_shmat, -1, NULL, 0))                                                 \
	F(fcntl_dup, syscall(SYS_fcntl, 0, F_DUPFD, 0))                                           \
	F(fcntl_setown, syscall(SYS_fcntl, -1, F_SETOWN, 1))                                      \
	F(fcntl_setlease, syscall(SYS_fcntl, -1, F_SETLEASE, F_RDLCK))                            \
	F(sendto_fastopen, syscall(SYS_sendto, -1, scratch, 1, MSG_FASTOPEN, NULL, 0))            \
	F(sendmsg_fastopen, syscall(SYS_sendmsg, -1, NULL, MSG_FASTOPEN))                         \
	F(dup2, syscall(SYS_dup3, -1, -1, 0))                                                     \
	F(splice, syscall(SYS_splice, -1, NULL, -1, NULL, 0, 0))                                  \
	F(ptrace_x32, syscall(0x40000000 | 521, 0, 0, 0, 0))

/* A sanitizer's runtime needs these itself (common/sandbox_base.c). */
#ifdef MACRONODE_SANITIZED
#define FORBIDDEN_UNSANITIZED(F)
#else
#define FORBIDDEN_UNSANITIZED(F)                                        \
	F(open, syscall(SYS_open, "/dev/null", O_RDONLY))               \
	F(openat, syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY)) \
	F(stat, syscall(SYS_newfstatat, AT_FDCWD, "/", scratch, 0))     \
	F(readlink, syscall(SYS_readlinkat, AT_FDCWD, "/", scratch, 1)) \
	F(prctl, syscall(SYS_prctl, 3, 0, 0, 0, 0))                     \
	F(prlimit64, syscall(SYS_prlimit64, 0, 0, NULL, NULL))          \
	F(ioctl, syscall(SYS_ioctl, -1, 0x5412, scratch)) /* TIOCSTI */ \
	F(lseek, syscall(SYS_lseek, -1, 0, 0))                          \
	F(pipe2, syscall(SYS_pipe2, scratch, 0))                        \
	F(futex, syscall(SYS_futex, scratch, FUTEX_WAKE, 1, NULL, NULL, 0))
#endif

#define ALLOWED(A)                                                                                 \
	A(nothing, 0)                                                                              \
	A(read, syscall(SYS_read, -1, scratch, 1))                                                 \
	A(write, syscall(SYS_write, -1, scratch, 1))                                               \
	A(writev, syscall(SYS_writev, -1, NULL, 0))                                                \
	A(recvfrom, syscall(SYS_recvfrom, -1, scratch, 1, 0, NULL, NULL))                          \
	A(recvmsg, syscall(SYS_recvmsg, -1, NULL, 0))                                              \
	A(sendto, syscall(SYS_sendto, -1, scratch, 1, 0, NULL, 0))                                 \
	A(sendmsg, syscall(SYS_sendmsg, -1, NULL, 0))                                              \
	A(close, syscall(SYS_close, -1))                                                           \
	A(epoll_create1, epoll_create1(EPOLL_CLOEXEC))                                             \
	A(epoll_ctl, syscall(SYS_epoll_ctl, -1, EPOLL_CTL_DEL, -1, NULL))                          \
	A(epoll_wait, syscall(SYS_epoll_wait, -1, scratch, 1, 0))                                  \
	A(fcntl_getfl, fcntl(0, F_GETFL))                                                          \
	A(fcntl_setfl, fcntl(-1, F_SETFL, O_NONBLOCK))                                             \
	A(mmap, syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, \
			-1, 0))                                                                    \
	A(mprotect, syscall(SYS_mprotect, NULL, 0, PROT_READ))                                     \
	A(malloc_big, use_memory())                                                                \
	A(qsort_big, sort_much())                                                                  \
	A(clock_gettime, syscall(SYS_clock_gettime, 1, scratch))                                   \
	A(getrandom, syscall(SYS_getrandom, scratch, 1, 0))                                        \
	A(getpid, syscall(SYS_getpid))                                                             \
	A(tgkill_self, syscall(SYS_tgkill, pid_before, pid_before, 0))                             \
	A(clone3_enosys, clone3_is_enosys())

static long scratch[64];
static pid_t pid_before, getppid_before;

/* Grow, move and give back a block that malloc maps. */
static long use_memory(void)
{
	char *block = malloc(1 << 20);
	char *grown;

	if (block == NULL) {
		_exit(3);
	}
	memset(block, 1, 1 << 20);
	grown = realloc(block, 64 << 20);
	if (grown == NULL) {
		_exit(3);
	}
	free(grown);
	return 0;
}

static int compare_bytes(const void *a, const void *b)
{
	return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* From 1 KiB on glibc asks how much memory there is, once. */
static long sort_much(void)
{
	unsigned char bytes[4096];

	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (unsigned char)(i * 7);
	}
	qsort(bytes, sizeof bytes, 1, compare_bytes);
	return bytes[0] == 0 ? 0 : 1;
}

static long clone3_is_enosys(void)
{
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS) {
		_exit(4);
	}
	return 0;
}

#define AS_FUNCTION(name, call)      \
	static void try_##name(void) \
	{                            \
		(void)(call);        \
	}
FORBIDDEN(AS_FUNCTION)
FORBIDDEN_UNSANITIZED(AS_FUNCTION)
ALLOWED(AS_FUNCTION)
#undef AS_FUNCTION

static const struct attempt {
	const char *name;
	void (*run)(void);
	bool allowed;
} attempts[] = {
#define AS_FORBIDDEN(name, call) { #name, try_##name, false },
#define AS_ALLOWED(name, call)   { #name, try_##name, true },
	FORBIDDEN(AS_FORBIDDEN) FORBIDDEN_UNSANITIZED(AS_FORBIDDEN) ALLOWED(AS_ALLOWED)
#undef AS_ALLOWED
#undef AS_FORBIDDEN
};

static int list(void)
{
	for (size_t i = 0; i < COUNT_OF(attempts); i++) {
		(void)printf(
			"%s %s\n", attempts[i].name, attempts[i].allowed ? "allowed" : "forbidden");
	}
	return 0;
}

static const struct attempt *find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(attempts); i++) {
		if (strcmp(attempts[i].name, name) == 0) {
			return &attempts[i];
		}
	}
	return NULL;
}

/* A second entry must say so, not die of the first filter. */
static int enter_twice(void)
{
	const char *failed = NULL;

	return sandbox_enter(NULL, SANDBOX_KILL, "try", &failed) == ERR_CONFLICT ? 0 : 4;
}

static int attempt(const char *mode, const struct attempt *attempt)
{
	bool report = strcmp(mode, "report") == 0;
	const char *failed = NULL;

	pid_before = getpid();
	getppid_before = getppid();
	if (sandbox_enter(POLICY, report ? SANDBOX_REPORT : SANDBOX_KILL, "try", &failed) !=
		ERR_OK) {
		(void)fprintf(stderr, "cannot enter: %s: %s\n", failed, strerror(errno));
		return 3;
	}
	if (strcmp(mode, "twice") == 0) {
		return enter_twice();
	}
	attempt->run();
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		return list();
	}
	if (argc != 3 || find(argv[2]) == NULL) {
		(void)fprintf(stderr, "usage: try_syscall list | kill|report|twice NAME\n");
		return 2;
	}
	_exit(attempt(argv[1], find(argv[2])));
}
