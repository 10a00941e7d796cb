#include "services/rewarder/rewarder.h"

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

const struct oap_handlers rewarder_handlers = {
	.intent_result = on_intent_result,
	.signed_attestation = on_signed_attestation,
	.artefact_key = on_artefact_key,
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
