#include "core/note.h"

#include <assert.h>
#include <string.h>

#include "core/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* What a text of ours says is printed the same again; each reader tells its kind from the others.
 */
static void check_text(struct slice text)
{
	struct note_checkpoint checkpoint;
	struct note_snapshot snapshot;
	struct note_audit audit;
	char again[NOTE_TEXT_BYTES_MAX];
	unsigned kinds = 0;
	size_t used = 0;

	if (note_checkpoint_parse(text, &checkpoint) == NOTE_OK) {
		kinds++;
		if (checkpoint.origin.bytes_count <= ORIGIN_BYTES_MAX) {
			used = note_checkpoint_print(&checkpoint, again);
			assert(used + checkpoint.extensions.bytes_count == text.bytes_count);
			assert(memcmp(again, text.bytes, used) == 0);
		}
	}
	if (note_audit_parse(text, &audit) == NOTE_OK) {
		kinds++;
		if (audit.origin.bytes_count <= ORIGIN_BYTES_MAX) {
			used = note_audit_print(&audit, again);
			assert(used == text.bytes_count && memcmp(again, text.bytes, used) == 0);
		}
	}
	if (note_snapshot_parse(text, &snapshot) == NOTE_OK) {
		kinds++;
		if (snapshot.origin.bytes_count <= ORIGIN_BYTES_MAX) {
			used = note_snapshot_print(&snapshot, again);
			assert(used == text.bytes_count && memcmp(again, text.bytes, used) == 0);
		}
	}
	assert(kinds <= 1);
}

static void check_vkey(struct slice text)
{
	struct note_vkey vkey;
	char again[NOTE_VKEY_BYTES_MAX];

	if (note_vkey_parse(text, &vkey) == NOTE_OK) {
		assert(note_vkey_print(&vkey, again) == text.bytes_count);
		assert(memcmp(again, text.bytes, text.bytes_count) == 0);
	}
}

/* A line whose signature is as long as ours prints back to the same bytes. */
static void check_line(const struct note_signature *one, const uint8_t *line)
{
	uint8_t signed_bytes[4 + NOTE_SIGNATURE_BYTES];
	char again[NOTE_SIGNATURE_LINE_BYTES_MAX];
	size_t count = 0, used;

	assert(note_name_is_valid(one->name));
	if (one->name.bytes_count > ORIGIN_BYTES_MAX ||
		base64_decode((const char *)one->base64.bytes, one->base64.bytes_count,
			signed_bytes, sizeof signed_bytes, &count) != ERR_OK ||
		count != sizeof signed_bytes) {
		return;
	}
	used = note_signature_print(one->name, one->key_id, signed_bytes + 4, again);
	assert(memcmp(again, line, used) == 0);
}

static bool never(const uint8_t public_key[NOTE_PUBLIC_KEY_BYTES], struct slice message,
	const uint8_t signature[NOTE_SIGNATURE_BYTES])
{
	(void)public_key;
	(void)message;
	(void)signature;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static const uint8_t public_key[NOTE_PUBLIC_KEY_BYTES];
	struct slice all = { bytes, bytes_count };
	struct note_vkey vkey;
	struct note note;

	check_text(all);
	check_vkey(all);
	if (note_parse(all, &note) != NOTE_OK) {
		return 0;
	}
	assert(note.signature_count > 0 && note.signature_count <= NOTE_SIGNATURES_MAX);
	assert(note.text.bytes == bytes && bytes[note.text.bytes_count - 1] == '\n');
	assert(note.text.bytes_count + 1 + note.signature_lines.bytes_count == bytes_count);
	check_text(note.text);
	for (size_t i = 0; i < note.signature_count; i++) {
		check_line(&note.signatures[i],
			note.signatures[i].name.bytes - strlen("\xe2\x80\x94 "));
	}
	vkey = note_vkey_of(note.signatures[0].name, public_key);
	assert(note_verify(&note, &vkey, never) != NOTE_OK);
	return 0;
}
