#include "core/ledger_state.h"

/* What the policy of the wallet says about operations under /v1; entries of /ingest are none. It
 * is asked when something new is admitted, never for a repeat and never in replay. */

static enum operation_kind kind_of(const struct entry *entry)
{
	switch (entry->kind) {
	case ENTRY_MINT:
		return OPERATION_ISSUE;
	case ENTRY_BURN:
		return OPERATION_BURN;
	case ENTRY_HOLD:
		return OPERATION_HOLD;
	case ENTRY_REVERSE:
		return OPERATION_RELEASE;
	case ENTRY_TRANSFER:
	case ENTRY_CREDIT:
	case ENTRY_DEBIT:
		break;
	}
	return entry->effect == EFFECT_CAPTURE ? OPERATION_CAPTURE : OPERATION_TRANSFER;
}

static const struct policy *policy_for(const struct ledger *ledger, const struct entry *entry)
{
	return entry->source == SOURCE_V1 ? ledger->limits.policy : NULL;
}

static u128 smaller(u128 left, u128 right)
{
	return left < right ? left : right;
}

/* The time of the batch decides, as for all that expires. */
static enum detail judge_approval(const struct ledger *ledger, const struct policy_asset *row)
{
	return row != NULL && row->may_issue &&
			       ledger->batch_ts_unix_ms < row->issuance_expires_unix_ms
		       ? DETAIL_NONE
		       : DETAIL_ISSUANCE;
}

enum detail ledger_policy_operation(const struct ledger *ledger, const struct entry *entry)
{
	const struct policy *policy = policy_for(ledger, entry);
	const struct policy_asset *row;
	u128 amount_max = ledger->limits.op_amount_max;

	if (entry->source != SOURCE_V1) {
		return DETAIL_NONE;
	}
	if (policy != NULL) {
		row = policy_find(policy, entry->asset);
		if (!policy_allows(policy, kind_of(entry))) {
			return DETAIL_POLICY;
		}
		if (entry->kind == ENTRY_MINT && judge_approval(ledger, row) != DETAIL_NONE) {
			return DETAIL_ISSUANCE;
		}
		amount_max = row == NULL ? amount_max : smaller(amount_max, row->op_amount_max);
	}
	/* what was set aside can always be given back, whatever the limit is by now */
	return entry->effect == EFFECT_HOLD_RELEASE || entry->amount <= amount_max
		       ? DETAIL_NONE
		       : DETAIL_PER_OP_MAX;
}

const struct policy_quota *ledger_policy_account_quota(const struct ledger *ledger)
{
	static const struct policy_quota none = { .ops = UINT64_MAX, .spend_minor = U128_MAX };

	return ledger->limits.policy == NULL ? &none : &ledger->limits.policy->per_account;
}

u128 ledger_policy_ceiling(const struct ledger *ledger, const struct entry *entry)
{
	const struct policy *policy = policy_for(ledger, entry);
	const struct policy_asset *row = policy == NULL ? NULL : policy_find(policy, entry->asset);

	return row == NULL ? ledger->limits.daily_ceiling
			   : smaller(ledger->limits.daily_ceiling, row->daily_ceiling);
}

/* `outstanding` is what is issued and not destroyed, whoever issued it. */
enum detail ledger_policy_issuance(
	const struct ledger *ledger, const struct entry *entry, u128 outstanding)
{
	const struct policy *policy = policy_for(ledger, entry);
	const struct policy_asset *row;

	if (policy == NULL || entry->kind != ENTRY_MINT) {
		return DETAIL_NONE;
	}
	row = policy_find(policy, entry->asset);
	assert(row != NULL); /* ledger_policy_operation() found its approval */
	return outstanding <= row->issuance_cap && entry->amount <= row->issuance_cap - outstanding
		       ? DETAIL_NONE
		       : DETAIL_ISSUANCE_CAP;
}
