#include "store/wal.h"

#include <sqlite3.h>

#include "store/sql.h"

static int on_commit(void *context, sqlite3 *db, const char *name, int page_count)
{
	uint32_t *pages = context;

	(void)db;
	(void)name;
	*pages = (uint32_t)page_count;
	return SQLITE_OK;
}

enum err wal_adopt(sqlite3 *db, uint32_t *pages)
{
	int persist = 1;

	(void)sqlite3_wal_hook(db, on_commit, pages); /* and thereby no autocheckpoint */
	return sql_err(db, sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist));
}

enum err wal_fold_all(sqlite3 *db)
{
	return sql_err(
		db, sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

/* Through SQLite's own descriptor: of a file that it has open nobody else in the process may
 * close a copy, or POSIX drops its locks. */
enum err wal_preallocate(sqlite3 *db)
{
	static const uint8_t zeros[64 * 1024];
	sqlite3_file *log = NULL;
	int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);

	if (code != SQLITE_OK || log == NULL || log->pMethods == NULL) {
		return ERR_IO;
	}
	for (sqlite3_int64 at = 0; at < WAL_PREALLOCATED_BYTES; at += (int)sizeof zeros) {
		code = log->pMethods->xWrite(log, zeros, sizeof zeros, at);
		if (code != SQLITE_OK) {
			break;
		}
	}
	if ((code & 0xff) == SQLITE_FULL) {
		return sql_err(db, log->pMethods->xTruncate(log, 0));
	}
	if (code == SQLITE_OK) {
		code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
	}
	return sql_err(db, code);
}

enum err wal_fold_some(sqlite3 *db, bool *ret_all)
{
	int log_pages = 0;
	int folded_pages = 0;
	int code = sqlite3_wal_checkpoint_v2(
		db, "main", SQLITE_CHECKPOINT_PASSIVE, &log_pages, &folded_pages);

	if (code != SQLITE_OK && code != SQLITE_BUSY) {
		return sql_err(db, code);
	}
	*ret_all = code == SQLITE_OK && log_pages == folded_pages;
	return ERR_OK;
}
