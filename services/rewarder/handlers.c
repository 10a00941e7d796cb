#include "services/rewarder/rewarder.h"

#include "common/reward_reasons.h"

/* An answer to what was never asked: whoever sends it is wrong about us. */
static enum err on_intent_result(
	void *self, const struct oap_from *from, const struct oap_intent_result *msg)
{
	(void)self;
	(void)from;
	(void)msg;
	return ERR_CONFLICT;
}

static enum err on_signed_attestation(
	void *self, const struct oap_from *from, const struct oap_signed_attestation *msg)
{
	(void)self;
	(void)from;
	(void)msg;
	return ERR_CONFLICT;
}

static enum err on_artefact_key(
	void *self, const struct oap_from *from, const struct oap_artefact_key *msg)
{
	struct rewarder *rewarder = self;

	(void)from;
	rewarder->artefact_key_id = msg->key_id;
	rewarder->artefact_key = msg->key;
	return ERR_OK;
}

/* Nothing can be computed yet. */
static enum err refuse(struct rewarder *rewarder, const struct oap_from *from, uint8_t process,
	uint8_t instance, uint32_t generation)
{
	const struct oap_run_reply reply = {
		.status = 503,
		.reason = REWARD_REASON_DEP_OUTAGE,
		.retry_after_s = 5,
	};

	(void)!oap_send_run_reply(
		mesh_peer_of(&rewarder->worker->mesh, process, instance, generation), from->corr_id,
		&reply);
	mesh_give_back(&rewarder->worker->mesh, from);
	return ERR_OK;
}

static enum err on_run_compute(
	void *self, const struct oap_from *from, const struct oap_run_compute *msg)
{
	return refuse(self, from, msg->edge_process, msg->edge_instance, msg->edge_generation);
}

static enum err on_run_show(void *self, const struct oap_from *from, const struct oap_run_show *msg)
{
	return refuse(self, from, msg->edge_process, msg->edge_instance, msg->edge_generation);
}

static enum err on_run_list(void *self, const struct oap_from *from, const struct oap_run_list *msg)
{
	return refuse(self, from, msg->edge_process, msg->edge_instance, msg->edge_generation);
}

static enum err on_quarantine_release(
	void *self, const struct oap_from *from, const struct oap_quarantine_release *msg)
{
	return refuse(self, from, msg->edge_process, msg->edge_instance, msg->edge_generation);
}

static enum err on_policy_put(
	void *self, const struct oap_from *from, const struct oap_policy_put *msg)
{
	return refuse(self, from, msg->edge_process, msg->edge_instance, msg->edge_generation);
}

static enum err on_policy_show(
	void *self, const struct oap_from *from, const struct oap_policy_show *msg)
{
	return refuse(self, from, msg->edge_process, msg->edge_instance, msg->edge_generation);
}

static enum err on_object_piece(void *self, const struct oap_from *from, const struct oap_object_piece *msg)
{
	(void)self;
	(void)from;
	(void)msg;
	return ERR_CONFLICT;
}

static enum err on_compute_wants(void *self, const struct oap_from *from, const struct oap_compute_wants *msg)
{
	(void)self;
	(void)from;
	(void)msg;
	return ERR_CONFLICT;
}

static enum err on_computed(void *self, const struct oap_from *from, const struct oap_computed *msg)
{
	(void)self;
	(void)from;
	(void)msg;
	return ERR_CONFLICT;
}

static enum err on_compute_piece(void *self, const struct oap_from *from, const struct oap_compute_piece *msg)
{
	(void)self;
	(void)from;
	(void)msg;
	return ERR_CONFLICT;
}

const struct oap_handlers rewarder_handlers = {
	.run_compute = on_run_compute,
	.run_show = on_run_show,
	.run_list = on_run_list,
	.quarantine_release = on_quarantine_release,
	.policy_put = on_policy_put,
	.policy_show = on_policy_show,
	.intent_result = on_intent_result,
	.signed_attestation = on_signed_attestation,
	.artefact_key = on_artefact_key,
	.object_piece = on_object_piece,
	.compute_wants = on_compute_wants,
	.computed = on_computed,
	.compute_piece = on_compute_piece,
};

/* --- life --- */

void rewarder_open(void *self, struct worker *worker)
{
	struct rewarder *rewarder = self;

	rewarder->worker = worker;
}

void rewarder_turn(void *self)
{
	struct rewarder *rewarder = self;

	if (rewarder->worker->phase == PHASE_STARTING) {
		worker_report(rewarder->worker, PHASE_SERVING, 0, 0, NULL, "");
	}
}

void rewarder_drain(void *self, uint64_t deadline_mono_ms)
{
	struct rewarder *rewarder = self;

	(void)deadline_mono_ms;
	worker_drained(rewarder->worker, 0); /* nothing is under way */
}
