#include "common/space.h"

#include <sys/statvfs.h>

void space_init(struct space *space, int dir_fd, uint64_t reserve_bytes)
{
	*space = (struct space){ .dir_fd = dir_fd, .reserve_bytes = reserve_bytes };
}

void space_set_reserve(struct space *space, uint64_t reserve_bytes)
{
	space->reserve_bytes = reserve_bytes;
}

static enum err ask(struct space *space, struct instant now)
{
	struct statvfs status;

	if (space->asked &&
		!instant_reached(
			instant_after(space->asked_at, duration_ms(SPACE_CACHE_MS)), now)) {
		return ERR_OK;
	}
	if (fstatvfs(space->dir_fd, &status) != 0) {
		return ERR_IO;
	}
	space->free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	space->asked_at = now;
	space->asked = true;
	return ERR_OK;
}

enum err space_check(
	struct space *space, struct instant now, uint64_t batch_bytes, uint64_t wal_bytes)
{
	enum err err = ask(space, now);
	uint64_t left;

	if (err != ERR_OK) {
		return err;
	}
	left = space->free_bytes;
	if (left < space->reserve_bytes) {
		return ERR_NO_SPACE;
	}
	left -= space->reserve_bytes;
	if (left / 2 < wal_bytes) {
		return ERR_NO_SPACE;
	}
	left -= 2 * wal_bytes;
	if (left < batch_bytes) {
		return ERR_NO_SPACE;
	}
	space->free_bytes -= batch_bytes;
	return ERR_OK;
}
