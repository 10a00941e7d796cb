#ifndef SERVICES_EDGE_EDGE_H
#define SERVICES_EDGE_EDGE_H

/* The edge: everything that mn-ingress and mn-admin are (DESIGN.md section 2). It speaks HTTP/1.1
 * and, on the local socket, OAP/1; it hands what it may not judge to a prevalidator, and renders
 * the answers of those who have a request in hand at last. It holds no key, no file, no JSON
 * parser.
 *
 * Bytes come in and answers come in whenever the loop says so; both only mark the client. Once a
 * turn marked clients are taken further: they are read, requests are begun while they may be,
 * answers are written with one call. So no function here is ever entered twice, and a pipeline
 * costs one write.
 *
 * A turn has a share for each rank of clients, so that whoever comes in a flood waits for the
 * flood, but nobody else does: who is local, and who showed a good token. Each is taken as far as
 * it goes, and stands behind all of its rank then; whom the turn had no time for waits for the
 * next, which comes at once.
 *
 *   client    a connection: its buffers, what it is reading, when it has to be done
 *   exchange  a request of it, from its first byte to its answer; a ring of them, in order
 *   ticket    a request that is in other hands
 *
 * Deadlines are looked at by one coarse tick, not by a timer each. */

#include <ev.h>

#include "common/admin_acts.h"
#include "common/limits.h"
#include "common/metrics_render.h"
#include "common/node_events.h"
#include "common/reads.h"
#include "common/worker.h"
#include "core/grant.h"
#include "core/http_body.h"
#include "core/http_head.h"
#include "core/http_reply.h"
#include "core/limiter.h"
#include "core/object.h"
#include "core/uuid.h"
#include "services/edge/oap_request.h"
#include "services/edge/replies.h"
#include "services/edge/route_table.h"
#include "services/edge/tickets.h"
#include "services/edge/tls.h"

/* A head (32 KiB) and an inline body (16 KiB) lie in it side by side. */
#define EDGE_IN_BYTES 65536u
_Static_assert(HTTP_HEAD_BYTES_MAX + VERB_BODY_INLINE_BYTES_MAX <= EDGE_IN_BYTES, "");
_Static_assert(FRAME_HEAD_BYTES + OAP_REQUEST_SMALL_BYTES_MAX + VERB_BODY_INLINE_BYTES_MAX <=
		       EDGE_IN_BYTES,
	"");

/* Requests of one connection that overlap (DESIGN-WALL.md section 5). */
#define EDGE_PIPELINE_MAX 16u

/* Nothing new is begun on a connection with so much unsent or promised; one answer may be more. */
#define EDGE_OUT_BYTES_MAX 262144u

/* What a request that is no ROOTS may be answered with, beside one that refuses each entry. */
#define EDGE_ANSWER_BYTES_USUAL 8192u

/* A content type, and one byte more: of a longer one, or a longer part of a path, so much shows
 * that it is too long. */
#define EDGE_VARIABLE_BYTES_MAX (OBJECT_TYPE_BYTES_MAX + 1u)

/* Requests in other hands at once: far above the credit of 16 prevalidators (512 each). */
#define EDGE_TICKETS_MAX 16384u

/* Bodies over the inline bound that were begun and are not answered. With the credit's inline
 * bodies it stays below what a link's queue holds, should a prevalidator stand still. */
#define EDGE_BODIES_BYTES_MAX (40u * 1024u * 1024u)
_Static_assert(EDGE_BODIES_BYTES_MAX + 16777216u <= PEER_QUEUE_BYTES_MAX, "");

/* DESIGN-WALL.md section 5. */
#define EDGE_DISCARD_BYTES_MAX 262144u
#define EDGE_DISCARD_US        INT64_C(1000000)
#define EDGE_BODY_STEP_BYTES   262144u /* one second more for each of them */
#define EDGE_SLOW_US           INT64_C(30000000)
#define EDGE_SLOW_BYTES        30720u /* in EDGE_SLOW_US: 1 KiB/s */

/* The owner refuses what reaches it late by itself; its word is worth waiting a moment for. */
#define EDGE_GRACE_MS 1000u

/* Clients of GET /events at once: each is asked about again every few seconds. */
#define EDGE_WATCHES_MAX 32u

/* DESIGN-WALL.md section 5: at most so many 401 a second for a /32 or /64. */
#define EDGE_FAILURES_PER_SECOND 20u

#define EDGE_TICK_S        0.1
#define EDGE_LISTENERS_MAX 2u
#define EDGE_PAGES_MAX     PEER_FDS_MAX
#define EDGE_RANDOM_BYTES  4096u

struct edge;
struct client;
struct sockaddr_storage;
struct pull;        /* pull.c */
struct object_wish; /* objects.c */
struct events;      /* events.c */
struct watch;       /* watch.c */
struct told_events; /* likewise */

struct buffer {
	uint8_t *bytes; /* owned */
	size_t capacity, head, tail;
};

struct exchange {
	struct client *client;
	uint64_t ticket; /* 0: in nobody else's hands */
	int64_t first_byte_us, head_us;
	uint64_t config_generation;
	uint64_t oap_corr_id;
	uint64_t probe_nonce;
	uint16_t oap_verb;
	uint8_t route;
	uint8_t method; /* enum http_method */
	bool is_oap, close, answered;
	bool is_v1;       /* refused as an ApiError */
	bool is_reward;   /* refused as an epoch is */
	bool is_past;     /* a balance of before: archive has it in hand */
	bool is_gzip;     /* its body */
	bool was_asked;   /* of others, at least once */
	uint16_t wait_ms; /* X-Request-Deadline-Ms; 0: not said */
	uint8_t corr_id_bytes;
	uint8_t idem_key_bytes;
	uint8_t idem_key[VERB_KEY_BYTES_MAX];
	uint8_t variable_bytes; /* of the path of a write, whose body is read first; of an object
				   its content type; of a read of rewards If-None-Match */
	uint8_t variable[EDGE_VARIABLE_BYTES_MAX];
	char corr_id[UUID_TEXT_BYTES + 1];
	bool is_traced; /* then the next three; of the client's trace, or of a new one */
	bool has_parent;
	struct id128 trace_id;
	uint64_t parent_span;       /* 0: there is none */
	uint64_t trace_ticket;      /* of its first ticket; 0: it had none yet */
	uint32_t reserved_bytes;    /* of the connection's out-buffer */
	uint32_t body_reserved;     /* of the body budget */
	struct limiter_left left;   /* told in its answer; limit 0: nothing is */
	struct buffer early;        /* the answer, when elder ones are not answered yet */
	struct events *events;      /* owned; NULL: it is no GET /v1/events */
	struct watch *watch;        /* owned; NULL: it is no GET /events of the admin plane */
	struct object_wish *object; /* owned; NULL: it is no GET /o over HTTP */
	struct pull *pull;          /* owned; NULL: the answer cannot be longer than one piece */
};

/* Whom a limit is for: an IPv4 address, the /64 of an IPv6 one, or a local user. */
struct peer_name {
	uint8_t kind; /* '4', '6' or 'u' */
	uint8_t bytes[8];
};

enum client_rank {
	CLIENT_LOCAL, /* of the local socket */
	CLIENT_KNOWN, /* it was given what nobody gets without a good token */
	CLIENT_OTHER,
	CLIENT_RANK_COUNT
};

/* Of each rank in one turn, and at least one client: what the others wait for, at most. */
#define EDGE_TURN_LOCAL_US INT64_C(2000)
#define EDGE_TURN_KNOWN_US INT64_C(2000)
#define EDGE_TURN_OTHER_US INT64_C(1000)

enum client_wire { WIRE_UNDECIDED, WIRE_HTTP, WIRE_OAP };

/* What the next bytes are. */
enum client_input {
	INPUT_HEAD,    /* a head, or a frame up to its body */
	INPUT_BODY,    /* an inline body, collected where it lies */
	INPUT_CHUNKS,  /* a chunked one, decoded into the store */
	INPUT_PROCEED, /* a large one; not read until the prevalidator says so, or archive */
	INPUT_STREAM,  /* a large one on its way */
	INPUT_DRAIN,   /* the rest of a refused one, small enough to throw away */
	INPUT_DISCARD, /* nobody listens any more; thrown away once we have said our last */
};

struct client {
	struct edge *edge;
	struct client *next, *previous; /* of all, or of the free ones */
	struct client *marked_next;
	ev_io readable, writable;
	int fd;                 /* owned */
	struct tls_stream *tls; /* owned; NULL: its bytes are plain */
	enum client_wire wire;
	enum client_input input;
	enum grant_peer peer;
	uint32_t peer_uid;
	struct peer_name name;
	struct limiter_entry *allowance; /* of whoever has this name; counts us */
	bool is_marked, is_broken, is_blocked, is_closing, is_shut, at_end, barrier;
	bool has_input; /* to be read in its turn */
	bool is_known;
	bool wants_continue;

	struct http_scan scan;
	struct http_body body;
	struct exchange *current;       /* whose body is being read */
	uint32_t token_at, token_bytes; /* in `in`, or at the front of the store */
	uint32_t body_bytes, body_sent;
	uint32_t body_upto;  /* so far it may be sent now */
	uint32_t frame_left; /* of a stream of frames: bytes of the one that is being read */
	bool frame_is_last;
	struct buffer store;
	int64_t first_byte_us;
	int64_t input_due_us; /* 0: nothing is awaited from the client */
	int64_t idle_since_us;
	int64_t out_moved_us, out_window_us;
	uint64_t out_window_bytes, discarded_bytes;

	unsigned ring_first, ring_count;
	size_t reserved_bytes;
	struct exchange ring[EDGE_PIPELINE_MAX];
	struct buffer out;
	size_t in_head, in_tail;
	uint8_t in[EDGE_IN_BYTES];
};

/* Of a session of GnuTLS, measured: 12 KiB, and a record of each direction while it is read. */
#define EDGE_TLS_BYTES 65536u
_Static_assert(
	sizeof(struct client) + 2 * EDGE_OUT_BYTES_MAX + EDGE_TLS_BYTES <= CONNECTION_BYTES_MAX,
	"the limit of memory has room for each connection");

struct edge_limits {
	uint32_t conns_max, peer_conns_max; /* peer_conns_max: 0 is none for who is local */
	struct limiter_rate rate, peer_rate, uid_rate;
	int64_t read_us, write_us, idle_us, handshake_us;
	uint64_t req_timeout_ms;
	uint64_t body_bytes_max;
	struct slice host_names[CONFIG_HOST_NAMES_MAX];
	size_t host_name_count;
};

struct edge_checker {        /* a prevalidator */
	uint32_t generation; /* 0: no link */
	uint32_t in_flight;
};

struct edge {
	enum plane plane; /* set by main */
	struct worker *worker;
	struct edge_limits limits;
	uint32_t own_uid;
	ev_timer tick;
	ev_io listeners[EDGE_LISTENERS_MAX];
	bool listening;
	struct tls *tls; /* owned; NULL: TCP is plain */

	struct client *clients, *free_clients;
	struct client_queue {
		struct client *first, *last;
	} marked[CLIENT_RANK_COUNT];
	struct client *turning;
	ev_idle awake; /* runs while somebody is marked still: the loop does not sleep then */
	uint32_t client_count, local_count;
	uint32_t in_flight[ROUTE_COUNT];
	uint32_t exchange_count;
	uint64_t ledger_size;                  /* as archive told last */
	struct events *line_first, *line_last; /* who wants to ask for the next page */
	uint32_t pages_asked;                  /* again, and not answered yet */
	struct told_events *told;              /* owned; NULL: the supervisor has told of none */
	uint32_t watch_count;

	struct tickets tickets;
	struct ticket ticket_slots[EDGE_TICKETS_MAX];
	struct edge_checker checkers[PREVALIDATORS_MAX + 1];
	uint64_t bodies_bytes;

	struct readiness readiness;
	bool is_draining, drain_told, was_full;
	uint64_t drain_deadline_ms;
	bool logs_requests;

	struct limiter_bucket rate, traces;
	struct limiter_rate trace_rate;
	uint64_t trace_below; /* of 2^32: so many requests are traced */
	struct limiter_table peers;
	int64_t told_us; /* of a peer over its limits; so that a flood of them is no flood of lines
			  */
	uint8_t random[EDGE_RANDOM_BYTES];
	size_t random_left;
	uint64_t date_unix_s;
	char date[HTTP_REPLY_DATE_BYTES];

	struct metrics_source pages[EDGE_PAGES_MAX];
	size_t page_count;
	int64_t start_us;
	uint8_t scratch[METRICS_TEXT_BYTES_MAX]; /* one body, while it is being answered */
};
_Static_assert(METRICS_TEXT_BYTES_MAX >= REPLIES_BYTES_MAX, "the scratch holds either");

/* --- edge.c: birth, the turn, the tick, drain --- */
extern const struct sandbox_policy edge_sandbox;
extern const struct oap_handlers edge_handlers; /* of ingress */
extern const struct oap_handlers
	edge_admin_handlers; /* these, and what the supervisor tells admin */
void edge_open(void *self, struct worker *worker);
void edge_ready(void *self, struct worker *worker);
const char *edge_prepare(void *self, struct worker *worker);
void edge_commit(void *self, struct worker *worker);
void edge_abort(void *self, struct worker *worker);
bool edge_take_link(void *self, const struct oap_from *whom, int fd);
void edge_link_up(void *self, const struct oap_from *whom);
void edge_link_lost(void *self, const struct oap_from *whom);
void edge_turn(void *self);
void edge_drain(void *self, uint64_t deadline_mono_ms);
int64_t edge_now_us(void);
void edge_random(struct edge *edge, void *bytes, size_t bytes_count);

/* --- listen.c --- */
void listen_start(struct edge *edge);
void listen_replace(struct edge *edge); /* in a reload */
void listen_pause(struct edge *edge);
void listen_resume(struct edge *edge);

/* --- peers.c: how much one of many may have --- */
void peers_take_limits(struct edge *edge, const struct config *config);
struct peer_name peers_name(const struct sockaddr_storage *address, uint32_t uid);
/* The allowance that a connection from there would come under. */
struct limiter_entry *peers_find(struct edge *edge, const struct peer_name *name);
/* Whether one more may come; else why not, and the log was told. */
bool peers_let_in(struct edge *edge, const struct peer_name *name, struct limiter_entry *allowance,
	enum metric_conn_refusal *ret_why);
void peers_join(
	struct client *client, const struct peer_name *name, struct limiter_entry *allowance);
void peers_leave(struct client *client);
/* False: it is refused, counted and answered. */
bool peers_admit(struct exchange *exchange);
/* Whoever guesses tokens is slowed down; who comes from the same network with a good one is not. */
bool peers_may_fail(struct client *client);

/* --- client.c: a connection --- */
/* NULL: no memory; then both stay the caller's. */
struct client *client_create(struct edge *edge, int fd, struct tls_stream *tls);
void client_mark(struct client *client);
void client_turn(struct client *client);                   /* may destroy it */
void client_expire(struct client *client, int64_t now_us); /* may mark it broken */
void client_destroy(struct client *client);
size_t client_unsent(const struct client *client);
/* Moves what is unread to the front; what lay before `from` is gone. */
void client_pull(struct client *client, size_t from);
/* Room for so many more bytes; NULL, and the client broken, when there is no memory. */
uint8_t *client_reserve(struct client *client, struct buffer *buffer, size_t bytes_count);

/* --- http_request.c, oap_client.c: heads. True: something was done, look again. --- */
bool http_request_step(struct client *client);
/* How a request that is being read will be refused, as far as its path is known. */
void http_request_classify(const struct client *client, struct exchange *exchange);
bool oap_client_step(struct client *client);
void oap_client_answer(struct client *client, struct buffer *to, const struct exchange *exchange,
	uint16_t verb, struct slice body, bool is_last);
void oap_client_replayed(struct client *client, struct buffer *to, const struct exchange *exchange);
void oap_client_event(struct exchange *exchange, struct slice body);
/* Before the first piece of an answer; never left out. */
void oap_client_tell(struct exchange *exchange, uint16_t verb, struct slice body);

/* --- oap_upload.c: objects in a stream of frames --- */
bool oap_upload_step(struct client *client);
/* A frame with so many bytes, of those that are still to come. */
bool oap_upload_fits(uint64_t left, uint64_t payload_bytes, bool is_last);

/* --- intake.c: bodies --- */
void intake_begin(
	struct client *client, struct exchange *exchange, struct slice token, bool wants_continue);
bool intake_step(struct client *client);
void intake_proceed(struct client *client);
/* Some of a body in pieces was passed on: it was the last, or has to wait, or goes on. */
void intake_passed(struct client *client);
/* The exchange is answered before its body was taken: decides what becomes of the rest. */
void intake_settle(struct client *client, struct exchange *exchange);
void intake_next(struct client *client, bool close); /* a new head, or nothing any more */

/* --- exchange.c: requests and their answers --- */
struct answer {
	uint16_t status;
	uint16_t oap_verb;        /* 0: that of the request */
	const char *content_type; /* NULL: application/json */
	enum read_cache cache;
	uint64_t total_bytes; /* what the head tells, if not the length of `body` */
	struct slice body;
	uint32_t retry_after_s;
	uint32_t allow;
	bool until_close;                      /* a stream; the exchange has close set */
	bool authenticate;                     /* 401 */
	bool replayed;                         /* of an operation that was done before */
	const struct http_reply_field *fields; /* others, of an object */
	size_t fields_count;
};

/* Whether one more may begin now; if not, the client is blocked until an answer is out. */
bool exchange_may_begin(struct client *client, enum route route, bool is_write);
struct exchange *exchange_begin(struct client *client, enum route route, enum http_method method);
void exchange_answer(struct exchange *exchange, const struct answer *answer);
/* A piece of one; the first has the head, and the last is the answer's end. */
void exchange_answer_piece(
	struct exchange *exchange, const struct answer *answer, bool is_first, bool is_last);
/* reason: REASON_NONE: that of the status. text: "" or a sentence. */
/* Counts and logs what is refused here; text is ours, never the client's. */
void exchange_note_refusal(
	const struct exchange *exchange, uint16_t status, enum reason reason, const char *text);
void exchange_refuse(
	struct exchange *exchange, uint16_t status, enum reason reason, const char *text);
/* api_reason: NONE: that of status and reason. */
void exchange_refuse_api(struct exchange *exchange, uint16_t status, enum reason reason,
	enum api_reason api_reason, const char *text);
void exchange_refuse_as(
	struct exchange *exchange, const struct refusal *refusal, struct answer answer);
/* Lost, or past its deadline: whether it was done, nobody knows. */
void exchange_fail(struct exchange *exchange, const char *text);
void exchange_cancel(struct exchange *exchange); /* its client is gone */
bool exchange_is_write(const struct exchange *exchange);

/* --- dispatch.c: into other hands --- */
struct ask {
	struct slice token, query, body;
	uint32_t body_bytes;
	uint64_t offset;
	uint64_t deadline_mono_ms;
};
/* ERR_STALE: nobody is there. ERR_BUSY: no credit anywhere, or no ticket. */
MUST_CHECK enum err dispatch_request(struct exchange *exchange, const struct ask *ask);
MUST_CHECK enum err dispatch_probe(struct exchange *exchange, uint64_t deadline_mono_ms);
/* False when its prevalidator is gone. */
bool dispatch_body(const struct exchange *exchange, uint32_t offset, struct slice bytes);
void dispatch_end(struct exchange *exchange); /* closes the ticket, if it has one */
void dispatch_abandon(struct exchange *exchange);
void dispatch_lost(struct edge *edge, const struct oap_from *whom);
void dispatch_overdue(struct edge *edge, int64_t now_us);
/* Answers what may not go on now: draining, not ready, rate. True: it was answered. */
bool dispatch_gate(struct exchange *exchange);
void dispatch_refuse(struct exchange *exchange, enum err err);

/* --- traces.c: which requests are traced (common/trace.h) --- */
void traces_open(struct edge *edge, const struct config *config);
/* parent: the client's traceparent, or nothing. */
void traces_decide(struct exchange *exchange, struct slice parent);
/* The lowest bit of a ticket says whether it is traced. */
uint64_t traces_mark(struct exchange *exchange, uint64_t random);
void traces_keep_ticket(struct exchange *exchange, uint64_t number);
void traces_answered(struct exchange *exchange, uint16_t status, int64_t now_us);

/* --- pull.c: answers in pieces --- */
/* Keeps what may have to be asked again; false: no memory. */
MUST_CHECK bool pull_keep(struct exchange *exchange, const struct ask *ask);
void pull_forget(struct exchange *exchange);
bool pull_has_begun(const struct exchange *exchange);
/* It is the piece that was asked for, and all if the question was of the short ones. */
bool pull_fits(const struct exchange *exchange, const struct oap_blob *msg);
/* It is taken; true: it was the last. */
bool pull_note(struct exchange *exchange, const struct oap_blob *msg);
/* Of an object: that the answer is `count` bytes from `first` on, of which some are there; true:
 * all. The rest is asked for piece by piece. */
bool pull_begin(struct exchange *exchange, uint64_t first, uint64_t count, size_t there);
bool pull_is_at(const struct exchange *exchange, uint64_t offset);
/* The next piece, cut to what is wanted of it; true: it was the last. */
bool pull_take(struct exchange *exchange, struct slice *bytes);
void pull_step(struct client *client);       /* asks for the next piece if there is room for it */
bool pull_is_waiting(struct client *client); /* to be asked again */
/* A piece was refused: true when it is asked for again a little later. */
MUST_CHECK bool pull_may_wait(struct exchange *exchange, uint16_t status);
void pull_break(struct exchange *exchange);

/* --- events.c: GET /v1/events --- */
/* Keeps what is asked again and again; false: no memory. */
MUST_CHECK bool events_keep(struct exchange *exchange, const struct ask *ask, bool is_stream);
void events_forget(struct exchange *exchange);
MUST_CHECK enum err events_take(struct exchange *exchange, const struct oap_events *msg);
void events_step(struct client *client); /* asks for the next page when it is time */
bool events_is_due(struct client *client, int64_t now_us);
/* True: the refusal is no answer, because the answer has begun, and ends or goes on later; or the
 * client waits for the ledger to grow, and goes on waiting. */
MUST_CHECK bool events_refused(struct exchange *exchange, uint16_t status);
void events_grew(struct edge *edge, uint64_t size);

/* --- watch.c: GET /events of the admin plane --- */
/* has_cursor: the client has seen all up to the event of that id. False: no memory, or no room for
 * one more. */
MUST_CHECK bool watch_keep(
	struct exchange *exchange, const struct ask *ask, bool has_cursor, uint64_t cursor);
void watch_forget(struct exchange *exchange);
void watch_allowed(struct exchange *exchange); /* the token is good, still */
/* True: the refusal is no answer, because the answer has begun, and ends or goes on. */
MUST_CHECK bool watch_refused(struct exchange *exchange, uint16_t status);
MUST_CHECK enum err watch_told(struct edge *edge, const struct oap_node_event *msg);
void watch_step(struct client *client);
bool watch_is_due(struct client *client, int64_t now_us);

/* --- administration.c: what the supervisor answers, and documents --- */
MUST_CHECK enum err administration_take(
	struct exchange *exchange, const struct oap_admin_answer *msg);

/* --- objects.c --- */
/* Keeps what an HTTP client wishes beside the whole; false: no memory. May change `ask`. */
MUST_CHECK bool objects_keep(
	struct exchange *exchange, const struct http_head *head, struct ask *ask);
void objects_forget(struct exchange *exchange);
/* What archive says; of an exchange that is gone (NULL) it is only checked. */
MUST_CHECK enum err objects_take(struct exchange *exchange, const struct oap_object *msg);
MUST_CHECK enum err objects_put_done(struct exchange *exchange, const struct oap_put_done *msg);
MUST_CHECK enum err objects_put_want(struct exchange *exchange, const struct oap_put_want *msg);
bool objects_send(const struct exchange *exchange, uint32_t offset, struct slice bytes);
void objects_drop(const struct exchange *exchange);

/* --- rewards.c --- */
MUST_CHECK enum err rewards_take(struct exchange *exchange, const struct oap_run_reply *msg);
/* If-None-Match of a read, in `variable`: a longer list than fits is as good as none. */
void rewards_keep(struct exchange *exchange, const struct http_head *head);

/* --- documents.c: what is generated from docs/ --- */
#define DOCUMENTS_TAG_BYTES 32u
struct slice documents_openapi(void);
struct slice documents_compute_schema(void);
struct slice documents_schemas(void); /* the list */
/* Of a document its entity tag, without quotes; *ret_schema is empty when there is none of the
 * name. */
const char *documents_tag(struct slice document);
struct slice documents_schema(struct slice name);

/* --- exposition.c: /metrics --- */
void exposition_open(struct edge *edge);
void exposition_answer(struct exchange *exchange, bool openmetrics);

#endif
