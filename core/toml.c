#include "core/toml.h"

#include <assert.h>
#include <string.h>

#include "core/toml_string.h"

#define ROOT 0u
#define NONE 0u /* as a child or a result: nothing is ever above the root */

struct path {
	struct slice parts[TOML_DEPTH_MAX];
	struct toml_mark marks[TOML_DEPTH_MAX];
	uint32_t count;
};

struct reader {
	struct toml *doc;
	struct toml_scan scan;
	struct toml_store strings;
	uint32_t table;                /* that key = value lines belong to */
	uint32_t open[TOML_DEPTH_MAX]; /* arrays and inline tables of the value in hand */
	uint32_t open_count;
};

/* ---- the tree ---- */

uint32_t toml_find(const struct toml *doc, uint32_t table, struct slice key)
{
	for (uint32_t i = doc->nodes[table].first; i != NONE; i = doc->nodes[i].next) {
		const struct slice *found = &doc->nodes[i].key;

		if (found->bytes_count == key.bytes_count &&
			(key.bytes_count == 0 ||
				memcmp(found->bytes, key.bytes, key.bytes_count) == 0)) {
			return i;
		}
	}
	return NONE;
}

static bool too_large(struct reader *reader, struct toml_mark where, const char *what, uint32_t max)
{
	toml_error_begin(reader->scan.error, ERR_TOO_LARGE, where.line, where.column);
	toml_error_put(reader->scan.error, "expected at most ");
	toml_error_put_number(reader->scan.error, max);
	toml_error_put(reader->scan.error, what);
	return false;
}

static bool add_child(struct reader *reader, uint32_t parent, struct slice key,
	struct toml_mark where, uint32_t *ret_child)
{
	struct toml *doc = reader->doc;
	uint32_t child = doc->nodes_count;

	if (child == TOML_NODES_MAX) {
		return too_large(reader, where, " keys, tables and elements in a file", child);
	}
	doc->nodes_count++;
	doc->nodes[child] = (struct toml_node){
		.value.type = TOML_TABLE,
		.key = key,
		.key_line = where.line,
		.key_column = where.column,
		.value_line = where.line,
		.value_column = where.column,
	};
	if (doc->nodes[parent].last == NONE) {
		doc->nodes[parent].first = child;
	} else {
		doc->nodes[doc->nodes[parent].last].next = child;
	}
	doc->nodes[parent].last = child;
	*ret_child = child;
	return true;
}

static bool add_table(struct reader *reader, uint32_t parent, const struct path *path,
	uint32_t part, enum toml_origin origin, uint32_t *ret_table)
{
	if (!add_child(reader, parent, path->parts[part], path->marks[part], ret_table)) {
		return false;
	}
	reader->doc->nodes[*ret_table].origin = origin;
	return true;
}

static bool refuse_again(struct reader *reader, const struct path *path, uint32_t part,
	uint32_t before, const char *sentence)
{
	(void)toml_scan_refuse_piece(&reader->scan, path->marks[part], path->parts[part], sentence);
	toml_error_put(reader->scan.error, " on line ");
	toml_error_put_number(reader->scan.error, reader->doc->nodes[before].key_line);
	return false;
}

/* The table that [a.b.c] means with a and b: made when it is not there, and of an array of
 * tables the last element. */
static bool enter_by_header(struct reader *reader, const struct path *path, uint32_t *ret_table)
{
	const struct toml_node *nodes = reader->doc->nodes;
	uint32_t table = ROOT;

	for (uint32_t part = 0; part + 1 < path->count; part++) {
		uint32_t found = toml_find(reader->doc, table, path->parts[part]);

		if (found == NONE) {
			if (!add_table(reader, table, path, part, TOML_BY_PATH, &found)) {
				return false;
			}
		} else if (nodes[found].origin == TOML_BY_VALUE) {
			return refuse_again(reader, path, part, found,
				" cannot be a table here: it was given a value");
		}
		table = nodes[found].value.type == TOML_ARRAY ? nodes[found].last : found;
	}
	*ret_table = table;
	return true;
}

static bool define_table(struct reader *reader, const struct path *path)
{
	uint32_t part = path->count - 1;
	uint32_t parent = ROOT, table;

	if (!enter_by_header(reader, path, &parent)) {
		return false;
	}
	table = toml_find(reader->doc, parent, path->parts[part]);
	if (table == NONE) {
		if (!add_table(reader, parent, path, part, TOML_BY_HEADER, &table)) {
			return false;
		}
	} else if (reader->doc->nodes[table].origin != TOML_BY_PATH) {
		return refuse_again(
			reader, path, part, table, " cannot be this table: it was defined");
	}
	reader->doc->nodes[table].origin = TOML_BY_HEADER;
	reader->table = table;
	return true;
}

static bool define_element(struct reader *reader, const struct path *path)
{
	uint32_t part = path->count - 1;
	uint32_t parent = ROOT, array;

	if (!enter_by_header(reader, path, &parent)) {
		return false;
	}
	array = toml_find(reader->doc, parent, path->parts[part]);
	if (array == NONE) {
		if (!add_table(reader, parent, path, part, TOML_BY_HEADER, &array)) {
			return false;
		}
		reader->doc->nodes[array].value.type = TOML_ARRAY;
	} else if (reader->doc->nodes[array].value.type != TOML_ARRAY ||
		   reader->doc->nodes[array].origin != TOML_BY_HEADER) {
		return refuse_again(
			reader, path, part, array, " cannot be an array of tables: it was defined");
	}
	if (!add_child(reader, array, (struct slice){ 0 }, path->marks[part], &reader->table)) {
		return false;
	}
	reader->doc->nodes[reader->table].origin = TOML_BY_HEADER;
	return true;
}

/* The new node that a.b.c = means under table: a and b are made, or were made by dots. */
static bool define_key(
	struct reader *reader, uint32_t table, const struct path *path, uint32_t *ret_node)
{
	struct toml_node *nodes = reader->doc->nodes;
	uint32_t part, found;

	for (part = 0; part + 1 < path->count; part++) {
		found = toml_find(reader->doc, table, path->parts[part]);
		if (found == NONE) {
			if (!add_table(reader, table, path, part, TOML_BY_DOTS, &found)) {
				return false;
			}
		} else if (nodes[found].origin == TOML_BY_PATH) {
			nodes[found].origin = TOML_BY_DOTS; /* defined here, and only here */
		} else if (nodes[found].origin != TOML_BY_DOTS) {
			return refuse_again(reader, path, part, found,
				" cannot be extended by a dotted key: it was defined");
		}
		table = found;
	}
	found = toml_find(reader->doc, table, path->parts[part]);
	if (found != NONE) {
		return refuse_again(reader, path, part, found, " is there twice: first");
	}
	return add_child(reader, table, path->parts[part], path->marks[part], ret_node);
}

/* ---- keys ---- */

static bool is_bare_key_byte(int byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

static bool read_part(struct reader *reader, struct slice *ret_part)
{
	struct toml_scan *scan = &reader->scan;
	struct toml_mark first = scan->here;
	int byte = toml_scan_peek(scan);

	if (byte == '"' || byte == '\'') {
		if (!toml_string_key(scan, &reader->strings, ret_part)) {
			return false;
		}
	} else if (!is_bare_key_byte(byte)) {
		return toml_scan_expected(scan, "a key (letters, digits, _ and -, or in quotes)");
	} else {
		while (is_bare_key_byte(toml_scan_peek(scan))) {
			toml_scan_step(scan);
		}
		*ret_part = (struct slice){
			.bytes = scan->text.bytes + first.at,
			.bytes_count = scan->here.at - first.at,
		};
	}
	if (ret_part->bytes_count > TOML_KEY_BYTES_MAX) {
		return too_large(reader, first, " bytes in a part of a key", TOML_KEY_BYTES_MAX);
	}
	return true;
}

/* a . "b" . c, with blanks around it. */
static bool read_path(struct reader *reader, struct path *ret_path)
{
	struct toml_scan *scan = &reader->scan;

	ret_path->count = 0;
	do {
		toml_scan_blanks(scan);
		if (ret_path->count == TOML_DEPTH_MAX) {
			return too_large(reader, scan->here, " parts in a key", TOML_DEPTH_MAX);
		}
		ret_path->marks[ret_path->count] = scan->here;
		if (!read_part(reader, &ret_path->parts[ret_path->count])) {
			return false;
		}
		ret_path->count++;
		toml_scan_blanks(scan);
	} while (toml_scan_take(scan, '.'));
	return true;
}

/* ---- values ---- */

static bool begin_container(struct reader *reader, struct toml_node *node, uint32_t index)
{
	bool array = toml_scan_peek(&reader->scan) == '[';

	if (reader->open_count == TOML_DEPTH_MAX) {
		return too_large(reader, reader->scan.here, " arrays and tables inside each other",
			TOML_DEPTH_MAX);
	}
	toml_scan_step(&reader->scan);
	node->value.type = array ? TOML_ARRAY : TOML_TABLE;
	reader->open[reader->open_count++] = index;
	return true;
}

/* A scalar is read whole; of an array or inline table only the bracket that opens it. */
static bool begin_value(struct reader *reader, uint32_t index)
{
	struct toml_node *node = &reader->doc->nodes[index];
	struct toml_scan *scan = &reader->scan;

	node->origin = TOML_BY_VALUE;
	node->value_line = scan->here.line;
	node->value_column = scan->here.column;
	switch (toml_scan_peek(scan)) {
	case '[':
	case '{':
		return begin_container(reader, node, index);
	case '"':
	case '\'':
		node->value.type = TOML_STRING;
		return toml_string_value(scan, &reader->strings, &node->value.text);
	default:
		return toml_scalar_read(scan, &node->value);
	}
}

static bool begin_key_value(struct reader *reader, uint32_t table)
{
	struct path path;
	uint32_t node = NONE;

	if (!read_path(reader, &path)) {
		return false;
	}
	if (!toml_scan_take(&reader->scan, '=')) {
		return toml_scan_expected(&reader->scan, "= after a key");
	}
	toml_scan_blanks(&reader->scan);
	return define_key(reader, table, &path, &node) && begin_value(reader, node);
}

/* One step inside an array. *after_value: only a comma or the end may follow. */
static bool step_array(struct reader *reader, uint32_t array, bool *after_value)
{
	struct toml_scan *scan = &reader->scan;
	uint32_t element = NONE, open_count = reader->open_count;

	toml_scan_filler(scan);
	if (toml_scan_take(scan, ']')) {
		reader->open_count--;
		*after_value = true;
		return true;
	}
	if (*after_value) {
		*after_value = false;
		return toml_scan_take(scan, ',') ||
		       toml_scan_expected(scan, "a comma or ] after an element");
	}
	if (!add_child(reader, array, (struct slice){ 0 }, scan->here, &element) ||
		!begin_value(reader, element)) {
		return false;
	}
	*after_value = reader->open_count == open_count;
	return true;
}

/* One step inside an inline table: on one line, and no comma before its end. */
static bool step_inline_table(struct reader *reader, uint32_t table, bool *after_value)
{
	struct toml_scan *scan = &reader->scan;
	bool empty = reader->doc->nodes[table].first == NONE;
	uint32_t open_count = reader->open_count;

	toml_scan_blanks(scan);
	if ((*after_value || empty) && toml_scan_take(scan, '}')) {
		reader->open_count--;
		*after_value = true;
		return true;
	}
	if (*after_value) {
		*after_value = false;
		return toml_scan_take(scan, ',') ||
		       toml_scan_expected(scan, "a comma or } on the same line");
	}
	if (!begin_key_value(reader, table)) {
		return false;
	}
	*after_value = reader->open_count == open_count;
	return true;
}

/* Behind begin_key_value: what is open is read to its end. No recursion: the nesting is
 * the list reader->open. */
static bool finish_value(struct reader *reader)
{
	bool after_value = false;

	while (reader->open_count > 0) {
		uint32_t open = reader->open[reader->open_count - 1];
		bool ok = reader->doc->nodes[open].value.type == TOML_ARRAY
				  ? step_array(reader, open, &after_value)
				  : step_inline_table(reader, open, &after_value);

		if (!ok) {
			return false;
		}
	}
	return true;
}

/* ---- lines ---- */

static bool read_header(struct reader *reader)
{
	struct toml_scan *scan = &reader->scan;
	struct path path;
	bool element;

	toml_scan_step(scan);
	element = toml_scan_take(scan, '[');
	if (!read_path(reader, &path)) {
		return false;
	}
	if (!toml_scan_take(scan, ']')) {
		return toml_scan_expected(scan, "a dot or ] after the name of a table");
	}
	if (element && !toml_scan_take(scan, ']')) {
		return toml_scan_expected(scan, "]] after the name of an array of tables");
	}
	return element ? define_element(reader, &path) : define_table(reader, &path);
}

static bool read_line(struct reader *reader)
{
	struct toml_scan *scan = &reader->scan;

	if (toml_scan_peek(scan) == '[') {
		if (!read_header(reader)) {
			return false;
		}
	} else if (!begin_key_value(reader, reader->table) || !finish_value(reader)) {
		return false;
	}
	toml_scan_blanks(scan);
	toml_scan_comment(scan);
	if (toml_scan_peek(scan) != TOML_SCAN_END && !toml_scan_at_newline(scan)) {
		return toml_scan_expected(scan, "the end of the line or a comment");
	}
	return true;
}

enum err toml_read(struct toml *doc, struct slice text, struct toml_error *ret_error)
{
	struct reader reader = {
		.doc = doc,
		.strings = { .bytes = doc->strings, .bytes_max = sizeof doc->strings },
		.table = ROOT,
	};

	if (text.bytes_count > TOML_FILE_BYTES_MAX) {
		toml_error_begin(ret_error, ERR_TOO_LARGE, 1, 1);
		toml_error_put(ret_error, "expected at most 256 KiB, found a larger file");
		return ret_error->code;
	}
	if (!toml_scan_check(text, ret_error)) {
		return ret_error->code;
	}
	doc->nodes_count = 1;
	doc->nodes[ROOT] = (struct toml_node){
		.value.type = TOML_TABLE,
		.origin = TOML_BY_HEADER,
		.key_line = 1,
		.key_column = 1,
		.value_line = 1,
		.value_column = 1,
	};
	toml_scan_init(&reader.scan, text, ret_error);
	toml_scan_filler(&reader.scan);
	while (toml_scan_peek(&reader.scan) != TOML_SCAN_END) {
		if (!read_line(&reader)) {
			return ret_error->code;
		}
		toml_scan_filler(&reader.scan);
	}
	doc->strings_bytes_count = reader.strings.bytes_count;
	return ERR_OK;
}
