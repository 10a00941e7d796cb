/* `macronode verify` on a running node: the whole store is read again over a connection of
 * its own. The loop goes on in between, from the progress that the check reports, so that reads
 * and pings are answered; that is why a check starts from a timer and never from a handler. */
#include "services/archive/archive.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/ed25519.h"
#include "common/log.h"

static void tell(struct archive *self, bool done, uint64_t entries_done, uint64_t entries_total,
	struct slice text)
{
	struct check *check = &self->check;
	struct oap_verified msg = {
		.done = done,
		.entries_done = entries_done,
		.entries_total = entries_total,
		.text = text,
	};

	(void)!oap_send_verified(archive_edge(self, check->edge_process, check->edge_instance,
					 check->edge_generation),
		check->from.corr_id, &msg);
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
	struct archive *self = context;
	struct instant now = clock_now();

	if (instant_since(self->check.told_at, now).us >= 1000000) {
		self->check.told_at = now;
		tell(self, false, done, total, (struct slice){ NULL, 0 });
	}
	ev_run(self->worker->loop, EVRUN_NOWAIT);
}

static void run(struct archive *self)
{
	static uint8_t text[VERB_REPLY_BYTES_MAX];
	static struct verify_result result;
	struct reader_config config = { .dir = self->dir, .shm_readonly = true };
	struct verify_config plan = {
		.progress = on_progress,
		.context = self,
		.stop = &self->check.stop,
		.live = true,
	};
	struct why why = { "" };
	enum err err;

	if (self->signer.origin[0] != '\0') {
		plan.public_key = self->signer.public_key.bytes;
		plan.verify_signature = ed25519_verify;
	}
	memset(&result, 0, sizeof result);
	err = reader_open(&config, &plan.reader, &why);
	if (err == ERR_OK) {
		err = verify_store(&plan, &result, &why);
		reader_close(plan.reader);
	}
	tell(self, true, result.size, result.size,
		(struct slice){ text, verify_print(&result, err, &why, text, sizeof text) });
}

void check_on_start(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct archive *self = watcher->data;

	(void)loop;
	(void)events;
	if (self->check.running || !self->check.wanted) {
		return;
	}
	self->check.running = true;
	self->check.stop = self->reader == NULL; /* it was let go since the check was asked */
	self->check.told_at = clock_now();
	run(self);
	mesh_give_back(&self->worker->mesh, &self->check.from);
	self->check.running = false;
	self->check.wanted = false;
}

static enum err refuse(struct archive *self, const struct oap_from *from,
	const struct oap_read_verify *msg, const char *sentence)
{
	static uint8_t text[VERB_REPLY_BYTES_MAX];
	struct verify_result nothing = { 0 };
	struct why why;
	struct oap_verified reply = { .done = 1 };

	snprintf(why.text, sizeof why.text, "%s", sentence);
	reply.text =
		(struct slice){ text, verify_print(&nothing, ERR_BUSY, &why, text, sizeof text) };
	mesh_give_back(&self->worker->mesh, from);
	(void)!oap_send_verified(
		archive_edge(self, msg->edge_process, msg->edge_instance, msg->edge_generation),
		from->corr_id, &reply);
	return ERR_OK;
}

enum err check_accept(
	struct archive *self, const struct oap_from *from, const struct oap_read_verify *msg)
{
	struct check *check = &self->check;
	struct grant grant;
	enum err err = grant_keys_open(&self->keys, msg->grant, &grant);

	if (err != ERR_OK && err != ERR_STALE) {
		return err;
	}
	if (self->reader == NULL) {
		return refuse(self, from, msg, "the store is not open");
	}
	if (check->wanted) {
		return refuse(self, from, msg, "a verify is running already");
	}
	if (err == ERR_STALE) {
		return refuse(
			self, from, msg, "the token was verified by a kms of before; try again");
	}
	if (!archive_may_read(&grant, (struct slice){ NULL, 0 })) {
		return refuse(self, from, msg, "the token does not allow audit.read");
	}
	check->wanted = true;
	check->from = *from;
	check->edge_process = msg->edge_process;
	check->edge_instance = msg->edge_instance;
	check->edge_generation = msg->edge_generation;
	ev_timer_start(self->worker->loop, &self->start_check);
	return ERR_OK;
}
