#include "supervisor/log_render.h"

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
#include <unistd.h>

#include <cmocka.h>

#include "common/metrics.h"
#include "supervisor/log_sink.h"
#include "supervisor/log_source.h"

static const struct log_stamp stamp = {
	.process = { PROCESS_SEQUENCER, 0 },
	.pid = 4711,
	.unix_ns = INT64_C(1700000000000000042),
};
static const struct instant noon = { .monotonic_us = 99 };

static const char *render(
	enum log_format format, enum log_event event, const struct log_fields *fields)
{
	static char line[LOG_LINE_BYTES_MAX + 1];
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	size_t byte_count = log_record_pack(bytes, event, noon, fields);
	struct log_record record;

	assert_int_equal(log_record_unpack((struct slice){ bytes, byte_count }, &record), ERR_OK);
	line[log_render(line, format, &stamp, &record)] = '\0';
	return line;
}

static void json_holds_both_vocabularies(void **state)
{
	(void)state;
	assert_string_equal(render(LOG_FORMAT_JSON, LOG_BATCH_FAILED, NULL),
		"{\"ts\":\"2023-11-14T22:13:20.000000042Z\",\"lvl\":\"ERROR\",\"level\":\"ERROR\","
		"\"service\":\"sequencer\",\"instance\":0,\"pid\":4711,\"event\":\"batch_failed\","
		"\"msg\":\"batch failed, its outcome is unknown\",\"mono_us\":99}\n");
}

static void each_kind_of_field_is_rendered(void **state)
{
	static const struct hash root = { { 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5 } };
	static const struct id128 id = { { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3,
		4, 5, 6, 7, 8 } };
	const char *line = render(LOG_FORMAT_JSON, LOG_REQUEST_REFUSED,
		&(struct log_fields){ .ticket = 0xab,
			.corr_id = "c-1",
			.seq = 7,
			.latency_ms = 1234567,
			.capability_ref = &id,
			.root = &root,
			.about = PROCESS_KMS,
			.fault = ERR_BUSY,
			.os_error = ENOSPC,
			.exit_status = -9,
			.status = 429,
			.reason = "busy" });

	(void)state;
	assert_non_null(strstr(line, ",\"ticket\":\"00000000000000ab\""));
	assert_non_null(strstr(line, ",\"corr_id\":\"c-1\",\"seq\":7,\"latency_ms\":1234.567"));
	assert_non_null(strstr(line, "\"capability_ref\":\"123456789abcdef00102030405060708\""));
	assert_non_null(strstr(line, "\"root\":\"deadbeef01020304\""));
	assert_non_null(
		strstr(line, "\"about\":\"kms\",\"fault\":\"BUSY\",\"os_error\":\"ENOSPC\""));
	assert_non_null(strstr(line, "\"exit_status\":-9"));
	assert_non_null(strstr(line, "\"status\":429,\"reason\":\"busy\""));
}

static void text_is_for_people(void **state)
{
	const struct log_fields fields = { .seq = 7, .text = "two words" };

	(void)state;
	assert_string_equal(render(LOG_FORMAT_TEXT, LOG_READY, &fields),
		"2023-11-14T22:13:20.000000042Z INFO  sequencer/0[4711] ready seq=7 "
		"text=\"two words\" (ready for work)\n");
	assert_non_null(strstr(render(LOG_FORMAT_COLOUR, LOG_READY, &fields), "\x1b[32mINFO "));
	assert_null(strchr(render(LOG_FORMAT_TEXT, LOG_READY, &fields), '\x1b'));
}

static void expect_escaped(const char *bytes, size_t byte_count, const char *escaped)
{
	const struct log_fields fields = { .excerpt = { (const uint8_t *)bytes, byte_count } };
	const enum log_format formats[] = { LOG_FORMAT_JSON, LOG_FORMAT_TEXT };
	char wanted[128];

	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		(void)snprintf(wanted, sizeof wanted, "excerpt%s\"%s\"",
			formats[i] == LOG_FORMAT_JSON ? "\":" : "=", escaped);
		if (strstr(render(formats[i], LOG_READY, &fields), wanted) == NULL) {
			fail_msg("%s not in %s", wanted, render(formats[i], LOG_READY, &fields));
		}
	}
}

static void no_byte_can_leave_its_quotes(void **state)
{
	(void)state;
	expect_escaped("a\"b\\c", 5, "a\\\"b\\\\c");
	expect_escaped("\n\r\t\x1b[2J\x7f\0", 9, "\\u000a\\u000d\\u0009\\u001b[2J\\u007f\\u0000");
	expect_escaped(
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	expect_escaped("\xff|\xc3", 3, "\xef\xbf\xbd|\xef\xbf\xbd"); /* never UTF-8; cut */
	expect_escaped("\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd");   /* overlong */
	expect_escaped("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
	expect_escaped("\xf4\x90\x80\x80", 4,
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* past U+10FFFF */
	expect_escaped("\xc2\x9b", 2, "\xef\xbf\xbd\xef\xbf\xbd");   /* CSI of 8-bit terminals */
	expect_escaped("\xc2\xa0", 2, "\xc2\xa0");
	expect_escaped("\xe2\x80\xa8|\xe2\x80\xae|\xe2\x81\xa6", 11,
		"\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd"); /* line separator, bidi */
}

/* Goal: the largest record made of the bytes that grow most stays below the line's bound. */
static void the_worst_record_fits_a_line(void **state)
{
	uint8_t worst[LOG_TEXT_BYTES_MAX];
	char text[LOG_TEXT_BYTES_MAX + 1];
	const struct log_fields fields = { .corr_id = text,
		.route = text,
		.reason = text,
		.op = text,
		.peer = text,
		.key = text,
		.path = text,
		.text = text,
		.outcome = text,
		.excerpt = { worst, sizeof worst },
		.fence = UINT64_MAX };

	(void)state;
	memset(worst, 0, sizeof worst);
	memset(text, 1, sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_true(strlen(render(LOG_FORMAT_JSON, LOG_READY, &fields)) > LOG_RECORD_BYTES_MAX * 5);
	assert_true(strlen(render(LOG_FORMAT_COLOUR, LOG_READY, &fields)) < LOG_LINE_BYTES_MAX);
}

/* A sink that writes to a file, and what was written. */
static char folder[] = "/tmp/test_log_render_XXXXXX";
static char log_path[64], old_path[64];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	(void)snprintf(log_path, sizeof log_path, "%s/log", folder);
	(void)snprintf(old_path, sizeof old_path, "%s/log.1", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(log_path);
	(void)unlink(old_path);
	return rmdir(folder);
}

static struct log_sink *sink_to(const char *path)
{
	struct log_sink *sink = NULL;

	(void)unlink(path);
	assert_int_equal(log_sink_create(path, &sink), ERR_OK);
	return sink;
}

static const char *written(struct log_sink *sink, const char *path)
{
	static char text[4 << 20];
	int fd;
	ssize_t got, used = 0;

	assert_true(log_sink_flush(sink));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	while ((got = read(fd, text + used, sizeof text - 1 - (size_t)used)) > 0) {
		used += got;
	}
	(void)close(fd);
	text[used] = '\0';
	return text;
}

static size_t count_of(const char *text, const char *part)
{
	size_t found_count = 0;

	while ((text = strstr(text, part)) != NULL) {
		text += strlen(part);
		found_count++;
	}
	return found_count;
}

static struct log_source source_to(struct log_sink *sink)
{
	struct log_source source;

	log_source_init(
		&source, sink, LOG_FORMAT_JSON, (struct process_id){ PROCESS_PREVALIDATOR, 3 }, 99);
	return source;
}

static void records_arrive_in_any_pieces(void **state)
{
	uint8_t bytes[3 * LOG_RECORD_BYTES_MAX];
	size_t byte_count = 0;

	(void)state;
	for (uint64_t seq = 1; seq <= 3; seq++) {
		byte_count += log_record_pack(bytes + byte_count, LOG_READY, noon,
			&(struct log_fields){ .seq = seq, .text = "a text" });
	}
	for (size_t piece = 1; piece <= byte_count; piece++) {
		struct log_sink *sink = sink_to(log_path);
		struct log_source source = source_to(sink);
		const char *text;

		for (size_t at = 0; at < byte_count; at += piece) {
			size_t left = byte_count - at;
			struct slice part = { bytes + at, left < piece ? left : piece };

			assert_int_equal(log_source_take(&source, part), ERR_OK);
		}
		text = written(sink, log_path);
		assert_int_equal(count_of(text, "\n"), 3);
		assert_int_equal(
			count_of(text, "\"service\":\"prevalidator\",\"instance\":3,\"pid\":99"),
			3);
		assert_non_null(strstr(text, "\"seq\":3,\"text\":\"a text\"}\n"));
		log_sink_destroy(sink);
	}
}

static void a_malformed_record_ends_the_source(void **state)
{
	const uint8_t lengths[][2] = { { 0, 0 }, { LOG_RECORD_HEAD_BYTES - 1, 0 }, { 1, 8 },
		{ 0xff, 0xff } };
	uint8_t record[LOG_RECORD_BYTES_MAX];
	size_t record_bytes = log_record_pack(record, LOG_READY, noon, NULL);

	(void)state;
	record[2] = 99; /* of another version */
	for (size_t i = 0; i <= COUNT_OF(lengths); i++) {
		struct log_sink *sink = sink_to(log_path);
		struct log_source source = source_to(sink);
		struct slice bytes = { record, record_bytes };

		if (i < COUNT_OF(lengths)) {
			bytes = (struct slice){ lengths[i], 2 };
		}
		assert_int_equal(log_source_take(&source, bytes), ERR_MALFORMED);
		assert_non_null(strstr(written(sink, log_path), "\"event\":\"log_malformed\""));
		log_sink_destroy(sink);
	}
}

static void a_chatty_worker_is_cut_and_it_is_said(void **state)
{
	struct log_sink *sink = sink_to(log_path);
	struct log_source source = source_to(sink);
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	size_t byte_count = log_record_pack(bytes, LOG_READY, noon, NULL);
	const char *text;

	(void)state;
	for (size_t i = 0; i < LOG_SOURCE_RECORDS_PER_S + 7; i++) {
		source.window_start = clock_now(); /* the second never ends */
		assert_int_equal(
			log_source_take(&source, (struct slice){ bytes, byte_count }), ERR_OK);
		(void)log_sink_flush(sink);
	}
	assert_int_equal(count_of(written(sink, log_path), "\n"), LOG_SOURCE_RECORDS_PER_S);
	source.window_start.monotonic_us -= 1000000; /* now it did */
	log_source_tick(&source);
	text = written(sink, log_path);
	assert_non_null(strstr(text, "\"event\":\"log_suppressed\""));
	assert_non_null(strstr(text, "\"count\":7"));
	assert_int_equal(*metrics_slot(METRIC_LOG_SUPPRESSED, source.process.process), 7);
	log_source_tick(&source);
	assert_int_equal(count_of(written(sink, log_path), "log_suppressed"), 1);
	log_sink_destroy(sink);
}

static void take_refusal(struct log_source *source, uint64_t ticket, const char *text)
{
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	size_t byte_count = log_record_pack(bytes, LOG_AUTH_FAILED, noon,
		&(struct log_fields){ .ticket = ticket,
			.route = "/v1/balance",
			.status = 401,
			.reason = "unauth",
			.text = text });

	assert_int_equal(log_source_take(source, (struct slice){ bytes, byte_count }), ERR_OK);
	(void)log_sink_flush(source->sink);
}

static void end_period(struct log_source *source)
{
	source->repeats.since.monotonic_us -= LOG_REPEATS_PERIOD_US;
	log_source_tick(source);
	(void)log_sink_flush(source->sink);
}

static void what_clients_repeat_is_summed_up(void **state)
{
	struct log_sink *sink = sink_to(log_path);
	struct log_source source = source_to(sink);
	uint64_t before = *metrics_slot(METRIC_LOG_SUPPRESSED, source.process.process);
	const char *text;

	(void)state;
	for (uint64_t ticket = 1; ticket <= LOG_SOURCE_RECORDS_PER_S + 5; ticket++) {
		source.window_start = clock_now(); /* the second never ends */
		take_refusal(&source, ticket, "token");
	}
	take_refusal(&source, 1, "another"); /* there is room for it, and for its first */
	text = written(sink, log_path);
	assert_int_equal(count_of(text, "\"text\":\"token\""), LOG_REPEATS_WHOLE);
	assert_int_equal(count_of(text, "\"text\":\"another\""), 1);
	assert_non_null(strstr(text, "\"ticket\":\"0000000000000001\""));
	assert_int_equal(count_of(text, "log_repeated"), 0);
	assert_int_equal(*metrics_slot(METRIC_LOG_SUPPRESSED, source.process.process) - before,
		LOG_SOURCE_RECORDS_PER_S + 5 - LOG_REPEATS_WHOLE);
	log_source_tick(&source); /* not yet */
	assert_int_equal(count_of(written(sink, log_path), "log_repeated"), 0);
	end_period(&source);
	text = written(sink, log_path);
	assert_int_equal(count_of(text, "log_repeated"), 1);
	assert_non_null(strstr(text, "\"count\":945,\"route\":\"/v1/balance\",\"status\":401,"
				     "\"reason\":\"unauth\",\"text\":\"token\","
				     "\"event_of\":\"auth_failed\"}\n"));
	log_sink_destroy(sink);
}

static void a_flood_that_goes_on_has_one_line_a_period(void **state)
{
	struct log_sink *sink = sink_to(log_path);
	struct log_source source = source_to(sink);

	(void)state;
	for (unsigned period = 0; period < 4; period++) {
		for (unsigned i = 0; i <= LOG_REPEATS_WHOLE; i++) {
			take_refusal(&source, 7, "token");
		}
		end_period(&source);
	}
	assert_int_equal(count_of(written(sink, log_path), "log_repeated"), 4);
	assert_int_equal(count_of(written(sink, log_path), "\"auth_failed\",\"msg\""),
		LOG_REPEATS_WHOLE + 3);
	take_refusal(&source, 7, "token"); /* few, for a period: it was the first of them */
	end_period(&source);
	take_refusal(&source, 7, "token");
	take_refusal(&source, 7, "token");
	assert_int_equal(count_of(written(sink, log_path), "\"auth_failed\",\"msg\""),
		LOG_REPEATS_WHOLE + 6);
	log_source_finish(&source); /* and nothing is left to be told */
	assert_int_equal(count_of(written(sink, log_path), "log_repeated"), 4);
	log_sink_destroy(sink);
}

/* Goal: whoever invents rules has no more of them than there are. */
static void who_repeats_in_many_ways_is_bounded_too(void **state)
{
	struct log_sink *sink = sink_to(log_path);
	struct log_source source = source_to(sink);
	char text[32];

	(void)state;
	for (unsigned way = 0; way < 4 * LOG_REPEATS_RULES; way++) {
		for (unsigned i = 0; i < LOG_REPEATS_WHOLE; i++) {
			source.window_records = 0;
			(void)snprintf(text, sizeof text, "way %u", way);
			take_refusal(&source, 7, text);
		}
	}
	assert_int_equal(count_of(written(sink, log_path), "\"auth_failed\",\"msg\""),
		(LOG_REPEATS_RULES + 1) * LOG_REPEATS_WHOLE);
	log_source_finish(&source);
	assert_int_equal(count_of(written(sink, log_path), "\"event_of\":\"others\""), 1);
	log_sink_destroy(sink);
}

static void who_asked_for_everything_gets_it(void **state)
{
	struct log_sink *sink = sink_to(log_path);
	struct log_source source = source_to(sink);

	(void)state;
	source.tells_repeats = true;
	for (unsigned i = 0; i < LOG_REPEATS_WHOLE + 7; i++) {
		take_refusal(&source, 7, "token");
	}
	assert_int_equal(count_of(written(sink, log_path), "\"auth_failed\",\"msg\""),
		LOG_REPEATS_WHOLE + 7);
	log_sink_destroy(sink);
}

static void a_line_of_stderr_is_an_event(void **state)
{
	struct log_sink *sink = sink_to(log_path);
	struct log_source source = source_to(sink);
	char text[LOG_SOURCE_STDERR_BYTES_MAX + 10];
	const char *lines;

	(void)state;
	log_source_take_stderr(&source, (struct slice){ (const uint8_t *)"one\n\ntw", 7 });
	log_source_take_stderr(&source, (struct slice){ (const uint8_t *)"o\nthree", 7 });
	log_source_finish(&source);
	lines = written(sink, log_path);
	assert_int_equal(count_of(lines, "\"event\":\"worker_stderr\""), 3);
	assert_non_null(strstr(lines, "\"excerpt\":\"one\""));
	assert_non_null(strstr(lines, "\"excerpt\":\"two\""));
	assert_non_null(strstr(lines, "\"excerpt\":\"three\""));

	memset(text, 'x', sizeof text); /* longer than a field: nothing of it is lost */
	log_source_take_stderr(&source, (struct slice){ (const uint8_t *)text, sizeof text });
	log_source_finish(&source);
	assert_int_equal(count_of(written(sink, log_path), "worker_stderr"), 5);
	assert_non_null(strstr(written(sink, log_path), "\"excerpt\":\"xxxxxxxxxx\""));
	log_sink_destroy(sink);
}

static void a_reopened_file_is_a_new_file(void **state)
{
	struct log_sink *sink = sink_to(log_path);

	(void)state;
	log_sink_put(sink, "old\n", 4);
	assert_int_equal(rename(log_path, old_path), 0);
	assert_int_equal(log_sink_reopen(sink), ERR_OK);
	log_sink_put(sink, "new\n", 4);
	assert_string_equal(written(sink, log_path), "new\n");
	assert_string_equal(written(sink, old_path), "old\n");
	log_sink_destroy(sink);
}

/* Goal: a stdout that nobody reads costs lines, never time; what gets through is whole. */
static void a_stuck_stdout_drops_whole_lines(void **state)
{
	static char text[2 * LOG_SINK_RING_BYTES];
	const int saved_stdout = dup(STDOUT_FILENO);
	struct log_sink *sink = NULL;
	uint64_t put_count = 30000, dropped_count, line_count = 0;
	ssize_t got, used = 0;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(log_sink_create(NULL, &sink), ERR_OK);
	for (uint64_t i = 0; i < put_count; i++) {
		char line[64];
		int line_bytes =
			snprintf(line, sizeof line, "line %048llu\n", (unsigned long long)i);

		log_sink_put(sink, line, (size_t)line_bytes);
		(void)log_sink_flush(sink);
	}
	assert_false(log_sink_flush(sink));
	assert_int_equal(
		fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* a shell's stdout is the shell's */
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	do {
		(void)log_sink_flush(sink);
		got = read(ends[0], text + used, sizeof text - (size_t)used);
		used += got > 0 ? got : 0;
	} while (got > 0);
	dropped_count = log_sink_take_dropped(sink);
	log_sink_destroy(sink);
	(void)dup2(saved_stdout, STDOUT_FILENO);
	(void)close(saved_stdout);

	for (ssize_t at = 0; at < used; at += 54) {
		assert_memory_equal(text + at, "line ", 5);
		assert_int_equal(text[at + 53], '\n');
		line_count++;
	}
	assert_true(dropped_count > 0);
	assert_int_equal(line_count + dropped_count, put_count);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void a_broken_sink_loses_lines_and_counts_them(void **state)
{
	struct log_sink *sink = NULL;

	(void)state;
	assert_int_equal(log_sink_create("/dev/full", &sink), ERR_OK);
	log_sink_put(sink, "a\n", 2);
	log_sink_put(sink, "b\n", 2);
	assert_true(log_sink_flush(sink)); /* nothing to wait for */
	assert_int_equal(log_sink_take_dropped(sink), 2);
	assert_int_equal(log_sink_take_dropped(sink), 0);
	log_sink_destroy(sink);
	assert_int_equal(log_sink_create("/nowhere/at/all", &sink), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_holds_both_vocabularies),
		cmocka_unit_test(each_kind_of_field_is_rendered),
		cmocka_unit_test(text_is_for_people),
		cmocka_unit_test(no_byte_can_leave_its_quotes),
		cmocka_unit_test(the_worst_record_fits_a_line),
		cmocka_unit_test(records_arrive_in_any_pieces),
		cmocka_unit_test(a_malformed_record_ends_the_source),
		cmocka_unit_test(a_chatty_worker_is_cut_and_it_is_said),
		cmocka_unit_test(what_clients_repeat_is_summed_up),
		cmocka_unit_test(a_flood_that_goes_on_has_one_line_a_period),
		cmocka_unit_test(who_repeats_in_many_ways_is_bounded_too),
		cmocka_unit_test(who_asked_for_everything_gets_it),
		cmocka_unit_test(a_line_of_stderr_is_an_event),
		cmocka_unit_test(a_reopened_file_is_a_new_file),
		cmocka_unit_test(a_stuck_stdout_drops_whole_lines),
		cmocka_unit_test(a_broken_sink_loses_lines_and_counts_them),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
