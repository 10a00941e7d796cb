#ifndef CLI_OUT_FILE_H
#define CLI_OUT_FILE_H

/* A file that is there whole or not at all: written beside as FILE.part, synced, renamed. "-" is
 * standard output. */

#include <sys/types.h>

#include "cli/commands.h"

#define OUT_FILE_PATH_BYTES 4096u

struct out_file {
	int fd; /* owned; -1: closed */
	bool is_stdout;
	char path[OUT_FILE_PATH_BYTES];
	char part[OUT_FILE_PATH_BYTES + 8];
};

/* All: false after a sentence. mode: of the new file. */
bool out_file_open(const struct cli *cli, const char *path, mode_t mode, struct out_file *ret_file);
bool out_file_put(const struct cli *cli, struct out_file *file, struct slice bytes);
bool out_file_finish(const struct cli *cli, struct out_file *file);
/* Removes what was not finished. */
void out_file_drop(struct out_file *file);

/* The same for bytes that are at hand. */
bool out_file_write(const struct cli *cli, const char *path, mode_t mode, struct slice bytes);

/* Syncs the directory that a path is in, so that a rename lasts. */
bool out_file_sync_dir(const char *path);

#endif
