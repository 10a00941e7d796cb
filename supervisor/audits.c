/* What the supervisor itself has done, on its way into the chain of audit records. It waits here
 * while the committer is not there or takes no writes (DESIGN-WALL.md section 6), and is asked
 * again until it is on disk: a committer that dies over one may have it already, so a record may be
 * there twice, and never not at all while the node lives. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "supervisor/supervisor.h"

static struct audit_waiting *first_of(struct audits *audits)
{
	return &audits->waiting[audits->first];
}

static void drop_first(struct audits *audits)
{
	free(first_of(audits)->json);
	*first_of(audits) = (struct audit_waiting){ 0 };
	audits->first = (audits->first + 1) % AUDITS_WAITING_MAX;
	audits->count--;
	audits->asked_id = 0;
}

static bool serves(const struct child *committer)
{
	return committer->state == CHILD_UP && committer->phase == PHASE_SERVING;
}

void audits_step(struct supervisor *self)
{
	struct audits *audits = &self->audits;
	const struct audit_waiting *waiting = first_of(audits);
	const struct child *committer = supervisor_child(self, PROCESS_COMMITTER, 0);
	struct oap_audit msg;

	if (audits->count == 0 || audits->asked_id != 0 || !serves(committer)) {
		return;
	}
	msg = (struct oap_audit){
		.kind = waiting->kind,
		.ts_unix_ms = waiting->ts_unix_ms,
		.json = { waiting->json, waiting->json_bytes },
	};
	if (oap_send_audit(mesh_peer_of(&self->mesh, committer->process, committer->instance,
				   committer->generation),
		    audits->id_last + 1, &msg) == ERR_OK) {
		audits->asked_id = ++audits->id_last;
	}
}

void audits_add(struct supervisor *self, enum audit_kind kind, struct slice json)
{
	struct audits *audits = &self->audits;
	struct audit_waiting *waiting;
	uint8_t *copy = malloc(json.bytes_count);

	if (copy == NULL || audits->count == AUDITS_WAITING_MAX) {
		log_event(LOG_AUDIT_LOST, &(struct log_fields){ .excerpt = json });
		free(copy);
		return;
	}
	memcpy(copy, json.bytes, json.bytes_count);
	waiting = &audits->waiting[(audits->first + audits->count++) % AUDITS_WAITING_MAX];
	*waiting = (struct audit_waiting){
		.kind = (uint16_t)kind,
		.ts_unix_ms = (uint64_t)clock_unix_ms(),
		.json = copy,
		.json_bytes = json.bytes_count,
	};
	audits_step(self);
}

enum err audits_answered(
	struct supervisor *self, const struct oap_from *from, const struct oap_audited *msg)
{
	struct audits *audits = &self->audits;

	if (audits->asked_id == 0 || from->corr_id != audits->asked_id) {
		return ERR_OK;
	}
	audits->asked_id = 0;
	audits->is_refused = msg->status != ERR_OK;
	if (!audits->is_refused) {
		drop_first(audits);
		audits_step(self);
	} /* else at the next tick */
	drain_step(self);
	return ERR_OK;
}

bool audits_are_moving(struct supervisor *self)
{
	return self->audits.count > 0 && !audits_are_deferred(self);
}

bool audits_are_deferred(struct supervisor *self)
{
	const struct audits *audits = &self->audits;

	return audits->count > 0 &&
	       (audits->is_refused || !serves(supervisor_child(self, PROCESS_COMMITTER, 0)));
}

void audits_committer_lost(struct supervisor *self)
{
	self->audits.asked_id = 0;
	self->audits.is_refused = false;
}

void audits_finish(struct supervisor *self)
{
	while (self->audits.count > 0) {
		log_event(LOG_AUDIT_LOST,
			&(struct log_fields){ .excerpt = { first_of(&self->audits)->json,
						      first_of(&self->audits)->json_bytes } });
		drop_first(&self->audits);
	}
}
