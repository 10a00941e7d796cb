#include "core/ledger_state.h"

/* ---- fingerprints ---- */

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

/* ---- the arena: names, never given back one by one ---- */

static bool arena_reserve(struct ledger *ledger, size_t bytes)
{
	uint8_t *piece;

	assert(bytes <= LEDGER_ARENA_BYTES - sizeof(void *));
	if (ledger->arena_left >= bytes) {
		return true;
	}
	piece = memory_take(ledger->memory, LEDGER_ARENA_BYTES);
	if (piece == NULL) {
		return false;
	}
	memcpy(piece, &ledger->arenas, sizeof ledger->arenas);
	ledger->arenas = piece;
	ledger->arena_next = piece + sizeof ledger->arenas;
	ledger->arena_left = LEDGER_ARENA_BYTES - sizeof ledger->arenas;
	return true;
}

static const uint8_t *arena_copy(struct ledger *ledger, struct slice text)
{
	uint8_t *copy = ledger->arena_next;

	assert(ledger->arena_left >= text.bytes_count);
	if (text.bytes_count > 0) {
		memcpy(copy, text.bytes, text.bytes_count);
	}
	ledger->arena_next += text.bytes_count;
	ledger->arena_left -= text.bytes_count;
	return copy;
}

/* ---- the journal ---- */

static struct ledger_note *note(struct ledger *ledger, enum ledger_note_kind kind, uint32_t index)
{
	struct ledger_note *slot = segments_at(&ledger->notes, ledger->note_count++);

	slot->kind = kind;
	slot->index = index;
	return slot;
}

void ledger_note_balance(struct ledger *ledger, uint32_t index)
{
	if (ledger->journal_depth > 0) {
		note(ledger, NOTE_BALANCE, index)->account = *ledger_account_at(ledger, index);
	}
}

void ledger_note_pair(
	struct ledger *ledger, enum ledger_note_kind kind, uint64_t key, uint64_t value)
{
	if (ledger->journal_depth > 0) {
		struct ledger_note *slot = note(ledger, kind, 0);

		slot->pair.key = key;
		slot->pair.value = value;
	}
}

struct ledger_mark ledger_mark(struct ledger *ledger)
{
	ledger->journal_depth++;
	return (struct ledger_mark){
		.note_count = ledger->note_count,
		.dirty_claim_count = ledger->dirty_claim_count,
		.dirty_counter_count = ledger->dirty_counter_count,
		.offset_count = ledger->batch.offset_count,
		.next_seq = ledger->next_seq,
		.out = *ledger->batch.out,
	};
}

void ledger_mark_keep(struct ledger *ledger)
{
	assert(ledger->journal_depth > 0);
	ledger->journal_depth--;
	if (ledger->journal_depth == 0) {
		ledger->note_count = 0;
	}
}

static uint64_t account_fingerprint(const struct ledger *ledger, struct slice name, uint32_t asset)
{
	uint8_t bytes[2 + ACCOUNT_BYTES_MAX];

	bytes[0] = (uint8_t)asset;
	bytes[1] = (uint8_t)(asset >> 8);
	memcpy(bytes + 2, name.bytes, name.bytes_count);
	return ledger_fingerprint(ledger, bytes, 2 + name.bytes_count);
}

static void undo_account(struct ledger *ledger, uint32_t index)
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

static void undo_asset(struct ledger *ledger, uint32_t index)
{
	struct slice name = ledger_asset_name(ledger, index);

	assert(index == ledger->asset_count - 1);
	table_remove(&ledger->asset_table, ledger_fingerprint(ledger, name.bytes, name.bytes_count),
		(uint64_t)index + 1);
	memset(&ledger->assets[index], 0, sizeof ledger->assets[index]);
	ledger->asset_last = 0;
	ledger->asset_count--;
}

static uint64_t counter_fingerprint(
	const struct ledger *ledger, const struct id128 *id, uint32_t asset)
{
	uint8_t bytes[2 + ID_BYTES];

	bytes[0] = (uint8_t)asset;
	bytes[1] = (uint8_t)(asset >> 8);
	memcpy(bytes + 2, id->bytes, ID_BYTES);
	return ledger_fingerprint(ledger, bytes, sizeof bytes);
}

static void undo_counter(struct ledger *ledger, uint32_t index)
{
	struct ledger_counter *counter = segments_at(&ledger->counters, index);

	assert(index == ledger->counter_count - 1);
	table_remove(&ledger->counter_table,
		counter_fingerprint(ledger, &counter->id, counter->asset), (uint64_t)index + 1);
	memset(counter, 0, sizeof *counter);
	ledger->counter_count--;
}

static void undo(struct ledger *ledger, const struct ledger_note *slot)
{
	struct ledger_account *account;
	struct ledger_counter *counter;
	struct ledger_claim *claim;
	bool was_there = true;

	switch (slot->kind) {
	case NOTE_BALANCE:
		account = ledger_account_at(ledger, slot->index);
		ledger->debts += slot->account.in_debt ? 1u : 0u;
		ledger->debts -= account->in_debt ? 1u : 0u;
		*account = slot->account;
		break;
	case NOTE_ACCOUNT_MADE:
		undo_account(ledger, slot->index);
		break;
	case NOTE_ASSET_MADE:
		undo_asset(ledger, slot->index);
		break;
	case NOTE_CLAIM_MADE:
		ledger_claim_drop(ledger, segments_at(&ledger->claims, slot->index));
		break;
	case NOTE_CLAIM_TAKEN:
		claim = segments_at(&ledger->claims, slot->index);
		claim->record.taken = slot->amount;
		break;
	case NOTE_COUNTER_MADE:
		undo_counter(ledger, slot->index);
		break;
	case NOTE_COUNTER_SPENT:
		counter = segments_at(&ledger->counters, slot->index);
		counter->spent = slot->amount;
		counter->day = slot->day;
		break;
	case NOTE_KEY:
		was_there = table_remove(&ledger->key_table, slot->pair.key, slot->pair.value);
		break;
	case NOTE_ID:
		was_there = table_remove(&ledger->id_table, slot->pair.key, slot->pair.value);
		break;
	}
	assert(was_there);
}

void ledger_mark_undo(struct ledger *ledger, const struct ledger_mark *mark)
{
	/* the lists first: what they name may be gone below */
	while (ledger->dirty_claim_count > mark->dirty_claim_count) {
		uint32_t *index = segments_at(&ledger->dirty_claims, --ledger->dirty_claim_count);
		struct ledger_claim *claim = segments_at(&ledger->claims, *index);

		claim->is_dirty = false;
	}
	while (ledger->dirty_counter_count > mark->dirty_counter_count) {
		uint32_t *index =
			segments_at(&ledger->dirty_counters, --ledger->dirty_counter_count);
		struct ledger_counter *counter = segments_at(&ledger->counters, *index);

		counter->is_dirty = false;
	}
	while (ledger->note_count > mark->note_count) {
		undo(ledger, segments_at(&ledger->notes, --ledger->note_count));
	}
	ledger->batch.offset_count = mark->offset_count;
	ledger->next_seq = mark->next_seq;
	*ledger->batch.out = mark->out;
	ledger_mark_keep(ledger);
}

/* ---- assets and accounts ---- */

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
		(void)note(ledger, NOTE_ASSET_MADE, number);
	}
	return number;
}

static uint32_t account_in_asset(struct ledger *ledger, struct slice name, uint32_t asset)
{
	struct table_scan scan =
		table_find(&ledger->account_table, account_fingerprint(ledger, name, asset));
	uint64_t value;

	while (table_next(&scan, &value)) {
		const struct ledger_account *account =
			ledger_account_at(ledger, (uint32_t)value - 1);

		if (account->asset == asset &&
			entry_views_equal(ledger_account_name(account), name)) {
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

void ledger_account_warm(struct ledger *ledger, uint64_t fingerprint, bool is_account_here)
{
	struct table_scan scan = table_find(&ledger->account_table, fingerprint);
	const struct ledger_account *account;
	uint64_t value;

	if (fingerprint == 0 || !table_next(&scan, &value)) {
		return;
	}
	account = ledger_account_at(ledger, (uint32_t)value - 1);
	__builtin_prefetch(is_account_here ? (const void *)account->name : account);
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
		.name = arena_copy(ledger, name),
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
		(void)note(ledger, NOTE_ACCOUNT_MADE, index);
	}
	batch_put_account(ledger->batch.out,
		&(struct batch_account){ .index = index, .name = name, .asset = asset });
	return index;
}

/* ---- claims ---- */

uint32_t ledger_claim_index(const struct ledger *ledger, const struct ledger_claim *claim)
{
	struct table_scan scan = table_find(&ledger->claim_table, claim->record.original_seq);
	uint64_t value = 0;
	bool is_there = table_next(&scan, &value);

	assert(is_there); /* one claim an original */
	return (uint32_t)value - 1;
}

static void claim_touch(struct ledger *ledger, struct ledger_claim *claim, uint32_t index)
{
	if (!claim->is_dirty) {
		*(uint32_t *)segments_at(&ledger->dirty_claims, ledger->dirty_claim_count++) =
			index;
		claim->is_dirty = true;
	}
}

struct ledger_claim *ledger_claim_find(const struct ledger *ledger, uint64_t original_seq)
{
	struct table_scan scan = table_find(&ledger->claim_table, original_seq);
	uint64_t value;

	return table_next(&scan, &value) ? segments_at(&ledger->claims, (uint32_t)value - 1) : NULL;
}

/* Outside of a batch, when claims are loaded, nothing is dirty. */
struct ledger_claim *ledger_claim_make(struct ledger *ledger, const struct batch_claim *record)
{
	uint32_t index = ledger->claim_free;
	struct ledger_claim *claim;

	if (index != LEDGER_NONE) {
		claim = segments_at(&ledger->claims, index);
		ledger->claim_free = claim->next_free;
	} else {
		index = ledger->claim_count++;
		claim = segments_at(&ledger->claims, index);
	}
	*claim = (struct ledger_claim){ .record = *record, .heap_place = LEDGER_NONE };
	table_insert(&ledger->claim_table, record->original_seq, (uint64_t)index + 1);
	ledger->claims_live++;
	if (ledger->journal_depth > 0) {
		(void)note(ledger, NOTE_CLAIM_MADE, index);
	}
	if (ledger->batch.out != NULL) {
		claim_touch(ledger, claim, index);
	}
	return claim;
}

void ledger_claim_take(struct ledger *ledger, struct ledger_claim *claim, u128 amount)
{
	uint32_t index = ledger_claim_index(ledger, claim);

	if (ledger->journal_depth > 0) {
		note(ledger, NOTE_CLAIM_TAKEN, index)->amount = claim->record.taken;
	}
	claim->record.taken += amount;
	claim_touch(ledger, claim, index);
}

void ledger_claim_drop(struct ledger *ledger, struct ledger_claim *claim)
{
	uint32_t index = ledger_claim_index(ledger, claim);

	if (claim->heap_place != LEDGER_NONE) {
		ledger_heap_remove(ledger, index);
	}
	table_remove(&ledger->claim_table, claim->record.original_seq, (uint64_t)index + 1);
	*claim = (struct ledger_claim){
		.heap_place = LEDGER_NONE,
		.next_free = ledger->claim_free,
	};
	ledger->claim_free = index;
	ledger->claims_live--;
}

/* ---- day counters ---- */

static uint32_t counter_find(const struct ledger *ledger, const struct id128 *id, uint32_t asset)
{
	struct table_scan scan =
		table_find(&ledger->counter_table, counter_fingerprint(ledger, id, asset));
	uint64_t value;

	while (table_next(&scan, &value)) {
		const struct ledger_counter *counter =
			segments_at(&ledger->counters, (uint32_t)value - 1);

		if (counter->asset == asset && memcmp(&counter->id, id, sizeof *id) == 0) {
			return (uint32_t)value - 1;
		}
	}
	return LEDGER_NONE;
}

u128 ledger_counter_spent(
	const struct ledger *ledger, const struct id128 *id, uint32_t asset, uint32_t day)
{
	uint32_t index = counter_find(ledger, id, asset);
	const struct ledger_counter *counter;

	if (index == LEDGER_NONE) {
		return 0;
	}
	counter = segments_at(&ledger->counters, index);
	return counter->day == day ? counter->spent : 0;
}

void ledger_counter_load(struct ledger *ledger, const struct ledger_counter *counter)
{
	uint32_t index = ledger->counter_count++;

	*(struct ledger_counter *)segments_at(&ledger->counters, index) = *counter;
	table_insert(&ledger->counter_table,
		counter_fingerprint(ledger, &counter->id, counter->asset), (uint64_t)index + 1);
}

void ledger_counter_add(
	struct ledger *ledger, const struct id128 *id, uint32_t asset, uint32_t day, u128 amount)
{
	uint32_t index = counter_find(ledger, id, asset);
	struct ledger_counter *counter;

	if (index == LEDGER_NONE) {
		index = ledger->counter_count;
		ledger_counter_load(
			ledger, &(struct ledger_counter){
					.id = *id, .asset = (uint16_t)asset, .day = day });
		if (ledger->journal_depth > 0) {
			(void)note(ledger, NOTE_COUNTER_MADE, index);
		}
	}
	counter = segments_at(&ledger->counters, index);
	if (ledger->journal_depth > 0) {
		struct ledger_note *slot = note(ledger, NOTE_COUNTER_SPENT, index);

		slot->amount = counter->spent;
		slot->day = counter->day;
	}
	counter->spent = (counter->day == day ? counter->spent : 0) + amount;
	counter->day = day;
	if (!counter->is_dirty) {
		*(uint32_t *)segments_at(&ledger->dirty_counters, ledger->dirty_counter_count++) =
			index;
		counter->is_dirty = true;
	}
}

/* ---- freezes and revocations ---- */

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
			.value = arena_copy(ledger, value),
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

/* ---- memory ---- */

/* Accounts an entry can bring: its two and a lane, sys:issuance among them. */
#define ACCOUNTS_PER_ENTRY 3u

bool ledger_reserve_entry(struct ledger *ledger)
{
	return arena_reserve(ledger, ACCOUNTS_PER_ENTRY * ACCOUNT_BYTES_MAX) &&
	       (ledger->journal_depth == 0 ||
		       segments_reserve(&ledger->notes,
			       (uint64_t)ledger->note_count + LEDGER_NOTES_PER_ENTRY));
}

bool ledger_reserve(struct ledger *ledger, uint64_t entry_count, size_t daily_count)
{
	uint64_t accounts = ledger->account_count + ACCOUNTS_PER_ENTRY * entry_count;
	uint64_t counters = entry_count * daily_count;

	return segments_reserve(&ledger->accounts, accounts) &&
	       segments_reserve(&ledger->chunk_seqs, accounts / BATCH_CHUNK_ACCOUNTS + 1) &&
	       segments_reserve(&ledger->chunk_dirty, accounts / BATCH_CHUNK_ACCOUNTS / 64 + 1) &&
	       table_reserve(&ledger->account_table, ACCOUNTS_PER_ENTRY * entry_count) &&
	       table_reserve(&ledger->asset_table, entry_count) &&
	       table_reserve(&ledger->key_table, entry_count) &&
	       table_reserve(&ledger->id_table, entry_count) &&
	       segments_reserve(&ledger->claims, ledger->claim_count + entry_count) &&
	       segments_reserve(&ledger->heap, ledger->claim_count + entry_count) &&
	       table_reserve(&ledger->claim_table, entry_count) &&
	       segments_reserve(&ledger->dirty_claims, ledger->dirty_claim_count + entry_count) &&
	       segments_reserve(&ledger->counters, ledger->counter_count + counters) &&
	       table_reserve(&ledger->counter_table, counters) &&
	       segments_reserve(&ledger->dirty_counters, ledger->dirty_counter_count + counters) &&
	       segments_reserve(&ledger->rules, ledger->rule_count + 1) &&
	       table_reserve(&ledger->rule_table, 1) &&
	       segments_reserve(&ledger->settled, ledger->settled_count + 1) &&
	       table_reserve(&ledger->settled_table, 3) &&
	       segments_reserve(&ledger->offsets, ledger->batch.offset_count + entry_count);
}
