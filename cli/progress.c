#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Five a second are enough for people; a rate over less than this is noise. */
#define TELL_US 200000
#define RATE_US 500000

struct progress progress_begin(const char *doing, const char *unit)
{
	struct instant now = clock_now();

	return (struct progress){ .doing = doing,
		.unit = unit,
		.is_terminal = isatty(STDERR_FILENO) == 1,
		.began_at = now,
		.told_at = now };
}

void progress_line(const struct progress *progress, uint64_t done, uint64_t total, int64_t us,
	char ret_line[PROGRESS_LINE_BYTES])
{
	uint64_t left = total > done ? total - done : 0;
	double rate = us < RATE_US ? 0 : (double)done * 1e6 / (double)us;
	double percent = total == 0 ? 100 : (double)done * 100 / (double)total;
	int used = snprintf(ret_line, PROGRESS_LINE_BYTES,
		"%s %" PRIu64 " of %" PRIu64 " %s (%.0f %%)", progress->doing, done, total,
		progress->unit, percent);

	if (rate >= 1 && used > 0 && used < (int)PROGRESS_LINE_BYTES) {
		(void)snprintf(ret_line + used, PROGRESS_LINE_BYTES - (size_t)used,
			", %.0f/s, %.0f s left", rate, (double)left / rate);
	}
}

static void show(struct progress *progress, uint64_t done, uint64_t total, struct instant now)
{
	char line[PROGRESS_LINE_BYTES];

	progress_line(progress, done, total, instant_since(progress->began_at, now).us, line);
	(void)fprintf(stderr, "\r%s\033[K", line);
	progress->told_at = now;
	progress->shown = true;
}

void progress_tell(struct progress *progress, uint64_t done, uint64_t total)
{
	struct instant now;

	if (!progress->is_terminal) {
		return;
	}
	now = clock_now();
	if (instant_since(progress->told_at, now).us >= TELL_US) {
		show(progress, done, total, now);
	}
}

void progress_end(struct progress *progress)
{
	if (progress->shown) {
		(void)fputc('\n', stderr);
	}
	progress->shown = false;
}
