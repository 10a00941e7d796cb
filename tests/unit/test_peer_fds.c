/* Goal: an fd belongs to its frame, however the kernel cuts and glues the stream; and none is
 * ever leaked. A pipe tells: when its reader sees the end, nobody holds the write end. */
#include "common/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/peer_rig.h"

#define FILLER_BYTES 60000u

static uint8_t filler[FILLER_BYTES];

/* inodes of the pipes that the worker took, in order of their frames */
struct taken {
	struct peer *from;
	ino_t inodes[PEER_FDS_MAX];
	uint32_t generations[PEER_FDS_MAX];
	size_t count;
};

static ino_t inode_of(int fd)
{
	struct stat stat;

	assert_int_equal(fstat(fd, &stat), 0);
	return stat.st_ino;
}

static enum err take_fd(struct rig_side *side, const struct oap_from *from, const void *msg)
{
	struct taken *taken = side->context;
	const struct oap_link *link = msg;
	int fd;

	if (from->verb != OAP_LINK) {
		return ERR_OK;
	}
	fd = peer_take_fd(taken->from);
	if (fd < 0) {
		return ERR_MALFORMED;
	}
	taken->inodes[taken->count] = inode_of(fd);
	taken->generations[taken->count++] = link->generation;
	close(fd);
	return ERR_OK;
}

/* A pipe: its read end stays with us, its write end is returned. */
static int new_pipe(int *ret_reader)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	*ret_reader = fds[0];
	return fds[1];
}

static bool nobody_writes(int reader)
{
	char byte;

	return read(reader, &byte, 1) == 0;
}

static struct peer *begin(struct rig_pair *pair, struct taken *taken)
{
	rig_begin_pair(pair, PROCESS_SUPERVISOR, PROCESS_INGRESS);
	*taken = (struct taken){ .from = pair->to_a };
	pair->b.handle = take_fd;
	pair->b.context = taken;
	return pair->to_b;
}

static void send_filler(struct peer *peer, size_t count)
{
	struct oap_setup_config config = { .config = { filler, count } };

	assert_int_equal(oap_send_setup_config(peer, 0, &config), ERR_OK);
}

/* `count` LINK frames with a pipe each and fillers between them; checks that each frame was
 * given its own. */
static void pass_pipes(
	struct rig_pair *pair, struct taken *taken, size_t count, size_t filler_bytes)
{
	int readers[PEER_FDS_MAX];
	ino_t inodes[PEER_FDS_MAX];

	for (size_t i = 0; i < count; i++) {
		int fd = new_pipe(&readers[i]);
		struct oap_link link = { .process = PROCESS_ARCHIVE, .generation = (uint32_t)i };
		inodes[i] = inode_of(fd);
		send_filler(pair->to_b, i * 31 % (filler_bytes + 1));
		assert_int_equal(peer_send_link(pair->to_b, &link, fd), ERR_OK);
		if (i % 3 == 0) {
			send_filler(pair->to_b, filler_bytes);
		}
	}
	rig_settle_pair(pair);
	assert_int_equal(taken->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(taken->generations[i], i);
		assert_true(taken->inodes[i] == inodes[i]);
		assert_true(nobody_writes(readers[i]));
		close(readers[i]);
	}
	assert_int_equal(peer_take_fd(taken->from), -1);
	assert_int_equal(pair->b.accused_count + pair->b.lost_count, 0);
}

static void fds_arrive_with_their_frames_when_earlier_bytes_are_glued_to_them(void **state)
{
	struct rig_pair pair;
	struct taken taken;

	(void)state;
	begin(&pair, &taken);
	pass_pipes(&pair, &taken, 50, 100);
	taken.count = 0;
	pass_pipes(&pair, &taken, 50, 9000); /* the queue grows and moves under them */
	rig_end_pair(&pair);
}

static void fds_arrive_with_their_frames_through_a_tiny_socket_buffer(void **state)
{
	struct rig_pair pair;
	struct taken taken;
	int least = 1; /* the kernel makes it its minimum: a frame takes many writes */

	(void)state;
	begin(&pair, &taken);
	assert_int_equal(
		setsockopt(peer_fd(pair.to_b), SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
	pass_pipes(&pair, &taken, 7, 5000);
	rig_end_pair(&pair);
}

static void frames_with_fds_one_behind_the_other_each_get_their_own(void **state)
{
	struct rig_pair pair;
	struct taken taken;
	int readers[20];
	ino_t inodes[20];

	(void)state;
	begin(&pair, &taken);
	for (uint32_t i = 0; i < 20; i++) {
		int fd = new_pipe(&readers[i]);
		inodes[i] = inode_of(fd);
		assert_int_equal(
			peer_send_link(pair.to_b, &(struct oap_link){ .generation = i }, fd),
			ERR_OK);
	}
	rig_settle_pair(&pair);
	assert_int_equal(taken.count, 20);
	for (uint32_t i = 0; i < 20; i++) {
		assert_true(taken.inodes[i] == inodes[i]);
		close(readers[i]);
	}
	rig_end_pair(&pair);
}

static void a_frame_that_needs_an_fd_and_has_none_is_accused(void **state)
{
	struct rig_pair pair;
	struct taken taken;

	(void)state;
	begin(&pair, &taken);
	assert_int_equal(oap_send_link(pair.to_b, 0, &(struct oap_link){ 0 }), ERR_OK);
	rig_settle_pair(&pair);
	assert_int_equal(taken.count, 0);
	assert_int_equal(pair.b.accused_count, 1);
	assert_int_equal(pair.b.accused_err, ERR_MALFORMED);
	assert_int_equal(pair.b.accused.verb, OAP_LINK);
	rig_end_pair(&pair);
}

static void an_fd_that_cannot_be_sent_is_closed(void **state)
{
	struct rig_pair pair;
	struct taken taken;
	struct oap_setup_fd setup = { 0 };
	int readers[PEER_FDS_MAX + 2];

	(void)state;
	begin(&pair, &taken);
	assert_int_equal(peer_send_setup_fd(NULL, &setup, new_pipe(&readers[0])), ERR_STALE);
	assert_true(nobody_writes(readers[0]));
	assert_int_equal(
		peer_send_link(NULL, &(struct oap_link){ 0 }, new_pipe(&readers[1])), ERR_STALE);
	assert_true(nobody_writes(readers[1]));
	close(readers[0]);
	close(readers[1]);

	/* As many as can ever be handed over wait already: the worker is hung. */
	for (size_t i = 0; i <= PEER_FDS_MAX; i++) {
		assert_int_equal(peer_send_setup_fd(pair.to_b, &setup, new_pipe(&readers[i])),
			i < PEER_FDS_MAX ? ERR_OK : ERR_STALE);
	}
	rig_turn(&pair.a);
	assert_int_equal(pair.a.accused_count, 1);
	assert_int_equal(pair.a.accused.process, PROCESS_INGRESS);
	peer_destroy(pair.to_b);
	for (size_t i = 0; i <= PEER_FDS_MAX; i++) {
		assert_true(nobody_writes(readers[i]));
		close(readers[i]);
	}
	rig_end_pair(&pair);
}

static void fds_that_nobody_took_are_closed_with_the_peer(void **state)
{
	struct rig_pair pair;
	struct taken taken;
	int reader;

	(void)state;
	begin(&pair, &taken);
	pair.b.handle = NULL; /* takes nothing */
	assert_int_equal(
		peer_send_link(pair.to_b, &(struct oap_link){ 0 }, new_pipe(&reader)), ERR_OK);
	rig_settle_pair(&pair);
	assert_int_equal(pair.b.seen_count, 1);
	assert_false(nobody_writes(reader));
	peer_destroy(pair.to_a);
	assert_true(nobody_writes(reader));
	close(reader);
	rig_end_pair(&pair);
}

static void send_with_fd(int socket, const uint8_t *bytes, size_t count, int fd)
{
	struct iovec part = { (uint8_t[1024]){ 0 }, count };
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };

	memcpy(part.iov_base, bytes, count);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), (ssize_t)count);
	close(fd);
}

/* Goal: a captured worker cannot fill the supervisor's table of fds. */
static void the_supervisor_takes_no_fds(void **state)
{
	struct rig_side side;
	struct peer *peer;
	int socket = rig_begin_alone(&side, PROCESS_SUPERVISOR, PROCESS_INGRESS, &peer);
	uint8_t bytes[256];
	size_t count = rig_zero_frame(OAP_PONG, 0, bytes);

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		int reader;
		send_with_fd(socket, bytes, count, new_pipe(&reader));
		rig_turn(&side);
		assert_int_equal(side.seen_count, i + 1);
		assert_int_equal(peer_take_fd(peer), -1);
		assert_true(nobody_writes(reader));
		close(reader);
	}
	assert_int_equal(side.accused_count + side.lost_count, 0);
	close(socket);
	rig_end(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fds_arrive_with_their_frames_when_earlier_bytes_are_glued_to_them),
		cmocka_unit_test(fds_arrive_with_their_frames_through_a_tiny_socket_buffer),
		cmocka_unit_test(frames_with_fds_one_behind_the_other_each_get_their_own),
		cmocka_unit_test(a_frame_that_needs_an_fd_and_has_none_is_accused),
		cmocka_unit_test(an_fd_that_cannot_be_sent_is_closed),
		cmocka_unit_test(fds_that_nobody_took_are_closed_with_the_peer),
		cmocka_unit_test(the_supervisor_takes_no_fds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
