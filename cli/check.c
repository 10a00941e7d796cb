/* macronode check: would a start work on this machine? Everything is looked at, nothing is made,
 * and each thing that is wrong is named. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/node.h"
#include "common/config_print.h"
#include "common/landlock.h"
#include "common/version.h"
#include "core/json_out.h"
#include "supervisor/amnesia.h"
#include "supervisor/processes.h"

/* A clock that is off by more than this from files that exist makes entries of the future. */
#define CLOCK_SLACK_S 60

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_BAD };

struct check {
	const struct cli *cli;
	const struct config *config;
	bool is_root;
	bool node_runs; /* on this data directory: then the ports are its own */
	unsigned bad_count;
	struct json_out out;
	uint8_t json[65536];
};

static const char *level_name(enum level level)
{
	switch (level) {
	case LEVEL_OK:
		return "ok";
	case LEVEL_WARN:
		return "warn";
	case LEVEL_BAD:
		return "bad";
	}
	return "bad";
}

__attribute__((format(printf, 4, 5))) static void found(
	struct check *check, enum level level, const char *what, const char *format, ...)
{
	char text[CONFIG_TEXT_BYTES_MAX + 512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	check->bad_count += level == LEVEL_BAD;
	if (!check->cli->json) {
		(void)printf("%-5s %-12s %s\n", level_name(level), what, text);
		return;
	}
	json_out_object_begin(&check->out);
	json_out_key(&check->out, "what");
	json_out_text(&check->out, what);
	json_out_key(&check->out, "result");
	json_out_text(&check->out, level_name(level));
	json_out_key(&check->out, "text");
	json_out_text(&check->out, text);
	json_out_object_end(&check->out);
}

/* ---- directories ---- */

/* Worker users must pass through every parent: SQLite opens by path. The first that they cannot
 * pass is written to `ret_path`; so is the first that is not there, and *ret_missing set. */
static bool walk_parents(const char *path, bool by_workers, char *ret_path, bool *ret_missing)
{
	struct stat seen;
	size_t bytes = 0;

	*ret_missing = false;
	do {
		bytes += strcspn(path + bytes + 1, "/") + 1;
		(void)snprintf(ret_path, CONFIG_TEXT_BYTES_MAX + 1, "%.*s", (int)bytes, path);
		if (path[bytes] == '\0') {
			return true; /* all parents were seen */
		}
		if (stat(ret_path, &seen) == -1) {
			*ret_missing = errno == ENOENT;
			return *ret_missing;
		}
		if (!S_ISDIR(seen.st_mode) || (by_workers ? (seen.st_mode & S_IXOTH) == 0
							  : access(ret_path, X_OK) == -1)) {
			return false;
		}
	} while (path[bytes] != '\0');
	return true;
}

/* The directory in which the first missing one would be made. */
static bool parent_is_writable(const char *missing)
{
	char parent[CONFIG_TEXT_BYTES_MAX + 1];
	const char *slash = strrchr(missing, '/');

	(void)snprintf(parent, sizeof parent, "%.*s", slash == missing ? 1 : (int)(slash - missing),
		missing);
	return access(parent, W_OK | X_OK) == 0;
}

/* by_workers: their users must reach what is in it, not only the supervisor's. */
static void check_directory(
	struct check *check, const char *what, const char *path, bool by_workers)
{
	char first[CONFIG_TEXT_BYTES_MAX + 1];
	bool missing = false;
	struct stat seen;

	if (!walk_parents(path, by_workers, first, &missing)) {
		found(check, LEVEL_BAD, what, "%s: %s cannot be passed through by %s", path, first,
			by_workers ? "the users of the workers (chmod o+x)" : "this user");
		return;
	}
	if (!missing && stat(path, &seen) == -1) {
		missing = errno == ENOENT;
	}
	if (missing) {
		/* The supervisor makes the last one, and none before it. */
		if (strcmp(first, path) != 0) {
			found(check, LEVEL_BAD, what, "%s: %s does not exist", path, first);
		} else if (!parent_is_writable(path)) {
			found(check, LEVEL_BAD, what, "%s: cannot be made here", path);
		} else {
			found(check, LEVEL_OK, what, "%s will be made", path);
		}
	} else if (stat(path, &seen) == -1 || !S_ISDIR(seen.st_mode)) {
		found(check, LEVEL_BAD, what, "%s: is no directory", path);
	} else if (access(path, W_OK | X_OK) == -1) {
		found(check, LEVEL_BAD, what, "%s: not writable by this user", path);
	} else if (by_workers && (seen.st_mode & S_IXOTH) == 0) {
		found(check, LEVEL_BAD, what,
			"%s: cannot be passed through by the users of the workers (chmod o+x)",
			path);
	} else {
		found(check, LEVEL_OK, what, "%s", path);
	}
}

/* The lock of a node with amnesia is in its memory; its control socket is not. */
static bool node_answers(const struct check *check)
{
	struct control_answer answer;
	struct control control;
	bool answers = control_init(&control, check->config->node_run_dir, NODE_TIMEOUT_MS) &&
		       control_status(&control, &answer) == MN_OK;

	control_finish(&control);
	return answers;
}

static void check_lock(struct check *check)
{
	char path[CONFIG_TEXT_BYTES_MAX + 16];
	int fd;

	if (check->config->amnesia_enabled) {
		check->node_runs = node_answers(check);
		if (check->node_runs) {
			found(check, LEVEL_WARN, "lock",
				"a node runs with this run directory now; its ports are not looked "
				"at");
		}
		return;
	}
	(void)snprintf(path, sizeof path, "%s/lock", check->config->node_data_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return; /* never used, or check_directory said why */
	}
	check->node_runs = flock(fd, LOCK_EX | LOCK_NB) == -1;
	(void)close(fd);
	if (check->node_runs) {
		found(check, LEVEL_WARN, "lock",
			"a node runs on this data directory now; its ports are not looked at");
	}
}

/* Not guessed: a process of its own does what a start would do, and takes it along. */
static bool try_amnesia(const struct check *check, struct amnesia *ret)
{
	int ends[2] = { -1, -1 };
	ssize_t got = -1;
	pid_t pid = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;

	if (pid == 0) {
		static struct amnesia tried;
		bool entered = amnesia_enter(check->config, &tried);

		_exit(write(ends[1], &tried, sizeof tried) == sizeof tried && entered ? 0 : 1);
	}
	*ret = (struct amnesia){ .why = "it cannot be tried" };
	if (pid > 0) {
		int status = 1;

		(void)close(ends[1]);
		got = read(ends[0], ret, sizeof *ret);
		(void)waitpid(pid, &status, 0);
		(void)close(ends[0]);
		return got == sizeof *ret && status == 0;
	}
	return false;
}

static void check_amnesia(struct check *check)
{
	uint64_t free_bytes = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	const char *path = check->config->node_data_dir;
	struct amnesia tried;

	if (!try_amnesia(check, &tried)) {
		found(check, LEVEL_BAD, "amnesia", "%s", tried.why);
		return;
	}
	if (tried.swap_is_active && !tried.keeps_out_of_swap) {
		found(check, LEVEL_WARN, "amnesia",
			"swap is active, and amnesia.allow_swap lets memory of the node reach it");
	}
	if (check->config->amnesia_size_bytes > free_bytes) {
		found(check, LEVEL_WARN, "amnesia",
			"amnesia.size is %" PRIu64 " MiB, and only %" PRIu64
			" MiB of memory are unused now",
			check->config->amnesia_size_bytes >> 20, free_bytes >> 20);
	}
	found(check, LEVEL_OK, "amnesia", "memory over %s%s", path,
		tried.covers_files ? ", which covers what is in it" : "");
}

static void check_data_dir(struct check *check)
{
	if (check->config->amnesia_enabled) {
		check_amnesia(check);
	} else {
		check_directory(check, "data_dir", check->config->node_data_dir, check->is_root);
	}
}

static void check_directories(struct check *check)
{
	const char *uds = check->config->uds_path;
	const char *slash = strrchr(uds, '/');
	char dir[CONFIG_TEXT_BYTES_MAX + 1];

	check_data_dir(check);
	check_directory(check, "run_dir", check->config->node_run_dir, false);
	if (slash == NULL || slash == uds) {
		return;
	}
	(void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - uds), uds);
	if (strcmp(dir, check->config->node_run_dir) == 0) {
		return;
	}
	if (access(dir, W_OK | X_OK) == -1) {
		found(check, LEVEL_BAD, "uds.path", "%s: %s", dir, strerror(errno));
	} else {
		found(check, LEVEL_OK, "uds.path", "%s", uds);
	}
}

/* ---- ports ---- */

static void check_port(struct check *check, const char *what, const struct config_address *address)
{
	struct sockaddr_storage bound = { 0 };
	struct sockaddr_in *in4 = (struct sockaddr_in *)&bound;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&bound;
	bool is_six = address->family == 6;
	int yes = 1, fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (is_six) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(address->port);
		memcpy(&in6->sin6_addr, address->ip, sizeof in6->sin6_addr);
	} else {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(address->port);
		memcpy(&in4->sin_addr, address->ip, sizeof in4->sin_addr);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (fd < 0 ||
		bind(fd, (struct sockaddr *)&bound, is_six ? sizeof *in6 : sizeof *in4) == -1 ||
		listen(fd, 1) == -1) {
		found(check, LEVEL_BAD, what, "port %u: %s", address->port, strerror(errno));
	} else {
		found(check, LEVEL_OK, what, "port %u is free", address->port);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
}

/* ---- users and executables ---- */

static void check_users(struct check *check)
{
	unsigned missing = 0;

	if (!check->is_root) {
		found(check, LEVEL_WARN, "users",
			"not started as root: all workers share this user, and only the system "
			"call "
			"filters and Landlock stand between them");
		return;
	}
	if (check->config->node_uid_base != 0) {
		found(check, LEVEL_OK, "users", "numbers from node.uid_base");
		return;
	}
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		const struct process_plan *plan = process_plan(process);

		if (plan != NULL && getpwnam(plan->user) == NULL) {
			found(check, LEVEL_BAD, "users", "there is no user %s", plan->user);
			missing++;
		}
	}
	if (getgrnam("mn-store") == NULL) {
		found(check, LEVEL_BAD, "users", "there is no group mn-store");
		missing++;
	}
	if (missing == 0) {
		found(check, LEVEL_OK, "users", "one a role");
	} else {
		found(check, LEVEL_WARN, "users",
			"systemd-sysusers makes them from the packaged file; node.uid_base does "
			"without");
	}
}

static void check_executables(struct check *check)
{
	const char *libexec = cli_option(check->cli, "--libexec");
	char path[CONFIG_TEXT_BYTES_MAX + 64];
	unsigned missing = 0;

	libexec = libexec != NULL ? libexec : MACRONODE_LIBEXEC;
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		if (process_plan(process) == NULL) {
			continue;
		}
		(void)snprintf(path, sizeof path, "%s/mn-%s", libexec, process_name(process));
		if (access(path, X_OK) == -1) {
			found(check, LEVEL_BAD, "workers", "%s: %s", path, strerror(errno));
			missing++;
		}
	}
	if (missing == 0) {
		found(check, LEVEL_OK, "workers", "%s", libexec);
	}
}

/* ---- the machine ---- */

/* The clock must not be before what was made with it: this program, and the store. */
static void check_clock(struct check *check)
{
	char path[CONFIG_TEXT_BYTES_MAX + 32];
	const char *date = strchr(version_commit, ' ');
	struct tm fields = { 0 };
	struct stat seen;
	time_t now = time(NULL);

	if (date != NULL && strptime(date + 1, "%Y-%m-%dT%H:%M:%S", &fields) != NULL &&
		now + 86400 < timegm(&fields)) {
		found(check, LEVEL_BAD, "clock", "it stands before this program was made");
		return;
	}
	(void)snprintf(path, sizeof path, "%s/store/ledger.db", check->config->node_data_dir);
	if (stat(path, &seen) == 0 && seen.st_mtime > now + CLOCK_SLACK_S) {
		found(check, LEVEL_BAD, "clock",
			"it is %lld s behind the last write of the ledger: was it set back?",
			(long long)(seen.st_mtime - now));
		return;
	}
	found(check, LEVEL_OK, "clock", "not before what was made with it");
}

static void check_entropy(struct check *check)
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) == (ssize_t)sizeof bytes) {
		found(check, LEVEL_OK, "entropy", "the kernel's generator is seeded");
	} else {
		found(check, LEVEL_BAD, "entropy", "the kernel's generator is not seeded yet");
	}
}

static bool seccomp_can_kill(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void check_sandbox(struct check *check)
{
	enum level weaker = check->config->sandbox_require ? LEVEL_BAD : LEVEL_WARN;
	int abi = landlock_abi();

	if (!seccomp_can_kill()) {
		found(check, LEVEL_BAD, "sandbox", "the kernel has no seccomp filters");
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == -1) {
		found(check, LEVEL_BAD, "sandbox", "the kernel has no NO_NEW_PRIVS");
	}
	if (abi == 0) {
		found(check, weaker, "sandbox",
			"the kernel has no Landlock: a captured worker could open files of its "
			"user");
	} else {
		found(check, LEVEL_OK, "sandbox", "seccomp, Landlock ABI %d", abi);
	}
}

static int finish(struct check *check)
{
	size_t bytes_count = 0;

	if (!check->cli->json) {
		return check->bad_count == 0 ? CLI_GOOD : CLI_BAD;
	}
	json_out_array_end(&check->out);
	json_out_key(&check->out, "good");
	json_out_bool(&check->out, check->bad_count == 0);
	json_out_object_end(&check->out);
	if (json_out_finish(&check->out, &bytes_count) != ERR_OK) {
		return cli_fail(check->cli, CLI_CANNOT, "the findings are too long to print");
	}
	(void)fwrite(check->json, 1, bytes_count, stdout);
	(void)fputc('\n', stdout);
	return check->bad_count == 0 ? CLI_GOOD : CLI_BAD;
}

int cli_check(struct cli *cli)
{
	static struct check check;
	const struct config_load *load = cli_read_config_and_policy(cli);

	if (load == NULL) {
		return CLI_CANNOT;
	}
	check.cli = cli;
	check.config = &load->config;
	check.is_root = geteuid() == 0;
	json_out_init(&check.out, check.json, sizeof check.json);
	json_out_object_begin(&check.out);
	json_out_key(&check.out, "checks");
	json_out_array_begin(&check.out);
	for (uint32_t i = 0; i < load->problems_count && i < CONFIG_PROBLEMS_MAX; i++) {
		found(&check, LEVEL_BAD, "config", "%s: %s", load->problems[i].where,
			load->problems[i].text);
	}
	if (load->problems_count > 0) {
		return finish(&check); /* what it says cannot be looked for */
	}
	found(&check, LEVEL_OK, "config", "%s",
		cli->config_path != NULL ? cli->config_path : "packaged file and defaults");
	check_directories(&check);
	check_lock(&check);
	if (!check.node_runs) {
		check_port(&check, "api", &check.config->api_bind_addr);
		check_port(&check, "admin", &check.config->admin_bind_addr);
	}
	check_users(&check);
	check_executables(&check);
	check_clock(&check);
	check_entropy(&check);
	check_sandbox(&check);
	return finish(&check);
}
