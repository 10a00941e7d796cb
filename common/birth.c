#include "common/birth.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* comm of a process is 15 characters. */
#define COMM_BYTES 16u

static bool parse_pid(const char *text, pid_t *ret_pid)
{
	int64_t pid = 0;
	size_t digit_count = 0;

	for (; text[digit_count] != '\0'; digit_count++) {
		char digit = text[digit_count];

		if (digit < '0' || digit > '9' || digit_count == 9) {
			return false;
		}
		pid = pid * 10 + (digit - '0');
	}
	if (pid < 1) {
		return false;
	}
	*ret_pid = (pid_t)pid;
	return true;
}

bool birth_name(const char *title)
{
	char comm[COMM_BYTES];

	(void)snprintf(comm, sizeof comm, "mn-%s", title); /* cut: "mn-prevalidator" fits whole */
	return prctl(PR_SET_NAME, comm) == 0;
}

enum err birth_begin(const char *role, const char *supervisor_pid, const char **failed)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t supervisor = 0;

	*failed = "supervisor pid";
	if (supervisor_pid == NULL || !parse_pid(supervisor_pid, &supervisor)) {
		return ERR_MALFORMED;
	}
	*failed = "process name";
	if (!birth_name(role)) {
		return ERR_IO;
	}
	*failed = "still root";
	if (geteuid() == 0 || getuid() == 0) {
		return ERR_DENIED;
	}
	*failed = "not dumpable"; /* execve made us dumpable again */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		return ERR_IO;
	}
	*failed = "no core dumps";
	if (setrlimit(RLIMIT_CORE, &no_core) != 0) {
		return ERR_IO;
	}
	*failed = "death with the supervisor"; /* setuid cleared what the supervisor had set */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
		return ERR_IO;
	}
	*failed = "the supervisor is gone"; /* it may have died before the prctl */
	if (getppid() != supervisor) {
		return ERR_STALE;
	}
	return ERR_OK;
}

enum err birth_lock_memory(void)
{
	struct rlimit locked;

	if (getrlimit(RLIMIT_MEMLOCK, &locked) != 0 || locked.rlim_cur != RLIM_INFINITY) {
		return ERR_OK;
	}
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? ERR_OK : ERR_IO;
}
