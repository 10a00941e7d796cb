#include "core/ledger_state.h"

#include "core/sha256.h"

/* What may be done on a UTC day: `daily<=` of tokens, the ceiling of the wallet and the quotas of
 * its policy. All but what an account itself spent are sums in counters: of a `daily<=` by the
 * id of the caveat, of a quota by a hash of whose it is. A quota is asked for operations under
 * /v1 only, counted from when the policy has one, and costs nothing when it has none.
 *
 * Operations are counted for an account and for a tenant whatever their asset is; what was spent
 * is counted by asset, because amounts of two assets have no sum. */

/* A Hold counts when it is made, so its capture does not count again; Reverse gives nothing
 * back (DESIGN-LEDGER.md section 4). */
static bool counts(const struct entry *entry)
{
	switch (entry->kind) {
	case ENTRY_DEBIT:
	case ENTRY_MINT:
	case ENTRY_BURN:
	case ENTRY_HOLD:
		return true;
	case ENTRY_TRANSFER:
		return entry->effect == EFFECT_NONE;
	case ENTRY_CREDIT:
	case ENTRY_REVERSE:
		return false;
	}
	return false;
}

/* What the account itself remembers of the day: debits through /v1. */
static bool spends(const struct entry *entry)
{
	return entry->source == SOURCE_V1 && entry->kind != ENTRY_MINT && counts(entry);
}

/* ---- what the account spent ---- */

static enum detail judge_spent(struct ledger *ledger, const struct entry *entry)
{
	const struct policy_quota *quota = ledger_policy_account_quota(ledger);
	u128 ceiling = ledger_policy_ceiling(ledger, entry);
	u128 spent = 0;
	uint32_t index;

	if (!spends(entry) || (ceiling == U128_MAX && quota->spend_minor == U128_MAX)) {
		return DETAIL_NONE;
	}
	index = ledger_account_find(ledger, entry->account, entry->asset);
	if (index != LEDGER_NONE) {
		const struct ledger_account *account = ledger_account_at(ledger, index);

		spent = account->day == ledger_day(ledger->batch_ts_unix_ms) ? account->spent : 0;
	}
	if (spent > ceiling || entry->amount > ceiling - spent) {
		return DETAIL_DAILY_CEILING;
	}
	return spent > quota->spend_minor || entry->amount > quota->spend_minor - spent
		       ? DETAIL_QUOTA
		       : DETAIL_NONE;
}

/* ---- what counters hold ---- */

struct charges {
	struct ledger_charge list[LEDGER_CHARGES_MAX];
	uint32_t count;
};

static void add_charge(struct charges *charges, const struct id128 *counter_id, uint32_t asset,
	u128 amount, u128 limit, enum detail detail)
{
	assert(charges->count < LEDGER_CHARGES_MAX);
	charges->list[charges->count++] = (struct ledger_charge){
		.counter_id = *counter_id,
		.asset = asset,
		.amount = amount,
		.limit = limit,
		.detail = detail,
	};
}

static void add_dailies(struct ledger *ledger, const struct ledger_request *request,
	const struct entry *entry, struct charges *charges)
{
	const struct caveat_set *caveats = &request->grant->caveats;
	uint32_t asset;

	if (caveats->daily_count == 0 || !counts(entry)) {
		return;
	}
	asset = ledger_asset_find(ledger, entry->asset);
	for (size_t i = 0; i < caveats->daily_count; i++) {
		add_charge(charges, &caveats->dailies[i].counter_id, asset, entry->amount,
			caveats->dailies[i].limit, DETAIL_DAILY_LIMIT);
	}
}

static struct id128 counter_of(struct slice whose, struct slice name)
{
	const struct slice parts[] = { ENTRY_VIEW("macronode quota v1"), whose, name };
	struct hash hash;
	struct id128 id;

	sha256_hash_parts(parts, COUNT_OF(parts), &hash);
	memcpy(id.bytes, hash.bytes, sizeof id.bytes);
	return id;
}

static void add_quotas(struct ledger *ledger, const struct ledger_request *request,
	const struct entry *entry, struct charges *charges)
{
	const struct policy *policy = ledger->limits.policy;
	struct id128 id;

	if (policy == NULL || entry->source != SOURCE_V1) {
		return;
	}
	if (policy->per_account.ops != UINT64_MAX) {
		id = counter_of(ENTRY_VIEW(" account "), entry->account);
		add_charge(charges, &id, LEDGER_NO_ASSET, 1, policy->per_account.ops, DETAIL_QUOTA);
	}
	if (policy->per_tenant.ops == UINT64_MAX && policy->per_tenant.spend_minor == U128_MAX) {
		return;
	}
	id = counter_of(ENTRY_VIEW(" tenant "), request->grant->tenant);
	if (policy->per_tenant.ops != UINT64_MAX) {
		add_charge(charges, &id, LEDGER_NO_ASSET, 1, policy->per_tenant.ops, DETAIL_QUOTA);
	}
	if (policy->per_tenant.spend_minor != U128_MAX && spends(entry)) {
		add_charge(charges, &id, ledger_asset_find(ledger, entry->asset), entry->amount,
			policy->per_tenant.spend_minor, DETAIL_QUOTA);
	}
}

static void find_charges(struct ledger *ledger, const struct ledger_request *request,
	const struct entry *entry, struct charges *ret_charges)
{
	ret_charges->count = 0;
	add_dailies(ledger, request, entry, ret_charges);
	add_quotas(ledger, request, entry, ret_charges);
}

size_t ledger_days_charges_max(const struct ledger *ledger, const struct ledger_request *request)
{
	return request->grant->caveats.daily_count +
	       (ledger->limits.policy != NULL && request->source == SOURCE_V1 ? LEDGER_QUOTAS_MAX
									      : 0);
}

enum detail ledger_days_judge(
	struct ledger *ledger, const struct ledger_request *request, const struct entry *entry)
{
	uint32_t day = ledger_day(ledger->batch_ts_unix_ms);
	enum detail detail = judge_spent(ledger, entry);
	struct charges charges;

	if (detail != DETAIL_NONE) {
		return detail;
	}
	find_charges(ledger, request, entry, &charges);
	if (!ledger_counters_fit(ledger, charges.list, charges.count, day)) {
		return DETAIL_CAPACITY;
	}
	for (uint32_t i = 0; i < charges.count; i++) {
		const struct ledger_charge *charge = &charges.list[i];
		u128 spent = charge->asset == LEDGER_NONE
				     ? 0
				     : ledger_counter_spent(
					       ledger, &charge->counter_id, charge->asset, day);

		if (spent > charge->limit || charge->amount > charge->limit - spent) {
			return charge->detail;
		}
	}
	return DETAIL_NONE;
}

void ledger_days_charge(
	struct ledger *ledger, const struct ledger_request *request, const struct entry *entry)
{
	uint32_t day = ledger_day(ledger->batch_ts_unix_ms);
	struct charges charges;

	find_charges(ledger, request, entry, &charges);
	for (uint32_t i = 0; i < charges.count; i++) {
		const struct ledger_charge *charge = &charges.list[i];

		assert(charge->asset != LEDGER_NONE); /* the entry was numbered */
		ledger_counter_add(ledger, &charge->counter_id, charge->asset, day, charge->amount);
	}
}
