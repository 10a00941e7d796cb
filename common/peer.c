#include "common/peer.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/peer_queue.h"
#include "common/trace.h"
#include "proto/frame.h"

/* One read takes at most this much, and a turn at most four of them from one peer, so that a
 * busy peer cannot starve the others. */
#define READ_BYTES          262144u
#define READS_PER_TURN      4u
#define IN_BYTES            (FRAME_BYTES_MAX + READ_BYTES)
#define FDS_PER_MESSAGE_MAX 4u

struct peer {
	struct mesh *mesh;
	struct peer *dirty_next;
	const struct oap_handlers *handlers;
	const struct oap_handlers *control;
	void *handlers_self;
	void *control_self;
	ev_io readable;
	ev_io writable;
	int fd; /* owned */
	unsigned process, instance;
	uint32_t generation;
	bool passes_fds, takes_fds, dirty, broken, overrun, accused, dispatching, doomed;

	struct link_window credit;    /* left for us to spend */
	struct link_window window;    /* the whole of it */
	struct link_window owed;      /* finished and not yet given back */
	struct link_window in_hand;   /* asked by the peer and not finished */
	struct link_window in_window; /* the whole of that */

	uint8_t *in; /* owned, IN_BYTES */
	size_t in_used;
	int fds_in[PEER_FDS_MAX]; /* owned, oldest first */
	size_t fds_in_count;

	struct peer_queue out;
};

struct mesh_loop {
	ev_prepare prepare;
	struct mesh *mesh;
};

static void mark_dirty(struct peer *peer)
{
	if (!peer->dirty) {
		peer->dirty = true;
		peer->dirty_next = peer->mesh->dirty;
		peer->mesh->dirty = peer;
	}
}

static void unmark_dirty(struct peer *peer)
{
	struct peer **next = &peer->mesh->dirty;

	while (*next != NULL && *next != peer) {
		next = &(*next)->dirty_next;
	}
	if (*next == peer) {
		*next = peer->dirty_next;
	}
	peer->dirty = false;
}

static struct oap_from from_of(const struct peer *peer)
{
	return (struct oap_from){
		.process = (uint8_t)peer->process,
		.instance = (uint8_t)peer->instance,
		.generation = peer->generation,
	};
}

/* From now on nothing that it says is looked at; the supervisor decides who ends. We go on
 * reading, so that its end is seen and what is under way on the link can be failed. */
static void accuse(struct peer *peer, const struct oap_from *from, enum err err)
{
	peer->accused = true;
	peer->mesh->hooks.accuse(peer->mesh->self, from, err);
}

/* --- writing --- */

/* A reader that takes nothing while what it asked for piles up: answers of three roles meet in
 * one edge, so its own windows don't bound that. It is told on at the end of the turn, not
 * here, where the caller still holds the peer. */
static void overrun(struct peer *peer)
{
	peer->overrun = true;
	peer->broken = true;
	mark_dirty(peer);
}

static void flush(struct peer *peer)
{
	if (!peer->broken) {
		switch (peer_queue_write(&peer->out, peer->fd)) {
		case PEER_QUEUE_EMPTY:
			break;
		case PEER_QUEUE_BLOCKED:
			ev_io_start(peer->mesh->loop, &peer->writable);
			return;
		case PEER_QUEUE_BROKEN:
			peer->broken = true; /* the read side will see the end and tell */
			break;
		}
	}
	ev_io_stop(peer->mesh->loop, &peer->writable);
}

/* A client on the control socket needs none: the answer itself says that we are done. */
static void put_credit(struct peer *peer)
{
	struct oap_credit credit = { peer->owed.requests, peer->owed.bytes };

	peer->owed = (struct link_window){ 0, 0 };
	if (credit.requests > 0 &&
		oap_route_allows(OAP_CREDIT, peer->mesh->process, peer->process)) {
		/* It fails only when the link is over, and then nobody counts any more. */
		(void)!oap_send_credit(peer, 0, &credit);
	}
}

void mesh_flush(struct mesh *mesh)
{
	while (mesh->dirty != NULL) {
		struct peer *peer = mesh->dirty;

		put_credit(peer);
		unmark_dirty(peer);
		if (!ev_is_active(&peer->writable)) {
			flush(peer);
		}
		if (peer->overrun && !peer->accused) {
			struct oap_from from = from_of(peer);
			accuse(peer, &from, ERR_TOO_LARGE); /* may end the peer */
		}
	}
}

static uint16_t flags_of(enum oap_kind kind)
{
	switch (kind) {
	case OAP_KIND_REQUEST:
		return FRAME_REQ;
	case OAP_KIND_REPLY:
		return FRAME_RESP;
	case OAP_KIND_CONTROL:
	case OAP_KIND_EVENT:
		return FRAME_EVENT;
	}
	return FRAME_EVENT;
}

/* Encodes in place behind the header, so that a frame of a megabyte is copied once. */
#define AS_SEND(id, NAME, name, senders, receivers, kind)                                        \
	enum err oap_send_##name(                                                                \
		struct peer *peer, uint64_t corr_id, const struct oap_##name *msg)               \
	{                                                                                        \
		return send_frame(peer, id, OAP_KIND_##kind, corr_id, encoded_bytes_##name(msg), \
			encode_##name, msg);                                                     \
	}

typedef bool (*encode_fn)(struct byte_writer *out, const void *msg);

static enum err send_frame(struct peer *peer, unsigned verb, enum oap_kind kind, uint64_t corr_id,
	size_t payload_bytes, encode_fn encode, const void *msg)
{
	struct frame_head head = {
		.flags = flags_of(kind),
		.verb = (uint16_t)verb,
		.corr_id = corr_id,
		.payload_bytes = (uint32_t)payload_bytes,
	};
	struct byte_writer out;
	uint8_t *frame;

	if (peer == NULL || peer->broken) {
		return ERR_STALE;
	}
	assert(oap_route_allows(verb, peer->mesh->process, peer->process));
	if (kind == OAP_KIND_REQUEST && !peer_has_credit(peer, payload_bytes)) {
		return ERR_BUSY;
	}
	frame = peer_queue_reserve(&peer->out, FRAME_HEAD_BYTES + payload_bytes);
	if (frame == NULL) {
		overrun(peer);
		return ERR_STALE;
	}
	if (kind == OAP_KIND_REQUEST) {
		peer->credit.requests--;
		peer->credit.bytes -= (uint32_t)payload_bytes;
	}
	frame_encode(&head, frame);
	out = byte_writer_of(frame + FRAME_HEAD_BYTES, payload_bytes);
	bool encoded = encode(&out, msg);
	assert(encoded && out.left == 0);
	peer_queue_add(&peer->out, FRAME_HEAD_BYTES + payload_bytes);
	mark_dirty(peer);
	return ERR_OK;
}

#define BYTES_u8                      1u
#define BYTES_u16                     2u
#define BYTES_u32                     4u
#define BYTES_u64                     8u
#define BYTES_u128                    16u
#define BYTES_hash                    HASH_BYTES
#define BYTES_id128                   ID_BYTES
#define FIXED_BYTES(kind, field)      +BYTES_##kind
#define SIZED_BYTES(field, bytes_max) +4u + msg->field.bytes_count
#define AS_BYTES(id, NAME, name, senders, receivers, kind)                  \
	static size_t encoded_bytes_##name(const struct oap_##name *msg)    \
	{                                                                   \
		(void)msg;                                                  \
		return 0u PAYLOAD_##NAME(FIXED_BYTES, SIZED_BYTES);         \
	}                                                                   \
	static bool encode_##name(struct byte_writer *out, const void *msg) \
	{                                                                   \
		return oap_encode_##name(out, msg);                         \
	}
OAP_VERBS(AS_BYTES)
#undef AS_BYTES
OAP_VERBS(AS_SEND)
#undef AS_SEND

/* The next frame takes `fd` along; false when the peer is gone, or took none for so long that
 * as many as it can ever be handed are waiting. */
static bool attach_fd(struct peer *peer, int fd)
{
	if (peer == NULL || peer->broken) {
		return false;
	}
	assert(peer->passes_fds);
	if (!peer_queue_attach(&peer->out, fd)) {
		overrun(peer);
		return false;
	}
	return true;
}

enum err peer_send_setup_fd(struct peer *peer, const struct oap_setup_fd *msg, int fd)
{
	if (!attach_fd(peer, fd)) {
		close(fd);
		return ERR_STALE;
	}
	return oap_send_setup_fd(peer, 0, msg);
}

enum err peer_send_link(struct peer *peer, const struct oap_link *msg, int fd)
{
	if (!attach_fd(peer, fd)) {
		close(fd);
		return ERR_STALE;
	}
	return oap_send_link(peer, 0, msg);
}

enum err peer_send_otel_socket(struct peer *peer, const struct oap_otel_socket *msg, int fd)
{
	if (!attach_fd(peer, fd)) {
		close(fd);
		return ERR_STALE;
	}
	return oap_send_otel_socket(peer, 0, msg);
}

/* --- credit --- */

bool peer_has_credit(const struct peer *peer, size_t payload_bytes)
{
	return peer != NULL && peer->credit.requests > 0 && payload_bytes <= peer->credit.bytes;
}

bool peer_has_credit_for(const struct peer *peer, unsigned requests, size_t payload_bytes)
{
	return peer != NULL && peer->credit.requests >= requests &&
	       peer->credit.bytes / payload_bytes >= requests;
}

bool peer_idle(const struct peer *peer)
{
	return peer_queue_is_empty(&peer->out) && peer->credit.requests == peer->window.requests;
}

void mesh_give_back(struct mesh *mesh, const struct oap_from *from)
{
	struct peer *peer = mesh_peer_of(mesh, from->process, from->instance, from->generation);

	trace_request_done(from);
	if (peer == NULL) {
		return;
	}
	assert(peer->in_hand.requests > 0 && from->payload_bytes <= peer->in_hand.bytes);
	peer->in_hand.requests--;
	peer->in_hand.bytes -= from->payload_bytes;
	peer->owed.requests++;
	peer->owed.bytes += from->payload_bytes;
	mark_dirty(peer);
}

/* The peer finished with some of our requests. More than we asked is a lie. */
static enum err take_credit(struct peer *peer, struct slice payload)
{
	struct byte_reader in = byte_reader_of(payload);
	struct oap_credit credit;

	if (!oap_decode_credit(&in, &credit)) {
		return ERR_MALFORMED;
	}
	if (credit.requests > peer->window.requests - peer->credit.requests ||
		credit.bytes > peer->window.bytes - peer->credit.bytes) {
		return ERR_TOO_LARGE;
	}
	peer->credit.requests += credit.requests;
	peer->credit.bytes += credit.bytes;
	return ERR_OK;
}

/* A request over the window that we gave: its sender did not keep to the table. */
static enum err account_request(struct peer *peer, uint32_t payload_bytes)
{
	if (peer->in_hand.requests + peer->owed.requests >= peer->in_window.requests ||
		payload_bytes > peer->in_window.bytes - peer->in_hand.bytes - peer->owed.bytes) {
		return ERR_TOO_LARGE;
	}
	peer->in_hand.requests++;
	peer->in_hand.bytes += payload_bytes;
	return ERR_OK;
}

/* --- reading --- */

/* What the header alone tells: a frame that the table forbids is not waited for. Siblings set
 * nothing that we don't: flags follow from the verb, and there are no tenants inside. */
static enum err judge_head(const struct peer *peer, const struct frame_head *head)
{
	if (!oap_route_allows(head->verb, peer->process, peer->mesh->process)) {
		return ERR_NOT_ROUTED; /* as is a verb that there is not */
	}
	if (head->payload_bytes > oap_verb_payload_bytes_max(head->verb)) {
		return ERR_TOO_LARGE;
	}
	if (head->flags != flags_of(oap_verb_kind(head->verb)) || head->tenant_id != 0) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

static enum err dispatch(struct peer *peer, const struct oap_from *from, struct slice payload)
{
	enum err err;

	switch (oap_verb_kind(from->verb)) {
	case OAP_KIND_CONTROL:
		if (from->verb == OAP_CREDIT) {
			return take_credit(peer, payload);
		}
		if (peer->control == NULL) {
			return ERR_NOT_ROUTED;
		}
		return oap_dispatch(
			peer->control, peer->control_self, peer->mesh->process, from, payload);
	case OAP_KIND_REQUEST:
		err = account_request(peer, from->payload_bytes);
		if (err != ERR_OK) {
			return err;
		}
		break;
	case OAP_KIND_REPLY:
	case OAP_KIND_EVENT:
		break;
	}
	return oap_dispatch(
		peer->handlers, peer->handlers_self, peer->mesh->process, from, payload);
}

/* Takes one whole frame off the front; its size, or 0 when it is not all there. */
static size_t take_frame(struct peer *peer, struct slice bytes)
{
	struct frame_head head = { 0 };
	enum frame_verdict verdict = frame_decode(bytes, &head);
	struct oap_from from = from_of(peer);
	enum err err;

	if (verdict == FRAME_SHORT) {
		return 0;
	}
	if (verdict != FRAME_OK) {
		accuse(peer, &from, ERR_MALFORMED);
		return 0;
	}
	from.corr_id = head.corr_id;
	from.verb = head.verb;
	from.payload_bytes = head.payload_bytes;
	from.came_us = trace_request_came(peer->mesh->process, &from);
	err = judge_head(peer, &head);
	if (err == ERR_OK) {
		if (bytes.bytes_count - FRAME_HEAD_BYTES < head.payload_bytes) {
			return 0;
		}
		err = dispatch(peer, &from,
			(struct slice){ bytes.bytes + FRAME_HEAD_BYTES, head.payload_bytes });
	}
	if (err != ERR_OK && !peer->doomed) {
		accuse(peer, &from, err);
		return 0; /* nothing after it is looked at either */
	}
	return FRAME_HEAD_BYTES + head.payload_bytes;
}

static void take_frames(struct peer *peer)
{
	size_t done = 0;

	peer->dispatching = true;
	while (!peer->accused && !peer->doomed) {
		size_t taken =
			take_frame(peer, (struct slice){ peer->in + done, peer->in_used - done });
		if (taken == 0) {
			break;
		}
		done += taken;
	}
	peer->dispatching = false;
	if (done > 0) {
		memmove(peer->in, peer->in + done, peer->in_used - done);
		peer->in_used -= done;
	}
}

/* The kernel may glue earlier bytes to the message that carries fds: fds are queued, and the
 * frame that needs one takes the oldest (DESIGN-WALL.md section 3). */
static bool keep_fds(struct peer *peer, struct msghdr *message)
{
	bool fit = (message->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
		part = CMSG_NXTHDR(message, part)) {
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
			if (peer->fds_in_count == PEER_FDS_MAX) {
				close(fd);
				fit = false;
				continue;
			}
			peer->fds_in[peer->fds_in_count++] = fd;
		}
	}
	return fit;
}

static ssize_t receive(struct peer *peer)
{
	size_t room = IN_BYTES - peer->in_used;
	uint8_t *to = peer->in + peer->in_used;
	ssize_t got;

	if (room > READ_BYTES) {
		room = READ_BYTES;
	}
	if (!peer->takes_fds) { /* any that come along are dropped by the kernel */
		return recv(peer->fd, to, room, MSG_DONTWAIT);
	}
	struct iovec part = { .iov_base = to, .iov_len = room };
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(FDS_PER_MESSAGE_MAX * sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control.bytes,
	};
	got = recvmsg(peer->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got > 0 && !keep_fds(peer, &message)) {
		errno = EPROTO;
		return -1;
	}
	return got;
}

static void leave_mesh(struct peer *peer)
{
	struct peer **slot = &peer->mesh->peers[peer->process][peer->instance];

	if (*slot == peer) {
		*slot = NULL;
	}
}

static void lose(struct peer *peer)
{
	struct oap_from whom = from_of(peer);

	leave_mesh(peer);
	peer->mesh->hooks.lost(peer->mesh->self, &whom);
	peer_destroy(peer);
}

bool peer_read(struct peer *peer)
{
	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		ssize_t got = receive(peer);

		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
			return true;
		}
		if (got <= 0) {
			lose(peer);
			return false;
		}
		peer->in_used += (size_t)got;
		take_frames(peer);
		if (peer->doomed) {
			peer_destroy(peer);
			return false;
		}
		if (peer->accused) {
			peer->in_used = 0;
		}
		if ((size_t)got < READ_BYTES && !peer->takes_fds) {
			return true; /* drained: a stream gives what it has */
		}
	}
	return true;
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	(void)peer_read(watcher->data);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	flush(watcher->data);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
	struct mesh *mesh = ((struct mesh_loop *)watcher->data)->mesh;

	(void)loop;
	(void)events;
	if (mesh->hooks.turn != NULL) {
		mesh->hooks.turn(mesh->self);
	}
	mesh_flush(mesh);
}

/* --- life --- */

bool mesh_init(struct mesh *mesh, struct ev_loop *loop, unsigned process, void *self,
	struct mesh_hooks hooks)
{
	struct mesh_loop *watch = calloc(1, sizeof *watch);

	if (watch == NULL) {
		return false;
	}
	*mesh = (struct mesh){
		.loop = loop,
		.self = self,
		.hooks = hooks,
		.process = process,
		.watch = watch,
	};
	watch->mesh = mesh;
	ev_prepare_init(&watch->prepare, on_prepare);
	watch->prepare.data = watch;
	ev_prepare_start(loop, &watch->prepare);
	return true;
}

void mesh_finish(struct mesh *mesh)
{
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		for (size_t i = 0; i < COUNT_OF(mesh->peers[process]); i++) {
			peer_destroy(mesh->peers[process][i]);
		}
	}
	if (mesh->watch != NULL) {
		ev_prepare_stop(mesh->loop, &mesh->watch->prepare);
	}
	free(mesh->watch);
	mesh->watch = NULL;
}

struct peer *mesh_peer(struct mesh *mesh, unsigned process, unsigned instance)
{
	if (process >= PROCESS_COUNT || instance >= COUNT_OF(mesh->peers[0])) {
		return NULL;
	}
	return mesh->peers[process][instance];
}

struct peer *mesh_peer_of(
	struct mesh *mesh, unsigned process, unsigned instance, uint32_t generation)
{
	struct peer *peer = mesh_peer(mesh, process, instance);

	return peer != NULL && peer->generation == generation ? peer : NULL;
}

struct peer *peer_create(struct mesh *mesh, const struct peer_plan *plan)
{
	struct peer *old = mesh_peer(mesh, plan->process, plan->instance);
	struct peer *peer = calloc(1, sizeof *peer);

	assert(plan->process < PROCESS_COUNT && plan->instance < COUNT_OF(mesh->peers[0]));
	if (old != NULL) {
		assert(!old->dispatching); /* only fd 3 makes links, and it is not one */
		lose(old);
	}
	if (peer == NULL) {
		return NULL;
	}
	peer->mesh = mesh;
	peer->fd = plan->fd;
	peer->process = plan->process;
	peer->instance = plan->instance;
	peer->generation = plan->generation;
	peer->passes_fds = plan->passes_fds;
	peer->takes_fds = plan->passes_fds && plan->process == PROCESS_SUPERVISOR;
	peer->handlers = plan->handlers;
	peer->handlers_self = plan->handlers_self;
	peer->control = plan->control;
	peer->control_self = plan->control_self;
	peer->window = links_window(mesh->process, plan->process);
	peer->credit = peer->window;
	peer->in_window = links_window(plan->process, mesh->process);
	peer->in = malloc(IN_BYTES);
	if (peer->in == NULL || !peer_queue_init(&peer->out)) {
		peer->fd = -1; /* stays the caller's */
		peer_destroy(peer);
		return NULL;
	}
	ev_io_init(&peer->readable, on_readable, peer->fd, EV_READ);
	if (plan->passes_fds) { /* fd 3: a ping is answered before other frames of a turn */
		ev_set_priority(&peer->readable, EV_MAXPRI);
	}
	ev_io_init(&peer->writable, on_writable, peer->fd, EV_WRITE);
	peer->readable.data = peer;
	peer->writable.data = peer;
	ev_io_start(mesh->loop, &peer->readable);
	mesh->peers[plan->process][plan->instance] = peer;
	return peer;
}

void peer_destroy(struct peer *peer)
{
	if (peer == NULL) {
		return;
	}
	leave_mesh(peer);
	if (peer->dispatching) { /* one of its own handlers asked; peer_read is above us */
		peer->doomed = true;
		return;
	}
	unmark_dirty(peer);
	if (peer->fd >= 0) { /* libev first: its epoll would keep a dup alive (FACTS.md) */
		ev_io_stop(peer->mesh->loop, &peer->readable);
		ev_io_stop(peer->mesh->loop, &peer->writable);
		close(peer->fd);
	}
	for (size_t i = 0; i < peer->fds_in_count; i++) {
		close(peer->fds_in[i]);
	}
	peer_queue_finish(&peer->out);
	free(peer->in);
	free(peer);
}

uint32_t peer_generation(const struct peer *peer)
{
	return peer->generation;
}

int peer_fd(const struct peer *peer)
{
	return peer->fd;
}

int peer_take_fd(struct peer *peer)
{
	int fd;

	if (peer->fds_in_count == 0) {
		return -1;
	}
	fd = peer->fds_in[0];
	peer->fds_in_count--;
	memmove(&peer->fds_in[0], &peer->fds_in[1], peer->fds_in_count * sizeof(int));
	return fd;
}
