#ifndef CORE_ATTESTATION_H
#define CORE_ATTESTATION_H

#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/intent.h"

/* What the node's key says of a reward run (spec/rewarder.md section 9.10): one line of canonical
 * JSON, members in the order of their names, printed from typed fields, so that nobody who asks
 * for the signature chooses a byte of it. */

/* Numbers are in frames: append only. Dry runs are not attested. */
#define ATTESTATION_STATUSES(S) \
	S(OK, "ok", 1)          \
	S(QUARANTINED, "quarantined", 2)

enum attestation_status {
#define AS_ENUM(NAME, name, number) ATTESTATION_##NAME = (number),
	ATTESTATION_STATUSES(AS_ENUM)
#undef AS_ENUM
};

/* The wire's run_key: the first half of what is 32 bytes inside. */
#define ATTESTATION_RUN_KEY_BYTES 8u

/* 31 December 9999, the last that the spelling of signed_at can say. */
#define ATTESTATION_UNIX_S_MAX UINT64_C(253402300799)

#define ATTESTATION_BYTES_MAX 1024u

struct attestation {
	enum attestation_status status;
	struct slice tenant; /* bounds and letters as of an intent */
	struct slice epoch;
	struct hash run_key;
	struct hash idempotency_key;
	struct hash commitment;
	struct hash policy_hash;
	u128 pool;
	u128 payout;
	u128 residual; /* of a run that is ok what the payout left; of others 0 too */
	uint64_t signed_at_unix_s;
};

/* ERR_MALFORMED: the fields are none of a run. */
MUST_CHECK enum err attestation_print(const struct attestation *attestation,
	uint8_t ret_text[ATTESTATION_BYTES_MAX], size_t *ret_bytes);

#endif
