#ifndef CLI_TILES_H
#define CLI_TILES_H

/* A transparency log as static files (C2SP tlog-tiles): DIR/checkpoint, DIR/tile/<L>/<N>[.p/<W>],
 * DIR/tile/entries/<N>[.p/<W>]. A tile that is full never changes, so what is there is kept. */

#include "cli/commands.h"
#include "cli/source.h"
#include "core/tile.h"

/* Up to the newest signed checkpoint. The exit code. */
int tiles_export(const struct cli *cli, struct source *source, const char *dir);

/* From nothing but the files in it; verdict and exit code as of `macronode verify`. */
int tiles_verify(const struct cli *cli, const char *dir);

#define TILES_PATH_BYTES 4096u
#define TILES_BUNDLE_MAX (TILE_WIDTH * (2u + ENTRY_LEAF_BYTES_MAX))
#define TILES_TILE_BYTES (TILE_WIDTH * HASH_BYTES)

/* DIR/tile/<path of the tile>. */
void tiles_path(const char *dir, struct tile tile, char ret_path[TILES_PATH_BYTES]);
/* The whole file, which must have the size of the tile if it is one of hashes; -1: it is not there,
 * -2: it is not readable or has another size. */
long tiles_read(const char *path, uint8_t *bytes, size_t bytes_max);

#endif
