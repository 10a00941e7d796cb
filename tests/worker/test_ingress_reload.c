/* A reload, as an edge sees it; and what a worker of any role makes of one, which is the same code
 * (common/worker_reload.c). */
#include <dirent.h>
#include <unistd.h>

#include "tests/skip.h"
#include "tests/worker/edge_driver.h"

/* --- limits --- */

static int status_with_body(size_t bytes)
{
	static char body[65536];
	struct conn *conn = connect_tcp();
	struct response response;
	char head[160];

	memset(body, ' ', sizeof body);
	(void)snprintf(head, sizeof head, INGEST_HEAD "Content-Length: %zu\r\n\r\n", bytes);
	say(conn, head);
	say_bytes(conn, body, bytes);
	response = hear(conn);
	hang_up(conn);
	return response.status;
}

/* Goal: nothing of it holds before COMMIT, nothing after ABORT, all of it after COMMIT. */
static void what_is_prepared_is_not_in_force(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	h.config.limits_max_body_bytes = 1024;
	h.config.api_host_names.count = 1;
	(void)snprintf(h.config.api_host_names.texts[0], CONFIG_NAME_BYTES_MAX, "ledger.example");
	conn = connect_tcp();
	harness_prepare(&h, 2, 0);
	say(conn, "GET /healthz HTTP/1.1\r\nHost: ledger.example\r\n\r\n");
	(void)expect(conn, 421);
	harness_abort(&h, 2);
	conn = connect_tcp();
	say(conn, "GET /healthz HTTP/1.1\r\nHost: ledger.example\r\n\r\n");
	(void)expect(conn, 421);
	harness_prepare(&h, 3, 0);
	harness_commit(&h, 3);
	conn = connect_tcp();
	say(conn, "GET /healthz HTTP/1.1\r\nHost: ledger.example\r\n\r\n");
	(void)expect(conn, 200);
	assert_int_equal(status_with_body(1025), 413);
}

/* Goal: a request runs under one configuration from head to answer. */
static void a_request_keeps_what_it_began_with(void **state)
{
	static char body[4096];
	struct oap_request request;
	struct conn *conn;
	char head[160];
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	(void)snprintf(head, sizeof head, INGEST_HEAD "Content-Length: %zu\r\n\r\n", sizeof body);
	say(conn, head);
	expect_silence(conn);
	h.config.limits_max_body_bytes = 1024;
	harness_reload(&h);
	memset(body, ' ', sizeof body);
	say_bytes(conn, body, sizeof body);
	ticket = take_request(ROUTE_INGEST, &request);
	assert_int_equal(request.config_generation, 1);
	assert_int_equal(request.body_bytes, sizeof body);
	admit(ticket, 1);
	(void)expect(conn, 200);
	say_ingest(conn, "{}");
	ticket = take_request(ROUTE_INGEST, &request);
	assert_int_equal(request.config_generation, 2);
	admit(ticket, 2);
	(void)expect(conn, 200);
}

/* Let in, it meets nobody: 503. */
static int probe(struct conn *conn)
{
	say(conn, GET("/roots"));
	return hear(conn).status;
}

/* Of the bucket itself: tests/unit/test_limiter.c. */
static void the_rate_changes(void **state)
{
	struct conn *conn;
	unsigned spent = 0;

	(void)state;
	start_alone();
	harness_send_readiness(&h.control, 0, &all_ready);
	harness_settle(&h);
	conn = connect_tcp();
	for (int i = 0; i < 20; i++) {
		assert_int_equal(probe(conn), 503);
	}
	h.config.limits_rps = 1;
	harness_reload(&h);
	while (probe(conn) != 429) {
		assert_true(++spent < 100000);
	}
	h.config.limits_rps = 0;
	harness_reload(&h);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(probe(conn), 503);
	}
}

/* --- listeners --- */

static size_t open_files(void)
{
	char path[64];
	size_t count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)h.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL) {
		count++;
	}
	(void)closedir(dir);
	return count;
}

static void a_listener_is_replaced_and_connections_stay(void **state)
{
	struct conn *conn, *waiting;
	uint16_t old_port;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	old_port = tcp_port();
	give_tcp();
	harness_prepare(&h, 2, 0);
	waiting = connect_port(old_port);
	harness_commit(&h, 2);
	say(waiting, GET("/healthz"));
	(void)expect(waiting, 200);
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	assert_null(connect_port(old_port));
	conn = connect_tcp();
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	conn = connect_local();
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
}

static void the_local_socket_can_go(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = connect_local();
	harness_prepare(&h, 2, 1u << SETUP_FD_LISTEN_UDS);
	harness_commit(&h, 2);
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	assert_null(connect_local());
}

static void what_is_dropped_is_closed(void **state)
{
	uint16_t old_port;
	size_t before;

	(void)state;
	if (geteuid() != 0) {
		SKIP_ALOUD("only root may look into a worker");
	}
	start();
	before = open_files();
	old_port = tcp_port();
	give_tcp();
	harness_prepare(&h, 2, 0);
	harness_settle(&h);
	assert_int_equal(open_files(), before + 1);
	harness_abort(&h, 2);
	assert_int_equal(open_files(), before);
	assert_null(connect_tcp());
	assert_non_null(connect_port(old_port));
	give_tcp(); /* and no PREPARE behind it */
	harness_abort(&h, 3);
	harness_settle(&h);
	assert_null(connect_tcp());
}

/* --- what a worker refuses, and what it does not survive --- */

static void a_key_that_takes_a_restart_is_refused(void **state)
{
	struct oap_config_prepared prepared;
	uint64_t conns_max;

	(void)state;
	start();
	conns_max = h.config.api_max_conns;
	h.config.api_max_conns = 7;
	h.config.limits_max_body_bytes = 1024;
	harness_ask(&h, 2, 0);
	(void)harness_expect_config_prepared(&h.control, &prepared);
	assert_int_equal(prepared.status, ERR_DENIED);
	expect_slice(prepared.text, "api.max_conns cannot change without a restart");
	harness_abort(&h, 2);
	h.config.api_max_conns = conns_max;
	h.config_generation = 2; /* that number is spent */
	harness_reload(&h);
	assert_int_equal(status_with_body(1025), 413);
}

static void orders_that_make_no_sense_end_it(void **state)
{
	(void)state;
	start();
	harness_send_config_commit(&h.control, 0, &(struct oap_config_commit){ 2 });
	harness_expect_refusal(&h, "CONFIG_COMMIT is CONFLICT");
	start();
	harness_prepare(&h, 2, 0);
	harness_send_config_commit(&h.control, 0, &(struct oap_config_commit){ 3 });
	harness_expect_refusal(&h, "CONFIG_COMMIT is CONFLICT");
	start();
	harness_prepare(&h, 2, 0);
	harness_ask(&h, 3, 0);
	harness_expect_refusal(&h, "CONFIG_PREPARE is CONFLICT");
	start();
	harness_reload(&h);
	harness_ask(&h, 2, 0);
	harness_expect_refusal(&h, "CONFIG_PREPARE is CONFLICT");
	start();
	harness_give_fd(&h, SETUP_FD_LOG, 0, STDERR_FILENO);
	harness_expect_refusal(&h, "SETUP_FD is CONFLICT");
	start();
	harness_send_config_prepare(&h.control, 0,
		&(struct oap_config_prepare){
			.config_generation = 2, .config = { (const uint8_t *)"short", 5 } });
	harness_expect_refusal(&h, "CONFIG_PREPARE is MALFORMED");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_prepared_is_not_in_force),
		TEST(a_request_keeps_what_it_began_with),
		TEST(the_rate_changes),
		TEST(a_listener_is_replaced_and_connections_stay),
		TEST(the_local_socket_can_go),
		TEST(what_is_dropped_is_closed),
		TEST(a_key_that_takes_a_restart_is_refused),
		TEST(orders_that_make_no_sense_end_it),
	};
#undef TEST

	return cmocka_run_group_tests_name("ingress reload", tests, NULL, NULL);
}
