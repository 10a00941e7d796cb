#ifndef SERVICES_COMMITTER_H
#define SERVICES_COMMITTER_H

/* The committer: the only writer of the store (DESIGN-LEDGER.md section 5).
 *
 *   ORIGIN from kms -> open the store -> stream the state to the sequencer -> BATCH, COMMITTED
 *
 *   handlers.c  batches, what a failed one means, links
 *   stream.c    the start: what is on disk, in pieces, as the sequencer asks for more
 *
 * What it cannot append exactly, and what it does not know to be on disk, ends it: the
 * supervisor starts sequencer and committer anew, and the new ones look at what is there. */

#include <ev.h>

#include "common/worker.h"
#include "store/store.h"

/* How often space is looked at while the disk is full, and our size is told. */
#define TICK_S 1.0

/* The log cannot begin anew under a reader that never lets go: from here on archive is asked to
 * close and reopen, and from there on it is accused (DESIGN-LEDGER.md section 5). */
#define WAL_BYTES_HIGH (UINT64_C(256) * 1024 * 1024)
#define WAL_BYTES_MAX  (UINT64_C(1024) * 1024 * 1024)

enum stream_stage {
	STREAM_IDLE,
	STREAM_ACCOUNTS, /* stages up to COUNTERS are enum schema_table in its order */
	STREAM_CHUNKS,
	STREAM_CLAIMS,
	STREAM_COUNTERS,
	STREAM_CONTROLS,
	STREAM_FINGERPRINTS,
	STREAM_FINGERPRINT_TAIL,
	STREAM_ENTRIES,
	STREAM_DONE,
};

struct stream {
	enum stream_stage stage;
	struct reader_head head; /* as of the start of the stream */
	uint64_t key;            /* to go on from */
	struct schema_root root; /* of the commit that the next entry belongs to */
	uint8_t *piece;          /* owned, VERB_STATE_BYTES_MAX */
	struct byte_writer out;
	enum err err;
};

struct committer {
	struct worker *worker;
	struct store *store;   /* NULL until kms has told the origin */
	struct reader *reader; /* the store's */
	struct store_state state;
	char origin[SCHEMA_ORIGIN_BYTES_MAX + 1];
	bool in_use; /* tokens were minted for it */
	char dir[CONFIG_TEXT_BYTES_MAX + 32];
	int lock_fd;
	enum worker_phase phase;
	bool disk_full;
	bool is_damaged_readable; /* no store is open, and archive may read what is there */
	uint64_t told_size;       /* of the last REPORT */
	uint64_t wal_bytes_due;   /* from so many on archive is asked (again) */
	struct stream stream;
	ev_timer tick;
};

extern const struct oap_handlers committer_handlers;
extern const struct sandbox_policy committer_sandbox;
size_t committer_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX]);
void committer_open(void *self, struct worker *worker);
void committer_ready(void *self, struct worker *worker);
void committer_link_up(void *self, const struct oap_from *whom);
void committer_turn(void *self);
void committer_drain(void *self, uint64_t deadline_mono_ms);
void committer_report(struct committer *self, enum worker_phase phase, const char *text);

/* stream.c */
void stream_begin(struct committer *self);
void stream_pump(struct committer *self); /* as far as credit goes */

#endif
