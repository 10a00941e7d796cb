#ifndef CORE_LIMITER_H
#define CORE_LIMITER_H

/* Rates: token buckets, and a bounded table of whoever has some of his own. Time is handed in.
 *
 * A bucket keeps what was spent, not what is left: zeroed it is full, and another rate, which a
 * reload may bring, gives nobody anything and takes nothing that was not spent. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "core/siphash.h"

struct limiter_rate {
	uint64_t per_second; /* 0: no limit */
	uint64_t burst;      /* so many at once; at least 1 */
};

/* The most that either can be: a count of millionths stays far below 2^64. */
#define LIMITER_RATE_MAX UINT64_C(10000000)

struct limiter_bucket {
	uint64_t spent_micro; /* requests, times a million */
	int64_t at_us;
};

/* False, and nothing is spent: there is not one whole request left. */
bool limiter_take(struct limiter_bucket *bucket, struct limiter_rate rate, int64_t now_us);

/* What a client is told, in X-RateLimit-Limit, -Remaining and -Reset. */
struct limiter_left {
	uint32_t limit;     /* a second; 0: there is none */
	uint32_t remaining; /* now */
	uint32_t reset_s;   /* until all of the burst is there again */
};

struct limiter_left limiter_left_of(
	const struct limiter_bucket *bucket, struct limiter_rate rate, int64_t now_us);

/* One of `shares` that keep a limit together; one alone keeps at least one a second. burst 0: a
 * second's worth. */
struct limiter_rate limiter_share(uint64_t per_second, uint64_t burst, uint64_t shares);

/* --- whoever has buckets of his own: a client's network, a user, a tenant --- */

struct limiter_entry {
	uint64_t name; /* a keyed hash; 0: free */
	int64_t used_us;
	uint32_t conns; /* it has so many open, and stays as long */
	struct limiter_bucket requests, failures, arrivals;
};

/* Each has its place among as many as his name chooses; the one that was idle longest makes room.
 * An enemy with many networks drives out whom he meets in a set, and gives them full buckets: he
 * takes nothing from them. The key is ours, so nobody can aim. 4096 of them take 288 KiB. */
#define LIMITER_WAYS    8u
#define LIMITER_ENTRIES 4096u
#define LIMITER_SETS    (LIMITER_ENTRIES / LIMITER_WAYS)

struct limiter_table {
	uint8_t key[SIPHASH_KEY_BYTES]; /* random */
	struct limiter_entry crowd;     /* all of a set whose places have connections share it */
	struct limiter_entry entries[LIMITER_SETS][LIMITER_WAYS];
};

/* Never NULL. Good until the next call, or as long as it has connections. */
struct limiter_entry *limiter_find(struct limiter_table *table, struct slice name, int64_t now_us);

#endif
