#ifndef SUPERVISOR_ADVICE_H
#define SUPERVISOR_ADVICE_H

/* What an operator does next about a reason of readiness: one sentence for each of
 * common/degraded.h, so that no degraded state is told without one. Pure. */

#include <stdbool.h>

#include "common/degraded.h"
#include "common/slice.h"

/* NAME of DEGRADED_REASONS, the next step */
#define ADVICES(A)                                                                                 \
	A(DRAINING, "wait: it finishes what it accepted, and then it ends")                        \
	A(DISK_FULL, "make room on the file system of node.data_dir: writes go on by themselves "  \
		     "once more than engine.disk_reserve is free")                                 \
	A(SAFE_MODE, "see `macronode recover`: it explains the reason, and says what helps")       \
	A(STARTING, "wait: a start reads the ledger first; if it lasts, look in the log for "      \
		    "worker_died and start_failed")                                                \
	A(RESTARTING, "wait a second; if it lasts, the last deaths say the cause")                 \
	A(CRASHING,                                                                                \
		"mend the cause that its last deaths name; it is tried again all the time, and "   \
		"is well after a minute without a death")                                          \
	A(LAG, "look at the disk of node.data_dir: a batch waits for its sync for longer than "    \
	       "readiness.committer_lag_ms_max")                                                   \
	A(CERTIFICATE, "clients turn away from it: renew what tls.cert_path names and `macronode " \
		       "reload`, or set the clock right; `macronode doctor` says the dates")       \
	A(OBJECTS, "make room on the file system of the objects, and see that it is not mounted "  \
		   "read-only; the next put finds out")                                            \
	A(REWARDER_DISK,                                                                           \
		"make room on the file system of node.data_dir: no epoch is begun and no policy "  \
		"taken while less than twice engine.disk_reserve is free; what was begun goes on") \
	A(LEDGER, "look why the ledger is slow (committer_lag, the disk); rewards wait, and are "  \
		  "paid by themselves when it is faster")                                          \
	A(REWARDS_FROZEN,                                                                          \
		"somebody froze rewards (macronode audit export says who and why); macronode "     \
		"reward brownout off pays what waits")                                             \
	A(REWARDS_BACKPRESSURE, "fewer epochs at a time, or more concurrency.compute_workers")

/* Reasons as readiness.c puts them together, "; " between two. Takes the next one that is known
 * off *rest, which is all of them at first; false: there is none left. What stands between
 * two reasons that are known belongs to the sentence of the first. */
bool advice_next(struct slice *rest, struct slice *ret_reason, enum degraded *ret_kind);

const char *advice_text(enum degraded kind);

#endif
