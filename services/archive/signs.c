/* SIGN_SNAPSHOT: whoever made a snapshot has its manifest signed. Archive says which root stands at
 * its end, kms builds the text and signs it; neither signs bytes that a client chose. */
#include "services/archive/archive.h"

#include "common/clock.h"
#include "common/log.h"

static void finish(struct archive *self, const struct oap_blob *blob)
{
	struct sign_job *job = &self->sign;

	job->waits = false;
	reads_send(self, &job->from, &job->route, blob);
}

void signs_fail(struct archive *self, enum read_fault fault)
{
	if (self->sign.waits) {
		finish(self, &(struct oap_blob){ .fault = (uint8_t)fault });
	}
}

/* Where a snapshot ends, a commit does. */
static enum read_fault root_of(struct archive *self, uint64_t size, struct hash *ret_root)
{
	struct schema_root commit;
	enum err err;

	if (size > self->size) {
		return READ_FAULT_NOT_THERE;
	}
	if (size == 0) {
		merkle_empty(self->hash, ret_root);
		return READ_FAULT_NONE;
	}
	err = reader_root_at(self->reader, size, &commit);
	if (err == ERR_OK && commit.last_seq != size) {
		return READ_FAULT_NOT_THERE;
	}
	if (err == ERR_OK) {
		*ret_root = commit.root;
	}
	return reads_fault_of(err, size);
}

enum err signs_accept(struct archive *self, const struct oap_from *from,
	const struct oap_read_tlog *msg, const struct grant *grant, enum read_fault *ret_fault)
{
	struct peer *kms = mesh_peer(&self->worker->mesh, PROCESS_KMS, 0);
	struct sign_job *job = &self->sign;
	struct oap_sign_snapshot ask = { .first_seq = msg->a == 0 ? 0 : 1, .size = msg->a };
	enum err err;

	if (msg->text.bytes_count != HASH_BYTES || msg->offset != 0) {
		return ERR_MALFORMED;
	}
	if (grant == NULL || !archive_may_read(grant, (struct slice){ NULL, 0 })) {
		*ret_fault = READ_FAULT_NOT_ALLOWED;
		return ERR_OK;
	}
	if (job->waits && job->deadline_mono_ms <= (uint64_t)clock_now().monotonic_us / 1000) {
		signs_fail(self, READ_FAULT_DEADLINE);
	}
	if (job->waits || kms == NULL) {
		*ret_fault = job->waits ? READ_FAULT_BUSY : READ_FAULT_CLOSED;
		return ERR_OK;
	}
	*ret_fault = root_of(self, msg->a, &ask.root);
	if (*ret_fault != READ_FAULT_NONE) {
		return ERR_OK;
	}
	memcpy(ask.manifest_sha256.bytes, msg->text.bytes, HASH_BYTES);
	err = oap_send_sign_snapshot(kms, job->id + 1, &ask);
	if (err != ERR_OK) {
		*ret_fault = err == ERR_BUSY ? READ_FAULT_BUSY : READ_FAULT_CLOSED;
		return ERR_OK;
	}
	job->id++;
	job->waits = true;
	job->from = *from;
	job->route =
		(struct read_route){ msg->edge_process, msg->edge_instance, msg->edge_generation };
	job->deadline_mono_ms = msg->deadline_mono_ms;
	return ERR_OK;
}

void signs_signed(
	struct archive *self, const struct oap_from *from, const struct oap_signed_snapshot *msg)
{
	struct oap_blob blob = { .content = READ_CONTENT_TEXT, .cache = READ_CACHE_NEVER };

	if (!self->sign.waits || self->sign.id != from->corr_id) {
		return; /* its deadline passed */
	}
	if (msg->status != ERR_OK) {
		/* Another root of this size was signed: the store is not what it was. */
		log_event(LOG_STORE_FAILED, &(struct log_fields){ .fault = msg->status });
		signs_fail(self, READ_FAULT_CLOSED);
		return;
	}
	reads_put_piece(&blob, msg->note);
	finish(self, &blob);
}
