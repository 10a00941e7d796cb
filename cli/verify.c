/* macronode verify. A running node is asked, which checks from its read-only connection; a
 * stopped node's store is read here, by store/verify.h in both cases. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/node.h"
#include "common/clock.h"
#include "store/verify.h"

/* A progress line is for people; five a second are enough for them. */
#define PROGRESS_US 200000

struct progress {
	bool shown;
	struct instant told_at;
};

static void tell_progress(struct progress *progress, uint64_t done, uint64_t total)
{
	struct instant now = clock_now();

	if (isatty(STDERR_FILENO) != 1 || instant_since(progress->told_at, now).us < PROGRESS_US) {
		return;
	}
	progress->told_at = now;
	progress->shown = true;
	(void)fprintf(stderr, "\rverified %" PRIu64 " of %" PRIu64 " entries", done, total);
}

static void end_progress(const struct progress *progress)
{
	if (progress->shown) {
		(void)fputc('\n', stderr);
	}
}

/* ---- the verdict, the same document from both ---- */

static int print_verdict(const struct cli *cli, struct slice text)
{
	struct json_in *root = node_parse(cli, text);
	bool checked = json_in_true_of(root, "checked"), good = json_in_true_of(root, "good");
	const char *what = json_in_text_of(root, "what");
	uint64_t size = json_in_u64_of(root, "size"), seq = json_in_u64_of(root, "bad_seq");

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(text);
	} else if (!checked) {
		(void)cli_fail(cli, CLI_CANNOT, "could not be checked: %s", what);
	} else if (good) {
		(void)printf("good: %" PRIu64 " entries\nroot %s\n", size,
			json_in_text_of(root, "root"));
	} else {
		(void)printf("BAD: first at seq %" PRIu64 " (%s): %s\n", seq,
			json_in_text_of(root, "check"), what);
	}
	json_in_free(root);
	return !checked ? CLI_CANNOT : good ? CLI_GOOD : CLI_BAD;
}

/* ---- here ---- */

/* Whoever opens a store may leave files beside it, and root's would lock the committer out. */
static bool become_owner(const struct cli *cli, const char *dir)
{
	struct stat found;

	if (stat(dir, &found) == -1) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", dir, strerror(errno));
		return false;
	}
	if (geteuid() != 0 || found.st_uid == 0) {
		return true;
	}
	if (setgroups(0, NULL) == -1 || setresgid(found.st_gid, found.st_gid, found.st_gid) == -1 ||
		setresuid(found.st_uid, found.st_uid, found.st_uid) == -1) {
		(void)cli_fail(
			cli, CLI_CANNOT, "%s: cannot become its owner: %s", dir, strerror(errno));
		return false;
	}
	return true;
}

static void on_store_progress(void *context, uint64_t done, uint64_t total)
{
	tell_progress(context, done, total);
}

static int verify_here(const struct cli *cli, const char *dir, bool live)
{
	static struct verify_result result;
	static uint8_t text[8192];
	struct progress progress = { .told_at = clock_now() };
	struct reader_config reader = { .dir = dir };
	struct verify_config plan = {
		.progress = on_store_progress,
		.context = &progress,
		.live = live,
	};
	struct why why = { "" };
	enum err err;

	if (!become_owner(cli, dir)) {
		return CLI_CANNOT;
	}
	err = reader_open(&reader, &plan.reader, &why);
	if (err == ERR_OK) {
		err = verify_store(&plan, &result, &why);
		reader_close(plan.reader);
	}
	end_progress(&progress);
	return print_verdict(
		cli, (struct slice){ text, verify_print(&result, err, &why, text, sizeof text) });
}

/* ---- the node ---- */

static int on_node_progress(void *context, const char *json, size_t json_bytes)
{
	struct json_in *root = json_in_parse((struct slice){ (const uint8_t *)json, json_bytes });

	tell_progress(context, json_in_u64_of(root, "entries_done"),
		json_in_u64_of(root, "entries_total"));
	json_in_free(root);
	return 1;
}

static int verify_there(const struct cli *cli, const struct config *config)
{
	struct progress progress = { .told_at = clock_now() };
	struct mn_answer answer;
	enum mn_result result;
	const char *token = cli_token(cli, false);
	struct mn_client *client = token != NULL ? node_open_client(cli, config) : NULL;
	int exit;

	if (client == NULL) {
		return CLI_CANNOT;
	}
	result = mn_verify(client, token, on_node_progress, &progress, &answer);
	end_progress(&progress);
	if (result == MN_OK) {
		exit = print_verdict(
			cli, (struct slice){ (const uint8_t *)answer.json, answer.json_bytes });
	} else {
		(void)node_fail(cli, client, result, &answer);
		exit = CLI_CANNOT; /* who may not look, or not now, has found nothing bad */
	}
	mn_close(client);
	return exit;
}

/* ---- which of the two ---- */

/* The lock of the data directory, held while we read, so that no node starts meanwhile.
 * *ret_running: a node holds it. False: there is nothing to look at. */
static bool look_at_lock(const struct cli *cli, const char *data_dir, bool *ret_running)
{
	char path[CONFIG_TEXT_BYTES_MAX + 16];
	int fd;

	(void)snprintf(path, sizeof path, "%s/lock", data_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == EACCES) {
		*ret_running = true; /* not ours to see: the node will be asked */
		return true;
	}
	if (fd < 0) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", path,
			errno == ENOENT ? "no node ever ran on this data directory"
					: strerror(errno));
		return false;
	}
	*ret_running = flock(fd, LOCK_EX | LOCK_NB) == -1;
	if (*ret_running) {
		(void)close(fd);
	}
	return true; /* the descriptor, and with it the lock, lives as long as we do */
}

int cli_verify(struct cli *cli)
{
	static struct config config;
	char dir[CONFIG_TEXT_BYTES_MAX + 16];
	bool running = false;

	if (!cli_load_config(cli, &config)) {
		return CLI_CANNOT;
	}
	if (config.amnesia_enabled) { /* what lies in the data directory is not its ledger */
		return cli_has(cli, "--offline")
			       ? cli_fail(cli, CLI_CANNOT,
					 "--offline: a ledger with amnesia.enabled is in the "
					 "memory of its node, which must be asked")
			       : verify_there(cli, &config);
	}
	if (!look_at_lock(cli, config.node_data_dir, &running)) {
		return CLI_CANNOT;
	}
	if (running && !cli_has(cli, "--offline")) {
		return verify_there(cli, &config);
	}
	(void)snprintf(dir, sizeof dir, "%s/store", config.node_data_dir);
	return verify_here(cli, dir, running);
}
