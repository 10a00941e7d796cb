#include "common/config_load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What was found is shown up to here. */
#define FOUND_BYTES_MAX 60

void config_load_where(const struct config_load *load, const struct config_source *source,
	char ret_where[CONFIG_WHERE_BYTES_MAX])
{
	switch (source->rank) {
	case CONFIG_FROM_DEFAULT:
		(void)snprintf(ret_where, CONFIG_WHERE_BYTES_MAX, "default");
		break;
	case CONFIG_FROM_FILE:
		(void)snprintf(ret_where, CONFIG_WHERE_BYTES_MAX, "%s:%" PRIu32 ":%" PRIu32,
			load->file_name, source->line, source->column);
		break;
	case CONFIG_FROM_ENV:
		(void)snprintf(ret_where, CONFIG_WHERE_BYTES_MAX, "environment %s", source->name);
		break;
	case CONFIG_FROM_FLAG:
		(void)snprintf(ret_where, CONFIG_WHERE_BYTES_MAX, "flag %s", source->name);
		break;
	}
}

void config_load_problem(
	struct config_load *load, const struct config_source *source, const char *format, ...)
{
	struct config_problem *problem;
	va_list arguments;

	if (load->problems_count++ >= CONFIG_PROBLEMS_MAX) {
		return;
	}
	problem = &load->problems[load->problems_count - 1];
	config_load_where(load, source, problem->where);
	va_start(arguments, format);
	(void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
	va_end(arguments);
}

/* It goes to a terminal: nothing in it may be more than text. */
static void quote(const char *text, char ret_quoted[FOUND_BYTES_MAX + 4])
{
	size_t count = 0;

	while (text[count] != '\0' && count < FOUND_BYTES_MAX) {
		bool plain = text[count] >= 0x20 && text[count] < 0x7F;

		ret_quoted[count] = plain ? text[count] : '?';
		count++;
	}
	(void)snprintf(ret_quoted + count, 4, "%s", text[count] == '\0' ? "" : "...");
}

bool config_load_set(
	struct config_load *load, size_t id, const char *text, const struct config_source *source)
{
	const struct config_key *key = config_key_at(id);
	union config_value value;

	if (!config_value_parse(key, text, &value)) {
		char expected[160], found[FOUND_BYTES_MAX + 4];

		config_value_expect(key, expected, sizeof expected);
		quote(text, found);
		config_load_problem(
			load, source, "%s: expected %s; found \"%s\"", key->name, expected, found);
		return false;
	}
	if (source->rank >= load->sources[id].rank) {
		config_value_put(key, &load->config, &value);
		load->sources[id] = *source;
	}
	return true;
}
