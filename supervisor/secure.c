/* TLS as the supervisor has it: which files are in force, and who is given which. */
#include "supervisor/supervisor.h"

#include <fcntl.h>
#include <string.h>

#include "common/log.h"

/* As kms, whose key is among what it looks at; without files of its own, and not for long. */
static struct identity_plan plan_of_checker(const struct supervisor *self, gid_t *store_gid)
{
	struct identity_plan plan =
		spawn_identity_of(self, process_plan(PROCESS_KMS), PROCESS_KMS, store_gid);

	plan.limits.file_bytes = 0;
	return plan;
}

static void tell(const struct supervisor *self)
{
	char text[MATERIAL_WHY_BYTES];

	if (!self->config.tls_enabled) {
		return;
	}
	metrics_set(METRIC_TLS_CERTIFICATE_EXPIRY, METRIC_PLAIN,
		self->material.not_after_unix_s < 0 ? 0
						    : (uint64_t)self->material.not_after_unix_s);
	log_event(LOG_TLS_LOADED, &(struct log_fields){ .path = self->config.tls_cert_path,
					  .text = self->material.key_kind });
	material_dates(&self->material, clock_unix_ms() / 1000, text);
	if (text[0] != '\0') {
		log_event(LOG_TLS_DATES,
			&(struct log_fields){ .path = self->config.tls_cert_path, .text = text });
	}
}

bool secure_open(struct supervisor *self)
{
	struct identity_plan plan;
	gid_t store_gid;

	if (!self->config.tls_enabled) {
		return true;
	}
	plan = plan_of_checker(self, &store_gid);
	self->tls_checker = material_open_checker(self->options.libexec_dir);
	if (!material_load(&self->config, self->tls_checker, &plan, &self->material)) {
		log_event(LOG_TLS_REFUSED, &(struct log_fields){ .text = self->material.why });
		return false;
	}
	tell(self);
	return true;
}

/* --- who is given which --- */

static bool speaks_tls(const struct config *config, enum process_listener listener)
{
	switch (listener) {
	case LISTENER_ADMIN:
		return config->tls_listeners != CONFIG_TLS_API;
	case LISTENER_API:
		return config->tls_listeners != CONFIG_TLS_ADMIN;
	case LISTENER_NONE:
		break;
	}
	return false;
}

static bool is_his(const struct child *child, unsigned kind)
{
	return kind == MATERIAL_KEY ? child->process == PROCESS_KMS
				    : speaks_tls(&child->supervisor->config, child->plan->listener);
}

static bool send_one(const struct child *child, struct peer *peer, const struct material *material,
	unsigned kind)
{
	static const enum setup_fd whats[MATERIAL_KIND_COUNT] = {
		[MATERIAL_CHAIN] = SETUP_FD_TLS_CHAIN,
		[MATERIAL_KEY] = SETUP_FD_TLS_KEY,
		[MATERIAL_ROOTS] = SETUP_FD_TLS_ROOTS,
		[MATERIAL_OCSP] = SETUP_FD_TLS_OCSP,
	};
	struct oap_setup_fd msg = { .what = (uint8_t)whats[kind] };
	int copy;

	if (material->fds[kind] < 0 || !is_his(child, kind)) {
		return true;
	}
	copy = fcntl(material->fds[kind], F_DUPFD_CLOEXEC, 0);
	if (copy >= 0) {
		(void)!peer_send_setup_fd(peer, &msg, copy); /* one that is gone is seen to be */
	}
	return copy >= 0;
}

static bool send_all(const struct child *child, struct peer *peer, const struct material *material)
{
	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT; kind++) {
		if (!send_one(child, peer, material, kind)) {
			return false;
		}
	}
	return true;
}

void secure_send(const struct child *child, struct peer *peer)
{
	(void)send_all(child, peer, &child->supervisor->material); /* or it ends with a sentence */
}

/* --- a reload --- */

static void mark_changed(struct supervisor *self)
{
	static const enum config_key_id keys[MATERIAL_KIND_COUNT] = {
		[MATERIAL_CHAIN] = CONFIG_KEY_tls_cert_path,
		[MATERIAL_KEY] = CONFIG_KEY_tls_key_path,
		[MATERIAL_ROOTS] = CONFIG_KEY_tls_client_ca_path,
		[MATERIAL_OCSP] = CONFIG_KEY_tls_ocsp_path,
	};
	const struct material *material = &self->material_next;

	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT; kind++) {
		if (memcmp(&material->digests[kind], &self->material.digests[kind],
			    sizeof material->digests[kind]) != 0) {
			self->reload.now.changed[keys[kind]] = true;
		}
	}
}

static void on_output(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct supervisor *self = watcher->data;

	(void)events;
	if (material_check_read(&self->tls_check)) {
		return;
	}
	ev_io_stop(loop, watcher);
	if (material_end(&self->reload.next, &self->material_next, &self->tls_check)) {
		mark_changed(self);
	}
	reload_files_judged(self);
}

bool secure_prepare(struct supervisor *self, const struct config *next)
{
	struct identity_plan plan;
	gid_t store_gid;

	material_init(&self->material_next);
	if (!next->tls_enabled) {
		return true;
	}
	plan = plan_of_checker(self, &store_gid);
	if (!material_begin(
		    next, self->tls_checker, &plan, &self->material_next, &self->tls_check)) {
		return false;
	}
	ev_io_init(&self->tls_output, on_output, self->tls_check.output, EV_READ);
	self->tls_output.data = self;
	ev_io_start(self->loop, &self->tls_output);
	return true;
}

bool secure_is_judging(const struct supervisor *self)
{
	return self->tls_check.output >= 0;
}

bool secure_stage(const struct child *child, struct peer *peer, uint16_t *closes)
{
	const struct supervisor *self = child->supervisor;

	if (self->material.fds[MATERIAL_ROOTS] >= 0 &&
		self->material_next.fds[MATERIAL_ROOTS] < 0) {
		*closes |= 1u << SETUP_FD_TLS_ROOTS;
	}
	if (self->material.fds[MATERIAL_OCSP] >= 0 && self->material_next.fds[MATERIAL_OCSP] < 0) {
		*closes |= 1u << SETUP_FD_TLS_OCSP;
	}
	return send_all(child, peer, &self->material_next);
}

void secure_commit(struct supervisor *self)
{
	material_close(&self->material);
	self->material = self->material_next;
	material_init(&self->material_next);
	tell(self);
}

void secure_abort(struct supervisor *self)
{
	if (secure_is_judging(self)) {
		ev_io_stop(self->loop, &self->tls_output);
		material_check_stop(&self->tls_check);
	}
	material_close(&self->material_next);
}
