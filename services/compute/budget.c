/* CPU time of a run. Its calculation is one call that nobody can look into, so the kernel is asked
 * to end it: SIGPROF is left at its default. */
#include "services/compute/compute.h"

#include <sys/time.h>
#include <time.h>

#define US_PER_S  1000000u
#define MS_PER_S  1000u
#define US_PER_MS 1000u

uint64_t budget_used_us(void)
{
	struct timespec used = { 0 };

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * US_PER_S + (uint64_t)used.tv_nsec / 1000;
}

void budget_begin(uint64_t cpu_ms)
{
	const struct itimerval budget = {
		.it_value = { .tv_sec = (time_t)(cpu_ms / MS_PER_S),
			.tv_usec = (suseconds_t)(cpu_ms % MS_PER_S * US_PER_MS) },
	};

	(void)setitimer(ITIMER_PROF, &budget, NULL);
}

void budget_end(void)
{
	const struct itimerval none = { { 0, 0 }, { 0, 0 } };

	(void)setitimer(ITIMER_PROF, &none, NULL);
}
