#ifndef SUPERVISOR_LOG_REPEATS_H
#define SUPERVISOR_LOG_REPEATS_H

/* What anybody may bring about, as often as he likes, must not fill a disk with lines. Of such
 * events a rule is what is alike in its lines: event, route, status, reason and text. The first
 * LOG_REPEATS_WHOLE lines of a rule are written in a period, and of the others only how many they
 * were, at its end. Was that too many, then in the next period only the first is, and so on until
 * one comes in which there were few.
 *
 * Metrics are counted where things happen, and are whole. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/log_record.h"

/* Somebody who errs once a second is none of those. */
#define LOG_REPEATS_WHOLE 60u

#define LOG_REPEATS_PERIOD_US INT64_C(60000000)

/* Rules of one worker in a period; when all are taken, what is alike to none of them is one rule
 * more, whatever it is. Who knows all this gets 60 lines of each in every other minute, and so less
 * than 20 MB of lines an hour out of a worker; a plain flood is some KB. */
#define LOG_REPEATS_RULES 32u

#define LOG_REPEATS_ROUTE_BYTES  48u
#define LOG_REPEATS_REASON_BYTES 24u

struct log_repeat {
	uint64_t rule; /* a hash; 0: free */
	uint32_t event, status;
	uint64_t count; /* in this period */
	uint64_t left_out;
	bool is_flooded; /* in the last one there were too many */
	char route[LOG_REPEATS_ROUTE_BYTES];
	char reason[LOG_REPEATS_REASON_BYTES];
	char text[LOG_TEXT_BYTES_MAX];
};

struct log_repeats {
	struct log_repeat rules[LOG_REPEATS_RULES + 1]; /* the last: of all others */
	struct instant since;                           /* the period's begin, if there is one */
	bool is_open;
};

/* False: it is one of too many, and left out. */
bool log_repeats_admit(
	struct log_repeats *repeats, const struct log_record *record, struct instant now);

/* The period is over: each rule of which lines were left out is told, and the next begins with the
 * next line. */
typedef void (*log_repeats_tell)(void *context, const struct log_fields *fields);
void log_repeats_end(struct log_repeats *repeats, log_repeats_tell tell, void *context);

bool log_repeats_is_due(const struct log_repeats *repeats, struct instant now);

#endif
