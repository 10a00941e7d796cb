#include "tests/worker/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/identity.h"
#include "proto/frame.h"

/* Above all users of a system, as node.uid_base of a development profile. */
#define UID_BASE 47000u

#define SOCKET_BUFFER_BYTES 1048576
#define IN_BYTES            (2u * FRAME_BYTES_MAX)
#define PAYLOAD_BYTES_MAX   FRAME_PAYLOAD_BYTES_MAX

#define FILES_MAX        128u
#define LOCKED_BYTES_MAX (8u * 1024u * 1024u)

/* --- a directory --- */

void harness_path(
	const struct harness *harness, const char *name, char *ret_path, size_t path_bytes)
{
	int written = snprintf(ret_path, path_bytes, "%s/%s", harness->dir, name);

	assert_in_range(written, 1, path_bytes - 1);
}

void harness_make_dir(struct harness *harness, const char *name)
{
	char path[256];

	harness_path(harness, name, path, sizeof path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, harness->uid, harness->gid), 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

void harness_init(struct harness *harness, unsigned process)
{
	static struct config_load load;
	const char *base = getenv("TMPDIR");

	memset(harness, 0, sizeof *harness);
	harness->process = process;
	harness->uid = geteuid() == 0 ? UID_BASE + process : geteuid();
	harness->gid = geteuid() == 0 ? UID_BASE + process : getegid();
	harness->locked_bytes_max = LOCKED_BYTES_MAX;
	harness->control.fd = -1;
	for (size_t i = 0; i < HARNESS_LINKS_MAX; i++) {
		harness->links[i].fd = -1;
	}
	(void)snprintf(harness->dir, sizeof harness->dir, "%s/mn-worker-XXXXXX",
		base == NULL || strlen(base) > 32 ? "/tmp" : base);
	assert_non_null(mkdtemp(harness->dir));
	assert_int_equal(chmod(harness->dir, 0711), 0);
	config_init(&load);
	harness->config = load.config;
	config_resolve(&harness->config, 2);
	(void)snprintf(harness->config.node_data_dir, sizeof harness->config.node_data_dir, "%s",
		harness->dir);
}

static void close_links(struct harness *harness)
{
	for (size_t i = 0; i < HARNESS_LINKS_MAX; i++) {
		harness_link_down(&harness->links[i]);
	}
	harness_link_down(&harness->control);
}

void harness_finish(struct harness *harness)
{
	if (harness->pid != 0) {
		harness_kill(harness);
	}
	close_links(harness);
	assert_int_equal(nftw(harness->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- birth and death --- */

static int open_executable(unsigned process)
{
	const char *built = getenv("MACRONODE_WORKERS");
	const char *role = process_name(process);
	char path[4096];
	int fd;

	if (built == NULL) {
		fail_msg("MACRONODE_WORKERS is not set: run it through meson test");
	}
	(void)snprintf(path, sizeof path, "%s/%s/mn-%s", built, role, role);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		fail_msg("%s: %s", path, strerror(errno));
	}
	return fd;
}

static void say_and_exit(const char *step)
{
	dprintf(STDERR_FILENO, "cannot become a worker: %s: %s\n", step, strerror(errno));
	_exit(127);
}

/* Between fork and exec, as supervisor/spawn.c does it. */
static void become_worker(
	const struct harness *harness, int control, int executable, pid_t supervisor_pid)
{
	char name[64], pid_text[32];
	char *argv[] = { name, pid_text, NULL };
	char zone[] = "TZ=UTC0", locale[] = "LC_ALL=C", leaks[] = "ASAN_OPTIONS=detect_leaks=0";
	char *environment[] = { zone, locale, leaks, NULL };
	struct identity_plan plan = {
		.switch_user = geteuid() == 0,
		.uid = harness->uid,
		.gid = harness->gid,
		.limits = { FILES_MAX, IDENTITY_UNLIMITED, IDENTITY_UNLIMITED,
			harness->locked_bytes_max },
	};
	const char *failed = "";
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

#ifndef MACRONODE_SANITIZED
	environment[2] = NULL;
#endif
	(void)snprintf(name, sizeof name, "mn-%s", process_name(harness->process));
	(void)snprintf(pid_text, sizeof pid_text, "%ld", (long)supervisor_pid);
	control = fcntl(control, F_DUPFD_CLOEXEC, 10);
	executable = fcntl(executable, F_DUPFD_CLOEXEC, 10);
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(control, 3) < 0 ||
		dup3(executable, 4, O_CLOEXEC) < 0 || close_range(5, ~0u, 0) < 0) {
		say_and_exit("fds");
	}
	if (identity_drop(&plan, &failed) != ERR_OK) {
		say_and_exit(failed);
	}
	execveat(4, "", argv, environment, AT_EMPTY_PATH);
	say_and_exit("execveat");
}

static void make_pair(int fds[2])
{
	int bytes = SOCKET_BUFFER_BYTES;

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	}
}

static void open_link(struct harness_link *link, struct harness *harness, int fd)
{
	harness_link_down(link);
	*link = (struct harness_link){ .fd = fd, .harness = harness, .in = malloc(IN_BYTES) };
	assert_non_null(link->in);
}

static struct slice encode(const struct harness *harness)
{
	static uint8_t encoded[VERB_CONFIG_BYTES_MAX];
	size_t encoded_bytes = 0;

	assert_int_equal(config_encode_for(&harness->config, (enum process)harness->process,
				 encoded, sizeof encoded, &encoded_bytes),
		ERR_OK);
	return (struct slice){ encoded, encoded_bytes };
}

static void send_policy(struct harness *harness)
{
	static uint8_t policy[POLICY_BYTES_MAX];

	if (harness->policy != NULL) {
		harness_send_setup_policy(&harness->control, 0,
			&(struct oap_setup_policy){
				.policy = { policy, policy_encode(harness->policy, policy) } });
	}
}

void harness_start_begin(struct harness *harness)
{
	int executable = open_executable(harness->process), pair[2];
	pid_t supervisor_pid = getpid();

	assert_int_equal(harness->pid, 0);
	make_pair(pair);
	harness->generation++;
	harness->pid = fork();
	if (harness->pid == 0) {
		become_worker(harness, pair[1], executable, supervisor_pid);
	}
	assert_true(harness->pid > 0);
	(void)close(pair[1]);
	(void)close(executable);
	open_link(&harness->control, harness, pair[0]);
	harness->control.process = PROCESS_SUPERVISOR;
	harness->control.generation = 1;
	harness->config_generation = 1;
	harness_send_setup_config(
		&harness->control, 0, &(struct oap_setup_config){ .config = encode(harness) });
	send_policy(harness);
}

void harness_start_end(struct harness *harness)
{
	harness_send_setup_end(&harness->control, 0,
		&(struct oap_setup_end){
			.suspect = harness->suspect,
			.process = (uint8_t)harness->process,
			.instance = harness->instance,
			.generation = harness->generation,
			.config_generation = 1,
			.sandbox_mode = SANDBOX_KILL,
			.tables_hash = worker_tables_hash(),
		});
}

void harness_start(struct harness *harness)
{
	harness_start_begin(harness);
	harness_start_end(harness);
}

void harness_ask(struct harness *harness, uint64_t generation, uint16_t closes)
{
	send_policy(harness);
	harness_send_config_prepare(&harness->control, 0,
		&(struct oap_config_prepare){ .config_generation = generation,
			.closes = closes,
			.config = encode(harness) });
}

void harness_prepare(struct harness *harness, uint64_t generation, uint16_t closes)
{
	struct oap_config_prepared prepared;

	harness_ask(harness, generation, closes);
	(void)harness_expect_config_prepared(&harness->control, &prepared);
	assert_int_equal(prepared.status, ERR_OK);
	assert_int_equal(prepared.config_generation, generation);
}

void harness_commit(struct harness *harness, uint64_t generation)
{
	struct oap_config_applied applied;

	harness_send_config_commit(&harness->control, 0, &(struct oap_config_commit){ generation });
	(void)harness_expect_config_applied(&harness->control, &applied);
	assert_int_equal(applied.config_generation, generation);
	harness->config_generation = generation;
}

void harness_abort(struct harness *harness, uint64_t generation)
{
	harness_send_config_abort(&harness->control, 0, &(struct oap_config_abort){ generation });
	harness_settle(harness);
}

void harness_reload(struct harness *harness)
{
	uint64_t generation = harness->config_generation + 1;

	harness_prepare(harness, generation, 0);
	harness_commit(harness, generation);
}

void harness_expect_up(struct harness *harness)
{
	struct oap_ready ready;

	(void)harness_expect_ready(&harness->control, &ready);
	assert_int_equal(ready.tables_hash, worker_tables_hash());
}

void harness_halt(struct harness *harness)
{
	int status = 0;

	assert_int_equal(kill(harness->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(harness->pid, &status, WUNTRACED), harness->pid);
	assert_true(WIFSTOPPED(status));
}

void harness_go_on(struct harness *harness)
{
	assert_int_equal(kill(harness->pid, SIGCONT), 0);
}

int harness_reap(struct harness *harness)
{
	int status = 0;

	assert_int_equal(waitpid(harness->pid, &status, 0), harness->pid);
	harness->pid = 0;
	return status;
}

void harness_expect_refusal(struct harness *harness, const char *words)
{
	struct oap_failed failed;
	char text[VERB_TEXT_BYTES_MAX + 1];
	int status;

	(void)harness_expect_failed(&harness->control, &failed);
	(void)snprintf(text, sizeof text, "%.*s", (int)failed.text.bytes_count,
		(const char *)failed.text.bytes);
	if (strstr(text, words) == NULL) {
		fail_msg("refused with \"%s\", not with \"%s\"", text, words);
	}
	status = harness_reap(harness);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
	close_links(harness);
}

void harness_stop(struct harness *harness)
{
	int status;

	close_links(harness);
	status = harness_reap(harness);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fail_msg("the worker ended with status %#x", (unsigned)status);
	}
}

void harness_kill(struct harness *harness)
{
	(void)kill(harness->pid, SIGKILL);
	(void)harness_reap(harness);
	close_links(harness);
}

/* --- links --- */

/* One write with the fd; a frame of fd 3 is far smaller than the socket's buffer. */
static void send_with_fd(
	struct harness_link *link, const uint8_t *bytes, size_t bytes_count, int fd)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = bytes_count };
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control.bytes,
	};

	memset(&control, 0, sizeof control);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	assert_int_equal(sendmsg(link->fd, &message, MSG_NOSIGNAL), bytes_count);
}

static size_t build_frame(uint8_t *frame, unsigned verb, uint64_t corr_id, size_t payload_bytes)
{
	struct frame_head head = {
		.flags = FRAME_EVENT, /* inside, the verb says what it is */
		.verb = (uint16_t)verb,
		.corr_id = corr_id,
		.payload_bytes = (uint32_t)payload_bytes,
	};

	if (oap_verb_known(verb) && oap_verb_kind(verb) == OAP_KIND_REQUEST) {
		head.flags = FRAME_REQ;
	} else if (oap_verb_known(verb) && oap_verb_kind(verb) == OAP_KIND_REPLY) {
		head.flags = FRAME_RESP;
	}
	frame_encode(&head, frame);
	return FRAME_HEAD_BYTES + payload_bytes;
}

void harness_give_fd(struct harness *harness, enum setup_fd what, unsigned index, int fd)
{
	struct oap_setup_fd msg = { .what = (uint8_t)what, .index = (uint16_t)index };
	uint8_t frame[FRAME_HEAD_BYTES + 64];
	struct byte_writer out = byte_writer_of(frame + FRAME_HEAD_BYTES, 64);

	assert_true(oap_encode_setup_fd(&out, &msg));
	send_with_fd(&harness->control, frame, build_frame(frame, OAP_SETUP_FD, 0, out.used), fd);
}

static struct harness_link *free_link(struct harness *harness, unsigned process, unsigned instance)
{
	struct harness_link *found = NULL;

	for (size_t i = 0; i < HARNESS_LINKS_MAX; i++) {
		struct harness_link *link = &harness->links[i];

		if (link->fd >= 0 && link->process == process && link->instance == instance) {
			return link;
		}
		if (link->fd < 0 && found == NULL) {
			found = link;
		}
	}
	assert_non_null(found);
	return found;
}

/* The worker gets its end of a link to that process; ours is closed. */
static void give_link(struct harness *harness, const struct oap_link *msg, int fd)
{
	uint8_t frame[FRAME_HEAD_BYTES + 64];
	struct byte_writer out = byte_writer_of(frame + FRAME_HEAD_BYTES, 64);

	assert_true(oap_encode_link(&out, msg));
	send_with_fd(&harness->control, frame, build_frame(frame, OAP_LINK, 0, out.used), fd);
	(void)close(fd);
}

void harness_give_socket(struct harness *harness, int fd)
{
	uint8_t frame[FRAME_HEAD_BYTES + 64];
	struct byte_writer out = byte_writer_of(frame + FRAME_HEAD_BYTES, 64);

	assert_true(oap_encode_otel_socket(&out, &(struct oap_otel_socket){ .status = ERR_OK }));
	send_with_fd(
		&harness->control, frame, build_frame(frame, OAP_OTEL_SOCKET, 0, out.used), fd);
	(void)close(fd);
}

void harness_join(struct harness *one, struct harness *other)
{
	int pair[2];

	make_pair(pair);
	give_link(one,
		&(struct oap_link){
			.process = (uint8_t)other->process, .generation = other->generation },
		pair[0]);
	give_link(other,
		&(struct oap_link){
			.process = (uint8_t)one->process, .generation = one->generation },
		pair[1]);
}

struct harness_link *harness_link_up(struct harness *harness, unsigned process, unsigned instance)
{
	static uint32_t generation_last = 1000; /* new with each restart, in all tests */
	struct harness_link *link = free_link(harness, process, instance);
	struct oap_link msg = {
		.process = (uint8_t)process,
		.instance = (uint8_t)instance,
		.generation = ++generation_last,
	};
	int pair[2];

	make_pair(pair);
	give_link(harness, &msg, pair[1]);
	open_link(link, harness, pair[0]);
	link->process = msg.process;
	link->instance = msg.instance;
	link->generation = msg.generation;
	return link;
}

void harness_link_down(struct harness_link *link)
{
	if (link->fd >= 0) {
		(void)close(link->fd);
	}
	free(link->in);
	link->fd = -1;
	link->in = NULL;
}

/* --- requests that are answered by themselves --- */

/* Whole frames of what the link serves, wherever they stand behind the last that was taken. */
static void serve_kept(struct harness_link *link)
{
	size_t at = link->in_taken;
	struct frame_head head;

	while (frame_decode((struct slice){ link->in + at, link->in_used - at }, &head) ==
			FRAME_OK &&
		link->in_used - at - FRAME_HEAD_BYTES >= head.payload_bytes) {
		size_t frame_bytes = FRAME_HEAD_BYTES + head.payload_bytes;

		if (link->serve(link, head.verb, head.corr_id,
			    (struct slice){
				    link->in + at + FRAME_HEAD_BYTES, head.payload_bytes })) {
			link->in_used -= frame_bytes;
			memmove(link->in + at, link->in + at + frame_bytes, link->in_used - at);
			link->harness->served_count++;
		} else {
			at += frame_bytes;
		}
	}
}

/* A link that the worker has closed is for the test to find. */
static void serve_all(struct harness *harness)
{
	for (size_t i = 0; i < HARNESS_LINKS_MAX; i++) {
		struct harness_link *link = &harness->links[i];
		ssize_t got;

		if (link->fd < 0 || link->serve == NULL) {
			continue;
		}
		got = recv(
			link->fd, link->in + link->in_used, IN_BYTES - link->in_used, MSG_DONTWAIT);
		link->in_used += got > 0 ? (size_t)got : 0;
		serve_kept(link);
	}
}

/* --- frames out --- */

/* As long as it comes to nothing, requests on other links are answered. */
static void wait_for(const struct harness_link *link, short events, const char *what)
{
	struct pollfd ready[1 + HARNESS_LINKS_MAX] = { { .fd = link->fd, .events = events } };
	nfds_t ready_count = 1;
	int count;

	for (size_t i = 0; events == POLLIN && i < HARNESS_LINKS_MAX; i++) {
		const struct harness_link *other = &link->harness->links[i];

		if (other->fd >= 0 && other->serve != NULL && other != link) {
			ready[ready_count++] = (struct pollfd){ other->fd, POLLIN, 0 };
		}
	}
	do {
		count = poll(ready, ready_count, HARNESS_WAIT_MS);
	} while (count < 0 && errno == EINTR);
	if (count == 0) {
		fail_msg("%s: nothing for %d ms", what, HARNESS_WAIT_MS);
	}
	if (events == POLLIN) { /* else a frame is half sent */
		serve_all(link->harness);
	}
}

static void write_whole(struct harness_link *link, const uint8_t *bytes, size_t bytes_count)
{
	while (bytes_count > 0) {
		ssize_t sent = send(link->fd, bytes, bytes_count, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
			wait_for(link, POLLOUT, "the worker does not read");
			continue;
		}
		if (sent < 0 && link->may_end && (errno == EPIPE || errno == ECONNRESET)) {
			return;
		}
		if (sent < 0) {
			fail_msg("the worker's end of a link is gone: %s", strerror(errno));
		}
		bytes += sent;
		bytes_count -= (size_t)sent;
	}
}

void harness_send_payload(
	struct harness_link *link, unsigned verb, uint64_t corr_id, struct slice payload)
{
	static uint8_t frame[FRAME_HEAD_BYTES + PAYLOAD_BYTES_MAX];
	size_t frame_bytes = build_frame(frame, verb, corr_id, payload.bytes_count);

	if (payload.bytes_count > 0) {
		memcpy(frame + FRAME_HEAD_BYTES, payload.bytes, payload.bytes_count);
	}
	write_whole(link, frame, frame_bytes);
}

/* --- frames in --- */

static void forget_last(struct harness_link *link)
{
	memmove(link->in, link->in + link->in_taken, link->in_used - link->in_taken);
	link->in_used -= link->in_taken;
	link->in_taken = 0;
}

/* The frame at the front, if it is whole. */
static bool peek_frame(
	const struct harness_link *link, struct frame_head *ret_head, struct slice *ret_payload)
{
	struct slice bytes = { link->in, link->in_used };
	enum frame_verdict verdict = frame_decode(bytes, ret_head);

	if (verdict == FRAME_SHORT) {
		return false;
	}
	assert_int_equal(verdict, FRAME_OK);
	if (link->in_used - FRAME_HEAD_BYTES < ret_head->payload_bytes) {
		return false;
	}
	*ret_payload = (struct slice){ link->in + FRAME_HEAD_BYTES, ret_head->payload_bytes };
	return true;
}

/* The same, of what the link does not answer by itself. */
static bool next_frame(
	struct harness_link *link, struct frame_head *ret_head, struct slice *ret_payload)
{
	if (link->serve != NULL) {
		serve_kept(link);
	}
	return peek_frame(link, ret_head, ret_payload);
}

/* False: there is nothing right now. */
static bool receive(struct harness_link *link, const char *what)
{
	ssize_t got;

	do {
		got = recv(link->fd, link->in + link->in_used, IN_BYTES - link->in_used, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN) {
		return false;
	}
	if (got <= 0) {
		fail_msg("%s: the worker closed the link", what);
	}
	link->in_used += (size_t)got;
	return true;
}

static void fail_with(
	const struct harness_link *link, unsigned verb, struct slice payload, const char *what)
{
	struct byte_reader in = byte_reader_of(payload);
	struct oap_failed failed;
	struct oap_accuse accuse;

	if (verb == OAP_FAILED && oap_decode_failed(&in, &failed)) {
		fail_msg("%s: the worker failed: %.*s", what, (int)failed.text.bytes_count,
			(const char *)failed.text.bytes);
	}
	if (verb == OAP_ACCUSE && oap_decode_accuse(&in, &accuse)) {
		fail_msg("%s: the worker accuses %s of %s: %s", what, process_name(accuse.process),
			oap_verb_name(accuse.verb), err_name((enum err)accuse.err));
	}
	fail_msg("%s: %s came from the worker to %s", what, oap_verb_name(verb),
		process_name(link->process));
}

static void note_report(struct harness_link *link, unsigned verb, struct slice payload)
{
	char *text = link->harness->report_text;
	struct byte_reader in = byte_reader_of(payload);
	struct oap_report report;

	if (verb == OAP_REPORT && oap_decode_report(&in, &report)) {
		memcpy(text, report.text.bytes, report.text.bytes_count);
		text[report.text.bytes_count] = '\0';
	}
}

/* Frames that come at any time. */
static bool pass_over(struct harness_link *link, unsigned verb, struct slice payload)
{
	struct byte_reader in = byte_reader_of(payload);
	struct oap_credit credit;

	if (verb == OAP_CREDIT && oap_decode_credit(&in, &credit)) {
		link->credit_requests += credit.requests;
		return true;
	}
	note_report(link, verb, payload);
	return verb == OAP_REPORT || verb == OAP_PROGRESS || verb == OAP_GREW ||
	       verb == OAP_PAYMENTS;
}

static uint64_t expect(struct harness_link *link, unsigned verb, struct slice *ret_payload)
{
	const char *what = oap_verb_name(verb);
	struct frame_head head;

	for (;;) {
		forget_last(link);
		while (!next_frame(link, &head, ret_payload)) {
			wait_for(link, POLLIN, what);
			(void)receive(link, what);
		}
		link->in_taken = FRAME_HEAD_BYTES + head.payload_bytes;
		if (head.verb == verb) {
			return head.corr_id;
		}
		if (!pass_over(link, head.verb, *ret_payload)) {
			fail_with(link, head.verb, *ret_payload, what);
		}
	}
}

void harness_settle(struct harness *harness)
{
	struct oap_pong pong;
	uint64_t served_count;

	/* The second pong comes from a later turn than what answered before the first. What was
	 * answered meanwhile is news to the worker. */
	do {
		served_count = harness->served_count;
		for (uint64_t nonce = 1; nonce <= 2; nonce++) {
			harness_send_ping(&harness->control, 0, &(struct oap_ping){ nonce });
			(void)harness_expect_pong(&harness->control, &pong);
			assert_int_equal(pong.nonce, nonce);
		}
		serve_all(harness);
	} while (served_count != harness->served_count);
}

void harness_expect_nothing(struct harness_link *link)
{
	struct frame_head head;
	struct slice payload;

	harness_settle(link->harness);
	while (receive(link, "nothing")) {
	}
	for (forget_last(link); next_frame(link, &head, &payload); forget_last(link)) {
		link->in_taken = FRAME_HEAD_BYTES + head.payload_bytes;
		if (!pass_over(link, head.verb, payload)) {
			fail_with(link, head.verb, payload, "nothing was expected");
		}
	}
}

bool harness_is_silent(struct harness_link *link)
{
	struct frame_head head;
	struct slice payload;

	serve_all(link->harness);
	while (receive(link, "anything")) {
	}
	forget_last(link);
	return !next_frame(link, &head, &payload);
}

void harness_expect_accusation(struct harness_link *link, unsigned verb, enum err err)
{
	struct oap_accuse accuse;

	(void)harness_expect_accuse(&link->harness->control, &accuse);
	assert_int_equal(accuse.process, link->process);
	assert_int_equal(accuse.instance, link->instance);
	assert_int_equal(accuse.generation, link->generation);
	assert_int_equal(accuse.verb, verb);
	assert_int_equal(accuse.err, err);
}

static uint8_t payload_out[PAYLOAD_BYTES_MAX];

#define AS_FUNCTIONS(id, NAME, name, senders, receivers, kind)                                    \
	void harness_send_##name(                                                                 \
		struct harness_link *link, uint64_t corr_id, const struct oap_##name *msg)        \
	{                                                                                         \
		struct byte_writer out = byte_writer_of(payload_out, sizeof payload_out);         \
		assert_true(oap_encode_##name(&out, msg));                                        \
		harness_send_payload(link, id, corr_id, (struct slice){ payload_out, out.used }); \
	}                                                                                         \
	uint64_t harness_expect_##name(struct harness_link *link, struct oap_##name *ret_msg)     \
	{                                                                                         \
		struct slice payload;                                                             \
		uint64_t corr_id = expect(link, id, &payload);                                    \
		struct byte_reader in = byte_reader_of(payload);                                  \
		assert_true(oap_decode_##name(&in, ret_msg));                                     \
		return corr_id;                                                                   \
	}
OAP_VERBS(AS_FUNCTIONS)
#undef AS_FUNCTIONS
