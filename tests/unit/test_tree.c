#include "store/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENTRIES 65800u /* a full tile of level 1, and one tile and a bit beside it */

struct put_log {
	uint64_t count[TILE_LEVELS_MAX];
	bool fails;
};

static enum err put(
	void *context, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH])
{
	struct put_log *log = context;
	struct hash leaf;

	if (log->fails) {
		return ERR_NO_SPACE;
	}
	assert_int_equal(index, log->count[level]); /* each tile once, in order */
	log->count[level]++;
	if (level == 0) {
		uint32_t first = (uint32_t)index * TILE_WIDTH;

		merkle_leaf(MERKLE_SHA256, &first, sizeof first, &leaf);
		assert_memory_equal(&hashes[0], &leaf, sizeof leaf);
	}
	return ERR_OK;
}

static void every_full_tile_is_handed_on_once_and_the_root_is_the_frontiers(void **state)
{
	struct tile_builder *builder = calloc(1, sizeof *builder);
	struct merkle_frontier frontier;
	struct put_log log = { .fails = false };

	(void)state;
	assert_non_null(builder);
	tile_builder_init(builder, MERKLE_SHA256);
	merkle_frontier_init(&frontier, MERKLE_SHA256);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		struct hash leaf, mine, expected;

		merkle_leaf(MERKLE_SHA256, &i, sizeof i, &leaf);
		merkle_frontier_append(&frontier, &leaf);
		assert_int_equal(tree_append(builder, &i, sizeof i, put, &log), ERR_OK);
		if (i % 251 == 0) {
			tile_builder_root(builder, &mine);
			merkle_frontier_root(&frontier, &expected);
			assert_memory_equal(&mine, &expected, sizeof mine);
		}
	}
	assert_int_equal(log.count[0], ENTRIES / 256);
	assert_int_equal(log.count[1], 1);
	assert_int_equal(log.count[2], 0);
	free(builder);
}

static void what_put_refuses_is_passed_on(void **state)
{
	struct tile_builder *builder = calloc(1, sizeof *builder);
	struct put_log log = { .fails = true };
	enum err err = ERR_OK;
	uint32_t i;

	(void)state;
	assert_non_null(builder);
	tile_builder_init(builder, MERKLE_BLAKE3);
	for (i = 0; i < 2 * TILE_WIDTH && err == ERR_OK; i++) {
		err = tree_append(builder, &i, sizeof i, put, &log);
	}
	assert_int_equal(err, ERR_NO_SPACE);
	assert_int_equal(i, TILE_WIDTH);
	free(builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_full_tile_is_handed_on_once_and_the_root_is_the_frontiers),
		cmocka_unit_test(what_put_refuses_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
