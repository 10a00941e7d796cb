#ifndef SERVICES_COMMITTER_TROUBLE_H
#define SERVICES_COMMITTER_TROUBLE_H

#include "common/worker.h"

/* What keeps the committer from appending, a row each: what `recover` may do about it, and what
 * it tells an operator.
 *
 *   HEALS         by itself, once the cause is gone: it is looked at again and again
 *   ACKNOWLEDGED  an operator may go on with what is on disk
 *   RESTORED      only another store helps */
enum trouble_cure { CURE_NONE, CURE_HEALS, CURE_ACKNOWLEDGED, CURE_RESTORED };

#define TROUBLES(T)                                                                                \
	T(NONE, "none", NONE, "there is nothing to recover")                                       \
	T(DISK_FULL, SAFE_MODE_DISK_FULL, HEALS,                                                   \
		"make room on the disk of the store: writes go on by themselves once there is "    \
		"more than engine.disk_reserve")                                                   \
	T(NOT_OURS, "not_ours", HEALS,                                                             \
		"give the file back to the user that is named, or set its mode; it is looked at "  \
		"again every few seconds")                                                         \
	T(MISSING, "store_missing", HEALS,                                                         \
		"mount the disk of the store, or stop the node and restore a snapshot; for a new " \
		"ledger stop the node and move its key directory away")                            \
	T(NEWER, "newer_schema", HEALS, "run the version of macronode that made this store")       \
	T(OTHER, "other_ledger", HEALS,                                                            \
		"put the store of this ledger in its place, or the keys of that one; compare "     \
		"node.data_dir and engine.hash")                                                   \
	T(BUSY, "store_busy", HEALS,                                                               \
		"end the process that reads the store: a start needs it alone")                    \
	T(SUSPECT, "suspect", ACKNOWLEDGED,                                                        \
		"a sync, write or read of the store failed: look at the disk first. What is on "   \
		"it now was read again and synced; acknowledge it, or stop the node and restore "  \
		"a snapshot on a good disk")                                                       \
	T(TAIL, "tail", ACKNOWLEDGED,                                                              \
		"look for what is missing first (a log file that was deleted, a disk that lost "   \
		"writes, an old copy). Acknowledge what is there, and the missing entries are "    \
		"given up for good; or stop the node and restore a snapshot that has them")        \
	T(UNREADABLE, "io_error", RESTORED,                                                        \
		"the disk does not let the store be opened: mend it and ask again, or stop the "   \
		"node and restore a snapshot on a good disk")                                      \
	T(FORK, "fork", RESTORED,                                                                  \
		"more was signed than is there, or something else; whoever holds that checkpoint " \
		"can prove it, so an acknowledgement does not do. Stop the node and restore a "    \
		"snapshot that has it, or go on under a new origin: `macronode recover "           \
		"--new-origin --ack` with the height and root on disk")                            \
	T(CORRUPT, "store_corrupt", RESTORED,                                                      \
		"the store contradicts itself, which no acknowledgement mends: run `macronode "    \
		"verify`, then stop the node and restore a snapshot")                              \
	T(REPLAY, "replay_mismatch", RESTORED,                                                     \
		"the entries do not give the state that is stored beside them, which no "          \
		"acknowledgement mends: run `macronode verify`, then stop the node and restore a " \
		"snapshot")

enum trouble {
#define AS_ENUM(NAME, word, cure, advice) TROUBLE_##NAME,
	TROUBLES(AS_ENUM)
#undef AS_ENUM
};

struct committer;

const char *trouble_word(enum trouble trouble);
const char *trouble_advice(enum trouble trouble);
enum trouble_cure trouble_cure_of(enum trouble trouble);

/* Safe mode with this sentence, which /readyz, status and the log show; told once however often it
 * is found again. */
__attribute__((format(printf, 3, 4))) void trouble_enter(
	struct committer *self, enum trouble trouble, const char *format, ...);
/* Not yet out of safe mode: the state has to be streamed first. */
void trouble_leave(struct committer *self);

#endif
