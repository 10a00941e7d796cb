#include "common/degraded.h"

#include "common/check.h"

const char *degraded_name(enum degraded reason)
{
	static const char *const names[DEGRADED_COUNT] = {
#define AS_NAME(NAME, begin) [DEGRADED_##NAME] = begin,
		DEGRADED_REASONS(AS_NAME)
#undef AS_NAME
	};

	assert(reason < DEGRADED_COUNT);
	return names[reason];
}
