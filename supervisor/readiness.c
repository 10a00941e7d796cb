/* Readiness (spec/ledger.md section 7, spec/node.md section 7): from what workers report on
 * fd 3 and what the supervisor sees of them, never from metrics pages, which a captured worker
 * can write. The edges are told whenever it changes. */
#include "supervisor/supervisor.h"

#include <string.h>

#include "common/degraded.h"
#include "common/log.h"

struct reasons {
	char *text;
	size_t bytes, used;
	const char *safe_mode; /* whose words are there already; NULL: nobody's */
};

/* Cut where there is no room for all. */
static void add_text(struct reasons *reasons, const char *text)
{
	size_t room = reasons->bytes - reasons->used - 1;
	size_t length = strnlen(text, room);

	memcpy(reasons->text + reasons->used, text, length);
	reasons->used += length;
	reasons->text[reasons->used] = '\0';
}

/* A worker's own words are reasons of common/degraded.h, too. */
static void add_words(struct reasons *reasons, const char *words, const char *about)
{
	if (reasons->used > 0) {
		add_text(reasons, "; ");
	}
	add_text(reasons, words);
	add_text(reasons, about);
}

static void add_reason(struct reasons *reasons, enum degraded reason, const char *about)
{
	add_words(reasons, degraded_name(reason), about);
}

/* The committer and the sequencer often have one cause, which is one reason. */
static void add_safe_mode(struct reasons *reasons, const char *why)
{
	if (reasons->safe_mode == NULL || strcmp(reasons->safe_mode, why) != 0) {
		add_reason(reasons, DEGRADED_SAFE_MODE, why);
		reasons->safe_mode = why;
	}
}

/* One instance of a role serves, at least: that is what the others are there for. Those that do
 * not are named, and the node is degraded. */
static bool serves(struct supervisor *self, unsigned process, struct reasons *reasons)
{
	bool any = false;

	for (size_t i = 0; i < self->child_count; i++) {
		const struct child *child = &self->children[i];
		if (child->process != process || process_is_of_admin(supervisor_id(child))) {
			continue;
		}
		if (child->state == CHILD_UP && child->phase == PHASE_SERVING) {
			any = true;
			continue;
		}
		if (child->state == CHILD_UP && child->phase == PHASE_SAFE_MODE) {
			add_safe_mode(reasons, child->text);
		} else if (process == PROCESS_COMMITTER && self->store_suspect) {
			add_safe_mode(reasons, self->store_suspect_text);
		} else if (!child->was_ready || child->state == CHILD_UP) {
			add_reason(reasons, DEGRADED_STARTING, process_name(process));
		} else {
			add_reason(reasons, DEGRADED_RESTARTING, process_name(process));
		}
	}
	return any;
}

/* Also between the death of a committer by a failed sync and the word of the next one. */
static bool in_safe_mode(const struct supervisor *self)
{
	if (self->store_suspect) {
		return true;
	}
	for (size_t i = 0; i < self->child_count; i++) {
		if (self->children[i].phase == PHASE_SAFE_MODE) {
			return true;
		}
	}
	return false;
}

/* The committer's word first: the sequencer's is about what it was streamed. */
const char *readiness_safe_mode_reason(struct supervisor *self)
{
	static const unsigned tellers[] = { PROCESS_COMMITTER, PROCESS_SEQUENCER };

	for (size_t i = 0; i < COUNT_OF(tellers); i++) {
		const struct child *child = supervisor_child(self, tellers[i], 0);
		if (child != NULL && child->phase == PHASE_SAFE_MODE) {
			return child->text;
		}
	}
	return self->store_suspect ? self->store_suspect_text : "";
}

static uint64_t lag_ms_of(struct supervisor *self)
{
	const struct child *sequencer = supervisor_child(self, PROCESS_SEQUENCER, 0);

	return sequencer == NULL ? 0 : sequencer->lag_ms;
}

static void name_crashing(struct supervisor *self, struct reasons *reasons)
{
	for (size_t i = 0; i < self->child_count; i++) {
		if (self->children[i].degraded) {
			add_reason(reasons, DEGRADED_CRASHING,
				process_name(self->children[i].process));
		}
	}
}

/* Archive serves, and says that it can do so but for that. */
static void name_objects(struct supervisor *self, struct reasons *reasons)
{
	const struct child *archive = supervisor_child(self, PROCESS_ARCHIVE, 0);

	if (archive != NULL && archive->state == CHILD_UP && archive->phase == PHASE_SERVING &&
		archive->text[0] != '\0') {
		add_words(reasons, archive->text, "");
	}
}

/* So does the rewarder: runs are computed, and paid later. */
static void name_rewarder(struct supervisor *self, struct reasons *reasons)
{
	const struct child *rewarder = supervisor_child(self, PROCESS_REWARDER, 0);

	if (rewarder != NULL && rewarder->state == CHILD_UP && rewarder->phase == PHASE_SERVING &&
		rewarder->text[0] != '\0') {
		add_words(reasons, rewarder->text, "");
	}
}

/* Whoever is on the local socket is served all the same. */
static void name_certificate(const struct supervisor *self, struct reasons *reasons)
{
	int64_t now_unix_s = clock_unix_ms() / 1000;

	if (self->config.tls_enabled && (now_unix_s < self->material.not_before_unix_s ||
						now_unix_s > self->material.not_after_unix_s)) {
		add_reason(reasons, DEGRADED_CERTIFICATE, "");
	}
}

/* Without it the ledger serves, and nobody can ask for anything over the admin plane but for what
 * needs no token. Its first start delays nobody. */
static void name_admin(struct supervisor *self, struct reasons *reasons)
{
	const struct child *child =
		supervisor_child(self, PROCESS_PREVALIDATOR, PREVALIDATOR_OF_ADMIN);
	bool is_first = !child->was_ready || (child->state == CHILD_UP && child->restarts == 0);

	if (!is_first && (child->state != CHILD_UP || child->phase != PHASE_SERVING)) {
		add_reason(reasons, DEGRADED_RESTARTING, process_title(supervisor_id(child)));
	}
}

static void compute(struct supervisor *self, struct oap_readiness *ret, struct reasons *reasons)
{
	memset(ret, 0, sizeof *ret);
	ret->draining = self->drain_stage > 0;
	if (ret->draining) {
		add_reason(reasons, DEGRADED_DRAINING, "");
	}
	ret->kms_ready = serves(self, PROCESS_KMS, reasons);
	ret->committer_ready = serves(self, PROCESS_COMMITTER, reasons);
	ret->sequencer_ready = serves(self, PROCESS_SEQUENCER, reasons);
	ret->archive_ready = serves(self, PROCESS_ARCHIVE, reasons);
	ret->wallet_ready = serves(self, PROCESS_WALLET, reasons);
	ret->prevalidator_ready = serves(self, PROCESS_PREVALIDATOR, reasons);
	/* Without it the ledger serves, so a balancer has no reason to leave. */
	ret->rewarder_used = self->config.rewarder_enabled;
	ret->rewarder_ready = ret->rewarder_used && serves(self, PROCESS_REWARDER, reasons);
	bool open = serves(self, PROCESS_INGRESS, reasons);
	ret->safe_mode = in_safe_mode(self);
	ret->disk_full = strcmp(readiness_safe_mode_reason(self), SAFE_MODE_DISK_FULL) == 0;
	ret->lag_ms = lag_ms_of(self);
	bool lagging = ret->lag_ms > self->config.readiness_committer_lag_ms_max;
	if (lagging) {
		add_reason(reasons, DEGRADED_LAG, "");
	}
	name_crashing(self, reasons);
	name_objects(self, reasons);
	name_rewarder(self, reasons);
	name_admin(self, reasons);
	name_certificate(self, reasons);
	ret->ready = !ret->draining && open && ret->kms_ready && ret->committer_ready &&
		     ret->sequencer_ready && ret->archive_ready && ret->wallet_ready &&
		     ret->prevalidator_ready && !ret->safe_mode && !lagging;
	ret->degraded = !ret->ready || reasons->used > 0;
	ret->reason = (struct slice){ (const uint8_t *)reasons->text, reasons->used };
}

static void write_metrics(struct supervisor *self)
{
	metrics_set(METRIC_READY_STATE, METRIC_BOOL_TRUE, self->readiness.ready);
	metrics_set(METRIC_READY_STATE, METRIC_BOOL_FALSE, !self->readiness.ready);
	metrics_set(METRIC_LEDGER_SAFE_MODE, METRIC_PLAIN, self->readiness.safe_mode);
	for (size_t i = 0; i < self->child_count; i++) {
		const struct child *child = &self->children[i];
		if (process_is_of_admin(supervisor_id(child))) {
			continue; /* its role is what the API needs */
		}
		bool serving = child->state == CHILD_UP && child->phase == PHASE_SERVING;
		metrics_set(METRIC_READYZ_STATE, child->process,
			serving ? (child->degraded ? 1 : 2) : 0);
	}
}

void readiness_tell(struct supervisor *self, struct child *edge)
{
	if (edge->process != PROCESS_ADMIN && edge->process != PROCESS_INGRESS) {
		return;
	}
	(void)!oap_send_readiness(
		mesh_peer_of(&self->mesh, edge->process, edge->instance, edge->generation), 0,
		&self->readiness);
}

static bool is_same(const struct oap_readiness *a, const struct oap_readiness *b)
{
	return a->ready == b->ready && a->degraded == b->degraded && a->draining == b->draining &&
	       a->safe_mode == b->safe_mode && a->disk_full == b->disk_full &&
	       a->kms_ready == b->kms_ready && a->sequencer_ready == b->sequencer_ready &&
	       a->committer_ready == b->committer_ready && a->archive_ready == b->archive_ready &&
	       a->wallet_ready == b->wallet_ready && a->rewarder_used == b->rewarder_used &&
	       a->rewarder_ready == b->rewarder_ready &&
	       a->prevalidator_ready == b->prevalidator_ready && a->lag_ms == b->lag_ms &&
	       a->reason.bytes_count == b->reason.bytes_count &&
	       memcmp(a->reason.bytes, b->reason.bytes, a->reason.bytes_count) == 0;
}

void readiness_update(struct supervisor *self)
{
	char text[VERB_TEXT_BYTES_MAX] = "";
	struct reasons reasons = { .text = text, .bytes = sizeof text };
	struct oap_readiness now;

	compute(self, &now, &reasons);
	bool is_news = !self->ready_told || !is_same(&now, &self->readiness);
	events_readiness(self, &now, &self->readiness);
	memcpy(self->readiness_reason, text, sizeof text);
	self->readiness = now;
	self->readiness.reason.bytes = (const uint8_t *)self->readiness_reason;
	write_metrics(self); /* also when only a role's own state moved */
	notify_update(self);
	if (!is_news) {
		return;
	}
	self->ready_told = true;
	for (size_t i = 0; i < self->child_count; i++) {
		if (self->children[i].state == CHILD_UP) {
			readiness_tell(self, &self->children[i]);
		}
	}
}
