/* The scripts of bash and zsh, which share their case statements, and the command. */
#include "cli/completion.h"

#include <string.h>

#include "common/check.h"

/* As the scripts call them. WORDS and LIST are told apart by `list`. */
static const char *const kind_names[] = {
	[COMPLETION_NOTHING] = "none",
	[COMPLETION_FILE] = "file",
	[COMPLETION_DIR] = "dir",
	[COMPLETION_WORDS] = "words",
	[COMPLETION_LIST] = "words list=1",
	[COMPLETION_COMMANDS] = "words",
};

_Static_assert(COUNT_OF(kind_names) == COMPLETION_KINDS, "a name for each kind");

/* `'COMMAND OPTION') kind=... choices="..." ;;` for each option whose value is known. */
static void print_values(void)
{
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const struct cli_option *one = cli_commands[i].options;

		for (; one->name != NULL; one++) {
			struct completion value = { COMPLETION_NOTHING, "" };

			if (one->value != NULL) {
				value = completion_of_value(one);
			}
			if (value.kind != COMPLETION_NOTHING) {
				(void)printf("\t'%s %s') kind=%s choices=\"%s\" ;;\n",
					cli_commands[i].name, one->name, kind_names[value.kind],
					value.words);
			}
		}
	}
	(void)fputs("\t*' --config') kind=file ;;\n"
		    "\t*' -'*) kind=none ;;\n",
		stdout);
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

static void print_groups(size_t id)
{
	const char *name = cli_commands[id].name;
	size_t bytes;

	for (size_t words = 1;
		(bytes = completion_word_bytes(name, words)) != 0 && name[bytes] == ' '; words++) {
		if (completion_is_first(id, bytes)) {
			(void)printf("\t'%.*s ') choices=\"", (int)bytes, name);
			completion_print_next(name, bytes);
			(void)fputs("\" ;;\n", stdout);
		}
	}
}

/* The next word of a group; options and words of a command. Behind them stands no option. */
static void print_places(void)
{
	(void)fputs("\t' ') choices=\"", stdout);
	completion_print_next("", 0);
	(void)fputs("\" ;;\n", stdout);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const struct cli_command *command = &cli_commands[i];
		struct completion words = completion_of_words(command);

		print_groups(i);
		(void)printf("\t'%s ')", command->name);
		if (words.kind == COMPLETION_FILE || words.kind == COMPLETION_DIR) {
			(void)printf(" kind=%s", kind_names[words.kind]);
		}
		(void)printf(" choices=\"%s", words.words);
		if (words.kind == COMPLETION_COMMANDS) {
			completion_print_next("", 0);
		}
		print_option_names(command);
		(void)fputs("\" ;;\n", stdout);
	}
}

/* Sets kind, list and choices from command and previous, an option that waits for its value. */
static void print_decision(void)
{
	(void)fputs("\tcase \"$command $previous\" in\n", stdout);
	print_values();
	print_places();
	(void)fputs("\tesac\n", stdout);
}

/* Adds $word to command, until that is whole. */
static void print_word(void)
{
	(void)fputs("\t\t*) [[ -n $whole ]] || command=\"${command:+$command }$word\" ;;\n"
		    "\t\tesac\n"
		    "\t\tcase \"$command\" in\n"
		    "\t\t",
		stdout);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		(void)printf("%s'%s'", i > 0 ? "|" : "", cli_commands[i].name);
	}
	(void)fputs(") whole=1 ;;\n"
		    "\t\tesac\n"
		    "\tdone\n",
		stdout);
}

static int print_bash(void)
{
	(void)fputs("# bash completion of macronode\n"
		    "_macronode() {\n"
		    "\tlocal i word previous='' command='' whole='' kind=words list='' choices=''\n"
		    "\tlocal prefix='' current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
		    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		    "\t\tword=\"${COMP_WORDS[i]}\"\n"
		    "\t\tcase \"$command $word\" in\n"
		    "\t\t",
		stdout);
	completion_print_switches("*'", "|");
	/* bash makes three words of --name=value */
	(void)fputs(") ;;\n"
		    "\t\t*' -'*)\n"
		    "\t\t\tprevious=\"$word\"\n"
		    "\t\t\t[[ \"${COMP_WORDS[i + 1]}\" != '=' ]] || ((i++))\n"
		    "\t\t\t((++i >= COMP_CWORD)) || previous=''\n"
		    "\t\t\t;;\n",
		stdout);
	print_word();
	(void)fputs("\t[[ $current != '=' ]] || current=''\n", stdout);
	print_decision();
	(void)fputs("\t[[ -z $list || $current != *,* ]] || prefix=\"${current%,*},\"\n"
		    "\t[[ -z $choices || $current != -* ]] || kind=words\n"
		    "\tcase \"$kind\" in\n"
		    "\tnone) COMPREPLY=() ;;\n"
		    "\tfile | dir)\n"
		    "\t\tcompopt -o filenames 2>/dev/null\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -A \"${kind/dir/directory}\" -- "
		    "\"$current\")\n"
		    "\t\t;;\n"
		    "\t*) mapfile -t COMPREPLY < <(compgen -P \"$prefix\" -W \"$choices\" -- "
		    "\"${current#\"$prefix\"}\") ;;\n"
		    "\tesac\n"
		    "}\n"
		    "complete -F _macronode macronode\n",
		stdout);
	return CLI_GOOD;
}

static int print_zsh(void)
{
	(void)fputs("#compdef macronode\n"
		    "_macronode() {\n"
		    "\tlocal i word previous='' command='' whole='' kind=words list='' choices=''\n"
		    "\tfor ((i = 2; i < CURRENT; i++)); do\n"
		    "\t\tword=\"${words[i]}\"\n"
		    "\t\tcase \"$command $word\" in\n"
		    "\t\t*' --'*=*|",
		stdout);
	completion_print_switches("*'", "|");
	(void)fputs(") ;;\n"
		    "\t\t*' -'*)\n"
		    "\t\t\tprevious=\"$word\"\n"
		    "\t\t\t((++i >= CURRENT)) || previous=''\n"
		    "\t\t\t;;\n",
		stdout);
	print_word();
	(void)fputs("\tif [[ $PREFIX == --*=* ]]; then\n"
		    "\t\tprevious=\"${PREFIX%%=*}\"\n"
		    "\t\tcompset -P '*='\n"
		    "\tfi\n",
		stdout);
	print_decision();
	/* In a directory of fpath the file is the body of the function, at its first call. */
	(void)fputs("\t[[ -z $list ]] || compset -P '*,'\n"
		    "\t[[ -z $choices || $PREFIX != -* ]] || kind=words\n"
		    "\tcase \"$kind\" in\n"
		    "\tnone) ;;\n"
		    "\tfile) _files ;;\n"
		    "\tdir) _files -/ ;;\n"
		    "\t*) compadd -- ${=choices} ;;\n"
		    "\tesac\n"
		    "}\n"
		    "if [[ $funcstack[1] == _macronode ]]; then\n"
		    "\t_macronode\n"
		    "else\n"
		    "\tcompdef _macronode macronode\n"
		    "fi\n",
		stdout);
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
		completion_print_fish();
		return CLI_GOOD;
	}
	return cli_fail(cli, CLI_USAGE, "expected bash, zsh or fish, not '%s'", shell);
}
