#include "core/tlog_proof.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* What was parsed prints back to the same bytes; and whatever stands in it, verifying ends. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static uint8_t extra[TLOG_PROOF_EXTRA_BYTES_MAX];
	static struct tlog_proof proof;
	struct slice text = { bytes, bytes_count };
	struct hash root = { { 0 } };
	char *again;
	size_t room;

	if (tlog_proof_parse(text, extra, sizeof extra, &proof) != TLOG_PROOF_OK) {
		return 0;
	}
	room = TLOG_PROOF_BYTES_MAX(proof.extra.bytes_count, proof.checkpoint.bytes_count);
	assert(bytes_count < room);
	again = malloc(room);
	assert(again != NULL);
	assert(tlog_proof_print(&proof, again) == bytes_count);
	assert(memcmp(again, bytes, bytes_count) == 0);
	free(again);
	assert(!tlog_proof_verify(&proof, proof.extra, proof.index, &root));
	assert(!tlog_proof_verify(&proof, proof.extra, proof.index + 1, &root));
	assert(!tlog_proof_verify(&proof, proof.extra, MERKLE_SIZE_MAX, &root));
	return 0;
}
