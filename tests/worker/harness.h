#ifndef TESTS_WORKER_HARNESS_H
#define TESTS_WORKER_HARNESS_H

/* One real worker, as it is shipped, behind its real walls, and nobody else: the test is its
 * supervisor and all of its peers.
 *
 *	static struct harness h;
 *	harness_init(&h, PROCESS_KMS);        a directory of its own, a default configuration
 *	harness_make_dir(&h, "keys");         what the supervisor would have made
 *	h.config.kms_cache_ttl_ms = 1000;
 *	harness_start(&h);                    fork, drop identity, exec, SETUP_*
 *	harness_expect_up(&h);                READY, and that it is of this build
 *	struct harness_link *link = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
 *	harness_send_verify(link, 7, &(struct oap_verify){ ... });
 *	assert_int_equal(harness_expect_grant(link, &grant), 7);
 *	harness_stop(&h);                     EOF on fd 3; it must end by itself
 *	harness_start(&h);                    the next generation, in the same directory
 *	...
 *	harness_finish(&h);
 *
 * fd 3 is a link too: &h.control. Whatever goes wrong fails the running test with a sentence:
 * there is nothing to check after a call. Nothing sleeps: an expectation waits until its frame is
 * there, and only a worker that never sends it costs the whole of HARNESS_WAIT_MS.
 *
 * The executable is $MACRONODE_WORKERS/<role>/mn-<role>. As root, the worker runs as a uid of its
 * own (no worker runs as root), else as ours. */

#include <stdbool.h>
#include <sys/types.h>

#include "common/config.h"
#include "common/worker.h"
#include "proto/verbs.h"

#define HARNESS_WAIT_MS   20000
#define HARNESS_LINKS_MAX 24u

struct harness_link {
	int fd; /* owned; -1: not up */
	struct harness *harness;
	uint8_t process; /* whom the test plays */
	uint8_t instance;
	uint32_t generation;
	bool may_end;             /* the worker may die of what it is sent: that is no failure */
	uint32_t credit_requests; /* that the worker gave back, in all */
	uint8_t *in;              /* owned */
	size_t in_used;
	size_t in_taken; /* of the last frame, whose views live until the next call */
	/* Answers some requests, whatever the test waits for: true, it was one of them. */
	bool (*serve)(
		struct harness_link *link, unsigned verb, uint64_t corr_id, struct slice payload);
};

struct harness {
	unsigned process;
	pid_t pid; /* 0: does not run */
	uint32_t generation;
	uint64_t config_generation;
	uid_t uid;
	gid_t gid;
	char dir[64];                /* is config.node_data_dir, too */
	struct config config;        /* as the worker will be told; change it before the start */
	uint8_t instance;            /* as the supervisor would tell it */
	bool suspect;                /* as the supervisor would tell a committer */
	uint64_t locked_bytes_max;   /* RLIMIT_MEMLOCK, likewise */
	const struct policy *policy; /* likewise, to those who judge by it; NULL: not a word */
	char report_text[VERB_TEXT_BYTES_MAX + 1]; /* of the last REPORT that was passed over */
	struct harness_link control;
	struct harness_link links[HARNESS_LINKS_MAX];
	uint64_t served_count; /* requests that links answered by themselves */
};

/* --- life --- */

void harness_init(struct harness *harness, unsigned process);
void harness_finish(struct harness *harness); /* also of one that never started */

/* 0700, the worker's. Path: dir/name. */
void harness_make_dir(struct harness *harness, const char *name);
void harness_path(
	const struct harness *harness, const char *name, char *ret_path, size_t path_bytes);

/* The whole start as one; or with what goes between: an fd of SETUP_FD, which stays ours. */
void harness_start(struct harness *harness);
void harness_start_begin(struct harness *harness);
void harness_give_fd(struct harness *harness, enum setup_fd what, unsigned index, int fd);
void harness_start_end(struct harness *harness);

void harness_expect_up(struct harness *harness);

/* It refuses to start: FAILED with these words somewhere, and exit status 1. */
void harness_expect_refusal(struct harness *harness, const char *words);

/* A reload of harness->config and ->policy: asked and agreed to, and then in force or dropped.
 * closes: bits 1 << enum setup_fd. harness_reload() does both under the next generation. */
void harness_ask(struct harness *harness, uint64_t generation, uint16_t closes);
void harness_prepare(struct harness *harness, uint64_t generation, uint16_t closes);
void harness_commit(struct harness *harness, uint64_t generation);
void harness_abort(struct harness *harness, uint64_t generation);
void harness_reload(struct harness *harness);

void harness_stop(struct harness *harness); /* must exit with 0 */
void harness_kill(struct harness *harness); /* SIGKILL */
/* It stands still, and has stopped when this returns: what is said meanwhile is there at once. */
void harness_halt(struct harness *harness);
void harness_go_on(struct harness *harness);
int harness_reap(struct harness *harness); /* waits for its end; the status of waitpid */

/* --- links --- */

/* A new one of that name takes the place of an older one, as after a restart. */
struct harness_link *harness_link_up(struct harness *harness, unsigned process, unsigned instance);
void harness_link_down(struct harness_link *link);

/* Two workers that speak to each other, and nobody listens. */
void harness_join(struct harness *one, struct harness *other);

/* An exporter gets a socket; ours is closed. */
void harness_give_socket(struct harness *harness, int fd);

/* The worker has taken and answered all that was sent before. */
void harness_settle(struct harness *harness);
/* That, and it has sent nothing on this link but credit. */
void harness_expect_nothing(struct harness_link *link);

/* Nothing has come on this link that was not expected yet. */
bool harness_is_silent(struct harness_link *link);

/* The worker accuses whom we play on this link, of this verb. */
void harness_expect_accusation(struct harness_link *link, unsigned verb, enum err err);

/* --- frames --- */

/* Bytes as they are, for what no encoder would write. */
void harness_send_payload(
	struct harness_link *link, unsigned verb, uint64_t corr_id, struct slice payload);

/* harness_send_<verb> queues nothing: it is written when it returns. harness_expect_<verb>
 * returns the corr_id of the next frame, which must be of that verb; REPORT, PROGRESS, GREW,
 * PAYMENTS and CREDIT are passed over unless asked for. Views borrow until the next call for that
 * link. */
#define AS_PROTOTYPE(id, NAME, name, senders, receivers, kind)                              \
	void harness_send_##name(                                                           \
		struct harness_link *link, uint64_t corr_id, const struct oap_##name *msg); \
	uint64_t harness_expect_##name(struct harness_link *link, struct oap_##name *ret_msg);
OAP_VERBS(AS_PROTOTYPE)
#undef AS_PROTOTYPE

#endif
