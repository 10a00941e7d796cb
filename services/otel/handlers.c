#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/version.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "services/otel/otel.h"

void otel_ask(struct otel *self, bool wants_socket, uint32_t traces)
{
	struct oap_otel_want msg = {
		.wants_socket = wants_socket,
		.traces = (uint16_t)traces,
	};

	/* EOF of fd 3 will end us */
	(void)!oap_send_otel_want(mesh_peer(&self->worker->mesh, PROCESS_SUPERVISOR, 0), 0, &msg);
}

/* --- from the supervisor --- */

static enum err on_spans(void *self, const struct oap_from *from, const struct oap_otel_spans *msg)
{
	struct otel *otel = self;
	struct otel_batch *batch = &otel->gathered;

	(void)from;
	if (msg->spans.bytes_count == 0 || batch->trace_count == OTEL_BATCH_TRACES) {
		return ERR_MALFORMED; /* we did not ask for it */
	}
	if (batch->trace_count == 0) {
		ev_timer_again(otel->worker->loop, &otel->gather);
	} else {
		batch->bytes[batch->bytes_count++] = ',';
	}
	memcpy(batch->bytes + batch->bytes_count, msg->spans.bytes, msg->spans.bytes_count);
	batch->bytes_count += msg->spans.bytes_count;
	batch->trace_count++;
	batch->span_count += msg->count;
	exporter_step(otel);
	return ERR_OK;
}

static enum err on_socket(
	void *self, const struct oap_from *from, const struct oap_otel_socket *msg)
{
	struct otel *otel = self;
	int fd = -1;

	(void)from;
	if (msg->status == ERR_OK) {
		fd = peer_take_fd(mesh_peer(&otel->worker->mesh, PROCESS_SUPERVISOR, 0));
		if (fd < 0) {
			return ERR_MALFORMED;
		}
	}
	return exporter_socket(otel, msg, fd);
}

const struct oap_handlers otel_handlers = {
	.otel_spans = on_spans,
	.otel_socket = on_socket,
};

/* --- birth --- */

static void attribute(struct json_out *out, const char *name, const char *text)
{
	json_out_object_begin(out);
	json_out_key(out, "key");
	json_out_text(out, name);
	json_out_key(out, "value");
	json_out_object_begin(out);
	json_out_key(out, "stringValue");
	json_out_text(out, text);
	json_out_object_end(out);
	json_out_object_end(out);
}

/* {"resourceSpans":[{"resource":{...},"scopeSpans":[{"scope":{...},"spans":[ and so far. */
static void write_resource(struct otel *self)
{
	char attributes[OTEL_ENVELOPE_BYTES_MAX / 2];
	struct json_out out;
	size_t bytes = 0;
	int written;

	json_out_init(&out, (uint8_t *)attributes, sizeof attributes);
	json_out_array_begin(&out);
	attribute(&out, "service.name", "macronode");
	attribute(&out, "service.version", version_semver);
	attribute(&out, "service.instance.id", self->instance_id);
	attribute(&out, "deployment.environment", self->worker->config.otel_environment);
	json_out_array_end(&out);
	enum err err = json_out_finish(&out, &bytes);
	assert(err == ERR_OK); /* otel.environment has 64 bytes at most */
	written = snprintf(self->resource, sizeof self->resource,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":%.*s},\"scopeSpans\":[{"
		"\"scope\":{\"name\":\"macronode\",\"version\":\"%s\"},\"spans\":[",
		(int)bytes, attributes, version_semver);
	assert(written > 0 && (size_t)written < sizeof self->resource);
}

void otel_open(void *owner, struct worker *worker)
{
	struct otel *self = owner;
	int headers = worker_fd(worker, SETUP_FD_HEADERS, 0);
	const char *why = "it cannot be opened";
	struct id128 id;

	self->worker = worker;
	if (!endpoint_parse(worker->config.otel_endpoint, &self->endpoint)) {
		worker_fail(worker, "otel.endpoint is none"); /* the start had looked at it */
	}
	if (worker->config.otel_headers_file[0] != '\0' &&
		(headers < 0 || !headers_read(headers, self->headers, &why))) {
		worker_fail(worker, "otel.headers_file: %s", why);
	}
	if (headers >= 0) {
		(void)close(headers);
	}
	random_fill(id.bytes, sizeof id.bytes);
	hex_encode(id.bytes, ID_BYTES, self->instance_id);
	write_resource(self);
}

static void on_gathered(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct otel *self = timer->data;

	(void)events;
	ev_timer_stop(loop, timer);
	self->is_due = true;
	exporter_step(self);
}

void otel_ready(void *owner, struct worker *worker)
{
	struct otel *self = owner;

	ev_timer_init(&self->gather, on_gathered, 0.0, OTEL_GATHER_S);
	self->gather.data = self;
	exporter_init(self);
	otel_ask(self, false, OTEL_BATCH_TRACES);
	worker_report(worker, PHASE_SERVING, 0, 0, NULL, "");
}

void otel_drain(void *owner, uint64_t deadline_mono_ms)
{
	struct otel *self = owner;

	(void)deadline_mono_ms;
	self->is_draining = true;
	exporter_drain(self);
}
