#include "core/policy.h"

#include <assert.h>
#include <string.h>

#include "core/bytes.h"
#include "core/caveat.h"
#include "core/entry.h"

static const struct policy_quota no_quota = { .ops = UINT64_MAX, .spend_minor = U128_MAX };

void policy_init(struct policy *policy)
{
	memset(policy, 0, sizeof *policy);
	policy->ops = POLICY_OPS_ALL;
	policy->per_account = policy->per_tenant = no_quota;
}

bool policy_allows(const struct policy *policy, enum operation_kind kind)
{
	return (policy->ops & POLICY_OP_BIT(kind)) != 0;
}

static struct slice name_of(const struct policy_asset *row)
{
	return (struct slice){ row->name, row->name_bytes };
}

static int compare(struct slice left, struct slice right)
{
	size_t common = left.bytes_count < right.bytes_count ? left.bytes_count : right.bytes_count;
	int order = common == 0 ? 0 : memcmp(left.bytes, right.bytes, common);

	if (order != 0) {
		return order;
	}
	return (left.bytes_count > right.bytes_count) - (left.bytes_count < right.bytes_count);
}

/* The first row that does not stand before the asset. */
static uint32_t place_of(const struct policy *policy, struct slice asset)
{
	uint32_t low = 0, high = policy->asset_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare(name_of(&policy->assets[middle]), asset) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

const struct policy_asset *policy_find(const struct policy *policy, struct slice asset)
{
	uint32_t place = place_of(policy, asset);

	return place < policy->asset_count && compare(name_of(&policy->assets[place]), asset) == 0
		       ? &policy->assets[place]
		       : NULL;
}

bool policy_may_issue(const struct policy *policy, struct slice asset)
{
	const struct policy_asset *row = policy_find(policy, asset);

	return row != NULL && row->may_issue;
}

bool policy_add(struct policy *policy, const struct policy_asset *row)
{
	uint32_t place = place_of(policy, name_of(row));

	if (policy->asset_count == POLICY_ASSETS_MAX || policy_find(policy, name_of(row)) != NULL) {
		return false;
	}
	memmove(&policy->assets[place + 1], &policy->assets[place],
		(policy->asset_count - place) * sizeof *row);
	policy->assets[place] = *row;
	policy->asset_count++;
	return true;
}

static const struct policy_client *find_client(
	const struct policy *policy, const struct hash *certificate)
{
	for (uint32_t i = 0; i < policy->client_count; i++) {
		if (memcmp(&policy->clients[i].certificate, certificate, sizeof *certificate) ==
			0) {
			return &policy->clients[i];
		}
	}
	return NULL;
}

uint32_t policy_actions_of(const struct policy *policy, const struct hash *certificate)
{
	const struct policy_client *row = find_client(policy, certificate);

	if (!policy->has_clients) {
		return CAVEAT_ACTIONS_ALL;
	}
	return row == NULL ? 0 : row->actions;
}

bool policy_add_client(struct policy *policy, const struct policy_client *row)
{
	if (policy->client_count == POLICY_CLIENTS_MAX ||
		find_client(policy, &row->certificate) != NULL) {
		return false;
	}
	policy->clients[policy->client_count++] = *row;
	return true;
}

/* ---- on its way ---- */

static void put_quota(struct byte_writer *out, const struct policy_quota *quota)
{
	byte_put_u64(out, quota->ops);
	byte_put_u128(out, quota->spend_minor);
}

size_t policy_encode(const struct policy *policy, uint8_t ret_bytes[POLICY_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_bytes, POLICY_BYTES_MAX);

	byte_put_u8(&out, policy->ops);
	put_quota(&out, &policy->per_account);
	put_quota(&out, &policy->per_tenant);
	byte_put_u16(&out, policy->asset_count);
	for (uint32_t i = 0; i < policy->asset_count; i++) {
		const struct policy_asset *row = &policy->assets[i];

		byte_put_u8(&out, row->name_bytes);
		byte_put_bytes(&out, row->name, row->name_bytes);
		byte_put_u128(&out, row->op_amount_max);
		byte_put_u128(&out, row->daily_ceiling);
		byte_put_u8(&out, row->may_issue);
		byte_put_u128(&out, row->issuance_cap);
		byte_put_u64(&out, row->issuance_expires_unix_ms);
	}
	byte_put_u8(&out, policy->has_clients);
	byte_put_u8(&out, policy->client_count);
	for (uint32_t i = 0; i < policy->client_count; i++) {
		byte_put_bytes(&out, policy->clients[i].certificate.bytes, HASH_BYTES);
		byte_put_u32(&out, policy->clients[i].actions);
	}
	assert(!out.failed); /* rows are bounded */
	return out.used;
}

static struct policy_quota take_quota(struct byte_reader *in)
{
	uint64_t ops = byte_get_u64(in);

	return (struct policy_quota){ .ops = ops, .spend_minor = byte_get_u128(in) };
}

static bool take_row(struct byte_reader *in, struct policy_asset *ret_row)
{
	size_t name_bytes = byte_get_u8(in);
	struct slice name = byte_get_view(in, name_bytes);
	uint8_t may_issue;

	*ret_row = (struct policy_asset){ 0 };
	ret_row->op_amount_max = byte_get_u128(in);
	ret_row->daily_ceiling = byte_get_u128(in);
	may_issue = byte_get_u8(in);
	ret_row->issuance_cap = byte_get_u128(in);
	ret_row->issuance_expires_unix_ms = byte_get_u64(in);
	if (in->failed || may_issue > 1 || !entry_asset_is_valid(name)) {
		return false;
	}
	ret_row->may_issue = may_issue == 1;
	ret_row->name_bytes = (uint8_t)name.bytes_count;
	memcpy(ret_row->name, name.bytes, name.bytes_count);
	return true;
}

static enum err take_rows(struct byte_reader *in, uint32_t count, struct policy *policy)
{
	for (uint32_t i = 0; i < count; i++) {
		struct policy_asset *row = &policy->assets[i];

		if (!take_row(in, row) || (i > 0 && compare(name_of(row - 1), name_of(row)) >= 0)) {
			return ERR_MALFORMED;
		}
		policy->asset_count++;
	}
	return ERR_OK;
}

static enum err take_clients(struct byte_reader *in, struct policy *policy)
{
	uint8_t has = byte_get_u8(in), count = byte_get_u8(in);

	if (in->failed || has > 1 || count > POLICY_CLIENTS_MAX || (has == 0 && count > 0)) {
		return ERR_MALFORMED;
	}
	policy->has_clients = has == 1;
	for (uint32_t i = 0; i < count; i++) {
		struct slice certificate = byte_get_view(in, HASH_BYTES);
		struct policy_client row = { .actions = byte_get_u32(in) };

		if (in->failed || (row.actions & ~CAVEAT_ACTIONS_ALL) != 0) {
			return ERR_MALFORMED;
		}
		memcpy(row.certificate.bytes, certificate.bytes, HASH_BYTES);
		if (!policy_add_client(policy, &row)) {
			return ERR_MALFORMED;
		}
	}
	return byte_reader_done(in) ? ERR_OK : ERR_MALFORMED;
}

enum err policy_decode(struct slice bytes, struct policy *ret_policy)
{
	struct byte_reader in = byte_reader_of(bytes);
	uint8_t ops = byte_get_u8(&in);
	struct policy_quota per_account = take_quota(&in), per_tenant = take_quota(&in);
	uint32_t count = byte_get_u16(&in);
	enum err err = ERR_MALFORMED;

	policy_init(ret_policy);
	if (!in.failed && (ops & ~POLICY_OPS_ALL) == 0 && count <= POLICY_ASSETS_MAX) {
		ret_policy->ops = ops;
		ret_policy->per_account = per_account;
		ret_policy->per_tenant = per_tenant;
		err = take_rows(&in, count, ret_policy);
	}
	if (err == ERR_OK) {
		err = take_clients(&in, ret_policy);
	}
	if (err != ERR_OK) {
		policy_init(ret_policy); /* nothing of it */
		ret_policy->ops = 0;
	}
	return err;
}
