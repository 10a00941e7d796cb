#ifndef SERVICES_COMMITTER_H
#define SERVICES_COMMITTER_H

/* The committer: the only writer of the store (DESIGN-LEDGER.md section 5).
 *
 *   ORIGIN from kms -> open the store -> stream the state to the sequencer -> BATCH, COMMITTED
 *
 *   handlers.c  batches, what a failed one means, links
 *   opening.c   the store: what may be wrong with it, when it is looked at again
 *   stream.c    the start: what is on disk, in pieces, as the sequencer asks for more
 *   pieces.c    a batch that is larger than a frame
 *   trouble.c   safe mode, with its reason
 *   recover.c   what an operator is told about it, and may acknowledge
 *   checkpoint.c  what kms signs of it, and whether it is what kms signed
 *   audits.c    audit records of our own: start, stop, another name, what happened to keys
 *
 * What it cannot append exactly, and what it does not know to be on disk, ends it: the
 * supervisor starts sequencer and committer anew, and the new ones look at what is there. After a
 * failed sync, write or read the new one opens and reads, but appends nothing until an operator
 * has acknowledged what it found. */

#include <ev.h>
#include <sys/types.h>

#include "common/worker.h"
#include "core/audit.h"
#include "services/committer/trouble.h"
#include "store/store.h"
#include "store/suspect.h"

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
	STREAM_DONE, /* the sequencer has it all */
};

struct stream {
	enum stream_stage stage;
	uint64_t no;             /* counts them */
	bool told_full;          /* the sequencer reads, and sends nothing */
	struct reader_head head; /* as of the start of the stream */
	uint64_t key;            /* to go on from */
	struct schema_root root; /* of the commit that the next entry belongs to */
	uint8_t *piece;          /* owned, VERB_STATE_BYTES_MAX */
	struct byte_writer out;
	enum err err;
};

/* Of the batch that comes next, as far as they are here. */
struct pieces {
	uint8_t *bytes; /* owned; NULL: there are none */
	uint64_t batch_no;
	uint32_t total_bytes, filled;
};

/* What kms said about the ledger's name. */
struct origin_told {
	char origin[SCHEMA_ORIGIN_BYTES_MAX + 1];
	char before[SCHEMA_ORIGIN_BYTES_MAX + 1]; /* "": it has had no other */
	uint64_t abandoned_size;
	struct hash abandoned_root;
};

struct signing {
	uint64_t signed_size; /* what kms remembers */
	struct hash signed_root;
	bool is_noted; /* over so much there are notes: in the store, or on their way into it */
	uint64_t noted_size;
	uint64_t noted_audits;
	bool asked;
	uint64_t ask_no;
	struct instant asked_at;
	struct schema_checkpoint wanted; /* what was asked to be signed */
	unsigned drain_asks;
	ev_timer due, flush, drain_limit;
};

struct audits {
	uint64_t mirrored; /* events of the keyring that are audit records */
	uint64_t told;     /* that there are */
	bool asked;
	uint64_t ask_no;
	const char *after; /* how the life before ended: "genesis", "stop", "crash" */
	bool start_is_recorded;
};

struct committer {
	struct worker *worker;
	struct store *store;   /* NULL until kms has told the origin */
	struct reader *reader; /* the store's */
	struct store_state state;
	struct origin_told told;
	bool in_use; /* tokens were minted for it */
	char dir[CONFIG_TEXT_BYTES_MAX + 32];
	int lock_fd;
	enum worker_phase phase;
	enum trouble trouble;             /* safe mode, unless NONE */
	char reason[VERB_TEXT_BYTES_MAX]; /* of it */
	uint64_t bad_seq;                 /* of TROUBLE_REPLAY: where the replay stopped */
	bool was_in_trouble;              /* and has not served since */
	bool suspect;                     /* a sync, write or read failed, here or before us */
	struct suspect_mark mark;         /* of that, if it is known */
	unsigned looks, ticks;            /* in vain, one after the other */
	dev_t dir_dev;                    /* of `dir` at birth */
	ino_t dir_ino;
	bool is_draining;
	bool is_readable_closed; /* no store is open, and archive may read what is there */
	uint64_t told_size;      /* of the last REPORT */
	uint64_t wal_bytes_due;  /* from so many on archive is asked (again) */
	struct stream stream;
	struct pieces pieces;
	struct signing signing;
	struct audits audits;
	ev_timer tick;
};

extern const struct oap_handlers committer_handlers;
extern const struct sandbox_policy committer_sandbox;
size_t committer_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX]);
void committer_open(void *self, struct worker *worker);
void committer_ready(void *self, struct worker *worker);
void committer_commit(void *self, struct worker *worker);
void committer_link_up(void *self, const struct oap_from *whom);
void committer_link_lost(void *self, const struct oap_from *whom);
void committer_turn(void *self);
void committer_drain(void *self, uint64_t deadline_mono_ms);
void committer_report(struct committer *self, enum worker_phase phase, const char *text);
void committer_tell_archive(struct committer *self);
/* What is on disk, if it may be read: all of it goes to the sequencer anew. */
void committer_stream(struct committer *self);

/* Ends the process: what is on disk is not known any more. The mark in the store and the
 * supervisor's memory keep the next one from going on as if nothing had been. */
__attribute__((format(printf, 2, 3))) _Noreturn void committer_lose_trust(
	struct committer *self, const char *format, ...);

/* opening.c */
void opening_try(struct committer *self);
void opening_judge(struct committer *self); /* what is open; with no trouble left, it goes on */
void opening_tick(struct committer *self);  /* now and then, while there is trouble */
void opening_again(struct committer *self); /* an operator asks; whatever the trouble is */

/* recover.c */
MUST_CHECK enum err recover_ask(
	void *self, const struct oap_from *from, const struct oap_recover *msg);

void committer_disk_full(struct committer *self, const char *why);
/* Safe mode: what is here is not what was signed. Reads go on. */
void committer_fork(struct committer *self, const char *why);
void committer_drained(struct committer *self); /* closes the store */

/* checkpoint.c */
void checkpoint_ready(struct committer *self);
void checkpoint_told(struct committer *self, uint64_t signed_size, const struct hash *signed_root);
void checkpoint_resume(struct committer *self); /* what the store has kept */
/* Otherwise `why` says both sizes and roots. */
MUST_CHECK bool checkpoint_agrees(struct committer *self, char *why, size_t why_bytes);
void checkpoint_turn(struct committer *self);
MUST_CHECK enum err checkpoint_take(
	struct committer *self, uint64_t corr_id, const struct oap_signed_checkpoint *msg);
void checkpoint_lost(struct committer *self); /* kms is gone */
/* committer_drained follows, when the last checkpoint is kept or cannot be had. */
void checkpoint_drain(struct committer *self, uint64_t deadline_mono_ms);
void checkpoint_drain_step(struct committer *self);

/* audits.c: ERR_NO_SPACE leaves safe mode behind it, and nothing was appended. */
MUST_CHECK enum err audits_resume(struct committer *self);
/* ERR_BUSY: not now. */
MUST_CHECK enum err audits_supervisor(struct committer *self, const struct oap_audit *msg);
MUST_CHECK enum err audits_append(struct committer *self, enum audit_kind kind, struct slice json);
MUST_CHECK enum err audits_origin(struct committer *self, const struct origin_told *told);
void audits_start(struct committer *self);
void audits_stop(struct committer *self);
void audits_told(struct committer *self, uint64_t count);
void audits_turn(struct committer *self);
MUST_CHECK enum err audits_take(struct committer *self, uint64_t corr_id, struct slice rows);

/* pieces.c */
MUST_CHECK enum err pieces_take(
	struct committer *self, const struct oap_from *from, const struct oap_batch_piece *msg);
/* All records of the batch, whichever way they came. ERR_CONFLICT: its pieces are not here. */
MUST_CHECK enum err pieces_records(
	const struct committer *self, const struct oap_batch *msg, struct slice *ret_records);
void pieces_drop(struct committer *self);

/* stream.c */
void stream_begin(struct committer *self);
void stream_pump(struct committer *self); /* as far as credit goes */
/* There is room again: what was streamed while there was none may be written to. */
void stream_resume(struct committer *self);

#endif
