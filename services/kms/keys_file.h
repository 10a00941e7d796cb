#ifndef SERVICES_KMS_KEYS_FILE_H
#define SERVICES_KMS_KEYS_FILE_H

/* The keyring on disk: <node.data_dir>/keys/keyring, ours alone (0600 in a 0700 directory).
 * One file, to which is only ever added, so that a revocation cannot get lost behind a key, nor a
 * key without its revocations. It is born whole: written beside, synced, renamed, the directory
 * synced. Little-endian:
 *
 *   "mnkeys" 0 1                      8 bytes: what it is, and its version
 *   record ...                        u32 length | u32 ~length | payload | SHA-256 32
 *
 * Each hash covers the one before it (of the first: the hash of the 8 bytes) and the payload, so
 * none can be changed, moved or left out. A record that the end of the file cuts off was never
 * acknowledged: it is removed at the next start. Anything else that does not fit is damage,
 * and kms refuses to run on it. Payloads, each beginning with type u8 and time u64 (s):
 *
 *   1 NODE     log key 32, u8 length, origin            the first record, and only that
 *   2 ROOT     kid u32, key 32                          1, 2, 3 ...; the last is the active one
 *   3 MINTED   kid u32, capability 16, exp u64, u16 length, caveats (lines of text)
 *   4 REVOKED  kid u32, capability 16 (zeros: the root key)
 *   5 ORIGIN   seed of the node key 32, abandoned size u64, abandoned root 32, u8 length, origin
 *              the first has the origin of NODE and zeros; a later one "<that>/1", "<that>/2" ...,
 *              and what had been signed last under the one before */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"
#include "proto/verbs.h"

struct worker;

enum keys_file_type {
	KEYS_FILE_NODE = 1,
	KEYS_FILE_ROOT = 2,
	KEYS_FILE_MINTED = 3,
	KEYS_FILE_REVOKED = 4,
	KEYS_FILE_ORIGIN = 5,
};

/* The largest is MINTED: head, ids, and its caveats. */
#define KEYS_FILE_PAYLOAD_BYTES_MAX (64u + VERB_CAVEATS_BYTES_MAX)
#define KEYS_FILE_RECORD_BYTES_MAX  (8u + KEYS_FILE_PAYLOAD_BYTES_MAX + HASH_BYTES)

struct keys_file {
	int fd;     /* owned, as long as the process lives */
	int dir_fd; /* owned; -1 when the file is open */
	uint64_t size;
	struct hash chain;   /* of the last record */
	uint32_t tail_bytes; /* of a record that the end of the file cuts off */
};

/* Ends the process unless the file is of that type, and ours alone. */
void keys_file_demand_ours(struct worker *worker, int fd, mode_t type, const char *what);

/* Ends the process unless the directory and the file in it are ours alone. False: it is empty, so
 * this is genesis. */
bool keys_file_open(struct keys_file *file, struct worker *worker, const char *dir);

/* Genesis: what is appended from here on comes into being at keys_file_create_end, at once. */
void keys_file_create_begin(struct keys_file *file, struct worker *worker);
void keys_file_create_end(struct keys_file *file, struct worker *worker);

/* Start over at the first record. */
void keys_file_rewind(struct keys_file *file, struct worker *worker);

/* The next record's payload, in `buffer`; empty after the last. *ret_offset is where in the file
 * it begins. Ends the process at damage. Changes nothing on disk: keys_file_trim does, when
 * all of it made sense. */
struct slice keys_file_next(struct keys_file *file, struct worker *worker,
	uint8_t buffer[KEYS_FILE_RECORD_BYTES_MAX], uint64_t *ret_offset);

void keys_file_trim(struct keys_file *file, struct worker *worker);

/* Adds the payload that stands at buffer + 8, and syncs. ERR_NO_SPACE or ERR_IO: nothing was
 * added. Ends the process when it cannot know. *ret_offset as above. */
MUST_CHECK enum err keys_file_append(struct keys_file *file, struct worker *worker,
	uint8_t buffer[KEYS_FILE_RECORD_BYTES_MAX], size_t payload_bytes, uint64_t *ret_offset);

MUST_CHECK enum err keys_file_read(
	const struct keys_file *file, uint64_t offset, uint8_t *buffer, size_t bytes_count);

#endif
