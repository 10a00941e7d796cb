#include "common/routes.h"

#include <stddef.h>

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
