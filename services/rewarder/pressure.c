/* A disk that is full: no run is begun and no policy taken while free space is below what objects
 * and artefacts leave, which is twice what the ledger and the registry leave: what was admitted can
 * be brought to its end. A run whose next step could not be written stays as it is on disk, and
 * goes on when there is room. */
#include "services/rewarder/rewarder.h"

/* Free space changes by what others do, too, and nothing tells. */
#define LOOK_MS 1000u

void pressure_tick(struct rewarder *self, uint64_t now_mono_ms)
{
	struct pressure *pressure = &self->pressure;
	uint64_t reserve_bytes = self->worker->config.engine_disk_reserve_bytes;
	bool is_full;

	if (now_mono_ms < pressure->due_mono_ms) {
		return;
	}
	pressure->due_mono_ms = now_mono_ms + LOOK_MS;
	self->artefacts.space.reserve_bytes = 2 * reserve_bytes; /* a reload may have changed it */
	self->policies.space.reserve_bytes = 2 * reserve_bytes;
	self->registry.journal.space.reserve_bytes = reserve_bytes;
	is_full = artefacts_check_space(&self->artefacts) == ERR_NO_SPACE;
	if (is_full && !pressure->is_on) {
		log_event(LOG_ARTEFACTS_UNWRITABLE, &(struct log_fields){ .fault = ERR_NO_SPACE });
	}
	pressure->is_on = is_full;
	if (!is_full && pressure->is_stalled && !self->is_draining && self->is_resumed) {
		pressure->is_stalled = false;
		runs_resume_all(self);
	}
}

void pressure_stall(struct rewarder *self)
{
	self->pressure.is_stalled = true;
	self->pressure.due_mono_ms = rewarder_now_mono_ms() + LOOK_MS;
}

bool pressure_is_on(const struct rewarder *self)
{
	return self->pressure.is_on || self->pressure.is_stalled;
}
