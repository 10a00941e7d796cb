#ifndef CORE_TOML_H
#define CORE_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "core/toml_error.h"
#include "core/toml_scalar.h"

/* A strict reader of TOML 1.0.0 (toml.io/en/v1.0.0) for configuration files. A document is
 * read whole into a tree of nodes in memory of the caller, or refused at its first mistake.
 * Nothing is guessed: a byte order mark, a bare carriage return, a key or a table that is
 * defined twice, and an integer past 64 bits are mistakes.
 *
 * Node 0 is the root table. The children of a table or an array are a list in the order of
 * the document (first, then next, 0 is the end; no child is the root). Every node knows
 * where its key and its value stand, so that whoever gives a value its meaning can say
 * what is wrong with it as exactly as the reader does. */

/* A configuration file has a few KiB; ours with every comment has 20. More is a mistake, and
 * would be held in memory twice. */
#define TOML_FILE_BYTES_MAX (256u * 1024u)

/* Tables, keys and array elements of one file. Keys are compared with their siblings one
 * by one, so this also bounds the time for the worst document (some 10 ms). */
#define TOML_NODES_MAX 4096u

/* Parts of one dotted key, and arrays and inline tables inside one value. Nobody reads
 * deeper ones either. */
#define TOML_DEPTH_MAX 16u

/* Of one part of a key. Our longest has 30 bytes. */
#define TOML_KEY_BYTES_MAX 128u

/* How a table or an array came to be decides what may still be added to it. */
enum toml_origin {
	TOML_BY_VALUE,  /* key = value: closed when it ends */
	TOML_BY_HEADER, /* [table] or [[array]] */
	TOML_BY_PATH,   /* named on the way to a [header]; may get its own header once */
	TOML_BY_DOTS,   /* named on the way to a dotted key */
};

struct toml_node {
	struct toml_value value;
	enum toml_origin origin;
	struct slice key; /* one part; empty for the root and for elements of arrays */
	uint32_t key_line;
	uint32_t key_column;
	uint32_t value_line; /* of a [header]: of its last part, as of the key */
	uint32_t value_column;
	uint32_t first;
	uint32_t last;
	uint32_t next;
};

/* Some 600 KiB. Slices in nodes point in here and into the text that was read: both must
 * stay where they are. */
struct toml {
	uint32_t nodes_count;
	struct toml_node nodes[TOML_NODES_MAX];
	size_t strings_bytes_count;
	uint8_t strings[TOML_FILE_BYTES_MAX];
};

/* On failure *doc has no meaning and *ret_error says what is wrong and where. */
MUST_CHECK enum err toml_read(struct toml *doc, struct slice text, struct toml_error *ret_error);

/* 0: the table or array has no such child. */
uint32_t toml_find(const struct toml *doc, uint32_t table, struct slice key);

#endif
