/* The policy document of the wallet: macronode policy check, and what a start does with it.
 *
 * The supervisor has no parser of JSON and gets none: `run` reads the document in a child of its
 * own, which ends with it, and takes from there the fixed rows of policy_encode() and nothing
 * else. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/policy_read.h"
#include "common/config_load.h"
#include "common/config_print.h"
#include "core/json_out.h"

/* False: `why` is a sentence's end. The caller frees *ret_text. */
static bool read_file(const char *path, struct slice *ret_text, const char **ret_why)
{
	size_t room = POLICY_FILE_BYTES_MAX + 1, used = 0; /* one more shows that it is too long */
	uint8_t *bytes = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = bytes == NULL || fd < 0 ? -1 : 1;

	while (got > 0 && used < room) {
		got = read(fd, bytes + used, room - used);
		used += got > 0 ? (size_t)got : 0;
	}
	*ret_why = got < 0 ? strerror(errno) : "";
	if (fd >= 0) {
		(void)close(fd);
	}
	if (got < 0) {
		free(bytes);
		return false;
	}
	*ret_text = (struct slice){ bytes, used };
	return true;
}

static bool read_document(
	const char *path, struct policy *ret_policy, struct policy_faults *ret_faults)
{
	struct slice text = { 0 };
	const char *why = "";
	bool good;

	if (!read_file(path, &text, &why)) {
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

_Noreturn static void read_in_child(const struct cli *cli, const char *path, int fd)
{
	static struct policy policy;
	static struct policy_faults faults;
	static uint8_t rows[POLICY_BYTES_MAX];

	if (!read_document(path, &policy, &faults)) {
		say_faults(cli, path, &faults);
		_exit(CLI_BAD);
	}
	_exit(write_all(fd, rows, policy_encode(&policy, rows)) ? CLI_GOOD : CLI_CANNOT);
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

bool cli_load_policy(const struct cli *cli, const struct config *config, struct policy *ret_policy)
{
	static uint8_t rows[POLICY_BYTES_MAX];
	size_t bytes_count;
	int ends[2], status = 0;
	pid_t pid;

	policy_init(ret_policy);
	if (config->policy_file[0] == '\0') {
		return true;
	}
	if (pipe2(ends, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		(void)cli_fail(cli, CLI_CANNOT, "policy.file: %s", strerror(errno));
		return false;
	}
	if (pid == 0) {
		read_in_child(cli, config->policy_file, ends[1]);
	}
	(void)close(ends[1]);
	bytes_count = read_rows(ends[0], rows, sizeof rows);
	(void)close(ends[0]);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) == CLI_CANNOT ||
		(status == 0 &&
			policy_decode((struct slice){ rows, bytes_count }, ret_policy) != ERR_OK)) {
		(void)cli_fail(
			cli, CLI_CANNOT, "policy.file %s: its reader failed", config->policy_file);
		return false;
	}
	return status == 0; /* else the child said why */
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
