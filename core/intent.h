#ifndef CORE_INTENT_H
#define CORE_INTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/blake3.h"
#include "core/bytes.h"
#include "core/detail.h"

/* Reward intents: what pays one epoch of one tenant out of its pool (spec/rewarder.md section 9.13,
 * DESIGN-LEDGER.md section 7). A header says what is settled and by which run; the allocations
 * follow it, all of them or none.
 *
 * Header, little-endian, strings behind a u8 length, version 1:
 *
 *   version u8 | tenant | epoch | policy_id | asset | pool_account
 *   run_key 32 | idempotency_key 32 | commitment 32 | policy_hash 32 | allocations_cid 32
 *   pool_total u128 | payout_total u128 | count u32
 *
 * An allocation: actor (u8 length) | amount u128; their actors rise bytewise. The allocations_cid
 * is the BLAKE3 of what the ledger prints from them, not of these bytes:
 *
 *   [{"actor":"...","amount_minor":"..."},...]
 *
 * so that whoever has the entries can compute it again (store/verify). */

#define INTENT_VERSION             1u
#define INTENT_TENANT_BYTES_MAX    110u /* its pool account is one of ACCOUNT_BYTES_MAX */
#define INTENT_EPOCH_BYTES_MAX     32u  /* spec/rewarder.md section 1.1 has 17 */
#define INTENT_POLICY_ID_BYTES_MAX 128u
#define INTENT_HEADER_BYTES_MAX                                                                    \
	(1u + 5u + INTENT_TENANT_BYTES_MAX + INTENT_EPOCH_BYTES_MAX + INTENT_POLICY_ID_BYTES_MAX + \
		ASSET_BYTES_MAX + ACCOUNT_BYTES_MAX + 5u * HASH_BYTES + 2u * 16u + 4u)

/* What is kept of it once it is settled, the value of a control record: the header without what its
 * entries tell, and which these are.
 *
 *   version u8 | tenant | epoch | policy_id | run_key .. allocations_cid | pool_total
 *   payout_total | seq_start u64 | seq_end u64 */
#define INTENT_SETTLED_BYTES_MAX                                                                   \
	(1u + 3u + INTENT_TENANT_BYTES_MAX + INTENT_EPOCH_BYTES_MAX + INTENT_POLICY_ID_BYTES_MAX + \
		5u * HASH_BYTES + 2u * 16u + 2u * 8u)

#define INTENT_ALLOCATION_BYTES_MIN (1u + 1u + 16u)
#define INTENT_ALLOCATION_BYTES_MAX (1u + ACCOUNT_BYTES_MAX + 16u)

/* Views borrow from the bytes that they were decoded from. */
struct intent {
	struct slice tenant;
	struct slice epoch;
	struct slice policy_id;
	struct slice asset;
	struct slice pool_account;
	struct hash run_key;
	struct hash idempotency_key;
	struct hash commitment;
	struct hash policy_hash;
	struct hash allocations_cid;
	u128 pool_total;
	u128 payout_total;
	uint32_t count;
};

/* Our own intent: bounds are the caller's to keep (asserted). */
void intent_encode(struct byte_writer *out, const struct intent *intent);

/* Strict about bytes: version, bounds, the whole. ERR_MALFORMED. */
MUST_CHECK enum err intent_decode(struct slice bytes, struct intent *ret_intent);

/* What the header alone tells: names, the pool that they make, totals, at least one allocation.
 * DETAIL_NONE or DETAIL_INTENT. */
enum detail intent_check(const struct intent *intent);

/* "sys:reward_pool:<tenant>:<asset>"; 0 if that is no account. */
size_t intent_pool_account(
	struct slice tenant, struct slice asset, char ret_name[ACCOUNT_BYTES_MAX]);

void intent_put_settled(
	struct byte_writer *out, const struct intent *intent, uint64_t seq_start, uint64_t seq_end);
/* Strict. asset and pool_account are empty: the entries have them. ERR_MALFORMED. */
MUST_CHECK enum err intent_get_settled(struct slice bytes, struct intent *ret_intent,
	uint64_t *ret_seq_start, uint64_t *ret_seq_end);

struct intent_allocation {
	struct slice actor;
	u128 amount;
};

void intent_put_allocation(struct byte_writer *out, const struct intent_allocation *allocation);

/* False at the end, and at damage: byte_reader_done(in) says which. */
MUST_CHECK bool intent_next(struct byte_reader *in, struct intent_allocation *ret_allocation);

/* All of them against the header: so many, valid and rising, no account of the ledger's own,
 * amounts above zero that add up to the payout (DETAIL_ALLOCATIONS), and the cid
 * (DETAIL_ALLOCATIONS_CID). */
enum detail intent_check_allocations(const struct intent *intent, struct slice allocations);

/* The cid in pieces: from the first actor to the last. */
struct intent_cid {
	struct blake3 hash;
	bool has_begun;
};
void intent_cid_init(struct intent_cid *cid);
void intent_cid_add(struct intent_cid *cid, const struct intent_allocation *allocation);
void intent_cid_finish(struct intent_cid *cid, struct hash *ret_cid);

/* Of the entry that pays the actor: the first half of BLAKE3("b3:" key in hex "|" actor). */
void intent_nonce(const struct hash *idempotency_key, struct slice actor, struct id128 *ret_nonce);

#endif
