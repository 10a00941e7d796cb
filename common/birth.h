#ifndef COMMON_BIRTH_H
#define COMMON_BIRTH_H

#include <stdbool.h>

#include "common/check.h"
#include "common/errors.h"

/* The first lines of every worker, before it reads a byte: its name in the process list
 * (mn-<role>), no ptrace by its own uid, no core, death with its supervisor.
 *
 * supervisor_pid is argv[1] in decimal. ERR_MALFORMED: it is no pid. ERR_STALE: that
 * process is no longer our parent. ERR_DENIED: we are root. ERR_IO: the kernel refused.
 * On failure *failed names the step. */
MUST_CHECK enum err birth_begin(const char *role, const char *supervisor_pid, const char **failed);

/* The name in the process list alone: "mn-" and the title. False: the kernel refused. */
MUST_CHECK bool birth_name(const char *title);

/* What we have and what we will get stays out of swap. ERR_OK, too, where we may not lock as much
 * as we like: the supervisor has judged that before. */
MUST_CHECK enum err birth_lock_memory(void);

#endif
