#include "supervisor/advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct slice text(const char *reasons)
{
	return (struct slice){ (const uint8_t *)reasons, strlen(reasons) };
}

/* Takes one off and holds it against what it should be. */
static void expect(struct slice *rest, const char *reason, enum advice advice)
{
	struct slice got;
	enum advice found;

	assert_true(advice_next(rest, &got, &found));
	assert_int_equal(found, advice);
	assert_int_equal(got.bytes_count, strlen(reason));
	assert_memory_equal(got.bytes, reason, got.bytes_count);
}

static void expect_end(struct slice *rest)
{
	struct slice got;
	enum advice found;

	assert_false(advice_next(rest, &got, &found));
}

static void every_kind_of_reason_has_a_next_step(void **state)
{
	struct slice rest = text("draining; safe_mode:a sentence; starting:kms; restarting:wallet; "
				 "committer_lag; crashing:archive; objects_unwritable; "
				 "disk_pressure:rewarder");

	(void)state;
	expect(&rest, "draining", ADVICE_DRAINING);
	expect(&rest, "safe_mode:a sentence", ADVICE_SAFE_MODE);
	expect(&rest, "starting:kms", ADVICE_STARTING);
	expect(&rest, "restarting:wallet", ADVICE_RESTARTING);
	expect(&rest, "committer_lag", ADVICE_LAG);
	expect(&rest, "crashing:archive", ADVICE_CRASHING);
	expect(&rest, "objects_unwritable", ADVICE_OBJECTS);
	expect(&rest, "disk_pressure:rewarder", ADVICE_REWARDER_DISK);
	expect_end(&rest);
	for (unsigned i = 0; i < ADVICE_COUNT; i++) {
		assert_true(strlen(advice_text((enum advice)i)) > 20);
	}
}

static void a_sentence_may_hold_what_divides_reasons(void **state)
{
	struct slice rest = text("safe_mode:one; two; starting:kms");

	(void)state;
	expect(&rest, "safe_mode:one", ADVICE_SAFE_MODE);
	expect(&rest, "starting:kms", ADVICE_STARTING);
	expect_end(&rest);
}

static void no_reason_has_no_advice(void **state)
{
	static const char *const none[] = { "", "; ", "starting", "unheard of; of both" };

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		struct slice rest = text(none[i]);

		expect_end(&rest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_reason_has_a_next_step),
		cmocka_unit_test(a_sentence_may_hold_what_divides_reasons),
		cmocka_unit_test(no_reason_has_no_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
