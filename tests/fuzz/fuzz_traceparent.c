#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "core/hex.h"
#include "core/traceparent.h"

/* What is one prints back to the same ids. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct traceparent parent;
	char trace[HEX_TEXT_BYTES(ID_BYTES) + 1], text[TRACEPARENT_TEXT_BYTES + 1];

	if (!traceparent_parse((struct slice){ bytes, bytes_count }, &parent)) {
		return 0;
	}
	hex_encode(parent.trace_id.bytes, ID_BYTES, trace);
	(void)snprintf(text, sizeof text, "-%s-%016" PRIx64 "-", trace, parent.parent_id);
	assert(bytes_count >= TRACEPARENT_TEXT_BYTES);
	assert(memcmp(bytes + 2, text, strlen(text)) == 0);
	return 0;
}
