#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include <stdint.h>

#include "common/types.h"

/* Fixed-width little-endian integers at a place whose size the caller has checked.
 * Whoever reads a sender's bytes uses proto/wire.h, which checks. Compilers turn each
 * into one load or store. */

static inline uint16_t bytes_get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t bytes_get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static inline uint64_t bytes_get_u64(const uint8_t *at)
{
	return bytes_get_u32(at) | (uint64_t)bytes_get_u32(at + 4) << 32;
}

static inline u128 bytes_get_u128(const uint8_t *at)
{
	return bytes_get_u64(at) | (u128)bytes_get_u64(at + 8) << 64;
}

static inline void bytes_put_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static inline void bytes_put_u32(uint8_t *at, uint32_t value)
{
	bytes_put_u16(at, (uint16_t)value);
	bytes_put_u16(at + 2, (uint16_t)(value >> 16));
}

static inline void bytes_put_u64(uint8_t *at, uint64_t value)
{
	bytes_put_u32(at, (uint32_t)value);
	bytes_put_u32(at + 4, (uint32_t)(value >> 32));
}

static inline void bytes_put_u128(uint8_t *at, u128 value)
{
	bytes_put_u64(at, (uint64_t)value);
	bytes_put_u64(at + 8, (uint64_t)(value >> 64));
}

#endif
