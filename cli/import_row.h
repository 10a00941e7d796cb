#ifndef CLI_IMPORT_ROW_H
#define CLI_IMPORT_ROW_H

/* From a CSV record to an entry of an IngestRequest, by a map that the operator wrote. Pure.
 *
 * What must be in an entry and is in no table is derived, so that the same row is the same entry
 * on every machine and in every file, and importing it twice moves nothing:
 *
 *   nonce   first 16 bytes of SHA-256("macronode import nonce v1" NUL value)
 *   id      first 16 bytes of SHA-256("macronode import id v1" NUL account NUL value), as a
 *           UUID of version 8
 *   the Mint that funds an account: the value is "fund" NUL label NUL asset NUL account
 *
 * where value is what the column mapped to `nonce` holds, with its prefix. ts is the time of the
 * import, rising by a millisecond an entry, because the order inside a request follows it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/import_map.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/json_out.h"

/* One entry. Views point into `values`. */
struct import_row {
	struct slice fields[IMPORT_FIELD_COUNT]; /* empty: it has none */
	u128 amount;
	struct id128 nonce;
	struct id128 id;
	uint8_t values[IMPORT_FIELD_COUNT][IMPORT_VALUE_BYTES_MAX];
};

/* False: map->error says which field cannot be, and why. */
bool import_row_make(
	struct import_map *map, const struct slice *fields, struct import_row *ret_row);

/* The Mint that gives `account` what the rows of the file take from it. */
void import_row_fund(struct slice account, struct slice asset, const char *label, u128 amount,
	struct import_row *ret_row);

void import_row_write(const struct import_row *row, uint64_t ts_unix_ms, const char *capability_ref,
	struct json_out *out);

#endif
