#ifndef COMMON_ADMIN_ACTS_H
#define COMMON_ADMIN_ACTS_H

#include <stdbool.h>

#include "common/routes.h"
#include "core/caveat.h"

/* What administrators ask the supervisor for over the admin plane: one row each. The route is
 * ROUTE_ADMIN_<NAME>; a token must allow the action. Those that come last change something: they
 * are audit records, and there is at most one of them a second.
 *
 * NAME, name, action */
#define ADMIN_ACTS(A)                         \
	A(STATUS, "status", ADMIN_STATUS)     \
	A(RECOVERY, "recovery", ADMIN_STATUS) \
	A(EVENTS, "events", ADMIN_STATUS)     \
	A(RELOAD, "reload", ADMIN_RELOAD)     \
	A(SHUTDOWN, "shutdown", ADMIN_SHUTDOWN)

enum admin_act {
#define AS_ENUM(NAME, name, action) ADMIN_ACT_##NAME,
	ADMIN_ACTS(AS_ENUM)
#undef AS_ENUM
		ADMIN_ACT_COUNT
};

enum admin_act admin_acts_of(unsigned route); /* ADMIN_ACT_COUNT: it is none's */
const char *admin_acts_name(enum admin_act act);
enum caveat_action admin_acts_action(enum admin_act act);
bool admin_acts_change(enum admin_act act);

#endif
