#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/order.h"

/* Drafts of a request, one after another: what decodes encodes to the same bytes, and any of
 * them can be judged for its form and put in order. */

#define DRAFTS_MAX 16u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static uint8_t again[DRAFT_BYTES_MAX];
	struct byte_reader in = byte_reader_of((struct slice){ bytes, bytes_count });
	struct draft drafts[DRAFTS_MAX];
	uint32_t order[DRAFTS_MAX], scratch[DRAFTS_MAX];
	size_t count = 0;
	size_t judgeable;

	while (count < DRAFTS_MAX && in.left > 0) {
		const uint8_t *start = in.next;
		struct byte_writer out = byte_writer_of(again, sizeof again);
		enum entry_source source = count % 2 == 0 ? SOURCE_INGEST : SOURCE_V1;

		if (draft_decode(&in, source, &drafts[count]) != ERR_OK) {
			break;
		}
		draft_encode(&out, &drafts[count]);
		assert(!out.failed && out.used == (size_t)(in.next - start));
		assert(memcmp(again, start, out.used) == 0);
		assert(drafts[count].refused == DETAIL_NONE ||
			draft_check(&drafts[count]) == drafts[count].refused);
		count++;
	}
	judgeable = order_drafts(drafts, count, order, scratch);
	assert(judgeable <= count);
	for (size_t i = 1; i < judgeable; i++) {
		assert(order_compare(&drafts[order[i - 1]], &drafts[order[i]]) <= 0);
	}
	return 0;
}
