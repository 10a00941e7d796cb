/* The wallet's view of balances: when the ledger is asked, what is told while it is away, and that
 * whoever wrote reads what he wrote. Ages are what the test, as the sequencer, says they are. */

#include "tests/worker/wallet_driver.h"

/* wallet.staleness_window is 5 s and wallet.degraded_stale_max a minute; what is of the future is
 * young however slow the machine, and nothing is older than a machine that was just started. */
#define YOUNG_MS   (-3600000)
#define OLD_MS     10000
#define TOO_OLD_MS 90000

static int set_up(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_WALLET);
	h.config.wallet_staleness_window_ms = 5000;
	h.config.wallet_degraded_stale_max_ms = 60000;
	start();
	return 0;
}

static void ask_until(uint64_t ticket, const char *account, uint64_t deadline_mono_ms)
{
	harness_send_read_balance(prevalidator, ticket,
		&(struct oap_read_balance){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = deadline_mono_ms,
			.account = text_of(account),
			.asset = text_of("ron") });
}

static void ask(uint64_t ticket, const char *account)
{
	ask_until(ticket, account, now_mono_ms() + 60000);
}

/* The places of a question, in its order. */
struct asked {
	uint64_t id;
	size_t count;
	uint32_t places[8];
	char accounts[8][16];
};

static struct asked expect_ask(void)
{
	struct oap_ask_balance msg;
	struct asked asked = { .id = harness_expect_ask_balance(sequencer, &msg) };
	struct byte_reader in = byte_reader_of(msg.names);

	harness_send_credit(
		sequencer, 0, &(struct oap_credit){ 1, 4 + (uint32_t)msg.names.bytes_count });
	while (in.left > 0) {
		struct slice account, asset;

		assert_in_range(asked.count, 0, COUNT_OF(asked.places) - 1);
		asked.places[asked.count] = byte_get_u32(&in);
		account = byte_get_view(&in, byte_get_u8(&in));
		asset = byte_get_view(&in, byte_get_u8(&in));
		assert_false(in.failed);
		assert_in_range(account.bytes_count, 1, 15);
		memcpy(asked.accounts[asked.count], account.bytes, account.bytes_count);
		assert_memory_equal(asset.bytes, "ron", 3);
		asked.count++;
	}
	return asked;
}

/* The n-th of the question has 100 + n. */
static void tell_aged(const struct asked *asked, bool known, int64_t age_ms)
{
	uint8_t bytes[8 * BALANCE_TOLD_BYTES];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	for (size_t i = 0; i < asked->count; i++) {
		byte_put_u32(&out, asked->places[i]);
		byte_put_u64(&out, 7);
		byte_put_u128(&out, 100 + i);
		byte_put_u128(&out, 5);
	}
	harness_send_told_balance(sequencer, asked->id,
		&(struct oap_told_balance){ .known = known,
			.as_of_seq = 9,
			.as_of_mono_ms = (uint64_t)((int64_t)now_mono_ms() - age_ms),
			.balances = { bytes, out.used } });
}

static void expect_balance(uint64_t ticket, uint64_t available, uint64_t age_ms_min)
{
	struct oap_balance balance;

	assert_int_equal(harness_expect_balance(edge, &balance), ticket);
	assert_int_equal(balance.api_reason, API_REASON_NONE);
	assert_true(balance.available == available);
	assert_true(balance.held == 5);
	assert_int_equal(balance.as_of_seq, 9);
	assert_in_range(balance.stale_ms, age_ms_min, age_ms_min + HARNESS_WAIT_MS);
}

static void expect_refusal(uint64_t ticket, enum api_reason reason)
{
	struct oap_balance balance;

	assert_int_equal(harness_expect_balance(edge, &balance), ticket);
	assert_string_equal(api_reasons_name(balance.api_reason), api_reasons_name(reason));
	assert_int_equal(balance.account.bytes_count, 0);
}

/* Asked, and told so old. */
static void know(const char *account, int64_t age_ms)
{
	struct asked asked;

	ask(1, account);
	asked = expect_ask();
	tell_aged(&asked, true, age_ms);
	expect_balance(1, 100, age_ms < 0 ? 0 : (uint64_t)age_ms);
}

static void what_is_missing_is_asked_once_a_turn(void **state)
{
	struct asked asked;

	(void)state;
	harness_halt(&h);
	ask(1, "alice");
	ask(2, "bob");
	ask(3, "alice");
	harness_go_on(&h);
	asked = expect_ask();
	assert_int_equal(asked.count, 2);
	assert_string_equal(asked.accounts[0], "alice");
	assert_string_equal(asked.accounts[1], "bob");
	harness_expect_nothing(sequencer);
	tell_aged(&asked, true, YOUNG_MS);
	expect_balance(3, 100, 0); /* who came last to a place is told first */
	expect_balance(1, 100, 0);
	expect_balance(2, 101, 0);
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 3);
}

static void what_is_young_is_told_and_what_is_old_asked_again(void **state)
{
	struct asked asked;

	(void)state;
	know("alice", YOUNG_MS);
	ask(2, "alice");
	expect_balance(2, 100, 0);
	harness_expect_nothing(sequencer);
	know("bob", OLD_MS); /* whoever waits is told, but it is not kept for others */
	ask(3, "bob");
	asked = expect_ask();
	tell_aged(&asked, true, YOUNG_MS);
	expect_balance(3, 100, 0);
}

/* Goal: both accounts are asked for again from the moment on that the result is told. */
static void who_wrote_reads_what_he_wrote(void **state)
{
	struct oap_wallet_op op = transfer_of(1, "key");
	struct asked asked;

	(void)state;
	know("alice", YOUNG_MS);
	know("bob", YOUNG_MS);
	know("carol", YOUNG_MS);
	harness_send_wallet_op(prevalidator, 2, &op);
	commit(expect_submit());
	assert_int_equal(expect_result(2).api_reason, API_REASON_NONE);
	ask(3, "carol");
	expect_balance(3, 100, 0);
	ask(4, "alice");
	asked = expect_ask();
	tell_aged(&asked, true, YOUNG_MS);
	expect_balance(4, 100, 0);
	ask(5, "bob");
	asked = expect_ask();
	tell_aged(&asked, true, YOUNG_MS);
	expect_balance(5, 100, 0);
}

static void while_the_ledger_is_away_its_last_word_is_told(void **state)
{
	struct asked asked;

	(void)state;
	know("alice", OLD_MS);
	know("old", TOO_OLD_MS);
	ask(2, "alice");
	asked = expect_ask();
	harness_link_down(sequencer);
	expect_balance(2, 100, OLD_MS);
	ask(3, "alice");
	expect_balance(3, 100, OLD_MS);
	ask(4, "old");
	expect_refusal(4, API_REASON_LEDGER_DOWN);
	ask(5, "nobody");
	expect_refusal(5, API_REASON_LEDGER_DOWN);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	tell_serving(0);
	tell_aged(&asked, true, YOUNG_MS); /* of before: nobody waits for it */
	ask(6, "nobody");
	asked = expect_ask();
	tell_aged(&asked, true, YOUNG_MS);
	expect_balance(6, 100, 0);
}

static void a_ledger_without_state_is_as_good_as_away(void **state)
{
	struct asked asked;

	(void)state;
	know("alice", OLD_MS);
	ask(2, "alice");
	asked = expect_ask();
	tell_aged(&asked, false, 0);
	expect_balance(2, 100, OLD_MS);
	ask(3, "bob");
	asked = expect_ask();
	tell_aged(&asked, false, 0);
	expect_refusal(3, API_REASON_LEDGER_DOWN);
}

static void a_ledger_that_stands_still_is_not_waited_for(void **state)
{
	struct asked asked;

	(void)state;
	know("alice", OLD_MS);
	ask(2, "alice");
	asked = expect_ask();
	expect_balance(2, 100, OLD_MS); /* as of before, although nothing was told */
	ask_until(3, "bob", now_mono_ms() + 1);
	expect_refusal(3, API_REASON_TIMEOUT);
	tell_aged(&asked, true, YOUNG_MS); /* late, and good for the next */
	harness_settle(&h);
	ask(4, "alice");
	expect_balance(4, 100, 0);
}

static void names_that_are_none_accuse(void **state)
{
	(void)state;
	ask(1, "a/b");
	harness_expect_accusation(prevalidator, OAP_READ_BALANCE, ERR_MALFORMED);
	harness_expect_nothing(edge);
}

static void a_place_that_is_none_accuses(void **state)
{
	struct asked asked;

	(void)state;
	ask(1, "alice");
	asked = expect_ask();
	asked.places[0] = 1000;
	tell_aged(&asked, true, YOUNG_MS);
	harness_expect_accusation(sequencer, OAP_TOLD_BALANCE, ERR_MALFORMED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_missing_is_asked_once_a_turn),
		TEST(what_is_young_is_told_and_what_is_old_asked_again),
		TEST(who_wrote_reads_what_he_wrote),
		TEST(while_the_ledger_is_away_its_last_word_is_told),
		TEST(a_ledger_without_state_is_as_good_as_away),
		TEST(a_ledger_that_stands_still_is_not_waited_for),
		TEST(names_that_are_none_accuse),
		TEST(a_place_that_is_none_accuses),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
