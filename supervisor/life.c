/* Birth, death and what lies between, for each worker:
 *
 *   ABSENT --start--> STARTING --READY--> UP
 *   STARTING, UP --killed or told to leave--> ENDING
 *   STARTING, UP, ENDING --reaped--> WAITING --timer--> STARTING   (or GONE when draining)
 *
 * No replacement is forked before the old pid is reaped: WAITING is entered by reaping only
 * (restart.c), or by a fork that failed. Signals go through the pidfd, so that none ever meets
 * a process that was given the pid of a dead one. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"

#define SOCKET_BUFFER_BYTES (1024 * 1024)

/* Pings within one node.ping_timeout; one of them may get lost in a late loop. */
#define PINGS_PER_TIMEOUT 5

/* DESIGN-WALL.md section 2: when our own loop was this late, a silence proves nothing; with a
 * short node.ping_timeout, one interval is already too much. */
#define OWN_LATENESS_MS_MAX 1000

struct process_id supervisor_id(const struct child *child)
{
	return (struct process_id){ .process = child->process, .instance = child->instance };
}

struct child *supervisor_child(struct supervisor *self, unsigned process, unsigned instance)
{
	for (size_t i = 0; i < self->child_count; i++) {
		if (self->children[i].process == process &&
			self->children[i].instance == instance) {
			return &self->children[i];
		}
	}
	return NULL;
}

struct child *supervisor_child_of(
	struct supervisor *self, unsigned process, unsigned instance, uint32_t generation)
{
	struct child *child = supervisor_child(self, process, instance);

	return child != NULL && child->generation == generation ? child : NULL;
}

static struct child *sender_of(struct supervisor *self, const struct oap_from *from)
{
	return supervisor_child_of(self, from->process, from->instance, from->generation);
}

static struct log_fields about(const struct child *child)
{
	return (struct log_fields){
		.about = child->process,
		.instance_of = child->instance,
		.pid_of = (uint64_t)child->pid,
		.generation = child->generation,
	};
}

/* --- starting --- */

static bool has_been_ready(struct supervisor *self, unsigned roles)
{
	for (size_t i = 0; i < self->child_count; i++) {
		const struct child *child = &self->children[i];
		if ((roles >> child->process & 1u) != 0 && !child->was_ready) {
			return false;
		}
	}
	return true;
}

void life_start_due(struct supervisor *self)
{
	if (self->drain_stage > 0) {
		return;
	}
	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		if (child->wanted && child->state == CHILD_ABSENT &&
			has_been_ready(self, child->plan->after)) {
			spawn_child(child);
		}
	}
}

/* --- linking --- */

static void link_ends(struct child *a, struct child *b)
{
	struct supervisor *self = a->supervisor;
	int fds[2], bytes = SOCKET_BUFFER_BYTES;
	struct oap_link to_a = { b->process, b->instance, b->generation };
	struct oap_link to_b = { a->process, a->instance, a->generation };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == -1) {
		life_kill(a, "no socketpair for its link");
		return;
	}
	for (int i = 0; i < 2; i++) {
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	}
	(void)!peer_send_link(
		mesh_peer_of(&self->mesh, a->process, a->instance, a->generation), &to_a, fds[0]);
	(void)!peer_send_link(
		mesh_peer_of(&self->mesh, b->process, b->instance, b->generation), &to_b, fds[1]);
}

/* Of kms an edge wants signatures of TLS alone. */
static bool wants_kms(const struct child *child)
{
	const struct config *config = &child->supervisor->config;
	unsigned other = child->process == PROCESS_ADMIN ? CONFIG_TLS_API : CONFIG_TLS_ADMIN;

	return (child->process != PROCESS_ADMIN && child->process != PROCESS_INGRESS) ||
	       (config->tls_enabled && config->tls_listeners != other);
}

static bool are_joined(const struct child *a, const struct child *b)
{
	return links_join(supervisor_id(a), supervisor_id(b)) &&
	       (a->process != PROCESS_KMS || wants_kms(b)) &&
	       (b->process != PROCESS_KMS || wants_kms(a));
}

/* A worker that became ready is linked to every peer that is up; the others will be linked to
 * it when they are. */
static void link_all(struct child *child)
{
	struct supervisor *self = child->supervisor;

	for (size_t i = 0; i < self->child_count; i++) {
		struct child *other = &self->children[i];
		if (other != child && other->state == CHILD_UP && are_joined(child, other)) {
			link_ends(child, other);
		}
	}
}

/* --- what workers say on fd 3 --- */

static enum err on_ready(void *self, const struct oap_from *from, const struct oap_ready *msg)
{
	struct supervisor *supervisor = self;
	struct child *child = sender_of(supervisor, from);

	if (child == NULL || child->state == CHILD_ENDING) {
		return ERR_OK; /* said before we killed it, or before it died */
	}
	if (child->state != CHILD_STARTING) {
		return ERR_CONFLICT;
	}
	if (msg->tables_hash != worker_tables_hash()) {
		struct log_fields fields = about(child);
		log_event(LOG_WORKER_MISMATCH, &fields);
		life_kill(child, "it is of another build: verb, config or metric tables differ");
		return ERR_OK;
	}
	ev_timer_stop(supervisor->loop, &child->ready_limit);
	child->state = CHILD_UP;
	child->was_ready = true;
	if (child->phase == PHASE_STARTING) { /* it may have reported from `ready` */
		child->phase = PHASE_LOADING;
	}
	child->heard_at = clock_now();
	readiness_tell(supervisor, child);
	if (child->process == PROCESS_ADMIN) {
		events_to_admin(supervisor);
	}
	link_all(child);
	reload_worker_ready(child);
	life_start_due(supervisor);
	readiness_update(supervisor);
	return ERR_OK;
}

static void heard(struct child *child)
{
	if (child != NULL) {
		child->heard_at = clock_now();
	}
}

static enum err on_progress(void *self, const struct oap_from *from, const struct oap_progress *msg)
{
	struct child *child = sender_of(self, from);

	(void)msg;
	heard(child);
	if (child != NULL && child->state == CHILD_STARTING) {
		ev_timer_again(child->supervisor->loop, &child->ready_limit);
	}
	return ERR_OK;
}

static enum err on_pong(void *self, const struct oap_from *from, const struct oap_pong *msg)
{
	struct child *child = sender_of(self, from);

	heard(child);
	if (child != NULL) {
		child->ticket_in_hand = msg->ticket_in_hand;
	}
	return ERR_OK;
}

static void copy_text(char *to, size_t to_bytes, struct slice text)
{
	size_t count = text.bytes_count < to_bytes - 1 ? text.bytes_count : to_bytes - 1;

	if (count > 0) {
		memcpy(to, text.bytes, count);
	}
	to[count] = '\0';
}

/* READY and DRAINED are verbs of their own, and only the two who hold the ledger can put it into
 * safe mode: or whoever is captured could stop all writes with one word. */
static bool may_report(const struct child *child, unsigned phase)
{
	switch ((enum worker_phase)phase) {
	case PHASE_LOADING:
	case PHASE_SERVING:
		return true;
	case PHASE_SAFE_MODE:
		return child->process == PROCESS_COMMITTER || child->process == PROCESS_SEQUENCER;
	case PHASE_STARTING:
	case PHASE_DRAINED:
		break;
	}
	return false;
}

static enum err on_report(void *self, const struct oap_from *from, const struct oap_report *msg)
{
	struct child *child = sender_of(self, from);

	if (child == NULL) {
		return ERR_OK;
	}
	if (!may_report(child, msg->phase)) {
		return ERR_MALFORMED;
	}
	heard(child);
	child->phase = msg->phase;
	child->seq = msg->seq;
	child->lag_ms = msg->lag_ms;
	child->root = msg->root;
	copy_text(child->text, sizeof child->text, msg->text);
	readiness_update(self);
	audits_step(self);
	return ERR_OK;
}

static enum err on_failed(void *self, const struct oap_from *from, const struct oap_failed *msg)
{
	struct supervisor *supervisor = self;
	struct child *child = sender_of(supervisor, from);
	bool is_of_store = msg->fault == WORKER_FAULT_STORE;

	if (child == NULL) {
		return ERR_OK;
	}
	if (msg->fault >= WORKER_FAULT_COUNT ||
		(is_of_store && child->process != PROCESS_COMMITTER)) {
		return ERR_MALFORMED;
	}
	copy_text(child->last_words, sizeof child->last_words, msg->text);
	if (is_of_store) {
		supervisor->store_suspect = true;
		copy_text(supervisor->store_suspect_text, sizeof supervisor->store_suspect_text,
			msg->text);
		readiness_update(supervisor);
	}
	return ERR_OK;
}

static enum err on_drained(void *self, const struct oap_from *from, const struct oap_drained *msg)
{
	struct child *child = sender_of(self, from);

	if (child == NULL) {
		return ERR_OK;
	}
	if (child->supervisor->drain_stage != child->plan->drain_stage) {
		return ERR_CONFLICT; /* nobody asked it to */
	}
	if (msg->left_over > 0) {
		struct log_fields fields = about(child);
		fields.count = msg->left_over;
		log_event(LOG_DRAIN_CUT, &fields);
	}
	child->drained = true;
	child->phase = PHASE_DRAINED;
	drain_step(self);
	return ERR_OK;
}

static bool runs(const struct child *child)
{
	return child != NULL && child->pid > 0 && child->state != CHILD_ENDING;
}

/* Equal or lower rank of the accused: the accused ends; higher: the accuser does. So does who
 * accuses somebody from whom it cannot have heard: a captured ingress would keep admin down. */
static enum err on_accuse(void *self, const struct oap_from *from, const struct oap_accuse *msg)
{
	struct supervisor *supervisor = self;
	struct child *accuser = sender_of(supervisor, from);
	struct child *accused =
		supervisor_child_of(supervisor, msg->process, msg->instance, msg->generation);
	struct log_fields fields = {
		.about = msg->process,
		.instance_of = msg->instance,
		.generation = msg->generation,
		.verb = msg->verb,
		.fault = (enum err)msg->err,
	};

	if (accuser != NULL && !links_join(supervisor_id(accuser),
				       (struct process_id){ msg->process, msg->instance })) {
		return ERR_NOT_ROUTED;
	}
	if (accuser == NULL || !runs(accused)) {
		log_event(LOG_ACCUSATION_DROPPED, &fields);
		return ERR_OK;
	}
	log_event(LOG_ACCUSED, &fields);
	metrics_inc(METRIC_ACCUSATIONS, accused->process);
	bool accused_ends = process_rank(accused->process) <= process_rank(accuser->process);
	char why[VERB_TEXT_BYTES_MAX];
	snprintf(why, sizeof why, "%s %s of %s (%s)",
		accused_ends ? "accused by" : "accused one above it:",
		process_name(accused_ends ? accuser->process : accused->process),
		oap_verb_name(msg->verb), err_name((enum err)msg->err));
	life_kill(accused_ends ? accused : accuser, why);
	return ERR_OK;
}

const struct oap_handlers life_handlers = {
	.ready = on_ready,
	.progress = on_progress,
	.pong = on_pong,
	.report = on_report,
	.failed = on_failed,
	.drained = on_drained,
	.accuse = on_accuse,
	.config_prepared = reload_prepared,
	.config_applied = reload_applied,
};

/* --- ending --- */

void life_signal_kill(const struct child *child)
{
	if (child->pidfd >= 0) {
		(void)pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
	}
}

void life_kill(struct child *child, const char *why)
{
	if (child->state != CHILD_STARTING && child->state != CHILD_UP) {
		return;
	}
	if (child->last_words[0] == '\0') {
		snprintf(child->last_words, sizeof child->last_words, "%s", why);
	}
	child->state = CHILD_ENDING;
	life_signal_kill(child);
}

void life_on_ready_limit(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct child *child = watcher->data;
	struct log_fields fields = about(child);

	(void)loop;
	(void)events;
	log_event(LOG_WORKER_HUNG, &fields);
	life_kill(child, "not ready in time");
}

static void remember_death(struct child *child, const char *how)
{
	struct supervisor *self = child->supervisor;
	struct death *death = &self->deaths[self->death_total++ % DEATHS_KEPT];

	*death = (struct death){
		.unix_ms = clock_unix_ms(),
		.who = { child->process, child->instance },
		.pid = child->pid,
	};
	snprintf(death->cause, sizeof death->cause, "%s%s%s", how,
		child->last_words[0] != '\0' ? ": " : "", child->last_words);
	child->death_last = *death;
}

/* What it said before it died is still in the socket. */
static void hear_last_words(struct child *child)
{
	struct mesh *mesh = &child->supervisor->mesh;
	struct peer *peer = mesh_peer_of(mesh, child->process, child->instance, child->generation);

	if (peer != NULL && peer_read(peer)) {
		peer_destroy(peer);
	}
}

static void tell_death(struct child *child, const char *how, struct log_fields fields)
{
	remember_death(child, how);
	events_death(child);
	fields.text = child->last_words;
	fields.outcome = how;
	fields.ticket = child->ticket_in_hand;
	log_event(LOG_WORKER_DIED, &fields);
}

static struct log_fields end_of(const struct child *child, int status)
{
	struct log_fields fields = about(child);

	if (WIFSIGNALED(status)) {
		fields.signal = (uint64_t)WTERMSIG(status);
	} else {
		fields.exit_status = WEXITSTATUS(status);
		fields.zeros = LOG_ZERO(exit_status);
	}
	return fields;
}

static void after_death(struct child *child)
{
	struct supervisor *self = child->supervisor;

	child->pid = 0;
	child->phase = PHASE_STARTING;
	child->lag_ms = 0;
	if (self->drain_stage > 0) {
		child->state = CHILD_GONE;
		restart_end_partners(child);
		readiness_update(self);
		drain_step(self);
		return;
	}
	restart_after_death(child);
	restart_judge(child);
	readiness_update(self);
}

/* Only now is the old pid gone, and only now may another be forked. Its last words are heard
 * as those of a dead one: whatever they are, it is not linked, counted ready or killed again. */
static void on_reaped(struct child *child, int status)
{
	struct supervisor *self = child->supervisor;
	char how[96];

	child->state = CHILD_ENDING;
	ev_io_stop(self->loop, &child->exited);
	ev_timer_stop(self->loop, &child->ready_limit);
	close(child->pidfd);
	child->pidfd = -1;
	logs_detach(child);
	hear_last_words(child);
	control_worker_lost(self, child->process);
	if (child->process == PROCESS_COMMITTER) {
		audits_committer_lost(self);
	}
	admin_worker_lost(self, child->process);
	if (child->process == PROCESS_OTEL) {
		otel_lost(self);
	}
	deaths_describe(status, how, sizeof how);
	if (self->drain_stage == 0 || !child->drained || status != 0) {
		tell_death(child, how, end_of(child, status));
	}
	reload_worker_lost(child);
	after_death(child);
}

/* The world had no process, fd or memory for another one: it is tried again like after a death,
 * because a node that gave up would not be there when the world has. */
void life_stillborn(struct child *child, const char *what)
{
	snprintf(child->last_words, sizeof child->last_words, "%s", strerror(errno));
	tell_death(child, what, about(child));
	after_death(child);
}

void life_on_exit(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct child *child = watcher->data;
	int status = 0;
	pid_t pid = waitpid(child->pid, &status, WNOHANG);

	(void)loop;
	(void)events;
	if (pid == child->pid) {
		on_reaped(child, status);
	}
}

void life_lost(struct supervisor *self, const struct oap_from *whom)
{
	struct child *child = sender_of(self, whom);

	/* EOF of fd 3 comes a moment before the pidfd says so; a worker that closed it but
	 * lives on is of no use. */
	if (child != NULL && (child->state == CHILD_UP || child->state == CHILD_STARTING)) {
		child->state = CHILD_ENDING;
		life_signal_kill(child);
		readiness_update(self);
		reload_worker_lost(child);
	}
}

void life_accuse(struct supervisor *self, const struct oap_from *from, enum err err)
{
	struct child *child = sender_of(self, from);
	char why[VERB_TEXT_BYTES_MAX];

	if (child == NULL) {
		return;
	}
	snprintf(why, sizeof why, "sent the supervisor a %s that is %s", oap_verb_name(from->verb),
		err_name(err));
	metrics_inc(METRIC_ACCUSATIONS, child->process);
	life_kill(child, why);
}

/* --- silence --- */

static void check_silence(struct child *child, struct instant now)
{
	const struct config *config = &child->supervisor->config;
	uint32_t own_ms = child->plan->silent_ms_max;
	int64_t silent_ms_max = own_ms > 0 ? own_ms : config->node_ping_timeout_ms;

	if (child->state != CHILD_UP ||
		instant_since(child->heard_at, now).us <= silent_ms_max * 1000) {
		return;
	}
	struct log_fields fields = about(child);
	log_event(LOG_WORKER_HUNG, &fields);
	life_kill(child, "did not answer pings");
}

/* Silence is counted from now on, because until now nobody was asked as often as this. */
void life_commit(struct supervisor *self)
{
	double interval_s = (double)self->config.node_ping_timeout_ms / 1000.0 / PINGS_PER_TIMEOUT;

	if (self->tick.repeat == interval_s) {
		return;
	}
	self->tick_at = clock_now();
	for (size_t i = 0; i < self->child_count; i++) {
		self->children[i].heard_at = self->tick_at;
	}
	self->tick.repeat = interval_s;
	ev_timer_again(self->loop, &self->tick);
}

void life_tick(struct supervisor *self)
{
	struct instant now = clock_now();
	int64_t expected_us = self->config.node_ping_timeout_ms * 1000 / PINGS_PER_TIMEOUT;
	int64_t late_us = instant_since(self->tick_at, now).us - expected_us;
	bool we_were_late = late_us > OWN_LATENESS_MS_MAX * 1000 || late_us > expected_us;

	self->tick_at = now;
	for (size_t i = 0; i < self->child_count; i++) {
		struct child *child = &self->children[i];
		struct oap_ping ping = { (uint64_t)now.monotonic_us };

		restart_judge(child);
		if (child->state != CHILD_UP) {
			continue;
		}
		if (we_were_late) {
			child->heard_at = now; /* this round is void */
		} else {
			check_silence(child, now);
		}
		(void)!oap_send_ping(mesh_peer_of(&self->mesh, child->process, child->instance,
					     child->generation),
			0, &ping);
	}
	readiness_update(self);
	audits_step(self);
	logs_tick(self);
}
