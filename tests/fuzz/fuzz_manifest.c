#include "core/manifest.h"

#define CHUNKS_MAX 64u

/* What is a manifest is written again to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static uint8_t again[MANIFEST_BYTES_OF(CHUNKS_MAX)];
	static struct hash ids[CHUNKS_MAX];
	struct byte_writer out = byte_writer_of(again, sizeof again);
	struct manifest manifest;
	enum err err;

	err = manifest_decode((struct slice){ bytes, bytes_count }, &manifest, ids, CHUNKS_MAX);
	if (err != ERR_OK) {
		return 0;
	}
	err = manifest_encode(&manifest, ids, &out);
	assert(err == ERR_OK);
	assert(out.used == bytes_count);
	assert(memcmp(again, bytes, bytes_count) == 0);
	return 0;
}
