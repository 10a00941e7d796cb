#include "store/witness.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/lines.h"
#include "store/tail.h"

#define ORIGINS_MAX 64u /* names that a keyring holds */

enum err witness_tail(const char *dir, struct witness *ret_tail, struct why *why)
{
	struct tail_mark mark = { .size = 0 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err err;

	if (fd < 0) {
		why_say(why, "%s: cannot be opened", dir);
		return ERR_IO;
	}
	err = tail_read(fd, dir, &mark, why);
	(void)close(fd);
	if (err == ERR_OK) {
		*ret_tail = (struct witness){ mark.size > 0, mark.size, mark.root };
	}
	return err;
}

/* "/7" of "ledger.example/7", the seventh name that came after the first; 0: it is the first. */
static uint64_t number_of(struct slice name, size_t *ret_first_bytes)
{
	const uint8_t *slash = memrchr(name.bytes, '/', name.bytes_count);
	uint64_t number = 0;

	*ret_first_bytes = name.bytes_count;
	if (slash == NULL ||
		!line_number((struct slice){ slash + 1,
				     (size_t)(name.bytes + name.bytes_count - (slash + 1)) },
			ORIGINS_MAX, &number)) {
		return 0;
	}
	if (number > 0) {
		*ret_first_bytes = (size_t)(slash - name.bytes);
	}
	return number;
}

static bool is_name(struct slice name, struct slice signer)
{
	return signer.bytes_count == name.bytes_count &&
	       memcmp(signer.bytes, name.bytes, name.bytes_count) == 0;
}

/* One that the ledger had before: no other node's, whose key we know as little. */
static bool is_earlier_name(struct slice name, struct slice signer)
{
	size_t first_bytes, signer_bytes;
	uint64_t number = number_of(name, &first_bytes);

	if (signer.bytes_count < first_bytes ||
		memcmp(signer.bytes, name.bytes, first_bytes) != 0) {
		return false;
	}
	return (signer.bytes_count == first_bytes && number > 0) ||
	       (number_of(signer, &signer_bytes) < number && signer_bytes == first_bytes);
}

static enum err corrupt(struct why *why, const char *what, const char *text)
{
	why_say(why, "%s: %s", what, text);
	return ERR_CORRUPT;
}

static enum err note_open(struct slice bytes, const char *what, const struct schema_meta *meta,
	const uint8_t *public_key, note_verify_signature *verify_signature, struct note *ret_note,
	struct why *why)
{
	const struct slice name = { (const uint8_t *)meta->origin, strlen(meta->origin) };
	enum note_fault fault = note_parse(bytes, ret_note);
	struct slice signer;

	if (fault != NOTE_OK) {
		return corrupt(why, what, note_fault_text(fault));
	}
	signer = ret_note->signatures[0].name;
	if (!is_name(name, signer) && !is_earlier_name(name, signer)) {
		return corrupt(why, what, "was signed for another ledger");
	}
	if (public_key != NULL && is_name(name, signer)) {
		const struct note_vkey vkey = note_vkey_of(name, public_key);

		fault = note_verify(ret_note, &vkey, verify_signature);
		if (fault != NOTE_OK) {
			return corrupt(why, what, note_fault_text(fault));
		}
	}
	return ERR_OK;
}

enum err witness_notes(struct reader *reader, const struct schema_meta *meta,
	const uint8_t *public_key, note_verify_signature *verify_signature,
	struct witness_notes *ret_notes, struct why *why)
{
	struct witness_notes notes = { .has_audit = false };
	struct schema_checkpoint row;
	struct note_checkpoint checkpoint;
	struct note_audit audit;
	struct note note;
	enum err err = reader_checkpoint(reader, &row);

	if (err == ERR_NOT_FOUND) {
		*ret_notes = notes;
		return ERR_OK;
	}
	if (err != ERR_OK) {
		return err == ERR_CORRUPT ? corrupt(why, "checkpoint", "its row is damaged") : err;
	}
	err = note_open(
		row.checkpoint, "checkpoint", meta, public_key, verify_signature, &note, why);
	if (err != ERR_OK) {
		return err;
	}
	if (note_checkpoint_parse(note.text, &checkpoint) != NOTE_OK ||
		checkpoint.size != row.size ||
		memcmp(&checkpoint.root, &row.root, sizeof row.root) != 0) {
		return corrupt(why, "checkpoint", "the note does not say what its row says");
	}
	notes.checkpoint = (struct witness){ row.size > 0, row.size, row.root };
	err = note_open(row.audit, "audit note", meta, public_key, verify_signature, &note, why);
	if (err != ERR_OK) {
		return err;
	}
	if (note_audit_parse(note.text, &audit) != NOTE_OK || audit.count != row.audit_count ||
		memcmp(&audit.head, &row.audit_head, sizeof row.audit_head) != 0) {
		return corrupt(why, "audit note", "the note does not say what its row says");
	}
	notes.has_audit = true;
	notes.audit_count = audit.count;
	notes.audit_head = audit.head;
	*ret_notes = notes;
	return ERR_OK;
}
