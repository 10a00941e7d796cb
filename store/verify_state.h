#ifndef STORE_VERIFY_STATE_H
#define STORE_VERIFY_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/replay.h"
#include "store/resume.h"
#include "store/settled.h"
#include "store/verify.h"

/* What the parts of a check share: verify.c goes through them, in the order below. Inside store/.
 * Each ends at the first thing that is bad or that could not be read; verify_goes_on() says. */

/* Of roots, which are read before the entries that they close. */
#define VERIFY_ROOTS_AHEAD 1000u

struct verify_chunk {
	uint64_t true_at_seq;
	uint32_t number;
};

struct verify {
	const struct verify_config *config;
	struct reader *reader;
	struct verify_result *result;
	struct reader_head head;
	struct replay *replay;       /* owned, like all memory here */
	struct resume_memory memory; /* the tree and the block of fingerprints so far */
	struct verify_chunk *chunks; /* by true_at_seq */
	uint64_t *chunk_seqs;        /* by number */
	size_t chunk_count, chunk_next, chunk_max, chunk_seq_count;
	struct schema_root roots[VERIFY_ROOTS_AHEAD];
	size_t root_count, root_next;
	struct schema_root root_before;
	uint64_t seq;                /* the last one that was good */
	uint64_t count;              /* of the walk over other rows */
	uint64_t governed, recorded; /* controls, and audit records of them: as many */
	uint64_t rewards;            /* entries; as many as settled intents name */
	struct settled_seen settled;
	size_t settled_bytes; /* 0: none waits to be checked */
	uint8_t settled_record[BATCH_CONTROL_BYTES_MAX];
	struct hash audit_head;
	struct witness tail;
	struct witness signed_last;
	struct witness_notes notes;
	enum err err; /* the check could not be made */
};

/* The first bad thing ends the check. The sentence is in result->what already. Returns false. */
bool verify_bad(struct verify *verify, enum verify_check check, uint64_t seq);
/* Turns what a comparison or a read said into going on or not; `what` is the sentence of a bad
 * one, NULL if it is in result->what already. */
bool verify_judge(struct verify *verify, enum err err, enum verify_check check, uint64_t seq,
	const char *what);
bool verify_goes_on(const struct verify *verify);
/* Between pages of rows. */
void verify_pause(struct verify *verify);
/* All rows of a table. */
void verify_walk(struct verify *verify, enum schema_table table, enum verify_check check,
	reader_on_row *on_row);

/* ---- verify_witnesses.c: what is known beside the rows ---- */

void verify_witnesses_begin(struct verify *verify);
/* Of a tree of seq entries. */
bool verify_witnesses_at(struct verify *verify, uint64_t seq);

/* ---- verify_chunks.c: accounts, and what was noted of their balances ---- */

void verify_chunks_begin(struct verify *verify);
/* Those that are true at seq. */
bool verify_chunks_at(struct verify *verify, uint64_t seq);

/* ---- verify_entries.c: entries, and what each of them leads to ---- */

void verify_entries(struct verify *verify);

/* ---- verify_rows.c: what is left ---- */

void verify_rows(struct verify *verify);

#endif
