#include "common/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/metrics_render.h"
#include "tests/skip.h"

/* Who writes. */
enum { INGRESS_0, INGRESS_1, SUPERVISOR, SEQUENCER };

static struct maker {
	int fd;
	int reader_fd;
	struct metrics_page *page; /* as the supervisor sees it */
	struct process_id process;
} makers[] = {
	{ .process = { PROCESS_INGRESS, 0 } },
	{ .process = { PROCESS_INGRESS, 1 } },
	{ .process = { PROCESS_SUPERVISOR, 0 } },
	{ .process = { PROCESS_SEQUENCER, 0 } },
};

static int make_pages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(makers); i++) {
		struct maker *maker = &makers[i];

		if (metrics_create(maker->process, &maker->fd, &maker->reader_fd, &maker->page) !=
			ERR_OK) {
			return -1;
		}
	}
	return 0;
}

static int drop_pages(void **state)
{
	static struct metrics_page nobody;

	(void)state;
	metrics_use(&nobody);
	for (size_t i = 0; i < COUNT_OF(makers); i++) {
		(void)close(makers[i].fd);
		(void)close(makers[i].reader_fd);
		metrics_unmap(makers[i].page);
	}
	return 0;
}

static const char *text_of(enum metrics_format format)
{
	static char text[METRICS_TEXT_BYTES_MAX + 1];
	struct metrics_source sources[COUNT_OF(makers)];
	struct metrics_view view = {
		.sources = sources,
		.source_count = COUNT_OF(makers),
		.build = { "0.1.0", "abc\"1\\2\n3", "gcc 12" },
		.uptime = { .us = 90500000 },
		.format = format,
	};
	size_t used = 0;

	for (size_t i = 0; i < COUNT_OF(makers); i++) {
		sources[i].process = makers[i].process;
		sources[i].page = makers[i].page;
	}
	assert_int_equal(metrics_render(&view, text, sizeof text - 1, &used), ERR_OK);
	text[used] = '\0';
	return text;
}

static void expect_line(enum metrics_format format, const char *line)
{
	const char *text = text_of(format);
	char wanted[256];

	(void)snprintf(wanted, sizeof wanted, "\n%s\n", line);
	if (strstr(text, wanted) == NULL) {
		fail_msg("no line: %s", line);
	}
}

static void expect_no(const char *part)
{
	if (strstr(text_of(METRICS_PROMETHEUS), part) != NULL) {
		fail_msg("there is: %s", part);
	}
}

static void counters_of_all_pages_are_one_series(void **state)
{
	(void)state;
	metrics_use(makers[INGRESS_0].page);
	metrics_add(METRIC_REJECTED, metrics_label_reason(REASON_BUSY), 2);
	metrics_inc(METRIC_REJECTED, metrics_label_reason(REASON_UNAUTH));
	metrics_use(makers[INGRESS_1].page);
	metrics_add(METRIC_REJECTED, metrics_label_reason(REASON_BUSY), 40);
	expect_line(METRICS_PROMETHEUS, "rejected_total{reason=\"busy\"} 42");
	expect_line(METRICS_PROMETHEUS, "rejected_total{reason=\"unauth\"} 1");
	expect_line(METRICS_PROMETHEUS, "rejected_total{reason=\"internal\"} 0");
}

static void a_service_is_a_label_where_it_says_something(void **state)
{
	const size_t label = metrics_label_route_status(ROUTE_INGEST, 207);

	(void)state;
	metrics_use(makers[INGRESS_0].page);
	metrics_inc(METRIC_HTTP_REQUESTS, label);
	metrics_use(makers[INGRESS_1].page);
	metrics_inc(METRIC_HTTP_REQUESTS, label);
	expect_line(METRICS_PROMETHEUS, "http_requests_total{service=\"ingress\",route=\"/ingest\","
					"method=\"POST\",status=\"207\"} 2");
	expect_no("http_requests_total{service=\"supervisor\"");
	expect_line(METRICS_PROMETHEUS, "log_dropped_total{service=\"supervisor\"} 0");
}

static void a_status_that_we_never_send_is_other(void **state)
{
	(void)state;
	metrics_use(makers[INGRESS_0].page);
	metrics_inc(METRIC_HTTP_REQUESTS, metrics_label_route_status(ROUTE_OTHER, 299));
	expect_line(METRICS_PROMETHEUS, "http_requests_total{service=\"ingress\",route=\"other\","
					"method=\"other\",status=\"other\"} 1");
	assert_int_equal(metrics_label_route_status(ROUTE_COUNT - 1, 507),
		METRIC_LABELS_ROUTE_STATUS_COUNT - 1);
}

/* Goal: a value on a bound belongs to its bucket, one above to the next. */
static void a_histogram_counts_up_to_its_bounds(void **state)
{
	(void)state;
	metrics_use(makers[SEQUENCER].page);
	metrics_observe(METRIC_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, 0);
	metrics_observe(METRIC_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, 5000);
	metrics_observe(METRIC_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, 5001);
	metrics_observe(METRIC_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, 600000);
	metrics_observe(METRIC_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, 600001);
	expect_line(METRICS_PROMETHEUS, "# TYPE ledger_commit_latency_seconds histogram\n"
					"ledger_commit_latency_seconds_bucket{le=\"0.005\"} 2\n"
					"ledger_commit_latency_seconds_bucket{le=\"0.01\"} 3");
	expect_line(METRICS_PROMETHEUS, "ledger_commit_latency_seconds_bucket{le=\"0.6\"} 4\n"
					"ledger_commit_latency_seconds_bucket{le=\"+Inf\"} 5\n"
					"ledger_commit_latency_seconds_sum 1.210002\n"
					"ledger_commit_latency_seconds_count 5");
}

static void openmetrics_has_its_own_grammar(void **state)
{
	const char *text = text_of(METRICS_OPENMETRICS);

	(void)state;
	metrics_use(makers[SEQUENCER].page);
	metrics_observe(METRIC_SEQUENCER_BATCH_SIZE, METRIC_PLAIN, 1024);
	expect_line(METRICS_OPENMETRICS, "# TYPE ledger_commits counter\nledger_commits_total 0");
	expect_line(METRICS_OPENMETRICS, "sequencer_batch_size_bucket{le=\"512.0\"} 0\n"
					 "sequencer_batch_size_bucket{le=\"1024.0\"} 1");
	assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
	assert_null(strstr(text_of(METRICS_PROMETHEUS), "# EOF"));
}

static void openmetrics_leads_to_the_last_traced_request_of_a_series(void **state)
{
	static const struct id128 older = { { 0xaa } }, newer = { { 0xbb, 1 } };
	const char *line = "request_latency_seconds_bucket{service=\"ingress\","
			   "route=\"/version\",method=\"GET\",le=\"0.01\"} 1 # {trace_id=\""
			   "bb010000000000000000000000000000\"} 0.0075 ";

	(void)state;
	metrics_use(makers[INGRESS_0].page);
	metrics_observe(METRIC_REQUEST_LATENCY, ROUTE_VERSION, 7500);
	metrics_exemplar(METRIC_EXEMPLAR_REQUEST_LATENCY, ROUTE_VERSION, &older, 20000000);
	metrics_exemplar(METRIC_EXEMPLAR_REQUEST_LATENCY, ROUTE_VERSION, &newer, 7500);
	assert_non_null(strstr(text_of(METRICS_OPENMETRICS), line));
	assert_null(strstr(text_of(METRICS_OPENMETRICS), "\"aa00"));
	assert_null(strstr(text_of(METRICS_PROMETHEUS), "trace_id"));
	/* who is no writer of it is not believed */
	metrics_use(makers[SEQUENCER].page);
	metrics_exemplar(METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, &older, 1);
	assert_null(strstr(text_of(METRICS_OPENMETRICS), "\"aa00"));
}

static void an_exemplar_that_is_being_written_is_left_out(void **state)
{
	static const struct id128 id = { { 0xcc } };
	struct metrics_exemplar_slot *slot =
		makers[SUPERVISOR].page->exemplars.LEDGER_COMMIT_LATENCY;
	struct metrics_exemplar exemplar;

	(void)state;
	metrics_use(makers[SUPERVISOR].page);
	assert_false(metrics_exemplar_read(makers[SUPERVISOR].page,
		METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, &exemplar));
	metrics_exemplar(METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, &id, 5);
	assert_true(metrics_exemplar_read(makers[SUPERVISOR].page,
		METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, &exemplar));
	slot->turn++; /* its writer died over it */
	assert_false(metrics_exemplar_read(makers[SUPERVISOR].page,
		METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, &exemplar));
	metrics_exemplar(METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, &id, 6);
	assert_true(metrics_exemplar_read(makers[SUPERVISOR].page,
		METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, &exemplar));
	assert_int_equal(exemplar.value, 6);
}

/* Goal: a captured ingress can lie about itself only. */
static void a_metric_counts_only_from_its_writers(void **state)
{
	(void)state;
	metrics_use(makers[INGRESS_0].page);
	metrics_set(METRIC_LEDGER_SAFE_MODE, METRIC_PLAIN, 1);
	metrics_inc(METRIC_LEDGER_COMMITS, METRIC_PLAIN);
	metrics_set(METRIC_PROCESS_OPEN_FDS, METRIC_PLAIN, 1);
	expect_line(METRICS_PROMETHEUS, "ledger_safe_mode 0");
	expect_line(METRICS_PROMETHEUS, "ledger_commits_total 0");
	expect_no("process_open_fds{");
	expect_no("connections{service=\"supervisor\"}");
}

static void what_is_known_without_a_page_is_there(void **state)
{
	(void)state;
	expect_line(METRICS_PROMETHEUS,
		"build_info{version=\"0.1.0\",git_sha=\"abc\\\"1\\\\2\\n3\","
		"toolchain=\"gcc 12\"} 1");
	expect_line(METRICS_PROMETHEUS, "process_uptime_seconds 90.5");
}

static void a_gauge_shown_when_set_shows_zero_and_disappears(void **state)
{
	const size_t kms = metrics_label_process((struct process_id){ PROCESS_KMS, 0 });
	const size_t third = metrics_label_process((struct process_id){ PROCESS_PREVALIDATOR, 3 });

	(void)state;
	metrics_use(makers[SUPERVISOR].page);
	expect_no("readyz_state{");
	metrics_set(METRIC_READYZ_STATE, PROCESS_KMS, 0);
	expect_line(METRICS_PROMETHEUS, "readyz_state{service=\"kms\"} 0");
	metrics_set(METRIC_READYZ_STATE, PROCESS_KMS, 2);
	expect_line(METRICS_PROMETHEUS, "readyz_state{service=\"kms\"} 2");
	metrics_clear(METRIC_READYZ_STATE, PROCESS_KMS);
	expect_no("readyz_state{");
	metrics_set(METRIC_PROCESS_OPEN_FDS, kms, 9);
	metrics_set(METRIC_PROCESS_CPU, third, 1500000);
	expect_line(METRICS_PROMETHEUS, "process_open_fds{service=\"kms\",instance=\"0\"} 9");
	expect_line(METRICS_PROMETHEUS,
		"process_cpu_seconds_total{service=\"prevalidator\",instance=\"3\"} 1.5");
	expect_no("service=\"client\"");
}

static void a_new_process_keeps_counters_and_not_gauges(void **state)
{
	(void)state;
	metrics_use(makers[INGRESS_0].page);
	metrics_inc(METRIC_BYTES_IN, METRIC_PLAIN);
	metrics_set(METRIC_CONNECTIONS, METRIC_PLAIN, 5);
	metrics_begin(makers[INGRESS_0].page, 4711, (struct instant){ .monotonic_us = 1 });
	metrics_use(makers[SEQUENCER].page);
	metrics_observe(METRIC_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, 1);
	metrics_begin(makers[SEQUENCER].page, 4712, (struct instant){ .monotonic_us = 1 });
	expect_line(METRICS_PROMETHEUS, "bytes_in_total 1");
	expect_line(METRICS_PROMETHEUS, "connections{service=\"ingress\"} 0");
	expect_line(METRICS_PROMETHEUS, "ledger_commit_latency_seconds_count 1");
}

static void a_worker_writes_what_a_reader_sees(void **state)
{
	const struct metrics_page *seen = NULL;

	(void)state;
	assert_int_equal(metrics_open(makers[INGRESS_0].fd), ERR_OK);
	assert_int_equal(metrics_map(makers[INGRESS_0].reader_fd, &seen), ERR_OK);
	metrics_add(METRIC_BYTES_OUT, METRIC_PLAIN, 3);
	assert_int_equal(seen->slots.bytes_out_total[0], 3);
	metrics_unmap(seen);
	metrics_unmap(metrics_own);
}

static void a_reader_cannot_write_and_nobody_can_resize(void **state)
{
	const size_t page_bytes = sizeof(struct metrics_page);
	const int fds[] = { makers[INGRESS_0].fd, makers[INGRESS_0].reader_fd };

	(void)state;
	assert_ptr_equal(mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				 makers[INGRESS_0].reader_fd, 0),
		MAP_FAILED);
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		assert_int_equal(ftruncate(fds[i], 0), -1);
		assert_int_equal(ftruncate(fds[i], (off_t)page_bytes * 2), -1);
		assert_int_equal(fcntl(fds[i], F_ADD_SEALS, F_SEAL_WRITE), -1);
	}
}

static void only_a_page_of_this_build_is_mapped(void **state)
{
	const struct metrics_page *seen = NULL;
	int bare = memfd_create("bare", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(ftruncate(bare, sizeof(struct metrics_page)), 0);
	assert_int_equal(metrics_map(bare, &seen), ERR_CORRUPT); /* not sealed */
	assert_int_equal(fcntl(bare, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_int_equal(metrics_map(bare, &seen), ERR_CORRUPT); /* no magic */
	(void)close(bare);
	assert_int_equal(metrics_map(-1, &seen), ERR_CORRUPT);

	makers[INGRESS_0].page->table_hash ^= 1;
	assert_int_equal(metrics_map(makers[INGRESS_0].reader_fd, &seen), ERR_STALE);
	assert_int_equal(metrics_open(makers[INGRESS_0].fd), ERR_STALE);
	assert_null(seen);
}

static void a_buffer_that_is_too_small_is_said(void **state)
{
	static char text[METRICS_TEXT_BYTES_MAX];
	struct metrics_source source = { makers[INGRESS_0].process, makers[INGRESS_0].page };
	struct metrics_view view = {
		.sources = &source, .source_count = 1, .build = { "v", "s", "t" }
	};
	size_t needed = 0, used = 0;

	(void)state;
	assert_int_equal(metrics_render(&view, text, sizeof text, &needed), ERR_OK);
	assert_int_equal(metrics_render(&view, text, needed + 1, &used), ERR_OK);
	assert_int_equal(used, needed);
	for (size_t room = 1; room <= needed; room += 997) {
		assert_int_equal(metrics_render(&view, text, room, &used), ERR_TOO_LARGE);
	}
	assert_int_equal(metrics_render(&view, text, needed, &used), ERR_TOO_LARGE);
}

/* Goal: METRICS_TEXT_BYTES_MAX is enough when every slot of every page is at its largest. */
static void the_worst_text_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(makers); i++) {
		memset(&makers[i].page->slots, 0x7f, sizeof makers[i].page->slots);
		memset(&makers[i].page->exemplars, 0x7e, sizeof makers[i].page->exemplars);
	}
	makers[INGRESS_1].process = (struct process_id){ PROCESS_ADMIN, 0 };
	assert_true(strlen(text_of(METRICS_OPENMETRICS)) < METRICS_TEXT_BYTES_MAX);
	makers[INGRESS_1].process = (struct process_id){ PROCESS_INGRESS, 1 };
}

static void no_two_rows_share_a_slot(void **state)
{
	size_t end = 0;

	(void)state;
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		assert_int_equal(metrics_rows[i].slot, end);
		end += (size_t)metrics_rows[i].label_count * metrics_rows[i].series_slots;
	}
	assert_int_equal(end * sizeof(uint64_t), sizeof(struct metrics_slots));
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		for (size_t other = 0; other < i; other++) {
			assert_string_not_equal(metrics_rows[i].name, metrics_rows[other].name);
		}
	}
}

/* Goal: Prometheus' own checker parses it. It answers 3 for names that it would have chosen
 * otherwise (spec/ chose ledger_backlog_gauge), 1 for what does not parse. */
static void promtool_reads_it(void **state)
{
	FILE *promtool;
	int status;

	(void)state;
	if (system("command -v promtool >/dev/null") != 0) {
		SKIP_ALOUD("promtool is not installed (Debian: prometheus)");
	}
	for (size_t i = 0; i < COUNT_OF(makers); i++) {
		memset(&makers[i].page->slots, 1, sizeof makers[i].page->slots);
	}
	promtool = popen("promtool check metrics >&2", "w");
	assert_non_null(promtool);
	assert_true(fputs(text_of(METRICS_PROMETHEUS), promtool) >= 0);
	status = pclose(promtool);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pages, drop_pages)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counters_of_all_pages_are_one_series),
		TEST(a_service_is_a_label_where_it_says_something),
		TEST(a_status_that_we_never_send_is_other),
		TEST(a_histogram_counts_up_to_its_bounds),
		TEST(openmetrics_has_its_own_grammar),
		TEST(openmetrics_leads_to_the_last_traced_request_of_a_series),
		TEST(an_exemplar_that_is_being_written_is_left_out),
		TEST(a_metric_counts_only_from_its_writers),
		TEST(what_is_known_without_a_page_is_there),
		TEST(a_gauge_shown_when_set_shows_zero_and_disappears),
		TEST(a_new_process_keeps_counters_and_not_gauges),
		TEST(a_worker_writes_what_a_reader_sees),
		TEST(a_reader_cannot_write_and_nobody_can_resize),
		TEST(only_a_page_of_this_build_is_mapped),
		TEST(a_buffer_that_is_too_small_is_said),
		TEST(the_worst_text_fits),
		TEST(no_two_rows_share_a_slot),
		TEST(promtool_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
