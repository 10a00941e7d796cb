/* Proofs that an entry is in a tree, and that a tree goes on from another. Each is checked before
 * it leaves: a damaged tile must not look like a forged ledger. */
#include "services/archive/archive.h"

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

enum read_fault proofs_answer_entry(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	struct inclusion inclusion;
	enum err err;

	(void)grant;
	if (msg->a > self->size) {
		return READ_FAULT_NOT_THERE;
	}
	if (msg->b == READS_NEWEST) {
		return READ_FAULT_NOT_SIGNED_YET;
	}
	err = prove_entry(self, msg->a, msg->b, &inclusion);
	if (err == ERR_OK) {
		put_inclusion(self, msg->a, msg->b, &inclusion, blob);
	}
	return reads_fault_of(err, msg->a);
}

/* --- a tree goes on from another --- */

enum read_fault proofs_answer_consistency(struct archive *self, const struct oap_read_tlog *msg,
	const struct grant *grant, struct oap_blob *blob)
{
	uint64_t from = msg->a;
	uint64_t to = msg->b == READS_NEWEST ? self->size : msg->b;
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
