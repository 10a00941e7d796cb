#ifndef CLI_SNAPSHOT_FILE_H
#define CLI_SNAPSHOT_FILE_H

/* The file of a snapshot: a tar of named members behind zstd, and behind that a seal. Any tar can
 * unpack it.
 *
 *   zstd( tar( manifest.json  [manifest.sig]  members of the manifest, in its order ) )
 *   50 2a 4d 18  20 00 00 00  SHA-256 of all bytes before these eight     the seal
 *
 * The seal is a frame that every zstd skips; with it no byte of the file, not even one between the
 * members, can change or be missing without a word. The same ledger makes the same bytes, up to
 * when it was made and what was signed then. The only user of libarchive. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"
#include "store/why.h"

#define SNAPSHOT_SEAL_BYTES 40u

/* ---- writing ---- */

struct snapshot_writer;

/* To a descriptor that the caller keeps. NULL: no memory, see why. */
struct snapshot_writer *snapshot_file_begin(int fd, struct why *why);
/* false: see why; then only close. mtime: seconds since 1970, the same for all. */
MUST_CHECK bool snapshot_file_begin_member(struct snapshot_writer *writer, const char *name,
	uint64_t bytes_count, int64_t mtime_unix_s, struct why *why);
MUST_CHECK bool snapshot_file_put(
	struct snapshot_writer *writer, struct slice bytes, struct why *why);
/* The end of the archive and the seal. */
MUST_CHECK bool snapshot_file_finish(struct snapshot_writer *writer, struct why *why);
void snapshot_file_drop(struct snapshot_writer *writer); /* NULL is fine */

/* ---- reading ---- */

struct snapshot_reader;

/* NULL: see why. A file without a seal was cut, or is no snapshot. fd, which is closed in any case,
 * or -1: opened here. */
struct snapshot_reader *snapshot_file_open(const char *path, int fd, struct why *why);
/* The next member: its name lives until the next call. False with *ret_end: there is none, and the
 * seal holds. False without: see why. */
MUST_CHECK bool snapshot_file_next_member(struct snapshot_reader *reader, const char **ret_name,
	uint64_t *ret_bytes_count, bool *ret_end, struct why *why);
/* The next bytes of it; empty at its end. */
MUST_CHECK bool snapshot_file_get(
	struct snapshot_reader *reader, struct slice *ret_bytes, struct why *why);
void snapshot_file_close(struct snapshot_reader *reader); /* NULL is fine */

#endif
