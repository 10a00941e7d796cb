/* macronode verify --tiles: every entry of every bundle is hashed again, and each tile, and the
 * root that the checkpoint says. Needs nothing but the directory. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/proof_say.h"
#include "cli/tiles.h"
#include "cli/verify.h"
#include "common/ed25519.h"
#include "store/tree.h"

struct tiles_check {
	const char *dir;
	struct note_checkpoint checkpoint;
	struct tile_builder builder;
	struct progress progress;
	struct why what;
	char origin[NOTE_NAME_BYTES_MAX + 1];
};

static bool bad(struct tiles_check *check, const char *path, const char *text)
{
	why_say(&check->what, "%.300s: %s", path, text);
	return false;
}

static bool compare(struct tiles_check *check, struct tile tile, struct slice expected)
{
	static uint8_t bytes[TILES_TILE_BYTES];
	char path[TILES_PATH_BYTES];
	long got;

	tiles_path(check->dir, tile, path);
	got = tiles_read(path, bytes, sizeof bytes);
	if (got == -1) {
		return bad(check, path, "is missing");
	}
	if (got != (long)expected.bytes_count) {
		return bad(check, path, "has another size than the tile");
	}
	return memcmp(bytes, expected.bytes, expected.bytes_count) == 0 ||
	       bad(check, path, "is not made of the entries");
}

static enum err on_tile(
	void *context, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH])
{
	struct tile tile = { .index = index, .width = TILE_WIDTH, .level = (uint8_t)level };

	return compare(context, tile, (struct slice){ hashes->bytes, TILES_TILE_BYTES })
		       ? ERR_OK
		       : ERR_CORRUPT;
}

/* Each entry must be the one with the next seq: a bundle of others would hash as well. */
static bool take_bundle(struct tiles_check *check, const char *path, struct slice bytes)
{
	struct entry entry;

	while (bytes.bytes_count > 0) {
		size_t length = bytes.bytes_count < 2
					? bytes.bytes_count
					: (size_t)bytes.bytes[0] << 8 | bytes.bytes[1];
		struct slice leaf = { bytes.bytes + 2, length };

		if (bytes.bytes_count < 2 || length > bytes.bytes_count - 2) {
			return bad(check, path, "is cut within an entry");
		}
		if (entry_decode(leaf, &entry) != ERR_OK ||
			entry.seq != tile_builder_size(&check->builder) + 1) {
			return bad(check, path, "has something else than the next entry");
		}
		if (tree_append(&check->builder, leaf.bytes, length, on_tile, check) != ERR_OK) {
			return false;
		}
		bytes.bytes += 2 + length;
		bytes.bytes_count -= 2 + length;
	}
	return true;
}

static bool check_bundles(struct tiles_check *check)
{
	static uint8_t bytes[TILES_BUNDLE_MAX];
	uint64_t size = check->checkpoint.size;
	uint64_t full = size / TILE_WIDTH;

	for (uint64_t index = 0; index * TILE_WIDTH < size; index++) {
		struct tile tile = { .index = index,
			.width = index < full ? TILE_WIDTH : (uint16_t)(size % TILE_WIDTH),
			.entries = true };
		char path[TILES_PATH_BYTES];
		long got;

		tiles_path(check->dir, tile, path);
		got = tiles_read(path, bytes, sizeof bytes);
		if (got < 0) {
			return bad(check, path, got == -1 ? "is missing" : "cannot be read");
		}
		if (!take_bundle(check, path, (struct slice){ bytes, (size_t)got })) {
			return false;
		}
		if (tile_builder_size(&check->builder) != index * TILE_WIDTH + tile.width) {
			return bad(check, path, "has another number of entries than its name says");
		}
		progress_tell(&check->progress, tile_builder_size(&check->builder), size);
	}
	return true;
}

static bool check_partial(struct tiles_check *check)
{
	for (unsigned level = 0; level < TILE_LEVELS_MAX; level++) {
		uint64_t size = check->checkpoint.size;
		struct tile tile = { .index = tile_full_count(level, size),
			.width = tile_partial_width(level, size),
			.level = (uint8_t)level };

		if (tile.width > 0 && !compare(check, tile,
					      (struct slice){ check->builder.rows[level]->bytes,
						      (size_t)tile.width * HASH_BYTES })) {
			return false;
		}
	}
	return true;
}

static bool check_root(struct tiles_check *check)
{
	struct hash root;

	tile_builder_root(&check->builder, &root);
	return memcmp(&root, &check->checkpoint.root, sizeof root) == 0 ||
	       bad(check, check->dir, "the root of the entries is not the one in checkpoint");
}

static enum cli_exit take_checkpoint(struct tiles_check *check, const struct note_vkey *vkey)
{
	static uint8_t bytes[NOTE_BYTES_MAX];
	char path[TILES_PATH_BYTES];
	struct note note;
	enum note_fault fault;
	long got;

	(void)snprintf(path, sizeof path, "%s/checkpoint", check->dir);
	got = tiles_read(path, bytes, sizeof bytes);
	if (got < 0) {
		(void)bad(check, path, got == -1 ? "is missing" : "cannot be read");
		return CLI_CANNOT;
	}
	fault = note_parse((struct slice){ bytes, (size_t)got }, &note);
	if (fault == NOTE_OK && vkey != NULL) {
		fault = note_verify(&note, vkey, ed25519_verify);
	}
	if (fault == NOTE_OK) {
		fault = note_checkpoint_parse(note.text, &check->checkpoint);
	}
	if (fault != NOTE_OK) {
		(void)bad(check, path, note_fault_text(fault));
		return CLI_BAD;
	}
	(void)snprintf(check->origin, sizeof check->origin, "%.*s",
		(int)check->checkpoint.origin.bytes_count,
		(const char *)check->checkpoint.origin.bytes);
	return CLI_GOOD;
}

int tiles_verify(const struct cli *cli, const char *dir)
{
	static struct tiles_check check;
	struct verify_verdict verdict = { .exit = CLI_GOOD };
	struct note_vkey vkey;
	bool given = false;

	if (!proof_say_vkey(cli, &vkey, &given)) {
		return CLI_USAGE;
	}
	if (strlen(dir) > TILES_PATH_BYTES - 256) {
		return cli_fail(cli, CLI_USAGE, "the path is too long");
	}
	check.dir = dir;
	check.progress = progress_begin("verified", "entries");
	tile_builder_init(&check.builder, MERKLE_SHA256);
	verdict.exit = take_checkpoint(&check, given ? &vkey : NULL);
	if (verdict.exit == CLI_GOOD &&
		(!check_bundles(&check) || !check_partial(&check) || !check_root(&check))) {
		verdict.exit = CLI_BAD;
	}
	progress_end(&check.progress);
	verdict.what = check.what.text;
	verdict.origin = check.origin;
	verdict.size = check.checkpoint.size;
	verdict.root = check.checkpoint.root;
	verdict.signature = given ? "verified" : "not checked";
	return verify_say(cli, &verdict);
}
