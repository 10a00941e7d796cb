#include "core/reward_sort.h"

#include <string.h>

static void merge(const uint32_t *from, size_t start, size_t middle, size_t end, uint32_t *to,
	reward_sort_before *before, const void *owner)
{
	size_t left = start, right = middle;

	for (size_t at = start; at < end; at++) {
		bool takes_right =
			left == middle || (right < end && before(owner, from[right], from[left]));

		to[at] = takes_right ? from[right++] : from[left++];
	}
}

void reward_sort(uint32_t *items, size_t item_count, uint32_t *scratch, reward_sort_before *before,
	const void *owner)
{
	uint32_t *from = items, *to = scratch;

	for (size_t width = 1; width < item_count; width *= 2) {
		uint32_t *swapped = from;

		for (size_t start = 0; start < item_count; start += 2 * width) {
			size_t left = item_count - start;
			size_t middle = start + (width < left ? width : left);
			size_t end = start + (2 * width < left ? 2 * width : left);

			merge(from, start, middle, end, to, before, owner);
		}
		from = to;
		to = swapped;
	}
	if (from != items) {
		memcpy(items, from, item_count * sizeof *items);
	}
}

void reward_sort_by_key(const uint32_t *items, size_t item_count, const uint32_t *key_of_item,
	uint32_t key_count, uint32_t *ret_items, uint32_t *starts)
{
	uint32_t sum = 0;

	memset(starts, 0, ((size_t)key_count + 1) * sizeof *starts);
	for (size_t i = 0; i < item_count; i++) {
		starts[key_of_item[items[i]]]++;
	}
	for (uint32_t key = 0; key <= key_count; key++) {
		uint32_t count = starts[key];

		starts[key] = sum;
		sum += count;
	}
	for (size_t i = 0; i < item_count; i++) {
		ret_items[starts[key_of_item[items[i]]]++] = items[i];
	}
	/* each start has moved to its end, which is the next one's start */
	memmove(starts + 1, starts, key_count * sizeof *starts);
	starts[0] = 0;
}
