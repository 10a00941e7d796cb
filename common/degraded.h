#ifndef COMMON_DEGRADED_H
#define COMMON_DEGRADED_H

/* Every reason why a node is degraded or not ready: the `reason` of /readyz, "; " between two.
 * Those that end in a colon go on with a role, or with a sentence of whoever found it. Where two
 * begin alike, the longer one is first.
 * supervisor/advice.h has the operator's next step for each.
 *
 * NAME, how it begins */
#define DEGRADED_REASONS(R)                                                        \
	/* What the supervisor sees. */                                            \
	R(DRAINING, "draining")                                                    \
	R(DISK_FULL, "safe_mode:disk_full")                                        \
	R(SAFE_MODE, "safe_mode:")                                                 \
	R(STARTING, "starting:")                                                   \
	R(RESTARTING, "restarting:")                                               \
	R(CRASHING, "crashing:")                                                   \
	R(LAG, "committer_lag")                                                    \
	R(CERTIFICATE, "certificate_dates")                                        \
	/* What archive and the rewarder report of themselves while they serve. */ \
	R(OBJECTS, "objects_unwritable")                                           \
	R(REWARDER_DISK, "disk_pressure:rewarder")                                 \
	R(LEDGER, "ledger_degraded")                                               \
	R(REWARDS_FROZEN, "rewards_frozen")                                        \
	R(REWARDS_BACKPRESSURE, "rewards_backpressure")

enum degraded {
#define AS_ENUM(NAME, begin) DEGRADED_##NAME,
	DEGRADED_REASONS(AS_ENUM)
#undef AS_ENUM
		DEGRADED_COUNT
};

const char *degraded_name(enum degraded reason);

#endif
