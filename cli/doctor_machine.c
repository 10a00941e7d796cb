/* The machine: its clock, its randomness, what it lets us have, and where memory may end up. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "common/version.h"
#include "supervisor/amnesia.h"
#include "supervisor/processes.h"

/* ---- memory ---- */

/* Not guessed: a process of its own does what a start would do, and takes it along. */
static bool try_amnesia(const struct config *config, struct amnesia *ret)
{
	int ends[2] = { -1, -1 };
	ssize_t got = -1;
	pid_t pid = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;

	if (pid == 0) {
		static struct amnesia tried;
		bool entered = amnesia_enter(config, &tried);

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

static void look_at_amnesia(struct doctor *doctor)
{
	uint64_t free_bytes = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	const char *path = doctor->config->node_data_dir;
	uint64_t size_bytes = doctor->config->amnesia_size_bytes;
	struct amnesia tried;

	if (!try_amnesia(doctor->config, &tried)) {
		findings_add(doctor->findings, FINDING_AMNESIA, FINDING_IS_BAD, "%s", tried.why);
		return;
	}
	if (tried.swap_is_active && !tried.keeps_out_of_swap) {
		findings_add(doctor->findings, FINDING_AMNESIA, FINDING_IS_WEAKER,
			"swap is active, and amnesia.allow_swap lets memory of the node reach it");
	}
	if (size_bytes > free_bytes) {
		findings_add(doctor->findings, FINDING_AMNESIA, FINDING_IS_WEAKER,
			"amnesia.size is %" PRIu64 " MiB, and only %" PRIu64
			" MiB of memory are unused now",
			size_bytes >> 20, free_bytes >> 20);
	}
	findings_add(doctor->findings, FINDING_AMNESIA, FINDING_IS_OK, "memory over %s%s", path,
		tried.covers_files ? ", which covers what is in it" : "");
}

/* A head, then a line for each device or file; a kernel without swap has no such file. */
static void look_at_swap(struct doctor *doctor)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	int lines = 0;

	for (int byte = 0; swaps != NULL && byte != EOF; byte = fgetc(swaps)) {
		lines += byte == '\n';
	}
	if (swaps == NULL && errno != ENOENT) {
		findings_add(doctor->findings, FINDING_SWAP, FINDING_IS_UNKNOWN, "/proc/swaps: %s",
			strerror(errno));
	} else if (lines > 1) {
		findings_add(doctor->findings, FINDING_SWAP, FINDING_IS_WEAKER,
			"swap is active: keys are locked in memory, balances and tokens in flight "
			"are not");
	} else {
		findings_add(doctor->findings, FINDING_SWAP, FINDING_IS_OK, "no swap is active");
	}
	if (swaps != NULL) {
		(void)fclose(swaps);
	}
}

/* ---- limits ---- */

/* The hard limit of the node that runs, or else ours, which a start from here would have. */
static bool hard_limit(
	const struct doctor *doctor, const char *name, int resource, uint64_t *ret_limit)
{
	char path[64], line[256];
	struct rlimit ours;
	FILE *limits;
	bool found = false;

	if (doctor->supervisor_pid == 0) {
		found = getrlimit((__rlimit_resource_t)resource, &ours) == 0;
		*ret_limit = found ? ours.rlim_max : 0;
		return found;
	}
	(void)snprintf(path, sizeof path, "/proc/%ld/limits", (long)doctor->supervisor_pid);
	limits = fopen(path, "re");
	while (limits != NULL && !found && fgets(line, sizeof line, limits) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0) {
			found = true;
			*ret_limit = UINT64_MAX; /* "unlimited" */
			(void)!sscanf(line + strlen(name), "%*s %" SCNu64, ret_limit);
		}
	}
	if (limits != NULL) {
		(void)fclose(limits);
	}
	return found;
}

static void look_at_limit(struct doctor *doctor, const char *name, int resource, uint64_t wanted,
	const char *what_then)
{
	uint64_t limit = 0;

	if (!hard_limit(doctor, name, resource, &limit)) {
		findings_add(doctor->findings, FINDING_LIMITS, FINDING_IS_UNKNOWN,
			"%s: cannot be looked up", name);
	} else if (limit < wanted) {
		findings_add(doctor->findings, FINDING_LIMITS, FINDING_IS_WEAKER,
			"%s: %" PRIu64 ", wanted are %" PRIu64 ": %s", name, limit, wanted,
			what_then);
	} else {
		findings_add(doctor->findings, FINDING_LIMITS, FINDING_IS_OK,
			"%s: at least %" PRIu64, name, wanted);
	}
}

static void look_at_limits(struct doctor *doctor)
{
	const struct process_plan *ingress = process_plan(PROCESS_INGRESS);
	const struct process_plan *kms = process_plan(PROCESS_KMS);
	uint64_t api = doctor->config->api_max_conns, admin = doctor->config->admin_max_conns;

	look_at_limit(doctor, "Max open files", RLIMIT_NOFILE,
		ingress->open_files_max + (api > admin ? api : admin),
		"fewer connections than api.max_conns or admin.max_conns are taken");
	look_at_limit(doctor, "Max locked memory", RLIMIT_MEMLOCK,
		(uint64_t)kms->locked_kib_max * 1024, "keys may not fit what can be locked");
}

/* ---- clock and randomness ---- */

/* The clock must not be before what was made with it: this program, and the store. */
static void look_at_clock(struct doctor *doctor)
{
	char path[DOCTOR_PATH_BYTES];
	const char *date = strchr(version_commit, ' ');
	struct tm fields = { 0 };
	struct stat seen;
	time_t now = time(NULL);

	if (date != NULL && strptime(date + 1, "%Y-%m-%dT%H:%M:%S", &fields) != NULL &&
		now + 86400 < timegm(&fields)) {
		findings_add(doctor->findings, FINDING_CLOCK, FINDING_IS_BAD,
			"it stands before this program was made");
		return;
	}
	(void)snprintf(path, sizeof path, "%s/store/ledger.db", doctor->config->node_data_dir);
	if (stat(path, &seen) == 0 && seen.st_mtime > now + DOCTOR_CLOCK_SLACK_S) {
		findings_add(doctor->findings, FINDING_CLOCK, FINDING_IS_BAD,
			"it is %lld s behind the last write of the ledger: was it set back?",
			(long long)(seen.st_mtime - now));
		return;
	}
	findings_add(
		doctor->findings, FINDING_CLOCK, FINDING_IS_OK, "not before what was made with it");
}

static void look_at_clock_sync(struct doctor *doctor)
{
	struct timex clock = { .modes = 0 }; /* only to read */
	int state = adjtimex(&clock);

	if (state == -1) {
		findings_add(doctor->findings, FINDING_CLOCK_SYNC, FINDING_IS_UNKNOWN,
			"the kernel does not say: %s", strerror(errno));
	} else if (state == TIME_ERROR || (clock.status & STA_UNSYNC) != 0) {
		findings_add(doctor->findings, FINDING_CLOCK_SYNC, FINDING_IS_WEAKER,
			"nothing keeps the clock in step: times of entries and of tokens drift");
	} else {
		findings_add(doctor->findings, FINDING_CLOCK_SYNC, FINDING_IS_OK,
			"in step, to %ld ms at worst", clock.maxerror / 1000);
	}
}

static void look_at_entropy(struct doctor *doctor)
{
	uint8_t bytes[16];
	bool seeded = getrandom(bytes, sizeof bytes, GRND_NONBLOCK) == (ssize_t)sizeof bytes;

	findings_add(doctor->findings, FINDING_ENTROPY, seeded ? FINDING_IS_OK : FINDING_IS_BAD,
		"the kernel's generator is %s", seeded ? "seeded" : "not seeded yet");
}

void doctor_machine(struct doctor *doctor)
{
	if (doctor->config->amnesia_enabled) {
		look_at_amnesia(doctor);
	} else {
		look_at_swap(doctor);
	}
	look_at_limits(doctor);
	look_at_clock(doctor);
	look_at_clock_sync(doctor);
	look_at_entropy(doctor);
}
