#include <string.h>

#include "common/check.h"
#include "services/otel/reply.h"

/* The first byte is how much is taken at a time: it must not matter. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static struct reply whole, cut;
	size_t piece = bytes_count == 0 ? 0 : (size_t)bytes[0] + 1;

	if (bytes_count == 0) {
		return 0;
	}
	bytes++;
	bytes_count--;
	reply_init(&whole);
	reply_take(&whole, (struct slice){ bytes, bytes_count });
	reply_init(&cut);
	for (size_t at = 0; at < bytes_count; at += piece) {
		size_t left = bytes_count - at;

		reply_take(&cut, (struct slice){ bytes + at, left < piece ? left : piece });
	}
	assert(whole.state == cut.state);
	reply_end(&whole);
	assert(whole.state == REPLY_DONE || whole.state == REPLY_BAD);
	if (whole.state == REPLY_DONE) {
		assert(whole.status >= 200 && whole.status <= 999);
		assert(whole.retry_after_s <= REPLY_RETRY_AFTER_S_MAX);
	}
	return 0;
}
