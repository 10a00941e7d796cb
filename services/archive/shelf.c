#include "services/archive/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "core/blake3.h"

#define MANIFEST_SUFFIX ".cbor"
#define TEMP_PREFIX     "put-"
#define TEMP_SUFFIX     ".tmp"

/* Files take whole blocks. */
#define BLOCK_BYTES 4096u

/* A file is handed to the disk whenever so much of it is new: what a slow disk writes in a few
 * hundredths of a second. */
#define HAND_OVER_BYTES (4u * 1024u * 1024u)

#define SCRATCH_BYTES (MANIFEST_BYTES_OF(OBJECT_CHUNKS_MAX) + HASH_BYTES)

/* --- names --- */

static void name_of(const struct hash *id, const char *suffix, char ret_name[SHELF_NAME_BYTES])
{
	hex_encode(id->bytes, HASH_BYTES, ret_name);
	memcpy(ret_name + HEX_TEXT_BYTES(HASH_BYTES), suffix, strlen(suffix) + 1);
}

static void temp_name(uint64_t number, const char *suffix, char ret_name[SHELF_NAME_BYTES])
{
	(void)snprintf(ret_name, SHELF_NAME_BYTES, TEMP_PREFIX "%" PRIu64 "%s" TEMP_SUFFIX, number,
		suffix);
}

/* The rest of the name behind an id; NULL when it does not begin with one. */
static const char *parse_name(const char *name, struct hash *ret_id)
{
	size_t bytes_count = strlen(name);
	size_t id_bytes = HEX_TEXT_BYTES(HASH_BYTES);

	if (bytes_count < id_bytes ||
		hex_decode(name, id_bytes, ret_id->bytes, HASH_BYTES) != ERR_OK) {
		return NULL;
	}
	return name + id_bytes;
}

static bool is_temp(const char *name)
{
	size_t bytes_count = strlen(name);
	size_t suffix_bytes = sizeof TEMP_SUFFIX - 1;

	return strncmp(name, TEMP_PREFIX, sizeof TEMP_PREFIX - 1) == 0 &&
	       bytes_count > suffix_bytes &&
	       strcmp(name + bytes_count - suffix_bytes, TEMP_SUFFIX) == 0;
}

/* --- life, and what is there --- */

static uint64_t in_blocks(uint64_t bytes_count)
{
	return (bytes_count + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

static uint64_t cost_of(uint64_t size)
{
	return in_blocks(size) + in_blocks(MANIFEST_BYTES_OF((uint64_t)object_chunk_count(size)));
}

enum err shelf_open(struct shelf *shelf, const struct shelf_plan *plan)
{
	*shelf = (struct shelf){ .dir_fd = -1, .quota_bytes = plan->quota_bytes };
	shelf->scratch = malloc(SCRATCH_BYTES);
	shelf->dir_fd = open(plan->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	shelf->walk = opendir(plan->dir);
	if (shelf->scratch == NULL || shelf->dir_fd == -1 || shelf->walk == NULL) {
		shelf_close(shelf);
		return ERR_IO;
	}
	space_init(&shelf->space, shelf->dir_fd, plan->reserve_bytes);
	return ERR_OK;
}

void shelf_close(struct shelf *shelf)
{
	int saved_errno = errno;

	if (shelf->walk != NULL) {
		(void)closedir(shelf->walk);
		shelf->walk = NULL;
	}
	if (shelf->dir_fd != -1) {
		close(shelf->dir_fd);
		shelf->dir_fd = -1;
	}
	free(shelf->scratch);
	shelf->scratch = NULL;
	errno = saved_errno;
}

/* What a crash left: nobody was told that it is there. */
static void remove_left(struct shelf *shelf, const char *name)
{
	if (unlinkat(shelf->dir_fd, name, 0) == 0) {
		shelf->removed_count++;
	}
}

static void count_bytes(struct shelf *shelf, const char *name, const struct hash *id)
{
	char manifest[SHELF_NAME_BYTES];
	struct stat info;

	name_of(id, MANIFEST_SUFFIX, manifest);
	if (fstatat(shelf->dir_fd, manifest, &info, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT) {
			remove_left(shelf, name);
		}
		return;
	}
	if (fstatat(shelf->dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
		shelf->object_count++;
		shelf->used_bytes += cost_of((uint64_t)info.st_size);
	}
}

static void count_entry(struct shelf *shelf, const char *name)
{
	struct hash id;
	const char *rest = parse_name(name, &id);

	if (is_temp(name)) {
		remove_left(shelf, name);
	} else if (rest != NULL && rest[0] == '\0') {
		count_bytes(shelf, name, &id);
	} /* a manifest is counted with its bytes; other files are none of ours */
}

bool shelf_count(struct shelf *shelf, unsigned entries_max, enum err *ret_err)
{
	*ret_err = ERR_OK;
	for (unsigned i = 0; i < entries_max && shelf->walk != NULL; i++) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(shelf->walk);
		if (entry != NULL) {
			count_entry(shelf, entry->d_name);
			continue;
		}
		*ret_err = errno == 0 ? ERR_OK : ERR_IO;
		(void)closedir(shelf->walk);
		shelf->walk = NULL;
	}
	return shelf->walk == NULL;
}

/* --- writing --- */

static enum err err_of_errno(void)
{
	return file_err(errno) == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_IO;
}

static enum err write_all(int fd, uint64_t offset, struct slice bytes)
{
	return file_write(fd, offset, bytes.bytes, bytes.bytes_count) ? ERR_OK : err_of_errno();
}

static int open_temp(struct shelf *shelf, uint64_t number, const char *suffix)
{
	char name[SHELF_NAME_BYTES];

	temp_name(number, suffix, name);
	return openat(
		shelf->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static void remove_temp(struct shelf *shelf, uint64_t number, const char *suffix)
{
	char name[SHELF_NAME_BYTES];

	temp_name(number, suffix, name);
	(void)unlinkat(shelf->dir_fd, name, 0);
}

enum err shelf_begin(
	struct shelf *shelf, uint64_t size, struct instant now, struct shelf_temp *ret_temp)
{
	struct shelf_temp temp = { .number = shelf->temp_last + 1, .cost_bytes = cost_of(size) };
	enum err err;

	assert(shelf->walk == NULL && size <= OBJECT_BYTES_MAX);
	if (shelf->used_bytes > shelf->quota_bytes ||
		temp.cost_bytes > shelf->quota_bytes - shelf->used_bytes) {
		return ERR_BUSY;
	}
	err = space_check(&shelf->space, now, temp.cost_bytes, 0);
	if (err != ERR_OK) {
		return err;
	}
	temp.fd = open_temp(shelf, temp.number, "");
	if (temp.fd == -1) {
		return err_of_errno();
	}
	shelf->temp_last = temp.number;
	shelf->used_bytes += temp.cost_bytes;
	*ret_temp = temp;
	return ERR_OK;
}

enum err shelf_write(struct shelf_temp *temp, uint64_t offset, struct slice bytes)
{
	enum err err = write_all(temp->fd, offset, bytes);
	uint64_t end = offset + bytes.bytes_count;

	if (err == ERR_OK && end - temp->handed_bytes >= HAND_OVER_BYTES) {
		/* only begins to write, and is no promise: that is the sync's */
		(void)!sync_file_range(temp->fd, (off_t)temp->handed_bytes,
			(off_t)(end - temp->handed_bytes), SYNC_FILE_RANGE_WRITE);
		temp->handed_bytes = end;
	}
	return err;
}

void shelf_drop(struct shelf *shelf, struct shelf_temp *temp)
{
	if (temp->fd == -1) {
		return;
	}
	close(temp->fd);
	temp->fd = -1;
	remove_temp(shelf, temp->number, "");
	shelf->used_bytes -= temp->cost_bytes;
}

static enum err write_manifest(struct shelf *shelf, uint64_t number,
	const struct manifest *manifest, const struct hash *chunk_ids)
{
	struct byte_writer out = byte_writer_of(shelf->scratch, SCRATCH_BYTES - HASH_BYTES);
	enum err err = manifest_encode(manifest, chunk_ids, &out);
	struct hash check;
	int fd;

	assert(err == ERR_OK);
	blake3_hash(shelf->scratch, out.used, &check);
	memcpy(shelf->scratch + out.used, check.bytes, HASH_BYTES);
	fd = open_temp(shelf, number, MANIFEST_SUFFIX);
	if (fd == -1) {
		return err_of_errno();
	}
	err = write_all(fd, 0, (struct slice){ shelf->scratch, out.used + HASH_BYTES });
	if (err == ERR_OK && fdatasync(fd) == -1) {
		err = err_of_errno();
	}
	close(fd);
	return err;
}

static enum err rename_temp(
	struct shelf *shelf, uint64_t number, const char *suffix, const struct hash *id)
{
	char from[SHELF_NAME_BYTES], to[SHELF_NAME_BYTES];

	temp_name(number, suffix, from);
	name_of(id, suffix, to);
	return renameat(shelf->dir_fd, from, shelf->dir_fd, to) == 0 ? ERR_OK : err_of_errno();
}

static bool is_same_type(const struct shelf_object *there, struct slice type)
{
	return there->type_bytes == type.bytes_count &&
	       (type.bytes_count == 0 || memcmp(there->type, type.bytes, type.bytes_count) == 0);
}

/* ERR_NOT_FOUND: nothing that contradicts it; what is damaged is none. */
static enum err compare(struct shelf *shelf, const struct manifest *manifest)
{
	struct shelf_object there;
	enum err err = shelf_find(shelf, &manifest->id, &there);

	if (err == ERR_IO) {
		return err;
	}
	if (err != ERR_OK) {
		return ERR_NOT_FOUND;
	}
	err = is_same_type(&there, manifest->content_type) ? ERR_OK : ERR_CONFLICT;
	shelf_release(&there);
	return err;
}

static enum err publish(struct shelf *shelf, uint64_t number, const struct hash *id)
{
	enum err err = rename_temp(shelf, number, "", id);

	if (err == ERR_OK) {
		err = rename_temp(shelf, number, MANIFEST_SUFFIX, id);
	}
	if (err == ERR_OK && fsync(shelf->dir_fd) == -1) {
		err = err_of_errno();
	}
	return err;
}

/* Whether its two files are counted already, damaged or not. */
static bool is_counted(struct shelf *shelf, const struct hash *id, uint64_t *ret_cost)
{
	char bytes[SHELF_NAME_BYTES], manifest[SHELF_NAME_BYTES];
	struct stat info;

	name_of(id, "", bytes);
	name_of(id, MANIFEST_SUFFIX, manifest);
	if (fstatat(shelf->dir_fd, manifest, &info, AT_SYMLINK_NOFOLLOW) == -1 ||
		fstatat(shelf->dir_fd, bytes, &info, AT_SYMLINK_NOFOLLOW) == -1) {
		return false;
	}
	*ret_cost = cost_of((uint64_t)info.st_size);
	return true;
}

enum err shelf_commit(struct shelf *shelf, struct shelf_temp *temp, const struct manifest *manifest,
	const struct hash *chunk_ids)
{
	uint64_t cost_before = 0;
	bool was_there = is_counted(shelf, &manifest->id, &cost_before);
	enum err err = compare(shelf, manifest);

	if (err == ERR_OK || err == ERR_NOT_FOUND) {
		err = fdatasync(temp->fd) == 0 ? ERR_OK : err_of_errno();
	}
	if (err == ERR_OK) {
		err = write_manifest(shelf, temp->number, manifest, chunk_ids);
	}
	if (err == ERR_OK) {
		err = publish(shelf, temp->number, &manifest->id);
	}
	if (err != ERR_OK) {
		remove_temp(shelf, temp->number, MANIFEST_SUFFIX);
		shelf_drop(shelf, temp);
		return err;
	}
	close(temp->fd);
	temp->fd = -1;
	shelf->used_bytes -= was_there && cost_before <= shelf->used_bytes ? cost_before : 0;
	shelf->object_count += !was_there;
	return ERR_OK;
}

/* --- reading --- */

static enum err read_all(int fd, uint8_t *bytes, size_t bytes_count, uint64_t offset)
{
	while (bytes_count > 0) {
		ssize_t got = pread(fd, bytes, bytes_count, (off_t)offset);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return got == 0 ? ERR_CORRUPT : ERR_IO;
		}
		bytes += got;
		bytes_count -= (size_t)got;
		offset += (uint64_t)got;
	}
	return ERR_OK;
}

static enum err open_there(struct shelf *shelf, const struct hash *id, const char *suffix,
	int *ret_fd, uint64_t *ret_size)
{
	char name[SHELF_NAME_BYTES];
	struct stat info;

	name_of(id, suffix, name);
	*ret_fd = openat(shelf->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd == -1) {
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	}
	if (fstat(*ret_fd, &info) == -1) {
		return ERR_IO;
	}
	*ret_size = (uint64_t)info.st_size;
	return S_ISREG(info.st_mode) ? ERR_OK : ERR_CORRUPT;
}

/* Into the scratch, and what it says is what was written. */
static enum err load_manifest(struct shelf *shelf, const struct hash *id, struct slice *ret_bytes)
{
	uint64_t size = 0;
	struct hash check;
	int fd;
	enum err err = open_there(shelf, id, MANIFEST_SUFFIX, &fd, &size);

	if (err == ERR_OK && (size <= HASH_BYTES || size > SCRATCH_BYTES)) {
		err = ERR_CORRUPT;
	}
	if (err == ERR_OK) {
		err = read_all(fd, shelf->scratch, (size_t)size, 0);
	}
	if (fd != -1) {
		close(fd);
	}
	if (err != ERR_OK) {
		return err;
	}
	*ret_bytes = (struct slice){ shelf->scratch, (size_t)size - HASH_BYTES };
	blake3_hash(ret_bytes->bytes, ret_bytes->bytes_count, &check);
	return memcmp(check.bytes, shelf->scratch + ret_bytes->bytes_count, HASH_BYTES) == 0
		       ? ERR_OK
		       : ERR_CORRUPT;
}

static enum err take_manifest(struct shelf_object *object, struct slice bytes)
{
	struct manifest manifest;
	enum err err = manifest_decode(bytes, &manifest, NULL, 0); /* how many chunks? */
	uint32_t count;

	if (err == ERR_MALFORMED || memcmp(&manifest.id, &object->id, sizeof object->id) != 0) {
		return ERR_CORRUPT;
	}
	count = object_chunk_count(manifest.size);
	object->chunk_ids = calloc(count > 0 ? count : 1, sizeof object->chunk_ids[0]);
	if (object->chunk_ids == NULL) {
		return ERR_IO;
	}
	err = manifest_decode(bytes, &manifest, object->chunk_ids, count);
	assert(err == ERR_OK);
	object->size = manifest.size;
	object->type_bytes = (uint8_t)manifest.content_type.bytes_count;
	if (object->type_bytes > 0) {
		memcpy(object->type, manifest.content_type.bytes, object->type_bytes);
	}
	return ERR_OK;
}

enum err shelf_find(struct shelf *shelf, const struct hash *id, struct shelf_object *ret_object)
{
	struct shelf_object object = { .id = *id, .fd = -1 };
	struct slice bytes = { NULL, 0 };
	uint64_t size = 0;
	enum err err = load_manifest(shelf, id, &bytes);

	if (err == ERR_OK) {
		err = take_manifest(&object, bytes);
	}
	if (err == ERR_OK) {
		err = open_there(shelf, id, "", &object.fd, &size);
		err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err; /* its manifest is there */
	}
	if (err == ERR_OK && size != object.size) {
		err = ERR_CORRUPT;
	}
	if (err != ERR_OK) {
		shelf_release(&object);
		return err;
	}
	*ret_object = object;
	return ERR_OK;
}

void shelf_release(struct shelf_object *object)
{
	if (object->fd != -1) {
		close(object->fd);
	}
	free(object->chunk_ids);
	*object = (struct shelf_object){ .fd = -1 };
}

enum err shelf_read(const struct shelf_object *object, uint64_t offset,
	uint8_t buffer[OBJECT_CHUNK_BYTES], struct slice *ret_bytes)
{
	uint64_t index = offset / OBJECT_CHUNK_BYTES;
	uint64_t start = index * OBJECT_CHUNK_BYTES;
	uint64_t left = object->size - start;
	size_t chunk_bytes = left < OBJECT_CHUNK_BYTES ? (size_t)left : OBJECT_CHUNK_BYTES;
	struct hash id;
	enum err err;

	assert(offset < object->size);
	err = read_all(object->fd, buffer, chunk_bytes, start);
	if (err != ERR_OK) {
		return err;
	}
	blake3_hash(buffer, chunk_bytes, &id);
	if (memcmp(&id, &object->chunk_ids[index], sizeof id) != 0) {
		return ERR_CORRUPT;
	}
	*ret_bytes =
		(struct slice){ buffer + (offset - start), chunk_bytes - (size_t)(offset - start) };
	return ERR_OK;
}
