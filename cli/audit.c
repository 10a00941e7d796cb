/* macronode audit export: what an auditor takes away, as text or as a transparency log. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit_line.h"
#include "cli/node.h"
#include "cli/out_file.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "cli/tiles.h"

#define ROOM_BYTES (4u * AUDIT_LINE_BYTES_MAX)

struct audit_export {
	const struct cli *cli;
	struct source *source;
	struct out_file out;
	struct progress progress;
	uint64_t first_seq, last_seq;
	struct schema_root *commits; /* owned; those that carry the range */
	size_t commit_count, commit_max, commit_next;
	struct hash audit_head;
	size_t used;
	uint8_t room[ROOM_BYTES]; /* lines that were not written yet */
};

static bool flush(struct audit_export *export)
{
	size_t used = export->used;

	export->used = 0;
	return out_file_put(export->cli, &export->out, (struct slice){ export->room, used });
}

static bool put_line(struct audit_export *export, const struct audit_line *line)
{
	size_t bytes;

	if (sizeof export->room - export->used < AUDIT_LINE_BYTES_MAX && !flush(export)) {
		return false;
	}
	bytes = audit_line_print(line, export->room + export->used, AUDIT_LINE_BYTES_MAX);
	if (bytes == 0) {
		(void)cli_fail(
			export->cli, CLI_BAD, "a record does not decode; see `macronode verify`");
	}
	export->used += bytes;
	return bytes > 0;
}

static bool on_commit(void *context, const struct source_item *item)
{
	struct audit_export *export = context;

	if (item->commit.first_seq > export->last_seq) {
		return true;
	}
	if (export->commit_count == export->commit_max) {
		size_t max = export->commit_max == 0 ? 1024 : export->commit_max * 2;
		void *larger = realloc(export->commits, max * sizeof *export->commits);

		if (larger == NULL) {
			(void)cli_fail(export->cli, CLI_CANNOT, "no memory for the commits");
			return false;
		}
		export->commits = larger;
		export->commit_max = max;
	}
	export->commits[export->commit_count++] = item->commit;
	return true;
}

static bool on_entry(void *context, const struct source_item *item)
{
	struct audit_export *export = context;
	struct audit_line line = { .type = AUDIT_ENTRY };
	struct audit_line commit = { .type = AUDIT_COMMIT };

	if (export->commit_next < export->commit_count &&
		item->key >= export->commits[export->commit_next].first_seq) {
		commit.commit = export->commits[export->commit_next++];
		if (!put_line(export, &commit)) {
			return false;
		}
	}
	progress_tell(&export->progress, item->key - export->first_seq + 1,
		export->last_seq - export->first_seq + 1);
	return batch_get_entry(item->body, &line.entry) == ERR_OK && put_line(export, &line);
}

static bool on_audit(void *context, const struct source_item *item)
{
	struct audit_export *export = context;
	struct audit_line line = { .type = AUDIT_AUDIT, .index = item->key, .record = item->body };

	schema_audit_link(&export->audit_head, item->body, &export->audit_head);
	line.hash = export->audit_head;
	return put_line(export, &line);
}

static bool put_note(struct audit_export *export, enum audit_type type, struct slice note)
{
	struct audit_line line = { .type = type, .note = note };

	return note.bytes_count == 0 || put_line(export, &line);
}

static bool export_all(struct audit_export *export)
{
	struct audit_line line = { .type = AUDIT_LEDGER,
		.head = *source_head(export->source),
		.first_seq = export->first_seq,
		.last_seq = export->last_seq };

	return put_line(export, &line) &&
	       source_walk(export->source, EXPORT_COMMITS, export->first_seq - 1,
		       source_last(export->source, EXPORT_COMMITS), on_commit, export) &&
	       source_walk(export->source, EXPORT_ENTRIES, export->first_seq - 1, export->last_seq,
		       on_entry, export) &&
	       source_walk(export->source, EXPORT_AUDITS, 0,
		       source_last(export->source, EXPORT_AUDITS), on_audit, export) &&
	       put_note(export, AUDIT_CHECKPOINT, source_checkpoint(export->source)) &&
	       put_note(export, AUDIT_NOTE, source_audit_note(export->source)) && flush(export) &&
	       out_file_finish(export->cli, &export->out);
}

/* "A:B", "A:latest". False: it is none. */
static bool parse_range(const char *text, uint64_t size, uint64_t *ret_first, uint64_t *ret_last)
{
	char *end = NULL;
	unsigned long long first, last;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	first = strtoull(text, &end, 10);
	if (*end != ':') {
		return false;
	}
	text = end + 1;
	if (strcmp(text, "latest") == 0) {
		last = size;
	} else if (text[0] < '0' || text[0] > '9') {
		return false;
	} else {
		last = strtoull(text, &end, 10);
		if (*end != '\0') {
			return false;
		}
	}
	*ret_first = first;
	*ret_last = last;
	return true;
}

static int choose_range(struct audit_export *export)
{
	const char *text = cli_option(export->cli, "--range");
	uint64_t size = source_head(export->source)->size;

	export->first_seq = 1;
	export->last_seq = size;
	if (text == NULL) {
		return CLI_GOOD;
	}
	if (!parse_range(text, size, &export->first_seq, &export->last_seq)) {
		return cli_fail(export->cli, CLI_USAGE,
			"--range %s: needs two seqs, such as 1:1000 or 500:latest", text);
	}
	if (export->first_seq == 0 || export->first_seq > export->last_seq) {
		return cli_fail(export->cli, CLI_USAGE,
			"--range %s: entries are counted from 1, and the second is not before the "
			"first",
			text);
	}
	if (export->last_seq > size) {
		return cli_fail(export->cli, CLI_BAD, "--range %s: the ledger ends at %" PRIu64,
			text, size);
	}
	return CLI_GOOD;
}

int cli_audit_export(struct cli *cli)
{
	static struct audit_export export;
	static struct config config;
	const char *path = cli_option(cli, "--out"), *tiles = cli_option(cli, "--tiles");
	int exit;

	export.cli = cli;
	export.out.fd = -1;
	if (tiles != NULL && (path != NULL || cli_has(cli, "--range"))) {
		return cli_fail(cli, CLI_USAGE, "--tiles is the whole log, in a directory");
	}
	if (!cli_load_config(cli, &config) || (export.source = source_open(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	if (tiles != NULL) {
		exit = tiles_export(cli, export.source, tiles);
	} else {
		exit = choose_range(&export);
		export.progress = progress_begin("exported", "entries");
		if (exit == CLI_GOOD &&
			(!out_file_open(cli, path == NULL ? "-" : path, 0600, &export.out) ||
				!export_all(&export))) {
			exit = CLI_CANNOT;
		}
		progress_end(&export.progress);
	}
	out_file_drop(&export.out);
	free(export.commits);
	source_close(export.source);
	return exit;
}
