#ifndef CLI_CSV_H
#define CLI_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* CSV (RFC 4180), strictly: fields are split by commas, records end with CR LF or LF (of the last
 * one the end may be missing), a field in double quotes may hold commas, line ends, and a quote
 * written twice. Nothing is guessed and nothing trimmed: a quote inside an unquoted field, text
 * behind a closing quote, a bare CR, a NUL, bytes that are no UTF-8, a record with more or fewer
 * fields than the first, and an empty line are errors, each with its line. A byte order mark at
 * the very beginning is skipped. */

#define CSV_RECORD_BYTES_MAX 65536u
#define CSV_FIELDS_MAX       256u

enum csv_result { CSV_RECORD, CSV_END, CSV_BAD };

struct csv {
	struct slice text; /* borrowed */
	size_t at;
	uint64_t line;            /* where the current record begins; from 1 */
	uint64_t line_next;       /* where the next one does */
	uint64_t line_bad;        /* CSV_BAD */
	const char *fault;        /* CSV_BAD: a sentence */
	size_t field_count_first; /* of the first record; 0 before it */
	size_t field_count;
	struct slice fields[CSV_FIELDS_MAX]; /* of the current record; live until the next */
	size_t room_used;
	uint8_t room[CSV_RECORD_BYTES_MAX]; /* fields without their quotes */
};

void csv_init(struct csv *csv, struct slice text);

/* After CSV_END and CSV_BAD it stays at that. */
enum csv_result csv_next(struct csv *csv);

#endif
