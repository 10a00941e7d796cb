/* The workers: as whom they run, from which executables, and behind which walls. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "common/landlock.h"
#include "supervisor/processes.h"

/* Whether another user runs it makes no difference to how many users there are. */
static void look_at_users(struct doctor *doctor)
{
	char missing[1024] = "";
	size_t used = 0;

	if (doctor->owner != 0) {
		findings_add(doctor->findings, FINDING_USERS, FINDING_IS_WEAKER,
			"not started as root: all workers share this user, and only the system "
			"call filters and Landlock stand between them");
		return;
	}
	if (doctor->config->node_uid_base != 0) {
		findings_add(doctor->findings, FINDING_USERS, FINDING_IS_OK,
			"numbers from node.uid_base");
		return;
	}
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		const struct process_plan *plan = process_plan(process);

		if (plan != NULL && getpwnam(plan->user) == NULL &&
			strstr(missing, plan->user) == NULL && used < sizeof missing) {
			used += (size_t)snprintf(
				missing + used, sizeof missing - used, " %s", plan->user);
		}
	}
	if (missing[0] != '\0') {
		findings_add(doctor->findings, FINDING_USERS, FINDING_IS_BAD,
			"there are no such users:%s", missing);
	}
	if (getgrnam("mn-store") == NULL) {
		findings_add(doctor->findings, FINDING_USERS, FINDING_IS_BAD,
			"there is no group mn-store");
	} else if (missing[0] == '\0') {
		findings_add(doctor->findings, FINDING_USERS, FINDING_IS_OK, "one a role");
	}
}

static void look_at_executables(struct doctor *doctor)
{
	const char *libexec = cli_option(doctor->cli, "--libexec");
	char path[DOCTOR_PATH_BYTES];
	unsigned missing = 0;

	libexec = libexec != NULL ? libexec : MACRONODE_LIBEXEC;
	if (access(libexec, X_OK) == -1) {
		findings_add(doctor->findings, FINDING_WORKERS, FINDING_IS_BAD, "%s: %s", libexec,
			strerror(errno));
		return;
	}
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		if (process_plan(process) == NULL) {
			continue;
		}
		(void)snprintf(path, sizeof path, "%s/mn-%s", libexec, process_name(process));
		if (access(path, X_OK) == -1) {
			findings_add(doctor->findings, FINDING_WORKERS, FINDING_IS_BAD, "%s: %s",
				path, strerror(errno));
			missing++;
		}
	}
	if (missing == 0) {
		findings_add(doctor->findings, FINDING_WORKERS, FINDING_IS_OK, "%s", libexec);
	}
}

/* ---- walls ---- */

static bool network_of(uint64_t pid, char ret_name[64])
{
	char path[64];
	ssize_t bytes;

	(void)snprintf(path, sizeof path, "/proc/%" PRIu64 "/ns/net", pid);
	bytes = pid == 0 ? -1 : readlink(path, ret_name, 63);
	ret_name[bytes < 0 ? 0 : bytes] = '\0';
	return bytes > 0;
}

/* Of a node that runs: its manager may have forbidden what we may. */
static bool shares_network(const struct doctor *doctor)
{
	const struct json_in *processes = json_in_member(doctor->status, "processes");
	char ours[64], theirs[64];

	if (!network_of((uint64_t)doctor->supervisor_pid, ours)) {
		return false;
	}
	for (size_t i = 0; i < json_in_count(processes); i++) {
		if (network_of(json_in_u64_of(json_in_item(processes, i), "pid"), theirs) &&
			strcmp(ours, theirs) == 0) {
			return true;
		}
	}
	return false;
}

/* Not guessed: a process of its own leaves ours, as a worker of root does. */
static void look_at_namespaces(struct doctor *doctor)
{
	int status = 1;
	pid_t pid;

	if (geteuid() != 0 || doctor->owner != 0) {
		return; /* an ordinary user has none of them: that is what "users" says */
	}
	if (shares_network(doctor)) {
		findings_add(doctor->findings, FINDING_NAMESPACES, FINDING_IS_WEAKER,
			"the node that runs may make none (under macronode.service it may not): "
			"workers see its network and mounts, though their filters let them use "
			"neither");
		return;
	}
	pid = fork();
	if (pid == 0) {
		_exit(unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS) == 0 ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		findings_add(doctor->findings, FINDING_NAMESPACES, FINDING_IS_UNKNOWN,
			"it cannot be tried: %s", strerror(errno));
	} else if (status != 0) {
		findings_add(doctor->findings, FINDING_NAMESPACES, FINDING_IS_WEAKER,
			"this root may make none: workers see the network and mounts of the "
			"machine, though their filters let them use neither");
	} else {
		findings_add(doctor->findings, FINDING_NAMESPACES, FINDING_IS_OK,
			"network, IPC and mounts of its own for each worker");
	}
}

static bool seccomp_can_kill(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void look_at_kernel(struct doctor *doctor)
{
	int abi = landlock_abi();

	if (!seccomp_can_kill()) {
		findings_add(doctor->findings, FINDING_SECCOMP, FINDING_IS_BAD,
			"the kernel has no seccomp filters");
	} else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == -1) {
		findings_add(doctor->findings, FINDING_SECCOMP, FINDING_IS_BAD,
			"the kernel has no NO_NEW_PRIVS");
	} else {
		findings_add(doctor->findings, FINDING_SECCOMP, FINDING_IS_OK, "is there");
	}
	if (abi == 0) {
		findings_add(doctor->findings, FINDING_LANDLOCK,
			doctor->config->sandbox_require ? FINDING_IS_BAD : FINDING_IS_WEAKER,
			"the kernel has no Landlock: a captured worker could open files of its "
			"user%s",
			doctor->config->sandbox_require ? ", and sandbox.require forbids that"
							: "");
	} else {
		findings_add(doctor->findings, FINDING_LANDLOCK, FINDING_IS_OK, "ABI %d", abi);
	}
}

void doctor_roles(struct doctor *doctor)
{
	look_at_users(doctor);
	look_at_executables(doctor);
	look_at_namespaces(doctor);
	look_at_kernel(doctor);
}
