/* A reload, as a worker sees it (DESIGN-WALL.md section 6). What comes is kept aside until the
 * supervisor has heard from everybody that it can be gone by; nothing of it is in force before. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/worker.h"

static struct peer *supervisor_of(struct worker *worker)
{
	return mesh_peer(&worker->mesh, PROCESS_SUPERVISOR, 0);
}

static void drop_staged(struct worker *worker)
{
	for (size_t i = 0; i < worker->staged.fd_count; i++) {
		close(worker->staged.fds[i].fd);
	}
	memset(&worker->staged, 0, sizeof worker->staged);
}

/* --- what belongs to it --- */

static bool may_be_replaced(uint8_t what)
{
	return what == SETUP_FD_LISTEN_TCP || what == SETUP_FD_LISTEN_UDS ||
	       what == SETUP_FD_TLS_CHAIN || what == SETUP_FD_TLS_ROOTS ||
	       what == SETUP_FD_TLS_OCSP || what == SETUP_FD_TLS_KEY;
}

enum err worker_reload_take_fd(struct worker *worker, const struct oap_setup_fd *msg, int fd)
{
	struct worker_staged *staged = &worker->staged;

	if (!worker->runs || staged->generation != 0 || !may_be_replaced(msg->what) ||
		msg->index != 0 || staged->fd_count == WORKER_STAGED_FDS_MAX) {
		close(fd);
		return ERR_CONFLICT;
	}
	staged->fds[staged->fd_count++] = (struct worker_fd){ msg->what, msg->index, fd };
	return ERR_OK;
}

enum err worker_reload_take_policy(struct worker *worker, struct slice policy)
{
	if (!worker->runs || worker->staged.generation != 0) {
		return ERR_CONFLICT;
	}
	worker->staged.has_policy = true;
	return policy_decode(policy, &worker->staged.policy);
}

bool worker_reload_replaces(const struct worker *worker, enum setup_fd what)
{
	return (worker->staged.closes >> what & 1u) != 0 || worker_reload_fd(worker, what) >= 0;
}

int worker_reload_fd(const struct worker *worker, enum setup_fd what)
{
	for (size_t i = 0; i < worker->staged.fd_count; i++) {
		if (worker->staged.fds[i].what == what) {
			return worker->staged.fds[i].fd;
		}
	}
	return -1;
}

/* --- prepare --- */

static void answer(struct worker *worker, uint64_t generation, const char *refusal)
{
	struct oap_config_prepared prepared = {
		.config_generation = generation,
		.status = refusal == NULL ? ERR_OK : ERR_DENIED,
	};

	if (refusal != NULL) {
		prepared.text = (struct slice){ (const uint8_t *)refusal,
			strnlen(refusal, VERB_TEXT_BYTES_MAX) };
	}
	(void)!oap_send_config_prepared(supervisor_of(worker), 0, &prepared);
}

/* The supervisor leaves keys alone that take a restart; who read one of them at its birth would
 * go by the old value and say that it goes by the new one. */
static const char *refuse_restart_keys(const struct worker *worker)
{
	static char text[VERB_TEXT_BYTES_MAX];

	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		if (config_key_reload((enum config_key_id)id) == CONFIG_RESTART &&
			config_key_differs(
				(enum config_key_id)id, &worker->config, &worker->staged.config)) {
			(void)snprintf(text, sizeof text, "%s cannot change without a restart",
				config_key_name((enum config_key_id)id));
			return text;
		}
	}
	return NULL;
}

enum err worker_reload_prepare(struct worker *worker, const struct oap_config_prepare *msg)
{
	const struct worker_spec *spec = worker->spec;
	const char *refusal;
	enum err err;

	if (!worker->runs || worker->staged.generation != 0 ||
		msg->config_generation <= worker->config_generation) {
		return ERR_CONFLICT;
	}
	err = config_decode(msg->config, spec->process, &worker->staged.config);
	if (err != ERR_OK) {
		return err;
	}
	worker->staged.generation = msg->config_generation;
	worker->staged.closes = msg->closes;
	refusal = refuse_restart_keys(worker);
	if (refusal == NULL && spec->prepare != NULL) {
		refusal = spec->prepare(spec->self, worker);
	}
	answer(worker, msg->config_generation, refusal);
	if (refusal != NULL) {
		drop_staged(worker);
	}
	return ERR_OK;
}

/* --- and then --- */

static void close_fds_of(struct worker *worker, uint8_t what)
{
	size_t kept = 0;

	for (size_t i = 0; i < worker->fd_count; i++) {
		if (worker->fds[i].what == what) {
			close(worker->fds[i].fd);
		} else {
			worker->fds[kept++] = worker->fds[i];
		}
	}
	worker->fd_count = kept;
}

static void take_over_fds(struct worker *worker)
{
	struct worker_staged *staged = &worker->staged;

	for (uint8_t what = 0; what < SETUP_FD_KIND_COUNT; what++) {
		if (worker_reload_replaces(worker, (enum setup_fd)what)) {
			close_fds_of(worker, what);
		}
	}
	for (size_t i = 0; i < staged->fd_count; i++) {
		assert(worker->fd_count < PEER_FDS_MAX); /* it takes the place of another */
		worker->fds[worker->fd_count++] = staged->fds[i];
	}
	staged->fd_count = 0;
}

enum err worker_reload_commit(struct worker *worker, uint64_t generation)
{
	const struct worker_spec *spec = worker->spec;
	struct oap_config_applied applied = { generation };

	if (generation == 0 || worker->staged.generation != generation) {
		return ERR_CONFLICT;
	}
	worker->config = worker->staged.config;
	if (worker->staged.has_policy) {
		worker->policy = worker->staged.policy;
	}
	worker->config_generation = generation;
	log_set_level((enum log_level)worker->config.log_level);
	if (spec->commit != NULL) {
		spec->commit(spec->self, worker);
	}
	take_over_fds(worker);
	drop_staged(worker);
	return oap_send_config_applied(supervisor_of(worker), 0, &applied);
}

/* Also of fds whose PREPARE never came, and of what was refused: then there is nothing more. */
void worker_reload_abort(struct worker *worker, uint64_t generation)
{
	const struct worker_spec *spec = worker->spec;

	if (worker->staged.generation == generation && generation != 0 && spec->abort != NULL) {
		spec->abort(spec->self, worker);
	}
	drop_staged(worker);
}
