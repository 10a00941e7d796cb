#include "cli/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The table names every command's function; what they do is not of interest here. */
#define AS_STUB(id, name, words, min, max, summary) \
	int cli_##id(struct cli *stub)              \
	{                                           \
		(void)stub;                         \
		return 0;                           \
	}
CLI_COMMANDS(AS_STUB)
#undef AS_STUB

#define WORDS_MAX 300

static struct cli cli;

/* Parses the words of a line, split at blanks. */
static bool parse(const char *line)
{
	static char text[8192];
	static char *words[WORDS_MAX];
	int count = 0;
	char *rest = text;

	(void)snprintf(text, sizeof text, "macronode %s", line);
	for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
		if (word[0] != '\0') {
			words[count++] = word;
		}
	}
	return cli_parse(count, words, &cli);
}

/* As many words as a command needs. */
static const char *needed_words(const struct cli_command *command)
{
	static const char words[] = " w w w w";

	assert_true(command->words_min <= CLI_WORDS_MAX);
	return words + 2 * (CLI_WORDS_MAX - command->words_min);
}

static void every_command_is_found_by_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		char line[128];

		(void)snprintf(line, sizeof line, "%s%s", cli_commands[i].name,
			needed_words(&cli_commands[i]));
		assert_true(parse(line));
		assert_ptr_equal(cli.command, &cli_commands[i]);
	}
}

static void a_command_takes_as_many_words_as_its_row_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const struct cli_command *command = &cli_commands[i];

		for (size_t count = 0; count <= command->words_max + 1; count++) {
			char line[256];

			(void)snprintf(line, sizeof line, "%s", command->name);
			for (size_t w = 0; w < count; w++) {
				(void)snprintf(line + strlen(line), sizeof line - strlen(line),
					" w%zu", w);
			}
			assert_int_equal(parse(line),
				count >= command->words_min && count <= command->words_max);
		}
	}
}

static void every_option_of_every_command_is_known_to_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const struct cli_command *command = &cli_commands[i];

		for (const struct cli_option *one = command->options; one->name != NULL; one++) {
			char line[256];

			(void)snprintf(line, sizeof line, "%s %s %s%s", command->name, one->name,
				one->value != NULL ? "v" : "", needed_words(command));
			assert_true(parse(line));
			assert_true(cli_has(&cli, one->name));
			assert_int_equal(cli_option(&cli, one->name) != NULL, one->value != NULL);
		}
	}
}

static void options_may_stand_anywhere_and_be_written_both_ways(void **state)
{
	static const char *const lines[] = {
		"--config F --json ledger show 7 --token-file T",
		"ledger --config=F show --token-file=T 7 --json",
		"ledger show --json --token-file T --config F -- 7",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		assert_true(parse(lines[i]));
		assert_ptr_equal(cli.command, &cli_commands[CLI_ledger_show]);
		assert_string_equal(cli.config_path, "F");
		assert_true(cli.json);
		assert_string_equal(cli_option(&cli, "--token-file"), "T");
		assert_int_equal(cli.word_count, 1);
		assert_string_equal(cli.words[0], "7");
	}
}

static void flags_of_the_configuration_are_kept_in_order(void **state)
{
	(void)state;
	assert_true(parse("run --bind 127.0.0.1:1 --uds=/x --bind 127.0.0.1:2"));
	assert_int_equal(cli.flag_count, 3);
	assert_string_equal(cli.flag_names[0], "--bind");
	assert_string_equal(cli.flag_values[0], "127.0.0.1:1");
	assert_string_equal(cli.flag_names[1], "--uds");
	assert_string_equal(cli.flag_values[1], "/x");
	assert_string_equal(cli.flag_values[2], "127.0.0.1:2");
	assert_true(parse("run --limits.rps 500 --node.uid_base=47000"));
	assert_string_equal(cli.flag_names[0], "limits.rps");
	assert_string_equal(cli.flag_values[0], "500");
	assert_string_equal(cli.flag_names[1], "node.uid_base");
}

static void flags_alone_are_left_for_run(void **state)
{
	(void)state;
	assert_true(parse("--config F --libexec D"));
	assert_null(cli.command);
	assert_string_equal(cli_option(&cli, "--libexec"), "D");
	assert_true(parse("--libexec D run"));
	assert_ptr_equal(cli.command, &cli_commands[CLI_run]);
	assert_false(parse("--libexec D status")); /* its own, but not of this command */
}

static void what_is_wrong_with_a_line_is_said(void **state)
{
	static const struct {
		const char *line;
		const char *error;
	} rows[] = {
		{ "bogus", "there is no command 'bogus'" },
		{ "cap", "cap needs another word; macronode cap --help lists them" },
		{ "cap bogus", "there is no command 'cap bogus'" },
		{ "reward", "reward needs another word" },
		{ "reward policy", "reward policy needs another word" },
		{ "reward policy bogus", "there is no command 'reward policy bogus'" },
		{ "rew policy sign", "there is no command 'rew'" },
		{ "status --bogus", "there is no option '--bogus'" },
		{ "status extra", "unexpected word 'extra'" },
		{ "status --config", "--config needs a value" },
		{ "status --json=yes", "--json takes no value" },
		{ "cap mint --ttl", "--ttl needs a value" },
		{ "gov freeze --global=all", "--global takes no value" },
		{ "ledger show", "needs SEQ" },
		{ "ledger import", "needs FILE" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_false(parse(rows[i].line));
		assert_non_null(strstr(cli.error, rows[i].error));
	}
}

static void a_lone_dash_is_a_value_and_help_needs_nothing_else(void **state)
{
	(void)state;
	assert_true(parse("ledger ingest -f -"));
	assert_string_equal(cli_option(&cli, "-f"), "-");
	assert_true(parse("ledger show --help"));
	assert_true(cli.help);
	assert_true(parse("-h"));
	assert_true(cli.help);
	assert_true(parse(""));
	assert_false(cli.help);
}

static void repeated_options_are_all_there_and_the_last_counts(void **state)
{
	size_t at = 0;

	(void)state;
	assert_true(parse("cap mint --amount 1 --caveat a=b --amount 2"));
	assert_string_equal(cli_option(&cli, "--amount"), "2");
	assert_string_equal(cli_next(&cli, "--amount", &at), "1");
	assert_string_equal(cli_next(&cli, "--amount", &at), "2");
	assert_null(cli_next(&cli, "--amount", &at));
}

static void more_options_than_there_is_room_for_are_refused(void **state)
{
	static char line[8192];

	(void)state;
	(void)snprintf(line, sizeof line, "stop");
	for (size_t i = 0; i < CLI_FLAGS_MAX; i++) {
		(void)strncat(line, " --bind=x", sizeof line - strlen(line) - 1);
	}
	assert_true(parse(line));
	(void)strncat(line, " --bind=x", sizeof line - strlen(line) - 1);
	assert_false(parse(line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_is_found_by_its_name),
		cmocka_unit_test(a_command_takes_as_many_words_as_its_row_says),
		cmocka_unit_test(every_option_of_every_command_is_known_to_it),
		cmocka_unit_test(options_may_stand_anywhere_and_be_written_both_ways),
		cmocka_unit_test(flags_of_the_configuration_are_kept_in_order),
		cmocka_unit_test(flags_alone_are_left_for_run),
		cmocka_unit_test(what_is_wrong_with_a_line_is_said),
		cmocka_unit_test(a_lone_dash_is_a_value_and_help_needs_nothing_else),
		cmocka_unit_test(repeated_options_are_all_there_and_the_last_counts),
		cmocka_unit_test(more_options_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
