#include "common/worker.h"

#include <errno.h>
#include <ev.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/birth.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"

#define CONTROL_FD 3

/* What one turn's requests took and freed is wanted again in the next turn: up to here it isn't
 * given back to the kernel in between, which would clear the same pages over and over. */
#define HEAP_KEPT_BYTES (8 * 1024 * 1024)

/* The supervisor answers within a loop turn; one that needs longer is gone or stuck. */
#define SETUP_TIMEOUT_MS 10000

static struct peer *supervisor_of(struct worker *worker)
{
	return mesh_peer(&worker->mesh, PROCESS_SUPERVISOR, 0);
}

uint64_t worker_tables_hash(void)
{
	uint64_t hash = oap_tables_hash();

	hash = hash * 0x100000001b3u ^ config_table_hash();
	return hash * 0x100000001b3u ^ metrics_tables_hash();
}

/* --- what the supervisor says --- */

static enum err on_setup_config(
	void *self, const struct oap_from *from, const struct oap_setup_config *msg)
{
	struct worker *worker = self;

	(void)from;
	if (worker->setup_done) {
		return ERR_CONFLICT;
	}
	return config_decode(msg->config, worker->spec->process, &worker->config);
}

static enum err on_setup_policy(
	void *self, const struct oap_from *from, const struct oap_setup_policy *msg)
{
	struct worker *worker = self;

	(void)from;
	return worker->setup_done ? worker_reload_take_policy(worker, msg->policy)
				  : policy_decode(msg->policy, &worker->policy);
}

static enum err on_setup_fd(void *self, const struct oap_from *from, const struct oap_setup_fd *msg)
{
	struct worker *worker = self;
	int fd = peer_take_fd(supervisor_of(worker));

	(void)from;
	if (fd < 0 || msg->what >= SETUP_FD_KIND_COUNT) {
		return ERR_MALFORMED;
	}
	if (worker->setup_done) {
		return worker_reload_take_fd(worker, msg, fd);
	}
	if (worker->fd_count == PEER_FDS_MAX) {
		return ERR_MALFORMED;
	}
	worker->fds[worker->fd_count++] = (struct worker_fd){ msg->what, msg->index, fd };
	return ERR_OK;
}

static enum err on_setup_end(
	void *self, const struct oap_from *from, const struct oap_setup_end *msg)
{
	struct worker *worker = self;

	(void)from;
	if (msg->process != worker->spec->process || msg->generation == 0 ||
		msg->config_generation == 0 || msg->suspect > 1) {
		return ERR_MALFORMED;
	}
	if (msg->tables_hash != worker_tables_hash()) {
		worker_fail(worker, "this executable is of another build than the supervisor");
	}
	worker->instance = msg->instance;
	worker->generation = msg->generation;
	worker->config_generation = msg->config_generation;
	worker->sandbox_mode = msg->sandbox_mode;
	worker->suspect = msg->suspect == 1;
	worker->setup_done = true;
	return ERR_OK;
}

static enum err on_ping(void *self, const struct oap_from *from, const struct oap_ping *msg)
{
	struct worker *worker = self;
	struct oap_pong pong = { msg->nonce, worker->ticket_in_hand };

	(void)from;
	return oap_send_pong(supervisor_of(worker), 0, &pong);
}

static enum err on_link(void *self, const struct oap_from *from, const struct oap_link *msg)
{
	struct worker *worker = self;
	int fd = peer_take_fd(supervisor_of(worker));
	struct peer_plan plan = {
		.fd = fd,
		.process = msg->process,
		.instance = msg->instance,
		.generation = msg->generation,
		.handlers = worker->spec->handlers,
		.handlers_self = worker->spec->self,
	};
	struct oap_from whom = {
		.process = msg->process,
		.instance = msg->instance,
		.generation = msg->generation,
	};

	(void)from;
	if (fd < 0 || !links_exist(worker->spec->process, msg->process) ||
		msg->instance >= process_instances_max(msg->process)) {
		return ERR_MALFORMED;
	}
	if (worker->spec->take_link != NULL &&
		worker->spec->take_link(worker->spec->self, &whom, fd)) {
		return ERR_OK;
	}
	if (peer_create(&worker->mesh, &plan) == NULL) {
		worker_fail(worker, "no memory for a link");
	}
	log_event(LOG_LINK_UP, &(struct log_fields){ .about = msg->process,
				       .instance_of = msg->instance,
				       .generation = msg->generation });
	if (worker->spec->link_up != NULL) {
		worker->spec->link_up(worker->spec->self, &whom);
	}
	return ERR_OK;
}

static enum err on_drain(void *self, const struct oap_from *from, const struct oap_drain *msg)
{
	struct worker *worker = self;

	(void)from;
	if (worker->spec->drain == NULL) {
		worker_drained(worker, 0);
		return ERR_OK;
	}
	worker->spec->drain(worker->spec->self, msg->deadline_mono_ms);
	return ERR_OK;
}

static enum err on_config_prepare(
	void *self, const struct oap_from *from, const struct oap_config_prepare *msg)
{
	(void)from;
	return worker_reload_prepare(self, msg);
}

static enum err on_config_commit(
	void *self, const struct oap_from *from, const struct oap_config_commit *msg)
{
	(void)from;
	return worker_reload_commit(self, msg->config_generation);
}

static enum err on_config_abort(
	void *self, const struct oap_from *from, const struct oap_config_abort *msg)
{
	(void)from;
	worker_reload_abort(self, msg->config_generation);
	return ERR_OK;
}

static const struct oap_handlers control = {
	.setup_config = on_setup_config,
	.setup_policy = on_setup_policy,
	.setup_fd = on_setup_fd,
	.setup_end = on_setup_end,
	.ping = on_ping,
	.link = on_link,
	.drain = on_drain,
	.config_prepare = on_config_prepare,
	.config_commit = on_config_commit,
	.config_abort = on_config_abort,
};

/* --- what the mesh tells --- */

static void on_lost(void *self, const struct oap_from *whom)
{
	struct worker *worker = self;

	if (whom->process == PROCESS_SUPERVISOR) {
		_exit(EXIT_SUCCESS); /* nobody is left to work for */
	}
	log_event(LOG_LINK_LOST, &(struct log_fields){ .about = whom->process,
					 .instance_of = whom->instance,
					 .generation = whom->generation });
	if (worker->spec->link_lost != NULL) {
		worker->spec->link_lost(worker->spec->self, whom);
	}
}

static void on_accuse(void *self, const struct oap_from *from, enum err err)
{
	struct worker *worker = self;
	struct oap_accuse accuse = {
		.process = from->process,
		.instance = from->instance,
		.generation = from->generation,
		.verb = from->verb,
		.err = (uint8_t)err,
	};

	log_event(LOG_ACCUSED, &(struct log_fields){ .about = from->process,
				       .instance_of = from->instance,
				       .generation = from->generation,
				       .verb = from->verb,
				       .fault = err });
	if (from->process == PROCESS_SUPERVISOR) {
		worker_fail(worker, "the supervisor's %s is %s; is it of another build?",
			oap_verb_name(from->verb), err_name(err));
	}
	enum err sent = oap_send_accuse(supervisor_of(worker), 0, &accuse);
	(void)sent; /* without a supervisor there is nobody to tell, and we are about to end */
}

static void on_turn(void *self)
{
	struct worker *worker = self;

	if (worker->spec->turn != NULL) {
		worker->spec->turn(worker->spec->self);
	}
}

/* --- what a role says --- */

int worker_fd(const struct worker *worker, enum setup_fd what, unsigned index)
{
	for (size_t i = 0; i < worker->fd_count; i++) {
		if (worker->fds[i].what == what && worker->fds[i].index == index) {
			return worker->fds[i].fd;
		}
	}
	return -1;
}

bool worker_read_fd(int fd, uint8_t *bytes, size_t bytes_max, size_t *ret_bytes)
{
	size_t used = 0;
	ssize_t got = 1;

	while (got > 0 && used < bytes_max) {
		got = pread(fd, bytes + used, bytes_max - used, (off_t)used);
		if (got < 0 && errno == EINTR) {
			got = 1;
			continue;
		}
		used += got > 0 ? (size_t)got : 0;
	}
	*ret_bytes = used;
	return got >= 0 && used < bytes_max;
}

static struct slice text_slice(const char *text, size_t bytes_max)
{
	return (struct slice){ (const uint8_t *)text, strnlen(text, bytes_max) };
}

void worker_report(struct worker *worker, enum worker_phase phase, uint64_t seq, uint64_t lag_ms,
	const struct hash *root, const char *text)
{
	struct oap_report report = {
		.phase = (uint8_t)phase,
		.seq = seq,
		.lag_ms = lag_ms,
		.text = text_slice(text, VERB_TEXT_BYTES_MAX),
	};

	if (root != NULL) {
		report.root = *root;
	}
	worker->phase = (uint8_t)phase;
	(void)!oap_send_report(supervisor_of(worker), 0, &report); /* EOF of fd 3 will end us */
}

void worker_progress(struct worker *worker, uint64_t done, uint64_t total)
{
	struct oap_progress progress = { done, total };

	(void)!oap_send_progress(supervisor_of(worker), 0, &progress);
}

void worker_drained(struct worker *worker, uint64_t left_over)
{
	struct oap_drained drained = { left_over };

	worker->phase = PHASE_DRAINED;
	(void)!oap_send_drained(supervisor_of(worker), 0, &drained);
}

void worker_fail(struct worker *worker, const char *format, ...)
{
	char text[VERB_TEXT_BYTES_MAX];
	struct oap_failed failed;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	failed.fault = worker->fault;
	failed.text = text_slice(text, sizeof text);
	log_event(LOG_START_FAILED, &(struct log_fields){ .text = text });
	(void)!oap_send_failed(supervisor_of(worker), 0, &failed);
	mesh_flush(&worker->mesh);
	_exit(EXIT_FAILURE);
}

/* --- birth --- */

/* Before the loop runs: the same reading and dispatching, driven by poll. */
static bool take_setup(struct worker *worker)
{
	struct instant deadline = instant_after(clock_now(), duration_ms(SETUP_TIMEOUT_MS));

	while (!worker->setup_done) {
		struct pollfd control_fd = { .fd = CONTROL_FD, .events = POLLIN };

		if (instant_reached(deadline, clock_now())) {
			return false;
		}
		if (poll(&control_fd, 1, SETUP_TIMEOUT_MS) < 0 && errno != EINTR) {
			return false;
		}
		if (!peer_read(supervisor_of(worker))) {
			return false;
		}
	}
	return true;
}

static void enter_walls(struct worker *worker)
{
	const struct worker_spec *spec = worker->spec;
	struct landlock_path paths[WORKER_PATHS_MAX];
	size_t path_count = 0;
	const char *failed = "";

	if (spec->paths != NULL) {
		path_count = spec->paths(spec->self, worker, paths);
	}
	switch (landlock_enter(paths, path_count, &failed)) {
	case LANDLOCK_ENFORCED:
		break;
	case LANDLOCK_MISSING:
		if (worker->config.sandbox_require) {
			worker_fail(worker, "sandbox.require: this kernel has no Landlock");
		}
		log_event(LOG_SANDBOX_WEAKER, &(struct log_fields){ .text = "no Landlock" });
		break;
	case LANDLOCK_FAILED:
		worker_fail(worker, "Landlock: %s: %s", failed, strerror(errno));
	}
	if (spec->open != NULL) {
		spec->open(spec->self, worker);
	}
	if (sandbox_enter(spec->sandbox, worker->sandbox_mode, process_name(spec->process),
		    &failed) != ERR_OK) {
		worker_fail(worker, "sandbox: %s: %s", failed, strerror(errno));
	}
}

static bool start_mesh(struct worker *worker)
{
	struct peer_plan plan = {
		.fd = CONTROL_FD,
		.process = PROCESS_SUPERVISOR,
		.generation = 1,
		.passes_fds = true,
		.handlers = worker->spec->handlers,
		.handlers_self = worker->spec->self,
		.control = &control,
		.control_self = worker,
	};
	struct mesh_hooks hooks = { .lost = on_lost, .accuse = on_accuse, .turn = on_turn };

	worker->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	return worker->loop != NULL &&
	       mesh_init(&worker->mesh, worker->loop, worker->spec->process, worker, hooks) &&
	       peer_create(&worker->mesh, &plan) != NULL;
}

static void open_log_and_page(struct worker *worker)
{
	int page = worker_fd(worker, SETUP_FD_METRICS, 0);

	log_open(worker_fd(worker, SETUP_FD_LOG, 0), (enum log_level)worker->config.log_level);
	if (page >= 0 && metrics_open(page) != ERR_OK) {
		worker_fail(worker, "the metrics page cannot be mapped: %s", strerror(errno));
	}
#ifdef MACRONODE_TEST_HOOKS
	int clock = worker_fd(worker, SETUP_FD_CLOCK, 0);

	if (clock >= 0 && !clock_adopt_hook(clock)) {
		worker_fail(worker, "the clock of the test cannot be mapped: %s", strerror(errno));
	}
#endif
}

int worker_run(const struct worker_spec *spec, int argc, char *argv[])
{
	static struct worker worker; /* zero; lives as long as the process */
	struct oap_ready ready = { worker_tables_hash() };
	const char *failed = "";

	worker.spec = spec;
	policy_init(&worker.policy);
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
	if (birth_begin(process_name(spec->process), argc > 1 ? argv[1] : "", &failed) != ERR_OK) {
		fprintf(stderr, "mn-%s: %s (started by macronode only)\n",
			process_name(spec->process), failed);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* the terminal's; the supervisor tells us what it means */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (!oap_handlers_complete(spec->handlers, spec->process, &failed)) {
		fprintf(stderr, "mn-%s: its handlers and the verb table disagree about %s\n",
			process_name(spec->process), failed);
		return EXIT_FAILURE;
	}
	if (!start_mesh(&worker) || !take_setup(&worker)) {
		fprintf(stderr, "mn-%s: no orders on fd 3\n", process_name(spec->process));
		return EXIT_FAILURE;
	}
	open_log_and_page(&worker);
	if (!birth_name(process_title(
		    (struct process_id){ (uint8_t)spec->process, worker.instance }))) {
		worker_fail(&worker, "it cannot be named: %s", strerror(errno));
	}
	if (worker.config.amnesia_enabled && birth_lock_memory() != ERR_OK) {
		worker_fail(&worker, "memory cannot be locked: %s", strerror(errno));
	}
	enter_walls(&worker);
	if (spec->ready != NULL) {
		spec->ready(spec->self, &worker);
	}
	if (oap_send_ready(supervisor_of(&worker), 0, &ready) != ERR_OK) {
		return EXIT_FAILURE;
	}
	worker.runs = true;
	log_event(LOG_READY, NULL);
	ev_run(worker.loop, 0);
	return EXIT_SUCCESS;
}
