#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "supervisor/supervisor.h"

int cli_run(struct cli *cli)
{
	static struct config config;
	struct supervisor_options options = {
		.libexec_dir = cli->libexec_dir != NULL ? cli->libexec_dir : MACRONODE_LIBEXEC,
		.report_syscalls = cli->report_syscalls,
		.log_colour = isatty(STDOUT_FILENO) == 1,
	};

	if (cli->argc > 1) {
		fprintf(stderr, "macronode run: unexpected word '%s'\n", cli->argv[1]);
		return CLI_USAGE;
	}
	if (!cli_load_config(cli, &config)) {
		return CLI_CANNOT;
	}
	return supervisor_run(&config, &options);
}
