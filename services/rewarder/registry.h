#ifndef SERVICES_REWARDER_REGISTRY_H
#define SERVICES_REWARDER_REGISTRY_H

/* What is known of every run, durable: one row for each tenant and epoch (spec/rewarder.md 9.11).
 * A journal of whole rows in one file, the last of a name is true; one of the state 255 that ends
 * with tenant and epoch says that the row is gone:
 *
 *   magic | {length u32, ~length u32, row, BLAKE3 of the one before and the row}...
 *
 * Half a record at its end is what a crash left, and is cut off; anything else that does not fit is
 * damage, with which nothing starts. When most of it is history it is written anew. */

#include "common/worker.h"
#include "core/reward.h"
#include "core/reward_doc.h"

/* Hourly epochs of three tenants for two years and more; each takes some 2 KiB of memory. */
#define REGISTRY_ROWS_MAX 65536u

/* Of one tenant, so that whoever fills his share leaves three for others: hourly epochs of nearly
 * two years. */
#define REGISTRY_TENANT_ROWS_MAX (REGISTRY_ROWS_MAX / 4)

/* Numbers are on disk. */
enum registry_state {
	REGISTRY_ADMITTED = 1,    /* to be computed */
	REGISTRY_SEALED = 2,      /* its artefacts are there; to be paid */
	REGISTRY_EMITTING = 3,    /* the ledger may have been told */
	REGISTRY_SETTLED = 4,     /* paid, or nothing to pay */
	REGISTRY_POSTPONED = 5,   /* good, but not paid now */
	REGISTRY_QUARANTINED = 6, /* never paid */
	REGISTRY_FAILED = 7,      /* the same request may run again */
};

enum registry_result { RESULT_NONE, RESULT_ACCEPTED, RESULT_DUP, RESULT_ERROR };

struct registry_row {
	uint8_t state;
	uint8_t kind;   /* enum reward_kind */
	uint8_t result; /* enum registry_result */
	uint8_t detail; /* enum detail of the ledger's error */
	bool is_released;
	bool is_swept;   /* its artefacts were deleted */
	bool is_retried; /* in memory: taken up again since the last brownout */
	bool has_run;    /* in memory: one is under way, and so it stays */
	uint32_t count;
	struct reward_name tenant, epoch, policy_id, asset, pool;
	struct hash policy_hash, inputs_cid, run_key, idempotency_key;
	struct hash commitment, allocations_cid, public_key;
	u128 payout, residual;
	uint64_t admitted_unix_ms, changed_unix_ms, signed_at_unix_s;
	uint64_t seq_start, seq_end, cpu_us, cost_ms;
	uint64_t manifest_bytes, allocations_bytes;
	uint8_t signature[VERB_SIGNATURE_BYTES];
	char text[REWARD_DETAIL_BYTES]; /* why it is quarantined */
	struct id128 life;              /* of the kms that was there when the grant came */
	uint8_t *grant;                 /* owned; of whoever asked last */
	uint32_t grant_bytes;
	uint8_t *notes; /* owned */
	uint32_t notes_bytes;
};

struct registry {
	struct worker *worker;
	int dir_fd;
	int fd;
	uint64_t bytes, bytes_live;
	struct hash chain;
	uint32_t count;
	uint32_t held_count;        /* quarantined and not released */
	struct registry_row **rows; /* owned; by tenant, then epoch */
	uint8_t *scratch;           /* owned */
};

/* Before the filter; ends the worker with a sentence when it cannot. dir_fd stays the caller's. */
void registry_open(struct registry *registry, struct worker *worker, int dir_fd);

/* NULL: there is none. */
struct registry_row *registry_find(
	const struct registry *registry, struct slice tenant, struct slice epoch);

/* The place of the first row that is not before it; may be registry->count. */
uint32_t registry_place(const struct registry *registry, struct slice tenant, struct slice epoch);

/* A new row, in memory alone until it is put; NULL: there is no room. */
struct registry_row *registry_add(
	struct registry *registry, struct slice tenant, struct slice epoch);
void registry_remove(struct registry *registry, struct registry_row *row); /* was never put */

/* On disk when it returns. ERR_NO_SPACE: it is as it was there; a disk that fails ends the worker.
 */
MUST_CHECK enum err registry_put(struct registry *registry, struct registry_row *row);

/* There and on disk no more. ERR_NO_SPACE: it is as it was. */
MUST_CHECK enum err registry_forget(struct registry *registry, struct registry_row *row);

/* Copies; false: no memory. */
MUST_CHECK bool registry_keep(uint8_t **bytes, uint32_t *bytes_count, struct slice given);

enum registry_room { REGISTRY_ROOM, REGISTRY_FULL, REGISTRY_TENANT_FULL };

/* Whether there is room for a row more of the tenant. It is made if need be, of his own rows where
 * it is his share that is full: what failed goes, else what was settled and swept: the ledger
 * knows it. */
enum registry_room registry_make_room(struct registry *registry, struct slice tenant);

/* Rows that may go, by their age, and history. */
void registry_sweep(struct registry *registry, uint64_t before_unix_ms);

#endif
