#include "common/config_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A section is a table at the root, a key stands in it, and nothing is deeper: a table
 * where a key should be is a key that we do not know. */

/* "section.key"; a longer name is not one of ours and is cut. */
#define NAME_BYTES_MAX 160u

/* A name of the file as a string: its control characters and NULs would hide something. */
static void append_name(char name[NAME_BYTES_MAX], struct slice part)
{
	size_t used = strlen(name);

	for (size_t i = 0; i < part.bytes_count && used + 1 < NAME_BYTES_MAX; i++) {
		uint8_t byte = part.bytes[i];

		name[used++] = byte >= 0x20 && byte < 0x7F ? (char)byte : '?';
	}
	name[used] = '\0';
}

static struct config_source source_of_key(const struct toml_node *node)
{
	return (struct config_source){
		.rank = CONFIG_FROM_FILE,
		.line = node->key_line,
		.column = node->key_column,
	};
}

static struct config_source source_of_value(const struct toml_node *node)
{
	return (struct config_source){
		.rank = CONFIG_FROM_FILE,
		.line = node->value_line,
		.column = node->value_column,
	};
}

/* ---- TOML's types to the text form ---- */

static enum toml_type type_wanted(const struct config_key *key)
{
	switch (key->type) {
	case CONFIG_NUMBER:
		return TOML_INTEGER;
	case CONFIG_RATIO:
		return TOML_FLOAT;
	case CONFIG_SWITCH:
		return TOML_BOOLEAN;
	case CONFIG_NUMBERS:
	case CONFIG_TEXTS:
	case CONFIG_SIGNERS:
		return TOML_ARRAY;
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_TEXT:
	case CONFIG_PATH:
	case CONFIG_ADDRESS:
	case CONFIG_AMOUNT:
	case CONFIG_CHOICE:
		return TOML_STRING;
	}
	return TOML_STRING;
}

/* 0 and 1 are ratios without a point, too. */
static bool has_type(const struct config_key *key, enum toml_type type)
{
	return type == type_wanted(key) || (key->type == CONFIG_RATIO && type == TOML_INTEGER);
}

static enum toml_type element_wanted(const struct config_key *key)
{
	return key->type == CONFIG_NUMBERS ? TOML_INTEGER : TOML_STRING;
}

static bool wrong_type(struct config_load *load, const struct config_key *key,
	const struct toml_node *node, enum toml_type wanted)
{
	struct config_source source = source_of_value(node);
	char expected[160];

	config_value_expect(key, expected, sizeof expected);
	config_load_problem(load, &source, "%s: expected %s%s; found %s", key->name, expected,
		wanted == TOML_STRING && key->type != CONFIG_AMOUNT ? ", in quotes" : "",
		toml_scalar_type_name(node->value.type));
	return false;
}

/* Appends the text form of a scalar; false: it has no room or holds a NUL. */
static bool append_scalar(
	const struct toml_node *node, char text[CONFIG_VALUE_TEXT_BYTES_MAX], size_t *used)
{
	size_t left = CONFIG_VALUE_TEXT_BYTES_MAX - *used;
	int count;

	if (node->value.type == TOML_STRING || node->value.type == TOML_FLOAT) {
		struct slice string = node->value.text;

		if (string.bytes_count >= left ||
			memchr(string.bytes, '\0', string.bytes_count) != NULL) {
			return false;
		}
		memcpy(text + *used, string.bytes, string.bytes_count);
		*used += string.bytes_count;
		text[*used] = '\0';
		return true;
	}
	count = node->value.type == TOML_BOOLEAN
			? snprintf(text + *used, left, "%s", node->value.number ? "true" : "false")
			: snprintf(text + *used, left, "%" PRId64, node->value.number);
	*used += (size_t)count;
	return (size_t)count < left;
}

/* A comma inside an element would make two of it, an empty element none. */
static bool is_element(const struct toml_node *node)
{
	struct slice string = node->value.text;

	return node->value.type != TOML_STRING ||
	       (string.bytes_count > 0 && memchr(string.bytes, ',', string.bytes_count) == NULL);
}

static bool unusable(
	struct config_load *load, const struct config_key *key, const struct toml_node *node)
{
	struct config_source source = source_of_value(node);
	char expected[160];

	config_value_expect(key, expected, sizeof expected);
	config_load_problem(load, &source, "%s: expected %s", key->name, expected);
	return false;
}

static bool text_of_array(struct config_load *load, const struct toml *doc,
	const struct config_key *key, const struct toml_node *array,
	char ret_text[CONFIG_VALUE_TEXT_BYTES_MAX])
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (uint32_t i = array->first; i != 0; i = doc->nodes[i].next) {
		const struct toml_node *node = &doc->nodes[i];

		if (node->value.type != element_wanted(key)) {
			return wrong_type(load, key, node, TOML_ARRAY);
		}
		if (i != array->first) {
			ret_text[used++] = ',';
		}
		if (!is_element(node) || used >= CONFIG_VALUE_TEXT_BYTES_MAX ||
			!append_scalar(node, ret_text, &used) ||
			used + 1 >= CONFIG_VALUE_TEXT_BYTES_MAX) {
			return unusable(load, key, node);
		}
	}
	return true;
}

static void set_key(
	struct config_load *load, const struct toml *doc, size_t id, const struct toml_node *node)
{
	const struct config_key *key = config_key_at(id);
	struct config_source source = source_of_value(node);
	char text[CONFIG_VALUE_TEXT_BYTES_MAX];
	size_t used = 0;

	if (!has_type(key, node->value.type) ||
		(node->value.type == TOML_ARRAY && node->origin != TOML_BY_VALUE)) {
		(void)wrong_type(load, key, node, type_wanted(key));
	} else if (node->value.type == TOML_ARRAY) {
		if (text_of_array(load, doc, key, node, text)) {
			(void)config_load_set(load, id, text, &source);
		}
	} else if (!append_scalar(node, text, &used)) {
		(void)unusable(load, key, node);
	} else {
		(void)config_load_set(load, id, text, &source);
	}
}

/* ---- names ---- */

static void unknown_key(struct config_load *load, const char *name, const struct toml_node *node)
{
	const struct config_dropped *dropped = config_key_dropped(name);
	struct config_source source = source_of_key(node);
	char nearest[NAME_BYTES_MAX];

	if (dropped != NULL) {
		config_load_problem(
			load, &source, "%s is not used, because %s", name, dropped->why);
		return;
	}
	config_key_nearest(name, nearest, sizeof nearest);
	config_load_problem(load, &source, "there is no key %s%s%s%s", name,
		nearest[0] == '\0' ? "" : "; did you mean ", nearest,
		nearest[0] == '\0' ? "" : "?");
}

static void unknown_section(
	struct config_load *load, const char *section, const struct toml_node *node)
{
	struct config_source source = source_of_key(node);
	char nearest[NAME_BYTES_MAX];

	config_key_nearest_section(section, nearest, sizeof nearest);
	config_load_problem(load, &source, "there is no section [%s]%s%s%s", section,
		nearest[0] == '\0' ? "" : "; did you mean [", nearest,
		nearest[0] == '\0' ? "" : "]?");
}

static void apply_section(struct config_load *load, const struct toml *doc, const char *section,
	const struct toml_node *table)
{
	for (uint32_t i = table->first; i != 0; i = doc->nodes[i].next) {
		const struct toml_node *node = &doc->nodes[i];
		char name[NAME_BYTES_MAX] = "";
		size_t id;

		(void)snprintf(name, sizeof name, "%.100s.", section);
		append_name(name, node->key);
		id = config_key_find(name);
		if (id == CONFIG_KEY_COUNT) {
			unknown_key(load, name, node);
		} else {
			set_key(load, doc, id, node);
		}
	}
}

void config_file_apply(struct config_load *load, const struct toml *doc)
{
	for (uint32_t i = doc->nodes[0].first; i != 0; i = doc->nodes[i].next) {
		const struct toml_node *node = &doc->nodes[i];
		char section[NAME_BYTES_MAX] = "";

		append_name(section, node->key);
		if (node->value.type != TOML_TABLE) {
			if (config_key_has_section(section)) {
				struct config_source source = source_of_key(node);

				config_load_problem(load, &source,
					"%s: expected one section [%s]; found %s", section, section,
					toml_scalar_type_name(node->value.type));
			} else {
				unknown_key(load, section, node);
			}
		} else if (!config_key_has_section(section)) {
			unknown_section(load, section, node);
		} else {
			apply_section(load, doc, section, node);
		}
	}
}
