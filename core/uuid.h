#ifndef CORE_UUID_H
#define CORE_UUID_H

#include <stddef.h>

#include "common/errors.h"
#include "common/types.h"

/* UUID text (RFC 9562, section 4): 8-4-4-4-12 hexadecimal digits, bytes in the order
 * written. Any version and variant. Both cases are read, lower case is written. */

#define UUID_TEXT_BYTES 36u

/* ERR_MALFORMED: anything but 36 characters of that form; no braces, no "urn:uuid:". */
MUST_CHECK enum err uuid_parse(const char *text, size_t text_bytes, struct id128 *ret_id);
/* A NUL follows. */
void uuid_print(const struct id128 *id, char ret_text[UUID_TEXT_BYTES + 1]);

#endif
