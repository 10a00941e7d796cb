/* What a local client may say in OAP/1: whatever the bytes, the parts of a request lie inside of
 * them, side by side, and more bytes never change what fewer decided. */
#include <stdlib.h>

#include "common/check.h"
#include "services/edge/oap_request.h"

static void check_inside(struct slice part, const uint8_t *data, size_t head_bytes)
{
	if (part.bytes_count > 0) {
		assert(part.bytes >= data + FRAME_HEAD_BYTES);
		assert(part.bytes + part.bytes_count <= data + head_bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oap_request_head head, shorter;
	enum oap_request_verdict verdict = oap_request_decode((struct slice){ data, size }, &head);

	if (verdict == OAP_REQUEST_OK || verdict == OAP_REQUEST_SKIP) {
		assert(head.head_bytes >= FRAME_HEAD_BYTES && head.head_bytes <= size);
		assert(head.head_bytes + head.body_bytes <= FRAME_BYTES_MAX);
		assert(head.token.bytes_count <= VERB_TOKEN_BYTES_MAX);
		assert(head.query.bytes_count <= VERB_QUERY_BYTES_MAX);
		check_inside(head.token, data, head.head_bytes);
		check_inside(head.query, data, head.head_bytes);
		assert(verdict == OAP_REQUEST_SKIP || head.body_bytes == 0 ||
			routes_is_write(head.route));
	}
	for (size_t cut = size < 64 ? 0 : size - 64; cut < size; cut++) {
		enum oap_request_verdict before =
			oap_request_decode((struct slice){ data, cut }, &shorter);
		assert(before == OAP_REQUEST_MORE || before == verdict);
	}
	return 0;
}
