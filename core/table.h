#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "core/memory.h"

/* A multimap from u64 to u64 in open addressing, for fingerprints and other keys of which a hit
 * is a candidate and no proof. 16 bytes a slot: 1 M entries are 32 MiB, 10 M are 256 MiB.
 *
 * It grows without a stall: a larger region is taken, new pairs go there, each insert moves a
 * few pairs over, and the old region is given back when it is drained. Until then a look-up
 * goes through both. Values 0 and UINT64_MAX are the table's own. */

#define TABLE_SLOTS_MIN 4096u

struct table_slot {
	uint64_t key;
	uint64_t value; /* 0 = free, UINT64_MAX = was removed */
};

struct table_region {
	struct table_slot *slots; /* owned; NULL = none */
	uint64_t slot_mask;
	unsigned shift; /* from a mixed key to a slot */
	uint64_t used;  /* slots that are not free */
};

struct table {
	const struct memory *memory; /* borrowed */
	struct table_region now;
	struct table_region old; /* while growing */
	uint64_t old_next;       /* old slots below were moved */
	uint64_t count;
};

void table_init(struct table *table, const struct memory *memory);
void table_finish(struct table *table);

/* Room for insert_count more; call it before them. False if there is no memory. Does bounded
 * work, but for an insert_count that is large against what the table holds. */
MUST_CHECK bool table_reserve(struct table *table, uint64_t insert_count);

/* Room was reserved; value is neither 0 nor UINT64_MAX. Equal pairs may be there twice. */
void table_insert(struct table *table, uint64_t key, uint64_t value);

/* One pair; false if it is not there. */
bool table_remove(struct table *table, uint64_t key, uint64_t value);

/* All values of a key, in no order. The table must not change meanwhile. */
struct table_scan {
	const struct table *table;
	uint64_t key;
	uint64_t slot;
	bool in_old;
};

struct table_scan table_find(const struct table *table, uint64_t key);
bool table_next(struct table_scan *scan, uint64_t *ret_value);

/* Fetches the slot ahead of a table_find() to come. */
void table_prefetch(const struct table *table, uint64_t key);

#endif
