#include "client/rv.h"

#include <string.h>

#include <yajl/yajl_parse.h>

#define NESTED_MAX 16u

struct reading {
	struct rv_node *at;
	const char *name;
	unsigned depth;
};

static const char *keep(const void *text, size_t count)
{
	return memcpy(rv_take(count + 1), text, count);
}

static struct rv_node *add(struct reading *reading, enum rv_type type, const char *text)
{
	struct rv_node *node = rv_take(sizeof *node), *up = reading->at;

	*node = (struct rv_node){
		.type = type, .is_whole = true, .name = reading->name, .text = text, .up = up
	};
	if (up->last == NULL) {
		up->first = node;
	} else {
		up->last->next = node;
	}
	up->last = node;
	reading->name = NULL;
	return node;
}

static int add_text(struct reading *reading, enum rv_type type, const void *text, size_t count)
{
	struct rv_node *node = add(reading, type, keep(text, count));

	node->is_whole = strlen(node->text) == count;
	return 1;
}

static int on_null(void *context)
{
	return add(context, RV_OTHER, NULL) != NULL;
}

static int on_boolean(void *context, int value)
{
	(void)value;
	return on_null(context);
}

static int on_number(void *context, const char *text, size_t count)
{
	return add_text(context, RV_NUMBER, text, count);
}

static int on_string(void *context, const unsigned char *text, size_t count)
{
	return add_text(context, RV_STRING, text, count);
}

static int on_name(void *context, const unsigned char *text, size_t count)
{
	struct reading *reading = context;

	reading->name = keep(text, count);
	return strlen(reading->name) == count;
}

static int begin(struct reading *reading, enum rv_type type)
{
	reading->at = add(reading, type, NULL);
	reading->at->is_whole = false;
	return ++reading->depth <= NESTED_MAX;
}

static int on_object(void *context)
{
	return begin(context, RV_OBJECT);
}

static int on_array(void *context)
{
	return begin(context, RV_ARRAY);
}

static int on_end(void *context)
{
	struct reading *reading = context;

	reading->at->is_whole = true;
	reading->at = reading->at->up;
	reading->depth--;
	return 1;
}

/* Never NULL; what could be read up to a mistake. *ret_is_whole: there is none. */
const struct rv_node *rv_parse(struct rv_bytes text, bool *ret_is_whole)
{
	static const yajl_callbacks callbacks = { .yajl_null = on_null,
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_object,
		.yajl_map_key = on_name,
		.yajl_end_map = on_end,
		.yajl_start_array = on_array,
		.yajl_end_array = on_end };
	static const struct rv_node nothing;
	struct rv_node root = { 0 };
	struct reading reading = { .at = &root };
	yajl_handle handle = yajl_alloc(&callbacks, NULL, &reading);

	if (handle == NULL) {
		rv_stop(RV_CANNOT, "no memory");
	}
	*ret_is_whole = yajl_parse(handle, text.at, text.count) == yajl_status_ok &&
			yajl_complete_parse(handle) == yajl_status_ok;
	yajl_free(handle);
	return root.first == NULL ? &nothing : root.first;
}

const struct rv_node *rv_member(const struct rv_node *object, const char *name)
{
	static const struct rv_node nothing;

	for (const struct rv_node *at = object->first; at != NULL; at = at->next) {
		if (at->name != NULL && strcmp(at->name, name) == 0) {
			return at;
		}
	}
	return &nothing;
}

/* The place of a member among the names of a closed object; -1: it is none, or there again. */
int rv_place_of(const struct rv_node *at, const char *const *names, uint32_t *seen)
{
	for (int place = 0; names[place] != NULL; place++) {
		if (strcmp(names[place], at->name) == 0) {
			bool is_again = (*seen >> place & 1) != 0;

			*seen |= UINT32_C(1) << place;
			return is_again ? -1 : place;
		}
	}
	return -1;
}

/* It has members of these names, the first ones of them in any case. */
bool rv_is_object(const struct rv_node *node, size_t needed_count, const char *const *names)
{
	uint32_t seen = 0, needed = (UINT32_C(1) << needed_count) - 1;

	if (node->type != RV_OBJECT || !node->is_whole) {
		return false;
	}
	for (const struct rv_node *at = node->first; at != NULL; at = at->next) {
		if (rv_place_of(at, names, &seen) < 0) {
			return false;
		}
	}
	return (seen & needed) == needed;
}

bool rv_has_twice(const struct rv_node *object)
{
	for (const struct rv_node *at = object->first; at != NULL; at = at->next) {
		if (rv_member(object, at->name) != at) {
			return true;
		}
	}
	return false;
}

/* ---- canonical JSON ---- */

/* The members by their names, no white space. leave: a member that is left out. */
static void put_canonical(FILE *out, const struct rv_node *node, const char *leave)
{
	const struct rv_node *at, *least, *put = NULL;
	const char *comma = "";

	switch (node->type) {
	case RV_STRING:
		rv_put_string(out, node->text);
		return;
	case RV_NUMBER:
		(void)fputs(node->text, out);
		return;
	case RV_ARRAY:
		(void)fputc('[', out);
		for (at = node->first; at != NULL; at = at->next, comma = ",") {
			(void)fputs(comma, out);
			put_canonical(out, at, NULL);
		}
		(void)fputc(']', out);
		return;
	case RV_OBJECT:
		break;
	case RV_NOTHING:
	case RV_OTHER:
		(void)fputs("?", out); /* in no document of ours */
		return;
	}
	(void)fputc('{', out);
	for (;; put = least, comma = ",") {
		least = NULL;
		for (at = node->first; at != NULL; at = at->next) {
			if ((put == NULL || strcmp(at->name, put->name) > 0) &&
				(least == NULL || strcmp(at->name, least->name) < 0) &&
				(leave == NULL || strcmp(at->name, leave) != 0)) {
				least = at;
			}
		}
		if (least == NULL) {
			break;
		}
		(void)fputs(comma, out);
		rv_put_string(out, least->name);
		(void)fputc(':', out);
		put_canonical(out, least, NULL);
	}
	(void)fputc('}', out);
}

struct rv_bytes rv_canonical(const struct rv_node *node, const char *leave)
{
	struct rv_writing writing;

	put_canonical(rv_start(&writing), node, leave);
	return rv_finish(&writing);
}
