#include <unistd.h>

#include "cli/commands.h"
#include "core/policy.h"
#include "supervisor/supervisor.h"

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
	};

	if (!cli_load_config(cli, &config) || !cli_load_policy(cli, &config, &policy)) {
		return CLI_CANNOT;
	}
	return supervisor_run(&config, &options);
}
