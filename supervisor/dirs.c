/* What lies on disk around the node (DESIGN-WALL.md section 7):
 *
 *   <data>          0711  lock
 *   <data>/store    2750  committer, group of the store: ledger.db, tail
 *   <data>/keys     0700  kms
 *   <run>           0700, or 0750 with uds.group: control, macronode.sock
 *
 * Unprivileged, all of it is 0700 and ours. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "store/lock.h"

struct wanted_dir {
	const char *path;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

static bool refuse(const char *path, const char *what)
{
	log_event(LOG_START_FAILED,
		&(struct log_fields){ .path = path, .text = what, .os_error = errno });
	return false;
}

/* Made if it is not there. One that is there must already be owned as it should. */
static bool prepare_dir(const struct supervisor *self, const struct wanted_dir *wanted)
{
	struct stat found;

	if (mkdir(wanted->path, 0700) == 0) {
		if (self->privileged && chown(wanted->path, wanted->uid, wanted->gid) == -1) {
			return refuse(wanted->path, "cannot give the directory to its worker");
		}
		if (chmod(wanted->path, wanted->mode) == -1) {
			return refuse(wanted->path, "cannot set the mode of the directory");
		}
		return true;
	}
	if (errno != EEXIST) {
		return refuse(wanted->path, "cannot make the directory");
	}
	if (stat(wanted->path, &found) == -1 || !S_ISDIR(found.st_mode)) {
		return refuse(wanted->path, "expected a directory");
	}
	errno = 0;
	if (self->privileged && found.st_uid != wanted->uid) {
		return refuse(wanted->path, "the directory belongs to another user than the role");
	}
	if (!self->privileged && access(wanted->path, R_OK | W_OK | X_OK) == -1) {
		return refuse(wanted->path, "the directory is not writable");
	}
	if (self->privileged && chown(wanted->path, wanted->uid, wanted->gid) == -1) {
		return refuse(wanted->path, "cannot give the directory to its group");
	}
	if (found.st_uid == geteuid() || self->privileged) {
		(void)chmod(wanted->path, wanted->mode); /* uds.group may have changed */
	}
	return true;
}

static bool prepare_below(
	const struct supervisor *self, const char *name, mode_t mode, enum process owner, gid_t gid)
{
	char path[CONFIG_TEXT_BYTES_MAX + 32];
	struct wanted_dir wanted = { path, self->privileged ? mode : 0700, self->uids[owner], gid };

	snprintf(path, sizeof path, "%s/%s", self->config.node_data_dir, name);
	return prepare_dir(self, &wanted);
}

bool dirs_prepare(struct supervisor *self)
{
	mode_t data_mode = self->privileged ? 0711 : 0700;
	struct wanted_dir data = { self->config.node_data_dir, data_mode, geteuid(), getegid() };
	bool shared = self->config.uds_group[0] != '\0';
	struct wanted_dir run = { self->config.node_run_dir, shared ? 0750 : 0700, geteuid(),
		shared ? self->uds_gid : getegid() };

	return prepare_dir(self, &data) && prepare_dir(self, &run) &&
	       prepare_below(self, "store", 02750, PROCESS_COMMITTER, self->store_gid) &&
	       prepare_below(self, "keys", 0700, PROCESS_KMS, self->gids[PROCESS_KMS]);
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
