#include "core/tile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEAVES_MAX     66100u /* one full tile of level 1, and some in each row above */
#define FULL_TILES_MAX 260u

/* Full tiles in memory, as the committer would have them in the store. */
struct memory {
	struct hash full[2][FULL_TILES_MAX][TILE_WIDTH];
	uint64_t full_count[2];
	unsigned loads;
};

static struct memory *memory;
static struct hash *leaves;
static struct hash *roots; /* of every size */
static struct tile_builder *builder;

static enum err load(
	void *store, unsigned level, uint64_t index, struct hash ret_hashes[TILE_WIDTH])
{
	struct memory *from = store;

	assert_true(level < 2);
	assert_true(index < from->full_count[level]);
	memcpy(ret_hashes, from->full[level][index], sizeof from->full[level][index]);
	from->loads++;
	return ERR_OK;
}

static enum err load_fails(
	void *store, unsigned level, uint64_t index, struct hash ret_hashes[TILE_WIDTH])
{
	(void)store;
	(void)level;
	(void)index;
	(void)ret_hashes;
	return ERR_IO;
}

static void append(struct tile_builder *to, const struct hash *leaf)
{
	unsigned full_count = tile_builder_append(to, leaf);

	for (unsigned level = 0; level < full_count; level++) {
		uint64_t index = tile_full_count(level, tile_builder_size(to)) - 1;

		assert_true(level < 2);
		memcpy(memory->full[level][index], to->rows[level], sizeof to->rows[level]);
		memory->full_count[level] = index + 1;
	}
}

/* A tree of LEAVES_MAX leaves, its full tiles, and the roots of every size by a frontier
 * alone, which test_merkle holds to the definition. */
static int grow(void **state)
{
	struct merkle_frontier frontier;

	(void)state;
	memory = calloc(1, sizeof *memory);
	leaves = calloc(LEAVES_MAX, sizeof *leaves);
	roots = calloc(LEAVES_MAX + 1, sizeof *roots);
	builder = calloc(1, sizeof *builder);
	if (memory == NULL || leaves == NULL || roots == NULL || builder == NULL) {
		return -1;
	}
	merkle_frontier_init(&frontier, MERKLE_SHA256);
	tile_builder_init(builder, MERKLE_SHA256);
	for (uint32_t i = 0; i < LEAVES_MAX; i++) {
		merkle_frontier_root(&frontier, &roots[i]);
		merkle_leaf(MERKLE_SHA256, &i, sizeof i, &leaves[i]);
		merkle_frontier_append(&frontier, &leaves[i]);
		append(builder, &leaves[i]);
	}
	merkle_frontier_root(&frontier, &roots[LEAVES_MAX]);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	free(memory);
	free(leaves);
	free(roots);
	free(builder);
	return 0;
}

static struct tile_view view_of(const struct tile_builder *of)
{
	return (struct tile_view){ .builder = of, .load = load, .store = memory };
}

static void assert_same(const struct hash *a, const struct hash *b)
{
	assert_memory_equal(a->bytes, b->bytes, HASH_BYTES);
}

static void the_geometry_is_that_of_the_specification(void **state)
{
	(void)state;
	/* 70 000 leaves: the example of C2SP tlog-tiles. */
	assert_int_equal(tile_full_count(0, 70000), 273);
	assert_int_equal(tile_partial_width(0, 70000), 112);
	assert_int_equal(tile_full_count(1, 70000), 1);
	assert_int_equal(tile_partial_width(1, 70000), 17);
	assert_int_equal(tile_full_count(2, 70000), 0);
	assert_int_equal(tile_partial_width(2, 70000), 1);
	assert_int_equal(tile_hash_count(3, 70000), 0);
	assert_int_equal(tile_partial_width(3, 70000), 0);
	for (unsigned level = 0; level < TILE_LEVELS_MAX; level++) {
		assert_int_equal(tile_hash_count(level, 0), 0);
		assert_true(
			tile_hash_count(level, MERKLE_SIZE_MAX) == MERKLE_SIZE_MAX >> 8 * level);
	}
	assert_int_equal(tile_hash_count(TILE_LEVELS_MAX, MERKLE_SIZE_MAX), 0);
	assert_int_equal(tile_hash_count(255, MERKLE_SIZE_MAX), 0);
}

static void a_tile_exists_as_far_as_its_hashes_do(void **state)
{
	static const struct {
		struct tile tile;
		bool exists; /* in a tree of 600 */
	} rows[] = {
		{ { .index = 0, .width = 256 }, true },
		{ { .index = 1, .width = 256 }, true },
		{ { .index = 1, .width = 7 }, true },
		{ { .index = 2, .width = 1 }, true },
		{ { .index = 2, .width = 88 }, true },
		{ { .index = 2, .width = 89 }, false },
		{ { .index = 2, .width = 256 }, false },
		{ { .index = 3, .width = 1 }, false },
		{ { .index = UINT64_MAX, .width = 1 }, false },
		{ { .index = 0, .width = 0 }, false },
		{ { .index = 0, .width = 257 }, false },
		{ { .index = 0, .width = 2, .level = 1 }, true },
		{ { .index = 0, .width = 3, .level = 1 }, false },
		{ { .index = 0, .width = 1, .level = 2 }, false },
		{ { .index = 0, .width = 1, .level = 8 }, false },
		{ { .index = 0, .width = 1, .level = 255 }, false },
		{ { .index = 2, .width = 88, .entries = true }, true },
		{ { .index = 0, .width = 1, .level = 1, .entries = true }, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(tile_exists(rows[i].tile, 600), rows[i].exists);
	}
}

static const struct {
	struct tile tile;
	const char *path;
} named[] = {
	{ { .index = 0, .width = 256 }, "0/000" },
	{ { .index = 999, .width = 256 }, "0/999" },
	{ { .index = 1000, .width = 256 }, "0/x001/000" },
	{ { .index = 1234067, .width = 256 }, "0/x001/x234/067" },
	{ { .index = 1234067, .width = 8 }, "0/x001/x234/067.p/8" },
	{ { .index = 999999, .width = 255, .level = 7 }, "7/x999/999.p/255" },
	{ { .index = 1000000, .width = 10, .level = 3 }, "3/x001/x000/000.p/10" },
	{ { .index = 5, .width = 256, .entries = true }, "entries/005" },
	{ { .index = 273, .width = 112, .entries = true }, "entries/273.p/112" },
	{ { .index = 36028797018963967u, .width = 99 }, "0/x036/x028/x797/x018/x963/967.p/99" },
	{ { .index = 999999999999999999u, .width = 1, .entries = true },
		"entries/x999/x999/x999/x999/x999/999.p/1" },
};

static void a_tile_has_one_path_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(named); i++) {
		char path[TILE_PATH_BYTES_MAX];
		struct tile got;

		assert_int_equal(tile_path_print(named[i].tile, path), strlen(named[i].path));
		assert_string_equal(path, named[i].path);
		assert_int_equal(tile_path_parse(path, strlen(path), &got), ERR_OK);
		assert_true(got.index == named[i].tile.index);
		assert_int_equal(got.width, named[i].tile.width);
		assert_int_equal(got.level, named[i].tile.level);
		assert_int_equal(got.entries, named[i].tile.entries);
	}
}

static void other_spellings_are_refused(void **state)
{
	static const char *const bad[] = { "", "/", "0", "0/", "/000", "0/0", "0/00", "0/0000",
		"0/1000", "0/x000/001", "0/x000/x001/002", "0/x001", "0/x001/", "0/001/002",
		"0/x01/002", "0/x0001/002", "0/000.p/0", "0/000.p/256", "0/000.p/08", "0/000.p/999",
		"0/000.p/", "0/000.p", "0/000.p/1/", "0/000.p/-1", "0/000.p/1000", "0/000/",
		"0/000 ", " 0/000", "8/000", "00/000", "01/000", "63/000", "x/000", "entries/",
		"entries/0", "entries", "Entries/000", "data/000", "0//000", "0/../000",
		"0/X001/000", "0/+01", "0/00a", "0/x001/x001/x001/x001/x001/x001/001" };
	struct tile tile = { .index = 77 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(tile_path_parse(bad[i], strlen(bad[i]), &tile), ERR_MALFORMED);
		assert_true(tile.index == 77);
	}
}

/* Goal: one byte changed anywhere is refused or is another tile's one path. */
static void a_path_that_is_read_is_the_one_that_is_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(named); i++) {
		size_t path_bytes = strlen(named[i].path);

		for (size_t at = 0; at < path_bytes; at++) {
			for (int byte = 0; byte < 256; byte++) {
				char path[TILE_PATH_BYTES_MAX], again[TILE_PATH_BYTES_MAX];
				struct tile tile;

				memcpy(path, named[i].path, path_bytes);
				path[at] = (char)byte;
				if (tile_path_parse(path, path_bytes, &tile) != ERR_OK) {
					continue;
				}
				assert_int_equal(tile_path_print(tile, again), path_bytes);
				assert_memory_equal(again, path, path_bytes);
			}
		}
	}
}

static void the_builder_has_the_root_of_the_tree_at_every_size(void **state)
{
	static struct tile_builder fresh;
	struct hash root;

	(void)state;
	tile_builder_init(&fresh, MERKLE_SHA256);
	for (uint64_t size = 0; size <= LEAVES_MAX; size++) {
		assert_int_equal(tile_builder_size(&fresh), size);
		if (size < 2000 || size % 256 < 2 || size > LEAVES_MAX - 300) {
			tile_builder_root(&fresh, &root);
			assert_same(&root, &roots[size]);
		}
		if (size < LEAVES_MAX) {
			(void)tile_builder_append(&fresh, &leaves[size]);
		}
	}
}

static void a_tile_is_full_every_256_hashes_of_its_level(void **state)
{
	static struct tile_builder fresh;

	(void)state;
	tile_builder_init(&fresh, MERKLE_SHA256);
	for (uint64_t size = 1; size <= LEAVES_MAX; size++) {
		unsigned expected = size % 65536 == 0 ? 2 : size % 256 == 0 ? 1 : 0;

		assert_int_equal(tile_builder_append(&fresh, &leaves[size - 1]), expected);
	}
	assert_int_equal(memory->full_count[0], LEAVES_MAX / 256);
	assert_int_equal(memory->full_count[1], 1);
	for (uint64_t i = 0; i < memory->full_count[0]; i++) {
		assert_memory_equal(
			memory->full[0][i], &leaves[256 * i], sizeof memory->full[0][i]);
	}
}

/* Goal: stop and go on at any place; rows, root and later tiles are those of a builder that
 * never stopped. */
static void a_resumed_builder_is_the_one_that_stopped(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 2, 127, 128, 255, 256, 257, 511, 512, 1000, 65279,
		65280, 65535, 65536, 65537, 65792, 66000, LEAVES_MAX };
	static struct tile_builder resumed;
	struct hash root;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		uint64_t first = sizes[i] / 256 * 256;

		assert_int_equal(tile_builder_resume(&resumed, MERKLE_SHA256, sizes[i],
					 &leaves[first < LEAVES_MAX ? first : 0], load, memory),
			ERR_OK);
		tile_builder_root(&resumed, &root);
		assert_same(&root, &roots[sizes[i]]);
		for (uint64_t size = sizes[i]; size < LEAVES_MAX && size < sizes[i] + 700; size++) {
			append(&resumed, &leaves[size]);
			tile_builder_root(&resumed, &root);
			assert_same(&root, &roots[size + 1]);
		}
		/* append() stored again what was there: put the number of tiles back. */
		memory->full_count[0] = LEAVES_MAX / 256;
		memory->full_count[1] = 1;
	}
	/* The last one resumed at the end: row by row as the one that never stopped. */
	for (unsigned level = 0; level < TILE_LEVELS_MAX; level++) {
		assert_memory_equal(resumed.rows[level], builder->rows[level],
			tile_partial_width(level, LEAVES_MAX) * sizeof resumed.rows[0][0]);
	}
}

static void resuming_passes_on_what_the_store_says(void **state)
{
	static struct tile_builder resumed;

	(void)state;
	assert_int_equal(
		tile_builder_resume(&resumed, MERKLE_SHA256, 256, NULL, load_fails, NULL), ERR_IO);
	assert_int_equal(tile_builder_resume(&resumed, MERKLE_SHA256, MERKLE_SIZE_MAX + 1, NULL,
				 load_fails, NULL),
		ERR_TOO_LARGE);
	assert_int_equal(
		tile_builder_resume(&resumed, MERKLE_SHA256, 255, leaves, load_fails, NULL),
		ERR_OK);
}

static void every_node_is_handed_out_and_no_other(void **state)
{
	struct tile_view view = view_of(builder);
	struct hash *row = calloc(LEAVES_MAX, sizeof *row);
	uint64_t count = LEAVES_MAX;

	(void)state;
	assert_non_null(row);
	memcpy(row, leaves, LEAVES_MAX * sizeof *row);
	for (unsigned level = 0; level < MERKLE_LEVELS_MAX; level++) {
		/* Every node of the upper levels, every 37th and the edges below. */
		for (uint64_t i = 0; i < count; i += level < 8 && i + 300 < count ? 37 : 1) {
			struct hash node;

			assert_int_equal(tile_view_node(&view, level, i, &node), ERR_OK);
			assert_same(&node, &row[i]);
		}
		assert_int_equal(tile_view_node(&view, level, count, &row[0]), ERR_NOT_FOUND);
		assert_int_equal(tile_view_node(&view, level, UINT64_MAX, &row[0]), ERR_NOT_FOUND);
		count /= 2;
		for (uint64_t i = 0; i < count; i++) {
			merkle_node(MERKLE_SHA256, &row[2 * i], &row[2 * i + 1], &row[i]);
		}
	}
	assert_int_equal(tile_view_node(&view, 64, 0, &row[0]), ERR_NOT_FOUND);
	free(row);
}

static void tiles_are_read_whole_in_part_and_not_beyond_the_tree(void **state)
{
	struct tile_view view = view_of(builder);
	struct hash got[TILE_WIDTH];
	uint16_t width = tile_partial_width(0, LEAVES_MAX);
	struct tile last = { .index = tile_full_count(0, LEAVES_MAX), .width = width };

	(void)state;
	assert_int_equal(tile_view_read(&view, last, got), ERR_OK);
	assert_memory_equal(got, &leaves[LEAVES_MAX - width], width * sizeof got[0]);
	last.width++;
	assert_int_equal(tile_view_read(&view, last, got), ERR_NOT_FOUND);
	assert_int_equal(
		tile_view_read(&view, (struct tile){ .index = 3, .width = 9 }, got), ERR_OK);
	assert_memory_equal(got, &leaves[3 * 256], 9 * sizeof got[0]);
	assert_int_equal(tile_view_read(&view, (struct tile){ .width = 1, .entries = true }, got),
		ERR_NOT_FOUND);
	view.load = load_fails;
	assert_int_equal(tile_view_read(&view, (struct tile){ .width = 256 }, got), ERR_IO);
	assert_int_equal(tile_view_node(&view, 3, 0, got), ERR_IO);
}

static void proofs_of_this_and_of_older_trees_come_out_of_the_tiles(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 1000, 65535, 65536, 65537,
		LEAVES_MAX };
	struct tile_view view = view_of(builder);
	struct merkle_proof proof;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		uint64_t size = sizes[i];

		for (uint64_t index = 0; index < size; index += index + 300 < size ? 211 : 17) {
			assert_int_equal(merkle_prove_inclusion(MERKLE_SHA256, index, size,
						 tile_view_node, &view, &proof),
				ERR_OK);
			assert_true(merkle_verify_inclusion(MERKLE_SHA256, &leaves[index], index,
				size, proof.hashes, proof.hash_count, &roots[size]));
		}
		for (uint64_t old = 0; old <= size; old += old + 300 < size ? 211 : 17) {
			assert_int_equal(merkle_prove_consistency(MERKLE_SHA256, old, size,
						 tile_view_node, &view, &proof),
				ERR_OK);
			assert_true(merkle_verify_consistency(MERKLE_SHA256, old, &roots[old], size,
				&roots[size], proof.hashes, proof.hash_count));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_geometry_is_that_of_the_specification),
		cmocka_unit_test(a_tile_exists_as_far_as_its_hashes_do),
		cmocka_unit_test(a_tile_has_one_path_both_ways),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(a_path_that_is_read_is_the_one_that_is_printed),
		cmocka_unit_test(the_builder_has_the_root_of_the_tree_at_every_size),
		cmocka_unit_test(a_tile_is_full_every_256_hashes_of_its_level),
		cmocka_unit_test(a_resumed_builder_is_the_one_that_stopped),
		cmocka_unit_test(resuming_passes_on_what_the_store_says),
		cmocka_unit_test(every_node_is_handed_out_and_no_other),
		cmocka_unit_test(tiles_are_read_whole_in_part_and_not_beyond_the_tree),
		cmocka_unit_test(proofs_of_this_and_of_older_trees_come_out_of_the_tiles),
	};

	return cmocka_run_group_tests(tests, grow, drop);
}
