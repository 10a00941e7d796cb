/* Any bytes end in CSV_END or CSV_BAD. Each record has as many fields as the first, all of them
 * inside the reader's room; quoting them again, whole, and reading that gives the same record. */
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"
#include "common/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

static struct csv csv, again;

static size_t quote(const struct csv *record, uint8_t *text)
{
	size_t used = 0;

	for (size_t i = 0; i < record->field_count; i++) {
		text[used++] = '"';
		for (size_t b = 0; b < record->fields[i].bytes_count; b++) {
			text[used++] = record->fields[i].bytes[b];
			if (text[used - 1] == '"') {
				text[used++] = '"';
			}
		}
		text[used++] = '"';
		text[used++] = i + 1 < record->field_count ? ',' : '\n';
	}
	return used;
}

static void check_record(void)
{
	static uint8_t text[2 * CSV_RECORD_BYTES_MAX + 3 * CSV_FIELDS_MAX];
	size_t text_bytes;

	assert(csv.field_count > 0 && csv.field_count == csv.field_count_first);
	for (size_t i = 0; i < csv.field_count; i++) {
		assert(csv.fields[i].bytes >= csv.room &&
			csv.fields[i].bytes + csv.fields[i].bytes_count <=
				csv.room + csv.room_used);
	}
	text_bytes = quote(&csv, text);
	csv_init(&again, (struct slice){ text, text_bytes });
	assert(csv_next(&again) == CSV_RECORD && again.field_count == csv.field_count);
	for (size_t i = 0; i < csv.field_count; i++) {
		assert(again.fields[i].bytes_count == csv.fields[i].bytes_count);
		assert(memcmp(again.fields[i].bytes, csv.fields[i].bytes,
			       csv.fields[i].bytes_count) == 0);
	}
	assert(csv_next(&again) == CSV_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	uint64_t line = 0;

	csv_init(&csv, (struct slice){ bytes, bytes_count });
	enum csv_result result;
	while ((result = csv_next(&csv)) == CSV_RECORD) {
		assert(csv.line > line);
		line = csv.line;
		check_record();
	}
	assert(csv_next(&csv) == result);
	return 0;
}
