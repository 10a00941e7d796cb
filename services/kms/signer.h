#ifndef SERVICES_KMS_SIGNER_H
#define SERVICES_KMS_SIGNER_H

/* The node key at work, and the fork rule (DESIGN-LEDGER.md section 6): a checkpoint is signed only
 * if it is proven to continue the largest one that was ever signed, and that is remembered outside
 * of the database (services/kms/signed_file.h), on disk before the signature is made. Every text is
 * built here; no verb signs bytes that its sender chose. */

#include "common/check.h"
#include "common/errors.h"
#include "core/attestation.h"
#include "core/merkle.h"
#include "core/note.h"
#include "proto/verbs.h"
#include "services/kms/keys.h"
#include "services/kms/signed_file.h"

struct signer {
	struct worker *worker;
	struct keys *keys;
	struct signed_file file;
	enum merkle_hash hash;
	char checkpoint[NOTE_SIGNED_BYTES_MAX]; /* the last ones made */
	char audit[NOTE_SIGNED_BYTES_MAX];
	char snapshot[NOTE_SIGNED_BYTES_MAX];
	uint8_t attestation[VERB_SIGNATURE_BYTES];
};

/* What the key signed, as it was left; takes up a request for a new origin (core/new_origin.h).
 * Ends the process, with a sentence, when what is there does not fit the keyring. */
void signer_open(struct signer *signer, struct keys *keys, struct worker *worker, const char *dir);

/* The largest tree that was signed for this origin; size 0: none. */
const struct signed_mark *signer_mark(const struct signer *signer);

/* ERR_OK: both notes, which borrow until the next call. ERR_STALE: old_size is not what was signed
 * last; ERR_CONFLICT: no continuation of it. ERR_MALFORMED: of the sender, no proof at all. */
MUST_CHECK enum err signer_checkpoint(struct signer *signer, const struct oap_sign_checkpoint *ask,
	struct slice *ret_checkpoint, struct slice *ret_audit);

/* A snapshot of the first entries: of a size that was signed, only with the root that was signed
 * (ERR_CONFLICT); of any other archive's word counts, for a snapshot binds nobody to a history. */
MUST_CHECK enum err signer_snapshot(
	struct signer *signer, const struct oap_sign_snapshot *ask, struct slice *ret_note);

/* What a reward run came to (core/attestation.h), at this time. ERR_MALFORMED: the fields are none
 * of a run. */
MUST_CHECK enum err signer_attestation(struct signer *signer,
	const struct oap_sign_attestation *ask, uint64_t now_unix_s, struct slice *ret_signature);

/* For artefacts at rest (spec/rewarder.md R-O16): nobody who has it learns the node's key. */
void signer_artefact_key(const struct signer *signer, uint32_t *ret_key_id, struct hash *ret_key);

/* JSON for `macronode key show`. */
MUST_CHECK enum err signer_show(
	const struct signer *signer, uint8_t *bytes, size_t bytes_max, size_t *ret_bytes);

#endif
