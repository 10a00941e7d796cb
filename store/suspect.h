#ifndef STORE_SUSPECT_H
#define STORE_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/types.h"
#include "store/why.h"

/* <data>/store/suspect: left behind by a committer that died of a failed sync, write or read
 * (DESIGN-LEDGER.md section 5). As long as it is there the store is opened and read, and nothing
 * is appended; `macronode recover --ack` removes it. The first one stays: what went wrong after it
 * is a consequence. Text, so that an operator can read it where nothing else works:
 *
 *   macronode suspect v1
 *   reason <a sentence>
 *   size <decimal>       of the last acknowledged entry
 *   root <hex>
 *   ts_ms <decimal>
 *
 * A file by that name that cannot be understood is a mark all the same. */

#define SUSPECT_NAME             "suspect"
#define SUSPECT_REASON_BYTES_MAX 512u

struct suspect_mark {
	bool whole; /* size, root and time are known */
	uint64_t size;
	struct hash root;
	uint64_t ts_unix_ms;
	char reason[SUSPECT_REASON_BYTES_MAX];
};

/* ERR_OK also when there is one already. Whoever calls it is about to die of the same disk: what
 * it returns is for tests. */
MUST_CHECK enum err suspect_write(const char *dir, const struct suspect_mark *mark);
/* ERR_NOT_FOUND there is none; ERR_OK there is one, whole or not. */
MUST_CHECK enum err suspect_read(const char *dir, struct suspect_mark *ret_mark);
/* And the directory is synced. ERR_OK also when there was none. */
MUST_CHECK enum err suspect_remove(const char *dir, struct why *why);

#endif
