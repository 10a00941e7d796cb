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

/* --- a brownout --- */

#define SILENT_MS 300 /* a patience that we outlive, and with which we are fast enough */
#define ATTEMPTS  3u  /* rewarder.ledger_max_retries, and the first */

static void take_in(struct harness_link *link, struct slice payload)
{
	harness_send_credit(link, 0, &(struct oap_credit){ 1, (uint32_t)payload.bytes_count });
}

/* A ledger that answers: the pings that come at any time, and the gate. */
static bool serve_pings(
	struct harness_link *link, unsigned verb, uint64_t corr_id, struct slice payload)
{
	struct byte_reader in = byte_reader_of(payload);
	struct oap_intent intent;

	if (verb != OAP_INTENT) {
		return serve_gate(link, verb, corr_id, payload);
	}
	if (!oap_decode_intent(&in, &intent) || intent.grant.bytes_count > 0) {
		return false;
	}
	take_in(link, payload);
	answer_intent(corr_id, INTENT_ERROR, DETAIL_GRANT);
	return true;
}

/* What was sent to the ledger while it was silent, and is not waited for any more. */
static void drop_attempts(void)
{
	struct oap_intent intent;

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		(void)harness_expect_intent(sequencer, &intent);
		take_in(sequencer, (struct slice){ NULL, intent.header.bytes_count +
								 intent.grant.bytes_count + 20 });
	}
}

/* Goal: a ledger that does not answer is asked again, then runs are sealed but not paid; when it
 * answers again what was postponed is computed anew, and paid. */
static void a_slow_ledger_is_a_brownout(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	struct hash nexts = seal_epoch(&next);
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_ledger_deadline_ms = SILENT_MS;
	h.config.brownout_exit_window_ms = 500;
	h.config.brownout_exit_p95_ms = SILENT_MS - 1;
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
	h.config.rewarder_ledger_deadline_ms = HARNESS_WAIT_MS; /* from now on it answers */
	harness_reload(&h);
	sequencer->serve = serve_pings;
	drop_attempts();
	serve_inputs(); /* as soon as it is fast: the first is computed anew */
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
