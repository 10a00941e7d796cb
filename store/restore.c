#include "store/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/batch.h"
#include "core/entry.h"
#include "core/hex.h"
#include "store/fingerprint.h"
#include "store/receipts.h"
#include "store/replay.h"
#include "store/resume.h"
#include "store/sql.h"
#include "store/tail.h"
#include "store/tree.h"
#include "store/writer.h"

struct restore {
	const char *dir; /* NULL: nothing is written */
	struct restore_head head;
	struct schema_meta meta;
	sqlite3 *db;           /* owned, like all below */
	struct writer *writer; /* NULL: nothing is written */
	struct replay *replay;
	struct schema_root *commits;
	size_t commit_count, commit_max, commit_next;
	struct resume_memory memory;
	uint64_t control_count;
	uint64_t audit_count;
	struct hash audit_head;
	uint32_t counter_count;
};

void restore_destroy(struct restore *restore)
{
	if (restore == NULL) {
		return;
	}
	writer_destroy(restore->writer);
	(void)sqlite3_close(restore->db);
	replay_destroy(restore->replay);
	free(restore->commits);
	free(restore);
}

static enum err corrupt(struct why *why, const char *what, uint64_t number, const char *text)
{
	why_say(why, "%s %llu: %s", what, (unsigned long long)number, text);
	return ERR_CORRUPT;
}

/* --- the file ------------------------------------------------------------------------------ */

static bool path_of(const struct restore *restore, char ret_path[4096])
{
	int length = snprintf(ret_path, 4096, "%s/%s", restore->dir, SCHEMA_DATABASE);

	return length > 0 && length < 4096;
}

/* Made by us, so that its mode is that of every store. */
static enum err file_create(const struct restore *restore, const char *path, struct why *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0) {
		why_say(why, "%s: cannot create: %s", path, strerror(errno));
		return errno == EEXIST ? ERR_CONFLICT : errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
	}
	(void)close(fd);
	(void)restore;
	return ERR_OK;
}

static enum err database_create(struct restore *restore, struct why *why)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	char path[4096];
	enum err err = path_of(restore, path) ? ERR_OK : ERR_TOO_LARGE;

	if (err == ERR_OK) {
		err = file_create(restore, path, why);
	}
	if (err != ERR_OK) {
		return err;
	}
	err = sql_err(NULL, sqlite3_open_v2(path, &restore->db, flags, NULL));
	if (err == ERR_OK) {
		/* One transaction without a journal: a failure leaves what is to be deleted. */
		err = sql_exec(restore->db, "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF;"
					    "PRAGMA synchronous = OFF; PRAGMA temp_store = memory;"
					    "PRAGMA mmap_size = 0; PRAGMA cache_size = -65536;"
					    "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE");
	}
	if (err == ERR_OK) {
		err = schema_create(restore->db, &restore->meta);
	}
	if (err == ERR_OK) {
		err = writer_create(restore->db, restore->meta.fingerprint_key, &restore->writer);
	}
	if (err != ERR_OK) {
		sql_say(why, restore->db, restore->dir, "create a ledger in it");
	}
	return err;
}

static enum err wrote(const struct restore *restore, enum err err, struct why *why)
{
	if (err != ERR_OK) {
		sql_say(why, restore->db, restore->dir, "write it");
	}
	return err;
}

enum err restore_begin(
	const struct restore_config *config, struct restore **ret_restore, struct why *why)
{
	struct restore *restore = calloc(1, sizeof *restore);
	enum err err = ERR_IO;

	if (restore == NULL || (restore->replay = replay_create()) == NULL) {
		why_say(why, "no memory to restore");
		goto out;
	}
	if (strlen(config->head.origin) > SCHEMA_ORIGIN_BYTES_MAX ||
		config->head.size > MERKLE_SIZE_MAX) {
		why_say(why, "the origin is too long, or the size too large");
		err = ERR_MALFORMED;
		goto out;
	}
	restore->dir = config->dir;
	restore->head = config->head;
	restore->meta = (struct schema_meta){ .version = SCHEMA_VERSION,
		.hash = config->head.hash,
		.born_unix_ms = config->head.born_unix_ms };
	memcpy(restore->meta.fingerprint_key, config->fingerprint_key, FINGERPRINT_KEY_BYTES);
	memcpy(restore->meta.origin, config->head.origin, strlen(config->head.origin));
	restore->head.origin = restore->meta.origin;
	replay_grow(restore->replay);
	tile_builder_init(&restore->memory.builder, config->head.hash);
	err = config->dir == NULL ? ERR_OK : database_create(restore, why);
	if (err != ERR_OK) {
		goto out;
	}
	*ret_restore = restore;
	restore = NULL; /* handed over */
out:
	restore_destroy(restore);
	return err;
}

/* --- commits ------------------------------------------------------------------------------- */

static enum err commit_follows(
	const struct restore *restore, const struct schema_root *commit, struct why *why)
{
	struct schema_root before = { .last_seq = 0 };

	merkle_empty(restore->head.hash, &before.root);
	if (restore->commit_count > 0) {
		before = restore->commits[restore->commit_count - 1];
	}
	if (commit->first_seq != before.last_seq + 1 || commit->last_seq < commit->first_seq ||
		commit->last_seq > restore->head.size ||
		memcmp(&commit->prev_root, &before.root, sizeof before.root) != 0 ||
		commit->batch_ts_unix_ms < before.batch_ts_unix_ms ||
		commit->fence < before.fence || commit->fence > MERKLE_SIZE_MAX) {
		return corrupt(why, "root", before.last_seq + 1,
			"the commit that begins here does not continue the one before it");
	}
	return ERR_OK;
}

enum err restore_commit(struct restore *restore, const struct schema_root *commit, struct why *why)
{
	enum err err = commit_follows(restore, commit, why);

	if (err != ERR_OK) {
		return err;
	}
	if (restore->commit_count == restore->commit_max) {
		size_t larger_max = restore->commit_max == 0 ? 1024 : restore->commit_max * 2;
		void *larger = realloc(restore->commits, larger_max * sizeof *restore->commits);

		if (larger == NULL) {
			why_say(why, "no memory for commits");
			return ERR_IO;
		}
		restore->commits = larger;
		restore->commit_max = larger_max;
	}
	restore->commits[restore->commit_count++] = *commit;
	if (commit->fence > restore->meta.fence) {
		restore->meta.fence = commit->fence;
	}
	return restore->writer == NULL ? ERR_OK
				       : wrote(restore, writer_root(restore->writer, commit), why);
}

enum err restore_root_at(const struct restore *restore, uint64_t size, struct hash *ret_root)
{
	size_t low = 0, high = restore->commit_count;

	if (size == 0) {
		merkle_empty(restore->head.hash, ret_root);
		return ERR_OK;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (restore->commits[middle].last_seq < size) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == restore->commit_count || restore->commits[low].last_seq != size) {
		return ERR_NOT_FOUND;
	}
	*ret_root = restore->commits[low].root;
	return ERR_OK;
}

uint64_t restore_size(const struct restore *restore)
{
	return tile_builder_size(&restore->memory.builder);
}

uint64_t restore_audit_count(const struct restore *restore)
{
	return restore->audit_count;
}

struct hash restore_audit_head(const struct restore *restore)
{
	return restore->audit_head;
}

/* --- entries ------------------------------------------------------------------------------- */

static enum err put_tile(
	void *context, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH])
{
	struct restore *restore = context;

	return restore->writer == NULL ? ERR_OK
				       : writer_tile(restore->writer, level, index, hashes);
}

static enum err put_entry(struct restore *restore, const struct entry *entry,
	const struct batch_entry *record, struct why *why)
{
	const uint8_t *key = restore->meta.fingerprint_key;
	enum err err;

	if (restore->writer == NULL) {
		return ERR_OK;
	}
	err = writer_entry(restore->writer, entry->seq, record);
	if (err == ERR_OK) {
		err = writer_entries_end(restore->writer); /* what it borrows dies with the call */
	}
	if (err == ERR_OK && entry->source == SOURCE_V1) {
		err = writer_txid(restore->writer, &entry->id, entry->seq);
	}
	if (err == ERR_OK &&
		resume_fingerprint(&restore->memory, entry->seq, fingerprint_of_key(key, entry),
			fingerprint_of_id(key, entry))) {
		err = writer_fingerprints(restore->writer,
			(entry->seq - 1) / FINGERPRINT_BLOCK_ENTRIES,
			(struct slice){ restore->memory.fingerprints,
				sizeof restore->memory.fingerprints });
	}
	return wrote(restore, err, why);
}

/* At the last entry of a commit its root must have come out. */
static enum err commit_end(struct restore *restore, uint64_t seq, struct why *why)
{
	const struct schema_root *commit = &restore->commits[restore->commit_next];
	struct hash mine;

	if (commit->last_seq > seq) {
		return ERR_OK;
	}
	tile_builder_root(&restore->memory.builder, &mine);
	if (memcmp(&mine, &commit->root, sizeof mine) != 0) {
		return corrupt(why, "root", seq,
			"the root of this commit is not the root of the entries up to here");
	}
	restore->commit_next++;
	return replay_commit(restore->replay, why);
}

enum err restore_entry(struct restore *restore, struct slice body, struct why *why)
{
	const uint64_t seq = restore_size(restore) + 1;
	struct reader_entry row = { .seq = seq };
	struct batch_entry record;
	struct entry entry;
	u128 own_before, own_after;
	enum err err;

	if (restore->commit_next == restore->commit_count) {
		return corrupt(why, "entry", seq, "no commit carries it");
	}
	if (batch_get_entry(body, &record) != ERR_OK ||
		entry_decode(record.leaf, &entry) != ERR_OK) {
		return corrupt(why, "entry", seq, "does not decode");
	}
	if (entry.seq != seq) {
		return corrupt(why, "entry", seq, "is missing, another one stands in its place");
	}
	row.leaf = record.leaf;
	row.prev_account_seq = record.prev_account_seq;
	row.prev_counter_seq = record.prev_counter_seq;
	row.lane = record.lane;
	row.lane_nonce = record.lane_nonce;
	row.receipt = record.receipt;
	if (record.has_memo) {
		row.memo = record.memo;
		row.salt = (struct slice){ record.salt, ENTRY_SALT_BYTES };
	}
	err = replay_entry(restore->replay, &entry, &row,
		restore->commits[restore->commit_next].batch_ts_unix_ms, why);
	if (err == ERR_OK) {
		replay_own(restore->replay, &own_before, &own_after);
		err = receipts_check(&entry, &row, own_before, own_after, why);
	}
	if (err == ERR_OK) {
		err = wrote(restore,
			tree_append(&restore->memory.builder, record.leaf.bytes,
				record.leaf.bytes_count, put_tile, restore),
			why);
	}
	if (err == ERR_OK) {
		err = put_entry(restore, &entry, &record, why);
	}
	return err == ERR_OK ? commit_end(restore, seq, why) : err;
}

/* --- the other records --------------------------------------------------------------------- */

enum err restore_control(struct restore *restore, struct slice body, struct why *why)
{
	const uint64_t index = ++restore->control_count;
	struct batch_control control;

	if (batch_get_control(body, &control) != ERR_OK) {
		return corrupt(why, "control", index, "does not decode");
	}
	return restore->writer == NULL
		       ? ERR_OK
		       : wrote(restore, writer_control(restore->writer, index, body), why);
}

enum err restore_audit(struct restore *restore, struct slice body, struct why *why)
{
	const uint64_t index = ++restore->audit_count;
	struct batch_audit audit;

	if (batch_get_audit(body, &audit) != ERR_OK) {
		return corrupt(why, "audit", index, "does not decode");
	}
	schema_audit_link(&restore->audit_head, body, &restore->audit_head);
	return restore->writer == NULL
		       ? ERR_OK
		       : wrote(restore,
				 writer_audit(restore->writer, index, body, &restore->audit_head),
				 why);
}

/* Counters of a running node are read after its entries: an asset may be newer than the last of
 * those. Their numbers are only places, but without a gap. */
enum err restore_counter(struct restore *restore, struct slice body, struct why *why)
{
	uint8_t bytes[256];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct batch_counter counter;

	if (batch_get_counter(body, &counter) != ERR_OK) {
		return corrupt(why, "counter", restore->counter_count, "does not decode");
	}
	if (counter.asset.bytes_count > 0 && !replay_has_asset(restore->replay, counter.asset)) {
		return ERR_OK;
	}
	counter.number = restore->counter_count++;
	if (restore->writer == NULL) {
		return ERR_OK;
	}
	batch_put_counter(&out, &counter);
	assert(!out.failed);
	return wrote(restore,
		writer_row(restore->writer, SCHEMA_COUNTER, counter.number,
			(struct slice){ bytes + BATCH_HEAD_BYTES, out.used - BATCH_HEAD_BYTES }),
		why);
}

enum err restore_notes(
	struct restore *restore, const struct schema_checkpoint *notes, struct why *why)
{
	if (restore->writer == NULL) {
		return ERR_OK;
	}
	return wrote(restore, writer_checkpoint(restore->writer, notes), why);
}

/* --- the end -------------------------------------------------------------------------------- */

static enum err head_compare(const struct restore *restore, struct why *why)
{
	const struct restore_head *head = &restore->head;
	uint64_t size = restore_size(restore);
	char expected[2 * HASH_BYTES + 1];
	char found[2 * HASH_BYTES + 1];
	struct hash root;

	if (size != head->size || restore->commit_next != restore->commit_count) {
		why_say(why, "entry %llu: is missing, %llu were expected",
			(unsigned long long)size + 1, (unsigned long long)head->size);
		return ERR_CORRUPT;
	}
	tile_builder_root(&restore->memory.builder, &root);
	if (memcmp(&root, &head->root, sizeof root) != 0) {
		hex_encode(head->root.bytes, HASH_BYTES, expected);
		hex_encode(root.bytes, HASH_BYTES, found);
		why_say(why, "root %llu: is %s, expected %s", (unsigned long long)size, found,
			expected);
		return ERR_CORRUPT;
	}
	if (restore->control_count != head->control_count) {
		return corrupt(why, "control", restore->control_count + 1,
			"there are not as many as the head says");
	}
	if (head->audit_count != RESTORE_AUDITS_UNKNOWN &&
		(restore->audit_count != head->audit_count ||
			memcmp(&restore->audit_head, &head->audit_head, sizeof head->audit_head) !=
				0)) {
		return corrupt(why, "audit", restore->audit_count,
			"the chain does not end with the count and hash that the head says");
	}
	return replay_sums(restore->replay, why);
}

static enum err put_row(struct restore *restore, enum schema_table table, uint64_t key,
	const struct byte_writer *out, const uint8_t *bytes)
{
	assert(!out->failed);
	return writer_row(restore->writer, table, key,
		(struct slice){ bytes + BATCH_HEAD_BYTES, out->used - BATCH_HEAD_BYTES });
}

static enum err accounts_write(struct restore *restore)
{
	uint8_t bytes[BATCH_HEAD_BYTES + BATCH_CHUNK_BYTES_MAX];
	size_t count = replay_account_count(restore->replay);
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
		struct batch_account account;

		replay_account_row(restore->replay, i, &account);
		batch_put_account(&out, &account);
		err = put_row(restore, SCHEMA_ACCOUNT, i, &out, bytes);
	}
	for (size_t i = 0; err == ERR_OK && i * BATCH_CHUNK_ACCOUNTS < count; i++) {
		struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
		struct batch_chunk chunk;

		replay_chunk_row(restore->replay, (uint32_t)i, restore->head.size, &chunk);
		batch_put_chunk(&out, &chunk);
		err = put_row(restore, SCHEMA_CHUNK, i, &out, bytes);
	}
	return err;
}

static enum err claims_write(struct restore *restore)
{
	uint8_t bytes[256];
	struct batch_claim claim;
	size_t place = 0;
	enum err err = ERR_OK;

	while (err == ERR_OK && replay_claim_row(restore->replay, &place, &claim)) {
		struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

		batch_put_claim(&out, &claim);
		err = put_row(restore, SCHEMA_CLAIM, claim.original_seq, &out, bytes);
	}
	return err;
}

/* One transaction so far; the log is what a node expects to find. */
static enum err database_finish(struct restore *restore, struct why *why)
{
	enum err err = accounts_write(restore);

	if (err == ERR_OK) {
		err = claims_write(restore);
	}
	if (err == ERR_OK) {
		err = writer_meta(restore->writer, &restore->meta, restore->head.batch_ts_unix_ms,
			restore->head.size);
	}
	if (err == ERR_OK) {
		err = writer_commit(restore->writer);
	}
	writer_destroy(restore->writer);
	restore->writer = NULL;
	if (err == ERR_OK) {
		err = sql_exec(restore->db,
			"PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = DELETE;"
			"PRAGMA journal_mode = WAL");
	}
	if (err != ERR_OK) {
		sql_say(why, restore->db, restore->dir, "write it");
		return err;
	}
	(void)sqlite3_close(restore->db);
	restore->db = NULL;
	return ERR_OK;
}

/* Behind the close: closing any descriptor of the file would drop SQLite's locks. */
static enum err files_sync(const struct restore *restore, struct why *why)
{
	const struct tail_mark mark = { .size = restore->head.size, .root = restore->head.root };
	struct tail tail = { .fd = -1 };
	int dir_fd = open(restore->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir_fd < 0 ? -1 : openat(dir_fd, SCHEMA_DATABASE, O_RDWR | O_CLOEXEC);
	enum err err = fd < 0 || fsync(fd) != 0 ? ERR_IO : ERR_OK;

	if (err == ERR_OK) {
		err = tail_reset(&tail, dir_fd, restore->dir, &mark, why);
	}
	if (err == ERR_OK && fsync(dir_fd) != 0) {
		err = ERR_IO;
	}
	if (err != ERR_OK) {
		why_say(why, "%s: cannot sync it: %s", restore->dir, strerror(errno));
	}
	tail_close(&tail);
	if (fd >= 0) {
		(void)close(fd);
	}
	if (dir_fd >= 0) {
		(void)close(dir_fd);
	}
	return err;
}

enum err restore_finish(struct restore *restore, struct why *why)
{
	enum err err = head_compare(restore, why);

	if (err == ERR_OK && restore->writer != NULL) {
		err = database_finish(restore, why);
		if (err == ERR_OK) {
			err = files_sync(restore, why);
		}
	}
	return err;
}
