#ifndef CORE_HEX_H
#define CORE_HEX_H

#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"

/* Lower-case hexadecimal, two digits a byte. One value, one spelling: upper case is refused. */

#define HEX_TEXT_BYTES(bytes_count) (2u * (bytes_count))

/* Writes HEX_TEXT_BYTES(bytes_count) characters and a NUL. */
void hex_encode(const uint8_t *bytes, size_t bytes_count, char *ret_text);

/* ERR_MALFORMED unless text is exactly the spelling of bytes_count bytes. */
MUST_CHECK enum err hex_decode(
	const char *text, size_t text_bytes, uint8_t *ret_bytes, size_t bytes_count);

#endif
