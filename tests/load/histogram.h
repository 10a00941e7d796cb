#ifndef TESTS_LOAD_HISTOGRAM_H
#define TESTS_LOAD_HISTOGRAM_H

#include <stdint.h>

/* Latencies in buckets that grow with the value: each power of two is cut into 32, so a
 * percentile is at most 3 % too large, and counting costs the same whatever was counted. */

#define HISTOGRAM_CUTS    32u
#define HISTOGRAM_BUCKETS (HISTOGRAM_CUTS * 60u)

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
	uint64_t max;
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that `per_mille` thousandths of all values do not exceed; 0 when there are none. */
uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille);

#endif
