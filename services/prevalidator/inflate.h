#ifndef SERVICES_PREVALIDATOR_INFLATE_H
#define SERVICES_PREVALIDATOR_INFLATE_H

/* Bodies that came with `Content-Encoding: gzip` (DESIGN-WALL.md section 5). The format is zlib's,
 * and inflate.c is the only file that knows it. A body is exactly one member (RFC 1952), whole,
 * with the right checksum and nothing behind it, and what comes out is bounded beforehand: by
 * INFLATE_RATIO_MAX times what came in, and by the bound of a body. So a bomb costs its sender
 * at least a tenth of what it costs us, and never more memory than this struct has.
 *
 * All of zlib's memory comes from the arena, once: inflateReset keeps it. */

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/slice.h"

/* spec/wallet.md W-O34. */
#define INFLATE_RATIO_MAX 10u

/* The stream, its state (7 KiB in zlib 1.2.13) and the window of 32 KiB. */
#define INFLATE_ARENA_BYTES (64u * 1024u)

enum inflate_result {
	INFLATE_OK,
	INFLATE_BROKEN,   /* not one whole gzip member and nothing else */
	INFLATE_RATIO,    /* it grows to more than INFLATE_RATIO_MAX times its size */
	INFLATE_TOO_LARGE /* it grows over the bound of a body */
};

/* Starts as zeros. */
struct inflater {
	bool is_ready;
	size_t arena_used;
	alignas(16) uint8_t arena[INFLATE_ARENA_BYTES];
	uint8_t bytes[BODY_BYTES_MAX + 1]; /* one more than is allowed tells "more than allowed" */
};

/* body_bytes_max: at most BODY_BYTES_MAX (asserted). *ret_plain, written on INFLATE_OK only, is
 * good until the next call. */
MUST_CHECK enum inflate_result inflate_body(struct inflater *inflater, struct slice packed,
	size_t body_bytes_max, struct slice *ret_plain);

#endif
