#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/conserve.h"
#include "core/ledger.h"

/* Records as the committer reads them and as the sequencer takes them back: what decodes
 * encodes to the same bytes, and a ledger that is fed with it may refuse but not break. */

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

static void put_again(struct byte_writer *out, const struct batch_record *record)
{
	struct batch_entry entry;
	struct batch_account account;
	struct batch_chunk chunk;
	struct batch_claim claim;
	struct batch_counter counter;
	struct batch_control control;
	struct batch_audit audit;

	switch (record->type) {
	case BATCH_ENTRY:
		if (batch_get_entry(record->body, &entry) == ERR_OK) {
			batch_put_entry(out, &entry);
		}
		break;
	case BATCH_ACCOUNT:
		if (batch_get_account(record->body, &account) == ERR_OK) {
			batch_put_account(out, &account);
		}
		break;
	case BATCH_CHUNK:
		if (batch_get_chunk(record->body, &chunk) == ERR_OK) {
			batch_put_chunk(out, &chunk);
		}
		break;
	case BATCH_CLAIM:
		if (batch_get_claim(record->body, &claim) == ERR_OK) {
			batch_put_claim(out, &claim);
		}
		break;
	case BATCH_COUNTER:
		if (batch_get_counter(record->body, &counter) == ERR_OK) {
			batch_put_counter(out, &counter);
		}
		break;
	case BATCH_CONTROL:
		if (batch_get_control(record->body, &control) == ERR_OK) {
			batch_put_control(out, &control);
		}
		break;
	case BATCH_AUDIT:
		if (batch_get_audit(record->body, &audit) == ERR_OK) {
			batch_put_audit(out, &audit);
		}
		break;
	}
}

static void load(struct ledger *ledger, const struct batch_record *record)
{
	enum err err = ledger_load(ledger, record);

	assert(err == ERR_OK || err == ERR_MALFORMED || err == ERR_CORRUPT || err == ERR_BUSY);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static const uint8_t key[SIPHASH_KEY_BYTES] = { 1 };
	static uint8_t again[BATCH_BYTES_MAX];
	const struct memory memory = { .take = take, .give = give };
	const struct ledger_limits limits = {
		.account_total_max = U128_MAX,
		.daily_ceiling = U128_MAX,
		.op_amount_max = U128_MAX,
		.request_entries_max = 1,
		.fingerprint_mask = UINT64_MAX,
	};
	struct slice records = { bytes, bytes_count };
	struct byte_reader in = byte_reader_of(records);
	struct ledger *ledger = ledger_create(&memory, &limits, key);
	struct batch_record record;

	assert(ledger != NULL);
	while (batch_next(&in, &record)) {
		struct byte_writer out = byte_writer_of(again, sizeof again);

		put_again(&out, &record);
		if (out.used > 0) {
			assert(out.used == BATCH_HEAD_BYTES + record.body.bytes_count);
			assert(memcmp(again + BATCH_HEAD_BYTES, record.body.bytes,
				       record.body.bytes_count) == 0);
		}
		load(ledger, &record);
	}
	(void)!conserve_batch(0, records);
	ledger_destroy(ledger);
	return 0;
}
