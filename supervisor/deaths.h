#ifndef SUPERVISOR_DEATHS_H
#define SUPERVISOR_DEATHS_H

/* How often a worker died of late, what that means for its next start, and how a death reads
 * (DESIGN.md section 10). Pure: times and randomness are handed in. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

/* More than this many in the window, and the worker is degraded. */
#define DEATHS_IN_WINDOW_MAX 5u
#define DEATHS_WINDOW_MS     60000

struct deaths {
	struct instant newest_first[DEATHS_IN_WINDOW_MAX + 1];
	size_t count;
};

struct deaths_waits {
	int64_t min_ms, max_ms, cap_ms;
};

void deaths_add(struct deaths *deaths, struct instant now);
/* At most DEATHS_IN_WINDOW_MAX + 1: more are not told apart. */
size_t deaths_recent(const struct deaths *deaths, struct instant now);
bool deaths_too_many(const struct deaths *deaths, struct instant now);

/* 0 for the first death in the window; then one drawn between min and max, doubled with each
 * further death; never above the cap, and the cap itself once there were too many. */
int64_t deaths_wait_ms(size_t recent, const struct deaths_waits *waits, uint64_t random);

/* "exit 1", "signal 9 (KILL)"; status is that of waitpid. */
void deaths_describe(int status, char *text, size_t text_bytes);

#endif
