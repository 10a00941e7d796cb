#include "core/toml.h"

#include <assert.h>
#include <string.h>

#include "core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

static struct toml doc;

static bool is_inside(struct slice piece, const uint8_t *bytes, size_t bytes_count)
{
	return piece.bytes >= bytes && piece.bytes + piece.bytes_count <= bytes + bytes_count;
}

static void check_piece(struct slice piece, const uint8_t *bytes, size_t bytes_count)
{
	assert(piece.bytes_count == 0 || is_inside(piece, bytes, bytes_count) ||
		is_inside(piece, doc.strings, doc.strings_bytes_count));
	assert(utf8_valid(piece.bytes, piece.bytes_count));
}

static uint32_t count_lines(const uint8_t *bytes, size_t bytes_count)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < bytes_count; i++) {
		lines += bytes[i] == '\n';
	}
	return lines;
}

static void check_error(const struct toml_error *error, const uint8_t *bytes, size_t bytes_count)
{
	size_t text_bytes = strlen(error->text);

	assert(error->code == ERR_MALFORMED || error->code == ERR_TOO_LARGE);
	assert(error->line >= 1 && error->line <= count_lines(bytes, bytes_count));
	assert(error->column >= 1 && error->column <= bytes_count + 1);
	assert(text_bytes > 0 && text_bytes < TOML_ERROR_BYTES_MAX);
}

/* What was accepted is a tree whose every node is reached once, and whose values lie inside
 * the text or the document's own strings. What was refused was refused somewhere. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct slice text = { .bytes = bytes, .bytes_count = bytes_count };
	struct toml_error error;
	uint32_t lines, reached = 1;

	if (toml_read(&doc, text, &error) != ERR_OK) {
		check_error(&error, bytes, bytes_count);
		return 0;
	}
	assert(bytes_count <= TOML_FILE_BYTES_MAX && doc.nodes_count <= TOML_NODES_MAX);
	assert(doc.strings_bytes_count <= bytes_count);
	lines = count_lines(bytes, bytes_count);
	for (uint32_t i = 0; i < doc.nodes_count; i++) {
		const struct toml_node *node = &doc.nodes[i];
		bool table = node->value.type == TOML_TABLE;

		check_piece(node->key, bytes, bytes_count);
		check_piece(node->value.text, bytes, bytes_count);
		assert(node->key.bytes_count <= TOML_KEY_BYTES_MAX);
		assert(node->key_line <= lines && node->value_line <= lines);
		assert(table || node->value.type == TOML_ARRAY || node->first == 0);
		for (uint32_t child = node->first; child != 0; child = doc.nodes[child].next) {
			assert(child > i && child < doc.nodes_count);
			assert(!table || toml_find(&doc, i, doc.nodes[child].key) == child);
			reached++;
		}
	}
	assert(reached == doc.nodes_count);
	return 0;
}
