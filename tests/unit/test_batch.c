#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/batch.h"

static struct slice text(const char *string)
{
	return (struct slice){ (const uint8_t *)string, strlen(string) };
}

static uint8_t leaf_bytes[ENTRY_LEAF_BYTES_MAX];

static struct batch_entry an_entry(uint64_t seq)
{
	struct byte_writer out = byte_writer_of(leaf_bytes, sizeof leaf_bytes);
	struct entry entry = {
		.seq = seq,
		.kind = ENTRY_MINT,
		.source = SOURCE_INGEST,
		.account = text("alice"),
		.asset = text("ron"),
		.amount = 5,
		.capability_ref = text("cap"),
	};

	entry_encode(&out, &entry);
	return (struct batch_entry){
		.leaf = { leaf_bytes, out.used },
		.prev_account_seq = 1,
		.prev_counter_seq = 2,
		.key_fingerprint = 3,
		.id_fingerprint = 4,
		.has_memo = true,
		.salt = { 9 },
		.memo = text("memo"),
		.receipt = text("{}"),
		.idem_id = text("x1"),
		.lane = 1,
		.lane_nonce = 5,
	};
}

/* One of each, in one batch. */
static size_t put_all(uint8_t *buffer, size_t buffer_bytes)
{
	struct byte_writer out = byte_writer_of(buffer, buffer_bytes);
	struct batch_entry entry = an_entry(7);
	struct batch_chunk chunk = { .number = 2, .true_at_seq = 7, .count = 2 };

	chunk.balances[1] = (struct batch_balance){
		.available = U128_MAX, .held = 1, .last_seq = 7, .spent = 3, .day = 20000
	};
	batch_put_entry(&out, &entry);
	batch_put_account(&out,
		&(struct batch_account){ .index = 4, .name = text("alice"), .asset = text("ron") });
	batch_put_chunk(&out, &chunk);
	batch_put_claim(&out, &(struct batch_claim){ .original_seq = 5,
				      .original_id = { { 1 } },
				      .account_index = 4,
				      .amount = 10,
				      .taken = 10,
				      .expires_unix_ms = 99 });
	batch_put_counter(&out, &(struct batch_counter){ .number = 3,
					.counter_id = { { 8 } },
					.day = 1,
					.spent = 2,
					.asset = text("ron") });
	batch_put_control(&out, &(struct batch_control){ .kind = CONTROL_FREEZE,
					.scope = SCOPE_ACCOUNT,
					.after_seq = 7,
					.ts_unix_ms = 1,
					.value = text("alice"),
					.actor = text("operator"),
					.reason = text("because") });
	batch_put_audit(
		&out, &(struct batch_audit){ .ts_unix_ms = 1, .kind = 2, .bytes = text("{}") });
	return out.failed ? 0 : out.used;
}

static enum err get_any(const struct batch_record *record)
{
	union {
		struct batch_entry entry;
		struct batch_account account;
		struct batch_chunk chunk;
		struct batch_claim claim;
		struct batch_counter counter;
		struct batch_control control;
		struct batch_audit audit;
	} any;

	switch (record->type) {
	case BATCH_ENTRY:
		return batch_get_entry(record->body, &any.entry);
	case BATCH_ACCOUNT:
		return batch_get_account(record->body, &any.account);
	case BATCH_CHUNK:
		return batch_get_chunk(record->body, &any.chunk);
	case BATCH_CLAIM:
		return batch_get_claim(record->body, &any.claim);
	case BATCH_COUNTER:
		return batch_get_counter(record->body, &any.counter);
	case BATCH_CONTROL:
		return batch_get_control(record->body, &any.control);
	case BATCH_AUDIT:
		return batch_get_audit(record->body, &any.audit);
	}
	return ERR_MALFORMED;
}

static void each_record_comes_back_in_order(void **state)
{
	static uint8_t buffer[8192];
	size_t used = put_all(buffer, sizeof buffer);
	struct byte_reader in = byte_reader_of((struct slice){ buffer, used });
	struct batch_record record;
	unsigned type = 0;

	(void)state;
	assert_true(used > 0);
	while (batch_next(&in, &record)) {
		assert_int_equal(record.type, ++type);
		assert_int_equal(get_any(&record), ERR_OK);
	}
	assert_true(byte_reader_done(&in));
	assert_int_equal(type, BATCH_AUDIT);
}

/* Goal: every cut of a batch, and of every body, is seen. */
static void a_cut_batch_is_damage(void **state)
{
	static uint8_t buffer[8192];
	size_t used = put_all(buffer, sizeof buffer);
	struct batch_record record;

	(void)state;
	for (size_t cut = 0; cut < used; cut++) {
		struct byte_reader in = byte_reader_of((struct slice){ buffer, cut });
		size_t whole = 0;

		while (batch_next(&in, &record)) {
			whole = (size_t)(record.body.bytes + record.body.bytes_count - buffer);
		}
		assert_true(byte_reader_done(&in) == (whole == cut));
	}
}

static void a_cut_or_longer_body_is_malformed(void **state)
{
	static uint8_t buffer[8192];
	struct byte_reader in =
		byte_reader_of((struct slice){ buffer, put_all(buffer, sizeof buffer) });
	struct batch_record record;

	(void)state;
	while (batch_next(&in, &record)) {
		struct batch_record cut = record;

		for (cut.body.bytes_count = 0; cut.body.bytes_count < record.body.bytes_count;
			cut.body.bytes_count++) {
			assert_int_equal(get_any(&cut), ERR_MALFORMED);
		}
		cut.body.bytes_count++;
		assert_int_equal(get_any(&cut), ERR_MALFORMED);
	}
}

static void without_room_the_writer_fails(void **state)
{
	static uint8_t buffer[8192];
	size_t used = put_all(buffer, sizeof buffer);

	(void)state;
	for (size_t room = 0; room < used; room++) {
		assert_int_equal(put_all(buffer, room), 0);
	}
	assert_int_equal(put_all(buffer, used), used);
}

static void keys_are_what_the_rows_are_stored_under(void **state)
{
	static uint8_t buffer[8192];
	struct byte_reader in =
		byte_reader_of((struct slice){ buffer, put_all(buffer, sizeof buffer) });
	const uint64_t keys[] = { 0, 0, 4, 2, 5, 3, 0, 0 }; /* by type */
	struct batch_record record;

	(void)state;
	while (batch_next(&in, &record)) {
		uint64_t key = 0;
		enum err err = batch_record_key(&record, &key);

		assert_true((err == ERR_OK) == (keys[record.type] != 0));
		assert_true(key == keys[record.type]);
	}
}

static void an_open_hold_is_closed_when_all_is_taken(void **state)
{
	struct batch_claim claim = { .original_seq = 1, .amount = 10, .taken = 9 };

	(void)state;
	assert_false(batch_claim_is_closed(&claim));
	claim.taken = 10;
	assert_true(batch_claim_is_closed(&claim));
	claim.effect = EFFECT_TRANSFER; /* what was reversed is remembered */
	claim.amount = 0;
	assert_false(batch_claim_is_closed(&claim));
}

static void a_claim_that_took_too_much_is_malformed(void **state)
{
	uint8_t buffer[128];
	struct byte_writer out = byte_writer_of(buffer, sizeof buffer);
	struct batch_claim claim = { .original_seq = 1, .amount = 10, .taken = 11 };

	(void)state;
	batch_put_claim(&out, &claim);
	assert_int_equal(batch_get_claim((struct slice){ buffer + BATCH_HEAD_BYTES,
						 out.used - BATCH_HEAD_BYTES },
				 &claim),
		ERR_MALFORMED);
}

static void the_largest_records_have_the_sizes_that_the_header_says(void **state)
{
	static uint8_t buffer[BATCH_CHUNK_BYTES_MAX + BATCH_HEAD_BYTES];
	struct byte_writer out = byte_writer_of(buffer, sizeof buffer);
	struct batch_chunk chunk = { .count = BATCH_CHUNK_ACCOUNTS };

	(void)state;
	batch_put_chunk(&out, &chunk);
	assert_true(!out.failed && out.left == 0);
	assert_true(BATCH_CHUNK_BYTES_MAX <= 4096); /* a page of the store */
}

static void an_entry_is_found_by_its_seq(void **state)
{
	static uint8_t buffer[8192];
	struct byte_writer out = byte_writer_of(buffer, sizeof buffer);
	struct batch_entry found;

	(void)state;
	for (uint64_t seq = 5; seq < 9; seq++) {
		struct batch_entry entry = an_entry(seq);

		batch_put_entry(&out, &entry);
		batch_put_account(
			&out, &(struct batch_account){ .name = text("a"), .asset = text("ron") });
	}
	for (uint64_t seq = 0; seq < 12; seq++) {
		bool is_there = seq >= 5 && seq < 9;
		enum err err = batch_find_entry((struct slice){ buffer, out.used }, seq, &found);

		assert_int_equal(err, is_there ? ERR_OK : ERR_NOT_FOUND);
		if (is_there) {
			assert_true(entry_leaf_seq(found.leaf) == seq);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_record_comes_back_in_order),
		cmocka_unit_test(a_cut_batch_is_damage),
		cmocka_unit_test(a_cut_or_longer_body_is_malformed),
		cmocka_unit_test(without_room_the_writer_fails),
		cmocka_unit_test(keys_are_what_the_rows_are_stored_under),
		cmocka_unit_test(an_open_hold_is_closed_when_all_is_taken),
		cmocka_unit_test(a_claim_that_took_too_much_is_malformed),
		cmocka_unit_test(the_largest_records_have_the_sizes_that_the_header_says),
		cmocka_unit_test(an_entry_is_found_by_its_seq),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
