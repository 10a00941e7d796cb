#ifndef TESTS_SIM_SIM_WORKERS_H
#define TESTS_SIM_SIM_WORKERS_H

/* The real wallet and the real sequencer, without their main: they are started and killed as
 * often as the night likes, and each life begins with zeros. */

#include "common/config.h"
#include "core/batch.h"

/* Both lives take what they need from it. */
struct sim_workers_plan {
	struct config config;
	uint64_t fingerprint_mask;       /* UINT64_MAX; fewer bits make false candidates */
	size_t second_batch_entries;     /* as SECOND_BATCH_ENTRIES_MIN */
	const char *const *issued_names; /* assets that the policy lets be issued; NULL ends */
};
extern struct sim_workers_plan sim_workers_plan;

void sim_workers_init(void); /* once */

void sim_wallet_start(void);
void sim_wallet_kill(void);
void sim_wallet_tick(void);
bool sim_wallet_is_serving(void); /* it says so to operations */

void sim_sequencer_start(void);
void sim_sequencer_kill(void);
void sim_sequencer_tick(void);
bool sim_sequencer_is_serving(void);
struct batch_balance sim_sequencer_balance(struct slice account, struct slice asset);
void sim_sequencer_lanes(struct slice account, uint64_t *ret_debit, uint64_t *ret_issue);

#endif
