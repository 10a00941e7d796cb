#ifndef SERVICES_PREVALIDATOR_QUERY_H
#define SERVICES_PREVALIDATOR_QUERY_H

/* The parts of what a GET asks for: what stands for {name} in its path, and a query string. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/routes.h"
#include "common/slice.h"

/* Of routes with {name}: what stood for it, and the query string behind it. */
struct slice query_variable(enum route route, struct slice text, struct slice *ret_query);

/* Decimal, canonical, at most 2^63 - 1. */
MUST_CHECK bool query_number(struct slice text, uint64_t *ret_number);

/* A query string that has these parameters and no others. A value that was not given stays as it
 * was. Returns NULL, or what is wrong with it. */
struct query_wanted {
	const char *name;
	uint64_t *ret_number; /* or */
	struct slice *ret_text;
};
const char *query_read(struct slice query, const struct query_wanted *wanted, size_t wanted_count);

#endif
