/* Whether the token of whoever asks could ever pay what he asks for. The ledger judges that again,
 * and it alone decides; but an epoch is not to be taken by a run that no ledger will let pass. */
#include "services/rewarder/rewarder.h"

#include <string.h>

/* NULL: it could pay that. An amount of 0 stands for whatever it will be. */
static const char *refusal_of(
	const struct caveat_set *caveats, struct slice tenant, struct slice asset, u128 amount)
{
	char account[ACCOUNT_BYTES_MAX];
	struct slice pool = { (const uint8_t *)account,
		intent_pool_account(tenant, asset, account) };
	const struct caveat_entry entry = {
		.actions = CAVEAT_ACTION_BIT(CAVEAT_ACTION_REWARDER_RUN),
		.kind = ENTRY_TRANSFER,
		.has_amount = true,
		.amount = amount == 0 ? 1 : amount,
		.asset = asset,
		.accounts = &pool,
		.account_count = 1,
	};
	struct caveat_verdict verdict = caveat_set_check_entry(caveats, &entry);

	return verdict.result == CAVEAT_HOLDS ? NULL : caveat_set_verdict_text(verdict);
}

static bool read_grant(struct slice sealed, struct grant *ret_grant)
{
	return sealed.bytes_count > 0 && grant_read(sealed, ret_grant) == ERR_OK;
}

const char *authority_lacks(
	const struct rewarder *self, const struct registry_row *wanted, struct slice sealed)
{
	const struct policies_row *policy =
		policies_find(&self->policies, reward_name_view(&wanted->policy_id));
	struct grant grant;

	if (policy == NULL || !read_grant(sealed, &grant)) {
		return NULL; /* that is refused for itself */
	}
	return refusal_of(&grant.caveats, reward_name_view(&wanted->tenant),
		reward_name_view(&policy->asset), 0);
}

const char *authority_falls_short(
	const struct registry_row *row, u128 payout, u128 largest, struct slice asset)
{
	struct grant grant;
	const struct caveat_set *caveats = &grant.caveats;

	if (!read_grant((struct slice){ row->grant, row->grant_bytes }, &grant)) {
		return NULL;
	}
	for (uint16_t i = 0; i < caveats->daily_count; i++) {
		if (caveats->dailies[i].limit < payout) {
			return "daily<= of the token is below what the epoch pays";
		}
	}
	return refusal_of(caveats, reward_name_view(&row->tenant), asset, largest);
}
