#ifndef CLI_SNAPSHOT_READ_H
#define CLI_SNAPSHOT_READ_H

/* A snapshot, read to its end: every hash, every root and every balance is computed again, and,
 * where that is wanted, a store is built from it on the way. */

#include "cli/snapshot_manifest.h"
#include "core/note.h"
#include "store/restore.h"

/* What kms signed last, which no restored ledger may contradict (the fork rule). */
struct snapshot_remembered {
	uint64_t size;
	struct hash root;
};

struct snapshot_goal {
	const char *path;
	int fd;                       /* of the file, which is closed; -1: it is opened here */
	const char *restore_dir;      /* NULL: only check */
	const struct note_vkey *vkey; /* NULL: signatures are not verified */
	const struct snapshot_remembered *remembered; /* NULL: nothing */
};

struct snapshot_report {
	struct manifest manifest;
	bool has_checkpoint;
	uint64_t checkpoint_size;
	struct hash checkpoint_root;
	bool signatures_checked; /* all that are there, with the key of the goal */
	struct why what;         /* why it is bad, or could not be read */
};

/* Only the manifest, which stands first. False: see why. */
bool snapshot_read_manifest(const char *path, struct manifest *ret_manifest, struct why *why);

/* CLI_GOOD; CLI_BAD: it is damaged, see report->what; CLI_CANNOT: the disk refused. */
enum cli_exit snapshot_read(const struct snapshot_goal *goal, struct snapshot_report *ret_report);

#endif
