#include "supervisor/deaths.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct deaths_waits waits = { .min_ms = 100, .max_ms = 500, .cap_ms = 5000 };

static struct instant at_ms(int64_t ms)
{
	return (struct instant){ ms * 1000 };
}

static void the_first_restart_is_at_once(void **state)
{
	(void)state;
	assert_int_equal(deaths_wait_ms(0, &waits, 77), 0);
	assert_int_equal(deaths_wait_ms(1, &waits, 77), 0);
}

static void later_ones_wait_between_min_and_max_doubled(void **state)
{
	(void)state;
	for (size_t recent = 2; recent <= DEATHS_IN_WINDOW_MAX; recent++) {
		int64_t factor = (int64_t)1 << (recent - 2);
		assert_int_equal(deaths_wait_ms(recent, &waits, 0), 100 * factor);
		assert_int_equal(deaths_wait_ms(recent, &waits, 400), 500 * factor);
		assert_int_equal(deaths_wait_ms(recent, &waits, 401), 100 * factor);
		assert_int_equal(deaths_wait_ms(recent, &waits, 37), 137 * factor);
	}
}

static void no_wait_is_above_the_cap(void **state)
{
	const struct deaths_waits low = { .min_ms = 100, .max_ms = 500, .cap_ms = 150 };

	(void)state;
	for (size_t recent = 2; recent <= DEATHS_IN_WINDOW_MAX + 1; recent++) {
		for (uint64_t random = 0; random <= 400; random++) {
			assert_true(deaths_wait_ms(recent, &low, random) <= 150);
		}
	}
}

static void too_many_deaths_wait_the_cap_itself(void **state)
{
	(void)state;
	assert_int_equal(deaths_wait_ms(DEATHS_IN_WINDOW_MAX + 1, &waits, 0), 5000);
	assert_int_equal(deaths_wait_ms(DEATHS_IN_WINDOW_MAX + 1, &waits, UINT64_MAX), 5000);
}

static void min_equal_to_max_leaves_nothing_to_draw(void **state)
{
	const struct deaths_waits even = { .min_ms = 7, .max_ms = 7, .cap_ms = 5000 };

	(void)state;
	assert_int_equal(deaths_wait_ms(2, &even, UINT64_MAX), 7);
}

/* The largest values that the table of keys lets through. */
static void the_largest_keys_do_not_overflow(void **state)
{
	const struct deaths_waits large = { .min_ms = 60000, .max_ms = 60000, .cap_ms = 600000 };

	(void)state;
	assert_int_equal(deaths_wait_ms(5, &large, UINT64_MAX), 480000);
}

static void deaths_are_forgotten_after_a_minute(void **state)
{
	struct deaths deaths = { .count = 0 };

	(void)state;
	assert_int_equal(deaths_recent(&deaths, at_ms(0)), 0);
	deaths_add(&deaths, at_ms(0));
	deaths_add(&deaths, at_ms(1000));
	assert_int_equal(deaths_recent(&deaths, at_ms(1000)), 2);
	assert_int_equal(deaths_recent(&deaths, at_ms(59999)), 2);
	assert_int_equal(deaths_recent(&deaths, at_ms(60000)), 1);
	assert_int_equal(deaths_recent(&deaths, at_ms(60999)), 1);
	assert_int_equal(deaths_recent(&deaths, at_ms(61000)), 0);
}

static void the_sixth_death_in_a_minute_is_one_too_many(void **state)
{
	struct deaths deaths = { .count = 0 };

	(void)state;
	for (int64_t i = 0; i < 5; i++) {
		deaths_add(&deaths, at_ms(i * 1000));
		assert_false(deaths_too_many(&deaths, at_ms(i * 1000)));
	}
	deaths_add(&deaths, at_ms(59999));
	assert_true(deaths_too_many(&deaths, at_ms(59999)));
	assert_false(deaths_too_many(&deaths, at_ms(60000)));
}

static void a_hundred_deaths_keep_the_newest(void **state)
{
	struct deaths deaths = { .count = 0 };

	(void)state;
	for (int64_t i = 0; i < 100; i++) {
		deaths_add(&deaths, at_ms(i));
	}
	assert_int_equal(deaths.count, DEATHS_IN_WINDOW_MAX + 1);
	assert_int_equal(deaths.newest_first[0].monotonic_us, at_ms(99).monotonic_us);
	assert_int_equal(
		deaths.newest_first[DEATHS_IN_WINDOW_MAX].monotonic_us, at_ms(94).monotonic_us);
}

static void a_death_says_what_it_was(void **state)
{
	char text[64];

	(void)state;
	deaths_describe(0, text, sizeof text);
	assert_string_equal(text, "exit 0");
	deaths_describe(127 << 8, text, sizeof text);
	assert_string_equal(text, "exit 127");
	deaths_describe(SIGKILL, text, sizeof text);
	assert_string_equal(text, "signal 9 (KILL)");
	deaths_describe(SIGSYS, text, sizeof text);
	assert_string_equal(text, "signal 31 (SYS), a forbidden syscall");
	deaths_describe(SIGSYS | 0x80, text, sizeof text); /* with a core */
	assert_string_equal(text, "signal 31 (SYS), a forbidden syscall");
	deaths_describe(40, text, sizeof text);
	assert_string_equal(text, "signal 40 (?)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_restart_is_at_once),
		cmocka_unit_test(later_ones_wait_between_min_and_max_doubled),
		cmocka_unit_test(no_wait_is_above_the_cap),
		cmocka_unit_test(too_many_deaths_wait_the_cap_itself),
		cmocka_unit_test(min_equal_to_max_leaves_nothing_to_draw),
		cmocka_unit_test(the_largest_keys_do_not_overflow),
		cmocka_unit_test(deaths_are_forgotten_after_a_minute),
		cmocka_unit_test(the_sixth_death_in_a_minute_is_one_too_many),
		cmocka_unit_test(a_hundred_deaths_keep_the_newest),
		cmocka_unit_test(a_death_says_what_it_was),
	};

	return cmocka_run_group_tests_name("deaths", tests, NULL, NULL);
}
