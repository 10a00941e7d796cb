#include "cli/snapshot_read.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/progress.h"
#include "cli/snapshot_file.h"
#include "common/ed25519.h"
#include "common/random.h"
#include "core/hex.h"
#include "core/sha256.h"

#define MANIFEST_NAME  "manifest.json"
#define SIGNATURE_NAME "manifest.sig"
#define NOTE_ROOM      4096u

struct reading {
	const struct snapshot_goal *goal;
	struct snapshot_report *report;
	struct snapshot_reader *file; /* owned, like all pointers here */
	struct restore *restore;
	struct progress progress;
	struct hash manifest_sha256;
	uint64_t audit_note_count;
	struct hash audit_note_head;
	bool audit_note_waits;          /* for as many audit records */
	struct schema_checkpoint notes; /* borrows from the next two */
	uint8_t checkpoint[SCHEMA_NOTE_BYTES_MAX];
	uint8_t audit_note[SCHEMA_NOTE_BYTES_MAX];
	enum cli_exit exit;
	uint8_t note[NOTE_ROOM];
	size_t tail_bytes; /* of a record that the last block cut */
	uint8_t block[2 * 65536u + EXPORT_PAGE_BYTES_MIN];
};

__attribute__((format(printf, 2, 3))) static bool bad(
	struct reading *reading, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(
		reading->report->what.text, sizeof reading->report->what.text, format, args);
	va_end(args);
	reading->exit = CLI_BAD;
	return false;
}

static bool judge(struct reading *reading, const char *name, enum err err)
{
	struct why why = reading->report->what;

	if (err == ERR_OK) {
		return true;
	}
	(void)bad(reading, "%s: %.400s", name, why.text);
	if (err == ERR_IO || err == ERR_NO_SPACE) {
		reading->exit = CLI_CANNOT;
	}
	return false;
}

/* ---- small members ---- */

/* The whole of a member that is small. */
static bool take_small(struct reading *reading, const char *name, uint64_t bytes_count,
	uint8_t *bytes, size_t bytes_max, struct slice *ret_bytes)
{
	size_t used = 0;
	struct slice more;

	if (bytes_count > bytes_max) {
		return bad(reading, "%s: is longer than any", name);
	}
	do {
		if (!snapshot_file_get(reading->file, &more, &reading->report->what)) {
			reading->exit = CLI_BAD;
			return false;
		}
		if (more.bytes_count > bytes_max - used) {
			return bad(reading, "%s: is longer than it says", name);
		}
		memcpy(bytes + used, more.bytes, more.bytes_count);
		used += more.bytes_count;
	} while (more.bytes_count > 0);
	*ret_bytes = (struct slice){ bytes, used };
	return true;
}

static bool next_member(struct reading *reading, const char *expected, uint64_t *ret_bytes_count)
{
	const char *name = "";
	bool end = false;

	if (!snapshot_file_next_member(
		    reading->file, &name, ret_bytes_count, &end, &reading->report->what)) {
		reading->exit = CLI_BAD;
		return end ? bad(reading, "%s: is missing", expected) : false;
	}
	if (strcmp(name, expected) != 0) {
		return bad(reading, "%s: is missing, another member stands in its place", expected);
	}
	return true;
}

static bool take_manifest(struct reading *reading)
{
	uint8_t text[MANIFEST_BYTES_MAX];
	uint64_t bytes_count = 0;
	struct slice bytes;
	const char *wrong;

	if (!next_member(reading, MANIFEST_NAME, &bytes_count) ||
		!take_small(reading, MANIFEST_NAME, bytes_count, text, sizeof text, &bytes)) {
		return false;
	}
	wrong = snapshot_manifest_parse(bytes, &reading->report->manifest);
	sha256_hash(bytes.bytes, bytes.bytes_count, &reading->manifest_sha256);
	return wrong == NULL || bad(reading, "%s: %s", MANIFEST_NAME, wrong);
}

/* ---- notes ---- */

static bool is_origin(const struct reading *reading, struct slice origin)
{
	const char *expected = reading->report->manifest.head.origin;

	return origin.bytes_count == strlen(expected) &&
	       memcmp(origin.bytes, expected, origin.bytes_count) == 0;
}

/* The text of a note, whose signature holds if there is a key to verify it with. */
static bool open_note(
	struct reading *reading, const char *name, struct slice bytes, struct slice *ret_text)
{
	enum note_fault fault;
	struct note note;

	fault = note_parse(bytes, &note);
	if (fault == NOTE_OK && reading->goal->vkey != NULL) {
		fault = note_verify(&note, reading->goal->vkey, ed25519_verify);
	}
	if (fault != NOTE_OK) {
		return bad(reading, "%s: %s", name, note_fault_text(fault));
	}
	*ret_text = note.text;
	return true;
}

static bool take_signature(struct reading *reading)
{
	const struct source_head *head = &reading->report->manifest.head;
	struct note_snapshot snapshot;
	uint64_t bytes_count = 0;
	struct slice bytes, text;

	if (!reading->report->manifest.is_signed) {
		return true;
	}
	if (!next_member(reading, SIGNATURE_NAME, &bytes_count) ||
		!take_small(
			reading, SIGNATURE_NAME, bytes_count, reading->note, NOTE_ROOM, &bytes) ||
		!open_note(reading, SIGNATURE_NAME, bytes, &text)) {
		return false;
	}
	if (note_snapshot_parse(text, &snapshot) != NOTE_OK ||
		!is_origin(reading, snapshot.origin) || snapshot.size != head->size ||
		snapshot.first_seq != (head->size == 0 ? 0 : 1) ||
		memcmp(&snapshot.root, &head->root, HASH_BYTES) != 0) {
		return bad(reading, "%s: is about another snapshot", SIGNATURE_NAME);
	}
	if (memcmp(&snapshot.manifest_sha256, &reading->manifest_sha256, HASH_BYTES) != 0) {
		return bad(reading, "%s: was signed for another manifest", SIGNATURE_NAME);
	}
	return true;
}

static bool keep_note(struct reading *reading, const char *name, struct slice bytes,
	uint8_t copy[SCHEMA_NOTE_BYTES_MAX], struct slice *ret_kept)
{
	if (bytes.bytes_count > SCHEMA_NOTE_BYTES_MAX) {
		return bad(reading, "%s: is longer than any note of ours", name);
	}
	memcpy(copy, bytes.bytes, bytes.bytes_count);
	*ret_kept = (struct slice){ copy, bytes.bytes_count };
	return true;
}

static bool take_checkpoint(struct reading *reading, struct slice bytes)
{
	const struct source_head *head = &reading->report->manifest.head;
	struct note_checkpoint checkpoint;
	struct slice text;

	if (!open_note(reading, "checkpoint", bytes, &text)) {
		return false;
	}
	if (note_checkpoint_parse(text, &checkpoint) != NOTE_OK ||
		!is_origin(reading, checkpoint.origin) || checkpoint.size > head->size) {
		return bad(reading, "checkpoint: is not one of this ledger");
	}
	reading->report->has_checkpoint = true;
	reading->report->checkpoint_size = checkpoint.size;
	reading->report->checkpoint_root = checkpoint.root;
	reading->notes.size = checkpoint.size;
	reading->notes.root = checkpoint.root;
	return keep_note(
		reading, "checkpoint", bytes, reading->checkpoint, &reading->notes.checkpoint);
}

static bool take_audit_note(struct reading *reading, struct slice bytes)
{
	struct note_audit audit;
	struct slice text;

	if (!open_note(reading, "audit-note", bytes, &text)) {
		return false;
	}
	if (note_audit_parse(text, &audit) != NOTE_OK || !is_origin(reading, audit.origin) ||
		audit.count > reading->report->manifest.head.audit_count) {
		return bad(reading, "audit-note: is not one of this ledger");
	}
	reading->audit_note_waits = true;
	reading->audit_note_count = audit.count;
	reading->audit_note_head = audit.head;
	reading->notes.audit_count = audit.count;
	reading->notes.audit_head = audit.head;
	return keep_note(
		       reading, "audit-note", bytes, reading->audit_note, &reading->notes.audit) &&
	       judge(reading, "audit-note",
		       restore_notes(reading->restore, &reading->notes, &reading->report->what));
}

/* A checkpoint that was signed must be one of the roots that came out. */
static bool root_is(
	struct reading *reading, const char *what, uint64_t size, const struct hash *expected)
{
	char found_text[HEX_TEXT_BYTES(HASH_BYTES) + 1], text[HEX_TEXT_BYTES(HASH_BYTES) + 1];
	struct hash root;

	if (restore_root_at(reading->restore, size, &root) != ERR_OK) {
		return bad(reading, "%s: no commit ends at its size %llu", what,
			(unsigned long long)size);
	}
	hex_encode(root.bytes, HASH_BYTES, found_text);
	hex_encode(expected->bytes, HASH_BYTES, text);
	return memcmp(&root, expected, sizeof root) == 0 ||
	       bad(reading, "%s: the root of %llu entries is %s, it says %s", what,
		       (unsigned long long)size, found_text, text);
}

/* ---- records ---- */

static bool audit_note_holds(struct reading *reading)
{
	struct hash head = restore_audit_head(reading->restore);

	if (!reading->audit_note_waits ||
		restore_audit_count(reading->restore) != reading->audit_note_count) {
		return true;
	}
	reading->audit_note_waits = false;
	return memcmp(&head, &reading->audit_note_head, sizeof head) == 0 ||
	       bad(reading, "audit-note: the chain of %llu records ends with another hash",
		       (unsigned long long)reading->audit_note_count);
}

static bool take_item(struct reading *reading, const char *name, const struct source_item *item)
{
	struct restore *restore = reading->restore;
	struct why *why = &reading->report->what;

	switch (item->what) {
	case EXPORT_COMMITS:
		return judge(reading, name, restore_commit(restore, &item->commit, why));
	case EXPORT_ENTRIES:
		return judge(reading, name, restore_entry(restore, item->body, why));
	case EXPORT_CONTROLS:
		return judge(reading, name, restore_control(restore, item->body, why));
	case EXPORT_AUDITS:
		return audit_note_holds(reading) &&
		       judge(reading, name, restore_audit(restore, item->body, why));
	case EXPORT_COUNTERS:
		return judge(reading, name, restore_counter(restore, item->body, why));
	case EXPORT_COUNT:
		break;
	}
	return false;
}

/* Whole records of what is in the block; what is left of it is kept for the next. */
static bool take_items(
	struct reading *reading, unsigned member, size_t bytes_count, bool is_last, uint64_t *count)
{
	const char *name = snapshot_manifest_name(member);
	struct byte_reader in = byte_reader_of((struct slice){ reading->block, bytes_count });
	struct source_item item;
	const uint8_t *good = in.next;

	while (source_next(&in, snapshot_manifest_what(member), &item)) {
		if (!take_item(reading, name, &item)) {
			return false;
		}
		good = in.next;
		(*count)++;
	}
	reading->tail_bytes = (size_t)(reading->block + bytes_count - good);
	if (reading->tail_bytes > (is_last ? 0 : EXPORT_PAGE_BYTES_MIN)) {
		return bad(reading, "%s: does not decode behind its record %llu", name,
			(unsigned long long)*count);
	}
	memmove(reading->block, good, reading->tail_bytes);
	return true;
}

static bool take_records(struct reading *reading, unsigned member, struct sha256 *sum)
{
	const uint64_t expected = reading->report->manifest.members[member].record_count;
	uint64_t count = 0;
	struct slice more;

	reading->tail_bytes = 0;
	do {
		if (!snapshot_file_get(reading->file, &more, &reading->report->what)) {
			reading->exit = CLI_BAD;
			return false;
		}
		sha256_add(sum, more.bytes, more.bytes_count);
		memcpy(reading->block + reading->tail_bytes, more.bytes, more.bytes_count);
		if (!take_items(reading, member, reading->tail_bytes + more.bytes_count,
			    more.bytes_count == 0, &count)) {
			return false;
		}
		progress_tell(&reading->progress, restore_size(reading->restore),
			reading->report->manifest.head.size);
	} while (more.bytes_count > 0);
	return count == expected ||
	       bad(reading, "%s: has %llu records, the manifest says %llu",
		       snapshot_manifest_name(member), (unsigned long long)count,
		       (unsigned long long)expected);
}

static bool take_member(struct reading *reading, unsigned member)
{
	const struct manifest_member *expected = &reading->report->manifest.members[member];
	const char *name = snapshot_manifest_name(member);
	uint64_t bytes_count = 0;
	struct slice bytes = { NULL, 0 };
	struct sha256 sum;
	struct hash sha256;
	bool good;

	if (!expected->there) {
		return true;
	}
	if (!next_member(reading, name, &bytes_count)) {
		return false;
	}
	if (bytes_count != expected->bytes_count) {
		return bad(reading, "%s: has %llu bytes, the manifest says %llu", name,
			(unsigned long long)bytes_count, (unsigned long long)expected->bytes_count);
	}
	sha256_start(&sum);
	if (snapshot_manifest_what(member) == EXPORT_COUNT) {
		good = take_small(reading, name, bytes_count, reading->note, NOTE_ROOM, &bytes) &&
		       (member == MEMBER_CHECKPOINT ? take_checkpoint(reading, bytes)
						    : take_audit_note(reading, bytes));
		sha256_add(&sum, bytes.bytes, bytes.bytes_count);
	} else {
		good = take_records(reading, member, &sum);
	}
	if (!good) {
		return false;
	}
	sha256_finish(&sum, &sha256);
	return memcmp(&sha256, &expected->sha256, sizeof sha256) == 0 ||
	       bad(reading, "%s: its SHA-256 is not the one in the manifest", name);
}

/* ---- all of it ---- */

static bool begin_restore(struct reading *reading)
{
	const struct manifest *manifest = &reading->report->manifest;
	struct restore_config config = { .dir = reading->goal->restore_dir,
		.head = {
			.hash = manifest->head.hash,
			.origin = manifest->head.origin,
			.born_unix_ms = manifest->head.born_unix_ms,
			.batch_ts_unix_ms = manifest->head.batch_ts_unix_ms,
			.size = manifest->head.size,
			.root = manifest->head.root,
			.control_count = manifest->head.control_count,
			.audit_count = manifest->head.audit_count,
			.audit_head = manifest->audit_head,
		} };

	random_fill(config.fingerprint_key, sizeof config.fingerprint_key);
	if (restore_begin(&config, &reading->restore, &reading->report->what) != ERR_OK) {
		reading->exit = CLI_CANNOT;
		return false;
	}
	return true;
}

static bool at_end(struct reading *reading)
{
	const struct snapshot_report *report = reading->report;
	const char *name = "";
	uint64_t bytes_count = 0;
	bool end = false;

	if (snapshot_file_next_member(
		    reading->file, &name, &bytes_count, &end, &reading->report->what)) {
		return bad(reading, "a member too many stands at its end");
	}
	if (!end) {
		reading->exit = CLI_BAD;
		return false;
	}
	return audit_note_holds(reading) &&
	       (!report->has_checkpoint || root_is(reading, "checkpoint", report->checkpoint_size,
						   &report->checkpoint_root)) &&
	       (reading->goal->remembered == NULL ||
		       root_is(reading, "the checkpoint that the keys remember",
			       reading->goal->remembered->size,
			       &reading->goal->remembered->root)) &&
	       judge(reading, "the ledger",
		       restore_finish(reading->restore, &reading->report->what));
}

static bool read_all(struct reading *reading)
{
	if (!take_manifest(reading) || !take_signature(reading) || !begin_restore(reading)) {
		return false;
	}
	for (unsigned member = 0; member < MEMBER_COUNT; member++) {
		if (!take_member(reading, member)) {
			return false;
		}
	}
	return at_end(reading);
}

enum cli_exit snapshot_read(const struct snapshot_goal *goal, struct snapshot_report *ret_report)
{
	struct reading *reading = calloc(1, sizeof *reading);
	enum cli_exit exit;

	memset(ret_report, 0, sizeof *ret_report);
	if (reading == NULL) {
		why_say(&ret_report->what, "no memory");
		return CLI_CANNOT;
	}
	reading->goal = goal;
	reading->report = ret_report;
	reading->progress =
		progress_begin(goal->restore_dir == NULL ? "verified" : "restored", "entries");
	reading->file = snapshot_file_open(goal->path, goal->fd, &ret_report->what);
	reading->exit = reading->file != NULL           ? CLI_GOOD
			: access(goal->path, R_OK) == 0 ? CLI_BAD
							: CLI_CANNOT;
	if (reading->file != NULL && read_all(reading)) {
		ret_report->signatures_checked = goal->vkey != NULL;
	}
	progress_end(&reading->progress);
	exit = reading->exit;
	restore_destroy(reading->restore);
	snapshot_file_close(reading->file);
	free(reading);
	return exit;
}

bool snapshot_read_manifest(const char *path, struct manifest *ret_manifest, struct why *why)
{
	struct snapshot_report *report = calloc(1, sizeof *report);
	struct reading *reading = calloc(1, sizeof *reading);
	bool good = report != NULL && reading != NULL;

	if (good) {
		reading->report = report;
		reading->file = snapshot_file_open(path, -1, why);
		good = reading->file != NULL;
		if (good && !(good = take_manifest(reading))) {
			why_say(why, "%s: %.400s", path, report->what.text);
		}
		snapshot_file_close(reading->file);
	}
	if (good) {
		*ret_manifest = report->manifest;
	}
	free(reading);
	free(report);
	return good;
}
