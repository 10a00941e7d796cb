#ifndef CORE_DRAFT_H
#define CORE_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "core/bytes.h"
#include "core/detail.h"
#include "core/entry.h"

/* Drafts: what a request carries before its entries are numbered, and the codec of the inside
 * frames that bring them from prevalidator, wallet and rewarder to the sequencer.
 *
 * One draft, little-endian, not frozen (both ends are of one build):
 *
 *   flags u16 | idx u32 | kind u8 | asset
 *   REFUSED: detail u8, and nothing else follows
 *   id 16 | ts u64 | account | amount u128 | nonce 16 | kid u32 | capability_ref
 *   then, each if its flag is set:
 *   COUNTER counter_account | ORIGINAL original_id 16 | EXPIRES expires_ts u64
 *   MEMO salt 16, memo_hash 32, memo (u16) | LANE lane u8, lane_nonce u64
 *   RECEIPT receipt_hash 32, receipt (u16)
 *
 * The source is a property of the link that the request came in on, never of the draft. */

/* Lanes of strictly rising /v1 nonces (DESIGN-LEDGER.md section 4). */
enum draft_lane { LANE_NONE = 0, LANE_DEBIT = 1, LANE_ISSUE = 2 };

/* As the wallet makes it, a receipt is below 900 bytes with the longest names. */
#define DRAFT_RECEIPT_BYTES_MAX 1024u

/* `entry` has everything but seq, original_seq, effect and group. A draft that somebody before
 * us refused has only idx, kind and asset, as far as they were legible (0 and empty
 * otherwise): the ledger needs them to refuse the group that the leg would belong to. */
struct draft {
	uint32_t idx;        /* the client's position in its batch */
	enum detail refused; /* DETAIL_NONE: judge it */
	struct entry entry;
	bool has_memo;
	uint8_t salt[ENTRY_SALT_BYTES];
	struct slice memo;
	enum draft_lane lane; /* source v1 only */
	uint64_t lane_nonce;
	struct slice receipt; /* v1: a JSON object up to and without its closing brace */
};

/* Upper bound of the bytes of one draft. */
#define DRAFT_BYTES_MAX                                                                       \
	(2u + 4u + 1u + 1u + ASSET_BYTES_MAX + ID_BYTES + 8u + 2 * (1u + ACCOUNT_BYTES_MAX) + \
		16u + ID_BYTES + 4u + 1u + ENTRY_CAPABILITY_REF_BYTES_MAX + ID_BYTES + 8u +   \
		ENTRY_SALT_BYTES + HASH_BYTES + 2u + MEMO_BYTES_MAX + 9u + HASH_BYTES + 2u +  \
		DRAFT_RECEIPT_BYTES_MAX)

/* Our own draft: bounds are the caller's to keep (asserted). */
void draft_encode(struct byte_writer *out, const struct draft *draft);

/* Strict about bytes: bounds, flags, numbers of the tables, one encoding. Grammar and meaning
 * are draft_check()'s. Borrows from the reader's buffer. ERR_MALFORMED. */
MUST_CHECK enum err draft_decode(
	struct byte_reader *in, enum entry_source source, struct draft *ret_draft);

/* The form of one entry, as far as it alone can tell: grammar, zero amount, members that its
 * kind must or must not have, self-transfer, sys: accounts. DETAIL_NONE: nothing is wrong.
 * The prevalidator refuses with it early, the ledger calls it again and believes nobody. */
enum detail draft_check(const struct draft *draft);

#endif
