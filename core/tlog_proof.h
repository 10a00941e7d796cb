#ifndef CORE_TLOG_PROOF_H
#define CORE_TLOG_PROOF_H

/* Proofs that one entry is in the tree of a checkpoint, as a text that can be checked offline
 * (C2SP tlog-proof):
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>            optional; in ours the leaf bytes of the entry
 *     index <zero-based>        in ours seq - 1
 *     <base64>                  a hash a line, from the leaf's sibling up (RFC 6962)
 *                               an empty line
 *     <checkpoint>              a signed note, as it is
 *
 * Nothing is believed by parsing it: who checks a proof verifies the note (core/note.h), takes
 * size and root from the checkpoint, and then calls tlog_proof_verify. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"
#include "core/merkle.h"

/* An entry bundle's entries are no longer than its 16-bit lengths can say. */
#define TLOG_PROOF_EXTRA_BYTES_MAX 65535u

/* All but extra and checkpoint: three lines of words and a number, and the hashes. */
#define TLOG_PROOF_FIXED_BYTES_MAX (23u + 7u + 26u + MERKLE_PROOF_HASHES_MAX * 45u + 1u + 1u)
/* Room that printing needs, with a final NUL that it doesn't count. */
#define TLOG_PROOF_BYTES_MAX(extra_bytes, checkpoint_bytes) \
	(TLOG_PROOF_FIXED_BYTES_MAX + ((extra_bytes) + 2u) / 3u * 4u + (checkpoint_bytes))

#define TLOG_PROOF_FAULTS(F)                                                                    \
	F(OK, "it is a proof")                                                                  \
	F(HEADER, "the first line is not c2sp.org/tlog-proof@v1")                               \
	F(EXTRA, "the extra line is not base64, or too long")                                   \
	F(INDEX, "the index line is missing, or its number is not decimal, or it is too large") \
	F(HASH, "a hash is not 32 bytes in base64")                                             \
	F(HASH_COUNT, "there are more hashes than any tree is high")                            \
	F(CUT, "the text ends before the checkpoint")

enum tlog_proof_fault {
#define AS_ENUM(NAME, text) TLOG_PROOF_##NAME,
	TLOG_PROOF_FAULTS(AS_ENUM)
#undef AS_ENUM
		TLOG_PROOF_FAULT_COUNT
};

const char *tlog_proof_fault_text(enum tlog_proof_fault fault);

struct tlog_proof {
	struct slice extra; /* empty: no such line */
	uint64_t index;
	struct merkle_proof path;
	struct slice checkpoint; /* the whole signed note */
};

/* text has room for TLOG_PROOF_BYTES_MAX(...). The extra is at most TLOG_PROOF_EXTRA_BYTES_MAX
 * long, the index at most MERKLE_SIZE_MAX. Returns the length. */
size_t tlog_proof_print(const struct tlog_proof *proof, char *ret_text);

/* The extra is decoded into the buffer, the checkpoint borrows from the text. Both are
 * undefined after a fault. The checkpoint is anything but empty. */
MUST_CHECK enum tlog_proof_fault tlog_proof_parse(struct slice text, uint8_t *extra_buffer,
	size_t extra_bytes_max, struct tlog_proof *ret_proof);

/* RFC 6962 with SHA-256: the entry whose bytes are `leaf` stands at proof->index in the tree of
 * that size and root. */
MUST_CHECK bool tlog_proof_verify(
	const struct tlog_proof *proof, struct slice leaf, uint64_t size, const struct hash *root);

#endif
