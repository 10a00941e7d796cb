#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "common/check.h"
#include "common/errors.h"
#include "store/why.h"

/* <data>/lock: one node on a data directory. The supervisor takes it and the committer
 * inherits the open file description, so that an orphaned committer still holds it. */

/* ERR_BUSY: somebody else holds it. The caller owns the descriptor; closing the last copy
 * of it lets go. */
MUST_CHECK enum err lock_take(const char *data_dir, int *ret_fd, struct why *why);
/* Is `fd` (inherited) the lock of this directory, and held? ERR_DENIED if it is another file,
 * ERR_BUSY if another description holds the lock. */
MUST_CHECK enum err lock_confirm(int fd, const char *data_dir, struct why *why);

#endif
