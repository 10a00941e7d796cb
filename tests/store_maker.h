#ifndef TESTS_STORE_MAKER_H
#define TESTS_STORE_MAKER_H

/* Makes batches as the sequencer would, for the tests and the bench of the store: the entry
 * of a seq depends on the seq alone, so that the same entries can be cut into any batches.
 * Seqs 1 to MAKER_ACCOUNTS mint a million to an account each; after that each entry moves 1
 * to the next account. Every 3rd entry is of source v1 with a receipt, every 5th has a memo,
 * every 7th an idem_id. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch.h"
#include "core/entry.h"
#include "core/sha256.h"
#include "store/resume.h"
#include "store/store.h"

#define MAKER_ACCOUNTS    100u
#define MAKER_BYTES_MAX   (16u * 1024u * 1024u)
#define MAKER_TS_UNIX_MS  INT64_C(1700000000000)
#define MAKER_MINT_AMOUNT 1000000u

struct maker {
	uint64_t fence;
	uint64_t size;
	struct hash root;
	uint8_t fingerprint_key[FINGERPRINT_KEY_BYTES];
	struct batch_balance balances[1 + MAKER_ACCOUNTS]; /* index 0 is sys:issuance */
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
static inline void maker_extras(
	uint64_t seq, struct entry *entry, struct batch_entry *record, char text[64])
{
	static const struct slice memo = { (const uint8_t *)"for the tea", 11 };

	if (seq % 5 == 0) {
		const struct slice parts[] = { { record->salt, ENTRY_SALT_BYTES }, memo };

		memset(record->salt, (int)(seq & 0xff), sizeof record->salt);
		record->has_memo = true;
		record->memo = memo;
		sha256_hash_parts(parts, 2, &entry->memo_hash);
	}
	if (seq % 3 == 0) {
		int length = snprintf(text, 64, "{\"txid\":\"tx_%llu\"}", (unsigned long long)seq);

		entry->source = SOURCE_V1;
		record->receipt = (struct slice){ (const uint8_t *)text, (size_t)length };
		sha256_hash(text, (size_t)length, &entry->receipt_hash);
	}
	if (seq % 7 == 0) {
		record->idem_id = (struct slice){ (const uint8_t *)"once", 4 };
	}
}

/* Appends the next entry to the batch in the making. */
static inline void maker_entry(struct maker *maker)
{
	const uint64_t seq = ++maker->size;
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	struct byte_writer out = byte_writer_of(leaf, sizeof leaf);
	struct batch_entry record = { .prev_account_seq = 0 };
	char account[16], counter[16], receipt[64];
	size_t from = 1 + seq % MAKER_ACCOUNTS;
	size_t to = 1 + (seq + 1) % MAKER_ACCOUNTS;
	struct entry entry = { .seq = seq,
		.ts_unix_ms = (uint64_t)MAKER_TS_UNIX_MS + seq,
		.source = SOURCE_INGEST,
		.account = maker_account(seq, account),
		.asset = { (const uint8_t *)"ron", 3 },
		.kid = 1,
		.capability_ref = { (const uint8_t *)"00112233445566778899aabbccddeeff", 32 } };

	maker_id(seq, 0x11, &entry.id);
	maker_id(seq, 0x22, &entry.nonce);
	record.prev_account_seq = maker_touch(maker, from, seq);
	if (seq <= MAKER_ACCOUNTS) {
		entry.kind = ENTRY_MINT;
		entry.amount = MAKER_MINT_AMOUNT;
		record.prev_counter_seq = maker_touch(maker, 0, seq);
		maker->balances[0].available += entry.amount;
		maker->balances[from].available += entry.amount;
	} else {
		entry.kind = ENTRY_TRANSFER;
		entry.amount = 1;
		entry.counter_account = maker_account(seq + 1, counter);
		record.prev_counter_seq = maker_touch(maker, to, seq);
		maker->balances[from].available -= 1;
		maker->balances[to].available += 1;
	}
	maker_extras(seq, &entry, &record, receipt);
	entry_encode(&out, &entry);
	assert(!out.failed);
	record.leaf = (struct slice){ leaf, out.used };
	record.key_fingerprint = resume_key_fingerprint(maker->fingerprint_key, &entry);
	record.id_fingerprint = resume_id_fingerprint(maker->fingerprint_key, &entry);
	batch_put_entry(&maker->out, &record);
	assert(!maker->out.failed);
}

static inline void maker_entries(struct maker *maker, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		maker_entry(maker);
	}
}

/* The ACCOUNT rows: index 0 is the issuance, then one for each account. */
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
}

static inline uint32_t maker_chunk_count(void)
{
	return (1 + MAKER_ACCOUNTS + BATCH_CHUNK_ACCOUNTS - 1) / BATCH_CHUNK_ACCOUNTS;
}

/* A CHUNK row as of now. */
static inline void maker_chunk(struct maker *maker, uint32_t number)
{
	struct batch_chunk chunk = { .number = number, .true_at_seq = maker->size };
	size_t first = (size_t)number * BATCH_CHUNK_ACCOUNTS;

	while (chunk.count < BATCH_CHUNK_ACCOUNTS && first + chunk.count <= MAKER_ACCOUNTS) {
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
