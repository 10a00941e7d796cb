/* Who keeps whom from being paid, whose token could never pay, what a failed run leaves, and a salt
 * that is changed. */
#include "tests/worker/rewarder_driver.h"

static const struct epoch greedy = { "2025-10-02", GOLDEN_ROWS, "1000001", 3, 3 };
static const struct epoch third_epoch = { "2025-10-03", GOLDEN_ROWS, "1001", 3, 3 };

static void expect_details(const struct oap_run_reply *reply, const char *words)
{
	assert_non_null(
		memmem(reply->details.bytes, reply->details.bytes_count, words, strlen(words)));
}

/* Of another tenant, whose inputs say that they are acme's: quarantined as schema. */
static void ask_for_globex(uint64_t ticket, const char *epoch, const struct hash *inputs)
{
	static const char *const caveats[] = { "tenant=globex", NULL };
	struct oap_run_compute run = run_of(epoch, inputs);

	run.tenant = text_of("globex");
	run.grant = grants_seal_for(GRANTS_GENERATION, caveats);
	harness_send_run_compute(prevalidator, ticket, &run);
}

/* --- whom a quarantine holds: rewarder.invariant_latch --- */

/* Goal: with `run` nobody else is held, and the run itself is never paid. */
static void a_run_holds_itself_alone(void **state)
{
	struct hash inputs = seal_epoch(&golden), bad = seal_epoch(&greedy);
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_invariant_latch = CONFIG_LATCH_RUN;
	start();
	put_policy();
	quarantine(2, greedy.epoch, &bad);
	run_until_sealed(3, &inputs);
	pay();
	expect_accepted(3);
	ask(4, greedy.epoch, &bad);
	reply = expect_reply(4);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	ask(5, greedy.epoch, &inputs); /* another one in its place: not before it is released */
	reply = expect_reply(5);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	expect_details(&reply, "\"hint\":\"release_required\"");
	harness_stop(&h);
}

/* Goal: with `service` one tenant's quarantine stops all, dry runs and reads go on, and its release
 * lets all be paid. */
static void a_run_holds_the_whole_service(void **state)
{
	static const char *const globex[] = { "tenant=globex", NULL };
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute dry;
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_invariant_latch = CONFIG_LATCH_SERVICE;
	start();
	put_policy();
	ask_for_globex(2, EPOCH, &inputs);
	assert_true(serve_object());
	sign(ATTESTATION_QUARANTINED);
	reply = expect_reply(2);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	ask(3, EPOCH, &inputs);
	reply = expect_reply(3);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	dry = run_of(EPOCH, &inputs);
	dry.dry_run = 1;
	harness_send_run_compute(prevalidator, 4, &dry);
	serve_inputs();
	reply = expect_reply(4);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, GOLDEN_COMMITMENT);
	harness_expect_nothing(sequencer);
	restart_rewarder(); /* it is on disk */
	ask(5, EPOCH, &inputs);
	reply = expect_reply(5);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	harness_send_quarantine_release(prevalidator, 6,
		&(struct oap_quarantine_release){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.tenant = text_of("globex"),
			.epoch = text_of(EPOCH),
			.reason = text_of("looked at"),
			.grant = grants_seal_for(GRANTS_GENERATION, globex) });
	reply = expect_reply(6);
	assert_int_equal(reply.status, 200);
	run_until_sealed(7, &inputs);
	pay();
	expect_accepted(7);
	harness_stop(&h);
}

/* --- what a failed run leaves --- */

/* Goal: the same may run again, something else may not take its place before somebody says so. */
static void another_triple_waits_for_a_failed_one(void **state)
{
	static const struct epoch other_epoch = { EPOCH, GOLDEN_ROWS, "1000", 3, 3 };
	struct hash inputs = seal_epoch(&golden), other = seal_epoch(&other_epoch);
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	ask(2, EPOCH, &inputs);
	serve_inputs();
	refuse_to_sign();
	reply = expect_reply(2);
	expect_refusal(&reply, 500, REWARD_REASON_INTERNAL);
	ask(3, EPOCH, &other);
	reply = expect_reply(3);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	expect_details(&reply, "\"hint\":\"release_required\"");
	reply = release(4, EPOCH, "looked at");
	assert_int_equal(reply.status, 200);
	run_until_sealed(5, &other);
	pay();
	expect_accepted(5);
	ask(6, EPOCH, &inputs); /* it is the other one's now */
	reply = expect_reply(6);
	expect_refusal(&reply, 409, REWARD_REASON_COMMITMENT);
	reply = release(7, EPOCH, "looked at"); /* and nothing is left to release */
	expect_refusal(&reply, 404, REWARD_REASON_NOT_FOUND);
	harness_stop(&h);
}

/* --- tokens that could never pay --- */

static void ask_with(uint64_t ticket, const struct hash *inputs, const char *caveat)
{
	const char *const caveats[] = { "tenant=acme", caveat, NULL };
	struct oap_run_compute run = run_of(EPOCH, inputs);

	run.grant = grants_seal_for(GRANTS_GENERATION, caveats);
	harness_send_run_compute(prevalidator, ticket, &run);
}

/* Goal: 403, before anything is sealed or signed, and the epoch is free for who may; what only the
 * amounts tell is known when it is computed. */
static void a_token_that_can_never_pay_takes_no_epoch(void **state)
{
	static const char *const at_once[] = { "account=alice", "asset=gold", "kind=Mint" };
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	uint64_t ticket = 2;

	(void)state;
	start();
	put_policy();
	for (size_t i = 0; i < COUNT_OF(at_once); i++) {
		ask_with(ticket, &inputs, at_once[i]);
		reply = expect_reply(ticket++);
		expect_refusal(&reply, 403, REWARD_REASON_CAVEAT);
	}
	harness_expect_nothing(archive);
	ask_with(ticket, &inputs, "amount<=475"); /* alice gets 476 */
	serve_inputs();
	reply = expect_reply(ticket++);
	expect_refusal(&reply, 403, REWARD_REASON_CAVEAT);
	ask_with(ticket, &inputs, "daily<=998"); /* of 999 in all */
	serve_inputs();
	reply = expect_reply(ticket++);
	expect_refusal(&reply, 403, REWARD_REASON_CAVEAT);
	harness_expect_nothing(kms);
	harness_expect_nothing(sequencer);
	ask_with(ticket, &inputs, "amount<=476");
	serve_inputs();
	sign(ATTESTATION_OK);
	pay();
	expect_accepted(ticket++);
	ask_with(ticket, &inputs, "account=alice"); /* nor does it ask about one that is paid */
	reply = expect_reply(ticket++);
	expect_refusal(&reply, 403, REWARD_REASON_CAVEAT);
	harness_stop(&h);
}

/* Goal: it pays nothing alone, so any token of the tenant may look. */
static void a_dry_run_needs_no_caveats(void **state)
{
	static const char *const caveats[] = { "tenant=acme", "amount<=1", NULL };
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	run = run_of(EPOCH, &inputs);
	run.dry_run = 1;
	run.grant = grants_seal_for(GRANTS_GENERATION, caveats);
	harness_send_run_compute(prevalidator, 2, &run);
	serve_inputs();
	reply = expect_reply(2);
	assert_int_equal(reply.status, 200);
	harness_stop(&h);
}

/* --- a salt of one's own --- */

static void set_salt(const char *salt)
{
	(void)snprintf(h.config.rewarder_idempotency_salt,
		sizeof h.config.rewarder_idempotency_salt, "%s", salt);
}

static struct hash key_of(const struct intent *intent)
{
	return intent->idempotency_key;
}

/* Goal: another salt is another key of the same run; what was sealed keeps the key that it had, and
 * what the ledger says to it stands; what was only admitted is sealed under the new one. */
static void a_changed_salt_leaves_what_is_sealed(void **state)
{
	struct hash inputs = seal_epoch(&golden), thirds = seal_epoch(&third_epoch), key;
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	id = expect_intent(&intent, &bytes);
	key = key_of(&intent);
	take_body(id, &intent, bytes);
	answer_intent(id, INTENT_ACCEPTED, DETAIL_NONE);
	expect_accepted(2);
	ask(3, third_epoch.epoch, &thirds);
	assert_true(serve_object());
	harness_kill(&h);
	set_salt("globex-2026");
	start_rewarder();
	serve_inputs();
	sign(ATTESTATION_OK);
	id = expect_intent(&intent, &bytes);
	take_body(id, &intent, bytes);
	answer_intent(id, INTENT_ACCEPTED, DETAIL_NONE);
	ask(4, EPOCH, &inputs);
	id = expect_intent(&intent, &bytes);
	assert_memory_equal(&key, &intent.idempotency_key, sizeof key);
	answer_intent(id, INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(4);
	expect_body(&reply, "\"dup\"");
	harness_stop(&h);
}

/* Goal: a rewarder that lost what it knew, and has another salt, cannot pay again: the ledger knows
 * the epoch, and the run ends in quarantine. */
static void a_changed_salt_pays_no_epoch_twice(void **state)
{
	struct hash inputs = seal_epoch(&golden), key;
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;
	char path[128];

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	id = expect_intent(&intent, &bytes);
	key = key_of(&intent);
	take_body(id, &intent, bytes);
	answer_intent(id, INTENT_ACCEPTED, DETAIL_NONE);
	expect_accepted(2);
	harness_kill(&h);
	harness_path(&h, "artifacts/registry", path, sizeof path);
	assert_int_equal(remove(path), 0);
	set_salt("another");
	start_rewarder();
	run_until_sealed(3, &inputs);
	id = expect_intent(&intent, &bytes);
	assert_memory_not_equal(&key, &intent.idempotency_key, sizeof key);
	answer_intent(id, INTENT_CONFLICT, DETAIL_SETTLED_OTHERWISE); /* as core/ledger judges it */
	reply = expect_reply(3);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	expect_body(&reply, "\"reason\":\"idempotency\"");
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_run_holds_itself_alone),
		CASE(a_run_holds_the_whole_service),
		CASE(another_triple_waits_for_a_failed_one),
		CASE(a_token_that_can_never_pay_takes_no_epoch),
		CASE(a_dry_run_needs_no_caveats),
		CASE(a_changed_salt_leaves_what_is_sealed),
		CASE(a_changed_salt_pays_no_epoch_twice),
	};

	return cmocka_run_group_tests_name("rewarder_latch", tests, NULL, NULL);
}
