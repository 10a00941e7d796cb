#include "core/reward_inputs.h"

#include <string.h>

#include "core/entry.h"
#include "core/hex.h"

static const char expected_epoch[] = "an epoch as 2025-10-13 or 2025-10-13T00:00Z";
static const char expected_tenant[] = "a tenant of 1 to 64 characters [A-Za-z0-9._-]";
static const char expected_asset[] = "an asset of the ledger";

/* ---- the bundle ---- */

static bool read_time(struct json *in, int64_t *ret_unix_s)
{
	static const char expected[] = "a whole minute as 2025-10-01T00:00:00Z";
	struct slice text;

	return reward_doc_string(in, expected, &text) &&
	       ((reward_time_parse(text, ret_unix_s) && *ret_unix_s % 60 == 0) ||
		       json_fail(in, expected, NULL));
}

static bool read_window(struct json *in, struct reward_bundle *bundle)
{
	static const char *const names[] = { "end", "start" };
	uint32_t seen = 0, place = 0;
	bool good = reward_doc_object(in);

	while (good && reward_doc_member(in, names, COUNT_OF(names), &seen, &place)) {
		good = read_time(
			in, place == 0 ? &bundle->window_end_unix_s : &bundle->window_start_unix_s);
	}
	return good && json_members_whole(in, names, seen, 3) &&
	       (bundle->window_start_unix_s < bundle->window_end_unix_s ||
		       json_fail(in, "a window that starts before it ends", NULL));
}

enum bundle_member {
	BUNDLE_ACCOUNTING_CID,
	BUNDLE_ASSET,
	BUNDLE_EPOCH_ID,
	BUNDLE_EPOCH_INDEX,
	BUNDLE_KIND,
	BUNDLE_LEDGER_CID,
	BUNDLE_POLICY_CID,
	BUNDLE_TENANT,
	BUNDLE_V,
	BUNDLE_WINDOW,
	BUNDLE_MEMBERS,
};

static const char *const bundle_names[] = { "accounting_cid", "asset", "epoch_id", "epoch_index",
	"kind", "ledger_cid", "policy_cid", "tenant", "v", "window" };

static bool read_bundle_member(
	struct json *in, enum bundle_member member, struct reward_bundle *bundle)
{
	switch (member) {
	case BUNDLE_ACCOUNTING_CID:
		return reward_doc_cid(in, &bundle->accounting_cid);
	case BUNDLE_ASSET:
		return reward_doc_named(in, entry_asset_is_valid, expected_asset, &bundle->asset);
	case BUNDLE_EPOCH_ID:
		return reward_doc_named(in, reward_is_epoch, expected_epoch, &bundle->epoch_id);
	case BUNDLE_EPOCH_INDEX:
		return reward_doc_u64(in, REWARD_EPOCH_INDEX_MAX, "a number from 0 to 2^53 - 1",
			&bundle->epoch_index);
	case BUNDLE_KIND:
		return reward_doc_literal(in, "ron.rewarder.inputs", "kind ron.rewarder.inputs");
	case BUNDLE_LEDGER_CID:
		return reward_doc_cid(in, &bundle->ledger_cid);
	case BUNDLE_POLICY_CID:
		return reward_doc_cid(in, &bundle->policy_cid);
	case BUNDLE_TENANT:
		return reward_doc_named(in, reward_is_tenant, expected_tenant, &bundle->tenant);
	case BUNDLE_V:
		return reward_doc_version(in);
	case BUNDLE_WINDOW:
		return read_window(in, bundle);
	case BUNDLE_MEMBERS:
		break;
	}
	return false;
}

static bool read_bundle(struct json *in, struct reward_bundle *bundle)
{
	uint32_t seen = 0, place = 0;
	bool good = reward_doc_object(in);

	_Static_assert(COUNT_OF(bundle_names) == BUNDLE_MEMBERS, "a name each");
	while (good && reward_doc_member(in, bundle_names, BUNDLE_MEMBERS, &seen, &place)) {
		good = read_bundle_member(in, (enum bundle_member)place, bundle);
	}
	return good && json_members_whole(in, bundle_names, seen, (1u << BUNDLE_MEMBERS) - 1) &&
	       reward_doc_end(in);
}

static bool is_too_long(
	size_t bytes_count, size_t bytes_max, const char *what, struct reward_outcome *outcome)
{
	if (bytes_count <= bytes_max) {
		return false;
	}
	(void)reward_quarantine(outcome, REWARD_KIND_SCHEMA, what);
	reward_add_text(outcome, ": expected at most ");
	reward_add_number(outcome, bytes_max);
	reward_add_text(outcome, " bytes");
	return true;
}

bool reward_inputs_bundle(
	struct slice text, struct reward_bundle *ret_bundle, struct reward_outcome *outcome)
{
	struct json in;

	memset(ret_bundle, 0, sizeof *ret_bundle);
	if (is_too_long(text.bytes_count, REWARD_BUNDLE_BYTES_MAX, "bundle", outcome)) {
		return false;
	}
	reward_doc_begin(&in, text);
	if (!read_bundle(&in, ret_bundle)) {
		(void)reward_quarantine(outcome, REWARD_KIND_SCHEMA, "");
		reward_doc_tell(&in, "bundle", outcome);
		return false;
	}
	return true;
}

/* ---- the ledger snapshot ---- */

enum ledger_member {
	LEDGER_ASSET,
	LEDGER_EPOCH_ID,
	LEDGER_KIND,
	LEDGER_POOL_ACCOUNT,
	LEDGER_POOL_TOTAL,
	LEDGER_ROOT,
	LEDGER_SEQ,
	LEDGER_TENANT,
	LEDGER_V,
	LEDGER_MEMBERS,
};

static const char *const ledger_names[] = { "asset", "epoch_id", "kind", "pool_account",
	"pool_total_minor", "root", "seq", "tenant", "v" };

struct ledger_reading {
	struct json in;
	struct reward_ledger *ledger;
	struct reward_name pool_text;
	enum reward_number pool;
};

/* What is no decimal integer at all is malformed; one that is out of bounds is minded when the
 * whole document is known to be in form. */
static bool read_pool(struct ledger_reading *reading)
{
	static const char expected[] = "a decimal string of at most 128 digits";
	struct json *in = &reading->in;
	struct slice text;

	if (!reward_doc_string(in, expected, &text)) {
		return false;
	}
	reading->pool = reward_number_parse(text, REWARD_AMOUNT_MAX, &reading->ledger->pool_total);
	if (reading->pool == REWARD_NUMBER_NO_DECIMAL ||
		text.bytes_count > sizeof reading->pool_text.bytes) {
		return json_fail(in, expected, NULL);
	}
	memcpy(reading->pool_text.bytes, text.bytes, text.bytes_count);
	reading->pool_text.bytes_count = (uint8_t)text.bytes_count;
	return true;
}

static bool read_root(struct json *in, struct hash *ret_root)
{
	static const char expected[] = "64 lower-case hexadecimal digits";
	struct slice text;

	return reward_doc_string(in, expected, &text) &&
	       (hex_decode((const char *)text.bytes, text.bytes_count, ret_root->bytes,
			HASH_BYTES) == ERR_OK ||
		       json_fail(in, expected, NULL));
}

static bool read_ledger_member(struct ledger_reading *reading, enum ledger_member member)
{
	struct json *in = &reading->in;
	struct reward_ledger *ledger = reading->ledger;

	switch (member) {
	case LEDGER_ASSET:
		return reward_doc_named(in, entry_asset_is_valid, expected_asset, &ledger->asset);
	case LEDGER_EPOCH_ID:
		return reward_doc_named(in, reward_is_epoch, expected_epoch, &ledger->epoch_id);
	case LEDGER_KIND:
		return reward_doc_literal(in, "ron.ledger.snapshot", "kind ron.ledger.snapshot");
	case LEDGER_POOL_ACCOUNT:
		return reward_doc_named(in, entry_account_is_sys,
			"the account sys:reward_pool:<tenant>:<asset>", &ledger->pool_account);
	case LEDGER_POOL_TOTAL:
		return read_pool(reading);
	case LEDGER_ROOT:
		return read_root(in, &ledger->root);
	case LEDGER_SEQ:
		return reward_doc_u64(in, INT64_MAX, "a number from 0 to 2^63 - 1", &ledger->seq);
	case LEDGER_TENANT:
		return reward_doc_named(in, reward_is_tenant, expected_tenant, &ledger->tenant);
	case LEDGER_V:
		return reward_doc_version(in);
	case LEDGER_MEMBERS:
		break;
	}
	return false;
}

static bool read_ledger(struct ledger_reading *reading)
{
	struct json *in = &reading->in;
	uint32_t seen = 0, place = 0;
	bool good = reward_doc_object(in);

	_Static_assert(COUNT_OF(ledger_names) == LEDGER_MEMBERS, "a name each");
	while (good && reward_doc_member(in, ledger_names, LEDGER_MEMBERS, &seen, &place)) {
		good = read_ledger_member(reading, (enum ledger_member)place);
	}
	return good && json_members_whole(in, ledger_names, seen, (1u << LEDGER_MEMBERS) - 1) &&
	       reward_doc_end(in);
}

/* No other account can pay: the ledger admits transfers out of this one only. */
static bool is_pool_of(const struct reward_ledger *ledger)
{
	static const char prefix[] = "sys:reward_pool:";
	struct slice account = reward_name_view(&ledger->pool_account);
	size_t prefix_bytes = sizeof prefix - 1, tenant_bytes = ledger->tenant.bytes_count;

	return entry_account_is_reward_pool(account, reward_name_view(&ledger->asset)) &&
	       account.bytes_count == prefix_bytes + tenant_bytes + 1 + ledger->asset.bytes_count &&
	       memcmp(account.bytes + prefix_bytes, ledger->tenant.bytes, tenant_bytes) == 0;
}

bool reward_inputs_ledger(struct slice text, struct reward_ledger *ret_ledger,
	struct reward_name *ret_pool_text, struct reward_outcome *outcome)
{
	struct ledger_reading reading = { .ledger = ret_ledger };

	memset(ret_ledger, 0, sizeof *ret_ledger);
	*ret_pool_text = (struct reward_name){ .bytes_count = 1, .bytes = "0" };
	if (is_too_long(text.bytes_count, REWARD_LEDGER_BYTES_MAX, "ledger snapshot", outcome)) {
		return false;
	}
	reward_doc_begin(&reading.in, text);
	if (!read_ledger(&reading)) {
		(void)reward_quarantine(outcome, REWARD_KIND_SCHEMA, "");
		reward_doc_tell(&reading.in, "ledger snapshot", outcome);
		return false;
	}
	if (!is_pool_of(ret_ledger)) {
		return reward_quarantine(outcome, REWARD_KIND_SCHEMA,
			"ledger snapshot: expected the pool account "
			"sys:reward_pool:<tenant>:<asset>");
	}
	*ret_pool_text = reading.pool_text;
	if (reading.pool == REWARD_NUMBER_NEGATIVE) {
		return reward_quarantine(outcome, REWARD_KIND_NEGATIVE,
			"ledger snapshot: expected a pool that is not below zero");
	}
	return reading.pool == REWARD_NUMBER_OK ||
	       reward_quarantine(outcome, REWARD_KIND_OVERFLOW,
		       "ledger snapshot: expected a pool of at most 2^127 - 1");
}
