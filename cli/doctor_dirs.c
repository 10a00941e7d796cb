/* Can a start reach, make and write its directories? */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"

/* Worker users must pass through every parent: SQLite opens by path. The first that they cannot
 * pass is written to `ret_path`; so is the first that is not there, and *ret_missing set. */
static bool walk_parents(const char *path, bool by_workers, char *ret_path, bool *ret_missing)
{
	struct stat seen;
	size_t bytes = 0;

	*ret_missing = false;
	do {
		bytes += strcspn(path + bytes + 1, "/") + 1;
		(void)snprintf(ret_path, CONFIG_TEXT_BYTES_MAX + 1, "%.*s", (int)bytes, path);
		if (path[bytes] == '\0') {
			return true; /* all parents were seen */
		}
		if (stat(ret_path, &seen) == -1) {
			*ret_missing = errno == ENOENT;
			return *ret_missing;
		}
		if (!S_ISDIR(seen.st_mode) || (by_workers ? (seen.st_mode & S_IXOTH) == 0
							  : access(ret_path, X_OK) == -1)) {
			return false;
		}
	} while (path[bytes] != '\0');
	return true;
}

/* The directory in which the first missing one would be made. */
static bool parent_is_writable(const char *missing)
{
	char parent[CONFIG_TEXT_BYTES_MAX + 1];
	const char *slash = strrchr(missing, '/');

	(void)snprintf(parent, sizeof parent, "%.*s", slash == missing ? 1 : (int)(slash - missing),
		missing);
	return access(parent, W_OK | X_OK) == 0;
}

/* The supervisor makes the last one, and none before it. */
static void look_at_missing(
	struct doctor *doctor, enum finding finding, const char *path, const char *first)
{
	if (strcmp(first, path) != 0) {
		findings_add(doctor->findings, finding, FINDING_IS_BAD, "%s: %s does not exist",
			path, first);
	} else if (!parent_is_writable(path)) {
		findings_add(
			doctor->findings, finding, FINDING_IS_BAD, "%s: cannot be made here", path);
	} else {
		findings_add(doctor->findings, finding, FINDING_IS_OK, "%s will be made", path);
	}
}

/* by_workers: their users must reach what is in it, not only the supervisor's. */
static void look_at(struct doctor *doctor, enum finding finding, const char *path, bool by_workers)
{
	char first[CONFIG_TEXT_BYTES_MAX + 1];
	bool missing = false;
	struct stat seen;

	if (!walk_parents(path, by_workers, first, &missing)) {
		doctor_add_denied(doctor, finding, "%s: %s cannot be passed through by %s", path,
			first, by_workers ? "the users of the workers (chmod o+x)" : "this user");
		return;
	}
	if (!missing && stat(path, &seen) == -1) {
		missing = errno == ENOENT;
	}
	if (missing) {
		look_at_missing(doctor, finding, path, first);
	} else if (stat(path, &seen) == -1 || !S_ISDIR(seen.st_mode)) {
		findings_add(
			doctor->findings, finding, FINDING_IS_BAD, "%s: is no directory", path);
	} else if (access(path, W_OK | X_OK) == -1) {
		doctor_add_denied(doctor, finding, "%s: not writable by this user", path);
	} else if (by_workers && (seen.st_mode & S_IXOTH) == 0) {
		findings_add(doctor->findings, finding, FINDING_IS_BAD,
			"%s: cannot be passed through by the users of the workers (chmod o+x)",
			path);
	} else {
		findings_add(doctor->findings, finding, FINDING_IS_OK, "%s", path);
	}
}

static void look_at_uds(struct doctor *doctor)
{
	const char *uds = doctor->config->uds_path;
	const char *slash = strrchr(uds, '/');
	char dir[CONFIG_TEXT_BYTES_MAX + 1];

	if (slash == NULL || slash == uds) {
		return;
	}
	(void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - uds), uds);
	if (strcmp(dir, doctor->config->node_run_dir) == 0) {
		return; /* it was looked at */
	}
	if (access(dir, W_OK | X_OK) == -1 && errno == ENOENT) {
		findings_add(doctor->findings, FINDING_UDS, doctor_denied(doctor), "%s: %s", dir,
			strerror(errno));
	} else if (access(dir, W_OK | X_OK) == -1) {
		doctor_add_denied(doctor, FINDING_UDS, "%s: %s", dir, strerror(errno));
	} else {
		findings_add(doctor->findings, FINDING_UDS, FINDING_IS_OK, "%s", uds);
	}
}

void doctor_dirs(struct doctor *doctor)
{
	const struct config *config = doctor->config;

	if (!config->amnesia_enabled) { /* else it is covered: doctor_machine tries that */
		look_at(doctor, FINDING_DATA_DIR, config->node_data_dir, doctor->owner == 0);
	}
	look_at(doctor, FINDING_RUN_DIR, config->node_run_dir, false);
	look_at_uds(doctor);
}
