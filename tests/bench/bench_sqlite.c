/* How fast SQLite alone is on this disk, with nothing of ours: rows of 300 bytes behind a
 * rowid, WAL, synchronous=FULL, so many rows a commit. The ceiling that scripts/bench measures a
 * node against. Usage: bench_sqlite NEW_FILE SECONDS ROWS_PER_COMMIT */

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define ROW_BYTES 300

static int fail(sqlite3 *db, const char *what)
{
	(void)fprintf(stderr, "bench_sqlite: %s: %s\n", what, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
	return 1;
}

static bool commit(sqlite3 *db, sqlite3_stmt *insert, long rows)
{
	static unsigned char row[ROW_BYTES];
	bool good = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;

	for (long i = 0; good && i < rows; i++) {
		row[i % ROW_BYTES]++;
		good = sqlite3_bind_blob(insert, 1, row, sizeof row, SQLITE_STATIC) == SQLITE_OK &&
		       sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK;
	}
	return good && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

int main(int argc, char *argv[])
{
	static const char setup[] =
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"PRAGMA locking_mode = EXCLUSIVE;"
		"CREATE TABLE rows(seq INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT";
	sqlite3 *db = NULL;
	sqlite3_stmt *insert = NULL;
	struct instant start;
	int64_t us = 0;
	long rows = 0;
	long seconds = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
	long rows_per_commit = argc == 4 ? strtol(argv[3], NULL, 10) : 0;

	if (seconds < 1 || rows_per_commit < 1) {
		(void)fprintf(stderr, "usage: bench_sqlite NEW_FILE SECONDS ROWS_PER_COMMIT\n");
		return 2;
	}
	if (sqlite3_open(argv[1], &db) != SQLITE_OK ||
		sqlite3_exec(db, setup, NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(db, "INSERT INTO rows(row) VALUES(?1)", -1, &insert, NULL) !=
			SQLITE_OK) {
		return fail(db, argv[1]);
	}
	start = clock_now();
	while (us < seconds * 1000000) {
		if (!commit(db, insert, rows_per_commit)) {
			return fail(db, "commit");
		}
		rows += rows_per_commit;
		us = instant_since(start, clock_now()).us;
	}
	printf("%.0f\n", (double)rows * 1e6 / (double)us);
	(void)sqlite3_finalize(insert);
	(void)sqlite3_close(db);
	return 0;
}
