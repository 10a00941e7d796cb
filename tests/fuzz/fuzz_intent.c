#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/intent.h"

/* A reward intent, by the first byte its header, what is kept of it, or its allocations: what
 * decodes encodes to the same bytes, and allocations are taken as a whole only if each byte is one
 * of theirs and their sum is what the header says. */

static uint8_t again[INTENT_HEADER_BYTES_MAX + INTENT_SETTLED_BYTES_MAX];

static void header(struct slice bytes)
{
	struct byte_writer out = byte_writer_of(again, sizeof again);
	struct intent intent;

	if (intent_decode(bytes, &intent) != ERR_OK) {
		return;
	}
	(void)intent_check(&intent);
	intent_encode(&out, &intent);
	assert(!out.failed && out.used == bytes.bytes_count);
	assert(memcmp(again, bytes.bytes, out.used) == 0);
}

static void settled(struct slice bytes)
{
	struct byte_writer out = byte_writer_of(again, sizeof again);
	struct intent intent;
	uint64_t seq_start, seq_end;

	if (intent_get_settled(bytes, &intent, &seq_start, &seq_end) != ERR_OK) {
		return;
	}
	intent_put_settled(&out, &intent, seq_start, seq_end);
	assert(!out.failed && out.used == bytes.bytes_count);
	assert(memcmp(again, bytes.bytes, out.used) == 0);
}

static void allocations(struct slice bytes)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct intent intent = { .count = 0 };
	struct intent_allocation allocation;
	struct intent_cid cid;
	size_t used = 0;

	intent_cid_init(&cid);
	while (intent_next(&in, &allocation)) {
		struct byte_writer out = byte_writer_of(again, sizeof again);

		intent_put_allocation(&out, &allocation);
		assert(!out.failed && used + out.used <= bytes.bytes_count);
		assert(memcmp(again, bytes.bytes + used, out.used) == 0);
		used += out.used;
		if (intent.payout_total + allocation.amount < allocation.amount) {
			return; /* no header says such a sum */
		}
		intent.payout_total += allocation.amount;
		intent.count++;
		intent_cid_add(&cid, &allocation);
	}
	intent_cid_finish(&cid, &intent.allocations_cid);
	if (intent_check_allocations(&intent, bytes) == DETAIL_NONE) {
		assert(byte_reader_done(&in) && used == bytes.bytes_count);
		intent.payout_total++;
		assert(intent_check_allocations(&intent, bytes) == DETAIL_ALLOCATIONS);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static void (*const kinds[])(struct slice bytes) = { header, settled, allocations };

	if (bytes_count > 0) {
		kinds[bytes[0] % 3]((struct slice){ bytes + 1, bytes_count - 1 });
	}
	return 0;
}
