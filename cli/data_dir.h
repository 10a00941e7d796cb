#ifndef CLI_DATA_DIR_H
#define CLI_DATA_DIR_H

/* The data directory of a node that may or may not run: its lock, and who owns what in it. */

#include <stdbool.h>
#include <sys/types.h>

#include "cli/commands.h"

#define DATA_DIR_PATH_BYTES (CONFIG_TEXT_BYTES_MAX + 64u)

/* The lock of the data directory, held until the process ends, so that no node starts meanwhile.
 * *ret_running: a node holds it. False after a sentence: there is nothing to look at. */
bool data_dir_look(const struct cli *cli, const char *data_dir, bool *ret_running);

/* Whoever opens a store may leave files beside it, and root's would lock the committer out. So
 * root becomes the owner of `dir`: for good, or until data_dir_leave, which is for whoever still
 * has something to do as root. False after a sentence. */
bool data_dir_become_owner(const struct cli *cli, const char *dir);
bool data_dir_enter(const struct cli *cli, const char *dir);
void data_dir_leave(void);

/* Who owns <data>/store, as the supervisor makes it (supervisor/dirs.c). */
struct data_dir_owner {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};
bool data_dir_owner_of_store(
	const struct cli *cli, const struct config *config, struct data_dir_owner *ret_owner);

#endif
