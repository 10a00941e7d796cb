#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/bytes.h"

/* Entries: what the ledger is made of. (What a client asks for is a draft, core/draft.h.)
 *
 * The leaf bytes of an entry are what the Merkle tree hashes (DESIGN-LEDGER.md section 3);
 * docs/formats.md freezes them and tests/vectors/entry-v1.txt pins them. Version 1,
 * little-endian, strings behind a u8 length, in this order:
 *
 *   version u16 | seq u64 | id 16 | ts u64 (ms) | kind u8 | source u8 | account | asset
 *   amount u128 | nonce 16 | kid u32 | capability_ref | counter_account | original_id 16
 *   original_seq u64 | effect u8 | expires_ts u64 (ms) | memo_hash 32
 *   group_first u64 | group_count u32 | receipt_hash 32
 *
 * What an entry does not have is zeros or an empty string; one entry has one encoding. */

#define ENTRY_VERSION                  1u
#define ENTRY_CAPABILITY_REF_BYTES_MAX 128u
#define ENTRY_SALT_BYTES               16u

#define ENTRY_LEAF_FIXED_BYTES 185u /* all strings empty */
#define ENTRY_LEAF_BYTES_MAX                                                \
	(ENTRY_LEAF_FIXED_BYTES + 2 * ACCOUNT_BYTES_MAX + ASSET_BYTES_MAX + \
		ENTRY_CAPABILITY_REF_BYTES_MAX)

/* Numbers are in leaf bytes for ever. The names are those of the wire (case matters). */
#define ENTRY_KINDS(K)             \
	K(CREDIT, "Credit", 1)     \
	K(DEBIT, "Debit", 2)       \
	K(TRANSFER, "Transfer", 3) \
	K(MINT, "Mint", 4)         \
	K(BURN, "Burn", 5)         \
	K(HOLD, "Hold", 6)         \
	K(REVERSE, "Reverse", 7)

enum entry_kind {
#define AS_ENUM(NAME, name, number) ENTRY_##NAME = (number),
	ENTRY_KINDS(AS_ENUM)
#undef AS_ENUM
};

/* Where an entry came in; part of the key of exactly-once, so that no client of /ingest can
 * occupy the nonces of the others. */
#define ENTRY_SOURCES(S)       \
	S(INGEST, "ingest", 1) \
	S(V1, "v1", 2)         \
	S(SYS, "sys", 3)       \
	S(REWARD, "reward", 4)

enum entry_source {
#define AS_ENUM(NAME, name, number) SOURCE_##NAME = (number),
	ENTRY_SOURCES(AS_ENUM)
#undef AS_ENUM
};

/* What an entry does to its original: CAPTURE on a Transfer, and on a Reverse what it takes
 * back. Everything else has NONE. A Reverse of a leg says which side it takes back, because
 * nothing else in the entry does. */
#define ENTRY_EFFECTS(E)                   \
	E(NONE, "none", 0)                 \
	E(TRANSFER, "transfer", 1)         \
	E(MINT, "mint", 2)                 \
	E(BURN, "burn", 3)                 \
	E(HOLD_RELEASE, "hold_release", 4) \
	E(CAPTURE, "capture", 5)           \
	E(GROUP_DEBIT, "group_debit", 6)   \
	E(GROUP_CREDIT, "group_credit", 7)

enum entry_effect {
#define AS_ENUM(NAME, name, number) EFFECT_##NAME = (number),
	ENTRY_EFFECTS(AS_ENUM)
#undef AS_ENUM
};

/* Views borrow from the bytes that they were decoded from, or from whoever filled them in. */
struct entry {
	uint64_t seq;
	struct id128 id;
	uint64_t ts_unix_ms;
	enum entry_kind kind;
	enum entry_source source;
	struct slice account;
	struct slice asset;
	u128 amount;
	struct id128 nonce;
	uint32_t kid;
	struct slice capability_ref;
	struct slice counter_account; /* Transfer, and Reverse of one; empty otherwise */
	struct id128 original_id;     /* zeros: there is none */
	uint64_t original_seq;        /* set at numbering */
	enum entry_effect effect;     /* set at numbering */
	uint64_t expires_unix_ms;     /* Hold; 0 = never */
	struct hash memo_hash;        /* SHA-256 of salt and memo; zeros: no memo */
	uint64_t group_first;         /* set at numbering: seq of the first leg; 0 = no group */
	uint32_t group_count;
	struct hash receipt_hash; /* zeros for /ingest */
};

/* Appends the leaf bytes. Our own entries: the caller keeps the bounds (asserted). */
void entry_encode(struct byte_writer *out, const struct entry *entry);

/* Strict: whole consumption, all bounds, grammar, numbers of the tables, one encoding only.
 * *ret_entry borrows from leaf. ERR_MALFORMED. */
MUST_CHECK enum err entry_decode(struct slice leaf, struct entry *ret_entry);

/* Leaf bytes start with version and seq; 0 when they are too short. */
uint64_t entry_leaf_seq(struct slice leaf);

const char *entry_kind_name(unsigned kind); /* "?" for a number that is none */
const char *entry_source_name(unsigned source);
const char *entry_effect_name(unsigned effect);
/* The kind of this wire name, or 0. */
unsigned entry_kind_parse(struct slice name);

/* [A-Za-z0-9_.:-]{1,128} and [a-z0-9][a-z0-9._-]{0,31}. */
bool entry_account_is_valid(struct slice account);
bool entry_asset_is_valid(struct slice asset);

/* Names that belong to the ledger begin with "sys:"; a reward pool is
 * "sys:reward_pool:<tenant>:<asset>", and of this asset if the end says so. */
bool entry_account_is_sys(struct slice account);
bool entry_account_is_reward_pool(struct slice account, struct slice asset);
#define ENTRY_ISSUANCE_ACCOUNT ENTRY_VIEW("sys:issuance")

/* (ts, id), then canonical bytes: the order inside a batch. <0, 0 or >0. */
int entry_compare(const struct entry *a, const struct entry *b);

bool entry_views_equal(struct slice a, struct slice b);

/* "None" in the fixed-width members. */
bool entry_id_is_none(const struct id128 *id);
bool entry_hash_is_none(const struct hash *hash);

/* A string literal as a view. */
#define ENTRY_VIEW(text) \
	((struct slice){ .bytes = (const uint8_t *)(text), .bytes_count = sizeof(text) - 1 })

#endif
