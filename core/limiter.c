#include "core/limiter.h"

#include "common/check.h"

#define MICRO UINT64_C(1000000)

/* What is spent still, when it has trickled back since; never more than the burst. */
static uint64_t spent_now(
	const struct limiter_bucket *bucket, struct limiter_rate rate, int64_t now_us)
{
	uint64_t full = rate.burst * MICRO;
	uint64_t spent = bucket->spent_micro < full ? bucket->spent_micro : full;
	uint64_t passed_us = now_us > bucket->at_us ? (uint64_t)(now_us - bucket->at_us) : 0;

	assert(rate.per_second <= LIMITER_RATE_MAX && rate.burst <= LIMITER_RATE_MAX);
	return passed_us > spent / rate.per_second ? 0 : spent - passed_us * rate.per_second;
}

bool limiter_take(struct limiter_bucket *bucket, struct limiter_rate rate, int64_t now_us)
{
	uint64_t spent;

	if (rate.per_second == 0) {
		return true;
	}
	spent = spent_now(bucket, rate, now_us);
	*bucket = (struct limiter_bucket){ .spent_micro = spent, .at_us = now_us };
	if (spent > (rate.burst - 1) * MICRO) {
		return false;
	}
	bucket->spent_micro += MICRO;
	return true;
}

struct limiter_left limiter_left_of(
	const struct limiter_bucket *bucket, struct limiter_rate rate, int64_t now_us)
{
	uint64_t spent, whole_us;

	if (rate.per_second == 0) {
		return (struct limiter_left){ .limit = 0 };
	}
	spent = spent_now(bucket, rate, now_us);
	whole_us = (spent + rate.per_second - 1) / rate.per_second;
	return (struct limiter_left){
		.limit = (uint32_t)rate.per_second,
		.remaining = (uint32_t)((rate.burst * MICRO - spent) / MICRO),
		.reset_s = (uint32_t)((whole_us + MICRO - 1) / MICRO),
	};
}

struct limiter_rate limiter_share(uint64_t per_second, uint64_t burst, uint64_t shares)
{
	uint64_t whole = burst == 0 ? per_second : burst;

	assert(shares > 0);
	return (struct limiter_rate){
		.per_second = (per_second + shares - 1) / shares,
		.burst = (whole + shares - 1) / shares,
	};
}

struct limiter_entry *limiter_find(struct limiter_table *table, struct slice name, int64_t now_us)
{
	uint64_t hash = siphash_24(table->key, name.bytes, name.bytes_count);
	struct limiter_entry *set = table->entries[hash % LIMITER_SETS];
	struct limiter_entry *idle = NULL;

	hash |= UINT64_C(1) << 63; /* which chooses no set: no name is 0 */
	for (size_t i = 0; i < LIMITER_WAYS; i++) {
		if (set[i].name == hash) {
			set[i].used_us = now_us;
			return &set[i];
		}
		if (set[i].conns == 0 && (idle == NULL || set[i].used_us < idle->used_us)) {
			idle = &set[i];
		}
	}
	if (idle == NULL) {
		return &table->crowd;
	}
	*idle = (struct limiter_entry){ .name = hash, .used_us = now_us };
	return idle;
}
