#include "core/ledger_state.h"

#include "core/receipt.h"
#include "core/sha256.h"

/* Records at the end of a batch: the most one claim, counter and chunk take. */
#define CLAIM_BYTES   (BATCH_HEAD_BYTES + 69u)
#define COUNTER_BYTES (BATCH_HEAD_BYTES + 4u + ID_BYTES + 4u + 16u + 1u + ASSET_BYTES_MAX)
#define CHUNK_BYTES   (BATCH_HEAD_BYTES + BATCH_CHUNK_BYTES_MAX)

/* DESIGN-LEDGER.md section 5: one chunk per 64 entries, at most 8, at least one per 64 commits. */
#define ENTRIES_PER_CHUNK     64u
#define CHUNKS_PER_BATCH_MAX  8u
#define BATCHES_PER_CHUNK_MAX 64u

size_t ledger_batch_end_bytes(const struct ledger *ledger)
{
	return ledger->dirty_claim_count * CLAIM_BYTES +
	       ledger->dirty_counter_count * COUNTER_BYTES + CHUNKS_PER_BATCH_MAX * CHUNK_BYTES;
}

bool ledger_batch_fits(const struct ledger *ledger)
{
	return !ledger->batch.out->failed &&
	       ledger->batch.out->left >= ledger_batch_end_bytes(ledger);
}

/* ---- one entry ---- */

/* What is added is not hashed (DESIGN-LEDGER.md section 4). */
static struct slice complete_receipt(const struct draft *draft, uint64_t seq,
	const struct ledger_applied *applied, uint8_t buffer[BATCH_RECEIPT_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(buffer, BATCH_RECEIPT_BYTES_MAX);

	if (draft == NULL || draft->receipt.bytes_count == 0) {
		return (struct slice){ 0 };
	}
	byte_put_bytes(&out, draft->receipt.bytes, draft->receipt.bytes_count);
	receipt_complete(&out, seq, applied->balance_before, applied->balance_after);
	assert(!out.failed); /* BATCH_RECEIPT_BYTES_MAX is a draft's and these */
	return (struct slice){ buffer, out.used };
}

/* Where the receipt is in the record that was just written. */
static struct slice written_receipt(const struct ledger *ledger, const uint8_t *record)
{
	struct byte_reader in = byte_reader_of(
		(struct slice){ record, (size_t)(ledger->batch.out->next - record) });
	struct batch_record head;
	struct batch_entry entry = { 0 };

	if (batch_next(&in, &head) && batch_get_entry(head.body, &entry) != ERR_OK) {
		return (struct slice){ 0 };
	}
	return entry.receipt;
}

static void index_entry(struct ledger *ledger, uint64_t seq, const struct batch_entry *record)
{
	table_insert(&ledger->key_table, record->key_fingerprint, seq);
	ledger_note_pair(ledger, NOTE_KEY, record->key_fingerprint, seq);
	if (record->id_fingerprint != 0) {
		table_insert(&ledger->id_table, record->id_fingerprint, seq);
		ledger_note_pair(ledger, NOTE_ID, record->id_fingerprint, seq);
	}
}

static void put_record(struct ledger *ledger, const struct batch_entry *record)
{
	struct ledger_open_batch *batch = &ledger->batch;
	uint32_t *offset = segments_at(&ledger->offsets, batch->offset_count++);

	*offset = (uint32_t)(batch->out->next - batch->out_start);
	batch_put_entry(batch->out, record);
}

enum err ledger_number(struct ledger *ledger, struct entry *entry, const struct draft *draft,
	const struct ledger_work *work, struct slice idem_id, struct ledger_result *ret_result)
{
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	uint8_t receipt[BATCH_RECEIPT_BYTES_MAX];
	struct byte_writer out = byte_writer_of(leaf, sizeof leaf);
	struct batch_entry record = { .idem_id = idem_id };
	struct ledger_applied applied;
	const uint8_t *start;
	enum err err;

	entry->seq = ledger->next_seq;
	if (draft != NULL) {
		record.has_memo = draft->has_memo;
		memcpy(record.salt, draft->salt, sizeof record.salt);
		record.memo = draft->memo;
		record.lane = (uint8_t)draft->lane;
		record.lane_nonce = draft->lane_nonce;
		record.id_fingerprint = work->id_fingerprint;
	}
	err = ledger_apply(ledger, entry, record.lane, record.lane_nonce, &applied);
	if (err != ERR_OK) {
		return err;
	}
	entry_encode(&out, entry);
	assert(!out.failed);
	record.leaf = (struct slice){ leaf, out.used };
	record.prev_account_seq = applied.prev_account_seq;
	record.prev_counter_seq = applied.prev_counter_seq;
	record.key_fingerprint = work != NULL ? work->key_fingerprint
					      : ledger_key_fingerprint(ledger, entry->source,
							&entry->nonce, entry->account);
	record.receipt = complete_receipt(draft, entry->seq, &applied, receipt);
	start = ledger->batch.out->next;
	put_record(ledger, &record);
	index_entry(ledger, entry->seq, &record);
	ledger->next_seq++;
	*ret_result = (struct ledger_result){
		.seq = entry->seq,
		.balance_before = applied.balance_before,
		.balance_after = applied.balance_after,
		.lane_last = record.lane_nonce,
	};
	if (record.receipt.bytes_count > 0 && !ledger->batch.out->failed) {
		ret_result->receipt = written_receipt(ledger, start);
	}
	return ERR_OK;
}

/* ---- expiry: a Reverse of what is left of a hold ---- */

static struct id128 derive(struct slice domain, const struct id128 *hold_id)
{
	struct slice parts[2] = { domain, { hold_id->bytes, ID_BYTES } };
	struct hash hash;
	struct id128 id;

	sha256_hash_parts(parts, COUNT_OF(parts), &hash);
	memcpy(id.bytes, hash.bytes, sizeof id.bytes);
	return id;
}

/* The entry has no id fingerprint: nothing may refer to a Reverse, and a client that guesses
 * the id cannot get in its way. */
static void expire(struct ledger *ledger, const struct ledger_claim *claim)
{
	const struct batch_claim *hold = &claim->record;
	const struct ledger_account *account = ledger_account_at(ledger, hold->account_index);
	struct entry entry = {
		.id = derive(ENTRY_VIEW("expiry id"), &hold->original_id),
		.ts_unix_ms = ledger->batch_ts_unix_ms,
		.kind = ENTRY_REVERSE,
		.source = SOURCE_SYS,
		.account = ledger_account_name(account),
		.asset = ledger_asset_name(ledger, account->asset),
		.amount = hold->amount - hold->taken,
		.nonce = derive(ENTRY_VIEW("expiry"), &hold->original_id),
		.capability_ref = ENTRY_VIEW("sys:expiry"),
		.original_id = hold->original_id,
		.original_seq = hold->original_seq,
		.effect = EFFECT_HOLD_RELEASE,
	};
	struct ledger_result result;
	enum err err;

	err = ledger_number(ledger, &entry, NULL, NULL, (struct slice){ 0 }, &result);
	assert(err == ERR_OK); /* held covers every open hold */
}

static void expire_due(struct ledger *ledger)
{
	for (uint32_t i = 0; i < LEDGER_EXPIRIES_MAX; i++) {
		struct ledger_claim *claim = ledger_heap_first(ledger);

		if (claim == NULL || claim->record.expires_unix_ms > ledger->batch_ts_unix_ms ||
			ledger->key_table.count >= ledger->limits.dedupe_entries_max) {
			return;
		}
		ledger_heap_remove(ledger, *(const uint32_t *)segments_at(&ledger->heap, 0));
		expire(ledger, claim);
	}
}

void ledger_batch_begin(struct ledger *ledger, struct byte_writer *out, uint64_t now_unix_ms)
{
	assert(ledger->batch.out == NULL && !ledger->is_replaying);
	if (now_unix_ms > ledger->batch_ts_unix_ms) {
		ledger->batch_ts_unix_ms = now_unix_ms;
	}
	ledger->batch = (struct ledger_open_batch){
		.out = out,
		.out_start = out->next,
		.first_seq = ledger->next_seq,
	};
	if (ledger_reserve(ledger, LEDGER_EXPIRIES_MAX, 0) && ledger_reserve_entry(ledger)) {
		expire_due(ledger);
	}
}

/* ---- the end: claims, counters, chunks ---- */

static void put_claims(struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->dirty_claim_count; i++) {
		uint32_t index = *(uint32_t *)segments_at(&ledger->dirty_claims, i);
		struct ledger_claim *claim = segments_at(&ledger->claims, index);

		claim->is_dirty = false;
		batch_put_claim(ledger->batch.out, &claim->record);
		if (batch_claim_is_closed(&claim->record)) {
			ledger_claim_drop(ledger, claim);
		} else if (claim->record.expires_unix_ms != 0 && claim->heap_place == LEDGER_NONE) {
			ledger_heap_push(ledger, index);
		}
	}
	ledger->dirty_claim_count = 0;
}

static void put_counters(struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->dirty_counter_count; i++) {
		uint32_t index = *(uint32_t *)segments_at(&ledger->dirty_counters, i);
		struct ledger_counter *counter = segments_at(&ledger->counters, index);

		counter->is_dirty = false;
		batch_put_counter(ledger->batch.out,
			&(struct batch_counter){
				.number = index,
				.counter_id = counter->id,
				.day = counter->day,
				.spent = counter->spent,
				.asset = ledger_asset_name(ledger, counter->asset),
			});
	}
	ledger->dirty_counter_count = 0;
}

void ledger_chunk_touch(struct ledger *ledger, uint32_t account_index)
{
	uint32_t chunk = account_index / BATCH_CHUNK_ACCOUNTS;
	uint64_t *word = segments_at(&ledger->chunk_dirty, chunk / 64);
	uint64_t bit = (uint64_t)1 << (chunk % 64);

	ledger->chunks_dirty += (*word & bit) == 0 ? 1u : 0u;
	*word |= bit;
}

/* Dirty, at or behind `chunk`; LEDGER_NONE = none up to the end. */
static uint32_t next_dirty(const struct ledger *ledger, uint32_t chunk)
{
	uint32_t chunk_count =
		(ledger->account_count + BATCH_CHUNK_ACCOUNTS - 1) / BATCH_CHUNK_ACCOUNTS;

	while (chunk < chunk_count) {
		const uint64_t *word = segments_at(&ledger->chunk_dirty, chunk / 64);
		uint64_t bits = *word >> (chunk % 64);

		if (bits != 0) {
			chunk += (uint32_t)__builtin_ctzll(bits);
			return chunk < chunk_count ? chunk : LEDGER_NONE;
		}
		chunk = (chunk / 64 + 1) * 64;
	}
	return LEDGER_NONE;
}

static void put_chunk(struct ledger *ledger, uint32_t number)
{
	uint64_t *word = segments_at(&ledger->chunk_dirty, number / 64);
	uint32_t first = number * BATCH_CHUNK_ACCOUNTS;
	uint32_t count = ledger->account_count - first;
	struct batch_chunk chunk = {
		.number = number,
		.true_at_seq = ledger->next_seq - 1,
		.count = (uint8_t)(count < BATCH_CHUNK_ACCOUNTS ? count : BATCH_CHUNK_ACCOUNTS),
	};

	for (uint32_t i = 0; i < chunk.count; i++) {
		const struct ledger_account *account = ledger_account_at(ledger, first + i);

		chunk.balances[i] = (struct batch_balance){
			.available = account->available,
			.held = account->held,
			.last_seq = account->last_seq,
			.spent = account->spent,
			.day = account->day,
		};
	}
	batch_put_chunk(ledger->batch.out, &chunk);
	*word &= ~((uint64_t)1 << (number % 64));
	ledger->chunks_dirty--;
}

/* The sweep goes round and round. When it begins again, every chunk that was dirty when it
 * began last has been written since: nothing is stale before that seq. */
static uint32_t sweep_to(struct ledger *ledger)
{
	uint32_t number = next_dirty(ledger, ledger->sweep_next);

	if (number == LEDGER_NONE) {
		ledger->low_water = ledger->sweep_started_seq;
		ledger->sweep_started_seq = ledger->next_seq - 1;
		number = next_dirty(ledger, 0);
	}
	return number;
}

static void sweep(struct ledger *ledger, uint32_t chunk_count)
{
	for (; chunk_count > 0 && ledger->batch.out->left >= CHUNK_BYTES; chunk_count--) {
		uint32_t number = sweep_to(ledger);

		if (number == LEDGER_NONE) {
			break;
		}
		put_chunk(ledger, number);
		ledger->sweep_next = number + 1;
		ledger->batches_since_chunk = 0;
	}
	if (next_dirty(ledger, 0) == LEDGER_NONE) {
		ledger->low_water = ledger->next_seq - 1;
		ledger->sweep_started_seq = ledger->next_seq - 1;
	}
}

void ledger_batch_end(struct ledger *ledger, uint32_t chunks_min, struct ledger_batch *ret_batch)
{
	uint64_t entry_count = ledger->next_seq - ledger->batch.first_seq;
	uint64_t chunks = entry_count / ENTRIES_PER_CHUNK;

	assert(ledger->batch.out != NULL && ledger->journal_depth == 0);
	put_claims(ledger);
	put_counters(ledger);
	ledger->batches_since_chunk++;
	if (chunks == 0 && ledger->batches_since_chunk >= BATCHES_PER_CHUNK_MAX) {
		chunks = 1;
	}
	chunks = chunks > CHUNKS_PER_BATCH_MAX ? CHUNKS_PER_BATCH_MAX : chunks;
	sweep(ledger, chunks < chunks_min ? chunks_min : (uint32_t)chunks);
	assert(!ledger->batch.out->failed); /* ledger_batch_fits() saw to it */
	*ret_batch = (struct ledger_batch){
		.first_seq = ledger->batch.first_seq,
		.entry_count = entry_count,
		.low_water = ledger->low_water,
		.batch_ts_unix_ms = ledger->batch_ts_unix_ms,
	};
	ledger->batch = (struct ledger_open_batch){ 0 };
}

uint32_t ledger_dirty_chunks(const struct ledger *ledger)
{
	/* what a taken-back request made dirty may be beyond the last account */
	return next_dirty(ledger, 0) == LEDGER_NONE ? 0 : ledger->chunks_dirty;
}

/* ---- controls ---- */

static bool control_is_valid(const struct batch_control *control)
{
	bool is_rule = control->kind == CONTROL_FREEZE || control->kind == CONTROL_UNFREEZE;

	if (control->kind == CONTROL_LIMIT) {
		return control->scope == SCOPE_GLOBAL &&
		       (entry_views_equal(control->value, LEDGER_LIMIT_ACCOUNT_TOTAL) ||
			       entry_views_equal(control->value, LEDGER_LIMIT_DAILY));
	}
	switch (control->scope) {
	case SCOPE_GLOBAL:
	case SCOPE_REWARDS:
		return is_rule && control->value.bytes_count == 0;
	case SCOPE_ASSET:
		return is_rule && entry_asset_is_valid(control->value);
	case SCOPE_ACCOUNT:
		return is_rule && entry_account_is_valid(control->value);
	case SCOPE_CAPABILITY:
		return control->kind == CONTROL_REVOKE && control->value.bytes_count == ID_BYTES;
	case SCOPE_KEY:
		return control->kind == CONTROL_REVOKE && control->value.bytes_count == 4;
	}
	return false;
}

enum err ledger_control_apply(struct ledger *ledger, const struct batch_control *control)
{
	if (control->kind == CONTROL_SETTLED) {
		return ledger_settle_load(ledger, control->value);
	}
	if (!control_is_valid(control)) {
		return ERR_MALFORMED;
	}
	if (!ledger_reserve(ledger, 1, 0) || !ledger_reserve_entry(ledger)) {
		return ERR_BUSY;
	}
	if (control->kind != CONTROL_LIMIT) {
		ledger_rule_set(
			ledger, control->scope, control->value, control->kind != CONTROL_UNFREEZE);
	} else if (entry_views_equal(control->value, LEDGER_LIMIT_DAILY)) {
		ledger->limits.daily_ceiling = control->amount;
	} else {
		ledger->limits.account_total_max = control->amount;
	}
	return ERR_OK;
}

enum err ledger_control(struct ledger *ledger, const struct batch_control *control)
{
	struct batch_control record = *control;
	struct byte_writer before = *ledger->batch.out;
	enum err err = ERR_BUSY;

	if (control->kind == CONTROL_SETTLED ||
		control->value.bytes_count > BATCH_CONTROL_VALUE_BYTES_MAX ||
		control->actor.bytes_count > BATCH_CONTROL_ACTOR_BYTES_MAX ||
		control->reason.bytes_count > BATCH_CONTROL_REASON_BYTES_MAX) {
		return ERR_MALFORMED;
	}
	record.after_seq = ledger->next_seq - 1;
	batch_put_control(ledger->batch.out, &record);
	if (ledger_batch_fits(ledger)) {
		err = ledger_control_apply(ledger, &record);
	}
	if (err != ERR_OK) {
		*ledger->batch.out = before;
	}
	return err;
}
