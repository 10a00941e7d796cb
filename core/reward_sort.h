#ifndef CORE_REWARD_SORT_H
#define CORE_REWARD_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a belongs before b. */
typedef bool reward_sort_before(const void *owner, uint32_t a, uint32_t b);

/* Merges: what is equal keeps its order, and no input makes it slow. scratch has room for as many
 * items. */
void reward_sort(uint32_t *items, size_t item_count, uint32_t *scratch, reward_sort_before *before,
	const void *owner);

/* Sorts by a small number of each item, keeping the order of what is equal: starts has room for
 * key_count + 1 and is left with where each key begins. */
void reward_sort_by_key(const uint32_t *items, size_t item_count, const uint32_t *key_of_item,
	uint32_t key_count, uint32_t *ret_items, uint32_t *starts);

#endif
