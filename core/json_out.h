#ifndef CORE_JSON_OUT_H
#define CORE_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"

/* Writes compact JSON (RFC 8259) into the caller's bytes. Members and elements come in the order
 * of the calls, commas by themselves. When it does not fit, the writer stays full: call on, and
 * look once, at json_out_finish. Calls in an order that is no JSON are our bug: asserted. */

#define JSON_OUT_DEPTH_MAX 16u

struct json_out {
	uint8_t *bytes;
	size_t bytes_max;
	size_t bytes_count;
	uint32_t objects; /* bit n: level n is an object */
	uint32_t started; /* bit n: level n has a member, so the next needs a comma */
	uint8_t depth;
	bool after_key;
	bool overflow;
};

void json_out_init(struct json_out *out, uint8_t *bytes, size_t bytes_max);

void json_out_object_begin(struct json_out *out);
void json_out_object_end(struct json_out *out);
void json_out_array_begin(struct json_out *out);
void json_out_array_end(struct json_out *out);

/* The name of the next value; needs no escape. */
void json_out_key(struct json_out *out, const char *name);

/* Bytes that are not UTF-8 become U+FFFD, each on its own. */
void json_out_string(struct json_out *out, struct slice text);
void json_out_text(struct json_out *out, const char *text);
void json_out_hex(struct json_out *out, struct slice bytes); /* a string of lower-case digits */
void json_out_u64(struct json_out *out, uint64_t number);
void json_out_i64(struct json_out *out, int64_t number);
void json_out_u128(struct json_out *out, u128 number); /* a string: 2^53 is too small for money */
void json_out_bool(struct json_out *out, bool value);
void json_out_null(struct json_out *out);

/* Members that are JSON already, without braces; none when empty. Into an object. */
void json_out_members(struct json_out *out, struct slice members);

/* ERR_TOO_LARGE when it did not fit. One whole value must have been written. */
MUST_CHECK enum err json_out_finish(const struct json_out *out, size_t *ret_bytes_count);

#endif
