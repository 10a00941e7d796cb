#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/conserve.h"
#include "core/entry.h"

/* One entry has one encoding: what decodes encodes to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	uint8_t again[ENTRY_LEAF_BYTES_MAX];
	struct byte_writer out = byte_writer_of(again, sizeof again);
	struct slice leaf = { bytes, bytes_count };
	struct conserve conserve;
	struct entry entry;

	conserve_init(&conserve, 0);
	if (entry_decode(leaf, &entry) != ERR_OK) {
		assert(conserve_add(&conserve, leaf) == ERR_MALFORMED);
		return 0;
	}
	assert(entry.seq == entry_leaf_seq(leaf));
	entry_encode(&out, &entry);
	assert(!out.failed && out.used == bytes_count && memcmp(again, bytes, bytes_count) == 0);
	if (conserve_add(&conserve, leaf) == ERR_OK && entry.group_count == 0) {
		assert(conserve_is_even(&conserve));
	}
	return 0;
}
