/* macronode audit verify: an export, checked from nothing but its lines. Each line must say what
 * the bytes in it say; commits follow one another, audit records make their chain, and where the
 * entries begin with the first one, every root must come out. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit_line.h"
#include "cli/json_in.h"
#include "cli/proof_say.h"
#include "cli/verify.h"
#include "common/ed25519.h"
#include "core/sha256.h"

struct audit_check {
	const struct cli *cli;
	struct note_vkey vkey;
	bool has_vkey;
	uint64_t line_count;
	struct audit_line ledger;
	uint64_t seq; /* of the last entry */
	struct schema_root commit;
	bool has_commit;
	struct merkle_frontier tree;
	uint64_t audit_count;
	struct hash audit_head;
	uint64_t note_count;
	struct why what;
	struct audit_line_room room;
};

__attribute__((format(printf, 2, 3))) static bool bad(
	struct audit_check *check, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	why_say(&check->what, "line %" PRIu64 ": %s", check->line_count, text);
	return false;
}

/* From the first entry on, the tree can be computed. */
static bool is_whole(const struct audit_check *check)
{
	return check->ledger.first_seq == 1;
}

static bool on_ledger(struct audit_check *check, const struct audit_line *line)
{
	if (check->line_count != 1) {
		return bad(check, "begins another ledger");
	}
	if (line->last_seq > line->head.size || line->first_seq == 0) {
		return bad(check, "names entries that are not there");
	}
	check->ledger = *line;
	check->seq = line->first_seq - 1;
	merkle_frontier_init(&check->tree, line->head.hash);
	return true;
}

static bool root_came_out(struct audit_check *check)
{
	struct hash root;

	if (!check->has_commit || !is_whole(check) || check->seq != check->commit.last_seq) {
		return true;
	}
	merkle_frontier_root(&check->tree, &root);
	return memcmp(&root, &check->commit.root, sizeof root) == 0 ||
	       bad(check, "the root of commit %" PRIu64 " is not that of the entries up to there",
		       check->commit.last_seq);
}

static bool on_commit(struct audit_check *check, const struct schema_root *commit)
{
	const struct schema_root *before = &check->commit;
	struct hash empty;

	merkle_empty(check->ledger.head.hash, &empty);
	if (check->has_commit
			? check->seq != before->last_seq ||
				  commit->first_seq != before->last_seq + 1 ||
				  memcmp(&commit->prev_root, &before->root, HASH_BYTES) != 0 ||
				  commit->batch_ts_unix_ms < before->batch_ts_unix_ms
			: commit->first_seq > check->seq + 1 ||
				  (is_whole(check) &&
					  memcmp(&commit->prev_root, &empty, HASH_BYTES) != 0)) {
		return bad(check, "commit %" PRIu64 " does not continue the one before it",
			commit->last_seq);
	}
	check->commit = *commit;
	check->has_commit = true;
	return true;
}

static bool memo_fits(const struct entry *entry, const struct batch_entry *record)
{
	const struct slice parts[] = { { record->salt, ENTRY_SALT_BYTES }, record->memo };
	struct hash hash;

	if (!record->has_memo) {
		return record->memo.bytes_count == 0;
	}
	sha256_hash_parts(parts, 2, &hash);
	return memcmp(&hash, &entry->memo_hash, sizeof hash) == 0;
}

static bool on_entry(struct audit_check *check, const struct batch_entry *record)
{
	struct entry entry;
	struct hash leaf;

	if (entry_decode(record->leaf, &entry) != ERR_OK || entry.seq != check->seq + 1) {
		return bad(check, "entry %" PRIu64 " is missing", check->seq + 1);
	}
	if (!check->has_commit || entry.seq > check->commit.last_seq) {
		return bad(check, "no commit carries entry %" PRIu64, entry.seq);
	}
	if (!memo_fits(&entry, record)) {
		return bad(check,
			"memo and salt of entry %" PRIu64 " do not have the hash in its "
			"leaf",
			entry.seq);
	}
	check->seq = entry.seq;
	merkle_leaf(check->ledger.head.hash, record->leaf.bytes, record->leaf.bytes_count, &leaf);
	merkle_frontier_append(&check->tree, &leaf);
	return root_came_out(check);
}

static bool on_audit(struct audit_check *check, const struct audit_line *line)
{
	if (line->index != check->audit_count + 1) {
		return bad(check, "audit record %" PRIu64 " is missing", check->audit_count + 1);
	}
	schema_audit_link(&check->audit_head, line->record, &check->audit_head);
	check->audit_count++;
	return memcmp(&check->audit_head, &line->hash, HASH_BYTES) == 0 ||
	       bad(check, "the hash chain breaks at audit record %" PRIu64, line->index);
}

static bool open_note(struct audit_check *check, struct slice bytes, struct note *ret_note)
{
	enum note_fault fault = note_parse(bytes, ret_note);

	if (fault == NOTE_OK && check->has_vkey) {
		fault = note_verify(ret_note, &check->vkey, ed25519_verify);
	}
	return fault == NOTE_OK || bad(check, "%s", note_fault_text(fault));
}

static bool is_origin(const struct audit_check *check, struct slice origin)
{
	const char *name = check->ledger.head.origin;

	return origin.bytes_count == strlen(name) &&
	       memcmp(origin.bytes, name, origin.bytes_count) == 0;
}

/* The tree up to its size was computed, or it is not among these entries. */
static bool on_checkpoint(struct audit_check *check, struct slice bytes)
{
	struct note_checkpoint checkpoint;
	struct note note;

	if (!open_note(check, bytes, &note)) {
		return false;
	}
	if (note_checkpoint_parse(note.text, &checkpoint) != NOTE_OK ||
		!is_origin(check, checkpoint.origin) || checkpoint.size > check->ledger.head.size) {
		return bad(check, "is no checkpoint of this ledger");
	}
	if (checkpoint.size == check->ledger.head.size &&
		memcmp(&checkpoint.root, &check->ledger.head.root, HASH_BYTES) != 0) {
		return bad(check, "the signed root is not the one of the ledger");
	}
	check->note_count++;
	return true;
}

static bool on_note(struct audit_check *check, struct slice bytes)
{
	struct note_audit audit;
	struct note note;

	if (!open_note(check, bytes, &note)) {
		return false;
	}
	if (note_audit_parse(note.text, &audit) != NOTE_OK || !is_origin(check, audit.origin) ||
		audit.count > check->audit_count) {
		return bad(check, "is no audit note of these records");
	}
	if (audit.count == check->audit_count &&
		memcmp(&audit.head, &check->audit_head, HASH_BYTES) != 0) {
		return bad(check, "the signed hash is not the one of the chain");
	}
	check->note_count++;
	return true;
}

static bool on_line(struct audit_check *check, struct slice text)
{
	struct audit_line line;
	const char *wrong = audit_line_parse(text, &line, &check->room);

	if (wrong != NULL) {
		return bad(check, "%s", wrong);
	}
	if (check->line_count == 1 && line.type != AUDIT_LEDGER) {
		return bad(check, "is not the first line of an export");
	}
	switch (line.type) {
	case AUDIT_LEDGER:
		return on_ledger(check, &line);
	case AUDIT_COMMIT:
		return on_commit(check, &line.commit);
	case AUDIT_ENTRY:
		return on_entry(check, &line.entry);
	case AUDIT_AUDIT:
		return on_audit(check, &line);
	case AUDIT_CHECKPOINT:
		return on_checkpoint(check, line.note);
	case AUDIT_NOTE:
		return on_note(check, line.note);
	case AUDIT_TYPE_COUNT:
		break;
	}
	return false;
}

static bool at_end(struct audit_check *check)
{
	const struct audit_line *ledger = &check->ledger;

	check->line_count++;
	if (check->line_count == 1) {
		return bad(check, "there is none");
	}
	if (check->seq != ledger->last_seq) {
		return bad(check, "entry %" PRIu64 " is missing", check->seq + 1);
	}
	if (check->has_commit && check->seq == ledger->head.size &&
		memcmp(&check->commit.root, &ledger->head.root, HASH_BYTES) != 0) {
		return bad(check, "the last root is not the one of the ledger");
	}
	return true;
}

static bool check_all(struct audit_check *check, FILE *in)
{
	static char bytes[AUDIT_LINE_BYTES_MAX];
	bool good = true;

	while (good && fgets(bytes, sizeof bytes, in) != NULL) {
		size_t length = strlen(bytes);

		check->line_count++;
		if (length == 0 || bytes[length - 1] != '\n') {
			good = bad(check, "is cut, or too long");
			break;
		}
		good = on_line(check, (struct slice){ (const uint8_t *)bytes, length - 1 });
		json_in_free(check->room.root);
		check->room.root = NULL;
	}
	return good && at_end(check);
}

int cli_audit_verify(struct cli *cli)
{
	static struct audit_check check;
	const char *path = cli->word_count == 0 ? "-" : cli->words[0];
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	struct verify_verdict verdict = { .exit = CLI_GOOD };

	check.cli = cli;
	if (!proof_say_vkey(cli, &check.vkey, &check.has_vkey)) {
		return CLI_USAGE;
	}
	if (in == NULL) {
		return cli_fail(cli, CLI_CANNOT, "%s: cannot be opened", path);
	}
	verdict.exit = check_all(&check, in) ? CLI_GOOD : CLI_BAD;
	if (ferror(in) != 0) {
		verdict.exit = CLI_CANNOT;
		why_say(&check.what, "%s: cannot be read", path);
	}
	if (!is_stdin) {
		(void)fclose(in);
	}
	verdict.what = check.what.text;
	verdict.origin = check.ledger.head.origin;
	verdict.size = check.ledger.head.size;
	verdict.root = check.ledger.head.root;
	verdict.signature = check.note_count == 0 ? "none"
			    : check.has_vkey      ? "verified"
						  : "not checked";
	return verify_say(cli, &verdict);
}
