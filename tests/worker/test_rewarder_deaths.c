/* Whoever dies: the rewarder, the whole node, a calculator. */
#include "tests/worker/rewarder_driver.h"

enum where { AT_ADMITTED, AT_ROWS, AT_SIGNING, AT_SEALED, AT_NEED_BODY, AT_BODY, WHERE_COUNT };

/* As far as `where`, then kill -9, then whatever is left must end in one payment. */
static void die_at(enum where where)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct oap_sign_attestation question;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	start();
	ask(2, EPOCH, &inputs);
	if (where >= AT_ROWS) {
		assert_true(serve_object());
		assert_true(serve_object());
	}
	if (where >= AT_SIGNING) {
		assert_true(serve_object());
		if (where == AT_SIGNING) {
			(void)harness_expect_sign_attestation(kms, &question);
		} else {
			sign(ATTESTATION_OK);
		}
	}
	if (where >= AT_SEALED) {
		id = expect_intent(&intent, &bytes);
		if (where == AT_BODY) {
			take_body(id, &intent, bytes);
		} else if (where == AT_NEED_BODY) {
			answer_intent(id, INTENT_NEED_BODY, DETAIL_NONE);
		}
	} else {
		harness_settle(&h);
	}
	restart_rewarder();
	if (where <= AT_SIGNING) {
		serve_inputs();
		sign(ATTESTATION_OK);
	}
	id = expect_intent(&intent, &bytes); /* nobody asked again: it goes on by itself */
	if (where == AT_BODY) {
		answer_intent(id, INTENT_DUP, DETAIL_NONE); /* it was taken */
	} else {
		take_body(id, &intent, bytes);
		answer_intent(id, INTENT_ACCEPTED, DETAIL_NONE);
	}
	harness_settle(&h);
	ask(3, EPOCH, &inputs);
	id = expect_intent(&intent, &bytes);
	answer_intent(id, INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, GOLDEN_COMMITMENT);
	harness_stop(&h);
}

static void it_dies_at_every_step(void **state)
{
	for (unsigned where = 0; where < WHERE_COUNT; where++) {
		print_message("# dies at step %u\n", where);
		die_at((enum where)where);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

/* Goal: a grant that was kept over a start of the whole node is never shown to the ledger, which
 * would take it for forged: it is asked whether it knows, and whoever wants the epoch paid asks. */
static void the_whole_node_dies(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct oap_intent intent;
	struct intent header;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	run_until_sealed(2, &inputs);
	(void)expect_intent(&header, &bytes);
	kms_life++;
	restart_rewarder();
	id = harness_expect_intent(sequencer, &intent);
	assert_int_equal(intent.grant.bytes_count, 0);
	answer_intent(id, INTENT_ERROR, DETAIL_GRANT);
	harness_settle(&h);
	ask(3, EPOCH, &inputs);
	pay();
	reply = expect_reply(3);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

static void replace_calculator(void)
{
	harness_start(&calculator);
	harness_expect_up(&calculator);
	harness_join(&h, &calculator);
}

/* As far as the calculator's work on it, and whatever archive was asked for ahead. */
static void begin_to_compute(uint64_t ticket, const struct hash *inputs)
{
	ask(ticket, EPOCH, inputs);
	assert_true(serve_object());
	assert_true(serve_object());
	harness_settle(&h);
}

/* Goal: the run that a calculator was lost with is given to the next one, from the beginning; what
 * archive still sends of it meets nobody. */
static void a_calculator_dies(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	start();
	begin_to_compute(2, &inputs);
	harness_kill(&calculator);
	replace_calculator();
	harness_settle(&h);
	assert_true(serve_object()); /* that was asked for by the first */
	serve_inputs();
	sign(ATTESTATION_OK);
	pay();
	reply = expect_reply(2);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: what two calculators died of is not given to a third: the run fails, the node does not, and
 * the same request may be sent again. */
static void a_run_that_kills_calculators_fails(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	start();
	begin_to_compute(2, &inputs);
	harness_kill(&calculator);
	replace_calculator();
	harness_settle(&h);
	for (size_t i = 0; i < 3; i++) {
		assert_true(serve_object());
	}
	harness_settle(&h);
	harness_kill(&calculator);
	reply = expect_reply(2);
	expect_refusal(&reply, 500, REWARD_REASON_INTERNAL);
	replace_calculator();
	harness_settle(&h);
	while (!harness_is_silent(archive)) {
		(void)serve_object();
	}
	pay_epoch(3, &inputs);
	harness_stop(&h);
}

/* Goal: one that was there for as long as its CPU time takes may have died of that: then another
 * one would, too. */
static void a_run_that_may_have_used_up_its_time_fails(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	uint64_t over;

	(void)state;
	h.config.rewarder_cost_base_us = 1;
	h.config.rewarder_max_epoch_cost_ms = 1;
	start();
	begin_to_compute(2, &inputs);
	over = now_mono_ms() + 3; /* than which its time is shorter */
	while (now_mono_ms() < over) {
	}
	harness_kill(&calculator);
	reply = expect_reply(2);
	expect_refusal(&reply, 500, REWARD_REASON_INTERNAL);
	harness_stop(&h);
}

/* Goal: without a calculator what was admitted waits, over a death of the rewarder too; what comes
 * then is refused as what comes again. */
static void there_is_no_calculator(void **state)
{
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	struct hash inputs = seal_epoch(&golden), nexts = seal_epoch(&next);
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	begin_to_compute(2, &inputs);
	harness_kill(&calculator);
	harness_settle(&h);
	ask(3, "2025-10-02", &nexts);
	reply = expect_reply(3);
	expect_refusal(&reply, 503, REWARD_REASON_DEP_OUTAGE);
	run = run_of(EPOCH, &inputs);
	run.wait_until_mono_ms = now_mono_ms();
	harness_send_run_compute(prevalidator, 4, &run);
	reply = expect_reply(4);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"status\":\"pending\"");
	harness_kill(&h);
	harness_start(&calculator);
	harness_expect_up(&calculator);
	start_rewarder();
	serve_inputs();
	sign(ATTESTATION_OK);
	pay();
	harness_expect_nothing(edge);
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_dies_at_every_step),
		CASE(the_whole_node_dies),
		CASE(a_calculator_dies),
		CASE(a_run_that_kills_calculators_fails),
		CASE(a_run_that_may_have_used_up_its_time_fails),
		CASE(there_is_no_calculator),
	};

	return cmocka_run_group_tests_name("rewarder_deaths", tests, NULL, NULL);
}
