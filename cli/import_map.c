#include "cli/import_map.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "core/entry.h"

static const char *const names[IMPORT_FIELD_COUNT] = {
#define AS_NAME(NAME, name) [IMPORT_##NAME] = name,
	IMPORT_FIELDS(AS_NAME)
#undef AS_NAME
};

bool import_map_refuse(struct import_map *map, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(map->error, sizeof map->error, format, args);
	va_end(args);
	return false;
}

const char *import_map_name(enum import_field field)
{
	return names[field];
}

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

void import_map_init(struct import_map *map)
{
	memset(map, 0, sizeof *map);
	map->sources[IMPORT_KIND].constant = "Transfer";
}

/* The source of the field before `=`; NULL after a refusal. *ret_value is what follows. */
static struct import_source *find_source(
	struct import_map *map, const char *text, size_t bytes, const char **ret_value)
{
	const char *equals = memchr(text, '=', bytes);

	if (equals == NULL || equals + 1 == text + bytes) {
		(void)import_map_refuse(map, "'%.*s': expected FIELD=...", (int)bytes, text);
		return NULL;
	}
	*ret_value = equals + 1;
	for (size_t i = 0; i < IMPORT_FIELD_COUNT; i++) {
		if (strlen(names[i]) == (size_t)(equals - text) &&
			memcmp(names[i], text, strlen(names[i])) == 0) {
			return &map->sources[i];
		}
	}
	(void)import_map_refuse(map,
		"'%.*s' is no field; there are kind, account, counter_account, amount, asset, "
		"nonce, memo (FIELD=COLUMN, the field first)",
		(int)(equals - text), text);
	return NULL;
}

static bool add_column(struct import_map *map, const char *text, size_t bytes)
{
	const char *name = NULL;
	struct import_source *source = find_source(map, text, bytes, &name);
	size_t name_bytes;

	if (source == NULL) {
		return false;
	}
	name_bytes = bytes - (size_t)(name - text);
	if (source->column != NULL) {
		return import_map_refuse(
			map, "'%.*s': the field has a column already", (int)bytes, text);
	}
	if (name_bytes + 1 > sizeof map->columns - map->columns_used) {
		return import_map_refuse(map, "the names of the columns are too long");
	}
	char *kept = map->columns + map->columns_used;
	memcpy(kept, name, name_bytes);
	kept[name_bytes] = '\0';
	map->columns_used += name_bytes + 1;
	source->column = kept;
	source->constant = NULL;
	return true;
}

bool import_map_add(struct import_map *map, const char *text)
{
	while (*text != '\0') {
		size_t bytes = strcspn(text, ",");

		if (!add_column(map, text, bytes)) {
			return false;
		}
		text += bytes;
		text += *text == ',';
	}
	return true;
}

bool import_map_set(struct import_map *map, const char *text)
{
	const char *value = NULL;
	struct import_source *source = find_source(map, text, strlen(text), &value);

	if (source == NULL) {
		return false;
	}
	if (source == &map->sources[IMPORT_NONCE]) {
		return import_map_refuse(
			map, "--set nonce: each row needs its own, or it is the same entry");
	}
	if (source->column != NULL) {
		return import_map_refuse(map, "--set %s: the field has a column already", text);
	}
	source->constant = value;
	return true;
}

bool import_map_prefix(struct import_map *map, const char *text)
{
	const char *value = NULL;
	struct import_source *source = find_source(map, text, strlen(text), &value);

	if (source == NULL) {
		return false;
	}
	source->prefix = value;
	return true;
}

static bool has(const struct import_map *map, enum import_field field)
{
	return map->sources[field].column != NULL || map->sources[field].constant != NULL;
}

static bool check_complete(struct import_map *map)
{
	static const enum import_field needed[] = { IMPORT_ACCOUNT, IMPORT_AMOUNT };

	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		if (!has(map, needed[i])) {
			return import_map_refuse(map,
				"nothing says what %s is: --map %s=COLUMN, or --set",
				names[needed[i]], names[needed[i]]);
		}
	}
	if (map->sources[IMPORT_NONCE].column == NULL) {
		return import_map_refuse(map,
			"--map nonce=COLUMN is needed: a column whose value names the row "
			"for ever, such as an order's number");
	}
	for (size_t i = 0; i < IMPORT_FIELD_COUNT; i++) {
		if (map->sources[i].prefix != NULL && map->sources[i].column == NULL) {
			return import_map_refuse(
				map, "--prefix %s: the field has no column", names[i]);
		}
	}
	return true;
}

bool import_map_bind(struct import_map *map, const struct slice *column_names, size_t name_count)
{
	for (size_t i = 0; i < IMPORT_FIELD_COUNT; i++) {
		struct import_source *source = &map->sources[i];
		size_t found = 0;

		for (size_t c = 0; source->column != NULL && c < name_count; c++) {
			if (entry_views_equal(column_names[c], slice_of(source->column))) {
				source->column_index = c;
				found++;
			}
		}
		if (source->column != NULL && found != 1) {
			return import_map_refuse(map, "the first line has %s column '%s'",
				found == 0 ? "no" : "more than one", source->column);
		}
	}
	return check_complete(map);
}
