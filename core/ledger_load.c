#include "core/ledger_state.h"

#include "core/sha256.h"

/* The way back: rows as they were stored, then the entries that the oldest chunk has not seen.
 * Nothing is judged here, and nothing that contradicts itself is taken. */

static enum err load_account(struct ledger *ledger, struct slice body)
{
	struct batch_account account;
	enum err err = batch_get_account(body, &account);
	uint32_t asset;

	if (err != ERR_OK) {
		return err;
	}
	if (account.index != ledger->account_count) {
		return ERR_CORRUPT; /* dense, by index */
	}
	asset = ledger_asset_make(ledger, account.asset);
	if (asset == LEDGER_NONE ||
		ledger_account_find(ledger, account.name, account.asset) != LEDGER_NONE) {
		return ERR_CORRUPT;
	}
	(void)ledger_account_append(ledger, account.name, asset);
	return ERR_OK;
}

static enum err load_chunk(struct ledger *ledger, struct slice body)
{
	struct batch_chunk chunk;
	enum err err = batch_get_chunk(body, &chunk);
	uint64_t first;
	uint64_t *true_at;

	if (err != ERR_OK) {
		return err;
	}
	first = (uint64_t)chunk.number * BATCH_CHUNK_ACCOUNTS;
	if (first + chunk.count > ledger->account_count) {
		return ERR_CORRUPT;
	}
	true_at = segments_at(&ledger->chunk_seqs, chunk.number);
	*true_at = chunk.true_at_seq;
	for (uint32_t i = 0; i < chunk.count; i++) {
		struct ledger_account *account = ledger_account_at(ledger, (uint32_t)first + i);

		account->available = chunk.balances[i].available;
		account->held = chunk.balances[i].held;
		account->last_seq = chunk.balances[i].last_seq;
		account->spent = chunk.balances[i].spent;
		account->day = chunk.balances[i].day;
	}
	return ERR_OK;
}

static enum err load_claim(struct ledger *ledger, struct slice body)
{
	struct batch_claim claim;
	enum err err = batch_get_claim(body, &claim);
	struct ledger_claim *made;

	if (err != ERR_OK) {
		return err;
	}
	if (claim.account_index >= ledger->account_count || batch_claim_is_closed(&claim) ||
		ledger_claim_find(ledger, claim.original_seq) != NULL) {
		return ERR_CORRUPT;
	}
	made = ledger_claim_make(ledger, &claim);
	if (claim.expires_unix_ms != 0) {
		ledger_heap_push(ledger, ledger_claim_index(ledger, made));
	}
	return ERR_OK;
}

static enum err load_counter(struct ledger *ledger, struct slice body)
{
	struct batch_counter counter;
	enum err err = batch_get_counter(body, &counter);
	uint32_t asset;

	if (err != ERR_OK) {
		return err;
	}
	asset = counter.asset.bytes_count == 0 ? LEDGER_NO_ASSET
					       : ledger_asset_find(ledger, counter.asset);
	if (counter.number != ledger->counter_count || asset == LEDGER_NONE) {
		return ERR_CORRUPT;
	}
	ledger_counter_load(ledger, &(struct ledger_counter){
					    .id = counter.counter_id,
					    .spent = counter.spent,
					    .day = counter.day,
					    .asset = (uint16_t)asset,
				    });
	return ERR_OK;
}

static enum err load_control(struct ledger *ledger, struct slice body)
{
	struct batch_control control;
	enum err err = batch_get_control(body, &control);

	return err == ERR_OK ? ledger_control_apply(ledger, &control) : err;
}

enum err ledger_load(struct ledger *ledger, const struct batch_record *record)
{
	if (!ledger_reserve(ledger, 1, 1) || !ledger_reserve_entry(ledger)) {
		return ERR_BUSY;
	}
	switch (record->type) {
	case BATCH_ACCOUNT:
		return load_account(ledger, record->body);
	case BATCH_CHUNK:
		return load_chunk(ledger, record->body);
	case BATCH_CLAIM:
		return load_claim(ledger, record->body);
	case BATCH_COUNTER:
		return load_counter(ledger, record->body);
	case BATCH_CONTROL:
		return load_control(ledger, record->body);
	case BATCH_ENTRY:
	case BATCH_AUDIT:
		break;
	}
	return ERR_MALFORMED;
}

enum err ledger_load_fingerprints(
	struct ledger *ledger, uint64_t first_seq, struct slice fingerprints)
{
	struct byte_reader in = byte_reader_of(fingerprints);
	uint64_t entry_count = fingerprints.bytes_count / 16;

	if (fingerprints.bytes_count % 16 != 0 || first_seq != ledger->key_table.count + 1) {
		return ERR_CORRUPT;
	}
	if (!table_reserve(&ledger->key_table, entry_count) ||
		!table_reserve(&ledger->id_table, entry_count)) {
		return ERR_BUSY;
	}
	for (uint64_t i = 0; i < entry_count; i++) {
		uint64_t key = byte_get_u64(&in);
		uint64_t id = byte_get_u64(&in);

		table_insert(&ledger->key_table, key, first_seq + i);
		if (id != 0) {
			table_insert(&ledger->id_table, id, first_seq + i);
		}
	}
	return ERR_OK;
}

enum err ledger_load_finished(
	struct ledger *ledger, uint64_t low_water, uint64_t last_seq, uint64_t batch_ts_unix_ms)
{
	if (ledger->key_table.count != last_seq || low_water > last_seq) {
		return ERR_CORRUPT;
	}
	ledger->is_replaying = true;
	ledger->replay_last_seq = last_seq;
	ledger->next_seq = low_water + 1;
	ledger->low_water = low_water;
	ledger->batch_ts_unix_ms = batch_ts_unix_ms;
	return ERR_OK;
}

/* The row says which entry of each account came before it: of an account whose chunk is missing, or
 * is an older one, the loaded state knows of another. */
static bool follows(const struct batch_entry *row, const struct ledger_applied *applied)
{
	return (!applied->account_moved || applied->prev_account_seq == row->prev_account_seq) &&
	       (!applied->counter_moved || applied->prev_counter_seq == row->prev_counter_seq);
}

enum err ledger_replay(
	struct ledger *ledger, const struct batch_entry *row, uint64_t batch_ts_unix_ms)
{
	uint64_t batch_ts_last = ledger->batch_ts_unix_ms;
	struct ledger_applied applied;
	struct entry entry;
	enum err err;

	assert(ledger->is_replaying);
	if (entry_decode(row->leaf, &entry) != ERR_OK || entry.seq != ledger->next_seq ||
		entry.seq > ledger->replay_last_seq) {
		return ERR_CORRUPT;
	}
	ledger->batch_ts_unix_ms = batch_ts_unix_ms; /* the day of what was spent */
	err = ledger_apply(ledger, &entry, row->lane, row->lane_nonce, &applied);
	ledger->batch_ts_unix_ms = batch_ts_last;
	if (err != ERR_OK) {
		return err;
	}
	if (!follows(row, &applied)) {
		return ERR_CORRUPT;
	}
	if (ledger->debts != 0 && entry.seq - entry.group_first + 1 >= entry.group_count) {
		return ERR_CORRUPT; /* the end of a group */
	}
	ledger->next_seq++;
	return ERR_OK;
}

/* All accounts of each asset against its issuance, modulo 2^128: no sum can be so far off that
 * it comes out right again, for each is bounded by the issuance. */
static enum err prove_zero(struct ledger *ledger)
{
	u128 *sums = memory_take(ledger->memory, LEDGER_ASSETS_MAX * sizeof *sums);
	bool is_zero = true;

	if (sums == NULL) {
		return ERR_BUSY;
	}
	for (uint32_t i = 0; i < ledger->account_count; i++) {
		const struct ledger_account *account = ledger_account_at(ledger, i);
		/* an entry made it: without one its chunk is missing, and zero would be a lie */
		is_zero = is_zero && account->last_seq != 0;
		u128 total = account->available + account->held;

		if (account->asset == 0) {
			continue;
		}
		if (i == ledger->assets[account->asset].issuance) {
			sums[account->asset] -= total;
		} else {
			sums[account->asset] += total;
		}
	}
	for (uint32_t i = 1; i < ledger->asset_count; i++) {
		is_zero = is_zero && sums[i] == 0;
	}
	memory_give(ledger->memory, sums, LEDGER_ASSETS_MAX * sizeof *sums);
	return is_zero ? ERR_OK : ERR_CORRUPT;
}

enum err ledger_replay_finished(struct ledger *ledger)
{
	if (ledger->next_seq != ledger->replay_last_seq + 1 || ledger->debts != 0) {
		return ERR_CORRUPT;
	}
	ledger->is_replaying = false;
	/* what replay made dirty is written within the first round */
	ledger->sweep_started_seq = ledger->replay_last_seq;
	return prove_zero(ledger);
}

/* ---- comparing states ---- */

static void add_u64(struct sha256 *hash, uint64_t value)
{
	sha256_add(hash, &value, sizeof value);
}

static void add_account(
	struct sha256 *hash, const struct ledger *ledger, const struct ledger_account *account)
{
	sha256_add(hash, account->name, account->name_bytes);
	sha256_add(hash, ledger->assets[account->asset].name,
		ledger->assets[account->asset].name_bytes);
	sha256_add(hash, &account->available, sizeof account->available);
	sha256_add(hash, &account->held, sizeof account->held);
	sha256_add(hash, &account->spent, sizeof account->spent);
	add_u64(hash, account->day);
	add_u64(hash, account->last_seq);
}

/* In the order of their seqs, whatever slots they are in. */
static void add_claims(struct sha256 *hash, const struct ledger *ledger)
{
	for (uint64_t seq = 1; seq < ledger->next_seq; seq++) {
		const struct ledger_claim *claim = ledger_claim_find(ledger, seq);

		if (claim != NULL) {
			add_u64(hash, seq);
			sha256_add(hash, &claim->record.original_id, ID_BYTES);
			add_u64(hash, (uint64_t)claim->record.effect);
			sha256_add(hash, &claim->record.amount, sizeof claim->record.amount);
			sha256_add(hash, &claim->record.taken, sizeof claim->record.taken);
			add_u64(hash, claim->record.expires_unix_ms);
			add_u64(hash, claim->heap_place != LEDGER_NONE);
		}
	}
}

void ledger_digest(const struct ledger *ledger, struct hash *ret_digest)
{
	struct sha256 hash;

	sha256_start(&hash);
	add_u64(&hash, ledger->next_seq);
	add_u64(&hash, ledger->batch_ts_unix_ms);
	for (uint32_t i = 0; i < ledger->account_count; i++) {
		add_account(&hash, ledger, ledger_account_at(ledger, i));
	}
	add_claims(&hash, ledger);
	for (uint32_t i = 0; i < ledger->counter_count; i++) {
		const struct ledger_counter *counter = segments_at(&ledger->counters, i);

		sha256_add(&hash, &counter->id, sizeof counter->id);
		sha256_add(&hash, &counter->spent, sizeof counter->spent);
		add_u64(&hash, counter->day);
	}
	add_u64(&hash, ledger->is_frozen);
	add_u64(&hash, ledger->frozen_accounts);
	add_u64(&hash, ledger->frozen_assets);
	add_u64(&hash, ledger->revoked);
	for (uint32_t i = 0; i < ledger->settled_count; i++) {
		sha256_add(
			&hash, segments_at(&ledger->settled, i), sizeof(struct ledger_settlement));
	}
	add_u64(&hash, ledger->key_table.count);
	add_u64(&hash, ledger->id_table.count);
	sha256_finish(&hash, ret_digest);
}
