/* The tree, as it is handed out: tiles, bundles of entries, and every node that a proof is made
 * of. Full tiles lie in the store. What is in none yet (at most 255 hashes a level) is computed
 * from what lies below it, once: hashes never change, so a row only grows, and only as far as
 * somebody asks. */
#include "services/archive/archive.h"

#include "core/batch.h"

_Static_assert(TILE_WIDTH *(2u + ENTRY_LEAF_BYTES_MAX) <= READS_BYTES_MAX, "a bundle fits");
_Static_assert(TILE_WIDTH *HASH_BYTES <= VERB_REPLY_BYTES_MAX, "a tile is one piece");

void tiles_forget(struct archive *self)
{
	for (unsigned level = 0; level < TILE_LEVELS_MAX; level++) {
		self->rows[level].count = 0;
	}
}

/* A row that the tree says is there. */
static enum err must_be_there(enum err err)
{
	return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static enum err load_full(
	struct archive *self, unsigned level, uint64_t index, struct hash ret_hashes[TILE_WIDTH])
{
	struct slice bytes;
	enum err err = must_be_there(reader_tile(self->reader, level, index, &bytes));

	if (err == ERR_OK) {
		memcpy(ret_hashes, bytes.bytes, TILE_WIDTH * sizeof ret_hashes[0]);
	}
	return err;
}

/* A hash of a row: that of an entry, or the root of the full tile below. */
static enum err compute(struct archive *self, unsigned level, uint64_t index, struct hash *ret_hash)
{
	struct hash below[TILE_WIDTH];
	struct reader_entry entry;
	enum err err;

	if (level == 0) {
		err = must_be_there(reader_entry(self->reader, index + 1, &entry));
		if (err == ERR_OK) {
			merkle_leaf(self->hash, entry.leaf.bytes, entry.leaf.bytes_count, ret_hash);
		}
		return err;
	}
	err = load_full(self, level - 1, index, below);
	if (err == ERR_OK) {
		merkle_fold(self->hash, below, TILE_WIDTH, ret_hash);
	}
	return err;
}

static enum err load_partial(struct archive *self, struct tile tile)
{
	struct tiles_row *row = &self->rows[tile.level];

	if (row->index != tile.index) {
		row->index = tile.index;
		row->count = 0;
	}
	while (row->count < tile.width) {
		enum err err = compute(self, tile.level, tile.index * TILE_WIDTH + row->count,
			&row->hashes[row->count]);

		if (err != ERR_OK) {
			return err;
		}
		row->count++;
	}
	return ERR_OK;
}

enum err tiles_read(struct archive *self, struct tile tile, struct hash ret_hashes[TILE_WIDTH])
{
	enum err err;

	if (tile.entries || !tile_exists(tile, self->size)) {
		return ERR_NOT_FOUND;
	}
	if (tile.index < tile_full_count(tile.level, self->size)) {
		return load_full(self, tile.level, tile.index, ret_hashes);
	}
	err = load_partial(self, tile);
	if (err == ERR_OK) {
		memcpy(ret_hashes, self->rows[tile.level].hashes,
			tile.width * sizeof ret_hashes[0]);
	}
	return err;
}

enum err tiles_node(void *archive, unsigned level, uint64_t index, struct hash *ret_node)
{
	struct archive *self = archive;
	struct hash hashes[TILE_WIDTH];
	struct tile_place place;
	enum err err;

	if (level >= MERKLE_LEVELS_MAX || index >= self->size >> level) {
		return ERR_NOT_FOUND;
	}
	place = tile_place_of_node(level, index);
	err = tiles_read(self,
		(struct tile){ .index = place.index,
			.level = place.level,
			.width = (uint16_t)(place.hash_first + place.hash_count) },
		hashes);
	if (err == ERR_OK) {
		merkle_fold(self->hash, hashes + place.hash_first, place.hash_count, ret_node);
	}
	return err;
}

/* So that the first who asks for a proof waits no longer than the others: the rows above the
 * entries, a few hashes at a time. Damage is for whoever asks. */
#define WARM_HASHES  16u
#define WARM_PAUSE_S 0.01

static bool warm_row(struct archive *self, unsigned level)
{
	uint16_t width = tile_partial_width(level, self->size);
	struct tile tile = { .index = tile_full_count(level, self->size), .level = (uint8_t)level };
	unsigned count = self->rows[level].index == tile.index ? self->rows[level].count : 0;

	tile.width = (uint16_t)(width - count < WARM_HASHES ? width : count + WARM_HASHES);
	return count < width && load_partial(self, tile) == ERR_OK;
}

void tiles_on_warm(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct archive *self = watcher->data;

	(void)events;
	for (unsigned level = 1; self->reader != NULL && level < TILE_LEVELS_MAX; level++) {
		if (warm_row(self, level)) {
			ev_timer_set(watcher, WARM_PAUSE_S, 0.0);
			ev_timer_start(loop, watcher);
			return;
		}
	}
}

/* What the commit says, if there is one that ended there. */
static enum err compare_root(struct archive *self, uint64_t size, const struct hash *root)
{
	struct schema_root commit;
	enum err err = must_be_there(reader_root_at(self->reader, size, &commit));

	if (err == ERR_OK && commit.last_seq == size &&
		memcmp(&commit.root, root, sizeof *root) != 0) {
		return ERR_CORRUPT;
	}
	return err;
}

enum err tiles_root(struct archive *self, uint64_t size, struct hash *ret_root)
{
	struct hash roots[MERKLE_LEVELS_MAX];
	struct merkle_frontier frontier;
	size_t count = 0;
	enum err err = size > self->size ? ERR_NOT_FOUND : ERR_OK;

	for (unsigned level = MERKLE_LEVELS_MAX; level > 0 && err == ERR_OK; level--) {
		if ((size >> (level - 1) & 1) != 0) {
			err = tiles_node(
				self, level - 1, (size >> (level - 1)) - 1, &roots[count++]);
		}
	}
	if (err == ERR_OK) {
		err = merkle_frontier_restore(&frontier, self->hash, size, roots, count);
	}
	if (err != ERR_OK) {
		return err;
	}
	merkle_frontier_root(&frontier, ret_root);
	return size == 0 ? ERR_OK : compare_root(self, size, ret_root);
}

/* --- answers --- */

enum read_fault tiles_answer(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	struct tile tile = {
		.index = msg->a, .level = (uint8_t)(msg->b >> 16), .width = (uint16_t)msg->b
	};
	struct hash hashes[TILE_WIDTH];
	enum err err;

	(void)grant; /* hashes are public */
	if (self->hash != MERKLE_SHA256) {
		return READ_FAULT_OTHER_HASH;
	}
	if (msg->offset != 0) {
		return READ_FAULT_NOT_THERE;
	}
	err = tiles_read(self, tile, hashes);
	if (err != ERR_OK) {
		return reads_fault_of(err, tile.index);
	}
	memcpy(self->page, hashes, tile.width * sizeof hashes[0]);
	blob->content = READ_CONTENT_BYTES;
	blob->cache = READ_CACHE_FOREVER;
	reads_put_piece(blob, (struct slice){ self->page, tile.width * sizeof hashes[0] });
	return READ_FAULT_NONE;
}

/* A u16 length, the most significant byte first, and the leaf (C2SP tlog-tiles). */
static bool put_leaf(void *context, const struct reader_entry *row)
{
	struct byte_writer *out = context;

	byte_put_u8(out, (uint8_t)(row->leaf.bytes_count >> 8));
	byte_put_u8(out, (uint8_t)row->leaf.bytes_count);
	byte_put_bytes(out, row->leaf.bytes, row->leaf.bytes_count);
	return true;
}

/* All of `width` entries: a page of the reader may end before, by its clock. */
static enum err put_leaves(
	struct archive *self, uint64_t first_seq, uint16_t width, struct byte_writer *out)
{
	uint64_t last_seq = first_seq + width - 1;
	uint64_t key = first_seq;
	bool done = false;

	while (!done && key <= last_seq) {
		enum err err = reader_entries(self->reader, &key, last_seq, put_leaf, out, &done);

		if (err != ERR_OK) {
			return err;
		}
	}
	return out->failed || key != last_seq + 1 ? ERR_CORRUPT : ERR_OK;
}

enum read_fault tiles_answer_bundle(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	static uint8_t bundle[READS_BYTES_MAX]; /* one answer at a time */
	struct tile tile = { .index = msg->a, .width = (uint16_t)msg->b, .entries = true };
	struct byte_writer out = byte_writer_of(bundle, sizeof bundle);
	enum err err;

	if (self->hash != MERKLE_SHA256) {
		return READ_FAULT_OTHER_HASH;
	}
	if (grant == NULL || !archive_may_read(grant, (struct slice){ NULL, 0 })) {
		return READ_FAULT_NOT_ALLOWED;
	}
	if (!tile_exists(tile, self->size)) {
		return READ_FAULT_NOT_THERE;
	}
	err = put_leaves(self, tile.index * TILE_WIDTH + 1, tile.width, &out);
	if (err != ERR_OK) {
		return reads_fault_of(err, tile.index * TILE_WIDTH + 1);
	}
	if (msg->offset > out.used || (msg->offset == out.used && out.used > 0)) {
		return READ_FAULT_NOT_THERE;
	}
	blob->content = READ_CONTENT_BYTES;
	blob->cache = READ_CACHE_FOREVER_OWN;
	reads_put_piece(blob, (struct slice){ bundle, out.used });
	return READ_FAULT_NONE;
}
