/* What lies on disk around the node (DESIGN-WALL.md section 7):
 *
 *   <data>          0711  lock
 *   <data>/store    2750  committer, group of the store: ledger.db, tail
 *   <data>/keys     0700  kms
 *   <data>/objects  0700  archive
 *   <data>/artifacts  0700  rewarder, where it runs
 *   <run>           0700, or 0750 with uds.group: control, macronode.sock
 *
 * Unprivileged, all of it is 0700 and ours. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/log.h"
#include "store/lock.h"
#include "supervisor/filesystem.h"

struct wanted_dir {
	const char *path;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool may_be_link;
	bool lasts; /* what is in it must outlive the node */
};

static bool refuse(const char *path, const char *what)
{
	log_event(LOG_START_FAILED,
		&(struct log_fields){ .path = path, .text = what, .os_error = errno });
	return false;
}

static bool give(const struct supervisor *self, const struct wanted_dir *wanted, int fd)
{
	uid_t uid = self->privileged ? wanted->uid : (uid_t)-1;

	return fchownat(fd, "", uid, wanted->gid, AT_EMPTY_PATH) == 0;
}

/* By descriptor, so that what is looked at is what is changed. It is not opened for reading, and
 * what is right is left alone: under a service manager root has no capability to do either, and
 * the directories were made by tmpfiles.d. */
static bool own_dir(
	const struct supervisor *self, const struct wanted_dir *wanted, int fd, bool made)
{
	struct stat found;

	if (fstat(fd, &found) == -1) {
		return refuse(wanted->path, "cannot look at the directory");
	}
	errno = 0;
	if (!made && self->privileged && found.st_uid != wanted->uid) {
		return refuse(wanted->path, "the directory belongs to another user than the role");
	}
	if (!self->privileged && faccessat(fd, ".", R_OK | W_OK | X_OK, 0) == -1) {
		return refuse(wanted->path, "the directory is not writable");
	}
	if ((self->privileged || found.st_uid == wanted->uid) && found.st_gid != wanted->gid &&
		!give(self, wanted, fd)) {
		return refuse(wanted->path, "cannot give the directory to its group");
	}
	if (self->privileged && made && !give(self, wanted, fd)) {
		return refuse(wanted->path,
			"cannot give the directory to its worker; under systemd this makes it: "
			"systemd-tmpfiles --create macronode.conf");
	}
	if ((self->privileged || found.st_uid == wanted->uid) &&
		(found.st_mode & 07777) != wanted->mode &&
		fchmodat(fd, ".", wanted->mode, 0) == -1) {
		return refuse(wanted->path, "cannot set the mode of the directory");
	}
	return true;
}

/* Nobody would notice until two nodes write to it, or the machine that promised a sync goes. */
static bool can_last(const struct wanted_dir *wanted, int fd)
{
	struct filesystem_kind kind;
	struct statfs found;
	char text[VERB_TEXT_BYTES_MAX];

	if (!wanted->lasts) {
		return true;
	}
	if (fstatfs(fd, &found) == -1) {
		return refuse(wanted->path, "cannot look at the file system");
	}
	kind = filesystem_kind((uint64_t)found.f_type);
	if (kind.verdict != FILESYSTEM_REFUSED) {
		return true;
	}
	snprintf(text, sizeof text, "no ledger can lie on %s, %s", kind.name, kind.why);
	errno = 0;
	return refuse(wanted->path, text);
}

/* Made if it is not there. One that is there must already be owned as it should. An operator may
 * put a link in place of data and run; below them there are none. */
static bool prepare_dir(const struct supervisor *self, const struct wanted_dir *wanted)
{
	bool made = mkdir(wanted->path, 0700) == 0;
	bool done;
	int fd;

	if (!made && errno != EEXIST) {
		return refuse(wanted->path, "cannot make the directory");
	}
	fd = open(wanted->path,
		O_PATH | O_DIRECTORY | O_CLOEXEC | (wanted->may_be_link ? 0 : O_NOFOLLOW));
	if (fd < 0) {
		return refuse(wanted->path, errno == ENOTDIR || errno == ELOOP
						    ? "expected a directory"
						    : "cannot open the directory");
	}
	done = can_last(wanted, fd) && own_dir(self, wanted, fd, made);
	close(fd);
	return done;
}

static bool prepare_below(
	const struct supervisor *self, const char *name, mode_t mode, enum process owner, gid_t gid)
{
	char path[CONFIG_TEXT_BYTES_MAX + 32];
	struct wanted_dir wanted = { path, self->privileged ? mode : 0700, self->uids[owner], gid,
		false, true };

	snprintf(path, sizeof path, "%s/%s", self->config.node_data_dir, name);
	return prepare_dir(self, &wanted);
}

static bool may_search(uid_t uid, gid_t gid, const char *dir)
{
	char inside[PATH_MAX + 4];
	int fd;

	snprintf(inside, sizeof inside, "%s/.", dir);
	(void)setfsgid(gid);
	(void)setfsuid(uid); /* and the capabilities that see everything sleep meanwhile */
	fd = open(inside, O_PATH | O_CLOEXEC);
	(void)setfsuid(geteuid());
	(void)setfsgid(getegid());
	if (fd >= 0) {
		close(fd);
	}
	return fd >= 0;
}

/* SQLite opens by path, as another user than we are: below a directory that this user may not
 * search the store "cannot be opened", which tells nobody where to look. */
static bool can_be_reached(const struct supervisor *self)
{
	static const enum process openers[] = { PROCESS_KMS, PROCESS_COMMITTER, PROCESS_ARCHIVE };
	char path[PATH_MAX];

	if (!self->privileged) {
		return true;
	}
	if (realpath(self->config.node_data_dir, path) == NULL) {
		return refuse(self->config.node_data_dir, "cannot follow the path");
	}
	for (char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
		char kept = *slash;
		*slash = '\0';
		for (size_t i = 0; i < COUNT_OF(openers); i++) {
			if (!may_search(self->uids[openers[i]], self->gids[openers[i]], path)) {
				return refuse(path[0] == '\0' ? "/" : path,
					"node.data_dir is below this directory, which the users of "
					"the workers may not search: chmod o+x it, or choose "
					"another data directory");
			}
		}
		*slash = kept;
	}
	return true;
}

static struct wanted_dir run_dir(const struct supervisor *self, gid_t gid)
{
	bool shared = gid != (gid_t)-1;

	return (struct wanted_dir){ self->config.node_run_dir, shared ? 0750 : 0700, geteuid(),
		shared ? gid : getegid(), true, false };
}

bool dirs_share_run(struct supervisor *self, gid_t gid)
{
	struct wanted_dir run = run_dir(self, gid);

	return prepare_dir(self, &run);
}

bool dirs_prepare(struct supervisor *self)
{
	mode_t data_mode = self->privileged ? 0711 : 0700;
	struct wanted_dir data = { self->config.node_data_dir, data_mode, geteuid(), getegid(),
		true, true };

	return prepare_dir(self, &data) && can_be_reached(self) &&
	       dirs_share_run(self, self->uds_gid) &&
	       prepare_below(self, "store", 02750, PROCESS_COMMITTER, self->store_gid) &&
	       prepare_below(self, "keys", 0700, PROCESS_KMS, self->gids[PROCESS_KMS]) &&
	       prepare_below(self, "objects", 0700, PROCESS_ARCHIVE, self->gids[PROCESS_ARCHIVE]) &&
	       (!self->config.rewarder_enabled ||
		       prepare_below(self, "artifacts", 0700, PROCESS_REWARDER,
			       self->gids[PROCESS_REWARDER]));
}

bool dirs_lock(struct supervisor *self)
{
	struct why why = { "" };
	enum err err = lock_take(self->config.node_data_dir, &self->lock_fd, &why);

	if (err != ERR_OK) {
		log_event(
			LOG_START_FAILED, &(struct log_fields){ .path = self->config.node_data_dir,
						  .fault = err,
						  .text = why.text });
		return false;
	}
	return true;
}
