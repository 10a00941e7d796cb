/* From a plan to a running process. The forked child gives up everything before execveat, so
 * that no worker executable ever runs as root; what it needs comes over fd 3 afterwards. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/identity.h"
#include "common/limits.h"
#include "common/log.h"

/* The default of 212 992 bytes holds 167 small frames (DESIGN-WALL.md section 3). */
#define SOCKET_BUFFER_BYTES (1024 * 1024)

static bool refuse(const char *path, const char *what)
{
	log_event(LOG_START_FAILED,
		&(struct log_fields){ .path = path, .text = what, .os_error = errno });
	return false;
}

static unsigned wanted_instances(const struct supervisor *self, unsigned process)
{
	switch (process) {
	case PROCESS_INGRESS:
		return (unsigned)self->config.concurrency_ingress_workers;
	case PROCESS_PREVALIDATOR:
		return (unsigned)self->config.concurrency_prevalidators;
	case PROCESS_REWARDER:
		return self->config.rewarder_enabled ? 1 : 0;
	case PROCESS_COMPUTE:
		return self->config.rewarder_enabled
			       ? (unsigned)self->config.rewarder_compute_workers
			       : 0;
	case PROCESS_OTEL:
		return self->config.otel_endpoint[0] != '\0' ? 1 : 0;
	default:
		return process_plan(process) == NULL ? 0 : 1;
	}
}

/* Opened once, at start: a package upgrade under a running node changes nothing that runs. */
bool spawn_open_executables(struct supervisor *self)
{
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		char path[PATH_MAX];

		if (wanted_instances(self, process) == 0) {
			continue;
		}
		/* installed: <dir>/mn-<role>; in the build tree: <dir>/<role>/mn-<role> */
		snprintf(path, sizeof path, "%s/mn-%s", self->options.libexec_dir,
			process_name(process));
		self->executables[process] = open(path, O_PATH | O_CLOEXEC);
		if (self->executables[process] < 0) {
			snprintf(path, sizeof path, "%s/%s/mn-%s", self->options.libexec_dir,
				process_name(process), process_name(process));
			self->executables[process] = open(path, O_PATH | O_CLOEXEC);
		}
		if (self->executables[process] < 0) {
			return refuse(path, "the executable of a worker cannot be opened");
		}
	}
	return true;
}

static bool identity_by_name(struct supervisor *self, unsigned process)
{
	const char *name = process_plan(process)->user;
	const struct passwd *user;

	errno = 0;
	user = getpwnam(name);
	if (user == NULL) {
		log_event(
			LOG_START_FAILED, &(struct log_fields){ .about = process,
						  .key = "node.uid_base",
						  .text = "the user of this role does not exist: "
							  "install the package's "
							  "sysusers file, or set node.uid_base" });
		return false;
	}
	self->uids[process] = user->pw_uid;
	self->gids[process] = user->pw_gid;
	return true;
}

static bool store_group_by_name(struct supervisor *self)
{
	const struct group *group;

	errno = 0;
	group = getgrnam("mn-store");
	if (group == NULL) {
		return refuse("mn-store", "the group of the store does not exist");
	}
	self->store_gid = group->gr_gid;
	return true;
}

bool spawn_group(const char *name, gid_t *ret_gid)
{
	const struct group *group;

	*ret_gid = (gid_t)-1;
	if (name[0] == '\0') {
		return true;
	}
	errno = 0;
	group = getgrnam(name);
	if (group == NULL) {
		errno = errno != 0 ? errno : ENOENT;
		return false;
	}
	*ret_gid = group->gr_gid;
	return true;
}

/* Asked once, aloud, of a process that has nothing to lose. */
static bool namespaces_can_be_left(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		_exit(unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS) == 0 &&
					mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0
				? 0
				: 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

bool spawn_identities(struct supervisor *self)
{
	uint64_t base = self->config.node_uid_base;

	if (!spawn_group(self->config.uds_group, &self->uds_gid)) {
		return refuse(self->config.uds_group, "uds.group: there is no such group");
	}

	self->store_gid = getegid();
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		self->uids[process] = geteuid();
		self->gids[process] = getegid();
		if (!self->privileged || wanted_instances(self, process) == 0) {
			continue;
		}
		if (base != 0) {
			self->uids[process] = (uid_t)(base + process);
			self->gids[process] = (gid_t)(base + process);
		} else if (!identity_by_name(self, process)) {
			return false;
		}
	}
	if (!self->privileged) {
		return true;
	}
	self->own_namespaces = namespaces_can_be_left();
	if (!self->own_namespaces) {
		log_event(LOG_SANDBOX_WEAKER,
			&(struct log_fields){ .text = "workers share our namespaces: this root "
						      "may not make others" });
	}
	self->store_gid = (gid_t)(base + STORE_GROUP_OFFSET);
	return base != 0 || store_group_by_name(self);
}

static bool init_child(struct supervisor *self, unsigned process, unsigned instance)
{
	struct child *child = &self->children[self->child_count++];
	struct process_id id = { (uint8_t)process, (uint8_t)instance };

	child->supervisor = self;
	child->plan = process_plan_of(id);
	child->process = (uint8_t)process;
	child->instance = (uint8_t)instance;
	child->wanted = true;
	child->state = CHILD_ABSENT;
	child->pidfd = child->log_fd = child->stderr_fd = -1;
	ev_init(&child->exited, life_on_exit);
	ev_init(&child->restart, restart_on_timer);
	ev_init(&child->ready_limit, life_on_ready_limit);
	/* what it said in time is heard before it is judged late */
	ev_set_priority(&child->ready_limit, EV_MINPRI);
	child->exited.data = child->restart.data = child->ready_limit.data = child;
	return metrics_create(id, &child->page_fd, &child->page_reader_fd, &child->page) == ERR_OK;
}

bool spawn_plan_children(struct supervisor *self)
{
	size_t count = 0;

	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		count += wanted_instances(self, process);
	}
	self->children = calloc(count + 1, sizeof *self->children);
	if (self->children == NULL) {
		return refuse("", "no memory for the process table");
	}
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		for (unsigned i = 0; i < wanted_instances(self, process); i++) {
			if (!init_child(self, process, i)) {
				return refuse("", "no metrics page");
			}
		}
	}
	return init_child(self, PROCESS_PREVALIDATOR, PREVALIDATOR_OF_ADMIN) ||
	       refuse("", "no metrics page");
}

/* --- the child's side, between fork and exec --- */

struct birth_fds {
	int control, log, err;
};

static void say_and_exit(const char *step)
{
	dprintf(STDERR_FILENO, "cannot become a worker: %s: %s\n", step, strerror(errno));
	_exit(127);
}

/* Of an edge; what else it holds is in its plan. */
static uint64_t connections_of(const struct supervisor *self, const struct process_plan *plan)
{
	const struct config *config = &self->config;

	switch (plan->listener) {
	case LISTENER_ADMIN:
		return (uint64_t)config->admin_max_conns;
	case LISTENER_API:
		return (uint64_t)config->api_max_conns;
	case LISTENER_NONE:
		break;
	}
	return 0;
}

static uint64_t data_bytes_of(const struct supervisor *self, const struct process_plan *plan)
{
	uint64_t connections = connections_of(self, plan);

	if (plan->memory_mib_max == 0) {
		return IDENTITY_UNLIMITED;
	}
	connections += connections > 0 ? CONNECTIONS_LOCAL_MAX : 0;
	return (uint64_t)plan->memory_mib_max * 1024 * 1024 + connections * CONNECTION_BYTES_MAX;
}

struct identity_plan spawn_identity_of(const struct supervisor *self,
	const struct process_plan *plan, unsigned process, gid_t *store_gid)
{
	*store_gid = self->store_gid;
	return (struct identity_plan){
		.switch_user = self->privileged,
		.uid = self->uids[process],
		.gid = self->gids[process],
		.groups = store_gid,
		.group_count = plan->in_store_group ? 1 : 0,
		.limits = {
			.files = plan->open_files_max + connections_of(self, plan),
			.file_bytes = plan->may_write_files ? IDENTITY_UNLIMITED : 0,
			.data_bytes = data_bytes_of(self, plan),
			/* with amnesia all of it is locked, where we may raise the limit */
			.locked_bytes = self->privileged && self->config.amnesia_enabled ?
				IDENTITY_UNLIMITED :
				(uint64_t)plan->locked_kib_max * 1024,
		},
	};
}

/* fds 0 to 3 and nothing else: /dev/null, /dev/null, stderr pipe, control. The log pipe's end
 * travels over fd 3 with the rest. */
static void arrange_fds(struct birth_fds fds, int executable)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(fds.err, 2) < 0) {
		say_and_exit("standard fds");
	}
	if (dup2(fds.control, 3) < 0 || dup3(executable, 4, O_CLOEXEC) < 0) {
		say_and_exit("fd 3");
	}
	if (close_range(5, ~0u, 0) < 0) {
		say_and_exit("close_range");
	}
}

/* A network, System V queues and mounts of its own, all of them empty or nobody else's: what a
 * worker holds came to it as an fd and goes on working. Who may not (no root, or a container
 * without CAP_SYS_ADMIN) does without; `spawn_identities` said so at the start. */
static bool leave_namespaces(const struct child *child)
{
	if (!child->supervisor->own_namespaces) {
		return true;
	}
	return unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0;
}

/* Until execve the child has the supervisor's handlers, which would wake the supervisor's loop:
 * so signals were blocked before the fork. Those that a terminal or a service manager sends to
 * the whole group stay ignored across it; the supervisor tells a worker what they mean. */
static void reset_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2 };
	sigset_t none;

	for (int number = 1; number < NSIG; number++) {
		(void)signal(number, SIG_DFL);
	}
	for (size_t i = 0; i < COUNT_OF(ignored); i++) {
		(void)signal(ignored[i], SIG_IGN);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become_worker(const struct child *child, struct birth_fds fds, pid_t supervisor_pid)
{
	char name[64], pid_text[32];
	char *argv[] = { name, pid_text, NULL };
	char zone[] = "TZ=UTC0", locale[] = "LC_ALL=C";
	char *environment[] = { zone, locale, NULL };
	gid_t store_gid;
	struct identity_plan plan =
		spawn_identity_of(child->supervisor, child->plan, child->process, &store_gid);
	const char *failed = "";
	int executable = child->supervisor->executables[child->process];

	reset_signals();
	umask(plan.group_count > 0 ? 027 : 077); /* the group of the store reads it */
	snprintf(name, sizeof name, "mn-%s", process_name(child->process));
	snprintf(pid_text, sizeof pid_text, "%ld", (long)supervisor_pid);
	/* duplicates above the ones that are about to be overwritten */
	fds.control = fcntl(fds.control, F_DUPFD_CLOEXEC, 10);
	fds.err = fcntl(fds.err, F_DUPFD_CLOEXEC, 10);
	executable = fcntl(executable, F_DUPFD_CLOEXEC, 10);
	arrange_fds(fds, executable);
	if (!leave_namespaces(child)) {
		say_and_exit("namespaces of its own");
	}
	if (identity_drop(&plan, &failed) != ERR_OK) {
		say_and_exit(failed);
	}
	execveat(4, "", argv, environment, AT_EMPTY_PATH);
	say_and_exit("execveat");
}

/* --- the supervisor's side --- */

static bool make_control_pair(int fds[2])
{
	int bytes = SOCKET_BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == -1) {
		return false;
	}
	for (int i = 0; i < 2; i++) {
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	}
	return true;
}

static void send_fd(struct peer *peer, enum setup_fd what, unsigned index, int fd)
{
	struct oap_setup_fd msg = { .what = (uint8_t)what, .index = (uint16_t)index };
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy >= 0) {
		(void)!peer_send_setup_fd(peer, &msg, copy);
	}
}

/* Opened anew for each of them, so that a new key in the file takes a restart of the worker. What
 * cannot be opened is missed by the worker, which says so. */
static void send_headers(const struct supervisor *self, struct peer *peer)
{
	const char *path = self->config.otel_headers_file;
	struct oap_setup_fd msg = { .what = SETUP_FD_HEADERS };
	int fd = path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0) {
		(void)!peer_send_setup_fd(peer, &msg, fd);
	}
}

static void send_fds(struct child *child, struct peer *peer, int log_fd)
{
	struct supervisor *self = child->supervisor;
	const struct process_plan *plan = child->plan;

	(void)!peer_send_setup_fd(peer, &(struct oap_setup_fd){ .what = SETUP_FD_LOG }, log_fd);
	send_fd(peer, SETUP_FD_METRICS, 0, child->page_fd);
	if (plan->listener == LISTENER_ADMIN) {
		send_fd(peer, SETUP_FD_LISTEN_TCP, 0, self->admin_fd);
		send_fd(peer, SETUP_FD_PAGE, PROCESS_SUPERVISOR << 8, self->own_page_reader_fd);
		for (size_t i = 0; i < self->child_count; i++) {
			const struct child *other = &self->children[i];
			send_fd(peer, SETUP_FD_PAGE,
				(unsigned)other->process << 8 | other->instance,
				other->page_reader_fd);
		}
	}
	if (plan->listener == LISTENER_API) {
		send_fd(peer, SETUP_FD_LISTEN_TCP, 0, self->api_tcp_fd);
		if (self->api_uds_fd >= 0) {
			send_fd(peer, SETUP_FD_LISTEN_UDS, 0, self->api_uds_fd);
		}
	}
	secure_send(child, peer);
	if (child->process == PROCESS_COMMITTER) {
		send_fd(peer, SETUP_FD_LOCK, 0, self->lock_fd);
	}
	if (child->process == PROCESS_OTEL) {
		send_headers(self, peer);
	}
	if (self->clock_fd >= 0) {
		send_fd(peer, SETUP_FD_CLOCK, 0, self->clock_fd);
	}
}

_Static_assert(POLICY_BYTES_MAX <= VERB_POLICY_BYTES_MAX, "a policy fits its frame");

static void send_policy(const struct policy *policy, struct peer *peer)
{
	static uint8_t encoded[POLICY_BYTES_MAX];
	struct oap_setup_policy msg = { .policy = { encoded, policy_encode(policy, encoded) } };

	(void)!oap_send_setup_policy(peer, 0, &msg);
}

static void send_setup(struct child *child, struct peer *peer, int log_fd)
{
	struct supervisor *self = child->supervisor;
	static uint8_t encoded[VERB_CONFIG_BYTES_MAX];
	size_t encoded_bytes = 0;
	enum err err = config_encode_for(
		&self->config, child->process, encoded, sizeof encoded, &encoded_bytes);

	assert(err == ERR_OK); /* the bound of the frame is above the table's */
	struct oap_setup_config config = { .config = { encoded, encoded_bytes } };
	struct oap_setup_end end = {
		.process = child->process,
		.instance = child->instance,
		.generation = child->generation,
		.config_generation = self->reload.generation,
		.sandbox_mode = self->options.report_syscalls ? SANDBOX_REPORT : SANDBOX_KILL,
		.suspect = child->process == PROCESS_COMMITTER && self->store_suspect,
		.tables_hash = worker_tables_hash(),
	};
	(void)!oap_send_setup_config(peer, 0, &config);
	if (child->process == PROCESS_PREVALIDATOR || child->process == PROCESS_SEQUENCER) {
		send_policy(&self->reload.policy, peer);
	}
	send_fds(child, peer, log_fd);
	(void)!oap_send_setup_end(peer, 0, &end);
}

static void watch(struct child *child, int control_fd, int log_write_fd)
{
	struct supervisor *self = child->supervisor;
	struct peer_plan plan = {
		.fd = control_fd,
		.process = child->process,
		.instance = child->instance,
		.generation = child->generation,
		.passes_fds = true,
		.handlers = &control_handlers,
		.handlers_self = self,
		.control = &life_handlers,
		.control_self = self,
	};
	int64_t limit_ms = child->plan->silent_ms_max > 0 ? child->plan->silent_ms_max
							  : self->config.node_ready_timeout_ms;
	struct peer *peer = peer_create(&self->mesh, &plan);

	assert(peer != NULL); /* a supervisor without memory for a socket cannot go on */
	ev_io_set(&child->exited, child->pidfd, EV_READ);
	ev_io_start(self->loop, &child->exited);
	/* repeating, so that PROGRESS can push it away from now */
	ev_timer_set(&child->ready_limit, 0.0, (double)limit_ms / 1000.0);
	ev_timer_again(self->loop, &child->ready_limit);
	send_setup(child, peer, log_write_fd);
}

struct birth_pipes {
	int control[2], log[2], err[2];
};

static void close_pair(int fds[2])
{
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
}

static void close_pipes(struct birth_pipes *pipes)
{
	int saved_errno = errno;

	close_pair(pipes->control);
	close_pair(pipes->log);
	close_pair(pipes->err);
	errno = saved_errno;
}

static bool make_pipes(struct birth_pipes *pipes)
{
	*pipes = (struct birth_pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (make_control_pair(pipes->control) && pipe2(pipes->log, O_CLOEXEC | O_NONBLOCK) == 0 &&
		pipe2(pipes->err, O_CLOEXEC | O_NONBLOCK) == 0) {
		return true;
	}
	close_pipes(pipes);
	return false;
}

/* -1 when there is no worker now. One that has no pidfd is ended and reaped here: without it
 * the end of a worker would never be seen. */
static pid_t fork_worker(const struct child *child, const struct birth_pipes *pipes, int *ret_pidfd)
{
	pid_t supervisor_pid = getpid(), pid;
	sigset_t all, before;
	int saved_errno;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		become_worker(child,
			(struct birth_fds){ pipes->control[1], pipes->log[1], pipes->err[1] },
			supervisor_pid);
	}
	saved_errno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved_errno;
	if (pid < 0) {
		return -1;
	}
	*ret_pidfd = pidfd_open(pid, 0);
	if (*ret_pidfd < 0) {
		saved_errno = errno;
		(void)kill(pid, SIGKILL); /* not reaped yet, so the pid is its own */
		(void)waitpid(pid, NULL, 0);
		errno = saved_errno;
		return -1;
	}
	return pid;
}

void spawn_child(struct child *child)
{
	struct supervisor *self = child->supervisor;
	struct birth_pipes pipes;

	child->generation = ++self->generation_last;
	child->drained = false;
	child->last_words[0] = child->text[0] = '\0';
	child->ticket_in_hand = 0;
	child->config_asked = child->config_prepared = child->config_applied = 0;
	if (!make_pipes(&pipes)) {
		life_stillborn(child, "no pipes for it");
		return;
	}
	child->pid = fork_worker(child, &pipes, &child->pidfd);
	if (child->pid < 0) {
		close_pipes(&pipes);
		life_stillborn(child, "cannot be forked");
		return;
	}
	close(pipes.control[1]);
	close(pipes.err[1]);
	child->state = CHILD_STARTING;
	child->phase = PHASE_STARTING;
	child->started_at = child->heard_at = clock_now();
	metrics_begin(child->page, (uint32_t)child->pid, child->started_at);
	logs_attach(child, pipes.log[0], pipes.err[0]);
	watch(child, pipes.control[0], pipes.log[1]);
	log_event(LOG_WORKER_STARTED, &(struct log_fields){ .about = child->process,
					      .instance_of = child->instance,
					      .pid_of = (uint64_t)child->pid,
					      .generation = child->generation });
}
