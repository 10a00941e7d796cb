#include "cli/json_in.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_tree.h>

#include "cli/commands.h"
#include "core/utf8.h"

/* The root is a yajl_val; so is every value below it. */
static yajl_val value_of(const struct json_in *value)
{
	return (yajl_val)(uintptr_t)value;
}

static const struct json_in *ours(yajl_val value)
{
	return (const struct json_in *)value;
}

/* yajl has no bound on depth, and is no judge of UTF-8. */
static bool is_shallow(struct slice text)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.bytes_count; i++) {
		uint8_t byte = text.bytes[i];

		if (in_string) {
			i += byte == '\\';
			in_string = byte != '"';
		} else if (byte == '"') {
			in_string = true;
		} else if (byte == '[' || byte == '{') {
			if (++depth > JSON_IN_DEPTH_MAX) {
				return false;
			}
		} else if ((byte == ']' || byte == '}') && depth > 0) {
			depth--;
		}
	}
	return true;
}

struct json_in *json_in_parse(struct slice text)
{
	struct json_in *root = NULL;
	char *copy;

	if (!utf8_valid(text.bytes, text.bytes_count) || !is_shallow(text) ||
		memchr(text.bytes, '\0', text.bytes_count) != NULL) {
		return NULL;
	}
	copy = malloc(text.bytes_count + 1);
	if (copy == NULL) {
		return NULL;
	}
	memcpy(copy, text.bytes, text.bytes_count);
	copy[text.bytes_count] = '\0';
	root = (struct json_in *)yajl_tree_parse(copy, NULL, 0);
	free(copy);
	return root;
}

void json_in_free(struct json_in *root)
{
	yajl_tree_free((yajl_val)root);
}

const struct json_in *json_in_member(const struct json_in *object, const char *name)
{
	yajl_val value = value_of(object);

	if (!YAJL_IS_OBJECT(value)) {
		return NULL;
	}
	for (size_t i = 0; i < value->u.object.len; i++) {
		if (strcmp(value->u.object.keys[i], name) == 0) {
			return ours(value->u.object.values[i]);
		}
	}
	return NULL;
}

size_t json_in_count(const struct json_in *array)
{
	return YAJL_IS_ARRAY(value_of(array)) ? value_of(array)->u.array.len : 0;
}

const struct json_in *json_in_item(const struct json_in *array, size_t index)
{
	return index < json_in_count(array) ? ours(value_of(array)->u.array.values[index]) : NULL;
}

const char *json_in_text(const struct json_in *value)
{
	return YAJL_IS_STRING(value_of(value)) ? value_of(value)->u.string : NULL;
}

bool json_in_is_true(const struct json_in *value)
{
	return YAJL_IS_TRUE(value_of(value));
}

/* The digits as they were sent: yajl's own conversions lose what is over 2^63. */
bool json_in_u64(const struct json_in *value, uint64_t *ret_number)
{
	const char *digits;
	char *end = NULL;

	if (!YAJL_IS_NUMBER(value_of(value))) {
		return false;
	}
	digits = value_of(value)->u.number.r;
	if (digits[0] == '-') {
		return false;
	}
	errno = 0;
	unsigned long long number = strtoull(digits, &end, 10);
	if (errno != 0 || *end != '\0') {
		return false;
	}
	*ret_number = number;
	return true;
}

const char *json_in_text_of(const struct json_in *object, const char *name)
{
	const char *text = json_in_text(json_in_member(object, name));

	return text != NULL ? text : "";
}

uint64_t json_in_u64_of(const struct json_in *object, const char *name)
{
	uint64_t number = 0;

	(void)json_in_u64(json_in_member(object, name), &number);
	return number;
}

bool json_in_true_of(const struct json_in *object, const char *name)
{
	return json_in_is_true(json_in_member(object, name));
}

/* ---- closed documents ---- */

enum json_in_type json_in_type(const struct json_in *value)
{
	if (value == NULL) {
		return JSON_IN_NONE;
	}
	switch (value_of(value)->type) {
	case yajl_t_string:
		return JSON_IN_STRING;
	case yajl_t_number:
		return JSON_IN_NUMBER;
	case yajl_t_object:
		return JSON_IN_OBJECT;
	case yajl_t_array:
		return JSON_IN_ARRAY;
	case yajl_t_true:
	case yajl_t_false:
		return JSON_IN_BOOL;
	case yajl_t_null:
		return JSON_IN_NULL;
	case yajl_t_any:
		break;
	}
	return JSON_IN_NONE;
}

size_t json_in_member_count(const struct json_in *object)
{
	return YAJL_IS_OBJECT(value_of(object)) ? value_of(object)->u.object.len : 0;
}

const char *json_in_member_name(const struct json_in *object, size_t index)
{
	return index < json_in_member_count(object) ? value_of(object)->u.object.keys[index] : "";
}

const struct json_in *json_in_member_at(const struct json_in *object, size_t index)
{
	return index < json_in_member_count(object) ? ours(value_of(object)->u.object.values[index])
						    : NULL;
}

/* ---- for people ---- */

/* Depth was bounded when it was parsed; two levels are all that is shown. */
static void print_value(yajl_val value, bool outer)
{
	if (YAJL_IS_STRING(value)) {
		cli_print_text(stdout, (struct slice){ (const uint8_t *)value->u.string,
					       strlen(value->u.string) });
	} else if (YAJL_IS_NUMBER(value)) {
		(void)fputs(value->u.number.r, stdout);
	} else if (YAJL_IS_TRUE(value) || YAJL_IS_FALSE(value)) {
		(void)fputs(YAJL_IS_TRUE(value) ? "yes" : "no", stdout);
	} else if (YAJL_IS_ARRAY(value) && outer) {
		for (size_t i = 0; i < value->u.array.len; i++) {
			(void)fputs(i > 0 ? ", " : "", stdout);
			print_value(value->u.array.values[i], false);
		}
	} else if (YAJL_IS_OBJECT(value) && outer) {
		for (size_t i = 0; i < value->u.object.len; i++) {
			(void)printf("%s%s ", i > 0 ? ", " : "", value->u.object.keys[i]);
			print_value(value->u.object.values[i], false);
		}
	} else {
		(void)fputs(YAJL_IS_NULL(value) ? "-" : "...", stdout);
	}
}

void json_in_print(const struct json_in *value)
{
	print_value(value_of(value), true);
}

void json_in_print_members(const struct json_in *object)
{
	yajl_val value = value_of(object);

	if (!YAJL_IS_OBJECT(value)) {
		return;
	}
	for (size_t i = 0; i < value->u.object.len; i++) {
		(void)printf("%-16s ", value->u.object.keys[i]);
		print_value(value->u.object.values[i], true);
		(void)fputc('\n', stdout);
	}
}
