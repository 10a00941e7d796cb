#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Monotonic time has types of its own, so that a point in time cannot be added to
 * another one. Wall-clock time is always `int64_t ..._unix_ms` (milliseconds since 1970,
 * UTC). core/ is handed both as values; only common/clock.c reads a clock. */
struct instant {
	int64_t monotonic_us;
};

struct duration {
	int64_t us;
};

static inline struct duration duration_ms(int64_t ms)
{
	return (struct duration){ .us = ms * 1000 };
}

static inline struct instant instant_after(struct instant start, struct duration wait)
{
	return (struct instant){ .monotonic_us = start.monotonic_us + wait.us };
}

static inline bool instant_reached(struct instant due, struct instant now)
{
	return now.monotonic_us >= due.monotonic_us;
}

static inline struct duration instant_since(struct instant start, struct instant now)
{
	return (struct duration){ .us = now.monotonic_us - start.monotonic_us };
}

struct instant clock_now(void); /* CLOCK_MONOTONIC */
int64_t clock_unix_ms(void);    /* CLOCK_REALTIME */

#ifdef MACRONODE_TEST_HOOKS
/* What a test writes into this file is the time of every process that adopted it, at once.
 * skew_ms: added to clock_unix_ms. monotonic_us: what clock_now tells, and it stands still there
 * until the test goes on; 0: the real one, as when the file ends before it. */
struct clock_hook {
	_Atomic int64_t skew_ms;
	_Atomic int64_t monotonic_us;
};

/* False: errno says why not. */
bool clock_adopt_hook(int fd);
#endif

#endif
