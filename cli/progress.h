#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

/* One line on a terminal that says how far a long walk is: done of total, rate, time left.
 * Nothing at all where standard error is no terminal. */

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

struct progress {
	const char *doing; /* "verified" */
	const char *unit;  /* "entries" */
	bool is_terminal;
	bool shown;
	struct instant began_at;
	struct instant told_at;
};

struct progress progress_begin(const char *doing, const char *unit);
void progress_tell(struct progress *progress, uint64_t done, uint64_t total);
void progress_end(struct progress *progress); /* its last line, whole */

/* The line without its control characters; apart, so that it can be tested. */
#define PROGRESS_LINE_BYTES 160u
void progress_line(const struct progress *progress, uint64_t done, uint64_t total, int64_t us,
	char ret_line[PROGRESS_LINE_BYTES]);

#endif
