#include <string.h>

#include "cli/commands.h"

/* What is too long for its column has the line for itself. */
static void print_row(FILE *out, int column, const char *left, const char *text)
{
	if (strlen(left) > (size_t)column) {
		(void)fprintf(out, "  %s\n", left);
		left = "";
	}
	(void)fprintf(out, "  %-*s %s\n", column, left, text);
}

static void print_options(FILE *out, const struct cli_option *options)
{
	for (; options->name != NULL; options++) {
		char left[64];

		(void)snprintf(left, sizeof left, "%s%s%s", options->name,
			options->value != NULL ? " " : "",
			options->value != NULL ? options->value : "");
		print_row(out, 24, left, options->text);
	}
}

void cli_print_usage(FILE *out, const char *group)
{
	size_t group_bytes = strlen(group);

	(void)fprintf(out, "usage: macronode %s%sCOMMAND [words] [--option value ...]\n\n", group,
		group_bytes == 0 ? "" : " ");
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const char *name = cli_commands[i].name;
		char left[64];

		if (group_bytes > 0 &&
			(strncmp(name, group, group_bytes) != 0 || name[group_bytes] != ' ')) {
			continue;
		}
		(void)snprintf(left, sizeof left, "%s%s%s", name,
			cli_commands[i].words[0] != '\0' ? " " : "", cli_commands[i].words);
		print_row(out, 26, left, cli_commands[i].summary);
	}
	(void)fputs("\nEvery command takes:\n", out);
	print_options(out, cli_common_options);
	(void)fputs("\nand the keys of the configuration, such as --bind ADDRESS; see "
		    "macronode.toml(5).\nExit: 0 good, 1 checked and bad, 2 usage, 3 could not "
		    "check or run, 4 degraded.\n",
		out);
}

void cli_print_help(FILE *out, const struct cli_command *command)
{
	(void)fprintf(out, "usage: macronode %s%s%s%s\n\n%s\n\n", command->name,
		command->words[0] != '\0' ? " " : "", command->words,
		command->options->name != NULL ? " [--option value ...]" : "", command->summary);
	print_options(out, command->options);
	print_options(out, cli_common_options);
}

int cli_help(struct cli *cli)
{
	char name[CLI_NAME_BYTES] = "";
	bool found = false;

	if (cli->word_count == 0) {
		cli_print_usage(stdout, "");
		return CLI_GOOD;
	}
	for (size_t i = 0, used = 0; i < cli->word_count && used < sizeof name; i++) {
		used += (size_t)snprintf(
			name + used, sizeof name - used, "%s%s", i > 0 ? " " : "", cli->words[i]);
	}
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		size_t bytes = strlen(name);
		const char *has = cli_commands[i].name;

		if (strncmp(has, name, bytes) == 0 && (has[bytes] == '\0' || has[bytes] == ' ')) {
			(void)fputs(found ? "\n" : "", stdout);
			cli_print_help(stdout, &cli_commands[i]);
			found = true;
		}
	}
	if (!found) {
		return cli_fail(cli, CLI_USAGE, "there is no command '%s'", name);
	}
	return CLI_GOOD;
}
