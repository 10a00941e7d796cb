#include "core/ledger_state.h"

#include "core/sha256.h"

/* Exactly once, for ever (DESIGN-LEDGER.md section 4). The key is (source, account, nonce). Two
 * entries with the same key are the same wish if their content is: kind, account, asset, amount,
 * counter_account, original_id, expires_ts and memo. id, ts, v, capability_ref, kid and idem_id
 * may differ: a retry may come with a new token. */

/* Of the open batch, by the place that was noted when it was numbered. */
static bool row_of_batch(const struct ledger *ledger, uint64_t seq, struct ledger_row *ret_row)
{
	const struct ledger_open_batch *batch = &ledger->batch;
	const uint32_t *offset;
	struct byte_reader in;
	struct batch_record record;
	struct batch_entry entry;
	bool is_there;

	assert(seq - batch->first_seq < batch->offset_count);
	offset = segments_at(&ledger->offsets, (uint32_t)(seq - batch->first_seq));
	in = byte_reader_of((struct slice){ batch->out_start + *offset,
		(size_t)(batch->out->next - batch->out_start) - *offset });
	is_there = batch_next(&in, &record) && batch_get_entry(record.body, &entry) == ERR_OK;
	assert(is_there); /* we wrote it */
	*ret_row = (struct ledger_row){ .leaf = entry.leaf, .has_salt = entry.has_memo };
	memcpy(ret_row->salt, entry.salt, sizeof ret_row->salt);
	return true;
}

bool ledger_row(const struct ledger *ledger, const struct ledger_request *request, uint64_t seq,
	struct ledger_row *ret_row)
{
	if (ledger->batch.out != NULL && seq >= ledger->batch.first_seq) {
		return row_of_batch(ledger, seq, ret_row);
	}
	return request->row != NULL && request->row(request->row_owner, seq, ret_row);
}

/* The memo of a repeat was salted anew: hash it with the salt of the first one. When that was
 * erased there is nothing to compare with, and a memo is as good as any other. */
static bool same_memo(
	const struct draft *draft, const struct ledger_row *row, const struct entry *entry)
{
	struct slice parts[2] = { { row->salt, sizeof row->salt }, draft->memo };
	struct hash hash;

	if (draft->has_memo == entry_hash_is_none(&entry->memo_hash)) {
		return false;
	}
	if (!draft->has_memo || !row->has_salt) {
		return true;
	}
	sha256_hash_parts(parts, COUNT_OF(parts), &hash);
	return memcmp(&hash, &entry->memo_hash, sizeof hash) == 0;
}

static bool same_content(
	const struct draft *draft, const struct ledger_row *row, const struct entry *entry)
{
	const struct entry *wish = &draft->entry;

	/* a Reverse's counter_account was its original's, and original_id is compared */
	return wish->kind == entry->kind && wish->amount == entry->amount &&
	       entry_views_equal(wish->asset, entry->asset) &&
	       (wish->kind == ENTRY_REVERSE ||
		       entry_views_equal(wish->counter_account, entry->counter_account)) &&
	       memcmp(&wish->original_id, &entry->original_id, sizeof wish->original_id) == 0 &&
	       wish->expires_unix_ms == entry->expires_unix_ms && same_memo(draft, row, entry);
}

static bool same_key(const struct entry *a, const struct entry *b)
{
	return a->source == b->source && memcmp(&a->nonce, &b->nonce, sizeof a->nonce) == 0 &&
	       entry_views_equal(a->account, b->account);
}

/* A candidate's entry. Rows that do not decode are the store's corruption, found by whoever
 * read them; here they are no match. */
static bool candidate(const struct ledger *ledger, const struct ledger_request *request,
	uint64_t seq, struct ledger_row *ret_row, struct entry *ret_entry)
{
	bool is_at_hand = ledger_row(ledger, request, seq, ret_row);

	assert(is_at_hand); /* or the request would have been parked */
	return entry_decode(ret_row->leaf, ret_entry) == ERR_OK && ret_entry->seq == seq;
}

enum ledger_once ledger_once(const struct ledger *ledger, const struct ledger_request *request,
	const struct draft *draft, const struct ledger_work *work, uint64_t *ret_seq)
{
	struct table_scan scan = table_find(&ledger->key_table, work->key_fingerprint);
	struct ledger_row row;
	struct entry entry;
	uint64_t seq;

	while (table_next(&scan, &seq)) {
		if (candidate(ledger, request, seq, &row, &entry) &&
			same_key(&draft->entry, &entry)) {
			*ret_seq = seq;
			return same_content(draft, &row, &entry) ? ONCE_REPEAT : ONCE_CONFLICT;
		}
	}
	scan = table_find(&ledger->id_table, work->id_fingerprint);
	while (table_next(&scan, &seq)) {
		if (candidate(ledger, request, seq, &row, &entry) &&
			memcmp(&draft->entry.id, &entry.id, sizeof entry.id) == 0) {
			return ONCE_ID_USED;
		}
	}
	return ONCE_NEW;
}

/* ---- originals ---- */

/* An open hold is known whole; nobody has to read its row. */
static const struct batch_claim *open_hold(
	const struct ledger *ledger, uint64_t seq, const struct id128 *id)
{
	const struct ledger_claim *claim = ledger_claim_find(ledger, seq);

	return claim != NULL && claim->record.effect == EFFECT_NONE &&
			       memcmp(&claim->record.original_id, id, sizeof *id) == 0
		       ? &claim->record
		       : NULL;
}

static void from_hold(const struct ledger *ledger, const struct batch_claim *hold,
	struct ledger_original *original)
{
	const struct ledger_account *account = ledger_account_at(ledger, hold->account_index);

	*original = (struct ledger_original){
		.is_found = true,
		.is_hold_open = hold->taken < hold->amount,
		.kind = ENTRY_HOLD,
		.seq = hold->original_seq,
		.account = ledger_account_name(account),
		.asset = ledger_asset_name(ledger, account->asset),
		.amount = hold->amount,
		.taken = hold->taken,
		.expires_unix_ms = hold->expires_unix_ms,
	};
}

static void from_row(
	const struct ledger *ledger, const struct entry *entry, struct ledger_original *original)
{
	const struct ledger_claim *claim = ledger_claim_find(ledger, entry->seq);

	*original = (struct ledger_original){
		.is_found = true,
		.kind = entry->kind,
		.effect = entry->effect,
		.seq = entry->seq,
		.account = entry->account,
		.counter_account = entry->counter_account,
		.asset = entry->asset,
		.amount = entry->amount,
		.taken = claim == NULL ? 0 : claim->record.taken,
		.group_first = entry->group_first,
		.group_count = entry->group_count,
	};
}

void ledger_original_find(const struct ledger *ledger, const struct ledger_request *request,
	const struct draft *draft, const struct ledger_work *work,
	struct ledger_original *ret_original)
{
	const struct id128 *id = &draft->entry.original_id;
	struct table_scan scan = table_find(&ledger->id_table, work->original_fingerprint);
	struct ledger_row row;
	struct entry entry;
	uint64_t seq;

	*ret_original = (struct ledger_original){ 0 };
	while (table_next(&scan, &seq)) {
		const struct batch_claim *hold = open_hold(ledger, seq, id);

		if (hold != NULL) {
			from_hold(ledger, hold, ret_original);
			return;
		}
		if (candidate(ledger, request, seq, &row, &entry) &&
			memcmp(id, &entry.id, sizeof entry.id) == 0) {
			from_row(ledger, &entry, ret_original);
			return;
		}
	}
}

/* ---- what must be fetched ---- */

struct missing {
	const struct ledger *ledger;
	const struct ledger_request *request;
	uint64_t *seqs;
	size_t seq_max;
	size_t seq_count;
};

static void miss(struct missing *missing, uint64_t seq)
{
	struct ledger_row row;

	if (missing->seq_count == missing->seq_max ||
		ledger_row(missing->ledger, missing->request, seq, &row)) {
		return;
	}
	for (size_t i = 0; i < missing->seq_count; i++) {
		if (missing->seqs[i] == seq) {
			return;
		}
	}
	missing->seqs[missing->seq_count++] = seq;
}

static void miss_all(struct missing *missing, const struct table *table, uint64_t fingerprint)
{
	struct table_scan scan = table_find(table, fingerprint);
	uint64_t seq;

	while (table_next(&scan, &seq)) {
		miss(missing, seq);
	}
}

static void miss_original(
	struct missing *missing, const struct draft *draft, const struct ledger_work *work)
{
	const struct ledger *ledger = missing->ledger;
	struct table_scan scan = table_find(&ledger->id_table, work->original_fingerprint);
	uint64_t seq;

	while (table_next(&scan, &seq)) {
		if (open_hold(ledger, seq, &draft->entry.original_id) == NULL) {
			miss(missing, seq);
		}
	}
}

size_t ledger_missing(const struct ledger *ledger, const struct ledger_request *request,
	uint64_t *ret_seqs, size_t seq_max)
{
	struct missing missing = {
		.ledger = ledger, .request = request, .seqs = ret_seqs, .seq_max = seq_max
	};

	for (size_t i = 0; i < request->draft_count && missing.seq_count < seq_max; i++) {
		const struct ledger_work *work = &ledger->work[i];

		if (work->is_judged) {
			continue; /* refused for its form: never looked up */
		}
		miss_all(&missing, &ledger->key_table, work->key_fingerprint);
		miss_all(&missing, &ledger->id_table, work->id_fingerprint);
		if (work->original_fingerprint != 0) {
			miss_original(&missing, &request->drafts[i], work);
		}
	}
	return missing.seq_count;
}
