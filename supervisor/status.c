/* What `macronode status --json` prints; the human form is made from it by the CLI. */
#include "supervisor/supervisor.h"

#include <unistd.h>

#include "common/version.h"
#include "core/json_out.h"
#include "supervisor/advice.h"

static const char *state_text(const struct child *child)
{
	switch (child->state) {
	case CHILD_ABSENT:
		return "absent";
	case CHILD_STARTING:
		return "starting";
	case CHILD_UP:
		break;
	case CHILD_ENDING:
		return "ending";
	case CHILD_WAITING:
		return "waiting";
	case CHILD_GONE:
		return "gone";
	}
	switch ((enum worker_phase)child->phase) {
	case PHASE_STARTING:
	case PHASE_LOADING:
		return "loading";
	case PHASE_SERVING:
		return "serving";
	case PHASE_SAFE_MODE:
		return "safe_mode";
	case PHASE_DRAINED:
		return "drained";
	}
	return "unknown";
}

static void key_u64(struct json_out *out, const char *key, uint64_t value)
{
	json_out_key(out, key);
	json_out_u64(out, value);
}

static void key_text(struct json_out *out, const char *key, const char *value)
{
	json_out_key(out, key);
	json_out_text(out, value);
}

static void key_bool(struct json_out *out, const char *key, bool value)
{
	json_out_key(out, key);
	json_out_bool(out, value);
}

static void write_death(struct json_out *out, const struct death *death)
{
	key_u64(out, "ts_ms", (uint64_t)death->unix_ms);
	key_u64(out, "pid", (uint64_t)death->pid);
	key_text(out, "cause", death->cause);
}

static void write_child(struct json_out *out, const struct child *child)
{
	int64_t up_us = child->pid > 0 ? instant_since(child->started_at, clock_now()).us : 0;

	json_out_object_begin(out);
	key_text(out, "role", process_name(child->process));
	key_u64(out, "instance", child->instance);
	key_text(out, "state", state_text(child));
	key_u64(out, "pid", (uint64_t)child->pid);
	key_u64(out, "uptime_s", (uint64_t)(up_us / 1000000));
	key_u64(out, "restarts", child->restarts);
	key_bool(out, "degraded", child->degraded);
	if (child->text[0] != '\0') {
		key_text(out, "note", child->text);
	}
	if (child->death_last.unix_ms != 0) {
		json_out_key(out, "last_death");
		json_out_object_begin(out);
		write_death(out, &child->death_last);
		json_out_object_end(out);
	}
	json_out_object_end(out);
}

static void write_deaths(struct json_out *out, const struct supervisor *self)
{
	uint64_t kept = self->death_total < DEATHS_KEPT ? self->death_total : DEATHS_KEPT;

	json_out_array_begin(out);
	for (uint64_t i = 0; i < kept; i++) {
		const struct death *death =
			&self->deaths[(self->death_total - 1 - i) % DEATHS_KEPT];
		json_out_object_begin(out);
		key_text(out, "role", process_name(death->who.process));
		key_u64(out, "instance", death->who.instance);
		write_death(out, death);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

/* Numbers of pages are for people's eyes; nothing is decided by them. */
static uint64_t count_of(const struct metrics_page *page, enum metric metric, size_t label)
{
	const struct metrics_row *row = &metrics_rows[metric];
	const _Atomic uint64_t *slots = (const _Atomic uint64_t *)&page->slots;

	return atomic_load_explicit(
		slots + row->slot + label * row->series_slots, memory_order_relaxed);
}

static uint64_t sum_of(const struct supervisor *self, enum metric metric, size_t label)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < self->child_count; i++) {
		sum += count_of(self->children[i].page, metric, label);
	}
	return sum;
}

static void write_queues(struct json_out *out, const struct supervisor *self)
{
	json_out_object_begin(out);
	key_u64(out, "ingress", sum_of(self, METRIC_QUEUE_DEPTH, METRIC_QUEUE_INGRESS));
	key_u64(out, "preval", sum_of(self, METRIC_QUEUE_DEPTH, METRIC_QUEUE_PREVAL));
	key_u64(out, "commit", sum_of(self, METRIC_QUEUE_DEPTH, METRIC_QUEUE_COMMIT));
	json_out_object_end(out);
}

/* Each kind of advice once: at a start most roles have the same. */
static void write_advice(struct json_out *out, struct slice reasons)
{
	unsigned told = 0;
	struct slice reason;
	enum degraded kind;

	json_out_array_begin(out);
	while (advice_next(&reasons, &reason, &kind)) {
		if ((told >> kind & 1u) != 0) {
			continue;
		}
		told |= 1u << kind;
		json_out_object_begin(out);
		json_out_key(out, "reason");
		json_out_string(out, reason);
		key_text(out, "next", advice_text(kind));
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

/* Of the log itself: what it does not say. */
static void write_log(struct json_out *out, const struct supervisor *self)
{
	uint64_t suppressed = 0;

	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		suppressed += count_of(self->own_page, METRIC_LOG_SUPPRESSED, process);
	}
	json_out_object_begin(out);
	key_u64(out, "dropped",
		sum_of(self, METRIC_LOG_DROPPED, METRIC_PLAIN) +
			count_of(self->own_page, METRIC_LOG_DROPPED, METRIC_PLAIN));
	key_u64(out, "suppressed", suppressed);
	json_out_object_end(out);
}

static void write_ledger(struct json_out *out, struct supervisor *self)
{
	const struct child *committer = supervisor_child(self, PROCESS_COMMITTER, 0);

	json_out_object_begin(out);
	key_u64(out, "seq", committer->seq);
	json_out_key(out, "root");
	json_out_hex(out, (struct slice){ committer->root.bytes, HASH_BYTES });
	key_u64(out, "lag_ms", self->readiness.lag_ms);
	key_bool(out, "safe_mode", self->readiness.safe_mode);
	key_text(out, "safe_mode_reason", readiness_safe_mode_reason(self));
	json_out_object_end(out);
}

/* What there is to know without asking the committer, who may not be there to answer. */
static void write_recovery(struct json_out *out, struct supervisor *self)
{
	const struct child *committer = supervisor_child(self, PROCESS_COMMITTER, 0);

	json_out_object_begin(out);
	key_bool(out, "needed", self->readiness.safe_mode);
	key_bool(out, "store_suspect", self->store_suspect);
	key_u64(out, "height", committer->seq);
	json_out_key(out, "root");
	json_out_hex(out, (struct slice){ committer->root.bytes, HASH_BYTES });
	key_text(out, "explained_by", "macronode recover");
	json_out_object_end(out);
}

/* JSON null where no TLS is spoken. */
static void write_certificate(struct json_out *out, const struct supervisor *self)
{
	const struct material *material = &self->material;

	if (!self->config.tls_enabled) {
		json_out_null(out);
		return;
	}
	json_out_object_begin(out);
	key_text(out, "subject", material->subject);
	key_text(out, "key", material->key_kind);
	key_u64(out, "not_after_ms",
		material->not_after_unix_s < 0 ? 0 : (uint64_t)material->not_after_unix_s * 1000);
	json_out_key(out, "days_left");
	json_out_i64(out, material_days_left(material, clock_unix_ms() / 1000));
	json_out_object_end(out);
}

static void write_config(struct json_out *out, const struct supervisor *self)
{
	json_out_object_begin(out);
	key_u64(out, "generation", self->reload.generation);
	key_bool(out, "reloading", self->reload.step != RELOAD_IDLE);
	if (self->reload.last.unix_ms != 0) {
		json_out_key(out, "last_reload");
		reload_result_write(out, &self->reload.last, false);
	}
	json_out_object_end(out);
}

/* The committer's object without its braces. */
static struct slice members_of(struct slice object)
{
	if (object.bytes_count < 2 || object.bytes[0] != '{') {
		return (struct slice){ NULL, 0 };
	}
	return (struct slice){ object.bytes + 1, object.bytes_count - 2 };
}

size_t status_write_recovery(
	struct supervisor *self, struct slice explained, char *buffer, size_t buffer_bytes)
{
	const struct child *committer = supervisor_child(self, PROCESS_COMMITTER, 0);
	struct json_out out;
	size_t bytes = 0;

	json_out_init(&out, (uint8_t *)buffer, buffer_bytes);
	json_out_object_begin(&out);
	key_bool(&out, "safe_mode", self->readiness.safe_mode);
	key_text(&out, "cause", readiness_safe_mode_reason(self));
	key_bool(&out, "store_suspect", self->store_suspect);
	key_u64(&out, "height", committer->seq);
	json_out_key(&out, "root");
	json_out_hex(&out, (struct slice){ committer->root.bytes, HASH_BYTES });
	json_out_key(&out, "next");
	write_advice(&out, self->readiness.reason);
	json_out_key(&out, "explained");
	if (explained.bytes_count == 0) {
		json_out_null(&out);
	} else {
		json_out_object_begin(&out);
		json_out_members(&out, members_of(explained));
		json_out_object_end(&out);
	}
	json_out_object_end(&out);
	return json_out_finish(&out, &bytes) == ERR_OK ? bytes : 0;
}

size_t status_write(struct supervisor *self, char *buffer, size_t buffer_bytes)
{
	struct json_out out;
	size_t bytes = 0;

	json_out_init(&out, (uint8_t *)buffer, buffer_bytes);
	json_out_object_begin(&out);
	key_bool(&out, "ready", self->readiness.ready);
	key_bool(&out, "degraded", self->readiness.degraded);
	key_bool(&out, "draining", self->readiness.draining);
	json_out_key(&out, "reason");
	json_out_string(&out, self->readiness.reason);
	json_out_key(&out, "advice");
	write_advice(&out, self->readiness.reason);
	key_text(&out, "version", version_semver);
	key_u64(&out, "uptime_s",
		(uint64_t)(instant_since(self->started_at, clock_now()).us / 1000000));
	key_bool(&out, "amnesia", self->config.amnesia_enabled);
	key_u64(&out, "supervisor_pid", (uint64_t)getpid());
	json_out_key(&out, "ledger");
	write_ledger(&out, self);
	json_out_key(&out, "recovery");
	write_recovery(&out, self);
	json_out_key(&out, "config");
	write_config(&out, self);
	json_out_key(&out, "certificate");
	write_certificate(&out, self);
	json_out_key(&out, "queues");
	write_queues(&out, self);
	json_out_key(&out, "log");
	write_log(&out, self);
	json_out_key(&out, "processes");
	json_out_array_begin(&out);
	for (size_t i = 0; i < self->child_count; i++) {
		write_child(&out, &self->children[i]);
	}
	json_out_array_end(&out);
	json_out_key(&out, "deaths");
	write_deaths(&out, self);
	json_out_object_end(&out);
	return json_out_finish(&out, &bytes) == ERR_OK ? bytes : 0;
}
