#include <stdlib.h>
#include <string.h>

#include "services/prevalidator/prevalidator.h"

/* Tickets end in random bits (DESIGN-WALL.md section 3). */
static struct job **bucket_of(struct jobs *jobs, uint64_t ticket)
{
	return &jobs->buckets[(ticket ^ ticket >> 32) % JOB_BUCKETS];
}

static bool is_of(const struct job *job, const struct oap_from *from)
{
	const struct oap_from *its = &job->ask.from;

	return its->corr_id == from->corr_id && its->process == from->process &&
	       its->instance == from->instance && its->generation == from->generation;
}

struct job *jobs_find(struct prevalidator *self, const struct oap_from *from)
{
	struct job *job = *bucket_of(&self->jobs, from->corr_id);

	while (job != NULL && !is_of(job, from)) {
		job = job->next;
	}
	return job;
}

static struct slice keep(struct job *job, size_t *used, struct slice bytes)
{
	uint8_t *to = job->bytes + *used;

	if (bytes.bytes_count > 0) {
		memcpy(to, bytes.bytes, bytes.bytes_count);
	}
	*used += bytes.bytes_count;
	return (struct slice){ to, bytes.bytes_count };
}

struct job *jobs_add(struct prevalidator *self, const struct ask *ask)
{
	size_t bytes_count = ask->query.bytes_count + ask->token.bytes_count +
			     ask->body.bytes_count + ask->idem_key.bytes_count +
			     ask->corr_id.bytes_count;
	struct job **bucket = bucket_of(&self->jobs, ask->from.corr_id);
	struct job *job;
	size_t used = 0;

	if (jobs_find(self, &ask->from) != NULL) {
		return NULL;
	}
	job = calloc(1, sizeof *job + bytes_count);
	assert(job != NULL); /* the credit windows bound what we hold */
	job->ask = *ask;
	job->ask.query = keep(job, &used, ask->query);
	job->ask.token = keep(job, &used, ask->token);
	job->ask.body = keep(job, &used, ask->body);
	job->ask.idem_key = keep(job, &used, ask->idem_key);
	job->ask.corr_id = keep(job, &used, ask->corr_id);
	job->next = *bucket;
	*bucket = job;
	self->jobs.count++;
	return job;
}

static void destroy(struct prevalidator *self, struct job *job)
{
	bodies_end(self, job);
	/* a token is as good as a key until it expires */
	explicit_bzero(job->bytes, job->ask.query.bytes_count + job->ask.token.bytes_count);
	free(job);
	self->jobs.count--;
}

void jobs_remove(struct prevalidator *self, struct job *job)
{
	struct job **link = bucket_of(&self->jobs, job->ask.from.corr_id);

	while (*link != job) {
		assert(*link != NULL);
		link = &(*link)->next;
	}
	*link = job->next;
	destroy(self, job);
}

void jobs_each(struct prevalidator *self,
	bool (*finish)(struct prevalidator *self, struct job *job, const void *context),
	const void *context)
{
	for (size_t i = 0; i < JOB_BUCKETS; i++) {
		struct job **link = &self->jobs.buckets[i];

		while (*link != NULL) {
			struct job *job = *link;

			if (finish(self, job, context)) {
				*link = job->next;
				destroy(self, job);
			} else {
				link = &job->next;
			}
		}
	}
}
