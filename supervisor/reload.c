#include "supervisor/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "core/audit.h"
#include "supervisor/supervisor.h"

_Static_assert(POLICY_BYTES_MAX <= VERB_POLICY_BYTES_MAX, "a policy fits its frame");

static void step(struct supervisor *self);

/* --- the end of one --- */

static void say_refusal(struct supervisor *self, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say_refusal(struct supervisor *self, const char *format, ...)
{
	struct reload_result *result = &self->reload.now;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(result->refusal, sizeof result->refusal, format, arguments);
	va_end(arguments);
}

/* With all values, or, when they are too long for a record, with the names. */
static void record(struct supervisor *self)
{
	uint8_t json[VERB_AUDIT_BYTES_MAX];
	struct json_out out;
	size_t bytes = 0;

	for (int with_values = 1; with_values >= 0; with_values--) {
		json_out_init(&out, json, sizeof json);
		reload_result_write(&out, &self->reload.last, with_values == 1);
		if (json_out_finish(&out, &bytes) == ERR_OK) {
			audits_add(self, AUDIT_RELOAD, (struct slice){ json, bytes });
			return;
		}
	}
}

static void count(const struct reload_result *result)
{
	metrics_inc(METRIC_CONFIG_APPLY,
		result->is_applied ? METRIC_OUTCOME_OK : METRIC_OUTCOME_FAILED);
	metrics_set(METRIC_CONFIG_GENERATION, METRIC_PLAIN, result->generation);
	metrics_set(METRIC_CONFIG_RELOADED_AT, METRIC_PLAIN, (uint64_t)result->unix_ms / 1000);
	metrics_set(METRIC_CONFIG_RELOAD_OK, METRIC_PLAIN, result->is_applied);
}

static void refuse_at_once(
	struct supervisor *self, const char *actor, const char *why, reload_done done, uint64_t id)
{
	static struct reload_result result;

	result = (struct reload_result){ .unix_ms = clock_unix_ms(),
		.generation = self->reload.generation };
	(void)snprintf(result.actor, sizeof result.actor, "%s", actor);
	(void)snprintf(result.refusal, sizeof result.refusal, "%s", why);
	result.is_passing = true;
	if (done != NULL) {
		done(self, id, &result);
	}
}

static void begin(struct supervisor *self);

/* Whoever asked while another one was under way gets one of his own; not of a node that stops. */
static void go_on(struct supervisor *self)
{
	struct reload_waiters waiters = self->reload.waiters;

	if (self->drain_stage == 0) {
		if (waiters.is_asked) {
			begin(self);
		}
		return;
	}
	self->reload.waiters = (struct reload_waiters){ 0 };
	for (size_t i = 0; i < waiters.count; i++) {
		refuse_at_once(self, waiters.actor, "the node stops", waiters.who[i].done,
			waiters.who[i].id);
	}
}

/* Everybody is told what became of it. */
static void finish(struct supervisor *self)
{
	struct reload *reload = &self->reload;
	struct reload_waiters told; /* a reload may be asked for, and end, while they are told */

	ev_timer_stop(self->loop, &reload->limit);
	reload->step = RELOAD_IDLE;
	reload->now.unix_ms = clock_unix_ms();
	reload->now.generation = reload->generation;
	reload->last = reload->now;
	reload_result_log(&reload->last);
	count(&reload->last);
	record(self);
	events_reload(self, &reload->last);
	notify_reloaded(self);
	told = reload->waiters;
	reload->waiters = reload->waiters_next;
	reload->waiters_next = (struct reload_waiters){ 0 };
	for (size_t i = 0; i < told.count; i++) {
		told.who[i].done(self, told.who[i].id, &reload->last);
	}
	go_on(self);
}

static struct peer *peer_of(const struct child *child)
{
	return mesh_peer_of(
		&child->supervisor->mesh, child->process, child->instance, child->generation);
}

/* Nothing of it is in force anywhere, and nothing of it stays. */
static void drop(struct supervisor *self)
{
	struct reload *reload = &self->reload;
	struct oap_config_abort message = { reload->generation_next };
	bool was_told = false;

	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		if (child->config_asked == reload->generation_next) {
			was_told = true;
			(void)!oap_send_config_abort(peer_of(child), 0, &message);
		}
	}
	if (was_told) {
		metrics_inc(METRIC_CONFIG_ROLLBACK, METRIC_PLAIN);
	}
	rebind_abort(self, &reload->next);
	logs_abort(self);
	secure_abort(self);
	finish(self);
}

/* --- putting it in force --- */

static void commit(struct supervisor *self)
{
	struct reload *reload = &self->reload;
	struct oap_config_commit message = { reload->generation_next };
	const char *key = "";

	if (!rebind_publish(self, &reload->next, &key)) {
		say_refusal(self, "%s: cannot listen there: %s", key, strerror(errno));
		drop(self);
		return;
	}
	reload->step = RELOAD_COMMITTING;
	reload->generation = reload->generation_next;
	reload->now.is_applied = true;
	self->config = reload->next;
	reload->policy = reload->policy_next;
	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		if (child->config_prepared == reload->generation) {
			(void)!oap_send_config_commit(peer_of(child), 0, &message);
		}
	}
	rebind_commit(self, &reload->now.before);
	logs_commit(self);
	secure_commit(self);
	life_commit(self);
	ev_timer_again(self->loop, &reload->limit);
	readiness_update(self);
	step(self);
}

/* --- who is waited for --- */

enum stand { STAND_DONE, STAND_AWAITED, STAND_LOST };

static enum stand stand_of(const struct child *child)
{
	const struct reload *reload = &child->supervisor->reload;
	bool was_asked = child->config_asked == reload->generation_next;
	bool is_done = reload->step == RELOAD_PREPARING
			       ? child->config_prepared == reload->generation_next
			       : child->config_applied == reload->generation_next;

	switch (child->state) {
	case CHILD_STARTING: /* it was given the old one, and is asked as soon as it is ready */
		return reload->step == RELOAD_PREPARING ? STAND_AWAITED : STAND_DONE;
	case CHILD_UP:
		return is_done || !was_asked ? STAND_DONE : STAND_AWAITED;
	case CHILD_ENDING:
	case CHILD_WAITING:
	case CHILD_ABSENT:
	case CHILD_GONE:
		break;
	}
	return was_asked && reload->step == RELOAD_PREPARING ? STAND_LOST : STAND_DONE;
}

static const struct child *find(const struct supervisor *self, enum stand stand)
{
	for (size_t i = 0; i < self->child_count; i++) {
		if (stand_of(&self->children[i]) == stand) {
			return &self->children[i];
		}
	}
	return NULL;
}

static void step(struct supervisor *self)
{
	const struct child *lost;

	switch (self->reload.step) {
	case RELOAD_IDLE:
	case RELOAD_JUDGING:
		return;
	case RELOAD_PREPARING:
		lost = find(self, STAND_LOST);
		if (self->reload.is_out_of_fds) {
			self->reload.now.is_passing = true;
			say_refusal(self, "no descriptor is left to pass files and sockets with");
			drop(self);
		} else if (lost != NULL) {
			self->reload.now.is_passing = true;
			say_refusal(self, "%s %u died before all had agreed",
				process_name(lost->process), lost->instance);
			drop(self);
		} else if (find(self, STAND_AWAITED) == NULL) {
			commit(self);
		}
		return;
	case RELOAD_COMMITTING:
		if (find(self, STAND_AWAITED) == NULL) {
			finish(self);
		}
		return;
	}
}

/* In COMMITTING it is in force all the same: who is silent there is killed for his silence, and
 * comes back with it. */
static void on_limit(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct supervisor *self = watcher->data;
	const struct child *awaited;

	(void)loop;
	(void)events;
	if (self->reload.step == RELOAD_JUDGING) {
		self->reload.now.is_passing = true;
		say_refusal(self,
			"tls.enabled: mn-tls-check, which looks at the files of TLS, did not "
			"end within %d s",
			RELOAD_ANSWER_MS / 1000);
		drop(self);
		return;
	}
	if (self->reload.step == RELOAD_COMMITTING) {
		finish(self);
		return;
	}
	awaited = find(self, STAND_AWAITED);
	if (awaited == NULL) { /* who was has been killed, and is not reaped yet */
		step(self);
		return;
	}
	self->reload.now.is_passing = true;
	say_refusal(self, "%s %u %s within %d s", process_name(awaited->process), awaited->instance,
		awaited->state == CHILD_STARTING ? "was not ready" : "did not answer",
		RELOAD_ANSWER_MS / 1000);
	drop(self);
}

/* --- asking --- */

static bool send_policy(struct supervisor *self, const struct child *child)
{
	static uint8_t encoded[POLICY_BYTES_MAX];
	struct oap_setup_policy msg;

	if (child->process != PROCESS_PREVALIDATOR && child->process != PROCESS_SEQUENCER) {
		return true;
	}
	msg.policy = (struct slice){ encoded, policy_encode(&self->reload.policy_next, encoded) };
	return oap_send_setup_policy(peer_of(child), 0, &msg) == ERR_OK;
}

/* What belongs to it first, then the question. A worker that cannot be written to is one that is
 * about to be seen dead, or one that is silent. */
static void ask(struct child *child)
{
	struct supervisor *self = child->supervisor;
	struct reload *reload = &self->reload;
	static uint8_t encoded[VERB_CONFIG_BYTES_MAX];
	size_t encoded_bytes = 0;
	struct oap_config_prepare msg = { .config_generation = reload->generation_next };
	enum err err = config_encode_for(
		&reload->next, child->process, encoded, sizeof encoded, &encoded_bytes);

	assert(err == ERR_OK); /* the bound of the frame is above the table's */
	child->config_asked = reload->generation_next;
	if (!rebind_send(child, &reload->next, &msg.closes) ||
		!secure_stage(child, peer_of(child), &msg.closes)) {
		reload->is_out_of_fds = true;
		return;
	}
	msg.config = (struct slice){ encoded, encoded_bytes };
	if (send_policy(self, child)) {
		(void)!oap_send_config_prepare(peer_of(child), 0, &msg);
	}
}

void reload_worker_ready(struct child *child)
{
	if (child->supervisor->reload.step == RELOAD_PREPARING) {
		ask(child);
		step(child->supervisor);
	}
}

void reload_worker_lost(struct child *child)
{
	step(child->supervisor);
}

void reload_stopping(struct supervisor *self)
{
	if (self->reload.step == RELOAD_PREPARING || self->reload.step == RELOAD_JUDGING) {
		self->reload.now.is_passing = true;
		say_refusal(self, "the node stops");
		drop(self);
	}
}

enum err reload_prepared(
	void *owner, const struct oap_from *from, const struct oap_config_prepared *msg)
{
	struct supervisor *self = owner;
	struct child *child =
		supervisor_child_of(self, from->process, from->instance, from->generation);

	if (child == NULL || self->reload.step != RELOAD_PREPARING ||
		msg->config_generation != self->reload.generation_next) {
		return ERR_OK; /* of one that was dropped */
	}
	if (msg->status != ERR_OK) {
		say_refusal(self, "%s %u: %.*s", process_name(child->process), child->instance,
			(int)msg->text.bytes_count, (const char *)msg->text.bytes);
		drop(self);
		return ERR_OK;
	}
	child->config_prepared = msg->config_generation;
	step(self);
	return ERR_OK;
}

enum err reload_applied(
	void *owner, const struct oap_from *from, const struct oap_config_applied *msg)
{
	struct supervisor *self = owner;
	struct child *child =
		supervisor_child_of(self, from->process, from->instance, from->generation);

	if (child != NULL) {
		child->config_applied = msg->config_generation;
		step(self);
	}
	return ERR_OK;
}

/* --- reading --- */

/* A socket that a service manager passed is bound where he says; who is allowed cannot change
 * where a user namespace shows no other users (amnesia.c). */
static bool needs_restart(const struct supervisor *self, enum config_key_id id)
{
	bool shows_no_users = self->config.amnesia_enabled && !self->privileged;

	if (config_key_reload(id) == CONFIG_RESTART) {
		return true;
	}
	return (id == CONFIG_KEY_admin_bind_addr && self->admin_is_inherited) ||
	       (id == CONFIG_KEY_api_bind_addr && self->api_is_inherited) ||
	       ((id == CONFIG_KEY_uds_path || id == CONFIG_KEY_uds_group) &&
		       self->uds_is_inherited) ||
	       ((id == CONFIG_KEY_uds_allow_uids || id == CONFIG_KEY_uds_group) && shows_no_users);
}

/* What a restart is needed for stays as it is, and the rest goes on: with it, it must be a
 * configuration that a start would take. */
static bool compare(struct supervisor *self, struct config_load *load)
{
	struct reload *reload = &self->reload;
	struct reload_result *now = &reload->now;
	bool is_mixed = false;

	now->before = self->config;
	now->offered = load->config;
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		if (!config_key_differs((enum config_key_id)id, &self->config, &load->config)) {
			continue;
		}
		if (needs_restart(self, (enum config_key_id)id)) {
			now->needs_restart[id] = is_mixed = true;
			config_key_copy((enum config_key_id)id, &load->config, &self->config);
		} else {
			now->changed[id] = true;
		}
	}
	if (is_mixed && !config_check(load)) {
		say_refusal(self, "with what takes a restart as it is: %s", load->problems[0].text);
		return false;
	}
	reload->next = load->config;
	return true;
}

static bool same_policy(const struct policy *a, const struct policy *b)
{
	static uint8_t first[POLICY_BYTES_MAX], second[POLICY_BYTES_MAX];
	size_t bytes = policy_encode(a, first);

	return policy_encode(b, second) == bytes && memcmp(first, second, bytes) == 0;
}

static bool read_again(struct supervisor *self)
{
	struct reload *reload = &self->reload;
	struct reload_result *now = &reload->now;
	const struct supervisor_options *options = &self->options;
	struct config_load *load = options->read_again(
		options->read_context, &reload->policy_next, now->refusal, sizeof now->refusal);

	if (load == NULL || !compare(self, load)) {
		return false;
	}
	if (!same_policy(&reload->policy, &reload->policy_next)) {
		now->changed[CONFIG_KEY_policy_file] = true;
	}
	return true;
}

static bool open_all(struct supervisor *self)
{
	struct reload *reload = &self->reload;
	const char *key = "";

	if (!rebind_prepare(self, &reload->next, &key)) {
		say_refusal(self, "%s: cannot be bound: %s", key, strerror(errno));
		return false;
	}
	if (!logs_prepare(self, &reload->next)) {
		say_refusal(self, "log.file: cannot be opened: %s", strerror(errno));
		return false;
	}
	if (!secure_prepare(self, &reload->next)) {
		say_refusal(self, "%s", self->material_next.why);
		return false;
	}
	return true;
}

/* What was opened before may have taken its time, which is not that of who is asked now. */
static void wait_anew(struct supervisor *self)
{
	ev_now_update(self->loop);
	ev_timer_again(self->loop, &self->reload.limit);
}

static void prepare(struct supervisor *self)
{
	self->reload.step = RELOAD_PREPARING;
	wait_anew(self);
	for (size_t i = 0; i < self->child_count; i++) {
		if (self->children[i].state == CHILD_UP) {
			ask(&self->children[i]);
		}
	}
	step(self);
}

void reload_files_judged(struct supervisor *self)
{
	if (self->material_next.why[0] != '\0') {
		say_refusal(self, "%s", self->material_next.why);
		drop(self);
	} else {
		prepare(self);
	}
}

static void begin(struct supervisor *self)
{
	struct reload *reload = &self->reload;

	memset(&reload->now, 0, sizeof reload->now);
	memcpy(reload->now.actor, reload->waiters.actor, sizeof reload->now.actor);
	rebind_init(&reload->rebind);
	reload->is_out_of_fds = false;
	reload->generation_next++;
	reload->step = RELOAD_JUDGING;
	notify_reloading(self);
	if (!read_again(self) || !open_all(self)) {
		drop(self);
		return;
	}
	ev_init(&reload->limit, on_limit);
	ev_set_priority(&reload->limit, EV_MINPRI); /* what was said in time is heard before */
	reload->limit.data = self;
	reload->limit.repeat = RELOAD_ANSWER_MS / 1000.0;
	if (secure_is_judging(self)) {
		wait_anew(self);
	} else {
		prepare(self);
	}
}

void reload_request(struct supervisor *self, const char *actor, reload_done done, uint64_t id)
{
	struct reload *reload = &self->reload;
	bool runs = reload->step != RELOAD_IDLE;
	struct reload_waiters *waiters = runs ? &reload->waiters_next : &reload->waiters;

	if (self->drain_stage > 0) {
		refuse_at_once(self, actor, "the node stops", done, id);
		return;
	}
	if (done != NULL && waiters->count == RELOAD_WAITERS_MAX) {
		refuse_at_once(self, actor, "too many wait for a reload", done, id);
		return;
	}
	if (done != NULL) {
		waiters->who[waiters->count].done = done;
		waiters->who[waiters->count++].id = id;
	}
	if (waiters->is_asked) {
		metrics_inc(METRIC_CONFIG_COALESCED, METRIC_PLAIN);
	}
	waiters->is_asked = true;
	(void)snprintf(waiters->actor, sizeof waiters->actor, "%s", actor);
	if (!runs) {
		begin(self);
	}
}
