#include "services/kms/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/worker.h"
#include "core/blake3.h"
#include "core/json_out.h"
#include "core/new_origin.h"

_Static_assert(NOTE_SIGNED_BYTES_MAX <= VERB_NOTE_BYTES_MAX, "a note fits its frame");
_Static_assert(MERKLE_PROOF_HASHES_MAX *HASH_BYTES <= VERB_PROOF_BYTES_MAX, "so does a proof");

const struct signed_mark *signer_mark(const struct signer *signer)
{
	return &signer->file.mark;
}

/* --- the start --- */

static bool same_hash(const struct hash *a, const struct hash *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static bool is_of_key(const struct signer *signer)
{
	return same_hash(&signer->file.mark.public_key, &keys_origin_now(signer->keys)->public_key);
}

/* A keyring that was made before there were node keys gets one. */
static void make_first_key(struct signer *signer, int dir_fd, enum err found)
{
	static const struct hash nothing;
	struct signed_mark mark = { .size = 0 };

	if (found != ERR_NOT_FOUND && (found != ERR_OK || signer->file.mark.size > 0)) {
		worker_fail(signer->worker,
			"keys/signed is of a key that the keyring does not hold: the two are of "
			"different copies of the key directory; restore both from one");
	}
	keys_draw_node_key(signer->keys, &mark.public_key);
	signed_file_create(&signer->file, signer->worker, dir_fd, mark);
	if (keys_add_origin(signer->keys, (uint64_t)clock_unix_ms() / 1000, 0, &nothing) !=
		ERR_OK) {
		worker_fail(signer->worker, "the node key cannot be added to the keyring");
	}
}

/* False: nobody asks. */
static bool read_request(struct signer *signer, int dir_fd, char *text, size_t text_bytes,
	struct new_origin *ret_ask)
{
	int fd = openat(dir_fd, NEW_ORIGIN_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t got;

	if (fd < 0 && errno == ENOENT) {
		return false;
	}
	if (fd < 0) {
		worker_fail(signer->worker, "keys/" NEW_ORIGIN_NAME " cannot be opened: %s",
			strerror(errno));
	}
	keys_file_demand_ours(signer->worker, fd, S_IFREG, "keys/" NEW_ORIGIN_NAME);
	do {
		got = read(fd, text, text_bytes);
	} while (got < 0 && errno == EINTR);
	(void)close(fd);
	if (got < 0 || (size_t)got == text_bytes ||
		new_origin_parse((struct slice){ (const uint8_t *)text, (size_t)got }, ret_ask) !=
			ERR_OK) {
		worker_fail(signer->worker,
			"keys/" NEW_ORIGIN_NAME " is no request for a new origin; remove it");
	}
	return true;
}

static bool same_text(struct slice a, struct slice b)
{
	return a.bytes_count == b.bytes_count && memcmp(a.bytes, b.bytes, a.bytes_count) == 0;
}

/* The record first: a mark for a key that is in no keyring would be lost with its seed. */
static void add_asked_origin(struct signer *signer, bool is_known)
{
	struct signed_mark last = is_known ? signer->file.mark : (struct signed_mark){ .size = 0 };
	struct hash public_key;

	keys_draw_node_key(signer->keys, &public_key);
	if (keys_add_origin(signer->keys, (uint64_t)clock_unix_ms() / 1000, last.size,
		    &last.root) != ERR_OK) {
		worker_fail(signer->worker,
			"the keyring cannot be written, or the ledger had %u names already",
			KEYS_ORIGINS_MAX);
	}
}

/* Each step may be the last before a crash: the request stays until all of it is on disk, and
 * none is done twice. */
static void take_up_request(
	struct signer *signer, int dir_fd, const struct new_origin *ask, enum err found)
{
	struct signed_mark mark = { .size = ask->size, .root = ask->root };

	if (same_text(ask->origin, keys_origin(signer->keys))) {
		add_asked_origin(signer, found == ERR_OK && is_of_key(signer));
	} else if (!same_text(ask->origin, keys_origin_before(signer->keys))) {
		worker_fail(signer->worker,
			"keys/" NEW_ORIGIN_NAME " gives up %.*s, but this ledger is %s; remove it",
			(int)ask->origin.bytes_count, (const char *)ask->origin.bytes,
			keys_origin_now(signer->keys)->name);
	}
	mark.public_key = keys_origin_now(signer->keys)->public_key;
	if (found != ERR_OK) {
		signed_file_create(&signer->file, signer->worker, dir_fd, mark);
	} else if (!is_of_key(signer)) {
		signed_file_remember(&signer->file, signer->worker, mark);
	}
	if (unlinkat(dir_fd, NEW_ORIGIN_NAME, 0) != 0 || fsync(dir_fd) != 0) {
		worker_fail(signer->worker, "keys/" NEW_ORIGIN_NAME " cannot be removed: %s",
			strerror(errno));
	}
	log_event(LOG_ORIGIN_CHANGED,
		&(struct log_fields){ .text = keys_origin_now(signer->keys)->name,
			.size = ask->size,
			.root = &ask->root });
}

/* Nobody signs who does not know what was signed before. */
static void demand_known(const struct signer *signer, enum err found)
{
	if (found == ERR_NOT_FOUND) {
		worker_fail(signer->worker,
			"keys/signed is missing: it says what the node key signed, and without it "
			"a fork could be signed; restore it from a copy of the key directory, or "
			"give the origin up: macronode recover --new-origin");
	}
	if (found != ERR_OK) {
		worker_fail(signer->worker,
			"keys/signed is damaged: what the node key signed last is not known; "
			"restore it from a copy of the key directory, or give the origin up: "
			"macronode recover --new-origin");
	}
	if (!is_of_key(signer)) {
		worker_fail(signer->worker,
			"keys/signed is of another node key than the keyring's: the two are of "
			"different copies of the key directory; restore both from one");
	}
}

void signer_open(struct signer *signer, struct keys *keys, struct worker *worker, const char *dir)
{
	char text[NEW_ORIGIN_BYTES_MAX + 1];
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct new_origin ask;
	enum err found;

	signer->worker = worker;
	signer->keys = keys;
	signer->hash =
		worker->config.engine_hash == CONFIG_HASH_BLAKE3 ? MERKLE_BLAKE3 : MERKLE_SHA256;
	signer->file.fd = -1;
	if (dir_fd < 0) {
		worker_fail(worker, "the key directory %s: %s", dir, strerror(errno));
	}
	found = signed_file_open(&signer->file, worker, dir_fd);
	if (keys->origin_count == 0) {
		make_first_key(signer, dir_fd, found);
		found = ERR_OK;
	}
	if (read_request(signer, dir_fd, text, sizeof text, &ask)) {
		take_up_request(signer, dir_fd, &ask, found);
		found = ERR_OK;
	}
	demand_known(signer, found);
	(void)close(dir_fd);
}

/* --- signing --- */

static void sign_text(
	const struct signer *signer, struct slice text, uint8_t ret_signature[VERB_SIGNATURE_BYTES])
{
	(void)crypto_sign_detached(
		ret_signature, NULL, text.bytes, text.bytes_count, signer->keys->secret->node_key);
	metrics_inc(METRIC_PQ_SIGNATURE,
		metrics_label_signature(METRIC_SIGNATURE_ED25519, METRIC_OP_SIGN));
}

static struct slice sign(
	const struct signer *signer, struct slice text, char note[NOTE_SIGNED_BYTES_MAX])
{
	const struct keys_origin *origin = keys_origin_now(signer->keys);
	struct slice name = keys_origin(signer->keys);
	uint8_t signature[NOTE_SIGNATURE_BYTES];
	size_t note_bytes;

	sign_text(signer, text, signature);
	note_bytes = note_print(
		text, name, note_key_id(name, origin->public_key.bytes), signature, note);
	return (struct slice){ (const uint8_t *)note, note_bytes };
}

/* From nothing any tree continues, but the root of an empty one is known. */
static bool continues(const struct signer *signer, const struct oap_sign_checkpoint *ask)
{
	const struct signed_mark *mark = &signer->file.mark;
	struct hash hashes[MERKLE_PROOF_HASHES_MAX];
	size_t hash_count = ask->proof.bytes_count / HASH_BYTES;
	struct hash empty;

	merkle_empty(signer->hash, &empty);
	if (ask->size == 0 && !same_hash(&ask->root, &empty)) {
		return false;
	}
	if (mark->size == 0) {
		return hash_count == 0;
	}
	for (size_t i = 0; i < hash_count; i++) {
		memcpy(hashes[i].bytes, ask->proof.bytes + i * HASH_BYTES, HASH_BYTES);
	}
	return ask->size >= mark->size &&
	       merkle_verify_consistency(signer->hash, mark->size, &mark->root, ask->size,
		       &ask->root, hashes, hash_count);
}

enum err signer_checkpoint(struct signer *signer, const struct oap_sign_checkpoint *ask,
	struct slice *ret_checkpoint, struct slice *ret_audit)
{
	const struct signed_mark *mark = &signer->file.mark;
	struct note_checkpoint checkpoint = {
		.origin = keys_origin(signer->keys), .size = ask->size, .root = ask->root
	};
	struct note_audit audit = {
		.origin = checkpoint.origin, .count = ask->audit_count, .head = ask->audit_head
	};
	char text[NOTE_TEXT_BYTES_MAX];
	size_t text_bytes;

	if (ask->size > MERKLE_SIZE_MAX || ask->audit_count > MERKLE_SIZE_MAX ||
		ask->proof.bytes_count % HASH_BYTES != 0 ||
		ask->proof.bytes_count > MERKLE_PROOF_HASHES_MAX * HASH_BYTES) {
		return ERR_MALFORMED;
	}
	if (ask->old_size != mark->size) {
		return ERR_STALE;
	}
	if (!continues(signer, ask)) {
		return ERR_CONFLICT;
	}
	if (ask->size > mark->size) {
		struct signed_mark next = *mark;

		next.size = ask->size;
		next.root = ask->root;
		signed_file_remember(&signer->file, signer->worker, next);
	}
	text_bytes = note_checkpoint_print(&checkpoint, text);
	*ret_checkpoint = sign(
		signer, (struct slice){ (const uint8_t *)text, text_bytes }, signer->checkpoint);
	text_bytes = note_audit_print(&audit, text);
	*ret_audit =
		sign(signer, (struct slice){ (const uint8_t *)text, text_bytes }, signer->audit);
	return ERR_OK;
}

enum err signer_snapshot(
	struct signer *signer, const struct oap_sign_snapshot *ask, struct slice *ret_note)
{
	const struct signed_mark *mark = &signer->file.mark;
	struct note_snapshot snapshot = {
		.origin = keys_origin(signer->keys),
		.first_seq = ask->first_seq,
		.size = ask->size,
		.root = ask->root,
		.manifest_sha256 = ask->manifest_sha256,
	};
	char text[NOTE_TEXT_BYTES_MAX];
	size_t text_bytes;

	if (ask->size > MERKLE_SIZE_MAX || ask->first_seq > ask->size) {
		return ERR_MALFORMED;
	}
	if (ask->size == mark->size && mark->size > 0 && !same_hash(&ask->root, &mark->root)) {
		return ERR_CONFLICT;
	}
	text_bytes = note_snapshot_print(&snapshot, text);
	*ret_note =
		sign(signer, (struct slice){ (const uint8_t *)text, text_bytes }, signer->snapshot);
	return ERR_OK;
}

enum err signer_attestation(struct signer *signer, const struct oap_sign_attestation *ask,
	uint64_t now_unix_s, struct slice *ret_signature)
{
	struct attestation attestation = {
		.status = (enum attestation_status)ask->run_status,
		.tenant = ask->tenant,
		.epoch = ask->epoch,
		.run_key = ask->run_key,
		.idempotency_key = ask->idempotency_key,
		.commitment = ask->commitment,
		.policy_hash = ask->policy_hash,
		.pool = ask->pool,
		.payout = ask->payout,
		.residual = ask->residual,
		.signed_at_unix_s = now_unix_s,
	};
	uint8_t text[ATTESTATION_BYTES_MAX];
	size_t text_bytes = 0;
	enum err err = attestation_print(&attestation, text, &text_bytes);

	if (err == ERR_OK) {
		sign_text(signer, (struct slice){ text, text_bytes }, signer->attestation);
		*ret_signature = (struct slice){ signer->attestation, sizeof signer->attestation };
	}
	return err;
}

/* The first half of libsodium's key is the seed. */
void signer_artefact_key(const struct signer *signer, uint32_t *ret_key_id, struct hash *ret_key)
{
	static const char context[] = "rwart";
	struct slice name = keys_origin(signer->keys);
	const struct keys_origin *origin = keys_origin_now(signer->keys);

	*ret_key_id = note_key_id(name, origin->public_key.bytes);
	blake3_keyed_hash(signer->keys->secret->node_key, context, sizeof context - 1, ret_key);
}

/* --- showing --- */

enum err signer_show(
	const struct signer *signer, uint8_t *bytes, size_t bytes_max, size_t *ret_bytes)
{
	const struct keys_origin *origin = keys_origin_now(signer->keys);
	const struct signed_mark *mark = &signer->file.mark;
	struct note_vkey vkey = note_vkey_of(keys_origin(signer->keys), origin->public_key.bytes);
	const uint8_t key_id[] = { (uint8_t)(vkey.key_id >> 24), (uint8_t)(vkey.key_id >> 16),
		(uint8_t)(vkey.key_id >> 8), (uint8_t)vkey.key_id };
	char text[NOTE_VKEY_BYTES_MAX];
	struct json_out out;

	(void)note_vkey_print(&vkey, text);
	json_out_init(&out, bytes, bytes_max);
	json_out_object_begin(&out);
	json_out_key(&out, "key_id");
	json_out_hex(&out, (struct slice){ key_id, sizeof key_id });
	json_out_key(&out, "origin");
	json_out_text(&out, origin->name);
	json_out_key(&out, "signed_root");
	if (mark->size == 0) {
		json_out_null(&out);
	} else {
		json_out_hex(&out, (struct slice){ mark->root.bytes, HASH_BYTES });
	}
	json_out_key(&out, "signed_size");
	json_out_u64(&out, mark->size);
	json_out_key(&out, "vkey");
	json_out_text(&out, text);
	json_out_object_end(&out);
	return json_out_finish(&out, ret_bytes);
}
