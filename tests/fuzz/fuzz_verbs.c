#include "proto/verbs.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/verb_cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* The first byte picks a verb, the rest is its payload. Every verb has one spelling for each
 * message: what decodes encodes to the same bytes, and neither one less nor one more decode. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	union verb_message msg, other;

	if (bytes_count < 1) {
		return 0;
	}
	const struct verb_case *verb = &verb_cases[bytes[0] % COUNT_OF(verb_cases)];
	struct slice payload = { bytes + 1, bytes_count - 1 };
	struct byte_reader in = byte_reader_of(payload);

	if (!verb->decode(&in, &msg)) {
		return 0;
	}
	assert(payload.bytes_count <= oap_verb_payload_bytes_max(verb->verb));
	uint8_t *again = malloc(payload.bytes_count);
	assert(again != NULL);
	struct byte_writer out = byte_writer_of(again, payload.bytes_count);
	assert(verb->encode(&out, &msg) && out.left == 0);
	assert(memcmp(again, payload.bytes, payload.bytes_count) == 0);
	in = byte_reader_of((struct slice){ again, payload.bytes_count });
	assert(verb->decode(&in, &other) && verb->same(&msg, &other));
	in = byte_reader_of((struct slice){ again, payload.bytes_count - 1 });
	assert(!verb->decode(&in, &other));
	free(again);
	return 0;
}
