#ifndef COMMON_SPACE_H
#define COMMON_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/errors.h"

/* Disk full is found before the append (DESIGN-LEDGER.md section 5): a batch goes in only
 * while free space >= batch + 2 x WAL + reserve. Objects and artefacts have no log, and a reserve
 * of twice that, so that the ledger is the last to stop. The file system is asked at most every
 * 100 ms; in between the answer is reduced by what was let in. */

#define SPACE_CACHE_MS 100

struct space {
	int dir_fd; /* borrowed */
	uint64_t reserve_bytes;
	uint64_t free_bytes; /* as of asked_at, less what was let in since */
	struct instant asked_at;
	bool asked;
};

void space_init(struct space *space, int dir_fd, uint64_t reserve_bytes);
void space_set_reserve(struct space *space, uint64_t reserve_bytes); /* of a reload */
/* ERR_OK, ERR_NO_SPACE, ERR_IO (errno says why). */
MUST_CHECK enum err space_check(
	struct space *space, struct instant now, uint64_t batch_bytes, uint64_t wal_bytes);

#endif
