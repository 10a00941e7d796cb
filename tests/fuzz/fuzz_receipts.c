/* Receipts beside entries. What the input says becomes an operation, its entry and its receipt,
 * which are right together; with one byte of the receipt changed they are not. Then the rest of the
 * input is a receipt of that entry, whatever it is. */
#include <string.h>

#include "core/batch.h"
#include "core/receipt.h"
#include "store/receipts.h"

static struct slice take_name(struct byte_reader *in, uint8_t *bytes, size_t bytes_max)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t count = 1 + byte_get_u8(in) % bytes_max;

	for (size_t i = 0; i < count; i++) {
		bytes[i] = (uint8_t)letters[byte_get_u8(in) % (sizeof letters - 1)];
	}
	return (struct slice){ bytes, count };
}

static struct operation take_operation(struct byte_reader *in)
{
	static uint8_t from[ACCOUNT_BYTES_MAX], to[ACCOUNT_BYTES_MAX], asset[ASSET_BYTES_MAX];
	struct operation operation = { .kind = 1 + byte_get_u8(in) % OPERATION_KIND_MAX };

	if (operation_has_from(operation.kind)) {
		operation.from = take_name(in, from, sizeof from);
	}
	if (operation_has_to(operation.kind)) {
		operation.to = take_name(in, to, sizeof to);
	}
	operation.asset = take_name(in, asset, sizeof asset);
	operation.amount = byte_get_u128(in);
	operation.nonce = byte_get_u64(in) % OPERATION_NONCE_MAX + 1;
	if (operation_has_hold(operation.kind)) {
		operation.hold = byte_get_id128(in);
		operation.hold.bytes[0] |= 1;
	}
	operation.amount += operation.amount == 0 ? 1 : 0;
	return operation;
}

static enum err check(
	const struct entry *entry, const struct reader_entry *row, u128 before, u128 after)
{
	struct why why = { "" };
	enum err err = receipts_check(entry, row, before, after, &why);

	assert(err == ERR_OK || err == ERR_CORRUPT);
	assert((err == ERR_OK) == (why.text[0] == '\0'));
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct byte_reader in = byte_reader_of((struct slice){ bytes, bytes_count });
	uint8_t receipt[BATCH_RECEIPT_BYTES_MAX], key_bytes[OPERATION_KEY_BYTES_MAX];
	struct operation operation = take_operation(&in);
	struct slice key = take_name(&in, key_bytes, sizeof key_bytes);
	u128 before = byte_get_u128(&in), after = byte_get_u128(&in);
	uint32_t changed = byte_get_u32(&in);
	struct reader_entry row;
	struct draft draft;
	struct byte_writer out;
	size_t printed;

	operation_draft(&operation, &draft);
	draft.entry.seq = byte_get_u64(&in);
	draft.entry.ts_unix_ms = byte_get_u64(&in) % (RECEIPT_UNIX_MS_MAX + 1);
	draft.entry.id = byte_get_id128(&in);
	printed = receipt_print(&operation, &draft.entry.id, key, draft.entry.ts_unix_ms, receipt,
		&draft.entry.receipt_hash);
	assert(receipt_is_of(&draft.entry, draft.lane_nonce, (struct slice){ receipt, printed }));
	out = byte_writer_of(receipt + printed, sizeof receipt - printed);
	receipt_complete(&out, draft.entry.seq, before, after);
	assert(!out.failed);
	row = (struct reader_entry){ .lane = (uint8_t)draft.lane,
		.lane_nonce = draft.lane_nonce,
		.receipt = { receipt, printed + out.used } };
	assert(check(&draft.entry, &row, before, after) == ERR_OK);
	receipt[changed % row.receipt.bytes_count] ^= (uint8_t)(1 + (changed >> 24) % 255);
	assert(check(&draft.entry, &row, before, after) == ERR_CORRUPT);
	row.receipt = (struct slice){ in.next, in.failed ? 0 : in.left };
	draft.entry.ts_unix_ms |= (uint64_t)changed << 32;
	(void)check(&draft.entry, &row, before, after);
	return 0;
}
