/* Operations of the wallet by their txid: the receipt, byte for byte as it was stored with its
 * entry, and the proof that the entry, whose leaf holds receipt_hash, is in the signed tree. What
 * is not there and what the token may not see look alike. */
#include <string.h>

#include "services/archive/archive.h"

/* The row's views die with the next read. */
static enum read_fault find(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct reader_entry *ret_row)
{
	struct id128 txid;
	struct entry entry;
	uint64_t seq = 0;
	enum err err;

	if (msg->text.bytes_count != ID_BYTES || grant == NULL) {
		return READ_FAULT_NOT_THERE;
	}
	memcpy(txid.bytes, msg->text.bytes, ID_BYTES);
	err = reader_txid(self->reader, &txid, &seq);
	if (err == ERR_NOT_FOUND || (err == ERR_OK && seq > self->size)) {
		return READ_FAULT_NOT_THERE;
	}
	if (err == ERR_OK) {
		err = reader_entry(self->reader, seq, ret_row);
	}
	if (err == ERR_NOT_FOUND ||
		(err == ERR_OK && entry_decode(ret_row->leaf, &entry) != ERR_OK)) {
		err = ERR_CORRUPT; /* it was committed */
	}
	if (err != ERR_OK) {
		return reads_fault_of(err, seq);
	}
	return ret_row->receipt.bytes_count > 0 && archive_may_see(grant, &entry)
		       ? READ_FAULT_NONE
		       : READ_FAULT_NOT_THERE;
}

enum read_fault receipts_answer(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	struct reader_entry row;
	enum read_fault fault = find(self, msg, grant, &row);

	if (fault == READ_FAULT_NONE) {
		blob->content = READ_CONTENT_JSON;
		blob->cache = READ_CACHE_NEVER;
		reads_put_piece(blob, row.receipt);
	}
	return fault;
}

enum read_fault receipts_answer_proof(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	struct reader_entry row;
	enum read_fault fault = find(self, msg, grant, &row);

	return fault == READ_FAULT_NONE ? proofs_answer_shown(self, row.seq, blob) : fault;
}
