#ifndef SUPERVISOR_PROCESSES_H
#define SUPERVISOR_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/processes.h"

/* Who runs, as whom, with how much, after whom, and what its death means: one row a role, so
 * that SECURITY.md can be checked against it in one look. */

enum process_listener { LISTENER_NONE, LISTENER_ADMIN, LISTENER_API };

struct process_plan {
	const char *user;        /* of sysusers; or node.uid_base + the role's id */
	uint32_t memory_mib_max; /* RLIMIT_DATA, besides; 0 = as large as the ledger grows */
	uint32_t open_files_max; /* besides client connections */
	uint32_t locked_kib_max;
	bool may_write_files; /* else RLIMIT_FSIZE 0 */
	bool in_store_group;
	enum process_listener listener;
	unsigned after;         /* roles that must have been ready once before its first start */
	unsigned dies_with;     /* roles that end when it ends */
	uint32_t silent_ms_max; /* without a pong; 0 = node.ping_timeout */
	unsigned drain_stage;   /* 1 first; the last to leave has the highest */
	const char *purpose;
};

/* NULL for what is no worker. */
const struct process_plan *process_plan(unsigned process);
/* That of its role, but for admin's prevalidator: it comes and goes with kms, not with the API. */
const struct process_plan *process_plan_of(struct process_id id);

#define DRAIN_STAGES 8u

/* With node.uid_base the group of the store is that plus this: behind the last role. */
#define STORE_GROUP_OFFSET 100u

#endif
