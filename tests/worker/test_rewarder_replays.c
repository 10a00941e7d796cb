/* An epoch that was settled and is asked for again: what the ledger says now is told, or 503. */
#include "tests/worker/rewarder_driver.h"

static void pay_the_golden_epoch(const struct hash *inputs)
{
	put_policy();
	run_until_sealed(2, inputs);
	pay();
	(void)expect_reply(2);
}

/* The next header, with a grant or without. */
static uint64_t expect_header(bool has_grant)
{
	struct oap_intent intent;
	uint64_t id = harness_expect_intent(sequencer, &intent);

	assert_int_equal(intent.grant.bytes_count > 0, has_grant);
	harness_send_credit(sequencer, 0,
		&(struct oap_credit){
			1, (uint32_t)(intent.header.bytes_count + intent.grant.bytes_count + 20) });
	return id;
}

static void quarantine_another(void)
{
	static const struct epoch greedy = { "2025-10-03", GOLDEN_ROWS, "1000001", 3, 3 };
	struct hash bad = seal_epoch(&greedy);

	ask(3, "2025-10-03", &bad);
	serve_inputs();
	sign(ATTESTATION_QUARANTINED);
	(void)expect_reply(3);
}

/* Goal: a ledger that says nothing is spoken for by nobody; when it does, that is told. */
static void a_ledger_that_does_not_answer_is_not_spoken_for(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_ledger_deadline_ms = 1000; /* which we outlive, and keep */
	h.config.rewarder_ledger_max_retries = 1;
	start();
	pay_the_golden_epoch(&inputs);
	ask(4, EPOCH, &inputs);
	(void)expect_header(true);
	(void)expect_header(true);
	reply = expect_reply(4);
	expect_refusal(&reply, 503, REWARD_REASON_DEP_OUTAGE);
	assert_true(reply.retry_after_s > 0);
	ask(5, EPOCH, &inputs);
	answer_intent(expect_header(true), INTENT_ERROR, DETAIL_SAFE_MODE);
	answer_intent(expect_header(true), INTENT_ERROR, DETAIL_OUTCOME_UNKNOWN);
	reply = expect_reply(5);
	expect_refusal(&reply, 503, REWARD_REASON_DEP_OUTAGE);
	ask(6, EPOCH, &inputs);
	answer_intent(expect_header(true), INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(6);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"emitted\":true,\"result\":\"dup\"");
	harness_stop(&h);
}

/* Goal: no ledger at all is the same; what is kept of the epoch is shown meanwhile. */
static void a_ledger_that_is_gone_is_not_spoken_for(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_attempt_budget_ms = 200;
	start();
	pay_the_golden_epoch(&inputs);
	ask(4, EPOCH, &inputs);
	(void)expect_header(true);
	harness_link_down(sequencer);
	reply = expect_reply(4);
	expect_refusal(&reply, 503, REWARD_REASON_DEP_OUTAGE);
	harness_stop(&h);
}

/* Goal: that a tenant is held stops payments, not questions: the answer is still the ledger's. */
static void a_held_tenant_is_told_what_the_ledger_says(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	start();
	pay_the_golden_epoch(&inputs);
	quarantine_another();
	ask(4, EPOCH, &inputs);
	answer_intent(expect_header(false), INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(4);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"emitted\":true,\"result\":\"dup\"");
	ask(5, EPOCH, &inputs);
	answer_intent(expect_header(false), INTENT_ERROR, DETAIL_GRANT); /* it was restored */
	reply = expect_reply(5);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"emitted\":false,\"result\":\"none\"");
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

/* Goal: a place that is taken is waited for, as long as an intent may take. */
static void a_taken_place_is_waited_for(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_ledger_max_retries = 0;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	for (unsigned i = 0; i < 5; i++) {
		answer_intent(expect_header(true), INTENT_ERROR, DETAIL_INTENT_BUSY);
	}
	pay();
	reply = expect_reply(2);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_ledger_that_does_not_answer_is_not_spoken_for),
		CASE(a_ledger_that_is_gone_is_not_spoken_for),
		CASE(a_held_tenant_is_told_what_the_ledger_says),
		CASE(a_taken_place_is_waited_for),
	};

	return cmocka_run_group_tests_name("rewarder_replays", tests, NULL, NULL);
}
