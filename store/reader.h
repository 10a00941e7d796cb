#ifndef STORE_READER_H
#define STORE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"
#include "store/schema.h"
#include "store/why.h"

/* A connection that can only read (DESIGN-LEDGER.md section 5). It never checkpoints and
 * never holds a read transaction longer than one page of a walk: READER_PAGE_ROWS rows or
 * READER_PAGE_MS, whichever ends first. Between pages the caller pauses at least 1 ms while
 * a node is running, so that the log can be folded.
 *
 * Views point into the reader and die at the next call on the same reader.
 * Errors: ERR_NOT_FOUND no such row; ERR_CORRUPT the row is not what the schema allows;
 * ERR_BUSY the log is being recovered, try again; ERR_IO. reader_open also: ERR_NOT_FOUND no
 * store there, ERR_STALE made by a newer version. */

#define READER_PAGE_ROWS 1000u
#define READER_PAGE_MS   20

struct reader;

struct reader_config {
	const char *dir;   /* <data>/store */
	bool shm_readonly; /* archive: the -shm file must not be writable for us */
};

/* The ledger got another name, in a transaction of the connection that was borrowed. */
void reader_renamed(struct reader *reader, const char *origin);

/* All that is known before an entry is read, as of one moment. */
struct reader_head {
	struct schema_meta meta;
	uint64_t size;       /* entries in the tree = last seq of the last commit */
	uint64_t entry_last; /* last seq that has a row: size, or the store is damaged */
	struct hash root;
	int64_t batch_ts_unix_ms; /* of the last commit; 0 if there was none */
	uint64_t low_water;       /* no state row is stale before this seq */
	uint64_t control_count;
	uint64_t audit_count;
	struct hash audit_head; /* zeros if there is no record */
};

struct reader_entry {
	uint64_t seq;
	struct slice leaf;
	uint64_t prev_account_seq;
	uint64_t prev_counter_seq;
	struct slice memo;
	struct slice salt;
	struct slice receipt;
	struct slice idem_id;
	uint8_t lane; /* enum draft_lane; 0 = none */
	uint64_t lane_nonce;
};

MUST_CHECK enum err reader_open(
	const struct reader_config *config, struct reader **ret_reader, struct why *why);
void reader_close(struct reader *reader); /* NULL is fine */

/* The same functions over the writer's own connection, which it keeps. */
struct sqlite3;
MUST_CHECK enum err reader_borrow(
	struct sqlite3 *db, const char *dir, struct reader **ret_reader, struct why *why);

/* Of its tree; read when it was opened. */
enum merkle_hash reader_hash(const struct reader *reader);

MUST_CHECK enum err reader_head(struct reader *reader, struct reader_head *ret_head);
MUST_CHECK enum err reader_entry(
	struct reader *reader, uint64_t seq, struct reader_entry *ret_entry);
MUST_CHECK enum err reader_txid(struct reader *reader, const struct id128 *txid, uint64_t *ret_seq);
/* The highest one; ERR_NOT_FOUND: there is none. */
MUST_CHECK enum err reader_txid_last(struct reader *reader, struct id128 *ret_txid);
/* The commit that carried seq: the first row with last_seq >= seq. */
MUST_CHECK enum err reader_root_at(
	struct reader *reader, uint64_t seq, struct schema_root *ret_root);
/* Rows with last_seq > since, ascending, at most `limit`; those before a damaged one, and
 * ERR_CORRUPT only if that is the first. */
MUST_CHECK enum err reader_roots_since(struct reader *reader, uint64_t since,
	struct schema_root *ret_roots, size_t limit, size_t *ret_count);
/* A full tile: 256 hashes. */
MUST_CHECK enum err reader_tile(
	struct reader *reader, unsigned level, uint64_t index, struct slice *ret_tile);
/* How many rows there are, for verify: it reads whole tables in one transaction. */
struct reader_counts {
	uint64_t txids;
	uint64_t tiles;
	uint64_t fingerprints;
};

MUST_CHECK enum err reader_counts(struct reader *reader, struct reader_counts *ret_counts);

/* The notes that kms signed last. ERR_NOT_FOUND: none yet. */
MUST_CHECK enum err reader_checkpoint(
	struct reader *reader, struct schema_checkpoint *ret_checkpoint);

/* Block of FINGERPRINT_BLOCK_ENTRIES x FINGERPRINT_BYTES. */
MUST_CHECK enum err reader_fingerprints(
	struct reader *reader, uint64_t block, struct slice *ret_block);

/* One page of rows, in key order from *key on. The callback returns false to end the walk.
 * *key becomes the key to go on from; *ret_done is true when nothing is left.
 * ERR_CORRUPT: *key is the key of the damaged row. */
typedef bool reader_on_entry(void *context, const struct reader_entry *entry);
typedef bool reader_on_root(void *context, const struct schema_root *root);
/* A state row or a control. */
typedef bool reader_on_row(void *context, uint64_t key, struct slice record);
typedef bool reader_on_audit(
	void *context, uint64_t index, struct slice record, const struct hash *hash);

MUST_CHECK enum err reader_entries(struct reader *reader, uint64_t *key, uint64_t last_seq,
	reader_on_entry *on_entry, void *context, bool *ret_done);
MUST_CHECK enum err reader_roots(struct reader *reader, uint64_t *key, uint64_t last_seq,
	reader_on_root *on_root, void *context, bool *ret_done);
MUST_CHECK enum err reader_rows(struct reader *reader, enum schema_table table, uint64_t *key,
	reader_on_row *on_row, void *context, bool *ret_done);
MUST_CHECK enum err reader_controls(
	struct reader *reader, uint64_t *key, reader_on_row *on_row, void *context, bool *ret_done);
MUST_CHECK enum err reader_audits(struct reader *reader, uint64_t *key, reader_on_audit *on_audit,
	void *context, bool *ret_done);

#endif
