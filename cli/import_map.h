#ifndef CLI_IMPORT_MAP_H
#define CLI_IMPORT_MAP_H

/* What the operator says about the columns of a file: which field of an entry comes from where.
 * Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/slice.h"

/* NAME, wire name */
#define IMPORT_FIELDS(F)              \
	F(KIND, "kind")               \
	F(ACCOUNT, "account")         \
	F(COUNTER, "counter_account") \
	F(AMOUNT, "amount")           \
	F(ASSET, "asset")             \
	F(NONCE, "nonce")             \
	F(MEMO, "memo")

enum import_field {
#define AS_ENUM(NAME, name) IMPORT_##NAME,
	IMPORT_FIELDS(AS_ENUM)
#undef AS_ENUM
		IMPORT_FIELD_COUNT
};

#define IMPORT_VALUE_BYTES_MAX 1024u
#define IMPORT_ERROR_BYTES_MAX 512u

/* Where one field comes from. */
struct import_source {
	const char *column;   /* NULL: not from a column */
	const char *constant; /* NULL: none */
	const char *prefix;   /* NULL: none */
	size_t column_index;  /* once the first line is known */
};

struct import_map {
	struct import_source sources[IMPORT_FIELD_COUNT];
	char columns[4096]; /* names, cut out of the options */
	size_t columns_used;
	char error[IMPORT_ERROR_BYTES_MAX];
};

void import_map_init(struct import_map *map);

/* "account=payer,amount=amount_minor"; "kind=Transfer"; "account=acct_". False: map->error. */
bool import_map_add(struct import_map *map, const char *text);
bool import_map_set(struct import_map *map, const char *text);
bool import_map_prefix(struct import_map *map, const char *text);

/* Finds the columns in the first line, and that nothing is missing. */
bool import_map_bind(struct import_map *map, const struct slice *names, size_t name_count);

const char *import_map_name(enum import_field field); /* on the wire */

/* Sets map->error; returns false. */
__attribute__((format(printf, 2, 3))) bool import_map_refuse(
	struct import_map *map, const char *format, ...);

#endif
