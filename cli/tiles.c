#include "cli/tiles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/out_file.h"
#include "cli/progress.h"
#include "core/note.h"
#include "store/tree.h"

#define FILE_MODE 0644 /* a log is public; its bundles are only where somebody put them */

struct tiling {
	const struct cli *cli;
	const char *dir;
	struct note_checkpoint checkpoint;
	struct tile_builder builder;
	struct progress progress;
	uint64_t kept, written;
	size_t bundle_bytes;
	uint8_t bundle[TILES_BUNDLE_MAX];
};

void tiles_path(const char *dir, struct tile tile, char ret_path[TILES_PATH_BYTES])
{
	char path[TILE_PATH_BYTES_MAX];

	(void)tile_path_print(tile, path);
	(void)snprintf(ret_path, TILES_PATH_BYTES, "%s/tile/%s", dir, path);
}

long tiles_read(const char *path, uint8_t *bytes, size_t bytes_max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got = 1;

	if (fd < 0) {
		return errno == ENOENT || errno == ENOTDIR ? -1 : -2;
	}
	while (got > 0 && used < bytes_max) {
		got = read(fd, bytes + used, bytes_max - used);
		used += got > 0 ? (size_t)got : 0;
	}
	if (got > 0) {
		uint8_t more;

		got = read(fd, &more, 1);
		got = got == 0 ? 0 : -1;
	}
	(void)close(fd);
	return got < 0 ? -2 : (long)used;
}

/* Each directory on the way to a file. */
static bool make_parents(const struct cli *cli, const char *path)
{
	char dir[TILES_PATH_BYTES];

	(void)snprintf(dir, sizeof dir, "%s", path);
	for (char *slash = strchr(dir + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, 0755) == -1 && errno != EEXIST) {
			(void)cli_fail(cli, CLI_CANNOT, "%s: %s", dir, strerror(errno));
			return false;
		}
		*slash = '/';
	}
	return true;
}

/* N.p holds narrower views of what is full now. */
static void drop_partial(const char *path)
{
	char dir[TILES_PATH_BYTES + 8];
	struct dirent *item;
	DIR *listing;

	(void)snprintf(dir, sizeof dir, "%s.p", path);
	listing = opendir(dir);
	while (listing != NULL && (item = readdir(listing)) != NULL) {
		(void)unlinkat(dirfd(listing), item->d_name, 0);
	}
	if (listing != NULL) {
		(void)closedir(listing);
		(void)rmdir(dir);
	}
}

static bool put_file(struct tiling *tiling, struct tile tile, struct slice bytes)
{
	static uint8_t there[TILES_BUNDLE_MAX];
	char path[TILES_PATH_BYTES];
	long got;

	tiles_path(tiling->dir, tile, path);
	got = tiles_read(path, there, sizeof there);
	if (got == (long)bytes.bytes_count && memcmp(there, bytes.bytes, bytes.bytes_count) == 0) {
		tiling->kept++;
		return true;
	}
	if (got >= 0 && tile.width == TILE_WIDTH) {
		(void)cli_fail(tiling->cli, CLI_BAD,
			"%s: is there, and not what this ledger has: another log lies in this "
			"directory",
			path);
		return false;
	}
	if (!make_parents(tiling->cli, path) ||
		!out_file_write(tiling->cli, path, FILE_MODE, bytes)) {
		return false;
	}
	if (tile.width == TILE_WIDTH) {
		drop_partial(path);
	}
	tiling->written++;
	return true;
}

static enum err on_tile(
	void *context, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH])
{
	struct tile tile = { .index = index, .width = TILE_WIDTH, .level = (uint8_t)level };

	return put_file(context, tile, (struct slice){ hashes->bytes, TILES_TILE_BYTES }) ? ERR_OK
											  : ERR_IO;
}

static bool put_bundle(struct tiling *tiling, uint64_t index, uint16_t width)
{
	struct tile tile = { .index = index, .width = width, .entries = true };
	struct slice bytes = { tiling->bundle, tiling->bundle_bytes };

	tiling->bundle_bytes = 0;
	return put_file(tiling, tile, bytes);
}

static bool on_entry(void *context, const struct source_item *item)
{
	struct tiling *tiling = context;
	struct batch_entry record;
	uint8_t *at = tiling->bundle + tiling->bundle_bytes;

	if (batch_get_entry(item->body, &record) != ERR_OK ||
		tree_append(&tiling->builder, record.leaf.bytes, record.leaf.bytes_count, on_tile,
			tiling) != ERR_OK) {
		return false;
	}
	at[0] = (uint8_t)(record.leaf.bytes_count >> 8); /* big-endian, as C2SP has it */
	at[1] = (uint8_t)record.leaf.bytes_count;
	memcpy(at + 2, record.leaf.bytes, record.leaf.bytes_count);
	tiling->bundle_bytes += 2 + record.leaf.bytes_count;
	progress_tell(&tiling->progress, item->key, tiling->checkpoint.size);
	return item->key % TILE_WIDTH != 0 ||
	       put_bundle(tiling, item->key / TILE_WIDTH - 1, TILE_WIDTH);
}

/* Tiles of hashes that are full already stand for their entries, whose bundles must be there. */
static bool resume(struct tiling *tiling)
{
	static uint8_t hashes[TILES_TILE_BYTES];
	uint64_t full = tiling->checkpoint.size / TILE_WIDTH;

	for (uint64_t index = 0; index < full; index++) {
		struct tile tile = { .index = index, .width = TILE_WIDTH };
		char path[TILES_PATH_BYTES], bundle[TILES_PATH_BYTES];

		tiles_path(tiling->dir, tile, path);
		tile.entries = true;
		tiles_path(tiling->dir, tile, bundle);
		if (tiles_read(path, hashes, sizeof hashes) != (long)sizeof hashes ||
			access(bundle, R_OK) != 0) {
			break;
		}
		for (unsigned i = 0; i < TILE_WIDTH; i++) {
			struct hash leaf;
			unsigned count;

			memcpy(leaf.bytes, hashes + i * HASH_BYTES, HASH_BYTES);
			count = tile_builder_append(&tiling->builder, &leaf);
			for (unsigned level = 0; level < count; level++) {
				uint64_t size = tile_builder_size(&tiling->builder);

				if (on_tile(tiling, level, tile_full_count(level, size) - 1,
					    tiling->builder.rows[level]) != ERR_OK) {
					return false;
				}
			}
		}
	}
	return true;
}

static bool put_partial(struct tiling *tiling)
{
	uint64_t size = tiling->checkpoint.size;

	for (unsigned level = 0; level < TILE_LEVELS_MAX; level++) {
		struct tile tile = { .index = tile_full_count(level, size),
			.width = tile_partial_width(level, size),
			.level = (uint8_t)level };

		if (tile.width > 0 && !put_file(tiling, tile,
					      (struct slice){ tiling->builder.rows[level]->bytes,
						      (size_t)tile.width * HASH_BYTES })) {
			return false;
		}
	}
	return tiling->bundle_bytes == 0 ||
	       put_bundle(tiling, size / TILE_WIDTH, (uint16_t)(size % TILE_WIDTH));
}

static bool root_fits(const struct tiling *tiling)
{
	struct hash root;

	tile_builder_root(&tiling->builder, &root);
	if (tile_builder_size(&tiling->builder) == tiling->checkpoint.size &&
		memcmp(&root, &tiling->checkpoint.root, sizeof root) == 0) {
		return true;
	}
	(void)cli_fail(tiling->cli, CLI_BAD,
		"%s: the tiles do not have the signed root: another log lies there, or the "
		"ledger is damaged",
		tiling->dir);
	return false;
}

/* The checkpoint last: whoever reads meanwhile finds all that an older one speaks of. */
static bool export_log(struct tiling *tiling, struct source *source, struct slice note)
{
	char path[TILES_PATH_BYTES];

	(void)snprintf(path, sizeof path, "%s/checkpoint", tiling->dir);
	return make_parents(tiling->cli, path) && resume(tiling) &&
	       source_walk(source, EXPORT_ENTRIES, tile_builder_size(&tiling->builder),
		       tiling->checkpoint.size, on_entry, tiling) &&
	       root_fits(tiling) && put_partial(tiling) &&
	       out_file_write(tiling->cli, path, FILE_MODE, note);
}

int tiles_export(const struct cli *cli, struct source *source, const char *dir)
{
	static struct tiling tiling;
	struct slice bytes = source_checkpoint(source);
	struct note note;
	bool good;

	if (source_head(source)->hash != MERKLE_SHA256) {
		return cli_fail(cli, CLI_CANNOT,
			"transparency logs are of sha256, this ledger is of blake3");
	}
	if (bytes.bytes_count == 0 || note_parse(bytes, &note) != NOTE_OK ||
		note_checkpoint_parse(note.text, &tiling.checkpoint) != NOTE_OK) {
		return cli_fail(cli, CLI_CANNOT,
			"no checkpoint was signed yet, and a log has one to begin with");
	}
	if (strlen(dir) > TILES_PATH_BYTES - 256) {
		return cli_fail(cli, CLI_USAGE, "the path is too long");
	}
	tiling.cli = cli;
	tiling.dir = dir;
	tile_builder_init(&tiling.builder, MERKLE_SHA256);
	tiling.progress = progress_begin("exported", "entries");
	good = export_log(&tiling, source, bytes);
	progress_end(&tiling.progress);
	if (!good) {
		return CLI_CANNOT;
	}
	(void)printf("%s: %" PRIu64 " entries, %" PRIu64 " files written, %" PRIu64 " kept\n", dir,
		tiling.checkpoint.size, tiling.written, tiling.kept);
	return CLI_GOOD;
}
