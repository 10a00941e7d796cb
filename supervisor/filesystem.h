#ifndef SUPERVISOR_FILESYSTEM_H
#define SUPERVISOR_FILESYSTEM_H

/* What a kind of file system is good for as the place of a ledger. Pure. */

#include <stdint.h>

enum filesystem_verdict {
	FILESYSTEM_GOOD,
	FILESYSTEM_WEAKER,
	FILESYSTEM_REFUSED, /* no node starts on it */
	FILESYSTEM_UNKNOWN,
};

struct filesystem_kind {
	const char *name; /* "": nothing is known about it */
	enum filesystem_verdict verdict;
	const char *why; /* "" if it is good */
};

/* magic: f_type of statfs. */
struct filesystem_kind filesystem_kind(uint64_t magic);

#endif
