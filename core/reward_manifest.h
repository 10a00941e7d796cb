#ifndef CORE_REWARD_MANIFEST_H
#define CORE_REWARD_MANIFEST_H

/* run.json (spec/rewarder.md 9.9), the part of a run that is the same bytes whenever and wherever
 * it is computed, and the message that is signed over it (9.10). Canonical JSON, no line feed. */

#include "core/reward_keys.h"

#define REWARD_MANIFEST_VERSION "1.1.0"

/* The first 8 bytes of the run key in hexadecimal: what logs, URLs and directories have. */
#define REWARD_RUN_KEY_SHORT_BYTES 8u

void reward_manifest_write(const struct reward_facts *facts, struct reward_text *out);

/* signed_at: "2025-10-01T12:34:56Z", of the first signing, for ever. */
void reward_manifest_write_attestation(
	const struct reward_facts *facts, struct slice signed_at, struct reward_text *out);

/* "weight:subs*rate=300;weight:views*rate=176;cap:actor=-2", without quotes. */
void reward_manifest_write_explain(
	const struct reward_alloc *alloc, uint32_t actor_place, struct reward_text *out);

#endif
