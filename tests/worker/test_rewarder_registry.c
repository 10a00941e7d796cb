/* What the registry of runs keeps, and how much of it one tenant may have. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/rewarder/registry_room.h"
#include "tests/worker/rewarder_driver.h"

#define JOURNAL_MAGIC_BYTES 8u
#define SWEPT_PLACE         (JOURNAL_HEAD_BYTES + 5)
#define TENANT_PLACE        (JOURNAL_HEAD_BYTES + 10 + 1)
#define TENANT_BYTES        4u /* as of acme */
#define EPOCH_PLACE         (TENANT_PLACE + TENANT_BYTES + 1)

static size_t journal_bytes(void)
{
	char path[256];
	struct stat info;

	harness_path(&h, "artifacts/registry", path, sizeof path);
	assert_int_equal(stat(path, &info), 0);
	return (size_t)info.st_size;
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

/* Goal: nor does it with what is asked for again and again, and cannot be paid yet. */
static void what_is_repeated_is_kept_once(void **state)
{
	static uint8_t grant[VERB_GRANT_BYTES_MAX];
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;
	struct oap_intent intent;
	uint64_t ticket = 2, id;

	(void)state;
	start();
	while (ticket < 2 + (20u << 20) / sizeof grant) {
		run = run_of(EPOCH, &inputs);
		run.grant = (struct slice){ grant, sizeof grant };
		harness_send_run_compute(prevalidator, ticket, &run);
		if (ticket == 2) {
			serve_inputs();
			sign(ATTESTATION_OK);
		}
		id = harness_expect_intent(sequencer, &intent);
		harness_send_credit(sequencer, 0,
			&(struct oap_credit){ 1, (uint32_t)(intent.header.bytes_count +
							    intent.grant.bytes_count + 20) });
		answer_intent(id, INTENT_ERROR, DETAIL_INSUFFICIENT);
		reply = expect_reply(ticket++);
		assert_int_equal(reply.status, 202);
	}
	assert_in_range(journal_bytes(), JOURNAL_MAGIC_BYTES, 17u << 20);
	restart_rewarder();
	reply = show(ticket, EPOCH);
	expect_body(&reply, "\"state\":\"postponed\"");
	harness_kill(&h);
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

	assert_in_range(bytes_count, EPOCH_PLACE + 10 + HASH_BYTES, sizeof record - 1);
	assert_memory_equal(record.bytes + EPOCH_PLACE, EPOCH, 10);
	record.bytes_count = (size_t)bytes_count;
	(void)close(fd);
}

/* Paid epochs of long ago. */
struct part {
	char tenant[TENANT_BYTES + 1];
	unsigned count;
	bool are_swept;
};

struct journal_writer {
	int fd;
	off_t bytes;
	struct hash chain;
};

static void write_part(struct journal_writer *out, const struct part *part)
{
	uint8_t *chain = record.bytes + record.bytes_count - HASH_BYTES;
	struct blake3 hash;
	char epoch[16];

	memcpy(record.bytes + TENANT_PLACE, part->tenant, TENANT_BYTES);
	record.bytes[SWEPT_PLACE] = part->are_swept;
	for (unsigned i = 0; i < part->count; i++) {
		(void)snprintf(epoch, sizeof epoch, "%04u-%02u-%02u", 1000 + i / 336 % 1000,
			1 + i / 28 % 12, 1 + i % 28);
		memcpy(record.bytes + EPOCH_PLACE, epoch, 10);
		blake3_start(&hash);
		blake3_add(&hash, out->chain.bytes, HASH_BYTES);
		blake3_add(&hash, record.bytes + JOURNAL_HEAD_BYTES,
			record.bytes_count - JOURNAL_HEAD_BYTES - HASH_BYTES);
		blake3_finish(&hash, &out->chain);
		memcpy(chain, out->chain.bytes, HASH_BYTES);
		assert_int_equal(pwrite(out->fd, record.bytes, record.bytes_count, out->bytes),
			record.bytes_count);
		out->bytes += (off_t)record.bytes_count;
	}
}

static void write_journal(const struct part *parts, size_t count)
{
	struct journal_writer out = { .fd = open_journal(), .bytes = JOURNAL_MAGIC_BYTES };
	uint8_t magic[JOURNAL_MAGIC_BYTES];

	assert_int_equal(pread(out.fd, magic, sizeof magic, 0), sizeof magic);
	blake3_hash(magic, sizeof magic, &out.chain);
	assert_int_equal(ftruncate(out.fd, sizeof magic), 0);
	for (size_t i = 0; i < count; i++) {
		write_part(&out, &parts[i]);
	}
	(void)close(out.fd);
}

/* A rewarder that was given these, in place of one that has paid an epoch, if need be. */
static void restart_with(const struct part *parts, size_t count)
{
	struct hash inputs = seal_epoch(&golden);

	if (record.bytes_count == 0) {
		start();
		pay_epoch(2, &inputs);
		restart_rewarder(); /* the journal is written anew */
		harness_kill(&h);
		read_record();
	} else if (h.pid == 0) {
		start();
		harness_kill(&h);
	} else {
		harness_kill(&h);
	}
	write_journal(parts, count);
	start_rewarder();
}

/* What a new run of it is told, of inputs that are not there: whether there is room for it. */
static enum reward_reason try_run(uint64_t ticket, const char *tenant)
{
	struct hash unknown = { { 1 } };
	struct oap_run_compute run = run_of("2025-10-02", &unknown);
	struct oap_run_reply reply;

	run.tenant = text_of(tenant);
	harness_send_run_compute(prevalidator, ticket, &run);
	harness_settle(&h);
	if (!harness_is_silent(archive)) {
		assert_false(serve_object());
	}
	reply = expect_reply(ticket);
	assert_int_equal(reply.status, reply.reason == REWARD_REASON_INPUTS_NOT_FOUND ? 400 : 429);
	return reply.reason;
}

/* Goal: a tenant that has as many paid epochs as one may have is told so, until the oldest of them
 * may go; others have room. */
static void one_tenant_does_not_fill_the_registry(void **state)
{
	struct part part = { "acme", REGISTRY_TENANT_ROWS_MAX - 1, false };
	struct oap_run_reply reply;

	(void)state;
	restart_with(&part, 1);
	assert_int_equal(try_run(3, "acme"), REWARD_REASON_INPUTS_NOT_FOUND);
	part.count++;
	restart_with(&part, 1);
	assert_int_equal(try_run(4, "acme"), REWARD_REASON_RUNS_KEPT);
	assert_int_equal(try_run(5, "other"), REWARD_REASON_INPUTS_NOT_FOUND);
	part.are_swept = true;
	restart_with(&part, 1);
	assert_int_equal(try_run(6, "acme"), REWARD_REASON_INPUTS_NOT_FOUND);
	reply = show(7, "1000-01-01"); /* the oldest made room, */
	expect_refusal(&reply, 404, REWARD_REASON_NOT_FOUND);
	reply = show(8, "1040-01-01"); /* the others are still known */
	assert_int_equal(reply.status, 200);
	harness_stop(&h);
}

/* Goal: tenants that have filled what is for all between them do not keep another one from his
 * first runs; whoever has more makes room for whoever has less. */
static void many_tenants_do_not_fill_the_registry(void **state)
{
	struct part parts[] = {
		{ "big1", REGISTRY_SHARED_ROWS / 4, false },
		{ "big2", REGISTRY_SHARED_ROWS / 4, false },
		{ "big3", REGISTRY_SHARED_ROWS / 4, false },
		{ "big4", REGISTRY_SHARED_ROWS / 4, false },
		{ "few1", REGISTRY_FIRST_ROWS - 1, false },
		{ "few2", REGISTRY_FIRST_ROWS, false },
	};

	(void)state;
	restart_with(parts, COUNT_OF(parts));
	assert_int_equal(try_run(3, "big1"), REWARD_REASON_RUNS_KEPT);
	assert_int_equal(try_run(4, "few2"), REWARD_REASON_RUNS_KEPT);
	assert_int_equal(try_run(5, "few1"), REWARD_REASON_INPUTS_NOT_FOUND);
	assert_int_equal(try_run(6, "newcomer"), REWARD_REASON_INPUTS_NOT_FOUND);
	parts[2].are_swept = true;
	restart_with(parts, COUNT_OF(parts));
	assert_int_equal(try_run(7, "big1"), REWARD_REASON_RUNS_KEPT); /* nobody has more */
	assert_int_equal(try_run(8, "few2"), REWARD_REASON_INPUTS_NOT_FOUND);
	harness_stop(&h);
}

/* Goal: the last row of the table, and one more: a refusal that asks to come again. */
static void the_registry_has_an_end(void **state)
{
	static struct part parts[1 + REGISTRY_FIRST_TENANTS] = { { "big1", REGISTRY_SHARED_ROWS,
		false } };

	(void)state;
	for (unsigned i = 1; i <= REGISTRY_FIRST_TENANTS; i++) {
		(void)snprintf(parts[i].tenant, sizeof parts[i].tenant, "t%03u", i);
		parts[i].count = REGISTRY_FIRST_ROWS;
	}
	parts[REGISTRY_FIRST_TENANTS].count--;
	restart_with(parts, COUNT_OF(parts));
	assert_int_equal(try_run(3, "newcomer"), REWARD_REASON_INPUTS_NOT_FOUND);
	parts[REGISTRY_FIRST_TENANTS].count++;
	restart_with(parts, COUNT_OF(parts));
	assert_int_equal(try_run(4, "newcomer"), REWARD_REASON_BUSY);
	assert_int_equal(try_run(5, "t001"), REWARD_REASON_RUNS_KEPT);
	parts[0].are_swept = true;
	restart_with(parts, COUNT_OF(parts));
	assert_int_equal(try_run(6, "newcomer"), REWARD_REASON_INPUTS_NOT_FOUND);
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_refused_is_not_kept),
		CASE(what_is_repeated_is_kept_once),
		CASE(one_tenant_does_not_fill_the_registry),
		CASE(many_tenants_do_not_fill_the_registry),
		CASE(the_registry_has_an_end),
	};

	return cmocka_run_group_tests_name("rewarder_registry", tests, NULL, NULL);
}
