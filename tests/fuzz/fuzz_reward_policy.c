#include "core/reward_policy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

struct kept {
	uint8_t bytes[2 * REWARD_POLICY_BYTES_MAX];
	size_t bytes_count;
};

static void keep(void *owner, struct slice bytes)
{
	struct kept *kept = owner;

	assert(bytes.bytes_count <= sizeof kept->bytes - kept->bytes_count);
	memcpy(kept->bytes + kept->bytes_count, bytes.bytes, bytes.bytes_count);
	kept->bytes_count += bytes.bytes_count;
}

static void write_policy(const struct reward_policy *policy, struct kept *ret_kept)
{
	struct reward_text out;

	ret_kept->bytes_count = 0;
	reward_text_begin(&out, keep, ret_kept);
	reward_policy_write(policy, &out);
	reward_text_end(&out);
}

/* What is accepted keeps the rules, and its canonical form is read as itself: same hash, same
 * bytes. What is refused says why. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static struct reward_policy policy, again;
	static struct kept one, two;
	struct reward_outcome outcome = { 0 };
	uint64_t sum = 0;

	if (!reward_policy_read((struct slice){ bytes, bytes_count }, &policy, &outcome)) {
		assert(outcome.verdict == REWARD_REFUSED);
		assert(outcome.refusal == REWARD_REFUSAL_POLICY_INVALID);
		assert(outcome.detail[0] != '\0');
		return 0;
	}
	for (uint32_t i = 0; i < policy.metric_count; i++) {
		sum += policy.metrics[i].weight;
		assert(i == 0 ||
			reward_policy_compare(reward_label_view(&policy.metrics[i - 1].name),
				reward_label_view(&policy.metrics[i].name)) < 0);
	}
	assert(sum == REWARD_WEIGHT_ONE && policy.period_epochs > 0);
	for (uint32_t i = 0; i < policy.category_cap_count; i++) {
		struct slice category = reward_label_view(&policy.category_caps[i].category);

		assert(reward_policy_cap_of(&policy, category) == &policy.category_caps[i]);
	}
	write_policy(&policy, &one);
	assert(reward_policy_read((struct slice){ one.bytes, one.bytes_count }, &again, &outcome));
	assert(memcmp(&policy.hash, &again.hash, sizeof policy.hash) == 0);
	write_policy(&again, &two);
	assert(one.bytes_count == two.bytes_count &&
		memcmp(one.bytes, two.bytes, one.bytes_count) == 0);
	return 0;
}
