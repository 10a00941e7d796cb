#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/node.h"

/* Stopping finishes what was accepted, which node.drain_timeout bounds; a minute more is for a
 * last checkpoint on a slow disk. */
#define MARGIN_MS 60000

static uint64_t supervisor_pid(const struct cli *cli, struct slice status)
{
	struct json_in *root = node_parse(cli, status);
	uint64_t pid = json_in_u64_of(root, "supervisor_pid");

	json_in_free(root);
	return pid;
}

/* A pidfd is taken before the node is asked, so that no other process is waited for. */
static int ask_and_wait(
	const struct cli *cli, const struct config *config, struct control *control, uint64_t pid)
{
	const char *reason = cli_option(cli, "--reason");
	struct control_answer answer;
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	struct pollfd wanted = { .fd = fd, .events = POLLIN };
	int exit = node_control_exit(cli, control,
		control_stop(control, reason != NULL ? reason : "", &answer), &answer);

	if (exit != CLI_GOOD) {
		return exit;
	}
	if (fd < 0) {
		return cli_fail(cli, CLI_GOOD, "asked to stop; its end cannot be watched: %s",
			strerror(errno));
	}
	int ready = poll(&wanted, 1, (int)config->node_drain_timeout_ms + MARGIN_MS);
	(void)close(fd);
	if (ready != 1) {
		return cli_fail(cli, CLI_CANNOT, "the node (pid %" PRIu64 ") has not ended", pid);
	}
	(void)fprintf(stderr, "stopped\n");
	return CLI_GOOD;
}

int cli_stop(struct cli *cli)
{
	static struct config config;
	struct control control;
	struct control_answer answer;
	int exit;

	if (!cli_load_config_to_ask(cli, &config) || !node_open_control(cli, &config, &control)) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_status(&control, &answer), &answer);
	if (exit == CLI_GOOD) {
		uint64_t pid = supervisor_pid(cli, answer.text);
		exit = ask_and_wait(cli, &config, &control, pid);
	}
	control_finish(&control);
	return exit;
}
