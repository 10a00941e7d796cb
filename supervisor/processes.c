#include "supervisor/processes.h"

#include <stddef.h>

#define ROLE(NAME) (1u << PROCESS_##NAME)

/* Committer and sequencer are told dead only after a minute: a slow disk is not a hang, and a
 * replay answers pings between its pieces (DESIGN-LEDGER.md section 5). */
#define SILENT_MS_OF_A_SLOW_DISK 60000u

/* Links to 17 prevalidators and to everybody else, pages of all, listeners, files, the loop, and
 * what an edge keeps for the local socket (CONNECTIONS_LOCAL_MAX). The other connections of an edge
 * come on top, one fd each (api.max_conns, admin.max_conns), and their memory. */
#define FILES_MAX 160u

static const struct process_plan plans[PROCESS_COUNT] = {
	[PROCESS_ADMIN] = {
		.user = "mn-admin", .memory_mib_max = 512, .open_files_max = FILES_MAX,
		.listener = LISTENER_ADMIN, .drain_stage = 8,
		.purpose = "health, readiness, metrics; stays up when everything else is stuck",
	},
	[PROCESS_INGRESS] = {
		.user = "mn-ingress", .memory_mib_max = 512, .open_files_max = FILES_MAX,
		.listener = LISTENER_API, .drain_stage = 1,
		.purpose = "speaks HTTP and OAP/1 to clients; has no key, no file, no JSON parser",
	},
	[PROCESS_KMS] = {
		.user = "mn-kms", .memory_mib_max = 256, .open_files_max = FILES_MAX,
		.locked_kib_max = 8192, .may_write_files = true, .drain_stage = 7,
		.purpose = "every secret key; verifies tokens; no network, no JSON",
	},
	[PROCESS_COMMITTER] = {
		.user = "mn-commit", .memory_mib_max = 2048, .open_files_max = FILES_MAX,
		.may_write_files = true, .in_store_group = true,
		.after = ROLE(KMS), .dies_with = ROLE(SEQUENCER),
		.silent_ms_max = SILENT_MS_OF_A_SLOW_DISK, .drain_stage = 6,
		.purpose = "the only writer of the store",
	},
	[PROCESS_SEQUENCER] = {
		.user = "mn-order", .open_files_max = FILES_MAX,
		.after = ROLE(COMMITTER), .dies_with = ROLE(COMMITTER),
		.silent_ms_max = SILENT_MS_OF_A_SLOW_DISK, .drain_stage = 4,
		.purpose = "the authoritative state, in memory; admits and numbers; opens nothing",
	},
	[PROCESS_ARCHIVE] = {
		.user = "mn-archive", .memory_mib_max = 1024, .open_files_max = FILES_MAX,
		.may_write_files = true, .in_store_group = true,
		.after = ROLE(SEQUENCER), .drain_stage = 5,
		.purpose = "reads the store for everybody else, cannot write it; keeps objects",
	},
	[PROCESS_WALLET] = {
		.user = "mn-wallet", .memory_mib_max = 512, .open_files_max = FILES_MAX,
		.after = ROLE(SEQUENCER) | ROLE(ARCHIVE), .drain_stage = 3,
		.purpose = "idempotency keys and receipts of /v1; opens nothing, decides no money",
	},
	[PROCESS_REWARDER] = {
		.user = "mn-reward", .memory_mib_max = 1536, .open_files_max = FILES_MAX,
		.may_write_files = true,
		.after = ROLE(SEQUENCER) | ROLE(ARCHIVE) | ROLE(KMS), .drain_stage = 3,
		.purpose = "pays out reward epochs from the configured pools; off unless enabled",
	},
	[PROCESS_COMPUTE] = {
		.user = "mn-reward", .memory_mib_max = 1280, .open_files_max = FILES_MAX,
		.drain_stage = 4,
		.purpose = "parses sealed inputs and computes; holds nothing, may die of it",
	},
	[PROCESS_OTEL] = {
		.user = "mn-otel", .memory_mib_max = 128, .open_files_max = FILES_MAX,
		.drain_stage = 7,
		.purpose = "sends traces to a collector; holds one connected socket, nothing else",
	},
	[PROCESS_PREVALIDATOR] = {
		.user = "mn-check", .memory_mib_max = 512, .open_files_max = FILES_MAX,
		.after = ROLE(ARCHIVE) | ROLE(SEQUENCER) | ROLE(KMS) | ROLE(WALLET),
		.drain_stage = 2,
		.purpose = "JSON, tokens, policy; nobody takes its word",
	},
};

static const struct process_plan prevalidator_of_admin = {
	.user = "mn-check",
	.memory_mib_max = 512,
	.open_files_max = FILES_MAX,
	.after = ROLE(KMS),
	.drain_stage = 7,
	.purpose = "judges what administrators ask; nobody takes its word either",
};

const struct process_plan *process_plan_of(struct process_id id)
{
	return process_is_of_admin(id) ? &prevalidator_of_admin : process_plan(id.process);
}

const struct process_plan *process_plan(unsigned process)
{
	if (process >= PROCESS_COUNT || plans[process].user == NULL) {
		return NULL;
	}
	return &plans[process];
}
