#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/types.h"
#include "core/note.h"
#include "store/reader.h"
#include "store/why.h"
#include "store/witness.h"

/* Proof from nothing (DESIGN.md section 6): every entry is read again, every leaf, root,
 * tile, balance, receipt, chunk, claim, fingerprint and audit link computed again and compared. It
 * ends at the first thing that is wrong and names its seq and what was expected. What was
 * acknowledged and what was signed must come out too (store/witness.h). Balances are told by
 * store/replay.h, which shares no code with the ledger that made them. */

/* What can be wrong; the name is the JSON word. */
#define VERIFY_CHECKS(C)              \
	C(HEAD, "head")               \
	C(ACCOUNT, "account")         \
	C(ENTRY, "entry")             \
	C(BALANCE, "balance")         \
	C(RECEIPT, "receipt")         \
	C(TXID, "txid")               \
	C(ROOT, "root")               \
	C(TILE, "tile")               \
	C(FINGERPRINT, "fingerprint") \
	C(CHUNK, "chunk")             \
	C(CLAIM, "claim")             \
	C(COUNTER, "counter")         \
	C(CONTROL, "control")         \
	C(AUDIT, "audit")             \
	C(TAIL, "tail")               \
	C(CHECKPOINT, "checkpoint")   \
	C(SIGNED, "signed")           \
	C(KEPT, "kept")

enum verify_check {
	VERIFY_NONE,
#define AS_ENUM(NAME, name) VERIFY_##NAME,
	VERIFY_CHECKS(AS_ENUM)
#undef AS_ENUM
		VERIFY_CHECK_COUNT
};

const char *verify_check_name(enum verify_check check); /* "" for VERIFY_NONE */

struct verify_result {
	bool good;
	uint64_t size; /* entries that were to be checked: those committed when it began */
	struct hash root;
	uint64_t checked[VERIFY_CHECK_COUNT]; /* rows of each kind that were good */
	enum verify_check bad;                /* VERIFY_NONE if good */
	uint64_t bad_seq;                     /* seq, or the row's own number where it has none */
	struct why what;                      /* the sentence */
	bool claims_moved;                    /* a running node went on: claims were not compared */
};

struct verify_config {
	struct reader *reader;
	/* Or NULL. After each page of rows of any kind; done and total count entries. */
	void (*progress)(void *context, uint64_t done, uint64_t total);
	void *context;
	const bool *stop; /* or NULL; once true, the check ends with ERR_STALE */
	bool live;        /* a node is running on the store: pause between pages */
	/* Or NULL: the directory of a stopped store, whose tail file must agree with it. */
	const char *dir;
	/* Or NULL: the key that the notes in the store were signed with, and how to verify. */
	const uint8_t *public_key;
	const char *public_key_origin; /* or NULL: whose key it is, if not this ledger's name now */
	note_verify_signature *verify_signature;
	/* Or not `there`: what kms remembers to have signed under that name. */
	struct witness signed_last;
	/* Or not `there`: a checkpoint that somebody kept, of which this ledger is a continuation.
	 */
	struct witness kept;
};

/* ERR_OK: the check was made, see ret_result->good. Anything else: it could not be made. */
MUST_CHECK enum err verify_store(
	const struct verify_config *config, struct verify_result *ret_result, struct why *why);

/* What verify_store returned and said, as JSON for `macronode verify`; 0: it does not fit. */
MUST_CHECK size_t verify_print(const struct verify_result *result, enum err err,
	const struct why *why, uint8_t *bytes, size_t bytes_max);

#endif
