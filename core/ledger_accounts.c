#include "core/ledger_state.h"

/* Assets by number and accounts by dense index, found by name through tables of fingerprints. */

/* 0 means "none" wherever fingerprints are kept. */
uint64_t ledger_fingerprint(const struct ledger *ledger, const void *bytes, size_t bytes_count)
{
	uint64_t print =
		siphash_24(ledger->key, bytes, bytes_count) & ledger->limits.fingerprint_mask;

	return print == 0 ? 1 : print;
}

/* docs/formats.md: source u8 | nonce 16 | account. Stored, so fixed. */
uint64_t ledger_key_fingerprint(const struct ledger *ledger, enum entry_source source,
	const struct id128 *nonce, struct slice account)
{
	uint8_t bytes[1 + ID_BYTES + ACCOUNT_BYTES_MAX];

	assert(account.bytes_count <= ACCOUNT_BYTES_MAX);
	bytes[0] = (uint8_t)source;
	memcpy(bytes + 1, nonce->bytes, ID_BYTES);
	memcpy(bytes + 1 + ID_BYTES, account.bytes, account.bytes_count);
	return ledger_fingerprint(ledger, bytes, 1 + ID_BYTES + account.bytes_count);
}

uint64_t ledger_id_fingerprint(const struct ledger *ledger, const struct id128 *id)
{
	return ledger_fingerprint(ledger, id->bytes, sizeof id->bytes);
}

static uint64_t account_fingerprint(const struct ledger *ledger, struct slice name, uint32_t asset)
{
	uint8_t bytes[2 + ACCOUNT_BYTES_MAX];

	bytes[0] = (uint8_t)asset;
	bytes[1] = (uint8_t)(asset >> 8);
	memcpy(bytes + 2, name.bytes, name.bytes_count);
	return ledger_fingerprint(ledger, bytes, 2 + name.bytes_count);
}

uint32_t ledger_asset_find(struct ledger *ledger, struct slice name)
{
	struct table_scan scan;
	uint64_t value;

	if (entry_views_equal(ledger_asset_name(ledger, ledger->asset_last), name)) {
		return ledger->asset_last;
	}
	scan = table_find(
		&ledger->asset_table, ledger_fingerprint(ledger, name.bytes, name.bytes_count));
	while (table_next(&scan, &value)) {
		if (entry_views_equal(ledger_asset_name(ledger, (uint32_t)value - 1), name)) {
			ledger->asset_last = (uint32_t)value - 1;
			return ledger->asset_last;
		}
	}
	return LEDGER_NONE;
}

uint32_t ledger_asset_make(struct ledger *ledger, struct slice name)
{
	uint32_t number = ledger_asset_find(ledger, name);
	struct ledger_asset *asset;

	if (number != LEDGER_NONE) {
		return number;
	}
	if (ledger->asset_count == LEDGER_ASSETS_MAX) {
		return LEDGER_NONE;
	}
	number = ledger->asset_count++;
	asset = &ledger->assets[number];
	*asset = (struct ledger_asset){
		.name_bytes = (uint8_t)name.bytes_count,
		.issuance = LEDGER_NONE,
	};
	if (name.bytes_count > 0) {
		memcpy(asset->name, name.bytes, name.bytes_count);
	}
	table_insert(&ledger->asset_table, ledger_fingerprint(ledger, name.bytes, name.bytes_count),
		(uint64_t)number + 1);
	if (ledger->journal_depth > 0) {
		(void)ledger_note(ledger, NOTE_ASSET_MADE, number);
	}
	return number;
}

static bool is_account(
	const struct ledger *ledger, uint32_t index, struct slice name, uint32_t asset)
{
	const struct ledger_account *account = ledger_account_at(ledger, index);

	return account->asset == asset && entry_views_equal(ledger_account_name(account), name);
}

static uint32_t account_in_asset(struct ledger *ledger, struct slice name, uint32_t asset)
{
	struct table_scan scan;
	uint64_t value;

	for (size_t i = 0; i < COUNT_OF(ledger->expected); i++) {
		uint32_t index = ledger->expected[i];

		if (index < ledger->account_count && is_account(ledger, index, name, asset)) {
			return index;
		}
	}
	scan = table_find(&ledger->account_table, account_fingerprint(ledger, name, asset));
	while (table_next(&scan, &value)) {
		if (is_account(ledger, (uint32_t)value - 1, name, asset)) {
			return (uint32_t)value - 1;
		}
	}
	return LEDGER_NONE;
}

uint64_t ledger_account_warm_slot(struct ledger *ledger, struct slice name, struct slice asset)
{
	uint32_t number = name.bytes_count == 0 ? LEDGER_NONE : ledger_asset_find(ledger, asset);
	uint64_t fingerprint;

	if (number == LEDGER_NONE) {
		return 0;
	}
	fingerprint = account_fingerprint(ledger, name, number);
	table_prefetch(&ledger->account_table, fingerprint);
	return fingerprint;
}

uint32_t ledger_account_warm(struct ledger *ledger, uint64_t fingerprint)
{
	struct table_scan scan;
	uint64_t value;

	if (fingerprint == 0) {
		return LEDGER_NONE;
	}
	scan = table_find(&ledger->account_table, fingerprint);
	if (!table_next(&scan, &value)) {
		return LEDGER_NONE;
	}
	__builtin_prefetch(ledger_account_at(ledger, (uint32_t)value - 1));
	return (uint32_t)value - 1;
}

void ledger_account_warm_name(struct ledger *ledger, uint32_t index)
{
	if (index != LEDGER_NONE) {
		__builtin_prefetch(ledger_account_at(ledger, index)->name);
	}
}

void ledger_account_expect(struct ledger *ledger, const uint32_t accounts[2])
{
	memcpy(ledger->expected, accounts, sizeof ledger->expected);
}

uint32_t ledger_account_find(struct ledger *ledger, struct slice name, struct slice asset)
{
	uint32_t number = ledger_asset_find(ledger, asset);

	return number == LEDGER_NONE ? LEDGER_NONE : account_in_asset(ledger, name, number);
}

uint32_t ledger_account_append(struct ledger *ledger, struct slice name, uint32_t asset)
{
	uint32_t index = ledger->account_count++;
	struct ledger_account *account = ledger_account_at(ledger, index);

	*account = (struct ledger_account){
		.name = ledger_name_copy(ledger, name),
		.name_bytes = (uint8_t)name.bytes_count,
		.asset = (uint16_t)asset,
	};
	table_insert(&ledger->account_table, account_fingerprint(ledger, name, asset),
		(uint64_t)index + 1);
	if (entry_views_equal(name, ENTRY_ISSUANCE_ACCOUNT)) {
		ledger->assets[asset].issuance = index;
	}
	return index;
}

uint32_t ledger_account_make(struct ledger *ledger, struct slice name, struct slice asset)
{
	uint32_t number = ledger_asset_make(ledger, asset);
	uint32_t index;

	if (number == LEDGER_NONE) {
		return LEDGER_NONE;
	}
	index = account_in_asset(ledger, name, number);
	if (index != LEDGER_NONE) {
		return index;
	}
	index = ledger_account_append(ledger, name, number);
	if (ledger->journal_depth > 0) {
		(void)ledger_note(ledger, NOTE_ACCOUNT_MADE, index);
	}
	batch_put_account(ledger->batch.out,
		&(struct batch_account){ .index = index, .name = name, .asset = asset });
	return index;
}

/* ---- taking back ---- */

void ledger_account_undo(struct ledger *ledger, uint32_t index)
{
	struct ledger_account *account = ledger_account_at(ledger, index);
	struct slice name = ledger_account_name(account);

	assert(index == ledger->account_count - 1);
	table_remove(&ledger->account_table, account_fingerprint(ledger, name, account->asset),
		(uint64_t)index + 1);
	if (entry_views_equal(name, ENTRY_ISSUANCE_ACCOUNT)) {
		ledger->assets[account->asset].issuance = LEDGER_NONE;
	}
	if (ledger->arena_next == account->name + account->name_bytes) {
		ledger->arena_next -= account->name_bytes;
		ledger->arena_left += account->name_bytes;
	}
	memset(account, 0, sizeof *account);
	ledger->account_count--;
}

void ledger_asset_undo(struct ledger *ledger, uint32_t index)
{
	struct slice name = ledger_asset_name(ledger, index);

	assert(index == ledger->asset_count - 1);
	table_remove(&ledger->asset_table, ledger_fingerprint(ledger, name.bytes, name.bytes_count),
		(uint64_t)index + 1);
	memset(&ledger->assets[index], 0, sizeof ledger->assets[index]);
	ledger->asset_last = 0;
	ledger->asset_count--;
}
