#include "services/prevalidator/closed.h"

#include <string.h>

#define BIT(number) (UINT32_C(1) << (number))

static void refuse(struct closed *closed, const char *text)
{
	if (closed->fault == NULL) {
		closed->fault = text;
	}
}

/* --- events: depth 0 is around the object, 1 in it; what lies deeper is refused already --- */

static void on_open(void *self, enum json_type type)
{
	struct closed *closed = self;
	unsigned depth = closed->depth++;

	if (depth == 0 && type != JSON_OBJECT) {
		refuse(closed, "the body is not a JSON object");
	} else if (depth == 1 && closed->member != closed->count) {
		refuse(closed, closed->members[closed->member].text);
	}
}

static void on_close(void *self)
{
	struct closed *closed = self;

	closed->depth--;
}

static unsigned find_member(const struct closed *closed, struct slice name)
{
	for (unsigned member = 0; member < closed->count; member++) {
		const struct closed_member *row = &closed->members[member];

		if (!row->absent && strlen(row->name) == name.bytes_count &&
			memcmp(row->name, name.bytes, name.bytes_count) == 0) {
			return member;
		}
	}
	return closed->count;
}

static void on_member(void *self, struct slice name)
{
	struct closed *closed = self;

	if (closed->depth != 1) {
		return;
	}
	closed->member = find_member(closed, name);
	if (closed->member == closed->count) {
		refuse(closed, "the body has a member that this route does not");
		return;
	}
	if ((closed->seen & BIT(closed->member)) != 0) {
		refuse(closed, "a member of the body is given twice");
	}
	closed->seen |= BIT(closed->member);
}

static void on_scalar(void *self, enum json_type type, struct slice text)
{
	struct closed *closed = self;
	const struct closed_member *row;

	if (closed->depth == 0) {
		refuse(closed, "the body is not a JSON object");
		return;
	}
	if (closed->depth != 1 || closed->member == closed->count) {
		return; /* refused already */
	}
	row = &closed->members[closed->member];
	if (type != row->type || !closed->take(closed->self, closed->member, text)) {
		refuse(closed, row->text);
	}
}

static const struct json_listener listener = {
	.open = on_open,
	.close = on_close,
	.member = on_member,
	.scalar = on_scalar,
};

/* --- the whole --- */

const char *closed_read(struct closed *closed, struct json *json, struct slice body)
{
	assert(closed->count <= CLOSED_MEMBERS_MAX);
	closed->seen = 0;
	closed->member = closed->count;
	closed->depth = 0;
	closed->fault = NULL;
	if (!json_parse(json, body, &listener, closed)) {
		return "the body is not JSON: expected one object in UTF-8, at most 8 levels deep";
	}
	for (unsigned member = 0; member < closed->count; member++) {
		const struct closed_member *row = &closed->members[member];

		if (row->required && !row->absent && (closed->seen & BIT(member)) == 0) {
			refuse(closed, row->text);
		}
	}
	return closed->fault;
}
