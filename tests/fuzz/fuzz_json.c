/* Bodies of POST /ingest: whatever is accepted is drafts that decode, each refused or in good
 * form, in the order and number of the batch; the same body twice gives the same answer. */
#include "services/prevalidator/ingest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static struct ingest ingest;
	static struct grant grant;
	struct ingest_request request = { 0 };
	struct ingest_request again = { 0 };
	struct slice body = { bytes, bytes_count };
	struct byte_reader in;
	enum ingest_fault fault;

	if (bytes_count > BODY_BYTES_MAX) {
		return 0;
	}
	caveat_set_init(&grant.caveats);
	fault = ingest_read(&ingest, body, &grant, 16, &request);
	if (fault != INGEST_OK) {
		assert(ingest_fault_detail(fault) != DETAIL_NONE);
		return 0;
	}
	assert(request.draft_count > 0 && request.draft_count <= 16);
	assert(request.idem_id.bytes_count <= IDEM_ID_BYTES_MAX);
	in = byte_reader_of(request.drafts);
	for (uint32_t i = 0; i < request.draft_count; i++) {
		struct draft draft = { 0 };
		enum err err = draft_decode(&in, SOURCE_INGEST, &draft);

		assert(err == ERR_OK && draft.idx == i);
		assert(draft_check(&draft) == draft.refused);
	}
	assert(byte_reader_done(&in));
	fault = ingest_read(&ingest, body, &grant, 16, &again);
	assert(fault == INGEST_OK && again.drafts.bytes_count == request.drafts.bytes_count);
	return 0;
}
