/* Which policies may go. The table is full when the node knows POLICIES_MAX of them; then another
 * one takes the place of the one that was not used for longest, by nobody whose run is kept:
 * whoever wants to compute by it again is told that it is unknown, and puts it again. What was put,
 * or computed by, less than rewarder.retain_runs ago stays in any case: an epoch may be about to
 * come. */
#include "services/rewarder/rewarder.h"

#include <string.h>

static void mark(struct rewarder *self, const struct registry_row *row, bool is_needed)
{
	struct policies *policies = &self->policies;
	const struct policies_row *found =
		policies_find(policies, reward_name_view(&row->policy_id));
	struct policies_row *policy;

	if (found == NULL || memcmp(&found->hash, &row->policy_hash, sizeof found->hash) != 0) {
		return;
	}
	policy = &policies->rows[found - policies->rows];
	policy->is_needed = policy->is_needed || is_needed;
	if (row->changed_unix_ms > policy->used_unix_ms) {
		policy->used_unix_ms = row->changed_unix_ms;
	}
}

static void mark_all(struct rewarder *self)
{
	struct policies *policies = &self->policies;
	uint64_t now_unix_ms = (uint64_t)clock_unix_ms();
	uint64_t keep_ms = (uint64_t)self->worker->config.rewarder_retain_runs_ms;

	for (size_t i = 0; i < policies->count; i++) {
		policies->rows[i].is_needed = false;
	}
	for (uint32_t i = 0; i < self->registry.count; i++) {
		mark(self, self->registry.rows[i], !registry_row_is_idle(self->registry.rows[i]));
	}
	for (const struct run *run = self->runs; run != NULL; run = run->next) {
		mark(self, run->row, true);
	}
	for (size_t i = 0; i < policies->count; i++) {
		struct policies_row *policy = &policies->rows[i];

		policy->is_needed =
			policy->is_needed || policy->used_unix_ms + keep_ms > now_unix_ms;
	}
}

static void tell(const struct rewarder *self)
{
	uint64_t needed = 0;

	for (size_t i = 0; i < self->policies.count; i++) {
		needed += self->policies.rows[i].is_needed;
	}
	metrics_set(METRIC_REWARD_POLICIES_NEEDED, METRIC_PLAIN, needed);
}

void policies_room_look(struct rewarder *self)
{
	mark_all(self);
	tell(self);
}

bool policies_room_make(struct rewarder *self)
{
	struct policies *policies = &self->policies;
	struct policies_row *oldest = NULL;

	policies_room_look(self);
	for (size_t i = 0; i < policies->count; i++) {
		struct policies_row *row = &policies->rows[i];

		if (!row->is_needed &&
			(oldest == NULL || row->used_unix_ms < oldest->used_unix_ms)) {
			oldest = row;
		}
	}
	if (oldest == NULL) {
		return false;
	}
	log_event(LOG_POLICY_FORGOTTEN, &(struct log_fields){ .root = &oldest->hash });
	policies_forget(policies, oldest);
	return true;
}
