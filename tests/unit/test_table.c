#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/segments.h"
#include "core/table.h"

static size_t taken_bytes;
static size_t taken_bytes_max;

static void *take(void *owner, size_t bytes)
{
	(void)owner;
	if (taken_bytes + bytes > taken_bytes_max) {
		return NULL;
	}
	taken_bytes += bytes;
	return calloc(1, bytes);
}

static void give(void *owner, void *region, size_t bytes)
{
	(void)owner;
	taken_bytes -= bytes;
	free(region);
}

static const struct memory memory = { .take = take, .give = give };

static int setup(void **state)
{
	(void)state;
	taken_bytes_max = SIZE_MAX / 2;
	return 0;
}

static void add(struct table *table, uint64_t key, uint64_t value)
{
	assert_true(table_reserve(table, 1));
	table_insert(table, key, value);
}

/* How often a pair is found. */
static unsigned found(const struct table *table, uint64_t key, uint64_t value)
{
	struct table_scan scan = table_find(table, key);
	unsigned count = 0;
	uint64_t got;

	while (table_next(&scan, &got)) {
		count += got == value ? 1 : 0;
	}
	return count;
}

static void an_empty_table_finds_nothing(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, &memory);
	assert_int_equal(found(&table, 1, 1), 0);
	assert_false(table_remove(&table, 1, 1));
	table_prefetch(&table, 1);
	table_finish(&table);
}

/* Goal: at every size, so also in the middle of every growth, all that is in is found once. */
static void every_pair_is_found_once_at_every_size(void **state)
{
	struct table table;
	const uint64_t count = 60000;

	(void)state;
	table_init(&table, &memory);
	for (uint64_t i = 1; i <= count; i++) {
		uint64_t probe = 1 + (i * 7919) % i;

		add(&table, i * 3, i);
		assert_int_equal(found(&table, i * 3, i), 1);
		assert_int_equal(found(&table, probe * 3, probe), 1);
		assert_int_equal(found(&table, i * 3 + 1, i), 0);
	}
	for (uint64_t i = 1; i <= count; i++) {
		assert_int_equal(found(&table, i * 3, i), 1);
	}
	assert_true(table.count == count);
	table_finish(&table);
	assert_true(taken_bytes == 0);
}

static void a_key_may_have_many_values(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, &memory);
	for (uint64_t i = 1; i <= 9000; i++) {
		add(&table, i % 8, i);
	}
	for (uint64_t i = 1; i <= 9000; i += 500) {
		assert_int_equal(found(&table, i % 8, i), 1);
	}
	assert_true(table_remove(&table, 501 % 8, 501));
	assert_false(table_remove(&table, 501 % 8, 501));
	assert_int_equal(found(&table, 501 % 8, 501), 0);
	table_finish(&table);
}

/* Goal: what comes and goes does not make it grow for ever. */
static void removed_places_are_used_again(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, &memory);
	for (uint64_t i = 1; i <= 300000; i++) {
		add(&table, i, i);
		if (i > 1000) {
			assert_true(table_remove(&table, i - 1000, i - 1000));
		}
	}
	assert_true(table.count == 1000);
	assert_true(taken_bytes <= 4 * TABLE_SLOTS_MIN * sizeof(struct table_slot));
	assert_int_equal(found(&table, 300000, 300000), 1);
	table_finish(&table);
}

/* Goal: no insert pays for a whole growth. */
static void growth_is_spread_over_inserts(void **state)
{
	struct table table;
	bool was_growing = false;

	(void)state;
	table_init(&table, &memory);
	for (uint64_t i = 1; i <= 200000; i++) {
		uint64_t moved_before = table.old_next;
		bool grows_already = table.old.slots != NULL;

		add(&table, i, i);
		was_growing = was_growing || table.old.slots != NULL;
		if (grows_already && table.old.slots != NULL) {
			assert_true(table.old_next - moved_before <= 8);
		}
	}
	assert_true(was_growing);
	table_finish(&table);
}

static void without_memory_it_says_so_and_keeps_what_it_has(void **state)
{
	struct table table;
	uint64_t count = 0;

	(void)state;
	table_init(&table, &memory);
	taken_bytes_max = TABLE_SLOTS_MIN * sizeof(struct table_slot);
	while (table_reserve(&table, 1)) {
		count++;
		table_insert(&table, count, count);
	}
	assert_true(count > TABLE_SLOTS_MIN / 2 && count < TABLE_SLOTS_MIN);
	for (uint64_t i = 1; i <= count; i++) {
		assert_int_equal(found(&table, i, i), 1);
	}
	table_finish(&table);
}

static void a_large_reservation_holds(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, &memory);
	add(&table, 1, 1);
	assert_true(table_reserve(&table, 50000));
	taken_bytes_max = 0;
	for (uint64_t i = 2; i <= 50001; i++) {
		table_insert(&table, i, i);
	}
	assert_int_equal(found(&table, 1, 1), 1);
	table_finish(&table);
}

static void segments_never_move_and_start_as_zeros(void **state)
{
	struct segments *segments = calloc(1, sizeof *segments);
	uint64_t *first;

	(void)state;
	assert_non_null(segments);
	segments_init(segments, &memory, sizeof(uint64_t));
	assert_true(segments_reserve(segments, 1));
	first = segments_at(segments, 0);
	*first = 5;
	assert_true(segments_reserve(segments, 3 * SEGMENTS_PIECE + 1));
	assert_ptr_equal(segments_at(segments, 0), first);
	assert_true(*(uint64_t *)segments_at(segments, 3 * SEGMENTS_PIECE) == 0);
	assert_false(segments_reserve(segments, (uint64_t)SEGMENTS_ITEMS_MAX + 1));
	segments_finish(segments);
	assert_true(taken_bytes == 0);
	free(segments);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_table_finds_nothing, setup),
		cmocka_unit_test_setup(every_pair_is_found_once_at_every_size, setup),
		cmocka_unit_test_setup(a_key_may_have_many_values, setup),
		cmocka_unit_test_setup(removed_places_are_used_again, setup),
		cmocka_unit_test_setup(growth_is_spread_over_inserts, setup),
		cmocka_unit_test_setup(without_memory_it_says_so_and_keeps_what_it_has, setup),
		cmocka_unit_test_setup(a_large_reservation_holds, setup),
		cmocka_unit_test_setup(segments_never_move_and_start_as_zeros, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
