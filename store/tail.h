#ifndef STORE_TAIL_H
#define STORE_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/types.h"
#include "store/why.h"

/* <data>/store/tail: what was acknowledged last, outside the database (DESIGN-LEDGER.md
 * section 5). SQLite takes the first bad frame of its log for the end of it, so one flipped
 * bit can drop acknowledged commits without a word; this file notices.
 *
 * Two sectors, prewritten with zeros at creation and used in turn, so that a torn write
 * costs the newer mark only. Each, little-endian:
 *   0  8  "mn-tail1"      8  8  size      16  32  root      48  32  SHA-256 of bytes 0-47
 * A mark is written after the commit's sync and not synced itself: it survives the death of
 * every process, and after a power loss an older mark is merely a weaker witness. */

#define TAIL_NAME         "tail"
#define TAIL_SECTOR_BYTES 4096u

struct tail_mark {
	uint64_t size; /* entries in the tree; 0 = nothing was acknowledged yet */
	struct hash root;
};

struct tail {
	int fd;
	unsigned slot; /* the next one to write */
};

/* Opens the file in dir_fd; *ret_mark is the newest whole mark, size 0 in a fresh file.
 * ERR_NOT_FOUND: there is none, and it may not be made (a ledger with entries has one, or
 * somebody took it away). ERR_CORRUPT: there were marks and neither is whole. Nothing is open
 * then, and tail_reset is what helps. `dir` is for the sentence. */
MUST_CHECK enum err tail_open(struct tail *tail, int dir_fd, const char *dir, bool may_make,
	struct tail_mark *ret_mark, struct why *why);
MUST_CHECK enum err tail_write(struct tail *tail, const struct tail_mark *mark);
/* Whatever was in it before, or if it was not there: now it says this, and that is synced. `tail`
 * is one that tail_open opened, or has an fd of -1; it is open afterwards. */
MUST_CHECK enum err tail_reset(struct tail *tail, int dir_fd, const char *dir,
	const struct tail_mark *mark, struct why *why);
void tail_close(struct tail *tail);

/* The same for a reader; ERR_NOT_FOUND when there is no file. */
MUST_CHECK enum err tail_read(
	int dir_fd, const char *dir, struct tail_mark *ret_mark, struct why *why);

#endif
