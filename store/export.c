#include "store/export.h"

#include <string.h>

#include "core/batch.h"

_Static_assert(BATCH_ENTRY_BYTES_MAX + 8u <= EXPORT_PAGE_BYTES_MIN, "a page holds an entry");
_Static_assert(BATCH_AUDIT_BYTES_MAX + 64u <= EXPORT_PAGE_BYTES_MIN, "and an audit record");

struct page {
	struct byte_writer *out;
	uint64_t after;
	uint64_t last;
	enum batch_type type; /* of controls, audits and counters */
	bool full;
};

/* True, and what stands in out now counts; or it is taken back. */
static bool keep(struct page *page, const struct byte_writer *before, uint64_t key)
{
	if (page->out->failed) {
		*page->out = *before;
		page->full = true;
		return false;
	}
	page->after = key;
	return true;
}

static bool on_entry(void *context, const struct reader_entry *row)
{
	struct page *page = context;
	const struct byte_writer before = *page->out;
	struct batch_entry record = { .leaf = row->leaf,
		.prev_account_seq = row->prev_account_seq,
		.prev_counter_seq = row->prev_counter_seq,
		.has_memo = row->salt.bytes_count == ENTRY_SALT_BYTES,
		.memo = row->memo,
		.receipt = row->receipt,
		.idem_id = row->idem_id,
		.lane = row->lane,
		.lane_nonce = row->lane_nonce };

	if (record.has_memo) {
		memcpy(record.salt, row->salt.bytes, ENTRY_SALT_BYTES);
	}
	batch_put_entry(page->out, &record);
	return keep(page, &before, row->seq);
}

static bool on_root(void *context, const struct schema_root *root)
{
	struct page *page = context;
	const struct byte_writer before = *page->out;

	byte_put_u64(page->out, root->first_seq);
	byte_put_u64(page->out, root->last_seq);
	byte_put_hash(page->out, &root->root);
	byte_put_hash(page->out, &root->prev_root);
	byte_put_u64(page->out, (uint64_t)root->batch_ts_unix_ms);
	byte_put_u64(page->out, root->fence);
	return keep(page, &before, root->last_seq);
}

static bool put_row(struct page *page, uint64_t key, struct slice record)
{
	const struct byte_writer before = *page->out;

	if (key > page->last) {
		return false; /* came while we were reading */
	}
	byte_put_u64(page->out, key);
	byte_put_u8(page->out, (uint8_t)page->type);
	byte_put_slice32(page->out, record);
	return keep(page, &before, key);
}

static bool on_row(void *context, uint64_t key, struct slice record)
{
	return put_row(context, key, record);
}

static bool on_counter(void *context, uint64_t key, struct slice record)
{
	return put_row(context, key + 1, record);
}

static bool on_audit(void *context, uint64_t index, struct slice record, const struct hash *hash)
{
	(void)hash; /* the chain is computed again from the records */
	return put_row(context, index, record);
}

enum err export_page(struct reader *reader, enum export_what what, uint64_t after, uint64_t last,
	struct byte_writer *out, uint64_t *ret_after, bool *ret_done)
{
	struct page page = { .out = out, .after = after, .last = last };
	uint64_t key = after + 1;
	bool done = false;
	enum err err = ERR_OK;

	if (after >= last) {
		*ret_after = after;
		*ret_done = true;
		return ERR_OK;
	}
	switch (what) {
	case EXPORT_ENTRIES:
		err = reader_entries(reader, &key, last, on_entry, &page, &done);
		break;
	case EXPORT_COMMITS:
		err = reader_roots(reader, &key, last, on_root, &page, &done);
		break;
	case EXPORT_CONTROLS:
		page.type = BATCH_CONTROL;
		err = reader_controls(reader, &key, on_row, &page, &done);
		break;
	case EXPORT_AUDITS:
		page.type = BATCH_AUDIT;
		err = reader_audits(reader, &key, on_audit, &page, &done);
		break;
	case EXPORT_COUNTERS:
		key = after;
		page.type = BATCH_COUNTER;
		err = reader_rows(reader, SCHEMA_COUNTER, &key, on_counter, &page, &done);
		break;
	case EXPORT_COUNT:
		return ERR_MALFORMED;
	}
	*ret_after = page.after;
	*ret_done = err == ERR_OK && !page.full && (done || page.after >= last);
	return err;
}

bool export_next_commit(struct byte_reader *in, struct schema_root *ret_commit)
{
	struct schema_root commit;

	if (in->left < EXPORT_COMMIT_BYTES) {
		return false;
	}
	commit.first_seq = byte_get_u64(in);
	commit.last_seq = byte_get_u64(in);
	commit.root = byte_get_hash(in);
	commit.prev_root = byte_get_hash(in);
	commit.batch_ts_unix_ms = (int64_t)byte_get_u64(in);
	commit.fence = byte_get_u64(in);
	*ret_commit = commit;
	return true;
}
