#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/bytes.h"
#include "core/draft.h"
#include "core/entry.h"

/* Records: what rides from the sequencer to the committer in one batch, is stored as it is,
 * and is streamed back at a start. A batch is a plain sequence of records:
 *
 *   type u8 | body length u32 | body
 *
 * and the bodies, little-endian, strings behind a u8 length unless it says otherwise:
 *
 *   ENTRY    flags u8 | prev_account_seq u64 | prev_counter_seq u64
 *            key fingerprint u64 | id fingerprint u64 | leaf (u16)
 *            MEMO: salt 16, memo (u16) | RECEIPT: receipt (u16) | IDEM: idem_id
 *            LANE: lane u8, lane_nonce u64
 *   ACCOUNT  index u32 | name | asset
 *   CHUNK    number u32 | true at seq u64 | count u8 | count x (available u128, held u128,
 *            last seq u64, spent u128, day u32)
 *   CLAIM    original seq u64 | original id 16 | effect u8 | account index u32 | amount u128
 *            taken u128 | expires u64
 *   COUNTER  number u32 | counter id 16 | day u32 | spent u128 | asset
 *   CONTROL  kind u8 | scope u8 | after_seq u64 | ts u64 | amount u128 | value (u16)
 *            actor | reason (u16)
 *   AUDIT    ts u64 | kind u16 | bytes (u16)
 *
 * Every record but ENTRY, CONTROL and AUDIT replaces the one with the same key (batch_record_
 * key): index, chunk number, original seq, counter number. All are exact at the batch's end;
 * chunks alone are written less often than they change and say at which seq they are true.
 * ENTRY records of a batch have consecutive seq. The number of a CONTROL or AUDIT record is
 * the committer's. */

/* A frame of this size carries any batch of ordinary requests (DESIGN-LEDGER.md section 2):
 * requests fill it up to BATCH_FILL_BYTES, the rest is room for one that is just in and for
 * the records at the end. */
#define BATCH_BYTES_MAX  1000000u
#define BATCH_FILL_BYTES (768u * 1024u)

#define BATCH_HEAD_BYTES               5u
#define BATCH_CHUNK_ACCOUNTS           64u
#define BATCH_CHUNK_ACCOUNT_BYTES      60u
#define BATCH_CHUNK_BYTES_MAX          (13u + BATCH_CHUNK_ACCOUNTS * BATCH_CHUNK_ACCOUNT_BYTES)
#define BATCH_RECEIPT_BYTES_MAX        1280u /* a draft's, and three members more */
#define BATCH_CONTROL_VALUE_BYTES_MAX  512u
#define BATCH_CONTROL_ACTOR_BYTES_MAX  128u
#define BATCH_CONTROL_REASON_BYTES_MAX 512u
#define BATCH_CONTROL_BYTES_MAX                                         \
	(2u + 8u + 8u + 16u + 2u + BATCH_CONTROL_VALUE_BYTES_MAX + 1u + \
		BATCH_CONTROL_ACTOR_BYTES_MAX + 2u + BATCH_CONTROL_REASON_BYTES_MAX)
#define BATCH_AUDIT_BYTES_MAX 4096u
#define BATCH_ENTRY_BYTES_MAX                                                         \
	(BATCH_HEAD_BYTES + 33u + 2u + ENTRY_LEAF_BYTES_MAX + ENTRY_SALT_BYTES + 2u + \
		MEMO_BYTES_MAX + 2u + BATCH_RECEIPT_BYTES_MAX + 1u + IDEM_ID_BYTES_MAX + 9u)

#define BATCH_RECORDS(R)       \
	R(ENTRY, entry, 1)     \
	R(ACCOUNT, account, 2) \
	R(CHUNK, chunk, 3)     \
	R(CLAIM, claim, 4)     \
	R(COUNTER, counter, 5) \
	R(CONTROL, control, 6) \
	R(AUDIT, audit, 7)

enum batch_type {
#define AS_ENUM(NAME, name, number) BATCH_##NAME = (number),
	BATCH_RECORDS(AS_ENUM)
#undef AS_ENUM
};

/* All views borrow. */
struct batch_entry {
	struct slice leaf;
	uint64_t prev_account_seq; /* the account's previous entry; 0 = none */
	uint64_t prev_counter_seq; /* of counter_account, or of sys:issuance for Mint and Burn */
	uint64_t key_fingerprint;
	uint64_t id_fingerprint; /* 0 = not looked up by id (expiry) */
	bool has_memo;
	uint8_t salt[ENTRY_SALT_BYTES];
	struct slice memo;
	struct slice receipt; /* complete; empty = none */
	struct slice idem_id; /* recorded only; empty = none */
	uint8_t lane;         /* enum draft_lane; 0 = none */
	uint64_t lane_nonce;
};

/* Once, when an (account, asset) comes to be. sys:issuance of an asset is one too: its
 * available is the magnitude. An empty asset marks the nonce lanes of an account: available
 * is the last nonce of the debit lane, held that of the issue lane. */
struct batch_account {
	uint32_t index;
	struct slice name;
	struct slice asset;
};

struct batch_balance {
	u128 available;
	u128 held;
	uint64_t last_seq;
	u128 spent;   /* by /v1 debits on `day` (wallet.daily_ceiling) */
	uint32_t day; /* days since 1970, UTC */
};

/* Accounts number * 64 ... number * 64 + count - 1. */
struct batch_chunk {
	uint32_t number;
	uint64_t true_at_seq;
	uint8_t count;
	struct batch_balance balances[BATCH_CHUNK_ACCOUNTS];
};

/* What has been taken of an original. effect NONE is an open Hold: amount and expiry are the
 * Hold's, and once all is taken the record is deleted (batch_claim_is_closed), for a Hold that
 * is not open has nothing left. Another effect is what Reverses have taken back of a
 * Transfer, capture, Mint, Burn or leg: amount is 0 (the original's leaf knows it) and
 * the record stays, or the original could be reversed twice. */
struct batch_claim {
	uint64_t original_seq;
	struct id128 original_id;
	enum entry_effect effect;
	uint32_t account_index;
	u128 amount;
	u128 taken;
	uint64_t expires_unix_ms;
};

struct batch_counter {
	uint32_t number; /* dense, from 0 */
	struct id128 counter_id;
	uint32_t day; /* days since 1970, UTC */
	u128 spent;
	struct slice asset;
};

#define BATCH_CONTROL_KINDS(C)     \
	C(FREEZE, "freeze", 1)     \
	C(UNFREEZE, "unfreeze", 2) \
	C(REVOKE, "revoke", 3)     \
	C(LIMIT, "limit", 4)       \
	C(SETTLED, "settled", 5)

enum batch_control_kind {
#define AS_ENUM(NAME, name, number) CONTROL_##NAME = (number),
	BATCH_CONTROL_KINDS(AS_ENUM)
#undef AS_ENUM
};

/* What the value names. GLOBAL and REWARDS: nothing. CAPABILITY: 16 bytes. KEY: key id, 4 bytes
 * little-endian. LIMIT has a scope of GLOBAL and a name of core/ledger.h as its value. SETTLED has
 * what core/intent.h keeps of a settled intent. */
#define BATCH_CONTROL_SCOPES(S)        \
	S(GLOBAL, "global", 1)         \
	S(ASSET, "asset", 2)           \
	S(ACCOUNT, "account", 3)       \
	S(CAPABILITY, "capability", 4) \
	S(KEY, "key", 5)               \
	S(REWARDS, "rewards", 6)

enum batch_control_scope {
#define AS_ENUM(NAME, name, number) SCOPE_##NAME = (number),
	BATCH_CONTROL_SCOPES(AS_ENUM)
#undef AS_ENUM
};

struct batch_control {
	enum batch_control_kind kind;
	enum batch_control_scope scope;
	uint64_t after_seq; /* in force for entries with a larger seq */
	uint64_t ts_unix_ms;
	u128 amount; /* LIMIT */
	struct slice value;
	struct slice actor; /* hex capability id, or "operator" */
	struct slice reason;
};

struct batch_audit {
	uint64_t ts_unix_ms;
	uint16_t kind; /* the auditor's table, not ours */
	struct slice bytes;
};

/* Append one record. Ours to encode: bounds of strings are asserted; without room
 * out->failed is set. */
void batch_put_entry(struct byte_writer *out, const struct batch_entry *entry);
void batch_put_account(struct byte_writer *out, const struct batch_account *account);
void batch_put_chunk(struct byte_writer *out, const struct batch_chunk *chunk);
void batch_put_claim(struct byte_writer *out, const struct batch_claim *claim);
void batch_put_counter(struct byte_writer *out, const struct batch_counter *counter);
void batch_put_control(struct byte_writer *out, const struct batch_control *control);
void batch_put_audit(struct byte_writer *out, const struct batch_audit *audit);

/* One record, its body not looked into. */
struct batch_record {
	enum batch_type type;
	struct slice body;
};

/* Steps through a batch: true with a record, false at the end or at damage. Afterwards
 * byte_reader_done(in) says which: an end leaves nothing over. */
MUST_CHECK bool batch_next(struct byte_reader *in, struct batch_record *ret_record);

/* Strict, whole body, borrowing from it. ERR_MALFORMED. */
MUST_CHECK enum err batch_get_entry(struct slice body, struct batch_entry *ret_entry);
MUST_CHECK enum err batch_get_account(struct slice body, struct batch_account *ret_account);
MUST_CHECK enum err batch_get_chunk(struct slice body, struct batch_chunk *ret_chunk);
MUST_CHECK enum err batch_get_claim(struct slice body, struct batch_claim *ret_claim);
MUST_CHECK enum err batch_get_counter(struct slice body, struct batch_counter *ret_counter);
MUST_CHECK enum err batch_get_control(struct slice body, struct batch_control *ret_control);
MUST_CHECK enum err batch_get_audit(struct slice body, struct batch_audit *ret_audit);

/* The key of a row of ACCOUNT, CHUNK, CLAIM or COUNTER: the number that its body starts with.
 * ERR_MALFORMED if the body is too short or the type has no key. */
MUST_CHECK enum err batch_record_key(const struct batch_record *record, uint64_t *ret_key);

/* The row of this claim is to be deleted. */
bool batch_claim_is_closed(const struct batch_claim *claim);

/* The entry with this seq among the records of a batch, for the comparison with entries that
 * are in flight. ERR_NOT_FOUND. */
MUST_CHECK enum err batch_find_entry(
	struct slice records, uint64_t seq, struct batch_entry *ret_entry);

const char *batch_control_kind_name(unsigned kind);
const char *batch_control_scope_name(unsigned scope);

#endif
