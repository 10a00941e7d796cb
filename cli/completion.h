#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/commands.h"

/* Completion scripts, made from the table of commands. Each is self-contained: the shell never
 * runs macronode to complete a word. */

/* What may stand somewhere on the command line. */
enum completion_kind {
	COMPLETION_NOTHING, /* nothing that is known here */
	COMPLETION_FILE,
	COMPLETION_DIR,
	COMPLETION_WORDS,    /* one of these */
	COMPLETION_LIST,     /* some of these, with commas */
	COMPLETION_COMMANDS, /* words of a command */
};

#define COMPLETION_KINDS 6u

struct completion {
	enum completion_kind kind;
	const char *words; /* of WORDS and LIST, with blanks between them */
};

/* The value of an option that takes one, and the words behind a command. */
struct completion completion_of_value(const struct cli_option *option);
struct completion completion_of_words(const struct cli_command *command);

/* Bytes of the first words of a name; 0: it has not so many. */
size_t completion_word_bytes(const char *name, size_t word_count);

/* No command above it begins with the same words. */
bool completion_is_first(size_t command, size_t bytes);

/* The next word of all commands that begin with the first `bytes` of `group`; 0: the first. */
void completion_print_next(const char *group, size_t bytes);

/* Patterns of "COMMAND OPTION" for options that take no value, those of the configuration among
 * them. `any` stands for any command, with the quote that begins in or behind it. */
void completion_print_switches(const char *any, const char *between);

void completion_print_fish(void);

#endif
