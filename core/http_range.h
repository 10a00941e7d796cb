#ifndef CORE_HTTP_RANGE_H
#define CORE_HTTP_RANGE_H

/* Parts of a representation, and whether the client has it already (RFC 9110 sections 13 and 14),
 * of what never changes: it has one strong entity tag, and no date. */

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* What a Range field asks for. Another unit than bytes is ignored, and so are several ranges at
 * once, which a server need not serve (section 14.2): the whole is the answer then. */
enum http_range_form {
	HTTP_RANGE_WHOLE,
	HTTP_RANGE_BETWEEN, /* first-last */
	HTTP_RANGE_FROM,    /* first- */
	HTTP_RANGE_SUFFIX,  /* -count, which is in `last` */
	HTTP_RANGE_BAD,     /* bytes=, and no range behind it */
};

struct http_range {
	enum http_range_form form;
	uint64_t first, last;
};

/* An empty slice is no range. */
struct http_range http_range_parse(struct slice field);

/* What that is of `size` bytes; false when it is nothing at all (416). */
bool http_range_resolve(
	struct http_range range, uint64_t size, uint64_t *ret_first, uint64_t *ret_count);

/* Whether a field like If-None-Match names the tag, compared weakly, or is "*". `tag` is without
 * its quotes. A field that is no list of tags names none. */
bool http_range_has_tag(struct slice field, struct slice tag);

/* Whether If-Range lets the Range be: it is absent, or the strong tag. A date is none of ours. */
bool http_range_may_apply(struct slice if_range, struct slice tag);

#endif
