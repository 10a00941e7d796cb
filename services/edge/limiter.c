#include "services/edge/limiter.h"

#define SECOND_US INT64_C(1000000)

void limiter_bucket_init(struct limiter_bucket *bucket, uint64_t per_second, int64_t now_us)
{
	*bucket = (struct limiter_bucket){
		.per_second = per_second,
		.level_micro = per_second * (uint64_t)SECOND_US,
		.filled_us = now_us,
	};
}

static void fill(struct limiter_bucket *bucket, int64_t now_us)
{
	uint64_t full = bucket->per_second * (uint64_t)SECOND_US;
	int64_t passed_us = now_us - bucket->filled_us;

	if (passed_us >= SECOND_US) {
		bucket->level_micro = full;
	} else if (passed_us > 0) {
		bucket->level_micro += (uint64_t)passed_us * bucket->per_second;
		bucket->level_micro = bucket->level_micro < full ? bucket->level_micro : full;
	}
	bucket->filled_us = now_us;
}

void limiter_bucket_change(struct limiter_bucket *bucket, uint64_t per_second, int64_t now_us)
{
	uint64_t spent_micro, full = per_second * (uint64_t)SECOND_US;

	if (per_second == bucket->per_second) {
		return;
	}
	fill(bucket, now_us);
	spent_micro = bucket->per_second * (uint64_t)SECOND_US - bucket->level_micro;
	bucket->per_second = per_second;
	bucket->level_micro = full > spent_micro ? full - spent_micro : 0;
}

bool limiter_bucket_take(struct limiter_bucket *bucket, int64_t now_us)
{
	if (bucket->per_second == 0) {
		return true;
	}
	fill(bucket, now_us);
	if (bucket->level_micro < (uint64_t)SECOND_US) {
		return false;
	}
	bucket->level_micro -= (uint64_t)SECOND_US;
	return true;
}

bool limiter_network_take(struct limiter_networks *networks, uint64_t network, int64_t now_us)
{
	size_t slot = siphash_24(networks->key, &network, sizeof network) % LIMITER_NETWORKS;
	bool is_over = now_us - networks->slots[slot].since_us >= SECOND_US;

	if (is_over || networks->slots[slot].count == 0) {
		networks->slots[slot].since_us = now_us;
		networks->slots[slot].count = 0;
	}
	if (networks->slots[slot].count >= LIMITER_401_PER_SECOND) {
		return false;
	}
	networks->slots[slot].count++;
	return true;
}
