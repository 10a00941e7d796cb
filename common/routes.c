#include "common/routes.h"

#include <stddef.h>
#include <string.h>

#include "core/operation.h"

static const struct route_row {
	const char *method;
	const char *template;
} rows[ROUTE_COUNT] = {
#define AS_ROW(NAME, method, template, ...) { method, template },
	ROUTES(AS_ROW)
#undef AS_ROW
};

const char *routes_method(unsigned route)
{
	return rows[route < ROUTE_COUNT ? route : ROUTE_OTHER].method;
}

const char *routes_template(unsigned route)
{
	return rows[route < ROUTE_COUNT ? route : ROUTE_OTHER].template;
}

bool routes_is_write(unsigned route)
{
	return strcmp(routes_method(route), "POST") == 0;
}

static bool begins(unsigned route, const char *prefix)
{
	return strncmp(routes_template(route), prefix, strlen(prefix)) == 0;
}

bool routes_is_v1(unsigned route)
{
	return begins(route, "/v1/");
}

bool routes_is_reward(unsigned route)
{
	return begins(route, "/rewarder/");
}

unsigned routes_operation(unsigned route)
{
	switch (route) {
#define AS_CASE(NAME, ...) \
	case ROUTE_##NAME: \
		return OPERATION_##NAME;
		OPERATIONS(AS_CASE)
#undef AS_CASE
	default:
		return 0;
	}
}
