#ifndef CORE_TOML_ERROR_H
#define CORE_TOML_ERROR_H

#include <stdint.h>

#include "common/errors.h"
#include "common/slice.h"

/* Where a TOML document is wrong, and one sentence that says what was expected and what
 * was found. Lines and columns start at 1; a column counts characters, not bytes. */

/* Two quoted names of TOML_ERROR_QUOTE_BYTES_MAX and the words around them. */
#define TOML_ERROR_BYTES_MAX 256u

/* A quoted piece of the document is cut here: it reminds, the position finds. */
#define TOML_ERROR_QUOTE_BYTES_MAX 48u

struct toml_error {
	enum err code; /* ERR_MALFORMED, or ERR_TOO_LARGE for a bound of ours */
	uint32_t line;
	uint32_t column;
	char text[TOML_ERROR_BYTES_MAX]; /* no full stop, no newline, printable ASCII or UTF-8 */
};

/* A sentence is begun once and then put together; what does not fit is cut. */
void toml_error_begin(struct toml_error *error, enum err code, uint32_t line, uint32_t column);
void toml_error_put(struct toml_error *error, const char *text);
void toml_error_put_number(struct toml_error *error, uint64_t number);
void toml_error_put_quoted(struct toml_error *error, struct slice piece);

#endif
