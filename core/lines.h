#ifndef CORE_LINES_H
#define CORE_LINES_H

/* Texts of lines that each end in a line feed (core/note.h, core/tlog_proof.h). */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/slice.h"
#include "core/amount.h"

/* The line without its end; false, and nothing taken, if no line feed is left. */
static inline bool line_take(struct slice *text, struct slice *ret_line)
{
	const uint8_t *end =
		text->bytes_count > 0 ? memchr(text->bytes, '\n', text->bytes_count) : NULL;

	if (end == NULL) {
		return false;
	}
	*ret_line = (struct slice){ text->bytes, (size_t)(end - text->bytes) };
	text->bytes_count -= ret_line->bytes_count + 1;
	text->bytes = end + 1;
	return true;
}

/* False, and nothing taken, unless the text begins with the word. */
static inline bool line_take_word(struct slice *text, const char *word)
{
	size_t word_bytes = strlen(word);

	if (text->bytes_count < word_bytes || memcmp(text->bytes, word, word_bytes) != 0) {
		return false;
	}
	text->bytes += word_bytes;
	text->bytes_count -= word_bytes;
	return true;
}

/* The whole line is a decimal number without leading zeros, at most `max`. */
static inline bool line_number(struct slice line, uint64_t max, uint64_t *ret_number)
{
	u128 number = 0;

	if (amount_parse((const char *)line.bytes, line.bytes_count, &number) != AMOUNT_OK ||
		number > max) {
		return false;
	}
	*ret_number = (uint64_t)number;
	return true;
}

#endif
