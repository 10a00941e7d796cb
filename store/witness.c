#include "store/witness.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/tail.h"

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

/* The line that both have in common: before a slash and the number of a later name. */
static bool is_same_line(const char *name, struct slice origin)
{
	size_t bytes = origin.bytes_count;
	const char *slash = strrchr(name, '/');
	size_t line = slash == NULL ? strlen(name) : (size_t)(slash - name);

	if (strlen(name) >= bytes && memcmp(name, origin.bytes, bytes) == 0 &&
		(name[bytes] == '\0' || name[bytes] == '/')) {
		return true;
	}
	return bytes > line && memcmp(name, origin.bytes, line) == 0 && origin.bytes[line] == '/';
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
	if (!is_same_line(meta->origin, signer)) {
		return corrupt(why, what, "was signed for another ledger");
	}
	if (public_key != NULL && signer.bytes_count == name.bytes_count) {
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
