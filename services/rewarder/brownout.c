/* How fast the ledger answers (spec/rewarder.md 9.15): each intent, and a header that nobody knows,
 * which is sent now and then. When it was slow for long, or did not answer an intent at all, or
 * when somebody froze rewards, runs are computed and sealed, but not paid. Behind that what was
 * postponed is computed again, the oldest first, and paid if it comes out the same. */
#include "services/rewarder/rewarder.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES_MIN     20u
#define JUDGE_MS        100u
#define PINGS_IN_WINDOW 50u
#define PING_MS_MIN     10u

void brownout_sample(struct rewarder *self, uint64_t took_ms)
{
	struct brownout *brownout = &self->brownout;

	brownout->samples[brownout->next] = (struct sample){ rewarder_now_mono_ms(),
		took_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ms };
	brownout->next = (brownout->next + 1) % SAMPLES_MAX;
	brownout->count += brownout->count < SAMPLES_MAX;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* False: there are too few in the window to say. */
static bool percentile(const struct brownout *brownout, uint64_t window_ms, unsigned percent,
	uint64_t now_mono_ms, uint32_t *ret_ms)
{
	static uint32_t took[SAMPLES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < brownout->count; i++) {
		if (now_mono_ms - brownout->samples[i].at_mono_ms <= window_ms) {
			took[count++] = brownout->samples[i].took_ms;
		}
	}
	if (count < SAMPLES_MIN) {
		return false;
	}
	qsort(took, count, sizeof *took, compare_u32);
	*ret_ms = took[(count - 1) * percent / 100];
	return true;
}

/* What was cut short last time is taken up as well. */
static void begin_drain(struct rewarder *self)
{
	self->brownout.is_draining = true;
	for (uint32_t i = 0; i < self->registry.count; i++) {
		self->registry.rows[i]->is_retried = false;
	}
}

/* What follows of its two causes. */
static void settle_state(struct rewarder *self)
{
	struct brownout *brownout = &self->brownout;
	bool is_on = brownout->is_slow || brownout->is_frozen;

	if (brownout->is_on && !is_on) {
		begin_drain(self);
	}
	brownout->is_on = is_on;
	brownout->is_draining = brownout->is_draining && !is_on;
	report_tell(self);
}

void brownout_enter(struct rewarder *self, const char *why)
{
	struct brownout *brownout = &self->brownout;

	if (brownout->is_slow) {
		return;
	}
	brownout->is_slow = true;
	brownout->entered_mono_ms = rewarder_now_mono_ms();
	brownout->ping_due_mono_ms = brownout->entered_mono_ms;
	log_event(LOG_BROWNOUT_ENTERED, &(struct log_fields){ .text = why });
	settle_state(self);
}

static void leave(struct rewarder *self)
{
	struct brownout *brownout = &self->brownout;

	brownout->is_slow = false;
	brownout->slow_since_mono_ms = 0;
	log_event(LOG_BROWNOUT_LEFT, NULL);
	settle_state(self);
}

void brownout_frozen(struct rewarder *self, bool is_frozen)
{
	self->brownout.is_told = true;
	if (self->brownout.is_frozen == is_frozen) {
		return;
	}
	self->brownout.is_frozen = is_frozen;
	log_event(is_frozen ? LOG_REWARDS_FROZEN : LOG_REWARDS_RELEASED, NULL);
	settle_state(self);
}

void brownout_drain(struct rewarder *self)
{
	if (!self->brownout.is_on) {
		begin_drain(self);
	}
}

static void judge_slow(struct rewarder *self, uint64_t now_mono_ms)
{
	struct brownout *brownout = &self->brownout;
	const struct config *config = &self->worker->config;
	uint32_t p99 = 0;

	if (!percentile(
		    brownout, (uint64_t)config->brownout_sample_window_ms, 99, now_mono_ms, &p99) ||
		p99 <= config->brownout_enter_p99_ms) {
		brownout->slow_since_mono_ms = 0;
	} else if (brownout->slow_since_mono_ms == 0) {
		brownout->slow_since_mono_ms = now_mono_ms;
	} else if (now_mono_ms - brownout->slow_since_mono_ms >=
		   (uint64_t)config->brownout_enter_for_ms) {
		brownout_enter(self, "the ledger has been slow for brownout.enter_for");
	}
}

static void judge_fast(struct rewarder *self, uint64_t now_mono_ms)
{
	struct brownout *brownout = &self->brownout;
	const struct config *config = &self->worker->config;
	uint64_t window_ms = (uint64_t)config->brownout_exit_window_ms;
	uint32_t p95 = 0;

	if (now_mono_ms - brownout->entered_mono_ms >= window_ms &&
		percentile(brownout, window_ms, 95, now_mono_ms, &p95) &&
		p95 < config->brownout_exit_p95_ms && self->run_count < RUNS_UNFINISHED_SOFT) {
		leave(self);
	}
}

/* --- looking whether it is faster --- */

/* So often that the windows, which may be short, have enough to judge by. */
static uint64_t ping_period_ms(const struct rewarder *self)
{
	const struct config *config = &self->worker->config;
	uint64_t period = (uint64_t)config->brownout_ping_ms;
	uint64_t enough = (uint64_t)config->brownout_exit_window_ms / PINGS_IN_WINDOW;

	if (!self->brownout.is_slow || period < enough) {
		return period;
	}
	return enough < PING_MS_MIN ? PING_MS_MIN : enough;
}

/* A question about an epoch that nobody is paid for: the ledger says that it needs a grant. */
static size_t put_ping(uint8_t header[INTENT_HEADER_BYTES_MAX])
{
	static const char tenant[] = "-", asset[] = "-", epoch[] = "1970-01-01", policy[] = "-";
	struct byte_writer out = byte_writer_of(header, INTENT_HEADER_BYTES_MAX);
	char account[ACCOUNT_BYTES_MAX];
	struct intent intent = {
		.tenant = { (const uint8_t *)tenant, sizeof tenant - 1 },
		.epoch = { (const uint8_t *)epoch, sizeof epoch - 1 },
		.policy_id = { (const uint8_t *)policy, sizeof policy - 1 },
		.asset = { (const uint8_t *)asset, sizeof asset - 1 },
		.pool_total = 1,
		.payout_total = 1,
		.count = 1,
	};

	intent.pool_account.bytes = (const uint8_t *)account;
	intent.pool_account.bytes_count = intent_pool_account(intent.tenant, intent.asset, account);
	intent_encode(&out, &intent);
	return out.used;
}

static void ping(struct rewarder *self, uint64_t now_mono_ms)
{
	struct brownout *brownout = &self->brownout;
	uint64_t deadline_ms = self->worker->config.rewarder_ledger_deadline_ms;
	uint8_t header[INTENT_HEADER_BYTES_MAX];
	struct oap_intent intent = { .deadline_mono_ms = now_mono_ms + deadline_ms };

	if (brownout->ping_sent_mono_ms != 0) {
		if (now_mono_ms - brownout->ping_sent_mono_ms >= deadline_ms) {
			brownout_sample(self, deadline_ms);
			brownout->ping_sent_mono_ms = 0;
		}
		return;
	}
	if (now_mono_ms < brownout->ping_due_mono_ms) {
		return;
	}
	intent.header = (struct slice){ header, put_ping(header) };
	brownout->ping_due_mono_ms = now_mono_ms + ping_period_ms(self);
	brownout->ping_id = ++self->id_last;
	if (oap_send_intent(rewarder_peer(self, PROCESS_SEQUENCER), brownout->ping_id, &intent) ==
		ERR_OK) {
		brownout->ping_sent_mono_ms = now_mono_ms;
	} else if (brownout->is_slow) { /* a node that starts is not there yet, and not slow */
		brownout_sample(self, deadline_ms);
	}
}

bool brownout_pong(struct rewarder *self, uint64_t id)
{
	struct brownout *brownout = &self->brownout;

	if (id != brownout->ping_id) {
		return false;
	}
	if (brownout->ping_sent_mono_ms != 0) {
		brownout_sample(self, rewarder_now_mono_ms() - brownout->ping_sent_mono_ms);
		brownout->ping_sent_mono_ms = 0;
	}
	return true;
}

/* --- what was postponed --- */

/* The oldest that was not taken up yet since it is over. */
static struct registry_row *oldest_postponed(struct rewarder *self)
{
	struct registry_row *oldest = NULL;

	for (uint32_t i = 0; i < self->registry.count; i++) {
		struct registry_row *row = self->registry.rows[i];

		if (row->state == REGISTRY_POSTPONED && !row->is_retried &&
			settlement_has_grant(self, row) && runs_of_row(self, row) == NULL &&
			quarantine_holder(self, row) == NULL &&
			(oldest == NULL || row->admitted_unix_ms < oldest->admitted_unix_ms)) {
			oldest = row;
		}
	}
	return oldest;
}

void brownout_open(struct rewarder *self)
{
	for (uint32_t i = 0; i < self->registry.count; i++) {
		const struct registry_row *row = self->registry.rows[i];

		self->brownout.is_draining |= row->state == REGISTRY_POSTPONED;
		self->brownout.drained_count += row->is_drained;
	}
}

static bool any_is_again(const struct rewarder *self)
{
	const struct run *run = self->runs;

	while (run != NULL && !run->is_again) {
		run = run->next;
	}
	return run != NULL;
}

/* While what became of others is on its way into the audit log nothing is added to it. */
static void drain_one(struct rewarder *self)
{
	struct registry_row *row;

	if (any_is_again(self) || self->audits.drained_id != 0) {
		return;
	}
	row = oldest_postponed(self);
	if (row == NULL) {
		self->brownout.is_draining = false;
		if (self->brownout.drained_count > 0) {
			log_event(LOG_BROWNOUT_DRAINED,
				&(struct log_fields){ .count = self->brownout.drained_count });
		}
		return;
	}
	row->is_retried = true;
	if (runs_resume(self, row, RUN_QUEUED) != NULL) {
		self->brownout.drained_count += !row->is_drained;
		row->is_drained = true;
	}
}

void brownout_tick(struct rewarder *self, uint64_t now_mono_ms)
{
	struct brownout *brownout = &self->brownout;

	ping(self, now_mono_ms);
	if (brownout->is_draining && brownout->is_told && self->artefacts.key_id != 0) {
		drain_one(self);
	}
	if (now_mono_ms - brownout->judged_mono_ms < JUDGE_MS) {
		return;
	}
	brownout->judged_mono_ms = now_mono_ms;
	if (brownout->is_slow) {
		judge_fast(self, now_mono_ms);
	} else {
		judge_slow(self, now_mono_ms);
	}
}
