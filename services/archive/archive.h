#ifndef SERVICES_ARCHIVE_H
#define SERVICES_ARCHIVE_H

/* The archive: reads the store for everybody else, over a connection that cannot write.
 *
 *   handlers.c  roots, entries, rows for the sequencer
 *   reads.c     READ_TLOG, whatever is asked for
 *   tiles.c     the tree: tiles, bundles of entries, nodes
 *   proofs.c    the checkpoint, inclusion and consistency
 *   walks.c     the way back through an account's entries, for the next three
 *   balances.c  what an account has, or had
 *   events.c    everything, as it happens
 *   histories.c  what happened to an account; bookmarks.c: where such walks got to
 *   receipts.c  operations of the wallet by txid, and their proofs
 *   exports.c   pages of everything, for audits and snapshots
 *   check.c     verify on a running node, between other work
 *   shelf.c     the directory of objects; uploads.c: putting them; objects.c: reading them
 *
 * The committer tells when the store is open and how large the tree is; nothing beyond that
 * size is ever shown. */

#include <ev.h>

#include "common/clock.h"
#include "common/reads.h"
#include "common/worker.h"
#include "core/balance.h"
#include "core/blake3.h"
#include "core/entry.h"
#include "core/grant.h"
#include "core/json_out.h"
#include "core/siphash.h"
#include "core/tile.h"
#include "services/archive/shelf.h"
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

/* Where a walk back through an account's entries got to: the balance behind entry `seq`, of which
 * the next one is `upper`, or a later one. What is past does not change, so it is true for ever. */
struct bookmark {
	uint64_t seq, upper; /* upper 0: not used */
	u128 available, held;
	uint64_t age;
	uint8_t account_bytes, asset_bytes;
	uint8_t names[ACCOUNT_BYTES_MAX + ASSET_BYTES_MAX];
};
#define BOOKMARKS_MAX 512u
struct bookmarks {
	uint64_t age;
	struct bookmark list[BOOKMARKS_MAX];
};

/* A page of an account's history in the making. */
#define HISTORY_JOBS_MAX 16u
struct history_job {
	enum balance_state state;
	uint64_t id; /* of its LOCATE */
	struct oap_from from;
	struct read_route route;
	uint64_t deadline_mono_ms;
	uint64_t before, limit, count;
	uint64_t seq, upper; /* as of a bookmark; balance is that behind seq */
	struct balance balance;
	uint8_t names[ACCOUNT_BYTES_MAX + 1 + ASSET_BYTES_MAX];
	struct json_out json;
	uint8_t page[VERB_REPLY_BYTES_MAX];
};

struct histories {
	struct history_job jobs[HISTORY_JOBS_MAX];
	size_t turn;
	uint64_t id_last;
	ev_timer timer;
};

/* A page of events in the making: first which entries may be seen, then what their accounts had
 * behind them. */
#define EVENTS_JOBS_MAX     8u
#define EVENTS_ACCOUNTS_MAX (2u * READS_EVENTS_LIMIT_MAX)
_Static_assert(EVENTS_ACCOUNTS_MAX <= BALANCE_NAMES_MAX, "one question is enough");

struct event_account {
	struct balance balance; /* that behind seq; its names are in names */
	uint64_t target;        /* the last entry of it before the page; 0: there is none */
	uint64_t seq, upper;    /* as of a bookmark; once seq is target the balance is known */
	bool has_start;         /* a walk may begin */
	uint8_t names[ACCOUNT_BYTES_MAX + ASSET_BYTES_MAX];
};

enum events_state { EVENTS_FREE, EVENTS_SCANS, EVENTS_WAITS, EVENTS_WALKS };
struct events_job {
	enum events_state state;
	uint64_t id; /* of its ASK_BALANCE */
	struct oap_from from;
	struct read_route route;
	struct grant grant; /* borrows from sealed */
	uint8_t sealed[VERB_GRANT_BYTES_MAX];
	uint64_t deadline_mono_ms;
	uint64_t limit;
	uint64_t next; /* all up to it was looked at */
	uint64_t scanned;
	size_t item_count, account_count, walked;
	uint64_t items[READS_EVENTS_LIMIT_MAX];
	struct event_account accounts[EVENTS_ACCOUNTS_MAX];
};

/* Balances behind the newest entry that was told: who reads on finds them here. */
#define EVENTS_RECENT_MAX 8192u
struct event_recent {
	uint64_t seq; /* 0: not used */
	u128 available, held;
	uint8_t account_bytes, asset_bytes;
	uint8_t names[ACCOUNT_BYTES_MAX + ASSET_BYTES_MAX];
};

struct events {
	struct events_job jobs[EVENTS_JOBS_MAX];
	size_t turn;
	uint64_t id_last, told_size;
	ev_timer timer, tell;
	uint8_t key[SIPHASH_KEY_BYTES];
	struct event_recent recent[EVENTS_RECENT_MAX];
};

/* An object that is being put. Each may have OBJECT_WINDOW_BYTES on its way: what all of them have
 * is hashed and written in some 20 ms. */
#define UPLOADS_MAX 32u
struct upload {
	bool is_used;
	struct read_route route;
	uint64_t ticket;
	struct instant moved_at;
	uint64_t size, got_bytes, wanted_bytes; /* wanted: as the edge was told last */
	struct shelf_temp temp;
	struct blake3 whole, chunk;
	struct hash *chunk_ids; /* owned */
	uint8_t type_bytes;
	uint8_t type[OBJECT_TYPE_BYTES_MAX];
};

struct uploads {
	struct upload list[UPLOADS_MAX];
	bool is_unwritable;
	ev_timer sweep, count;
};

/* Objects that were read last: their file, and the ids of their chunks. */
#define OBJECTS_OPEN_MAX 8u
struct objects {
	uint64_t age;
	uint64_t ages[OBJECTS_OPEN_MAX]; /* 0: not used */
	struct shelf_object open[OBJECTS_OPEN_MAX];
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
	char objects_dir[CONFIG_TEXT_BYTES_MAX + 32];
	enum merkle_hash hash; /* of its tree */
	uint64_t size;
	struct hash root;
	struct tiles_row rows[TILE_LEVELS_MAX];
	ev_timer warm;
	uint8_t page[VERB_REPLY_BYTES_MAX]; /* one answer at a time */
	struct grant_keys keys;
	struct balances balances;
	struct bookmarks bookmarks;
	struct histories histories;
	struct events events;
	struct signer signer;
	struct sign_job sign;
	struct check check;
	ev_timer start_check;
	struct shelf shelf;
	struct uploads uploads;
	struct objects objects;
};

extern const struct oap_handlers archive_handlers;
extern const struct sandbox_policy archive_sandbox;
size_t archive_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX]);
void archive_open(void *self, struct worker *worker);
void archive_ready(void *self, struct worker *worker);
void archive_commit(void *self, struct worker *worker);
void archive_link_lost(void *self, const struct oap_from *whom);

/* May it read this account's entry (empty: the whole store)? */
bool archive_may_read(const struct grant *grant, struct slice account);
/* Does it allow this, on this account and asset (empty: on all)? */
bool archive_may(const struct grant *grant, enum caveat_action action, struct slice account,
	struct slice asset);
/* Is one of its accounts such that the token allows to read it? */
bool archive_may_see_account(const struct grant *grant, struct slice account, struct slice asset);
bool archive_may_see(const struct grant *grant, const struct entry *entry);
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

/* walks.c */
/* Account, blank, asset, copied to names. */
MUST_CHECK bool walks_names(struct slice text,
	uint8_t names[ACCOUNT_BYTES_MAX + 1 + ASSET_BYTES_MAX], struct balance *ret_balance);
struct walk_row {
	struct reader_entry row; /* its views die with the next read */
	struct entry entry;
};
/* One that was committed: ERR_CORRUPT if it is not there. */
MUST_CHECK enum err walks_read(struct archive *self, uint64_t seq, struct walk_row *ret_row);
/* Takes entry seq back from *balance, which is that behind it. *ret_previous: the account's entry
 * before it; 0: there is none. */
MUST_CHECK enum err walks_back(struct archive *self, uint64_t seq, struct balance *balance,
	struct walk_row *ret_row, uint64_t *ret_previous);
/* One turn's share of rows. */
struct walk_turn {
	struct instant due;
	unsigned rows;
};
struct walk_turn walks_turn(void);
MUST_CHECK bool walks_go_on(struct walk_turn *turn); /* another row; false: another turn */
bool walks_are_late(uint64_t deadline_mono_ms, struct instant now);
/* The next turn is soon while somebody walks, now and then while somebody waits, else never. */
void walks_arrange(struct archive *self, ev_timer *timer, bool any_walks, bool any_waits);

/* balances.c */
/* ERR_OK without a fault: it is answered later. ERR_MALFORMED accuses. */
MUST_CHECK enum err balances_accept(struct archive *self, const struct oap_from *from,
	const struct oap_read_tlog *msg, const struct grant *grant, enum read_fault *ret_fault);
void balances_located(
	struct archive *self, const struct oap_from *from, const struct oap_located *msg);
/* Those that wait for the sequencer, or all. */
void balances_fail(struct archive *self, bool waiting_only, enum read_fault fault);
void balances_on_timer(struct ev_loop *loop, ev_timer *watcher, int events);

/* bookmarks.c */
/* The nearest from which a walk reaches what is before `before`; NULL: none. */
const struct bookmark *bookmarks_find(
	struct bookmarks *bookmarks, const struct balance *balance, uint64_t before);
void bookmarks_put(
	struct bookmarks *bookmarks, const struct balance *balance, uint64_t seq, uint64_t upper);

/* histories.c: as balances.c */
MUST_CHECK enum err histories_accept(struct archive *self, const struct oap_from *from,
	const struct oap_read_tlog *msg, const struct grant *grant, enum read_fault *ret_fault);
/* False: it was none of its questions. */
bool histories_located(
	struct archive *self, const struct oap_from *from, const struct oap_located *msg);
void histories_fail(struct archive *self, bool waiting_only, enum read_fault fault);
void histories_on_timer(struct ev_loop *loop, ev_timer *watcher, int events);

/* events.c */
void events_ready(struct archive *self);
MUST_CHECK enum err events_accept(
	struct archive *self, const struct oap_from *from, const struct oap_read_tlog *msg);
MUST_CHECK enum err events_told(
	struct archive *self, const struct oap_from *from, const struct oap_told_balance *msg);
void events_fail(struct archive *self, bool waiting_only, enum read_fault fault);
void events_grew(struct archive *self); /* tells the edges, now or soon */

/* receipts.c */
read_answer receipts_answer, receipts_answer_proof;

/* proofs.c: of an entry that whoever asks may see */
enum read_fault proofs_answer_shown(struct archive *self, uint64_t seq, struct oap_blob *blob);

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

/* --- uploads.c: putting objects --- */

void uploads_ready(struct archive *self);
/* What a report says while everything else serves: "" or that objects cannot be put. */
const char *uploads_text(const struct archive *self);
MUST_CHECK enum err uploads_begin(
	struct archive *self, const struct oap_from *from, const struct oap_put_object *msg);
MUST_CHECK enum err uploads_take(
	struct archive *self, const struct oap_from *from, const struct oap_put_bytes *msg);
void uploads_drop(struct archive *self, const struct oap_from *from);
void uploads_edge_lost(struct archive *self, const struct oap_from *whom);

/* --- objects.c: reading them --- */

MUST_CHECK enum err objects_answer(
	struct archive *self, const struct oap_from *from, const struct oap_read_object *msg);
MUST_CHECK enum err objects_fetch(
	struct archive *self, const struct oap_from *from, const struct oap_fetch_object *msg);
/* It was written again: what is open of it may be what was damaged. */
void objects_forget(struct archive *self, const struct hash *id);

#endif
