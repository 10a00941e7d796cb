#ifndef COMMON_PEER_H
#define COMMON_PEER_H

/* The links of one process. A mesh holds a peer for each process that this one has a socket
 * to; a peer reads frames, dispatches them, queues what is sent, and keeps the credit of both
 * directions (DESIGN-WALL.md section 3).
 *
 * One turn of the loop: every readable socket is drained, handlers run, then - once - the
 * role's `turn` hook, then one write per link that has something to say. Frames that are sent
 * in one turn share that write, which is what makes small frames cheap.
 *
 * Nothing here blocks. Requests are bounded by credit, replies by the requests that they
 * answer, and events are few, so a queue stays far from its end while its reader reads. One
 * that does not read can still have answers sent to it by processes that it never asked
 * (ingress asks a prevalidator, the sequencer answers): at the end of the queue it is accused.
 * Or a captured ingress could fell the sequencer by keeping still. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "proto/links.h"
#include "proto/verbs.h"

struct ev_loop;
struct peer;

/* What may wait in one queue. The largest sum of a window, its replies and events is that of
 * sequencer -> edge: the refusals of every request under way, 5 bytes for each draft of at
 * least 60, of 17 prevalidators with 16 MiB each; and of committer -> sequencer: 8 MiB of
 * state. 64 MiB are beyond all of them; memory is taken as it is needed. */
#define PEER_QUEUE_BYTES_MAX (64u * 1024u * 1024u)

/* A worker is handed at most this many fds in one go: pages and listeners of a start. */
#define PEER_FDS_MAX 96u

struct mesh_hooks {
	/* The link is gone, with all that was under way on it. Called before the peer is freed,
	 * and once; the peer can no longer be sent to. */
	void (*lost)(void *self, const struct oap_from *whom);
	/* The sender of this frame did what the table forbids, or (verb 0, ERR_TOO_LARGE) it does
	 * not read what it is sent. Called once; what it sends from now on is discarded, and
	 * `lost` still follows when it ends. May destroy the peer. */
	void (*accuse)(void *self, const struct oap_from *from, enum err err);
	/* Once a turn, before queues are written. May be NULL. */
	void (*turn)(void *self);
};

struct mesh {
	struct ev_loop *loop;
	void *self; /* handed to hooks */
	struct mesh_hooks hooks;
	unsigned process; /* ours */
	struct peer *peers[PROCESS_COUNT][PREVALIDATORS_MAX + 1];
	struct peer *dirty;      /* to be written at the end of the turn */
	struct mesh_loop *watch; /* owned; libev's part of it */
};

/* False when memory or the loop is short. */
MUST_CHECK bool mesh_init(struct mesh *mesh, struct ev_loop *loop, unsigned process, void *self,
	struct mesh_hooks hooks);
void mesh_finish(struct mesh *mesh);

/* Writes at the end of this turn happen as if it were over now. For the last words of a process. */
void mesh_flush(struct mesh *mesh);

/* NULL when there is no such link now. */
struct peer *mesh_peer(struct mesh *mesh, unsigned process, unsigned instance);
/* The same, but only if that process still is of that generation. */
struct peer *mesh_peer_of(
	struct mesh *mesh, unsigned process, unsigned instance, uint32_t generation);

struct peer_plan {
	int fd; /* a non-blocking stream socket; ours from now on */
	unsigned process;
	unsigned instance;
	uint32_t generation;
	bool passes_fds; /* fd 3; only those of the supervisor are taken */
	const struct oap_handlers *handlers;
	const struct oap_handlers *control; /* control verbs go here; NULL: CREDIT only */
	void *handlers_self;
	void *control_self;
};

/* Joins the mesh in place of an older peer of the same name, which is lost first. */
MUST_CHECK struct peer *peer_create(struct mesh *mesh, const struct peer_plan *plan);
/* Without calling `lost`; NULL is fine, and so is a peer whose handler is running. */
void peer_destroy(struct peer *peer);

uint32_t peer_generation(const struct peer *peer);
int peer_fd(const struct peer *peer);

/* The oldest fd that came in and was not taken; -1 when a frame came without its fd. */
int peer_take_fd(struct peer *peer);

/* Reads and dispatches what is there; false when the link is lost. Before the loop runs,
 * worker_run calls it after poll(). */
bool peer_read(struct peer *peer);

/* Credit left towards the peer for a request with that payload; none towards NULL. */
bool peer_has_credit(const struct peer *peer, size_t payload_bytes);
/* For so many of that payload each, which are sent later, whatever is given back meanwhile. */
bool peer_has_credit_for(const struct peer *peer, unsigned requests, size_t payload_bytes);
bool peer_idle(const struct peer *peer); /* nothing queued, nothing asked */

/* Finished with a request: its sender may send another. Does nothing when the sender is gone. */
void mesh_give_back(struct mesh *mesh, const struct oap_from *from);

/* oap_send_<verb>(peer, corr_id, msg): queues a frame. ERR_BUSY only for a REQUEST without
 * credit; nothing was queued then, and the sender answers BUSY. A NULL peer is ERR_STALE. */
#define AS_PROTOTYPE(id, NAME, name, senders, receivers, kind) \
	MUST_CHECK enum err oap_send_##name(                   \
		struct peer *peer, uint64_t corr_id, const struct oap_##name *msg);
OAP_VERBS(AS_PROTOTYPE)
#undef AS_PROTOTYPE

/* SETUP_FD, LINK and OTEL_SOCKET carry an fd, which is closed once it is written, or when it cannot
 * be. */
MUST_CHECK enum err peer_send_setup_fd(struct peer *peer, const struct oap_setup_fd *msg, int fd);
MUST_CHECK enum err peer_send_link(struct peer *peer, const struct oap_link *msg, int fd);
MUST_CHECK enum err peer_send_otel_socket(
	struct peer *peer, const struct oap_otel_socket *msg, int fd);

#endif
