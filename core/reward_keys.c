#include "core/reward_keys.h"

#include <string.h>

static void add(struct blake3 *hash, struct slice text)
{
	blake3_add(hash, text.bytes, text.bytes_count);
}

static void add_cid(struct blake3 *hash, const struct hash *cid)
{
	char text[REWARD_CID_BYTES + 1];

	reward_text_print_cid(cid, text);
	blake3_add(hash, text, REWARD_CID_BYTES);
}

static void write_idempotency(const struct reward_request *request, struct reward_text *out)
{
	reward_text_put(out, "{\"domain\":");
	reward_text_put_string(out, reward_name_view(&request->salt));
	reward_text_put(out, ",\"epoch_id\":");
	reward_text_put_string(out, reward_name_view(&request->epoch_id));
	reward_text_put(out, ",\"inputs_cid\":");
	reward_text_put_cid(out, &request->inputs_cid);
	reward_text_put(out, ",\"policy_hash\":");
	reward_text_put_cid(out, &request->policy_hash);
	reward_text_put(out, ",\"tenant\":");
	reward_text_put_string(out, reward_name_view(&request->tenant));
	reward_text_put(out, "}");
}

void reward_keys_of_request(const struct reward_request *request, struct hash *ret_run_key,
	struct hash *ret_idempotency_key)
{
	struct blake3 hash;
	struct reward_text out;

	blake3_start(&hash);
	add(&hash, reward_name_view(&request->epoch_id));
	add_cid(&hash, &request->policy_hash);
	add_cid(&hash, &request->inputs_cid);
	blake3_finish(&hash, ret_run_key);

	blake3_start(&hash);
	reward_text_begin(&out, reward_text_hash, &hash);
	write_idempotency(request, &out);
	reward_text_end(&out);
	blake3_finish(&hash, ret_idempotency_key);
}

u128 reward_keys_payout(const struct reward_facts *facts)
{
	return facts->alloc == NULL ? 0 : facts->alloc->totals.payout;
}

u128 reward_keys_delta(const struct reward_facts *facts)
{
	const struct reward_totals *totals;

	if (facts->alloc == NULL) {
		return 0;
	}
	totals = &facts->alloc->totals;
	return totals->payout > totals->pool_total ? 0 : totals->pool_total - totals->payout;
}

void reward_keys_write_allocations(const struct reward_alloc *alloc, struct reward_text *out)
{
	const char *comma = "";

	reward_text_put(out, "[");
	for (uint32_t place = 0; alloc != NULL && place < alloc->actor_count; place++) {
		struct reward_actor actor = reward_alloc_actor(alloc, place);

		if (actor.amount > 0) {
			reward_text_put(out, comma);
			reward_text_put(out, "{\"actor\":\"");
			reward_text_put_bytes(out, actor.name); /* needs no escape */
			reward_text_put(out, "\",\"amount_minor\":");
			reward_text_put_amount(out, actor.amount);
			reward_text_put(out, "}");
			comma = ",";
		}
	}
	reward_text_put(out, "]");
}

void reward_keys_allocations_cid(const struct reward_alloc *alloc, struct hash *ret_cid)
{
	struct blake3 hash;
	struct reward_text out;

	blake3_start(&hash);
	reward_text_begin(&out, reward_text_hash, &hash);
	reward_keys_write_allocations(alloc, &out);
	reward_text_end(&out);
	blake3_finish(&hash, ret_cid);
}

static void put_cid_or_nothing(struct reward_text *out, bool is_known, const struct hash *cid)
{
	if (is_known) {
		reward_text_put_cid(out, cid);
	} else {
		reward_text_put(out, "\"\"");
	}
}

void reward_keys_write_commitment(const struct reward_facts *facts, struct reward_text *out)
{
	reward_text_put(out, "{\"domain\":\"ron.rewarder.commitment.v1\",\"epoch_id\":");
	reward_text_put_string(out, reward_name_view(&facts->request.epoch_id));
	reward_text_put(out, ",\"inputs\":{\"accounting_cid\":");
	put_cid_or_nothing(out, facts->has_inputs, &facts->accounting_cid);
	reward_text_put(out, ",\"inputs_cid\":");
	reward_text_put_cid(out, &facts->request.inputs_cid);
	reward_text_put(out, ",\"ledger_cid\":");
	put_cid_or_nothing(out, facts->has_inputs, &facts->ledger_cid);
	reward_text_put(out, ",\"policy_cid\":");
	reward_text_put_cid(out, &facts->request.policy_hash);
	reward_text_put(out, "},\"outputs\":{\"allocations\":");
	reward_keys_write_allocations(facts->alloc, out);
	reward_text_put(out, ",\"asset\":");
	reward_text_put_string(out, reward_name_view(&facts->asset));
	reward_text_put(out, ",\"delta_minor\":");
	reward_text_put_amount(out, reward_keys_delta(facts));
	reward_text_put(out, ",\"payout_total_minor\":");
	reward_text_put_amount(out, reward_keys_payout(facts));
	reward_text_put(out, ",\"pool_total_minor\":");
	reward_text_put_string(out, reward_name_view(&facts->pool_text));
	reward_text_put(out, "},\"policy_hash\":");
	reward_text_put_cid(out, &facts->request.policy_hash);
	reward_text_put(out, ",\"tenant\":");
	reward_text_put_string(out, reward_name_view(&facts->request.tenant));
	reward_text_put(out, "}");
}

void reward_keys_commitment(const struct reward_facts *facts, struct hash *ret_commitment)
{
	struct blake3 hash;
	struct reward_text out;

	blake3_start(&hash);
	reward_text_begin(&out, reward_text_hash, &hash);
	reward_keys_write_commitment(facts, &out);
	reward_text_end(&out);
	blake3_finish(&hash, ret_commitment);
}

struct id128 reward_keys_nonce(const struct hash *idempotency_key, struct slice actor)
{
	struct blake3 hash;
	struct hash digest;
	struct id128 nonce;

	blake3_start(&hash);
	add_cid(&hash, idempotency_key);
	blake3_add(&hash, "|", 1);
	add(&hash, actor);
	blake3_finish(&hash, &digest);
	memcpy(nonce.bytes, digest.bytes, sizeof nonce.bytes);
	return nonce;
}
