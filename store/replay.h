#ifndef STORE_REPLAY_H
#define STORE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "core/batch.h"
#include "core/entry.h"
#include "store/reader.h"
#include "store/why.h"

/* A second opinion on balances: what entries do, told again in signed legs rather than by
 * core/ledger, from the first entry on. Beside every balance it follows what a stored row
 * claims about it: links to previous entries, chunks, claims, nonce lanes.
 *
 * Everything here judges stored bytes. ERR_CORRUPT: they contradict each other, and `why` says
 * how; ERR_IO: no memory. */

struct replay;

struct replay *replay_create(void); /* NULL: no memory */
void replay_destroy(struct replay *replay);

/* All ACCOUNT rows first, by index from 0 on. */
MUST_CHECK enum err replay_account(
	struct replay *replay, const struct batch_account *account, struct why *why);
/* Or there are no rows to hold against: an account comes to be with the first entry that
 * moves it, in that order. */
void replay_grow(struct replay *replay);

/* Then the entries, by seq, with the time of the commit that carried them. */
MUST_CHECK enum err replay_entry(struct replay *replay, const struct entry *entry,
	const struct reader_entry *row, int64_t batch_ts_unix_ms, struct why *why);
/* What the last entry made of the available balance of its own account. */
void replay_own(const struct replay *replay, u128 *ret_before, u128 *ret_after);
/* Between the entries, where it is true at. */
MUST_CHECK enum err replay_chunk(
	const struct replay *replay, const struct batch_chunk *chunk, struct why *why);
/* Between the entries, at low_water: no account moved since its chunk was written.
 * chunk_seqs: where each chunk is true at, by number; 0 = there is none. */
MUST_CHECK enum err replay_low_water(const struct replay *replay, const uint64_t *chunk_seqs,
	size_t chunk_count, uint64_t low_water, struct why *why);
/* At the end of each commit: no group is open. */
MUST_CHECK enum err replay_commit(const struct replay *replay, struct why *why);

/* Behind the last entry: a stored claim is as it must be, and there are as many. */
MUST_CHECK enum err replay_claim(
	const struct replay *replay, const struct batch_claim *claim, struct why *why);
uint64_t replay_claim_count(const struct replay *replay);
/* The sum over all accounts of every asset is zero. */
MUST_CHECK enum err replay_sums(const struct replay *replay, struct why *why);

/* What the entries so far come to, as rows, for a store that is built anew. Views borrow. */
size_t replay_account_count(const struct replay *replay);
void replay_account_row(
	const struct replay *replay, size_t index, struct batch_account *ret_account);
void replay_chunk_row(const struct replay *replay, uint32_t number, uint64_t true_at_seq,
	struct batch_chunk *ret_chunk);
/* From *place (0 first) on, the next claim that has a row; false: there is none left. */
bool replay_claim_row(const struct replay *replay, size_t *place, struct batch_claim *ret_claim);
bool replay_has_asset(const struct replay *replay, struct slice asset);

#endif
