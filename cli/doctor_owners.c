/* Whose the files of a node are, and who else may read or change them. What is not there yet is
 * made by a start. */
#include "cli/doctor_owners.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "supervisor/processes.h"

/* DESIGN-WALL.md section 7. Of PROCESS_SUPERVISOR is what the node's own user owns. `alone` is the
 * mode under an ordinary user, who has everything to himself. */
static const struct pinned {
	const char *name;
	enum process owner;
	mode_t mode, alone;
	bool holds_secret;
} pinned[] = {
	{ "", PROCESS_SUPERVISOR, S_IFDIR | 0711, S_IFDIR | 0700, false },
	{ "/lock", PROCESS_SUPERVISOR, S_IFREG | 0600, S_IFREG | 0600, false },
	{ "/store", PROCESS_COMMITTER, S_IFDIR | 0750, S_IFDIR | 0700, false },
	{ "/store/ledger.db", PROCESS_COMMITTER, S_IFREG | 0640, S_IFREG | 0640, false },
	{ "/store/ledger.db-wal", PROCESS_COMMITTER, S_IFREG | 0640, S_IFREG | 0640, false },
	{ "/store/ledger.db-shm", PROCESS_COMMITTER, S_IFREG | 0640, S_IFREG | 0640, false },
	{ "/store/tail", PROCESS_COMMITTER, S_IFREG | 0640, S_IFREG | 0640, false },
	{ "/keys", PROCESS_KMS, S_IFDIR | 0700, S_IFDIR | 0700, true },
	{ "/keys/keyring", PROCESS_KMS, S_IFREG | 0600, S_IFREG | 0600, true },
	{ "/keys/signed", PROCESS_KMS, S_IFREG | 0600, S_IFREG | 0600, true },
	{ "/objects", PROCESS_ARCHIVE, S_IFDIR | 0700, S_IFDIR | 0700, false },
	{ "/artifacts", PROCESS_REWARDER, S_IFDIR | 0700, S_IFDIR | 0700, false },
};

#define PINNED_COUNT (sizeof pinned / sizeof pinned[0])

/* False: the role has no user here, which doctor_roles says. */
static bool uid_of(const struct doctor *doctor, enum process owner, uid_t *ret_uid)
{
	uint64_t base = doctor->config->node_uid_base;
	const struct passwd *user;

	*ret_uid = doctor->owner;
	if (owner == PROCESS_SUPERVISOR || doctor->owner != 0) {
		return true;
	}
	if (base != 0) {
		*ret_uid = (uid_t)(base + owner);
		return true;
	}
	user = getpwnam(process_plan(owner)->user);
	if (user != NULL) {
		*ret_uid = user->pw_uid;
	}
	return user != NULL;
}

enum seen { SEEN_NOTHING, SEEN_GOOD, SEEN_WRONG, SEEN_DENIED };

/* In place of data and run an operator may put a link. */
static enum seen look_at(struct doctor *doctor, const char *path, const struct doctor_owner *wanted,
	bool holds_secret, bool may_be_link)
{
	enum finding_result result;
	struct doctor_owner found;
	struct stat seen;
	const char *why;

	if ((may_be_link ? stat(path, &seen) : lstat(path, &seen)) == -1) {
		if (errno == ENOENT || errno == ENOTDIR) {
			return SEEN_NOTHING;
		}
		doctor_add_denied(doctor, FINDING_OWNERS, "%s: %s", path, strerror(errno));
		return SEEN_DENIED;
	}
	found = (struct doctor_owner){ seen.st_uid, seen.st_mode };
	result = doctor_owners_judge(wanted, &found, holds_secret, &why);
	if (result != FINDING_IS_OK) {
		findings_add(doctor->findings, FINDING_OWNERS, result,
			"%s %s: it is of uid %u with mode %04o, expected uid %u and at most %04o",
			path, why, (unsigned)found.uid, (unsigned)found.mode & 07777u,
			(unsigned)wanted->uid, (unsigned)wanted->mode & 07777u);
	}
	return result == FINDING_IS_OK ? SEEN_GOOD : SEEN_WRONG;
}

/* Who may not see one may not see the others of its directory; it is said once. */
static bool is_denied_with(const char *name, const char *denied)
{
	const char *slash = denied == NULL ? NULL : strrchr(denied, '/');

	return denied != NULL &&
	       (slash == NULL || strncmp(name, denied, (size_t)(slash - denied) + 1) == 0);
}

static unsigned look_at_data(struct doctor *doctor)
{
	char path[DOCTOR_PATH_BYTES];
	const char *denied = NULL;
	unsigned good = 0;

	for (size_t i = 0; i < PINNED_COUNT; i++) {
		const struct pinned *row = &pinned[i];
		struct doctor_owner wanted = { 0, doctor->owner == 0 ? row->mode : row->alone };
		enum seen seen;

		(void)snprintf(path, sizeof path, "%s%s", doctor->config->node_data_dir, row->name);
		if (is_denied_with(row->name, denied) || !uid_of(doctor, row->owner, &wanted.uid)) {
			continue;
		}
		seen = look_at(doctor, path, &wanted, row->holds_secret, row->name[0] == '\0');
		good += seen == SEEN_GOOD;
		denied = seen == SEEN_DENIED ? row->name : denied;
	}
	return good;
}

/* Of a node that runs: before that they are made anew. */
static unsigned look_at_run(struct doctor *doctor)
{
	bool shared = doctor->config->uds_group[0] != '\0';
	const struct doctor_owner dir = { doctor->owner, S_IFDIR | (shared ? 0750 : 0700) };
	const struct doctor_owner control = { doctor->owner, S_IFSOCK | 0600 };
	const struct doctor_owner uds = { doctor->owner, S_IFSOCK | (shared ? 0660 : 0600) };
	char path[DOCTOR_PATH_BYTES];
	unsigned good =
		look_at(doctor, doctor->config->node_run_dir, &dir, false, true) == SEEN_GOOD;

	(void)snprintf(path, sizeof path, "%s/control", doctor->config->node_run_dir);
	good += look_at(doctor, path, &control, false, false) == SEEN_GOOD;
	if (doctor->config->uds_path[0] != '\0') {
		good += look_at(doctor, doctor->config->uds_path, &uds, false, false) == SEEN_GOOD;
	}
	return good;
}

/* Whoever may write the configuration decides what the node runs with. */
static unsigned look_at_settings(struct doctor *doctor)
{
	const char *paths[] = { doctor->cli->config_path, doctor->config->policy_file };
	unsigned good = 0;

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct stat seen;

		if (paths[i] == NULL || paths[i][0] == '\0' || stat(paths[i], &seen) == -1) {
			continue;
		}
		if ((seen.st_mode & S_IWOTH) != 0 && S_ISREG(seen.st_mode)) {
			findings_add(doctor->findings, FINDING_OWNERS, FINDING_IS_BAD,
				"%s can be changed by everybody (mode %04o)", paths[i],
				(unsigned)seen.st_mode & 07777u);
		} else {
			good++;
		}
	}
	return good;
}

void doctor_owners(struct doctor *doctor)
{
	unsigned good = look_at_settings(doctor);

	if (!doctor->config->amnesia_enabled) {
		good += look_at_data(doctor);
	}
	if (doctor->node == DOCTOR_NODE_ANSWERS) {
		good += look_at_run(doctor);
	}
	if (good > 0) {
		findings_add(doctor->findings, FINDING_OWNERS, FINDING_IS_OK,
			"%u files and directories are as they should be", good);
	}
}
