/* A calculator that is not ours: captured, or on a machine that computes wrongly. */
#include "tests/worker/rewarder_driver.h"

static struct harness_link *liar;

/* The calculator is gone, and the test is the next one. */
static void become_calculator(void)
{
	harness_kill(&calculator);
	liar = harness_link_up(&h, PROCESS_COMPUTE, 0);
}

/* It is given all inputs of the golden epoch; the id of the run. */
static uint64_t take_inputs(void)
{
	struct oap_compute compute;
	struct oap_compute_ledger ledger;
	struct oap_compute_rows rows;
	uint64_t id;

	assert_true(serve_object());
	id = harness_expect_compute(liar, &compute);
	harness_send_compute_wants(liar, id,
		&(struct oap_compute_wants){
			.ledger_cid = kept[1].id, .accounting_cid = kept[0].id });
	assert_true(serve_object());
	assert_int_equal(harness_expect_compute_ledger(liar, &ledger), id);
	assert_true(serve_object());
	assert_int_equal(harness_expect_compute_rows(liar, &rows), id);
	assert_true(rows.is_last);
	return id;
}

static void set_name(struct reward_name *name, const char *text)
{
	name->bytes_count = (uint8_t)strlen(text);
	memcpy(name->bytes, text, name->bytes_count);
}

/* Everything to one account. */
static struct oap_computed lie(const struct hash *inputs)
{
	struct reward_request request = { .policy_hash = policy_hash(), .inputs_cid = *inputs };
	struct oap_computed computed = { .verdict = REWARD_OK,
		.payout = 1001,
		.allocation_count = 1,
		.manifest_bytes = 100,
		.allocations_bytes = 30,
		.asset = text_of("ron"),
		.pool = text_of("1001") };

	set_name(&request.epoch_id, EPOCH);
	set_name(&request.tenant, "acme");
	set_name(&request.salt, h.config.rewarder_idempotency_salt);
	reward_keys_of_request(&request, &computed.run_key, &computed.idempotency_key);
	return computed;
}

/* Goal: what comes out otherwise the second time is never paid. */
static void a_run_that_comes_out_otherwise_is_quarantined(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_computed computed = lie(&inputs);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	run_until_sealed(2, &inputs);
	id = expect_intent(&intent, &bytes);
	take_body(id, &intent, bytes);
	/* what the ledger was sent is not what was sealed: it is made again */
	answer_intent(id, INTENT_ERROR, DETAIL_ALLOCATIONS_CID);
	reply = expect_reply(2);
	assert_int_equal(reply.status, 202);
	become_calculator();
	ask(3, EPOCH, &inputs);
	harness_send_computed(liar, take_inputs(), &computed);
	reply = expect_reply(3);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	expect_body(&reply, "\"reason\":\"idempotency\"");
	ask(4, EPOCH, &inputs);
	reply = expect_reply(4);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

/* Goal: an answer for another run than was asked for is an accusation, and nothing is paid by it.
 */
static void an_answer_of_another_run_is_not_believed(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_computed computed = lie(&inputs);
	uint64_t id;

	(void)state;
	start();
	become_calculator();
	ask(2, EPOCH, &inputs);
	id = take_inputs();
	computed.run_key.bytes[0] ^= 1;
	harness_send_computed(liar, id, &computed);
	harness_expect_accusation(liar, OAP_COMPUTED, ERR_MALFORMED);
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

/* Goal: what no calculator can hold is not waited for, piece by piece, until the disk is full. */
static void a_result_has_a_bound(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	const struct {
		uint64_t manifest_bytes, allocations_bytes;
		uint32_t count;
	} lies[] = {
		{ UINT64_C(1) << 40, 30, 1 },
		{ 100, UINT64_C(1) << 40, 1 },
		{ 100, INTENT_ALLOCATION_BYTES_MAX + 1, 1 },
		{ 100, INTENT_ALLOCATION_BYTES_MIN - 1, 1 },
		{ 100, 0, 1 },
		{ 100, 30, 0 },
		{ 100, UINT64_C(65537) * 30, 65537 },
	};
	struct oap_computed computed = lie(&inputs);
	struct oap_compute_read question;

	(void)state;
	start();
	become_calculator();
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		uint64_t id;

		if (i == 0) {
			ask(2, EPOCH, &inputs);
		}
		id = take_inputs();
		computed.manifest_bytes = lies[i].manifest_bytes;
		computed.allocations_bytes = lies[i].allocations_bytes;
		computed.allocation_count = lies[i].count;
		harness_send_computed(liar, id, &computed);
		harness_expect_accusation(liar, OAP_COMPUTED, ERR_MALFORMED);
		harness_link_down(liar); /* as the supervisor does; the run goes to the next */
		if (i % 2 == 1) {
			(void)expect_reply(2);
			ask(2, EPOCH, &inputs);
		}
		liar = harness_link_up(&h, PROCESS_COMPUTE, 0);
	}
	computed = lie(&inputs);
	harness_send_computed(liar, take_inputs(), &computed);
	(void)harness_expect_compute_read(liar, &question);
	assert_int_equal(question.part, COMPUTE_PART_MANIFEST);
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_run_that_comes_out_otherwise_is_quarantined),
		CASE(an_answer_of_another_run_is_not_believed),
		CASE(a_result_has_a_bound),
	};

	return cmocka_run_group_tests_name("rewarder_liar", tests, NULL, NULL);
}
