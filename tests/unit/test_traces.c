#include "supervisor/traces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/metrics.h"

static struct traces *traces;

static int begin(void **state)
{
	(void)state;
	traces = traces_create(true);
	return traces == NULL ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	traces_destroy(traces);
	return 0;
}

static void take(unsigned process, enum trace_kind kind, uint64_t ticket, int64_t began_us,
	int64_t ended_us, struct log_fields more)
{
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	struct log_record record;
	size_t count;

	more.ticket = ticket;
	more.span = kind;
	more.began_us = (uint64_t)began_us;
	more.ended_us = (uint64_t)ended_us;
	count = log_record_pack(bytes, LOG_SPAN, (struct instant){ ended_us }, &more);
	assert_int_equal(log_record_unpack((struct slice){ bytes, count }, &record), ERR_OK);
	traces_take(traces, (struct process_id){ (uint8_t)process, 0 }, &record);
}

static void take_root(uint64_t ticket, const char *corr_id)
{
	static const struct id128 id = { { 1, 2, 3 } };

	take(PROCESS_INGRESS, TRACE_REQUEST, ticket, 100, 900,
		(struct log_fields){ .corr_id = corr_id,
			.route = "/v1/transfer",
			.status = 200,
			.trace_id = &id,
			.parent_span = 0xabc });
}

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static const struct trace_part *part(const struct trace *trace, enum trace_kind kind)
{
	for (size_t i = 0; i < trace->part_count; i++) {
		if (trace->parts[i].kind == kind) {
			return &trace->parts[i];
		}
	}
	fail_msg("there is no %s", trace_name(kind));
	return NULL;
}

static void settle_all(void)
{
	traces_settle(traces, instant_after(clock_now(), duration_ms(1000)));
}

/* Goal: pipes are read in any order. */
static void records_are_joined_by_ticket_whichever_comes_first(void **state)
{
	const struct trace *trace;

	(void)state;
	take(PROCESS_WALLET, TRACE_TRANSFER, 7, 200, 800, (struct log_fields){ .seq = 3 });
	take(PROCESS_WALLET, TRACE_TRANSFER, 9, 200, 800, (struct log_fields){ .seq = 4 });
	assert_null(traces_find(traces, slice_of("one")));
	take_root(7, "one");
	take(PROCESS_SEQUENCER, TRACE_ASSIGN, 7, 300, 700, (struct log_fields){ .zeros = 0 });
	trace = traces_find(traces, slice_of("one"));
	assert_non_null(trace);
	assert_int_equal(trace->part_count, 3);
	assert_int_equal(part(trace, TRACE_TRANSFER)->seq, 3);
	assert_ptr_equal(traces_find(traces, slice_of("01020300000000000000000000000000")), trace);
	assert_null(traces_find(traces, slice_of("on")));
	assert_null(traces_find(traces, slice_of("")));
}

static void a_part_lies_in_its_parent_or_in_the_next_that_is_there(void **state)
{
	const struct trace *trace;

	(void)state;
	take_root(7, "one");
	take(PROCESS_COMMITTER, TRACE_SYNC, 7, 500, 600, (struct log_fields){ .zeros = 0 });
	trace = traces_find(traces, slice_of("one"));
	assert_null(traces_parent(trace, part(trace, TRACE_REQUEST)));
	assert_ptr_equal(traces_parent(trace, part(trace, TRACE_SYNC)), part(trace, TRACE_REQUEST));
	take(PROCESS_SEQUENCER, TRACE_ASSIGN, 7, 300, 700, (struct log_fields){ .zeros = 0 });
	assert_ptr_equal(traces_parent(trace, part(trace, TRACE_SYNC)), part(trace, TRACE_ASSIGN));
	assert_ptr_equal(
		traces_parent(trace, part(trace, TRACE_ASSIGN)), part(trace, TRACE_REQUEST));
	take(PROCESS_WALLET, TRACE_BURN, 7, 200, 800, (struct log_fields){ .zeros = 0 });
	assert_ptr_equal(traces_parent(trace, part(trace, TRACE_ASSIGN)), part(trace, TRACE_BURN));
	take(PROCESS_KMS, TRACE_VERIFY, 7, 120, 130, (struct log_fields){ .zeros = 0 });
	assert_ptr_equal(
		traces_parent(trace, part(trace, TRACE_VERIFY)), part(trace, TRACE_REQUEST));
	take(PROCESS_PREVALIDATOR, TRACE_CHECK, 7, 110, 140, (struct log_fields){ .zeros = 0 });
	assert_ptr_equal(traces_parent(trace, part(trace, TRACE_VERIFY)), part(trace, TRACE_CHECK));
	for (size_t i = 0; i < trace->part_count; i++) {
		for (size_t other = 0; other < i; other++) {
			assert_int_not_equal(traces_span_id(trace, &trace->parts[i]),
				traces_span_id(trace, &trace->parts[other]));
		}
	}
}

static void a_worker_cannot_fill_more_than_a_trace(void **state)
{
	const struct trace *trace;

	(void)state;
	take_root(7, "one");
	for (unsigned i = 0; i < 2 * TRACE_SPANS_MAX; i++) {
		take(PROCESS_ARCHIVE, TRACE_READ, 7, 200, 300, (struct log_fields){ .zeros = 0 });
	}
	trace = traces_find(traces, slice_of("one"));
	assert_int_equal(trace->part_count, TRACE_SPANS_MAX);
	assert_true(trace->is_cut);
}

static void what_is_no_span_is_left_out(void **state)
{
	(void)state;
	take(PROCESS_ARCHIVE, TRACE_NONE, 7, 1, 2, (struct log_fields){ .zeros = 0 });
	take(PROCESS_ARCHIVE, (enum trace_kind)(TRACE_KIND_END - 1), 7, 1, 2,
		(struct log_fields){ .zeros = 0 });
	take(PROCESS_ARCHIVE, (enum trace_kind)TRACE_KIND_END, 7, 1, 2,
		(struct log_fields){ .zeros = 0 });
	take(PROCESS_ARCHIVE, TRACE_READ, 0, 1, 2, (struct log_fields){ .zeros = 0 });
	take(PROCESS_ARCHIVE, TRACE_READ, 7, -1, 2, (struct log_fields){ .zeros = 0 });
	take(PROCESS_ARCHIVE, TRACE_READ, 7, 3, 2, (struct log_fields){ .zeros = 0 });
	assert_int_equal(traces->no_last, 0);
	take(PROCESS_INGRESS, TRACE_REQUEST, 7, 1, 2, (struct log_fields){ .corr_id = "x" });
	assert_null(traces_find(traces, slice_of("x"))); /* it has no trace id */
}

static uint64_t dropped(void)
{
	return atomic_load_explicit(
		metrics_slot(METRIC_TRACES_DROPPED, METRIC_PLAIN), memory_order_relaxed);
}

static void the_exporter_has_each_once_and_the_oldest_first(void **state)
{
	char corr_id[16];
	uint64_t before = dropped();

	(void)state;
	for (uint64_t i = 0; i < TRACES_MAX + 5; i++) {
		(void)snprintf(corr_id, sizeof corr_id, "c%u", (unsigned)i);
		take_root(2 * i + 1, corr_id);
	}
	assert_int_equal(dropped() - before, 5);
	assert_null(traces_next(traces)); /* their last records may still come */
	settle_all();
	for (unsigned i = 5; i < TRACES_MAX + 5; i++) {
		const struct trace *trace = traces_next(traces);

		(void)snprintf(corr_id, sizeof corr_id, "c%u", i);
		assert_non_null(trace);
		assert_string_equal(trace->corr_id, corr_id);
	}
	assert_null(traces_next(traces));
	take_root(1, "again");
	assert_int_equal(dropped() - before, 5);
}

static void one_without_a_root_is_given_to_nobody(void **state)
{
	(void)state;
	take(PROCESS_WALLET, TRACE_TRANSFER, 7, 200, 800, (struct log_fields){ .seq = 3 });
	traces_settle(traces, instant_after(clock_now(), duration_ms(120000)));
	assert_null(traces_next(traces));
}

static void the_commit_of_a_trace_is_an_exemplar(void **state)
{
	struct metrics_exemplar exemplar;

	(void)state;
	take_root(7, "one");
	take(PROCESS_SEQUENCER, TRACE_COMMIT, 7, 300, 700, (struct log_fields){ .count = 1 });
	settle_all();
	assert_true(metrics_exemplar_read(
		metrics_own, METRIC_EXEMPLAR_LEDGER_COMMIT_LATENCY, METRIC_PLAIN, &exemplar));
	assert_int_equal(exemplar.trace_high, UINT64_C(0x0102030000000000));
	assert_int_equal(exemplar.value, 400);
}

/* Goal: the longest trace fits its frame, whatever a captured worker says. */
static void the_worst_trace_fits(void **state)
{
	static char text[VERB_SPANS_BYTES_MAX];
	char quotes[200];

	(void)state;
	memset(quotes, '"', sizeof quotes - 1);
	quotes[sizeof quotes - 1] = '\0';
	for (unsigned i = 0; i < TRACE_SPANS_MAX; i++) {
		static const struct id128 id = { { 0xff } };

		take(PROCESS_PREVALIDATOR, TRACE_REQUEST, UINT64_MAX, 0, INT64_MAX,
			(struct log_fields){ .corr_id = quotes,
				.route = quotes,
				.reason = quotes,
				.status = UINT16_MAX,
				.seq = UINT64_MAX,
				.count = UINT64_MAX,
				.nonce = UINT64_MAX,
				.trace_id = &id,
				.parent_span = UINT64_MAX });
	}
	assert_int_not_equal(trace_json_spans(&traces->ring[1], text, sizeof text), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(records_are_joined_by_ticket_whichever_comes_first),
		TEST(a_part_lies_in_its_parent_or_in_the_next_that_is_there),
		TEST(a_worker_cannot_fill_more_than_a_trace),
		TEST(what_is_no_span_is_left_out),
		TEST(the_exporter_has_each_once_and_the_oldest_first),
		TEST(one_without_a_root_is_given_to_nobody),
		TEST(the_commit_of_a_trace_is_an_exemplar),
		TEST(the_worst_trace_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
