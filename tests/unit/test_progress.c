#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_line_says_how_far_how_fast_and_how_long(void **state)
{
	static const struct {
		uint64_t done, total;
		int64_t us;
		const char *line;
	} cases[] = {
		{ 250000, 1000000, 1000000,
			"verified 250000 of 1000000 entries (25 %), 250000/s, 3 s left" },
		{ 1000000, 1000000, 4000000,
			"verified 1000000 of 1000000 entries (100 %), 250000/s, 0 s left" },
		{ 10, 1000000, 1000, "verified 10 of 1000000 entries (0 %)" }, /* no rate yet */
		{ 0, 1000000, 5000000, "verified 0 of 1000000 entries (0 %)" },
		{ 0, 0, 5000000, "verified 0 of 0 entries (100 %)" },
		{ 7, 5, 1000000, "verified 7 of 5 entries (140 %), 7/s, 0 s left" },
	};
	const struct progress progress = { .doing = "verified", .unit = "entries" };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char line[PROGRESS_LINE_BYTES];

		progress_line(&progress, cases[i].done, cases[i].total, cases[i].us, line);
		assert_string_equal(line, cases[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_how_far_how_fast_and_how_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
