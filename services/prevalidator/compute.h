#ifndef SERVICES_PREVALIDATOR_COMPUTE_H
#define SERVICES_PREVALIDATOR_COMPUTE_H

/* The bodies of POST /rewarder/epochs/{epoch_id}/compute (ComputeRequest, spec/rewarder.md sections
 * 1.1 and 1.2) and .../release. Over OAP/1, which has no path, the epoch is a member, too. */

#include "core/reward.h"
#include "services/prevalidator/closed.h"

/* R-O50: counted in code points. */
#define COMPUTE_NOTES_CHARS_MAX 1024u
#define COMPUTE_NOTES_BYTES_MAX (4u * COMPUTE_NOTES_CHARS_MAX)

/* What an operator says; it stands in the log. */
#define COMPUTE_REASON_BYTES_MAX 512u

#define COMPUTE_EPOCH_TEXT                                                           \
	"epoch_id: expected a day or a minute that there is, such as 2025-10-13 or " \
	"2025-10-13T00:00Z"

/* NAME, name, type, must it be there, over OAP/1 alone, what is expected of it */
#define COMPUTE_MEMBERS(M)                                                              \
	M(INPUTS_CID, "inputs_cid", STRING, true, false,                                \
		"inputs_cid: expected b3: and 64 lower-case hex digits")                \
	M(POLICY_ID, "policy_id", STRING, true, false,                                  \
		"policy_id: expected 1 to 128 of A-Z a-z 0-9 . _ : -")                  \
	M(POLICY_HASH, "policy_hash", STRING, true, false,                              \
		"policy_hash: expected b3: and 64 lower-case hex digits")               \
	M(DRY_RUN, "dry_run", BOOLEAN, false, false, "dry_run: expected true or false") \
	M(NOTES, "notes", STRING, false, false,                                         \
		"notes: expected a string of at most 1024 characters")                  \
	M(EPOCH_ID, "epoch_id", STRING, true, true, COMPUTE_EPOCH_TEXT)

#define COMPUTE_RELEASE_MEMBERS(M)                                          \
	M(REASON, "reason", STRING, true, false,                            \
		"reason: expected a string of 1 to 512 bytes, for the log") \
	M(RELEASE_EPOCH_ID, "epoch_id", STRING, true, true, COMPUTE_EPOCH_TEXT)

struct compute {
	struct slice epoch_id, policy_id, notes;
	struct hash policy_hash, inputs_cid;
	bool dry_run;
	struct slice reason; /* of a release, which has no more but the epoch */

	uint8_t epoch_bytes[REWARD_EPOCH_BYTES_MAX];
	uint8_t policy_bytes[REWARD_NAME_BYTES_MAX];
	uint8_t notes_bytes[COMPUTE_NOTES_BYTES_MAX];
	uint8_t reason_bytes[COMPUTE_REASON_BYTES_MAX];
};

/* epoch_id: from the path; NULL over OAP/1. NULL: it is sound, and good until the next read. Else
 * what is wrong, which holds nothing of the client's. */
MUST_CHECK const char *compute_read(struct compute *compute, struct json *json, struct slice body,
	const struct slice *epoch_id);
MUST_CHECK const char *compute_read_release(struct compute *compute, struct json *json,
	struct slice body, const struct slice *epoch_id);

#endif
