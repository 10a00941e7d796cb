#ifndef CORE_OPERATION_H
#define CORE_OPERATION_H

/* Operations: what a client of /v1 wishes (spec/wallet.md section 1.3; holds are ours). One
 * operation is one entry of the ledger and one receipt.
 *
 *   op        entry                       from          to            lane
 *   issue     Mint to `to`                -             yes           issue, of `to`
 *   transfer  Transfer                    yes           yes           debit, of `from`
 *   burn      Burn                        yes           -             debit, of `from`
 *   hold      Hold                        yes           -             debit, of `from`
 *   capture   Transfer out of a Hold      yes, the hold's  yes        debit, of `from`
 *   release   Reverse of a Hold           yes, the hold's  -          debit, of `from`
 *
 * The principal is the account whose lane it is: keys, nonces and balances of a receipt are its. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/draft.h"

/* Order is the wire id of the inside verbs.
 * NAME, name, id, `from` is the principal, has `to`, refers to a hold */
#define OPERATIONS(O)                                 \
	O(ISSUE, "issue", 1, false, true, false)      \
	O(TRANSFER, "transfer", 2, true, true, false) \
	O(BURN, "burn", 3, true, false, false)        \
	O(HOLD, "hold", 4, true, false, false)        \
	O(CAPTURE, "capture", 5, true, true, true)    \
	O(RELEASE, "release", 6, true, false, true)

enum operation_kind {
#define AS_ENUM(NAME, name, id, has_from, has_to, has_hold) OPERATION_##NAME = (id),
	OPERATIONS(AS_ENUM)
#undef AS_ENUM
};

#define OPERATION_KIND_MAX OPERATION_RELEASE

/* What one says of itself; 64 bytes of [A-Za-z0-9._:-] are the most (spec/wallet.md W-C05). */
#define OPERATION_KEY_BYTES_MAX 64u

/* Nonces fit a signed 64-bit integer (spec/wallet.md W-C07). */
#define OPERATION_NONCE_MAX ((uint64_t)INT64_MAX)

/* Views borrow from whoever filled them in. What an operation does not have is empty or zero. */
struct operation {
	enum operation_kind kind;
	struct slice from;
	struct slice to;
	struct slice asset;
	u128 amount;
	uint64_t nonce;
	struct id128 hold; /* the bits of its txid */
	uint64_t expires_unix_ms;
	bool has_memo;
	struct slice memo;
};

bool operation_kind_is_valid(unsigned kind);
const char *operation_name(unsigned kind); /* "?" for one that is none */
bool operation_has_from(enum operation_kind kind);
bool operation_has_to(enum operation_kind kind);
bool operation_has_hold(enum operation_kind kind);

/* Well-formed as a whole: kind, which members there are, grammar of names, bounds. */
bool operation_is_sound(const struct operation *operation);

/* [A-Za-z0-9._:-]{1,64} */
bool operation_key_is_valid(struct slice key);

struct slice operation_principal(const struct operation *operation);
enum draft_lane operation_lane(const struct operation *operation);

/* The action that a token must allow: one CAVEAT_ACTION_BIT. */
uint32_t operation_action(enum operation_kind kind);

/* BLAKE3 of the canonical JSON of the wish (spec/wallet.md section 9.3), whose members beyond the
 * contract (expires_ts, hold, memo) are there when the operation has them. */
void operation_fingerprint(const struct operation *operation, struct hash *ret_fingerprint);

/* The nonce of the ledger's exactly-once key (DESIGN-LEDGER.md section 4): the first 16 bytes of
 * SHA-256 over a domain string, the lane, the principal and the lane's nonce. */
void operation_ledger_nonce(const struct operation *operation, struct id128 *ret_nonce);

/* The entry that it asks for, and its lane; all but id, ts, token, salt and receipt. */
void operation_draft(const struct operation *operation, struct draft *ret_draft);

/* And back, from an entry of a draft or of the ledger and the nonce of its lane; but the memo,
 * which an entry does not hold. false: no operation makes such an entry. */
MUST_CHECK bool operation_of_entry(
	const struct entry *entry, uint64_t lane_nonce, struct operation *ret_operation);

/* "tx_" and a ULID. */
#define OPERATION_TXID_BYTES 29u
void operation_txid_print(const struct id128 *id, char ret_text[OPERATION_TXID_BYTES + 1]);
MUST_CHECK bool operation_txid_parse(struct slice text, struct id128 *ret_id);

#endif
