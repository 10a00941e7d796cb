#ifndef COMMON_TYPES_H
#define COMMON_TYPES_H

#include <stdint.h>

/* The three value types that the ledger, the wire and the store share. */

#define HASH_BYTES 32u
#define ID_BYTES   16u

/* A 256-bit digest: leaf hash, tree root, memo hash, receipt hash. */
struct hash {
	uint8_t bytes[HASH_BYTES];
};

/* 128 bits that name something: entry id (UUID, big-endian as written), nonce, capability id. */
struct id128 {
	uint8_t bytes[ID_BYTES];
};

/* Minor units of one asset. Arithmetic on amounts goes through core/amount.h, which
 * refuses overflow; 2^128 - 1 is the ceiling of every sum (DESIGN-LEDGER.md section 3). */
__extension__ typedef unsigned __int128 u128;

#define U128_MAX (~(u128)0)

#endif
