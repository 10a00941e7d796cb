/* What is never paid, what that holds, and how it is released. */
#include "tests/worker/rewarder_driver.h"

/* Goal: a pool above the curve is sealed, told, and holds its tenant until it is released; also
 * behind a restart. */
static void a_broken_invariant_holds_the_tenant(void **state)
{
	const struct epoch greedy = { EPOCH, GOLDEN_ROWS, "1000001", 3, 3 };
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	struct hash inputs = seal_epoch(&greedy), good = seal_epoch(&golden);
	struct hash nexts = seal_epoch(&next);
	struct oap_run_reply reply;

	(void)state;
	start();
	ask(2, EPOCH, &inputs);
	serve_inputs();
	sign(ATTESTATION_QUARANTINED);
	reply = expect_reply(2);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	expect_body(&reply, "\"status\":\"quarantined\",\"reason\":\"conservation\"");
	restart_rewarder();
	ask(3, EPOCH, &inputs); /* the same answer, nothing is computed */
	reply = expect_reply(3);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	ask(4, EPOCH, &good);
	reply = expect_reply(4);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	ask(5, "2025-10-02", &nexts);
	reply = expect_reply(5);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	assert_non_null(
		memmem(reply.details.bytes, reply.details.bytes_count, "release_required", 16));
	reply = release(6, EPOCH, "");
	expect_refusal(&reply, 400, REWARD_REASON_SCHEMA);
	reply = release(7, EPOCH, "the curve was raised by the board");
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"state\":\"released\"");
	restart_rewarder();
	pay_epoch(8, &good);
	harness_stop(&h);
}

/* Goal: what was sealed before its tenant was held, and what the ledger was asked about before, is
 * not paid behind that. */
static void what_waits_is_not_paid_once_its_tenant_is_held(void **state)
{
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	const struct epoch greedy = { "2025-10-03", GOLDEN_ROWS, "1000001", 3, 3 };
	struct hash inputs = seal_epoch(&golden), nexts = seal_epoch(&next);
	struct hash bad = seal_epoch(&greedy);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	h.config.rewarder_ledger_deadline_ms = 2 * HARNESS_WAIT_MS;
	start();
	run_until_sealed(2, &inputs);
	id = expect_intent(&intent, &bytes); /* and is not answered yet */
	ask(3, "2025-10-02", &nexts);
	serve_inputs();
	sign(ATTESTATION_OK);
	ask(4, "2025-10-03", &bad);
	serve_inputs();
	sign(ATTESTATION_QUARANTINED);
	reply = expect_reply(4);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	answer_intent(id, INTENT_NEED_BODY, DETAIL_NONE);
	for (uint64_t ticket = 2; ticket <= 3; ticket++) {
		reply = expect_reply(ticket);
		assert_int_equal(reply.status, 202);
		expect_body(&reply, "\"emitted\":false,\"result\":\"none\"");
	}
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

/* Goal: a client keeps what was paid for ever, and nothing whose place another run may take. */
static void what_was_not_paid_is_not_kept_by_clients(void **state)
{
	const struct epoch greedy = { EPOCH, GOLDEN_ROWS, "1000001", 3, 3 };
	struct hash inputs = seal_epoch(&greedy), good = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	start();
	quarantine(2, EPOCH, &inputs);
	reply = show_manifest(3);
	expect_body(&reply, "\"status\":\"quarantined\"");
	assert_int_equal(reply.cache, RUN_CACHE_NO_STORE);
	(void)release(4, EPOCH, "the curve was raised by the board");
	pay_epoch(5, &good);
	reply = show_manifest(6);
	expect_body(&reply, "\"status\":\"ok\"");
	assert_int_equal(reply.cache, RUN_CACHE_IMMUTABLE);
	harness_stop(&h);
}

static void the_ledger_that_knows_otherwise_quarantines(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;

	(void)state;
	start();
	run_until_sealed(2, &inputs);
	answer_intent(expect_intent(&intent, &bytes), INTENT_CONFLICT, DETAIL_SETTLED_OTHERWISE);
	reply = expect_reply(2);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	expect_body(&reply, "\"reason\":\"idempotency\"");
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_broken_invariant_holds_the_tenant),
		CASE(what_waits_is_not_paid_once_its_tenant_is_held),
		CASE(what_was_not_paid_is_not_kept_by_clients),
		CASE(the_ledger_that_knows_otherwise_quarantines),
	};

	return cmocka_run_group_tests_name("rewarder_quarantine", tests, NULL, NULL);
}
