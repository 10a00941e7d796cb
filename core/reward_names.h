#ifndef CORE_REWARD_NAMES_H
#define CORE_REWARD_NAMES_H

/* A number for each of many names, from 0 in the order in which they came. Hashed under a secret
 * key, so that nobody can choose names that make it slow; the numbers do not depend on the key.
 * Memory: 8 bytes and the text of a name in fours, 24 to 64 of the table. */

#include "common/slice.h"
#include "core/segments.h"
#include "core/siphash.h"
#include "core/table.h"

#define REWARD_NAMES_NONE UINT32_MAX

struct reward_names {
	uint8_t key[SIPHASH_KEY_BYTES];
	uint32_t count;
	uint32_t text_used; /* in fours */
	struct table table;
	struct segments names;
	struct segments text;
};

void reward_names_init(struct reward_names *names, const struct memory *memory,
	const uint8_t key[SIPHASH_KEY_BYTES]);
void reward_names_finish(struct reward_names *names);

/* Of at most 255 bytes; added if it is new. REWARD_NAMES_NONE: no memory. */
uint32_t reward_names_add(struct reward_names *names, struct slice name);

/* Fetches ahead what an add of this name will look at. */
void reward_names_expect(const struct reward_names *names, struct slice name);

/* REWARD_NAMES_NONE: not there. */
uint32_t reward_names_find(const struct reward_names *names, struct slice name);

/* Lives as long as the names. */
struct slice reward_names_view(const struct reward_names *names, uint32_t number);

/* The numbers by the bytes of their names; both have room for names->count. */
void reward_names_order(const struct reward_names *names, uint32_t *ret_numbers, uint32_t *scratch);

#endif
