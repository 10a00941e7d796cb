#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "core/draft.h"

/* The order inside a batch (DESIGN-LEDGER.md section 2): requests by their smallest (ts, id),
 * entries of a request likewise, ties by canonical bytes. It depends on the entries alone,
 * never on arrival or on the client's positions, so the same entries always get the same
 * seqs. Drafts that were refused before take no part. */

/* Writes a permutation of 0 ... draft_count - 1: judgeable drafts in order, then refused ones
 * by position. scratch has room for draft_count numbers. Returns how many are judgeable. */
size_t order_drafts(
	const struct draft *drafts, size_t draft_count, uint32_t *ret_order, uint32_t *scratch);

/* The smallest draft of a request, or NULL when all were refused. */
const struct draft *order_smallest(const struct draft *drafts, size_t draft_count);

/* Orders requests by their smallest drafts. Those without one (NULL) come last; what is equal
 * keeps its order. */
void order_requests(const struct draft *const *smallest, size_t request_count, uint32_t *ret_order,
	uint32_t *scratch);

/* <0, 0 or >0; 0 only when both ask for the same. */
int order_compare(const struct draft *a, const struct draft *b);

#endif
