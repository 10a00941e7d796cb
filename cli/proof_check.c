#include "cli/proof_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common/ed25519.h"

#define PROOF_START "c2sp.org/tlog-proof"

const char *proof_check_reason_name(enum proof_reason reason)
{
	static const char *const names[] = {
#define AS_NAME(NAME, name) [PROOF_##NAME] = (name),
		PROOF_REASONS(AS_NAME)
#undef AS_NAME
	};

	assert(reason < COUNT_OF(names));
	return names[reason];
}

__attribute__((format(printf, 4, 5))) static bool blame(struct proof_check *check,
	enum cli_exit exit, enum proof_reason reason, const char *format, ...)
{
	va_list args;

	check->exit = exit;
	check->reason = reason;
	va_start(args, format);
	(void)vsnprintf(check->what, sizeof check->what, format, args);
	va_end(args);
	return false;
}

/* For %.*s; the bounds of names keep the sentence within its own. */
#define AS_TEXT(slice) (int)(slice).bytes_count, (const char *)(slice).bytes

static bool same(struct slice a, struct slice b)
{
	return a.bytes_count == b.bytes_count && memcmp(a.bytes, b.bytes, a.bytes_count) == 0;
}

/* Whose signatures there are: the first few are enough to see what was mixed up. */
static bool blame_other_key(
	const struct note *note, const struct note_vkey *vkey, struct proof_check *check)
{
	const struct note_signature *first = &note->signatures[0];

	for (size_t i = 0; i < note->signature_count; i++) {
		if (same(note->signatures[i].name, vkey->name)) {
			return blame(check, CLI_BAD, PROOF_OTHER_KEY,
				"the checkpoint is signed with another key of %.*s: id %08" PRIx32
				", not %08" PRIx32,
				AS_TEXT(vkey->name), note->signatures[i].key_id, vkey->key_id);
		}
	}
	return blame(check, CLI_BAD, PROOF_OTHER_KEY,
		"the checkpoint is not signed with the key of %.*s, but with one of %.*s",
		AS_TEXT(vkey->name), AS_TEXT(first->name));
}

bool proof_check_checkpoint(
	struct slice bytes, const struct note_vkey *vkey, struct proof_check *ret_check)
{
	struct note note;
	enum note_fault fault = note_parse(bytes, &note);

	ret_check->exit = CLI_GOOD;
	ret_check->reason = PROOF_NONE;
	if (fault != NOTE_OK) {
		return blame(ret_check, CLI_BAD, PROOF_MALFORMED, "the checkpoint: %s",
			note_fault_text(fault));
	}
	fault = note_verify(&note, vkey, ed25519_verify);
	if (fault == NOTE_OTHER_KEY) {
		return blame_other_key(&note, vkey, ret_check);
	}
	if (fault != NOTE_OK) {
		return blame(ret_check, CLI_BAD, PROOF_FORGED, "the checkpoint: %s",
			note_fault_text(fault));
	}
	fault = note_checkpoint_parse(note.text, &ret_check->checkpoint);
	if (fault != NOTE_OK) {
		return blame(ret_check, CLI_BAD, PROOF_MALFORMED,
			"what was signed is no checkpoint: %s", note_fault_text(fault));
	}
	if (!same(ret_check->checkpoint.origin, vkey->name)) {
		return blame(ret_check, CLI_BAD, PROOF_OTHER_ORIGIN,
			"the checkpoint is of the log %.*s, not of %.*s, which the key names",
			AS_TEXT(ret_check->checkpoint.origin), AS_TEXT(vkey->name));
	}
	return true;
}

/* RFC 9162, section 2.1.3: one hash for each level up to where the ways of the leaf and of the
 * last leaf part, and above it one for each left brother. */
size_t proof_check_hash_count(uint64_t index, uint64_t size)
{
	uint64_t apart = index ^ (size - 1);
	size_t below = apart == 0 ? 0 : 64u - (size_t)__builtin_clzll(apart);
	uint64_t above = below < 64 ? index >> below : 0;

	return below + (size_t)__builtin_popcountll(above);
}

static bool check_entry(struct proof_check *check)
{
	uint64_t index = check->proof.index;

	check->has_entry = entry_decode(check->leaf, &check->entry) == ERR_OK;
	if (check->has_entry && check->entry.seq != index + 1) {
		return blame(check, CLI_BAD, PROOF_OTHER_SEQ,
			"the entry says that it has seq %" PRIu64 ", and stands where %" PRIu64
			" belongs",
			check->entry.seq, index + 1);
	}
	return true;
}

static bool check_inclusion(struct proof_check *check)
{
	uint64_t size = check->checkpoint.size, index = check->proof.index;
	size_t expected;

	if (index >= size) {
		return blame(check, CLI_BAD, PROOF_INDEX_BEYOND,
			"index %" PRIu64 " is not in a tree of %" PRIu64 " entries", index, size);
	}
	expected = proof_check_hash_count(index, size);
	if (check->proof.path.hash_count != expected) {
		return blame(check, CLI_BAD, PROOF_HASH_COUNT,
			"there are %zu hashes; index %" PRIu64 " in a tree of %" PRIu64
			" needs %zu",
			check->proof.path.hash_count, index, size, expected);
	}
	if (!tlog_proof_verify(&check->proof, check->leaf, size, &check->checkpoint.root)) {
		return blame(check, CLI_BAD, PROOF_OTHER_ROOT,
			"entry, index and hashes do not lead to the signed root: one of them is "
			"not what was logged");
	}
	return check_entry(check);
}

bool proof_check_file(struct slice file, const struct slice *leaf, const struct note_vkey *vkey,
	struct proof_check *ret_check)
{
	enum tlog_proof_fault fault;

	ret_check->has_entry = false;
	ret_check->is_proof = file.bytes_count >= strlen(PROOF_START) &&
			      memcmp(file.bytes, PROOF_START, strlen(PROOF_START)) == 0;
	if (!ret_check->is_proof) {
		return proof_check_checkpoint(file, vkey, ret_check);
	}
	fault = tlog_proof_parse(
		file, ret_check->extra, sizeof ret_check->extra, &ret_check->proof);
	if (fault != TLOG_PROOF_OK) {
		return blame(ret_check, CLI_BAD, PROOF_MALFORMED, "the proof: %s",
			tlog_proof_fault_text(fault));
	}
	if (!proof_check_checkpoint(ret_check->proof.checkpoint, vkey, ret_check)) {
		return false;
	}
	ret_check->leaf = leaf != NULL ? *leaf : ret_check->proof.extra;
	if (leaf == NULL && ret_check->leaf.bytes_count == 0) {
		return blame(ret_check, CLI_CANNOT, PROOF_NO_ENTRY,
			"the proof holds no entry: name the file that does, with --entry");
	}
	merkle_leaf(MERKLE_SHA256, ret_check->leaf.bytes, ret_check->leaf.bytes_count,
		&ret_check->leaf_hash);
	return check_inclusion(ret_check);
}

bool proof_check_consistency(const struct note_checkpoint *older,
	const struct note_checkpoint *newer, const struct merkle_proof *proof,
	struct proof_check *ret_check)
{
	ret_check->exit = CLI_GOOD;
	ret_check->reason = PROOF_NONE;
	if (!same(older->origin, newer->origin)) {
		return blame(ret_check, CLI_BAD, PROOF_OTHER_ORIGIN,
			"the checkpoints are of two logs: %.*s and %.*s", AS_TEXT(older->origin),
			AS_TEXT(newer->origin));
	}
	if (older->size > newer->size) {
		return blame(ret_check, CLI_BAD, PROOF_SIZES_REVERSED,
			"the older checkpoint has %" PRIu64 " entries, the newer one %" PRIu64,
			older->size, newer->size);
	}
	if (!merkle_verify_consistency(MERKLE_SHA256, older->size, &older->root, newer->size,
		    &newer->root, proof->hashes, proof->hash_count)) {
		return blame(ret_check, CLI_BAD, PROOF_NOT_CONTINUED,
			"it is not shown that the tree of %" PRIu64
			" entries begins with the one of %" PRIu64
			": the log was rewritten, or the hashes are wrong",
			newer->size, older->size);
	}
	return true;
}
