#ifndef SUPERVISOR_ADVICE_H
#define SUPERVISOR_ADVICE_H

/* What an operator does next about a reason that readiness.c gives: one sentence for each kind of
 * reason, so that no degraded state is told without one. Pure. */

#include <stdbool.h>

#include "common/slice.h"

/* NAME, how such a reason begins, the next step */
#define ADVICES(A)                                                                                 \
	A(DRAINING, "draining", "wait: it finishes what it accepted, and then it ends")            \
	A(SAFE_MODE, "safe_mode:",                                                                 \
		"see `macronode recover`: it explains the reason, and says what helps")            \
	A(STARTING, "starting:",                                                                   \
		"wait: a start reads the ledger first; if it lasts, look in the log for "          \
		"worker_died and start_failed")                                                    \
	A(RESTARTING, "restarting:", "wait a second; if it lasts, the last deaths say the cause")  \
	A(CRASHING, "crashing:",                                                                   \
		"mend the cause that its last deaths name; it is tried again all the time, and "   \
		"is well after a minute without a death")                                          \
	A(LAG, "committer_lag",                                                                    \
		"look at the disk of node.data_dir: a batch waits for its sync for longer than "   \
		"readiness.committer_lag_ms_max")                                                  \
	A(OBJECTS, "objects_unwritable",                                                           \
		"make room on the file system of the objects, and see that it is not mounted "     \
		"read-only; the next put finds out")                                               \
	A(REWARDER_DISK, "disk_pressure:rewarder",                                                 \
		"make room on the file system of node.data_dir: no epoch is begun and no policy "  \
		"taken while less than twice engine.disk_reserve is free; what was begun goes on") \
	A(LEDGER_DEGRADED, "ledger_degraded",                                                      \
		"look why the ledger is slow (committer_lag, the disk); rewards wait, and are "    \
		"paid by themselves when it is faster")                                            \
	A(REWARDS_FROZEN, "rewards_frozen",                                                        \
		"somebody froze rewards (macronode audit export says who and why); macronode "     \
		"reward brownout off pays what waits")                                             \
	A(REWARDS_BACKPRESSURE, "rewards_backpressure",                                            \
		"fewer epochs at a time, or more concurrency.compute_workers")

enum advice {
#define AS_ENUM(NAME, begin, text) ADVICE_##NAME,
	ADVICES(AS_ENUM)
#undef AS_ENUM
		ADVICE_COUNT
};

/* Reasons as readiness.c puts them together, "; " between two. Takes the next one that has an
 * advice off *rest, which is all of them at first; false: there is none left. What stands between
 * two reasons that are known belongs to the sentence of the first. */
bool advice_next(struct slice *rest, struct slice *ret_reason, enum advice *ret_advice);

const char *advice_text(enum advice advice);

#endif
