#include "core/base64.h"

#include <assert.h>
#include <string.h>

#define TEXT_BYTES_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* What is decoded has exactly one spelling, and it is the one that came in. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	const char *text = (const char *)bytes;
	uint8_t decoded[TEXT_BYTES_MAX];
	char again[TEXT_BYTES_MAX + 4];
	size_t count = 0;

	if (bytes_count > TEXT_BYTES_MAX) {
		return 0;
	}
	if (base64_decode(text, bytes_count, decoded, sizeof decoded, &count) == ERR_OK) {
		assert(BASE64_TEXT_BYTES(count) == bytes_count);
		assert(base64_encode(decoded, count, again) == bytes_count);
		assert(memcmp(again, text, bytes_count) == 0);
	}
	if (base64_url_decode(text, bytes_count, decoded, sizeof decoded, &count) == ERR_OK) {
		assert(BASE64_URL_TEXT_BYTES(count) == bytes_count);
		assert(base64_url_encode(decoded, count, again) == bytes_count);
		assert(memcmp(again, text, bytes_count) == 0);
	}
	return 0;
}
