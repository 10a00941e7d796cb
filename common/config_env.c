#include "common/config_env.h"

#include <stdlib.h>
#include <string.h>

/* Whoever uses these means us: an unknown name is a slip. */
static const char *const prefixes[] = { "MACRO_", "RON_LEDGER_", "SVC_WALLET_", "SVC_REWARDER_" };

static bool has_our_prefix(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
			return true;
		}
	}
	return false;
}

static void unknown_variable(struct config_load *load, const struct config_source *source)
{
	const struct config_dropped *dropped = config_key_dropped_env(source->name);
	char nearest[CONFIG_ENV_NAME_BYTES_MAX];

	if (dropped != NULL) {
		config_load_problem(load, source, "not used, because %s", dropped->why);
	} else if (has_our_prefix(source->name)) {
		config_key_nearest_env(source->name, nearest, sizeof nearest);
		config_load_problem(load, source, "there is no such setting%s%s%s",
			nearest[0] == '\0' ? "" : "; did you mean ", nearest,
			nearest[0] == '\0' ? "" : "?");
	}
}

/* Two names of one key must agree: which of them wins is nobody's guess. */
static void set_from_variable(struct config_load *load, size_t id, const char *text,
	const struct config_source *source, struct config_load *seen)
{
	const struct config_source *before = &seen->sources[id];

	if (!config_load_set(load, id, text, source)) {
		return;
	}
	if (before->rank != CONFIG_FROM_ENV) {
		(void)config_load_set(seen, id, text, source);
		return;
	}
	union config_value first, second;

	config_value_get(config_key_at(id), &seen->config, &first);
	if (!config_value_parse(config_key_at(id), text, &second) ||
		memcmp(&first, &second, config_key_at(id)->member_bytes) != 0) {
		config_load_problem(load, source, "%s: %s says otherwise", config_key_at(id)->name,
			before->name);
	}
}

static void apply_variable(struct config_load *load, const char *variable, struct config_load *seen)
{
	struct config_source source = { .rank = CONFIG_FROM_ENV };
	const char *equals = strchr(variable, '=');
	size_t id;

	if (equals == NULL || (size_t)(equals - variable) >= sizeof source.name) {
		return; /* longer than every name of ours */
	}
	memcpy(source.name, variable, (size_t)(equals - variable));
	id = config_key_find_env(source.name);
	if (id == CONFIG_KEY_COUNT) {
		unknown_variable(load, &source);
	} else {
		set_from_variable(load, id, equals + 1, &source, seen);
	}
}

void config_env_apply(struct config_load *load, char *const *environment)
{
	struct config_source nowhere = { .rank = CONFIG_FROM_ENV };
	struct config_load *seen = calloc(1, sizeof *seen); /* what this environment said */

	if (seen == NULL) {
		config_load_problem(load, &nowhere, "no memory to read it");
		return;
	}
	for (; *environment != NULL; environment++) {
		apply_variable(load, *environment, seen);
	}
	free(seen);
}
