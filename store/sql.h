#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"
#include "store/why.h"

/* The few things that writer and reader both say to SQLite. Inside store/ only. */

/* What a result code means for an operation that did not reach COMMIT. A failed COMMIT is
 * judged where it happens. SQLITE_OK, ROW and DONE are ERR_OK. */
MUST_CHECK enum err sql_err(sqlite3 *db, int code);

MUST_CHECK enum err sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret_statement);
/* Steps a statement that yields no row, and resets it. */
MUST_CHECK enum err sql_run(sqlite3_stmt *statement);
/* The same where a failure changes nothing: ROLLBACK, and COMMIT of what only read. */
void sql_try(sqlite3_stmt *statement);
MUST_CHECK enum err sql_exec(sqlite3 *db, const char *text);
/* The first column of the first row; ERR_NOT_FOUND if there is none. */
MUST_CHECK enum err sql_int(sqlite3 *db, const char *text, int64_t *ret_value);

/* Binding borrows: the bytes must outlive the step. An empty slice is bound as NULL. */
void sql_bind_u64(sqlite3_stmt *statement, int index, uint64_t value);
void sql_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes);
void sql_bind_hash(sqlite3_stmt *statement, int index, const struct hash *hash);
/* Any 64 bits: sums and nonces. */
void sql_bind_sum(sqlite3_stmt *statement, int index, uint64_t sum);

/* Columns die with the next step. A negative integer or a blob of another size than a hash
 * is ERR_CORRUPT: *ok becomes false and stays so. */
uint64_t sql_get_u64(sqlite3_stmt *statement, int column, bool *ok);
uint64_t sql_get_sum(sqlite3_stmt *statement, int column);
struct slice sql_get_bytes(sqlite3_stmt *statement, int column);
struct hash sql_get_hash(sqlite3_stmt *statement, int column, bool *ok);

/* Fills `why` with what SQLite says about the path. */
void sql_say(struct why *why, sqlite3 *db, const char *dir, const char *doing);

#endif
