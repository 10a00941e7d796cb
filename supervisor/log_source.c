#include "supervisor/log_source.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "common/metrics.h"

#define WINDOW_US INT64_C(1000000)

void log_source_init(struct log_source *source, struct log_sink *sink, enum log_format format,
	struct process_id process, uint32_t pid)
{
	*source = (struct log_source){
		.sink = sink,
		.format = format,
		.process = process,
		.pid = pid,
		.window_start = clock_now(),
	};
}

static int64_t unix_now_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void write_line(struct log_source *source, const struct log_record *record)
{
	const struct log_stamp stamp = {
		.process = source->process,
		.pid = source->pid,
		.unix_ns = unix_now_ns(),
	};
	char line[LOG_LINE_BYTES_MAX];
	size_t line_bytes = log_render(line, source->format, &stamp, record);

	log_sink_put(source->sink, line, line_bytes);
}

/* An event that the supervisor itself adds to a source. */
static void add_event(
	struct log_source *source, enum log_event event, const struct log_fields *fields)
{
	uint8_t bytes[LOG_RECORD_BYTES_MAX];
	size_t byte_count = log_record_pack(bytes, event, clock_now(), fields);
	struct log_record record;
	enum err err = log_record_unpack((struct slice){ bytes, byte_count }, &record);

	assert(err == ERR_OK); /* we packed it */
	write_line(source, &record);
}

static void say_suppressed(struct log_source *source)
{
	if (source->suppressed > 0) {
		add_event(source, LOG_LOG_SUPPRESSED,
			&(struct log_fields){ .count = source->suppressed });
		source->suppressed = 0;
	}
}

static void say_repeated(void *context, const struct log_fields *fields)
{
	add_event(context, LOG_LOG_REPEATED, fields);
}

static void roll_window(struct log_source *source)
{
	struct instant now = clock_now();

	if (instant_since(source->window_start, now).us >= WINDOW_US) {
		say_suppressed(source);
		source->window_start = now;
		source->window_records = source->window_spans = 0;
	}
}

static bool is_repeat(struct log_source *source, const struct log_record *record)
{
	if (source->tells_repeats || log_repeats_admit(&source->repeats, record, clock_now())) {
		return false;
	}
	metrics_inc(METRIC_LOG_SUPPRESSED, source->process.process);
	return true;
}

static bool may_write(struct log_source *source)
{
	if (source->window_records >= LOG_SOURCE_RECORDS_PER_S) {
		roll_window(source);
	}
	if (source->window_records >= LOG_SOURCE_RECORDS_PER_S) {
		source->suppressed++;
		metrics_inc(METRIC_LOG_SUPPRESSED, source->process.process);
		return false;
	}
	source->window_records++;
	return true;
}

static void pass_span(struct log_source *source, const struct log_record *record)
{
	if (source->window_spans >= LOG_SOURCE_SPANS_PER_S) {
		roll_window(source);
	}
	if (source->take_span == NULL || source->window_spans >= LOG_SOURCE_SPANS_PER_S) {
		metrics_inc(METRIC_LOG_SUPPRESSED, source->process.process);
		return;
	}
	source->window_spans++;
	source->take_span(source->span_context, source->process, record);
}

/* Fills source->record up to byte_count; true when it is that full. */
static bool gather(struct log_source *source, size_t byte_count, struct slice *bytes)
{
	size_t missing = byte_count - source->record_bytes;

	if (missing > bytes->bytes_count) {
		missing = bytes->bytes_count;
	}
	memcpy(source->record + source->record_bytes, bytes->bytes, missing);
	source->record_bytes += missing;
	bytes->bytes += missing;
	bytes->bytes_count -= missing;
	return source->record_bytes == byte_count;
}

static enum err malformed(struct log_source *source)
{
	source->record_bytes = 0;
	add_event(source, LOG_LOG_MALFORMED, NULL);
	return ERR_MALFORMED;
}

enum err log_source_take(struct log_source *source, struct slice bytes)
{
	struct log_record record;

	while (bytes.bytes_count > 0) {
		size_t record_bytes;

		if (source->record_bytes < 2 && !gather(source, 2, &bytes)) {
			return ERR_OK;
		}
		record_bytes = source->record[0] | (size_t)source->record[1] << 8;
		if (record_bytes < LOG_RECORD_HEAD_BYTES || record_bytes > LOG_RECORD_BYTES_MAX) {
			return malformed(source);
		}
		if (!gather(source, record_bytes, &bytes)) {
			return ERR_OK;
		}
		source->record_bytes = 0;
		if (log_record_unpack((struct slice){ source->record, record_bytes }, &record) !=
			ERR_OK) {
			return malformed(source);
		}
		if (record.event == LOG_SPAN) {
			pass_span(source, &record);
		} else if (!is_repeat(source, &record) && may_write(source)) {
			write_line(source, &record);
		}
	}
	return ERR_OK;
}

static void end_stderr_line(struct log_source *source)
{
	const struct slice text = { source->stderr_line, source->stderr_bytes };

	if (source->stderr_bytes > 0 && may_write(source)) {
		add_event(source, LOG_WORKER_STDERR, &(struct log_fields){ .excerpt = text });
	}
	source->stderr_bytes = 0;
}

/* A line longer than the bound becomes several events: no byte of a crash report is lost. */
void log_source_take_stderr(struct log_source *source, struct slice bytes)
{
	for (size_t i = 0; i < bytes.bytes_count; i++) {
		if (bytes.bytes[i] == '\n') {
			end_stderr_line(source);
			continue;
		}
		source->stderr_line[source->stderr_bytes++] = bytes.bytes[i];
		if (source->stderr_bytes == LOG_SOURCE_STDERR_BYTES_MAX) {
			end_stderr_line(source);
		}
	}
}

void log_source_tick(struct log_source *source)
{
	roll_window(source);
	if (log_repeats_is_due(&source->repeats, clock_now())) {
		log_repeats_end(&source->repeats, say_repeated, source);
	}
}

void log_source_finish(struct log_source *source)
{
	end_stderr_line(source);
	say_suppressed(source);
	log_repeats_end(&source->repeats, say_repeated, source);
}
