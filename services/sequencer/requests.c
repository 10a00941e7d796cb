#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "services/sequencer/sequencer.h"

/* --- lists --- */

void requests_init(struct request_list *list)
{
	*list = (struct request_list){ .last = &list->first, .deadline_first_ms = UINT64_MAX };
}

static void note(struct request_list *list, const struct request *request)
{
	if (request->deadline_mono_ms < list->deadline_first_ms) {
		list->deadline_first_ms = request->deadline_mono_ms;
	}
	list->count++;
	list->entry_count += request->draft_count;
}

void requests_append(struct request_list *list, struct request *request)
{
	request->next = NULL;
	*list->last = request;
	list->last = &request->next;
	note(list, request);
}

void requests_prepend(struct request_list *list, struct request *request)
{
	request->next = list->first;
	if (list->first == NULL) {
		list->last = &request->next;
	}
	list->first = request;
	note(list, request);
}

struct request *requests_take(struct request_list *list)
{
	struct request *request = list->first;

	if (request == NULL) {
		return NULL;
	}
	list->first = request->next;
	if (list->first == NULL) {
		list->last = &list->first;
	}
	list->count--;
	list->entry_count -= request->draft_count;
	return request;
}

void requests_destroy(struct request *request)
{
	if (request == NULL) {
		return;
	}
	rows_forget(request);
	intents_forget(request);
	free(request);
}

/* --- arriving --- */

uint64_t requests_now_mono_ms(void)
{
	return (uint64_t)(clock_now().monotonic_us / 1000);
}

struct slice requests_keep(struct request *request, size_t *used, struct slice bytes)
{
	uint8_t *to = request->bytes + *used;

	if (bytes.bytes_count > 0) {
		memcpy(to, bytes.bytes, bytes.bytes_count);
	}
	*used += bytes.bytes_count;
	return (struct slice){ to, bytes.bytes_count };
}

/* The tag is checked here and by nobody before us: a forged grant accuses the prevalidator. A
 * grant of a kms that we don't know of is late, or we are new: the client tries again. */
enum err requests_open_grant(
	const struct sequencer *self, struct request *request, struct slice sealed)
{
	enum err err = grant_keys_open(&self->keys, sealed, &request->grant);

	request->grant_good = err == ERR_OK;
	return err == ERR_STALE ? ERR_OK : err;
}

struct request *requests_create(struct sequencer *self, const struct oap_from *from,
	uint64_t deadline_mono_ms, size_t bytes_count)
{
	struct request *request = malloc(sizeof *request + bytes_count);

	assert(request != NULL); /* the credit windows bound what we hold */
	*request = (struct request){
		.sequencer = self,
		.from = *from,
		.deadline_mono_ms = deadline_mono_ms,
		.bytes_count = bytes_count,
	};
	return request;
}

enum detail requests_why_not(const struct sequencer *self)
{
	if (self->draining) {
		return DETAIL_DRAINING;
	}
	if (self->disk_full) {
		return DETAIL_DISK_FULL; /* also while what is on it comes anew */
	}
	if (self->phase == PHASE_SAFE_MODE) {
		return DETAIL_SAFE_MODE;
	}
	return self->phase == PHASE_SERVING ? DETAIL_NONE : DETAIL_STARTING;
}

/* To the queue, or refused at once. */
static enum err enqueue(struct sequencer *self, struct request *request, enum err grant_err)
{
	enum detail why_not = requests_why_not(self);

	if (grant_err != ERR_OK) {
		requests_destroy(request);
		return grant_err;
	}
	if (!request->grant_good) {
		answers_refuse(self, request, DETAIL_GRANT_STALE);
	} else if (grant_is_expired(&request->grant, requests_now_mono_ms())) {
		answers_refuse(self, request, DETAIL_GRANT_EXPIRED);
	} else if (why_not != DETAIL_NONE) {
		answers_refuse(self, request, why_not);
	} else {
		requests_append(&self->waiting, request);
	}
	return ERR_OK;
}

enum err requests_accept(
	struct sequencer *self, const struct oap_from *from, const struct oap_submit *msg)
{
	size_t bytes_count =
		msg->idem_id.bytes_count + msg->grant.bytes_count + msg->drafts.bytes_count;
	struct request *request;
	size_t used = 0;

	if (msg->draft_count == 0 || msg->draft_count > self->limits.request_entries_max ||
		msg->mode > 1 || msg->dry_run > 1) {
		return ERR_MALFORMED;
	}
	request = requests_create(self, from, msg->deadline_mono_ms, bytes_count);
	request->source = SOURCE_INGEST;
	request->route = (struct reply_route){ msg->edge_process, msg->edge_instance,
		msg->edge_generation, from->corr_id };
	request->work = trace_work_of(from->corr_id);
	request->atomic = msg->mode == 1;
	request->dry_run = msg->dry_run == 1;
	request->draft_count = msg->draft_count;
	request->idem_id = requests_keep(request, &used, msg->idem_id);
	request->drafts = requests_keep(request, &used, msg->drafts);
	return enqueue(self, request,
		requests_open_grant(self, request, requests_keep(request, &used, msg->grant)));
}

enum err requests_accept_op(
	struct sequencer *self, const struct oap_from *from, const struct oap_op_submit *msg)
{
	struct request *request;
	size_t used = 0;

	if (!operations_are_sound(msg->draft)) {
		return ERR_MALFORMED; /* the wallet made it, of what it had looked at */
	}
	request = requests_create(
		self, from, msg->deadline_mono_ms, msg->grant.bytes_count + msg->draft.bytes_count);
	request->source = SOURCE_V1;
	request->route = (struct reply_route){ from->process, from->instance, from->generation,
		from->corr_id };
	request->work = trace_work_of(msg->ticket);
	request->draft_count = 1;
	request->drafts = requests_keep(request, &used, msg->draft);
	return enqueue(self, request,
		requests_open_grant(self, request, requests_keep(request, &used, msg->grant)));
}

/* --- ending --- */

static void drop_late_of(struct sequencer *self, struct request_list *list)
{
	struct request_list still;
	uint64_t now = requests_now_mono_ms();

	if (now < list->deadline_first_ms) {
		return; /* a batch is formed every millisecond, a deadline lasts seconds */
	}
	requests_init(&still);
	for (struct request *request = requests_take(list); request != NULL;
		request = requests_take(list)) {
		if (request->deadline_mono_ms <= now) {
			answers_refuse(self, request, DETAIL_DEADLINE);
		} else {
			requests_append(&still, request);
		}
	}
	requests_init(list);
	for (struct request *request = requests_take(&still); request != NULL;
		request = requests_take(&still)) {
		requests_append(list, request);
	}
}

/* Before admission, never after: what was judged is answered however late it is. */
void requests_drop_late(struct sequencer *self)
{
	drop_late_of(self, &self->waiting);
	drop_late_of(self, &self->parked);
	intents_drop_late(self);
}

static void forget_of(struct request_list *list, const struct oap_from *whom)
{
	struct request_list others;
	struct request *request;

	requests_init(&others);
	while ((request = requests_take(list)) != NULL) {
		if (request->from.process == whom->process &&
			request->from.generation == whom->generation) {
			requests_destroy(request);
		} else {
			requests_append(&others, request);
		}
	}
	requests_init(list);
	while ((request = requests_take(&others)) != NULL) {
		requests_append(list, request);
	}
}

void requests_forget(struct sequencer *self, const struct oap_from *whom)
{
	forget_of(&self->waiting, whom);
	forget_of(&self->parked, whom);
}

void requests_refuse_all(struct sequencer *self, enum detail detail)
{
	struct request *request;

	while ((request = requests_take(&self->waiting)) != NULL) {
		answers_refuse(self, request, detail);
	}
	while ((request = requests_take(&self->parked)) != NULL) {
		answers_refuse(self, request, detail);
	}
	quarantines_refuse_all(self);
}
