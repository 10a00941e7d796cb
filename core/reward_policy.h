#ifndef CORE_REWARD_POLICY_H
#define CORE_REWARD_POLICY_H

/* The policy of rewards (spec/rewarder.md 9.5, R-O05), as a document of JSON:
 *
 *   {"body":{"asset":"ron",
 *            "caps":{"actor_cap":"1000u","category_cap":{"video":"500u"},"epoch_cap":"250000u"},
 *            "emission_curve":{"base_per_epoch":"1000000u","kind":"halving",
 *                              "period_epochs":100000},
 *            "rounding":"floor","weights":{"subs":0.7,"views":0.3}},
 *    "id":"rev42","version":"1.2.0",
 *    "signatures":[{"alg":"ed25519","kid":"gov-1","sig":"base64:..."}]}
 *
 * Closed. category_cap, rounding (floor) and signatures may be left out, nothing else. Its hash is
 * BLAKE3 over the canonical form without the signatures, whatever the order and white space of the
 * document; what is signed is the ASCII of "b3:" and that hash. */

#include "core/reward_doc.h"
#include "core/reward_text.h"

#define REWARD_POLICY_BYTES_MAX     65536u
#define REWARD_CATEGORY_CAPS_MAX    256u
#define REWARD_SIGNATURES_MAX       16u /* more than any quorum of section 10 */
#define REWARD_SIGNATURE_BYTES      64u
#define REWARD_POLICY_VERSION_BYTES 64u

enum reward_rounding {
	REWARD_ROUND_FLOOR,
	REWARD_ROUND_BANKERS, /* half to even, then repaired so that no more is paid than there is
			       */
};

struct reward_label {
	uint8_t bytes_count;
	uint8_t bytes[REWARD_CATEGORY_BYTES];
};

/* "1000u" and "1000" are the same amount in two spellings, and the hash is over the spelling. */
struct reward_policy_amount {
	u128 minor;
	bool has_unit;
};

struct reward_policy_metric {
	struct reward_label name;
	uint32_t weight; /* of REWARD_WEIGHT_ONE */
};

struct reward_policy_cap {
	struct reward_label category;
	struct reward_policy_amount amount;
};

struct reward_policy_signature {
	struct reward_name kid;
	uint8_t bytes[REWARD_SIGNATURE_BYTES];
};

struct reward_policy {
	struct reward_name id;
	struct reward_name version; /* semver */
	struct reward_name asset;
	enum reward_rounding rounding;
	bool rounding_is_given;
	bool category_caps_are_given;
	uint32_t metric_count; /* in the order of their names; so the caps */
	uint32_t category_cap_count;
	uint32_t signature_count;
	uint64_t period_epochs;
	struct reward_policy_amount base_per_epoch;
	struct reward_policy_amount epoch_cap;
	struct reward_policy_amount actor_cap;
	struct reward_policy_metric metrics[REWARD_METRICS_MAX];
	struct reward_policy_cap category_caps[REWARD_CATEGORY_CAPS_MAX];
	struct reward_policy_signature signatures[REWARD_SIGNATURES_MAX];
	struct hash hash;
};

static inline struct slice reward_label_view(const struct reward_label *label)
{
	return (struct slice){ label->bytes, label->bytes_count };
}

/* False: refused (policy_invalid), with the place. Signatures are read, not verified: who is
 * trusted is not in the document. */
MUST_CHECK bool reward_policy_read(
	struct slice text, struct reward_policy *ret_policy, struct reward_outcome *outcome);

/* The canonical form, which is what the hash is over. */
void reward_policy_write(const struct reward_policy *policy, struct reward_text *out);

/* What an epoch may emit (9.7): halved each period_epochs, rounded down, 0 after 127 times. */
u128 reward_policy_budget(const struct reward_policy *policy, uint64_t epoch_index);

/* The cap of a category, or NULL: there is none. */
const struct reward_policy_cap *reward_policy_cap_of(
	const struct reward_policy *policy, struct slice category);

/* <0, 0, >0 by bytes; the shorter of two that begin alike is the smaller. */
int reward_policy_compare(struct slice a, struct slice b);

#endif
