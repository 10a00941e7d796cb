#include "tests/load/histogram.h"

#include "common/check.h"

/* Below 2 * CUTS each value has a bucket; above, the highest six bits choose one. */
static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < 2 * HISTOGRAM_CUTS) {
		return (unsigned)value;
	}
	shift = 58u - (unsigned)__builtin_clzll(value);
	return HISTOGRAM_CUTS * shift + (unsigned)(value >> shift);
}

static uint64_t bucket_end(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * HISTOGRAM_CUTS) {
		return bucket;
	}
	shift = bucket / HISTOGRAM_CUTS - 1;
	return (((uint64_t)bucket - HISTOGRAM_CUTS * shift + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	unsigned bucket = bucket_of(value);

	assert(bucket < HISTOGRAM_BUCKETS);
	histogram->counts[bucket]++;
	histogram->total++;
	if (value > histogram->max) {
		histogram->max = value;
	}
}

uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille)
{
	uint64_t wanted = (histogram->total * per_mille + 999) / 1000;
	uint64_t seen = 0;

	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		seen += histogram->counts[bucket];
		if (seen >= wanted && seen > 0) {
			uint64_t end = bucket_end(bucket);

			return end < histogram->max ? end : histogram->max;
		}
	}
	return 0;
}
