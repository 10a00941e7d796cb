#include "supervisor/advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct slice text(const char *reasons)
{
	return (struct slice){ (const uint8_t *)reasons, strlen(reasons) };
}

/* Takes one off and holds it against what it should be. */
static void expect(struct slice *rest, const char *reason, enum degraded kind)
{
	struct slice got;
	enum degraded found;

	assert_true(advice_next(rest, &got, &found));
	assert_int_equal(found, kind);
	assert_int_equal(got.bytes_count, strlen(reason));
	assert_memory_equal(got.bytes, reason, got.bytes_count);
}

static void expect_end(struct slice *rest)
{
	struct slice got;
	enum degraded found;

	assert_false(advice_next(rest, &got, &found));
}

/* The table is all that readiness.c, archive and the rewarder name. */
static void every_reason_has_a_next_step_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DEGRADED_COUNT; i++) {
		enum degraded kind = (enum degraded)i;
		const char *begin = degraded_name(kind), *next = advice_text(kind);
		char reasons[256], with_role[64];
		struct slice rest;

		(void)snprintf(reasons, sizeof reasons, "%s; %skms; draining", begin, begin);
		rest = text(reasons);
		expect(&rest, begin, kind);
		(void)snprintf(with_role, sizeof with_role, "%skms", begin);
		expect(&rest, with_role, kind);
		expect(&rest, "draining", DEGRADED_DRAINING);
		expect_end(&rest);
		assert_true(strlen(next) > 20 && next[strlen(next) - 1] != '.');
		for (unsigned other = 0; other < i; other++) {
			assert_string_not_equal(next, advice_text((enum degraded)other));
		}
	}
}

static void a_sentence_may_hold_what_divides_reasons(void **state)
{
	struct slice rest = text("safe_mode:one; two; starting:kms");

	(void)state;
	expect(&rest, "safe_mode:one", DEGRADED_SAFE_MODE);
	expect(&rest, "starting:kms", DEGRADED_STARTING);
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
		cmocka_unit_test(every_reason_has_a_next_step_of_its_own),
		cmocka_unit_test(a_sentence_may_hold_what_divides_reasons),
		cmocka_unit_test(no_reason_has_no_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
