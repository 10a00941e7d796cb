/* What is never paid (spec/rewarder.md 9.14): a run whose sealed inputs break an invariant holds
 * its tenant, until somebody releases it. */
#include "services/rewarder/rewarder.h"

#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

static bool is_of_tenant(const struct registry_row *row, const struct registry_row *other)
{
	return row->tenant.bytes_count == other->tenant.bytes_count &&
	       memcmp(row->tenant.bytes, other->tenant.bytes, row->tenant.bytes_count) == 0;
}

bool quarantine_may_end(const struct registry_row *row)
{
	return row->state == REGISTRY_QUARANTINED || row->state == REGISTRY_FAILED;
}

const struct registry_row *quarantine_holder(
	const struct rewarder *self, const struct registry_row *row)
{
	unsigned latch = self->worker->config.rewarder_invariant_latch;

	if (self->registry.held_count == 0 || latch == CONFIG_LATCH_RUN) {
		return NULL;
	}
	for (uint32_t i = 0; i < self->registry.count; i++) {
		const struct registry_row *other = self->registry.rows[i];

		if (registry_row_is_held(other) &&
			(latch == CONFIG_LATCH_SERVICE || is_of_tenant(other, row))) {
			return other;
		}
	}
	return NULL;
}

/* Of the request that the run was begun for; 0: nobody waits for it any more. */
static uint64_t ticket_of(const struct run *run)
{
	uint64_t ticket = 0;

	for (const struct waiter *waiter = run->waiters; waiter != NULL; waiter = waiter->next) {
		ticket = waiter->from.corr_id;
	}
	return ticket;
}

void quarantine_run(struct rewarder *self, struct run *run, enum reward_kind kind, const char *text)
{
	struct registry_row *row = run->row;

	row->kind = (uint8_t)kind;
	if (row->text != text) {
		(void)snprintf(row->text, sizeof row->text, "%s", text);
	}
	row->result = RESULT_NONE;
	row->is_audited = false;
	row->ticket = ticket_of(run);
	if (!rewarder_put(self, run, REGISTRY_QUARANTINED)) {
		return;
	}
	metrics_inc(METRIC_REWARD_RUNS, METRIC_RUN_QUARANTINED);
	metrics_inc(METRIC_QUARANTINE, kind);
	if (kind != REWARD_KIND_SCHEMA) {
		metrics_inc(METRIC_REWARD_INVARIANT_FAIL, kind);
	}
	report_run(LOG_RUN_QUARANTINED, row,
		(struct log_fields){ .reason = reward_kind_name(kind), .text = row->text });
	runs_end(self, run);
}

void quarantine_release(struct rewarder *self, const struct oap_from *from,
	const struct oap_quarantine_release *msg)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);
	const struct registry_row *row = registry_find(&self->registry, msg->tenant, msg->epoch);

	if (row == NULL || !quarantine_may_end(row)) {
		answers_refuse(self, route, REWARD_REASON_NOT_FOUND,
			"no run of that epoch is quarantined, or failed", NULL);
		return;
	}
	if (msg->reason.bytes_count == 0 ||
		!utf8_valid(msg->reason.bytes, msg->reason.bytes_count)) {
		answers_refuse(self, route, REWARD_REASON_SCHEMA,
			"reason: expected why it is released", NULL);
		return;
	}
	if (row->is_released) {
		answers_summary(self, route, row);
	} else if (row->state == REGISTRY_QUARANTINED && !row->is_audited) {
		answers_refuse(self, route, REWARD_REASON_DEP_OUTAGE,
			"that the run is quarantined is not in the audit log yet; repeat the "
			"request later",
			NULL);
	} else {
		audits_release(self, from, msg, row);
	}
}
