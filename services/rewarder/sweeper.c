/* What is too old to be kept (spec/rewarder.md 9.16): the artefacts of runs that were paid and of
 * dry runs, later their rows; and what nobody speaks for any more, of runs that failed, were
 * refused half written, or were released and computed anew. What is postponed or quarantined stays.
 */
#include "services/rewarder/rewarder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hex.h"

#define PERIOD_MS (10u * 60u * 1000u)

/* Three years: keys, commitment and totals of what was paid. */
#define ROWS_MS (UINT64_C(36) * 30 * 24 * 3600 * 1000)

/* A tick sweeps at most so many rows, and looks at so many names, so that the loop goes on. */
#define REMOVED_MAX 64u
#define LOOKED_MAX  256u

static uint64_t keep_ms(const struct rewarder *self)
{
	return (uint64_t)self->worker->config.rewarder_retain_runs_ms;
}

/* --- what was paid --- */

/* False: there are more. */
static bool sweep_rows(struct rewarder *self, uint64_t now_unix_ms)
{
	unsigned removed = 0;

	for (uint32_t i = 0; i < self->registry.count; i++) {
		struct registry_row *row = self->registry.rows[i];
		const struct artefacts_run files = { false, &row->tenant, &row->epoch,
			&row->run_key };

		if (row->state != REGISTRY_SETTLED || row->is_swept || row->has_run ||
			row->changed_unix_ms + keep_ms(self) > now_unix_ms) {
			continue;
		}
		if (removed == REMOVED_MAX) {
			return false;
		}
		artefacts_remove(&self->artefacts, &files);
		row->is_swept = true;
		if (registry_put(&self->registry, row) != ERR_OK) {
			row->is_swept = false; /* and is, when there is room */
			return true;
		}
		removed++;
	}
	if (now_unix_ms > ROWS_MS) {
		registry_room_sweep(&self->registry, now_unix_ms - ROWS_MS);
	}
	return true;
}

/* --- what lies there --- */

static bool is_old(const struct sweep *sweep, int dir_fd, const char *name)
{
	struct stat info;

	return fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (uint64_t)info.st_mtime < sweep->before_unix_s;
}

/* Whether the files of the directory that it has come to are those of a row that needs them. */
static bool is_needed(const struct rewarder *self, const char *run_key)
{
	const struct sweep_level *levels = self->sweep.levels;
	const struct slice tenant = { (const uint8_t *)levels[1].name, strlen(levels[1].name) };
	const struct slice epoch = { (const uint8_t *)levels[2].name, strlen(levels[2].name) };
	const struct registry_row *row = registry_find(&self->registry, tenant, epoch);
	char key[HEX_TEXT_BYTES(8) + 1];

	if (row == NULL) {
		return false;
	}
	hex_encode(row->run_key.bytes, 8, key);
	return strcmp(key, run_key) == 0 && (row->has_run || !registry_row_is_idle(row));
}

static void enter(struct sweep *sweep, int parent_fd, const char *name)
{
	struct sweep_level *level = &sweep->levels[sweep->depth];
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*level = (struct sweep_level){ .is_old = is_old(sweep, parent_fd, name) };
	level->dir = fd < 0 ? NULL : fdopendir(fd);
	if (level->dir == NULL) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return;
	}
	(void)snprintf(level->name, sizeof level->name, "%s", name);
	sweep->depth++;
}

/* Back to the directory above; this one goes if it was left alone for long and holds nothing. */
static void leave(struct rewarder *self)
{
	struct sweep *sweep = &self->sweep;
	const struct sweep_level *level = &sweep->levels[--sweep->depth];

	(void)closedir(level->dir);
	if (sweep->depth > 0 && level->is_old) {
		(void)unlinkat(
			dirfd(sweep->levels[sweep->depth - 1].dir), level->name, AT_REMOVEDIR);
	}
}

/* Of an epoch whose directory was changed lately the other runs stay, too: a run that took the
 * place of another one is what retain_runs counts from. */
static bool may_enter(const struct rewarder *self, const char *name)
{
	const struct sweep *sweep = &self->sweep;

	return sweep->depth < SWEEP_DEPTH - 1 || sweep->is_dry ||
	       (sweep->levels[SWEEP_DEPTH - 2].is_old && !is_needed(self, name));
}

static void look_at(struct rewarder *self, const char *name)
{
	struct sweep *sweep = &self->sweep;
	int dir_fd = dirfd(sweep->levels[sweep->depth - 1].dir);

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return;
	}
	if (sweep->depth == SWEEP_DEPTH) {
		if (is_old(sweep, dir_fd, name)) {
			(void)unlinkat(dir_fd, name, 0);
		}
	} else if (may_enter(self, name)) {
		enter(sweep, dir_fd, name);
	}
}

/* One name after the other, no deeper than ours are. False: there is more to be seen. */
static bool look_on(struct rewarder *self)
{
	struct sweep *sweep = &self->sweep;

	for (unsigned looked = 0; looked < LOOKED_MAX; looked++) {
		const struct dirent *entry;

		if (sweep->depth == 0) {
			return true;
		}
		entry = readdir(sweep->levels[sweep->depth - 1].dir);
		if (entry == NULL) {
			leave(self);
		} else {
			look_at(self, entry->d_name);
		}
	}
	return false;
}

static void begin(struct rewarder *self, bool is_dry, uint64_t now_unix_ms)
{
	struct sweep *sweep = &self->sweep;

	assert(sweep->depth == 0);
	sweep->is_dry = is_dry;
	sweep->before_unix_s =
		now_unix_ms > keep_ms(self) ? (now_unix_ms - keep_ms(self)) / 1000 : 0;
	enter(sweep, self->dir_fd, is_dry ? "dry" : "runs");
}

void sweeper_tick(struct rewarder *self, uint64_t now_mono_ms)
{
	struct sweep *sweep = &self->sweep;
	uint64_t now_unix_ms = (uint64_t)clock_unix_ms();

	switch (sweep->step) {
	case SWEEP_RESTS:
		if (sweep->begun_mono_ms == 0 || now_mono_ms - sweep->begun_mono_ms >= PERIOD_MS) {
			sweep->begun_mono_ms = now_mono_ms;
			sweep->step = SWEEP_ROWS;
		}
		break;
	case SWEEP_ROWS:
		if (sweep_rows(self, now_unix_ms)) {
			policies_room_look(self);
			begin(self, false, now_unix_ms);
			sweep->step = SWEEP_RUNS;
		}
		break;
	case SWEEP_RUNS:
		if (look_on(self)) {
			begin(self, true, now_unix_ms);
			sweep->step = SWEEP_DRY;
		}
		break;
	case SWEEP_DRY:
		if (look_on(self)) {
			sweep->step = SWEEP_RESTS;
		}
		break;
	}
}
