#include "store/resume.h"

#include <string.h>

#include "core/bytes.h"
#include "store/fingerprint.h"

enum err resume_tile_load(
	void *reader, unsigned level, uint64_t index, struct hash ret_hashes[TILE_WIDTH])
{
	struct slice tile;
	enum err err = reader_tile(reader, level, index, &tile);

	if (err != ERR_OK) {
		return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
	}
	memcpy(ret_hashes, tile.bytes, TILE_WIDTH * sizeof ret_hashes[0]);
	return ERR_OK;
}

bool resume_fingerprint(struct resume_memory *memory, uint64_t seq, uint64_t key, uint64_t id)
{
	size_t slot = (seq - 1) % FINGERPRINT_BLOCK_ENTRIES;
	struct byte_writer out =
		byte_writer_of(memory->fingerprints + slot * FINGERPRINT_BYTES, FINGERPRINT_BYTES);

	byte_put_u64(&out, key);
	byte_put_u64(&out, id);
	return slot == FINGERPRINT_BLOCK_ENTRIES - 1;
}

static enum err resume_tree(
	struct reader *reader, const struct reader_head *head, struct tile_builder *ret_builder)
{
	struct hash leaves[TILE_WIDTH];
	size_t leaf_count = head->size % TILE_WIDTH;
	struct hash root;
	enum err err = ERR_OK;

	for (size_t i = 0; i < leaf_count; i++) {
		struct reader_entry entry;

		err = reader_entry(reader, head->size - leaf_count + i + 1, &entry);
		if (err != ERR_OK) {
			return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
		}
		merkle_leaf(head->meta.hash, entry.leaf.bytes, entry.leaf.bytes_count, &leaves[i]);
	}
	err = tile_builder_resume(
		ret_builder, head->meta.hash, head->size, leaves, resume_tile_load, reader);
	if (err != ERR_OK) {
		return err;
	}
	tile_builder_root(ret_builder, &root);
	return memcmp(&root, &head->root, sizeof root) == 0 ? ERR_OK : ERR_CORRUPT;
}

struct refill {
	struct resume_memory *memory;
	const struct schema_meta *meta;
	bool bad;
};

static bool refill_entry(void *context, const struct reader_entry *row)
{
	struct refill *refill = context;
	struct batch_entry record;

	if (fingerprint_record(refill->meta->fingerprint_key, row, &record) != ERR_OK) {
		refill->bad = true;
		return false;
	}
	(void)resume_fingerprint(
		refill->memory, row->seq, record.key_fingerprint, record.id_fingerprint);
	return true;
}

static enum err resume_fingerprints(
	struct reader *reader, const struct reader_head *head, struct resume_memory *memory)
{
	struct refill refill = { .memory = memory, .meta = &head->meta };
	uint64_t key = head->size - head->size % FINGERPRINT_BLOCK_ENTRIES + 1;
	enum err err = ERR_OK;
	bool done = false;

	while (err == ERR_OK && !done && !refill.bad) {
		err = reader_entries(reader, &key, head->size, refill_entry, &refill, &done);
	}
	return refill.bad ? ERR_CORRUPT : err;
}

enum err resume_all(struct reader *reader, const char *dir, const struct reader_head *head,
	struct resume_memory *ret_memory, struct why *why)
{
	enum err err = resume_tree(reader, head, &ret_memory->builder);

	if (err != ERR_OK) {
		why_say(why,
			"%s/%s: the tree of %llu entries cannot be rebuilt to its last root (%s); "
			"run `macronode verify`",
			dir, SCHEMA_DATABASE, (unsigned long long)head->size, err_text(err));
		return err;
	}
	err = resume_fingerprints(reader, head, ret_memory);
	if (err != ERR_OK) {
		why_say(why, "%s/%s: the last entries cannot be read (%s); run `macronode verify`",
			dir, SCHEMA_DATABASE, err_text(err));
	}
	return err;
}
