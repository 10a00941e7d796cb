/* Sequencer, committer and archive as they are shipped, joined as in a node, over a store on disk.
 * The test is everybody else: kms, prevalidator, edge and rewarder. What it pays must be there
 * once, whoever died on the way, and a second opinion must agree. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/reads.h"
#include "core/draft.h"
#include "store/lock.h"
#include "store/verify.h"
#include "tests/intent_maker.h"
#include "tests/worker/grants.h"

#define POOL "sys:reward_pool:acme:ron"

/* The largest input that spec/rewarder.md section 13 names. */
#define ALLOCATIONS_LARGE 50000u

static struct harness order, disk, past; /* the sequencer, the committer, archive */
static struct harness_link *rewarder, *prevalidator, *edge;
static struct harness_link *reader, *window; /* who asks archive, and who gets the answer */
static struct intent_maker maker;
static int lock_fd = -1;
static uint64_t draft_last;

/* --- life --- */

static int set_up(void **state)
{
	struct why why = { "" };
	char path[128];

	(void)state;
	memset(&maker, 0, sizeof maker);
	harness_init(&order, PROCESS_SEQUENCER);
	harness_init(&disk, PROCESS_COMMITTER);
	harness_make_dir(&disk, "store");
	harness_path(&disk, "store", path, sizeof path);
	assert_int_equal(chmod(path, 02750), 0);
	harness_init(&past, PROCESS_ARCHIVE);
	past.gid = disk.gid; /* as the store's group has it */
	past.config = disk.config;
	harness_path(&disk, "objects", path, sizeof path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, past.uid, past.gid), 0);
	assert_int_equal(lock_take(disk.dir, &lock_fd, &why), ERR_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	harness_finish(&order);
	harness_finish(&past);
	harness_finish(&disk);
	(void)close(lock_fd);
	intent_maker_finish(&maker);
	return 0;
}

static void expect_serving(void)
{
	struct oap_report report;

	do {
		(void)harness_expect_report(&order.control, &report);
		if (report.phase == PHASE_SAFE_MODE) {
			fail_msg("safe mode: %.*s", (int)report.text.bytes_count,
				(const char *)report.text.bytes);
		}
	} while (report.phase != PHASE_SERVING);
}

static void start_archive(void)
{
	harness_start(&past);
	harness_expect_up(&past);
	harness_join(&past, &disk);
	harness_join(&past, &order);
	grants_tell_key(harness_link_up(&past, PROCESS_KMS, 0));
	reader = harness_link_up(&past, PROCESS_PREVALIDATOR, 0);
	window = harness_link_up(&past, PROCESS_INGRESS, 0);
	harness_settle(&past);
}

/* All of them, as the supervisor would: the first two always start together. */
static void start(void)
{
	struct harness_link *kms;

	harness_start_begin(&disk);
	harness_give_fd(&disk, SETUP_FD_LOCK, 0, lock_fd);
	harness_start_end(&disk);
	harness_expect_up(&disk);
	harness_start(&order);
	harness_expect_up(&order);
	harness_join(&order, &disk);
	kms = harness_link_up(&order, PROCESS_KMS, 0);
	grants_tell_key(kms);
	prevalidator = harness_link_up(&order, PROCESS_PREVALIDATOR, 0);
	edge = harness_link_up(&order, PROCESS_INGRESS, 0);
	rewarder = harness_link_up(&order, PROCESS_REWARDER, 0);
	kms = harness_link_up(&disk, PROCESS_KMS, 0);
	harness_send_origin(kms, 0, &(struct oap_origin){ .origin = text_of("ledger.example") });
	expect_serving();
	start_archive();
	harness_settle(&order);
}

static void kill_all(void)
{
	harness_kill(&order);
	harness_kill(&disk);
	harness_kill(&past);
}

/* --- ordinary requests --- */

static struct draft draft_of(enum entry_kind kind, const char *account, u128 amount)
{
	struct draft draft = { .entry = {
				       .ts_unix_ms = now_unix_ms(),
				       .kind = kind,
				       .source = SOURCE_INGEST,
				       .account = text_of(account),
				       .asset = text_of("ron"),
				       .amount = amount,
				       .kid = GRANTS_KEY_ID,
				       .capability_ref = grants_capability_ref(),
			       } };

	draft_last++;
	memcpy(draft.entry.id.bytes, &draft_last, sizeof draft_last);
	memcpy(draft.entry.nonce.bytes, &draft_last, sizeof draft_last);
	return draft;
}

static void submit(uint64_t ticket, const struct draft *draft)
{
	uint8_t bytes[DRAFT_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	draft_encode(&out, draft);
	harness_send_submit(prevalidator, ticket,
		&(struct oap_submit){
			.edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.draft_count = 1,
			.grant = grants_seal(),
			.drafts = { bytes, out.used },
		});
}

static void mint(const char *account, u128 amount)
{
	struct draft draft = draft_of(ENTRY_MINT, account, amount);
	struct oap_verdict verdict;

	submit(1, &draft);
	assert_int_equal(harness_expect_verdict(edge, &verdict), 1);
	assert_int_equal(verdict.status, 200);
}

/* --- the rewarder that we are --- */

static void send_header(uint64_t id)
{
	uint8_t bytes[INTENT_HEADER_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	intent_encode(&out, &maker.intent);
	harness_send_intent(rewarder, id,
		&(struct oap_intent){
			.deadline_mono_ms = now_mono_ms() + 60000,
			.allocations_bytes = (uint32_t)maker.allocations_bytes,
			.header = { bytes, out.used },
			.grant = grants_seal_acme(),
		});
}

static size_t piece_count(void)
{
	return (maker.allocations_bytes + VERB_BODY_CHUNK_BYTES_MAX - 1) /
	       VERB_BODY_CHUNK_BYTES_MAX;
}

static void send_piece(uint64_t id, size_t index)
{
	size_t offset = index * VERB_BODY_CHUNK_BYTES_MAX;
	size_t left = maker.allocations_bytes - offset;

	harness_send_intent_body(rewarder, id,
		&(struct oap_intent_body){
			.offset = (uint32_t)offset,
			.bytes = { maker.allocations + offset,
				left < VERB_BODY_CHUNK_BYTES_MAX ? left
								 : VERB_BODY_CHUNK_BYTES_MAX },
		});
}

static struct oap_intent_result expect_result(uint64_t id)
{
	struct oap_intent_result result;

	assert_int_equal(harness_expect_intent_result(rewarder, &result), id);
	if (result.status == INTENT_ERROR) {
		fail_msg("detail %s", detail_text(result.detail));
	}
	return result;
}

/* Whatever the state of things; true: it was there already. */
static bool settle(uint64_t id, struct oap_intent_result *ret_result)
{
	send_header(id);
	*ret_result = expect_result(id);
	if (ret_result->status != INTENT_NEED_BODY) {
		assert_int_equal(ret_result->status, INTENT_DUP);
		return true;
	}
	for (size_t i = 0; i < piece_count(); i++) {
		send_piece(id, i);
	}
	*ret_result = expect_result(id);
	assert_int_equal(ret_result->status, INTENT_ACCEPTED);
	return false;
}

/* --- a second opinion --- */

/* The store of workers that are down is whole, and has so many entries. */
static void expect_good_store(uint64_t entries)
{
	char path[128];
	struct reader_config reader_config = { .dir = path };
	struct verify_config config = { .live = false, .dir = path };
	struct verify_result result = { .good = false };
	struct why why = { "" };

	harness_path(&disk, "store", path, sizeof path);
	assert_int_equal(reader_open(&reader_config, &config.reader, &why), ERR_OK);
	assert_int_equal(verify_store(&config, &result, &why), ERR_OK);
	assert_string_equal(result.what.text, "");
	assert_true(result.good);
	assert_int_equal(result.size, entries);
	assert_true(result.checked[VERIFY_CONTROL] == 1);
	reader_close(config.reader);
}

/* --- cases --- */

/* Of an account, from archive: the answer has these words in it. */
static void expect_read(
	enum read_what what, uint64_t a, uint64_t b, const char *text, const char *words)
{
	static uint64_t ticket = 100;
	struct oap_blob blob = { .fault = READ_FAULT_NONE };
	struct oap_events events = { .fault = READ_FAULT_NONE };
	char found[4096];

	harness_send_read_tlog(reader, ++ticket,
		&(struct oap_read_tlog){
			.edge_process = PROCESS_INGRESS,
			.edge_generation = window->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.what = (uint8_t)what,
			.a = a,
			.b = b,
			.text = text_of(text),
			.grant = grants_seal(),
		});
	if (what == READ_EVENTS) {
		assert_int_equal(harness_expect_events(window, &events), ticket);
		blob.bytes = events.lines;
	} else {
		assert_int_equal(harness_expect_blob(window, &blob), ticket);
	}
	assert_int_equal(blob.fault + events.fault, READ_FAULT_NONE);
	(void)snprintf(found, sizeof found, "%.*s", (int)blob.bytes.bytes_count,
		(const char *)blob.bytes.bytes);
	if (strstr(found, words) == NULL) {
		fail_msg("%s is not in %s", words, found);
	}
}

/* Archive sees its entries like all others. */
static void an_epoch_is_paid_and_stays_paid(void **state)
{
	struct oap_intent_result paid, again;

	(void)state;
	intent_maker_init(&maker, "2025-10-01", 1, 5000);
	start();
	mint(POOL, maker.intent.pool_total);
	assert_false(settle(7, &paid));
	assert_int_equal(paid.seq_start, 2);
	assert_int_equal(paid.seq_end, 5001);
	for (int i = 0; i < 2; i++) {
		assert_true(settle(8, &again));
		assert_int_equal(again.seq_start, 2);
		assert_int_equal(again.seq_end, 5001);
		assert_memory_equal(&again.root, &paid.root, sizeof paid.root);
		expect_read(READ_BALANCE, READS_NEWEST, 0, "did:ron:actor000042 ron", "\"43\"");
		expect_read(READ_BALANCE, READS_NEWEST, 0, POOL " ron", "\"1\"");
		expect_read(READ_HISTORY, READS_NEWEST, 2, POOL " ron", "did:ron:actor004999");
		expect_read(READ_EVENTS, 4999, 2, "", "did:ron:actor004998");
		kill_all();
		start();
	}
	kill_all();
	expect_good_store(5001);
}

/* Until the log is written so far: it was zeros at the start. */
static void wait_for_log(uint64_t bytes)
{
	static const uint8_t zeros[4096];
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;
	uint8_t found[sizeof zeros];
	char path[160];
	int fd;

	harness_path(&disk, "store/ledger.db-wal", path, sizeof path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	do {
		assert_true(now_mono_ms() < due);
		assert_int_equal(pread(fd, found, sizeof found, (off_t)bytes), sizeof found);
	} while (memcmp(found, zeros, sizeof zeros) == 0);
	(void)close(fd);
}

enum where { AT_HEADER, AT_HALF_OF_THE_BODY, AT_THE_WHOLE_BODY, IN_THE_LOG, AT_THE_ANSWER };

/* As far as `where`, and not a step further. */
static void go_to(enum where where, uint64_t log_bytes)
{
	size_t pieces = where == AT_HEADER ? 0 : piece_count();

	send_header(7);
	assert_int_equal(expect_result(7).status, INTENT_NEED_BODY);
	if (where == AT_HALF_OF_THE_BODY) {
		pieces /= 2;
	}
	for (size_t i = 0; i < pieces; i++) {
		send_piece(7, i);
	}
	if (where == IN_THE_LOG) {
		wait_for_log(log_bytes);
	}
	if (where == AT_THE_ANSWER) {
		assert_int_equal(expect_result(7).status, INTENT_ACCEPTED);
	}
}

static void die_and_pay(enum where where, uint64_t log_bytes)
{
	struct oap_intent_result paid;
	bool was_paid;

	intent_maker_init(&maker, "2025-10-01", 1, 8000);
	start();
	mint(POOL, maker.intent.pool_total);
	go_to(where, log_bytes);
	kill_all();
	start();
	was_paid = settle(8, &paid);
	assert_true(where != AT_THE_ANSWER || was_paid);
	assert_true(where > AT_HALF_OF_THE_BODY || !was_paid);
	assert_int_equal(paid.seq_start, 2);
	assert_int_equal(paid.seq_end, 8001);
	kill_all();
	expect_good_store(8001);
}

static void they_die_before_the_body(void **state)
{
	(void)state;
	die_and_pay(AT_HEADER, 0);
}

static void they_die_within_the_body(void **state)
{
	(void)state;
	die_and_pay(AT_HALF_OF_THE_BODY, 0);
}

static void they_die_behind_the_body(void **state)
{
	(void)state;
	die_and_pay(AT_THE_WHOLE_BODY, 0);
}

/* As soon as the log is written so far: within the transaction, or just behind it. */
static void they_die_while_it_is_written(void **state)
{
	static const uint64_t grown[] = { 131072, 524288, 1048576, 2097152 };

	for (size_t i = 0; i < COUNT_OF(grown); i++) {
		die_and_pay(IN_THE_LOG, grown[i]);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

static void they_die_when_it_was_answered(void **state)
{
	(void)state;
	die_and_pay(AT_THE_ANSWER, 0);
}

/* --- under load --- */

#define LOAD_WINDOW   16u
#define LOAD_MAX      200000u
#define LOAD_ACCOUNTS 64u

static struct load {
	uint64_t sent_us[LOAD_WINDOW]; /* by ticket modulo */
	uint64_t ticket_last;
	uint32_t *latency_us;
	size_t done_count;
} load;

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void load_one(void)
{
	char name[16];
	struct draft draft;

	(void)snprintf(name, sizeof name, "load%u", (unsigned)(load.ticket_last % LOAD_ACCOUNTS));
	draft = draft_of(ENTRY_MINT, name, 1);
	load.ticket_last++;
	load.sent_us[load.ticket_last % LOAD_WINDOW] = now_us();
	submit(load.ticket_last, &draft);
}

/* Every answer that is here makes room for the next request. */
static void load_turn(void)
{
	while (!harness_is_silent(edge)) {
		struct oap_verdict verdict;
		uint64_t ticket = harness_expect_verdict(edge, &verdict);

		assert_int_equal(verdict.status, 200);
		assert_true(load.done_count < LOAD_MAX);
		load.latency_us[load.done_count++] =
			(uint32_t)(now_us() - load.sent_us[ticket % LOAD_WINDOW]);
		load_one();
	}
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static void say(const char *when, uint64_t us)
{
	qsort(load.latency_us, load.done_count, sizeof *load.latency_us, compare_u32);
	printf("# %s: %llu us, %zu ordinary writes, p50 %u us, p99 %u us, longest %u us\n", when,
		(unsigned long long)us, load.done_count, load.latency_us[load.done_count / 2],
		load.latency_us[load.done_count * 99 / 100], load.latency_us[load.done_count - 1]);
}

/* Of every kind of frame, for as long as it takes. */
static struct oap_intent_result load_until_result(uint64_t id)
{
	while (harness_is_silent(rewarder)) {
		load_turn();
	}
	return expect_result(id);
}

static void the_largest_epoch_is_paid_while_others_write(void **state)
{
	uint64_t started_us, settled_us;

	(void)state;
	intent_maker_init(&maker, "2025-10-01", 1, ALLOCATIONS_LARGE);
	memset(&load, 0, sizeof load);
	load.latency_us = calloc(LOAD_MAX, sizeof *load.latency_us);
	assert_non_null(load.latency_us);
	start();
	mint(POOL, maker.intent.pool_total);
	load.ticket_last = LOAD_WINDOW; /* 1 was the pool's */
	for (size_t i = 0; i < LOAD_WINDOW; i++) {
		load_one();
	}
	started_us = now_us();
	while (load.done_count < 5000) {
		load_turn();
	}
	say("before", now_us() - started_us);
	load.done_count = 0;
	started_us = now_us();
	send_header(7);
	assert_int_equal(load_until_result(7).status, INTENT_NEED_BODY);
	for (size_t i = 0; i < piece_count(); i++) {
		send_piece(7, i);
		load_turn();
	}
	assert_int_equal(load_until_result(7).status, INTENT_ACCEPTED);
	settled_us = now_us();
	while (load.done_count < 5000) { /* those that waited, and as many as before */
		load_turn();
	}
	say("50000 allocations", settled_us - started_us);
	free(load.latency_us);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_epoch_is_paid_and_stays_paid),
		CASE(they_die_before_the_body),
		CASE(they_die_within_the_body),
		CASE(they_die_behind_the_body),
		CASE(they_die_while_it_is_written),
		CASE(they_die_when_it_was_answered),
		CASE(the_largest_epoch_is_paid_while_others_write),
	};

	return cmocka_run_group_tests_name("settlement", tests, NULL, NULL);
}
