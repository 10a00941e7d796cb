#include "common/random.h"

#include <errno.h>
#include <sys/random.h>

#include "common/check.h"

void random_fill(void *bytes, size_t bytes_count)
{
	uint8_t *next = bytes;

	while (bytes_count > 0) {
		ssize_t got = getrandom(next, bytes_count, 0);

		if (got < 0) {
			assert(errno == EINTR);
			continue;
		}
		next += got;
		bytes_count -= (size_t)got;
	}
}

uint64_t random_u64(void)
{
	uint64_t value;

	random_fill(&value, sizeof value);
	return value;
}
