/* A calculator, driven by hand: what it is handed in any order, with little memory, with little
 * time. Whether it computes rightly is core/'s business. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/worker/rewarder_driver.h"

static struct harness_link *rewarder;
static uint64_t run_id;

static void start_calculator(void)
{
	harness_start(&calculator);
	harness_expect_up(&calculator);
	rewarder = harness_link_up(&calculator, PROCESS_REWARDER, 0);
}

static struct slice kept_bytes(size_t number)
{
	return (struct slice){ kept[number].bytes, kept[number].bytes_count };
}

static struct oap_compute run_of_bundle(size_t bundle)
{
	return (struct oap_compute){
		.now_unix_s = 1790000000,
		.epoch_skew_s = 120,
		.cost_base_us = 5000,
		.cost_actor_us = 4,
		.cost_event_us = 1,
		.cost_ms_max = 1000000,
		.memory_bytes_max = 64u * 1024 * 1024,
		.allocations_max = 65536,
		.budget_cpu_ms = 60000,
		.policy_hash = policy_hash(),
		.inputs_cid = kept[bundle].id,
		.tenant = text_of("acme"),
		.epoch = text_of(EPOCH),
		.policy_id = text_of("rev42"),
		.salt = text_of(REWARD_SALT_DEFAULT),
		.policy = text_of(GOLDEN_POLICY "}"),
		.bundle = kept_bytes(bundle),
	};
}

static void expect_wants(void)
{
	struct oap_compute_wants wants;

	assert_int_equal(harness_expect_compute_wants(rewarder, &wants), run_id);
	assert_memory_equal(&wants.accounting_cid, &kept[0].id, sizeof kept[0].id);
	assert_memory_equal(&wants.ledger_cid, &kept[1].id, sizeof kept[1].id);
}

static void send_ledger(void)
{
	harness_send_compute_ledger(
		rewarder, run_id, &(struct oap_compute_ledger){ .bytes = kept_bytes(1) });
}

static void send_rows(struct slice bytes, bool is_last)
{
	harness_send_compute_rows(
		rewarder, run_id, &(struct oap_compute_rows){ .is_last = is_last, .bytes = bytes });
}

static struct oap_computed expect_computed(void)
{
	struct oap_computed computed;

	assert_int_equal(harness_expect_computed(rewarder, &computed), run_id);
	return computed;
}

static void begin(const struct oap_compute *run)
{
	harness_send_compute(rewarder, ++run_id, run);
}

static void it_computes_one_run_after_the_other(void **state)
{
	struct oap_compute run;
	struct oap_computed computed;
	struct oap_compute_piece piece;

	(void)state;
	(void)seal_epoch(&golden);
	run = run_of_bundle(2);
	start_calculator();
	for (size_t i = 0; i < 3; i++) {
		begin(&run);
		expect_wants();
		send_ledger();
		send_rows((struct slice){ kept[0].bytes, 100 }, false);
		send_rows((struct slice){ kept[0].bytes + 100, kept[0].bytes_count - 100 }, true);
		computed = expect_computed();
		assert_int_equal(computed.verdict, REWARD_OK);
		assert_true(computed.payout == 999 && computed.residual == 2);
		assert_int_equal(computed.allocation_count, 3);
	}
	harness_send_compute_read(rewarder, run_id,
		&(struct oap_compute_read){ .part = COMPUTE_PART_MANIFEST, .offset = 10 });
	assert_int_equal(harness_expect_compute_piece(rewarder, &piece), run_id);
	assert_int_equal(piece.bytes.bytes_count, computed.manifest_bytes - 10);
	harness_send_compute_drop(rewarder, run_id, &(struct oap_compute_drop){ 0 });
	harness_send_compute_read(rewarder, run_id, &(struct oap_compute_read){ 0 });
	harness_settle(&calculator);
	harness_expect_nothing(rewarder); /* it is forgotten */
	harness_stop(&calculator);
}

/* Goal: a run that wants more memory than it may have is told so, and the next one is computed. */
static void memory_has_an_end(void **state)
{
	struct oap_compute run;
	struct oap_computed computed;

	(void)state;
	(void)seal_epoch(&golden);
	run = run_of_bundle(2);
	run.memory_bytes_max = 256 * 1024;
	start_calculator();
	begin(&run);
	expect_wants();
	send_ledger();
	send_rows(kept_bytes(0), true);
	computed = expect_computed();
	assert_int_equal(computed.verdict, REWARD_NO_MEMORY);
	assert_int_equal(computed.manifest_bytes, 0);
	run.memory_bytes_max = 64u * 1024 * 1024;
	begin(&run);
	expect_wants();
	send_ledger();
	send_rows(kept_bytes(0), true);
	computed = expect_computed();
	assert_int_equal(computed.verdict, REWARD_OK);
	harness_stop(&calculator);
}

static void more_than_the_ledger_takes_is_refused(void **state)
{
	struct oap_compute run;
	struct oap_computed computed;

	(void)state;
	(void)seal_epoch(&golden);
	run = run_of_bundle(2);
	run.allocations_max = 2;
	start_calculator();
	begin(&run);
	expect_wants();
	send_ledger();
	send_rows(kept_bytes(0), true);
	computed = expect_computed();
	assert_int_equal(computed.verdict, REWARD_REFUSED);
	assert_int_equal(computed.refusal, REWARD_REFUSAL_COST_CAP);
	harness_stop(&calculator);
}

/* As many rows as its window takes at once, each of another actor. */
static size_t print_rows(char *text, size_t room)
{
	size_t used = (size_t)snprintf(text, room,
		"{\"actors\":90000,\"epoch_id\":\"" EPOCH "\",\"events\":90000,\"kind\":"
		"\"ron.accounting.snapshot\",\"rows\":[");

	for (unsigned i = 0; used + 128 < room; i++) {
		used += (size_t)snprintf(text + used, room - used,
			"%s{\"actor\":\"actor%u\",\"category\":\"video\",\"counts\":{\"subs\":"
			"\"%u\",\"views\":\"1\"}}",
			i == 0 ? "" : ",", i, i);
	}
	return used;
}

static bool has_died(void)
{
	siginfo_t info = { 0 };

	assert_int_equal(
		waitid(P_PID, (id_t)calculator.pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid != 0;
}

/* Goal: CPU time ends it, whatever it is doing. */
static void time_has_an_end(void **state)
{
	static char rows[18 * 65536];
	size_t left = print_rows(rows, sizeof rows);
	struct oap_compute run;
	int status;

	(void)state;
	(void)seal_epoch(&golden);
	run = run_of_bundle(2);
	run.budget_cpu_ms = 1;
	start_calculator();
	begin(&run);
	expect_wants();
	send_ledger();
	rewarder->may_end = true;
	for (const char *next = rows; left > 0;) {
		size_t bytes = left < 65536 ? left : 65536;

		send_rows((struct slice){ (const uint8_t *)next, bytes }, false);
		next += bytes;
		left -= bytes;
	}
	/* The kernel takes CPU time by its ticks, and may have to be given several of them. */
	memset(rows, ' ', sizeof rows);
	while (!has_died()) {
		send_rows((struct slice){ (const uint8_t *)rows, 65536 }, false);
	}
	status = harness_reap(&calculator);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPROF);
}

/* Goal: what is out of turn accuses the rewarder, and what is late is forgotten. */
static void the_order_is_kept(void **state)
{
	struct oap_compute run;

	(void)state;
	(void)seal_epoch(&golden);
	run = run_of_bundle(2);
	start_calculator();
	send_rows(kept_bytes(0), true); /* of no run */
	harness_settle(&calculator);
	harness_expect_nothing(rewarder);
	begin(&run);
	expect_wants();
	send_rows(kept_bytes(0), false); /* in front of the ledger snapshot */
	harness_expect_accusation(rewarder, OAP_COMPUTE_ROWS, ERR_CONFLICT);
	harness_kill(&calculator);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_computes_one_run_after_the_other),
		CASE(memory_has_an_end),
		CASE(more_than_the_ledger_takes_is_refused),
		CASE(time_has_an_end),
		CASE(the_order_is_kept),
	};

	return cmocka_run_group_tests_name("compute", tests, NULL, NULL);
}
