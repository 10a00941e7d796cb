#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/edge/limiter.h"

#define SECOND INT64_C(1000000)

static unsigned take_all(struct limiter_bucket *bucket, int64_t now_us)
{
	unsigned taken = 0;

	while (taken < 1000 && limiter_bucket_take(bucket, now_us)) {
		taken++;
	}
	return taken;
}

static void a_bucket_holds_a_second_and_fills_in_one(void **state)
{
	struct limiter_bucket bucket;

	(void)state;
	limiter_bucket_init(&bucket, 10, 0);
	assert_int_equal(take_all(&bucket, 0), 10);
	assert_int_equal(take_all(&bucket, SECOND / 10 - 1), 0);
	assert_int_equal(take_all(&bucket, SECOND / 10), 1);
	assert_int_equal(take_all(&bucket, SECOND / 10 + SECOND / 2), 5);
	assert_int_equal(take_all(&bucket, 1000 * SECOND), 10);
}

/* Goal: a reload gives nobody a second for nothing, and takes no more than the limit says. */
static void another_limit_keeps_what_was_spent(void **state)
{
	struct limiter_bucket bucket;

	(void)state;
	limiter_bucket_init(&bucket, 10, 0);
	assert_true(limiter_bucket_take(&bucket, 0));
	assert_true(limiter_bucket_take(&bucket, 0));
	limiter_bucket_change(&bucket, 10, 0);
	assert_int_equal(take_all(&bucket, 0), 8);
	limiter_bucket_change(&bucket, 4, 0);
	assert_int_equal(take_all(&bucket, 0), 0);
	limiter_bucket_change(&bucket, 14, 0);
	assert_int_equal(take_all(&bucket, 0), 10);
	limiter_bucket_change(&bucket, 0, SECOND);
	assert_int_equal(take_all(&bucket, SECOND), 1000);
	limiter_bucket_change(&bucket, 3, SECOND);
	assert_int_equal(take_all(&bucket, SECOND), 3);
	assert_int_equal(take_all(&bucket, 2 * SECOND), 3);
}

static void zero_is_no_limit(void **state)
{
	struct limiter_bucket bucket;

	(void)state;
	limiter_bucket_init(&bucket, 0, 0);
	assert_int_equal(take_all(&bucket, 0), 1000);
}

static void a_clock_that_stands_still_or_jumps_adds_nothing_wrong(void **state)
{
	struct limiter_bucket bucket;

	(void)state;
	limiter_bucket_init(&bucket, 10000000, 5 * SECOND); /* the most that can be configured */
	for (unsigned i = 0; i < 10; i++) {
		assert_true(limiter_bucket_take(&bucket, INT64_MAX / 2));
	}
	assert_true(bucket.level_micro <= 10000000 * (uint64_t)SECOND);
	assert_true(limiter_bucket_take(&bucket, 0));
}

static void a_network_has_twenty_in_a_second_and_its_neighbour_its_own(void **state)
{
	static struct limiter_networks networks;

	(void)state;
	for (unsigned i = 0; i < LIMITER_401_PER_SECOND; i++) {
		assert_true(limiter_network_take(&networks, 1, 7));
	}
	assert_false(limiter_network_take(&networks, 1, 7 + SECOND - 1));
	assert_true(limiter_network_take(&networks, 2, 7));
	assert_true(limiter_network_take(&networks, 1, 7 + SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_holds_a_second_and_fills_in_one),
		cmocka_unit_test(another_limit_keeps_what_was_spent),
		cmocka_unit_test(zero_is_no_limit),
		cmocka_unit_test(a_clock_that_stands_still_or_jumps_adds_nothing_wrong),
		cmocka_unit_test(a_network_has_twenty_in_a_second_and_its_neighbour_its_own),
	};

	return cmocka_run_group_tests_name("edge limiter", tests, NULL, NULL);
}
