/* What the exporter of traces is given: sockets that are being connected, because it may make none,
 * and traces, as many as it asks for. What it does not fetch in time is overwritten in the ring. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"

/* The exporter waits longer by itself; one that does not must not keep us busy. */
#define DIAL_INTERVAL_MS 50

/* It asks for a batch at a time. */
#define TRACES_WANTED_MAX 256u

_Static_assert(TRACE_SPANS_MAX * 1280u <= VERB_SPANS_BYTES_MAX, "the spans of a trace fit a frame");

static struct peer *exporter_of(struct supervisor *self)
{
	const struct child *child = supervisor_child(self, PROCESS_OTEL, 0);

	if (child == NULL || child->state != CHILD_UP) {
		return NULL;
	}
	return mesh_peer_of(&self->mesh, child->process, child->instance, child->generation);
}

static socklen_t address_of(const struct config_address *from, struct sockaddr_storage *ret_to)
{
	memset(ret_to, 0, sizeof *ret_to);
	if (from->family == 6) {
		struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_to;

		six->sin6_family = AF_INET6;
		six->sin6_port = htons(from->port);
		memcpy(&six->sin6_addr, from->ip, sizeof six->sin6_addr);
		return sizeof *six;
	}
	struct sockaddr_in *four = (struct sockaddr_in *)ret_to;

	four->sin_family = AF_INET;
	four->sin_port = htons(from->port);
	memcpy(&four->sin_addr, from->ip, sizeof four->sin_addr);
	return sizeof *four;
}

/* -1: errno says why. The connection is still being made; whoever writes is told how it went. */
static int dial(const struct config *config)
{
	struct endpoint endpoint;
	struct sockaddr_storage address;
	bool is_sound = endpoint_parse(config->otel_endpoint, &endpoint);
	int fd, saved_errno;

	assert(is_sound); /* common/config_rules.c saw to it */
	fd = socket(endpoint.address.family == 6 ? AF_INET6 : AF_INET,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -1;
	}
	socklen_t bytes = address_of(&endpoint.address, &address);
	if (connect(fd, (const struct sockaddr *)&address, bytes) == 0 || errno == EINPROGRESS) {
		return fd;
	}
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return -1;
}

static void give_socket(struct supervisor *self, struct peer *exporter)
{
	struct oap_otel_socket msg = { .status = ERR_OK };
	struct instant now = clock_now();
	struct instant again = instant_after(self->otel.dialled_at, duration_ms(DIAL_INTERVAL_MS));
	int fd = -1;

	errno = EAGAIN;
	if (instant_reached(again, now)) {
		self->otel.dialled_at = now;
		fd = dial(&self->config);
	}
	if (fd >= 0) {
		(void)!peer_send_otel_socket(exporter, &msg, fd);
		return;
	}
	msg = (struct oap_otel_socket){ .status = ERR_IO, .os_error = (uint32_t)errno };
	(void)!oap_send_otel_socket(exporter, 0, &msg);
}

enum err otel_on_want(void *self, const struct oap_from *from, const struct oap_otel_want *msg)
{
	struct supervisor *supervisor = self;
	struct peer *exporter =
		mesh_peer_of(&supervisor->mesh, from->process, from->instance, from->generation);

	if (msg->wants_socket > 1 ||
		msg->traces > TRACES_WANTED_MAX - supervisor->otel.traces_wanted) {
		return ERR_MALFORMED;
	}
	supervisor->otel.traces_wanted += msg->traces;
	if (msg->wants_socket == 1) {
		give_socket(supervisor, exporter);
	}
	otel_feed(supervisor);
	return ERR_OK;
}

static void send_trace(struct peer *exporter, const struct trace *trace)
{
	static char spans[VERB_SPANS_BYTES_MAX];
	size_t bytes = trace_json_spans(trace, spans, sizeof spans);
	struct oap_otel_spans msg = {
		.count = (uint16_t)trace->part_count,
		.spans = { (const uint8_t *)spans, bytes },
	};

	if (bytes > 0) {
		(void)!oap_send_otel_spans(exporter, 0, &msg);
	}
}

void otel_feed(struct supervisor *self)
{
	struct peer *exporter = exporter_of(self);

	traces_settle(self->traces, clock_now());
	while (exporter != NULL && self->otel.traces_wanted > 0) {
		const struct trace *trace = traces_next(self->traces);

		if (trace == NULL) {
			return;
		}
		self->otel.traces_wanted--;
		send_trace(exporter, trace);
	}
}

void otel_lost(struct supervisor *self)
{
	self->otel.traces_wanted = 0;
}
