#ifndef CLI_JSON_IN_H
#define CLI_JSON_IN_H

/* Reading what the node answered, for people. Not for requests: those are read by the
 * prevalidator, strictly. A missing member and one of another type are the same: not there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* Nothing of ours is nested deeper; the tree below is freed by recursion. */
#define JSON_IN_DEPTH_MAX 32u

struct json_in; /* a value; all belong to the root */

/* NULL: no JSON, too deep, or no memory. */
struct json_in *json_in_parse(struct slice text);
void json_in_free(struct json_in *root); /* NULL is fine */

/* All take NULL, and answer NULL, 0 or false then. */
const struct json_in *json_in_member(const struct json_in *object, const char *name);
size_t json_in_count(const struct json_in *array);
const struct json_in *json_in_item(const struct json_in *array, size_t index);
const char *json_in_text(const struct json_in *value);
bool json_in_is_true(const struct json_in *value);
bool json_in_u64(const struct json_in *value, uint64_t *ret_number);

/* For a document that is closed: what a value is, and each member in the order of the text, also
 * where a name is given twice. */
enum json_in_type {
	JSON_IN_NONE, /* NULL */
	JSON_IN_STRING,
	JSON_IN_NUMBER,
	JSON_IN_OBJECT,
	JSON_IN_ARRAY,
	JSON_IN_BOOL,
	JSON_IN_NULL,
};
enum json_in_type json_in_type(const struct json_in *value);
size_t json_in_member_count(const struct json_in *object);
const char *json_in_member_name(const struct json_in *object, size_t index);
const struct json_in *json_in_member_at(const struct json_in *object, size_t index);

/* Short cuts: a member's text, "" if it has none; its number, 0 if none. */
const char *json_in_text_of(const struct json_in *object, const char *name);
uint64_t json_in_u64_of(const struct json_in *object, const char *name);
bool json_in_true_of(const struct json_in *object, const char *name);

/* A value as text: a string without its quotes. */
void json_in_print(const struct json_in *value);

/* Each member of an object as a line "name  value"; deeper ones as JSON-like text. */
void json_in_print_members(const struct json_in *object);

#endif
