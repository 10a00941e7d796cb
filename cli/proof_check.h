#ifndef CLI_PROOF_CHECK_H
#define CLI_PROOF_CHECK_H

/* Is what a node handed out proven by its public key alone? Nothing here needs a node. */

#include "cli/commands.h"
#include "core/entry.h"
#include "core/note.h"
#include "core/tlog_proof.h"

/* What is wrong; the name is for programs. */
#define PROOF_REASONS(R)                    \
	R(NONE, "")                         \
	R(MALFORMED, "malformed")           \
	R(OTHER_KEY, "other_key")           \
	R(FORGED, "forged")                 \
	R(OTHER_ORIGIN, "other_origin")     \
	R(NO_ENTRY, "no_entry")             \
	R(INDEX_BEYOND, "index_beyond")     \
	R(HASH_COUNT, "hash_count")         \
	R(OTHER_ROOT, "other_root")         \
	R(OTHER_SEQ, "other_seq")           \
	R(SIZES_REVERSED, "sizes_reversed") \
	R(NOT_CONTINUED, "not_continued")

enum proof_reason {
#define AS_ENUM(NAME, name) PROOF_##NAME,
	PROOF_REASONS(AS_ENUM)
#undef AS_ENUM
};

#define PROOF_CHECK_WHAT_BYTES 1024u

/* 64 KiB. The views borrow from what was checked, or from `extra` in here. */
struct proof_check {
	enum cli_exit exit; /* CLI_GOOD, CLI_BAD or CLI_CANNOT */
	enum proof_reason reason;
	char what[PROOF_CHECK_WHAT_BYTES]; /* a sentence; may quote names from the file */
	struct note_checkpoint checkpoint; /* believable unless malformed, other_key, forged */
	bool is_proof;                     /* else it is a checkpoint alone */
	struct tlog_proof proof;
	struct slice leaf;
	struct hash leaf_hash;
	bool has_entry; /* the leaf is an entry of ours */
	struct entry entry;
	uint8_t extra[TLOG_PROOF_EXTRA_BYTES_MAX];
};

const char *proof_check_reason_name(enum proof_reason reason);

/* A signed checkpoint. False: *ret_check says why. */
bool proof_check_checkpoint(
	struct slice note, const struct note_vkey *vkey, struct proof_check *ret_check);

/* A .tlog-proof, or a checkpoint alone. leaf: the bytes of the entry, or NULL when they stand in
 * the proof. */
bool proof_check_file(struct slice file, const struct slice *leaf, const struct note_vkey *vkey,
	struct proof_check *ret_check);

/* That `newer` goes on where `older` ended. Both were checked, or are trusted for another reason.
 */
bool proof_check_consistency(const struct note_checkpoint *older,
	const struct note_checkpoint *newer, const struct merkle_proof *proof,
	struct proof_check *ret_check);

/* Hashes that an inclusion proof has. index < size. */
size_t proof_check_hash_count(uint64_t index, uint64_t size);

#endif
