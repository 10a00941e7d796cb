#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "core/policy.h"
#include "supervisor/supervisor.h"

/* -1 when it was not asked for. False: it is none that we could have been given. */
static bool read_ready_fd(const struct cli *cli, int *ret_fd)
{
	const char *text = cli_option(cli, "--ready-fd");
	unsigned long number;
	char *end;

	*ret_fd = -1;
	if (text == NULL) {
		return true;
	}
	number = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : ULONG_MAX;
	if (number <= STDERR_FILENO || number > INT_MAX || *end != '\0') {
		return false;
	}
	*ret_fd = (int)number;
	return fcntl(*ret_fd, F_SETFD, FD_CLOEXEC) == 0;
}

static struct config_load *read_again(
	void *context, struct policy *ret_policy, char *ret_why, size_t why_bytes)
{
	struct config_load *load = cli_read_config_again(context, ret_why, why_bytes);

	if (load == NULL || !cli_load_policy_again(&load->config, ret_policy, ret_why, why_bytes)) {
		return NULL;
	}
	return load;
}

int cli_run(struct cli *cli)
{
	static struct config config;
	static struct policy policy;
	const char *libexec = cli_option(cli, "--libexec");
	struct supervisor_options options = {
		.libexec_dir = libexec != NULL ? libexec : MACRONODE_LIBEXEC,
		.report_syscalls = cli_has(cli, "--report-syscalls"),
		.log_colour = isatty(STDOUT_FILENO) == 1,
		.policy = &policy,
		.read_again = read_again,
		.read_context = cli,
	};

	if (!read_ready_fd(cli, &options.ready_fd)) {
		return cli_fail(cli, CLI_USAGE,
			"--ready-fd %s: expected the number of an open descriptor, from 3",
			cli_option(cli, "--ready-fd"));
	}
	if (!cli_load_config(cli, &config) || !cli_load_policy(cli, &config, &policy)) {
		return CLI_CANNOT;
	}
	return supervisor_run(&config, &options);
}
