/* What runs leave on disk: as much as there is room for, as long as it is kept. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/mount.h>
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

static bool is_there(const char *path)
{
	char whole[256];
	struct stat info;

	harness_path(&h, path, whole, sizeof whole);
	return stat(whole, &info) == 0;
}

#define GOLDEN_DIR "artifacts/runs/acme/" EPOCH "/" GOLDEN_RUN_KEY

/* Opens one of a single piece, as services/rewarder/artefacts.h says that it lies there. */
static size_t read_artefact(const char *path, uint8_t *text, size_t room)
{
	enum { HEAD = 40, NONCE_AT = 16 };
	const char *inside = path + strlen("artifacts/");
	uint8_t sealed[4096], aad[HEAD + 9 + 256] = { 0 }, key[32];
	unsigned long long bytes_count = 0;
	char whole[256];
	ssize_t sealed_bytes;
	int fd;

	harness_path(&h, path, whole, sizeof whole);
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	sealed_bytes = read(fd, sealed, sizeof sealed);
	(void)close(fd);
	assert_in_range(sealed_bytes, HEAD + 17, room);
	memcpy(aad, sealed, HEAD);
	aad[HEAD + 8] = 1;
	memcpy(aad + HEAD + 9, inside, strlen(inside));
	memset(key, 0x33, sizeof key);
	assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(text, &bytes_count, NULL,
				 sealed + HEAD, (unsigned long long)sealed_bytes - HEAD, aad,
				 HEAD + 9 + strlen(inside), sealed + NONCE_AT, key),
		0);
	return (size_t)bytes_count;
}

/* --- a disk of its own --- */

#define FILLER "artifacts/filler"

/* More than a page, so that each row takes one that is free. */
static uint8_t notes[VERB_NOTES_BYTES_MAX];

static void mount_small_disk(void)
{
	char path[256], options[100];

	harness_path(&h, "artifacts", path, sizeof path);
	(void)snprintf(options, sizeof options, "size=8M,mode=0700,uid=%u,gid=%u", (unsigned)h.uid,
		(unsigned)h.gid);
	if (mount("tmpfs", path, "tmpfs", 0, options) == -1) {
		print_message("# skipped: cannot mount a small file system: %s\n", strerror(errno));
		skip();
	}
	memset(notes, 'n', sizeof notes);
}

static int tear_down_disk(void **state)
{
	char path[256];

	harness_path(&h, "artifacts", path, sizeof path);
	(void)umount2(path, MNT_DETACH); /* if it was mounted */
	return tear_down(state);
}

/* By somebody else, to the last byte. */
static void fill_disk(void)
{
	static const uint8_t page[4096];
	char path[256];
	int fd;

	harness_path(&h, FILLER, path, sizeof path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, page, sizeof page) > 0) {
	}
	assert_int_equal(errno, ENOSPC);
	(void)close(fd);
}

static void free_disk(void)
{
	char path[256];

	harness_path(&h, FILLER, path, sizeof path);
	assert_int_equal(unlink(path), 0);
}

static void ask_with_notes(uint64_t ticket, const struct hash *inputs)
{
	struct oap_run_compute run = run_of(EPOCH, inputs);

	run.notes = (struct slice){ notes, sizeof notes };
	harness_send_run_compute(prevalidator, ticket, &run);
}

/* Reports may have been passed over: with each key there is another one. */
static void expect_trouble(const char *text)
{
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;
	struct oap_report report;

	do {
		assert_true(now_mono_ms() < due);
		send_artefact_key();
		(void)harness_expect_report(&h.control, &report);
	} while (report.phase != PHASE_SERVING || report.text.bytes_count != strlen(text) ||
		 memcmp(report.text.bytes, text, strlen(text)) != 0);
}

/* Goal: a rewarder on a full disk goes on, and starts; it shows what it has, takes nothing new, and
 * says why; when there is room all is as before. */
static void a_full_disk_is_a_refusal(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	struct hash nexts = seal_epoch(&next);
	struct oap_run_reply reply;

	(void)state;
	mount_small_disk();
	h.config.engine_disk_reserve_bytes = 1024 * 1024;
	fill_disk();
	start_bare(); /* not even an empty registry can be made */
	expect_trouble("disk_pressure:rewarder");
	put_policy_expecting(503, REWARD_REASON_DISK_FULL);
	free_disk();
	expect_trouble("");
	put_policy();
	pay_epoch(2, &inputs);
	fill_disk();
	restart_rewarder(); /* its registry cannot be written anew */
	ask(3, "2025-10-02", &nexts);
	reply = expect_reply(3);
	expect_refusal(&reply, 503, REWARD_REASON_DISK_FULL);
	ask(4, EPOCH, &inputs); /* what is paid is asked about all the same */
	answer_intent(
		expect_intent(&(struct intent){ 0 }, &(uint32_t){ 0 }), INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(4);
	expect_body(&reply, "\"dup\"");
	expect_trouble("disk_pressure:rewarder");
	free_disk();
	expect_trouble("");
	ask(5, "2025-10-02", &nexts);
	serve_inputs();
	sign(ATTESTATION_OK);
	pay();
	reply = expect_reply(5);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: a run whose next step cannot be written is refused as what comes again, and goes on by
 * itself when there is room: computed anew, or asked about; it is paid once. */
static void what_a_full_disk_stopped_goes_on(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	mount_small_disk();
	h.config.engine_disk_reserve_bytes = 1024 * 1024;
	start();
	ask_with_notes(2, &inputs);
	serve_inputs();
	id = expect_signing(ATTESTATION_OK);
	fill_disk();
	answer_signing(id); /* which cannot be kept */
	reply = expect_reply(2);
	expect_refusal(&reply, 503, REWARD_REASON_DISK_FULL);
	harness_expect_nothing(sequencer);
	free_disk();
	serve_inputs();
	sign(ATTESTATION_OK);
	id = expect_intent(&intent, &bytes);
	take_body(id, &intent, bytes);
	ask(3, EPOCH, &inputs);
	harness_settle(&h);
	fill_disk();
	answer_intent(id, INTENT_ACCEPTED, DETAIL_NONE); /* paid, and that cannot be kept */
	reply = expect_reply(3);
	expect_refusal(&reply, 503, REWARD_REASON_DISK_FULL);
	free_disk();
	answer_intent(expect_intent(&intent, &bytes), INTENT_DUP, DETAIL_NONE);
	harness_settle(&h);
	restart_rewarder();
	harness_expect_nothing(sequencer); /* it is known to be paid */
	harness_stop(&h);
}

/* --- retention --- */

static int make_old(const char *path, const struct stat *info, int type, struct FTW *place)
{
	const struct timespec then[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	(void)info;
	(void)type;
	(void)place;
	return utimensat(AT_FDCWD, path, then, 0);
}

/* All of it was left alone since 1970. */
static void make_artefacts_old(void)
{
	char path[256];

	harness_path(&h, "artifacts", path, sizeof path);
	assert_int_equal(nftw(path, make_old, 8, FTW_PHYS | FTW_DEPTH), 0);
}

/* Goal: what a run left that failed goes in its time; what took its place stays, though it is as
 * old: it is not paid yet. */
static void what_nobody_speaks_for_is_swept(void **state)
{
	const struct epoch other = { EPOCH, GOLDEN_ROWS, "1000", 3, 3 };
	struct hash inputs = seal_epoch(&golden), others = seal_epoch(&other);
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;
	struct oap_run_compute run;
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;

	(void)state;
	start();
	ask(2, EPOCH, &inputs);
	serve_inputs();
	refuse_to_sign();
	reply = expect_reply(2);
	expect_refusal(&reply, 500, REWARD_REASON_INTERNAL);
	harness_send_quarantine_release(prevalidator, 9,
		&(struct oap_quarantine_release){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.tenant = text_of("acme"),
			.epoch = text_of(EPOCH),
			.reason = text_of("something else in its place"),
			.deadline_mono_ms = now_mono_ms() + 60000,
			.grant = grants_seal_acme() });
	reply = expect_reply(9);
	assert_int_equal(reply.status, 200);
	ask(3, EPOCH, &others);
	serve_inputs();
	sign(ATTESTATION_OK);
	answer_intent(expect_intent(&intent, &bytes), INTENT_ERROR, DETAIL_INSUFFICIENT);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 202);
	run = run_of(EPOCH, &inputs);
	run.dry_run = 1; /* is swept last */
	harness_send_run_compute(prevalidator, 4, &run);
	serve_inputs();
	(void)expect_reply(4);
	restart_rewarder(); /* it sweeps, and nothing is old */
	harness_settle(&h);
	assert_true(is_there(GOLDEN_DIR "/run.json"));
	harness_kill(&h);
	make_artefacts_old();
	start_rewarder();
	serve_inputs(); /* what was postponed is computed again */
	answer_intent(expect_intent(&intent, &bytes), INTENT_ERROR, DETAIL_INSUFFICIENT);
	harness_settle(&h);
	while (is_there("artifacts/dry/acme")) {
		assert_true(now_mono_ms() < due);
	}
	assert_false(is_there(GOLDEN_DIR));
	ask(5, EPOCH, &others);
	pay(); /* from the allocations that are there */
	reply = expect_reply(5);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: a run whose artefacts cannot be read any more is made again, with what kms said of it when
 * it was sealed: kms is not asked again. */
static void a_mended_run_has_all_its_artefacts(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	uint8_t before[4096], after[4096];
	size_t bytes_count;
	char path[256];
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;

	(void)state;
	start();
	run_until_sealed(2, &inputs);
	answer_intent(expect_intent(&intent, &bytes), INTENT_ERROR, DETAIL_INSUFFICIENT);
	(void)expect_reply(2);
	bytes_count = read_artefact(GOLDEN_DIR "/attestation.json", before, sizeof before);
	for (size_t i = 0; i < 2; i++) {
		harness_path(&h,
			i == 0 ? GOLDEN_DIR "/attestation.json" : GOLDEN_DIR "/allocations", path,
			sizeof path);
		assert_int_equal(unlink(path), 0);
	}
	ask(3, EPOCH, &inputs);
	answer_intent(expect_intent(&intent, &bytes), INTENT_NEED_BODY, DETAIL_NONE);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 202);
	ask(4, EPOCH, &inputs);
	serve_inputs();
	pay();
	reply = expect_reply(4);
	expect_body(&reply, "\"accepted\"");
	harness_expect_nothing(kms);
	assert_int_equal(
		read_artefact(GOLDEN_DIR "/attestation.json", after, sizeof after), bytes_count);
	assert_memory_equal(before, after, bytes_count);
	harness_stop(&h);
}

/* Goal: a good file that lies where another should is not shown for it. */
static void a_misplaced_artefact_is_damaged(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	char from[256], to[256];
	struct oap_run_reply reply;

	(void)state;
	start();
	pay_epoch(2, &inputs);
	harness_path(&h, GOLDEN_DIR "/commitment.txt", from, sizeof from);
	harness_path(&h, GOLDEN_DIR "/run.json", to, sizeof to);
	assert_int_equal(rename(from, to), 0);
	reply = show_manifest(3);
	expect_refusal(&reply, 503, REWARD_REASON_STORAGE);
	harness_stop(&h);
}

#ifdef MACRONODE_TEST_HOOKS

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
	answer_intent(harness_expect_intent(sequencer, &(struct oap_intent){ 0 }), INTENT_DUP,
		DETAIL_NONE);
	reply = expect_reply(5);
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
		cmocka_unit_test_setup_teardown(a_full_disk_is_a_refusal, set_up, tear_down_disk),
		cmocka_unit_test_setup_teardown(
			what_a_full_disk_stopped_goes_on, set_up, tear_down_disk),
		CASE(what_nobody_speaks_for_is_swept),
		CASE(a_mended_run_has_all_its_artefacts),
		CASE(a_misplaced_artefact_is_damaged),
#ifdef MACRONODE_TEST_HOOKS
		CASE(what_is_old_is_swept),
		CASE(what_was_swept_is_computed_anew),
#endif
	};

	return cmocka_run_group_tests_name("rewarder_artefacts", tests, NULL, NULL);
}
