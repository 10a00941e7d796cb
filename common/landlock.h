#ifndef COMMON_LANDLOCK_H
#define COMMON_LANDLOCK_H

#include <stddef.h>

#include "common/check.h"

/* Which part of the file system a worker may still open: nothing, unless listed. Fds that
 * are open already stay usable. Where the kernel knows how, TCP bind and connect, abstract
 * UNIX sockets and signals to processes outside are taken away too. */
enum landlock_rights {
	LANDLOCK_RIGHTS_READ,   /* read files, list directories */
	LANDLOCK_RIGHTS_WRITE,  /* and write and truncate existing files */
	LANDLOCK_RIGHTS_CREATE, /* and make, rename and remove files and directories */
};

struct landlock_path {
	const char *path; /* or NULL: then fd */
	int fd;           /* borrowed; may be O_PATH */
	enum landlock_rights rights;
};

enum landlock_result {
	LANDLOCK_ENFORCED,
	LANDLOCK_MISSING, /* the kernel has none: the caller warns, or refuses by sandbox.require */
	LANDLOCK_FAILED,  /* *failed names the step, errno the cause */
};

/* Sets NO_NEW_PRIVS. No path at all (NULL, 0) is the empty ruleset of most workers. */
MUST_CHECK enum landlock_result landlock_enter(
	const struct landlock_path *paths, size_t path_count, const char **failed);

/* 0 when the kernel has none. */
int landlock_abi(void);

#endif
