#include "store/verify.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/audit.h"
#include "core/batch.h"
#include "core/entry.h"
#include "core/hex.h"
#include "store/fingerprint.h"
#include "store/replay.h"
#include "store/resume.h"
#include "store/tree.h"

#define ROOTS_AHEAD 1000u
#define PAUSE_NS    1000000

struct chunk_place {
	uint64_t true_at_seq;
	uint32_t number;
};

struct verify {
	const struct verify_config *config;
	struct reader *reader;
	struct verify_result *result;
	struct reader_head head;
	struct replay *replay;       /* owned, like all memory here */
	struct resume_memory memory; /* the tree and the block of fingerprints so far */
	struct chunk_place *chunks;  /* by true_at_seq */
	uint64_t *chunk_seqs;        /* by number */
	size_t chunk_count, chunk_next, chunk_max, chunk_seq_count;
	struct schema_root roots[ROOTS_AHEAD];
	size_t root_count, root_next;
	struct schema_root root_before;
	uint64_t seq;                /* the last one that was good */
	uint64_t count;              /* of the walk over other rows */
	uint64_t governed, recorded; /* controls, and audit records of them: as many */
	struct hash audit_head;
	struct witness tail;
	struct witness signed_last;
	struct witness_notes notes;
	enum err err; /* the check could not be made */
};

const char *verify_check_name(enum verify_check check)
{
	static const char *const names[VERIFY_CHECK_COUNT] = { [VERIFY_NONE] = "",
#define AS_NAME(NAME, name) [VERIFY_##NAME] = name,
		VERIFY_CHECKS(AS_NAME)
#undef AS_NAME
	};

	return names[check];
}

/* The first bad thing ends the check. The sentence is in result->what already. */
static bool bad(struct verify *verify, enum verify_check check, uint64_t seq)
{
	verify->result->bad = check;
	verify->result->bad_seq = seq;
	return false;
}

/* Turns what a comparison or a read said into going on or not. */
static bool judge(struct verify *verify, enum err err, enum verify_check check, uint64_t seq,
	const char *what)
{
	switch (err) {
	case ERR_OK:
		verify->result->checked[check]++;
		return true;
	case ERR_CORRUPT:
	case ERR_NOT_FOUND:
	case ERR_MALFORMED:
		if (what != NULL) {
			why_say(&verify->result->what, "%s %llu: %s", verify_check_name(check),
				(unsigned long long)seq, what);
		}
		return bad(verify, check, seq);
	case ERR_TOO_LARGE:
	case ERR_NOT_ROUTED:
	case ERR_STALE:
	case ERR_BUSY:
	case ERR_DENIED:
	case ERR_CONFLICT:
	case ERR_IO:
	case ERR_NO_SPACE:
	case ERR_UNKNOWN:
		break;
	}
	verify->err = err;
	return false;
}

static bool goes_on(const struct verify *verify)
{
	return verify->err == ERR_OK && verify->result->bad == VERIFY_NONE;
}

/* Where the caller gets to do other work, and may have changed its mind. */
static void pause_between_pages(struct verify *verify)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const struct verify_config *config = verify->config;

	if (config->progress != NULL) {
		config->progress(config->context, verify->seq, verify->head.size);
	}
	if (config->stop != NULL && *config->stop && goes_on(verify)) {
		verify->err = ERR_STALE;
	}
	if (config->live) {
		(void)nanosleep(&pause, NULL);
	}
}

/* --- accounts and chunks, before the entries --------------------------------------------- */

static bool on_account(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_account account;

	if (batch_get_account(record, &account) != ERR_OK || account.index != key) {
		return judge(verify, ERR_CORRUPT, VERIFY_ACCOUNT, key, "its row does not decode");
	}
	return judge(verify, replay_account(verify->replay, &account, &verify->result->what),
		VERIFY_ACCOUNT, key, NULL);
}

static bool on_chunk(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_chunk chunk;

	if (batch_get_chunk(record, &chunk) != ERR_OK || chunk.number != key) {
		return judge(verify, ERR_CORRUPT, VERIFY_CHUNK, key, "its row does not decode");
	}
	if (verify->chunk_count == verify->chunk_max) {
		size_t larger_max = verify->chunk_max == 0 ? 1024 : verify->chunk_max * 2;
		void *larger = realloc(verify->chunks, larger_max * sizeof *verify->chunks);

		if (larger == NULL) {
			verify->err = ERR_IO;
			return false;
		}
		verify->chunks = larger;
		verify->chunk_max = larger_max;
	}
	verify->chunks[verify->chunk_count++] =
		(struct chunk_place){ .true_at_seq = chunk.true_at_seq, .number = chunk.number };
	return true;
}

static void walk(struct verify *verify, enum schema_table table, enum verify_check check,
	reader_on_row *on_row)
{
	uint64_t key = 0;
	bool done = false;

	while (!done && goes_on(verify)) {
		enum err err = reader_rows(verify->reader, table, &key, on_row, verify, &done);

		if (err != ERR_OK) {
			(void)judge(verify, err, check, key, "the row is damaged");
		}
		pause_between_pages(verify);
	}
}

static int by_seq(const void *a, const void *b)
{
	const struct chunk_place *left = a;
	const struct chunk_place *right = b;

	return left->true_at_seq < right->true_at_seq ? -1 : left->true_at_seq > right->true_at_seq;
}

static void chunks_sort(struct verify *verify)
{
	size_t count = verify->chunk_count;

	/* Rows come by number: the last one has the largest. */
	verify->chunk_seq_count = count == 0 ? 0 : (size_t)verify->chunks[count - 1].number + 1;
	if (verify->chunk_seq_count > verify->result->checked[VERIFY_ACCOUNT]) {
		(void)judge(verify, ERR_CORRUPT, VERIFY_CHUNK, verify->chunk_seq_count - 1,
			"there are not so many accounts");
		return;
	}
	verify->chunk_seqs = calloc(verify->chunk_seq_count + 1, sizeof *verify->chunk_seqs);
	if (verify->chunk_seqs == NULL) {
		verify->err = ERR_IO;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		verify->chunk_seqs[verify->chunks[i].number] = verify->chunks[i].true_at_seq;
	}
	if (count > 0) {
		qsort(verify->chunks, count, sizeof *verify->chunks, by_seq);
	}
}

struct one_chunk {
	struct batch_chunk chunk;
	bool found;
};

static bool on_one_chunk(void *context, uint64_t key, struct slice record)
{
	struct one_chunk *one = context;

	one->found = batch_get_chunk(record, &one->chunk) == ERR_OK && one->chunk.number == key;
	return false;
}

/* Read again: while a node runs, a newer one may have taken its place since. */
static bool chunk_check(struct verify *verify, const struct chunk_place *place)
{
	struct one_chunk one = { .found = false };
	uint64_t key = place->number;
	bool done = false;
	enum err err = reader_rows(verify->reader, SCHEMA_CHUNK, &key, on_one_chunk, &one, &done);

	if (err == ERR_OK && (!one.found || one.chunk.number != place->number)) {
		err = ERR_CORRUPT;
	}
	if (err != ERR_OK) {
		return judge(verify, err, VERIFY_CHUNK, place->number, "the row is damaged");
	}
	if (one.chunk.true_at_seq != place->true_at_seq) {
		return true;
	}
	return judge(verify, replay_chunk(verify->replay, &one.chunk, &verify->result->what),
		VERIFY_CHUNK, place->number, NULL);
}

static bool chunks_at(struct verify *verify, uint64_t seq)
{
	while (verify->chunk_next < verify->chunk_count &&
		verify->chunks[verify->chunk_next].true_at_seq == seq) {
		if (!chunk_check(verify, &verify->chunks[verify->chunk_next++])) {
			return false;
		}
	}
	if (seq != verify->head.low_water || verify->config->live) {
		return true;
	}
	return judge(verify,
		replay_low_water(verify->replay, verify->chunk_seqs, verify->chunk_seq_count, seq,
			&verify->result->what),
		VERIFY_CHUNK, seq, NULL);
}

/* --- roots --------------------------------------------------------------------------------- */

static bool root_peek(struct verify *verify, uint64_t seq, const struct schema_root **ret_root)
{
	enum err err;

	if (verify->root_next == verify->root_count) {
		verify->root_next = 0;
		verify->root_count = 0;
		err = reader_roots_since(
			verify->reader, seq - 1, verify->roots, ROOTS_AHEAD, &verify->root_count);
		if (err != ERR_OK || verify->root_count == 0) {
			(void)judge(verify, err == ERR_OK ? ERR_NOT_FOUND : err, VERIFY_ROOT, seq,
				"the row of the commit that carries this entry is damaged or gone");
			return false;
		}
	}
	*ret_root = &verify->roots[verify->root_next];
	return true;
}

static bool root_follows(const struct verify *verify, const struct schema_root *root)
{
	const struct schema_root *before = &verify->root_before;

	return root->first_seq == before->last_seq + 1 && root->last_seq >= root->first_seq &&
	       memcmp(&root->prev_root, &before->root, sizeof before->root) == 0 &&
	       root->batch_ts_unix_ms >= before->batch_ts_unix_ms && root->fence >= before->fence &&
	       root->fence <= verify->head.meta.fence;
}

/* At the last entry of a commit. */
static bool root_check(struct verify *verify, uint64_t seq)
{
	const struct schema_root *root;
	struct hash mine;

	if (!root_peek(verify, seq, &root)) {
		return false;
	}
	if (!root_follows(verify, root)) {
		return judge(verify, ERR_CORRUPT, VERIFY_ROOT, verify->root_before.last_seq + 1,
			"the commit that begins here does not continue the one before it");
	}
	if (root->last_seq > seq) {
		return true;
	}
	tile_builder_root(&verify->memory.builder, &mine);
	if (memcmp(&mine, &root->root, sizeof mine) != 0) {
		return judge(verify, ERR_CORRUPT, VERIFY_ROOT, seq,
			"the stored root is not the root of the entries up to here");
	}
	verify->root_before = *root;
	verify->root_next++;
	verify->result->checked[VERIFY_ROOT]++;
	if (replay_commit(verify->replay, &verify->result->what) != ERR_OK) {
		return bad(verify, VERIFY_BALANCE, seq);
	}
	return true;
}

/* --- what is known beside the rows ------------------------------------------------------------ */

static bool witness_begin(
	struct verify *verify, const struct witness *witness, enum verify_check check)
{
	if (!witness->there || witness->size <= verify->head.size) {
		return true;
	}
	why_say(&verify->result->what,
		"%s: says that there are %llu entries, the store ends at %llu",
		verify_check_name(check), (unsigned long long)witness->size,
		(unsigned long long)verify->head.size);
	return judge(verify, ERR_NOT_FOUND, check, verify->head.size + 1, NULL);
}

/* The row of a running node may be of a later moment than what we read. */
static void witnesses_begin(struct verify *verify)
{
	const struct verify_config *config = verify->config;
	struct why *what = &verify->result->what;
	/* A restored store may have an earlier name than the keys, until its next start. */
	bool is_of_keys = config->public_key_origin == NULL ||
			  strcmp(config->public_key_origin, verify->head.meta.origin) == 0;
	enum err err;

	if (is_of_keys) {
		verify->signed_last = config->signed_last;
	}
	if (config->dir != NULL) {
		err = witness_tail(config->dir, &verify->tail, what);
		if (err != ERR_OK) {
			(void)judge(verify, err, VERIFY_TAIL, verify->head.size, NULL);
			return;
		}
	}
	err = witness_notes(verify->reader, &verify->head.meta,
		is_of_keys ? config->public_key : NULL, config->verify_signature, &verify->notes,
		what);
	if (err != ERR_OK) {
		(void)judge(verify, err, VERIFY_CHECKPOINT, 0, NULL);
		return;
	}
	if (config->live && verify->notes.checkpoint.size > verify->head.size) {
		verify->notes = (struct witness_notes){ .has_audit = false };
	}
	(void)(witness_begin(verify, &verify->tail, VERIFY_TAIL) &&
		witness_begin(verify, &verify->notes.checkpoint, VERIFY_CHECKPOINT) &&
		witness_begin(verify, &verify->signed_last, VERIFY_SIGNED) &&
		witness_begin(verify, &config->kept, VERIFY_KEPT));
}

static bool witness_at(
	struct verify *verify, const struct witness *witness, enum verify_check check, uint64_t seq)
{
	char expected[HEX_TEXT_BYTES(HASH_BYTES) + 1], found[HEX_TEXT_BYTES(HASH_BYTES) + 1];
	struct hash mine;

	if (!witness->there || witness->size != seq) {
		return true;
	}
	tile_builder_root(&verify->memory.builder, &mine);
	if (memcmp(&mine, &witness->root, sizeof mine) == 0) {
		verify->result->checked[check]++;
		return true;
	}
	hex_encode(witness->root.bytes, HASH_BYTES, expected);
	hex_encode(mine.bytes, HASH_BYTES, found);
	why_say(&verify->result->what, "%s: says that the root of %llu entries is %s, it is %s",
		verify_check_name(check), (unsigned long long)seq, expected, found);
	return judge(verify, ERR_CORRUPT, check, seq, NULL);
}

static bool witnesses_at(struct verify *verify, uint64_t seq)
{
	return witness_at(verify, &verify->tail, VERIFY_TAIL, seq) &&
	       witness_at(verify, &verify->notes.checkpoint, VERIFY_CHECKPOINT, seq) &&
	       witness_at(verify, &verify->signed_last, VERIFY_SIGNED, seq) &&
	       witness_at(verify, &verify->config->kept, VERIFY_KEPT, seq);
}

/* --- entries -------------------------------------------------------------------------------- */

static enum err on_tile(
	void *context, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH])
{
	struct verify *verify = context;
	struct slice stored;
	enum err err = reader_tile(verify->reader, level, index, &stored);

	if (err == ERR_OK && memcmp(stored.bytes, hashes, stored.bytes_count) != 0) {
		err = ERR_CORRUPT;
	}
	if (err != ERR_OK) {
		uint64_t leaf = 8 * level < 64 ? (index * TILE_WIDTH) << (8 * level) : 0;

		(void)judge(verify, err, VERIFY_TILE, leaf + 1,
			"the tile that begins with this entry is not made of the entries");
		return err;
	}
	verify->result->checked[VERIFY_TILE]++;
	return ERR_OK;
}

static bool fingerprint_check(
	struct verify *verify, const struct entry *entry, const struct reader_entry *row)
{
	const uint8_t *key = verify->head.meta.fingerprint_key;
	uint64_t block = (row->seq - 1) / FINGERPRINT_BLOCK_ENTRIES;
	struct slice stored;
	enum err err;

	if (!resume_fingerprint(&verify->memory, row->seq, fingerprint_of_key(key, entry),
		    fingerprint_of_id(key, entry))) {
		return true;
	}
	err = reader_fingerprints(verify->reader, block, &stored);
	if (err == ERR_OK &&
		memcmp(stored.bytes, verify->memory.fingerprints, stored.bytes_count) != 0) {
		err = ERR_CORRUPT;
	}
	return judge(verify, err, VERIFY_FINGERPRINT, block * FINGERPRINT_BLOCK_ENTRIES + 1,
		"the block of fingerprints that begins with this entry is wrong");
}

static bool txid_check(struct verify *verify, const struct entry *entry)
{
	uint64_t seq = 0;
	enum err err;

	if (entry->source != SOURCE_V1) {
		return true;
	}
	err = reader_txid(verify->reader, &entry->id, &seq);
	if (err == ERR_OK && seq != entry->seq) {
		err = ERR_CORRUPT;
	}
	return judge(verify, err, VERIFY_TXID, entry->seq, "its txid does not lead to it");
}

static bool on_entry(void *context, const struct reader_entry *row)
{
	struct verify *verify = context;
	const uint64_t expected_seq = verify->seq + 1;
	const struct schema_root *root;
	struct entry entry;

	if (row->seq != expected_seq) {
		return judge(verify, ERR_NOT_FOUND, VERIFY_ENTRY, expected_seq, "is missing");
	}
	if (entry_decode(row->leaf, &entry) != ERR_OK || entry.seq != row->seq) {
		return judge(verify, ERR_CORRUPT, VERIFY_ENTRY, expected_seq,
			"its leaf does not decode to an entry with this seq");
	}
	if (!root_peek(verify, row->seq, &root)) {
		return false;
	}
	if (tree_append(&verify->memory.builder, row->leaf.bytes, row->leaf.bytes_count, on_tile,
		    verify) != ERR_OK) {
		return false;
	}
	if (!judge(verify,
		    replay_entry(verify->replay, &entry, row, root->batch_ts_unix_ms,
			    &verify->result->what),
		    VERIFY_BALANCE, row->seq, NULL) ||
		!txid_check(verify, &entry) || !fingerprint_check(verify, &entry, row) ||
		!root_check(verify, row->seq) || !witnesses_at(verify, row->seq) ||
		!chunks_at(verify, row->seq)) {
		return false;
	}
	verify->result->checked[VERIFY_ENTRY]++;
	verify->seq = row->seq;
	return true;
}

static void entries_check(struct verify *verify)
{
	uint64_t key = 1;
	bool done = !chunks_at(verify, 0);

	while (!done && goes_on(verify)) {
		enum err err = reader_entries(
			verify->reader, &key, verify->head.size, on_entry, verify, &done);

		if (err != ERR_OK && goes_on(verify)) {
			(void)judge(verify, err, VERIFY_ENTRY, key, "the row is damaged");
		}
		pause_between_pages(verify);
	}
	if (goes_on(verify) && verify->head.entry_last > verify->head.size) {
		(void)judge(verify, ERR_CORRUPT, VERIFY_ENTRY, verify->head.size + 1,
			"no commit carries it");
	}
	if (goes_on(verify) && verify->seq != verify->head.size) {
		(void)judge(verify, ERR_NOT_FOUND, VERIFY_ENTRY, verify->seq + 1, "is missing");
	}
}

/* --- what is left --------------------------------------------------------------------------- */

static bool on_claim(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_claim claim;

	if (batch_get_claim(record, &claim) != ERR_OK || claim.original_seq != key) {
		return judge(verify, ERR_CORRUPT, VERIFY_CLAIM, key, "its row does not decode");
	}
	return judge(verify, replay_claim(verify->replay, &claim, &verify->result->what),
		VERIFY_CLAIM, key, NULL);
}

static bool on_counter(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_counter counter;

	if (batch_get_counter(record, &counter) != ERR_OK || counter.number != key) {
		return judge(verify, ERR_CORRUPT, VERIFY_COUNTER, key, "its row does not decode");
	}
	if (key != verify->result->checked[VERIFY_COUNTER]) { /* they are numbered from zero on */
		return judge(verify, ERR_NOT_FOUND, VERIFY_COUNTER,
			verify->result->checked[VERIFY_COUNTER], "is missing");
	}
	verify->result->checked[VERIFY_COUNTER]++;
	return true;
}

static bool on_control(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_control control;

	if (key > verify->head.control_count) {
		return false; /* came while we were reading */
	}
	if (key != ++verify->count) {
		return judge(verify, ERR_NOT_FOUND, VERIFY_CONTROL, verify->count, "is missing");
	}
	if (batch_get_control(record, &control) != ERR_OK) {
		return judge(verify, ERR_CORRUPT, VERIFY_CONTROL, key, "its row does not decode");
	}
	verify->governed += control.kind != CONTROL_SETTLED; /* its entries tell of that one */
	verify->result->checked[VERIFY_CONTROL]++;
	return true;
}

static bool on_audit(void *context, uint64_t index, struct slice record, const struct hash *hash)
{
	struct verify *verify = context;
	struct batch_audit audit;

	if (index > verify->head.audit_count) {
		return false;
	}
	if (index != ++verify->count) {
		return judge(verify, ERR_NOT_FOUND, VERIFY_AUDIT, verify->count, "is missing");
	}
	schema_audit_link(&verify->audit_head, record, &verify->audit_head);
	if (memcmp(hash, &verify->audit_head, sizeof *hash) != 0) {
		return judge(verify, ERR_CORRUPT, VERIFY_AUDIT, index,
			"the hash chain breaks at this record");
	}
	if (verify->notes.has_audit && index == verify->notes.audit_count &&
		memcmp(hash, &verify->notes.audit_head, sizeof *hash) != 0) {
		return judge(verify, ERR_CORRUPT, VERIFY_AUDIT, index,
			"the signed audit note says another hash of the chain up to here");
	}
	if (batch_get_audit(record, &audit) != ERR_OK) {
		return judge(verify, ERR_CORRUPT, VERIFY_AUDIT, index, "its row does not decode");
	}
	verify->recorded += audit.kind == AUDIT_GOVERNANCE || audit.kind == AUDIT_REVOCATION;
	verify->result->checked[VERIFY_AUDIT]++;
	return true;
}

static void controls_check(struct verify *verify)
{
	uint64_t key = 0;
	bool done = false;

	verify->count = 0;
	while (!done && goes_on(verify) && key <= verify->head.control_count) {
		enum err err = reader_controls(verify->reader, &key, on_control, verify, &done);

		if (err != ERR_OK) {
			(void)judge(verify, err, VERIFY_CONTROL, key, "the row is damaged");
		}
		pause_between_pages(verify);
	}
	if (goes_on(verify) && verify->count < verify->head.control_count) {
		(void)judge(verify, ERR_NOT_FOUND, VERIFY_CONTROL, verify->count + 1, "is missing");
	}
}

static void audits_check(struct verify *verify)
{
	uint64_t key = 0;
	bool done = false;

	verify->count = 0;
	while (!done && goes_on(verify) && key <= verify->head.audit_count) {
		enum err err = reader_audits(verify->reader, &key, on_audit, verify, &done);

		if (err != ERR_OK) {
			(void)judge(verify, err, VERIFY_AUDIT, key, "the row is damaged");
		}
		pause_between_pages(verify);
	}
	if (goes_on(verify) && verify->count < verify->head.audit_count) {
		(void)judge(verify, ERR_NOT_FOUND, VERIFY_AUDIT, verify->count + 1, "is missing");
	}
	if (goes_on(verify) && verify->notes.has_audit &&
		verify->notes.audit_count > verify->head.audit_count && !verify->config->live) {
		(void)judge(verify, ERR_NOT_FOUND, VERIFY_AUDIT, verify->head.audit_count + 1,
			"is missing: the signed audit note counts more records");
	}
}

/* Each control came with its record, so that the last one of either cannot be cut off unseen. */
static void controls_compare(struct verify *verify)
{
	bool is_control = verify->governed < verify->recorded;

	if (verify->governed != verify->recorded) {
		why_say(&verify->result->what,
			"%s: there are %llu freezes, limits and revocations, and %llu audit "
			"records "
			"of them",
			verify_check_name(is_control ? VERIFY_CONTROL : VERIFY_AUDIT),
			(unsigned long long)verify->governed, (unsigned long long)verify->recorded);
		(void)judge(verify, ERR_NOT_FOUND, is_control ? VERIFY_CONTROL : VERIFY_AUDIT,
			(is_control ? verify->head.control_count : verify->head.audit_count) + 1,
			NULL);
	}
}

/* Rows that nothing in an entry leads to. */
static void counts_check(struct verify *verify)
{
	struct reader_counts counts;
	uint64_t tiles = 0;
	enum err err = reader_counts(verify->reader, &counts);

	if (err != ERR_OK) {
		verify->err = err;
		return;
	}
	for (unsigned level = 0; level < TILE_LEVELS_MAX; level++) {
		tiles += tile_full_count(level, verify->head.size);
	}
	if (counts.txids != verify->result->checked[VERIFY_TXID]) {
		(void)judge(verify, ERR_CORRUPT, VERIFY_TXID, 0, "there are more than entries");
	} else if (counts.tiles != tiles) {
		(void)judge(
			verify, ERR_CORRUPT, VERIFY_TILE, 0, "there are more than the tree has");
	} else if (counts.fingerprints != verify->head.size / FINGERPRINT_BLOCK_ENTRIES) {
		(void)judge(verify, ERR_CORRUPT, VERIFY_FINGERPRINT, 0,
			"there are more blocks than entries fill");
	}
}

static void tables_check(struct verify *verify)
{
	walk(verify, SCHEMA_CLAIM, VERIFY_CLAIM, on_claim);
	if (goes_on(verify) &&
		verify->result->checked[VERIFY_CLAIM] != replay_claim_count(verify->replay)) {
		(void)judge(verify, ERR_NOT_FOUND, VERIFY_CLAIM, 0,
			"there are fewer rows than the entries leave claims");
	}
	if (goes_on(verify)) {
		counts_check(verify);
	}
}

/* Claims and counts of rows are those of the last commit, so what was found about them counts
 * only if that is still the one that we began with. */
static void claims_check(struct verify *verify)
{
	struct reader_head now;
	enum err err;

	tables_check(verify);
	err = verify->err == ERR_OK ? reader_head(verify->reader, &now) : verify->err;
	if (err != ERR_OK) {
		verify->err = err;
	} else if (now.size != verify->head.size) {
		verify->result->claims_moved = true;
		verify->result->bad = VERIFY_NONE;
		verify->result->bad_seq = 0;
		verify->result->what.text[0] = '\0';
	}
}

static void check_all(struct verify *verify)
{
	witnesses_begin(verify);
	walk(verify, SCHEMA_ACCOUNT, VERIFY_ACCOUNT, on_account);
	walk(verify, SCHEMA_CHUNK, VERIFY_CHUNK, on_chunk);
	if (goes_on(verify)) {
		chunks_sort(verify);
	}
	if (goes_on(verify)) {
		entries_check(verify);
	}
	if (goes_on(verify)) {
		(void)judge(verify, replay_sums(verify->replay, &verify->result->what),
			VERIFY_BALANCE, verify->seq, NULL);
	}
	controls_check(verify);
	audits_check(verify);
	if (goes_on(verify)) {
		controls_compare(verify);
	}
	walk(verify, SCHEMA_COUNTER, VERIFY_COUNTER, on_counter);
	if (goes_on(verify)) {
		claims_check(verify);
	}
}

static void verify_destroy(struct verify *verify)
{
	if (verify == NULL) {
		return;
	}
	replay_destroy(verify->replay);
	free(verify->chunks);
	free(verify->chunk_seqs);
	free(verify);
}

enum err verify_store(
	const struct verify_config *config, struct verify_result *ret_result, struct why *why)
{
	struct verify_result result = { .good = false };
	struct verify *verify = calloc(1, sizeof *verify);
	enum err err = ERR_IO;

	if (verify == NULL || (verify->replay = replay_create()) == NULL) {
		why_say(why, "no memory to verify");
		goto out;
	}
	verify->config = config;
	verify->reader = config->reader;
	verify->result = &result;
	err = reader_head(verify->reader, &verify->head);
	if (err == ERR_OK) {
		result.size = verify->head.size;
		result.root = verify->head.root;
		tile_builder_init(&verify->memory.builder, verify->head.meta.hash);
		merkle_empty(verify->head.meta.hash, &verify->root_before.root);
		check_all(verify);
	} else {
		(void)judge(verify, err, VERIFY_HEAD, 0,
			"the meta row, the last root, or the last entry is damaged");
	}
	err = verify->err;
	if (err != ERR_OK) {
		why_say(why, "the store could not be read to its end: %s", err_text(err));
		goto out;
	}
	result.good = result.bad == VERIFY_NONE;
	*ret_result = result;
out:
	verify_destroy(verify);
	return err;
}
