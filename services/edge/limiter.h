#ifndef SERVICES_EDGE_LIMITER_H
#define SERVICES_EDGE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/siphash.h"

/* Rates that the edge itself keeps: requests of the plane (limits.rps, a share of each ingress
 * worker), and refusals for want of a token, for each client network. */

/* A bucket that a second fills and that holds one second's worth. */
struct limiter_bucket {
	uint64_t per_second;  /* 0: no limit */
	uint64_t level_micro; /* requests, times a million */
	int64_t filled_us;
};

/* Full at the start. */
void limiter_bucket_init(struct limiter_bucket *bucket, uint64_t per_second, int64_t now_us);
/* Another limit. What was spent of the last second stays spent. */
void limiter_bucket_change(struct limiter_bucket *bucket, uint64_t per_second, int64_t now_us);
bool limiter_bucket_take(struct limiter_bucket *bucket, int64_t now_us);

/* DESIGN-WALL.md section 5: at most so many 401 a second for a /32 or /64. */
#define LIMITER_401_PER_SECOND 20u

/* One slot for each hash of a network; two that meet in one share it until a second is over.
 * The key is ours, so nobody can aim at a neighbour. */
#define LIMITER_NETWORKS 1024u

struct limiter_networks {
	uint8_t key[SIPHASH_KEY_BYTES]; /* random */
	struct {
		int64_t since_us;
		uint32_t count;
	} slots[LIMITER_NETWORKS];
};

/* Counts one more for that network; false when it is one too many. */
bool limiter_network_take(struct limiter_networks *networks, uint64_t network, int64_t now_us);

#endif
