/* What the registry of runs keeps, and how much of it one tenant may have. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/rewarder/registry.h"
#include "tests/worker/rewarder_driver.h"

#define JOURNAL_MAGIC_BYTES 8u
#define JOURNAL_HEAD_BYTES  8u
#define JOURNAL_SWEPT_PLACE (JOURNAL_HEAD_BYTES + 5)
#define JOURNAL_EPOCH_PLACE (JOURNAL_HEAD_BYTES + 10 + 5 + 1) /* of the tenant acme */

static size_t journal_bytes(void)
{
	char path[256];
	struct stat info;

	harness_path(&h, "artifacts/registry", path, sizeof path);
	assert_int_equal(stat(path, &info), 0);
	return (size_t)info.st_size;
}

static struct oap_run_reply show(uint64_t ticket, const char *epoch)
{
	const struct oap_run_show msg = { .edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.tenant = text_of("acme"),
		.epoch = text_of(epoch) };

	harness_send_run_show(prevalidator, ticket, &msg);
	return expect_reply(ticket);
}

/* Goal: a request that does not fit is forgotten, also behind a restart, and the journal does not
 * grow with what was refused. */
static void what_is_refused_is_not_kept(void **state)
{
	static uint8_t grant[VERB_GRANT_BYTES_MAX];
	struct hash unknown = { { 1 } };
	struct oap_run_compute run;
	struct oap_run_reply reply;
	uint64_t ticket = 2;

	(void)state;
	start();
	while (ticket < 2 + (20u << 20) / sizeof grant) {
		run = run_of(EPOCH, &unknown);
		run.grant = (struct slice){ grant, sizeof grant };
		harness_send_run_compute(prevalidator, ticket, &run);
		assert_false(serve_object());
		reply = expect_reply(ticket++);
		expect_refusal(&reply, 400, REWARD_REASON_INPUTS_NOT_FOUND);
	}
	assert_in_range(journal_bytes(), JOURNAL_MAGIC_BYTES, 17u << 20);
	reply = show(ticket++, EPOCH);
	expect_refusal(&reply, 404, REWARD_REASON_NOT_FOUND);
	restart_rewarder();
	reply = show(ticket, EPOCH);
	expect_refusal(&reply, 404, REWARD_REASON_NOT_FOUND);
	harness_expect_nothing(archive);
	assert_int_equal(journal_bytes(), JOURNAL_MAGIC_BYTES);
	harness_stop(&h);
}

static struct {
	uint8_t bytes[32768];
	size_t bytes_count;
} record; /* of one paid epoch */

static int open_journal(void)
{
	char path[256];
	int fd;

	harness_path(&h, "artifacts/registry", path, sizeof path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* The only one of the journal. */
static void read_record(void)
{
	int fd = open_journal();
	ssize_t bytes_count = pread(fd, record.bytes, sizeof record.bytes, JOURNAL_MAGIC_BYTES);

	assert_in_range(bytes_count, JOURNAL_EPOCH_PLACE + 10 + HASH_BYTES, sizeof record - 1);
	assert_memory_equal(record.bytes + JOURNAL_EPOCH_PLACE, EPOCH, 10);
	record.bytes_count = (size_t)bytes_count;
	(void)close(fd);
}

/* A journal of the record, with as many epochs of long ago. */
static void write_journal(unsigned count, bool are_swept)
{
	uint8_t magic[JOURNAL_MAGIC_BYTES], *chain = record.bytes + record.bytes_count - HASH_BYTES;
	size_t payload_bytes = record.bytes_count - JOURNAL_HEAD_BYTES - HASH_BYTES;
	struct hash next;
	int fd = open_journal();

	record.bytes[JOURNAL_SWEPT_PLACE] = are_swept;
	assert_int_equal(pread(fd, magic, sizeof magic, 0), sizeof magic);
	blake3_hash(magic, sizeof magic, &next);
	assert_int_equal(ftruncate(fd, sizeof magic), 0);
	for (unsigned i = 0; i < count; i++) {
		off_t place = (off_t)(sizeof magic + i * record.bytes_count);
		struct blake3 hash;
		char epoch[16];

		(void)snprintf(epoch, sizeof epoch, "%04u-%02u-%02u", 1000 + i / 336 % 1000,
			1 + i / 28 % 12, 1 + i % 28);
		memcpy(record.bytes + JOURNAL_EPOCH_PLACE, epoch, 10);
		blake3_start(&hash);
		blake3_add(&hash, next.bytes, HASH_BYTES);
		blake3_add(&hash, record.bytes + JOURNAL_HEAD_BYTES, payload_bytes);
		blake3_finish(&hash, &next);
		memcpy(chain, next.bytes, HASH_BYTES);
		assert_int_equal(
			pwrite(fd, record.bytes, record.bytes_count, place), record.bytes_count);
	}
	(void)close(fd);
}

/* Goal: a tenant that has as many paid epochs as one may have is told so, until the oldest of them
 * may go; others have room. */
static void one_tenant_does_not_fill_the_registry(void **state)
{
	struct hash inputs = seal_epoch(&golden), unknown = { { 1 } };
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	pay_epoch(2, &inputs);
	restart_rewarder(); /* the journal is written anew */
	harness_kill(&h);
	read_record();
	write_journal(REGISTRY_TENANT_ROWS_MAX - 1, false);
	start_rewarder();
	ask(3, "2025-10-02", &unknown); /* the last that there is room for */
	assert_false(serve_object());
	reply = expect_reply(3);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_NOT_FOUND);
	harness_kill(&h);
	write_journal(REGISTRY_TENANT_ROWS_MAX, false);
	start_rewarder();
	ask(4, "2025-10-02", &unknown);
	reply = expect_reply(4);
	expect_refusal(&reply, 429, REWARD_REASON_RUNS_KEPT);
	run = run_of("2025-10-02", &unknown);
	run.tenant = text_of("other");
	harness_send_run_compute(prevalidator, 5, &run);
	assert_false(serve_object());
	reply = expect_reply(5);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_NOT_FOUND);
	harness_kill(&h);
	write_journal(REGISTRY_TENANT_ROWS_MAX, true);
	start_rewarder();
	ask(6, "2025-10-02", &unknown);
	assert_false(serve_object());
	reply = expect_reply(6);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_NOT_FOUND);
	reply = show(7, "1000-01-01");
	expect_refusal(&reply, 404, REWARD_REASON_NOT_FOUND);
	restart_rewarder();
	assert_int_equal(journal_bytes(), JOURNAL_MAGIC_BYTES);
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_refused_is_not_kept),
		CASE(one_tenant_does_not_fill_the_registry),
	};

	return cmocka_run_group_tests_name("rewarder_registry", tests, NULL, NULL);
}
