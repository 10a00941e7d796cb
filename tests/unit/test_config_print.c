#include "common/config_print.h"
#include "tests/skip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config_load load;

static bool apply_file(const char *text)
{
	struct slice slice = { .bytes = (const uint8_t *)text, .bytes_count = strlen(text) };

	return config_apply_file(&load, slice, "test.toml");
}

static const char busy_file[] =
	"[node]\nname='n/1'\ndata_dir='/d'\nrun_dir='/r'\ndrain_timeout='1s'\n"
	"[api]\nbind_addr='[::1]:1'\nhost_names=['a.b','c']\n[uds]\nallow_uids=[0,4294967294]\n"
	"[wallet]\nmax_amount_per_op='8'\ndaily_ceiling='900'\nmax_account_total='1_000'\n"
	"idempotency_ttl='2h'\nidem_capacity=2048\n[log]\nlevel='debug'\n[sandbox]\nrequire=true\n"
	"[engine]\nhash='blake3'\ndisk_reserve='3GiB'\n";

static void all_mistakes_of_a_file_are_listed_up_to_a_bound(void **state)
{
	char file[4096] = "[api]\n", *printed = NULL;
	size_t printed_bytes = 0;
	FILE *out;

	(void)state;
	for (unsigned i = 0; i < CONFIG_PROBLEMS_MAX + 5; i++) {
		(void)snprintf(file + strlen(file), sizeof file - strlen(file), "x%u = 1\n", i);
	}
	config_init(&load);
	assert_false(apply_file(file));
	assert_int_equal(load.problems_count, CONFIG_PROBLEMS_MAX + 5);
	out = open_memstream(&printed, &printed_bytes);
	assert_non_null(out);
	config_print_problems(out, &load);
	(void)fclose(out);
	assert_non_null(strstr(printed, "test.toml:2:1: there is no key api.x0"));
	assert_non_null(strstr(printed, "and 5 more"));
	free(printed);
}

static char *print(void (*printer)(FILE *))
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	if (printer != NULL) {
		printer(out);
	} else {
		config_print_values(out, &load);
	}
	(void)fclose(out);
	return text;
}

static void what_is_printed_reads_back_as_the_same(void **state)
{
	static struct config_load first;
	char log[] = "RON_LOG=error", *environment[] = { log, NULL };
	char *text;

	(void)state;
	config_init(&load);
	assert_true(apply_file(busy_file));
	assert_true(config_apply_flag(&load, "uds.group", "a\"\\b"));
	assert_true(config_apply_env(&load, environment));
	text = print(NULL);
	assert_non_null(strstr(text, "host_names = [\"a.b\", \"c\"] # test.toml:8:12\n"));
	assert_non_null(strstr(text, "level = \"error\" # environment RON_LOG\n"));
	assert_non_null(strstr(text, "group = \"a\\\"\\\\b\" # flag uds.group\n"));
	assert_non_null(strstr(text, "ts_skew = \"24h\" # default\n"));
	first = load;
	config_init(&load);
	assert_true(apply_file(text));
	for (unsigned id = 0; id < CONFIG_KEY_COUNT; id++) {
		assert_false(
			config_key_differs((enum config_key_id)id, &load.config, &first.config));
	}
	free(text);
}

static void the_example_sets_what_the_package_sets(void **state)
{
	char *text = print(config_print_example);

	(void)state;
	config_init(&load);
	assert_true(apply_file(text));
	assert_true(config_check(&load));
	assert_int_equal(load.config.limits_rps, 1000);
	assert_true(load.config.sandbox_require);
	for (unsigned id = 0; id < CONFIG_KEY_COUNT; id++) {
		bool packaged = id == CONFIG_KEY_limits_rps || id == CONFIG_KEY_sandbox_require;

		assert_int_equal(
			load.sources[id].rank, packaged ? CONFIG_FROM_FILE : CONFIG_FROM_DEFAULT);
	}
	free(text);
}

/* Goal: with every comment mark of a key taken away, the example is a file of all defaults. */
static void the_example_names_every_key_with_its_default(void **state)
{
	char *text = print(config_print_example);

	(void)state;
	for (char *at = text; (at = strstr(at, "\n#")) != NULL; at++) {
		if (at[2] != ' ') {
			at[1] = ' ';
		}
	}
	config_init(&load);
	if (!apply_file(text)) {
		fail_msg("%s: %s", load.problems[0].where, load.problems[0].text);
	}
	for (unsigned id = 0; id < CONFIG_KEY_COUNT; id++) {
		assert_int_equal(load.sources[id].rank, CONFIG_FROM_FILE);
	}
	free(text);
}

/* Goal: the file in the tree is the one that the table makes. MACRONODE_ACCEPT=1 writes it. */
static void the_example_in_the_tree_is_the_tables(void **state)
{
	const char *path = getenv("MACRONODE_EXAMPLE");
	char *text = print(config_print_example), *kept = calloc(1, 65536);
	FILE *file;

	(void)state;
	if (path == NULL) {
		free(kept);
		free(text);
		SKIP_ALOUD("no example file named");
	}
	file = fopen(path, getenv("MACRONODE_ACCEPT") != NULL ? "w+" : "r");
	assert_non_null(file);
	assert_non_null(kept);
	if (getenv("MACRONODE_ACCEPT") != NULL) {
		(void)fputs(text, file);
		rewind(file);
	}
	assert_true(fread(kept, 1, 65535, file) > 0);
	(void)fclose(file);
	assert_string_equal(kept, text);
	free(kept);
	free(text);
}

static void the_manual_has_an_item_for_each_key(void **state)
{
	char *text = print(config_print_man);

	(void)state;
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		char item[128];

		(void)snprintf(
			item, sizeof item, ".It Ic %s\n", config_key_name((enum config_key_id)id));
		assert_non_null(strstr(text, item));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_mistakes_of_a_file_are_listed_up_to_a_bound),
		cmocka_unit_test(what_is_printed_reads_back_as_the_same),
		cmocka_unit_test(the_example_sets_what_the_package_sets),
		cmocka_unit_test(the_example_names_every_key_with_its_default),
		cmocka_unit_test(the_example_in_the_tree_is_the_tables),
		cmocka_unit_test(the_manual_has_an_item_for_each_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
