/* The command line. The command is one to three words; options of the command, those that every
 * command has, and the flags of the configuration may stand before, between and behind its
 * words, as `--name value` or `--name=value`. `--` ends them. */
#include "cli/commands.h"

#include <stdarg.h>
#include <string.h>

/* One word of the command line that begins with `-`, in its two parts. */
struct flag {
	char name[CLI_FLAG_BYTES];
	const char *value; /* behind `=`; NULL: there was none */
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(cli->error, sizeof cli->error, format, args);
	va_end(args);
	return false;
}

static const struct cli_option *find_option(const struct cli_option *list, const char *name)
{
	for (; list->name != NULL; list++) {
		if (strcmp(list->name, name) == 0) {
			return list;
		}
	}
	return NULL;
}

/* Where a command has not been named yet, an option may still be one of `run`, which is what
 * flags alone mean. */
static const struct cli_option *options_of(const struct cli *cli)
{
	return cli->command != NULL ? cli->command->options : cli_commands[CLI_run].options;
}

static bool split(struct cli *cli, const char *word, struct flag *ret_flag)
{
	size_t bytes = strcspn(word, "=");

	if (bytes >= sizeof ret_flag->name) {
		return refuse(cli, "there is no option '%.40s...'", word);
	}
	memcpy(ret_flag->name, word, bytes);
	ret_flag->name[bytes] = '\0';
	ret_flag->value = word[bytes] == '=' ? word + bytes + 1 : NULL;
	return true;
}

static bool take_value(
	struct cli *cli, int argc, char *argv[], int *at, bool wanted, struct flag *flag)
{
	if (!wanted) {
		return flag->value == NULL || refuse(cli, "%s takes no value", flag->name);
	}
	if (flag->value == NULL) {
		if (*at + 1 >= argc) {
			return refuse(cli, "%s needs a value", flag->name);
		}
		flag->value = argv[++*at];
	}
	return true;
}

static bool keep_option(struct cli *cli, const struct cli_option *option, const char *value)
{
	if (cli->given_count == CLI_GIVEN_MAX) {
		return refuse(cli, "too many options");
	}
	cli->given[cli->given_count++] = (struct cli_given){ option, value };
	return true;
}

static bool keep_flag(struct cli *cli, const struct flag *flag)
{
	if (cli->flag_count == CLI_FLAGS_MAX) {
		return refuse(cli, "too many flags");
	}
	memcpy(cli->flag_names[cli->flag_count], flag->name, sizeof flag->name);
	cli->flag_values[cli->flag_count++] = flag->value;
	return true;
}

static bool keep_common(struct cli *cli, const struct flag *flag)
{
	if (strcmp(flag->name, "--config") == 0) {
		cli->config_path = flag->value;
	} else if (strcmp(flag->name, "--json") == 0) {
		cli->json = true;
	} else {
		cli->help = true;
	}
	return true;
}

/* `--limits.rps 500`: any key of the configuration, by its name. */
static bool is_key(const char *name)
{
	return strncmp(name, "--", 2) == 0 && strchr(name, '.') != NULL;
}

static bool parse_flag(struct cli *cli, int argc, char *argv[], int *at)
{
	const struct cli_option *option;
	struct flag flag;
	bool wants_value = false;

	if (strcmp(argv[*at], "-h") == 0) {
		cli->help = true;
		return true;
	}
	if (!split(cli, argv[*at], &flag)) {
		return false;
	}
	option = find_option(options_of(cli), flag.name);
	if (option != NULL) {
		return take_value(cli, argc, argv, at, option->value != NULL, &flag) &&
		       keep_option(cli, option, flag.value);
	}
	option = find_option(cli_common_options, flag.name);
	if (option != NULL) {
		return take_value(cli, argc, argv, at, option->value != NULL, &flag) &&
		       keep_common(cli, &flag);
	}
	if (config_knows_flag(flag.name, &wants_value)) {
		/* A switch of the configuration may still be told its value. */
		bool told = !wants_value && flag.value != NULL;

		return (told || take_value(cli, argc, argv, at, wants_value, &flag)) &&
		       keep_flag(cli, &flag);
	}
	if (is_key(flag.name)) {
		/* Which keys there are, and what they take, the configuration says best. */
		memmove(flag.name, flag.name + 2, strlen(flag.name + 2) + 1);
		return take_value(cli, argc, argv, at, true, &flag) && keep_flag(cli, &flag);
	}
	return refuse(cli, "%s%sthere is no option '%s'",
		cli->command != NULL ? cli->command->name : "", cli->command != NULL ? ": " : "",
		flag.name);
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		if (strcmp(cli_commands[i].name, name) == 0) {
			return &cli_commands[i];
		}
	}
	return NULL;
}

/* Some command has a further word behind these. */
static bool is_group(const char *words)
{
	size_t bytes = strlen(words);

	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const char *name = cli_commands[i].name;

		if (strncmp(name, words, bytes) == 0 && name[bytes] == ' ') {
			return true;
		}
	}
	return false;
}

static bool parse_word(struct cli *cli, const char *word)
{
	char name[CLI_NAME_BYTES];

	if (cli->command == NULL) {
		bool fits = snprintf(name, sizeof name, "%s%s%s", cli->group,
				    cli->group[0] != '\0' ? " " : "", word) < (int)sizeof name;

		cli->command = fits ? find_command(name) : NULL;
		if (cli->command == NULL && !(fits && is_group(name))) {
			return refuse(cli, "there is no command '%s'", name);
		}
		memcpy(cli->group, name, sizeof name);
		return true;
	}
	if (cli->word_count == cli->command->words_max) {
		return refuse(cli, "%s: unexpected word '%s'", cli->command->name, word);
	}
	cli->words[cli->word_count++] = word;
	return true;
}

/* What can be said only when all words are known. */
static bool check_whole(struct cli *cli)
{
	if (cli->help) {
		return true;
	}
	if (cli->command == NULL) {
		return cli->group[0] == '\0' ||
		       refuse(cli, "%s needs another word; macronode %s --help lists them",
			       cli->group, cli->group);
	}
	for (size_t i = 0; i < cli->given_count; i++) {
		if (find_option(cli->command->options, cli->given[i].option->name) == NULL) {
			return refuse(cli, "%s: there is no option '%s'", cli->command->name,
				cli->given[i].option->name);
		}
	}
	if (cli->word_count < cli->command->words_min) {
		return refuse(cli, "%s needs %s", cli->command->name, cli->command->words);
	}
	return true;
}

bool cli_parse(int argc, char *argv[], struct cli *ret_cli)
{
	bool flags_ended = false;

	_Static_assert(CLI_WORDS_MAX >= 2, "no command has more words");
	memset(ret_cli, 0, sizeof *ret_cli);
	for (int i = 1; i < argc; i++) {
		bool good;

		if (!flags_ended && strcmp(argv[i], "--") == 0) {
			flags_ended = true;
			continue;
		}
		/* A lone - is a word: the name of standard input. */
		if (!flags_ended && argv[i][0] == '-' && argv[i][1] != '\0') {
			good = parse_flag(ret_cli, argc, argv, &i);
		} else {
			good = parse_word(ret_cli, argv[i]);
		}
		if (!good) {
			return false;
		}
	}
	return check_whole(ret_cli);
}

const char *cli_next(const struct cli *cli, const char *name, size_t *at)
{
	while (*at < cli->given_count) {
		const struct cli_given *given = &cli->given[(*at)++];
		if (strcmp(given->option->name, name) == 0) {
			return given->value;
		}
	}
	return NULL;
}

const char *cli_option(const struct cli *cli, const char *name)
{
	const char *value = NULL, *last = NULL;
	size_t at = 0;

	while ((value = cli_next(cli, name, &at)) != NULL) {
		last = value;
	}
	return last;
}

bool cli_has(const struct cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->given_count; i++) {
		if (strcmp(cli->given[i].option->name, name) == 0) {
			return true;
		}
	}
	return false;
}
