#include "store/replay.h"

#include <stdlib.h>
#include <string.h>

#include "core/amount.h"
#include "core/conserve.h"
#include "core/memory.h"
#include "core/sha256.h"
#include "core/siphash.h"
#include "core/table.h"

#define ASSETS_MAX 4096u
#define DAY_MS     86400000

enum side { SIDE_AVAILABLE, SIDE_HELD };

/* One signed change. Those of an entry add up to zero but for legs of a group, which do so
 * together. Issuance is counted as a magnitude, so its sign is turned around. */
struct leg {
	struct slice account;
	enum side side;
	bool rises;
};

struct balance {
	u128 available;
	u128 held;
	u128 spent; /* on `day`, through /v1 */
	uint64_t last_seq;
	uint32_t day;
	uint64_t name_offset; /* in names */
	uint32_t asset;       /* its place in assets; 0 = nonce lanes */
	uint8_t name_bytes;
	bool in_debt; /* inside a group: available wraps below zero */
};

struct asset {
	uint8_t name[ASSET_BYTES_MAX];
	size_t name_bytes;
};

struct replay {
	struct memory memory;
	uint8_t key[SIPHASH_KEY_BYTES]; /* zeros: stored names were admitted long ago */
	struct balance *balances;       /* owned, like all arrays here */
	size_t balance_count, balance_max;
	uint8_t *names;
	size_t name_bytes, name_bytes_max;
	struct asset assets[ASSETS_MAX];
	size_t asset_count;
	struct batch_claim *claims; /* those that were closed stay, and do not count */
	size_t claim_count, claim_max;
	size_t claims_open;
	struct table accounts_by_name; /* -> index + 1 */
	struct table claims_by_seq;    /* -> place + 1 */
	struct conserve conserve;      /* groups, and that each entry adds up to zero */
	size_t debt_count;
	u128 own_before, own_after; /* available, of the last entry's own account */
	bool grows;                 /* accounts come to be with the entries */
};

static void *take(void *owner, size_t bytes)
{
	(void)owner;
	return calloc(1, bytes);
}

static void give(void *owner, void *region, size_t bytes)
{
	(void)owner;
	(void)bytes;
	free(region);
}

struct replay *replay_create(void)
{
	struct replay *replay = calloc(1, sizeof *replay);

	if (replay == NULL) {
		return NULL;
	}
	replay->memory = (struct memory){ .take = take, .give = give };
	conserve_init(&replay->conserve, 1);
	replay->asset_count = 1; /* "", the asset of nonce lanes */
	table_init(&replay->accounts_by_name, &replay->memory);
	table_init(&replay->claims_by_seq, &replay->memory);
	return replay;
}

void replay_destroy(struct replay *replay)
{
	if (replay == NULL) {
		return;
	}
	table_finish(&replay->accounts_by_name);
	table_finish(&replay->claims_by_seq);
	free(replay->balances);
	free(replay->names);
	free(replay->claims);
	free(replay);
}

/* Room for one more of an array that doubles. */
static bool room(void **items, size_t count, size_t *max, size_t item_bytes)
{
	size_t larger_max = *max == 0 ? 1024 : *max * 2;
	void *larger;

	if (count < *max) {
		return true;
	}
	larger = realloc(*items, larger_max * item_bytes);
	if (larger == NULL) {
		return false;
	}
	*items = larger;
	*max = larger_max;
	return true;
}

/* Room for `more` bytes of names; they double too. */
static bool name_room(struct replay *replay, size_t more)
{
	while (replay->name_bytes_max - replay->name_bytes < more) {
		void *names = replay->names;

		if (!room(&names, replay->name_bytes_max, &replay->name_bytes_max, 1)) {
			return false;
		}
		replay->names = names;
	}
	return true;
}

static bool equal(struct slice a, const uint8_t *bytes, size_t bytes_count)
{
	return a.bytes_count == bytes_count &&
	       (bytes_count == 0 || memcmp(a.bytes, bytes, bytes_count) == 0);
}

/* Its place, or asset_count if it is new. */
static size_t asset_find(const struct replay *replay, struct slice name)
{
	size_t i = 0;

	while (i < replay->asset_count &&
		!equal(name, replay->assets[i].name, replay->assets[i].name_bytes)) {
		i++;
	}
	return i;
}

static uint64_t account_key(const struct replay *replay, struct slice name, size_t asset)
{
	return siphash_24(replay->key, name.bytes, name.bytes_count) ^
	       (uint64_t)asset * UINT64_C(0x9e3779b97f4a7c15);
}

static struct balance *account_find(
	const struct replay *replay, struct slice name, struct slice asset_name)
{
	size_t asset = asset_find(replay, asset_name);
	struct table_scan scan =
		table_find(&replay->accounts_by_name, account_key(replay, name, asset));
	uint64_t value;

	while (replay->balance_count > 0 && table_next(&scan, &value)) {
		struct balance *balance = &replay->balances[value - 1];

		if (balance->asset == asset &&
			equal(name, replay->names + balance->name_offset, balance->name_bytes)) {
			return balance;
		}
	}
	return NULL;
}

enum err replay_account(struct replay *replay, const struct batch_account *account, struct why *why)
{
	size_t asset = asset_find(replay, account->asset);
	struct balance balance = { .asset = (uint32_t)asset,
		.name_bytes = (uint8_t)account->name.bytes_count,
		.name_offset = replay->name_bytes };
	void *balances = replay->balances;

	if (account->index != replay->balance_count) {
		why_say(why, "account %u follows account %zu", account->index,
			replay->balance_count);
		return ERR_CORRUPT;
	}
	if (account_find(replay, account->name, account->asset) != NULL) {
		why_say(why, "account %u is there twice", account->index);
		return ERR_CORRUPT;
	}
	if (asset == ASSETS_MAX || !name_room(replay, account->name.bytes_count) ||
		!room(&balances, replay->balance_count, &replay->balance_max,
			sizeof *replay->balances) ||
		!table_reserve(&replay->accounts_by_name, 1)) {
		why_say(why, "no memory for account %u", account->index);
		return ERR_IO;
	}
	replay->balances = balances;
	if (asset == replay->asset_count) {
		struct asset *new_asset = &replay->assets[replay->asset_count++];

		memcpy(new_asset->name, account->asset.bytes, account->asset.bytes_count);
		new_asset->name_bytes = account->asset.bytes_count;
	}
	memcpy(replay->names + replay->name_bytes, account->name.bytes, account->name.bytes_count);
	replay->name_bytes += account->name.bytes_count;
	replay->balances[replay->balance_count++] = balance;
	table_insert(&replay->accounts_by_name, account_key(replay, account->name, asset),
		replay->balance_count);
	return ERR_OK;
}

void replay_grow(struct replay *replay)
{
	replay->grows = true;
}

/* The account that an entry moves. Made now if that is how they come to be; else it must have
 * had a row. *ret_balance dies when the next one is made. */
static enum err account_reach(struct replay *replay, const struct entry *entry, struct slice name,
	struct slice asset, struct balance **ret_balance, struct why *why)
{
	struct balance *balance = account_find(replay, name, asset);
	struct batch_account fresh = { (uint32_t)replay->balance_count, name, asset };
	enum err err;

	if (balance == NULL && replay->grows) {
		err = replay_account(replay, &fresh, why);
		if (err != ERR_OK) {
			return err;
		}
		balance = &replay->balances[replay->balance_count - 1];
	}
	if (balance == NULL) {
		why_say(why, "entry %llu: account %.*s has no row", (unsigned long long)entry->seq,
			(int)name.bytes_count, (const char *)name.bytes);
		return ERR_CORRUPT;
	}
	*ret_balance = balance;
	return ERR_OK;
}

/* --- what an entry does ------------------------------------------------------------------ */

static size_t legs_of_reverse(const struct entry *entry, struct leg ret_legs[2])
{
	const struct slice own = entry->account;
	const struct slice issuance = ENTRY_ISSUANCE_ACCOUNT;

	switch (entry->effect) {
	case EFFECT_NONE:
		return 0;
	case EFFECT_TRANSFER:
	case EFFECT_CAPTURE:
		ret_legs[0] = (struct leg){ entry->counter_account, SIDE_AVAILABLE, false };
		ret_legs[1] = (struct leg){ own, SIDE_AVAILABLE, true };
		return 2;
	case EFFECT_MINT:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, false };
		ret_legs[1] = (struct leg){ issuance, SIDE_AVAILABLE, false };
		return 2;
	case EFFECT_BURN:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, true };
		ret_legs[1] = (struct leg){ issuance, SIDE_AVAILABLE, true };
		return 2;
	case EFFECT_HOLD_RELEASE:
		ret_legs[0] = (struct leg){ own, SIDE_HELD, false };
		ret_legs[1] = (struct leg){ own, SIDE_AVAILABLE, true };
		return 2;
	case EFFECT_GROUP_DEBIT:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, true };
		return 1;
	case EFFECT_GROUP_CREDIT:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, false };
		return 1;
	}
	return 0;
}

static size_t legs_of(const struct entry *entry, struct leg ret_legs[2])
{
	const struct slice own = entry->account;
	const struct slice issuance = ENTRY_ISSUANCE_ACCOUNT;

	switch (entry->kind) {
	case ENTRY_CREDIT:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, true };
		return 1;
	case ENTRY_DEBIT:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, false };
		return 1;
	case ENTRY_TRANSFER:
		ret_legs[0] = (struct leg){ own,
			entry->effect == EFFECT_CAPTURE ? SIDE_HELD : SIDE_AVAILABLE, false };
		ret_legs[1] = (struct leg){ entry->counter_account, SIDE_AVAILABLE, true };
		return 2;
	case ENTRY_MINT:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, true };
		ret_legs[1] = (struct leg){ issuance, SIDE_AVAILABLE, true };
		return 2;
	case ENTRY_BURN:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, false };
		ret_legs[1] = (struct leg){ issuance, SIDE_AVAILABLE, false };
		return 2;
	case ENTRY_HOLD:
		ret_legs[0] = (struct leg){ own, SIDE_AVAILABLE, false };
		ret_legs[1] = (struct leg){ own, SIDE_HELD, true };
		return 2;
	case ENTRY_REVERSE:
		return legs_of_reverse(entry, ret_legs);
	}
	return 0;
}

/* Inside a group an account may be in debt meanwhile; its available wraps. */
static bool rise(struct replay *replay, struct balance *balance, u128 *amount_there, u128 amount)
{
	bool wraps = amount > U128_MAX - *amount_there;

	if (wraps != balance->in_debt && wraps) {
		return false;
	}
	if (wraps) {
		balance->in_debt = false;
		replay->debt_count--;
	}
	*amount_there += amount;
	return true;
}

static bool fall(struct replay *replay, struct balance *balance, u128 *amount_there, u128 amount,
	bool in_group)
{
	bool wraps = amount > *amount_there;

	if (wraps && (!in_group || balance->in_debt)) {
		return false;
	}
	if (wraps) {
		balance->in_debt = true;
		replay->debt_count++;
	}
	*amount_there -= amount;
	return true;
}

static enum err link_check(struct balance *balance, const struct entry *entry, uint64_t linked_seq,
	const char *name, struct why *why)
{
	if (linked_seq != balance->last_seq) {
		why_say(why, "entry %llu: %s is %llu, the account's previous entry is %llu",
			(unsigned long long)entry->seq, name, (unsigned long long)linked_seq,
			(unsigned long long)balance->last_seq);
		return ERR_CORRUPT;
	}
	balance->last_seq = entry->seq;
	return ERR_OK;
}

static enum err move(struct replay *replay, const struct entry *entry, const struct leg *leg,
	struct balance *balance, struct why *why)
{
	u128 *amount_there = leg->side == SIDE_HELD ? &balance->held : &balance->available;
	bool moved = leg->rises ? rise(replay, balance, amount_there, entry->amount)
				: fall(replay, balance, amount_there, entry->amount,
					  entry->group_count > 0);

	if (!moved) {
		why_say(why, "entry %llu: a balance of %.*s would %s",
			(unsigned long long)entry->seq, (int)leg->account.bytes_count,
			(const char *)leg->account.bytes,
			leg->rises ? "overflow" : "fall below zero");
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

static enum err move_all(struct replay *replay, const struct entry *entry,
	const struct reader_entry *row, struct why *why)
{
	struct leg legs[2];
	size_t leg_count = legs_of(entry, legs);
	struct balance *balance = NULL;

	if (leg_count == 0) {
		why_say(why, "entry %llu does nothing", (unsigned long long)entry->seq);
		return ERR_CORRUPT;
	}
	for (size_t i = 0; i < leg_count; i++) {
		bool is_own =
			equal(legs[i].account, entry->account.bytes, entry->account.bytes_count);
		bool again = i > 0 && equal(legs[0].account, legs[i].account.bytes,
					      legs[i].account.bytes_count);
		enum err err = again ? ERR_OK
				     : account_reach(replay, entry, legs[i].account, entry->asset,
					       &balance, why);

		if (err == ERR_OK && !again) {
			err = link_check(balance, entry,
				is_own ? row->prev_account_seq : row->prev_counter_seq,
				is_own ? "prev_account_seq" : "prev_counter_seq", why);
		}
		if (is_own && !again && err == ERR_OK) {
			replay->own_before = balance->available;
		}
		if (err == ERR_OK) {
			err = move(replay, entry, &legs[i], balance, why);
		}
		if (err != ERR_OK) {
			return err;
		}
		if (is_own) {
			replay->own_after = balance->available;
		}
	}
	return ERR_OK;
}

/* --- claims ------------------------------------------------------------------------------- */

static struct batch_claim *claim_find(const struct replay *replay, uint64_t original_seq)
{
	struct table_scan scan = table_find(&replay->claims_by_seq, original_seq);
	uint64_t value;

	if (replay->claim_count == 0 || !table_next(&scan, &value)) {
		return NULL;
	}
	return &replay->claims[value - 1];
}

static struct batch_claim *claim_make(struct replay *replay, const struct batch_claim *claim)
{
	void *claims = replay->claims;

	if (!room(&claims, replay->claim_count, &replay->claim_max, sizeof *replay->claims)) {
		return NULL;
	}
	replay->claims = claims;
	if (!table_reserve(&replay->claims_by_seq, 1)) {
		return NULL;
	}
	replay->claims[replay->claim_count++] = *claim;
	table_insert(&replay->claims_by_seq, claim->original_seq, replay->claim_count);
	replay->claims_open++;
	return &replay->claims[replay->claim_count - 1];
}

static enum err claim_step(struct replay *replay, const struct entry *entry, struct why *why)
{
	const struct balance *own = account_find(replay, entry->account, entry->asset);
	bool is_hold = entry->kind == ENTRY_HOLD;
	bool from_hold = entry->effect == EFFECT_HOLD_RELEASE ||
			 (entry->kind == ENTRY_TRANSFER && entry->effect == EFFECT_CAPTURE);
	struct batch_claim fresh = {
		.original_seq = is_hold ? entry->seq : entry->original_seq,
		.original_id = is_hold ? entry->id : entry->original_id,
		.effect = is_hold || from_hold ? EFFECT_NONE : entry->effect,
		.account_index = (uint32_t)(own - replay->balances),
		.amount = is_hold ? entry->amount : 0,
		.expires_unix_ms = entry->expires_unix_ms,
	};
	struct batch_claim *claim;

	if (!is_hold && entry->original_seq == 0) {
		return ERR_OK;
	}
	claim = claim_find(replay, fresh.original_seq);
	if (from_hold && (claim == NULL || claim->effect != EFFECT_NONE ||
				 entry->amount > claim->amount - claim->taken)) {
		why_say(why, "entry %llu takes from hold %llu what it does not have",
			(unsigned long long)entry->seq, (unsigned long long)entry->original_seq);
		return ERR_CORRUPT;
	}
	if (claim == NULL) {
		claim = claim_make(replay, &fresh);
	}
	if (claim == NULL) {
		why_say(why, "no memory for claims");
		return ERR_IO;
	}
	if (!is_hold && !amount_add(claim->taken, entry->amount, &claim->taken)) {
		why_say(why, "entry %llu takes back more than 2^128",
			(unsigned long long)entry->seq);
		return ERR_CORRUPT;
	}
	replay->claims_open -= from_hold && batch_claim_is_closed(claim) ? 1 : 0;
	return ERR_OK;
}

uint64_t replay_claim_count(const struct replay *replay)
{
	return replay->claims_open;
}

enum err replay_claim(const struct replay *replay, const struct batch_claim *claim, struct why *why)
{
	const struct batch_claim *mine = claim_find(replay, claim->original_seq);

	if (mine == NULL || batch_claim_is_closed(mine) || mine->effect != claim->effect ||
		mine->amount != claim->amount || mine->taken != claim->taken ||
		mine->expires_unix_ms != claim->expires_unix_ms ||
		mine->account_index != claim->account_index ||
		memcmp(&mine->original_id, &claim->original_id, sizeof mine->original_id) != 0) {
		why_say(why, "the claim on entry %llu is not what the entries make of it",
			(unsigned long long)claim->original_seq);
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

/* --- an entry ----------------------------------------------------------------------------- */

static enum err lane_step(struct replay *replay, const struct entry *entry,
	const struct reader_entry *row, struct why *why)
{
	struct balance *lanes = NULL;
	enum err err;

	if (row->lane == LANE_NONE) {
		return ERR_OK;
	}
	err = account_reach(replay, entry, entry->account, (struct slice){ NULL, 0 }, &lanes, why);
	if (err != ERR_OK) {
		return err;
	}
	if (row->lane > LANE_ISSUE ||
		row->lane_nonce !=
			(uint64_t)(row->lane == LANE_DEBIT ? lanes->available : lanes->held) + 1) {
		why_say(why, "entry %llu: nonce %llu does not continue its lane",
			(unsigned long long)entry->seq, (unsigned long long)row->lane_nonce);
		return ERR_CORRUPT;
	}
	if (row->lane == LANE_DEBIT) {
		lanes->available = row->lane_nonce;
	} else {
		lanes->held = row->lane_nonce;
	}
	lanes->last_seq = entry->seq;
	return ERR_OK;
}

/* A memo may have been erased, with its salt; then only its hash is left. */
static enum err memo_check(
	const struct entry *entry, const struct reader_entry *row, struct why *why)
{
	const struct slice parts[] = { row->salt, row->memo };
	struct hash hash = { { 0 } };
	bool is_there = row->salt.bytes_count > 0 || row->memo.bytes_count > 0;

	if (!is_there) {
		return ERR_OK;
	}
	if (row->salt.bytes_count == ENTRY_SALT_BYTES) {
		sha256_hash_parts(parts, COUNT_OF(parts), &hash);
	}
	if (row->salt.bytes_count != ENTRY_SALT_BYTES ||
		memcmp(&hash, &entry->memo_hash, sizeof hash) != 0) {
		why_say(why, "entry %llu: memo and salt do not have the hash in the leaf",
			(unsigned long long)entry->seq);
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

/* What counts towards an account's daily ceiling: its debits through /v1, by the UTC day of the
 * commit; of a Hold its making, not its capture. A Reverse gives nothing back. */
static void spent_step(struct replay *replay, const struct entry *entry, int64_t batch_ts_unix_ms)
{
	uint32_t day = (uint32_t)(batch_ts_unix_ms / DAY_MS);
	bool is_debit = entry->kind == ENTRY_BURN || entry->kind == ENTRY_HOLD ||
			(entry->kind == ENTRY_TRANSFER && entry->effect == EFFECT_NONE);
	struct balance *own;

	if (entry->source != SOURCE_V1 || !is_debit) {
		return;
	}
	own = account_find(replay, entry->account, entry->asset);
	if (own->day != day) {
		own->day = day;
		own->spent = 0;
	}
	if (!amount_add(own->spent, entry->amount, &own->spent)) {
		own->spent = U128_MAX;
	}
}

enum err replay_entry(struct replay *replay, const struct entry *entry,
	const struct reader_entry *row, int64_t batch_ts_unix_ms, struct why *why)
{
	enum err err = conserve_add(&replay->conserve, row->leaf);

	if (err != ERR_OK) {
		why_say(why,
			"entry %llu: value comes from or goes to nowhere, or a group is broken",
			(unsigned long long)entry->seq);
		return ERR_CORRUPT;
	}
	err = move_all(replay, entry, row, why);
	if (err == ERR_OK) {
		spent_step(replay, entry, batch_ts_unix_ms);
		err = claim_step(replay, entry, why);
	}
	if (err == ERR_OK) {
		err = lane_step(replay, entry, row, why);
	}
	if (err == ERR_OK) {
		err = memo_check(entry, row, why);
	}
	if (err == ERR_OK && conserve_is_even(&replay->conserve) && replay->debt_count != 0) {
		why_say(why, "entry %llu: %zu balances are below zero at the end of a group",
			(unsigned long long)entry->seq, replay->debt_count);
		err = ERR_CORRUPT;
	}
	return err;
}

void replay_own(const struct replay *replay, u128 *ret_before, u128 *ret_after)
{
	*ret_before = replay->own_before;
	*ret_after = replay->own_after;
}

enum err replay_chunk(const struct replay *replay, const struct batch_chunk *chunk, struct why *why)
{
	for (size_t i = 0; i < chunk->count; i++) {
		size_t index = (size_t)chunk->number * BATCH_CHUNK_ACCOUNTS + i;
		const struct batch_balance *stored = &chunk->balances[i];
		const struct balance *mine =
			index < replay->balance_count ? &replay->balances[index] : NULL;

		if (mine == NULL || mine->available != stored->available ||
			mine->held != stored->held || mine->last_seq != stored->last_seq ||
			mine->spent != stored->spent || mine->day != stored->day) {
			why_say(why,
				"account %zu in chunk %u is not what the entries up to %llu make "
				"of it",
				index, chunk->number, (unsigned long long)chunk->true_at_seq);
			return ERR_CORRUPT;
		}
	}
	return ERR_OK;
}

enum err replay_commit(const struct replay *replay, struct why *why)
{
	if (!conserve_is_even(&replay->conserve)) {
		why_say(why, "the group of entry %llu is cut by the end of its commit",
			(unsigned long long)replay->conserve.group_first);
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

enum err replay_low_water(const struct replay *replay, const uint64_t *chunk_seqs,
	size_t chunk_count, uint64_t low_water, struct why *why)
{
	for (size_t i = 0; i < replay->balance_count; i++) {
		size_t chunk = i / BATCH_CHUNK_ACCOUNTS;

		if (replay->balances[i].last_seq > (chunk < chunk_count ? chunk_seqs[chunk] : 0)) {
			why_say(why,
				"account %zu moved in entry %llu, its chunk is older, yet "
				"low_water is %llu",
				i, (unsigned long long)replay->balances[i].last_seq,
				(unsigned long long)low_water);
			return ERR_CORRUPT;
		}
	}
	return ERR_OK;
}

enum err replay_sums(const struct replay *replay, struct why *why)
{
	const struct slice issuance = ENTRY_ISSUANCE_ACCOUNT;
	u128 *sums = calloc(ASSETS_MAX, sizeof *sums);
	enum err err = sums == NULL ? ERR_IO : ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < replay->balance_count; i++) {
		const struct balance *balance = &replay->balances[i];
		bool is_issuance =
			equal(issuance, replay->names + balance->name_offset, balance->name_bytes);
		u128 total = balance->available + balance->held;

		/* Modulo 2^128 and back: no partial sum of a good ledger leaves it. */
		sums[balance->asset] += is_issuance ? (u128)0 - total : total;
	}
	for (size_t asset = 1; err == ERR_OK && asset < replay->asset_count; asset++) {
		if (sums[asset] != 0) {
			why_say(why, "the balances of asset %.*s do not add up to zero",
				(int)replay->assets[asset].name_bytes,
				(const char *)replay->assets[asset].name);
			err = ERR_CORRUPT;
		}
	}
	free(sums);
	return err;
}

/* --- rows ----------------------------------------------------------------------------------- */

size_t replay_account_count(const struct replay *replay)
{
	return replay->balance_count;
}

void replay_account_row(
	const struct replay *replay, size_t index, struct batch_account *ret_account)
{
	const struct balance *balance = &replay->balances[index];
	const struct asset *asset = &replay->assets[balance->asset];

	assert(index < replay->balance_count);
	*ret_account = (struct batch_account){
		.index = (uint32_t)index,
		.name = { replay->names + balance->name_offset, balance->name_bytes },
		.asset = { asset->name, asset->name_bytes },
	};
}

void replay_chunk_row(const struct replay *replay, uint32_t number, uint64_t true_at_seq,
	struct batch_chunk *ret_chunk)
{
	size_t first = (size_t)number * BATCH_CHUNK_ACCOUNTS;

	*ret_chunk = (struct batch_chunk){ .number = number, .true_at_seq = true_at_seq };
	for (size_t i = first; i < replay->balance_count && ret_chunk->count < BATCH_CHUNK_ACCOUNTS;
		i++) {
		const struct balance *balance = &replay->balances[i];

		ret_chunk->balances[ret_chunk->count++] = (struct batch_balance){
			.available = balance->available,
			.held = balance->held,
			.last_seq = balance->last_seq,
			.spent = balance->spent,
			.day = balance->day,
		};
	}
}

bool replay_claim_row(const struct replay *replay, size_t *place, struct batch_claim *ret_claim)
{
	while (*place < replay->claim_count) {
		const struct batch_claim *claim = &replay->claims[(*place)++];

		if (!batch_claim_is_closed(claim)) {
			*ret_claim = *claim;
			return true;
		}
	}
	return false;
}

bool replay_has_asset(const struct replay *replay, struct slice asset)
{
	return asset_find(replay, asset) < replay->asset_count;
}
