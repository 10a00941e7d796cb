#ifndef CORE_CONSERVE_H
#define CORE_CONSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"

/* A second opinion on conservation, from leaf bytes alone (DESIGN-LEDGER.md section 3). It
 * shares the decoder with the ledger but not a line of how the ledger moves money: the committer
 * asks it about each batch before it appends, and `verify` about the whole log.
 *
 * Each entry is taken for the postings that its kind and effect stand for: what falls and what
 * rises, of one asset, held and sys:issuance being accounts like others. Outside of a group both
 * must be equal, entry by entry. Legs of a group follow each other without a gap, in one
 * asset, and are equal in sum at its end; no batch ends within a group. */

struct conserve {
	uint64_t next_seq; /* 0 = any */
	/* the open group; group_count 0 = none is open */
	uint64_t group_first;
	uint32_t group_count;
	uint8_t asset_bytes;
	uint8_t asset[ASSET_BYTES_MAX];
	u128 falls;
	u128 rises;
};

void conserve_init(struct conserve *conserve, uint64_t first_seq);

/* ERR_MALFORMED: no entry. ERR_CORRUPT: a gap, or value comes from or goes to nowhere. */
MUST_CHECK enum err conserve_add(struct conserve *conserve, struct slice leaf);

/* Nothing is owed: a batch may end here. */
MUST_CHECK bool conserve_is_even(const struct conserve *conserve);

/* All of a batch: its ENTRY records, from first_seq on. */
MUST_CHECK enum err conserve_batch(uint64_t first_seq, struct slice records);

#endif
