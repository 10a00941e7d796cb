/* The node from start to end. What can be wrong is found before the first worker is forked:
 * directories, the lock, listeners, executables, identities. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/metrics.h"
#include "common/version.h"
#include "proto/links.h"
#include "supervisor/process_stat.h"

/* Seven fds a worker, two for each link on its way, control clients: a soft limit of 1024, as it
 * is on most systems, is enough for a usual table, and not for the largest. */
#define FILES_WANTED 4096u

/* Pings within one node.ping_timeout: life.c counts on it. */
#define TICKS_PER_TIMEOUT 5.0

static void on_lost(void *context, const struct oap_from *whom)
{
	struct supervisor *self = context;

	if (whom->process == PROCESS_CLIENT) {
		control_lost(self, whom);
		return;
	}
	life_lost(self, whom);
}

static void on_accuse(void *context, const struct oap_from *from, enum err err)
{
	struct supervisor *self = context;

	if (from->process == PROCESS_CLIENT) {
		peer_destroy(mesh_peer(&self->mesh, PROCESS_CLIENT, from->instance));
		control_lost(self, from);
		return;
	}
	life_accuse(self, from, err);
}

static void on_stop(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)loop;
	(void)events;
	drain_begin(watcher->data, watcher->signum == SIGINT ? "interrupted" : "terminated");
}

static void on_usr1(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)loop;
	(void)events;
	logs_reopen(watcher->data);
}

static void on_hup(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)loop;
	(void)events;
	reload_request(watcher->data, "signal HUP", NULL, 0);
}

static void on_tick(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct supervisor *self = watcher->data;

	(void)loop;
	(void)events;
	life_tick(self);
	notify_tick(self);
	control_tick(self);
	otel_feed(self);
	process_stat_publish(getpid(), (struct process_id){ PROCESS_SUPERVISOR, 0 });
	for (size_t i = 0; i < self->child_count; i++) {
		const struct child *child = &self->children[i];
		process_stat_publish(
			child->pid, (struct process_id){ child->process, child->instance });
	}
}

static void watch_signal(struct supervisor *self, ev_signal *watcher, int signum,
	void (*callback)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(watcher, callback, signum);
	watcher->data = self;
	ev_signal_start(self->loop, watcher);
}

static void watch_all(struct supervisor *self)
{
	double interval_s = (double)self->config.node_ping_timeout_ms / 1000.0 / TICKS_PER_TIMEOUT;

	watch_signal(self, &self->on_term, SIGTERM, on_stop);
	watch_signal(self, &self->on_int, SIGINT, on_stop);
	watch_signal(self, &self->on_hup, SIGHUP, on_hup);
	watch_signal(self, &self->on_usr1, SIGUSR1, on_usr1);
	ev_timer_init(&self->tick, on_tick, interval_s, interval_s);
	self->tick.data = self;
	ev_set_priority(&self->tick, EV_MINPRI); /* pongs that are there are heard before */
	ev_timer_start(self->loop, &self->tick);
}

static bool open_listeners(struct supervisor *self)
{
	if (!inherit_listeners(self)) {
		return false;
	}
	if (self->admin_fd < 0) {
		self->admin_fd = listen_tcp(&self->config.admin_bind_addr, "admin.bind_addr");
	}
	if (self->admin_fd >= 0 && self->api_tcp_fd < 0) {
		self->api_tcp_fd = listen_tcp(&self->config.api_bind_addr, "api.bind_addr");
	}
	if (self->admin_fd < 0 || self->api_tcp_fd < 0) {
		return false;
	}
	if (self->config.uds_path[0] == '\0' || self->api_uds_fd >= 0) {
		return true;
	}
	self->api_uds_fd = listen_unix(
		self->config.uds_path, self->uds_gid == (gid_t)-1 ? 0600 : 0660, self->uds_gid);
	return self->api_uds_fd >= 0;
}

/* What we may have inherited: no standard fds (the first socket would become stdout), blocked
 * signals, SIGCHLD ignored (the kernel would reap workers before we see them), a soft limit of
 * fds below what a table full of workers needs. */
static bool take_over_process(void)
{
	struct rlimit files;
	sigset_t none;
	int null;

	do {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (null >= 0 && null <= STDERR_FILENO && fcntl(null, F_SETFD, 0) == 0);
	if (null < 0) {
		return false;
	}
	close(null);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN); /* until the loop listens */
	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGUSR2, SIG_IGN); /* they mean nothing here, and would end the node */
	(void)signal(SIGALRM, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED) {
		files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	umask(022);
	return true;
}

/* What is known from the start on and does not change. A prevalidator holds what edges may have
 * under way to it, so that both have the same room. */
static void publish_constants(const struct supervisor *self)
{
	uint64_t ingress = self->config.concurrency_ingress_workers;
	uint64_t of_one = ingress * links_window(PROCESS_INGRESS, PROCESS_PREVALIDATOR).requests;
	uint64_t of_admin = links_window(PROCESS_ADMIN, PROCESS_PREVALIDATOR).requests;
	uint64_t of_all = of_one * self->config.concurrency_prevalidators + of_admin;

	metrics_set(METRIC_QUEUE_CAPACITY, METRIC_QUEUE_INGRESS, of_all);
	metrics_set(METRIC_QUEUE_CAPACITY, METRIC_QUEUE_PREVAL, of_all);
	metrics_set(METRIC_QUEUE_CAPACITY, METRIC_QUEUE_COMMIT,
		links_window(PROCESS_SEQUENCER, PROCESS_COMMITTER).requests);
	metrics_inc(METRIC_CONFIG_APPLY, METRIC_OUTCOME_OK);
	metrics_set(METRIC_CONFIG_GENERATION, METRIC_PLAIN, self->reload.generation);
	metrics_set(METRIC_CONFIG_RELOADED_AT, METRIC_PLAIN, (uint64_t)clock_unix_ms() / 1000);
	metrics_set(METRIC_CONFIG_RELOAD_OK, METRIC_PLAIN, 1);
	metrics_set(METRIC_PQ_POLICY_MODE, self->config.pq_mode, 1);
	metrics_set(METRIC_AMNESIA_ENABLED, METRIC_PLAIN, self->config.amnesia_enabled);
}

/* Nobody reads our memory, alive or dead; a worker does the same for itself, because execve
 * takes it back (common/birth.c). Behind amnesia_begin, whose maps in /proc only a process that
 * is dumpable may write. */
static bool close_to_others(void)
{
	const struct rlimit no_core = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &no_core) == 0) {
		return true;
	}
	log_event(LOG_START_FAILED, &(struct log_fields){ .text = "core dumps cannot be turned off",
					    .os_error = errno });
	return false;
}

#ifdef MACRONODE_TEST_HOOKS
/* A test that wants to move the clock of all of us names its file. */
static bool adopt_test_clock(struct supervisor *self)
{
	const char *path = getenv("MACRONODE_TEST_CLOCK");

	if (path == NULL) {
		return true;
	}
	self->clock_fd = open(path, O_RDONLY | O_CLOEXEC);
	return self->clock_fd >= 0 && clock_adopt_hook(self->clock_fd);
}
#else
static bool adopt_test_clock(struct supervisor *self)
{
	(void)self;
	return true;
}
#endif

static bool wanted_exporter(const struct supervisor *self)
{
	return self->config.otel_endpoint[0] != '\0';
}

static bool start(struct supervisor *self)
{
	struct mesh_hooks hooks = { .lost = on_lost, .accuse = on_accuse };

	if (!take_over_process() || !adopt_test_clock(self)) {
		return false;
	}
	self->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	if (self->loop == NULL ||
		!mesh_init(&self->mesh, self->loop, PROCESS_SUPERVISOR, self, hooks)) {
		fprintf(stderr, "macronode: no event loop: %s\n", strerror(errno));
		return false;
	}
	self->traces = traces_create(wanted_exporter(self));
	if (self->traces == NULL) {
		fprintf(stderr, "macronode: no memory for traces\n");
		return false;
	}
	if (!logs_open(self)) {
		fprintf(stderr, "macronode: log.file: %s: %s\n", self->config.log_file,
			strerror(errno));
		return false;
	}
	log_event(LOG_STARTED, &(struct log_fields){ .text = version_semver });
	notify_open(self, self->options.ready_fd);
	if (metrics_create((struct process_id){ PROCESS_SUPERVISOR, 0 }, &self->own_page_fd,
		    &self->own_page_reader_fd, &self->own_page) != ERR_OK) {
		return false;
	}
	metrics_begin(self->own_page, (uint32_t)getpid(), self->started_at);
	metrics_use(self->own_page);
	publish_constants(self);
	if (!amnesia_begin(self) || !close_to_others() || !spawn_identities(self) ||
		!dirs_prepare(self) || !dirs_lock(self) || !spawn_open_executables(self) ||
		!spawn_plan_children(self) || !secure_open(self) || !open_listeners(self) ||
		!control_open(self)) {
		return false;
	}
	watch_all(self);
	return true;
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

static void finish(struct supervisor *self)
{
	if (self->mesh.watch != NULL) {
		mesh_flush(&self->mesh); /* "stopping", to whoever asked for it */
	}
	control_close(self);
	listen_api_close(self);
	close_fd(&self->admin_fd);
	close_fd(&self->lock_fd);
	close_fd(&self->clock_fd);
	audits_finish(self);
	close_fd(&self->tls_checker);
	material_close(&self->material);
	notify_close(self);
	if (self->sink != NULL) {
		logs_close(self);
	}
	if (self->mesh.watch != NULL) {
		mesh_finish(&self->mesh);
	}
	events_finish(self);
	free(self->children);
	traces_destroy(self->traces);
	if (self->loop != NULL) {
		ev_loop_destroy(self->loop);
	}
}

int supervisor_run(const struct config *config, const struct supervisor_options *options)
{
	static struct supervisor self; /* zero; lives as long as the process */
	int code = 3;

	self.config = *config;
	self.options = *options;
	self.reload.generation = self.reload.generation_next = 1;
	self.reload.policy = *options->policy;
	self.privileged = geteuid() == 0;
	self.admin_fd = self.api_tcp_fd = self.api_uds_fd = self.control_fd = self.lock_fd = -1;
	self.tls_checker = -1;
	material_init(&self.material);
	material_init(&self.material_next);
	material_check_init(&self.tls_check);
	self.clock_fd = self.notify.fd = self.notify.ready_fd = -1;
	self.started_at = self.tick_at = clock_now();
	if (start(&self)) {
		life_start_due(&self);
		readiness_update(&self);
		ev_run(self.loop, 0);
		code = self.drain_forced ? 3 : 0;
		log_event(LOG_STOPPED, NULL);
	}
	finish(&self);
	return code;
}
