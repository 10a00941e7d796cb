#include "core/reward_manifest.h"

#include <string.h>

static const char *status_of(const struct reward_facts *facts)
{
	assert(facts->outcome.verdict == REWARD_OK || facts->outcome.verdict == REWARD_QUARANTINED);
	return facts->outcome.verdict == REWARD_OK ? "\"ok\"" : "\"quarantined\"";
}

static void put_cut(struct reward_text *out, const char **semicolon, const char *cap, u128 cut)
{
	if (cut > 0) {
		reward_text_put(out, *semicolon);
		reward_text_put(out, cap);
		reward_text_put_number(out, cut);
		*semicolon = ";";
	}
}

void reward_manifest_write_explain(
	const struct reward_alloc *alloc, uint32_t actor_place, struct reward_text *out)
{
	const char *semicolon = "";
	struct reward_reasons reasons;

	reward_alloc_reasons(alloc, actor_place, &reasons);
	for (uint32_t metric = 0; metric < alloc->policy->metric_count; metric++) {
		if (reasons.metrics[metric] > 0) {
			reward_text_put(out, semicolon);
			reward_text_put(out, "weight:");
			reward_text_put_bytes(
				out, reward_label_view(&alloc->policy->metrics[metric].name));
			reward_text_put(out, "*rate=");
			reward_text_put_number(out, reasons.metrics[metric]);
			semicolon = ";";
		}
	}
	put_cut(out, &semicolon, "cap:category=-", reasons.category_cut);
	put_cut(out, &semicolon, "cap:actor=-", reasons.actor_cut);
}

static void put_allocations(struct reward_text *out, const struct reward_alloc *alloc)
{
	const char *comma = "";

	for (uint32_t place = 0; alloc != NULL && place < alloc->actor_count; place++) {
		struct reward_actor actor = reward_alloc_actor(alloc, place);

		if (actor.amount > 0) {
			reward_text_put(out, comma);
			reward_text_put(out, "{\"actor\":\"");
			reward_text_put_bytes(out, actor.name); /* names need no escape */
			reward_text_put(out, "\",\"amount_minor\":");
			reward_text_put_amount(out, actor.amount);
			reward_text_put(out, ",\"explain\":\"");
			reward_manifest_write_explain(alloc, place, out);
			reward_text_put(out, "\"}");
			comma = ",";
		}
	}
}

static void put_cid(
	struct reward_text *out, const char *name, bool is_known, const struct hash *cid)
{
	reward_text_put(out, name);
	if (is_known) {
		reward_text_put_cid(out, cid);
	} else {
		reward_text_put(out, "\"\"");
	}
}

static void put_amount(struct reward_text *out, const char *name, u128 amount)
{
	reward_text_put(out, name);
	reward_text_put_amount(out, amount);
}

static void put_name(struct reward_text *out, const char *name, const struct reward_name *text)
{
	reward_text_put(out, name);
	reward_text_put_string(out, reward_name_view(text));
}

static void put_quarantine(struct reward_text *out, const struct reward_outcome *outcome)
{
	struct slice detail = { (const uint8_t *)outcome->detail, strlen(outcome->detail) };

	reward_text_put(out, ",\"quarantine\":{\"detail\":");
	reward_text_put_string(out, detail);
	reward_text_put(out, ",\"kind\":\"");
	reward_text_put(out, reward_kind_name(outcome->kind));
	reward_text_put(out, "\"}");
}

static void put_residual(struct reward_text *out, const struct reward_alloc *alloc)
{
	static const struct reward_totals none;
	const struct reward_totals *totals = alloc == NULL ? &none : &alloc->totals;

	put_amount(out, ",\"residual\":{\"actor_excess\":", totals->actor_excess);
	put_amount(out, ",\"category_excess\":", totals->category_excess);
	put_amount(out, ",\"clamp\":", totals->clamp);
	put_amount(out, ",\"dust\":", totals->dust);
	put_amount(out, ",\"idle\":", totals->idle);
	reward_text_put(out, "}");
}

void reward_manifest_write(const struct reward_facts *facts, struct reward_text *out)
{
	const struct reward_request *request = &facts->request;

	reward_text_put(out, "{\"allocations\":[");
	put_allocations(out, facts->alloc);
	put_cid(out, "],\"commitment\":", true, &facts->commitment);
	put_amount(out, ",\"delta_minor\":", reward_keys_delta(facts));
	put_name(out, ",\"epoch_id\":", &request->epoch_id);
	put_cid(out, ",\"idempotency_key\":", true, &facts->idempotency_key);
	put_cid(out, ",\"inputs\":{\"accounting_cid\":", facts->has_inputs, &facts->accounting_cid);
	put_cid(out, ",\"inputs_cid\":", true, &request->inputs_cid);
	put_cid(out, ",\"ledger_cid\":", facts->has_inputs, &facts->ledger_cid);
	put_cid(out, ",\"policy_cid\":", true, &request->policy_hash);
	put_amount(out, "},\"payout_total_minor\":", reward_keys_payout(facts));
	put_cid(out, ",\"policy_hash\":", true, &request->policy_hash);
	put_name(out, ",\"policy_id\":", &request->policy_id);
	put_name(out, ",\"pool_total_minor\":", &facts->pool_text);
	reward_text_put(out, ",\"proof\":{\"scheme\":\"none\",\"type\":\"none\"}");
	if (facts->outcome.verdict == REWARD_QUARANTINED) {
		put_quarantine(out, &facts->outcome);
	}
	put_residual(out, facts->alloc);
	reward_text_put(out, ",\"run_key\":");
	reward_text_put_hex(out, (struct slice){ facts->run_key.bytes, HASH_BYTES });
	reward_text_put(out, ",\"status\":");
	reward_text_put(out, status_of(facts));
	put_name(out, ",\"tenant\":", &request->tenant);
	reward_text_put(out, ",\"version\":\"" REWARD_MANIFEST_VERSION "\"}");
}

void reward_manifest_write_attestation(
	const struct reward_facts *facts, struct slice signed_at, struct reward_text *out)
{
	const struct reward_request *request = &facts->request;

	put_cid(out, "{\"commitment\":", true, &facts->commitment);
	reward_text_put(out, ",\"domain\":\"ron.rewarder.attest.v1\"");
	put_name(out, ",\"epoch_id\":", &request->epoch_id);
	put_cid(out, ",\"idempotency_key\":", true, &facts->idempotency_key);
	put_cid(out, ",\"policy_hash\":", true, &request->policy_hash);
	reward_text_put(out, ",\"run_key\":");
	reward_text_put_hex(
		out, (struct slice){ facts->run_key.bytes, REWARD_RUN_KEY_SHORT_BYTES });
	reward_text_put(out, ",\"signed_at\":");
	reward_text_put_string(out, signed_at);
	reward_text_put(out, ",\"status\":");
	reward_text_put(out, status_of(facts));
	put_name(out, ",\"tenant\":", &request->tenant);
	put_amount(out, ",\"totals\":{\"payout_minor_units\":", reward_keys_payout(facts));
	put_name(out, ",\"pool_minor_units\":", &facts->pool_text);
	put_amount(out, ",\"residual_minor_units\":", reward_keys_delta(facts));
	reward_text_put(out, "}}");
}
