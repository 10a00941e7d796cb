/* What happens to the node, for GET /events of the admin plane (common/node_events.h). The last of
 * them are kept, so that an admin that was started again can tell them to a client that comes back.
 *
 * An id is the number of the event in this life of the node, on top of the time of its start: ids
 * rise over restarts, too, as long as there are less than EVENTS_PER_MS of them a millisecond. */
#include "supervisor/supervisor.h"

#include <stdlib.h>
#include <string.h>

#include "core/json_out.h"

#define EVENTS_PER_MS 1000u

/* Of a reason or a cause; the rest is in the log and in status. With each byte of it escaped it
 * fits, together with the other members. */
#define TEXT_BYTES_MAX 512u
_Static_assert(TEXT_BYTES_MAX * 6 + 512 <= VERB_NODE_EVENT_BYTES_MAX, "an event fits its frame");

static void key_cut(struct json_out *out, const char *key, const char *text, size_t bytes_max)
{
	json_out_key(out, key);
	json_out_string(out, (struct slice){ (const uint8_t *)text, strnlen(text, bytes_max) });
}

static void key_text(struct json_out *out, const char *key, const char *text)
{
	key_cut(out, key, text, TEXT_BYTES_MAX);
}

static void key_u64(struct json_out *out, const char *key, uint64_t value)
{
	json_out_key(out, key);
	json_out_u64(out, value);
}

static void key_bool(struct json_out *out, const char *key, bool value)
{
	json_out_key(out, key);
	json_out_bool(out, value);
}

/* --- kept and sent --- */

static void send_to_admin(struct supervisor *self, const struct kept_event *event)
{
	const struct child *admin = supervisor_child(self, PROCESS_ADMIN, 0);
	const struct oap_node_event msg = {
		.topic = event->topic,
		.number = event->number,
		.id = self->events.id_first + event->number,
		.json = { event->json, event->json_bytes },
	};

	if (admin == NULL || admin->state != CHILD_UP) {
		return; /* it will hear them when it is */
	}
	(void)!oap_send_node_event(
		mesh_peer_of(&self->mesh, PROCESS_ADMIN, 0, admin->generation), 0, &msg);
}

static void keep(struct supervisor *self, enum node_event topic, struct slice json)
{
	struct kept_event *event = &self->events.kept[self->events.count % NODE_EVENTS_KEPT];

	if (self->events.count == 0) {
		self->events.id_first = (uint64_t)clock_unix_ms() * EVENTS_PER_MS;
	}
	free(event->json);
	event->json = malloc(json.bytes_count);
	assert(event->json != NULL); /* a supervisor without memory for this cannot go on */
	memcpy(event->json, json.bytes, json.bytes_count);
	event->json_bytes = json.bytes_count;
	event->topic = (uint8_t)topic;
	event->number = self->events.count++;
	send_to_admin(self, event);
}

struct event {
	struct json_out out;
	uint8_t bytes[VERB_NODE_EVENT_BYTES_MAX];
};

static struct json_out *begin(struct event *event)
{
	json_out_init(&event->out, event->bytes, sizeof event->bytes);
	json_out_object_begin(&event->out);
	return &event->out;
}

static void end(struct supervisor *self, struct event *event, enum node_event topic)
{
	size_t bytes = 0;

	key_u64(&event->out, "ts_ms", (uint64_t)clock_unix_ms());
	json_out_object_end(&event->out);
	enum err err = json_out_finish(&event->out, &bytes);
	assert(err == ERR_OK); /* its texts are cut */
	keep(self, topic, (struct slice){ event->bytes, bytes });
}

void events_to_admin(struct supervisor *self)
{
	uint64_t count = self->events.count;
	uint64_t first = count > NODE_EVENTS_KEPT ? count - NODE_EVENTS_KEPT : 0;

	for (uint64_t number = first; number < count; number++) {
		send_to_admin(self, &self->events.kept[number % NODE_EVENTS_KEPT]);
	}
}

void events_finish(struct supervisor *self)
{
	for (size_t i = 0; i < NODE_EVENTS_KEPT; i++) {
		free(self->events.kept[i].json);
		self->events.kept[i].json = NULL;
	}
}

/* --- readiness --- */

static bool is_news(const struct oap_readiness *now, const struct oap_readiness *before)
{
	return now->ready != before->ready || now->degraded != before->degraded ||
	       now->draining != before->draining || now->safe_mode != before->safe_mode ||
	       now->reason.bytes_count != before->reason.bytes_count ||
	       memcmp(now->reason.bytes, before->reason.bytes, now->reason.bytes_count) != 0;
}

static void tell_node(struct supervisor *self, const struct oap_readiness *now)
{
	struct event event;
	struct json_out *out = begin(&event);

	key_text(out, "service", "macronode");
	key_bool(out, "ok", now->ready && !now->degraded);
	key_bool(out, "ready", now->ready);
	key_bool(out, "degraded", now->degraded);
	key_bool(out, "draining", now->draining);
	key_bool(out, "safe_mode", now->safe_mode);
	json_out_key(out, "reason");
	json_out_string(out, now->reason);
	end(self, &event, NODE_EVENT_HEALTH);
}

static void tell_role(struct supervisor *self, const char *service, bool ok)
{
	struct event event;
	struct json_out *out = begin(&event);

	key_text(out, "service", service);
	key_bool(out, "ok", ok);
	end(self, &event, NODE_EVENT_HEALTH);
}

static void tell_safe_mode(struct supervisor *self, bool safe_mode, const char *reason)
{
	struct event event;
	struct json_out *out = begin(&event);

	key_bool(out, "safe_mode", safe_mode);
	key_text(out, "reason", reason);
	end(self, &event, NODE_EVENT_SAFE_MODE);
}

void events_readiness(struct supervisor *self, const struct oap_readiness *now,
	const struct oap_readiness *before)
{
	const struct {
		const char *service;
		bool now, before;
	} roles[] = {
		{ "kms", now->kms_ready, before->kms_ready },
		{ "committer", now->committer_ready, before->committer_ready },
		{ "sequencer", now->sequencer_ready, before->sequencer_ready },
		{ "archive", now->archive_ready, before->archive_ready },
		{ "wallet", now->wallet_ready, before->wallet_ready },
		{ "prevalidator", now->prevalidator_ready, before->prevalidator_ready },
		{ "rewarder", now->rewarder_ready, before->rewarder_ready },
	};
	const char *reason = readiness_safe_mode_reason(self);

	for (size_t i = 0; i < COUNT_OF(roles); i++) {
		if (roles[i].now != roles[i].before) {
			tell_role(self, roles[i].service, roles[i].now);
		}
	}
	if (is_news(now, before)) {
		tell_node(self, now);
	}
	if (now->safe_mode != before->safe_mode ||
		(now->safe_mode && strcmp(reason, self->events.safe_mode_reason) != 0)) {
		tell_safe_mode(self, now->safe_mode, reason);
	}
	memcpy(self->events.safe_mode_reason, reason, strlen(reason) + 1);
}

/* --- lives of workers, and the node's --- */

static struct json_out *begin_about(struct event *event, const struct child *child)
{
	struct json_out *out = begin(event);

	key_text(out, "service", process_name(child->process));
	key_u64(out, "instance", child->instance);
	return out;
}

void events_death(struct child *child)
{
	struct event event;
	struct json_out *out = begin_about(&event, child);

	key_u64(out, "pid", (uint64_t)child->pid);
	key_text(out, "cause", child->death_last.cause);
	key_u64(out, "restarts", child->restarts);
	end(child->supervisor, &event, NODE_EVENT_CRASHED);
}

void events_restart(struct child *child)
{
	struct event event;
	struct json_out *out = begin_about(&event, child);

	key_u64(out, "pid", (uint64_t)child->pid);
	key_u64(out, "restarts", child->restarts);
	end(child->supervisor, &event, NODE_EVENT_RESTARTED);
}

void events_degraded(struct child *child)
{
	struct event event;

	key_bool(begin_about(&event, child), "degraded", child->degraded);
	end(child->supervisor, &event, NODE_EVENT_DEGRADED);
}

void events_draining(struct supervisor *self, const char *why)
{
	struct event event;

	key_text(begin(&event), "reason", why);
	end(self, &event, NODE_EVENT_DRAINING);
}

/* Together with the rest they fit, with each byte escaped. */
#define ACTOR_BYTES_MAX   64u
#define REFUSAL_BYTES_MAX 384u
_Static_assert((ACTOR_BYTES_MAX + REFUSAL_BYTES_MAX) * 6 + 512 <= VERB_NODE_EVENT_BYTES_MAX, "");

/* Its keys by name; none when there are so many that they do not fit: status has them. */
static bool tell_reload(struct supervisor *self, const struct reload_result *result, bool with_keys)
{
	struct event event;
	struct json_out *out = begin(&event);
	size_t bytes = 0;

	key_cut(out, "actor", result->actor, ACTOR_BYTES_MAX);
	json_out_key(out, "changed");
	reload_result_write_keys(out, with_keys ? result->changed : NULL);
	json_out_key(out, "needs_restart");
	reload_result_write_keys(out, with_keys ? result->needs_restart : NULL);
	key_cut(out, "refusal", result->refusal, REFUSAL_BYTES_MAX);
	key_u64(out, "version", result->generation);
	key_u64(out, "ts_ms", (uint64_t)clock_unix_ms());
	json_out_object_end(out);
	if (json_out_finish(out, &bytes) != ERR_OK) {
		return false;
	}
	keep(self, NODE_EVENT_CONFIG, (struct slice){ event.bytes, bytes });
	return true;
}

void events_reload(struct supervisor *self, const struct reload_result *result)
{
	bool told = tell_reload(self, result, true) || tell_reload(self, result, false);

	assert(told); /* without keys it is a refusal and a name */
	(void)told;
}
