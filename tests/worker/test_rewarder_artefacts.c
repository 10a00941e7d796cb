/* What runs leave on disk: as much as there is room for, as long as it is kept. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/worker/rewarder_driver.h"

/* Goal: artefacts leave the ledger its reserve, as objects do; also those of dry runs. */
static void a_disk_near_its_reserve_takes_no_artefacts(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;
	uint64_t reserve_bytes = h.config.engine_disk_reserve_bytes;

	(void)state;
	start();
	ask(2, EPOCH, &inputs);
	assert_true(serve_object());
	harness_kill(&h);
	h.config.engine_disk_reserve_bytes = UINT64_C(1) << 40;
	start_rewarder();
	serve_inputs(); /* it was admitted: it is computed again, and cannot be kept */
	harness_settle(&h);
	harness_settle(&calculator);
	harness_settle(&h);
	harness_expect_nothing(kms);
	ask(3, EPOCH, &inputs);
	reply = expect_reply(3);
	expect_refusal(&reply, 503, REWARD_REASON_DISK_FULL);
	run = run_of(EPOCH, &inputs);
	run.dry_run = 1;
	harness_send_run_compute(prevalidator, 4, &run);
	reply = expect_reply(4);
	expect_refusal(&reply, 503, REWARD_REASON_DISK_FULL);
	harness_expect_nothing(archive);
	harness_kill(&h);
	h.config.engine_disk_reserve_bytes = reserve_bytes;
	start_rewarder();
	pay_epoch(5, &inputs);
	harness_stop(&h);
}

#ifdef MACRONODE_TEST_HOOKS

/* Milliseconds that all clocks are ahead. */
static void start_rewarder_later(int64_t ahead_ms)
{
	int fd = memfd_create("clock", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &ahead_ms, sizeof ahead_ms, 0), sizeof ahead_ms);
	harness_start_begin(&h);
	harness_give_fd(&h, SETUP_FD_CLOCK, 0, fd);
	harness_start_end(&h);
	(void)close(fd);
	join_rewarder();
}

static bool is_there(const char *path)
{
	char whole[256];
	struct stat info;

	harness_path(&h, path, whole, sizeof whole);
	return stat(whole, &info) == 0;
}

/* Goal: a day later the manifest is gone, what was paid is still known; what is quarantined stays.
 */
static void what_is_old_is_swept(void **state)
{
	const struct epoch greedy = { "2025-10-02", GOLDEN_ROWS, "1000001", 3, 3 };
	struct hash inputs = seal_epoch(&golden), bad = seal_epoch(&greedy);
	struct oap_run_compute run;
	struct oap_run_reply reply;
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;

	(void)state;
	start();
	run = run_of("2025-10-03", &inputs);
	run.dry_run = 1;
	harness_send_run_compute(prevalidator, 2, &run); /* of another epoch than its inputs' */
	assert_true(serve_object());
	reply = expect_reply(2);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	pay_epoch(3, &inputs);
	ask(4, "2025-10-02", &bad);
	serve_inputs();
	sign(ATTESTATION_QUARANTINED);
	(void)expect_reply(4);
	assert_true(is_there("artifacts/runs/acme/" EPOCH "/" GOLDEN_RUN_KEY "/run.json"));
	assert_true(is_there("artifacts/dry/acme/2025-10-03"));
	harness_kill(&h);
	start_rewarder_later(25 * 3600 * 1000);
	while (is_there("artifacts/runs/acme/" EPOCH) ||
		is_there("artifacts/dry/acme/2025-10-03")) {
		assert_true(now_mono_ms() < due);
	}
	assert_true(is_there("artifacts/runs/acme/2025-10-02"));
	ask(5, EPOCH, &inputs);
	reply = expect_reply(5); /* its tenant is held, and so nothing is asked of the ledger */
	expect_body(&reply, "\"result\":\"dup\"");
	harness_stop(&h);
}

/* Goal: what the ledger lost is paid again also when nothing is left of it but its row. */
static void what_was_swept_is_computed_anew(void **state)
{
	static const char run_json[] = "artifacts/runs/acme/" EPOCH "/" GOLDEN_RUN_KEY "/run.json";
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;

	(void)state;
	start();
	pay_epoch(2, &inputs);
	harness_kill(&h);
	start_rewarder_later(25 * 3600 * 1000);
	while (is_there(run_json)) {
		assert_true(now_mono_ms() < due);
	}
	ask(3, EPOCH, &inputs);
	answer_intent(expect_intent(&intent, &bytes), INTENT_NEED_BODY, DETAIL_NONE);
	kept[2].id.bytes[0] ^= 1; /* its inputs are gone as well: it is not claimed */
	assert_false(serve_object());
	kept[2].id.bytes[0] ^= 1;
	reply = expect_reply(3);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_NOT_FOUND);
	ask(4, EPOCH, &inputs);
	serve_inputs();
	pay();
	reply = expect_reply(4);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"emitted\":true,\"result\":\"accepted\"");
	assert_true(is_there(run_json));
	harness_stop(&h);
}

#endif

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_disk_near_its_reserve_takes_no_artefacts),
#ifdef MACRONODE_TEST_HOOKS
		CASE(what_is_old_is_swept),
		CASE(what_was_swept_is_computed_anew),
#endif
	};

	return cmocka_run_group_tests_name("rewarder_artefacts", tests, NULL, NULL);
}
