#include "services/kms/keys_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/worker.h"
#include "core/bytes.h"
#include "core/sha256.h"
#include "services/kms/signed_file.h"

#define NAME     "keyring"
#define NAME_NEW "keyring.new"

#define RECORD_HEAD_BYTES 8u

static const uint8_t magic[8] = { 'm', 'n', 'k', 'e', 'y', 's', 0, 1 };

/* --- what lies there --- */

void keys_file_demand_ours(struct worker *worker, int fd, mode_t type, const char *what)
{
	struct stat info;

	if (fstat(fd, &info) != 0) {
		worker_fail(worker, "%s: %s", what, strerror(errno));
	}
	if ((info.st_mode & S_IFMT) != type) {
		worker_fail(worker, "%s is not what it should be: a %s", what,
			type == S_IFDIR ? "directory" : "regular file");
	}
	if (info.st_uid != geteuid()) {
		worker_fail(worker, "%s belongs to uid %ld, and must belong to kms (uid %ld)", what,
			(long)info.st_uid, (long)geteuid());
	}
	if ((info.st_mode & 077) != 0) {
		worker_fail(worker, "%s is open to others (mode %03o); it holds secret keys", what,
			(unsigned)info.st_mode & 0777u);
	}
}

/* What a genesis leaves that was interrupted. */
static bool may_lie_there(struct worker *worker, int dir_fd, const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, NAME_NEW) == 0 ||
	       strcmp(name, SIGNED_FILE_NAME_NEW) == 0 ||
	       (strcmp(name, SIGNED_FILE_NAME) == 0 && signed_file_is_fresh(worker, dir_fd));
}

/* Without a keyring, nothing else may be there: keys that something else depends on may have
 * been lost, and new ones would hide that. */
static void demand_empty(struct worker *worker, int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		worker_fail(worker, "the key directory cannot be listed: %s", strerror(errno));
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!may_lie_there(worker, dir_fd, entry->d_name)) {
			worker_fail(worker,
				"the key directory has no " NAME " but holds %.64s: restore the "
				"keyring, or empty the directory to make new keys",
				entry->d_name);
		}
	}
	(void)closedir(dir);
}

bool keys_file_open(struct keys_file *file, struct worker *worker, const char *dir)
{
	file->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (file->dir_fd < 0) {
		worker_fail(worker, "the key directory %s: %s", dir, strerror(errno));
	}
	keys_file_demand_ours(worker, file->dir_fd, S_IFDIR, "the key directory");
	file->fd = openat(file->dir_fd, NAME, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (file->fd < 0 && errno == ENOENT) {
		demand_empty(worker, file->dir_fd);
		return false;
	}
	if (file->fd < 0) {
		worker_fail(worker, "the keyring cannot be opened: %s", strerror(errno));
	}
	keys_file_demand_ours(worker, file->fd, S_IFREG, "the keyring");
	(void)close(file->dir_fd);
	file->dir_fd = -1;
	return true;
}

/* --- genesis --- */

void keys_file_create_begin(struct keys_file *file, struct worker *worker)
{
	/* what a genesis leaves that was interrupted: nobody has seen a key of it */
	file->fd = file_begin(file->dir_fd, NAME_NEW);
	if (file->fd < 0 || !file_write(file->fd, 0, magic, sizeof magic)) {
		worker_fail(worker, "the keyring cannot be made: %s", strerror(errno));
	}
	file->size = sizeof magic;
	sha256_hash(magic, sizeof magic, &file->chain);
}

void keys_file_create_end(struct keys_file *file, struct worker *worker)
{
	if (!file_publish(file->dir_fd, file->fd, NAME_NEW, NAME)) {
		worker_fail(worker, "the keyring cannot be made: %s", strerror(errno));
	}
	(void)close(file->dir_fd);
	file->dir_fd = -1;
}

/* --- reading --- */

static noreturn void damaged(const struct keys_file *file, struct worker *worker, const char *what)
{
	worker_fail(worker,
		"the keyring is damaged at byte %llu: %s; restore it from a copy of the key "
		"directory",
		(unsigned long long)file->size, what);
}

/* How much there is, at most `bytes_count`: less only at the end of the file. */
static size_t read_some(const struct keys_file *file, struct worker *worker, uint64_t offset,
	uint8_t *buffer, size_t bytes_count)
{
	size_t got_bytes = 0;

	if (!file_read(file->fd, offset, buffer, bytes_count, &got_bytes)) {
		worker_fail(worker, "the keyring cannot be read: %s", strerror(errno));
	}
	return got_bytes;
}

void keys_file_rewind(struct keys_file *file, struct worker *worker)
{
	uint8_t found[sizeof magic];

	file->size = 0;
	if (read_some(file, worker, 0, found, sizeof found) != sizeof found ||
		memcmp(found, magic, sizeof magic - 1) != 0) {
		damaged(file, worker, "it is no keyring of macronode");
	}
	if (found[sizeof magic - 1] != magic[sizeof magic - 1]) {
		worker_fail(worker,
			"the keyring has format version %u, this macronode reads version %u",
			found[sizeof magic - 1], magic[sizeof magic - 1]);
	}
	file->size = sizeof magic;
	sha256_hash(magic, sizeof magic, &file->chain);
}

static struct hash chain_next(const struct hash *chain, struct slice payload)
{
	const struct slice parts[] = { { chain->bytes, HASH_BYTES }, payload };
	struct hash next;

	sha256_hash_parts(parts, COUNT_OF(parts), &next);
	return next;
}

void keys_file_trim(struct keys_file *file, struct worker *worker)
{
	if (file->tail_bytes == 0) {
		return;
	}
	log_event(LOG_KEYRING_CUT, &(struct log_fields){ .bytes = file->tail_bytes });
	if (ftruncate(file->fd, (off_t)file->size) != 0 || fsync(file->fd) != 0) {
		worker_fail(worker, "an unfinished record cannot be removed from the keyring: %s",
			strerror(errno));
	}
	file->tail_bytes = 0;
}

struct slice keys_file_next(struct keys_file *file, struct worker *worker,
	uint8_t buffer[KEYS_FILE_RECORD_BYTES_MAX], uint64_t *ret_offset)
{
	const struct slice none = { NULL, 0 };
	size_t head = read_some(file, worker, file->size, buffer, RECORD_HEAD_BYTES);
	struct byte_reader in = byte_reader_of((struct slice){ buffer, RECORD_HEAD_BYTES });
	struct slice payload = { buffer + RECORD_HEAD_BYTES, 0 };
	struct hash chain;
	size_t rest, got;

	if (head < RECORD_HEAD_BYTES) {
		file->tail_bytes = (uint32_t)head;
		return none;
	}
	payload.bytes_count = byte_get_u32(&in);
	if (byte_get_u32(&in) != (uint32_t)~payload.bytes_count || payload.bytes_count == 0 ||
		payload.bytes_count > KEYS_FILE_PAYLOAD_BYTES_MAX) {
		damaged(file, worker, "a length contradicts itself");
	}
	rest = payload.bytes_count + HASH_BYTES;
	got = read_some(file, worker, file->size + head, buffer + head, rest);
	if (got < rest) {
		file->tail_bytes = (uint32_t)(head + got);
		return none;
	}
	chain = chain_next(&file->chain, payload);
	if (memcmp(chain.bytes, payload.bytes + payload.bytes_count, HASH_BYTES) != 0) {
		damaged(file, worker, "a checksum does not fit");
	}
	*ret_offset = file->size + head;
	file->chain = chain;
	file->size += head + rest;
	return payload;
}

enum err keys_file_read(
	const struct keys_file *file, uint64_t offset, uint8_t *buffer, size_t bytes_count)
{
	size_t got_bytes = 0;

	return file_read(file->fd, offset, buffer, bytes_count, &got_bytes) &&
			       got_bytes == bytes_count
		       ? ERR_OK
		       : ERR_IO;
}

/* --- adding --- */

/* The file as it was. After this nothing of the record can come back at the next start. */
static enum err take_back(struct keys_file *file, struct worker *worker, int why)
{
	if (ftruncate(file->fd, (off_t)file->size) != 0 || fdatasync(file->fd) != 0) {
		worker_fail(worker, "the keyring cannot be written: %s", strerror(why));
	}
	return file_err(why);
}

enum err keys_file_append(struct keys_file *file, struct worker *worker,
	uint8_t buffer[KEYS_FILE_RECORD_BYTES_MAX], size_t payload_bytes, uint64_t *ret_offset)
{
	struct byte_writer head = byte_writer_of(buffer, RECORD_HEAD_BYTES);
	struct slice payload = { buffer + RECORD_HEAD_BYTES, payload_bytes };
	size_t record_bytes = RECORD_HEAD_BYTES + payload_bytes + HASH_BYTES;
	struct hash chain;

	assert(payload_bytes > 0 && payload_bytes <= KEYS_FILE_PAYLOAD_BYTES_MAX);
	chain = chain_next(&file->chain, payload);
	byte_put_u32(&head, (uint32_t)payload_bytes);
	byte_put_u32(&head, ~(uint32_t)payload_bytes);
	memcpy(buffer + RECORD_HEAD_BYTES + payload_bytes, chain.bytes, HASH_BYTES);
	if (!file_write(file->fd, file->size, buffer, record_bytes)) {
		return take_back(file, worker, errno);
	}
	if (fdatasync(file->fd) != 0) {
		/* What is on disk is unknown now; only a new start can look. */
		worker_fail(worker, "the keyring cannot be synced: %s", strerror(errno));
	}
	*ret_offset = file->size + RECORD_HEAD_BYTES;
	file->chain = chain;
	file->size += record_bytes;
	return ERR_OK;
}
