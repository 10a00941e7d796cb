#ifndef CORE_JSON_H
#define CORE_JSON_H

/* Reads JSON (RFC 8259), strictly, an event at a time, from bytes that come in any pieces: how the
 * text is cut changes no event and no fault. Nothing is allocated and nothing recurses; a string or
 * number is a view into the piece, or into the reader where it was cut or has escapes.
 *
 * Refused beyond what RFC 8259 refuses: nesting deeper than JSON_DEPTH_MAX, a string or number of
 * more than JSON_TOKEN_BYTES_MAX bytes as written, lone surrogates, bytes that are not UTF-8.
 * A reader that failed stays failed. Members of an object are the caller's matter; json_member()
 * holds them to a closed list. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"

/* The deepest document that we read has five levels. */
#define JSON_DEPTH_MAX 16u

/* The longest string that we read is a signature of 95 characters; escaped, six times that. */
#define JSON_TOKEN_BYTES_MAX 1024u

enum json_event {
	JSON_FAULT, /* json.fault says what; for ever */
	JSON_MORE,  /* the piece is used up: feed the next one */
	JSON_END,   /* of the text, which is whole */
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_NAME,   /* of a member, its escapes undone */
	JSON_STRING, /* likewise */
	JSON_NUMBER, /* as it is written */
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

/* What was expected, and the byte, counted from 0, where something else began. */
struct json_fault {
	uint64_t at;
	const char *expected; /* a constant; NULL: there is no fault */
	const char *name;     /* a member that `expected` is about; or NULL */
};

struct json {
	const uint8_t *piece; /* borrowed */
	const uint8_t *next;
	const uint8_t *end;
	uint64_t piece_at; /* of its first byte in the text */
	uint64_t token_at; /* of the event that was told last */
	bool is_last;
	uint8_t expect; /* what may come next */
	uint8_t depth;
	uint32_t objects; /* bit n: level n is an object */
	uint8_t token;    /* what was cut by the end of the piece */
	bool after_backslash;
	bool has_escapes;
	bool is_ascii;
	size_t kept_bytes;
	uint8_t kept[JSON_TOKEN_BYTES_MAX];
	struct json_fault fault;
};

void json_init(struct json *in);

/* The next piece of the text; all before it was used up (JSON_MORE), or there was none yet. */
void json_feed(struct json *in, struct slice piece, bool is_last);

/* *ret_text is set for names, strings and numbers, and lives until the next call. */
enum json_event json_next(struct json *in, struct slice *ret_text);

/* The fault of a caller that expected something else at the last event. False, to be returned. */
bool json_fail(struct json *in, const char *expected, const char *name);

/* The last event is a name: its place in a closed list, of at most 32. JSON_NO_MEMBER: it is not
 * there, or there for the second time, and the reader has failed. */
#define JSON_NO_MEMBER UINT32_MAX
MUST_CHECK uint32_t json_member(struct json *in, struct slice name, const char *const *names,
	uint32_t name_count, uint32_t *seen);

/* The object ends: it fails the reader unless all of `wanted` (bits of places) were seen. */
MUST_CHECK bool json_members_whole(
	struct json *in, const char *const *names, uint32_t seen, uint32_t wanted);

#endif
