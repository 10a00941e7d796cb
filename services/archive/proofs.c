/* The newest signed checkpoint; proofs that an entry is in a tree, and that a tree goes on from
 * another. Each is checked before it leaves: a damaged tile must not look like a forged ledger. */
#include "services/archive/archive.h"

#include "core/entry.h"
#include "core/tlog_proof.h"

_Static_assert(
	TLOG_PROOF_BYTES_MAX(ENTRY_LEAF_BYTES_MAX, SCHEMA_NOTE_BYTES_MAX) <= VERB_REPLY_BYTES_MAX,
	"a proof fits");

static void put_hash(struct json_out *json, const char *name, const struct hash *hash)
{
	json_out_key(json, name);
	json_out_hex(json, (struct slice){ hash->bytes, HASH_BYTES });
}

static void put_u64(struct json_out *json, const char *name, uint64_t number)
{
	json_out_key(json, name);
	json_out_u64(json, number);
}

static void put_proof(struct json_out *json, const struct merkle_proof *proof)
{
	json_out_key(json, "hashes");
	json_out_array_begin(json);
	for (size_t i = 0; i < proof->hash_count; i++) {
		json_out_hex(json, (struct slice){ proof->hashes[i].bytes, HASH_BYTES });
	}
	json_out_array_end(json);
}

/* --- the newest checkpoint --- */

struct signed_tree {
	uint64_t size;
	struct hash root;
	size_t note_bytes;
	char note[SCHEMA_NOTE_BYTES_MAX];
};

/* ERR_NOT_FOUND: there is none, or none that we know the tree of. */
static enum err newest_signed(struct archive *self, struct signed_tree *ret_signed)
{
	struct schema_checkpoint checkpoint;
	enum err err = reader_checkpoint(self->reader, &checkpoint);

	if (err == ERR_OK && checkpoint.size > self->size) {
		err = ERR_NOT_FOUND;
	}
	if (err == ERR_OK) {
		ret_signed->size = checkpoint.size;
		ret_signed->root = checkpoint.root;
		ret_signed->note_bytes = checkpoint.checkpoint.bytes_count;
		memcpy(ret_signed->note, checkpoint.checkpoint.bytes, ret_signed->note_bytes);
	}
	return err;
}

static void put_text(struct archive *self, size_t bytes_count, struct oap_blob *blob)
{
	blob->content = READ_CONTENT_TEXT;
	reads_put_piece(blob, (struct slice){ self->page, bytes_count });
}

enum read_fault proofs_answer_checkpoint(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	struct signed_tree tree;
	enum err err;

	(void)msg;
	(void)grant; /* public */
	if (self->hash != MERKLE_SHA256) {
		return READ_FAULT_OTHER_HASH;
	}
	err = newest_signed(self, &tree);
	if (err != ERR_OK) {
		return err == ERR_NOT_FOUND ? READ_FAULT_NOT_SIGNED_YET : reads_fault_of(err, 0);
	}
	memcpy(self->page, tree.note, tree.note_bytes);
	blob->cache = READ_CACHE_ASK;
	put_text(self, tree.note_bytes, blob);
	return READ_FAULT_NONE;
}

/* --- an entry is in a tree --- */

struct inclusion {
	struct hash leaf, root;
	struct merkle_proof proof;
};

static enum err prove_entry(
	struct archive *self, uint64_t seq, uint64_t size, struct inclusion *ret_inclusion)
{
	struct inclusion *in = ret_inclusion;
	enum err err = size > self->size ? ERR_NOT_FOUND : tiles_node(self, 0, seq - 1, &in->leaf);

	if (err == ERR_OK) {
		err = tiles_root(self, size, &in->root);
	}
	if (err == ERR_OK) {
		err = merkle_prove_inclusion(
			self->hash, seq - 1, size, tiles_node, self, &in->proof);
	}
	if (err == ERR_OK && !merkle_verify_inclusion(self->hash, &in->leaf, seq - 1, size,
				     in->proof.hashes, in->proof.hash_count, &in->root)) {
		err = ERR_CORRUPT;
	}
	return err;
}

static void put_inclusion(struct archive *self, uint64_t seq, uint64_t size,
	const struct inclusion *in, struct oap_blob *blob)
{
	struct json_out json;

	json_out_init(&json, self->page, sizeof self->page);
	json_out_object_begin(&json);
	put_u64(&json, "seq", seq);
	put_u64(&json, "size", size);
	put_hash(&json, "root", &in->root);
	put_hash(&json, "leaf_hash", &in->leaf);
	put_proof(&json, &in->proof);
	reads_put_json(blob, &json);
}

/* The entry itself, for whom the token lets see it; empty for others. is_shown: it was looked at
 * already. */
static enum err take_leaf(struct archive *self, uint64_t seq, const struct grant *grant,
	bool is_shown, struct slice *ret_leaf)
{
	struct reader_entry row;
	struct entry entry;
	enum err err;

	*ret_leaf = (struct slice){ NULL, 0 };
	if (grant == NULL && !is_shown) {
		return ERR_OK;
	}
	err = reader_entry(self->reader, seq, &row);
	if (err == ERR_OK) {
		err = entry_decode(row.leaf, &entry);
	}
	if (err != ERR_OK) {
		return ERR_CORRUPT; /* it was committed */
	}
	if (is_shown || archive_may_read(grant, entry.account)) {
		*ret_leaf = row.leaf;
	}
	return ERR_OK;
}

/* As a C2SP tlog-proof, in the tree of the newest checkpoint. */
static enum read_fault answer_signed(struct archive *self, uint64_t seq, const struct grant *grant,
	bool is_shown, struct oap_blob *blob)
{
	struct tlog_proof proof = { .index = seq - 1 };
	struct inclusion inclusion;
	struct signed_tree tree;
	enum err err;

	if (self->hash != MERKLE_SHA256) {
		return READ_FAULT_OTHER_HASH;
	}
	err = newest_signed(self, &tree);
	if (err == ERR_NOT_FOUND || (err == ERR_OK && seq > tree.size)) {
		return READ_FAULT_NOT_SIGNED_YET;
	}
	if (err == ERR_OK) {
		err = prove_entry(self, seq, tree.size, &inclusion);
	}
	if (err == ERR_OK && memcmp(&inclusion.root, &tree.root, sizeof tree.root) != 0) {
		err = ERR_CORRUPT;
	}
	if (err == ERR_OK) {
		err = take_leaf(self, seq, grant, is_shown, &proof.extra);
	}
	if (err != ERR_OK) {
		return reads_fault_of(err, seq);
	}
	proof.path = inclusion.proof;
	proof.checkpoint = (struct slice){ (const uint8_t *)tree.note, tree.note_bytes };
	blob->cache = READ_CACHE_NEVER;
	put_text(self, tlog_proof_print(&proof, (char *)self->page), blob);
	return READ_FAULT_NONE;
}

enum read_fault proofs_answer_shown(struct archive *self, uint64_t seq, struct oap_blob *blob)
{
	return answer_signed(self, seq, NULL, true, blob);
}

enum read_fault proofs_answer_entry(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	struct inclusion inclusion;
	enum err err;

	if (msg->a == 0 || msg->a > self->size) {
		return READ_FAULT_NOT_THERE;
	}
	if (msg->b == READS_NEWEST) {
		return answer_signed(self, msg->a, grant, false, blob);
	}
	err = prove_entry(self, msg->a, msg->b, &inclusion);
	if (err == ERR_OK) {
		put_inclusion(self, msg->a, msg->b, &inclusion, blob);
	}
	return reads_fault_of(err, msg->a);
}

/* --- a tree goes on from another --- */

/* The newest tree that somebody signed, or at least one that reaches so far. */
static uint64_t newest_from(struct archive *self, uint64_t from)
{
	struct signed_tree tree;

	return newest_signed(self, &tree) == ERR_OK && tree.size >= from ? tree.size : self->size;
}

enum read_fault proofs_answer_consistency(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	uint64_t from = msg->a;
	uint64_t to = msg->b == READS_NEWEST ? newest_from(self, from) : msg->b;
	struct hash from_root, to_root;
	struct merkle_proof proof;
	struct json_out json;
	enum err err;

	(void)grant; /* hashes are public */
	err = from > to ? ERR_NOT_FOUND : tiles_root(self, from, &from_root);
	if (err == ERR_OK) {
		err = tiles_root(self, to, &to_root);
	}
	if (err == ERR_OK) {
		err = merkle_prove_consistency(self->hash, from, to, tiles_node, self, &proof);
	}
	if (err == ERR_OK && !merkle_verify_consistency(self->hash, from, &from_root, to, &to_root,
				     proof.hashes, proof.hash_count)) {
		err = ERR_CORRUPT;
	}
	if (err != ERR_OK) {
		return reads_fault_of(err, to);
	}
	json_out_init(&json, self->page, sizeof self->page);
	json_out_object_begin(&json);
	put_u64(&json, "from", from);
	put_u64(&json, "to", to);
	put_hash(&json, "from_root", &from_root);
	put_hash(&json, "to_root", &to_root);
	put_proof(&json, &proof);
	reads_put_json(blob, &json);
	return READ_FAULT_NONE;
}
