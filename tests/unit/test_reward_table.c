#include "cli/reward_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/reward_buffer.h"

static struct reward_table table;

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static bool read_table(const char *metrics, const char *csv)
{
	if (!reward_table_init(&table, metrics)) {
		return false;
	}
	table.actor_column = "who";
	table.category_column = strstr(csv, "what") != NULL ? "what" : NULL;
	return reward_table_read(&table, slice_of(csv));
}

static void assert_snapshot(const char *expected)
{
	struct reward_buffer kept = { 0 };
	struct reward_text out;

	reward_text_begin(&out, reward_buffer_put, &kept);
	reward_table_write(&table, slice_of("acme"), slice_of("2026-11-01"), &out);
	reward_text_end(&out);
	assert_false(kept.failed);
	assert_int_equal(kept.bytes_count, strlen(expected));
	assert_memory_equal(kept.bytes, expected, kept.bytes_count);
	reward_buffer_free(&kept);
	reward_table_free(&table);
}

static void rows_and_metrics_are_put_into_their_order(void **state)
{
	(void)state;
	assert_true(
		read_table("views,likes", "likes,who,what,views\n1,bob,b,2\n3,bob,a,4\n5,al,,6\n"));
	assert_snapshot(
		"{\"actors\":2,\"epoch_id\":\"2026-11-01\",\"events\":3,"
		"\"kind\":\"ron.accounting.snapshot\",\"rows\":["
		"{\"actor\":\"al\",\"category\":\"\",\"counts\":{\"likes\":\"5\",\"views\":\"6\"}},"
		"{\"actor\":\"bob\",\"category\":\"a\",\"counts\":{\"likes\":\"3\",\"views\":\"4\"}"
		"},"
		"{\"actor\":\"bob\",\"category\":\"b\",\"counts\":{\"likes\":\"1\",\"views\":\"2\"}"
		"}],"
		"\"tenant\":\"acme\",\"v\":1}");
}

static void a_metric_may_have_another_name_than_its_column(void **state)
{
	(void)state;
	assert_true(read_table("z=Total Views,a=who", "who,Total Views\n7,8\n"));
	assert_snapshot("{\"actors\":1,\"epoch_id\":\"2026-11-01\",\"events\":1,"
			"\"kind\":\"ron.accounting.snapshot\",\"rows\":["
			"{\"actor\":\"7\",\"category\":\"\",\"counts\":{\"a\":\"7\",\"z\":\"8\"}}],"
			"\"tenant\":\"acme\",\"v\":1}");
}

static void a_file_without_rows_is_an_epoch_in_which_nothing_happened(void **state)
{
	(void)state;
	assert_true(read_table("m", "who,m\n"));
	assert_snapshot(
		"{\"actors\":0,\"epoch_id\":\"2026-11-01\",\"events\":0,"
		"\"kind\":\"ron.accounting.snapshot\",\"rows\":[],\"tenant\":\"acme\",\"v\":1}");
}

static void each_mistake_has_its_line(void **state)
{
	static const struct {
		const char *csv;
		uint64_t line;
		const char *error;
	} rows[] = {
		{ "", 1, "empty" },
		{ "who\n", 1, "no column 'm'" },
		{ "m\n", 1, "no column 'who'" },
		{ "who,m,m\n", 1, "column 'm' is there twice" },
		{ "who,m\na,1\n\n", 3, "an empty line" },
		{ "who,m\na,1\nb,x\n", 3, "column 'm': expected a count" },
		{ "who,m\n\"a\na\",1\n", 2, "expected an actor" },
		{ "who,m\na,1\nb,1\na,2\n", 4, "already, in line 2" },
		{ "who,m,what\na,1,x\na,1,y\na,1,x\n", 4, "one row a category" },
		{ "who,m,what\na,1,X\n", 2, "column 'what': expected a category" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_false(read_table("m", rows[i].csv));
		assert_int_equal(table.line_bad, rows[i].line);
		assert_non_null(strstr(table.error, rows[i].error));
		reward_table_free(&table);
	}
}

static void lists_of_metrics_that_make_no_sense_are_refused(void **state)
{
	static const char *const lists[] = { "", ",", "a,", ",a", "a,a", "A", "a b", "=a", "b,a,b",
		"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		assert_false(reward_table_init(&table, lists[i]));
		assert_true(table.error[0] != '\0');
	}
	assert_true(reward_table_init(&table, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p"));
	assert_int_equal(table.metric_count, REWARD_METRICS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_and_metrics_are_put_into_their_order),
		cmocka_unit_test(a_metric_may_have_another_name_than_its_column),
		cmocka_unit_test(a_file_without_rows_is_an_epoch_in_which_nothing_happened),
		cmocka_unit_test(each_mistake_has_its_line),
		cmocka_unit_test(lists_of_metrics_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
