#ifndef SERVICES_ARCHIVE_H
#define SERVICES_ARCHIVE_H

/* The archive: reads the store for everybody else, over a connection that cannot write.
 *
 *   handlers.c  roots, entries, rows for the sequencer
 *   reads.c     READ_TLOG, whatever is asked for
 *   tiles.c     the tree: tiles, bundles of entries, nodes
 *   proofs.c    the checkpoint, inclusion and consistency
 *   balances.c  what an account has, or had
 *   exports.c   pages of everything, for audits and snapshots
 *   check.c     verify on a running node, between other work
 *
 * The committer tells when the store is open and how large the tree is; nothing beyond that
 * size is ever shown. */

#include <ev.h>

#include "common/clock.h"
#include "common/reads.h"
#include "common/worker.h"
#include "core/balance.h"
#include "core/grant.h"
#include "core/json_out.h"
#include "core/tile.h"
#include "store/reader.h"
#include "store/verify.h"

/* A page of /roots (spec/ledger.md LG-08). */
#define ROOTS_PAGE 1000u

struct read_route {
	uint8_t edge_process, edge_instance;
	uint32_t edge_generation;
};

/* Who waits for a verify. One runs at a time; another is refused meanwhile. */
struct check {
	bool wanted, running;
	bool stop; /* its store is to be let go */
	struct oap_from from;
	uint8_t edge_process, edge_instance;
	uint32_t edge_generation;
	struct instant told_at;
};

/* Who waits for the signature of a snapshot's manifest; one at a time. */
struct sign_job {
	bool waits;
	uint64_t id; /* of its SIGN_SNAPSHOT */
	struct oap_from from;
	struct read_route route;
	uint64_t deadline_mono_ms;
};

/* The beginning of a level's partial tile, as far as somebody asked. */
struct tiles_row {
	uint64_t index;
	unsigned count;
	struct hash hashes[TILE_WIDTH];
};

/* Who waits for a balance. As many as the sequencer lets us ask at once (proto/verbs.h). */
#define BALANCE_JOBS_MAX 64u
enum balance_state { BALANCE_FREE, BALANCE_WAITS, BALANCE_WALKS };
struct balance_job {
	enum balance_state state;
	uint64_t id; /* of its LOCATE */
	struct oap_from from;
	struct read_route route;
	uint64_t deadline_mono_ms;
	uint64_t at;            /* as of this seq, or READS_NEWEST */
	uint64_t newest_seq;    /* what the sequencer told is true at */
	uint64_t seq;           /* of the newest entry that is in `balance` */
	struct balance balance; /* its names are in names */
	uint8_t names[ACCOUNT_BYTES_MAX + 1 + ASSET_BYTES_MAX];
};

struct balances {
	struct balance_job jobs[BALANCE_JOBS_MAX];
	size_t turn; /* whose it was last */
	uint64_t id_last;
	ev_timer timer;
};

/* Who signs checkpoints, as kms says. */
struct signer {
	char origin[ORIGIN_BYTES_MAX + 1]; /* "": kms has not told yet */
	struct hash public_key;
};

struct archive {
	struct worker *worker;
	struct reader *reader; /* owned; NULL while the committer has no store open */
	char dir[CONFIG_TEXT_BYTES_MAX + 32];
	enum merkle_hash hash; /* of its tree */
	uint64_t size;
	struct hash root;
	struct tiles_row rows[TILE_LEVELS_MAX];
	ev_timer warm;
	uint8_t page[VERB_REPLY_BYTES_MAX]; /* one answer at a time */
	struct grant_keys keys;
	struct balances balances;
	struct signer signer;
	struct sign_job sign;
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
/* Does it allow this, on this account and asset (empty: on all)? */
bool archive_may(const struct grant *grant, enum caveat_action action, struct slice account,
	struct slice asset);
struct peer *archive_edge(
	struct archive *self, unsigned process, unsigned instance, uint32_t generation);

/* What was announced before a read was sent is known after this. */
void archive_catch_up(struct archive *self);

/* reads.c */
MUST_CHECK enum err reads_answer(
	struct archive *self, const struct oap_from *from, const struct oap_read_tlog *msg);
void reads_send(struct archive *self, const struct oap_from *from, const struct read_route *route,
	const struct oap_blob *blob);
/* What a client hears of it; what is ours to mend is logged with the seq. */
enum read_fault reads_fault_of(enum err err, uint64_t seq);
/* The piece from blob->offset on. */
void reads_put_piece(struct oap_blob *blob, struct slice whole);
/* Ends the object; its bytes are the blob's. */
void reads_put_json(struct oap_blob *blob, struct json_out *json);

/* Answers one kind of question. The store is open; grant: opened, NULL when none came along.
 * blob->offset is set; only a bundle may have one that is not 0. */
typedef enum read_fault read_answer(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob);

/* tiles.c: of the tree of the announced size. ERR_NOT_FOUND: not in it; ERR_CORRUPT: in it, but
 * not in the store. */
void tiles_forget(struct archive *self);
void tiles_on_warm(struct ev_loop *loop, ev_timer *watcher, int events);
MUST_CHECK enum err tiles_read(
	struct archive *self, struct tile tile, struct hash ret_hashes[TILE_WIDTH]);
/* A merkle_node_get; context is the archive. */
MUST_CHECK enum err tiles_node(
	void *archive, unsigned level, uint64_t index, struct hash *ret_node);
MUST_CHECK enum err tiles_root(struct archive *self, uint64_t size, struct hash *ret_root);
read_answer tiles_answer, tiles_answer_bundle;

/* balances.c */
/* ERR_OK without a fault: it is answered later. ERR_MALFORMED accuses. */
MUST_CHECK enum err balances_accept(struct archive *self, const struct oap_from *from,
	const struct oap_read_tlog *msg, const struct grant *grant, enum read_fault *ret_fault);
void balances_located(
	struct archive *self, const struct oap_from *from, const struct oap_located *msg);
/* Those that wait for the sequencer, or all. */
void balances_fail(struct archive *self, bool waiting_only, enum read_fault fault);
void balances_on_timer(struct ev_loop *loop, ev_timer *watcher, int events);

/* proofs.c, exports.c */
read_answer proofs_answer_checkpoint, proofs_answer_entry, proofs_answer_consistency;
read_answer exports_answer;

/* check.c */
MUST_CHECK enum err check_accept(
	struct archive *self, const struct oap_from *from, const struct oap_read_verify *msg);
void check_on_start(struct ev_loop *loop, ev_timer *watcher, int events);

/* --- signs.c: kms signs what a snapshot says of itself --- */

/* As balances_accept: ret_fault is told at once, else the answer comes later. */
MUST_CHECK enum err signs_accept(struct archive *self, const struct oap_from *from,
	const struct oap_read_tlog *msg, const struct grant *grant, enum read_fault *ret_fault);
void signs_signed(
	struct archive *self, const struct oap_from *from, const struct oap_signed_snapshot *msg);
/* kms is gone, or the store. */
void signs_fail(struct archive *self, enum read_fault fault);

#endif
