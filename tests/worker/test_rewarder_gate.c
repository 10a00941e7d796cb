/* Who may ask the rewarder for what: the sequencer says, and until then nothing is done, shown or
 * told. What is quarantined and released, in the audit log. The test is the sequencer. */
#include "core/caveat.h"
#include "tests/worker/rewarder_driver.h"

/* The golden epoch, with more in the pool than the curve has. */
static const struct epoch greedy = { EPOCH, GOLDEN_ROWS, "1000001", 3, 3 };

static void take_credit(uint32_t payload_bytes)
{
	harness_send_credit(sequencer, 0, &(struct oap_credit){ 1, payload_bytes });
}

static uint64_t expect_question(enum caveat_action action, const char *tenant, const char *epoch)
{
	struct oap_judge_grant question;
	uint64_t id = harness_expect_judge_grant(sequencer, &question);

	assert_int_equal(question.action, action);
	assert_int_equal(question.tenant.bytes_count, strlen(tenant));
	assert_memory_equal(question.tenant.bytes, tenant, strlen(tenant));
	assert_int_equal(question.epoch.bytes_count, strlen(epoch));
	assert_memory_equal(question.epoch.bytes, epoch, strlen(epoch));
	assert_true(question.grant.bytes_count >= GRANT_BYTES_MIN);
	take_credit(13 + (uint32_t)(question.tenant.bytes_count + question.epoch.bytes_count +
				    question.grant.bytes_count));
	return id;
}

static void judged(uint64_t id, enum err status, enum reward_reason reason)
{
	harness_send_judged_grant(sequencer, id,
		&(struct oap_judged_grant){ .status = (uint8_t)status,
			.reason = (uint8_t)reason,
			.capability = grants_capability() });
}

static void ask_show(uint64_t ticket, const char *tenant, struct slice grant)
{
	struct oap_run_show msg = show_of(EPOCH);

	msg.tenant = text_of(tenant);
	msg.grant = grant;
	harness_send_run_show(prevalidator, ticket, &msg);
}

static void list(uint64_t ticket, const char *tenant)
{
	harness_send_run_list(prevalidator, ticket,
		&(struct oap_run_list){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.tenant = text_of(tenant),
			.grant = grants_seal_acme() });
}

static void ask_release(uint64_t ticket, const char *tenant)
{
	struct oap_quarantine_release msg = release_of(EPOCH, "the board has raised the curve");

	msg.tenant = text_of(tenant);
	harness_send_quarantine_release(prevalidator, ticket, &msg);
}

/* Each of these is the test's to answer from now on. */
static void play_the_gate(void)
{
	harness_settle(&h);
	sequencer->serve = NULL;
}

/* --- the gate --- */

/* Goal: every verb of the prevalidator is asked about by its action, tenant and epoch, and refused
 * as the sequencer says; nothing is done for it meanwhile. */
static void nothing_is_done_before_the_sequencer_agrees(void **state)
{
	static const enum reward_reason reasons[] = { REWARD_REASON_SCOPE, REWARD_REASON_TENANT,
		REWARD_REASON_CAVEAT, REWARD_REASON_UNAUTH, REWARD_REASON_CAP_TIMEOUT };
	static const uint16_t statuses[] = { 403, 403, 403, 401, 503 };
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	uint64_t id, ticket = 10;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	pay();
	(void)expect_reply(2);
	play_the_gate();
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		ask_show(++ticket, "acme", grants_seal_acme());
		id = expect_question(CAVEAT_ACTION_REWARDER_INSPECT, "acme", EPOCH);
		harness_expect_nothing(edge);
		judged(id, ERR_OK, reasons[i]);
		reply = expect_reply(ticket);
		expect_refusal(&reply, statuses[i], reasons[i]);
		assert_true(reply.body.bytes_count == 0 && reply.details.bytes_count == 0);
	}
	list(30, "acme");
	judged(expect_question(CAVEAT_ACTION_REWARDER_INSPECT, "acme", ""), ERR_OK,
		REWARD_REASON_TENANT);
	reply = expect_reply(30);
	expect_refusal(&reply, 403, REWARD_REASON_TENANT);
	ask_release(31, "acme");
	judged(expect_question(CAVEAT_ACTION_REWARDER_QUARANTINE, "acme", EPOCH), ERR_OK,
		REWARD_REASON_SCOPE);
	reply = expect_reply(31); /* and not that nothing of it is quarantined */
	expect_refusal(&reply, 403, REWARD_REASON_SCOPE);
	ask(32, EPOCH, &inputs);
	judged(expect_question(CAVEAT_ACTION_REWARDER_RUN, "acme", EPOCH), ERR_OK,
		REWARD_REASON_CAVEAT);
	reply = expect_reply(32);
	expect_refusal(&reply, 403, REWARD_REASON_CAVEAT);
	harness_send_policy_put(prevalidator, 33,
		&(struct oap_policy_put){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.document = text_of("{}"),
			.grant = grants_seal_acme() });
	judged(expect_question(CAVEAT_ACTION_REWARDER_RUN, "", ""), ERR_OK, REWARD_REASON_SCOPE);
	reply = expect_reply(33);
	expect_refusal(&reply, 403, REWARD_REASON_SCOPE);
	harness_expect_nothing(sequencer);
	ask_show(34, "acme", grants_seal_acme());
	judged(expect_question(CAVEAT_ACTION_REWARDER_INSPECT, "acme", EPOCH), ERR_OK,
		REWARD_REASON_NONE);
	reply = expect_reply(34);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, GOLDEN_COMMITMENT);
	harness_stop(&h);
}

/* Goal: who brings a grant that kms never sealed is ended, and learns nothing. */
static void a_forged_grant_accuses_the_prevalidator(void **state)
{
	struct oap_run_reply reply;

	(void)state;
	start();
	play_the_gate();
	ask_show(2, "other", grants_seal_acme());
	judged(expect_question(CAVEAT_ACTION_REWARDER_INSPECT, "other", EPOCH), ERR_DENIED,
		REWARD_REASON_UNAUTH);
	harness_expect_accusation(prevalidator, OAP_RUN_SHOW, ERR_DENIED);
	reply = expect_reply(2);
	expect_refusal(&reply, 401, REWARD_REASON_UNAUTH);
	ask_show(3, "acme", text_of(""));
	reply = expect_reply(3); /* nothing to ask about */
	expect_refusal(&reply, 401, REWARD_REASON_UNAUTH);
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

/* Goal: a token that cannot be looked at now is 503, and the client asks again. */
static void without_a_sequencer_nobody_passes(void **state)
{
	struct oap_run_reply reply;

	(void)state;
	start();
	play_the_gate();
	ask_show(2, "acme", grants_seal_acme());
	(void)expect_question(CAVEAT_ACTION_REWARDER_INSPECT, "acme", EPOCH);
	harness_link_down(sequencer); /* with the question in its hands */
	reply = expect_reply(2);
	expect_refusal(&reply, 503, REWARD_REASON_CAP_TIMEOUT);
	ask_show(3, "acme", grants_seal_acme());
	reply = expect_reply(3);
	expect_refusal(&reply, 503, REWARD_REASON_CAP_TIMEOUT);
	harness_send_run_show(prevalidator, 4,
		&(struct oap_run_show){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms(),
			.tenant = text_of("acme"),
			.epoch = text_of(EPOCH),
			.grant = grants_seal_acme() });
	reply = expect_reply(4);
	expect_refusal(&reply, 503, REWARD_REASON_CAP_TIMEOUT);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	sequencer->serve = serve_gate;
	ask_show(5, "acme", grants_seal_acme());
	reply = expect_reply(5);
	expect_refusal(&reply, 404, REWARD_REASON_NOT_FOUND);
	harness_stop(&h);
}

/* Goal: a sequencer that does not answer holds nobody longer than his request lasts. */
static void a_question_has_an_end(void **state)
{
	struct oap_run_reply reply;
	uint64_t id;

	(void)state;
	start();
	play_the_gate();
	harness_send_run_show(prevalidator, 2,
		&(struct oap_run_show){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 1,
			.tenant = text_of("acme"),
			.epoch = text_of(EPOCH),
			.grant = grants_seal_acme() });
	id = expect_question(CAVEAT_ACTION_REWARDER_INSPECT, "acme", EPOCH);
	reply = expect_reply(2);
	expect_refusal(&reply, 503, REWARD_REASON_CAP_TIMEOUT);
	judged(id, ERR_OK, REWARD_REASON_NONE); /* too late, and no harm */
	harness_expect_nothing(edge);
	harness_stop(&h);
}

/* Goal: a policy that everybody may read needs no grant, and only where the operator says so. */
static void a_policy_may_be_everybodys(void **state)
{
	struct oap_policy_show question = { .edge_process = PROCESS_INGRESS,
		.policy_id = { (const uint8_t *)"rev42", 5 } };
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_policy_public_read = true;
	start();
	put_policy();
	play_the_gate();
	question.edge_generation = edge->generation;
	question.deadline_mono_ms = now_mono_ms() + 60000;
	harness_send_policy_show(prevalidator, 2, &question);
	reply = expect_reply(2);
	assert_int_equal(reply.status, 200);
	harness_kill(&h);
	h.config.rewarder_policy_public_read = false;
	start_rewarder();
	question.edge_generation = edge->generation;
	harness_send_policy_show(prevalidator, 3, &question);
	reply = expect_reply(3);
	expect_refusal(&reply, 401, REWARD_REASON_UNAUTH);
	harness_stop(&h);
}

/* --- the audit log --- */

static uint64_t expect_record(struct oap_record_run *ret_record, enum quarantine_act act)
{
	uint64_t id = harness_expect_record_run(sequencer, ret_record);

	assert_int_equal(ret_record->act, act);
	assert_int_equal(ret_record->kind, REWARD_KIND_CONSERVATION);
	assert_memory_equal(ret_record->tenant.bytes, "acme", 4);
	assert_memory_equal(ret_record->epoch.bytes, EPOCH, strlen(EPOCH));
	take_credit(90 + (uint32_t)(ret_record->tenant.bytes_count + ret_record->epoch.bytes_count +
				    ret_record->text.bytes_count + ret_record->grant.bytes_count));
	return id;
}

/* Goal: a quarantine is recorded as what it is; a release is told when its record is on disk. */
static void what_is_quarantined_and_released_is_recorded(void **state)
{
	struct hash inputs = seal_epoch(&greedy);
	struct oap_record_run record;
	struct oap_run_reply reply;
	uint64_t id;

	(void)state;
	start();
	put_policy();
	play_the_gate();
	sequencer->serve = serve_grants_alone;
	quarantine(2, EPOCH, &inputs);
	id = expect_record(&record, QUARANTINE_ENTERED);
	assert_int_equal(record.ticket, 2);
	assert_true(record.text.bytes_count > 0);
	assert_true(record.grant.bytes_count >= GRANT_BYTES_MIN);
	ask_release(3, "acme");
	reply = expect_reply(3); /* its beginning is not recorded yet */
	expect_refusal(&reply, 503, REWARD_REASON_DEP_OUTAGE);
	recorded(id, REWARD_REASON_NONE);
	harness_settle(&h);
	ask_release(4, "acme");
	id = expect_record(&record, QUARANTINE_RELEASED);
	assert_int_equal(record.ticket, 4);
	assert_memory_equal(record.text.bytes, "the board", 9);
	harness_expect_nothing(edge);
	recorded(id, REWARD_REASON_NONE);
	reply = expect_reply(4);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"state\":\"released\"");
	ask_release(5, "acme"); /* is released, and that was recorded */
	reply = expect_reply(5);
	assert_int_equal(reply.status, 200);
	restart_rewarder();
	play_the_gate();
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

/* Goal: a record that cannot be written now is missing in the registry's eyes until it is. */
static void what_could_not_be_recorded_is_recorded_later(void **state)
{
	struct hash inputs = seal_epoch(&greedy);
	struct oap_record_run record;
	uint64_t id;

	(void)state;
	kms_life++;
	start();
	put_policy();
	play_the_gate();
	sequencer->serve = serve_grants_alone;
	quarantine(2, EPOCH, &inputs);
	recorded(expect_record(&record, QUARANTINE_ENTERED), REWARD_REASON_DEP_OUTAGE);
	recorded(expect_record(&record, QUARANTINE_ENTERED), REWARD_REASON_DEP_OUTAGE);
	(void)expect_record(&record, QUARANTINE_ENTERED);
	harness_link_down(sequencer); /* whether it is on disk nobody knows */
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	(void)expect_record(&record, QUARANTINE_ENTERED);
	harness_kill(&h);
	kms_life++; /* the whole node was down: there is no grant of this boot */
	harness_start(&h);
	harness_expect_up(&h);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	id = expect_record(&record, QUARANTINE_ENTERED);
	assert_int_equal(record.ticket, 0);
	assert_int_equal(record.grant.bytes_count, 0);
	recorded(id, REWARD_REASON_NONE);
	harness_settle(&h);
	restart_rewarder();
	play_the_gate();
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

/* Goal: an epoch whose release is on no disk stays held. */
static void a_release_that_is_not_recorded_is_none(void **state)
{
	struct hash inputs = seal_epoch(&greedy), good = seal_epoch(&golden);
	struct oap_record_run record;
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	quarantine(2, EPOCH, &inputs);
	play_the_gate();
	sequencer->serve = serve_grants_alone;
	ask_release(3, "acme");
	recorded(expect_record(&record, QUARANTINE_RELEASED), REWARD_REASON_DEP_OUTAGE);
	reply = expect_reply(3);
	expect_refusal(&reply, 503, REWARD_REASON_DEP_OUTAGE);
	ask_release(4, "acme");
	(void)expect_record(&record, QUARANTINE_RELEASED);
	harness_link_down(sequencer);
	reply = expect_reply(4);
	expect_refusal(&reply, 503, REWARD_REASON_DEP_OUTAGE);
	restart_rewarder();
	ask(5, EPOCH, &good);
	reply = expect_reply(5);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_done_before_the_sequencer_agrees),
		CASE(a_forged_grant_accuses_the_prevalidator),
		CASE(without_a_sequencer_nobody_passes),
		CASE(a_question_has_an_end),
		CASE(a_policy_may_be_everybodys),
		CASE(what_is_quarantined_and_released_is_recorded),
		CASE(what_could_not_be_recorded_is_recorded_later),
		CASE(a_release_that_is_not_recorded_is_none),
	};

	return cmocka_run_group_tests_name("rewarder_gate", tests, NULL, NULL);
}
