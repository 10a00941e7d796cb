#include "common/config_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Every key at each edge of its bounds, from every source. */

static struct config_load load;

static bool apply_file(const char *text)
{
	struct slice slice = { .bytes = (const uint8_t *)text, .bytes_count = strlen(text) };

	return config_apply_file(&load, slice, "test.toml");
}

/* The value in the file: quoted unless its type is a number, a switch or a list. */
static bool set_in_file(const struct config_key *key, const char *text)
{
	static char file[3 * CONFIG_VALUE_TEXT_BYTES_MAX];
	size_t section = strcspn(key->name, ".");
	bool bare = key->type == CONFIG_NUMBER || key->type == CONFIG_SWITCH ||
		    key->type == CONFIG_RATIO;
	const char *quote = bare ? "" : "\"";
	size_t used = (size_t)snprintf(file, sizeof file, "[%.*s]\n%s = ", (int)section, key->name,
		key->name + section + 1);

	if (key->type != CONFIG_NUMBERS && key->type != CONFIG_TEXTS &&
		key->type != CONFIG_SIGNERS) {
		(void)snprintf(file + used, sizeof file - used, "%s%s%s\n", quote, text, quote);
		return apply_file(file);
	}
	quote = key->type == CONFIG_NUMBERS ? "" : "\"";
	used += (size_t)snprintf(file + used, sizeof file - used, "[%s", text[0] ? quote : "");
	for (; *text != '\0'; text++) {
		used += (size_t)(*text == ','
					 ? snprintf(file + used, sizeof file - used, "%s, %s",
						   quote, quote)
					 : snprintf(file + used, sizeof file - used, "%c", *text));
	}
	(void)snprintf(
		file + used, sizeof file - used, "%s]\n", file[used - 1] == '[' ? "" : quote);
	return apply_file(file);
}

static bool set_in_env(size_t id, const char *text)
{
	static char variable[CONFIG_VALUE_TEXT_BYTES_MAX + CONFIG_ENV_NAME_BYTES_MAX + 1];
	char name[CONFIG_ENV_NAME_BYTES_MAX];
	char *environment[] = { variable, NULL };

	config_key_env_name(id, name);
	(void)snprintf(variable, sizeof variable, "%s=%s", name, text);
	return config_apply_env(&load, environment);
}

static bool set_from(size_t id, enum config_rank rank, const char *text)
{
	config_init(&load);
	switch (rank) {
	case CONFIG_FROM_FILE:
		return set_in_file(config_key_at(id), text);
	case CONFIG_FROM_ENV:
		return set_in_env(id, text);
	case CONFIG_FROM_FLAG:
		return config_apply_flag(&load, config_key_at(id)->name, text);
	case CONFIG_FROM_DEFAULT:
		break;
	}
	fail();
	return false;
}

static void expect_from_everywhere(size_t id, const char *text, bool good)
{
	for (unsigned rank = CONFIG_FROM_FILE; rank <= CONFIG_FROM_FLAG; rank++) {
		char got[CONFIG_VALUE_TEXT_BYTES_MAX];
		union config_value value;

		if (set_from(id, (enum config_rank)rank, text) != good) {
			fail_msg("%s = %.60s from source %u: %s", config_key_at(id)->name, text,
				rank, good ? load.problems[0].text : "was accepted");
		}
		if (!good) {
			assert_int_equal(load.problems_count, 1);
			assert_int_equal(load.sources[id].rank, CONFIG_FROM_DEFAULT);
			continue;
		}
		assert_int_equal(load.sources[id].rank, rank);
		config_value_get(config_key_at(id), &load.config, &value);
		config_value_print(config_key_at(id), &value, got);
		assert_true(set_from(id, (enum config_rank)rank, got)); /* canonical again */
	}
}

static void expect_number(size_t id, uint64_t number, const char *unit, bool good)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%ju%s", (uintmax_t)number, unit);
	expect_from_everywhere(id, text, good);
}

static void expect_number_bounds(size_t id, const char *unit)
{
	const struct config_key *key = config_key_at(id);

	expect_number(id, key->min, unit, true);
	expect_number(id, key->max, unit, true);
	expect_number(id, key->max + 1, unit, false);
	if (key->min > 0) {
		expect_number(id, key->min - 1, unit, false);
	}
	if (key->type != CONFIG_NUMBERS) {
		expect_from_everywhere(id, "\\u0031", false);
		expect_from_everywhere(id, "-1", false);
		expect_from_everywhere(id, "99999999999999999999999", false);
	}
}

/* letters, then so many more of them */
static const char *text_of(const char *start, size_t bytes)
{
	static char text[CONFIG_VALUE_TEXT_BYTES_MAX];

	memset(text, 'a', bytes);
	memcpy(text, start, strlen(start) < bytes ? strlen(start) : bytes);
	text[bytes] = '\0';
	return text;
}

static void expect_text_bounds(size_t id)
{
	const struct config_key *key = config_key_at(id);
	const char *start = key->type == CONFIG_PATH ? "/" : "a";

	expect_from_everywhere(id, text_of(start, key->max), true);
	expect_from_everywhere(id, text_of(start, key->max + 1), false);
	expect_from_everywhere(id, "", key->min == 0);
	expect_from_everywhere(id, text_of(start, 1), true);
	if (key->type == CONFIG_PATH) {
		expect_from_everywhere(id, "relative/path", false);
	}
	config_init(&load);
	assert_false(config_apply_flag(&load, key->name, "/a\x1b[31m"));
	config_init(&load);
	assert_false(config_apply_flag(&load, key->name, "/\xFF"));
}

static void expect_list_bounds(size_t id, const char *element)
{
	char text[CONFIG_VALUE_TEXT_BYTES_MAX] = "";
	uint32_t max =
		config_key_at(id)->type == CONFIG_NUMBERS ? CONFIG_UIDS_MAX : CONFIG_HOST_NAMES_MAX;

	expect_from_everywhere(id, "", true);
	for (uint32_t count = 1; count <= max; count++) {
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
			count == 1 ? "" : ",", element);
		expect_from_everywhere(id, text, true);
	}
	(void)snprintf(text + strlen(text), sizeof text - strlen(text), ",%s", element);
	expect_from_everywhere(id, text, false);
	config_init(&load);
	assert_false(config_apply_flag(&load, config_key_at(id)->name, "1,"));
	config_init(&load);
	assert_false(config_apply_flag(&load, config_key_at(id)->name, ",1"));
	config_init(&load);
	assert_false(config_apply_flag(&load, config_key_at(id)->name, "1,,2"));
}

static void expect_choices(size_t id)
{
	const char *words = config_key_at(id)->words, *word = NULL;
	char text[64];
	size_t bytes = 0;

	while (config_key_next_word(&words, '|', &word, &bytes)) {
		(void)snprintf(text, sizeof text, "%.*s", (int)bytes, word);
		expect_from_everywhere(id, text, true);
		text[bytes - 1] = '\0';
		expect_from_everywhere(id, text, false);
	}
	expect_from_everywhere(id, "", false);
	expect_from_everywhere(id, config_key_at(id)->words, false);
}

static void expect_address_bounds(size_t id)
{
	expect_from_everywhere(id, "127.0.0.1:0", true);
	expect_from_everywhere(id, "127.0.0.1:65535", true);
	expect_from_everywhere(id, "[::1]:1", true);
	expect_from_everywhere(id, "127.0.0.1:65536", false);
	expect_from_everywhere(id, "127.0.0.1:000080", false);
	expect_from_everywhere(id, "127.0.0.1:", false);
	expect_from_everywhere(id, "127.0.0.1", false);
	expect_from_everywhere(id, ":80", false);
	expect_from_everywhere(id, "localhost:80", false);
	expect_from_everywhere(id, "::1:80", false);
	expect_from_everywhere(id, "[::1:80", false);
	expect_from_everywhere(id, "[127.0.0.1]:80", false);
	expect_from_everywhere(id, "[]:80", false);
	expect_from_everywhere(id, "127.0.0.1:-1", false);
}

static void expect_ratio_bounds(size_t id)
{
	union config_value value;

	expect_from_everywhere(id, "0", true);
	expect_from_everywhere(id, "0.0", true);
	expect_from_everywhere(id, "0.000001", true);
	expect_from_everywhere(id, "0.999999", true);
	expect_from_everywhere(id, "1", true);
	expect_from_everywhere(id, "1.000000", true);
	expect_from_everywhere(id, "1.000001", false);
	expect_from_everywhere(id, "2", false);
	expect_from_everywhere(id, "0.0000001", false);
	expect_from_everywhere(id, "0.", false);
	expect_from_everywhere(id, ".5", false);
	expect_from_everywhere(id, "-0.5", false);
	expect_from_everywhere(id, "1e-2", false);
	expect_from_everywhere(id, "nan", false);
	expect_from_everywhere(id, "", false);
	assert_true(config_value_parse(config_key_at(id), "0.0105", &value));
	assert_int_equal(value.number, 10500);
}

static void expect_amount_bounds(size_t id)
{
	expect_from_everywhere(id, "1", true);
	expect_from_everywhere(id, "340282366920938463463374607431768211455", true);
	expect_from_everywhere(id, "1_000_000", true);
	expect_from_everywhere(id, "0", false);
	expect_from_everywhere(id, "340282366920938463463374607431768211456", false);
	expect_from_everywhere(id, "01", false);
	expect_from_everywhere(id, "_1", false);
	expect_from_everywhere(id, "1_", false);
	expect_from_everywhere(id, "1__0", false);
	expect_from_everywhere(id, "-1", false);
	expect_from_everywhere(id, "", false);
}

/* What other programs put into the environment is no TOML. */
static void expect_switch_of_others(size_t id)
{
	static const struct {
		const char *text;
		bool on;
	} cases[] = { { "1", true }, { "on", true }, { "0", false }, { "off", false } };
	union config_value value;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (unsigned rank = CONFIG_FROM_ENV; rank <= CONFIG_FROM_FLAG; rank++) {
			assert_true(set_from(id, (enum config_rank)rank, cases[i].text));
			config_value_get(config_key_at(id), &load.config, &value);
			assert_true(value.on == cases[i].on);
		}
		assert_false(set_from(id, CONFIG_FROM_FILE, cases[i].text));
	}
}

/* of gov-1, with the public key of spec/rewarder.md 9.12 */
#define VKEY_REST "+060503d3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

static void expect_key_bounds(size_t id)
{
	switch (config_key_at(id)->type) {
	case CONFIG_NUMBER:
		expect_number_bounds(id, "");
		expect_from_everywhere(id, "5s", false);
		break;
	case CONFIG_DURATION:
		expect_number_bounds(id, "ms");
		expect_from_everywhere(id, "5", false);
		expect_from_everywhere(id, "5 s", false);
		expect_from_everywhere(id, "1.5s", false);
		expect_from_everywhere(id, "5d", false);
		break;
	case CONFIG_SIZE:
		expect_number_bounds(id, "B");
		expect_from_everywhere(id, "1048576", false);
		expect_from_everywhere(id, "1mib", false);
		expect_from_everywhere(id, "1MiB", true);
		break;
	case CONFIG_RATIO:
		expect_ratio_bounds(id);
		break;
	case CONFIG_SWITCH:
		expect_from_everywhere(id, "true", true);
		expect_from_everywhere(id, "false", true);
		expect_from_everywhere(id, "yes", false);
		expect_from_everywhere(id, "True", false);
		expect_from_everywhere(id, "", false);
		expect_switch_of_others(id);
		break;
	case CONFIG_TEXT:
	case CONFIG_PATH:
		expect_text_bounds(id);
		break;
	case CONFIG_ADDRESS:
		expect_address_bounds(id);
		break;
	case CONFIG_AMOUNT:
		expect_amount_bounds(id);
		break;
	case CONFIG_NUMBERS:
		expect_number_bounds(id, "");
		expect_list_bounds(id, "4294967294");
		break;
	case CONFIG_TEXTS:
		expect_list_bounds(id, "ledger.example.org");
		expect_from_everywhere(id, text_of("a", CONFIG_NAME_BYTES_MAX), true);
		expect_from_everywhere(id, text_of("a", CONFIG_NAME_BYTES_MAX + 1), false);
		expect_from_everywhere(id, "Upper.org", false);
		expect_from_everywhere(id, "a..b", false);
		expect_from_everywhere(id, "a:80", false);
		break;
	case CONFIG_SIGNERS:
		expect_list_bounds(id, "gov-1" VKEY_REST);
		expect_from_everywhere(id, "gov-1", false);
		expect_from_everywhere(id, "gov-1" VKEY_REST "A", false);
		expect_from_everywhere(id, "gov-2" VKEY_REST, false); /* another key id */
		expect_from_everywhere(id, VKEY_REST, false);
		break;
	case CONFIG_CHOICE:
		expect_choices(id);
		break;
	}
}

static void every_key_holds_its_bounds_from_every_source(void **state)
{
	(void)state;
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		expect_key_bounds(id);
	}
}

/* Goal: a value of any type that the key does not have is refused at its place. */
static void every_key_refuses_every_other_type_in_the_file(void **state)
{
	static const char *const values[] = { "1.5", "1979-05-27", "{a=1}", "[[1]]", "[{}]" };

	(void)state;
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const struct config_key *key = config_key_at(id);
		size_t section = strcspn(key->name, ".");
		bool text = key->type != CONFIG_NUMBER && key->type != CONFIG_SWITCH &&
			    key->type != CONFIG_NUMBERS && key->type != CONFIG_TEXTS &&
			    key->type != CONFIG_SIGNERS;

		for (size_t i = 0; i < COUNT_OF(values) + 3; i++) {
			const char *value = i < COUNT_OF(values) ? values[i]
					    : i == COUNT_OF(values)
						    ? (key->type == CONFIG_NUMBER ? "true" : "7")
					    : i == COUNT_OF(values) + 1
						    ? (text ? "true" : "\"text\"")
						    : "\"a\\u0000b\"";
			char file[256];

			(void)snprintf(file, sizeof file, "[%.*s]\n%s = %s", (int)section,
				key->name, key->name + section + 1, value);
			config_init(&load);
			if (apply_file(file)) {
				fail_msg("accepted: %s", file);
			}
			assert_int_equal(load.problems_count, 1);
			assert_memory_equal(load.problems[0].where, "test.toml:2:", 12);
			assert_memory_equal(load.problems[0].text, key->name, strlen(key->name));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_holds_its_bounds_from_every_source),
		cmocka_unit_test(every_key_refuses_every_other_type_in_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
