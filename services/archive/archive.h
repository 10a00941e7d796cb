#ifndef SERVICES_ARCHIVE_H
#define SERVICES_ARCHIVE_H

/* The archive: reads the store for everybody else, over a connection that cannot write.
 *
 *   handlers.c  roots, entries, rows for the sequencer
 *   check.c     verify on a running node, between other work
 *
 * The committer tells when the store is open and how large the tree is; nothing beyond that
 * size is ever shown. */

#include <ev.h>

#include "common/clock.h"
#include "common/worker.h"
#include "core/grant.h"
#include "store/reader.h"
#include "store/verify.h"

/* A page of /roots (spec/ledger.md LG-08). */
#define ROOTS_PAGE 1000u

/* Who waits for a verify. One runs at a time; another is refused meanwhile. */
struct check {
	bool wanted, running;
	bool stop; /* its store is to be let go */
	struct oap_from from;
	uint8_t edge_process, edge_instance;
	uint32_t edge_generation;
	struct instant told_at;
};

struct archive {
	struct worker *worker;
	struct reader *reader; /* owned; NULL while the committer has no store open */
	char dir[CONFIG_TEXT_BYTES_MAX + 32];
	uint64_t size;
	struct hash root;
	struct grant_keys keys;
	struct check check;
	ev_timer start_check;
};

extern const struct oap_handlers archive_handlers;
extern const struct sandbox_policy archive_sandbox;
size_t archive_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX]);
void archive_open(void *self, struct worker *worker);
void archive_ready(void *self, struct worker *worker);
void archive_link_lost(void *self, const struct oap_from *whom);

/* May it read this account's entry (empty: the whole store)? */
bool archive_may_read(const struct grant *grant, struct slice account);
struct peer *archive_edge(
	struct archive *self, unsigned process, unsigned instance, uint32_t generation);

/* check.c */
MUST_CHECK enum err check_accept(
	struct archive *self, const struct oap_from *from, const struct oap_read_verify *msg);
void check_on_start(struct ev_loop *loop, ev_timer *watcher, int events);

#endif
