#include "cli/csv.h"

#include <stdbool.h>
#include <string.h>

#include "core/utf8.h"

enum field_end { END_FIELD, END_RECORD, END_BAD };

void csv_init(struct csv *csv, struct slice text)
{
	static const uint8_t mark[3] = { 0xEF, 0xBB, 0xBF };

	memset(csv, 0, sizeof *csv);
	csv->text = text;
	csv->line_next = 1;
	if (text.bytes_count >= sizeof mark && memcmp(text.bytes, mark, sizeof mark) == 0) {
		csv->at = sizeof mark;
	}
}

static enum field_end bad(struct csv *csv, const char *fault)
{
	csv->fault = fault;
	csv->line_bad = csv->line_next;
	return END_BAD;
}

/* The byte at the cursor, or -1 at the end. */
static int peek(const struct csv *csv)
{
	return csv->at < csv->text.bytes_count ? csv->text.bytes[csv->at] : -1;
}

static bool keep(struct csv *csv, int byte)
{
	if (csv->room_used == sizeof csv->room) {
		return false;
	}
	csv->room[csv->room_used++] = (uint8_t)byte;
	return true;
}

/* What ends a field, with its bytes taken: a comma, the end of a line or of the file. */
static enum field_end take_end(struct csv *csv)
{
	int byte = peek(csv);

	if (byte < 0) {
		return END_RECORD;
	}
	csv->at++;
	if (byte == ',') {
		return END_FIELD;
	}
	if (byte == '\r') {
		if (peek(csv) != '\n') {
			return bad(csv, "a CR without its LF");
		}
		csv->at++;
	}
	csv->line_next++;
	return END_RECORD;
}

static enum field_end take_quoted(struct csv *csv)
{
	csv->at++;
	for (;;) {
		int byte = peek(csv);

		if (byte < 0) {
			return bad(csv, "the file ends inside a quoted field");
		}
		csv->at++;
		if (byte == '"') {
			if (peek(csv) != '"') {
				break;
			}
			csv->at++;
		}
		csv->line_next += byte == '\n';
		if (byte == '\0' || !keep(csv, byte)) {
			return bad(csv, byte == '\0' ? "a NUL" : "the record is over 64 KiB");
		}
	}
	int byte = peek(csv);
	if (byte >= 0 && byte != ',' && byte != '\r' && byte != '\n') {
		return bad(csv, "text behind the closing quote of a field");
	}
	return take_end(csv);
}

static enum field_end take_plain(struct csv *csv)
{
	for (;;) {
		int byte = peek(csv);

		if (byte < 0 || byte == ',' || byte == '\r' || byte == '\n') {
			return take_end(csv);
		}
		if (byte == '"') {
			return bad(csv, "a quote inside a field that does not begin with one");
		}
		if (byte == '\0' || !keep(csv, byte)) {
			return bad(csv, byte == '\0' ? "a NUL" : "the record is over 64 KiB");
		}
		csv->at++;
	}
}

static enum field_end take_field(struct csv *csv)
{
	size_t begin = csv->room_used;
	enum field_end end;

	if (csv->field_count == CSV_FIELDS_MAX) {
		return bad(csv, "more than 256 fields");
	}
	end = peek(csv) == '"' ? take_quoted(csv) : take_plain(csv);
	if (end == END_BAD) {
		return END_BAD;
	}
	struct slice field = { csv->room + begin, csv->room_used - begin };
	if (!utf8_valid(field.bytes, field.bytes_count)) {
		csv->fault = "a field is not UTF-8";
		csv->line_bad = csv->line;
		return END_BAD;
	}
	csv->fields[csv->field_count++] = field;
	return end;
}

static enum csv_result check_record(struct csv *csv)
{
	csv->line_bad = csv->line;
	if (csv->field_count_first == 0) {
		csv->field_count_first = csv->field_count;
	}
	if (csv->field_count == csv->field_count_first) {
		return CSV_RECORD;
	}
	csv->fault = csv->field_count < csv->field_count_first
			     ? "fewer fields than the first line has"
			     : "more fields than the first line has";
	return CSV_BAD;
}

enum csv_result csv_next(struct csv *csv)
{
	enum field_end end;

	if (csv->fault != NULL) {
		return CSV_BAD;
	}
	if (csv->at == csv->text.bytes_count) {
		return CSV_END;
	}
	csv->line = csv->line_next;
	csv->field_count = 0;
	csv->room_used = 0;
	if (peek(csv) == '\n' || peek(csv) == '\r') {
		(void)bad(csv, "an empty line");
		return CSV_BAD;
	}
	do {
		end = take_field(csv);
	} while (end == END_FIELD);
	return end == END_BAD ? CSV_BAD : check_record(csv);
}
