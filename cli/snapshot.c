/* macronode snapshot create, list, verify. What a snapshot is: docs/formats.md. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/node.h"
#include "cli/out_file.h"
#include "cli/progress.h"
#include "cli/snapshot_file.h"
#include "cli/snapshot_read.h"
#include "cli/verify.h"
#include "common/clock.h"
#include "common/random.h"
#include "core/hex.h"
#include "core/sha256.h"

/* ---- create: the records into files of their own, then all into one ---- */

/* A member waits in a file without a name, because a tar tells sizes first. */
struct spool {
	FILE *file; /* owned */
	struct sha256 sum;
};

struct creation {
	const struct cli *cli;
	struct source *source;
	struct restore *check; /* what is written is computed again at once */
	struct manifest manifest;
	struct spool spools[MEMBER_COUNT];
	struct progress progress;
	unsigned member;
	struct out_file out;
};

/* Beside the result, which has room for it; with standard output in TMPDIR. */
static FILE *spool_open(const struct creation *creation)
{
	char path[OUT_FILE_PATH_BYTES + 32];
	const char *tmp = getenv("TMPDIR");
	int fd;

	if (creation->out.is_stdout) {
		(void)snprintf(path, sizeof path, "%s/macronode-XXXXXX",
			tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
	} else {
		(void)snprintf(path, sizeof path, "%s.XXXXXX", creation->out.part);
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		(void)cli_fail(creation->cli, CLI_CANNOT, "%s: %s", path, strerror(errno));
		return NULL;
	}
	(void)unlink(path);
	return fdopen(fd, "w+");
}

static bool spool_put(struct creation *creation, struct slice bytes)
{
	struct manifest_member *member = &creation->manifest.members[creation->member];
	struct spool *spool = &creation->spools[creation->member];

	sha256_add(&spool->sum, bytes.bytes, bytes.bytes_count);
	member->bytes_count += bytes.bytes_count;
	if (bytes.bytes_count > 0 && fwrite(bytes.bytes, bytes.bytes_count, 1, spool->file) != 1) {
		(void)cli_fail(creation->cli, CLI_CANNOT, "a temporary file: %s", strerror(errno));
		return false;
	}
	return true;
}

static enum err check_item(
	struct creation *creation, const struct source_item *item, struct why *why)
{
	switch (item->what) {
	case EXPORT_COMMITS:
		return restore_commit(creation->check, &item->commit, why);
	case EXPORT_ENTRIES:
		return restore_entry(creation->check, item->body, why);
	case EXPORT_CONTROLS:
		return restore_control(creation->check, item->body, why);
	case EXPORT_AUDITS:
		return restore_audit(creation->check, item->body, why);
	case EXPORT_COUNTERS:
		return restore_counter(creation->check, item->body, why);
	case EXPORT_COUNT:
		break;
	}
	return ERR_MALFORMED;
}

static bool checked(const struct creation *creation, enum err err, const struct why *why)
{
	if (err == ERR_OK) {
		return true;
	}
	(void)cli_fail(creation->cli, CLI_BAD,
		"the ledger does not verify, nothing was written: %s; see `macronode verify`",
		why->text);
	return false;
}

static bool on_item(void *context, const struct source_item *item)
{
	struct creation *creation = context;
	struct why why = { "" };

	if (!checked(creation, check_item(creation, item, &why), &why) ||
		!spool_put(creation, item->bytes)) {
		return false;
	}
	creation->manifest.members[creation->member].record_count++;
	progress_tell(
		&creation->progress, restore_size(creation->check), creation->manifest.head.size);
	return true;
}

static bool spool_member(struct creation *creation, unsigned number)
{
	const enum export_what what = snapshot_manifest_what(number);
	struct manifest_member *member = &creation->manifest.members[number];
	struct spool *spool = &creation->spools[number];
	struct slice note = number == MEMBER_CHECKPOINT ? source_checkpoint(creation->source)
							: source_audit_note(creation->source);

	if (what == EXPORT_COUNT && note.bytes_count == 0) {
		return true;
	}
	member->there = true;
	creation->member = number;
	spool->file = spool_open(creation);
	sha256_start(&spool->sum);
	if (spool->file == NULL ||
		!(what == EXPORT_COUNT ? spool_put(creation, note)
				       : source_walk(creation->source, what, 0,
						 source_last(creation->source, what), on_item,
						 creation))) {
		return false;
	}
	sha256_finish(&spool->sum, &member->sha256);
	if (fflush(spool->file) != 0) {
		(void)cli_fail(creation->cli, CLI_CANNOT, "a temporary file: %s", strerror(errno));
		return false;
	}
	rewind(spool->file);
	return true;
}

/* The audit chain is what its records make of it, everything else must come out as the head says.
 */
static bool begin_check(struct creation *creation)
{
	const struct source_head *head = &creation->manifest.head;
	struct restore_config config = { .head = { .hash = head->hash,
						 .origin = head->origin,
						 .size = head->size,
						 .root = head->root,
						 .control_count = head->control_count,
						 .audit_count = RESTORE_AUDITS_UNKNOWN } };
	struct why why = { "" };
	enum err err = restore_begin(&config, &creation->check, &why);

	if (err != ERR_OK) {
		(void)cli_fail(creation->cli, CLI_CANNOT, "%s", why.text);
	}
	return err == ERR_OK;
}

static bool spool_all(struct creation *creation)
{
	struct why why = { "" };

	if (!begin_check(creation)) {
		return false;
	}
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		if (!spool_member(creation, i)) {
			return false;
		}
	}
	if (!checked(creation, restore_finish(creation->check, &why), &why)) {
		return false;
	}
	if (restore_audit_count(creation->check) != creation->manifest.head.audit_count) {
		why_say(&why, "audit %" PRIu64 ": is missing",
			restore_audit_count(creation->check) + 1);
		return checked(creation, ERR_CORRUPT, &why);
	}
	creation->manifest.audit_head = restore_audit_head(creation->check);
	return true;
}

static bool copy_spool(const struct creation *creation, struct snapshot_writer *writer, unsigned i,
	struct why *why)
{
	static uint8_t block[65536];
	size_t got;

	while ((got = fread(block, 1, sizeof block, creation->spools[i].file)) > 0) {
		if (!snapshot_file_put(writer, (struct slice){ block, got }, why)) {
			return false;
		}
	}
	return true;
}

static bool write_members(const struct creation *creation, struct snapshot_writer *writer,
	struct slice manifest, struct slice signature, struct why *why)
{
	int64_t mtime = creation->manifest.head.batch_ts_unix_ms / 1000;

	if (!snapshot_file_begin_member(
		    writer, "manifest.json", manifest.bytes_count, mtime, why) ||
		!snapshot_file_put(writer, manifest, why)) {
		return false;
	}
	if (signature.bytes_count > 0 && (!snapshot_file_begin_member(writer, "manifest.sig",
						  signature.bytes_count, mtime, why) ||
						 !snapshot_file_put(writer, signature, why))) {
		return false;
	}
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		const struct manifest_member *member = &creation->manifest.members[i];

		if (member->there && (!snapshot_file_begin_member(writer, snapshot_manifest_name(i),
					      member->bytes_count, mtime, why) ||
					     !copy_spool(creation, writer, i, why))) {
			return false;
		}
	}
	return snapshot_file_finish(writer, why);
}

static bool write_file(struct creation *creation)
{
	uint8_t text[MANIFEST_BYTES_MAX];
	struct slice manifest = { text, 0 }, signature = { NULL, 0 };
	struct snapshot_writer *writer;
	struct why why = { "" };
	struct hash sum;
	bool good;

	creation->manifest.created_unix_ms = clock_unix_ms();
	creation->manifest.is_signed = source_signs(creation->source);
	manifest.bytes_count = snapshot_manifest_print(&creation->manifest, text, sizeof text);
	sha256_hash(manifest.bytes, manifest.bytes_count, &sum);
	if (!source_sign(creation->source, &sum, &signature)) {
		return false;
	}
	writer = snapshot_file_begin(creation->out.fd, &why);
	good = writer != NULL && write_members(creation, writer, manifest, signature, &why);
	snapshot_file_drop(writer);
	if (!good) {
		(void)cli_fail(creation->cli, CLI_CANNOT, "%s", why.text);
	}
	return good && out_file_finish(creation->cli, &creation->out);
}

/* ---- what commands say ---- */

static void say_manifest(
	const struct cli *cli, FILE *out, const char *name, const struct manifest *manifest)
{
	char root[HEX_TEXT_BYTES(HASH_BYTES) + 1], when[40];

	hex_encode(manifest->head.root.bytes, HASH_BYTES, root);
	node_format_time((uint64_t)manifest->created_unix_ms, when, sizeof when);
	if (cli->json) {
		uint8_t text[MANIFEST_BYTES_MAX];
		size_t bytes = snapshot_manifest_print(manifest, text, sizeof text);

		(void)fwrite(text, bytes, 1, out);
		return;
	}
	(void)fprintf(out, "%s: %" PRIu64 " entries of %s, root %.16s..., made %s, signature %s\n",
		name, manifest->head.size, manifest->head.origin, root, when,
		manifest->is_signed ? "kms" : "none");
}

int cli_snapshot_create(struct cli *cli)
{
	static struct config config;
	static struct creation creation;
	int exit = CLI_CANNOT;

	creation.cli = cli;
	creation.out.fd = -1;
	if (!cli_load_config(cli, &config)) {
		return CLI_CANNOT;
	}
	creation.source = source_open(cli, &config);
	if (creation.source != NULL && out_file_open(cli, cli->words[0], 0600, &creation.out)) {
		creation.progress = progress_begin("copied", "entries");
		creation.manifest.head = *source_head(creation.source);
		if (spool_all(&creation) && write_file(&creation)) {
			exit = CLI_GOOD;
		}
		progress_end(&creation.progress);
	}
	if (exit == CLI_GOOD) {
		say_manifest(cli, creation.out.is_stdout ? stderr : stdout, cli->words[0],
			&creation.manifest);
	}
	out_file_drop(&creation.out);
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		if (creation.spools[i].file != NULL) {
			(void)fclose(creation.spools[i].file);
		}
	}
	restore_destroy(creation.check);
	source_close(creation.source);
	return exit;
}

/* ---- list ---- */

static int is_snapshot_name(const struct dirent *item)
{
	size_t bytes = strlen(item->d_name);

	return bytes > 8 && strcmp(item->d_name + bytes - 8, ".tar.zst") == 0;
}

int cli_snapshot_list(struct cli *cli)
{
	struct dirent **items = NULL;
	int count = scandir(cli->words[0], &items, is_snapshot_name, alphasort);
	int exit = CLI_GOOD;

	if (count < 0) {
		return cli_fail(cli, CLI_CANNOT, "%s: %s", cli->words[0], strerror(errno));
	}
	for (int i = 0; i < count; i++) {
		char path[OUT_FILE_PATH_BYTES];
		struct manifest manifest;
		struct why why = { "" };

		(void)snprintf(path, sizeof path, "%s/%s", cli->words[0], items[i]->d_name);
		if (snapshot_read_manifest(path, &manifest, &why)) {
			say_manifest(cli, stdout, items[i]->d_name, &manifest);
		} else {
			exit = cli_fail(cli, CLI_BAD, "%s: %s", path, why.text);
		}
		free(items[i]);
	}
	free(items);
	return exit;
}

/* ---- verify ---- */

int cli_snapshot_verify(struct cli *cli)
{
	return verify_snapshot(cli, cli->words[0]);
}
