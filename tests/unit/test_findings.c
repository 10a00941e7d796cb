#include "cli/findings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The table of commands names their functions, of which none runs here. */
#define AS_STUB(id, name, words, min, max, summary) \
	int cli_##id(struct cli *cli)               \
	{                                           \
		(void)cli;                          \
		return 0;                           \
	}
CLI_COMMANDS(AS_STUB)
#undef AS_STUB

/* A row without a way to mend it would be a complaint. */
static void every_row_has_a_name_of_its_own_a_sentence_and_a_mend(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		assert_true(strlen(finding_name((enum finding)i)) > 0);
		assert_true(strlen(finding_name((enum finding)i)) <= 12); /* its column */
		assert_true(strlen(finding_what((enum finding)i)) > 10);
		assert_true(strlen(finding_mend((enum finding)i)) > 10);
		for (unsigned j = 0; j < i; j++) {
			assert_string_not_equal(
				finding_name((enum finding)i), finding_name((enum finding)j));
		}
	}
}

static void the_worst_finding_is_what_counts(void **state)
{
	static struct findings findings;

	(void)state;
	findings_begin(&findings, true);
	assert_int_equal(findings_worst(&findings), FINDING_IS_OK);
	findings_add(&findings, FINDING_NODE, FINDING_IS_OK, "one");
	assert_int_equal(findings_worst(&findings), FINDING_IS_OK);
	findings_add(&findings, FINDING_NODE, FINDING_IS_WEAKER, "two");
	assert_int_equal(findings_worst(&findings), FINDING_IS_WEAKER);
	findings_add(&findings, FINDING_NODE, FINDING_IS_UNKNOWN, "three");
	assert_int_equal(findings_worst(&findings), FINDING_IS_UNKNOWN);
	findings_add(&findings, FINDING_NODE, FINDING_IS_BAD, "four");
	findings_add(&findings, FINDING_NODE, FINDING_IS_OK, "five");
	assert_int_equal(findings_worst(&findings), FINDING_IS_BAD);
}

static void what_is_not_ok_goes_with_its_mend(void **state)
{
	static struct findings findings;

	(void)state;
	findings_begin(&findings, true);
	findings_add(&findings, FINDING_SWAP, FINDING_IS_OK, "a \"%s\"", "quote");
	findings_add(&findings, FINDING_SWAP, FINDING_IS_WEAKER, "b");
	findings_add_mend(&findings, FINDING_SWAP, FINDING_IS_BAD, "do that", "c");
	findings.bytes[findings.out.bytes_count] = '\0';
	assert_non_null(strstr((char *)findings.bytes,
		"{\"what\":\"swap\",\"result\":\"ok\",\"text\":\"a \\\"quote\\\"\"},"));
	assert_non_null(strstr((char *)findings.bytes, finding_mend(FINDING_SWAP)));
	assert_non_null(strstr(
		(char *)findings.bytes, "\"result\":\"bad\",\"text\":\"c\",\"mend\":\"do that\"}"));
}

static void findings_that_do_not_fit_are_no_report(void **state)
{
	static struct findings findings;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	findings_begin(&findings, true);
	for (size_t i = 0; i < FINDINGS_JSON_BYTES_MAX / sizeof text; i++) {
		findings_add(&findings, FINDING_OWNERS, FINDING_IS_OK, "%s", text);
	}
	assert_false(findings_end(&findings));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_a_name_of_its_own_a_sentence_and_a_mend),
		cmocka_unit_test(the_worst_finding_is_what_counts),
		cmocka_unit_test(what_is_not_ok_goes_with_its_mend),
		cmocka_unit_test(findings_that_do_not_fit_are_no_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
