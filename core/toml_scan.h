#ifndef CORE_TOML_SCAN_H
#define CORE_TOML_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"
#include "core/toml_error.h"

/* The cursor of the TOML reader: one byte ahead, always knowing its line and column.
 * The text was checked once before (toml_scan_check), so that nothing after it meets a
 * control character, a bare carriage return or broken UTF-8. */

struct toml_mark {
	size_t at;
	uint32_t line;
	uint32_t column;
};

struct toml_scan {
	struct slice text;
	struct toml_mark here;
	struct toml_error *error; /* what toml_scan_expected and _refuse write to */
};

#define TOML_SCAN_END (-1)

/* False: *ret_error says which byte is not allowed in any TOML document. */
MUST_CHECK bool toml_scan_check(struct slice text, struct toml_error *ret_error);

void toml_scan_init(struct toml_scan *scan, struct slice text, struct toml_error *error);

/* The byte under the cursor, or offset bytes after it; TOML_SCAN_END past the end. */
int toml_scan_peek(const struct toml_scan *scan);
int toml_scan_peek_at(const struct toml_scan *scan, size_t offset);

void toml_scan_step(struct toml_scan *scan); /* not at the end */
void toml_scan_steps(struct toml_scan *scan, size_t count);
bool toml_scan_take(struct toml_scan *scan, char byte); /* steps over it if it is there */
bool toml_scan_at_newline(const struct toml_scan *scan);
void toml_scan_newline(struct toml_scan *scan); /* at one: steps over LF or CR LF */
void toml_scan_blanks(struct toml_scan *scan);  /* spaces and tabs */
void toml_scan_comment(struct toml_scan *scan); /* a comment, if there is one */
void toml_scan_filler(struct toml_scan *scan);  /* blanks, newlines and comments */

/* Both write the error and return false, so that a reader can return them. */
bool toml_scan_expected(struct toml_scan *scan, const char *what);
bool toml_scan_refuse(struct toml_scan *scan, struct toml_mark where, const char *sentence);

/* As _refuse, for sentences that begin with a piece of the document. */
bool toml_scan_refuse_piece(
	struct toml_scan *scan, struct toml_mark where, struct slice piece, const char *sentence);

#endif
