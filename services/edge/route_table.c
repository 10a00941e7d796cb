#include "services/edge/route_table.h"

#include <string.h>

#define ON_NONE        0u
#define ON_ADMIN       (1u << PLANE_ADMIN)
#define ON_API         (1u << PLANE_API)
#define ON_EVERY       (ON_ADMIN | ON_API)
#define ON_PUBLIC_VERB 0u

#define OWNER_EDGE       PROCESS_COUNT
#define OWNER_SEQUENCER  PROCESS_SEQUENCER
#define OWNER_ARCHIVE    PROCESS_ARCHIVE
#define OWNER_WALLET     PROCESS_WALLET
#define OWNER_REWARDER   PROCESS_REWARDER
#define OWNER_SUPERVISOR PROCESS_SUPERVISOR

static const struct row {
	const char *method;
	const char *template;
	unsigned planes;
	unsigned owner;
} rows[ROUTE_COUNT] = {
#define AS_ROW(NAME, method, template, plane, owner) \
	{ method, template, ON_##plane, OWNER_##owner },
	ROUTES(AS_ROW)
#undef AS_ROW
};

static bool is_at(struct slice bytes, size_t at, const char *text, size_t text_bytes)
{
	return memcmp(bytes.bytes + at, text, text_bytes) == 0;
}

/* {name} stands for what is between its neighbours: at least one byte, no slash but in {name...},
 * which ends a template. */
static bool matches(const char *template, struct slice path, struct slice *ret_variable)
{
	size_t before_bytes = strcspn(template, "{");
	bool has_variable = template[before_bytes] != '\0';
	const char *after = has_variable ? strchr(template, '}') + 1 : "";
	size_t after_bytes = strlen(after);
	size_t variable_bytes = path.bytes_count - before_bytes - after_bytes;

	if (path.bytes_count < before_bytes + after_bytes ||
		!is_at(path, 0, template, before_bytes) ||
		!is_at(path, path.bytes_count - after_bytes, after, after_bytes)) {
		return false;
	}
	*ret_variable = (struct slice){ path.bytes + before_bytes, variable_bytes };
	if (!has_variable) {
		return variable_bytes == 0;
	}
	return variable_bytes > 0 &&
	       (strstr(template + before_bytes, "...}") != NULL ||
		       memchr(ret_variable->bytes, '/', variable_bytes) == NULL);
}

static uint32_t method_bit_of(const struct row *row)
{
	return HTTP_METHOD_BIT(http_method_parse(
		(struct slice){ (const uint8_t *)row->method, strlen(row->method) }));
}

enum http_decision route_table_find(
	enum plane plane, struct slice path, enum http_method method, struct route_match *ret_match)
{
	uint32_t wanted = HTTP_METHOD_BIT(method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : method);

	*ret_match = (struct route_match){ .route = ROUTE_OTHER };
	for (unsigned route = 0; route < ROUTE_COUNT; route++) {
		struct slice variable;

		if ((rows[route].planes & 1u << plane) == 0 ||
			!matches(rows[route].template, path, &variable)) {
			continue;
		}
		ret_match->allow |= method_bit_of(&rows[route]);
		if ((method_bit_of(&rows[route]) & wanted) != 0) {
			ret_match->route = (enum route)route;
			ret_match->variable = variable;
		}
	}
	if (ret_match->allow == 0) {
		return HTTP_ROUTE_UNKNOWN;
	}
	if (ret_match->route == ROUTE_OTHER && method != HTTP_METHOD_OPTIONS) {
		return HTTP_OTHER_METHODS;
	}
	return HTTP_OK;
}

uint32_t route_table_methods(enum plane plane)
{
	uint32_t methods = 0;

	for (unsigned route = 0; route < ROUTE_COUNT; route++) {
		if ((rows[route].planes & 1u << plane) != 0) {
			methods |= method_bit_of(&rows[route]);
		}
	}
	return methods;
}

unsigned route_table_owner(enum route route)
{
	assert((unsigned)route < ROUTE_COUNT);
	return rows[route].owner;
}
