#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

#include <stddef.h>
#include <stdint.h>

/* Someone else's bytes. Valid until the handler that was given it returns; who
 * keeps them copies them. */
struct slice {
	const uint8_t *bytes;
	size_t bytes_count;
};

#endif
