#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/limiter.h"

#define SECOND INT64_C(1000000)

static const struct limiter_rate ten = { .per_second = 10, .burst = 10 };

static unsigned take_all(struct limiter_bucket *bucket, struct limiter_rate rate, int64_t now_us)
{
	unsigned taken = 0;

	while (taken < 1000 && limiter_take(bucket, rate, now_us)) {
		taken++;
	}
	return taken;
}

static void a_bucket_holds_its_burst_and_fills_at_its_rate(void **state)
{
	struct limiter_bucket bucket = { 0 };

	(void)state;
	assert_int_equal(take_all(&bucket, ten, 0), 10);
	assert_int_equal(take_all(&bucket, ten, SECOND / 10 - 1), 0);
	assert_int_equal(take_all(&bucket, ten, SECOND / 10), 1);
	assert_int_equal(take_all(&bucket, ten, SECOND / 10 + SECOND / 2), 5);
	assert_int_equal(take_all(&bucket, ten, 1000 * SECOND), 10);
}

/* Goal: more at once than in a second, and less, are both what they say. */
static void a_burst_may_be_larger_or_smaller_than_a_second(void **state)
{
	const struct limiter_rate wide = { 10, 25 }, narrow = { 10, 2 };
	struct limiter_bucket bucket = { 0 };

	(void)state;
	assert_int_equal(take_all(&bucket, wide, 0), 25);
	assert_int_equal(take_all(&bucket, wide, SECOND), 10);
	assert_int_equal(take_all(&bucket, wide, 100 * SECOND), 25);
	bucket = (struct limiter_bucket){ 0 };
	assert_int_equal(take_all(&bucket, narrow, 0), 2);
	assert_int_equal(take_all(&bucket, narrow, SECOND), 2);
	assert_int_equal(take_all(&bucket, narrow, SECOND + SECOND / 10), 1);
}

/* Goal: a reload gives nobody a second for nothing, and takes no more than the limit says. */
static void another_limit_keeps_what_was_spent(void **state)
{
	struct limiter_bucket bucket = { 0 };

	(void)state;
	assert_true(limiter_take(&bucket, ten, 0));
	assert_true(limiter_take(&bucket, ten, 0));
	assert_int_equal(take_all(&bucket, ten, 0), 8);
	assert_int_equal(take_all(&bucket, (struct limiter_rate){ 4, 4 }, 0), 0);
	assert_int_equal(take_all(&bucket, (struct limiter_rate){ 14, 14 }, 0), 10);
	assert_int_equal(take_all(&bucket, (struct limiter_rate){ 0, 0 }, SECOND), 1000);
	assert_int_equal(take_all(&bucket, (struct limiter_rate){ 3, 3 }, 6 * SECOND), 3);
	assert_int_equal(take_all(&bucket, (struct limiter_rate){ 3, 3 }, 7 * SECOND), 3);
}

static void a_clock_that_stands_still_or_jumps_adds_nothing_wrong(void **state)
{
	const struct limiter_rate most = { LIMITER_RATE_MAX, LIMITER_RATE_MAX };
	struct limiter_bucket bucket = { .at_us = 5 * SECOND };

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		assert_true(limiter_take(&bucket, most, INT64_MAX / 2));
	}
	assert_int_equal(bucket.spent_micro, 10 * (uint64_t)SECOND);
	assert_true(limiter_take(&bucket, most, 0));
	assert_int_equal(bucket.spent_micro, 11 * (uint64_t)SECOND);
}

static void what_is_left_is_told_as_it_is(void **state)
{
	const struct limiter_rate rate = { 2, 5 };
	struct limiter_bucket bucket = { 0 };
	struct limiter_left left = limiter_left_of(&bucket, rate, 0);

	(void)state;
	assert_int_equal(left.limit, 2);
	assert_int_equal(left.remaining, 5);
	assert_int_equal(left.reset_s, 0);
	assert_int_equal(take_all(&bucket, rate, 0), 5);
	left = limiter_left_of(&bucket, rate, 0);
	assert_int_equal(left.remaining, 0);
	assert_int_equal(left.reset_s, 3); /* 2.5, and no client comes too early */
	left = limiter_left_of(&bucket, rate, SECOND / 2);
	assert_int_equal(left.remaining, 1);
	assert_int_equal(left.reset_s, 2);
	assert_int_equal(limiter_left_of(&bucket, (struct limiter_rate){ 0, 0 }, 0).limit, 0);
}

static void shares_add_up_to_the_limit_and_are_never_nothing(void **state)
{
	struct limiter_rate share = limiter_share(1000, 2000, 4);

	(void)state;
	assert_int_equal(share.per_second, 250);
	assert_int_equal(share.burst, 500);
	share = limiter_share(1, 0, 16);
	assert_int_equal(share.per_second, 1);
	assert_int_equal(share.burst, 1);
	assert_int_equal(limiter_share(0, 7, 3).per_second, 0);
}

/* --- the table --- */

static struct limiter_table table;

static struct limiter_entry *find(uint64_t number, int64_t now_us)
{
	return limiter_find(
		&table, (struct slice){ (const uint8_t *)&number, sizeof number }, now_us);
}

static int set_up(void **state)
{
	(void)state;
	memset(&table, 0, sizeof table);
	return 0;
}

static void each_has_buckets_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(take_all(&find(1, 0)->requests, ten, 0), 10);
	assert_int_equal(take_all(&find(1, 0)->failures, ten, 0), 10);
	assert_int_equal(take_all(&find(2, 0)->requests, ten, 0), 10);
	assert_int_equal(take_all(&find(1, 0)->requests, ten, 0), 0);
	assert_ptr_equal(find(1, 5), find(1, 6));
}

/* Goal: however many come, those that are there are forgotten only when they were idle longest. */
static void whoever_was_idle_longest_makes_room(void **state)
{
	(void)state;
	(void)find(0, 1);
	for (uint64_t other = 1; other < 100 * LIMITER_ENTRIES; other++) {
		(void)find(other, (int64_t)other + 1);
		if (other % 4 == 0) { /* it comes again, before its set is full of others */
			struct limiter_entry *mine = find(0, (int64_t)other + 1);
			mine->requests.spent_micro++;
		}
	}
	assert_int_equal(find(0, INT64_MAX)->requests.spent_micro, 100 * LIMITER_ENTRIES / 4 - 1);
}

/* Goal: who has connections is never forgotten; who then finds no place shares one. */
static void who_has_connections_stays(void **state)
{
	uint64_t placed = 0, crowded = 0;

	(void)state;
	for (uint64_t number = 0; number < 2 * LIMITER_ENTRIES; number++) {
		struct limiter_entry *entry = find(number, (int64_t)number);

		entry->conns++;
		if (entry == &table.crowd) {
			crowded++;
		} else {
			placed++;
			assert_int_equal(entry->conns, 1);
		}
	}
	assert_int_equal(placed + crowded, 2 * LIMITER_ENTRIES);
	assert_int_equal(table.crowd.conns, crowded);
	assert_in_range(placed, LIMITER_ENTRIES / 2, LIMITER_ENTRIES);
	for (uint64_t number = 0; number < 2 * LIMITER_ENTRIES; number++) {
		assert_true(find(number, INT64_MAX)->conns > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_holds_its_burst_and_fills_at_its_rate),
		cmocka_unit_test(a_burst_may_be_larger_or_smaller_than_a_second),
		cmocka_unit_test(another_limit_keeps_what_was_spent),
		cmocka_unit_test(a_clock_that_stands_still_or_jumps_adds_nothing_wrong),
		cmocka_unit_test(what_is_left_is_told_as_it_is),
		cmocka_unit_test(shares_add_up_to_the_limit_and_are_never_nothing),
		cmocka_unit_test_setup(each_has_buckets_of_its_own, set_up),
		cmocka_unit_test_setup(whoever_was_idle_longest_makes_room, set_up),
		cmocka_unit_test_setup(who_has_connections_stays, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
