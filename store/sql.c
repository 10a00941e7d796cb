#include "store/sql.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "store/schema.h"

enum err sql_err(sqlite3 *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return ERR_OK;
	case SQLITE_FULL:
		return ERR_NO_SPACE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_READONLY: /* the index of the log is being written, or waits for its writer */
		return code == SQLITE_READONLY_RECOVERY || code == SQLITE_READONLY_CANTLOCK
			       ? ERR_BUSY
			       : ERR_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		return ERR_CORRUPT;
	case SQLITE_IOERR:
		return db != NULL && sqlite3_system_errno(db) == EDQUOT ? ERR_NO_SPACE : ERR_IO;
	default:
		return ERR_IO;
	}
}

enum err sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret_statement)
{
	return sql_err(db,
		sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL));
}

enum err sql_run(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);
	enum err err = code == SQLITE_ROW ? ERR_OK : sql_err(sqlite3_db_handle(statement), code);

	(void)sqlite3_reset(statement); /* repeats what step said */
	return err;
}

void sql_try(sqlite3_stmt *statement)
{
	(void)sqlite3_step(statement);
	(void)sqlite3_reset(statement);
}

enum err sql_exec(sqlite3 *db, const char *text)
{
	return sql_err(db, sqlite3_exec(db, text, NULL, NULL, NULL));
}

enum err sql_int(sqlite3 *db, const char *text, int64_t *ret_value)
{
	sqlite3_stmt *statement = NULL;
	enum err err = sql_prepare(db, text, &statement);
	int code;

	if (err != ERR_OK) {
		return err;
	}
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		*ret_value = sqlite3_column_int64(statement, 0);
	} else {
		err = code == SQLITE_DONE ? ERR_NOT_FOUND : sql_err(db, code);
	}
	(void)sqlite3_finalize(statement);
	return err;
}

void sql_bind_u64(sqlite3_stmt *statement, int index, uint64_t value)
{
	int code;

	assert(value <= INT64_MAX);
	code = sqlite3_bind_int64(statement, index, (int64_t)value);
	assert(code == SQLITE_OK); /* the index is a constant of ours, an integer needs no memory */
	(void)code;
}

void sql_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes)
{
	int code;

	assert(bytes.bytes_count <= INT_MAX);
	code = bytes.bytes_count == 0 ? sqlite3_bind_null(statement, index)
				      : sqlite3_bind_blob(statement, index, bytes.bytes,
						(int)bytes.bytes_count, SQLITE_STATIC);
	assert(code == SQLITE_OK);
	(void)code;
}

void sql_bind_hash(sqlite3_stmt *statement, int index, const struct hash *hash)
{
	sql_bind_bytes(statement, index, (struct slice){ hash->bytes, HASH_BYTES });
}

void sql_bind_sum(sqlite3_stmt *statement, int index, uint64_t sum)
{
	int code = sqlite3_bind_int64(statement, index, (int64_t)sum);

	assert(code == SQLITE_OK);
	(void)code;
}

uint64_t sql_get_sum(sqlite3_stmt *statement, int column)
{
	return (uint64_t)sqlite3_column_int64(statement, column);
}

uint64_t sql_get_u64(sqlite3_stmt *statement, int column, bool *ok)
{
	int64_t value = sqlite3_column_int64(statement, column);

	if (value < 0 || sqlite3_column_type(statement, column) != SQLITE_INTEGER) {
		*ok = false;
		return 0;
	}
	return (uint64_t)value;
}

struct slice sql_get_bytes(sqlite3_stmt *statement, int column)
{
	const uint8_t *bytes = sqlite3_column_blob(statement, column);
	int count = sqlite3_column_bytes(statement, column);

	return bytes == NULL ? (struct slice){ NULL, 0 } : (struct slice){ bytes, (size_t)count };
}

struct hash sql_get_hash(sqlite3_stmt *statement, int column, bool *ok)
{
	struct slice bytes = sql_get_bytes(statement, column);
	struct hash hash = { { 0 } };

	if (bytes.bytes_count != HASH_BYTES) {
		*ok = false;
		return hash;
	}
	memcpy(hash.bytes, bytes.bytes, HASH_BYTES);
	return hash;
}

void sql_say(struct why *why, sqlite3 *db, const char *dir, const char *doing)
{
	int number = db == NULL ? 0 : sqlite3_system_errno(db);

	why_say(why, "%s/%s: cannot %s: %s%s%s", dir, SCHEMA_DATABASE, doing,
		db == NULL ? "out of memory" : sqlite3_errmsg(db), number == 0 ? "" : ": ",
		number == 0 ? "" : strerror(number));
}
