#ifndef COMMON_IDENTITY_H
#define COMMON_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/check.h"
#include "common/errors.h"

/* What the supervisor's forked child gives up before execveat(), so that no worker
 * executable ever runs as root (DESIGN-WALL.md section 2). Only the supervisor calls it,
 * only between fork and exec: it needs libcap, which no worker links. */
#define IDENTITY_UNLIMITED UINT64_MAX

/* IDENTITY_UNLIMITED leaves a limit as it is. Core dumps are always off. data_bytes has
 * no effect in a sanitizer build (ASan reserves terabytes of address space). */
struct identity_limits {
	uint64_t files;
	uint64_t file_bytes;
	uint64_t data_bytes;
	uint64_t locked_bytes;
};

struct identity_plan {
	bool switch_user; /* false: started unprivileged, all workers share the caller's uid */
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary; borrowed */
	size_t group_count;
	struct identity_limits limits;
};

/* rlimits, bounding set, groups, gid, uid, the other capability sets, NO_NEW_PRIVS; then
 * reads all of it back. ERR_DENIED: it would stay or could become root again. ERR_IO: the
 * kernel refused a step. On failure *failed names the step; the child must exit. */
MUST_CHECK enum err identity_drop(const struct identity_plan *plan, const char **failed);

#endif
