#ifndef STORE_SETTLED_H
#define STORE_SETTLED_H

#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "store/reader.h"
#include "store/why.h"

struct settled_seen {
	uint64_t seq_end;     /* of the last record; 0 = none yet */
	uint64_t entry_count; /* of all of them */
};

/* What is kept of a settled intent against the entries that it names (DESIGN-LEDGER.md section 7):
 * all of one commit, Transfers out of its tenant's pool to actors that rise, under its nonces, as
 * many and as much as was settled, and with the cid that was asked for.
 *
 * Records come in the order of their entries. ERR_CORRUPT, and `why` says what is wrong. */
MUST_CHECK enum err settled_check(
	struct reader *reader, struct slice record, struct settled_seen *seen, struct why *why);

#endif
