#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

/* RFC 3629: true if the bytes are whole characters of at most U+10FFFF, none of them
 * overlong, none a surrogate. Empty is valid; NUL is a character like others. */
MUST_CHECK bool utf8_valid(const uint8_t *bytes, size_t bytes_count);

#endif
