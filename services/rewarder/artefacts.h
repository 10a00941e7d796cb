#ifndef SERVICES_REWARDER_ARTEFACTS_H
#define SERVICES_REWARDER_ARTEFACTS_H

/* What a run leaves: files that nobody reads but us, each whole or not there.
 *
 *   runs/<tenant>/<epoch>/<first 16 digits of the run key>/run.json ...
 *   dry/...   likewise, of dry runs
 *
 * A file: "mnart" 0 0 1 | key id u32 | 0 u32 | nonce 24, then pieces of 64 KiB, each sealed by
 * XChaCha20-Poly1305 under that nonce with the piece's number xored into its last eight bytes;
 * authenticated with it are the head, the number, whether it is the last, and the file's path: one
 * that lies where another should is damaged. */

#include "common/space.h"
#include "common/worker.h"
#include "core/reward_doc.h"

#define ARTEFACTS_PIECE_BYTES 65536u
#define ARTEFACTS_PATH_BYTES  256u

struct artefacts {
	struct worker *worker;
	int dir_fd;
	uint32_t key_id; /* 0: kms has not told it yet */
	struct hash key;
	uint8_t *sealed; /* owned; one piece */
	struct space space;
};

/* Which run: the directory of its files. */
struct artefacts_run {
	bool is_dry;
	const struct reward_name *tenant;
	const struct reward_name *epoch;
	const struct hash *run_key;
};

struct artefacts_writer {
	int fd; /* -1: none */
	uint64_t pieces, offset;
	uint8_t head[40];
	char path[ARTEFACTS_PATH_BYTES];
};

void artefacts_open(struct artefacts *artefacts, struct worker *worker, int dir_fd);

void artefacts_set_reserve(struct artefacts *artefacts); /* of a reload */

/* ERR_NO_SPACE: an artefact would not be begun now. ERR_IO. */
MUST_CHECK enum err artefacts_check_space(struct artefacts *artefacts);

/* All: ERR_STALE: there is no key yet, or it was written under another one. ERR_NO_SPACE, ERR_IO;
 * ERR_NOT_FOUND; ERR_CORRUPT. */
MUST_CHECK enum err artefacts_begin(struct artefacts *artefacts, const struct artefacts_run *run,
	const char *name, struct artefacts_writer *ret_writer);
/* Of ARTEFACTS_PIECE_BYTES each, but for the last. */
MUST_CHECK enum err artefacts_add(struct artefacts *artefacts, struct artefacts_writer *writer,
	struct slice piece, bool is_last);
/* It is there, and stays. */
MUST_CHECK enum err artefacts_end(struct artefacts *artefacts, struct artefacts_writer *writer);
void artefacts_drop(struct artefacts *artefacts, struct artefacts_writer *writer);

/* A small one at once. */
MUST_CHECK enum err artefacts_write(struct artefacts *artefacts, const struct artefacts_run *run,
	const char *name, struct slice text);

/* The piece at offset, a multiple of ARTEFACTS_PIECE_BYTES, and how much there is in all. */
MUST_CHECK enum err artefacts_read(struct artefacts *artefacts, const struct artefacts_run *run,
	const char *name, uint64_t offset, uint8_t buffer[ARTEFACTS_PIECE_BYTES],
	struct slice *ret_bytes, uint64_t *ret_total);

void artefacts_remove(struct artefacts *artefacts, const struct artefacts_run *run);

#endif
