#ifndef SERVICES_PREVALIDATOR_INGEST_H
#define SERVICES_PREVALIDATOR_INGEST_H

/* The body of POST /ingest, from JSON to drafts (spec/ledger.md section 1.3).
 *
 * Where the border is: what makes the document no JSON, or its top level no IngestRequest, is
 * a fault of the whole request, and nothing of it is judged. What is wrong inside one element of
 * `batch` is that entry's: the entry becomes a draft that carries its refusal, and goes on with
 * the others, so that the client hears of each entry at once, and the ledger decides what the
 * refusal means for groups and for mode "atomic".
 *
 * An entry is refused for the first thing that is wrong in it, in the order of the document;
 * then for what is missing, then for its form as a whole (draft_check), then for the caveats
 * that can be judged without the ledger. All of it only makes refusals early: the sequencer
 * believes none of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/reasons.h"
#include "common/slice.h"
#include "core/bytes.h"
#include "core/detail.h"
#include "core/draft.h"
#include "core/grant.h"
#include "core/hex.h"
#include "proto/verbs.h"
#include "services/prevalidator/json.h"

/* What is wrong with the whole: NAME, detail */
#define INGEST_FAULTS(F)                      \
	F(OK, NONE)                           \
	F(MALFORMED, MALFORMED)               \
	F(UNKNOWN_FIELD, UNKNOWN_FIELD)       \
	F(MISSING_FIELD, MISSING_FIELD)       \
	F(BATCH, BATCH)                       \
	F(IDEM_ID, IDEM_ID)                   \
	F(MODE, MODE)                         \
	F(DRY_RUN, DRY_RUN)                   \
	F(TOO_MANY_ENTRIES, TOO_MANY_ENTRIES) \
	F(TOO_MANY_BYTES, TOO_MANY_BYTES)     \
	F(DECOMPRESS_RATIO, DECOMPRESS_RATIO) \
	F(DECOMPRESS_ERROR, DECOMPRESS_ERROR)

enum ingest_fault {
#define AS_ENUM(NAME, detail) INGEST_##NAME,
	INGEST_FAULTS(AS_ENUM)
#undef AS_ENUM
};

enum detail ingest_fault_detail(enum ingest_fault fault);

/* Members of the top level and of an entry: NAME, name, whether it must be there. */
#define INGEST_MEMBERS(M)            \
	M(BATCH, "batch", true)      \
	M(IDEM_ID, "idem_id", false) \
	M(MODE, "mode", false)       \
	M(DRY_RUN, "dry_run", false)

#define INGEST_ENTRY_MEMBERS(M)                      \
	M(ID, "id", true)                            \
	M(TS, "ts", true)                            \
	M(KIND, "kind", true)                        \
	M(ACCOUNT, "account", true)                  \
	M(AMOUNT, "amount", true)                    \
	M(NONCE, "nonce", true)                      \
	M(CAPABILITY_REF, "capability_ref", true)    \
	M(VERSION, "v", true)                        \
	M(ASSET, "asset", false)                     \
	M(COUNTER_ACCOUNT, "counter_account", false) \
	M(ORIGINAL_ID, "original_id", false)         \
	M(EXPIRES_TS, "expires_ts", false)           \
	M(MEMO, "memo", false)

enum ingest_member {
#define AS_ENUM(NAME, name, required) INGEST_MEMBER_##NAME,
	INGEST_MEMBERS(AS_ENUM)
#undef AS_ENUM
		INGEST_MEMBER_COUNT
};

enum ingest_entry_member {
#define AS_ENUM(NAME, name, required) INGEST_ENTRY_##NAME,
	INGEST_ENTRY_MEMBERS(AS_ENUM)
#undef AS_ENUM
		INGEST_ENTRY_MEMBER_COUNT
};

/* Good until the next ingest_read. */
struct ingest_request {
	bool atomic, dry_run;
	uint16_t draft_count;
	uint16_t refused_count;    /* of the drafts */
	enum detail refused_first; /* for the log; nothing if there is none */
	struct slice idem_id;
	struct slice drafts; /* core/draft.h, one after another */
};

/* Salts are drawn from the kernel so many at a time. */
#define INGEST_SALTS 64u

/* The reader's whole memory, 9 MiB of which an ordinary request touches a few pages. */
struct ingest {
	struct json json;
	const struct grant *grant; /* borrowed for one read */
	char capability_ref[HEX_TEXT_BYTES(ID_BYTES) + 1];
	size_t entries_max;

	/* which one followed each member when it was seen last, and the first one; of all reads */
	uint8_t member_behind[INGEST_MEMBER_COUNT + 1];
	uint8_t entry_member_behind[INGEST_ENTRY_MEMBER_COUNT + 1];

	enum ingest_fault fault;
	unsigned depth;          /* containers that are open */
	bool in_batch, in_entry; /* batch is open; one of its elements is open and an object */
	uint32_t members_seen;   /* bits of enum ingest_member */
	unsigned member;         /* whose value comes next; COUNT: one that we don't know */
	bool atomic, dry_run;
	uint8_t idem_id[IDEM_ID_BYTES_MAX];
	size_t idem_id_bytes;
	size_t entry_count;
	size_t refused_count;
	enum detail refused_first;

	struct draft draft;          /* the entry that is being read */
	uint32_t entry_members_seen; /* bits of enum ingest_entry_member */
	unsigned entry_member;
	uint8_t account[ACCOUNT_BYTES_MAX], counter_account[ACCOUNT_BYTES_MAX];
	uint8_t asset[ASSET_BYTES_MAX], memo[MEMO_BYTES_MAX];

	uint8_t salts[INGEST_SALTS][ENTRY_SALT_BYTES];
	size_t salts_left;

	struct byte_writer out;
	uint8_t drafts[VERB_DRAFTS_BYTES_MAX];
};

/* The grant is that of the request's token, whose caveats about the request hold. `ingest`
 * starts as zeros. *ret_request is written on INGEST_OK only. */
MUST_CHECK enum ingest_fault ingest_read(struct ingest *ingest, struct slice body,
	const struct grant *grant, size_t entries_max, struct ingest_request *ret_request);

/* A request of nothing but that refusal, for the ledger to answer with its root. */
struct ingest_request ingest_refusal(struct ingest *ingest, enum ingest_fault fault);

#endif
