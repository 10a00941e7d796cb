/* A ledger that refuses, has forgotten, or does not answer. */
#include "tests/worker/rewarder_driver.h"

/* Goal: what the ledger refuses for a reason that will not pass by itself is told, kept, and paid
 * when somebody asks again. */
static void what_the_ledger_refuses_is_postponed(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	run_until_sealed(2, &inputs);
	id = expect_intent(&intent, &bytes);
	take_body(id, &intent, bytes);
	answer_intent(id, INTENT_ERROR, DETAIL_INSUFFICIENT);
	reply = expect_reply(2);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"ledger\":{\"emitted\":false,\"result\":\"error\",\"reason\":"
			    "\"insufficient\"}");
	expect_body(&reply, "\"quarantine\":true");
	ask(3, EPOCH, &inputs);
	pay();
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: a ledger that was restored to before a payment is not spoken for: the epoch is paid again,
 * or the answer says that it is not. */
static void a_payment_that_the_ledger_lost_is_not_claimed(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	pay_epoch(2, &inputs);
	ask(3, EPOCH, &inputs);
	id = expect_intent(&intent, &bytes);
	take_body(id, &intent, bytes);
	answer_intent(id, INTENT_ERROR, DETAIL_INSUFFICIENT);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"emitted\":false,\"result\":\"error\",\"reason\":\"insufficient\"");
	ask(4, EPOCH, &inputs);
	pay();
	reply = expect_reply(4);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"emitted\":true,\"result\":\"accepted\"");
	ask(5, EPOCH, &inputs);
	answer_intent(expect_intent(&intent, &bytes), INTENT_ERROR, DETAIL_CAVEAT);
	reply = expect_reply(5);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"emitted\":false");
	harness_stop(&h);
}

/* Goal: a ledger that does not answer is asked again, then runs are sealed but not paid; when it
 * answers again what was postponed is computed anew, and paid. */
static void a_slow_ledger_is_a_brownout(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	struct hash nexts = seal_epoch(&next);
	struct oap_run_reply reply;
	struct oap_intent intent;
	uint64_t id;

	(void)state;
	h.config.rewarder_ledger_deadline_ms = 50;
	h.config.brownout_exit_window_ms = 500;
	h.config.brownout_exit_p95_ms = 40;
	start();
	run_until_sealed(2, &inputs);
	reply = expect_reply(2);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"quarantine\":true");
	ask(3, "2025-10-02", &nexts);
	serve_inputs();
	sign(ATTESTATION_OK);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"result\":\"none\"");
	h.config.rewarder_ledger_deadline_ms = 20000; /* from now on it is as fast as we are */
	harness_reload(&h);
	while (harness_is_silent(archive)) { /* until the first is computed anew */
		if (harness_is_silent(sequencer)) {
			continue;
		}
		id = harness_expect_intent(sequencer, &intent); /* pings, and what came before */
		harness_send_credit(sequencer, 0,
			&(struct oap_credit){ 1, (uint32_t)(intent.header.bytes_count +
							    intent.grant.bytes_count + 20) });
		answer_intent(id, INTENT_ERROR, DETAIL_GRANT);
	}
	serve_inputs();
	pay();
	serve_inputs();
	pay();
	ask(4, EPOCH, &inputs);
	answer_intent(
		expect_intent(&(struct intent){ 0 }, &(uint32_t){ 0 }), INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(4);
	expect_body(&reply, "\"dup\"");
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_the_ledger_refuses_is_postponed),
		CASE(a_payment_that_the_ledger_lost_is_not_claimed),
		CASE(a_slow_ledger_is_a_brownout),
	};

	return cmocka_run_group_tests_name("rewarder_ledger", tests, NULL, NULL);
}
