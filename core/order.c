#include "core/order.h"

#include "common/check.h"

static int compare_slices(struct slice a, struct slice b)
{
	size_t both = a.bytes_count < b.bytes_count ? a.bytes_count : b.bytes_count;
	int order = both == 0 ? 0 : memcmp(a.bytes, b.bytes, both);

	if (order != 0 || a.bytes_count == b.bytes_count) {
		return order;
	}
	return a.bytes_count < b.bytes_count ? -1 : 1;
}

/* The bytes that would be hashed, before numbering. Rare: (ts, id) was the same. */
static int compare_canonical(const struct draft *a, const struct draft *b)
{
	uint8_t bytes[2][ENTRY_LEAF_BYTES_MAX];
	struct byte_writer outs[2] = {
		byte_writer_of(bytes[0], sizeof bytes[0]),
		byte_writer_of(bytes[1], sizeof bytes[1]),
	};

	entry_encode(&outs[0], &a->entry);
	entry_encode(&outs[1], &b->entry);
	return compare_slices(
		(struct slice){ bytes[0], outs[0].used }, (struct slice){ bytes[1], outs[1].used });
}

int order_compare(const struct draft *a, const struct draft *b)
{
	int order = entry_compare(&a->entry, &b->entry);

	return order != 0 ? order : compare_canonical(a, b);
}

/* Merge sort from the bottom up: stable, no recursion, n log n whatever the client sends, and
 * one pass over what is in order already. */
typedef int compare_items(const void *items, uint32_t a, uint32_t b);

static bool is_sorted(
	const uint32_t *order, size_t count, compare_items *compare, const void *items)
{
	for (size_t i = 1; i < count; i++) {
		if (compare(items, order[i - 1], order[i]) > 0) {
			return false;
		}
	}
	return true;
}

static void merge(const uint32_t *from, uint32_t *to, size_t start, size_t middle, size_t end,
	compare_items *compare, const void *items)
{
	size_t left = start, right = middle;

	for (size_t i = start; i < end; i++) {
		bool take_left = left < middle &&
				 (right == end || compare(items, from[left], from[right]) <= 0);

		to[i] = take_left ? from[left++] : from[right++];
	}
}

static void sort(
	uint32_t *order, uint32_t *scratch, size_t count, compare_items *compare, const void *items)
{
	uint32_t *from = order, *to = scratch;

	if (is_sorted(order, count, compare, items)) {
		return;
	}
	for (size_t width = 1; width < count; width *= 2) {
		uint32_t *swapped = from;

		for (size_t start = 0; start < count; start += 2 * width) {
			size_t middle = start + width < count ? start + width : count;
			size_t end = start + 2 * width < count ? start + 2 * width : count;

			merge(from, to, start, middle, end, compare, items);
		}
		from = to;
		to = swapped;
	}
	if (from != order) {
		memcpy(order, from, count * sizeof *order);
	}
}

static int compare_drafts(const void *items, uint32_t a, uint32_t b)
{
	const struct draft *drafts = items;

	return order_compare(&drafts[a], &drafts[b]);
}

size_t order_drafts(
	const struct draft *drafts, size_t draft_count, uint32_t *ret_order, uint32_t *scratch)
{
	size_t judgeable = 0;
	size_t refused;

	for (size_t i = 0; i < draft_count; i++) {
		judgeable += drafts[i].refused == DETAIL_NONE ? 1 : 0;
	}
	refused = judgeable;
	judgeable = 0;
	for (size_t i = 0; i < draft_count; i++) {
		size_t place = drafts[i].refused == DETAIL_NONE ? judgeable++ : refused++;

		ret_order[place] = (uint32_t)i;
	}
	sort(ret_order, scratch, judgeable, compare_drafts, drafts);
	return judgeable;
}

const struct draft *order_smallest(const struct draft *drafts, size_t draft_count)
{
	const struct draft *smallest = NULL;

	for (size_t i = 0; i < draft_count; i++) {
		if (drafts[i].refused == DETAIL_NONE &&
			(smallest == NULL || order_compare(&drafts[i], smallest) < 0)) {
			smallest = &drafts[i];
		}
	}
	return smallest;
}

static int compare_requests(const void *items, uint32_t a, uint32_t b)
{
	const struct draft *const *smallest = items;

	if (smallest[a] == NULL || smallest[b] == NULL) {
		return (smallest[a] == NULL) - (smallest[b] == NULL);
	}
	return order_compare(smallest[a], smallest[b]);
}

void order_requests(const struct draft *const *smallest, size_t request_count, uint32_t *ret_order,
	uint32_t *scratch)
{
	for (size_t i = 0; i < request_count; i++) {
		ret_order[i] = (uint32_t)i;
	}
	sort(ret_order, scratch, request_count, compare_requests, smallest);
}
