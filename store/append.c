#include "store/append.h"

#include <string.h>

#include "core/batch.h"
#include "core/entry.h"
#include "store/tree.h"

struct append {
	struct writer *writer;
	struct resume_memory *memory;
	const struct store_batch *batch;
	uint64_t seq_next;
	struct append_end end;
};

static enum err put_tile(
	void *context, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH])
{
	struct append *append = context;

	return writer_tile(append->writer, level, index, hashes);
}

static enum err put_fingerprints(struct append *append, uint64_t seq, uint64_t key, uint64_t id)
{
	struct resume_memory *memory = append->memory;

	if (!resume_fingerprint(memory, seq, key, id)) {
		return ERR_OK;
	}
	return writer_fingerprints(append->writer, (seq - 1) / FINGERPRINT_BLOCK_ENTRIES,
		(struct slice){ memory->fingerprints, sizeof memory->fingerprints });
}

static enum err put_entry(struct append *append, struct slice body)
{
	const uint64_t seq = append->seq_next;
	struct batch_entry record;
	struct entry entry;
	enum err err = batch_get_entry(body, &record);

	if (err == ERR_OK) {
		err = entry_decode(record.leaf, &entry);
	}
	if (err != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (entry.seq != seq || record.prev_account_seq >= seq || record.prev_counter_seq >= seq) {
		return ERR_CONFLICT;
	}
	err = writer_entry(append->writer, seq, &record);
	if (err == ERR_OK && entry.source == SOURCE_V1) {
		err = writer_txid(append->writer, &entry.id, seq);
	}
	if (err == ERR_OK) {
		err = tree_append(&append->memory->builder, record.leaf.bytes,
			record.leaf.bytes_count, put_tile, append);
	}
	if (err == ERR_OK) {
		err = put_fingerprints(append, seq, record.key_fingerprint, record.id_fingerprint);
	}
	append->seq_next++;
	append->end.entry_count++;
	return err;
}

static enum err put_row(
	struct append *append, enum schema_table table, const struct batch_record *record)
{
	uint64_t key;
	enum err err = batch_record_key(record, &key);

	if (err != ERR_OK || key > MERKLE_SIZE_MAX) {
		return ERR_MALFORMED;
	}
	return writer_row(append->writer, table, key, record->body);
}

static enum err put_claim(struct append *append, const struct batch_record *record)
{
	struct batch_claim claim;
	enum err err = batch_get_claim(record->body, &claim);

	if (err != ERR_OK || claim.original_seq > MERKLE_SIZE_MAX) {
		return ERR_MALFORMED;
	}
	if (batch_claim_is_closed(&claim)) {
		return writer_claim_delete(append->writer, claim.original_seq);
	}
	return put_row(append, SCHEMA_CLAIM, record);
}

static enum err put_control(struct append *append, struct slice body)
{
	struct batch_control control;

	if (batch_get_control(body, &control) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return writer_control(append->writer, ++append->end.control_count, body);
}

static enum err put_audit(struct append *append, struct slice body)
{
	struct append_end *end = &append->end;
	struct batch_audit audit;

	if (batch_get_audit(body, &audit) != ERR_OK) {
		return ERR_MALFORMED;
	}
	schema_audit_link(&end->audit_head, body, &end->audit_head);
	return writer_audit(append->writer, ++end->audit_count, body, &end->audit_head);
}

static enum err put_record(struct append *append, const struct batch_record *record)
{
	switch (record->type) {
	case BATCH_ENTRY:
		return put_entry(append, record->body);
	case BATCH_ACCOUNT:
		return put_row(append, SCHEMA_ACCOUNT, record);
	case BATCH_CHUNK:
		return put_row(append, SCHEMA_CHUNK, record);
	case BATCH_CLAIM:
		return put_claim(append, record);
	case BATCH_COUNTER:
		return put_row(append, SCHEMA_COUNTER, record);
	case BATCH_CONTROL:
		return put_control(append, record->body);
	case BATCH_AUDIT:
		return put_audit(append, record->body);
	}
	return ERR_MALFORMED;
}

static enum err put_origin(struct append *append, const struct reader_head *head)
{
	const struct store_batch *batch = append->batch;
	struct schema_meta meta = head->meta;
	enum err err = writer_origin(append->writer, batch->origin);

	memset(meta.origin, 0, sizeof meta.origin);
	strncpy(meta.origin, batch->origin, SCHEMA_ORIGIN_BYTES_MAX);
	if (err == ERR_OK) {
		err = writer_meta(append->writer, &meta, batch->batch_ts_unix_ms, batch->low_water);
	}
	return err;
}

/* What is known only behind the last record: the root of the commit, and what moves without
 * one. meta is one more page to sync, so it is written only when a root row does not do. */
static enum err put_end(struct append *append, const struct reader_head *head)
{
	const struct store_batch *batch = append->batch;
	struct append_end *end = &append->end;
	enum err err = writer_entries_end(append->writer);

	tile_builder_root(&append->memory->builder, &end->root);
	if (err == ERR_OK && end->entry_count > 0) {
		const struct schema_root root = {
			.first_seq = batch->first_seq,
			.last_seq = append->seq_next - 1,
			.root = end->root,
			.prev_root = batch->prev_root,
			.batch_ts_unix_ms = batch->batch_ts_unix_ms,
			.fence = batch->fence,
		};

		err = writer_root(append->writer, &root);
	}
	if (err == ERR_OK && batch->origin != NULL) {
		return put_origin(append, head);
	}
	if (err == ERR_OK && (end->entry_count == 0 || batch->low_water != head->low_water)) {
		err = writer_meta(
			append->writer, &head->meta, batch->batch_ts_unix_ms, batch->low_water);
	}
	return err;
}

enum err append_batch(struct writer *writer, struct resume_memory *memory,
	const struct reader_head *head, const struct store_batch *batch, struct append_end *ret_end)
{
	struct append append = { .writer = writer,
		.memory = memory,
		.batch = batch,
		.seq_next = batch->first_seq,
		.end = { .control_count = head->control_count,
			.audit_count = head->audit_count,
			.audit_head = head->audit_head } };
	struct byte_reader in = byte_reader_of(batch->records);
	struct batch_record record;
	enum err err = ERR_OK;

	assert(tile_builder_size(&memory->builder) == batch->first_seq - 1);
	while (err == ERR_OK && batch_next(&in, &record)) {
		err = put_record(&append, &record);
	}
	if (err == ERR_OK && !byte_reader_done(&in)) {
		err = ERR_MALFORMED;
	}
	if (err == ERR_OK) {
		err = put_end(&append, head);
	}
	if (err == ERR_OK) {
		*ret_end = append.end;
	}
	return err;
}

static enum err compare_entry(struct reader *reader, struct slice body, uint64_t seq)
{
	struct batch_entry record;
	struct reader_entry stored;
	enum err err;

	if (batch_get_entry(body, &record) != ERR_OK) {
		return ERR_MALFORMED;
	}
	err = reader_entry(reader, seq, &stored);
	if (err != ERR_OK) {
		return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
	}
	if (record.leaf.bytes_count != stored.leaf.bytes_count ||
		memcmp(record.leaf.bytes, stored.leaf.bytes, record.leaf.bytes_count) != 0) {
		return ERR_CONFLICT;
	}
	return ERR_OK;
}

enum err append_compare(
	struct reader *reader, const struct store_batch *batch, struct schema_root *ret_root)
{
	struct byte_reader in = byte_reader_of(batch->records);
	uint64_t seq = batch->first_seq;
	struct batch_record record;
	struct schema_root root;
	enum err err = ERR_OK;

	while (err == ERR_OK && batch_next(&in, &record)) {
		if (record.type == BATCH_ENTRY) {
			err = compare_entry(reader, record.body, seq++);
		}
	}
	if (err == ERR_OK && !byte_reader_done(&in)) {
		err = ERR_MALFORMED;
	}
	if (err == ERR_OK) {
		err = seq == batch->first_seq ? ERR_CONFLICT
					      : reader_root_at(reader, seq - 1, &root);
	}
	if (err != ERR_OK) {
		return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
	}
	if (root.first_seq != batch->first_seq || root.last_seq != seq - 1 ||
		memcmp(&root.prev_root, &batch->prev_root, sizeof root.prev_root) != 0) {
		return ERR_CONFLICT;
	}
	*ret_root = root;
	return ERR_OK;
}
