/* The script of fish: a line for each word and option, and a function that says where one is. */
#include <string.h>

#include "cli/completion.h"

/* As fish quotes it: in quotes, where only these and a backslash need one before them. */
static void print_text(const char *text)
{
	(void)fputc('\'', stdout);
	for (; *text != '\0'; text++) {
		(void)printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
	}
	(void)fputc('\'', stdout);
}

/* `__macronode_at WORDS`: is that the command so far, options left out? */
static void print_function(void)
{
	(void)fputs("# fish completion of macronode\n"
		    "function __macronode_at\n"
		    "\tset -l said ''\n"
		    "\tset -l skip 0\n"
		    "\tset -l whole",
		stdout);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		(void)fputc(' ', stdout);
		print_text(cli_commands[i].name);
	}
	(void)fputs("\n"
		    "\tfor word in (commandline -opc)[2..-1]\n"
		    "\t\tif test $skip = 1\n"
		    "\t\t\tset skip 0\n"
		    "\t\t\tcontinue\n"
		    "\t\tend\n"
		    "\t\tcontains -- \"$said\" $whole; and break\n"
		    "\t\tswitch \"$said $word\"\n"
		    "\t\t\tcase '* --*=*' ",
		stdout);
	completion_print_switches("'*", " ");
	(void)fputs("\n"
		    "\t\t\tcase '* -*'\n"
		    "\t\t\t\tset skip 1\n"
		    "\t\t\tcase '*'\n"
		    "\t\t\t\tset said (string trim -- \"$said $word\")\n"
		    "\t\tend\n"
		    "\tend\n"
		    "\ttest \"$said\" = \"$argv\"\n"
		    "end\n"
		    "complete -c macronode -f\n",
		stdout);
}

/* What follows `-a`, or none. */
static void print_offer(struct completion value)
{
	switch (value.kind) {
	case COMPLETION_FILE:
		(void)printf(" -F");
		return;
	case COMPLETION_DIR:
		(void)printf(" -a '(__fish_complete_directories (commandline -ct))'");
		return;
	case COMPLETION_LIST:
		(void)printf(" -a '(__fish_append , %s)'", value.words);
		return;
	case COMPLETION_WORDS:
		(void)printf(" -a '%s'", value.words);
		return;
	case COMPLETION_COMMANDS:
		(void)printf(" -a '");
		completion_print_next("", 0);
		(void)printf("'");
		return;
	case COMPLETION_NOTHING:
		return;
	}
}

static void print_begin(const char *name, size_t bytes)
{
	(void)printf("complete -c macronode -n '__macronode_at%s%.*s'", bytes > 0 ? " " : "",
		(int)bytes, name);
}

static void print_options(const struct cli_option *options, const char *command)
{
	for (; options->name != NULL; options++) {
		bool is_long = options->name[1] == '-';

		if (command == NULL) {
			(void)printf("complete -c macronode");
		} else {
			print_begin(command, strlen(command));
		}
		(void)printf(" %s %s", is_long ? "-l" : "-s", options->name + (is_long ? 2 : 1));
		if (options->value != NULL) {
			struct completion value = completion_of_value(options);

			(void)printf(value.kind == COMPLETION_FILE ? " -r" : " -x");
			print_offer(value);
		}
		(void)printf(" -d ");
		print_text(options->text);
		(void)fputc('\n', stdout);
	}
}

/* Each word of a command's name behind those before it. */
static void print_name(size_t id)
{
	const struct cli_command *command = &cli_commands[id];
	size_t bytes, start = 0;

	for (size_t words = 1; (bytes = completion_word_bytes(command->name, words)) != 0;
		words++) {
		if (completion_is_first(id, bytes)) {
			print_begin(command->name, start == 0 ? 0 : start - 1);
			(void)printf(" -a %.*s -d ", (int)(bytes - start), command->name + start);
			print_text(command->name[bytes] == ' ' ? "" : command->summary);
			(void)fputc('\n', stdout);
		}
		start = bytes + 1;
	}
}

void completion_print_fish(void)
{
	print_function();
	print_options(cli_common_options, NULL);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const struct cli_command *command = &cli_commands[i];
		struct completion words = completion_of_words(command);

		print_name(i);
		if (words.kind != COMPLETION_NOTHING) {
			print_begin(command->name, strlen(command->name));
			print_offer(words);
			(void)fputc('\n', stdout);
		}
		print_options(command->options, command->name);
	}
}
