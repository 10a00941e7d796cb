/* How much one of many may have: requests and connections, of an address, of a local user and of
 * all. Of the buckets themselves: tests/unit/test_limiter.c. */
#include <stdlib.h>
#include <unistd.h>

#include "proto/frame.h"
#include "tests/worker/edge_driver.h"

/* Nobody is linked: who is let in meets nobody and hears 503. */
#define LET_IN  503
#define REFUSED 429

static void begin(void)
{
	start_alone();
	harness_send_readiness(&h.control, 0, &all_ready);
	harness_settle(&h);
}

static struct response ask(struct conn *conn)
{
	say(conn, GET("/roots"));
	return hear(conn);
}

static int probe(struct conn *conn)
{
	return ask(conn).status;
}

static int number(const struct response *response, const char *name)
{
	const char *value = field(response, name);

	return value == NULL ? -1 : (int)strtol(value, NULL, 10);
}

/* --- rates --- */

/* Goal: who asks too much is told so, and nobody else is. The rates are so low that a slow machine
 * refills no bucket meanwhile, or one whole request a second: then it is let in once more. */
static void a_peer_over_its_rate_takes_nothing_from_another(void **state)
{
	struct conn *greedy, *other;
	int let_in = 0;

	(void)state;
	h.config.limits_peer_rps = 1;
	h.config.limits_peer_burst = 3;
	begin();
	greedy = connect_from("127.0.0.1");
	other = connect_from("127.0.0.2");
	while (probe(greedy) == LET_IN) {
		assert_true(++let_in < 1000);
	}
	assert_true(let_in >= 3);
	assert_int_equal(probe(other), LET_IN);
	assert_int_equal(counted(METRIC_RATE_LIMITED, METRIC_RATE_LIMIT_PEER), 1);
	assert_int_equal(counted(METRIC_RATE_LIMITED, METRIC_RATE_LIMIT_NODE), 0);
	assert_int_equal(counted(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN), 1);
}

static void another_connection_is_the_same_peer(void **state)
{
	struct conn *conn;
	int let_in = 0;

	(void)state;
	h.config.limits_peer_rps = 1;
	begin();
	conn = connect_from("127.0.0.1");
	while (probe(conn) == LET_IN) {
		hang_up(conn);
		conn = connect_from("127.0.0.1");
		assert_true(++let_in < 1000);
	}
}

/* Goal: what is refused to a peer is not taken from all. */
static void a_peer_that_is_refused_costs_the_node_nothing(void **state)
{
	struct conn *greedy, *other;
	struct response response;

	(void)state;
	h.config.limits_peer_rps = 1;
	h.config.limits_rps = 1;
	h.config.limits_burst = 50;
	begin();
	greedy = connect_from("127.0.0.1");
	other = connect_from("127.0.0.2");
	for (int i = 0; i < 60; i++) {
		(void)probe(greedy);
	}
	response = ask(other);
	assert_int_equal(response.status, LET_IN);
}

static void each_answer_tells_what_is_left(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	h.config.limits_rps = 10;
	h.config.limits_burst = 20;
	h.config.concurrency_ingress_workers = 2; /* of both we keep half */
	begin();
	conn = connect_tcp();
	response = ask(conn);
	assert_int_equal(response.status, LET_IN);
	assert_int_equal(number(&response, "X-RateLimit-Limit"), 5);
	assert_int_equal(number(&response, "X-RateLimit-Remaining"), 9);
	assert_int_equal(number(&response, "X-RateLimit-Reset"), 1);
	do {
		response = ask(conn);
	} while (response.status == LET_IN);
	assert_int_equal(response.status, REFUSED);
	assert_int_equal(number(&response, "X-RateLimit-Remaining"), 0);
	assert_int_equal(number(&response, "X-RateLimit-Reset"), 2);
	assert_int_equal(number(&response, "Retry-After"), 1);
	say(conn, GET("/healthz")); /* not rationed, and it says nothing of a rate */
	response = expect(conn, 200);
	assert_int_equal(number(&response, "X-RateLimit-Limit"), -1);
}

static void without_a_limit_nothing_is_told(void **state)
{
	struct response response;

	(void)state;
	begin();
	response = ask(connect_tcp());
	assert_int_equal(number(&response, "X-RateLimit-Limit"), -1);
}

/* Goal: of two limits the answer tells of the one that is met first. */
static void the_tighter_limit_is_told(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	h.config.limits_rps = 100;
	h.config.limits_peer_rps = 7;
	begin();
	conn = connect_tcp();
	response = ask(conn);
	assert_int_equal(number(&response, "X-RateLimit-Limit"), 7);
	h.config.limits_rps = 3;
	harness_reload(&h);
	response = ask(conn);
	assert_int_equal(number(&response, "X-RateLimit-Limit"), 3);
}

static void a_reload_changes_the_rates(void **state)
{
	struct conn *conn;
	int let_in = 0;

	(void)state;
	begin();
	conn = connect_tcp();
	for (int i = 0; i < 20; i++) {
		assert_int_equal(probe(conn), LET_IN);
	}
	h.config.limits_peer_rps = 1;
	harness_reload(&h);
	while (probe(conn) == LET_IN) {
		assert_true(++let_in < 1000);
	}
	h.config.limits_peer_rps = 0;
	harness_reload(&h);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(probe(conn), LET_IN);
	}
}

/* --- the local socket --- */

static void say_roots(struct conn *conn)
{
	struct frame_head head = { .flags = FRAME_REQ | FRAME_END, .verb = 0x0011, .corr_id = 7 };
	uint8_t bytes[FRAME_HEAD_BYTES];

	frame_encode(&head, bytes);
	say_bytes(conn, bytes, sizeof bytes);
}

static void hear_error(struct conn *conn, char text[512])
{
	struct frame_head head;
	const uint8_t *bytes = (const uint8_t *)hear_bytes(conn, FRAME_HEAD_BYTES);

	assert_int_equal(frame_decode((struct slice){ bytes, FRAME_HEAD_BYTES }, &head), FRAME_OK);
	assert_in_range(head.payload_bytes, 1, 511);
	bytes = (const uint8_t *)hear_bytes(conn, FRAME_HEAD_BYTES + head.payload_bytes);
	memcpy(text, bytes + FRAME_HEAD_BYTES, head.payload_bytes);
	text[head.payload_bytes] = '\0';
	forget(conn, FRAME_HEAD_BYTES + head.payload_bytes);
}

/* Goal: OAP has no fields; what HTTP says in them stands in the answer. */
static void a_user_over_its_rate_hears_it_in_oap(void **state)
{
	struct conn *conn, *tcp;
	char text[512];
	int let_in = -1;

	(void)state;
	h.config.limits_uid_rps = 1;
	begin();
	conn = connect_local();
	tcp = connect_tcp();
	do {
		assert_true(++let_in < 1000);
		say_roots(conn);
		hear_error(conn, text);
	} while (strstr(text, "\"NotReady\"") != NULL);
	assert_true(let_in >= 1);
	assert_non_null(strstr(text, "\"Busy\""));
	assert_non_null(strstr(text, "\"retry_after\":1"));
	assert_non_null(strstr(text, "\"rate_limit\":{\"limit\":1,\"remaining\":0,\"reset\":1}"));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(probe(tcp), LET_IN); /* limits.peer_rps is another */
	}
}

/* Goal: who administers the machine gets in when the network has taken every place. */
static void the_local_socket_has_places_of_its_own(void **state)
{
	struct conn *one, *two, *local;

	(void)state;
	h.config.api_max_conns = 2;
	begin();
	one = connect_tcp();
	two = connect_tcp();
	say(one, GET("/healthz"));
	(void)expect(one, 200);
	say(two, GET("/healthz"));
	(void)expect(two, 200);
	(void)expect(connect_tcp(), 503);
	assert_int_equal(counted(METRIC_CONNECTIONS_REFUSED, METRIC_CONN_REFUSAL_FULL), 1);
	for (int i = 0; i < 5; i++) {
		local = connect_local();
		say(local, GET("/healthz"));
		(void)expect(local, 200);
	}
}

/* Goal: a flood waits for itself. All of them speak in the same turn, and whoever is local has it
 * first, then who showed a good token, and then the others. */
static void who_is_local_or_known_does_not_wait_for_the_others(void **state)
{
	struct conn *others[8], *known, *local;
	struct oap_request request;

	(void)state;
	start();
	known = connect_tcp();
	local = connect_local();
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		others[i] = connect_tcp();
		say(others[i], GET("/healthz"));
		(void)expect(others[i], 200);
	}
	say(local, GET("/healthz"));
	(void)expect(local, 200);
	say_ingest(known, "{}");
	admit(take(ROUTE_INGEST), 1);
	(void)expect(known, 200);

	harness_halt(&h);
	for (size_t i = 0; i < COUNT_OF(others) / 2; i++) {
		say(others[i], GET("/entries/7"));
	}
	say_ingest(known, "{}");
	say(local, GET("/roots"));
	for (size_t i = COUNT_OF(others) / 2; i < COUNT_OF(others); i++) {
		say(others[i], GET("/entries/7"));
	}
	harness_go_on(&h);
	(void)take_request(ROUTE_ROOTS, &request);
	(void)take_request(ROUTE_INGEST, &request);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		(void)take_request(ROUTE_ENTRY, &request);
	}
}

/* Goal: what everybody gets makes nobody known, whatever he says that his token is. */
static void who_only_reads_what_is_public_is_not_known(void **state)
{
	struct conn *other, *known;
	struct oap_request request;
	const struct oap_roots none = { .next = 1 };

	(void)state;
	start();
	other = connect_tcp();
	known = connect_tcp();
	say(other, "GET /roots HTTP/1.1\r\n" HOST BEARER "\r\n");
	harness_send_roots(archive, take(ROUTE_ROOTS), &none);
	(void)expect(other, 200);
	say_ingest(known, "{}");
	admit(take(ROUTE_INGEST), 1);
	(void)expect(known, 200);
	for (int i = 0; i < 2; i++) { /* in either order of their words */
		harness_halt(&h);
		say(i == 0 ? other : known, i == 0 ? GET("/roots") : GET("/entries/7"));
		say(i == 0 ? known : other, i == 0 ? GET("/entries/7") : GET("/roots"));
		harness_go_on(&h);
		(void)take_request(ROUTE_ENTRY, &request);
		(void)take_request(ROUTE_ROOTS, &request);
	}
}

/* --- connections --- */

static void a_peer_has_as_many_connections_as_it_may(void **state)
{
	struct conn *mine[2], *other;
	struct response response;

	(void)state;
	h.config.limits_peer_conns = 2;
	begin();
	for (int i = 0; i < 2; i++) {
		mine[i] = connect_from("127.0.0.1");
		say(mine[i], GET("/healthz"));
		(void)expect(mine[i], 200);
	}
	response = expect(connect_from("127.0.0.1"), 429);
	assert_int_equal(number(&response, "Retry-After"), 1);
	assert_int_equal(counted(METRIC_CONNECTIONS_REFUSED, METRIC_CONN_REFUSAL_PEER), 1);
	other = connect_from("127.0.0.2");
	say(other, GET("/healthz"));
	(void)expect(other, 200);
	hang_up(mine[0]);
	/* there is room again as soon as the end of the first was seen */
	for (int status = 429; status == 429;) {
		other = connect_from("127.0.0.1");
		say(other, GET("/healthz"));
		status = hear(other).status;
		hang_up(other);
	}
}

/* Goal: whoever only connects, and asks nothing, is a load too. */
static void a_peer_that_connects_too_often_is_told_so(void **state)
{
	struct conn *conn;
	int let_in = 0;

	(void)state;
	h.config.limits_peer_rps = 1;
	h.config.limits_peer_burst = 4;
	begin();
	for (int status = 200; status == 200; let_in++) {
		assert_true(let_in < 1000);
		conn = connect_from("127.0.0.1");
		say(conn, GET("/healthz"));
		status = hear(conn).status;
		assert_true(status == 200 || status == 429);
		hang_up(conn);
	}
	assert_true(let_in > 4);
	assert_int_equal(counted(METRIC_CONNECTIONS_REFUSED, METRIC_CONN_REFUSAL_RATE), 1);
	conn = connect_from("127.0.0.2");
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
}

/* Goal: a bound that is lowered closes nothing, and lets nobody in before there is room. */
static void a_reload_changes_the_bound(void **state)
{
	struct conn *conns[3];

	(void)state;
	begin();
	for (int i = 0; i < 3; i++) {
		conns[i] = connect_from("127.0.0.1");
		say(conns[i], GET("/healthz"));
		(void)expect(conns[i], 200);
	}
	h.config.limits_peer_conns = 1;
	harness_reload(&h);
	(void)expect(connect_from("127.0.0.1"), 429);
	for (int i = 0; i < 3; i++) {
		say(conns[i], GET("/healthz"));
		(void)expect(conns[i], 200);
	}
}

/* --- guesses --- */

/* Goal: who guesses tokens is slowed down though he comes anew each time, and hears 401 again when
 * a second is over; his neighbour is not slowed down at all. */
static void guesses_are_counted_by_address(void **state)
{
	int refused = 0, busy = 0;

	(void)state;
	start();
	for (int i = 0; i < 45; i++) {
		struct conn *conn = connect_from(i < 25 ? "127.0.0.1" : "127.0.0.2");
		int status;

		say(conn, GET("/entries/1"));
		refuse(take(ROUTE_ENTRY), 401, REASON_UNAUTH, "");
		status = hear(conn).status;
		assert_true(status == 401 || (i < 25 && status == 429));
		refused += status == 401;
		busy += status == 429;
		hang_up(conn);
	}
	assert_int_equal(refused + busy, 45);
	assert_int_equal(counted(METRIC_RATE_LIMITED, METRIC_RATE_LIMIT_AUTH), busy);
	assert_in_range(refused, 40, 45);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_peer_over_its_rate_takes_nothing_from_another),
		TEST(another_connection_is_the_same_peer),
		TEST(a_peer_that_is_refused_costs_the_node_nothing),
		TEST(each_answer_tells_what_is_left),
		TEST(without_a_limit_nothing_is_told),
		TEST(the_tighter_limit_is_told),
		TEST(a_reload_changes_the_rates),
		TEST(a_user_over_its_rate_hears_it_in_oap),
		TEST(the_local_socket_has_places_of_its_own),
		TEST(who_is_local_or_known_does_not_wait_for_the_others),
		TEST(who_only_reads_what_is_public_is_not_known),
		TEST(a_peer_has_as_many_connections_as_it_may),
		TEST(a_peer_that_connects_too_often_is_told_so),
		TEST(a_reload_changes_the_bound),
		TEST(guesses_are_counted_by_address),
	};
#undef TEST

	return cmocka_run_group_tests_name("ingress limits", tests, NULL, NULL);
}
