#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"

/* RFC 4648: base64 with padding (section 4; nonces, signed notes) and base64url without
 * (section 5; tokens). Decoding is strict: no white space, no line breaks, padding exactly
 * as the alphabet demands, unused bits zero. So each value has one spelling. */

/* Characters without the final NUL that encode writes as well. */
#define BASE64_TEXT_BYTES(bytes_count)     (((bytes_count) + 2u) / 3u * 4u)
#define BASE64_URL_TEXT_BYTES(bytes_count) (((bytes_count)*4u + 2u) / 3u)

/* Both return the number of characters written before the NUL. */
size_t base64_encode(const uint8_t *bytes, size_t bytes_count, char *ret_text);
size_t base64_url_encode(const uint8_t *bytes, size_t bytes_count, char *ret_text);

/* ERR_MALFORMED: not that spelling. ERR_TOO_LARGE: more than bytes_max bytes; known from the
 * length and said before anything else. ret_bytes is undefined after an error. Empty text is
 * zero bytes. */
MUST_CHECK enum err base64_decode(const char *text, size_t text_bytes, uint8_t *ret_bytes,
	size_t bytes_max, size_t *ret_bytes_count);
MUST_CHECK enum err base64_url_decode(const char *text, size_t text_bytes, uint8_t *ret_bytes,
	size_t bytes_max, size_t *ret_bytes_count);

#endif
