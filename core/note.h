#ifndef CORE_NOTE_H
#define CORE_NOTE_H

/* Signed notes (C2SP signed-note), and the texts that this node signs as such.
 *
 *     note       text, an empty line, signature lines; the text is what was signed
 *     signature  "— <key name> <base64 of key id, 4 bytes big-endian, and signature>"
 *     vkey       "<key name>+<key id, 8 hex digits>+<base64 of type and public key>"
 *     key id     the first 4 bytes of SHA-256(key name, 0x0A, type, public key)
 *
 * Texts of ours; each line ends in a line feed, numbers are decimal, hashes base64:
 *
 *     checkpoint (C2SP tlog-checkpoint)  origin, size, root
 *     audit      "macronode.audit/v1", origin, count, head of the audit chain
 *     snapshot   "macronode.snapshot/v1", origin, first seq, size, root, SHA-256 of the manifest
 *
 * They are told apart by their first line, so no origin may look like one of ours:
 * note_name_is_reserved. The key name of all three is the origin. This file computes no
 * signature: who verifies hands in how (common/ed25519.h). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"

#define NOTE_PUBLIC_KEY_BYTES 32u /* Ed25519 */
#define NOTE_SIGNATURE_BYTES  64u
#define NOTE_TYPE_ED25519     0x01u

/* Of those that we only read: a log or a witness is named by its URL. */
#define NOTE_NAME_BYTES_MAX 255u

/* A verifier must accept 16 signatures; a post-quantum one has nearly 5 KB. */
#define NOTE_SIGNATURES_MAX        16u
#define NOTE_FOREIGN_SIGNATURE_MAX 6144u

/* With room for 16 long signatures; whatever is longer is no note of any log. */
#define NOTE_BYTES_MAX 131072u

/* Room for what the print functions write, with a final NUL that they don't count. 19 digits:
 * sizes are at most MERKLE_SIZE_MAX; 44 characters: a hash in base64. */
#define NOTE_TEXT_BYTES_MAX           (24u + ORIGIN_BYTES_MAX + 1u + 2u * 20u + 2u * 45u + 1u)
#define NOTE_SIGNATURE_LINE_BYTES_MAX (4u + ORIGIN_BYTES_MAX + 1u + 92u + 1u + 1u)
#define NOTE_SIGNED_BYTES_MAX         (NOTE_TEXT_BYTES_MAX + 1u + NOTE_SIGNATURE_LINE_BYTES_MAX)
#define NOTE_VKEY_BYTES_MAX           (NOTE_NAME_BYTES_MAX + 1u + 8u + 1u + 44u + 1u)

/* What is wrong with a note, a text or a key. The sentence is fit for whoever sent it. */
#define NOTE_FAULTS(F)                                                                  \
	F(OK, "it is as it should be")                                                  \
	F(TOO_LARGE, "the note is too long")                                            \
	F(CHARACTER, "the note is not UTF-8, or has a control character")               \
	F(UNPARTED, "no empty line parts the text from its signatures")                 \
	F(UNSIGNED, "the note has no signature line")                                   \
	F(SIGNATURE_LINE, "a signature line is not made of a dash, a name and base64")  \
	F(SIGNATURE_COUNT, "the note has too many signatures")                          \
	F(LINES, "the text has too few lines, or too many")                             \
	F(HEADER, "the first line does not name the kind of text")                      \
	F(ORIGIN, "the origin is empty or too long")                                    \
	F(NUMBER, "a number is not decimal without leading zeros, or it is too large")  \
	F(HASH, "a hash is not 32 bytes in base64")                                     \
	F(EXTENSION, "an extension line is empty")                                      \
	F(VKEY, "the key is not a name, 8 hex digits and base64, parted by plus signs") \
	F(VKEY_TYPE, "the key is not an Ed25519 key")                                   \
	F(VKEY_ID, "the key's id is not the one of its name and public key")            \
	F(OTHER_KEY, "the note is not signed with the expected key")                    \
	F(FORGED, "the signature does not verify: text or signature was changed")

enum note_fault {
#define AS_ENUM(NAME, text) NOTE_##NAME,
	NOTE_FAULTS(AS_ENUM)
#undef AS_ENUM
		NOTE_FAULT_COUNT
};

const char *note_fault_text(enum note_fault fault);

/* ---- keys ---- */

/* Not empty, at most NOTE_NAME_BYTES_MAX, UTF-8, no control character, Unicode space or plus. */
MUST_CHECK bool note_name_is_valid(struct slice name);

/* It begins like the first line of a text of ours ("macronode.audit/v1"): such an origin would
 * make a checkpoint mean two things. node.name must not be one. */
MUST_CHECK bool note_name_is_reserved(struct slice name);

uint32_t note_key_id(struct slice name, const uint8_t public_key[NOTE_PUBLIC_KEY_BYTES]);

/* The name borrows from what was parsed. */
struct note_vkey {
	struct slice name;
	uint32_t key_id;
	uint8_t public_key[NOTE_PUBLIC_KEY_BYTES];
};

/* Computes the key id; name must be valid. */
struct note_vkey note_vkey_of(struct slice name, const uint8_t public_key[NOTE_PUBLIC_KEY_BYTES]);
size_t note_vkey_print(const struct note_vkey *vkey, char ret_text[NOTE_VKEY_BYTES_MAX]);
MUST_CHECK enum note_fault note_vkey_parse(struct slice text, struct note_vkey *ret_vkey);

/* ---- notes ---- */

struct note_signature {
	struct slice name;
	uint32_t key_id;
	struct slice base64; /* of key id and signature, as it stands in the line */
};

/* The views borrow from what was parsed. */
struct note {
	struct slice text; /* with its last line feed: exactly what was signed */
	struct slice signature_lines;
	struct note_signature signatures[NOTE_SIGNATURES_MAX];
	size_t signature_count;
};

MUST_CHECK enum note_fault note_parse(struct slice bytes, struct note *ret_note);

/* "— name base64\n". name is at most ORIGIN_BYTES_MAX long; no NUL is counted. */
size_t note_signature_print(struct slice name, uint32_t key_id,
	const uint8_t signature[NOTE_SIGNATURE_BYTES],
	char ret_line[NOTE_SIGNATURE_LINE_BYTES_MAX]);

/* The whole note: the text, an empty line and one signature. text is at most
 * NOTE_TEXT_BYTES_MAX long and ends in a line feed. */
size_t note_print(struct slice text, struct slice name, uint32_t key_id,
	const uint8_t signature[NOTE_SIGNATURE_BYTES], char ret_note[NOTE_SIGNED_BYTES_MAX]);

/* How to verify: ed25519_verify of common/ed25519.h. */
typedef bool note_verify_signature(const uint8_t public_key[NOTE_PUBLIC_KEY_BYTES],
	struct slice message, const uint8_t signature[NOTE_SIGNATURE_BYTES]);

/* Signatures of other keys are ignored; each of this key must verify. NOTE_OK, NOTE_OTHER_KEY or
 * NOTE_FORGED. */
MUST_CHECK enum note_fault note_verify(const struct note *note, const struct note_vkey *vkey,
	note_verify_signature *verify_signature);

/* ---- texts ---- */

/* The views borrow from what was parsed. Printing takes an origin of at most ORIGIN_BYTES_MAX
 * without a line feed, and numbers of at most MERKLE_SIZE_MAX. */
struct note_checkpoint {
	struct slice origin;
	uint64_t size;
	struct hash root;
	struct slice extensions; /* further lines of foreign checkpoints; printing adds none */
};

struct note_audit {
	struct slice origin;
	uint64_t count;
	struct hash head;
};

struct note_snapshot {
	struct slice origin;
	uint64_t first_seq;
	uint64_t size;
	struct hash root;
	struct hash manifest_sha256;
};

size_t note_checkpoint_print(
	const struct note_checkpoint *checkpoint, char ret_text[NOTE_TEXT_BYTES_MAX]);
size_t note_audit_print(const struct note_audit *audit, char ret_text[NOTE_TEXT_BYTES_MAX]);
size_t note_snapshot_print(
	const struct note_snapshot *snapshot, char ret_text[NOTE_TEXT_BYTES_MAX]);

/* `text` is struct note's. No signature is looked at: note_verify does. */
MUST_CHECK enum note_fault note_checkpoint_parse(
	struct slice text, struct note_checkpoint *ret_checkpoint);
MUST_CHECK enum note_fault note_audit_parse(struct slice text, struct note_audit *ret_audit);
MUST_CHECK enum note_fault note_snapshot_parse(
	struct slice text, struct note_snapshot *ret_snapshot);

#endif
