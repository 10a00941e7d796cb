#include "core/intent.h"

#include "core/amount.h"
#include "core/entry.h"
#include "core/hex.h"

#define POOL_PREFIX ENTRY_VIEW("sys:reward_pool:")

_Static_assert(sizeof("sys:reward_pool::") - 1 + INTENT_TENANT_BYTES_MAX + 1 <= ACCOUNT_BYTES_MAX,
	"the longest tenant has a pool in an asset of one letter");

/* ---- the header ---- */

static void put_hashes_and_totals(struct byte_writer *out, const struct intent *intent)
{
	byte_put_hash(out, &intent->run_key);
	byte_put_hash(out, &intent->idempotency_key);
	byte_put_hash(out, &intent->commitment);
	byte_put_hash(out, &intent->policy_hash);
	byte_put_hash(out, &intent->allocations_cid);
	byte_put_u128(out, intent->pool_total);
	byte_put_u128(out, intent->payout_total);
}

static void get_hashes_and_totals(struct byte_reader *in, struct intent *intent)
{
	intent->run_key = byte_get_hash(in);
	intent->idempotency_key = byte_get_hash(in);
	intent->commitment = byte_get_hash(in);
	intent->policy_hash = byte_get_hash(in);
	intent->allocations_cid = byte_get_hash(in);
	intent->pool_total = byte_get_u128(in);
	intent->payout_total = byte_get_u128(in);
}

void intent_encode(struct byte_writer *out, const struct intent *intent)
{
	assert(intent->tenant.bytes_count <= INTENT_TENANT_BYTES_MAX);
	assert(intent->epoch.bytes_count <= INTENT_EPOCH_BYTES_MAX);
	assert(intent->policy_id.bytes_count <= INTENT_POLICY_ID_BYTES_MAX);
	assert(intent->asset.bytes_count <= ASSET_BYTES_MAX);
	assert(intent->pool_account.bytes_count <= ACCOUNT_BYTES_MAX);
	byte_put_u8(out, INTENT_VERSION);
	byte_put_string8(out, intent->tenant);
	byte_put_string8(out, intent->epoch);
	byte_put_string8(out, intent->policy_id);
	byte_put_string8(out, intent->asset);
	byte_put_string8(out, intent->pool_account);
	put_hashes_and_totals(out, intent);
	byte_put_u32(out, intent->count);
}

enum err intent_decode(struct slice bytes, struct intent *ret_intent)
{
	struct byte_reader in = byte_reader_of(bytes);
	uint8_t version = byte_get_u8(&in);
	struct intent intent;

	intent.tenant = byte_get_string8(&in, INTENT_TENANT_BYTES_MAX);
	intent.epoch = byte_get_string8(&in, INTENT_EPOCH_BYTES_MAX);
	intent.policy_id = byte_get_string8(&in, INTENT_POLICY_ID_BYTES_MAX);
	intent.asset = byte_get_string8(&in, ASSET_BYTES_MAX);
	intent.pool_account = byte_get_string8(&in, ACCOUNT_BYTES_MAX);
	get_hashes_and_totals(&in, &intent);
	intent.count = byte_get_u32(&in);
	if (version != INTENT_VERSION || !byte_reader_done(&in)) {
		return ERR_MALFORMED;
	}
	*ret_intent = intent;
	return ERR_OK;
}

void intent_put_settled(
	struct byte_writer *out, const struct intent *intent, uint64_t seq_start, uint64_t seq_end)
{
	byte_put_u8(out, INTENT_VERSION);
	byte_put_string8(out, intent->tenant);
	byte_put_string8(out, intent->epoch);
	byte_put_string8(out, intent->policy_id);
	put_hashes_and_totals(out, intent);
	byte_put_u64(out, seq_start);
	byte_put_u64(out, seq_end);
}

enum err intent_get_settled(struct slice bytes, struct intent *ret_intent, uint64_t *ret_seq_start,
	uint64_t *ret_seq_end)
{
	struct byte_reader in = byte_reader_of(bytes);
	uint8_t version = byte_get_u8(&in);
	struct intent intent = { .count = 0 };
	uint64_t seq_start, seq_end;

	intent.tenant = byte_get_string8(&in, INTENT_TENANT_BYTES_MAX);
	intent.epoch = byte_get_string8(&in, INTENT_EPOCH_BYTES_MAX);
	intent.policy_id = byte_get_string8(&in, INTENT_POLICY_ID_BYTES_MAX);
	get_hashes_and_totals(&in, &intent);
	seq_start = byte_get_u64(&in);
	seq_end = byte_get_u64(&in);
	if (version != INTENT_VERSION || !byte_reader_done(&in) || seq_start == 0 ||
		seq_end < seq_start || seq_end - seq_start >= UINT32_MAX) {
		return ERR_MALFORMED;
	}
	intent.count = (uint32_t)(seq_end - seq_start + 1);
	*ret_intent = intent;
	*ret_seq_start = seq_start;
	*ret_seq_end = seq_end;
	return ERR_OK;
}

size_t intent_pool_account(
	struct slice tenant, struct slice asset, char ret_name[ACCOUNT_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_name, ACCOUNT_BYTES_MAX);
	struct slice name;

	byte_put_bytes(&out, POOL_PREFIX.bytes, POOL_PREFIX.bytes_count);
	byte_put_bytes(&out, tenant.bytes, tenant.bytes_count);
	byte_put_bytes(&out, ":", 1);
	byte_put_bytes(&out, asset.bytes, asset.bytes_count);
	name = (struct slice){ (const uint8_t *)ret_name, out.used };
	return !out.failed && entry_account_is_reward_pool(name, asset) ? out.used : 0;
}

enum detail intent_check(const struct intent *intent)
{
	char pool[ACCOUNT_BYTES_MAX];
	size_t pool_bytes = 0;

	/* the letters of an account are those of epochs and policy ids, too */
	if (!entry_asset_is_valid(intent->asset) || !entry_account_is_valid(intent->tenant) ||
		!entry_account_is_valid(intent->epoch) ||
		!entry_account_is_valid(intent->policy_id) ||
		!entry_account_is_valid(intent->pool_account)) {
		return DETAIL_INTENT;
	}
	pool_bytes = intent_pool_account(intent->tenant, intent->asset, pool);
	if (pool_bytes == 0 || !entry_views_equal(intent->pool_account,
				       (struct slice){ (const uint8_t *)pool, pool_bytes })) {
		return DETAIL_INTENT;
	}
	return intent->count > 0 && intent->payout_total > 0 &&
			       intent->payout_total <= intent->pool_total
		       ? DETAIL_NONE
		       : DETAIL_INTENT;
}

/* ---- the allocations ---- */

void intent_put_allocation(struct byte_writer *out, const struct intent_allocation *allocation)
{
	byte_put_string8(out, allocation->actor);
	byte_put_u128(out, allocation->amount);
}

bool intent_next(struct byte_reader *in, struct intent_allocation *ret_allocation)
{
	if (in->failed || in->left == 0) {
		return false;
	}
	ret_allocation->actor = byte_get_string8(in, ACCOUNT_BYTES_MAX);
	ret_allocation->amount = byte_get_u128(in);
	return !in->failed;
}

static bool rises(struct slice before, struct slice after)
{
	size_t common =
		before.bytes_count < after.bytes_count ? before.bytes_count : after.bytes_count;
	int order = common == 0 ? 0 : memcmp(before.bytes, after.bytes, common);

	return order < 0 || (order == 0 && before.bytes_count < after.bytes_count);
}

enum detail intent_check_allocations(const struct intent *intent, struct slice allocations)
{
	struct byte_reader in = byte_reader_of(allocations);
	struct intent_allocation each, before = { .amount = 0 };
	struct intent_cid cid;
	struct hash hash;
	u128 sum = 0;
	uint64_t count = 0;

	intent_cid_init(&cid);
	while (intent_next(&in, &each)) {
		if (!entry_account_is_valid(each.actor) || entry_account_is_sys(each.actor) ||
			!rises(before.actor, each.actor) || each.amount == 0 ||
			each.amount > intent->payout_total - sum) {
			return DETAIL_ALLOCATIONS;
		}
		sum += each.amount;
		count++;
		intent_cid_add(&cid, &each);
		before = each;
	}
	if (!byte_reader_done(&in) || count != intent->count || sum != intent->payout_total) {
		return DETAIL_ALLOCATIONS;
	}
	intent_cid_finish(&cid, &hash);
	return memcmp(&hash, &intent->allocations_cid, sizeof hash) == 0 ? DETAIL_NONE
									 : DETAIL_ALLOCATIONS_CID;
}

/* ---- what is hashed of them ---- */

void intent_cid_init(struct intent_cid *cid)
{
	blake3_start(&cid->hash);
	cid->has_begun = false;
}

/* Nothing in an account's letters needs an escape. */
void intent_cid_add(struct intent_cid *cid, const struct intent_allocation *allocation)
{
	uint8_t text[ACCOUNT_BYTES_MAX + AMOUNT_TEXT_BYTES_MAX + 64u];
	struct byte_writer out = byte_writer_of(text, sizeof text);
	const struct slice actor = ENTRY_VIEW("{\"actor\":\""),
			   amount = ENTRY_VIEW("\",\"amount_minor\":\""), end = ENTRY_VIEW("\"}");
	char digits[AMOUNT_TEXT_BYTES_MAX];
	size_t digit_count = amount_print(allocation->amount, digits);

	byte_put_bytes(&out, cid->has_begun ? "," : "[", 1);
	byte_put_bytes(&out, actor.bytes, actor.bytes_count);
	byte_put_bytes(&out, allocation->actor.bytes, allocation->actor.bytes_count);
	byte_put_bytes(&out, amount.bytes, amount.bytes_count);
	byte_put_bytes(&out, digits, digit_count);
	byte_put_bytes(&out, end.bytes, end.bytes_count);
	assert(!out.failed);
	blake3_add(&cid->hash, text, out.used);
	cid->has_begun = true;
}

void intent_cid_finish(struct intent_cid *cid, struct hash *ret_cid)
{
	blake3_add(&cid->hash, cid->has_begun ? "]" : "[]", cid->has_begun ? 1 : 2);
	blake3_finish(&cid->hash, ret_cid);
}

void intent_nonce(const struct hash *idempotency_key, struct slice actor, struct id128 *ret_nonce)
{
	char text[3 + HEX_TEXT_BYTES(HASH_BYTES) + 1 + ACCOUNT_BYTES_MAX];
	size_t used = 3 + HEX_TEXT_BYTES(HASH_BYTES);
	struct hash hash;

	assert(actor.bytes_count <= ACCOUNT_BYTES_MAX);
	memcpy(text, "b3:", 3);
	hex_encode(idempotency_key->bytes, HASH_BYTES, text + 3);
	text[used++] = '|';
	memcpy(text + used, actor.bytes, actor.bytes_count);
	blake3_hash(text, used + actor.bytes_count, &hash);
	memcpy(ret_nonce->bytes, hash.bytes, sizeof ret_nonce->bytes);
}
