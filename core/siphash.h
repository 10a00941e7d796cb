#ifndef CORE_SIPHASH_H
#define CORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 with 64 bits of output (Aumasson and Bernstein, 2012): a hash for tables
 * whose keys an enemy chooses. The key is secret and random, per store or per process. */

#define SIPHASH_KEY_BYTES 16u

uint64_t siphash_24(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t bytes_count);

#endif
