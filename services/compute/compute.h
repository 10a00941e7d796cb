#ifndef SERVICES_COMPUTE_COMPUTE_H
#define SERVICES_COMPUTE_COMPUTE_H

/* A calculator: a run comes in pieces, its result is fetched in pieces.
 *
 *   COMPUTE -> WANTS;  LEDGER, ROWS ..., the last of them -> COMPUTED;  READ -> PIECE ...
 *
 * COMPUTED may come in place of any of the answers before it: it ends here. What is sent behind it
 * for the same run is taken and forgotten.
 *
 *   handlers.c  the run, step by step
 *   arena.c     the memory that it may take
 *   budget.c    the CPU time that it may take
 *   output.c    its manifest and its allocations, as bytes */

#include "common/worker.h"
#include "core/reward_run.h"

/* Memory of one run, counted. Regions are mapped, so that what is given back is given back. */
struct arena {
	struct memory memory;
	size_t used_bytes, used_bytes_max;
};

void arena_init(struct arena *arena, uint64_t bytes_max);

struct output {
	uint8_t *bytes; /* owned; of the arena */
	size_t bytes_count;
	size_t room;
};

struct compute {
	struct worker *worker;
	bool has_run;
	bool is_done; /* COMPUTED was sent */
	uint64_t run_id;
	uint32_t allocations_max;
	uint64_t began_cpu_us;
	struct arena arena;
	struct reward_run run;
	struct output parts[COMPUTE_PART_COUNT];
};

extern const struct oap_handlers compute_handlers;
extern const struct sandbox_policy compute_sandbox;
void compute_open(void *self, struct worker *worker);
void compute_link_lost(void *self, const struct oap_from *whom);
void compute_turn(void *self);

/* budget.c: the kernel ends the process when it has used so much more CPU time. */
uint64_t budget_used_us(void);
void budget_begin(uint64_t cpu_ms);
void budget_end(void);

/* output.c: false: the arena has no room for it. */
MUST_CHECK bool output_manifest(
	struct output *output, const struct memory *memory, const struct reward_facts *facts);
MUST_CHECK bool output_allocations(
	struct output *output, const struct memory *memory, const struct reward_alloc *alloc);
void output_finish(struct output *output, const struct memory *memory);

#endif
