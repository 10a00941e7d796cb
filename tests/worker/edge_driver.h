#ifndef TESTS_WORKER_EDGE_DRIVER_H
#define TESTS_WORKER_EDGE_DRIVER_H

/* A real mn-ingress or mn-admin: the test is its clients on one side, and on the other the
 * supervisor, a prevalidator and the owners. Whatever goes wrong fails the running test. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/metrics.h"
#include "common/routes.h"
#include "core/detail.h"
#include "tests/worker/harness.h"

extern struct harness h;
extern struct harness_link *checker, *sequencer, *archive;
extern const struct oap_readiness all_ready;

struct conn {
	int fd;
	char *in; /* owned */
	size_t used;
};

struct response {
	int status;
	char head[4096];
	char *body; /* in the connection's buffer until the next read */
	size_t body_bytes;
};

#define HOST        "Host: localhost\r\n"
#define BEARER      "Authorization: Bearer token\r\n"
#define JSON        "Content-Type: application/json\r\n"
#define GET(path)   "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define INGEST_HEAD "POST /ingest HTTP/1.1\r\n" HOST BEARER JSON

#define ZERO_ROOT "0000000000000000000000000000000000000000000000000000000000000000"

/* --- the worker --- */

void start_alone(void); /* without a link or a word about the node */
void start(void);       /* with all of them, and ready */
int set_up_ingress(void **state);
int tear_down(void **state);

void give_tcp(void); /* another listener, in a reload; connect_tcp() goes there from now on */
uint16_t tcp_port(void);

/* The value of a counter of the worker. */
uint64_t counted(enum metric metric, size_t label);

/* --- clients --- */

/* NULL: nobody listens there. */
struct conn *connect_tcp(void);
struct conn *connect_port(uint16_t to);
struct conn *connect_from(const char *address); /* of 127.0.0.0/8 */
struct conn *connect_local(void);
void hang_up(struct conn *conn);
void close_conns(void);

void say_bytes(struct conn *conn, const void *bytes, size_t bytes_count);
void say(struct conn *conn, const char *text);
void say_ingest(struct conn *conn, const char *body);

/* One response. Its body lies in one buffer for all, until the next call. */
struct response hear(struct conn *conn);
struct response hear_of(struct conn *conn, bool is_head);
struct response expect(struct conn *conn, int status);
void expect_body(const struct response *response, const char *text);
/* The value of a field in the head, or NULL; in one buffer for all. */
const char *field(const struct response *response, const char *name);
/* So many bytes, not HTTP. */
const char *hear_bytes(struct conn *conn, size_t bytes_count);
void forget(struct conn *conn, size_t bytes_count);

void expect_end(struct conn *conn);
/* Nothing has been said to it, though the worker has taken all that was sent before. */
void expect_silence(struct conn *conn);

/* --- siblings --- */

void expect_slice(struct slice got, const char *text);
/* The prevalidator's next request, which must be of that route; its ticket. */
uint64_t take_request(enum route route, struct oap_request *ret_request);
uint64_t take(enum route route);
void admit(uint64_t ticket, uint64_t seq);
void refuse(uint64_t ticket, uint16_t status, enum reason reason, const char *detail);

#endif
