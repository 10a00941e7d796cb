#include "core/reward_inputs.h"

#include "core/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

static void check_outcome(const struct reward_outcome *outcome)
{
	assert(outcome->verdict == REWARD_QUARANTINED && outcome->detail[0] != '\0');
	assert(outcome->kind == REWARD_KIND_SCHEMA || outcome->kind == REWARD_KIND_NEGATIVE ||
		outcome->kind == REWARD_KIND_OVERFLOW);
}

/* The same bytes as a bundle and as a ledger snapshot: what is accepted keeps the grammar, what is
 * not is quarantined with a sentence. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct slice text = { bytes, bytes_count };
	struct reward_outcome outcome = { 0 };
	struct reward_name pool_text;
	struct reward_bundle bundle;
	struct reward_ledger ledger;

	if (reward_inputs_bundle(text, &bundle, &outcome)) {
		assert(reward_is_tenant(reward_name_view(&bundle.tenant)));
		assert(reward_is_epoch(reward_name_view(&bundle.epoch_id)));
		assert(entry_asset_is_valid(reward_name_view(&bundle.asset)));
		assert(bundle.window_start_unix_s < bundle.window_end_unix_s);
		assert(bundle.epoch_index <= REWARD_EPOCH_INDEX_MAX);
		assert(outcome.verdict == REWARD_OK);
	} else {
		check_outcome(&outcome);
	}
	outcome = (struct reward_outcome){ 0 };
	if (reward_inputs_ledger(text, &ledger, &pool_text, &outcome)) {
		u128 pool = 0;

		assert(reward_number_parse(reward_name_view(&pool_text), REWARD_AMOUNT_MAX,
			       &pool) == REWARD_NUMBER_OK);
		assert(pool == ledger.pool_total);
		assert(entry_account_is_reward_pool(
			reward_name_view(&ledger.pool_account), reward_name_view(&ledger.asset)));
		assert(outcome.verdict == REWARD_OK);
	} else {
		check_outcome(&outcome);
	}
	assert(pool_text.bytes_count > 0);
	return 0;
}
