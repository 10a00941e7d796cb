#include "core/table.h"

#define REMOVED UINT64_MAX

/* Pairs that one insert moves. A region is at most two thirds full when the next one is
 * taken, and that one has room for at least a sixth of the old one's slots before it is two
 * thirds full itself: with 8 a growth is over before the next one begins. */
#define MOVES_PER_INSERT 8u

void table_init(struct table *table, const struct memory *memory)
{
	*table = (struct table){ .memory = memory };
}

static uint64_t region_slots(const struct table_region *region)
{
	return region->slots == NULL ? 0 : region->slot_mask + 1;
}

static void region_give(struct table *table, struct table_region *region)
{
	memory_give(table->memory, region->slots, region_slots(region) * sizeof *region->slots);
	*region = (struct table_region){ 0 };
}

void table_finish(struct table *table)
{
	region_give(table, &table->now);
	region_give(table, &table->old);
	table->count = 0;
}

/* Keys may be hashes or counts: a multiplication spreads both, its high bits best. */
static uint64_t home_slot(const struct table_region *region, uint64_t key)
{
	return (key * 0x9e3779b97f4a7c15u) >> region->shift;
}

static void region_insert(struct table_region *region, uint64_t key, uint64_t value)
{
	uint64_t slot = home_slot(region, key);

	while (region->slots[slot].value != 0 && region->slots[slot].value != REMOVED) {
		slot = (slot + 1) & region->slot_mask;
	}
	if (region->slots[slot].value == 0) {
		region->used++;
	}
	region->slots[slot] = (struct table_slot){ .key = key, .value = value };
	assert(region->used <= region->slot_mask); /* a free slot ends every search */
}

static void move_some(struct table *table, uint64_t slot_count)
{
	uint64_t end = region_slots(&table->old);

	for (; slot_count > 0 && table->old_next < end; slot_count--) {
		const struct table_slot *slot = &table->old.slots[table->old_next++];

		if (slot->value != 0 && slot->value != REMOVED) {
			region_insert(&table->now, slot->key, slot->value);
		}
		table->old.used -= slot->value != 0 ? 1 : 0; /* still to be moved */
	}
	if (table->old.slots != NULL && table->old_next == end) {
		region_give(table, &table->old);
	}
}

static bool grow(struct table *table, uint64_t insert_count)
{
	uint64_t slots = TABLE_SLOTS_MIN;
	unsigned log2 = 12;
	struct table_slot *taken;

	while (slots / 2 < table->count + insert_count) {
		slots *= 2;
		log2++;
	}
	move_some(table, UINT64_MAX); /* one growth at a time */
	taken = memory_take(table->memory, slots * sizeof *taken);
	if (taken == NULL) {
		return false;
	}
	table->old = table->now;
	table->old_next = 0;
	table->now = (struct table_region){
		.slots = taken,
		.slot_mask = slots - 1,
		.shift = 64 - log2,
	};
	return true;
}

/* What is still to be moved counts as if it were here. */
static bool has_room(const struct table *table, uint64_t insert_count)
{
	uint64_t used = table->now.used + table->old.used;

	return table->now.slots != NULL && used + insert_count <= region_slots(&table->now) / 3 * 2;
}

bool table_reserve(struct table *table, uint64_t insert_count)
{
	return has_room(table, insert_count) || grow(table, insert_count);
}

void table_insert(struct table *table, uint64_t key, uint64_t value)
{
	assert(table->now.slots != NULL && value != 0 && value != REMOVED);
	region_insert(&table->now, key, value);
	table->count++;
	if (table->old.slots != NULL) {
		move_some(table, MOVES_PER_INSERT);
	}
}

struct table_scan table_find(const struct table *table, uint64_t key)
{
	bool in_old = table->now.slots == NULL;

	return (struct table_scan){
		.table = table,
		.key = key,
		.slot = in_old ? 0 : home_slot(&table->now, key),
		.in_old = in_old,
	};
}

/* The next slot with this key, or NULL; leaves scan->slot behind it. Moved slots of the old
 * region stay where they are, so that searches still pass over them, but do not count. */
static struct table_slot *scan_next(struct table_scan *scan)
{
	const struct table *table = scan->table;

	while (true) {
		const struct table_region *region = scan->in_old ? &table->old : &table->now;
		struct table_slot *slot;
		bool was_moved = scan->in_old && scan->slot < table->old_next;

		if (region->slots == NULL) {
			return NULL;
		}
		slot = &region->slots[scan->slot];
		if (slot->value == 0) {
			if (scan->in_old || table->old.slots == NULL) {
				return NULL;
			}
			scan->in_old = true;
			scan->slot = home_slot(&table->old, scan->key);
			continue;
		}
		scan->slot = (scan->slot + 1) & region->slot_mask;
		if (slot->key == scan->key && slot->value != REMOVED && !was_moved) {
			return slot;
		}
	}
}

bool table_next(struct table_scan *scan, uint64_t *ret_value)
{
	const struct table_slot *slot = scan_next(scan);

	if (slot == NULL) {
		return false;
	}
	*ret_value = slot->value;
	return true;
}

bool table_remove(struct table *table, uint64_t key, uint64_t value)
{
	struct table_scan scan = table_find(table, key);
	struct table_slot *slot = scan_next(&scan);

	while (slot != NULL && slot->value != value) {
		slot = scan_next(&scan);
	}
	if (slot == NULL) {
		return false;
	}
	slot->value = REMOVED;
	table->count--;
	return true;
}

void table_prefetch(const struct table *table, uint64_t key)
{
	if (table->now.slots != NULL) {
		__builtin_prefetch(&table->now.slots[home_slot(&table->now, key)]);
	}
	if (table->old.slots != NULL) {
		__builtin_prefetch(&table->old.slots[home_slot(&table->old, key)]);
	}
}
