#ifndef SERVICES_REWARDER_H
#define SERVICES_REWARDER_H

/* The rewarder: pays out epochs. So far it holds its links to sequencer and kms, and the key that
 * artefacts will be kept under; runs come with the routes that ask for them. */

#include "common/worker.h"

struct rewarder {
	struct worker *worker;
	uint32_t artefact_key_id; /* 0: kms has not told one yet */
	struct hash artefact_key;
};

extern const struct oap_handlers rewarder_handlers;
extern const struct sandbox_policy rewarder_sandbox;
void rewarder_open(void *self, struct worker *worker);
void rewarder_turn(void *self);
void rewarder_drain(void *self, uint64_t deadline_mono_ms);

#endif
