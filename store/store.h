#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/merkle.h"
#include "store/reader.h"
#include "store/tail.h"
#include "store/why.h"

/* The writer's side of the store: one process, one connection (DESIGN-LEDGER.md section 5).
 * Everything of a batch goes into one transaction: entries, receipts, txids, the root, tiles,
 * fingerprints, state rows, control and audit records. Either all of it is on disk when
 * store_append says ERR_OK, or none of it ever will be, or the answer is ERR_UNKNOWN.
 *
 * The store computes the leaf hashes and the tree itself, from the bytes that it writes.
 *
 * After ERR_UNKNOWN or ERR_IO the handle refuses everything with ERR_UNKNOWN: close it, end
 * the process, and let a new start look at what is there (FACTS.md: a failed sync comes back
 * from the page cache). ERR_NO_SPACE and ERR_CONFLICT leave the store as it was. */

struct store;

struct store_config {
	const char *dir;             /* <data>/store; must exist and be ours */
	uint64_t disk_reserve_bytes; /* engine.disk_reserve */
	const char *origin;          /* genesis: node.origin, NULL or "" = drawn from `random` */
	bool has_had_names; /* origin is "name/k": a store called "name", or "name/j" with a smaller
			       j, is of the same line, and ours */
	enum merkle_hash hash; /* genesis: engine.hash; afterwards compared */
	uint8_t random[24];    /* genesis: 16 for the fingerprint key, 8 for the origin */
	int64_t now_unix_ms;   /* genesis: when */
	bool in_use;  /* no genesis: there was a ledger, and a disk that is not mounted is none */
	bool suspect; /* a sync failed before: as if acknowledged entries were missing */
};

/* What <data>/store/tail says about the store that lies beside it. */
enum store_tail {
	STORE_TAIL_GOOD,  /* all that was acknowledged is there */
	STORE_TAIL_SHORT, /* acknowledged entries are not there, or others are */
	STORE_TAIL_GONE,  /* there are entries, and no such file */
	STORE_TAIL_BROKEN /* no mark in it is whole */
};

/* What a start knows before it has read a single entry. */
struct store_state {
	struct reader_head head;
	struct tail_mark tail; /* as found, if GOOD or SHORT */
	enum store_tail tail_finding;
	bool born; /* this call was the genesis */
};

/* ERR_NOT_FOUND no such directory, or no ledger where one is in use; ERR_DENIED a file is not
 * ours alone, and the sentence begins with wrong_owner:, wrong_mode: or wrong_type:; ERR_STALE made
 * by a newer version; ERR_CORRUPT not a ledger, or one that contradicts itself; ERR_CONFLICT
 * another engine.hash or origin than configured; ERR_BUSY somebody reads it; ERR_NO_SPACE; ERR_IO.
 * On ERR_OK the log was folded into the database with a successful sync, the fence is one
 * higher and on disk. With a finding about the tail, or a suspect store, no mark is written and
 * appends are refused until store_acknowledge. */
MUST_CHECK enum err store_open(const struct store_config *config, struct store **ret_store,
	struct store_state *ret_state, struct why *why);
void store_close(struct store *store); /* NULL is fine; no checkpoint, the log persists */

/* `macronode recover --ack <height>:<root>`: go on with what is there. ERR_CONFLICT unless
 * size and root are those of the store. */
MUST_CHECK enum err store_acknowledge(
	struct store *store, uint64_t size, const struct hash *root, struct why *why);

/* Records are those of core/batch.h, in any order but for the entries, whose seqs run from
 * first_seq without a gap. A batch may be without entries: its controls, audits and state rows
 * are appended then, first_seq is still size + 1. The head is what the chain is about
 * (DESIGN-LEDGER.md section 2). */
struct store_batch {
	uint64_t fence;
	uint64_t first_seq;
	struct hash prev_root;
	int64_t batch_ts_unix_ms;
	uint64_t low_water;   /* no chunk is stale before this seq, once this batch is in */
	struct slice records; /* must not move during the call */
	const char *origin;   /* NULL; else the ledger's name from here on */
};

struct store_commit {
	uint64_t size; /* after the batch */
	struct hash root;
	uint64_t entry_count;   /* of this batch */
	uint64_t control_count; /* of all time, like audit_count */
	uint64_t audit_count;
	struct hash audit_head;
	bool repeated; /* was there already, with the same root */
	struct instant
		sync_began; /* when all but the disk's word was done; not of a repeated one */
};

/* ERR_OK done; nothing changed: ERR_CONFLICT not an exact continuation (fence, first seq,
 * previous root, a gap), ERR_MALFORMED the records do not decode, ERR_NO_SPACE retry later,
 * ERR_DENIED to be acknowledged first; ERR_IO not done, and ERR_UNKNOWN: see above.
 * A batch whose leaves and previous root are there already, as one commit, is done
 * (`repeated`), whatever its fence. */
MUST_CHECK enum err store_append(struct store *store, const struct store_batch *batch,
	struct instant now, struct store_commit *ret_commit, struct why *why);

/* What kms signed is not worth a sync of its own while there are batches: it is copied and goes
 * into the next one's transaction; or into one of its own, when none comes. One that was not
 * written yet is replaced. ERR_OK when there is nothing to flush; else as store_append. */
MUST_CHECK enum err store_checkpoint_keep(
	struct store *store, const struct schema_checkpoint *checkpoint);
bool store_checkpoint_waits(const struct store *store);
MUST_CHECK enum err store_checkpoint_flush(
	struct store *store, struct instant now, struct why *why);

/* Call after COMMITTED went out: folds the log into the database from STORE_WAL_PAGES_LOW
 * pages on, without ever waiting for a reader. ERR_IO as for store_append; ERR_NO_SPACE: the
 * database cannot grow. What was committed is in the log, and the next call folds it. */
#define STORE_WAL_PAGES_LOW 500u
MUST_CHECK enum err store_maintain(struct store *store, struct why *why);

/* What is there must be acknowledged before anything is appended. */
bool store_is_locked(const struct store *store);

/* For metrics, and for asking archive to let go of the log at 256 MiB. */
uint64_t store_wal_bytes(const struct store *store);
uint64_t store_size(const struct store *store);
/* As of the last commit. */
const struct reader_head *store_head(const struct store *store);

/* A reader over the writer's own connection, for the stream of a start. The store's. */
struct reader *store_reader(struct store *store);

/* A small batch would be let in: the disk is no longer full. */
void store_set_reserve(struct store *store, uint64_t reserve_bytes);
bool store_has_space(struct store *store, struct instant now);

/* The pairs of the last entries, which fill no block yet: size % FINGERPRINT_BLOCK_ENTRIES of
 * them. Borrowed, changes with an append. */
struct slice store_fingerprint_tail(const struct store *store);

/* From a size that was signed to the size of the last commit, for SIGN_CHECKPOINT.
 * ERR_NOT_FOUND: old_size is more than there is. */
MUST_CHECK enum err store_prove_consistency(
	struct store *store, uint64_t old_size, struct merkle_proof *ret_proof);

#endif
