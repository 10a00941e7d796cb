#include "common/log.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/log_record.h"
#include "common/metrics.h"

/* One log per process, as there is one stderr: handing it to every function would be noise. */
static struct {
	int fd;
	log_take take;
	void *context;
	enum log_level level;
} sink = { .fd = -1, .level = LOG_LEVEL_INFO };

void log_open(int fd, enum log_level level)
{
	sink.fd = fd;
	sink.take = NULL;
	sink.level = level;
}

void log_open_local(log_take take, void *context, enum log_level level)
{
	sink.fd = -1;
	sink.take = take;
	sink.context = context;
	sink.level = level;
}

void log_set_level(enum log_level level)
{
	sink.level = level;
}

static void write_record(const uint8_t *record, size_t record_bytes)
{
	ssize_t written = write(sink.fd, record, record_bytes);

	/* Below PIPE_BUF a non-blocking write is whole or fails: there is no half to finish. */
	if (written != (ssize_t)record_bytes) {
		metrics_inc(METRIC_LOG_DROPPED, METRIC_PLAIN);
	}
}

void log_event(enum log_event event, const struct log_fields *fields)
{
	if (log_record_event_level(event) <= sink.level) {
		log_always(event, fields);
	}
}

void log_always(enum log_event event, const struct log_fields *fields)
{
	uint8_t record[LOG_RECORD_BYTES_MAX];
	int saved_errno = errno;
	size_t record_bytes;

	if (sink.fd == -1 && sink.take == NULL) {
		return;
	}
	record_bytes = log_record_pack(record, event, clock_now(), fields);
	if (sink.take != NULL) {
		sink.take(sink.context, record, record_bytes);
	} else {
		write_record(record, record_bytes);
	}
	errno = saved_errno;
}
