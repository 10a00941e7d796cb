#ifndef SERVICES_OTEL_OTEL_H
#define SERVICES_OTEL_OTEL_H

/* The exporter of traces: OTLP over HTTP, JSON encoding (opentelemetry-proto, OTLP 1.x). Spans come
 * from the supervisor as they will be sent, as many traces as were asked for; a batch of them is
 * one POST on a connection of its own.
 *
 *   gathering -> dialling -> writing -> reading -> gathering
 *                    \----------\----------\--> waiting -> dialling, some times, then dropped
 *
 * While a batch is on its way the next one gathers, and nothing more is asked for: what does not
 * fit waits in the supervisor's ring, and is overwritten and counted there.
 *
 *   handlers.c  what the supervisor sends; birth and drain
 *   exporter.c  a batch on its way
 *   reply.c     the collector's answer
 *   headers.c   the file of otel.headers_file */

#include <ev.h>

#include "common/endpoint.h"
#include "common/worker.h"
#include "services/otel/reply.h"

/* Traces of a batch; each has at most a frame of spans. */
#define OTEL_BATCH_TRACES 32u
#define OTEL_SPANS_BYTES  (OTEL_BATCH_TRACES * (VERB_SPANS_BYTES_MAX + 1u))

/* What is around them: the resource, and the head of the request with the operator's fields. */
#define OTEL_ENVELOPE_BYTES_MAX 1024u
#define OTEL_HEAD_BYTES_MAX     8192u
#define OTEL_HEADERS_BYTES_MAX  4096u

/* A lone trace waits so long for others. */
#define OTEL_GATHER_S 1.0

/* Of a batch that the collector does not take: with these waits half a minute, then it is dropped.
 */
#define OTEL_ATTEMPTS_MAX  5u
#define OTEL_RETRY_FIRST_S 1.0
#define OTEL_RETRY_MAX_S   16.0

/* Of a drain: the node does not wait for a collector. */
#define OTEL_DRAIN_MS 1000u

enum otel_state { OTEL_GATHERING, OTEL_DIALLING, OTEL_WRITING, OTEL_READING, OTEL_WAITING };

struct otel_batch {
	uint32_t trace_count, span_count;
	size_t bytes_count;
	uint8_t bytes[OTEL_SPANS_BYTES];
};

struct otel {
	struct worker *worker;
	struct endpoint endpoint;
	char headers[OTEL_HEADERS_BYTES_MAX + 1]; /* each with its CRLF */
	char resource[OTEL_ENVELOPE_BYTES_MAX];   /* all before the spans */
	char instance_id[2 * ID_BYTES + 1];

	struct otel_batch gathered; /* the next one */
	bool is_due;                /* it has waited long enough */
	bool is_draining;
	ev_timer gather;

	enum otel_state state;
	uint32_t span_count; /* of the one on its way */
	unsigned attempt;    /* 1: the first */
	bool is_lost;        /* the log knows that the collector is */
	int fd;              /* owned; -1 */
	ev_io ready;
	ev_timer limit; /* of an attempt, or of a wait */
	struct reply reply;
	size_t request_bytes, written_bytes;
	uint8_t request[OTEL_HEAD_BYTES_MAX + 2 * OTEL_ENVELOPE_BYTES_MAX + OTEL_SPANS_BYTES];
};

extern const struct oap_handlers otel_handlers;
extern const struct sandbox_policy otel_sandbox;
void otel_open(void *self, struct worker *worker);
void otel_ready(void *self, struct worker *worker);
void otel_drain(void *self, uint64_t deadline_mono_ms);
void otel_ask(struct otel *self, bool wants_socket, uint32_t traces);

/* headers.c: false: a sentence is in ret_why. */
MUST_CHECK bool headers_read(
	int fd, char ret_headers[OTEL_HEADERS_BYTES_MAX + 1], const char **ret_why);

/* exporter.c */
void exporter_init(struct otel *self);
void exporter_step(struct otel *self);  /* begins with what has gathered, if it may */
void exporter_drain(struct otel *self); /* what is on its way has a moment left */
MUST_CHECK enum err exporter_socket(struct otel *self, const struct oap_otel_socket *msg, int fd);

#endif
