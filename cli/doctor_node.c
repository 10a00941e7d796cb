/* The node: whether there is one, who holds its data directory, and what it says of itself. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/node.h"
#include "common/clock.h"
#include "common/version.h"

/* A death before that says little about now. */
#define DEATHS_LATELY_MS (60 * 60 * 1000)

/* Of those, as many are named; `macronode status` has the others. */
#define DEATHS_NAMED_MAX 3u

/* The supervisor answers from its loop, at once. */
#define ASK_TIMEOUT_MS 10000

/* ---- is there one? ---- */

/* Who listens there, with his rights: root then sees what that user would. */
static void see_supervisor(struct doctor *doctor, int fd)
{
	struct ucred peer = { 0 };
	socklen_t bytes = sizeof peer;

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0) {
		doctor->supervisor_pid = peer.pid;
		doctor->owner = peer.uid;
	}
}

static enum doctor_presence ask(struct doctor *doctor)
{
	char path[DOCTOR_PATH_BYTES];
	struct control_answer answer;
	struct control control;
	enum mn_result result = MN_NO_NODE;

	if (control_init(&control, doctor->config->node_run_dir, ASK_TIMEOUT_MS)) {
		result = control_status(&control, &answer);
	}
	if (result == MN_OK) {
		see_supervisor(doctor, control.stream.fd);
		doctor->status = json_in_parse(answer.text);
	}
	control_finish(&control);
	if (result == MN_NO_NODE) {
		(void)snprintf(path, sizeof path, "%s/control", doctor->config->node_run_dir);
		return access(path, W_OK) == -1 && errno == EACCES ? DOCTOR_NODE_HIDDEN
								   : DOCTOR_NODE_NONE;
	}
	return result == MN_OK        ? DOCTOR_NODE_ANSWERS
	       : result == MN_TIMEOUT ? DOCTOR_NODE_SILENT
				      : DOCTOR_NODE_HIDDEN;
}

/* The pid that /proc/locks has for this file; 0: none, or one of another namespace. */
static long holder_of(int fd)
{
	char line[256];
	struct stat seen;
	FILE *locks = fopen("/proc/locks", "re");
	long found = 0;

	while (locks != NULL && found == 0 && fgets(line, sizeof line, locks) != NULL) {
		unsigned major = 0, minor = 0;
		uint64_t inode = 0;
		long pid = 0;

		if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%" SCNu64, &pid, &major, &minor,
			    &inode) == 4 &&
			fstat(fd, &seen) == 0 && inode == seen.st_ino &&
			makedev(major, minor) == seen.st_dev) {
			found = pid;
		}
	}
	if (locks != NULL) {
		(void)fclose(locks);
	}
	return found;
}

static void tell_holder(struct doctor *doctor, const char *path, int fd)
{
	long pid = holder_of(fd);

	if (doctor->node != DOCTOR_NODE_NONE) {
		findings_add(doctor->findings, FINDING_LOCK, FINDING_IS_OK, "%s is held by a node",
			path);
	} else if (pid > 0) {
		findings_add(doctor->findings, FINDING_LOCK, FINDING_IS_BAD,
			"%s is held by process %ld, and no node answers in %s", path, pid,
			doctor->config->node_run_dir);
	} else {
		findings_add(doctor->findings, FINDING_LOCK, FINDING_IS_BAD,
			"%s is held by a process that cannot be seen from here, and no node "
			"answers in %s",
			path, doctor->config->node_run_dir);
	}
}

static void look_at_lock(struct doctor *doctor)
{
	char path[DOCTOR_PATH_BYTES];
	int fd;

	(void)snprintf(path, sizeof path, "%s/lock", doctor->config->node_data_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (doctor->node == DOCTOR_NODE_ANSWERS) {
		findings_add(doctor->findings, FINDING_LOCK, FINDING_IS_OK,
			"a node runs on this data directory now; its ports are not looked at");
	} else if (fd < 0 && errno != ENOENT && errno != ENOTDIR) {
		doctor_add_denied(doctor, FINDING_LOCK, "%s: %s", path, strerror(errno));
	} else if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == -1) {
		tell_holder(doctor, path, fd);
	} else {
		findings_add(
			doctor->findings, FINDING_LOCK, FINDING_IS_OK, "nobody holds %s", path);
	}
	if (fd >= 0) {
		(void)close(fd); /* and lets go, if we had it for a moment */
	}
}

void doctor_node_find(struct doctor *doctor)
{
	doctor->node = ask(doctor);
	if (!doctor->config->amnesia_enabled) {
		look_at_lock(doctor);
	} else if (doctor->node != DOCTOR_NODE_NONE) { /* its lock is in its memory */
		findings_add(doctor->findings, FINDING_LOCK, FINDING_IS_OK,
			"a node runs with this run directory now; its ports are not looked at");
	}
}

/* ---- what it says ---- */

static void look_at_version(struct doctor *doctor)
{
	const char *theirs = json_in_text_of(doctor->status, "version");
	bool same = strcmp(theirs, version_semver) == 0;

	findings_add(doctor->findings, FINDING_VERSION, same ? FINDING_IS_OK : FINDING_IS_WEAKER,
		"the node is %s, this program %s", theirs, version_semver);
}

static void look_at_readiness(struct doctor *doctor)
{
	const struct json_in *advice = json_in_member(doctor->status, "advice");
	const char *reason = json_in_text_of(doctor->status, "reason");
	bool ready = json_in_true_of(doctor->status, "ready");

	if (ready && !json_in_true_of(doctor->status, "degraded")) {
		findings_add(doctor->findings, FINDING_READINESS, FINDING_IS_OK, "ready");
		return;
	}
	for (size_t i = 0; i < json_in_count(advice); i++) {
		const struct json_in *one = json_in_item(advice, i);

		findings_add_mend(doctor->findings, FINDING_READINESS,
			ready ? FINDING_IS_WEAKER : FINDING_IS_BAD, json_in_text_of(one, "next"),
			"%s: %s", ready ? "ready, but" : "not ready",
			json_in_text_of(one, "reason"));
	}
	if (json_in_count(advice) == 0) {
		findings_add(doctor->findings, FINDING_READINESS,
			ready ? FINDING_IS_WEAKER : FINDING_IS_BAD, "%s: %s",
			ready ? "ready, but" : "not ready", reason);
	}
}

static void look_at_deaths(struct doctor *doctor)
{
	const struct json_in *deaths = json_in_member(doctor->status, "deaths");
	uint64_t since_ms = (uint64_t)(clock_unix_ms() - DEATHS_LATELY_MS);
	size_t lately = 0;
	char when[64];

	while (lately < json_in_count(deaths) &&
		json_in_u64_of(json_in_item(deaths, lately), "ts_ms") >= since_ms) {
		lately++;
	}
	if (lately == 0) {
		findings_add(doctor->findings, FINDING_DEATHS, FINDING_IS_OK, "none in an hour");
	}
	for (size_t i = 0; i < lately && i < DEATHS_NAMED_MAX; i++) {
		const struct json_in *one = json_in_item(deaths, i);

		node_format_time(json_in_u64_of(one, "ts_ms"), when, sizeof when);
		findings_add(doctor->findings, FINDING_DEATHS, FINDING_IS_WEAKER,
			"%s %" PRIu64 " died at %s: %s", node_title(one),
			json_in_u64_of(one, "instance"), when, json_in_text_of(one, "cause"));
	}
	if (lately > DEATHS_NAMED_MAX) {
		findings_add(doctor->findings, FINDING_DEATHS, FINDING_IS_WEAKER,
			"and %zu more in an hour", lately - DEATHS_NAMED_MAX);
	}
}

static void look_at_log(struct doctor *doctor)
{
	const struct json_in *log = json_in_member(doctor->status, "log");
	uint64_t dropped = json_in_u64_of(log, "dropped");
	uint64_t suppressed = json_in_u64_of(log, "suppressed");

	findings_add(doctor->findings, FINDING_LOG,
		dropped + suppressed == 0 ? FINDING_IS_OK : FINDING_IS_WEAKER,
		"%" PRIu64 " records dropped, %" PRIu64 " suppressed since the node started",
		dropped, suppressed);
}

static void look_at_status(struct doctor *doctor)
{
	const struct json_in *ledger = json_in_member(doctor->status, "ledger");
	char age[32];

	node_format_age(json_in_u64_of(doctor->status, "uptime_s"), age, sizeof age);
	findings_add(doctor->findings, FINDING_NODE, FINDING_IS_OK,
		"runs as uid %u, up %s, seq %" PRIu64, (unsigned)doctor->owner, age,
		json_in_u64_of(ledger, "seq"));
	look_at_version(doctor);
	look_at_readiness(doctor);
	look_at_deaths(doctor);
	look_at_log(doctor);
}

void doctor_node(struct doctor *doctor)
{
	const char *run_dir = doctor->config->node_run_dir;

	switch (doctor->node) {
	case DOCTOR_NODE_NONE:
		findings_add(doctor->findings, FINDING_NODE, FINDING_IS_OK, "does not run");
		break;
	case DOCTOR_NODE_ANSWERS:
		look_at_status(doctor);
		break;
	case DOCTOR_NODE_SILENT:
		findings_add(doctor->findings, FINDING_NODE, FINDING_IS_BAD,
			"one listens on %s/control, and says nothing for %d s", run_dir,
			ASK_TIMEOUT_MS / 1000);
		break;
	case DOCTOR_NODE_HIDDEN:
		findings_add(doctor->findings, FINDING_NODE, FINDING_IS_UNKNOWN,
			"whether one runs, and how it is, is not for this user to know "
			"(%s/control)",
			run_dir);
		break;
	}
}
