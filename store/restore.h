#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/merkle.h"
#include "store/schema.h"
#include "store/why.h"

/* A store made anew from what a snapshot holds: commits, then entries and the other records.
 * Nothing that can be computed is believed: leaves, tiles, roots, txids, fingerprints, accounts,
 * chunks and claims are made from the entries, and each commit's root must come out. What the
 * entries do is told by store/replay.h.
 *
 * Nothing is synced until restore_finish, which syncs everything once; a store that was begun
 * and not finished is to be deleted. After anything but ERR_OK only restore_destroy may follow.
 *
 * ERR_CORRUPT the records contradict each other or the head, `why` says at which seq and what was
 * expected; ERR_MALFORMED they do not decode; ERR_CONFLICT there is something in the directory;
 * ERR_NO_SPACE; ERR_IO. */

struct restore;

/* What is to come out. */
struct restore_head {
	enum merkle_hash hash;
	const char *origin;
	int64_t born_unix_ms;
	int64_t batch_ts_unix_ms;
	uint64_t size;
	struct hash root;
	uint64_t control_count;
	uint64_t audit_count; /* RESTORE_AUDITS_UNKNOWN: as many as come */
	struct hash audit_head;
};

#define RESTORE_AUDITS_UNKNOWN UINT64_MAX

struct restore_config {
	const char *dir; /* empty, and ours; NULL: all is computed and compared, nothing written */
	uint8_t fingerprint_key[FINGERPRINT_KEY_BYTES]; /* fresh random bytes */
	struct restore_head head;
};

MUST_CHECK enum err restore_begin(
	const struct restore_config *config, struct restore **ret_restore, struct why *why);
void restore_destroy(struct restore *restore); /* NULL is fine */

/* All commits, from the first on; then the entries, as bodies of ENTRY records (their fingerprints
 * are ignored), from seq 1 on. */
MUST_CHECK enum err restore_commit(
	struct restore *restore, const struct schema_root *commit, struct why *why);
MUST_CHECK enum err restore_entry(struct restore *restore, struct slice body, struct why *why);

/* Controls and audits in their order; anywhere. */
MUST_CHECK enum err restore_control(struct restore *restore, struct slice body, struct why *why);
MUST_CHECK enum err restore_audit(struct restore *restore, struct slice body, struct why *why);
/* Behind the entries. One about an asset that no entry moves is of a moment behind the last
 * entry, and left out. */
MUST_CHECK enum err restore_counter(struct restore *restore, struct slice body, struct why *why);

/* The notes that kms signed last, which the new store serves at once. Not looked into. */
MUST_CHECK enum err restore_notes(
	struct restore *restore, const struct schema_checkpoint *notes, struct why *why);

/* The root of the first `size` entries, if a commit ends there: ERR_NOT_FOUND. */
MUST_CHECK enum err restore_root_at(
	const struct restore *restore, uint64_t size, struct hash *ret_root);
uint64_t restore_size(const struct restore *restore); /* entries so far */
/* Of the audit records so far. */
uint64_t restore_audit_count(const struct restore *restore);
struct hash restore_audit_head(const struct restore *restore);

/* Compares with the head, writes what the entries come to, syncs. */
MUST_CHECK enum err restore_finish(struct restore *restore, struct why *why);

#endif
