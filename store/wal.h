#ifndef STORE_WAL_H
#define STORE_WAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"

/* Upkeep of SQLite's write-ahead log (DESIGN-LEDGER.md section 5, FACTS.md). Inside store/.
 *
 * Pages go from the log into the database in two ways only: at a start, all of them, with
 * syncs, before anything of the store is believed, because a commit whose sync failed comes
 * back from the page cache; and while serving, PASSIVE, which waits for nobody and moves what
 * no reader needs. RESTART and TRUNCATE are never used while serving. */

#define WAL_PREALLOCATED_BYTES (8u * 1024u * 1024u)
#define WAL_FRAME_BYTES        (24u + 4096u)

struct sqlite3;

/* The log persists when connections close, and *pages follows its length at each commit. */
MUST_CHECK enum err wal_adopt(struct sqlite3 *db, uint32_t *pages);
/* ERR_BUSY: a reader is in the way. */
MUST_CHECK enum err wal_fold_all(struct sqlite3 *db);
/* After wal_fold_all: the log becomes 8 MiB of zeros, so that commits need not extend the
 * file. Without room for that it stays empty. */
MUST_CHECK enum err wal_preallocate(struct sqlite3 *db);
/* *ret_all: the log is empty as far as SQLite is concerned, the next commit starts it anew. */
MUST_CHECK enum err wal_fold_some(struct sqlite3 *db, bool *ret_all);

#endif
