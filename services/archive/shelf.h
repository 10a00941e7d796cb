#ifndef SERVICES_ARCHIVE_SHELF_H
#define SERVICES_ARCHIVE_SHELF_H

/* The directory of objects, and the only code that touches it. An object is two files:
 *
 *   <64 hex>        its bytes, and nothing else: `b3sum` of it is its name
 *   <64 hex>.cbor   its manifest (core/manifest.h), and the BLAKE3 of that, 32 bytes
 *   put-<n>.tmp, put-<n>.cbor.tmp    what is being written
 *
 * An object is there when its manifest is: both files are written and synced under other names,
 * then the bytes are renamed, then the manifest, then the directory is synced. A crash leaves
 * temporary files, or bytes without a manifest; the count at a start removes them. Putting what is
 * there already writes it again, which mends what was damaged.
 *
 * Nothing here is a loop over all of something: writes and reads are of a chunk, the count is of
 * some entries at a time. Large files are handed to the disk as they grow, so that little is left
 * for the sync at their end. */

#include <dirent.h>

#include "common/clock.h"
#include "common/space.h"
#include "core/manifest.h"

#define SHELF_NAME_BYTES 80u

struct shelf_temp {
	int fd; /* owned; -1: none */
	uint64_t number;
	uint64_t cost_bytes;   /* of the quota */
	uint64_t handed_bytes; /* to the disk */
};

struct shelf {
	int dir_fd; /* owned; -1: it is not open */
	DIR *walk;  /* owned; the count, while it lasts */
	struct space space;
	uint64_t quota_bytes, used_bytes;
	uint64_t object_count;
	uint64_t removed_count; /* of what a crash had left */
	uint64_t temp_last;
	uint8_t *scratch; /* owned; a manifest in the making */
};

struct shelf_plan {
	const char *dir;
	uint64_t quota_bytes;
	uint64_t reserve_bytes; /* of the disk, that stay free */
};

/* errno says why not. Before the filter. */
MUST_CHECK enum err shelf_open(struct shelf *shelf, const struct shelf_plan *plan);
void shelf_close(struct shelf *shelf);

/* Counts what is there; true when it is done, or was. ERR_IO in *ret_err: it cannot be read. */
bool shelf_count(struct shelf *shelf, unsigned entries_max, enum err *ret_err);

/* Room for an object of so many bytes. ERR_BUSY: the quota does not leave any; ERR_NO_SPACE: the
 * disk does not; ERR_IO. */
MUST_CHECK enum err shelf_begin(
	struct shelf *shelf, uint64_t size, struct instant now, struct shelf_temp *ret_temp);
MUST_CHECK enum err shelf_write(struct shelf_temp *temp, uint64_t offset, struct slice bytes);
void shelf_drop(struct shelf *shelf, struct shelf_temp *temp);

/* What was written is the object of the manifest, on disk and to stay; ends the temp in any case.
 * ERR_CONFLICT: it is there under another manifest. ERR_NO_SPACE, ERR_IO. */
MUST_CHECK enum err shelf_commit(struct shelf *shelf, struct shelf_temp *temp,
	const struct manifest *manifest, const struct hash *chunk_ids);

/* One that can be read. */
struct shelf_object {
	struct hash id;
	int fd; /* owned; -1: none */
	uint64_t size;
	struct hash *chunk_ids; /* owned */
	uint8_t type_bytes;
	uint8_t type[OBJECT_TYPE_BYTES_MAX];
};

/* ERR_NOT_FOUND; ERR_CORRUPT: something is there, but not that object; ERR_IO. */
MUST_CHECK enum err shelf_find(
	struct shelf *shelf, const struct hash *id, struct shelf_object *ret_object);
void shelf_release(struct shelf_object *object);

/* From offset to the end of its chunk, which was verified: ERR_CORRUPT when it is not what its id
 * says. offset is below the size. */
MUST_CHECK enum err shelf_read(const struct shelf_object *object, uint64_t offset,
	uint8_t buffer[OBJECT_CHUNK_BYTES], struct slice *ret_bytes);

#endif
