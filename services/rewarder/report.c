/* What the supervisor and /metrics are told of how it goes. */
#include "services/rewarder/rewarder.h"

#include <stdio.h>
#include <string.h>

#include "common/degraded.h"
#include "common/log.h"

/* By the labels of readyz_degraded. Without those it needs it does not serve, which readiness sees
 * by itself. */
static const enum degraded troubles[METRIC_DIMENSION_DEGRADED_COUNT] = {
	[METRIC_DEGRADED_LEDGER] = DEGRADED_LEDGER,
	[METRIC_DEGRADED_FROZEN] = DEGRADED_REWARDS_FROZEN,
	[METRIC_DEGRADED_BACKPRESSURE] = DEGRADED_REWARDS_BACKPRESSURE,
	[METRIC_DEGRADED_OUTAGE] = DEGRADED_COUNT,
	[METRIC_DEGRADED_DISK] = DEGRADED_REWARDER_DISK,
};

static bool is_whole(struct rewarder *self)
{
	return rewarder_peer(self, PROCESS_SEQUENCER) != NULL &&
	       rewarder_peer(self, PROCESS_ARCHIVE) != NULL &&
	       rewarder_peer(self, PROCESS_COMPUTE) != NULL && self->artefacts.key_id != 0;
}

static unsigned troubles_of(struct rewarder *self)
{
	bool is_full = self->run_count >= RUNS_UNFINISHED_SOFT;

	return (self->brownout.is_slow ? 1u << METRIC_DEGRADED_LEDGER : 0u) |
	       (self->brownout.is_frozen ? 1u << METRIC_DEGRADED_FROZEN : 0u) |
	       (is_full ? 1u << METRIC_DEGRADED_BACKPRESSURE : 0u) |
	       (pressure_is_on(self) ? 1u << METRIC_DEGRADED_DISK : 0u) |
	       (is_whole(self) ? 0u : 1u << METRIC_DEGRADED_OUTAGE);
}

static void name_troubles(unsigned seen, char *text, size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < COUNT_OF(troubles); i++) {
		if ((seen >> i & 1u) != 0 && troubles[i] != DEGRADED_COUNT) {
			used += (size_t)snprintf(text + used, text_bytes - used, "%s%s",
				used == 0 ? "" : "; ", degraded_name(troubles[i]));
			assert(used < text_bytes);
		}
	}
}

void report_tell(struct rewarder *self)
{
	unsigned seen = troubles_of(self);
	bool is_out = (seen >> METRIC_DEGRADED_OUTAGE & 1u) != 0;
	char text[VERB_TEXT_BYTES_MAX];

	self->troubles_told = (uint8_t)seen;
	for (unsigned i = 0; i < COUNT_OF(troubles); i++) {
		metrics_set(METRIC_READYZ_DEGRADED, i, seen >> i & 1u);
	}
	if (self->is_draining) {
		return;
	}
	name_troubles(seen, text, sizeof text);
	worker_report(self->worker, is_out ? PHASE_LOADING : PHASE_SERVING, 0, 0, NULL,
		is_out ? "waiting for archive, sequencer, kms and a calculator" : text);
}

static enum metric_queue queue_of(enum run_step step)
{
	switch (step) {
	case RUN_SEALED:
	case RUN_EMITTING:
		return METRIC_QUEUE_INTENTS;
	case RUN_MANIFEST:
	case RUN_ALLOCATIONS:
	case RUN_SIGNING:
		return METRIC_QUEUE_RESULTS;
	case RUN_QUEUED:
	case RUN_BUNDLE:
	case RUN_STARTED:
	case RUN_LEDGER:
	case RUN_ROWS:
	case RUN_COMPUTING:
		break;
	}
	return METRIC_QUEUE_WORK;
}

static void count_runs(const struct rewarder *self)
{
	uint64_t counts[METRIC_DIMENSION_QUEUE_COUNT] = { 0 };

	for (const struct run *run = self->runs; run != NULL; run = run->next) {
		counts[queue_of(run->step)]++;
	}
	for (unsigned queue = METRIC_QUEUE_WORK; queue <= METRIC_QUEUE_INTENTS; queue++) {
		metrics_set(METRIC_QUEUE_DEPTH, queue, counts[queue]);
		metrics_set(METRIC_QUEUE_CAPACITY, queue,
			queue == METRIC_QUEUE_WORK ? RUNS_QUEUED_MAX : RUNS_UNFINISHED_MAX);
	}
	metrics_set(METRIC_WORK_QUEUE_DEPTH, METRIC_PLAIN, self->run_count);
	metrics_set(METRIC_REWARD_AUDITS_MISSING, METRIC_PLAIN, audits_missing(self));
}

void report_tick(struct rewarder *self)
{
	count_runs(self);
	if (troubles_of(self) != self->troubles_told) {
		report_tell(self);
	}
}

void report_run(enum log_event event, const struct registry_row *row, struct log_fields fields)
{
	char tenant[REWARD_NAME_BYTES_MAX + 1];

	memcpy(tenant, row->tenant.bytes, row->tenant.bytes_count);
	tenant[row->tenant.bytes_count] = '\0';
	fields.tenant = tenant;
	fields.run_key = &row->run_key;
	log_event(event, &fields);
}
