#include "common/clock.h"

#include <assert.h>
#include <time.h>

struct instant clock_now(void)
{
	struct timespec now;

	int failed = clock_gettime(CLOCK_MONOTONIC, &now);
	assert(failed == 0); /* both clocks exist on every Linux */
	return (struct instant){ .monotonic_us = now.tv_sec * 1000000 + now.tv_nsec / 1000 };
}

int64_t clock_unix_ms(void)
{
	struct timespec now;

	int failed = clock_gettime(CLOCK_REALTIME, &now);
	assert(failed == 0);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
