/* Completion scripts, made from the table of commands. Each is self-contained: the shell never
 * runs macronode to complete a word. */
#include <string.h>

#include "cli/commands.h"

/* Three words of a name. */
#define FISH_CONDITION_BYTES 192u

/* Bytes of the first words of a name; 0: it has not so many. */
static size_t words_bytes(const char *name, size_t word_count)
{
	size_t bytes = strcspn(name, " ");

	for (size_t i = 1; i < word_count; i++) {
		if (name[bytes] == '\0') {
			return 0;
		}
		bytes += 1 + strcspn(name + bytes + 1, " ");
	}
	return bytes;
}

/* No command above it begins with the same words. */
static bool is_first_of_group(size_t id, size_t bytes)
{
	const char *name = cli_commands[id].name;

	for (size_t i = 0; i < id; i++) {
		const char *above = cli_commands[i].name;

		if (strncmp(above, name, bytes) == 0 &&
			(above[bytes] == ' ' || above[bytes] == '\0')) {
			return false;
		}
	}
	return true;
}

/* The next word of all commands that begin with the first `bytes` of `group`; 0: the first. */
static void print_words(const char *group, size_t bytes)
{
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const char *name = cli_commands[i].name;
		size_t next = bytes == 0 ? 0 : bytes + 1;

		if (bytes == 0 || (strncmp(name, group, bytes) == 0 && name[bytes] == ' ')) {
			size_t word_bytes = strcspn(name + next, " ");

			if (is_first_of_group(i, next + word_bytes)) {
				(void)printf(" %.*s", (int)word_bytes, name + next);
			}
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
	print_words("", 0);
	(void)fputs("\" ;;\n", stdout);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const char *name = cli_commands[i].name;
		size_t bytes;

		for (size_t words = 1;
			(bytes = words_bytes(name, words)) != 0 && name[bytes] == ' '; words++) {
			if (is_first_of_group(i, bytes)) {
				(void)printf("\t\t'%.*s') words=\"", (int)bytes, name);
				print_words(name, bytes);
				(void)fputs("\" ;;\n", stdout);
			}
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

/* As fish quotes it: in quotes, where only these and a backslash need one before them. */
static void print_fish_text(const char *text)
{
	(void)fputc('\'', stdout);
	for (; *text != '\0'; text++) {
		(void)printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
	}
	(void)fputc('\'', stdout);
}

static void print_fish_line(const char *condition, const char *flag, const char *word,
	const char *text, bool takes_value)
{
	(void)printf("complete -c macronode -n '%s' %s %s%s -d ", condition, flag, word,
		takes_value ? " -r" : "");
	print_fish_text(text);
	(void)fputc('\n', stdout);
}

static void print_fish_options(const char *condition, const struct cli_option *options)
{
	for (; options->name != NULL; options++) {
		bool is_long = options->name[1] == '-';

		print_fish_line(condition, is_long ? "-l" : "-s", options->name + (is_long ? 2 : 1),
			options->text, options->value != NULL);
	}
}

/* "__fish_seen_subcommand_from reward; and __fish_seen_subcommand_from policy" for the first bytes
 * of a name; no bytes: no command yet. */
static void print_condition(const char *name, size_t bytes, char ret_text[FISH_CONDITION_BYTES])
{
	const char *and = "";
	size_t used = 0;

	(void)snprintf(ret_text, FISH_CONDITION_BYTES, "__fish_use_subcommand");
	for (size_t at = 0; at < bytes; at++) {
		size_t word_bytes = strcspn(name + at, " ");

		used += (size_t)snprintf(ret_text + used, FISH_CONDITION_BYTES - used,
			"%s__fish_seen_subcommand_from %.*s", and, (int)word_bytes, name + at);
		at += word_bytes;
		and = "; and ";
	}
}

static int print_fish(void)
{
	(void)fputs("# fish completion of macronode\n", stdout);
	print_fish_options("true", cli_common_options);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const struct cli_command *command = &cli_commands[i];
		char condition[FISH_CONDITION_BYTES], word[CLI_NAME_BYTES];
		size_t bytes, start = 0;

		for (size_t words = 1; (bytes = words_bytes(command->name, words)) != 0; words++) {
			if (is_first_of_group(i, bytes)) {
				print_condition(
					command->name, start == 0 ? 0 : start - 1, condition);
				(void)snprintf(word, sizeof word, "%.*s", (int)(bytes - start),
					command->name + start);
				print_fish_line(condition, "-f -a", word,
					command->name[bytes] == ' ' ? "" : command->summary, false);
			}
			start = bytes + 1;
		}
		print_condition(command->name, strlen(command->name), condition);
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
