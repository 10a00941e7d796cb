/* One batch on its way to the collector. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "services/otel/otel.h"

#define READ_BYTES 16384u

static const char envelope_end[] = "]}]}]}";

static struct ev_loop *loop_of(struct otel *self)
{
	return self->worker->loop;
}

static void close_socket(struct otel *self)
{
	if (self->fd >= 0) {
		ev_io_stop(loop_of(self), &self->ready);
		close(self->fd);
		self->fd = -1;
	}
}

static void arm(struct otel *self, double seconds)
{
	ev_timer_stop(loop_of(self), &self->limit);
	ev_timer_set(&self->limit, seconds, 0.0);
	ev_timer_start(loop_of(self), &self->limit);
}

/* --- ends of a batch --- */

static void finish(struct otel *self, enum metric_span_result result)
{
	close_socket(self);
	ev_timer_stop(loop_of(self), &self->limit);
	metrics_add(METRIC_OTEL_SPANS, result, self->span_count);
	self->state = OTEL_GATHERING;
	self->request_bytes = 0;
	exporter_step(self);
}

static void note_lost(struct otel *self, const char *why, int os_error)
{
	if (!self->is_lost) {
		self->is_lost = true;
		log_event(LOG_OTEL_LOST,
			&(struct log_fields){
				.text = why, .os_error = os_error, .status = self->reply.status });
	}
}

/* 1, 2, 4, ... seconds, and up to a quarter more, so that many nodes don't come back at once. */
static double wait_s(const struct otel *self)
{
	double wait = OTEL_RETRY_FIRST_S;

	for (unsigned i = 1; i < self->attempt && wait < OTEL_RETRY_MAX_S; i++) {
		wait *= 2;
	}
	wait += wait / 4 * ((double)(random_u64() % 1024) / 1024.0);
	return self->reply.retry_after_s > wait ? (double)self->reply.retry_after_s : wait;
}

/* Nobody took it. */
static void retry(struct otel *self, const char *why, int os_error)
{
	close_socket(self);
	metrics_inc(METRIC_OTEL_EXPORT_FAILURES, METRIC_PLAIN);
	note_lost(self, why, os_error);
	if (self->is_draining || self->attempt == OTEL_ATTEMPTS_MAX) {
		finish(self, METRIC_SPAN_RESULT_DROPPED);
		return;
	}
	self->state = OTEL_WAITING;
	arm(self, wait_s(self));
}

static bool is_passing(uint16_t status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

static void judge(struct otel *self)
{
	uint16_t status = self->reply.status;

	if (self->reply.state == REPLY_BAD) {
		self->reply.status = 0;
		retry(self, "what it answers is no HTTP", 0);
	} else if (is_passing(status)) {
		retry(self, "it does not take them now", 0);
	} else if (status < 200 || status > 299) {
		log_event(LOG_OTEL_REFUSED,
			&(struct log_fields){ .status = status, .count = self->span_count });
		finish(self, METRIC_SPAN_RESULT_REFUSED);
	} else {
		if (self->is_lost) {
			self->is_lost = false;
			log_event(LOG_OTEL_BACK, NULL);
		}
		finish(self, METRIC_SPAN_RESULT_SENT);
	}
}

/* --- the way --- */

static void dial(struct otel *self)
{
	self->attempt++;
	self->state = OTEL_DIALLING;
	self->written_bytes = 0;
	reply_init(&self->reply);
	arm(self, self->is_draining ? OTEL_DRAIN_MS / 1000.0
				    : (double)self->worker->config.otel_timeout_ms / 1000.0);
	otel_ask(self, true, 0);
}

static void read_some(struct otel *self)
{
	uint8_t bytes[READ_BYTES];
	ssize_t got = read(self->fd, bytes, sizeof bytes);

	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			retry(self, "the connection broke", errno);
		}
		return;
	}
	if (got == 0) {
		reply_end(&self->reply);
	} else {
		reply_take(&self->reply, (struct slice){ bytes, (size_t)got });
	}
	if (self->reply.state == REPLY_DONE || self->reply.state == REPLY_BAD) {
		judge(self);
	}
}

static void write_some(struct otel *self)
{
	ssize_t put = write(self->fd, self->request + self->written_bytes,
		self->request_bytes - self->written_bytes);

	if (put < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			retry(self, "it cannot be reached", errno);
		}
		return;
	}
	self->written_bytes += (size_t)put;
	if (self->written_bytes == self->request_bytes) {
		self->state = OTEL_READING;
		ev_io_stop(loop_of(self), &self->ready);
		ev_io_set(&self->ready, self->fd, EV_READ);
		ev_io_start(loop_of(self), &self->ready);
	}
}

static void on_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct otel *self = watcher->data;

	(void)loop;
	(void)events;
	if (self->state == OTEL_WRITING) {
		write_some(self);
	} else {
		read_some(self);
	}
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct otel *self = timer->data;

	(void)loop;
	(void)events;
	if (self->state == OTEL_WAITING) {
		dial(self);
	} else if (self->reply.state == REPLY_BODY) {
		judge(self); /* its word is there, only its body does not end */
	} else {
		retry(self, "it does not answer in time", 0);
	}
}

enum err exporter_socket(struct otel *self, const struct oap_otel_socket *msg, int fd)
{
	if (self->state != OTEL_DIALLING) { /* it came too late, and is not wanted any more */
		if (fd >= 0) {
			close(fd);
		}
		return ERR_OK;
	}
	if (fd < 0) {
		retry(self, "it cannot be reached", (int)msg->os_error);
		return ERR_OK;
	}
	self->fd = fd;
	self->state = OTEL_WRITING;
	ev_io_set(&self->ready, fd, EV_WRITE);
	ev_io_start(loop_of(self), &self->ready);
	return ERR_OK;
}

/* --- beginning --- */

static void append(struct otel *self, const void *bytes, size_t bytes_count)
{
	assert(bytes_count <= sizeof self->request - self->request_bytes);
	memcpy(self->request + self->request_bytes, bytes, bytes_count);
	self->request_bytes += bytes_count;
}

static void write_request(struct otel *self)
{
	const struct endpoint *to = &self->endpoint;
	const struct otel_batch *batch = &self->gathered;
	size_t resource_bytes = strlen(self->resource);
	char head[OTEL_HEAD_BYTES_MAX];
	int head_bytes = snprintf(head, sizeof head,
		"POST %.*s/v1/traces HTTP/1.1\r\n"
		"Host: %.*s\r\n"
		"User-Agent: macronode\r\n"
		"Content-Type: application/json\r\n"
		"Content-Length: %zu\r\n"
		"Connection: close\r\n"
		"%s\r\n",
		(int)to->path_bytes, to->path, (int)to->authority_bytes, to->authority,
		resource_bytes + batch->bytes_count + sizeof envelope_end - 1, self->headers);

	assert(head_bytes > 0 && (size_t)head_bytes < sizeof head);
	self->request_bytes = 0;
	append(self, head, (size_t)head_bytes);
	append(self, self->resource, resource_bytes);
	append(self, batch->bytes, batch->bytes_count);
	append(self, envelope_end, sizeof envelope_end - 1);
}

/* Nothing is held, or nobody takes it: a node that stops does not wait for a collector. */
static void tell_drained(struct otel *self)
{
	if (self->is_draining && self->state == OTEL_GATHERING) {
		worker_drained(self->worker, 0);
	}
}

void exporter_step(struct otel *self)
{
	struct otel_batch *batch = &self->gathered;
	bool is_due = self->is_due || self->is_draining || batch->trace_count == OTEL_BATCH_TRACES;
	uint32_t taken = batch->trace_count;

	if (self->is_draining && self->state == OTEL_WAITING) {
		finish(self, METRIC_SPAN_RESULT_DROPPED);
		return; /* which came here again */
	}
	if (self->state != OTEL_GATHERING) {
		return;
	}
	if (taken == 0 || !is_due) {
		tell_drained(self);
		return;
	}
	write_request(self);
	self->span_count = batch->span_count;
	self->attempt = 0;
	batch->trace_count = batch->span_count = 0;
	batch->bytes_count = 0;
	self->is_due = false;
	ev_timer_stop(loop_of(self), &self->gather);
	otel_ask(self, false, self->is_draining ? 0 : taken);
	dial(self);
}

void exporter_drain(struct otel *self)
{
	if (self->state != OTEL_GATHERING && self->state != OTEL_WAITING) {
		arm(self, OTEL_DRAIN_MS / 1000.0);
	}
	exporter_step(self);
}

void exporter_init(struct otel *self)
{
	self->fd = -1;
	ev_init(&self->ready, on_ready);
	ev_init(&self->limit, on_limit);
	self->ready.data = self->limit.data = self;
}
