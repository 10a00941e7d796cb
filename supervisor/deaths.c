#include "supervisor/deaths.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/check.h"

void deaths_add(struct deaths *deaths, struct instant now)
{
	memmove(&deaths->newest_first[1], &deaths->newest_first[0],
		(COUNT_OF(deaths->newest_first) - 1) * sizeof deaths->newest_first[0]);
	deaths->newest_first[0] = now;
	if (deaths->count < COUNT_OF(deaths->newest_first)) {
		deaths->count++;
	}
}

size_t deaths_recent(const struct deaths *deaths, struct instant now)
{
	size_t recent = 0;

	while (recent < deaths->count &&
		!instant_reached(
			instant_after(deaths->newest_first[recent], duration_ms(DEATHS_WINDOW_MS)),
			now)) {
		recent++;
	}
	return recent;
}

bool deaths_too_many(const struct deaths *deaths, struct instant now)
{
	return deaths_recent(deaths, now) > DEATHS_IN_WINDOW_MAX;
}

int64_t deaths_wait_ms(size_t recent, const struct deaths_waits *waits, uint64_t random)
{
	int64_t span_ms = waits->max_ms - waits->min_ms;
	int64_t wait_ms = waits->min_ms;

	if (recent <= 1) {
		return 0;
	}
	if (recent > DEATHS_IN_WINDOW_MAX) {
		return waits->cap_ms;
	}
	if (span_ms > 0) {
		wait_ms += (int64_t)(random % ((uint64_t)span_ms + 1));
	}
	wait_ms <<= recent - 2; /* at most a minute, eight times */
	return wait_ms < waits->cap_ms ? wait_ms : waits->cap_ms;
}

void deaths_describe(int status, char *text, size_t text_bytes)
{
	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));
		snprintf(text, text_bytes, "signal %d (%s)%s", WTERMSIG(status),
			name != NULL ? name : "?",
			WTERMSIG(status) == SIGSYS ? ", a forbidden syscall" : "");
		return;
	}
	snprintf(text, text_bytes, "exit %d", WEXITSTATUS(status));
}
