#include "core/ledger_state.h"

/* Freezes and revocations, by what they name. */

static uint64_t rule_fingerprint(
	const struct ledger *ledger, enum batch_control_scope scope, struct slice value)
{
	uint8_t bytes[1 + ACCOUNT_BYTES_MAX];

	assert(value.bytes_count <= ACCOUNT_BYTES_MAX);
	bytes[0] = (uint8_t)scope;
	if (value.bytes_count > 0) {
		memcpy(bytes + 1, value.bytes, value.bytes_count);
	}
	return ledger_fingerprint(ledger, bytes, 1 + value.bytes_count);
}

static struct ledger_rule *rule_find(
	const struct ledger *ledger, enum batch_control_scope scope, struct slice value)
{
	struct table_scan scan =
		table_find(&ledger->rule_table, rule_fingerprint(ledger, scope, value));
	uint64_t place;

	while (table_next(&scan, &place)) {
		struct ledger_rule *rule = segments_at(&ledger->rules, (uint32_t)place - 1);

		if (rule->scope == scope && entry_views_equal(value, (struct slice){ rule->value,
									     rule->value_bytes })) {
			return rule;
		}
	}
	return NULL;
}

bool ledger_rule_is_on(
	const struct ledger *ledger, enum batch_control_scope scope, struct slice value)
{
	const struct ledger_rule *rule;
	bool may_be = true;

	switch (scope) {
	case SCOPE_GLOBAL:
		return ledger->is_frozen;
	case SCOPE_REWARDS:
		return ledger->rewards_frozen;
	case SCOPE_ASSET:
		may_be = ledger->frozen_assets > 0;
		break;
	case SCOPE_ACCOUNT:
		may_be = ledger->frozen_accounts > 0;
		break;
	case SCOPE_CAPABILITY:
	case SCOPE_KEY:
		may_be = ledger->revoked > 0;
		break;
	}
	if (!may_be || value.bytes_count > ACCOUNT_BYTES_MAX) {
		return false; /* most ledgers have no rule at all: nothing is hashed */
	}
	rule = rule_find(ledger, scope, value);
	return rule != NULL && rule->is_on;
}

static void rule_count(struct ledger *ledger, enum batch_control_scope scope, bool is_on)
{
	uint32_t step = is_on ? 1u : UINT32_MAX; /* modulo 2^32: minus one */

	switch (scope) {
	case SCOPE_GLOBAL:
		ledger->is_frozen = is_on;
		break;
	case SCOPE_REWARDS:
		ledger->rewards_frozen = is_on;
		break;
	case SCOPE_ASSET:
		ledger->frozen_assets += step;
		break;
	case SCOPE_ACCOUNT:
		ledger->frozen_accounts += step;
		break;
	case SCOPE_CAPABILITY:
	case SCOPE_KEY:
		ledger->revoked += step;
		break;
	}
}

void ledger_rule_set(
	struct ledger *ledger, enum batch_control_scope scope, struct slice value, bool is_on)
{
	struct ledger_rule *rule = rule_find(ledger, scope, value);

	if (rule == NULL) {
		uint32_t index = ledger->rule_count++;

		rule = segments_at(&ledger->rules, index);
		*rule = (struct ledger_rule){
			.scope = (uint8_t)scope,
			.value = ledger_name_copy(ledger, value),
			.value_bytes = (uint16_t)value.bytes_count,
		};
		table_insert(&ledger->rule_table, rule_fingerprint(ledger, scope, value),
			(uint64_t)index + 1);
	}
	if (rule->is_on != is_on) {
		rule->is_on = is_on;
		rule_count(ledger, scope, is_on);
	}
}
