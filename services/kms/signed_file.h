#ifndef SERVICES_KMS_SIGNED_FILE_H
#define SERVICES_KMS_SIGNED_FILE_H

/* What was signed, on disk: <node.data_dir>/keys/signed (core/signed.h). It is made before the
 * keyring names the key that it is for, and opened before the filter; from then on a mark is
 * written into the file's other sector and synced, because a rename would need the right to open
 * files behind the filter. */

#include <stdbool.h>

#include "common/check.h"
#include "common/errors.h"
#include "core/signed.h"

struct worker;

#define SIGNED_FILE_NAME     "signed"
#define SIGNED_FILE_NAME_NEW "signed.new"

struct signed_file {
	int fd;                  /* owned, as long as the process lives; -1: there is none */
	struct signed_mark mark; /* the newest */
};

/* ERR_OK, ERR_NOT_FOUND, or ERR_CORRUPT: no mark in it is whole. Ends the process when the file is
 * not ours alone, or cannot be read. */
MUST_CHECK enum err signed_file_open(struct signed_file *file, struct worker *worker, int dir_fd);

/* Makes it whole, in place of what is there: size, root and key of the mark. */
void signed_file_create(
	struct signed_file *file, struct worker *worker, int dir_fd, struct signed_mark mark);

/* On disk when it returns. Ends the process when it cannot know. */
void signed_file_remember(struct signed_file *file, struct worker *worker, struct signed_mark mark);

/* There is one, and nothing was ever signed with its key: a genesis was interrupted. */
bool signed_file_is_fresh(struct worker *worker, int dir_fd);

#endif
