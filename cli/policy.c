/* The policy document of the wallet: macronode policy check, and what a start does with it.
 *
 * The supervisor has no parser of JSON and gets none: `run` reads the document in a child of its
 * own, which ends with it, and takes from there the fixed rows of policy_encode() and nothing
 * else. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/policy_read.h"
#include "common/config_load.h"
#include "common/config_print.h"
#include "core/json_out.h"

/* A document that takes longer is none that a person wrote. */
#define READER_S_MAX 5u

static bool read_document(
	const char *path, struct policy *ret_policy, struct policy_faults *ret_faults)
{
	struct slice text = { 0 };
	const char *why = "";
	bool good;

	/* one byte more than the bound shows that it is too long */
	if (!cli_read_regular(path, POLICY_FILE_BYTES_MAX + 1, &text, &why)) {
		ret_faults->count = 1;
		ret_faults->faults[0].path[0] = '\0';
		(void)snprintf(ret_faults->faults[0].text, sizeof ret_faults->faults[0].text,
			"it cannot be read: %s", why);
		return false;
	}
	good = policy_read(text, ret_policy, ret_faults);
	free((void *)(uintptr_t)text.bytes);
	return good;
}

static uint32_t kept_of(const struct policy_faults *faults)
{
	return faults->count < POLICY_FAULTS_MAX ? faults->count : POLICY_FAULTS_MAX;
}

static const char *colon_of(const struct policy_fault *fault)
{
	return fault->path[0] == '\0' ? "" : ": ";
}

/* ---- check and config validate ---- */

const struct config_load *cli_read_config_and_policy(const struct cli *cli)
{
	static struct policy policy;
	static struct policy_faults faults;
	/* it is the one load of this process, and ours as much as its reader's */
	struct config_load *load = (struct config_load *)(uintptr_t)cli_read_config(cli);

	if (load == NULL || load->problems_count > 0 || load->config.policy_file[0] == '\0' ||
		read_document(load->config.policy_file, &policy, &faults)) {
		return load;
	}
	for (uint32_t i = 0; i < kept_of(&faults); i++) {
		const struct policy_fault *fault = &faults.faults[i];

		config_load_problem(load, &load->sources[CONFIG_KEY_policy_file],
			"policy.file %s: %s%s%s", load->config.policy_file, fault->path,
			colon_of(fault), fault->text);
	}
	return load;
}

/* ---- run ---- */

static void say_faults(const struct cli *cli, const char *path, const struct policy_faults *faults)
{
	for (uint32_t i = 0; i < kept_of(faults); i++) {
		const struct policy_fault *fault = &faults->faults[i];

		(void)cli_fail(cli, CLI_BAD, "%s: %s%s%s", path, fault->path, colon_of(fault),
			fault->text);
	}
	if (faults->count > POLICY_FAULTS_MAX) {
		(void)cli_fail(
			cli, CLI_BAD, "%s: and %u more", path, faults->count - POLICY_FAULTS_MAX);
	}
}

static bool write_all(int fd, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t put = write(fd, bytes, count);

		if (put <= 0) {
			return false;
		}
		bytes += put;
		count -= (size_t)put;
	}
	return true;
}

/* cli NULL: what is wrong goes to the reader of fd, which has no standard error. */
_Noreturn static void read_in_child(const struct cli *cli, const char *path, int fd)
{
	static struct policy policy;
	static struct policy_faults faults;
	static uint8_t rows[POLICY_BYTES_MAX];
	char why[sizeof faults.faults[0] + 64];

	if (read_document(path, &policy, &faults)) {
		_exit(write_all(fd, rows, policy_encode(&policy, rows)) ? CLI_GOOD : CLI_CANNOT);
	}
	if (cli != NULL) {
		say_faults(cli, path, &faults);
		_exit(CLI_BAD);
	}
	(void)snprintf(why, sizeof why, "%s%s%s%s", faults.faults[0].path,
		colon_of(&faults.faults[0]), faults.faults[0].text,
		faults.count > 1 ? "; macronode policy check lists more" : "");
	_exit(write_all(fd, (const uint8_t *)why, strlen(why)) ? CLI_BAD : CLI_CANNOT);
}

static size_t read_rows(int fd, uint8_t *rows, size_t bytes_max)
{
	size_t used = 0;
	ssize_t got = 1;

	while (got > 0 && used < bytes_max) {
		got = read(fd, rows + used, bytes_max - used);
		if (got < 0 && errno == EINTR) {
			got = 1;
			continue;
		}
		used += got > 0 ? (size_t)got : 0;
	}
	return used;
}

/* Of a running node, whose handlers would wake its loop: so signals stay blocked in the child, but
 * for the one that ends it, should the document hold it up. */
static void become_reader(pid_t parent)
{
	sigset_t alarm_only;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent) {
		_exit(CLI_CANNOT);
	}
	(void)signal(SIGALRM, SIG_DFL);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	(void)alarm(READER_S_MAX);
}

struct reading {
	int status; /* of the child; -1: there was none */
	struct slice bytes;
};

static struct reading read_elsewhere(const struct cli *cli, const char *path)
{
	static uint8_t bytes[POLICY_BYTES_MAX];
	struct reading reading = { .status = -1, .bytes = { bytes, 0 } };
	pid_t pid = -1, parent = getpid();
	sigset_t all, before;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1) {
		return reading;
	}
	(void)signal(
		SIGCHLD, SIG_DFL); /* ignored, as it may have come to us, nobody is waited for */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		become_reader(parent);
		read_in_child(cli, path, ends[1]);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(ends[1]);
	if (pid > 0) {
		reading.bytes.bytes_count = read_rows(ends[0], bytes, sizeof bytes);
		while (waitpid(pid, &reading.status, 0) == -1 && errno == EINTR) {
		}
	}
	(void)close(ends[0]);
	return reading;
}

/* CLI_CANNOT also when it ended of something else, or wrote what no policy is. */
static enum cli_exit verdict_of(const struct reading *reading, struct policy *ret_policy)
{
	if (!WIFEXITED(reading->status) || WEXITSTATUS(reading->status) > CLI_BAD) {
		return CLI_CANNOT;
	}
	if (WEXITSTATUS(reading->status) == CLI_BAD) {
		return CLI_BAD;
	}
	return policy_decode(reading->bytes, ret_policy) == ERR_OK ? CLI_GOOD : CLI_CANNOT;
}

bool cli_load_policy(const struct cli *cli, const struct config *config, struct policy *ret_policy)
{
	struct reading reading;
	enum cli_exit verdict;

	policy_init(ret_policy);
	if (config->policy_file[0] == '\0') {
		return true;
	}
	reading = read_elsewhere(cli, config->policy_file);
	verdict = verdict_of(&reading, ret_policy);
	if (verdict == CLI_CANNOT) {
		(void)cli_fail(
			cli, CLI_CANNOT, "policy.file %s: its reader failed", config->policy_file);
	}
	return verdict == CLI_GOOD; /* else the child said why */
}

bool cli_load_policy_again(
	const struct config *config, struct policy *ret_policy, char *ret_why, size_t why_bytes)
{
	struct reading reading;
	enum cli_exit verdict;

	policy_init(ret_policy);
	if (config->policy_file[0] == '\0') {
		return true;
	}
	reading = read_elsewhere(NULL, config->policy_file);
	verdict = verdict_of(&reading, ret_policy);
	if (verdict == CLI_CANNOT) {
		(void)snprintf(ret_why, why_bytes, "policy.file %s: its reader failed",
			config->policy_file);
	} else if (verdict == CLI_BAD) {
		(void)snprintf(ret_why, why_bytes, "policy.file %s: %.*s", config->policy_file,
			(int)reading.bytes.bytes_count, (const char *)reading.bytes.bytes);
	}
	return verdict == CLI_GOOD;
}

/* ---- policy check ---- */

static int print_json(const struct cli *cli, const struct policy_faults *faults)
{
	static uint8_t bytes[65536];
	struct json_out out;
	size_t bytes_count = 0;

	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	json_out_key(&out, "good");
	json_out_bool(&out, faults->count == 0);
	json_out_key(&out, "problems");
	json_out_array_begin(&out);
	for (uint32_t i = 0; i < kept_of(faults); i++) {
		json_out_object_begin(&out);
		json_out_key(&out, "where");
		json_out_text(&out, faults->faults[i].path);
		json_out_key(&out, "text");
		json_out_text(&out, faults->faults[i].text);
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes_count) != ERR_OK) {
		return cli_fail(cli, CLI_CANNOT, "the problems are too long to print");
	}
	(void)fwrite(bytes, 1, bytes_count, stdout);
	(void)fputc('\n', stdout);
	return faults->count == 0 ? CLI_GOOD : CLI_BAD;
}

int cli_policy_check(struct cli *cli)
{
	static struct policy policy;
	static struct policy_faults faults;
	struct slice text;

	if (!cli_read_file(cli, cli->words[0], POLICY_FILE_BYTES_MAX + 1, &text)) {
		return CLI_CANNOT;
	}
	bool good = policy_read(text, &policy, &faults);
	free((void *)(uintptr_t)text.bytes);
	if (cli->json) {
		return print_json(cli, &faults);
	}
	if (!good) {
		say_faults(cli, cli->words[0], &faults);
		return CLI_BAD;
	}
	(void)fprintf(stderr, "%s: good, %u asset%s\n", cli->words[0], policy.asset_count,
		policy.asset_count == 1 ? "" : "s");
	return CLI_GOOD;
}
