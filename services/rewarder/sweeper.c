/* What is too old to be kept (spec/rewarder.md 9.16): the artefacts of runs that were paid and of
 * dry runs, later their rows. What is postponed or quarantined stays. */
#include "services/rewarder/rewarder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERIOD_MS (10u * 60u * 1000u)

/* Three years: keys, commitment and totals of what was paid. */
#define ROWS_MS (UINT64_C(36) * 30 * 24 * 3600 * 1000)

/* A tick removes at most so many, so that the loop goes on. */
#define REMOVED_MAX 64u

/* dry/<tenant>/<epoch>/<run key> */
#define DRY_DEPTH 3u

static void sweep_rows(struct rewarder *self, uint64_t now_unix_ms)
{
	uint64_t keep_ms = (uint64_t)self->worker->config.rewarder_retain_runs_ms;
	unsigned removed = 0;

	for (uint32_t i = 0; i < self->registry.count && removed < REMOVED_MAX; i++) {
		struct registry_row *row = self->registry.rows[i];
		const struct artefacts_run files = { false, &row->tenant, &row->epoch,
			&row->run_key };

		if (row->state != REGISTRY_SETTLED || row->is_swept ||
			row->changed_unix_ms + keep_ms > now_unix_ms ||
			runs_of_row(self, row) != NULL) {
			continue;
		}
		artefacts_remove(&self->artefacts, &files);
		row->is_swept = true;
		if (registry_put(&self->registry, row) != ERR_OK) {
			return;
		}
		removed++;
	}
	if (now_unix_ms > ROWS_MS && removed == 0) {
		registry_room_sweep(&self->registry, now_unix_ms - ROWS_MS);
	}
}

static bool is_old(int dir_fd, const char *name, uint64_t before_unix_s)
{
	struct stat info;

	return fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (uint64_t)info.st_mtime < before_unix_s;
}

/* Files that are too old, and directories that hold nothing any more; no deeper than ours are. */
static void sweep_dir(int parent_fd, const char *name, unsigned depth, uint64_t before_unix_s)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		if (depth < DRY_DEPTH) {
			sweep_dir(fd, entry->d_name, depth + 1, before_unix_s);
			if (is_old(fd, entry->d_name, before_unix_s)) {
				(void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
			}
		} else if (is_old(fd, entry->d_name, before_unix_s)) {
			(void)unlinkat(fd, entry->d_name, 0);
		}
	}
	(void)closedir(dir);
}

void sweeper_tick(struct rewarder *self, uint64_t now_mono_ms)
{
	uint64_t now_unix_ms = (uint64_t)clock_unix_ms();
	uint64_t keep_ms = (uint64_t)self->worker->config.rewarder_retain_runs_ms;

	if (self->swept_mono_ms != 0 && now_mono_ms - self->swept_mono_ms < PERIOD_MS) {
		return;
	}
	self->swept_mono_ms = now_mono_ms;
	sweep_rows(self, now_unix_ms);
	if (now_unix_ms > keep_ms) {
		sweep_dir(self->dir_fd, "dry", 0, (now_unix_ms - keep_ms) / 1000);
	}
}
