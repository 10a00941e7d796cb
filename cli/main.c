#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

#define FLAGS_MAX 64

struct command {
	const char *word;
	int (*run)(struct cli *cli);
	const char *summary;
};

static const struct command commands[] = {
#define AS_ROW(name, word, summary) { word, cli_##name, summary },
	CLI_COMMANDS(AS_ROW)
#undef AS_ROW
};

static void print_usage(FILE *out)
{
	fputs("usage: macronode [--config FILE] [--json] COMMAND [words] [--key value ...]\n\n",
		out);
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		fprintf(out, "  %-12s %s\n", commands[i].word, commands[i].summary);
	}
}

static const struct command *find_command(const char *word)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		if (strcmp(commands[i].word, word) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

static bool take_value(int argc, char *argv[], int *at, const char **ret_value)
{
	if (*at + 1 >= argc) {
		fprintf(stderr, "macronode: %s needs a value\n", argv[*at]);
		return false;
	}
	*ret_value = argv[++*at];
	return true;
}

/* Flags of ours and of the configuration may stand anywhere; every other word is the
 * command's. False: already explained. */
static bool sort_words(int argc, char *argv[], struct cli *cli, char *words[], char *flags[])
{
	size_t flag_count = 0;

	for (int i = 1; i < argc; i++) {
		bool wants_value = false;
		const char *value = NULL;

		if (strcmp(argv[i], "--config") == 0) {
			if (!take_value(argc, argv, &i, &cli->config_path)) {
				return false;
			}
		} else if (strcmp(argv[i], "--libexec") == 0) {
			if (!take_value(argc, argv, &i, &cli->libexec_dir)) {
				return false;
			}
		} else if (strcmp(argv[i], "--json") == 0) {
			cli->json = true;
		} else if (strcmp(argv[i], "--report-syscalls") == 0) {
			cli->report_syscalls = true;
		} else if (config_knows_flag(argv[i], &wants_value)) {
			const char *flag = argv[i];
			if (wants_value && !take_value(argc, argv, &i, &value)) {
				return false;
			}
			if (flag_count + 2 >= FLAGS_MAX) {
				fprintf(stderr, "macronode: too many flags\n");
				return false;
			}
			flags[flag_count++] = (char *)(uintptr_t)flag;
			flags[flag_count++] = (char *)(uintptr_t)value;
		} else {
			words[cli->argc++] = argv[i];
		}
	}
	flags[flag_count] = NULL;
	return true;
}

int main(int argc, char *argv[])
{
	static char *words[256], *flags[FLAGS_MAX + 2];
	struct cli cli = { .argv = words, .flags = flags };
	const struct command *command;

	if (argc > (int)COUNT_OF(words)) {
		fprintf(stderr, "macronode: too many words\n");
		return CLI_USAGE;
	}
	if (!sort_words(argc, argv, &cli, words, flags)) {
		return CLI_USAGE;
	}
	if (cli.argc == 0) {
		print_usage(stderr);
		return CLI_USAGE;
	}
	command = find_command(words[0]);
	if (command == NULL) {
		fprintf(stderr, "macronode: no command '%s'\n", words[0]);
		print_usage(stderr);
		return CLI_USAGE;
	}
	return command->run(&cli);
}
