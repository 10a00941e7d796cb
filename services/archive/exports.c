/* Pages of all that an auditor, a snapshot or an export wants: what the sequencer decided, as it
 * came, without what can be computed from it. A page has whole records, at most 64 KiB of them,
 * and begins behind the key that the last one ended with; an empty one is the end. No page holds
 * a transaction for longer than itself, so what is exported is only as of one moment up to a size
 * that whoever asks holds fast. store/export.h makes the pages, of stopped nodes as well. */
#include "services/archive/archive.h"

#include "store/export.h"

static enum err put_head(struct archive *self, struct oap_blob *blob)
{
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
static enum err put_notes(struct archive *self, uint64_t after, struct byte_writer *out)
{
	struct schema_checkpoint checkpoint;
	enum err err = reader_checkpoint(self->reader, &checkpoint);

	if (err == ERR_NOT_FOUND || after > 0) {
		return ERR_OK;
	}
	if (err == ERR_OK) {
		byte_put_slice32(out, checkpoint.checkpoint);
		byte_put_slice32(out, checkpoint.audit);
	}
	return err;
}

static enum export_what rows_of(enum read_export what)
{
	switch (what) {
	case READ_EXPORT_ENTRIES:
		return EXPORT_ENTRIES;
	case READ_EXPORT_COMMITS:
		return EXPORT_COMMITS;
	case READ_EXPORT_CONTROLS:
		return EXPORT_CONTROLS;
	case READ_EXPORT_AUDITS:
		return EXPORT_AUDITS;
	case READ_EXPORT_COUNTERS:
		return EXPORT_COUNTERS;
	case READ_EXPORT_CHECKPOINT:
	case READ_EXPORT_HEAD:
	case READ_EXPORT_COUNT:
		break;
	}
	return EXPORT_COUNT;
}

/* Of entries and commits as many as we were told of; of the others all that there are. */
static enum err put_page(
	struct archive *self, enum read_export what, uint64_t after, struct byte_writer *out)
{
	enum export_what rows = rows_of(what);
	bool is_sized = rows == EXPORT_ENTRIES || rows == EXPORT_COMMITS;
	bool done = false;

	if (what == READ_EXPORT_CHECKPOINT) {
		return put_notes(self, after, out);
	}
	if (rows == EXPORT_COUNT) {
		return ERR_NOT_FOUND;
	}
	return export_page(self->reader, rows, after, is_sized ? self->size : MERKLE_SIZE_MAX, out,
		&after, &done);
}

enum read_fault exports_answer(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	struct byte_writer out;
	enum err err;

	if (grant == NULL || !archive_may_read(grant, (struct slice){ NULL, 0 })) {
		return READ_FAULT_NOT_ALLOWED;
	}
	if (msg->a >= MERKLE_SIZE_MAX) {
		return READ_FAULT_NOT_THERE;
	}
	if (msg->b == READ_EXPORT_HEAD) {
		return reads_fault_of(put_head(self, blob), self->size);
	}
	out = byte_writer_of(self->page, sizeof self->page);
	err = put_page(self, (enum read_export)msg->b, msg->a, &out);
	if (err == ERR_CORRUPT && out.used > 0) {
		err = ERR_OK; /* what lies before the damage; the next page tells of it */
	}
	blob->content = READ_CONTENT_BYTES;
	blob->cache = READ_CACHE_NEVER;
	reads_put_piece(blob, (struct slice){ self->page, out.used });
	return reads_fault_of(err, msg->a + 1);
}
