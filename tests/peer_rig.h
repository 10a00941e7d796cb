#ifndef TESTS_PEER_RIG_H
#define TESTS_PEER_RIG_H

/* Processes of a mesh in one test: each a side with its own loop, driven turn by turn, which
 * writes down what it handled and what its mesh told. The other end of a link is a second
 * side, or the test itself with a socket in its hand. */

#include <ev.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/peer.h"
#include "proto/frame.h"
#include "tests/verb_cases.h"

#define RIG_SEEN_MAX   4096u
#define RIG_TURNS      200u /* more than any test needs to settle */
#define RIG_GENERATION 7u

struct rig_side {
	struct ev_loop *loop;
	struct mesh mesh;
	struct oap_from seen[RIG_SEEN_MAX]; /* frames that handlers were given, in order */
	size_t seen_count;
	struct oap_from lost;
	unsigned lost_count;
	struct oap_from accused;
	enum err accused_err;
	unsigned accused_count;
	unsigned turn_count;
	bool gives_back; /* each request at once */
	/* What a handler does beyond that, and answers. May be NULL. */
	enum err (*handle)(struct rig_side *side, const struct oap_from *from, const void *msg);
	void (*when_accused)(struct rig_side *side);
	void (*when_turn)(struct rig_side *side);
	void *context; /* of these three */
};

static inline enum err rig_seen(
	struct rig_side *side, const struct oap_from *from, enum oap_kind kind, const void *msg)
{
	assert(side->seen_count < RIG_SEEN_MAX);
	side->seen[side->seen_count++] = *from;
	if (side->gives_back && kind == OAP_KIND_REQUEST) {
		mesh_give_back(&side->mesh, from);
	}
	return side->handle == NULL ? ERR_OK : side->handle(side, from, msg);
}

#define AS_HANDLER(id, NAME, name, senders, receivers, kind)                           \
	static inline enum err rig_on_##name(                                          \
		void *self, const struct oap_from *from, const struct oap_##name *msg) \
	{                                                                              \
		return rig_seen(self, from, OAP_KIND_##kind, msg);                     \
	}
OAP_VERBS(AS_HANDLER)
#undef AS_HANDLER

static const struct oap_handlers rig_handlers = {
#define AS_SLOT(id, NAME, name, senders, receivers, kind) .name = rig_on_##name,
	OAP_VERBS(AS_SLOT)
#undef AS_SLOT
};

static inline void rig_lost(void *self, const struct oap_from *whom)
{
	struct rig_side *side = self;

	side->lost = *whom;
	side->lost_count++;
}

static inline void rig_accuse(void *self, const struct oap_from *from, enum err err)
{
	struct rig_side *side = self;

	side->accused = *from;
	side->accused_err = err;
	side->accused_count++;
	if (side->when_accused != NULL) {
		side->when_accused(side);
	}
}

static inline void rig_turned(void *self)
{
	struct rig_side *side = self;

	side->turn_count++;
	if (side->when_turn != NULL) {
		side->when_turn(side);
	}
}

static inline void rig_begin(struct rig_side *side, unsigned process)
{
	struct mesh_hooks hooks = { rig_lost, rig_accuse, rig_turned };

	memset(side, 0, sizeof *side);
	side->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	assert(side->loop != NULL);
	bool begun = mesh_init(&side->mesh, side->loop, process, side, hooks);
	assert(begun);
}

static inline void rig_end(struct rig_side *side)
{
	mesh_finish(&side->mesh);
	ev_loop_destroy(side->loop);
}

/* The peer of `side` at one end of a socket. fd 3, and a client's connection, are the
 * supervisor's. */
static inline struct peer *rig_join(
	struct rig_side *side, int fd, unsigned process, uint32_t generation)
{
	bool control = side->mesh.process == PROCESS_SUPERVISOR || process == PROCESS_SUPERVISOR;
	struct peer_plan plan = {
		.fd = fd,
		.process = process,
		.generation = generation,
		.passes_fds = control && process != PROCESS_CLIENT,
		.handlers = &rig_handlers,
		.handlers_self = side,
		.control = control ? &rig_handlers : NULL,
		.control_self = side,
	};
	struct peer *peer = peer_create(&side->mesh, &plan);

	assert(peer != NULL);
	return peer;
}

static inline void rig_socketpair(int ret_fds[2])
{
	int failed = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds);

	assert(failed == 0);
}

/* A side whose only link ends in our hand; that end is returned. */
static inline int rig_begin_alone(
	struct rig_side *side, unsigned process, unsigned other, struct peer **ret_peer)
{
	int fds[2];

	rig_begin(side, process);
	rig_socketpair(fds);
	*ret_peer = rig_join(side, fds[0], other, RIG_GENERATION);
	return fds[1];
}

struct rig_pair {
	struct rig_side a, b;
	struct peer *to_b, *to_a; /* a's peer, b's peer */
};

static inline void rig_begin_pair(struct rig_pair *pair, unsigned a, unsigned b)
{
	int fds[2];

	rig_socketpair(fds);
	rig_begin(&pair->a, a);
	rig_begin(&pair->b, b);
	pair->to_b = rig_join(&pair->a, fds[0], b, RIG_GENERATION);
	pair->to_a = rig_join(&pair->b, fds[1], a, RIG_GENERATION);
}

static inline void rig_end_pair(struct rig_pair *pair)
{
	rig_end(&pair->a);
	rig_end(&pair->b);
}

static inline void rig_turn(struct rig_side *side)
{
	ev_run(side->loop, EVRUN_NOWAIT);
}

static inline void rig_settle(struct rig_side *side)
{
	for (unsigned i = 0; i < RIG_TURNS; i++) {
		rig_turn(side);
	}
}

static inline void rig_settle_pair(struct rig_pair *pair)
{
	for (unsigned i = 0; i < RIG_TURNS; i++) {
		rig_turn(&pair->a);
		rig_turn(&pair->b);
	}
}

/* A frame by hand; flags are what the verb's kind asks for unless `flags` is not 0. */
static inline size_t rig_frame(
	unsigned verb, uint64_t corr_id, struct slice payload, uint16_t flags, uint8_t *ret_bytes)
{
	struct frame_head head = {
		.flags = flags,
		.verb = (uint16_t)verb,
		.corr_id = corr_id,
		.payload_bytes = (uint32_t)payload.bytes_count,
	};

	if (flags == 0 && oap_verb_known(verb)) {
		enum oap_kind kind = oap_verb_kind(verb);
		head.flags = kind == OAP_KIND_REQUEST ? FRAME_REQ
			     : kind == OAP_KIND_REPLY ? FRAME_RESP
						      : FRAME_EVENT;
	}
	frame_encode(&head, ret_bytes);
	memcpy(ret_bytes + FRAME_HEAD_BYTES, payload.bytes, payload.bytes_count);
	return FRAME_HEAD_BYTES + payload.bytes_count;
}

/* A frame of that verb with zeros and empty views. */
static inline size_t rig_zero_frame(unsigned verb, uint64_t corr_id, uint8_t *ret_bytes)
{
	uint8_t payload[512];

	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		if (verb_cases[i].verb == verb) {
			size_t count = verb_lay_out(
				&verb_cases[i], SIZE_MAX, 0, 0, payload, sizeof payload);
			return rig_frame(
				verb, corr_id, (struct slice){ payload, count }, 0, ret_bytes);
		}
	}
	assert(!"there is no such verb");
	return 0;
}

static inline void rig_write(int fd, const uint8_t *bytes, size_t count)
{
	ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);

	assert(sent == (ssize_t)count);
}

static inline void rig_write_zero_frame(int fd, unsigned verb, uint64_t corr_id)
{
	uint8_t bytes[1024];

	rig_write(fd, bytes, rig_zero_frame(verb, corr_id, bytes));
}

/* The next frame that arrived at our end: its header; false when there is none. */
static inline bool rig_read_frame(int fd, struct frame_head *ret_head)
{
	uint8_t bytes[FRAME_HEAD_BYTES], payload[1024];

	if (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) != (ssize_t)sizeof bytes) {
		return false;
	}
	enum frame_verdict verdict = frame_decode((struct slice){ bytes, sizeof bytes }, ret_head);
	assert(verdict == FRAME_OK && ret_head->payload_bytes <= sizeof payload);
	ssize_t got = recv(fd, payload, ret_head->payload_bytes, MSG_DONTWAIT);
	assert(got == (ssize_t)ret_head->payload_bytes);
	return true;
}

#endif
