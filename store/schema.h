#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/merkle.h"
#include "store/why.h"

/* What is in ledger.db, shared by the writer and the reader:
 *
 *   meta          one row: what the genesis fixed, the fence, and what moves without a root
 *   entries       seq -> leaf bytes, links to the previous entries of its accounts, and what
 *                 is not hashed: memo and salt (erasable), receipt, idem_id, nonce lane
 *   txids         txid -> seq, of source v2 alone; grows at its end because txids do
 *   roots         last seq of a commit -> its first seq, root, previous root, batch_ts, fence
 *   tiles         level << 56 | index -> 256 hashes; full ones only
 *   fingerprints  block -> 4096 x (u64 of the key, u64 of the id); full ones only
 *   accounts, chunks, claims, counters: state of the sequencer, key -> record
 *   controls      index from 1 -> record
 *   audits        index from 1 -> (record, SHA-256 of the hash before it and the record)
 *   checkpoints   at most one row: the two notes that kms signed last, and over what
 *
 * Records are the bodies of core/batch.h as they came.
 *
 * Each row of meta, entries, roots, controls, checkpoints and the state tables has a `sum` of its
 * other columns, but for those that a leaf covers (SipHash under the fingerprint key, 0 as 1). It
 * is no proof against anybody who writes to the file; it finds a flipped bit where no tree would.
 *
 * Every table but txids is keyed by its rowid; there is no second index and no random key,
 * because one costs four fifths of the rate (DESIGN.md section 12). */

#define SCHEMA_VERSION          1u
#define SCHEMA_ORIGIN_BYTES_MAX 128u
#define SCHEMA_DATABASE         "ledger.db"

#define FINGERPRINT_KEY_BYTES 16u

/* Fingerprints of 4096 consecutive entries are one row: block b holds seqs
 * b * 4096 + 1 ... (b + 1) * 4096, each as u64 of the key and u64 of the id. */
#define FINGERPRINT_BLOCK_ENTRIES 4096u
#define FINGERPRINT_BYTES         16u

struct schema_meta {
	uint32_t version;
	enum merkle_hash hash;
	uint64_t fence; /* a boot counter */
	int64_t born_unix_ms;
	uint8_t fingerprint_key[FINGERPRINT_KEY_BYTES];
	char origin[SCHEMA_ORIGIN_BYTES_MAX + 1];
};

/* State of the sequencer that is written in place, under batch_record_key(). */
#define SCHEMA_STATE_TABLES(T) \
	T(ACCOUNT, accounts)   \
	T(CHUNK, chunks)       \
	T(CLAIM, claims)       \
	T(COUNTER, counters)

enum schema_table {
#define AS_ENUM(NAME, name) SCHEMA_##NAME,
	SCHEMA_STATE_TABLES(AS_ENUM)
#undef AS_ENUM
		SCHEMA_TABLE_COUNT
};

/* The key of a full tile's row. */
#define SCHEMA_TILE_INDEX_MAX ((UINT64_C(1) << 56) - 1)
static inline uint64_t schema_tile_key(unsigned level, uint64_t index)
{
	return (uint64_t)level << 56 | index;
}

/* A row of roots: one commit. */
struct schema_root {
	uint64_t first_seq;
	uint64_t last_seq;
	struct hash root;
	struct hash prev_root;
	int64_t batch_ts_unix_ms;
	uint64_t fence;
};

/* What kms signed last (core/note.h): the checkpoint over a committed tree, and the note over the
 * audit records that were there when it was asked. Views borrow. */
#define SCHEMA_NOTE_BYTES_MAX 512u
struct schema_checkpoint {
	uint64_t size;
	struct hash root;
	uint64_t audit_count;
	struct hash audit_head;
	struct slice checkpoint;
	struct slice audit;
};

/* The sum of a row: numbers, then bytes. 0, which no row has, if they are more than any row may
 * hold. */
#define SCHEMA_SUM_BYTES_MAX 4096u
uint64_t schema_sum(const uint8_t key[FINGERPRINT_KEY_BYTES], const uint64_t *numbers,
	size_t number_count, const struct slice *parts, size_t part_count);
uint64_t schema_root_sum(const uint8_t key[FINGERPRINT_KEY_BYTES], const struct schema_root *root);
uint64_t schema_checkpoint_sum(
	const uint8_t key[FINGERPRINT_KEY_BYTES], const struct schema_checkpoint *checkpoint);
uint64_t schema_meta_sum(
	const struct schema_meta *meta, int64_t batch_ts_unix_ms, uint64_t low_water);

/* The audit chain: SHA-256(hash of the record before, zeros for the first || record). */
void schema_audit_link(const struct hash *before, struct slice record, struct hash *ret_hash);

struct sqlite3;

/* All tables and the meta row, inside the caller's transaction. */
MUST_CHECK enum err schema_create(struct sqlite3 *db, const struct schema_meta *meta);
/* Tables that a ledger was made without, by an earlier build of this version. */
MUST_CHECK enum err schema_complete(struct sqlite3 *db);
/* ERR_NOT_FOUND: an empty database; ERR_STALE: of a newer version; ERR_CORRUPT: no ledger.
 * `dir` is for the sentence. */
MUST_CHECK enum err schema_read(
	struct sqlite3 *db, const char *dir, struct schema_meta *ret_meta, struct why *why);

#endif
