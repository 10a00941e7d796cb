/* Completion scripts, made from the table of commands. Each is self-contained: the shell never
 * runs macronode to complete a word. */
#include <string.h>

#include "cli/commands.h"

static bool is_first_of_group(size_t id)
{
	const char *name = cli_commands[id].name;
	size_t bytes = strcspn(name, " ");

	for (size_t i = 0; i < id; i++) {
		if (strncmp(cli_commands[i].name, name, bytes) == 0 &&
			strcspn(cli_commands[i].name, " ") == bytes) {
			return false;
		}
	}
	return true;
}

/* First words of all commands, or second words of one group. */
static void print_words(const char *group)
{
	size_t group_bytes = group != NULL ? strlen(group) : 0;

	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const char *name = cli_commands[i].name;
		size_t bytes = strcspn(name, " ");

		if (group == NULL && is_first_of_group(i)) {
			(void)printf(" %.*s", (int)bytes, name);
		} else if (group != NULL && bytes == group_bytes &&
			   strncmp(name, group, bytes) == 0 && name[bytes] == ' ') {
			(void)printf(" %s", name + bytes + 1);
		}
	}
}

static void print_option_names(const struct cli_command *command)
{
	for (const struct cli_option *one = command->options; one->name != NULL; one++) {
		(void)printf(" %s", one->name);
	}
	for (const struct cli_option *one = cli_common_options; one->name != NULL; one++) {
		(void)printf(" %s", one->name);
	}
}

/* Lines `name) words="...";;` for the case statements that bash and zsh share. */
static void print_cases(void)
{
	(void)fputs("\t\t'') words=\"", stdout);
	print_words(NULL);
	(void)fputs("\" ;;\n", stdout);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const char *name = cli_commands[i].name;
		size_t bytes = strcspn(name, " ");
		char group[32];

		if (name[bytes] == ' ' && is_first_of_group(i)) {
			(void)snprintf(group, sizeof group, "%.*s", (int)bytes, name);
			(void)printf("\t\t'%s') words=\"", group);
			print_words(group);
			(void)fputs("\" ;;\n", stdout);
		}
		(void)printf("\t\t'%s') words=\"", name);
		print_option_names(&cli_commands[i]);
		(void)fputs(i == CLI_completion ? " bash zsh fish\" ;;\n" : "\" ;;\n", stdout);
	}
}

static int print_bash(void)
{
	(void)fputs("# bash completion of macronode\n"
		    "_macronode() {\n"
		    "\tlocal i command='' words='' current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
		    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		    "\t\tcase \"${COMP_WORDS[i]}\" in\n"
		    "\t\t--config) ((i++)) ;;\n"
		    "\t\t-*) ;;\n"
		    "\t\t*) command=\"${command:+$command }${COMP_WORDS[i]}\" ;;\n"
		    "\t\tesac\n"
		    "\tdone\n"
		    "\tcase \"$command\" in\n",
		stdout);
	print_cases();
	(void)fputs("\tesac\n"
		    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
		    "}\n"
		    "complete -o bashdefault -o default -F _macronode macronode\n",
		stdout);
	return CLI_GOOD;
}

static int print_zsh(void)
{
	(void)fputs("#compdef macronode\n"
		    "_macronode() {\n"
		    "\tlocal i command='' words_of=''\n"
		    "\tfor ((i = 2; i < CURRENT; i++)); do\n"
		    "\t\tcase \"${words[i]}\" in\n"
		    "\t\t--config) ((i++)) ;;\n"
		    "\t\t-*) ;;\n"
		    "\t\t*) command=\"${command:+$command }${words[i]}\" ;;\n"
		    "\t\tesac\n"
		    "\tdone\n"
		    "\t() {\n"
		    "\t\tlocal words=''\n"
		    "\t\tcase \"$command\" in\n",
		stdout);
	print_cases();
	(void)fputs("\t\tesac\n"
		    "\t\twords_of=\"$words\"\n"
		    "\t}\n"
		    "\tcompadd -- ${=words_of}\n"
		    "\t_files\n"
		    "}\n"
		    "compdef _macronode macronode\n",
		stdout);
	return CLI_GOOD;
}

/* A text as fish quotes it: no text of the table has a quote or a backslash. */
static void print_fish_line(const char *condition, const char *flag, const char *word,
	const char *text, bool takes_value)
{
	(void)printf("complete -c macronode -n '%s' %s %s%s -d '%s'\n", condition, flag, word,
		takes_value ? " -r" : "", text);
}

static void print_fish_options(const char *condition, const struct cli_option *options)
{
	for (; options->name != NULL; options++) {
		bool is_long = options->name[1] == '-';

		print_fish_line(condition, is_long ? "-l" : "-s", options->name + (is_long ? 2 : 1),
			options->text, options->value != NULL);
	}
}

static int print_fish(void)
{
	(void)fputs("# fish completion of macronode\n", stdout);
	print_fish_options("true", cli_common_options);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const struct cli_command *command = &cli_commands[i];
		size_t bytes = strcspn(command->name, " ");
		char condition[160];

		if (is_first_of_group(i)) {
			char first[32];
			(void)snprintf(first, sizeof first, "%.*s", (int)bytes, command->name);
			print_fish_line("__fish_use_subcommand", "-f -a", first,
				command->name[bytes] == ' ' ? "" : command->summary, false);
		}
		(void)snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %.*s",
			(int)bytes, command->name);
		if (command->name[bytes] == ' ') {
			print_fish_line(condition, "-f -a", command->name + bytes + 1,
				command->summary, false);
			(void)snprintf(condition, sizeof condition,
				"__fish_seen_subcommand_from %.*s; and "
				"__fish_seen_subcommand_from %s",
				(int)bytes, command->name, command->name + bytes + 1);
		}
		print_fish_options(condition, command->options);
	}
	print_fish_line("__fish_seen_subcommand_from completion", "-f -a", "'bash zsh fish'",
		"shell", false);
	return CLI_GOOD;
}

int cli_completion(struct cli *cli)
{
	const char *shell = cli->words[0];

	if (strcmp(shell, "bash") == 0) {
		return print_bash();
	}
	if (strcmp(shell, "zsh") == 0) {
		return print_zsh();
	}
	if (strcmp(shell, "fish") == 0) {
		return print_fish();
	}
	return cli_fail(cli, CLI_USAGE, "expected bash, zsh or fish, not '%s'", shell);
}
