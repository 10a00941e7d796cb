#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include <stddef.h>

/* Memory is handed in. core/ asks for big regions only (a piece of an array, a grown table:
 * 64 KiB and more), so a server maps and unmaps pages behind this, and no entry allocates.
 *
 * take: zeroed, aligned to 16 bytes, or NULL when there is no more; the caller of core/ is
 *       then told so in words of its own (a refusal with DETAIL_CAPACITY, ERR_BUSY).
 * give: exactly a region that was taken, with its size. */
struct memory {
	void *(*take)(void *owner, size_t bytes);
	void (*give)(void *owner, void *region, size_t bytes);
	void *owner;
};

static inline void *memory_take(const struct memory *memory, size_t bytes)
{
	return memory->take(memory->owner, bytes);
}

static inline void memory_give(const struct memory *memory, void *region, size_t bytes)
{
	if (region != NULL) {
		memory->give(memory->owner, region, bytes);
	}
}

#endif
