/* What is quarantined, what is released and what became of the postponed is in the node's audit
 * log, which the sequencer writes. A release is in force, and told, when its record is on disk. A
 * quarantine is in force at once; as long as its record cannot be written the registry remembers
 * that it is missing, and likewise what was paid, or quarantined, with nobody asking. Between a
 * record on disk and the row that says so a crash may come: then there are two, and none is
 * missing. */
#include "services/rewarder/rewarder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

/* How long a ledger that takes no record is left alone. */
#define RETRY_MS 1000u

static const struct registry_row *first_unrecorded(const struct registry *registry)
{
	for (uint32_t i = 0; i < registry->count; i++) {
		if (registry_row_is_unaudited(registry->rows[i])) {
			return registry->rows[i];
		}
	}
	return NULL;
}

/* The run that it was begun for, if that is still what its epoch has. */
static struct registry_row *row_of(struct rewarder *self, const struct recording *recording)
{
	struct registry_row *row = registry_find(&self->registry,
		reward_name_view(&recording->tenant), reward_name_view(&recording->epoch));

	return row != NULL && quarantine_may_end(row) &&
			       memcmp(&row->run_key, &recording->run_key, sizeof row->run_key) == 0
		       ? row
		       : NULL;
}

static void name(struct recording *recording, uint64_t id, const struct registry_row *row)
{
	recording->id = id;
	recording->tenant = row->tenant;
	recording->epoch = row->epoch;
	recording->run_key = row->run_key;
}

static enum err send_record(
	struct rewarder *self, const struct registry_row *row, const struct oap_record_run *what)
{
	struct oap_record_run msg = *what;

	msg.kind = row->kind;
	msg.run_key = row->run_key;
	msg.commitment = row->commitment;
	msg.tenant = reward_name_view(&row->tenant);
	msg.epoch = reward_name_view(&row->epoch);
	return oap_send_record_run(rewarder_peer(self, PROCESS_SEQUENCER), ++self->id_last, &msg);
}

/* --- quarantined --- */

static void put_off(struct rewarder *self)
{
	struct audits *audits = &self->audits;

	audits->entered.id = 0;
	audits->due_mono_ms = rewarder_now_mono_ms() + RETRY_MS;
	if (!audits->is_deferred) {
		audits->is_deferred = true;
		log_event(
			LOG_AUDIT_DEFERRED, &(struct log_fields){ .count = audits_missing(self) });
	}
}

/* What the calculator said of it may be cut in the middle of a character. */
static struct slice detail_of(const struct registry_row *row)
{
	const uint8_t *text = (const uint8_t *)row->text;
	size_t bytes = strlen(row->text);

	while (!utf8_valid(text, bytes)) {
		bytes--;
	}
	return (struct slice){ text, bytes };
}

static void record_next(struct rewarder *self)
{
	const struct registry_row *row = first_unrecorded(&self->registry);
	struct oap_record_run msg = { .act = QUARANTINE_ENTERED };

	assert(row != NULL);
	msg.ticket = row->ticket;
	msg.text = detail_of(row);
	if (settlement_has_grant(self, row)) {
		msg.grant = (struct slice){ row->grant, row->grant_bytes };
	}
	if (send_record(self, row, &msg) == ERR_OK) {
		name(&self->audits.entered, self->id_last, row);
	} else {
		put_off(self);
	}
}

static void end_entered(struct rewarder *self, enum reward_reason reason)
{
	struct registry_row *row = row_of(self, &self->audits.entered);
	uint32_t grant_bytes;

	if (reason != REWARD_REASON_NONE) {
		put_off(self);
		return;
	}
	self->audits.entered.id = 0;
	self->audits.is_deferred = false;
	if (row == NULL || row->is_audited) {
		return;
	}
	row->is_audited = true;
	grant_bytes = row->grant_bytes;
	row->grant_bytes = 0; /* it was shown */
	if (registry_put(&self->registry, row) != ERR_OK) {
		row->is_audited = false;
		row->grant_bytes = grant_bytes;
		put_off(self);
		return;
	}
	(void)!registry_row_keep(&row->grant, &row->grant_bytes, (struct slice){ NULL, 0 });
}

/* --- drained --- */

/* False: one of them is under way. */
static bool count_drained(const struct registry *registry, struct oap_record_drain *drain)
{
	for (uint32_t i = 0; i < registry->count; i++) {
		const struct registry_row *row = registry->rows[i];

		if (!row->is_drained) {
			continue;
		}
		drain->paid += row->state == REGISTRY_SETTLED;
		drain->quarantined += row->state == REGISTRY_QUARANTINED;
		drain->postponed += row->state == REGISTRY_POSTPONED;
		if (row->has_run || row->state == REGISTRY_EMITTING) {
			return false;
		}
	}
	return true;
}

static bool has_drained(const struct rewarder *self)
{
	return self->brownout.drained_count > 0 && !self->brownout.is_draining;
}

static void record_drain(struct rewarder *self)
{
	struct oap_record_drain drain = { 0 };

	if (!count_drained(&self->registry, &drain)) {
		return;
	}
	if (drain.paid == 0 && drain.quarantined == 0 && drain.postponed == 0) {
		self->brownout.drained_count = 0; /* others have taken their places */
		return;
	}
	if (oap_send_record_drain(
		    rewarder_peer(self, PROCESS_SEQUENCER), ++self->id_last, &drain) == ERR_OK) {
		self->audits.drained_id = self->id_last;
	} else {
		put_off(self);
	}
}

static void end_drained(struct rewarder *self, enum reward_reason reason)
{
	self->audits.drained_id = 0;
	if (reason != REWARD_REASON_NONE || registry_end_drain(&self->registry) != ERR_OK) {
		put_off(self);
		return;
	}
	self->audits.is_deferred = false;
	self->brownout.drained_count = 0;
}

/* --- one after the other --- */

uint64_t audits_missing(const struct rewarder *self)
{
	return self->registry.unaudited_count + has_drained(self);
}

void audits_turn(struct rewarder *self, uint64_t now_mono_ms)
{
	const struct audits *audits = &self->audits;

	if (audits->entered.id != 0 || audits->drained_id != 0 ||
		now_mono_ms < audits->due_mono_ms ||
		rewarder_peer(self, PROCESS_SEQUENCER) == NULL) {
		return;
	}
	if (self->registry.unaudited_count > 0) {
		record_next(self);
	} else if (has_drained(self)) {
		record_drain(self);
	}
}

/* --- released --- */

static struct answer_route route_of(const struct waiter *waiter)
{
	return (struct answer_route){ &waiter->from, waiter->edge_process, waiter->edge_instance,
		waiter->edge_generation };
}

void audits_release(struct rewarder *self, const struct oap_from *from,
	const struct oap_quarantine_release *msg, const struct registry_row *row)
{
	struct recording *recording = calloc(1, sizeof *recording);
	const struct oap_record_run record = { .act = QUARANTINE_RELEASED,
		.ticket = from->corr_id,
		.text = msg->reason,
		.grant = msg->grant };

	if (recording == NULL || send_record(self, row, &record) != ERR_OK) {
		free(recording);
		answers_refuse(self, ANSWER_ROUTE(from, msg), REWARD_REASON_DEP_OUTAGE, NULL, NULL);
		return;
	}
	name(recording, self->id_last, row);
	recording->asker = (struct waiter){ .from = *from,
		.edge_process = msg->edge_process,
		.edge_instance = msg->edge_instance,
		.edge_generation = msg->edge_generation };
	(void)snprintf(recording->reason, sizeof recording->reason, "%.*s",
		(int)msg->reason.bytes_count, (const char *)msg->reason.bytes);
	recording->next = self->audits.releases;
	self->audits.releases = recording;
}

static void release(
	struct rewarder *self, const struct recording *recording, const struct id128 *capability)
{
	struct answer_route route = route_of(&recording->asker);
	struct registry_row *row = row_of(self, recording);

	if (row == NULL) {
		answers_refuse(self, route, REWARD_REASON_NOT_FOUND, NULL, NULL);
		return;
	}
	if (!row->is_released) {
		row->is_released = true;
		if (registry_put(&self->registry, row) != ERR_OK) {
			row->is_released = false;
			answers_refuse(self, route, REWARD_REASON_STORAGE, NULL, NULL);
			return;
		}
		report_run(LOG_RUN_RELEASED, row,
			(struct log_fields){
				.capability_ref = capability, .text = recording->reason });
		brownout_drain(self);
	}
	answers_summary(self, route, row);
}

void audits_refuse_releases(struct rewarder *self, enum reward_reason reason)
{
	while (self->audits.releases != NULL) {
		struct recording *recording = self->audits.releases;

		self->audits.releases = recording->next;
		answers_refuse(self, route_of(&recording->asker), reason, NULL, NULL);
		free(recording);
	}
}

void audits_ledger_lost(struct rewarder *self)
{
	self->audits.entered.id = 0;
	self->audits.drained_id = 0;
	audits_refuse_releases(self, REWARD_REASON_DEP_OUTAGE);
}

/* --- what the sequencer says --- */

enum err audits_recorded(
	struct rewarder *self, const struct oap_from *from, const struct oap_recorded_run *msg)
{
	struct recording **link = &self->audits.releases;
	struct recording *recording;

	if (msg->reason >= REWARD_REASON_COUNT) {
		return ERR_MALFORMED;
	}
	if (from->corr_id == self->audits.entered.id) {
		end_entered(self, (enum reward_reason)msg->reason);
		return ERR_OK;
	}
	if (from->corr_id == self->audits.drained_id) {
		end_drained(self, (enum reward_reason)msg->reason);
		return ERR_OK;
	}
	while (*link != NULL && (*link)->id != from->corr_id) {
		link = &(*link)->next;
	}
	recording = *link;
	if (recording == NULL) {
		return ERR_OK;
	}
	*link = recording->next;
	if (msg->reason != REWARD_REASON_NONE) {
		answers_refuse(self, route_of(&recording->asker), (enum reward_reason)msg->reason,
			NULL, NULL);
	} else {
		release(self, recording, &msg->capability);
	}
	free(recording);
	return ERR_OK;
}
