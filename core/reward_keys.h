#ifndef CORE_REWARD_KEYS_H
#define CORE_REWARD_KEYS_H

/* The names of a run, of what it pays, and of each payment (spec/rewarder.md 9.8, 9.12, 9.13). All
 * of them follow from the request and the sealed inputs. */

#include "core/reward_alloc.h"

/* Not a secret: it separates the keys of services. */
#define REWARD_SALT_DEFAULT "svc-rewarder|v1"

struct reward_request {
	struct reward_name tenant;
	struct reward_name epoch_id;
	struct reward_name policy_id;
	struct reward_name salt;
	struct hash policy_hash;
	struct hash inputs_cid;
};

/* What is sealed of a run, whether it is to be paid or quarantined. */
struct reward_facts {
	struct reward_request request;
	struct reward_outcome outcome; /* ok or quarantined */
	bool has_inputs;               /* the bundle was read; else the two cids are "" */
	struct hash accounting_cid;
	struct hash ledger_cid;
	struct reward_name asset;         /* of the policy */
	struct reward_name pool_text;     /* as it is sealed; "0" if it is no decimal integer */
	const struct reward_alloc *alloc; /* borrowed; NULL: nothing was computed */
	struct hash run_key;
	struct hash idempotency_key;
	struct hash commitment;
};

/* From the request alone, so a replay is known before anything is fetched. */
void reward_keys_of_request(const struct reward_request *request, struct hash *ret_run_key,
	struct hash *ret_idempotency_key);

/* BLAKE3 of the canonical preimage that the other one writes. */
void reward_keys_commitment(const struct reward_facts *facts, struct hash *ret_commitment);
void reward_keys_write_commitment(const struct reward_facts *facts, struct reward_text *out);

/* BLAKE3 of the canonical JSON of [{actor, amount_minor}], and that. */
void reward_keys_allocations_cid(const struct reward_alloc *alloc, struct hash *ret_cid);
void reward_keys_write_allocations(const struct reward_alloc *alloc, struct reward_text *out);

/* The nonce of the entry that pays an actor: the first half of BLAKE3("b3:<key>|<actor>"). */
struct id128 reward_keys_nonce(const struct hash *idempotency_key, struct slice actor);

u128 reward_keys_payout(const struct reward_facts *facts);
u128 reward_keys_delta(const struct reward_facts *facts); /* never below 0 (9.8) */

#endif
