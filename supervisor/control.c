/* The control socket (DESIGN-WALL.md section 6): <run>/control, for root and our own uid. What
 * comes over it is binary and typed by proto/verbs.h like everything else; the supervisor
 * holds no JSON parser. Questions about capabilities and governance are passed on to the
 * worker that owns them; its answer is passed back. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/random.h"

static void note_question(struct supervisor *self, const struct oap_from *from)
{
	struct control_client *client = &self->clients[from->instance];

	if (from->process == PROCESS_CLIENT && client->generation == from->generation) {
		client->asked_at = clock_now();
	}
}

static enum err answer(struct supervisor *self, const struct oap_from *from, enum err status,
	uint64_t next, struct slice text)
{
	struct peer *peer =
		mesh_peer_of(&self->mesh, from->process, from->instance, from->generation);
	struct oap_ctl_answer msg = { .status = (uint8_t)status, .next = next, .text = text };

	note_question(self, from);
	mesh_give_back(&self->mesh, from);
	if (peer != NULL) {
		(void)!oap_send_ctl_answer(peer, from->corr_id, &msg);
	}
	return ERR_OK;
}

static enum err answer_text(
	struct supervisor *self, const struct oap_from *from, enum err status, const char *text)
{
	return answer(self, from, status, 0, (struct slice){ (const uint8_t *)text, strlen(text) });
}

/* --- questions for a worker --- */

static uint64_t remember(struct supervisor *self, const struct oap_from *from, unsigned process)
{
	for (size_t i = 0; i < COUNT_OF(self->asked); i++) {
		if (self->asked[i].id == 0) {
			self->asked[i].id = ++self->asked_last;
			self->asked[i].process = (uint8_t)process;
			self->asked[i].whom = *from;
			note_question(self, from);
			return self->asked_last;
		}
	}
	return 0;
}

/* Ids are easy to guess: the sequencer cannot answer what kms was asked. */
static bool recall(
	struct supervisor *self, uint64_t id, unsigned process, struct oap_from *ret_whom)
{
	for (size_t i = 0; i < COUNT_OF(self->asked); i++) {
		if (id != 0 && self->asked[i].id == id && self->asked[i].process == process) {
			*ret_whom = self->asked[i].whom;
			self->asked[i].id = 0;
			return true;
		}
	}
	return false;
}

static struct peer *worker_peer(struct supervisor *self, unsigned process)
{
	const struct child *child = supervisor_child(self, process, 0);

	if (child == NULL || child->state != CHILD_UP) {
		return NULL;
	}
	return mesh_peer_of(&self->mesh, child->process, child->instance, child->generation);
}

static enum err not_there(
	struct supervisor *self, const struct oap_from *from, uint64_t id, unsigned process)
{
	struct oap_from whom;
	char text[64];

	(void)!recall(self, id, process, &whom);
	snprintf(text, sizeof text, "%s is not there right now; try again", process_name(process));
	return answer_text(self, from, ERR_BUSY, text);
}

static enum err on_mint(void *self, const struct oap_from *from, const struct oap_ctl_mint *msg)
{
	struct supervisor *supervisor = self;
	uint64_t id = remember(supervisor, from, PROCESS_KMS);
	struct oap_cap_mint ask = { .form = msg->form, .caveats = msg->caveats };

	if (id == 0 ||
		oap_send_cap_mint(worker_peer(supervisor, PROCESS_KMS), id, &ask) != ERR_OK) {
		return not_there(supervisor, from, id, PROCESS_KMS);
	}
	return ERR_OK;
}

static enum err on_revoke(void *self, const struct oap_from *from, const struct oap_ctl_revoke *msg)
{
	struct supervisor *supervisor = self;
	uint64_t id = remember(supervisor, from, PROCESS_KMS);
	struct oap_cap_revoke ask = { .kid = msg->kid, .capability = msg->capability };

	if (id == 0 ||
		oap_send_cap_revoke(worker_peer(supervisor, PROCESS_KMS), id, &ask) != ERR_OK) {
		return not_there(supervisor, from, id, PROCESS_KMS);
	}
	return ERR_OK;
}

static enum err on_list(void *self, const struct oap_from *from, const struct oap_ctl_list *msg)
{
	struct supervisor *supervisor = self;
	uint64_t id = remember(supervisor, from, PROCESS_KMS);
	struct oap_cap_list ask = { .after = msg->after };

	if (id == 0 ||
		oap_send_cap_list(worker_peer(supervisor, PROCESS_KMS), id, &ask) != ERR_OK) {
		return not_there(supervisor, from, id, PROCESS_KMS);
	}
	return ERR_OK;
}

static enum err on_rotate(void *self, const struct oap_from *from, const struct oap_ctl_rotate *msg)
{
	struct supervisor *supervisor = self;
	uint64_t id = remember(supervisor, from, PROCESS_KMS);
	struct oap_cap_rotate ask = { .active_kid = msg->active_kid };

	if (id == 0 ||
		oap_send_cap_rotate(worker_peer(supervisor, PROCESS_KMS), id, &ask) != ERR_OK) {
		return not_there(supervisor, from, id, PROCESS_KMS);
	}
	return ERR_OK;
}

static enum err on_key(void *self, const struct oap_from *from, const struct oap_ctl_key *msg)
{
	struct supervisor *supervisor = self;
	uint64_t id = remember(supervisor, from, PROCESS_KMS);
	struct oap_key_show ask = { .detail = msg->detail };

	if (id == 0 ||
		oap_send_key_show(worker_peer(supervisor, PROCESS_KMS), id, &ask) != ERR_OK) {
		return not_there(supervisor, from, id, PROCESS_KMS);
	}
	return ERR_OK;
}

static enum err on_govern(void *self, const struct oap_from *from, const struct oap_ctl_govern *msg)
{
	struct supervisor *supervisor = self;
	uint64_t id = remember(supervisor, from, PROCESS_SEQUENCER);
	struct oap_govern ask = {
		.act = msg->act,
		.scope = msg->scope,
		.name = msg->name,
		.reason = msg->reason,
		.actor = msg->actor,
	};

	if (id == 0 ||
		oap_send_govern(worker_peer(supervisor, PROCESS_SEQUENCER), id, &ask) != ERR_OK) {
		return not_there(supervisor, from, id, PROCESS_SEQUENCER);
	}
	return ERR_OK;
}

static enum err on_recover(
	void *self, const struct oap_from *from, const struct oap_ctl_recover *msg)
{
	struct supervisor *supervisor = self;
	uint64_t id = remember(supervisor, from, PROCESS_COMMITTER);
	struct oap_recover ask = {
		.act = msg->act,
		.size = msg->size,
		.root = msg->root,
		.actor = msg->actor,
	};

	if (id == 0 ||
		oap_send_recover(worker_peer(supervisor, PROCESS_COMMITTER), id, &ask) != ERR_OK) {
		return not_there(supervisor, from, id, PROCESS_COMMITTER);
	}
	return ERR_OK;
}

static enum err on_cap_answer(
	void *self, const struct oap_from *from, const struct oap_cap_answer *msg)
{
	struct supervisor *supervisor = self;
	struct oap_from whom;

	if (!recall(supervisor, from->corr_id, from->process, &whom)) {
		return ERR_OK; /* who asked has left */
	}
	return answer(supervisor, &whom, (enum err)msg->status, msg->next, msg->text);
}

static enum err on_govern_answer(
	void *self, const struct oap_from *from, const struct oap_govern_answer *msg)
{
	struct supervisor *supervisor = self;
	struct oap_from whom;

	if (!recall(supervisor, from->corr_id, from->process, &whom)) {
		return ERR_OK;
	}
	return answer(supervisor, &whom, (enum err)msg->status, msg->after_seq, msg->text);
}

static enum err on_recover_answer(
	void *self, const struct oap_from *from, const struct oap_recover_answer *msg)
{
	struct supervisor *supervisor = self;
	struct oap_from whom;

	if (msg->cleared == 1) {
		supervisor->store_suspect = false;
		readiness_update(supervisor);
	}
	if (admin_recover_answer(supervisor, from, msg)) {
		return ERR_OK;
	}
	if (!recall(supervisor, from->corr_id, from->process, &whom)) {
		return ERR_OK;
	}
	return answer(supervisor, &whom, (enum err)msg->status, msg->left, msg->text);
}

/* --- questions for us --- */

static enum err on_status(void *self, const struct oap_from *from, const struct oap_ctl_status *msg)
{
	static char text[VERB_REPLY_BYTES_MAX]; /* one answer at a time: this is one loop */
	size_t bytes = status_write(self, text, sizeof text);

	(void)msg;
	if (bytes == 0) {
		return answer_text(self, from, ERR_TOO_LARGE, "the status does not fit a frame");
	}
	return answer(self, from, ERR_OK, 0, (struct slice){ (const uint8_t *)text, bytes });
}

static enum err on_stop(void *self, const struct oap_from *from, const struct oap_ctl_stop *msg)
{
	struct supervisor *supervisor = self;
	char actor[32], reason[VERB_TEXT_BYTES_MAX + 1];

	snprintf(actor, sizeof actor, "uid %" PRIu32, supervisor->clients[from->instance].uid);
	snprintf(reason, sizeof reason, "%.*s", (int)msg->reason.bytes_count,
		msg->reason.bytes_count == 0 ? "" : (const char *)msg->reason.bytes);
	admin_audit(supervisor, ADMIN_ACT_SHUTDOWN,
		&(struct admin_deed){ .actor = actor,
			.reason = reason,
			.request_id = "",
			.outcome = "accepted" });
	(void)answer_text(self, from, ERR_OK, "stopping");
	drain_begin(self, "asked over the control socket");
	return ERR_OK;
}

static void on_reloaded(struct supervisor *self, uint64_t id, const struct reload_result *result)
{
	static uint8_t json[VERB_REPLY_BYTES_MAX];
	struct json_out out;
	size_t bytes = 0;
	struct oap_from whom;

	if (!recall(self, id, PROCESS_SUPERVISOR, &whom)) {
		return; /* who asked has left */
	}
	if (!result->is_applied) {
		(void)answer_text(self, &whom, ERR_DENIED, result->refusal);
		return;
	}
	json_out_init(&out, json, sizeof json);
	reload_result_write(&out, result, true);
	if (json_out_finish(&out, &bytes) != ERR_OK) {
		json_out_init(&out, json, sizeof json);
		reload_result_write(&out, result, false);
		(void)!json_out_finish(&out, &bytes);
	}
	(void)answer(self, &whom, ERR_OK, 0, (struct slice){ json, bytes });
}

static enum err on_reload(void *self, const struct oap_from *from, const struct oap_ctl_reload *msg)
{
	struct supervisor *supervisor = self;
	uint64_t id = remember(supervisor, from, PROCESS_SUPERVISOR);
	char actor[32];

	(void)msg;
	if (id == 0) {
		return answer_text(self, from, ERR_BUSY, "too many questions wait; try again");
	}
	snprintf(actor, sizeof actor, "uid %" PRIu32, supervisor->clients[from->instance].uid);
	reload_request(supervisor, actor, on_reloaded, id);
	return ERR_OK;
}

static enum err on_audited(void *self, const struct oap_from *from, const struct oap_audited *msg)
{
	return audits_answered(self, from, msg);
}

/* Of one that is not there, what to do about it is the command's to say. */
static enum err on_trace(void *self, const struct oap_from *from, const struct oap_ctl_trace *msg)
{
	static char text[VERB_REPLY_BYTES_MAX];
	struct supervisor *supervisor = self;
	size_t bytes = msg->id.bytes_count == 0
			       ? trace_json_list(supervisor->traces, text, sizeof text)
			       : trace_json_show(supervisor->traces, msg->id, text, sizeof text);

	if (bytes == 0) {
		return answer_text(self, from, ERR_NOT_FOUND,
			"it is not among the requests that were traced last");
	}
	return answer(self, from, ERR_OK, 0, (struct slice){ (const uint8_t *)text, bytes });
}

const struct oap_handlers control_handlers = {
	.ctl_reload = on_reload,
	.audited = on_audited,
	.ctl_status = on_status,
	.ctl_stop = on_stop,
	.ctl_mint = on_mint,
	.ctl_revoke = on_revoke,
	.ctl_list = on_list,
	.ctl_rotate = on_rotate,
	.ctl_govern = on_govern,
	.ctl_key = on_key,
	.ctl_recover = on_recover,
	.ctl_trace = on_trace,
	.otel_want = otel_on_want,
	.cap_answer = on_cap_answer,
	.recover_answer = on_recover_answer,
	.govern_answer = on_govern_answer,
	.admin_ask = admin_ask,
	.grant_checked = admin_grant_checked,
};

/* --- connections --- */

static bool is_allowed(int fd, uid_t *ret_uid)
{
	struct ucred peer = { 0 };
	socklen_t bytes = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == -1) {
		return false;
	}
	*ret_uid = peer.uid;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void drop_client(struct supervisor *self, struct control_client *client)
{
	unsigned slot = (unsigned)(client - self->clients);

	client->used = false;
	peer_destroy(mesh_peer_of(&self->mesh, PROCESS_CLIENT, slot, client->generation));
}

/* When all slots are taken, whoever has been silent longest leaves: 17 connections that were
 * opened and forgotten must not lock the operator out. */
static struct control_client *free_client(struct supervisor *self)
{
	struct control_client *oldest = &self->clients[0];

	for (size_t i = 0; i < COUNT_OF(self->clients); i++) {
		struct control_client *client = &self->clients[i];
		if (!client->used) {
			return client;
		}
		if (client->asked_at.monotonic_us < oldest->asked_at.monotonic_us) {
			oldest = client;
		}
	}
	drop_client(self, oldest);
	return oldest;
}

static void greet(struct supervisor *self, int fd)
{
	struct control_client *client;
	struct peer_plan plan = { .fd = fd, .process = PROCESS_CLIENT };
	uid_t uid = 0;

	if (!is_allowed(fd, &uid)) {
		log_event(
			LOG_UDS_DENIED, &(struct log_fields){ .uid = uid,
						.path = "control",
						.text = "it is for root and the node's own user" });
		close(fd);
		return;
	}
	client = free_client(self);
	*client = (struct control_client){
		.used = true,
		.generation = ++self->generation_last,
		.uid = uid,
		.asked_at = clock_now(),
	};
	plan.instance = (unsigned)(client - self->clients);
	plan.generation = client->generation;
	plan.handlers = &control_handlers;
	plan.handlers_self = self;
	if (peer_create(&self->mesh, &plan) == NULL) {
		client->used = false;
		close(fd);
	}
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct supervisor *self = watcher->data;

	(void)loop;
	(void)events;
	for (size_t i = 0; i < COUNT_OF(self->clients); i++) {
		int fd = accept4(self->control_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			greet(self, fd);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			/* no fds: it stays readable, and the loop would never sleep */
			ev_io_stop(self->loop, &self->control_readable);
		}
		return;
	}
}

void control_tick(struct supervisor *self)
{
	ev_io_start(self->loop, &self->control_readable);
}

bool control_open(struct supervisor *self)
{
	char path[CONFIG_TEXT_BYTES_MAX + 16];

	snprintf(path, sizeof path, "%s/control", self->config.node_run_dir);
	self->control_fd = listen_unix(path, 0600, (gid_t)-1);
	if (self->control_fd < 0) {
		return false;
	}
	ev_io_init(&self->control_readable, on_readable, self->control_fd, EV_READ);
	self->control_readable.data = self;
	ev_io_start(self->loop, &self->control_readable);
	return true;
}

void control_close(struct supervisor *self)
{
	char path[CONFIG_TEXT_BYTES_MAX + 16];

	if (self->control_fd < 0) {
		return;
	}
	snprintf(path, sizeof path, "%s/control", self->config.node_run_dir);
	ev_io_stop(self->loop, &self->control_readable);
	close(self->control_fd);
	(void)unlink(path);
	self->control_fd = -1;
}

void control_lost(struct supervisor *self, const struct oap_from *whom)
{
	struct control_client *client = &self->clients[whom->instance];

	if (client->generation == whom->generation) {
		client->used = false;
	}
}

/* Questions that a dead worker will never answer. */
void control_worker_lost(struct supervisor *self, unsigned process)
{
	for (size_t i = 0; i < COUNT_OF(self->asked); i++) {
		struct oap_from whom;
		if (self->asked[i].id != 0 && recall(self, self->asked[i].id, process, &whom)) {
			(void)answer_text(self, &whom, ERR_UNKNOWN,
				"the worker died over the question; look before trying again");
		}
	}
}
