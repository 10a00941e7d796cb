#ifndef SUPERVISOR_AMNESIA_H
#define SUPERVISOR_AMNESIA_H

/* A node that leaves nothing behind (DESIGN.md section 7). The code is that of every node; only
 * what lies at node.data_dir is another: a file system in memory, of a size, which exists in a
 * mount namespace that ends with the last process of the node, however that process ends.
 *
 * Nothing is made on a disk, not even a directory: node.data_dir must be there, as a place to
 * mount on, and what is in it is covered, not touched. The sockets must be reached from outside,
 * so their directories cannot be covered, and have to be in memory by themselves.
 *
 * Root leaves the mount namespace alone. An ordinary user may do so only in a user namespace too,
 * in which nobody else than he has a number: there no other peer can be told from a stranger. */

#include <stdbool.h>

#include "common/check.h"
#include "common/config.h"

#define AMNESIA_WHY_BYTES 256u

struct amnesia {
	bool swap_is_active;
	bool keeps_out_of_swap; /* the mount is `noswap` (Linux 6.4, root) */
	bool covers_files;      /* something was in node.data_dir */
	char why[AMNESIA_WHY_BYTES];
};

/* For this process and those that it forks: an empty node.data_dir in memory. False: ret->why is
 * the sentence, and the process, which may have left some namespace, should end. */
MUST_CHECK bool amnesia_enter(const struct config *config, struct amnesia *ret);

#endif
