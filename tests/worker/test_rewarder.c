/* The rewarder and a calculator, driven by hand: what clients ask, and what they are told. */
#include "tests/worker/rewarder_driver.h"

/* Goal: the golden chain, from the request to the answer, and again. */
static void an_epoch_is_paid_once(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	run_until_sealed(2, &inputs);
	pay();
	reply = expect_reply(2);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"run_key\":\"" GOLDEN_RUN_KEY "\"");
	expect_body(&reply, "\"commitment\":\"" GOLDEN_COMMITMENT "\"");
	expect_body(&reply, "\"totals\":{\"pool_minor_units\":\"1001\",\"payout_minor_units\":"
			    "\"999\",\"residual_minor_units\":\"2\"}");
	expect_body(&reply, "\"ledger\":{\"emitted\":true,\"result\":\"accepted\"");
	ask(3, EPOCH, &inputs); /* header alone */
	id = expect_intent(&intent, &bytes);
	answer_intent(id, INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"ledger\":{\"emitted\":true,\"result\":\"dup\"");
	harness_stop(&h);
}

/* Goal: what is computed alone leaves no trace in the ledger, nor in the way of others. */
static void a_dry_run_pays_nothing(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	run = run_of(EPOCH, &inputs);
	run.dry_run = 1;
	harness_send_run_compute(prevalidator, 2, &run);
	serve_inputs();
	reply = expect_reply(2);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, GOLDEN_COMMITMENT);
	expect_body(&reply, "\"ledger\":{\"emitted\":false,\"result\":\"none\"}");
	harness_expect_nothing(sequencer);
	pay_epoch(3, &inputs);
	harness_stop(&h);
}

/* Goal: the second joins the first: one computation, two answers. */
static void the_same_request_joins(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	start();
	ask(2, EPOCH, &inputs);
	ask(3, EPOCH, &inputs);
	serve_inputs();
	sign(ATTESTATION_OK);
	pay();
	reply = expect_reply(3);
	expect_body(&reply, "\"accepted\"");
	reply = expect_reply(2);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: a policy's hash under another id is nobody's mistake but that of who sent it: he is told,
 * and what others wait for, dry or not, stays by their policy. */
static void a_hash_under_another_id_joins_nothing(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	for (uint8_t dry_run = 0; dry_run <= 1; dry_run++) {
		run = run_of(EPOCH, &inputs);
		run.dry_run = (uint8_t)!dry_run;
		harness_send_run_compute(prevalidator, 2, &run);
		run.policy_id = text_of("nobody");
		harness_send_run_compute(prevalidator, 3, &run);
		reply = expect_reply(3);
		expect_refusal(&reply, 400,
			run.dry_run ? REWARD_REASON_POLICY_UNKNOWN : REWARD_REASON_STALE);
		serve_inputs();
		if (!run.dry_run) {
			sign(ATTESTATION_OK);
			pay();
		}
		reply = expect_reply(2);
		assert_int_equal(reply.status, 200);
		expect_body(&reply, "\"policy\":{\"id\":\"rev42\"");
	}
	run.dry_run = 0; /* and so it is when it was paid */
	harness_send_run_compute(prevalidator, 4, &run);
	reply = expect_reply(4);
	expect_refusal(&reply, 400, REWARD_REASON_STALE);
	harness_stop(&h);
}

/* Goal: a snapshot of many times the calculator's window comes through, whoever is faster. */
static void a_large_snapshot_comes_through(void **state)
{
	static char rows[4u << 20];
	struct epoch large = { EPOCH, rows, "1001", 0, 0 };
	struct hash inputs;
	struct oap_run_reply reply;
	size_t used = 1;

	(void)state;
	rows[0] = '[';
	for (; used + 128 < sizeof rows; large.events++) {
		used += (size_t)snprintf(rows + used, sizeof rows - used,
			"%s{\"actor\":\"actor%u\",\"category\":\"video\",\"counts\":{\"subs\":"
			"\"1\","
			"\"views\":\"1\"}}",
			large.events == 0 ? "" : ",", large.events);
	}
	large.actors = large.events;
	memcpy(rows + used, "]", 2);
	inputs = seal_epoch(&large);
	start();
	ask(2, EPOCH, &inputs);
	for (size_t i = 0; i < 2 + (kept[0].bytes_count + 65535) / 65536; i++) {
		assert_true(serve_object());
	}
	sign(ATTESTATION_OK); /* too many for the pool: nobody gets a unit */
	reply = expect_reply(2);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"ledger\":{\"emitted\":false,\"result\":\"none\"}");
	harness_stop(&h);
}

/* Goal: memory has an end, and that is the client's to know: the next run is computed. */
static void a_run_that_wants_too_much_is_refused(void **state)
{
	static char rows[1u << 20];
	struct epoch large = { "2025-10-02", rows, "1001", 0, 0 };
	struct hash inputs = seal_epoch(&golden), larges;
	struct oap_run_reply reply;
	size_t used = 1;

	(void)state;
	rows[0] = '[';
	for (; used + 128 < sizeof rows; large.events++) {
		used += (size_t)snprintf(rows + used, sizeof rows - used,
			"%s{\"actor\":\"actor%u\",\"category\":\"video\",\"counts\":{\"subs\":"
			"\"1\"}}",
			large.events == 0 ? "" : ",", large.events);
	}
	large.actors = large.events;
	memcpy(rows + used, "]", 2);
	larges = seal_epoch(&large);
	h.config.rewarder_run_memory_max_bytes = 3u << 20;
	start();
	ask(2, "2025-10-02", &larges);
	do {
		assert_true(serve_object());
		harness_settle(&h);
		harness_settle(&calculator);
		harness_settle(&h);
	} while (harness_is_silent(edge));
	reply = expect_reply(2);
	expect_refusal(&reply, 400, REWARD_REASON_MEMORY_CAP);
	while (!harness_is_silent(archive)) {
		(void)serve_object();
	}
	pay_epoch(3, &inputs);
	harness_stop(&h);
}

/* Goal: what is too dear is computed if the operator says so, and not paid. */
static void a_run_that_is_too_dear_is_shown(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_max_epoch_cost_ms = 1;
	start();
	ask(2, EPOCH, &inputs);
	serve_inputs();
	reply = expect_reply(2);
	expect_refusal(&reply, 400, REWARD_REASON_COST_CAP);
	harness_kill(&h);
	h.config.rewarder_on_cost_exceed = CONFIG_COST_EXCEED_DRY_RUN;
	start_rewarder();
	ask(3, EPOCH, &inputs);
	serve_inputs();
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, GOLDEN_COMMITMENT);
	expect_body(&reply, "\"ledger\":{\"emitted\":false,\"result\":\"none\"}");
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

static void another_triple_is_a_conflict(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	const struct epoch other = { EPOCH, GOLDEN_ROWS, "1000", 3, 3 };
	struct hash others = seal_epoch(&other);
	struct oap_run_reply reply;

	(void)state;
	start();
	pay_epoch(2, &inputs);
	ask(3, EPOCH, &others);
	reply = expect_reply(3);
	expect_refusal(&reply, 409, REWARD_REASON_COMMITMENT);
	harness_stop(&h);
}

/* Goal: 202 and where to look, then the answer is there. */
static void whoever_does_not_wait_is_told_where_to_look(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	run = run_of(EPOCH, &inputs);
	run.wait_until_mono_ms = now_mono_ms();
	harness_send_run_compute(prevalidator, 2, &run);
	reply = expect_reply(2);
	assert_int_equal(reply.status, 202);
	assert_memory_equal(reply.location.bytes, "/rewarder/epochs/" EPOCH, 17 + 10);
	expect_body(&reply, "\"status\":\"pending\"");
	serve_inputs();
	sign(ATTESTATION_OK);
	pay();
	ask(3, EPOCH, &inputs);
	answer_intent(
		expect_intent(&(struct intent){ 0 }, &(uint32_t){ 0 }), INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(3);
	expect_body(&reply, "\"dup\"");
	harness_stop(&h);
}

static void what_is_kept_is_shown(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct oap_run_show question;

	(void)state;
	start();
	pay_epoch(2, &inputs);
	reply = show(3, EPOCH);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.cache, RUN_CACHE_IMMUTABLE);
	expect_body(&reply, "\"attestation\":{\"sig_ed25519\":\"base64:CQAA");
	expect_body(&reply, "\"signed_at\":\"2025-10-01T12:34:56Z\"");
	question = show_of(EPOCH);
	reply = show_manifest(4);
	assert_int_equal(reply.total, reply.body.bytes_count);
	expect_body(&reply, "weight:subs*rate=300;weight:views*rate=176");
	question.tenant = text_of("other");
	harness_send_run_show(prevalidator, 5, &question);
	reply = expect_reply(5);
	expect_refusal(&reply, 404, REWARD_REASON_NOT_FOUND);
	harness_stop(&h);
}

/* Goal: requests that do not fit what there is are the client's, and leave nothing behind. */
static void what_does_not_fit_is_refused(void **state)
{
	struct hash inputs = seal_epoch(&golden), unknown = { { 1 } };
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start_bare();
	ask(2, EPOCH, &inputs);
	reply = expect_reply(2);
	expect_refusal(&reply, 400, REWARD_REASON_POLICY_UNKNOWN);
	put_policy();
	run = run_of(EPOCH, &inputs);
	run.policy_hash.bytes[0] ^= 1;
	harness_send_run_compute(prevalidator, 3, &run);
	reply = expect_reply(3);
	expect_refusal(&reply, 400, REWARD_REASON_STALE);
	ask(4, EPOCH, &unknown);
	assert_false(serve_object());
	reply = expect_reply(4);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_NOT_FOUND);
	kept[0].bytes[5] ^= 1; /* the accounting snapshot */
	ask(5, EPOCH, &inputs);
	serve_inputs();
	reply = expect_reply(5);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_MISMATCH);
	kept[0].bytes[5] ^= 1;
	pay_epoch(6, &inputs); /* none of it is in the way */
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_epoch_is_paid_once),
		CASE(a_dry_run_pays_nothing),
		CASE(the_same_request_joins),
		CASE(a_hash_under_another_id_joins_nothing),
		CASE(a_large_snapshot_comes_through),
		CASE(a_run_that_wants_too_much_is_refused),
		CASE(a_run_that_is_too_dear_is_shown),
		CASE(another_triple_is_a_conflict),
		CASE(whoever_does_not_wait_is_told_where_to_look),
		CASE(what_is_kept_is_shown),
		CASE(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("rewarder", tests, NULL, NULL);
}
