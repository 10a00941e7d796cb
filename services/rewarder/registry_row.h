#ifndef SERVICES_REWARDER_REGISTRY_ROW_H
#define SERVICES_REWARDER_REGISTRY_ROW_H

/* What is known of one run, and how it is written down. */

#include "core/bytes.h"
#include "core/reward.h"
#include "core/reward_doc.h"
#include "proto/verbs.h"

#define REGISTRY_ROW_BYTES_MAX (4096u + VERB_GRANT_BYTES_MAX + VERB_NOTES_BYTES_MAX)

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
	bool is_audited; /* that it is quarantined is in the audit log */
	bool is_drained; /* taken up with nobody asking, which the audit log does not tell yet */
	bool is_swept;   /* its artefacts were deleted */
	bool is_retried; /* in memory: taken up again since the last brownout */
	bool has_run;    /* in memory: one is under way, and so it stays */
	bool is_dropped; /* in memory: it is about to go */
	/* in memory, the registry's alone: as what it is on disk it is counted */
	struct registry_counted {
		bool as_held, as_unaudited, as_idle;
	} counted;
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
	uint64_t ticket; /* in memory: of the request that ended in a quarantine; 0: none */
};

void registry_row_put(struct byte_writer *out, const struct registry_row *row);
/* That it is gone: GONE in place of a state, and its name. */
void registry_row_put_gone(struct byte_writer *out, const struct registry_row *row);

/* One or the other; false: neither. *row is of zeros, or was read before; of one that is gone it
 * has the name. */
MUST_CHECK bool registry_row_get(struct slice bytes, struct registry_row *row, bool *ret_is_gone);

/* Quarantined, and nobody has released it. */
bool registry_row_is_held(const struct registry_row *row);
/* Quarantined, which the audit log does not say yet. */
bool registry_row_is_unaudited(const struct registry_row *row);
/* That it was drained is on disk, too: what is postponed is taken up again after a crash. */
bool registry_row_says_drained(const struct registry_row *row);
/* It may go when room is needed: it failed, or the ledger knows it, the audit log misses nothing of
 * it and no artefact is left. */
bool registry_row_is_idle(const struct registry_row *row);

/* Copies; false: no memory. */
MUST_CHECK bool registry_row_keep(uint8_t **bytes, uint32_t *bytes_count, struct slice given);
/* What it owns. */
void registry_row_finish(struct registry_row *row);

#endif
