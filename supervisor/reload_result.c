#include "supervisor/reload_result.h"

#include <stdio.h>
#include <string.h>

#include "common/config_value.h"
#include "common/log.h"

/* Of a value, in a diff: paths and lists may be longer, and the file has them. */
#define VALUE_BYTES_MAX      120u
#define VALUE_TEXT_BYTES_MAX ((int)VALUE_BYTES_MAX + 3)

static void value_text(
	size_t id, const struct config *config, char ret_text[CONFIG_VALUE_TEXT_BYTES_MAX])
{
	const struct config_key *key = config_key_at(id);
	static union config_value value; /* one at a time: this is one loop */

	config_value_get(key, config, &value);
	config_value_print(key, &value, ret_text);
	if (strlen(ret_text) > VALUE_BYTES_MAX) {
		memcpy(ret_text + VALUE_BYTES_MAX, "...", sizeof "...");
	}
}

size_t reload_result_count(const bool keys[CONFIG_KEY_COUNT])
{
	size_t count = 0;

	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		count += keys[id];
	}
	return count;
}

static void write_keys(struct json_out *out, const struct reload_result *result,
	const bool keys[CONFIG_KEY_COUNT], bool with_values)
{
	static char text[CONFIG_VALUE_TEXT_BYTES_MAX];

	json_out_array_begin(out);
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		if (!keys[id]) {
			continue;
		}
		if (!with_values) {
			json_out_text(out, config_key_at(id)->name);
			continue;
		}
		json_out_object_begin(out);
		json_out_key(out, "from");
		value_text(id, &result->before, text);
		json_out_text(out, text);
		json_out_key(out, "key");
		json_out_text(out, config_key_at(id)->name);
		json_out_key(out, "to");
		value_text(id, &result->offered, text);
		json_out_text(out, text);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

void reload_result_write_keys(struct json_out *out, const bool *keys)
{
	json_out_array_begin(out);
	for (size_t id = 0; keys != NULL && id < CONFIG_KEY_COUNT; id++) {
		if (keys[id]) {
			json_out_text(out, config_key_at(id)->name);
		}
	}
	json_out_array_end(out);
}

void reload_result_write(struct json_out *out, const struct reload_result *result, bool with_values)
{
	json_out_object_begin(out);
	json_out_key(out, "actor");
	json_out_text(out, result->actor);
	json_out_key(out, "applied");
	json_out_bool(out, result->is_applied);
	json_out_key(out, "changed");
	write_keys(out, result, result->changed, with_values);
	json_out_key(out, "generation");
	json_out_u64(out, result->generation);
	json_out_key(out, "needs_restart");
	write_keys(out, result, result->needs_restart, with_values);
	json_out_key(out, "refusal");
	json_out_text(out, result->refusal);
	json_out_key(out, "ts_ms");
	json_out_u64(out, (uint64_t)result->unix_ms);
	json_out_object_end(out);
}

static void log_keys(
	enum log_event event, const struct reload_result *result, const bool keys[CONFIG_KEY_COUNT])
{
	static char from[CONFIG_VALUE_TEXT_BYTES_MAX], to[CONFIG_VALUE_TEXT_BYTES_MAX];
	char text[LOG_TEXT_BYTES_MAX];

	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		if (!keys[id]) {
			continue;
		}
		value_text(id, &result->before, from);
		value_text(id, &result->offered, to);
		(void)snprintf(text, sizeof text, "%.*s -> %.*s", VALUE_TEXT_BYTES_MAX,
			from[0] == '\0' ? "\"\"" : from, VALUE_TEXT_BYTES_MAX,
			to[0] == '\0' ? "\"\"" : to);
		log_event(event,
			&(struct log_fields){ .key = config_key_at(id)->name, .text = text });
	}
}

void reload_result_log(const struct reload_result *result)
{
	if (!result->is_applied) {
		log_event(
			LOG_CONFIG_REFUSED, &(struct log_fields){ .generation = result->generation,
						    .peer = result->actor,
						    .text = result->refusal });
		return;
	}
	log_keys(LOG_CONFIG_CHANGED, result, result->changed);
	log_keys(LOG_CONFIG_NEEDS_RESTART, result, result->needs_restart);
	log_event(LOG_CONFIG_APPLIED, &(struct log_fields){ .generation = result->generation,
					      .peer = result->actor,
					      .count = reload_result_count(result->changed),
					      .zeros = LOG_ZERO(count) });
}
