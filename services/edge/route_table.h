#ifndef SERVICES_EDGE_ROUTE_TABLE_H
#define SERVICES_EDGE_ROUTE_TABLE_H

#include <stdbool.h>

#include "common/routes.h"
#include "core/http.h"
#include "proto/processes.h"

/* common/routes.h, as the edge needs it: who answers a path on a plane, and in whose hands a
 * request of a route is at last. */

enum plane { PLANE_ADMIN, PLANE_API };

struct route_match {
	enum route route;
	uint32_t allow;        /* HTTP_METHOD_BIT of what the path answers to */
	struct slice variable; /* what stood for {name} */
};

/* HTTP_OK; HTTP_ROUTE_UNKNOWN, or HTTP_OTHER_METHODS with `allow` set. HEAD finds its GET;
 * OPTIONS is OK wherever something is. *ret_match is written always. */
MUST_CHECK enum http_decision route_table_find(enum plane plane, struct slice path,
	enum http_method method, struct route_match *ret_match);

/* All methods that the plane knows, for OPTIONS *. */
uint32_t route_table_methods(enum plane plane);

/* PROCESS_COUNT: the edge itself. */
unsigned route_table_owner(enum route route);

#endif
