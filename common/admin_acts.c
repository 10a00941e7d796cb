#include "common/admin_acts.h"

#include "common/check.h"

static const struct act_row {
	const char *name;
	enum route route;
	enum caveat_action action;
} rows[ADMIN_ACT_COUNT] = {
#define AS_ROW(NAME, name, action) { name, ROUTE_ADMIN_##NAME, CAVEAT_ACTION_##action },
	ADMIN_ACTS(AS_ROW)
#undef AS_ROW
};

enum admin_act admin_acts_of(unsigned route)
{
	unsigned act = 0;

	while (act < ADMIN_ACT_COUNT && rows[act].route != route) {
		act++;
	}
	return (enum admin_act)act;
}

const char *admin_acts_name(enum admin_act act)
{
	assert(act < ADMIN_ACT_COUNT);
	return rows[act].name;
}

enum caveat_action admin_acts_action(enum admin_act act)
{
	assert(act < ADMIN_ACT_COUNT);
	return rows[act].action;
}

bool admin_acts_change(enum admin_act act)
{
	return act == ADMIN_ACT_RELOAD || act == ADMIN_ACT_SHUTDOWN;
}
