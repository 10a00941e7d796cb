/* Who may ask for what (DESIGN-WALL.md section 4). We hold no key of grants, and the prevalidator's
 * word is not believed: each request waits here, as it came, until the sequencer has said that kms
 * sealed its grant and that it covers this. Only then it goes to whom it is for. */
#include "services/rewarder/rewarder.h"

#include <stdlib.h>

#include "core/caveat.h"

/* --- those that wait --- */

static struct answer_route route_of(const struct gate_request *request)
{
	return (struct answer_route){ &request->from, request->edge_process, request->edge_instance,
		request->edge_generation };
}

static struct gate_request *take_out(struct gate *gate, struct gate_request **link)
{
	struct gate_request *request = *link;

	*link = request->next;
	if (request->next == NULL) {
		gate->last = link;
	}
	return request;
}

static void refuse(struct rewarder *self, struct gate_request **link, enum reward_reason reason)
{
	struct gate_request *request = take_out(&self->gate, link);

	answers_refuse(self, route_of(request), reason, NULL, NULL);
	free(request);
}

void gate_init(struct gate *gate)
{
	gate->last = &gate->first;
}

void gate_refuse_all(struct rewarder *self, enum reward_reason reason)
{
	while (self->gate.first != NULL) {
		refuse(self, &self->gate.first, reason);
	}
}

void gate_tick(struct rewarder *self, uint64_t now_mono_ms)
{
	struct gate_request **link = &self->gate.first;

	while (*link != NULL) {
		if ((*link)->deadline_mono_ms > now_mono_ms) {
			link = &(*link)->next;
		} else {
			refuse(self, link, REWARD_REASON_CAP_TIMEOUT);
		}
	}
}

/* --- asking --- */

/* What the sequencer would accuse us of. */
static bool is_sound(const struct oap_judge_grant *question)
{
	return (question->tenant.bytes_count == 0 || reward_is_tenant(question->tenant)) &&
	       (question->epoch.bytes_count == 0 || reward_is_epoch(question->epoch));
}

static enum reward_reason send_question(
	struct rewarder *self, uint64_t id, const struct oap_judge_grant *question)
{
	enum err err;

	if (self->is_draining) {
		return REWARD_REASON_DRAINING;
	}
	if (!is_sound(question)) {
		return REWARD_REASON_SCHEMA;
	}
	if (question->grant.bytes_count == 0) {
		return REWARD_REASON_UNAUTH;
	}
	err = oap_send_judge_grant(rewarder_peer(self, PROCESS_SEQUENCER), id, question);
	if (err == ERR_BUSY) {
		return REWARD_REASON_BUSY;
	}
	return err == ERR_OK ? REWARD_REASON_NONE : REWARD_REASON_CAP_TIMEOUT;
}

/* Room for the frame's payload, which is to be written there; NULL: it was refused. */
static struct gate_request *keep(struct rewarder *self, struct answer_route route,
	uint64_t deadline_mono_ms, const struct oap_judge_grant *question)
{
	struct gate_request *request = malloc(sizeof *request + route.from->payload_bytes);
	enum reward_reason reason = request == NULL
					    ? REWARD_REASON_BUSY
					    : send_question(self, ++self->id_last, question);

	if (reason != REWARD_REASON_NONE) {
		answers_refuse(self, route, reason, NULL, NULL);
		free(request);
		return NULL;
	}
	*request = (struct gate_request){ .from = *route.from,
		.id = self->id_last,
		.edge_process = route.edge_process,
		.edge_instance = route.edge_instance,
		.edge_generation = route.edge_generation,
		.deadline_mono_ms = deadline_mono_ms };
	*self->gate.last = request;
	self->gate.last = &request->next;
	return request;
}

static struct byte_writer payload_of(struct gate_request *request)
{
	return byte_writer_of(request->payload, request->from.payload_bytes);
}

/* Of a message that came in the frame: it was decoded from as many bytes. */
static enum err kept(bool is_whole)
{
	assert(is_whole);
	return ERR_OK;
}

enum err gate_run_compute(
	void *self, const struct oap_from *from, const struct oap_run_compute *msg)
{
	struct gate_request *request = keep(self, ANSWER_ROUTE(from, msg), msg->deadline_mono_ms,
		&(struct oap_judge_grant){ .action = CAVEAT_ACTION_REWARDER_RUN,
			.tenant = msg->tenant,
			.epoch = msg->epoch,
			.grant = msg->grant });
	struct byte_writer out;

	if (request == NULL) {
		return ERR_OK;
	}
	out = payload_of(request);
	return kept(oap_encode_run_compute(&out, msg));
}

enum err gate_run_show(void *self, const struct oap_from *from, const struct oap_run_show *msg)
{
	struct gate_request *request = keep(self, ANSWER_ROUTE(from, msg), msg->deadline_mono_ms,
		&(struct oap_judge_grant){ .action = CAVEAT_ACTION_REWARDER_INSPECT,
			.tenant = msg->tenant,
			.epoch = msg->epoch,
			.grant = msg->grant });
	struct byte_writer out;

	if (request == NULL) {
		return ERR_OK;
	}
	out = payload_of(request);
	return kept(oap_encode_run_show(&out, msg));
}

enum err gate_run_list(void *self, const struct oap_from *from, const struct oap_run_list *msg)
{
	struct gate_request *request = keep(self, ANSWER_ROUTE(from, msg), msg->deadline_mono_ms,
		&(struct oap_judge_grant){ .action = CAVEAT_ACTION_REWARDER_INSPECT,
			.tenant = msg->tenant,
			.grant = msg->grant });
	struct byte_writer out;

	if (request == NULL) {
		return ERR_OK;
	}
	out = payload_of(request);
	return kept(oap_encode_run_list(&out, msg));
}

enum err gate_quarantine_release(
	void *self, const struct oap_from *from, const struct oap_quarantine_release *msg)
{
	struct gate_request *request = keep(self, ANSWER_ROUTE(from, msg), msg->deadline_mono_ms,
		&(struct oap_judge_grant){ .action = CAVEAT_ACTION_REWARDER_QUARANTINE,
			.tenant = msg->tenant,
			.epoch = msg->epoch,
			.grant = msg->grant });
	struct byte_writer out;

	if (request == NULL) {
		return ERR_OK;
	}
	out = payload_of(request);
	return kept(oap_encode_quarantine_release(&out, msg));
}

enum err gate_policy_put(void *self, const struct oap_from *from, const struct oap_policy_put *msg)
{
	struct gate_request *request = keep(self, ANSWER_ROUTE(from, msg), msg->deadline_mono_ms,
		&(struct oap_judge_grant){
			.action = CAVEAT_ACTION_REWARDER_RUN, .grant = msg->grant });
	struct byte_writer out;

	if (request == NULL) {
		return ERR_OK;
	}
	out = payload_of(request);
	return kept(oap_encode_policy_put(&out, msg));
}

enum err gate_policy_show(
	void *owner, const struct oap_from *from, const struct oap_policy_show *msg)
{
	struct rewarder *self = owner;
	struct gate_request *request;
	struct byte_writer out;

	if (msg->grant.bytes_count == 0 && self->worker->config.rewarder_policy_public_read) {
		return rewarder_behind_gate.policy_show(self, from, msg);
	}
	request = keep(self, ANSWER_ROUTE(from, msg), msg->deadline_mono_ms,
		&(struct oap_judge_grant){
			.action = CAVEAT_ACTION_REWARDER_INSPECT, .grant = msg->grant });
	if (request == NULL) {
		return ERR_OK;
	}
	out = payload_of(request);
	return kept(oap_encode_policy_show(&out, msg));
}

/* --- what the sequencer says --- */

static void accuse(struct rewarder *self, const struct oap_from *from, enum err err)
{
	self->worker->mesh.hooks.accuse(self->worker->mesh.self, from, err);
}

/* As if its frame came now. */
static void let_pass(
	struct rewarder *self, struct gate_request *request, const struct id128 *capability)
{
	const struct slice payload = { request->payload, request->from.payload_bytes };
	enum err err;

	self->gate.capability = *capability;
	err = oap_dispatch(&rewarder_behind_gate, self, PROCESS_REWARDER, &request->from, payload);
	if (err != ERR_OK) {
		accuse(self, &request->from, err);
	}
	free(request);
}

enum err gate_judged(
	struct rewarder *self, const struct oap_from *from, const struct oap_judged_grant *msg)
{
	struct gate_request **link = &self->gate.first;

	if (msg->reason >= REWARD_REASON_COUNT ||
		(msg->status != ERR_OK && msg->reason == REWARD_REASON_NONE)) {
		return ERR_MALFORMED;
	}
	while (*link != NULL && (*link)->id != from->corr_id) {
		link = &(*link)->next;
	}
	if (*link == NULL) {
		return ERR_OK; /* its deadline has passed */
	}
	if (msg->reason == REWARD_REASON_NONE) {
		let_pass(self, take_out(&self->gate, link), &msg->capability);
		return ERR_OK;
	}
	if (msg->status != ERR_OK) { /* who brought it made it, or changed it */
		accuse(self, &(*link)->from, (enum err)msg->status);
	}
	refuse(self, link, (enum reward_reason)msg->reason);
	return ERR_OK;
}
