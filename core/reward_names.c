#include "core/reward_names.h"

#include <string.h>

#include "core/reward_sort.h"

#define UNIT_BYTES 4u

struct name {
	uint32_t at; /* in units */
	uint32_t bytes_count;
};

void reward_names_init(struct reward_names *names, const struct memory *memory,
	const uint8_t key[SIPHASH_KEY_BYTES])
{
	memcpy(names->key, key, sizeof names->key);
	names->count = 0;
	names->text_used = 0;
	table_init(&names->table, memory);
	segments_init(&names->names, memory, sizeof(struct name));
	segments_init(&names->text, memory, UNIT_BYTES);
}

void reward_names_finish(struct reward_names *names)
{
	table_finish(&names->table);
	segments_finish(&names->names);
	segments_finish(&names->text);
}

struct slice reward_names_view(const struct reward_names *names, uint32_t number)
{
	const struct name *name = segments_at(&names->names, number);

	if (name->bytes_count == 0) {
		return (struct slice){ (const uint8_t *)"", 0 };
	}
	return (struct slice){ segments_at(&names->text, name->at), name->bytes_count };
}

static uint32_t find(const struct reward_names *names, struct slice text, uint64_t key)
{
	struct table_scan scan = table_find(&names->table, key);
	uint64_t found = 0;

	while (table_next(&scan, &found)) {
		struct slice name = reward_names_view(names, (uint32_t)found - 1);

		if (name.bytes_count == text.bytes_count &&
			(text.bytes_count == 0 ||
				memcmp(name.bytes, text.bytes, text.bytes_count) == 0)) {
			return (uint32_t)found - 1;
		}
	}
	return REWARD_NAMES_NONE;
}

void reward_names_expect(const struct reward_names *names, struct slice name)
{
	table_prefetch(&names->table, siphash_24(names->key, name.bytes, name.bytes_count));
}

uint32_t reward_names_find(const struct reward_names *names, struct slice name)
{
	return find(names, name, siphash_24(names->key, name.bytes, name.bytes_count));
}

uint32_t reward_names_add(struct reward_names *names, struct slice name)
{
	uint64_t key = siphash_24(names->key, name.bytes, name.bytes_count);
	uint32_t number = find(names, name, key);
	uint32_t units = (uint32_t)((name.bytes_count + UNIT_BYTES - 1) / UNIT_BYTES);
	uint32_t at = names->text_used;

	assert(name.bytes_count <= UINT8_MAX);
	if (number != REWARD_NAMES_NONE) {
		return number;
	}
	if (at % SEGMENTS_PIECE + units > SEGMENTS_PIECE) {
		at += SEGMENTS_PIECE - at % SEGMENTS_PIECE; /* pieces do not lie side by side */
	}
	if (!segments_reserve(&names->text, (uint64_t)at + units) ||
		!segments_reserve(&names->names, (uint64_t)names->count + 1) ||
		!table_reserve(&names->table, 1)) {
		return REWARD_NAMES_NONE;
	}
	if (units > 0) {
		memcpy(segments_at(&names->text, at), name.bytes, name.bytes_count);
	}
	number = names->count++;
	names->text_used = at + units;
	*(struct name *)segments_at(&names->names, number) =
		(struct name){ .at = at, .bytes_count = (uint32_t)name.bytes_count };
	table_insert(&names->table, key, (uint64_t)number + 1);
	return number;
}

static bool before(const void *owner, uint32_t a, uint32_t b)
{
	const struct reward_names *names = owner;
	struct slice left = reward_names_view(names, a), right = reward_names_view(names, b);
	size_t count = left.bytes_count < right.bytes_count ? left.bytes_count : right.bytes_count;
	int order = memcmp(left.bytes, right.bytes, count);

	return order != 0 ? order < 0 : left.bytes_count < right.bytes_count;
}

void reward_names_order(const struct reward_names *names, uint32_t *ret_numbers, uint32_t *scratch)
{
	for (uint32_t i = 0; i < names->count; i++) {
		ret_numbers[i] = i;
	}
	reward_sort(ret_numbers, names->count, scratch, before, names);
}
