#ifndef CORE_TOML_SCALAR_H
#define CORE_TOML_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"
#include "core/toml_scan.h"

/* Values that are written without quotes: booleans, integers, floats, dates and times. A
 * float or a date is checked to be one and then kept as it was written: nothing here
 * computes with either. */

enum toml_type {
	TOML_TABLE,
	TOML_ARRAY,
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOLEAN,
	TOML_DATETIME,
};

struct toml_value {
	enum toml_type type;
	int64_t number;    /* INTEGER; BOOLEAN 0 or 1 */
	struct slice text; /* STRING decoded; the others of this header as written */
};

/* "an integer", as a sentence needs it. */
const char *toml_scalar_type_name(enum toml_type type);

MUST_CHECK bool toml_scalar_read(struct toml_scan *scan, struct toml_value *ret_value);

#endif
