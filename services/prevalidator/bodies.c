#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"
#include "services/prevalidator/prevalidator.h"

/* Larger bodies are read by the edge only after PROCEED, and come in pieces, in order. */

bool bodies_begin(struct prevalidator *self, struct job *job)
{
	const struct oap_from *from = &job->ask.from;
	struct peer *edge =
		mesh_peer_of(&self->worker->mesh, from->process, from->instance, from->generation);
	struct oap_proceed proceed = { .body_bytes = job->ask.body_bytes };

	assert(job->body == NULL && job->ask.body_bytes > 0);
	if (job->ask.body_bytes > BODIES_BYTES_MAX - self->bodies_bytes) {
		metrics_inc(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN);
		wall_refuse(self, &job->ask, REASON_BUSY, "bodies");
		return false;
	}
	job->body = malloc(job->ask.body_bytes);
	assert(job->body != NULL); /* BODIES_BYTES_MAX is far below what we may have */
	self->bodies_bytes += job->ask.body_bytes;
	(void)!oap_send_proceed(edge, from->corr_id, &proceed); /* gone: its jobs go next */
	return true;
}

enum err bodies_take(struct job *job, const struct oap_body *msg, bool *ret_whole)
{
	uint32_t left = job->ask.body_bytes - job->body_used;

	if (job->body == NULL || msg->offset != job->body_used || msg->bytes.bytes_count == 0 ||
		msg->bytes.bytes_count > left) {
		return ERR_MALFORMED;
	}
	memcpy(job->body + job->body_used, msg->bytes.bytes, msg->bytes.bytes_count);
	job->body_used += (uint32_t)msg->bytes.bytes_count;
	*ret_whole = job->body_used == job->ask.body_bytes;
	if (*ret_whole) {
		job->ask.body = (struct slice){ job->body, job->body_used };
	}
	return ERR_OK;
}

void bodies_end(struct prevalidator *self, struct job *job)
{
	if (job->body != NULL) {
		self->bodies_bytes -= job->ask.body_bytes;
		free(job->body);
		job->body = NULL;
	}
}
