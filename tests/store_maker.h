#ifndef TESTS_STORE_MAKER_H
#define TESTS_STORE_MAKER_H

/* Makes batches as the sequencer would, for the tests and the bench of the store: the entry
 * of a seq depends on the seq alone, so that the same entries can be cut into any batches.
 * Seqs 1 to MAKER_ACCOUNTS mint a million to an account each; after that most entries move 1
 * to the next account, and in each hundred there are a hold with its release and capture, a
 * reversed transfer, and a group of two legs. Every 3rd transfer is of source v1 with a
 * receipt and the next nonce of its account, every 5th entry has a memo, every 7th an idem_id. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch.h"
#include "core/entry.h"
#include "core/receipt.h"
#include "core/sha256.h"
#include "store/fingerprint.h"
#include "store/store.h"

#define MAKER_ACCOUNTS    100u
#define MAKER_BALANCES    (1 + 2 * MAKER_ACCOUNTS)
#define MAKER_BYTES_MAX   (16u * 1024u * 1024u)
#define MAKER_TS_UNIX_MS  INT64_C(1700000000000)
#define MAKER_MINT_AMOUNT 1000000u

struct maker {
	uint64_t fence;
	uint64_t size;
	struct hash root;
	uint8_t fingerprint_key[FINGERPRINT_KEY_BYTES];
	/* index 0 is sys:issuance, then the accounts, then their nonce lanes */
	struct batch_balance balances[MAKER_BALANCES];
	uint8_t *bytes; /* owned; the records of the batch in the making */
	struct byte_writer out;
};

static inline void maker_init(struct maker *maker, const struct store_state *state)
{
	*maker = (struct maker){ .fence = state->head.meta.fence, .root = state->head.root };
	memcpy(maker->fingerprint_key, state->head.meta.fingerprint_key, FINGERPRINT_KEY_BYTES);
	maker->bytes = malloc(MAKER_BYTES_MAX);
	assert(maker->bytes != NULL);
	maker->out = byte_writer_of(maker->bytes, MAKER_BYTES_MAX);
}

static inline void maker_finish(struct maker *maker)
{
	free(maker->bytes);
	maker->bytes = NULL;
}

static inline void maker_id(uint64_t seq, uint8_t salt, struct id128 *ret_id)
{
	memset(ret_id, salt, sizeof *ret_id);
	for (size_t i = 0; i < 8; i++) {
		ret_id->bytes[i] = (uint8_t)(seq >> (56 - 8 * i)); /* rises, as txids do */
	}
}

static inline struct slice maker_account(uint64_t number, char text[16])
{
	int length = snprintf(text, 16, "acct-%05u", (unsigned)(number % MAKER_ACCOUNTS));

	return (struct slice){ (const uint8_t *)text, (size_t)length };
}

static inline uint64_t maker_touch(struct maker *maker, size_t index, uint64_t seq)
{
	uint64_t last_seq = maker->balances[index].last_seq;

	maker->balances[index].last_seq = seq;
	return last_seq;
}

/* The optional columns, and their hashes in the leaf. */
static inline void maker_extras(uint64_t seq, struct entry *entry, struct batch_entry *record)
{
	static const struct slice memo = { (const uint8_t *)"for the tea", 11 };

	if (seq % 5 == 0) {
		const struct slice parts[] = { { record->salt, ENTRY_SALT_BYTES }, memo };

		memset(record->salt, (int)(seq & 0xff), sizeof record->salt);
		record->has_memo = true;
		record->memo = memo;
		sha256_hash_parts(parts, 2, &entry->memo_hash);
	}
	if (seq % 7 == 0) {
		record->idem_id = (struct slice){ (const uint8_t *)"once", 4 };
	}
}

/* Every third transfer is an operation of the wallet: it has the next nonce of its lane, and a
 * receipt, of which the balances are told when it has moved them. */
static inline struct slice maker_operation(struct maker *maker, size_t from, struct entry *entry,
	struct batch_entry *record, uint8_t bytes[BATCH_RECEIPT_BYTES_MAX])
{
	struct batch_balance *lanes = &maker->balances[MAKER_ACCOUNTS + from];
	struct operation operation = {
		.kind = entry->effect == EFFECT_CAPTURE ? OPERATION_CAPTURE : OPERATION_TRANSFER,
		.from = entry->account,
		.to = entry->counter_account,
		.asset = entry->asset,
		.amount = entry->amount,
		.nonce = (uint64_t)++lanes->available,
		.hold = entry->original_id,
	};

	lanes->last_seq = entry->seq;
	entry->source = SOURCE_V1;
	record->lane = LANE_DEBIT;
	record->lane_nonce = operation.nonce;
	operation_ledger_nonce(&operation, &entry->nonce);
	return (struct slice){ bytes,
		receipt_print(&operation, &entry->id, (struct slice){ (const uint8_t *)"key", 3 },
			entry->ts_unix_ms, bytes, &entry->receipt_hash) };
}

static inline void maker_receipt(uint8_t bytes[BATCH_RECEIPT_BYTES_MAX], struct slice *receipt,
	uint64_t seq, u128 before, u128 after)
{
	struct byte_writer out = byte_writer_of(
		bytes + receipt->bytes_count, BATCH_RECEIPT_BYTES_MAX - receipt->bytes_count);

	receipt_complete(&out, seq, before, after);
	receipt->bytes_count += out.used;
}

/* What seq does beside the plain transfer; `first` is the hold or transfer that it is about. */
static inline void maker_shape(uint64_t seq, struct entry *entry)
{
	uint64_t original_seq = 0;

	entry->kind = ENTRY_TRANSFER;
	entry->amount = 1;
	switch (seq % 100) {
	case 10:
		entry->kind = ENTRY_HOLD;
		entry->amount = 5;
		entry->expires_unix_ms = (uint64_t)MAKER_TS_UNIX_MS + 1000000;
		break;
	case 20:
		entry->kind = ENTRY_REVERSE;
		entry->effect = EFFECT_HOLD_RELEASE;
		entry->amount = 2;
		original_seq = seq - 10;
		break;
	case 30:
		entry->effect = EFFECT_CAPTURE;
		entry->amount = 3;
		original_seq = seq - 20;
		break;
	case 40:
		entry->kind = ENTRY_REVERSE;
		entry->effect = EFFECT_TRANSFER;
		original_seq = seq - 1;
		break;
	case 55:
	case 56:
		entry->kind = seq % 100 == 55 ? ENTRY_DEBIT : ENTRY_CREDIT;
		entry->amount = 7;
		entry->group_first = seq - seq % 5;
		entry->group_count = 2;
		break;
	default:
		break;
	}
	if (original_seq != 0) {
		entry->original_seq = original_seq;
		maker_id(original_seq, 0x11, &entry->original_id);
	}
}

/* An account's balance changes, and its chain of entries goes on. */
static inline void maker_move(struct maker *maker, size_t index, u128 available, u128 held)
{
	maker->balances[index].available += available;
	maker->balances[index].held += held;
}

static inline void maker_apply(
	struct maker *maker, const struct entry *entry, size_t from, size_t to)
{
	const u128 up = entry->amount;
	const u128 down = (u128)0 - up;

	switch (entry->kind) {
	case ENTRY_MINT:
		maker_move(maker, from, up, 0);
		maker_move(maker, 0, up, 0);
		break;
	case ENTRY_HOLD:
		maker_move(maker, from, down, up);
		break;
	case ENTRY_DEBIT:
		maker_move(maker, from, down, 0);
		break;
	case ENTRY_CREDIT:
		maker_move(maker, from, up, 0);
		break;
	case ENTRY_TRANSFER:
		maker_move(maker, from, entry->effect == EFFECT_CAPTURE ? 0 : down,
			entry->effect == EFFECT_CAPTURE ? down : 0);
		maker_move(maker, to, up, 0);
		break;
	case ENTRY_REVERSE:
		maker_move(maker, from, up, entry->effect == EFFECT_HOLD_RELEASE ? down : 0);
		if (entry->effect == EFFECT_TRANSFER) {
			maker_move(maker, to, down, 0);
		}
		break;
	case ENTRY_BURN:
		break;
	}
}

/* A CLAIM row for what an entry takes or leaves. */
static inline void maker_claim(struct maker *maker, const struct entry *entry, size_t from)
{
	bool is_hold = entry->kind == ENTRY_HOLD;
	struct batch_claim claim = {
		.original_seq = is_hold ? entry->seq : entry->original_seq,
		.original_id = is_hold ? entry->id : entry->original_id,
		.account_index = (uint32_t)from,
	};

	if (claim.original_seq == 0) {
		return;
	}
	if (entry->effect == EFFECT_TRANSFER) {
		claim.effect = EFFECT_TRANSFER;
		claim.taken = 1;
	} else {
		claim.amount = 5;
		claim.expires_unix_ms = (uint64_t)MAKER_TS_UNIX_MS + 1000000;
		claim.taken = is_hold ? 0 : (entry->effect == EFFECT_CAPTURE ? 5 : 2);
	}
	batch_put_claim(&maker->out, &claim);
}

/* Appends the next entry to the batch in the making, and its claim. */
static inline void maker_entry(struct maker *maker)
{
	const uint64_t seq = ++maker->size;
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	struct byte_writer out = byte_writer_of(leaf, sizeof leaf);
	struct batch_entry record = { .prev_account_seq = 0 };
	uint8_t receipt[BATCH_RECEIPT_BYTES_MAX];
	char account[16], counter[16];
	struct entry entry = { .seq = seq,
		.ts_unix_ms = (uint64_t)MAKER_TS_UNIX_MS + seq,
		.source = SOURCE_INGEST,
		.asset = { (const uint8_t *)"ron", 3 },
		.kid = 1,
		.capability_ref = { (const uint8_t *)"00112233445566778899aabbccddeeff", 32 } };
	uint64_t number;
	size_t from, to;
	u128 before;

	maker_id(seq, 0x11, &entry.id);
	maker_id(seq, 0x22, &entry.nonce);
	if (seq <= MAKER_ACCOUNTS) {
		entry.kind = ENTRY_MINT;
		entry.amount = MAKER_MINT_AMOUNT;
	} else {
		maker_shape(seq, &entry);
	}
	number = entry.original_seq != 0 ? entry.original_seq : seq;
	entry.account = maker_account(number, account);
	from = 1 + number % MAKER_ACCOUNTS;
	to = seq <= MAKER_ACCOUNTS ? 0 : 1 + (number + 1) % MAKER_ACCOUNTS;
	if (entry.kind == ENTRY_TRANSFER || entry.effect == EFFECT_TRANSFER) {
		entry.counter_account = maker_account(number + 1, counter);
	}
	record.prev_account_seq = maker_touch(maker, from, seq);
	if (entry.kind == ENTRY_MINT || entry.counter_account.bytes_count > 0) {
		record.prev_counter_seq = maker_touch(maker, to, seq);
	}
	if (seq % 3 == 0 && entry.kind == ENTRY_TRANSFER) {
		record.receipt = maker_operation(maker, from, &entry, &record, receipt);
		if (entry.effect == EFFECT_NONE) {
			maker->balances[from].day = (uint32_t)(MAKER_TS_UNIX_MS / 86400000);
			maker->balances[from].spent += entry.amount;
		}
	}
	before = maker->balances[from].available;
	maker_apply(maker, &entry, from, to);
	if (entry.source == SOURCE_V1) {
		maker_receipt(
			receipt, &record.receipt, seq, before, maker->balances[from].available);
	}
	maker_extras(seq, &entry, &record);
	entry_encode(&out, &entry);
	assert(!out.failed);
	record.leaf = (struct slice){ leaf, out.used };
	record.key_fingerprint = fingerprint_of_key(maker->fingerprint_key, &entry);
	record.id_fingerprint = fingerprint_of_id(maker->fingerprint_key, &entry);
	batch_put_entry(&maker->out, &record);
	maker_claim(maker, &entry, from);
	assert(!maker->out.failed);
}

static inline void maker_entries(struct maker *maker, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		maker_entry(maker);
	}
}

/* The ACCOUNT rows, one for each balance. */
static inline void maker_accounts(struct maker *maker)
{
	const struct slice asset = { (const uint8_t *)"ron", 3 };
	struct batch_account issuance = { 0, ENTRY_ISSUANCE_ACCOUNT, asset };

	batch_put_account(&maker->out, &issuance);
	for (uint32_t i = 1; i <= MAKER_ACCOUNTS; i++) {
		char text[16];
		struct batch_account account = { i, maker_account(i - 1, text), asset };

		batch_put_account(&maker->out, &account);
	}
	for (uint32_t i = 1; i <= MAKER_ACCOUNTS; i++) {
		char text[16];
		struct batch_account lanes = { .index = MAKER_ACCOUNTS + i,
			.name = maker_account(i - 1, text) };

		batch_put_account(&maker->out, &lanes);
	}
}

static inline uint32_t maker_chunk_count(void)
{
	return (MAKER_BALANCES + BATCH_CHUNK_ACCOUNTS - 1) / BATCH_CHUNK_ACCOUNTS;
}

/* A CHUNK row as of now. */
static inline void maker_chunk(struct maker *maker, uint32_t number)
{
	struct batch_chunk chunk = { .number = number, .true_at_seq = maker->size };
	size_t first = (size_t)number * BATCH_CHUNK_ACCOUNTS;

	while (chunk.count < BATCH_CHUNK_ACCOUNTS && first + chunk.count < MAKER_BALANCES) {
		chunk.balances[chunk.count] = maker->balances[first + chunk.count];
		chunk.count++;
	}
	batch_put_chunk(&maker->out, &chunk);
}

static inline void maker_audit(struct maker *maker, const char *text)
{
	struct batch_audit audit = { .ts_unix_ms = (uint64_t)MAKER_TS_UNIX_MS,
		.kind = 1,
		.bytes = { (const uint8_t *)text, strlen(text) } };

	batch_put_audit(&maker->out, &audit);
}

static inline void maker_control(struct maker *maker, const char *account)
{
	struct batch_control control = { .kind = CONTROL_FREEZE,
		.scope = SCOPE_ACCOUNT,
		.after_seq = maker->size,
		.ts_unix_ms = (uint64_t)MAKER_TS_UNIX_MS,
		.value = { (const uint8_t *)account, strlen(account) },
		.actor = { (const uint8_t *)"operator", 8 },
		.reason = { (const uint8_t *)"a test", 6 } };

	batch_put_control(&maker->out, &control);
}

/* The head of the batch in the making, which continues the last one that was sent. */
static inline struct store_batch maker_batch(const struct maker *maker, uint64_t first_seq)
{
	return (struct store_batch){ .fence = maker->fence,
		.first_seq = first_seq,
		.prev_root = maker->root,
		.batch_ts_unix_ms = MAKER_TS_UNIX_MS + (int64_t)maker->size,
		.records = { maker->bytes, maker->out.used } };
}

/* Sends what was made. On ERR_OK the next batch begins. */
static inline enum err maker_send(
	struct maker *maker, struct store *store, uint64_t first_seq, struct why *why)
{
	struct store_batch batch = maker_batch(maker, first_seq);
	struct store_commit commit;
	enum err err = store_append(
		store, &batch, (struct instant){ (int64_t)maker->size * 1000000 }, &commit, why);

	if (err == ERR_OK) {
		maker->root = commit.root;
		maker->out = byte_writer_of(maker->bytes, MAKER_BYTES_MAX);
	}
	return err;
}

#endif
