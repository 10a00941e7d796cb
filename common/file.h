#ifndef COMMON_FILE_H
#define COMMON_FILE_H

/* Bytes that are all written, and files that are whole or not there: what is to take the place of
 * a file is written under another name, synced, renamed, and its directory synced. Where false is
 * returned errno says why. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"

/* Of a path below a directory that is open: the longest are those of artefacts. */
#define FILE_PATH_BYTES_MAX 255u

MUST_CHECK bool file_write(int fd, uint64_t offset, const void *bytes, size_t bytes_count);

/* Fewer than asked for only at the end of the file. */
MUST_CHECK bool file_read(
	int fd, uint64_t offset, void *buffer, size_t bytes_count, size_t *ret_bytes_count);

/* An empty file of that name, ours alone; what a life before left under it is gone. -1. */
MUST_CHECK int file_begin(int dir_fd, const char *temp);

/* What was written to fd is `path` from now on, whatever happens; fd stays open. Both names are
 * below dir_fd, and so far as there are directories in between they are synced, too. */
MUST_CHECK bool file_publish(int dir_fd, int fd, const char *temp, const char *path);

/* ERR_NO_SPACE, ERR_NOT_FOUND; ERR_IO for all that is the fault of the disk. */
enum err file_err(int os_error);

#endif
