/* A batch that is larger than a frame, that of an intent, comes in pieces before its head. They are
 * put together here and go into one transaction like any other; until then they are nothing. */
#include <stdlib.h>
#include <string.h>

#include "services/committer/committer.h"

void pieces_drop(struct committer *self)
{
	free(self->pieces.bytes);
	self->pieces = (struct pieces){ .bytes = NULL };
}

/* The first of a batch takes the place of one that was given up: the state was streamed anew. */
static enum err begin(struct committer *self, const struct oap_batch_piece *msg)
{
	pieces_drop(self);
	if (msg->total_bytes > VERB_LARGE_BATCH_BYTES_MAX) {
		return ERR_TOO_LARGE;
	}
	self->pieces = (struct pieces){
		.bytes = malloc(msg->total_bytes),
		.batch_no = msg->batch_no,
		.total_bytes = msg->total_bytes,
	};
	if (self->pieces.bytes == NULL) {
		worker_fail(self->worker, "no memory for a batch of %u bytes",
			(unsigned)msg->total_bytes);
	}
	return ERR_OK;
}

enum err pieces_take(
	struct committer *self, const struct oap_from *from, const struct oap_batch_piece *msg)
{
	struct pieces *pieces = &self->pieces;
	enum err err = ERR_OK;

	mesh_give_back(&self->worker->mesh, from);
	if (msg->bytes.bytes_count == 0) {
		return ERR_MALFORMED;
	}
	if (msg->offset == 0) {
		err = begin(self, msg);
	}
	if (err != ERR_OK) {
		return err;
	}
	if (pieces->bytes == NULL || msg->batch_no != pieces->batch_no ||
		msg->total_bytes != pieces->total_bytes || msg->offset != pieces->filled ||
		msg->bytes.bytes_count > pieces->total_bytes - pieces->filled) {
		return ERR_CONFLICT;
	}
	memcpy(pieces->bytes + pieces->filled, msg->bytes.bytes, msg->bytes.bytes_count);
	pieces->filled += (uint32_t)msg->bytes.bytes_count;
	return ERR_OK;
}

enum err pieces_records(
	const struct committer *self, const struct oap_batch *msg, struct slice *ret_records)
{
	const struct pieces *pieces = &self->pieces;

	if (msg->pieces_bytes == 0) {
		*ret_records = msg->records;
		return ERR_OK;
	}
	if (msg->records.bytes_count != 0 || pieces->bytes == NULL ||
		pieces->batch_no != msg->batch_no || pieces->filled != pieces->total_bytes ||
		pieces->total_bytes != msg->pieces_bytes) {
		return ERR_CONFLICT;
	}
	*ret_records = (struct slice){ pieces->bytes, pieces->total_bytes };
	return ERR_OK;
}
