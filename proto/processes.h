#ifndef PROTO_PROCESSES_H
#define PROTO_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"

/* Every process there can be. Order is the wire id: append only.
 *
 * Rank decides who dies when one accuses another (DESIGN-WALL.md section 3): an accused of
 * equal or lower rank ends, else the accuser. CLIENT is whoever speaks OAP/1 on a public
 * socket: never a process of ours, the sender of the public verbs.
 *
 * NAME, name, rank, instances at most */
#define PROCESSES(PROCESS)                         \
	PROCESS(CLIENT, client, 0, 0)              \
	PROCESS(SUPERVISOR, supervisor, 6, 1)      \
	PROCESS(ADMIN, admin, 1, 1)                \
	PROCESS(INGRESS, ingress, 1, 16)           \
	PROCESS(PREVALIDATOR, prevalidator, 2, 17) \
	PROCESS(KMS, kms, 5, 1)                    \
	PROCESS(SEQUENCER, sequencer, 4, 1)        \
	PROCESS(COMMITTER, committer, 5, 1)        \
	PROCESS(ARCHIVE, archive, 3, 1)            \
	PROCESS(WALLET, wallet, 3, 1)              \
	PROCESS(REWARDER, rewarder, 3, 1)          \
	PROCESS(COMPUTE, compute, 2, 16)           \
	PROCESS(OTEL, otel, 1, 1)

enum process {
#define AS_ENUM(NAME, name, rank, instances_max) PROCESS_##NAME,
	PROCESSES(AS_ENUM)
#undef AS_ENUM
		PROCESS_COUNT
};

/* One running process is told from another by role and instance. */
struct process_id {
	uint8_t process; /* enum process */
	uint8_t instance;
};

/* Admin has a prevalidator of its own, which serves nobody else: the control plane is there when
 * those of the API are saturated, restarting or draining (DESIGN-WALL.md section 4). */
#define PREVALIDATOR_OF_ADMIN PREVALIDATORS_MAX

static inline bool process_is_of_admin(struct process_id id)
{
	return id.process == PROCESS_PREVALIDATOR && id.instance == PREVALIDATOR_OF_ADMIN;
}

const char *process_name(unsigned process);       /* "unknown" for one that is not */
unsigned process_rank(unsigned process);          /* 0 for one that is not */
unsigned process_instances_max(unsigned process); /* 0 for one that is not */

/* In the process list behind "mn-": the role, but for admin's prevalidator. */
const char *process_title(struct process_id id);

#endif
