#ifndef CORE_TOML_STRING_H
#define CORE_TOML_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"
#include "core/toml_scan.h"

/* The four string forms of TOML 1.0, decoded. Newlines inside are always one LF, also where
 * the file has CR LF. A decoded string is never longer than it was written, so a store of
 * the size of the text holds all strings of a document. */

struct toml_store {
	uint8_t *bytes;
	size_t bytes_count;
	size_t bytes_max;
};

/* With the cursor on the first quote: reads the string and stands behind it. */
MUST_CHECK bool toml_string_value(
	struct toml_scan *scan, struct toml_store *store, struct slice *ret_text);

/* As a key may be written: on one line. */
MUST_CHECK bool toml_string_key(
	struct toml_scan *scan, struct toml_store *store, struct slice *ret_text);

#endif
