#ifndef CORE_TRACEPARENT_H
#define CORE_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"
#include "common/types.h"

/* The `traceparent` field of W3C Trace Context (level 1, section 3.2): whose trace a request is
 * part of, which span it comes from, and whether its sender records it.
 *
 *	00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */
struct traceparent {
	struct id128 trace_id;
	uint64_t parent_id; /* the first digit written is the highest */
	bool is_sampled;
};

#define TRACEPARENT_TEXT_BYTES 55u

/* False, and nothing written: it is none. A version after 00 may have more behind a dash, which is
 * not looked at; the version ff, upper case and ids of zeros are refused. */
MUST_CHECK bool traceparent_parse(struct slice text, struct traceparent *ret_parent);

#endif
