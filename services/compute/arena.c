#include "services/compute/compute.h"

#include <sys/mman.h>

#define PAGE_BYTES 4096u

static size_t in_pages(size_t bytes)
{
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static void *take(void *owner, size_t bytes)
{
	struct arena *arena = owner;
	void *region;

	if (bytes > arena->used_bytes_max - arena->used_bytes ||
		in_pages(bytes) > arena->used_bytes_max - arena->used_bytes) {
		return NULL;
	}
	bytes = in_pages(bytes);
	region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (region == MAP_FAILED) {
		return NULL;
	}
	arena->used_bytes += bytes;
	return region;
}

static void give(void *owner, void *region, size_t bytes)
{
	struct arena *arena = owner;

	bytes = in_pages(bytes);
	(void)munmap(region, bytes);
	arena->used_bytes -= bytes;
}

void arena_init(struct arena *arena, uint64_t bytes_max)
{
	arena->memory = (struct memory){ take, give, arena };
	arena->used_bytes = 0;
	arena->used_bytes_max = (size_t)bytes_max;
}
