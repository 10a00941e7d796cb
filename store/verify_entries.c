#include <string.h>

#include "store/fingerprint.h"
#include "store/receipts.h"
#include "store/tree.h"
#include "store/verify_state.h"

/* --- roots --------------------------------------------------------------------------------- */

static bool root_peek(struct verify *verify, uint64_t seq, const struct schema_root **ret_root)
{
	enum err err;

	if (verify->root_next == verify->root_count) {
		verify->root_next = 0;
		verify->root_count = 0;
		err = reader_roots_since(verify->reader, seq - 1, verify->roots, VERIFY_ROOTS_AHEAD,
			&verify->root_count);
		if (err != ERR_OK || verify->root_count == 0) {
			(void)verify_judge(verify, err == ERR_OK ? ERR_NOT_FOUND : err, VERIFY_ROOT,
				seq,
				"the row of the commit that carries this entry is damaged or gone");
			return false;
		}
	}
	*ret_root = &verify->roots[verify->root_next];
	return true;
}

static bool root_follows(const struct verify *verify, const struct schema_root *root)
{
	const struct schema_root *before = &verify->root_before;

	return root->first_seq == before->last_seq + 1 && root->last_seq >= root->first_seq &&
	       memcmp(&root->prev_root, &before->root, sizeof before->root) == 0 &&
	       root->batch_ts_unix_ms >= before->batch_ts_unix_ms && root->fence >= before->fence &&
	       root->fence <= verify->head.meta.fence;
}

/* At the last entry of a commit. */
static bool root_check(struct verify *verify, uint64_t seq)
{
	const struct schema_root *root;
	struct hash mine;

	if (!root_peek(verify, seq, &root)) {
		return false;
	}
	if (!root_follows(verify, root)) {
		return verify_judge(verify, ERR_CORRUPT, VERIFY_ROOT,
			verify->root_before.last_seq + 1,
			"the commit that begins here does not continue the one before it");
	}
	if (root->last_seq > seq) {
		return true;
	}
	tile_builder_root(&verify->memory.builder, &mine);
	if (memcmp(&mine, &root->root, sizeof mine) != 0) {
		return verify_judge(verify, ERR_CORRUPT, VERIFY_ROOT, seq,
			"the stored root is not the root of the entries up to here");
	}
	verify->root_before = *root;
	verify->root_next++;
	verify->result->checked[VERIFY_ROOT]++;
	if (replay_commit(verify->replay, &verify->result->what) != ERR_OK) {
		return verify_bad(verify, VERIFY_BALANCE, seq);
	}
	return true;
}

/* --- entries -------------------------------------------------------------------------------- */

static enum err on_tile(
	void *context, unsigned level, uint64_t index, const struct hash hashes[TILE_WIDTH])
{
	struct verify *verify = context;
	struct slice stored;
	enum err err = reader_tile(verify->reader, level, index, &stored);

	if (err == ERR_OK && memcmp(stored.bytes, hashes, stored.bytes_count) != 0) {
		err = ERR_CORRUPT;
	}
	if (err != ERR_OK) {
		uint64_t leaf = 8 * level < 64 ? (index * TILE_WIDTH) << (8 * level) : 0;

		(void)verify_judge(verify, err, VERIFY_TILE, leaf + 1,
			"the tile that begins with this entry is not made of the entries");
		return err;
	}
	verify->result->checked[VERIFY_TILE]++;
	return ERR_OK;
}

static bool fingerprint_check(
	struct verify *verify, const struct entry *entry, const struct reader_entry *row)
{
	const uint8_t *key = verify->head.meta.fingerprint_key;
	uint64_t block = (row->seq - 1) / FINGERPRINT_BLOCK_ENTRIES;
	struct slice stored;
	enum err err;

	if (!resume_fingerprint(&verify->memory, row->seq, fingerprint_of_key(key, entry),
		    fingerprint_of_id(key, entry))) {
		return true;
	}
	err = reader_fingerprints(verify->reader, block, &stored);
	if (err == ERR_OK &&
		memcmp(stored.bytes, verify->memory.fingerprints, stored.bytes_count) != 0) {
		err = ERR_CORRUPT;
	}
	return verify_judge(verify, err, VERIFY_FINGERPRINT, block * FINGERPRINT_BLOCK_ENTRIES + 1,
		"the block of fingerprints that begins with this entry is wrong");
}

static bool txid_check(struct verify *verify, const struct entry *entry)
{
	uint64_t seq = 0;
	enum err err;

	if (entry->source != SOURCE_V1) {
		return true;
	}
	err = reader_txid(verify->reader, &entry->id, &seq);
	if (err == ERR_OK && seq != entry->seq) {
		err = ERR_CORRUPT;
	}
	return verify_judge(verify, err, VERIFY_TXID, entry->seq, "its txid does not lead to it");
}

static bool receipt_check(
	struct verify *verify, const struct entry *entry, const struct reader_entry *row)
{
	struct why *what = &verify->result->what;
	u128 before, after;
	enum err err;

	replay_own(verify->replay, &before, &after);
	err = receipts_check(entry, row, before, after, what);
	if (err == ERR_OK && entry->source != SOURCE_V1) {
		return true;
	}
	return verify_judge(verify, err, VERIFY_RECEIPT, entry->seq, NULL);
}

static bool on_entry(void *context, const struct reader_entry *row)
{
	struct verify *verify = context;
	const uint64_t expected_seq = verify->seq + 1;
	const struct schema_root *root;
	struct entry entry;

	if (row->seq != expected_seq) {
		return verify_judge(
			verify, ERR_NOT_FOUND, VERIFY_ENTRY, expected_seq, "is missing");
	}
	if (entry_decode(row->leaf, &entry) != ERR_OK || entry.seq != row->seq) {
		return verify_judge(verify, ERR_CORRUPT, VERIFY_ENTRY, expected_seq,
			"its leaf does not decode to an entry with this seq");
	}
	verify->rewards += entry.source == SOURCE_REWARD ? 1u : 0u;
	if (!root_peek(verify, row->seq, &root)) {
		return false;
	}
	if (tree_append(&verify->memory.builder, row->leaf.bytes, row->leaf.bytes_count, on_tile,
		    verify) != ERR_OK) {
		return false;
	}
	if (!verify_judge(verify,
		    replay_entry(verify->replay, &entry, row, root->batch_ts_unix_ms,
			    &verify->result->what),
		    VERIFY_BALANCE, row->seq, NULL) ||
		!receipt_check(verify, &entry, row) || !txid_check(verify, &entry) ||
		!fingerprint_check(verify, &entry, row) || !root_check(verify, row->seq) ||
		!verify_witnesses_at(verify, row->seq) || !verify_chunks_at(verify, row->seq)) {
		return false;
	}
	verify->result->checked[VERIFY_ENTRY]++;
	verify->seq = row->seq;
	return true;
}

void verify_entries(struct verify *verify)
{
	uint64_t key = 1;
	bool done = !verify_chunks_at(verify, 0);

	while (!done && verify_goes_on(verify)) {
		enum err err = reader_entries(
			verify->reader, &key, verify->head.size, on_entry, verify, &done);

		if (err != ERR_OK && verify_goes_on(verify)) {
			(void)verify_judge(verify, err, VERIFY_ENTRY, key, "the row is damaged");
		}
		verify_pause(verify);
	}
	if (verify_goes_on(verify) && verify->head.entry_last > verify->head.size) {
		(void)verify_judge(verify, ERR_CORRUPT, VERIFY_ENTRY, verify->head.size + 1,
			"no commit carries it");
	}
	if (verify_goes_on(verify) && verify->seq != verify->head.size) {
		(void)verify_judge(
			verify, ERR_NOT_FOUND, VERIFY_ENTRY, verify->seq + 1, "is missing");
	}
}
