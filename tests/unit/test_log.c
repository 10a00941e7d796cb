#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log_record.h"
#include "common/metrics.h"

static const struct hash root = { { 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5 } };
static const struct id128 id = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } };

/* One field of every kind. */
static const struct log_fields every_kind = {
	.ticket = 0xfedcba9876543210,
	.corr_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
	.seq = 7,
	.latency_ms = 1234567,
	.capability_ref = &id,
	.root = &root,
	.about = 5,
	.fault = ERR_BUSY,
	.os_error = ENOSPC,
	.exit_status = -9,
	.excerpt = { (const uint8_t *)"x\0y", 3 },
};

static const struct instant noon = { .monotonic_us = 123456789 };

static void what_was_packed_is_unpacked(void **state)
{
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	size_t byte_count = log_record_pack(bytes, LOG_LINK_LOST, noon, &every_kind);
	struct log_record record;
	size_t present_count = 0;

	(void)state;
	assert_int_equal(log_record_unpack((struct slice){ bytes, byte_count }, &record), ERR_OK);
	assert_int_equal(record.event, LOG_LINK_LOST);
	assert_int_equal(record.level, LOG_LEVEL_WARN);
	assert_int_equal(record.monotonic_us, noon.monotonic_us);
	assert_true(record.values[LOG_FIELD_ticket].number == 0xfedcba9876543210);
	assert_memory_equal(record.values[LOG_FIELD_corr_id].bytes.bytes, every_kind.corr_id, 26);
	assert_int_equal(record.values[LOG_FIELD_seq].number, 7);
	assert_int_equal(record.values[LOG_FIELD_latency_ms].number, 1234567);
	assert_memory_equal(
		record.values[LOG_FIELD_capability_ref].bytes.bytes, id.bytes, ID_BYTES);
	assert_true(record.values[LOG_FIELD_root].number == 0x04030201efbeadde);
	assert_int_equal(record.values[LOG_FIELD_about].number, 5);
	assert_int_equal(record.values[LOG_FIELD_fault].number, ERR_BUSY);
	assert_int_equal(record.values[LOG_FIELD_os_error].number, ENOSPC);
	assert_true((int64_t)record.values[LOG_FIELD_exit_status].number == -9);
	assert_int_equal(record.values[LOG_FIELD_excerpt].bytes.bytes_count, 3);
	for (size_t i = 0; i < LOG_FIELDS_END; i++) {
		present_count += record.values[i].present;
	}
	assert_int_equal(present_count, 11);
}

static void a_zero_is_absent_unless_it_is_shown(void **state)
{
	const struct log_fields fields = { .count = 0, .bytes = 0, .zeros = LOG_ZERO(bytes) };
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	struct log_record record;
	size_t byte_count = log_record_pack(bytes, LOG_READY, noon, &fields);

	(void)state;
	assert_int_equal(log_record_unpack((struct slice){ bytes, byte_count }, &record), ERR_OK);
	assert_false(record.values[LOG_FIELD_count].present);
	assert_true(record.values[LOG_FIELD_bytes].present);
	assert_int_equal(log_record_pack(bytes, LOG_READY, noon, NULL), LOG_RECORD_HEAD_BYTES);
}

static void a_long_text_is_cut_at_its_bound(void **state)
{
	char text[LOG_TEXT_BYTES_MAX + 2];
	struct log_fields fields = { .text = text };
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	struct log_record record;

	(void)state;
	memset(text, 'a', sizeof text);
	for (size_t length = LOG_TEXT_BYTES_MAX - 1; length <= LOG_TEXT_BYTES_MAX + 1; length++) {
		size_t kept = length < LOG_TEXT_BYTES_MAX ? length : LOG_TEXT_BYTES_MAX;
		size_t byte_count;

		text[length] = '\0';
		byte_count = log_record_pack(bytes, LOG_READY, noon, &fields);
		text[length] = 'a';
		assert_int_equal(
			log_record_unpack((struct slice){ bytes, byte_count }, &record), ERR_OK);
		assert_int_equal(record.values[LOG_FIELD_text].bytes.bytes_count, kept);
	}
}

/* Goal: with every text at its bound the record stays within its own, and parses. */
static void a_record_never_outgrows_its_bound(void **state)
{
	char text[LOG_TEXT_BYTES_MAX + 1];
	struct log_fields fields = { .corr_id = text,
		.route = text,
		.reason = text,
		.op = text,
		.peer = text,
		.key = text,
		.path = text,
		.text = text,
		.outcome = text,
		.tenant = text,
		.excerpt = { (const uint8_t *)text, LOG_TEXT_BYTES_MAX },
		.fence = 3 };
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	struct log_record record;
	size_t byte_count;

	(void)state;
	memset(text, 'a', LOG_TEXT_BYTES_MAX);
	text[LOG_TEXT_BYTES_MAX] = '\0';
	byte_count = log_record_pack(bytes, LOG_READY, noon, &fields);
	assert_true(byte_count <= LOG_RECORD_BYTES_MAX);
	assert_int_equal(log_record_unpack((struct slice){ bytes, byte_count }, &record), ERR_OK);
	assert_true(record.values[LOG_FIELD_corr_id].present);
	assert_false(record.values[LOG_FIELD_tenant].present);
	assert_true(record.values[LOG_FIELD_fence].present); /* small, so it still fits */
}

static void only_the_whole_record_is_unpacked(void **state)
{
	uint8_t bytes[LOG_RECORD_BYTES_MAX + 1] = { 0 };
	size_t byte_count = log_record_pack(bytes, LOG_LINK_LOST, noon, &every_kind);
	struct log_record record;

	(void)state;
	for (size_t cut = 0; cut <= byte_count + 1; cut++) {
		enum err wanted = cut == byte_count ? ERR_OK : ERR_MALFORMED;

		assert_int_equal(log_record_unpack((struct slice){ bytes, cut }, &record), wanted);
		if (cut >= 2 && cut != byte_count) { /* and when the length agrees with the cut */
			uint8_t again[LOG_RECORD_BYTES_MAX + 1];

			memcpy(again, bytes, sizeof again);
			again[0] = (uint8_t)cut;
			again[1] = (uint8_t)(cut >> 8);
			if (log_record_unpack((struct slice){ again, cut }, &record) == ERR_OK) {
				/* a cut between two fields is a record with fewer fields */
				assert_true(cut < byte_count && cut >= LOG_RECORD_HEAD_BYTES);
			}
		}
	}
}

static void refuse_changed(size_t at, uint8_t value)
{
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	const struct log_fields fields = { .seq = 1, .text = "ab" };
	size_t byte_count = log_record_pack(bytes, LOG_READY, noon, &fields);
	struct log_record record = { .event = 77 };

	bytes[at] = value;
	assert_int_equal(
		log_record_unpack((struct slice){ bytes, byte_count }, &record), ERR_MALFORMED);
	assert_int_equal(record.event, 77);
}

static void what_no_writer_of_ours_makes_is_refused(void **state)
{
	const size_t first_field = LOG_RECORD_HEAD_BYTES;
	const size_t second_field = first_field + 9;

	(void)state;
	refuse_changed(2, LOG_RECORD_VERSION + 1);
	refuse_changed(3, LOG_LEVEL_COUNT);
	refuse_changed(4, 0);                /* no event 0 */
	refuse_changed(5, 0xff);             /* nor one that high */
	refuse_changed(first_field, 0);      /* no field 0 */
	refuse_changed(first_field, 63);     /* not in the table */
	refuse_changed(first_field, 64);     /* not even a bit */
	refuse_changed(second_field, 4);     /* seq twice */
	refuse_changed(second_field, 1);     /* falling ids */
	refuse_changed(second_field + 2, 2); /* a text longer than its bound */
	refuse_changed(second_field + 1, 3); /* and than what is left */
	refuse_changed(second_field + 1, 1); /* a byte too many */
}

static int pipe_ends[2];

static int open_pipe(void **state)
{
	(void)state;
	return pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC);
}

static int close_pipe(void **state)
{
	(void)state;
	log_open(-1, LOG_LEVEL_INFO);
	(void)close(pipe_ends[0]);
	(void)close(pipe_ends[1]);
	return 0;
}

static void an_event_is_one_record_on_the_pipe(void **state)
{
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	struct log_record record;
	ssize_t got;

	(void)state;
	log_open(pipe_ends[1], LOG_LEVEL_INFO);
	errno = EPERM;
	log_event(LOG_READY, &(struct log_fields){ .seq = 42 });
	assert_int_equal(errno, EPERM);
	got = read(pipe_ends[0], bytes, sizeof bytes);
	assert_true(got > 0);
	assert_int_equal(log_record_unpack((struct slice){ bytes, (size_t)got }, &record), ERR_OK);
	assert_int_equal(record.event, LOG_READY);
	assert_int_equal(record.values[LOG_FIELD_seq].number, 42);
}

static void events_above_the_level_are_not_written(void **state)
{
	uint8_t bytes[LOG_RECORD_BYTES_MAX];

	(void)state;
	log_open(pipe_ends[1], LOG_LEVEL_INFO);
	log_event(LOG_LINK_UP, NULL); /* debug */
	assert_int_equal(read(pipe_ends[0], bytes, sizeof bytes), -1);
	log_set_level(LOG_LEVEL_DEBUG);
	log_event(LOG_LINK_UP, NULL);
	assert_true(read(pipe_ends[0], bytes, sizeof bytes) > 0);
}

/* Goal: a supervisor that does not read costs a counter, and what got through is whole. */
static void a_full_pipe_drops_and_counts(void **state)
{
	char text[LOG_TEXT_BYTES_MAX + 1];
	static uint8_t bytes[1 << 20];
	_Atomic uint64_t *dropped = metrics_slot(METRIC_LOG_DROPPED, METRIC_PLAIN);
	uint64_t before = *dropped;
	size_t sent_count = 2000, found_count = 0, at = 0;
	ssize_t got, read_count = 0;

	(void)state;
	memset(text, 'a', LOG_TEXT_BYTES_MAX);
	text[LOG_TEXT_BYTES_MAX] = '\0';
	log_open(pipe_ends[1], LOG_LEVEL_INFO);
	for (size_t i = 0; i < sent_count; i++) {
		log_event(LOG_READY, &(struct log_fields){ .text = text, .path = text });
	}
	while ((got = read(pipe_ends[0], bytes + read_count, 65536)) > 0) {
		read_count += got;
	}
	while (at < (size_t)read_count) {
		size_t byte_count = bytes[at] | (size_t)bytes[at + 1] << 8;
		struct log_record record;

		assert_int_equal(
			log_record_unpack((struct slice){ bytes + at, byte_count }, &record),
			ERR_OK);
		at += byte_count;
		found_count++;
	}
	assert_true(found_count < sent_count);
	assert_int_equal(*dropped - before, sent_count - found_count);
}

static void keep(void *context, const uint8_t *record, size_t record_bytes)
{
	struct log_record *kept = context;

	assert_int_equal(log_record_unpack((struct slice){ record, record_bytes }, kept), ERR_OK);
}

static void the_supervisor_takes_its_own_records(void **state)
{
	struct log_record kept = { 0 };

	(void)state;
	log_open_local(keep, &kept, LOG_LEVEL_INFO);
	log_event(LOG_STARTED, NULL);
	assert_int_equal(kept.event, LOG_STARTED);
}

static void every_event_and_field_has_a_name(void **state)
{
	size_t named_count = 0;

	(void)state;
	for (unsigned event = 0; event < 1000; event++) {
		const char *name = log_record_event_name(event);

		named_count += name != NULL;
		assert_int_equal(name != NULL, log_record_event_text(event) != NULL);
		for (; name != NULL && *name != '\0'; name++) {
			assert_true((*name >= 'a' && *name <= 'z') || *name == '_');
		}
	}
	assert_true(named_count > 40);
	for (unsigned field = 0; field <= LOG_FIELDS_END; field++) {
		assert_int_equal(log_record_field_name(field) != NULL,
			log_record_field_kind(field) != LOG_KIND_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_packed_is_unpacked),
		cmocka_unit_test(a_zero_is_absent_unless_it_is_shown),
		cmocka_unit_test(a_long_text_is_cut_at_its_bound),
		cmocka_unit_test(a_record_never_outgrows_its_bound),
		cmocka_unit_test(only_the_whole_record_is_unpacked),
		cmocka_unit_test(what_no_writer_of_ours_makes_is_refused),
		cmocka_unit_test_setup_teardown(
			an_event_is_one_record_on_the_pipe, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(
			events_above_the_level_are_not_written, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(
			a_full_pipe_drops_and_counts, open_pipe, close_pipe),
		cmocka_unit_test(the_supervisor_takes_its_own_records),
		cmocka_unit_test(every_event_and_field_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
