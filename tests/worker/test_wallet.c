/* The wallet alone: keys, receipts, and what becomes of an operation when a neighbour dies at each
 * of its steps. */
#include "tests/worker/wallet_driver.h"

static int set_up(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_WALLET);
	return 0;
}

static void ask(uint64_t ticket, const struct oap_wallet_op *op)
{
	harness_send_wallet_op(prevalidator, ticket, op);
}

static void expect_refusal(uint64_t ticket, enum api_reason reason)
{
	struct oap_wallet_result result = expect_result(ticket);

	assert_string_equal(api_reasons_name(result.api_reason), api_reasons_name(reason));
	assert_int_equal(result.receipt.bytes_count, 0);
	assert_int_equal(result.replayed, 0);
}

static void expect_receipt(uint64_t ticket, struct slice receipt, bool replayed)
{
	struct oap_wallet_result result = expect_result(ticket);

	assert_int_equal(result.api_reason, API_REASON_NONE);
	assert_int_equal(result.replayed, replayed);
	assert_int_equal(result.receipt.bytes_count, receipt.bytes_count);
	assert_memory_equal(result.receipt.bytes, receipt.bytes, receipt.bytes_count);
}

/* Done, with its receipt kept as archive would have it. */
static struct slice do_transfer(uint64_t ticket, uint64_t nonce, const char *key)
{
	static uint8_t kept[VERB_RECEIPT_BYTES_MAX];
	struct oap_wallet_op op = transfer_of(nonce, key);
	struct slice receipt;

	ask(ticket, &op);
	struct sent *sent = expect_submit();
	receipt = complete(sent);
	memcpy(kept, receipt.bytes, receipt.bytes_count);
	commit(sent);
	receipt.bytes = kept;
	expect_receipt(ticket, receipt, false);
	return receipt;
}

static void tell_repeat(uint64_t seq)
{
	struct sent *sent = expect_submit();

	judge(sent->id, (struct oap_op_verdict){ .is_repeat = 1, .seq = seq });
}

static void answer_read(uint64_t seq, struct oap_receipt receipt)
{
	struct oap_read_receipt read;
	uint64_t id = harness_expect_read_receipt(archive, &read);

	assert_int_equal(read.seq, seq);
	harness_send_receipt(archive, id, &receipt);
}

/* --- cases --- */

static void an_operation_becomes_one_entry_with_its_receipt(void **state)
{
	struct operation operation = {
		.kind = OPERATION_TRANSFER,
		.from = text_of("alice"),
		.to = text_of("bob"),
		.asset = text_of("ron"),
		.amount = 250,
		.nonce = 7,
	};
	struct oap_wallet_op op;
	uint8_t receipt[DRAFT_RECEIPT_BYTES_MAX];
	struct hash hash;
	size_t receipt_bytes;

	(void)state;
	start();
	op = transfer_of(7, "k-1");
	ask(1, &op);
	struct sent *sent = expect_submit();
	assert_int_equal(sent->draft.lane, LANE_DEBIT);
	assert_int_equal(sent->draft.lane_nonce, 7);
	assert_int_equal(sent->draft.entry.kid, GRANTS_KEY_ID);
	assert_true(entry_views_equal(sent->draft.entry.capability_ref, grants_capability_ref()));
	receipt_bytes = receipt_print(&operation, &sent->draft.entry.id, text_of("k-1"),
		sent->draft.entry.ts_unix_ms, receipt, &hash);
	assert_int_equal(sent->draft.receipt.bytes_count, receipt_bytes);
	assert_memory_equal(sent->draft.receipt.bytes, receipt, receipt_bytes);
	assert_memory_equal(&sent->draft.entry.receipt_hash, &hash, sizeof hash);
	commit(sent);
	expect_receipt(1, complete(sent), false);
}

static void before_the_ledger_serves_all_is_turned_away(void **state)
{
	struct oap_wallet_op op;

	(void)state;
	start_alone();
	op = transfer_of(1, "k");
	ask(1, &op);
	expect_refusal(1, API_REASON_LEDGER_DOWN);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	ask(2, &op);
	expect_refusal(2, API_REASON_LEDGER_DOWN); /* it replays */
	tell_serving(0);
	ask(3, &op);
	(void)expect_submit();
}

static void txids_are_later_than_all_before_a_restart(void **state)
{
	uint64_t later_ms = now_unix_ms() + 3600000; /* the clock was set back since */
	struct oap_wallet_op op;
	struct id128 last = { { 0 } };

	(void)state;
	start();
	tell_serving(later_ms);
	for (uint64_t i = 1; i <= 20; i++) {
		char key[16];

		(void)snprintf(key, sizeof key, "k%u", (unsigned)i);
		op = transfer_of(i, key);
		ask(i, &op);
		struct sent *sent = expect_submit();
		assert_true(memcmp(&sent->draft.entry.id, &last, sizeof last) > 0);
		assert_true(sent->draft.entry.ts_unix_ms >= later_ms);
		last = sent->draft.entry.id;
	}
}

static void a_key_in_use_is_not_used_twice(void **state)
{
	struct oap_wallet_op op, other;

	(void)state;
	start();
	op = transfer_of(1, "k");
	other = transfer_of(1, "k");
	other.amount = 251;
	ask(1, &op);
	struct sent *sent = expect_submit();
	ask(2, &op);
	expect_refusal(2, API_REASON_IN_PROGRESS);
	ask(3, &other);
	expect_refusal(3, API_REASON_IDEM_MISMATCH);
	harness_expect_nothing(sequencer);
	commit(sent);
	expect_receipt(1, complete(sent), false);
	ask(4, &other);
	expect_refusal(4, API_REASON_IDEM_MISMATCH);
}

static void the_key_of_another_principal_is_another(void **state)
{
	struct oap_wallet_op op;

	(void)state;
	start();
	(void)do_transfer(1, 1, "k");
	op = transfer_of(1, "k");
	op.from = text_of("carol");
	ask(2, &op);
	(void)expect_submit();
}

static void a_repeat_is_answered_by_the_stored_bytes(void **state)
{
	struct oap_wallet_op op;
	struct slice receipt;

	(void)state;
	start();
	receipt = do_transfer(1, 1, "k");
	op = transfer_of(1, "k");
	for (uint64_t ticket = 2; ticket < 5; ticket++) {
		ask(ticket, &op);
		tell_repeat(9);
		answer_read(9, (struct oap_receipt){ .status = ERR_OK, .receipt = receipt });
		expect_receipt(ticket, receipt, true);
	}
}

/* Goal: nothing is lost with the process: the ledger knows. */
static void a_new_wallet_replays_what_the_old_one_did(void **state)
{
	struct oap_wallet_op op;
	struct slice receipt;

	(void)state;
	start();
	receipt = do_transfer(1, 1, "k");
	harness_kill(&h);
	start();
	op = transfer_of(1, "k");
	ask(2, &op);
	tell_repeat(9);
	answer_read(9, (struct oap_receipt){ .status = ERR_OK, .receipt = receipt });
	expect_receipt(2, receipt, true);
}

static void another_key_for_what_was_done_is_a_used_nonce(void **state)
{
	struct oap_wallet_op op;
	struct slice receipt;
	struct oap_wallet_result result;

	(void)state;
	start();
	receipt = do_transfer(1, 1, "k");
	op = transfer_of(1, "another");
	ask(2, &op);
	struct sent *sent = expect_submit();
	judge(sent->id, (struct oap_op_verdict){
				.is_repeat = 1, .seq = 9, .has_lane_last = 1, .lane_last = 1 });
	answer_read(9, (struct oap_receipt){ .status = ERR_OK, .receipt = receipt });
	result = expect_result(2);
	assert_int_equal(result.api_reason, API_REASON_NONCE_USED);
	assert_int_equal(result.has_lane_last, 1);
	assert_int_equal(result.lane_last, 1);
	op.amount = 1; /* the key stands for nothing: it may name another wish */
	op.nonce = 2;
	ask(3, &op);
	(void)expect_submit();
}

static void refusals_have_their_names_and_leave_the_key(void **state)
{
	static const struct {
		enum detail detail;
		enum api_reason reason;
	} rows[] = {
		{ DETAIL_INSUFFICIENT, API_REASON_INSUFFICIENT_FUNDS },
		{ DETAIL_NONCE_GAP, API_REASON_NONCE_GAP },
		{ DETAIL_NONCE_USED, API_REASON_NONCE_USED },
		{ DETAIL_IDEM_CONFLICT, API_REASON_NONCE_USED },
		{ DETAIL_CAVEAT, API_REASON_SCOPE },
		{ DETAIL_REVOKED, API_REASON_REVOKED },
		{ DETAIL_GRANT_EXPIRED, API_REASON_TOKEN_TIME },
		{ DETAIL_DAILY_LIMIT, API_REASON_TOKEN_CEILING },
		{ DETAIL_DAILY_CEILING, API_REASON_DAILY_CEILING },
		{ DETAIL_QUOTA, API_REASON_QUOTA },
		{ DETAIL_PER_OP_MAX, API_REASON_PER_OP_MAX },
		{ DETAIL_ACCOUNT_TOTAL, API_REASON_ACCOUNT_TOTAL },
		{ DETAIL_SUPPLY, API_REASON_SUPPLY },
		{ DETAIL_FROZEN, API_REASON_FROZEN },
		{ DETAIL_ORIGINAL_NOT_FOUND, API_REASON_HOLD_NOT_FOUND },
		{ DETAIL_ORIGINAL_MISMATCH, API_REASON_HOLD_NOT_FOUND },
		{ DETAIL_HOLD_CLOSED, API_REASON_HOLD_CLOSED },
		{ DETAIL_HOLD_EXPIRED, API_REASON_HOLD_EXPIRED },
		{ DETAIL_EXPIRES_PAST, API_REASON_EXPIRES_TS },
		{ DETAIL_CAPACITY, API_REASON_CAPACITY },
		{ DETAIL_TS_SKEW, API_REASON_TIMEOUT },
		{ DETAIL_DEADLINE, API_REASON_TIMEOUT },
		{ DETAIL_SAFE_MODE, API_REASON_SAFE_MODE },
		{ DETAIL_DISK_FULL, API_REASON_DISK_FULL },
		{ DETAIL_STARTING, API_REASON_LEDGER_DOWN },
		{ DETAIL_DRAINING, API_REASON_DRAINING },
		{ DETAIL_GROUP_REFUSED, API_REASON_INTERNAL },
	};

	(void)state;
	start();
	for (uint64_t i = 0; i < COUNT_OF(rows); i++) {
		struct oap_wallet_op op = transfer_of(1 + i, "k"); /* another wish each time */

		ask(i + 1, &op);
		struct sent *sent = expect_submit();
		judge(sent->id, (struct oap_op_verdict){ .detail = (uint8_t)rows[i].detail });
		expect_refusal(i + 1, rows[i].reason);
	}
}

/* --- neighbours that die --- */

static void a_lost_sequencer_leaves_the_outcome_unknown(void **state)
{
	struct oap_wallet_op op, other;
	struct slice receipt;
	struct sent *sent;
	uint64_t old_id;
	char kept[VERB_RECEIPT_BYTES_MAX];

	(void)state;
	start();
	op = transfer_of(1, "k");
	other = transfer_of(1, "k");
	other.amount = 251;
	ask(1, &op);
	sent = expect_submit();
	old_id = sent->id;
	receipt = complete(sent);
	memcpy(kept, receipt.bytes, receipt.bytes_count);
	receipt.bytes = (const uint8_t *)kept;
	harness_link_down(sequencer);
	expect_refusal(1, API_REASON_OUTCOME_UNKNOWN);
	ask(2, &op);
	expect_refusal(2, API_REASON_LEDGER_DOWN);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	tell_serving(0);
	ask(3, &other);
	expect_refusal(3, API_REASON_IDEM_MISMATCH); /* only the same may find out */
	ask(4, &op);
	sent = expect_submit();
	commit(&(struct sent){ .id = old_id, .draft = sent->draft }); /* of before: to nobody */
	harness_expect_nothing(edge);
	judge(sent->id, (struct oap_op_verdict){ .is_repeat = 1, .seq = 9 });
	answer_read(9, (struct oap_receipt){ .status = ERR_OK, .receipt = receipt });
	expect_receipt(4, receipt, true); /* it was committed after all */
}

static void what_was_not_done_is_done_by_the_retry(void **state)
{
	struct oap_wallet_op op;
	struct sent *sent;

	(void)state;
	start();
	op = transfer_of(1, "k");
	ask(1, &op);
	(void)expect_submit();
	harness_link_down(sequencer);
	expect_refusal(1, API_REASON_OUTCOME_UNKNOWN);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	tell_serving(0);
	ask(2, &op);
	sent = expect_submit();
	commit(sent);
	expect_receipt(2, complete(sent), false);
}

static void a_lost_archive_is_asked_again_when_it_is_back(void **state)
{
	struct oap_wallet_op op;
	struct oap_read_receipt read;
	struct slice receipt;

	(void)state;
	start();
	receipt = do_transfer(1, 1, "k");
	op = transfer_of(1, "k");
	ask(2, &op);
	tell_repeat(9);
	(void)harness_expect_read_receipt(archive, &read);
	harness_link_down(archive);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	answer_read(9, (struct oap_receipt){ .status = ERR_OK, .receipt = receipt });
	expect_receipt(2, receipt, true);
}

static void a_store_that_cannot_be_read_now_is_asked_again(void **state)
{
	struct oap_wallet_op op;
	struct slice receipt;

	(void)state;
	start();
	receipt = do_transfer(1, 1, "k");
	op = transfer_of(1, "k");
	ask(2, &op);
	tell_repeat(9);
	answer_read(9, (struct oap_receipt){ .status = ERR_BUSY });
	answer_read(9, (struct oap_receipt){ .status = ERR_IO });
	answer_read(9, (struct oap_receipt){ .status = ERR_NOT_FOUND });
	answer_read(9, (struct oap_receipt){ .status = ERR_OK, .receipt = receipt });
	expect_receipt(2, receipt, true);
}

/* Goal: it was done, and only when time is up is the client told to ask again. */
static void without_an_archive_a_repeat_ends_unknown(void **state)
{
	struct oap_wallet_op op;

	(void)state;
	start();
	(void)do_transfer(1, 1, "k");
	harness_link_down(archive);
	op = transfer_of(1, "k");
	op.deadline_mono_ms = now_mono_ms() + 300;
	ask(2, &op);
	tell_repeat(9);
	expect_refusal(2, API_REASON_OUTCOME_UNKNOWN);
}

static void a_receipt_that_is_not_there_is_our_fault(void **state)
{
	struct oap_wallet_op op;

	(void)state;
	start();
	(void)do_transfer(1, 1, "k");
	op = transfer_of(1, "k");
	ask(2, &op);
	tell_repeat(9);
	answer_read(9, (struct oap_receipt){ .status = ERR_CORRUPT });
	expect_refusal(2, API_REASON_INTERNAL);
	ask(3, &op);
	tell_repeat(9);
	answer_read(9, (struct oap_receipt){ .status = ERR_OK }); /* an entry of /ingest */
	expect_refusal(3, API_REASON_INTERNAL);
}

/* Goal: a prevalidator or an edge that is lost takes nothing with it. */
static void what_a_lost_prevalidator_asked_goes_on(void **state)
{
	struct oap_wallet_op op;
	struct sent *sent;

	(void)state;
	start();
	op = transfer_of(1, "k");
	ask(1, &op);
	sent = expect_submit();
	harness_link_down(prevalidator);
	commit(sent);
	expect_receipt(1, complete(sent), false);
}

static void the_answer_never_reaches_a_later_edge(void **state)
{
	struct oap_wallet_op op;
	struct sent *sent;

	(void)state;
	start();
	op = transfer_of(1, "k");
	ask(1, &op);
	sent = expect_submit();
	edge = harness_link_up(&h, PROCESS_INGRESS, 0);
	commit(sent);
	harness_expect_nothing(edge);
}

static void a_late_operation_is_not_begun(void **state)
{
	struct oap_wallet_op op;

	(void)state;
	start();
	op = transfer_of(1, "k");
	op.deadline_mono_ms = now_mono_ms() - 1;
	ask(1, &op);
	expect_refusal(1, API_REASON_TIMEOUT);
	harness_expect_nothing(sequencer);
}

static void credit_comes_back_with_each_answer(void **state)
{
	(void)state;
	start();
	for (uint64_t i = 1; i <= 3; i++) {
		char key[16];

		(void)snprintf(key, sizeof key, "k%u", (unsigned)i);
		(void)do_transfer(i, i, key);
	}
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 3);
}

static void it_drains_when_the_last_is_answered(void **state)
{
	struct oap_wallet_op op;
	struct oap_drained drained;
	struct sent *sent;

	(void)state;
	start();
	op = transfer_of(1, "k");
	ask(1, &op);
	sent = expect_submit();
	harness_send_drain(&h.control, 0, &(struct oap_drain){ now_mono_ms() + 60000 });
	op = transfer_of(2, "l");
	ask(2, &op);
	expect_refusal(2, API_REASON_DRAINING);
	harness_expect_nothing(&h.control);
	commit(sent);
	expect_receipt(1, complete(sent), false);
	(void)harness_expect_drained(&h.control, &drained);
}

/* --- siblings that lie --- */

static void a_prevalidator_that_sends_nonsense_is_accused(void **state)
{
	struct oap_wallet_op op;

	(void)state;
	start();
	op = transfer_of(0, "k");
	ask(1, &op);
	harness_expect_accusation(prevalidator, OAP_WALLET_OP, ERR_MALFORMED);
}

static void a_key_that_is_none_accuses(void **state)
{
	struct oap_wallet_op op;

	(void)state;
	start();
	op = transfer_of(1, "a b");
	ask(1, &op);
	harness_expect_accusation(prevalidator, OAP_WALLET_OP, ERR_MALFORMED);
}

static void a_verdict_without_a_receipt_accuses(void **state)
{
	struct oap_wallet_op op;

	(void)state;
	start();
	op = transfer_of(1, "k");
	ask(1, &op);
	judge(expect_submit()->id, (struct oap_op_verdict){ .seq = 9 });
	harness_expect_accusation(sequencer, OAP_OP_VERDICT, ERR_MALFORMED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_operation_becomes_one_entry_with_its_receipt),
		TEST(before_the_ledger_serves_all_is_turned_away),
		TEST(txids_are_later_than_all_before_a_restart),
		TEST(a_key_in_use_is_not_used_twice),
		TEST(the_key_of_another_principal_is_another),
		TEST(a_repeat_is_answered_by_the_stored_bytes),
		TEST(a_new_wallet_replays_what_the_old_one_did),
		TEST(another_key_for_what_was_done_is_a_used_nonce),
		TEST(refusals_have_their_names_and_leave_the_key),
		TEST(a_lost_sequencer_leaves_the_outcome_unknown),
		TEST(what_was_not_done_is_done_by_the_retry),
		TEST(a_lost_archive_is_asked_again_when_it_is_back),
		TEST(a_store_that_cannot_be_read_now_is_asked_again),
		TEST(without_an_archive_a_repeat_ends_unknown),
		TEST(a_receipt_that_is_not_there_is_our_fault),
		TEST(what_a_lost_prevalidator_asked_goes_on),
		TEST(the_answer_never_reaches_a_later_edge),
		TEST(a_late_operation_is_not_begun),
		TEST(credit_comes_back_with_each_answer),
		TEST(it_drains_when_the_last_is_answered),
		TEST(a_prevalidator_that_sends_nonsense_is_accused),
		TEST(a_key_that_is_none_accuses),
		TEST(a_verdict_without_a_receipt_accuses),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
