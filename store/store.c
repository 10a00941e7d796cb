#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/space.h"
#include "core/hex.h"
#include "store/append.h"
#include "store/resume.h"
#include "store/sql.h"
#include "store/wal.h"
#include "store/writer.h"

#define ORIGIN_PREFIX       "macronode.local/"
#define ORIGIN_RANDOM_BYTES 8u

/* What a batch of so many bytes may take on the disk: its pages, the tree's, the state's. */
#define DISK_BYTES(records_bytes) (4 * (uint64_t)(records_bytes) + 65536)

struct store {
	char *dir; /* owned */
	int dir_fd;
	bool broken; /* what is on disk is not known: everything is refused */
	bool locked; /* until store_acknowledge */
	uint32_t wal_pages;
	sqlite3 *db;           /* owned, like the next two */
	struct reader *reader; /* over db */
	struct writer *writer;
	struct tail tail;
	struct space space;
	struct reader_head head; /* as of the last commit */
	struct resume_memory memory;
	bool checkpoint_waits; /* for the next transaction; its views are of `notes` */
	struct schema_checkpoint checkpoint;
	uint8_t notes[2][SCHEMA_NOTE_BYTES_MAX];
};

void store_close(struct store *store)
{
	if (store == NULL) {
		return;
	}
	writer_destroy(store->writer);
	reader_close(store->reader);
	(void)sqlite3_close(store->db); /* NULL is fine */
	tail_close(&store->tail);
	if (store->dir_fd >= 0) {
		(void)close(store->dir_fd);
	}
	free(store->dir);
	free(store);
}

/* --- the directory and the files in it ------------------------------------------------- */

/* What others may write is not what we acknowledged. */
static enum err file_is_ours(
	const struct store *store, const char *name, bool *ret_there, struct why *why)
{
	struct stat status;

	*ret_there = false;
	if (fstatat(store->dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT) {
			return ERR_OK;
		}
		why_say(why, "%s/%s: cannot look at it: %s", store->dir, name, strerror(errno));
		return ERR_IO;
	}
	if (!S_ISREG(status.st_mode)) {
		why_say(why, "wrong_type: %s/%s is not a regular file", store->dir, name);
		return ERR_DENIED;
	}
	if (status.st_uid != geteuid()) {
		why_say(why, "wrong_owner: %s/%s belongs to uid %u, expected %u", store->dir, name,
			(unsigned)status.st_uid, (unsigned)geteuid());
		return ERR_DENIED;
	}
	if ((status.st_mode & 0600) != 0600 || (status.st_mode & 022) != 0) {
		why_say(why, "wrong_mode: %s/%s has mode %04o, expected 0640: %s", store->dir, name,
			(unsigned)status.st_mode & 07777,
			(status.st_mode & 022) != 0 ? "others may write to it"
						    : "its owner may not use it");
		return ERR_DENIED;
	}
	*ret_there = true;
	return ERR_OK;
}

static enum err files_are_ours(const struct store *store, struct why *why)
{
	static const char *const names[] = { SCHEMA_DATABASE, SCHEMA_DATABASE "-wal",
		SCHEMA_DATABASE "-shm", TAIL_NAME };
	enum err err = ERR_OK;
	bool there;

	for (size_t i = 0; err == ERR_OK && i < sizeof names / sizeof names[0]; i++) {
		err = file_is_ours(store, names[i], &there, why);
	}
	return err;
}

static enum err dir_open(struct store *store, const char *dir, struct why *why)
{
	struct stat status;

	store->dir = strdup(dir);
	store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir == NULL || store->dir_fd < 0 || fstat(store->dir_fd, &status) != 0) {
		if (errno == EACCES) {
			why_say(why, "wrong_mode: %s cannot be opened by uid %u", dir,
				(unsigned)geteuid());
			return ERR_DENIED;
		}
		why_say(why, "%s: cannot open the store directory: %s", dir, strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
	}
	if (status.st_uid != geteuid()) {
		why_say(why, "wrong_owner: %s belongs to uid %u, expected %u", dir,
			(unsigned)status.st_uid, (unsigned)geteuid());
		return ERR_DENIED;
	}
	return ERR_OK;
}

static enum err refuse_genesis(const struct store *store, struct why *why)
{
	why_say(why,
		"%s: there is no ledger in it, but tokens were minted for one: mount its disk or "
		"restore it; for a new ledger move the key directory away",
		store->dir);
	return ERR_NOT_FOUND;
}

/* Made by us, so that its mode is ours too; SQLite gives its log and index the same one. */
static enum err database_touch(
	struct store *store, const struct store_config *config, struct why *why)
{
	bool there = false;
	int fd;
	enum err err = file_is_ours(store, SCHEMA_DATABASE, &there, why);

	if (err != ERR_OK || there) {
		return err;
	}
	if (config->in_use) {
		return refuse_genesis(store, why); /* and leave the directory as it is */
	}
	fd = openat(store->dir_fd, SCHEMA_DATABASE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0) {
		if (errno == EACCES || errno == EROFS) {
			why_say(why, "wrong_mode: %s: nothing can be made in it by uid %u: %s",
				store->dir, (unsigned)geteuid(), strerror(errno));
			return ERR_DENIED;
		}
		why_say(why, "%s/%s: cannot create: %s", store->dir, SCHEMA_DATABASE,
			strerror(errno));
		return errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
	}
	(void)close(fd); /* SQLite does not have it open yet, so no lock is lost */
	return ERR_OK;
}

static enum err database_open(struct store *store, struct why *why)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	char path[4096];
	int length = snprintf(path, sizeof path, "%s/%s", store->dir, SCHEMA_DATABASE);
	enum err err;

	if (length < 0 || (size_t)length >= sizeof path) {
		why_say(why, "%s: the path is too long", store->dir);
		return ERR_TOO_LARGE;
	}
	err = sql_err(NULL, sqlite3_open_v2(path, &store->db, flags, NULL));
	if (err == ERR_OK) {
		(void)sqlite3_extended_result_codes(store->db, 1);
		(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		/* FULL: acknowledged means on disk, also after a power loss. temp_store, or it
		 * would open files after the sandbox closed. */
		err = sql_exec(store->db, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
					  "PRAGMA synchronous = FULL; PRAGMA temp_store = memory;"
					  "PRAGMA mmap_size = 0; PRAGMA cache_size = -16384;"
					  "PRAGMA wal_autocheckpoint = 0;");
	}
	if (err == ERR_OK) {
		err = wal_adopt(store->db, &store->wal_pages);
	}
	if (err != ERR_OK) {
		sql_say(why, store->db, store->dir, "open it");
	}
	return err;
}

/* --- the start -------------------------------------------------------------------------- */

static enum err genesis(struct store *store, const struct store_config *config, struct why *why)
{
	struct schema_meta meta = {
		.version = SCHEMA_VERSION, .hash = config->hash, .born_unix_ms = config->now_unix_ms
	};
	enum err err;

	memcpy(meta.fingerprint_key, config->random, FINGERPRINT_KEY_BYTES);
	if (config->origin != NULL && config->origin[0] != '\0') {
		if (strlen(config->origin) > SCHEMA_ORIGIN_BYTES_MAX) {
			why_say(why, "%s: the origin is longer than %u bytes", store->dir,
				SCHEMA_ORIGIN_BYTES_MAX);
			return ERR_TOO_LARGE;
		}
		strncpy(meta.origin, config->origin, SCHEMA_ORIGIN_BYTES_MAX);
	} else {
		memcpy(meta.origin, ORIGIN_PREFIX, sizeof ORIGIN_PREFIX);
		hex_encode(config->random + FINGERPRINT_KEY_BYTES, ORIGIN_RANDOM_BYTES,
			meta.origin + sizeof ORIGIN_PREFIX - 1);
	}
	err = sql_exec(store->db, "BEGIN IMMEDIATE");
	if (err == ERR_OK) {
		err = schema_create(store->db, &meta);
	}
	if (err == ERR_OK) {
		err = sql_exec(store->db, "COMMIT");
	}
	if (err == ERR_OK && fsync(store->dir_fd) != 0) {
		err = ERR_IO;
	}
	if (err != ERR_OK) {
		sql_say(why, store->db, store->dir, "create a ledger in it");
	}
	return err;
}

/* "name" and "name/j" before "name/k"; 0 is the name alone. */
static bool number_of(const char *origin, const char *name, size_t name_bytes, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *c = origin + name_bytes;

	if (strncmp(origin, name, name_bytes) != 0 || (*c != '\0' && *c != '/')) {
		return false;
	}
	if (*c == '/' && (c[1] == '0' || strlen(c) < 2 || strlen(c) > 10)) {
		return false;
	}
	for (c += *c == '/' ? 1 : 0; *c != '\0'; c++) {
		if (*c < '0' || *c > '9') {
			return false;
		}
		number = number * 10 + (uint64_t)(*c - '0');
	}
	*ret_number = number;
	return true;
}

static bool is_earlier_name(const char *earlier, const char *origin)
{
	const char *slash = strrchr(origin, '/');
	size_t name_bytes = slash == NULL ? 0 : (size_t)(slash - origin);
	uint64_t before = 0, now = 0;

	return slash != NULL && number_of(earlier, origin, name_bytes, &before) &&
	       number_of(origin, origin, name_bytes, &now) && before < now;
}

/* kms names the ledger; a restore behind what was signed is followed by another name. */
static enum err config_agrees(const struct store *store, const struct store_config *config,
	const struct schema_meta *meta, struct why *why)
{
	bool is_named = config->origin != NULL && config->origin[0] != '\0';

	if (meta->hash != config->hash) {
		why_say(why, "%s/%s: engine.hash is %s there and fixed, configured is %s",
			store->dir, SCHEMA_DATABASE,
			meta->hash == MERKLE_BLAKE3 ? "blake3" : "sha256",
			config->hash == MERKLE_BLAKE3 ? "blake3" : "sha256");
		return ERR_CONFLICT;
	}
	if (is_named && strcmp(meta->origin, config->origin) != 0 &&
		!(config->has_had_names && is_earlier_name(meta->origin, config->origin))) {
		why_say(why, "%s/%s: is the ledger of %s, configured is %s", store->dir,
			SCHEMA_DATABASE, meta->origin, config->origin);
		return ERR_CONFLICT;
	}
	return ERR_OK;
}

static enum err schema_settle(
	struct store *store, const struct store_config *config, bool *ret_born, struct why *why)
{
	struct schema_meta *meta = &store->head.meta;
	bool born = false;
	enum err err = schema_read(store->db, store->dir, meta, why);

	if (err == ERR_NOT_FOUND && config->in_use) {
		return refuse_genesis(store, why);
	}
	if (err == ERR_NOT_FOUND) {
		born = true;
		err = genesis(store, config, why);
		if (err == ERR_OK) {
			err = schema_read(store->db, store->dir, meta, why);
		}
	}
	if (err == ERR_OK) {
		err = config_agrees(store, config, meta, why);
	}
	if (err == ERR_OK) {
		*ret_born = born;
	}
	return err;
}

static enum err log_settle(struct store *store, struct why *why)
{
	enum err err = wal_fold_all(store->db);

	if (err == ERR_BUSY) {
		why_say(why, "%s/%s: another process reads it, the start needs it alone",
			store->dir, SCHEMA_DATABASE);
		return err;
	}
	if (err == ERR_OK) {
		err = wal_preallocate(store->db);
	}
	if (err != ERR_OK) {
		sql_say(why, store->db, store->dir, "fold its log with a sync");
	}
	return err;
}

/* The first transaction of every start: whoever wrote before writes no more. */
static enum err fence_raise(struct store *store, struct why *why)
{
	struct reader_head *head = &store->head;
	enum err err = writer_begin(store->writer);

	if (err == ERR_OK) {
		err = reader_head(store->reader, head);
		if (err == ERR_OK && head->entry_last != head->size) {
			err = ERR_CORRUPT;
		}
		if (err == ERR_OK) {
			head->meta.fence++;
			err = writer_meta(store->writer, &head->meta, head->batch_ts_unix_ms,
				head->low_water);
		}
		if (err == ERR_OK) {
			err = writer_commit(store->writer);
		} else {
			writer_rollback(store->writer);
		}
	}
	if (err == ERR_CORRUPT) {
		why_say(why,
			"%s/%s: its meta row, last root and last entry disagree; "
			"run `macronode verify`",
			store->dir, SCHEMA_DATABASE);
	} else if (err != ERR_OK) {
		sql_say(why, store->db, store->dir, "raise its fence");
	}
	return err;
}

/* Is what was acknowledged last still there, and the same? */
static enum err tail_compare(struct store *store, struct store_state *state)
{
	struct schema_root at = { .last_seq = 0 };
	enum err err;

	if (state->tail.size == 0) {
		return ERR_OK;
	}
	err = reader_root_at(store->reader, state->tail.size, &at);
	if (err != ERR_OK || at.last_seq != state->tail.size ||
		memcmp(&at.root, &state->tail.root, sizeof at.root) != 0) {
		state->tail_finding = STORE_TAIL_SHORT;
	}
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err tail_settle(struct store *store, const struct store_config *config,
	struct store_state *state, struct why *why)
{
	const struct tail_mark now = { .size = store->head.size, .root = store->head.root };
	enum err err = tail_open(
		&store->tail, store->dir_fd, store->dir, store->head.size == 0, &state->tail, why);

	if (err == ERR_OK) {
		err = tail_compare(store, state);
	} else if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) {
		state->tail_finding = err == ERR_CORRUPT ? STORE_TAIL_BROKEN : STORE_TAIL_GONE;
		err = ERR_OK;
	}
	store->locked = config->suspect || state->tail_finding != STORE_TAIL_GOOD;
	if (err == ERR_OK && !store->locked) {
		err = tail_write(&store->tail, &now);
	}
	return err;
}

static enum err start(struct store *store, const struct store_config *config,
	struct store_state *state, struct why *why)
{
	enum err err = schema_settle(store, config, &state->born, why);

	if (err == ERR_OK) {
		err = log_settle(store, why);
	}
	if (err == ERR_OK) {
		err = schema_complete(store->db);
		if (err != ERR_OK) {
			sql_say(why, store->db, store->dir, "add a table");
		}
	}
	if (err == ERR_OK) {
		err = reader_borrow(store->db, store->dir, &store->reader, why);
	}
	if (err == ERR_OK) {
		err = writer_create(store->db, store->head.meta.fingerprint_key, &store->writer);
	}
	if (err == ERR_OK) {
		err = fence_raise(store, why);
	}
	if (err == ERR_OK) {
		err = resume_all(store->reader, store->dir, &store->head, &store->memory, why);
	}
	if (err == ERR_OK) {
		err = tail_settle(store, config, state, why);
	}
	state->head = store->head;
	return err;
}

enum err store_open(const struct store_config *config, struct store **ret_store,
	struct store_state *ret_state, struct why *why)
{
	struct store_state state = { .born = false };
	struct store *store = calloc(1, sizeof *store);
	enum err err = ERR_IO;

	if (store == NULL) {
		why_say(why, "%s: out of memory", config->dir);
		return ERR_IO;
	}
	store->dir_fd = -1;
	store->tail.fd = -1;
	err = dir_open(store, config->dir, why);
	if (err == ERR_OK) {
		space_init(&store->space, store->dir_fd, config->disk_reserve_bytes);
		err = files_are_ours(store, why);
	}
	if (err == ERR_OK) {
		err = database_touch(store, config, why);
	}
	if (err == ERR_OK) {
		err = database_open(store, why);
	}
	if (err == ERR_OK) {
		err = start(store, config, &state, why);
	}
	if (err != ERR_OK) {
		store_close(store);
		return err;
	}
	*ret_store = store;
	*ret_state = state;
	return ERR_OK;
}

/* --- appending --------------------------------------------------------------------------- */

static bool continues(const struct store *store, const struct store_batch *batch)
{
	const struct reader_head *head = &store->head;

	return batch->fence == head->meta.fence && batch->first_seq == head->size + 1 &&
	       memcmp(&batch->prev_root, &head->root, sizeof head->root) == 0 &&
	       batch->batch_ts_unix_ms >= head->batch_ts_unix_ms &&
	       batch->low_water >= head->low_water;
}

/* The fence in the file, seen from inside the transaction: is it still us who writes? */
static enum err transact(struct store *store, const struct store_batch *batch,
	struct append_end *ret_end, struct instant *ret_sync_began)
{
	uint64_t fence = 0;
	enum err err = writer_begin(store->writer);

	if (err != ERR_OK) {
		return err == ERR_BUSY ? ERR_CONFLICT : err;
	}
	err = writer_fence_get(store->writer, &fence);
	if (err == ERR_OK && fence != batch->fence) {
		err = ERR_CONFLICT;
	}
	if (err == ERR_OK) {
		err = append_batch(store->writer, &store->memory, &store->head, batch, ret_end);
	}
	if (err == ERR_OK && store->checkpoint_waits) {
		err = writer_checkpoint(store->writer, &store->checkpoint);
	}
	if (err != ERR_OK) {
		writer_rollback(store->writer);
		return err;
	}
	*ret_sync_began = clock_now();
	return writer_commit(store->writer);
}

static void undo(struct store *store, enum err err)
{
	bool harmless = err == ERR_CONFLICT || err == ERR_MALFORMED || err == ERR_NO_SPACE;

	if (!harmless || resume_all(store->reader, store->dir, &store->head, &store->memory,
				 NULL) != ERR_OK) {
		store->broken = true;
	}
}

static void advance(
	struct store *store, const struct store_batch *batch, const struct append_end *end)
{
	struct reader_head *head = &store->head;
	const struct tail_mark mark = {
		.size = head->size + end->entry_count,
		.root = end->root,
	};

	head->size = mark.size;
	head->entry_last = mark.size;
	head->root = end->root;
	head->batch_ts_unix_ms = batch->batch_ts_unix_ms;
	head->low_water = batch->low_water;
	head->control_count = end->control_count;
	head->audit_count = end->audit_count;
	head->audit_head = end->audit_head;
	store->checkpoint_waits = false;
	if (batch->origin != NULL) {
		memset(head->meta.origin, 0, sizeof head->meta.origin);
		strncpy(head->meta.origin, batch->origin, SCHEMA_ORIGIN_BYTES_MAX);
		reader_renamed(store->reader, head->meta.origin);
	}
	/* The commit is on disk, whatever becomes of its mark; but no further one without. */
	if (end->entry_count > 0 && tail_write(&store->tail, &mark) != ERR_OK) {
		store->broken = true;
	}
}

static struct store_commit commit_of(const struct store *store)
{
	return (struct store_commit){
		.size = store->head.size,
		.root = store->head.root,
		.control_count = store->head.control_count,
		.audit_count = store->head.audit_count,
		.audit_head = store->head.audit_head,
	};
}

static enum err repeat(struct store *store, const struct store_batch *batch,
	struct store_commit *ret_commit, struct why *why)
{
	struct schema_root root;
	enum err err = append_compare(store->reader, batch, &root);

	if (err != ERR_OK) {
		why_say(why, "%s/%s: another batch than this one begins at seq %llu", store->dir,
			SCHEMA_DATABASE, (unsigned long long)batch->first_seq);
		return err;
	}
	*ret_commit = commit_of(store);
	ret_commit->size = root.last_seq;
	ret_commit->root = root.root;
	ret_commit->entry_count = root.last_seq - root.first_seq + 1;
	ret_commit->repeated = true;
	return ERR_OK;
}

enum err store_append(struct store *store, const struct store_batch *batch, struct instant now,
	struct store_commit *ret_commit, struct why *why)
{
	struct append_end end;
	struct instant sync_began = now;
	enum err err;

	if (store->broken) {
		why_say(why, "%s: the outcome of an earlier commit is not known", store->dir);
		return ERR_UNKNOWN;
	}
	if (batch->first_seq <= store->head.size) {
		return repeat(store, batch, ret_commit, why);
	}
	if (store->locked) {
		why_say(why, "%s: what is there must be acknowledged; see `macronode recover`",
			store->dir);
		return ERR_DENIED;
	}
	if (!continues(store, batch)) {
		why_say(why,
			"%s/%s: the batch of seq %llu and fence %llu does not continue "
			"%llu entries under fence %llu",
			store->dir, SCHEMA_DATABASE, (unsigned long long)batch->first_seq,
			(unsigned long long)batch->fence, (unsigned long long)store->head.size,
			(unsigned long long)store->head.meta.fence);
		return ERR_CONFLICT;
	}
	err = space_check(
		&store->space, now, DISK_BYTES(batch->records.bytes_count), store_wal_bytes(store));
	if (err != ERR_OK) {
		why_say(why, "%s: %s", store->dir, err_text(err));
		return err;
	}
	err = transact(store, batch, &end, &sync_began);
	if (err != ERR_OK) {
		sql_say(why, store->db, store->dir, "append a batch");
		undo(store, err);
		return err;
	}
	advance(store, batch, &end);
	*ret_commit = commit_of(store);
	ret_commit->entry_count = end.entry_count;
	ret_commit->sync_began = sync_began;
	return ERR_OK;
}

/* --- the rest ---------------------------------------------------------------------------- */

enum err store_acknowledge(
	struct store *store, uint64_t size, const struct hash *root, struct why *why)
{
	const struct tail_mark mark = { .size = size, .root = *root };
	enum err err;

	if (size != store->head.size || memcmp(root, &store->head.root, sizeof *root) != 0) {
		why_say(why, "%s/%s: has %llu entries, and not the acknowledged size and root",
			store->dir, SCHEMA_DATABASE, (unsigned long long)store->head.size);
		return ERR_CONFLICT;
	}
	err = tail_reset(&store->tail, store->dir_fd, store->dir, &mark, why);
	store->locked = err != ERR_OK;
	return err;
}

bool store_is_locked(const struct store *store)
{
	return store->locked;
}

enum err store_checkpoint_keep(struct store *store, const struct schema_checkpoint *checkpoint)
{
	const struct slice parts[] = { checkpoint->checkpoint, checkpoint->audit };

	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (parts[i].bytes_count == 0 || parts[i].bytes_count > SCHEMA_NOTE_BYTES_MAX) {
			return ERR_TOO_LARGE;
		}
	}
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		memcpy(store->notes[i], parts[i].bytes, parts[i].bytes_count);
	}
	store->checkpoint = *checkpoint;
	store->checkpoint.checkpoint.bytes = store->notes[0];
	store->checkpoint.audit.bytes = store->notes[1];
	store->checkpoint_waits = true;
	return ERR_OK;
}

bool store_checkpoint_waits(const struct store *store)
{
	return store->checkpoint_waits;
}

/* A batch of nothing. */
enum err store_checkpoint_flush(struct store *store, struct instant now, struct why *why)
{
	const struct reader_head *head = &store->head;
	const struct store_batch batch = {
		.fence = head->meta.fence,
		.first_seq = head->size + 1,
		.prev_root = head->root,
		.batch_ts_unix_ms = head->batch_ts_unix_ms,
		.low_water = head->low_water,
	};
	struct store_commit commit;

	return store->checkpoint_waits ? store_append(store, &batch, now, &commit, why) : ERR_OK;
}

enum err store_maintain(struct store *store, struct why *why)
{
	bool all = false;
	enum err err;

	if (store->broken) {
		why_say(why, "%s: its last write failed, or that of the tail", store->dir);
		return ERR_UNKNOWN;
	}
	if (store->wal_pages < STORE_WAL_PAGES_LOW) {
		return ERR_OK;
	}
	err = wal_fold_some(store->db, &all);
	if (err != ERR_OK) {
		sql_say(why, store->db, store->dir, "fold its log");
		store->broken = err != ERR_NO_SPACE; /* else the log stays as long as it is */
		return err;
	}
	if (all) {
		store->wal_pages = 0; /* the next commit begins it anew */
	}
	return ERR_OK;
}

uint64_t store_wal_bytes(const struct store *store)
{
	return (uint64_t)store->wal_pages * WAL_FRAME_BYTES;
}

struct reader *store_reader(struct store *store)
{
	return store->reader;
}

void store_set_reserve(struct store *store, uint64_t reserve_bytes)
{
	space_set_reserve(&store->space, reserve_bytes);
}

bool store_has_space(struct store *store, struct instant now)
{
	return space_check(&store->space, now, DISK_BYTES(0), store_wal_bytes(store)) == ERR_OK;
}

uint64_t store_size(const struct store *store)
{
	return store->head.size;
}

const struct reader_head *store_head(const struct store *store)
{
	return &store->head;
}

struct slice store_fingerprint_tail(const struct store *store)
{
	size_t count = store->head.size % FINGERPRINT_BLOCK_ENTRIES;

	return (struct slice){ store->memory.fingerprints, count * FINGERPRINT_BYTES };
}

enum err store_prove_consistency(
	struct store *store, uint64_t old_size, struct merkle_proof *ret_proof)
{
	struct tile_view view = {
		.builder = &store->memory.builder, .load = resume_tile_load, .store = store->reader
	};

	return merkle_prove_consistency(store->head.meta.hash, old_size, store->head.size,
		tile_view_node, &view, ret_proof);
}
