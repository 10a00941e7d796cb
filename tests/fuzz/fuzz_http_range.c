#include "core/http_range.h"

#include "common/check.h"

/* The first byte is the size of what a part is asked of; a part lies inside it and is not empty. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static const uint8_t tag[] = { 'b', '3' };
	struct slice field = { bytes + 1, bytes_count - 1 };
	struct http_range range;
	uint64_t first, count;

	if (bytes_count == 0) {
		return 0;
	}
	range = http_range_parse(field);
	if (http_range_resolve(range, bytes[0], &first, &count)) {
		assert(first + count <= bytes[0]);
		assert(count > 0 || (range.form == HTTP_RANGE_WHOLE && bytes[0] == 0));
	}
	if (http_range_may_apply(field, (struct slice){ tag, 2 }) && field.bytes_count > 0) {
		assert(http_range_has_tag(field, (struct slice){ tag, 2 }));
	}
	return 0;
}
