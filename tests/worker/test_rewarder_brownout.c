/* Runs that are computed and not paid: because the ledger is slow, by a clock that the test winds
 * on, or because somebody froze rewards; and what becomes of them. */
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/worker/rewarder_driver.h"

static struct oap_run_reply expect_waits(uint64_t ticket)
{
	struct oap_run_reply reply = expect_reply(ticket);

	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"quarantine\":true");
	expect_body(&reply, "\"emitted\":false,\"result\":\"none\"");
	return reply;
}

/* What readiness is told, at the latest by the next tick. */
static void expect_report(const char *words)
{
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;

	for (harness_settle(&h); strcmp(h.report_text, words) != 0; harness_settle(&h)) {
		if (now_mono_ms() > due) {
			fail_msg("not '%s', but '%s' was reported", words, h.report_text);
		}
	}
}

static void seal_and_wait(uint64_t ticket, const char *epoch, const struct hash *inputs)
{
	ask(ticket, epoch, inputs);
	serve_inputs();
	sign(ATTESTATION_OK);
	(void)expect_waits(ticket);
}

/* --- frozen --- */

static void set_frozen(bool is_frozen)
{
	rewards_are_frozen = is_frozen;
	harness_send_payments(sequencer, 0, &(struct oap_payments){ is_frozen });
}

static const struct epoch second_epoch = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
static const struct epoch greedy_epoch = { "2025-10-03", GOLDEN_ROWS, "1000001", 3, 3 };

/* Goal: what is frozen is sealed and waits, also behind a death; released it is computed again and
 * paid, oldest first, with nobody asking. */
static void frozen_rewards_wait_and_are_paid(void **state)
{
	struct hash inputs = seal_epoch(&golden), seconds = seal_epoch(&second_epoch);
	struct intent intent;
	uint32_t bytes;

	(void)state;
	start();
	put_policy();
	set_frozen(true);
	expect_report("rewards_frozen");
	seal_and_wait(2, EPOCH, &inputs);
	seal_and_wait(3, "2025-10-02", &seconds);
	ask(4, EPOCH, &inputs); /* again: nothing is computed, nothing sent */
	(void)expect_waits(4);
	harness_expect_nothing(sequencer);
	restart_rewarder();
	expect_report("rewards_frozen");
	harness_expect_nothing(archive);
	harness_expect_nothing(sequencer);
	set_frozen(false);
	expect_report("");
	serve_inputs();
	answer_intent(expect_intent(&intent, &bytes), INTENT_DUP, DETAIL_NONE);
	assert_memory_equal(intent.epoch.bytes, EPOCH, strlen(EPOCH));
	serve_inputs();
	answer_intent(expect_intent(&intent, &bytes), INTENT_DUP, DETAIL_NONE);
	assert_memory_equal(intent.epoch.bytes, "2025-10-02", 10);
	harness_stop(&h);
}

/* Goal: what cannot be verified again is not paid: its policy is not trusted any more, or its
 * inputs are gone; it waits, and is paid when it can be. */
static void what_is_not_verified_again_waits_on(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct config_texts trusted;

	(void)state;
	start();
	put_policy();
	set_frozen(true);
	seal_and_wait(2, EPOCH, &inputs);
	harness_kill(&h);
	rewards_are_frozen = false;
	trusted = h.config.rewarder_trust_keys;
	h.config.rewarder_trust_keys.count = 0;
	start_rewarder(); /* it takes up by itself what waits */
	assert_true(serve_object());
	harness_expect_nothing(sequencer);
	harness_kill(&h);
	h.config.rewarder_trust_keys = trusted;
	kept[1].id.bytes[0] ^= 1; /* the ledger snapshot */
	start_rewarder();
	assert_true(serve_object());
	assert_false(serve_object());
	harness_expect_nothing(sequencer);
	kept[1].id.bytes[0] ^= 1;
	restart_rewarder();
	serve_inputs();
	pay();
	harness_stop(&h);
}

/* Goal: a tenant that is held is not paid by the end of a freeze, but by its release. */
static void who_is_held_is_paid_when_released(void **state)
{
	struct hash inputs = seal_epoch(&golden), bad = seal_epoch(&greedy_epoch);
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	set_frozen(true);
	seal_and_wait(2, EPOCH, &inputs);
	quarantine(3, greedy_epoch.epoch, &bad);
	set_frozen(false);
	expect_report("");
	harness_expect_nothing(archive);
	harness_expect_nothing(sequencer);
	reply = release(4, greedy_epoch.epoch, "the board has seen it");
	assert_int_equal(reply.status, 200);
	serve_inputs();
	pay();
	harness_stop(&h);
}

/* --- what became of them, in the audit log --- */

static uint64_t expect_drain(struct oap_record_drain drain)
{
	struct oap_record_drain got;
	uint64_t id = harness_expect_record_drain(sequencer, &got);

	harness_send_credit(sequencer, 0, &(struct oap_credit){ 1, sizeof got });
	assert_int_equal(got.paid, drain.paid);
	assert_int_equal(got.quarantined, drain.quarantined);
	assert_int_equal(got.postponed, drain.postponed);
	return id;
}

static void expect_entered(void)
{
	struct oap_record_run record;
	uint64_t id = harness_expect_record_run(sequencer, &record);

	assert_int_equal(record.act, QUARANTINE_ENTERED);
	harness_send_credit(sequencer, 0, &(struct oap_credit){ 1, 256 });
	recorded(id, REWARD_REASON_NONE);
}

static void take_up(enum intent_status status, enum detail detail)
{
	struct intent intent;
	uint32_t bytes;

	serve_inputs();
	answer_intent(expect_intent(&intent, &bytes), status, detail);
}

/* Goal: one record says what became of all that was taken up, when the last of them has ended; over
 * a ledger that takes none now, and a death, until it is on disk; and no second time. */
static void what_was_taken_up_is_recorded_once(void **state)
{
	struct hash inputs = seal_epoch(&golden), seconds = seal_epoch(&second_epoch);

	(void)state;
	start();
	put_policy();
	set_frozen(true);
	seal_and_wait(2, EPOCH, &inputs);
	seal_and_wait(3, "2025-10-02", &seconds);
	sequencer->serve = serve_grants_alone;
	set_frozen(false);
	take_up(INTENT_DUP, DETAIL_NONE);
	take_up(INTENT_ERROR, DETAIL_INSUFFICIENT);
	recorded(expect_drain((struct oap_record_drain){ .paid = 1, .postponed = 1 }),
		REWARD_REASON_DEP_OUTAGE);
	(void)expect_drain((struct oap_record_drain){ .paid = 1, .postponed = 1 });
	restart_rewarder(); /* which takes up again what is not paid */
	sequencer->serve = serve_grants_alone;
	take_up(INTENT_DUP, DETAIL_NONE);
	recorded(expect_drain((struct oap_record_drain){ .paid = 2 }), REWARD_REASON_NONE);
	harness_settle(&h);
	harness_expect_nothing(sequencer);
	restart_rewarder();
	sequencer->serve = serve_grants_alone;
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

/* Goal: what another freeze cuts short is recorded as far as it came, and taken up anew behind it,
 * whoever was under way first of all; what the ledger settled otherwise is told as quarantined. */
static void a_drain_that_is_cut_short_is_recorded(void **state)
{
	struct hash inputs = seal_epoch(&golden), seconds = seal_epoch(&second_epoch);

	(void)state;
	start();
	put_policy();
	set_frozen(true);
	seal_and_wait(2, EPOCH, &inputs);
	seal_and_wait(3, "2025-10-02", &seconds);
	sequencer->serve = serve_grants_alone;
	set_frozen(false);
	assert_true(serve_object());
	assert_true(serve_object());
	set_frozen(true);
	expect_report("rewards_frozen");
	assert_true(serve_object());
	recorded(expect_drain((struct oap_record_drain){ .postponed = 1 }), REWARD_REASON_NONE);
	harness_expect_nothing(sequencer);
	set_frozen(false);
	take_up(INTENT_DUP, DETAIL_NONE);
	take_up(INTENT_CONFLICT, DETAIL_NONE);
	sequencer->serve = NULL;
	expect_entered();
	recorded(expect_drain((struct oap_record_drain){ .paid = 1, .quarantined = 1 }),
		REWARD_REASON_NONE);
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

#ifdef MACRONODE_TEST_HOOKS

/* --- slow, by a clock of ours --- */

static struct clock_hook *hook;

static int64_t clock_ms(void)
{
	return hook->monotonic_us / 1000;
}

static void advance(int64_t ms)
{
	hook->monotonic_us += ms * 1000;
}

static void start_by_our_clock(void)
{
	int fd = memfd_create("clock", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof *hook), 0);
	hook = mmap(NULL, sizeof *hook, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(hook != MAP_FAILED);
	hook->monotonic_us = (int64_t)now_mono_ms() * 1000;
	harness_start(&calculator);
	harness_expect_up(&calculator);
	harness_start_begin(&h);
	harness_give_fd(&h, SETUP_FD_CLOCK, 0, fd);
	harness_start_end(&h);
	(void)close(fd);
	join_rewarder();
}

static void ask_now(uint64_t ticket, const char *epoch, const struct hash *inputs)
{
	struct oap_run_compute run = run_of(epoch, inputs);

	run.wait_until_mono_ms = (uint64_t)clock_ms() + 60000;
	harness_send_run_compute(prevalidator, ticket, &run);
	serve_inputs();
	sign(ATTESTATION_OK);
}

#define PING_MS 1000

/* One question of the rewarder's own, answered after so long. */
static void answer_ping(int64_t took_ms)
{
	struct oap_intent ping;
	uint64_t id;

	advance(PING_MS);
	id = harness_expect_intent(sequencer, &ping);
	assert_int_equal(ping.grant.bytes_count, 0);
	harness_send_credit(
		sequencer, 0, &(struct oap_credit){ 1, (uint32_t)(ping.header.bytes_count + 20) });
	advance(took_ms);
	answer_intent(id, INTENT_ERROR, DETAIL_GRANT);
	harness_settle(&h);
}

static void answer_pings(unsigned count, int64_t took_ms)
{
	for (unsigned i = 0; i < count; i++) {
		answer_ping(took_ms);
	}
}

#define SLOW_MS 251
#define FAST_MS 99

static void configure(void)
{
	h.config.brownout_ping_ms = PING_MS;
	h.config.brownout_enter_p99_ms = 250;
	h.config.brownout_enter_for_ms = 60000;
	h.config.brownout_sample_window_ms = 30000;
	h.config.brownout_exit_p95_ms = 100;
	h.config.brownout_exit_window_ms = 50000;
}

/* Goal: slow for as long as brownout.enter_for, and without a break; then fast over the whole of
 * brownout.exit_window: not a second earlier. */
static void it_takes_long_to_enter_and_to_leave(void **state)
{
	const struct epoch others[] = { { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 },
		{ "2025-10-03", GOLDEN_ROWS, "1001", 3, 3 } };
	struct hash inputs = seal_epoch(&golden);
	struct hash seconds = seal_epoch(&others[0]), thirds = seal_epoch(&others[1]);

	(void)state;
	configure();
	start_by_our_clock();
	put_policy();
	answer_pings(20 + 20, SLOW_MS); /* the first twenty are too few to judge by */
	answer_pings(31, FAST_MS);      /* until the window of 30 s has no slow one any more */
	answer_pings(45, SLOW_MS);
	ask_now(2, EPOCH, &inputs); /* slow for less than a minute, twice */
	pay();
	expect_accepted(2);
	answer_pings(8, SLOW_MS);
	expect_report("ledger_degraded");
	ask_now(3, "2025-10-02", &seconds);
	(void)expect_waits(3);
	answer_pings(40, FAST_MS);
	ask_now(4, "2025-10-03", &thirds); /* fast, and not yet for long enough */
	(void)expect_waits(4);
	answer_pings(8, FAST_MS);
	expect_report("");
	serve_inputs();
	pay();
	serve_inputs();
	pay();
	harness_stop(&h);
}

/* Goal: p95 of the window decides, not whether one of them was slow. */
static void a_few_slow_answers_do_not_keep_it(void **state)
{
	(void)state;
	configure();
	start_by_our_clock();
	answer_pings(20 + 65, SLOW_MS);
	expect_report("ledger_degraded");
	answer_pings(20, FAST_MS);
	answer_pings(5, SLOW_MS); /* of 46: more than 5 % */
	answer_pings(40, FAST_MS);
	set_frozen(true);
	expect_report("ledger_degraded; rewards_frozen"); /* it still is: they are in sight */
	set_frozen(false);
	answer_pings(2, SLOW_MS);
	answer_pings(50, FAST_MS);
	expect_report("");
	answer_pings(2, SLOW_MS); /* of thirty: more than 1 %, but not for a minute */
	answer_pings(35, FAST_MS);
	set_frozen(true);
	expect_report("rewards_frozen");
	harness_stop(&h);
}

/* Goal: a ledger that does not answer one attempt after another is degraded at once, and the run
 * waits; no time passes but what the test says. */
static void a_ledger_that_does_not_answer_is_degraded_at_once(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;

	(void)state;
	start_by_our_clock();
	put_policy();
	ask_now(2, EPOCH, &inputs);
	for (unsigned attempt = 0; attempt < 3; attempt++) {
		(void)expect_intent(&intent, &bytes);
		advance((int64_t)h.config.rewarder_ledger_deadline_ms);
		harness_settle(&h);
		advance(300);
	}
	expect_report("ledger_degraded");
	reply = expect_reply(2);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"emitted\":false,\"result\":\"error\"");
	harness_stop(&h);
}

#endif

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frozen_rewards_wait_and_are_paid),
		CASE(what_is_not_verified_again_waits_on),
		CASE(who_is_held_is_paid_when_released),
		CASE(what_was_taken_up_is_recorded_once),
		CASE(a_drain_that_is_cut_short_is_recorded),
#ifdef MACRONODE_TEST_HOOKS
		CASE(it_takes_long_to_enter_and_to_leave),
		CASE(a_few_slow_answers_do_not_keep_it),
		CASE(a_ledger_that_does_not_answer_is_degraded_at_once),
#endif
	};

	return cmocka_run_group_tests_name("rewarder_brownout", tests, NULL, NULL);
}
