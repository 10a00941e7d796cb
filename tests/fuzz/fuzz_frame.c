#include "proto/frame.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* Whatever header is accepted is written back to the same bytes, and what is judged early,
 * from a part of it, is judged the same when there is more. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct frame_head head = { 0 };
	enum frame_verdict verdict = frame_decode((struct slice){ bytes, bytes_count }, &head);
	uint8_t again[FRAME_HEAD_BYTES];

	assert((verdict == FRAME_OK) ==
		(bytes_count >= FRAME_HEAD_BYTES && verdict != FRAME_SHORT &&
			frame_verdict_name(verdict)[0] == '\0'));
	for (size_t cut = 0; cut < bytes_count && cut < FRAME_HEAD_BYTES; cut++) {
		struct frame_head early = { .verb = 0xa5a5 };
		enum frame_verdict said = frame_decode((struct slice){ bytes, cut }, &early);
		assert(said == FRAME_SHORT || (said == verdict && said != FRAME_OK));
		assert(early.verb == 0xa5a5);
	}
	if (verdict == FRAME_OK) {
		assert(head.payload_bytes <= FRAME_PAYLOAD_BYTES_MAX);
		frame_encode(&head, again);
		assert(memcmp(again, bytes, sizeof again) == 0);
	}
	return 0;
}
