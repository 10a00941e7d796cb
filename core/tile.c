#include "core/tile.h"

#include <assert.h>
#include <string.h>

#define TILE_BITS      8u
#define ENTRIES_PREFIX "entries/"

/* 10^18 tiles are more than MERKLE_SIZE_MAX leaves need, and fit uint64_t. */
#define INDEX_GROUPS_MAX 6u

_Static_assert(1u << TILE_BITS == TILE_WIDTH, "a tile is 8 levels of the tree high");
_Static_assert(MERKLE_SIZE_MAX >> (TILE_BITS * (TILE_LEVELS_MAX - 1)) < TILE_WIDTH,
	"the top row never becomes a full tile");

uint64_t tile_hash_count(unsigned level, uint64_t size)
{
	return level < TILE_LEVELS_MAX ? size >> (TILE_BITS * level) : 0;
}

uint64_t tile_full_count(unsigned level, uint64_t size)
{
	return tile_hash_count(level, size) / TILE_WIDTH;
}

uint16_t tile_partial_width(unsigned level, uint64_t size)
{
	return (uint16_t)(tile_hash_count(level, size) % TILE_WIDTH);
}

bool tile_exists(struct tile tile, uint64_t size)
{
	uint64_t full_count = tile_full_count(tile.level, size);

	if (tile.width == 0 || tile.width > TILE_WIDTH || (tile.entries && tile.level != 0)) {
		return false;
	}
	if (tile.index < full_count) {
		return true;
	}
	return tile.index == full_count && tile.width <= tile_partial_width(tile.level, size);
}

static size_t print_three_digits(unsigned value, char *ret_text)
{
	ret_text[0] = (char)('0' + value / 100);
	ret_text[1] = (char)('0' + value / 10 % 10);
	ret_text[2] = (char)('0' + value % 10);
	return 3;
}

/* Groups of three digits, the last without the x: 1234067 is x001/x234/067. */
static size_t print_index(uint64_t index, char *ret_text)
{
	uint64_t divisor = 1;
	size_t used = 0;

	while (index / divisor >= 1000) {
		divisor *= 1000;
	}
	for (; divisor > 1; divisor /= 1000) {
		ret_text[used++] = 'x';
		used += print_three_digits((unsigned)(index / divisor % 1000), ret_text + used);
		ret_text[used++] = '/';
	}
	return used + print_three_digits((unsigned)(index % 1000), ret_text + used);
}

static size_t print_width(uint16_t width, char *ret_text)
{
	char digits[3];
	size_t skip = width < 10 ? 2 : width < 100 ? 1 : 0;

	(void)print_three_digits(width, digits);
	memcpy(ret_text, digits + skip, sizeof digits - skip);
	return sizeof digits - skip;
}

size_t tile_path_print(struct tile tile, char ret_path[TILE_PATH_BYTES_MAX])
{
	size_t used = 0;

	assert(tile.level < TILE_LEVELS_MAX && tile.width > 0 && tile.width <= TILE_WIDTH);
	if (tile.entries) {
		used = strlen(ENTRIES_PREFIX);
		memcpy(ret_path, ENTRIES_PREFIX, used);
	} else {
		ret_path[used++] = (char)('0' + tile.level);
		ret_path[used++] = '/';
	}
	used += print_index(tile.index, ret_path + used);
	if (tile.width < TILE_WIDTH) {
		memcpy(ret_path + used, ".p/", 3);
		used += 3;
		used += print_width(tile.width, ret_path + used);
	}
	ret_path[used] = '\0';
	return used;
}

/* What is left of a path. */
struct text {
	const char *next;
	size_t left;
};

static bool take(struct text *text, const char *word)
{
	size_t word_bytes = strlen(word);

	if (text->left < word_bytes || memcmp(text->next, word, word_bytes) != 0) {
		return false;
	}
	text->next += word_bytes;
	text->left -= word_bytes;
	return true;
}

static bool take_digits(struct text *text, size_t digits_min, size_t digits_max, unsigned *ret)
{
	unsigned value = 0;
	size_t count = 0;

	while (count < digits_max && count < text->left && text->next[count] >= '0' &&
		text->next[count] <= '9') {
		value = 10 * value + (unsigned)(text->next[count] - '0');
		count++;
	}
	if (count < digits_min) {
		return false;
	}
	text->next += count;
	text->left -= count;
	*ret = value;
	return true;
}

static bool take_index(struct text *text, uint64_t *ret_index)
{
	uint64_t index = 0;

	for (unsigned group = 0; group < INDEX_GROUPS_MAX; group++) {
		bool more = take(text, "x");
		unsigned value;

		if (!take_digits(text, 3, 3, &value)) {
			return false;
		}
		index = 1000 * index + value;
		if (!more) {
			*ret_index = index;
			return true;
		}
		if (!take(text, "/")) {
			return false;
		}
	}
	return false;
}

/* Reads the form, then lets print have the last word on leading zeros. */
enum err tile_path_parse(const char *path, size_t path_bytes, struct tile *ret_tile)
{
	struct text text = { path, path_bytes };
	struct tile tile = { .width = TILE_WIDTH, .entries = take(&text, ENTRIES_PREFIX) };
	char canonical[TILE_PATH_BYTES_MAX];
	unsigned level = 0;
	unsigned width;

	if (!tile.entries && (!take_digits(&text, 1, 1, &level) || level >= TILE_LEVELS_MAX ||
				     !take(&text, "/"))) {
		return ERR_MALFORMED;
	}
	tile.level = (uint8_t)level;
	if (!take_index(&text, &tile.index)) {
		return ERR_MALFORMED;
	}
	if (take(&text, ".p/")) {
		if (!take_digits(&text, 1, 3, &width) || width == 0 || width >= TILE_WIDTH) {
			return ERR_MALFORMED;
		}
		tile.width = (uint16_t)width;
	}
	if (text.left > 0 || tile_path_print(tile, canonical) != path_bytes ||
		memcmp(canonical, path, path_bytes) != 0) {
		return ERR_MALFORMED;
	}
	*ret_tile = tile;
	return ERR_OK;
}

struct tile_place tile_place_of_node(unsigned level, uint64_t index)
{
	unsigned height = level % TILE_BITS;

	assert(level < MERKLE_LEVELS_MAX);
	return (struct tile_place){
		.index = index >> (TILE_BITS - height),
		.level = (uint8_t)(level / TILE_BITS),
		.hash_first = (uint16_t)((index << height) % TILE_WIDTH),
		.hash_count = (uint16_t)(1u << height),
	};
}

void tile_builder_init(struct tile_builder *builder, enum merkle_hash hash)
{
	memset(builder->rows, 0, sizeof builder->rows);
	merkle_frontier_init(&builder->frontier, hash);
}

/* The frontier makes every complete node on its way up: also the roots of full tiles, which
 * are the hashes of the row above. */
unsigned tile_builder_append(struct tile_builder *builder, const struct hash *leaf)
{
	struct merkle_frontier *frontier = &builder->frontier;
	unsigned level = 0;

	builder->rows[0][frontier->size % TILE_WIDTH] = *leaf;
	merkle_frontier_append(frontier, leaf);
	while (tile_partial_width(level, frontier->size) == 0) {
		uint64_t full_count = tile_full_count(level, frontier->size);

		level++;
		assert(level < TILE_LEVELS_MAX && full_count > 0);
		builder->rows[level][(full_count - 1) % TILE_WIDTH] =
			frontier->last[TILE_BITS * level];
		if (full_count % TILE_WIDTH != 0) {
			break;
		}
	}
	return level;
}

uint64_t tile_builder_size(const struct tile_builder *builder)
{
	return builder->frontier.size;
}

void tile_builder_root(const struct tile_builder *builder, struct hash *ret_root)
{
	merkle_frontier_root(&builder->frontier, ret_root);
}

/* A row of level > 0 from the full tiles below it. */
static enum err resume_row(
	struct tile_builder *builder, unsigned level, tile_load *load, void *store)
{
	uint64_t size = builder->frontier.size;
	uint64_t first = tile_full_count(level, size) * TILE_WIDTH;
	struct hash below[TILE_WIDTH];

	for (unsigned i = 0; i < tile_partial_width(level, size); i++) {
		enum err err = load(store, level - 1, first + i, below);

		if (err != ERR_OK) {
			return err;
		}
		merkle_fold(builder->frontier.hash, below, TILE_WIDTH, &builder->rows[level][i]);
	}
	return ERR_OK;
}

/* Each subtree of the right edge lies in the partial row of its level. */
static void resume_frontier(struct tile_builder *builder)
{
	struct merkle_frontier *frontier = &builder->frontier;
	struct hash hashes[TILE_WIDTH];

	for (unsigned level = 0; level < MERKLE_LEVELS_MAX; level++) {
		struct tile_place place;

		if ((frontier->size >> level & 1) == 0) {
			continue;
		}
		place = tile_place_of_node(level, (frontier->size >> level) - 1);
		assert(place.index == tile_full_count(place.level, frontier->size));
		memcpy(hashes, &builder->rows[place.level][place.hash_first],
			place.hash_count * sizeof hashes[0]);
		merkle_fold(frontier->hash, hashes, place.hash_count, &frontier->last[level]);
	}
}

enum err tile_builder_resume(struct tile_builder *builder, enum merkle_hash hash, uint64_t size,
	const struct hash *leaves, tile_load *load, void *store)
{
	if (size > MERKLE_SIZE_MAX) {
		return ERR_TOO_LARGE;
	}
	tile_builder_init(builder, hash);
	builder->frontier.size = size;
	if (size % TILE_WIDTH > 0) {
		memcpy(builder->rows[0], leaves, (size % TILE_WIDTH) * sizeof leaves[0]);
	}
	for (unsigned level = 1; level < TILE_LEVELS_MAX; level++) {
		enum err err = resume_row(builder, level, load, store);

		if (err != ERR_OK) {
			return err;
		}
	}
	resume_frontier(builder);
	return ERR_OK;
}

enum err tile_view_read(
	const struct tile_view *view, struct tile tile, struct hash ret_hashes[TILE_WIDTH])
{
	uint64_t size = tile_builder_size(view->builder);

	if (tile.entries || !tile_exists(tile, size)) {
		return ERR_NOT_FOUND;
	}
	if (tile.index < tile_full_count(tile.level, size)) {
		return view->load(view->store, tile.level, tile.index, ret_hashes);
	}
	memcpy(ret_hashes, view->builder->rows[tile.level], tile.width * sizeof ret_hashes[0]);
	return ERR_OK;
}

enum err tile_view_node(void *context, unsigned level, uint64_t index, struct hash *ret_node)
{
	const struct tile_view *view = context;
	struct hash hashes[TILE_WIDTH];
	struct tile_place place;
	struct tile tile;
	enum err err;

	if (level >= MERKLE_LEVELS_MAX || index >= tile_builder_size(view->builder) >> level) {
		return ERR_NOT_FOUND;
	}
	place = tile_place_of_node(level, index);
	tile = (struct tile){ .index = place.index,
		.level = place.level,
		.width = (uint16_t)(place.hash_first + place.hash_count) };
	err = tile_view_read(view, tile, hashes);
	if (err != ERR_OK) {
		return err;
	}
	merkle_fold(view->builder->frontier.hash, hashes + place.hash_first, place.hash_count,
		ret_node);
	return ERR_OK;
}
