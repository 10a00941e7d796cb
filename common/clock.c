#include "common/clock.h"

#include <assert.h>
#include <sys/mman.h>
#include <time.h>

struct instant clock_now(void)
{
	struct timespec now;

	int failed = clock_gettime(CLOCK_MONOTONIC, &now);
	assert(failed == 0); /* both clocks exist on every Linux */
	return (struct instant){ .monotonic_us = now.tv_sec * 1000000 + now.tv_nsec / 1000 };
}

#ifdef MACRONODE_TEST_HOOKS
static const _Atomic int64_t no_skew;
static const _Atomic int64_t *skew_ms = &no_skew;

bool clock_adopt_skew(int fd)
{
	void *page = mmap(NULL, sizeof *skew_ms, PROT_READ, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED) {
		return false;
	}
	skew_ms = page;
	return true;
}

static int64_t skew(void)
{
	return *skew_ms;
}
#else
static int64_t skew(void)
{
	return 0;
}
#endif

int64_t clock_unix_ms(void)
{
	struct timespec now;

	int failed = clock_gettime(CLOCK_REALTIME, &now);
	assert(failed == 0);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000 + skew();
}
