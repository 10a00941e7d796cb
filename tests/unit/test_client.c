#include "client/macronode.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/control.h"
#include "core/bytes.h"
#include "proto/frame.h"
#include "proto/verbs.h"

/* A node that is a script: it takes one request, keeps it, answers with what it was given, and
 * stays until the client has gone. */
struct fake {
	char dir[64];
	char path[96];
	int listener;
	int request_pipe[2];
	pid_t pid;
	uint8_t script[300000];
	size_t script_bytes;
};

static struct fake fake;

static void setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(&fake, 0, sizeof fake);
	(void)snprintf(fake.dir, sizeof fake.dir, "/tmp/test_client-XXXXXX");
	assert_non_null(mkdtemp(fake.dir));
	(void)snprintf(fake.path, sizeof fake.path, "%s/control", fake.dir);
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", fake.path);
	fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fake.listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fake.listener, 4), 0);
	assert_int_equal(pipe(fake.request_pipe), 0);
}

static void answer(unsigned flags, unsigned verb, uint64_t corr_id, const void *bytes, size_t count)
{
	struct frame_head head = {
		.flags = (uint16_t)flags,
		.verb = (uint16_t)verb,
		.corr_id = corr_id,
		.payload_bytes = (uint32_t)count,
	};

	assert_true(fake.script_bytes + FRAME_HEAD_BYTES + count <= sizeof fake.script);
	frame_encode(&head, fake.script + fake.script_bytes);
	if (count > 0) {
		memcpy(fake.script + fake.script_bytes + FRAME_HEAD_BYTES, bytes, count);
	}
	fake.script_bytes += FRAME_HEAD_BYTES + count;
}

static void answer_text(unsigned flags, unsigned verb, uint64_t corr_id, const char *text)
{
	answer(flags, verb, corr_id, text, strlen(text));
}

static bool read_whole(int fd, uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t got = read(fd, bytes, count);
		if (got <= 0) {
			return false;
		}
		bytes += got;
		count -= (size_t)got;
	}
	return true;
}

static void run_script(bool stays)
{
	static uint8_t request[FRAME_BYTES_MAX];
	uint32_t length = 0;
	int fd = accept(fake.listener, NULL, NULL);

	if (!read_whole(fd, request, 4)) {
		_exit(1);
	}
	memcpy(&length, request, 4);
	if (length > FRAME_LEN_MAX || !read_whole(fd, request + 4, length) ||
		write(fake.request_pipe[1], request, 4 + length > 4096 ? 4096 : 4 + length) < 0 ||
		write(fd, fake.script, fake.script_bytes) != (ssize_t)fake.script_bytes) {
		_exit(1);
	}
	while (stays && read(fd, request, sizeof request) > 0) {
	}
	_exit(0);
}

static void serve(bool stays)
{
	fake.pid = fork();
	assert_true(fake.pid >= 0);
	if (fake.pid == 0) {
		run_script(stays);
	}
}

/* One connection after another: the first and the last are answered, of those between the request
 * is read and nothing said. */
static void serve_each(unsigned count)
{
	fake.pid = fork();
	assert_true(fake.pid >= 0);
	if (fake.pid != 0) {
		return;
	}
	size_t said = 0;
	int fd = -1;
	for (unsigned i = 0; i < count; i++) {
		static uint8_t request[FRAME_BYTES_MAX];
		uint32_t length = 0, sent;

		fd = i == 0 || i == count - 1 ? accept(fake.listener, NULL, NULL) : fd;
		if (!read_whole(fd, request, 4)) {
			_exit(1);
		}
		memcpy(&length, request, 4);
		if (length > 4000 || !read_whole(fd, request + 4, length) ||
			write(fake.request_pipe[1], request, 4 + length) < 0) {
			_exit(1);
		}
		if (i > 0 && i < count - 1) {
			(void)close(fd);
			continue;
		}
		memcpy(&sent, fake.script + said, 4);
		sent = i == 0 ? sent + 4 : (uint32_t)(fake.script_bytes - said);
		if (write(fd, fake.script + said, sent) != (ssize_t)sent) {
			_exit(1);
		}
		said += sent;
	}
	_exit(0);
}

static void take_request(struct frame_head *ret_head, uint8_t *payload, size_t bytes_max)
{
	uint8_t head[FRAME_HEAD_BYTES];

	assert_true(read_whole(fake.request_pipe[0], head, sizeof head));
	assert_int_equal(frame_decode((struct slice){ head, sizeof head }, ret_head), FRAME_OK);
	assert_true(ret_head->payload_bytes < bytes_max);
	assert_true(read_whole(fake.request_pipe[0], payload, ret_head->payload_bytes));
	payload[ret_head->payload_bytes] = 0;
}

static void teardown(void)
{
	if (fake.pid > 0) {
		(void)waitpid(fake.pid, NULL, 0);
	}
	(void)close(fake.listener);
	(void)close(fake.request_pipe[0]);
	(void)close(fake.request_pipe[1]);
	(void)unlink(fake.path);
	(void)rmdir(fake.dir);
}

static struct mn_client *open_client(int timeout_ms)
{
	struct mn_client *client = mn_open(fake.path, timeout_ms);

	assert_non_null(client);
	return client;
}

static void a_question_is_one_frame_and_an_answer_is_joined(void **state)
{
	static const char json[] = "{\"batch\":[]}";
	struct mn_client *client;
	struct mn_answer got;
	uint8_t request[256];

	(void)state;
	setup();
	answer_text(FRAME_RESP | FRAME_CONT, 0x0010, 1, "{\"accepted\"");
	answer_text(FRAME_RESP | FRAME_CONT, 0x0010, 1, ":true");
	answer_text(FRAME_RESP | FRAME_END, 0x0010, 1, "}");
	serve(true);
	client = open_client(10000);
	assert_int_equal(mn_ingest(client, "token", json, strlen(json), &got), MN_OK);
	assert_string_equal(got.json, "{\"accepted\":true}");
	assert_int_equal(got.json_bytes, strlen(got.json));
	assert_true(read_whole(fake.request_pipe[0], request, FRAME_HEAD_BYTES + 7 + strlen(json)));
	struct frame_head head;
	assert_int_equal(
		frame_decode((struct slice){ request, FRAME_HEAD_BYTES }, &head), FRAME_OK);
	assert_int_equal(head.flags, FRAME_REQ);
	assert_int_equal(head.verb, 0x0010);
	assert_int_equal(head.corr_id, 1);
	assert_memory_equal(
		request + FRAME_HEAD_BYTES, "\5\0token{\"batch\":[]}", 7 + strlen(json));
	mn_close(client);
	teardown();
}

static void an_error_document_is_a_refusal_with_its_text(void **state)
{
	static const char error[] = "{\"error\":{\"code\":\"NotFound\"}}";
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	answer_text(FRAME_RESP | FRAME_END, 0x0012, 1, error);
	serve(true);
	client = open_client(10000);
	assert_int_equal(mn_entry(client, "t", 7, &got), MN_REFUSED);
	assert_string_equal(got.json, error);
	assert_non_null(strstr(mn_error_text(client), "NotFound"));
	mn_close(client);
	teardown();
}

static void a_ping_is_answered_by_a_pong(void **state)
{
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	answer_text(FRAME_RESP | FRAME_END, 0x0002, 1, "{\"ready\":true}");
	serve(true);
	client = open_client(10000);
	assert_int_equal(mn_ping(client, &got), MN_OK);
	assert_string_equal(got.json, "{\"ready\":true}");
	mn_close(client);
	teardown();
}

static int count_progress(void *context, const char *json, size_t json_bytes)
{
	int *count = context;

	assert_int_equal(json[0], '{');
	assert_int_equal(json[json_bytes], '\0');
	(*count)++;
	return *count < 10;
}

static void progress_comes_before_the_verdict(void **state)
{
	struct mn_client *client;
	struct mn_answer got;
	int count = 0;

	(void)state;
	setup();
	answer_text(FRAME_EVENT, 0x0013, 1, "{\"entries_done\":1}");
	answer_text(FRAME_EVENT, 0x0013, 1, "{\"entries_done\":2}");
	answer_text(FRAME_RESP | FRAME_END, 0x0013, 1, "{\"good\":true}");
	serve(true);
	client = open_client(10000);
	assert_int_equal(mn_verify(client, "t", count_progress, &count, &got), MN_OK);
	assert_int_equal(count, 2);
	assert_string_equal(got.json, "{\"good\":true}");
	mn_close(client);
	teardown();
}

static void whoever_gives_up_on_progress_is_not_answered(void **state)
{
	struct mn_client *client;
	struct mn_answer got;
	int count = 9;

	(void)state;
	setup();
	answer_text(FRAME_EVENT, 0x0013, 1, "{\"entries_done\":1}");
	serve(true);
	client = open_client(10000);
	assert_int_equal(mn_verify(client, "t", count_progress, &count, &got), MN_CLOSED);
	mn_close(client);
	teardown();
}

/* Each is a node that breaks the protocol, or is none. */
static void what_is_no_answer_is_never_taken_for_one(void **state)
{
	static const struct {
		unsigned flags, verb;
		uint64_t corr_id;
	} rows[] = {
		{ FRAME_REQ, 0x0011, 1 },
		{ FRAME_RESP | FRAME_END, 0x0010, 1 },
		{ FRAME_RESP | FRAME_END, 0x0011, 2 },
		{ 0, 0x0011, 1 },
	};
	struct mn_answer got;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct mn_client *client;

		setup();
		answer_text(rows[i].flags, rows[i].verb, rows[i].corr_id, "{}");
		serve(true);
		client = open_client(10000);
		assert_int_equal(mn_roots(client, 0, &got), MN_PROTOCOL);
		assert_int_equal(got.json_bytes, 0);
		mn_close(client);
		teardown();
	}
}

static void bytes_that_are_no_frames_are_refused(void **state)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	fake.script_bytes = strlen(http);
	memcpy(fake.script, http, fake.script_bytes);
	serve(true);
	client = open_client(10000);
	assert_int_equal(mn_roots(client, 0, &got), MN_PROTOCOL);
	mn_close(client);
	teardown();
}

/* Every cut of an answer, the empty one too. */
static void an_answer_that_is_cut_is_closed(void **state)
{
	struct mn_answer got;

	(void)state;
	for (size_t cut = 0; cut <= FRAME_HEAD_BYTES + 2; cut++) {
		struct mn_client *client;

		setup();
		answer_text(FRAME_RESP | FRAME_END, 0x0011, 1, "{}");
		fake.script_bytes = cut;
		serve(false);
		client = open_client(10000);
		assert_int_equal(
			mn_roots(client, 0, &got), cut == FRAME_HEAD_BYTES + 2 ? MN_OK : MN_CLOSED);
		mn_close(client);
		teardown();
	}
}

static void silence_ends_at_the_time_out(void **state)
{
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	serve(true);
	client = open_client(1);
	assert_int_equal(mn_roots(client, 0, &got), MN_TIMEOUT);
	assert_true(strlen(mn_error_text(client)) > 0);
	mn_close(client);
	teardown();
}

static void nobody_there_is_said(void **state)
{
	struct mn_client *client = mn_open("/nonexistent/macronode.sock", 1000);
	struct mn_answer got;

	(void)state;
	assert_int_equal(mn_ping(client, &got), MN_NO_NODE);
	assert_non_null(strstr(mn_error_text(client), "/nonexistent/macronode.sock"));
	mn_close(client);
	mn_close(NULL);
}

static void a_path_that_no_socket_can_have_is_refused(void **state)
{
	char path[STREAM_PATH_BYTES_MAX + 2];
	struct mn_client *client;

	(void)state;
	memset(path, 'x', sizeof path);
	path[STREAM_PATH_BYTES_MAX + 1] = '\0';
	assert_null(mn_open(path, 1));
	path[STREAM_PATH_BYTES_MAX] = '\0';
	client = mn_open(path, 1);
	assert_non_null(client);
	mn_close(client);
}

/* Nothing is sent of what is too long: the fake node sees no request. */
static void what_is_over_the_bounds_is_not_sent(void **state)
{
	static char json[FRAME_PAYLOAD_BYTES_MAX];
	static char token[8194];
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	client = open_client(1000);
	assert_int_equal(mn_ingest(client, "t", json, sizeof json - 2, &got), MN_TOO_LARGE);
	memset(token, 't', sizeof token - 1);
	assert_int_equal(mn_entry(client, token, 1, &got), MN_TOO_LARGE);
	mn_close(client);
	teardown();
}

/* ---- the control socket ---- */

/* --- reads: one verb, a token that may be empty, and words --- */

static enum mn_result ask_read(struct mn_client *client, size_t which, struct mn_answer *ret)
{
	switch (which) {
	case 0:
		return mn_checkpoint(client, ret);
	case 1:
		return mn_tile(client, NULL, "0/000", ret);
	case 2:
		return mn_tile(client, "tk", "entries/000.p/8", ret);
	case 3:
		return mn_proof_entry(client, NULL, 17, 0, ret);
	case 4:
		return mn_proof_entry(client, "tk", 17, 20, ret);
	case 5:
		return mn_proof_consistency(client, 3, 9, ret);
	case 6:
		return mn_export(client, "tk", "entries", 17, ret);
	case 7:
		return mn_balance(client, "tk", "alice", "ron", MN_NOW, ret);
	default:
		return mn_balance(client, "tk", "alice", "ron", 0, ret);
	}
}

static void each_read_says_its_words_and_takes_any_bytes(void **state)
{
	static const struct {
		unsigned verb;
		const char *payload;
		size_t payload_bytes;
	} rows[] = {
		{ 0x0014, "", 0 },
		{ 0x0015,
			"\0\0"
			"0/000",
			7 },
		{ 0x0015, "\2\0tkentries/000.p/8", 19 },
		{ 0x0016, "\0\0entries/17", 12 },
		{ 0x0016, "\2\0tkentries/17?size=20", 22 },
		{ 0x0016, "\0\0consistency?from=3&to=9", 25 },
		{ 0x0017, "\2\0tkwhat=entries&after=17", 25 },
		{ 0x0018, "\2\0tkaccount=alice&asset=ron", 27 },
		{ 0x0018, "\2\0tkaccount=alice&asset=ron&at=0", 32 },
	};
	struct mn_client *client;
	struct mn_answer got;
	uint8_t request[256];
	struct frame_head head;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		setup();
		answer(FRAME_RESP | FRAME_CONT, rows[i].verb, 1, "\1\0", 2);
		answer(FRAME_RESP | FRAME_END, rows[i].verb, 1, "\0\xff", 2);
		serve(true);
		client = open_client(10000);
		assert_int_equal(ask_read(client, i, &got), MN_OK);
		assert_int_equal(got.json_bytes, 4);
		assert_memory_equal(got.json, "\1\0\0\xff", 4);
		assert_true(read_whole(
			fake.request_pipe[0], request, FRAME_HEAD_BYTES + rows[i].payload_bytes));
		assert_int_equal(
			frame_decode((struct slice){ request, FRAME_HEAD_BYTES }, &head), FRAME_OK);
		assert_int_equal(head.verb, rows[i].verb);
		assert_int_equal(head.payload_bytes, rows[i].payload_bytes);
		assert_memory_equal(
			request + FRAME_HEAD_BYTES, rows[i].payload, rows[i].payload_bytes);
		mn_close(client);
		teardown();
	}
}

static void a_question_in_too_many_words_is_not_sent(void **state)
{
	static char path[2000];
	struct mn_client *client = mn_open("/nonexistent/socket", 1000);
	struct mn_answer got;

	(void)state;
	memset(path, 'a', sizeof path - 1);
	assert_int_equal(mn_tile(client, NULL, path, &got), MN_TOO_LARGE);
	assert_int_equal(got.json_bytes, 0);
	assert_string_equal(mn_error_text(client), "the question is over 1024 bytes");
	mn_close(client);
}

/* --- without waiting --- */

/* Until the answer is there, waiting as an event loop does. */
static enum mn_result drive(struct mn_client *client, struct mn_answer *ret)
{
	enum mn_result result;

	while ((result = mn_step(client, ret)) == MN_AGAIN) {
		struct pollfd fd = {
			.fd = mn_fd(client),
			.events = mn_wants_to_write(client) ? POLLIN | POLLOUT : POLLIN,
		};

		assert_true(fd.fd >= 0);
		assert_true(poll(&fd, 1, 10000) > 0);
	}
	return result;
}

static void an_event_loop_gets_the_answer_when_it_is_there(void **state)
{
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	answer_text(FRAME_RESP | FRAME_CONT, 0x0018, 1, "{\"amount");
	answer_text(FRAME_RESP | FRAME_END, 0x0018, 1, "_minor\":\"1\"}");
	client = mn_open_nonblocking(fake.path);
	assert_int_equal(mn_fd(client), -1);
	assert_int_equal(mn_balance(client, "tk", "a", "ron", MN_NOW, &got), MN_AGAIN);
	assert_int_equal(mn_step(client, &got), MN_AGAIN); /* nobody serves yet */
	assert_int_equal(got.json_bytes, 0);
	assert_true(mn_fd(client) >= 0);
	serve(false); /* the child has our end, too, and must not wait for it */
	assert_int_equal(drive(client, &got), MN_OK);
	assert_string_equal(got.json, "{\"amount_minor\":\"1\"}");
	assert_int_equal(mn_step(client, &got), MN_CLOSED); /* nothing was asked */
	assert_string_equal(mn_error_text(client), "nothing was asked");
	mn_close(client);
	teardown();
}

/* More than a socket takes at once, to somebody who does not read for now. */
static void what_does_not_go_at_once_goes_later(void **state)
{
	static char json[900000];
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	answer_text(FRAME_RESP, 0x0010, 1, "{}");
	memset(json, ' ', sizeof json);
	client = mn_open_nonblocking(fake.path);
	assert_int_equal(mn_ingest(client, "t", json, sizeof json, &got), MN_AGAIN);
	assert_true(mn_wants_to_write(client));
	serve(false);
	assert_int_equal(drive(client, &got), MN_OK);
	assert_false(mn_wants_to_write(client));
	assert_string_equal(got.json, "{}");
	mn_close(client);
	teardown();
}

static void an_event_before_a_receipt_says_that_it_is_a_replay(void **state)
{
	const struct mn_operation operation = { .kind = MN_BURN, .from = "a", .nonce = 1 };
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	answer_text(FRAME_EVENT, 0x0022, 1, "{}");
	answer_text(FRAME_RESP, 0x0022, 1, "{\"txid\":1}");
	serve(false);
	client = mn_open_nonblocking(fake.path);
	assert_int_equal(mn_wallet_op(client, "t", &operation, &got, NULL), MN_AGAIN);
	assert_int_equal(drive(client, &got), MN_OK);
	assert_true(mn_was_replayed(client));
	mn_close(client);
	teardown();
}

static void a_question_that_was_given_up_is_never_answered(void **state)
{
	struct mn_client *client;
	struct mn_answer got;

	(void)state;
	setup();
	answer_text(FRAME_RESP, 0x0011, 2, "{\"roots\":[]}");
	client = mn_open_nonblocking(fake.path);
	assert_int_equal(mn_ping(client, &got), MN_AGAIN);
	assert_int_equal(mn_roots(client, 0, &got), MN_AGAIN); /* on a connection of its own */
	close(accept(fake.listener, NULL, NULL));
	serve(false);
	assert_int_equal(drive(client, &got), MN_OK);
	assert_string_equal(got.json, "{\"roots\":[]}");
	mn_close(client);
	teardown();
}

static void whoever_does_not_wait_is_told_of_a_node_that_went(void **state)
{
	struct mn_client *client = mn_open_nonblocking("/nonexistent/socket");
	struct mn_answer got;

	(void)state;
	assert_int_equal(mn_ping(client, &got), MN_NO_NODE);
	assert_int_equal(mn_fd(client), -1);
	mn_close(client);
	setup();
	client = mn_open_nonblocking(fake.path);
	assert_int_equal(mn_ping(client, &got), MN_AGAIN);
	close(accept(fake.listener, NULL, NULL));
	assert_int_equal(drive(client, &got), MN_CLOSED);
	assert_int_equal(mn_fd(client), -1);
	mn_close(client);
	teardown();
}

/* --- again, and safely --- */

/* Refuses the nonce that asks, closes on the first attempt, and answers the second. */
static void an_attempt_that_was_cut_off_is_repeated_with_its_nonce_and_key(void **state)
{
	static const char receipt[] =
		"{\"txid\":\"tx_1\",\"op\":\"burn\",\"asset\":\"ron\",\"amount_minor\":\"5\","
		"\"receipt_hash\":\"b3:0\",\"nonce\":8,\"seq\":3}";
	const struct mn_operation operation = { .kind = MN_BURN, .from = "a", .asset = "ron" };
	struct mn_client *client;
	struct mn_outcome outcome;
	uint8_t first[4096], second[4096];
	struct frame_head head;

	(void)state;
	setup();
	answer_text(FRAME_RESP, 0x0022, 1,
		"{\"code\":\"NONCE_CONFLICT\",\"http\":409,\"retryable\":true,"
		"\"details\":{\"reason\":\"nonce_gap\",\"expected\":8}}");
	answer_text(FRAME_EVENT, 0x0022, 3, "{}");
	answer_text(FRAME_RESP, 0x0022, 3, receipt);
	serve_each(3);
	client = open_client(10000);
	assert_int_equal(mn_wallet_op_retry(client, "t", &operation, 60000, &outcome), MN_OK);
	assert_int_equal(outcome.attempts, 3); /* the question for the nonce is one */
	assert_int_equal(outcome.nonce, 8);
	assert_int_equal(strlen(outcome.idempotency_key), 26);
	assert_true(outcome.replayed);
	assert_string_equal(outcome.receipt.txid, "tx_1");
	take_request(&head, first, sizeof first);
	take_request(&head, first, sizeof first);
	assert_non_null(strstr((char *)first + 3, "\"nonce\":8"));
	assert_non_null(strstr((char *)first + 3, outcome.idempotency_key));
	take_request(&head, second, sizeof second);
	assert_string_equal((char *)first + 3, (char *)second + 3);
	mn_close(client);
	teardown();
}

static void who_gives_up_is_told_how_to_ask_again(void **state)
{
	const struct mn_operation operation = {
		.kind = MN_BURN, .from = "a", .asset = "ron", .nonce = 4, .idempotency_key = "mine"
	};
	struct mn_client *client;
	struct mn_outcome outcome;

	(void)state;
	setup();
	serve(false); /* takes the request and closes */
	client = open_client(10000);
	assert_int_equal(mn_wallet_op_retry(client, "t", &operation, 1, &outcome), MN_UNKNOWN);
	assert_int_equal(outcome.nonce, 4);
	assert_string_equal(outcome.idempotency_key, "mine");
	mn_close(client);
	client = mn_open("/nonexistent/socket", 1000);
	assert_int_equal(mn_wallet_op_retry(client, "t", &operation, 200, &outcome), MN_NO_NODE);
	assert_true(outcome.attempts > 1);
	mn_close(client);
	teardown();
}

/* The node would forget it, and the next call pay under the next nonce. */
static void a_key_without_its_nonce_is_not_sent(void **state)
{
	const struct mn_operation operation = {
		.kind = MN_BURN, .from = "a", .asset = "ron", .idempotency_key = "mine"
	};
	struct mn_client *client = mn_open("/nonexistent/socket", 1000);
	struct mn_outcome outcome;

	(void)state;
	assert_int_equal(mn_wallet_op_retry(client, "t", &operation, 200, &outcome), MN_REFUSED);
	assert_int_equal(outcome.attempts, 0);
	assert_string_equal(outcome.error.code, "BAD_REQUEST");
	assert_non_null(strstr(outcome.error.message, "nonce"));
	mn_close(client);
}

static void answer_control(uint64_t corr_id, enum err status, const char *text)
{
	uint8_t payload[256];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_answer msg = {
		.status = (uint8_t)status,
		.next = 9,
		.text = { (const uint8_t *)text, strlen(text) },
	};

	assert_true(oap_encode_ctl_answer(&out, &msg));
	answer(FRAME_RESP, OAP_CTL_ANSWER, corr_id, payload, out.used);
}

static void credit_before_an_answer_is_passed_over(void **state)
{
	static const uint8_t credit[8] = { 1 };
	struct control control;
	struct control_answer got;

	(void)state;
	setup();
	answer(FRAME_EVENT, OAP_CREDIT, 0, credit, sizeof credit);
	answer_control(1, ERR_DENIED, "no");
	serve(true);
	assert_true(control_init(&control, fake.dir, 10000));
	assert_int_equal(control_status(&control, &got), MN_OK);
	assert_int_equal(got.status, ERR_DENIED);
	assert_int_equal(got.next, 9);
	assert_memory_equal(got.text.bytes, "no", 2);
	control_finish(&control);
	teardown();
}

static void a_reason_that_is_too_long_is_refused_here(void **state)
{
	static char reason[VERB_TEXT_BYTES_MAX + 2];
	struct control control;
	struct control_answer got;

	(void)state;
	memset(reason, 'r', sizeof reason - 1);
	assert_true(control_init(&control, "/nonexistent", 1000));
	assert_int_equal(control_stop(&control, reason, &got), MN_TOO_LARGE);
	reason[VERB_TEXT_BYTES_MAX] = '\0';
	assert_int_equal(control_stop(&control, reason, &got), MN_NO_NODE);
	control_finish(&control);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_one_frame_and_an_answer_is_joined),
		cmocka_unit_test(an_error_document_is_a_refusal_with_its_text),
		cmocka_unit_test(a_ping_is_answered_by_a_pong),
		cmocka_unit_test(progress_comes_before_the_verdict),
		cmocka_unit_test(whoever_gives_up_on_progress_is_not_answered),
		cmocka_unit_test(what_is_no_answer_is_never_taken_for_one),
		cmocka_unit_test(bytes_that_are_no_frames_are_refused),
		cmocka_unit_test(an_answer_that_is_cut_is_closed),
		cmocka_unit_test(silence_ends_at_the_time_out),
		cmocka_unit_test(nobody_there_is_said),
		cmocka_unit_test(a_path_that_no_socket_can_have_is_refused),
		cmocka_unit_test(what_is_over_the_bounds_is_not_sent),
		cmocka_unit_test(each_read_says_its_words_and_takes_any_bytes),
		cmocka_unit_test(a_question_in_too_many_words_is_not_sent),
		cmocka_unit_test(an_event_loop_gets_the_answer_when_it_is_there),
		cmocka_unit_test(what_does_not_go_at_once_goes_later),
		cmocka_unit_test(an_event_before_a_receipt_says_that_it_is_a_replay),
		cmocka_unit_test(a_question_that_was_given_up_is_never_answered),
		cmocka_unit_test(whoever_does_not_wait_is_told_of_a_node_that_went),
		cmocka_unit_test(an_attempt_that_was_cut_off_is_repeated_with_its_nonce_and_key),
		cmocka_unit_test(who_gives_up_is_told_how_to_ask_again),
		cmocka_unit_test(a_key_without_its_nonce_is_not_sent),
		cmocka_unit_test(credit_before_an_answer_is_passed_over),
		cmocka_unit_test(a_reason_that_is_too_long_is_refused_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
