/* Pages of all that an auditor, a snapshot or an export wants: what the sequencer decided, as it
 * came, without what can be computed from it. A page has whole records, at most 64 KiB of them,
 * and begins behind the key that the last one ended with; an empty one is the end. No page holds
 * a transaction for longer than itself, so what is exported is only as of one moment up to a size
 * that whoever asks holds fast. */
#include "services/archive/archive.h"

#include "core/batch.h"

struct page {
	struct archive *archive;
	struct byte_writer out;
	enum batch_type type; /* of rows */
};

/* The record that was begun at `before` fits, or is taken back, and the page is full. */
static bool keep(struct page *page, struct byte_writer before)
{
	if (page->out.failed) {
		page->out = before;
		return false;
	}
	return true;
}

static bool put_entry(void *context, const struct reader_entry *row)
{
	struct page *page = context;
	struct byte_writer before = page->out;
	struct batch_entry record = {
		.leaf = row->leaf,
		.prev_account_seq = row->prev_account_seq,
		.prev_counter_seq = row->prev_counter_seq,
		.memo = row->memo,
		.receipt = row->receipt,
		.idem_id = row->idem_id,
		.lane = row->lane,
		.lane_nonce = row->lane_nonce,
	};

	if (row->salt.bytes_count == ENTRY_SALT_BYTES) {
		record.has_memo = true;
		memcpy(record.salt, row->salt.bytes, ENTRY_SALT_BYTES);
	}
	batch_put_entry(&page->out, &record);
	return keep(page, before);
}

static bool put_root(void *context, const struct schema_root *root)
{
	struct page *page = context;
	struct byte_writer before = page->out;

	byte_put_u64(&page->out, root->first_seq);
	byte_put_u64(&page->out, root->last_seq);
	byte_put_hash(&page->out, &root->root);
	byte_put_hash(&page->out, &root->prev_root);
	byte_put_u64(&page->out, (uint64_t)root->batch_ts_unix_ms);
	byte_put_u64(&page->out, root->fence);
	return keep(page, before);
}

static bool put_record(struct page *page, uint64_t key, struct slice body)
{
	struct byte_writer before = page->out;

	byte_put_u64(&page->out, key);
	byte_put_u8(&page->out, (uint8_t)page->type);
	byte_put_slice32(&page->out, body);
	return keep(page, before);
}

static bool put_row(void *context, uint64_t key, struct slice record)
{
	return put_record(context, key, record);
}

/* Counters are numbered from 0, and nothing lies behind 0. */
static bool put_counter(void *context, uint64_t key, struct slice record)
{
	return put_record(context, key + 1, record);
}

static bool put_audit(void *context, uint64_t index, struct slice record, const struct hash *hash)
{
	(void)hash; /* it follows from the records */
	return put_record(context, index, record);
}

static enum err put_head(struct page *page, struct oap_blob *blob)
{
	struct archive *self = page->archive;
	struct schema_root last = { .batch_ts_unix_ms = 0 };
	struct reader_head head;
	struct json_out json;
	enum err err = reader_head(self->reader, &head);

	if (err == ERR_OK && self->size > 0) {
		err = reader_root_at(self->reader, self->size, &last);
	}
	if (err != ERR_OK) {
		return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
	}
	json_out_init(&json, self->page, sizeof self->page);
	json_out_object_begin(&json); /* members in the order of their names */
	json_out_key(&json, "audits");
	json_out_u64(&json, head.audit_count);
	json_out_key(&json, "batch_ts");
	json_out_u64(&json, (uint64_t)last.batch_ts_unix_ms);
	json_out_key(&json, "born_ts");
	json_out_u64(&json, (uint64_t)head.meta.born_unix_ms);
	json_out_key(&json, "controls");
	json_out_u64(&json, head.control_count);
	json_out_key(&json, "hash");
	json_out_text(&json, head.meta.hash == MERKLE_BLAKE3 ? "blake3" : "sha256");
	json_out_key(&json, "origin");
	json_out_text(&json, head.meta.origin);
	json_out_key(&json, "root");
	json_out_hex(&json, (struct slice){ self->root.bytes, HASH_BYTES });
	json_out_key(&json, "size");
	json_out_u64(&json, self->size);
	reads_put_json(blob, &json);
	return ERR_OK;
}

/* Both notes of the newest signing, or nothing. */
static enum err put_notes(struct page *page, uint64_t after)
{
	struct schema_checkpoint checkpoint;
	enum err err = reader_checkpoint(page->archive->reader, &checkpoint);

	if (err == ERR_NOT_FOUND || after > 0) {
		return ERR_OK;
	}
	if (err == ERR_OK) {
		byte_put_slice32(&page->out, checkpoint.checkpoint);
		byte_put_slice32(&page->out, checkpoint.audit);
	}
	return err;
}

/* The rows of one table behind `after`. */
static enum err put_rows(struct page *page, enum read_export what, uint64_t after)
{
	struct reader *reader = page->archive->reader;
	uint64_t key = after + 1;
	bool done = false;

	switch (what) {
	case READ_EXPORT_ENTRIES:
		return reader_entries(reader, &key, page->archive->size, put_entry, page, &done);
	case READ_EXPORT_COMMITS:
		return reader_roots(reader, &key, page->archive->size, put_root, page, &done);
	case READ_EXPORT_CONTROLS:
		page->type = BATCH_CONTROL;
		return reader_controls(reader, &key, put_row, page, &done);
	case READ_EXPORT_AUDITS:
		page->type = BATCH_AUDIT;
		return reader_audits(reader, &key, put_audit, page, &done);
	case READ_EXPORT_COUNTERS:
		page->type = BATCH_COUNTER;
		return reader_rows(reader, SCHEMA_COUNTER, &after, put_counter, page, &done);
	case READ_EXPORT_CHECKPOINT:
		return put_notes(page, after);
	case READ_EXPORT_HEAD:
	case READ_EXPORT_COUNT:
		break;
	}
	return ERR_NOT_FOUND;
}

enum read_fault exports_answer(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	struct page page = { .archive = self };
	enum err err;

	if (grant == NULL || !archive_may_read(grant, (struct slice){ NULL, 0 })) {
		return READ_FAULT_NOT_ALLOWED;
	}
	if (msg->a >= MERKLE_SIZE_MAX) {
		return READ_FAULT_NOT_THERE;
	}
	if (msg->b == READ_EXPORT_HEAD) {
		return reads_fault_of(put_head(&page, blob), self->size);
	}
	page.out = byte_writer_of(self->page, sizeof self->page);
	err = put_rows(&page, (enum read_export)msg->b, msg->a);
	if (err == ERR_CORRUPT && page.out.used > 0) {
		err = ERR_OK; /* what lies before the damage; the next page tells of it */
	}
	blob->content = READ_CONTENT_BYTES;
	blob->cache = READ_CACHE_NEVER;
	reads_put_piece(blob, (struct slice){ self->page, page.out.used });
	return reads_fault_of(err, msg->a + 1);
}
