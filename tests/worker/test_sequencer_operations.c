/* The sequencer as its wallet and archive see it: operations with their receipts, and balances that
 * are told when they are on disk. */
#include "core/receipt.h"
#include "core/ulid.h"
#include "tests/worker/sequencer_driver.h"

static struct sent_batch first, second;

/* --- operations --- */

/* The entry and the receipt that the wallet makes of a transfer. */
struct made {
	struct draft draft;
	uint8_t receipt[DRAFT_RECEIPT_BYTES_MAX];
};

static void make(uint64_t amount, uint64_t nonce, struct made *ret_made)
{
	struct operation operation = {
		.kind = OPERATION_TRANSFER,
		.from = text_of("alice"),
		.to = text_of("bob"),
		.asset = text_of("ron"),
		.amount = amount,
		.nonce = nonce,
	};
	struct draft any = draft_of(ENTRY_TRANSFER, "alice", amount);
	struct draft *draft = &ret_made->draft;

	operation_draft(&operation, draft);
	draft->entry.id = (struct id128){ { 0 } };
	ulid_advance(&draft->entry.id, (int64_t)any.entry.ts_unix_ms, any.entry.id.bytes);
	draft->entry.ts_unix_ms = any.entry.ts_unix_ms;
	draft->entry.kid = any.entry.kid;
	draft->entry.capability_ref = any.entry.capability_ref;
	draft->receipt = (struct slice){ ret_made->receipt,
		receipt_print(&operation, &draft->entry.id, text_of("k-1"), draft->entry.ts_unix_ms,
			ret_made->receipt, &draft->entry.receipt_hash) };
}

static void operate_as(uint64_t id, const struct draft *draft, struct slice grant)
{
	uint8_t bytes[DRAFT_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	draft_encode(&out, draft);
	harness_send_op_submit(wallet, id,
		&(struct oap_op_submit){
			.deadline_mono_ms = now_mono_ms() + 60000,
			.draft = { bytes, out.used },
			.grant = grant,
		});
}

static void operate(uint64_t id, const struct made *made)
{
	operate_as(id, &made->draft, grants_seal());
}

static void start_with_money(void)
{
	struct oap_serving serving;

	start_serving();
	(void)harness_expect_serving(wallet, &serving);
	fund("alice", 100);
}

static struct oap_op_verdict expect_op(uint64_t id, enum detail detail)
{
	struct oap_op_verdict verdict;

	assert_int_equal(harness_expect_op_verdict(wallet, &verdict), id);
	assert_string_equal(detail_text(verdict.detail), detail_text(detail));
	return verdict;
}

static void an_operation_is_answered_with_its_whole_receipt_when_it_is_on_disk(void **state)
{
	static const char last[] =
		",\"seq\":2,\"balance_before\":\"100\",\"balance_after\":\"70\"}";
	struct oap_op_verdict verdict;
	struct batch_record record;
	struct batch_entry row;
	struct byte_reader in;
	struct made made;
	size_t bytes;

	(void)state;
	start_with_money();
	make(30, 1, &made);
	operate(5, &made);
	expect_work(&first);
	in = byte_reader_of(first.head.records);
	assert_true(batch_next(&in, &record));
	while (record.type != BATCH_ENTRY) {
		assert_true(batch_next(&in, &record));
	}
	assert_int_equal(batch_get_entry(record.body, &row), ERR_OK);
	harness_expect_nothing(wallet);
	commit(&first);
	verdict = expect_op(5, DETAIL_NONE);
	assert_int_equal(verdict.seq, 2);
	bytes = made.draft.receipt.bytes_count;
	assert_int_equal(verdict.receipt.bytes_count, bytes + strlen(last));
	assert_memory_equal(verdict.receipt.bytes, made.receipt, bytes);
	assert_memory_equal(verdict.receipt.bytes + bytes, last, strlen(last));
	assert_true(entry_views_equal(row.receipt, verdict.receipt));
}

static void a_repeated_operation_gets_the_seq_of_the_first(void **state)
{
	struct oap_op_verdict verdict;
	struct made made;

	(void)state;
	start_with_money();
	make(30, 1, &made);
	operate(5, &made);
	expect_work(&first);
	make(30, 1, &made); /* another txid, the same wish */
	operate(6, &made);
	harness_expect_nothing(wallet);
	commit(&first);
	(void)expect_op(5, DETAIL_NONE);
	send_row(expect_fetch_of(2), 2, 2, &kept.root);
	verdict = expect_op(6, DETAIL_NONE);
	assert_int_equal(verdict.is_repeat, 1);
	assert_int_equal(verdict.seq, 2);
	assert_int_equal(verdict.receipt.bytes_count, 0);
}

static void a_refusal_tells_the_lane_to_who_may_read_it(void **state)
{
	static const char *const no_reading[] = { "action=wallet.transfer", NULL };
	struct oap_op_verdict verdict;
	struct made made;

	(void)state;
	start_with_money();
	make(30, 1, &made);
	operate(5, &made);
	expect_work(&first);
	commit(&first);
	(void)expect_op(5, DETAIL_NONE);
	make(30, 3, &made);
	operate(6, &made);
	verdict = expect_op(6, DETAIL_NONCE_GAP);
	assert_int_equal(verdict.has_lane_last, 1);
	assert_int_equal(verdict.lane_last, 1);
	operate_as(7, &made.draft, grants_seal_for(GRANTS_GENERATION, no_reading));
	verdict = expect_op(7, DETAIL_NONCE_GAP);
	assert_int_equal(verdict.has_lane_last, 0);
	assert_int_equal(verdict.lane_last, 0);
}

/* What a captured wallet could put on record for ever. */
static void a_receipt_that_is_not_of_its_entry_accuses_the_wallet(void **state)
{
	struct made made;

	(void)state;
	start_with_money();
	for (unsigned i = 0; i < 7; i++) {
		uint8_t *amount;

		make(30, 1, &made);
		switch (i) {
		case 0:
			amount = memmem(made.receipt, sizeof made.receipt, "\"30\"", 4);
			assert_non_null(amount);
			amount[1] = '4';
			break;
		case 1:
			made.draft.entry.amount++;
			break;
		case 2:
			made.draft.entry.receipt_hash.bytes[0] ^= 1;
			break;
		case 3:
			made.draft.lane_nonce++;
			break;
		case 4:
			made.draft.entry.ts_unix_ms = UINT64_MAX;
			break;
		case 5:
			made.draft.receipt.bytes_count = 0;
			break;
		default:
			made.draft.entry.counter_account = text_of("mallory");
			break;
		}
		operate(9, &made);
		harness_expect_accusation(wallet, OAP_OP_SUBMIT, ERR_MALFORMED);
		wallet = harness_link_up(&h, PROCESS_WALLET, 0);
	}
	harness_settle(&h);
	make(30, 1, &made);
	operate(10, &made);
	expect_work(&first);
	assert_int_equal(first.head.first_seq, 2);
}

/* --- the policy that a start hands over --- */

static struct policy policy;

/* Transfers of so much at most, and nothing else. */
static void allow_transfers(uint64_t amount_max)
{
	struct policy_asset row = { .name_bytes = 3,
		.name = "ron",
		.op_amount_max = amount_max,
		.daily_ceiling = U128_MAX };

	policy_init(&policy);
	policy.ops = POLICY_OP_BIT(OPERATION_TRANSFER);
	assert_true(policy_add(&policy, &row));
	h.policy = &policy;
}

/* Goal: the ledger of each start judges by the document of that start. */
static void operations_are_judged_by_the_policy_of_the_start(void **state)
{
	static const uint64_t maxima[] = { 20, 5, 100 };
	struct made made;
	void *none = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(maxima); i++) {
		allow_transfers(maxima[i]);
		start_with_money();
		make(maxima[i] + 1, 1, &made);
		operate(5, &made);
		(void)expect_op(5, DETAIL_PER_OP_MAX);
		make(maxima[i], 1, &made);
		operate(6, &made);
		expect_work(&first);
		commit(&first);
		(void)expect_op(6, DETAIL_NONE);
		harness_finish(&h); /* another store, another start */
		(void)set_up(&none);
	}
	policy_init(&policy);
	policy.ops = POLICY_OP_BIT(OPERATION_BURN);
	h.policy = &policy;
	start_with_money();
	make(1, 1, &made);
	operate(7, &made);
	(void)expect_op(7, DETAIL_POLICY);
}

static void a_policy_that_is_none_starts_nothing(void **state)
{
	(void)state;
	harness_start_begin(&h);
	harness_send_setup_policy(
		&h.control, 0, &(struct oap_setup_policy){ .policy = text_of("no policy") });
	assert_int_not_equal(harness_reap(&h), 0);
}

/* Goal: what a reload brings is judged by from COMMIT on, not earlier, and never after ABORT. */
static void operations_are_judged_by_the_policy_of_the_last_reload(void **state)
{
	struct made made;

	(void)state;
	allow_transfers(20);
	start_with_money();
	allow_transfers(5);
	harness_prepare(&h, 2, 0);
	make(21, 1, &made);
	operate(5, &made);
	(void)expect_op(5, DETAIL_PER_OP_MAX);
	harness_abort(&h, 2);
	make(20, 1, &made);
	operate(6, &made);
	expect_work(&first);
	commit(&first);
	(void)expect_op(6, DETAIL_NONE);
	harness_prepare(&h, 3, 0);
	harness_commit(&h, 3);
	make(6, 2, &made);
	operate(7, &made);
	(void)expect_op(7, DETAIL_PER_OP_MAX);
	h.config.wallet_max_amount_per_op = 4;
	harness_reload(&h);
	make(5, 2, &made);
	operate(8, &made);
	(void)expect_op(8, DETAIL_PER_OP_MAX);
}

/* --- balances for views and events --- */

struct told {
	uint32_t place;
	uint64_t last_seq;
	u128 available, held;
};

static struct slice names_of(const char *const *accounts, uint8_t bytes[VERB_NAMES_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(bytes, VERB_NAMES_BYTES_MAX);

	for (uint32_t i = 0; accounts[i] != NULL; i++) {
		byte_put_u32(&out, 100 + i);
		byte_put_string8(&out, text_of(accounts[i]));
		byte_put_string8(&out, text_of("ron"));
	}
	return (struct slice){ bytes, out.used };
}

static void ask_balances(struct harness_link *link, uint64_t id, const char *const *accounts)
{
	static uint8_t bytes[VERB_NAMES_BYTES_MAX];

	harness_send_ask_balance(link, id, &(struct oap_ask_balance){ names_of(accounts, bytes) });
}

/* Those of the accounts that were asked for, in their order. */
static struct oap_told_balance expect_told(
	struct harness_link *link, uint64_t id, struct told *ret_told, size_t count)
{
	struct oap_told_balance msg;
	struct byte_reader in;

	assert_int_equal(harness_expect_told_balance(link, &msg), id);
	in = byte_reader_of(msg.balances);
	for (size_t i = 0; i < count; i++) {
		ret_told[i].place = byte_get_u32(&in);
		ret_told[i].last_seq = byte_get_u64(&in);
		ret_told[i].available = byte_get_u128(&in);
		ret_told[i].held = byte_get_u128(&in);
		assert_int_equal(ret_told[i].place, 100 + i);
	}
	assert_true(byte_reader_done(&in));
	return msg;
}

static const char *const both[] = { "alice", "bob", NULL };
static const char *const nobody[] = { "nobody", NULL };

static void balances_at_rest_are_told_at_once(void **state)
{
	struct oap_told_balance msg;
	struct told told[2];
	uint64_t asked_mono_ms = now_mono_ms();

	(void)state;
	start_with_money();
	ask_balances(wallet, 1, both);
	msg = expect_told(wallet, 1, told, 2);
	assert_int_equal(msg.known, 1);
	assert_int_equal(msg.as_of_seq, 1);
	assert_in_range(msg.as_of_mono_ms, asked_mono_ms, now_mono_ms());
	assert_int_equal(told[0].available, 100);
	assert_int_equal(told[0].last_seq, 1);
	assert_int_equal(told[1].available, 0);
	assert_int_equal(told[1].last_seq, 0);
	ask_balances(archive, 2, nobody);
	msg = expect_told(archive, 2, told, 1);
	assert_int_equal(msg.known, 1);
	assert_int_equal(told[0].last_seq, 0);
}

/* Goal: what is told contains every operation that was numbered before, is on disk, and comes
 * before the verdict of any that was numbered later. */
static void balances_are_told_in_order_with_commits(void **state)
{
	struct oap_told_balance msg;
	struct told told[2];
	struct made made;

	(void)state;
	start_with_money();
	make(30, 1, &made);
	operate(5, &made);
	expect_work(&first);
	ask_balances(wallet, 6, both); /* it knows of the 30, and may not say so yet */
	make(20, 2, &made);
	operate(7, &made);
	harness_expect_nothing(wallet);
	commit(&first);
	(void)expect_op(5, DETAIL_NONE);
	msg = expect_told(wallet, 6, told, 2);
	assert_int_equal(msg.known, 1);
	assert_int_equal(msg.as_of_seq, 2);
	assert_int_equal(told[0].available, 70);
	assert_int_equal(told[1].available, 30);
	expect_work(&second);
	ask_balances(wallet, 8, both);
	harness_expect_nothing(wallet);
	commit(&second);
	(void)expect_op(7, DETAIL_NONE);
	msg = expect_told(wallet, 8, told, 2);
	assert_int_equal(msg.as_of_seq, 3);
	assert_int_equal(told[0].available, 50);
	assert_int_equal(told[1].available, 50);
	harness_expect_nothing(wallet);
	assert_int_equal(wallet->credit_requests, 4);
}

static void balances_of_what_was_not_committed_are_not_known(void **state)
{
	struct told told[2];
	struct made made;

	(void)state;
	start();
	ask_balances(wallet, 1, both);
	assert_int_equal(expect_told(wallet, 1, told, 2).known, 0);
	stream_nothing();
	fund("alice", 100);
	make(30, 1, &made);
	operate(5, &made);
	expect_work(&first);
	ask_balances(archive, 2, both);
	harness_settle(&h);
	harness_send_not_committed(
		committer, 0, &(struct oap_not_committed){ first.head.batch_no, 1 });
	assert_int_equal(expect_told(archive, 2, told, 2).known, 0);
	ask_balances(archive, 3, both);
	assert_int_equal(expect_told(archive, 3, told, 2).known, 0);
}

static void who_asked_and_is_gone_is_told_nothing(void **state)
{
	struct told told[2];
	struct made made;

	(void)state;
	start_with_money();
	make(30, 1, &made);
	operate(5, &made);
	expect_work(&first);
	ask_balances(archive, 1, both);
	harness_settle(&h);
	harness_link_down(archive);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	harness_settle(&h);
	commit(&first);
	(void)expect_op(5, DETAIL_NONE);
	harness_expect_nothing(archive);
	ask_balances(archive, 2, both);
	assert_int_equal(expect_told(archive, 2, told, 2).as_of_seq, 2);
}

static void names_that_are_none_accuse(void **state)
{
	static const char *const names[] = { "not an account", NULL };
	static const char *const none[] = { NULL };

	(void)state;
	start_with_money();
	ask_balances(archive, 1, names);
	harness_expect_accusation(archive, OAP_ASK_BALANCE, ERR_MALFORMED);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	ask_balances(archive, 2, none);
	harness_expect_accusation(archive, OAP_ASK_BALANCE, ERR_MALFORMED);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	harness_send_ask_balance(archive, 3, &(struct oap_ask_balance){ text_of("\1\2") });
	harness_expect_accusation(archive, OAP_ASK_BALANCE, ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_operation_is_answered_with_its_whole_receipt_when_it_is_on_disk),
		CASE(a_repeated_operation_gets_the_seq_of_the_first),
		CASE(a_refusal_tells_the_lane_to_who_may_read_it),
		CASE(a_receipt_that_is_not_of_its_entry_accuses_the_wallet),
		CASE(operations_are_judged_by_the_policy_of_the_start),
		CASE(a_policy_that_is_none_starts_nothing),
		CASE(operations_are_judged_by_the_policy_of_the_last_reload),
		CASE(balances_at_rest_are_told_at_once),
		CASE(balances_are_told_in_order_with_commits),
		CASE(balances_of_what_was_not_committed_are_not_known),
		CASE(who_asked_and_is_gone_is_told_nothing),
		CASE(names_that_are_none_accuse),
	};

	return cmocka_run_group_tests_name("sequencer operations", tests, NULL, NULL);
}
