/* What may stand where on the command line, from the tables that the commands themselves use. */
#include <string.h>

#include "cli/completion.h"
#include "common/check.h"
#include "common/config_key.h"
#include "common/config_table.h"
#include "core/caveat.h"
#include "core/entry.h"
#include "core/http.h"

#define AS_WORD(NAME, name)                    name " "
#define AS_KIND(NAME, name, number)            name " "
#define AS_METHOD(NAME, safety)                #NAME " "
#define AS_CONFIG_KEY(member, TYPE, name, ...) name " "
#define AS_CHOICE(member, name, ...)           name " "
static const char actions[] = CAVEAT_ACTIONS(AS_WORD);
static const char kinds[] = ENTRY_KINDS(AS_KIND);
static const char methods[] = HTTP_METHODS(AS_METHOD);
static const char config_keys[] = CONFIG_KEYS(AS_CONFIG_KEY, AS_CHOICE);
#undef AS_CHOICE
#undef AS_CONFIG_KEY
#undef AS_METHOD
#undef AS_KIND
#undef AS_WORD

/* Options whose values are a fixed set. */
static const struct {
	const char *name;
	struct completion value;
} fixed[] = {
	{ "--action", { COMPLETION_LIST, actions } },
	{ "--kind", { COMPLETION_LIST, kinds } },
	{ "--method", { COMPLETION_LIST, methods } },
	{ "--form", { COMPLETION_WORDS, "macaroon signed" } },
};

/* By what help calls it. */
static const struct {
	const char *placeholder;
	enum completion_kind kind;
} placeholders[] = {
	{ "FILE", COMPLETION_FILE },
	{ "MANIFEST", COMPLETION_FILE },
	{ "POLICY", COMPLETION_FILE },
	{ "DIR", COMPLETION_DIR },
	{ "COMMAND", COMPLETION_COMMANDS },
};

static enum completion_kind kind_of(const char *name, size_t bytes)
{
	for (size_t i = 0; i < COUNT_OF(placeholders); i++) {
		if (strlen(placeholders[i].placeholder) == bytes &&
			strncmp(placeholders[i].placeholder, name, bytes) == 0) {
			return placeholders[i].kind;
		}
	}
	return COMPLETION_NOTHING;
}

struct completion completion_of_value(const struct cli_option *option)
{
	assert(option->value != NULL);
	for (size_t i = 0; i < COUNT_OF(fixed); i++) {
		if (strcmp(fixed[i].name, option->name) == 0) {
			return fixed[i].value;
		}
	}
	return (struct completion){ kind_of(option->value, strlen(option->value)), "" };
}

struct completion completion_of_words(const struct cli_command *command)
{
	const char *first = command->words + (command->words[0] == '[' ? 1 : 0);

	if (strcmp(first, "bash|zsh|fish") == 0) {
		return (struct completion){ COMPLETION_WORDS, "bash zsh fish" };
	}
	if (strcmp(first, "on|off|status") == 0) {
		return (struct completion){ COMPLETION_WORDS, "on off status" };
	}
	if (strcmp(first, "CONFIG_KEY]") == 0) {
		return (struct completion){ COMPLETION_WORDS, config_keys };
	}
	return (struct completion){ kind_of(first, strcspn(first, " ]")), "" };
}

/* ---- names of commands ---- */

size_t completion_word_bytes(const char *name, size_t word_count)
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

bool completion_is_first(size_t command, size_t bytes)
{
	const char *name = cli_commands[command].name;

	for (size_t i = 0; i < command; i++) {
		const char *above = cli_commands[i].name;

		if (strncmp(above, name, bytes) == 0 &&
			(above[bytes] == ' ' || above[bytes] == '\0')) {
			return false;
		}
	}
	return true;
}

void completion_print_next(const char *group, size_t bytes)
{
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const char *name = cli_commands[i].name;
		size_t next = bytes == 0 ? 0 : bytes + 1;

		if (bytes == 0 || (strncmp(name, group, bytes) == 0 && name[bytes] == ' ')) {
			size_t word_bytes = strcspn(name + next, " ");

			if (completion_is_first(i, next + word_bytes)) {
				(void)printf(" %.*s", (int)word_bytes, name + next);
			}
		}
	}
}

/* ---- options without a value ---- */

static void print_switches_of(
	const struct cli_option *options, const char *command, const char *between)
{
	for (; options->name != NULL; options++) {
		if (options->value == NULL) {
			(void)printf("%s%s %s'", between, command, options->name);
		}
	}
}

static void print_config_switches(const char *any, const char *between)
{
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const struct config_key *key = config_key_at(id);
		const char *flags = key->flags, *flag;
		size_t bytes;

		while (key->type == CONFIG_SWITCH &&
			config_key_next_word(&flags, ' ', &flag, &bytes)) {
			(void)printf("%s%s %.*s'", between, any, (int)bytes, flag);
		}
	}
}

void completion_print_switches(const char *any, const char *between)
{
	char command[CLI_NAME_BYTES + 1];

	(void)printf("%s -h'", any);
	print_switches_of(cli_common_options, any, between);
	print_config_switches(any, between);
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		(void)snprintf(command, sizeof command, "'%s", cli_commands[i].name);
		/* those of run may stand before a command is named */
		print_switches_of(cli_commands[i].options, i == CLI_run ? any : command, between);
	}
}
