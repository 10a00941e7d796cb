#ifndef SERVICES_PREVALIDATOR_JSON_H
#define SERVICES_PREVALIDATOR_JSON_H

/* JSON (RFC 8259) as a series of events, strictly. The grammar is yajl's, and json.c is the only
 * file that knows it; what yajl lets pass is refused before or beside it (tried, FACTS.md):
 *
 *   invalid UTF-8, raw control bytes, VT and FF as white space, a byte order mark,
 *   lone surrogates in \u escapes, nesting without bound
 *
 * Numbers come as they are written. Duplicate members are the listener's to find, because only
 * it knows the members. Events are told before what follows them has been read: act on what
 * they said only after json_parse returned true.
 *
 * All of yajl's memory comes from one arena that is empty again at each parse. */

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/slice.h"

/* A batch needs three levels; a document with more than this is refused. */
#define JSON_DEPTH_MAX 8u

/* A string with escapes is decoded in a buffer that doubles, from 2 KiB to at most twice the
 * longest body, in a new place each time: 4 bodies. A body that ends inside a token is kept in
 * another one of at most 2. So 8 are more than yajl can ever ask for. */
#define JSON_ARENA_BYTES (8u * BODY_BYTES_MAX)

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Texts are decoded, without quotes, and borrow from the body or the arena: they are gone when
 * the listener returns. A number's is as written, of null and booleans "null", "true", "false". */
struct json_listener {
	void (*open)(void *self, enum json_type type); /* ARRAY or OBJECT */
	void (*close)(void *self);
	void (*member)(void *self, struct slice name);
	void (*scalar)(void *self, enum json_type type, struct slice text);
};

struct json {
	const struct json_listener *listener;
	void *self;
	unsigned depth;
	size_t arena_used;
	alignas(16) uint8_t arena[JSON_ARENA_BYTES];
};

/* True: `text` is exactly one JSON value. At most BODY_BYTES_MAX (asserted). */
MUST_CHECK bool json_parse(
	struct json *json, struct slice text, const struct json_listener *listener, void *self);

#endif
