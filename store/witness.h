#ifndef STORE_WITNESS_H
#define STORE_WITNESS_H

/* What is known about a ledger beside its rows, for verify: what was acknowledged last (the tail
 * file), what kms signed last (the row of checkpoints), and what an auditor kept. Each says a size
 * and a root, which must come out when the entries up to there have been read. */

#include <stdbool.h>
#include <stdint.h>

#include "common/errors.h"
#include "common/types.h"
#include "core/note.h"
#include "store/reader.h"
#include "store/why.h"

struct witness {
	bool there;
	uint64_t size;
	struct hash root;
};

/* The tail beside the store in `dir`. ERR_NOT_FOUND: there is no file; ERR_CORRUPT; ERR_IO. */
MUST_CHECK enum err witness_tail(const char *dir, struct witness *ret_tail, struct why *why);

/* The notes in the store. `there` is false when nothing was signed yet. They are of this ledger, or
 * of what it was called before; a signature is verified if public_key is not NULL and the note
 * is under the present name. ERR_CORRUPT: why says what is wrong with them. */
struct witness_notes {
	struct witness checkpoint;
	bool has_audit;
	uint64_t audit_count;
	struct hash audit_head;
};
MUST_CHECK enum err witness_notes(struct reader *reader, const struct schema_meta *meta,
	const uint8_t *public_key, note_verify_signature *verify_signature,
	struct witness_notes *ret_notes, struct why *why);

#endif
