#include "tests/worker/edge_driver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/worker/pages.h"

#define CONN_BYTES (2u * 1024u * 1024u)

struct harness h;
struct harness_link *checker, *sequencer, *archive;
static struct metrics_page *page; /* of the worker */
static uint16_t port;
static char local_path[100];

/* --- the node --- */

static int listen_on(const struct sockaddr *address, socklen_t bytes)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, address, bytes), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

void give_tcp(void)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t bytes = sizeof in4;
	int fd = listen_on((struct sockaddr *)&in4, sizeof in4);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in4, &bytes), 0);
	port = ntohs(in4.sin_port);
	harness_give_fd(&h, SETUP_FD_LISTEN_TCP, 0, fd);
	close(fd);
}

static void give_listeners(void)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	int fd;

	give_tcp();
	if (h.process == PROCESS_ADMIN) {
		return;
	}
	harness_path(&h, "socket", local_path, sizeof local_path);
	(void)unlink(local_path);
	memcpy(local.sun_path, local_path, sizeof local_path);
	fd = listen_on((struct sockaddr *)&local, sizeof local);
	assert_int_equal(chmod(local_path, 0666), 0);
	harness_give_fd(&h, SETUP_FD_LISTEN_UDS, 0, fd);
	close(fd);
}

static void give_page(void)
{
	int reader_fd;

	page = pages_give(&h, &reader_fd);
	if (h.process == PROCESS_ADMIN) {
		harness_give_fd(&h, SETUP_FD_PAGE, h.process << 8, reader_fd);
	}
	close(reader_fd);
}

/* The value of a counter of the worker. */
uint64_t counted(enum metric metric, size_t label)
{
	return pages_counted(page, metric, label);
}

const struct oap_readiness all_ready = {
	.ready = 1,
	.kms_ready = 1,
	.sequencer_ready = 1,
	.committer_ready = 1,
	.archive_ready = 1,
	.wallet_ready = 1,
	.prevalidator_ready = 1,
	.lag_ms = 3,
};

void start_alone(void)
{
	harness_start_begin(&h);
	give_page();
	give_listeners();
	harness_start_end(&h);
	harness_expect_up(&h);
}

void start(void)
{
	start_alone();
	checker = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	harness_send_readiness(&h.control, 0, &all_ready);
	harness_settle(&h);
}

int set_up_ingress(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_INGRESS);
	return 0;
}

/* --- clients --- */

#define CONNS_MAX 64u
static struct conn conns[CONNS_MAX];
static size_t conn_count;

static struct conn *open_fd(int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct conn *conn = &conns[conn_count++];
	struct timeval wait = { .tv_sec = HARNESS_WAIT_MS / 1000 };

	assert_true(conn_count <= CONNS_MAX);
	conn->fd = fd;
	conn->in = malloc(CONN_BYTES);
	conn->used = 0;
	assert_non_null(conn->in);
	assert_int_equal(setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
	if (connect(conn->fd, address, bytes) == 0) {
		return conn;
	}
	hang_up(conn);
	return NULL;
}

static struct conn *open_conn(const struct sockaddr *address, socklen_t bytes)
{
	return open_fd(socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), address, bytes);
}

uint16_t tcp_port(void)
{
	return port;
}

struct conn *connect_tcp(void)
{
	return connect_port(port);
}

struct conn *connect_port(uint16_t to)
{
	struct sockaddr_in in4 = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
		.sin_port = htons(to),
	};

	return open_conn((struct sockaddr *)&in4, sizeof in4);
}

struct conn *connect_from(const char *address)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, address, &in4.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&in4, sizeof in4), 0);
	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in4.sin_port = htons(port);
	return open_fd(fd, (struct sockaddr *)&in4, sizeof in4);
}

struct conn *connect_local(void)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };

	memcpy(local.sun_path, local_path, sizeof local_path);
	return open_conn((struct sockaddr *)&local, sizeof local);
}

void close_conns(void)
{
	for (size_t i = 0; i < conn_count; i++) {
		if (conns[i].fd >= 0) {
			close(conns[i].fd);
		}
		free(conns[i].in);
	}
	conn_count = 0;
}

void hang_up(struct conn *conn)
{
	close(conn->fd);
	conn->fd = -1;
	while (conn_count > 0 && conns[conn_count - 1].fd < 0) {
		free(conns[--conn_count].in);
	}
}

int tear_down(void **state)
{
	(void)state;
	close_conns();
	harness_finish(&h);
	return 0;
}

void say_bytes(struct conn *conn, const void *bytes, size_t bytes_count)
{
	size_t done = 0;

	while (done < bytes_count) {
		ssize_t sent = send(
			conn->fd, (const char *)bytes + done, bytes_count - done, MSG_NOSIGNAL);
		assert_true(sent > 0);
		done += (size_t)sent;
	}
}

void say(struct conn *conn, const char *text)
{
	say_bytes(conn, text, strlen(text));
}

/* False at the end of the stream. */
static bool hear_more(struct conn *conn)
{
	ssize_t got = recv(conn->fd, conn->in + conn->used, CONN_BYTES - 1 - conn->used, 0);

	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		fail_msg("nothing came within %d ms", HARNESS_WAIT_MS);
	}
	if (got <= 0) {
		return false;
	}
	conn->used += (size_t)got;
	conn->in[conn->used] = '\0';
	return true;
}

void forget(struct conn *conn, size_t bytes_count)
{
	conn->used -= bytes_count;
	memmove(conn->in, conn->in + bytes_count, conn->used);
	conn->in[conn->used] = '\0';
}

/* The value of a field in the head, or NULL; in a buffer of its own. */
const char *field(const struct response *response, const char *name)
{
	static char value[512];
	const char *line = strstr(response->head, "\r\n");

	while (line != NULL && line[2] != '\0') {
		line += 2;
		if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
			size_t bytes = strcspn(line + strlen(name) + 2, "\r");
			(void)snprintf(
				value, sizeof value, "%.*s", (int)bytes, line + strlen(name) + 2);
			return value;
		}
		line = strstr(line, "\r\n");
	}
	return NULL;
}

/* One response; that of a HEAD has no body. The body's bytes are good until the next call. */
struct response hear_of(struct conn *conn, bool is_head)
{
	static char bodies[CONN_BYTES];
	struct response response = { .status = 0, .body = bodies };
	const char *length;
	char *end;

	conn->in[conn->used] = '\0';
	while ((end = strstr(conn->in, "\r\n\r\n")) == NULL) {
		if (!hear_more(conn)) {
			fail_msg("the connection ended after \"%s\"", conn->in);
		}
	}
	(void)snprintf(
		response.head, sizeof response.head, "%.*s", (int)(end + 2 - conn->in), conn->in);
	forget(conn, (size_t)(end + 4 - conn->in));
	assert_memory_equal(response.head, "HTTP/1.1 ", 9);
	response.status = (int)strtol(response.head + 9, NULL, 10);
	length = field(&response, "Content-Length");
	response.body_bytes = length == NULL || is_head ? 0 : strtoul(length, NULL, 10);
	while (conn->used < response.body_bytes) {
		assert_true(hear_more(conn));
	}
	memcpy(bodies, conn->in, response.body_bytes);
	bodies[response.body_bytes] = '\0';
	forget(conn, response.body_bytes);
	return response;
}

const char *hear_bytes(struct conn *conn, size_t bytes_count)
{
	while (conn->used < bytes_count) {
		if (!hear_more(conn)) {
			fail_msg("the connection ended after %zu bytes", conn->used);
		}
	}
	return conn->in;
}

struct response hear(struct conn *conn)
{
	return hear_of(conn, false);
}

struct response expect(struct conn *conn, int status)
{
	struct response response = hear(conn);

	if (response.status != status) {
		fail_msg("answered %s%s, not %d", response.head, response.body, status);
	}
	return response;
}

void expect_body(const struct response *response, const char *text)
{
	assert_string_equal(response->body, text);
}

void expect_end(struct conn *conn)
{
	if (conn->used > 0 || hear_more(conn)) {
		fail_msg("more came: \"%s\"", conn->in);
	}
}

/* Nothing has been said to it, though the worker has taken all that was sent before. */
void expect_silence(struct conn *conn)
{
	char byte;

	harness_settle(&h);
	assert_int_equal(conn->used, 0);
	assert_int_equal(recv(conn->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
}

/* --- requests --- */

void say_ingest(struct conn *conn, const char *body)
{
	char text[20000];

	(void)snprintf(
		text, sizeof text, INGEST_HEAD "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
	say(conn, text);
}

void expect_slice(struct slice got, const char *text)
{
	assert_int_equal(got.bytes_count, strlen(text));
	assert_memory_equal(got.bytes, text, strlen(text));
}

/* The prevalidator's next request, which must be of that route. */
uint64_t take_request(enum route route, struct oap_request *ret_request)
{
	uint64_t ticket = harness_expect_request(checker, ret_request);

	assert_int_equal(ret_request->route, route);
	return ticket;
}

uint64_t take(enum route route)
{
	struct oap_request request;

	return take_request(route, &request);
}

void admit(uint64_t ticket, uint64_t seq)
{
	harness_send_verdict(sequencer, ticket,
		&(struct oap_verdict){ .status = 200,
			.accepted = 1,
			.seq_start = seq,
			.seq_end = seq,
			.root_known = 1 });
}

void refuse(uint64_t ticket, uint16_t status, enum reason reason, const char *detail)
{
	harness_send_refused(checker, ticket,
		&(struct oap_refused){ .status = status,
			.reason = (uint8_t)reason,
			.detail = { (const uint8_t *)detail, strlen(detail) } });
}
