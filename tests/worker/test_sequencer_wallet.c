/* The sequencer before the wallet: an operation's verdict, and what becomes of operations whose
 * wallet dies before they are judged, and after. */
#include "core/receipt.h"
#include "core/ulid.h"
#include "tests/worker/sequencer_driver.h"

static struct harness_link *wallet;
static struct sent_batch first, second;
static uint64_t txid_ahead_ms; /* of the operation's time: 0 but for a captured wallet */

/* What it is told to begin behind. */
static uint64_t link_wallet(void)
{
	struct oap_serving serving;

	wallet = harness_link_up(&h, PROCESS_WALLET, 0);
	(void)harness_expect_serving(wallet, &serving);
	return serving.latest_ts_unix_ms;
}

/* alice has 1000, as seq 1. */
static void start_with_wallet(void)
{
	start_serving();
	fund("alice", 1000);
	(void)link_wallet();
}

static struct operation burn_of(uint64_t nonce)
{
	return (struct operation){
		.kind = OPERATION_BURN,
		.from = text_of("alice"),
		.asset = text_of("ron"),
		.amount = 250,
		.nonce = nonce,
	};
}

/* As a wallet sends one, by its clock. */
static void submit_op_at(uint64_t id, struct operation operation, uint64_t ts_unix_ms)
{
	uint8_t bytes[DRAFT_BYTES_MAX], receipt[DRAFT_RECEIPT_BYTES_MAX];
	uint8_t random[ULID_RANDOM_BYTES];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct draft draft;

	operation_draft(&operation, &draft);
	memset(&random, (int)id, sizeof random);
	ulid_advance(&draft.entry.id, (int64_t)(ts_unix_ms + txid_ahead_ms), random);
	draft.entry.ts_unix_ms = ts_unix_ms;
	draft.entry.kid = GRANTS_KEY_ID;
	draft.entry.capability_ref = grants_capability_ref();
	draft.receipt = (struct slice){ receipt,
		receipt_print(&operation, &draft.entry.id, text_of("k"), draft.entry.ts_unix_ms,
			receipt, &draft.entry.receipt_hash) };
	draft_encode(&out, &draft);
	assert_false(out.failed);
	harness_send_op_submit(wallet, id,
		&(struct oap_op_submit){ .deadline_mono_ms = now_mono_ms() + 60000,
			.draft = { bytes, out.used },
			.grant = grants_seal() });
}

static void submit_op(uint64_t id, struct operation operation)
{
	submit_op_at(id, operation, now_unix_ms());
}

static struct oap_op_verdict expect_op_verdict(uint64_t id)
{
	struct oap_op_verdict verdict;

	assert_int_equal(harness_expect_op_verdict(wallet, &verdict), id);
	return verdict;
}

static void an_operation_is_told_when_it_is_on_disk(void **state)
{
	struct oap_op_verdict verdict;

	(void)state;
	start_with_wallet();
	submit_op(7, burn_of(1));
	expect_work(&first);
	harness_expect_nothing(edge);
	commit(&first);
	verdict = expect_op_verdict(7);
	assert_int_equal(verdict.detail, DETAIL_NONE);
	assert_int_equal(verdict.is_repeat, 0);
	assert_int_equal(verdict.seq, 2);
	assert_true(verdict.receipt.bytes_count > 0);
	submit_op(8, burn_of(3));
	verdict = expect_op_verdict(8);
	assert_int_equal(verdict.detail, DETAIL_NONCE_GAP);
	assert_int_equal(verdict.has_lane_last, 1);
	assert_int_equal(verdict.lane_last, 1);
}

/* Goal: its client asks again through the next wallet, and what that one is told is the end. */
static void what_a_dead_wallet_asked_is_not_done_after_it(void **state)
{
	(void)state;
	start_with_wallet();
	submit(2, mints(1), 1);
	expect_work(&first);
	submit_op(7, burn_of(1)); /* waits for the batch */
	harness_settle(&h);
	harness_link_down(wallet);
	harness_settle(&h);
	submit(3, mints(1), 1);
	harness_settle(&h);
	commit(&first);
	expect_work(&second);
	assert_int_equal(second.head.entry_count, 1);
	commit(&second);
	(void)expect_verdict(2, 200);
	(void)expect_verdict(3, 200);
}

/* Goal: what was judged before it died is done, and the next wallet finds it. */
static void what_was_judged_outlives_its_wallet(void **state)
{
	struct oap_op_verdict verdict;

	(void)state;
	start_with_wallet();
	submit_op(7, burn_of(1));
	expect_work(&first);
	harness_link_down(wallet);
	harness_settle(&h);
	(void)link_wallet();
	submit_op(9, burn_of(1));
	harness_settle(&h);
	commit(&first);
	send_row(expect_fetch_of(2), 2, 2, &kept.root);
	verdict = expect_op_verdict(9);
	assert_int_equal(verdict.detail, DETAIL_NONE);
	assert_int_equal(verdict.is_repeat, 1);
	assert_int_equal(verdict.seq, 2);
}

/* Goal: the next wallet's txids are later, though the clock that they were made by is set back. */
static void a_wallet_begins_behind_the_latest_txid(void **state)
{
	uint64_t later_ms = now_unix_ms() + 3600000;

	(void)state;
	start_with_wallet();
	submit_op_at(7, burn_of(1), later_ms);
	expect_work(&first);
	commit(&first);
	assert_int_equal(expect_op_verdict(7).seq, 2);
	assert_int_equal(link_wallet(), later_ms);
	harness_kill(&h);
	start();
	harness_send_state_begin(
		committer, 0, &(struct oap_state_begin){ .fence = 3, .txid_ts_unix_ms = later_ms });
	harness_send_state_end(committer, 0, &(struct oap_state_end){ .size = 0 });
	expect_phase(PHASE_SERVING, "");
	assert_int_equal(link_wallet(), later_ms);
}

static void an_operation_whose_txid_has_another_time_accuses_the_wallet(void **state)
{
	(void)state;
	start_with_wallet();
	txid_ahead_ms = 1;
	submit_op(7, burn_of(1));
	txid_ahead_ms = 0;
	harness_expect_accusation(wallet, OAP_OP_SUBMIT, ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_operation_is_told_when_it_is_on_disk),
		CASE(what_a_dead_wallet_asked_is_not_done_after_it),
		CASE(what_was_judged_outlives_its_wallet),
		CASE(a_wallet_begins_behind_the_latest_txid),
		CASE(an_operation_whose_txid_has_another_time_accuses_the_wallet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
